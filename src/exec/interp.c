/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter. Programs are verified (code/verify.c): every operation is known, jumps go forward and stay inside,
 * registers are below 11, loads and stores are inside the stack and aligned, and nothing is read before it is
 * written. So nothing of that is checked here, and the stack is not cleared. An instruction that is not known all
 * the same ends the program with a fault.
 *
 * Registers stand for D's 64-bit scalars; r10 is not among them: it is only ever the base of stack accesses.
 * A call ends the program at once when it leaves a fault, or when the clause's record found no room.
 */
#include <string.h>

#include "exec/fn.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/** Call run-time function @p fn; false: the program ends. */
static inline __attribute__((always_inline)) bool call(struct dv_exec *x, uint32_t fn, uint64_t *r)
{
	struct dv_st *st = &x->st;

	switch (fn) {
	/* These cannot fault. */
	case DV_FN_LD:
		r[0] = dv_st_ld(st, r[1]);
		return true;
	case DV_FN_ST:
		dv_st_st(st, r[1], r[2]);
		return true;
	case DV_FN_STS:
		dv_st_sts(st, r[1], r[2]);
		return true;
	case DV_FN_LDN:
		r[0] = dv_st_ldn(st, r[1], r[2]);
		return true;
	case DV_FN_STN:
		dv_st_stn(st, r[1], r[2], r[3]);
		return true;
	case DV_FN_CPY:
		dv_st_cpy(st, r[1], r[2], r[3]);
		return true;
	case DV_FN_STSN:
		dv_st_stsn(st, r[1], r[2], r[3]);
		return true;
	case DV_FN_SLEN:
		r[0] = dv_st_slen(st, r[1]);
		return true;
	case DV_FN_SCMP:
		r[0] = dv_st_scmp(st, r[1], r[2]);
		return true;
	/* These can. */
	case DV_FN_RMW:
		r[0] = dv_st_rmw(st, r[1], r[2], r[3], r[4]);
		break;
	case DV_FN_RMWN:
		r[0] = dv_st_rmwn(st, r[1], r[2], r[3], r[4]);
		break;
	case DV_FN_STRN:
		r[0] = dv_st_strn(st, r[1], r[2]);
		break;
	case DV_FN_THIS:
		r[0] = dv_st_this(st, r[1]);
		break;
	case DV_FN_KEY:
		dv_st_key(st, r[1]);
		break;
	case DV_FN_KEYS:
		dv_st_keys(st, r[1]);
		break;
	case DV_FN_KEYB:
		dv_st_keyb(st, r[1]);
		break;
	case DV_FN_DYN:
		r[0] = dv_st_dyn(st, r[1], r[2], r[2] & DV_DYN_SELF ? dv_fn_thread(x) : 0);
		break;
	case DV_FN_DYNDEL:
		dv_st_dyndel(st, r[1], r[2], r[2] & DV_DYN_SELF ? dv_fn_thread(x) : 0);
		break;
	case DV_FN_AGG:
		dv_st_agg(st, r[1], r[2], r[3]);
		break;
	case DV_FN_RD:
		r[0] = dv_fn_rd(x, r[1], r[2], r[3]);
		break;
	case DV_FN_RDMEM:
		r[0] = dv_fn_rdmem(x, r[1], r[2], r[3]);
		break;
	case DV_FN_RDSTR:
		r[0] = dv_fn_rdstr(x, r[1], r[2], r[3]);
		break;
	case DV_FN_PMACH:
		r[0] = dv_fn_pmach(x, r[1], r[2]);
		break;
	case DV_FN_BI:
		r[0] = dv_fn_bi(x, r[1]);
		break;
	case DV_FN_BIS:
		r[0] = dv_fn_bis(x, r[1]);
		break;
	case DV_FN_ARG:
		r[0] = dv_fn_arg(x, r[1]);
		break;
	case DV_FN_REG:
		r[0] = dv_fn_reg(x, r[1]);
		break;
	case DV_FN_STACK:
		r[0] = dv_fn_stack(x, r[1], r[2]);
		break;
	case DV_FN_SYMADDR:
		r[0] = dv_fn_symaddr(x, r[1], r[2], r[3]);
		break;
	case DV_FN_DIV:
		r[0] = dv_st_div(st, r[1], r[2], r[3]);
		break;
	case DV_FN_SJOIN:
		r[0] = dv_st_sjoin(st, r[1], r[2]);
		break;
	case DV_FN_SSUB:
		r[0] = dv_st_ssub(st, r[1], r[2], r[3]);
		break;
	case DV_FN_ALLOCA:
		r[0] = dv_st_scratch(st, r[1]);
		break;
	case DV_FN_WR:
		dv_st_wr(st, r[1], r[2], r[3], r[4]);
		break;
	case DV_FN_MCPY:
		dv_st_mcpy(st, r[1], r[2], r[3], r[4]);
		break;
	case DV_FN_DPATH:
		r[0] = dv_fn_dpath(x, r[1], r[2], r[3], r[4]);
		break;
	case DV_FN_COPYOUT:
		dv_fn_copyout(x, r[1], r[2], r[3]);
		break;
	case DV_FN_PROGENY:
		r[0] = dv_fn_progeny(x, r[1]);
		break;
	case DV_FN_RAISE:
		dv_fn_raise(x, r[1]);
		break;
	case DV_FN_CHILL:
		dv_fn_chill(x, r[1]);
		break;
	case DV_FN_RAND:
		r[0] = dv_st_rand(st);
		break;
	case DV_FN_SFIND:
		r[0] = dv_st_sfind(st, r[1], r[2], r[3], r[4]);
		break;
	case DV_FN_SCHR:
		r[0] = dv_st_schr(st, r[1], r[2], r[3]);
		break;
	case DV_FN_SSTR:
		r[0] = dv_st_sstr(st, r[1], r[2]);
		break;
	case DV_FN_STOK:
		r[0] = dv_st_stok(st, r[1], r[2], r[3]);
		break;
	case DV_FN_SCASE:
		r[0] = dv_st_scase(st, r[1], r[2]);
		break;
	case DV_FN_SPATH:
		r[0] = dv_st_spath(st, r[1], r[2]);
		break;
	case DV_FN_LTOS:
		r[0] = dv_st_ltos(st, r[1], r[2]);
		break;
	case DV_FN_STOL:
		r[0] = dv_st_stol(st, r[1], r[2]);
		break;
	case DV_FN_SJSON:
		r[0] = dv_st_sjson(st, r[1], r[2]);
		break;
	case DV_FN_INET:
		r[0] = dv_st_inet(st, r[1], r[2]);
		break;
	case DV_FN_WORDS:
		r[0] = dv_st_words(st, r[1], r[2]);
		break;
	case DV_FN_SPEC:
		r[0] = dv_st_spec(st);
		break;
	case DV_FN_SPECUL:
		r[0] = dv_st_specul(st, r[1]);
		break;
	case DV_FN_COMMIT:
		dv_fn_commit(x, r[1]);
		break;
	case DV_FN_DISCARD:
		dv_st_discard(st, r[1]);
		break;
	case DV_FN_REC:
		r[0] = dv_fn_rec(x, r[1]);
		break;
	case DV_FN_RECI:
		dv_st_reci(st, r[1]);
		break;
	case DV_FN_RECS:
		dv_st_recs(st, r[1]);
		break;
	case DV_FN_RECM:
		dv_st_recm(st, r[1], r[2]);
		break;
	case DV_FN_RECB:
		dv_st_recb(st, r[1]);
		break;
	case DV_FN_RECEND:
		dv_st_recend(st, x->epid, DV_REC_DATA);
		break;
	case DV_FN_EXIT:
		dv_st_exit(st);
		break;
	case DV_FN_FAULT:
		dv_fn_fault(x, r[1], r[2]);
		return false;
	default:
		dv_st_fault(st, DV_FAULT_ILLOP, fn);
		return false;
	}
	return LIKELY(!(x->prod->fault | x->prod->clause_drop));
}

#define DST       r[DV_DST(in)]
#define SRC       r[DV_SRC(in)]
#define IMM       ((uint64_t)(int64_t)in->imm)
#define NEXT      do { in++; goto *ops[in->code]; } while (0)
#define SLOT(reg) (stack + DV_STACK_SIZE + in->off)

/* One arithmetic operation in its four forms; b is the operand, a the destination as the type says. */
#define ALU(OP, name, expr)                                                        \
	name##_64k: { uint64_t a = DST, b = IMM; DST = (expr); NEXT; }             \
	name##_64x: { uint64_t a = DST, b = SRC; DST = (expr); NEXT; }             \
	name##_32k: { uint32_t a = (uint32_t)DST, b = (uint32_t)IMM; DST = (uint32_t)(expr); NEXT; } \
	name##_32x: { uint32_t a = (uint32_t)DST, b = (uint32_t)SRC; DST = (uint32_t)(expr); NEXT; }
#define ALU_OPS(OP, name)                                                          \
	[DV_ALU64 | OP | DV_K] = &&name##_64k, [DV_ALU64 | OP | DV_X] = &&name##_64x, \
	[DV_ALU | OP | DV_K] = &&name##_32k, [DV_ALU | OP | DV_X] = &&name##_32x

#define JUMP(name, type, op)                                                       \
	name##_k: if ((type)DST op (type)IMM) in += in->off; NEXT;                 \
	name##_x: if ((type)DST op (type)SRC) in += in->off; NEXT;
#define JUMP_OPS(OP, name) [DV_JMP | OP | DV_K] = &&name##_k, [DV_JMP | OP | DV_X] = &&name##_x

#define MEMORY(name, type)                                                         \
	name##_ldx: { type v; memcpy(&v, SLOT(), sizeof(v)); DST = v; NEXT; }      \
	name##_stx: { type v = (type)SRC; memcpy(SLOT(), &v, sizeof(v)); NEXT; }   \
	name##_st: { type v = (type)in->imm; memcpy(SLOT(), &v, sizeof(v)); NEXT; }
#define MEMORY_OPS(SIZE, name)                                                     \
	[DV_LDX | DV_MEM | SIZE] = &&name##_ldx, [DV_STX | DV_MEM | SIZE] = &&name##_stx, \
	[DV_STI | DV_MEM | SIZE] = &&name##_st

uint64_t dv_interp(struct dv_exec *x, const struct dv_insn *insns, uint32_t count)
{
	static const void *const ops[256] = {
		[0 ... 255] = &&unknown,
		ALU_OPS(DV_ADD, add), ALU_OPS(DV_SUB, sub), ALU_OPS(DV_MUL, mul), ALU_OPS(DV_OR, or),
		ALU_OPS(DV_AND, and), ALU_OPS(DV_XOR, xor), ALU_OPS(DV_MOV, mov),
		ALU_OPS(DV_LSH, lsh), ALU_OPS(DV_RSH, rsh), ALU_OPS(DV_ARSH, arsh),
		[DV_ALU64 | DV_NEG] = &&neg_64, [DV_ALU | DV_NEG] = &&neg_32,
		[DV_ALU | DV_END | DV_X] = &&to_be, [DV_ALU | DV_END | DV_K] = &&to_le,
		[DV_LDDW] = &&lddw,
		MEMORY_OPS(DV_B, u8), MEMORY_OPS(DV_H, u16), MEMORY_OPS(DV_W, u32), MEMORY_OPS(DV_DW, u64),
		JUMP_OPS(DV_JEQ, jeq), JUMP_OPS(DV_JNE, jne), JUMP_OPS(DV_JGT, jgt), JUMP_OPS(DV_JGE, jge),
		JUMP_OPS(DV_JLT, jlt), JUMP_OPS(DV_JLE, jle), JUMP_OPS(DV_JSGT, jsgt), JUMP_OPS(DV_JSGE, jsge),
		JUMP_OPS(DV_JSLT, jslt), JUMP_OPS(DV_JSLE, jsle), JUMP_OPS(DV_JSET, jset),
		[DV_JMP | DV_JA] = &&ja, [DV_JMP | DV_CALL] = &&call, [DV_JMP | DV_EXIT] = &&exit,
	};
	uint8_t stack[DV_STACK_SIZE] __attribute__((aligned(8)));
	const struct dv_insn *in = insns;
	uint64_t r[16];

	goto *ops[in->code];

	mov_64k: DST = IMM; NEXT;
	mov_64x: DST = SRC; NEXT;
	mov_32k: DST = (uint32_t)in->imm; NEXT;
	mov_32x: DST = (uint32_t)SRC; NEXT;
	ALU(DV_ADD, add, a + b)
	ALU(DV_SUB, sub, a - b)
	ALU(DV_MUL, mul, a * b)
	ALU(DV_OR, or, a | b)
	ALU(DV_AND, and, a & b)
	ALU(DV_XOR, xor, a ^ b)
	ALU(DV_LSH, lsh, a << (b & (sizeof(a) * 8 - 1)))
	ALU(DV_RSH, rsh, a >> (b & (sizeof(a) * 8 - 1)))
	arsh_64k: DST = (uint64_t)((int64_t)DST >> (IMM & 63)); NEXT;
	arsh_64x: DST = (uint64_t)((int64_t)DST >> (SRC & 63)); NEXT;
	arsh_32k: DST = (uint32_t)((int32_t)DST >> (IMM & 31)); NEXT;
	arsh_32x: DST = (uint32_t)((int32_t)DST >> (SRC & 31)); NEXT;
	neg_64: DST = 0 - DST; NEXT;
	neg_32: DST = (uint32_t)(0 - (uint32_t)DST); NEXT;
	to_be:
		if (in->imm == 16)
			DST = __builtin_bswap16((uint16_t)DST);
		else if (in->imm == 32)
			DST = __builtin_bswap32((uint32_t)DST);
		else
			DST = __builtin_bswap64(DST);
		NEXT;
	to_le: // as the machines are that this runs on: only the cut is left
		if (in->imm == 16)
			DST = (uint16_t)DST;
		else if (in->imm == 32)
			DST = (uint32_t)DST;
		NEXT;
	lddw:
		DST = (uint64_t)(uint32_t)in->imm | (uint64_t)(uint32_t)in[1].imm << 32;
		in++;
		NEXT;
	MEMORY(u8, uint8_t)
	MEMORY(u16, uint16_t)
	MEMORY(u32, uint32_t)
	u64_ldx: { uint64_t v; memcpy(&v, SLOT(), sizeof(v)); DST = v; NEXT; }
	u64_stx: { uint64_t v = SRC; memcpy(SLOT(), &v, sizeof(v)); NEXT; }
	u64_st: { uint64_t v = IMM; memcpy(SLOT(), &v, sizeof(v)); NEXT; }
	JUMP(jeq, uint64_t, ==)
	JUMP(jne, uint64_t, !=)
	JUMP(jgt, uint64_t, >)
	JUMP(jge, uint64_t, >=)
	JUMP(jlt, uint64_t, <)
	JUMP(jle, uint64_t, <=)
	JUMP(jsgt, int64_t, >)
	JUMP(jsge, int64_t, >=)
	JUMP(jslt, int64_t, <)
	JUMP(jsle, int64_t, <=)
	JUMP(jset, uint64_t, &)
	ja:
		in += in->off;
		NEXT;
	call:
		if (LIKELY(call(x, (uint32_t)in->imm, r)))
			NEXT;
		x->pc = (uint32_t)(in - insns);
		return 0;
	exit:
		return r[0];
	unknown:
		dv_st_fault(&x->st, DV_FAULT_ILLOP, in->code);
		x->pc = (uint32_t)(in - insns);
		return 0;
}
