// SPDX-License-Identifier: GPL-2.0-or-later
//
// dvirt clean: what sessions that were killed have left behind is taken away.
#include "cli/cli.h"

#include <string.h>

#include "tracer/tracer.h"

static void print(void *ctx, const char *text)
{
	*(unsigned *)ctx += 1;
	printf("%s\n", text);
}

int dv_cmd_clean(int argc, char **argv)
{
	bool help = argc == 2 && !strcmp(argv[1], "--help");
	struct dv_error *e;
	unsigned lines = 0;

	if (argc > 1) {
		fprintf(help ? stdout : stderr, "usage: dvirt clean\n"
		                                "Takes out of guests what a dvirt that was killed has left in them.\n");
		return help ? DV_EXIT_OK : DV_EXIT_USAGE;
	}
	e = dv_tracer_clean(print, &lines);
	if (!e && !lines)
		printf("nothing was left behind\n");
	return e ? dv_cli_fail(e) : DV_EXIT_OK;
}
