/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_GUEST_UNWIND_H
#define DV_GUEST_UNWIND_H
/**
 * Following the stack of an x86-64 Linux kernel from a place in it, by the kernel's own unwind tables (ORC), as its own
 * unwinder does; by frame pointers where a kernel has no tables, or code has none. Used while a probe fires: no
 * allocation, nothing kept but the caller's cache, bounded by the number of frames asked for. Tables and stacks are the
 * guest's: hostile numbers make a stack wrong or short, nothing else.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/fn.h"
#include "abi/load.h"

/** An entry, taken apart: what the stack looks like at some instruction. */
struct dv_orc {
	enum { DV_ORC_UNDEFINED, DV_ORC_END, DV_ORC_CALL, DV_ORC_REGS, DV_ORC_PARTIAL } type;
	int16_t sp_offset, bp_offset;
	uint8_t sp_reg, bp_reg;
	bool signal; /**< the address found is that of the next instruction to run, not that behind a call */
};
/** vmlinux's entries that were found before. Zeroed to begin with; for one kernel only. */
struct dv_orc_cache {
	struct {
		uint64_t pc;
		struct dv_orc orc;
	} slots[256];
};

struct dv_unwind {
	const struct dv_orc_format *format;
	const struct dv_load_orc *orcs; /**< by address, the ranges of code apart */
	uint32_t orc_count;
	struct dv_orc_cache *cache;	/**< or NULL */
	/** Kernel memory. */
	bool (*read)(void *ctx, uint64_t va, void *dst, uint32_t size);
	/** Registers at the place where it begins, besides those of struct dv_unwind_from: r10, r13, di, dx. */
	uint64_t (*reg)(void *ctx, enum dv_reg r);
	void *ctx;
};
struct dv_unwind_from {
	uint64_t ip, sp, bp;
	bool behind_call; /**< ip is a return address, not that of an instruction that is about to run */
	bool at_edge; /**< the first instruction of a function, or its return: the return address is on top of the stack */
};

/** The frames from there on, the innermost first: @p from itself, then each caller. @p pcs may be NULL. Returns how many,
 *  at most @p max. */
uint32_t dv_unwind(const struct dv_unwind *u, const struct dv_unwind_from *from, uint64_t *pcs, uint32_t max);
/** The entry for the instruction at @p ip; false: none. */
bool dv_orc_find(const struct dv_unwind *u, uint64_t ip, struct dv_orc *ret);
/** Code that may be returned to; NULL: @p ip is in none. */
const struct dv_load_orc *dv_orc_range(const struct dv_unwind *u, uint64_t ip);

#endif
