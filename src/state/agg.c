// SPDX-License-Identifier: GPL-2.0-or-later
// Aggregations. Each producer has two tables of its own; a firing adds to the one that was active when it began, and
// the consumer takes the other one away (consume/aggs.c). So there is one writer, and nothing here is atomic.
//
// A table is an index of agg_slots offsets (0: empty), probed in line from the hash on, and behind it the entries,
// one after another in the order they were made. An entry is whole before the index and agg_used name it.
#include "state/inner.h"

#define DV_AGG_PROBES 64u
#define DV_ENTRY_HEAD ((uint64_t)sizeof(struct dv_agg_entry))
#define AGG_SPREAD    0x9e3779b97f4a7c15ULL // where hashing begins: so many for each aggregation

// floor(log2(x)), x not zero.
DV_INLINE uint64_t log2_of(uint64_t x)
{
	uint64_t n = 0;

	if (x >> 32) {
		n += 32;
		x >>= 32;
	}
	if (x >> 16) {
		n += 16;
		x >>= 16;
	}
	if (x >> 8) {
		n += 8;
		x >>= 8;
	}
	if (x >> 4) {
		n += 4;
		x >>= 4;
	}
	if (x >> 2) {
		n += 2;
		x >>= 2;
	}
	return n + (x >> 1);
}

// DTrace's buckets: 63 is zero, 64 is 1, 65 is 2..3; 62 is -1, 61 is -3..-2.
DV_INLINE uint64_t quantize_bucket(uint64_t value)
{
	uint64_t n;

	if (!value)
		return 63;
	if ((int64_t)value > 0)
		return 64 + log2_of(value);
	n = log2_of(-value);
	return n > 62 ? 0 : 62 - n;
}

DV_INLINE uint64_t lquantize_bucket(const struct dv_agg_desc *d, uint64_t value)
{
	int64_t base = DV_RD(d->base);
	uint64_t step = (uint64_t)DV_RD(d->step), levels = DV_RD(d->levels), level;

	if ((int64_t)value < base)
		return 0;
	level = (value - (uint64_t)base) / (step ? step : 1);
	return level < levels ? level + 1 : levels + 1;
}

// Which positive bucket the value is in, from 1; 0: below them all; one more than there are: above.
DV_HELPER uint64_t dv_llquantize(uint64_t value, uint64_t factor, uint64_t steps, uint64_t mags, uint64_t levels)
{
	uint64_t low = 1, high, width, i, m, before = 0, first = mags & 0xffff, last = mags >> 16 & 0xffff;

	if (!steps)
		steps = 1;
	for (i = 0; i < 64 && i < first; i++)
		low *= factor;
	if (value < low)
		return 0;
	for (i = 0, m = first; i < 64 && m <= last; i++, m++) {
		high = low * factor;
		width = high > steps ? high / steps : 1;
		if (value < high)
			return before + value / width - low / width + 1;
		before += high / width - low / width;
		low = high;
	}
	return levels + 1;
}

DV_INLINE uint64_t llquantize_bucket(const struct dv_agg_desc *d, uint64_t value)
{
	uint64_t levels = DV_RD(d->levels), n;

	n = dv_llquantize((int64_t)value < 0 ? -value : value, (uint64_t)DV_RD(d->base), (uint64_t)DV_RD(d->step),
	                  DV_RD(d->mags), levels);
	return (int64_t)value < 0 ? levels + 1 - n : levels + 1 + n;
}

DV_INLINE void add(const struct dv_view *v, uint64_t at, uint64_t x)
{
	*dv_word(v, at) += x;
}

// Add the square of @p value to the 128-bit word at @p at.
DV_INLINE void add_square(const struct dv_view *v, uint64_t at, uint64_t value)
{
	uint64_t a = (int64_t)value < 0 ? -value : value, hi = a >> 32, lo = a & 0xffffffff, mid = hi * lo, low, sum;
	uint64_t high = hi * hi;

	// a*a = hi*hi*2^64 + 2*hi*lo*2^32 + lo*lo
	high += mid >> 31;
	low = mid << 33;
	sum = low + lo * lo;
	high += sum < low;
	low = *dv_word(v, at);
	*dv_word(v, at) = low + sum;
	add(v, at + 8, high + (low + sum < low));
}

DV_INLINE void update(const struct dv_view *v, const struct dv_agg_desc *d, uint64_t at, uint64_t size, uint64_t value,
                      uint64_t incr)
{
	uint64_t bucket;

	switch (DV_RD(d->func)) {
	case DV_AGG_COUNT:
		add(v, at, 1);
		break;
	case DV_AGG_SUM:
		add(v, at, value);
		break;
	case DV_AGG_MIN:
		if ((int64_t)value < (int64_t)*dv_word(v, at))
			*dv_word(v, at) = value;
		break;
	case DV_AGG_MAX:
		if ((int64_t)value > (int64_t)*dv_word(v, at))
			*dv_word(v, at) = value;
		break;
	case DV_AGG_AVG:
		add(v, at, 1);
		add(v, at + 8, value);
		break;
	case DV_AGG_STDDEV:
		add(v, at, 1);
		add(v, at + 8, value);
		add_square(v, at + 16, value);
		break;
	case DV_AGG_QUANTIZE:
		bucket = quantize_bucket(value) * 8;
		if (bucket < size)
			add(v, at + bucket, incr);
		break;
	case DV_AGG_LQUANTIZE:
		bucket = lquantize_bucket(d, value) * 8;
		if (bucket < size)
			add(v, at + bucket, incr);
		break;
	case DV_AGG_LLQUANTIZE:
		bucket = llquantize_bucket(d, value) * 8;
		if (bucket < size)
			add(v, at + bucket, incr);
		break;
	}
}

// Does the entry have this aggregation, hash and key size?
DV_INLINE int entry_like(const struct dv_view *v, uint64_t entry, uint64_t hash_agg, uint64_t len)
{
	return *dv_half(v, entry + 4) == hash_agg >> 32 && *dv_word(v, entry + 8) == ((hash_agg & 0xffffffff) | len << 32);
}

// Where the key's index slot is, from the second that it may be in: its number + 1 in the upper half (0: none is free), in
// the lower what is in it, the entry's offset or 0. A function of its own, so that what follows is verified once and not
// for each round.
DV_HELPER uint64_t dv_agg_find(DV_ST st, uint64_t hash_agg, uint64_t table, uint64_t key, uint64_t len)
{
	uint64_t i, index, off, slots;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	slots = DV_RD(v.p->agg_slots);
	for (i = 1; i < DV_AGG_PROBES; i++) {
		index = ((hash_agg >> 32) + i) & (slots - 1);
		off = *dv_half(&v, table + index * 4);
		if (!off || (entry_like(&v, table + off, hash_agg, len) &&
			     (!len || dv_same(st, table + off + DV_ENTRY_HEAD, key, len))))
			return (index + 1) << 32 | off;
	}
	return 0;
}

// Make an entry: its region offset, 0 when the table is full.
DV_INLINE uint64_t entry_make(DV_ST st, const struct dv_view *v, const struct dv_agg_desc *d, uint64_t cur,
                              uint64_t table, uint64_t index, uint64_t hash_agg, uint64_t key, uint64_t len,
                              uint64_t data_size)
{
	uint64_t slots = DV_RD(v->p->agg_slots), used = DV_RD(v->p->agg_used[cur]), start = slots * 4,
		 limit = DV_RD(v->p->agg_size);
	uint64_t size = DV_ENTRY_HEAD + len + data_size, at, init = 0;
	uint32_t func = DV_RD(d->func);

	if (start + used + size > limit)
		return 0;
	at = table + start + used;
	*dv_word(v, at) = size | hash_agg >> 32 << 32;
	*dv_word(v, at + 8) = (hash_agg & 0xffffffff) | len << 32;
	if (len)
		dv_copy(st, at + DV_ENTRY_HEAD, key, len, len);
	if (func == DV_AGG_MIN)
		init = INT64_MAX;
	if (func == DV_AGG_MAX)
		init = (uint64_t)INT64_MIN;
	dv_set(st, at + DV_ENTRY_HEAD + len, data_size, init);
	dv_wmb();
	DV_WR(v->p->agg_used[cur], (uint32_t)(used + size));
	DV_WR(v->p->agg_n[cur], DV_RD(v->p->agg_n[cur]) + 1);
	*dv_half(v, table + index * 4) = (uint32_t)(start + used);
	return at;
}

DV_INLINE void agg_add(DV_ST st, uint64_t agg, uint64_t value, uint64_t incr)
{
	uint64_t key, len, hash, cur, table, slots, found, off, at, data_size;
	const struct dv_agg_desc *d;
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	agg &= DV_AGGS_MAX - 1;
	d = &dv_hdr(&v)->aggs[agg];
	data_size = DV_RD(d->data_size) & ~7u;
	key = DV_RD(v.p->key_off);
	len = DV_RD(v.p->key_len) & ~7u;
	DV_WR(v.p->key_len, 0);
	slots = DV_RD(v.p->agg_slots);
	if (len > DV_KEY_LOOP || data_size > DV_AGG_DATA_MAX || !slots) {
		dv_drop(&v, DV_DROP_AGG);
		return;
	}
	hash = dv_hash(st, &v, (agg + 1) * AGG_SPREAD, key, len, DV_RD(dv_hdr(&v)->hash_mult)) & 0xffffffff;
	cur = DV_RD(v.p->agg_cur) & 1;
	table = cur ? DV_RD(v.p->agg_off[1]) : DV_RD(v.p->agg_off[0]);
	// Nearly always its first place is where it is.
	found = hash & (slots - 1);
	off = *dv_half(&v, table + found * 4);
	found = (found + 1) << 32 | off;
	if (off && (!entry_like(&v, table + off, hash << 32 | agg, len) ||
		    !dv_same_once(st, &v, table + off + DV_ENTRY_HEAD, key, len))) {
		found = dv_agg_find(st, hash << 32 | agg, table, key, len);
		off = found & 0xffffffff;
	}
	at = off ? table + off : 0;
	if (!off && found >> 32)
		at = entry_make(st, &v, d, cur, table, (found >> 32) - 1, hash << 32 | agg, key, len, data_size);
	if (at)
		update(&v, d, at + DV_ENTRY_HEAD + len, data_size, value, incr);
	else
		dv_drop(&v, DV_DROP_AGG);
}

void dv_st_agg(DV_ST st, uint64_t agg, uint64_t value, uint64_t incr)
{
	agg_add(st, agg, value, incr);
}
