// SPDX-License-Identifier: GPL-2.0-or-later
//
// By which of the kernel's ways each group's program gets control, and attaching it. What cannot be probed is left out and
// counted: one odd function among thousands must not keep the others from being traced.
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "machine/ebpf/clause.h"
#include "machine/ebpf/event.h"
#include "machine/ebpf/kfunc.h"
#include "machine/ebpf/loaded.h"
#include "machine/ebpf/perf.h"
#include "machine/ebpf/trap.h"
#include "machine/ebpf/uprobe.h"

#define FENTRY_MAX 4u

static bool is_function(const struct dv_load_site *s)
{
	return s->kind == DV_SITE_ADDR || s->kind == DV_SITE_RETURNS;
}
static bool is_user(const struct dv_load_site *s)
{
	return s->kind == DV_SITE_UPROBE || s->kind == DV_SITE_URETPROBE;
}

/* -- ways --------------------------------------------------------------------------------------------------------- */

static bool uses_frame(const struct dv_bpf_loaded *l, const struct dv_load_site *s)
{
	for (uint32_t i = 0; i < s->ecb_count; i++) {
		const struct dv_load_prog *p = &l->loaded->progs[l->loaded->ecbs[s->ecb + i].prog];

		if (dv_bpf_clause_uses(l->loaded->insns + p->insn, p->insn_count) & DV_USES_FRAME)
			return true;
	}
	return false;
}

// Can this function have a trampoline, and how many arguments has it? Each must be one word.
static bool fentry_fits(const struct dv_bpf_loaded *l, const struct dv_load_site *s, uint32_t *args)
{
	struct dv_guest *g = l->kernel.guest;
	const char *name = l->loaded->texts + s->target;
	const struct dv_symbol *sym = g ? dv_guest_symbol(g, "vmlinux", name) : NULL;
	const struct dv_type *f = sym && sym->addr == s->addr ? dv_guest_func_type(g, "vmlinux", name) : NULL;

	if (uses_frame(l, s)) // a trampoline does not know it
		return false;
	if (!f || f->kind != DV_TYPE_FUNC || f->varargs || f->count > 6 || !dv_guest_func_id(g, name))
		return false;
	for (uint32_t i = 0; i < f->count; i++)
		if (!f->members[i].type || !dv_type_is_scalar(f->members[i].type))
			return false;
	*args = f->count;
	return true;
}

// A few functions get a trampoline each, many share an event.
static void split_trampolines(struct dv_bpf_loaded *l, size_t index)
{
	struct dv_bpf_sites *g = &l->groups.data[index];
	uint32_t args;

	for (size_t k = g->rows.count; k > 0; k--) {
		uint32_t row = g->rows.data[k - 1];
		const struct dv_load_site *site = dv_bpf_row(l, row);
		struct dv_bpf_sites *own = g;

		if (!fentry_fits(l, site, &args))
			continue;
		if (g->rows.count > 1) {
			memmove(&g->rows.data[k - 1], &g->rows.data[k], (g->rows.count - k) * sizeof(row));
			g->rows.count--;
			own = dv_bpf_add_group(l, DV_ENTRY_REGS, row);
			g = &l->groups.data[index]; // it may have moved
		}
		own->way = DV_KFUNC_FENTRY;
		own->pub.entry = site->kind == DV_SITE_ADDR ? DV_ENTRY_FENTRY : DV_ENTRY_FEXIT;
		own->pub.args = args;
	}
}

static unsigned event_way(const struct dv_bpf_loaded *l)
{
	return l->kernel.ways & DV_KFUNC_MULTI ? DV_KFUNC_MULTI : DV_KFUNC_KPROBE;
}

void dv_bpf_choose_ways(struct dv_bpf_loaded *l)
{
	size_t count = l->groups.count; // those that are split off know their way

	for (size_t i = 0; i < count; i++) {
		struct dv_bpf_sites *g = &l->groups.data[i];
		const struct dv_load_site *s = dv_bpf_first(l, g);

		if (is_user(s)) {
			g->way = l->kernel.user_ways & DV_UPROBE_MULTI && g->rows.count > 1 ? DV_UPROBE_MULTI : DV_UPROBE_EVENT;
		} else if (is_function(s)) {
			g->way = event_way(l);
			if (l->kernel.ways & DV_KFUNC_FENTRY && g->rows.count <= FENTRY_MAX)
				split_trampolines(l, i);
		}
	}
}

bool dv_bpf_other_way(const struct dv_bpf_loaded *l, struct dv_bpf_sites *g)
{
	if (!is_function(dv_bpf_first(l, g)) || g->way != DV_KFUNC_FENTRY ||
	    !(l->kernel.ways & (DV_KFUNC_MULTI | DV_KFUNC_KPROBE)))
		return false;
	g->way = event_way(l);
	g->pub.entry = DV_ENTRY_REGS;
	return true;
}

void dv_bpf_how_to_load(const struct dv_bpf_loaded *l, const struct dv_bpf_sites *g, struct dv_bpf_load *how)
{
	switch (g->pub.entry) {
	case DV_ENTRY_REGS:
		how->type = BPF_PROG_TYPE_KPROBE;
		if (is_user(dv_bpf_first(l, g)))
			how->attach_type = g->way == DV_UPROBE_MULTI ? DV_UPROBE_MULTI_TYPE : 0;
		else
			how->attach_type = g->way == DV_KFUNC_MULTI ? BPF_TRACE_KPROBE_MULTI : 0;
		break;
	case DV_ENTRY_FENTRY:
	case DV_ENTRY_FEXIT:
		how->type = BPF_PROG_TYPE_TRACING;
		how->attach_type = g->pub.entry == DV_ENTRY_FENTRY ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
		how->attach_btf_id = dv_guest_func_id(l->kernel.guest, dv_bpf_target(l, g->rows.data[0]));
		break;
	case DV_ENTRY_PERF:
		how->type = BPF_PROG_TYPE_PERF_EVENT;
		break;
	default:
		how->type = BPF_PROG_TYPE_RAW_TRACEPOINT;
		break;
	}
}

/* -- attaching ---------------------------------------------------------------------------------------------------- */

// @p e: why, consumed; the first is kept.
static void refuse(struct dv_bpf_loaded *l, uint32_t row, struct dv_error *e)
{
	l->refused++;
	if (l->refused_why) {
		dv_error_destroy(e);
		return;
	}
	l->refused_name = dv_bpf_label(l, row);
	l->refused_why = e;
}

static struct dv_error *raw(struct dv_bpf_loaded *l, const char *name, int prog)
{
	int fd = bpf_raw_tracepoint_open(name, prog), err = errno;

	if (fd < 0 && err == ENOENT)
		return dv_error_create(DV_ERR_NOT_FOUND, "the kernel has no tracepoint '%s'", name);
	if (fd < 0)
		return dv_error_sys(err, "cannot attach to the tracepoint '%s'", name);
	*DV_PUSH(&l->links) = fd;
	return NULL;
}

// Functions [from, from + count) of the group. One that cannot be probed spoils the link of all: they are tried in halves,
// down to that one.
static void multi(struct dv_bpf_loaded *l, const struct dv_bpf_sites *g, size_t from, size_t count)
{
	DV_FREE unsigned long *addrs = dv_xcalloc(count, sizeof(*addrs));
	DV_FREE uint64_t *cookies = dv_xcalloc(count, sizeof(*cookies));
	struct dv_error *e;
	int link = -1;

	for (size_t i = 0; i < count; i++) {
		cookies[i] = g->rows.data[from + i];
		addrs[i] = dv_bpf_row(l, g->rows.data[from + i])->addr;
	}
	e = dv_kfunc_attach_multi(g->prog, dv_bpf_first(l, g)->kind == DV_SITE_RETURNS, addrs, cookies, (uint32_t)count,
				  &link);
	if (!e) {
		*DV_PUSH(&l->links) = link;
		return;
	}
	if (count == 1) {
		refuse(l, g->rows.data[from], e);
		return;
	}
	dv_error_destroy(e);
	multi(l, g, from, count / 2);
	multi(l, g, from + count / 2, count - count / 2);
}

// Keeps the descriptors, or counts the site as refused.
static void keep(struct dv_bpf_loaded *l, uint32_t row, struct dv_error *e, int event, int link)
{
	if (e) {
		refuse(l, row, e);
		return;
	}
	*DV_PUSH(&l->events) = event;
	if (link >= 0)
		*DV_PUSH(&l->links) = link;
}

static struct dv_error *functions(struct dv_bpf_loaded *l, struct dv_bpf_sites *g)
{
	int event = -1, link = -1;
	struct dv_error *e;

	if (g->way == DV_KFUNC_MULTI) {
		multi(l, g, 0, g->rows.count);
		return NULL;
	}
	if (g->way == DV_KFUNC_FENTRY) {
		e = dv_kfunc_attach_fentry(g->prog, dv_bpf_target(l, g->rows.data[0]), &link);
		if (!e)
			*DV_PUSH(&l->links) = link;
		return e;
	}
	for (size_t i = 0; i < g->rows.count; i++) {
		uint32_t row = g->rows.data[i];
		const struct dv_load_site *s = dv_bpf_row(l, row);

		e = dv_kfunc_attach_kprobe(g->prog, s->kind == DV_SITE_RETURNS, s->addr, dv_bpf_target(l, row), row, &event,
					   &link);
		keep(l, row, e, event, link);
	}
	return NULL;
}

static struct dv_uprobe_site user_site(const struct dv_bpf_loaded *l, uint32_t row)
{
	const struct dv_load_site *s = dv_bpf_row(l, row);

	return (struct dv_uprobe_site){.offset = s->addr, .semaphore = s->detail, .cookie = row, .name = dv_bpf_label(l, row)};
}

static struct dv_error *user_multi(struct dv_bpf_loaded *l, const struct dv_bpf_sites *g, const struct dv_uprobe_file *f)
{
	DV_FREE struct dv_uprobe_site *sites = dv_xcalloc(g->rows.count, sizeof(*sites));
	struct dv_uprobe_links links = {0};
	struct dv_error *e;

	for (size_t i = 0; i < g->rows.count; i++)
		sites[i] = user_site(l, g->rows.data[i]);
	e = dv_uprobe_attach_multi(g->prog, f, sites, (uint32_t)g->rows.count, &links);
	if (e)
		return e;
	for (size_t i = 0; i < links.links.count; i++)
		*DV_PUSH(&l->links) = links.links.data[i];
	for (size_t i = 0; i < links.refused.count; i++)
		refuse(l, g->rows.data[links.refused.data[i]],
		       dv_error_sys(links.refused_errno, "cannot put a probe on '%s'",
				    dv_bpf_label(l, g->rows.data[links.refused.data[i]])));
	links.links.count = 0; // they are ours now
	dv_uprobe_links_deinit(&links);
	return NULL;
}

static struct dv_error *user(struct dv_bpf_loaded *l, struct dv_bpf_sites *g)
{
	const struct dv_load_site *first = dv_bpf_first(l, g);
	struct dv_uprobe_file f = {
	    .path = dv_bpf_target(l, g->rows.data[0]),
	    .pid = first->pid,
	    .is_return = first->kind == DV_SITE_URETPROBE,
	};

	if (g->way == DV_UPROBE_MULTI)
		return user_multi(l, g, &f);
	for (size_t i = 0; i < g->rows.count; i++) {
		struct dv_uprobe_site site = user_site(l, g->rows.data[i]);
		int event = -1, link = -1;
		struct dv_error *e = dv_uprobe_attach(g->prog, &f, &site, &event, &link);

		keep(l, g->rows.data[i], e, event, link);
	}
	return NULL;
}

static struct dv_error *clocks(struct dv_bpf_loaded *l, struct dv_bpf_sites *g)
{
	struct dv_error *e = NULL;

	for (size_t i = 0; i < g->rows.count && !e; i++) {
		uint32_t row = g->rows.data[i];
		struct dv_perf_clock c = {0};

		e = dv_perf_clock_attach(g->prog, dv_bpf_row(l, row)->detail, row, &c);
		for (size_t k = 0; k < c.links.count; k++)
			*DV_PUSH(&l->links) = c.links.data[k];
		for (size_t k = 0; k < c.events.count; k++)
			*DV_PUSH(&l->events) = c.events.data[k];
		c.links.count = c.events.count = 0; // they are ours now
		dv_perf_clock_deinit(&c);
	}
	return e;
}

// On Intel's processors the guest's program counter is not in memory at an exit until somebody asks for it: the tracepoint's
// event does.
static struct dv_error *asked_for(struct dv_bpf_loaded *l, const char *tracepoint)
{
	int event, prog, link, err;

	if (l->kernel.inside->isa != DV_KVM_VMX)
		return NULL;
	err = dv_event_tracepoint(tracepoint, &event, &prog, &link);
	if (link >= 0)
		*DV_PUSH(&l->links) = link;
	if (event >= 0)
		*DV_PUSH(&l->events) = event;
	if (prog >= 0)
		*DV_PUSH(&l->events) = prog;
	return err ? dv_error_sys(err, "cannot have the event %s made", tracepoint) : NULL;
}

// All traps of a guest, by one program.
static struct dv_error *traps(struct dv_bpf_loaded *l, int prog)
{
	struct dv_error *e = prog < 0 ? NULL : asked_for(l, "kvm/kvm_exit");

	return e || prog < 0 ? e : raw(l, "kvm_exit", prog);
}

// All its timers, by one where it is entered; there the program counter has to be asked for too.
static struct dv_error *timers(struct dv_bpf_loaded *l, int prog)
{
	struct dv_error *e = prog < 0 ? NULL : asked_for(l, "kvm/kvm_entry");

	return e || prog < 0 ? e : raw(l, "kvm_entry", prog);
}

static void stop_clock(struct dv_bpf_clock *c)
{
	if (c->link >= 0)
		close(c->link);
	close(c->event);
}

void dv_bpf_stop_clocks(struct dv_bpf_loaded *l)
{
	for (size_t i = 0; i < l->clocks.count; i++)
		stop_clock(&l->clocks.data[i]);
	DV_VEC_FREE(&l->clocks);
}

static bool has_thread(const int32_t *tids, uint32_t count, int32_t tid)
{
	for (uint32_t i = 0; i < count; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

static struct dv_error *start_clocks(struct dv_bpf_loaded *l, int32_t tid)
{
	struct dv_error *e = NULL;
	uint32_t timer = 0;

	for (size_t i = 0; i < l->clocks.count; i++)
		if (l->clocks.data[i].tid == tid)
			return NULL;
	for (uint32_t row = 0; row < l->loaded->img->site_count && !e; row++) {
		struct dv_bpf_clock c = {.tid = tid};
		bool gone = false;

		if (dv_bpf_row(l, row)->kind != DV_SITE_PROFILE)
			continue;
		e = dv_perf_clock_thread(l->clock_prog, dv_bpf_row(l, row)->detail, timer++, tid, &c.event, &c.link, &gone);
		if (gone)
			break;
		if (!e)
			*DV_PUSH(&l->clocks) = c;
	}
	return e;
}

struct dv_error *dv_bpf_follow_threads(struct dv_bpf_loaded *l, const int32_t *tids, uint32_t count)
{
	struct dv_error *e = NULL;
	size_t kept = 0;

	if (l->clock_prog < 0)
		return NULL;
	for (size_t i = 0; i < l->clocks.count; i++) {
		if (has_thread(tids, count, l->clocks.data[i].tid))
			l->clocks.data[kept++] = l->clocks.data[i];
		else
			stop_clock(&l->clocks.data[i]);
	}
	l->clocks.count = kept;
	for (uint32_t i = 0; i < count && !e; i++)
		if (tids[i] > 0)
			e = start_clocks(l, tids[i]);
	return e;
}

static struct dv_error *attach(struct dv_bpf_loaded *l, struct dv_bpf_sites *g)
{
	switch (g->pub.entry) {
	case DV_ENTRY_SYSENTER:
		return raw(l, "sys_enter", g->prog);
	case DV_ENTRY_SYSEXIT:
		return raw(l, "sys_exit", g->prog);
	case DV_ENTRY_RAW:
		return raw(l, dv_bpf_target(l, g->rows.data[0]), g->prog);
	case DV_ENTRY_PERF:
		return clocks(l, g);
	case DV_ENTRY_TRAP:
		return traps(l, g->prog);
	case DV_ENTRY_TIMER:
		return timers(l, g->prog);
	default:
		return is_user(dv_bpf_first(l, g)) ? user(l, g) : functions(l, g);
	}
}

struct dv_error *dv_bpf_attach(struct dv_bpf_loaded *l)
{
	struct dv_error *e = l->switch_prog >= 0 ? raw(l, "sched_switch", l->switch_prog) : NULL;

	// A trap's exit holds up the thread's clock: what lets it go on is there before.
	if (!e && l->enter_prog >= 0)
		e = raw(l, "kvm_entry", l->enter_prog);
	if (!e)
		e = traps(l, l->trap_prog);

	for (size_t i = 0; i < l->groups.count && !e; i++)
		e = attach(l, &l->groups.data[i]);
	// Nothing at all could be probed: that is no session.
	if (!e && l->refused == l->loaded->img->site_count && l->refused_why) {
		e = l->refused_why;
		l->refused_why = NULL;
	}
	return e;
}
