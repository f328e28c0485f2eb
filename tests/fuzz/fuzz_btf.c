/* SPDX-License-Identifier: GPL-2.0-or-later */
// The input is BTF, of a kernel and (from the middle on, when it begins with BTF's magic there) of a module. All types
// that have names are made, completed and printed; all members are looked up.
#include <string.h>

#include "guest/priv.h"

static bool symbol(void *ctx, const char *module, const char *name, uint64_t *addr, const char **in)
{
	*addr = 1;
	return true;
}

static void touch(struct dv_types *ts, const struct dv_btf *b)
{
	static const enum dv_type_kind kinds[] = {DV_TYPE_STRUCT, DV_TYPE_UNION, DV_TYPE_ENUM, DV_TYPE_TYPEDEF};
	const struct dv_type *t;
	char text[256];
	uint64_t bits;
	uint32_t off;
	int64_t v;

	for (uint32_t i = 0; i < b->count && i < 512; i++) {
		const struct dv_btf_type *r = dv_btf_type(b, b->first + i);
		const char *name = dv_btf_str(b, r->name);

		for (unsigned k = 0; k < DV_COUNT(kinds); k++) {
			t = dv_type_complete(dv_btf_source_ops.find(ts, kinds[k], name, NULL));
			if (!t)
				continue;
			(void)dv_type_name(t, text, sizeof(text));
			if (t->kind != DV_TYPE_STRUCT && t->kind != DV_TYPE_UNION)
				continue;
			(void)dv_type_member(t, "p", &bits);
			for (uint32_t m = 0; m < t->count && m < 64; m++)
				(void)dv_type_name(t->members[m].type, text, sizeof(text));
		}
		(void)dv_types_func(ts, NULL, name);
		(void)dv_btf_source_ops.find_symbol(ts, NULL, name, &bits, &t);
		(void)dv_btf_source_ops.find_enumerator(ts, name, &v, &t);
		(void)dv_btf_sizeof(b, b->first + i);
		(void)dv_btf_member(b, name, "p", &off, &off);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dv_btf *b = NULL, *m = NULL;
	uint8_t *copy = malloc(size ? size : 1);
	struct dv_types *ts;
	struct dv_error *e;
	size_t half = size / 2;

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	(void)dv_btf_size(copy, size);
	e = dv_btf_create(copy, size, NULL, "vmlinux", &b);
	if (e) {
		dv_error_destroy(e);
		return 0;
	}
	ts = dv_types_create(b);
	ts->symbol = symbol;
	ts->universe = dv_universe_create(1, "fuzz", &dv_btf_source_ops, ts);
	// A module's ids go on from the kernel's.
	copy = malloc(size - half + 1);
	if (copy) {
		memcpy(copy, data + half, size - half);
		m = dv_types_add_module(ts, "module", copy, size - half);
		if (!m && (copy = malloc(size))) {
			memcpy(copy, data, size);
			m = dv_types_add_module(ts, "module", copy, size);
		}
	}
	touch(ts, ts->base);
	if (m)
		touch(ts, m);
	dv_universe_destroy(ts->universe);
	dv_types_destroy(ts);
	return 0;
}
