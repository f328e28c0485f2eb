// SPDX-License-Identifier: GPL-2.0-or-later
//
// From a process and its descriptor to the machine behind it.
//
//   number of the process --tree of numbers--> struct pid --> task --> files --> file --> struct kvm
//                                                                                           |
//                     memslots[0] --> the set of slots in use, its hash of slots by number <-+
//                     vcpu_array  --> struct kvm_vcpu ... --> struct pid of its thread     <-+
//
// All is read while it may change, without a lock. The kernel changes the set of slots that is not in use and then
// exchanges the two, so a set is whole if it is still the one in use, with the same generation, after it was read. Tasks and files
// that go meanwhile leave memory of another meaning: so the descriptor's operations and the machine's mm are compared.
#include <stdio.h>
#include <string.h>

#include "base/system.h"
#include "machine/kvm/host.h"

#define TRIES      8
#define STEPS_MAX  16384u /* of chains in all: a loop in them has an end */
#define PAGES_MAX  (1ull << 40)
#define USER_END   (1ull << 56)
#define TREE_DEPTH 12

enum { PIDTYPE_TGID = 1, HLIST_NODE = 16 };
enum { SLOT_LOGGED = 1u << 0, SLOT_READONLY = 1u << 1, SLOT_INVALID = 1u << 16 };
enum { VM_PROTECTED = 1, VM_SEV, VM_SEV_ES, VM_SNP, VM_TDX };

#define INTERCEPT_WORD 3u /* of the control block, at 0x0c: AMD's manual 15, appendix B */
#define INTERCEPT_INVD (1u << 22)
#define REG_RIP        16u

static bool word(const struct dv_kvm_host *h, uint64_t va, uint64_t *ret)
{
	return dv_kvm_kread(h, va, ret, 8);
}

static bool half(const struct dv_kvm_host *h, uint64_t va, uint32_t *ret)
{
	return dv_kvm_kread(h, va, ret, 4);
}

static bool byte(const struct dv_kvm_host *h, uint64_t va, uint32_t off)
{
	uint8_t b = 0;

	return off != DV_KVM_NO_OFF && dv_kvm_kread(h, va + off, &b, 1) && b;
}

/* -- a process ---------------------------------------------------------------------------------------------------- */

// An entry of a tree of the kernel's (an XArray); 0: none.
static uint64_t tree_entry(const struct dv_kvm_host *h, uint64_t head_at, uint64_t index)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	uint64_t e;

	if (!word(h, head_at, &e))
		return 0;
	for (int depth = 0; depth < TREE_DEPTH; depth++) {
		uint64_t node = e - 2;
		uint8_t shift;

		if ((e & 3) != 2) // an entry that is no node stands for index 0, at the top, or is the one looked for
			return depth || !index ? e : 0;
		if (!dv_kvm_kread(h, node + l->node_shift, &shift, 1) || shift > 60 ||
		    (!depth && shift < 60 && index >> shift >= l->node_count) ||
		    !word(h, node + l->node_slots + (index >> shift & (l->node_count - 1)) * 8, &e))
			return 0;
		if (!shift)
			return (e & 3) == 2 ? 0 : e;
	}
	return 0;
}

static uint64_t task_of(const struct dv_kvm_host *h, int number)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	uint64_t pid = tree_entry(h, l->ns + l->ns_root, (uint32_t)number), first;

	// The list of tasks that have it as their process's number goes through the tasks.
	if (!pid || !word(h, pid + l->pid_tasks + PIDTYPE_TGID * 8, &first) || !(first >> 63))
		return 0;
	return first - l->task_links - PIDTYPE_TGID * HLIST_NODE;
}

// The number of a struct pid for the kernel itself: that of the first namespace; 0: none.
static uint32_t first_number_of(const struct dv_kvm_host *h, uint64_t pid)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	uint32_t nr;

	return pid && half(h, pid + l->pid_numbers + l->upid_nr, &nr) ? nr : 0;
}

// The number of a struct pid as this process sees it; 0: it does not.
static int32_t number_of(const struct dv_kvm_host *h, uint64_t pid)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	uint64_t at = pid + l->pid_numbers + (uint64_t)l->level * l->upid_size, ns;
	uint32_t level, nr;

	if (!pid || !half(h, pid + l->pid_level, &level) || level < l->level || !word(h, at + l->upid_ns, &ns) ||
	    ns != l->ns || !half(h, at + l->upid_nr, &nr))
		return 0;
	return (int32_t)nr;
}

static bool is_thread(int pid, int32_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return tid > 0 && !access(path, F_OK);
}

// Module kvm may have been loaded again since its symbols were read.
static bool is_vm_file(struct dv_kvm_host *h, uint64_t ops)
{
	for (int i = 0; i < 2; i++) {
		const struct dv_symbol *s = dv_guest_symbol(h->types, "kvm", "kvm_vm_fops");
		bool changed;

		// A kernel that names functions only cannot say.
		if (!s)
			s = dv_guest_symbol(h->types, NULL, "kvm_vm_fops");
		if (!s || s->addr == ops)
			return true;
		dv_error_destroy(dv_guest_refresh_modules(h->types, &changed));
	}
	return false;
}

static struct dv_error *gone(const struct dv_kvm_vm *vm)
{
	return dv_error_create(DV_ERR_GONE, "process %d has ended", vm->pid);
}

// The struct kvm behind the descriptor.
static struct dv_error *find_kvm(struct dv_kvm_host *h, const struct dv_kvm_vm *vm, uint64_t *ret)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	uint64_t task, files, table, fds, file, ops, kvm, mm, owner;
	bool none = false;
	uint32_t max;

	for (int i = 0; i < TRIES && !none; i++) {
		if (dv_proc_start(vm->pid) != vm->start)
			return gone(vm);
		task = task_of(h, vm->pid);
		if (!task || !word(h, task + l->task_files, &files) || !word(h, task + l->task_mm, &mm) || !mm ||
		    !word(h, files + l->files_table, &table) || !half(h, table + l->table_max, &max) ||
		    !word(h, table + l->table_fds, &fds))
			continue;
		none = (uint32_t)vm->fd >= max;
		if (none || !word(h, fds + (uint64_t)vm->fd * 8, &file))
			continue;
		none = !file;
		if (none || !word(h, file + l->file_ops, &ops) || !word(h, file + l->file_private, &kvm))
			continue;
		none = !is_vm_file(h, ops);
		if (none || !word(h, kvm + l->kvm_mm, &owner))
			continue;
		if (owner != mm)
			return dv_error_create(DV_ERR_OTHER, "the virtual machine behind descriptor %d of process %d is another "
							     "process's",
					       vm->fd, vm->pid);
		*ret = kvm;
		return NULL;
	}
	if (dv_proc_start(vm->pid) != vm->start)
		return gone(vm);
	if (none)
		return dv_error_create(DV_ERR_GONE, "process %d has no virtual machine behind descriptor %d (any more)", vm->pid,
				       vm->fd);
	return dv_error_create(DV_ERR_UNKNOWN, "what the kernel keeps of process %d could not be read", vm->pid);
}

/* -- memory slots ------------------------------------------------------------------------------------------------- */

struct slots {
	DV_VEC(struct dv_kvm_slot) v;
};

static void add_slot(struct slots *s, uint64_t gfn, uint64_t pages, uint64_t hva, uint32_t flags)
{
	if (!pages || pages > PAGES_MAX || gfn > PAGES_MAX || flags & SLOT_INVALID || hva & 0xfff || hva >= USER_END ||
	    pages << 12 > USER_END - hva)
		return;
	*DV_PUSH(&s->v) = (struct dv_kvm_slot){
	    .gpa = gfn << 12, .size = pages << 12, .hva = hva, .readonly = flags & SLOT_READONLY, .logged = flags & SLOT_LOGGED};
}

static bool read_chain(const struct dv_kvm_host *h, uint64_t node, uint32_t index, uint32_t *steps, struct slots *ret)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);

	while (node) {
		uint64_t slot = node - l->slot_node - index * HLIST_NODE, gfn, pages, hva;
		uint32_t flags;

		if (!(*steps)-- || !word(h, node, &node) || !word(h, slot + l->slot_gfn, &gfn) ||
		    !word(h, slot + l->slot_pages, &pages) || !word(h, slot + l->slot_hva, &hva) ||
		    !half(h, slot + l->slot_flags, &flags))
			return false;
		add_slot(ret, gfn, pages, hva, flags);
	}
	return true;
}

static int by_gpa(const void *a, const void *b)
{
	const struct dv_kvm_slot *x = a, *y = b;

	return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

static int by_size(const void *a, const void *b)
{
	const struct dv_kvm_slot *x = a, *y = b;

	return x->size != y->size ? (x->size < y->size) - (x->size > y->size) : by_gpa(a, b);
}

static bool same_slots(const struct slots *s, const struct dv_kvm_vm *vm)
{
	for (size_t i = 0; i < s->v.count && i < vm->slots.count; i++) {
		const struct dv_kvm_slot *a = &s->v.data[i], *b = &vm->slots.data[i];

		if (a->gpa != b->gpa || a->size != b->size || a->hva != b->hva || a->readonly != b->readonly || a->logged != b->logged)
			return false;
	}
	return s->v.count == vm->slots.count;
}

// VMMs cut their memory up for their own reasons.
static void join_slots(struct slots *s)
{
	size_t n = 0;

	if (!s->v.count)
		return;
	qsort(s->v.data, s->v.count, sizeof(s->v.data[0]), by_gpa);
	for (size_t i = 1; i < s->v.count; i++) {
		struct dv_kvm_slot *a = &s->v.data[n], *b = &s->v.data[i];

		if (a->gpa + a->size == b->gpa && a->hva + a->size == b->hva && a->readonly == b->readonly &&
		    a->logged == b->logged)
			a->size += b->size;
		else
			s->v.data[++n] = *b;
	}
	s->v.count = n + 1;
	qsort(s->v.data, s->v.count, sizeof(s->v.data[0]), by_size);
	if (s->v.count > DV_KVM_SLOTS)
		s->v.count = DV_KVM_SLOTS;
}

static bool read_set(const struct dv_kvm_host *h, uint64_t set, struct slots *ret)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	DV_FREE uint64_t *heads = dv_xcalloc(l->set_hash_size, 8);
	uint32_t index, steps = STEPS_MAX;

	ret->v.count = 0;
	if (!half(h, set + l->set_index, &index) || index > 1 || !dv_kvm_kread(h, set + l->set_hash, heads, l->set_hash_size * 8))
		return false;
	for (uint32_t i = 0; i < l->set_hash_size; i++)
		if (!read_chain(h, heads[i], index, &steps, ret))
			return false;
	join_slots(ret);
	return true;
}

// *ret: whether they changed; -1: they could not be read.
static int refresh_slots(struct dv_kvm_host *h, struct dv_kvm_vm *vm)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	struct slots s = {0};
	int changed = -1;

	for (int i = 0; i < TRIES && changed < 0; i++) {
		uint64_t set, generation, set2, generation2;

		if (!word(h, vm->kvm + l->kvm_slots, &set) || !word(h, set + l->set_generation, &generation))
			continue;
		if (vm->generation == generation && vm->slots.count) {
			changed = 0;
			break;
		}
		if (!read_set(h, set, &s) || !word(h, vm->kvm + l->kvm_slots, &set2) || set2 != set ||
		    !word(h, set + l->set_generation, &generation2) || generation2 != generation)
			continue;
		changed = !same_slots(&s, vm);
		vm->generation = generation;
		vm->slots.count = 0;
		for (size_t k = 0; k < s.v.count; k++)
			*DV_PUSH(&vm->slots) = s.v.data[k];
	}
	DV_VEC_FREE(&s.v);
	return changed;
}

/* -- virtual CPUs ------------------------------------------------------------------------------------------------- */

static bool read_vcpu(const struct dv_kvm_host *h, const struct dv_kvm_vm *vm, uint64_t at, uint32_t index,
		      struct dv_kvm_vcpu *ret)
{
	const struct dv_kvm_offsets *o = &h->off;
	struct dv_kvm_vcpu v = {.vcpu = at};
	uint32_t idx;
	uint64_t kvm, pid;

	if (!word(h, at + o->vcpu_kvm, &kvm) || kvm != vm->kvm || !half(h, at + o->vcpu_idx, &idx) || idx != index ||
	    !half(h, at + o->vcpu_id, &v.id) || !word(h, at + o->vcpu_pid, &pid))
		return false;
	if (h->isa == DV_KVM_SVM && (!word(h, at + o->svm_vmcb, &v.vmcb) || !(v.vmcb >> 63)))
		v.vmcb = 0;
	v.tid = number_of(h, pid);
	// A thread that has ended leaves its number, which may be another's by now.
	if (!is_thread(vm->pid, v.tid))
		v.tid = 0;
	v.kernel_tid = v.tid ? first_number_of(h, pid) : 0;
	*ret = v;
	return true;
}

static bool refresh_vcpus(struct dv_kvm_host *h, struct dv_kvm_vm *vm)
{
	bool changed = false;
	size_t n = 0;

	for (; n < DV_KVM_VCPUS; n++) {
		uint64_t at = tree_entry(h, vm->kvm + dv_kvm_layout(h)->kvm_vcpus, n);
		struct dv_kvm_vcpu v = {0};

		if (n < vm->vcpus.count)
			v = vm->vcpus.data[n];
		if (!at || !read_vcpu(h, vm, at, (uint32_t)n, &v))
			break;
		if (n == vm->vcpus.count) {
			*DV_PUSH(&vm->vcpus) = v;
			changed = true;
		} else if (memcmp(&vm->vcpus.data[n], &v, sizeof(v)) != 0) {
			vm->vcpus.data[n] = v;
			changed = true;
		}
	}
	changed |= vm->vcpus.count != n;
	vm->vcpus.count = n;
	return changed;
}

/* -- the machine -------------------------------------------------------------------------------------------------- */

static const char *refusal(const struct dv_kvm_host *h, const struct dv_kvm_vm *vm)
{
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	uint8_t type = 0;

	if (l->kvm_type != DV_KVM_NO_OFF && dv_kvm_kread(h, vm->kvm + l->kvm_type, &type, 1)) {
		switch (type) {
		case VM_PROTECTED:
			return "its memory is private (a software-protected machine)";
		case VM_SEV:
			return "its memory is encrypted (SEV)";
		case VM_SEV_ES:
			return "its memory and registers are encrypted (SEV-ES)";
		case VM_SNP:
			return "its memory and registers are encrypted (SEV-SNP)";
		case VM_TDX:
			return "its memory and registers are encrypted (TDX)";
		}
	}
	if (h->isa == DV_KVM_SVM && byte(h, vm->kvm, l->svm_sev_es))
		return "its memory and registers are encrypted (SEV-ES)";
	if (h->isa == DV_KVM_SVM && byte(h, vm->kvm, l->svm_sev))
		return "its memory is encrypted (SEV)";
	if (byte(h, vm->kvm, l->kvm_protected))
		return "its registers are encrypted";
	for (size_t i = 0; i < vm->vcpus.count; i++)
		if (byte(h, vm->vcpus.data[i].vcpu, l->vcpu_protected))
			return "its registers are encrypted";
	return NULL;
}

struct dv_error *dv_kvm_vm_refresh(struct dv_kvm_host *h, struct dv_kvm_vm *vm, bool *slots, bool *vcpus)
{
	uint64_t kvm = 0;
	struct dv_error *e = find_kvm(h, vm, &kvm);
	int changed;

	if (e)
		return e;
	if (vm->kvm && kvm != vm->kvm)
		return dv_error_create(DV_ERR_GONE, "process %d has another virtual machine behind descriptor %d now", vm->pid,
				       vm->fd);
	vm->kvm = kvm;
	changed = refresh_slots(h, vm);
	if (changed < 0)
		return dv_error_create(DV_ERR_OTHER, "the memory slots of process %d's virtual machine could not be read", vm->pid);
	*slots = changed;
	*vcpus = refresh_vcpus(h, vm);
	vm->refused = refusal(h, vm);
	// What was read belongs to the process only if that was there all the time.
	return dv_proc_start(vm->pid) == vm->start ? NULL : gone(vm);
}

struct dv_error *dv_kvm_vm_open(struct dv_kvm_host *h, int pid, int fd, struct dv_kvm_vm **ret)
{
	struct dv_kvm_vm *vm = dv_xcalloc(1, sizeof(*vm));
	struct dv_error *e;
	bool slots, vcpus;

	vm->pid = pid;
	vm->fd = fd;
	vm->start = dv_proc_start(pid);
	e = vm->start && fd >= 0 ? dv_kvm_vm_refresh(h, vm, &slots, &vcpus) : gone(vm);
	if (e) {
		dv_kvm_vm_close(vm);
		return e;
	}
	*ret = vm;
	return NULL;
}

void dv_kvm_vm_close(struct dv_kvm_vm *vm)
{
	if (!vm)
		return;
	DV_VEC_FREE(&vm->slots);
	DV_VEC_FREE(&vm->vcpus);
	free(vm);
}

/* -- registers ---------------------------------------------------------------------------------------------------- */

// The control block has what the processor left in it at the last exit, and KVM saves FS, GS and what belongs to them there
// right after it.
static bool svm_regs(struct dv_kvm_host *h, const struct dv_kvm_vcpu *v, struct dv_guest_regs *r)
{
	const struct dv_kvm_offsets *o = &h->off;
	uint64_t gs, kgs;

	if (!v->vmcb || !word(h, v->vmcb + o->save_cr3, &r->cr3) || !word(h, v->vmcb + o->save_cr4, &r->cr4) ||
	    !word(h, v->vmcb + o->save_efer, &r->efer) || !word(h, v->vmcb + o->save_gs_base, &gs) ||
	    !word(h, v->vmcb + o->save_kgs_base, &kgs) || !word(h, v->vcpu + o->regs + REG_RIP * 8, &r->rip))
		return false;
	r->gs_base = gs >> 63 ? gs : kgs;
	return true;
}

// The processor keeps them to itself; KVM has copies of what it once had to read. CR3 is such a copy: of the page tables
// of some moment, which map the same kernel.
static bool vmx_regs(struct dv_kvm_host *h, const struct dv_kvm_vcpu *v, struct dv_guest_regs *r)
{
	const struct dv_kvm_offsets *o = &h->off;
	const struct dv_kvm_layout *l = dv_kvm_layout(h);
	uint64_t gs = 0;

	if (!word(h, v->vcpu + o->cr3, &r->cr3) || !word(h, v->vcpu + o->cr4, &r->cr4) ||
	    !word(h, v->vcpu + o->regs + REG_RIP * 8, &r->rip))
		return false;
	if (l->vcpu_efer == DV_KVM_NO_OFF || !word(h, v->vcpu + l->vcpu_efer, &r->efer))
		r->efer = 0;
	if (l->vmx_kgs != DV_KVM_NO_OFF && word(h, v->vcpu + l->vmx_kgs, &gs) && gs >> 63)
		r->gs_base = gs;
	return true;
}

bool dv_kvm_vcpu_regs(struct dv_kvm_host *h, const struct dv_kvm_vcpu *v, struct dv_guest_regs *ret)
{
	struct dv_guest_regs r = {0};

	if (!(h->isa == DV_KVM_SVM ? svm_regs(h, v, &r) : vmx_regs(h, v, &r)) || !r.cr3)
		return false;
	*ret = r;
	return true;
}

bool dv_kvm_intercepts_invd(struct dv_kvm_host *h, const struct dv_kvm_vm *vm)
{
	if (h->isa != DV_KVM_SVM)
		return h->isa == DV_KVM_VMX;
	for (size_t i = 0; i < vm->vcpus.count; i++) {
		uint32_t bits;

		if (!vm->vcpus.data[i].vmcb ||
		    !half(h, vm->vcpus.data[i].vmcb + h->off.intercept + INTERCEPT_WORD * 4, &bits) ||
		    !(bits & INTERCEPT_INVD))
			return false;
	}
	return vm->vcpus.count > 0;
}
