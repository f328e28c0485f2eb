// SPDX-License-Identifier: GPL-2.0-or-later
//
// The run-time functions that ask about the firing, for a clause of a KVM guest: it runs here, in the host's kernel, in the
// thread of the virtual CPU, which has just left the guest. Registers are in struct kvm_vcpu and the control block that
// the processor writes (offsets: machine/kvm/offsets.h). Guest memory is where the VMM has it mapped: a page that is not
// there is a fault of the clause, never a wait. Natively: src/machine/place_x86.c, place_stack.c.
//
// Included by host.bpf.c. All that the guest says is hostile: wrong numbers make wrong values or faults.

const volatile struct dv_guest_conf dv_guest SECTION(".rodata") = {.trap_mask = 0, .cpus = 1};
extern uint8_t dv_guest_mem[], dv_trap_hits[], dv_traps[], dv_orcs[], dv_orc_kept[];

#define GFN(name, ...) DV_HELPER uint64_t dv_guest_##name(uint64_t st, ##__VA_ARGS__)
#define PTE_ADDR     0x000ffffffffff000ull
#define PTE_PRESENT  1u
#define PTE_LARGE    0x80u
#define EXIT_INVD_SVM 0x76u /* arch/x86/include/uapi/asm/svm.h */
#define EXIT_INVD_VMX 13u   /* arch/x86/include/uapi/asm/vmx.h */
#define KERNEL_VA(a) ((uint64_t)(a) >> 63)

DV_INLINE struct dv_guest_tables *tables(void)
{
	return (struct dv_guest_tables *)dv_guest_mem;
}

/* -- guest memory ------------------------------------------------------------------------------------------------- */

// Address in the VMM of @p gpa; 0: none. Slots are made of whole pages.
DV_INLINE uint64_t hva_of(uint64_t gpa)
{
	uint32_t i;

	for (i = 0; i < DV_GUEST_SLOTS; i++) {
		const struct dv_guest_slot *s = &tables()->slots[i];
		uint64_t off = gpa - DV_RD(s->gpa);

		if (off < DV_RD(s->size))
			return DV_RD(s->hva) + off;
	}
	return 0;
}

// Functions are few on the way to a byte: programs may be eight calls deep.
// Guest-physical address of @p va by the page tables at @p cr3; all ones: none.
DV_INLINE uint64_t walk(uint64_t cr3, uint64_t va)
{
	uint64_t table = cr3 & PTE_ADDR, e, at, page;
	uint32_t shift = dv_guest.layout.la57 ? 48 : 39, spare = 64 - 9 - shift, i;

	if ((uint64_t)((int64_t)(va << spare) >> spare) != va) // the processor takes no such address
		return ~0ull;
	for (i = 0; i < 5; i++) {
		at = hva_of(table + (va >> shift & 511) * 8);
		e = 0;
		if (!at || probe_read_user(&e, 8, at) || !(e & PTE_PRESENT))
			return ~0ull;
		if (shift == 12 || (shift <= 30 && e & PTE_LARGE)) {
			page = (1ull << shift) - 1;
			return (e & PTE_ADDR & ~page) | (va & page);
		}
		table = e & PTE_ADDR;
		shift -= 9;
	}
	return ~0ull;
}

DV_HELPER uint64_t dv_guest_walk(uint64_t cr3, uint64_t va) { return walk(cr3, va); }

DV_INLINE uint64_t vmcb_word(const struct dv_firing *f, uint32_t off)
{
	uint64_t v = 0;

	if (dv_guest.isa != DV_KVM_SVM || off == DV_KVM_NO_OFF)
		return 0;
	probe_read_kernel(&v, 8, f->vmcb + off);
	return v;
}

DV_HELPER uint64_t dv_guest_task(uint64_t st);

// Page tables of the running program. Without a control block in memory they are the task's own.
DV_INLINE uint64_t cr3_of(uint64_t st)
{
	uint64_t task, mm = 0, pgd = 0, hva;

	if (dv_guest.isa == DV_KVM_SVM)
		return vmcb_word(firing(st), dv_guest.off.save_cr3);
	task = dv_guest_task(st);
	if (!task || dv_guest.layout.task_mm == DV_OFF_NONE || dv_guest.layout.mm_pgd == DV_OFF_NONE)
		return 0;
	// Both are in the direct map.
	hva = hva_of(task + dv_guest.layout.task_mm - dv_guest.layout.direct_va);
	if (!hva || probe_read_user(&mm, 8, hva) || !KERNEL_VA(mm))
		return 0;
	hva = hva_of(mm + dv_guest.layout.mm_pgd - dv_guest.layout.direct_va);
	if (!hva || probe_read_user(&pgd, 8, hva))
		return 0;
	return pgd - dv_guest.layout.direct_va;
}

// Address in the VMM of the guest's @p va, good to the end of its page of 4096 bytes; 0: none.
DV_HELPER uint64_t dv_guest_va(uint64_t st, uint64_t va)
{
	uint64_t off = va - dv_guest.layout.direct_va, pa, cr3;

	if (dv_guest.layout.direct_va && off < dv_guest.layout.direct_size)
		return hva_of(off);
	off = va - dv_guest.layout.text_va;
	if (dv_guest.layout.text_va && off < dv_guest.layout.text_size)
		return hva_of(off + dv_guest.layout.text_pa);
	cr3 = KERNEL_VA(va) && dv_guest.layout.kernel_cr3 ? dv_guest.layout.kernel_cr3 : cr3_of(st);
	pa = dv_guest_walk(cr3, va);
	return pa == ~0ull ? 0 : hva_of(pa);
}

// A word of the kernel's that does not lie across pages.
DV_INLINE int kernel_read(uint64_t st, uint64_t va, void *dst, uint32_t size)
{
	uint64_t hva = KERNEL_VA(va) ? dv_guest_va(st, va) : 0;

	return hva && !probe_read_user(dst, size, hva);
}
DV_HELPER uint64_t dv_guest_word(uint64_t st, uint64_t va)
{
	uint64_t w = 0;

	return kernel_read(st, va, &w, 8) ? w : 0;
}

// Not the guest's: of what machine it is for the host's clauses; 0: it is the guest's, or out of reach. The host is machine 0.
DV_INLINE uint64_t not_guest(uint64_t mach)
{
	return mach == DV_MACH_SCRATCH || mach == DV_MACH_STATE ? mach : mach ? 0 : DV_MACH_SELF;
}

// May the clause read there as @p mach?
DV_INLINE int right_half(uint64_t mach, uint64_t va, uint64_t size)
{
	uint64_t last = va + size - 1;

	return last >= va && (mach == DV_MACH_SELF ? KERNEL_VA(va) : !KERNEL_VA(last));
}

GFN(rd, uint64_t mach, uint64_t addr, uint64_t size)
{
	uint64_t w = 0, hva, first = 4096 - (addr & 4095), high = 0;
	struct dv_view v;
	long e = 1;

	if (!dv_view(st, &v))
		return 0;
	mach = mach_of(mach);
	if (not_guest(mach))
		return dv_fn_rd(st, not_guest(mach), addr, size);
	if (mach != DV_MACH_SELF && mach != DV_MACH_USER)
		return fault(&v, DV_FAULT_BADMACH, mach);
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return fault(&v, DV_FAULT_BADSIZE, size);
	if (!right_half(mach, addr, size) || !(hva = dv_guest_va(st, addr)))
		return fault(&v, DV_FAULT_BADADDR, addr);
	if (first < size) {
		// The page's last eight bytes, and the next one's first.
		uint64_t next = dv_guest_va(st, addr + first);

		if (!next || probe_read_user(&w, 8, hva + first - 8) || probe_read_user(&high, 8, next))
			return fault(&v, DV_FAULT_BADADDR, addr);
		return dv_low(w >> 8 * (8 - (first & 7)) | high << 8 * (first & 7), size);
	}
	switch (size) {
	case 1: e = probe_read_user(&w, 1, hva); break;
	case 2: e = probe_read_user(&w, 2, hva); break;
	case 4: e = probe_read_user(&w, 4, hva); break;
	case 8: e = probe_read_user(&w, 8, hva); break;
	}
	return e ? fault(&v, DV_FAULT_BADADDR, addr) : w;
}

// Bytes of the guest to region offset @p off. 1: done.
DV_HELPER uint64_t dv_guest_copy(uint64_t st, uint64_t off, uint64_t va, uint64_t size)
{
	uint64_t hva, n, at = 0;
	struct dv_view v;
	uint32_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < 4 && at < size; i++) { // at most 8192 bytes
		n = 4096 - ((va + at) & 4095);
		if (n > size - at)
			n = size - at;
		hva = dv_guest_va(st, va + at);
		DV_BOUND(n, 8192);
		if (!hva || probe_read_user(v.base + ((off + at) & v.mask), n, hva))
			return 0;
		at += n;
	}
	return at >= size;
}

GFN(rdmem, uint64_t mach, uint64_t addr, uint64_t size)
{
	struct dv_view v;
	uint64_t off;

	if (!dv_view(st, &v))
		return 0;
	mach = mach_of(mach);
	if (not_guest(mach))
		return dv_fn_rdmem(st, not_guest(mach), addr, size);
	if (mach != DV_MACH_SELF && mach != DV_MACH_USER)
		return fault(&v, DV_FAULT_BADMACH, mach);
	if (size > 8192)
		return fault(&v, DV_FAULT_NOSCRATCH, size);
	off = dv_st_scratch(st, size ? size : 1);
	if (!off || !size)
		return off;
	if (!right_half(mach, addr, size) || !dv_guest_copy(st, off, addr, size))
		return fault(&v, DV_FAULT_BADADDR, addr);
	return off;
}

GFN(rdstr, uint64_t mach, uint64_t addr, uint64_t limit)
{
	uint64_t off, max, hva, first;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	mach = mach_of(mach);
	if (not_guest(mach))
		return dv_fn_rdstr(st, not_guest(mach), addr, limit);
	if (mach != DV_MACH_SELF && mach != DV_MACH_USER)
		return fault(&v, DV_FAULT_BADMACH, mach);
	max = dv_strsize(&v);
	if (!limit || limit > max)
		limit = max;
	if (limit > DV_STR_MAX)
		limit = DV_STR_MAX;
	off = dv_st_scratch(st, limit);
	if (!off)
		return 0;
	if (!right_half(mach, addr, 1) || !(hva = dv_guest_va(st, addr)))
		return fault(&v, DV_FAULT_BADADDR, addr);
	first = 4096 - (addr & 4095);
	if (first < limit) {
		uint64_t n = first;

		// What is on this page; if it does not end there, the rest is on the next.
		DV_BOUND(n, 2 * DV_STR_MAX);
		if (probe_read_user(v.base + (off & v.mask & ~7ULL), n, hva))
			return fault(&v, DV_FAULT_BADADDR, addr);
		*(volatile uint8_t *)(v.base + ((off + n) & v.mask)) = 0;
		if (dv_st_slen(st, off) < first)
			return off;
		addr += first;
		limit -= first;
		if (!right_half(mach, addr, 1) || !(hva = dv_guest_va(st, addr)))
			return fault(&v, DV_FAULT_BADADDR, addr);
	} else {
		first = 0;
	}
	DV_BOUND(limit, 2 * DV_STR_MAX);
	return probe_read_user_str(v.base + ((off + first) & v.mask), limit, hva) < 0 ? fault(&v, DV_FAULT_BADADDR, addr) : off;
}

#undef DPATH_RD
#undef DPATH_RDSTR
#undef DPATH_NAME
#define DPATH_RD      dv_guest_rd
#define DPATH_RDSTR   dv_guest_rdstr
#define DPATH_NAME(n) dv_guest_##n
#include "exec/dpath.h"

/* -- a firing ----------------------------------------------------------------------------------------------------- */

// The virtual CPU that a thread runs; NULL: none of this machine's.
DV_INLINE struct dv_guest_vcpu *vcpu_of(uint32_t tid)
{
	uint32_t i;

	if (!tid) // a CPU's idle thread; of a row that nobody has it is no thread
		return 0;
	for (i = 0; i < DV_VCPU_LOOK; i++) {
		struct dv_guest_vcpu *c = &tables()->vcpus[(tid + i) & (DV_GUEST_VCPUS - 1)];

		if (DV_RD(c->tid) == tid)
			return c;
		if (!DV_RD(c->tid))
			return 0;
	}
	return 0;
}

DV_INLINE struct dv_guest_vcpu *this_vcpu(void)
{
	return vcpu_of((uint32_t)get_current_pid_tgid());
}

// A virtual CPU's producer is taken, and its firing's block filled. Returns the producer's offset; 0: the virtual CPU came after
// the session was made, or has a firing in progress: an interrupt's event comes to the program of another's.
DV_INLINE uint64_t on_vcpu(const struct dv_guest_vcpu *c, uint64_t site, uint64_t pc, uint64_t offset)
{
	uint64_t index = DV_RD(c->index), st = dv_host.first + index * DV_PROD_ALIGN;
	struct dv_firing *f = firing(st);
	struct dv_view v;

	if (index >= dv_guest.cpus) {
		if (dv_view(dv_host.first, &v))
			dv_add(&v.p->drops[DV_DROP_CPU], 1);
		return 0;
	}
	if (!dv_view(st, &v))
		return 0;
	if (!dv_st_claim(&v, 1)) {
		dv_add(&v.p->drops[DV_DROP_NEST], 1);
		return 0;
	}
	f->vcpu = DV_RD(c->vcpu);
	f->vmcb = DV_RD(c->vmcb);
	f->index = index;
	f->site = site;
	f->pc = pc;
	f->offset = offset;
	f->edge = 0;
	f->sp = 0;
	f->have_task = 0;
	f->timestamp = 0;
	return st;
}
DV_HELPER uint64_t dv_guest_left(uint64_t for_another);

// The program is through with an exit that was for a trap. Nobody else writes what is a virtual CPU's.
GFN(spent)
{
	const struct dv_firing *f = firing(st);
	uint64_t i = f->index & (DV_PROD_MAX - 1);

	DV_WR(tables()->load[i].hits, DV_RD(tables()->load[i].hits) + 1);
	DV_WR(tables()->load[i].ns, DV_RD(tables()->load[i].ns) + ktime_get_ns() - f->began);
	return 0;
}

// Is this register among those that KVM has read out of the processor since the exit?
DV_INLINE int in_memory(uint64_t vcpu, uint32_t reg)
{
	uint32_t avail = 0;

	return dv_guest.isa != DV_KVM_VMX || (dv_guest.off.regs_avail != DV_KVM_NO_OFF &&
					      !probe_read_kernel(&avail, 4, vcpu + dv_guest.off.regs_avail) && avail >> reg & 1);
}
enum { K_RAX, K_RCX, K_RDX, K_RBX, K_RSP, K_RBP, K_RSI, K_RDI, K_R8, K_R9, K_R11 = 11, K_RIP = 16 };

DV_INLINE void hit(uint64_t row)
{
	const uint64_t size = sizeof(struct dv_trap_row);

	dv_add((uint64_t *)(dv_trap_hits + (row * size & dv_guest.trap_mask) / (size / 8)), 1);
}

// At a VM exit: is it for one of our traps? The producer's offset, for the site that comes after @p skip others there; 0: no.
DV_HELPER uint64_t dv_guest_trap(uint64_t vcpu, uint64_t skip)
{
	struct dv_guest_vcpu *c = this_vcpu();
	uint64_t pc = 0, vmcb = 0, st;
	uint32_t why = 0, at, i;
	int first = !skip;

	if (!c || DV_RD(c->vcpu) != vcpu)
		return 0;
	if (dv_guest.isa == DV_KVM_SVM) {
		probe_read_kernel(&vmcb, 8, vcpu + dv_guest.off.svm_current);
		if (vmcb != DV_RD(c->vmcb)) // a nested guest's exit
			return 0;
		probe_read_kernel(&why, 4, vmcb + dv_guest.off.exit_code);
		if (why != EXIT_INVD_SVM)
			return 0;
	} else {
		probe_read_kernel(&vmcb, 8, vcpu + dv_guest.off.vmx_current);
		if (vmcb != vcpu + dv_guest.off.vmx_own) // likewise
			return 0;
		probe_read_kernel(&why, 4, vcpu + dv_guest.off.vmx_reason);
		// The tracepoint's event has asked for the program counter, see dv_event_tracepoint().
		if ((why & 0xffff) != EXIT_INVD_VMX || !in_memory(vcpu, K_RIP))
			return 0;
	}
	probe_read_kernel(&pc, 8, vcpu + dv_guest.off.regs + K_RIP * 8);
	at = dv_trap_hash(pc);
	for (i = 0; i < DV_TRAP_LOOK; i++) {
		const struct dv_trap_row *r =
		    (const struct dv_trap_row *)(dv_traps + ((at + i) * sizeof(*r) & dv_guest.trap_mask));

		if (!DV_RD(r->pc))
			break;
		if (DV_RD(r->pc) != pc)
			continue;
		if (first && dv_guest.vtime)
			dv_guest_left(DV_RD(r->site) == DV_TRAP_SWITCH);
		if (DV_RD(r->site) == DV_TRAP_SWITCH) {
			if (first)
				hit(at + i);
			continue;
		}
		if (skip) {
			skip--;
			continue;
		}
		st = on_vcpu(c, DV_RD(r->site), DV_RD(r->place), DV_RD(r->offset));
		if (!st)
			return 0;
		firing(st)->edge = 1;
		firing(st)->sp = DV_RD(r->sp);
		if (first) {
			firing(st)->began = ktime_get_ns();
			hit(at + i);
		}
		return st;
	}
	return 0;
}

// Something else happened in the thread of a virtual CPU: a tracepoint of KVM's.
DV_HELPER uint64_t dv_guest_event(uint64_t site)
{
	struct dv_guest_vcpu *c = this_vcpu();
	uint64_t pc = 0;

	if (!c)
		return 0;
	probe_read_kernel(&pc, 8, DV_RD(c->vcpu) + dv_guest.off.regs + K_RIP * 8);
	return on_vcpu(c, site, pc, 0);
}

// Is the running task in the system call that the site is about?
DV_INLINE int in_syscall(uint64_t st, uint32_t nr)
{
	uint64_t task = dv_guest_task(st), stack = task ? dv_guest_word(st, task + dv_guest.layout.task_stack) : 0;

	return stack && dv_guest_word(st, stack + dv_guest.layout.thread_size - dv_guest.layout.stack_pad - dv_guest.layout.ptregs_size + dv_guest.layout.ptregs_orig_ax) == nr;
}

// The producer is taken. Is it a firing, after all? 0: no, and the producer is free again.
DV_HELPER uint64_t dv_guest_begin(uint64_t st)
{
	const struct dv_host_site *s = site_of(firing(st));
	struct dv_view v;
	uint32_t i;

	if (!dv_view(st, &v))
		return 0;
	i = DV_RD(dv_hdr(&v)->only_cpu);
	if ((i && firing(st)->index + 1 != i) || (s->nr && !in_syscall(st, s->nr - 1)) || DV_RD(dv_hdr(&v)->halt) ||
	    DV_RD(dv_hdr(&v)->ended)) {
		dv_store(&v.p->inflight, 0);
		return 0;
	}
	dv_st_ready(st, &v, seq_take(&dv_hdr(&v)->seq));
	return st;
}

// Why the virtual CPU came back last.
GFN(reason)
{
	const struct dv_firing *f = firing(st);
	uint64_t vmcb = 0;
	uint32_t why = 0;

	if (dv_guest.isa == DV_KVM_SVM) {
		probe_read_kernel(&vmcb, 8, f->vcpu + dv_guest.off.svm_current);
		probe_read_kernel(&why, 4, vmcb + dv_guest.off.exit_code);
		return why;
	}
	probe_read_kernel(&why, 4, f->vcpu + dv_guest.off.vmx_reason);
	return why & 0xffff;
}

DV_HELPER uint64_t dv_guest_end(uint64_t st)
{
	dv_st_end(st);
	return 0;
}

GFN(group) { return site_of(firing(st))->group; }

/* -- registers, arguments ----------------------------------------------------------------------------------------- */

// General register @p n in the order of struct kvm_vcpu_arch.
DV_INLINE uint64_t general(const struct dv_firing *f, uint32_t n)
{
	uint64_t v = 0;

	probe_read_kernel(&v, 8, f->vcpu + dv_guest.off.regs + n * 8);
	return v;
}

// The stack pointer, 0: it is not in memory (VMX, where nobody has asked for it).
DV_HELPER uint64_t dv_guest_rsp(uint64_t st)
{
	const struct dv_firing *f = firing(st);

	return f->sp ? general(f, K_R11) : in_memory(f->vcpu, K_RSP) ? general(f, K_RSP) : 0;
}

DV_INLINE uint64_t selector(uint64_t word)
{
	return word & 0xffff;
}

// enum dv_reg
GFN(reg, uint64_t reg)
{
	const struct dv_firing *f = firing(st);
	struct dv_view v;

	switch (reg) {
	case DV_REG_RAX: return general(f, K_RAX);
	case DV_REG_RBX: return general(f, K_RBX);
	case DV_REG_RCX: return general(f, K_RCX);
	case DV_REG_RDX: return general(f, K_RDX);
	case DV_REG_RSI: return general(f, K_RSI);
	case DV_REG_RDI: return general(f, K_RDI);
	case DV_REG_RBP: return general(f, K_RBP);
	case DV_REG_R8: case DV_REG_R9: case DV_REG_R10: case DV_REG_R11:
	case DV_REG_R12: case DV_REG_R13: case DV_REG_R14: case DV_REG_R15:
		return general(f, K_R8 + (uint32_t)(reg - DV_REG_R8));
	case DV_REG_RIP: return f->pc;
	case DV_REG_RSP:
		reg = dv_guest_rsp(st);
		if (reg)
			return reg;
		break;
	case DV_REG_CR3:
		reg = cr3_of(st);
		if (reg)
			return reg;
		break;
	default:
		if (dv_guest.isa != DV_KVM_SVM)
			break;
		switch (reg) {
		case DV_REG_RFLAGS: return vmcb_word(f, dv_guest.off.save_rflags);
		case DV_REG_CS: return selector(vmcb_word(f, dv_guest.off.save_cs));
		case DV_REG_SS: return selector(vmcb_word(f, dv_guest.off.save_ss));
		case DV_REG_DS: return selector(vmcb_word(f, dv_guest.off.save_ds));
		case DV_REG_ES: return selector(vmcb_word(f, dv_guest.off.save_es));
		case DV_REG_FS: return selector(vmcb_word(f, dv_guest.off.save_fs));
		case DV_REG_GS: return selector(vmcb_word(f, dv_guest.off.save_gs));
		case DV_REG_FS_BASE: return vmcb_word(f, dv_guest.off.save_fs_base);
		case DV_REG_GS_BASE: return vmcb_word(f, dv_guest.off.save_gs_base);
		case DV_REG_KGS_BASE: return vmcb_word(f, dv_guest.off.save_kgs_base);
		case DV_REG_CR0: return vmcb_word(f, dv_guest.off.save_cr0);
		case DV_REG_CR2: return vmcb_word(f, dv_guest.off.save_cr2);
		case DV_REG_CR4: return vmcb_word(f, dv_guest.off.save_cr4);
		case DV_REG_EFER: return vmcb_word(f, dv_guest.off.save_efer);
		}
	}
	return dv_view(st, &v) ? fault(&v, DV_FAULT_ILLOP, reg) : 0;
}

DV_INLINE uint64_t bad(uint64_t st, uint64_t value)
{
	struct dv_view v;

	return dv_view(st, &v) ? fault(&v, DV_FAULT_BADADDR, value) : 0;
}

// Argument @p n of a site of kind @p args (enum dv_site_args).
GFN(arg, uint64_t n, uint64_t args)
{
	const struct dv_firing *f = firing(st);
	uint64_t at, w = 0, sp;
	uint32_t off, half = 0;

	switch (args) {
	case DV_ARGS_FUNC:
		switch (n) {
		case 0: return general(f, K_RDI);
		case 1: return general(f, K_RSI);
		case 2: return general(f, K_RDX);
		case 3: return general(f, K_RCX);
		case 4: return general(f, K_R8);
		case 5: return general(f, K_R9);
		}
		sp = n < 10 ? dv_guest_rsp(st) : 0;
		at = sp + 8 + 8 * (n - 6);
		return sp && kernel_read(st, at, &w, 8) ? w : bad(st, at);
	case DV_ARGS_RETURN:
		return n == 0 ? f->offset : n == 1 ? general(f, K_RAX) : 0;
	case DV_ARGS_SYSRET:
		return n < 2 ? general(f, K_RAX) : 0;
	case DV_ARGS_SYSCALL:
		off = n == 0 ? dv_guest.layout.ptregs_di : n == 1 ? dv_guest.layout.ptregs_si : n == 2 ? dv_guest.layout.ptregs_dx : n == 3 ? dv_guest.layout.ptregs_r10
		      : n == 4 ? dv_guest.layout.ptregs_r8 : n == 5 ? dv_guest.layout.ptregs_r9 : DV_OFF_NONE;
		if (n >= 6)
			return 0;
		at = general(f, K_RDI) + off;
		return off != DV_OFF_NONE && kernel_read(st, at, &w, 8) ? w : bad(st, at);
	case DV_ARGS_SYSCALL32:
		// bx, cx, bp are at fixed places beside di in the kernel's entry frame.
		if (n >= 6)
			return 0;
		at = general(f, K_RDI) + dv_guest.layout.ptregs_di;
		at += n == 0 ? (uint64_t)-72 : n == 1 ? (uint64_t)-24 : n == 2 ? (uint64_t)-16 : n == 3 ? (uint64_t)-8 : n == 4 ? 0
		      : (uint64_t)-80;
		return dv_guest.layout.ptregs_di != DV_OFF_NONE && kernel_read(st, at, &half, 4) ? half : bad(st, at);
	case DV_ARGS_RAW:
		return n < DV_HOST_ARGS ? f->arg[n] : 0;
	case DV_ARGS_PROFILE:
		return n == !KERNEL_VA(f->pc) ? f->pc : 0;
	}
	return 0;
}

GFN(errno)
{
	uint64_t e = -general(firing(st), K_RAX);

	return e < 4096 ? e : 0;
}

/* -- the running task --------------------------------------------------------------------------------------------- */

DV_HELPER uint64_t dv_guest_task(uint64_t st)
{
	struct dv_firing *f = firing(st);
	uint64_t base = 0, task = 0, hva, va;

	if (f->have_task)
		return f->task;
	f->have_task = 1;
	f->task = 0;
	if (dv_guest.layout.percpu_current == DV_OFF_NONE)
		return 0;
	if (dv_guest.isa == DV_KVM_SVM) {
		base = vmcb_word(f, dv_guest.off.save_gs_base);
		if (!KERNEL_VA(base)) // at the kernel's first instructions, and in user mode
			base = vmcb_word(f, dv_guest.off.save_kgs_base);
	} else if (dv_guest.layout.percpu_off) {
		// Its GS base is in the processor only: the kernel's table of per-CPU areas has it too.
		hva = hva_of(dv_guest.layout.percpu_off + f->index * 8 - dv_guest.layout.text_va + dv_guest.layout.text_pa);
		if (hva)
			probe_read_user(&base, 8, hva);
	}
	// Not dv_guest_va(), which may ask for the task. A kernel's per-CPU areas are in the direct map or by its own tables.
	va = base + (uint64_t)(int64_t)(int32_t)dv_guest.layout.percpu_current;
	if (!KERNEL_VA(va))
		return 0;
	if (dv_guest.layout.direct_va && va - dv_guest.layout.direct_va < dv_guest.layout.direct_size)
		hva = hva_of(va - dv_guest.layout.direct_va);
	else
		hva = walk(dv_guest.layout.kernel_cr3 ? dv_guest.layout.kernel_cr3 : vmcb_word(f, dv_guest.off.save_cr3), va);
	if (!(dv_guest.layout.direct_va && va - dv_guest.layout.direct_va < dv_guest.layout.direct_size))
		hva = hva == ~0ull ? 0 : hva_of(hva);
	if (hva && !probe_read_user(&task, 8, hva) && KERNEL_VA(task))
		f->task = task;
	return f->task;
}

// A number of 32 bits in a structure of the kernel's.
DV_HELPER uint64_t dv_guest_member(uint64_t st, uint64_t base, uint64_t off)
{
	uint32_t x = 0;

	return base && off != DV_OFF_NONE && kernel_read(st, base + off, &x, 4) ? x : bad(st, base + off);
}
DV_HELPER uint64_t dv_guest_pointer(uint64_t st, uint64_t base, uint64_t off)
{
	uint64_t x = 0;

	return base && off != DV_OFF_NONE && kernel_read(st, base + off, &x, 8) && KERNEL_VA(x) ? x : bad(st, base + off);
}
DV_INLINE uint64_t as_int(uint64_t x)
{
	return (uint64_t)(int64_t)(int32_t)x;
}

GFN(pid) { return as_int(dv_guest_member(st, dv_guest_task(st), dv_guest.layout.task_tgid)); }
GFN(tid) { return as_int(dv_guest_member(st, dv_guest_task(st), dv_guest.layout.task_pid)); }
GFN(ppid)
{
	uint64_t p = dv_guest_pointer(st, dv_guest_task(st), dv_guest.layout.task_real_parent);

	return p ? as_int(dv_guest_member(st, p, dv_guest.layout.task_tgid)) : 0;
}
GFN(uid)
{
	uint64_t c = dv_guest_pointer(st, dv_guest_task(st), dv_guest.layout.task_cred);

	return c ? dv_guest_member(st, c, dv_guest.layout.cred_uid) : 0;
}
GFN(gid)
{
	uint64_t c = dv_guest_pointer(st, dv_guest_task(st), dv_guest.layout.task_cred);

	return c ? dv_guest_member(st, c, dv_guest.layout.cred_gid) : 0;
}
GFN(curthread)
{
	uint64_t t = dv_guest_task(st);

	return t ? t : bad(st, 0);
}
// The return address is on top of the stack where a function begins, and where it returns.
GFN(frame)
{
	uint64_t sp = dv_guest_rsp(st);

	return sp ? sp : bad(st, 0);
}
GFN(cpu) { return firing(st)->index; }

GFN(execname)
{
	struct dv_firing *f = firing(st);
	uint64_t off, task, hva;
	struct dv_view v;

	if (f->execname || !dv_view(st, &v))
		return f->execname;
	task = dv_guest_task(st);
	off = dv_st_scratch(st, COMM_SIZE);
	if (!off)
		return 0;
	hva = task && dv_guest.layout.task_comm != DV_OFF_NONE ? dv_guest_va(st, task + dv_guest.layout.task_comm) : 0;
	if (!hva || probe_read_user_str(v.base + (off & v.mask & ~7ULL), COMM_SIZE, hva) < 0)
		return fault(&v, DV_FAULT_BADADDR, task);
	f->execname = off;
	return off;
}

GFN(progeny, uint64_t pid)
{
	uint64_t task = dv_guest_task(st), i, tgid;

	for (i = 0; i < DV_PARENTS_MAX && task; i++) {
		tgid = as_int(dv_guest_member(st, task, dv_guest.layout.task_tgid));
		if (tgid == as_int(pid))
			return 1;
		if (!tgid)
			break;
		task = dv_guest_word(st, task + dv_guest.layout.task_real_parent);
	}
	return 0;
}

// Every CPU has an idle task of its own, and all of them have number 0.
DV_HELPER uint64_t dv_guest_thread(uint64_t st)
{
	uint64_t task = dv_guest_task(st);
	uint32_t tid = 0;

	if (!task || dv_guest.layout.task_pid == DV_OFF_NONE || !kernel_read(st, task + dv_guest.layout.task_pid, &tid, 4) || !tid)
		return 1ULL << 32 | firing(st)->index;
	return as_int(tid);
}
GFN(dyn, uint64_t var, uint64_t flags)
{
	return dv_st_dyn(st, var, flags, flags & DV_DYN_SELF ? dv_guest_thread(st) : 0);
}
GFN(dyndel, uint64_t var, uint64_t flags)
{
	dv_st_dyndel(st, var, flags, flags & DV_DYN_SELF ? dv_guest_thread(st) : 0);
	return 0;
}

/* -- stacks ------------------------------------------------------------------------------------------------------- */

DV_INLINE uint64_t guest_start(uint64_t st)
{
	uint64_t task = dv_guest_task(st), leader = task ? dv_guest_word(st, task + dv_guest.layout.task_leader) : 0;

	return leader && dv_guest.layout.task_start != DV_OFF_NONE ? dv_guest_word(st, leader + dv_guest.layout.task_start) : 0;
}

DV_HELPER uint64_t dv_guest_block(uint64_t st, uint64_t kind, uint64_t machine, uint64_t frames)
{
	int user = dv_stack_is_user((uint32_t)kind);
	uint64_t task = user ? dv_guest_task(st) : 0, pid = 0;
	uint32_t tgid = 0;

	if (task && kernel_read(st, task + dv_guest.layout.task_tgid, &tgid, 4))
		pid = tgid;
	return dv_st_stack(st, kind | (uint64_t)(dv_host.kernel & 0xffff) << 16 | machine << 32, pid,
			   user ? guest_start(st) : 0, frames);
}

GFN(symaddr, uint64_t kind, uint64_t mach, uint64_t addr)
{
	struct dv_view v;
	uint64_t mem;

	if (!dv_view(st, &v))
		return 0;
	if (kind <= DV_STACK_USER || kind >= DV_STACK_KINDS)
		return fault(&v, DV_FAULT_ILLOP, kind);
	mem = dv_guest_block(st, kind, dv_stack_is_user((uint32_t)kind) || mach >= DV_MACH_MAX ? dv_host.machine : mach, 1);
	if (mem)
		*dv_word(&v, mem + DV_STACK_HEAD) = addr;
	dv_st_stackset(st, mem, 0, 1);
	return mem;
}

#include "machine/ebpf/bpf/guest_stack.h"
#include "machine/ebpf/bpf/guest_time.h"
