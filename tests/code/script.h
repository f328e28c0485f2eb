/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_SCRIPT_H
#define DV_TESTS_SCRIPT_H
/**
 * A D script from its text to its output: parsed, checked, compiled, verified, run on the fake machine (runner.h) and
 * printed.
 *
 * Probes fire in this order: BEGIN, then each other probe of the script three times over, in the order of their first
 * clauses, then END; exit() goes to END at once. Lines of comment at the head of a script say more:
 *	// run: -q off           not quiet
 *	// run: strsize N
 *	// run: args WORD ...    script arguments ($1, $$2)
 *	// run: aggsortkey       likewise aggsortrev, rawbytes, noresolve, and other options of output
 *	// run: stackindent N
 *	// run: place            depends on the fake machine's registers, processes or second machine: not for the kernel
 *	// run: destructive      -w, on a machine that can do all there is
 * A run-time fault shows as a line "error: ...". The status of exit() other than 0 is shown at the end.
 */
#include <stdio.h>

#include "lang/lang.h"

struct script_how {
	struct dv_diag *diag; /**< NULL: diagnostics are output */
	bool show_code;       /**< the bytecode to stdout */
	bool in_kernel;       /**< as BPF in this machine's kernel */
	bool as_guest;        /**< and there as clauses of a KVM guest */
};
enum script_end {
	SCRIPT_RAN,
	SCRIPT_REFUSED,    /**< after diagnostics */
	SCRIPT_TOO_LARGE,  /**< by the code generator: a line "code: ..." says why */
	SCRIPT_NOT_LOADED, /**< by the kernel: a line "kernel: ..." */
	SCRIPT_NO_KERNEL,  /**< programs cannot be loaded here: a line says why */
};
/** Exits where something breaks that must not, our verifier's word on the program included. */
enum script_end script_run(const char *text, const struct script_how *how, FILE *out);
/** Has it "// run: place"? */
bool script_is_placed(const char *text);

#endif
