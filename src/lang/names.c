/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lang/names.h"

#include <string.h>

#include "base/mem.h"

void dv_names_deinit(struct dv_names *t)
{
	free(t->slots);
	*t = (struct dv_names){0};
}

static struct dv_name *slot(const struct dv_names *t, enum dv_name_kind kind, const char *name)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind * 0x9e3779b1u;

	for (const char *p = name; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	for (h ^= h >> 15;; h++) {
		struct dv_name *n = &t->slots[h & (t->size - 1)];

		if (!n->name || (n->kind == kind && !strcmp(n->name, name)))
			return n;
	}
}

void *dv_names_find(const struct dv_names *t, enum dv_name_kind kind, const char *name)
{
	return t->size ? slot(t, kind, name)->value : NULL;
}

void dv_names_put(struct dv_names *t, enum dv_name_kind kind, const char *name, void *value)
{
	struct dv_name *n;

	if (t->count * 2 >= t->size) {
		struct dv_names old = *t;

		t->size = old.size ? old.size * 2 : 64;
		t->slots = dv_xcalloc(t->size, sizeof(*t->slots));
		for (uint32_t i = 0; i < old.size; i++)
			if (old.slots[i].name)
				*slot(t, old.slots[i].kind, old.slots[i].name) = old.slots[i];
		free(old.slots);
	}
	n = slot(t, kind, name);
	t->count += !n->name;
	*n = (struct dv_name){name, kind, value};
}
