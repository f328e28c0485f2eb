/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_FINDING_H
#define DV_TESTS_FINDING_H
/**
 * What is done with a program of D: tested, and if it fails shown, made smaller and shown again, and the process aborts.
 * A program that ends the process (a crash, a sanitizer's word) is only made smaller with DV_FUZZ_REDUCE=1 in the
 * environment: then each test has a process of its own. DV_FUZZ_SHOW=1 shows each program.
 */

/** NULL: all is well; else what is not, valid until the next call. */
typedef const char *program_test(const char *text);
void finding_test(const char *text, program_test *test);

#endif
