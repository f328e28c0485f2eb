/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_CLAUSE_H
#define DV_MACHINE_EBPF_CLAUSE_H
/**
 * From D bytecode (abi/insn.h) to a BPF function. Both are one instruction set, so instructions go over as they are; a
 * run-time function's call becomes the call of the kernel's build of it (bpf/host.bpf.c), or a few instructions in its
 * place, and after each that can fault the fault is looked for.
 */
#include "abi/fn.h"
#include "abi/load.h"
#include "machine/ebpf/link.h"

/** What a clause's translation depends on besides its instructions. */
struct dv_bpf_clause {
	const char *name;          /**< of the function; must outlive the code */
	const struct dv_insn *insns;
	uint32_t count;
	uint32_t index;            /**< which of the site's clauses it is; of an ERROR clause: its enabled probe's id */
	enum dv_site_args args;    /**< of all sites that it runs for */
	uint32_t unknown;          /**< bits of the arguments that cannot be known there: asking for one is a fault */
	bool error;                /**< a clause of ERROR */
	bool guest;                /**< it fires in a KVM guest (bpf/guest.h), not in the host's kernel */
	uint64_t region_mask;
	uint32_t first, fire_size; /**< as in struct dv_bpf_session */
	uint32_t machine;          /**< index */
	const char *const *errors; /**< functions of ERROR's clauses, called after a fault; ended by NULL */
};

/** Append to @p ret the function, which takes the producer's offset and returns nothing of use. */
struct dv_error *dv_bpf_clause(const struct dv_bpf_clause *c, struct dv_bpf_code *ret) DV_MUST_USE;

/** Register @p dst = address of the firing's block of the producer whose offset register @p st has, which is spoilt. */
void dv_bpf_firing(struct dv_bpf_code *c, unsigned dst, unsigned st, uint32_t first, uint32_t fire_size);

/**
 * Append to @p ret a function without arguments that tells whether the clause's predicate may hold, before the firing has
 * begun: 0 is a sure no. False: the predicate, if there is one, asks for more than can be known then.
 */
bool dv_bpf_predicate(const struct dv_bpf_clause *c, struct dv_bpf_code *ret);

/** Byte offset in struct pt_regs + 1 of a register that user programs have; 0: they have none such. */
extern const uint8_t dv_bpf_pt_regs[DV_REG_COUNT];

/** What clauses ask of the place where they fire: a bit for each argument; more bits below. */
uint32_t dv_bpf_clause_uses(const struct dv_insn *insns, uint32_t count);
#define DV_USES_ARGS 0x3ffu /**< arg0 .. arg9 */
#define DV_USES_REGS   0x400u
#define DV_USES_STACK  0x800u
#define DV_USES_USTACK 0x1000u
#define DV_USES_EXIT   0x2000u
#define DV_USES_ORDER  0x4000u /**< the firing's place in the order can be seen: it must have a number from the beginning */
#define DV_USES_FRAME  0x8000u

#endif
