/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_PROBE_PROBE_H
#define DV_PROBE_PROBE_H
/**
 * Probe names, matching, and the table of providers (one file each: prov_fbt.c, prov_syscall.c, prov_dtrace.c,
 * prov_tick.c). A provider lists a machine's probes and says how each is placed.
 */
#include "abi/load.h"
#include "base/error.h"
#include "base/mem.h"
#include "machine/machine.h"
#include "type/type.h"

/** machine:provider:module:function:name, each part a glob (sh(1) rules; "" matches everything). */
struct dv_probe_desc {
	char *part[5]; /**< DV_PART_*; never NULL */
	bool machine_given;
};
enum { DV_PART_MACHINE, DV_PART_PROV, DV_PART_MOD, DV_PART_FUNC, DV_PART_NAME };
/** Parts left off from the left are empty. Five parts: the first is the machine. */
struct dv_error *dv_probe_desc_parse(const char *text, struct dv_probe_desc *ret) DV_MUST_USE;
void dv_probe_desc_deinit(struct dv_probe_desc *d);
/** Glob match: * ? [..] [!..] \. Bounded time (no exponential backtracking). */
bool dv_glob(const char *pattern, const char *text);
bool dv_glob_is_literal(const char *pattern);

struct dv_provider;
struct dv_probe {
	const struct dv_provider *prov;
	struct dv_machine *machine; /**< NULL: fires in dvirt itself ("host") */
	const char *mod, *func, *name; /**< strings live as long as the probe set's arena or the guest */
	uint32_t id;                /**< as -l shows, from 1, unique in the run */
	uint64_t addr;              /**< placed providers */
	uint32_t size;
	enum dv_site_kind kind;
	enum dv_site_args args;
	uint64_t period_ns;         /**< tick */
	uint32_t sysnr;             /**< syscall return: DV_SITE_SYSRET */
	bool compat;
	const struct dv_type *proto; /**< DV_TYPE_FUNC or NULL: see dv_probe_arg_type() */
};

struct dv_probe_set {
	DV_VEC(struct dv_probe) probes;
	struct dv_arena arena;
	uint32_t next_id;
};

struct dv_provider {
	const char *name;
	/** Append to @p set the probes of @p m (NULL: dvirt itself) that match @p d. */
	struct dv_error *(*provide)(const struct dv_provider *p, struct dv_machine *m, const struct dv_probe_desc *d, struct dv_probe_set *set);
	/** Type of args[n] of this probe, NULL: none. *known: false when the probe's arguments are not typed at all. */
	const struct dv_type *(*arg_type)(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known);
	bool in_guest;              /**< has probes in guests; otherwise only in dvirt itself */
};
extern const struct dv_provider *const dv_providers[];

/** Add all probes that match @p d on @p m (NULL: dvirt's own) to the set; ids are given in order, the same probe gets the
 *  same id each time. */
struct dv_error *dv_probes_match(struct dv_machine *m, const struct dv_probe_desc *d, struct dv_probe_set *set) DV_MUST_USE;

#endif
