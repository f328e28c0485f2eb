/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conversions: which types fit which, casts as nodes, and folding of constants. */
#include "lang/impl.h"

#include <string.h>

bool dv_is_aggregate(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	return t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION || t->kind == DV_TYPE_ARRAY || t->kind == DV_TYPE_FLOAT;
}

bool dv_is_lvalue(const struct dv_node *n)
{
	return n->kind == DV_NODE_DEREF || n->kind == DV_NODE_MEMBER || n->kind == DV_NODE_SYM ||
	       ((n->kind == DV_NODE_VAR || n->kind == DV_NODE_ELEM) && dv_is_aggregate(n->type));
}

const struct dv_node *dv_root_var(const struct dv_node *n)
{
	for (;;) {
		const struct dv_node *p;

		switch (n->kind) {
		case DV_NODE_VAR:
		case DV_NODE_ELEM:
			return dv_is_aggregate(n->type) ? n : NULL;
		case DV_NODE_MEMBER:
			n = n->kids[0];
			break;
		case DV_NODE_DEREF: // an element: *(array + i)
			p = n->kids[0];
			if (p->kind == DV_NODE_BINARY && (p->op == DV_OP_ADD || p->op == DV_OP_SUB) && p->scale)
				p = p->kids[0];
			if (p->kind != DV_NODE_CAST || dv_type_resolve(p->kids[0]->type)->kind != DV_TYPE_ARRAY)
				return NULL;
			n = p->kids[0];
			break;
		default:
			return NULL;
		}
	}
}

bool dv_is_ptr(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	return t && t->kind == DV_TYPE_PTR;
}

bool dv_is_strcompat(const struct dv_type *t)
{
	const struct dv_type *c;

	if (dv_type_is_string(t))
		return true;
	t = dv_type_resolve(t);
	c = t && t->kind == DV_TYPE_PTR ? dv_type_resolve(t->ref) : NULL;
	return c && c->kind == DV_TYPE_INT && c->is_char;
}

bool dv_is_zero(const struct dv_node *n)
{
	return n->kind == DV_NODE_INT && n->ival == 0;
}

uint64_t dv_extend(uint64_t v, const struct dv_type *t)
{
	t = dv_type_resolve(t);
	if (t->is_bool)
		return v != 0;
	switch (t->size) {
	case 1:
		return t->is_signed ? (uint64_t)(int64_t)(int8_t)v : (uint8_t)v;
	case 2:
		return t->is_signed ? (uint64_t)(int64_t)(int16_t)v : (uint16_t)v;
	case 4:
		return t->is_signed ? (uint64_t)(int64_t)(int32_t)v : (uint32_t)v;
	default:
		return v;
	}
}

struct dv_node *dv_int_node(struct dv_check *ck, const struct dv_node *at, uint64_t v, const struct dv_type *t)
{
	struct dv_node *n = dv_check_copy(ck, at, DV_NODE_INT, t);

	n->ival = dv_extend(v, t);
	return n;
}

const struct dv_type *dv_promote_type(const struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type);

	if (n->kind == DV_NODE_MEMBER && n->bit_size && n->bit_size < 32)
		return dv_type_int(4, true);
	if (t->size < 4)
		return dv_type_int(4, true);
	return dv_type_int((unsigned)t->size, t->is_signed);
}

const struct dv_type *dv_common_type(const struct dv_type *a, const struct dv_type *b)
{
	if (a->size != b->size)
		return a->size > b->size ? a : b; // LP64: the wider one holds all of the other
	return dv_type_int((unsigned)a->size, a->is_signed && b->is_signed);
}

struct dv_node *dv_cast(struct dv_check *ck, struct dv_node *n, const struct dv_type *t)
{
	const struct dv_type *from = dv_type_resolve(n->type), *to = dv_type_resolve(t);
	struct dv_node *c;

	if (n->kind == DV_NODE_INT && to->kind != DV_TYPE_STRING) {
		c = dv_int_node(ck, n, n->ival, t);
		c->loc = n->loc;
		return c;
	}
	if (from == to || (from->kind != DV_TYPE_PTR && from->kind != DV_TYPE_ENUM && to->kind != DV_TYPE_ENUM &&
			   dv_type_equal(from, to)))
		return n;
	c = dv_check_copy(ck, n, DV_NODE_CAST, t);
	dv_check_kids(ck, c, 1);
	c->kids[0] = n;
	return c;
}

struct dv_node *dv_promote(struct dv_check *ck, struct dv_node *n)
{
	return dv_cast(ck, n, dv_promote_type(n));
}

bool dv_in_user(const struct dv_node *n)
{
	while (n->kind == DV_NODE_MEMBER)
		n = n->kids[0];
	return n->kind == DV_NODE_DEREF && dv_type_resolve(n->kids[0]->type)->is_user;
}

struct dv_node *dv_decay(struct dv_check *ck, struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type), *to;

	if (t->kind != DV_TYPE_ARRAY && t->kind != DV_TYPE_FUNC)
		return n;
	to = t->kind == DV_TYPE_ARRAY ? t->ref : n->type;
	return dv_cast(ck, n, dv_in_user(n) ? dv_type_user_ptr(to) : dv_type_ptr(to));
}

struct dv_node *dv_to_string(struct dv_check *ck, struct dv_node *n)
{
	if (dv_type_resolve(n->type)->kind == DV_TYPE_ARRAY && !dv_type_is_string(n->type))
		n = dv_decay(ck, n);
	return dv_cast(ck, n, dv_type_string());
}

bool dv_ptr_compat(const struct dv_type *a, const struct dv_type *b)
{
	for (int i = 0; i < 16; i++) {
		a = dv_type_resolve(a);
		b = dv_type_resolve(b);
		if (a->xlator != b->xlator)
			return false;
		if (a->kind == DV_TYPE_VOID || b->kind == DV_TYPE_VOID || dv_type_equal(a, b))
			return true;
		if ((a->kind == DV_TYPE_PTR || a->kind == DV_TYPE_ARRAY) && a->kind == b->kind) {
			a = a->ref;
			b = b->ref;
			continue;
		}
		// One name, two kernels: the same structure as far as D is concerned. What it is there is looked up
		// there.
		if (a->kind == b->kind || a->kind == DV_TYPE_FWD || b->kind == DV_TYPE_FWD)
			return a->name && b->name && !strcmp(a->name, b->name) && a->universe != b->universe;
		return false;
	}
	return false;
}

const char *dv_op_name(enum dv_op op)
{
	static const char *const names[] = {
		[DV_OP_NONE] = "=", [DV_OP_ADD] = "+", [DV_OP_SUB] = "-", [DV_OP_MUL] = "*", [DV_OP_DIV] = "/",
		[DV_OP_MOD] = "%", [DV_OP_AND] = "&", [DV_OP_OR] = "|", [DV_OP_XOR] = "^", [DV_OP_SHL] = "<<",
		[DV_OP_SHR] = ">>", [DV_OP_EQ] = "==", [DV_OP_NE] = "!=", [DV_OP_LT] = "<", [DV_OP_LE] = "<=",
		[DV_OP_GT] = ">", [DV_OP_GE] = ">=", [DV_OP_LAND] = "&&", [DV_OP_LOR] = "||", [DV_OP_LXOR] = "^^",
		[DV_OP_NEG] = "-", [DV_OP_PLUS] = "+", [DV_OP_NOT] = "!", [DV_OP_BITNOT] = "~", [DV_OP_PREINC] = "++",
		[DV_OP_PREDEC] = "--", [DV_OP_POSTINC] = "++", [DV_OP_POSTDEC] = "--", [DV_OP_COMMA] = ",",
	};

	return names[op];
}

static bool fold_binary(struct dv_check *ck, const struct dv_node *n, uint64_t a, uint64_t b, uint64_t *ret)
{
	bool sgn = dv_type_resolve(n->kids[0]->type)->is_signed;
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	switch (n->op) {
	case DV_OP_ADD:
		*ret = a + b;
		return true;
	case DV_OP_SUB:
		*ret = a - b;
		return true;
	case DV_OP_MUL:
		*ret = a * b;
		return true;
	case DV_OP_DIV:
	case DV_OP_MOD:
		if (!b) {
			DV_ERR_AT(ck, n->op_loc, "D_DIV_ZERO", "expression contains division by zero");
			return false;
		}
		if (!sgn)
			*ret = n->op == DV_OP_DIV ? a / b : a % b;
		else if (sb == -1) // the lowest number has no opposite
			*ret = n->op == DV_OP_DIV ? -a : 0;
		else
			*ret = (uint64_t)(n->op == DV_OP_DIV ? sa / sb : sa % sb);
		return true;
	case DV_OP_AND:
		*ret = a & b;
		return true;
	case DV_OP_OR:
		*ret = a | b;
		return true;
	case DV_OP_XOR:
		*ret = a ^ b;
		return true;
	case DV_OP_SHL:
		*ret = a << (b & 63);
		return true;
	case DV_OP_SHR:
		*ret = sgn ? (uint64_t)(sa >> (b & 63)) : a >> (b & 63);
		return true;
	case DV_OP_EQ:
		*ret = a == b;
		return true;
	case DV_OP_NE:
		*ret = a != b;
		return true;
	case DV_OP_LT:
		*ret = sgn ? sa < sb : a < b;
		return true;
	case DV_OP_LE:
		*ret = sgn ? sa <= sb : a <= b;
		return true;
	case DV_OP_GT:
		*ret = sgn ? sa > sb : a > b;
		return true;
	case DV_OP_GE:
		*ret = sgn ? sa >= sb : a >= b;
		return true;
	case DV_OP_LAND:
		*ret = a && b;
		return true;
	case DV_OP_LOR:
		*ret = a || b;
		return true;
	case DV_OP_LXOR:
		*ret = !a != !b;
		return true;
	default:
		return false;
	}
}

// A typed UNARY or BINARY of constants becomes a constant. NULL after a division by zero.
struct dv_node *dv_fold(struct dv_check *ck, struct dv_node *n)
{
	uint64_t v;

	if (n->scale)
		return n;
	for (uint32_t i = 0; i < n->kid_count; i++)
		if (n->kids[i]->kind != DV_NODE_INT)
			return n;
	if (n->kind == DV_NODE_BINARY) {
		if (!fold_binary(ck, n, n->kids[0]->ival, n->kids[1]->ival, &v))
			return NULL;
	} else if (n->kind == DV_NODE_UNARY) {
		uint64_t a = n->kids[0]->ival;

		v = n->op == DV_OP_NEG ? -a : n->op == DV_OP_BITNOT ? ~a : n->op == DV_OP_NOT ? !a : a;
	} else {
		return n;
	}
	return dv_int_node(ck, n, v, n->type);
}
