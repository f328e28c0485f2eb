// SPDX-License-Identifier: GPL-2.0-or-later
//
// Numbers of the host's system calls, for kernels whose own table cannot be read: those that this program was built
// with. The interface keeps its numbers for ever, so they hold for every kernel; calls newer than the build's headers
// have none. What is to be found here is the kernel's name for a call, that of its function, from the interface's:
// they differ where a call was replaced by one that can do more, and 32-bit programs have kept nearly all of those.
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

struct sysnr {
	const char *name;
	uint32_t nr;
};

#include "sysnr_table.h"

// Calls since Linux 6.5, for a build with older headers. They have one number on all machines but the last two, which
// programs do not make themselves.
static const struct sysnr newer[] = {
	{"cachestat", 451}, {"fchmodat2", 452}, {"map_shadow_stack", 453}, {"futex_wake", 454}, {"futex_wait", 455},
	{"futex_requeue", 456}, {"statmount", 457}, {"listmount", 458}, {"lsm_get_self_attr", 459},
	{"lsm_set_self_attr", 460}, {"lsm_list_modules", 461}, {"mseal", 462}, {"setxattrat", 463}, {"getxattrat", 464},
	{"listxattrat", 465}, {"removexattrat", 466}, {"open_tree_attr", 467}, {"file_getattr", 468},
	{"file_setattr", 469}, {"uretprobe", 335}, {"uprobe", 336},
};

// {interface's name, kernel's name}
static const char *const alias_64[][2] = {
	{"stat", "newstat"}, {"fstat", "newfstat"}, {"lstat", "newlstat"}, {"uname", "newuname"},
	{"sendfile", "sendfile64"}, {"umount2", "umount"},
};
static const char *const alias_32[][2] = {
	{"oldstat", "stat"}, {"oldfstat", "fstat"}, {"oldlstat", "lstat"}, {"stat", "newstat"}, {"fstat", "newfstat"},
	{"lstat", "newlstat"}, {"oldolduname", "olduname"}, {"olduname", "uname"}, {"uname", "newuname"},
	{"umount", "oldumount"}, {"umount2", "umount"}, {"select", "old_select"}, {"_newselect", "select"},
	{"readdir", "old_readdir"}, {"getrlimit", "old_getrlimit"}, {"ugetrlimit", "getrlimit"}, {"_llseek", "llseek"},
	{"mmap2", "mmap_pgoff"},
};

// The forms that a 32-bit call's function may have, the likelier first; the first that the kernel has is taken.
static bool form_32(const char *name, unsigned n, char *buf, size_t size)
{
	static const char *const tails[] = {"16", "_time32", "32", ""};
	size_t len = strlen(name);

	if (n == 0)
		snprintf(buf, size, "ia32_%s", name);
	else if (n <= DV_COUNT(tails))
		snprintf(buf, size, "%s%s", name, tails[n - 1]);
	else if (n == 5 && len > 7 && !strcmp(name + len - 7, "_time64"))
		snprintf(buf, size, "%.*s", (int)len - 7, name);
	else if (n == 5 && len > 2 && (!strcmp(name + len - 2, "32") || !strcmp(name + len - 2, "64")))
		snprintf(buf, size, "%.*s", (int)len - 2, name);
	else
		return false;
	return true;
}

static const char *alias(const char *const (*list)[2], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i][0], name))
			return list[i][1];
	return NULL;
}

size_t dv_sysnr_count(bool compat)
{
	return (compat ? DV_COUNT(names_32) : DV_COUNT(names_64)) + DV_COUNT(newer);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sysnr *)a)->name, ((const struct sysnr *)b)->name);
}

static const struct sysnr *row(bool compat, size_t i)
{
	const struct sysnr *names = compat ? names_32 : names_64, *s;
	size_t count = compat ? DV_COUNT(names_32) : DV_COUNT(names_64);

	if (i < count)
		return &names[i];
	s = &newer[i - count];
	return (compat && s->nr < 400) || bsearch(s, names, count, sizeof(*s), by_name) ? NULL : s;
}

uint32_t dv_sysnr(bool compat, size_t i, bool (*has)(void *ctx, const char *name), void *ctx, char *buf, size_t size)
{
	const struct sysnr *s = row(compat, i);
	const char *other;

	*buf = '\0';
	if (!s)
		return 0;
	other = compat ? alias(alias_32, DV_COUNT(alias_32), s->name) : alias(alias_64, DV_COUNT(alias_64), s->name);
	snprintf(buf, size, "%s", other ? other : s->name);
	if (other || !compat) {
		if (!has(ctx, buf))
			*buf = '\0';
		return s->nr;
	}
	for (unsigned n = 0; form_32(s->name, n, buf, size); n++)
		if (has(ctx, buf))
			return s->nr;
	*buf = '\0';
	return s->nr;
}
