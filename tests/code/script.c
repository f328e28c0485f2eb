/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "script.h"

#include <stdlib.h>
#include <string.h>

#ifdef RUN_IN_KERNEL
#include "in_kernel.h"
#endif
#include "kernel.h"
#include "runner.h"

struct settings {
	struct dv_output out;
	uint32_t strsize, can;
	int argc;
	char *argv[16];
	bool place;
};

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

static void settings_free(struct settings *s)
{
	for (int i = 0; i < s->argc; i++)
		free(s->argv[i]);
}

static void emit(void *ctx, const char *text)
{
	fputs(text, ctx);
}

// args[]: int, unsigned char, long, struct node *.
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

// "dtrace:::BEGIN" is BEGIN, "tick-1s" is itself.
static const char *last_part(const char *desc)
{
	const char *colon = strrchr(desc, ':');

	return colon ? colon + 1 : desc;
}

// The probes, in the order in which they fire.
struct order {
	const char *names[32];
	uint32_t count;
};

// Check and compile every clause for each of its probes.
static enum script_end compile(struct run *r, struct dv_script *s, const struct settings *set,
			       const struct script_how *how, struct dv_arena *arena, FILE *out, struct order *order)
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

			if (!dv_check_clause(s, c, &env, how->diag, arena, &typed))
				return SCRIPT_REFUSED;
			if (!run_add(r, name, typed, &msg)) {
				fprintf(out, "code: %s\n", msg);
				free(msg);
				return SCRIPT_TOO_LARGE;
			}
			if (how->show_code)
				run_disasm(r, stdout);
			for (k = 0; k < order->count; k++)
				if (!strcmp(order->names[k], name))
					break;
			if (k == order->count && k < DV_COUNT(order->names))
				order->names[order->count++] = name;
		}
	}
	return SCRIPT_RAN;
}

static void fire_all(struct run *r, const struct order *order)
{
	if (!run_fire(r, "BEGIN"))
		goto end;
	for (uint32_t i = 0; i < order->count; i++) {
		const char *name = order->names[i];

		if (!strcmp(name, "BEGIN") || !strcmp(name, "END") || !strcmp(name, "ERROR"))
			continue;
		for (int k = 0; k < 3; k++)
			if (!run_fire(r, name))
				goto end;
	}
end:
	run_fire(r, "END");
}

// Addresses of one page for those of another, in hexadecimal.
static char *relocate(const char *text, uint64_t from, uint64_t to)
{
	char want[20], with[20], *copy = dv_xstrdup(text), *p;

	snprintf(want, sizeof(want), "%013llx", (unsigned long long)from >> 12);
	snprintf(with, sizeof(with), "%013llx", (unsigned long long)to >> 12);
	for (p = copy; (p = strstr(p, want)); p += 13)
		memcpy(p, with, 13);
	return copy;
}

static void parse_options(struct dv_script *s, struct settings *set)
{
	const char *name, *value;
	struct dv_loc loc;

	for (uint32_t i = 0; i < dv_script_option_count(s); i++) {
		dv_script_option(s, i, &name, &value, &loc);
		if (!strcmp(name, "quiet"))
			set->out.quiet = true;
	}
}

static enum script_end start(struct run *r, struct dv_script *s, const struct settings *set, const struct dv_agg **aggs,
			     FILE *out)
{
	uint32_t key, val;
	const struct dv_error *why;

	for (uint32_t i = 0; i < dv_script_agg_count(s); i++)
		aggs[i] = dv_script_agg(s, i);
	dv_script_dyn_sizes(s, set->strsize, &key, &val);
	run_start(r, dv_script_this_size(s), key, val, aggs, dv_script_agg_count(s), &set->out);
	why = run_refused(r);
	if (why)
		fprintf(out, "kernel: %s; %s\n", why->msg, why->hint ? why->hint : "");
	return why ? SCRIPT_NOT_LOADED : SCRIPT_RAN;
}

enum script_end script_run(const char *text, const struct script_how *given, FILE *out)
{
	struct dv_diag diag = {.emit = emit, .ctx = out, .errtags = true};
	struct script_how how = *given;
	struct dv_script *s = dv_script_create();
	struct run *r;
	struct order order = {0};
	const struct dv_agg **aggs = NULL;
	DV_FREE char *moved = NULL;
	DV_FREE char *printed = NULL;
	struct settings set;
	struct dv_source src;
	struct dv_arena arena;
	struct dv_error *err;
	enum script_end end;
	int status = 0;

	how.diag = how.diag ? how.diag : &diag;
	settings_read(&set, text);
	dv_arena_init(&arena);
	r = run_create(set.strsize);
#ifdef RUN_IN_KERNEL
	in_kernel_guest = how.in_kernel && how.as_guest;
#endif
	if (how.in_kernel) {
		const char *why;

		end = SCRIPT_NO_KERNEL;
		if (!run_in_kernel(r, &why)) {
			fprintf(out, "%s\n", why);
			goto out;
		}
		text = moved = relocate(text, RUN_KMEM, run_kmem(r));
	}
	src = (struct dv_source){.name = "script.d", .text = text, .argc = set.argc, .argv = set.argv, .target = -1};
	err = dv_script_parse(s, &src, how.diag);
	if (err) {
		dv_error_destroy(err);
		end = SCRIPT_REFUSED;
		goto out;
	}
	parse_options(s, &set);
	end = compile(r, s, &set, &how, &arena, out, &order);
	if (end)
		goto out;
	aggs = dv_xcalloc(dv_script_agg_count(s) + 1, sizeof(*aggs));
	end = start(r, s, &set, aggs, out);
	if (end)
		goto out;
	fire_all(r, &order);
	printed = relocate(run_finish(r, &status), run_kmem(r), RUN_KMEM);
	fputs(printed, out);
	if (status)
		fprintf(out, "exit status %d\n", status);
out:
	settings_free(&set);
	run_destroy(r);
	free(aggs);
	dv_script_destroy(s);
	dv_arena_deinit(&arena);
	return end;
}

bool script_is_placed(const char *text)
{
	struct settings set;

	settings_read(&set, text);
	settings_free(&set);
	return set.place;
}
