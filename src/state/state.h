/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_STATE_STATE_H
#define DV_STATE_STATE_H
/**
 * D's run-time state in the flat region: variables, aggregations, records, strings. Written once, in the narrow C that
 * also builds with `clang -target bpf`: fixed-width types, offsets masked to the region's size, bounded loops, no libc,
 * no locks. state/port.h holds the few primitives that differ.
 *
 * Natively a DV_ST is a pointer to struct dv_st (the mapping and the producer); for BPF it is the producer's offset,
 * and each function looks the region up itself. So every function takes it first, then at most four scalars.
 *
 * All functions are for the thread that owns the producer, between dv_st_begin() and dv_st_end(), unless said
 * otherwise.
 * A fault is left in dv_producer::fault; results are then 0.
 */
#include "state/port.h"

#include "abi/fn.h"
#include "abi/region.h"

/** Start a firing: mark in flight, take the sequence number, zero the clause-locals. 0: halted, or nested (counted). */
uint64_t dv_st_begin(DV_ST st);
/** Start a firing that is known to write no record, unless it faults: without a number (DV_UNNUMBERED). Not 0: done. */
uint64_t dv_st_begin_unnumbered(DV_ST st);
/** The number of the firing in progress. If it began without one, it takes it now. */
uint64_t dv_st_number(DV_ST st);
/** End it. */
void dv_st_end(DV_ST st);
/** Before each clause: scratch, key tuple, record, fault are reset. What was allocated in scratch before is gone. */
void dv_st_clause(DV_ST st);

uint64_t dv_st_ld(DV_ST st, uint64_t cell);
void dv_st_st(DV_ST st, uint64_t cell, uint64_t value);
uint64_t dv_st_rmw(DV_ST st, uint64_t cell, uint64_t op, uint64_t operand, uint64_t width);
void dv_st_sts(DV_ST st, uint64_t cell, uint64_t sref);
uint64_t dv_st_this(DV_ST st, uint64_t off);
/* Structures and arrays (bytes.c). Offsets below the globals: reads give 0, writes are ignored. */
uint64_t dv_st_ldn(DV_ST st, uint64_t at, uint64_t size);
void dv_st_stn(DV_ST st, uint64_t at, uint64_t size, uint64_t value);
uint64_t dv_st_rmwn(DV_ST st, uint64_t at, uint64_t op, uint64_t operand, uint64_t width);
/** At most DV_MEM_MAX bytes. */
void dv_st_cpy(DV_ST st, uint64_t to, uint64_t from, uint64_t size);
/** Text of at most @p size bytes, as a string in scratch. */
uint64_t dv_st_strn(DV_ST st, uint64_t from, uint64_t size);
void dv_st_stsn(DV_ST st, uint64_t to, uint64_t sref, uint64_t size);
void dv_st_key(DV_ST st, uint64_t value);
void dv_st_keys(DV_ST st, uint64_t sref);
void dv_st_keyb(DV_ST st, uint64_t mem);
/** @p thread: of the firing machine; with DV_DYN_SELF it and the machine are part of the key. */
uint64_t dv_st_dyn(DV_ST st, uint64_t var, uint64_t flags, uint64_t thread);
void dv_st_dyndel(DV_ST st, uint64_t var, uint64_t flags, uint64_t thread);
void dv_st_agg(DV_ST st, uint64_t agg, uint64_t value, uint64_t incr);
uint64_t dv_st_div(DV_ST st, uint64_t op, uint64_t a, uint64_t b);
uint64_t dv_st_slen(DV_ST st, uint64_t s);
uint64_t dv_st_scmp(DV_ST st, uint64_t a, uint64_t b);
uint64_t dv_st_sjoin(DV_ST st, uint64_t a, uint64_t b);
uint64_t dv_st_ssub(DV_ST st, uint64_t s, uint64_t index, uint64_t length);
/** Position of @p sub in @p s from @p start on (DV_FIND_LAST: up to there), -1: it is not there. */
uint64_t dv_st_sfind(DV_ST st, uint64_t s, uint64_t sub, uint64_t start, uint64_t how);
/** The rest of @p s from the byte, or from @p sub, on; 0: it is not there. */
uint64_t dv_st_schr(DV_ST st, uint64_t s, uint64_t byte, uint64_t how);
uint64_t dv_st_sstr(DV_ST st, uint64_t s, uint64_t sub);
/** strtok(): begin with @p s, or go on (DV_FAULT_BADADDR when this firing has not begun). 0: no token is left. */
uint64_t dv_st_stok(DV_ST st, uint64_t s, uint64_t set, uint64_t fresh);
uint64_t dv_st_scase(DV_ST st, uint64_t s, uint64_t upper);
uint64_t dv_st_spath(DV_ST st, uint64_t s, uint64_t how);
/** Integer to text and back; DV_FAULT_ILLOP when the base is not one from 2 to 36. */
uint64_t dv_st_ltos(DV_ST st, uint64_t value, uint64_t base);
uint64_t dv_st_stol(DV_ST st, uint64_t s, uint64_t base);
uint64_t dv_st_sjson(DV_ST st, uint64_t s, uint64_t path);
/** Text of the address at @p mem: 4 bytes, 16, or 6. */
uint64_t dv_st_inet(DV_ST st, uint64_t mem, uint64_t how);
/** A random number of 31 bits. */
uint64_t dv_st_rand(DV_ST st);
/** Write @p size bytes (1, 2, 4, 8) of @p value, or of the scratch memory @p mem, into scratch memory that was given out
 *  (@p mach is DV_MACH_SCRATCH); DV_FAULT_BADADDR anywhere else. */
void dv_st_wr(DV_ST st, uint64_t mach, uint64_t addr, uint64_t value, uint64_t size);
void dv_st_mcpy(DV_ST st, uint64_t mach, uint64_t addr, uint64_t mem, uint64_t size);
/** A string from @p size bytes of the scratch memory @p mem: NULs between are blanks, those at the end are left out. */
uint64_t dv_st_words(DV_ST st, uint64_t mem, uint64_t size);
/** Words of scratch memory; how much of it is given out, and give back what came behind that. For exec/dpath.h. */
uint64_t dv_st_word(DV_ST st, uint64_t off);
void dv_st_word_set(DV_ST st, uint64_t off, uint64_t value);
uint64_t dv_st_used(DV_ST st);
void dv_st_release(DV_ST st, uint64_t used);
/** Room in scratch for a text that grows from its end, at offset @p text; where it begins is in the word at @p pos. "/". */
uint64_t dv_st_path_begin(DV_ST st, uint64_t text, uint64_t pos);
/** "/" and @p name before what begins at @p pos; where it begins now. */
uint64_t dv_st_prepend(DV_ST st, uint64_t text, uint64_t pos, uint64_t name);
/** Room of @p size bytes in scratch (8-aligned): its region offset, or 0 with DV_FAULT_NOSCRATCH. */
uint64_t dv_st_scratch(DV_ST st, uint64_t size);
/** A stack block in scratch with room for @p frames (at most DV_STACK_MAX), none in it yet: its region offset, or 0 with
 *  DV_FAULT_NOSCRATCH. @p what: enum dv_stack_kind | kernel << 16 | machine << 32; these, @p pid and
 *  @p start as in struct dv_stack. */
uint64_t dv_st_stack(DV_ST st, uint64_t what, uint64_t pid, uint64_t start, uint64_t frames);
/** It has @p count frames (at most what it has room for) now: those at region offset @p from; 0: they are in place. */
void dv_st_stackset(DV_ST st, uint64_t mem, uint64_t from, uint64_t count);
/** bufpolicy=block: is there room for such a record? 0: not now, wait and ask again. 1: yes, or waiting is in vain; ask
 *  dv_st_rec(), which counts the drop if there is none. */
uint64_t dv_st_room(DV_ST st, uint64_t max);
/** Reserve a record of at most @p max data bytes. 0: no room; the drop is counted, clause_drop set. Never waits:
 *  waiting for room (bufpolicy=block) is exec's, which asks again. */
uint64_t dv_st_rec(DV_ST st, uint64_t max);
void dv_st_reci(DV_ST st, uint64_t value);
void dv_st_recs(DV_ST st, uint64_t sref);
void dv_st_recm(DV_ST st, uint64_t mem, uint64_t size);
void dv_st_recb(DV_ST st, uint64_t mem);
/** Commit the record with the enabled probe's id. */
void dv_st_recend(DV_ST st, uint64_t epid, uint64_t kind);
/** speculation(): its number, 0 when all are in use (a drop). */
uint64_t dv_st_spec(DV_ST st);
/** speculate(): the open record, whose first word is set aside for that, is the speculation's. 0: the speculation is full (a drop), or not in use, and the clause
 *  must end without a record. */
uint64_t dv_st_specul(DV_ST st, uint64_t id);
/** commit(), discard(): nothing happens when it is 0 or not in use. No record may be open. */
void dv_st_commit(DV_ST st, uint64_t id);
void dv_st_discard(DV_ST st, uint64_t id);
void dv_st_fault(DV_ST st, uint64_t fault, uint64_t value);
/** Write an ERROR record (an open record is thrown away); counts DV_DROP_ERROR when there is no room. */
void dv_st_error(DV_ST st, uint64_t epid, uint64_t fault, uint64_t value, uint64_t pc);
/** exit(): nothing fires any more, on no machine; what is in flight goes on, but for the later clauses of this firing. */
void dv_st_exit(DV_ST st);
/** Throw the open record away. */
void dv_st_recabort(DV_ST st);
/** Which guest does a thread of the host serve: DV_SERVES | ... (abi/region.h), 0: none. Ids as the host's kernel has
 *  them: of the thread, and of its process. */
uint64_t dv_st_serves(DV_ST st, uint64_t tid, uint64_t tgid);

#ifndef DV_BPF
/** Address of @p size bytes at region offset @p off, for reading and writing machine memory; NULL: not all inside. */
static inline uint8_t *dv_st_ptr(const struct dv_st *st, uint64_t off, uint64_t size)
{
	return off <= st->mask && size <= st->mask + 1 - off ? st->base + off : NULL;
}
/** Bind @p st to producer @p producer of a mapped region that dv_region_check() accepts. False: it does not. */
bool dv_st_init(struct dv_st *st, void *base, uint64_t size, uint32_t producer, const char **why);

/* -- set-up and the consumer's side; native only ---------------------------------------------------------------- */

/** One producer's own sizes, bytes; 0: the configuration's. */
struct dv_producer_size {
	uint32_t ring, agg;
};
struct dv_region_config {
	uint32_t strsize, globals_size, consts_size; /**< globals: bytes behind DV_GLOBALS_OFF */
	/** Count is rounded up to a power of two. A dynamic variable that is a string needs dyn_val_size >= strsize, a
	 *  pointer 16. */
	uint32_t dyn_key_size, dyn_val_size, dyn_count;
	uint32_t prod_count;
	/** Of each producer; ring: rounded up to a power of two. */
	uint32_t ring_size, agg_size, scratch_size, this_size;
	const struct dv_producer_size *sizes; /**< of prod_count producers; NULL: all have the above */
	uint32_t spec_count, spec_size; /**< nspec, specsize */
	uint32_t only_cpu;
	uint32_t flags;
	uint32_t seed;
	uint32_t machine_max;
};
/** Bytes that a region of this configuration needs: a power of two; 0: more than 2 GiB. */
uint64_t dv_region_size(const struct dv_region_config *c);
/** Lay the region out in zeroed memory of dv_region_size() bytes. */
void dv_region_init(void *base, uint64_t size, const struct dv_region_config *c);
/** Check a mapped region's header and every offset in it that stays constant. @p why: what is wrong. */
bool dv_region_check(const void *base, uint64_t size, const char **why);
struct dv_region_hdr *dv_region_hdr(void *base);
/** Producer @p i; NULL when out of range or the header is spoilt. */
struct dv_producer *dv_region_producer(void *base, uint64_t size, uint32_t i);
/** From now on this thread, or with @p vcpu -1 this process, serves that guest. One writer at a time. False: no room. */
bool dv_region_serve(void *base, uint64_t size, uint32_t id, uint32_t machine, int vcpu);
/** Nobody serves this machine any more. */
void dv_region_unserve(void *base, uint64_t size, uint32_t machine);
/** The machine behind producer @p i is gone (its process ended, or detached): its firing that never ended is ended for
 *  it, so that it holds nobody up, and the producer can be used again. What it committed stays. */
void dv_region_retire(void *base, uint64_t size, uint32_t i);
#endif
#endif
