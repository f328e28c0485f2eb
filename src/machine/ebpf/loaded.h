/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_LOADED_H
#define DV_MACHINE_EBPF_LOADED_H
/** A load, between the files that make it (session.c) and that attach it (attach.c). */
#include "machine/ebpf/program.h"
#include "machine/ebpf/session.h"

struct dv_bpf_sites {
	struct dv_bpf_group pub;
	DV_VEC(uint32_t) rows;
	uint32_t hash;
	int prog;     /**< -1: not loaded */
	unsigned way; /**< functions: enum dv_kfunc_how; user programs: enum dv_uprobe_how */
};

struct dv_bpf_clock {
	int32_t tid;
	int event, link; /**< link: -1: none */
};

/** The maps of a load: dv_bpf_loaded::map_fds. */
enum dv_bpf_map {
	DV_MAP_SITES, DV_MAP_EPIDS, DV_MAP_FIRE, DV_MAP_RODATA,
	DV_MAP_RAN, DV_MAP_ON_CPU,                                   /**< vtimestamp's */
	DV_MAP_TRAPS, DV_MAP_HITS, DV_MAP_GUEST, DV_MAP_ORCS, DV_MAP_ORC_KEPT, /**< a guest's */
	DV_MAPS
};

struct dv_bpf_loaded {
	struct dv_bpf_session s;
	struct dv_bpf_kernel kernel;
	struct dv_loaded *loaded;
	DV_VEC(int) links, events; /**< closed in this order */
	DV_VEC(struct dv_bpf_sites) groups;
	uint32_t refused;          /**< sites that could not be probed */
	const char *refused_name;  /**< the first of them, and why */
	struct dv_error *refused_why;
	void *region;
	uint64_t region_size;
	int map_fds[DV_MAPS];    /**< -1: none */
	struct dv_guest_tables *tables; /**< a guest's; mapped */
	struct dv_trap_row *traps;      /**< the table that its program has */
	uint64_t *trap_hits;            /**< mapped; one for each row */
	uint32_t trap_mask, trap_hits_size; /**< bytes */
	int switch_prog;           /**< for vtimestamp; -1: not needed. Likewise: */
	int trap_prog, enter_prog; /**< a guest's: for DV_TRAP_SWITCH where there are no other traps; where it is entered */
	int clock_prog;            /**< on the clocks of a guest's timers; -1: it has none */
	DV_VEC(struct dv_bpf_clock) clocks; /**< of each virtual CPU's thread one for each timer */
};

static inline const struct dv_load_site *dv_bpf_row(const struct dv_bpf_loaded *l, uint32_t row)
{
	return &l->loaded->sites[row];
}
static inline const struct dv_load_site *dv_bpf_first(const struct dv_bpf_loaded *l, const struct dv_bpf_sites *g)
{
	return dv_bpf_row(l, g->rows.data[0]);
}
static inline const char *dv_bpf_target(const struct dv_bpf_loaded *l, uint32_t row)
{
	return l->loaded->texts + dv_bpf_row(l, row)->target;
}
/** For messages. */
static inline const char *dv_bpf_label(const struct dv_bpf_loaded *l, uint32_t row)
{
	uint32_t label = dv_bpf_row(l, row)->label;

	return label ? l->loaded->texts + label : dv_bpf_target(l, row);
}

/** The lowest power of two that is not less than @p n. */
static inline uint64_t dv_bpf_pow2(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}
/** Programs of the load find the map @p fd by @p name; NULL: the constants. */
void dv_bpf_add_map(struct dv_bpf_loaded *l, const char *name, int fd);
/** Make a map of constants and add it: @p size bytes of @p rows, zeros behind them up to @p room. */
struct dv_error *dv_bpf_add_table(struct dv_bpf_loaded *l, const char *name, const void *rows, uint64_t size, uint64_t room,
				  int *fd) DV_MUST_USE;

/* guest.c: of a load whose clauses fire in a KVM guest. */
/** Its maps; the guest's constants into those of the programs. */
struct dv_error *dv_bpf_guest_maps(struct dv_bpf_loaded *l, uint8_t *rodata) DV_MUST_USE;
/** The programs for all of its traps and all of its timers, each the first group's; those of the clocks. */
struct dv_error *dv_bpf_guest_load(struct dv_bpf_loaded *l, bool verbose) DV_MUST_USE;

/** Decide by which of the kernel's ways the groups of functions and of user programs are attached; may split groups. */
void dv_bpf_choose_ways(struct dv_bpf_loaded *l);
/** As what a group's program is to be loaded. */
void dv_bpf_how_to_load(const struct dv_bpf_loaded *l, const struct dv_bpf_sites *g, struct dv_bpf_load *how);
/** A program for a trampoline was refused: another way. False: there is none. */
bool dv_bpf_other_way(const struct dv_bpf_loaded *l, struct dv_bpf_sites *g);
void dv_bpf_stop_clocks(struct dv_bpf_loaded *l);
struct dv_bpf_sites *dv_bpf_add_group(struct dv_bpf_loaded *l, enum dv_bpf_entry entry, uint32_t row);

#endif
