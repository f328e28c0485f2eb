// SPDX-License-Identifier: GPL-2.0-or-later
// Aggregations of all producers, merged.
//
// A producer has two tables and fills the active one. To take what it has, the other (empty) one is made active; then
// the first is ours as soon as no firing is under way that began before. A firing sets its in-flight word and then
// reads which table is active; we set the active table and then read the in-flight word; so either it sees our table
// or we see its word. If we see a word, we wait for it to change: the firing's next one is larger, numbers do not
// come twice. We wait for microseconds; a clause that takes longer is left for the next time, and nothing is flipped
// again before then. So every entry is taken exactly once. A firing without a number says its producer's count of firings
// instead, and may take a number before it ends: if that is what has changed, the same is waited for once more.
#include "consume/inner.h"

#include <string.h>

#define SPIN          2000
#define ROW_BYTES_MAX (1ULL << 30) // of all rows: a hostile producer can invent keys forever
#define DATA_MAX      (1u << 20)

static void aggs_reindex(struct dv_consumer *c, size_t size);

void dv_aggs_deinit(struct dv_consumer *c)
{
	uint32_t i;
	size_t k;

	for (i = 0; i < DV_AGGS_MAX; i++) {
		for (k = 0; k < c->aggs[i].rows.count; k++)
			free((void *)c->aggs[i].rows.data[k]);
		DV_VEC_FREE(&c->aggs[i].rows);
	}
	free(c->index);
	c->index = NULL;
}

// Bytes of data that an aggregation of this description has; 0: there is no such thing.
static uint32_t data_size(const struct dv_agg_desc *d)
{
	switch (d->func) {
	case DV_AGG_COUNT:
	case DV_AGG_SUM:
	case DV_AGG_MIN:
	case DV_AGG_MAX:
		return 8;
	case DV_AGG_AVG:
		return 16;
	case DV_AGG_STDDEV:
		return 32;
	case DV_AGG_QUANTIZE:
		return DV_QUANTIZE_BUCKETS * 8;
	case DV_AGG_LQUANTIZE:
		return d->levels < DATA_MAX / 8 - 2 ? (d->levels + 2) * 8 : 0;
	case DV_AGG_LLQUANTIZE:
		return d->levels < DATA_MAX / 16 - 3 ? (2 * d->levels + 3) * 8 : 0;
	}
	return 0;
}

// The description is copied when its first data comes, and stays.
static struct agg *agg_get(struct dv_consumer *c, uint32_t i)
{
	struct agg *a;

	if (i >= DV_AGGS_MAX)
		return NULL;
	a = &c->aggs[i];
	if (a->state == AGG_NEW) {
		a->desc = *(const volatile struct dv_agg_desc *)&c->hdr->aggs[i];
		a->state = a->desc.data_size && data_size(&a->desc) == a->desc.data_size ? AGG_GOOD : AGG_BAD;
	}
	return a->state == AGG_GOOD ? a : NULL;
}

static uint64_t key_hash(uint64_t h, uint32_t agg, const uint8_t *key, uint32_t size)
{
	uint64_t w;
	uint32_t i;

	h = (h ^ agg) * 0x9e3779b97f4a7c15ULL;
	for (i = 0; i < size; i += 8) {
		memcpy(&w, key + i, 8);
		h = (h ^ w) * 0xd6e8feb86659fd93ULL;
		h ^= h >> 32;
	}
	return h ^ h >> 29;
}

// Decode a tuple. How many values; -1: it is none.
static int key_decode(const uint8_t *key, uint32_t size, struct dv_value *values, int max)
{
	uint32_t head[2], pos = 0;
	int n = 0;

	while (pos < size) {
		struct dv_value v = { .kind = DV_VALUE_INT };

		if (size - pos < 8)
			return -1;
		memcpy(head, key + pos, 8);
		pos += 8;
		if (head[0] == DV_KEY_INT && head[1] == 8 && size - pos >= 8) {
			memcpy(&v.i, key + pos, 8);
		} else if ((head[0] == DV_KEY_STR || head[0] == DV_KEY_BLOCK) && head[1] <= size - pos) {
			v.kind = head[0] == DV_KEY_STR ? DV_VALUE_BYTES : DV_VALUE_BLOCK;
			v.bytes = (const char *)key + pos;
			v.size = head[1];
		} else {
			return -1;
		}
		if (n < max)
			values[n] = v;
		n++;
		pos += (head[1] + 7) & ~7u; // sizes are multiples of 8, so this stays inside
	}
	return n;
}

static void index_put(struct dv_consumer *c, struct row *r)
{
	size_t i = r->hash & (c->index_size - 1);

	while (c->index[i])
		i = (i + 1) & (c->index_size - 1);
	c->index[i] = r;
}

static void aggs_reindex(struct dv_consumer *c, size_t size)
{
	uint32_t i;
	size_t k;

	free(c->index);
	c->index_size = size;
	c->index = dv_xcalloc(size, sizeof(*c->index));
	for (i = 0; i < DV_AGGS_MAX; i++)
		for (k = 0; k < c->aggs[i].rows.count; k++)
			index_put(c, (struct row *)c->aggs[i].rows.data[k]);
}

static size_t row_size(const struct agg *a, uint32_t keys, uint32_t key_size)
{
	return sizeof(struct row) + a->desc.data_size + keys * sizeof(struct dv_value) + key_size;
}

static struct row *row_make(struct dv_consumer *c, struct agg *a, uint32_t agg, const uint8_t *key, uint32_t key_size,
                            uint64_t hash)
{
	int keys = key_decode(key, key_size, NULL, 0);
	struct dv_value *values;
	struct row *r;
	size_t size;

	if (keys < 0)
		return NULL;
	size = row_size(a, (uint32_t)keys, key_size);
	if (c->row_bytes + size > ROW_BYTES_MAX)
		return NULL;
	if ((c->row_count + 1) * 2 > c->index_size)
		aggs_reindex(c, c->index_size ? c->index_size * 2 : 256);
	r = dv_xcalloc(1, size);
	c->row_bytes += size;
	c->row_count++;
	r->data = (int64_t *)(r + 1);
	values = (struct dv_value *)((uint8_t *)r->data + a->desc.data_size);
	r->key = (uint8_t *)(values + keys);
	memcpy(r->key, key, key_size);
	key_decode(r->key, key_size, values, keys);
	r->hash = hash;
	r->key_size = key_size;
	r->cleared = true;
	r->pub.keys = values;
	r->pub.key_count = (uint32_t)keys;
	r->pub.data = r->data;
	r->pub.data_words = a->desc.data_size / 8;
	r->pub.agg = agg;
	r->pub.order = ++c->order;
	*DV_PUSH(&a->rows) = &r->pub;
	index_put(c, r);
	return r;
}

static struct row *row_get(struct dv_consumer *c, struct agg *a, uint32_t agg, const uint8_t *key, uint32_t key_size)
{
	uint64_t hash = key_hash(c->seed, agg, key, key_size);
	struct row *r;
	size_t i;

	if (c->index_size)
		for (i = hash & (c->index_size - 1); (r = c->index[i]); i = (i + 1) & (c->index_size - 1))
			if (r->hash == hash && r->pub.agg == agg && r->key_size == key_size &&
			    !memcmp(r->key, key, key_size))
				return r;
	return row_make(c, a, agg, key, key_size, hash);
}

static void merge(const struct agg *a, struct row *r, const int64_t *d)
{
	uint32_t i, n = a->desc.data_size / 8;
	uint64_t low;

	if (r->cleared) {
		memcpy(r->data, d, a->desc.data_size);
		r->cleared = false;
		return;
	}
	switch (a->desc.func) {
	case DV_AGG_MIN:
		if (d[0] < r->data[0])
			r->data[0] = d[0];
		return;
	case DV_AGG_MAX:
		if (d[0] > r->data[0])
			r->data[0] = d[0];
		return;
	}
	low = (uint64_t)r->data[n > 2 ? 2 : 0];
	for (i = 0; i < n; i++)
		r->data[i] = (int64_t)((uint64_t)r->data[i] + (uint64_t)d[i]);
	if (a->desc.func == DV_AGG_STDDEV && (uint64_t)r->data[2] < low)
		r->data[3] = (int64_t)((uint64_t)r->data[3] + 1);
}

// Show the tuple's stack blocks to who asked for them. False: one is none, or speaks for a process of another machine.
static bool key_frames(struct dv_consumer *c, const struct source *s, uint8_t *key, uint32_t size)
{
	uint32_t head[2], pos = 0;
	struct dv_frames f;

	while (size - pos >= 8) {
		struct dv_value v = { .kind = DV_VALUE_BLOCK, .bytes = (const char *)key + pos + 8 };

		memcpy(head, key + pos, 8);
		pos += 8;
		if (head[1] > size - pos)
			break; // row_get() says so
		v.size = head[1];
		if (head[0] == DV_KEY_BLOCK) {
			if (!dv_value_frames(&v, &f) || (dv_stack_is_user(f.kind) && f.machine != DV_RD(s->p->machine)))
				return false;
			if (c->on_frames) {
				c->on_frames(c->on_frames_ctx, &f);
				memcpy(key + pos + DV_STACK_HEAD, f.pc, head[1] - DV_STACK_HEAD);
			}
		}
		pos += (head[1] + 7) & ~7u;
	}
	return true;
}

void dv_consumer_on_frames(struct dv_consumer *c, void (*fn)(void *ctx, struct dv_frames *f), void *ctx)
{
	c->on_frames = fn;
	c->on_frames_ctx = ctx;
}

// One entry, copied and checked. Its bytes; 0: what is here and behind it makes no sense.
static uint32_t entry_take(struct dv_consumer *c, const struct source *s, const uint8_t *p, uint64_t avail,
                           uint32_t *hash)
{
	struct dv_agg_entry e;
	struct agg *a;
	struct row *r;
	uint8_t *copy;

	if (avail < sizeof(e))
		return 0;
	e = *(const volatile struct dv_agg_entry *)p;
	if (e.size % 8 || e.size > avail || e.size < sizeof(e) || e.key_size % 8 || e.key_size > DV_KEY_MAX ||
	    e.key_size > e.size - sizeof(e))
		return 0;
	*hash = e.hash;
	a = agg_get(c, e.agg);
	if (!a || e.size - sizeof(e) - e.key_size != a->desc.data_size) {
		c->spoilt++;
		return e.size;
	}
	copy = dv_consumer_copy(&c->entry_copy, e.size - sizeof(e));
	memcpy(copy, p + sizeof(e), e.size - sizeof(e));
	r = key_frames(c, s, copy, e.key_size) ? row_get(c, a, e.agg, copy, e.key_size) : NULL;
	if (r)
		merge(a, r, (const int64_t *)(copy + e.key_size));
	else
		c->spoilt++;
	return e.size;
}

// Empty the index slots that an entry of this hash may be in: from its home to the end of the run. A run is emptied
// from some slot up to its end, so an empty home means that all behind it is empty already.
static void index_clear(struct source *s, uint32_t t, uint32_t hash)
{
	volatile uint32_t *index = (volatile uint32_t *)s->table[t];
	uint32_t i, n;

	for (i = hash & (s->agg_slots - 1), n = 0; n < s->agg_slots && index[i]; i = (i + 1) & (s->agg_slots - 1), n++)
		index[i] = 0;
}

static void harvest(struct dv_consumer *c, struct source *s, uint32_t t)
{
	uint64_t start = (uint64_t)s->agg_slots * 4, used = DV_RD(s->p->agg_used[t]), pos = 0;
	bool few = DV_RD(s->p->agg_n[t]) < s->agg_slots / 8;
	uint32_t size, hash;

	if (!used)
		return;
	if (used > s->agg_size - start || used % 8) {
		c->spoilt++;
		used = 0;
		few = false;
	}
	while (pos < used) {
		size = entry_take(c, s, s->table[t] + start + pos, used - pos, &hash);
		if (!size) {
			c->spoilt++;
			few = false;
			break;
		}
		if (few)
			index_clear(s, t, hash);
		pos += size;
	}
	if (!few)
		memset(s->table[t], 0, start);
	DV_WR(s->p->agg_used[t], 0);
	DV_WR(s->p->agg_n[t], 0);
}

// Is the firing that may use the table we flipped away from over?
static bool quiet(struct source *s)
{
	uint64_t now;
	int i;

	for (i = 0; i < SPIN; i++) {
		now = dv_load(&s->p->inflight);
		if (now && now < DV_UNNUMBERED && s->waiting_for >= DV_UNNUMBERED)
			s->waiting_for = now;
		if (!s->waiting_for || now != s->waiting_for)
			return true;
#ifdef __x86_64__
		__builtin_ia32_pause();
#endif
	}
	return false;
}

// Take the inactive table, if we may by now.
static bool settle(struct dv_consumer *c, struct source *s)
{
	if (!s->waiting)
		return true;
	if (!quiet(s))
		return false;
	s->waiting = false;
	harvest(c, s, !s->active);
	return true;
}

void dv_aggs_snap(struct dv_consumer *c, bool final)
{
	struct source *s;
	uint32_t i;

	for (i = 0; i < c->source_count; i++) {
		s = &c->sources[i];
		if (final) {
			s->waiting = false;
			harvest(c, s, 0);
			harvest(c, s, 1);
			continue;
		}
		if (!settle(c, s) || !DV_RD(s->p->agg_used[s->active]))
			continue;
		s->active = !s->active;
		__atomic_store_n(&s->p->agg_active, s->active, __ATOMIC_SEQ_CST);
		s->waiting = true;
		s->waiting_for = dv_load(&s->p->inflight);
		settle(c, s);
	}
}

size_t dv_aggs_rows(struct dv_consumer *c, uint32_t agg, const struct dv_agg_row ***rows)
{
	if (agg >= DV_AGGS_MAX)
		return 0;
	*rows = c->aggs[agg].rows.data;
	return c->aggs[agg].rows.count;
}

void dv_aggs_clear(struct dv_consumer *c, uint32_t agg)
{
	struct row *r;
	size_t i;

	if (agg >= DV_AGGS_MAX)
		return;
	for (i = 0; i < c->aggs[agg].rows.count; i++) {
		r = (struct row *)c->aggs[agg].rows.data[i];
		memset(r->data, 0, c->aggs[agg].desc.data_size);
		r->cleared = true;
	}
}

static int by_address(const void *a, const void *b)
{
	const struct dv_agg_row *const *x = a, *const *y = b;

	return (uintptr_t)*x < (uintptr_t)*y ? -1 : (uintptr_t)*x > (uintptr_t)*y;
}

void dv_aggs_keep(struct dv_consumer *c, uint32_t agg, const struct dv_agg_row *const *keep, size_t count)
{
	DV_FREE const struct dv_agg_row **sorted = NULL;
	struct agg *a;
	size_t i, n = 0;

	if (agg >= DV_AGGS_MAX)
		return;
	a = &c->aggs[agg];
	sorted = dv_xcalloc(count + 1, sizeof(*sorted));
	if (count)
		memcpy(sorted, keep, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_address);
	for (i = 0; i < a->rows.count; i++) {
		const struct dv_agg_row *r = a->rows.data[i];

		if (count && bsearch(&r, sorted, count, sizeof(*sorted), by_address)) {
			a->rows.data[n++] = r;
			continue;
		}
		c->row_bytes -= row_size(a, r->key_count, ((const struct row *)r)->key_size);
		c->row_count--;
		free((void *)r);
	}
	a->rows.count = n;
	if (c->index_size)
		aggs_reindex(c, c->index_size);
}

void dv_aggs_normalize(struct dv_consumer *c, uint32_t agg, uint64_t factor)
{
	if (agg < DV_AGGS_MAX)
		c->aggs[agg].normal = factor ? factor : 1;
}

uint64_t dv_aggs_normal(const struct dv_consumer *c, uint32_t agg)
{
	return agg < DV_AGGS_MAX ? c->aggs[agg].normal : 1;
}
