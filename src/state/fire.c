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

// In flight: take the number, and make ready for the first clause.
DV_INLINE uint64_t dv_st_number(DV_ST st, const struct dv_view *v)
{
	uint64_t seq = seq_take(&dv_hdr(v)->seq);

	DV_WR(v->p->agg_cur, dv_load32(&v->p->agg_active) & 1);
	DV_WR(v->p->cur_seq, seq);
	DV_WR(v->p->fired, DV_RD(v->p->fired) + 1);
	DV_WR(v->p->tok_pos, 0);
	dv_set(st, DV_RD(v->p->this_off), DV_RD(v->p->this_size), 0);
	return seq;
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
	seq = DV_RD(dv_hdr(&v)->seq) + 1;
	dv_store_then_add(&v.p->inflight, seq ? seq : 1);
	seq = dv_st_number(st, &v);
	dv_st_clause(st);
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
