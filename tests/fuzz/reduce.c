/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reduce.h"

#include <stdlib.h>
#include <string.h>

struct reducer {
	char *text;
	reduce_test *fails;
	void *ctx;
	unsigned tries;
};

// The text without [from, to), with `with` in its place; taken over if it fails too.
static bool cut(struct reducer *r, size_t from, size_t to, const char *with)
{
	size_t n = strlen(r->text), w = strlen(with);
	char *t;

	if (!r->tries || to - from <= w)
		return false;
	r->tries--;
	t = malloc(n - (to - from) + w + 1);
	if (!t)
		abort();
	memcpy(t, r->text, from);
	memcpy(t + from, with, w);
	memcpy(t + from + w, r->text + to, n - to + 1);
	if (!r->fails(r->ctx, t)) {
		free(t);
		return false;
	}
	free(r->text);
	r->text = t;
	return true;
}

// Where line `i` begins; the text's end if there are not so many.
static size_t line_at(const char *text, size_t i)
{
	const char *p = text;

	while (i-- && *p) {
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return (size_t)(p - text);
}

static size_t line_count(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n' || !text[1];
	return n;
}

static bool drop_lines(struct reducer *r)
{
	bool any = false;

	for (size_t chunk = line_count(r->text) / 2; chunk; chunk /= 2)
		for (size_t i = 0; i < line_count(r->text);) {
			if (cut(r, line_at(r->text, i), line_at(r->text, i + chunk), ""))
				any = true;
			else
				i += chunk;
		}
	return any;
}

static size_t closing(const char *text, size_t at, char open, char close)
{
	unsigned deep = 0;

	for (; text[at]; at++) {
		deep += text[at] == open;
		if (text[at] == close && !--deep)
			return at;
	}
	return 0;
}

// A clause or an if with all that is in it; then without its first and last line.
static bool drop_braces(struct reducer *r)
{
	bool any = false;

	for (size_t i = 0; i < line_count(r->text); i++) {
		size_t from = line_at(r->text, i), next = line_at(r->text, i + 1), end;
		const char *brace = memchr(r->text + from, '{', next - from);

		if (!brace)
			continue;
		end = closing(r->text, (size_t)(brace - r->text), '{', '}');
		if (!end)
			continue;
		end += strcspn(r->text + end, "\n");
		end += r->text[end] == '\n';
		// A clause's head is on the line before.
		if (cut(r, i && *brace == r->text[from] ? line_at(r->text, i - 1) : from, end, "") || cut(r, from, end, "")) {
			any = true;
			continue;
		}
		size_t last = end - 1;

		while (last > next && r->text[last - 1] != '\n')
			last--;
		if (last > next) {
			char *body = strndup(r->text + next, last - next);

			any |= body && cut(r, from, end, body);
			free(body);
		}
	}
	return any;
}

static bool shrink_parentheses(struct reducer *r)
{
	static const char *const with[] = {"(1)", "(0)", "(\"\")", "1", "0", "\"\"", "g0", "str0"};
	bool any = false;

	for (size_t i = 0; r->text[i]; i++) {
		size_t end;
		bool cut_it = false;

		if (r->text[i] != '(')
			continue;
		end = closing(r->text, i, '(', ')');
		if (!end)
			continue;
		for (size_t k = 0; k < sizeof(with) / sizeof(*with) && !cut_it; k++)
			cut_it = cut(r, i, end + 1, with[k]);
		// What is in it, in its place; one side of an operator or a list.
		if (!cut_it) {
			char *body = strndup(r->text + i + 1, end - i - 1);

			cut_it = body && cut(r, i, end + 1, body);
			free(body);
		}
		for (size_t k = i + 1; k < end && !cut_it; k++)
			if (r->text[k] == ' ') {
				char *body = strndup(r->text + k + 1, end - k - 1), *head = strndup(r->text + i + 1, k - i - 1);

				cut_it = (body && cut(r, i + 1, end, body)) || (head && cut(r, i + 1, end, head));
				free(body);
				free(head);
			}
		any |= cut_it;
	}
	return any;
}

char *reduce(const char *text, reduce_test *fails, void *ctx, unsigned tries)
{
	struct reducer r = {strdup(text), fails, ctx, tries};
	bool any = r.text != NULL;

	while (any && r.tries) {
		any = drop_lines(&r);
		any |= drop_braces(&r);
		any |= shrink_parentheses(&r);
	}
	return r.text;
}
