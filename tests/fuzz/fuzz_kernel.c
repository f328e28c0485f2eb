/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input chooses a D program (dgen.h), which the interpreter runs and this machine's kernel, as BPF: as a clause of its own
 * and as one of a KVM guest. What they print must be the same: records in their order, faults, variables that are traced, aggregations. The kernel may refuse what is
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

static enum script_end run(const char *text, bool in_kernel, bool as_guest, char **out)
{
	struct script_how how = {.in_kernel = in_kernel, .as_guest = as_guest};
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

static const char *compare(enum script_end end, const char *here, const char *there)
{
	switch (end) {
	case SCRIPT_NO_KERNEL:
		fprintf(stderr, "nothing is compared: %s", there);
		exit(77);
	case SCRIPT_NOT_LOADED:
		large++;
		return strstr(there, "the clause is too large for a kernel program") ? NULL : "the kernel refuses the program";
	case SCRIPT_RAN:
		same++;
		return strcmp(here, there) ? "the kernel's output is another than the interpreter's" : NULL;
	default:
		return "the compiler refuses the program for the kernel";
	}
}

static const char *test(const char *text)
{
	static char why[65536];
	char *here, *there = NULL;
	enum script_end end = run(text, false, false, &here);
	const char *bad = NULL;
	bool guest = false;

	if (end != SCRIPT_RAN)
		refused++;
	else if (strstr(here, DGEN_FOLD))
		bad = "a constant expression's value";
	for (int i = 0; i < 2 && !bad && end == SCRIPT_RAN; i++) {
		enum script_end other;

		guest = i;
		free(there);
		other = run(text, true, guest, &there);
		bad = compare(other, here, there);
	}
	if (bad)
		snprintf(why, sizeof(why), "%s%s\n---- interpreter\n%.30000s---- kernel\n%.30000s----", guest ? "as a guest: " : "", bad,
			 here, there ? there : "");
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
