/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack, frame by frame. At each the ORC entry of its instruction says where the caller's stack pointer is, and what
 * lies there: a return address, or registers that an interrupt, an exception or a system call has saved, in whole
 * or only those that the processor pushes. From those the way goes on, on whatever stack the kernel was on before; if they
 * are user mode's, the stack is at its end. So interrupt and exception stacks need no special care, and nothing must be
 * known of where they are.
 *
 * The rules are those of the kernel's own unwinder (arch/x86/kernel/unwind_orc.c), as are its registers' numbers. Like
 * it, code without entries (programs that the kernel has compiled itself, trampolines) is taken to have a frame pointer;
 * unlike it, this is believed only if the return address found so is in code that is known. An address that is in no
 * such code ends the stack and is no part of it.
 *
 * Kernels without ORC: frame pointers (arch/x86/kernel/unwind_frame.c), under the same condition. There a frame pointer
 * with its lowest bit set points to saved registers.
 */
#include "guest/unwind.h"

#include <stddef.h>

/* ORC_REG_* */
enum { REG_UNDEFINED, REG_PREV_SP, REG_DX, REG_DI, REG_BP, REG_SP, REG_R10, REG_R13, REG_BP_INDIRECT, REG_SP_INDIRECT };

/* struct pt_regs of x86-64, in words. It has not changed, and user space relies on it (ptrace). */
enum { PT_R13 = 2, PT_BP = 4, PT_R10 = 7, PT_DX = 12, PT_DI = 14, PT_IP = 16, PT_CS, PT_FLAGS, PT_SP, PT_SS };

struct state {
	const struct dv_unwind *u;
	uint64_t ip, sp, bp;
	bool exact;          // ip is of the instruction that is next, not behind a call
	bool first;          // the registers are still those of the place itself
	uint64_t regs, prev; // saved registers, 0: none: of this frame; whole ones before partial ones
	bool full;           // `regs` has all of them
	bool user;           // user mode's were reached
};

static bool word(const struct state *s, uint64_t va, uint64_t *ret)
{
	return va >> 63 && !(va & 7) && s->u->read(s->u->ctx, va, ret, 8);
}

static bool saved(const struct state *s, enum dv_reg r, unsigned index, uint64_t *ret)
{
	if (s->first) {
		*ret = s->u->reg ? s->u->reg(s->u->ctx, r) : 0;
		return s->u->reg != NULL;
	}
	if (s->regs && s->full)
		return word(s, s->regs + 8 * index, ret);
	return s->prev && word(s, s->prev + 8 * index, ret);
}

static bool base(const struct state *s, const struct dv_orc *o, uint64_t *sp)
{
	uint64_t off = (uint64_t)(int64_t)o->sp_offset;
	bool ok = true;

	switch (o->sp_reg) {
	case REG_SP:
		*sp = s->sp + off;
		return true;
	case REG_BP:
		*sp = s->bp + off;
		return true;
	case REG_SP_INDIRECT:
		ok = word(s, s->sp, sp);
		*sp += off;
		return ok;
	case REG_BP_INDIRECT:
		return word(s, s->bp + off, sp);
	case REG_R10:
		return saved(s, DV_REG_R10, PT_R10, sp);
	case REG_R13:
		return saved(s, DV_REG_R13, PT_R13, sp);
	case REG_DI:
		return saved(s, DV_REG_RDI, PT_DI, sp);
	case REG_DX:
		return saved(s, DV_REG_RDX, PT_DX, sp);
	default:
		return false;
	}
}

// What the processor pushed: ip, cs, flags, sp, ss.
static bool iret_frame(struct state *s, uint64_t at)
{
	uint64_t cs;

	if (!word(s, at, &s->ip) || !word(s, at + 8, &cs) || !word(s, at + 24, &s->sp))
		return false;
	s->user = cs & 3;
	return true;
}

static bool caller(struct state *s, const struct dv_orc *o)
{
	uint64_t sp, was = s->sp, bp;

	if (!base(s, o, &sp))
		return false;
	switch (o->type) {
	case DV_ORC_CALL:
		if (!word(s, sp - 8, &s->ip))
			return false;
		s->sp = sp;
		s->regs = s->prev = 0;
		break;
	case DV_ORC_REGS:
		if (!iret_frame(s, sp + 8 * PT_IP))
			return false;
		s->regs = sp;
		s->prev = 0;
		s->full = true;
		break;
	case DV_ORC_PARTIAL:
		if (!iret_frame(s, sp))
			return false;
		if (s->full)
			s->prev = s->regs;
		s->regs = sp - 8 * PT_IP;
		s->full = false;
		break;
	default:
		return false;
	}
	s->first = false;
	switch (o->bp_reg) {
	case REG_UNDEFINED:
		if (s->regs && saved(s, DV_REG_RBP, PT_BP, &bp))
			s->bp = bp;
		break;
	case REG_PREV_SP:
		if (!word(s, sp + (uint64_t)(int64_t)o->bp_offset, &s->bp))
			return false;
		break;
	case REG_BP:
		if (!word(s, s->bp + (uint64_t)(int64_t)o->bp_offset, &s->bp))
			return false;
		break;
	default:
		return false;
	}
	s->exact = o->signal;
	// On one page, that is on one stack, it must go up.
	return (s->sp ^ was) >> 12 || s->sp > was;
}

static bool known(const struct state *s, uint64_t ip)
{
	return dv_orc_range(s->u, ip) != NULL;
}

// By the frame pointer. Nothing of it is believed unless it leads to known code, upwards.
static bool by_frame(struct state *s, bool at_edge)
{
	struct state n = *s;

	n.first = n.exact = false;
	n.regs = n.prev = 0;
	if (at_edge) {
		if (!word(s, s->sp, &n.ip))
			return false;
		n.sp = s->sp + 8;
	} else if (s->bp & 1) {
		if (!iret_frame(&n, (s->bp & ~1ull) + 8 * PT_IP) || !word(s, (s->bp & ~1ull) + 8 * PT_BP, &n.bp))
			return false;
		n.exact = true;
	} else {
		if (!word(s, s->bp, &n.bp) || !word(s, s->bp + 8, &n.ip) || s->bp < s->sp || s->bp - s->sp > 1u << 20)
			return false;
		n.sp = s->bp + 16;
	}
	if (!n.user && !known(s, n.ip))
		return false;
	*s = n;
	return true;
}

static bool next(struct state *s, bool at_edge)
{
	const struct dv_load_orc *t;
	uint64_t ip = s->exact ? s->ip : s->ip - 1;
	struct dv_orc o;

	if (!s->u->format->size)
		return by_frame(s, at_edge);
	t = dv_orc_range(s->u, ip);
	if (!t || !t->count)
		return by_frame(s, false);
	return dv_orc_find(s->u, ip, &o) && caller(s, &o);
}

uint32_t dv_unwind(const struct dv_unwind *u, const struct dv_unwind_from *from, uint64_t *pcs, uint32_t max)
{
	struct state s = {.u = u, .ip = from->ip, .sp = from->sp, .bp = from->bp, .exact = !from->behind_call, .first = true};
	uint32_t n = 0;

	while (n < max) {
		uint64_t ip = s.ip;
		bool there = known(&s, ip) || (n && known(&s, ip - 1)), more;

		// What is not known counts only as a step to what is.
		if (n && !there && n + 1 >= max)
			break;
		more = n + 1 < max && next(&s, from->at_edge && !n);
		if (n && !there && (!more || s.user || !known(&s, s.ip)))
			break;
		if (pcs)
			pcs[n] = ip;
		n++;
		if (!more || s.user)
			break;
	}
	return n;
}
