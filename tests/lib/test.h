/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_TEST_H
#define DV_TESTS_TEST_H
/**
 * A test program is a main() that calls functions with CHECKs in them and ends with `return test_done();`. A failed
 * CHECK says where and what, counts, and goes on; REQUIRE also ends the program.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_checks, test_failures;

#define CHECK(cond)                                                              \
	do {                                                                     \
		test_checks++;                                                   \
		if (!(cond)) {                                                   \
			test_failures++;                                         \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
		}                                                                \
	} while (0)
#define REQUIRE(cond)                                                            \
	do {                                                                     \
		const int before_ = test_failures;                               \
		CHECK(cond);                                                     \
		if (test_failures != before_)                                    \
			exit(1);                                                 \
	} while (0)
#define CHECK_EQ(a, b)                                                           \
	do {                                                                     \
		long long a_ = (long long)(a), b_ = (long long)(b);              \
		test_checks++;                                                   \
		if (a_ != b_) {                                                  \
			test_failures++;                                         \
			fprintf(stderr, "%s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #a, a_, #b, b_); \
		}                                                                \
	} while (0)
#define CHECK_STR(a, b)                                                          \
	do {                                                                     \
		const char *a_ = (a), *b_ = (b);                                 \
		test_checks++;                                                   \
		if (!a_ || strcmp(a_, b_)) {                                     \
			test_failures++;                                         \
			fprintf(stderr, "%s:%d: %s is\n\"%s\", not\n\"%s\"\n", __FILE__, __LINE__, #a, a_ ? a_ : "(null)", b_); \
		}                                                                \
	} while (0)
static inline int test_done(void)
{
	fprintf(stderr, "%d checks, %d failed\n", test_checks, test_failures);
	return test_checks == 0 || test_failures != 0;
}
#endif
