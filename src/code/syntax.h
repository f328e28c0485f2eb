/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_CODE_SYNTAX_H
#define DV_CODE_SYNTAX_H
/** How instructions are written: shared by the disassembler and the assembler. */
#include <stdint.h>

struct dv_syntax_op {
	uint8_t op;
	const char *text;
};
/** "r1 OP r2"; ended by a NULL text. */
static const struct dv_syntax_op dv_syntax_alu[] = {
	{DV_MOV, "="},    {DV_ADD, "+="},  {DV_SUB, "-="},  {DV_MUL, "*="},    {DV_OR, "|="}, {DV_AND, "&="},
	{DV_LSH, "<<="},  {DV_RSH, ">>="}, {DV_XOR, "^="},  {DV_ARSH, "s>>="}, {0, 0},
};
/** "if r1 OP r2 goto". */
static const struct dv_syntax_op dv_syntax_jump[] = {
	{DV_JEQ, "=="},  {DV_JGT, ">"},    {DV_JGE, ">="},  {DV_JSET, "&"}, {DV_JNE, "!="},   {DV_JSGT, "s>"},
	{DV_JSGE, "s>="}, {DV_JLT, "<"},   {DV_JLE, "<="},  {DV_JSLT, "s<"}, {DV_JSLE, "s<="}, {0, 0},
};
/** "*(TYPE *)". */
static const struct dv_syntax_op dv_syntax_size[] = {
	{DV_B, "u8"}, {DV_H, "u16"}, {DV_W, "u32"}, {DV_DW, "u64"}, {0, 0},
};

static inline const char *dv_syntax_text(const struct dv_syntax_op *t, uint8_t op)
{
	for (; t->text; t++)
		if (t->op == op)
			return t->text;
	return 0;
}

#endif
