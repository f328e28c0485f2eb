/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded modules: the list `modules` of struct module, each with its own symbol table (struct mod_kallsyms: ELF
 * symbols, strings, one letter of kind for each) and, in the list `btf_modules` of kernel/bpf/btf.c, its BTF. All by
 * BTF offsets of the running kernel. The lists may change while they are read, or be made to loop: every walk is
 * bounded, and what cannot be read is left out. Only modules that are live count: the others' tables are still being
 * made, or go away.
 */
#include <string.h>

#include "guest/priv.h"

#define MODULES_MAX 4096
#define SYMS_MAX    (256u << 10) // of one module
#define STRS_MAX    (16u << 20)
#define ALL_MAX     (1u << 20)   // symbols of all modules
#define BYTES_MAX   (128u << 20) // of symbols, names and BTF of all modules: a list may name one module thousands of times

struct offsets {
	uint32_t list, name, name_size, state, kallsyms, base, size;
	uint32_t symtab, num_symtab, strtab, typetab;
	uint32_t bm_list, bm_module, bm_btf, btf_data, btf_size;
	uint32_t num_orcs, orc_ips, orc_entries;
	bool has_btf, has_typetab, has_orc;
};

static bool offsets(const struct dv_btf *b, struct offsets *o)
{
	uint32_t mem, in;
	bool ok = dv_btf_member(b, "module", "list", &o->list, NULL) &&
	          dv_btf_member(b, "module", "name", &o->name, &o->name_size) &&
	          dv_btf_member(b, "module", "state", &o->state, NULL) &&
	          dv_btf_member(b, "module", "kallsyms", &o->kallsyms, NULL) &&
	          dv_btf_member(b, "mod_kallsyms", "symtab", &o->symtab, NULL) &&
	          dv_btf_member(b, "mod_kallsyms", "num_symtab", &o->num_symtab, NULL) &&
	          dv_btf_member(b, "mod_kallsyms", "strtab", &o->strtab, NULL);

	if (!ok)
		return false;
	// Up to 6.3 one piece of memory for text and data, then an array of them of which text is the first.
	if (dv_btf_member(b, "module", "mem", &mem, NULL) && dv_btf_member(b, "module_memory", "base", &in, NULL)) {
		o->base = mem + in;
		if (!dv_btf_member(b, "module_memory", "size", &in, NULL))
			return false;
		o->size = mem + in;
	} else if (!dv_btf_member(b, "module", "core_layout.base", &o->base, NULL) ||
	           !dv_btf_member(b, "module", "core_layout.size", &o->size, NULL)) {
		return false;
	}
	o->has_orc = dv_btf_member(b, "module", "arch.num_orcs", &o->num_orcs, NULL) &&
	             dv_btf_member(b, "module", "arch.orc_unwind_ip", &o->orc_ips, NULL) &&
	             dv_btf_member(b, "module", "arch.orc_unwind", &o->orc_entries, NULL);
	o->has_typetab = dv_btf_member(b, "mod_kallsyms", "typetab", &o->typetab, NULL);
	o->has_btf = dv_btf_member(b, "btf_module", "list", &o->bm_list, NULL) &&
	             dv_btf_member(b, "btf_module", "module", &o->bm_module, NULL) &&
	             dv_btf_member(b, "btf_module", "btf", &o->bm_btf, NULL) &&
	             dv_btf_member(b, "btf", "data", &o->btf_data, NULL) &&
	             dv_btf_member(b, "btf", "data_size", &o->btf_size, NULL);
	return true;
}

static bool read64(const struct dv_guest *g, uint64_t va, uint64_t *ret)
{
	return dv_guest_read(g, va, ret, 8);
}

void dv_kmod_destroy(struct dv_kmod *m)
{
	if (!m)
		return;
	dv_symtab_deinit(&m->syms);
	free(m);
}

// The bytes from va on, as far as they can be read and at most max.
static char *read_strings(const struct dv_guest *g, uint64_t va, size_t max, size_t *size)
{
	char *p = dv_xcalloc(1, max + 1);

	for (*size = 0; *size < max;) {
		size_t n = 4096 - ((va + *size) & 4095);

		if (n > max - *size)
			n = max - *size;
		if (!dv_guest_read(g, va + *size, p + *size, n))
			break;
		*size += n;
	}
	return p;
}

struct elf_sym {
	uint32_t name;
	uint8_t info, other;
	uint16_t shndx;
	uint64_t value, size;
};

static void read_symbols(const struct dv_guest *g, const struct offsets *o, struct dv_kmod *m, size_t budget,
                         size_t *bytes)
{
	uint64_t ks, symtab, strtab, typetab = 0;
	DV_FREE struct elf_sym *es = NULL;
	DV_FREE char *types = NULL;
	uint32_t n, top = 0;
	size_t strs = 0;

	if (!read64(g, m->addr + o->kallsyms, &ks) || !read64(g, ks + o->symtab, &symtab) ||
	    !read64(g, ks + o->strtab, &strtab) || !dv_guest_read(g, ks + o->num_symtab, &n, 4) || n > SYMS_MAX ||
	    n > budget)
		return;
	if (n * sizeof(*es) > *bytes)
		return;
	*bytes -= n * sizeof(*es);
	es = dv_xcalloc(n, sizeof(*es));
	types = dv_xcalloc(n, 1);
	if (!dv_guest_read(g, symtab, es, n * sizeof(*es)))
		return;
	if (!o->has_typetab || !read64(g, ks + o->typetab, &typetab) || !dv_guest_read(g, typetab, types, n))
		memset(types, 0, n);
	for (uint32_t i = 0; i < n; i++)
		top = es[i].name > top && es[i].name < STRS_MAX ? es[i].name : top;
	if (top + 512 > *bytes)
		return;
	m->syms.pool = read_strings(g, strtab, top + 512, &strs);
	*bytes -= top + 512;
	dv_names_tame(m->syms.pool, strs);
	m->syms.syms = dv_xcalloc(n, sizeof(*m->syms.syms));
	for (uint32_t i = 1; i < n; i++) {
		struct dv_symbol *s = &m->syms.syms[m->syms.count];

		if (!es[i].shndx || es[i].name >= strs || !m->syms.pool[es[i].name] || !(es[i].value >> 63) ||
		    memchr(m->syms.pool + es[i].name, 0, strs - es[i].name) == NULL)
			continue;
		s->name = m->syms.pool + es[i].name;
		s->addr = es[i].value;
		s->size = es[i].size < 64u << 20 ? es[i].size : 0;
		s->kind = types[i] > ' ' && types[i] < 127 ? types[i] : (es[i].info & 15) == 2 ? 't' : 'd';
		m->syms.count++;
	}
	dv_symtab_sort(&m->syms);
	dv_symtab_sizes(&m->syms, m->base + m->size);
}

static void read_orc(const struct dv_guest *g, const struct offsets *o, struct dv_kmod *m)
{
	if (!o->has_orc || !dv_guest_read(g, m->addr + o->num_orcs, &m->orc_count, 4) ||
	    !read64(g, m->addr + o->orc_ips, &m->orc_ips) || !read64(g, m->addr + o->orc_entries, &m->orc_entries) ||
	    !(m->orc_ips >> 63) || !(m->orc_entries >> 63) || m->orc_count > 1u << 24)
		m->orc_count = 0;
}

static void read_btf(struct dv_guest *g, const struct offsets *o, size_t bytes)
{
	uint64_t head = dv_guest_addr(g, "btf_modules"), at;

	if (!g->types || !o->has_btf || !head || !read64(g, head, &at))
		return;
	for (unsigned i = 0; at != head && i < MODULES_MAX; i++) {
		uint64_t bm = at - o->bm_list, mod, btf, data;
		uint32_t size;

		if (!read64(g, at, &at) || !read64(g, bm + o->bm_module, &mod))
			return;
		for (size_t k = 0; k < g->mods.count; k++) {
			struct dv_kmod *m = g->mods.data[k];
			uint8_t *p;

			if (m->addr != mod || m->btf || !read64(g, bm + o->bm_btf, &btf) ||
			    !read64(g, btf + o->btf_data, &data) || !dv_guest_read(g, btf + o->btf_size, &size, 4) ||
			    size > 8u << 20 || size > bytes)
				continue;
			bytes -= size;
			p = dv_xcalloc(1, size);
			if (dv_guest_read(g, data, p, size))
				m->btf = dv_types_add_module(g->types, m->name, p, size);
			else
				free(p);
		}
	}
}

// Is this a name to show? Hostile text must not look like another module either.
static bool name_ok(const char *s)
{
	if (!*s || !strcmp(s, "vmlinux"))
		return false;
	for (; *s; s++) {
		if (*s <= ' ' || *s >= 127)
			return false;
	}
	return true;
}

struct dv_error *dv_modules_read(struct dv_guest *g, bool *changed)
{
	uint64_t head = dv_guest_addr(g, "modules"), at;
	DV_VEC(struct dv_kmod *) found = {0};
	size_t budget = ALL_MAX, bytes = BYTES_MAX;
	struct offsets o = {0};

	if (g->root)
		return dv_local_modules(g, changed);
	*changed = false;
	if (!g->types || !head)
		return NULL; // neither types nor a list: a kernel without modules, for all we can know
	if (!offsets(g->types->base, &o))
		return dv_error_create(DV_ERR_UNKNOWN, "struct module of kernel %s is not known", g->release);
	if (!read64(g, head, &at))
		return dv_error_create(DV_ERR_FAULT, "cannot read the module list at 0x%llx", (unsigned long long)head);
	for (unsigned i = 0; at != head && i < MODULES_MAX; i++) {
		struct dv_kmod m = {.addr = at - o.list}, *keep = NULL;
		uint32_t state, size,
		    name = o.name_size && o.name_size < sizeof(m.name) ? o.name_size : sizeof(m.name) - 1;

		// A list that changed under us ends here; the next look will see the rest.
		if (!read64(g, at, &at) || !dv_guest_read(g, m.addr + o.name, m.name, name) ||
		    !dv_guest_read(g, m.addr + o.state, &state, 4) || !read64(g, m.addr + o.base, &m.base) ||
		    !dv_guest_read(g, m.addr + o.size, &size, 4))
			break;
		m.size = size;
		if (state != 0 || !name_ok(m.name))
			continue;
		for (size_t k = 0; k < g->mods.count; k++) {
			struct dv_kmod *old = g->mods.data[k];

			if (old && old->addr == m.addr && old->base == m.base && old->size == m.size &&
			    !strcmp(old->name, m.name)) {
				keep = old;
				g->mods.data[k] = NULL;
				break;
			}
		}
		if (!keep) {
			keep = dv_xcalloc(1, sizeof(*keep));
			*keep = m;
			read_symbols(g, &o, keep, budget, &bytes);
			read_orc(g, &o, keep);
			*changed = true;
		}
		budget -= keep->syms.count < budget ? keep->syms.count : budget;
		*DV_PUSH(&found) = keep;
	}
	for (size_t k = 0; k < g->mods.count; k++) {
		if (g->mods.data[k]) {
			g->mods.data[k]->gone = g->changes;
			*DV_PUSH(&g->dead) = g->mods.data[k];
			*changed = true;
		}
	}
	DV_VEC_FREE(&g->mods);
	g->mods.data = found.data;
	g->mods.count = found.count;
	g->mods.capacity = found.capacity;
	if (*changed)
		read_btf(g, &o, bytes);
	return NULL;
}
