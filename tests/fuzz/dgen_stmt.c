/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dgen_impl.h"

static void tabs(struct dgen *g)
{
	put(g, "%.*s", 1 + (int)g->depth, "\t\t\t\t\t\t");
}

static void printf_stmt(struct dgen *g)
{
	static const char *const ints[] = {"%d", "%u", "%x", "%o", "%i", "%5d", "%-5d|", "%05d", "%c", "%#x", "%+d",
					   "%.3d", "%X"};
	static const char *const strs[] = {"%s", "%10s", "%-10s|", "%.3s", "%.0s"};
	unsigned n = pick(g, 5);
	uint8_t what[5];

	put(g, "printf(\"");
	for (unsigned i = 0; i < n; i++) {
		what[i] = (uint8_t)pick(g, g->how.placed ? 6 : 3);
		if (what[i] < 2)
			put(g, "%s ", ints[pick(g, sizeof(ints) / sizeof(*ints))]);
		else if (what[i] == 2)
			put(g, "%s ", strs[pick(g, 5)]);
		else
			put(g, "%s ", (const char *[]){"%p", "%a", "%Y"}[what[i] - 3]);
	}
	put(g, "%s\\n\"", pick(g, 2) ? "" : "%%.");
	for (unsigned i = 0; i < n; i++) {
		put(g, ", ");
		if (what[i] == 5 || (what[i] < 2 && pick(g, 2)))
			put(g, "(int64_t)");
		if (what[i] < 2 || what[i] == 5)
			e_int(g);
		else if (what[i] == 2)
			e_str(g);
		else
			e_node(g);
	}
	put(g, ");\n");
}

static void agg_keys(struct dgen *g, const struct agg *a)
{
	for (unsigned i = 0; a->keys[i]; i++) {
		put(g, i ? ", " : "[");
		if (a->keys[i] == 'i') {
			e_int(g);
			put(g, " & 7");
		} else if (a->keys[i] == 's') {
			e_str(g);
		} else {
			put(g, "stack(%u)", 1 + pick(g, 4));
		}
	}
	put(g, "%s", a->keys[0] ? "]" : "");
}

static void define(struct dgen *g, unsigned i)
{
	static const char *const funcs[] = {"count", "sum", "min", "max", "avg", "stddev", "quantize", "lquantize", "llquantize"};
	struct agg *a = &g->aggs[i];

	a->defined = true;
	put(g, "@a%u", i);
	agg_keys(g, a);
	put(g, " = %s(", funcs[a->func]);
	if (a->func)
		e_int(g);
	if (a->func == 7)
		put(g, ", -10, 100, 7");
	if (a->func == 8)
		put(g, ", 10, 0, 6, 20");
	if (a->func >= 6 && chance(g, 3)) {
		put(g, ", ");
		e_int(g);
	}
	put(g, ");\n");
}

static void agg_stmt(struct dgen *g)
{
	define(g, pick(g, AGGS));
}

static unsigned use(struct dgen *g)
{
	unsigned i = pick(g, AGGS);

	g->aggs[i].used = true;
	return i;
}

void missing(struct dgen *g)
{
	g->in_error = g->scratch = false;
	put(g, "tick-3s\n{\n");
	for (unsigned i = 0; i < AGGS; i++)
		if (g->aggs[i].used && !g->aggs[i].defined) {
			put(g, "\t");
			define(g, i);
		}
	put(g, "}\n");
}

static void printa_stmt(struct dgen *g)
{
	unsigned i = use(g);
	const struct agg *a = &g->aggs[i];

	if (pick(g, 2)) {
		put(g, "printa(@a%u);\n", i);
		return;
	}
	put(g, "printa(\"");
	for (unsigned k = 0; a->keys[k]; k++)
		put(g, "%s ", a->keys[k] == 'i' ? "%d" : a->keys[k] == 's' ? "%s" : "%k");
	put(g, "%%@d\\n\", @a%u);\n", i);
}

static void structure_stmt(struct dgen *g)
{
	unsigned which = pick(g, STRUCTS), n = pick(g, 7);

	if ((n == 2 || n == 4) && g->shapes[which].pointers && !g->how.placed)
		n = 1; // which knows a pointer when it sees one
	switch (n) {
	default:
		lv_struct(g, which);
		put(g, " = ");
		lv_struct(g, which);
		put(g, ";\n");
		break;
	case 1:
		put(g, "print(");
		lv_struct(g, which);
		put(g, ");\n");
		break;
	case 2:
		put(g, "trace(");
		lv_struct(g, which);
		put(g, ");\n");
		break;
	case 3:
		lv_struct(g, which);
		put(g, " = *(struct S%u *)&`bytes;\n", which);
		break;
	case 4:
		put(g, "tracemem(&s%u, sizeof(s%u));\n", which, which);
		break;
	case 5:
		put(g, "print(xlate <x0_t>(");
		if (g->how.placed)
			e_node(g);
		else
			put(g, "(int)%u", pick(g, 9));
		put(g, "));\n");
		break;
	case 6:
		put(g, "bcopy(&`bytes, %s, %u);\n", g->scratch ? "this->m" : "alloca(40)", pick(g, 50));
		break;
	}
}

// What is said to aggregations, and other things of the consumer.
static void consumer_stmt(struct dgen *g, bool record)
{
	switch (pick(g, record ? 9 : 5)) {
	default:
		put(g, "clear(@a%u);\n", use(g));
		break;
	case 1:
		put(g, "trunc(@a%u, %d);\n", use(g), (int)pick(g, 5) - 2);
		break;
	case 2:
		put(g, "normalize(@a%u, %u);\n", use(g), 1 + pick(g, 9));
		break;
	case 3:
		put(g, "denormalize(@a%u);\n", use(g));
		break;
	case 4:
		put(g, "setopt(\"quiet\");\n");
		break;
	case 5:
		put(g, "tracemem(&`bytes, %u);\n", 1 + pick(g, 64));
		break;
	case 6:
		put(g, "exit(%u);\n", pick(g, 3));
		break;
	case 7:
		if (g->how.placed)
			put(g, "%s(%s);\n", (const char *[]){"stack", "ustack", "jstack"}[pick(g, 3)], pick(g, 2) ? "" : "3");
		else
			put(g, "trace(1);\n");
		break;
	case 8:
		if (!g->how.placed)
			put(g, "trace(\"t\");\n");
		else if (pick(g, 2))
			put(g, "%s(`do_thing);\n", (const char *[]){"sym", "mod", "func"}[pick(g, 3)]);
		else
			put(g, "%s;\n", (const char *[]){"copyoutstr(\"hello\", 0x400100, 4)", "raise(1)", "chill(10)",
							 "copyout(&`bytes, 0x400000, 8)"}[pick(g, 4)]);
		break;
	}
}

// With what more() declared. %: an integer.
static void more_stmt(struct dgen *g, bool record)
{
	static const char *const forms[] = {
		"m2d[1][2] = %", "m2d[(uint8_t)(%) % 2][0] += %", "st3.a[1][2]++", "st3.v -= %", "fp = 0", "g0 = fp == NULL",
		"up = (userland char *)0x400000", "g1 = up[3]", "self->many[1, \"a\"] = s1", "self->many[1, \"a\"] = 0",
		"sv[1] = self->many[%, \"b\"]", "this->sp = &s2", "s2 = *this->sp", "self->np = &s0", "s0 = *self->np",
		"g2 = ANON + ANOTHER", "u9.s = s0", "u9.b[(uint8_t)(%) % 8] = %", "g3 = u9.w[1]", "anon.z.lo = anon.z.hi + %",
		"anon.x = anon.y++", "self->ring[% & 3] = &`first_node", "n0 = self->ring[% & 3]++", "this->loc[1] = %",
		"kept[\"a\"] = n0", "g4 = kept[\"a\"]->value", "ull = % * %", "li = ull >> (% & 63)", "c9 = execname",
		"self->c8 = c9", "str0 = c9", "c9[3] = %", "g5 = sizeof(anon) + sizeof(m2d) + sizeof(t3_t)",
		"str1 = strjoin(c9, self->c8)", "g0 = c9 == \"tester\"", "g1 = (m2d[0][1] = %) + st3.c", "u9.w[0] <<= %",
		"g0 = offsetof(struct ST, v)", "copyinto(0x400000, 4, alloca(8))", "g0 = self->np == &s0", "n0 += 1", "n0--",
	};
	static const char *const records[] = {"print(anon)", "trace(m2d)", "print(u9)", "trace(c9)", "tracemem(&`bytes, 16, % & 31)",
					      "printf(\"%%s %%d %%p\\n\", c9, m2d[1][1], 0)", "print(m2d)", "print(st3.a)",
					      "ftruncate()", "printa(@a0)", "printf(\"%%c%%*d\\n\", %, 5, g3)"};
	const char *f = record && pick(g, 3) == 0 ? records[pick(g, sizeof(records) / sizeof(*records))]
						  : forms[pick(g, sizeof(forms) / sizeof(*forms))];

	if (strstr(f, "u9") && g->shapes[0].pointers && !g->how.placed)
		f = "ull = ull"; // a pointer's bits
	if (strstr(f, "@a0"))
		g->aggs[0].used = true;
	for (; *f; f++) {
		if (*f != '%') {
			put(g, "%c", *f);
		} else if (f[1] == '%') {
			put(g, "%%");
			f++;
		} else if (f[1] == ' ' && (f[2] == '2' || f[2] == '8')) {
			put(g, "%%");
		} else {
			put(g, "(");
			e_int(g);
			put(g, ")");
		}
	}
	put(g, ";\n");
}

static void statement(struct dgen *g, bool record, bool aggregate);

static void if_stmt(struct dgen *g, bool record, bool aggregate)
{
	put(g, "if (");
	e_int(g);
	put(g, ") {\n");
	g->depth++;
	for (unsigned i = 1 + pick(g, 3); i; i--)
		statement(g, record, aggregate);
	g->depth--;
	if (pick(g, 2)) {
		tabs(g);
		put(g, "} else {\n");
		g->depth++;
		statement(g, record, aggregate);
		g->depth--;
	}
	tabs(g);
	put(g, "}\n");
}

static void statement(struct dgen *g, bool record, bool aggregate)
{
	if (tired(g) || g->depth > 3) {
		tabs(g);
		put(g, "g0++;\n");
		return;
	}
	if (g->depth == 0 && record && chance(g, 12)) {
		fold(g);
		return;
	}
	tabs(g);
	switch (pick(g, g->more ? 21 : 18)) {
	default:
		lv_int(g);
		put(g, " = ");
		e_int(g);
		put(g, ";\n");
		break;
	case 2:
		e_int(g);
		put(g, ";\n");
		break;
	case 3:
	case 4:
		lv_str(g);
		put(g, " = ");
		e_str(g);
		put(g, ";\n");
		break;
	case 5:
		lv_node(g);
		put(g, " = ");
		e_node(g);
		put(g, ";\n");
		break;
	case 6:
	case 7:
	case 8:
		if (record)
			printf_stmt(g);
		else
			put(g, "g1++;\n");
		break;
	case 9:
		put(g, record ? "trace(" : "(");
		if (pick(g, 2))
			e_int(g);
		else
			e_str(g);
		put(g, ");\n");
		break;
	case 10:
	case 11:
	case 12:
		if (aggregate)
			agg_stmt(g);
		else
			put(g, "g2--;\n");
		break;
	case 13:
		if (record && aggregate)
			printa_stmt(g);
		else
			put(g, "g3 = !g3;\n");
		break;
	case 14:
		if (record && aggregate)
			consumer_stmt(g, record);
		else
			put(g, "g4 = g3;\n");
		break;
	case 15:
		if_stmt(g, record, aggregate);
		break;
	case 16:
		if (record)
			structure_stmt(g);
		else
			put(g, "s0 = s0;\n");
		break;
	case 18:
	case 19:
	case 20:
		more_stmt(g, record && aggregate);
		break;
	case 17:
		if (pick(g, 2)) {
			put(g, "u%u++;\n", pick(g, 2));
		} else {
			lv_int(g);
			put(g, " = 0;\n");
		}
		break;
	}
}

static void heading(struct dgen *g, unsigned index)
{
	static const char *const probes[] = {"BEGIN", "tick-1s", "tick-2s", "END", "BEGIN, tick-1s", "dtrace:::BEGIN", "vm:dtrace::BEGIN",
					     "ERROR"};
	unsigned n = index ? pick(g, 8) : 0;

	g->in_error = n == 7;
	g->scratch = false;
	put(g, "%s\n", probes[n]);
	if (pick(g, 3))
		return;
	put(g, "/");
	e_int(g);
	put(g, "/\n");
}

void clause(struct dgen *g, unsigned index)
{
	unsigned n = 1 + pick(g, g->how.placed ? 10 : 6);
	bool record = true, aggregate = true;

	heading(g, index);
	put(g, "{\n");
	if (!index)
		put(g, "\tu0 += 1;\n\tu1++;\n");
	if (chance(g, 3)) {
		put(g, "\tthis->m = (int *)alloca(64);\n");
		g->scratch = true;
	}
	switch (g->in_error ? 0 : pick(g, 10)) {
	case 6:
		put(g, "\tg5 = speculation();\n");
		break;
	case 7:
		put(g, "\tspeculate(g5);\n");
		aggregate = false;
		break;
	case 8:
		put(g, "\tcommit(g5);\n");
		record = aggregate = false;
		break;
	case 9:
		put(g, "\tdiscard(g5);\n");
		break;
	default:
		break;
	}
	while (n--)
		statement(g, record, aggregate);
	put(g, "}\n");
}
