/* SPDX-License-Identifier: GPL-2.0-or-later */
// Reads of machines' memory. Every number here is the script's or a guest's: it is checked before the place sees it.
#include <string.h>

#include "exec/fn.h"

#define PAGE 4096u

// Which machine the place is to read; false: none (a fault).
static bool resolve(struct dv_exec *x, uint64_t mach, uint32_t *ret)
{
	if (mach == DV_MACH_SELF || mach == DV_MACH_USER || mach == DV_MACH_SCRATCH || mach == DV_MACH_STATE) {
		*ret = (uint32_t)mach;
		return true;
	}
	if (mach == x->machine) {
		*ret = DV_MACH_SELF;
		return true;
	}
	if (mach >= DV_MACH_MAX || !DV_RD(x->hdr->machines[mach].live)) {
		dv_st_fault(&x->st, DV_FAULT_BADMACH, mach);
		return false;
	}
	*ret = (uint32_t)mach;
	return true;
}

// Bytes of a machine's memory; of the script's own structures and arrays; or of the producer's own scratch, which a
// copyin() result points to.
static bool fetch(struct dv_exec *x, uint32_t mach, uint64_t addr, void *dst, uint32_t size)
{
	enum dv_fault why = DV_FAULT_BADADDR;

	if (mach == DV_MACH_STATE) {
		const uint8_t *from = dv_st_ptr(&x->st, addr, size);

		if (addr < DV_GLOBALS_OFF) { // an element that is not there
			memset(dst, 0, size);
			return true;
		}
		if (from) {
			memmove(dst, from, size);
			return true;
		}
	} else if (mach != DV_MACH_SCRATCH) {
		if (__builtin_expect(x->place->ops->read(x->place, mach, addr, dst, size, &why), 1))
			return true;
	} else if (addr >= x->scratch_off && addr - x->scratch_off <= x->scratch_size &&
	           size <= x->scratch_size - (addr - x->scratch_off)) {
		memmove(dst, x->st.base + addr, size);
		return true;
	}
	dv_st_fault(&x->st, why, addr);
	return false;
}

// Room in scratch; NULL: none (a fault).
static uint8_t *room(struct dv_exec *x, uint64_t size, uint64_t *off)
{
	// Against our own copy of the bounds: those in the region may have been spoilt.
	if (size <= x->scratch_size) {
		*off = dv_st_scratch(&x->st, size);
		if (*off >= x->scratch_off && *off - x->scratch_off <= x->scratch_size - size)
			return x->st.base + *off;
	}
	dv_st_fault(&x->st, DV_FAULT_NOSCRATCH, 0);
	return NULL;
}

uint64_t dv_fn_rd(struct dv_exec *x, uint64_t mach, uint64_t addr, uint64_t size)
{
	uint32_t m;
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} v;

	if (!resolve(x, mach, &m))
		return 0;
	switch (size) {
	case 1:
		return fetch(x, m, addr, &v.u8, 1) ? v.u8 : 0;
	case 2:
		return fetch(x, m, addr, &v.u16, 2) ? v.u16 : 0;
	case 4:
		return fetch(x, m, addr, &v.u32, 4) ? v.u32 : 0;
	case 8:
		return fetch(x, m, addr, &v.u64, 8) ? v.u64 : 0;
	default:
		dv_st_fault(&x->st, DV_FAULT_BADSIZE, size);
		return 0;
	}
}

uint64_t dv_fn_rdmem(struct dv_exec *x, uint64_t mach, uint64_t addr, uint64_t size)
{
	uint64_t off;
	uint8_t *dst;
	uint32_t m;

	if (!resolve(x, mach, &m))
		return 0;
	dst = room(x, size ? size : 1, &off);
	if (!dst || (size && !fetch(x, m, addr, dst, (uint32_t)size)))
		return 0;
	return off;
}

uint64_t dv_fn_rdstr(struct dv_exec *x, uint64_t mach, uint64_t addr, uint64_t limit)
{
	uint32_t m, n = 0;
	uint64_t off;
	char *dst;

	if (!resolve(x, mach, &m))
		return 0;
	if (limit == 0 || limit > x->strsize)
		limit = x->strsize;
	dst = (char *)room(x, limit, &off);
	if (!dst)
		return 0;
	// A page at a time: the string may end on the last one that is mapped.
	while (n < limit - 1) {
		uint32_t chunk = PAGE - (uint32_t)(addr & (PAGE - 1));

		if (chunk > limit - 1 - n)
			chunk = (uint32_t)limit - 1 - n;
		if (!fetch(x, m, addr, dst + n, chunk))
			return 0;
		if (memchr(dst + n, 0, chunk))
			return off;
		n += chunk;
		addr += chunk;
	}
	dst[n] = 0;
	return off;
}

uint64_t dv_fn_pmach(struct dv_exec *x, uint64_t mach, uint64_t universe)
{
	const struct dv_machine_desc *d;

	if (mach == DV_MACH_SELF || mach == DV_MACH_USER || mach == DV_MACH_SCRATCH || mach == DV_MACH_STATE)
		return mach;
	if (mach >= DV_MACH_MAX || !DV_RD(x->hdr->machines[mach].live)) {
		dv_st_fault(&x->st, DV_FAULT_BADMACH, mach);
		return 0;
	}
	d = &x->hdr->machines[mach];
	if (DV_RD(d->universe) != universe) {
		dv_st_fault(&x->st, DV_FAULT_BADTYPES, mach);
		return 0;
	}
	return mach;
}

void dv_fn_copyout(struct dv_exec *x, uint64_t addr, uint64_t mem, uint64_t size)
{
	static const uint8_t nul; // of an empty string
	const uint8_t *src = NULL;

	if (!mem)
		src = &nul;
	else if (mem >= x->scratch_off && mem - x->scratch_off <= x->scratch_size &&
	         size <= x->scratch_size - (mem - x->scratch_off))
		src = x->st.base + mem;
	if (!x->place->ops->write)
		dv_st_fault(&x->st, DV_FAULT_ILLOP, addr);
	else if (!src)
		dv_st_fault(&x->st, DV_FAULT_BADSIZE, size);
	else if (size && !x->place->ops->write(x->place, addr, src, mem ? (uint32_t)size : 1))
		dv_st_fault(&x->st, DV_FAULT_BADADDR, addr);
}
