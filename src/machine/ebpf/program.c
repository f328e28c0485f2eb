// SPDX-License-Identifier: GPL-2.0-or-later
//
// A program:
//
//	r6 = context
//	r7 = row of the site that fired; none: exit
//	some clause uses vtimestamp: dv_host_stop(), and dv_host_go() before each exit from here on
//	every clause has a predicate that can be tried before, and all are false: exit
//	r8 = dv_host_begin(r7, does the firing need a number?); 0: exit
//	r9 = the firing's block; the arguments that some clause asks for go there
//	clause_0(r8), clause_1(r8), ...
//	the producer is idle again, as dv_st_end() says it; r0 = 0; exit
//
// The arguments are taken here because only the entry has the context.
#include "machine/ebpf/program.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/usdt.h"
#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/clause.h"
#include "machine/ebpf/maps.h"

enum { H_TASK_BTF = 158, H_COOKIE = 174, H_TASK_PT_REGS = 175, H_PROBE_READ_USER = 112, H_GET_STACK = 67 };

#define NRS       1024u /* system calls' numbers are below, for each kind of program */
#define NAME_SIZE 24u
#define MAPS_MAX  (DV_COUNT(((struct dv_bpf_session *)0)->maps) + 2)
#define RUNNING   -16   /* on the stack: what dv_host_stop() has answered */
#define TS_COMPAT 2     /* arch/x86/include/asm/thread_info.h */

// struct pt_regs of x86-64 (arch/x86/include/asm/ptrace.h).
enum {
	PT_R10 = 56, PT_R9 = 64, PT_R8 = 72, PT_AX = 80, PT_CX = 88, PT_DX = 96, PT_SI = 104, PT_DI = 112, PT_ORIG_AX = 120,
	PT_IP = 128, PT_BX = 40, PT_BP = 32, PT_SP = 152,
};
static const int16_t func_args[6] = {PT_DI, PT_SI, PT_DX, PT_CX, PT_R8, PT_R9};
static const int16_t sys_args[6] = {PT_DI, PT_SI, PT_DX, PT_R10, PT_R8, PT_R9};
static const int16_t sys32_args[6] = {PT_BX, PT_CX, PT_DX, PT_SI, PT_DI, PT_BP};

struct builder {
	const struct dv_bpf_session *s;
	const struct dv_bpf_group *g;
	struct dv_bpf_code main;
	DV_VEC(uint32_t) exits; // jumps to the end
	DV_VEC(const char *) predicates; // functions; none: not all clauses have one that can be tried before
	uint32_t uses;
	bool both; // system calls of 64-bit and of 32-bit programs
	const struct dv_load_site *site; // the first
	int nr_fd;
};

#define E(...) dv_bpf_emit(&b->main, __VA_ARGS__)

static void exit_if(struct builder *b, uint8_t op, unsigned reg, int32_t imm)
{
	uint32_t at = E(BPF_JMP | op | BPF_K, reg, 0, 0, imm);

	*DV_PUSH(&b->exits) = at;
}

static void arg_store(struct builder *b, uint32_t n, unsigned reg)
{
	E(BPF_STX | BPF_MEM | BPF_DW, 9, reg, (int16_t)(offsetof(struct dv_firing, arg) + 8 * n), 0);
}

static bool wants(const struct builder *b, uint32_t n)
{
	return b->uses >> n & 1;
}

// r0 = the running task's user registers, which the kernel lets programs read.
static void user_regs(struct builder *b)
{
	dv_bpf_helper(&b->main, H_TASK_BTF);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
	dv_bpf_helper(&b->main, H_TASK_PT_REGS);
}

// r7 = the system call's site: dv_nr[number, 1024 higher for a 32-bit one] less 1.
static void find_syscall(struct builder *b)
{
	dv_bpf_helper(&b->main, H_TASK_BTF);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 8, 0, 0, 0);
	if (b->g->entry == DV_ENTRY_SYSENTER) {
		E(BPF_LDX | BPF_MEM | BPF_DW, 7, 6, 8, 0);
	} else {
		E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
		dv_bpf_helper(&b->main, H_TASK_PT_REGS);
		E(BPF_LDX | BPF_MEM | BPF_DW, 7, 0, PT_ORIG_AX, 0);
	}
	exit_if(b, BPF_JGE, 7, NRS);
	E(BPF_LDX | BPF_MEM | BPF_W, 1, 8, (int16_t)b->s->status_off, 0);
	E(BPF_ALU64 | BPF_AND | BPF_K, 1, 0, 0, TS_COMPAT);
	if (b->both)
		E(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0);
	E(BPF_ALU64 | BPF_LSH | BPF_K, 1, 0, 0, 9);
	E(BPF_ALU64 | BPF_ADD | BPF_X, 7, 1, 0, 0);
	E(BPF_ALU64 | BPF_LSH | BPF_K, 7, 0, 0, 2);
	E(BPF_ALU64 | BPF_AND | BPF_K, 7, 0, 0, NRS * 8 - 4);
	dv_bpf_addr(&b->main, 1, "dv_nr", 0);
	E(BPF_ALU64 | BPF_ADD | BPF_X, 1, 7, 0, 0);
	E(BPF_LDX | BPF_MEM | BPF_W, 7, 1, 0, 0);
	exit_if(b, BPF_JEQ, 7, 0);
	E(BPF_ALU64 | BPF_SUB | BPF_K, 7, 0, 0, 1);
}

static void find_site(struct builder *b)
{
	switch (b->g->entry) {
	case DV_ENTRY_SYSENTER:
	case DV_ENTRY_SYSEXIT:
		find_syscall(b);
		break;
	case DV_ENTRY_REGS:
	case DV_ENTRY_PERF:
		E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
		dv_bpf_helper(&b->main, H_COOKIE);
		E(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0);
		break;
	default:
		dv_bpf_const(&b->main, 7, b->g->sites[0]);
		break;
	}
}

static void regs_args(struct builder *b, unsigned base, const int16_t *offs)
{
	for (uint32_t n = 0; n < DV_HOST_ARGS; n++) {
		if (!wants(b, n))
			continue;
		if (n < 6)
			E(BPF_LDX | BPF_MEM | BPF_DW, 1, base, offs[n], 0);
		else
			dv_bpf_const(&b->main, 1, 0);
		arg_store(b, n, 1);
	}
}

static void zero_args(struct builder *b)
{
	dv_bpf_const(&b->main, 1, 0);
	for (uint32_t n = 0; n < DV_HOST_ARGS; n++)
		if (wants(b, n))
			arg_store(b, n, 1);
}

static void word_args(struct builder *b)
{
	for (uint32_t n = 0; n < DV_HOST_ARGS; n++) {
		uint32_t w = b->site->args == DV_ARGS_RAW ? b->site->argmap[n] : n;

		if (!wants(b, n))
			continue;
		if (w < b->g->args)
			E(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, (int16_t)(w * 8), 0);
		else
			dv_bpf_const(&b->main, 1, 0);
		arg_store(b, n, 1);
	}
}

// The returned value in r1 as arg0 and arg1, or as arg1 behind the place of the return.
static void return_args(struct builder *b, bool both)
{
	if (wants(b, 1))
		arg_store(b, 1, 1);
	if (!wants(b, 0))
		return;
	if (!both) {
		E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
		dv_bpf_call(&b->main, "dv_fn_offset");
	}
	arg_store(b, 0, both ? 1 : 0);
}

static bool usdt_has(uint8_t reg)
{
	return reg < DV_REG_COUNT && dv_bpf_pt_regs[reg];
}

// A register of the program into @p dst; none: 0.
static void usdt_reg(struct builder *b, unsigned dst, uint8_t reg)
{
	if (usdt_has(reg))
		E(BPF_LDX | BPF_MEM | BPF_DW, dst, 6, dv_bpf_pt_regs[reg] - 1, 0);
	else
		dv_bpf_const(&b->main, dst, 0);
}

// r1 = argument @p n, which is in memory; its address, and noted, when it cannot be read.
static void usdt_mem(struct builder *b, const struct dv_usdt_arg *a, uint32_t n)
{
	const int16_t unread = offsetof(struct dv_firing, unread);

	usdt_reg(b, 3, a->reg);
	if (a->index != DV_USDT_NOREG) {
		usdt_reg(b, 2, a->index);
		E(BPF_ALU64 | BPF_MUL | BPF_K, 2, 0, 0, a->scale);
		E(BPF_ALU64 | BPF_ADD | BPF_X, 3, 2, 0, 0);
	}
	dv_bpf_const(&b->main, 2, (uint64_t)a->value);
	E(BPF_ALU64 | BPF_ADD | BPF_X, 3, 2, 0, 0);
	dv_bpf_const(&b->main, 2, 0);
	E(BPF_STX | BPF_MEM | BPF_DW, 10, 2, -8, 0);
	arg_store(b, n, 3);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0);
	E(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -8);
	dv_bpf_const(&b->main, 2, a->size);
	dv_bpf_helper(&b->main, H_PROBE_READ_USER);
	E(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, -8, 0);
	E(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4, 0);
	E(BPF_LDX | BPF_MEM | BPF_DW, 2, 9, unread, 0);
	E(BPF_ALU64 | BPF_OR | BPF_K, 2, 0, 0, 1 << n);
	E(BPF_STX | BPF_MEM | BPF_DW, 9, 2, unread, 0);
	E(BPF_LDX | BPF_MEM | BPF_DW, 1, 9, (int16_t)(offsetof(struct dv_firing, arg) + 8 * n), 0);
}

static uint32_t usdt_places(const struct builder *b, struct dv_usdt_arg args[DV_USDT_ARGS_MAX])
{
	uint32_t count = 0;

	return dv_usdt_read(b->s->loaded->texts + b->site->spec, args, &count) ? count : 0;
}

// Arguments that are nowhere to be had: in a register that the kernel does not keep, or not of integers.
static uint32_t usdt_unknown(const struct builder *b)
{
	struct dv_usdt_arg args[DV_USDT_ARGS_MAX];
	uint32_t count = usdt_places(b, args), unknown = 0;

	for (uint32_t n = 0; n < count; n++) {
		const struct dv_usdt_arg *a = &args[n];
		bool reg = a->kind == DV_USDT_REG || a->kind == DV_USDT_REGH, mem = a->kind == DV_USDT_MEM;

		if (a->kind == DV_USDT_NONE || (reg && !usdt_has(a->reg)) ||
		    (mem && ((a->reg != DV_USDT_NOREG && !usdt_has(a->reg)) ||
			     (a->index != DV_USDT_NOREG && !usdt_has(a->index)))))
			unknown |= 1u << n;
	}
	return unknown;
}

// The arguments of a static probe, from where its compiler put them.
static void usdt_args(struct builder *b)
{
	struct dv_usdt_arg args[DV_USDT_ARGS_MAX];
	uint32_t count = usdt_places(b, args), unknown = usdt_unknown(b);

	zero_args(b);
	E(BPF_STX | BPF_MEM | BPF_DW, 9, 1, (int16_t)offsetof(struct dv_firing, unread), 0);
	for (uint32_t n = 0; n < count && n < DV_HOST_ARGS; n++) {
		const struct dv_usdt_arg *a = &args[n];
		int32_t unused = 64 - 8 * a->size;

		if (!wants(b, n) || unknown >> n & 1)
			continue;
		switch (a->kind) {
		case DV_USDT_CONST:
			dv_bpf_const(&b->main, 1, (uint64_t)a->value);
			break;
		case DV_USDT_REG:
		case DV_USDT_REGH:
			usdt_reg(b, 1, a->reg);
			if (a->kind == DV_USDT_REGH)
				E(BPF_ALU64 | BPF_RSH | BPF_K, 1, 0, 0, 8);
			break;
		case DV_USDT_MEM:
			usdt_mem(b, a, n);
			break;
		default:
			continue;
		}
		if (unused) {
			E(BPF_ALU64 | BPF_LSH | BPF_K, 1, 0, 0, unused);
			E(BPF_ALU64 | (a->is_signed ? BPF_ARSH : BPF_RSH) | BPF_K, 1, 0, 0, unused);
		}
		arg_store(b, n, 1);
	}
}

// Where the probed function's return address lies. At its return that has been taken off the stack already.
static void take_frame(struct builder *b)
{
	if (!(b->uses & DV_USES_FRAME))
		return;
	if (b->g->entry == DV_ENTRY_REGS || b->g->entry == DV_ENTRY_REGS_ONE)
		E(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, PT_SP, 0);
	else
		dv_bpf_const(&b->main, 1, 0);
	if (b->site->args == DV_ARGS_RETURN)
		E(BPF_ALU64 | BPF_SUB | BPF_K, 1, 0, 0, 8);
	E(BPF_STX | BPF_MEM | BPF_DW, 9, 1, (int16_t)offsetof(struct dv_firing, frame), 0);
}

static void take_args(struct builder *b)
{
	if (!(b->uses & DV_USES_ARGS))
		return;
	switch (b->g->entry) {
	case DV_ENTRY_RAW:
	case DV_ENTRY_FENTRY:
		word_args(b);
		break;
	case DV_ENTRY_SYSENTER:
		user_regs(b);
		if (b->both) {
			uint32_t other, end;

			E(BPF_LDX | BPF_MEM | BPF_DW, 2, 10, -8, 0);
			other = E(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0, 0);
			regs_args(b, 0, sys_args);
			end = E(BPF_JMP | BPF_JA, 0, 0, 0, 0);
			b->main.insns.data[other].off = (int16_t)(end - other);
			regs_args(b, 0, sys32_args);
			b->main.insns.data[end].off = (int16_t)(b->main.insns.count - end - 1);
		} else {
			regs_args(b, 0, b->site->args == DV_ARGS_SYSCALL32 ? sys32_args : sys_args);
		}
		break;
	case DV_ENTRY_SYSEXIT:
		zero_args(b);
		E(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, 8, 0);
		return_args(b, true);
		break;
	case DV_ENTRY_FEXIT:
		zero_args(b);
		E(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, (int16_t)(b->g->args * 8), 0);
		return_args(b, false);
		break;
	case DV_ENTRY_REGS:
	case DV_ENTRY_REGS_ONE:
		if (b->site->args == DV_ARGS_FUNC) {
			regs_args(b, 6, func_args);
		} else if (b->site->args == DV_ARGS_USDT) {
			usdt_args(b);
		} else {
			zero_args(b);
			if (b->site->args == DV_ARGS_RETURN) {
				E(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, PT_AX, 0);
				return_args(b, false);
			}
		}
		break;
	case DV_ENTRY_PERF:
		zero_args(b);
		E(BPF_LDX | BPF_MEM | BPF_DW, 2, 6, PT_IP, 0);
		E(BPF_JMP | BPF_JSGE | BPF_K, 2, 0, 2, 0);
		arg_store(b, 0, 2); // the kernel's
		E(BPF_JMP | BPF_JA, 0, 0, 1, 0);
		arg_store(b, 1, 2); // a program's
		break;
	case DV_ENTRY_TRAP: // trap.c
	case DV_ENTRY_TIMER:
		break;
	}
}

// The frames go from pc[@p first] on.
static void take_stack(struct builder *b, size_t at, size_t first, uint64_t flags)
{
	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 2, 9, 0, 0);
	E(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, (int32_t)(at + offsetof(struct dv_firing_stack, pc) + 8 * first));
	dv_bpf_const(&b->main, 3, DV_HOST_FRAMES * 8);
	dv_bpf_const(&b->main, 4, flags);
	dv_bpf_helper(&b->main, H_GET_STACK);
	E(BPF_JMP | BPF_JSGE | BPF_K, 0, 0, 1, 0);
	dv_bpf_const(&b->main, 0, 0);
	E(BPF_STX | BPF_MEM | BPF_DW, 9, 0, (int16_t)(at + offsetof(struct dv_firing_stack, size)), 0);
}

// The program's own frame is left out, at a trampoline that one too; of a tracepoint's there may be more or fewer.
static void take_kernel_stack(struct builder *b)
{
	bool trampoline = b->g->entry == DV_ENTRY_FENTRY || b->g->entry == DV_ENTRY_FEXIT;
	bool raw = b->g->entry == DV_ENTRY_RAW || b->g->entry == DV_ENTRY_SYSENTER || b->g->entry == DV_ENTRY_SYSEXIT;

	take_stack(b, offsetof(struct dv_firing, kernel), 0, trampoline ? 2 : raw ? 1 : 0);
	if (!raw) { // the producer's last firing may have been at a tracepoint
		dv_bpf_const(&b->main, 1, 0);
		E(BPF_STX | BPF_MEM | BPF_DW, 9, 1, (int16_t)offsetof(struct dv_firing, kernel.own), 0);
		return;
	}
	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
	for (unsigned i = 0; i < 4; i++)
		dv_bpf_const(&b->main, 2 + i, b->g->own[i]);
	dv_bpf_call(&b->main, "dv_host_trim");
}

static void take_user_stack(struct builder *b)
{
	bool edge = b->site->kind == DV_SITE_UPROBE && (b->site->args == DV_ARGS_FUNC || b->site->args == DV_ARGS_RETURN);

	take_stack(b, offsetof(struct dv_firing, user), edge, BPF_F_USER_STACK);
	if (edge) {
		E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
		E(BPF_LDX | BPF_MEM | BPF_DW, 2, 6, PT_SP, 0);
		dv_bpf_const(&b->main, 3, b->site->args == DV_ARGS_FUNC);
		dv_bpf_call(&b->main, "dv_host_caller");
	} else {
		dv_bpf_const(&b->main, 1, 0);
		E(BPF_STX | BPF_MEM | BPF_DW, 9, 1, (int16_t)offsetof(struct dv_firing, user.own), 0);
	}
}

static void take_stacks(struct builder *b)
{
	if (b->uses & DV_USES_STACK)
		take_kernel_stack(b);
	if (b->uses & DV_USES_USTACK)
		take_user_stack(b);
}

// These jumps come here.
static void land(struct builder *b, const uint32_t *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		b->main.insns.data[at[i]].off = (int16_t)(b->main.insns.count - at[i] - 1);
}

// A firing in which no clause's predicate holds leaves nothing behind: it need not begin.
static void try_predicates(struct builder *b)
{
	DV_VEC(uint32_t) yes = {0};

	for (size_t i = 0; i < b->predicates.count; i++) {
		dv_bpf_call(&b->main, b->predicates.data[i]);
		if (i + 1 < b->predicates.count)
			*DV_PUSH(&yes) = E(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0, 0);
		else
			exit_if(b, BPF_JEQ, 0, 0);
	}
	land(b, yes.data, yes.count);
	DV_VEC_FREE(&yes);
}

static void main_code(struct builder *b, const char *const *clauses)
{
	DV_VEC(uint32_t) done = {0}; // jumps past the clauses that are left after exit()
	size_t before;

	b->main.name = b->g->name;
	b->main.args = 1;
	E(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	find_site(b);
	before = b->exits.count;
	if (b->s->vtime) {
		dv_bpf_call(&b->main, "dv_host_stop");
		E(BPF_STX | BPF_MEM | BPF_DW, 10, 0, RUNNING, 0);
	}
	try_predicates(b);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 7, 0, 0);
	dv_bpf_const(&b->main, 2, !!(b->uses & DV_USES_ORDER));
	dv_bpf_call(&b->main, "dv_host_begin");
	exit_if(b, BPF_JEQ, 0, 0);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 8, 0, 0, 0);
	dv_bpf_firing(&b->main, 9, 0, b->s->first, b->s->fire_size);
	take_frame(b);
	take_args(b);
	take_stacks(b);
	for (; *clauses; clauses++) {
		E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
		dv_bpf_call(&b->main, *clauses);
		if (!clauses[1] || !(b->uses & DV_USES_EXIT))
			continue;
		E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
		dv_bpf_call(&b->main, "dv_host_exited");
		*DV_PUSH(&done) = E(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0, 0);
	}
	land(b, done.data, done.count);
	DV_VEC_FREE(&done);
	E(BPF_ALU64 | BPF_AND | BPF_K, 8, 0, 0, (int32_t)(b->s->region_mask & ~511ULL));
	dv_bpf_addr(&b->main, 1, "dv_region_mem", 0);
	E(BPF_ALU64 | BPF_ADD | BPF_X, 1, 8, 0, 0);
	E(BPF_ST | BPF_MEM | BPF_DW, 1, 0, offsetof(struct dv_producer, inflight), 0);
	land(b, b->exits.data + before, b->exits.count - before);
	if (b->s->vtime) {
		E(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, RUNNING, 0);
		dv_bpf_call(&b->main, "dv_host_go");
	}
	land(b, b->exits.data, before);
	E(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// The table that finds a system call's site.
static struct dv_error *make_numbers(struct builder *b)
{
	DV_FREE uint32_t *nr = dv_xcalloc(2 * NRS, sizeof(*nr));

	for (uint32_t i = 0; i < b->g->site_count; i++) {
		const struct dv_load_site *site = &b->s->loaded->sites[b->g->sites[i]];
		uint32_t n = (uint32_t)site->detail;

		b->both |= b->uses & DV_USES_ARGS && site->args != b->site->args;
		if (n < NRS)
			nr[n + (site->detail & DV_SITE_COMPAT ? NRS : 0)] = b->g->sites[i] + 1;
	}
	return dv_bpf_constants_create(nr, 2 * NRS * sizeof(*nr), &b->nr_fd);
}

static struct dv_error *clause(struct builder *b, const struct dv_load_ecb *ecb, const char *name, uint32_t index,
			       const char *const *errors, bool error, struct dv_bpf_code *code)
{
	const struct dv_loaded *l = b->s->loaded;
	const struct dv_load_prog *p = &l->progs[ecb->prog];
	struct dv_bpf_clause c = {
	    .name = name,
	    .insns = l->insns + p->insn,
	    .count = p->insn_count,
	    .index = index,
	    .args = (enum dv_site_args)b->site->args,
	    .unknown = b->site->args == DV_ARGS_USDT ? usdt_unknown(b) : 0,
	    .error = error,
	    .region_mask = b->s->region_mask,
	    .first = b->s->first,
	    .fire_size = b->s->fire_size,
	    .machine = l->img->machine,
	    .errors = errors,
	};

	b->uses |= dv_bpf_clause_uses(c.insns, c.count) & (error ? DV_USES_STACK | DV_USES_USTACK | DV_USES_EXIT : ~0u);
	return dv_bpf_clause(&c, code);
}

// The clauses' predicates as functions of their own, if all have such. Returns how many codes were made.
static uint32_t predicates(struct builder *b, const char *names, struct dv_bpf_code *codes)
{
	const struct dv_loaded *l = b->s->loaded;

	for (uint32_t i = 0; i < b->site->ecb_count; i++) {
		const struct dv_load_prog *p = &l->progs[l->ecbs[b->site->ecb + i].prog];
		struct dv_bpf_clause c = {
		    .name = names + NAME_SIZE * i,
		    .insns = l->insns + p->insn,
		    .count = p->insn_count,
		    .region_mask = b->s->region_mask,
		    .machine = l->img->machine,
		};

		if (!dv_bpf_predicate(&c, &codes[i])) {
			b->predicates.count = 0;
			return i;
		}
		*DV_PUSH(&b->predicates) = c.name;
	}
	return b->site->ecb_count;
}

// @p nr_fd: the table of system calls; -1: none.
static struct dv_error *link_and_load(const struct dv_bpf_session *s, int nr_fd, const struct dv_bpf_code *codes, uint32_t count,
				      const struct dv_bpf_load *how, char **log, int *fd)
{
	struct dv_bpf_map_symbol maps[MAPS_MAX];
	struct dv_bpf_linked linked;
	struct dv_error *e;
	uint32_t n = 0;

	for (; n < s->map_count; n++)
		maps[n] = s->maps[n];
	if (nr_fd >= 0)
		maps[n++] = (struct dv_bpf_map_symbol){"dv_nr", nr_fd};
	maps[n].fd = -1;
	e = dv_bpf_link(s->object, codes, count, maps, &linked);
	if (e)
		return e;
	e = dv_bpf_load(&linked, how, log, fd);
	dv_bpf_linked_deinit(&linked);
	return e;
}

struct dv_error *dv_bpf_session_load(const struct dv_bpf_session *s, const struct dv_bpf_code *codes, uint32_t count,
				     const struct dv_bpf_load *how, char **log, int *fd)
{
	return link_and_load(s, -1, codes, count, how, log, fd);
}

struct dv_error *dv_bpf_switch_program(const struct dv_bpf_session *s, int *fd)
{
	const struct dv_bpf_load how = {.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = "dvirt_switch"};
	struct dv_bpf_code code = {.name = "dvirt_switch", .args = 1};
	struct dv_error *e;

	if (s->inside) // what comes is the third word, after the one that leaves
		dv_bpf_emit(&code, BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 16, 0);
	dv_bpf_call(&code, s->inside ? "dv_guest_sched" : "dv_host_switch");
	dv_bpf_emit(&code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	e = dv_bpf_session_load(s, &code, 1, &how, NULL, fd);
	dv_bpf_code_deinit(&code);
	return e;
}

struct dv_error *dv_bpf_program(const struct dv_bpf_session *s, const struct dv_bpf_group *g, const struct dv_bpf_load *how,
				char **log, int *fd)
{
	const struct dv_loaded *l = s->loaded;
	const struct dv_load_site *site = &l->sites[g->sites[0]];
	uint32_t n = site->ecb_count, m = l->img->error_ecb_count, made, total = 1 + 2 * n + m;
	struct builder b = {.s = s, .g = g, .site = site, .nr_fd = -1};
	// The entry, the clauses, ERROR's, the predicates.
	DV_FREE struct dv_bpf_code *codes = dv_xcalloc(total, sizeof(*codes));
	DV_FREE char *names = dv_xcalloc(2 * n + m, NAME_SIZE);
	DV_FREE const char **clauses = dv_xcalloc(n + 1, sizeof(*clauses)), **errors = dv_xcalloc(m + 1, sizeof(*errors));
	struct dv_error *e = NULL;

	for (uint32_t i = 0; i < 2 * n + m; i++)
		snprintf(names + NAME_SIZE * i, NAME_SIZE, i < n ? "clause_%u" : i < n + m ? "error_%u" : "predicate_%u",
			 i < n ? i : i < n + m ? i - n : i - n - m);
	for (uint32_t i = 0; i < m; i++)
		errors[i] = names + NAME_SIZE * (n + i);
	for (uint32_t i = 0; i < n && !e; i++) {
		clauses[i] = names + NAME_SIZE * i;
		e = clause(&b, &l->ecbs[site->ecb + i], clauses[i], i, errors, false, &codes[1 + i]);
	}
	for (uint32_t i = 0; i < m && !e; i++) {
		const struct dv_load_ecb *ecb = &l->ecbs[l->img->error_ecb + i];

		e = clause(&b, ecb, errors[i], ecb->epid, NULL, true, &codes[1 + n + i]);
	}
	if (!e && (g->entry == DV_ENTRY_SYSENTER || g->entry == DV_ENTRY_SYSEXIT))
		e = make_numbers(&b);
	if (!e) {
		made = 1 + n + m + predicates(&b, names + NAME_SIZE * (n + m), &codes[1 + n + m]);
		main_code(&b, clauses);
		codes[0] = b.main;
		e = link_and_load(s, b.nr_fd, codes, made, how, log, fd);
	}
	if (b.nr_fd >= 0)
		close(b.nr_fd);
	for (uint32_t i = 0; i < total; i++)
		dv_bpf_code_deinit(&codes[i]);
	DV_VEC_FREE(&b.exits);
	DV_VEC_FREE(&b.predicates);
	return e;
}
