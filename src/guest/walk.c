/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64 page tables, and reads of guest-virtual memory. Used in probes: no allocation, no locks, nothing kept between
 * calls. Every number comes from the guest; the depth of a walk is fixed and reads go through the caller's function,
 * which knows what is RAM, so a hostile table gives a wrong address or none.
 */
#include "guest/guest.h"

#include <string.h>

#include "guest/priv.h"

bool dv_walk(const struct dv_phys *phys, uint64_t cr3, bool la57, uint64_t va, uint64_t *pa, uint64_t *left)
{
	int shift = la57 ? 48 : 39;
	uint64_t table = cr3 & DV_PTE_ADDR, e;

	if (!dv_canonical(va, la57))
		return false;
	for (;; shift -= 9) {
		uint64_t page = 1ULL << shift;

		if (!phys->read(phys->ctx, table + (va >> shift & 511) * 8, &e, 8) || !(e & DV_PTE_PRESENT))
			return false;
		// Large pages end a walk at 1 GiB and 2 MiB; higher up the bit is reserved.
		if (shift == 12 || (shift <= 30 && e & DV_PTE_LARGE)) {
			*pa = (e & DV_PTE_ADDR & ~(page - 1)) | (va & (page - 1));
			*left = page - (va & (page - 1));
			return true;
		}
		table = e & DV_PTE_ADDR;
	}
}

// Where arithmetic says that [va, va + size) is; false: a walk must say.
static bool known(const struct dv_guest_layout *l, uint64_t va, size_t size, uint64_t *pa)
{
	if (l->text_size && va - l->text_va < l->text_size && size <= l->text_size - (va - l->text_va)) {
		*pa = l->text_pa + (va - l->text_va);
		return true;
	}
	if (l->direct_va && va - l->direct_va < l->direct_size && size <= l->direct_size - (va - l->direct_va)) {
		*pa = va - l->direct_va;
		return true;
	}
	return false;
}

bool dv_guest_read_va(const struct dv_phys *phys, const struct dv_guest_layout *l, uint64_t cr3, uint64_t va, void *dst,
                      size_t size)
{
	uint8_t *p = dst;
	uint64_t pa, left;

	if (va + size < va && va + size != 0)
		return false;
	if (known(l, va, size, &pa))
		return phys->read(phys->ctx, pa, dst, size);
	while (size) {
		// The upper half is the same in all page tables but those of user mode under page-table isolation,
		// which lack most of it: the kernel's own come first.
		bool upper = va >> 63, ok = false;

		if (upper && l->kernel_cr3)
			ok = dv_walk(phys, l->kernel_cr3, l->la57, va, &pa, &left);
		if (!ok && !dv_walk(phys, cr3, l->la57, va, &pa, &left))
			return false;
		if (left > size)
			left = size;
		if (!phys->read(phys->ctx, pa, p, left))
			return false;
		p += left;
		va += left;
		size -= left;
	}
	return true;
}
