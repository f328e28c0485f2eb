// SPDX-License-Identifier: GPL-2.0-or-later
// Eight producers at once and a consumer: exact totals, no duplicates, strict order.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "consume/consume.h"
#include "tests/state/region.h"

#define THREADS 8
#define KEYS    37

static struct region r;
static struct dv_st st[THREADS];
static uint64_t rounds = 15000;
static atomic_uint running;
static atomic_ulong completed, bad_self, no_cell;

static uint64_t cell(uint32_t n)
{
	return DV_GLOBALS_OFF + 64 + n * 8;
}

// a[i]++ by everyone; who completes it deletes it. A duplicate would never be completed.
static void step_dyn(struct dv_st *s, uint64_t i)
{
	uint64_t c;

	dv_st_key(s, i / 2);
	dv_st_key(s, i % 2);
	c = dv_st_dyn(s, 1, DV_DYN_CREATE, 0);
	if (!c) {
		atomic_fetch_add(&no_cell, 1);
	} else if (dv_st_rmw(s, c, DV_RMW_ADD, 1, DV_U64) == THREADS) {
		atomic_fetch_add(&completed, 1);
		dv_st_key(s, i / 2);
		dv_st_key(s, i % 2);
		dv_st_dyndel(s, 1, 0, 0);
	}
}

static void step_self(struct dv_st *s, uint64_t me, uint64_t i)
{
	uint64_t c = dv_st_dyn(s, 2, DV_DYN_CREATE | DV_DYN_SELF, me);

	dv_st_st(s, c, me << 32 | i);
	c = dv_st_dyn(s, 2, DV_DYN_SELF, me);
	if (dv_st_ld(s, c) != (me << 32 | i))
		atomic_fetch_add(&bad_self, 1);
	if (i & 1)
		dv_st_dyndel(s, 2, DV_DYN_SELF, me);
}

// Nobody gets far ahead, so that they meet, and few elements are live at a time.
static atomic_ulong progress[THREADS];

static void keep_together(uint64_t me, uint64_t i)
{
	uint32_t k;

	atomic_store(&progress[me], i);
	for (k = 0; k < THREADS; k++)
		while (atomic_load(&progress[k]) + 64 < i)
			sched_yield();
}

static void *produce(void *arg)
{
	uint64_t me = (uintptr_t)arg, i, seq;
	struct dv_st *s = &st[me];

	for (i = 0; i < rounds; i++) {
		if (i % 3)
			dv_st_begin_unnumbered(s);
		else
			dv_st_begin(s);
		dv_st_rmw(s, cell(0), DV_RMW_ADD, 3, DV_S64);
		dv_st_rmw(s, cell(1), DV_RMW_ADD, 1, DV_U32);
		dv_st_rmw(s, cell(2), DV_RMW_XOR, i + 1, DV_U64);
		step_dyn(s, i);
		step_self(s, me, i);
		dv_st_clause(s);
		dv_st_key(s, i % KEYS);
		dv_st_agg(s, 0, 0, 1);
		seq = dv_st_number(s); // after an aggregation, before others
		dv_st_key(s, i % KEYS);
		dv_st_agg(s, 1, i, 1);
		dv_st_key(s, me);
		dv_st_agg(s, 2, i, 2);
		if (dv_st_rec(s, 24)) {
			dv_st_reci(s, me);
			dv_st_reci(s, i);
			dv_st_reci(s, seq);
			dv_st_recend(s, 1, DV_REC_DATA);
		}
		dv_st_end(s);
		if (i % 8 == 0)
			keep_together(me, i);
	}
	atomic_store(&progress[me], rounds);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static uint64_t last_seq, got, next_i[THREADS], gaps, inversions, mixed;

static bool on_event(void *ctx, const struct dv_event *e)
{
	struct dv_cursor c = e->data;
	struct dv_value me, i, seq;

	(void)ctx;
	if (!dv_cursor_int(&c, &me) || !dv_cursor_int(&c, &i) || !dv_cursor_int(&c, &seq) || seq.i != e->rec->seq ||
	    me.i != e->producer) {
		mixed++;
		return true;
	}
	inversions += e->rec->seq <= last_seq;
	last_seq = e->rec->seq;
	gaps += i.i - next_i[me.i];
	next_i[me.i] = i.i + 1;
	got++;
	return true;
}

// LIVE elements in the table, and whether two have one key.
static void count_live(uint64_t *live, uint64_t *twice)
{
	struct dv_region_hdr *h = dv_region_hdr(r.base);
	uint64_t *ctl = (uint64_t *)(r.base + h->dyn_ctl_off);
	uint32_t i, k;

	*live = *twice = 0;
	for (i = 0; i < h->dyn_count; i++) {
		if ((ctl[i] & 3) != 3)
			continue;
		++*live;
		for (k = i + 1; k < h->dyn_count; k++)
			*twice +=
				(ctl[k] & 3) == 3 && !memcmp(r.base + h->dyn_slot_off + (uint64_t)i * h->dyn_slot_size,
			                                     r.base + h->dyn_slot_off + (uint64_t)k * h->dyn_slot_size,
			                                     16 + h->dyn_key_size);
	}
}

static void on_drop(void *ctx, uint32_t producer, enum dv_drop why, uint64_t count)
{
	(void)producer;
	((uint64_t *)ctx)[why] += count;
}

int main(int argc, char **argv)
{
	const struct dv_agg_row **rows;
	uint64_t drops[DV_DROP_COUNT] = { 0 }, live, twice, sum = 0, n = 0;
	struct dv_consumer *c;
	pthread_t t[THREADS];
	struct timespec nap = { 0, 200000 };
	uintptr_t i;
	size_t k, count;

	if (argc > 1)
		rounds = strtoull(argv[1], NULL, 0);
	r = region_make(&region_defaults);
	region_agg(&r, 0, DV_AGG_COUNT, 0, 0, 0);
	region_agg(&r, 1, DV_AGG_SUM, 0, 0, 0);
	region_agg(&r, 2, DV_AGG_QUANTIZE, 0, 0, 0);
	c = dv_consumer_create(r.base, r.size);
	REQUIRE(c != NULL);
	atomic_store(&running, THREADS);
	for (i = 0; i < THREADS; i++) {
		st[i] = region_st(&r, (uint32_t)i);
		pthread_create(&t[i], NULL, produce, (void *)i);
	}
	while (atomic_load(&running)) {
		dv_consume(c, false, on_event, NULL);
		if (++n % 3 == 0)
			dv_aggs_snap(c, false);
		nanosleep(&nap, NULL);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	dv_consume(c, true, on_event, NULL);
	dv_aggs_snap(c, true);
	dv_consume_drops(c, on_drop, drops);

	for (i = 0; i < THREADS; i++)
		gaps += rounds - next_i[i];
	CHECK_EQ(dv_consumer_spoilt(c), 0);
	CHECK_EQ(mixed, 0);
	CHECK_EQ(inversions, 0);
	CHECK_EQ(got + drops[DV_DROP_BUFFER], rounds * THREADS);
	CHECK_EQ(gaps, drops[DV_DROP_BUFFER]);
	CHECK(got > rounds);
	CHECK_EQ(drops[DV_DROP_RETRY], 0);
	CHECK_EQ(drops[DV_DROP_NEST], 0);
	CHECK_EQ(drops[DV_DROP_AGG], 0);
	CHECK_EQ(dv_st_ld(&st[0], cell(0)), rounds * THREADS * 3);
	CHECK_EQ(dv_st_ld(&st[0], cell(1)), rounds * THREADS);
	CHECK_EQ(dv_st_ld(&st[0], cell(2)), 0);
	CHECK_EQ(bad_self, 0);
	CHECK_EQ(no_cell, drops[DV_DROP_DYN]);
	CHECK_EQ(drops[DV_DROP_DYN], 0);
	CHECK_EQ(completed, rounds);
	count_live(&live, &twice);
	CHECK_EQ(live, rounds & 1 ? THREADS : 0);
	CHECK_EQ(twice, 0);

	CHECK_EQ(dv_aggs_rows(c, 0, &rows), KEYS);
	for (k = 0; k < KEYS; k++) {
		i = rows[k]->keys[0].i;
		CHECK_EQ(rows[k]->data[0], (rounds - i + KEYS - 1) / KEYS * THREADS);
		sum += (uint64_t)rows[k]->data[0];
	}
	CHECK_EQ(sum, rounds * THREADS);
	count = dv_aggs_rows(c, 1, &rows);
	for (sum = 0, k = 0; k < count; k++)
		sum += (uint64_t)rows[k]->data[0];
	CHECK_EQ(sum, rounds * (rounds - 1) / 2 * THREADS);
	CHECK_EQ(dv_aggs_rows(c, 2, &rows), THREADS);
	for (k = 0; k < THREADS; k++) {
		for (sum = 0, n = 0; n < DV_QUANTIZE_BUCKETS; n++)
			sum += (uint64_t)rows[k]->data[n];
		CHECK_EQ(sum, rounds * 2);
	}
	dv_consumer_destroy(c);
	region_free(&r);
	return test_done();
}
