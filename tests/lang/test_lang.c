/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the files of cases given as arguments, with -l in front also lists what passes. A case:
 *
 *	--- ok|TAG|file option... # what it shows
 *	D text
 *	===
 *	diagnostics, then the typed tree of each clause
 *
 * TAG is that of the first error. Options: notypes (no kernel types), lib (with the libraries of lib/),
 * prov=NAME:PROBE (what provider declarations are looked up for), xargs (args[] as a provider presents them), noargs (args[]
 * not typed), two (check for web, then again for db), dbfirst, given (the provider makes arguments of its own, badgiven:
 * bad ones), text (given with -n), destructive (-w), default, argref, target, argv=a,b,c. With DV_UPDATE=1 in the environment the
 * expectations are written anew; read the difference before you believe it.
 */
#include "fake.h"
#include "test.h"

#include "abi/region.h"

static bool listing;

static void emit(void *ctx, const char *text)
{
	fputs(text, ctx);
}

static struct dv_universe *machine(void *ctx, const char *name, uint32_t *index)
{
	if (!strcmp(name, "web") || !strcmp(name, "db")) {
		*index = !strcmp(name, "web") ? 1 : 2;
		return fake_kernel(*index);
	}
	return NULL;
}

static const char *given(void *ctx, uint32_t n)
{
	static const char *const texts[] = {"arg4", "((struct task_struct *)arg3)->ubuf", "-(int)arg9"};

	return n < DV_COUNT(texts) ? texts[n] : NULL;
}

static const char *bad_given(void *ctx, uint32_t n)
{
	return n ? "nothing" : "arg1 +";
}

static bool has(const char *opts, const char *opt)
{
	return strstr(opts, opt) != NULL;
}

static bool has_unit(void *ctx, const char *kind, const char *name)
{
	return strcmp(name, "nosuch") != 0;
}

static void check_all(struct dv_script *s, const char *opts, uint32_t id, struct dv_diag *d, FILE *out,
		      struct dv_arena *arena)
{
	static const struct dv_xarg xargs[] = {{"finfo_t *", 0}, {"int", 2}, {NULL, 0}, {"string", 1}};
	bool types = !has(opts, "notypes");
	const char *prov = strstr(opts, "prov=");
	char name[2][32] = {"", ""};
	struct dv_check_env env = {
	    .types = types ? fake_kernel(id) : dv_universe_base(),
	    .strsize = 256,
	    .arg_type = fake_arg_type,
	    .arg_count = 4,
	    .typed_args = types && !has(opts, "noargs"),
	    .arg_text = has(opts, "badgiven") ? bad_given : has(opts, "given") ? given : NULL,
	    .guard = has(opts, "given") ? "((struct task_struct *)arg3)->pid" : NULL,
	    .machine = machine,
	    .ctx = fake_kernel(id),
	    .probe = "fbt::vfs_read:entry",
	    .machine_name = id == 1 ? "web" : "db",
	    .can = has(opts, "destructive") ? DV_CAN_DESTROY : 0,
	};

	if (prov && sscanf(prov + 5, "%31[^:]:%31s", name[0], name[1]) == 2) {
		env.provider = name[0];
		env.name = name[1];
	}
	if (has(opts, "xargs")) {
		env.xargs = xargs;
		env.xarg_count = DV_COUNT(xargs);
	}
	for (uint32_t i = 0; i < dv_script_clause_count(s); i++) {
		struct dv_clause *t;

		if (dv_check_clause(s, dv_script_clause(s, i), &env, d, arena, &t))
			dv_ast_dump(out, t);
	}
}

static void show_options(const struct dv_script *s, FILE *out)
{
	for (uint32_t i = 0; i < dv_script_option_count(s); i++) {
		const char *name, *value;

		dv_script_option(s, i, &name, &value, NULL);
		fprintf(out, "option %s=%s\n", name, value ? value : "(none)");
	}
}

static char *run(const char *text, const char *opts, char tag[32])
{
	char *buf = NULL, args[128] = "", *argv[9] = {"script.d"};
	size_t size;
	FILE *out = open_memstream(&buf, &size);
	struct dv_diag d = {.emit = emit, .ctx = out, .errtags = true};
	struct dv_source src = {.name = has(opts, "text") ? NULL : "script.d",
				.text = text,
				.argv = argv,
				.argc = 1,
				.defaultargs = has(opts, "default"),
				.argref = has(opts, "argref"),
				.target = has(opts, "target") ? 4711 : -1,
				.pspec_only = has(opts, "text")};
	struct dv_script *s = dv_script_create();
	struct dv_arena arena;
	struct dv_error *e;
	const char *a = strstr(opts, "argv=");

	if (a) {
		sscanf(a + 5, "%127s", args);
		for (char *p = strtok(args, ","); p && src.argc < 8; p = strtok(NULL, ","))
			argv[src.argc++] = p;
	}
	dv_arena_init(&arena);
	if (has(opts, "lib"))
		dv_script_libdir(s, "lib");
	dv_script_lib_env(s, &(struct dv_lib_env){.has = has_unit});
	e = dv_script_parse(s, &src, &d);
	if (!e) {
		show_options(s, out);
		if (has(opts, "dbfirst"))
			check_all(s, opts, 2, &d, out, &arena);
		check_all(s, opts, 1, &d, out, &arena);
		if (has(opts, "two"))
			check_all(s, opts, 2, &d, out, &arena);
	}
	CHECK(!e == !d.errors || !e);
	dv_error_destroy(e);
	dv_arena_deinit(&arena);
	dv_script_destroy(s);
	fclose(out);
	snprintf(tag, 32, "%s", d.last_tag[0] ? d.last_tag : "ok");
	return buf;
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *s = dv_xcalloc(1, 1 << 20);

	REQUIRE(f);
	REQUIRE(fread(s, 1, (1 << 20) - 1, f) < (1 << 20) - 1);
	fclose(f);
	return s;
}

static void run_file(const char *path)
{
	char *all = slurp(path), *p = all;
	bool update = getenv("DV_UPDATE") != NULL;
	FILE *new = update ? fopen(path, "w") : NULL;
	unsigned cases = 0;

	if (new)
		fwrite(all, 1, strncmp(all, "--- ", 4) ? (size_t)(strstr(all, "\n--- ") + 1 - all) : 0, new);
	p = strncmp(all, "--- ", 4) ? strstr(all, "\n--- ") + 1 : all;
	while (p && *p) {
		char *next = strstr(p, "\n--- "), *sep, *head = p + 4, *body, *want, tag[32], want_tag[32] = "", *opts,
		     *got, *note;

		if (next)
			*next++ = '\0';
		body = strchr(p, '\n');
		REQUIRE(body);
		*body++ = '\0';
		sep = strstr(body, "===\n");
		if (!sep && strlen(body) >= 3 && !strcmp(body + strlen(body) - 3, "==="))
			sep = body + strlen(body) - 3;
		REQUIRE(sep);
		want = sep + (sep[3] ? 4 : 3);
		*sep = '\0';
		sscanf(head, "%31s", want_tag);
		opts = dv_xstrdup(head);
		note = strchr(opts, '#');
		if (note)
			*note++ = '\0';
		got = run(body, opts, tag);
		if (strlen(got) && got[strlen(got) - 1] == '\n')
			got[strlen(got) - 1] = '\0';
		while (strlen(want) && want[strlen(want) - 1] == '\n')
			want[strlen(want) - 1] = '\0';
		if (strcmp(tag, want_tag) || (!update && strcmp(got, want)))
			fprintf(stderr, "%s: case '%s':\n", path, head);
		else if (listing && note)
			printf("%s\n", note + strspn(note, " "));
		CHECK_STR(tag, want_tag);
		if (!update)
			CHECK_STR(got, want);
		else
			fprintf(new, "--- %s\n%s===\n%s\n", head, body, got);
		free(got);
		free(opts);
		cases++;
		p = next;
	}
	if (new)
		fclose(new);
	CHECK(cases > 0);
	free(all);
}

// What the rest of dvirt asks of a script.
static void test_layout(void)
{
	static const char text[] =
	    "int a; string s; struct task_struct *p; self int t; this string c; this int d;"
	    "BEGIN { a = 1; s = \"x\"; p = curthread; self->t = 1; this->c = s; this->d = 2; q[1, \"x\"] = 1; @[s] = "
	    "count(); }\n"
	    "tick-1s { a++; q[2, \"y\"]++; @[\"z\"] = count(); x = args[0]; trace(probefunc); trace(db`jiffies); }";
	struct dv_script *s = dv_script_create();
	struct dv_diag d = {.emit = emit, .ctx = stderr};
	struct dv_source src = {.text = text, .target = -1};
	struct dv_arena arena;
	struct dv_error *e = dv_script_parse(s, &src, &d);
	struct dv_check_env env = {.types = fake_kernel(1),
				   .strsize = 100,
				   .arg_type = fake_arg_type,
				   .arg_count = 4,
				   .typed_args = true,
				   .machine = machine,
				   .ctx = fake_kernel(1),
				   .machine_name = "web"};
	uint32_t key, val, vars;
	struct dv_clause *t;

	REQUIRE(!e);
	dv_arena_init(&arena);
	for (int round = 0; round < 2; round++) {
		REQUIRE(dv_check_clause(s, dv_script_clause(s, 0), &env, &d, &arena, &t));
		vars = dv_script_var_count(s);
		CHECK_EQ(vars, 7);
	}
	CHECK(!dv_clause_uses_args(dv_script_clause(s, 0)));
	CHECK(!dv_clause_uses_probe_names(dv_script_clause(s, 0)));
	CHECK(dv_clause_uses_args(dv_script_clause(s, 1)));
	CHECK(dv_clause_uses_probe_names(dv_script_clause(s, 1)));
	CHECK(dv_script_uses_cross_machine(s));
	// a: 8, s: 104, p: 16. this->c: 104, this->d: 8.
	CHECK_EQ(dv_script_globals_end(s), DV_GLOBALS_OFF + 8 + 104 + 16);
	CHECK_EQ(dv_script_this_size(s), 112);
	CHECK_EQ(dv_script_agg_count(s), 1);
	CHECK_EQ(dv_script_agg(s, 0)->key_count, 1);
	CHECK(dv_type_is_string(dv_script_agg(s, 0)->key_types[0]));
	dv_script_dyn_sizes(s, 100, &key, &val);
	CHECK_EQ(key, 16 + 8 + 104);
	CHECK_EQ(val, 8);
	for (uint32_t i = 0; i < vars; i++) {
		const struct dv_var *v = dv_script_var(s, i);

		if (!strcmp(v->name, "q"))
			CHECK(v->is_array && v->key_count == 2 && !v->key_is_string[0] && v->key_is_string[1]);
		CHECK(v->cell || v->id || v->scope == DV_SCOPE_THIS);
	}
	dv_arena_deinit(&arena);
	dv_script_destroy(s);
}

// More globals than there is room for.
static void test_limits(void)
{
	char *text = dv_xcalloc(1, 1 << 20);
	size_t n = 0;
	char tag[32], *out;

	n += (size_t)sprintf(text + n, "BEGIN { ");
	for (int i = 0; i < 4000; i++)
		n += (size_t)sprintf(text + n, "s%d = \"x\"; ", i);
	sprintf(text + n, "}");
	out = run(text, "", tag);
	CHECK_STR(tag, "D_VAR_LIMIT");
	free(out);
	n = (size_t)sprintf(text, "BEGIN { x = ");
	for (int i = 0; i < 20000; i++)
		text[n++] = '(';
	text[n] = '\0';
	out = run(text, "", tag);
	CHECK_STR(tag, "D_SYNTAX");
	free(out);
	n = (size_t)sprintf(text, "BEGIN { x = 1");
	for (int i = 0; i < 20000; i++)
		n += (size_t)sprintf(text + n, "+pid");
	sprintf(text + n, "; }");
	out = run(text, "", tag);
	CHECK_STR(tag, "D_SYNTAX");
	free(out);
	// Doubling inlines: bounded, whatever they multiply to.
	n = (size_t)sprintf(text, "inline int a0 = pid;\n");
	for (int i = 1; i < 15; i++)
		n += (size_t)sprintf(text + n, "inline int a%d = a%d + a%d + a%d + a%d;\n", i, i - 1, i - 1, i - 1,
				     i - 1);
	sprintf(text + n, "BEGIN { trace(a14); }");
	out = run(text, "", tag);
	CHECK_STR(tag, "D_SYNTAX");
	free(out);
	free(text);
}

int main(int argc, char **argv)
{
	listing = argc > 1 && !strcmp(argv[1], "-l");
	for (int i = 1 + listing; i < argc; i++)
		run_file(argv[i]);
	test_layout();
	test_limits();
	return test_done();
}
