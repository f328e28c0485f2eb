// SPDX-License-Identifier: GPL-2.0-or-later
//
// A translated clause looks like this:
//
//	*(r10 - S) = r1                  st, the producer's offset; S and P lie below the clause's own stack
//	*(r10 - P) = address of the producer
//	scratch, key, record and fault are new: what dv_st_clause() does
//	the firing's block: which clause this is
//	... the clause ...
//	stubs:  r2 = pc; r3 = action; goto fault   one for each call that can fault
//	fault:  dv_host_error(st, pc, action); the clauses of ERROR; r0 = 0; exit
//
// A call of the bytecode has up to four arguments in r1..r4; st goes before them:
//
//	r5 = r4; r4 = r3; r3 = r2; r2 = r1; r1 = *(r10 - S); call dv_fn_NAME
//	r1 = *(r10 - P); r1 = r1->fault; if r1 != 0 goto stub
//
// What is known while translating is put in place: loads and stores of global variables at their addresses, built-ins as
// the kernel's helpers. For that, constants in r1..r5 are followed from one jump target to the next.
#include "machine/ebpf/clause.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "code/bytecode.h"
#include "machine/ebpf/bpf/firing.h"

// Helpers by number (include/uapi/linux/bpf.h).
enum { H_KTIME = 5, H_CPU = 8, H_PID_TGID = 14, H_UID_GID = 15, H_TASK = 35 };

#define REGION    "dv_region_mem"
#define STACK_MAX 256 /* of the 512 that a program and all it calls share */

struct stub {
	uint32_t at; // the conditional jump
	uint32_t pc;
};
struct jump {
	uint32_t at, to; // instruction; index in the bytecode
};
struct tr {
	const struct dv_bpf_clause *c;
	struct dv_bpf_code *out;
	int16_t st_off, p_off;   // places in the frame
	uint32_t *at;            // for each instruction: where its translation begins
	bool *target;            // something jumps there
	bool known[6];           // r1..r5: a constant
	uint64_t value[6];
	DV_VEC(struct stub) stubs;
	DV_VEC(struct jump) jumps;
	struct dv_error *err;
};
static const char *const fn_symbols[DV_FN_COUNT] = {
#define X(id, n, letters, text) [DV_FN_##id] = "dv_fn_" text,
	DV_FN_TABLE(X)
#undef X
};

// Those that ask about the place where it fired, when that is a guest.
static const char *const guest_symbols[DV_FN_COUNT] = {
	[DV_FN_RD] = "dv_guest_rd",	      [DV_FN_RDMEM] = "dv_guest_rdmem", [DV_FN_RDSTR] = "dv_guest_rdstr",
	[DV_FN_DPATH] = "dv_guest_dpath",     [DV_FN_DYN] = "dv_guest_dyn",	[DV_FN_DYNDEL] = "dv_guest_dyndel",
	[DV_FN_PROGENY] = "dv_guest_progeny", [DV_FN_STACK] = "dv_guest_stack", [DV_FN_SYMADDR] = "dv_guest_symaddr",
};

void dv_bpf_firing(struct dv_bpf_code *c, unsigned dst, unsigned st, uint32_t first, uint32_t fire_size)
{
	dv_bpf_addr(c, dst, "dv_fire_mem", 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_SUB | BPF_K, st, 0, 0, (int32_t)first);
	dv_bpf_emit(c, BPF_ALU64 | BPF_LSH | BPF_K, st, 0, 0, DV_FIRING_SHIFT);
	dv_bpf_emit(c, BPF_ALU64 | BPF_AND | BPF_K, st, 0, 0, (int32_t)(fire_size - DV_FIRING_SIZE));
	dv_bpf_emit(c, BPF_ALU64 | BPF_ADD | BPF_X, dst, st, 0, 0);
}

static void gone(struct tr *t, const char *what)
{
	if (!t->err)
		t->err = dv_error_create(DV_ERR_OTHER, "%s cannot be had in a program of the host's kernel", what);
}
static void too_large(struct tr *t)
{
	if (!t->err)
		t->err = dv_error_hint(dv_error_create(DV_ERR_LIMIT, "the clause is too large for a kernel program"),
				       "split it into several clauses");
}

#define E(...) dv_bpf_emit(t->out, __VA_ARGS__)
static void mov(struct tr *t, unsigned dst, unsigned src)
{
	E(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}
static void load_st(struct tr *t, unsigned dst)
{
	E(BPF_LDX | BPF_MEM | BPF_DW, dst, 10, t->st_off, 0);
}

static void check_fault(struct tr *t, uint32_t pc)
{
	uint32_t at;

	E(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, t->p_off, 0);
	E(BPF_LDX | BPF_MEM | BPF_W, 1, 1, offsetof(struct dv_producer, fault), 0);
	at = E(BPF_JMP | BPF_JNE | BPF_K, 1, 0, 0, 0);
	*DV_PUSH(&t->stubs) = (struct stub){at, pc};
}

// Call dv_fn_NAME(st, r1 .. rn).
static void call_fn(struct tr *t, const char *symbol, uint32_t args)
{
	for (unsigned i = args; i > 0; i--)
		mov(t, i + 1, i);
	load_st(t, 1);
	dv_bpf_call(t->out, symbol);
}

// The region's address plus r1, masked, into r1.
static void region_at_r1(struct tr *t)
{
	E(BPF_ALU64 | BPF_AND | BPF_K, 1, 0, 0, (int32_t)(t->c->region_mask & ~7ULL));
	dv_bpf_addr(t->out, 0, REGION, 0);
	E(BPF_ALU64 | BPF_ADD | BPF_X, 1, 0, 0, 0);
}

static bool known_cell(const struct tr *t)
{
	return t->known[1] && t->value[1] >= DV_GLOBALS_OFF && t->value[1] <= t->c->region_mask - 7;
}

static void ld(struct tr *t)
{
	if (known_cell(t)) {
		dv_bpf_addr(t->out, 0, REGION, (uint32_t)t->value[1] & ~7u);
		E(BPF_LDX | BPF_MEM | BPF_DW, 0, 0, 0, 0);
		return;
	}
	E(BPF_JMP | BPF_JLT | BPF_K, 1, 0, 6, DV_GLOBALS_OFF); // no variable is there: absent, 0
	region_at_r1(t);
	E(BPF_LDX | BPF_MEM | BPF_DW, 0, 1, 0, 0);
	E(BPF_JMP | BPF_JA, 0, 0, 1, 0);
	E(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
}

static void st(struct tr *t)
{
	if (known_cell(t)) {
		dv_bpf_addr(t->out, 1, REGION, (uint32_t)t->value[1] & ~7u);
		E(BPF_STX | BPF_MEM | BPF_DW, 1, 2, 0, 0);
		return;
	}
	E(BPF_JMP | BPF_JLT | BPF_K, 1, 0, 5, DV_GLOBALS_OFF);
	region_at_r1(t);
	E(BPF_STX | BPF_MEM | BPF_DW, 1, 2, 0, 0);
}

// x += y of 64 bits is one instruction. False: it is not that.
static bool rmw(struct tr *t)
{
	if (!known_cell(t) || !t->known[2] || !t->known[4] || (t->value[4] & 15) != 8 ||
	    (t->value[2] != DV_RMW_ADD && t->value[2] != DV_RMW_SUB))
		return false;
	if (t->value[2] == DV_RMW_SUB)
		E(BPF_ALU64 | BPF_NEG, 3, 0, 0, 0);
	mov(t, 0, 3);
	dv_bpf_addr(t->out, 1, REGION, (uint32_t)t->value[1] & ~7u);
	E(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 0, 0, BPF_ADD | BPF_FETCH);
	E(BPF_ALU64 | BPF_ADD | BPF_X, 0, 3, 0, 0);
	return true;
}

// Word @p off of the firing's block, into r0.
static void firing_word(struct tr *t, const char *symbol)
{
	load_st(t, 1);
	dv_bpf_call(t->out, symbol);
}

static bool builtin(struct tr *t, uint64_t id)
{
	bool error = t->c->error;

	switch (id) {
	case DV_BI_TIMESTAMP:     firing_word(t, "dv_fn_timestamp"); break;
	case DV_BI_WALLTIMESTAMP: firing_word(t, "dv_fn_walltimestamp"); break;
	case DV_BI_CPU:           dv_bpf_helper(t->out, H_CPU); break;
	case DV_BI_PID:
		dv_bpf_helper(t->out, H_PID_TGID);
		E(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32);
		break;
	case DV_BI_TID:
		dv_bpf_helper(t->out, H_PID_TGID);
		E(BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0);
		break;
	case DV_BI_UID:
		dv_bpf_helper(t->out, H_UID_GID);
		E(BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0);
		break;
	case DV_BI_GID:
		dv_bpf_helper(t->out, H_UID_GID);
		E(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32);
		break;
	case DV_BI_PPID:          firing_word(t, "dv_fn_ppid"); break;
	case DV_BI_CURTHREAD:     dv_bpf_helper(t->out, H_TASK); break;
	case DV_BI_EPID:          firing_word(t, "dv_fn_epid"); break;
	case DV_BI_SEQ:           firing_word(t, "dv_fn_seq"); break;
	case DV_BI_VM:            dv_bpf_const(t->out, 0, t->c->machine); break;
	case DV_BI_ID:
		if (error)
			dv_bpf_const(t->out, 0, 3);
		else
			firing_word(t, "dv_fn_id");
		break;
	case DV_BI_ERRNO:
		if (t->c->args == DV_ARGS_SYSRET && !error)
			firing_word(t, "dv_fn_errno");
		else
			dv_bpf_const(t->out, 0, 0);
		break;
	case DV_BI_CALLER:        firing_word(t, "dv_fn_caller"); break;
	case DV_BI_UCALLER:       firing_word(t, "dv_fn_ucaller"); break;
	case DV_BI_STACKDEPTH:    firing_word(t, "dv_fn_stackdepth"); break;
	case DV_BI_USTACKDEPTH:   firing_word(t, "dv_fn_ustackdepth"); break;
	case DV_BI_GUESTVCPU:     firing_word(t, "dv_fn_guestvcpu"); break;
	case DV_BI_HOSTTID:
		dv_bpf_helper(t->out, H_PID_TGID);
		E(BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0);
		break;
	case DV_BI_HOSTCPU:       dv_bpf_helper(t->out, H_CPU); break;
	case DV_BI_FRAME:         firing_word(t, "dv_fn_frame"); break;
	case DV_BI_VTIMESTAMP:    firing_word(t, "dv_fn_vtimestamp"); break;
	default:
		return false;
	}
	return true;
}

// Built-ins that mean the guest's CPU, task, stack. False: the answer is the same as on the host. *faults: it may.
static bool guest_builtin(struct tr *t, uint64_t id, bool *faults)
{
	static const char *const symbols[DV_BI_INTEGERS] = {
	    [DV_BI_CPU] = "dv_guest_cpu",
	    [DV_BI_PID] = "dv_guest_pid",
	    [DV_BI_TID] = "dv_guest_tid",
	    [DV_BI_PPID] = "dv_guest_ppid",
	    [DV_BI_UID] = "dv_guest_uid",
	    [DV_BI_GID] = "dv_guest_gid",
	    [DV_BI_CURTHREAD] = "dv_guest_curthread",
	    [DV_BI_CALLER] = "dv_guest_caller",
	    [DV_BI_UCALLER] = "dv_guest_ucaller",
	    [DV_BI_STACKDEPTH] = "dv_guest_stackdepth",
	    [DV_BI_USTACKDEPTH] = "dv_guest_ustackdepth",
	    [DV_BI_GUESTVCPU] = "dv_guest_cpu",
	    [DV_BI_FRAME] = "dv_guest_frame",
	    [DV_BI_ERRNO] = "dv_guest_errno",
	    [DV_BI_VTIMESTAMP] = "dv_guest_vtimestamp",
	};

	if (!t->c->guest || id >= DV_BI_INTEGERS || !symbols[id])
		return false;
	if (id == DV_BI_ERRNO && (t->c->error || (t->c->args != DV_ARGS_SYSRET && t->c->args != DV_ARGS_RETURN)))
		return false; // 0
	firing_word(t, symbols[id]);
	*faults = id != DV_BI_CPU && id != DV_BI_GUESTVCPU && id != DV_BI_ERRNO && id != DV_BI_VTIMESTAMP;
	return true;
}

static uint64_t eight(const char *s)
{
	uint64_t w = 0;

	strncpy((char *)&w, s, 8);
	return w;
}

static bool string_builtin(struct tr *t, uint64_t id)
{
	static const char *const symbols[] = {
	    [DV_BI_PROBEPROV - DV_BI_STRINGS] = "dv_fn_probeprov",
	    [DV_BI_PROBEMOD - DV_BI_STRINGS] = "dv_fn_probemod",
	    [DV_BI_PROBEFUNC - DV_BI_STRINGS] = "dv_fn_probefunc",
	    [DV_BI_PROBENAME - DV_BI_STRINGS] = "dv_fn_probename",
	};

	switch (id) {
	case DV_BI_EXECNAME:
		firing_word(t, t->c->guest ? "dv_guest_execname" : "dv_fn_execname");
		return true;
	case DV_BI_VMNAME:
		firing_word(t, "dv_fn_vmname");
		return true;
	case DV_BI_GUESTNAME:
		firing_word(t, t->c->guest ? "dv_fn_vmname" : "dv_fn_guestname");
		return true;
	case DV_BI_PROBEPROV:
	case DV_BI_PROBENAME:
		if (t->c->error) {
			dv_bpf_const(t->out, 2, eight(id == DV_BI_PROBEPROV ? "dtrace" : "ERROR"));
			firing_word(t, "dv_fn_text");
			return true;
		}
		break;
	case DV_BI_PROBEMOD:
	case DV_BI_PROBEFUNC:
		if (t->c->error) {
			dv_bpf_const(t->out, 0, 0);
			return true;
		}
		break;
	default:
		return false;
	}
	firing_word(t, symbols[id - DV_BI_STRINGS]);
	return true;
}

// Registers of a program in the kernel's struct pt_regs (arch/x86/include/asm/ptrace.h): byte offset + 1.
const uint8_t dv_bpf_pt_regs[DV_REG_COUNT] = {
    [DV_REG_R15] = 1,     [DV_REG_R14] = 9,   [DV_REG_R13] = 17,  [DV_REG_R12] = 25, [DV_REG_RBP] = 33,
    [DV_REG_RBX] = 41,    [DV_REG_R11] = 49,  [DV_REG_R10] = 57,  [DV_REG_R9] = 65,  [DV_REG_R8] = 73,
    [DV_REG_RAX] = 81,    [DV_REG_RCX] = 89,  [DV_REG_RDX] = 97,  [DV_REG_RSI] = 105, [DV_REG_RDI] = 113,
    [DV_REG_RIP] = 129,   [DV_REG_CS] = 137,  [DV_REG_RFLAGS] = 145, [DV_REG_RSP] = 153, [DV_REG_SS] = 161,
};

static bool arg(struct tr *t, bool known, uint64_t n)
{
	if (t->c->guest && !t->c->error) {
		dv_bpf_const(t->out, 2, t->c->args);
		call_fn(t, "dv_guest_arg", 2);
		return true;
	}
	if (t->c->error || t->c->args != DV_ARGS_USDT) {
		call_fn(t, t->c->error ? "dv_fn_errarg" : "dv_fn_arg", 1);
		return false;
	}
	if (known && n < 32 && t->c->unknown >> n & 1) {
		dv_bpf_const(t->out, 1, DV_FAULT_ILLOP);
		dv_bpf_const(t->out, 2, n);
		call_fn(t, "dv_fn_fault", 2);
	} else {
		call_fn(t, "dv_fn_usdtarg", 1);
	}
	return true;
}

// The call of a run-time function. False: it cannot fault, or is known to have worked.
static bool call(struct tr *t, uint32_t fn)
{
	bool known = t->known[1], faults = true;
	uint64_t id = t->value[1];

	switch (fn) {
	case DV_FN_LD:
		ld(t);
		return false;
	case DV_FN_ST:
		st(t);
		return false;
	case DV_FN_RMW:
		if (rmw(t))
			return false;
		break;
	case DV_FN_BI:
		if (known && guest_builtin(t, id, &faults))
			return faults;
		if (known && builtin(t, id))
			return false;
		gone(t, "a built-in variable");
		return false;
	case DV_FN_BIS:
		if (known && string_builtin(t, id))
			return id == DV_BI_EXECNAME;
		gone(t, "a built-in variable");
		return false;
	case DV_FN_REG:
		if (t->c->guest) {
			call_fn(t, "dv_guest_reg", 1);
			return true;
		}
		if (!known || id >= DV_REG_COUNT || !dv_bpf_pt_regs[id]) {
			gone(t, "this register");
			return false;
		}
		dv_bpf_const(t->out, 1, dv_bpf_pt_regs[id] - 1);
		call_fn(t, "dv_fn_reg", 1);
		return true;
	case DV_FN_ARG:
		return arg(t, known, id);
	case DV_FN_RD:
	case DV_FN_RDMEM:
	case DV_FN_RDSTR:
		// A guest's clauses run in the host's kernel, which is machine 0.
		if (known && id < DV_MACH_MAX && id != t->c->machine && (id || !t->c->guest))
			gone(t, "another machine's memory");
		break;
	default:
		break;
	}
	call_fn(t, t->c->guest && guest_symbols[fn] ? guest_symbols[fn] : fn_symbols[fn], dv_fns[fn].arg_count);
	return fn != DV_FN_THIS && fn != DV_FN_SLEN && fn != DV_FN_SCMP;
}

static void mark_targets(struct tr *t)
{
	for (uint32_t i = 0; i < t->c->count; i++) {
		const struct dv_insn *in = &t->c->insns[i];
		unsigned class = in->code & 7, op = in->code & 0xf0;

		if (in->code == DV_LDDW)
			i++;
		else if (class == DV_JMP && op != DV_CALL && op != DV_EXIT)
			t->target[i + 1 + (uint32_t)in->off] = true;
	}
}

static void forget(struct tr *t)
{
	memset(t->known, 0, sizeof(t->known));
}

// What the instruction does to the constants in r1..r5.
static void follow(struct tr *t, const struct dv_insn *in)
{
	unsigned class = in->code & 7, dst = DV_DST(in);

	if (class == DV_STX || class == DV_STI || class == DV_JMP || !dst || dst > 5)
		return;
	t->known[dst] = true;
	if (in->code == (DV_ALU64 | DV_MOV | DV_K))
		t->value[dst] = (uint64_t)(int64_t)in->imm;
	else if (in->code == (DV_ALU | DV_MOV | DV_K))
		t->value[dst] = (uint32_t)in->imm;
	else if (in->code == DV_LDDW)
		t->value[dst] = (uint32_t)in->imm | (uint64_t)(uint32_t)in[1].imm << 32;
	else
		t->known[dst] = false;
}

// The built-in execname that is put into a key at once: three instructions, none of which is jumped to but the first.
static bool is_execname_key(const struct tr *t, uint32_t i)
{
	const struct dv_insn *in = &t->c->insns[i];

	return !t->c->guest && i + 2 < t->c->count && in->code == (DV_JMP | DV_CALL) && in->imm == DV_FN_BIS && t->known[1] &&
	       t->value[1] == DV_BI_EXECNAME && in[1].code == (DV_ALU64 | DV_MOV | DV_X) && DV_DST(&in[1]) == 1 &&
	       DV_SRC(&in[1]) == 0 && in[2].code == (DV_JMP | DV_CALL) && in[2].imm == DV_FN_KEYS && !t->target[i + 1] &&
	       !t->target[i + 2];
}

static void body(struct tr *t, uint32_t count)
{
	for (uint32_t i = 0; i < count && !t->err; i++) {
		const struct dv_insn *in = &t->c->insns[i];
		unsigned class = in->code & 7, op = in->code & 0xf0;

		if (t->target[i])
			forget(t);
		t->at[i] = (uint32_t)t->out->insns.count;
		if (is_execname_key(t, i)) {
			call_fn(t, "dv_fn_keyexec", 0);
			check_fault(t, i);
			forget(t);
			i += 2; // nothing jumps to them
			continue;
		}
		if (class == DV_JMP && op == DV_CALL) {
			if (call(t, (uint32_t)in->imm))
				check_fault(t, i);
			forget(t);
			continue;
		}
		follow(t, in);
		if (class == DV_JMP && op != DV_EXIT)
			*DV_PUSH(&t->jumps) = (struct jump){t->at[i], i + 1 + (uint32_t)in->off};
		E(in->code, DV_DST(in), DV_SRC(in), in->off, in->imm);
		if (in->code == DV_LDDW) {
			i++;
			E(0, 0, 0, 0, in[1].imm);
		}
	}
}

static void set_jump(struct tr *t, uint32_t at, uint32_t to)
{
	int64_t d = (int64_t)to - at - 1;

	if (d != (int16_t)d)
		too_large(t);
	else
		t->out->insns.data[at].off = (int16_t)d;
}

static void ending(struct tr *t)
{
	uint32_t common = (uint32_t)(t->out->insns.count + 3 * t->stubs.count);

	for (size_t i = 0; i < t->jumps.count; i++)
		set_jump(t, t->jumps.data[i].at, t->at[t->jumps.data[i].to]);
	for (size_t i = 0; i < t->stubs.count; i++) {
		uint32_t at = (uint32_t)t->out->insns.count;

		set_jump(t, t->stubs.data[i].at, at);
		E(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, (int32_t)t->stubs.data[i].pc);
		E(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, t->c->insns[t->stubs.data[i].pc].off);
		E(BPF_JMP | BPF_JA, 0, 0, 0, 0);
		set_jump(t, at + 2, common);
	}
	if (!t->stubs.count)
		return;
	load_st(t, 1);
	dv_bpf_call(t->out, t->c->error ? "dv_host_error_lost" : "dv_host_error");
	for (const char *const *e = t->c->errors; !t->c->error && e && *e; e++) {
		load_st(t, 1);
		dv_bpf_call(t->out, *e);
	}
	E(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// Bytes of stack that the clause itself uses.
static int stack_used(const struct dv_bpf_clause *c)
{
	int used = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		unsigned class = c->insns[i].code & 7;

		if (c->insns[i].code == DV_LDDW)
			i++;
		else if ((class == DV_LDX || class == DV_STX || class == DV_STI) && -c->insns[i].off > used)
			used = -c->insns[i].off;
	}
	return (used + 7) & ~7;
}

// Zero a word of the struct that r2 points to, or put a small number into it.
static void word_at_r2(struct tr *t, size_t off, int32_t value)
{
	E(BPF_ST | BPF_MEM | BPF_DW, 2, 0, (int16_t)off, value);
}

#define TWO_WORDS(a, b)                                                                                               \
	_Static_assert(offsetof(struct dv_producer, a) % 8 == 0 &&                                                    \
			   offsetof(struct dv_producer, b) == offsetof(struct dv_producer, a) + 4, "they are set together")
TWO_WORDS(scratch_used, key_len);
TWO_WORDS(fault, clause_drop);

static void prologue(struct tr *t)
{
	int used = stack_used(t->c);

	t->st_off = (int16_t)-(used + 8);
	t->p_off = (int16_t)-(used + 16);
	E(BPF_STX | BPF_MEM | BPF_DW, 10, 1, t->st_off, 0);
	mov(t, 3, 1);
	E(BPF_ALU64 | BPF_AND | BPF_K, 1, 0, 0, (int32_t)(t->c->region_mask & ~511ULL));
	dv_bpf_addr(t->out, 2, REGION, 0);
	E(BPF_ALU64 | BPF_ADD | BPF_X, 2, 1, 0, 0);
	E(BPF_STX | BPF_MEM | BPF_DW, 10, 2, t->p_off, 0);
	word_at_r2(t, offsetof(struct dv_producer, scratch_used), 0);
	word_at_r2(t, offsetof(struct dv_producer, fault), 0);
	word_at_r2(t, offsetof(struct dv_producer, fault_value), 0);
	E(BPF_ST | BPF_MEM | BPF_W, 2, 0, offsetof(struct dv_producer, rec_start), 0);
	dv_bpf_firing(t->out, 2, 3, t->c->first, t->c->fire_size);
	word_at_r2(t, offsetof(struct dv_firing, execname), 0);
	if (!t->c->error) {
		word_at_r2(t, offsetof(struct dv_firing, clause), (int32_t)t->c->index);
	} else {
		dv_bpf_const(t->out, 1, DV_CLAUSE_EPID | t->c->index);
		E(BPF_STX | BPF_MEM | BPF_DW, 2, 1, offsetof(struct dv_firing, clause), 0);
	}
	if (used + 16 > STACK_MAX)
		t->err = dv_error_hint(dv_error_create(DV_ERR_LIMIT, "an expression needs %d bytes of stack, a kernel "
						       "program has room for %d", used, STACK_MAX - 16),
				       "split it into several statements");
}

struct dv_error *dv_bpf_clause(const struct dv_bpf_clause *c, struct dv_bpf_code *ret)
{
	struct tr tr = {.c = c, .out = ret}, *t = &tr;

	ret->name = c->name;
	ret->args = 1;
	ret->global = true;
	t->at = dv_xcalloc(c->count + 1, sizeof(*t->at));
	t->target = dv_xcalloc(c->count + 1, sizeof(*t->target));
	mark_targets(t);
	prologue(t);
	body(t, c->count);
	if (!t->err)
		ending(t);
	free(t->at);
	free(t->target);
	DV_VEC_FREE(&t->stubs);
	DV_VEC_FREE(&t->jumps);
	return t->err;
}

// Does the call only look at what is there before the firing has begun: the running thread, a global variable?
static bool is_pure(const struct dv_insn *call)
{
	const struct dv_insn *arg = call - 1; // puts its constant argument into r1

	if (arg->code != (DV_ALU64 | DV_MOV | DV_K) || DV_DST(arg) != 1)
		return false;
	if (call->imm == DV_FN_LD)
		return (uint32_t)arg->imm >= DV_GLOBALS_OFF;
	if (call->imm != DV_FN_BI)
		return false;
	switch (arg->imm) {
	case DV_BI_CPU:
	case DV_BI_PID:
	case DV_BI_TID:
	case DV_BI_UID:
	case DV_BI_GID:
	case DV_BI_CURTHREAD:
	case DV_BI_VM:
	case DV_BI_HOSTTID:
	case DV_BI_HOSTCPU:
		return true;
	}
	return false;
}

// The clause ends with "no: r0 = 0; exit", where a false predicate jumps. The instructions up to the last such jump are the
// predicate, if nothing else jumps out of them and all that they call is pure. Returns their number; 0: there is none.
static uint32_t predicate_length(const struct dv_bpf_clause *c)
{
	const struct dv_insn *in = c->insns;
	uint32_t no = c->count - 2, len = 0;

	if (c->count < 4 || in[no].code != (DV_ALU64 | DV_MOV | DV_K) || in[no].imm || DV_DST(&in[no]))
		return 0;
	for (uint32_t i = 0; i < no; i++) {
		unsigned class = in[i].code & 7, op = in[i].code & 0xf0;

		if (in[i].code == DV_LDDW) {
			i++;
			continue;
		}
		if (class != DV_JMP)
			continue;
		if (op == DV_EXIT || (op == DV_CALL && (!i || !is_pure(&in[i]))))
			break;
		if (op != DV_CALL && i + 1 + (uint32_t)in[i].off == no)
			len = i + 1;
	}
	for (uint32_t i = 0; i < len; i++) {
		unsigned class = in[i].code & 7, op = in[i].code & 0xf0;
		uint32_t to = i + 1 + (uint32_t)in[i].off;

		if (in[i].code == DV_LDDW)
			i++;
		else if (class == DV_JMP && op != DV_CALL && to != no && to > len)
			return 0;
	}
	return len;
}

bool dv_bpf_predicate(const struct dv_bpf_clause *c, struct dv_bpf_code *ret)
{
	struct tr tr = {.c = c, .out = ret}, *t = &tr;
	uint32_t len = predicate_length(c), no = c->count - 2;

	if (!len)
		return false;
	ret->name = c->name;
	ret->global = true;
	t->at = dv_xcalloc(c->count + 1, sizeof(*t->at));
	t->target = dv_xcalloc(c->count + 1, sizeof(*t->target));
	mark_targets(t);
	body(t, len);
	t->at[len] = (uint32_t)ret->insns.count;
	E(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
	E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	t->at[no] = (uint32_t)ret->insns.count;
	E(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = 0; i < t->jumps.count; i++)
		set_jump(t, t->jumps.data[i].at, t->at[t->jumps.data[i].to]);
	free(t->at);
	free(t->target);
	DV_VEC_FREE(&t->stubs);
	DV_VEC_FREE(&t->jumps);
	dv_error_destroy(t->err);
	return !t->err;
}

// Can it be seen where in the order of all machines the firing that calls this is: in a record, or by what it does to the
// machine, after which a record may follow?
static bool shows_order(int32_t fn, int64_t first_arg)
{
	switch (fn) {
	case DV_FN_REC:
	case DV_FN_SPEC:
	case DV_FN_SPECUL:
	case DV_FN_COMMIT:
	case DV_FN_DISCARD:
	case DV_FN_EXIT:
	case DV_FN_COPYOUT:
	case DV_FN_RAISE:
	case DV_FN_CHILL:
		return true;
	case DV_FN_BI:
		return first_arg < 0 || first_arg == DV_BI_SEQ;
	}
	return false;
}

uint32_t dv_bpf_clause_uses(const struct dv_insn *insns, uint32_t count)
{
	uint32_t uses = 0;
	int64_t r1 = -1;

	// The argument's number is put into r1 just before the call.
	for (uint32_t i = 0; i < count; i++) {
		const struct dv_insn *in = &insns[i];

		if (in->code == (DV_ALU64 | DV_MOV | DV_K) && DV_DST(in) == 1)
			r1 = in->imm;
		if (in->code == DV_LDDW)
			i++;
		if (in->code != (DV_JMP | DV_CALL))
			continue;
		if (shows_order(in->imm, r1))
			uses |= DV_USES_ORDER;
		if (in->imm == DV_FN_ARG)
			uses |= r1 >= 0 && r1 < 10 ? 1u << r1 : DV_USES_ARGS;
		if (in->imm == DV_FN_REG)
			uses |= DV_USES_REGS;
		if (in->imm == DV_FN_EXIT)
			uses |= DV_USES_EXIT;
		if (in->imm == DV_FN_STACK)
			uses |= r1 == DV_STACK_USER ? DV_USES_USTACK : DV_USES_STACK;
		if (in->imm == DV_FN_BI && r1 == DV_BI_FRAME)
			uses |= DV_USES_FRAME;
		if (in->imm == DV_FN_BI && r1 == DV_BI_ERRNO)
			uses |= 2;
		if (in->imm == DV_FN_BI && (r1 == DV_BI_CALLER || r1 == DV_BI_STACKDEPTH))
			uses |= DV_USES_STACK;
		if (in->imm == DV_FN_BI && (r1 == DV_BI_UCALLER || r1 == DV_BI_USTACKDEPTH))
			uses |= DV_USES_USTACK;
		r1 = -1;
	}
	return uses;
}
