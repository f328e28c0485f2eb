// SPDX-License-Identifier: GPL-2.0-or-later
//
// Function boundaries: entry is the function's first instruction, return each return instruction of its body.
// No function is dangerous to probe where the trap sits in the translated code. Left out is what is not a function that
// can run: data in text, padding symbols, and the initialisation code that the kernel threw away after its boot.
//
// The host's kernel is another matter: fbt_filter.c says what it does not let be probed.
#include "probe/probe.h"

#include <string.h>

static bool usable(const struct dv_symbol *s, uint64_t init_start, uint64_t init_end)
{
	static const char *const not_code[] = {
	    "_text",
	    "_stext",
	    "_etext",
	    "_sinittext",
	    "_einittext",
	    "__entry_text_start",
	    "__entry_text_end",
	    "__softirqentry_text_start",
	    "__softirqentry_text_end",
	    "__irqentry_text_start",
	    "__irqentry_text_end",
	    "__noinstr_text_start",
	    "__noinstr_text_end",
	    "__sched_text_start",
	    "__sched_text_end",
	    "__cpuidle_text_start",
	    "__cpuidle_text_end",
	    "__lock_text_start",
	    "__lock_text_end",
	    "__kprobes_text_start",
	    "__kprobes_text_end",
	    "__indirect_thunk_start",
	    "__indirect_thunk_end",
	    "__static_call_text_start",
	    "__static_call_text_end",
	};

	if (!strchr("tTwW", s->kind) || !s->kind || !s->size || !s->name[0] || s->name[0] == '.')
		return false;
	if (!strncmp(s->name, "__pfx_", 6) || !strncmp(s->name, "__cfi_", 6))
		return false;
	if (s->addr >= init_start && s->addr < init_end)
		return false;
	for (size_t i = 0; s->name[0] == '_' && i < DV_COUNT(not_code); i++)
		if (!strcmp(s->name, not_code[i]))
			return false;
	return true;
}

static uint32_t add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	struct dv_machine *m = pm->machine;
	size_t count;
	const struct dv_symbol *syms = dv_guest_symbols(m->guest, &count), *s;
	uint64_t start = UINT64_MAX, end = 0, thunk;

	if ((s = dv_guest_symbol(m->guest, "vmlinux", "__init_begin")))
		start = s->addr;
	if ((s = dv_guest_symbol(m->guest, "vmlinux", "__init_end")))
		end = s->addr;
	for (size_t i = 0; i < count && i < UINT32_MAX; i++)
		if (usable(&syms[i], start, end))
			*DV_PUSH(&pm->funcs) = (uint32_t)i;
	// Returns may be jumps to a thunk; since 6.5 a variable says which one the processor needs.
	if ((s = dv_guest_symbol(m->guest, "vmlinux", "__x86_return_thunk")))
		pm->thunk[0] = s->addr;
	if ((s = dv_guest_symbol(m->guest, "vmlinux", "x86_return_thunk")) &&
	    dv_probe_read(m, s->addr, &thunk, sizeof(thunk)) && thunk != pm->thunk[0] &&
	    dv_guest_symbol_at(m->guest, thunk))
		pm->thunk[1] = thunk;
	return 2 * (uint32_t)pm->funcs.count;
}

// A function's name where it outlives the kernel's symbols: copied once, however many descriptions match it.
static const char *name_of(struct dv_probe_machine *pm, struct dv_probe_set *set, size_t i, const struct dv_symbol *s)
{
	if (!pm->func_names)
		pm->func_names = dv_xcalloc(pm->funcs.count, sizeof(*pm->func_names));
	if (!pm->func_names[i])
		pm->func_names[i] = dv_arena_strdup(&set->arena, s->name);
	return pm->func_names[i];
}

// Symbols are in the order of their addresses, so those of a module follow one another.
struct module {
	uint16_t index;
	const char *name; // in the set's arena; NULL: not matched
};

static void find_module(struct module *m, const struct dv_probe_desc *d, uint16_t index, const struct dv_module *mods,
			size_t count, struct dv_probe_set *set)
{
	const char *name = index && index < count ? mods[index].name : "vmlinux";

	m->index = index;
	m->name = NULL;
	if (d->id || dv_glob(d->part[DV_PART_MOD], name))
		m->name = index ? dv_arena_strdup(&set->arena, name) : "vmlinux";
}

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		    struct dv_probe_set *set)
{
	struct dv_guest *g = pm->machine->guest;
	bool local = pm->machine->caps & DV_CAP_LOCAL, wanted[2];
	uint32_t base = dv_probe_base(pm, prov);
	static const char *const names[2] = {"entry", "return"};
	size_t nsyms, nmods, from = 0, to = pm->funcs.count;
	const struct dv_symbol *syms;
	const struct dv_module *mods;
	struct dv_globber func;
	struct module mod;

	for (uint32_t k = 0; k < 2; k++)
		wanted[k] = d->id ? d->id >= base && (d->id - base) % 2 == k : dv_glob(d->part[DV_PART_NAME], names[k]);
	if (!g || (!wanted[0] && !wanted[1]))
		return;
	if (d->id) {
		from = (d->id - base) / 2;
		to = from < to ? from + 1 : from;
	}
	syms = dv_guest_symbols(g, &nsyms);
	mods = dv_guest_modules(g, &nmods);
	dv_globber_init(&func, d->id ? "" : d->part[DV_PART_FUNC]);
	find_module(&mod, d, 0, mods, nmods, set);
	for (size_t i = from; i < to; i++) {
		const struct dv_symbol *s = pm->funcs.data[i] < nsyms ? &syms[pm->funcs.data[i]] : NULL;

		if (!s || !dv_globber_match(&func, s->name))
			continue;
		if (s->module != mod.index)
			find_module(&mod, d, s->module, mods, nmods, set);
		// The host's list of what can be probed is long: it is asked about what is wanted.
		if (!mod.name || (local && !dv_fbt_filter_allows((struct dv_probe_machine *)pm, s)))
			continue;
		for (uint32_t k = 0; k < 2; k++) {
			struct dv_probe *p;

			if (!wanted[k])
				continue;
			p = dv_probe_row(set, base + 2 * (uint32_t)i + k, mod.name, name_of((struct dv_probe_machine *)pm, set, i, s),
					 names[k]);
			p->addr = s->addr;
			p->size = s->size;
			p->target = p->func;
			p->kind = k ? DV_SITE_RETURNS : DV_SITE_ADDR;
			p->args = k ? DV_ARGS_RETURN : DV_ARGS_FUNC;
		}
	}
}

// The prototype by name. The compiler's parts of a function (name.cold, name.isra.0) have none of their own.
static const struct dv_type *proto(const struct dv_probe *p)
{
	const struct dv_type *t;

	if (!p->machine || !p->machine->guest || strchr(p->func, '.'))
		return NULL;
	t = dv_guest_func_type(p->machine->guest, p->mod, p->func);
	return t && t->kind == DV_TYPE_FUNC ? t : NULL;
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	const struct dv_type *f = proto(p);

	*known = f != NULL;
	*count = 0;
	if (!f)
		return NULL;
	if (p->kind == DV_SITE_RETURNS) {
		bool is_void = !f->ref || dv_type_resolve(f->ref)->kind == DV_TYPE_VOID;

		*count = is_void ? 1 : 2;
		return n == 0 ? dv_type_int(8, true) : n == 1 && !is_void ? f->ref : NULL;
	}
	*count = f->count;
	return n < f->count ? f->members[n].type : NULL;
}

static const void *arg_group(const struct dv_probe *p)
{
	// Entry and return differ in what they pass: tell them apart by the lowest bit.
	return (const char *)proto(p) + (p->kind == DV_SITE_RETURNS);
}

static const char *why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm,
			   const struct dv_probe_desc *d, struct dv_probe_set *set)
{
	const char *func = d->part[DV_PART_FUNC];
	const struct dv_symbol *s = dv_glob_is_literal(func) ? dv_guest_symbol(pm->machine->guest, NULL, func) : NULL;

	if (pm->machine->caps & DV_CAP_LOCAL && s && !dv_fbt_filter_allows((struct dv_probe_machine *)pm, s))
		return dv_arena_printf(&set->arena, "the kernel does not let %s be probed", func);
	return NULL;
}

const struct dv_provider dv_prov_fbt = {
    .name = "fbt",
    .add = add,
    .provide = provide,
    .arg_type = arg_type,
    .arg_group = arg_group,
    .caps = DV_CAP_FBT,
    .why_not = why_not,
};
