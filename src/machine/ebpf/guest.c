// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a load has besides when its clauses fire in a KVM guest: facts of the guest's kernel, its unwind tables, its traps, and
// the memory in which dvirt tells the programs where its virtual CPUs and its memory are.
#include "machine/ebpf/loaded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/maps.h"
#include "machine/ebpf/trap.h"

// Where a guest's unwind tables are, and what was found in them.
static struct dv_error *orc_maps(struct dv_bpf_loaded *l, struct dv_guest_conf *conf)
{
	const struct dv_load_image *img = l->loaded->img;
	uint64_t room = dv_bpf_pow2(img->orc_count);
	struct dv_error *e;

	conf->orc_count = img->orc_count;
	conf->orc_mask = (uint32_t)room - 1;
	// Modules come and go; what has an index stays.
	for (uint32_t i = 0; i < img->orc_count && !conf->orc_kept; i++)
		conf->orc_kept = l->loaded->orcs[i].index ? i + 1 : 0;
	e = dv_bpf_add_table(l, "dv_orcs", l->loaded->orcs, img->orc_count * sizeof(*l->loaded->orcs),
			     room * sizeof(*l->loaded->orcs), &l->map_fds[DV_MAP_ORCS]);
	if (!e)
		e = dv_bpf_memory_create("dvirt_orcs", DV_ORC_KEPT * 8, &l->map_fds[DV_MAP_ORC_KEPT]);
	if (!e)
		dv_bpf_add_map(l, "dv_orc_kept", l->map_fds[DV_MAP_ORC_KEPT]);
	return e;
}

static struct dv_error *timers(struct dv_bpf_loaded *l, struct dv_guest_conf *conf)
{
	for (uint32_t i = 0; i < l->loaded->img->site_count; i++) {
		if (l->loaded->sites[i].kind != DV_SITE_PROFILE)
			continue;
		if (l->s.timers == DV_GUEST_TIMERS)
			return dv_error_create(DV_ERR_LIMIT, "more than %u timers (profile-N)", DV_GUEST_TIMERS);
		conf->timers[l->s.timers++] = i;
	}
	return NULL;
}

struct dv_error *dv_bpf_guest_maps(struct dv_bpf_loaded *l, uint8_t *rodata)
{
	const struct dv_bpf_inside *in = l->kernel.inside;
	const struct dv_load_image *img = l->loaded->img;
	struct dv_guest_conf conf = {.layout = img->layout, .off = in->off, .isa = in->isa, .cpus = img->prod_count,
				     .vtime = l->s.vtime};
	int64_t at = dv_bpf_object_const(l->s.object, "dv_guest", sizeof(conf));
	DV_FREE struct dv_trap_row *rows = NULL;
	void *traps = NULL, *hits = NULL;
	uint32_t count = 0, size = 0, page = (uint32_t)sysconf(_SC_PAGESIZE);
	struct dv_error *e;
	void *tables = NULL;

	if (at < 0)
		return dv_error_create(DV_ERR_OTHER, "the run-time functions for the kernel are damaged: no constants");
	e = timers(l, &conf);
	if (!e)
		e = orc_maps(l, &conf);
	if (e)
		return e;
	e = in->traps(in->ctx, l->loaded, &rows, &count);
	if (!e)
		e = dv_bpf_trap_table(rows, count, &traps, &size, &conf.trap_mask, &l->s.same);
	l->traps = traps;
	l->trap_mask = conf.trap_mask;
	if (!e)
		e = dv_bpf_constants_create(traps, size, &l->map_fds[DV_MAP_TRAPS]);
	if (e)
		return e;
	dv_bpf_add_map(l, "dv_traps", l->map_fds[DV_MAP_TRAPS]);
	l->trap_hits_size = (size / 2 + page - 1) / page * page;
	e = dv_bpf_shared_create("dvirt_hits", l->trap_hits_size, &l->map_fds[DV_MAP_HITS], &hits);
	l->trap_hits = hits;
	if (e)
		return e;
	dv_bpf_add_map(l, "dv_trap_hits", l->map_fds[DV_MAP_HITS]);
	size = ((uint32_t)sizeof(struct dv_guest_tables) + page - 1) / page * page;
	e = dv_bpf_shared_create("dvirt_guest", size, &l->map_fds[DV_MAP_GUEST], &tables);
	l->tables = tables;
	if (e)
		return e;
	dv_bpf_add_map(l, "dv_guest_mem", l->map_fds[DV_MAP_GUEST]);
	memcpy(rodata + at, &conf, sizeof(conf));
	return NULL;
}

// All traps have one program, which is the first group's; all timers have another.
static struct dv_error *load_shared(struct dv_bpf_loaded *l, enum dv_bpf_entry entry, bool verbose)
{
	struct dv_bpf_load how = {.name = "dvirt", .type = BPF_PROG_TYPE_RAW_TRACEPOINT};
	DV_FREE const struct dv_bpf_group **groups = dv_xcalloc(l->groups.count + 1, sizeof(*groups));
	struct dv_bpf_sites *first = NULL;
	struct dv_error *e = NULL;
	uint32_t count = 0;
	char *log = NULL;

	for (size_t i = 0; i < l->groups.count; i++) {
		struct dv_bpf_sites *g = &l->groups.data[i];

		if (g->pub.entry != entry)
			continue;
		first = first ? first : g;
		g->pub.sites = g->rows.data;
		g->pub.site_count = (uint32_t)g->rows.count;
		groups[count++] = &g->pub;
	}
	if (count || (entry == DV_ENTRY_TRAP && l->s.vtime))
		e = dv_bpf_trap_program(&l->s, entry, groups, count, &how, verbose ? &log : NULL,
					first ? &first->prog : &l->trap_prog);
	if (log)
		fputs(log, stderr);
	free(log);
	return e;
}

struct dv_error *dv_bpf_guest_load(struct dv_bpf_loaded *l, bool verbose)
{
	struct dv_error *e = load_shared(l, DV_ENTRY_TRAP, verbose);

	if (!e)
		e = load_shared(l, DV_ENTRY_TIMER, verbose);
	if (!e && l->s.vtime)
		e = dv_bpf_enter_program(&l->s, &l->enter_prog);
	if (!e && l->s.timers)
		e = dv_bpf_clock_program(&l->s, &l->clock_prog);
	return e;
}

struct dv_guest_tables *dv_bpf_guest_tables(struct dv_bpf_loaded *l)
{
	return l->tables;
}

uint64_t dv_bpf_guest_hits(const struct dv_bpf_loaded *l, uint64_t pc)
{
	uint32_t at = dv_trap_hash(pc), room = l->trap_mask / (uint32_t)sizeof(*l->traps) + 1;

	for (uint32_t i = 0; i < DV_TRAP_LOOK; i++) {
		uint32_t row = (at + i) & (room - 1);

		if (l->traps[row].pc == pc)
			return __atomic_load_n(&l->trap_hits[row], __ATOMIC_RELAXED);
	}
	return 0;
}
