/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The language's corpus: each FILE.d is parsed, checked, compiled, verified, run on the fake machine and printed; the
 *output must be FILE.out.
 *
 *	corpus [-u | -S | -l | -k | -g] FILE.d ...      -u: write the .out files instead; -S: show the bytecode; -l: list what
 *	passes; -k: in this kernel; -g: in this kernel, as clauses of a KVM guest
 *
 * Probes fire in this order: BEGIN, then each other probe of the script three times over, in the order of their first
 * clauses, then END; exit() goes to END at once. Lines of comment at the head of a script say more:
 *	// run: -q off           not quiet
 *	// run: strsize N
 *	// run: args WORD ...    script arguments ($1, $$2)
 *	// run: aggsortkey       likewise aggsortrev, rawbytes, noresolve, and other options of output
 *	// run: stackindent N
 *	// run: place            depends on the fake machine's registers, processes or second machine: not for -k
 *	// run: destructive      -w, on a machine that can do all there is
 * A script that is refused has its diagnostics as output; a run-time fault shows as a line "error: ...". The status of
 * exit() other than 0 is shown at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#ifdef RUN_IN_KERNEL
#include "in_kernel.h"
#endif
#include "kernel.h"
#include "lang/lang.h"
#include "runner.h"

static bool show_code, in_kernel;

struct settings {
	struct dv_output out;
	uint32_t strsize, can;
	int argc;
	char *argv[16];
	bool place;
};

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

static void setting(struct settings *s, char *line)
{
	char *save, *word = strtok_r(line, " ", &save);

	if (!word)
		return;
	if (!strcmp(word, "-q"))
		s->out.quiet = false;
	else if (!strcmp(word, "strsize") && (word = strtok_r(NULL, " ", &save)))
		s->strsize = (uint32_t)atoi(word);
	else if (!strcmp(word, "aggsortkey"))
		s->out.aggsortkey = true;
	else if (!strcmp(word, "aggsortrev"))
		s->out.aggsortrev = true;
	else if (!strcmp(word, "noresolve"))
		s->out.noresolve = true;
	else if (!strcmp(word, "stackindent") && (word = strtok_r(NULL, " ", &save))) {
		s->out.stackindent_set = true;
		s->out.stackindent = (uint32_t)atoi(word);
	} else if (!strcmp(word, "rawbytes"))
		s->out.rawbytes = true;
	else if (!strcmp(word, "place"))
		s->place = true;
	else if (!strcmp(word, "agghist"))
		s->out.agghist = true;
	else if (!strcmp(word, "aggpack"))
		s->out.aggpack = true;
	else if (!strcmp(word, "aggzoom"))
		s->out.aggzoom = true;
	else if (!strcmp(word, "flow"))
		s->out.flow = true;
	else if (!strcmp(word, "utf8"))
		s->out.encoding = DV_ENCODING_UTF8;
	else if (!strcmp(word, "ascii"))
		s->out.encoding = DV_ENCODING_ASCII;
	else if (!strcmp(word, "destructive"))
		s->can = DV_CAN_DESTROY | DV_CAN_WRITE | DV_CAN_SIGNAL | DV_CAN_WAIT;
	else if (!strcmp(word, "args"))
		while ((word = strtok_r(NULL, " ", &save)) && s->argc < 16)
			s->argv[s->argc++] = dv_xstrdup(word);
}

static void settings_read(struct settings *s, const char *text)
{
	*s = (struct settings){.out.quiet = true, .strsize = 256, .argc = 1};
	s->argv[0] = dv_xstrdup("script.d");
	while (!strncmp(text, "//", 2)) {
		size_t n = strcspn(text, "\n");

		if (!strncmp(text, "// run: ", 8)) {
			char *line = dv_xstrndup(text + 8, n - 8);

			setting(s, line);
			free(line);
		}
		text += n + (text[n] != 0);
	}
}

static void emit(void *ctx, const char *text)
{
	fputs(text, ctx);
}

/** args[]: int, unsigned char, long, struct node *. */
static const struct dv_type *arg_type(void *ctx, uint32_t n)
{
	const struct dv_type *types[] = {
	    dv_type_int(4, true),
	    dv_type_int(1, false),
	    dv_type_int(8, true),
	    dv_type_ptr(kernel_find(run_types(ctx), "node")),
	};

	return n < DV_COUNT(types) ? types[n] : NULL;
}

static struct dv_universe *machine(void *ctx, const char *name, uint32_t *index)
{
	if (strcmp(name, "db"))
		return NULL;
	*index = RUN_DB;
	return run_db_types(ctx);
}

/** "dtrace:::BEGIN" is BEGIN, "tick-1s" is itself. */
static const char *last_part(const char *desc)
{
	const char *colon = strrchr(desc, ':');

	return colon ? colon + 1 : desc;
}

/** Check and compile every clause for each of its probes. */
static bool compile(struct run *r, struct dv_script *s, const struct settings *set, struct dv_diag *diag,
		    struct dv_arena *arena, FILE *out, const char **order, uint32_t *order_count)
{
	struct dv_check_env env = {.types = run_types(r),
				   .strsize = set->strsize,
				   .arg_type = arg_type,
				   .arg_count = 4,
				   .typed_args = true,
				   .machine = machine,
				   .ctx = r,
				   .probe = "test:::",
				   .can = set->can | DV_CAN_VTIME,
				   .machine_name = "vm"};

	for (uint32_t i = 0; i < dv_script_clause_count(s); i++) {
		const struct dv_clause *c = dv_script_clause(s, i);

		for (uint32_t p = 0; p < c->pdesc_count; p++) {
			const char *name = last_part(c->pdescs[p].text);
			struct dv_clause *typed;
			char *msg;
			uint32_t k;

			if (!dv_check_clause(s, c, &env, diag, arena, &typed))
				return false;
			if (!run_add(r, name, typed, &msg)) {
				fprintf(out, "code: %s\n", msg);
				free(msg);
				return false;
			}
			if (show_code)
				run_disasm(r, stdout);
			for (k = 0; k < *order_count; k++)
				if (!strcmp(order[k], name))
					break;
			if (k == *order_count && k < 32)
				order[(*order_count)++] = name;
		}
	}
	return true;
}

static void fire_all(struct run *r, const char **order, uint32_t count)
{
	if (!run_fire(r, "BEGIN"))
		goto end;
	for (uint32_t i = 0; i < count; i++) {
		if (!strcmp(order[i], "BEGIN") || !strcmp(order[i], "END") || !strcmp(order[i], "ERROR"))
			continue;
		for (int k = 0; k < 3; k++)
			if (!run_fire(r, order[i]))
				goto end;
	}
end:
	run_fire(r, "END");
}

#ifdef RUN_IN_KERNEL
// Addresses of one page for those of another, in hexadecimal, here or there.
static char *relocate(const char *text, uint64_t from, uint64_t to)
{
	char want[20], with[20], *copy = dv_xstrdup(text), *p;

	snprintf(want, sizeof(want), "%013llx", (unsigned long long)from >> 12);
	snprintf(with, sizeof(with), "%013llx", (unsigned long long)to >> 12);
	for (p = copy; (p = strstr(p, want)); p += 13)
		memcpy(p, with, 13);
	return copy;
}
#endif

static void run_script(const char *text, FILE *out)
{
	struct settings set;
	struct dv_script *s = dv_script_create();
	struct dv_diag diag = {.emit = emit, .ctx = out, .errtags = true};
	struct dv_source src;
	struct dv_arena arena;
	const struct dv_agg **aggs = NULL;
	const char *order[32], *name, *value;
	uint32_t order_count = 0, agg_count, key, val;
	struct dv_error *err;
	struct dv_loc loc;
	struct run *r;
	int status = 0;

	settings_read(&set, text);
	dv_arena_init(&arena);
	r = run_create(set.strsize);
#ifdef RUN_IN_KERNEL
	DV_FREE char *moved = NULL;

	if (in_kernel) {
		const char *why;

		if (!run_in_kernel(r, &why)) {
			fprintf(stderr, "%s\n", why);
			exit(77);
		}
		text = moved = relocate(text, RUN_KMEM, run_kmem(r));
	}
#endif
	src = (struct dv_source){.name = "script.d", .text = text, .argc = set.argc, .argv = set.argv, .target = -1};
	err = dv_script_parse(s, &src, &diag);
	if (err) {
		dv_error_destroy(err);
		goto out;
	}
	for (uint32_t i = 0; i < dv_script_option_count(s); i++) {
		dv_script_option(s, i, &name, &value, &loc);
		if (!strcmp(name, "quiet"))
			set.out.quiet = true;
	}
	if (!compile(r, s, &set, &diag, &arena, out, order, &order_count))
		goto out;
	agg_count = dv_script_agg_count(s);
	aggs = dv_xcalloc(agg_count + 1, sizeof(*aggs));
	for (uint32_t i = 0; i < agg_count; i++)
		aggs[i] = dv_script_agg(s, i);
	dv_script_dyn_sizes(s, set.strsize, &key, &val);
	run_start(r, dv_script_this_size(s), key, val, aggs, agg_count, &set.out);
	fire_all(r, order, order_count);
#ifdef RUN_IN_KERNEL
	if (in_kernel) {
		DV_FREE char *back = relocate(run_finish(r, &status), run_kmem(r), RUN_KMEM);

		fputs(back, out);
	} else
#endif
		fputs(run_finish(r, &status), out);
	if (status)
		fprintf(out, "exit status %d\n", status);
out:
	for (int i = 0; i < set.argc; i++)
		free(set.argv[i]);
	run_destroy(r);
	free(aggs);
	dv_script_destroy(s);
	dv_arena_deinit(&arena);
}

static bool is_placed(const char *text)
{
	struct settings set;

	settings_read(&set, text);
	for (int i = 0; i < set.argc; i++)
		free(set.argv[i]);
	return set.place;
}

int main(int argc, char **argv)
{
	bool update = argc > 1 && !strcmp(argv[1], "-u"), listing = argc > 1 && !strcmp(argv[1], "-l");
	int failed = 0, ran = 0, first;

	show_code = argc > 1 && !strcmp(argv[1], "-S");
	in_kernel = argc > 1 && (!strcmp(argv[1], "-k") || !strcmp(argv[1], "-g"));
#ifdef RUN_IN_KERNEL
	in_kernel_guest = in_kernel && argv[1][1] == 'g';
#endif
	first = update || listing || show_code || in_kernel ? 2 : 1;
	if (in_kernel)
		prctl(PR_SET_NAME, "tester");

	setenv("TZ", "UTC", 1);
	tzset();
	for (int i = first; i < argc; i++) {
		char *text = read_file(argv[i]), *want, *got = NULL, *out_name;
		size_t n = strlen(argv[i]), size;
		FILE *f;

		if (!text || n < 2 || strcmp(argv[i] + n - 2, ".d")) {
			fprintf(stderr, "cannot read %s\n", argv[i]);
			return 1;
		}
		if (in_kernel && is_placed(text)) {
			free(text);
			continue;
		}
		ran++;
		f = open_memstream(&got, &size);
		run_script(text, f);
		fclose(f);
		out_name = dv_xasprintf("%.*s.out", (int)n - 2, argv[i]);
		if (update) {
			f = fopen(out_name, "w");
			if (!f || fwrite(got, 1, size, f) != size || fclose(f)) {
				perror(out_name);
				return 1;
			}
		} else if (!show_code) {
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
