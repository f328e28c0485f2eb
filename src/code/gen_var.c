/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables. A cell is found in three ways: a global's is a constant, this-> asks for it by offset, and an element of
 * an array or a self-> variable is looked up under its key tuple. There is one tuple under construction, so the keys
 * are all evaluated and held before the first is pushed, unless none of them looks anything up itself.
 *
 * A pointer that is stored outlives the firing, so "the machine that fired" is stored as that machine's index.
 */
#include "code/gen.h"

static bool is_dynamic(const struct dv_node *n)
{
	return n->kind == DV_NODE_ELEM || n->var->scope == DV_SCOPE_SELF;
}

static uint64_t dyn_flags(const struct dv_node *n, bool create)
{
	return (create ? DV_DYN_CREATE : 0u) | (n->var->scope == DV_SCOPE_SELF ? DV_DYN_SELF : 0u);
}

static bool is_string_key(const struct dv_node *n, const bool *is_string, uint32_t i)
{
	return is_string ? is_string[i] : dv_type_is_string(n->type);
}

static enum dv_fn key_fn(const struct dv_node *n, bool string)
{
	return gen_is_stack(n) ? DV_FN_KEYB : string ? DV_FN_KEYS : DV_FN_KEY;
}

static void key_value(struct gen *g, const struct dv_node *n, bool string)
{
	unsigned mark = g->held;

	if (gen_is_stack(n))
		gen_stack(g, n);
	else if (string)
		gen_string(g, n);
	else
		gen_value(g, n);
	g->held = mark;
}

void gen_keys(struct gen *g, struct dv_node *const *kids, uint32_t count, const bool *is_string)
{
	unsigned mark = g->held, slots[16];
	bool together = count > 1;

	if (count > DV_COUNT(slots)) {
		gen_fail(g, DV_ERR_LIMIT, "%u keys are too many, %zu is the most", count, DV_COUNT(slots));
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct dv_type *t = dv_type_resolve(kids[i]->type);

		if (t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION || t->kind == DV_TYPE_FLOAT) {
			gen_fail(g, DV_ERR_OTHER, "key %u is neither an integer nor a string", i + 1);
			return;
		}
	}
	if (together) {
		together = false;
		for (uint32_t i = 0; i < count; i++)
			together |= !gen_is_keyfree(kids[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		bool string = is_string_key(kids[i], is_string, i);

		key_value(g, kids[i], string);
		if (together) {
			slots[i] = gen_hold(g);
			continue;
		}
		gen_mov(g, 1, 0);
		gen_call(g, key_fn(kids[i], string));
	}
	for (uint32_t i = 0; together && i < count; i++) {
		gen_get(g, 1, slots[i]);
		gen_call(g, key_fn(kids[i], is_string_key(kids[i], is_string, i)));
	}
	g->held = mark;
}

static void push_keys(struct gen *g, const struct dv_node *n)
{
	if (n->kind == DV_NODE_ELEM)
		gen_keys(g, n->kids, n->kid_count, n->var->key_is_string);
}

/** r0 = the variable's cell. A global's is a constant: not for those. */
void gen_cell(struct gen *g, const struct dv_node *n, bool create)
{
	if (g->again && g->again->of == n) {
		gen_get(g, 0, g->again->at.slot);
	} else if (is_dynamic(n)) {
		push_keys(g, n);
		gen_imm(g, 1, n->var->id);
		gen_imm(g, 2, dyn_flags(n, create));
		gen_call(g, DV_FN_DYN);
	} else {
		gen_imm(g, 1, n->var->cell);
		gen_call(g, DV_FN_THIS);
	}
}

/** An element of an array, or a self-> variable, as a whole. */
static bool is_element(const struct dv_node *n)
{
	return (n->kind == DV_NODE_VAR || n->kind == DV_NODE_ELEM) && is_dynamic(n);
}

static bool is_global(const struct dv_node *n)
{
	return !is_dynamic(n) && n->var->scope == DV_SCOPE_GLOBAL;
}

static bool storable(struct gen *g, const struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type);
	char name[64];

	if (gen_root_var(n) && dv_type_is_scalar(t))
		return true;
	if (n->kind == DV_NODE_VAR || n->kind == DV_NODE_ELEM) {
		if (t->kind == DV_TYPE_STRING || dv_type_is_scalar(t))
			return true;
		gen_fail(g, DV_ERR_OTHER,
			 "variable \"%s\" has type \"%s\": only integers, pointers and strings are supported",
			 n->var->name, dv_type_name(n->type, name, sizeof(name)));
	} else {
		gen_fail(g, DV_ERR_OTHER, "memory of a machine cannot be written");
	}
	return false;
}

/** A null pointer may be of a variable never set: it is of the machine that fired, so that its use is a bad address. */
static void null_is_ours(struct gen *g, unsigned slot)
{
	struct label end = {0};

	gen_jmp_imm(g, DV_JNE, 0, 0, &end);
	gen_imm(g, 1, DV_MACH_SELF);
	gen_put(g, slot, 1);
	gen_bind(g, &end);
}

/** Value and machine of a pointer variable: value in r0, machine held. */
static struct mach pointer(struct gen *g, const struct dv_node *n)
{
	struct mach m = {.kind = MACH_HELD};
	struct label end = {0};
	unsigned slot;

	if (is_global(n)) {
		gen_imm(g, 1, n->var->cell + 8);
		gen_call(g, DV_FN_LD);
		m.slot = gen_hold(g);
		gen_imm(g, 1, n->var->cell);
		gen_call(g, DV_FN_LD);
		null_is_ours(g, m.slot);
		return m;
	}
	gen_cell(g, n, false);
	m.slot = gen_hold(g);
	if (is_dynamic(n)) // an absent one must not lead to what lies behind cell 0
		gen_jmp_imm(g, DV_JEQ, 0, 0, &end);
	gen_mov(g, 1, 0);
	gen_call(g, DV_FN_LD);
	slot = gen_hold(g);
	gen_get(g, 1, m.slot);
	gen_alu_imm(g, DV_ADD, 1, 8);
	gen_call(g, DV_FN_LD);
	gen_put(g, m.slot, 0);
	gen_get(g, 0, slot);
	gen_bind(g, &end);
	null_is_ours(g, m.slot);
	return m;
}

struct mach gen_var(struct gen *g, const struct dv_node *n)
{
	bool string = gen_is_kind(n->type, DV_TYPE_STRING);

	if (!storable(g, n))
		return MACH_SELF_VALUE;
	if (gen_is_kind(n->type, DV_TYPE_PTR))
		return pointer(g, n);
	if (is_global(n)) {
		gen_imm(g, string ? 0 : 1, n->var->cell);
	} else {
		gen_cell(g, n, false);
		if (!string)
			gen_mov(g, 1, 0);
	}
	if (!string)
		gen_call(g, DV_FN_LD);
	return MACH_SELF_VALUE;
}

/** r0 = the machine as it is stored in a variable. */
void gen_stored_mach(struct gen *g, const struct mach *m, const struct dv_node *var)
{
	if (m->kind == MACH_HELD) {
		// It may be SELF when it came from a this-> variable.
		struct label end = {0};

		gen_get(g, 0, m->slot);
		if (var->var->scope != DV_SCOPE_THIS) {
			gen_jmp_imm(g, DV_JNE, 0, DV_MACH_SELF, &end);
			gen_imm(g, 1, DV_BI_VM);
			gen_call(g, DV_FN_BI);
			gen_bind(g, &end);
		}
	} else if (m->kind == MACH_CONST && m->id != DV_MACH_SELF && m->id != DV_MACH_USER) {
		gen_imm(g, 0, m->id);
	} else if (var->var->scope == DV_SCOPE_THIS) {
		gen_imm(g, 0, DV_MACH_SELF);
	} else {
		gen_imm(g, 1, DV_BI_VM);
		gen_call(g, DV_FN_BI);
	}
}

/** r0 = the cell of the element that a held value is to be stored in. A value that turns out to be 0 deletes it, as a
 * constant 0 does, and goes to @p end. */
static void element_cell(struct gen *g, const struct dv_node *to, unsigned value, struct label *end)
{
	struct label make = {0};

	push_keys(g, to);
	gen_get(g, 0, value);
	gen_imm(g, 1, to->var->id);
	gen_jmp_imm(g, DV_JNE, 0, 0, &make);
	gen_imm(g, 2, dyn_flags(to, false));
	gen_call(g, DV_FN_DYNDEL);
	gen_jmp(g, end);
	gen_bind(g, &make);
	gen_imm(g, 2, dyn_flags(to, true));
	gen_call(g, DV_FN_DYN);
}

static void store_pointer(struct gen *g, const struct dv_node *to, unsigned value, const struct mach *m)
{
	struct label end = {0};
	unsigned mach, at;

	gen_stored_mach(g, m, to);
	mach = gen_hold(g);
	if (is_global(to)) {
		gen_imm(g, 1, to->var->cell);
		gen_get(g, 2, value);
		gen_call(g, DV_FN_ST);
		gen_imm(g, 1, to->var->cell + 8);
		gen_get(g, 2, mach);
		gen_call(g, DV_FN_ST);
		return;
	}
	if (is_dynamic(to)) {
		element_cell(g, to, value, &end);
		gen_jmp_imm(g, DV_JEQ, 0, 0, &end);
	} else {
		gen_cell(g, to, true);
	}
	at = gen_hold(g);
	gen_mov(g, 1, 0);
	gen_get(g, 2, value);
	gen_call(g, DV_FN_ST);
	gen_get(g, 1, at);
	gen_alu_imm(g, DV_ADD, 1, 8);
	gen_get(g, 2, mach);
	gen_call(g, DV_FN_ST);
	gen_bind(g, &end);
}

/** Store a value that is held, or a constant. */
static void store(struct gen *g, const struct dv_node *to, const struct operand *v, enum dv_fn fn)
{
	struct label end = {0};

	if (is_global(to)) {
		gen_imm(g, 1, to->var->cell);
	} else if (is_dynamic(to) && !v->is_const) {
		element_cell(g, to, v->slot, &end);
		gen_mov(g, 1, 0);
	} else {
		gen_cell(g, to, true);
		gen_mov(g, 1, 0);
	}
	if (v->is_const)
		gen_imm(g, 2, v->value);
	else
		gen_get(g, 2, v->slot);
	gen_call(g, fn);
	gen_bind(g, &end);
}

void gen_delete(struct gen *g, const struct dv_node *n)
{
	push_keys(g, n);
	gen_imm(g, 1, n->var->id);
	gen_imm(g, 2, dyn_flags(n, false));
	gen_call(g, DV_FN_DYNDEL);
}

static struct mach assign_plain(struct gen *g, const struct dv_node *n, bool want)
{
	const struct dv_node *to = n->kids[0], *from = n->kids[1];
	struct mach m = MACH_SELF_VALUE;
	struct operand o = {0};

	if (gen_is_kind(to->type, DV_TYPE_STRING)) {
		gen_string(g, from);
		o.slot = gen_hold(g);
		store(g, to, &o, DV_FN_STS);
	} else if (gen_is_kind(to->type, DV_TYPE_PTR)) {
		m = gen_value(g, from);
		if (gen_is_kind(from->type, DV_TYPE_INT) || gen_is_kind(from->type, DV_TYPE_ENUM))
			m = MACH_SELF_VALUE;
		o.slot = gen_hold(g);
		store_pointer(g, to, o.slot, &m);
	} else {
		o = gen_operand(g, from, gen_itype(to->type));
		store(g, to, &o, DV_FN_ST);
	}
	if (want && o.is_const)
		gen_imm(g, 0, o.value);
	else if (want)
		gen_get(g, 0, o.slot);
	return m;
}

static uint64_t width_of(struct itype t)
{
	return t.size | (t.sgn ? 0x10u : 0);
}

static uint64_t step_of(const struct dv_node *var, uint32_t scale)
{
	const struct dv_type *t = dv_type_resolve(var->type), *to;

	if (t->kind != DV_TYPE_PTR)
		return 1;
	to = t->ref ? dv_type_complete(t->ref) : NULL;
	return scale ? scale : to && to->size ? to->size : 1;
}

/** After an update of self->: r0 is the new value, and the thread's own, so that nobody can be adding to it now. An
 * element of a global array stays, for others may. */
static void delete_if_zero(struct gen *g, const struct dv_node *to)
{
	struct label end = {0};

	gen_jmp_imm(g, DV_JNE, 0, 0, &end);
	gen_delete(g, to);
	gen_imm(g, 0, 0);
	gen_bind(g, &end);
}

/**
 * Read, change, write: atomic by RMW where others can see the variable. The operation is done in 64 bits by the sign of
 * the variable's type and cut to its width. Leaves the new value in r0, and of a pointer where it is.
 */
static void update(struct gen *g, const struct dv_node *to, enum dv_op op, struct operand b, struct place *where)
{
	struct itype own = gen_itype(to->type);
	unsigned at = 0;

	if (gen_root_var(to)) {
		gen_struct_update(g, to, op, b, where);
		return;
	}
	if (is_global(to)) {
		gen_imm(g, 1, to->var->cell);
	} else {
		gen_cell(g, to, true);
		at = is_dynamic(to) && !gen_is_kind(to->type, DV_TYPE_PTR) ? 0 : gen_hold(g);
		where->slot = at;
		gen_mov(g, 1, 0);
	}
	if (is_global(to) || is_dynamic(to)) {
		gen_imm(g, 2, (uint64_t)op - DV_OP_ADD + DV_RMW_ADD);
		if (b.is_const)
			gen_imm(g, 3, b.value);
		else
			gen_get(g, 3, b.slot);
		gen_imm(g, 4, width_of(own));
		gen_call(g, DV_FN_RMW);
		if (to->kind == DV_NODE_VAR && is_dynamic(to) && !gen_is_kind(to->type, DV_TYPE_PTR))
			delete_if_zero(g, to);
		return;
	}
	gen_call(g, DV_FN_LD);
	gen_arith(g, op, (struct itype){8, own.sgn}, b);
	gen_extend(g, own);
	b.slot = gen_hold(g);
	gen_get(g, 1, at);
	gen_mov(g, 2, 0);
	gen_call(g, DV_FN_ST);
	gen_get(g, 0, b.slot);
}

_Static_assert(DV_OP_SHR - DV_OP_ADD == DV_RMW_SHR - DV_RMW_ADD && DV_OP_AND - DV_OP_ADD == DV_RMW_AND - DV_RMW_ADD,
	       "update() counts on the same order");

/** Value and machine of a pointer variable that was just changed in place, at @p where. Of others the value is in r0. */
static struct mach pointer_again(struct gen *g, const struct dv_node *n, const struct place *where)
{
	struct again *outer = g->again, again = {n, *where};
	struct mach m;

	if (!gen_is_kind(n->type, DV_TYPE_PTR))
		return MACH_SELF_VALUE;
	g->again = &again;
	m = gen_root_var(n) ? gen_load(g, n) : pointer(g, n);
	g->again = outer;
	return m;
}

struct mach gen_assign(struct gen *g, const struct dv_node *n, bool want)
{
	const struct dv_node *to = n->kids[0];
	const struct itype word = {8, true};
	struct place where = {0};
	struct operand b;
	uint64_t v;

	if (!n->op && gen_is_const(n->kids[1], &v) && !v && is_element(to)) {
		gen_delete(g, to);
		if (want)
			gen_imm(g, 0, 0);
		return gen_is_aggregate(to->type) ? MACH_STATE_VALUE : (struct mach){.kind = MACH_ANY};
	}
	if (gen_root_var(to) && !n->op)
		return gen_struct_assign(g, n, want);
	if (!n->op && gen_is_memory(to)) {
		gen_store(g, n, want);
		return MACH_SELF_VALUE;
	}
	if (!storable(g, to))
		return MACH_SELF_VALUE;
	if (!n->op)
		return assign_plain(g, n, want);
	if (gen_is_kind(to->type, DV_TYPE_STRING) || n->op > DV_OP_SHR) {
		gen_fail(g, DV_ERR_OTHER, "a string can only be assigned by \"=\"");
		return MACH_SELF_VALUE;
	}
	b = gen_operand(g, n->kids[1], word);
	if (gen_is_kind(to->type, DV_TYPE_PTR)) {
		uint64_t step = step_of(to, n->scale);

		if (b.is_const) {
			b.value *= step;
		} else if (step > 1) {
			gen_get(g, 0, b.slot);
			gen_arith(g, DV_OP_MUL, word, (struct operand){.is_const = true, .value = step});
			gen_put(g, b.slot, 0);
		}
	}
	update(g, to, n->op, b, &where);
	return want ? pointer_again(g, to, &where) : MACH_SELF_VALUE;
}

void gen_incdec(struct gen *g, const struct dv_node *n, bool want, struct mach *m)
{
	const struct dv_node *to = n->kids[0];
	bool up = n->op == DV_OP_PREINC || n->op == DV_OP_POSTINC;
	bool post = n->op == DV_OP_POSTINC || n->op == DV_OP_POSTDEC;
	struct operand one = {.is_const = true};
	struct itype own = gen_itype(to->type);
	struct place where = {0};

	*m = MACH_SELF_VALUE;
	if (!storable(g, to))
		return;
	if (gen_is_kind(to->type, DV_TYPE_STRING)) {
		gen_fail(g, DV_ERR_OTHER, "a string cannot be counted up or down");
		return;
	}
	one.value = step_of(to, n->scale);
	update(g, to, up ? DV_OP_ADD : DV_OP_SUB, one, &where);
	if (!want)
		return;
	*m = pointer_again(g, to, &where);
	if (post)
		gen_arith(g, up ? DV_OP_SUB : DV_OP_ADD, own, one);
}
