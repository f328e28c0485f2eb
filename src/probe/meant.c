// SPDX-License-Identifier: GPL-2.0-or-later
//
// What may have been meant by a description that matches nothing. One part is taken to be wrong: the provider, if there
// is none of that name; else the name, if the rest of the description matches something; else the function.
#include <stdio.h>
#include <string.h>

#include "probe/nearest.h"
#include "probe/probe.h"

static bool is_literal(const struct dv_probe_desc *d, int part)
{
	return *d->part[part] && dv_glob_is_literal(d->part[part]);
}

bool dv_probe_desc_provider(const struct dv_probe_desc *d)
{
	for (size_t i = 0; dv_providers[i]; i++)
		if (dv_provider_meant(dv_providers[i], d))
			return true;
	return false;
}

// The names of one provider's probes that the rest of the description matches. They live in the set's arena.
static void offer_names(struct dv_probe_set *set, const struct dv_provider *p, const struct dv_probe_machine *pm,
			const struct dv_probe_desc *rest, struct dv_nearest *n)
{
	size_t from = set->probes.count;

	p->provide(p, pm, rest, set);
	for (size_t i = from; i < set->probes.count; i++)
		dv_nearest_offer(n, set->probes.data[i].name);
	set->probes.count = from;
}

static void names(struct dv_probe_set *set, const struct dv_probe_desc *d, struct dv_nearest *n)
{
	struct dv_probe_desc rest = *d;

	rest.part[DV_PART_NAME] = (char *)"";
	for (size_t k = 0; dv_providers[k]; k++) {
		const struct dv_provider *p = dv_providers[k];

		// Of a process, and each function of a kernel, there are too many to go through, and the names are few.
		if (p->claims || p == &dv_prov_fbt || !dv_provider_meant(p, d))
			continue;
		if (p->own && dv_probe_desc_machine(d, "host"))
			offer_names(set, p, NULL, &rest, n);
		for (size_t i = 0; i < set->machines.count; i++) {
			const struct dv_probe_machine *pm = set->machines.data[i];

			if (!pm->stale && pm->machine->guest && pm->machine->caps & p->caps &&
			    dv_probe_desc_machine(d, pm->machine->name))
				offer_names(set, p, pm, &rest, n);
		}
	}
}

static void functions(struct dv_probe_set *set, const struct dv_probe_desc *d, struct dv_nearest *n)
{
	const char *prov = d->part[DV_PART_PROV];

	for (size_t i = 0; i < set->machines.count; i++) {
		const struct dv_probe_machine *pm = set->machines.data[i];
		const struct dv_symbol *syms;
		size_t nsyms;

		if (pm->stale || !pm->machine->guest || !dv_probe_desc_machine(d, pm->machine->name))
			continue;
		if (dv_glob(prov, "syscall"))
			for (size_t k = 0; k < pm->syscalls.count; k++)
				dv_nearest_offer(n, pm->syscalls.data[k].name);
		syms = dv_guest_symbols(pm->machine->guest, &nsyms);
		if (dv_glob(prov, "fbt"))
			for (size_t k = 0; k < pm->funcs.count; k++)
				if (pm->funcs.data[k] < nsyms)
					dv_nearest_offer(n, syms[pm->funcs.data[k]].name);
	}
}

// The list, unless it begins with what was asked for: then that part is not what is wrong.
static bool list(const struct dv_nearest *n, char *buf, size_t size)
{
	if (!n->count || !n->dist[0])
		return false;
	dv_nearest_list(n, buf, size);
	return true;
}

void dv_probes_nearest(struct dv_probe_set *set, const struct dv_probe_desc *d, char *buf, size_t size)
{
	const char *name = d->part[DV_PART_NAME];
	struct dv_nearest n;

	if (!size)
		return;
	*buf = '\0';
	if (d->id)
		return;
	if (!dv_probe_desc_provider(d)) {
		dv_nearest_init(&n, d->part[DV_PART_PROV]);
		for (size_t i = 0; is_literal(d, DV_PART_PROV) && dv_providers[i]; i++)
			dv_nearest_offer(&n, dv_providers[i]->name);
		list(&n, buf, size);
		return;
	}
	// Of timers any number is one.
	if (is_literal(d, DV_PART_NAME) && strncmp(name, "tick-", 5) && strncmp(name, "profile-", 8)) {
		dv_nearest_init(&n, name);
		names(set, d, &n);
		if (list(&n, buf, size))
			return;
	}
	if (is_literal(d, DV_PART_FUNC)) {
		dv_nearest_init(&n, d->part[DV_PART_FUNC]);
		functions(set, d, &n);
		if (list(&n, buf, size) || !n.count || !is_literal(d, DV_PART_NAME))
			return;
		// The function is there.
		dv_nearest_init(&n, name);
		dv_nearest_offer(&n, "entry");
		dv_nearest_offer(&n, "return");
		list(&n, buf, size);
	}
}
