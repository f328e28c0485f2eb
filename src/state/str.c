// SPDX-License-Identifier: GPL-2.0-or-later
// Strings and scratch memory. A string is NUL-terminated bytes at any region offset, read eight at a time and never
// beyond strsize; results are made in the producer's scratch, which lives for one clause.
#include "state/inner.h"

DV_INLINE uint64_t scratch(const struct dv_view *v, uint64_t size)
{
	uint64_t used = DV_RD(v->p->scratch_used) & ~7u, max = DV_RD(v->p->scratch_size);

	if (used > max || size > max - used || DV_ALIGN8(size) > max - used) {
		dv_set_fault(v, DV_FAULT_NOSCRATCH, size);
		return 0;
	}
	DV_WR(v->p->scratch_used, (uint32_t)(used + DV_ALIGN8(size)));
	return (uint64_t)DV_RD(v->p->scratch_off) + used;
}

uint64_t dv_st_scratch(DV_ST st, uint64_t size)
{
	struct dv_view v;

	return dv_view(st, &v) ? scratch(&v, size) : 0;
}

#ifdef DV_BPF
// The rest of a string that is longer than the short loop: where its NUL is, or the end of what may be read.
static long rest_slen(uint64_t i, void *ctx)
{
	struct dv_rest *r = ctx;
	struct dv_view v;
	uint64_t mark;

	if (!dv_view(0, &v))
		return 1;
	mark = dv_zero_byte(dv_bytes8(&v, r->a + i * 8));
	if (!mark)
		return 0;
	r->acc = DV_LONG + i * 8 + dv_zero_index(mark);
	return 1;
}
#endif

DV_GLOBAL uint64_t dv_st_slen(DV_ST st, uint64_t s)
{
	struct dv_view v;
	uint64_t max, i, mark;

	if (!s || !dv_view(st, &v))
		return 0;
	max = dv_strsize(&v);
	for (i = 0; i < DV_SHORT(DV_STR_MAX) && i < max; i += 8) {
		mark = dv_zero_byte(dv_bytes8(&v, s + i));
		if (mark)
			return i + dv_zero_index(mark);
	}
#ifdef DV_BPF
	struct dv_rest r = { .a = s + DV_LONG, .acc = max - 1 };

	DV_REST(max, DV_STR_MAX, rest_slen, &r);
	return r.acc;
#else
	return max - 1;
#endif
}

// One word of each string, cut behind the first one's NUL; in big-endian order they then compare as their bytes do. 0: the
// same so far, 1 and -1 as the order is, 2: the same to the end.
DV_INLINE int64_t compare_word(uint64_t x, uint64_t y)
{
	uint64_t mark = dv_zero_byte(x), upto = mark ? mark ^ (mark - 1) : ~0ULL;

	x &= upto;
	y &= upto;
	if (x != y)
		return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
	return mark ? 2 : 0;
}

#ifdef DV_BPF
static long rest_scmp(uint64_t i, void *ctx)
{
	struct dv_rest *r = ctx;
	struct dv_view v;

	if (!dv_view(0, &v))
		return 1;
	r->acc = (uint64_t)compare_word(r->a ? dv_bytes8(&v, r->a + DV_LONG + i * 8) : 0,
	                                r->b ? dv_bytes8(&v, r->b + DV_LONG + i * 8) : 0);
	return r->acc != 0;
}
#endif

uint64_t dv_st_scmp(DV_ST st, uint64_t a, uint64_t b)
{
	struct dv_view v;
	uint64_t i, max;
	int64_t c;

	if (a == b || !dv_view(st, &v))
		return 0;
	max = dv_strsize(&v);
	for (i = 0; i < DV_SHORT(DV_STR_MAX) && i < max; i += 8) {
		c = compare_word(a ? dv_bytes8(&v, a + i) : 0, b ? dv_bytes8(&v, b + i) : 0);
		if (c)
			return c == 2 ? 0 : (uint64_t)c;
	}
#ifdef DV_BPF
	struct dv_rest r = { .a = a, .b = b };

	DV_REST(max, DV_STR_MAX, rest_scmp, &r);
	return r.acc == 2 ? 0 : r.acc;
#else
	return 0;
#endif
}

uint64_t dv_st_sjoin(DV_ST st, uint64_t a, uint64_t b)
{
	struct dv_view v;
	uint64_t la, lb, max, at, w, whole, part;

	if (!dv_view(st, &v))
		return 0;
	max = dv_strsize(&v) - 1;
	la = dv_st_slen(st, a);
	lb = dv_st_slen(st, b);
	if (la > max)
		la = max;
	if (lb > max - la)
		lb = max - la;
	at = scratch(&v, la + lb + 1);
	if (!at)
		return 0;
	whole = la & ~7ULL;
	part = la & 7;
	dv_copy(st, at, a, la, whole);
	// The word where they meet: the end of a, then the first bytes of b.
	w = part ? dv_low(dv_bytes8(&v, a + whole), part) : 0;
	*dv_word(&v, at + whole) = w | dv_low(lb ? dv_bytes8(&v, b) : 0, lb) << part * 8;
	// Then b from where that word left off.
	w = 8 - part;
	if (lb >= w)
		dv_copy(st, at + whole + 8, b + w, lb - w, lb - w + 1);
	return at;
}

// D's substr(): a negative index counts from the end, a negative length leaves so many characters off at the end.
uint64_t dv_st_ssub(DV_ST st, uint64_t s, uint64_t index, uint64_t length)
{
	int64_t at = (int64_t)index, n = (int64_t)length, len;
	struct dv_view v;
	uint64_t to;

	if (!dv_view(st, &v))
		return 0;
	len = (int64_t)dv_st_slen(st, s);
	// Nothing beyond the longest string makes a difference, and nothing can overflow after this.
	if (at < -2 * (int64_t)DV_STR_MAX)
		at = -2 * (int64_t)DV_STR_MAX;
	if (at > (int64_t)DV_STR_MAX)
		at = DV_STR_MAX;
	if (n > 4 * (int64_t)DV_STR_MAX)
		n = 4 * (int64_t)DV_STR_MAX;
	if (n < -4 * (int64_t)DV_STR_MAX)
		n = -4 * (int64_t)DV_STR_MAX;
	if (at < 0) {
		at += len;
		if (at < 0 && at + n > 0) {
			n += at;
			at = 0;
		}
	}
	if (at >= len || at < 0)
		n = 0;
	else if (n < 0)
		n += len - at;
	else if (n > len - at)
		n = len - at;
	if (n <= 0)
		return 0;
	to = scratch(&v, (uint64_t)n + 1);
	if (!to)
		return 0;
	dv_copy(st, to, s + (uint64_t)at, (uint64_t)n, (uint64_t)n + 1);
	return to;
}
