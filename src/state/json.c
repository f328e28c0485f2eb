// SPDX-License-Identifier: GPL-2.0-or-later
// json(): one value out of a JSON text, chosen by a path such as "user.names[2]". The text is walked, not parsed: what
// is not on the way is skipped by its brackets and quotes, so a text that is cut off (strings here are) still gives
// what comes before the cut. A string's value is its bytes between the quotes with their escapes as they stand; an
// object's or array's is its text.
#include "state/inner.h"

#define MEMBERS_MAX (DV_STR_MAX / 4) // of one object or array
#define PATH_MAX_   32u              // names in the path

// What kind of byte it is. A function of its own: in a loop each answer would be a way of its own (see inner.h).
enum { JSON_OTHER, JSON_BLANK, JSON_END };
DV_HELPER uint64_t dv_json_kind(uint64_t c)
{
	c &= 0xff;
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return JSON_BLANK;
	return !c || c == ',' || c == ']' || c == '}' ? JSON_END : JSON_OTHER;
}

// Behind what is of one kind: blanks; or a number, true, false or null.
DV_HELPER uint64_t dv_json_past(DV_ST st, uint64_t pos, uint64_t kind)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX; i++)
		if (dv_json_kind(dv_byte(&v, pos + i)) != kind)
			break;
	return pos + i;
}

// The byte behind the one at @p pos of a string, and what a backslash escapes with it; 0: the string ends here.
DV_HELPER uint64_t dv_json_next(DV_ST st, uint64_t pos)
{
	struct dv_view v;
	uint64_t c;

	if (!dv_view(st, &v))
		return 0;
	c = dv_byte(&v, pos);
	if (!c || c == '"')
		return 0;
	return c == '\\' && dv_byte(&v, pos + 1) ? pos + 2 : pos + 1;
}

// The end of a string that begins at @p pos, behind its quote: where its last quote is, or the NUL.
DV_HELPER uint64_t dv_json_string(DV_ST st, uint64_t pos)
{
	uint64_t i, next;

	for (i = 0; i < DV_STR_MAX; i++) {
		next = dv_json_next(st, pos);
		if (!next)
			break;
		pos = next;
	}
	return pos;
}

// One byte of a value in brackets or quotes, two when it is a backslash. In memory: how deep in brackets we are, and
// whether in quotes. 0: the value ends here.
DV_HELPER uint64_t dv_json_step(DV_ST st, uint64_t ctx, uint64_t pos)
{
	struct dv_view v;
	uint64_t depth, quoted, c;

	if (!dv_view(st, &v))
		return 0;
	c = dv_byte(&v, pos);
	if (!c)
		return 0;
	depth = *dv_word(&v, ctx);
	quoted = *dv_word(&v, ctx + 8);
	if (c == '"')
		quoted = !quoted;
	else if (quoted && c == '\\')
		pos += dv_byte(&v, pos + 1) != 0;
	else if (!quoted && (c == '{' || c == '['))
		depth++;
	else if (!quoted && (c == '}' || c == ']'))
		depth--;
	*dv_word(&v, ctx) = depth;
	*dv_word(&v, ctx + 8) = quoted;
	return pos + 1;
}

// Behind a value, or at the NUL.
DV_HELPER uint64_t dv_json_skip(DV_ST st, uint64_t ctx, uint64_t pos)
{
	struct dv_view v;
	uint64_t i, c, next;

	if (!dv_view(st, &v))
		return 0;
	c = dv_byte(&v, pos);
	if (c != '{' && c != '[' && c != '"')
		return dv_json_past(st, pos, JSON_OTHER);
	*dv_word(&v, ctx) = 0;
	*dv_word(&v, ctx + 8) = 0;
	for (i = 0; i < DV_STR_MAX; i++) {
		next = dv_json_step(st, ctx, pos);
		if (!next)
			break;
		pos = next;
		if (!(*dv_word(&v, ctx) | *dv_word(&v, ctx + 8)))
			break;
	}
	return pos;
}

// The value of member @p name of the object at @p pos; 0: there is none.
DV_HELPER uint64_t dv_json_member(DV_ST st, uint64_t ctx, uint64_t pos, uint64_t name, uint64_t len)
{
	struct dv_view v;
	uint64_t i, key, end;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < MEMBERS_MAX; i++) {
		key = dv_json_past(st, pos + 1, JSON_BLANK) + 1;
		if (dv_byte(&v, key - 1) != '"')
			break;
		end = dv_json_string(st, key);
		pos = dv_json_past(st, end + (dv_byte(&v, end) != 0), JSON_BLANK);
		if (dv_byte(&v, pos) != ':')
			break;
		pos = dv_json_past(st, pos + 1, JSON_BLANK);
		if (end - key == len && dv_match(st, key, name, len))
			return pos;
		pos = dv_json_past(st, dv_json_skip(st, ctx, pos), JSON_BLANK);
		if (dv_byte(&v, pos) != ',')
			break;
	}
	return 0;
}

DV_HELPER uint64_t dv_json_element(DV_ST st, uint64_t ctx, uint64_t pos, uint64_t index)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < MEMBERS_MAX; i++) {
		pos = dv_json_past(st, pos + 1, JSON_BLANK);
		if (i == index)
			return pos;
		pos = dv_json_past(st, dv_json_skip(st, ctx, pos), JSON_BLANK);
		if (dv_byte(&v, pos) != ',')
			break;
	}
	return 0;
}

// Does a name of the path end before this byte?
DV_HELPER uint64_t dv_json_name_end(uint64_t c)
{
	c &= 0xff;
	return !c || c == '.' || c == '[' || c == ']';
}

// Bytes of the path's next name.
DV_HELPER uint64_t dv_json_name(DV_ST st, uint64_t pos)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_STR_MAX; i++)
		if (dv_json_name_end(dv_byte(&v, pos + i)))
			break;
	return i;
}

DV_HELPER uint64_t dv_json_separators(DV_ST st, uint64_t pos)
{
	struct dv_view v;
	uint64_t i, c;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < 4; i++) {
		c = dv_byte(&v, pos + i);
		if (c != '.' && c != '[' && c != ']')
			break;
	}
	return i;
}

DV_GLOBAL uint64_t dv_st_sjson(DV_ST st, uint64_t s, uint64_t path)
{
	uint64_t i, n, ctx, c, end, at, pos = s, names = 0;
	struct dv_view v;

	if (!s || !path || !dv_view(st, &v))
		return 0;
	ctx = dv_st_scratch(st, 16);
	if (!ctx)
		return 0;
	for (i = 0; i < PATH_MAX_; i++) {
		path += dv_json_separators(st, path);
		n = dv_json_name(st, path);
		if (!n)
			break;
		pos = dv_json_past(st, pos, JSON_BLANK);
		c = dv_byte(&v, pos);
		if (c == '{')
			pos = dv_json_member(st, ctx, pos, path, n);
		else if (c == '[' && dv_digit(dv_byte(&v, path)) < 10)
			pos = dv_json_element(st, ctx, pos, dv_st_stol(st, path, 10));
		else
			pos = 0;
		if (!pos)
			return 0;
		names++;
		path += n;
	}
	if (!names || n)
		return 0;
	c = dv_byte(&v, pos);
	if (c == '"') {
		pos++;
		end = dv_json_string(st, pos);
	} else {
		end = dv_json_skip(st, ctx, pos);
	}
	at = dv_st_scratch(st, end - pos + 1);
	if (at)
		dv_copy(st, at, pos, end - pos, end - pos + 1);
	return at;
}
