// SPDX-License-Identifier: GPL-2.0-or-later
//
// A session while it runs: loading machines, firing dvirt's own probes, taking in what the producers made.
//
// BEGIN runs before any guest is loaded, END after the last one was unloaded: so no other clause runs before or after
// them. Aggregations are taken in before each record that prints or changes one: all firings before that record are
// done by then (the consumer only yields records below every firing in flight), so printa() shows all that came before.
#include "tracer/impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

uint64_t dv_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void dv_tracer_say(struct dv_tracer *t, const char *fmt, ...)
{
	va_list ap;

	fflush(t->file);
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

/* -- records ------------------------------------------------------------------------------------------------------ */

static void fault_text(char *buf, size_t size, uint64_t fault, uint64_t value)
{
	static const char *const text[] = {
	    [DV_FAULT_NONE] = "unknown fault",
	    [DV_FAULT_BADADDR] = "invalid address",
	    [DV_FAULT_BADALIGN] = "invalid alignment",
	    [DV_FAULT_ILLOP] = "illegal operation",
	    [DV_FAULT_DIVZERO] = "divide-by-zero",
	    [DV_FAULT_NOSCRATCH] = "out of scratch space",
	    [DV_FAULT_KPRIV] = "invalid kernel access",
	    [DV_FAULT_UPRIV] = "invalid user access",
	    [DV_FAULT_TUPOFLOW] = "tuple stack overflow",
	    [DV_FAULT_BADSTACK] = "bad stack",
	    [DV_FAULT_BADSIZE] = "invalid size",
	    [DV_FAULT_BADINDEX] = "index out of bounds",
	    [DV_FAULT_LIBRARY] = "library-level fault",
	    [DV_FAULT_BADMACH] = "memory of another machine cannot be read here",
	    [DV_FAULT_BADTYPES] = "pointer of a machine with other kernel types",
	};
	const char *s = fault < DV_COUNT(text) && text[fault] ? text[fault] : "unknown fault";

	if (fault == DV_FAULT_BADADDR || fault == DV_FAULT_BADALIGN || fault == DV_FAULT_BADMACH)
		snprintf(buf, size, "%s (0x%" PRIx64 ")", s, value);
	else
		snprintf(buf, size, "%s", s);
}

static void print_error(struct dv_tracer *t, const struct dv_event *e, const struct dv_enabling *en)
{
	struct dv_value fault, value, pc;
	struct dv_cursor c = e->data;
	char text[96], where[32] = "predicate";
	uint32_t stmt = 0;

	if (!dv_cursor_int(&c, &fault) || !dv_cursor_int(&c, &value) || !dv_cursor_int(&c, &pc))
		return;
	for (uint32_t i = 0; i < en->prog->stmt_count; i++)
		if (en->prog->stmt_pc[i] <= pc.i)
			stmt = i;
	if (stmt || !en->prog->clause->predicate)
		snprintf(where, sizeof(where), "action #%u", stmt ? stmt : 1);
	fault_text(text, sizeof(text), fault.i, value.i);
	dv_tracer_say(t, "error on enabled probe ID %u (ID %u: %s:%s:%s:%s:%s): %s in %s at DIF offset %" PRIu64,
		      e->rec->epid, en->probe, t->machines.data[en->machine]->name, en->prov, en->mod, en->func,
		      en->name, text, where, pc.i * 8);
}

static bool touches_aggs(const struct dv_program *p)
{
	for (uint32_t i = 0; i < p->action_count; i++)
		if (p->actions[i].agg_count)
			return true;
	return false;
}

static bool on_event(void *ctx, const struct dv_event *e)
{
	struct dv_tracer *t = ctx;
	const struct dv_enabling *en;
	struct dv_out_probe probe;
	int status = 0;

	if (e->rec->epid >= t->enablings.count || !e->rec->epid)
		return true;
	en = &t->enablings.data[e->rec->epid];
	// A machine speaks for its own probes only, whatever its process wrote into the region.
	if (en->machine != e->machine)
		return true;
	// exit() ends the session for all machines at its place in the order.
	if (t->exiting && e->rec->seq > t->exit_seq)
		return true;
	if (e->rec->kind == DV_REC_ERROR) {
		print_error(t, e, en);
		return true;
	}
	if (touches_aggs(en->prog))
		dv_aggs_snap(t->consumer, false);
	probe = (struct dv_out_probe){
	    .machine = t->machines.data[en->machine]->name,
	    .several = t->machines.count > 2,
	    .cpu = e->cpu,
	    .id = en->probe,
	    .func = en->func,
	    .name = en->name,
	};
	if (dv_output_record(&t->out, t->consumer, en->prog, &probe, e, &status) && !t->exiting) {
		t->exiting = true;
		t->exit_seq = e->rec->seq;
		t->status = status;
	}
	return true;
}

size_t dv_session_consume(struct dv_tracer *t, bool final)
{
	size_t n = dv_consume(t->consumer, final, on_event, t);

	// What cannot be written is lost: that ends the session, it does not go on in silence.
	if (n && (fflush(t->file) || ferror(t->file)) && !t->write_failed) {
		t->write_failed = t->exiting = true;
		t->exit_seq = 0;
		t->status = 1;
		dv_tracer_say(t, "cannot write the output: %s", strerror(errno));
	}
	return n;
}

static void on_drop(void *ctx, uint32_t producer, enum dv_drop why, uint64_t count)
{
	static const char *const text[] = {
	    [DV_DROP_BUFFER] = "drops",
	    [DV_DROP_AGG] = "aggregation drops",
	    [DV_DROP_DYN] = "dynamic variable drops",
	    [DV_DROP_RETRY] = "updates given up",
	    [DV_DROP_NEST] = "probes lost that fired inside a clause",
	    [DV_DROP_ERROR] = "error drops",
	};
	static const char *const tag[] = {
	    [DV_DROP_BUFFER] = "[DT_DROP_PRINCIPAL] ",
	    [DV_DROP_AGG] = "[DT_DROP_AGGREGATION] ",
	    [DV_DROP_DYN] = "[DT_DROP_DYNAMIC] ",
	};
	struct dv_tracer *t = ctx;
	const char *name = "?", *s = (unsigned)why < DV_COUNT(text) && text[why] ? text[why] : "unknown drops";
	const char *g = t->opts.droptags && (unsigned)why < DV_COUNT(tag) && tag[why] ? tag[why] : "";
	uint32_t cpu = 0;

	for (size_t i = 0; i < t->machines.count; i++) {
		const struct dv_tmachine *tm = t->machines.data[i];

		if (producer >= tm->prod && producer < tm->prod + tm->prod_count) {
			name = tm->name;
			cpu = producer - tm->prod;
		}
	}
	dv_tracer_say(t, "%s%" PRIu64 " %s on %s CPU %u", g, count, s, name, cpu);
}

void dv_session_drops(struct dv_tracer *t)
{
	dv_consume_drops(t->consumer, on_drop, t);
}

static void symbolise(void *ctx, uint32_t machine, uint64_t addr, char *buf, size_t size)
{
	struct dv_tracer *t = ctx;
	const struct dv_tmachine *tm = machine < t->machines.count ? t->machines.data[machine] : NULL;
	const struct dv_symbol *s = NULL;
	const char *mod = "vmlinux";

	if (tm && tm->m && tm->m->guest)
		s = dv_guest_symbol_at(tm->m->guest, addr);
	if (!s) {
		snprintf(buf, size, "0x%" PRIx64, addr);
		return;
	}
	if (s->module) {
		size_t n;
		const struct dv_module *mods = dv_guest_modules(tm->m->guest, &n);

		mod = s->module < n ? mods[s->module].name : "?";
	}
	if (addr == s->addr)
		snprintf(buf, size, "%s`%s", mod, s->name);
	else
		snprintf(buf, size, "%s`%s+0x%" PRIx64, mod, s->name, addr - s->addr);
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
	dv_tracer_say(t, "machine '%s' has gone; its data is kept", tm->name);
}

static struct dv_error *build_image(struct dv_tracer *t, struct dv_tmachine *tm)
{
	free(tm->image);
	tm->image = dv_image_build(t, tm, &tm->image_size);
	return NULL;
}

struct dv_error *dv_session_load(struct dv_tracer *t, struct dv_tmachine *tm)
{
	struct dv_machine *peers[DV_MACH_MAX];
	size_t count = 0;
	struct dv_error *e;

	if (!tm->plans.count && !tm->errors.count) {
		free(tm->image);
		tm->image = NULL;
		return NULL; // nothing to trace there
	}
	for (size_t i = 1; t->peers && i < t->machines.count && count < DV_MACH_MAX; i++) {
		struct dv_tmachine *o = t->machines.data[i];

		if (o != tm && !o->gone && !o->waiting && (o->m->caps & DV_CAP_MEMORY))
			peers[count++] = o->m;
	}
	if (!tm->image && (e = build_image(t, tm)))
		return e;
	e = dv_region_update(t);
	if (!e)
		e = tm->m->ops->load(tm->m, t->region_fd, t->region_size, tm->image, tm->image_size, peers, count);
	free(tm->image);
	tm->image = NULL;
	tm->loaded = !e;
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
	struct dv_error *e;

	tm->waiting = false;
	if (!dv_compile_machine(t, tm, &diag)) {
		dv_tracer_say(t, "machine '%s' is not traced: the script does not fit its kernel", tm->name);
		tm->plans.count = tm->errors.count = 0;
		tm->refused = true;
		return;
	}
	t->peers |= needs_peers(t); // its clauses may have given variables their types
	e = dv_region_place(t, tm);
	if (!e)
		e = build_image(t, tm);
	if (!e)
		e = dv_session_load(t, tm);
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
	// The others learn how to read its memory.
	for (size_t i = 1; t->peers && i < t->machines.count; i++) {
		struct dv_tmachine *o = t->machines.data[i];

		if (o == tm || !o->loaded || o->gone)
			continue;
		e = dv_session_load(t, o);
		if (e)
			dv_tracer_say_error(t, o->name, e);
	}
}

/* -- dvirt's own probes ------------------------------------------------------------------------------------------- */

// Our own ring is full while a clause of ours wants room: make room. A clause in a guest that has not ended yet holds
// our records up; most do so for microseconds.
static bool host_wait(void *ctx)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < 200; i++) {
		if (dv_session_consume(ctx, false))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

void dv_session_fire(struct dv_tracer *t, uint32_t site)
{
	if (site < t->host->img->site_count)
		dv_exec_fire(&t->host_exec, &t->place.base, &t->host->sites[site]);
}

static struct dv_error *host_init(struct dv_tracer *t)
{
	struct dv_tmachine *host = t->machines.data[0];
	uint64_t now = dv_now();
	char msg[128] = "";
	const char *why = "";

	t->host = dv_loaded_create(host->image, host->image_size, dv_tracer_hdr(t), msg, sizeof(msg));
	if (!t->host)
		return dv_error_create(DV_ERR_OTHER, "cannot load dvirt's own clauses: %s", msg);
	if (!dv_exec_init(&t->host_exec, t->region, t->region_size, 0, t->host, &why))
		return dv_error_create(DV_ERR_OTHER, "cannot run dvirt's own clauses: %s", why);
	t->host_exec.wait = t->opts.block ? host_wait : NULL;
	t->host_exec.wait_ctx = t;
	dv_host_place_init(&t->place, t);
	t->site_begin = t->site_end = UINT32_MAX;
	for (uint32_t i = 0; i < t->host->img->site_count; i++) {
		uint32_t id = t->host->sites[i].probe;

		if (id == DV_ID_BEGIN)
			t->site_begin = i;
		if (id == DV_ID_END)
			t->site_end = i;
		for (size_t k = 0; k < host->plans.count; k++) {
			const struct dv_probe *p = &host->plans.data[k].probe;

			if (p->id == id && p->period_ns) {
				*DV_PUSH(&t->ticks) = (struct dv_tick){i, p->period_ns, now + p->period_ns};
				break;
			}
		}
	}
	return NULL;
}

/* -- the whole ---------------------------------------------------------------------------------------------------- */

// Load all guests. One that cannot be loaded is reported and left out; when there was none that could, that is an
// error.
static struct dv_error *load_all(struct dv_tracer *t)
{
	uint32_t wanted = 0, loaded = 0;
	struct dv_error *first = NULL;

	for (size_t i = 1; i < t->machines.count; i++) {
		struct dv_tmachine *tm = t->machines.data[i];
		struct dv_error *e;

		if (!tm->plans.count && !tm->errors.count)
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

	// What is waiting for room gets some first; then nothing new begins.
	if (report)
		dv_session_consume(t, false);
	__atomic_store_n(&h->halt, 1, __ATOMIC_SEQ_CST);
	for (size_t i = 1; i < t->machines.count; i++) {
		struct dv_tmachine *tm = t->machines.data[i];
		struct dv_error *e;

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
	__atomic_store_n(&h->halt, 0, __ATOMIC_SEQ_CST);
	if (t->host)
		dv_session_fire(t, t->site_end);
	dv_session_consume(t, true);
	dv_aggs_snap(t->consumer, true);
	__atomic_store_n(&h->halt, 1, __ATOMIC_SEQ_CST);
	dv_session_drops(t);
	for (uint32_t i = 0; i < dv_script_agg_count(t->script); i++)
		*DV_PUSH(&aggs) = dv_script_agg(t->script, i);
	dv_output_all_aggs(&t->out, t->consumer, aggs.data, aggs.count);
	DV_VEC_FREE(&aggs);
	fflush(t->file);
	if (dv_consumer_spoilt(t->consumer))
		dv_tracer_say(t, "%" PRIu64 " records were refused: a machine's process spoilt the shared state",
			      dv_consumer_spoilt(t->consumer));
}

struct dv_error *dv_tracer_run(struct dv_tracer *t, int *status)
{
	struct dv_error *e = dv_region_assign(t);

	// The images' strings are constants: they are made before the region is.
	for (size_t i = 0; !e && i < t->machines.count; i++) {
		struct dv_tmachine *tm = t->machines.data[i];

		dv_consts_intern(t->consts, tm->name, strlen(tm->name));
		e = build_image(t, tm);
	}
	if (!e)
		e = dv_region_create(t);
	if (e)
		return e;
	t->peers = needs_peers(t);
	t->consumer = dv_consumer_create(t->region, t->region_size);
	if (!t->consumer)
		return dv_error_create(DV_ERR_OTHER, "the state region is damaged");
	t->out = (struct dv_output){
	    .f = t->file,
	    .quiet = t->opts.quiet,
	    .rawbytes = t->opts.rawbytes,
	    .aggsortkey = t->opts.aggsortkey,
	    .aggsortrev = t->opts.aggsortrev,
	    .aggsortpos = (uint32_t)t->opts.aggsortpos,
	    .aggsortkeypos = (uint32_t)t->opts.aggsortkeypos,
	    .symbolise = symbolise,
	    .ctx = t,
	};
	e = host_init(t);
	if (e)
		return e;
	dv_session_fire(t, t->site_begin);
	dv_session_consume(t, false);
	if (!t->exiting) {
		e = load_all(t);
		if (!e) {
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
