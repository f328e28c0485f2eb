// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

#include "probe/users.h"

// Ids are given in this order.
const struct dv_provider *const dv_providers[] = {
    &dv_prov_dtrace, &dv_prov_profile, &dv_prov_syscall, &dv_prov_fbt, &dv_prov_rawtp, &dv_prov_sdt,
    &dv_prov_sched, &dv_prov_proc, &dv_prov_io, &dv_prov_vminfo, &dv_prov_ip, &dv_prov_tcp, &dv_prov_udp,
    &dv_prov_lockstat, &dv_prov_kvm, &dv_prov_vm, &dv_prov_cpc, &dv_prov_pid, &dv_prov_usdt, NULL,
};
_Static_assert(DV_COUNT(dv_providers) <= DV_PROVIDERS_MAX, "dv_probe_machine::base has room for each");

static size_t place_of(const struct dv_provider *p)
{
	size_t i = 0;

	while (dv_providers[i] != p)
		i++;
	return i;
}

uint32_t dv_probe_base(const struct dv_probe_machine *pm, const struct dv_provider *p)
{
	return pm->base[place_of(p)];
}

// Does the description's provider part mean this provider?
static bool means(const struct dv_probe_desc *d, const struct dv_provider *p)
{
	return p->claims ? p->claims(p, d) : dv_glob(d->part[DV_PART_PROV], p->name);
}

bool dv_provider_meant(const struct dv_provider *prov, const struct dv_probe_desc *d)
{
	return d->id || means(d, prov);
}

void dv_probe_set_init(struct dv_probe_set *set)
{
	memset(set, 0, sizeof(*set));
	dv_arena_init(&set->arena);
	set->next_id = DV_ID_FIRST;
}

static void machine_destroy(struct dv_probe_machine *pm)
{
	DV_VEC_FREE(&pm->funcs);
	free(pm->func_names);
	DV_VEC_FREE(&pm->syscalls);
	DV_VEC_FREE(&pm->stable);
	DV_VEC_FREE(&pm->sysnrs);
	DV_VEC_FREE(&pm->sysret_addrs);
	dv_fbt_filter_destroy(pm->fbt_filter);
	free(pm);
}

void dv_probe_set_deinit(struct dv_probe_set *set)
{
	for (size_t i = 0; i < set->machines.count; i++)
		machine_destroy(set->machines.data[i]);
	DV_VEC_FREE(&set->machines);
	DV_VEC_FREE(&set->probes);
	DV_VEC_FREE(&set->ticks);
	DV_VEC_FREE(&set->refused);
	dv_users_deinit(set);
	dv_arena_deinit(&set->arena);
}

static struct dv_probe_machine *find(struct dv_probe_set *set, const struct dv_machine *m)
{
	for (size_t i = 0; i < set->machines.count; i++)
		if (set->machines.data[i]->machine == m && !set->machines.data[i]->stale)
			return set->machines.data[i];
	return NULL;
}

const struct dv_probe_machine *dv_probe_set_add(struct dv_probe_set *set, struct dv_machine *m)
{
	struct dv_probe_machine *pm = find(set, m);

	if (pm)
		return pm;
	pm = dv_xcalloc(1, sizeof(*pm));
	pm->machine = m;
	if (m->guest && m->caps & DV_CAP_TRACEPOINT)
		dv_tracepoints_add(set, pm);
	for (size_t i = 0; m->guest && dv_providers[i]; i++) {
		pm->base[i] = set->next_id;
		if (dv_providers[i]->add && dv_providers[i]->caps & m->caps)
			set->next_id += dv_providers[i]->add(dv_providers[i], set, pm);
	}
	*DV_PUSH(&set->machines) = pm;
	return pm;
}

void dv_probe_set_forget(struct dv_probe_set *set, struct dv_machine *m)
{
	struct dv_probe_machine *pm = find(set, m);

	if (!pm)
		return;
	pm->stale = true;
	// The symbols are gone with the guest's old kernel.
	DV_VEC_FREE(&pm->funcs);
	free(pm->func_names);
	pm->func_names = NULL;
	DV_VEC_FREE(&pm->syscalls);
	pm->stable.count = pm->tracepoint_count = 0;
}

struct dv_probe *dv_probe_row(struct dv_probe_set *set, uint32_t id, const char *mod, const char *func, const char *name)
{
	struct dv_probe *p = DV_PUSH(&set->probes);

	p->id = id;
	p->mod = mod;
	p->func = func;
	p->name = name;
	return p;
}

// A row for this probe if the description matches it, else NULL.
struct dv_probe *dv_probe_offer(struct dv_probe_set *set, const struct dv_probe_desc *d, uint32_t id, const char *mod,
				const char *func, const char *name)
{
	if (d->id ? d->id != id
		  : !dv_glob(d->part[DV_PART_NAME], name) || !dv_glob(d->part[DV_PART_FUNC], func) ||
			!dv_glob(d->part[DV_PART_MOD], mod))
		return NULL;
	return dv_probe_row(set, id, *mod ? dv_arena_strdup(&set->arena, mod) : "",
			    *func ? dv_arena_strdup(&set->arena, func) : "", dv_arena_strdup(&set->arena, name));
}

const char *dv_probe_refusal(struct dv_machine *m, const struct dv_probe *p)
{
	struct dv_load_site where = {.kind = (uint16_t)p->kind, .args = (uint16_t)p->args, .addr = p->addr, .size = p->size,
				     .detail = p->detail};

	return m && m->ops->refuses ? m->ops->refuses(m, &where) : NULL;
}

// Leave out of the probes from @p from on those that the machine cannot have. One of several places: all of the probe, but
// for the 32-bit twin of a system call.
static void refuse(struct dv_probe_set *set, struct dv_machine *m, size_t from)
{
	size_t out = from;

	for (size_t i = from; m->ops->refuses && i < set->probes.count; i++) {
		const struct dv_probe *p = &set->probes.data[i];
		const char *why = dv_probe_refusal(m, p);

		if (!why) {
			set->probes.data[out++] = *p;
			continue;
		}
		if (set->keep_refused || set->refused.count < DV_REFUSED_KEPT)
			*DV_PUSH(&set->refused) =
			    (struct dv_probe_refused){m, dv_probe_provname(p), p->mod, p->func, p->name,
						      dv_arena_strdup(&set->arena, why)};
		if (p->compat)
			continue;
		while (out > from && set->probes.data[out - 1].id == p->id)
			out--;
		while (i + 1 < set->probes.count && set->probes.data[i + 1].id == p->id)
			i++;
	}
	if (m->ops->refuses)
		set->probes.count = out;
}

void dv_probes_match(struct dv_machine *m, const struct dv_probe_desc *d, struct dv_probe_set *set)
{
	const struct dv_probe_machine *pm = m ? dv_probe_set_add(set, m) : NULL;

	if (!dv_probe_desc_machine(d, m ? m->name : "host"))
		return;
	for (size_t i = 0; dv_providers[i]; i++) {
		const struct dv_provider *prov = dv_providers[i];
		size_t from = set->probes.count;

		if ((m ? !(m->caps & prov->caps) : !prov->own) || !means(d, prov))
			continue;
		prov->provide(prov, pm, d, set);
		for (size_t k = from; k < set->probes.count; k++) {
			set->probes.data[k].prov = prov;
			set->probes.data[k].machine = m;
		}
		if (m)
			refuse(set, m, from);
	}
}

bool dv_probe_desc_kernel(const struct dv_probe_desc *d)
{
	bool own = false, can = false;

	if (d->id)
		return d->id >= DV_ID_FIRST;
	if (*d->part[DV_PART_NAME] && dv_glob_is_literal(d->part[DV_PART_NAME])) {
		struct dv_probe_set set; // one of its own: a tick that is asked for gets an id

		dv_probe_set_init(&set);
		for (size_t i = 0; dv_providers[i]; i++)
			if (dv_providers[i]->own && dv_glob(d->part[DV_PART_PROV], dv_providers[i]->name))
				dv_providers[i]->provide(dv_providers[i], NULL, d, &set);
		own = set.probes.count;
		dv_probe_set_deinit(&set);
	}
	for (size_t i = 0; dv_providers[i] && !own && !can; i++)
		can = dv_providers[i]->caps && means(d, dv_providers[i]);
	return can;
}

bool dv_probe_read(struct dv_machine *m, uint64_t va, void *dst, size_t size)
{
	const struct dv_phys *phys = m->ops->phys ? m->ops->phys(m) : NULL;
	const struct dv_guest_layout *l = m->guest ? dv_guest_layout(m->guest) : NULL;

	if (!phys && m->ops->read_va)
		return m->ops->read_va(m, va, dst, size);
	return phys && l && dv_guest_read_va(phys, l, l->kernel_cr3, va, dst, size);
}

void dv_probes_why_not(struct dv_probe_set *set, const struct dv_probe_desc *d, char *buf, size_t size)
{
	const char *name = d->part[DV_PART_PROV];

	*buf = '\0';
	for (size_t i = 0; i < set->refused.count && !d->id; i++) {
		const struct dv_probe_refused *r = &set->refused.data[i];

		if (!dv_probe_desc_machine(d, r->machine->name) || !dv_glob(d->part[DV_PART_PROV], r->prov) ||
		    !dv_glob(d->part[DV_PART_MOD], r->mod) || !dv_glob(d->part[DV_PART_FUNC], r->func) ||
		    !dv_glob(d->part[DV_PART_NAME], r->name))
			continue;
		snprintf(buf, size, "on %s %s:%s cannot be probed: %s", r->machine->name, r->func, r->name, r->why);
		return;
	}
	// A glob that the provider's name happens to match asks for nothing in particular.
	if (d->id || !*name || !dv_glob_is_literal(name))
		return;
	for (size_t i = 0; i < set->machines.count; i++) {
		const struct dv_probe_machine *pm = set->machines.data[i];
		struct dv_machine *m = pm->machine;

		if (pm->stale || !dv_probe_desc_machine(d, m->name))
			continue;
		for (size_t k = 0; dv_providers[k]; k++) {
			const struct dv_provider *p = dv_providers[k];
			const char *why = NULL;

			if (p->claims ? !p->claims(p, d) : strcmp(p->name, name) != 0)
				continue;
			if (p->why_not && m->guest && m->caps & p->caps)
				why = p->why_not(p, pm, d, set);
			for (uint32_t cap = 1; !why && !(m->caps & p->caps) && m->ops->why_not && cap <= p->caps;
			     cap <<= 1)
				if (p->caps & cap)
					why = m->ops->why_not(m, (enum dv_machine_cap)cap);
			if (why) {
				snprintf(buf, size, "on %s %s", m->name, why);
				return;
			}
		}
	}
}
