// SPDX-License-Identifier: GPL-2.0-or-later
//
// vm: what the hypervisor sees of a guest that it runs, as probes of that guest: they fire in the thread of the virtual CPU
// while it is out of the guest, and execname, pid and the like are those of the guest's running task. For guests under KVM
// these are tracepoints of the host's kernel (DV_SITE_TRACEPOINT); what they pass is numbers, so no types are needed.
#include <string.h>

#include "probe/kvm_exits.h"
#include "probe/stable.h"

#define UINT "unsigned int"
#define U64  "uint64_t"

static const struct dv_stable_row vm_exit = {"exit", DV_AT_TRACEPOINT, "kvm_exit", .args = {{UINT, "arg0"}, {"string", NULL}}};
// Which words of the tracepoint arg0 .. are.
#define MAP(...) {__VA_ARGS__}
static const struct {
	struct dv_stable_row row;
	uint8_t words[6];
} rows[] = {
	{{"entry", DV_AT_TRACEPOINT, "kvm_entry"}, MAP(DV_ARGMAP_NONE)},
	{{"hypercall", DV_AT_TRACEPOINT, "kvm_hypercall",
	  .args = {{U64, "arg0"}, {U64, "arg1"}, {U64, "arg2"}, {U64, "arg3"}, {U64, "arg4"}}}, MAP(0, 1, 2, 3, 4)},
	{{"cpuid", DV_AT_TRACEPOINT, "kvm_cpuid", .args = {{UINT, "arg0"}, {UINT, "arg1"}}}, MAP(0, 1)},
	{{"msr", DV_AT_TRACEPOINT, "kvm_msr", .args = {{"int", "arg0 & 0xff"}, {UINT, "arg1"}, {U64, "arg2"}, {"int", "arg3 & 0xff"}}},
	 MAP(0, 1, 2, 3)},
	{{"cr", DV_AT_TRACEPOINT, "kvm_cr", .args = {{"int", "arg0"}, {UINT, "arg1"}, {U64, "arg2"}}}, MAP(0, 1, 2)},
	{{"pio", DV_AT_TRACEPOINT, "kvm_pio", .args = {{"int", "arg0"}, {UINT, "arg1"}, {UINT, "arg2"}, {UINT, "arg3"}}},
	 MAP(0, 1, 2, 3)},
	// Type 0 and 1 are reads: before the data is there, and with it; 2 is a write.
	{{"mmio", DV_AT_TRACEPOINT, "kvm_mmio", .args = {{"int", "(int)arg0 == 2"}, {U64, "arg2"}, {"int", "arg1"}}}, MAP(0, 1, 2)},
	{{"inj-virq", DV_AT_TRACEPOINT, "kvm_inj_virq", .args = {{UINT, "arg0"}}}, MAP(0)},
	{{"inj-exception", DV_AT_TRACEPOINT, "kvm_inj_exception", .args = {{UINT, "arg0"}, {UINT, "arg1 & 0xff ? arg2 : 0"}}},
	 MAP(0, 1, 2)},
	{{"userspace-exit", DV_AT_TRACEPOINT, "kvm_userspace_exit", .args = {{UINT, "arg0"}, {"int", "arg1"}}}, MAP(0, 1)},
	{{"vcpu-wakeup", DV_AT_TRACEPOINT, "kvm_vcpu_wakeup", .args = {{U64, "arg0"}, {"int", "arg1 & 0xff"}}}, MAP(0, 1)},
};

static uint32_t add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	enum dv_kvm_cpu cpu = pm->machine->caps & DV_CAP_VM_INTEL ? DV_KVM_INTEL : DV_KVM_AMD;
	struct dv_stable_row *exit = dv_arena_alloc(&set->arena, sizeof(*exit));
	DV_FREE char *text = dv_kvm_exit_text(cpu, "(uint32_t)arg0");

	*exit = vm_exit;
	exit->args[1].text = dv_arena_strdup(&set->arena, text);
	pm->vm_exit = exit;
	return 1 + DV_COUNT(rows);
}

static void offer(const struct dv_probe_machine *pm, struct dv_probe_set *set, const struct dv_probe_desc *d, uint32_t id,
		  const struct dv_stable_row *row, const uint8_t *words)
{
	struct dv_probe *p = dv_probe_offer(set, d, id, "kvm", "", row->name);

	if (!p)
		return;
	p->row = row;
	p->kind = DV_SITE_TRACEPOINT;
	p->args = DV_ARGS_RAW;
	p->target = row->where;
	memset(p->argmap, DV_ARGMAP_NONE, sizeof(p->argmap));
	for (uint32_t i = 0; i < DV_STABLE_ARGS && row->args[i].type; i++)
		p->argmap[i] = words[i];
}

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		    struct dv_probe_set *set)
{
	static const uint8_t reason[DV_STABLE_ARGS] = {DV_ARGMAP_EXIT, DV_ARGMAP_NONE};
	uint32_t base = dv_probe_base(pm, prov);

	offer(pm, set, d, base, pm->vm_exit, reason);
	for (uint32_t i = 0; i < DV_COUNT(rows); i++)
		offer(pm, set, d, base + 1 + i, &rows[i].row, rows[i].words);
}

const struct dv_provider dv_prov_vm = {
	.name = "vm",
	.add = add,
	.provide = provide,
	.arg_type = dv_stable_arg_type,
	.arg_group = dv_stable_arg_group,
	.caps = DV_CAP_VM,
};
