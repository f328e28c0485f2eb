// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the producers made, taken in and printed: records in their order, errors, drops.
//
// Aggregations are taken in before each record that prints or changes one: all firings before that record are done by
// then (the consumer only yields records below every firing in flight), so printa() shows all that came before.
#include "tracer/impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

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

// Is the next record of this CPU the same probe's, from another clause?
static bool follows(const struct dv_tracer *t, const struct dv_event *e, const struct dv_enabling *en)
{
	const struct dv_enabling *next;

	if (!t->out.flow || !e->next_epid || e->next_epid >= t->enablings.count || e->next_epid == e->rec->epid)
		return false;
	next = &t->enablings.data[e->next_epid];
	return next->machine == en->machine && next->probe == en->probe;
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
	    // dvirt's own probes are part of any session; the host counts when its kernel is traced.
	    .several = t->machines.count > 2 || (t->machines.count > 1 && t->machines.data[0]->plans.count),
	    .cpu = e->cpu,
	    .id = en->probe,
	    .func = en->func,
	    .name = en->name,
	};
	probe.prov = en->prov;
	probe.producer = e->producer;
	probe.epid = e->rec->epid;
	probe.more = follows(t, e, en);
	t->event = e;
	if (dv_output_record(&t->out, t->consumer, en->prog, &probe, e, &status) && !t->write_failed) {
		if (!t->exiting)
			t->exit_seq = e->rec->seq;
		t->exiting = true;
		t->status = status; // the last one counts, which may be END's
	}
	return true;
}

size_t dv_session_consume(struct dv_tracer *t, bool final)
{
	size_t n;

	// Under these policies what is shown is what is there at the end.
	if (!final && (t->opts.policy == DV_OPT_RING || t->opts.policy == DV_OPT_FILL))
		return 0;
	n = dv_consume(t->consumer, final, on_event, t);

	// What cannot be written is lost: that ends the session, it does not go on in silence.
	if (n && (fflush(t->out.f) || ferror(t->out.f)) && !t->write_failed) {
		t->write_failed = t->exiting = true;
		t->exit_seq = 0;
		t->status = 1;
		dv_tracer_say(t, "cannot write the output: %s", strerror(errno));
	}
	return n;
}

bool dv_session_halted(struct dv_tracer *t)
{
	return DV_RD(dv_tracer_hdr(t)->halt) || DV_RD(dv_tracer_hdr(t)->ended);
}

/* -- what actions ask of the session ------------------------------------------------------------------------------ */

static int run_command(void *ctx, const char *command)
{
	fflush(stdout);
	return system(command);
}

static void complain(void *ctx, const char *text)
{
	struct dv_tracer *t = ctx;
	const struct dv_enabling *en = &t->enablings.data[t->event->rec->epid];

	dv_tracer_say(t, "error on enabled probe ID %u (ID %u: %s:%s:%s:%s:%s): %s", t->event->rec->epid, en->probe,
		      t->machines.data[en->machine]->name, en->prov, en->mod, en->func, en->name, text);
}

static bool set_option(void *ctx, const char *name, const char *value)
{
	struct dv_tracer *t = ctx;
	enum dv_option_kind kind = dv_options_kind(name);
	struct dv_error *e = NULL;
	const char *why = NULL;
	char text[256];

	if (kind == DV_OPTION_NONE)
		why = "Invalid option name";
	else if (kind == DV_OPTION_FIXED)
		why = "Operation illegal when tracing is active";
	else if ((e = dv_options_set(&t->opts, name, value ? value : "1", true)))
		why = "Invalid value for specified option";
	if (e)
		dv_error_destroy(e);
	if (why) {
		snprintf(text, sizeof(text), "couldn't set option \"%.64s\" to \"%.64s\": %s", name, value ? value : "1", why);
		complain(t, text);
		return false;
	}
	dv_session_output(t);
	return true;
}

void dv_session_output(struct dv_tracer *t)
{
	struct dv_output *o = &t->out;

	if (!o->f)
		o->f = t->file;
	o->quiet = t->opts.quiet;
	o->rawbytes = t->opts.rawbytes;
	o->aggsortkey = t->opts.aggsortkey;
	o->aggsortrev = t->opts.aggsortrev;
	o->aggsortpos = (uint32_t)t->opts.aggsortpos;
	o->aggsortkeypos = (uint32_t)t->opts.aggsortkeypos;
	o->agghist = t->opts.agghist;
	o->aggpack = t->opts.aggpack;
	o->aggzoom = t->opts.aggzoom;
	o->flow = t->opts.flowindent;
	o->encoding = t->opts.encoding == DV_OPT_ASCII  ? DV_ENCODING_ASCII
		      : t->opts.encoding == DV_OPT_UTF8 ? DV_ENCODING_UTF8
							: DV_ENCODING_AUTO;
	o->printsize = (uint32_t)t->opts.printsize;
	o->noresolve = t->opts.noresolve;
	o->stackindent_set = true;
	o->stackindent = (uint32_t)t->opts.stackindent;
	o->lookup = dv_symbols_lookup;
	o->system = run_command;
	o->setopt = set_option;
	o->complain = complain;
	o->ctx = t;
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
	    [DV_DROP_SPEC] = "speculative drops",
	    [DV_DROP_NOSPEC] = "failed speculations (no speculative buffer space available)",
	    [DV_DROP_CPU] = "probes lost on CPUs that came later, counted",
	};
	static const char *const tag[] = {
	    [DV_DROP_BUFFER] = "[DT_DROP_PRINCIPAL] ",
	    [DV_DROP_AGG] = "[DT_DROP_AGGREGATION] ",
	    [DV_DROP_DYN] = "[DT_DROP_DYNAMIC] ",
	    [DV_DROP_SPEC] = "[DT_DROP_SPEC] ",
	    [DV_DROP_NOSPEC] = "[DT_DROP_SPECUNAVAIL] ",
	};
	struct dv_tracer *t = ctx;
	const char *name = "?", *s = (unsigned)why < DV_COUNT(text) && text[why] ? text[why] : "unknown drops";
	const char *g = t->opts.droptags && (unsigned)why < DV_COUNT(tag) && tag[why] ? tag[why] : "";
	const struct dv_tmachine *tm;
	uint32_t cpu = 0;

	if (producer == t->own->prod)
		name = t->own->name;
	DV_EACH_MACHINE(t, tm)
		if (producer >= tm->prod && producer - tm->prod < tm->prod_count) {
			name = tm->name;
			cpu = (producer - tm->prod) / dv_tmachine_levels(tm);
		}
	dv_tracer_say(t, "%s%" PRIu64 " %s on %s CPU %u", g, count, s, name, cpu);
}

void dv_session_drops(struct dv_tracer *t)
{
	struct dv_tmachine *tm;

	dv_consume_drops(t->consumer, on_drop, t);
	DV_EACH_MACHINE(t, tm)
	{
		uint64_t n = tm->m->ops->lost ? tm->m->ops->lost(tm->m) : 0;

		if (n)
			dv_tracer_say(t, "%" PRIu64 " probes lost on %s that fired inside a clause", n, tm->name);
	}
}
