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

	if (!u->ops)
		DV_ERR_AT(ck, d->loc, "D_TYPE_ERR", "type '%s%s' is not known: there are no kernel types on %s", tag,
			  d->name, where(ck));
	else
		DV_ERR_AT(ck, d->loc, "D_TYPE_ERR", "type '%s%s' is not known%s%s on %s (kernel %s)", tag, d->name,
			  d->module ? " in module " : "", d->module ? d->module : "", where(ck), u->name);
	return NULL;
}

static const struct dv_type *named(struct dv_check *ck, const struct dv_decl *d)
{
	const struct dv_type *base = d->module ? NULL : dv_type_base_by_name(d->name), *t;

	// C's own words cannot be anything else; a typedef of the kernel comes before D's of the same name.
	if (base && base->kind != DV_TYPE_TYPEDEF)
		return base;
	t = find(ck->env->types, DV_TYPE_TYPEDEF, d->name, d->module);
	return t ? t : base ? base : unknown(ck, d, "");
}

static const struct dv_type *tagged(struct dv_check *ck, const struct dv_decl *d, bool forward)
{
	static const struct {
		enum dv_type_kind kind;
		const char *word;
	} kinds[] = {[DV_D_STRUCT] = {DV_TYPE_STRUCT, "struct "},
		     [DV_D_UNION] = {DV_TYPE_UNION, "union "},
		     [DV_D_ENUM] = {DV_TYPE_ENUM, "enum "}};
	const struct dv_type *t = d->name ? find(ck->env->types, kinds[d->kind].kind, d->name, d->module) : NULL;

	if (t || !d->name)
		return t ? t
			 : unknown(ck, &(struct dv_decl){.name = "<anonymous>", .loc = d->loc}, kinds[d->kind].word);
	if (forward && d->kind != DV_D_ENUM)
		return dv_type_new(ck->script->fwd, DV_TYPE_FWD, d->name, 0);
	return unknown(ck, d, kinds[d->kind].word);
}

const struct dv_type *dv_decl_type(struct dv_check *ck, const struct dv_decl *d, bool forward)
{
	const struct dv_type *t;

	switch (d->kind) {
	case DV_D_NAME:
		return named(ck, d);
	case DV_D_STRUCT:
	case DV_D_UNION:
	case DV_D_ENUM:
		return tagged(ck, d, forward);
	case DV_D_PTR:
		t = dv_decl_type(ck, d->ref, forward);
		return t ? dv_type_ptr(t) : NULL;
	case DV_D_ARRAY: {
		struct dv_node *dim = d->dim ? dv_check_expr(ck, d->dim) : NULL;

		t = dv_decl_type(ck, d->ref, false);
		if (!t || (d->dim && !dim))
			return NULL;
		if (!dim || dim->kind != DV_NODE_INT || dim->ival == 0 || dim->ival > UINT32_MAX) {
			DV_ERR_AT(ck, d->loc, "D_DECL_ARRSUB",
				  "dimension of an array must be a positive integer constant");
			return NULL;
		}
		return dv_type_array(t, (uint32_t)dim->ival);
	}
	case DV_D_FUNC:
		DV_ERR_AT(ck, d->loc, "D_NOT_YET", "types of functions are not supported yet");
		return NULL;
	case DV_D_ASSOC:
		DV_ERR_AT(ck, d->loc, "D_DECL_PROTO_TYPE", "an associative array's type may not stand here");
		return NULL;
	}
	return NULL;
}

// What is not there becomes a bare name: the pointer can be kept and compared, but not followed.
static const struct dv_type *retarget(struct dv_script *s, struct dv_universe *u, const struct dv_type *t, int depth)
{
	const struct dv_type *to = NULL;

	if (depth > 16 || !t->universe || t->universe == u || t->universe == dv_universe_base())
		return t;
	switch (t->kind) {
	case DV_TYPE_PTR:
		to = retarget(s, u, t->ref, depth + 1);
		return to == t->ref ? t : t->is_user ? dv_type_user_ptr(to) : dv_type_ptr(to);
	case DV_TYPE_ARRAY:
		to = retarget(s, u, t->ref, depth + 1);
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
	return retarget(ck->script, ck->env->types, t, 0);
}
