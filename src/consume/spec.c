// SPDX-License-Identifier: GPL-2.0-or-later
// Speculations (state/spec.c says how they are made). Their records come by in the one order of all machines and are
// kept here, copied, until the record of a commit() comes by; then they are delivered, with its number in the order.
//
// A speculation that is discarded leaves no record. It is forgotten when the table says that its use has ended and
// everything that was numbered by then has been delivered: a commit() of it would have been among that.
#include "consume/inner.h"

#include <string.h>

#define BYTES_MAX (256ULL << 20) // of all speculations: a hostile producer can invent them forever

/** Before each record. */
struct head {
	uint32_t producer, machine, cpu, pad;
};

void dv_spec_deinit(struct dv_consumer *c)
{
	for (size_t i = 0; i < c->specs.count; i++)
		free(c->specs.data[i].bytes);
	DV_VEC_FREE(&c->specs);
}

static void forget(struct dv_consumer *c, size_t i)
{
	c->spec_bytes -= c->specs.data[i].size;
	free(c->specs.data[i].bytes);
	c->specs.data[i] = c->specs.data[--c->specs.count];
}

static struct spec *find(struct dv_consumer *c, uint64_t name)
{
	for (size_t i = 0; i < c->specs.count; i++)
		if (c->specs.data[i].name == name)
			return &c->specs.data[i];
	return NULL;
}

// The name that a record begins with. False: it is none.
static bool name_of(struct dv_consumer *c, struct dv_event *e, uint64_t *ret)
{
	struct dv_value v;

	if (!dv_cursor_int(&e->data, &v) || !(uint32_t)v.i || (uint32_t)v.i > DV_SPEC_MAX) {
		c->spoilt++;
		return false;
	}
	*ret = v.i;
	return true;
}

void dv_spec_keep(struct dv_consumer *c, struct dv_event *e)
{
	struct head h = {e->producer, e->machine, e->cpu, 0};
	size_t need = sizeof(h) + e->rec->size;
	uint64_t name;
	struct spec *s;

	if (!name_of(c, e, &name))
		return;
	s = find(c, name);
	if (!s && c->specs.count < 4 * DV_SPEC_MAX) {
		s = DV_PUSH(&c->specs);
		s->name = name;
	}
	if (!s || c->spec_bytes + need > BYTES_MAX) {
		c->spoilt++;
		return;
	}
	if (s->used + need > s->size) {
		size_t size = (s->used + need) * 2;

		s->bytes = dv_xrealloc(s->bytes, size);
		c->spec_bytes += size - s->size;
		s->size = size;
	}
	memcpy(s->bytes + s->used, &h, sizeof(h));
	memcpy(s->bytes + s->used + sizeof(h), e->rec, e->rec->size);
	s->used += need;
}

bool dv_spec_commit(struct dv_consumer *c, struct dv_event *e, bool (*fn)(void *ctx, const struct dv_event *e), void *ctx,
                    size_t *count)
{
	bool go_on = true;
	uint64_t name, seq = e->rec->seq;
	struct spec *s, own;
	size_t at;

	s = name_of(c, e, &name) ? find(c, name) : NULL;
	if (!s)
		return true;
	own = *s;
	s->bytes = NULL;
	forget(c, (size_t)(s - c->specs.data));
	for (at = 0; at < own.used && go_on;) {
		struct head *h = (struct head *)(own.bytes + at);
		struct dv_record *r = (struct dv_record *)(h + 1);
		struct dv_event out = {.rec = r, .producer = h->producer, .machine = h->machine, .cpu = h->cpu};

		at += sizeof(*h) + r->size;
		r->kind = DV_REC_DATA;
		r->seq = seq;
		if (at < own.used) {
			const struct dv_record *next = (const struct dv_record *)(own.bytes + at + sizeof(*h));

			out.next_epid = next->epid;
		}
		out.data.p = (const uint8_t *)(r + 1);
		out.data.end = (const uint8_t *)r + r->size;
		++*count;
		go_on = fn(ctx, &out);
	}
	free(own.bytes);
	return go_on;
}

void dv_spec_expire(struct dv_consumer *c, uint64_t delivered)
{
	const volatile uint64_t *table = (const volatile uint64_t *)((const uint8_t *)c->hdr + c->spec_off);

	for (size_t i = c->specs.count; i-- > 0;) {
		struct spec *s = &c->specs.data[i];
		uint32_t id = (uint32_t)s->name;
		uint64_t w = id <= c->spec_count ? __atomic_load_n(&table[id - 1], __ATOMIC_SEQ_CST) : 0;

		if ((w & 1) && (w >> 1 & 0xffffffff) == s->name >> 32)
			continue;
		if (!s->ended)
			s->ended = dv_load(&c->hdr->seq) + 1;
		else if (delivered >= s->ended)
			forget(c, i);
	}
}
