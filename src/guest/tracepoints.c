/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracepoints by BTF. For each tracepoint that BPF programs can attach to, the kernel's build leaves a type behind:
 * typedef void (*btf_trace_NAME)(void *, ...), with the tracepoint's prototype behind the first parameter (kernel commit
 * e8c423fb31fa, "bpf: Add typecast to raw_tracepoints to help BTF generation", in 5.5).
 */
#include <stdio.h>
#include <string.h>

#include "guest/priv.h"

#define PREFIX "btf_trace_"

static void each(const struct dv_btf *b, dv_tracepoint_fn *fn, void *ctx)
{
	for (uint32_t i = 0; i < b->count; i++) {
		const struct dv_btf_type *t = (const void *)(b->types + b->off[i]);
		const char *s;

		if (dv_btf_kind(t) != DV_BTF_TYPEDEF)
			continue;
		s = dv_btf_str(b, t->name);
		if (!strncmp(s, PREFIX, sizeof(PREFIX) - 1) && s[sizeof(PREFIX) - 1])
			fn(ctx, b->module, s + sizeof(PREFIX) - 1);
	}
}

void dv_guest_tracepoints(struct dv_guest *g, dv_tracepoint_fn *fn, void *ctx)
{
	if (!g->types)
		return;
	each(g->types->base, fn, ctx);
	// Of those that are loaded: types of modules that went are kept.
	for (size_t i = 0; i < g->mods.count; i++) {
		if (g->mods.data[i]->btf)
			each(g->mods.data[i]->btf, fn, ctx);
	}
}

const struct dv_type *dv_guest_tracepoint_type(struct dv_guest *g, const char *module, const char *name)
{
	char typedef_name[DV_NAME_MAX + sizeof(PREFIX)];
	const struct dv_type *t;

	if (!g->types || strlen(name) > DV_NAME_MAX)
		return NULL;
	snprintf(typedef_name, sizeof(typedef_name), PREFIX "%s", name);
	t = dv_btf_source_ops.find(g->types, DV_TYPE_TYPEDEF, typedef_name, module);
	t = t ? dv_type_resolve(t) : NULL;
	t = t && t->kind == DV_TYPE_PTR ? dv_type_resolve(t->ref) : NULL;
	return t && t->kind == DV_TYPE_FUNC && t->count ? t : NULL;
}
