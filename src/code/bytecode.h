/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_CODE_BYTECODE_H
#define DV_CODE_BYTECODE_H
/**
 * Bytecode as such, with no knowledge of D: the table of run-time functions, the verifier, the disassembler, the
 * assembler. What the instructions mean: abi/insn.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fn.h"
#include "abi/insn.h"
#include "base/error.h"

/** One run-time function, see abi/fn.h. */
struct dv_fn_info {
	const char *name;  /**< as the disassembler writes it; NULL for number 0 */
	const char *args;  /**< a letter for each argument */
	uint32_t arg_count;
};
extern const struct dv_fn_info dv_fns[DV_FN_COUNT];

/**
 * Verify a program. It passes when:
 *   - every instruction is in the subset (abi/insn.h), its unused fields are zero, shifts by constants are in range;
 *   - jumps go forward, to the start of an instruction; every instruction can be reached, and none runs off the end;
 *   - a register is read only where every path has written it; r10 is nothing but the base of loads and stores;
 *   - loads and stores are aligned, within the 512 bytes below r10, and bytes are loaded only where every path has
 *     stored them;
 *   - calls name a known function, whose arguments are all set; r0 is set at an EXIT.
 * So a program that passes ends, after at most @p count instructions, and touches nothing but its registers, its
 * stack, and what the run-time functions allow. One pass; memory (malloc) is in proportion to @p count, which is at most
 * DV_INSN_MAX. @p insns may be hostile, but must not change meanwhile. On failure @p msg says where and why.
 */
bool dv_verify(const struct dv_insn *insns, uint32_t count, char *msg, size_t msg_size);

/**
 * Disassemble the instruction at @p i into @p buf ("12 : r1 = 5"); returns how many slots it took (1, or 2 for LDDW).
 * Takes any bytes: what is not an instruction is written as ".insn". DV_DISASM_MAX bytes hold every line.
 */
uint32_t dv_disasm(const struct dv_insn *insns, uint32_t count, uint32_t i, char *buf, size_t size);
#define DV_DISASM_MAX 96

/**
 * Assemble text in the disassembler's syntax, one instruction a line:
 *
 *	12 : r1 = 5                        a number before a colon is a label, "L12:" too, and any name
 *	r1 = 0x123456789a ll               two slots
 *	r2 s>>= 3      w2 += w3            64 and 32 bits
 *	r3 = be16 r3   r3 = -r3
 *	r1 = *(u32 *)(r10 - 16)            *(u64 *)(r10 - 8) = r0
 *	if r0 s>= -1 goto L20              goto end
 *	call agg(0, r2, r3)                what stands in the brackets is for the reader; it is not looked at
 *	exit                               ; comment
 *
 * Does not verify. *ret is from malloc.
 */
struct dv_error *dv_asm(const char *text, struct dv_insn **ret, uint32_t *ret_count) DV_MUST_USE;

#endif
