// SPDX-License-Identifier: GPL-2.0-or-later
// Speculations. A speculation is a number from 1 to nspec, and a word in a table that all producers share: whether it is
// in use, and its generation, so that what is left of an earlier use of the number is not taken for the present one.
//
// What a clause speculates goes into its producer's ring like any record, marked with number and generation. The
// consumer, who gets the records of all machines in their one order, keeps these back until the record of a commit()
// comes by, and delivers them in its place. So nothing is copied while a probe fires, a speculation may be filled on one
// machine and committed on another, and the order is that of the committing record. discard() only ends the use of the
// number; the consumer forgets what belongs to an ended generation when no commit() of it can come any more.
//
// How much a producer speculates is bounded by specsize, counted per speculation and producer, as DTrace's buffers are.
#include "state/inner.h"

#define SPEC_USED 1ULL

// The table's word of a speculation; 0: there is no such number (a fault).
DV_INLINE uint64_t slot(const struct dv_view *v, uint64_t id)
{
	uint64_t off = DV_RD(dv_hdr(v)->spec_off), count = DV_RD(dv_hdr(v)->spec_count);

	if (!off || !id || id > count) {
		dv_set_fault(v, DV_FAULT_ILLOP, id);
		return 0;
	}
	return off + (id - 1) * 8;
}

// End its use; the generation that ended, 0: it was in none.
DV_INLINE uint64_t end_use(const struct dv_view *v, uint64_t id)
{
	uint64_t at = slot(v, id), w;

	if (!at)
		return 0;
	w = dv_load(dv_word(v, at));
	if (!(w & SPEC_USED) || !dv_cas(dv_word(v, at), w, w & ~SPEC_USED))
		return 0;
	return w;
}

DV_GLOBAL uint64_t dv_st_spec(DV_ST st)
{
	struct dv_view v;
	uint64_t i, w, off, count;

	if (!dv_view(st, &v))
		return 0;
	off = DV_RD(dv_hdr(&v)->spec_off);
	count = DV_RD(dv_hdr(&v)->spec_count);
	for (i = 0; off && i < DV_SPEC_MAX && i < count; i++) {
		w = dv_load(dv_word(&v, off + i * 8));
		if (!(w & SPEC_USED) && dv_cas(dv_word(&v, off + i * 8), w, (w + 2) | SPEC_USED))
			return i + 1;
	}
	dv_drop(&v, DV_DROP_NOSPEC);
	return 0;
}

uint64_t dv_st_specul(DV_ST st, uint64_t id)
{
	uint64_t at, w, mine, used, max;
	struct dv_view v;

	if (!id || !dv_view(st, &v))
		return 0;
	at = slot(&v, id);
	if (!at)
		return 0;
	w = dv_load(dv_word(&v, at));
	if (!(w & SPEC_USED))
		return 0;
	if (!DV_RD(v.p->rec_start))
		return 1; // nothing is recorded
	at = (uint64_t)DV_RD(v.p->rec_start) + DV_REC_HEAD;
	if (DV_RD(v.p->rec_pos) < at + 8) {
		dv_set_fault(&v, DV_FAULT_ILLOP, id); // no word for it
		return 0;
	}
	mine = (uint64_t)DV_RD(v.p->spec_off) + (id - 1) * 8;
	used = *dv_word(&v, mine);
	used = used >> 32 == (w >> 1 & 0xffffffff) ? used & 0xffffffff : 0;
	max = (uint64_t)DV_RD(v.p->rec_max) - DV_RD(v.p->rec_start);
	if (used + max > DV_RD(dv_hdr(&v)->spec_size)) {
		dv_drop(&v, DV_DROP_SPEC);
		return 0;
	}
	DV_WR(v.p->rec_spec, (uint32_t)id);
	*dv_word(&v, mine) = (w >> 1) << 32 | used;
	*dv_word(&v, at) = dv_spec_name(id, w);
	return 1;
}

void dv_st_commit(DV_ST st, uint64_t id)
{
	struct dv_view v;
	uint64_t w;

	if (!id || !dv_view(st, &v))
		return;
	w = end_use(&v, id);
	if (!w)
		return;
	if (!dv_st_rec(st, 8)) {
		DV_WR(v.p->clause_drop, 0);
		return;
	}
	dv_st_reci(st, dv_spec_name(id, w));
	dv_st_recend(st, 1, DV_REC_COMMIT);
}

void dv_st_discard(DV_ST st, uint64_t id)
{
	struct dv_view v;

	if (id && dv_view(st, &v))
		end_use(&v, id);
}
