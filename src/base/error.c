/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dv_error nomem = { .code = DV_ERR_NOMEM, .msg = (char *)"out of memory" };

static struct dv_error *vcreate(enum dv_error_code code, int err, const char *fmt, va_list ap)
{
	struct dv_error *e = calloc(1, sizeof(*e));
	char *text;

	if (!e)
		return &nomem;
	if (vasprintf(&text, fmt, ap) < 0) {
		free(e);
		return &nomem;
	}
	e->code = code;
	e->sys_errno = err;
	e->msg = text;
	if (err) {
		char *full;

		if (asprintf(&full, "%s: %s", text, strerror(err)) >= 0) {
			free(text);
			e->msg = full;
		}
	}
	return e;
}

struct dv_error *dv_error_create(enum dv_error_code code, const char *fmt, ...)
{
	struct dv_error *e;
	va_list ap;

	va_start(ap, fmt);
	e = vcreate(code, 0, fmt, ap);
	va_end(ap);
	return e;
}

struct dv_error *dv_error_sys(int err, const char *fmt, ...)
{
	struct dv_error *e;
	va_list ap;

	va_start(ap, fmt);
	e = vcreate(DV_ERR_SYS, err, fmt, ap);
	va_end(ap);
	return e;
}

struct dv_error *dv_error_wrap(struct dv_error *e, const char *fmt, ...)
{
	char *head, *full;
	va_list ap;
	int n;

	if (!e || e == &nomem)
		return e;
	va_start(ap, fmt);
	n = vasprintf(&head, fmt, ap);
	va_end(ap);
	if (n < 0)
		return e;
	if (asprintf(&full, "%s: %s", head, e->msg) >= 0) {
		free(e->msg);
		e->msg = full;
	}
	free(head);
	return e;
}

struct dv_error *dv_error_hint(struct dv_error *e, const char *fmt, ...)
{
	char *hint;
	va_list ap;
	int n;

	if (!e || e == &nomem)
		return e;
	va_start(ap, fmt);
	n = vasprintf(&hint, fmt, ap);
	va_end(ap);
	if (n < 0)
		return e;
	free(e->hint);
	e->hint = hint;
	return e;
}

void dv_error_destroy(struct dv_error *e)
{
	if (!e || e == &nomem)
		return;
	free(e->msg);
	free(e->hint);
	free(e);
}
