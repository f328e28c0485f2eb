/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_PRIV_H
#define DV_MACHINE_KVM_PRIV_H
/** A machine of this folder's backend: what is behind dv_machine::priv. */
#include "machine/kvm/find.h"
#include "machine/kvm/vm.h"
#include "machine/machine.h"

struct dv_kvm_trace;
struct dv_kvm_machine {
	struct dv_kvm_found found;
	int pidfd;                    /**< of the VMM: readable when it has ended; -1: not open */
	struct dv_kvm_host *host;     /**< NULL until open */
	struct dv_kvm_vm *vm;
	struct dv_phys phys;          /**< reads `vm` */
	struct dv_guest_regs regs;    /**< the kernel was found with */
	struct dv_kvm_trace *trace;   /**< NULL: the kernel is not known */
	uint32_t universe;
	int32_t tids[DV_KVM_VCPUS];   /**< dv_machine::tids */
	uint64_t next_look, pause_ms; /**< ns; ms */
	uint64_t waits_since;         /**< ns; 0: it does not wait for a kernel */
	uint64_t odd_cr3;             /**< one that shows no kernel at all (any more) */
	unsigned elsewhere;           /**< looks in a row at which no virtual CPU ran the kernel that we know */
};

/** Take in what the host knows of the machine by now: memory slots, virtual CPUs, their threads. False: it is gone. */
bool dv_kvm_refresh(struct dv_machine *m);

#endif
