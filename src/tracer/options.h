/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TRACER_OPTIONS_H
#define DV_TRACER_OPTIONS_H
/** Options of a session: -x name[=value] and `#pragma D option name[=value]`. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { DV_OPT_SWITCH, DV_OPT_BLOCK, DV_OPT_FILL, DV_OPT_RING };
enum { DV_OPT_AUTO, DV_OPT_ASCII, DV_OPT_UTF8 };

struct dv_options {
	/* sizes, bytes */
	uint64_t bufsize, aggsize, strsize, statesize, dynvarsize, scratchsize, specsize, printsize;
	/* rates, as a period in ns */
	uint64_t switchrate, aggrate, statusrate;
	/* numbers */
	uint64_t aggsortpos, aggsortkeypos, machines, nspec;
	uint64_t stackframes, ustackframes, jstackframes, maxframes, stackindent;
	uint64_t maxload; /**< of a virtual CPU's time that probes in a KVM guest may take, percent; 100: all */
	uint64_t cpu; /**< the only one that is traced; UINT64_MAX: all are */
	/* flags */
	bool quiet, defaultargs, argref, errtags, zdefs, pspec, destructive, aggsortkey, aggsortrev, rawbytes, droptags,
	    quietresize;
	bool agghist, aggpack, aggzoom, flowindent, noresolve, nolibs, empty;
	bool manual;		  /**< bufresize: buffers are not made smaller when they do not fit */
	char *sysroot;		  /**< folder with the guests' programs, or NULL; owned */
	char *libdir, *syslibdir; /**< folders of D libraries, or NULL; owned */
	uint64_t policy;	  /**< bufpolicy: DV_OPT_SWITCH ... */
	uint64_t encoding;	  /**< DV_OPT_AUTO ... */
	uint64_t set[2];	  /**< which were given on the command line: bit = row of the table */
};

void dv_options_init(struct dv_options *o);
void dv_options_deinit(struct dv_options *o);
/** @p override: from the command line; what it sets a pragma no longer changes. */
struct dv_error *dv_options_set(struct dv_options *o, const char *name, const char *value, bool override) DV_MUST_USE;
/** Is there such an option, and may it be changed while a session runs (setopt())? */
enum dv_option_kind { DV_OPTION_NONE, DV_OPTION_FIXED, DV_OPTION_DYNAMIC };
enum dv_option_kind dv_options_kind(const char *name);
/** Sizes: k m g t. Rates: units of time, hz; bare: ns. For tests. */
bool dv_parse_size(const char *text, uint64_t *ret);
bool dv_parse_rate(const char *text, uint64_t *ret);

#endif
