/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_BASE_ERROR_H
#define DV_BASE_ERROR_H
/**
 * Errors of the control side.
 *
 * A function that can fail returns `struct dv_error *`: NULL is success. The caller owns the error, and either
 * handles it (dv_error_destroy()), or returns it, perhaps with context added (dv_error_wrap()). Results leave
 * through a last parameter named `ret`, written only on success. Library code never prints.
 *
 * Messages are lower case, without a full stop, say first what failed, quote the subject and carry the number that
 * a person needs. A hint, where there is something to do, is a second sentence that the CLI prints on its own line.
 *
 * Probe-time code (state, exec, the plugin's callbacks) never uses this: it records a fault and counts a drop.
 */
#include <stdarg.h>

enum dv_error_code {
	DV_ERR_OTHER,     /**< no caller need tell it apart */
	DV_ERR_NOMEM,     /**< out of memory */
	DV_ERR_SYS,       /**< a system call failed; dv_error::sys_errno says how */
	DV_ERR_FAULT,     /**< an address could not be read */
	DV_ERR_NOT_FOUND, /**< the named thing does not exist */
	DV_ERR_UNKNOWN,   /**< foreign bytes were not recognised (kernel, table, message) */
	DV_ERR_SYNTAX,    /**< a D program was refused; diagnostics were given */
	DV_ERR_LIMIT,     /**< a size or a bound was exceeded */
	DV_ERR_GONE,      /**< the machine went away */
	DV_ERR_DENIED,    /**< permission */
};

struct dv_error {
	enum dv_error_code code;
	int sys_errno; /**< errno for DV_ERR_SYS, else 0 */
	char *msg;     /**< never NULL */
	char *hint;    /**< what to do about it, or NULL */
};

#define DV_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define DV_MUST_USE     __attribute__((warn_unused_result))

/** New error. Never returns NULL: when memory is out it returns a static object. */
struct dv_error *dv_error_create(enum dv_error_code code, const char *fmt, ...) DV_PRINTF(2, 3) DV_MUST_USE;
/** New DV_ERR_SYS error from errno; ": strerror" is appended. */
struct dv_error *dv_error_sys(int err, const char *fmt, ...) DV_PRINTF(2, 3) DV_MUST_USE;
/** Put "fmt: " before the message of @p e; returns @p e. */
struct dv_error *dv_error_wrap(struct dv_error *e, const char *fmt, ...) DV_PRINTF(2, 3) DV_MUST_USE;
/** Set the hint (replaces an earlier one); returns @p e. */
struct dv_error *dv_error_hint(struct dv_error *e, const char *fmt, ...) DV_PRINTF(2, 3) DV_MUST_USE;
/** NULL is fine. */
void dv_error_destroy(struct dv_error *e);

#endif
