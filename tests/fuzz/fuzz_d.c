/* SPDX-License-Identifier: GPL-2.0-or-later */
// D source: parsed, and every clause checked for two kernels, one after the other.
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../lang/fake.c"

static void emit(void *ctx, const char *text)
{
	*(volatile size_t *)ctx += strlen(text);
}

static struct dv_universe *machine(void *ctx, const char *name, uint32_t *index)
{
	*index = 2;
	return strcmp(name, "db") ? NULL : fake_kernel(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[] = {"fuzz", "12", "name", "a-b"};
	size_t told = 0;
	struct dv_diag diag = {.emit = emit, .ctx = &told, .errtags = true};
	struct dv_source src = {
	    .name = "fuzz.d", .text = text, .argc = 4, .argv = argv, .defaultargs = true, .argref = true, .target = 1};
	struct dv_script *s;
	struct dv_error *e;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	s = dv_script_create();
	e = dv_script_parse(s, &src, &diag);
	for (uint32_t id = 1; !e && id <= 2; id++) {
		struct dv_check_env env = {
		    .types = fake_kernel(id),
		    .strsize = 256,
		    .arg_type = fake_arg_type,
		    .arg_count = 4,
		    .typed_args = true,
		    .machine = machine,
		    .ctx = fake_kernel(id),
		    .machine_name = "fuzz",
		};
		struct dv_arena arena;

		dv_arena_init(&arena);
		for (uint32_t i = 0; i < dv_script_clause_count(s) && i < 100; i++) {
			struct dv_clause *typed;

			dv_check_clause(s, dv_script_clause(s, i), &env, &diag, &arena, &typed);
		}
		dv_arena_deinit(&arena);
	}
	dv_error_destroy(e);
	dv_script_destroy(s);
	free(text);
	return 0;
}
