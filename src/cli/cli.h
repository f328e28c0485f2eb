/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_CLI_CLI_H
#define DV_CLI_CLI_H
/** The command line: the only part that writes to the terminal on its own account. */
#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/mem.h"

enum { DV_EXIT_OK, DV_EXIT_ERROR, DV_EXIT_USAGE };

/** Print an error and its hint, once; destroys it. Returns DV_EXIT_ERROR. */
int dv_cli_fail(struct dv_error *e);

/* source.c */
/** What -C is to do. */
struct dv_cpp {
	bool on;
	const char *path; /**< the program; NULL: cpp */
	DV_VEC(char *) args;
};
/** Read a script; "-" is stdin. */
struct dv_error *dv_source_read(const char *path, char **ret) DV_MUST_USE;
/** Run the C preprocessor over @p text; @p path: of the script, for its own folder's includes; NULL: none. */
struct dv_error *dv_source_cpp(const struct dv_cpp *cpp, const char *path, const char *text, char **ret) DV_MUST_USE;
/** Text of -P, -m, -f, -i as a full description, the rest of the argument behind it. */
char *dv_source_describe(char option, const char *arg);
/** The description in @p text as messages name it: up to the predicate or body. */
char *dv_source_heading(const char *text);

/* qemu_args.c */
int dv_cmd_qemu_args(int argc, char **argv);
/* command.c */
/** Start a command that waits until dv_command_go(). */
struct dv_error *dv_command_start(const char *cmd, pid_t *pid, int *gate) DV_MUST_USE;
/** A descriptor that becomes readable when the process ends. */
struct dv_error *dv_command_watch(pid_t pid, int *fd) DV_MUST_USE;

#endif
