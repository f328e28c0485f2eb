/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_KFUNC_H
#define DV_MACHINE_EBPF_KFUNC_H
/**
 * Functions of the host's kernel: what it offers to trace them, and attaching to them. Three mechanisms, from the cheapest:
 *
 *   fentry, fexit  a trampoline at the function (5.5); one program for each function
 *   kprobe.multi   one program and one link for any number of functions (5.18, CONFIG_FPROBE)
 *   kprobe         an event for each function (CONFIG_KPROBES)
 *
 * Descriptors are the caller's; closing one detaches.
 */
#include "machine/ebpf/object.h"

enum dv_kfunc_how {
	DV_KFUNC_FENTRY = 1 << 0,
	DV_KFUNC_MULTI = 1 << 1,
	DV_KFUNC_KPROBE = 1 << 2,
};
/** What this kernel has: a set of enum dv_kfunc_how, found out by trying. @p test_id: the type id of the function
 *  bpf_fentry_test1, which exists to be traced; 0: none. */
unsigned dv_kfunc_ways(uint32_t test_id);

/** Attach a program loaded for kprobe.multi. @p cookies: one for each address. */
struct dv_error *dv_kfunc_attach_multi(int prog, bool is_return, const unsigned long *addrs, const uint64_t *cookies,
				       uint32_t count, int *link) DV_MUST_USE;
/** Attach to one function. *event and *link: to be closed, the link first; *link may be -1. */
struct dv_error *dv_kfunc_attach_kprobe(int prog, bool is_return, uint64_t addr, const char *name, uint64_t cookie,
					int *event, int *link) DV_MUST_USE;
/** Attach a program loaded for fentry or fexit. */
struct dv_error *dv_kfunc_attach_fentry(int prog, const char *name, int *link) DV_MUST_USE;

#endif
