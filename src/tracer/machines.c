// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machines of a session: found at its start, and again whenever the runtime directory changes.
#include "tracer/impl.h"

#include <string.h>

static bool wanted(const struct dv_tracer *t, const char *name)
{
	if (!t->only.count)
		return true;
	for (size_t i = 0; i < t->only.count; i++)
		if (dv_glob(t->only.data[i], name))
			return true;
	return false;
}

// Equal numbers must mean equal types. Machines that run the very same kernel build have them, and so has one that
// starts its kernel anew. A build keeps its number for the session.
uint32_t dv_tmachine_universe(struct dv_tracer *t, struct dv_tmachine *tm)
{
	const char *id = tm->m->guest ? dv_guest_build_id(tm->m->guest) : "";
	uint32_t n = 0;

	for (size_t i = 0; *id && i < t->builds.count && !n; i++)
		if (!strcmp(t->builds.data[i].id, id))
			n = t->builds.data[i].universe;
	if (!n) {
		n = ++t->universes;
		if (*id)
			*DV_PUSH(&t->builds) = (struct dv_build){dv_xstrdup(id), n};
	}
	// Programs check by the number that is in the types.
	if (tm->m->guest)
		dv_guest_types(tm->m->guest)->id = n;
	return n;
}

struct dv_tmachine *dv_tmachine_by_name(struct dv_tracer *t, const char *name)
{
	for (size_t i = 0; i < t->machines.count; i++)
		if (!strcmp(t->machines.data[i]->name, name))
			return t->machines.data[i];
	return NULL;
}

struct found {
	DV_VEC(struct dv_machine *) v;
	struct dv_machine *local; // the host's kernel
};

static void collect(void *ctx, struct dv_machine *m)
{
	struct found *f = ctx;

	if (!(m->caps & DV_CAP_LOCAL)) {
		*DV_PUSH(&f->v) = m;
	} else if (!f->local || f->local->why[0]) { // a better one, or one that says why too
		dv_machine_close(f->local);
		f->local = m;
	} else {
		dv_machine_close(m);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct dv_machine *const *)a)->name, (*(struct dv_machine *const *)b)->name);
}

// All there are, sorted by name, so that ids do not depend on a directory's order.
static struct dv_error *scan(struct found *f)
{
	for (size_t i = 0; dv_backends[i]; i++) {
		struct dv_error *e = dv_backends[i]->scan ? dv_backends[i]->scan(collect, f) : NULL;

		if (e) {
			for (size_t k = 0; k < f->v.count; k++)
				dv_machine_close(f->v.data[k]);
			DV_VEC_FREE(&f->v);
			dv_machine_close(f->local);
			f->local = NULL;
			return e;
		}
	}
	if (f->v.count)
		qsort(f->v.data, f->v.count, sizeof(f->v.data[0]), by_name);
	return NULL;
}

static void retire(void *ctx, struct dv_guest *g)
{
	struct dv_tracer *t = ctx;

	*DV_PUSH(&t->retired) = g;
}

static struct dv_tmachine *make(struct dv_tracer *t)
{
	struct dv_tmachine *tm = dv_xcalloc(1, sizeof(*tm));

	tm->t = t;
	tm->name = "host";
	return tm;
}

void dv_tmachine_open(struct dv_tracer *t, struct dv_tmachine *tm, struct dv_machine *m)
{
	tm->m = m;
	tm->name = m->name;
	m->index = tm->index;
	m->retire = retire;
	m->retire_ctx = t;
	tm->guest = m->guest;
	tm->universe = dv_tmachine_universe(t, tm);
	dv_probe_set_add(&t->probes, m);
}

static struct dv_tmachine *add(struct dv_tracer *t, struct dv_machine *m)
{
	struct dv_tmachine *tm = make(t);

	tm->index = (uint32_t)t->machines.count;
	*DV_PUSH(&t->machines) = tm;
	dv_tmachine_open(t, tm, m);
	return tm;
}

void dv_tracer_open(struct dv_tracer *t, struct dv_machine *m)
{
	struct dv_error *e;

	if (m->why[0] && m->state == DV_MACHINE_FOUND)
		return;
	e = dv_machine_open(m, t->universes + 1);
	if (e)
		snprintf(m->why, sizeof(m->why), "%s", e->msg);
	dv_error_destroy(e);
}

void dv_guests_open(struct dv_tracer *t)
{
	t->guests = true;
	for (size_t i = 0; i < t->unopened.count; i++) {
		struct dv_machine *m = t->unopened.data[i];

		dv_tracer_open(t, m);
		if (m->state == DV_MACHINE_READY && t->machines.count < DV_MACH_MAX && !dv_tmachine_by_name(t, m->name))
			add(t, m);
		else
			*DV_PUSH(&t->unusable) = m;
	}
	DV_VEC_FREE(&t->unopened);
}

struct dv_error *dv_tracer_find(struct dv_tracer *t, bool host, bool guests)
{
	struct found f = {0};
	struct dv_error *e;

	if (t->found)
		return NULL;
	e = scan(&f);
	if (e)
		return e;
	t->found = true;
	t->own = make(t);
	*DV_PUSH(&t->machines) = make(t);
	if (f.local && wanted(t, f.local->name))
		t->local = f.local;
	else
		dv_machine_close(f.local);
	if (host)
		dv_host_open(t);
	for (size_t i = 0; i < f.v.count; i++) {
		if (wanted(t, f.v.data[i]->name))
			*DV_PUSH(&t->unopened) = f.v.data[i];
		else
			dv_machine_close(f.v.data[i]);
	}
	DV_VEC_FREE(&f.v);
	if (guests)
		dv_guests_open(t);
	return NULL;
}

static bool known(const struct dv_tracer *t, const struct dv_machine *m)
{
	for (size_t i = 1; i < t->machines.count; i++) {
		const struct dv_tmachine *tm = t->machines.data[i];

		// Another process under the name of one that has gone is a new machine.
		if (!strcmp(tm->name, m->name) && !tm->gone)
			return true;
	}
	for (size_t i = 0; i < t->unusable.count; i++) {
		const struct dv_machine *o = t->unusable.data[i];

		if (!strcmp(o->name, m->name) && o->state != DV_MACHINE_GONE &&
		    (o->state == DV_MACHINE_WAITING || o->state == DV_MACHINE_READY))
			return true;
	}
	return false;
}

// Take a machine into the running session, in the place of one that went away under the same name if there is one.
static void join(struct dv_tracer *t, struct dv_machine *m, void (*fn)(struct dv_tracer *t, struct dv_tmachine *tm))
{
	struct dv_tmachine *old = dv_tmachine_by_name(t, m->name);

	if (old && !old->index) { // a guest named "host"
		dv_machine_close(m);
		return;
	}
	if (old) {
		*DV_PUSH(&t->unusable) = old->m; // its types are still needed for what it left
		dv_probe_set_forget(&t->probes, old->m);
		old->gone = old->loaded = old->refused = false;
		dv_tmachine_open(t, old, m);
		fn(t, old);
		return;
	}
	if (t->machines.count >= DV_MACH_MAX) {
		dv_tracer_say(t, "machine '%s' cannot join: a session has %u machines at most", m->name, DV_MACH_MAX);
		return;
	}
	fn(t, add(t, m));
}

void dv_tracer_rescan(struct dv_tracer *t, void (*fn)(struct dv_tracer *t, struct dv_tmachine *tm))
{
	struct found f = {0};
	struct dv_error *e = scan(&f);

	if (e) {
		dv_error_destroy(e);
		f.v.count = 0;
	}
	dv_machine_close(f.local);
	for (size_t i = 0; i < f.v.count; i++) {
		struct dv_machine *m = f.v.data[i];

		if (m->why[0] || !wanted(t, m->name) || known(t, m)) {
			dv_machine_close(m);
			continue;
		}
		e = dv_machine_open(m, t->universes + 1);
		if (e || m->state == DV_MACHINE_GONE) {
			dv_error_destroy(e);
			dv_machine_close(m);
			continue;
		}
		if (m->state == DV_MACHINE_READY)
			join(t, m, fn);
		else
			*DV_PUSH(&t->unusable) = m;
	}
	DV_VEC_FREE(&f.v);
	// Those that were found before their kernel had started.
	for (size_t i = 0; i < t->unusable.count; i++) {
		struct dv_machine *m = t->unusable.data[i];
		bool placed = false;

		if (m->state != DV_MACHINE_WAITING)
			continue;
		for (size_t k = 1; k < t->machines.count; k++)
			placed |= t->machines.data[k]->m == m;
		m->ops->poll(m);
		if (placed || m->state != DV_MACHINE_READY)
			continue;
		t->unusable.data[i--] = t->unusable.data[--t->unusable.count];
		join(t, m, fn);
	}
}
