/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "type/type.h"

#include <string.h>

// Typedefs that a chain may have, and structures that may lie within one another. Kernels stay far below; a forged one
// must not make us loop.
#define DEPTH_MAX 32

struct dv_universe *dv_universe_create(uint32_t id, const char *name, const struct dv_type_source_ops *ops, void *ctx)
{
	struct dv_universe *u = dv_xcalloc(1, sizeof(*u));

	dv_arena_init(&u->arena);
	u->id = id;
	u->name = dv_arena_strdup(&u->arena, name ? name : "");
	u->ops = ops;
	u->ctx = ctx;
	return u;
}

void dv_universe_destroy(struct dv_universe *u)
{
	if (!u)
		return;
	DV_VEC_FREE(&u->derived);
	free(u->derived_index);
	dv_arena_deinit(&u->arena);
	free(u);
}

struct dv_type *dv_type_new(struct dv_universe *u, enum dv_type_kind kind, const char *name, uint64_t size)
{
	struct dv_type *t = dv_arena_alloc(&u->arena, sizeof(*t));

	t->kind = kind;
	t->name = name ? dv_arena_strdup(&u->arena, name) : NULL;
	t->size = size;
	t->universe = u;
	return t;
}

static size_t derived_hash(enum dv_type_kind kind, const struct dv_type *ref, uint32_t count)
{
	uint64_t h = (uintptr_t)ref * 0x9e3779b97f4a7c15ULL;

	h ^= ((uint64_t)count << 8 | kind) * 0xff51afd7ed558ccdULL;
	return (size_t)(h ^ h >> 29);
}

static struct dv_type **derived_slot(struct dv_universe *u, enum dv_type_kind kind, const struct dv_type *ref,
				     uint32_t count)
{
	size_t i = derived_hash(kind, ref, count);

	for (;; i++) {
		struct dv_type **slot = &u->derived_index[i & (u->derived_slots - 1)];

		if (!*slot || ((*slot)->kind == kind && (*slot)->ref == ref && (*slot)->count == count))
			return slot;
	}
}

static const struct dv_type *derived(enum dv_type_kind kind, const struct dv_type *ref, uint32_t count, uint64_t size)
{
	struct dv_universe *u = ref->universe ? ref->universe : dv_universe_base();
	struct dv_type **slot, *t;

	if (u->derived.count * 2 >= u->derived_slots) {
		u->derived_slots = u->derived_slots ? u->derived_slots * 2 : 64;
		free(u->derived_index);
		u->derived_index = dv_xcalloc(u->derived_slots, sizeof(struct dv_type *));
		for (size_t i = 0; i < u->derived.count; i++) {
			t = u->derived.data[i];
			*derived_slot(u, t->kind, t->ref, t->count) = t;
		}
	}
	slot = derived_slot(u, kind, ref, count);
	if (*slot)
		return *slot;
	t = dv_type_new(u, kind, NULL, size);
	t->ref = ref;
	t->count = count;
	t->is_user = kind == DV_TYPE_PTR && count;
	*slot = t;
	*DV_PUSH(&u->derived) = t;
	return t;
}

const struct dv_type *dv_type_ptr(const struct dv_type *to)
{
	return derived(DV_TYPE_PTR, to, 0, 8);
}

const struct dv_type *dv_type_user_ptr(const struct dv_type *to)
{
	return derived(DV_TYPE_PTR, to, 1, 8); // the count tells it from the plain one
}

const struct dv_type *dv_type_array(const struct dv_type *of, uint32_t count)
{
	uint64_t elem = dv_type_resolve(of)->size;
	uint64_t size;

	if (__builtin_mul_overflow(elem, (uint64_t)count, &size))
		size = 0;
	return derived(DV_TYPE_ARRAY, of, count, size);
}

const struct dv_type *dv_type_resolve(const struct dv_type *t)
{
	for (int i = 0; t && t->kind == DV_TYPE_TYPEDEF; i++) {
		if (i == DEPTH_MAX || !t->ref)
			return dv_type_void();
		t = t->ref;
	}
	return t;
}

const struct dv_type *dv_type_complete(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	if (t && t->incomplete && (t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION)) {
		// A type is const to its users; its universe's source alone fills it, once.
		struct dv_type *w = (struct dv_type *)t;

		if (t->universe && t->universe->ops && t->universe->ops->complete)
			t->universe->ops->complete(t->universe->ctx, w);
		w->incomplete = false;
	}
	return t;
}

// `budget` bounds all the structures looked into: nesting alone would still allow exponential work.
static const struct dv_member *member(const struct dv_type *t, const char *name, uint64_t base, uint64_t *bit_off,
				      int depth, int *budget)
{
	t = dv_type_complete(t);
	if (!t || (t->kind != DV_TYPE_STRUCT && t->kind != DV_TYPE_UNION) || depth > DEPTH_MAX || --*budget < 0)
		return NULL;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct dv_member *m = &t->members[i];

		if (m->name && m->name[0]) {
			if (strcmp(m->name, name))
				continue;
			if (bit_off)
				*bit_off = base + m->bit_off;
			return m;
		}
		if (m->type) {
			const struct dv_member *in =
			    member(m->type, name, base + m->bit_off, bit_off, depth + 1, budget);

			if (in)
				return in;
		}
	}
	return NULL;
}

const struct dv_member *dv_type_member(const struct dv_type *t, const char *name, uint64_t *bit_off)
{
	int budget = 4096;

	return member(t, name, 0, bit_off, 0, &budget);
}

bool dv_type_is_integer(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	return t && (t->kind == DV_TYPE_INT || t->kind == DV_TYPE_ENUM);
}

bool dv_type_is_scalar(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	return t && (t->kind == DV_TYPE_INT || t->kind == DV_TYPE_ENUM || t->kind == DV_TYPE_PTR);
}

bool dv_type_is_string(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	if (!t)
		return false;
	if (t->kind == DV_TYPE_STRING)
		return true;
	if (t->kind != DV_TYPE_ARRAY)
		return false;
	t = dv_type_resolve(t->ref);
	return t && t->kind == DV_TYPE_INT && t->is_char; // u8[] is bytes, not text; kernels since 6.2 have unsigned char
}

static bool equal(const struct dv_type *a, const struct dv_type *b, int depth)
{
	a = dv_type_resolve(a);
	b = dv_type_resolve(b);
	if (a == b)
		return true;
	if (!a || !b || depth > DEPTH_MAX)
		return false;
	switch (a->kind) {
	case DV_TYPE_STACK:
		return a->kind == b->kind && a->count == b->count;
	case DV_TYPE_INT:
		return b->kind == DV_TYPE_INT && a->size == b->size && a->is_signed == b->is_signed &&
		       a->is_bool == b->is_bool;
	case DV_TYPE_FLOAT:
		return b->kind == DV_TYPE_FLOAT && a->size == b->size;
	case DV_TYPE_VOID:
	case DV_TYPE_STRING:
		return a->kind == b->kind;
	case DV_TYPE_PTR:
		return b->kind == DV_TYPE_PTR && a->xlator == b->xlator && equal(a->ref, b->ref, depth + 1);
	case DV_TYPE_ARRAY:
		return b->kind == DV_TYPE_ARRAY && a->count == b->count && equal(a->ref, b->ref, depth + 1);
	case DV_TYPE_FUNC:
		if (b->kind != DV_TYPE_FUNC || a->count != b->count || a->varargs != b->varargs ||
		    !equal(a->ref, b->ref, depth + 1))
			return false;
		for (uint32_t i = 0; i < a->count; i++)
			// Parameters are compared one level deep only: prototypes may refer to one another for ever.
			if (depth > 2 || !equal(a->members[i].type, b->members[i].type, depth + 1))
				return false;
		return true;
	case DV_TYPE_STRUCT:
	case DV_TYPE_UNION:
	case DV_TYPE_ENUM:
	case DV_TYPE_FWD:
		// The same tag may come from vmlinux and again from a module.
		if (a->kind != b->kind && a->kind != DV_TYPE_FWD && b->kind != DV_TYPE_FWD)
			return false;
		return a->universe == b->universe && a->name && b->name && !strcmp(a->name, b->name);
	case DV_TYPE_TYPEDEF:
		break;
	}
	return false;
}

bool dv_type_equal(const struct dv_type *a, const struct dv_type *b)
{
	return equal(a, b, 0);
}
