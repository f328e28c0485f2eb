/* SPDX-License-Identifier: GPL-2.0-or-later */
// The input is memory of a guest: the kernel's, with a maple tree and a list of mappings whose files have names, and
// a process's, with an ELF object as the dynamic linker leaves it.
#include "guest/process.c"

#include "elf/elf.h"

#define KERNEL 0xffff888000000000ULL
#define USER   0x400000ULL
#define TABLES 0x100000u // physical, behind the input

struct memory {
	const uint8_t *p;
	size_t size;
	uint64_t tables[3][512];
};

static bool read_phys(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	struct memory *m = ctx;
	const uint8_t *from = m->p;
	uint64_t off = gpa, end = m->size;

	if (gpa >= TABLES) {
		from = (const uint8_t *)m->tables;
		off = gpa - TABLES;
		end = sizeof(m->tables);
	}
	if (off > end || size > end - off)
		return false;
	memcpy(dst, from + off, size);
	return true;
}

static const struct offsets layout = {
	.mm_first = 0x180, .vma_start = 0, .vma_end = 8, .vma_pgoff = 16, .vma_file = 24, .vma_flags = 32, .vma_next = 40,
	.file_dentry = 0, .file_mnt = 8, .file_inode = 16, .d_parent = 0, .d_name = 8, .d_len = 16, .mnt_root = 0,
	.mount_mnt = 16, .mount_parent = 0, .mount_point = 8, .range_pivot = 8, .range_slot = 128, .arange_pivot = 8,
	.arange_slot = 80, .range_pivots = 15, .range_slots = 16, .arange_pivots = 9, .arange_slots = 10,
};

static void object(struct dv_guest *g, struct dv_gprocess *p)
{
	struct dv_gmap m = {.start = USER, .end = USER + 0x100000, .file = 1, .path = "x"};
	const struct dv_elf_sym *syms;
	struct dv_elf *e;
	size_t size = 0, n = 0;
	uint8_t *bytes;

	p->maps.count = 0;
	*DV_PUSH(&p->maps) = m;
	bytes = dv_gprocess_elf(g, p, &p->maps.data[0], &size);
	if (bytes && !size)
		__builtin_trap();
	struct dv_error *err = bytes ? dv_elf_open_mem(bytes, size, "x", &e) : NULL;
	if (bytes && !err) {
		dv_error_destroy(dv_elf_symbols(e, NULL, 0, &syms, &n));
		(void)dv_elf_symbol_at(e, 0x1000);
		dv_elf_close(e);
	}
	dv_error_destroy(err);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory *m = dv_xcalloc(1, sizeof(*m));
	struct dv_guest *g = dv_xcalloc(1, sizeof(*g));
	struct dv_gprocess *p = dv_xcalloc(1, sizeof(*p));
	unsigned budget = 64;
	uint64_t root;

	if (size < 16 || size >= TABLES)
		goto out;
	m->p = data;
	m->size = size;
	g->phys = (struct dv_phys){read_phys, m};
	g->layout.direct_va = KERNEL;
	g->layout.direct_size = size;
	// All of the input is at USER, too.
	m->tables[0][0] = (TABLES + 4096) | 7;
	m->tables[1][0] = (TABLES + 8192) | 7;
	m->tables[2][USER >> 21 & 511] = 0x87; // 2 MiB from physical 0 on
	dv_arena_init(&p->arena);
	p->pgd = TABLES;
	memcpy(&root, data, 8);
	read_node(g, &layout, KERNEL | (root & 0xfffff), ~0ull, 0, &budget, p);
	read_list(g, &layout, KERNEL, p);
	for (size_t i = 0; i < p->maps.count; i++)
		if (p->maps.data[i].start >= p->maps.data[i].end || !p->maps.data[i].path)
			__builtin_trap();
	object(g, p);
	DV_VEC_FREE(&p->maps);
	dv_arena_deinit(&p->arena);
out:
	free(p);
	free(g);
	free(m);
	return 0;
}
