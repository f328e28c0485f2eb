/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translators: `translator Out < In p > { member = e; ... };` says how a structure Out, which is not in any memory, is
 * made from something that is. A translated value is never made as a whole when one of its members is all that is
 * wanted: `xlate <psinfo_t *>(t)->pr_pid` becomes the member's expression with t for its input.
 *
 * So a translated pointer *is* the translator's input, with a type of its own: a pointer to Out, marked with the
 * translator. It can be kept in variables, compared, passed through ?: and inlines, and its machine goes with it like any
 * pointer's; only `->` looks at the mark. Assigned as a whole to a structure variable it becomes a list of assignments,
 * one for each member that the translator defines.
 */
#include "lang/impl.h"

#include <string.h>

static const char *out_name(const struct dv_type *t)
{
	return t->name ? t->name : "";
}

static bool is_sou(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	return t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION;
}

bool dv_is_xlated_value(const struct dv_node *n)
{
	return n->kind == DV_NODE_DEREF && dv_is_xlated(n->kids[0]->type);
}

// The type of a translated pointer, made once for each kernel's types.
static const struct dv_type *pointer_type(struct dv_check *ck, struct dv_xlator *x, const struct dv_type *out)
{
	struct dv_built **slot = dv_built_find(ck, &x->built), *b = *slot;

	if (!b) {
		b = *slot = dv_arena_alloc(&ck->script->arena, sizeof(*b));
		b->of = ck->env->types;
		b->type = dv_type_new(ck->script->fwd, DV_TYPE_PTR, NULL, 8);
		b->type->ref = out;
		b->type->xlator = x;
	}
	return b->type;
}

static const struct dv_type *quiet_type(struct dv_check *ck, const struct dv_decl *d)
{
	const struct dv_type *t;

	ck->quiet++;
	t = dv_decl_type(ck, d, false);
	ck->quiet--;
	return t;
}

// How well an input of type @p got suits a translator from @p want: 2 the same, 1 it can be passed, 0 not.
static int suits(const struct dv_type *want, const struct dv_type *got)
{
	const struct dv_type *w = dv_type_resolve(want), *g = dv_type_resolve(got);

	if (dv_type_equal(w, g))
		return 2;
	if (w->kind == DV_TYPE_PTR && g->kind == DV_TYPE_PTR && !w->xlator && !g->xlator)
		return dv_type_resolve(w->ref)->kind != DV_TYPE_VOID && dv_type_resolve(g->ref)->kind != DV_TYPE_VOID &&
		       dv_ptr_compat(w->ref, g->ref);
	return dv_type_is_integer(w) && dv_type_is_integer(g);
}

static struct dv_xlator *find_xlator(struct dv_check *ck, const struct dv_type *out, const struct dv_type *in)
{
	struct dv_script *s = ck->script;
	struct dv_xlator *best = NULL;
	int best_suits = 0;

	dv_script_need_xlators(s, out_name(out));
	if (out->kind == DV_TYPE_TYPEDEF && out->ref && out->ref->name)
		dv_script_need_xlators(s, out->ref->name);
	for (size_t i = 0; i < s->xlators.count; i++) {
		struct dv_xlator *x = s->xlators.data[i];
		const struct dv_type *xo = quiet_type(ck, x->out), *xi;
		int k;

		if (!xo || !dv_type_equal(xo, out))
			continue;
		xi = quiet_type(ck, x->in);
		k = xi ? suits(xi, in) : 0;
		// Of those that suit alike the script's comes first: it was parsed before any library.
		if (k > best_suits) {
			best = x;
			best_suits = k;
		}
	}
	return best;
}

struct dv_node *dv_xlate(struct dv_check *ck, const struct dv_node *at, const struct dv_type *out, struct dv_node *in)
{
	const struct dv_type *r = dv_type_resolve(out), *to = r->kind == DV_TYPE_PTR ? r->ref : out;
	struct dv_xlator *x;
	struct dv_node *c;

	if (!is_sou(to))
		return DV_ERR_AT(ck, at->loc, "D_XLATE_SOU", "cannot translate to %s: it is no structure or union",
				 dv_tname(ck, out));
	in = dv_decay(ck, in);
	if (dv_is_xlated(in->type) && dv_type_equal(dv_type_resolve(in->type)->ref, to)) {
		c = in; // it is one already
	} else {
		x = find_xlator(ck, to, in->type);
		if (!x)
			return DV_ERR_AT(ck, at->loc, "D_XLATE_NONE", "cannot translate from %s to %s: there is no such translator",
					 dv_tname(ck, in->type), dv_tname(ck, out));
		if (!dv_type_is_scalar(in->type))
			return DV_ERR_AT(ck, at->loc, "D_NOT_YET", "translators of structures by value are not supported yet");
		c = dv_check_copy(ck, at, DV_NODE_CAST, pointer_type(ck, x, to));
		dv_check_kids(ck, c, 1);
		c->kids[0] = in;
	}
	return r->kind == DV_TYPE_PTR ? c : dv_check_deref(ck, at, c);
}

struct dv_node *dv_check_xlate(struct dv_check *ck, const struct dv_node *n)
{
	const struct dv_type *out = dv_decl_type(ck, n->decl, false);
	struct dv_node *in = out ? dv_check_value(ck, n->kids[0]) : NULL;

	return in ? dv_xlate(ck, n, out, in) : NULL;
}

const struct dv_type *dv_xlate_retarget(struct dv_check *ck, const struct dv_type *t)
{
	struct dv_xlator *x = (struct dv_xlator *)t->xlator;
	const struct dv_type *out = quiet_type(ck, x->out), *in = quiet_type(ck, x->in);

	return out && in ? pointer_type(ck, x, out) : NULL;
}

/* -- members --------------------------------------------------------------------------------------------------- */

static struct dv_node *incompatible(struct dv_check *ck, const struct dv_edecl *m, const struct dv_type *want,
				    const struct dv_type *got)
{
	return DV_ERR_AT(ck, m->loc, "D_XLATE_INCOMPAT",
			 "translator member '%s' definition uses incompatible types: %s = %s", m->name, dv_tname(ck, want),
			 dv_tname(ck, got));
}

// The member's definition as a value of the member's type.
static struct dv_node *convert(struct dv_check *ck, const struct dv_edecl *m, const struct dv_member *to,
			       struct dv_node *v)
{
	const struct dv_type *t = dv_type_resolve(to->type), *from = dv_type_resolve(v->type);

	if (dv_type_is_string(t)) {
		if (!dv_is_strcompat(v->type) && !dv_is_ptr(v->type))
			return incompatible(ck, m, to->type, v->type);
		return dv_to_string(ck, v);
	}
	if (is_sou(t) || t->kind == DV_TYPE_ARRAY)
		return dv_type_equal(t, from) ? v : incompatible(ck, m, to->type, v->type);
	v = dv_decay(ck, v);
	from = dv_type_resolve(v->type);
	if (from->xlator)
		return t->kind == DV_TYPE_PTR && dv_ptr_compat(t->ref, from->ref) ? v
										   : incompatible(ck, m, to->type, v->type);
	if (!dv_type_is_scalar(t) || !dv_type_is_scalar(from) || dv_type_is_string(from) ||
	    (from->kind == DV_TYPE_INT && from->size > 8))
		return incompatible(ck, m, to->type, v->type);
	if (t->kind == DV_TYPE_PTR && from->kind == DV_TYPE_PTR && from->is_user)
		return dv_cast(ck, v, dv_type_user_ptr(t->ref));
	return dv_cast(ck, v, to->type);
}

static struct dv_node *member(struct dv_check *ck, const struct dv_xlator *x, const struct dv_edecl *m,
			      const struct dv_member *to, struct dv_node *ptr)
{
	const struct dv_type *in = dv_decl_type(ck, x->in, false);
	struct dv_bind bind = {.name = x->name};
	struct dv_node *v;

	if (!in)
		return NULL;
	bind.node = dv_check_copy(ck, ptr, DV_NODE_CAST, in);
	dv_check_kids(ck, bind.node, 1);
	bind.node->kids[0] = ptr;
	if (ptr->kind == DV_NODE_CAST && ptr->type->xlator == x) // straight from xlate: its input itself
		bind.node = dv_cast(ck, ptr->kids[0], in);
	v = dv_check_body(ck, m->value, &bind, 1);
	return v ? convert(ck, m, to, v) : NULL;
}

static const struct dv_edecl *definition(const struct dv_xlator *x, const char *name)
{
	for (uint32_t i = 0; i < x->count; i++)
		if (!strcmp(x->members[i].name, name))
			return &x->members[i];
	return NULL;
}

struct dv_node *dv_xlate_member(struct dv_check *ck, const struct dv_node *n, struct dv_node *ptr)
{
	const struct dv_type *t = dv_type_resolve(ptr->type);
	const struct dv_xlator *x = t->xlator;
	const struct dv_edecl *m;
	const struct dv_member *to;
	struct dv_node *v;
	uint64_t off;

	to = dv_find_member(ck, t->ref, n->str, n->op_loc, &off);
	if (!to)
		return NULL;
	m = definition(x, n->str);
	if (!m)
		return DV_ERR_AT(ck, n->op_loc, "D_XLATE_NOCONV", "translator to %s does not define member '%s'",
				 dv_tname(ck, t->ref), n->str);
	v = member(ck, x, m, to, ptr);
	if (v && v->kind != DV_NODE_INT && v->kind != DV_NODE_STR)
		v->loc = n->loc;
	return v;
}

void dv_check_xlator(struct dv_check *ck, struct dv_xlator *x)
{
	const struct dv_type *out = dv_decl_type(ck, x->out, false), *r = out ? dv_type_complete(out) : NULL;

	if (out && !is_sou(out) && r->kind != DV_TYPE_FWD)
		DV_ERR_AT(ck, x->loc, "D_XLATE_SOU", "cannot translate to %s: it is no structure or union", dv_tname(ck, out));
	for (uint32_t i = 0; out && is_sou(out) && i < x->count; i++)
		if (!dv_type_member(out, x->members[i].name, NULL))
			DV_ERR_AT(ck, x->members[i].loc, "D_XLATE_MEMB", "translator member '%s' is not a member of %s",
				  x->members[i].name, dv_tname(ck, out));
	dv_decl_type(ck, x->in, true);
}

/* -- the whole ------------------------------------------------------------------------------------------------- */

static struct dv_node *op(struct dv_check *ck, const struct dv_node *at, enum dv_node_kind kind, enum dv_op op,
			  const struct dv_type *t, struct dv_node *a, struct dv_node *b)
{
	struct dv_node *n = dv_check_copy(ck, at, kind, t);

	n->op = op;
	dv_check_kids(ck, n, 2);
	n->kids[0] = a;
	n->kids[1] = b;
	return n;
}

static struct dv_node *then(struct dv_check *ck, const struct dv_node *at, struct dv_node *a, struct dv_node *b)
{
	return op(ck, at, DV_NODE_BINARY, DV_OP_COMMA, b->type, a, b);
}

struct dv_node *dv_xlate_assign(struct dv_check *ck, const struct dv_node *at, struct dv_node *to, struct dv_node *v)
{
	struct dv_node *ptr = v->kids[0], *all;
	const struct dv_type *t = dv_type_resolve(ptr->type), *out = t->ref;
	const struct dv_xlator *x = t->xlator;

	if (ck->depth > DV_TYPED_MAX - 40)
		return DV_ERR_AT(ck, at->loc, "D_SYNTAX", "translators are nested too deeply");
	// What the translator does not define is zero.
	all = op(ck, at, DV_NODE_ASSIGN, DV_OP_NONE, to->type, to, dv_int_node(ck, at, 0, dv_type_int(8, true)));
	for (uint32_t i = 0; i < x->count; i++) {
		uint64_t off = 0;
		const struct dv_member *m = dv_find_member(ck, out, x->members[i].name, x->members[i].loc, &off);
		struct dv_node *value, *dst;

		if (!m)
			return NULL;
		value = member(ck, x, &x->members[i], m, ptr);
		if (!value)
			return NULL;
		if (ck->nodes++ >= DV_NODES_MAX)
			return DV_ERR_AT(ck, at->loc, "D_SYNTAX", "clause is too large");
		dst = dv_check_copy(ck, at, DV_NODE_MEMBER, m->type);
		dv_check_kids(ck, dst, 1);
		dst->kids[0] = to;
		dst->str = m->name;
		dst->bit_off = (uint32_t)off;
		dst->bit_size = m->bit_size;
		if (dv_is_xlated_value(value)) {
			ck->depth += 40;
			value = dv_xlate_assign(ck, at, dst, value);
			ck->depth -= 40;
			if (!value)
				return NULL;
		} else {
			value = op(ck, at, DV_NODE_ASSIGN, DV_OP_NONE, m->type, dst, value);
		}
		all = then(ck, at, all, value);
	}
	return all;
}

struct dv_node *dv_xlate_whole(struct dv_check *ck, const struct dv_node *at, struct dv_node *v)
{
	struct dv_var *var = dv_var_hidden(ck, dv_type_resolve(v->type), at->loc);
	struct dv_node *to, *all;

	if (!var)
		return NULL;
	to = dv_check_copy(ck, at, DV_NODE_VAR, v->type);
	to->var = var;
	to->scope = DV_SCOPE_THIS;
	all = dv_xlate_assign(ck, at, to, v);
	return all ? then(ck, at, all, to) : NULL;
}

/* -- args[] ---------------------------------------------------------------------------------------------------- */

const void *dv_script_args_declared(struct dv_script *s, const char *provider, const char *name)
{
	const struct dv_pdecl *p = provider && name ? dv_script_provider(s, provider) : NULL;

	for (uint32_t i = 0; p && i < p->count; i++)
		if (!strcmp(p->probes[i].name, name))
			return &p->probes[i];
	return NULL;
}

bool dv_check_xargs(struct dv_check *ck, const struct dv_node *n, uint32_t i, struct dv_node **ret)
{
	const struct dv_pprobe *p = dv_script_args_declared(ck->script, ck->env->provider, ck->env->name);
	const struct dv_decl *shown;
	const struct dv_type *native, *out;
	uint32_t from = i;
	struct dv_node *c;

	if (!p)
		return false;
	*ret = NULL;
	shown = p->xargs ? p->xargs : p->args;
	if (i >= shown->key_count) {
		DV_ERR_AT(ck, n->loc, "D_ARGS_IDX", "index %u is out of range for the args[ ] of %s, which has %u", i,
			  ck->env->probe ? ck->env->probe : "this probe", shown->key_count);
		return true;
	}
	for (uint32_t k = 0; p->xargs && shown->key_names[i] && k < p->args->key_count; k++)
		if (p->args->key_names[k] && !strcmp(p->args->key_names[k], shown->key_names[i]))
			from = k;
	if (from >= p->args->key_count) {
		DV_ERR_AT(ck, n->loc, "D_ARGS_IDX", "args[%u] of this probe is made from argument %u, which is not declared",
			  i, from);
		return true;
	}
	native = dv_decl_type(ck, p->args->keys[from], true);
	out = dv_decl_type(ck, shown->keys[i], true);
	if (!native || !out)
		return true;
	c = dv_native_arg(ck, n, from, native);
	if (!c)
		return true;
	if (!dv_type_is_scalar(native) || dv_type_is_string(native)) {
		DV_ERR_AT(ck, n->loc, "D_ARGS_TYPE", "args[%u] is declared as %s, which is no argument's type", i,
			  dv_tname(ck, native));
		return true;
	}
	if (dv_type_equal(native, out))
		*ret = c;
	else if (dv_is_ptr(out) && is_sou(dv_type_resolve(out)->ref))
		*ret = dv_xlate(ck, n, out, c);
	else if (dv_type_resolve(out)->kind == DV_TYPE_STRING)
		*ret = dv_to_string(ck, c);
	else
		*ret = dv_cast(ck, c, out);
	return true;
}
