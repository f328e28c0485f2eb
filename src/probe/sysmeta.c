// SPDX-License-Identifier: GPL-2.0-or-later
//
// Types of system calls' arguments. The functions that take them apart are inlined, so type information rarely has
// their prototypes; but kernels with CONFIG_FTRACE_SYSCALLS keep, for each call, the names of its arguments' types as
// text:
// __syscall_meta__NAME, a struct syscall_metadata. It is read from guest memory, and what it says is only looked up.
#include "probe/probe.h"

#include <string.h>

#define TEXT_MAX 96
#define ARGS_MAX 6
#define STARS_MAX 4

static bool member(struct dv_universe *u, const struct dv_type *meta, const char *name, uint32_t size, uint64_t *off)
{
	uint64_t bits;
	const struct dv_member *m = dv_type_member(meta, name, &bits);

	*off = bits / 8;
	return m && !m->bit_size && m->type->size == size && *off < 4096;
}

// Drop a word wherever it stands alone.
static void drop(char *text, const char *word)
{
	size_t n = strlen(word);

	for (char *p = text; (p = strstr(p, word));) {
		bool start = p == text || p[-1] == ' ' || p[-1] == '*', end = !p[n] || p[n] == ' ' || p[n] == '*';

		if (start && end)
			memmove(p, p + n, strlen(p + n) + 1);
		else
			p += n;
	}
}

static const struct dv_type *find(struct dv_universe *u, const char *name)
{
	static const struct {
		const char *prefix;
		enum dv_type_kind kind;
	} tags[] = {{"struct ", DV_TYPE_STRUCT}, {"union ", DV_TYPE_UNION}, {"enum ", DV_TYPE_ENUM}};
	const struct dv_type *t;

	for (size_t i = 0; i < DV_COUNT(tags); i++) {
		size_t n = strlen(tags[i].prefix);

		if (!strncmp(name, tags[i].prefix, n)) {
			name += n + strspn(name + n, " ");
			return u->ops ? u->ops->find(u->ctx, tags[i].kind, name, NULL) : NULL;
		}
	}
	if (!strcmp(name, "void"))
		return dv_type_void();
	t = dv_type_base_by_name(name);
	return t ? t : u->ops ? u->ops->find(u->ctx, DV_TYPE_TYPEDEF, name, NULL) : NULL;
}

// A type from its text, as in "const char *" or "struct sockaddr *"; int64_t when it is not known.
static const struct dv_type *from_text(struct dv_universe *u, char *text)
{
	static const char *const qualifiers[] = {"const", "volatile", "restrict", "__user"};
	const struct dv_type *t;
	unsigned stars = 0;
	char *end;

	for (size_t i = 0; i < DV_COUNT(qualifiers); i++)
		drop(text, qualifiers[i]);
	for (end = text + strlen(text); end > text && (end[-1] == ' ' || end[-1] == '*'); end--)
		stars += end[-1] == '*';
	*end = '\0';
	text += strspn(text, " ");
	t = find(u, text);
	if (!t && stars)
		t = dv_type_void();
	if (!t || stars > STARS_MAX)
		return dv_type_int(8, true);
	for (unsigned i = 0; i < stars; i++) {
		// What a system call is given points into the process.
		struct dv_type *p = dv_type_new(u, DV_TYPE_PTR, NULL, 8);

		p->ref = t;
		p->is_user = true;
		t = p;
	}
	return t;
}

static bool read_text(struct dv_machine *m, uint64_t at, char *buf)
{
	size_t n = TEXT_MAX - 1;

	// It may end just before a page that is not there.
	while (n && !dv_probe_read(m, at, buf, n))
		n /= 2;
	buf[n] = '\0';
	return n > 0;
}

bool dv_sysmeta(struct dv_machine *m, const char *name, uint32_t n, uint32_t *count, const struct dv_type **ret)
{
	struct dv_universe *u = m->guest ? dv_guest_types(m->guest) : NULL;
	const struct dv_type *meta =
	    u && u->ops ? u->ops->find(u->ctx, DV_TYPE_STRUCT, "syscall_metadata", NULL) : NULL;
	DV_FREE char *symbol = dv_xasprintf("__syscall_meta__%s", name);
	const struct dv_symbol *s = meta ? dv_guest_symbol(m->guest, "vmlinux", symbol) : NULL;
	uint64_t off_n, off_types, types, at;
	uint32_t nargs;
	char text[TEXT_MAX];

	if (!s)
		return false;
	meta = dv_type_complete(meta);
	if (!member(u, meta, "nb_args", 4, &off_n) || !member(u, meta, "types", 8, &off_types) ||
	    !dv_probe_read(m, s->addr + off_n, &nargs, 4) || nargs > ARGS_MAX)
		return false;
	*count = nargs;
	*ret = NULL;
	if (n >= nargs)
		return true;
	if (!dv_probe_read(m, s->addr + off_types, &types, 8) || !dv_probe_read(m, types + 8 * (uint64_t)n, &at, 8) ||
	    !read_text(m, at, text))
		return false;
	*ret = from_text(u, text);
	return true;
}
