/* SPDX-License-Identifier: GPL-2.0-or-later */
// Stacks: the place follows them, here they become blocks in scratch (struct dv_stack).
#include "exec/fn.h"

// A built-in of the place that may not be there: then it is 0, and no fault.
static uint64_t builtin(struct dv_exec *x, enum dv_builtin id)
{
	enum dv_fault why = DV_FAULT_NONE;
	uint64_t v = x->place->ops->builtin(x->place, id, &why);

	return why == DV_FAULT_NONE ? v : 0;
}

// A block with room for @p frames; its pcs, inside our own copy of the scratch's bounds. 0: none (a fault).
static uint64_t block(struct dv_exec *x, uint64_t kind, uint32_t machine, uint64_t frames, uint64_t **pcs)
{
	bool user = dv_stack_is_user((uint32_t)kind);
	uint64_t kernel = machine == x->machine && x->loaded ? x->loaded->img->kernel : DV_KERNEL_LATEST;
	uint64_t mem = dv_st_stack(&x->st, kind | (kernel & 0xffff) << 16 | (uint64_t)machine << 32,
				   user ? builtin(x, DV_BI_PID) : 0, user ? builtin(x, DV_BI_START) : 0, frames);
	uint64_t size = DV_STACK_HEAD + frames * 8;

	if (mem >= x->scratch_off && size <= x->scratch_size && mem - x->scratch_off <= x->scratch_size - size) {
		*pcs = (uint64_t *)(x->st.base + mem + DV_STACK_HEAD);
		return mem;
	}
	dv_st_fault(&x->st, DV_FAULT_NOSCRATCH, 0);
	return 0;
}

uint64_t dv_fn_stack(struct dv_exec *x, uint64_t kind, uint64_t frames)
{
	uint64_t *pcs, mem;
	uint32_t n = 0;

	if (kind > DV_STACK_USER || !frames || frames > DV_STACK_MAX) {
		dv_st_fault(&x->st, DV_FAULT_BADSTACK, frames);
		return 0;
	}
	mem = block(x, kind, x->machine, frames, &pcs);
	if (!mem)
		return 0;
	if (x->place->ops->stack)
		n = x->place->ops->stack(x->place, kind == DV_STACK_USER, pcs, (uint32_t)frames);
	dv_st_stackset(&x->st, mem, 0, n < frames ? n : frames);
	return mem;
}

uint64_t dv_fn_symaddr(struct dv_exec *x, uint64_t kind, uint64_t mach, uint64_t addr)
{
	bool user = dv_stack_is_user((uint32_t)kind);
	uint32_t machine = x->machine;
	uint64_t *pcs, mem;

	if (kind <= DV_STACK_USER || kind >= DV_STACK_KINDS) {
		dv_st_fault(&x->st, DV_FAULT_ILLOP, kind);
		return 0;
	}
	if (!user && mach < DV_MACH_MAX)
		machine = (uint32_t)mach;
	mem = block(x, kind, machine, 1, &pcs);
	if (!mem)
		return 0;
	pcs[0] = addr;
	dv_st_stackset(&x->st, mem, 0, 1);
	return mem;
}

uint64_t dv_fn_stackbi(struct dv_exec *x, enum dv_builtin id)
{
	uint64_t pcs[2] = {0, 0};

	if (!x->place->ops->stack)
		return 0;
	if (id == DV_BI_UCALLER)
		return x->place->ops->stack(x->place, true, pcs, 2) == 2 ? pcs[1] : 0;
	return x->place->ops->stack(x->place, id == DV_BI_USTACKDEPTH, NULL, DV_STACK_MAX);
}
