/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_ERRORS_H
#define DV_TESTS_ERRORS_H
/** Checks of what a function that can fail returns, which they consume. */
#include "base/error.h"
#include "lib/test.h"

static inline void ok(struct dv_error *e)
{
	CHECK(!e);
	if (e)
		fprintf(stderr, "%s\n", e->msg);
	dv_error_destroy(e);
}
/** Its message has @p text in it. */
static inline void fails(struct dv_error *e, const char *text)
{
	CHECK(e && strstr(e->msg, text));
	if (e && !strstr(e->msg, text))
		fprintf(stderr, "%s\n", e->msg);
	dv_error_destroy(e);
}
#endif
