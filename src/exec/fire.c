/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A firing: from its sequence number to the last of its clauses.
 *
 * Order. dv_st_begin() takes the sequence number; from then until dv_st_end() the firing is in flight, and the consumer
 * holds back what comes after it. A clause that waits for room (bufpolicy=block) waits in flight. What lies in its
 * ring was committed by earlier firings of the same producer and is below its number, so the consumer does not wait
 * for the firing that waits for the consumer, and one producer's wait delays the printing of others' records but
 * not their firing. The wait ends when there is room, when the session is halted, and when the place says so.
 */
#include <string.h>

#include "exec/fn.h"

bool dv_exec_init(struct dv_exec *x, void *region, uint64_t region_size, uint32_t producer, const struct dv_loaded *l,
                  const char **why)
{
	memset(x, 0, sizeof(*x));
	if (l && (producer < l->img->prod || producer - l->img->prod >= l->img->prod_count)) {
		*why = "the producer is not one of the load image's";
		return false;
	}
	if (!dv_st_init(&x->st, region, region_size, producer, why))
		return false;
	x->loaded = l;
	x->hdr = region;
	x->prod = dv_region_producer(region, region_size, producer);
	if (!x->prod) {
		*why = "no such producer";
		return false;
	}
	x->machine = l ? l->img->machine : DV_RD(x->prod->machine);
	x->cpu = DV_RD(x->prod->cpu);
	x->strsize = DV_RD(x->hdr->strsize);
	x->scratch_off = DV_RD(x->prod->scratch_off);
	x->scratch_size = DV_RD(x->prod->scratch_size);
	x->block = DV_RD(x->hdr->flags) & DV_REGION_BLOCK;
	// Others may write to the region between its check and our reads.
	if (x->machine >= DV_MACH_MAX || x->strsize == 0 || !dv_st_ptr(&x->st, x->scratch_off, x->scratch_size)) {
		*why = "the state region is spoilt";
		return false;
	}
	return true;
}

static void wait_for_room(struct dv_exec *x, uint64_t max)
{
	while (!dv_st_room(&x->st, max) && !DV_RD(x->hdr->halt) && x->wait(x->wait_ctx))
		;
}

uint64_t dv_fn_rec(struct dv_exec *x, uint64_t max)
{
	if (x->block && x->wait)
		wait_for_room(x, max);
	return dv_st_rec(&x->st, max);
}

void dv_fn_commit(struct dv_exec *x, uint64_t spec)
{
	if (spec && x->block && x->wait)
		wait_for_room(x, sizeof(uint64_t));
	dv_st_commit(&x->st, spec);
}

static void clause(struct dv_exec *x, const struct dv_load_ecb *ecb)
{
	const struct dv_load_prog *p = &x->loaded->progs[ecb->prog];

	dv_st_clause(&x->st);
	x->epid = ecb->epid;
	x->execname = 0;
	dv_interp(x, x->loaded->insns + p->insn, p->insn_count);
}

// The clause that ran has faulted.
static void error(struct dv_exec *x, const struct dv_load_ecb *ecb)
{
	const struct dv_load_image *img = x->loaded->img;
	const struct dv_load_prog *p = &x->loaded->progs[ecb->prog];

	x->err_epid = x->epid;
	x->err_pc = x->pc;
	x->err_action = x->pc < p->insn_count ? (uint16_t)x->loaded->insns[p->insn + x->pc].off : 0;
	x->err_fault = x->prod->fault;
	x->err_value = x->prod->fault_value;
	dv_st_clause(&x->st);
	if (x->block && x->wait)
		wait_for_room(x, 3 * sizeof(uint64_t));
	dv_st_error(&x->st, x->err_epid, x->err_fault, x->err_value, x->err_pc);
	x->in_error = true;
	for (uint32_t i = 0; i < img->error_ecb_count; i++) {
		clause(x, &x->loaded->ecbs[img->error_ecb + i]);
		if (x->prod->fault)
			x->prod->drops[DV_DROP_ERROR]++;
	}
	x->in_error = false;
}

void dv_exec_fire(struct dv_exec *x, struct dv_place *place, const struct dv_load_site *site)
{
	uint64_t seq = dv_st_begin(&x->st);
	const struct dv_load_ecb *ecb, *end;

	if (!seq)
		return;
	x->seq = seq;
	x->place = place;
	x->site = site;
	x->timestamp = x->walltime = 0;
	x->have_thread = false;
	ecb = x->loaded->ecbs + site->ecb;
	for (end = ecb + site->ecb_count; ecb < end; ecb++) {
		clause(x, ecb);
		if (__builtin_expect(x->prod->fault, 0))
			error(x, ecb);
		if (__builtin_expect(DV_RD(x->prod->exited), 0) && !x->ending)
			break;
	}
	dv_st_end(&x->st);
	x->place = NULL;
}
