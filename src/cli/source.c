// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where D text comes from: files, the command line, the C preprocessor.
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SOURCE_MAX (16u << 20)

static struct dv_error *read_all(int fd, const char *what, char **ret)
{
	size_t size = 0, room = 0;
	char *text = NULL;

	for (;;) {
		ssize_t n;

		if (room - size < 4096) {
			room = room ? room * 2 : 16384;
			text = dv_xrealloc(text, room);
		}
		n = read(fd, text + size, room - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = errno;

			free(text);
			return dv_error_sys(err, "cannot read '%s'", what);
		}
		if (!n)
			break;
		size += (size_t)n;
		if (size > SOURCE_MAX) {
			free(text);
			return dv_error_create(DV_ERR_LIMIT, "'%s' is larger than %u bytes", what, SOURCE_MAX);
		}
	}
	text[size] = '\0';
	if (strlen(text) != size) {
		free(text);
		return dv_error_create(DV_ERR_SYNTAX, "'%s' is not text: it contains a zero byte", what);
	}
	*ret = text;
	return NULL;
}

struct dv_error *dv_source_read(const char *path, char **ret)
{
	DV_FD int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(0);

	if (fd < 0)
		return dv_error_sys(errno, "cannot open script '%s'", path);
	return read_all(fd, path, ret);
}

// The preprocessor reads its standard input; what it and dvirt say of a line should name the script.
static char *with_name(const char *path, const char *text)
{
	const char *name = path && strcmp(path, "-") ? path : path ? "<stdin>" : "-n";
	char *head = dv_xcalloc(2, strlen(name) + 16), *to = head, *all;

	to += sprintf(to, "#line 1 \"");
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			*to++ = '\\';
		*to++ = *name;
	}
	sprintf(to, "\"\n");
	all = dv_xasprintf("%s%s", head, text);
	free(head);
	return all;
}

struct dv_error *dv_source_cpp(const struct dv_cpp *cpp, const char *path, const char *text, char **ret)
{
	DV_VEC(char *) argv = {0};
	DV_FREE char *folder = dv_xasprintf("-I%s", path && strcmp(path, "-") ? dirname(strdupa(path)) : ".");
	DV_FREE char *copy = with_name(path, text);
	char *first = strchr(copy, '\n') + 1;
	DV_FD int in = memfd_create("dvirt-script", MFD_CLOEXEC);
	int out[2], status;
	size_t len = strlen(copy);
	struct dv_error *e;
	pid_t pid;

	// The interpreter line is not for the preprocessor; its line stays, so that numbers stay right.
	if (!strncmp(first, "#!", 2))
		memset(first, ' ', strcspn(first, "\n"));
	if (in < 0 || write(in, copy, len) != (ssize_t)len || lseek(in, 0, SEEK_SET) < 0)
		return dv_error_sys(errno, "cannot hand the script to the preprocessor");
	if (pipe2(out, O_CLOEXEC) < 0)
		return dv_error_sys(errno, "cannot make a pipe");
	*DV_PUSH(&argv) = (char *)"cpp";
	*DV_PUSH(&argv) = (char *)"-D__SUNW_D=1";
	*DV_PUSH(&argv) = (char *)"-D__SUNW_D_VERSION=0x02000000";
	*DV_PUSH(&argv) = (char *)"-Ulinux";
	*DV_PUSH(&argv) = (char *)"-Uunix";
	*DV_PUSH(&argv) = folder;
	for (size_t i = 0; i < cpp->args.count; i++)
		*DV_PUSH(&argv) = cpp->args.data[i];
	*DV_PUSH(&argv) = (char *)"-";
	*DV_PUSH(&argv) = NULL;
	*DV_PUSH(&argv) = NULL; // room for gcc's -E
	pid = fork();
	if (pid == 0) {
		dup2(in, 0);
		dup2(out[1], 1);
		execvp(cpp->path ? cpp->path : "cpp", argv.data);
		if (cpp->path)
			_exit(127);
		// Without a cpp of that name, the compiler does the same.
		memmove(argv.data + 2, argv.data + 1, (argv.count - 2) * sizeof(char *));
		argv.data[0] = (char *)"gcc";
		argv.data[1] = (char *)"-E";
		execvp("gcc", argv.data);
		_exit(127);
	}
	close(out[1]);
	DV_VEC_FREE(&argv);
	if (pid < 0) {
		close(out[0]);
		return dv_error_sys(errno, "cannot start the preprocessor");
	}
	e = read_all(out[0], "output of cpp", ret);
	close(out[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!e && status) {
		free(*ret);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
			return dv_error_hint(dv_error_create(DV_ERR_NOT_FOUND, "cannot run the C preprocessor, cpp"),
					     "install the package 'cpp', or leave -C out");
		return dv_error_create(DV_ERR_SYNTAX, "the C preprocessor refused the script");
	}
	return e;
}

static size_t heading_len(const char *text)
{
	size_t n = strcspn(text, "/{;");

	while (n && strchr(" \t\n", text[n - 1]))
		n--;
	return n;
}

char *dv_source_heading(const char *text)
{
	text += strspn(text, " \t\n");
	return dv_xstrndup(text, heading_len(text));
}

char *dv_source_describe(char option, const char *arg)
{
	size_t n, colons = 0, want;
	const char *before, *after;
	char head[8] = "";

	arg += strspn(arg, " \t\n");
	n = heading_len(arg);
	switch (option) {
	case 'P': // provider:::
		want = 0;
		after = ":::";
		break;
	case 'm': // :module::
		want = 1;
		after = "::";
		break;
	case 'f': // ::function:
		want = 2;
		after = ":";
		break;
	default: // -i ID, -n DESCRIPTION
		return dv_xstrdup(arg);
	}
	for (size_t i = 0; i < n; i++)
		colons += arg[i] == ':';
	while (colons++ < want)
		strcat(head, ":");
	before = head;
	return dv_xasprintf("%s%.*s%s%s", before, (int)n, arg, after, arg + n);
}
