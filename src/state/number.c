// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers and network addresses as text, text as numbers, random numbers.
#include "state/inner.h"

#define DIGITS 65u // of 64 bits in base 2, and the NUL

// Divided by a number from 2 to 36; the digit.
DV_INLINE uint64_t letter(uint64_t digit)
{
	return digit < 10 ? '0' + digit : 'a' + digit - 10;
}

DV_GLOBAL uint64_t dv_st_ltos(DV_ST st, uint64_t value, uint64_t base)
{
	uint64_t at, i, val, neg, pos = DIGITS + 2;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	if (base < 2 || base > 36) {
		dv_set_fault(&v, DV_FAULT_ILLOP, base);
		return 0;
	}
	at = dv_st_scratch(st, DIGITS + 3);
	if (!at)
		return 0;
	neg = base == 10 && (int64_t)value < 0;
	val = neg ? -value : value;
	dv_put(&v, at + pos, 0);
	for (i = 0; i < 64 && val; i++) {
		dv_put(&v, at + --pos, letter(val % base));
		val /= base;
	}
	if (!value && base == 16)
		dv_put(&v, at + --pos, '0');
	if (base == 16)
		dv_put(&v, at + --pos, 'x');
	if (!value || base == 8 || base == 16)
		dv_put(&v, at + --pos, '0');
	if (neg)
		dv_put(&v, at + --pos, '-');
	return at + pos;
}

DV_GLOBAL uint64_t dv_st_stol(DV_ST st, uint64_t s, uint64_t base)
{
	uint64_t i, d, c, pos = 0, val = 0, neg = 0;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	if (base < 2 || base > 36) {
		dv_set_fault(&v, DV_FAULT_ILLOP, base);
		return 0;
	}
	if (!s)
		return 0;
	for (i = 0; i < DV_STR_MAX; i++) {
		c = dv_byte(&v, s + i);
		if (c != ' ' && c != '\t')
			break;
	}
	pos = s + i;
	c = dv_byte(&v, pos);
	if (c == '-' || c == '+') {
		neg = c == '-';
		pos++;
	}
	if (base == 16 && dv_byte(&v, pos) == '0' && (dv_byte(&v, pos + 1) | 0x20) == 'x' &&
	    dv_digit(dv_byte(&v, pos + 2)) < 16)
		pos += 2;
	for (i = 0; i < DV_STR_MAX; i++) {
		d = dv_digit(dv_byte(&v, pos + i));
		if (d >= base)
			break;
		val = val * base + d;
	}
	return neg ? -val : val;
}

uint64_t dv_st_rand(DV_ST st)
{
	struct dv_view v;
	uint64_t x;

	if (!dv_view(st, &v))
		return 0;
	// Each producer has a sequence of its own; the first number of it comes from the session's seed.
	x = DV_RD(v.p->rand);
	if (!x)
		x = ((uint64_t)DV_RD(dv_hdr(&v)->dyn_seed) << 20 ^ ((uint64_t)DV_RD(v.p->ring_off) | 1)) *
		    0x9e3779b97f4a7c15ULL;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	DV_WR(v.p->rand, x);
	return (x * 0x2545f4914f6cdd1dULL) >> 33;
}

/* -- addresses ----------------------------------------------------------------------------------------------------- */

// Text under construction in scratch: word 0 its length, then its bytes.
DV_HELPER uint64_t dv_add_char(DV_ST st, uint64_t ctx, uint64_t c)
{
	struct dv_view v;
	uint64_t n;

	if (!dv_view(st, &v))
		return 0;
	n = *dv_word(&v, ctx) & 63;
	dv_put(&v, ctx + 8 + n, c);
	*dv_word(&v, ctx) = n + 1;
	return 0;
}

// A number below 65536 in base 10 or 16, at least @p least digits.
DV_HELPER uint64_t dv_add_number(DV_ST st, uint64_t ctx, uint64_t value, uint64_t base, uint64_t least)
{
	uint64_t i, div = base == 16 ? 4096 : 10000, digit, on = 0;

	value &= 0xffff;
	base = base == 16 ? 16 : 10;
	for (i = 5 - (base == 16); i > 0 && i <= 5; i--) {
		digit = div ? value / div % base : 0;
		if (digit || on || i <= least) {
			on = 1;
			dv_add_char(st, ctx, letter(digit));
		}
		div /= base;
	}
	return 0;
}

// Bytes with a character between them: 10.0.0.1, or with @p link 52:54:00:12:34:56.
DV_HELPER uint64_t dv_add_bytes(DV_ST st, uint64_t ctx, uint64_t mem, uint64_t link)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < 6 && (link || i < 4); i++) {
		if (i)
			dv_add_char(st, ctx, link ? ':' : '.');
		dv_add_number(st, ctx, dv_byte(&v, mem + i), link ? 16 : 10, link ? 2 : 1);
	}
	return 0;
}

// Where the longest run of zero groups begins and how many it has (start | count << 8); 0: there is none. One group
// alone is not shortened.
DV_HELPER uint64_t dv_zero_run(DV_ST st, uint64_t mem)
{
	uint64_t i, start = 0, count = 0, best = 0, best_count = 0, zero, more;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < 8; i++) {
		zero = !(dv_byte(&v, mem + 2 * i) | dv_byte(&v, mem + 2 * i + 1));
		start = count ? start : i;
		count = zero ? count + 1 : 0;
		more = count > best_count;
		best = more ? start : best;
		best_count = more ? count : best_count;
	}
	return best_count > 1 ? best | best_count << 8 : 0;
}

// The first @p groups groups of an IPv6 address, a colon between two of them; "::" for the longest zeros.
DV_HELPER uint64_t dv_add_ipv6(DV_ST st, uint64_t ctx, uint64_t mem, uint64_t groups)
{
	uint64_t i, run = dv_zero_run(st, mem), first = run & 0xff, end = first + (run >> 8), w;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < 8 && i < groups; i++) {
		if (run && i >= first && i < end) {
			if (i == first)
				dv_add_char(st, ctx, ':');
			if (i + 1 == end && end == 8)
				dv_add_char(st, ctx, ':');
			continue;
		}
		if (i)
			dv_add_char(st, ctx, ':');
		w = dv_byte(&v, mem + 2 * i) << 8 | dv_byte(&v, mem + 2 * i + 1);
		dv_add_number(st, ctx, w, 16, 1);
	}
	return 0;
}

// Is it an IPv4 address in IPv6's clothes, ::ffff:a.b.c.d or ::a.b.c.d (but not :: and ::1)?
DV_INLINE uint64_t embedded(const struct dv_view *v, uint64_t mem)
{
	uint64_t low, group;

	if (dv_bytes8(v, mem) || dv_byte(v, mem + 8) || dv_byte(v, mem + 9))
		return 0;
	group = dv_byte(v, mem + 10) << 8 | dv_byte(v, mem + 11);
	low = dv_byte(v, mem + 12) << 24 | dv_byte(v, mem + 13) << 16 | dv_byte(v, mem + 14) << 8 |
	      dv_byte(v, mem + 15);
	return group == 0xffff || (!group && low > 1);
}

uint64_t dv_st_inet(DV_ST st, uint64_t mem, uint64_t how)
{
	struct dv_view v;
	uint64_t ctx;

	if (!mem || !dv_view(st, &v))
		return 0;
	ctx = dv_st_scratch(st, 80);
	if (!ctx)
		return 0;
	*dv_word(&v, ctx) = 0;
	switch (how) {
	case DV_INET_V4:
		dv_add_bytes(st, ctx, mem, 0);
		break;
	case DV_INET_LINK:
		dv_add_bytes(st, ctx, mem, 1);
		break;
	default:
		if (!embedded(&v, mem)) {
			dv_add_ipv6(st, ctx, mem, 8);
			break;
		}
		if (how == DV_INET_V6) {
			dv_add_ipv6(st, ctx, mem, 6);
			dv_add_char(st, ctx, ':');
		}
		dv_add_bytes(st, ctx, mem + 12, 0);
		break;
	}
	dv_add_char(st, ctx, 0);
	return ctx + 8;
}
