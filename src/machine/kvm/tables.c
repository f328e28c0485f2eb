// SPDX-License-Identifier: GPL-2.0-or-later
//
// Programs run meanwhile, and there is no lock: of a row what makes it one, a slot's size, a virtual CPU's thread, is taken away
// first and written last.
#include "machine/kvm/tables.h"

#define NO_THREAD UINT32_MAX /* a row that was somebody's */

// A row for a thread's virtual CPU; DV_GUEST_VCPUS: there is none.
static uint32_t room_for(const struct dv_guest_tables *tables, uint32_t tid)
{
	for (uint32_t i = 0; i < DV_VCPU_LOOK; i++) {
		uint32_t at = (tid + i) & (DV_GUEST_VCPUS - 1);

		if (!tables->vcpus[at].tid || tables->vcpus[at].tid == NO_THREAD)
			return at;
	}
	return DV_GUEST_VCPUS;
}

void dv_kvm_tell(struct dv_guest_tables *tables, const struct dv_kvm_vm *vm)
{
	for (uint32_t i = 0; i < DV_GUEST_SLOTS; i++) {
		struct dv_guest_slot *to = &tables->slots[i];
		const struct dv_kvm_slot *s = i < vm->slots.count ? &vm->slots.data[i] : NULL;

		if (s && to->gpa == s->gpa && to->size == s->size && to->hva == s->hva)
			continue;
		__atomic_store_n(&to->size, 0, __ATOMIC_SEQ_CST);
		if (!s)
			continue;
		to->gpa = s->gpa;
		to->hva = s->hva;
		__atomic_store_n(&to->size, s->size, __ATOMIC_RELEASE);
	}
	for (uint32_t i = 0; i < DV_GUEST_VCPUS; i++) {
		struct dv_guest_vcpu *row = &tables->vcpus[i];
		const struct dv_kvm_vcpu *v = row->index < vm->vcpus.count ? &vm->vcpus.data[row->index] : NULL;

		// A hole would hide the rows behind it: one that nobody has stays, with a thread that cannot be.
		if (row->tid && (!v || v->kernel_tid != row->tid || v->vcpu != row->vcpu || v->vmcb != row->vmcb))
			__atomic_store_n(&row->tid, NO_THREAD, __ATOMIC_SEQ_CST);
	}
	for (uint32_t i = 0; i < vm->vcpus.count; i++) {
		const struct dv_kvm_vcpu *v = &vm->vcpus.data[i];
		struct dv_guest_vcpu *row;
		uint32_t at;
		bool there = false;

		for (at = 0; at < DV_GUEST_VCPUS && !there; at++)
			there = tables->vcpus[at].tid == v->kernel_tid && tables->vcpus[at].index == i;
		if (there || !v->kernel_tid || (at = room_for(tables, v->kernel_tid)) == DV_GUEST_VCPUS)
			continue;
		row = &tables->vcpus[at];
		row->index = i;
		row->vcpu = v->vcpu;
		row->vmcb = v->vmcb;
		__atomic_store_n(&row->tid, v->kernel_tid, __ATOMIC_RELEASE);
	}
}
