/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operators on values: C's conversions made explicit, strings compared as strings. */
#include "lang/impl.h"

static const struct dv_type *int_type(void)
{
	return dv_type_int(4, true);
}

static struct dv_node *op_node(struct dv_check *ck, const struct dv_node *at, enum dv_node_kind kind, enum dv_op op,
                               const struct dv_type *t, struct dv_node *a, struct dv_node *b)
{
	struct dv_node *n = dv_check_copy(ck, at, kind, t);

	n->op = op;
	n->loc = a->loc.line && kind == DV_NODE_BINARY ? a->loc : at->loc;
	dv_check_kids(ck, n, b ? 2 : 1);
	n->kids[0] = a;
	if (b)
		n->kids[1] = b;
	return n;
}

static bool is_scalar(const struct dv_node *n)
{
	return dv_type_is_scalar(n->type) && !dv_type_is_string(n->type);
}

struct dv_node *dv_check_unary(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *a = dv_check_value(ck, n->kids[0]);

	if (!a)
		return NULL;
	if (n->op == DV_OP_NOT) {
		if (!is_scalar(a))
			return DV_ERR_AT(ck, n->op_loc, "D_OP_SCALAR",
					 "operator ! requires an operand of scalar type, not %s",
					 dv_tname(ck, a->type));
		return dv_fold(ck, op_node(ck, n, DV_NODE_UNARY, n->op, int_type(), a, NULL));
	}
	if (!dv_type_is_integer(a->type))
		return DV_ERR_AT(ck, n->op_loc, n->op == DV_OP_BITNOT ? "D_OP_INT" : "D_OP_ARITH",
				 "operator %s requires an operand of %s type, not %s", dv_op_name(n->op),
				 n->op == DV_OP_BITNOT ? "integral" : "arithmetic", dv_tname(ck, a->type));
	a = dv_promote(ck, a);
	return dv_fold(ck, op_node(ck, n, DV_NODE_UNARY, n->op, a->type, a, NULL));
}

static struct dv_node *incompatible(struct dv_check *ck, const struct dv_node *at, enum dv_op op,
				    const struct dv_node *a, const struct dv_node *b)
{
	return DV_ERR_AT(ck, at->op_loc, "D_OP_INCOMPAT", "operands have incompatible types: %s %s %s",
			 dv_tname(ck, a->type), dv_op_name(op), dv_tname(ck, b->type));
}

static uint64_t step_of(struct dv_check *ck, const struct dv_node *at, const struct dv_type *ptr)
{
	const struct dv_type *to = dv_type_resolve(dv_type_resolve(ptr)->ref);

	if (to->kind == DV_TYPE_VOID)
		return 1;
	if (!to->size || to->size > UINT32_MAX || to->kind == DV_TYPE_FUNC) {
		DV_ERR_AT(ck, at->op_loc, "D_OP_INCOMPLETE", "arithmetic on a pointer to %s, whose size is not known",
			  dv_tname(ck, to));
		return 0;
	}
	return to->size;
}

struct dv_node *dv_check_add(struct dv_check *ck, const struct dv_node *at, enum dv_op op, struct dv_node *a,
			     struct dv_node *b)
{
	struct dv_node *n;
	uint64_t scale;

	a = dv_decay(ck, a);
	b = dv_decay(ck, b);
	if (dv_type_is_integer(a->type) && dv_type_is_integer(b->type)) {
		const struct dv_type *t;

		a = dv_promote(ck, a);
		b = dv_promote(ck, b);
		t = dv_common_type(dv_type_resolve(a->type), dv_type_resolve(b->type));
		return dv_fold(ck, op_node(ck, at, DV_NODE_BINARY, op, t, dv_cast(ck, a, t), dv_cast(ck, b, t)));
	}
	if (op == DV_OP_ADD && dv_type_is_integer(a->type) && dv_is_ptr(b->type)) {
		struct dv_node *t = a;

		a = b;
		b = t;
	}
	if (dv_is_ptr(a->type) && dv_type_is_integer(b->type)) {
		scale = step_of(ck, at, a->type);
		if (!scale)
			return NULL;
		n = op_node(ck, at, DV_NODE_BINARY, op, a->type, a, dv_promote(ck, b));
		n->scale = (uint32_t)scale;
		return n;
	}
	if (op == DV_OP_SUB && dv_is_ptr(a->type) && dv_is_ptr(b->type) && dv_ptr_compat(a->type, b->type)) {
		scale = step_of(ck, at, a->type);
		if (!scale)
			return NULL;
		n = op_node(ck, at, DV_NODE_BINARY, op, dv_type_int(8, true), a, b);
		n->scale = (uint32_t)scale;
		return n;
	}
	return incompatible(ck, at, op, a, b);
}

static bool is_text(const struct dv_node *n)
{
	return dv_type_is_string(n->type);
}

static struct dv_node *compare(struct dv_check *ck, const struct dv_node *n, struct dv_node *a, struct dv_node *b)
{
	const struct dv_type *t;

	if (is_text(a) || is_text(b)) {
		// "s == NULL": an unset string is empty.
		struct dv_node **zero = dv_is_zero(a) ? &a : dv_is_zero(b) ? &b : NULL;

		if (zero && (n->op == DV_OP_EQ || n->op == DV_OP_NE)) {
			struct dv_node *empty = dv_check_copy(ck, *zero, DV_NODE_STR, dv_type_string());

			empty->str = "";
			*zero = empty;
		}
		if (!dv_is_strcompat(a->type) || !dv_is_strcompat(b->type))
			return incompatible(ck, n, n->op, a, b);
		return op_node(ck, n, DV_NODE_BINARY, n->op, int_type(), dv_to_string(ck, a), dv_to_string(ck, b));
	}
	a = dv_decay(ck, a);
	b = dv_decay(ck, b);
	if (dv_type_is_integer(a->type) && dv_type_is_integer(b->type)) {
		a = dv_promote(ck, a);
		b = dv_promote(ck, b);
		t = dv_common_type(dv_type_resolve(a->type), dv_type_resolve(b->type));
	} else {
		if (dv_is_ptr(a->type) && dv_is_ptr(b->type) && !dv_ptr_compat(a->type, b->type) && !dv_is_zero(a) &&
		    !dv_is_zero(b))
			return incompatible(ck, n, n->op, a, b);
		t = dv_type_int(8, false);
	}
	return dv_fold(ck, op_node(ck, n, DV_NODE_BINARY, n->op, int_type(), dv_cast(ck, a, t), dv_cast(ck, b, t)));
}

static struct dv_node *arithmetic(struct dv_check *ck, const struct dv_node *n, struct dv_node *a, struct dv_node *b)
{
	bool arith = n->op == DV_OP_MUL || n->op == DV_OP_DIV;
	const struct dv_type *t;

	if (!dv_type_is_integer(a->type) || !dv_type_is_integer(b->type))
		return DV_ERR_AT(ck, n->op_loc, arith ? "D_OP_ARITH" : "D_OP_INT",
				 "operator %s requires operands of %s type, not %s and %s", dv_op_name(n->op),
				 arith ? "arithmetic" : "integral", dv_tname(ck, a->type), dv_tname(ck, b->type));
	a = dv_promote(ck, a);
	b = dv_promote(ck, b);
	if (n->op == DV_OP_SHL || n->op == DV_OP_SHR)
		return dv_fold(ck, op_node(ck, n, DV_NODE_BINARY, n->op, a->type, a, b));
	t = dv_common_type(dv_type_resolve(a->type), dv_type_resolve(b->type));
	return dv_fold(ck, op_node(ck, n, DV_NODE_BINARY, n->op, t, dv_cast(ck, a, t), dv_cast(ck, b, t)));
}

static struct dv_node *comma(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *a = dv_check_expr(ck, n->kids[0]), *b = dv_check_value(ck, n->kids[1]);

	return a && b ? op_node(ck, n, DV_NODE_BINARY, n->op, b->type, a, b) : NULL;
}

struct dv_node *dv_check_binary(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *a, *b;

	if (n->op == DV_OP_COMMA)
		return comma(ck, n);
	a = dv_check_value(ck, n->kids[0]);
	// What defined() has decided already.
	if (a && a->kind == DV_NODE_INT && (n->op == DV_OP_LAND || n->op == DV_OP_LOR) && dv_asks_defined(n->kids[0]) &&
	    (a->ival != 0) == (n->op == DV_OP_LOR))
		return dv_int_node(ck, n, a->ival != 0, int_type());
	b = dv_check_value(ck, n->kids[1]);
	if (!a || !b)
		return NULL;
	switch (n->op) {
	case DV_OP_ADD:
	case DV_OP_SUB:
		return dv_check_add(ck, n, n->op, a, b);
	case DV_OP_LAND:
	case DV_OP_LOR:
	case DV_OP_LXOR:
		if (!is_scalar(a) || !is_scalar(b))
			return DV_ERR_AT(ck, n->op_loc, "D_OP_SCALAR",
					 "operator %s requires operands of scalar type, not %s and %s",
					 dv_op_name(n->op), dv_tname(ck, a->type), dv_tname(ck, b->type));
		return dv_fold(ck, op_node(ck, n, DV_NODE_BINARY, n->op, int_type(), a, b));
	case DV_OP_EQ:
	case DV_OP_NE:
	case DV_OP_LT:
	case DV_OP_LE:
	case DV_OP_GT:
	case DV_OP_GE:
		return compare(ck, n, a, b);
	default:
		return arithmetic(ck, n, a, b);
	}
}

bool dv_asks_defined(const struct dv_node *n)
{
	if (n->kind == DV_NODE_DEFINED)
		return true;
	if (n->kind != DV_NODE_UNARY && n->kind != DV_NODE_BINARY)
		return false;
	for (uint32_t i = 0; i < n->kid_count; i++)
		if (dv_asks_defined(n->kids[i]))
			return true;
	return false;
}

struct dv_node *dv_check_cond_op(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *c = dv_check_value(ck, n->kids[0]), *a, *b, *r;
	const struct dv_type *t;

	if (c && c->kind == DV_NODE_INT && dv_asks_defined(n->kids[0]))
		return dv_check_expr(ck, n->kids[c->ival ? 1 : 2]);
	a = dv_check_value(ck, n->kids[1]);
	b = dv_check_value(ck, n->kids[2]);
	if (!c || !a || !b)
		return NULL;
	if (!is_scalar(c))
		return DV_ERR_AT(ck, n->op_loc, "D_OP_SCALAR",
				 "operator ?: requires its first operand to be of scalar type, not %s",
				 dv_tname(ck, c->type));
	if (is_text(a) || is_text(b)) {
		if (!dv_is_strcompat(a->type) || !dv_is_strcompat(b->type))
			goto bad;
		a = dv_to_string(ck, a);
		b = dv_to_string(ck, b);
		t = dv_type_string();
	} else if (dv_type_is_integer(a->type) && dv_type_is_integer(b->type)) {
		a = dv_promote(ck, a);
		b = dv_promote(ck, b);
		t = dv_common_type(dv_type_resolve(a->type), dv_type_resolve(b->type));
	} else if (dv_is_ptr(a->type) && dv_is_ptr(b->type)) {
		if (!dv_ptr_compat(a->type, b->type))
			goto bad;
		t = dv_type_resolve(dv_type_resolve(a->type)->ref)->kind == DV_TYPE_VOID ? b->type : a->type;
	} else if (dv_is_ptr(a->type) ? dv_is_zero(b) : dv_is_zero(a)) {
		t = dv_is_ptr(a->type) ? a->type : b->type;
	} else {
		goto bad;
	}
	if (c->kind == DV_NODE_INT)
		return dv_cast(ck, c->ival ? a : b, t);
	r = dv_check_copy(ck, n, DV_NODE_COND, t);
	dv_check_kids(ck, r, 3);
	r->kids[0] = c;
	r->kids[1] = dv_cast(ck, a, t);
	r->kids[2] = dv_cast(ck, b, t);
	return r;
bad:
	return DV_ERR_AT(ck, n->op_loc, "D_OP_INCOMPAT", "operator ?: operands have incompatible types: %s and %s",
			 dv_tname(ck, a->type), dv_tname(ck, b->type));
}
