/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TRACER_TRACER_H
#define DV_TRACER_TRACER_H
/**
 * The conductor of a session: parse, find machines, match probes, check and compile for each machine, lay out the state
 * region, load, consume, print; machines that appear later join, those that vanish are reported. Owns threads and
 * lifetimes. The CLI is its only user today.
 */
#include <stdio.h>

#include "base/error.h"
#include "lang/lang.h"
#include "probe/probe.h"

struct dv_tracer;

/** Options by name, as -x and #pragma D option give them (tracer/options.c has the table with types and defaults). */
struct dv_error *dv_tracer_create(struct dv_tracer **ret) DV_MUST_USE;
void dv_tracer_destroy(struct dv_tracer *t);
struct dv_error *dv_tracer_option(struct dv_tracer *t, const char *name, const char *value) DV_MUST_USE;
/** -M: only machines that match this glob; may be given several times. */
void dv_tracer_only(struct dv_tracer *t, const char *glob);
struct dv_error *dv_tracer_add_source(struct dv_tracer *t, const struct dv_source *src, struct dv_diag *diag) DV_MUST_USE;
void dv_tracer_set_output(struct dv_tracer *t, FILE *f);

/** Find machines, match, compile. After this -e stops. */
struct dv_error *dv_tracer_compile(struct dv_tracer *t, struct dv_diag *diag) DV_MUST_USE;
/** -S: disassembly of every compiled clause. */
void dv_tracer_disasm(struct dv_tracer *t, FILE *f);
uint32_t dv_tracer_probe_count(const struct dv_tracer *t);
/** Run until exit(), dv_tracer_stop() or the traced command's end. *status: of exit(). */
struct dv_error *dv_tracer_run(struct dv_tracer *t, int *status) DV_MUST_USE;
/** Async-signal-safe: end the session as exit(0) would. */
void dv_tracer_stop(struct dv_tracer *t);

/** -l: every probe that matches any of the descriptions (none: all), with arguments' types when @p verbose. */
struct dv_error *dv_tracer_list(struct dv_tracer *t, FILE *f, bool verbose) DV_MUST_USE;
/** dvirt ps. */
struct dv_error *dv_tracer_ps(FILE *f, bool verbose) DV_MUST_USE;

#endif
