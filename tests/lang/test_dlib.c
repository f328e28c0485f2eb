/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every translator and inline of the D libraries, checked against a real kernel's types: the host's, and those of the
 * BTF files in $DVIRT_BTF (separated by colons). Also what the libraries cost a script that uses none of them.
 *
 *	test_dlib FOLDER
 */
#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "guest/btf.h"
#include "lang/impl.h"
#include "test.h"

static void emit(void *ctx, const char *text)
{
	fputs(text, stderr);
}

static void parse(struct dv_script *s, struct dv_diag *d, const char *text)
{
	struct dv_source src = {.text = text, .target = -1};
	struct dv_error *e = dv_script_parse(s, &src, d);

	CHECK(!e);
	dv_error_destroy(e);
}

static void members(struct dv_check *ck, struct dv_xlator *x, unsigned *count)
{
	struct dv_node in = {.kind = DV_NODE_ARGN}, at = {.kind = DV_NODE_INT, .loc = x->loc, .op_loc = x->loc}, *ptr;
	const struct dv_type *out;

	ck->quiet++;
	in.type = dv_decl_type(ck, x->in, false);
	ck->quiet--;
	if (!in.type)
		return; // not with this kernel
	out = dv_decl_type(ck, x->out, false);
	CHECK(out != NULL);
	ptr = out ? dv_xlate(ck, &at, dv_type_ptr(out), &in) : NULL;
	CHECK(ptr != NULL);
	for (uint32_t i = 0; ptr && i < x->count; i++) {
		struct dv_node m = {.kind = DV_NODE_MEMBER, .str = x->members[i].name, .op_loc = x->members[i].loc};

		if (!dv_xlate_member(ck, &m, ptr))
			fprintf(stderr, "%s: member %s\n", x->lib->name, m.str);
		ck->nodes = 0;
		++*count;
	}
}

static void check_kernel(const char *libdir, struct dv_universe *u, const char *what)
{
	static const struct dv_clause clause;
	struct dv_script *s = dv_script_create();
	struct dv_diag d = {.emit = emit, .errtags = true};
	struct dv_check_env env = {.types = u, .strsize = 256, .machine_name = what};
	struct dv_arena arena;
	struct dv_check ck = {.script = s, .clause = &clause, .env = &env, .diag = &d, .arena = &arena};
	DIR *dir = opendir(libdir);
	unsigned count = 0;

	REQUIRE(dir);
	dv_arena_init(&arena);
	dv_script_libdir(s, libdir);
	parse(s, &d, "BEGIN { }");
	for (struct dirent *e; (e = readdir(dir));)
		if (strstr(e->d_name, ".d") && !strstr(e->d_name, ".build"))
			CHECK(dv_lib_require(s, e->d_name));
	closedir(dir);
	CHECK_EQ(d.errors, 0);
	for (size_t i = 0; i < s->xlators.count; i++)
		members(&ck, s->xlators.data[i], &count);
	for (size_t i = 0; i < s->decls.count; i++) {
		const struct dv_vdecl *v = s->decls.data[i];
		struct dv_node at = {.kind = DV_NODE_IDENT, .str = v->name, .loc = v->loc};

		if (v->value && v->decl->kind != DV_D_ASSOC && !dv_check_inline(&ck, &at, v, NULL, 0))
			fprintf(stderr, "inline %s\n", v->name);
		ck.nodes = 0;
	}
	CHECK_EQ(d.errors, 0);
	fprintf(stderr, "%s: %zu translators, %u members, %zu inlines\n", what, s->xlators.count, count, s->decls.count);
	dv_arena_deinit(&arena);
	dv_script_destroy(s);
}

static bool check_file(const char *libdir, const char *path)
{
	FILE *f = fopen(path, "r");
	struct dv_btf *btf;
	struct dv_types *types;
	struct dv_error *e;
	uint8_t *data = dv_xcalloc(1, 64u << 20);
	size_t n;

	if (!f) {
		free(data);
		return false;
	}
	n = fread(data, 1, 64u << 20, f);
	fclose(f);
	e = dv_btf_create(data, n, NULL, "vmlinux", &btf);
	if (e)
		fprintf(stderr, "%s: %s\n", path, e->msg);
	REQUIRE(!e);
	types = dv_types_create(btf);
	types->universe = dv_universe_create(1, path, &dv_btf_source_ops, types);
	check_kernel(libdir, types->universe, path);
	dv_universe_destroy(types->universe);
	dv_types_destroy(types);
	return true;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// A script whose names are all its own must not wait for the libraries.
static void check_cost(const char *libdir)
{
	double best[2] = {1e9, 1e9};

	for (int i = 0; i < 40; i++) {
		struct dv_script *s = dv_script_create();
		struct dv_diag d = {.emit = emit};
		double t = now();

		if (i % 2)
			dv_script_libdir(s, libdir);
		parse(s, &d, "BEGIN { x = 1; self->y = pid; @[execname] = count(); } tick-1s { x++; printf(\"%d\\n\", x); }");
		t = now() - t;
		CHECK_EQ(s->sources.count, 1);
		best[i % 2] = t < best[i % 2] ? t : best[i % 2];
		dv_script_destroy(s);
	}
	fprintf(stderr, "a script without libraries %.2f ms, with %.2f ms\n", best[0], best[1]);
	CHECK(best[1] - best[0] < 5);
}

int main(int argc, char **argv)
{
	char *list = getenv("DVIRT_BTF") ? dv_xstrdup(getenv("DVIRT_BTF")) : NULL;
	bool any;

	REQUIRE(argc == 2);
	check_cost(argv[1]);
	any = check_file(argv[1], "/sys/kernel/btf/vmlinux");
	for (char *p = list ? strtok(list, ":") : NULL; p; p = strtok(NULL, ":"))
		any |= check_file(argv[1], p);
	free(list);
	if (!any && !test_failures) {
		fprintf(stderr, "no kernel's types to be had here: only the cost was measured\n");
		return 77;
	}
	return test_done();
}
