// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/kvm/keep.h"

#include <stdio.h>

#define LOOK_AT  1024u       /* traps in one look: a snapshot brings all or none */
#define TRIES    10u         /* of dv_replant() */

struct kept {
	dv_traps traps;        // copies of those that are in
	DV_VEC(size_t) places; // in the list that they come from
};

static void take(const dv_traps *from, size_t begin, size_t count, struct kept *ret)
{
	for (size_t i = begin; i < from->count && i < begin + count; i++)
		if (from->data[i].state == DV_TRAP_ON) {
			*DV_PUSH(&ret->traps) = from->data[i];
			*DV_PUSH(&ret->places) = i;
		}
}

static void drop(struct kept *k)
{
	DV_VEC_FREE(&k->traps);
	DV_VEC_FREE(&k->places);
}

// Put those in that should be. False: that could not be done.
static bool put_in(struct dv_guard *g, const struct dv_planter *p, dv_traps *traps)
{
	struct kept all = {0};
	struct dv_planted done;
	struct dv_error *e;
	bool ok;

	take(traps, 0, traps->count, &all);
	e = dv_guard_plant(g, p, all.traps.data, all.traps.count, &done);
	ok = !e;
	dv_error_destroy(e);
	for (size_t i = 0; i < all.traps.count; i++)
		traps->data[all.places.data[i]].state = ok ? all.traps.data[i].state : DV_TRAP_ON;
	drop(&all);
	return ok;
}

// Of some traps: how many are not in any more? Where something else stands, it may.
static uint32_t lost(struct dv_kvm_keep *k, const struct dv_planter *p, dv_traps *traps)
{
	struct kept some = {0};
	struct dv_planted seen = {0};
	struct dv_error *e;

	k->at = k->at < traps->count ? k->at : 0;
	take(traps, k->at, LOOK_AT, &some);
	k->at += LOOK_AT;
	e = dv_plant_look(p, some.traps.data, some.traps.count, &seen);
	for (size_t i = 0; !e && i < some.traps.count; i++)
		if (some.traps.data[i].state == DV_TRAP_FOREIGN)
			traps->data[some.places.data[i]].state = DV_TRAP_FOREIGN;
	drop(&some);
	if (e) {
		dv_error_destroy(e);
		return 0;
	}
	return seen.off + seen.restored;
}

void dv_kvm_keep_look(struct dv_kvm_keep *k, bool copied, struct dv_guard *g, const struct dv_planter *p, dv_traps *traps,
                      char *note, size_t size)
{
	struct dv_planted done;

	k->always = k->always && copied;
	copied = copied && !k->always;
	if (copied && !k->out) {
		dv_error_destroy(dv_guard_remove(g, p, TRIES, &done)); // what could not be taken out is so at the end
		k->out = true;
		snprintf(note, size, "its memory is being copied (a migration, a snapshot): its probes are out as long");
	} else if (!copied && k->out) {
		k->out = !put_in(g, p, traps);
		if (!k->out)
			snprintf(note, size, "its memory is copied no more: its probes are in again");
	} else if (!k->out && lost(k, p, traps) && put_in(g, p, traps)) {
		snprintf(note, size, "its memory was put back (was a snapshot loaded?), without probes: they are in again");
	}
}
