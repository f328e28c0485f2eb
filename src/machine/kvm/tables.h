/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_TABLES_H
#define DV_MACHINE_KVM_TABLES_H
/** What the programs of a guest are told while they run: its memory slots and its virtual CPUs. */
#include "machine/ebpf/bpf/firing.h"
#include "machine/kvm/vm.h"

/** Make the tables say what @p vm says. They are zero at first. */
void dv_kvm_tell(struct dv_guest_tables *tables, const struct dv_kvm_vm *vm);

#endif
