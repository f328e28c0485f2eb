/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables and aggregations. There is one of each name in the script, whatever machines it runs on; so what a check
 * finds here it must find the next time, on another machine. A variable is made the first time that a check meets its
 * name. Its type is its declaration's; or that of the first assignment in the text that this check can type. (An
 * assignment from args[] of another clause cannot be typed here: args[] are those of that clause's probe.)
 *
 * Types that are kept in a variable outlive the clause: integers are D's own, pointers are their kernel's.
 */
#include "lang/impl.h"

#include <stdio.h>
#include <string.h>

static struct dv_var *find(const struct dv_script *s, enum dv_var_scope scope, const char *name)
{
	for (size_t i = 0; i < s->vars.count; i++)
		if (s->vars.data[i]->scope == scope && !strcmp(s->vars.data[i]->name, name))
			return s->vars.data[i];
	return NULL;
}

bool dv_var_known(const struct dv_check *ck, enum dv_var_scope scope, const char *name)
{
	return dv_script_decl(ck->script, scope, name) || dv_script_assigns(ck->script, scope, name);
}

void dv_var_near(struct dv_check *ck, enum dv_var_scope scope, struct dv_near *n)
{
	const struct dv_script *s = ck->script;

	for (size_t i = 0; i < s->decls.count; i++)
		if (s->decls.data[i]->scope == scope)
			dv_near_offer(n, s->decls.data[i]->name);
	for (size_t i = 0; i < s->assigns.count; i++)
		if (s->assigns.data[i].scope == scope)
			dv_near_offer(n, s->assigns.data[i].name);
}

// Pointers in a type: 0, 1, or 2 for more.
static uint32_t pointers(const struct dv_type *t, int depth)
{
	uint32_t n = 0;

	t = dv_type_complete(t);
	if (t->kind == DV_TYPE_PTR || depth > 12)
		return depth > 12 ? 2 : 1;
	if (t->kind == DV_TYPE_ARRAY)
		n = pointers(t->ref, depth + 1) * (t->count < 2 ? t->count : 2);
	if (t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION)
		for (uint32_t i = 0; i < t->count && n < 2; i++)
			n += t->members[i].type ? pointers(t->members[i].type, depth + 1) : 0;
	return n < 2 ? n : 2;
}

// A type that may be kept, or NULL: such values have no variables. @p declared: a character array is one; it is a string
// for a variable that only gets one assigned.
static const struct dv_type *keep(const struct dv_type *t, bool declared)
{
	if (dv_type_resolve(t)->kind == DV_TYPE_FLOAT)
		return dv_type_base_by_name(dv_type_resolve(t)->size == 4   ? "float"
					    : dv_type_resolve(t)->size == 8 ? "double" : "long double");
	if (dv_is_aggregate(t) && (declared || !dv_type_is_string(t)))
		return dv_type_complete(t)->size ? dv_type_resolve(t) : NULL;
	t = dv_type_resolve(t);
	switch (t->kind) {
	case DV_TYPE_INT:
		if (t->is_bool)
			return dv_type_base_by_name("_Bool");
		if (t->is_char && t->is_signed)
			return dv_type_char();
		// fall through
	case DV_TYPE_ENUM:
		return t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8
			   ? dv_type_int((unsigned)t->size, t->is_signed)
			   : NULL;
	case DV_TYPE_PTR:
		return t;
	case DV_TYPE_STRING:
		return dv_type_string();
	case DV_TYPE_ARRAY:
		return dv_type_string();
	default:
		return NULL;
	}
}

static const struct dv_type *infer(struct dv_check *ck, const struct dv_assign *a)
{
	struct dv_node *v;
	bool failed = ck->failed, no_args = ck->no_args;

	if (a->node->kind == DV_NODE_INCDEC || a->node->op != DV_OP_NONE)
		return dv_type_int(8, true);
	ck->quiet++;
	ck->no_args |= a->clause != ck->clause->index;
	v = dv_check_expr(ck, a->node->kids[1]);
	if (v && (!dv_is_lvalue(v) || !dv_is_aggregate(v->type) || dv_type_resolve(v->type)->kind == DV_TYPE_ARRAY))
		v = dv_as_value(ck, a->node->kids[1], v);
	ck->no_args = no_args;
	ck->quiet--;
	ck->failed = failed;
	return v ? keep(v->type, false) : NULL;
}

static bool place(struct dv_check *ck, struct dv_var *v)
{
	struct dv_script *s = ck->script;
	uint32_t size = v->type->kind == DV_TYPE_PTR	  ? 16
			: v->type->kind == DV_TYPE_STRING ? (ck->env->strsize + 7u) & ~7u
							  : 8;

	if (dv_is_aggregate(v->type)) {
		uint64_t bytes = dv_type_complete(v->type)->size;
		bool dynamic = v->is_array || v->scope == DV_SCOPE_SELF;

		if (bytes > DV_CONSTS_OFF || (dynamic && bytes > DV_ELEM_MAX)) {
			DV_ERR_AT(ck, v->loc, "D_VAR_LIMIT", "'%s' of type %s is too large: it has %llu bytes, at most %u are allowed",
				  v->name, dv_tname(ck, v->type), (unsigned long long)bytes,
				  dynamic ? DV_ELEM_MAX : DV_CONSTS_OFF);
			return false;
		}
		v->size = (uint32_t)bytes;
		v->pointers = pointers(v->type, 0);
		size = ((v->size + 7u) & ~7u) + (v->pointers ? 8 : 0);
	}
	if (v->is_array || v->scope == DV_SCOPE_SELF) {
		v->id = ++s->dyn_ids;
	} else if (v->scope == DV_SCOPE_GLOBAL) {
		if (s->globals_end + size > DV_CONSTS_OFF) {
			DV_ERR_AT(ck, v->loc, "D_VAR_LIMIT", "too many global variables (they fill %u bytes)",
				  DV_CONSTS_OFF - DV_GLOBALS_OFF);
			return false;
		}
		v->cell = s->globals_end;
		s->globals_end += size;
	} else {
		if (s->this_size + size > DV_THIS_MAX) {
			DV_ERR_AT(ck, v->loc, "D_VAR_LIMIT", "too many clause-local variables (they fill %u bytes)",
				  DV_THIS_MAX);
			return false;
		}
		v->cell = s->this_size;
		s->this_size += size;
	}
	return true;
}

static const char *prefix(enum dv_var_scope scope)
{
	return scope == DV_SCOPE_SELF ? "self->" : scope == DV_SCOPE_THIS ? "this->" : "";
}

static bool from_decl(struct dv_check *ck, const struct dv_vdecl *d, struct dv_var *v)
{
	const struct dv_decl *t = d->decl;
	const struct dv_type *type;

	if (t->kind == DV_D_ASSOC) {
		v->is_array = true;
		if (t->key_count > DV_KEYS_MAX) {
			DV_ERR_AT(ck, d->loc, "D_DECL_ARRBIG", "associative array '%s' has more than %u keys", d->name,
				  DV_KEYS_MAX);
			return false;
		}
		v->key_count = t->key_count;
		for (uint32_t i = 0; i < t->key_count; i++) {
			const struct dv_type *k = dv_decl_type(ck, t->keys[i], true);

			if (!k)
				return false;
			if (!dv_type_is_scalar(k) && !dv_type_is_string(k)) {
				DV_ERR_AT(ck, t->keys[i]->loc, "D_KEY_TYPE", "%s may not be a key", dv_tname(ck, k));
				return false;
			}
			v->key_is_string[i] = dv_type_is_string(k);
		}
		t = t->ref;
	}
	type = dv_decl_type(ck, t, true);
	v->type = type ? keep(type, true) : NULL;
	if (type && !v->type)
		DV_ERR_AT(ck, d->loc,
			  dv_is_aggregate(type) || dv_type_resolve(type)->kind == DV_TYPE_FWD ? "D_DECL_INCOMPLETE" : "D_NOT_YET",
			  "variables of type %s are not supported yet", dv_tname(ck, type));
	return v->type != NULL;
}

static bool from_assign(struct dv_check *ck, enum dv_var_scope scope, const char *name, struct dv_var *v)
{
	const struct dv_script *s = ck->script;

	for (unsigned i = 0; i < ck->inferring_count; i++)
		if (ck->inferring[i].scope == scope && !strcmp(ck->inferring[i].name, name))
			return false; // x = x + 1
	if (ck->inferring_count == DV_COUNT(ck->inferring))
		return false;
	ck->inferring[ck->inferring_count].scope = scope;
	ck->inferring[ck->inferring_count++].name = name;
	for (size_t i = 0; i < s->assigns.count && !v->type; i++) {
		const struct dv_assign *a = &s->assigns.data[i];

		if (a->scope != scope || strcmp(a->name, name))
			continue;
		v->type = infer(ck, a);
		v->is_array = a->node->kids[0]->kind == DV_NODE_INDEX;
		v->loc = a->node->kids[0]->loc;
		// Its keys are fixed by its first use that is checked: dv_var_keys().
		v->key_count = 0;
	}
	ck->inferring_count--;
	return v->type != NULL;
}

struct dv_var *dv_var_get(struct dv_check *ck, enum dv_var_scope scope, const char *name, struct dv_loc loc,
			  bool *failed)
{
	struct dv_script *s = ck->script;
	struct dv_var *v = find(s, scope, name), made = {.scope = scope, .loc = loc};
	const struct dv_vdecl *d;

	*failed = false;
	if (v)
		return v;
	d = dv_script_decl(s, scope, name);
	if (d) {
		made.loc = d->loc;
		if (!from_decl(ck, d, &made)) {
			*failed = true;
			return NULL;
		}
	} else {
		if (!dv_script_assigns(s, scope, name))
			return NULL;
		if (!from_assign(ck, scope, name, &made)) {
			*failed = true;
			// After another error, that is likely what kept the assignment from being typed.
			if (s->told.count && !ck->quiet)
				ck->failed = true;
			else
				DV_ERR_AT(ck, loc, "D_VAR_UNDEF",
					  "type of '%s%s' is not known here, before its first assignment: declare it "
					  "above the clauses",
					  prefix(scope), name);
			return NULL;
		}
		// Inferring may have made it on the way.
		v = find(s, scope, name);
		if (v)
			return v;
	}
	if (made.is_array && scope == DV_SCOPE_THIS) {
		DV_ERR_AT(ck, loc, "D_ARR_LOCAL", "associative array 'this->%s' may not be clause-local", name);
		*failed = true;
		return NULL;
	}
	if (s->vars.count >= DV_VARS_MAX) {
		DV_ERR_AT(ck, loc, "D_VAR_LIMIT", "more than %u variables", DV_VARS_MAX);
		*failed = true;
		return NULL;
	}
	made.name = dv_arena_strdup(&s->arena, name);
	if (!place(ck, &made)) {
		*failed = true;
		return NULL;
	}
	v = dv_arena_alloc(&s->arena, sizeof(*v));
	*v = made;
	*DV_PUSH(&s->vars) = v;
	return v;
}

struct dv_var *dv_var_hidden(struct dv_check *ck, const struct dv_type *t, struct dv_loc loc)
{
	struct dv_script *s = ck->script;
	char name[48];
	struct dv_var *v;

	// One for each place in the text: machines share it, one after another.
	snprintf(name, sizeof(name), "(%u:%u:%u)", loc.src, loc.line, loc.col);
	v = find(s, DV_SCOPE_THIS, name);
	if (v && v->size == dv_type_complete(t)->size)
		return v;
	v = dv_arena_alloc(&s->arena, sizeof(*v));
	*v = (struct dv_var){.name = dv_arena_strdup(&s->arena, name), .scope = DV_SCOPE_THIS, .type = t, .loc = loc};
	if (!place(ck, v))
		return NULL;
	*DV_PUSH(&s->vars) = v;
	return v;
}

// A key: an integer, a pointer or a STRING.
struct dv_node *dv_check_key(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *k = dv_check_value(ck, n);

	if (k && dv_type_is_string(k->type))
		k = dv_to_string(ck, k);
	return k;
}

// An aggregation's may be a stack, too.
struct dv_node *dv_check_agg_key(struct dv_check *ck, const struct dv_node *n)
{
	return dv_is_stack_call(n) ? dv_check_stack(ck, n) : dv_check_key(ck, n);
}

// Check the keys index->kids[1..] against the array's signature, which its first use fixes.
bool dv_var_keys(struct dv_check *ck, struct dv_var *v, struct dv_node *elem, const struct dv_node *index)
{
	uint32_t count = index->kid_count - 1;
	bool ok = true;

	if (count > DV_KEYS_MAX) {
		DV_ERR_AT(ck, index->op_loc, "D_PROTO_LEN", "more than %u keys", DV_KEYS_MAX);
		return false;
	}
	dv_check_kids(ck, elem, count);
	for (uint32_t i = 0; i < count; i++) {
		elem->kids[i] = dv_check_key(ck, index->kids[i + 1]);
		ok &= elem->kids[i] != NULL;
	}
	if (!ok)
		return false;
	if (!v->key_count && !ck->quiet) {
		v->key_count = count;
		for (uint32_t i = 0; i < count; i++)
			v->key_is_string[i] = elem->kids[i]->type->kind == DV_TYPE_STRING;
	}
	if (!v->key_count)
		return true;
	if (v->key_count != count) {
		DV_ERR_AT(ck, index->op_loc, "D_PROTO_LEN", "%s%s[ ] prototype mismatch: %u key%s passed, %u expected",
			  prefix(v->scope), v->name, count, count == 1 ? "" : "s", v->key_count);
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		bool str = elem->kids[i]->type->kind == DV_TYPE_STRING;

		if (str == v->key_is_string[i])
			continue;
		if (v->key_is_string[i] && dv_is_strcompat(elem->kids[i]->type)) {
			elem->kids[i] = dv_to_string(ck, elem->kids[i]);
			continue;
		}
		DV_ERR_AT(ck, elem->kids[i]->loc, "D_PROTO_ARG",
			  "%s%s[ ] key #%u is incompatible with prototype: prototype %s, key %s", prefix(v->scope),
			  v->name, i + 1, v->key_is_string[i] ? "string" : "integer",
			  dv_tname(ck, elem->kids[i]->type));
		ok = false;
	}
	return ok;
}

struct dv_agg *dv_agg_get(struct dv_check *ck, const char *name, struct dv_loc loc)
{
	struct dv_script *s = ck->script;
	struct dv_agg *a;

	for (size_t i = 0; i < s->aggs.count; i++)
		if (!strcmp(s->aggs.data[i]->name, name))
			return s->aggs.data[i];
	if (s->aggs.count >= DV_AGGS_MAX) {
		DV_ERR_AT(ck, loc, "D_AGG_LIMIT", "more than %u aggregations", DV_AGGS_MAX);
		return NULL;
	}
	a = dv_arena_alloc(&s->arena, sizeof(*a));
	a->name = dv_arena_strdup(&s->arena, name);
	a->id = (uint32_t)s->aggs.count;
	a->loc = loc;
	*DV_PUSH(&s->aggs) = a;
	return a;
}
