// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tracepoints under two providers. rawtp:MODULE::NAME is every tracepoint there is, by the kernel's module that it is
// in; sdt:GROUP::NAME those that an event of the kernel's own tracing stands on, by the event's group, as
// `perf list` and tracefs show them. Either way the arguments are those of the tracepoint's prototype, as the kernel
// passes them, not the fields that its event makes of them.
#include "probe/probe.h"

#include <string.h>

#include "probe/nearest.h"

static uint32_t add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	return pm->tracepoint_count;
}

static void offer(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		  struct dv_probe_set *set, bool by_group)
{
	uint32_t base = dv_probe_base(pm, prov);

	for (uint32_t i = 0; i < pm->tracepoint_count; i++) {
		const struct dv_tracepoint *tp = &pm->tracepoints[i];
		const char *mod = by_group ? tp->group : tp->module;
		struct dv_probe *p = mod ? dv_probe_offer(set, d, base + i, mod, "", tp->name) : NULL;

		if (!p)
			continue;
		p->kind = DV_SITE_TRACEPOINT;
		p->args = DV_ARGS_RAW;
		p->target = tp->name;
		p->group = tp;
		dv_tracepoint_words(pm->machine, tp, p->argmap);
	}
}

static void provide_raw(const struct dv_provider *prov, const struct dv_probe_machine *pm,
			const struct dv_probe_desc *d, struct dv_probe_set *set)
{
	offer(prov, pm, d, set, false);
}

static void provide_sdt(const struct dv_provider *prov, const struct dv_probe_machine *pm,
			const struct dv_probe_desc *d, struct dv_probe_set *set)
{
	offer(prov, pm, d, set, true);
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	const struct dv_type *f = dv_tracepoint_proto(p->machine, p->group);

	*known = f != NULL;
	*count = f ? f->count - 1 : 0; // but for what is not the program's
	return n < *count ? f->members[n + 1].type : NULL;
}

static const void *arg_group(const struct dv_probe *p)
{
	return dv_tracepoint_proto(p->machine, p->group);
}

static const char *why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm,
			   const struct dv_probe_desc *d, struct dv_probe_set *set)
{
	const char *why = dv_guest_no_types(pm->machine->guest), *name = d->part[DV_PART_NAME];
	struct dv_nearest n;
	char near[128];

	if (!dv_guest_has_types(pm->machine->guest))
		return dv_arena_printf(&set->arena, "tracepoints are not known: %s", why);
	if (*name && dv_glob_is_literal(name) && !dv_tracepoint_find(pm, name)) {
		dv_nearest_init(&n, name);
		for (uint32_t i = 0; i < pm->tracepoint_count; i++)
			dv_nearest_offer(&n, pm->tracepoints[i].name);
		dv_nearest_list(&n, near, sizeof(near));
		return dv_arena_printf(&set->arena, "the kernel has no tracepoint %s%s%s%s", name,
				       *near ? "; did you mean " : "", near, *near ? "?" : "");
	}
	if (prov == &dv_prov_sdt && *d->part[DV_PART_MOD] && dv_glob_is_literal(d->part[DV_PART_NAME])) {
		const struct dv_tracepoint *tp = dv_tracepoint_find(pm, d->part[DV_PART_NAME]);

		if (tp && tp->group)
			return dv_arena_printf(&set->arena, "%s is in the group %s, by %s", tp->name, tp->group,
					       pm->groups);
		if (tp)
			return dv_arena_printf(&set->arena, "%s has no event, so no group: it is rawtp:%s::%s",
					       tp->name, tp->module, tp->name);
	}
	return NULL;
}

const struct dv_provider dv_prov_rawtp = {
	.name = "rawtp",
	.add = add,
	.provide = provide_raw,
	.arg_type = arg_type,
	.arg_group = arg_group,
	.caps = DV_CAP_TRACEPOINT,
	.why_not = why_not,
};

const struct dv_provider dv_prov_sdt = {
	.name = "sdt",
	.add = add,
	.provide = provide_sdt,
	.arg_type = arg_type,
	.arg_group = arg_group,
	.caps = DV_CAP_TRACEPOINT,
	.why_not = why_not,
};
