// SPDX-License-Identifier: GPL-2.0-or-later
//
// A session from beginning to end: loading machines, taking out what was loaded.
//
// BEGIN runs before any machine is loaded, END after the last one was unloaded: so no other clause runs before or after
// them.
#include "tracer/impl.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

uint64_t dv_now(void)
{
	return dv_clock_ns();
}

void dv_tracer_say(struct dv_tracer *t, const char *fmt, ...)
{
	va_list ap;

	fflush(t->out.f ? t->out.f : t->file);
	va_start(ap, fmt);
	fputs("dvirt: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void dv_tracer_say_error(struct dv_tracer *t, const char *what, struct dv_error *e)
{
	dv_tracer_say(t, "%s: %s", what, e->msg);
	if (e->hint)
		fprintf(stderr, "hint: %s\n", e->hint);
	dv_error_destroy(e);
}

/* -- machines ----------------------------------------------------------------------------------------------------- */

void dv_session_gone(struct dv_tracer *t, struct dv_tmachine *tm)
{
	if (tm->gone)
		return;
	tm->gone = true;
	tm->loaded = false;
	__atomic_store_n(&dv_tracer_hdr(t)->machines[tm->index].live, 0, __ATOMIC_RELEASE);
	// A virtual CPU that died in the middle of a firing would hold up the order for ever.
	for (uint32_t i = 0; i < tm->prod_count; i++) {
		struct dv_producer *p = dv_region_producer(t->region, t->region_size, tm->prod + i);

		if (p)
			__atomic_store_n(&p->inflight, 0, __ATOMIC_RELEASE);
	}
	dv_region_threads(t, tm);
	dv_tracer_say(t, "machine '%s' has gone; its data is kept", tm->name);
}

static void build_image(struct dv_tracer *t, struct dv_tmachine *tm)
{
	free(tm->image);
	tm->image = dv_image_build(t, tm, &tm->image_size);
}

struct dv_error *dv_session_load(struct dv_tracer *t, struct dv_tmachine *tm)
{
	struct dv_machine *peers[DV_MACH_MAX];
	struct dv_tmachine *o;
	size_t count = 0;
	struct dv_error *e;

	if (!tm->plans.count) {
		free(tm->image);
		tm->image = NULL;
		return dv_region_update(t); // nothing to trace there, but others may name it
	}
	DV_EACH_MACHINE(t, o)
		if (t->peers && o != tm && !o->gone && !o->waiting && (o->m->caps & DV_CAP_MEMORY) &&
		    count < DV_MACH_MAX)
			peers[count++] = o->m;
	if (!tm->image)
		build_image(t, tm);
	e = dv_region_update(t);
	tm->m->maxload = (uint32_t)t->opts.maxload;
	if (!e)
		e = tm->m->ops->load(tm->m, t->region_fd, t->region_size, tm->image, tm->image_size, peers, count);
	free(tm->image);
	tm->image = NULL;
	tm->loaded = !e;
	if (!e && tm->m->note[0])
		dv_tracer_say(t, "machine '%s': %s", tm->name, tm->m->note);
	tm->m->note[0] = '\0';
	return e;
}

static void emit(void *ctx, const char *text)
{
	fputs(text, stderr);
}

// May a clause on one machine have to read another's memory? By a name (db`vmlinux`jiffies), or by a pointer that a
// variable brought there.
static bool needs_peers(const struct dv_tracer *t)
{
	if (dv_script_uses_cross_machine(t->script))
		return true;
	for (uint32_t i = 0; i < dv_script_var_count(t->script); i++) {
		const struct dv_var *v = dv_script_var(t->script, i);

		if (v->scope == DV_SCOPE_GLOBAL && v->type && dv_type_resolve(v->type)->kind == DV_TYPE_PTR)
			return true;
	}
	return false;
}

void dv_session_join(struct dv_tracer *t, struct dv_tmachine *tm)
{
	struct dv_diag diag = {.emit = emit, .errtags = t->opts.errtags};
	struct dv_tmachine *o;
	struct dv_error *e;

	tm->waiting = false;
	dv_region_threads(t, tm);
	if (!dv_compile_machine(t, tm, &diag)) {
		dv_tracer_say(t, "machine '%s' is not traced: the script does not fit its kernel", tm->name);
		tm->plans.count = tm->errors.count = 0;
		tm->refused = true;
		return;
	}
	t->peers |= needs_peers(t); // its clauses may have given variables their types
	e = dv_region_place(t, tm);
	if (!e) {
		build_image(t, tm);
		e = dv_session_load(t, tm);
	}
	if (e) {
		char what[128];

		snprintf(what, sizeof(what), "machine '%s' cannot join", tm->name);
		tm->refused = true;
		if (tm->m->state == DV_MACHINE_GONE) {
			dv_error_destroy(e);
			dv_session_gone(t, tm);
		} else {
			dv_tracer_say_error(t, what, e);
		}
		return;
	}
	dv_tracer_say(t, "machine '%s' has joined", tm->name);
	// The others learn how to read its memory; the host's kernel has no way to.
	DV_EACH_MACHINE(t, o) {
		if (!t->peers || o == tm || !o->index || !o->loaded || o->gone)
			continue;
		e = dv_session_load(t, o);
		if (e)
			dv_tracer_say_error(t, o->name, e);
	}
}

/* -- the whole ---------------------------------------------------------------------------------------------------- */

// Load all machines. One that cannot be loaded is reported and left out; when there was none that could, that is an
// error.
static struct dv_error *load_all(struct dv_tracer *t)
{
	uint32_t wanted = 0, loaded = 0;
	struct dv_error *first = NULL, *e;
	struct dv_tmachine *tm;

	DV_EACH_MACHINE(t, tm) {
		if (!tm->plans.count)
			continue;
		wanted++;
		e = dv_session_load(t, tm);
		if (!e) {
			loaded++;
			continue;
		}
		e = dv_error_wrap(e, "cannot trace machine '%s'", tm->name);
		if (tm->m->state == DV_MACHINE_GONE)
			dv_session_gone(t, tm);
		if (!first) {
			first = e;
			continue;
		}
		dv_tracer_say_error(t, "error", e);
	}
	if (first && loaded) {
		dv_tracer_say_error(t, "error", first);
		first = NULL;
	}
	return first;
}

// @p report: the session ran; without it nothing is printed any more.
static void finish(struct dv_tracer *t, bool report)
{
	struct dv_region_hdr *h = dv_tracer_hdr(t);
	DV_VEC(const struct dv_agg *) aggs = {0};
	struct dv_tmachine *tm;
	struct dv_error *e;

	// What is waiting for room gets some first; then nothing new begins.
	if (report)
		dv_session_consume(t, false);
	__atomic_store_n(&h->halt, 1, __ATOMIC_SEQ_CST);
	DV_EACH_MACHINE(t, tm) {
		if (!tm->loaded || tm->gone)
			continue;
		e = tm->m->ops->unload(tm->m);
		tm->loaded = false;
		if (e && tm->m->state == DV_MACHINE_GONE) {
			dv_error_destroy(e);
			dv_session_gone(t, tm);
		} else if (e) {
			dv_tracer_say_error(t, tm->name, e);
		}
	}
	if (!report)
		return;
	dv_session_consume(t, true);
	dv_aggs_snap(t->consumer, true);
	// END is behind everything, also behind an exit().
	t->exit_seq = UINT64_MAX;
	__atomic_store_n(&h->ended, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&h->halt, 0, __ATOMIC_SEQ_CST);
	t->own_exec.ending = true;
	if (t->own_loaded)
		dv_session_fire(t, t->site_end);
	dv_session_consume(t, true);
	dv_aggs_snap(t->consumer, true);
	__atomic_store_n(&h->halt, 1, __ATOMIC_SEQ_CST);
	dv_session_drops(t);
	for (uint32_t i = 0; i < dv_script_agg_count(t->script); i++)
		*DV_PUSH(&aggs) = dv_script_agg(t->script, i);
	dv_output_all_aggs(&t->out, t->consumer, aggs.data, aggs.count);
	DV_VEC_FREE(&aggs);
	dv_output_deinit(&t->out);
	fflush(t->file);
	if (dv_consumer_spoilt(t->consumer))
		dv_tracer_say(t, "%" PRIu64 " records were refused: a machine's process spoilt the shared state",
			      dv_consumer_spoilt(t->consumer));
}

struct dv_error *dv_tracer_run(struct dv_tracer *t, int *status)
{
	struct dv_tmachine *tm;
	struct dv_error *e;

	dv_region_assign(t);
	// The images' strings are constants: they are made before the region is.
	dv_consts_intern(t->consts, t->own->name, strlen(t->own->name));
	build_image(t, t->own);
	DV_EACH_MACHINE(t, tm) {
		dv_consts_intern(t->consts, tm->name, strlen(tm->name));
		build_image(t, tm);
	}
	e = dv_region_create(t);
	if (e)
		return e;
	t->peers = needs_peers(t);
	t->consumer = dv_consumer_create(t->region, t->region_size);
	if (!t->consumer)
		return dv_error_create(DV_ERR_OTHER, "the state region is damaged");
	dv_consumer_on_frames(t->consumer, dv_symbols_frames, t);
	dv_session_output(t);
	e = dv_own_init(t);
	if (e)
		return e;
	dv_session_fire(t, t->site_begin);
	dv_session_consume(t, false);
	if (!t->exiting && !dv_session_halted(t)) {
		e = load_all(t);
		if (!e) {
			for (size_t i = 0; i < t->until_pid.count; i++)
				dv_procs_keep(t, t->until_pid.data[i]);
			if (t->on_start)
				t->on_start(t->on_start_ctx);
			t->started = true;
			// Ticks count from when all probes are in: that may take a while on a busy host.
			uint64_t now = dv_now();

			for (size_t i = 0; i < t->ticks.count; i++)
				t->ticks.data[i].next = now + t->ticks.data[i].period;
			dv_tracer_loop(t);
		}
	}
	finish(t, !e);
	*status = t->status;
	return e;
}
