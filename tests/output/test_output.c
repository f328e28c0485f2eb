/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Golden text. The consumer is a stand-in: rows and values come from tables here. */
#include "lib/test.h"

#include <time.h>

#include "output/out.h"

/* -- a stand-in for the consumer ------------------------------------------------------------------------------ */

static struct dv_agg_row rows[8][16];
static const struct dv_agg_row *row_ptrs[8][16];
static size_t row_count[8];
static uint64_t normals[8];
static unsigned cleared;

size_t dv_aggs_rows(struct dv_consumer *c, uint32_t agg, const struct dv_agg_row ***ret)
{
	for (size_t i = 0; i < row_count[agg]; i++)
		if (!row_ptrs[agg][i])
			row_ptrs[agg][i] = &rows[agg][i];
	*ret = row_ptrs[agg];
	return row_count[agg];
}

void dv_aggs_clear(struct dv_consumer *c, uint32_t agg)
{
	cleared |= 1u << agg;
}

void dv_aggs_keep(struct dv_consumer *c, uint32_t agg, const struct dv_agg_row *const *keep, size_t count)
{
	for (size_t i = 0; i < count; i++)
		row_ptrs[agg][i] = keep[i];
	row_count[agg] = count;
}

void dv_aggs_normalize(struct dv_consumer *c, uint32_t agg, uint64_t factor)
{
	normals[agg] = factor;
}

uint64_t dv_aggs_normal(const struct dv_consumer *c, uint32_t agg)
{
	return normals[agg] ? normals[agg] : 1;
}

/* Test records: an array of values, one after the other. */
bool dv_cursor_int(struct dv_cursor *c, struct dv_value *ret)
{
	if (c->p >= c->end)
		return false;
	*ret = *(const struct dv_value *)(const void *)c->p;
	c->p += sizeof(*ret);
	return ret->kind == DV_VALUE_INT;
}

bool dv_cursor_bytes(struct dv_cursor *c, struct dv_value *ret)
{
	if (c->p >= c->end)
		return false;
	*ret = *(const struct dv_value *)(const void *)c->p;
	c->p += sizeof(*ret);
	return ret->kind == DV_VALUE_BYTES;
}

#define INT(x) ((struct dv_value){.kind = DV_VALUE_INT, .i = (uint64_t)(x)})
#define STR(s) ((struct dv_value){.kind = DV_VALUE_BYTES, .bytes = (s), .size = sizeof(s) - 1})

/* -- helpers -------------------------------------------------------------------------------------------------- */

static char *text;
static size_t text_size;

static void open_out(struct dv_output *o)
{
	free(text);
	text = NULL;
	o->f = open_memstream(&text, &text_size);
}

static const char *close_out(struct dv_output *o)
{
	fclose(o->f);
	return text;
}

/** A record with one action over @p n fields. */
static const char *record(struct dv_output *o, struct dv_action a, const struct dv_field *fields,
			  const struct dv_value *values, uint32_t n, bool several, bool *exits)
{
	struct dv_program p = {.actions = &a, .action_count = 1, .fields = (struct dv_field *)fields, .field_count = n};
	struct dv_event e = {.machine = 3,
			     .data = {.p = (const uint8_t *)values, .end = (const uint8_t *)(values + n)}};
	struct dv_out_probe probe = {
	    .machine = "web", .several = several, .cpu = 1, .id = 42, .func = "vfs_read", .name = "entry"};
	struct dv_conv *convs = NULL;
	const char *msg;
	int status = -1;
	uint32_t at;
	bool r;

	if (a.format) {
		convs = dv_format_parse(a.format, strlen(a.format), &a.conv_count, &msg, &at);
		a.convs = convs;
		REQUIRE(convs);
	}
	a.field_count = a.field_count ? a.field_count : n;
	open_out(o);
	r = dv_output_record(o, NULL, &p, &probe, &e, &status);
	free(convs);
	CHECK_EQ(r, status != -1);
	if (exits)
		*exits = r;
	return close_out(o);
}

static void check_format(int line, const char *format, struct dv_value v, const struct dv_type *type, const char *want)
{
	struct dv_output o = {.quiet = true};
	struct dv_field f = {.kind = v.kind == DV_VALUE_INT ? DV_FIELD_INT : DV_FIELD_STR, .type = type};
	const char *got =
	    record(&o, (struct dv_action){.kind = DV_ACT_PRINTF, .format = format}, &f, &v, 1, false, NULL);

	if (strcmp(got, want))
		fprintf(stderr, "line %d: ", line);
	CHECK_STR(got, want);
}
#define FORMAT(...) check_format(__LINE__, __VA_ARGS__)

static void lookup(void *ctx, const struct dv_addr *a, struct dv_addr_name *ret)
{
	if (a->addr == 5)
		return;
	snprintf(ret->module, sizeof(ret->module), "vmlinux");
	snprintf(ret->symbol, sizeof(ret->symbol), "f%u", a->machine);
}

static void test_printf(void)
{
	const struct dv_type *s4 = dv_type_int(4, true), *u4 = dv_type_int(4, false), *s8 = dv_type_int(8, true),
			     *u8 = dv_type_int(8, false);
	const struct dv_type *s1 = dv_type_int(1, true), *s2 = dv_type_int(2, true), *str = dv_type_string();
	struct dv_output o = {.quiet = true, .lookup = lookup};
	struct dv_field two[3] = {{DV_FIELD_INT, s4}, {DV_FIELD_INT, s4}, {DV_FIELD_STR, str}};
	struct dv_field f = {.kind = DV_FIELD_INT, .type = dv_type_void_ptr()};
	struct dv_value v;

	FORMAT("%d", INT(-5), s4, "-5");
	FORMAT("[%5d]", INT(-5), s4, "[   -5]");
	FORMAT("[%-5d]", INT(-5), s4, "[-5   ]");
	FORMAT("[%05d]", INT(-5), s4, "[-0005]");
	FORMAT("[%+d]", INT(5), s4, "[+5]");
	FORMAT("[% d]", INT(5), s4, "[ 5]");
	FORMAT("[%.3d]", INT(5), s4, "[005]");
	FORMAT("%i", INT(-1), s8, "-1");
	FORMAT("%d", INT(-1), u8, "18446744073709551615");
	FORMAT("%d", INT(0xffffffff), u4, "4294967295");
	FORMAT("%u", INT(-1), s4, "4294967295");
	FORMAT("%x", INT(-1), s4, "ffffffff");
	FORMAT("%x", INT(-1), s1, "ff");
	FORMAT("%X", INT(-1), s2, "FFFF");
	FORMAT("%#x", INT(255), s8, "0xff");
	FORMAT("%o", INT(8), s4, "10");
	FORMAT("%lld %%", INT(1ull << 40), s8, "1099511627776 %");
	FORMAT("%hhd", INT(0x1ff), s4, "-1");
	FORMAT("%hx", INT(0x12345), s4, "2345");
	FORMAT("%p", INT(0xffff888000001000), dv_type_void_ptr(), "ffff888000001000");
	FORMAT("[%?x]", INT(0xabc), u8, "[             abc]");
	FORMAT("%c", INT('A'), s4, "A");
	FORMAT("[%3c]", INT('A'), s1, "[  A]");
	FORMAT("%c", INT(27), s4, "\\033");
	FORMAT("%C", INT('\n'), s4, "\\n");
	FORMAT("%s", STR("text"), str, "text");
	FORMAT("[%8s]", STR("text"), str, "[    text]");
	FORMAT("[%-8s]", STR("text"), str, "[text    ]");
	FORMAT("[%.2s]", STR("text"), str, "[te]");
	FORMAT("[%6.2s]", STR("text"), str, "[    te]");
	FORMAT("%s", STR("a\033[31mb\r\x7f\n\tc"), str, "a\\033[31mb\\015\\177\n\tc");
	FORMAT("\a%s", STR("x"), str, "\ax");
	FORMAT("%s", STR("ab\0cd"), str, "ab");
	FORMAT("%s",
	       STR("Gr\xc3\xbc\xc3\x9f"
		   "e"),
	       str,
	       "Gr\xc3\xbc\xc3\x9f"
	       "e");
	FORMAT("%s",
	       STR("\xc2\x9b"
		   "31m"),
	       str, "\\302\\23331m");
	FORMAT("%s", STR("\xff\xc3"), str, "\\377\\303");
	FORMAT("%s",
	       STR("\xe2\x80\xae"
		   "x"),
	       str, "\\342\\200\\256x");
	FORMAT("%S", STR("a\n\"\\\x01\xc3"), str, "a\\n\\\"\\\\\\001\\303");
	FORMAT("%Y", INT(1000000000ull * 1000000000), s8, "2001 Sep  9 01:46:40");
	FORMAT("[%25Y]", INT(0), s8, "[     1970 Jan  1 00:00:00]");
	FORMAT("%T", INT(0), s8, "Thu, 01 Jan 1970 00:00:00 UTC");
	FORMAT("%d", STR("text"), str, "text");
	FORMAT("no values", INT(0), s4, "no values");
	FORMAT("%d and %d", INT(1), s4, "1 and ");
	// widths from values
	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_PRINTF, .format = "[%*d]"}, two,
			 (struct dv_value[]){INT(5), INT(7)}, 2, false, NULL),
		  "[    7]");
	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_PRINTF, .format = "[%*d]"}, two,
			 (struct dv_value[]){INT(-5), INT(7)}, 2, false, NULL),
		  "[7    ]");
	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_PRINTF, .format = "[%*.*s]"}, two,
			 (struct dv_value[]){INT(-6), INT(3), STR("abcdef")}, 3, false, NULL),
		  "[abc   ]");
	CHECK_EQ(strlen(record(&o, (struct dv_action){.kind = DV_ACT_PRINTF, .format = "%*d"}, two,
			       (struct dv_value[]){INT(INT32_MAX), INT(7)}, 2, false, NULL)),
		 OUT_WIDTH_MAX);
	v = INT(0x10);
	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_PRINTF, .format = "[%20a]"}, &f, &v, 1, false, NULL),
		  "[     vmlinux`f3+0x10]");
	v = INT(5);
	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_PRINTF, .format = "%a"}, &f, &v, 1, false, NULL), "0x5");
}

static void test_record(void)
{
	struct dv_output o = {0}, q = {.quiet = true}, raw = {.rawbytes = true, .quiet = true};
	const struct {
		unsigned size;
		bool sgn;
		int64_t v;
		const char *text;
	} ints[] = {
	    {8, true, -1, "                  -1"},
	    {8, false, -1, " 18446744073709551615"},
	    {4, true, -1, "         -1"},
	    {4, false, 7, "          7"},
	    {2, true, -3, "    -3"},
	    {2, false, 65535, " 65535"},
	    {1, true, -128, " -128"},
	    {1, false, 9, "   9"},
	};
	struct dv_action trace = {.kind = DV_ACT_TRACE};
	struct dv_field f;
	struct dv_value v;
	bool exits;
	char want[128];

	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_DEFAULT}, NULL, NULL, 0, false, NULL),
		  "CPU     ID                    FUNCTION:NAME\n"
		  "  1     42                   vfs_read:entry \n");
	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_DEFAULT}, NULL, NULL, 0, false, NULL),
		  "  1     42                   vfs_read:entry \n");
	o.flow_heading_done = false;
	CHECK_STR(record(&o, (struct dv_action){.kind = DV_ACT_DEFAULT}, NULL, NULL, 0, true, NULL),
		  "MACHINE    CPU     ID                    FUNCTION:NAME\n"
		  "web          1     42                   vfs_read:entry \n");
	for (size_t i = 0; i < DV_COUNT(ints); i++) {
		f = (struct dv_field){DV_FIELD_INT, dv_type_int(ints[i].size, ints[i].sgn)};
		v = INT(ints[i].v);
		snprintf(want, sizeof(want), "  1     42                   vfs_read:entry %s\n", ints[i].text);
		CHECK_STR(record(&o, trace, &f, &v, 1, false, NULL), want);
		CHECK_STR(record(&q, trace, &f, &v, 1, false, NULL), ints[i].text + strspn(ints[i].text, " "));
	}
	f = (struct dv_field){DV_FIELD_STR, dv_type_string()};
	v = STR("sh\033");
	CHECK_STR(record(&o, trace, &f, &v, 1, false, NULL),
		  "  1     42                   vfs_read:entry   sh\\033                           \n");
	CHECK_STR(record(&q, trace, &f, &v, 1, false, NULL), "sh\\033");
	f = (struct dv_field){DV_FIELD_MEM, dv_type_array(dv_type_int(1, false), 18)};
	v = STR("0123456789abcdef\001~");
	CHECK_STR(record(&q, trace, &f, &v, 1, false, NULL),
		  "\n             0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f  0123456789abcdef\n"
		  "         0: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n"
		  "        10: 01 7e                                            .~\n");
	f = (struct dv_field){DV_FIELD_INT, dv_type_int(2, false)};
	v = INT(0x4142);
	CHECK_STR(record(&raw, trace, &f, &v, 1, false, NULL),
		  "\n             0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f  0123456789abcdef\n"
		  "         0: 42 41                                            BA\n");
	f = (struct dv_field){DV_FIELD_INT, dv_type_int(4, true)};
	v = INT(3);
	record(&o, (struct dv_action){.kind = DV_ACT_EXIT}, &f, &v, 1, false, &exits);
	CHECK(exits);
	// a record that ends too early prints what there is
	CHECK_STR(record(&q, (struct dv_action){.kind = DV_ACT_PRINTF, .format = "%d,%d", .field_count = 2},
			 (struct dv_field[]){f, f}, &v, 1, false, NULL),
		  "3,");
}

/* -- aggregations --------------------------------------------------------------------------------------------- */

static void reset(void)
{
	memset(row_count, 0, sizeof(row_count));
	memset(row_ptrs, 0, sizeof(row_ptrs));
	memset(normals, 0, sizeof(normals));
	cleared = 0;
}

static void add(uint32_t agg, const struct dv_value *keys, uint32_t n, const int64_t *data)
{
	rows[agg][row_count[agg]++] = (struct dv_agg_row){.keys = keys, .key_count = n, .data = data, .data_words = 1024, .agg = agg};
}

static const char *show(struct dv_output *o, const struct dv_agg *a)
{
	open_out(o);
	dv_output_agg(o, NULL, a);
	return close_out(o);
}

static const char *printa(struct dv_output *o, const char *format, const struct dv_agg **aggs, uint32_t n)
{
	return record(o, (struct dv_action){.kind = DV_ACT_PRINTA, .format = format, .aggs = aggs, .agg_count = n},
		      NULL, NULL, 0, false, NULL);
}

#define BAR_HEAD "\n           value  ------------- Distribution ------------- count    \n"

static void test_distributions(void)
{
	struct dv_agg q = {.id = 0, .defined = true, .desc.func = DV_AGG_QUANTIZE};
	struct dv_agg l = {
	    .id = 1, .defined = true, .desc = {.func = DV_AGG_LQUANTIZE, .base = 0, .step = 10, .levels = 3}};
	struct dv_output o = {.quiet = true};
	int64_t d[DV_QUANTIZE_BUCKETS] = {0}, ld[5] = {0};

	reset();
	add(0, NULL, 0, d);
	add(1, NULL, 0, ld);
	CHECK_STR(show(&o, &q), "\n" BAR_HEAD "              -1 |                                         0        \n"
				"               0 |                                         0        \n"
				"               1 |                                         0        \n\n");
	d[64 + 3] = 3; // 8
	d[64 + 4] = 1; // 16
	CHECK_STR(show(&o, &q), "\n" BAR_HEAD "               4 |                                         0        \n"
				"               8 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@           3        \n"
				"              16 |@@@@@@@@@@                               1        \n"
				"              32 |                                         0        \n\n");
	normals[0] = 2;
	d[62] = 4; // -1
	CHECK_STR(show(&o, &q), "\n" BAR_HEAD "              -2 |                                         0        \n"
				"              -1 |@@@@@@@@@@@@@@@@@@@@                     2        \n"
				"               0 |                                         0        \n"
				"               1 |                                         0        \n"
				"               2 |                                         0        \n"
				"               4 |                                         0        \n"
				"               8 |@@@@@@@@@@@@@@@                          1        \n"
				"              16 |@@@@@                                    0        \n"
				"              32 |                                         0        \n\n");
	d[64] = INT64_MIN; // by -1 it has no quotient
	normals[0] = UINT64_MAX;
	CHECK(strstr(show(&o, &q), " -1 "));
	normals[0] = 1;
	memset(d, 0, sizeof(d));
	d[0] = 1;
	d[1] = 1;
	CHECK_STR(show(&o, &q),
		  "\n" BAR_HEAD "-4611686018427387904 |@@@@@@@@@@@@@@@@@@@@                     1        \n"
		  "-2305843009213693952 |@@@@@@@@@@@@@@@@@@@@                     1        \n"
		  "-1152921504606846976 |                                         0        \n\n");
	memset(d, 0, sizeof(d));
	d[64] = -2;
	CHECK_STR(show(&o, &q), "\n" BAR_HEAD "               0                                         | 0        \n"
				"               1 @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@| -2       \n"
				"               2                                         | 0        \n\n");
	d[65] = 2;
	CHECK_STR(show(&o, &q), "\n" BAR_HEAD "               0                     |                     0        \n"
				"               1           @@@@@@@@@@|                     -2       \n"
				"               2                     |@@@@@@@@@@           2        \n"
				"               4                     |                     0        \n\n");
	CHECK_STR(show(&o, &l), "\n" BAR_HEAD "             < 0 |                                         0        \n"
				"               0 |                                         0        \n"
				"              10 |                                         0        \n\n");
	ld[0] = 1;
	ld[2] = 2;
	ld[4] = 1;
	CHECK_STR(show(&o, &l), "\n" BAR_HEAD "             < 0 |@@@@@@@@@@                               1        \n"
				"               0 |                                         0        \n"
				"              10 |@@@@@@@@@@@@@@@@@@@@                     2        \n"
				"              20 |                                         0        \n"
				"           >= 30 |@@@@@@@@@@                               1        \n\n");
}

static void test_aggs(void)
{
	static const struct dv_value k_sh[] = {STR("sh"), INT(7)}, k_cat[] = {STR("cat"), INT(-1)},
				     k_init[] = {STR("in\033it"), INT(1)};
	static const int64_t n1[] = {1}, n5[] = {5}, n5b[] = {5}, avg[] = {4, -10, 0, 0}, sd[] = {4, 20, 120, 0},
			     m[] = {INT64_MIN};
	struct dv_agg c = {.id = 0,
			   .name = "c",
			   .defined = true,
			   .key_count = 2,
			   .desc.func = DV_AGG_COUNT,
			   .key_types = {dv_type_string(), dv_type_int(4, true)}};
	struct dv_agg a = {.id = 1,
			   .defined = true,
			   .key_count = 2,
			   .desc.func = DV_AGG_AVG,
			   .key_types = {dv_type_string(), dv_type_int(4, true)}};
	struct dv_agg s = {.id = 2, .defined = true, .desc.func = DV_AGG_STDDEV},
		      x = {.id = 3, .defined = true, .desc.func = DV_AGG_MAX};
	struct dv_output o = {.quiet = true}, rev = {.quiet = true, .aggsortrev = true},
			 bykey = {.quiet = true, .aggsortkey = true};
	const struct dv_agg *both[] = {&c, &a}, *one[] = {&c}, *all[] = {&c, &a, &s, &x};
	struct dv_field f = {DV_FIELD_INT, dv_type_int(8, true)};
	struct dv_action act = {.aggs = one, .agg_count = 1};
	struct dv_value v;

	reset();
	add(0, k_sh, 2, n5);
	add(0, k_cat, 2, n5b);
	add(0, k_init, 2, n1);
	add(1, k_cat, 2, avg);
	add(2, NULL, 0, sd);
	add(3, NULL, 0, m);
	CHECK_STR(show(&o, &c), "\n"
				"  in\\033it                                                  1                1\n"
				"  cat                                                      -1                5\n"
				"  sh                                                        7                5\n");
	CHECK_STR(show(&rev, &c), "\n"
				  "  sh                                                        7                5\n"
				  "  cat                                                      -1                5\n"
				  "  in\\033it                                                  1                1\n");
	CHECK_STR(show(&bykey, &c), "\n"
				    "  cat                                                      -1                5\n"
				    "  in\\033it                                                  1                1\n"
				    "  sh                                                        7                5\n");
	bykey.aggsortkeypos = 1; // compared as unsigned, as dtrace does
	CHECK_STR(printa(&bykey, "%s ", one, 1), "in\\033it sh cat ");
	CHECK_STR(printa(&o, "%-5s|%3d|%@5d|\n", one, 1), "in\\033it|  1|    1|\ncat  | -1|    5|\nsh   |  7|    5|\n");
	CHECK_STR(printa(&o, "%@d %s\n", both, 2), "1 in\\033it\n5 cat\n5 sh\n");
	CHECK_STR(printa(&o, "%s %d %@d %@d %@d\n", both, 2), "in\\033it 1 1 0 0\ncat -1 5 -2 -2\nsh 7 5 0 0\n");
	CHECK_STR(printa(&o, NULL, both, 2),
		  "\n"
		  "  in\\033it                                                  1                1                0\n"
		  "  cat                                                      -1                5               -2\n"
		  "  sh                                                        7                5                0\n");
	o.aggsortpos = 1;
	CHECK_STR(printa(&o, "%s ", both, 2), "cat in\\033it sh ");
	o.aggsortpos = 0;
	CHECK_STR(show(&o, &s), "\n                2\n");
	CHECK_STR(show(&o, &x), "\n -9223372036854775808\n");
	// those that printa() printed are not printed at the end
	open_out(&o);
	dv_output_all_aggs(&o, NULL, all, 4);
	CHECK_STR(close_out(&o), "\n                2\n -9223372036854775808\n");
	open_out(&o);
	dv_output_all_aggs(&o, NULL, NULL, 0);
	CHECK_STR(close_out(&o), "\n");

	v = INT(5);
	act.kind = DV_ACT_NORMALIZE;
	CHECK_STR(record(&o, act, &f, &v, 1, false, NULL), "");
	CHECK_STR(printa(&o, "%@d ", one, 1), "0 1 1 ");
	v = INT(0);
	record(&o, act, &f, &v, 1, false, NULL);
	CHECK_EQ(normals[0], 1);
	normals[0] = 3;
	act.kind = DV_ACT_DENORMALIZE;
	record(&o, act, NULL, NULL, 0, false, NULL);
	CHECK_EQ(normals[0], 1);
	act.kind = DV_ACT_CLEAR;
	record(&o, act, NULL, NULL, 0, false, NULL);
	CHECK_EQ(cleared, 1);
	act.kind = DV_ACT_TRUNC;
	v = INT(2);
	record(&o, act, &f, &v, 1, false, NULL);
	CHECK_STR(printa(&o, "%s ", one, 1), "cat sh ");
	v = INT(-1);
	record(&o, act, &f, &v, 1, false, NULL);
	CHECK_STR(printa(&o, "%s ", one, 1), "cat ");
	record(&o, act, NULL, NULL, 0, false, NULL);
	CHECK_EQ(row_count[0], 0);
	CHECK_STR(show(&o, &c), "\n");
}

/* -- print() -------------------------------------------------------------------------------------------------- */

static void test_print(void)
{
	struct dv_universe *u = dv_universe_create(9, "t", NULL, NULL);
	static const struct dv_enumerator en[] = {{"FIRST", 1}, {"SECOND\033", 2}};
	struct dv_type *e = dv_type_new(u, DV_TYPE_ENUM, "eh", 4), *anon = dv_type_new(u, DV_TYPE_UNION, NULL, 8);
	struct dv_type *inner = dv_type_new(u, DV_TYPE_STRUCT, "in", 16),
		       *t = dv_type_new(u, DV_TYPE_STRUCT, "out", 64);
	struct dv_type *td = dv_type_new(u, DV_TYPE_TYPEDEF, "u16_t", 2),
		       *bad = dv_type_new(u, DV_TYPE_STRUCT, "bad", 8);
	struct dv_member um[] = {{"c", dv_type_int(1, false), 0, 0}, {"d", dv_type_int(8, false), 0, 0}};
	struct dv_member im[] = {{"next", dv_type_ptr(inner), 0, 0}, {"z", dv_type_int(8, true), 64, 0}};
	struct dv_member tm[] = {
	    {"a", dv_type_int(4, true), 0, 0},
	    {"b", dv_type_array(dv_type_char(), 5), 32, 0},
	    {"h", e, 96, 0},
	    {NULL, anon, 128, 0},
	    {"in", inner, 192, 0},
	    {"v", dv_type_array(dv_type_int(4, false), 3), 320, 0},
	    {"f1", dv_type_int(4, false), 416, 3},
	    {"f2", dv_type_int(4, true), 419, 4},
	    {"t", td, 432, 0},
	    {"zero", dv_type_int(4, true), 448, 0},
	    {"beyond", dv_type_int(8, true), 508, 0},
	};
	struct dv_member bm[] = {{"x", bad, 0, 0}, {"y", bad, 0, 0}};
	struct dv_field f2[] = {{DV_FIELD_INT, dv_type_void_ptr()}, {DV_FIELD_MEM, t}},
			f = {DV_FIELD_INT, dv_type_int(4, true)};
	struct dv_output o = {.quiet = true};
	uint8_t b[64] = {0};
	struct dv_value v[2] = {INT(0xffff888000001000), {.kind = DV_VALUE_BYTES, .bytes = (char *)b, .size = 64}};
	struct dv_action print = {.kind = DV_ACT_PRINT};

	e->is_signed = true;
	e->enums = en;
	e->count = 2;
	anon->members = um;
	anon->count = 2;
	inner->members = im;
	inner->count = 2;
	td->ref = dv_type_int(2, false);
	t->members = tm;
	t->count = DV_COUNT(tm);
	bad->members = bm;
	bad->count = 2;
	b[0] = 0xfe;
	b[1] = b[2] = b[3] = 0xff;
	memcpy(b + 4, "te\033t", 4);
	b[12] = 2;
	b[16] = 21;
	b[17] = 1;
	b[24] = 0x10;
	b[44] = 9;
	b[52] = 5 | (0xe << 3);
	b[54] = 7;
	CHECK_STR(record(&o, print, f2, v, 2, false, NULL),
		  "0xffff888000001000 = *\n"
		  "                                            (struct out) {\n"
		  "                                             .a = (int)-2,\n"
		  "                                             .b = (char [5]) [\n"
		  "                                              (char)'t',\n"
		  "                                              (char)'e',\n"
		  "                                              (char)27,\n"
		  "                                              (char)'t',\n"
		  "                                             ],\n"
		  "                                             .h = (enum eh)SECOND\\033,\n"
		  "                                             (union) {\n"
		  "                                              .c = (unsigned char)21,\n"
		  "                                              .d = (unsigned long)277,\n"
		  "                                             },\n"
		  "                                             .in = (struct in) {\n"
		  "                                              .next = (struct in *)0x10,\n"
		  "                                             },\n"
		  "                                             .v = (unsigned int [3]) [\n"
		  "                                              (unsigned int)9,\n"
		  "                                             ],\n"
		  "                                             .f1 = (unsigned int)5,\n"
		  "                                             .f2 = (int)-2,\n"
		  "                                             .t = (u16_t)7,\n"
		  "                                            }\n");
	// fewer bytes than the type says
	v[1].size = 8;
	CHECK_STR(record(&o, print, f2, v, 2, false, NULL),
		  "0xffff888000001000 = *\n"
		  "                                            (struct out) {\n"
		  "                                             .a = (int)-2,\n"
		  "                                            }\n");
	// a structure that contains itself, twice: bounded
	f2[1].type = bad;
	CHECK(strlen(record(&o, print, f2, v, 2, false, NULL)) < 8 << 20);
	v[0] = INT(-5);
	CHECK_STR(record(&o, print, &f, v, 1, false, NULL), "(int)-5\n");
	f = (struct dv_field){DV_FIELD_STR, dv_type_string()};
	v[0] = STR("a\"\n");
	CHECK_STR(record(&o, print, &f, v, 1, false, NULL), "(string)\"a\\\"\\n\"\n");
	dv_universe_destroy(u);
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	test_printf();
	test_record();
	test_distributions();
	test_aggs();
	test_print();
	free(text);
	return test_done();
}
