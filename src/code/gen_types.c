/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be said of a node before it runs: how its integer is stored, whether it is constant, whose pointer it is. */
#include "code/gen.h"

struct itype gen_itype(const struct dv_type *t)
{
	const struct dv_type *r = t ? dv_type_resolve(t) : NULL;

	if (!r)
		return (struct itype){8, true};
	switch (r->kind) {
	case DV_TYPE_INT:
		if (r->is_bool)
			return (struct itype){1, false};
		return (struct itype){(unsigned)r->size, r->is_signed};
	case DV_TYPE_ENUM:
		return (struct itype){r->size ? (unsigned)r->size : 4, r->is_signed};
	case DV_TYPE_VOID:
		return (struct itype){8, true};
	default:
		return (struct itype){8, false};
	}
}

struct itype gen_promote(struct itype t)
{
	return t.size < 4 ? (struct itype){4, true} : t;
}

struct itype gen_common(struct itype a, struct itype b)
{
	a = gen_promote(a);
	b = gen_promote(b);
	if (a.size != b.size)
		return a.size > b.size ? a : b;
	return (struct itype){a.size, a.sgn && b.sgn};
}

uint64_t gen_fold(uint64_t v, struct itype t)
{
	unsigned shift;

	if (t.size >= 8 || t.size == 0)
		return v;
	shift = 64 - 8 * t.size;
	v <<= shift;
	return t.sgn ? (uint64_t)((int64_t)v >> shift) : v >> shift;
}

void gen_extend(struct gen *g, struct itype t)
{
	if (t.size >= 8 || t.size == 0)
		return;
	if (t.size == 4 && !t.sgn) {
		gen_emit(g, DV_ALU | DV_MOV | DV_X, 0, 0, 0, 0);
	} else if (!t.sgn && t.size <= 2) {
		gen_alu_imm(g, DV_AND, 0, t.size == 1 ? 0xff : 0xffff);
	} else {
		int32_t shift = (int32_t)(64 - 8 * t.size);

		gen_alu_imm(g, DV_LSH, 0, shift);
		gen_alu_imm(g, t.sgn ? DV_ARSH : DV_RSH, 0, shift);
	}
}

void gen_convert(struct gen *g, struct itype from, struct itype to)
{
	if (from.sgn == to.sgn && from.size <= to.size)
		return;
	if (!from.sgn && to.sgn && from.size < to.size)
		return;
	gen_extend(g, to);
}

bool gen_is_kind(const struct dv_type *t, enum dv_type_kind kind)
{
	return t && dv_type_resolve(t)->kind == kind;
}

bool gen_is_const(const struct dv_node *n, uint64_t *v)
{
	for (int i = 0; i < 16 && n->kind == DV_NODE_CAST && n->kid_count == 1 && dv_type_is_scalar(n->type); i++) {
		uint64_t inner;

		if (!gen_is_const(n->kids[0], &inner))
			return false;
		if (gen_is_kind(n->type, DV_TYPE_INT) && dv_type_resolve(n->type)->is_bool)
			inner = inner != 0;
		*v = gen_fold(inner, gen_itype(n->type));
		return true;
	}
	if (n->kind != DV_NODE_INT || gen_is_kind(n->type, DV_TYPE_STRING))
		return false;
	*v = gen_fold(n->ival, gen_itype(n->type));
	return true;
}

int gen_truth(const struct dv_node *n)
{
	uint64_t v;
	int a, b;

	if (gen_is_const(n, &v))
		return v != 0;
	if (n->kind == DV_NODE_UNARY && n->op == DV_OP_NOT) {
		a = gen_truth(n->kids[0]);
		return a < 0 ? -1 : !a;
	}
	if (n->kind != DV_NODE_BINARY || (n->op != DV_OP_LAND && n->op != DV_OP_LOR))
		return -1;
	// A right side that is known decides nothing: the left one still runs.
	a = gen_truth(n->kids[0]);
	if (a < 0)
		return -1;
	b = n->op == DV_OP_LOR;
	return a == b ? b : gen_truth(n->kids[1]);
}

bool gen_is_keyfree(const struct dv_node *n)
{
	if (n->kind == DV_NODE_ELEM || n->kind == DV_NODE_AGG)
		return false;
	if (n->kind == DV_NODE_VAR && n->var->scope == DV_SCOPE_SELF)
		return false;
	for (uint32_t i = 0; i < n->kid_count; i++)
		if (!gen_is_keyfree(n->kids[i]))
			return false;
	return true;
}

static bool is_address(const struct dv_type *t)
{
	const struct dv_type *r = t ? dv_type_resolve(t) : NULL;

	return r && (r->kind == DV_TYPE_PTR || r->kind == DV_TYPE_ARRAY || r->kind == DV_TYPE_FUNC ||
		     r->kind == DV_TYPE_STRUCT || r->kind == DV_TYPE_UNION);
}

static struct mach merge(struct mach a, struct mach b)
{
	if (a.kind == MACH_ANY)
		return b;
	if (b.kind == MACH_ANY)
		return a;
	if (a.kind == MACH_CONST && b.kind == MACH_CONST && a.id == b.id)
		return a;
	return (struct mach){.kind = MACH_HELD};
}

struct mach gen_static_mach(const struct dv_node *n)
{
	uint64_t v;

	switch (n->kind) {
	case DV_NODE_INT:
		return (struct mach){.kind = MACH_ANY};
	case DV_NODE_SYM:
		return (struct mach){.kind = MACH_CONST, .id = n->mach};
	case DV_NODE_VAR:
	case DV_NODE_ELEM:
		if (gen_is_aggregate(n->type))
			return MACH_STATE_VALUE;
		// fall through
	case DV_NODE_INCDEC:
		if (gen_is_kind(n->type, DV_TYPE_PTR))
			return (struct mach){.kind = MACH_HELD};
		return MACH_SELF_VALUE;
	case DV_NODE_DEREF:
	case DV_NODE_MEMBER:
		if (gen_root_var(n))
			return gen_is_kind(n->type, DV_TYPE_PTR) ? (struct mach){.kind = MACH_HELD} : MACH_STATE_VALUE;
		// fall through
	case DV_NODE_ADDROF:
		return gen_static_mach(n->kids[0]);
	case DV_NODE_ASSIGN:
		return n->op ? gen_static_mach(n->kids[0]) : gen_static_mach(n->kids[1]);
	case DV_NODE_COND:
		return merge(gen_static_mach(n->kids[1]), gen_static_mach(n->kids[2]));
	case DV_NODE_BINARY:
		if (n->op == DV_OP_COMMA)
			return gen_static_mach(n->kids[1]);
		if (n->op != DV_OP_ADD && n->op != DV_OP_SUB)
			return MACH_SELF_VALUE;
		return gen_static_mach(is_address(n->kids[0]->type) ? n->kids[0] : n->kids[1]);
	case DV_NODE_CAST:
		if (gen_is_const(n, &v) && v == 0)
			return (struct mach){.kind = MACH_ANY};
		if (gen_is_kind(n->kids[0]->type, DV_TYPE_STRING))
			return MACH_STATE_VALUE;
		return is_address(n->kids[0]->type) ? gen_static_mach(n->kids[0]) : MACH_SELF_VALUE;
	case DV_NODE_CALL:
		if (n->call && n->call->id == DV_C_COPYIN)
			return (struct mach){.kind = MACH_CONST, .id = DV_MACH_SCRATCH};
		return MACH_SELF_VALUE;
	default:
		return MACH_SELF_VALUE;
	}
}
