/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verifier: the last word on what a program may do, wherever it came from. Its rules are listed in bytecode.h.
 *
 * Jumps go forward only, so one pass in order of addresses is enough: when an instruction is looked at, every
 * jump to it has been seen already. What is known at a point is which registers and which stack bytes have been
 * written on every path to it: two bit sets. A jump leaves its sets at its target, and sets that meet are
 * intersected. Values are not tracked; nothing in the rules depends on one.
 *
 * The rules are somewhat stricter than safety needs (alignment, unused fields, unreachable code), because the
 * kernel's verifier is, and a program is to be loadable in both places.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "code/bytecode.h"

/** What every path to a point has written. */
struct known {
	uint64_t stack[DV_STACK_SIZE / 64]; /**< a bit for each byte, from the lowest address up */
	uint16_t regs;
	bool reached;                       /**< some path leads here */
};

struct verifier {
	const struct dv_insn *insns;
	uint32_t count, i;
	struct known cur;
	struct known *at; /**< for each instruction: what the jumps to it bring */
	char *msg;
	size_t msg_size;
};

static bool refuse(struct verifier *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct verifier *v, const char *fmt, ...)
{
	char text[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(v->msg, v->msg_size, "insn %u: %s", v->i, text);
	return false;
}

static void meet(struct known *into, const struct known *from)
{
	if (!into->reached) {
		*into = *from;
		return;
	}
	into->regs &= from->regs;
	for (unsigned w = 0; w < DV_STACK_SIZE / 64; w++)
		into->stack[w] &= from->stack[w];
}

// Read of a general register.
static bool use(struct verifier *v, unsigned reg)
{
	if (reg == 10)
		return refuse(v, "r10 is only a base for loads and stores");
	if (reg > 10)
		return refuse(v, "no such register r%u", reg);
	if (!(v->cur.regs & 1u << reg))
		return refuse(v, "r%u is not set on every path", reg);
	return true;
}

static bool set(struct verifier *v, unsigned reg)
{
	if (reg == 10)
		return refuse(v, "r10 cannot be written");
	if (reg > 10)
		return refuse(v, "no such register r%u", reg);
	v->cur.regs |= (uint16_t)(1u << reg);
	return true;
}

static bool alu(struct verifier *v, const struct dv_insn *in)
{
	bool wide = (in->code & 7) == DV_ALU64;
	unsigned op = in->code & 0xf0;

	if (in->off)
		return refuse(v, "unused field is not zero");
	switch (op) {
	case DV_ADD:
	case DV_SUB:
	case DV_MUL:
	case DV_OR:
	case DV_AND:
	case DV_LSH:
	case DV_RSH:
	case DV_XOR:
	case DV_MOV:
	case DV_ARSH:
		if (in->code & DV_X) {
			if (in->imm)
				return refuse(v, "unused field is not zero");
			if (!use(v, DV_SRC(in)))
				return false;
		} else {
			if (DV_SRC(in))
				return refuse(v, "unused field is not zero");
			if ((op == DV_LSH || op == DV_RSH || op == DV_ARSH) && (uint32_t)in->imm >= (wide ? 64u : 32u))
				return refuse(v, "shift by %d", in->imm);
		}
		if (op != DV_MOV && !use(v, DV_DST(in)))
			return false;
		return set(v, DV_DST(in));
	case DV_NEG:
		if (in->code & DV_X)
			break;
		if (DV_SRC(in) || in->imm)
			return refuse(v, "unused field is not zero");
		return use(v, DV_DST(in)) && set(v, DV_DST(in));
	case DV_END:
		if (wide)
			break;
		if (DV_SRC(in))
			return refuse(v, "unused field is not zero");
		if (in->imm != 16 && in->imm != 32 && in->imm != 64)
			return refuse(v, "byte swap of %d bits", in->imm);
		return use(v, DV_DST(in)) && set(v, DV_DST(in));
	default:
		break;
	}
	return refuse(v, "unknown operation 0x%02x", in->code);
}

static bool stack(struct verifier *v, const struct dv_insn *in)
{
	static const unsigned sizes[] = {[DV_W >> 3] = 4, [DV_H >> 3] = 2, [DV_B >> 3] = 1, [DV_DW >> 3] = 8};
	unsigned class = in->code & 7, size = sizes[in->code >> 3 & 3];
	unsigned base = class == DV_LDX ? DV_SRC(in) : DV_DST(in);
	uint64_t *word, bits;
	unsigned byte;

	if ((in->code & 0xe0) != DV_MEM)
		return refuse(v, "unknown operation 0x%02x", in->code);
	if (base != 10)
		return refuse(v, "loads and stores are by r10 only");
	if (in->off < -DV_STACK_SIZE || in->off > -(int)size)
		return refuse(v, "outside the stack: r10 %+d, %u bytes", in->off, size);
	byte = (unsigned)(in->off + DV_STACK_SIZE);
	if (byte % size)
		return refuse(v, "not aligned: r10 %+d, %u bytes", in->off, size);
	word = &v->cur.stack[byte / 64];
	bits = (size == 8 ? 0xffull : (1ull << size) - 1) << byte % 64; // aligned: never in two words

	if (class == DV_LDX) {
		if (in->imm)
			return refuse(v, "unused field is not zero");
		if ((*word & bits) != bits)
			return refuse(v, "stack at r10 %+d is not set on every path", in->off);
		return set(v, DV_DST(in));
	}
	if (class == DV_STX) {
		if (in->imm)
			return refuse(v, "unused field is not zero");
		if (!use(v, DV_SRC(in)))
			return false;
	} else if (DV_SRC(in)) {
		return refuse(v, "unused field is not zero");
	}
	*word |= bits;
	return true;
}

static bool call(struct verifier *v, const struct dv_insn *in)
{
	const struct dv_fn_info *fn;

	if (in->regs || in->off < 0)
		return refuse(v, "unused field is not zero");
	if (in->imm <= DV_FN_NONE || in->imm >= DV_FN_COUNT)
		return refuse(v, "call of unknown function %d", in->imm);
	fn = &dv_fns[in->imm];
	for (unsigned r = 1; r <= fn->arg_count; r++)
		if (!(v->cur.regs & 1u << r))
			return refuse(v, "argument r%u of %s is not set on every path", r, fn->name);
	v->cur.regs &= (uint16_t)~0x3eu;
	v->cur.regs |= 1;
	return true;
}

static bool jump(struct verifier *v, const struct dv_insn *in)
{
	unsigned op = in->code & 0xf0;
	uint32_t target;

	switch (op) {
	case DV_CALL:
		if (in->code & DV_X)
			break;
		return call(v, in);
	case DV_EXIT:
		if (in->code & DV_X)
			break;
		if (in->regs || in->off || in->imm)
			return refuse(v, "unused field is not zero");
		if (!use(v, 0))
			return false;
		v->cur.reached = false;
		return true;
	case DV_JA:
		if (in->code & DV_X)
			break;
		if (in->regs || in->imm)
			return refuse(v, "unused field is not zero");
		goto target;
	case DV_JEQ:
	case DV_JGT:
	case DV_JGE:
	case DV_JSET:
	case DV_JNE:
	case DV_JSGT:
	case DV_JSGE:
	case DV_JLT:
	case DV_JLE:
	case DV_JSLT:
	case DV_JSLE:
		if (!use(v, DV_DST(in)))
			return false;
		if (in->code & DV_X) {
			if (in->imm)
				return refuse(v, "unused field is not zero");
			if (!use(v, DV_SRC(in)))
				return false;
		} else if (DV_SRC(in)) {
			return refuse(v, "unused field is not zero");
		}
		goto target;
	default:
		break;
	}
	return refuse(v, "unknown operation 0x%02x", in->code);
target:
	if (in->off < 0)
		return refuse(v, "jump backwards");
	target = v->i + 1 + (uint32_t)in->off;
	if (target >= v->count)
		return refuse(v, "jump out of the program");
	meet(&v->at[target], &v->cur);
	if (op == DV_JA)
		v->cur.reached = false;
	return true;
}

// A load of a 64-bit constant: v->i is at its first slot, and is left at its second.
static bool lddw(struct verifier *v, const struct dv_insn *in)
{
	if (in->code != DV_LDDW)
		return refuse(v, "unknown operation 0x%02x", in->code);
	if (v->i + 1 >= v->count)
		return refuse(v, "second half of a 64-bit constant is missing");
	if (DV_SRC(in) || in->off || in[1].code || in[1].regs || in[1].off)
		return refuse(v, "unused field is not zero");
	if (v->at[v->i + 1].reached)
		return refuse(v, "jump into the middle of a 64-bit constant");
	if (!set(v, DV_DST(in)))
		return false;
	v->i++;
	return true;
}

static bool insn(struct verifier *v)
{
	const struct dv_insn *in = &v->insns[v->i];

	if (v->at[v->i].reached) {
		if (v->cur.reached)
			meet(&v->cur, &v->at[v->i]);
		else
			v->cur = v->at[v->i];
	}
	if (!v->cur.reached)
		return refuse(v, "cannot be reached");
	switch (in->code & 7) {
	case DV_LD:
		return lddw(v, in);
	case DV_LDX:
	case DV_STI:
	case DV_STX:
		return stack(v, in);
	case DV_ALU:
	case DV_ALU64:
		return alu(v, in);
	case DV_JMP:
		return jump(v, in);
	default:
		return refuse(v, "unknown operation 0x%02x", in->code);
	}
}

bool dv_verify(const struct dv_insn *insns, uint32_t count, char *msg, size_t msg_size)
{
	struct verifier v = {.insns = insns, .count = count, .msg = msg, .msg_size = msg_size};
	bool ok = true;

	if (count == 0 || count > DV_INSN_MAX) {
		snprintf(msg, msg_size, "%u instructions: there must be 1 to %u", count, DV_INSN_MAX);
		return false;
	}
	v.at = calloc(count, sizeof(*v.at));
	if (!v.at) {
		snprintf(msg, msg_size, "out of memory");
		return false;
	}
	v.cur.reached = true;
	for (; ok && v.i < count; v.i++)
		ok = insn(&v);
	if (ok && v.cur.reached) {
		v.i--;
		ok = refuse(&v, "runs off the end");
	}
	free(v.at);
	return ok;
}
