/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ABI_INSN_H
#define DV_ABI_INSN_H
/**
 * The bytecode of D clauses: a subset of eBPF (Linux Documentation/bpf/standardization/instruction-set.rst).
 *
 * Subset: 64-bit and 32-bit ALU with register or immediate; byte swap; JMP (64-bit compares) forward only; LDDW;
 * LDX/STX/ST of 1, 2, 4, 8 bytes with r10 as the base only (the 512-byte stack, r10 is its end); CALL of a run-time
 * function (imm = its number, see abi/fn.h; off = the clause's action that it belongs to, 0: the predicate, for ERROR's arg2;
 * r1..r5 arguments, r0 result, r1..r5 destroyed); EXIT. Every register but
 * r10 holds a scalar. So a program ends by itself, and cannot name any memory but its own stack. DIV and MOD are not
 * in the subset: a D division must be able to fault, it is a call.
 *
 * r6..r9 survive calls. A program is entered with no arguments and leaves r0 = 1 when its predicate held, 0 when not.
 */
#include <stdint.h>

struct dv_insn {
	uint8_t code;       /**< operation, as in eBPF */
	uint8_t regs;       /**< dst in the low four bits, src in the high four */
	int16_t off;
	int32_t imm;
};
#define DV_DST(i) ((i)->regs & 15)
#define DV_SRC(i) ((i)->regs >> 4)
#define DV_REGS(dst, src) ((uint8_t)((dst) | (src) << 4))

#define DV_STACK_SIZE 512   /**< bytes below r10 */
#define DV_INSN_MAX   16384 /**< instructions of one program, at most */

/* Classes */
#define DV_LD    0x00
#define DV_LDX   0x01
#define DV_STI   0x02 /**< eBPF calls it ST; that name is the state functions' (state/port.h) */
#define DV_STX   0x03
#define DV_ALU   0x04
#define DV_JMP   0x05
#define DV_ALU64 0x07
/* Sizes (load and store) */
#define DV_W  0x00
#define DV_H  0x08
#define DV_B  0x10
#define DV_DW 0x18
/* Modes */
#define DV_IMM 0x00
#define DV_MEM 0x60
/* Operand */
#define DV_K 0x00
#define DV_X 0x08
/* ALU */
#define DV_ADD  0x00
#define DV_SUB  0x10
#define DV_MUL  0x20
#define DV_OR   0x40
#define DV_AND  0x50
#define DV_LSH  0x60
#define DV_RSH  0x70
#define DV_NEG  0x80
#define DV_XOR  0xa0
#define DV_MOV  0xb0
#define DV_ARSH 0xc0
#define DV_END  0xd0 /**< ALU class, source bit X: to big endian; imm 16, 32, 64 */
/* JMP */
#define DV_JA   0x00
#define DV_JEQ  0x10
#define DV_JGT  0x20
#define DV_JGE  0x30
#define DV_JSET 0x40
#define DV_JNE  0x50
#define DV_JSGT 0x60
#define DV_JSGE 0x70
#define DV_CALL 0x80
#define DV_EXIT 0x90
#define DV_JLT  0xa0
#define DV_JLE  0xb0
#define DV_JSLT 0xc0
#define DV_JSLE 0xd0
/** Two-slot load of a 64-bit constant. */
#define DV_LDDW (DV_LD | DV_IMM | DV_DW)

#endif
