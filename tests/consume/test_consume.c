// SPDX-License-Identifier: GPL-2.0-or-later
// The consumer: order over several rings, spoilt rings, merged aggregations.
#include "consume/consume.h"
#include "tests/state/region.h"

static struct region r;
static struct dv_st st[8];

static uint64_t seen[64];
static uint32_t seen_epid[64];
static size_t seen_count, stop_after;

static bool on_event(void *ctx, const struct dv_event *e)
{
	(void)ctx;
	if (seen_count < 64) {
		seen[seen_count] = e->rec->seq;
		seen_epid[seen_count] = e->rec->epid;
	}
	seen_count++;
	return !stop_after || seen_count < stop_after;
}

static size_t consume(struct dv_consumer *c, bool final)
{
	seen_count = 0;
	return dv_consume(c, final, on_event, NULL);
}

static uint64_t record(uint32_t prod, uint32_t epid)
{
	uint64_t seq = dv_st_begin(&st[prod]);

	dv_st_rec(&st[prod], 8);
	dv_st_reci(&st[prod], seq);
	dv_st_recend(&st[prod], epid, DV_REC_DATA);
	return seq;
}

static void setup(void)
{
	uint32_t i;

	r = region_make(&region_defaults);
	for (i = 0; i < 8; i++) {
		st[i] = region_st(&r, i);
		region_prod(&r, i)->machine = i / 2;
		region_prod(&r, i)->cpu = i % 2;
	}
}

static void test_order(void)
{
	struct dv_consumer *c;
	uint64_t a, i;

	setup();
	c = dv_consumer_create(r.base, r.size);
	REQUIRE(c != NULL);
	CHECK_EQ(consume(c, false), 0);
	for (i = 0; i < 20; i++) {
		record((uint32_t)(i * 5 % 8), 100 + (uint32_t)i);
		dv_st_end(&st[i * 5 % 8]);
	}
	CHECK_EQ(consume(c, false), 20);
	for (i = 0; i < 20; i++)
		CHECK(seen[i] == i + 1 && seen_epid[i] == 100 + i);
	CHECK_EQ(region_prod(&r, 0)->tail, region_prod(&r, 0)->head);

	// One in flight holds up what came after it, but not its own.
	a = record(3, 1);
	record(4, 2);
	dv_st_end(&st[4]);
	CHECK_EQ(consume(c, false), 1);
	CHECK(seen[0] == a && seen_epid[0] == 1);
	dv_st_rec(&st[3], 0);
	dv_st_recend(&st[3], 3, DV_REC_DATA);
	record(5, 4);
	CHECK_EQ(consume(c, false), 1);
	CHECK(seen[0] == a && seen_epid[0] == 3);
	dv_st_end(&st[5]);
	CHECK_EQ(consume(c, false), 0);
	record(5, 5);
	dv_st_end(&st[5]);
	CHECK_EQ(consume(c, false), 0);
	dv_st_end(&st[3]);
	stop_after = 1;
	CHECK_EQ(consume(c, false), 1);
	CHECK_EQ(seen_epid[0], 2);
	stop_after = 0;
	CHECK_EQ(consume(c, false), 2);
	CHECK(seen_epid[0] == 4 && seen_epid[1] == 5);

	// A producer that dies in a firing is retired.
	record(2, 6);
	record(1, 7);
	record(6, 8);
	dv_st_end(&st[6]);
	CHECK_EQ(consume(c, false), 1);
	dv_region_retire(r.base, r.size, 2);
	dv_region_retire(r.base, r.size, 1);
	CHECK_EQ(consume(c, false), 2);
	record(2, 9);
	CHECK_EQ(consume(c, true), 1);
	dv_st_end(&st[2]);
	CHECK_EQ(dv_consumer_spoilt(c), 0);
	dv_consumer_destroy(c);
	dv_consumer_destroy(NULL);
	region_free(&r);
}

static void test_wrap(void)
{
	struct dv_consumer *c;
	uint64_t i, expect = 1, k;

	setup();
	c = dv_consumer_create(r.base, r.size);
	for (i = 0; i < 3000; i++) {
		dv_st_begin(&st[0]);
		CHECK(dv_st_rec(&st[0], 2000) != 0);
		for (k = 0; k < i % 250; k++)
			dv_st_reci(&st[0], k);
		dv_st_recend(&st[0], 1, DV_REC_DATA);
		dv_st_end(&st[0]);
		if (i % 10 == 9) {
			CHECK_EQ(consume(c, false), 10);
			CHECK_EQ(seen[0], expect);
			expect += 10;
		}
	}
	CHECK_EQ(dv_consumer_spoilt(c), 0);
	dv_consumer_destroy(c);
	region_free(&r);
}

static void test_spoilt(void)
{
	static const uint32_t sizes[] = { 0, 8, 16, 23, 25, 40000, 0xfffffff8 };
	struct dv_consumer *c;
	struct dv_producer *p;
	struct dv_record *rec;
	uint32_t i;

	setup();
	c = dv_consumer_create(r.base, r.size);
	p = region_prod(&r, 0);
	for (i = 0; i < 7; i++) {
		rec = (struct dv_record *)(r.base + p->ring_off + (p->head & 65535));
		record(0, 1);
		dv_st_end(&st[0]);
		record(0, 2);
		dv_st_end(&st[0]);
		record(1, 3);
		dv_st_end(&st[1]);
		rec->size = sizes[i];
		CHECK_EQ(consume(c, false), 1);
		CHECK_EQ(seen_epid[0], 3);
		CHECK_EQ(dv_consumer_spoilt(c), i + 1);
	}
	p->head += 1 << 20;
	CHECK_EQ(consume(c, false), 0);
	CHECK_EQ(dv_consumer_spoilt(c), 8);
	p->head |= 5;
	CHECK_EQ(consume(c, false), 0);
	CHECK_EQ(dv_consumer_spoilt(c), 9);
	p->head &= ~7ULL;
	record(0, 4);
	dv_st_end(&st[0]);
	CHECK_EQ(consume(c, false), 1);
	CHECK_EQ(dv_consumer_spoilt(c), 9);
	dv_consumer_destroy(c);
	dv_region_hdr(r.base)->prod_count = 10000;
	CHECK(dv_consumer_create(r.base, r.size) == NULL);
	region_free(&r);
}

static void test_cursor(void)
{
	uint64_t words[4] = { 7, 3 | 0x616263ULL << 32, 100, 0 };
	struct dv_cursor c = { (uint8_t *)words, (uint8_t *)(words + 4) };
	struct dv_value v;

	CHECK(dv_cursor_int(&c, &v) && v.kind == DV_VALUE_INT && v.i == 7);
	CHECK(dv_cursor_bytes(&c, &v) && v.kind == DV_VALUE_BYTES && v.size == 3 && !memcmp(v.bytes, "cba", 3));
	CHECK(!dv_cursor_bytes(&c, &v));
	words[2] = 12;
	CHECK(dv_cursor_bytes(&c, &v) && v.size == 12);
	CHECK(!dv_cursor_int(&c, &v));
	CHECK(!dv_cursor_bytes(&c, &v));
	words[3] = 0xffffffff;
	c = (struct dv_cursor){ (uint8_t *)(words + 3), (uint8_t *)(words + 4) };
	CHECK(!dv_cursor_bytes(&c, &v));
}

static void add(uint32_t prod, uint32_t agg, uint64_t key, const char *s, int64_t value)
{
	dv_st_begin(&st[prod]);
	dv_st_key(&st[prod], key);
	if (s)
		dv_st_keys(&st[prod], region_str(&r, 0, s));
	dv_st_agg(&st[prod], agg, (uint64_t)value, 1);
	dv_st_end(&st[prod]);
}

static const struct dv_agg_row *row(struct dv_consumer *c, uint32_t agg, uint64_t key)
{
	const struct dv_agg_row **rows;
	size_t i, n = dv_aggs_rows(c, agg, &rows);

	for (i = 0; i < n; i++)
		if (rows[i]->key_count && rows[i]->keys[0].i == key)
			return rows[i];
	return NULL;
}

static void on_drop(void *ctx, uint32_t producer, enum dv_drop why, uint64_t count)
{
	*(uint64_t *)ctx += producer * 100000 + why * 1000 + count;
}

static void test_aggs(void)
{
	const struct dv_agg_row **rows, *one;
	struct dv_consumer *c;
	uint64_t i, k, sum = 0;

	setup();
	region_agg(&r, 0, DV_AGG_COUNT, 0, 0, 0);
	region_agg(&r, 1, DV_AGG_MIN, 0, 0, 0);
	region_agg(&r, 2, DV_AGG_MAX, 0, 0, 0);
	region_agg(&r, 3, DV_AGG_STDDEV, 0, 0, 0);
	region_agg(&r, 4, DV_AGG_QUANTIZE, 0, 0, 0);
	region_agg(&r, 5, DV_AGG_LQUANTIZE, 0, 10, 5);
	region_agg(&r, 6, DV_AGG_COUNT, 0, 0, 0);
	dv_region_hdr(r.base)->aggs[6].data_size = 16;
	c = dv_consumer_create(r.base, r.size);
	for (i = 0; i < 4000; i++) {
		for (k = 0; k < 6; k++)
			add((uint32_t)(i % 8), (uint32_t)k, i % 50, "abc", (int64_t)i - 1000);
		if (i % 300 == 0)
			dv_aggs_snap(c, false);
	}
	dv_aggs_snap(c, false);
	CHECK_EQ(dv_aggs_rows(c, 0, &rows), 50);
	for (k = 0; k < 50; k++)
		CHECK(rows[k]->data[0] == 80 && rows[k]->key_count == 2 && rows[k]->keys[1].size == 3 &&
		      !memcmp(rows[k]->keys[1].bytes, "abc", 3));
	CHECK_EQ(row(c, 1, 7)->data[0], -993);
	CHECK_EQ(row(c, 2, 7)->data[0], 2957);
	one = row(c, 3, 7);
	CHECK_EQ(one->data[0], 80);
	for (i = 7; i < 4000; i += 50)
		sum += (i - 1000) * (i - 1000);
	CHECK_EQ(one->data[2], sum);
	CHECK_EQ(one->data[3], 0);
	for (k = 0, sum = 0; k < 127; k++)
		sum += (uint64_t)row(c, 4, 7)->data[k];
	CHECK_EQ(sum, 80);
	CHECK_EQ(row(c, 5, 7)->data[0], 20);
	CHECK_EQ(row(c, 5, 7)->data[6], 59);
	// 128-bit sums carry.
	add(0, 3, 1000, NULL, INT64_MIN);
	add(1, 3, 1000, NULL, INT64_MIN);
	add(2, 3, 1000, NULL, INT64_MIN + 1);
	add(3, 3, 1000, NULL, 3);
	dv_aggs_snap(c, false);
	CHECK_EQ(row(c, 3, 1000)->data[2], 1 + 9);
	CHECK_EQ(row(c, 3, 1000)->data[3], (long long)(3 * (1ULL << 62) - 1));

	// Clear keeps the keys; the next value counts from there.
	dv_aggs_clear(c, 1);
	CHECK_EQ(row(c, 1, 7)->data[0], 0);
	add(0, 1, 7, "abc", 55);
	dv_aggs_snap(c, false);
	CHECK_EQ(row(c, 1, 7)->data[0], 55);
	// Keep some.
	dv_aggs_rows(c, 0, &rows);
	dv_aggs_keep(c, 0, rows + 10, 3);
	CHECK_EQ(dv_aggs_rows(c, 0, &rows), 3);
	dv_aggs_keep(c, 0, NULL, 0);
	CHECK_EQ(dv_aggs_rows(c, 0, &rows), 0);
	add(0, 0, 7, "abc", 1);
	// A firing that does not end holds its table back, and loses nothing.
	dv_st_begin(&st[0]);
	dv_aggs_snap(c, false);
	CHECK_EQ(dv_aggs_rows(c, 0, &rows), 0);
	dv_st_agg(&st[0], 0, 1, 1);
	dv_aggs_snap(c, false);
	CHECK_EQ(dv_aggs_rows(c, 0, &rows), 0);
	dv_st_end(&st[0]);
	add(0, 0, 7, "abc", 1);
	dv_aggs_snap(c, false);
	CHECK_EQ(dv_aggs_rows(c, 0, &rows), 2);
	CHECK_EQ(row(c, 0, 7)->data[0], 2);
	// One without a number does so, too, also when it takes one later.
	dv_st_begin_unnumbered(&st[0]);
	dv_st_key(&st[0], 7);
	dv_st_keys(&st[0], region_str(&r, 0, "abc"));
	dv_st_agg(&st[0], 0, 1, 1);
	dv_aggs_snap(c, false);
	CHECK_EQ(row(c, 0, 7)->data[0], 2);
	dv_st_number(&st[0]);
	dv_aggs_snap(c, false);
	CHECK_EQ(row(c, 0, 7)->data[0], 2);
	dv_st_end(&st[0]);
	dv_aggs_snap(c, false);
	CHECK_EQ(row(c, 0, 7)->data[0], 3);
	dv_aggs_normalize(c, 0, 10);
	CHECK_EQ(dv_aggs_normal(c, 0), 10);
	dv_aggs_normalize(c, 0, 0);
	CHECK_EQ(dv_aggs_normal(c, 0), 1);
	CHECK_EQ(dv_aggs_normal(c, 1000), 1);

	CHECK_EQ(dv_consumer_spoilt(c), 0);
	add(0, 6, 1, NULL, 1);
	dv_aggs_snap(c, true);
	CHECK_EQ(dv_consumer_spoilt(c), 1);
	CHECK_EQ(dv_aggs_rows(c, 6, &rows), 0);

	sum = 0;
	region_prod(&r, 3)->drops[DV_DROP_AGG] += 9;
	dv_consume_drops(c, on_drop, &sum);
	CHECK_EQ(sum, 301009);
	dv_consume_drops(c, on_drop, &sum);
	CHECK_EQ(sum, 301009);
	dv_consumer_destroy(c);
	region_free(&r);
}

int main(void)
{
	test_order();
	test_wrap();
	test_spoilt();
	test_cursor();
	test_aggs();
	return test_done();
}
