/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "finding.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reduce.h"

#define TRIES 3000u

static program_test *test;
static char kind[24]; // the beginning of what was said: another kind of failure is another finding

static bool fails(void *ctx, const char *text)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (!pid) {
		const char *why;

		if (!freopen("/dev/null", "w", stderr))
			_exit(0);
		signal(SIGALRM, SIG_DFL);
		alarm(60);
		why = test(text);
		_exit(!why ? 0 : !strncmp(why, kind, strlen(kind)) ? 77 : 0);
	}
	while (waitpid(pid, &status, 0) != pid) // libFuzzer's timer interrupts it
		if (errno != EINTR)
			abort();
	return *kind ? WIFEXITED(status) && WEXITSTATUS(status) == 77 : !WIFEXITED(status) || WEXITSTATUS(status);
}

static void show(const char *what, const char *text)
{
	fprintf(stderr, "---- %s\n%s----\n", what, text);
}

void finding_test(const char *text, program_test *t)
{
	const char *why;
	char *small;

	test = t;
	if (getenv("DV_FUZZ_SHOW"))
		show("the program", text);
	kind[0] = '\0';
	if (!getenv("DV_FUZZ_REDUCE") || !fails(NULL, text)) {
		why = test(text);
		if (!why)
			return;
		show("a program fails", text);
		fprintf(stderr, "%s\n", why);
		snprintf(kind, sizeof(kind), "%s", why);
	}
	small = reduce(text, fails, NULL, TRIES);
	show("as small as it gets", small);
	kind[0] = '\0';
	why = getenv("DV_FUZZ_REDUCE") ? NULL : test(small);
	if (why)
		fprintf(stderr, "%s\n", why);
	free(small);
	abort();
}
