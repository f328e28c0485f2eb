// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nameN:module:function:probe: static probes that process N's programs have compiled in (<sys/sdt.h>). The function is the
 * one around the probe, "" in a program without symbols. As in DTrace, "__" in a probe's name is shown as "-"; both may
 * be written. A probe that the compiler has put into several places of a function is one probe with several sites.
 *
 * args[] have the sizes and signs that the program's note gives; pointers are integers there.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "elf/insn.h"
#include "probe/usdt_spec.h"
#include "probe/users.h"

// The name with "-" for "__".
static const char *shown(struct dv_probe_set *set, const char *name)
{
	char *s, *to;

	if (!strstr(name, "__"))
		return name;
	s = to = dv_arena_strdup(&set->arena, name);
	for (const char *p = s; *p; p++) {
		bool two = p[0] == '_' && p[1] == '_';

		*to++ = two ? '-' : *p;
		p += two;
	}
	*to = '\0';
	return s;
}

static bool variable(void *ctx, const char *name, uint64_t *addr)
{
	const struct dv_user_object *uo = ctx;
	uint64_t vaddr;

	return dv_elf_variable(uo->elf, name, &vaddr) && dv_object_address(uo->object, vaddr, addr);
}

// A file that names a place which is no NOP is not as <sys/sdt.h> makes them; nothing says that an instruction begins there.
static bool is_nop(const struct dv_user_object *uo, uint64_t vaddr)
{
	uint8_t code[8];

	for (size_t n = sizeof(code); n; n--)
		if (dv_elf_read(uo->elf, vaddr, code, n))
			return dv_x86_nop(code, n);
	return false;
}

static const char *function_of(const struct dv_user_object *uo, const struct dv_elf_usdt *u)
{
	const struct dv_elf_sym *s = dv_elf_symbol_at(uo->elf, u->pc);

	return s ? s->name : "";
}

static void offer(struct dv_probe_set *set, const struct dv_user_object *uo, const struct dv_elf_usdt *u, uint32_t id)
{
	struct dv_usdt_arg args[DV_USDT_ARGS_MAX];
	char spec[DV_USDT_SPEC_MAX];
	struct dv_probe *p;

	if (!is_nop(uo, u->pc))
		return;
	dv_usdt_write(args, dv_usdt_parse(u->args, variable, (void *)uo, args), spec);
	p = dv_user_row(set, uo, id, function_of(uo, u), shown(set, u->name), u->pc_offset);
	p->provname = dv_arena_printf(&set->arena, "%s%d", u->provider, p->pid);
	p->args = DV_ARGS_USDT;
	p->spec = dv_arena_strdup(&set->arena, spec);
	p->detail = u->sem_offset;
}

static bool same_probe(const struct dv_user_object *uo, const struct dv_elf_usdt *a, const struct dv_elf_usdt *b)
{
	return !strcmp(a->provider, b->provider) && !strcmp(a->name, b->name) &&
	       !strcmp(function_of(uo, a), function_of(uo, b));
}

static bool matches(struct dv_probe_set *set, const struct dv_user_object *uo, const struct dv_elf_usdt *u,
		    const char *provider, const struct dv_probe_desc *d)
{
	return dv_glob(provider, u->provider) && dv_glob(d->part[DV_PART_FUNC], function_of(uo, u)) &&
	       (dv_glob(d->part[DV_PART_NAME], u->name) || dv_glob(d->part[DV_PART_NAME], shown(set, u->name)));
}

// Those of an object that match; provider NULL: the one with the id.
static void provide_object(struct dv_probe_set *set, const struct dv_user_object *uo, const char *provider,
			   const struct dv_probe_desc *d)
{
	uint32_t first = 0;

	if (dv_elf_machine(uo->elf) != EM_X86_64 || !dv_object_target(uo->object))
		return;
	for (uint32_t i = 0; i < uo->usdt_count; i++) {
		const struct dv_elf_usdt *u = &uo->usdt[uo->usdt_order[i]];
		uint32_t id;

		if (i && !same_probe(uo, u, &uo->usdt[uo->usdt_order[first]]))
			first = i;
		id = uo->base + 2 * (uint32_t)uo->count + first;
		if (provider ? matches(set, uo, u, provider, d) : id == d->id)
			offer(set, uo, u, id);
	}
}

static bool claims(const struct dv_provider *prov, const struct dv_probe_desc *d)
{
	char prefix[DV_USER_PREFIX];
	const char *at = NULL;
	int pid;

	return d->id || dv_user_split(d->part[DV_PART_PROV], &at, prefix, &pid);
}

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		    struct dv_probe_set *set)
{
	char prefix[DV_USER_PREFIX];
	const char *at = NULL;
	int pid;

	for (size_t i = 0; d->id && i < set->users.count; i++)
		for (size_t k = 0; k < set->users.data[i]->objects.count; k++)
			provide_object(set, set->users.data[i]->objects.data[k], NULL, d);
	while (!d->id && dv_user_split(d->part[DV_PART_PROV], &at, prefix, &pid)) {
		struct dv_user_object *uo;
		struct dv_user *u;
		struct dv_error *e;
		size_t i = 0;

		if (!strcmp(prefix, "pid"))
			continue;
		e = dv_user_get(set, pid, &u);
		while (!e && (uo = dv_user_match(set, u, d->part[DV_PART_MOD], &i)))
			provide_object(set, uo, prefix, d);
		dv_error_destroy(e);
	}
}

// What static probes a process has: names of providers, or of one provider's probes.
static bool list(struct dv_probe_set *set, struct dv_user *u, const char *provider, char *buf, size_t size)
{
	size_t n, used = 0;
	struct dv_object *const *o = dv_process_objects(u->process, &n);
	const char *last = "";

	*buf = '\0';
	for (size_t i = 0; i < n; i++) {
		struct dv_user_object *uo;
		struct dv_error *e = dv_user_open(set, u, o[i], &uo);

		for (size_t k = 0; !e && k < uo->usdt_count; k++) {
			const struct dv_elf_usdt *p = &uo->usdt[uo->usdt_order[k]];
			const char *name = provider ? shown(set, p->name) : p->provider;

			if ((provider && !dv_glob(provider, p->provider)) || !strcmp(name, last))
				continue;
			last = name;
			if (used + strlen(name) + 7 >= size) {
				snprintf(buf + used, size - used, " ...");
				return true;
			}
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "", name);
		}
		dv_error_destroy(e);
	}
	return used > 0;
}

static const char *why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
			   struct dv_probe_set *set)
{
	char prefix[DV_USER_PREFIX], names[256];
	const char *at = NULL, *why;
	struct dv_user *u;
	struct dv_error *e;
	int pid;

	if (!dv_user_split(d->part[DV_PART_PROV], &at, prefix, &pid) || !strcmp(prefix, "pid"))
		return NULL;
	e = dv_user_get(set, pid, &u);
	if (e)
		why = dv_arena_strdup(&set->arena, e->msg);
	else if (list(set, u, prefix, names, sizeof(names)))
		why = dv_arena_printf(&set->arena, "the probes of '%s' in process %d (%s) are %s", prefix, pid,
				      dv_user_program(u), names);
	else if (list(set, u, NULL, names, sizeof(names)))
		why = dv_arena_printf(&set->arena, "process %d (%s) has no provider '%s', only %s", pid,
				      dv_user_program(u), prefix, names);
	else
		why = dv_arena_printf(&set->arena, "process %d (%s) has no static probes", pid, dv_user_program(u));
	dv_error_destroy(e);
	return why;
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	struct dv_usdt_arg args[DV_USDT_ARGS_MAX];

	*count = 0;
	*known = p->spec && dv_usdt_read(p->spec, args, count);
	return *known && n < *count ? dv_type_int(args[n].size, args[n].is_signed) : NULL;
}

// Size and sign of each argument, four bits each, marked by the lowest bit as no pointer.
static const void *arg_group(const struct dv_probe *p)
{
	struct dv_usdt_arg args[DV_USDT_ARGS_MAX];
	uint32_t count;
	uintptr_t key = 0;

	if (!p->spec || !dv_usdt_read(p->spec, args, &count))
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		unsigned size = args[i].size == 8 ? 3 : args[i].size == 4 ? 2 : args[i].size == 2 ? 1 : 0;

		key = key << 4 | 8 | (args[i].is_signed ? 4 : 0) | size;
	}
	return (const void *)(key << 1 | 1);
}

const struct dv_provider dv_prov_usdt = {
    .name = "usdt",
    .claims = claims,
    .provide = provide,
    .arg_type = arg_type,
    .arg_group = arg_group,
    .caps = DV_CAP_UPROBE,
    .why_not = why_not,
};
