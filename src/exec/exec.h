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
	/** Read @p size bytes at @p addr of @p mach (index, DV_MACH_SELF, DV_MACH_USER). False: cannot; *why may be set to a
	 *  fault other than DV_FAULT_BADADDR. */
	bool (*read)(struct dv_place *p, uint32_t mach, uint64_t addr, void *dst, uint32_t size, enum dv_fault *why);
	/** Integer built-ins but those that exec answers itself (timestamps, epid, id, seq, vm, cpu). */
	uint64_t (*builtin)(struct dv_place *p, enum dv_builtin id, enum dv_fault *why);
	/** Running program's name into @p dst, terminated. */
	bool (*execname)(struct dv_place *p, char *dst, uint32_t size);
	/** Argument @p n by the site's enum dv_site_args. */
	uint64_t (*arg)(struct dv_place *p, const struct dv_load_site *site, uint32_t n, enum dv_fault *why);
	uint64_t (*reg)(struct dv_place *p, enum dv_reg r, enum dv_fault *why);
	/** What tells this thread from all others of its machine: the key of self-> variables. */
	uint64_t (*thread)(struct dv_place *p);
};

/** A load image taken over: a private, checked copy; programs verified. Immutable, shared by all threads. */
struct dv_loaded {
	const struct dv_load_image *img; /**< the copy; all slices are in range */
	const struct dv_load_site *sites;
	const struct dv_load_ecb *ecbs;
	const struct dv_load_prog *progs;
	const struct dv_insn *insns;
	const struct dv_load_sysret *sysrets;
	const uint64_t *sysret_addrs;
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
	uint32_t epid, pc;
	uint64_t seq, timestamp;       /**< this firing's; timestamp 0: not read yet */
	uint64_t thread;
	bool have_thread, in_error;
	/** bufpolicy=block: called while there is no room; false: stop waiting (session over). May be NULL: never wait. */
	bool (*wait)(void *ctx);
	void *wait_ctx;
	uint32_t execname, vmname;     /**< srefs cached for this firing; 0: none yet */
};

bool dv_exec_init(struct dv_exec *x, void *region, uint64_t region_size, uint32_t producer, const struct dv_loaded *l, const char **why);
/** Fire @p site: take the sequence number, run all its clauses, ERROR clauses for those that fault. */
void dv_exec_fire(struct dv_exec *x, struct dv_place *place, const struct dv_load_site *site);
/** Interpret one program in an open firing; returns r0. Used by dv_exec_fire() and tests. */
uint64_t dv_interp(struct dv_exec *x, const struct dv_insn *insns, uint32_t count);

#endif
