// SPDX-License-Identifier: GPL-2.0-or-later
// A firing's beginning and end: its place in the one order of all machines.
//
// The producer first says "in flight, with a number of at least hdr.seq + 1", then takes the number by an atomic add.
// A consumer that reads hdr.seq (S) and then every in-flight word has, for every number s up to S, either seen the
// word of the firing that took s, so it knows to wait, or a later one of that producer, so the firing is over and
// what it committed is there to read. Nothing below the smallest word it saw, or S + 1, can come any more.
//
// The number is taken before any clause runs and the machine does not go on before dv_st_end(). So when a firing's
// machine caused another firing, through whatever channel, its number is the smaller one.
//
// Which aggregation table to use is read after the in-flight word was set: a consumer that makes the other table
// active and then sees no firing in flight, or another than before, knows that the first one is left alone.
//
// A firing that leaves no trace in the order (it only updates variables and aggregations) need not have a number: the one
// word that all machines write is spared. It says DV_UNNUMBERED and its count of the producer's firings, which is above
// all numbers, so nobody waits for it, and not the same as its producer's last. If it must write a record after all,
// that of a fault, it takes a number then (dv_st_number()), in the way and for the reasons above: for the consumer it
// begins there. Between its beginning and that moment it did nothing that another machine could see and that the order
// has to show, so its number is still smaller than that of any firing that it caused, which comes after its end.
// So a producer's word can change once while a firing lasts, from DV_UNNUMBERED to a number (consume/aggs.c).
#include "state/inner.h"

#if defined(DV_TEST_LATE_SEQ) && !defined(DV_BPF)
// Wrong on purpose, for the test that shows that the order is tested. Taking numbers at the end of the firing would
// not be seen: the machine still waits there. So they are taken when it does not wait: sixteen at a time, to spare
// the hot word, which is how one would get this wrong. A firing then has a number from before firings that it was
// caused by.
static uint64_t seq_take(volatile uint64_t *seq)
{
	static __thread uint64_t next, left;

	if (!left) {
		next = dv_add(seq, 16);
		left = 16;
	}
	left--;
	return ++next;
}
#else
DV_INLINE uint64_t seq_take(volatile uint64_t *seq)
{
	return dv_add(seq, 1) + 1;
}
#endif

// Is its CPU one that is traced? dvirt's own probes, of the first producer, always are.
DV_INLINE int wanted(const struct dv_view *v)
{
	uint32_t only = DV_RD(dv_hdr(v)->only_cpu);

	return !only || DV_RD(v->p->cpu) + 1 == only || (uint8_t *)v->p == v->base + DV_RD(dv_hdr(v)->prod_off);
}

// A bound of the number that is about to be taken, for the in-flight word.
DV_INLINE uint64_t seq_bound(const struct dv_view *v)
{
	uint64_t seq = DV_RD(dv_hdr(v)->seq) + 1;

	return seq ? seq : 1;
}

// In flight, with the number @p seq or (0) without one: make ready for the first clause.
DV_INLINE void dv_st_ready(DV_ST st, const struct dv_view *v, uint64_t seq)
{
	uint64_t this_size = DV_RD(v->p->this_size);

	DV_WR(v->p->agg_cur, dv_load32(&v->p->agg_active) & 1);
	DV_WR(v->p->cur_seq, seq);
	DV_WR(v->p->fired, DV_RD(v->p->fired) + 1);
	DV_WR(v->p->tok_pos, 0);
	if (this_size)
		dv_set(st, DV_RD(v->p->this_off), this_size, 0);
}

// Say that a firing is in progress, with a number or without. False: one is. A compare-and-swap, for those who share a
// producer with what they have interrupted, and because of what is read after it.
DV_INLINE int dv_st_claim(const struct dv_view *v, uint64_t numbered)
{
	if (DV_RD(v->p->inflight))
		return 0;
	return dv_cas(&v->p->inflight, 0, numbered ? seq_bound(v) : DV_UNNUMBERED | (DV_RD(v->p->fired) + 1));
}

uint64_t dv_st_begin(DV_ST st)
{
	struct dv_view v;
	uint64_t seq;

	if (!dv_view(st, &v) || DV_RD(dv_hdr(&v)->halt) || DV_RD(dv_hdr(&v)->ended) || !wanted(&v))
		return 0;
	if (DV_RD(v.p->inflight)) {
		dv_drop(&v, DV_DROP_NEST);
		return 0;
	}
	dv_store_then_add(&v.p->inflight, seq_bound(&v));
	seq = seq_take(&dv_hdr(&v)->seq);
	dv_st_ready(st, &v, seq);
	dv_st_clause(st);
	return seq;
}

DV_GLOBAL uint64_t dv_st_begin_unnumbered(DV_ST st)
{
	struct dv_view v;

	if (!dv_view(st, &v) || DV_RD(dv_hdr(&v)->halt) || DV_RD(dv_hdr(&v)->ended) || !wanted(&v))
		return 0;
	if (!dv_st_claim(&v, 0)) {
		dv_drop(&v, DV_DROP_NEST);
		return 0;
	}
	dv_st_ready(st, &v, 0);
	dv_st_clause(st);
	return 1;
}

DV_GLOBAL uint64_t dv_st_number(DV_ST st)
{
	struct dv_view v;
	uint64_t seq;

	if (!dv_view(st, &v))
		return 0;
	seq = DV_RD(v.p->cur_seq);
	if (seq)
		return seq;
	dv_store_then_add(&v.p->inflight, seq_bound(&v));
	seq = seq_take(&dv_hdr(&v)->seq);
	DV_WR(v.p->cur_seq, seq);
	return seq;
}

void dv_st_end(DV_ST st)
{
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	dv_store(&v.p->inflight, 0);
	dv_wmb(); // what the clauses wrote is seen before what the machine does next
}

void dv_st_clause(DV_ST st)
{
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	DV_WR(v.p->scratch_used, 0);
	DV_WR(v.p->key_len, 0);
	DV_WR(v.p->rec_start, 0);
	DV_WR(v.p->fault, 0);
	DV_WR(v.p->clause_drop, 0);
	DV_WR(v.p->fault_value, 0);
}

void dv_st_fault(DV_ST st, uint64_t fault, uint64_t value)
{
	struct dv_view v;

	if (dv_view(st, &v))
		dv_set_fault(&v, (uint32_t)fault, value);
}
