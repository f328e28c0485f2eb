// SPDX-License-Identifier: GPL-2.0-or-later
// The run-time state's functions one by one, in one thread.
#include "tests/state/region.h"

static struct region r;
static struct dv_st st;
static struct dv_producer *p;

static uint64_t cell(uint32_t n)
{
	return DV_GLOBALS_OFF + 64 + n * 8;
}

static const char *str(uint64_t sref)
{
	return sref ? (const char *)r.base + sref : "";
}

static uint32_t fault(void)
{
	uint32_t f = p->fault;

	p->fault = 0;
	return f;
}

static void test_setup(void)
{
	struct dv_region_config c = region_defaults;
	struct dv_producer save;
	const char *why;

	c.prod_count = DV_PROD_MAX;
	c.ring_size = 64 << 20;
	CHECK_EQ(dv_region_size(&c), 0);
	c = region_defaults;
	c.globals_size = DV_CONSTS_OFF;
	CHECK_EQ(dv_region_size(&c), 0);
	CHECK_EQ(r.size & (r.size - 1), 0);
	CHECK(!dv_region_check(r.base, r.size / 2, &why));
	CHECK(!dv_region_check(r.base, r.size - 8, &why));
	CHECK(dv_region_producer(r.base, r.size, 8) == NULL);
	save = *p;
	p->ring_size = 3000;
	CHECK(!dv_region_check(r.base, r.size, &why));
	CHECK_STR(why, "a producer in the state region is damaged");
	*p = save;
	p->agg_off[1] = (uint32_t)r.size - 64;
	CHECK(!dv_region_check(r.base, r.size, &why));
	*p = save;
	CHECK(dv_region_check(r.base, r.size, &why));
}

// Producers of sizes of their own lie one behind the other, each where the region says.
static void test_sizes(void)
{
	struct dv_producer_size sizes[8] = {[2] = {.ring = 8192}, [3] = {.agg = 8192}, [4] = {5000, 100}};
	struct dv_region_config c = region_defaults;
	struct dv_producer *q, *next;
	struct region small;
	uint64_t all = 0;

	c.sizes = sizes;
	small = region_make(&c);
	CHECK(small.size <= r.size);
	for (uint32_t i = 0; i < 8; i++) {
		q = region_prod(&small, i);
		CHECK_EQ(q->ring_size, i == 2 || i == 4 ? 8192 : c.ring_size);
		CHECK_EQ(q->agg_size, i == 3 ? 8192 : i == 4 ? 4096 : c.agg_size);
		CHECK(q->agg_slots * 4 < q->agg_size);
		next = i < 7 ? region_prod(&small, i + 1) : NULL;
		CHECK(q->agg_off[0] == q->ring_off + q->ring_size && q->agg_off[1] == q->agg_off[0] + q->agg_size);
		CHECK(q->scratch_off >= q->agg_off[1] + q->agg_size && q->key_off >= q->this_off + q->this_size);
		CHECK(!next || next->ring_off >= q->key_off + q->key_size);
		all += q->ring_size + 2 * q->agg_size;
	}
	CHECK_EQ(all, 6 * c.ring_size + 12 * c.agg_size + 2 * 8192 + 2 * 8192 + 2 * 4096);
	region_free(&small);
}

// Threads and processes of the host, and the guests that they serve.
static void test_serves(void)
{
	uint64_t s;
	uint32_t off;

	CHECK_EQ(dv_st_serves(&st, 100, 90), 0);
	CHECK_EQ(dv_st_serves(&st, 0, 0), 0);
	CHECK(dv_region_serve(r.base, r.size, 90, 1, -1));
	CHECK(dv_region_serve(r.base, r.size, 100, 1, 0));
	CHECK(dv_region_serve(r.base, r.size, 101, 1, 7));
	CHECK(dv_region_serve(r.base, r.size, 200, 63, -1));
	CHECK(!dv_region_serve(r.base, r.size, 0, 1, 0));
	s = dv_st_serves(&st, 100, 90);
	CHECK(s && DV_SERVES_MACHINE(s) == 1 && DV_SERVES_VCPU(s) == 0);
	s = dv_st_serves(&st, 101, 90);
	CHECK(s && DV_SERVES_MACHINE(s) == 1 && DV_SERVES_VCPU(s) == 7);
	s = dv_st_serves(&st, 95, 90); // another thread of that process
	CHECK(s && DV_SERVES_MACHINE(s) == 1 && DV_SERVES_VCPU(s) == -1);
	s = dv_st_serves(&st, 201, 200);
	CHECK(s && DV_SERVES_MACHINE(s) == 63 && DV_SERVES_VCPU(s) == -1);
	CHECK_EQ(dv_st_serves(&st, 300, 300), 0);
	// The same thread, another virtual CPU.
	CHECK(dv_region_serve(r.base, r.size, 101, 1, 2));
	s = dv_st_serves(&st, 101, 90);
	CHECK(DV_SERVES_VCPU(s) == 2);
	dv_region_unserve(r.base, r.size, 1);
	CHECK(dv_st_serves(&st, 101, 90) == 0 && dv_st_serves(&st, 1, 200) != 0);
	// Full as it may get, again and again: what is in is found, and nothing else.
	for (uint32_t round = 0; round < 5; round++) {
		uint32_t base = 1000 + round * 3333, in = 0;

		for (uint32_t i = 0; i < DV_SERVES_SLOTS / 2; i++)
			in += dv_region_serve(r.base, r.size, base + i * 3, 2 + i % 8, (int)(i % 100));
		CHECK_EQ(in, DV_SERVES_SLOTS / 2);
		for (uint32_t i = 0; i < DV_SERVES_SLOTS / 2; i++) {
			s = dv_st_serves(&st, base + i * 3, 0);
			CHECK(s && DV_SERVES_MACHINE(s) == 2 + i % 8 && DV_SERVES_VCPU(s) == (int)(i % 100));
			CHECK_EQ(dv_st_serves(&st, base + i * 3 + 1, 0), 0);
		}
		for (uint32_t m = 0; m < 10; m++)
			dv_region_unserve(r.base, r.size, m);
		CHECK_EQ(dv_st_serves(&st, base, 0), 0);
	}
	for (uint32_t i = 0; i < 3 * DV_SERVES_SLOTS; i++)
		dv_region_serve(r.base, r.size, 300 + i, 5, -1); // full: it is refused, and ends
	dv_region_unserve(r.base, r.size, 5);
	CHECK(dv_st_serves(&st, 1, 200) != 0);
	// A table that says it is elsewhere is not written to.
	off = dv_region_hdr(r.base)->serves_off;
	dv_region_hdr(r.base)->serves_off = (uint32_t)r.size - 64;
	CHECK(!dv_region_serve(r.base, r.size, 5, 5, 5));
	dv_st_serves(&st, 5, 6);
	dv_region_unserve(r.base, r.size, 5);
	dv_region_hdr(r.base)->serves_off = off;
}

static void test_begin(void)
{
	uint64_t seq = dv_st_begin(&st), word;

	CHECK(seq != 0);
	CHECK(p->inflight != 0 && p->inflight <= seq);
	CHECK_EQ(dv_st_begin(&st), 0);
	CHECK_EQ(p->drops[DV_DROP_NEST], 1);
	dv_st_st(&st, dv_st_this(&st, 8), 77);
	CHECK_EQ(dv_st_ld(&st, dv_st_this(&st, 8)), 77);
	CHECK_EQ(dv_st_this(&st, 64), 0);
	dv_st_end(&st);
	CHECK_EQ(p->inflight, 0);
	CHECK_EQ(dv_st_begin(&st), seq + 1);
	CHECK_EQ(dv_st_ld(&st, dv_st_this(&st, 8)), 0);
	CHECK_EQ(dv_st_number(&st), seq + 1);
	dv_st_end(&st);
	// Without a number, until it asks for one.
	CHECK(dv_st_begin_unnumbered(&st) != 0);
	word = p->inflight;
	CHECK(word > DV_UNNUMBERED);
	CHECK_EQ(dv_region_hdr(r.base)->seq, seq + 1);
	CHECK_EQ(dv_st_begin_unnumbered(&st), 0);
	CHECK_EQ(p->drops[DV_DROP_NEST], 2);
	dv_st_end(&st);
	CHECK(dv_st_begin_unnumbered(&st) != 0);
	CHECK(p->inflight > word);
	CHECK_EQ(dv_st_number(&st), seq + 2);
	CHECK(p->inflight && p->inflight <= seq + 2);
	CHECK_EQ(dv_st_number(&st), seq + 2);
	dv_st_end(&st);
	CHECK_EQ(p->inflight, 0);
	dv_region_hdr(r.base)->halt = 1;
	CHECK_EQ(dv_st_begin(&st), 0);
	dv_region_hdr(r.base)->halt = 0;
}

static void test_vars(void)
{
	CHECK_EQ(dv_st_ld(&st, 0), 0);
	dv_st_st(&st, 0, 5);
	dv_st_st(&st, 64, 5);
	CHECK_EQ(dv_st_ld(&st, 64), 0);
	CHECK(dv_region_hdr(r.base)->magic == DV_REGION_MAGIC);
	dv_st_st(&st, cell(0), (uint64_t)-5);
	CHECK_EQ(dv_st_ld(&st, cell(0)), -5);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_ADD, 7, DV_S64), 2);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_SUB, 4, DV_S64), -2);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_MUL, 9, DV_S32), -18);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_DIV, (uint64_t)-4, DV_S32), 4);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_SHL, 6, DV_U8), 0);
	dv_st_st(&st, cell(0), 250);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_ADD, 10, DV_U8), 4);
	dv_st_st(&st, cell(0), 127);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_ADD, 1, DV_S8), -128);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_SHR, 1, DV_S8), -64);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_MOD, 60, DV_S8), -4);
	dv_st_st(&st, cell(0), 0xffffffff);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_ADD, 1, DV_U32), 0);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_OR, 0xf0, DV_U16), 0xf0);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_AND, 0x30, DV_U16), 0x30);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_XOR, 0x11, DV_U16), 0x21);
	CHECK_EQ(fault(), 0);
	CHECK_EQ(dv_st_rmw(&st, cell(0), DV_RMW_MOD, 0, DV_U16), 0);
	CHECK_EQ(fault(), DV_FAULT_DIVZERO);
	CHECK_EQ(dv_st_rmw(&st, 0, DV_RMW_ADD, 3, DV_U16), 3);

	CHECK_EQ(dv_st_div(&st, DV_SDIV, (uint64_t)-7, 2), -3);
	CHECK_EQ(dv_st_div(&st, DV_SMOD, (uint64_t)-7, 2), -1);
	CHECK_EQ(dv_st_div(&st, DV_SMOD, 7, (uint64_t)-2), 1);
	CHECK_EQ(dv_st_div(&st, DV_UDIV, (uint64_t)-7, 2), (uint64_t)-7 / 2);
	CHECK_EQ(dv_st_div(&st, DV_UMOD, 17, 5), 2);
	CHECK_EQ(dv_st_div(&st, DV_SDIV, (uint64_t)INT64_MIN, (uint64_t)-1), INT64_MIN);
	CHECK_EQ(dv_st_div(&st, DV_SMOD, (uint64_t)INT64_MIN, (uint64_t)-1), 0);
	CHECK_EQ(dv_st_div(&st, DV_UDIV, 1, 0), 0);
	CHECK_EQ(fault(), DV_FAULT_DIVZERO);
}

// D's functions against plain C ones, for all lengths and alignments.
static void test_strings(void)
{
	char a[80], b[80], both[160];
	uint32_t i, k, off, off2;
	uint64_t sa, sb;

	CHECK_EQ(dv_st_slen(&st, 0), 0);
	CHECK_EQ(dv_st_scmp(&st, 0, 0), 0);
	CHECK_EQ(dv_st_scmp(&st, 0, region_str(&r, 0, "x")), -1);
	for (i = 0; i < 70; i++) {
		for (k = 0; k < i; k++)
			a[k] = (char)(k * 37 % 255 + 1);
		a[i] = 0;
		for (off = 0; off < 8; off++) {
			memset(r.base + DV_CONSTS_OFF, 0xff, 512);
			sa = region_str(&r, 64 + off, a);
			dv_st_clause(&st);
			CHECK_EQ(dv_st_slen(&st, sa), i > 63 ? 63 : i);
			dv_st_sts(&st, DV_GLOBALS_OFF + 1024, sa);
			CHECK_EQ(strlen(str(DV_GLOBALS_OFF + 1024)), i > 63 ? 63 : i);
			CHECK(!strncmp(str(DV_GLOBALS_OFF + 1024), a, 63));
			for (k = 0; k < 20; k++) {
				off2 = 256 + (off * 3 + k) % 8;
				memset(b, 'x', k);
				b[k] = 0;
				sb = region_str(&r, off2, b);
				dv_st_clause(&st);
				strcpy(both, a);
				both[63] = 0;
				strcat(both, b);
				both[63] = 0;
				CHECK_STR(str(dv_st_sjoin(&st, sa, sb)), both);
				strcpy(both, b);
				strcat(both, a);
				both[63] = 0;
				CHECK_STR(str(dv_st_sjoin(&st, sb, sa)), both);
			}
			strcpy(b, a);
			if (i && i < 63) {
				sb = region_str(&r, 256 + i % 8, b);
				CHECK_EQ(dv_st_scmp(&st, sa, sb), 0);
				b[i / 2] ^= 1;
				if (b[i / 2]) {
					sb = region_str(&r, 256 + i % 8, b);
					k = (unsigned char)a[i / 2] < (unsigned char)b[i / 2];
					CHECK_EQ(dv_st_scmp(&st, sa, sb), k ? -1 : 1);
					CHECK_EQ(dv_st_scmp(&st, sb, sa), k ? 1 : -1);
				}
				b[i / 2] = 0;
				sb = region_str(&r, 256, b);
				CHECK_EQ(dv_st_scmp(&st, sa, sb), 1);
				CHECK_EQ(dv_st_scmp(&st, sb, sa), -1);
			}
		}
	}
	CHECK_EQ(fault(), 0);

	sa = region_str(&r, 3, "abcdefghij");
	dv_st_clause(&st);
	CHECK_STR(str(dv_st_ssub(&st, sa, 2, 3)), "cde");
	CHECK_STR(str(dv_st_ssub(&st, sa, 2, INT64_MAX)), "cdefghij");
	CHECK_STR(str(dv_st_ssub(&st, sa, (uint64_t)-3, 2)), "hi");
	CHECK_STR(str(dv_st_ssub(&st, sa, (uint64_t)-12, 4)), "ab");
	CHECK_STR(str(dv_st_ssub(&st, sa, (uint64_t)-12, 2)), "");
	CHECK_STR(str(dv_st_ssub(&st, sa, 1, (uint64_t)-2)), "bcdefgh");
	CHECK_STR(str(dv_st_ssub(&st, sa, 1, (uint64_t)-20)), "");
	CHECK_STR(str(dv_st_ssub(&st, sa, 10, 1)), "");
	CHECK_STR(str(dv_st_ssub(&st, sa, 9, 1)), "j");
	CHECK_STR(str(dv_st_ssub(&st, sa, (uint64_t)INT64_MIN, 5)), "");
	CHECK_STR(str(dv_st_ssub(&st, sa, (uint64_t)INT64_MAX, (uint64_t)INT64_MIN)), "");
	CHECK_EQ(fault(), 0);

	// Overlapping moves.
	strcpy((char *)r.base + DV_GLOBALS_OFF + 1024, "0123456789abcdefghijklmnopq");
	dv_st_sts(&st, DV_GLOBALS_OFF + 1032, DV_GLOBALS_OFF + 1024);
	CHECK_STR(str(DV_GLOBALS_OFF + 1032), "0123456789abcdefghijklmnopq");
	dv_st_sts(&st, DV_GLOBALS_OFF + 1024, DV_GLOBALS_OFF + 1032);
	CHECK_STR(str(DV_GLOBALS_OFF + 1024), "0123456789abcdefghijklmnopq");
	dv_st_sts(&st, DV_GLOBALS_OFF + 1024, 0);
	CHECK_STR(str(DV_GLOBALS_OFF + 1024), "");

	dv_st_clause(&st);
	CHECK(dv_st_scratch(&st, 4000) != 0);
	CHECK(dv_st_scratch(&st, 96) != 0);
	CHECK_EQ(dv_st_scratch(&st, 1), 0);
	CHECK_EQ(fault(), DV_FAULT_NOSCRATCH);
	CHECK_EQ(dv_st_scratch(&st, UINT64_MAX), 0);
	CHECK_EQ(fault(), DV_FAULT_NOSCRATCH);
	dv_st_clause(&st);
}

static uint64_t elem(uint32_t var, uint32_t flags, uint64_t thread, uint64_t k, const char *s)
{
	dv_st_key(&st, k);
	if (s)
		dv_st_keys(&st, region_str(&r, 5, s));
	return dv_st_dyn(&st, var, flags, thread);
}

static void test_dyn(void)
{
	uint64_t a, b, c, i;
	uint32_t lost;

	CHECK_EQ(elem(1, 0, 0, 7, "seven"), 0);
	a = elem(1, DV_DYN_CREATE, 0, 7, "seven");
	CHECK(a != 0);
	CHECK_EQ(dv_st_ld(&st, a), 0);
	dv_st_st(&st, a, 99);
	CHECK_EQ(elem(1, 0, 0, 7, "seven"), a);
	CHECK_EQ(elem(1, 0, 0, 7, "seve"), 0);
	CHECK_EQ(elem(1, 0, 0, 8, "seven"), 0);
	CHECK_EQ(elem(2, 0, 0, 7, "seven"), 0);
	CHECK_EQ(elem(1, DV_DYN_SELF, 0, 7, "seven"), 0);
	b = dv_st_dyn(&st, 3, DV_DYN_CREATE | DV_DYN_SELF, 100);
	c = dv_st_dyn(&st, 3, DV_DYN_CREATE | DV_DYN_SELF, 101);
	CHECK(b && c && b != c && a != b);
	CHECK_EQ(dv_st_dyn(&st, 3, DV_DYN_SELF, 100), b);
	p->machine = 5;
	CHECK_EQ(dv_st_dyn(&st, 3, DV_DYN_SELF, 100), 0);
	CHECK_EQ(elem(1, 0, 0, 7, "seven"), a);
	p->machine = 0;
	dv_st_dyndel(&st, 3, DV_DYN_SELF, 100);
	CHECK_EQ(dv_st_dyn(&st, 3, DV_DYN_SELF, 100), 0);
	CHECK_EQ(dv_st_dyn(&st, 3, DV_DYN_SELF, 101), c);
	dv_st_key(&st, 7);
	dv_st_keys(&st, region_str(&r, 5, "seven"));
	dv_st_dyndel(&st, 1, 0, 0);
	CHECK_EQ(elem(1, 0, 0, 7, "seven"), 0);
	a = elem(1, DV_DYN_CREATE, 0, 7, "seven");
	CHECK_EQ(dv_st_ld(&st, a), 0);
	for (i = 0; i < 9; i++)
		dv_st_key(&st, i);
	CHECK_EQ(dv_st_dyn(&st, 1, DV_DYN_CREATE, 0), 0);
	CHECK_EQ(fault(), DV_FAULT_TUPOFLOW);
	for (i = 0; i < 1025; i++)
		dv_st_key(&st, i);
	CHECK_EQ(fault(), DV_FAULT_TUPOFLOW);
	dv_st_clause(&st);

	// Fill it up: every element that was made is found again with its value, the others are counted.
	for (i = 0; i < 1200; i++) {
		a = elem(9, DV_DYN_CREATE, 0, i, NULL);
		if (a)
			dv_st_st(&st, a, i + 1);
	}
	lost = 0;
	for (i = 0; i < 1200; i++) {
		a = elem(9, 0, 0, i, NULL);
		if (a)
			CHECK_EQ(dv_st_ld(&st, a), i + 1);
		else
			lost++;
	}
	CHECK_EQ(lost, p->drops[DV_DROP_DYN]);
	CHECK(lost >= 176 && lost < 400);
	for (i = 0; i < 1200; i++) {
		dv_st_key(&st, i);
		dv_st_dyndel(&st, 9, 0, 0);
	}
	CHECK_EQ(elem(9, 0, 0, 3, NULL), 0);
	p->drops[DV_DROP_DYN] = 0;
}

static int64_t *agg_data(uint32_t table, uint32_t agg)
{
	uint8_t *at = r.base + p->agg_off[table] + p->agg_slots * 4, *end = at + p->agg_used[table];
	struct dv_agg_entry *e;

	for (; at < end; at += e->size) {
		e = (struct dv_agg_entry *)at;
		if (e->agg == agg)
			return (int64_t *)(at + sizeof(*e) + e->key_size);
	}
	return NULL;
}

static void test_agg(void)
{
	static const struct { int64_t value; int bucket;
	} buckets[] = {
		{0, 63},           {1, 64},           {2, 65},  {3, 65},  {4, 66},  {1023, 73},     {1024, 74},
		{INT64_MAX, 126},  {-1, 62},          {-2, 61}, {-3, 61}, {-4, 60}, {INT64_MIN, 0}, {INT64_MIN + 1, 0},
		{-(1LL << 62), 0}, {-(1LL << 61), 1},
	};
	uint32_t i;
	int64_t *d;

	region_agg(&r, 0, DV_AGG_COUNT, 0, 0, 0);
	region_agg(&r, 1, DV_AGG_SUM, 0, 0, 0);
	region_agg(&r, 2, DV_AGG_MIN, 0, 0, 0);
	region_agg(&r, 3, DV_AGG_MAX, 0, 0, 0);
	region_agg(&r, 4, DV_AGG_AVG, 0, 0, 0);
	region_agg(&r, 5, DV_AGG_STDDEV, 0, 0, 0);
	region_agg(&r, 6, DV_AGG_QUANTIZE, 0, 0, 0);
	region_agg(&r, 7, DV_AGG_LQUANTIZE, -10, 5, 4);
	dv_st_begin(&st);
	for (i = 0; i < 6; i++) {
		dv_st_agg(&st, i, (uint64_t)-3, 1);
		dv_st_agg(&st, i, 5000000000, 1);
	}
	CHECK_EQ(agg_data(0, 0)[0], 2);
	CHECK_EQ(agg_data(0, 1)[0], 4999999997);
	CHECK_EQ(agg_data(0, 2)[0], -3);
	CHECK_EQ(agg_data(0, 3)[0], 5000000000);
	d = agg_data(0, 4);
	CHECK(d[0] == 2 && d[1] == 4999999997);
	d = agg_data(0, 5);
	CHECK(d[0] == 2 && d[1] == 4999999997);
	CHECK((((unsigned __int128)(uint64_t)d[3] << 64) | (uint64_t)d[2]) ==
	      (unsigned __int128)5000000000 * 5000000000 + 9);
	dv_st_agg(&st, 5, (uint64_t)INT64_MIN, 1);
	CHECK((((unsigned __int128)(uint64_t)d[3] << 64) | (uint64_t)d[2]) ==
	      (unsigned __int128)5000000000 * 5000000000 + 9 + ((unsigned __int128)1 << 126));
	for (i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
		dv_st_agg(&st, 6, (uint64_t)buckets[i].value, 1 + i * 100);
		d = agg_data(0, 6);
		CHECK(d[buckets[i].bucket] % 100 != 0 && d[buckets[i].bucket] / 100 >= i);
	}
	dv_st_agg(&st, 7, (uint64_t)-11, 1);
	dv_st_agg(&st, 7, (uint64_t)-10, 1);
	dv_st_agg(&st, 7, (uint64_t)-6, 2);
	dv_st_agg(&st, 7, 9, 1);
	dv_st_agg(&st, 7, 10, 5);
	dv_st_agg(&st, 7, INT64_MAX, 1);
	d = agg_data(0, 7);
	CHECK(d[0] == 1 && d[1] == 3 && d[2] == 0 && d[3] == 0 && d[4] == 1 && d[5] == 6);
	dv_st_end(&st);
	// Full: counted.
	dv_st_begin(&st);
	for (i = 0; i < 3000; i++) {
		dv_st_key(&st, i);
		dv_st_agg(&st, 0, 0, 1);
	}
	CHECK_EQ(p->agg_n[0] + p->drops[DV_DROP_AGG], 3000 + 8);
	CHECK(p->drops[DV_DROP_AGG] > 0);
	dv_st_end(&st);
}

// Keys that count up, in steps, and in their upper bytes find room in a table that is a third full, whatever the seed is.
static void test_spread(void)
{
	struct dv_region_config c = region_defaults;
	struct dv_producer *prod;
	struct region other;
	struct dv_st s;

	c.prod_count = 1;
	for (c.seed = 1; c.seed < 5000000; c.seed = c.seed * 3 + 1) {
		other = region_make(&c);
		region_agg(&other, 0, DV_AGG_COUNT, 0, 0, 0);
		prod = region_prod(&other, 0);
		s = region_st(&other, 0);
		for (int shape = 0; shape < 3; shape++) {
			REQUIRE(dv_st_begin(&s));
			memset(other.base + prod->agg_off[0], 0, prod->agg_size);
			prod->agg_used[0] = 0;
			for (uint64_t i = 0; i < prod->agg_slots / 3; i++) {
				dv_st_key(&s, shape == 0 ? i : shape == 1 ? i * 4096 : i << 56 | i >> 8 << 40);
				dv_st_agg(&s, 0, 0, 1);
			}
			dv_st_end(&s);
		}
		CHECK_EQ(prod->drops[DV_DROP_AGG], 0);
		region_free(&other);
	}
}

static void test_rec(void)
{
	struct dv_record *rec = (struct dv_record *)(r.base + p->ring_off);
	uint64_t seq, i;

	seq = dv_st_begin(&st);
	CHECK(dv_st_rec(&st, 8 + 16 + 16) != 0);
	dv_st_reci(&st, 42);
	dv_st_recs(&st, region_str(&r, 7, "hello there"));
	dv_st_recm(&st, region_str(&r, 100, "abcdefg"), 7);
	CHECK_EQ(p->head, 0);
	dv_st_recend(&st, 17, DV_REC_DATA);
	CHECK_EQ(p->head, 24 + 40);
	CHECK(rec->size == 64 && rec->epid == 17 && rec->seq == seq && rec->kind == DV_REC_DATA);
	CHECK(!memcmp(rec + 1, "\x2a\0\0\0\0\0\0\0\x0b\0\0\0hello there\0\x07\0\0\0abcdefg\0\0\0\0\0", 40));
	dv_st_clause(&st);
	CHECK(dv_st_rec(&st, 8) != 0);
	dv_st_reci(&st, 1);
	dv_st_reci(&st, 2);
	CHECK_EQ(fault(), DV_FAULT_BADSIZE);
	dv_st_recabort(&st);
	dv_st_recend(&st, 1, DV_REC_DATA);
	CHECK_EQ(p->head, 64);
	dv_st_error(&st, 3, DV_FAULT_BADADDR, 0x1234, 5);
	CHECK_EQ(p->head, 64 + 48);
	dv_st_end(&st);

	// Full, with a pad at the end of the ring.
	dv_st_begin(&st);
	for (i = 0; dv_st_rec(&st, 1000); i++) {
		dv_st_reci(&st, i);
		dv_st_recend(&st, 1, DV_REC_DATA);
	}
	CHECK_EQ(p->drops[DV_DROP_BUFFER], 1);
	CHECK_EQ(p->clause_drop, 1);
	CHECK_EQ(dv_st_room(&st, 1000), 0);
	CHECK_EQ(dv_st_room(&st, 100000), 1);
	CHECK_EQ(dv_st_rec(&st, UINT64_MAX), 0);
	p->tail = p->head - 64;
	CHECK_EQ(dv_st_room(&st, 1000), 1);
	CHECK(dv_st_rec(&st, 1000) == p->ring_off);
	dv_st_recend(&st, 2, DV_REC_DATA);
	CHECK_EQ(p->head & 65535, 24);
	// One that fits into the ring only from its start: the pad goes first.
	p->tail = p->head;
	CHECK_EQ(dv_st_room(&st, 65500), 0);
	CHECK_EQ(p->head & 65535, 0);
	p->tail = p->head;
	CHECK_EQ(dv_st_room(&st, 65500), 1);
	CHECK(dv_st_rec(&st, 65500) != 0);
	dv_st_end(&st);
}

static void test_bytes(void)
{
	uint64_t at = DV_GLOBALS_OFF + 512, text = DV_CONSTS_OFF + 32;

	dv_st_begin(&st);
	// Neighbours keep what they have, whatever the size and offset.
	dv_st_stn(&st, at, 8, 0x8877665544332211);
	dv_st_stn(&st, at + 2, 2, 0xabcd);
	dv_st_stn(&st, at + 4, 4, 0x12345678);
	CHECK_EQ(dv_st_ldn(&st, at, 8), 0x12345678abcd2211);
	CHECK_EQ(dv_st_ldn(&st, at + 1, 1), 0x22);
	dv_st_stn(&st, at + 5, 8, 0x0102030405060708);
	CHECK_EQ(dv_st_ldn(&st, at + 5, 8), 0x0102030405060708);
	CHECK_EQ(dv_st_ldn(&st, at + 1, 4), 0x78abcd22);
	CHECK_EQ(dv_st_ldn(&st, at + 13, 2), 0);
	// Updates, by width and sign, within a word and across two.
	dv_st_stn(&st, at, 8, 0xffff);
	CHECK_EQ(dv_st_rmwn(&st, at, DV_RMW_ADD, 1, DV_U16), 0);
	CHECK_EQ(dv_st_ldn(&st, at, 4), 0);
	CHECK_EQ((int64_t)dv_st_rmwn(&st, at + 2, DV_RMW_SUB, 3, DV_S16), -3);
	CHECK_EQ(dv_st_ldn(&st, at, 8), 0xfffd0000);
	dv_st_stn(&st, at + 8, 8, 0);
	CHECK_EQ(dv_st_rmwn(&st, at + 7, DV_RMW_ADD, 0x1ff, DV_U16), 0x1ff);
	CHECK_EQ(dv_st_ldn(&st, at + 7, 2), 0x1ff);
	dv_st_rmwn(&st, at, DV_RMW_DIV, 0, DV_U16);
	CHECK_EQ(p->fault, DV_FAULT_DIVZERO);
	dv_st_clause(&st);
	// Copies, aligned and not; from nowhere come zeros.
	strcpy((char *)r.base + text, "some words");
	dv_st_cpy(&st, at + 64, text, 10);
	CHECK(!memcmp(r.base + at + 64, "some words\0", 11));
	dv_st_cpy(&st, at + 67, text, 4);
	CHECK(!memcmp(r.base + at + 64, "somsomerds", 10));
	dv_st_cpy(&st, at + 64, 0, 9);
	CHECK(!memcmp(r.base + at + 64, "\0\0\0\0\0\0\0\0\0s", 10));
	// Text in arrays.
	dv_st_stsn(&st, at + 64, text, 4);
	CHECK(!memcmp(r.base + at + 64, "some\0\0\0\0\0s", 10));
	dv_st_stsn(&st, at + 64, 0, 10);
	CHECK(!memcmp(r.base + at + 64, "\0\0\0\0\0\0\0\0\0\0", 10));
	CHECK(!strcmp((char *)r.base + dv_st_strn(&st, text, 4), "some"));
	CHECK(!strcmp((char *)r.base + dv_st_strn(&st, text, 8), "some wor"));
	CHECK(!strcmp((char *)r.base + dv_st_strn(&st, text, 100), "some words"));
	CHECK(!strcmp((char *)r.base + dv_st_strn(&st, 8, 100), ""));
	// Below the globals there is nothing.
	dv_st_stn(&st, 16, 8, 1);
	dv_st_cpy(&st, 24, text, 8);
	CHECK(DV_RD(*(uint64_t *)(r.base + 16)) != 1 && memcmp(r.base + 24, "some wor", 8));
	CHECK_EQ(dv_st_ldn(&st, 16, 8), 0);
	CHECK_EQ(dv_st_rmwn(&st, 16, DV_RMW_ADD, 5, DV_U32), 5);
	CHECK(dv_region_check(r.base, r.size, &(const char *){0}));
	dv_st_end(&st);
}

static uint64_t put(const char *s)
{
	static uint32_t at = 4096;

	at = (at + 61) % 32768 + 4096; // any alignment
	return region_str(&r, at, s);
}

// D's answers against C's, for strings of all lengths and alignments.
static void test_search(void)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog, the";
	char sub[16], *hit;
	uint64_t s = put(text), t;

	REQUIRE(dv_st_begin(&st));
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		for (size_t n = 1; n < 9 && i + n < sizeof(text); n++) {
			memcpy(sub, text + i, n);
			sub[n] = 0;
			dv_st_clause(&st);
			t = put(sub);
			hit = strstr(text, sub);
			CHECK_EQ(dv_st_sfind(&st, s, t, 0, DV_FIND_FIRST), (uint64_t)(hit - text));
			CHECK_STR(str(dv_st_sstr(&st, s, t)), hit);
			CHECK_EQ(dv_st_sfind(&st, s, t, i, DV_FIND_FIRST), i);
			CHECK_EQ(dv_st_sfind(&st, s, t, i, DV_FIND_LAST), i);
			CHECK_STR(str(dv_st_schr(&st, s, (uint8_t)sub[0], DV_FIND_FIRST)), strchr(text, sub[0]));
			CHECK_STR(str(dv_st_schr(&st, s, (uint8_t)sub[0], DV_FIND_LAST)), strrchr(text, sub[0]));
		}
	CHECK_EQ(dv_st_sfind(&st, s, put("lazy cat"), 0, DV_FIND_FIRST), (uint64_t)-1);
	CHECK_EQ(dv_st_schr(&st, s, 'Q', DV_FIND_LAST), 0);
	dv_st_end(&st);
}

static void test_tokens(void)
{
	static const char text[] = "  one, two,,three ";
	char copy[32], *save, *want;
	uint64_t t, s = put(text), set = put(" ,");

	REQUIRE(dv_st_begin(&st));
	CHECK_EQ(dv_st_stok(&st, 0, set, 0), 0);
	CHECK_EQ(fault(), DV_FAULT_BADADDR);
	strcpy(copy, text);
	want = strtok_r(copy, " ,", &save);
	for (t = dv_st_stok(&st, s, set, 1); t; t = dv_st_stok(&st, 0, set, 0), want = strtok_r(NULL, " ,", &save)) {
		CHECK_STR(str(t), want);
		dv_st_clause(&st); // it goes on in the next clause
	}
	CHECK(!want);
	dv_st_end(&st);
	REQUIRE(dv_st_begin(&st));
	CHECK_EQ(dv_st_stok(&st, 0, set, 0), 0); // and not in the next firing
	CHECK_EQ(fault(), DV_FAULT_BADADDR);
	dv_st_end(&st);
}

static void test_numbers(void)
{
	static const int64_t values[] = {0, 1, -1, 9, 10, 35, 36, 255, -4096, INT64_MAX, INT64_MIN};
	uint8_t *mem;
	uint64_t at, low = 0;

	REQUIRE(dv_st_begin(&st));
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		for (uint64_t base = 2; base <= 36; base++) {
			dv_st_clause(&st);
			at = dv_st_ltos(&st, (uint64_t)values[i], base);
			if (base != 8)
				CHECK_EQ(dv_st_stol(&st, at, base), values[i]);
			else
				CHECK_EQ(strtoull(str(at), NULL, 8), (uint64_t)values[i]);
		}
	CHECK_EQ(dv_st_ltos(&st, 1, 1), 0);
	CHECK_EQ(fault(), DV_FAULT_ILLOP);
	for (int i = 0; i < 1000; i++) {
		at = dv_st_rand(&st);
		CHECK(at < 1u << 31);
		low += at & 1;
	}
	CHECK(low > 400 && low < 600);
	dv_st_clause(&st);
	at = dv_st_scratch(&st, 16);
	mem = r.base + at;
	memset(mem, 0, 16);
	CHECK_STR(str(dv_st_inet(&st, at, DV_INET_V6)), "::");
	mem[1] = 1;
	CHECK_STR(str(dv_st_inet(&st, at, DV_INET_V6)), "1::");
	mem[5] = 2; // the second run of zeros is the longer one, a single one stays
	CHECK_STR(str(dv_st_inet(&st, at, DV_INET_V6)), "1:0:2::");
	mem[15] = 0xff;
	CHECK_STR(str(dv_st_inet(&st, at, DV_INET_V6)), "1:0:2::ff");
	memset(mem, 0xab, 16);
	CHECK_STR(str(dv_st_inet(&st, at, DV_INET_V6)), "abab:abab:abab:abab:abab:abab:abab:abab");
	CHECK_STR(str(dv_st_inet(&st, at, DV_INET_LINK)), "ab:ab:ab:ab:ab:ab");
	CHECK_STR(str(dv_st_inet(&st, at, DV_INET_V4)), "171.171.171.171");
	dv_st_end(&st);
}

static void test_scratch_writes(void)
{
	uint64_t at;

	REQUIRE(dv_st_begin(&st));
	at = dv_st_scratch(&st, 16);
	memset(r.base + at, 0, 16);
	dv_st_wr(&st, DV_MACH_SCRATCH, at + 3, 0x1122334455667788, 8);
	CHECK(r.base[at + 3] == 0x88 && r.base[at + 10] == 0x11 && !r.base[at + 2] && !r.base[at + 11]);
	CHECK_EQ(fault(), 0);
	dv_st_wr(&st, DV_MACH_SCRATCH, at + 9, 1, 8); // over the end of what was given out
	CHECK_EQ(fault(), DV_FAULT_BADADDR);
	dv_st_wr(&st, DV_MACH_SCRATCH, at - 1, 1, 1);
	CHECK_EQ(fault(), DV_FAULT_BADADDR);
	dv_st_wr(&st, DV_MACH_SELF, at, 1, 1);
	CHECK_EQ(fault(), DV_FAULT_BADADDR);
	dv_st_wr(&st, DV_MACH_SCRATCH, (uint64_t)-4, 1, 8);
	CHECK_EQ(fault(), DV_FAULT_BADADDR);
	dv_st_mcpy(&st, DV_MACH_SCRATCH, at, put("0123456789abcdef"), 16);
	CHECK(!memcmp(r.base + at, "0123456789abcdef", 16));
	dv_st_mcpy(&st, DV_MACH_SCRATCH, at, at, (uint64_t)-1);
	CHECK_EQ(fault(), DV_FAULT_BADSIZE);
	memcpy(r.base + at, "ls\0-l\0/\0\0\0", 11);
	CHECK_STR(str(dv_st_words(&st, at, 11)), "ls -l /");
	CHECK_STR(str(dv_st_words(&st, at, 0)), "");
	dv_st_end(&st);
}

static void test_only_cpu(void)
{
	struct dv_st other = region_st(&r, 1);

	dv_region_hdr(r.base)->only_cpu = 4;
	region_prod(&r, 1)->cpu = 2;
	CHECK_EQ(dv_st_begin(&other), 0);
	region_prod(&r, 1)->cpu = 3;
	CHECK(dv_st_begin(&other) != 0);
	dv_st_end(&other);
	CHECK(dv_st_begin(&st) != 0); // the first producer is dvirt's own
	dv_st_end(&st);
	dv_region_hdr(r.base)->only_cpu = 0;
}

int main(void)
{
	r = region_make(&region_defaults);
	st = region_st(&r, 0);
	p = region_prod(&r, 0);
	test_setup();
	test_sizes();
	test_serves();
	test_begin();
	test_vars();
	test_bytes();
	test_strings();
	test_dyn();
	test_agg();
	test_spread();
	test_rec();
	test_search();
	test_tokens();
	test_numbers();
	test_scratch_writes();
	test_only_cpu();
	region_free(&r);
	return test_done();
}
