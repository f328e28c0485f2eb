/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_ELF_CHILD_H
#define DV_TESTS_ELF_CHILD_H
/**
 * Runs prog.c: child_start() returns when it has said "ready", child_rounds() when it has gone its rounds.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	int pid;
	FILE *in, *out;
};

static inline void child_wait(struct child *c, const char *word)
{
	char line[128] = "";

	if (!fgets(line, sizeof(line), c->out) || strncmp(line, word, strlen(word))) {
		fprintf(stderr, "the test program said \"%s\" instead of \"%s\"\n", line, word);
		exit(1);
	}
}

/** Run a command that ends in one of the test programs, in the same process. */
static inline struct child child_start_cmd(const char *const *argv)
{
	struct child c;
	int to[2], from[2];

	if (pipe2(to, 02000000) < 0 || pipe2(from, 02000000) < 0) // O_CLOEXEC
		abort();
	c.pid = fork();
	if (c.pid < 0)
		abort();
	if (!c.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], 0);
		dup2(from[1], 1);
		execvp(argv[0], (char *const *)argv);
		_exit(1);
	}
	close(to[0]);
	close(from[1]);
	c.in = fdopen(to[1], "w");
	c.out = fdopen(from[0], "r");
	child_wait(&c, "ready");
	return c;
}

static inline struct child child_start(const char *path)
{
	return child_start_cmd((const char *const[]){path, NULL});
}

static inline void child_rounds(struct child *c, long n)
{
	fprintf(c->in, "%ld\n", n);
	fflush(c->in);
	child_wait(c, "done");
}

static inline void child_end(struct child *c)
{
	fclose(c->in);
	fclose(c->out);
	waitpid(c->pid, NULL, 0);
}
#endif
