/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test.h"
#include "type/format.h"
#include "type/type.h"

static const char *name_of(const struct dv_type *t)
{
	static char buf[256];

	return dv_type_name(t, buf, sizeof(buf));
}

static void test_base(void)
{
	static const struct {
		const char *name;
		unsigned size;
		bool is_signed;
	} cases[] = {
		{"int", 4, true}, {"unsigned", 4, false}, {"long unsigned int", 8, false},
		{"unsigned long", 8, false}, {"short int", 2, true}, {"char", 1, true}, {"unsigned char", 1, false},
		{"long long", 8, true}, {"long long unsigned int", 8, false}, {"uint32_t", 4, false},
		{"int64_t", 8, true}, {"size_t", 8, false}, {"uintptr_t", 8, false}, {"pid_t", 4, true},
		{"_Bool", 1, false}, {"signed", 4, true},
	};

	for (size_t i = 0; i < DV_COUNT(cases); i++) {
		const struct dv_type *t = dv_type_resolve(dv_type_base_by_name(cases[i].name));

		REQUIRE(t);
		CHECK(dv_type_is_integer(t));
		CHECK_EQ(t->size, cases[i].size);
		CHECK_EQ(t->is_signed, cases[i].is_signed);
	}
	CHECK(!dv_type_base_by_name("unsigned double"));
	CHECK(!dv_type_base_by_name("long long long"));
	CHECK(!dv_type_base_by_name("nothing"));
	CHECK(!dv_type_base_by_name(""));
	CHECK_EQ(dv_type_resolve(dv_type_base_by_name("float"))->kind, DV_TYPE_FLOAT);
	CHECK(dv_type_equal(dv_type_base_by_name("uint64_t"), dv_type_base_by_name("unsigned long long")));
	CHECK(!dv_type_equal(dv_type_int(4, true), dv_type_int(4, false)));
}

static void test_derived(void)
{
	const struct dv_type *first[200];
	const struct dv_type *i = dv_type_int(4, true);

	CHECK(dv_type_ptr(i) == dv_type_ptr(i));
	CHECK(dv_type_array(i, 3) == dv_type_array(i, 3));
	CHECK(dv_type_array(i, 3) != dv_type_array(i, 4));
	CHECK_EQ(dv_type_array(i, 3)->size, 12);
	for (uint32_t n = 0; n < 200; n++)
		first[n] = dv_type_array(i, 1000 + n);
	for (uint32_t n = 0; n < 200; n++)
		CHECK(first[n] == dv_type_array(i, 1000 + n));
	CHECK_STR(name_of(dv_type_ptr(i)), "int *");
	CHECK_STR(name_of(dv_type_ptr(dv_type_ptr(dv_type_void()))), "void **");
	CHECK_STR(name_of(dv_type_array(dv_type_char(), 16)), "char[16]");
	CHECK_STR(name_of(dv_type_ptr(dv_type_array(i, 2))), "int (*)[2]");
	CHECK_STR(name_of(dv_type_array(dv_type_ptr(i), 2)), "int *[2]");
	CHECK(dv_type_is_string(dv_type_array(dv_type_char(), 16)));
	CHECK(!dv_type_is_string(dv_type_array(i, 16)));
}

static void do_complete(void *ctx, struct dv_type *t)
{
	static struct dv_member m[2];

	m[0] = (struct dv_member){"a", dv_type_int(4, true), 0, 0};
	m[1] = (struct dv_member){NULL, ctx, 64, 0};
	t->members = m;
	t->count = 2;
}

static void test_members(void)
{
	static const struct dv_type_source_ops ops = {.complete = do_complete};
	static struct dv_member inner[2];
	struct dv_universe *u = dv_universe_create(1, "test", &ops, NULL);
	struct dv_type *s = dv_type_new(u, DV_TYPE_STRUCT, "s", 24), *anon = dv_type_new(u, DV_TYPE_UNION, NULL, 16);
	struct dv_type *loop = dv_type_new(u, DV_TYPE_STRUCT, "loop", 8),
		       *td = dv_type_new(u, DV_TYPE_TYPEDEF, "td", 0);
	uint64_t off = 0;

	u->ctx = anon;
	inner[0] = (struct dv_member){"b", dv_type_int(8, true), 0, 0};
	inner[1] = (struct dv_member){"bits", dv_type_int(4, false), 3, 5};
	anon->members = inner;
	anon->count = 2;
	s->incomplete = true;
	CHECK(dv_type_member(s, "b", &off));
	CHECK_EQ(off, 64);
	CHECK_EQ(dv_type_member(s, "bits", &off)->bit_size, 5);
	CHECK_EQ(off, 67);
	CHECK(dv_type_member(s, "a", &off));
	CHECK_EQ(off, 0);
	CHECK(!dv_type_member(s, "none", &off));
	CHECK_STR(name_of(dv_type_ptr(s)), "struct s *");
	CHECK_STR(name_of(anon), "union <anonymous>");
	// Types that contain themselves must end.
	struct dv_member in[2] = {{NULL, loop, 0, 0}, {NULL, loop, 0, 0}};
	loop->members = in;
	loop->count = 2;
	CHECK(!dv_type_member(loop, "x", &off));
	td->ref = td;
	CHECK_EQ(dv_type_resolve(td)->kind, DV_TYPE_VOID);
	dv_universe_destroy(u);
}

static void format_case(const char *fmt, const char *want)
{
	char got[256] = "";
	size_t count = 0, n = 0;
	const char *msg = NULL;
	uint32_t at = 0;
	struct dv_conv *c = dv_format_parse(fmt, strlen(fmt), &count, &msg, &at);

	if (!c)
		snprintf(got, sizeof(got), "%u: %s", at, msg);
	for (size_t i = 0; c && i < count; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "[%.*s|%s%s%s%s%s%s%s%s|%d%s|%d%s|%s%c]",
				      (int)c[i].text_len, c[i].text, c[i].left ? "-" : "", c[i].plus ? "+" : "",
				      c[i].blank ? " " : "", c[i].alt ? "#" : "", c[i].zero ? "0" : "",
				      c[i].thousands ? "'" : "", c[i].ptr_width ? "?" : "", c[i].agg ? "@" : "",
				      c[i].width, c[i].width_star ? "*" : "", c[i].has_prec ? c[i].prec : -1,
				      c[i].prec_star ? "*" : "", c[i].size, c[i].letter ? c[i].letter : '.');
	CHECK_STR(got, want);
	free(c);
}

static void test_format(void)
{
	format_case("", "");
	format_case("abc", "[abc||0|-1|.]");
	format_case("a %d b", "[a ||0|-1|d][ b||0|-1|.]");
	format_case("%-+ #0'?12.5llx", "[|-+ #0'?|12|5|llx]");
	format_case("%*.*s", "[||0*|0*|s]");
	format_case("%@d", "[|@|0|-1|d]");
	format_case("%-20s%@8u\n", "[|-|20|-1|s][|@|8|-1|u][\n||0|-1|.]");
	format_case("100%% of %s", "[100%||0|-1|.][ of ||0|-1|s]");
	format_case("%Y %a %k", "[||0|-1|Y][ ||0|-1|a][ ||0|-1|k]");
	format_case("%", "0: conversion is not complete: a letter is missing after %");
	format_case("ab%5", "2: conversion is not complete: a letter is missing after %");
	format_case("%n", "0: %n is not part of D");
	format_case("%2$d", "0: positional arguments (%n$) are not part of D");
	format_case("%99999d", "0: field width is too large");
	format_case("%.99999d", "0: precision is too large");
	format_case("x%q", "1: unknown conversion");
}

int main(void)
{
	test_base();
	test_derived();
	test_members();
	test_format();
	return test_done();
}
