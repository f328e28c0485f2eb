/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * D libraries: files of declarations that every script may use, and most do not. So they are not parsed at the start.
 * When a script first uses a name that it does not declare itself, the files are read and looked over: their top level
 * is words, and braces to be passed over, which is a matter of a fraction of a millisecond. A file is parsed when one
 * of the names that it declares is wanted.
 *
 * Looking over errs on the side of too many names: all that costs is a file parsed in vain.
 */
#include "lang/impl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LIB_MAX   (1u << 20) // bytes of a file
#define LIBS_MAX  256u
#define WORD_MAX  64u

struct scan {
	struct dv_script *s;
	struct dv_lib *lib;
	const char *p, *end;
};

static void enter(struct scan *sc, enum dv_name_kind kind, const char *word, size_t len)
{
	char name[WORD_MAX];
	struct dv_libref *ref, *r;

	if (len >= sizeof(name))
		return;
	memcpy(name, word, len);
	name[len] = '\0';
	r = dv_names_find(&sc->s->names, kind, name);
	for (; r; r = r->next)
		if (r->lib == sc->lib)
			return;
	ref = dv_arena_alloc(&sc->s->arena, sizeof(*ref));
	ref->lib = sc->lib;
	r = dv_names_find(&sc->s->names, kind, name);
	if (r) { // behind those of earlier folders
		while (r->next)
			r = r->next;
		r->next = ref;
		return;
	}
	dv_names_put(&sc->s->names, kind, dv_arena_strdup(&sc->s->arena, name), ref);
}

// One token, roughly: a word (true), or a character or comment or string (false). sc->p moves behind it.
static bool word(struct scan *sc, const char **at, size_t *len, int *c)
{
	const char *p = sc->p, *e = sc->end;

	*c = (unsigned char)*p;
	if (isalpha(*c) || *c == '_') {
		for (*at = p; p < e && (isalnum((unsigned char)*p) || *p == '_');)
			p++;
		*len = (size_t)(p - *at);
		sc->p = p;
		return true;
	}
	if (e - p >= 2 && p[0] == '/' && p[1] == '*') {
		p = strstr(p + 2, "*/");
		sc->p = p ? p + 2 : e;
		*c = ' ';
	} else if ((e - p >= 2 && p[0] == '/' && p[1] == '/') || *c == '#') {
		while (p < e && *p != '\n')
			p++;
		sc->p = p;
		*c = ' ';
	} else if (*c == '"' || *c == '\'') {
		for (p++; p < e && *p != *c && *p != '\n'; p++)
			p += *p == '\\' && p + 1 < e;
		sc->p = p < e ? p + 1 : e;
		*c = ' ';
	} else {
		sc->p++;
	}
	return false;
}

// The names that a library declares.
static void look_over(struct dv_script *s, struct dv_lib *lib)
{
	struct scan sc = {.s = s, .lib = lib, .p = lib->text, .end = lib->text + lib->len};
	bool value = false, enumeration = false, enumerator = false, angle = false;
	enum { PLAIN, XLATOR, PROVIDER } kind = PLAIN;
	unsigned braces = 0, brackets = 0;

	while (sc.p < sc.end) {
		const char *w;
		size_t len;
		int c;

		if (word(&sc, &w, &len, &c)) {
			enum dv_kw kw = dv_keyword(w, len);

			if (!braces && kw == DV_K_ENUM)
				enumeration = true;
			else if (!braces && kw == DV_K_TRANSLATOR)
				kind = XLATOR;
			else if (!braces && kw == DV_K_PROVIDER)
				kind = PROVIDER;
			if (kw)
				continue;
			if (braces == 1 && enumeration && enumerator)
				enter(&sc, DV_NAME_LIB, w, len);
			else if (!braces && !brackets && !value && !angle)
				enter(&sc,
				      kind == XLATOR	 ? DV_NAME_LIB_XLATOR
				      : kind == PROVIDER ? DV_NAME_LIB_PROVIDER
							 : DV_NAME_LIB,
				      w, len);
			enumerator = false;
			continue;
		}
		braces += c == '{';
		braces -= c == '}' && braces;
		brackets += c == '[' || c == '(';
		brackets -= (c == ']' || c == ')') && brackets;
		if (braces == 1 && (c == '{' || c == ','))
			enumerator = true;
		if (braces)
			continue;
		if (c == '=')
			value = true;
		if (kind == XLATOR && (c == '<' || c == '>'))
			angle = c == '<';
		if (c == ';') {
			value = enumeration = angle = false;
			brackets = 0;
			kind = PLAIN;
		}
	}
}

static bool read_lib(struct dv_script *s, const char *dir, const char *name)
{
	struct dv_lib *lib;
	const char *path = dv_arena_printf(&s->arena, "%s/%s", dir, name);
	struct stat st;
	ssize_t n = 0;
	DV_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	lib = dv_arena_alloc(&s->arena, sizeof(*lib));
	lib->path = path;
	lib->name = dv_arena_strdup(&s->arena, name);
	if (st.st_size > LIB_MAX) {
		dv_diag_at(s, s->diag, (struct dv_loc){.src = UINT32_MAX}, "D_PRAGMA_DEPEND", NULL,
			   "library %s is larger than %u bytes", path, LIB_MAX);
		return false;
	}
	lib->text = dv_xcalloc((size_t)st.st_size + 1, 1);
	while (lib->len < (size_t)st.st_size &&
	       (n = read(fd, lib->text + lib->len, (size_t)st.st_size - lib->len)) > 0)
		lib->len += (size_t)n;
	lib->len = strlen(lib->text);
	*DV_PUSH(&s->libs) = lib;
	return true;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_lib(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 2 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 2, ".d");
}

static void find_libs(struct dv_script *s)
{
	if (s->libs_known || !s->diag)
		return;
	s->libs_known = true;
	for (size_t i = 0; i < s->libdirs.count; i++) {
		struct dirent **list;
		int n = scandir(s->libdirs.data[i], &list, is_lib, by_name);

		for (int k = 0; k < n; k++) {
			if (s->libs.count < LIBS_MAX)
				read_lib(s, s->libdirs.data[i], list[k]->d_name);
			free(list[k]);
		}
		if (n >= 0)
			free(list);
	}
	for (size_t i = 0; i < s->libs.count; i++)
		look_over(s, s->libs.data[i]);
}

static void load(struct dv_script *s, struct dv_lib *lib)
{
	struct dv_source src = {.name = lib->path, .text = lib->text, .target = -1, .argref = true};
	struct dv_parser p = {.script = s, .diag = s->diag, .lib = lib};
	struct dv_src_text *t;

	if (lib->loaded)
		return;
	lib->loaded = true;
	t = DV_PUSH(&s->sources);
	t->name = lib->path;
	t->text = lib->text;
	t->len = lib->len;
	p.lex = (struct dv_lexer){.script = s,
				  .diag = s->diag,
				  .src = &src,
				  .text = t->text,
				  .len = (uint32_t)lib->len,
				  .line = 1,
				  .src_index = (uint32_t)s->sources.count - 1,
				  .lib = lib};
	p.lex.args_used = dv_arena_alloc(&s->arena, 1);
	dv_parse_program(&p);
}

bool dv_lib_load(struct dv_script *s, enum dv_name_kind kind, const char *name)
{
	struct dv_libref *r;
	bool any = false;

	if (!s->libdirs.count)
		return false;
	find_libs(s);
	for (r = dv_names_find(&s->names, kind, name); r; r = r->next) {
		any |= !r->lib->loaded;
		load(s, r->lib);
	}
	return any;
}

bool dv_lib_require(struct dv_script *s, const char *name)
{
	find_libs(s);
	for (size_t i = 0; i < s->libs.count; i++) {
		struct dv_lib *l = s->libs.data[i];

		if (strcmp(l->name, name) || l->skipped)
			continue;
		load(s, l);
		return !l->skipped;
	}
	return false;
}

void dv_lib_deinit(struct dv_script *s)
{
	for (size_t i = 0; i < s->libs.count; i++)
		free(s->libs.data[i]->text);
	DV_VEC_FREE(&s->libs);
	DV_VEC_FREE(&s->libdirs);
}

void dv_script_libdir(struct dv_script *s, const char *dir)
{
	*DV_PUSH(&s->libdirs) = dv_arena_strdup(&s->arena, dir);
}

void dv_script_nolibs(struct dv_script *s)
{
	s->libdirs.count = 0;
}

void dv_script_lib_env(struct dv_script *s, const struct dv_lib_env *env)
{
	s->lib_env = *env;
}
