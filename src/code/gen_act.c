/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements: expressions, aggregations, and actions with the fields that they add to the record. */
#include <string.h>

#include "code/gen.h"

static const struct dv_node *action_of(const struct dv_stmt *s)
{
	const struct dv_node *n = s->expr;

	return s->kind != DV_STMT_AGG && s->kind != DV_STMT_IF && n && n->kind == DV_NODE_CALL && n->call && n->call->kind == DV_CALL_ACTION
		   ? n
		   : NULL;
}

/** Done where the probe fired, not by the consumer; they leave nothing in the clause's record. */
static bool is_immediate(enum dv_call_id id)
{
	return id == DV_C_SPECULATE || id == DV_C_COMMIT || id == DV_C_DISCARD || id == DV_C_RAISE || id == DV_C_CHILL;
}

static bool leaves(const struct dv_node *action)
{
	return action && !is_immediate(action->call->id);
}

bool gen_speculates(const struct dv_stmt *s)
{
	const struct dv_node *a;

	for (; s; s = s->next) {
		a = s->kind == DV_STMT_IF ? NULL : action_of(s);
		if (s->kind == DV_STMT_IF ? gen_speculates(s->then) || gen_speculates(s->otherwise)
					  : a && a->call->id == DV_C_SPECULATE)
			return true;
	}
	return false;
}

bool gen_writes(const struct dv_stmt *s)
{
	for (; s; s = s->next) {
		if (s->kind == DV_STMT_IF ? gen_writes(s->then) || gen_writes(s->otherwise) : leaves(action_of(s)))
			return true;
	}
	return false;
}

void gen_mark_stmt(struct gen *g)
{
	*DV_PUSH(&g->stmt_pc) = (uint32_t)g->code.count;
}

static void add_field(struct gen *g, enum dv_field_kind kind, const struct dv_type *type, uint32_t size)
{
	*DV_PUSH(&g->fields) = (struct dv_field){.kind = kind, .type = type};
	if (size > (1u << 20) - g->record_max)
		gen_fail(g, DV_ERR_LIMIT, "the clause records too much");
	else
		g->record_max += size;
}

static void field_int(struct gen *g, const struct dv_type *type)
{
	gen_mov(g, 1, 0);
	gen_call(g, DV_FN_RECI);
	add_field(g, DV_FIELD_INT, type, 8);
}

static void field_str(struct gen *g, const struct dv_type *type)
{
	gen_mov(g, 1, 0);
	gen_call(g, DV_FN_RECS);
	add_field(g, DV_FIELD_STR, type, (g->strsize + 4 + 7) & ~7u);
}

/** The bytes of a structure or array. @p with_address: its address first. */
static void field_mem(struct gen *g, const struct dv_type *type, struct place p, bool with_address)
{
	const struct dv_type *t = dv_type_complete(type);
	uint32_t size = (uint32_t)t->size;
	char name[64];

	if (t->size == 0 || t->size > GEN_RECORD_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "a value of type \"%s\" has %llu bytes: 1 to %u can be recorded",
			 dv_type_name(type, name, sizeof(name)), (unsigned long long)t->size, GEN_RECORD_MAX);
		return;
	}
	if (with_address) {
		unsigned slot;

		gen_place_reg(g, &p, 0);
		slot = gen_hold(g);
		p = (struct place){.mach = p.mach};
		field_int(g, dv_type_void_ptr());
		gen_get(g, 0, slot);
	}
	gen_place_reg(g, &p, 2);
	gen_mach_reg(g, &p.mach, 1);
	gen_imm(g, 3, size);
	gen_call(g, DV_FN_RDMEM);
	gen_mov(g, 1, 0);
	gen_imm(g, 2, size);
	gen_call(g, DV_FN_RECM);
	add_field(g, DV_FIELD_MEM, type, (size + 4 + 7) & ~7u);
}

static void field(struct gen *g, const struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type);

	if (t->kind == DV_TYPE_STACK) {
		gen_stack(g, n);
		gen_mov(g, 1, 0);
		gen_call(g, DV_FN_RECB);
		add_field(g, DV_FIELD_STACK, n->type, (gen_stack_size(n) + 4 + 7) & ~7u);
	} else if (dv_type_is_string(t)) {
		gen_string(g, n);
		field_str(g, n->type);
	} else if (t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION || t->kind == DV_TYPE_ARRAY || t->kind == DV_TYPE_FLOAT) {
		field_mem(g, n->type, gen_place(g, n), false);
	} else {
		gen_value(g, n);
		field_int(g, n->type);
	}
}

/** tracemem(address, bytes[, how many to show]) */
static void tracemem_fields(struct gen *g, const struct dv_node *n)
{
	struct place p = {.mach = gen_value(g, n->kids[0])};
	uint64_t size = 0;

	if (gen_is_kind(n->kids[0]->type, DV_TYPE_INT))
		p.mach = MACH_SELF_VALUE;
	gen_pointee(g, &p.mach, n->kids[0]->type);
	gen_is_const(n->kids[1], &size);
	field_mem(g, dv_type_array(dv_type_int(1, false), (uint32_t)size), p, false);
	if (n->kid_count > 2)
		field(g, n->kids[2]);
}

/** print(): what a pointer points to, or what lies in memory, with its address; else the value. */
static void print_field(struct gen *g, const struct dv_node *n)
{
	const struct dv_type *t = dv_type_resolve(n->type), *to = t;
	struct place p = {0};

	if (t->kind == DV_TYPE_PTR && t->ref)
		to = dv_type_complete(t->ref);
	if (t->kind == DV_TYPE_PTR && (to->kind == DV_TYPE_STRUCT || to->kind == DV_TYPE_UNION)) {
		if (to->size && to->size <= GEN_RECORD_MAX) {
			p.mach = gen_value(g, n);
			gen_mach_check(g, &p.mach, t->ref);
			gen_pointee(g, &p.mach, t);
			field_mem(g, t->ref, p, true);
			return;
		}
	} else if ((t->kind == DV_TYPE_STRUCT || t->kind == DV_TYPE_UNION || t->kind == DV_TYPE_ARRAY || t->kind == DV_TYPE_FLOAT) &&
		   !(t->kind == DV_TYPE_ARRAY && dv_type_is_string(t))) {
		struct place p = gen_place(g, n);

		field_mem(g, n->type, p, p.mach.kind != MACH_CONST || p.mach.id != DV_MACH_STATE);
		return;
	}
	field(g, n);
}

static enum dv_action_kind action_kind(enum dv_call_id id)
{
	switch (id) {
	case DV_C_PRINTF:
		return DV_ACT_PRINTF;
	case DV_C_PRINTA:
		return DV_ACT_PRINTA;
	case DV_C_PRINT:
		return DV_ACT_PRINT;
	case DV_C_TRACE:
		return DV_ACT_TRACE;
	case DV_C_EXIT:
		return DV_ACT_EXIT;
	case DV_C_CLEAR:
		return DV_ACT_CLEAR;
	case DV_C_TRUNC:
		return DV_ACT_TRUNC;
	case DV_C_NORMALIZE:
		return DV_ACT_NORMALIZE;
	case DV_C_DENORMALIZE:
		return DV_ACT_DENORMALIZE;
	case DV_C_STACK:
	case DV_C_USTACK:
	case DV_C_SYM:
	case DV_C_MOD:
	case DV_C_USYM:
	case DV_C_UMOD:
	case DV_C_UADDR:
		return DV_ACT_STACK;
	case DV_C_TRACEMEM:
		return DV_ACT_TRACEMEM;
	case DV_C_SYSTEM:
		return DV_ACT_SYSTEM;
	case DV_C_FREOPEN:
		return DV_ACT_FREOPEN;
	case DV_C_FTRUNCATE:
		return DV_ACT_FTRUNCATE;
	case DV_C_SETOPT:
		return DV_ACT_SETOPT;
	default:
		return DV_ACT_DEFAULT;
	}
}

static void parse_format(struct gen *g, struct dv_action *a, const struct dv_node *n)
{
	const char *msg = "";
	struct dv_conv *convs;
	uint32_t at;

	a->format = dv_arena_strndup(&g->prog->arena, n->str, n->str_len);
	convs = dv_format_parse(a->format, strlen(a->format), &a->conv_count, &msg, &at);
	if (!convs) {
		gen_fail(g, DV_ERR_OTHER, "format: %s", msg);
		return;
	}
	a->convs = dv_arena_alloc(&g->prog->arena, a->conv_count * sizeof(*convs) + 1);
	memcpy((void *)a->convs, convs, a->conv_count * sizeof(*convs));
	free(convs);
}

static bool takes_format(enum dv_action_kind kind)
{
	return kind == DV_ACT_PRINTF || kind == DV_ACT_PRINTA || kind == DV_ACT_SYSTEM || kind == DV_ACT_FREOPEN;
}

static void immediate(struct gen *g, const struct dv_node *n)
{
	static const enum dv_fn fns[] = {[DV_C_SPECULATE] = DV_FN_SPECUL, [DV_C_COMMIT] = DV_FN_COMMIT,
					 [DV_C_DISCARD] = DV_FN_DISCARD, [DV_C_RAISE] = DV_FN_RAISE,
					 [DV_C_CHILL] = DV_FN_CHILL};

	gen_value(g, n->kids[0]);
	gen_mov(g, 1, 0);
	gen_call(g, fns[n->call->id]);
	if (n->call->id == DV_C_SPECULATE)
		gen_jmp_imm(g, DV_JEQ, 0, 0, g->out);
}

static void action(struct gen *g, const struct dv_node *n, uint32_t index)
{
	struct dv_action a = {.kind = action_kind(n->call->id), .index = index, .loc = n->loc};
	uint32_t aggs = 0;

	if (is_immediate(n->call->id)) {
		immediate(g, n);
		return;
	}
	if (a.kind == DV_ACT_DEFAULT) {
		gen_fail(g, DV_ERR_OTHER, "%s() is not supported yet", n->call->name);
		return;
	}
	a.field = (uint32_t)g->fields.count;
	a.aggs = dv_arena_alloc(&g->prog->arena, sizeof(*a.aggs) * (n->kid_count + 1));
	if (a.kind == DV_ACT_STACK)
		field(g, n);
	if (a.kind == DV_ACT_TRACEMEM)
		tracemem_fields(g, n);
	for (uint32_t i = 0; i < n->kid_count && a.kind != DV_ACT_STACK && a.kind != DV_ACT_TRACEMEM; i++) {
		const struct dv_node *kid = n->kids[i];
		unsigned mark = g->held;

		if (kid->kind == DV_NODE_AGG)
			a.aggs[aggs++] = kid->agg;
		else if (i == 0 && kid->kind == DV_NODE_STR && takes_format(a.kind))
			parse_format(g, &a, kid);
		else if (a.kind == DV_ACT_PRINT)
			print_field(g, kid);
		else
			field(g, kid);
		g->held = mark;
	}
	if (a.kind == DV_ACT_EXIT)
		gen_call(g, DV_FN_EXIT);
	a.agg_count = aggs;
	a.field_count = (uint32_t)g->fields.count - a.field;
	*DV_PUSH(&g->actions) = a;
}

/** `@name[keys] = func(value, ...)`: keys and value may look up variables under key tuples of their own. */
static void aggregate(struct gen *g, const struct dv_stmt *s)
{
	const struct dv_node *agg = s->agg, *f = s->func, *v = NULL, *by = NULL;
	enum dv_call_id id = f->call ? f->call->id : DV_C_UNSUPPORTED;
	const struct itype word = {8, true};
	struct operand value = {.is_const = true}, incr = {.is_const = true, .value = 1};
	bool string[16];

	if (id != DV_C_COUNT && f->kid_count)
		v = f->kids[0];
	if ((id == DV_C_QUANTIZE || id == DV_C_LQUANTIZE || id == DV_C_LLQUANTIZE) && f->kid_count > 1)
		by = f->kids[1];
	if (agg->kid_count > DV_COUNT(string)) {
		gen_fail(g, DV_ERR_LIMIT, "%u keys are too many, %zu is the most", agg->kid_count, DV_COUNT(string));
		return;
	}
	for (uint32_t i = 0; i < agg->kid_count; i++)
		string[i] = dv_type_is_string(agg->kids[i]->type);
	// A value that touches no tuple needs no hold: it is evaluated behind the keys.
	if (v && (by || !gen_is_keyfree(v))) {
		value = gen_operand(g, v, word);
		v = NULL;
	}
	if (by)
		incr = gen_operand(g, by, word);
	gen_keys(g, agg->kids, agg->kid_count, string);
	if (v && gen_is_const(v, &value.value)) {
		v = NULL;
	} else if (v) {
		gen_value(g, v);
		gen_mov(g, 2, 0);
	}
	if (!v && value.is_const)
		gen_imm(g, 2, value.value);
	else if (!v)
		gen_get(g, 2, value.slot);
	gen_imm(g, 1, agg->agg->id);
	if (incr.is_const)
		gen_imm(g, 3, incr.value);
	else
		gen_get(g, 3, incr.slot);
	gen_call(g, DV_FN_AGG);
}

/**
 * Both branches' actions stand in the table; which of them have their fields in the record is told by a number before
 * them. Nothing is told of an if that records nothing.
 */
static void branch(struct gen *g, const struct dv_stmt *s, uint32_t *index)
{
	bool writes = gen_writes(s->then) || gen_writes(s->otherwise);
	size_t at = g->actions.count, then;
	int known = gen_truth(s->expr);
	struct label no = {0}, end = {0};
	unsigned mark = g->held, slot;

	if (known >= 0) {
		gen_stmts(g, known ? s->then : s->otherwise, index);
		return;
	}
	if (writes) {
		struct dv_action a = {.kind = DV_ACT_IF, .index = *index - 1, .loc = s->loc};

		a.field = (uint32_t)g->fields.count;
		a.field_count = 1;
		gen_truth_value(g, s->expr);
		slot = gen_hold(g);
		field_int(g, dv_type_int(4, true));
		*DV_PUSH(&g->actions) = a;
		gen_get(g, 0, slot);
		gen_jmp_imm(g, DV_JEQ, 0, 0, &no);
	} else {
		gen_jump(g, s->expr, false, &no);
	}
	g->held = mark;
	gen_stmts(g, s->then, index);
	then = g->actions.count;
	if (s->otherwise)
		gen_jmp(g, &end);
	gen_bind(g, &no);
	gen_stmts(g, s->otherwise, index);
	gen_bind(g, &end);
	if (writes) {
		g->actions.data[at].then_count = (uint32_t)(then - at - 1);
		g->actions.data[at].else_count = (uint32_t)(g->actions.count - then);
	}
}

static void stmt(struct gen *g, const struct dv_stmt *s, uint32_t *index)
{
	unsigned mark = g->held;
	const struct dv_node *a = action_of(s);
	uint32_t number = (*index)++;

	gen_mark_stmt(g);
	if (s->loc.line)
		g->loc = s->loc;
	if (++g->depth > GEN_DEPTH_MAX)
		gen_fail(g, DV_ERR_LIMIT, "statements are nested too deeply");
	else if (s->kind == DV_STMT_AGG)
		aggregate(g, s);
	else if (a)
		action(g, a, number);
	else if (s->kind == DV_STMT_IF)
		branch(g, s, index);
	else
		gen_effect(g, s->expr);
	g->depth--;
	g->held = mark;
}

void gen_stmts(struct gen *g, const struct dv_stmt *s, uint32_t *index)
{
	for (; s && !g->err; s = s->next)
		stmt(g, s, index);
}
