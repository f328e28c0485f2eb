// SPDX-License-Identifier: GPL-2.0-or-later
// Records in the producer's ring. A record is written in place and committed by moving the head; one that would cross
// the end of the ring begins at its start again, behind a pad record. One writer, so nothing here contends with
// anything.
#include "state/inner.h"

#define DV_RING_MIN 64u

// Where a record of @p need bytes would go, as ring offset; what is skipped before it, and the room that there is.
struct spot {
	uint64_t ring, size, head, pos, skip, room;
};

DV_INLINE int spot_find(const struct dv_view *v, uint64_t need, struct spot *s)
{
	uint64_t used;

	s->ring = DV_RD(v->p->ring_off);
	s->size = DV_RD(v->p->ring_size);
	s->head = DV_RD(v->p->head) & ~7ULL;
	used = s->head - dv_load(&v->p->tail);
	s->skip = s->room = s->pos = 0;
	if (s->size < DV_RING_MIN || (s->size & (s->size - 1)) || used > s->size)
		return 0;
	s->room = s->size - used;
	s->pos = s->head & (s->size - 1);
	s->skip = need > s->size - s->pos ? s->size - s->pos : 0;
	return need <= s->size && s->skip + need <= s->room;
}

// The same; and when a record would fit into the empty ring, but not together with the pad that it needs here, the
// pad is committed on its own first, so that waiting for room is not in vain.
DV_INLINE int spot_make(const struct dv_view *v, uint64_t need, struct spot *s)
{
	if (spot_find(v, need, s))
		return 1;
	if (!s->skip || need > s->size || s->skip + need <= s->size || s->skip > s->room)
		return 0;
	*dv_word(v, s->ring + s->pos) = s->skip | (uint64_t)DV_EPID_PAD << 32;
	dv_store(&v->p->head, s->head + s->skip);
	return spot_find(v, need, s);
}

// bufpolicy=ring: step over the oldest record; 0: what is there makes no sense, or nothing is.
DV_INLINE int evict(const struct dv_view *v)
{
	uint64_t tail = DV_RD(v->p->tail) & ~7ULL, head = DV_RD(v->p->head) & ~7ULL, ring = DV_RD(v->p->ring_off);
	uint64_t mask = (uint64_t)DV_RD(v->p->ring_size) - 1, size;

	if (tail == head)
		return 0;
	size = *dv_word(v, ring + (tail & mask)) & 0xfffffff8;
	if (!size || size > head - tail)
		return 0;
	DV_WR(v->p->tail, tail + size);
	return 1;
}

DV_HELPER uint64_t dv_rec_evict(DV_ST st, uint64_t need)
{
	struct dv_view v;
	struct spot s;
	uint32_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_EVICT_MAX; i++)
		if (spot_find(&v, need, &s) || need > s.size || !evict(&v))
			break;
	return spot_find(&v, need, &s);
}

DV_INLINE uint64_t need_of(uint64_t max)
{
	return max > 1u << 30 ? 1u << 30 : DV_REC_HEAD + DV_ALIGN8(max);
}

// Open a record. The pad is written now; nobody reads it before the head moves.
DV_INLINE uint64_t rec_open(DV_ST st, const struct dv_view *v, uint64_t max)
{
	uint64_t need = need_of(max), at;
	struct spot s;

	if (DV_RD(dv_hdr(v)->flags) & DV_REGION_RING)
		dv_rec_evict(st, need);

	DV_WR(v->p->rec_start, 0);
	DV_WR(v->p->rec_spec, 0);
	if (!spot_make(v, need, &s))
		return 0;
	if (s.skip)
		*dv_word(v, s.ring + s.pos) = s.skip | (uint64_t)DV_EPID_PAD << 32;
	at = s.ring + (s.skip ? 0 : s.pos);
	DV_WR(v->p->rec_start, (uint32_t)at);
	DV_WR(v->p->rec_pos, (uint32_t)(at + DV_REC_HEAD));
	DV_WR(v->p->rec_max, (uint32_t)(at + need));
	return at;
}

DV_INLINE void rec_close(const struct dv_view *v, uint64_t epid, uint64_t kind)
{
	uint64_t start = DV_RD(v->p->rec_start), size = DV_RD(v->p->rec_pos) - start, ring, mask, head, id;

	DV_WR(v->p->rec_start, 0);
	id = DV_RD(v->p->rec_spec);
	DV_WR(v->p->rec_spec, 0);
	ring = DV_RD(v->p->ring_off);
	mask = (uint64_t)DV_RD(v->p->ring_size) - 1;
	head = DV_RD(v->p->head) & ~7ULL;
	if (!start || size > mask + 1)
		return;
	if (id && kind == DV_REC_DATA) {
		kind = DV_REC_SPEC;
		*dv_word(v, (uint64_t)DV_RD(v->p->spec_off) + (id - 1) * 8) += size;
	}
	*dv_word(v, start) = size | epid << 32;
	*dv_word(v, start + 8) = DV_RD(v->p->cur_seq);
	*dv_word(v, start + 16) = (kind & 0xffffffff) | (uint64_t)DV_RD(v->p->cpu) << 32;
	head += ((start - ring) - head) & mask & ~7ULL; // the pad, if any
	dv_store(&v->p->head, head + size);
}

DV_INLINE int rec_word(const struct dv_view *v, uint64_t value)
{
	uint64_t pos = DV_RD(v->p->rec_pos), end = DV_RD(v->p->rec_max);

	if (!DV_RD(v->p->rec_start))
		return 0;
	if (pos + 8 > end) {
		dv_set_fault(v, DV_FAULT_BADSIZE, pos);
		return 0;
	}
	*dv_word(v, pos) = value;
	DV_WR(v->p->rec_pos, (uint32_t)(pos + 8));
	return 1;
}

uint64_t dv_st_room(DV_ST st, uint64_t max)
{
	struct dv_view v;
	struct spot s;
	uint64_t need = need_of(max);

	if (!dv_view(st, &v) || spot_make(&v, need, &s))
		return 1;
	return need > s.size;
}

uint64_t dv_st_rec(DV_ST st, uint64_t max)
{
	struct dv_view v;
	uint64_t at;

	if (!dv_view(st, &v))
		return 0;
	at = rec_open(st, &v, max);
	if (at)
		return at;
	if (DV_RD(dv_hdr(&v)->flags) & DV_REGION_FILL)
		DV_WR(dv_hdr(&v)->halt, 1);
	else
		dv_drop(&v, DV_DROP_BUFFER);
	DV_WR(v.p->clause_drop, 1);
	return 0;
}

void dv_st_reci(DV_ST st, uint64_t value)
{
	struct dv_view v;

	if (dv_view(st, &v))
		rec_word(&v, value);
}

// Bytes behind their u32 length, the whole padded to 8: the first four share the length's word.
DV_INLINE void rec_bytes(DV_ST st, const struct dv_view *v, uint64_t from, uint64_t len)
{
	uint64_t pos = DV_RD(v->p->rec_pos), end = DV_RD(v->p->rec_max), rest = len > 4 ? DV_ALIGN8(len - 4) : 0;

	if (!DV_RD(v->p->rec_start))
		return;
	if (pos + 8 + rest > end) {
		dv_set_fault(v, DV_FAULT_BADSIZE, pos);
		return;
	}
	*dv_word(v, pos) = len | dv_low(len ? dv_bytes8(v, from) : 0, len < 4 ? len : 4) << 32;
	if (rest)
		dv_copy(st, pos + 8, from + 4, len - 4, rest);
	DV_WR(v->p->rec_pos, (uint32_t)(pos + 8 + rest));
}

void dv_st_recs(DV_ST st, uint64_t sref)
{
	struct dv_view v;

	if (dv_view(st, &v))
		rec_bytes(st, &v, sref, dv_st_slen(st, sref));
}

void dv_st_recm(DV_ST st, uint64_t mem, uint64_t size)
{
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	if (size > DV_MEM_MAX || !mem) {
		dv_set_fault(&v, DV_FAULT_BADSIZE, size);
		return;
	}
	rec_bytes(st, &v, mem, size);
}

void dv_st_recb(DV_ST st, uint64_t mem)
{
	struct dv_view v;
	uint64_t size;

	if (!dv_view(st, &v))
		return;
	size = dv_stack_size(&v, mem);
	if (size)
		rec_bytes(st, &v, mem, size);
}

void dv_st_recend(DV_ST st, uint64_t epid, uint64_t kind)
{
	struct dv_view v;

	if (dv_view(st, &v))
		rec_close(&v, epid, kind);
}

void dv_st_exit(DV_ST st)
{
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	DV_WR(v.p->exited, 1);
	DV_WR(dv_hdr(&v)->ended, 1);
}

void dv_st_recabort(DV_ST st)
{
	struct dv_view v;

	if (dv_view(st, &v))
		DV_WR(v.p->rec_start, 0);
}

void dv_st_error(DV_ST st, uint64_t epid, uint64_t fault, uint64_t value, uint64_t pc)
{
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	if (!rec_open(st, &v, 24)) {
		dv_drop(&v, DV_DROP_ERROR);
		return;
	}
	rec_word(&v, fault);
	rec_word(&v, value);
	rec_word(&v, pc);
	rec_close(&v, epid, DV_REC_ERROR);
}
