/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers are read when they are asked for, once in a firing. The running task is a per-CPU variable behind GS; its
 * members are at the offsets of the guest's layout, which came from the guest's own type information. Guest memory is
 * hostile: a wrong pointer or offset makes a fault of the clause or a wrong value, nothing else.
 */
#include "machine/place_x86.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#define CR3_MASK 0x000ffffffffff000ull

uint64_t dv_xplace_reg(struct dv_xplace *p, enum dv_reg r)
{
	if (!(p->have >> r & 1)) {
		p->reg[r] = p->read_reg(p, r);
		p->have |= 1ull << r;
	}
	return p->reg[r];
}

static bool read_peer(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	const struct dv_peer *peer = ctx;

	for (uint32_t i = 0; i < peer->ram.count; i++) {
		const struct dv_ctl_range *r = &peer->ram.r[i];
		uint64_t off = gpa - r->gpa;
		if (off < r->size && size <= r->size - off)
			return pread(peer->fd, dst, size, (off_t)(r->hva + off)) == (ssize_t)size;
	}
	return false;
}

/* Kernel addresses by arithmetic where the layout knows them, all others by the page tables at @p cr3. */
static bool read_virtual(const struct dv_phys *phys, const struct dv_guest_layout *l, struct dv_xplace *p, uint64_t cr3,
                         uint64_t va, void *dst, uint64_t size)
{
	while (size) {
		uint64_t pa, left;
		if (l->direct_va && va - l->direct_va < l->direct_size) {
			pa = va - l->direct_va;
			left = l->direct_size - pa;
		} else if (l->text_va && va - l->text_va < l->text_size) {
			pa = va - l->text_va + l->text_pa;
			left = l->text_size - (va - l->text_va);
		} else {
			if (!cr3 && p)
				cr3 = dv_xplace_reg(p, DV_REG_CR3) & CR3_MASK;
			if (!dv_walk(phys, cr3, l->la57, va, &pa, &left) || !left)
				return false;
		}
		uint64_t n = size < left ? size : left;
		if (!phys->read(phys->ctx, pa, dst, n))
			return false;
		dst = (char *)dst + n;
		va += n;
		size -= n;
	}
	return true;
}

bool dv_xplace_read(struct dv_xplace *p, uint64_t va, void *dst, uint32_t size)
{
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	uint64_t off = va - l->direct_va;

	if (l->direct_va && off < l->direct_size && size <= l->direct_size - off &&
	    p->phys->read(p->phys->ctx, off, dst, size))
		return true; // most reads
	return read_virtual(p->phys, l, p, 0, va, dst, size);
}

static bool read_u64(struct dv_xplace *p, uint64_t va, uint64_t *ret)
{
	return DV_KERNEL_VA(va) && dv_xplace_read(p, va, ret, 8);
}

static bool read_u32(struct dv_xplace *p, uint64_t va, uint32_t *ret)
{
	return DV_KERNEL_VA(va) && dv_xplace_read(p, va, ret, 4);
}

static bool place_read(struct dv_place *base, uint32_t mach, uint64_t addr, void *dst, uint32_t size,
		       enum dv_fault *why)
{
	struct dv_xplace *p = (struct dv_xplace *)base;
	uint64_t last = addr + (size ? size - 1 : 0);

	if (!size)
		return true;
	if (last < addr)
		return false;
	if (mach == p->loaded->img->machine)
		mach = DV_MACH_SELF;
	if (mach == DV_MACH_SELF)
		return DV_KERNEL_VA(addr) && dv_xplace_read(p, addr, dst, size);
	if (mach == DV_MACH_USER)
		return !DV_KERNEL_VA(last) && dv_xplace_read(p, addr, dst, size);
	for (uint32_t i = 0; i < p->peer_count; i++) {
		const struct dv_peer *peer = &p->peers[i];
		if (peer->machine != mach)
			continue;
		struct dv_phys phys = {read_peer, (void *)peer};
		return DV_KERNEL_VA(addr) &&
		       read_virtual(&phys, &peer->layout, NULL, peer->layout.kernel_cr3 & CR3_MASK, addr, dst, size);
	}
	*why = DV_FAULT_BADMACH;
	return false;
}

/* The running task; 0: it could not be read. */
uint64_t dv_xplace_task(struct dv_xplace *p)
{
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	uint64_t gs;

	if (p->have_task)
		return p->task;
	p->have_task = true;
	p->task = 0;
	gs = dv_xplace_reg(p, DV_REG_GS_BASE);
	if (!DV_KERNEL_VA(gs)) // at the kernel's first instructions the two are not swapped yet
		gs = dv_xplace_reg(p, DV_REG_KGS_BASE);
	if (l->percpu_current == DV_OFF_NONE ||
	    !read_u64(p, gs + (uint64_t)(int64_t)(int32_t)l->percpu_current, &p->task) || !DV_KERNEL_VA(p->task))
		p->task = 0;
	return p->task;
}

static uint64_t fault(enum dv_fault *why, enum dv_fault f)
{
	*why = f;
	return 0;
}

static uint64_t member(struct dv_xplace *p, uint64_t base, uint32_t off, enum dv_fault *why)
{
	uint32_t x;

	if (!base || off == DV_OFF_NONE || !read_u32(p, base + off, &x))
		return fault(why, DV_FAULT_BADADDR);
	return x;
}

static uint64_t pointer(struct dv_xplace *p, uint64_t base, uint32_t off, enum dv_fault *why)
{
	uint64_t x;

	if (!base || off == DV_OFF_NONE || !read_u64(p, base + off, &x) || !DV_KERNEL_VA(x))
		return fault(why, DV_FAULT_BADADDR);
	return x;
}

static int64_t as_int(uint64_t v)
{
	return (int32_t)v;
}

static uint64_t place_builtin(struct dv_place *base, enum dv_builtin id, enum dv_fault *why)
{
	struct dv_xplace *p = (struct dv_xplace *)base;
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	uint64_t x, pcs[2];

	switch (id) {
	case DV_BI_PID: // D's process is the kernel's thread group
		return (uint64_t)as_int(member(p, dv_xplace_task(p), l->task_tgid, why));
	case DV_BI_TID:
		return (uint64_t)as_int(member(p, dv_xplace_task(p), l->task_pid, why));
	case DV_BI_PPID:
		x = pointer(p, dv_xplace_task(p), l->task_real_parent, why);
		return x ? (uint64_t)as_int(member(p, x, l->task_tgid, why)) : 0;
	case DV_BI_UID:
		x = pointer(p, dv_xplace_task(p), l->task_cred, why);
		return x ? member(p, x, l->cred_uid, why) : 0;
	case DV_BI_GID:
		x = pointer(p, dv_xplace_task(p), l->task_cred, why);
		return x ? member(p, x, l->cred_gid, why) : 0;
	case DV_BI_CURTHREAD:
		x = dv_xplace_task(p);
		return x ? x : fault(why, DV_FAULT_BADADDR);
	case DV_BI_CALLER:
		if (p->site->kind == DV_SITE_SYSRET || p->site->kind == DV_SITE_PROFILE)
			return dv_xplace_stack(base, false, pcs, 2) == 2 ? pcs[1] : 0;
		return read_u64(p, dv_xplace_reg(p, DV_REG_RSP), &x) ? x : fault(why, DV_FAULT_BADADDR);
	case DV_BI_ERRNO:
		if (p->site->kind == DV_SITE_ADDR || p->site->kind == DV_SITE_PROFILE)
			return 0;
		x = dv_xplace_reg(p, DV_REG_RAX);
		return x > (uint64_t)-4096 ? -x : 0;
	case DV_BI_CPU:
		return p->cpu;
	case DV_BI_VTIMESTAMP:
		return p->vtime ? p->vtime(p) : fault(why, DV_FAULT_ILLOP);
	case DV_BI_FRAME:
		return dv_xplace_reg(p, DV_REG_RSP);
	case DV_BI_START:
		x = pointer(p, dv_xplace_task(p), l->task_leader, why);
		if (x && l->task_start != DV_OFF_NONE && read_u64(p, x + l->task_start, &pcs[0]))
			return pcs[0];
		return fault(why, DV_FAULT_BADADDR);
	case DV_BI_HOSTTID:
		return (uint64_t)(int64_t)p->host_tid;
	case DV_BI_HOSTCPU: // no system call: the kernel keeps it in the thread's memory, or the vDSO tells
		return (uint64_t)sched_getcpu();
	default:
		return 0;
	}
}

static bool place_execname(struct dv_place *base, char *dst, uint32_t size)
{
	struct dv_xplace *p = (struct dv_xplace *)base;
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	uint64_t t = dv_xplace_task(p);
	uint32_t n = l->task_comm_size < 64 ? l->task_comm_size : 64;

	if (!size)
		return false;
	if (n > size)
		n = size;
	dst[0] = 0;
	if (!t || !n || l->task_comm == DV_OFF_NONE || !DV_KERNEL_VA(t + l->task_comm) ||
	    !dv_xplace_read(p, t + l->task_comm, dst, n))
		return false;
	dst[n - 1] = 0;
	return true;
}

static uint64_t syscall_arg(struct dv_xplace *p, uint32_t n, enum dv_fault *why)
{
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	const uint32_t off[6] = {l->ptregs_di, l->ptregs_si, l->ptregs_dx, l->ptregs_r10, l->ptregs_r8, l->ptregs_r9};
	uint64_t x;

	if (n >= 6)
		return 0;
	if (off[n] == DV_OFF_NONE || !read_u64(p, dv_xplace_reg(p, DV_REG_RDI) + off[n], &x))
		return fault(why, DV_FAULT_BADADDR);
	return x;
}

/* bx, cx, bp are at fixed places beside di in the kernel's entry frame. */
static uint64_t syscall32_arg(struct dv_xplace *p, uint32_t n, enum dv_fault *why)
{
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	static const int32_t from_di[6] = {-72, -24, -16, -8, 0, -80};
	uint32_t x;

	if (n >= 6)
		return 0;
	if (l->ptregs_di == DV_OFF_NONE ||
	    !read_u32(p, dv_xplace_reg(p, DV_REG_RDI) + l->ptregs_di + (uint64_t)(int64_t)from_di[n], &x))
		return fault(why, DV_FAULT_BADADDR);
	return x;
}

static uint64_t place_arg(struct dv_place *base, const struct dv_load_site *site, uint32_t n, enum dv_fault *why)
{
	static const enum dv_reg order[6] = {DV_REG_RDI, DV_REG_RSI, DV_REG_RDX, DV_REG_RCX, DV_REG_R8, DV_REG_R9};
	struct dv_xplace *p = (struct dv_xplace *)base;
	uint64_t x;

	switch (site->args) {
	case DV_ARGS_FUNC:
		if (n < 6)
			return dv_xplace_reg(p, order[n]);
		if (n > 9 || !read_u64(p, dv_xplace_reg(p, DV_REG_RSP) + 8 + 8 * (uint64_t)(n - 6), &x))
			return fault(why, DV_FAULT_BADADDR);
		return x;
	case DV_ARGS_RETURN:
		return n == 0 ? p->addr - site->addr : n == 1 ? dv_xplace_reg(p, DV_REG_RAX) : 0;
	case DV_ARGS_SYSCALL:
		return syscall_arg(p, n, why);
	case DV_ARGS_SYSCALL32:
		return syscall32_arg(p, n, why);
	case DV_ARGS_PROFILE:
		return n == (DV_KERNEL_VA(p->addr) ? 0u : 1u) ? p->addr : 0;
	case DV_ARGS_SYSRET:
		return n < 2 ? dv_xplace_reg(p, DV_REG_RAX) : 0;
	default:
		return 0;
	}
}

static uint64_t place_reg(struct dv_place *base, enum dv_reg r, enum dv_fault *why)
{
	struct dv_xplace *p = (struct dv_xplace *)base;

	if ((unsigned)r >= DV_REG_COUNT)
		return fault(why, DV_FAULT_BADINDEX);
	return r == DV_REG_RIP ? p->addr : dv_xplace_reg(p, r);
}

static uint64_t place_thread(struct dv_place *base)
{
	struct dv_xplace *p = (struct dv_xplace *)base;
	enum dv_fault why = DV_FAULT_NONE;
	uint64_t tid = member(p, dv_xplace_task(p), p->loaded->img->layout.task_pid, &why);

	// Every CPU has an idle task of its own, and all of them have number 0.
	return tid && why == DV_FAULT_NONE ? tid : 1ull << 32 | p->cpu;
}

static bool place_progeny(struct dv_place *base, int64_t pid, enum dv_fault *why)
{
	struct dv_xplace *p = (struct dv_xplace *)base;
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	uint64_t t = dv_xplace_task(p);

	for (uint32_t i = 0; i < DV_PARENTS_MAX; i++) {
		int64_t tgid = as_int(member(p, t, l->task_tgid, why));

		if (*why != DV_FAULT_NONE || tgid == pid)
			return *why == DV_FAULT_NONE;
		if (!tgid)
			break; // the first of all, its own parent
		t = pointer(p, t, l->task_real_parent, why);
	}
	return false;
}

const struct dv_place_ops dv_xplace_ops = {
	.read = place_read,
	.builtin = place_builtin,
	.execname = place_execname,
	.arg = place_arg,
	.reg = place_reg,
	.stack = dv_xplace_stack,
	.thread = place_thread,
	.progeny = place_progeny,
};

int64_t dv_xplace_sysnr(struct dv_xplace *p)
{
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	enum dv_fault why = DV_FAULT_NONE;
	uint64_t stack = pointer(p, dv_xplace_task(p), l->task_stack, &why), nr;

	if (!stack || !read_u64(p, stack + l->thread_size - l->stack_pad - l->ptregs_size + l->ptregs_orig_ax, &nr))
		return -1;
	return nr < INT64_MAX ? (int64_t)nr : -1;
}
