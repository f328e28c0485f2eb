// SPDX-License-Identifier: GPL-2.0-or-later
//
// Listings: the probes (-l) and the machines (ps); what machines still have of sessions that are no more.
#include "tracer/impl.h"

#include <string.h>

static void print_types(FILE *f, const struct dv_probe *p)
{
	struct dv_xarg xargs[DV_XARGS_MAX];
	uint32_t count, presented = p->prov->xargs ? p->prov->xargs(p, xargs) : 0;
	bool known;

	p->prov->arg_type(p, 0, &count, &known);
	if (presented)
		count = presented;
	fprintf(f, "\n\tArgument Types\n");
	if (!known || !count)
		fprintf(f, "\t\tNone\n");
	for (uint32_t i = 0, n = count; known && i < n; i++) {
		const struct dv_type *type = p->prov->arg_type(p, presented ? xargs[i].native : i, &count, &known);
		char buf[256];

		fprintf(f, "\t\targs[%u]: %s\n", i,
			presented && xargs[i].type ? xargs[i].type : type ? dv_type_name(type, buf, sizeof(buf)) : "?");
	}
	fputc('\n', f);
}

static int by_id(const void *a, const void *b)
{
	const struct dv_probe *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void print_probes(FILE *f, struct dv_probe *p, size_t count, bool verbose)
{
	uint32_t last = 0;

	if (count)
		qsort(p, count, sizeof(*p), by_id);
	for (size_t i = 0; i < count; i++) {
		if (p[i].id == last)
			continue;
		last = p[i].id;
		fprintf(f, "%6u %10s %10s %17s %33s %s\n", p[i].id, p[i].machine ? p[i].machine->name : "host",
			dv_probe_provname(&p[i]), p[i].mod, p[i].func, p[i].name);
		if (verbose)
			print_types(f, &p[i]);
	}
}

static struct dv_error *match_all(struct dv_tracer *t, const struct dv_probe_desc *d)
{
	const struct dv_tmachine *tm;

	dv_probes_match(NULL, d, &t->probes);
	DV_EACH_MACHINE(t, tm)
		dv_probes_match(tm->m, d, &t->probes);
	return NULL;
}

// Are two reasons the same but for offsets in a function?
static bool same_reason(const char *a, const char *b)
{
	for (;; a++, b++) {
		if (!strncmp(a, "+0x", 3) && !strncmp(b, "+0x", 3)) {
			a += 3 + strspn(a + 3, "0123456789abcdef");
			b += 3 + strspn(b + 3, "0123456789abcdef");
		}
		if (*a != *b)
			return false;
		if (!*a)
			return true;
	}
}

// What there is not, and why: one line each when they are few, else how many for each reason, and the first.
static void print_refused(FILE *f, const struct dv_probe_set *set)
{
	struct kind {
		const struct dv_probe_refused *first;
		size_t count;
	};
	DV_VEC(struct kind) kinds = {0};
	bool few = set->refused.count <= DV_REFUSED_KEPT;

	for (size_t i = 0; i < set->refused.count; i++) {
		const struct dv_probe_refused *r = &set->refused.data[i];
		struct kind *k = NULL;

		for (size_t n = 0; n < kinds.count && !few && !k; n++) {
			const struct dv_probe_refused *o = kinds.data[n].first;

			if (o->machine == r->machine && !strcmp(o->prov, r->prov) && !strcmp(o->name, r->name) &&
			    same_reason(o->why, r->why))
				k = &kinds.data[n];
		}
		if (!k) {
			k = DV_PUSH(&kinds);
			k->first = r;
		}
		k->count++;
	}
	for (size_t n = 0; n < kinds.count; n++) {
		const struct dv_probe_refused *r = kinds.data[n].first;

		fprintf(f, "%6s %10s %10s %17s %33s %s: %s\n", "-", r->machine->name, r->prov, r->mod, r->func, r->name, r->why);
		if (kinds.data[n].count > 1)
			fprintf(f, "\tand %zu more in the same way\n", kinds.data[n].count - 1);
	}
	DV_VEC_FREE(&kinds);
}

struct dv_error *dv_tracer_list(struct dv_tracer *t, FILE *f, bool verbose, struct dv_diag *diag)
{
	struct dv_error *e = dv_tracer_find(t, !dv_script_clause_count(t->script) || dv_host_wanted(t));
	struct dv_probe_desc d;
	bool bad = false;

	if (e)
		return e;
	t->probes.keep_refused = verbose;
	if (!dv_script_clause_count(t->script)) {
		e = dv_probe_desc_parse(":::", &d);
		if (e)
			return e;
		e = match_all(t, &d);
		dv_probe_desc_deinit(&d);
	}
	for (uint32_t n = 0; !e && n < dv_script_clause_count(t->script); n++) {
		struct dv_clause *c = dv_script_clause(t->script, n);

		for (uint32_t i = 0; i < c->pdesc_count; i++) {
			size_t from = t->probes.probes.count;
			struct dv_error *pe = dv_probe_desc_parse(c->pdescs[i].text, &d);
			char why[512] = "";

			if (!pe) {
				pe = match_all(t, &d);
				if (t->probes.probes.count == from)
					dv_probes_why_not(&t->probes, &d, why, sizeof(why));
				dv_probe_desc_deinit(&d);
			}
			if (pe || (t->probes.probes.count == from && !t->opts.zdefs)) {
				dv_script_diag(t->script, diag, c->pdescs[i].loc, n,
					       pe ? "D_PDESC_INVAL" : "D_PDESC_ZERO",
					       pe     ? "invalid probe description %s: %s"
					       : *why ? "probe description %s does not match any probes: %s"
						      : "probe description %s does not match any probes%s",
					       c->pdescs[i].text, pe ? pe->msg : why);
				dv_error_destroy(pe);
				bad = true;
			}
		}
	}
	if (e)
		return e;
	if (t->probes.probes.count || !bad) {
		fprintf(f, "%6s %10s %10s %17s %33s %s\n", "ID", "MACHINE", "PROVIDER", "MODULE", "FUNCTION", "NAME");
		print_probes(f, t->probes.probes.data, t->probes.probes.count, verbose);
		if (verbose)
			print_refused(f, &t->probes);
	}
	t->probes.probes.count = 0;
	return bad ? dv_error_create(DV_ERR_SYNTAX, "no probes") : NULL;
}

static const char *state_name(const struct dv_machine *m)
{
	switch (m->state) {
	case DV_MACHINE_FOUND:
	case DV_MACHINE_GONE:
		return "no";
	case DV_MACHINE_WAITING:
		return "waiting";
	case DV_MACHINE_READY:
		return "ready";
	}
	return "?";
}

static void ps_line(FILE *f, const struct dv_machine *m, bool verbose)
{
	static const struct {
		uint32_t cap;
		const char *name;
	} caps[] = {
	    {DV_CAP_FBT, "fbt"},       {DV_CAP_SYSCALL | DV_CAP_SYSTRACE, "syscall"}, {DV_CAP_TYPES, "types"},
	    {DV_CAP_MEMORY, "memory"}, {DV_CAP_BLOCK, "block"},	    {DV_CAP_TRACEPOINT, "tracepoint"},
	    {DV_CAP_UPROBE, "uprobe"}, {DV_CAP_PROFILE, "profile"},	  {DV_CAP_WRITE, "copyout"},
	    {DV_CAP_SIGNAL, "raise"},  {DV_CAP_WAIT, "chill"},	    {DV_CAP_VTIME, "vtimestamp"},
	};
	char what[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < DV_COUNT(caps); i++)
		if (m->caps & caps[i].cap)
			used +=
			    (size_t)snprintf(what + used, sizeof(what) - used, "%s%s", used ? "," : "", caps[i].name);
	fprintf(f, "%-16s %-8s %-8s %5u  %-30s %s\n", m->name, m->backend ? m->backend : "-", state_name(m), m->vcpus,
		m->guest ? dv_guest_release(m->guest) : "-", *what ? what : "-");
	if (!verbose)
		return;
	if (m->detail[0])
		fprintf(f, "    %s\n", m->detail);
	if (m->guest && dv_guest_build_id(m->guest)[0])
		fprintf(f, "    build id %s%s\n", dv_guest_build_id(m->guest),
			dv_guest_from_cache(m->guest) ? " (cached)" : "");
	if (m->guest && !dv_guest_has_types(m->guest))
		fprintf(f, "    no types: %s\n", dv_guest_no_types(m->guest));
	if (m->why[0])
		fprintf(f, "    cannot be traced%s: %s\n", m->state == DV_MACHINE_WAITING ? " yet" : "", m->why);
}

struct dv_error *dv_tracer_ps(FILE *f, bool verbose)
{
	const struct dv_tmachine *tm;
	const struct dv_machine *local;
	struct dv_tracer *t;
	struct dv_error *e = dv_tracer_create(&t);

	if (e)
		return e;
	e = dv_tracer_find(t, true);
	// Most users cannot trace the host: that is told to those who ask.
	local = !e && verbose ? t->local : NULL;
	if (!e && (local || t->machines.data[0]->m || t->machines.count + t->unusable.count > 1)) {
		fprintf(f, "%-16s %-8s %-8s %5s  %-30s %s\n", "MACHINE", "KIND", "STATE", "VCPUS", "KERNEL", "CAN");
		if (local)
			ps_line(f, local, verbose);
		DV_EACH_MACHINE(t, tm)
			ps_line(f, tm->m, verbose);
		for (size_t i = 0; i < t->unusable.count; i++)
			ps_line(f, t->unusable.data[i], verbose);
	} else if (!e) {
		fprintf(stderr, "dvirt: no machine can be traced now\n"
				"hint: start a guest with 'qemu-system-x86_64 ... $(dvirt qemu-args NAME)'\n");
	}
	dv_tracer_destroy(t);
	return e;
}

struct dv_error *dv_tracer_clean(void (*fn)(void *ctx, const char *text), void *ctx)
{
	struct dv_error *e = NULL;

	for (size_t i = 0; dv_backends[i] && !e; i++)
		if (dv_backends[i]->clean)
			e = dv_backends[i]->clean(fn, ctx);
	return e;
}
