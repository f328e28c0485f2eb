/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_STATE_INNER_H
#define DV_STATE_INNER_H
/**
 * Shared by the files of src/state: faults, drops, words at any offset, strings' lengths, hashing. A number that is
 * read from the region is read once into a local, bounded, and only the local is used: it can change at any time.
 *
 * What walks over text with a state of its own (cleanpath(), json()) keeps that state in scratch memory and does one
 * byte in a function of its own. The kernel's verifier follows every way through a loop's rounds: with the state in
 * registers it would follow all their combinations, in memory it sees numbers that may be anything, once.
 */
#include "state/port.h"
#include "state/state.h"
#include "state/words.h"

#define DV_REC_HEAD   ((uint64_t)sizeof(struct dv_record))
#define DV_KEY_INTW   (DV_KEY_INT | 8ULL << 32)
#define DV_ALIGN8(x)  (((x) + 7) & ~7ULL)

DV_INLINE void dv_drop(const struct dv_view *v, enum dv_drop why)
{
	DV_WR(v->p->drops[why], DV_RD(v->p->drops[why]) + 1);
}

/** How a record names a speculation: its number, and its generation, which @p word of the table has. */
DV_INLINE uint64_t dv_spec_name(uint64_t id, uint64_t word)
{
	return id | (word >> 1) << 32;
}

/** The first fault of a clause is the one that is told. */
DV_INLINE void dv_set_fault(const struct dv_view *v, uint32_t fault, uint64_t value)
{
	if (DV_RD(v->p->fault))
		return;
	DV_WR(v->p->fault_value, value);
	DV_WR(v->p->fault, fault);
}

/** Bytes of a string with its NUL. */
DV_INLINE uint64_t dv_strsize(const struct dv_view *v)
{
	uint64_t n = DV_RD(dv_hdr(v)->strsize) & ~7u;

	if (n < 8)
		return 8;
	return n > DV_STR_MAX ? DV_STR_MAX : n;
}

/** One byte at any offset. */
DV_INLINE uint64_t dv_byte(const struct dv_view *v, uint64_t off)
{
	return *(volatile uint8_t *)(v->base + (off & v->mask));
}
DV_INLINE void dv_put(const struct dv_view *v, uint64_t off, uint64_t byte)
{
	*(volatile uint8_t *)(v->base + (off & v->mask)) = (uint8_t)byte;
}

/** Marks the top bit of the lowest zero byte of @p w (bits above it mean nothing); 0: there is none. */
DV_INLINE uint64_t dv_zero_byte(uint64_t w)
{
	return (w - 0x0101010101010101ULL) & ~w & 0x8080808080808080ULL;
}

/** Its index, given that mark. */
DV_INLINE uint64_t dv_zero_index(uint64_t mark)
{
	uint64_t below = (mark & -mark) - 1; /* 7, 15, ... 63 ones */

	/* Each whole byte below counts one: gathered in the top byte. */
	return (below >> 7 & 0x0101010101010101ULL) * 0x0101010101010101ULL >> 56;
}

/** The bytes of @p w below that zero byte. */
DV_INLINE uint64_t dv_below(uint64_t w, uint64_t mark)
{
	return w & ((mark & -mark) - 1) >> 7;
}

/** Bytes of the stack block at @p mem, as it says itself; 0, with a fault: none is there. */
DV_INLINE uint64_t dv_stack_size(const struct dv_view *v, uint64_t mem)
{
	uint64_t size = mem ? *dv_word(v, mem) & 0xffffffff : 0;

	if (size >= DV_STACK_HEAD && size <= DV_STACK_HEAD + DV_STACK_MAX * 8 && !(size & 7))
		return size;
	dv_set_fault(v, DV_FAULT_BADSIZE, size);
	return 0;
}

/**
 * Quotient and remainder without the two cases where the machine would trap. The kernel's machine has no signed
 * division before its version 4.
 */
DV_INLINE uint64_t dv_sdiv(uint64_t a, uint64_t b, int mod)
{
	uint64_t ua = (int64_t)a < 0 ? -a : a, ub = (int64_t)b < 0 ? -b : b, r;

	r = mod ? ua % ub : ua / ub;
	if (mod)
		return (int64_t)a < 0 ? -r : r;
	return (int64_t)(a ^ b) < 0 ? -r : r;
}

/** A value cut to enum dv_width and extended by its sign. */
DV_INLINE uint64_t dv_extend(uint64_t x, uint64_t width)
{
	uint64_t shift = 64 - (width & 15) * 8;

	if (shift > 56)
		return x;
	return width & 16 ? (uint64_t)((int64_t)(x << shift) >> shift) : x << shift >> shift;
}

/** x op y (enum dv_rmw), cut to @p width; @p y is not zero when it divides. */
DV_HELPER uint64_t dv_rmw_apply(uint64_t op, uint64_t x, uint64_t y, uint64_t width)
{
	int is_signed = (width & 16) != 0;

	switch (op) {
	case DV_RMW_ADD: x = x + y; break;
	case DV_RMW_SUB: x = x - y; break;
	case DV_RMW_MUL: x = x * y; break;
	case DV_RMW_DIV: x = is_signed ? dv_sdiv(x, y, 0) : x / y; break;
	case DV_RMW_MOD: x = is_signed ? dv_sdiv(x, y, 1) : x % y; break;
	case DV_RMW_AND: x = x & y; break;
	case DV_RMW_OR: x = x | y; break;
	case DV_RMW_XOR: x = x ^ y; break;
	case DV_RMW_SHL: x = x << (y & 63); break;
	case DV_RMW_SHR: x = is_signed ? (uint64_t)((int64_t)x >> (y & 63)) : x >> (y & 63); break;
	}
	return dv_extend(x, width);
}

/** Are the first @p n bytes of two strings the same? Both have as many. */
DV_HELPER uint64_t dv_match(DV_ST st, uint64_t a, uint64_t b, uint64_t n)
{
	uint64_t i, whole = n & ~7ULL;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX && i < whole; i += 8)
		if (dv_bytes8(&v, a + i) != dv_bytes8(&v, b + i))
			return 0;
	return !(n & 7) || !dv_low(dv_bytes8(&v, a + whole) ^ dv_bytes8(&v, b + whole), n & 7);
}

/** A letter as a digit: 0 to 35; 64: it is none of any base. */
DV_HELPER uint64_t dv_digit(uint64_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 64;
}

#endif
