/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_FIRING_H
#define DV_MACHINE_EBPF_FIRING_H
/**
 * What a kernel program and the run-time functions that it calls share besides the state region: facts of the session,
 * the sites' table, and, for each producer, a block about the firing. All of it is the kernel's alone: processes cannot
 * map it. Compiled for both worlds.
 */
#include <stdint.h>

#include "abi/region.h"

/** Probes that may be in progress on one CPU at once: a task's, an interrupt's, a non-maskable interrupt's, and one that
 *  a preempted uprobe left. */
#define DV_HOST_LEVELS 4u
#define DV_HOST_STRSIZE 1024u /* the kernel's DV_STR_MAX (state/port.h) */
#define DV_HOST_ARGS   10u
#define DV_HOST_FRAMES 127u /* of a stack: what kernels allow by default (perf_event_max_stack) */

/** Constants of a load; the verifier knows their values. */
struct dv_host_conf {
	uint64_t first;      /**< region offset of the machine's first producer */
	uint64_t fire_mask;  /**< which bits an offset of a firing block can have */
	uint64_t site_mask, epid_mask; /**< likewise, of an entry of dv_sites, of dv_epids */
	uint64_t wall_off;   /**< CLOCK_REALTIME less CLOCK_MONOTONIC, ns */
	uint32_t cpus;
	uint32_t machine;    /**< index */
	uint32_t task_real_parent, task_tgid, task_leader, task_start; /**< offsets in struct task_struct */
	uint32_t kernel;     /**< as in struct dv_load_image */
	uint32_t pad;
	uint64_t ran_mask;   /**< which bits an offset in dv_ran can have */
	uint64_t on_cpu_mask; /**< likewise, of an entry of dv_on_cpu */
	uint64_t run_start, run_end; /**< the kernel's functions that run programs at tracepoints */
};

/** A row of the table dv_sites. */
struct dv_host_site {
	uint32_t probe, prov, mod, func, name; /**< as in struct dv_load_site */
	uint32_t ecb;        /**< index in dv_epids of its first clause's id */
	uint32_t offset;     /**< DV_ARGS_RETURN: of the return instruction in its function; 0: not known */
	uint32_t pad;
};

/**
 * For vtimestamp, of each CPU, in the map dv_on_cpu. In dv_ran is a word for each thread, by its number: how long it
 * has run up to `since` of the CPU that it is on, ns << 1 | 1: a firing of it is in progress.
 */
struct dv_on_cpu {
	uint64_t since; /**< when what runs there was last let go on; 0: not known yet */
	uint64_t idle;  /**< the word of the idle thread, which has no number */
};

/** About the firing in progress; one for each producer, in the map dv_fire_mem, DV_FIRING_SIZE apart. */
struct dv_firing {
	uint64_t arg[DV_HOST_ARGS];
	uint64_t unread;     /**< DV_ARGS_USDT: a bit for each argument in memory that could not be read */
	uint64_t site;       /**< row */
	uint64_t epid;       /**< of the clause that runs */
	uint64_t timestamp;  /**< 0: not read yet */
	uint64_t execname;   /**< sref of this clause's copy; 0: none yet */
	uint64_t err_epid, err_pc, err_fault, err_value; /**< what ERROR's clauses see */
	struct dv_firing_stack {
		uint64_t size; /**< bytes of pc */
		uint64_t own;  /**< how many of the first are the tracing's own */
		uint64_t pc[DV_HOST_FRAMES + 1]; /**< one more, for an index that is masked */
	} kernel, user;      /**< taken when the firing begins if a clause may ask for them */
};
#define DV_FIRING_SIZE 4096u
#define DV_FIRING_SHIFT 3u /**< a producer is 512 bytes, its block 4096 */
_Static_assert(sizeof(struct dv_firing) <= DV_FIRING_SIZE, "a firing outgrew its block");

#endif
