/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_QUIET_H
#define DV_MACHINE_KVM_QUIET_H
/** Who may be about to run from behind a trap of a guest's; and how its traps are put in and taken out. */
#include "machine/kvm/plant.h"
#include "machine/kvm/priv.h"

/** dv_quiet_fn: @p ctx is a struct dv_machine of this folder's, whose kernel is known. Programs on its exits may be attached or not. */
bool dv_kvm_quiet(void *ctx, const uint64_t *addrs, uint32_t count, uint8_t *busy, bool held);

/** For the traps of a machine of this folder's, whose kernel is known; as of now: threads that come or go need another. While the
 *  guest's memory may be copied to somewhere else it answers no questions, so all tails stay. */
struct dv_planter dv_kvm_planter(struct dv_machine *m);
/** Is it so? */
bool dv_kvm_text_copied(const struct dv_machine *m);

#endif
