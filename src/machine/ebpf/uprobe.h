/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_UPROBE_H
#define DV_MACHINE_EBPF_UPROBE_H
/**
 * Programs on instructions of user programs. A place is a file and an offset in it; the kernel puts a breakpoint there in
 * every process that maps the file, or in one process (all its threads, not its children). Two mechanisms:
 *
 *   event   one perf event for each place. A program of type KPROBE
 *   multi   one link for any number of places of one file (6.6). Type KPROBE, attach type DV_UPROBE_MULTI_TYPE
 *
 * Descriptors are the caller's; closing them detaches, and takes the breakpoints out. The context of a program is the
 * process's struct pt_regs: at an entry before the instruction has run, at a return with the result in rax.
 */
#include "base/error.h"
#include "base/mem.h"

#define DV_UPROBE_MULTI_TYPE 48 /**< BPF_TRACE_UPROBE_MULTI */

enum dv_uprobe_how {
	DV_UPROBE_EVENT = 1 << 0,
	DV_UPROBE_MULTI = 1 << 1,
	DV_UPROBE_COOKIE = 1 << 2, /**< programs on events learn their site's cookie; with multi they always do */
};
/** What this kernel has: a set of enum dv_uprobe_how, found out by trying. */
unsigned dv_uprobe_ways(void);

struct dv_uprobe_site {
	uint64_t offset;    /**< in the file */
	uint64_t semaphore; /**< offset in the file of a USDT probe's count of tracers, raised while attached; 0: none */
	uint64_t cookie;
	const char *name;   /**< for messages: "main", "main+0x1f" */
};
/** Where all the sites of a call are. */
struct dv_uprobe_file {
	const char *path; /**< as this process reaches it */
	int pid;          /**< -1: every process */
	bool is_return;   /**< when the function that begins there returns */
};
/** Attach to one place. *link is closed first and may be -1. */
struct dv_error *dv_uprobe_attach(int prog, const struct dv_uprobe_file *f, const struct dv_uprobe_site *site, int *event,
				  int *link) DV_MUST_USE;

struct dv_uprobe_links {
	DV_VEC(int) links;        /**< usually one */
	DV_VEC(uint32_t) refused; /**< indices of the sites that the kernel refused */
	int refused_errno;        /**< why the last one was */
};
/**
 * Attach to many places. A place that the kernel refuses (an instruction that it cannot run elsewhere) is left out and
 * listed. Any other failure is an error, and then nothing is attached.
 */
struct dv_error *dv_uprobe_attach_multi(int prog, const struct dv_uprobe_file *f, const struct dv_uprobe_site *sites,
					uint32_t count, struct dv_uprobe_links *ret) DV_MUST_USE;
void dv_uprobe_links_deinit(struct dv_uprobe_links *l); /**< closes */

#endif
