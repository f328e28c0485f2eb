// SPDX-License-Identifier: GPL-2.0-or-later
// Searching in strings, their tokens, their letters. Positions are D's: index() and rindex() are modelled on Perl's,
// with what those do beyond either end of the string.
#include "state/inner.h"

// Is the byte one of a string's?
DV_HELPER uint64_t dv_in_set(DV_ST st, uint64_t set, uint64_t byte)
{
	struct dv_view v;
	uint64_t i, w, end, hit, all = (byte & 0xff) * 0x0101010101010101ULL;

	if (!set || !dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX; i += 8) {
		w = dv_bytes8(&v, set + i);
		end = dv_zero_byte(w);
		hit = dv_zero_byte(w ^ all);
		// Only the lowest mark of each means what it says.
		if (hit && (!end || (hit & -hit) < (end & -end)))
			return 1;
		if (end)
			return 0;
	}
	return 0;
}

// How many bytes from @p s on are (@p in = 1) or are not (0) of the set; the NUL ends it.
DV_HELPER uint64_t dv_span(DV_ST st, uint64_t s, uint64_t set, uint64_t in)
{
	struct dv_view v;
	uint64_t i, c;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX - 1; i++) {
		c = dv_byte(&v, s + i);
		if (!c || dv_in_set(st, set, c) != in)
			break;
	}
	return i;
}

DV_HELPER uint64_t dv_find_first(DV_ST st, uint64_t s, uint64_t sub, uint64_t n, uint64_t last)
{
	uint64_t i;

	for (i = 0; i < DV_STR_MAX && i <= last; i++)
		if (dv_match(st, s + i, sub, n))
			return i;
	return (uint64_t)-1;
}

DV_HELPER uint64_t dv_find_last(DV_ST st, uint64_t s, uint64_t sub, uint64_t n, uint64_t from)
{
	uint64_t i;

	for (i = 0; i < DV_STR_MAX && i <= from; i++)
		if (dv_match(st, s + from - i, sub, n))
			return from - i;
	return (uint64_t)-1;
}

uint64_t dv_st_sfind(DV_ST st, uint64_t s, uint64_t sub, uint64_t start, uint64_t how)
{
	uint64_t len = dv_st_slen(st, s), n = dv_st_slen(st, sub), none = (uint64_t)-1, at;

	if (!len && !n)
		return 0;
	if (how == DV_FIND_LAST) {
		if ((int64_t)start < 0)
			return n ? none : 0;
		if (n > len)
			return none;
		if (start > len - n)
			start = len - n;
		return dv_find_last(st, s, sub, n, start);
	}
	if ((int64_t)start < 0)
		start = 0;
	if (start >= len)
		return n ? none : len;
	if (n > len - start)
		return none;
	at = dv_find_first(st, s + start, sub, n, len - start - n);
	return at == none ? at : start + at;
}

uint64_t dv_st_sstr(DV_ST st, uint64_t s, uint64_t sub)
{
	uint64_t at = dv_st_sfind(st, s, sub, 0, DV_FIND_FIRST);

	return at == (uint64_t)-1 || !s ? 0 : s + at;
}

// Bytes before the first one that is this, or the NUL.
DV_HELPER uint64_t dv_chr_first(DV_ST st, uint64_t s, uint64_t byte)
{
	struct dv_view v;
	uint64_t i, c;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX - 1; i++) {
		c = dv_byte(&v, s + i);
		if (!c || c == byte)
			break;
	}
	return i;
}

// Bytes before the last one that is this among the first @p len + 1; more than @p len: there is none.
DV_HELPER uint64_t dv_chr_last(DV_ST st, uint64_t s, uint64_t byte, uint64_t len)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX && i <= len; i++)
		if (dv_byte(&v, s + len - i) == byte)
			break;
	return len - i;
}

uint64_t dv_st_schr(DV_ST st, uint64_t s, uint64_t byte, uint64_t how)
{
	struct dv_view v;
	uint64_t at, len;

	if (!s || !dv_view(st, &v))
		return 0;
	byte &= 0xff;
	len = dv_st_slen(st, s);
	at = how == DV_FIND_LAST ? dv_chr_last(st, s, byte, len) : dv_chr_first(st, s, byte);
	return at <= len && dv_byte(&v, s + at) == byte ? s + at : 0;
}

// The string is copied, so that the script may do with it what it wants between two calls; what is left of it lives for
// the firing, not for the clause as scratch does.
uint64_t dv_st_stok(DV_ST st, uint64_t s, uint64_t set, uint64_t fresh)
{
	struct dv_view v;
	uint64_t buf, pos, len, at;

	if (!dv_view(st, &v))
		return 0;
	buf = DV_RD(v.p->tok_off);
	if (fresh) {
		len = dv_st_slen(st, s);
		dv_copy(st, buf, s, len, len + 1);
		pos = 0;
	} else {
		pos = DV_RD(v.p->tok_pos);
		if (!pos) {
			dv_set_fault(&v, DV_FAULT_BADADDR, 0);
			return 0;
		}
		pos--;
	}
	pos += dv_span(st, buf + pos, set, 1);
	len = dv_span(st, buf + pos, set, 0);
	at = 0;
	if (len) {
		at = dv_st_scratch(st, len + 1);
		if (!at)
			return 0;
		dv_copy(st, at, buf + pos, len, len + 1);
		pos += len;
		pos += dv_byte(&v, buf + pos) != 0;
	}
	DV_WR(v.p->tok_pos, (uint32_t)pos + 1);
	return at;
}

uint64_t dv_st_scase(DV_ST st, uint64_t s, uint64_t upper)
{
	uint64_t len, at, i, w, ones = 0x0101010101010101ULL, over, first = upper ? 'a' : 'A', low, in;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	len = dv_st_slen(st, s);
	if (!len)
		return 0;
	at = dv_st_scratch(st, len + 1);
	if (!at)
		return 0;
	dv_copy(st, at, s, len, len + 1);
	// Eight letters at a time: a byte from `first` to `first` + 25 has bit 7 set in one sum and not in the other.
	for (i = 0; i < DV_STR_MAX && i < len; i += 8) {
		w = *dv_word(&v, at + i);
		low = w & 0x7f * ones;
		over = low + (0x80 - first - 26) * ones;
		in = (low + (0x80 - first) * ones) & ~over & ~w & 0x80 * ones;
		*dv_word(&v, at + i) = w ^ in >> 2;
	}
	return at;
}
