/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inlines: `inline T name = e;` and `inline T name[P p, Q q] = e;`. Their text is checked anew at each use, with the
 * typed arguments standing for the parameters; so an argument that is used twice is evaluated twice. Within the text
 * no other parameters are known than its own, whoever uses it.
 */
#include "lang/impl.h"

#include <string.h>

struct dv_node *dv_check_bound(struct dv_check *ck, const struct dv_node *n)
{
	for (uint32_t i = 0; i < ck->bind_count; i++)
		if (!strcmp(ck->binds[i].name, n->str)) {
			struct dv_node *c = dv_arena_alloc(ck->arena, sizeof(*c));

			*c = *ck->binds[i].node;
			c->loc = n->loc;
			return c;
		}
	return NULL;
}

struct dv_node *dv_check_body(struct dv_check *ck, const struct dv_node *n, const struct dv_bind *binds,
			      uint32_t count)
{
	const struct dv_bind *old = ck->binds;
	uint32_t old_count = ck->bind_count;
	struct dv_node *v;

	if (ck->inline_depth >= 16)
		return DV_ERR_AT(ck, n->loc, "D_SYNTAX", "inlines or translators are nested too deeply, or one uses itself");
	ck->inline_depth++;
	ck->binds = binds;
	ck->bind_count = count;
	v = dv_check_expr(ck, n);
	ck->binds = old;
	ck->bind_count = old_count;
	ck->inline_depth--;
	return v;
}

static struct dv_node *incompatible(struct dv_check *ck, struct dv_loc loc, const struct dv_vdecl *d,
				    const char *what, const struct dv_type *got, const struct dv_type *want)
{
	return DV_ERR_AT(ck, loc, "D_OP_INCOMPAT", "inline '%s': %s of type %s is incompatible with %s", d->name, what,
			 dv_tname(ck, got), dv_tname(ck, want));
}

// A value as type @p t; NULL when it cannot be one (nothing is told).
static struct dv_node *as_type(struct dv_check *ck, struct dv_node *v, const struct dv_type *t)
{
	const struct dv_type *r = dv_type_resolve(t);

	if (r->kind == DV_TYPE_STRUCT || r->kind == DV_TYPE_UNION)
		return dv_type_equal(v->type, t) ? v : NULL;
	if (r->kind == DV_TYPE_STRING)
		return dv_is_strcompat(v->type) ? dv_to_string(ck, v) : NULL;
	v = dv_decay(ck, v);
	// What is translated stays so: its pointer is none that a cast could name.
	if (dv_is_xlated(v->type))
		return r->kind == DV_TYPE_PTR && dv_ptr_compat(r->ref, dv_type_resolve(v->type)->ref) ? v : NULL;
	if (!dv_type_is_scalar(t) || !dv_type_is_scalar(v->type) || dv_type_is_string(v->type) ||
	    (dv_is_ptr(v->type) != dv_is_ptr(t) && !dv_is_zero(v)))
		return NULL;
	if (dv_is_ptr(t) && dv_is_ptr(v->type) && dv_type_resolve(v->type)->is_user && !r->is_user)
		t = dv_type_user_ptr(r->ref);
	return dv_cast(ck, v, t);
}

static bool arguments(struct dv_check *ck, const struct dv_node *at, const struct dv_vdecl *d,
		      struct dv_node *const *args, uint32_t count, struct dv_bind *binds)
{
	const struct dv_decl *f = d->decl;

	if (f->kind != DV_D_ASSOC) {
		DV_ERR_AT(ck, at->loc, "D_ARR_BADREF", "inline '%s' has no parameters", d->name);
		return false;
	}
	if (count != f->key_count) {
		DV_ERR_AT(ck, at->loc, count ? "D_PROTO_LEN" : "D_ARR_BADREF",
			  "inline '%s' takes %u parameter%s, not %u: write %s[...]", d->name, f->key_count,
			  f->key_count == 1 ? "" : "s", count, d->name);
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct dv_type *t = dv_decl_type(ck, f->keys[i], false);
		struct dv_node *v = t ? dv_check_value(ck, args[i]) : NULL;

		if (!v)
			return false;
		binds[i].name = f->key_names[i];
		binds[i].node = as_type(ck, v, t);
		if (!binds[i].node) {
			DV_ERR_AT(ck, args[i]->loc, "D_PROTO_ARG",
				  "inline '%s' argument #%u is incompatible: parameter %s, argument %s", d->name, i + 1,
				  dv_tname(ck, t), dv_tname(ck, v->type));
			return false;
		}
	}
	return true;
}

struct dv_node *dv_check_inline(struct dv_check *ck, const struct dv_node *at, const struct dv_vdecl *d,
				struct dv_node *const *args, uint32_t count)
{
	struct dv_bind binds[DV_KEYS_MAX];
	const struct dv_type *t;
	struct dv_node *v, *c;

	if (d->decl->kind == DV_D_ASSOC && d->decl->key_count > DV_KEYS_MAX)
		return DV_ERR_AT(ck, d->loc, "D_PROTO_LEN", "inline '%s' has more than %u parameters", d->name, DV_KEYS_MAX);
	if ((count || d->decl->kind == DV_D_ASSOC) && !arguments(ck, at, d, args, count, binds))
		return NULL;
	t = dv_decl_type(ck, d->decl->kind == DV_D_ASSOC ? d->decl->ref : d->decl, false);
	v = t ? dv_check_body(ck, d->value, binds, count) : NULL;
	if (!v)
		return NULL;
	c = as_type(ck, v, t);
	return c ? c : incompatible(ck, d->loc, d, "definition", v->type, t);
}
