/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_PROBE_PROBE_H
#define DV_PROBE_PROBE_H
/**
 * Probe names, matching, and the table of providers (one file each, prov_NAME.c; those with stable names share
 * stable.c). A provider lists a machine's probes and says how each is placed.
 *
 * A probe has one id but may have several places in a kernel (a system call's 64-bit and 32-bit entry): these are
 * several rows with one id.
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
	uint32_t id; /**< not 0: the description is a bare number, the probe's id */
};
enum { DV_PART_MACHINE, DV_PART_PROV, DV_PART_MOD, DV_PART_FUNC, DV_PART_NAME };
/** Parts left off from the left are empty. Five parts: the first is the machine. */
struct dv_error *dv_probe_desc_parse(const char *text, struct dv_probe_desc *ret) DV_MUST_USE;
void dv_probe_desc_deinit(struct dv_probe_desc *d);
/** Does the description allow this machine ("host" for dvirt itself)? */
bool dv_probe_desc_machine(const struct dv_probe_desc *d, const char *machine);
/** May it match probes of a kernel? Not one whose name only dvirt's own probes have: BEGIN, tick-1s. */
bool dv_probe_desc_kernel(const struct dv_probe_desc *d);
/** Is there a provider that its provider part means? */
bool dv_probe_desc_provider(const struct dv_probe_desc *d);
/** Glob match: * ? [..] [!..] \. Time bounded by the product of the lengths (no exponential backtracking). */
bool dv_glob(const char *pattern, const char *text);
bool dv_glob_is_literal(const char *pattern);
/** A pattern that many texts are held against: most are told apart by how it begins. */
struct dv_globber {
	const char *pattern;
	size_t head; /**< characters at its beginning that stand for themselves */
	bool literal, any;
};
void dv_globber_init(struct dv_globber *g, const char *pattern);
bool dv_globber_match(const struct dv_globber *g, const char *text); /**< as dv_glob() */

struct dv_provider;
struct dv_stable_row;
struct dv_probe {
	const struct dv_provider *prov;
	const char *provname;	       /**< NULL: the provider's own; else "pid123": dv_probe_provname() */
	struct dv_machine *machine;    /**< NULL: fires in dvirt itself ("host") */
	const char *mod, *func, *name; /**< strings live as long as the probe set */
	uint32_t id;		       /**< as -l shows, from 1, unique in the run; places of one probe share it */
	uint64_t addr;		       /**< placed providers */
	uint32_t size;	       /**< of the function; user return: offset of the return instruction in it; user entry: 1 if the
			 kernel knows it for one when it follows the stack */
	enum dv_site_kind kind;
	enum dv_site_args args;
	uint64_t period_ns; /**< tick */
	uint32_t sysnr;	    /**< syscall return: DV_SITE_SYSRET */
	bool compat;	    /**< 32-bit system call */
	const void *group;  /**< the provider's own: which call, which tracepoint; equal ones have equal args[] */
	const struct dv_stable_row *row; /**< how its arguments are made (stable.h); NULL: they are what the machine passes */
	const char *target, *spec; /**< see struct dv_load_site; NULL: none. In the set's arena */
	uint64_t detail;
	int32_t pid;
	uint8_t argmap[DV_ARGMAP_SIZE];
};

/** What the providers know of one machine's kernel: made once, when the machine is added to the set. */
#define DV_PROVIDERS_MAX 32u
struct dv_probe_machine {
	struct dv_machine *machine;
	uint32_t base[DV_PROVIDERS_MAX];	  /**< first id of each provider, by its place in the table */
	DV_VEC(uint32_t) funcs;			  /**< fbt: indices of the symbols that are functions */
	const char **func_names;		  /**< those that were matched, in the set's arena; NULL: none yet */
	struct dv_fbt_filter *fbt_filter;	  /**< what the kernel lets be probed; NULL: not asked yet */
	const struct dv_tracepoint *tracepoints;  /**< in the set's arena; by module and name */
	uint32_t tracepoint_count;
	DV_VEC(struct dv_stable_found) stable;	  /**< probes with stable names, and why there are not more */
	const char *groups;			  /**< where the groups of tracepoints' events come from, for people */
	DV_VEC(struct dv_probe_syscall) syscalls; /**< sorted by name */
	DV_VEC(struct dv_probe_sysnr) sysnrs;	  /**< DV_CAP_SYSTRACE: by call */
	DV_VEC(uint64_t) sysret_addrs;		  /**< where system calls come back to their dispatcher */
	const struct dv_stable_row *vm_exit;	  /**< vm: its probe exit, on this machine's processor */
	uint64_t thunk[2];			  /**< return thunks, 0: none */
	bool stale;				  /**< the kernel is another now: its ids are used up */
};
/** A place that serves a probe with a stable name (stable.h), or why there is none. */
struct dv_stable_found {
	const struct dv_provider *prov;
	const struct dv_stable_row *row;
	uint32_t id;	 /**< from dv_probe_base() on */
	const char *why; /**< not NULL: it does not hold */
	const struct dv_tracepoint *tracepoint; /**< NULL: a function */
	uint64_t addr;
	uint32_t size;
	const char *symbol;
};
struct dv_probe_syscall {
	const char *name;
	uint64_t entry[3]; /**< 64-bit, 32-bit native, 32-bit compat; 0: none */
	uint32_t size[3];
	bool asked;	   /**< for the types of its arguments */
	int32_t arg_count; /**< -1: not known */
	const struct dv_type *types[6];
};

struct dv_probe_sysnr {
	uint32_t call; /**< index in `syscalls` */
	uint32_t nr;
	bool compat;
};

/** A probe that there is not, because its machine cannot have one there. Strings are the set's. */
struct dv_probe_refused {
	struct dv_machine *machine;
	const char *prov, *mod, *func, *name, *why;
};
#define DV_REFUSED_KEPT 64u

struct dv_user;
struct dv_probe_set {
	DV_VEC(struct dv_probe) probes;
	struct dv_arena arena;
	uint32_t next_id;
	DV_VEC(struct dv_probe_machine *) machines;
	DV_VEC(struct dv_probe) ticks; /**< tick-N and profile-N that were asked for, for their ids */
	DV_VEC(struct dv_user *) users; /**< processes that descriptions named (users.h) */
	DV_VEC(struct dv_probe_refused) refused; /**< DV_REFUSED_KEPT at most unless all are wanted */
	bool keep_refused;
};
void dv_probe_set_init(struct dv_probe_set *set);
void dv_probe_set_deinit(struct dv_probe_set *set);
/** Make a ready machine's probes known; ids are given in the order of these calls. */
const struct dv_probe_machine *dv_probe_set_add(struct dv_probe_set *set, struct dv_machine *m);
/** The same machine runs another kernel or other modules now: added again, its probes get new ids. */
void dv_probe_set_forget(struct dv_probe_set *set, struct dv_machine *m);

struct dv_provider {
	const char *name;
	/** Optional: does the description's provider part mean this provider? Else the name says. A description that is
	 * an id is offered to each. */
	bool (*claims)(const struct dv_provider *p, const struct dv_probe_desc *d);
	/** Optional: look at the kernel of a machine that has one of `caps`, when it is added to the set. Answers how many
	 * ids its probes there take, from dv_probe_base() on. */
	uint32_t (*add)(const struct dv_provider *p, struct dv_probe_set *set, struct dv_probe_machine *pm);
	/** Append to @p set the probes of @p pm (NULL: dvirt itself) that match @p d; machine and provider parts match
	 * already. */
	void (*provide)(const struct dv_provider *p, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
			struct dv_probe_set *set);
	/** Type of args[n] of this probe, NULL: none. *known: false when the probe's arguments are not typed at all. */
	const struct dv_type *(*arg_type)(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known);
	/** Equal for probes whose args[] have equal types: a clause is compiled once for each. */
	const void *(*arg_group)(const struct dv_probe *p);
	/** Optional: how args[] of this probe are presented; returns how many there are, 0: they are as arg_type() says. Which
	 * native argument each is made from, and the type that a translator (of a D library) makes of it. Types of native
	 * arguments are still arg_type()'s. */
	uint32_t (*xargs)(const struct dv_probe *p, struct dv_xarg ret[DV_XARGS_MAX]);
	/** Machines that it has probes on: those with one of these capabilities (DV_CAP_*). */
	uint32_t caps;
	bool own; /**< dvirt itself has some too */
	const char *hidden; /**< stable.h: declarations and clauses, in D, for its hidden probes; NULL: none */
	const struct dv_stable_row *rows; /**< stable.h: its table */
	uint32_t row_count;
	/** Optional: why @p pm's kernel lacks what @p d asks for, as a clause of a sentence; NULL: nothing known. In the
	 * set's arena, or for ever. */
	const char *(*why_not)(const struct dv_provider *p, const struct dv_probe_machine *pm,
			       const struct dv_probe_desc *d, struct dv_probe_set *set);
};
extern const struct dv_provider *const dv_providers[];
extern const struct dv_provider dv_prov_dtrace, dv_prov_profile, dv_prov_syscall, dv_prov_fbt, dv_prov_rawtp, dv_prov_sdt,
	dv_prov_sched, dv_prov_proc, dv_prov_io, dv_prov_vminfo, dv_prov_ip, dv_prov_tcp, dv_prov_udp, dv_prov_kvm, dv_prov_vm,
	dv_prov_pid, dv_prov_usdt, dv_prov_lockstat, dv_prov_cpc;

static inline const char *dv_probe_provname(const struct dv_probe *p)
{
	return p->provname ? p->provname : p->prov->name;
}

/** Append all probes that match @p d on @p m (NULL: dvirt's own) to the set; the same probe gets the same id each time.
 */
void dv_probes_match(struct dv_machine *m, const struct dv_probe_desc *d, struct dv_probe_set *set);
/** What the writer may have meant in the place of the part that is wrong, as a list for a message ("vfs_read, vfs_readv"),
 * or "". */
void dv_probes_nearest(struct dv_probe_set *set, const struct dv_probe_desc *d, char *buf, size_t size);
/** How D says what another tracer calls so ("in D that is fbt::vfs_read:entry"), or "". */
void dv_probe_foreign(const struct dv_probe_desc *d, char *buf, size_t size);

/**
 * Why no machine that @p d allows has such probes, where a machine or a provider has said so: "host cannot: its kernel
 * has no kprobes". Or "".
 */
void dv_probes_why_not(struct dv_probe_set *set, const struct dv_probe_desc *d, char *buf, size_t size);

/** How a probe's provider makes its arguments and what must hold, as expressions of D; see struct dv_check_env. NULL: none
 *  needed. */
/** May @p d mean probes of this provider? */
bool dv_provider_meant(const struct dv_provider *prov, const struct dv_probe_desc *d);
const char *dv_probe_guard(const struct dv_probe *p);
const char *dv_probe_arg_text(const struct dv_probe *p, uint32_t n);

/** A tracepoint of a kernel. Strings live as long as the guest or the set. */
struct dv_tracepoint {
	const char *name, *module;
	const char *group; /**< of the event that stands on it; NULL: there is none */
	const struct dv_type *proto; /**< see dv_guest_tracepoint_type(); filled by dv_tracepoint_proto() */
};
/** Look for a machine's tracepoints. */
void dv_tracepoints_add(struct dv_probe_set *set, struct dv_probe_machine *pm);
const struct dv_tracepoint *dv_tracepoint_find(const struct dv_probe_machine *pm, const char *name);
const struct dv_type *dv_tracepoint_proto(struct dv_machine *m, const struct dv_tracepoint *tp);
/** argN is word N of the tracepoint, as far as it has words: the kernel lets no program onto it that asks for more. */
void dv_tracepoint_words(struct dv_machine *m, const struct dv_tracepoint *tp, uint8_t argmap[DV_ARGMAP_SIZE]);
/** A type by its name in C ("struct task_struct *", "unsigned int"). NULL: not known there. */
const struct dv_type *dv_type_by_text(struct dv_universe *u, const char *text, bool user);

/* For providers. */
uint32_t dv_probe_base(const struct dv_probe_machine *pm, const struct dv_provider *p);
struct dv_probe *dv_probe_offer(struct dv_probe_set *set, const struct dv_probe_desc *d, uint32_t id, const char *mod,
				const char *func, const char *name);
/** Why this machine can have no probe there; NULL: it can. */
const char *dv_probe_refusal(struct dv_machine *m, const struct dv_probe *p);
/** A new row; the names live as long as the set. */
struct dv_probe *dv_probe_row(struct dv_probe_set *set, uint32_t id, const char *mod, const char *func, const char *name);
/** Read a machine's kernel memory, physical or not, as it offers. */
bool dv_probe_read(struct dv_machine *m, uint64_t va, void *dst, size_t size);
/** Does the kernel that dvirt runs on let this function be probed? */
bool dv_fbt_filter_allows(struct dv_probe_machine *pm, const struct dv_symbol *s);
void dv_fbt_filter_destroy(struct dv_fbt_filter *f);
/** A system call's argument types as the kernel's own table has them. Their count, -1: it has none for this call. */
int32_t dv_sysmeta(struct dv_machine *m, const char *name, const struct dv_type *ret[6]);
/** System calls that dvirt was built with, 64-bit or 32-bit ones. */
size_t dv_sysnr_count(bool compat);
/** Number of the @p i th; into @p buf the kernel's name for it, of which there may be several that only @p has can tell
 *  apart; "": it has none. */
uint32_t dv_sysnr(bool compat, size_t i, bool (*has)(void *ctx, const char *name), void *ctx, char *buf, size_t size);
enum { DV_ID_BEGIN = 1, DV_ID_END, DV_ID_ERROR, DV_ID_TICK };
#define DV_ID_FIRST 10u

#endif
