// SPDX-License-Identifier: GPL-2.0-or-later
//
// kvm: what a host's KVM does for virtual machines, whoever runs them, in the thread of the virtual CPU (set-irq and
// userspace's injections in whichever thread makes them). Its probes are KVM's tracepoints; they are there when the
// module is loaded.
//
// exit says why: the processor's number and its name. Up to 5.15 the tracepoint passes the number. Since (kernel commit
// 0a62a0319abb, "KVM: x86: Get exit_reason as part of kvm_x86_ops.get_exit_info") it is read of the virtual CPU, from
// what the vendor's module puts around it: struct vcpu_svm has a pointer to the control block that the processor writes
// into; struct vcpu_vmx has a copy, which from 6.16 on lies in a structure shared with TDX's. Where that is found in the
// types depends on the kernel, so these rows are made when a kernel is looked at.
#include "probe/stable.h"

#include <string.h>

#include "probe/kvm_exits.h"

#define VCPU     "struct kvm_vcpu *"
#define UINT     "unsigned int"
#define ULONG    "unsigned long"
#define ISA_AMD  "2" /* KVM_ISA_SVM in the kernel's arch/x86/kvm/trace.h */
#define VCPU_ID(word) "((" VCPU ")" word ")->vcpu_id"
#define WORD(n, type) {type, "arg" #n}

static const struct dv_stable_row rows[] = {
	{"entry", DV_AT_TRACEPOINT, "kvm_entry", .expect = {{0, VCPU}},
	 .args = {{VCPU, "arg0"}, {"int", VCPU_ID("arg0")}}},
	{"hypercall", DV_AT_TRACEPOINT, "kvm_hypercall", .expect = {{0, ULONG}},
	 .args = {WORD(0, ULONG), WORD(1, ULONG), WORD(2, ULONG), WORD(3, ULONG), WORD(4, ULONG)}},
	{"cpuid", DV_AT_TRACEPOINT, "kvm_cpuid", .expect = {{0, UINT}, {1, UINT}},
	 .args = {WORD(0, UINT), WORD(1, UINT)}},
	{"msr", DV_AT_TRACEPOINT, "kvm_msr", .expect = {{1, "u32"}, {2, "u64"}},
	 .args = {WORD(0, "int"), WORD(1, "uint32_t"), WORD(2, "uint64_t"), WORD(3, "int")}},
	{"cr", DV_AT_TRACEPOINT, "kvm_cr", .expect = {{0, UINT}, {1, UINT}, {2, ULONG}},
	 .args = {WORD(0, "int"), WORD(1, UINT), WORD(2, ULONG)}},
	{"pio", DV_AT_TRACEPOINT, "kvm_pio", .expect = {{0, UINT}, {1, UINT}, {2, UINT}},
	 .args = {WORD(0, "int"), WORD(1, UINT), WORD(2, UINT), WORD(3, UINT)}},
	// Type 0 and 1 are reads: before the data is there, and with it; 2 is a write.
	{"mmio", DV_AT_TRACEPOINT, "kvm_mmio", .expect = {{0, "int"}, {1, "int"}, {2, "u64"}},
	 .args = {{"int", "arg0 == 2"}, WORD(2, "uint64_t"), WORD(1, "int")}},
	{"fast-mmio", DV_AT_TRACEPOINT, "kvm_fast_mmio", .expect = {{0, "u64"}}, .args = {WORD(0, "uint64_t")}},
	{"apic", DV_AT_TRACEPOINT, "kvm_apic", .expect = {{0, UINT}, {1, UINT}},
	 .args = {WORD(0, "int"), WORD(1, UINT), WORD(2, "uint64_t")}},
	{"inj-virq", DV_AT_TRACEPOINT, "kvm_inj_virq", .expect = {{0, UINT}}, .args = {WORD(0, UINT)}},
	{"inj-exception", DV_AT_TRACEPOINT, "kvm_inj_exception", .expect = {{0, UINT}, {1, "bool"}, {2, UINT}},
	 .args = {WORD(0, UINT), {UINT, "arg1 ? arg2 : 0"}}},
	// The virtual CPU is passed since 6.1.
	{"page-fault", DV_AT_TRACEPOINT, "kvm_page_fault", .expect = {{0, VCPU}},
	 .args = {WORD(1, "uint64_t"), WORD(2, "uint64_t")}},
	{"page-fault", DV_AT_TRACEPOINT, "kvm_page_fault", .args = {WORD(0, "uint64_t"), WORD(1, "uint64_t")}},
	{"userspace-exit", DV_AT_TRACEPOINT, "kvm_userspace_exit", .expect = {{0, "__u32"}, {1, "int"}},
	 .args = {WORD(0, "uint32_t"), WORD(1, "int")}},
	{"vcpu-wakeup", DV_AT_TRACEPOINT, "kvm_vcpu_wakeup", .expect = {{0, "__u64"}, {1, "bool"}},
	 .args = {WORD(0, "uint64_t"), WORD(1, "int")}},
	{"set-irq", DV_AT_TRACEPOINT, "kvm_set_irq", .expect = {{0, UINT}, {1, "int"}},
	 .args = {WORD(0, UINT), WORD(1, "int")}},
	{"emulate-insn", DV_AT_TRACEPOINT, "kvm_emulate_insn", .expect = {{0, VCPU}, {1, "__u8"}},
	 .args = {{VCPU, "arg0"}, {"int", VCPU_ID("arg0")}, WORD(1, "int")}},
};

// Where the reason is on either kind of processor; NULL: no module for it is loaded.
static const char *amd_reason(struct dv_universe *u)
{
	return dv_stable_has(u, "struct vcpu_svm", "vmcb")
		       ? "(uint32_t)((struct vcpu_svm *)arg0)->vmcb->control.exit_code" : NULL;
}
static const char *intel_reason(struct dv_universe *u)
{
	// The basic reason: flags are above.
	return dv_stable_has(u, "struct vcpu_vmx", "exit_reason")
		       ? "((struct vcpu_vmx *)arg0)->exit_reason.full & 0xffff"
	       : dv_stable_has(u, "struct vcpu_vmx", "vt")
		       ? "((struct vcpu_vmx *)arg0)->vt.exit_reason.full & 0xffff" : NULL;
}

static void fill(struct dv_stable_row *r, struct dv_probe_set *set, const char *vcpu, const char *isa, const char *amd,
		 const char *intel)
{
	DV_FREE char *amd_name = amd ? dv_kvm_exit_text(DV_KVM_AMD, amd) : dv_xasprintf("\"unknown\"");
	DV_FREE char *intel_name = intel ? dv_kvm_exit_text(DV_KVM_INTEL, intel) : dv_xasprintf("\"unknown\"");

	r->args[0].type = VCPU;
	r->args[0].text = vcpu;
	r->args[1].type = "int";
	r->args[1].text = dv_arena_printf(&set->arena, VCPU_ID("%s"), vcpu);
	r->args[2].type = "uint32_t";
	r->args[2].text = dv_arena_printf(&set->arena, "%s == " ISA_AMD " ? %s : %s", isa, amd ? amd : "0", intel ? intel : "0");
	r->args[3].type = "string";
	r->args[3].text = dv_arena_printf(&set->arena, "%s == " ISA_AMD " ? %s : %s", isa, amd_name, intel_name);
}

static uint32_t add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	static const struct dv_stable_row exits[] = {
		{"exit", DV_AT_TRACEPOINT, "kvm_exit", .expect = {{0, VCPU}, {1, "u32"}}},
		{"exit", DV_AT_TRACEPOINT, "kvm_exit", .expect = {{0, UINT}, {1, VCPU}, {2, "u32"}}},
	};
	struct dv_universe *u = dv_guest_types(pm->machine->guest);
	struct dv_stable_row *all = dv_arena_alloc(&set->arena, sizeof(exits) + sizeof(rows));

	if (!dv_guest_has_types(pm->machine->guest))
		return 0;
	memcpy(all, exits, sizeof(exits));
	memcpy(all + DV_COUNT(exits), rows, sizeof(rows));
	fill(&all[0], set, "arg0", "arg1", amd_reason(u), intel_reason(u));
	fill(&all[1], set, "arg1", "arg2", "(uint32_t)arg0", "arg0 & 0xffff");
	return dv_stable_add_rows(prov, set, pm, all, DV_COUNT(exits) + DV_COUNT(rows));
}

static const char *why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
			   struct dv_probe_set *set)
{
	if (!dv_tracepoint_find(pm, "kvm_exit"))
		return "KVM is not loaded";
	return dv_stable_why_not(prov, pm, d, set);
}

const struct dv_provider dv_prov_kvm = {
	.name = "kvm",
	.add = add,
	.provide = dv_stable_provide,
	.arg_type = dv_stable_arg_type,
	.arg_group = dv_stable_arg_group,
	.caps = DV_CAP_TRACEPOINT,
	.why_not = why_not,
};
