// SPDX-License-Identifier: GPL-2.0-or-later
//
// dvirt qemu-args NAME: the options that make a QEMU guest traceable.
#include "cli/cli.h"

#include <limits.h>
#include <string.h>

#define PLUGIN   "dvirt-qemu.so"
#define NAME_MAX_LEN 63

#ifndef DV_PLUGINDIR
#define DV_PLUGINDIR "/usr/local/lib/dvirt"
#endif
#ifndef DV_LIBDIR
#define DV_LIBDIR "lib"
#endif

// Characters at its beginning that no shell acts on.
static size_t plain_length(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_");
}

// A word for the shell: quoted only where it must be.
static void print_word(const char *s)
{
	if (*s && !s[plain_length(s)]) {
		fputs(s, stdout);
		return;
	}
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*s);
	}
	putchar('\'');
}

// QEMU's option values: a comma is written twice.
static char *double_commas(const char *s)
{
	char *out = dv_xcalloc(2 * strlen(s) + 1, 1), *p = out;

	for (; *s; s++) {
		if (*s == ',')
			*p++ = ',';
		*p++ = *s;
	}
	return out;
}

static void check_qemu(void)
{
	const char *qemu = getenv("DVIRT_QEMU");
	char line[256] = "";
	unsigned major;
	DV_FREE char *cmd = dv_xasprintf("'%s' --version 2>/dev/null", qemu && !strchr(qemu, '\'') ? qemu : "qemu-system-x86_64");
	FILE *f = popen(cmd, "re");
	const char *v;

	if (!f)
		return;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	pclose(f);
	v = strstr(line, "version ");
	if (v && sscanf(v, "version %u", &major) == 1 && major < 10) {
		line[strcspn(line, "\n")] = '\0';
		fprintf(stderr, "dvirt: this QEMU is too old: %s\n"
		                "hint: dvirt needs QEMU 10.0 or newer; on Debian 12 it is in bookworm-backports\n", line);
	}
}

static int bad_name(struct dv_error *e)
{
	dv_cli_fail(e);
	return DV_EXIT_USAGE;
}

int dv_cmd_qemu_args(int argc, char **argv)
{
	char path[PATH_MAX + 32];
	const char *name;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr,
		        "usage: dvirt qemu-args NAME\n"
		        "Prints the options to append to a qemu-system-x86_64 command line; NAME is the machine's name.\n");
		return argc == 2 && !strcmp(argv[1], "--help") ? DV_EXIT_OK : DV_EXIT_USAGE;
	}
	name = argv[1];
	if (!*name || strlen(name) > NAME_MAX_LEN ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] || name[0] == '.')
		return bad_name(dv_error_hint(dv_error_create(DV_ERR_OTHER, "'%s' cannot be a machine's name", name),
		                              "a name has letters, digits, '.', '_' and '-', at most %d", NAME_MAX_LEN));
	if (!strcmp(name, "host"))
		return bad_name(dv_error_create(DV_ERR_OTHER, "the name 'host' stands for the host itself"));
	if (!dv_path_find(PLUGIN, "../" DV_LIBDIR "/dvirt/", DV_PLUGINDIR, path, sizeof(path)))
		return dv_cli_fail(dv_error_hint(dv_error_create(DV_ERR_NOT_FOUND, "cannot find %s beside dvirt or in %s", PLUGIN,
		                                                 DV_PLUGINDIR),
		                                 "build it with 'ninja', or install it with 'meson install'"));
	check_qemu();
	DV_FREE char *quoted = double_commas(path);
	DV_FREE char *plugin = dv_xasprintf("%s,name=%s", quoted, name);

	if (plain_length(plugin) != strlen(plugin))
		fprintf(stderr, "dvirt: the shell takes '%s' apart where these words come from $(...)\n"
				"hint: eval qemu-system-x86_64 ... \"$(dvirt qemu-args %s)\"\n", path, name);
	printf("-name ");
	print_word(name);
	printf(" -plugin ");
	print_word(plugin);
	putchar('\n');
	return DV_EXIT_OK;
}
