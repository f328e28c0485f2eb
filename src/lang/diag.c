/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Diagnostics:
 *
 *	dvirt: script.d:3:17: [D_TYPE_MEMBER] 'bar' is not a member of struct foo
 *	    3 |   trace(foo->bar);
 *	      |              ^
 *	      |              did you mean 'baz'?
 *
 * The line is that of the text; what cpp's markers make of it stands in the first line. The same diagnostic is given
 * once, however many machines a clause is checked for.
 */
#include "lang/impl.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_SHOWN 160u

static uint64_t hash(const char *s)
{
	uint64_t h = 14695981039346656037ULL;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211ULL;
	return h;
}

static bool told_before(struct dv_script *s, const char *text)
{
	uint64_t h = hash(text);

	for (size_t i = 0; i < s->told.count; i++)
		if (s->told.data[i] == h)
			return true;
	*DV_PUSH(&s->told) = h;
	return false;
}

// The line as shown: blanks for what a terminal would act on; a window of a very long line. *col is moved into it.
static size_t source_line(const struct dv_src_text *t, uint32_t line, uint32_t *col, char *buf, size_t size)
{
	const char *p = t->text, *end = t->text + t->len, *e;
	size_t n, from = 0;

	for (uint32_t i = 1; i < line && p < end; i++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		p = nl ? nl + 1 : end;
	}
	e = memchr(p, '\n', (size_t)(end - p));
	n = (size_t)((e ? e : end) - p);
	if (*col > LINE_MAX_SHOWN - 20 && n > LINE_MAX_SHOWN) {
		from = *col - LINE_MAX_SHOWN / 2;
		from = from > n ? n : from;
		*col -= (uint32_t)from;
	}
	n -= from;
	n = n > LINE_MAX_SHOWN ? LINE_MAX_SHOWN : n;
	n = n > size - 1 ? size - 1 : n;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[from + i];

		buf[i] = (char)((c < 0x20 && c != '\t') || c == 0x7f ? ' ' : c);
	}
	buf[n] = '\0';
	return n;
}

void dv_diag_vat(const struct dv_script *s, struct dv_diag *d, struct dv_loc loc, const char *tag, const char *hint,
		 const char *fmt, va_list ap)
{
	const struct dv_src_text *t = loc.src < s->sources.count ? &s->sources.data[loc.src] : NULL;
	const char *file = t ? t->name : "-n";
	char line[LINE_MAX_SHOWN + 1] = "", pad[LINE_MAX_SHOWN + 1] = "", *msg = NULL;
	DV_FREE char *out = NULL;
	DV_FREE char *where = NULL;
	uint32_t shown = loc.line, col = loc.col;
	size_t n;

	d->errors++;
	if (!d->last_tag[0])
		snprintf(d->last_tag, sizeof(d->last_tag), "%s", tag);
	if (!d->emit)
		return;
	if (vasprintf(&msg, fmt, ap) < 0)
		msg = dv_xstrdup(fmt);
	for (size_t i = 0; t && i < t->markers.count; i++)
		if (t->markers.data[i].phys <= loc.line) {
			file = t->markers.data[i].file;
			shown = t->markers.data[i].line + (loc.line - t->markers.data[i].phys);
		}
	if (loc.line)
		where = dv_xasprintf("%s:%u:%u: ", file, shown, loc.col);
	else
		where = dv_xasprintf("%s: ", file);
	if (t && loc.line) {
		n = source_line(t, loc.line, &col, line, sizeof(line));
		// The caret stands under its column: tabs stay tabs.
		for (size_t i = 0; i < n && i + 1 < col; i++)
			pad[i] = line[i] == '\t' ? '\t' : ' ';
		out = dv_xasprintf("dvirt: %s%s%s%s%s\n%5u | %s\n      | %s^\n%s%s%s%s", where, d->errtags ? "[" : "",
				   d->errtags ? tag : "", d->errtags ? "] " : "", msg, shown, line, pad,
				   hint ? "      | " : "", hint ? pad : "", hint ? hint : "", hint ? "\n" : "");
	} else {
		out = dv_xasprintf("dvirt: %s%s%s%s%s\n%s%s%s", where, d->errtags ? "[" : "", d->errtags ? tag : "",
				   d->errtags ? "] " : "", msg, hint ? "      | " : "", hint ? hint : "",
				   hint ? "\n" : "");
	}
	free(msg);
	if (d->errors <= DV_ERRORS_MAX && !told_before((struct dv_script *)s, out))
		d->emit(d->ctx, out);
}

void dv_diag_at(const struct dv_script *s, struct dv_diag *d, struct dv_loc loc, const char *tag, const char *hint,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	dv_diag_vat(s, d, loc, tag, hint, fmt, ap);
	va_end(ap);
}

void dv_script_diag(const struct dv_script *s, struct dv_diag *d, struct dv_loc loc, uint32_t clause, const char *tag,
		    const char *fmt, ...)
{
	va_list ap;

	if (!loc.line && clause < s->clauses.count)
		loc = s->clauses.data[clause]->loc;
	va_start(ap, fmt);
	dv_diag_vat(s, d, loc, tag, NULL, fmt, ap);
	va_end(ap);
}

/* -- near names ------------------------------------------------------------------------------------------------ */

#define NAME_MAX_NEAR 48u

// Edit distance, neighbours swapped counting once; `limit` + 1 when it is more than that.
static unsigned distance(const char *a, const char *b, unsigned limit)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[3][NAME_MAX_NEAR + 1];
	unsigned *prev2 = row[0], *prev = row[1], *cur = row[2];

	if (n > NAME_MAX_NEAR || m > NAME_MAX_NEAR || (n > m ? n - m : m - n) > limit)
		return limit + 1;
	for (size_t j = 0; j <= m; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *t;

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned v = prev[j - 1] + (a[i - 1] != b[j - 1]);

			v = prev[j] + 1 < v ? prev[j] + 1 : v;
			v = cur[j - 1] + 1 < v ? cur[j - 1] + 1 : v;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && prev2[j - 2] + 1 < v)
				v = prev2[j - 2] + 1;
			cur[j] = v;
		}
		t = prev2;
		prev2 = prev;
		prev = cur;
		cur = t;
	}
	return prev[m];
}

void dv_near_init(struct dv_near *n, const char *want)
{
	size_t len = strlen(want);

	n->want = want;
	n->best[0] = '\0';
	// A letter wrong in a short name, two in a long one.
	n->dist = len <= 2 ? 1 : len <= 4 ? 2 : 3;
}

void dv_near_offer(struct dv_near *n, const char *name)
{
	unsigned d;

	if (!name || !*name || strlen(name) >= sizeof(n->best) || !strcmp(name, n->want))
		return;
	d = distance(n->want, name, n->dist);
	if (d < n->dist) {
		n->dist = d;
		snprintf(n->best, sizeof(n->best), "%s", name);
	}
}

const char *dv_near_hint(const struct dv_near *n, const char *prefix, char *buf, size_t size)
{
	if (!n->best[0])
		return NULL;
	snprintf(buf, size, "did you mean '%s%s'?", prefix, n->best);
	return buf;
}
