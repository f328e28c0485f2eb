/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_GUARD_H
#define DV_MACHINE_KVM_GUARD_H
/**
 * Traps that do not outlive dvirt. Before a trap is put into a guest it is written down, in a file of the run directory for each
 * VMM; a small process waits for dvirt's end, however it comes, and then takes out what the files say. What it cannot, or
 * when it is killed too, the next session with that guest does, or `dvirt clean`.
 *
 * A file is locked by the dvirt that traces the guest, so there is one at a time.
 */
#include "machine/kvm/plant.h"

struct dv_guard;
/** Take the guest of process @p pid, which began at @p start. What an earlier dvirt left in it is made harmless. Fails when
 *  another dvirt has it. */
struct dv_error *dv_guard_open(int pid, uint64_t start, struct dv_guard **ret) DV_MUST_USE;
/** dv_plant(), of what is written down first. */
struct dv_error *dv_guard_plant(struct dv_guard *g, const struct dv_planter *p, struct dv_trap *t, size_t count,
                                struct dv_planted *ret) DV_MUST_USE;
/** dv_unplant(), then dv_replant() of all that is written down, of earlier dvirts too. What stays off stays written down. */
struct dv_error *dv_guard_remove(struct dv_guard *g, const struct dv_planter *p, unsigned tries, struct dv_planted *ret) DV_MUST_USE;
/** Give the guest up. The file goes when nothing is written down; NULL is fine. */
void dv_guard_close(struct dv_guard *g);

/** What dv_guard_clean() says of one file. */
struct dv_cleaned {
	int pid;       /**< of the VMM */
	int owner;     /**< dvirt that traces the guest now, so nothing was done; 0: none */
	bool gone;     /**< the VMM is: the file was removed */
	struct dv_planted counts;
	const char *failed; /**< why some trap still traps; NULL: none does */
};
/** Take out everything that dvirts which are no more have left behind. */
struct dv_error *dv_guard_clean(void (*fn)(void *ctx, const struct dv_cleaned *c), void *ctx) DV_MUST_USE;

#endif
