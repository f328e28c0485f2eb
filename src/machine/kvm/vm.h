/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_VM_H
#define DV_MACHINE_KVM_VM_H
/**
 * A virtual machine of KVM's as the host's kernel has it: memory slots, virtual CPUs, their threads. Read from the kernel's
 * own structures (struct kvm, struct kvm_vcpu), whose layouts its type information tells; the process that runs the machine
 * (its VMM) is not asked, and does not notice.
 *
 * What is read may change meanwhile, and the VMM is not trusted: numbers are bounded, lists have an end.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "guest/guest.h"
#include "machine/ebpf/reader.h"
#include "machine/kvm/offsets.h"

/** The host's kernel, for all virtual machines of this process. */
struct dv_kvm_host {
	struct dv_guest *types;       /**< the host's own kernel: symbols, types */
	struct dv_bpf_reader *reader; /**< its memory */
	enum dv_kvm_isa isa;
	struct dv_kvm_offsets off;
	unsigned users;
	void *priv;                   /**< of vm.c */
};
/** The one of this process, opened at the first call; given back by dv_kvm_host_put(). Fails, saying why, where this user or
 *  this kernel cannot. */
struct dv_error *dv_kvm_host_get(struct dv_kvm_host **ret) DV_MUST_USE;
void dv_kvm_host_put(struct dv_kvm_host *h); /**< NULL is fine */

struct dv_kvm_slot {
	uint64_t gpa, size; /**< bytes */
	uint64_t hva;       /**< address in the VMM */
	bool readonly;
	bool logged;        /**< the VMM wants to know which pages of it are written: it may be copying it to somewhere else */
};
struct dv_kvm_vcpu {
	uint64_t vcpu;  /**< struct kvm_vcpu (and vcpu_svm, vcpu_vmx, which begin with it) */
	uint64_t vmcb;  /**< SVM: struct vmcb; 0: none */
	uint32_t id;    /**< its APIC id */
	int32_t tid;    /**< thread that ran it last, in dvirt's numbers; 0: none */
	uint32_t kernel_tid; /**< the same in the kernel's own, which its programs see; 0: none */
};
#define DV_KVM_SLOTS 512u
#define DV_KVM_VCPUS 512u
struct dv_kvm_vm {
	int pid;
	uint64_t start; /**< when that process began (field 22 of /proc/PID/stat): a number that is used again is another */
	int fd;         /**< its descriptor of the machine, in that process */
	uint64_t kvm;   /**< struct kvm */
	uint64_t generation; /**< of the slots */
	DV_VEC(struct dv_kvm_slot) slots; /**< by size, the largest first; adjacent ones are one */
	DV_VEC(struct dv_kvm_vcpu) vcpus; /**< by index */
	const char *refused; /**< why it cannot be traced at all ("its memory is encrypted (SEV)"); NULL: can */
};
/** Look at the machine behind descriptor @p fd ("anon_inode:kvm-vm") of process @p pid. */
struct dv_error *dv_kvm_vm_open(struct dv_kvm_host *h, int pid, int fd, struct dv_kvm_vm **ret) DV_MUST_USE;
/** Look again: *slots, *vcpus: changed. Fails when it is gone. */
struct dv_error *dv_kvm_vm_refresh(struct dv_kvm_host *h, struct dv_kvm_vm *vm, bool *slots, bool *vcpus) DV_MUST_USE;
void dv_kvm_vm_close(struct dv_kvm_vm *vm);
/** Registers of a virtual CPU as they were at its last exit, for dv_guest_open(); false: not known. */
bool dv_kvm_vcpu_regs(struct dv_kvm_host *h, const struct dv_kvm_vcpu *v, struct dv_guest_regs *ret);
/** Is every virtual CPU seen to intercept INVD? On VMX it always is. */
bool dv_kvm_intercepts_invd(struct dv_kvm_host *h, const struct dv_kvm_vm *vm);

/* mem.c: guest memory, through the VMM's mapping of it. */
/** struct dv_phys::read; @p ctx: a struct dv_kvm_vm. */
bool dv_kvm_read_phys(void *ctx, uint64_t gpa, void *dst, size_t size);
/** Address in the VMM of a guest-physical one; 0: it is not RAM, or cannot be written. */
uint64_t dv_kvm_hva(const struct dv_kvm_vm *vm, uint64_t gpa);
/** May the VMM be copying the memory at @p gpa while the guest runs (a migration)? Writes of ours it does not notice: what it
 *  copies is from before some of them and from after others. */
bool dv_kvm_copied(const struct dv_kvm_vm *vm, uint64_t gpa);
/** Read or write single pieces of the VMM's memory, many with few system calls. False: some could not be. */
struct dv_kvm_piece {
	uint64_t hva;
	void *bytes;
	uint32_t size;
};
bool dv_kvm_read_pieces(int pid, const struct dv_kvm_piece *p, uint32_t count);
/** In order. A piece of one byte is one store, whatever the kernel's copy is made of; one of several is not, but a process that
 *  is killed meanwhile leaves no half of it. */
bool dv_kvm_write_pieces(int pid, const struct dv_kvm_piece *p, uint32_t count);

#endif
