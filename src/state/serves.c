// SPDX-License-Identifier: GPL-2.0-or-later
// Which guest a thread of the host serves: a table from thread ids (and ids of whole processes) to machines, written by
// the dvirt process alone, read wherever clauses of the host run.
//
// A slot is one word, id in the high half (0: none), DV_SERVES and the guest in the low one, so each read sees a whole
// entry. Open addressing: an entry lies within DV_SERVES_PROBES slots from its id's place, behind no empty one; one
// that was taken out leaves SERVED behind, which is not empty. Thread and process ids are one space of numbers: a
// process's entry is its first thread's too, which in QEMU is no virtual CPU's.
#include "state/inner.h"

#define SERVED 1u

DV_INLINE uint64_t serves_place(uint64_t id)
{
	return id * 0x9e3779b97f4a7c15ULL >> 40;
}

DV_HELPER uint64_t dv_serves_find(DV_ST st, uint64_t id)
{
	struct dv_view v;
	uint64_t k, w, off, mask;

	if (!dv_view(st, &v))
		return 0;
	id &= 0xffffffff;
	off = DV_RD(dv_hdr(&v)->serves_off);
	mask = (uint64_t)DV_RD(dv_hdr(&v)->serves_count) - 1;
	for (k = 0; k < DV_SERVES_PROBES; k++) {
		w = *dv_word(&v, off + ((serves_place(id) + k) & mask) * 8);
		if (!w || !id)
			return 0;
		if (w >> 32 == id)
			return w & 0xffffffff;
	}
	return 0;
}

uint64_t dv_st_serves(DV_ST st, uint64_t tid, uint64_t tgid)
{
	uint64_t s = dv_serves_find(st, tid);

	return s ? s : dv_serves_find(st, tgid);
}

#ifndef DV_BPF
// Against what is in the header now, which may have been scribbled over.
static uint64_t *serves_table(void *base, uint64_t size, uint64_t *mask)
{
	const struct dv_region_hdr *h = base;
	uint64_t off = DV_RD(h->serves_off), count = DV_RD(h->serves_count);

	if (!count || count & (count - 1) || off % 8 || off > size || count * 8 > size - off)
		return NULL;
	*mask = count - 1;
	return (uint64_t *)((uint8_t *)base + off);
}

bool dv_region_serve(void *base, uint64_t size, uint32_t id, uint32_t machine, int vcpu)
{
	uint64_t mask, *t = serves_table(base, size, &mask), *slot = NULL;
	uint32_t who = vcpu < 0 || vcpu >= 0xffff ? 0 : (uint32_t)vcpu + 1;

	if (!t || !id || machine > 0xff)
		return false;
	for (uint64_t k = 0; k < DV_SERVES_PROBES; k++) {
		uint64_t *p = &t[(serves_place(id) + k) & mask], w = dv_load(p);

		if (w >> 32 == id) {
			slot = p;
			break;
		}
		if (!(w >> 32) && !slot)
			slot = p;
		if (!w)
			break;
	}
	if (!slot)
		return false;
	dv_store(slot, (uint64_t)id << 32 | DV_SERVES | machine << 16 | who);
	return true;
}

void dv_region_unserve(void *base, uint64_t size, uint32_t machine)
{
	uint64_t mask, *t = serves_table(base, size, &mask);

	// From behind, so that a run at whose end nothing follows becomes empty again.
	for (uint64_t i = t ? mask + 1 : 0; i-- > 0;) {
		uint64_t w = dv_load(&t[i]);

		if ((w >> 32 && DV_SERVES_MACHINE(w) == machine) || w == SERVED)
			dv_store(&t[i], dv_load(&t[(i + 1) & mask]) ? SERVED : 0);
	}
}
#endif
