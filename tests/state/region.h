/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_STATE_REGION_H
#define TESTS_STATE_REGION_H
/** A region in private memory for tests. */
#include <sys/mman.h>

#include "state/state.h"
#include "tests/lib/test.h"

struct region {
	uint8_t *base;
	uint64_t size;
};

static const struct dv_region_config region_defaults = {
	.strsize = 64,
	.globals_size = 4096,
	.consts_size = 65536,
	.dyn_key_size = 128,
	.dyn_val_size = 64,
	.dyn_count = 1024,
	.prod_count = 8,
	.ring_size = 65536,
	.agg_size = 65536,
	.scratch_size = 4096,
	.this_size = 64,
	.spec_count = 4,
	.spec_size = 1024,
	.seed = 12345,
};

static inline struct region region_make(const struct dv_region_config *c)
{
	struct region r = { .size = dv_region_size(c) };
	const char *why;

	REQUIRE(r.size != 0);
	r.base = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(r.base != MAP_FAILED);
	dv_region_init(r.base, r.size, c);
	REQUIRE(dv_region_check(r.base, r.size, &why));
	return r;
}
static inline void region_free(struct region *r)
{
	munmap(r->base, r->size);
}
static inline struct dv_st region_st(struct region *r, uint32_t producer)
{
	struct dv_st st;
	const char *why;

	REQUIRE(dv_st_init(&st, r->base, r->size, producer, &why));
	return st;
}
static inline struct dv_producer *region_prod(struct region *r, uint32_t i)
{
	return dv_region_producer(r->base, r->size, i);
}
/** Describe aggregation @p i. */
static inline void region_agg(struct region *r, uint32_t i, enum dv_agg_func func, int64_t base, int64_t step,
                              uint32_t levels)
{
	static const uint32_t sizes[] = { 8, 8, 8, 8, 16, 32, DV_QUANTIZE_BUCKETS * 8 };
	struct dv_region_hdr *h = dv_region_hdr(r->base);

	h->aggs[i] = (struct dv_agg_desc){ .func = func, .base = base, .step = step, .levels = levels,
					   .data_size = func == DV_AGG_LQUANTIZE ? (levels + 2) * 8 : sizes[func] };
	if (h->agg_count <= i)
		h->agg_count = i + 1;
}
/** Put a string among the constants, at any offset (sref). */
static inline uint64_t region_str(struct region *r, uint32_t at, const char *s)
{
	strcpy((char *)r->base + DV_CONSTS_OFF + at, s);
	return DV_CONSTS_OFF + at;
}
#endif
