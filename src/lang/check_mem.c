/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies in memory: *, &, ->, ., sizeof, offsetof. */
#include "lang/impl.h"

#include <string.h>

static const char *machine(const struct dv_check *ck)
{
	return ck->env->machine_name ? ck->env->machine_name : "this machine";
}

// A pointer that lies in user space points there, too.
static void stay_in_user(struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type);

	if (t->kind == DV_TYPE_PTR && !t->is_user && dv_in_user(n))
		n->type = dv_type_user_ptr(t->ref);
}

struct dv_node *dv_check_deref(struct dv_check *ck, const struct dv_node *at, struct dv_node *ptr)
{
	const struct dv_type *t, *to;
	struct dv_node *c;

	if (dv_type_resolve(ptr->type)->kind == DV_TYPE_STRING) // its first character
		ptr = dv_cast(ck, ptr, dv_type_ptr(dv_type_char()));
	ptr = dv_decay(ck, ptr);
	t = dv_type_resolve(ptr->type);
	if (t->kind != DV_TYPE_PTR)
		return DV_ERR_AT(ck, at->op_loc, "D_DEREF_NONPTR", "cannot dereference a non-pointer type: %s",
				 dv_tname(ck, ptr->type));
	to = dv_type_resolve(t->ref);
	if (to->kind == DV_TYPE_VOID)
		return DV_ERR_AT(ck, at->op_loc, "D_DEREF_VOID", "cannot dereference a pointer to void: cast it first");
	if (to->kind == DV_TYPE_FUNC)
		return DV_ERR_AT(ck, at->op_loc, "D_DEREF_FUNC", "cannot dereference a pointer to a function");
	c = dv_check_copy(ck, at, DV_NODE_DEREF, t->ref);
	c->op = DV_OP_NONE;
	dv_check_kids(ck, c, 1);
	c->kids[0] = ptr;
	stay_in_user(c);
	return c;
}

// Members of anonymous structures count as the structure's own.
static void offer_members(struct dv_near *near, const struct dv_type *t, int depth, int *budget)
{
	t = dv_type_complete(t);
	if (depth > 8 || (t->kind != DV_TYPE_STRUCT && t->kind != DV_TYPE_UNION))
		return;
	for (uint32_t i = 0; i < t->count && --*budget > 0; i++) {
		if (t->members[i].name && t->members[i].name[0])
			dv_near_offer(near, t->members[i].name);
		else if (t->members[i].type)
			offer_members(near, t->members[i].type, depth + 1, budget);
	}
}

const struct dv_member *dv_find_member(struct dv_check *ck, const struct dv_type *type, const char *name,
				       struct dv_loc loc, uint64_t *off)
{
	const struct dv_type *t = dv_type_complete(type);
	const struct dv_member *m;
	struct dv_near near;
	int budget = 4096;
	char hint[96];

	if (t->kind == DV_TYPE_FWD ||
	    ((t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION) && !t->size && !t->count)) {
		DV_ERR_AT(ck, loc, "D_OP_INCOMPLETE", "members of %s are not known on %s", dv_tname(ck, type),
			  machine(ck));
		return NULL;
	}
	m = dv_type_member(t, name, off);
	if (!m) {
		dv_near_init(&near, name);
		offer_members(&near, t, 0, &budget);
		dv_check_error(ck, loc, "D_TYPE_MEMBER", dv_near_hint(&near, "", hint, sizeof(hint)),
			       "'%s' is not a member of %s", name, dv_tname(ck, type));
		return NULL;
	}
	if (!m->type || *off > UINT32_MAX || m->bit_size > 64 || (m->bit_size && !dv_type_is_integer(m->type))) {
		DV_ERR_AT(ck, loc, "D_TYPE_ERR", "kernel's description of member '%s' makes no sense", name);
		return NULL;
	}
	return m;
}

struct dv_node *dv_check_member(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *a = dv_check_expr(ck, n->kids[0]), *c;
	const struct dv_member *m;
	const struct dv_type *t;
	uint64_t off = 0;
	bool sou;

	if (!a)
		return NULL;
	if (n->is_arrow)
		a = dv_decay(ck, a);
	t = dv_type_resolve(a->type);
	if (n->is_arrow) {
		if (t->kind != DV_TYPE_PTR)
			return DV_ERR_AT(ck, n->op_loc, "D_OP_PTR",
					 "operator -> must be applied to a pointer, not %s%s", dv_tname(ck, a->type),
					 t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION ? ": use '.'" : "");
		t = dv_type_resolve(t->ref);
	}
	sou = t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION || t->kind == DV_TYPE_FWD;
	if (!sou)
		return DV_ERR_AT(ck, n->op_loc, "D_OP_SOU", "operator %s cannot be applied to type %s%s",
				 n->is_arrow ? "->" : ".", dv_tname(ck, a->type),
				 !n->is_arrow && t->kind == DV_TYPE_PTR ? ": use '->'" : "");
	if (n->is_arrow && dv_is_xlated(a->type))
		return dv_xlate_member(ck, n, a);
	if (dv_is_xlated_value(a))
		return dv_xlate_member(ck, n, a->kids[0]);
	if (n->is_arrow) {
		a = dv_check_deref(ck, n, a);
		if (!a)
			return NULL;
	}
	m = dv_find_member(ck, a->type, n->str, n->op_loc, &off);
	if (!m)
		return NULL;
	c = dv_check_copy(ck, n, DV_NODE_MEMBER, m->type);
	dv_check_kids(ck, c, 1);
	c->kids[0] = a;
	c->str = n->str;
	c->bit_off = (uint32_t)off;
	c->bit_size = m->bit_size;
	stay_in_user(c);
	return c;
}

struct dv_node *dv_check_addrof(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *a = dv_check_expr(ck, n->kids[0]), *c;

	if (!a)
		return NULL;
	if (a->kind == DV_NODE_MEMBER && a->bit_size)
		return DV_ERR_AT(ck, n->loc, "D_ADDROF_BITFIELD", "cannot take the address of a bit-field");
	if (dv_is_xlated_value(a))
		return a->kids[0];
	if (((a->kind == DV_NODE_VAR || a->kind == DV_NODE_ELEM) && !dv_is_aggregate(a->type)) ||
	    a->kind == DV_NODE_BUILTIN || a->kind == DV_NODE_ARGN)
		return DV_ERR_AT(ck, n->loc, "D_ADDROF_VAR",
				 "cannot take the address of a variable of the script or a built-in one");
	if (!dv_is_lvalue(a))
		return DV_ERR_AT(ck, n->loc, "D_ADDROF_LVAL", "unary & may only be applied to something in memory");
	if (dv_type_resolve(a->type)->kind == DV_TYPE_FUNC)
		return dv_decay(ck, a);
	c = dv_check_copy(ck, n, DV_NODE_ADDROF, dv_in_user(a) ? dv_type_user_ptr(a->type) : dv_type_ptr(a->type));
	dv_check_kids(ck, c, 1);
	c->kids[0] = a;
	return c;
}

// "sizeof (foo_t)" was parsed as an expression: is the name a type's?
static const struct dv_type *name_as_type(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_universe *u = ck->env->types;

	struct dv_tdef *own;

	if (n->kind != DV_NODE_IDENT || n->scope != DV_SCOPE_GLOBAL || dv_var_known(ck, DV_SCOPE_GLOBAL, n->str) ||
	    dv_is_builtin(n->str))
		return NULL;
	own = dv_script_typedef(ck->script, n->str);
	if (own)
		return dv_build_typedef(ck, own);
	return u->ops && u->ops->find ? u->ops->find(u->ctx, DV_TYPE_TYPEDEF, n->str, NULL) : NULL;
}

struct dv_node *dv_check_sizeof(struct dv_check *ck, const struct dv_node *n)
{
	const struct dv_type *ulong = dv_type_int(8, false),
			     *type = n->decl ? dv_decl_type(ck, n->decl, false) : name_as_type(ck, n->kids[0]);
	const struct dv_type *t;
	struct dv_node *e = NULL;

	if (!type && !n->decl) {
		e = dv_check_expr(ck, n->kids[0]);
		if (e && e->kind == DV_NODE_MEMBER && e->bit_size)
			return DV_ERR_AT(ck, n->loc, "D_SIZEOF_BITFIELD", "cannot apply sizeof to a bit-field");
		if (e && e->kind == DV_NODE_STR)
			return dv_int_node(ck, n, (uint64_t)e->str_len + 1, ulong);
		type = e ? e->type : NULL;
	}
	if (!type)
		return NULL;
	t = dv_type_resolve(type);
	if (t->kind == DV_TYPE_STRING)
		return dv_int_node(ck, n, t->size ? t->size : ck->env->strsize, ulong);
	if (t->kind == DV_TYPE_VOID || t->kind == DV_TYPE_FUNC || t->kind == DV_TYPE_FWD)
		return DV_ERR_AT(ck, n->loc, "D_SIZEOF_TYPE", "cannot apply sizeof to type %s", dv_tname(ck, type));
	return dv_int_node(ck, n, t->size, ulong);
}

struct dv_node *dv_check_offsetof(struct dv_check *ck, const struct dv_node *n)
{
	const struct dv_type *type = dv_decl_type(ck, n->decl, false), *t;
	const struct dv_member *m;
	uint64_t off = 0;

	if (!type)
		return NULL;
	t = dv_type_resolve(type);
	if (t->kind != DV_TYPE_STRUCT && t->kind != DV_TYPE_UNION)
		return DV_ERR_AT(ck, n->loc, "D_OFFSETOF_TYPE", "offsetof requires a structure or union, not %s",
				 dv_tname(ck, type));
	m = dv_find_member(ck, type, n->str, n->op_loc, &off);
	if (!m)
		return NULL;
	if (m->bit_size)
		return DV_ERR_AT(ck, n->op_loc, "D_OFFSETOF_BITFIELD", "cannot take the offset of a bit-field: %s",
				 n->str);
	return dv_int_node(ck, n, off / 8, dv_type_int(8, false));
}

struct dv_node *dv_check_defined(struct dv_check *ck, const struct dv_node *n)
{
	bool there, failed = ck->failed;

	ck->quiet++;
	if (n->decl)
		there = dv_decl_type(ck, n->decl, false) != NULL;
	else
		there = name_as_type(ck, n->kids[0]) || dv_check_expr(ck, n->kids[0]);
	ck->quiet--;
	ck->failed = failed;
	return dv_int_node(ck, n, there, dv_type_int(4, true));
}
