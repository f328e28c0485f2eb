/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TRACER_IMPL_H
#define DV_TRACER_IMPL_H
/** What the tracer's files share. Private to this folder. */
#include <stdatomic.h>

#include "code/program.h"
#include "consume/consume.h"
#include "exec/exec.h"
#include "output/output.h"
#include "tracer/options.h"
#include "tracer/tracer.h"

#define DV_SPARE_PRODUCERS 32u /* set aside for machines that come later */

/** A place where clauses run: one row of a probe, with those clauses' programs. Made by compile.c, read by image.c. */
struct dv_plan {
	struct dv_probe probe;
	uint32_t epid, prog; /**< index in dv_tmachine::progs */
	uint32_t order;	     /**< clauses run in the order of the script */
	bool names;	     /**< the clause asks for the probe's name */
};

/**
 * A machine in the session. Index 0, "host", is the kernel that dvirt runs on; it is not open (`m` is NULL) as long as
 * nothing asks for it, or when it cannot be traced. dvirt's own probes have a struct of this kind too, dv_tracer::own,
 * also with index 0: their clauses see the host's kernel, but run in this process.
 */
struct dv_tmachine {
	struct dv_tracer *t;
	struct dv_machine *m; /**< NULL: the host's kernel that is not open; own */
	const char *name;
	uint32_t index, universe;
	uint32_t prod, prod_count;
	DV_VEC(struct dv_plan) plans;
	DV_VEC(struct dv_plan) errors;	   /**< clauses of dtrace:::ERROR */
	DV_VEC(struct dv_program *) progs; /**< of the current kernel; owned by the tracer */
	DV_VEC(const struct dv_stable_row *) needs; /**< rows in use that need hidden probes (probe/stable.h) */
	bool loaded, gone, waiting, refused;
	uint32_t tids_told;	/**< dv_machine::tids_told that the region's table has */
	struct dv_guest *guest; /**< what it was compiled against */
	void *image;		/**< load image, built but not loaded yet */
	size_t image_size;
};

/** A kernel build that was seen, and the number of its types. */
struct dv_build {
	char *id;
	uint32_t universe;
};

/** Enabled probe: what an epid in a record means. Stays for the whole session. */
struct dv_enabling {
	uint32_t machine, probe;
	const char *prov, *mod, *func, *name;
	const struct dv_program *prog;
};

struct dv_tick {
	uint32_t site; /**< index in the image of our own */
	uint64_t period, next;
};

struct dv_own_place {
	struct dv_place base;
	struct dv_tracer *t;
};

struct dv_tracer {
	struct dv_options opts;
	struct dv_script *script;
	DV_VEC(char *) only;
	DV_VEC(char *) libdirs;
	char *syslibdir;
	bool libs_set;
	DV_VEC(uint32_t) source_end;	/**< clause index behind each source's last */
	uint32_t own_clauses;		/**< clauses of the sources; those behind are of providers' hidden probes */
	DV_VEC(uint32_t) clause_probes; /**< probes matched, by clause */
	struct {
		bool on;
		uint64_t mark, cpu_mark;
		struct dv_tracer_cost shown;
	} cost;
	DV_VEC(struct dv_tmachine *) machines; /**< by index */
	struct dv_tmachine *own;	       /**< dvirt's own probes */
	bool guests;			       /**< guests take part; those that come later may join */
	DV_VEC(struct dv_machine *) unopened; /**< guests, while they do not */
	struct dv_machine *local;	       /**< the host's kernel while it is not open; NULL: none, or it is open */
	struct dv_universe *lazy;	       /**< host.c; NULL: none */
	DV_VEC(struct dv_machine *) unusable; /**< found, cannot be traced (yet); also those that a new one replaced */
	DV_VEC(struct dv_guest *) retired;    /**< kernels that restarted: their types are still in use */
	struct dv_probe_set probes;
	struct dv_arena arena; /**< typed clauses */
	struct dv_consts *consts;
	DV_VEC(struct dv_program *) progs;    /**< all, to free them */
	DV_VEC(struct dv_enabling) enablings; /**< by epid; 0 is not used */
	uint32_t universes;		      /**< numbers given out */
	DV_VEC(struct dv_build) builds;
	DV_VEC(struct dv_proc *) procs;       /**< processes that addresses were of */
	DV_VEC(struct dv_process *) targets;  /**< those of -c and -p as they were at the start, until an address is of them */
	DV_VEC(struct dv_gobject *) gobjects; /**< files of guests that they have mapped */
	DV_VEC(struct dv_guest *) kernels; /**< all that were seen, by the number in dv_load_image::kernel; not owned */
	bool found;			      /**< machines were looked for */
	bool compiled;

	/* while it runs */
	int region_fd;
	void *region;
	uint64_t region_size, region_mapped; /**< mapped: it may have some bytes behind its end */
	uint32_t prod_used, prod_total, this_room;
	uint32_t key_room, val_room, consts_room;
	struct dv_consumer *consumer;
	struct dv_output out;
	const struct dv_event *event; /**< the record that is printed */
	FILE *file;
	struct dv_loaded *own_loaded; /**< dvirt's own probes */
	struct dv_exec own_exec;
	struct dv_own_place place;
	DV_VEC(struct dv_tick) ticks;
	uint32_t site_begin, site_end; /**< in the image of our own; UINT32_MAX: none */
	bool exiting, started, peers;  /**< peers: clauses may read other machines' memory */
	bool write_failed;
	int status;
	uint64_t exit_seq;
	DV_VEC(int) until; /**< those that have not become readable yet; -1: has */
	DV_VEC(int) until_pid; /**< whose they are */
	uint32_t until_left;
	int stop_fd;
	atomic_bool stop;
	void (*on_start)(void *ctx);
	void *on_start_ctx;
};

/* machines.c */
/** Find the machines, open the guests, and the host's kernel too with @p host. */
struct dv_error *dv_tracer_find(struct dv_tracer *t, bool host, bool guests) DV_MUST_USE;
/** Open the guests that were found, if they are not: something asks for them after all. */
void dv_guests_open(struct dv_tracer *t);
/** Look for machines that were not there before; @p fn gets each new ready one. */
void dv_tracer_rescan(struct dv_tracer *t, void (*fn)(struct dv_tracer *t, struct dv_tmachine *tm));
struct dv_tmachine *dv_tmachine_by_name(struct dv_tracer *t, const char *name);
uint32_t dv_tmachine_universe(struct dv_tracer *t, struct dv_tmachine *tm);

/** Every machine of the session that is, or was, open: the host's kernel too when it is. */
#define DV_EACH_MACHINE(t, tm)                                                             \
	for (size_t tm##_i = 0; tm##_i < (t)->machines.count; tm##_i++)                    \
		if (((tm) = (t)->machines.data[tm##_i])->m)
static inline uint32_t dv_tmachine_levels(const struct dv_tmachine *tm)
{
	return tm->m && tm->m->levels ? tm->m->levels : 1;
}
/** Put a machine that is open in its place. */
void dv_tmachine_open(struct dv_tracer *t, struct dv_tmachine *tm, struct dv_machine *m);
/** Open it unless it is known that this is in vain; why it is not READY after it is in dv_machine::why. */
void dv_tracer_open(struct dv_tracer *t, struct dv_machine *m);

/* host.c */
/** May clauses of this script fire in the kernel of the machine of that name (NULL: of any)? */
bool dv_kernel_wanted(struct dv_tracer *t, const char *machine);
/** Open the host's kernel if it is not; false: it cannot be traced. */
bool dv_host_open(struct dv_tracer *t);
/** The types for clauses of dvirt's own probes: those of the host's kernel, which is opened when one is asked for. */
struct dv_universe *dv_host_types(struct dv_tracer *t);

/* compile.c */
/** Compile all clauses for one machine that came later. False after diagnostics. */
bool dv_compile_machine(struct dv_tracer *t, struct dv_tmachine *tm, struct dv_diag *diag);

/* image.c */
/** The load image of a machine; malloc'ed. */
void *dv_image_build(struct dv_tracer *t, struct dv_tmachine *tm, size_t *size);

/* region.c */
/** Give each machine its producers. */
void dv_region_assign(struct dv_tracer *t);
struct dv_error *dv_region_create(struct dv_tracer *t) DV_MUST_USE;
void dv_region_destroy(struct dv_tracer *t);
/** Bring constants, aggregations and the machine table up to date. Fails when a late machine's clauses need more room.
 */
struct dv_error *dv_region_update(struct dv_tracer *t) DV_MUST_USE;
struct dv_region_hdr *dv_tracer_hdr(struct dv_tracer *t);

/** Tell clauses of the host which threads serve this guest, if that is news. */
void dv_region_threads(struct dv_tracer *t, struct dv_tmachine *tm);
struct dv_error *dv_region_place(struct dv_tracer *t, struct dv_tmachine *tm) DV_MUST_USE;

/* place.c */
void dv_own_place_init(struct dv_own_place *p, struct dv_tracer *t);

/* own.c */
struct dv_error *dv_own_init(struct dv_tracer *t) DV_MUST_USE;
void dv_session_fire(struct dv_tracer *t, uint32_t site);

/* records.c */
/** Take what there is and print it. */
size_t dv_session_consume(struct dv_tracer *t, bool final);
/** bufpolicy=ring, fill: was there an exit(), or is a buffer full? */
bool dv_session_halted(struct dv_tracer *t);
/** What the options say of the output, when the session begins and when setopt() has changed some. */
void dv_session_output(struct dv_tracer *t);
void dv_session_drops(struct dv_tracer *t);

/* session.c */
struct dv_error *dv_session_load(struct dv_tracer *t, struct dv_tmachine *tm) DV_MUST_USE;
/** A machine that came later, or whose kernel changed: compile and load; says why when it cannot. */
void dv_session_join(struct dv_tracer *t, struct dv_tmachine *tm);
void dv_session_gone(struct dv_tracer *t, struct dv_tmachine *tm);

/* symbols.c: names of addresses */
/** Number of the kernel that the machine runs now. */
uint32_t dv_symbols_kernel(struct dv_tracer *t, const struct dv_tmachine *tm);
/** For struct dv_output. */
void dv_symbols_lookup(void *ctx, const struct dv_addr *a, struct dv_addr_name *ret);
/** For dv_consumer_on_frames(): addresses that have one name become one. */
void dv_symbols_frames(void *ctx, struct dv_frames *f);
void dv_symbols_deinit(struct dv_tracer *t);

/* processes.c: names in user programs */
void dv_procs_lookup(struct dv_tracer *t, const struct dv_addr *a, struct dv_addr_name *ret);
/** Look a user stack's addresses up while the process is there; those that are shown alike become alike. */
void dv_procs_frames(struct dv_tracer *t, struct dv_frames *f);
/** Look at a process of the host now, so that its addresses have names when it has ended before one of them was seen. */
void dv_procs_keep(struct dv_tracer *t, int pid);
void dv_procs_deinit(struct dv_tracer *t);

/* loop.c */
void dv_tracer_loop(struct dv_tracer *t);

void dv_tracer_say(struct dv_tracer *t, const char *fmt, ...) DV_PRINTF(2, 3);
void dv_tracer_say_error(struct dv_tracer *t, const char *what, struct dv_error *e);
uint64_t dv_now(void);

/* cost.c: finding begins; the machines are found; the script is compiled */
void dv_cost_begin(struct dv_tracer *t);
void dv_cost_found(struct dv_tracer *t);
void dv_cost_compiled(struct dv_tracer *t);

#endif
