/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures and arrays of the script's own: variables that are bytes in the state region. Such a variable is an lvalue
 * in memory like any other, of the pseudo machine DV_MACH_STATE, with two differences. It can be written; and an index
 * into an array is checked, since its end is known.
 *
 * A pointer within a structure has its eight bytes, as C says, and no room for its machine. So a variable whose type has
 * pointers is followed by one word that says whose they all are. A structure with one pointer takes the machine of
 * whatever is stored there; one with several holds pointers of one machine at a time: storing one of another machine is
 * a fault, until the whole is assigned anew.
 */
#include "code/gen.h"

bool gen_is_aggregate(const struct dv_type *t)
{
	return gen_is_kind(t, DV_TYPE_STRUCT) || gen_is_kind(t, DV_TYPE_UNION) || gen_is_kind(t, DV_TYPE_ARRAY) ||
	       gen_is_kind(t, DV_TYPE_FLOAT);
}

const struct dv_node *gen_root_var(const struct dv_node *n)
{
	for (int i = 0; i < 1000; i++) {
		const struct dv_node *p;

		switch (n->kind) {
		case DV_NODE_VAR:
		case DV_NODE_ELEM:
			return gen_is_aggregate(n->type) ? n : NULL;
		case DV_NODE_MEMBER:
			n = n->kids[0];
			break;
		case DV_NODE_DEREF:
			p = n->kids[0];
			if (p->kind == DV_NODE_BINARY && (p->op == DV_OP_ADD || p->op == DV_OP_SUB) && p->scale)
				p = p->kids[0];
			if (p->kind != DV_NODE_CAST || !gen_is_kind(p->kids[0]->type, DV_TYPE_ARRAY))
				return NULL;
			n = p->kids[0];
			break;
		default:
			return NULL;
		}
	}
	return NULL;
}

struct place gen_var_place(struct gen *g, const struct dv_node *n, bool create)
{
	struct place p = {.mach = MACH_STATE_VALUE, .var = n->var};

	if (n->kind == DV_NODE_VAR && n->var->scope == DV_SCOPE_GLOBAL) {
		p.is_const = p.root_const = true;
		p.base = p.root = n->var->cell;
		return p;
	}
	gen_cell(g, n, create);
	if (n->var->pointers)
		p.root = gen_hold(g);
	return p;
}

/** r0 = index (extended): a fault unless it is below @p count. */
static void check_bounds(struct gen *g, uint32_t count)
{
	struct label ok = {0};

	if (count > INT32_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "arrays of %u elements are too large", count);
		return;
	}
	gen_jmp_imm(g, DV_JLT, 0, (int32_t)count, &ok);
	gen_mov(g, 2, 0);
	gen_imm(g, 1, DV_FAULT_BADINDEX);
	gen_call(g, DV_FN_FAULT);
	gen_bind(g, &ok);
}

struct place gen_element(struct gen *g, const struct dv_node *n, bool create)
{
	const struct dv_node *array = n->kids[0]->kids[0], *index = n->kids[1];
	uint32_t count = dv_type_resolve(array->type)->count;
	struct place p;
	unsigned slot;
	uint64_t v;

	if (gen_is_const(index, &v)) {
		v = n->op == DV_OP_SUB ? -v : v;
		if (v >= count) {
			gen_imm(g, 0, v);
			check_bounds(g, count);
			v = 0;
		}
		p = gen_place_create(g, array, create);
		p.off += (int64_t)(v * n->scale);
		return p;
	}
	gen_value(g, index);
	if (n->op == DV_OP_SUB)
		gen_emit(g, DV_ALU64 | DV_NEG, 0, 0, 0, 0);
	check_bounds(g, count);
	gen_alu_imm(g, DV_MUL, 0, (int32_t)n->scale);
	slot = gen_hold(g);
	p = gen_place_create(g, array, create);
	gen_place_reg(g, &p, 0);
	gen_alu_reg(g, DV_ADD, 0, gen_reg_of(g, slot, 1));
	p.is_const = false;
	p.off = 0;
	return p;
}

/* -- the machine of its pointers -------------------------------------------------------------------------------- */

/** @p reg = where the word is that follows the variable's bytes. */
static void mach_word(struct gen *g, const struct place *p, unsigned reg)
{
	uint64_t off = (p->var->size + 7u) & ~7u;

	if (p->root_const) {
		gen_imm(g, reg, p->root + off);
		return;
	}
	gen_get(g, reg, (unsigned)p->root);
	gen_alu_imm(g, DV_ADD, reg, (int32_t)off);
}

struct mach gen_struct_mach(struct gen *g, const struct place *p)
{
	struct mach m = {.kind = MACH_HELD};
	struct label set = {0}, end = {0};

	mach_word(g, p, 1);
	gen_call(g, DV_FN_LD);
	m.slot = gen_slot(g);
	gen_jmp_imm(g, DV_JNE, 0, 0, &set);
	gen_imm(g, 0, DV_MACH_SELF); // never set: a null pointer, of the machine that fired
	gen_jmp(g, &end);
	gen_bind(g, &set);
	gen_alu_imm(g, DV_SUB, 0, 1);
	gen_bind(g, &end);
	gen_put(g, m.slot, 0);
	return m;
}

/** Store the word that slot @p word holds. @p whole: nothing of what was there is left. */
static void set_mach(struct gen *g, const struct place *p, unsigned word, bool whole)
{
	struct label store = {0}, end = {0};

	if (!whole && p->var->pointers > 1) {
		mach_word(g, p, 1);
		gen_call(g, DV_FN_LD);
		gen_jmp_imm(g, DV_JEQ, 0, 0, &store);
		gen_get(g, 2, word);
		gen_jmp_reg(g, DV_JEQ, 0, 2, &end);
		gen_alu_imm(g, DV_SUB, 2, 1);
		gen_imm(g, 1, DV_FAULT_BADMACH);
		gen_call(g, DV_FN_FAULT);
		gen_bind(g, &store);
	}
	mach_word(g, p, 1);
	gen_get(g, 2, word);
	gen_call(g, DV_FN_ST);
	gen_bind(g, &end);
}

/* -- assignment ------------------------------------------------------------------------------------------------ */

static bool is_whole(const struct dv_node *to)
{
	return to->kind == DV_NODE_VAR || to->kind == DV_NODE_ELEM;
}

static struct place zero(struct gen *g, const struct dv_node *to)
{
	uint64_t size = dv_type_resolve(to->type)->size;
	struct place p = gen_place_create(g, to, true);

	if (is_whole(to) && to->var->pointers)
		size = ((size + 7) & ~7ull) + 8;
	// In pieces that one call may copy.
	gen_place_hold(g, &p);
	for (uint64_t at = 0; at < size; at += 4096) {
		gen_place_get(g, &p, 1);
		if (at)
			gen_alu_imm(g, DV_ADD, 1, (int32_t)at);
		gen_imm(g, 2, 0);
		gen_imm(g, 3, size - at < 4096 ? size - at : 4096);
		gen_call(g, DV_FN_CPY);
	}
	return p;
}

static struct place copy(struct gen *g, const struct dv_node *to, const struct dv_node *from)
{
	uint64_t size = dv_type_complete(to->type)->size;
	struct place src = gen_place(g, from), dst = {0};
	unsigned bytes, word = 0;
	bool ours = src.mach.kind == MACH_CONST && src.mach.id == DV_MACH_STATE;
	const struct dv_node *root = gen_root_var(to);

	if (size > GEN_RECORD_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "a structure of %llu bytes cannot be assigned: %u is the most",
			 (unsigned long long)size, GEN_RECORD_MAX);
		return dst;
	}
	if (ours) {
		gen_place_reg(g, &src, 0);
	} else {
		gen_place_reg(g, &src, 2);
		gen_mach_reg(g, &src.mach, 1);
		gen_imm(g, 3, size);
		gen_call(g, DV_FN_RDMEM);
	}
	bytes = gen_hold(g);
	if (root->var->pointers) {
		if (ours && src.var && src.var->pointers) {
			mach_word(g, &src, 1);
			gen_call(g, DV_FN_LD);
		} else {
			gen_stored_mach(g, &src.mach, root);
			gen_alu_imm(g, DV_ADD, 0, 1);
		}
		word = gen_hold(g);
	}
	dst = gen_place_create(g, to, true);
	gen_place_hold(g, &dst);
	gen_place_get(g, &dst, 1);
	gen_get(g, 2, bytes);
	gen_imm(g, 3, size);
	gen_call(g, DV_FN_CPY);
	if (root->var->pointers)
		set_mach(g, &dst, word, is_whole(to));
	return dst;
}

static struct place set_text(struct gen *g, const struct dv_node *to, const struct dv_node *from)
{
	struct place p;
	unsigned text;

	gen_string(g, from);
	text = gen_hold(g);
	p = gen_place_create(g, to, true);
	gen_place_hold(g, &p);
	gen_place_get(g, &p, 1);
	gen_get(g, 2, text);
	gen_imm(g, 3, dv_type_resolve(to->type)->size);
	gen_call(g, DV_FN_STSN);
	return p;
}

struct place gen_struct_set(struct gen *g, const struct dv_node *n)
{
	const struct dv_node *to = n->kids[0], *from = n->kids[1];
	struct place p = {.mach = MACH_STATE_VALUE};
	uint64_t v;

	if (gen_is_const(from, &v) && is_whole(to) && (to->kind == DV_NODE_ELEM || to->var->scope == DV_SCOPE_SELF)) {
		gen_delete(g, to); // what is not there reads as zeros
		gen_imm(g, 0, 0);
		return p;
	}
	if (gen_is_const(from, &v))
		p = zero(g, to);
	else if (gen_is_kind(from->type, DV_TYPE_STRING))
		p = set_text(g, to, from);
	else
		p = copy(g, to, from);
	if (p.held)
		gen_get(g, 0, p.slot);
	p.held = false;
	return p;
}

static void store_pointer(struct gen *g, const struct dv_node *to, unsigned value, const struct mach *m)
{
	const struct dv_node *root = gen_root_var(to);
	struct label null = {0};
	struct place p;
	unsigned word;

	gen_stored_mach(g, m, root);
	gen_alu_imm(g, DV_ADD, 0, 1);
	word = gen_hold(g);
	p = gen_place_create(g, to, true);
	gen_place_reg(g, &p, 1);
	gen_imm(g, 2, 8);
	gen_get(g, 3, value);
	gen_call(g, DV_FN_STN);
	gen_get(g, 0, value);
	gen_jmp_imm(g, DV_JEQ, 0, 0, &null); // a null pointer is of any machine
	set_mach(g, &p, word, is_whole(to));
	gen_bind(g, &null);
}

/** Put the low bits of a value (a constant, or held) into a bit-field, whose word is at @p p. */
static void put_bits(struct gen *g, const struct place *p, const struct bits *b, const struct operand *v)
{
	uint64_t mask = (b->size < 64 ? (1ull << b->size) - 1 : ~0ull) << b->first;

	gen_place_get(g, p, 1);
	gen_imm(g, 2, b->bytes);
	gen_call(g, DV_FN_LDN);
	gen_imm(g, 1, ~mask);
	gen_alu_reg(g, DV_AND, 0, 1);
	if (v->is_const) {
		gen_imm(g, 2, v->value << b->first & mask);
	} else {
		gen_get(g, 2, v->slot);
		gen_alu_imm(g, DV_LSH, 2, (int32_t)b->first);
		gen_imm(g, 1, mask);
		gen_alu_reg(g, DV_AND, 2, 1);
	}
	gen_alu_reg(g, DV_OR, 0, 2);
	gen_mov(g, 3, 0);
	gen_place_get(g, p, 1);
	gen_imm(g, 2, b->bytes);
	gen_call(g, DV_FN_STN);
}

/** The word that a bit-field lies in, held. */
static bool find_bits(struct gen *g, const struct dv_node *to, struct place *p, struct bits *b)
{
	*p = gen_place_create(g, to, true);
	if (!gen_bits(g, to, b))
		return false;
	p->off -= b->back;
	gen_place_hold(g, p);
	return true;
}

static void store_int(struct gen *g, const struct dv_node *to, const struct operand *v)
{
	struct place p;
	struct bits b;

	if (to->kind == DV_NODE_MEMBER && to->bit_size) {
		if (find_bits(g, to, &p, &b))
			put_bits(g, &p, &b, v);
		return;
	}
	p = gen_place_create(g, to, true);
	gen_place_reg(g, &p, 1);
	gen_imm(g, 2, gen_itype(to->type).size);
	if (v->is_const)
		gen_imm(g, 3, v->value);
	else
		gen_get(g, 3, v->slot);
	gen_call(g, DV_FN_STN);
}

/** What a bit-field gives back of the value that was stored in it. */
static void cut_bits(struct gen *g, const struct dv_node *to)
{
	if (to->kind != DV_NODE_MEMBER || !to->bit_size || to->bit_size >= 64)
		return;
	gen_alu_imm(g, DV_LSH, 0, (int32_t)(64 - to->bit_size));
	gen_alu_imm(g, gen_itype(to->type).sgn ? DV_ARSH : DV_RSH, 0, (int32_t)(64 - to->bit_size));
}

struct mach gen_struct_assign(struct gen *g, const struct dv_node *n, bool want)
{
	const struct dv_node *to = n->kids[0], *from = n->kids[1];
	struct mach m = MACH_SELF_VALUE;
	struct operand o = {0};
	struct place p;

	if (gen_is_aggregate(to->type)) {
		p = gen_struct_set(g, n);
		if (want)
			gen_place_reg(g, &p, 0);
		return p.mach;
	}
	if (gen_is_kind(to->type, DV_TYPE_STRING)) {
		gen_string(g, from);
		o.slot = gen_hold(g);
		p = gen_place_create(g, to, true);
		gen_place_reg(g, &p, 1);
		gen_get(g, 2, o.slot);
		gen_call(g, DV_FN_STS);
	} else if (gen_is_kind(to->type, DV_TYPE_PTR)) {
		m = gen_value(g, from);
		if (gen_is_kind(from->type, DV_TYPE_INT) || gen_is_kind(from->type, DV_TYPE_ENUM))
			m = MACH_SELF_VALUE;
		o.slot = gen_hold(g);
		store_pointer(g, to, o.slot, &m);
	} else {
		o = gen_operand(g, from, gen_itype(to->type));
		store_int(g, to, &o);
	}
	if (!want)
		return m;
	if (o.is_const)
		gen_imm(g, 0, o.value);
	else
		gen_get(g, 0, o.slot);
	cut_bits(g, to);
	return m;
}

/** r0 = bit-field op b. */
static void update_bits(struct gen *g, const struct dv_node *to, enum dv_op op, struct operand v)
{
	struct itype own = gen_itype(to->type);
	struct place p;
	struct bits b;

	if (!find_bits(g, to, &p, &b))
		return;
	gen_place_get(g, &p, 1);
	gen_imm(g, 2, b.bytes);
	gen_call(g, DV_FN_LDN);
	gen_alu_imm(g, DV_LSH, 0, (int32_t)(64 - b.first - b.size));
	gen_alu_imm(g, own.sgn ? DV_ARSH : DV_RSH, 0, (int32_t)(64 - b.size));
	gen_arith(g, op, (struct itype){8, own.sgn}, v);
	cut_bits(g, to);
	v = (struct operand){.slot = gen_hold(g)};
	put_bits(g, &p, &b, &v);
	gen_get(g, 0, v.slot);
}

void gen_struct_update(struct gen *g, const struct dv_node *to, enum dv_op op, struct operand b, struct place *at)
{
	struct itype own = gen_itype(to->type);

	if (to->kind == DV_NODE_MEMBER && to->bit_size) {
		update_bits(g, to, op, b);
		return;
	}
	*at = gen_place_create(g, to, true);
	if (gen_is_kind(to->type, DV_TYPE_PTR))
		gen_place_hold(g, at);
	gen_place_get(g, at, 1);
	gen_imm(g, 2, (uint64_t)op - DV_OP_ADD + DV_RMW_ADD);
	if (b.is_const)
		gen_imm(g, 3, b.value);
	else
		gen_get(g, 3, b.slot);
	gen_imm(g, 4, own.size | (own.sgn ? 0x10u : 0));
	gen_call(g, DV_FN_RMWN);
}
