// SPDX-License-Identifier: GPL-2.0-or-later
//
// A load: the sites of the image become traps, the programs are loaded with a table of them and attached, the traps are put in.
#include "machine/kvm/trace.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ebpf/session.h"
#include "machine/ebpf/trap.h"
#include "machine/kvm/guard.h"
#include "machine/kvm/keep.h"
#include "machine/kvm/load.h"
#include "machine/kvm/quiet.h"
#include "machine/kvm/tables.h"
#include "machine/kvm/text.h"

extern const uint8_t dv_host_bpf[], dv_host_bpf_end[]; // the run-time functions, ebpf/embed.S

#define RESTORE_TRIES 10u

struct dv_kvm_trace {
	struct dv_machine *m;
	struct dv_bpf_object *object;
	struct dv_kvm_text *text;
	struct dv_bpf_inside inside;
	struct dv_bpf_loaded *loaded;
	struct dv_guard *guard;      // NULL: the guest is not ours
	dv_traps traps;              // of the load, each place once
	void *image;                 // of `loaded`
	size_t image_size;
	uint64_t misses, told;       // of loads before the current one; of all, that were told
	struct dv_kvm_load load;
	struct dv_kvm_keep keep;
	uint32_t refused;            // sites of the load that have no trap
	char refused_why[160];
};

struct dv_error *dv_kvm_trace_create(struct dv_machine *m, struct dv_kvm_trace **ret)
{
	struct dv_kvm_trace *t = dv_xcalloc(1, sizeof(*t));
	struct dv_error *e = dv_bpf_object_open(dv_host_bpf, (size_t)(dv_host_bpf_end - dv_host_bpf), &t->object);

	t->m = m;
	if (e) {
		free(t);
		return e;
	}
	t->text = dv_kvm_text_create(m);
	*ret = t;
	return NULL;
}

void dv_kvm_trace_destroy(struct dv_kvm_trace *t, bool foreign)
{
	if (!t)
		return;
	dv_error_destroy(dv_kvm_trace_unload(t, foreign));
	dv_kvm_load_deinit(&t->load);
	dv_kvm_text_destroy(t->text);
	dv_bpf_object_close(t->object);
	free(t);
}

const char *dv_kvm_trace_refuses(struct dv_kvm_trace *t, const struct dv_load_site *where)
{
	dv_traps traps = {0};
	dv_trap_rows rows = {0};
	const char *why = dv_kvm_text_site(t->text, where, 0, NULL, &traps, &rows);

	DV_VEC_FREE(&traps);
	DV_VEC_FREE(&rows);
	return why;
}

/* -- traps -------------------------------------------------------------------------------------------------------- */

static int by_pc(const void *a, const void *b)
{
	const struct dv_trap *x = a, *y = b;

	if (x->pc != y->pc)
		return x->pc > y->pc ? 1 : -1;
	return (x->site < y->site) - (x->site > y->site); // DV_TRAP_SWITCH is the one to keep
}

// Several sites may be at one place.
static void unique(dv_traps *v)
{
	size_t out = 0;

	if (v->count)
		qsort(v->data, v->count, sizeof(v->data[0]), by_pc);
	for (size_t i = 0; i < v->count; i++)
		if (!out || v->data[out - 1].pc != v->data[i].pc)
			v->data[out++] = v->data[i];
	v->count = out;
}

static bool any_stub(const dv_traps *v, size_t from)
{
	for (size_t i = from; i < v->count; i++)
		if (v->data[i].flags & DV_TRAP_STUB)
			return true;
	return false;
}

// dv_kvm_text_site(), but that two changes, of which both must be seen or none, are not made in memory that is being copied.
static const char *site_traps(struct dv_kvm_trace *t, const struct dv_load_site *s, uint32_t row, struct dv_trap_set *set,
			      bool copied, dv_traps *traps, dv_trap_rows *rows)
{
	size_t traps_before = traps->count, rows_before = rows->count;
	const char *why = dv_kvm_text_site(t->text, s, row, set, traps, rows);

	if (why || !copied || !any_stub(traps, traps_before))
		return why;
	traps->count = traps_before;
	rows->count = rows_before;
	return "its memory is being copied, by a migration perhaps, and its return needs changes in two places";
}

// Where another thread has just come to run, for vtimestamp: it is the current one already. All switches come by the end of
// __switch_to; where that cannot be probed, they come by finish_task_switch, if it is a function and not part of others.
static const struct {
	const char *name;
	bool at_return;
} switches[] = {
	{"__switch_to", true}, {"finish_task_switch", false}, {"finish_task_switch.isra.0", false},
};

static const char *switch_traps(struct dv_kvm_trace *t, struct dv_trap_set *set, bool copied, dv_traps *traps, dv_trap_rows *rows)
{
	const char *why = "there is no function in which it could be seen";

	for (size_t i = 0; i < DV_COUNT(switches); i++) {
		const struct dv_symbol *s = dv_guest_symbol(t->m->guest, "vmlinux", switches[i].name);
		struct dv_load_site site;

		if (!s)
			continue;
		site = (struct dv_load_site){.kind = switches[i].at_return ? DV_SITE_RETURNS : DV_SITE_ADDR,
					     .args = switches[i].at_return ? DV_ARGS_RETURN : DV_ARGS_FUNC,
					     .addr = s->addr, .size = (uint32_t)s->size};
		why = site_traps(t, &site, DV_TRAP_SWITCH, set, copied, traps, rows);
		if (!why)
			break;
	}
	return why;
}

bool dv_kvm_trace_times(struct dv_kvm_trace *t)
{
	dv_traps traps = {0};
	dv_trap_rows rows = {0};
	const char *why = switch_traps(t, NULL, false, &traps, &rows);

	DV_VEC_FREE(&traps);
	DV_VEC_FREE(&rows);
	return !why;
}

// struct dv_bpf_inside::traps
static struct dv_error *make_traps(void *ctx, const struct dv_loaded *l, struct dv_trap_row **ret, uint32_t *count)
{
	struct dv_kvm_trace *t = ctx;
	struct dv_trap_set *set = dv_trap_set_create();
	dv_trap_rows rows = {0};
	bool copied = dv_kvm_text_copied(t->m);
	const char *no = l->img->flags & DV_LOAD_VTIME ? switch_traps(t, set, copied, &t->traps, &rows) : NULL;
	struct dv_error *e = no ? dv_error_create(DV_ERR_UNKNOWN, "vtimestamp cannot be had: %s", no) : NULL;

	for (uint32_t i = 0; i < l->img->site_count && !e; i++) {
		const struct dv_load_site *s = &l->sites[i];
		const char *why;

		if (s->kind == DV_SITE_TRACEPOINT || s->kind == DV_SITE_PROFILE)
			continue;
		why = site_traps(t, s, i, set, copied, &t->traps, &rows);
		if (why && !t->refused++)
			snprintf(t->refused_why, sizeof(t->refused_why), "%s: %s", l->texts + s->target, why);
	}
	dv_trap_set_destroy(set);
	if (e) {
		DV_VEC_FREE(&rows);
		return e;
	}
	unique(&t->traps);
	*ret = rows.data;
	*count = (uint32_t)rows.count;
	return NULL;
}

static struct dv_error *plant(struct dv_kvm_trace *t)
{
	struct dv_planted done = {0};
	struct dv_planter p;
	struct dv_error *e;

	// Loading has taken its time, and what may be held has to be all that can run.
	if (!dv_kvm_refresh(t->m))
		return dv_error_create(DV_ERR_GONE, "%s", t->m->why);
	p = dv_kvm_planter(t->m);
	e = dv_guard_plant(t->guard, &p, t->traps.data, t->traps.count, &done);
	// Without them times would be wrong, and nobody would see that they are.
	for (size_t i = 0; i < t->traps.count && !e; i++)
		if (t->traps.data[i].site == DV_TRAP_SWITCH && t->traps.data[i].state != DV_TRAP_ON)
			e = dv_error_create(DV_ERR_UNKNOWN, "vtimestamp cannot be had: something else stands where threads are "
							    "switched: the guest's own tracer?");
	if (!e && done.foreign && !t->refused)
		snprintf(t->refused_why, sizeof(t->refused_why), "something else stands there: the guest's own tracer?");
	t->refused += done.foreign;
	return e;
}

// What the kernel had there, byte for byte. Fails when some of it traps still.
static struct dv_error *unplant(struct dv_kvm_trace *t)
{
	struct dv_planter p = dv_kvm_planter(t->m);
	struct dv_planted done = {0};
	struct dv_error *e = t->guard ? dv_guard_remove(t->guard, &p, RESTORE_TRIES, &done) : NULL;

	if (!done.on) { // no more than what lies behind them is left
		dv_error_destroy(e);
		return NULL;
	}
	if (!e)
		e = dv_error_create(DV_ERR_OTHER, "its memory cannot be written");
	e = dv_error_wrap(e, "%u trap%s in the guest cannot be taken out", done.on, done.on == 1 ? "" : "s");
	return dv_error_hint(e, "they cost it time and do nothing else; \"dvirt clean\" takes them out");
}

/* -- loading ------------------------------------------------------------------------------------------------------ */

void dv_kvm_trace_told(struct dv_kvm_trace *t)
{
	const struct dv_kvm_machine *k = t ? t->m->priv : NULL;
	struct dv_error *e;

	if (!t || !t->loaded)
		return;
	dv_kvm_tell(dv_bpf_guest_tables(t->loaded), k->vm);
	e = dv_bpf_follow_threads(t->loaded, t->m->tids, t->m->tid_count);
	if (e)
		snprintf(t->m->note, sizeof(t->m->note), "a new virtual CPU has no timers: %.150s", e->msg);
	dv_error_destroy(e);
}

// Which of kvm_exit's words is the virtual CPU: the second up to Linux 5.15.
static uint32_t vcpu_word(const struct dv_kvm_host *h)
{
	const struct dv_type *proto = dv_guest_tracepoint_type(h->types, "kvm", "kvm_exit");

	for (uint32_t i = 1; proto && i < proto->count; i++) {
		const struct dv_type *t = proto->members[i].type;

		if (t && dv_type_resolve(t)->kind == DV_TYPE_PTR)
			return i - 1;
	}
	return 0;
}

static void drop(struct dv_kvm_trace *t)
{
	if (t->loaded)
		t->misses += dv_bpf_misses(t->loaded);
	dv_bpf_detach(t->loaded);
	t->loaded = NULL;
}

static bool is_kernel_memory(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &size);
}

struct dv_error *dv_kvm_trace_load(struct dv_kvm_trace *t, int region_fd, uint64_t region_size, const void *image, size_t size)
{
	const struct dv_kvm_machine *k = t->m->priv;
	struct dv_bpf_kernel kernel = {.inside = &t->inside};
	struct dv_error *e;

	// Other machines came or went, which makes no difference here.
	if (t->loaded && size == t->image_size && !memcmp(image, t->image, size))
		return NULL;
	if (!is_kernel_memory(region_fd))
		return dv_error_hint(dv_error_create(DV_ERR_LIMIT, "a guest under KVM cannot join a session that began without "
						     "one: its clauses run in the host's kernel, which has no access to the "
						     "session's state"),
				     "begin the session anew");
	if (!dv_kvm_intercepts_invd(k->host, k->vm))
		return dv_error_create(DV_ERR_UNKNOWN, "its virtual CPUs do not intercept INVD: the host's KVM is of another kind");
	// What cannot be taken out is tried again by dv_guard_open(), which says so.
	dv_error_destroy(dv_kvm_trace_unload(t, false));
	dv_kvm_load_reset(&t->load);
	t->keep = (struct dv_kvm_keep){.always = dv_kvm_text_copied(t->m)};
	e = dv_guard_open(t->m->pid, k->vm->start, &t->guard);
	if (e)
		return e;
	t->traps.count = 0;
	t->refused = 0;
	t->inside = (struct dv_bpf_inside){.isa = k->host->isa, .off = k->host->off, .vcpu_word = vcpu_word(k->host),
					   .traps = make_traps, .ctx = t};
	e = dv_bpf_load_image(t->object, &kernel, region_fd, region_size, image, size, getenv("DVIRT_BPF_LOG") != NULL,
			      &t->loaded);
	if (!e) {
		dv_kvm_tell(dv_bpf_guest_tables(t->loaded), k->vm);
		e = dv_bpf_attach(t->loaded);
	}
	if (!e)
		e = dv_bpf_follow_threads(t->loaded, t->m->tids, t->m->tid_count);
	if (!e)
		e = plant(t);
	if (e) {
		dv_error_destroy(dv_kvm_trace_unload(t, false));
		return e;
	}
	if (t->refused)
		snprintf(t->m->note, sizeof(t->m->note), "%u place%s left out: %.150s", t->refused,
			 t->refused == 1 ? " is" : "s are", t->refused_why);
	free(t->image);
	t->image = dv_xcalloc(1, size);
	memcpy(t->image, image, size);
	t->image_size = size;
	return NULL;
}

struct dv_error *dv_kvm_trace_unload(struct dv_kvm_trace *t, bool foreign)
{
	struct dv_error *e = foreign ? NULL : unplant(t);

	dv_guard_close(t->guard);
	t->guard = NULL;
	drop(t);
	t->traps.count = 0;
	free(t->image);
	t->image = NULL;
	t->image_size = 0;
	return e;
}

static uint64_t hits_of(void *ctx, uint64_t pc)
{
	return dv_bpf_guest_hits(((struct dv_kvm_trace *)ctx)->loaded, pc);
}

void dv_kvm_trace_limit(struct dv_kvm_trace *t, uint64_t now)
{
	const struct dv_guest_tables *tables = t && t->loaded ? dv_bpf_guest_tables(t->loaded) : NULL;
	dv_traps out = {0};
	uint64_t hits = 0;
	uint32_t share;

	if (!tables || !t->m->maxload || t->m->maxload >= 100)
		return;
	share = dv_kvm_load_look(&t->load, now, tables, t->m->vcpus);
	if (!dv_kvm_load_over(&t->load, share, t->m->maxload))
		return;
	dv_kvm_load_noisiest(&t->load, &t->traps, share, t->m->maxload, hits_of, t, &out, &hits);
	if (out.count) {
		struct dv_planter p = dv_kvm_planter(t->m);
		struct dv_planted done = {0};
		const struct dv_symbol *s = dv_guest_symbol_at(t->m->guest, out.data[0].place);
		struct dv_error *e = dv_unplant(&p, out.data, out.count, &done);
		size_t removed = out.count - done.on;

		for (size_t i = 0; i < out.count; i++) {
			struct dv_trap *mine = bsearch(&out.data[i], t->traps.data, t->traps.count, sizeof(*mine), by_pc);

			mine->state = out.data[i].state;
		}
		if (e && done.on)
			snprintf(t->m->note, sizeof(t->m->note), "probes take %u%% of a virtual CPU's time, -x maxload allows %u%%, and %u "
				 "cannot be removed: %.120s", share, t->m->maxload, done.on, e->msg);
		else
			snprintf(t->m->note, sizeof(t->m->note), "probes take %u%% of a virtual CPU's time, -x maxload allows %u%%: %zu "
				 "place%s removed, %s%.64s with %llu hits a second", share, t->m->maxload, removed,
				 removed == 1 ? " is" : "s are", removed == 1 ? "" : "first ", s ? s->name : "?",
				 (unsigned long long)hits);
		dv_error_destroy(e);
	}
	DV_VEC_FREE(&out);
}

void dv_kvm_trace_keep(struct dv_kvm_trace *t)
{
	struct dv_planter p;

	if (!t || !t->loaded)
		return;
	p = dv_kvm_planter(t->m);
	dv_kvm_keep_look(&t->keep, dv_kvm_text_copied(t->m), t->guard, &p, &t->traps, t->m->note, sizeof(t->m->note));
}

uint64_t dv_kvm_trace_lost(struct dv_kvm_trace *t)
{
	uint64_t all = t->misses + (t->loaded ? dv_bpf_misses(t->loaded) : 0), fresh = all - t->told;

	t->told = all;
	return fresh;
}
