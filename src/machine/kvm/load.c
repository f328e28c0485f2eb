// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/kvm/load.h"

#include <stdlib.h>
#include <string.h>

void dv_kvm_load_deinit(struct dv_kvm_load *l)
{
	free(l->trap_hits);
	l->trap_hits = NULL;
	l->trap_count = 0;
}

void dv_kvm_load_reset(struct dv_kvm_load *l)
{
	dv_kvm_load_deinit(l);
	memset(l, 0, sizeof(*l));
}

uint32_t dv_kvm_load_look(struct dv_kvm_load *l, uint64_t now, const struct dv_guest_tables *t, uint32_t vcpus)
{
	uint64_t most = 0, window = now - l->since;

	l->window = 0;
	if (l->since && window < DV_LOAD_WINDOW)
		return 0;
	for (uint32_t i = 0; i < vcpus && i < DV_PROD_MAX; i++) {
		uint64_t hits = __atomic_load_n(&t->load[i].hits, __ATOMIC_RELAXED),
			 ns = __atomic_load_n(&t->load[i].ns, __ATOMIC_RELAXED);
		uint64_t spent = ns - l->ns[i] + (hits - l->hits[i]) * DV_EXIT_NS;

		if (spent > most)
			most = spent;
		l->hits[i] = hits;
		l->ns[i] = ns;
	}
	if (!l->since) {
		l->since = now;
		return 0;
	}
	l->since = now;
	l->window = window;
	most = most * 100 / window;
	return most > 100 ? 100 : (uint32_t)most;
}

bool dv_kvm_load_over(struct dv_kvm_load *l, uint32_t share, uint32_t limit)
{
	if (!l->window)
		return false;
	l->over = share > limit ? l->over + 1 : 0;
	return l->over >= DV_LOAD_OVER;
}

struct noise {
	uint64_t hits;
	size_t trap;
};

static int by_hits(const void *a, const void *b)
{
	const struct noise *x = a, *y = b;

	return (x->hits < y->hits) - (x->hits > y->hits);
}

void dv_kvm_load_noisiest(struct dv_kvm_load *l, const dv_traps *traps, uint32_t share, uint32_t limit,
			  uint64_t (*hits_of)(void *ctx, uint64_t pc), void *ctx, dv_traps *out, uint64_t *hits)
{
	DV_FREE struct noise *n = dv_xcalloc(traps->count + 1, sizeof(*n));
	uint64_t all = 0, gone = 0, window = l->window && l->over ? l->window * l->over : DV_LOAD_WINDOW;

	if (l->trap_count != traps->count) {
		free(l->trap_hits);
		l->trap_hits = dv_xcalloc(traps->count + 1, sizeof(*l->trap_hits));
		l->trap_count = traps->count;
	}
	for (size_t i = 0; i < traps->count; i++) {
		uint64_t now = hits_of(ctx, traps->data[i].pc);

		n[i] = (struct noise){now - l->trap_hits[i], i};
		l->trap_hits[i] = now;
		all += n[i].hits;
		if (traps->data[i].site == DV_TRAP_SWITCH)
			n[i].hits = 0;
	}
	qsort(n, traps->count, sizeof(*n), by_hits);
	*hits = traps->count ? n[0].hits * DV_LOAD_WINDOW / window : 0;
	// What is left takes its part of the share.
	for (size_t i = 0; i < traps->count && n[i].hits && (all - gone) * share > all * limit / 2; i++) {
		gone += n[i].hits;
		*DV_PUSH(out) = traps->data[n[i].trap];
	}
	l->over = 0;
}
