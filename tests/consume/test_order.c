// SPDX-License-Identifier: GPL-2.0-or-later
// The order contract between threads: two play ping-pong through a word of memory, each step is a firing. In the
// output every step comes after the one that caused it, and sees the variable that it wrote. Linked with the state
// library that takes sequence numbers in the wrong place, this test must fail.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "consume/consume.h"
#include "tests/state/region.h"

#define STEPS 60000

static struct region r;
static atomic_ulong ball;
static uint64_t next, last, wrong_order, wrong_seq, wrong_value;

static void *play(void *arg)
{
	uint64_t me = (uintptr_t)arg, i, var = DV_GLOBALS_OFF + 8, seen;
	struct dv_st st = region_st(&r, (uint32_t)me);
	uint32_t spin;

	for (i = me; i < STEPS; i += 2) {
		for (spin = 0; atomic_load_explicit(&ball, memory_order_acquire) != i; spin++)
			if (spin > 100)
				sched_yield();
		dv_st_begin(&st);
		seen = dv_st_ld(&st, var);
		dv_st_st(&st, var, i + 1);
		while (!dv_st_room(&st, 16))
			sched_yield();
		dv_st_rec(&st, 16);
		dv_st_reci(&st, i);
		dv_st_reci(&st, seen);
		dv_st_recend(&st, 1, DV_REC_DATA);
		dv_st_end(&st);
		atomic_store_explicit(&ball, i + 1, memory_order_release);
	}
	return NULL;
}

static bool on_event(void *ctx, const struct dv_event *e)
{
	struct dv_cursor c = e->data;
	struct dv_value step, seen;

	(void)ctx;
	if (!dv_cursor_int(&c, &step) || !dv_cursor_int(&c, &seen))
		return false;
	wrong_order += step.i != next++;
	wrong_value += seen.i != step.i;
	wrong_seq += e->rec->seq <= last; // also when the consumer looked after each step, and so saw them in order
	last = e->rec->seq;
	return true;
}

int main(void)
{
	struct dv_region_config cfg = region_defaults;
	struct dv_consumer *c;
	pthread_t t[2];
	size_t n = 0;

	cfg.flags = DV_REGION_BLOCK;
	r = region_make(&cfg);
	c = dv_consumer_create(r.base, r.size);
	REQUIRE(c != NULL);
	pthread_create(&t[0], NULL, play, (void *)0);
	pthread_create(&t[1], NULL, play, (void *)1);
	while (atomic_load(&ball) < STEPS) {
		n += dv_consume(c, false, on_event, NULL);
		sched_yield();
	}
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	n += dv_consume(c, true, on_event, NULL);
	CHECK_EQ(n, STEPS);
	CHECK_EQ(wrong_order, 0);
	CHECK_EQ(wrong_seq, 0);
	CHECK_EQ(wrong_value, 0);
	dv_consumer_destroy(c);
	region_free(&r);
	return test_done();
}
