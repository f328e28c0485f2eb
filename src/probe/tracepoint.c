// SPDX-License-Identifier: GPL-2.0-or-later
//
// The tracepoints of a machine's kernel: what rawtp, sdt and the providers with stable names stand on. Their names and
// prototypes come from the kernel's types (guest/tracepoints.c), the group of the event on a tracepoint from
//
//   tracefs          available_events, on this host: what it does not list has no event;
//   kernel memory    event_NAME, a struct trace_event_call, whose class says its "system", where the kernel has symbols
//                    for data and its memory can be read;
//   neither          then the group is the module: better a name than none.
//
// Types alone do not show that a tracepoint was built in: its __traceiter_NAME function does, since 5.10.
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/system.h"

#define EVENTS_MAX (8u << 20)
#define GROUP_MAX  64u

struct collect {
	struct dv_probe_set *set;
	struct dv_guest *guest;
	bool iters;
	DV_VEC(struct dv_tracepoint) v;
};

static void collect(void *ctx, const char *module, const char *name)
{
	struct collect *c = ctx;
	struct dv_tracepoint *tp;

	if (c->iters) {
		DV_FREE char *iter = dv_xasprintf("__traceiter_%s", name);

		if (!dv_guest_symbol(c->guest, NULL, iter))
			return;
	}
	tp = DV_PUSH(&c->v);
	tp->name = name;
	tp->module = dv_arena_strdup(&c->set->arena, module);
}

static int by_module(const void *a, const void *b)
{
	const struct dv_tracepoint *x = a, *y = b;
	// The kernel's own before its modules'.
	int r = (strcmp(x->module, "vmlinux") != 0) - (strcmp(y->module, "vmlinux") != 0);

	r = r ? r : strcmp(x->module, y->module);
	return r ? r : strcmp(x->name, y->name);
}

struct event {
	const char *name, *group;
};

static int by_event(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->group, y->group);
}

static char *read_all(int fd)
{
	size_t n = 0, room = 1u << 16;
	char *p = dv_xrealloc(NULL, room + 1);
	ssize_t r;

	while ((r = read(fd, p + n, room - n)) > 0 && n < EVENTS_MAX) {
		n += (size_t)r;
		if (n == room)
			p = dv_xrealloc(p, (room *= 2) + 1);
	}
	p[n] = '\0';
	return p;
}

// "GROUP:EVENT" lines. False: there is no such list.
static bool groups_of_tracefs(struct dv_probe_set *set, struct dv_tracepoint *tps, size_t count)
{
	DV_FD int fd = dv_tracefs_open("available_events");
	DV_VEC(struct event) events = {0};
	DV_FREE char *text = NULL;
	char *save = NULL;

	if (fd < 0)
		return false;
	text = read_all(fd);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(l, ':');

		if (!colon)
			continue;
		*colon = '\0';
		*DV_PUSH(&events) = (struct event){colon + 1, l};
	}
	if (events.count)
		qsort(events.data, events.count, sizeof(events.data[0]), by_event);
	for (size_t i = 0; i < count; i++) {
		struct event key = {tps[i].name, ""};
		size_t lo = 0, hi = events.count;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (by_event(&events.data[mid], &key) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < events.count && !strcmp(events.data[lo].name, tps[i].name))
			tps[i].group = dv_arena_strdup(&set->arena, events.data[lo].group);
	}
	DV_VEC_FREE(&events);
	return text && *text;
}

static bool offset_of(struct dv_universe *u, const char *type, const char *name, uint64_t *ret)
{
	const struct dv_type *t = u->ops ? u->ops->find(u->ctx, DV_TYPE_STRUCT, type, NULL) : NULL;
	const struct dv_member *m = t ? dv_type_member(dv_type_complete(t), name, ret) : NULL;

	*ret /= 8;
	return m && !m->bit_size && m->type->size == 8;
}

static const char *group_of_memory(struct dv_probe_set *set, struct dv_machine *m, const struct dv_tracepoint *tp,
				   uint64_t off_class, uint64_t off_system)
{
	DV_FREE char *symbol = dv_xasprintf("event_%s", tp->name);
	const struct dv_symbol *s = dv_guest_symbol(m->guest, tp->module, symbol);
	char text[GROUP_MAX + 1] = "";
	uint64_t class, system;

	if (!s || !dv_probe_read(m, s->addr + off_class, &class, 8) ||
	    !dv_probe_read(m, class + off_system, &system, 8) || !dv_probe_read(m, system, text, GROUP_MAX))
		return NULL;
	for (char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 127 || *c == ':')
			return NULL;
	return *text ? dv_arena_strdup(&set->arena, text) : NULL;
}

void dv_tracepoints_add(struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	struct dv_machine *m = pm->machine;
	struct dv_universe *u = dv_guest_types(m->guest);
	struct collect c = {.set = set, .guest = m->guest};
	struct dv_tracepoint *tps;
	uint64_t off_class, off_system;
	bool memory;

	c.iters = dv_guest_symbol(m->guest, "vmlinux", "__traceiter_sched_switch");
	dv_guest_tracepoints(m->guest, collect, &c);
	if (!c.v.count)
		return;
	qsort(c.v.data, c.v.count, sizeof(c.v.data[0]), by_module);
	tps = dv_arena_alloc(&set->arena, c.v.count * sizeof(*tps));
	memcpy(tps, c.v.data, c.v.count * sizeof(*tps));
	pm->tracepoints = tps;
	pm->tracepoint_count = (uint32_t)c.v.count;
	DV_VEC_FREE(&c.v);
	if (m->caps & DV_CAP_LOCAL && groups_of_tracefs(set, tps, pm->tracepoint_count)) {
		pm->groups = "tracefs";
		return;
	}
	memory = offset_of(u, "trace_event_call", "class", &off_class) &&
		 offset_of(u, "trace_event_class", "system", &off_system) &&
		 dv_guest_symbol(m->guest, "vmlinux", "event_sched_switch");
	pm->groups = memory ? "the kernel's memory" : "its module's name";
	for (uint32_t i = 0; i < pm->tracepoint_count; i++) {
		if (memory)
			tps[i].group = group_of_memory(set, m, &tps[i], off_class, off_system);
		else
			tps[i].group = tps[i].module;
	}
}

const struct dv_tracepoint *dv_tracepoint_find(const struct dv_probe_machine *pm, const char *name)
{
	for (uint32_t i = 0; i < pm->tracepoint_count; i++)
		if (!strcmp(pm->tracepoints[i].name, name))
			return &pm->tracepoints[i];
	return NULL;
}

void dv_tracepoint_words(struct dv_machine *m, const struct dv_tracepoint *tp, uint8_t argmap[DV_ARGMAP_SIZE])
{
	const struct dv_type *f = dv_tracepoint_proto(m, tp);

	for (uint8_t k = 0; k < DV_ARGMAP_SIZE; k++)
		argmap[k] = !f || k + 1u < f->count ? k : DV_ARGMAP_NONE;
}

const struct dv_type *dv_tracepoint_proto(struct dv_machine *m, const struct dv_tracepoint *tp)
{
	return m->guest ? dv_guest_tracepoint_type(m->guest, tp->module, tp->name) : NULL;
}
