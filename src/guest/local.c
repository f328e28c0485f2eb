/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel that dvirt runs on. It is asked rather than read: /proc/kallsyms for the symbols, /proc/modules for what is
 * loaded, /sys/kernel/btf for the types, /sys/kernel/notes for the build id, /proc/version for the banner. What these
 * say is trusted as the kernel is; but a root folder of a test's making is not, so all is bounded here too.
 *
 * /proc/kallsyms is some 5 MB of text, and making it takes the kernel most of the time that dvirt needs to start on the
 * host. So it is read once, its names stay where they are in the buffer, and it is read again only when other modules
 * are loaded than before. vmlinux's symbols come first, by address; then each module's, marked "[name]", which are
 * copied out, because they go when their module goes; then BPF programs and other code made at run time, marked as if of
 * modules that /proc/modules does not have: those are left out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "guest/priv.h"

#define KALLSYMS_MAX (256u << 20)
#define MODULES_MAX  4096u
#define SMALL_MAX    (1u << 20)
#define CHUNK        (1u << 20)

static bool no_memory(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	return false;
}

// The whole of a file, with a NUL behind it; NULL: errno says why.
static char *read_file(const struct dv_guest *g, const char *path, size_t max, size_t *size)
{
	DV_FREE char *name = dv_xasprintf("%s%s", g->root, path);
	DV_FD int fd = open(name, O_RDONLY | O_CLOEXEC);
	size_t room = 0, n = 0;
	char *p = NULL;

	if (fd < 0)
		return NULL;
	for (;;) {
		ssize_t r;

		if (room - n < CHUNK / 2) {
			room = room ? room * 2 : CHUNK;
			p = dv_xrealloc(p, room + 1);
		}
		r = read(fd, p + n, room - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 || n > max) {
			int err = r < 0 ? errno : EFBIG;

			free(p);
			errno = err;
			return NULL;
		}
		if (!r)
			break;
		n += (size_t)r;
	}
	p[n] = 0;
	if (size)
		*size = n;
	return p;
}

static const char *hex(const char *p, uint64_t *ret)
{
	uint64_t v = 0;

	for (;; p++) {
		unsigned c = (unsigned char)*p;

		if (c - '0' < 10)
			v = v << 4 | (c - '0');
		else if ((c | 32) - 'a' < 6)
			v = v << 4 | ((c | 32) - 'a' + 10);
		else
			break;
	}
	*ret = v;
	return p;
}

// One line of kallsyms, "ADDRESS K NAME[\t[MODULE]]": ends its texts with NULs. False: not such a line.
static bool parse_line(char *line, char *end, struct dv_symbol *s, char **module)
{
	char *p = (char *)hex(line, &s->addr), *tab;

	if (p == line || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return false;
	s->kind = p[1];
	s->name = p + 3;
	s->size = 0;
	s->module = 0;
	*end = 0;
	*module = NULL;
	tab = memchr(p + 3, '\t', (size_t)(end - p - 3));
	if (tab) {
		*tab = 0;
		if (tab[1] == '[' && end[-1] == ']') {
			end[-1] = 0;
			*module = tab + 2;
		}
	}
	return *s->name;
}

// vmlinux's symbols. The text becomes the table's. *rest: where the modules' lines begin.
static void parse_kernel(char *text, size_t size, struct dv_symtab *ret, char **rest)
{
	size_t room = size / 40 + 64;
	char *p = text, *nl;

	ret->pool = text;
	ret->syms = dv_xcalloc(room, sizeof(*ret->syms));
	for (; (nl = memchr(p, '\n', (size_t)(text + size - p))) && ret->count < DV_KALLSYMS_MAX; p = nl + 1) {
		char *module;

		if (nl > p && nl[-1] == ']')
			break;
		if (ret->count == room) {
			room *= 2;
			ret->syms = dv_xrealloc(ret->syms, room * sizeof(*ret->syms));
		}
		ret->count += parse_line(p, nl, &ret->syms[ret->count], &module);
	}
	*rest = p;
}

static struct dv_error *hidden(const struct dv_guest *g)
{
	return dv_error_hint(dv_error_create(DV_ERR_DENIED, "%s/proc/kallsyms does not tell addresses", g->root),
			     "tracing the host needs root (CAP_SYSLOG); with kernel.kptr_restrict=2 nobody sees them");
}

static struct dv_error *load_symbols(struct dv_guest *g, char **rest)
{
	size_t size;
	char *text = read_file(g, "/proc/kallsyms", KALLSYMS_MAX, &size);
	uint64_t end;
	bool any = false;

	if (!text) {
		int err = errno;

		return dv_error_hint(dv_error_sys(err, "cannot read the kernel's symbols in %s/proc/kallsyms", g->root),
				     err == ENOENT ? "is /proc mounted, and the kernel built with CONFIG_KALLSYMS?"
						   : "tracing the host needs root");
	}
	parse_kernel(text, size, &g->kernel, rest);
	for (size_t i = 0; i < g->kernel.count && !any; i++)
		any = g->kernel.syms[i].addr >> 63;
	if (!g->kernel.count)
		return dv_error_create(DV_ERR_UNKNOWN, "no symbols in %s/proc/kallsyms", g->root);
	if (!any)
		return hidden(g);
	dv_symtab_sort(&g->kernel);
	dv_symtab_index(&g->kernel);
	end = dv_guest_addr(g, "_end");
	dv_symtab_sizes(&g->kernel, end ? end : dv_guest_addr(g, "_etext"));
	return NULL;
}

struct loaded {
	struct dv_kmod kmod;
	bool live;
};

// A line of /proc/modules: NAME SIZE REFERENCES USERS STATE ADDRESS [TAINT].
static bool parse_module(char *line, struct loaded *ret)
{
	char *field[6], *save = NULL;
	struct dv_kmod *m = &ret->kmod;

	for (unsigned i = 0; i < DV_COUNT(field); i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return false;
	}
	if (strlen(field[0]) >= sizeof(m->name) || !strcmp(field[0], "vmlinux"))
		return false;
	snprintf(m->name, sizeof(m->name), "%s", field[0]);
	m->size = strtoull(field[1], NULL, 10);
	m->base = strtoull(field[5], NULL, 16);
	ret->live = !strcmp(field[4], "Live");
	return true;
}

// Symbols of those modules among g->mods from `first` on that have none yet, out of kallsyms' text behind vmlinux's.
static void module_symbols(struct dv_guest *g, char *text, size_t first)
{
	DV_VEC(struct dv_symbol) syms = {0};
	struct dv_kmod *m = NULL;
	size_t pool = 0;
	char *p = text, *nl;

	for (;; p = nl + 1) {
		struct dv_symbol s;
		char *module = NULL;
		bool line = false;

		nl = strchr(p, '\n');
		if (nl)
			line = parse_line(p, nl, &s, &module);
		// The lines of one module come together.
		if (m && (!nl || (line && (!module || strcmp(module, m->name))))) {
			char *to = m->syms.pool = dv_xcalloc(1, pool + 1);

			m->syms.syms = dv_xcalloc(syms.count + 1, sizeof(*m->syms.syms));
			m->syms.count = syms.count;
			for (size_t i = 0; i < syms.count; i++) {
				m->syms.syms[i] = syms.data[i];
				m->syms.syms[i].name = to;
				to = stpcpy(to, syms.data[i].name) + 1;
			}
			dv_symtab_sort(&m->syms);
			dv_symtab_sizes(&m->syms, m->base + m->size);
			m = NULL;
		}
		if (!nl)
			break;
		if (!line || !module)
			continue;
		for (size_t i = first; !m && i < g->mods.count; i++) {
			struct dv_kmod *k = g->mods.data[i];

			if (!k->syms.syms && !strcmp(k->name, module)) {
				m = k;
				syms.count = pool = 0;
			}
		}
		if (m) {
			*DV_PUSH(&syms) = s;
			pool += strlen(s.name) + 1;
		}
	}
	DV_VEC_FREE(&syms);
}

static void module_types(struct dv_guest *g, struct dv_kmod *m)
{
	char path[128];
	size_t size;
	char *p;

	if (!g->types || strchr(m->name, '/'))
		return;
	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", m->name);
	p = read_file(g, path, 8u << 20, &size);
	if (p)
		m->btf = dv_types_add_module(g->types, m->name, (uint8_t *)p, size);
}

// text: kallsyms' lines of modules; NULL: read them when they are needed.
static struct dv_error *read_modules(struct dv_guest *g, char *text, bool *changed)
{
	DV_FREE char *list = read_file(g, "/proc/modules", SMALL_MAX * 4, NULL), *own = NULL;
	DV_VEC(struct dv_kmod *) kept = {0}, fresh = {0};
	char *save = NULL;

	*changed = false;
	if (!list) {
		if (errno == ENOENT)
			return NULL; // a kernel without modules
		return dv_error_sys(errno, "cannot read %s/proc/modules", g->root);
	}
	for (char *l = strtok_r(list, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct loaded m = {0};
		bool keep = false;

		if (!parse_module(l, &m) || !m.live || kept.count + fresh.count >= MODULES_MAX)
			continue;
		for (size_t k = 0; k < g->mods.count && !keep; k++) {
			struct dv_kmod *old = g->mods.data[k];

			if (old && old->base == m.kmod.base && old->size == m.kmod.size &&
			    !strcmp(old->name, m.kmod.name)) {
				*DV_PUSH(&kept) = old;
				g->mods.data[k] = NULL;
				keep = true;
			}
		}
		if (!keep) {
			struct dv_kmod *n = *DV_PUSH(&fresh) = dv_xcalloc(1, sizeof(*n));

			*n = m.kmod;
		}
	}
	for (size_t k = 0; k < g->mods.count; k++) {
		if (g->mods.data[k]) {
			g->mods.data[k]->gone = g->changes;
			*DV_PUSH(&g->dead) = g->mods.data[k];
			*changed = true;
		}
	}
	g->mods.count = 0;
	for (size_t k = 0; k < kept.count; k++)
		*DV_PUSH(&g->mods) = kept.data[k];
	for (size_t k = 0; k < fresh.count; k++)
		*DV_PUSH(&g->mods) = fresh.data[k];
	if (fresh.count) {
		*changed = true;
		if (!text) {
			text = own = read_file(g, "/proc/kallsyms", KALLSYMS_MAX, NULL);
			// Not line by line through all of the kernel.
			while (text && (save = strchr(text, '\n')) && save > text && save[-1] != ']')
				text = save + 1;
		}
		if (text)
			module_symbols(g, text, kept.count);
		for (size_t k = 0; k < fresh.count; k++)
			module_types(g, fresh.data[k]);
	}
	DV_VEC_FREE(&kept);
	DV_VEC_FREE(&fresh);
	return NULL;
}

struct dv_error *dv_local_modules(struct dv_guest *g, bool *changed)
{
	return read_modules(g, NULL, changed);
}

static void *load_types(void *arg)
{
	struct dv_guest *g = arg;
	size_t size;
	char *p = read_file(g, "/sys/kernel/btf/vmlinux", DV_BTF_BYTES, &size);
	struct dv_btf *b;

	if (!p) {
		g->no_types = errno == ENOENT
				  ? dv_xasprintf("the kernel has no BTF (CONFIG_DEBUG_INFO_BTF): no %s/sys/kernel/btf/vmlinux",
						 g->root)
				  : dv_xasprintf("cannot read %s/sys/kernel/btf/vmlinux: %s", g->root, strerror(errno));
		return NULL;
	}
	b = dv_guest_take_btf(g, (uint8_t *)p, size);
	if (b)
		dv_guest_set_types(g, b);
	return NULL;
}

static struct dv_error *load_names(struct dv_guest *g)
{
	static const char linux_version[] = "Linux version ";
	DV_FREE char *version = read_file(g, "/proc/version", SMALL_MAX, NULL), *notes = NULL;
	size_t size;
	uint32_t id_size;

	if (!version)
		return dv_error_sys(errno, "cannot read %s/proc/version", g->root);
	if (strncmp(version, linux_version, sizeof(linux_version) - 1))
		return dv_error_create(DV_ERR_UNKNOWN, "%s/proc/version is not that of Linux", g->root);
	snprintf(g->banner, sizeof(g->banner), "%.*s", (int)strcspn(version, "\n"), version);
	version += sizeof(linux_version) - 1;
	snprintf(g->release, sizeof(g->release), "%.*s", (int)strcspn(version, " \n"), version);
	version -= sizeof(linux_version) - 1;
	notes = read_file(g, "/sys/kernel/notes", SMALL_MAX, &size);
	if (notes)
		(void)dv_notes_build_id(g, (const uint8_t *)notes, size, &id_size);
	return NULL;
}

struct dv_error *dv_guest_open_local_at(const char *root, uint32_t universe, struct dv_guest **ret)
{
	struct dv_guest *g = dv_xcalloc(1, sizeof(*g));
	struct dv_guest_regs none = {0};
	struct dv_error *e;
	uint64_t text, end;
	pthread_t types;
	bool changed, apart;
	char *rest = NULL;

	g->root = dv_xstrdup(root);
	g->phys.read = no_memory;
	*DV_PUSH(&g->list) = (struct dv_module){.name = "vmlinux"};
	// Symbols and types take much the same time, and nothing of each other.
	apart = !pthread_create(&types, NULL, load_types, g);
	if (!apart)
		load_types(g);
	e = load_names(g);
	if (!e)
		e = load_symbols(g, &rest);
	if (apart)
		pthread_join(types, NULL);
	if (e) {
		dv_guest_close(g);
		return e;
	}
	text = dv_guest_addr(g, "_text");
	end = dv_guest_addr(g, "_end");
	g->list.data[0].base = text;
	g->list.data[0].size = end > text ? end - text : 0;
	g->universe = dv_universe_create(universe, g->release, g->types ? &dv_btf_source_ops : NULL, g->types);
	if (g->types)
		g->types->universe = g->universe;
	dv_layout_fill(g, &none);
	e = read_modules(g, rest, &changed);
	dv_error_destroy(e); // they are read again at the next refresh, which says so
	dv_guest_join_symbols(g);
	*ret = g;
	return NULL;
}

struct dv_error *dv_guest_open_local(const char *cache_dir, uint32_t universe, struct dv_guest **ret)
{
	return dv_guest_open_local_at("", universe, ret);
}

struct dv_error *dv_local_tasks(struct dv_guest *g, dv_task_fn *fn, void *ctx)
{
	DV_FREE char *proc = dv_xasprintf("%s/proc", g->root);
	DIR *d = opendir(proc), *t;
	struct dirent *e, *f;
	bool go = true;

	if (!d)
		return dv_error_sys(errno, "cannot read %s", proc);
	while (go && (e = readdir(d))) {
		DV_FREE char *tasks = dv_xasprintf("%s/%s/task", proc, e->d_name);

		// One that ended meanwhile has none.
		if (strspn(e->d_name, "0123456789") != strlen(e->d_name) || !(t = opendir(tasks)))
			continue;
		while (go && (f = readdir(t))) {
			DV_FREE char *path = dv_xasprintf("/proc/%s/task/%s/comm", e->d_name, f->d_name), *comm = NULL;

			if (strspn(f->d_name, "0123456789") != strlen(f->d_name) ||
			    !(comm = read_file(g, path, 4096, NULL)))
				continue;
			comm[strcspn(comm, "\n")] = 0;
			go = fn(ctx, 0, atoi(f->d_name), atoi(e->d_name), comm);
		}
		closedir(t);
	}
	closedir(d);
	return NULL;
}
