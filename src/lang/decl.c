/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types as written to types: D's own, and those of the kernel that a clause is checked for. */
#include "lang/impl.h"

#include <string.h>

static const struct dv_type *find(struct dv_universe *u, enum dv_type_kind kind, const char *name, const char *module)
{
	return u->ops && u->ops->find ? u->ops->find(u->ctx, kind, name, module) : NULL;
}

static const char *where(const struct dv_check *ck)
{
	return ck->env->machine_name ? ck->env->machine_name : "this machine";
}

static const struct dv_type *unknown(struct dv_check *ck, const struct dv_decl *d, const char *tag)
{
	struct dv_universe *u = ck->env->types;

	if (ck->lenient)
		return NULL;
	if (!u->ops)
		DV_ERR_AT(ck, d->loc, "D_TYPE_ERR", "type '%s%s' is not known: there are no kernel types on %s", tag,
			  d->name, where(ck));
	else
		DV_ERR_AT(ck, d->loc, "D_TYPE_ERR", "type '%s%s' is not known%s%s on %s (kernel %s)", tag, d->name,
			  d->module ? " in module " : "", d->module ? d->module : "", where(ck), u->name);
	return NULL;
}

// A library means the kernel's types. What the script declares under such a name is the script's own affair, unless a
// library declares that name too: then the script's comes in its place.
static bool hidden(const struct dv_check *ck, const struct dv_decl *d, const struct dv_lib *declared_by)
{
	return d->lib && !declared_by && !dv_names_find(&ck->script->names, DV_NAME_LIB, d->name);
}

static const struct dv_type *named(struct dv_check *ck, const struct dv_decl *d)
{
	const struct dv_type *base = d->module ? NULL : dv_type_base_by_name(d->name), *t;
	struct dv_tdef *own;

	// C's own words cannot be anything else. Then the script's typedefs; then the kernel's, before D's of that name.
	if (base && base->kind != DV_TYPE_TYPEDEF)
		return base;
	own = d->module ? NULL : dv_script_typedef(ck->script, d->name);
	if (own && !hidden(ck, d, own->lib))
		return dv_build_typedef(ck, own);
	t = find(ck->env->types, DV_TYPE_TYPEDEF, d->name, d->module);
	return t ? t : base ? base : unknown(ck, d, "");
}

static const struct dv_type *tagged(struct dv_check *ck, struct dv_decl *d, bool forward)
{
	static const struct {
		enum dv_type_kind kind;
		const char *word;
		enum dv_name_kind name;
	} kinds[] = {[DV_D_STRUCT] = {DV_TYPE_STRUCT, "struct ", DV_NAME_STRUCT},
		     [DV_D_UNION] = {DV_TYPE_UNION, "union ", DV_NAME_UNION},
		     [DV_D_ENUM] = {DV_TYPE_ENUM, "enum ", DV_NAME_ENUM}};
	struct dv_decl *own = d->body ? d : d->module ? NULL : dv_script_tag(ck->script, kinds[d->kind].name, d->name);
	const struct dv_type *t;

	if (own && (own == d || !hidden(ck, d, own->lib)))
		return dv_build_tag(ck, own);
	t = d->name ? find(ck->env->types, kinds[d->kind].kind, d->name, d->module) : NULL;
	if (t || !d->name)
		return t ? t
			 : unknown(ck, &(struct dv_decl){.name = "<anonymous>", .loc = d->loc}, kinds[d->kind].word);
	if (forward && d->kind != DV_D_ENUM)
		return dv_type_new(ck->script->fwd, DV_TYPE_FWD, d->name, 0);
	return unknown(ck, d, kinds[d->kind].word);
}

static const struct dv_type *array(struct dv_check *ck, const struct dv_decl *d)
{
	const struct dv_type *t = dv_decl_type(ck, d->ref, false);
	struct dv_node *dim = d->dim ? dv_check_expr(ck, d->dim) : NULL;

	if (!t || (d->dim && !dim))
		return NULL;
	if (!d->dim) {
		DV_ERR_AT(ck, d->loc, "D_DECL_ARRNULL", "an array needs a dimension here");
		return NULL;
	}
	if (dim->kind != DV_NODE_INT || !dv_type_is_integer(dim->type) || (int64_t)dim->ival <= 0) {
		DV_ERR_AT(ck, d->loc, "D_DECL_ARRSUB", "dimension of an array must be a positive integer constant");
		return NULL;
	}
	if (dv_type_resolve(t)->kind == DV_TYPE_STRING)
		t = dv_sized_string(ck);
	if (!dv_type_complete(t)->size) {
		DV_ERR_AT(ck, d->loc, dv_type_resolve(t)->kind == DV_TYPE_VOID ? "D_DECL_ARRVOID" : "D_DECL_INCOMPLETE",
			  "an array may not be of %s, whose size is not known", dv_tname(ck, t));
		return NULL;
	}
	if (dim->ival > UINT32_MAX / 2 || dim->ival * dv_type_complete(t)->size > UINT32_MAX / 16) {
		DV_ERR_AT(ck, d->loc, "D_DECL_ARRBIG", "array of %llu elements is too large", (unsigned long long)dim->ival);
		return NULL;
	}
	return dv_type_array(t, (uint32_t)dim->ival);
}

static const struct dv_type *function(struct dv_check *ck, const struct dv_decl *d)
{
	const struct dv_type *ret = dv_decl_type(ck, d->ref, true);
	struct dv_member *params;
	struct dv_type *t;

	if (!ret)
		return NULL;
	params = dv_arena_alloc(&ck->script->fwd->arena, (d->key_count + 1) * sizeof(*params));
	for (uint32_t i = 0; i < d->key_count; i++) {
		params[i].name = d->key_names[i];
		params[i].type = dv_decl_type(ck, d->keys[i], true);
		if (!params[i].type)
			return NULL;
	}
	t = dv_type_new(ck->script->fwd, DV_TYPE_FUNC, NULL, 0);
	t->ref = ret;
	t->members = params;
	t->count = d->key_count;
	t->varargs = d->varargs;
	return t;
}

static const struct dv_type *decl_type(struct dv_check *ck, const struct dv_decl *d, bool forward)
{
	const struct dv_type *t;

	switch (d->kind) {
	case DV_D_NAME:
		return named(ck, d);
	case DV_D_STRUCT:
	case DV_D_UNION:
	case DV_D_ENUM:
		return tagged(ck, (struct dv_decl *)d, forward);
	case DV_D_PTR:
		t = dv_decl_type(ck, d->ref, forward);
		return !t ? NULL : d->user ? dv_type_user_ptr(t) : dv_type_ptr(t);
	case DV_D_ARRAY:
		return array(ck, d);
	case DV_D_FUNC:
		return function(ck, d);
	case DV_D_ASSOC:
		DV_ERR_AT(ck, d->loc, "D_DECL_PROTO_TYPE", "an associative array's type may not stand here");
		return NULL;
	}
	return NULL;
}

const struct dv_type *dv_decl_type(struct dv_check *ck, const struct dv_decl *d, bool forward)
{
	const struct dv_type *t;

	if (ck->decl_depth >= 64) {
		DV_ERR_AT(ck, d->loc, "D_SYNTAX", "type is nested too deeply");
		return NULL;
	}
	ck->decl_depth++;
	t = decl_type(ck, d, forward);
	ck->decl_depth--;
	return t;
}

// What is not there becomes a bare name: the pointer can be kept and compared, but not followed.
static const struct dv_type *retarget(struct dv_check *ck, const struct dv_type *t, int depth)
{
	struct dv_universe *u = ck->env->types;
	struct dv_script *s = ck->script;
	const struct dv_type *to = NULL;

	if (t->xlator) {
		to = dv_xlate_retarget(ck, t);
		return to ? to : t;
	}
	if (t->decl && depth <= 16) {
		to = t->kind == DV_TYPE_TYPEDEF ? dv_build_typedef(ck, (struct dv_tdef *)t->decl)
						: dv_build_tag(ck, (struct dv_decl *)t->decl);
		return to ? to : t;
	}
	if (depth > 16 || !t->universe || t->universe == u || t->universe == dv_universe_base())
		return t;
	switch (t->kind) {
	case DV_TYPE_PTR:
		to = retarget(ck, t->ref, depth + 1);
		return to == t->ref ? t : t->is_user ? dv_type_user_ptr(to) : dv_type_ptr(to);
	case DV_TYPE_ARRAY:
		to = retarget(ck, t->ref, depth + 1);
		return to == t->ref ? t : dv_type_array(to, t->count);
	case DV_TYPE_STRUCT:
	case DV_TYPE_UNION:
	case DV_TYPE_ENUM:
	case DV_TYPE_TYPEDEF:
		to = t->name ? find(u, t->kind, t->name, NULL) : NULL;
		if (!to && (t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION))
			to = dv_type_new(s->fwd, DV_TYPE_FWD, t->name ? t->name : "<anonymous>", 0);
		return to ? to : t;
	case DV_TYPE_FWD:
		to = find(u, DV_TYPE_STRUCT, t->name, NULL);
		if (!to)
			to = find(u, DV_TYPE_UNION, t->name, NULL);
		return to ? to : t;
	default:
		return t;
	}
}

const struct dv_type *dv_retarget(struct dv_check *ck, const struct dv_type *t)
{
	return retarget(ck, t, 0);
}
