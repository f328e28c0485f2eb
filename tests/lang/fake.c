/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <string.h>

struct kernel {
	struct dv_universe *u;
	struct dv_type *task, *file, *list, *kuid, *kuid_t, *gfp_t, *states, *opaque, *big, *cred, *deep;
	const struct dv_type *func;
};

static const struct dv_enumerator states[] = {{"TASK_RUNNING", 0}, {"TASK_DEAD", 128}, {"TASK_MAX", 0x100000000}};

static struct dv_type *sou(struct kernel *k, enum dv_type_kind kind, const char *name, uint64_t size, uint32_t count,
                           const struct dv_member *m)
{
	struct dv_type *t = dv_type_new(k->u, kind, name, size);
	struct dv_member *copy = dv_arena_alloc(&k->u->arena, count * sizeof(*m));

	memcpy(copy, m, count * sizeof(*m));
	t->members = copy;
	t->count = count;
	return t;
}

static void complete(void *ctx, struct dv_type *t)
{
	struct kernel *k = ctx;
	const struct dv_type *i = dv_type_int(4, true), *u = dv_type_int(4, false);
	uint32_t at = k->u->id == 2 ? 64 : 0; // bits: db's structure begins with another member
	const struct dv_member anon[] = {{"either", i, 0, 0}, {"other", dv_type_int(8, true), 0, 0}};
	const struct dv_member m[] = {
		{"pid", i, at, 0}, {"tgid", i, at + 32, 0}, {"comm", dv_type_array(dv_type_char(), 16), at + 64, 0},
		{"parent", dv_type_ptr(t), at + 192, 0}, {"cred", dv_type_ptr(k->cred), at + 256, 0},
		{"flags", u, at + 320, 3}, {"prio", i, at + 323, 5},
		{NULL, sou(k, DV_TYPE_UNION, NULL, 8, 2, anon), at + 384, 0},
		{"times", dv_type_array(dv_type_base_by_name("u64"), 4), at + 448, 0},
		{"name", dv_type_ptr(dv_type_char()), at + 704, 0},
		{"bytes", dv_type_array(dv_type_base_by_name("u8"), 6), at + 768, 0},
		{"state", k->states, at + 832, 0}, {"uid", k->kuid_t, at + 864, 0},
		{"ubuf", dv_type_user_ptr(dv_type_char()), at + 896, 0}, {"tasks", k->list, at + 960, 0},
		{"load", dv_type_float(8), at + 1088, 0}, {"opaque", dv_type_ptr(k->opaque), at + 1152, 0},
		{"tiny", dv_type_int(1, false), at + 1216, 0}, {"handler", dv_type_ptr(k->func), at + 1280, 0},
		{"big", dv_type_ptr(k->big), at + 1344, 0}, {"flag", dv_type_base_by_name("bool"), at + 1408, 0},
	};

	t->count = DV_COUNT(m);
	t->members = sou(k, DV_TYPE_STRUCT, NULL, 0, DV_COUNT(m), m)->members;
}

static const struct dv_type *find(void *ctx, enum dv_type_kind kind, const char *name, const char *module)
{
	struct kernel *k = ctx;
	struct dv_type *all[] = {k->task,  k->file,   k->list, k->kuid, k->kuid_t,
				 k->gfp_t, k->states, k->big,  k->cred, k->deep};

	if (module && strcmp(module, "vmlinux"))
		return NULL;
	for (size_t i = 0; i < DV_COUNT(all); i++)
		if (all[i] && all[i]->kind == kind && !strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

static bool find_symbol(void *ctx, const char *module, const char *name, uint64_t *addr, const struct dv_type **type)
{
	struct kernel *k = ctx;
	struct {
		const char *name;
		uint64_t addr;
		const struct dv_type *type;
	} syms[] = {{"jiffies", 0xffff1000, dv_type_int(8, false)},
		    {"init_task", 0xffff2000, k->task},
		    {"nr_things", 0xffff3000, NULL},
		    {"vfs_read", 0xffff4000, k->func},
		    {"banner", 0xffff5000, dv_type_array(dv_type_char(), 80)}};

	if (module && strcmp(module, "vmlinux"))
		return false;
	for (size_t i = 0; i < DV_COUNT(syms); i++)
		if (!strcmp(syms[i].name, name)) {
			*addr = syms[i].addr + k->u->id;
			*type = syms[i].type;
			return true;
		}
	return false;
}

static bool find_enumerator(void *ctx, const char *name, int64_t *value, const struct dv_type **type)
{
	for (size_t i = 0; i < DV_COUNT(states); i++)
		if (!strcmp(states[i].name, name)) {
			*value = states[i].value;
			return true;
		}
	return false;
}

struct dv_universe *fake_kernel(uint32_t id)
{
	static const struct dv_type_source_ops ops = {find, complete, find_symbol, find_enumerator};
	static struct kernel kernels[3];
	struct kernel *k = &kernels[id];
	const struct dv_type *i = dv_type_int(4, true);

	if (k->u)
		return k->u;
	k->u = dv_universe_create(id, id == 1 ? "6.1.0-web" : "6.12.0-db", &ops, k);
	k->task = dv_type_new(k->u, DV_TYPE_STRUCT, "task_struct", 256);
	k->task->incomplete = true;
	k->opaque = dv_type_new(k->u, DV_TYPE_FWD, "opaque", 0);
	k->func = dv_type_new(k->u, DV_TYPE_FUNC, NULL, 0);
	((struct dv_type *)k->func)->ref = i;
	k->big = sou(k, DV_TYPE_STRUCT, "big", id == 2 ? 8200 : 8192, 1, &(struct dv_member){"x", i, 0, 0});
	k->list = sou(k, DV_TYPE_STRUCT, "list_head", 16, 1, &(struct dv_member){"next", dv_type_ptr(k->big), 0, 0});
	k->cred = sou(k, DV_TYPE_STRUCT, "cred", 4, 1, &(struct dv_member){"uid", dv_type_int(4, false), 0, 0});
	k->kuid = sou(k, DV_TYPE_STRUCT, "kuid", 4, 1, &(struct dv_member){"val", dv_type_int(4, false), 0, 0});
	k->kuid_t = dv_type_new(k->u, DV_TYPE_TYPEDEF, "kuid_t", 4);
	k->kuid_t->ref = k->kuid;
	k->gfp_t = dv_type_new(k->u, DV_TYPE_TYPEDEF, "gfp_t", 4);
	k->gfp_t->ref = dv_type_int(4, false);
	k->states = dv_type_new(k->u, DV_TYPE_ENUM, "states", 4);
	k->states->enums = states;
	k->states->count = DV_COUNT(states);
	if (id == 1)
		k->file =
		    sou(k, DV_TYPE_STRUCT, "file", 8, 1, &(struct dv_member){"f_pos", dv_type_int(8, true), 0, 0});
	return k->u;
}

const struct dv_type *fake_arg_type(void *ctx, uint32_t n)
{
	const struct dv_type *file = find(((struct dv_universe *)ctx)->ctx, DV_TYPE_STRUCT, "file", NULL);

	switch (n) {
	case 0:
		return file ? dv_type_ptr(file) : NULL;
	case 1:
		return dv_type_user_ptr(dv_type_char());
	case 2:
		return dv_type_base_by_name("size_t");
	case 3:
		return dv_type_ptr(dv_type_base_by_name("loff_t"));
	default:
		return NULL;
	}
}
