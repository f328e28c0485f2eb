/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions: operators, conditions, strings, subroutines. */
#include <limits.h>
#include <string.h>

#include "code/gen.h"

struct operand gen_operand(struct gen *g, const struct dv_node *n, struct itype as)
{
	struct operand o = {0};

	if (gen_is_const(n, &o.value)) {
		o.is_const = true;
		o.value = gen_fold(o.value, as);
		return o;
	}
	gen_value(g, n);
	gen_convert(g, gen_itype(n->type), as);
	o.slot = gen_hold(g);
	return o;
}

void gen_operand_reg(struct gen *g, const struct operand *o, unsigned reg)
{
	if (o->is_const)
		gen_imm(g, reg, o->value);
	else
		gen_get(g, reg, o->slot);
}

static uint8_t alu_of(enum dv_op op, bool sgn)
{
	switch (op) {
	case DV_OP_ADD:
		return DV_ADD;
	case DV_OP_SUB:
		return DV_SUB;
	case DV_OP_MUL:
		return DV_MUL;
	case DV_OP_AND:
		return DV_AND;
	case DV_OP_OR:
		return DV_OR;
	case DV_OP_XOR:
		return DV_XOR;
	case DV_OP_SHL:
		return DV_LSH;
	default:
		return sgn ? DV_ARSH : DV_RSH;
	}
}

static void divide(struct gen *g, enum dv_op op, struct itype t, struct operand b)
{
	gen_mov(g, 2, 0);
	gen_operand_reg(g, &b, 3);
	if (op == DV_OP_DIV)
		gen_imm(g, 1, t.sgn ? DV_SDIV : DV_UDIV);
	else
		gen_imm(g, 1, t.sgn ? DV_SMOD : DV_UMOD);
	gen_call(g, DV_FN_DIV);
	if (t.sgn)
		gen_extend(g, t); // INT_MIN / -1
}

void gen_arith(struct gen *g, enum dv_op op, struct itype t, struct operand b)
{
	bool shift = op == DV_OP_SHL || op == DV_OP_SHR;
	uint8_t alu = alu_of(op, t.sgn);

	if (op == DV_OP_DIV || op == DV_OP_MOD) {
		divide(g, op, t, b);
		return;
	}
	if (b.is_const && shift)
		b.value &= 63;
	if (b.is_const && gen_fits(b.value)) {
		gen_alu_imm(g, alu, 0, (int32_t)b.value);
	} else if (b.is_const) {
		gen_imm(g, 1, b.value);
		gen_alu_reg(g, alu, 0, 1);
	} else {
		gen_alu_reg(g, alu, 0, gen_reg_of(g, b.slot, 1));
	}
	// Of operands in range, these leave results in range.
	if (op != DV_OP_AND && op != DV_OP_OR && op != DV_OP_XOR && op != DV_OP_SHR)
		gen_extend(g, t);
}

static bool is_pointer(const struct dv_type *t)
{
	return gen_is_kind(t, DV_TYPE_PTR) || gen_is_kind(t, DV_TYPE_ARRAY);
}

static uint32_t pointee_size(const struct dv_type *t)
{
	const struct dv_type *to = dv_type_resolve(t)->ref;

	to = to ? dv_type_complete(to) : NULL;
	return to && to->size && to->size <= UINT32_MAX ? (uint32_t)to->size : 1;
}

static void scale_up(struct gen *g, uint32_t scale)
{
	if (scale > 1 && !(scale & (scale - 1)))
		gen_alu_imm(g, DV_LSH, 0, __builtin_ctz(scale));
	else if (scale > INT32_MAX)
		gen_fail(g, DV_ERR_LIMIT, "objects of %u bytes are too large to step over", scale);
	else if (scale > 1)
		gen_alu_imm(g, DV_MUL, 0, (int32_t)scale);
}

static struct mach pointer_arith(struct gen *g, const struct dv_node *n)
{
	const struct dv_node *p = n->kids[0], *i = n->kids[1];
	const struct itype word = {8, false};
	struct operand o = {0};
	struct mach m;
	uint32_t scale;

	if (!is_pointer(p->type)) {
		p = n->kids[1];
		i = n->kids[0];
	}
	scale = n->scale ? n->scale : pointee_size(p->type);
	if (is_pointer(i->type)) { // difference
		o = gen_operand(g, n->kids[1], word);
		gen_value(g, n->kids[0]);
		gen_arith(g, DV_OP_SUB, word, o);
		if (scale > 1 && !(scale & (scale - 1)))
			gen_alu_imm(g, DV_ARSH, 0, __builtin_ctz(scale));
		else if (scale > 1)
			divide(g, DV_OP_DIV, (struct itype){8, true},
			       (struct operand){.is_const = true, .value = scale});
		return MACH_SELF_VALUE;
	}
	if (gen_is_const(i, &o.value)) {
		o.is_const = true;
		o.value *= scale;
	} else {
		gen_value(g, i);
		scale_up(g, scale);
		o.slot = gen_hold(g);
	}
	m = gen_value(g, p);
	gen_arith(g, n->op, word, o);
	return m;
}

static struct mach binary(struct gen *g, const struct dv_node *n)
{
	struct itype t, l = gen_itype(n->kids[0]->type), r = gen_itype(n->kids[1]->type);
	const struct dv_node *a = n->kids[0], *b = n->kids[1];
	bool shift = n->op == DV_OP_SHL || n->op == DV_OP_SHR;
	struct operand o;
	uint64_t v;

	if ((n->op == DV_OP_ADD || n->op == DV_OP_SUB) && (is_pointer(a->type) || is_pointer(b->type)))
		return pointer_arith(g, n);
	t = shift ? gen_promote(l) : gen_common(l, r);
	if (gen_is_const(a, &v) && (n->op == DV_OP_ADD || n->op == DV_OP_MUL || n->op == DV_OP_AND ||
				    n->op == DV_OP_OR || n->op == DV_OP_XOR)) {
		a = n->kids[1];
		b = n->kids[0];
	}
	if (gen_is_const(b, &v)) {
		o = (struct operand){.is_const = true, .value = shift ? v : gen_fold(v, t)};
		gen_value(g, a);
		gen_convert(g, gen_itype(a->type), t);
	} else {
		unsigned left;

		gen_value(g, a);
		gen_convert(g, gen_itype(a->type), t);
		left = gen_hold(g);
		gen_value(g, b);
		if (!shift)
			gen_convert(g, gen_itype(b->type), t);
		if (n->op == DV_OP_ADD || n->op == DV_OP_MUL || n->op == DV_OP_AND || n->op == DV_OP_OR ||
		    n->op == DV_OP_XOR) {
			o = (struct operand){.slot = left};
		} else if (left < GEN_HELD_REGS && n->op != DV_OP_DIV && n->op != DV_OP_MOD) {
			gen_alu_reg(g, alu_of(n->op, t.sgn), 6 + left, 0); // the hold is ours to spoil
			gen_mov(g, 0, 6 + left);
			if (n->op == DV_OP_SUB || n->op == DV_OP_SHL)
				gen_extend(g, t);
			gen_convert(g, t, gen_itype(n->type));
			return MACH_SELF_VALUE;
		} else {
			unsigned slot = gen_hold(g);

			gen_get(g, 0, left);
			o = (struct operand){.slot = slot};
		}
	}
	gen_arith(g, n->op, t, o);
	gen_convert(g, t, gen_itype(n->type));
	return MACH_SELF_VALUE;
}

/* -- conditions ----------------------------------------------------------------------------------------------- */

static bool is_compare(enum dv_op op)
{
	return op >= DV_OP_EQ && op <= DV_OP_GE;
}

static enum dv_op negate(enum dv_op op)
{
	switch (op) {
	case DV_OP_EQ:
		return DV_OP_NE;
	case DV_OP_NE:
		return DV_OP_EQ;
	case DV_OP_LT:
		return DV_OP_GE;
	case DV_OP_LE:
		return DV_OP_GT;
	case DV_OP_GT:
		return DV_OP_LE;
	default:
		return DV_OP_LT;
	}
}

static enum dv_op mirror(enum dv_op op)
{
	switch (op) {
	case DV_OP_LT:
		return DV_OP_GT;
	case DV_OP_LE:
		return DV_OP_GE;
	case DV_OP_GT:
		return DV_OP_LT;
	case DV_OP_GE:
		return DV_OP_LE;
	default:
		return op;
	}
}

static uint8_t jump_of(enum dv_op op, bool sgn)
{
	switch (op) {
	case DV_OP_EQ:
		return DV_JEQ;
	case DV_OP_NE:
		return DV_JNE;
	case DV_OP_LT:
		return sgn ? DV_JSLT : DV_JLT;
	case DV_OP_LE:
		return sgn ? DV_JSLE : DV_JLE;
	case DV_OP_GT:
		return sgn ? DV_JSGT : DV_JGT;
	default:
		return sgn ? DV_JSGE : DV_JGE;
	}
}

static void string_const(struct gen *g, const struct dv_node *n, unsigned reg)
{
	size_t len = n->str_len < g->strsize ? n->str_len : g->strsize - 1;

	gen_imm(g, reg, g->err ? 0 : dv_consts_intern(g->consts, n->str, len));
}

/** Character arrays compare as strings only with strings; addresses else. */
static bool compares_strings(const struct dv_node *n)
{
	return gen_is_kind(n->kids[0]->type, DV_TYPE_STRING) || gen_is_kind(n->kids[1]->type, DV_TYPE_STRING);
}

static void jump_compare(struct gen *g, const struct dv_node *n, bool when, struct label *to)
{
	const struct dv_node *a = n->kids[0], *b = n->kids[1];
	enum dv_op op = when ? n->op : negate(n->op);
	unsigned mark = g->held;
	struct itype t;
	uint64_t v;

	if (compares_strings(n)) {
		if (a->kind == DV_NODE_STR) {
			a = n->kids[1];
			b = n->kids[0];
			op = mirror(op);
		}
		gen_string(g, a);
		if (b->kind == DV_NODE_STR) {
			gen_mov(g, 1, 0);
			string_const(g, b, 2);
		} else {
			unsigned left = gen_hold(g);

			gen_string(g, b);
			gen_mov(g, 2, 0);
			gen_get(g, 1, left);
		}
		gen_call(g, DV_FN_SCMP);
		gen_jmp_imm(g, jump_of(op, true), 0, 0, to);
		g->held = mark;
		return;
	}
	t = gen_common(gen_itype(a->type), gen_itype(b->type));
	if (gen_is_const(a, &v)) {
		a = n->kids[1];
		b = n->kids[0];
		op = mirror(op);
	}
	gen_value(g, a);
	gen_convert(g, gen_itype(a->type), t);
	if (gen_is_const(b, &v)) {
		v = gen_fold(v, t);
		if (gen_fits(v)) {
			gen_jmp_imm(g, jump_of(op, t.sgn), 0, (int32_t)v, to);
		} else {
			gen_imm(g, 1, v);
			gen_jmp_reg(g, jump_of(op, t.sgn), 0, 1, to);
		}
	} else {
		unsigned left = gen_hold(g);

		gen_value(g, b);
		gen_convert(g, gen_itype(b->type), t);
		gen_jmp_reg(g, jump_of(op, t.sgn), gen_reg_of(g, left, 1), 0, to);
	}
	g->held = mark;
}

void gen_jump(struct gen *g, const struct dv_node *n, bool when, struct label *to)
{
	int known = gen_truth(n);
	struct label skip = {0};

	if (known >= 0) {
		if (known == when)
			gen_jmp(g, to);
		return;
	}
	if (++g->depth > GEN_DEPTH_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "expression is too complex");
		g->depth--;
		return;
	}
	if (n->kind == DV_NODE_UNARY && n->op == DV_OP_NOT) {
		gen_jump(g, n->kids[0], !when, to);
	} else if (n->kind == DV_NODE_BINARY && (n->op == DV_OP_LAND || n->op == DV_OP_LOR)) {
		// The value of the left side that decides without the right one.
		bool decides = n->op == DV_OP_LOR;

		if (decides == when) {
			gen_jump(g, n->kids[0], decides, to);
			gen_jump(g, n->kids[1], when, to);
		} else {
			gen_jump(g, n->kids[0], decides, &skip);
			gen_jump(g, n->kids[1], when, to);
			gen_bind(g, &skip);
		}
	} else if (n->kind == DV_NODE_BINARY && is_compare(n->op)) {
		jump_compare(g, n, when, to);
	} else {
		unsigned mark = g->held;

		gen_value(g, n);
		if (gen_is_kind(n->type, DV_TYPE_STRING)) {
			gen_mov(g, 1, 0);
			gen_call(g, DV_FN_SLEN);
		}
		gen_jmp_imm(g, when ? DV_JNE : DV_JEQ, 0, 0, to);
		g->held = mark;
	}
	g->depth--;
}

/** 0 or 1: is it not zero? */
void gen_truth_value(struct gen *g, const struct dv_node *n)
{
	struct label no = {0}, end = {0};
	int known = gen_truth(n);

	if (known >= 0) {
		gen_imm(g, 0, (uint64_t)known);
		return;
	}
	gen_jump(g, n, false, &no);
	gen_imm(g, 0, 1);
	gen_jmp(g, &end);
	gen_bind(g, &no);
	gen_imm(g, 0, 0);
	gen_bind(g, &end);
}

static struct mach cond(struct gen *g, const struct dv_node *n)
{
	struct mach m = gen_static_mach(n), side;
	bool pointer = is_pointer(n->type);
	struct label no = {0}, end = {0};
	int known = gen_truth(n->kids[0]);
	unsigned mark;

	if (known >= 0) {
		m = gen_value(g, n->kids[known ? 1 : 2]);
		gen_convert(g, gen_itype(n->kids[known ? 1 : 2]->type), gen_itype(n->type));
		return m;
	}
	if (pointer && m.kind == MACH_HELD)
		m.slot = gen_slot(g);
	mark = g->held;
	gen_jump(g, n->kids[0], false, &no);
	for (int i = 1; i <= 2; i++) {
		if (gen_is_kind(n->type, DV_TYPE_STRING)) {
			gen_string(g, n->kids[i]);
		} else {
			side = gen_value(g, n->kids[i]);
			gen_convert(g, gen_itype(n->kids[i]->type), gen_itype(n->type));
			if (pointer && m.kind == MACH_HELD) {
				gen_mach_reg(g, &side, 1);
				gen_put(g, m.slot, 1);
			}
		}
		g->held = mark;
		if (i == 1) {
			gen_jmp(g, &end);
			gen_bind(g, &no);
		}
	}
	gen_bind(g, &end);
	return pointer ? m : MACH_SELF_VALUE;
}

/* -- strings and conversions ---------------------------------------------------------------------------------- */

void gen_string(struct gen *g, const struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type);
	unsigned mark = g->held;
	struct place p = {0};
	uint64_t limit = 0, v;

	if (t->kind == DV_TYPE_STRING) {
		gen_value(g, n);
		g->held = mark;
		return;
	}
	if (gen_is_const(n, &v) && v == 0) {
		gen_imm(g, 0, 0);
		return;
	}
	if (t->kind == DV_TYPE_ARRAY) {
		p = gen_place(g, n);
		if (p.mach.kind == MACH_CONST && p.mach.id == DV_MACH_STATE) {
			gen_place_reg(g, &p, 1);
			gen_imm(g, 2, t->size);
			gen_call(g, DV_FN_STRN);
			g->held = mark;
			return;
		}
		limit = t->size && t->size < g->strsize ? t->size + 1 : 0; // it need not have a NUL
	} else if (t->kind == DV_TYPE_PTR || t->kind == DV_TYPE_INT) {
		p.mach = gen_value(g, n);
		gen_pointee(g, &p.mach, t);
	} else {
		char name[64];

		gen_fail(g, DV_ERR_OTHER, "a value of type \"%s\" is no string",
			 dv_type_name(n->type, name, sizeof(name)));
		return;
	}
	gen_place_reg(g, &p, 2);
	gen_mach_reg(g, &p.mach, 1);
	gen_imm(g, 3, limit);
	gen_call(g, DV_FN_RDSTR);
	g->held = mark;
}

static struct mach cast(struct gen *g, const struct dv_node *n)
{
	const struct dv_type *to = dv_type_resolve(n->type), *from = dv_type_resolve(n->kids[0]->type);
	struct mach m;

	switch (to->kind) {
	case DV_TYPE_STRING:
		gen_string(g, n->kids[0]);
		return MACH_SELF_VALUE;
	case DV_TYPE_VOID:
		gen_effect(g, n->kids[0]);
		gen_imm(g, 0, 0);
		return MACH_SELF_VALUE;
	case DV_TYPE_FLOAT:
		gen_fail(g, DV_ERR_OTHER, "floating point arithmetic is not supported");
		return MACH_SELF_VALUE;
	case DV_TYPE_INT:
		if (to->is_bool) {
			gen_truth_value(g, n->kids[0]);
			return MACH_SELF_VALUE;
		}
		break;
	default:
		break;
	}
	if (from->kind == DV_TYPE_STRING) { // its characters are in the region
		gen_string(g, n->kids[0]);
		return MACH_STATE_VALUE;
	}
	m = gen_value(g, n->kids[0]);
	if (to->kind == DV_TYPE_INT || to->kind == DV_TYPE_ENUM) {
		gen_convert(g, gen_itype(n->kids[0]->type), gen_itype(n->type));
		return MACH_SELF_VALUE;
	}
	if (from->kind == DV_TYPE_INT || from->kind == DV_TYPE_ENUM)
		return MACH_SELF_VALUE;
	return m;
}

static void unary(struct gen *g, const struct dv_node *n)
{
	struct itype t = gen_itype(n->type);

	if (n->op == DV_OP_NOT) {
		gen_truth_value(g, n);
		return;
	}
	gen_value(g, n->kids[0]);
	gen_convert(g, gen_itype(n->kids[0]->type), t);
	if (n->op == DV_OP_NEG) {
		gen_emit(g, DV_ALU64 | DV_NEG, 0, 0, 0, 0);
		gen_extend(g, t);
	} else if (n->op == DV_OP_BITNOT) {
		gen_alu_imm(g, DV_XOR, 0, -1);
		if (!t.sgn)
			gen_extend(g, t);
	}
}

static void logical_xor(struct gen *g, const struct dv_node *n)
{
	unsigned slot;

	gen_truth_value(g, n->kids[0]);
	slot = gen_hold(g);
	gen_truth_value(g, n->kids[1]);
	gen_alu_reg(g, DV_XOR, 0, gen_reg_of(g, slot, 1));
}

/** An integer built-in, argument or register, cut to its type. */
static struct mach leaf(struct gen *g, const struct dv_node *n)
{
	switch (n->kind) {
	case DV_NODE_BUILTIN:
		gen_imm(g, 1, n->builtin);
		gen_call(g, n->builtin >= DV_BI_STRINGS ? DV_FN_BIS : DV_FN_BI);
		g->prog->vtime |= n->builtin == DV_BI_VTIMESTAMP;
		break;
	case DV_NODE_ARGN:
		gen_imm(g, 1, n->ival);
		gen_call(g, DV_FN_ARG);
		gen_extend(g, gen_itype(n->type));
		break;
	default:
		if (n->kids[0]->kind == DV_NODE_INT) { // as a constant: the host's kernel wants to know which
			gen_imm(g, 1, n->kids[0]->ival);
		} else {
			gen_value(g, n->kids[0]);
			gen_mov(g, 1, 0);
		}
		gen_call(g, DV_FN_REG);
		break;
	}
	return MACH_SELF_VALUE;
}

static struct mach value(struct gen *g, const struct dv_node *n)
{
	struct mach m = MACH_SELF_VALUE;
	struct place p;
	uint64_t v;

	switch (n->kind) {
	case DV_NODE_INT:
		gen_is_const(n, &v);
		gen_imm(g, 0, gen_is_kind(n->type, DV_TYPE_STRING) ? 0 : v);
		return gen_static_mach(n);
	case DV_NODE_STR:
		string_const(g, n, 0);
		return m;
	case DV_NODE_VAR:
	case DV_NODE_ELEM:
		return gen_is_aggregate(n->type) ? gen_load(g, n) : gen_var(g, n);
	case DV_NODE_BUILTIN:
	case DV_NODE_ARGN:
	case DV_NODE_REG:
		return leaf(g, n);
	case DV_NODE_SYM:
	case DV_NODE_DEREF:
	case DV_NODE_MEMBER:
		return gen_load(g, n);
	case DV_NODE_UNARY:
		unary(g, n);
		return m;
	case DV_NODE_INCDEC:
		gen_incdec(g, n, true, &m);
		return m;
	case DV_NODE_BINARY:
		if (n->op == DV_OP_COMMA) {
			gen_effect(g, n->kids[0]);
			return gen_value(g, n->kids[1]);
		}
		if (n->op == DV_OP_LXOR)
			logical_xor(g, n);
		else if (n->op == DV_OP_LAND || n->op == DV_OP_LOR || is_compare(n->op))
			gen_truth_value(g, n);
		else
			return binary(g, n);
		return m;
	case DV_NODE_ASSIGN:
		return gen_assign(g, n, true);
	case DV_NODE_COND:
		return cond(g, n);
	case DV_NODE_CAST:
		return cast(g, n);
	case DV_NODE_ADDROF:
		p = gen_place(g, n->kids[0]);
		gen_place_reg(g, &p, 0);
		return gen_address_mach(&p);
	case DV_NODE_CALL:
		return gen_subr(g, n);
	default:
		gen_fail(g, DV_ERR_OTHER, "this cannot be part of an expression");
		return m;
	}
}

struct mach gen_value(struct gen *g, const struct dv_node *n)
{
	struct mach m = MACH_SELF_VALUE;
	unsigned mark = g->held;

	if (g->err)
		return m;
	if (++g->depth > GEN_DEPTH_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "expression is too complex");
	} else {
		if (n->loc.line)
			g->loc = n->loc;
		m = value(g, n);
	}
	g->depth--;
	g->held = m.kind == MACH_HELD && m.slot >= mark ? m.slot + 1 : mark;
	return m;
}

static void comma(struct gen *g, const struct dv_node *n)
{
	if (++g->depth > GEN_DEPTH_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "expression is too complex");
	} else {
		gen_effect(g, n->kids[0]);
		gen_effect(g, n->kids[1]);
	}
	g->depth--;
}

void gen_effect(struct gen *g, const struct dv_node *n)
{
	unsigned mark = g->held;
	struct mach m;

	if (n->kind == DV_NODE_ASSIGN)
		gen_assign(g, n, false);
	else if (n->kind == DV_NODE_INCDEC)
		gen_incdec(g, n, false, &m);
	else if (n->kind == DV_NODE_BINARY && n->op == DV_OP_COMMA)
		comma(g, n);
	else
		gen_value(g, n);
	g->held = mark;
}
