/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_HOST_H
#define DV_MACHINE_KVM_HOST_H
/**
 * The host kernel's own structures, as far as finding a virtual machine takes them: from a process and a descriptor to
 * struct kvm, its memory slots and its virtual CPUs. Shared by this folder's files; what programs of the kernel need is in
 * offsets.h.
 */
#include "machine/kvm/vm.h"

/** Offsets in bytes; DV_KVM_NO_OFF where a kernel does not have one and can do without. */
struct dv_kvm_layout {
	/* A number of a process to its task. */
	uint32_t task_pid, task_links, task_files, task_mm; /**< thread_pid, pid_links */
	uint32_t pid_level, pid_tasks, pid_numbers;
	uint32_t upid_nr, upid_ns, upid_size;
	uint32_t ns_root;                 /**< struct pid_namespace: its tree of numbers */
	uint32_t node_shift, node_slots, node_count; /**< struct xa_node; count of slots */
	/* A task and a descriptor to what it is. */
	uint32_t files_table, table_max, table_fds;
	uint32_t file_ops, file_private;
	/* struct kvm */
	uint32_t kvm_mm, kvm_slots, kvm_vcpus;
	uint32_t kvm_type, kvm_protected; /**< arch.vm_type, arch.has_protected_state */
	uint32_t svm_sev, svm_sev_es;     /**< struct kvm_svm: sev_info */
	uint32_t vcpu_protected;          /**< struct kvm_vcpu: arch.guest_state_protected */
	uint32_t vcpu_efer;
	uint32_t vmx_kgs;                 /**< struct vcpu_vmx: msr_guest_kernel_gs_base, as it was last saved */
	/* struct kvm_memslots, struct kvm_memory_slot */
	uint32_t set_generation, set_hash, set_index, set_hash_size;
	uint32_t slot_node, slot_gfn, slot_pages, slot_hva, slot_flags;
	/* Of this process. */
	uint32_t level;                   /**< of its PID namespace */
	uint64_t ns;                      /**< the namespace */
};
static inline const struct dv_kvm_layout *dv_kvm_layout(const struct dv_kvm_host *h)
{
	return h->priv;
}

/** Read the host kernel's memory; false: it is not mapped, or no address of the kernel's. */
bool dv_kvm_kread(const struct dv_kvm_host *h, uint64_t va, void *dst, size_t size);

/**
 * Say of each offset where it is: @p what is "struct kvm_vcpu: arch.regs", @p off DV_KVM_NO_OFF when this kernel does not
 * have it, @p needed: nothing works without. Those of the other processor's module are left out.
 */
typedef void dv_kvm_offset_fn(void *ctx, const char *what, uint32_t off, bool needed);
void dv_kvm_host_offsets(const struct dv_kvm_host *h, dv_kvm_offset_fn *fn, void *ctx);
/** Fill the offsets out of the kernel's types alone: h->types is set, h->reader need not be. For doctor and tests. */
struct dv_error *dv_kvm_host_fill(struct dv_kvm_host *h) DV_MUST_USE;

#endif
