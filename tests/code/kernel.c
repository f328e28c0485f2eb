/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel.h"

#include <string.h>

struct kernel {
	struct dv_universe *u;
	uint64_t base;
	struct dv_type *node, *in, *out, *bits, *label, *rec, *task, *color;
	const struct dv_type *func;
};

static const struct dv_enumerator colors[] = {{"RED", 0}, {"GREEN", 5}, {"BLUE", 6}};

static void members(struct kernel *k, struct dv_type *t, const struct dv_member *m, uint32_t count)
{
	struct dv_member *copy = dv_arena_alloc(&k->u->arena, count * sizeof(*m));

	memcpy(copy, m, count * sizeof(*m));
	t->members = copy;
	t->count = count;
}
#define MEMBERS(k, t, ...)                                                                                             \
	members(k, t, (const struct dv_member[]){__VA_ARGS__},                                                         \
		sizeof((const struct dv_member[]){__VA_ARGS__}) / sizeof(struct dv_member))

static const struct dv_type *find(void *ctx, enum dv_type_kind kind, const char *name, const char *module)
{
	struct kernel *k = ctx;
	struct dv_type *all[] = {k->node, k->in, k->out, k->bits, k->label, k->rec, k->task, k->color};

	for (size_t i = 0; i < DV_COUNT(all); i++)
		if (all[i]->kind == kind && !strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

static bool find_symbol(void *ctx, const char *module, const char *name, uint64_t *addr, const struct dv_type **type)
{
	struct kernel *k = ctx;
	const struct {
		const char *name;
		uint64_t off;
		const struct dv_type *type;
	} syms[] = {
	    {"counter", 4, dv_type_int(4, false)},
	    {"greeting", 256, dv_type_array(dv_type_char(), 16)},
	    {"first_node", 1024, k->node},
	    {"bytes", 0, dv_type_array(dv_type_int(1, false), 256)},
	    {"head", 520, dv_type_ptr(dv_type_int(2, false))},
	    {"do_thing", 2048, k->func},
	};

	for (size_t i = 0; i < DV_COUNT(syms); i++) {
		if (strcmp(syms[i].name, name))
			continue;
		*addr = k->base + syms[i].off;
		*type = syms[i].type;
		return true;
	}
	return false;
}

static bool find_enumerator(void *ctx, const char *name, int64_t *value, const struct dv_type **type)
{
	struct kernel *k = ctx;

	for (size_t i = 0; i < DV_COUNT(colors); i++) {
		if (strcmp(colors[i].name, name))
			continue;
		*value = colors[i].value;
		*type = k->color;
		return true;
	}
	return false;
}

static const struct dv_type_source_ops ops = {
    .find = find, .find_symbol = find_symbol, .find_enumerator = find_enumerator};

struct dv_universe *kernel_create(uint32_t id, const char *name, uint64_t base)
{
	struct dv_universe *u = dv_universe_create(id, name, &ops, NULL);
	struct kernel *k = dv_arena_alloc(&u->arena, sizeof(*k));
	const struct dv_type *u8 = dv_type_int(1, false), *u16 = dv_type_int(2, false), *u32 = dv_type_int(4, false);
	const struct dv_type *s32 = dv_type_int(4, true), *s64 = dv_type_int(8, true);
	struct dv_type *either, *func;

	u->ctx = k;
	k->u = u;
	k->base = base;
	k->node = dv_type_new(u, DV_TYPE_STRUCT, "node", 16);
	MEMBERS(k, k->node, {"next", dv_type_ptr(k->node), 0, 0}, {"value", s64, 64, 0});
	k->task = dv_type_new(u, DV_TYPE_STRUCT, "task_struct", 16);
	MEMBERS(k, k->task, {"next", dv_type_ptr(k->task), 0, 0}, {"value", s64, 64, 0});
	k->in = dv_type_new(u, DV_TYPE_STRUCT, "in", 2);
	MEMBERS(k, k->in, {"a", u8, 0, 0}, {"b", u8, 8, 0});
	either = dv_type_new(u, DV_TYPE_UNION, NULL, 2);
	MEMBERS(k, either, {"s", u16, 0, 0}, {"c", u8, 0, 0});
	k->out = dv_type_new(u, DV_TYPE_STRUCT, "out", 12);
	MEMBERS(k, k->out, {"i", u32, 0, 0}, {"in", k->in, 32, 0}, {"arr", dv_type_array(u8, 4), 48, 0},
		{NULL, either, 80, 0});
	k->bits = dv_type_new(u, DV_TYPE_STRUCT, "bits", 4);
	MEMBERS(k, k->bits, {"a", u32, 0, 3}, {"b", u32, 3, 7}, {"c", s32, 10, 6}, {"d", u32, 16, 16});
	k->label = dv_type_new(u, DV_TYPE_STRUCT, "label", 24);
	MEMBERS(k, k->label, {"text", dv_type_array(dv_type_char(), 16), 0, 0},
		{"p", dv_type_ptr(dv_type_char()), 128, 0});
	k->rec = dv_type_new(u, DV_TYPE_STRUCT, "rec", 24);
	MEMBERS(k, k->rec, {"a", u8, 0, 0}, {"text", dv_type_array(dv_type_char(), 4), 8, 0}, {"n", k->node, 64, 0});
	k->color = dv_type_new(u, DV_TYPE_ENUM, "color", 4);
	k->color->enums = colors;
	k->color->count = DV_COUNT(colors);
	func = dv_type_new(u, DV_TYPE_FUNC, NULL, 0);
	func->ref = s32;
	k->func = func;
	return u;
}

const struct dv_type *kernel_find(struct dv_universe *u, const char *name)
{
	return find(u->ctx, DV_TYPE_STRUCT, name, NULL);
}
