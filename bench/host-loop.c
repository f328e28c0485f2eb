/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host-loop N: N getppid calls, as nanoseconds for each; the least of five rounds. For bench/host. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000000;
	double best = 0;

	if (argc > 2)
		prctl(PR_SET_NAME, argv[2]);
	for (int round = 0; round < 5; round++) {
		double t = now();

		for (long i = 0; i < n; i++)
			syscall(SYS_getppid);
		t = (now() - t) / (double)n;
		if (!round || t < best)
			best = t;
	}
	printf("%.1f\n", best);
	return 0;
}
