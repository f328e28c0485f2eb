/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "type/format.h"

#include <string.h>

#include "base/mem.h"

#define WIDTH_MAX 4096 // a wider column is a mistake, or an attempt to fill the terminal

struct scan {
	const char *fmt;
	size_t len, pos;
};

static int peek(const struct scan *s)
{
	return s->pos < s->len ? (unsigned char)s->fmt[s->pos] : -1;
}

static bool scan_number(struct scan *s, int *ret)
{
	int n = 0;

	while (peek(s) >= '0' && peek(s) <= '9') {
		n = n * 10 + (s->fmt[s->pos++] - '0');
		if (n > WIDTH_MAX)
			return false;
	}
	*ret = n;
	return true;
}

static const char *scan_size(struct scan *s, struct dv_conv *c)
{
	static const char *const sizes[] = {"hh", "h", "ll", "l", "L", "w"}; // longest first

	for (size_t i = 0; i < DV_COUNT(sizes); i++) {
		size_t n = strlen(sizes[i]);

		if (s->len - s->pos < n || memcmp(s->fmt + s->pos, sizes[i], n))
			continue;
		// hh is not D's, but says what the type says anyway.
		memcpy(c->size, sizes[i], n);
		s->pos += n;
		break;
	}
	return NULL;
}

static const char *scan_conv(struct scan *s, struct dv_conv *c)
{
	int ch;

	for (;; s->pos++) {
		switch (peek(s)) {
		case '-':
			c->left = true;
			continue;
		case '+':
			c->plus = true;
			continue;
		case ' ':
			c->blank = true;
			continue;
		case '#':
			c->alt = true;
			continue;
		case '0':
			c->zero = true;
			continue;
		case '\'':
			c->thousands = true;
			continue;
		case '?':
			c->ptr_width = true;
			continue;
		case '@': // "%@8d" and "%8@d" are the same
			c->agg = true;
			continue;
		default:
			break;
		}
		break;
	}
	if (peek(s) == '*') {
		c->width_star = true;
		s->pos++;
	} else if (!scan_number(s, &c->width)) {
		return "field width is too large";
	}
	if (peek(s) == '$')
		return "positional arguments (%n$) are not part of D";
	if (peek(s) == '.') {
		s->pos++;
		c->has_prec = true;
		if (peek(s) == '*') {
			c->prec_star = true;
			s->pos++;
		} else if (!scan_number(s, &c->prec)) {
			return "precision is too large";
		}
	}
	if (peek(s) == '@') {
		c->agg = true;
		s->pos++;
	}
	scan_size(s, c);
	ch = peek(s);
	if (ch < 0)
		return "conversion is not complete: a letter is missing after %";
	s->pos++;
	if (ch == 'n')
		return "%n is not part of D";
	if (!strchr("diouxXcCsSpaAeEfgGkTY", ch) || ch == 0)
		return "unknown conversion";
	c->letter = (char)ch;
	return NULL;
}

struct dv_conv *dv_format_parse(const char *fmt, size_t len, size_t *count, const char **msg, uint32_t *at)
{
	DV_VEC(struct dv_conv) v = {0};
	struct scan s = {fmt, len, 0};

	while (s.pos < len) {
		struct dv_conv *c = DV_PUSH(&v);
		const char *why;

		c->text = fmt + s.pos;
		while (s.pos < len && fmt[s.pos] != '%')
			s.pos++;
		c->text_len = (size_t)(fmt + s.pos - c->text);
		c->at = (uint32_t)s.pos;
		if (s.pos == len)
			break;
		s.pos++;
		if (peek(&s) == '%') {
			// "%%": the text goes on with its second half.
			c->text_len++;
			s.pos++;
			continue;
		}
		why = scan_conv(&s, c);
		if (why) {
			*msg = why;
			*at = c->at;
			DV_VEC_FREE(&v);
			return NULL;
		}
	}
	*count = v.count;
	return v.data ? v.data : dv_xcalloc(1, sizeof(struct dv_conv));
}
