/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input chooses a D program (dgen.h), which goes all the way: parser, checker, code generator, verifier, interpreter
 * on the fake machine, consumer, output. What is refused must be told, with tag and place; what is not must run to its end. The
 * verifier's word, and all that is out of bounds, ends the process in the runner or by a sanitizer; the state region has
 * guard pages around it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "code/script.h"
#include "dgen.h"
#include "finding.h"

struct told {
	const char *text; // the program
	unsigned count;
	char bad[512];    // a diagnostic that is not as it should be
};

static unsigned long ends[SCRIPT_NO_KERNEL + 1];

static size_t line_length(const char *text, unsigned line)
{
	while (--line && *text) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return *text || line == 0 ? strcspn(text, "\n") : 0;
}

static unsigned lines(const char *text)
{
	unsigned n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

// "dvirt: script.d:LINE:COLUMN: [D_TAG] words"; a text that is disturbed may say that it is of another file and line.
static void emit(void *ctx, const char *said)
{
	struct told *t = ctx;
	unsigned line, col;
	char tag[32] = "";
	bool good = false;

	t->count++;
	if (getenv("DV_FUZZ_SHOW"))
		fputs(said, stderr);
	if (sscanf(said, "dvirt: script.d:%u:%u: [%31[A-Z_0-9]]", &line, &col, tag) == 3)
		good = !strncmp(tag, "D_", 2) && line >= 1 && line <= lines(t->text) && col >= 1 &&
		       col <= line_length(t->text, line) + 1;
	else if (sscanf(said, "dvirt: script.d: [%31[A-Z_0-9]]", tag) == 1)
		good = !strcmp(tag, "D_EMPTY");
	else
		good = strncmp(said, "dvirt: script.d", 15) && strstr(said, "[D_");
	if (!good && !t->bad[0])
		snprintf(t->bad, sizeof(t->bad), "a diagnostic without tag or place: %s", said);
}

static const char *test(const char *text)
{
	static char why[640];
	struct told told = {.text = text};
	struct dv_diag diag = {.emit = emit, .ctx = &told, .errtags = true};
	struct script_how how = {.diag = &diag};
	const char *bad = NULL;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	enum script_end end;

	if (!f)
		abort();
	end = script_run(text, &how, f);
	fclose(f);
	ends[end]++;
	if (told.bad[0])
		bad = told.bad;
	else if (end == SCRIPT_REFUSED && (!told.count || !diag.errors))
		bad = "refused without a word";
	else if (end == SCRIPT_RAN && told.count)
		bad = "diagnostics about a program that runs";
	else if (end == SCRIPT_TOO_LARGE && (strncmp(out, "code: ", 6) || strlen(out) < 10))
		bad = "the code generator gives no reason";
	else if (strstr(out, DGEN_FOLD))
		bad = strstr(out, "fold ");
	if (bad)
		snprintf(why, sizeof(why), "%s", bad);
	free(out);
	return bad ? why : NULL;
}

static void total(void)
{
	fprintf(stderr, "%lu programs ran, %lu were refused, %lu too large\n", ends[SCRIPT_RAN], ends[SCRIPT_REFUSED],
		ends[SCRIPT_TOO_LARGE]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dgen_how clean = {.placed = true}, odd = {.placed = true, .wrong = true};
	static bool begun;
	char *text;

	if (!begun) {
		setenv("TZ", "UTC", 1);
		tzset();
		atexit(total);
		begun = true;
	}
	text = dgen_program(data, size, size && data[size - 1] & 1 ? &odd : &clean);
	finding_test(text, test);
	free(text);
	return 0;
}
