// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtual CPU's program counter in memory is that of its last exit, or the one it is about to go on from. With the traps off, one that
 * was seen elsewhere is not behind one of them, but for what was interrupted there and waits on some stack. While the guest
 * runs, what waits there may go on, and be interrupted at the same place again, between two looks: so CPUs, stacks, and both
 * again. While it is held there is one look.
 *
 * A migration copies the guest page by page, while it runs. A jump that is copied while it leads to a stub needs that stub; so as long
 * as one may be under way no stub is put in, and none is taken out.
 *
 * On VMX the program counter is in the processor until KVM asks for it; where it has not, the answer is that it is not known.
 */
#include "machine/kvm/quiet.h"

#include <string.h>

#include "machine/kvm/host.h"
#include "machine/kvm/text.h"

#define REG_SP 4u
#define REG_PC 16u

static bool has(const struct dv_kvm_host *h, uint64_t vcpu, unsigned reg)
{
	uint32_t avail;

	if (h->isa == DV_KVM_SVM)
		return true;
	return h->off.regs_avail != DV_KVM_NO_OFF && dv_kvm_kread(h, vcpu + h->off.regs_avail, &avail, 4) && avail >> reg & 1;
}

static bool reg(const struct dv_kvm_host *h, uint64_t vcpu, unsigned reg, uint64_t *ret)
{
	return has(h, vcpu, reg) && dv_kvm_kread(h, vcpu + h->off.regs + 8ull * reg, ret, 8);
}

// False: where one of them is, is not known.
static bool cpus(struct dv_machine *m, const uint64_t *addrs, uint32_t count, uint8_t *busy)
{
	struct dv_kvm_machine *k = m->priv;

	for (size_t i = 0; i < k->vm->vcpus.count; i++) {
		uint64_t pc;

		if (!reg(k->host, k->vm->vcpus.data[i].vcpu, REG_PC, &pc))
			return false;
		for (uint32_t n = 0; n < count; n++)
			busy[n] |= pc == addrs[n] || pc + 2 == addrs[n];
	}
	return true;
}

// What each does, while they are held: what cannot be known is left out.
static uint32_t doings(struct dv_machine *m, struct dv_trap_cpu *ret)
{
	struct dv_kvm_machine *k = m->priv;
	const struct dv_guest_layout *l = dv_guest_layout(m->guest);
	uint32_t n = 0;

	for (size_t i = 0; i < k->vm->vcpus.count; i++) {
		const struct dv_kvm_vcpu *v = &k->vm->vcpus.data[i];
		struct dv_guest_regs r;
		struct dv_trap_cpu c = {0};
		uint8_t cpl = 0;

		if (k->host->isa != DV_KVM_SVM || !dv_kvm_vcpu_regs(k->host, v, &r) ||
		    !dv_kvm_text_read(m, r.gs_base + (uint64_t)(int64_t)(int32_t)l->percpu_current, &c.task, 8) ||
		    !reg(k->host, v->vcpu, REG_SP, &c.sp) || !dv_kvm_kread(k->host, v->vmcb + k->host->off.save_cpl, &cpl, 1))
			continue;
		c.user = cpl == 3;
		ret[n++] = c;
	}
	return n;
}

bool dv_kvm_quiet(void *ctx, const uint64_t *addrs, uint32_t count, uint8_t *busy, bool held)
{
	struct dv_machine *m = ctx;
	struct dv_trap_cpu now[DV_KVM_VCPUS];
	uint32_t n = held ? doings(m, now) : 0;

	for (unsigned looks = held ? 1 : 2; looks; looks--)
		if (!cpus(m, addrs, count, busy) || !dv_trap_stacks(m->guest, dv_kvm_text_read, m, now, n, addrs, count, busy))
			return false;
	return held || cpus(m, addrs, count, busy);
}

bool dv_kvm_text_copied(const struct dv_machine *m)
{
	const struct dv_kvm_machine *k = m->priv;

	return dv_kvm_copied(k->vm, dv_guest_layout(m->guest)->text_pa);
}

struct dv_planter dv_kvm_planter(struct dv_machine *m)
{
	const struct dv_kvm_machine *k = m->priv;

	return (struct dv_planter){.pid = m->pid, .start = k->vm->start, .stop = dv_plant_stop(), .tids = m->tids,
				   .tid_count = m->tid_count, .settle_ms = DV_SETTLE_MS,
				   .quiet = dv_kvm_text_copied(m) ? NULL : dv_kvm_quiet, .ctx = m};
}
