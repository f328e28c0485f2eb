/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Macro variables: $1, $$1 and $0 from the command line, $pid and its like from the process. */
#include "lang/impl.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

static bool is(const char *name, size_t len, const char *want)
{
	return strlen(want) == len && !memcmp(name, want, len);
}

const char *dv_macro(struct dv_lexer *l, const char *name, size_t len, bool as_string, const char **tag,
		     const char **msg)
{
	struct dv_arena *a = &l->script->arena;
	long v;

	*tag = "D_MACRO_UNDEF";
	if (len && isdigit((unsigned char)name[0])) {
		long n = 0;

		for (size_t i = 0; i < len; i++) {
			if (!isdigit((unsigned char)name[i]) || n > 10000) {
				*msg = dv_arena_printf(a, "'$%.*s' is not a macro variable", (int)len, name);
				return NULL;
			}
			n = n * 10 + (name[i] - '0');
		}
		if (n == 0 && l->src->argc <= 0)
			return l->src->name ? dv_arena_strdup(a, l->src->name) : "dvirt";
		if (n < l->src->argc) {
			l->args_used[n] = true;
			return dv_arena_strdup(a, l->src->argv[n]);
		}
		if (l->defaultargs || l->src->defaultargs)
			return as_string ? "" : "0";
		*msg = dv_arena_printf(a, "macro argument $%s%ld is not given (%d on the command line)",
				       as_string ? "$" : "", n, l->src->argc > 0 ? l->src->argc - 1 : 0);
		return NULL;
	}
	if (is(name, len, "target")) {
		if (l->src->target < 0) {
			*msg = "$target is not known: no process was given";
			return NULL;
		}
		v = (long)l->src->target;
	} else if (is(name, len, "pid")) {
		v = getpid();
	} else if (is(name, len, "ppid")) {
		v = getppid();
	} else if (is(name, len, "pgid")) {
		v = getpgid(0);
	} else if (is(name, len, "sid")) {
		v = getsid(0);
	} else if (is(name, len, "uid")) {
		v = getuid();
	} else if (is(name, len, "euid")) {
		v = geteuid();
	} else if (is(name, len, "gid")) {
		v = getgid();
	} else if (is(name, len, "egid")) {
		v = getegid();
	} else {
		*msg = dv_arena_printf(a, "undefined macro variable '$%.*s'", (int)len, name);
		return NULL;
	}
	return dv_arena_printf(a, "%ld", v);
}
