/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_FIRING_H
#define DV_MACHINE_EBPF_FIRING_H
/**
 * What a kernel program and the run-time functions that it calls share besides the state region: facts of the session,
 * the sites' table, and, for each producer, a block about the firing. All of it is the kernel's alone: processes cannot
 * map it. Compiled for both worlds.
 */
#include <stdint.h>

#include "abi/load.h"
#include "abi/region.h"
#include "machine/kvm/offsets.h"

/** Probes that may be in progress on one CPU at once: a task's, an interrupt's, a non-maskable interrupt's, and one that
 *  a preempted uprobe left. */
#define DV_HOST_LEVELS 4u
#define DV_HOST_STRSIZE 1024u /* the kernel's DV_STR_MAX (state/port.h) */
#define DV_HOST_ARGS   10u
#define DV_GUEST_FRAMES 256u /* not less than DV_STACK_MAX; a power of two, for an index that is masked */
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
	uint32_t task_comm;  /**< likewise; DV_OFF_NONE: not known */
	uint32_t kernel;     /**< as in struct dv_load_image */
	uint64_t ran_mask;   /**< which bits an offset in dv_ran can have */
	uint64_t on_cpu_mask; /**< likewise, of an entry of dv_on_cpu */
	uint64_t run_start, run_end; /**< the kernel's functions that run programs at tracepoints */
};

/** A row of the table dv_sites. */
struct dv_host_site {
	uint32_t probe, prov, mod, func, name; /**< as in struct dv_load_site */
	uint32_t ecb;        /**< index in dv_epids of its first clause's id */
	union {
		uint32_t offset; /**< DV_ARGS_RETURN: of the return instruction in its function; 0: not known. DV_ARGS_FUNC of a
		                     program: 1 if the kernel may know the entry by its instruction */
		uint32_t nr; /**< a guest's: only in this system call, and 1 more; 0: anywhere */
	};
	uint32_t group;      /**< a guest's: which of the program's groups of clauses it runs */
};
_Static_assert(sizeof(struct dv_host_site) == 32, "its row in the table is found by a mask");

/* -- clauses of a KVM guest, which run in the host's kernel at an exit of the virtual CPU (guest.h) -- */

#define DV_GUEST_TIMERS 64u /**< profile-N in one guest: a bit for each in a word */
/** Constants of a load for a guest. */
struct dv_guest_conf {
	struct dv_guest_layout layout; /**< of the guest's kernel */
	struct dv_kvm_offsets off;
	uint32_t isa;            /**< enum dv_kvm_isa */
	uint32_t trap_mask;      /**< which bits an offset of a row of dv_traps can have */
	uint32_t cpus;           /**< producers that there are */
	uint32_t orc_count;      /**< rows of dv_orcs: the image's struct dv_load_orc */
	uint32_t orc_mask;       /**< which bits an index of such a row can have */
	uint32_t orc_kept;       /**< the row whose entries are kept in dv_orc_kept, and 1 more; 0: none */
	uint32_t timers[DV_GUEST_TIMERS]; /**< the site of each */
	uint32_t vtime;          /**< 1: a clause uses vtimestamp */
};
/** Entries of the unwind tables that were found before: dv_orc_kept has so many words. For the whole machine. */
#define DV_ORC_KEPT 1024u
/** A row of the table dv_traps: open addressing, by dv_trap_hash(), at most DV_TRAP_LOOK rows from there. */
struct dv_trap_row {
	uint64_t pc;     /**< of the INVD; 0: no row */
	uint64_t place;  /**< of the instruction that it stands for: what a clause has as the program counter */
	uint32_t site;
	uint32_t offset; /**< from the function's start */
	uint64_t sp;     /**< 1: the trap has brought the stack pointer along, in r11 */
};
#define DV_TRAP_SWITCH 0xffffffffu /**< as `site`: none; there another thread has just come to run */
#define DV_TRAP_LOOK 16u /**< and in the map dv_trap_hits how often each was hit: u64, one for each row */
static inline uint32_t dv_trap_hash(uint64_t pc)
{
	return (uint32_t)((pc ^ pc >> 17) * 0x9e3779b97f4a7c15ull >> 32);
}
/** What changes while programs run: kept up to date by dvirt, in the map dv_guest_mem. */
struct dv_guest_vcpu {
	uint32_t tid;    /**< its thread, as the kernel numbers it; 0: no row */
	uint32_t index;
	uint64_t vcpu, vmcb;
	uint64_t pad;
};
struct dv_guest_slot {
	uint64_t gpa, size, hva, pad;
};
#define DV_GUEST_VCPUS 1024u /**< rows: found by thread id as dv_traps are */
#define DV_GUEST_SLOTS 64u   /**< of memory, the largest first */
#define DV_VCPU_LOOK   16u
struct dv_guest_tables {
	struct dv_guest_slot slots[DV_GUEST_SLOTS];
	struct dv_guest_vcpu vcpus[DV_GUEST_VCPUS];
	struct {
		uint64_t hits, ns; /**< exits for traps; spent in the program at them */
		uint64_t due;      /**< timers that are, and have not been seen to yet: a bit for each */
		/* For vtimestamp, ns. */
		uint64_t ran;      /**< since the guest's thread that runs there began to, up to `since` */
		uint64_t since;    /**< when it was last let go on; 0: it is held up, does not run, or that is not known yet */
		uint64_t held;     /**< 1: by a firing */
		uint64_t thread;   /**< number of the guest's thread that `ran` is of, and 1 more; 0: not known yet */
		uint64_t idle;     /**< what its idle thread has run, which has number 0 */
	} load[DV_PROD_MAX]; /**< of each virtual CPU */
};

/**
 * For vtimestamp, of each CPU, in the map dv_on_cpu. In dv_ran is a word for each thread, by its number: how long it
 * has run up to `since` of the CPU that it is on, ns << 1 | 1: a firing of it is in progress. Of a guest's threads it is the
 * ns alone, less what dv_guest_tables says.
 */
struct dv_on_cpu {
	uint64_t since; /**< when what runs there was last let go on; 0: not known yet */
	uint64_t idle;  /**< the word of the idle thread, which has no number */
};

/** A guest's stack that is followed: guest_walk.h and what builds on it. */
struct dv_firing_walk {
	uint64_t cr3;        /**< page tables for what arithmetic does not find */
	uint64_t ip, sp, bp;
	uint64_t regs, prev, exact, first, full, user; /**< as in guest/unwind.c */
	uint64_t edge;       /**< as dv_unwind_from::at_edge */
	uint64_t row;        /**< of dv_orcs, the latest that was found, and 1 more; 0: none */
	uint64_t from, lo, hi; /**< of a search */
	struct {
		uint64_t va, hva; /**< 0: none */
	} pages[8];          /**< that were found while this stack is followed */
	uint64_t bytes[22];  /**< of the guest's, read last */
};

/** About the firing in progress; one for each producer, in the map dv_fire_mem, DV_FIRING_SIZE apart. */
struct dv_firing {
	uint64_t arg[DV_HOST_ARGS];
	uint64_t unread;     /**< DV_ARGS_USDT: a bit for each argument in memory that could not be read */
	uint64_t site;       /**< row */
	uint64_t frame;      /**< see DV_BI_FRAME; taken if a clause may ask for it */
	uint64_t clause;     /**< that runs: which of the site's; or DV_CLAUSE_EPID | its enabled probe's id */
	uint64_t timestamp;  /**< 0: not read yet */
	uint64_t execname;   /**< sref of this clause's copy; 0: none yet */
	uint64_t err_epid, err_action, err_pc, err_fault, err_value; /**< what ERROR's clauses see */
	union {
		struct {
			struct dv_firing_stack {
				uint64_t size; /**< bytes of pc */
				uint64_t own;  /**< how many of the first are the tracing's own */
				uint64_t pc[DV_HOST_FRAMES + 1]; /**< one more, for an index that is masked */
			} kernel, user; /**< the host's: taken when the firing begins if a clause may ask for them */
		};
		struct {
			struct dv_firing_walk walk;
			uint64_t frames[DV_GUEST_FRAMES]; /**< of the stack that was followed last */
		};
	};
	/* A guest's. */
	uint64_t vcpu, vmcb; /**< where its registers are */
	uint64_t index;      /**< of the virtual CPU */
	uint64_t pc;         /**< of the probed instruction */
	uint64_t offset;     /**< of it from the function's start */
	uint64_t task;       /**< the guest's running task; 0: it could not be read */
	uint64_t have_task;  /**< 1: `task` was looked for */
	uint64_t began;      /**< when the program found a trap, ns */
	uint64_t edge;       /**< 1: there the return address is on top of the stack */
	uint64_t sp;         /**< 1: the stack pointer is in r11 */
	uint64_t stopped;    /**< 1: the program has stopped the clock of vtimestamp */
};
#define DV_CLAUSE_EPID (1ULL << 32)
#define DV_FIRING_SIZE 4096u
#define DV_FIRING_SHIFT 3u /**< a producer is 512 bytes, its block 4096 */
_Static_assert(sizeof(struct dv_firing) <= DV_FIRING_SIZE, "a firing outgrew its block");

#endif
