/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_PROGRAM_H
#define DV_MACHINE_EBPF_PROGRAM_H
/**
 * The programs of a load: sites that are reached in the same way and run the same clauses share one, which finds out which
 * of them fired (by the system call's number, or by the cookie that was given when it was attached).
 */
#include "abi/load.h"
#include "exec/exec.h"
#include "machine/ebpf/link.h"

/** How a program gets control, which is what its context is. */
enum dv_bpf_entry {
	DV_ENTRY_RAW,       /**< raw tracepoint: words */
	DV_ENTRY_SYSENTER,  /**< raw tracepoint sys_enter */
	DV_ENTRY_SYSEXIT,
	DV_ENTRY_REGS,      /**< kprobe, uprobe: struct pt_regs, the site by cookie */
	DV_ENTRY_REGS_ONE,  /**< the same, without a cookie: one site */
	DV_ENTRY_FENTRY,    /**< words, one site */
	DV_ENTRY_FEXIT,     /**< words, the returned value behind the arguments; one site */
	DV_ENTRY_PERF,      /**< struct bpf_perf_event_data, the site by cookie */
	DV_ENTRY_TRAP,      /**< a KVM guest's: trap.h */
	DV_ENTRY_TIMER,     /**< likewise: profile-N */
};

/** What all programs of a load share. The last members are for a guest's. */
struct dv_bpf_session {
	const struct dv_bpf_object *object;
	const struct dv_loaded *loaded;
	uint64_t region_mask;
	uint32_t first;          /**< region offset of the machine's first producer */
	uint32_t fire_size;      /**< of dv_fire_mem, less what is behind its last block */
	struct dv_bpf_map_symbol maps[14];
	uint32_t map_count;
	uint32_t status_off, cs_off; /**< struct task_struct: thread_info.status; struct pt_regs: orig_ax is at 120 */
	bool vtime;              /**< a clause uses vtimestamp */
	bool verbose;
	bool inside;
	uint32_t same, timers;   /**< so many sites at most are at one place; are profile-N */
	uint32_t vcpu_word;      /**< of kvm_exit's arguments, the one that is the virtual CPU */
};

/** Sites with one program. */
struct dv_bpf_group {
	enum dv_bpf_entry entry;
	const uint32_t *sites;   /**< rows of the loaded image */
	uint32_t site_count;
	const char *name;        /**< for people */
	uint64_t own[4];         /**< raw tracepoints: start and end of the kernel's __bpf_trace_EVENT, of __traceiter_EVENT; 0: none */
	uint32_t args;           /**< FEXIT: how many the function has; RAW: how many words the tracepoint has */
};

/** Link programs with the run-time functions and the load's maps, and load them: codes[0] with what it calls. *log: the
 *  verifier's, when it refused; NULL: not wanted. */
struct dv_error *dv_bpf_session_load(const struct dv_bpf_session *s, const struct dv_bpf_code *codes, uint32_t count,
				     const struct dv_bpf_load *how, char **log, int *fd) DV_MUST_USE;
/** The program that runs where threads leave their CPUs, for vtimestamp; of a guest: where those of the host do. */
struct dv_error *dv_bpf_switch_program(const struct dv_bpf_session *s, int *fd) DV_MUST_USE;
/** Make and load it. *log: the verifier's, when it refused. */
struct dv_error *dv_bpf_program(const struct dv_bpf_session *s, const struct dv_bpf_group *g, const struct dv_bpf_load *how,
				char **log, int *fd) DV_MUST_USE;

#endif
