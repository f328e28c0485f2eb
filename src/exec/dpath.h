/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * d_path(): the name of a struct path, from its dentry up to the root, over mount points. One source for both worlds:
 * whoever includes it says how memory is read there.
 *
 *	DPATH_X              what a run-time function gets first
 *	DPATH_ST(x)          its DV_ST
 *	DPATH_RD, DPATH_RDSTR  the run-time functions of these names
 *	DPATH_FN             how a function is declared
 *	DPATH_NAME(x)        its name
 *
 * The kernel's names for where things are come with the call, as the machine's types have them: four offsets in a word,
 * of 16 bits each. What was found so far lies in scratch, in front of the text, which grows from its end.
 */
#define DPATH_DENTRY 0u
#define DPATH_MNT    8u
#define DPATH_POS    16u
#define DPATH_TEXT   24u
#define DPATH_NAMES  64u /* and mount points, at most */

// One name. 0: that was the root, or a fault.
DPATH_FN uint64_t DPATH_NAME(step)(DPATH_X x, uint64_t ctx, uint64_t mach, uint64_t dentry_offs, uint64_t mount_offs)
{
	uint64_t dentry = dv_st_word(DPATH_ST(x), ctx + DPATH_DENTRY), mnt = dv_st_word(DPATH_ST(x), ctx + DPATH_MNT);
	uint64_t root = DPATH_RD(x, mach, mnt + (dentry_offs >> 32 & 0xffff), 8);
	uint64_t parent = DPATH_RD(x, mach, dentry + (dentry_offs & 0xffff), 8), mount, name, used;

	if (!root || !parent)
		return 0;
	if (dentry == root || dentry == parent) {
		mount = mnt - (dentry_offs >> 48);
		parent = DPATH_RD(x, mach, mount + (mount_offs & 0xffff), 8);
		if (dentry != root || !parent || parent == mount)
			return 0;
		dentry = DPATH_RD(x, mach, mount + (mount_offs >> 16 & 0xffff), 8);
		dv_st_word_set(DPATH_ST(x), ctx + DPATH_DENTRY, dentry);
		dv_st_word_set(DPATH_ST(x), ctx + DPATH_MNT, parent + (dentry_offs >> 48));
		return dentry != 0;
	}
	used = dv_st_used(DPATH_ST(x));
	name = DPATH_RD(x, mach, dentry + (dentry_offs >> 16 & 0xffff), 8);
	name = name ? DPATH_RDSTR(x, mach, name, 0) : 0;
	if (!name)
		return 0;
	dv_st_word_set(DPATH_ST(x), ctx + DPATH_POS,
	               dv_st_prepend(DPATH_ST(x), ctx + DPATH_TEXT, dv_st_word(DPATH_ST(x), ctx + DPATH_POS), name));
	dv_st_release(DPATH_ST(x), used);
	dv_st_word_set(DPATH_ST(x), ctx + DPATH_DENTRY, parent);
	return 1;
}

DPATH_FN uint64_t DPATH_NAME(dpath)(DPATH_X x, uint64_t mach, uint64_t path, uint64_t dentry_offs, uint64_t mount_offs)
{
	uint64_t ctx, i, pos;

	ctx = dv_st_path_begin(DPATH_ST(x), DPATH_TEXT, DPATH_POS);
	if (!ctx)
		return 0;
	dv_st_word_set(DPATH_ST(x), ctx + DPATH_MNT, DPATH_RD(x, mach, path + (mount_offs >> 32 & 0xffff), 8));
	dv_st_word_set(DPATH_ST(x), ctx + DPATH_DENTRY, DPATH_RD(x, mach, path + (mount_offs >> 48), 8));
	for (i = 0; i < DPATH_NAMES; i++)
		if (!DPATH_NAME(step)(x, ctx, mach, dentry_offs, mount_offs))
			break;
	pos = dv_st_word(DPATH_ST(x), ctx + DPATH_POS);
	return ctx + DPATH_TEXT + pos;
}
