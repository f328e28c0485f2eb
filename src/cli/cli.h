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

/* paths.c */
/** A file or folder that belongs to dvirt: beside the executable, in @p moved from there ("../lib/dvirt/"), or in
 * @p installed. False: none of them has it; @p buf then names the last. */
bool dv_path_find(const char *name, const char *moved, const char *installed, char *buf, size_t size);

/* qemu_args.c */
int dv_cmd_qemu_args(int argc, char **argv);
/* doctor.c */
int dv_cmd_doctor(int argc, char **argv);
/* clean.c */
int dv_cmd_clean(int argc, char **argv);
/* command.c */
/** A command that is held until it is let go. */
struct dv_command {
	pid_t pid;
	int gate;    /**< it waits for a byte from here; -1: no more */
	bool traced; /**< it is stopped by ptrace, of the thread that started it */
};
/** Start a command, up to its program's entry point or, with @p at_exec, until the program is executed. */
struct dv_error *dv_command_start(const char *cmd, bool at_exec, struct dv_command *ret) DV_MUST_USE;
/** Let it go. False: it has ended already. */
bool dv_command_go(struct dv_command *c);
/** A descriptor that becomes readable when the process ends. */
struct dv_error *dv_command_watch(pid_t pid, int *fd) DV_MUST_USE;

#endif
