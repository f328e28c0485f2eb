// SPDX-License-Identifier: GPL-2.0-or-later
// Paths as text: basename(), dirname(), cleanpath(). Nothing is looked up; see inner.h for why cleanpath()'s state lies
// in memory.
#include "state/inner.h"

// Bytes of @p s before its last run of slashes that ends at @p len, when @p slash is 1; 0: before its last name.
DV_HELPER uint64_t dv_back(DV_ST st, uint64_t s, uint64_t len, uint64_t slash)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX && i < len; i++)
		if ((dv_byte(&v, s + len - 1 - i) == '/') != slash)
			break;
	return len - i;
}

DV_INLINE uint64_t single(DV_ST st, const struct dv_view *v, uint64_t byte)
{
	uint64_t at = dv_st_scratch(st, 8);

	if (at)
		*dv_word(v, at) = byte;
	return at;
}

DV_INLINE uint64_t piece(DV_ST st, uint64_t from, uint64_t len)
{
	uint64_t at = dv_st_scratch(st, len + 1);

	if (at)
		dv_copy(st, at, from, len, len + 1);
	return at;
}

/* -- cleanpath ----------------------------------------------------------------------------------------------------- */

// In scratch: word 0 how many bytes of the result there are, word 1 how many of them ".." may not take away again (the
// root, or leading ".."s), then the result.
DV_INLINE void append(const struct dv_view *v, uint64_t ctx, uint64_t c)
{
	uint64_t n = *dv_word(v, ctx);

	dv_put(v, ctx + 16 + n, c);
	*dv_word(v, ctx) = n + 1;
}

// Bytes from @p s on that are slashes (@p slash = 1) or are none (0); the NUL ends it.
DV_HELPER uint64_t dv_run(DV_ST st, uint64_t s, uint64_t slash)
{
	struct dv_view v;
	uint64_t i, c;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX - 1; i++) {
		c = dv_byte(&v, s + i);
		if (!c || (c == '/') != slash)
			break;
	}
	return i;
}

// Append a name: its bytes one by one, behind a slash unless it is the first. The result is never longer than what was
// read so far, so there is room.
DV_HELPER uint64_t dv_clean_add(DV_ST st, uint64_t ctx, uint64_t s, uint64_t len)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	i = *dv_word(&v, ctx);
	if (i && dv_byte(&v, ctx + 16 + i - 1) != '/')
		append(&v, ctx, '/');
	for (i = 0; i < DV_STR_MAX && i < len; i++)
		append(&v, ctx, dv_byte(&v, s + i));
	return 0;
}

// One name of the path.
DV_HELPER uint64_t dv_clean_name(DV_ST st, uint64_t ctx, uint64_t s, uint64_t len)
{
	struct dv_view v;
	uint64_t n, floor;

	if (!dv_view(st, &v))
		return 0;
	if (len == 1 && dv_byte(&v, s) == '.')
		return 0;
	if (len != 2 || dv_byte(&v, s) != '.' || dv_byte(&v, s + 1) != '.')
		return dv_clean_add(st, ctx, s, len);
	n = *dv_word(&v, ctx);
	floor = *dv_word(&v, ctx + 8);
	if (n > floor) {
		n = dv_back(st, ctx + 16, n, 0);
		if (n > floor)
			n--; // the slash before it
		*dv_word(&v, ctx) = n < floor ? floor : n;
		return 0;
	}
	if (n && dv_byte(&v, ctx + 16) == '/')
		return 0; // above the root is the root
	dv_clean_add(st, ctx, s, len);
	*dv_word(&v, ctx + 8) = *dv_word(&v, ctx);
	return 0;
}

DV_HELPER uint64_t dv_clean(DV_ST st, uint64_t s)
{
	struct dv_view v;
	uint64_t ctx, i, len, n, pos = 0;

	if (!dv_view(st, &v))
		return 0;
	len = dv_st_slen(st, s);
	if (!len)
		return 0;
	ctx = dv_st_scratch(st, 16 + len + 2);
	if (!ctx)
		return 0;
	*dv_word(&v, ctx) = 0;
	if (dv_byte(&v, s) == '/')
		append(&v, ctx, '/');
	*dv_word(&v, ctx + 8) = *dv_word(&v, ctx);
	for (i = 0; i < DV_STR_MAX / 2 && pos < len; i++) {
		pos += dv_run(st, s + pos, 1);
		n = dv_run(st, s + pos, 0);
		if (!n)
			break;
		dv_clean_name(st, ctx, s + pos, n);
		pos += n;
	}
	if (!*dv_word(&v, ctx))
		append(&v, ctx, '.');
	append(&v, ctx, 0);
	return ctx + 16;
}

uint64_t dv_st_spath(DV_ST st, uint64_t s, uint64_t how)
{
	struct dv_view v;
	uint64_t len, end, start;

	if (how == DV_PATH_CLEAN)
		return dv_clean(st, s);
	if (!dv_view(st, &v))
		return 0;
	len = dv_st_slen(st, s);
	if (!len)
		return single(st, &v, '.');
	end = dv_back(st, s, len, 1);
	if (!end)
		return single(st, &v, '/');
	start = dv_back(st, s, end, 0);
	if (how == DV_PATH_BASE)
		return piece(st, s + start, end - start);
	if (!start)
		return single(st, &v, '.');
	end = dv_back(st, s, start, 1);
	return end ? piece(st, s, end) : single(st, &v, '/');
}
