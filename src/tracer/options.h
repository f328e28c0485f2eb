/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TRACER_OPTIONS_H
#define DV_TRACER_OPTIONS_H
/** Options of a session: -x name[=value] and `#pragma D option name[=value]`. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct dv_options {
	/* sizes, bytes */
	uint64_t bufsize, aggsize, strsize, statesize, dynvarsize, scratchsize;
	/* rates, as a period in ns */
	uint64_t switchrate, aggrate, statusrate;
	/* numbers */
	uint64_t aggsortpos, aggsortkeypos, machines;
	uint64_t stackframes, ustackframes, jstackframes, maxframes, stackindent;
	/* flags */
	bool quiet, defaultargs, argref, errtags, zdefs, destructive, aggsortkey, aggsortrev, rawbytes, droptags, quietresize;
	bool noresolve;
	char sysroot[512]; /**< folder with the guests' programs; "": none */
	bool manual; /**< bufresize: buffers are not made smaller when they do not fit */
	bool nolibs, empty;
	char *libdir, *syslibdir; /**< folders of D libraries, or NULL; owned */
	uint64_t block;	 /**< bufpolicy */
	uint64_t set[2]; /**< which were given on the command line: bit = row of the table */
};

void dv_options_init(struct dv_options *o);
void dv_options_deinit(struct dv_options *o);
/** @p override: from the command line; what it sets a pragma no longer changes. */
struct dv_error *dv_options_set(struct dv_options *o, const char *name, const char *value, bool override) DV_MUST_USE;
/** Sizes: k m g t. Rates: units of time, hz; bare: ns. For tests. */
bool dv_parse_size(const char *text, uint64_t *ret);
bool dv_parse_rate(const char *text, uint64_t *ret);

#endif
