/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/symtab.h"

#include <string.h>

#define PROBES 256

uint32_t dv_str_hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h ^ h >> 15;
}

void dv_names_tame(char *p, size_t size)
{
	size_t run = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)p[i];

		run = c ? run + 1 : 0;
		if (run > DV_NAME_MAX) {
			p[i] = 0;
			run = 0;
		} else if (c && (c < ' ' || c >= 127)) {
			p[i] = '?';
		}
	}
}

void dv_symtab_index(struct dv_symtab *t)
{
	uint32_t size = 16, steps;

	while (size < t->count * 2 && size < 1u << 31)
		size *= 2;
	free(t->hash);
	t->hash = dv_xcalloc(size, sizeof(*t->hash));
	t->hash_size = size;
	for (size_t i = 0; i < t->count; i++) {
		uint32_t full = dv_str_hash(t->syms[i].name), h = full & (size - 1);

		// A name repeated thousands of times ("__func__.0") would make this quadratic: of those, the first is
		// enough for lookups by name. So would names made to collide: they are not found by name.
		for (steps = 0; t->hash[h] && steps < PROBES; steps++) {
			// The hash is compared first: another symbol's name is far away in memory.
			if (t->hash[h] >> 32 == full) {
				const struct dv_symbol *o = &t->syms[(uint32_t)t->hash[h] - 1];

				if (o->module == t->syms[i].module && !strcmp(o->name, t->syms[i].name))
					break;
			}
			h = (h + 1) & (size - 1);
		}
		if (!t->hash[h] && steps < PROBES)
			t->hash[h] = (uint64_t)full << 32 | (i + 1);
	}
}

void dv_symtab_deinit(struct dv_symtab *t)
{
	free(t->syms);
	free(t->pool);
	free(t->hash);
	*t = (struct dv_symtab){0};
}

const struct dv_symbol *dv_symtab_find(const struct dv_symtab *t, const char *name, int module)
{
	const struct dv_symbol *best = NULL;
	uint32_t full = dv_str_hash(name), h = full & (t->hash_size - 1);

	if (!t->hash)
		return NULL;
	for (uint32_t steps = 0; t->hash[h] && steps < PROBES; steps++, h = (h + 1) & (t->hash_size - 1)) {
		const struct dv_symbol *s = &t->syms[(uint32_t)t->hash[h] - 1];

		if (t->hash[h] >> 32 == full && (module < 0 || s->module == module) && !strcmp(s->name, name) &&
		    (!best || s < best))
			best = s;
	}
	return best;
}

static int by_addr(const void *pa, const void *pb)
{
	const struct dv_symbol *a = pa, *b = pb;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return strcmp(a->name, b->name);
}

void dv_symtab_sort(struct dv_symtab *t)
{
	for (size_t i = 1; i < t->count; i++) {
		if (t->syms[i - 1].addr > t->syms[i].addr) {
			qsort(t->syms, t->count, sizeof(*t->syms), by_addr);
			return;
		}
	}
}

void dv_symtab_sizes(struct dv_symtab *t, uint64_t end)
{
	uint64_t next = 0; // the next higher address, 0: none yet

	for (size_t i = t->count; i-- > 0;) {
		struct dv_symbol *s = &t->syms[i];
		uint64_t stop = i + 1 < t->count && t->syms[i + 1].addr != s->addr ? t->syms[i + 1].addr : next;

		next = stop;
		// The tail of the per-CPU area, say, is followed by nothing for a long way.
		if (!s->size && stop > s->addr && stop - s->addr < 64u << 20)
			s->size = stop - s->addr;
		else if (!s->size && !stop && end > s->addr && end - s->addr < 64u << 20)
			s->size = end - s->addr;
	}
}

const struct dv_symbol *dv_symtab_at(const struct dv_symbol *first, size_t count, uint64_t addr)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (first[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	// Of several at one address the first; a symbol without size (a label at the end) is stepped over.
	for (unsigned steps = 0; lo > 0 && steps < 64; steps++) {
		const struct dv_symbol *s = &first[--lo];

		if (addr - s->addr < s->size || addr == s->addr) {
			while (lo > 0 && first[lo - 1].addr == s->addr && first[lo - 1].size >= s->size)
				s = &first[--lo];
			return s;
		}
	}
	return NULL;
}
