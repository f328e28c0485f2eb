/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_KEEP_H
#define DV_MACHINE_KVM_KEEP_H
/**
 * Traps that are in, while the guest's memory is not just the guest's: a snapshot that is loaded brings memory without them, in
 * which they have to be put anew; one that is made, or a migration, takes memory with them to where nobody takes them out,
 * so they are out while memory is copied.
 */
#include "machine/kvm/guard.h"
#include "machine/kvm/vm.h"

struct dv_kvm_keep {
	bool out;      /**< memory is being copied: none of them is in */
	size_t at;     /**< of the list, where the next look begins */
};
/**
 * Look, once in a second or so, and only where the kernel is known to be the one that the traps were made for. Of @p traps those are kept whose state is DV_TRAP_ON; where something else stands by
 * now, the state becomes DV_TRAP_FOREIGN, and they are not looked after any more. What was done is said in @p note, of @p size
 * bytes; otherwise that stays as it is.
 */
void dv_kvm_keep_look(struct dv_kvm_keep *k, struct dv_guard *g, const struct dv_planter *p, dv_traps *traps,
                      const struct dv_kvm_vm *vm, char *note, size_t size);

#endif
