/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What run-time functions need of a kernel: offsets by BTF, addresses by symbols, and a few values out of its memory.
 * Without BTF the offsets stay DV_OFF_NONE, and what needs them reads as nothing.
 */
#include <string.h>

#include "guest/priv.h"

static uint32_t member(const struct dv_guest *g, const char *type, const char *path)
{
	uint32_t off;

	return g->types && dv_btf_member(g->types->base, type, path, &off, NULL) ? off : DV_OFF_NONE;
}

static uint32_t size_of(const struct dv_guest *g, uint32_t kinds, const char *name)
{
	uint32_t id = g->types ? dv_btf_find(g->types->base, kinds, name) : 0;
	uint64_t n = id ? dv_btf_sizeof(g->types->base, id) : 0;

	return n < 1u << 24 ? n : 0;
}

// The running task's pointer: a per-CPU variable, but a member of pcpu_hot from 6.2 to 6.14. Per-CPU symbols are
// offsets from zero up to 6.14 and addresses in the image after, so as 32 bits they are to be sign-extended.
static uint32_t percpu_current(const struct dv_guest *g)
{
	const struct dv_symbol *s = dv_symtab_find(&g->kernel, "pcpu_hot", -1);
	uint32_t off;

	if (s && (off = member(g, "pcpu_hot", "current_task")) != DV_OFF_NONE)
		return (uint32_t)(s->addr + off);
	s = dv_symtab_find(&g->kernel, "current_task", -1);
	return s ? (uint32_t)s->addr : DV_OFF_NONE;
}

static void direct_map(struct dv_guest *g)
{
	struct dv_guest_layout *l = &g->layout;
	uint64_t va = dv_guest_addr(g, "page_offset_base"), base = 0, pfn = 0, pa, left;

	if (va)
		(void)dv_guest_read(g, va, &base, 8);
	else
		base = l->la57 ? 0xff11000000000000ULL : 0xffff888000000000ULL;
	va = dv_guest_addr(g, "max_pfn");
	if (!va || !dv_guest_read(g, va, &pfn, 8) || !pfn || pfn > 1ULL << 34 || !(base >> 63) || base & 0xfff)
		return;
	// It holds if the image, seen through it, is where we know it is.
	if (!dv_walk(&g->phys, g->image.cr3, l->la57, base + l->text_pa, &pa, &left) || pa != l->text_pa)
		return;
	l->direct_va = base;
	l->direct_size = pfn << 12;
}

void dv_layout_fill(struct dv_guest *g, const struct dv_guest_regs *regs)
{
	const uint32_t u = 1u << DV_BTF_UNION, s = 1u << DV_BTF_STRUCT;
	struct dv_guest_layout *l = &g->layout;
	uint64_t va, pa, left, got;
	uint32_t stack, comm;

	l->task_pid = member(g, "task_struct", "pid");
	l->task_tgid = member(g, "task_struct", "tgid");
	l->task_comm = DV_OFF_NONE;
	if (g->types && dv_btf_member(g->types->base, "task_struct", "comm", &comm, &l->task_comm_size)) {
		l->task_comm = comm;
		if (!l->task_comm_size || l->task_comm_size > 64)
			l->task_comm_size = 16;
	}
	l->task_real_parent = member(g, "task_struct", "real_parent");
	l->task_cred = member(g, "task_struct", "cred");
	l->task_stack = member(g, "task_struct", "stack");
	l->task_mm = member(g, "task_struct", "mm");
	l->mm_pgd = member(g, "mm_struct", "pgd");
	l->task_leader = member(g, "task_struct", "group_leader");
	l->task_start = member(g, "task_struct", "start_boottime");
	if (g->types)
		dv_orc_format(g->types->base, &l->orc);
	l->cred_uid = member(g, "cred", "uid");
	l->cred_gid = member(g, "cred", "gid");
	l->ptregs_size = size_of(g, s, "pt_regs");
	if (!l->ptregs_size)
		l->ptregs_size = 168;
	l->ptregs_orig_ax = member(g, "pt_regs", "orig_ax");
	l->ptregs_di = member(g, "pt_regs", "di");
	l->ptregs_si = member(g, "pt_regs", "si");
	l->ptregs_dx = member(g, "pt_regs", "dx");
	l->ptregs_r10 = member(g, "pt_regs", "r10");
	l->ptregs_r8 = member(g, "pt_regs", "r8");
	l->ptregs_r9 = member(g, "pt_regs", "r9");
	l->percpu_current = percpu_current(g);
	l->percpu_off = dv_guest_addr(g, "__per_cpu_offset");
	l->switch_va = dv_guest_addr(g, "__switch_to_asm");
	stack = size_of(g, u, "thread_union");
	l->thread_size = stack >= 4096 && stack <= 1u << 20 && !(stack & (stack - 1)) ? stack : 16384;
	// Kernels that can use FRED leave 16 bytes above pt_regs.
	l->stack_pad =
	    dv_guest_addr(g, "fred_entry_from_user") || dv_guest_addr(g, "asm_fred_entrypoint_user") ? 16 : 0;

	// The kernel's own page tables, if they show the image too.
	va = dv_guest_addr(g, "init_top_pgt");
	if (va && va - l->text_va < l->text_size) {
		pa = l->text_pa + (va - l->text_va);
		if (!(pa & 0xfff) && dv_walk(&g->phys, pa, l->la57, l->text_va, &got, &left) && got == l->text_pa)
			l->kernel_cr3 = pa;
	}
	direct_map(g);
}
