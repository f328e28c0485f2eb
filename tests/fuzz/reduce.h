/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_REDUCE_H
#define DV_TESTS_REDUCE_H
/**
 * Makes a program that fails smaller: lines are dropped, groups in braces unwrapped, expressions in parentheses replaced
 * by constants, as long as it goes on failing.
 */
#include <stdbool.h>

/** Does this text still fail as the first one did? */
typedef bool reduce_test(void *ctx, const char *text);
/** The smaller text, to be freed. At most @p tries tests. */
char *reduce(const char *text, reduce_test *fails, void *ctx, unsigned tries);

#endif
