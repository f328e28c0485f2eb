// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stacks of a KVM guest (natively: src/machine/place_stack.c). The kernel's by its unwind tables; a program's by its frame
// pointers, from the registers that the guest's kernel saved when it was entered.

#include "machine/ebpf/bpf/guest_walk.h"
#include "machine/ebpf/bpf/guest_orc.h"

/* struct pt_regs, words: see guest/unwind.c. */
enum { GPT_BP = 4, GPT_IP = 16, GPT_CS = 17, GPT_SIZE = 168 };
#define USER_CS32   0x23u
#define FRAMES_SPAN (64ull << 20) /* bytes between one frame of a program and the next, at most */

// The caller of a program's frame. 1: there is one.
DV_HELPER uint64_t dv_guest_link(uint64_t st, uint64_t wide)
{
	struct dv_firing_walk *w = &firing(st)->walk;
	uint64_t fp = w->bp, next;

	if (KERNEL_VA(fp) || fp & (wide ? 7 : 3) || !dv_guest_bytes(st, fp, wide ? 16 : 8))
		return 0;
	next = wide ? w->bytes[0] : (uint32_t)w->bytes[0];
	w->ip = wide ? w->bytes[1] : w->bytes[0] >> 32;
	// The chain goes up; where a program does not keep one, it leads anywhere.
	w->bp = next <= fp || next - fp > FRAMES_SPAN ? 0 : next;
	return w->ip && !KERNEL_VA(w->ip);
}

// Where the program is: ip and bp into the walk. Returns its cs, 0: there is no program.
DV_HELPER uint64_t dv_guest_saved(uint64_t st)
{
	struct dv_firing *f = firing(st);
	struct dv_firing_walk *w = walk_begin(st);
	uint64_t task = dv_guest_task(st), at, cs;

	// A kernel's thread has no memory of its own.
	if (!task || dv_guest.layout.task_mm == DV_OFF_NONE || dv_guest.layout.task_stack == DV_OFF_NONE ||
	    !dv_guest_bytes(st, task + dv_guest.layout.task_mm, 8) || !KERNEL_VA(w->bytes[0]))
		return 0;
	if (!KERNEL_VA(f->pc)) { // it is running
		w->ip = f->pc;
		w->bp = general(f, K_RBP);
		cs = dv_guest.isa == DV_KVM_SVM ? selector(vmcb_word(f, dv_guest.off.save_cs)) : 3;
	} else {
		if (!dv_guest_bytes(st, task + dv_guest.layout.task_stack, 8))
			return 0;
		at = w->bytes[0] + dv_guest.layout.thread_size - dv_guest.layout.stack_pad - GPT_SIZE;
		if (!KERNEL_VA(at) || !dv_guest_bytes(st, at, GPT_SIZE))
			return 0;
		w->ip = w->bytes[GPT_IP];
		w->bp = w->bytes[GPT_BP];
		cs = w->bytes[GPT_CS];
	}
	w->cr3 = cr3_of(st);
	return (cs & 3) == 3 && w->ip && !KERNEL_VA(w->ip) ? cs : 0;
}

// The program's stack into the firing's block. Returns how many frames.
DV_HELPER uint64_t dv_guest_user(uint64_t st, uint64_t max)
{
	struct dv_firing *f = firing(st);
	uint64_t cs = dv_guest_saved(st);
	uint32_t n;

	if (!cs)
		return 0;
	for (n = 0; n < DV_STACK_MAX && n < max; n++) {
		f->frames[n & (DV_GUEST_FRAMES - 1)] = f->walk.ip;
		if (n + 1 < max && !dv_guest_link(st, (cs & 0xffff) != USER_CS32))
			return n + 1;
	}
	return n;
}

GFN(stack, uint64_t kind, uint64_t frames)
{
	struct dv_firing *f = firing(st);
	uint64_t mem, n, i;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	if (kind > DV_STACK_USER || !frames || frames > DV_STACK_MAX)
		return fault(&v, DV_FAULT_BADSTACK, frames);
	n = kind == DV_STACK_USER ? dv_guest_user(st, frames) : kernel_stack(st, frames);
	mem = dv_guest_block(st, kind, dv_host.machine, n ? n : 1);
	for (i = 0; mem && i < DV_STACK_MAX && i < n; i++)
		*dv_word(&v, mem + DV_STACK_HEAD + i * 8) = f->frames[i & (DV_GUEST_FRAMES - 1)];
	dv_st_stackset(st, mem, 0, n);
	return mem;
}
GFN(stackdepth) { return kernel_stack(st, DV_STACK_MAX); }
GFN(ustackdepth) { return dv_guest_user(st, DV_STACK_MAX); }
GFN(ucaller) { return dv_guest_user(st, 2) > 1 ? firing(st)->frames[1] : 0; }
GFN(caller)
{
	struct dv_firing_walk *w = &firing(st)->walk;
	uint64_t sp = dv_guest_rsp(st);

	if (!firing(st)->edge)
		return kernel_stack(st, 2) > 1 ? firing(st)->frames[1] : 0;
	walk_begin(st);
	return KERNEL_VA(sp) && dv_guest_bytes(st, sp, 8) ? w->bytes[0] : bad(st, sp);
}
