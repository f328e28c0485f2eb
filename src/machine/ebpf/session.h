/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_SESSION_H
#define DV_MACHINE_EBPF_SESSION_H
/**
 * One load of the host's kernel: the maps, the programs, what they are attached to. All of it is descriptors: when they
 * are closed, by us or because dvirt died, nothing stays in the kernel.
 */
#include "guest/guest.h"
#include "machine/ebpf/object.h"

struct dv_bpf_loaded;
struct dv_bpf_inside;
/** What is known of the kernel. */
struct dv_bpf_kernel {
	struct dv_guest *guest; /**< its types */
	unsigned ways;          /**< to trace functions: enum dv_kfunc_how */
	unsigned user_ways;     /**< to trace user programs: enum dv_uprobe_how */
	const struct dv_bpf_inside *inside; /**< the clauses fire in this guest, not in the kernel itself; NULL: they do not */
};
/**
 * Make and load the programs of a load image. @p kernel: NULL: not known, and only raw tracepoints and
 * tests of clauses by themselves can be had. @p verbose: the verifier's log to stderr.
 */
struct dv_error *dv_bpf_load_image(const struct dv_bpf_object *o, const struct dv_bpf_kernel *kernel, int region_fd,
				   uint64_t region_size, const void *image, size_t size, bool verbose,
				   struct dv_bpf_loaded **ret) DV_MUST_USE;
/** Attach them. */
struct dv_error *dv_bpf_attach(struct dv_bpf_loaded *l) DV_MUST_USE;
/** Places that could not be probed when attaching, and why the first could not. All of them: dv_bpf_attach() fails. */
uint32_t dv_bpf_refused(const struct dv_bpf_loaded *l, const char **why);
/** Firings that the kernel kept from the programs because they were running on that CPU, since they were loaded. */
uint64_t dv_bpf_misses(const struct dv_bpf_loaded *l);
/** The program of a site, by its row in the image after sorting (dv_loaded_create()); -1: none. */
int dv_bpf_site_program(const struct dv_bpf_loaded *l, uint32_t site);
/** What dvirt tells the programs of a guest while they run; NULL: they are of no guest. */
struct dv_guest_tables;
struct dv_guest_tables *dv_bpf_guest_tables(struct dv_bpf_loaded *l);
/** To be called when it is attached, and when a guest's virtual CPUs have changed: clocks for its timers go with these threads, which
 *  are numbered as here; 0: none. */
struct dv_error *dv_bpf_follow_threads(struct dv_bpf_loaded *l, const int32_t *tids, uint32_t count) DV_MUST_USE;
/** The load image as it was taken over. */
const struct dv_loaded *dv_bpf_loaded_image(const struct dv_bpf_loaded *l);
/** How often the trap at @p pc was hit since the programs were loaded. */
uint64_t dv_bpf_guest_hits(const struct dv_bpf_loaded *l, uint64_t pc);
/** Detach; no program of it runs any more when it returns. NULL is fine. */
void dv_bpf_detach(struct dv_bpf_loaded *l);

#endif
