/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_DGEN_H
#define DV_TESTS_DGEN_H
/**
 * Random D programs for the fake machine of tests/code/runner.h, mostly valid ones. The bytes of a fuzzer's input are
 * the choices: where there are none left, the simplest is taken, so that programs end. An input of at most 16 bytes
 * is the seed of endless choices instead.
 *
 * A program is text with one declaration or statement a line and each brace on a line of its own or at a line's end,
 * so that one that fails can be made smaller line by line (reduce.h). Its settings ("// run: ...", see script.h) are in
 * it: it can be put into the corpus as it is.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dgen_how {
	bool placed; /**< also what two machines need not agree on: processes, clocks, stacks, addresses */
	bool wrong;  /**< here and there what D does not allow */
};
/** To be freed. */
char *dgen_program(const uint8_t *data, size_t size, const struct dgen_how *how);
/** Found in the output of a program when a constant expression is not what it is with variables, or not what C makes of it. */
#define DGEN_FOLD "differs from its constants"

#endif
