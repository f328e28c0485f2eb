/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_KEEP_H
#define DV_MACHINE_KVM_KEEP_H
/**
 * Traps that are in, while the guest's memory is not just the guest's: a snapshot that is loaded brings memory without them, in
 * which they have to be put anew; one that is made, or a migration, takes memory with them to where nobody takes them out,
 * so they are out while memory is copied.
 */
#include "machine/kvm/guard.h"

struct dv_kvm_keep {
	bool always;   /**< KVM kept a log of written pages when they were put in, as some VMMs have it do: it says nothing */
	bool out;      /**< memory is being copied: none of them is in */
	size_t at;     /**< of the list, where the next look begins */
};
/**
 * Look, once in a second or so, and only where the kernel is known to be the one that the traps were made for. Of @p traps those are kept whose state is DV_TRAP_ON; where something else stands by
 * now, the state becomes DV_TRAP_FOREIGN, and they are not looked after any more. @p copied: KVM keeps a log of
 * the pages that are written (@p p does not ask who is behind a trap then). What was done is said in @p note, of @p size
 * bytes; otherwise that stays as it is.
 */
void dv_kvm_keep_look(struct dv_kvm_keep *k, bool copied, struct dv_guard *g, const struct dv_planter *p, dv_traps *traps,
                      char *note, size_t size);

#endif
