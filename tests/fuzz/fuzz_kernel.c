/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input chooses a D program (dgen.h), which the interpreter runs and this machine's kernel, as BPF. What they print must
 * be the same: records in their order, faults, variables that are traced, aggregations. The kernel may refuse what is
 * too large for it, and nothing else. Without the right to load programs there is nothing to compare.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "code/script.h"
#include "dgen.h"
#include "finding.h"

static unsigned long same, refused, large;

static enum script_end run(const char *text, bool in_kernel, char **out)
{
	struct script_how how = {.in_kernel = in_kernel};
	enum script_end end;
	size_t size;
	FILE *f;

	*out = NULL;
	f = open_memstream(out, &size);
	if (!f)
		abort();
	end = script_run(text, &how, f);
	fclose(f);
	return end;
}

static const char *test(const char *text)
{
	static char why[65536];
	char *here, *there = NULL;
	enum script_end end = run(text, false, &here), other;
	const char *bad = NULL;

	why[0] = '\0';
	if (end != SCRIPT_RAN) {
		refused++;
	} else if (strstr(here, DGEN_FOLD)) {
		bad = "a constant expression's value";
	} else {
		other = run(text, true, &there);
		if (other == SCRIPT_NO_KERNEL) {
			fprintf(stderr, "nothing is compared: %s", there);
			exit(77);
		} else if (other == SCRIPT_NOT_LOADED) {
			large++;
			if (!strstr(there, "the clause is too large for a kernel program"))
				bad = "the kernel refuses the program";
		} else if (other != SCRIPT_RAN) {
			bad = "the compiler refuses the program for the kernel";
		} else {
			same++;
			if (strcmp(here, there))
				bad = "the kernel's output is another than the interpreter's";
		}
	}
	if (bad)
		snprintf(why, sizeof(why), "%s\n---- interpreter\n%.30000s---- kernel\n%.30000s----", bad, here, there ? there : "");
	free(here);
	free(there);
	return bad ? why : NULL;
}

static void total(void)
{
	fprintf(stderr, "%lu programs compared, %lu refused, %lu too large for the kernel\n", same, refused, large);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dgen_how how = {0};
	static bool begun;
	char *text;

	if (!begun) {
		cpu_set_t one;

		// What one CPU's producer has room for should not depend on where the scheduler puts us.
		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		sched_setaffinity(0, sizeof(one), &one);
		prctl(PR_SET_NAME, "tester");
		setenv("TZ", "UTC", 1);
		tzset();
		atexit(total);
		begun = true;
	}
	text = dgen_program(data, size, &how);
	finding_test(text, test);
	free(text);
	return 0;
}
