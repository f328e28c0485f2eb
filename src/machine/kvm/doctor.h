/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_DOCTOR_H
#define DV_MACHINE_KVM_DOCTOR_H
#include "machine/doctor.h"
#include "machine/kvm/vm.h"

/** Whether guests under this host's KVM can be found and traced. */
void dv_kvm_doctor(const struct dv_doctor *d);

/* trial.c */
#define DV_KVM_TRIAL_REGS 17u
/** What became of a virtual machine of our own that ran into INVD. */
struct dv_kvm_trial {
	uint64_t invd, others;                /**< exits that the program saw: because of INVD, because of other things */
	uint64_t other_code;                  /**< why the last of the others was */
	uint64_t isa;                         /**< the tracepoint's word */
	uint64_t want[DV_KVM_TRIAL_REGS], got[DV_KVM_TRIAL_REGS]; /**< registers at INVD, as in struct kvm_vcpu */
	uint32_t avail;                       /**< arch.regs_avail */
	bool memory;                          /**< the program could read the guest's memory */
	bool went_on;                         /**< the guest went on behind INVD */
	bool found;                           /**< dv_kvm_vm_open() says of it what is true */
	bool intercepts;                      /**< dv_kvm_intercepts_invd() */
	uint64_t cr3, want_cr3;               /**< dv_kvm_vcpu_regs() */
};
/** Make it, run it, take it away. Fails where KVM or the kernel does not let us. @p vcpu_arg: which argument of the
 *  tracepoint kvm_exit is the virtual CPU. */
struct dv_error *dv_kvm_try(struct dv_kvm_host *h, unsigned vcpu_arg, struct dv_kvm_trial *ret) DV_MUST_USE;

#endif
