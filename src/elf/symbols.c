// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Symbols: names of code. .symtab has all of them, .dynsym those that other objects may use; a stripped file's .symtab
 * may be in a separate debug file, whose sections stand at the same virtual addresses. All that name an address in an
 * executable segment are taken, put in order, and told apart from repetitions.
 *
 * Of one address's names the first is the one to show: a typed symbol before a label, one with a size before one
 * without, then as libproc has it: fewer leading underscores, global before local, the shorter one.
 *
 * Cost: n log n comparisons. Comparing looks at names only where addresses are equal, and the names' total length is
 * bounded by that of their text: a table that names one endless text a million times is cut off.
 */
#include "elf/priv.h"

#include <string.h>

static bool in_code(const struct dv_elf *e, uint64_t addr, uint64_t *end)
{
	for (size_t i = 0; i < e->segments.count; i++) {
		const struct dv_elf_segment *s = &e->segments.data[i];

		if (s->exec && addr >= s->vaddr && addr - s->vaddr < s->file_size) {
			*end = s->vaddr + s->file_size;
			return true;
		}
	}
	return false;
}

static bool take(const struct dv_elf *e, const Elf64_Sym *s, struct dv_elf_sym *ret)
{
	uint64_t end;

	switch (ELF64_ST_TYPE(s->st_info)) {
	case STT_FUNC:
		ret->kind = DV_ELF_FUNC;
		break;
	case STT_GNU_IFUNC:
		ret->kind = DV_ELF_IFUNC;
		break;
	case STT_NOTYPE:
		ret->kind = DV_ELF_LABEL;
		break;
	default:
		return false;
	}
	if (s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS || !in_code(e, s->st_value, &end))
		return false;
	ret->addr = s->st_value;
	ret->size = s->st_size < end - s->st_value ? s->st_size : end - s->st_value;
	ret->global = ELF64_ST_BIND(s->st_info) != STB_LOCAL;
	return true;
}

// A version is no part of the name ("memcpy@GLIBC_2.2.5").
static void cut_versions(char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] == '@')
			p[i] = '\0';
}

// The symbols of one table of file @p from (e itself or its debug file), at addresses of e's segments.
static void read_table(struct dv_elf *e, const struct dv_elf *from, const char *name)
{
	const Elf64_Shdr *s = dv_elf_section(from, name), *strs;
	DV_FREE uint8_t *tab = NULL;
	uint64_t count, budget;
	char *pool;

	if (!s || s->sh_entsize != sizeof(Elf64_Sym) || s->sh_link >= from->sections.count ||
	    e->pool_count == DV_COUNT(e->pools))
		return;
	strs = &from->sections.data[s->sh_link];
	count = s->sh_size / sizeof(Elf64_Sym);
	if (strs->sh_type != SHT_STRTAB || count > DV_ELF_SYMS_MAX)
		return;
	tab = dv_elf_copy(from, s->sh_offset, s->sh_size, s->sh_size);
	pool = dv_elf_copy(from, strs->sh_offset, strs->sh_size, DV_ELF_STRS_MAX);
	if (!tab || !pool) {
		free(pool);
		return;
	}
	e->pools[e->pool_count++] = pool;
	dv_elf_tame(pool, strs->sh_size);
	cut_versions(pool, strs->sh_size);
	budget = 4 * strs->sh_size + (1u << 20);
	for (uint64_t i = 0; i < count; i++) {
		struct dv_elf_sym sym = {0};
		Elf64_Sym raw;
		size_t len;

		memcpy(&raw, tab + i * sizeof(raw), sizeof(raw));
		if (raw.st_name >= strs->sh_size || !take(e, &raw, &sym))
			continue;
		sym.name = pool + raw.st_name;
		len = strlen(sym.name);
		if (!len || sym.name[0] == '$')
			continue;
		if (len > budget)
			return;
		budget -= len;
		*DV_PUSH(&e->syms) = sym;
	}
}

static unsigned underscores(const char *s)
{
	return (unsigned)strspn(s, "_");
}

static int by_rank(const void *a, const void *b)
{
	const struct dv_elf_sym *x = a, *y = b;
	size_t lx, ly;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if ((x->kind == DV_ELF_LABEL) != (y->kind == DV_ELF_LABEL))
		return x->kind == DV_ELF_LABEL ? 1 : -1;
	if (!x->size != !y->size)
		return x->size ? -1 : 1;
	if (x->name == y->name)
		return 0;
	lx = underscores(x->name);
	ly = underscores(y->name);
	if (lx != ly)
		return lx < ly ? -1 : 1;
	if (x->global != y->global)
		return x->global ? -1 : 1;
	lx = strlen(x->name);
	ly = strlen(y->name);
	if (lx != ly)
		return lx < ly ? -1 : 1;
	return strcmp(x->name, y->name);
}

// Drop what two tables both have, mark aliases, give sizes.
static void settle(struct dv_elf *e)
{
	size_t n = 0;
	uint64_t next = 0;

	if (e->syms.count)
		qsort(e->syms.data, e->syms.count, sizeof(e->syms.data[0]), by_rank);
	for (size_t i = 0; i < e->syms.count; i++) {
		struct dv_elf_sym *s = &e->syms.data[i], *last = n ? &e->syms.data[n - 1] : NULL;

		if (last && last->addr == s->addr && !strcmp(last->name, s->name))
			continue;
		s->alias = last && last->addr == s->addr;
		e->syms.data[n++] = *s;
	}
	e->syms.count = n;
	for (size_t i = n; i-- > 0;) {
		struct dv_elf_sym *s = &e->syms.data[i];
		uint64_t end;

		if (i + 1 < n && e->syms.data[i + 1].addr != s->addr)
			next = e->syms.data[i + 1].addr;
		if (s->size || !in_code(e, s->addr, &end))
			continue;
		// An alias may say what this one does not.
		s->size = s->alias && s[-1].addr == s->addr ? s[-1].size : 0;
		if (!s->size)
			s->size = (next > s->addr && next < end ? next : end) - s->addr;
	}
}

struct dv_error *dv_elf_symbols(struct dv_elf *e, const struct dv_elf_debug *debug, size_t debug_count,
				const struct dv_elf_sym **ret, size_t *count)
{
	if (!e->symbols_read) {
		const Elf64_Shdr *full = dv_elf_section(e, ".symtab");

		if (!e->mem && e->fd < 0)
			return dv_error_create(DV_ERR_OTHER, "'%s' was closed before its symbols were read", e->name);
		read_table(e, e, ".symtab");
		read_table(e, e, ".dynsym");
		if (!full) {
			struct dv_elf *d = dv_elf_debug_file(e, debug, debug_count);

			if (d)
				read_table(e, d, ".symtab");
			dv_elf_close(d);
		}
		settle(e);
		e->symbols_read = true;
	}
	*ret = e->syms.data;
	*count = e->syms.count;
	return NULL;
}

const struct dv_elf_sym *dv_elf_symbol_at(const struct dv_elf *e, uint64_t addr)
{
	size_t lo = 0, hi = e->syms.count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->syms.data[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	// Symbols may lie within others; a few steps back find the one around.
	for (unsigned steps = 0; lo > 0 && steps < 64; steps++) {
		const struct dv_elf_sym *s = &e->syms.data[--lo];

		if (!s->alias && addr - s->addr < s->size)
			return s;
	}
	return NULL;
}

const struct dv_elf_sym *dv_elf_symbol_find(const struct dv_elf *e, const char *name, size_t *from)
{
	for (size_t i = *from; i < e->syms.count; i++) {
		if (strcmp(e->syms.data[i].name, name))
			continue;
		*from = i + 1;
		return &e->syms.data[i];
	}
	return NULL;
}

static bool find_variable(const struct dv_elf *e, const char *table, const char *name, uint64_t *ret)
{
	const Elf64_Shdr *s = dv_elf_section(e, table), *strs;
	DV_FREE uint8_t *tab = NULL;
	DV_FREE char *pool = NULL;
	size_t len = strlen(name) + 1;

	if (!s || s->sh_entsize != sizeof(Elf64_Sym) || s->sh_link >= e->sections.count)
		return false;
	strs = &e->sections.data[s->sh_link];
	tab = dv_elf_copy(e, s->sh_offset, s->sh_size, DV_ELF_SYMS_MAX * sizeof(Elf64_Sym));
	pool = dv_elf_copy(e, strs->sh_offset, strs->sh_size, DV_ELF_STRS_MAX);
	for (uint64_t i = 0; tab && pool && i < s->sh_size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym sym;

		memcpy(&sym, tab + i * sizeof(sym), sizeof(sym));
		if (ELF64_ST_TYPE(sym.st_info) != STT_OBJECT || sym.st_shndx == SHN_UNDEF ||
		    sym.st_name >= strs->sh_size || strs->sh_size - sym.st_name < len ||
		    memcmp(pool + sym.st_name, name, len))
			continue;
		*ret = sym.st_value;
		return true;
	}
	return false;
}

bool dv_elf_variable(const struct dv_elf *e, const char *name, uint64_t *ret)
{
	return find_variable(e, ".symtab", name, ret) || find_variable(e, ".dynsym", name, ret);
}
