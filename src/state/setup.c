// SPDX-License-Identifier: GPL-2.0-or-later
// The region's layout: made here, and checked here by everyone who maps it. Native only.
//
// What is checked stays true only as long as nobody scribbles over it, so the check is a courtesy that turns a wrong
// or damaged region into a message; safety comes from the masks at each access.
#include "state/inner.h"

#define PAGE       4096u
#define RING_MIN   4096u
#define AGG_MIN    4096u
#define SIZE_MAX_  (2ULL << 30)

struct layout {
	uint64_t serves, dyn_ctl, dyn_slot, dyn_count, dyn_slot_size, key_size, val_size;
	uint64_t spec, prod, blocks;
	uint64_t end;
};

/* What belongs to one producer: offsets from the block's start, sizes. */
struct block {
	uint64_t ring, agg, agg_slots, scratch, this_, key, tok, spec_used;
	uint64_t ring_size, agg_size, scratch_size, this_size, key_buf;
	uint64_t end;
};

static uint64_t up(uint64_t x, uint64_t to)
{
	return (x + to - 1) / to * to;
}

static uint64_t pow2_up(uint64_t x)
{
	uint64_t p = 1;

	while (p < x && p < 1ULL << 40)
		p <<= 1;
	return p;
}

static uint64_t pow2_down(uint64_t x)
{
	uint64_t p = pow2_up(x);

	return p > x ? p >> 1 : p;
}

static void lay_out_block(const struct dv_region_config *c, uint32_t i, struct block *b)
{
	uint32_t ring = c->sizes && c->sizes[i].ring ? c->sizes[i].ring : c->ring_size;
	uint32_t agg = c->sizes && c->sizes[i].agg ? c->sizes[i].agg : c->agg_size;

	b->ring_size = pow2_up(ring < RING_MIN ? RING_MIN : ring);
	b->agg_size = up(agg < AGG_MIN ? AGG_MIN : agg, 64);
	b->agg_slots = pow2_down(b->agg_size / 32);
	b->scratch_size = up(c->scratch_size, 64);
	b->this_size = up(c->this_size, 8);
	b->key_buf = DV_KEY_MAX;
	b->ring = 0;
	b->agg = b->ring_size;
	b->scratch = b->agg + 2 * b->agg_size;
	b->this_ = b->scratch + b->scratch_size;
	b->key = up(b->this_ + b->this_size, 64);
	b->tok = b->key + b->key_buf;
	b->spec_used = up(b->tok + c->strsize + 8, 64);
	b->end = up(b->spec_used + c->spec_count * 8, PAGE);
}

static bool lay_out(const struct dv_region_config *c, struct layout *l)
{
	if (c->strsize < 8 || c->strsize > DV_STR_MAX || c->prod_count > DV_PROD_MAX || !c->prod_count ||
	    c->globals_size > DV_CONSTS_OFF - DV_GLOBALS_OFF || c->dyn_key_size > DV_KEY_MAX ||
	    c->dyn_val_size > DV_STR_MAX || c->this_size > DV_THIS_MAX || c->spec_count > DV_SPEC_MAX)
		return false;
	l->key_size = up(c->dyn_key_size, 8);
	l->val_size = up(c->dyn_val_size ? c->dyn_val_size : 8, 8);
	l->dyn_count = pow2_up(c->dyn_count < 32 ? 32 : c->dyn_count);
	l->dyn_slot_size = 16 + l->key_size + l->val_size;
	l->serves = up((uint64_t)DV_CONSTS_OFF + c->consts_size, PAGE);
	l->dyn_ctl = up(l->serves + DV_SERVES_SLOTS * 8, PAGE);
	l->dyn_slot = up(l->dyn_ctl + l->dyn_count * 8, PAGE);
	l->spec = up(l->dyn_slot + l->dyn_count * l->dyn_slot_size, PAGE);
	l->prod = up(l->spec + c->spec_count * 8, PAGE);
	l->blocks = up(l->prod + (uint64_t)c->prod_count * DV_PROD_ALIGN, PAGE);
	l->end = l->blocks;
	for (uint32_t i = 0; i < c->prod_count; i++) {
		struct block b;

		lay_out_block(c, i, &b);
		l->end += b.end;
	}
	return true;
}

uint64_t dv_region_size(const struct dv_region_config *c)
{
	struct layout l;

	if (!lay_out(c, &l) || l.end > SIZE_MAX_)
		return 0;
	return pow2_up(l.end);
}

void dv_region_init(void *base, uint64_t size, const struct dv_region_config *c)
{
	struct dv_region_hdr *h = base;
	struct dv_producer *p;
	struct layout l;
	struct block b;
	uint64_t at;
	uint32_t i;

	if (!lay_out(c, &l) || l.end > size)
		return;
	h->version = DV_REGION_VERSION;
	h->strsize = c->strsize & ~7u;
	h->size = size;
	h->globals_size = c->globals_size;
	h->consts_size = c->consts_size;
	h->serves_off = (uint32_t)l.serves;
	h->serves_count = DV_SERVES_SLOTS;
	h->dyn_ctl_off = (uint32_t)l.dyn_ctl;
	h->dyn_slot_off = (uint32_t)l.dyn_slot;
	h->dyn_count = (uint32_t)l.dyn_count;
	h->dyn_slot_size = (uint32_t)l.dyn_slot_size;
	h->dyn_key_size = (uint32_t)l.key_size;
	h->dyn_val_size = (uint32_t)l.val_size;
	h->dyn_seed = c->seed;
	h->hash_mult = (c->seed * 0x9e3779b97f4a7c15ULL ^ 0xd6e8feb86659fd93ULL) | 1;
	h->spec_off = (uint32_t)l.spec;
	h->spec_count = c->spec_count;
	h->spec_size = c->spec_size;
	h->only_cpu = c->only_cpu;
	h->prod_off = (uint32_t)l.prod;
	h->prod_stride = DV_PROD_ALIGN;
	h->prod_count = c->prod_count;
	h->flags = c->flags;
	for (i = 0, at = l.blocks; i < c->prod_count; i++, at += b.end) {
		p = (struct dv_producer *)((uint8_t *)base + l.prod + (uint64_t)i * DV_PROD_ALIGN);
		lay_out_block(c, i, &b);
		p->ring_off = (uint32_t)(at + b.ring);
		p->ring_size = (uint32_t)b.ring_size;
		p->agg_off[0] = (uint32_t)(at + b.agg);
		p->agg_off[1] = (uint32_t)(at + b.agg + b.agg_size);
		p->agg_size = (uint32_t)b.agg_size;
		p->agg_slots = (uint32_t)b.agg_slots;
		p->scratch_off = (uint32_t)(at + b.scratch);
		p->scratch_size = (uint32_t)b.scratch_size;
		p->this_off = (uint32_t)(at + b.this_);
		p->this_size = (uint32_t)b.this_size;
		p->key_off = (uint32_t)(at + b.key);
		p->key_size = (uint32_t)b.key_buf;
		p->tok_off = (uint32_t)(at + b.tok);
		p->spec_off = (uint32_t)(at + b.spec_used);
	}
	h->magic = DV_REGION_MAGIC;
}

static bool pow2(uint64_t x)
{
	return x && !(x & (x - 1));
}

static bool inside(uint64_t off, uint64_t size, uint64_t region)
{
	return off >= DV_GLOBALS_OFF && off % 8 == 0 && off <= region && size <= region - off;
}

static bool producer_good(const struct dv_producer *p, uint64_t region, uint64_t strsize, uint64_t spec_count)
{
	uint32_t ring = DV_RD(p->ring_size), slots = DV_RD(p->agg_slots), agg = DV_RD(p->agg_size);

	return pow2(ring) && ring >= RING_MIN && inside(DV_RD(p->ring_off), ring, region) && pow2(slots) &&
	       (uint64_t)slots * 4 <= agg && inside(DV_RD(p->agg_off[0]), agg, region) &&
	       inside(DV_RD(p->agg_off[1]), agg, region) &&
	       inside(DV_RD(p->scratch_off), DV_RD(p->scratch_size), region) &&
	       inside(DV_RD(p->this_off), DV_RD(p->this_size), region) && DV_RD(p->this_size) <= DV_THIS_MAX &&
	       inside(DV_RD(p->key_off), DV_RD(p->key_size), region) && DV_RD(p->key_size) <= DV_KEY_MAX &&
	       inside(DV_RD(p->tok_off), strsize + 8, region) && inside(DV_RD(p->spec_off), spec_count * 8, region);
}

bool dv_region_check(const void *base, uint64_t size, const char **why)
{
	const struct dv_region_hdr *h = base;
	uint64_t count, slot_size, key, val;
	uint32_t i, n, off;

	*why = "the region's size is not a power of two up to 2 GiB";
	if (!pow2(size) || size < DV_CONSTS_OFF || size > SIZE_MAX_)
		return false;
	*why = "this is not a state region";
	if (DV_RD(h->magic) != DV_REGION_MAGIC)
		return false;
	*why = "the state region has another version";
	if (DV_RD(h->version) != DV_REGION_VERSION)
		return false;
	*why = "the state region's header is damaged";
	if (DV_RD(h->size) != size || DV_RD(h->strsize) < 8 || DV_RD(h->strsize) > DV_STR_MAX ||
	    DV_RD(h->strsize) % 8 || DV_RD(h->globals_size) > DV_CONSTS_OFF - DV_GLOBALS_OFF ||
	    !inside(DV_CONSTS_OFF, DV_RD(h->consts_size), size) || DV_RD(h->agg_count) > DV_AGGS_MAX ||
	    DV_RD(h->spec_count) > DV_SPEC_MAX || !inside(DV_RD(h->spec_off), DV_RD(h->spec_count) * 8ULL, size))
		return false;
	if (!pow2(DV_RD(h->serves_count)) ||
	    !inside(DV_RD(h->serves_off), (uint64_t)DV_RD(h->serves_count) * 8, size))
		return false;
	count = DV_RD(h->dyn_count);
	slot_size = DV_RD(h->dyn_slot_size);
	key = DV_RD(h->dyn_key_size);
	val = DV_RD(h->dyn_val_size);
	if (!pow2(count) || count < 32 || key > DV_KEY_MAX || val > DV_STR_MAX || val < 8 || key % 8 || val % 8 ||
	    slot_size != 16 + key + val || !inside(DV_RD(h->dyn_ctl_off), count * 8, size) ||
	    !inside(DV_RD(h->dyn_slot_off), count * slot_size, size))
		return false;
	n = DV_RD(h->prod_count);
	off = DV_RD(h->prod_off);
	if (!n || n > DV_PROD_MAX || DV_RD(h->prod_stride) != DV_PROD_ALIGN || off % DV_PROD_ALIGN ||
	    !inside(off, (uint64_t)n * DV_PROD_ALIGN, size))
		return false;
	*why = "a producer in the state region is damaged";
	for (i = 0; i < n; i++)
		if (!producer_good((const struct dv_producer *)((const uint8_t *)base + off +
		                                                (uint64_t)i * DV_PROD_ALIGN),
		                   size, DV_RD(h->strsize), DV_RD(h->spec_count)))
			return false;
	*why = NULL;
	return true;
}

struct dv_region_hdr *dv_region_hdr(void *base)
{
	return base;
}

struct dv_producer *dv_region_producer(void *base, uint64_t size, uint32_t i)
{
	const struct dv_region_hdr *h = base;
	uint64_t off = DV_RD(h->prod_off);

	if (i >= DV_RD(h->prod_count) || i >= DV_PROD_MAX || off % DV_PROD_ALIGN ||
	    !inside(off + (uint64_t)i * DV_PROD_ALIGN, DV_PROD_ALIGN, size))
		return NULL;
	return (struct dv_producer *)((uint8_t *)base + off + (uint64_t)i * DV_PROD_ALIGN);
}

bool dv_st_init(struct dv_st *st, void *base, uint64_t size, uint32_t producer, const char **why)
{
	struct dv_producer *p;

	if (!dv_region_check(base, size, why))
		return false;
	p = dv_region_producer(base, size, producer);
	if (!p) {
		*why = "the state region has no such producer";
		return false;
	}
	st->base = base;
	st->mask = size - 1;
	st->prod = (uint32_t)((uint8_t *)p - (uint8_t *)base);
	return true;
}

void dv_region_retire(void *base, uint64_t size, uint32_t i)
{
	struct dv_producer *p = dv_region_producer(base, size, i);

	if (p)
		dv_store(&p->inflight, 0);
}
