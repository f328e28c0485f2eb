/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checking one clause for one machine: an untyped tree in, a typed copy out (lang/ast.h says what that looks like). A
 * function that checks an expression returns its typed copy, or NULL after telling what is wrong; what stands
 * around it then gives up too, and the next statement is checked.
 */
#include "lang/impl.h"

#include <string.h>

struct dv_node *dv_check_error(struct dv_check *ck, struct dv_loc loc, const char *tag, const char *hint,
			       const char *fmt, ...)
{
	va_list ap;

	if (ck->quiet)
		return NULL;
	ck->failed = true;
	va_start(ap, fmt);
	dv_diag_vat(ck->script, ck->diag, loc, tag, hint, fmt, ap);
	va_end(ap);
	return NULL;
}

const char *dv_tname(struct dv_check *ck, const struct dv_type *t)
{
	char buf[256];

	return dv_arena_printf(ck->arena, "\"%s\"%s", dv_type_name(t, buf, sizeof(buf)),
			       dv_type_resolve(t)->is_user  ? " (in user space)"
			       : dv_type_resolve(t)->xlator ? " (translated)"
							    : "");
}

struct dv_node *dv_check_copy(struct dv_check *ck, const struct dv_node *n, enum dv_node_kind kind,
			      const struct dv_type *type)
{
	struct dv_node *c = dv_arena_alloc(ck->arena, sizeof(*c));

	c->kind = kind;
	c->op = n->op;
	c->loc = n->loc;
	c->op_loc = n->op_loc;
	c->type = type;
	return c;
}

void dv_check_kids(struct dv_check *ck, struct dv_node *n, uint32_t count)
{
	n->kids = dv_arena_alloc(ck->arena, (count ? count : 1) * sizeof(*n->kids));
	n->kid_count = count;
}

static struct dv_node *check_cast(struct dv_check *ck, const struct dv_node *n)
{
	const struct dv_type *to = dv_decl_type(ck, n->decl, false), *t;
	struct dv_node *v = dv_check_value(ck, n->kids[0]);

	if (!to || !v)
		return NULL;
	t = dv_type_resolve(to);
	if (t->kind == DV_TYPE_STRING) {
		if (!dv_is_strcompat(v->type) && !dv_is_ptr(v->type))
			return DV_ERR_AT(ck, n->loc, "D_CAST_INVAL", "invalid cast expression: %s to a type of string",
					 dv_tname(ck, v->type));
		return dv_to_string(ck, v);
	}
	v = dv_decay(ck, v);
	if (dv_type_is_string(v->type) || !dv_type_is_scalar(v->type) || !dv_type_is_scalar(to))
		return DV_ERR_AT(ck, n->loc, "D_CAST_INVAL", "invalid cast expression: %s to %s", dv_tname(ck, v->type),
				 dv_tname(ck, to));
	if (t->kind != DV_TYPE_PTR && t->size != 1 && t->size != 2 && t->size != 4 && t->size != 8)
		return DV_ERR_AT(ck, n->loc, "D_NOT_YET", "integers of %u bytes are not supported yet",
				 (unsigned)t->size);
	// An address in user space stays one whatever it is said to point to.
	if (t->kind == DV_TYPE_PTR && dv_is_ptr(v->type) && dv_type_resolve(v->type)->is_user && !t->is_user)
		to = dv_type_user_ptr(t->ref);
	v = dv_cast(ck, v, to);
	if (v->kind == DV_NODE_INT)
		v->type = to;
	return v;
}

static struct dv_node *check_stringof(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *v = dv_check_expr(ck, n->kids[0]);

	if (!v)
		return NULL;
	if (!dv_is_strcompat(v->type) && !dv_type_is_scalar(dv_decay(ck, v)->type))
		return DV_ERR_AT(ck, n->loc, "D_STRINGOF_TYPE", "cannot convert expression of type %s to a string",
				 dv_tname(ck, v->type));
	v = dv_as_value(ck, n->kids[0], v);
	return v ? dv_to_string(ck, v) : NULL;
}

static struct dv_node *check_int(struct dv_check *ck, const struct dv_node *n)
{
	return dv_int_node(ck, n, n->ival, dv_type_int(n->is_long ? 8 : 4, !n->is_unsigned));
}

static struct dv_node *check_kind(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *c;

	switch (n->kind) {
	case DV_NODE_INT:
		return check_int(ck, n);
	case DV_NODE_STR:
		c = dv_check_copy(ck, n, DV_NODE_STR, dv_type_string());
		c->str = n->str;
		c->str_len = n->str_len;
		return c;
	case DV_NODE_IDENT:
		return dv_check_ident(ck, n);
	case DV_NODE_SYM:
		return dv_check_sym(ck, n);
	case DV_NODE_AGG:
		return DV_ERR_AT(ck, n->loc, "D_AGG_REF", "aggregation @%s may not be used in an expression", n->str);
	case DV_NODE_UNARY:
		return dv_check_unary(ck, n);
	case DV_NODE_INCDEC:
		return dv_check_incdec(ck, n);
	case DV_NODE_BINARY:
		return dv_check_binary(ck, n);
	case DV_NODE_ASSIGN:
		return dv_check_assign(ck, n);
	case DV_NODE_COND:
		return dv_check_cond_op(ck, n);
	case DV_NODE_CAST:
		return check_cast(ck, n);
	case DV_NODE_DEREF: {
		struct dv_node *p = dv_check_value(ck, n->kids[0]);

		return p ? dv_check_deref(ck, n, p) : NULL;
	}
	case DV_NODE_ADDROF:
		return dv_check_addrof(ck, n);
	case DV_NODE_MEMBER:
		return dv_check_member(ck, n);
	case DV_NODE_INDEX:
		return dv_check_index(ck, n);
	case DV_NODE_SIZEOF:
		return dv_check_sizeof(ck, n);
	case DV_NODE_OFFSETOF:
		return dv_check_offsetof(ck, n);
	case DV_NODE_CALL:
		return dv_check_call(ck, n, false);
	case DV_NODE_STRINGOF:
		return check_stringof(ck, n);
	case DV_NODE_XLATE:
		return dv_check_xlate(ck, n);
	case DV_NODE_DEFINED:
		return dv_check_defined(ck, n);
	default:
		return DV_ERR_AT(ck, n->loc, "D_SYNTAX", "expression expected");
	}
}

struct dv_node *dv_check_expr(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *c = NULL;

	if (ck->depth >= DV_TYPED_MAX)
		return DV_ERR_AT(ck, n->loc, "D_SYNTAX", "expression is nested too deeply");
	if (ck->nodes++ >= DV_NODES_MAX)
		return DV_ERR_AT(ck, n->loc, "D_SYNTAX", "clause is too large");
	ck->depth += 2; // a node and the conversion that may be put upon it
	c = check_kind(ck, n);
	ck->depth -= 2;
	return c;
}

struct dv_node *dv_check_value(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *v = dv_check_expr(ck, n);

	return v ? dv_as_value(ck, n, v) : NULL;
}

struct dv_node *dv_as_value(struct dv_check *ck, const struct dv_node *n, struct dv_node *v)
{
	const struct dv_type *t = dv_type_resolve(v->type);

	switch (t->kind) {
	case DV_TYPE_INT:
	case DV_TYPE_ENUM:
		if (t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8)
			return v;
		return DV_ERR_AT(ck, n->loc, "D_NOT_YET", "integers of %u bytes are not supported yet",
				 (unsigned)t->size);
	case DV_TYPE_STRING:
		v->type = dv_type_string(); // not the typedef, nor the one with a size
		return v;
	case DV_TYPE_PTR:
		return v;
	case DV_TYPE_ARRAY:
		return dv_type_is_string(t) ? v : dv_decay(ck, v);
	case DV_TYPE_FUNC:
		return dv_decay(ck, v);
	case DV_TYPE_FLOAT:
		return DV_ERR_AT(ck, n->loc, "D_OP_FLOAT",
				 "there is no floating-point arithmetic in D: such a value can be assigned, traced and printed");
	case DV_TYPE_VOID:
		return DV_ERR_AT(ck, n->loc, "D_OP_VOID", "expression has no value");
	default:
		return DV_ERR_AT(ck, n->loc, "D_OP_SCALAR",
				 "a value of type %s may not be used here: name one of its members",
				 dv_tname(ck, v->type));
	}
}

static bool check_stmts(struct dv_check *ck, const struct dv_stmt *s, struct dv_stmt **ret);

static bool check_if(struct dv_check *ck, const struct dv_stmt *s, struct dv_stmt *t)
{
	bool ok;

	t->expr = dv_check_value(ck, s->expr);
	if (t->expr && (!dv_type_is_scalar(t->expr->type) || dv_type_is_string(t->expr->type)))
		t->expr = DV_ERR_AT(ck, s->expr->loc, "D_OP_SCALAR", "condition of if must be of scalar type, not %s",
				    dv_tname(ck, t->expr->type));
	// A branch that is not for this kernel is not looked at: if (defined(...)).
	if (t->expr && t->expr->kind == DV_NODE_INT && dv_asks_defined(s->expr)) {
		bool yes = t->expr->ival != 0;

		return check_stmts(ck, yes ? s->then : s->otherwise, yes ? &t->then : &t->otherwise);
	}
	ok = t->expr != NULL;
	ok &= check_stmts(ck, s->then, &t->then);
	ok &= check_stmts(ck, s->otherwise, &t->otherwise);
	return ok;
}

static bool check_stmt(struct dv_check *ck, const struct dv_stmt *s, struct dv_stmt *t)
{
	t->kind = s->kind;
	t->loc = s->loc;
	switch (s->kind) {
	case DV_STMT_IF:
		return check_if(ck, s, t);
	case DV_STMT_AGG:
		return dv_check_agg_stmt(ck, s, t);
	default:
		if (s->expr->kind == DV_NODE_CALL) {
			t->expr = dv_check_call(ck, s->expr, true);
			if (t->expr && t->expr->call->kind == DV_CALL_ACTION)
				t->kind = DV_STMT_CALL;
		} else {
			t->expr = dv_check_expr(ck, s->expr);
			if (t->expr && dv_is_lvalue(t->expr) && !dv_type_is_scalar(t->expr->type)) {
				DV_ERR_AT(ck, s->loc, "D_EXPR_NULL", "expression has null effect");
				return false;
			}
		}
		return t->expr != NULL;
	}
}

static bool check_stmts(struct dv_check *ck, const struct dv_stmt *s, struct dv_stmt **last)
{
	bool ok = true;

	for (; s; s = s->next) {
		struct dv_stmt *typed = dv_arena_alloc(ck->arena, sizeof(*typed));

		if (!check_stmt(ck, s, typed)) {
			ok = false;
			continue;
		}
		*last = typed;
		last = &typed->next;
	}
	return ok;
}

bool dv_check_clause(struct dv_script *s, const struct dv_clause *c, const struct dv_check_env *env,
		     struct dv_diag *diag, struct dv_arena *arena, struct dv_clause **ret)
{
	struct dv_check ck = {.script = s, .clause = c, .env = env, .diag = diag, .arena = arena};
	struct dv_clause *t = dv_arena_alloc(arena, sizeof(*t));
	unsigned errors = diag->errors;

	s->diag = diag;
	*t = *c;
	t->predicate = NULL;
	t->stmts = NULL;
	if (c->predicate) {
		struct dv_node *p = dv_check_value(&ck, c->predicate);

		if (p && (!dv_type_is_scalar(p->type) || dv_type_is_string(p->type)))
			DV_ERR_AT(&ck, c->predicate->loc, "D_PRED_SCALAR",
				  "predicate result must be of scalar type, not %s", dv_tname(&ck, p->type));
		t->predicate = p;
	}
	if (env->guard && !ck.failed)
		t->predicate = dv_check_guard(&ck, t->predicate);
	if (!check_stmts(&ck, c->stmts, &t->stmts) || diag->errors != errors)
		ck.failed = true;
	if (ck.failed || (c->predicate && !t->predicate))
		return false;
	*ret = t;
	return true;
}
