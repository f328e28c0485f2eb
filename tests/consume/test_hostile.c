// SPDX-License-Identifier: GPL-2.0-or-later
// Someone scribbles over the region while producers and consumer work in it. Values may come out wrong; nothing may
// crash, hang or touch memory outside (guard pages on both sides, and the sanitizers).
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "consume/consume.h"
#include "tests/state/region.h"

#define THREADS 3
#define GUARD   (1u << 20)

static struct region r;
static struct dv_st st[THREADS];
static uint8_t *pristine;
static atomic_bool stop;

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

// Words that look like sizes, offsets, ends, or nothing.
static uint64_t nasty(uint64_t *s)
{
	uint64_t x = rnd(s);

	switch (x % 9) {
	case 0: return 0;
	case 1: return ~0ULL;
	case 2: return x >> 8 & (r.size - 1);
	case 3: return r.size - (x >> 8 & 63);
	case 4: return x >> 8 & 255;
	case 5: return (r.size - 8) << 32 | (x >> 8 & 4095);
	case 6: return 1ULL << (x >> 8 & 63);
	case 7: return 0x7fffffff00000000ULL | (x >> 8 & 0xffff);
	}
	return x;
}

static void *scribble(void *arg)
{
	struct dv_region_hdr *h = (struct dv_region_hdr *)pristine;
	uint64_t s = 88172645463325252ULL, n = 0, i, x, off, size, heads = h->prod_off + THREADS * DV_PROD_ALIGN;
	volatile uint64_t *w = (volatile uint64_t *)r.base, *good = (volatile uint64_t *)pristine;

	(void)arg;
	while (!atomic_load(&stop)) {
		x = rnd(&s);
		switch (x % 8) {
		case 0: off = 0; size = sizeof(*h); break;
		case 1: case 2: case 3: off = h->prod_off; size = THREADS * DV_PROD_ALIGN; break;
		case 4: off = h->dyn_ctl_off; size = 4096; break;
		case 5:
			off = region_prod(&(struct region){pristine, r.size}, x / 8 % THREADS)->ring_off;
			size = 65536;
			break;
		case 6:
			off = region_prod(&(struct region){pristine, r.size}, x / 8 % THREADS)->agg_off[x / 64 % 2];
			size = 65536;
			break;
		default: off = 0; size = r.size; break;
		}
		off += rnd(&s) % size;
		w[(off & (r.size - 1)) / 8] = nasty(&s);
		// Make it sound again now and then, or all would soon stand still.
		if (++n % 200 == 0) {
			for (i = 0; i < sizeof(*h) / 8; i++)
				w[i] = good[i];
			for (i = h->prod_off / 8; i < heads / 8; i++)
				w[i] = good[i];
		}
		if (n % 7 == 0)
			for (i = 0; i < THREADS; i++)
				w[(h->prod_off + i * DV_PROD_ALIGN) / 8] = 0; // in flight
	}
	return NULL;
}

static atomic_ulong fired;

static void fire(struct dv_st *s, uint64_t *x)
{
	uint64_t c, m, k;

	if (!dv_st_begin(s))
		return;
	atomic_fetch_add(&fired, 1);
	dv_st_rmw(s, nasty(x), rnd(x) % 12, nasty(x), rnd(x) % 32);
	dv_st_st(s, nasty(x), nasty(x));
	dv_st_sts(s, DV_GLOBALS_OFF + rnd(x) % 512, nasty(x));
	dv_st_sts(s, nasty(x), nasty(x));
	dv_st_st(s, dv_st_this(s, rnd(x) % 128), 1);
	dv_st_slen(s, nasty(x));
	dv_st_scmp(s, nasty(x), nasty(x));
	dv_st_slen(s, dv_st_sjoin(s, nasty(x), nasty(x)));
	dv_st_slen(s, dv_st_ssub(s, nasty(x), nasty(x), nasty(x)));
	for (k = rnd(x) % 4; k; k--) {
		dv_st_key(s, rnd(x) % 16);
		dv_st_keys(s, k == 2 ? nasty(x) : 0);
	}
	c = dv_st_dyn(s, rnd(x) % 3, rnd(x) % 4, rnd(x) % 4);
	dv_st_rmw(s, c, DV_RMW_ADD, 1, DV_S32);
	dv_st_key(s, rnd(x) % 16);
	dv_st_dyndel(s, rnd(x) % 3, rnd(x) % 4, rnd(x) % 4);
	dv_st_clause(s);
	for (k = 0; k < 9; k++) {
		dv_st_key(s, rnd(x) % 16);
		if (k & 1)
			dv_st_keys(s, nasty(x));
		dv_st_agg(s, k == 8 ? nasty(x) : k, nasty(x), nasty(x));
	}
	dv_st_room(s, nasty(x));
	m = dv_st_scratch(s, rnd(x) % 256);
	if (dv_st_rec(s, rnd(x) % 2 ? 400 : nasty(x))) {
		dv_st_reci(s, 1);
		dv_st_recs(s, nasty(x));
		dv_st_recm(s, m, rnd(x) % 300);
		dv_st_recm(s, nasty(x), nasty(x));
		dv_st_recend(s, rnd(x) % 8, DV_REC_DATA);
	}
	dv_st_error(s, 1, DV_FAULT_BADADDR, 2, 3);
	dv_st_end(s);
}

static void *produce(void *arg)
{
	uint64_t x = 0x9e3779b97f4a7c15ULL + (uintptr_t)arg;

	while (!atomic_load(&stop))
		fire(&st[(uintptr_t)arg], &x);
	return NULL;
}

static uint64_t sum;

static bool on_event(void *ctx, const struct dv_event *e)
{
	struct dv_cursor c = e->data;
	struct dv_value v;
	uint32_t i;

	(void)ctx;
	dv_cursor_int(&c, &v);
	while (dv_cursor_bytes(&c, &v))
		for (i = 0; i < v.size; i++)
			sum += (uint8_t)v.bytes[i];
	return true;
}

static void on_drop(void *ctx, uint32_t producer, enum dv_drop why, uint64_t count)
{
	(void)ctx;
	sum += producer + why + count;
}

static void read_rows(struct dv_consumer *c)
{
	const struct dv_agg_row **rows;
	uint32_t a, k, b;
	size_t i, n;

	for (a = 0; a < 10; a++) {
		n = dv_aggs_rows(c, a, &rows);
		for (i = 0; i < n; i++)
			for (k = 0; k < rows[i]->key_count; k++)
				for (b = 0; b < rows[i]->keys[k].size; b++)
					sum += (uint8_t)rows[i]->keys[k].bytes[b];
		dv_aggs_keep(c, a, n > 10 ? rows + n / 2 : NULL, n > 10 ? 5 : 0);
	}
}

int main(int argc, char **argv)
{
	struct dv_region_config cfg = region_defaults;
	struct timespec nap = { 0, 1000000 }, from, now;
	double seconds = argc > 1 ? atof(argv[1]) : 3;
	struct dv_consumer *c = NULL;
	uint64_t events = 0, spoilt = 0;
	pthread_t t[THREADS + 1];
	uint8_t *map;
	uintptr_t i;

	alarm(120);
	cfg.prod_count = THREADS;
	r.size = dv_region_size(&cfg);
	map = mmap(NULL, r.size + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(map != MAP_FAILED);
	r.base = map + GUARD;
	REQUIRE(!mprotect(r.base, r.size, PROT_READ | PROT_WRITE));
	dv_region_init(r.base, r.size, &cfg);
	for (i = 0; i < 7; i++)
		region_agg(&r, (uint32_t)i, (enum dv_agg_func)i, 0, 0, 0);
	region_agg(&r, 7, DV_AGG_LQUANTIZE, 0, 10, 20);
	for (i = 0; i < THREADS; i++)
		st[i] = region_st(&r, (uint32_t)i);
	pristine = malloc(r.size);
	memcpy(pristine, r.base, r.size);
	c = dv_consumer_create(r.base, r.size);
	REQUIRE(c != NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, produce, (void *)i);
	pthread_create(&t[THREADS], NULL, scribble, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		events += dv_consume(c, rand() % 4 == 0, on_event, NULL);
		dv_aggs_snap(c, false);
		dv_consume_drops(c, on_drop, NULL);
		read_rows(c);
		// Another consumer over what it has become, if it takes it.
		if (rand() % 50 == 0) {
			spoilt += dv_consumer_spoilt(c);
			dv_consumer_destroy(c);
			do
				c = dv_consumer_create(r.base, r.size);
			while (!c);
		}
		nanosleep(&nap, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec) < seconds);
	atomic_store(&stop, true);
	for (i = 0; i <= THREADS; i++)
		pthread_join(t[i], NULL);
	dv_consume(c, true, on_event, NULL);
	dv_aggs_snap(c, true);
	read_rows(c);
	spoilt += dv_consumer_spoilt(c);
	fprintf(stderr, "%lu firings, %lu records, %lu spoilt\n", (unsigned long)fired, (unsigned long)events,
	        (unsigned long)spoilt);
	CHECK(fired > 100);
	CHECK(events > 0);
	CHECK(spoilt > 0);
	dv_consumer_destroy(c);
	free(pristine);
	munmap(map, r.size + 2 * GUARD);
	return test_done();
}
