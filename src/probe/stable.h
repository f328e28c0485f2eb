/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_PROBE_STABLE_H
#define DV_PROBE_STABLE_H
/**
 * Providers with stable names: a probe says what happens ("a thread leaves the CPU"), and a table says at which place of
 * which kernel that is. To add a probe: a row in its provider's file. To add a kernel: one more row behind those of the
 * same name. To add a provider: a file with a table of rows and a struct dv_provider that points to it (DV_STABLE).
 *
 * The rows of one name are tried in turn, and the first that holds on the machine's kernel is taken: its place is there,
 * the machine can probe it, and its prototype has the parameters that the row expects. Rows marked `more` that follow are
 * places in addition to it, where they hold. A probe none of whose rows holds is left out, and why is kept for whoever asks.
 *
 * Arguments are expressions of D over the words that the place passes (see struct dv_check_env::arg_text), arg0 ...:
 *   tracepoint   its prototype's parameters
 *   entry        the function's parameters
 *   return       arg1 is the returned value
 *
 * What a place does not know (at a function's return its arguments, and when it began) a hidden probe keeps. Its name
 * begins with a dot; only the clauses of dv_provider::hidden mean it. They are added to a script that may ask for probes of
 * the provider, and are planted on a machine where a row is used that `needs` them. They keep what they keep in variables
 * whose names begin with __dv_, for guards and arguments to use.
 */
#include "probe/probe.h"

enum dv_stable_at {
	DV_AT_TRACEPOINT,
	DV_AT_ENTRY,  /**< of a function */
	DV_AT_RETURN,
};
#define DV_STABLE_ARGS 6
struct dv_stable_row {
	const char *name;      /**< of the probe */
	enum dv_stable_at at;
	const char *where;     /**< name of the tracepoint or function */
	bool more;
	bool no_proto;         /**< a function in assembly, whose type says nothing: the row is believed */
	const char *needs; /**< names of hidden probes, blanks between; NULL: none */
	const char *guard;     /**< where it does not hold, this is not the probe; NULL: it always is */
	struct {
		uint8_t word;
		const char *type;  /**< NULL: no more */
	} expect[3];           /**< parameters that the prototype must have; RETURN: word 1, the result */
	struct {
		const char *type, *member;
	} has;                 /**< a member that the kernel's structure must have; NULL: none in particular */
	struct {
		const char *type;  /**< "__user" in it: points into the process. NULL: no more */
		const char *text;
		const char *xlate; /**< the type that it is presented as, by a translator of dlib/; NULL: this is it */
	} args[DV_STABLE_ARGS];
};

/** Does the row need the hidden probe @p name? */
bool dv_stable_needs(const struct dv_stable_row *r, const char *name);
/** Has a structure ("struct vcpu_svm") of the kernel's this member? */
bool dv_stable_has(struct dv_universe *u, const char *type, const char *member);

uint32_t dv_stable_add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm);
/** The same for a provider whose rows depend on the kernel; they live as long as the set. */
uint32_t dv_stable_add_rows(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm,
			    const struct dv_stable_row *rows, uint32_t count);
void dv_stable_provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		       struct dv_probe_set *set);
const struct dv_type *dv_stable_arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known);
uint32_t dv_stable_xargs(const struct dv_probe *p, struct dv_xarg ret[DV_XARGS_MAX]);
const void *dv_stable_arg_group(const struct dv_probe *p);
const char *dv_stable_why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm,
			      const struct dv_probe_desc *d, struct dv_probe_set *set);

#define DV_STABLE(NAME, ROWS)                                                                                           \
	{.name = NAME, .add = dv_stable_add, .provide = dv_stable_provide, .arg_type = dv_stable_arg_type,              \
	 .arg_group = dv_stable_arg_group, .xargs = dv_stable_xargs, .caps = DV_CAP_TRACEPOINT | DV_CAP_FBT, .why_not = dv_stable_why_not,        \
	 .rows = ROWS, .row_count = DV_COUNT(ROWS)}

/* Words that rows are written with. */
#define DV_TASK "struct task_struct *"
#define DV_SKB  "struct sk_buff *"
#define DV_SOCK "struct sock *"
#define DV_BIO  "struct bio *"

#endif
