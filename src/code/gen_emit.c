/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Emission: instructions, jumps ahead, holds. */
#include <stdio.h>

#include "code/gen.h"

void gen_fail(struct gen *g, enum dv_error_code code, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (g->err)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->err = dv_error_create(code, "%s", text);
	g->fail = g->loc;
}

void gen_emit(struct gen *g, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	if (g->err || g->dead)
		return;
	if (g->code.count >= DV_INSN_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "clause is too large: more than %d instructions", DV_INSN_MAX);
		return;
	}
	*DV_PUSH(&g->code) = (struct dv_insn){.code = code, .regs = DV_REGS(dst, src), .off = off, .imm = imm};
	g->dead = code == (DV_JMP | DV_JA) || code == (DV_JMP | DV_EXIT);
}

void gen_mov(struct gen *g, unsigned dst, unsigned src)
{
	if (dst != src)
		gen_emit(g, DV_ALU64 | DV_MOV | DV_X, dst, src, 0, 0);
}

void gen_imm(struct gen *g, unsigned dst, uint64_t value)
{
	if (gen_fits(value)) {
		gen_emit(g, DV_ALU64 | DV_MOV | DV_K, dst, 0, 0, (int32_t)value);
	} else if (value <= UINT32_MAX) {
		gen_emit(g, DV_ALU | DV_MOV | DV_K, dst, 0, 0, (int32_t)value);
	} else {
		gen_emit(g, DV_LDDW, dst, 0, 0, (int32_t)value);
		gen_emit(g, 0, 0, 0, 0, (int32_t)(value >> 32));
	}
}

void gen_alu_imm(struct gen *g, uint8_t op, unsigned dst, int32_t imm)
{
	gen_emit(g, DV_ALU64 | op | DV_K, dst, 0, 0, imm);
}

void gen_alu_reg(struct gen *g, uint8_t op, unsigned dst, unsigned src)
{
	gen_emit(g, DV_ALU64 | op | DV_X, dst, src, 0, 0);
}

void gen_call(struct gen *g, enum dv_fn fn)
{
	size_t action = g->stmt_pc.count ? g->stmt_pc.count - 1 : 0;

	gen_emit(g, DV_JMP | DV_CALL, 0, 0, (int16_t)(action > INT16_MAX ? INT16_MAX : action), fn);
}

static void jump(struct gen *g, uint8_t code, unsigned dst, unsigned src, int32_t imm, struct label *to)
{
	uint32_t at = (uint32_t)g->code.count;

	if (g->dead)
		return;
	gen_emit(g, code, dst, src, (int16_t)(to->last ? at + 1 - to->last : 0), imm);
	if (!g->err)
		to->last = at + 1;
}

void gen_jmp(struct gen *g, struct label *to)
{
	jump(g, DV_JMP | DV_JA, 0, 0, 0, to);
}

void gen_jmp_imm(struct gen *g, uint8_t op, unsigned dst, int32_t imm, struct label *to)
{
	jump(g, DV_JMP | op | DV_K, dst, 0, imm, to);
}

void gen_jmp_reg(struct gen *g, uint8_t op, unsigned dst, unsigned src, struct label *to)
{
	jump(g, DV_JMP | op | DV_X, dst, src, 0, to);
}

void gen_bind(struct gen *g, struct label *l)
{
	uint32_t here = (uint32_t)g->code.count, at = l->last;

	if (g->err || !at)
		return;
	g->dead = false;
	while (at) {
		struct dv_insn *i = &g->code.data[at - 1];
		uint32_t back = (uint32_t)i->off;

		i->off = (int16_t)(here - at);
		at = back ? at - back : 0;
	}
	l->last = 0;
}

unsigned gen_slot(struct gen *g)
{
	if (g->held >= GEN_HELD_MAX) {
		gen_fail(g, DV_ERR_LIMIT, "expression is too complex");
		return 0;
	}
	return g->held++;
}

static int16_t stack_off(unsigned slot)
{
	return (int16_t)(-8 * (int)(slot - GEN_HELD_REGS + 1));
}

void gen_put(struct gen *g, unsigned slot, unsigned reg)
{
	if (slot < GEN_HELD_REGS)
		gen_mov(g, 6 + slot, reg);
	else
		gen_emit(g, DV_STX | DV_MEM | DV_DW, 10, reg, stack_off(slot), 0);
}

void gen_get(struct gen *g, unsigned reg, unsigned slot)
{
	if (slot < GEN_HELD_REGS)
		gen_mov(g, reg, 6 + slot);
	else
		gen_emit(g, DV_LDX | DV_MEM | DV_DW, reg, 10, stack_off(slot), 0);
}

unsigned gen_hold(struct gen *g)
{
	unsigned slot = gen_slot(g);

	gen_put(g, slot, 0);
	return slot;
}

unsigned gen_reg_of(struct gen *g, unsigned slot, unsigned spare)
{
	if (slot < GEN_HELD_REGS)
		return 6 + slot;
	gen_get(g, spare, slot);
	return spare;
}
