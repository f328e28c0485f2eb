/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_STATE_INNER_H
#define DV_STATE_INNER_H
/**
 * Shared by the files of src/state: faults, drops, words at any offset, strings' lengths, hashing. A number that is
 * read from the region is read once into a local, bounded, and only the local is used: it can change at any time.
 */
#include "state/port.h"
#include "state/state.h"

#define DV_REC_HEAD   ((uint64_t)sizeof(struct dv_record))
#define DV_KEY_INTW   (DV_KEY_INT | 8ULL << 32)
#define DV_THIS_MAX   4096u
#define DV_ALIGN8(x)  (((x) + 7) & ~7ULL)

DV_INLINE void dv_drop(const struct dv_view *v, enum dv_drop why)
{
	DV_WR(v->p->drops[why], DV_RD(v->p->drops[why]) + 1);
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

/** Eight bytes at any offset. */
DV_INLINE uint64_t dv_bytes8(const struct dv_view *v, uint64_t off)
{
	uint64_t lo = *dv_word(v, off), shift = (off & 7) * 8;

	if (!shift)
		return lo;
	return lo >> shift | *dv_word(v, off + 8) << (64 - shift);
}

/** The lowest @p n bytes of a word; 8 and more: all. */
DV_INLINE uint64_t dv_low(uint64_t w, uint64_t n)
{
	return n >= 8 ? w : w & ((1ULL << (n & 7) * 8) - 1);
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

/** Length of the string at @p s, below strsize. */
DV_INLINE uint64_t dv_strlen(const struct dv_view *v, uint64_t s)
{
	uint64_t max = dv_strsize(v), i, mark;

	if (!s)
		return 0;
	for (i = 0; i < DV_STR_MAX && i < max; i += 8) {
		mark = dv_zero_byte(dv_bytes8(v, s + i));
		if (mark)
			return i + dv_zero_index(mark);
	}
	return max - 1;
}

/**
 * Hash step. The multiplier comes from the session's random seed, so a guest that chooses strings cannot choose them
 * to collide without knowing it.
 */
DV_INLINE uint64_t dv_hash_mult(uint32_t seed)
{
	return ((uint64_t)seed * 0x9e3779b97f4a7c15ULL ^ 0xd6e8feb86659fd93ULL) | 1;
}
DV_INLINE uint64_t dv_hash_word(uint64_t h, uint64_t w, uint64_t mult)
{
	h = (h ^ w) * mult;
	return h ^ h >> 32;
}

#endif
