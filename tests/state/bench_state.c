// SPDX-License-Identifier: GPL-2.0-or-later
// What the hot functions cost, one thread, best of some rounds. Prints; asserts nothing.
#include <time.h>

#include "consume/consume.h"
#include "tests/state/region.h"

static struct region r;
static struct dv_st st;
static uint64_t s1, s2, s3, n = 200000;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#define BENCH(what, code)                                                                  \
	do {                                                                               \
		double best = 1e18, from;                                                  \
		for (int k_ = 0; k_ < 7; k_++) {                                           \
			from = now();                                                      \
			for (uint64_t i = 0; i < n; i++) {                                 \
				code;                                                      \
			}                                                                  \
			if (now() - from < best)                                           \
				best = now() - from;                                       \
		}                                                                          \
		printf("%-58s %7.1f ns\n", what, best / (double)n);                        \
	} while (0)

static bool on_event(void *ctx, const struct dv_event *e)
{
	*(uint64_t *)ctx += e->rec->seq;
	return true;
}

static void fill(uint32_t prods)
{
	struct dv_st all[8];
	uint32_t i;
	uint64_t k;

	for (i = 0; i < prods; i++)
		all[i] = region_st(&r, i);
	for (k = 0; k < n; k++) {
		i = (uint32_t)(k % prods);
		dv_st_begin(&all[i]);
		dv_st_rec(&all[i], 40);
		dv_st_reci(&all[i], k);
		dv_st_recs(&all[i], s1);
		dv_st_recend(&all[i], 1, DV_REC_DATA);
		dv_st_end(&all[i]);
	}
}

int main(void)
{
	struct dv_region_config cfg = region_defaults;
	struct dv_consumer *c;
	volatile uint64_t sink = 0;
	uint64_t total = 0, var = DV_GLOBALS_OFF + 64, k;
	double from, best;

	cfg.ring_size = 16 << 20;
	cfg.strsize = 256;
	cfg.dyn_count = 65536;
	r = region_make(&cfg);
	st = region_st(&r, 0);
	region_agg(&r, 0, DV_AGG_COUNT, 0, 0, 0);
	region_agg(&r, 1, DV_AGG_QUANTIZE, 0, 0, 0);
	s1 = region_str(&r, 64, "redis-server");
	s2 = region_str(&r, 128, "epoll_wait");
	s3 = region_str(&r, 192, "db");

	BENCH("firing: begin, end", dv_st_begin(&st); dv_st_end(&st));
	dv_st_begin(&st);
	BENCH("load and store of a global", dv_st_st(&st, var, dv_st_ld(&st, var) + 1));
	BENCH("x++ (64 bits)", dv_st_rmw(&st, var, DV_RMW_ADD, 1, DV_S64));
	BENCH("x++ (32 bits)", dv_st_rmw(&st, var, DV_RMW_ADD, 1, DV_S32));
	BENCH("self->x, there", sink += dv_st_dyn(&st, 1, DV_DYN_CREATE | DV_DYN_SELF, 77));
	BENCH("self->x, absent", sink += dv_st_dyn(&st, 2, DV_DYN_SELF, 77));
	BENCH("self->x made and deleted", sink += dv_st_dyn(&st, 3, DV_DYN_CREATE | DV_DYN_SELF, 77);
	      dv_st_dyndel(&st, 3, DV_DYN_SELF, 77));
	BENCH("a[i], there", dv_st_key(&st, i & 1023); sink += dv_st_dyn(&st, 4, DV_DYN_CREATE, 0));
	BENCH("a[i] made and deleted", dv_st_key(&st, i); sink += dv_st_dyn(&st, 5, DV_DYN_CREATE, 0);
	      dv_st_key(&st, i); dv_st_dyndel(&st, 5, 0, 0));
	BENCH("a[string, i], there", dv_st_keys(&st, s1); dv_st_key(&st, i & 255);
	      sink += dv_st_dyn(&st, 6, DV_DYN_CREATE, 0));
	BENCH("string compare", sink += dv_st_scmp(&st, s1, s2));
	BENCH("string assignment", dv_st_sts(&st, DV_GLOBALS_OFF + 1024, s1));
	BENCH("@ = count()", dv_st_agg(&st, 0, 0, 1));
	BENCH("@[i] = quantize()", dv_st_key(&st, i & 15); dv_st_agg(&st, 1, i, 1));
	BENCH("@[vmname, execname, probefunc] = count()", dv_st_keys(&st, s3); dv_st_keys(&st, s1); dv_st_keys(&st, s2);
	      dv_st_agg(&st, 0, 0, 1));
	BENCH("record: integer and string", dv_st_clause(&st); dv_st_rec(&st, 40); dv_st_reci(&st, i);
	      dv_st_recs(&st, s1); dv_st_recend(&st, 1, DV_REC_DATA);
	      region_prod(&r, 0)->tail = region_prod(&r, 0)->head);
	dv_st_end(&st);

	c = dv_consumer_create(r.base, r.size);
	for (best = 1e18, k = 0; k < 5; k++) {
		fill(8);
		from = now();
		dv_consume(c, false, on_event, &total);
		if (now() - from < best)
			best = now() - from;
	}
	printf("%-58s %7.1f ns\n", "consume: a record, out of 8 rings in turn", best / (double)n);
	dv_consumer_destroy(c);
	region_free(&r);
	return 0;
}
