// SPDX-License-Identifier: GPL-2.0-or-later
// Records of all producers in one order.
//
// Each ring is in order by itself, so the next record of all is at the tail of some ring; a heap finds it. It may be
// delivered when no smaller number can appear any more. That is known from this order of reading:
//
//   hdr.seq (S), then every in-flight word, then every head.
//
// A firing with a number up to S has taken it before we read S, so its in-flight word was set before that too. Either
// we saw that word, which is at most its number, or the firing was over when we looked, and its records are below the
// head that we read afterwards. So below min(S + 1, the in-flight words seen) all is there. A producer's own
// in-flight word does not hold its own records up: what it adds comes behind them in its ring. (That also lets a
// firing fill its ring and wait for room.)
//
// A ring whose content makes no sense is skipped up to its head, and counted.
#include "consume/inner.h"

#include <string.h>
#include <sys/random.h>

struct dv_consumer *dv_consumer_create(void *region, uint64_t region_size)
{
	struct dv_consumer *c;
	struct source *s;
	const char *why;
	uint32_t i, off[5];

	if (!dv_region_check(region, region_size, &why))
		return NULL;
	c = dv_xcalloc(1, sizeof(*c));
	c->hdr = dv_region_hdr(region);
	if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) < 0)
		c->seed = (uintptr_t)c;
	c->source_count = DV_RD(c->hdr->prod_count);
	if (c->source_count > DV_PROD_MAX)
		c->source_count = 0;
	c->sources = dv_xcalloc(c->source_count + 1, sizeof(*c->sources));
	c->heap = dv_xcalloc(c->source_count + 1, sizeof(*c->heap));
	for (i = 0; i < DV_AGGS_MAX; i++)
		c->aggs[i].normal = 1;
	c->ring = DV_RD(c->hdr->flags) & DV_REGION_RING;
	c->spec_off = DV_RD(c->hdr->spec_off);
	c->spec_count = DV_RD(c->hdr->spec_count);
	if (c->spec_count > DV_SPEC_MAX || c->spec_off % 8 ||
	    (uint64_t)c->spec_off + c->spec_count * 8ULL > region_size)
		c->spec_count = 0;
	for (i = 0; i < c->source_count; i++) {
		s = &c->sources[i];
		s->index = i;
		s->p = dv_region_producer(region, region_size, i);
		if (!s->p)
			goto damaged;
		// The check above was of other reads of the same words.
		off[0] = DV_RD(s->p->ring_off);
		off[1] = DV_RD(s->p->ring_size);
		off[2] = DV_RD(s->p->agg_off[0]);
		off[3] = DV_RD(s->p->agg_off[1]);
		off[4] = DV_RD(s->p->agg_size);
		s->agg_slots = DV_RD(s->p->agg_slots);
		if ((uint64_t)off[0] + off[1] > region_size || (uint64_t)off[2] + off[4] > region_size || off[1] < 64 ||
		    (uint64_t)off[3] + off[4] > region_size || (uint64_t)s->agg_slots * 4 > off[4] ||
		    (off[1] & (off[1] - 1)) || (s->agg_slots & (s->agg_slots - 1)) || !s->agg_slots ||
		    ((off[0] | off[2] | off[3]) & 7))
			goto damaged;
		s->ring = (uint8_t *)region + off[0];
		s->ring_size = off[1];
		s->table[0] = (uint8_t *)region + off[2];
		s->table[1] = (uint8_t *)region + off[3];
		s->agg_size = off[4];
		s->active = DV_RD(s->p->agg_active) & 1;
		s->tail = s->released = DV_RD(s->p->tail) & ~7ULL;
	}
	return c;
damaged:
	dv_consumer_destroy(c);
	return NULL;
}

void dv_consumer_destroy(struct dv_consumer *c)
{
	if (!c)
		return;
	dv_aggs_deinit(c);
	dv_spec_deinit(c);
	free(c->sources);
	free(c->heap);
	free(c->rec_copy.p);
	free(c->entry_copy.p);
	free(c);
}

uint64_t dv_consumer_spoilt(const struct dv_consumer *c)
{
	return c->spoilt;
}

uint8_t *dv_consumer_copy(struct copy *c, size_t size)
{
	if (size > c->size) {
		c->size = size < 4096 ? 4096 : size * 2;
		c->p = dv_xrealloc(c->p, c->size);
	}
	return c->p;
}

static uint64_t ring_word(const struct source *s, uint64_t pos)
{
	return *(const volatile uint64_t *)(s->ring + (pos & (s->ring_size - 1) & ~7ULL));
}

// Look at the record at the tail, past pads. False: none.
static bool peek(struct dv_consumer *c, struct source *s)
{
	uint64_t pos, w, to_end, avail;

	while (s->tail != s->head) {
		avail = s->head - s->tail;
		pos = s->tail & (s->ring_size - 1);
		to_end = s->ring_size - pos;
		w = ring_word(s, pos);
		s->size = (uint32_t)w;
		s->epid = (uint32_t)(w >> 32);
		if (s->epid == DV_EPID_PAD && s->size == to_end && s->size <= avail) {
			s->tail += s->size;
			continue;
		}
		if (s->epid == DV_EPID_PAD || s->size < sizeof(struct dv_record) || s->size % 8 || s->size > avail ||
		    s->size > to_end) {
			c->spoilt++;
			s->tail = s->head;
			return false;
		}
		s->seq = ring_word(s, pos + 8);
		return true;
	}
	return false;
}

static bool has_record(struct dv_consumer *c, struct source *s)
{
	s->head = dv_load(&s->p->head);
	if (c->ring)
		s->tail = s->released = DV_RD(s->p->tail) & ~7ULL;
	if (s->head == s->tail)
		return false;
	if (s->head % 8 || s->head - s->tail > s->ring_size) {
		c->spoilt++;
		s->head &= ~7ULL;
		s->tail = s->head;
		return false;
	}
	return peek(c, s);
}

static void release(struct source *s)
{
	if (s->tail == s->released)
		return;
	s->released = s->tail;
	dv_store(&s->p->tail, s->tail);
}

static void sift_up(struct source **h, size_t i)
{
	struct source *s = h[i];

	for (; i && h[(i - 1) / 2]->seq > s->seq; i = (i - 1) / 2)
		h[i] = h[(i - 1) / 2];
	h[i] = s;
}

static void sift_down(struct source **h, size_t n)
{
	struct source *s = h[0];
	size_t i = 0, k;

	for (; (k = 2 * i + 1) < n; i = k) {
		if (k + 1 < n && h[k + 1]->seq < h[k]->seq)
			k++;
		if (h[k]->seq >= s->seq)
			break;
		h[i] = h[k];
	}
	h[i] = s;
}

// The two smallest numbers that may still come, and who the smallest is from (NULL: from nobody who is in flight
// now).
struct bound {
	uint64_t first, second;
	const struct source *from;
};

static void bound_read(struct dv_consumer *c, struct bound *b)
{
	uint64_t flying;
	uint32_t i;

	b->first = b->second = dv_load(&c->hdr->seq) + 1;
	b->from = NULL;
	for (i = 0; i < c->source_count; i++) {
		flying = dv_load(&c->sources[i].p->inflight);
		if (!flying)
			continue;
		if (flying < b->first) {
			b->second = b->first;
			b->first = flying;
			b->from = &c->sources[i];
		} else if (flying < b->second) {
			b->second = flying;
		}
	}
}

// Of the record at the tail, for those who want to know what follows; a pad's is nobody's.
static uint32_t next_epid(const struct source *s)
{
	uint64_t pos = s->tail;
	uint32_t epid;

	if (pos == s->head)
		return 0;
	epid = (uint32_t)(ring_word(s, pos) >> 32);
	if (epid == DV_EPID_PAD) { // the ring goes on at its start
		pos = (pos | (s->ring_size - 1)) + 1;
		epid = s->head - pos <= s->ring_size && pos != s->head ? (uint32_t)(ring_word(s, pos) >> 32) : 0;
	}
	return epid;
}

// Copy the record at the tail out and step over it. Its header is written from what was checked.
static void take(struct dv_consumer *c, struct source *s, struct dv_event *e)
{
	struct dv_record *r = (struct dv_record *)dv_consumer_copy(&c->rec_copy, s->size);

	memcpy(r, s->ring + (s->tail & (s->ring_size - 1)), s->size);
	r->size = s->size;
	r->epid = s->epid;
	r->seq = s->seq;
	e->rec = r;
	e->producer = s->index;
	e->machine = DV_RD(s->p->machine);
	e->cpu = r->cpu;
	e->data.p = (const uint8_t *)(r + 1);
	e->data.end = (const uint8_t *)r + s->size;
	s->tail += s->size;
	if (s->tail - s->released >= s->ring_size / 8)
		release(s);
	e->next_epid = next_epid(s);
}

size_t dv_consume(struct dv_consumer *c, bool final, bool (*fn)(void *ctx, const struct dv_event *e), void *ctx)
{
	struct source *s;
	struct dv_event e;
	struct bound b;
	size_t n = 0, count = 0;
	bool go_on = true;
	uint32_t i;

	bound_read(c, &b);
	for (i = 0; i < c->source_count; i++) {
		s = &c->sources[i];
		if (!has_record(c, s))
			continue;
		c->heap[n] = s;
		sift_up(c->heap, n++);
	}
	while (n && go_on) {
		s = c->heap[0];
		if (!final && s->seq >= (s == b.from ? b.second : b.first))
			break;
		take(c, s, &e);
		switch (e.rec->kind) {
		case DV_REC_SPEC:
			dv_spec_keep(c, &e);
			break;
		case DV_REC_COMMIT:
			go_on = dv_spec_commit(c, &e, fn, ctx, &count);
			break;
		default:
			count++;
			go_on = fn(ctx, &e);
			break;
		}
		if (!peek(c, s)) {
			release(s);
			c->heap[0] = c->heap[--n];
		}
		if (n)
			sift_down(c->heap, n);
	}
	for (i = 0; i < c->source_count; i++)
		release(&c->sources[i]);
	if (go_on && !final && c->specs.count)
		dv_spec_expire(c, b.first);
	return count;
}

bool dv_consume_held(struct dv_consumer *c, uint32_t *producer, uint64_t *firing)
{
	struct bound b;

	bound_read(c, &b);
	if (!b.from)
		return false;
	*producer = b.from->index;
	*firing = b.first;
	return true;
}

void dv_consume_drops(struct dv_consumer *c, void (*fn)(void *ctx, uint32_t producer, enum dv_drop why, uint64_t count),
                      void *ctx)
{
	struct source *s;
	uint64_t now, was;
	uint32_t i, k;

	for (i = 0; i < c->source_count; i++) {
		s = &c->sources[i];
		for (k = 0; k < DV_DROP_COUNT; k++) {
			now = DV_RD(s->p->drops[k]);
			was = s->drops[k];
			s->drops[k] = now;
			if (now > was)
				fn(ctx, i, (enum dv_drop)k, now - was);
		}
	}
}

bool dv_cursor_int(struct dv_cursor *c, struct dv_value *ret)
{
	struct dv_value v = { .kind = DV_VALUE_INT };

	if (c->end - c->p < 8)
		return false;
	memcpy(&v.i, c->p, 8);
	c->p += 8;
	*ret = v;
	return true;
}

bool dv_cursor_bytes(struct dv_cursor *c, struct dv_value *ret)
{
	struct dv_value v = { .kind = DV_VALUE_BYTES };
	uint32_t size;

	if (c->end - c->p < 8)
		return false;
	memcpy(&size, c->p, 4);
	if (size > (size_t)(c->end - c->p) - 4)
		return false;
	v.bytes = (const char *)c->p + 4;
	v.size = size;
	c->p += ((size_t)size + 4 + 7) & ~(size_t)7;
	*ret = v;
	return true;
}
