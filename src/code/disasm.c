/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "code/bytecode.h"
#include "code/syntax.h"

// How far back an argument's constant is looked for. Only for the reader.
#define LOOK_BACK 16

static bool is_plain(const struct dv_insn *in)
{
	return !in->off && !(in->code & DV_X ? in->imm : DV_SRC(in));
}

// Does a jump lead between (from, to]? Then what stands before it says nothing about what holds at `to`.
static bool is_joined(const struct dv_insn *insns, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < to; i++) {
		unsigned op = insns[i].code & 0xf0;
		int64_t target = (int64_t)i + 1 + insns[i].off;

		if (insns[i].code == DV_LDDW)
			i++;
		else if ((insns[i].code & 7) == DV_JMP && op != DV_CALL && op != DV_EXIT && target > from && target <= to)
			return true;
	}
	return false;
}

// The constant that argument register @reg holds at the call at @at, if that is plain to see.
static bool constant(const struct dv_insn *insns, uint32_t at, unsigned reg, int32_t *ret)
{
	for (uint32_t k = 1; k <= LOOK_BACK && k <= at; k++) {
		const struct dv_insn *in = &insns[at - k];
		unsigned class = in->code & 7;

		if (class == DV_JMP || class == DV_LD)
			return false;
		if (DV_DST(in) != reg || class == DV_STI || class == DV_STX)
			continue;
		if (in->code != (DV_ALU64 | DV_MOV | DV_K) || is_joined(insns, at - k, at))
			return false;
		*ret = in->imm;
		return true;
	}
	return false;
}

static bool call(const struct dv_insn *insns, uint32_t i, char *buf, size_t size)
{
	const struct dv_insn *in = &insns[i];
	const struct dv_fn_info *fn;
	size_t n;

	if (in->regs || in->off < 0 || in->imm <= DV_FN_NONE || in->imm >= DV_FN_COUNT)
		return false;
	fn = &dv_fns[in->imm];
	n = (size_t)snprintf(buf, size, "call %s(", fn->name);
	for (unsigned a = 0; a < fn->arg_count && n < size; a++) {
		int32_t value;

		if (fn->args[a] == 'i' && constant(insns, i, a + 1, &value))
			n += (size_t)snprintf(buf + n, size - n, "%s%" PRId32, a ? ", " : "", value);
		else
			n += (size_t)snprintf(buf + n, size - n, "%sr%u", a ? ", " : "", a + 1);
	}
	if (n < size)
		n += (size_t)snprintf(buf + n, size - n, ")");
	if (in->off && n < size)
		snprintf(buf + n, size - n, " in %d", in->off);
	return true;
}

static bool alu(const struct dv_insn *in, char *buf, size_t size)
{
	char r = (in->code & 7) == DV_ALU64 ? 'r' : 'w';
	const char *op = dv_syntax_text(dv_syntax_alu, in->code & 0xf0);
	unsigned dst = DV_DST(in);

	if (dst > 10 || DV_SRC(in) > 10)
		return false;
	if ((in->code & 0xf0) == DV_END) {
		if (r != 'w' || DV_SRC(in) || in->off || (in->imm != 16 && in->imm != 32 && in->imm != 64))
			return false;
		snprintf(buf, size, "r%u = %s%d r%u", dst, in->code & DV_X ? "be" : "le", in->imm, dst);
		return true;
	}
	if (!is_plain(in))
		return false;
	if (in->code == (DV_ALU64 | DV_NEG) || in->code == (DV_ALU | DV_NEG)) {
		if (in->imm)
			return false;
		snprintf(buf, size, "%c%u = -%c%u", r, dst, r, dst);
		return true;
	}
	if (!op)
		return false;
	if (in->code & DV_X)
		snprintf(buf, size, "%c%u %s %c%u", r, dst, op, r, DV_SRC(in));
	else
		snprintf(buf, size, "%c%u %s %" PRId32, r, dst, op, in->imm);
	return true;
}

static bool stack(const struct dv_insn *in, char *buf, size_t size)
{
	const char *type = dv_syntax_text(dv_syntax_size, in->code & 0x18);
	unsigned class = in->code & 7, dst = DV_DST(in), src = DV_SRC(in);
	unsigned base = class == DV_LDX ? src : dst;
	char where[40];

	if ((in->code & 0xe0) != DV_MEM || dst > 10 || src > 10 || (class == DV_STI ? src : (unsigned)in->imm))
		return false;
	snprintf(where, sizeof(where), "*(%s *)(r%u %c %d)", type, base, in->off < 0 ? '-' : '+',
	         in->off < 0 ? -in->off : in->off);
	if (class == DV_LDX)
		snprintf(buf, size, "r%u = %s", dst, where);
	else if (class == DV_STX)
		snprintf(buf, size, "%s = r%u", where, src);
	else
		snprintf(buf, size, "%s = %" PRId32, where, in->imm);
	return true;
}

static bool jump(const struct dv_insn *insns, uint32_t i, char *buf, size_t size)
{
	const struct dv_insn *in = &insns[i];
	unsigned op = in->code & 0xf0;
	const char *text = dv_syntax_text(dv_syntax_jump, (uint8_t)op);
	int64_t target = (int64_t)i + 1 + in->off;

	if (in->code == (DV_JMP | DV_CALL))
		return call(insns, i, buf, size);
	if (in->code == (DV_JMP | DV_EXIT)) {
		if (in->regs || in->off || in->imm)
			return false;
		snprintf(buf, size, "exit");
		return true;
	}
	if (target < 0)
		return false;
	if (in->code == (DV_JMP | DV_JA)) {
		if (in->regs || in->imm)
			return false;
		snprintf(buf, size, "goto L%" PRId64, target);
		return true;
	}
	if (!text || DV_DST(in) > 10 || DV_SRC(in) > 10 || (in->code & DV_X ? in->imm : DV_SRC(in)))
		return false;
	if (in->code & DV_X)
		snprintf(buf, size, "if r%u %s r%u goto L%" PRId64, DV_DST(in), text, DV_SRC(in), target);
	else
		snprintf(buf, size, "if r%u %s %" PRId32 " goto L%" PRId64, DV_DST(in), text, in->imm, target);
	return true;
}

uint32_t dv_disasm(const struct dv_insn *insns, uint32_t count, uint32_t i, char *buf, size_t size)
{
	const struct dv_insn *in = &insns[i];
	char text[DV_DISASM_MAX - 16];
	bool ok = false;

	if (i >= count) {
		snprintf(buf, size, "%-3u:", i);
		return 1;
	}
	switch (in->code & 7) {
	case DV_LD:
		if (in->code == DV_LDDW && i + 1 < count && DV_DST(in) <= 10 && !DV_SRC(in) && !in->off && !in[1].code &&
		    !in[1].regs && !in[1].off) {
			snprintf(buf, size, "%-3u: r%u = 0x%" PRIx64 " ll", i, DV_DST(in),
			         (uint64_t)(uint32_t)in->imm | (uint64_t)(uint32_t)in[1].imm << 32);
			return 2;
		}
		break;
	case DV_LDX:
	case DV_STI:
	case DV_STX:
		ok = stack(in, text, sizeof(text));
		break;
	case DV_ALU:
	case DV_ALU64:
		ok = alu(in, text, sizeof(text));
		break;
	case DV_JMP:
		ok = jump(insns, i, text, sizeof(text));
		break;
	default:
		break;
	}
	if (!ok)
		snprintf(text, sizeof(text), ".insn 0x%02x 0x%02x %d %" PRId32, in->code, in->regs, in->off, in->imm);
	snprintf(buf, size, "%-3u: %s", i, text);
	return 1;
}
