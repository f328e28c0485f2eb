/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TRACER_TRACER_H
#define DV_TRACER_TRACER_H
/**
 * The conductor of a session: parse, find machines, match probes, check and compile for each machine, lay out the state
 * region, load, consume, print; machines that appear later join, those that vanish are reported. Owns threads and
 * lifetimes. The CLI is its only user today.
 *
 * Calls, in order: create, option/only, add_source (any number), compile or list, run, destroy. Messages of a running
 * session (drops, faults, machines that come and go) go to stderr, one line each, beginning "dvirt: ".
 */
#include <stdio.h>

#include "base/error.h"
#include "lang/lang.h"
#include "probe/probe.h"

struct dv_tracer;

/** Options by name, as -x and #pragma D option give them (tracer/options.c has the table with types and defaults). */
struct dv_error *dv_tracer_create(struct dv_tracer **ret) DV_MUST_USE;
void dv_tracer_destroy(struct dv_tracer *t);
/** From the command line: wins over the script's pragma. @p value NULL: none given. */
struct dv_error *dv_tracer_option(struct dv_tracer *t, const char *name, const char *value) DV_MUST_USE;
/** Is it quiet (-q, or the script's pragma)? Known after the sources were added. */
bool dv_tracer_quiet(const struct dv_tracer *t);
/** -M: only machines that match this glob; may be given several times. */
void dv_tracer_only(struct dv_tracer *t, const char *glob);
/** -L: a folder of D libraries; the first that declares a name has it. Before the first source. */
void dv_tracer_libdir(struct dv_tracer *t, const char *dir);
/** Where dvirt's own D libraries are, if -x syslibdir does not say. */
void dv_tracer_syslibdir(struct dv_tracer *t, const char *dir);
/** Parse. Options that the lexer needs (defaultargs, argref) are taken from those set so far. */
struct dv_error *dv_tracer_add_source(struct dv_tracer *t, const struct dv_source *src,
				      struct dv_diag *diag) DV_MUST_USE;
void dv_tracer_set_output(struct dv_tracer *t, FILE *f);

/** Find machines, match, compile. After this -e stops. */
struct dv_error *dv_tracer_compile(struct dv_tracer *t, struct dv_diag *diag) DV_MUST_USE;
/** What that took, if dv_tracer_measure() was called before. `memory_more`: most bytes of this process while it compiled, over those of before: the kernels' images
 *  and types as they were found. */
struct dv_tracer_cost {
	uint64_t find_ns, compile_ns;
	uint64_t compile_cpu_ns; /**< of the processor: a machine that has other work does not change it */
	uint64_t memory_before, memory_more;
	uint32_t programs, places;
};
void dv_tracer_measure(struct dv_tracer *t);
const struct dv_tracer_cost *dv_tracer_cost(const struct dv_tracer *t);
/** -S: disassembly of every compiled clause. */
void dv_tracer_disasm(struct dv_tracer *t, FILE *f);
uint32_t dv_tracer_probe_count(const struct dv_tracer *t);
/** Probes that the clauses of source @p i (in order of adding) match. */
uint32_t dv_tracer_source_probes(const struct dv_tracer *t, uint32_t i);
/** Called once, when all probes are in. */
void dv_tracer_on_start(struct dv_tracer *t, void (*fn)(void *ctx), void *ctx);
/** The session also ends when these processes of the host, DV_UNTIL_MAX at most, those of -c and -p, have all ended. What
 * they have mapped when all probes are in keeps its names. @p fd: a pidfd of it. */
#define DV_UNTIL_MAX 64u
void dv_tracer_until(struct dv_tracer *t, int pid, int fd);
/** Run until exit(), dv_tracer_stop() or the traced commands' end. *status: of exit(). */
struct dv_error *dv_tracer_run(struct dv_tracer *t, int *status) DV_MUST_USE;
/** Async-signal-safe: end the session as exit(0) would. */
void dv_tracer_stop(struct dv_tracer *t);

/** -l: every probe that matches any of the descriptions (none: all), with arguments' types when @p verbose. */
struct dv_error *dv_tracer_list(struct dv_tracer *t, FILE *f, bool verbose, struct dv_diag *diag) DV_MUST_USE;
/** dvirt ps. */
struct dv_error *dv_tracer_ps(FILE *f, bool verbose) DV_MUST_USE;
/** dvirt clean: calls @p fn with a line for each thing that there was to do. */
struct dv_error *dv_tracer_clean(void (*fn)(void *ctx, const char *text), void *ctx) DV_MUST_USE;

#endif
