// SPDX-License-Identifier: GPL-2.0-or-later
//
// Types of system calls' arguments. The functions that take them apart are inlined, so type information rarely has
// their prototypes; but kernels with CONFIG_FTRACE_SYSCALLS keep, for each call, the names of its arguments' types as
// text:
// __syscall_meta__NAME, a struct syscall_metadata. It is read from guest memory, and what it says is only looked up.
// Where the host's kernel has no symbol for it, tracefs says the same of each call's event.
#include "probe/probe.h"

#include <string.h>

#include "base/system.h"

#define TEXT_MAX 96
#define ARGS_MAX 6

static bool member(struct dv_universe *u, const struct dv_type *meta, const char *name, uint32_t size, uint64_t *off)
{
	uint64_t bits;
	const struct dv_member *m = dv_type_member(meta, name, &bits);

	*off = bits / 8;
	return m && !m->bit_size && m->type->size == size && *off < 4096;
}

// What a system call is given points into the process.
static const struct dv_type *arg_of(struct dv_universe *u, const char *text)
{
	const struct dv_type *t = dv_type_by_text(u, text, true);

	return t ? t : dv_type_int(8, true);
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

static int32_t of_memory(struct dv_machine *m, struct dv_universe *u, const char *name, const struct dv_type *ret[6])
{
	const struct dv_type *meta = u->ops->find(u->ctx, DV_TYPE_STRUCT, "syscall_metadata", NULL);
	DV_FREE char *symbol = dv_xasprintf("__syscall_meta__%s", name);
	const struct dv_symbol *s = meta ? dv_guest_symbol(m->guest, "vmlinux", symbol) : NULL;
	uint64_t off_n, off_types, types, at[ARGS_MAX];
	uint32_t nargs;
	char text[TEXT_MAX];

	if (!s)
		return -1;
	meta = dv_type_complete(meta);
	// The number of arguments is an int, in newer kernels a byte.
	if ((!member(u, meta, "nb_args", 4, &off_n) && !member(u, meta, "nb_args", 1, &off_n)) ||
	    !member(u, meta, "types", 8, &off_types) || !dv_probe_read(m, s->addr + off_n, &nargs, 4))
		return -1;
	if (member(u, meta, "nb_args", 1, &off_n))
		nargs &= 0xff;
	if (nargs > ARGS_MAX || !dv_probe_read(m, s->addr + off_types, &types, 8) ||
	    (nargs && !dv_probe_read(m, types, at, nargs * sizeof(at[0]))))
		return -1;
	for (uint32_t i = 0; i < nargs; i++) {
		if (!read_text(m, at[i], text))
			return -1;
		ret[i] = arg_of(u, text);
	}
	return (int32_t)nargs;
}

// The fields of the event sys_enter_NAME: "field:TYPE NAME; offset:..." The first is the number, and what begins with
// "__" was added by the event.
static int32_t of_tracefs(struct dv_universe *u, const char *name, const struct dv_type *ret[6])
{
	DV_FREE char *file = dv_xasprintf("events/syscalls/sys_enter_%s/format", name);
	DV_FD int fd = dv_tracefs_open(file);
	char text[4096], *p = text, *field;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int32_t count = 0;

	if (n <= 0)
		return -1;
	text[n] = '\0';
	while ((field = strstr(p, "field:"))) {
		char *end = strchr(field, ';'), *word;

		if (!end)
			break;
		p = end + 1;
		*end = '\0';
		field += sizeof("field:") - 1;
		word = strrchr(field, ' ');
		if (!word || !strncmp(word + 1, "__", 2) || !strncmp(word + 1, "common_", 7) || count == ARGS_MAX)
			continue;
		*word = '\0';
		ret[count++] = arg_of(u, field);
	}
	return count;
}

int32_t dv_sysmeta(struct dv_machine *m, const char *name, const struct dv_type *ret[6])
{
	struct dv_universe *u = m->guest ? dv_guest_types(m->guest) : NULL;
	int32_t n;

	if (!u || !u->ops)
		return -1;
	n = of_memory(m, u, name, ret);
	return n < 0 && m->caps & DV_CAP_LOCAL ? of_tracefs(u, name, ret) : n;
}
