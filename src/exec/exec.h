/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_EXEC_EXEC_H
#define DV_EXEC_EXEC_H
/**
 * Running D programs: the load image taken in and verified, the interpreter, and the joint to the place where a probe
 * fired. Linked into the QEMU plugin and into dvirt itself. Nothing here allocates, prints or makes a system call while
 * a probe fires, but for the clock and, under bufpolicy=block, the wait for room.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/load.h"
#include "state/state.h"

/**
 * Where a probe fired: what "registers" and "memory" of the firing machine mean. One implementation for each kind of
 * place (QEMU plugin, dvirt's own thread, fake). All functions run on the firing thread and may not wait.
 */
struct dv_place {
	const struct dv_place_ops *ops;
};
struct dv_place_ops {
	/** Read @p size bytes at @p addr of @p mach (index of another machine, DV_MACH_SELF, DV_MACH_USER). False: cannot; *why may be set to a
	 *  fault other than DV_FAULT_BADADDR. */
	bool (*read)(struct dv_place *p, uint32_t mach, uint64_t addr, void *dst, uint32_t size, enum dv_fault *why);
	/* All following: *why is DV_FAULT_NONE on entry; what is written there faults the clause, the result is then void. */
	/** Integer built-ins but those that exec answers itself (timestamp, walltimestamp, epid, id, seq, vm, cpu). */
	uint64_t (*builtin)(struct dv_place *p, enum dv_builtin id, enum dv_fault *why);
	/** Running program's name into @p dst, terminated. */
	bool (*execname)(struct dv_place *p, char *dst, uint32_t size);
	/** Argument @p n by the site's enum dv_site_args. */
	uint64_t (*arg)(struct dv_place *p, const struct dv_load_site *site, uint32_t n, enum dv_fault *why);
	uint64_t (*reg)(struct dv_place *p, enum dv_reg r, enum dv_fault *why);
	/**
	 * The kernel's stack, or with @p user the running program's, from the place of the probe on (its own address is the
	 * first), at most @p max frames (DV_STACK_MAX) into @p pcs, which may be NULL: only count. Returns how many; 0: there
	 * is none. A stack that cannot be followed any further ends: nothing is guessed.
	 */
	uint32_t (*stack)(struct dv_place *p, bool user, uint64_t *pcs, uint32_t max);
	/** What tells this thread from all others of its machine: the key of self-> variables. */
	uint64_t (*thread)(struct dv_place *p);
	/* Optional: a clause that needs what is NULL faults (DV_FAULT_ILLOP). */
	/** Is the running process @p pid or does it descend from it? */
	bool (*progeny)(struct dv_place *p, int64_t pid, enum dv_fault *why);
	/** Write into the running process's memory. False: it cannot be written there. */
	bool (*write)(struct dv_place *p, uint64_t addr, const void *src, uint32_t size);
	/** Send the running process a signal. False: it cannot be. */
	bool (*raise)(struct dv_place *p, int sig);
};

/**
 * A load image taken over: a private, checked copy; programs verified. Immutable, shared by all threads. Sites are sorted
 * by address (those with equal ones, such as 0, stay in the image's order; dv_load_sysret::site is adjusted), system
 * calls by (compat, nr), return addresses by value.
 */
struct dv_loaded {
	uint64_t serial;                 /**< no other that this process makes has it */
	const struct dv_load_image *img; /**< the copy; all slices are in range */
	const struct dv_load_site *sites;
	const struct dv_load_ecb *ecbs;
	const struct dv_load_prog *progs;
	const struct dv_insn *insns;
	const struct dv_load_sysret *sysrets;
	const uint64_t *sysret_addrs;
	const struct dv_load_orc *orcs;  /**< by address, apart from one another */
	const char *texts;               /**< dv_load_site::target and spec are offsets in it */
};
/** Check @p bytes (hostile) and copy it. @p msg: why not. NULL on failure. Allocates with malloc. */
struct dv_loaded *dv_loaded_create(const void *bytes, size_t size, const struct dv_region_hdr *hdr, char *msg, size_t msg_size);
void dv_loaded_destroy(struct dv_loaded *l);

/** What one producer needs to run programs. Owned by the thread that fires. */
struct dv_exec {
	struct dv_st st;
	const struct dv_loaded *loaded;
	struct dv_place *place;        /**< during a firing */
	const struct dv_load_site *site;
	uint32_t epid, pc;             /**< of the clause that runs; of the instruction that ended it early */
	uint64_t seq;                  /**< this firing's */
	uint64_t timestamp, walltime;  /**< this firing's, ns; 0: not read yet */
	uint64_t thread;
	bool have_thread, in_error;
	bool ending;                   /**< the firing is END's: its clauses run all, exit() or not. Set by the owner */
	/** bufpolicy=block: called while there is no room; false: stop waiting (session over). May be NULL: never wait. Set by
	 *  the owner after dv_exec_init(). */
	bool (*wait)(void *ctx);
	void *wait_ctx;
	uint64_t chill_since, chilled; /**< chill(): begin of the second that is counted, ns of it spent */
	uint32_t execname;             /**< sref cached for this clause; 0: none yet */
	/* what ERROR's clauses see */
	uint32_t err_epid, err_action, err_pc, err_fault;
	uint64_t err_value;
	/* constant after dv_exec_init(), so that nobody who maps the region can change them */
	struct dv_region_hdr *hdr;
	struct dv_producer *prod;
	uint32_t machine, cpu, strsize;
	uint32_t scratch_off, scratch_size;
	bool block;
};

/** @p region, @p l: must outlive @p x. @p why: why not. */
bool dv_exec_init(struct dv_exec *x, void *region, uint64_t region_size, uint32_t producer, const struct dv_loaded *l, const char **why);
/**
 * Fire @p site: take the sequence number, run all its clauses. A clause that faults leaves no record but an ERROR record
 * (fault, value, instruction index), and the machine's ERROR clauses run, with arg1 = epid, arg3 = instruction index,
 * arg4 = fault, arg5 = value; a fault in one of those is counted (DV_DROP_ERROR), no more.
 *
 * Under bufpolicy=block this may wait for room. It is then in flight, with a sequence number above those of all records in
 * its ring from earlier firings, so the consumer may take these, and there will be room: no deadlock.
 */
void dv_exec_fire(struct dv_exec *x, struct dv_place *place, const struct dv_load_site *site);
/** Interpret one verified program in an open firing; returns r0. A fault is in dv_producer::fault, and x->pc says where.
 *  Used by dv_exec_fire() and tests. */
uint64_t dv_interp(struct dv_exec *x, const struct dv_insn *insns, uint32_t count);

#endif
