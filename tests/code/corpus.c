/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The language's corpus: each FILE.d is run as script.h says; the output must be FILE.out.
 *
 *	corpus [-u | -S | -l | -k | -g] FILE.d ...      -u: write the .out files instead; -S: show the bytecode; -l: list what
 *	passes; -k: in this kernel; -g: in this kernel, as clauses of a KVM guest
 *
 * A script that is refused has its diagnostics as output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/mem.h"
#include "script.h"

static char *read_file(const char *name)
{
	FILE *f = fopen(name, "r");
	char *s;
	long n;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	s = dv_xcalloc(1, (size_t)n + 1);
	if (fread(s, 1, (size_t)n, f) != (size_t)n)
		s[0] = 0;
	fclose(f);
	return s;
}

int main(int argc, char **argv)
{
	bool update = argc > 1 && !strcmp(argv[1], "-u"), listing = argc > 1 && !strcmp(argv[1], "-l");
	struct script_how how = {
		.show_code = argc > 1 && !strcmp(argv[1], "-S"),
		.in_kernel = argc > 1 && (!strcmp(argv[1], "-k") || !strcmp(argv[1], "-g")),
		.as_guest = argc > 1 && !strcmp(argv[1], "-g"),
	};
	int failed = 0, ran = 0, first = update || listing || how.show_code || how.in_kernel ? 2 : 1;

	if (how.in_kernel)
		prctl(PR_SET_NAME, "tester");

	setenv("TZ", "UTC", 1);
	tzset();
	for (int i = first; i < argc; i++) {
		char *text = read_file(argv[i]), *want, *got = NULL, *out_name;
		size_t n = strlen(argv[i]), size;
		enum script_end end;
		FILE *f;

		if (!text || n < 2 || strcmp(argv[i] + n - 2, ".d")) {
			fprintf(stderr, "cannot read %s\n", argv[i]);
			return 1;
		}
		if (how.in_kernel && script_is_placed(text)) {
			free(text);
			continue;
		}
		ran++;
		f = open_memstream(&got, &size);
		end = script_run(text, &how, f);
		fclose(f);
		if (end == SCRIPT_NO_KERNEL) {
			fputs(got, stderr);
			return 77;
		}
		out_name = dv_xasprintf("%.*s.out", (int)n - 2, argv[i]);
		if (update) {
			f = fopen(out_name, "w");
			if (!f || fwrite(got, 1, size, f) != size || fclose(f)) {
				perror(out_name);
				return 1;
			}
		} else if (!how.show_code) {
			want = read_file(out_name);
			if (!want || strcmp(want, got)) {
				failed++;
				fprintf(stderr, "%s: the output is\n%s---- not\n%s----\n", argv[i], got,
					want ? want : "(no .out file)\n");
			} else if (listing) {
				printf("%.*s\n", (int)strlen(basename(argv[i])) - 2, basename(argv[i]));
			}
			free(want);
		}
		free(out_name);
		free(got);
		free(text);
	}
	fprintf(stderr, "%d scripts, %d failed\n", ran, failed);
	return failed != 0 || !ran;
}
