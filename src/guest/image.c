/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the kernel image. Linux on x86-64 maps it in the GiB at 0xffffffff80000000, at a multiple of 2 MiB, with one
 * table of 512 entries (a PMD table) for all of it, and takes out the entries before and after the image early in boot.
 * So the image is the run of present entries whose physical addresses follow one another. That is one table to read,
 * whatever the size of RAM. Single pages may have been made absent or have attributes of their own: then an entry
 * points to a table of 4 KiB pages, and any present page there tells the address.
 *
 * CR3 may be that of user mode under page-table isolation, which shows just the entry code. The kernel's own tables are
 * then those 4 KiB before (bit 12 clear). Bit 12 says nothing without isolation, so both are tried, the larger run
 * wins.
 */
#include <string.h>

#include "guest/priv.h"

#define KERNEL_MAP 0xffffffff80000000ULL
#define PMD        (2ULL << 20)
#define HOLE_MAX   16 // absent entries inside an image: init memory that was given back

static bool table_of(const struct dv_phys *phys, uint64_t cr3, bool la57, uint64_t va, uint64_t *ret)
{
	uint64_t table = cr3 & DV_PTE_ADDR, e;

	for (int shift = la57 ? 48 : 39; shift > 21; shift -= 9) {
		if (!phys->read(phys->ctx, table + (va >> shift & 511) * 8, &e, 8) || !(e & DV_PTE_PRESENT) ||
		    (shift <= 30 && e & DV_PTE_LARGE))
			return false;
		table = e & DV_PTE_ADDR;
	}
	*ret = table;
	return true;
}

// The physical address that a PMD entry's 2 MiB start at, as far as one present page tells.
static bool entry_pa(const struct dv_phys *phys, uint64_t e, uint64_t *pa)
{
	uint64_t pte[512];

	if (!(e & DV_PTE_PRESENT))
		return false;
	if (e & DV_PTE_LARGE) {
		*pa = e & DV_PTE_ADDR & ~(PMD - 1);
		return true;
	}
	if (!phys->read(phys->ctx, e & DV_PTE_ADDR, pte, sizeof(pte)))
		return false;
	for (unsigned i = 0; i < 512; i++) {
		if (pte[i] & DV_PTE_PRESENT) {
			*pa = (pte[i] & DV_PTE_ADDR) - i * 4096ULL;
			return !(*pa & (PMD - 1));
		}
	}
	return false;
}

static bool find_at(const struct dv_phys *phys, uint64_t cr3, const struct dv_guest_regs *regs, struct dv_image *ret)
{
	uint64_t pmd[512], table, pa;
	struct dv_image best = {0}, run = {0};
	unsigned hole = 0;
	bool best_rip = false;

	if (!table_of(phys, cr3, regs->cr4 & DV_CR4_LA57, KERNEL_MAP, &table) ||
	    !phys->read(phys->ctx, table, pmd, sizeof(pmd)))
		return false;
	for (unsigned i = 0; i <= 512; i++) {
		uint64_t va = KERNEL_MAP + i * PMD;
		bool here = i < 512 && entry_pa(phys, pmd[i], &pa);

		if (run.size && here && pa - run.pa == va - run.va) {
			run.size = va + PMD - run.va;
			hole = 0;
			continue;
		}
		if (run.size && !here && i < 512 && ++hole <= HOLE_MAX)
			continue;
		if (run.size) {
			bool rip = regs->rip - run.va < run.size;

			if (rip > best_rip || (rip == best_rip && run.size > best.size)) {
				best = run;
				best_rip = rip;
			}
		}
		run = (struct dv_image){0};
		hole = 0;
		if (here)
			run = (struct dv_image){.va = va, .pa = pa, .size = PMD, .cr3 = cr3};
	}
	*ret = best;
	return best.size != 0;
}

struct dv_error *dv_image_find(const struct dv_phys *phys, const struct dv_guest_regs *regs, struct dv_image *ret)
{
	uint64_t cr3 = regs->cr3 & DV_PTE_ADDR;
	struct dv_image a = {0}, b = {0};
	bool found;

	found = find_at(phys, cr3, regs, &a);
	if (cr3 & 0x1000 && find_at(phys, cr3 & ~0x1000ULL, regs, &b) && (!found || b.size > a.size)) {
		a = b;
		found = true;
	}
	if (!found)
		return dv_error_hint(dv_error_create(DV_ERR_UNKNOWN, "no kernel mapping at cr3 0x%llx",
		                                     (unsigned long long)regs->cr3),
		                     "the guest may not run Linux, or may still be starting");
	*ret = a;
	return NULL;
}

uint8_t *dv_image_copy(const struct dv_phys *phys, const struct dv_image *img, uint64_t off, uint64_t size)
{
	uint8_t *p;

	if (off > img->size || size > img->size - off || size > DV_IMAGE_MAX)
		return NULL;
	p = dv_xcalloc(1, size);
	for (uint64_t at = 0; at < size;) {
		uint64_t n = PMD - ((off + at) & (PMD - 1));

		if (n > size - at)
			n = size - at;
		if (!phys->read(phys->ctx, img->pa + off + at, p + at, n))
			memset(p + at, 0, n);
		at += n;
	}
	return p;
}
