// SPDX-License-Identifier: GPL-2.0-or-later
// Structures and arrays of the script's own: bytes as C lays them out, at any offset of the region. What lies aligned in
// one word is read and written by one access of its own size, so that neighbours in a structure do not disturb one
// another; only packed members that cross words can be seen half written.
#include "state/inner.h"

DV_INLINE volatile uint8_t *byte_at(const struct dv_view *v, uint64_t at)
{
	return (volatile uint8_t *)(v->base + (at & v->mask));
}

DV_INLINE void put(const struct dv_view *v, uint64_t at, uint64_t size, uint64_t value)
{
	uint64_t i;

	if (size == 8 && !(at & 7))
		*dv_word(v, at) = value;
	else if (size == 4 && !(at & 3))
		*dv_half(v, at) = (uint32_t)value;
	else if (size == 2 && !(at & 1))
		*(volatile uint16_t *)(v->base + (at & v->mask & ~1ULL)) = (uint16_t)value;
	else
		for (i = 0; i < 8 && i < size; i++)
			*byte_at(v, at + i) = (uint8_t)(value >> i * 8);
}

uint64_t dv_st_ldn(DV_ST st, uint64_t at, uint64_t size)
{
	struct dv_view v;

	if (at < DV_GLOBALS_OFF || !dv_view(st, &v))
		return 0;
	return dv_low(dv_bytes8(&v, at), size);
}

void dv_st_stn(DV_ST st, uint64_t at, uint64_t size, uint64_t value)
{
	struct dv_view v;

	if (at >= DV_GLOBALS_OFF && dv_view(st, &v))
		put(&v, at, size, value);
}

DV_GLOBAL uint64_t dv_st_rmwn(DV_ST st, uint64_t at, uint64_t op, uint64_t operand, uint64_t width)
{
	uint64_t size = width & 15, shift = (at & 7) * 8, bits, old, new, i;
	volatile uint64_t *w;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	if ((op == DV_RMW_DIV || op == DV_RMW_MOD) && !operand) {
		dv_set_fault(&v, DV_FAULT_DIVZERO, 0);
		return 0;
	}
	if (at < DV_GLOBALS_OFF)
		return dv_rmw_apply(op, 0, operand, width);
	if ((at & 7) + size > 8) {
		new = dv_rmw_apply(op, dv_extend(dv_bytes8(&v, at), width), operand, width);
		put(&v, at, size, new);
		return new;
	}
	bits = dv_low(~0ULL, size) << shift;
	w = dv_word(&v, at);
	for (i = 0; i < DV_RETRY_RMW; i++) {
		old = *w;
		new = dv_rmw_apply(op, dv_extend(old >> shift, width), operand, width);
		if (dv_cas(w, old, (old & ~bits) | (new << shift & bits)))
			return new;
	}
	dv_drop(&v, DV_DROP_RETRY);
	return 0;
}

// Copy bytes from anywhere to anywhere.
DV_HELPER uint64_t dv_copy_bytes(DV_ST st, uint64_t to, uint64_t from, uint64_t size)
{
	struct dv_view v;

	if (!dv_view(st, &v) || !size || size > DV_MEM_MAX)
		return 0;
#ifdef DV_BPF
	DV_BOUND(size, 2 * DV_MEM_MAX);
	dv_bpf_read((void *)byte_at(&v, to), (uint32_t)size, (const void *)byte_at(&v, from));
#else
	uint64_t i = 0;

	for (; !(to & 7) && i + 8 <= size; i += 8)
		*dv_word(&v, to + i) = dv_bytes8(&v, from + i);
	for (; i < size; i++)
		*byte_at(&v, to + i) = *byte_at(&v, from + i);
#endif
	return 0;
}

// Zero bytes up to the next word, then words, then what is left.
DV_HELPER uint64_t dv_zero_bytes(DV_ST st, uint64_t to, uint64_t size)
{
	struct dv_view v;
	uint64_t i, head = -to & 7, whole;

	if (!dv_view(st, &v))
		return 0;
	if (head > size)
		head = size;
	for (i = 0; i < 7 && i < head; i++)
		*byte_at(&v, to + i) = 0;
	whole = (size - head) & ~7ULL;
	if (whole)
		dv_set(st, to + head, whole, 0);
	for (i = 0; i < 7 && i < size - head - whole; i++)
		*byte_at(&v, to + head + whole + i) = 0;
	return 0;
}

void dv_st_cpy(DV_ST st, uint64_t to, uint64_t from, uint64_t size)
{
	if (to < DV_GLOBALS_OFF)
		return;
	if (size > DV_MEM_MAX)
		size = DV_MEM_MAX;
	if (from < DV_GLOBALS_OFF)
		dv_zero_bytes(st, to, size);
	else
		dv_copy_bytes(st, to, from, size);
}

// The array need not have a NUL: what follows it may be looked at, but is cut off.
uint64_t dv_st_strn(DV_ST st, uint64_t from, uint64_t size)
{
	uint64_t len = from < DV_GLOBALS_OFF ? 0 : dv_st_slen(st, from), to;

	if (len > size)
		len = size;
	to = dv_st_scratch(st, len + 1);
	if (to)
		dv_copy(st, to, from, len, len + 1);
	return to;
}

void dv_st_stsn(DV_ST st, uint64_t to, uint64_t sref, uint64_t size)
{
	uint64_t len = dv_st_slen(st, sref);

	if (len > size)
		len = size;
	dv_st_cpy(st, to, sref, len);
	if (to >= DV_GLOBALS_OFF)
		dv_st_cpy(st, to + len, 0, size - len);
}
