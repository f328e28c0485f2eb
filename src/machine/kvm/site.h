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

/** The return is a jump, which is led to a stub: bytes of it change that belong together, so no virtual CPU may run meanwhile. */
#define DV_TRAP_STUB 1u

/** An entry that brings the stack pointer along, in r11. Its bytes change together as well; `pc` is in their middle. */
#define DV_TRAP_SP 2u

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
 *
 * Of an entry with DV_TRAP_SP all of it is stored at once, virtual CPUs held; a byte is the flip here too, and while a task may be
 * about to run from `pc` the rest stays.
 *
 * Of a stub, `was` is padding that nobody runs, and `now` an INVD and the jump that was led here from `place`.
 */
struct dv_trap {
	uint64_t pc;    /**< address of the INVD, which is the program counter at the exit */
	uint64_t hva;   /**< where `now` is stored in the VMM; the caller's to fill in */
	uint64_t place; /**< address of the instruction that traps, for the guest: `pc`, or that of the jump or of the NOP */
	uint64_t jump_hva; /**< of the jump; the caller's to fill in */
	uint32_t site;  /**< the caller's */
	uint8_t size, steps, flags;
	uint8_t state;  /**< enum dv_trap_state, as it was last seen */
	uint8_t was[8], now[8];
	uint8_t order[4];
	uint8_t jump_size;
	uint8_t jump_was[8], jump_now[8];
};

/** Address of the first byte of `was` and `now`. */
static inline uint64_t dv_trap_start(const struct dv_trap *t)
{
	return t->flags & DV_TRAP_SP ? t->place : t->pc;
}

/** @p bytes, @p jump: what stands at `hva` and `jump_hva`. */
enum dv_trap_state dv_trap_state(const struct dv_trap *t, const uint8_t *bytes, const uint8_t *jump);
/** Do all bytes but the flip stand there, so that it may be made? */
bool dv_trap_prepared(const struct dv_trap *t, const uint8_t *bytes, const uint8_t *jump);
/** Could this have been made here? For traps that come from a file. */
bool dv_trap_sane(const struct dv_trap *t);

/** The byte that makes a trap of it, the last of `order`, or that makes it none any more. Not of a stub. */
const uint8_t *dv_trap_flip(const struct dv_trap *t, bool on);

/** Entry of the function at @p addr, whose first @p size bytes are @p p, with DV_TRAP_SP if @p sp. NULL: *ret is it; else why not,
 *  a clause of a sentence. Traps of an earlier dvirt are recognised, of either form; `was` is then what the kernel has there. */
const char *dv_trap_entry(const uint8_t *p, size_t size, uint64_t addr, bool sp, struct dv_trap *ret);

typedef DV_VEC(struct dv_trap) dv_traps;
typedef DV_VEC(uint64_t) dv_trap_addrs;

#define DV_TRAP_WINDOW   16u        /**< bytes of text behind a function that its returns may make use of */
#define DV_TRAP_FUNC_MAX (1u << 18) /**< longer functions are refused */
#define DV_TRAP_STUB_SIZE 7u
#define DV_TRAP_WHY      96u

/** Stubs by the jumps that are led to them: one for each, whoever asks. */
struct dv_trap_set;
struct dv_trap_set *dv_trap_set_create(void);
void dv_trap_set_destroy(struct dv_trap_set *s); /**< NULL is fine */

/** A function and what lies around it. */
struct dv_trap_code {
	uint64_t addr; /**< the function */
	uint32_t size;
	uint32_t site;
	const uint8_t *text; /**< has all of the function in it, and DV_TRAP_WINDOW behind it where that can be read */
	uint64_t text_addr;
	uint32_t text_size;
	const uint64_t *thunks; /**< a jump to one of these is a return */
	uint32_t thunk_count;
	/** Room for a stub: *addr and the DV_TRAP_STUB_SIZE bytes there, padding. NULL: there is room enough, wherever. */
	bool (*room)(void *ctx, uint64_t *addr, uint8_t *was);
	void *ctx;
};
/**
 * All returns of a function, added to *ret; or none, and false, and @p why (DV_TRAP_WHY bytes) is a clause of a sentence.
 * @p set: NULL where nothing will be put in. @p tails, unless NULL: gets the functions that this one ends in a jump to; one that
 * has such an end needs no return instruction then.
 */
bool dv_trap_returns(const struct dv_trap_code *c, struct dv_trap_set *set, dv_traps *ret, dv_trap_addrs *tails, char *why);
/** Padding at the function's end that has room for stubs: *off from its start; 0: none. */
uint32_t dv_trap_padding(const struct dv_trap_code *c, uint32_t *off);

#endif
