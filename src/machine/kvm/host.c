// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where things are in the host kernel's structures. Its types say so, those of vmlinux and those of the modules kvm,
// kvm_amd and kvm_intel: a row for each offset, and a further row where another kernel has it elsewhere. No number of a version is
// looked at.
#include "machine/kvm/host.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "machine/ebpf/ebpf.h"

enum part {
	COMMON, // struct dv_kvm_offsets
	SVM,
	VMX,
	WALK, // struct dv_kvm_layout
	WALK_SVM,
	WALK_VMX,
};

enum need {
	MUST,
	MAY, // there is a row for it in another kernel's way, or it can be done without
};

struct row {
	enum part part;
	enum need need;
	uint32_t at; // in the structure of the part
	const char *type, *path;
};

#define OFF(part, need, field, type, path)  {part, need, offsetof(struct dv_kvm_offsets, field), type, path}
#define STEP(part, need, field, type, path) {part, need, offsetof(struct dv_kvm_layout, field), type, path}

static const struct row rows[] = {
	OFF(COMMON, MUST, vcpu_kvm, "kvm_vcpu", "kvm"),
	OFF(COMMON, MUST, vcpu_id, "kvm_vcpu", "vcpu_id"),
	OFF(COMMON, MUST, vcpu_idx, "kvm_vcpu", "vcpu_idx"),
	OFF(COMMON, MUST, vcpu_pid, "kvm_vcpu", "pid"),
	OFF(COMMON, MUST, regs, "kvm_vcpu", "arch.regs"),
	OFF(COMMON, MUST, regs_avail, "kvm_vcpu", "arch.regs_avail"),
	OFF(COMMON, MUST, cr3, "kvm_vcpu", "arch.cr3"),
	OFF(COMMON, MUST, cr4, "kvm_vcpu", "arch.cr4"),
	OFF(COMMON, MUST, mp_state, "kvm_vcpu", "arch.mp_state"),
	OFF(COMMON, MUST, task_pid, "task_struct", "pid"),
	OFF(SVM, MUST, svm_vmcb, "vcpu_svm", "vmcb01.ptr"),
	OFF(SVM, MUST, svm_current, "vcpu_svm", "vmcb"),
	OFF(SVM, MUST, exit_code, "vmcb", "control.exit_code"),
	OFF(SVM, MUST, intercept, "vmcb", "control.intercepts"),
	OFF(SVM, MUST, save_cr0, "vmcb", "save.cr0"),
	OFF(SVM, MUST, save_cr2, "vmcb", "save.cr2"),
	OFF(SVM, MUST, save_cr3, "vmcb", "save.cr3"),
	OFF(SVM, MUST, save_cr4, "vmcb", "save.cr4"),
	OFF(SVM, MUST, save_efer, "vmcb", "save.efer"),
	OFF(SVM, MUST, save_rflags, "vmcb", "save.rflags"),
	OFF(SVM, MUST, save_cpl, "vmcb", "save.cpl"),
	OFF(SVM, MUST, save_gs_base, "vmcb", "save.gs.base"),
	OFF(SVM, MUST, save_fs_base, "vmcb", "save.fs.base"),
	OFF(SVM, MUST, save_kgs_base, "vmcb", "save.kernel_gs_base"),
	OFF(SVM, MUST, save_cs, "vmcb", "save.cs.selector"),
	OFF(SVM, MUST, save_ss, "vmcb", "save.ss.selector"),
	OFF(SVM, MUST, save_ds, "vmcb", "save.ds.selector"),
	OFF(SVM, MUST, save_es, "vmcb", "save.es.selector"),
	OFF(SVM, MUST, save_fs, "vmcb", "save.fs.selector"),
	OFF(SVM, MUST, save_gs, "vmcb", "save.gs.selector"),
	OFF(VMX, MUST, vmx_own, "vcpu_vmx", "vmcs01"),
	OFF(VMX, MUST, vmx_current, "vcpu_vmx", "loaded_vmcs"),
	// From 6.16 on it lies in what is shared with TDX's virtual CPUs.
	OFF(VMX, MAY, vmx_reason, "vcpu_vmx", "exit_reason"),
	OFF(VMX, MAY, vmx_reason, "vcpu_vmx", "vt.exit_reason"),

	STEP(WALK, MUST, task_pid, "task_struct", "thread_pid"),
	STEP(WALK, MUST, task_links, "task_struct", "pid_links"),
	STEP(WALK, MUST, task_files, "task_struct", "files"),
	STEP(WALK, MUST, task_mm, "task_struct", "mm"),
	STEP(WALK, MUST, pid_level, "pid", "level"),
	STEP(WALK, MUST, pid_tasks, "pid", "tasks"),
	STEP(WALK, MUST, pid_numbers, "pid", "numbers"),
	STEP(WALK, MUST, upid_nr, "upid", "nr"),
	STEP(WALK, MUST, upid_ns, "upid", "ns"),
	STEP(WALK, MUST, ns_root, "pid_namespace", "idr.idr_rt.xa_head"),
	STEP(WALK, MUST, node_shift, "xa_node", "shift"),
	STEP(WALK, MUST, node_slots, "xa_node", "slots"),
	STEP(WALK, MUST, files_table, "files_struct", "fdt"),
	STEP(WALK, MUST, table_max, "fdtable", "max_fds"),
	STEP(WALK, MUST, table_fds, "fdtable", "fd"),
	STEP(WALK, MUST, file_ops, "file", "f_op"),
	STEP(WALK, MUST, file_private, "file", "private_data"),
	STEP(WALK, MUST, kvm_mm, "kvm", "mm"),
	STEP(WALK, MUST, kvm_slots, "kvm", "memslots"),
	STEP(WALK, MUST, kvm_vcpus, "kvm", "vcpu_array.xa_head"),
	STEP(WALK, MAY, kvm_type, "kvm", "arch.vm_type"),
	STEP(WALK, MAY, kvm_protected, "kvm", "arch.has_protected_state"),
	STEP(WALK_SVM, MAY, svm_sev, "kvm_svm", "sev_info.active"),
	STEP(WALK_SVM, MAY, svm_sev_es, "kvm_svm", "sev_info.es_active"),
	STEP(WALK, MAY, vcpu_protected, "kvm_vcpu", "arch.guest_state_protected"),
	STEP(WALK, MAY, vcpu_efer, "kvm_vcpu", "arch.efer"),
	STEP(WALK_VMX, MAY, vmx_kgs, "vcpu_vmx", "msr_guest_kernel_gs_base"),
	STEP(WALK_VMX, MAY, vmx_kgs, "vcpu_vmx", "vt.msr_guest_kernel_gs_base"),
	STEP(WALK, MUST, set_generation, "kvm_memslots", "generation"),
	STEP(WALK, MUST, set_hash, "kvm_memslots", "id_hash"),
	STEP(WALK, MUST, set_index, "kvm_memslots", "node_idx"),
	STEP(WALK, MUST, slot_node, "kvm_memory_slot", "id_node"),
	STEP(WALK, MUST, slot_gfn, "kvm_memory_slot", "base_gfn"),
	STEP(WALK, MUST, slot_pages, "kvm_memory_slot", "npages"),
	STEP(WALK, MUST, slot_hva, "kvm_memory_slot", "userspace_addr"),
	STEP(WALK, MUST, slot_flags, "kvm_memory_slot", "flags"),
};

static const struct dv_type *struct_type(const struct dv_kvm_host *h, const char *name)
{
	struct dv_universe *u = dv_guest_types(h->types);
	const struct dv_type *t = u && u->ops ? u->ops->find(u->ctx, DV_TYPE_STRUCT, name, NULL) : NULL;

	return t ? dv_type_complete(t) : NULL;
}

// A member by its path, "save.gs.base": its offset and type.
static const struct dv_type *member(const struct dv_kvm_host *h, const char *type, const char *path, uint32_t *off)
{
	const struct dv_type *t = struct_type(h, type);
	uint64_t at = 0;

	for (const char *p = path; t && *p;) {
		size_t n = strcspn(p, ".");
		DV_FREE char *name = dv_xstrndup(p, n);
		uint64_t bit = 0;
		const struct dv_member *m = dv_type_member(dv_type_complete(t), name, &bit);

		if (!m || bit % 8)
			return NULL;
		at += bit / 8;
		t = m->type;
		p += n + (p[n] == '.');
	}
	*off = (uint32_t)at;
	return t;
}

static bool of_isa(enum part p, enum dv_kvm_isa isa)
{
	return p == SVM || p == WALK_SVM ? isa == DV_KVM_SVM : p == VMX || p == WALK_VMX ? isa == DV_KVM_VMX : true;
}

static uint32_t *field(const struct dv_kvm_host *h, const struct row *r)
{
	void *base = r->part < WALK ? (void *)&h->off : h->priv;

	return (uint32_t *)((char *)base + r->at);
}

static bool is_amd(void)
{
	uint32_t a, b = 0, c, d;

	__get_cpuid(0, &a, &b, &c, &d);
	return b == signature_AMD_ebx || b == 0x6f677948; // "Hygo"
}

// Which module runs the machines. Both may be built into the kernel.
static enum dv_kvm_isa isa_of(const struct dv_kvm_host *h)
{
	uint32_t off;
	bool svm = member(h, "vcpu_svm", "vcpu", &off) && !off, vmx = member(h, "vcpu_vmx", "vcpu", &off) && !off;

	if (svm && vmx)
		return is_amd() ? DV_KVM_SVM : DV_KVM_VMX;
	return svm ? DV_KVM_SVM : vmx ? DV_KVM_VMX : DV_KVM_NONE;
}

static uint64_t array_count(const struct dv_type *t)
{
	t = t ? dv_type_resolve(t) : NULL;
	return t && t->kind == DV_TYPE_ARRAY ? t->count : 0;
}

struct dv_error *dv_kvm_host_fill(struct dv_kvm_host *h)
{
	struct dv_kvm_layout *l = h->priv ? h->priv : (h->priv = dv_xcalloc(1, sizeof(*l)));
	const struct dv_type *t;
	uint32_t off;

	if (!dv_guest_has_types(h->types))
		return dv_error_create(DV_ERR_UNKNOWN, "the host's kernel tells no types: %s", dv_guest_no_types(h->types));
	h->isa = isa_of(h);
	for (size_t i = 0; i < DV_COUNT(rows); i++)
		*field(h, &rows[i]) = DV_KVM_NO_OFF;
	if (!struct_type(h, "kvm_memory_slot"))
		return dv_error_create(DV_ERR_UNKNOWN, "the host's kernel tells no types of its module kvm: is it loaded, and "
						       "the kernel built with CONFIG_DEBUG_INFO_BTF_MODULES?");
	for (size_t i = 0; i < DV_COUNT(rows); i++) {
		const struct row *r = &rows[i];
		uint32_t *f = field(h, r);

		if (*f != DV_KVM_NO_OFF || !of_isa(r->part, h->isa))
			continue;
		if (!member(h, r->type, r->path, f) && r->need == MUST)
			return dv_error_create(DV_ERR_UNKNOWN, "the host's kernel has no member '%s' in struct %s: it keeps its "
							       "virtual machines in a way that is not known",
					       r->path, r->type);
	}
	if (h->isa == DV_KVM_NONE)
		return dv_error_create(DV_ERR_UNKNOWN, "the host's kernel tells no types of kvm_amd or kvm_intel");
	if (h->isa == DV_KVM_VMX && h->off.vmx_reason == DV_KVM_NO_OFF)
		return dv_error_create(DV_ERR_UNKNOWN, "the host's kernel has no member 'exit_reason' in struct vcpu_vmx: it keeps its "
						       "virtual machines in a way that is not known");
	l->node_count = (uint32_t)array_count(member(h, "xa_node", "slots", &off));
	l->set_hash_size = (uint32_t)array_count(member(h, "kvm_memslots", "id_hash", &off));
	t = struct_type(h, "upid");
	l->upid_size = t ? (uint32_t)t->size : 0;
	if (!l->node_count || l->node_count & (l->node_count - 1) || l->node_count > 64 || !l->set_hash_size ||
	    l->set_hash_size > 1024 || !l->upid_size)
		return dv_error_create(DV_ERR_UNKNOWN, "the host's kernel keeps its virtual machines in a way that is not known");
	return NULL;
}

void dv_kvm_host_offsets(const struct dv_kvm_host *h, dv_kvm_offset_fn *fn, void *ctx)
{
	for (size_t i = 0; i < DV_COUNT(rows); i++) {
		const struct row *r = &rows[i];
		uint32_t off = DV_KVM_NO_OFF;
		char what[128];

		if (!of_isa(r->part, h->isa))
			continue;
		// Of two ways, the one that this kernel has.
		if (!member(h, r->type, r->path, &off) && *field(h, r) != DV_KVM_NO_OFF)
			continue;
		if (off == DV_KVM_NO_OFF && i + 1 < DV_COUNT(rows) && field(h, r) == field(h, &rows[i + 1]))
			continue;
		snprintf(what, sizeof(what), "struct %s: %s", r->type, r->path);
		fn(ctx, what, off, r->need == MUST);
	}
}

/* -- the one of this process -------------------------------------------------------------------------------------- */

static struct dv_kvm_host *the_host;

bool dv_kvm_kread(const struct dv_kvm_host *h, uint64_t va, void *dst, size_t size)
{
	return va >> 63 && va + size > va && dv_bpf_read(h->reader, va, dst, size);
}

// The numbers of processes that this one goes by.
static struct dv_error *find_namespace(struct dv_kvm_host *h)
{
	struct dv_kvm_layout *l = h->priv;
	uint64_t task = dv_bpf_current(h->reader), pid;
	uint64_t at;

	if (!task || !dv_kvm_kread(h, task + l->task_pid, &pid, 8) || !dv_kvm_kread(h, pid + l->pid_level, &l->level, 4) ||
	    l->level > 32)
		return dv_error_create(DV_ERR_UNKNOWN, "the kernel's memory cannot be read where this process should be");
	at = pid + l->pid_numbers + (uint64_t)l->level * l->upid_size;
	if (!dv_kvm_kread(h, at + l->upid_ns, &l->ns, 8))
		return dv_error_create(DV_ERR_UNKNOWN, "the kernel's memory cannot be read where this process should be");
	return NULL;
}

static void destroy(struct dv_kvm_host *h)
{
	dv_bpf_reader_destroy(h->reader);
	dv_ebpf_kernel_put(h->types);
	free(h->priv);
	free(h);
}

struct dv_error *dv_kvm_host_get(struct dv_kvm_host **ret)
{
	struct dv_kvm_host *h = the_host;
	struct dv_error *e;
	bool changed = false;

	if (h) {
		h->users++;
		*ret = h;
		return NULL;
	}
	h = dv_xcalloc(1, sizeof(*h));
	e = dv_bpf_reader_create(&h->reader);
	if (!e)
		e = dv_ebpf_kernel_get(UINT32_MAX, &h->types);
	if (!e)
		e = dv_kvm_host_fill(h);
	// The module may have come since the kernel was looked at.
	if (e && h->types)
		dv_error_destroy(dv_guest_refresh_modules(h->types, &changed));
	if (changed) {
		dv_error_destroy(e);
		e = dv_kvm_host_fill(h);
	}
	if (!e)
		e = find_namespace(h);
	if (e) {
		destroy(h);
		return e;
	}
	h->users = 1;
	*ret = the_host = h;
	return NULL;
}

void dv_kvm_host_put(struct dv_kvm_host *h)
{
	if (!h || --h->users)
		return;
	the_host = NULL;
	destroy(h);
}
