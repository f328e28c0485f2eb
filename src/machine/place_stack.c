/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks of a vCPU: the kernel's by its unwind tables (guest/unwind.h), the running program's by its frame pointers, from
 * the registers that the kernel saved when it was entered. Both lie in memory that no arithmetic finds, a few pages of
 * it, so the pages are kept while one stack is followed.
 */
#include <string.h>

#include "machine/place_x86.h"

#define PAGE        4096ull
#define CR3_MASK    0x000ffffffffff000ull
#define USER_CS32   0x23u
#define FRAMES_SPAN (64ull << 20) /* bytes between one frame of a program and the next, at most */

/* struct pt_regs, bytes: see guest/unwind.c. */
enum { PT_BP = 32, PT_IP = 128, PT_CS = 136, PT_SIZE = 168 };

static bool read_page(struct dv_xplace *p, uint64_t va, void *dst, uint32_t size)
{
	uint64_t page = va & ~(PAGE - 1), pa, left;
	unsigned i = (unsigned)(va / PAGE % (sizeof(p->pages) / sizeof(p->pages[0])));

	if (p->pages[i].va != page) {
		if (!dv_walk(p->phys, dv_xplace_reg(p, DV_REG_CR3) & CR3_MASK, p->loaded->img->layout.la57, page, &pa,
			     &left))
			return false;
		p->pages[i].va = page;
		p->pages[i].pa = pa;
	}
	return p->phys->read(p->phys->ctx, p->pages[i].pa + (va - page), dst, size);
}

static bool read_kernel(void *ctx, uint64_t va, void *dst, uint32_t size)
{
	struct dv_xplace *p = ctx;
	const struct dv_guest_layout *l = &p->loaded->img->layout;

	if (!DV_KERNEL_VA(va) || !DV_KERNEL_VA(va + size - 1))
		return false;
	// The image and the direct map by arithmetic; what lies across two pages is rare.
	if ((l->text_va && va - l->text_va < l->text_size) || (l->direct_va && va - l->direct_va < l->direct_size) ||
	    (va & (PAGE - 1)) + size > PAGE)
		return dv_xplace_read(p, va, dst, size);
	return read_page(p, va, dst, size);
}

static bool read_user(struct dv_xplace *p, uint64_t va, void *dst, uint32_t size)
{
	if (va < PAGE || DV_KERNEL_VA(va) || DV_KERNEL_VA(va + size - 1))
		return false;
	if ((va & (PAGE - 1)) + size > PAGE)
		return dv_xplace_read(p, va, dst, size);
	return read_page(p, va, dst, size);
}

static uint64_t read_reg(void *ctx, enum dv_reg r)
{
	return dv_xplace_reg(ctx, r);
}

static uint32_t kernel_stack(struct dv_xplace *p, uint64_t *pcs, uint32_t max)
{
	const struct dv_load_image *img = p->loaded->img;
	struct dv_unwind u = {
		.format = &img->layout.orc,
		.orcs = p->loaded->orcs,
		.orc_count = img->orc_count,
		.cache = p->orc_cache,
		.read = read_kernel,
		.reg = read_reg,
		.ctx = p,
	};
	struct dv_unwind_from from = {
		.ip = p->addr,
		.sp = dv_xplace_reg(p, DV_REG_RSP),
		.bp = dv_xplace_reg(p, DV_REG_RBP),
		.at_edge = p->site->kind == DV_SITE_ADDR || p->site->kind == DV_SITE_RETURNS,
	};

	if (!DV_KERNEL_VA(p->addr)) // a timer found a program
		return 0;
	// Each load may be of another kernel.
	if (p->orc_cache && p->orc_owner != p->loaded->serial) {
		memset(p->orc_cache, 0, sizeof(*p->orc_cache));
		p->orc_owner = p->loaded->serial;
	}
	return dv_unwind(&u, &from, pcs, max);
}

/* A link of the chain of frames: the caller's frame pointer, and where it goes on. */
static bool user_link(struct dv_xplace *p, bool wide, uint64_t fp, uint64_t *next, uint64_t *ret)
{
	uint64_t w[2];
	uint32_t h[2];

	if (wide) {
		if (fp & 7 || !read_user(p, fp, w, sizeof(w)))
			return false;
		*next = w[0];
		*ret = w[1];
		return true;
	}
	if (fp & 3 || !read_user(p, fp, h, sizeof(h)))
		return false;
	*next = h[0];
	*ret = h[1];
	return true;
}

static uint32_t user_stack(struct dv_xplace *p, uint64_t *pcs, uint32_t max)
{
	const struct dv_guest_layout *l = &p->loaded->img->layout;
	uint64_t task = dv_xplace_task(p), mm, stack, ip, cs, fp, next;
	uint8_t regs[PT_SIZE];
	uint32_t n = 0;

	// A kernel's thread has no memory of its own.
	if (!task || l->task_mm == DV_OFF_NONE || l->task_stack == DV_OFF_NONE ||
	    !read_kernel(p, task + l->task_mm, &mm, 8) || !DV_KERNEL_VA(mm) ||
	    !read_kernel(p, task + l->task_stack, &stack, 8))
		return 0;
	stack += l->thread_size - l->stack_pad - PT_SIZE;
	if (!DV_KERNEL_VA(stack) || !dv_xplace_read(p, stack, regs, sizeof(regs)))
		return 0;
	memcpy(&ip, regs + PT_IP, 8);
	memcpy(&cs, regs + PT_CS, 8);
	memcpy(&fp, regs + PT_BP, 8);
	if (!DV_KERNEL_VA(p->addr)) { // it runs right now
		ip = p->addr;
		cs = dv_xplace_reg(p, DV_REG_CS);
		fp = dv_xplace_reg(p, DV_REG_RBP);
	}
	if ((cs & 3) != 3 || !ip || DV_KERNEL_VA(ip))
		return 0;
	for (;;) {
		if (n < max && pcs)
			pcs[n] = ip;
		if (++n >= max || !user_link(p, (cs & 0xffff) != USER_CS32, fp, &next, &ip) || !ip || DV_KERNEL_VA(ip))
			return n < max ? n : max;
		// The chain goes up; where a program does not keep one, it leads anywhere.
		if (next <= fp || next - fp > FRAMES_SPAN)
			next = 0;
		fp = next;
	}
}

uint32_t dv_xplace_stack(struct dv_place *base, bool user, uint64_t *pcs, uint32_t max)
{
	struct dv_xplace *p = (struct dv_xplace *)base;

	// Page tables change between two looks, not while we look once.
	memset(p->pages, 0, sizeof(p->pages));
	return user ? user_stack(p, pcs, max) : kernel_stack(p, pcs, max);
}
