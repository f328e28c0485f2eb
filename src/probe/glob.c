// SPDX-License-Identifier: GPL-2.0-or-later
//
// Glob matching as sh(1) does it, without recursion. Only the last '*' seen is ever gone back to: a match that an
// earlier star could still give, the later one gives too. So the time is at most the product of both lengths.
#include "probe/probe.h"

#include <string.h>

// Match one character against the class that starts behind '['. *next: behind its ']'. Without a ']' it is a plain '['.
static bool match_class(const char *p, char c, const char **next)
{
	bool negate = *p == '!' || *p == '^', hit = false;
	const char *start = p - 1;

	if (negate)
		p++;
	for (bool first = true; *p && (first || *p != ']'); first = false) {
		unsigned char lo = (unsigned char)*p, hi;

		if (lo == '\\' && p[1])
			lo = (unsigned char)*++p;
		p++;
		hi = lo;
		if (p[0] == '-' && p[1] && p[1] != ']') {
			p++;
			if (*p == '\\' && p[1])
				p++;
			hi = (unsigned char)*p++;
		}
		if (lo <= (unsigned char)c && (unsigned char)c <= hi)
			hit = true;
	}
	if (*p != ']') {
		*next = start + 1;
		return c == '[';
	}
	*next = p + 1;
	return hit != negate;
}

bool dv_glob(const char *p, const char *s)
{
	const char *star = NULL, *back = NULL;

	if (!*p)
		return true;
	while (*s) {
		const char *next = p + 1;
		bool ok;

		if (*p == '*') {
			star = ++p;
			back = s;
			continue;
		}
		if (*p == '?') {
			ok = true;
		} else if (*p == '[') {
			ok = match_class(p + 1, *s, &next);
		} else {
			if (*p == '\\' && p[1]) {
				p++;
				next = p + 1;
			}
			ok = *p == *s;
		}
		if (ok) {
			p = next;
			s++;
		} else if (star) {
			p = star;
			s = ++back;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

void dv_globber_init(struct dv_globber *g, const char *pattern)
{
	*g = (struct dv_globber){.pattern = pattern, .head = strcspn(pattern, "*?[\\"), .any = !*pattern};
	g->literal = !pattern[g->head];
}

bool dv_globber_match(const struct dv_globber *g, const char *text)
{
	if (g->any)
		return true;
	for (size_t i = 0; i < g->head; i++)
		if (g->pattern[i] != text[i]) // which ends the text, too
			return false;
	return g->literal ? !text[g->head] : dv_glob(g->pattern + g->head, text + g->head);
}

bool dv_glob_is_literal(const char *p)
{
	return !p[strcspn(p, "*?[\\")];
}
