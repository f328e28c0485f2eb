// SPDX-License-Identifier: GPL-2.0-or-later
//
// dvirt's own probes: BEGIN, END, ERROR and the ticks fire in this process, on its only thread, into producer 0.
#include "tracer/impl.h"

#include <time.h>

// Our own ring is full while a clause of ours wants room: make room. A clause in a guest that has not ended yet holds
// our records up; most do so for microseconds.
static bool wait_for_room(void *ctx)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < 200; i++) {
		if (dv_session_consume(ctx, false))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

void dv_session_fire(struct dv_tracer *t, uint32_t site)
{
	if (site < t->own_loaded->img->site_count)
		dv_exec_fire(&t->own_exec, &t->place.base, &t->own_loaded->sites[site]);
}

struct dv_error *dv_own_init(struct dv_tracer *t)
{
	struct dv_tmachine *own = t->own;
	uint64_t now = dv_now();
	char msg[128] = "";
	const char *why = "";

	t->own_loaded = dv_loaded_create(own->image, own->image_size, dv_tracer_hdr(t), msg, sizeof(msg));
	if (!t->own_loaded)
		return dv_error_create(DV_ERR_OTHER, "cannot load dvirt's own clauses: %s", msg);
	if (!dv_exec_init(&t->own_exec, t->region, t->region_size, 0, t->own_loaded, &why))
		return dv_error_create(DV_ERR_OTHER, "cannot run dvirt's own clauses: %s", why);
	t->own_exec.wait = t->opts.policy == DV_OPT_BLOCK ? wait_for_room : NULL;
	t->own_exec.wait_ctx = t;
	dv_own_place_init(&t->place, t);
	t->site_begin = t->site_end = UINT32_MAX;
	for (uint32_t i = 0; i < t->own_loaded->img->site_count; i++) {
		uint32_t id = t->own_loaded->sites[i].probe;

		if (id == DV_ID_BEGIN)
			t->site_begin = i;
		if (id == DV_ID_END)
			t->site_end = i;
		for (size_t k = 0; k < own->plans.count; k++) {
			const struct dv_probe *p = &own->plans.data[k].probe;

			if (p->id == id && p->period_ns) {
				*DV_PUSH(&t->ticks) = (struct dv_tick){i, p->period_ns, now + p->period_ns};
				break;
			}
		}
	}
	return NULL;
}
