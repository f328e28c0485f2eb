/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures, unions and enumerations that the script declares: how they lie in memory, by x86-64's rules for C. A
 * declaration may name types of the kernel, so it is made anew for each kernel's types, once, when it is first used.
 *
 * A structure that holds one of the kernel's in itself belongs to that kernel's types, as far as reading another
 * machine's memory is concerned. One that only points to such does not: what a pointer points to is asked when it is
 * followed.
 *
 * `struct node { struct node *next; }` meets itself while it is being made: then the unfinished type is what the
 * pointer points to.
 */
#include "lang/impl.h"

#include <limits.h>
#include <string.h>

#define SIZE_MAX_BITS (1ull << 34)

struct dv_universe *dv_own_universe(struct dv_check *ck, uint32_t id)
{
	struct dv_script *s = ck->script;
	struct dv_own *o;

	if (!id)
		return s->fwd;
	for (size_t i = 0; i < s->owns.count; i++)
		if (s->owns.data[i].of == ck->env->types)
			return s->owns.data[i].types;
	o = DV_PUSH(&s->owns);
	o->of = ck->env->types;
	o->types = dv_universe_create(id, "the script", NULL, NULL);
	return o->types;
}

const struct dv_type *dv_sized_string(struct dv_check *ck)
{
	struct dv_script *s = ck->script;

	// strsize is one for the whole session, but declarations are looked at before it is known.
	if (!s->string || s->string->size != ((ck->env->strsize + 7u) & ~7u))
		s->string = dv_type_new(s->fwd, DV_TYPE_STRING, "string", (ck->env->strsize + 7u) & ~7u);
	return s->string;
}

struct dv_built **dv_built_find(struct dv_check *ck, struct dv_built **list)
{
	while (*list && (*list)->of != ck->env->types)
		list = &(*list)->next;
	return list;
}

static struct dv_built *built_new(struct dv_check *ck, struct dv_built **slot, enum dv_type_kind kind,
				  const char *name, const void *decl)
{
	struct dv_built *b = dv_arena_alloc(&ck->script->arena, sizeof(*b));

	b->of = ck->env->types;
	b->type = dv_type_new(ck->script->fwd, kind, name, 0);
	b->type->decl = decl;
	b->making = true;
	*slot = b;
	return b;
}

static void built_drop(struct dv_built **list, const struct dv_built *b)
{
	while (*list && *list != b)
		list = &(*list)->next;
	if (*list)
		*list = b->next;
}

/* -- alignment ------------------------------------------------------------------------------------------------- */

static uint64_t align_of(const struct dv_type *t, int depth)
{
	uint64_t most = 1;

	t = dv_type_complete(t);
	if (depth > 16)
		return 8;
	switch (t->kind) {
	case DV_TYPE_STRING:
		return 8;
	case DV_TYPE_ARRAY:
		return align_of(t->ref, depth + 1);
	case DV_TYPE_STRUCT:
	case DV_TYPE_UNION:
		for (uint32_t i = 0; i < t->count && most < 16; i++) {
			uint64_t a = t->members[i].type ? align_of(t->members[i].type, depth + 1) : 1;

			most = a > most ? a : most;
		}
		return most;
	default:
		return t->size == 2 || t->size == 4 || t->size == 8 || t->size == 16 ? t->size : 1;
	}
}

static uint64_t up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* -- structures ------------------------------------------------------------------------------------------------ */

// Which kernel's types a member brings in by lying within.
static uint32_t universe_of(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	for (int i = 0; i < 16 && t->kind == DV_TYPE_ARRAY; i++)
		t = dv_type_resolve(t->ref);
	return (t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION) && t->universe ? t->universe->id : 0;
}

static const char *member_name(const struct dv_mdecl *m)
{
	return m->name ? m->name : "(unnamed)";
}

static const struct dv_type *member_type(struct dv_check *ck, const struct dv_mdecl *m, bool last)
{
	const struct dv_decl *d = m->decl;
	const struct dv_type *t;

	if (d->kind == DV_D_ASSOC || d->kind == DV_D_FUNC) {
		DV_ERR_AT(ck, m->loc, "D_DECL_DYNOBJ", "member '%s' may not be %s", member_name(m),
			  d->kind == DV_D_FUNC ? "a function" : "an associative array");
		return NULL;
	}
	if (d->kind == DV_D_ARRAY && !d->dim && last) { // all that follows
		t = dv_decl_type(ck, d->ref, true);
		return t ? dv_type_array(t, 0) : NULL;
	}
	t = dv_decl_type(ck, d, d->kind == DV_D_PTR);
	if (!t)
		return NULL;
	if (dv_type_resolve(t)->kind == DV_TYPE_STRING)
		return dv_sized_string(ck);
	if (dv_type_resolve(t)->kind == DV_TYPE_VOID) {
		DV_ERR_AT(ck, m->loc, "D_DECL_VOIDOBJ", "member '%s' may not have type void", member_name(m));
		return NULL;
	}
	if (!dv_type_complete(t)->size && dv_type_resolve(t)->kind != DV_TYPE_ARRAY &&
	    !(dv_type_resolve(t)->kind == DV_TYPE_STRUCT && dv_type_resolve(t)->count == 0 && !dv_type_resolve(t)->decl)) {
		DV_ERR_AT(ck, m->loc, "D_DECL_INCOMPLETE", "member '%s' is of %s, whose size is not known", member_name(m),
			  dv_tname(ck, t));
		return NULL;
	}
	return t;
}

static bool bit_field(struct dv_check *ck, const struct dv_mdecl *m, const struct dv_type *t, uint32_t *bits)
{
	struct dv_node *n = dv_check_expr(ck, m->bits);

	if (!n)
		return false;
	if (n->kind != DV_NODE_INT || !dv_type_is_integer(n->type)) {
		DV_ERR_AT(ck, m->bits->loc, "D_DECL_BFCONST", "size of bit-field '%s' must be an integer constant",
			  member_name(m));
		return false;
	}
	if (!dv_type_is_integer(t)) {
		DV_ERR_AT(ck, m->loc, "D_DECL_BFTYPE", "bit-field '%s' must be of an integer type, not %s", member_name(m),
			  dv_tname(ck, t));
		return false;
	}
	if ((int64_t)n->ival < 0 || n->ival > dv_type_resolve(t)->size * 8 || (!n->ival && m->name)) {
		DV_ERR_AT(ck, m->bits->loc, "D_DECL_BFSIZE", "bit-field '%s' of %s may have 1 to %u bits, not %lld",
			  member_name(m), dv_tname(ck, t), (unsigned)dv_type_resolve(t)->size * 8, (long long)n->ival);
		return false;
	}
	*bits = (uint32_t)n->ival;
	return true;
}

static bool lay_out(struct dv_check *ck, const struct dv_decl *d, struct dv_type *t)
{
	struct dv_member *members = dv_arena_alloc(&ck->script->fwd->arena, (d->count + 1) * sizeof(*members));
	uint64_t bit = 0, end = 0, align = 1;
	uint32_t count = 0, universe = 0;

	for (uint32_t i = 0; i < d->count; i++) {
		const struct dv_mdecl *m = &d->members[i];
		const struct dv_type *mt = member_type(ck, m, i + 1 == d->count);
		uint64_t size, a;
		uint32_t bits = 0;

		if (!mt || (m->bits && !bit_field(ck, m, mt, &bits)))
			return false;
		for (uint32_t k = 0; k < count && m->name; k++)
			if (members[k].name && !strcmp(members[k].name, m->name)) {
				DV_ERR_AT(ck, m->loc, "D_DECL_IDRED", "member redeclared: '%s'", m->name);
				return false;
			}
		size = dv_type_resolve(mt)->size * 8;
		a = align_of(mt, 0);
		if (d->kind == DV_D_UNION)
			bit = 0;
		if (!m->bits)
			bit = up(bit, a * 8);
		else if (!bits || bit % size + bits > size)
			bit = up(bit, size);
		if (!m->bits || m->name)
			members[count++] = (struct dv_member){m->name, mt, (uint32_t)bit, bits};
		if (m->name || !m->bits)
			align = a > align ? a : align;
		bit += m->bits ? bits : size;
		end = bit > end ? bit : end;
		universe = universe ? universe : universe_of(mt);
		if (end > SIZE_MAX_BITS) {
			DV_ERR_AT(ck, m->loc, "D_DECL_ARRBIG", "structure is too large");
			return false;
		}
	}
	t->members = members;
	t->count = count;
	t->size = up((end + 7) / 8, align);
	t->universe = dv_own_universe(ck, universe);
	return true;
}

/* -- enumerations ---------------------------------------------------------------------------------------------- */

static bool enumerate(struct dv_check *ck, const struct dv_decl *d, struct dv_type *t)
{
	struct dv_enumerator *enums = dv_arena_alloc(&ck->script->fwd->arena, (d->count + 1) * sizeof(*enums));
	int64_t next = 0;

	t->size = 4;
	t->is_signed = true;
	t->enums = enums;
	for (uint32_t i = 0; i < d->count; i++) {
		const struct dv_edecl *e = &d->enums[i];
		struct dv_node *n = e->value ? dv_check_expr(ck, e->value) : NULL;

		if (e->value && !n)
			return false;
		if (n && (n->kind != DV_NODE_INT || !dv_type_is_integer(n->type))) {
			DV_ERR_AT(ck, e->value->loc, "D_DECL_ENCONST", "enumerator '%s' must be an integer constant", e->name);
			return false;
		}
		if (n)
			next = (int64_t)n->ival;
		if (next < INT_MIN || next > INT_MAX || (n && !dv_type_resolve(n->type)->is_signed && n->ival > INT_MAX)) {
			DV_ERR_AT(ck, e->loc, "D_DECL_ENOFLOW", "enumerator '%s' does not fit in an int: %lld", e->name,
				  (long long)next);
			return false;
		}
		enums[i] = (struct dv_enumerator){e->name, next++};
		t->count = i + 1; // those that follow may use it
	}
	return true;
}

const struct dv_type *dv_build_tag(struct dv_check *ck, struct dv_decl *d)
{
	static const enum dv_type_kind kinds[] = {[DV_D_STRUCT] = DV_TYPE_STRUCT, [DV_D_UNION] = DV_TYPE_UNION,
						  [DV_D_ENUM] = DV_TYPE_ENUM};
	struct dv_built **slot = dv_built_find(ck, &d->built), *b = *slot;
	bool ok;

	if (b)
		return b->type;
	b = built_new(ck, slot, kinds[d->kind], d->name, d);
	ok = d->kind == DV_D_ENUM ? enumerate(ck, d, b->type) : lay_out(ck, d, b->type);
	b->making = false;
	if (ok)
		return b->type;
	built_drop(&d->built, b);
	return NULL;
}

const struct dv_type *dv_build_typedef(struct dv_check *ck, struct dv_tdef *t)
{
	struct dv_built **slot = dv_built_find(ck, &t->built), *b = *slot;

	if (b && b->making) {
		DV_ERR_AT(ck, t->loc, "D_DECL_TYPERED", "type '%s' is declared as itself", t->name);
		return NULL;
	}
	if (b)
		return b->type;
	b = built_new(ck, slot, DV_TYPE_TYPEDEF, t->name, t);
	b->type->ref = dv_decl_type(ck, t->decl, t->decl->kind == DV_D_PTR);
	b->making = false;
	if (b->type->ref) {
		b->type->size = dv_type_resolve(b->type->ref)->size;
		b->type->universe = b->type->ref->universe ? dv_own_universe(ck, universe_of(b->type->ref)) : ck->script->fwd;
		return b->type;
	}
	built_drop(&t->built, b);
	return NULL;
}

bool dv_enumerator_value(struct dv_check *ck, const struct dv_enumref *e, int64_t *value, const struct dv_type **t)
{
	*t = dv_build_tag(ck, e->decl);
	if (!*t || e->index >= (*t)->count)
		return false;
	*value = (*t)->enums[e->index].value;
	return true;
}

/* -- all declarations ------------------------------------------------------------------------------------------ */

static void check_variable(struct dv_check *ck, const struct dv_vdecl *v)
{
	const struct dv_decl *d = v->decl;
	const struct dv_type *t;

	for (uint32_t i = 0; d->kind == DV_D_ASSOC && i < d->key_count; i++) {
		t = dv_decl_type(ck, d->keys[i], true);
		if (t && !v->value && !dv_type_is_scalar(t) && !dv_type_is_string(t) && t->kind != DV_TYPE_FWD)
			DV_ERR_AT(ck, d->keys[i]->loc, "D_KEY_TYPE", "%s may not be a key", dv_tname(ck, t));
	}
	t = dv_decl_type(ck, d->kind == DV_D_ASSOC ? d->ref : d, true);
	if (t && dv_type_resolve(t)->kind == DV_TYPE_VOID)
		DV_ERR_AT(ck, v->loc, "D_DECL_VOIDOBJ", "variable '%s' may not have type void", v->name);
}

void dv_check_decls(struct dv_script *s, struct dv_diag *diag, size_t tag, size_t tdef, size_t vdecl, size_t xlator)
{
	struct dv_check_env env = {.types = dv_universe_base(), .strsize = 256};
	struct dv_arena arena;
	struct dv_check ck = {.script = s, .env = &env, .diag = diag, .arena = &arena, .lenient = true};

	dv_arena_init(&arena);
	for (size_t i = tag; i < s->tags.count; i++)
		if (!s->tags.data[i]->lib)
			dv_build_tag(&ck, s->tags.data[i]);
	for (size_t i = tdef; i < s->tdefs.count; i++)
		if (!s->tdefs.data[i]->lib)
			dv_build_typedef(&ck, s->tdefs.data[i]);
	for (size_t i = vdecl; i < s->decls.count; i++)
		if (!s->decls.data[i]->lib)
			check_variable(&ck, s->decls.data[i]);
	for (size_t i = xlator; i < s->xlators.count; i++)
		if (!s->xlators.data[i]->lib)
			dv_check_xlator(&ck, s->xlators.data[i]);
	// They were looked at without a kernel, and before the options were known: that was for their errors only.
	for (size_t i = 0; i < s->tags.count; i++)
		s->tags.data[i]->built = NULL;
	for (size_t i = 0; i < s->tdefs.count; i++)
		s->tdefs.data[i]->built = NULL;
	for (size_t i = 0; i < s->xlators.count; i++)
		s->xlators.data[i]->built = NULL;
	s->string = NULL;
	dv_arena_deinit(&arena);
}
