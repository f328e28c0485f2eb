// SPDX-License-Identifier: GPL-2.0-or-later
// Scratch memory that the script writes: alloca(), bcopy(), copyinto(), assignments through a pointer. Nothing but what
// was given out of this clause's scratch can be written.
#include "state/inner.h"

DV_INLINE int writable(const struct dv_view *v, uint64_t mach, uint64_t addr, uint64_t size)
{
	uint64_t off = DV_RD(v->p->scratch_off), used = DV_RD(v->p->scratch_used), max = DV_RD(v->p->scratch_size);

	if (used > max)
		used = max;
	if (mach == DV_MACH_SCRATCH && addr >= off && addr - off <= used && size <= used - (addr - off))
		return 1;
	// Where scratch lies is nobody's business: the offset in it says more.
	dv_set_fault(v, DV_FAULT_BADADDR, mach == DV_MACH_SCRATCH ? addr - off : addr);
	return 0;
}

DV_HELPER uint64_t dv_write(DV_ST st, uint64_t addr, uint64_t value, uint64_t size)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < 8 && i < size; i++) {
		dv_put(&v, addr + i, value);
		value >>= 8;
	}
	return 0;
}

void dv_st_wr(DV_ST st, uint64_t mach, uint64_t addr, uint64_t value, uint64_t size)
{
	struct dv_view v;

	if (dv_view(st, &v) && writable(&v, mach, addr, size))
		dv_write(st, addr, value, size);
}

DV_HELPER uint64_t dv_mem_bytes(DV_ST st, uint64_t addr, uint64_t mem, uint64_t size)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_MEM_MAX && i < size; i++)
		dv_put(&v, addr + i, dv_byte(&v, mem + i));
	return 0;
}

void dv_st_mcpy(DV_ST st, uint64_t mach, uint64_t addr, uint64_t mem, uint64_t size)
{
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	if (size > DV_MEM_MAX || (!mem && size)) {
		dv_set_fault(&v, DV_FAULT_BADSIZE, size);
		return;
	}
	if (size && writable(&v, mach, addr, size))
		dv_mem_bytes(st, addr, mem, size);
}

// Without the NULs at the end.
DV_HELPER uint64_t dv_trim(DV_ST st, uint64_t mem, uint64_t size)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX && i < size; i++)
		if (dv_byte(&v, mem + size - 1 - i))
			break;
	return size - i;
}

DV_GLOBAL uint64_t dv_st_words(DV_ST st, uint64_t mem, uint64_t size)
{
	struct dv_view v;
	uint64_t i, c, max, at;

	if (!mem || !dv_view(st, &v))
		return 0;
	max = dv_strsize(&v) - 1;
	if (size > max)
		size = max;
	at = dv_st_scratch(st, size + 1);
	if (!at)
		return 0;
	size = dv_trim(st, mem, size);
	for (i = 0; i < DV_STR_MAX && i < size; i++) {
		c = dv_byte(&v, mem + i);
		dv_put(&v, at + i, c ? c : ' ');
	}
	dv_put(&v, at + size, 0);
	return at;
}

/* -- text that grows from its end: d_path() ------------------------------------------------------------------------ */

uint64_t dv_st_word(DV_ST st, uint64_t off)
{
	struct dv_view v;

	return dv_view(st, &v) ? *dv_word(&v, off) : 0;
}

void dv_st_word_set(DV_ST st, uint64_t off, uint64_t value)
{
	struct dv_view v;

	if (dv_view(st, &v))
		*dv_word(&v, off) = value;
}

uint64_t dv_st_used(DV_ST st)
{
	struct dv_view v;

	return dv_view(st, &v) ? DV_RD(v.p->scratch_used) : 0;
}

void dv_st_release(DV_ST st, uint64_t used)
{
	struct dv_view v;

	if (dv_view(st, &v) && used <= DV_RD(v.p->scratch_used))
		DV_WR(v.p->scratch_used, (uint32_t)used);
}

uint64_t dv_st_path_begin(DV_ST st, uint64_t text, uint64_t pos)
{
	struct dv_view v;
	uint64_t at, size;

	if (!dv_view(st, &v))
		return 0;
	size = dv_strsize(&v);
	at = dv_st_scratch(st, text + size);
	if (!at)
		return 0;
	*dv_word(&v, at + text + size - 8) = (uint64_t)'/' << 48; // "/" until there is more
	*dv_word(&v, at + pos) = size - 2;
	return at;
}

uint64_t dv_st_prepend(DV_ST st, uint64_t text, uint64_t pos, uint64_t name)
{
	uint64_t len = dv_st_slen(st, name), end;
	struct dv_view v;

	if (!dv_view(st, &v))
		return pos;
	end = dv_strsize(&v) - 2;
	if (pos > end || len >= pos)
		return pos; // no room: what is left out is the beginning
	pos -= len + 1;
	dv_put(&v, text + pos, '/');
	dv_mem_bytes(st, text + pos + 1, name, len);
	if (pos + len + 1 == end)
		dv_put(&v, text + end, 0); // the first one stands where "/" stood
	return pos;
}
