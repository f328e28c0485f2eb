/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of machines. An lvalue is an address and a machine; offsets of members and constant indices are summed up
 * while generating, so that `p->a.b[3]` costs one addition. A pointer that was loaded from a machine's memory points
 * into that machine; whether into its kernel or into the process that runs there is in the pointer's type. When the
 * machine is known only as the clause runs, PMACH makes sure, before the first access, that its kernel has the types
 * that the clause was compiled with.
 */
#include "code/gen.h"

bool gen_is_memory(const struct dv_node *n)
{
	return n->kind == DV_NODE_DEREF || n->kind == DV_NODE_MEMBER || n->kind == DV_NODE_SYM ||
	       ((n->kind == DV_NODE_VAR || n->kind == DV_NODE_ELEM) && gen_is_aggregate(n->type));
}

void gen_mach_reg(struct gen *g, const struct mach *m, unsigned reg)
{
	if (m->kind == MACH_HELD)
		gen_get(g, reg, m->slot);
	else
		gen_imm(g, reg, m->kind == MACH_CONST ? m->id : DV_MACH_SELF);
}

void gen_mach_check(struct gen *g, struct mach *m, const struct dv_type *t)
{
	const struct dv_type *r = dv_type_resolve(t);
	uint32_t universe = r->universe ? r->universe->id : 0;
	unsigned mark = g->held, slot;

	// Integers and the like are the same everywhere.
	if (!universe || m->checked == universe)
		return;
	if (m->kind == MACH_ANY || (m->kind == MACH_CONST && m->id >= DV_MACH_MAX))
		return;
	slot = gen_hold(g);
	gen_mach_reg(g, m, 1);
	gen_imm(g, 2, universe);
	gen_call(g, DV_FN_PMACH);
	gen_get(g, 0, slot);
	g->held = mark;
	m->checked = universe;
}

void gen_pointee(struct gen *g, struct mach *m, const struct dv_type *t)
{
	struct label ours = {0};
	unsigned mark = g->held, addr;

	if (!dv_type_resolve(t)->is_user || (m->kind == MACH_CONST && m->id != DV_MACH_SELF))
		return;
	if (m->kind == MACH_HELD) {
		addr = gen_hold(g);
		gen_get(g, 1, m->slot);
		gen_jmp_imm(g, DV_JEQ, 1, DV_MACH_SELF, &ours);
		gen_imm(g, 1, DV_BI_VM);
		gen_call(g, DV_FN_BI);
		gen_get(g, 2, m->slot);
		gen_jmp_reg(g, DV_JEQ, 0, 2, &ours);
		gen_imm(g, 1, DV_FAULT_BADMACH);
		gen_call(g, DV_FN_FAULT);
		gen_bind(g, &ours);
		gen_get(g, 0, addr);
		g->held = mark;
	}
	*m = (struct mach){.kind = MACH_CONST, .id = DV_MACH_USER};
}

void gen_place_reg(struct gen *g, const struct place *p, unsigned reg)
{
	if (p->is_const) {
		gen_imm(g, reg, p->base + (uint64_t)p->off);
		return;
	}
	gen_mov(g, reg, 0);
	if (!p->off)
		return;
	if (gen_fits((uint64_t)p->off)) {
		gen_alu_imm(g, DV_ADD, reg, (int32_t)p->off);
	} else {
		gen_imm(g, 1, (uint64_t)p->off);
		gen_alu_reg(g, DV_ADD, reg, 1);
	}
}

void gen_place_hold(struct gen *g, struct place *p)
{
	unsigned slot;

	if (p->is_const || p->held)
		return;
	gen_place_reg(g, p, 0);
	slot = gen_hold(g);
	p->off = 0;
	p->held = true;
	p->slot = slot;
}

void gen_place_get(struct gen *g, const struct place *p, unsigned reg)
{
	if (p->held)
		gen_get(g, reg, p->slot);
	else
		gen_place_reg(g, p, reg);
}

/** array + index, of an array of the script's own? */
static bool is_element(const struct dv_node *n)
{
	const struct dv_node *a = n->kids ? n->kids[0] : NULL;

	return n->kind == DV_NODE_BINARY && (n->op == DV_OP_ADD || n->op == DV_OP_SUB) && n->scale &&
	       n->scale <= INT32_MAX && a->kind == DV_NODE_CAST && gen_is_kind(a->type, DV_TYPE_PTR) &&
	       gen_is_kind(a->kids[0]->type, DV_TYPE_ARRAY) && dv_type_resolve(a->kids[0]->type)->count &&
	       gen_root_var(a->kids[0]);
}

/** What a pointer expression points to; constant steps go into the offset. */
static struct place pointed(struct gen *g, const struct dv_node *n, bool create)
{
	const struct dv_type *t = dv_type_resolve(n->type);
	struct place p = {0};
	uint64_t v;

	if (++g->depth > GEN_DEPTH_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "expression is too complex");
	} else if (gen_is_const(n, &v)) {
		p = (struct place){.is_const = true, .base = v, .mach = MACH_SELF_VALUE};
	} else if (n->kind == DV_NODE_ADDROF || (gen_is_memory(n) && t->kind != DV_TYPE_PTR)) {
		p = gen_place_create(g, n->kind == DV_NODE_ADDROF ? n->kids[0] : n, create);
	} else if (is_element(n)) {
		p = gen_element(g, n, create);
	} else if (n->kind == DV_NODE_CAST && t->kind == DV_TYPE_PTR &&
		   (gen_is_kind(n->kids[0]->type, DV_TYPE_PTR) || gen_is_kind(n->kids[0]->type, DV_TYPE_ARRAY))) {
		p = pointed(g, n->kids[0], create);
	} else if (n->kind == DV_NODE_BINARY && (n->op == DV_OP_ADD || n->op == DV_OP_SUB) && n->scale &&
		   !gen_is_kind(n->kids[0]->type, DV_TYPE_INT) && gen_is_const(n->kids[1], &v)) {
		p = pointed(g, n->kids[0], create);
		v *= n->scale;
		p.off = (int64_t)((uint64_t)p.off + (n->op == DV_OP_ADD ? v : -v));
	} else {
		p.mach = gen_value(g, n);
	}
	g->depth--;
	return p;
}

struct place gen_place(struct gen *g, const struct dv_node *n)
{
	return gen_place_create(g, n, false);
}

struct place gen_place_create(struct gen *g, const struct dv_node *n, bool create)
{
	struct place p = {0};

	if (++g->depth > GEN_DEPTH_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "expression is too complex");
		g->depth--;
		return p;
	}
	if (n->loc.line)
		g->loc = n->loc;
	if (g->again && g->again->of == n) {
		p = g->again->at;
		if (p.held)
			gen_get(g, 0, p.slot);
		p.held = false;
		g->depth--;
		return p;
	}
	switch (n->kind) {
	case DV_NODE_SYM:
		p = (struct place){.is_const = true, .base = n->addr, .mach = {.kind = MACH_CONST, .id = n->mach}};
		break;
	case DV_NODE_VAR:
	case DV_NODE_ELEM:
		p = gen_var_place(g, n, create);
		break;
	case DV_NODE_BINARY: // a, b: the structure b, made by a
		if (n->op == DV_OP_COMMA) {
			gen_effect(g, n->kids[0]);
			p = gen_place_create(g, n->kids[1], create);
		} else {
			p.mach = gen_value(g, n);
		}
		break;
	case DV_NODE_MEMBER:
		p = gen_place_create(g, n->kids[0], create);
		p.off = (int64_t)((uint64_t)p.off + n->bit_off / 8);
		break;
	case DV_NODE_DEREF:
		p = pointed(g, n->kids[0], create);
		// A symbol's types are those of its kernel by construction.
		if (!p.is_const)
			gen_mach_check(g, &p.mach, n->type);
		gen_pointee(g, &p.mach, n->kids[0]->type);
		break;
	case DV_NODE_ASSIGN:
		if (gen_is_aggregate(n->type))
			p = gen_struct_set(g, n);
		else
			p.mach = gen_value(g, n);
		break;
	default: // an array picked by ?: and the like: its address is its value
		p.mach = gen_value(g, n);
		break;
	}
	g->depth--;
	return p;
}

/** r0 = @p size bytes at the place. */
static void read_at(struct gen *g, struct place *p, unsigned size)
{
	if (p->mach.kind == MACH_CONST && p->mach.id == DV_MACH_STATE) {
		gen_place_reg(g, p, 1);
		gen_imm(g, 2, size);
		gen_call(g, DV_FN_LDN);
		return;
	}
	gen_place_reg(g, p, 2);
	gen_mach_reg(g, &p->mach, 1);
	gen_imm(g, 3, size);
	gen_call(g, DV_FN_RD);
}

bool gen_bits(struct gen *g, const struct dv_node *n, struct bits *b)
{
	b->size = n->bit_size;
	b->first = n->bit_off % 8;
	b->back = 0;
	// The smallest naturally aligned word that has all the bits, else the bytes from the first bit on.
	for (b->bytes = 1; b->bytes <= 8; b->bytes *= 2)
		if (n->bit_off % (8 * b->bytes) + b->size <= 8 * b->bytes)
			break;
	if (b->bytes <= 8) {
		b->first = n->bit_off % (8 * b->bytes);
		b->back = n->bit_off / 8 % b->bytes;
	} else {
		b->bytes = 8;
	}
	if (b->size <= 64 && b->first + b->size <= 64)
		return true;
	gen_fail(g, DV_ERR_LIMIT, "bit-field spans more than 8 bytes");
	return false;
}

static void load_bits(struct gen *g, const struct dv_node *n, struct place *p)
{
	struct itype t = gen_itype(n->type);
	struct bits b;

	if (!gen_bits(g, n, &b))
		return;
	p->off -= b.back;
	read_at(g, p, b.bytes);
	if (64 - b.first - b.size)
		gen_alu_imm(g, DV_LSH, 0, (int32_t)(64 - b.first - b.size));
	if (b.size < 64)
		gen_alu_imm(g, t.sgn ? DV_ARSH : DV_RSH, 0, (int32_t)(64 - b.size));
}

/** A string that lies in memory as one: of the script's own, or, by a cast, of a machine. */
static struct mach load_string(struct gen *g, const struct dv_node *n, struct place *p)
{
	struct label there = {0};
	bool ours = p->mach.kind == MACH_CONST && p->mach.id == DV_MACH_STATE;

	if (!ours) {
		gen_place_reg(g, p, 2);
		gen_mach_reg(g, &p->mach, 1);
		gen_imm(g, 3, dv_type_resolve(n->type)->size);
		gen_call(g, DV_FN_RDSTR);
		return MACH_SELF_VALUE;
	}
	gen_place_reg(g, p, 0);
	if (!p->is_const) { // of an element that is not there it is empty
		gen_jmp_imm(g, DV_JGE, 0, DV_GLOBALS_OFF, &there);
		gen_imm(g, 0, 0);
		gen_bind(g, &there);
	}
	return MACH_SELF_VALUE;
}

/** Where a pointer points that was loaded, r0: into the machine that it was loaded from; from scratch, or from the process
 * that runs, the machine that fired, for what is there comes from it. */
static struct mach from_scratch(struct gen *g, struct mach m)
{
	struct label end = {0};

	if (m.kind == MACH_CONST && (m.id == DV_MACH_SCRATCH || m.id == DV_MACH_USER))
		return MACH_SELF_VALUE;
	if (m.kind != MACH_HELD)
		return m;
	gen_get(g, 1, m.slot);
	gen_jmp_imm(g, DV_JNE, 1, DV_MACH_SCRATCH, &end);
	gen_imm(g, 1, DV_MACH_SELF);
	gen_put(g, m.slot, 1);
	gen_bind(g, &end);
	return m;
}

struct mach gen_address_mach(const struct place *p)
{
	return p->mach.kind == MACH_CONST && p->mach.id == DV_MACH_USER ? MACH_SELF_VALUE : p->mach;
}

struct mach gen_load(struct gen *g, const struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type);
	struct place p = gen_place(g, n);
	struct itype it = gen_itype(t);
	char name[64];

	switch (t->kind) {
	case DV_TYPE_ARRAY:
	case DV_TYPE_STRUCT:
	case DV_TYPE_UNION:
	case DV_TYPE_FLOAT:
	case DV_TYPE_FUNC:
		gen_place_reg(g, &p, 0);
		return gen_address_mach(&p);
	case DV_TYPE_STRING:
		return load_string(g, n, &p);
	case DV_TYPE_INT:
	case DV_TYPE_ENUM:
	case DV_TYPE_PTR:
		break;
	default:
		it.size = 0;
		break;
	}
	if (n->kind == DV_NODE_MEMBER && n->bit_size) {
		load_bits(g, n, &p);
	} else if (it.size == 1 || it.size == 2 || it.size == 4 || it.size == 8) {
		read_at(g, &p, it.size);
		if (it.sgn)
			gen_extend(g, it);
	} else {
		gen_fail(g, DV_ERR_OTHER, "a value of type \"%s\" cannot be read",
			 dv_type_name(n->type, name, sizeof(name)));
	}
	if (t->kind != DV_TYPE_PTR)
		return MACH_SELF_VALUE;
	if (p.var && p.var->pointers) {
		unsigned slot = gen_hold(g);
		struct mach m = gen_struct_mach(g, &p);

		gen_get(g, 0, slot);
		return m;
	}
	return from_scratch(g, p.mach);
}

/** The value is found first: what it takes may use all registers that the address needs. */
void gen_store(struct gen *g, const struct dv_node *n, bool want)
{
	const struct dv_node *to = n->kids[0];
	struct itype t = gen_itype(to->type);
	struct again *outer = g->again, again = {.of = to};
	struct operand v;
	struct place p;

	if (n->is_update) {
		again.at = gen_place(g, to);
		gen_place_hold(g, &again.at);
		g->again = &again;
	}
	v = gen_operand(g, n->kids[1], t);
	p = gen_place(g, to);
	g->again = outer;
	gen_place_reg(g, &p, 2);
	gen_mach_reg(g, &p.mach, 1);
	gen_operand_reg(g, &v, 3);
	gen_imm(g, 4, t.size);
	gen_call(g, DV_FN_WR);
	if (want)
		gen_operand_reg(g, &v, 0);
}
