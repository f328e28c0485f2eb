/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Declarations. The names are always the same, so that the other files need not look them up:
 *
 *	S0 .. S2, S0_t             structures or unions, with members m0 ...
 *	s0 .. s2, self->ss0, this->ts0, sa[int] (of S0), sv (an array of S1)
 *	g0 .. g5, u0, u1           integers; u0 and u1 are not declared
 *	str0, str1, self->str, this->str, strv (an array), as[string]
 *	n0, self->n, this->n       struct node *
 *	a0[int], a1[string, int], a2[int] (strings), self->a[int], ga (an array)
 *	in0 (a constant), in1[int], in2[string, int], in3[struct node *, int]
 *	E0A ...                    enumerators
 *	x0_t                       a structure with translators from struct node * and int
 *	and, if the program has "more", what more() declares: rarer forms, each once
 */
#include "dgen_impl.h"

static void member(struct dgen *g, struct shape *s, unsigned at, unsigned which)
{
	struct member *m = &s->m[at];

	// A pointer's bits are another machine's affair: in a union they would be numbers.
	switch (s->is_union && !g->how.placed ? pick(g, 5) : pick(g, 8)) {
	default:
		m->kind = K_INT;
		put(g, "\t%s m%u;\n", int_type(g), at);
		break;
	case 2:
		m->kind = K_INT;
		m->bits = (uint8_t)(1 + pick(g, 31));
		put(g, "\t%s m%u : %u;\n", pick(g, 2) ? "int" : "uint64_t", at, m->bits);
		if (chance(g, 4))
			put(g, "\tint : 0;\n");
		break;
	case 3:
		m->kind = K_INT;
		m->array = (uint8_t)(1 + pick(g, 5));
		put(g, "\t%s m%u[%u];\n", int_type(g), at, m->array);
		break;
	case 4:
		m->kind = K_TEXT;
		put(g, "\tchar m%u[%u];\n", at, 1 + pick(g, 20));
		break;
	case 5:
		m->kind = K_NODE;
		s->pointers = true;
		put(g, "\tstruct node *m%u;\n", at);
		break;
	case 6:
	case 7:
		if (!which) {
			m->kind = K_INT;
			put(g, "\tint m%u;\n", at);
			break;
		}
		m->kind = K_STRUCT;
		m->sub = (uint8_t)pick(g, which);
		s->pointers |= g->shapes[m->sub].pointers;
		m->array = chance(g, 3) ? 2 : 0;
		put(g, "\tstruct S%u m%u%s;\n", m->sub, at, m->array ? "[2]" : "");
		break;
	}
}

static void shapes(struct dgen *g)
{
	for (unsigned i = 0; i < STRUCTS; i++) {
		struct shape *s = &g->shapes[i];

		s->count = (uint8_t)(1 + pick(g, MEMBERS));
		put(g, "struct S%u {\n", i);
		if (chance(g, 5)) {
			s->is_union = true;
			put(g, "union {\n");
		}
		for (unsigned k = 0; k < s->count; k++)
			member(g, s, k, i);
		if (s->is_union)
			put(g, "};\n");
		put(g, "};\n");
		put(g, "typedef struct S%u S%u_t;\n", i, i);
	}
}

static void variables(struct dgen *g)
{
	for (unsigned i = 0; i < 6; i++)
		put(g, "%s g%u;\n", int_type(g), i);
	put(g, "string str0, str1;\nself string str;\nthis string str;\nstring as[string];\nstring strv[3];\n");
	put(g, "struct node *n0;\nself struct node *n;\nthis struct node *n;\n");
	put(g, "%s a0[int];\n%s a1[string, int];\nstring a2[int];\nself %s a[int];\n%s ga[4];\n", int_type(g), int_type(g),
	    int_type(g), int_type(g));
	put(g, "self %s i0;\nthis %s i0;\nthis int *m;\n", int_type(g), int_type(g));
	put(g, "struct S0 s0;\nS1_t s1;\nstruct S2 s2;\nself struct S0 ss0;\nthis struct S1 ts0;\nstruct S0 sa[int];\nstruct S1 sv[3];\n");
	put(g, "enum E0 { E0A%s, E0B = %d, E0C };\n", pick(g, 2) ? "" : " = 3", (int)pick(g, 200) - 100);
}

static void more(struct dgen *g)
{
	put(g, "int m2d[2][3];\ntypedef uint16_t t3_t[3];\nstruct ST { t3_t a[2]; const char c; volatile long v; int (*f)(int, char *); } st3;\n");
	put(g, "int (*fp)(int);\nuserland char *up;\nself struct S1 many[int, string];\nthis struct S2 *sp;\nself S0_t *np;\n");
	put(g, "enum { ANON = %u, ANOTHER };\nunion U0 { S0_t s; uint8_t b[8]; uint32_t w[2]; } u9;\n", pick(g, 9));
	put(g, "struct { int x, y; struct { uint8_t lo : 4, hi : 4; } z; } anon;\nself struct node *ring[int];\nthis t3_t loc;\n");
	put(g, "struct node *kept[string];\nunsigned long long ull;\nlong int li;\nchar c9[12];\nself char c8[8];\n");
	if (chance(g, 3))
		put(g, "#pragma D binding \"1.0\" in1\n#pragma ident \"x\"\n");
}

static void inlines(struct dgen *g)
{
	put(g, "inline %s in0 = ", int_type(g));
	literal(g);
	put(g, ";\ninline %s in1[int p] = (p ", int_type(g));
	put(g, "%s ", pick(g, 2) ? "*" : "+");
	e_int(g);
	put(g, ");\ninline string in2[string p, int q] = q ? p : ");
	e_str(g);
	put(g, ";\ninline struct node *in3[struct node *p, int q] = q ? p->next : p;\n");
}

static void translators(struct dgen *g)
{
	put(g, "typedef struct x0 { int64_t xi; string xs; char xt[6]; uint16_t xh; struct node *xn; } x0_t;\n");
	put(g, "translator x0_t < struct node *N > {\n\txi = N->value + ");
	e_int(g);
	put(g, ";\n\txs = N == NULL ? \"none\" : ");
	e_str(g);
	put(g, ";\n\txt = ");
	e_str(g);
	put(g, ";\n\txh = N->value;\n\txn = N->next;\n};\n");
	put(g, "translator x0_t < int I > {\n\txi = I;\n\txs = lltostr(I);\n\txh = I + %u;\n};\n", pick(g, 70));
}

void declarations(struct dgen *g)
{
	static const char *const options[] = {"quiet", "aggsortkey", "bufsize=1m", "dynvarsize=8m", "nspec=4", "agghist",
					      "stackframes=3", "strsize=256"};

	while (chance(g, 3))
		put(g, "#pragma D option %s\n", options[pick(g, 8)]);
	shapes(g);
	variables(g);
	g->more = pick(g, 2);
	if (g->more)
		more(g);
	for (unsigned i = 0; i < AGGS; i++) {
		static const char kinds[] = "iisk";
		unsigned n = pick(g, 4);

		g->aggs[i].func = (uint8_t)pick(g, 9);
		for (unsigned k = 0; k < n; k++)
			g->aggs[i].keys[k] = kinds[pick(g, g->how.placed ? 4 : 3)];
	}
	g->constant = true;
	g->depth = 4;
	inlines(g);
	translators(g);
	if (chance(g, 4))
		put(g, "provider dtrace { probe BEGIN(int a, struct node *b) : (int64_t a, x0_t *b); };\n");
	if (chance(g, 4))
		put(g, "#pragma D attributes Stable/Stable/Common in1\n");
	g->depth = 0;
	g->constant = false;
}
