/* SPDX-License-Identifier: GPL-2.0-or-later */
// D source: parsed, every clause checked for two kernels, one after the other, and made into code, which the verifier must
// accept.
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../lang/fake.c"
#include "code/program.h"

static void emit(void *ctx, const char *text)
{
	*(volatile size_t *)ctx += strlen(text);
}

static struct dv_universe *machine(void *ctx, const char *name, uint32_t *index)
{
	*index = 2;
	return strcmp(name, "db") ? NULL : fake_kernel(2);
}

static void generate(const struct dv_clause *typed, struct dv_consts *consts)
{
	struct dv_program *prog;
	struct dv_error *e = dv_codegen(typed, 256, consts, &prog, NULL);
	char why[128];

	if (e) {
		dv_error_destroy(e);
		return;
	}
	if (!dv_verify(prog->insns, prog->insn_count, why, sizeof(why)))
		abort();
	dv_program_destroy(prog);
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
	struct dv_consts *consts;
	struct dv_error *e;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	s = dv_script_create();
	consts = dv_consts_create();
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

			if (dv_check_clause(s, dv_script_clause(s, i), &env, &diag, &arena, &typed))
				generate(typed, consts);
		}
		dv_arena_deinit(&arena);
	}
	dv_error_destroy(e);
	dv_consts_destroy(consts);
	dv_script_destroy(s);
	free(text);
	return 0;
}
