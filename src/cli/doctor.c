// SPDX-License-Identifier: GPL-2.0-or-later
//
// dvirt doctor [-v] [--kvm]: what of this host lets dvirt work, and what does not.
#include "machine/doctor.h"

#include <string.h>

#include "cli/cli.h"

struct report {
	bool bad;
};

static void begin(void *ctx, const char *subject)
{
	printf("%s\n", subject);
}

static void say(void *ctx, enum dv_doctor_kind kind, const char *what, const char *text)
{
	static const char *const word[] = {[DV_DOCTOR_YES] = "yes", [DV_DOCTOR_NO] = "NO", [DV_DOCTOR_NOTE] = "-"};
	struct report *r = ctx;

	r->bad |= kind == DV_DOCTOR_NO;
	printf("  %-3s  %s%s%s\n", word[kind], what, *text ? ": " : "", text);
}

int dv_cmd_doctor(int argc, char **argv)
{
	struct report r = {0};
	struct dv_doctor d = {.ctx = &r, .say = say, .begin = begin};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--kvm")) {
			d.trial = true;
		} else if (!strcmp(argv[i], "-v")) {
			d.verbose = true;
		} else {
			fprintf(stderr, "dvirt: doctor takes -v and --kvm only, not '%s'\n", argv[i]);
			return DV_EXIT_USAGE;
		}
	}
	dv_doctor(&d);
	return r.bad ? DV_EXIT_ERROR : DV_EXIT_OK;
}
