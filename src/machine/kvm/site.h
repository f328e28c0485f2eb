/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_SITE_H
#define DV_MACHINE_KVM_SITE_H
/**
 * Which places of a guest's kernel can be traps, and by which bytes. Functions of bytes alone: nothing is written here.
 *
 * A trap is INVD (0f 08), which KVM intercepts always and takes for a NOP: the guest goes on behind it, at pc + 2. So
 * what stands there must do what the bytes that were replaced did.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/** It cannot be put in byte by byte: no virtual CPU may run meanwhile. */
#define DV_TRAP_STOP 1u

/** What stands at a trap's place. */
enum dv_trap_state {
	DV_TRAP_FOREIGN, /**< neither of the following */
	DV_TRAP_WAS,     /**< what was there before */
	DV_TRAP_OFF,     /**< does what was there did, but is not byte for byte the same */
	DV_TRAP_ON,      /**< the trap */
};

/**
 * One place. An ordinary trap is put in by storing the bytes `order[0..steps)` of `now`, one by one: the code is whole and
 * means the same after each of these stores, and only the last one, the flip, makes it a trap. It is taken out the other way
 * round; after the flip back a guest may still be about to run from pc + 2, so the others, its tail, wait until none is.
 */
struct dv_trap {
	uint64_t pc;  /**< address of the INVD, which is the program counter at the exit */
	uint64_t hva; /**< where `now` is stored in the VMM; the caller's to fill in */
	uint64_t via; /**< address of code that is somebody else's and is jumped to from pc + 2; 0: none */
	uint32_t site; /**< the caller's */
	uint8_t size, steps, flags;
	uint8_t state; /**< enum dv_trap_state, as it was last seen */
	uint8_t was[8], now[8];
	uint8_t order[5];
};

enum dv_trap_state dv_trap_state(const struct dv_trap *t, const uint8_t *bytes);
/** Bytes of a trap that does not trap (any more), but lets those go on that stand at pc + 2. */
void dv_trap_off(const struct dv_trap *t, uint8_t *ret);
/** Could these have been made here? For traps that come from a file. */
bool dv_trap_sane(const struct dv_trap *t);

/** Entry of the function at @p addr, whose first @p size bytes are @p p. NULL: *ret is it; else why not, a clause of a sentence.
 *  Traps of an earlier dvirt are recognised; `was` is then what the kernel has there. */
const char *dv_trap_entry(const uint8_t *p, size_t size, uint64_t addr, struct dv_trap *ret);

struct dv_trap_func {
	uint64_t addr;
	uint32_t size; /**< bytes, to the next symbol or less */
	uint32_t site;
};
typedef bool dv_trap_read_fn(void *ctx, uint64_t va, void *dst, size_t size);
/** Entries of many functions, in any order, with few reads. traps[i].size is 0 and why[i] says why where there is none. */
void dv_trap_entries(dv_trap_read_fn *read, void *ctx, const struct dv_trap_func *f, size_t count, struct dv_trap *traps,
                     const char **why);

/** Which places a machine's traps have taken: a jump that one of them lends cannot become one. NULL is taken where it does not
 *  matter. */
struct dv_trap_set;
struct dv_trap_set *dv_trap_set_create(void);
void dv_trap_set_destroy(struct dv_trap_set *s); /**< NULL is fine */

typedef DV_VEC(struct dv_trap) dv_traps;
typedef DV_VEC(uint64_t) dv_trap_addrs;

#define DV_TRAP_WINDOW   160u       /**< bytes of text before and behind a function that its returns may make use of */
#define DV_TRAP_FUNC_MAX (1u << 18) /**< longer functions are refused */
#define DV_TRAP_WHY      96u

/** A function and what lies around it. */
struct dv_trap_code {
	uint64_t addr; /**< the function */
	uint32_t size;
	uint32_t site;
	const uint8_t *text; /**< has all of the function in it, and DV_TRAP_WINDOW around it where that can be read */
	uint64_t text_addr;
	uint32_t text_size;
	const uint64_t *thunks; /**< a jump to one of these is a return */
	uint32_t thunk_count;
};
/**
 * All returns of a function, added to *ret; or none, and false, and @p why (DV_TRAP_WHY bytes) is a clause of a sentence.
 * @p tails, unless NULL: gets the functions that this one ends in a jump to, also when the answer is false for the lack of a
 * return instruction.
 */
bool dv_trap_returns(const struct dv_trap_code *c, struct dv_trap_set *set, dv_traps *ret, dv_trap_addrs *tails, char *why);

#endif
