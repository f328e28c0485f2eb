/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_STATE_WORDS_H
#define DV_STATE_WORDS_H
/**
 * Words of the region in a row: copied, compared, hashed, set. Keys, strings and values are made of them.
 *
 * The kernel's verifier walks through every round of a loop, so there only the first words, which are all that most keys
 * have, are gone through in one; the rest is left to helpers of the kernel: a copy, or bpf_loop(), whose body is verified
 * once. Those first words are reached from one masked offset, and may lie in the room behind the region (port.h). A process
 * has no such room, and masks each.
 */
#include "state/port.h"

/** Eight bytes at any offset. */
DV_INLINE uint64_t dv_bytes8(const struct dv_view *v, uint64_t off)
{
	uint64_t shift = (off & 7) * 8;

	/* No branch: when the offset is aligned, the next word is shifted out. */
	return *dv_word(v, off) >> shift | *dv_word(v, off + 8) << 1 << (63 - shift);
}

/** The lowest @p n bytes of a word; 8 and more: all. */
DV_INLINE uint64_t dv_low(uint64_t w, uint64_t n)
{
	return n >= 8 ? w : w & ((1ULL << (n & 7) * 8) - 1);
}

/**
 * Hash step. The multiplier comes from the session's random seed, so a guest that chooses strings cannot choose them
 * to collide without knowing it.
 */
DV_INLINE uint64_t dv_hash_word(uint64_t h, uint64_t w, uint64_t mult)
{
	h = (h ^ w) * mult;
	return h ^ h >> 32;
}
/** Two words in one step, the first one's multiplication beside what came before. */
DV_INLINE uint64_t dv_hash_two(uint64_t h, uint64_t a, uint64_t b, uint64_t mult)
{
	return dv_hash_word(h, b ^ a * mult, mult);
}
/** The last step. Without it keys that differ in a few bits, or count up, would lie close together for some multipliers. */
DV_INLINE uint64_t dv_hash_end(uint64_t h, uint64_t mult)
{
	return dv_hash_word(h, h >> 29, mult);
}

#ifdef DV_BPF
#define DV_SHORT(max) DV_LONG
#define DV_LONG       64u

struct dv_rest {
	uint64_t a, b, acc;
};
static long dv_rest_set(uint64_t i, void *ctx)
{
	const struct dv_rest *r = ctx;
	struct dv_view v;

	if (dv_view(0, &v))
		*dv_word(&v, r->a + i * 8) = r->b;
	return 0;
}
static long dv_rest_same(uint64_t i, void *ctx)
{
	struct dv_rest *r = ctx;
	struct dv_view v;

	if (dv_view(0, &v) && *dv_word(&v, r->a + i * 8) == *dv_word(&v, r->b + i * 8))
		return 0;
	r->acc = 0;
	return 1;
}
static long dv_rest_hash(uint64_t i, void *ctx)
{
	struct dv_rest *r = ctx;
	struct dv_view v;

	if (dv_view(0, &v))
		r->acc = dv_hash_two(r->acc, *dv_word(&v, r->a + i * 16), *dv_word(&v, r->a + i * 16 + 8), r->b);
	return 0;
}
#define DV_REST(size, max, body, ctx)                                                    \
	do {                                                                             \
		if ((size) > DV_LONG && (size) <= (max))                                 \
			dv_bpf_loop(((size) - DV_LONG + 7) / 8, body, ctx, 0);        \
	} while (0)

/** Copy @p len bytes from any offset to an aligned one, in words; zeros up to @p size, which is at most a word more. */
DV_HELPER uint64_t dv_copy(DV_ST st, uint64_t to, uint64_t from, uint64_t len, uint64_t size)
{
	uint64_t i, whole = len & ~7ULL, shift = (from & 7) * 8;
	volatile uint64_t *dst, *src;
	struct dv_view v;

	if (!dv_view(st, &v) || whole > DV_COPY_MAX)
		return 0;
	dst = dv_word(&v, to);
	src = dv_word(&v, from);
	for (i = 0; i < DV_LONG && i < whole; i += 8, dst++, src++)
		*dst = src[0] >> shift | src[1] << 1 << (63 - shift);
	if (whole > DV_LONG) {
		i = whole - DV_LONG;
		DV_BOUND(i, 2 * DV_COPY_MAX);
		dv_bpf_read((void *)dv_word(&v, to + DV_LONG), (uint32_t)i, v.base + ((from + DV_LONG) & v.mask));
	}
	if (size > whole)
		*dv_word(&v, to + whole) = len > whole ? dv_low(dv_bytes8(&v, from + whole), len - whole) : 0;
	return 0;
}
/** Set @p size bytes of words. */
DV_HELPER uint64_t dv_set(DV_ST st, uint64_t to, uint64_t size, uint64_t value)
{
	struct dv_rest r = { .a = to + DV_LONG, .b = value };
	volatile uint64_t *dst;
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	dst = dv_word(&v, to);
	for (i = 0; i < DV_LONG && i < size; i += 8)
		*dst++ = value;
	DV_REST(size, DV_COPY_MAX, dv_rest_set, &r);
	return 0;
}
/** Are the words of two keys the same? Once in a function: the verifier goes through all of it at each place. */
DV_INLINE uint64_t dv_same_once(DV_ST st, const struct dv_view *v, uint64_t a, uint64_t b, uint64_t size)
{
	volatile uint64_t *x = dv_word(v, a), *y = dv_word(v, b);
	struct dv_rest r;
	uint64_t i;

	(void)st;
	for (i = 0; i < DV_LONG && i < size; i += 8)
		if (*x++ != *y++)
			return 0;
	if (size <= DV_LONG)
		return 1;
	r = (struct dv_rest){ .a = a + DV_LONG, .b = b + DV_LONG, .acc = 1 };
	DV_REST(size, DV_KEY_LOOP, dv_rest_same, &r);
	return r.acc;
}
/** The same, for loops. */
DV_HELPER uint64_t dv_same(DV_ST st, uint64_t a, uint64_t b, uint64_t size)
{
	struct dv_view v;

	return dv_view(st, &v) && dv_same_once(st, &v, a, b, size);
}
DV_HELPER uint64_t dv_hash_rest(DV_ST st, uint64_t h, uint64_t key, uint64_t size, uint64_t mult)
{
	struct dv_rest r = { .a = key + DV_LONG, .b = mult, .acc = h };
	struct dv_view v;

	if (size > DV_LONG && size <= DV_KEY_LOOP)
		dv_bpf_loop((size - DV_LONG) / 16, dv_rest_hash, &r, 0);
	if (size & 8 && dv_view(st, &v))
		return dv_hash_word(r.acc, *dv_word(&v, key + size - 8), mult);
	return r.acc;
}
/** Hash the words of a key. Likewise. */
DV_INLINE uint64_t dv_hash(DV_ST st, const struct dv_view *v, uint64_t h, uint64_t key, uint64_t size, uint64_t mult)
{
	volatile uint64_t *k = dv_word(v, key);
	uint64_t i;

	for (i = 8; i < DV_LONG && i < size; i += 16, k += 2)
		h = dv_hash_two(h, k[0], k[1], mult);
	if (size > DV_LONG)
		h = dv_hash_rest(st, h, key, size, mult);
	else if (size & 8)
		h = dv_hash_word(h, *k, mult);
	return dv_hash_end(h, mult);
}

#else
#define DV_SHORT(max) (max)

DV_HELPER uint64_t dv_copy(DV_ST st, uint64_t to, uint64_t from, uint64_t len, uint64_t size)
{
	struct dv_view v;
	uint64_t i, whole = len & ~7ULL;

	if (!dv_view(st, &v) || whole > DV_COPY_MAX)
		return 0;
	for (i = 0; i < whole; i += 8)
		*dv_word(&v, to + i) = dv_bytes8(&v, from + i);
	if (size > whole)
		*dv_word(&v, to + whole) = len > whole ? dv_low(dv_bytes8(&v, from + whole), len - whole) : 0;
	return 0;
}
DV_HELPER uint64_t dv_set(DV_ST st, uint64_t to, uint64_t size, uint64_t value)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_COPY_MAX && i < size; i += 8)
		*dv_word(&v, to + i) = value;
	return 0;
}
DV_HELPER uint64_t dv_same(DV_ST st, uint64_t a, uint64_t b, uint64_t size)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_KEY_LOOP && i < size; i += 8)
		if (*dv_word(&v, a + i) != *dv_word(&v, b + i))
			return 0;
	return 1;
}
#define dv_same_once(st, v, a, b, size) dv_same(st, a, b, size)
DV_INLINE uint64_t dv_hash(DV_ST st, const struct dv_view *v, uint64_t h, uint64_t key, uint64_t size, uint64_t mult)
{
	uint64_t i;

	(void)st;
	for (i = 8; i < DV_KEY_LOOP && i < size; i += 16)
		h = dv_hash_two(h, *dv_word(v, key + i - 8), *dv_word(v, key + i), mult);
	if (size & 8)
		h = dv_hash_word(h, *dv_word(v, key + size - 8), mult);
	return dv_hash_end(h, mult);
}
#endif
#endif
