// SPDX-License-Identifier: GPL-2.0-or-later
//
// What all providers with stable names share: finding out which rows of their tables hold. See stable.h.
#include "probe/stable.h"

#include <string.h>

// The compiler's copy of a function with other parameters; parts of it that it moved away are not the function.
static bool is_copy(const char *suffix)
{
	return !strncmp(suffix, ".isra.", 6) || !strncmp(suffix, ".constprop.", 11);
}

static bool uses_words(const struct dv_stable_row *r)
{
	return r->at == DV_AT_ENTRY && r->expect[0].type;
}

// The function, or what the compiler made of it where that will do.
static const struct dv_symbol *function(struct dv_guest *g, const struct dv_stable_row *r)
{
	static const char *const tails[] = {".isra.0", ".constprop.0", ".constprop.0.isra.0", ".isra.0.constprop.0"};
	const struct dv_symbol *s = dv_guest_symbol(g, NULL, r->where);

	for (size_t i = 0; !s && !uses_words(r) && i < DV_COUNT(tails); i++) {
		DV_FREE char *name = dv_xasprintf("%s%s", r->where, tails[i]);

		s = dv_guest_symbol(g, NULL, name);
	}
	return s && s->size && strchr("tTwW", s->kind) ? s : NULL;
}

static bool same(struct dv_universe *u, const struct dv_type *have, const char *want)
{
	const struct dv_type *t = dv_type_by_text(u, want, false);

	return t && dv_type_resolve(have)->kind == dv_type_resolve(t)->kind && dv_type_equal(have, t);
}

// Does the prototype have what the row expects? f NULL: nothing is known of it.
static const char *check_proto(struct dv_probe_set *set, struct dv_universe *u, const struct dv_stable_row *r,
			       const struct dv_type *f, uint32_t first)
{
	char buf[128];

	for (size_t i = 0; i < DV_COUNT(r->expect) && r->expect[i].type && f; i++) {
		uint32_t n = r->expect[i].word + first;
		const struct dv_type *t = r->at == DV_AT_RETURN ? f->ref : n < f->count ? f->members[n].type : NULL;

		if (!t || !same(u, t, r->expect[i].type))
			return dv_arena_printf(&set->arena, "%s %s is not as expected: parameter %u is %s, not %s",
					       r->at == DV_AT_TRACEPOINT ? "the tracepoint" : "the function", r->where,
					       r->expect[i].word, t ? dv_type_name(t, buf, sizeof(buf)) : "missing",
					       r->expect[i].type);
	}
	return NULL;
}

bool dv_stable_has(struct dv_universe *u, const char *type, const char *member)
{
	const struct dv_type *t = dv_type_by_text(u, type, false);
	uint64_t off;

	return t && dv_type_member(dv_type_complete(t), member, &off);
}

// Why the row does not hold on this machine's kernel; NULL: it does, and *found says where.
static const char *check_row(struct dv_probe_set *set, struct dv_probe_machine *pm, const struct dv_stable_row *r,
			     struct dv_stable_found *found)
{
	struct dv_machine *m = pm->machine;
	struct dv_universe *u = dv_guest_types(m->guest);
	const struct dv_symbol *s;
	const char *mod = NULL, *why;
	size_t count;

	found->row = r;
	if (r->has.type && !dv_stable_has(u, r->has.type, r->has.member))
		return dv_arena_printf(&set->arena, "%s has no member %s", r->has.type, r->has.member);
	if (r->at == DV_AT_TRACEPOINT) {
		if (!(m->caps & DV_CAP_TRACEPOINT))
			return "there are no tracepoints to use";
		found->tracepoint = dv_tracepoint_find(pm, r->where);
		if (!found->tracepoint)
			return dv_arena_printf(&set->arena, "the kernel has no tracepoint %s", r->where);
		return check_proto(set, u, r, dv_tracepoint_proto(m, found->tracepoint), 1);
	}
	if (!(m->caps & DV_CAP_FBT)) {
		why = m->ops->why_not ? m->ops->why_not(m, DV_CAP_FBT) : NULL;
		return dv_arena_printf(&set->arena, "it needs the function %s: %s", r->where,
				       why ? why : "functions cannot be probed");
	}
	s = function(m->guest, r);
	if (!s)
		return dv_arena_printf(&set->arena, "the kernel has no function %s%s", r->where,
				       uses_words(r) ? " of that shape" : "");
	if (s->module && s->module < (dv_guest_modules(m->guest, &count), count))
		mod = dv_guest_modules(m->guest, &count)[s->module].name;
	found->addr = s->addr;
	found->size = s->size;
	found->symbol = s->name;
	why = dv_probe_refusal(m, &(struct dv_probe){.kind = r->at == DV_AT_ENTRY ? DV_SITE_ADDR : DV_SITE_RETURNS,
						     .args = r->at == DV_AT_ENTRY ? DV_ARGS_FUNC : DV_ARGS_RETURN,
						     .addr = s->addr, .size = s->size});
	if (why)
		return dv_arena_printf(&set->arena, "%s cannot be probed: %s", s->name, why);
	if (r->no_proto || is_copy(s->name + strlen(r->where)))
		return NULL;
	return check_proto(set, u, r, dv_guest_func_type(m->guest, mod ? mod : "vmlinux", r->where), 0);
}

uint32_t dv_stable_add_rows(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm,
			    const struct dv_stable_row *rows, uint32_t count)
{
	uint32_t names = 0;
	bool types = dv_guest_has_types(pm->machine->guest);

	for (uint32_t i = 0, next; i < count; i = next, names++) {
		const char *name = rows[i].name, *first_why = NULL;
		bool have = false, taken = false; // one row; the one that was last tried

		for (next = i; next < count && !strcmp(rows[next].name, name); next++) {
			const struct dv_stable_row *r = &rows[next];
			struct dv_stable_found f = {.prov = prov, .id = names};
			const char *why;

			// Rows of `more` belong to the one before them.
			if (r->more ? !taken : have) {
				taken = taken && r->more;
				continue;
			}
			why = types ? check_row(set, pm, r, &f)
				    : dv_arena_printf(&set->arena, "the kernel's types are not known: %s",
						      dv_guest_no_types(pm->machine->guest));
			if (!why) {
				have = taken = true;
				*DV_PUSH(&pm->stable) = f;
			} else if (!first_why && !r->more) {
				first_why = why;
			}
		}
		if (!have)
			*DV_PUSH(&pm->stable) = (struct dv_stable_found){
			    .prov = prov, .id = names, .row = &rows[i], .why = first_why};
	}
	return names;
}

uint32_t dv_stable_add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	return dv_stable_add_rows(prov, set, pm, prov->rows, prov->row_count);
}

void dv_stable_provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		       struct dv_probe_set *set)
{
	uint32_t base = dv_probe_base(pm, prov);

	for (size_t i = 0; i < pm->stable.count; i++) {
		const struct dv_stable_found *f = &pm->stable.data[i];
		struct dv_symbol s = {.addr = f->addr, .size = f->size, .name = f->symbol};
		const char *mod = f->tracepoint ? f->tracepoint->module : "vmlinux";
		struct dv_probe *p;

		if (*f->row->name == '.' && strcmp(d->part[DV_PART_NAME], f->row->name) != 0)
			continue;
		if (f->prov != prov || f->why || !(p = dv_probe_offer(set, d, base + f->id, mod, "", f->row->name)))
			continue;
		if (!f->tracepoint && pm->machine->caps & DV_CAP_LOCAL &&
		    !dv_fbt_filter_allows((struct dv_probe_machine *)pm, &s)) {
			set->probes.count--;
			continue;
		}
		p->row = f->row;
		p->addr = f->addr;
		p->size = f->size;
		if (f->tracepoint) {
			dv_tracepoint_words(pm->machine, f->tracepoint, p->argmap);
			p->kind = DV_SITE_TRACEPOINT;
			p->args = DV_ARGS_RAW;
			p->target = f->tracepoint->name;
		} else {
			p->kind = f->row->at == DV_AT_ENTRY ? DV_SITE_ADDR : DV_SITE_RETURNS;
			p->args = f->row->at == DV_AT_ENTRY ? DV_ARGS_FUNC : DV_ARGS_RETURN;
			p->target = f->symbol;
		}
	}
}

bool dv_stable_needs(const struct dv_stable_row *r, const char *name)
{
	const char *from = r->needs, *at = from;
	size_t n = strlen(name);

	for (; at && (at = strstr(at, name)); at += n)
		if ((at == from || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

const char *dv_probe_guard(const struct dv_probe *p)
{
	return p->row ? p->row->guard : NULL;
}

const char *dv_probe_arg_text(const struct dv_probe *p, uint32_t n)
{
	return p->row && n < DV_STABLE_ARGS && p->row->args[n].type ? p->row->args[n].text : NULL;
}

const struct dv_type *dv_stable_arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	struct dv_universe *u = dv_guest_types(p->machine->guest);
	const struct dv_stable_row *r = p->row;

	*known = true;
	for (*count = 0; *count < DV_STABLE_ARGS && r->args[*count].type;)
		++*count;
	return n < *count ? dv_type_by_text(u, r->args[n].type, strstr(r->args[n].type, "__user")) : NULL;
}

uint32_t dv_stable_xargs(const struct dv_probe *p, struct dv_xarg ret[DV_XARGS_MAX])
{
	uint32_t n = 0;

	for (; n < DV_STABLE_ARGS && p->row->args[n].type; n++)
		ret[n] = (struct dv_xarg){.type = p->row->args[n].xlate, .native = n};
	return n;
}

const void *dv_stable_arg_group(const struct dv_probe *p)
{
	return p->row;
}

const char *dv_stable_why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm,
			      const struct dv_probe_desc *d, struct dv_probe_set *set)
{
	const char *why = NULL;

	for (size_t i = 0; i < pm->stable.count && !why; i++) {
		const struct dv_stable_found *f = &pm->stable.data[i];

		if (f->prov != prov || !dv_glob(d->part[DV_PART_NAME], f->row->name))
			continue;
		why = f->why ? f->why : NULL;
		if (!f->why && !f->tracepoint && pm->machine->caps & DV_CAP_LOCAL)
			why = dv_arena_printf(&set->arena, "the kernel does not let %s be probed", f->symbol);
	}
	return why;
}
