/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's kernel, put together: the image by its page tables, the symbols by kallsyms, the types by BTF, then what
 * both allow. A kernel seen before is read only where its tables are (cache.c); else the whole image is copied once, to
 * be searched. Either way the same parsers check the same bytes.
 */
#include "guest/guest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "guest/priv.h"

#define BANNER "Linux version "
#define TEXTS_MAX 64u /* that begin like it: an image may be made to be slow */

uint64_t dv_guest_addr(const struct dv_guest *g, const char *name)
{
	const struct dv_symbol *s = dv_symtab_find(&g->kernel, name, -1);

	return s ? s->addr : 0;
}

static bool read_image(const struct dv_guest *g, uint64_t off, void *dst, size_t size)
{
	return off <= g->image.size && size <= g->image.size - off &&
	       g->phys.read(g->phys.ctx, g->image.pa + off, dst, size);
}

static bool in_image(const struct dv_guest *g, uint64_t va, uint64_t size)
{
	return va - g->image.va < g->image.size && size <= g->image.size - (va - g->image.va);
}

// linux_banner, and the release in it. The copy stays as it is, for dv_guest_still().
static bool read_banner(struct dv_guest *g, uint64_t va)
{
	const char *s = g->banner + sizeof(BANNER) - 1;
	size_t n = sizeof(g->banner) - 1;

	if (!in_image(g, va, sizeof(BANNER)))
		return false;
	if (!in_image(g, va, n))
		n = g->image.size - (va - g->image.va);
	memset(g->banner, 0, sizeof(g->banner));
	if (!read_image(g, va - g->image.va, g->banner, n) || strncmp(g->banner, BANNER, sizeof(BANNER) - 1) ||
	    !isdigit((unsigned char)*s))
		return false;
	// Up to the newline that ends it; what is not text does not come from a kernel's build.
	n = strcspn(g->banner, "\n");
	memset(g->banner + n, 0, sizeof(g->banner) - n);
	for (n = 0; g->banner[n]; n++) {
		if (g->banner[n] < ' ' || g->banner[n] >= 127)
			g->banner[n] = '?';
	}
	snprintf(g->release, sizeof(g->release), "%.*s", (int)strcspn(s, " "), s);
	g->banner_va = va;
	return true;
}

// Symbols from bytes of the image at off that hold the tables somewhere.
static struct dv_error *load_symbols(struct dv_guest *g, const uint8_t *buf, uint64_t off, uint64_t size)
{
	struct dv_kallsyms_loc loc;
	struct dv_error *e;

	if (!dv_kallsyms_find(buf, size, g->image.va + off, g->image.va, g->image.size, &loc))
		return dv_error_hint(
		    dv_error_create(DV_ERR_UNKNOWN,
				    "no kernel symbol table (kallsyms) found in the kernel image at 0x%llx",
				    (unsigned long long)g->image.va),
		    "the guest's kernel may be built without CONFIG_KALLSYMS, or may still be starting");
	e = dv_kallsyms_decode(buf, size, &loc, g->image.va + g->image.size, &g->kernel);
	if (e)
		return e;
	dv_kallsyms_shift(&loc, -(int64_t)off);
	g->where.kallsyms = loc;
	if (!read_banner(g, dv_guest_addr(g, "linux_banner"))) {
		// Without CONFIG_KALLSYMS_ALL data has no symbols.
		const uint8_t *p = buf, *end = buf + size;
		bool found = false;

		for (unsigned i = 0; i < TEXTS_MAX && !found && (p = memmem(p, end - p, BANNER, sizeof(BANNER) - 1)); i++, p++)
			found = read_banner(g, g->image.va + off + (p - buf));
		if (!found)
			return dv_error_create(DV_ERR_UNKNOWN,
					       "no \"" BANNER "\" text found in the kernel image at 0x%llx",
					       (unsigned long long)g->image.va);
	}
	return NULL;
}

int64_t dv_notes_build_id(struct dv_guest *g, const uint8_t *notes, size_t size, uint32_t *id_size)
{
	uint32_t h[3];

	for (uint64_t at = 0; at + sizeof(h) <= size;) {
		uint64_t desc;

		memcpy(h, notes + at, sizeof(h));
		if (h[0] > size || h[1] > size)
			return -1;
		desc = at + sizeof(h) + ((h[0] + 3) & ~3u);
		if (desc + h[1] > size)
			return -1;
		if (h[2] == 3 && h[0] == 4 && !memcmp(notes + at + sizeof(h), "GNU", 4) && h[1] >= 8 &&
		    h[1] <= DV_BUILD_ID_MAX) {
			memcpy(g->id, notes + desc, h[1]);
			dv_hex(g->build_id, g->id, h[1]);
			*id_size = h[1];
			return (int64_t)desc;
		}
		at = desc + ((h[1] + 3) & ~3u);
	}
	return -1;
}

static void load_build_id(struct dv_guest *g)
{
	uint64_t lo = dv_guest_addr(g, "__start_notes"), hi = dv_guest_addr(g, "__stop_notes");
	uint8_t notes[4096];
	uint32_t size;
	int64_t at;

	if (lo >= hi || hi - lo > sizeof(notes) || !in_image(g, lo, hi - lo) ||
	    !read_image(g, lo - g->image.va, notes, hi - lo))
		return;
	at = dv_notes_build_id(g, notes, hi - lo, &size);
	if (at >= 0) {
		g->where.build_id = lo - g->image.va + (uint64_t)at;
		g->where.build_id_size = size;
	}
}

static bool find_symbol(void *ctx, const char *module, const char *name, uint64_t *addr, const char **in_module)
{
	struct dv_guest *g = ctx;
	const struct dv_symbol *s = dv_guest_symbol(g, module, name);

	if (!s)
		return false;
	*addr = s->addr;
	*in_module = g->list.data[s->module].name;
	return true;
}

struct dv_btf *dv_guest_take_btf(struct dv_guest *g, uint8_t *data, size_t size)
{
	struct dv_btf *b = NULL;
	struct dv_error *e = dv_btf_create(data, size, NULL, "vmlinux", &b);

	if (!e)
		return b;
	free(g->no_types);
	g->no_types = dv_xstrdup(e->msg);
	dv_error_destroy(e);
	return NULL;
}

static struct dv_btf *try_btf(struct dv_guest *g, uint64_t off, uint64_t size)
{
	struct dv_btf *b;
	uint8_t *p;

	if (!size || size > DV_BTF_BYTES || !(p = dv_image_copy(&g->phys, &g->image, off, size)))
		return NULL;
	b = dv_guest_take_btf(g, p, size);
	if (!b)
		return NULL;
	g->where.btf = off;
	g->where.btf_size = size;
	return b;
}

void dv_guest_set_types(struct dv_guest *g, struct dv_btf *b)
{
	free(g->no_types);
	g->no_types = NULL;
	g->types = dv_types_create(b);
	g->types->symbol = find_symbol;
	g->types->symbol_ctx = g;
}

// buf: the whole image, or NULL.
static void load_types(struct dv_guest *g, const uint8_t *buf)
{
	uint64_t lo = dv_guest_addr(g, "__start_BTF"), hi = dv_guest_addr(g, "__stop_BTF");
	struct dv_btf *b = NULL;

	if (lo && lo < hi && in_image(g, lo, hi - lo))
		b = try_btf(g, lo - g->image.va, hi - lo);
	else if (!buf)
		b = try_btf(g, g->where.btf, g->where.btf_size);
	// No symbols for data: the largest thing that looks like BTF.
	if (!b && buf && !lo) {
		const uint8_t magic[4] = {0x9f, 0xeb, 1, 0}, *p = buf, *end = buf + g->image.size;
		uint64_t best = 0, best_size = 0;

		while ((p = memmem(p, end - p, magic, sizeof(magic)))) {
			uint64_t n = (p - buf) & 3 ? 0 : dv_btf_size(p, end - p);

			if (n > best_size) {
				best = p - buf;
				best_size = n;
			}
			p++;
		}
		if (best_size)
			b = try_btf(g, best, best_size);
	}
	if (!b) {
		if (!g->no_types)
			g->no_types = dv_xstrdup("the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
		return;
	}
	dv_guest_set_types(g, b);
}

static void forget(struct dv_guest *g)
{
	dv_symtab_deinit(&g->kernel);
	g->where = (struct dv_where){0};
}

static bool open_cached(struct dv_guest *g, const char *dir)
{
	struct dv_where w;
	DV_FREE uint8_t *buf = NULL;
	uint64_t lo, hi;
	struct dv_error *e;

	if (!dv_cache_load(dir, &g->phys, &g->image, &w) || !dv_kallsyms_span(&w.kallsyms, &lo, &hi))
		return false;
	// Some room before and behind: the tables' outermost alignment is looked at too.
	lo = lo > 64 ? (lo - 64) & ~7ULL : 0;
	hi = hi + 64 < g->image.size ? hi + 64 : g->image.size;
	if (lo >= hi || !(buf = dv_image_copy(&g->phys, &g->image, lo, hi - lo)))
		return false;
	e = load_symbols(g, buf, lo, hi - lo);
	if (!e) {
		g->where.btf = w.btf;
		g->where.btf_size = w.btf_size;
		load_build_id(g);
		if (g->where.build_id == w.build_id && g->where.build_id_size == w.build_id_size) {
			g->from_cache = true;
			return true;
		}
	}
	dv_error_destroy(e);
	forget(g);
	return false;
}

struct dv_error *dv_guest_open(const struct dv_phys *phys, const struct dv_guest_regs *regs, const char *cache_dir,
                               uint32_t universe, struct dv_guest **ret)
{
	struct dv_guest *g = dv_xcalloc(1, sizeof(*g));
	DV_FREE uint8_t *buf = NULL;
	struct dv_error *e;
	bool changed;

	g->phys = *phys;
	*DV_PUSH(&g->list) = (struct dv_module){.name = "vmlinux"};
	e = dv_image_find(phys, regs, &g->image);
	if (e)
		goto fail;
	g->layout.la57 = !!(regs->cr4 & DV_CR4_LA57);
	g->layout.text_va = g->list.data[0].base = g->image.va;
	g->layout.text_pa = g->image.pa;
	g->layout.text_size = g->list.data[0].size = g->image.size;

	if (!cache_dir || !open_cached(g, cache_dir)) {
		buf = dv_image_copy(&g->phys, &g->image, 0, g->image.size);
		if (!buf) {
			e = dv_error_create(DV_ERR_LIMIT,
					    "the kernel image at 0x%llx has %llu bytes, which is too much",
					    (unsigned long long)g->image.va, (unsigned long long)g->image.size);
			goto fail;
		}
		e = load_symbols(g, buf, 0, g->image.size);
		if (e)
			goto fail;
		load_build_id(g);
	}
	load_types(g, buf);
	g->universe = dv_universe_create(universe, g->release, g->types ? &dv_btf_source_ops : NULL, g->types);
	if (g->types)
		g->types->universe = g->universe;
	dv_layout_fill(g, regs);
	if (cache_dir && !g->from_cache)
		dv_cache_store(cache_dir, &g->where, g->id);
	e = dv_modules_read(g, &changed);
	dv_error_destroy(e); // modules are read again at the next refresh, which says so
	dv_guest_join_symbols(g);
	*ret = g;
	return NULL;
fail:
	dv_guest_close(g);
	return e;
}

void dv_guest_close(struct dv_guest *g)
{
	if (!g)
		return;
	dv_universe_destroy(g->universe);
	dv_types_destroy(g->types);
	if (g->all.syms)
		g->kernel.syms = NULL; // the same
	dv_symtab_deinit(&g->kernel);
	for (size_t i = 0; i < g->mods.count; i++)
		dv_kmod_destroy(g->mods.data[i]);
	for (size_t i = 0; i < g->dead.count; i++)
		dv_kmod_destroy(g->dead.data[i]);
	DV_VEC_FREE(&g->mods);
	DV_VEC_FREE(&g->dead);
	DV_VEC_FREE(&g->list);
	DV_VEC_FREE(&g->orcs);
	free(g->loaded.hash);
	free(g->all.syms);
	for (size_t i = 0; i < DV_COUNT(g->old); i++)
		free(g->old[i]);
	free(g->no_types);
	free(g->root);
	free(g);
}

// Names of modules that went are kept as long as an array may point to them.
static void drop_dead(struct dv_guest *g)
{
	size_t k = 0;

	g->changes++;
	for (size_t i = 0; i < g->dead.count; i++) {
		if (g->changes - g->dead.data[i]->gone > DV_COUNT(g->old) + 1)
			dv_kmod_destroy(g->dead.data[i]);
		else
			g->dead.data[k++] = g->dead.data[i];
	}
	g->dead.count = k;
}

void dv_guest_join_symbols(struct dv_guest *g)
{
	size_t n = g->kernel.count;
	struct dv_symbol *out;

	for (size_t i = 0; i < g->mods.count; i++)
		n += g->mods.data[i]->syms.count;
	if (!g->all.syms) {
		out = dv_xrealloc(g->kernel.syms, n * sizeof(*out));
	} else {
		out = dv_xcalloc(n, sizeof(*out));
		memcpy(out, g->kernel.syms, g->kernel.count * sizeof(*out));
		free(g->old[g->old_next]);
		g->old[g->old_next] = g->all.syms;
		g->old_next = (g->old_next + 1) % DV_COUNT(g->old);
		drop_dead(g);
	}
	g->all.syms = g->kernel.syms = out;
	g->all.count = n;
	out += g->kernel.count;
	free(g->loaded.hash);
	g->loaded = (struct dv_symtab){.syms = out, .count = n - g->kernel.count};
	g->list.count = 1;
	for (size_t i = 0; i < g->mods.count; i++) {
		struct dv_kmod *m = g->mods.data[i];
		struct dv_module *d = DV_PUSH(&g->list);

		memcpy(d->name, m->name, sizeof(d->name));
		d->base = m->base;
		d->size = m->size;
		for (size_t k = 0; k < m->syms.count; k++, out++) {
			*out = m->syms.syms[k];
			out->module = i + 1;
		}
	}
	dv_orc_tables(g);
	// The pieces of one module may lie between those of another.
	dv_symtab_sort(&g->loaded);
	dv_symtab_index(&g->loaded);
}

struct dv_error *dv_guest_refresh_modules(struct dv_guest *g, bool *changed)
{
	struct dv_error *e = dv_modules_read(g, changed);

	if (*changed)
		dv_guest_join_symbols(g);
	return e;
}

const char *dv_guest_release(const struct dv_guest *g)
{
	return g->release;
}

const char *dv_guest_banner(const struct dv_guest *g)
{
	return g->banner;
}

const char *dv_guest_build_id(const struct dv_guest *g)
{
	return g->build_id;
}

bool dv_guest_has_types(const struct dv_guest *g)
{
	return g->types != NULL;
}

const char *dv_guest_no_types(const struct dv_guest *g)
{
	return g->no_types ? g->no_types : "";
}

bool dv_guest_from_cache(const struct dv_guest *g)
{
	return g->from_cache;
}

const struct dv_guest_layout *dv_guest_layout(const struct dv_guest *g)
{
	return &g->layout;
}

// A number of vmlinux's; false: it has none of that name.
static bool read_number(const struct dv_guest *g, const char *name, void *dst, size_t size)
{
	uint64_t va = dv_guest_addr(g, name);

	return va && in_image(g, va, size) && read_image(g, va - g->image.va, dst, size);
}

// A kernel counts its clock's ticks up from its start, and never back: fewer than before are those of another start.
static bool began_anew(struct dv_guest *g)
{
	uint64_t now, before = g->ticks;

	if (!read_number(g, "jiffies_64", &now, sizeof(now)))
		return false;
	g->ticks = now;
	return now < before;
}

// enum system_states of linux/kernel.h: SYSTEM_BOOTING, SYSTEM_SCHEDULING (since 4.13), ...
bool dv_guest_is_up(const struct dv_guest *g)
{
	uint32_t state;

	return g->root || !read_number(g, "system_state", &state, sizeof(state)) || state > 0;
}

bool dv_guest_panicked(struct dv_guest *g)
{
	int32_t cpu;

	if (g->root || g->panicked || !read_number(g, "panic_cpu", &cpu, sizeof(cpu)) || cpu < 0)
		return false;
	g->panicked = true;
	return true;
}

bool dv_guest_still(struct dv_guest *g)
{
	char banner[sizeof(g->banner)];
	uint8_t id[DV_BUILD_ID_MAX];
	size_t n = strlen(g->banner);

	if (g->root)
		return true;
	if (!read_image(g, g->banner_va - g->image.va, banner, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (banner[i] != g->banner[i] && g->banner[i] != '?')
			return false;
	}
	if (g->where.build_id_size && (!read_image(g, g->where.build_id, id, g->where.build_id_size) ||
	                               memcmp(id, g->id, g->where.build_id_size) != 0))
		return false;
	return !began_anew(g);
}

bool dv_guest_runs(const struct dv_guest *g, const struct dv_guest_regs *regs)
{
	uint64_t at = g->image.pa + (g->banner_va - g->image.va), pa, left;
	bool la57 = regs->cr4 & DV_CR4_LA57;

	if (g->root)
		return true;
	// On its way in or out, the kernel runs on user mode's tables: its own are those before (image.c).
	return (dv_walk(&g->phys, regs->cr3, la57, g->banner_va, &pa, &left) && pa == at) ||
	       (dv_walk(&g->phys, regs->cr3 & ~0x1000ULL, la57, g->banner_va, &pa, &left) && pa == at);
}

const struct dv_symbol *dv_guest_symbols(const struct dv_guest *g, size_t *count)
{
	*count = g->all.count;
	return g->all.syms;
}

const struct dv_symbol *dv_guest_symbol(const struct dv_guest *g, const char *module, const char *name)
{
	const struct dv_symbol *s;

	if (!module || !strcmp(module, "vmlinux")) {
		s = dv_symtab_find(&g->kernel, name, -1);
		if (s)
			return &g->all.syms[s - g->kernel.syms];
		return module ? NULL : dv_symtab_find(&g->loaded, name, -1);
	}
	for (size_t i = 1; i < g->list.count; i++) {
		if (!strcmp(g->list.data[i].name, module) && (s = dv_symtab_find(&g->loaded, name, i)))
			return s;
	}
	return NULL;
}

const struct dv_symbol *dv_guest_symbol_at(const struct dv_guest *g, uint64_t addr)
{
	const struct dv_symbol *s = dv_symtab_at(g->all.syms, g->kernel.count, addr);

	return s ? s : dv_symtab_at(g->loaded.syms, g->loaded.count, addr);
}

const struct dv_module *dv_guest_modules(const struct dv_guest *g, size_t *count)
{
	*count = g->list.count;
	return g->list.data;
}

struct dv_universe *dv_guest_types(struct dv_guest *g)
{
	return g->universe;
}

const struct dv_type *dv_guest_func_type(struct dv_guest *g, const char *module, const char *name)
{
	return g->types ? dv_types_func(g->types, module, name) : NULL;
}

uint32_t dv_guest_func_id(const struct dv_guest *g, const char *name)
{
	return g->types ? dv_btf_find(g->types->base, 1u << DV_BTF_FUNC, name) : 0;
}
