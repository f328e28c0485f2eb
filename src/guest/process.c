/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's process. Its mappings (struct vm_area_struct) are in a list up to Linux 6.0, and in a maple tree from 6.1 on:
 * nodes of 256 bytes, with the highest index of each slot, and in the slots nodes below (their type in the lowest bits
 * of the pointer) or, in leaves, the mappings. Which file one is of is said by a chain of directory entries, up to
 * the root of its file system, and from where that is mounted on.
 */
#include "guest/process.h"

#include <string.h>

#include "guest/priv.h"

#define NODES_MAX  65536u
#define DEPTH_MAX  16u
#define PATH_PARTS 64u
#define PATH_BYTES 4096u
#define NAME_BYTES 255u
#define VM_EXEC    4u

struct offsets {
	uint32_t task_mm, task_start, mm_pgd;
	uint32_t vma_start, vma_end, vma_pgoff, vma_file, vma_flags;
	uint32_t file_dentry, file_mnt, file_inode;
	uint32_t d_parent, d_name, d_len, mnt_root, mount_mnt, mount_parent, mount_point;
	bool tree;
	uint32_t mm_first, vma_next;                                        // the list
	uint32_t mm_root, range_pivot, range_slot, arange_pivot, arange_slot; // the tree
	uint32_t range_pivots, range_slots, arange_pivots, arange_slots;
};

static bool members(const struct dv_guest *g, struct offsets *o)
{
	const struct dv_btf *b = g->types ? g->types->base : NULL;
	uint32_t n[4] = {0};

#define M(type, path, to) dv_btf_member(b, type, path, &o->to, NULL)
	if (!b || !M("task_struct", "mm", task_mm) || !M("task_struct", "start_boottime", task_start) ||
	    !M("mm_struct", "pgd", mm_pgd) || !M("vm_area_struct", "vm_start", vma_start) ||
	    !M("vm_area_struct", "vm_end", vma_end) || !M("vm_area_struct", "vm_pgoff", vma_pgoff) ||
	    !M("vm_area_struct", "vm_file", vma_file) || !M("vm_area_struct", "vm_flags", vma_flags) ||
	    !M("file", "f_path.dentry", file_dentry) || !M("file", "f_path.mnt", file_mnt) || !M("file", "f_inode", file_inode) ||
	    !M("dentry", "d_parent", d_parent) || !M("dentry", "d_name.name", d_name) ||
	    !M("dentry", "d_name.len", d_len) || !M("vfsmount", "mnt_root", mnt_root) || !M("mount", "mnt", mount_mnt) ||
	    !M("mount", "mnt_parent", mount_parent) || !M("mount", "mnt_mountpoint", mount_point))
		return false;
	o->tree = M("mm_struct", "mm_mt.ma_root", mm_root);
	if (!o->tree)
		return M("mm_struct", "mmap", mm_first) && M("vm_area_struct", "vm_next", vma_next);
#undef M
	if (!dv_btf_member(b, "maple_range_64", "pivot", &o->range_pivot, &n[0]) ||
	    !dv_btf_member(b, "maple_range_64", "slot", &o->range_slot, &n[1]) ||
	    !dv_btf_member(b, "maple_arange_64", "pivot", &o->arange_pivot, &n[2]) ||
	    !dv_btf_member(b, "maple_arange_64", "slot", &o->arange_slot, &n[3]))
		return false;
	o->range_pivots = n[0] / 8;
	o->range_slots = n[1] / 8;
	o->arange_pivots = n[2] / 8;
	o->arange_slots = n[3] / 8;
	for (int i = 0; i < 4; i++)
		if (n[i] < 8 || n[i] > 256)
			return false;
	return o->range_pivot + n[0] <= 256 && o->range_slot + n[1] <= 256 && o->arange_pivot + n[2] <= 256 &&
	       o->arange_slot + n[3] <= 256;
}

static bool read64(const struct dv_guest *g, uint64_t va, uint64_t *ret)
{
	return va >> 63 && dv_guest_read(g, va, ret, 8);
}

// The path of a file, built from its end.
static const char *path_of(const struct dv_guest *g, const struct offsets *o, uint64_t file, struct dv_arena *arena)
{
	char buf[PATH_BYTES], name[NAME_BYTES + 1];
	size_t at = sizeof(buf) - 1;
	uint64_t dentry, mnt, root, parent, text;
	uint32_t len;

	buf[at] = 0;
	if (!read64(g, file + o->file_dentry, &dentry) || !read64(g, file + o->file_mnt, &mnt))
		return "";
	for (unsigned i = 0; i < PATH_PARTS; i++) {
		uint64_t mount = mnt - o->mount_mnt;

		if (!read64(g, mnt + o->mnt_root, &root) || !read64(g, dentry + o->d_parent, &parent))
			return "";
		if (dentry == root || dentry == parent) {
			uint64_t up;

			// The root of its file system: go on where that is mounted; the first mount is its own parent.
			if (!read64(g, mount + o->mount_parent, &up) || !read64(g, mount + o->mount_point, &dentry))
				return "";
			if (up == mount)
				break;
			mnt = up + o->mount_mnt;
			continue;
		}
		if (!read64(g, dentry + o->d_name, &text) || !dv_guest_read(g, dentry + o->d_len, &len, 4) || !len ||
		    len > NAME_BYTES || !dv_guest_read(g, text, name, len) || at < len + 1u || memchr(name, '/', len))
			return "";
		for (uint32_t k = 0; k < len; k++)
			if (name[k] < ' ' || name[k] >= 127)
				name[k] = '?';
		at -= len;
		memcpy(buf + at, name, len);
		buf[--at] = '/';
		dentry = parent;
	}
	return buf[at] ? dv_arena_strdup(arena, buf + at) : "";
}

static void add_map(const struct dv_guest *g, const struct offsets *o, uint64_t vma, struct dv_gprocess *p)
{
	struct dv_gmap m = {.path = NULL};
	uint64_t flags, pgoff, file;

	if (p->maps.count >= DV_GMAPS_MAX || !read64(g, vma + o->vma_file, &file) ||
	    !read64(g, file + o->file_inode, &m.file) ||
	    !read64(g, vma + o->vma_start, &m.start) || !read64(g, vma + o->vma_end, &m.end) || m.start >= m.end ||
	    m.end >> 63 || !read64(g, vma + o->vma_pgoff, &pgoff) || pgoff >> 51 || !read64(g, vma + o->vma_flags, &flags))
		return;
	m.offset = pgoff << 12;
	m.exec = flags & VM_EXEC;
	for (size_t i = p->maps.count; i-- > 0 && p->maps.count - i < 16 && !m.path;)
		if (p->maps.data[i].file == m.file)
			m.path = p->maps.data[i].path;
	if (!m.path)
		m.path = path_of(g, o, file, &p->arena);
	*DV_PUSH(&p->maps) = m;
}

static void read_list(const struct dv_guest *g, const struct offsets *o, uint64_t mm, struct dv_gprocess *p)
{
	uint64_t vma;

	if (!read64(g, mm + o->mm_first, &vma))
		return;
	for (unsigned i = 0; i < DV_GMAPS_MAX && vma >> 63; i++) {
		add_map(g, o, vma, p);
		if (!read64(g, vma + o->vma_next, &vma))
			break;
	}
}

// One node and all below it. @p max: the highest index that it is for.
static void read_node(const struct dv_guest *g, const struct offsets *o, uint64_t node, uint64_t max, unsigned depth,
                      unsigned *budget, struct dv_gprocess *p)
{
	enum { LEAF = 1, RANGE, ARANGE };
	unsigned type = node >> 3 & 15;
	bool arange = type == ARANGE;
	uint32_t pivots = arange ? o->arange_pivots : o->range_pivots, slots = arange ? o->arange_slots : o->range_slots;
	uint64_t words[32], pivot, slot, last = 0;

	if (type < LEAF || type > ARANGE || depth > DEPTH_MAX || !*budget ||
	    !dv_guest_read(g, node & ~255ull, words, sizeof(words)))
		return;
	(*budget)--;
	for (uint32_t i = 0; i < slots; i++) {
		pivot = i < pivots ? words[(arange ? o->arange_pivot : o->range_pivot) / 8 + i] : max;
		if ((i && !pivot) || pivot > max)
			pivot = max;
		if (i && pivot <= last)
			break;
		slot = words[(arange ? o->arange_slot : o->range_slot) / 8 + i];
		if (type == LEAF) {
			if (slot >> 63 && !(slot & 3))
				add_map(g, o, slot, p);
		} else if (slot >> 63) {
			read_node(g, o, slot, pivot, depth + 1, budget, p);
		}
		if (pivot == max)
			break;
		last = pivot;
	}
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct dv_gmap *)a)->start, y = ((const struct dv_gmap *)b)->start;

	return x < y ? -1 : x > y;
}

struct search {
	int pid;
	uint64_t task;
};

static bool is_it(void *ctx, uint64_t task, int pid, int tgid, const char *comm)
{
	struct search *s = ctx;

	if (pid != s->pid || tgid != pid)
		return true;
	s->task = task;
	return false;
}

struct dv_error *dv_gprocess_open(struct dv_guest *g, int pid, uint64_t start, struct dv_gprocess **ret)
{
	struct search s = {.pid = pid};
	struct dv_gprocess *p;
	struct offsets o = {0};
	struct dv_error *e;
	uint64_t mm, root, began, pgd, left;
	unsigned budget = NODES_MAX;

	if (!members(g, &o))
		return dv_error_create(DV_ERR_UNKNOWN, "the processes of kernel %s are not known", g->release);
	e = dv_guest_tasks(g, is_it, &s);
	if (e && !s.task)
		return e;
	dv_error_destroy(e);
	if (!s.task || !read64(g, s.task + o.task_start, &began) || (start && began != start))
		return dv_error_create(DV_ERR_NOT_FOUND, "no process %d", pid);
	if (!read64(g, s.task + o.task_mm, &mm) || !(mm >> 63) || !read64(g, mm + o.mm_pgd, &pgd))
		return dv_error_create(DV_ERR_NOT_FOUND, "process %d has no memory", pid);
	p = dv_xcalloc(1, sizeof(*p));
	dv_arena_init(&p->arena);
	p->pid = pid;
	p->start = began;
	if (g->layout.direct_va && pgd - g->layout.direct_va < g->layout.direct_size)
		p->pgd = pgd - g->layout.direct_va;
	else if (!dv_walk(&g->phys, g->layout.kernel_cr3 ? g->layout.kernel_cr3 : g->image.cr3, g->layout.la57, pgd, &p->pgd,
	                  &left))
		p->pgd = 0;
	if (!o.tree)
		read_list(g, &o, mm, p);
	else if (read64(g, mm + o.mm_root, &root) && root >> 63 && (root & 3) == 2)
		read_node(g, &o, root, ~0ull, 0, &budget, p);
	if (p->maps.count)
		qsort(p->maps.data, p->maps.count, sizeof(p->maps.data[0]), by_start);
	*ret = p;
	return NULL;
}

void dv_gprocess_close(struct dv_gprocess *p)
{
	if (!p)
		return;
	DV_VEC_FREE(&p->maps);
	dv_arena_deinit(&p->arena);
	free(p);
}

bool dv_gprocess_read(const struct dv_guest *g, const struct dv_gprocess *p, uint64_t va, void *dst, size_t size)
{
	uint8_t *to = dst;
	uint64_t pa, left;

	if (!p->pgd || va >> 63 || va + size < va || (va + size) >> 63)
		return false;
	while (size) {
		if (!dv_walk(&g->phys, p->pgd, g->layout.la57, va, &pa, &left))
			return false;
		if (left > size)
			left = size;
		if (!g->phys.read(g->phys.ctx, pa, to, left))
			return false;
		to += left;
		va += left;
		size -= left;
	}
	return true;
}

const struct dv_gmap *dv_gprocess_map(const struct dv_gprocess *p, uint64_t va)
{
	size_t lo = 0, hi = p->maps.count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->maps.data[mid].start <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && va < p->maps.data[lo - 1].end ? &p->maps.data[lo - 1] : NULL;
}
