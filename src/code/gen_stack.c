/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stack blocks (struct dv_stack): made by a call, which is the whole of a statement, a printf() argument or a key. */
#include "code/gen.h"

static uint32_t kind_of(const struct dv_node *n)
{
	return (uint32_t)n->call->id - DV_C_STACK;
}

uint32_t gen_stack_size(const struct dv_node *n)
{
	return DV_STACK_HEAD + 8 * (n->kid_count ? 1 : (uint32_t)n->ival);
}

void gen_stack(struct gen *g, const struct dv_node *n)
{
	unsigned mark = g->held;
	struct mach m;

	if (n->kind != DV_NODE_CALL || kind_of(n) >= DV_STACK_KINDS) {
		gen_fail(g, DV_ERR_OTHER, "a stack can only be shown");
		return;
	}
	if (!n->kid_count) {
		gen_imm(g, 1, kind_of(n));
		gen_imm(g, 2, n->ival);
		gen_call(g, DV_FN_STACK);
		return;
	}
	m = gen_value(g, n->kids[0]);
	gen_mov(g, 3, 0);
	gen_mach_reg(g, &m, 2);
	gen_imm(g, 1, kind_of(n));
	gen_call(g, DV_FN_SYMADDR);
	g->held = mark;
}
