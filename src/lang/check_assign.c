/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assignment, ++ and --: only the script's own variables can be written. */
#include "lang/impl.h"

// Through a pointer of the script's own: it may be one to alloca()'s memory. Whether it is shows as the clause runs;
// a write to a machine's memory is a fault then. Other pointers never are.
static bool in_scratch(const struct dv_node *to, bool once)
{
	const struct dv_node *p = to;
	const struct dv_type *t = dv_type_resolve(to->type);

	while (p->kind == DV_NODE_MEMBER)
		p = p->kids[0];
	if (p->kind != DV_NODE_DEREF || dv_in_user(to) || (to->kind == DV_NODE_MEMBER && to->bit_size))
		return false;
	for (p = p->kids[0]; p->kind == DV_NODE_CAST || (p->kind == DV_NODE_BINARY && p->scale); p = p->kids[0])
		;
	if (p->kind != DV_NODE_VAR && p->kind != DV_NODE_ELEM && p->kind != DV_NODE_CALL && !dv_root_var(p) &&
	    !(once && (p->kind == DV_NODE_INCDEC || p->kind == DV_NODE_ASSIGN))) // "*p++ = x"
		return false;
	return dv_type_is_scalar(t) && (t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8);
}

static bool writable(struct dv_check *ck, const struct dv_node *at, const struct dv_node *to)
{
	const char *op = dv_op_name(at->op);

	if (at->kind == DV_NODE_ASSIGN && at->op != DV_OP_NONE)
		op = dv_arena_printf(ck->arena, "%s=", op);
	if (to->kind == DV_NODE_VAR || to->kind == DV_NODE_ELEM || dv_root_var(to))
		return true;
	if (to->kind == DV_NODE_BUILTIN || to->kind == DV_NODE_ARGN || to->kind == DV_NODE_REG)
		DV_ERR_AT(ck, at->op_loc, "D_OP_WRITE",
			  "operator %s cannot be applied to a built-in variable: it is read-only", op);
	else if (in_scratch(to, at->kind == DV_NODE_ASSIGN && at->op == DV_OP_NONE))
		return true;
	else if (dv_is_lvalue(to))
		DV_ERR_AT(ck, at->op_loc, "D_OP_WRITE",
			  "operator %s cannot be applied to memory of a machine: it is read-only", op);
	else
		DV_ERR_AT(ck, at->op_loc, "D_OP_LVAL", "operator %s requires a variable to write", op);
	return false;
}

static struct dv_node *incompatible(struct dv_check *ck, const struct dv_node *n, const struct dv_node *a,
				    const struct dv_node *b)
{
	const char *op = n->op == DV_OP_NONE ? "=" : dv_arena_printf(ck->arena, "%s=", dv_op_name(n->op));

	return DV_ERR_AT(ck, n->op_loc, "D_OP_INCOMPAT", "operands have incompatible types: %s %s %s",
			 dv_tname(ck, a->type), op, dv_tname(ck, b->type));
}

// The value for a plain assignment, converted; NULL: does not fit.
static struct dv_node *convert(struct dv_check *ck, const struct dv_node *to, struct dv_node *v)
{
	const struct dv_type *t = dv_type_resolve(to->type);
	bool dynamic = to->kind == DV_NODE_ELEM || (to->kind == DV_NODE_VAR && to->var->scope == DV_SCOPE_SELF);

	if (dv_is_aggregate(t)) {
		if (dv_is_zero(v) && dynamic)
			return dv_int_node(ck, v, 0, dv_type_int(8, true));
		if (dv_type_is_string(t))
			return dv_is_strcompat(v->type) ? dv_to_string(ck, v) : NULL;
		return dv_type_equal(t, v->type) && dv_is_lvalue(v) ? v : NULL;
	}
	if (t->kind == DV_TYPE_STRING) {
		if (dv_is_zero(v)) { // sets it free, or empty
			struct dv_node *e;

			if (dynamic)
				return dv_int_node(ck, v, 0, dv_type_int(8, true));
			e = dv_check_copy(ck, v, DV_NODE_STR, dv_type_string());
			e->str = "";
			return e;
		}
		return dv_is_strcompat(v->type) ? dv_to_string(ck, v) : NULL;
	}
	if (v->type->kind == DV_TYPE_STRING || (dv_is_aggregate(v->type) && t->kind != DV_TYPE_PTR))
		return NULL;
	if (t->kind == DV_TYPE_PTR) {
		v = dv_decay(ck, v);
		if (dv_is_ptr(v->type) && !dv_ptr_compat(t, v->type) && !dv_is_zero(v))
			return NULL;
		// An address in user space cannot become one in the kernel by being kept.
		if (dv_is_ptr(v->type) && !dv_is_zero(v) && dv_type_resolve(v->type)->is_user != t->is_user)
			return NULL;
		return dv_cast(ck, v, to->type);
	}
	if (dv_type_is_string(v->type))
		return NULL;
	if (dv_is_ptr(v->type) && !dv_is_zero(v) && t->size != 8)
		return NULL;
	return dv_cast(ck, v, to->type);
}

static bool compound(struct dv_check *ck, const struct dv_node *n, struct dv_node *c, struct dv_node *v)
{
	const struct dv_node *to = c->kids[0];
	const struct dv_type *t = dv_type_resolve(to->type);

	if (!dv_type_is_integer(v->type) || !dv_type_is_scalar(t))
		goto bad;
	v = dv_promote(ck, v);
	if (t->kind == DV_TYPE_PTR) {
		const struct dv_type *ref = dv_type_resolve(t->ref);

		if (n->op != DV_OP_ADD && n->op != DV_OP_SUB)
			goto bad;
		if ((!ref->size && ref->kind != DV_TYPE_VOID) || ref->size > UINT32_MAX) {
			DV_ERR_AT(ck, n->op_loc, "D_OP_INCOMPLETE",
				  "arithmetic on a pointer to %s, whose size is not known", dv_tname(ck, ref));
			return false;
		}
		c->scale = ref->size ? (uint32_t)ref->size : 1;
	}
	c->kids[1] = v;
	return true;
bad:
	incompatible(ck, n, to, v);
	return false;
}

// "*p += v" is "*p = *p + v": nobody else writes there.
static struct dv_node *through(struct dv_check *ck, const struct dv_node *n, struct dv_node *c, struct dv_node *v)
{
	struct dv_node *to = c->kids[0], *sum, *at = dv_check_copy(ck, n, DV_NODE_BINARY, to->type);
	const struct dv_type *t;

	if (!dv_type_is_integer(to->type) || !dv_type_is_integer(v->type))
		return incompatible(ck, n, to, v);
	if (n->op == DV_OP_ADD || n->op == DV_OP_SUB) {
		sum = dv_check_add(ck, n, n->op, to, v);
	} else {
		dv_check_kids(ck, at, 2);
		at->kids[0] = dv_promote(ck, to);
		at->kids[1] = dv_promote(ck, v);
		t = n->op == DV_OP_SHL || n->op == DV_OP_SHR ? at->kids[0]->type
							     : dv_common_type(dv_type_resolve(at->kids[0]->type),
									      dv_type_resolve(at->kids[1]->type));
		at->kids[0] = dv_cast(ck, at->kids[0], t);
		if (n->op != DV_OP_SHL && n->op != DV_OP_SHR)
			at->kids[1] = dv_cast(ck, at->kids[1], t);
		at->type = t;
		sum = dv_fold(ck, at);
	}
	if (!sum)
		return NULL;
	c->op = DV_OP_NONE;
	c->is_update = true;
	c->kids[1] = dv_cast(ck, sum, to->type);
	return c;
}

struct dv_node *dv_check_assign(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *v = dv_check_expr(ck, n->kids[1]), *to, *c, *conv;

	// Without a value there is no telling what an undeclared variable is.
	if (v && (!dv_is_aggregate(v->type) || !dv_is_lvalue(v)))
		v = dv_as_value(ck, n->kids[1], v);
	if (!v)
		return NULL;
	if (n->kids[0]->kind == DV_NODE_IDENT && dv_script_inline(ck->script, n->kids[0]))
		return DV_ERR_AT(ck, n->op_loc, "D_OP_WRITE", "'%s' is an inline: it cannot be written",
				 n->kids[0]->str);
	to = dv_check_expr(ck, n->kids[0]);
	if (!to || !writable(ck, n, to))
		return NULL;
	if (dv_is_aggregate(v->type) && !dv_is_aggregate(to->type)) {
		v = dv_as_value(ck, n->kids[1], v);
		if (!v)
			return NULL;
	}
	if (dv_is_xlated_value(v) && n->op == DV_OP_NONE && dv_type_equal(to->type, v->type))
		return dv_xlate_assign(ck, n, to, v);
	c = dv_check_copy(ck, n, DV_NODE_ASSIGN, to->type);
	dv_check_kids(ck, c, 2);
	c->kids[0] = to;
	if (n->op != DV_OP_NONE && dv_is_lvalue(to) && !dv_root_var(to))
		return through(ck, n, c, v);
	if (n->op != DV_OP_NONE)
		return compound(ck, n, c, v) ? c : NULL;
	conv = convert(ck, to, v);
	if (!conv)
		return incompatible(ck, n, to, v);
	c->kids[1] = conv;
	return c;
}

// "++*p" is "*p += 1"; "(*p)++" is one less than that.
static struct dv_node *count_through(struct dv_check *ck, const struct dv_node *n, struct dv_node *to)
{
	struct dv_node *c = dv_check_copy(ck, n, DV_NODE_ASSIGN, to->type), *at = dv_check_copy(ck, n, DV_NODE_ASSIGN, to->type);
	struct dv_node *one = dv_int_node(ck, n, 1, dv_type_int(4, true));
	bool up = n->op == DV_OP_PREINC || n->op == DV_OP_POSTINC;

	at->op = up ? DV_OP_ADD : DV_OP_SUB;
	dv_check_kids(ck, c, 2);
	c->kids[0] = to;
	c = through(ck, at, c, one);
	if (!c || n->op == DV_OP_PREINC || n->op == DV_OP_PREDEC)
		return c;
	c = dv_check_add(ck, n, up ? DV_OP_SUB : DV_OP_ADD, c, one);
	return c ? dv_cast(ck, c, to->type) : NULL;
}

struct dv_node *dv_check_incdec(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *to = dv_check_expr(ck, n->kids[0]), *c;
	const struct dv_type *t;

	if (!to || !writable(ck, n, to))
		return NULL;
	t = dv_type_resolve(to->type);
	if (!dv_type_is_scalar(t))
		return DV_ERR_AT(ck, n->op_loc, "D_OP_SCALAR", "operator %s requires an operand of scalar type, not %s",
				 dv_op_name(n->op), dv_tname(ck, to->type));
	c = dv_check_copy(ck, n, DV_NODE_INCDEC, to->type);
	dv_check_kids(ck, c, 1);
	c->kids[0] = to;
	c->scale = 1;
	if (dv_is_lvalue(to) && !dv_root_var(to))
		return count_through(ck, n, to);
	if (t->kind == DV_TYPE_PTR) {
		t = dv_type_resolve(t->ref);
		if ((!t->size && t->kind != DV_TYPE_VOID) || t->size > UINT32_MAX)
			return DV_ERR_AT(ck, n->op_loc, "D_OP_INCOMPLETE",
					 "arithmetic on a pointer to %s, whose size is not known", dv_tname(ck, t));
		c->scale = t->size ? (uint32_t)t->size : 1;
	}
	return c;
}
