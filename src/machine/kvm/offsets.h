/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_OFFSETS_H
#define DV_MACHINE_KVM_OFFSETS_H
/** Where things are in the host kernel's structures for virtual machines. Compiled for programs of the kernel too. */
#include <stdint.h>

enum dv_kvm_isa {
	DV_KVM_NONE, /**< no module for the processor is loaded */
	DV_KVM_SVM,  /**< AMD: struct vcpu_svm, the control block (VMCB) is memory */
	DV_KVM_VMX,  /**< Intel: struct vcpu_vmx; most guest state is in the processor's own VMCS */
};

#define DV_KVM_NO_OFF 0xffffffffu /**< an offset that this kernel does not have */

/** Where things are in the kernel's structures, bytes. */
struct dv_kvm_offsets {
	/* struct kvm_vcpu */
	uint32_t vcpu_kvm, vcpu_id, vcpu_idx, vcpu_pid; /**< pid: struct pid *, of the thread that ran it last */
	uint32_t regs;       /**< arch.regs: unsigned long[], rax rcx rdx rbx rsp rbp rsi rdi r8.. r15 rip */
	uint32_t regs_avail; /**< arch.regs_avail: a bit for each register that is in `regs` (VMX) */
	uint32_t cr3, cr4;   /**< arch.cr3, arch.cr4: as far as they were read */
	uint32_t mp_state;   /**< arch.mp_state: 0 (KVM_MP_STATE_RUNNABLE): it waits neither for an interrupt nor to be started */
	uint32_t task_pid;   /**< struct task_struct: the thread's number */
	/* struct vcpu_svm, struct vmcb */
	uint32_t svm_vmcb;   /**< vmcb01.ptr: the control block of the guest itself */
	uint32_t svm_current; /**< vmcb: the one in use, another while a nested guest runs */
	uint32_t exit_code, intercept; /**< in the control block; intercept: u32 words */
	uint32_t save_cr0, save_cr2, save_cr3, save_cr4, save_efer, save_rflags, save_cpl, save_gs_base, save_fs_base, save_kgs_base,
		 save_cs, save_ss, save_ds, save_es, save_fs, save_gs; /**< the last six: selectors */
	/* struct vcpu_vmx */
	uint32_t vmx_own;     /**< vmcs01: what is known of the guest's own VMCS */
	uint32_t vmx_current; /**< loaded_vmcs: where that of the one in use is, another's while a nested guest runs */
	uint32_t vmx_reason; /**< exit_reason.full */
};

#endif
