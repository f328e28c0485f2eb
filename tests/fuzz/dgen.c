/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dgen_impl.h"

// Bytes from which on all is kept simple. The kernel takes a second over a long program, and refuses many.
#define LONG_TEXT   6000u
#define KERNEL_TEXT 2600u // of these the declarations have some 1600

const char *const int_types[INT_TYPES] = {"int", "int64_t", "char", "uint8_t", "short", "uint16_t", "unsigned int", "uint64_t",
					  "long long", "signed char"};

static bool spent(const struct dgen *g)
{
	return !g->random && g->p == g->end;
}

unsigned pick(struct dgen *g, unsigned n)
{
	if (spent(g))
		return 0;
	if (!g->random)
		return *g->p++ % n;
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return (unsigned)(g->random >> 20) % n;
}

bool chance(struct dgen *g, unsigned one_in)
{
	return !spent(g) && pick(g, one_in) == one_in - 1;
}

void put(struct dgen *g, const char *fmt, ...)
{
	va_list ap;
	int n;

	for (;;) {
		va_start(ap, fmt);
		n = vsnprintf(g->text + g->len, g->room - g->len, fmt, ap);
		va_end(ap);
		if (n < 0)
			abort();
		if ((size_t)n < g->room - g->len)
			break;
		g->room = 2 * g->room + (size_t)n;
		g->text = realloc(g->text, g->room);
		if (!g->text)
			abort();
	}
	g->len += (size_t)n;
}

const char *int_type(struct dgen *g)
{
	return int_types[pick(g, INT_TYPES)];
}

bool tired(const struct dgen *g)
{
	return g->depth > (g->how.placed ? 5 : 4) || g->len > (g->how.placed ? LONG_TEXT : KERNEL_TEXT);
}

bool wrong(struct dgen *g)
{
	static const char *const things[] = {
		"nosuch", "self->nosuch", "this->nosuch", "`nosuch", "(struct nosuch *)0", "@a0", "1.5", "'", "\"", "(", ")",
		"}", "count()", "printf(\"%d\")", "args[9]", "uregs[1", "s0", "*0", "&g0", "sizeof(struct nosuch)", "08", "0x",
		"$1", "$nosuch", "xlate <x0_t>(\"a\")", "xlate <int>(1)", "g0()", "strlen(1)", "copyin()", "curthread->nosuch",
		"s0.nosuch", "g0->x", "-\"a\"", "\"a\" + 1", "!s0", "s0 == s0", "a0", "a0[1]", "g0[1]", "1 = 2", "\"a\"++",
		"panic()", "alloca()", "(void)1", "1 ? s0 : 2", "in1[]", "in1[1, 2]", "in1", "db`nosuch`x", "nomachine`a`b",
		"/", "*/", "/*", "#", "\\", "\x01", "\xff", ";", "{", "struct S0", "int", "if", "self", "this", "0xfffffffffffffffff",
		"defined(", "1 / 0", "1 % 0", "99999999999999999999", "'abcdefghi'", "(string)1", "(struct S0)1", "bytes[1]",
		"`bytes[300]", "`bytes[-1]", "`do_thing()", "`do_thing = 1", "pid = 1", "(x0_t)1", "(x0_t *)1",
	};

	if (!g->how.wrong || !chance(g, 250))
		return false;
	put(g, "%s", things[pick(g, sizeof(things) / sizeof(*things))]);
	return true;
}

// A token taken out, doubled, or put in another's place, behind the settings.
static void disturb(struct dgen *g, size_t head)
{
	size_t room = g->len - head, at = head + (pick(g, 256) * 256u + pick(g, 256)) % room;
	size_t to = head + (pick(g, 256) * 256u + pick(g, 256)) % room, n = strcspn(g->text + at, " ()[];,\n");

	n = n ? n : 1;
	switch (pick(g, 3)) {
	case 0:
		memmove(g->text + at, g->text + at + n, g->len - at - n + 1);
		g->len -= n;
		break;
	case 1:
		put(g, "%.*s", (int)n, "................................"); // room for it
		memmove(g->text + at + n, g->text + at, g->len - n - at);
		break;
	default:
		n = to + n > g->len ? g->len - to : n;
		n = at + n > g->len ? g->len - at : n;
		memmove(g->text + to, g->text + at, n);
		break;
	}
}

char *dgen_program(const uint8_t *data, size_t size, const struct dgen_how *how)
{
	struct dgen g = {.how = *how, .p = data, .end = data + size, .room = 4096};
	static const unsigned strsizes[] = {256, 64, 16, 100, 1024};
	unsigned clauses;
	size_t head;

	g.text = malloc(g.room);
	if (!g.text)
		abort();
	if (size <= 16) {
		uint64_t seed[2] = {0};

		memcpy(seed, data, size);
		g.random = (seed[0] * 0x9e3779b97f4a7c15u ^ seed[1] * 0xda942042e4dd58b5u) + 0x2545f4914f6cdd1du;
		g.random = g.random ? g.random : 1;
		for (int i = 0; i < 20; i++)
			pick(&g, 2);
	}
	put(&g, "// run: strsize %u\n", strsizes[pick(&g, 5)]);
	if (how->placed)
		put(&g, "// run: place\n// run: destructive\n");
	if (chance(&g, 3))
		put(&g, "// run: -q off\n");
	head = g.len;
	declarations(&g);
	clauses = 1 + pick(&g, how->placed ? 6 : 3);
	for (unsigned i = 0; i < clauses && !(i && spent(&g)); i++)
		clause(&g, i);
	missing(&g);
	for (unsigned i = how->wrong && chance(&g, 8) ? 1 + pick(&g, 3) : 0; i; i--)
		disturb(&g, head);
	return g.text;
}
