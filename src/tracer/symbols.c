// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names of addresses, when they are printed. A kernel's address is looked up in the symbols of the kernel that ran when
// it was recorded, also when the machine has restarted since.
#include "tracer/impl.h"

#include <stdio.h>
#include <string.h>

uint32_t dv_symbols_kernel(struct dv_tracer *t, const struct dv_tmachine *tm)
{
	struct dv_guest *g = tm->m ? tm->m->guest : NULL;

	if (!g)
		return DV_KERNEL_LATEST;
	for (size_t i = 0; i < t->kernels.count; i++)
		if (t->kernels.data[i] == g)
			return (uint32_t)i;
	if (t->kernels.count >= DV_KERNEL_LATEST)
		return DV_KERNEL_LATEST;
	*DV_PUSH(&t->kernels) = g;
	return (uint32_t)t->kernels.count - 1;
}

static struct dv_guest *kernel_of(struct dv_tracer *t, uint32_t machine, uint32_t kernel)
{
	const struct dv_tmachine *tm = machine < t->machines.count ? t->machines.data[machine] : NULL;

	if (kernel < t->kernels.count)
		return t->kernels.data[kernel];
	return tm && tm->m ? tm->m->guest : NULL;
}

static const char *module_name(const struct dv_guest *g, uint32_t i)
{
	size_t n;
	const struct dv_module *m = dv_guest_modules(g, &n);

	return i < n ? m[i].name : "";
}

// The module that an address without a symbol lies in; -1: none.
static int module_at(const struct dv_guest *g, uint64_t addr)
{
	size_t n;
	const struct dv_module *m = dv_guest_modules(g, &n);

	for (size_t i = 0; i < n; i++)
		if (addr - m[i].base < m[i].size)
			return (int)i;
	return -1;
}

static void kernel_name(const struct dv_guest *g, uint64_t addr, struct dv_addr_name *ret)
{
	const struct dv_symbol *s = dv_guest_symbol_at(g, addr);
	int m = s ? (int)s->module : module_at(g, addr);

	if (m < 0)
		return;
	snprintf(ret->module, sizeof(ret->module), "%s", module_name(g, (uint32_t)m));
	if (!s)
		return;
	snprintf(ret->symbol, sizeof(ret->symbol), "%s", s->name);
	ret->sym_start = s->addr;
}

void dv_symbols_lookup(void *ctx, const struct dv_addr *a, struct dv_addr_name *ret)
{
	struct dv_tracer *t = ctx;
	struct dv_guest *g;

	if (a->user) {
		dv_procs_lookup(t, a, ret);
		return;
	}
	g = kernel_of(t, a->machine, a->kernel);
	if (g)
		kernel_name(g, a->addr, ret);
}

void dv_symbols_frames(void *ctx, struct dv_frames *f)
{
	struct dv_tracer *t = ctx;
	struct dv_guest *g = kernel_of(t, f->machine, f->kernel);
	const struct dv_symbol *s;
	const struct dv_module *m;
	size_t n;
	int i;

	if (dv_stack_is_user(f->kind)) {
		dv_procs_frames(t, f);
		return;
	}
	if (!f->count || !g)
		return;
	if (f->kind == DV_STACK_SYM && (s = dv_guest_symbol_at(g, f->pc[0]))) {
		f->pc[0] = s->addr;
	} else if (f->kind == DV_STACK_MOD) {
		s = dv_guest_symbol_at(g, f->pc[0]);
		i = s ? (int)s->module : module_at(g, f->pc[0]);
		m = dv_guest_modules(g, &n);
		if (i >= 0 && (size_t)i < n)
			f->pc[0] = m[i].base;
	}
}

void dv_symbols_deinit(struct dv_tracer *t)
{
	dv_procs_deinit(t);
	DV_VEC_FREE(&t->kernels);
}
