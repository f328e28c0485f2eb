// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stacks of a KVM guest (natively: src/machine/place_stack.c). A program's by its frame pointers, from the registers that
// the guest's kernel saved when it was entered.

/* struct pt_regs, bytes: see guest/unwind.c. */
enum { GPT_BP = 32, GPT_IP = 128, GPT_CS = 136, GPT_SIZE = 168 };
#define USER_CS32   0x23u
#define FRAMES_SPAN (64ull << 20) /* bytes between one frame of a program and the next, at most */

// The link of a chain of frames at @p fp: where it goes on, 0: nowhere; the caller's frame pointer is kept in the firing.
DV_HELPER uint64_t dv_guest_link(uint64_t st, uint64_t fp, uint64_t wide)
{
	struct dv_firing *f = firing(st);
	uint64_t w[2] = {0, 0}, hva;
	uint32_t h[2] = {0, 0};

	f->link = 0;
	if (fp < 4096 || KERNEL_VA(fp) || fp & (wide ? 7 : 3) || (fp & 4095) + 16 > 4096 || !(hva = dv_guest_va(st, fp)))
		return 0;
	if (wide) {
		if (probe_read_user(w, 16, hva))
			return 0;
		f->link = w[0];
		return w[1];
	}
	if (probe_read_user(h, 8, hva))
		return 0;
	f->link = h[0];
	return h[1];
}

// The program's registers at byte @p off of where its kernel keeps them; 0: there is no program.
DV_HELPER uint64_t dv_guest_saved(uint64_t st, uint64_t off)
{
	uint64_t task = dv_guest_task(st), mm, stack;

	if (!task || dv_guest.layout.task_mm == DV_OFF_NONE || dv_guest.layout.task_stack == DV_OFF_NONE)
		return 0;
	mm = dv_guest_word(st, task + dv_guest.layout.task_mm);
	stack = dv_guest_word(st, task + dv_guest.layout.task_stack);
	if (!mm || !stack)
		return 0;
	return dv_guest_word(st, stack + dv_guest.layout.thread_size - dv_guest.layout.stack_pad - GPT_SIZE + off);
}

// The program's stack into the firing's block. Returns how many frames.
DV_HELPER uint64_t dv_guest_user(uint64_t st, uint64_t max)
{
	struct dv_firing *f = firing(st);
	uint64_t ip = dv_guest_saved(st, GPT_IP), cs = dv_guest_saved(st, GPT_CS), fp = dv_guest_saved(st, GPT_BP), next;
	uint32_t n;

	if ((cs & 3) != 3 || !ip || KERNEL_VA(ip))
		return 0;
	for (n = 0; n < DV_HOST_FRAMES && n < max; n++) {
		f->user.pc[n & DV_HOST_FRAMES] = ip;
		ip = dv_guest_link(st, fp, (cs & 0xffff) != USER_CS32);
		if (!ip || KERNEL_VA(ip))
			return n + 1;
		next = f->link;
		// The chain goes up; where a program does not keep one, it leads anywhere.
		fp = next <= fp || next - fp > FRAMES_SPAN ? 0 : next;
	}
	return n;
}

// The kernel's.
DV_HELPER uint64_t dv_guest_kernel(uint64_t st, uint64_t max)
{
	struct dv_firing *f = firing(st);
	uint64_t sp = dv_guest_rsp(st), pc = 0;

	f->kernel.pc[0] = f->pc;
	if (max < 2 || !sp || !kernel_read(st, sp, &pc, 8) || !pc)
		return 1;
	f->kernel.pc[1] = pc;
	return 2;
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
	n = kind == DV_STACK_USER ? dv_guest_user(st, frames) : dv_guest_kernel(st, frames);
	if (n > frames)
		n = frames;
	mem = dv_guest_block(st, kind, dv_host.machine, n ? n : 1);
	for (i = 0; mem && i < DV_HOST_FRAMES && i < n; i++)
		*dv_word(&v, mem + DV_STACK_HEAD + i * 8) =
		    kind == DV_STACK_USER ? f->user.pc[i & DV_HOST_FRAMES] : f->kernel.pc[i & DV_HOST_FRAMES];
	dv_st_stackset(st, mem, 0, n);
	return mem;
}
GFN(stackdepth) { return dv_guest_kernel(st, DV_HOST_FRAMES); }
GFN(ustackdepth) { return dv_guest_user(st, DV_HOST_FRAMES); }
GFN(ucaller) { return dv_guest_user(st, 2) > 1 ? firing(st)->user.pc[1] : 0; }
