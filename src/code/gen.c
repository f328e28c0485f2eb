/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a typed clause to bytecode. A program looks like this:
 *
 *	predicate; goto no when false
 *	r0 = rec(most bytes); goto out when 0      if it records anything
 *	reci(0)                                    and may speculate it: the speculation's place
 *	statements
 *	recend()                                   likewise
 *	out: r0 = 1; exit
 *	no:  r0 = 0; exit
 *
 * How expressions are done: gen.h. The actions that write go into a table, with the types of their fields: the
 * consumer prints the record by it.
 */
#include <string.h>

#include "code/gen.h"

static void clause(struct gen *g, const struct dv_clause *c)
{
	struct label no = {0}, out = {0};
	bool writes = c->stmts == NULL;
	uint32_t index = 1, rec = 0;
	int known = -1;

	g->out = &out;
	gen_mark_stmt(g);
	if (c->predicate) {
		known = gen_truth(c->predicate);
		if (known == 0) {
			gen_imm(g, 0, 0);
			gen_emit(g, DV_JMP | DV_EXIT, 0, 0, 0, 0);
			return;
		}
		gen_jump(g, c->predicate, false, &no);
	}
	writes |= gen_writes(c->stmts);
	writes &= !g->dead;
	if (writes) {
		rec = (uint32_t)g->code.count;
		gen_emit(g, DV_ALU64 | DV_MOV | DV_K, 1, 0, 0, 0); // the size is put in below
		gen_call(g, DV_FN_REC);
		gen_jmp_imm(g, DV_JEQ, 0, 0, &out);
		if (gen_speculates(c->stmts)) {
			g->prog->speculates = true;
			gen_imm(g, 1, 0);
			gen_call(g, DV_FN_RECI);
			g->record_max += 8;
		}
	}
	if (!c->stmts)
		DV_PUSH(&g->actions)->kind = DV_ACT_DEFAULT;
	gen_stmts(g, c->stmts, &index);
	if (writes) {
		gen_call(g, DV_FN_RECEND);
		if (!g->err)
			g->code.data[rec].imm = (int32_t)g->record_max;
	}
	gen_bind(g, &out);
	gen_imm(g, 0, 1);
	gen_emit(g, DV_JMP | DV_EXIT, 0, 0, 0, 0);
	gen_bind(g, &no);
	gen_imm(g, 0, 0);
	gen_emit(g, DV_JMP | DV_EXIT, 0, 0, 0, 0);
}

static void *keep(struct dv_program *p, const void *data, size_t count, size_t elem)
{
	void *to = dv_arena_alloc(&p->arena, count * elem + 1);

	if (count)
		memcpy(to, data, count * elem);
	return to;
}

struct dv_error *dv_codegen(const struct dv_clause *typed, uint32_t strsize,
			    struct dv_consts *consts, struct dv_program **ret, struct dv_loc *at)
{
	struct dv_program *p = dv_xcalloc(1, sizeof(*p));
	struct gen g = {.prog = p, .consts = consts, .strsize = strsize, .loc = typed->loc};
	struct dv_error *err;

	dv_arena_init(&p->arena);
	p->clause = typed;
	clause(&g, typed);
	err = g.err;
	if (!err) {
		p->insns = keep(p, g.code.data, g.code.count, sizeof(*g.code.data));
		p->insn_count = (uint32_t)g.code.count;
		p->actions = keep(p, g.actions.data, g.actions.count, sizeof(*g.actions.data));
		p->action_count = (uint32_t)g.actions.count;
		p->fields = keep(p, g.fields.data, g.fields.count, sizeof(*g.fields.data));
		p->field_count = (uint32_t)g.fields.count;
		p->stmt_pc = keep(p, g.stmt_pc.data, g.stmt_pc.count, sizeof(*g.stmt_pc.data));
		p->stmt_count = (uint32_t)g.stmt_pc.count;
		p->record_max = g.record_max;
	}
	DV_VEC_FREE(&g.code);
	DV_VEC_FREE(&g.actions);
	DV_VEC_FREE(&g.fields);
	DV_VEC_FREE(&g.stmt_pc);
	if (err) {
		if (at)
			*at = g.fail;
		dv_program_destroy(p);
		return err;
	}
	*ret = p;
	return NULL;
}

void dv_program_destroy(struct dv_program *p)
{
	if (!p)
		return;
	dv_arena_deinit(&p->arena);
	free(p);
}
