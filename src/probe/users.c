// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/users.h"

#include <stdio.h>
#include <string.h>

static void destroy(struct dv_user *u)
{
	for (size_t i = 0; i < u->objects.count; i++)
		free(u->objects.data[i]);
	DV_VEC_FREE(&u->objects);
	DV_VEC_FREE(&u->offsets);
	dv_process_close(u->process);
	free(u);
}

void dv_users_deinit(struct dv_probe_set *set)
{
	for (size_t i = 0; i < set->users.count; i++)
		destroy(set->users.data[i]);
	DV_VEC_FREE(&set->users);
}

struct dv_error *dv_user_get(struct dv_probe_set *set, int pid, struct dv_user **ret)
{
	struct dv_process *p;
	struct dv_error *e;
	struct dv_user *u;

	for (size_t i = 0; i < set->users.count; i++) {
		u = set->users.data[i];
		if (u->gone || dv_process_pid(u->process) != pid)
			continue;
		if (!dv_process_alive(u->process)) {
			u->gone = true;
			continue;
		}
		e = dv_process_refresh(u->process);
		if (!e)
			*ret = u;
		return e;
	}
	e = dv_process_open(pid, &p);
	if (e)
		return e;
	u = dv_xcalloc(1, sizeof(*u));
	u->process = p;
	u->pid_name = dv_arena_printf(&set->arena, "pid%d", pid);
	*DV_PUSH(&set->users) = u;
	*ret = u;
	return NULL;
}

struct by_name {
	const struct dv_elf_usdt *usdt;
	const struct dv_elf *elf;
	uint32_t index;
};

static const char *function_at(const struct dv_elf *elf, uint64_t vaddr)
{
	const struct dv_elf_sym *s = dv_elf_symbol_at(elf, vaddr);

	return s ? s->name : "";
}

static int by_probe(const void *a, const void *b)
{
	const struct by_name *x = a, *y = b;
	const struct dv_elf_usdt *u = x->usdt, *v = y->usdt;
	int c = strcmp(u->provider, v->provider);

	if (!c)
		c = strcmp(u->name, v->name);
	if (!c)
		c = strcmp(function_at(x->elf, u->pc), function_at(y->elf, v->pc));
	return c ? c : (x->index > y->index) - (x->index < y->index);
}

static void sort_usdt(struct dv_probe_set *set, struct dv_user_object *uo)
{
	DV_FREE struct by_name *rows = dv_xcalloc(uo->usdt_count, sizeof(*rows));

	for (size_t i = 0; i < uo->usdt_count; i++)
		rows[i] = (struct by_name){&uo->usdt[i], uo->elf, (uint32_t)i};
	if (uo->usdt_count)
		qsort(rows, uo->usdt_count, sizeof(*rows), by_probe);
	uo->usdt_order = dv_arena_alloc(&set->arena, uo->usdt_count * sizeof(uint32_t));
	for (size_t i = 0; i < uo->usdt_count; i++)
		uo->usdt_order[i] = rows[i].index;
}

struct dv_error *dv_user_open(struct dv_probe_set *set, struct dv_user *u, struct dv_object *o,
			      struct dv_user_object **ret)
{
	struct dv_user_object *uo;
	struct dv_elf *elf;
	struct dv_error *e;
	uint64_t ids;

	for (size_t i = 0; i < u->objects.count; i++) {
		if (u->objects.data[i]->object == o) {
			*ret = u->objects.data[i];
			return NULL;
		}
	}
	e = dv_object_elf(o, &elf);
	if (e)
		return e;
	uo = dv_xcalloc(1, sizeof(*uo));
	uo->user = u;
	uo->object = o;
	uo->elf = elf;
	e = dv_elf_symbols(elf, NULL, 0, &uo->syms, &uo->count);
	uo->usdt = dv_elf_usdt(elf, &uo->usdt_count);
	ids = 2 * (uint64_t)uo->count + uo->usdt_count;
	if (!e && ids > UINT32_MAX / 2 - set->next_id)
		e = dv_error_create(DV_ERR_LIMIT, "there are too many probes in '%s'", o->module);
	if (e) {
		free(uo);
		return e;
	}
	sort_usdt(set, uo);
	uo->base = set->next_id;
	set->next_id += (uint32_t)ids;
	*DV_PUSH(&u->objects) = uo;
	*ret = uo;
	return NULL;
}

bool dv_user_module(const char *pattern, const struct dv_object *o)
{
	const char *m = o->module;

	if (dv_glob(pattern, m) || (o->program && dv_glob(pattern, "a.out")))
		return true;
	if (!dv_glob_is_literal(pattern))
		return false;
	for (const char *dot = strchr(m, '.'); dot; dot = strchr(dot + 1, '.'))
		if (strlen(pattern) == (size_t)(dot - m) && !strncmp(pattern, m, (size_t)(dot - m)))
			return true;
	return false;
}

struct dv_user_object *dv_user_match(struct dv_probe_set *set, struct dv_user *u, const char *pattern, size_t *at)
{
	size_t n;
	struct dv_object *const *o = dv_process_objects(u->process, &n);

	while (*at < n) {
		struct dv_object *next = o[(*at)++];
		struct dv_user_object *uo;
		struct dv_error *e;

		if (!dv_user_module(pattern, next))
			continue;
		e = dv_user_open(set, u, next, &uo);
		if (!e)
			return uo;
		dv_error_destroy(e);
	}
	return NULL;
}

void dv_user_modules(const struct dv_user *u, char *buf, size_t size)
{
	size_t n, used = 0;
	struct dv_object *const *o = dv_process_objects(u->process, &n);

	*buf = '\0';
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(o[i]->module) + (used ? 2 : 0);

		if (!o[i]->inode)
			continue;
		if (used + len + 5 >= size) {
			snprintf(buf + used, size - used, " ...");
			return;
		}
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "", o[i]->module);
	}
}

const char *dv_user_program(const struct dv_user *u)
{
	size_t n;
	struct dv_object *const *o = dv_process_objects(u->process, &n);

	for (size_t i = 0; i < n; i++)
		if (o[i]->program)
			return o[i]->module;
	return "?";
}

bool dv_user_split(const char *name, const char **at, char prefix[DV_USER_PREFIX], int *pid)
{
	const char *end = name + strlen(name), *p = end;
	long v;

	if (!*at) {
		while (p > name && p[-1] >= '0' && p[-1] <= '9')
			p--;
	} else {
		p = *at + 1;
	}
	// No process's number begins with 0, or has more than ten digits.
	while (p < end && (*p == '0' || end - p > 10 || p == name))
		p++;
	if (p >= end || (size_t)(p - name) >= DV_USER_PREFIX)
		return false;
	*at = p;
	v = strtol(p, NULL, 10);
	*pid = v > INT32_MAX ? INT32_MAX : (int)v;
	memcpy(prefix, name, (size_t)(p - name));
	prefix[p - name] = '\0';
	return true;
}

struct dv_probe *dv_user_row(struct dv_probe_set *set, const struct dv_user_object *uo, uint32_t id, const char *func,
			     const char *name, uint64_t offset)
{
	struct dv_probe *p = DV_PUSH(&set->probes);

	p->provname = uo->user->pid_name;
	p->mod = uo->object->module;
	p->func = func;
	p->name = name;
	p->id = id;
	p->addr = offset;
	p->kind = DV_SITE_UPROBE;
	p->args = DV_ARGS_NONE;
	p->target = dv_object_target(uo->object);
	p->pid = dv_process_pid(uo->user->process);
	return p;
}
