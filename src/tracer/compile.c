// SPDX-License-Identifier: GPL-2.0-or-later
//
// From clauses to programs. Each clause is matched against each machine's probes; where it matches, it is checked
// against that machine's types and code is made: once for the machine, or, when the clause uses args[], once for each
// set of argument types among its probes. Clauses outside, machines inside: so the first use of a variable in the
// script's order gives it its type, whichever machine the clause is for.
#include "tracer/impl.h"

#include <string.h>

#include "probe/stable.h"

struct env {
	struct dv_tracer *t;
	struct dv_tmachine *tm;
	const struct dv_probe *probe; // the one that stands for all of its group; NULL: ERROR
};

static const struct dv_type *env_arg(void *ctx, uint32_t n)
{
	struct env *e = ctx;
	uint32_t count;
	bool known;

	return e->probe ? e->probe->prov->arg_type(e->probe, n, &count, &known) : NULL;
}

static const char *env_arg_text(void *ctx, uint32_t n)
{
	return dv_probe_arg_text(((struct env *)ctx)->probe, n);
}

static struct dv_universe *types_of(struct dv_tmachine *tm)
{
	struct dv_universe *u = tm->m && tm->m->guest ? dv_guest_types(tm->m->guest) : NULL;

	return u ? u : tm->index ? dv_universe_base() : dv_host_types(tm->t);
}

static struct dv_universe *env_machine(void *ctx, const char *name, uint32_t *index)
{
	struct env *e = ctx;
	struct dv_tmachine *tm;

	dv_guests_open(e->t);
	tm = dv_tmachine_by_name(e->t, name);
	if (!tm || (!tm->index && !dv_host_open(e->t)))
		return NULL;
	*index = tm->index;
	return types_of(tm);
}

// What clauses may do to a machine. dvirt's own hold up nobody but dvirt.
static uint32_t can(const struct dv_tracer *t, const struct dv_tmachine *tm)
{
	uint32_t caps = tm == t->own || !tm->m ? (uint32_t)(DV_CAP_WAIT | DV_CAP_VTIME) : tm->m->caps;

	return (t->opts.destructive ? DV_CAN_DESTROY : 0u) | (caps & DV_CAP_WRITE ? DV_CAN_WRITE : 0u) |
	       (caps & DV_CAP_SIGNAL ? DV_CAN_SIGNAL : 0u) | (caps & DV_CAP_WAIT ? DV_CAN_WAIT : 0u) |
	       (caps & DV_CAP_VTIME ? DV_CAN_VTIME : 0u);
}

// Check and generate; the program's index in the machine's list. False after diagnostics.
static bool make_program(struct dv_tracer *t, struct dv_tmachine *tm, const struct dv_clause *c,
			 const struct dv_probe *probe, struct dv_diag *diag, uint32_t *ret)
{
	struct env e = {.t = t, .tm = tm, .probe = probe};
	char name[512] = "dtrace:::ERROR";
	struct dv_xarg xargs[DV_XARGS_MAX];
	struct dv_check_env env = {
	    .types = types_of(tm),
	    .strsize = (uint32_t)t->opts.strsize,
	    .stackframes = (uint32_t)t->opts.stackframes,
	    .ustackframes = (uint32_t)t->opts.ustackframes,
	    .jstackframes = (uint32_t)t->opts.jstackframes,
	    .maxframes = (uint32_t)t->opts.maxframes,
	    .arg_type = env_arg,
	    .machine = env_machine,
	    .ctx = &e,
	    .probe = name,
	    .machine_name = tm->name,
	    .can = can(t, tm),
	};
	struct dv_clause *typed;
	struct dv_program *prog;
	struct dv_error *err;
	struct dv_loc at;

	if (probe) {
		probe->prov->arg_type(probe, 0, &env.arg_count, &env.typed_args);
		env.guard = dv_probe_guard(probe);
		env.arg_text = probe->row ? env_arg_text : NULL;
		env.xarg_count = probe->prov->xargs ? probe->prov->xargs(probe, xargs) : 0;
		env.xargs = env.xarg_count ? xargs : NULL;
		env.provider = dv_probe_provname(probe);
		env.name = probe->name;
		snprintf(name, sizeof(name), "%s:%s:%s:%s:%s", tm->name, dv_probe_provname(probe), probe->mod, probe->func,
			 probe->name);
	}
	if (!dv_check_clause(t->script, c, &env, diag, &t->arena, &typed))
		return false;
	err = dv_codegen(typed, (uint32_t)t->opts.strsize, t->consts, &prog, &at);
	if (err) {
		dv_script_diag(t->script, diag, at.line ? at : c->loc, c->index, "D_CODEGEN", "%s", err->msg);
		dv_error_destroy(err);
		return false;
	}
	*DV_PUSH(&t->progs) = prog;
	*ret = (uint32_t)tm->progs.count;
	*DV_PUSH(&tm->progs) = prog;
	return true;
}

static uint32_t new_epid(struct dv_tracer *t, const struct dv_tmachine *tm, const struct dv_probe *p, uint32_t prog)
{
	struct dv_enabling *e;

	if (!t->enablings.count)
		(void)DV_PUSH(&t->enablings); // 0 means nothing
	e = DV_PUSH(&t->enablings);
	e->machine = tm->index;
	e->probe = p->id;
	e->prov = dv_probe_provname(p);
	e->mod = p->mod;
	e->func = p->func;
	e->name = p->name;
	e->prog = tm->progs.data[prog];
	return (uint32_t)t->enablings.count - 1;
}

// Programs of one clause on one machine, by the argument types that they were made for.
struct group {
	const void *key;
	uint32_t prog;
};

static int by_key(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct group *)a)->key, y = (uintptr_t)((const struct group *)b)->key;

	return (x > y) - (x < y);
}

struct groups {
	DV_VEC(struct group) v; // sorted
};

static const struct group *find_group(const struct groups *g, const void *key)
{
	struct group k = {.key = key};

	return g->v.count ? bsearch(&k, g->v.data, g->v.count, sizeof(k), by_key) : NULL;
}

// Probes with the same args[]: what a script or library declares of them comes before what the provider says.
static const void *arg_group(struct dv_tracer *t, const struct dv_probe *p)
{
	const void *declared = p->row ? NULL : dv_script_args_declared(t->script, dv_probe_provname(p), p->name);

	return declared ? declared : p->prov->arg_group(p);
}

// dtrace:::ERROR stands for faults on every machine.
static bool is_error(const struct dv_probe_desc *d, const char *machine)
{
	return dv_probe_desc_machine(d, machine) && !*d->part[DV_PART_MOD] && !*d->part[DV_PART_FUNC] &&
	       (d->id ? d->id == DV_ID_ERROR
		      : dv_glob(d->part[DV_PART_PROV], "dtrace") && dv_glob(d->part[DV_PART_NAME], "ERROR"));
}

static void note_needs(struct dv_tmachine *tm, const struct dv_probe *p)
{
	size_t i = 0;

	if (!p->row || !p->row->needs)
		return;
	while (i < tm->needs.count && tm->needs.data[i] != p->row)
		i++;
	if (i == tm->needs.count)
		*DV_PUSH(&tm->needs) = p->row;
}

// Does a probe in use need this hidden one?
static bool needed(const struct dv_tmachine *tm, const struct dv_probe_desc *hidden)
{
	bool yes = false;

	for (size_t i = 0; i < tm->needs.count && !yes; i++)
		yes = dv_stable_needs(tm->needs.data[i], hidden->part[DV_PART_NAME]);
	return yes;
}

static void add_plan(struct dv_tracer *t, struct dv_tmachine *tm, const struct dv_probe *p, uint32_t prog,
		     uint32_t order, bool names, bool error)
{
	struct dv_plan *plan, *last = NULL;

	if (error) {
		plan = DV_PUSH(&tm->errors);
	} else {
		plan = DV_PUSH(&tm->plans);
		last = tm->plans.count > 1 ? plan - 1 : NULL;
	}
	plan->probe = *p;
	plan->prog = prog;
	plan->order = order;
	plan->names = names;
	// Places of one probe share their enabling.
	plan->epid = last && last->probe.id == p->id && last->order == order && last->prog == prog
			 ? last->epid
			 : new_epid(t, tm, p, prog);
}

// Compile one clause for one machine. *matched: probes (not places) that its descriptions match there.
static bool compile_clause(struct dv_tracer *t, struct dv_tmachine *tm, struct dv_clause *c,
			   const struct dv_probe_desc *descs, struct dv_diag *diag, uint32_t *matched,
			   uint32_t *by_desc)
{
	bool uses_args = dv_clause_uses_args(c), names = dv_clause_uses_probe_names(c), ok = true;
	struct groups groups = {0};
	uint32_t error_prog = UINT32_MAX;

	*matched = 0;
	for (uint32_t i = 0; i < c->pdesc_count && ok; i++) {
		uint32_t order = c->index * 1000u + i, last_id = 0;
		size_t from = t->probes.probes.count;

		if (c->index >= t->own_clauses && !needed(tm, &descs[i]))
			continue;
		if (is_error(&descs[i], tm->name)) {
			static const struct dv_probe error = {
			    .prov = &dv_prov_dtrace, .mod = "", .func = "", .name = "ERROR", .id = DV_ID_ERROR};

			if (error_prog == UINT32_MAX && !make_program(t, tm, c, NULL, diag, &error_prog)) {
				ok = false;
				break;
			}
			add_plan(t, tm, &error, error_prog, order, names, true);
			by_desc[i] += tm == t->own;
			*matched += tm == t->own;
		}
		dv_probes_match(tm->m, &descs[i], &t->probes);
		for (size_t k = from; k < t->probes.probes.count && ok; k++) {
			struct dv_probe p = t->probes.probes.data[k];
			const void *key = uses_args || p.row ? arg_group(t, &p) : NULL;
			const struct group *g;

			if (!p.machine && p.id == DV_ID_ERROR)
				continue;
			if (p.id != last_id) {
				last_id = p.id;
				by_desc[i]++;
				++*matched;
			}
			g = find_group(&groups, key);
			if (!g) {
				struct group n = {.key = key};

				ok = make_program(t, tm, c, &p, diag, &n.prog);
				if (!ok)
					break;
				*DV_PUSH(&groups.v) = n;
				qsort(groups.v.data, groups.v.count, sizeof(n), by_key);
				g = find_group(&groups, key);
			}
			add_plan(t, tm, &p, g->prog, order, names, false);
			note_needs(tm, &p);
		}
		// The rows were copied; their strings live in the set's arena.
		t->probes.probes.count = from;
	}
	DV_VEC_FREE(&groups.v);
	return ok;
}

static bool parse_descs(struct dv_tracer *t, const struct dv_clause *c, struct dv_diag *diag,
			struct dv_probe_desc **ret)
{
	struct dv_probe_desc *d = dv_xcalloc(c->pdesc_count, sizeof(*d));

	for (uint32_t i = 0; i < c->pdesc_count; i++) {
		struct dv_error *e = dv_probe_desc_parse(c->pdescs[i].text, &d[i]);

		if (e) {
			dv_script_diag(t->script, diag, c->pdescs[i].loc, c->index, "D_PDESC_INVAL",
				       "invalid probe description '%s': %s", c->pdescs[i].text, e->msg);
			dv_error_destroy(e);
			while (i-- > 0)
				dv_probe_desc_deinit(&d[i]);
			free(d);
			return false;
		}
	}
	*ret = d;
	return true;
}

static void free_descs(struct dv_probe_desc *d, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		dv_probe_desc_deinit(&d[i]);
	free(d);
}

// Why a description matches nothing, or what may have been meant: the end of a sentence, "" if nothing is known.
static void why_unmatched(struct dv_tracer *t, const struct dv_probe_desc *d, char *buf, size_t size)
{
	const char *no_host = t->local ? t->local->why : "", *prov = d->part[DV_PART_PROV];
	const struct dv_machine *cannot = NULL;
	const struct dv_tmachine *tm;
	char near[256], why[512], foreign[256], list[256] = "";
	bool machine = dv_probe_desc_machine(d, "host"), as_provider = !strcmp(prov, "host");
	size_t used = 0, open = 0;

	DV_EACH_MACHINE(t, tm) {
		open++;
		machine |= dv_probe_desc_machine(d, tm->name);
		as_provider |= !strcmp(prov, tm->name);
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", tm->name);
	}
	for (size_t k = 0; k < t->unusable.count; k++) {
		const struct dv_machine *m = t->unusable.data[k];

		as_provider |= !strcmp(prov, m->name);
		if (!cannot && *m->why && dv_probe_desc_machine(d, m->name))
			cannot = m;
	}
	dv_probes_nearest(&t->probes, d, near, sizeof(near));
	dv_probes_why_not(&t->probes, d, why, sizeof(why));
	dv_probe_foreign(d, foreign, sizeof(foreign));
	buf[0] = '\0';
	if (as_provider && !d->machine_given)
		snprintf(buf, size, ": %s is a machine, and a description with a machine has five parts", prov);
	else if (*foreign)
		snprintf(buf, size, ": %s", foreign);
	else if (*no_host && !strcmp(d->part[DV_PART_MACHINE], "host") && dv_probe_desc_kernel(d))
		snprintf(buf, size, ": the host cannot be traced: %s", no_host);
	else if (cannot && !d->id && (!open || !machine))
		snprintf(buf, size, ": %s cannot be traced%s: %s%s", cannot->name, cannot->state == DV_MACHINE_WAITING ? " yet" : "",
			 cannot->why, cannot->state == DV_MACHINE_WAITING ? "; -Z waits for it" : "");
	else if (!machine && *list)
		snprintf(buf, size, ": there is no machine '%s', only %s", d->part[DV_PART_MACHINE], list);
	else if (*why)
		snprintf(buf, size, ": %s", why);
	else if (!dv_probe_desc_provider(d))
		snprintf(buf, size, ": there is no provider '%s'%s%s%s", prov,
			 *near ? "; did you mean " : ", and with a machine a description has five parts", near, *near ? "?" : "");
	else if (*near)
		snprintf(buf, size, "; did you mean %s?", near);
	else if (!open && !d->id && t->only.count)
		snprintf(buf, size, ": no machine that can be traced now is named %s", t->only.data[0]);
	else if (!open && !d->id)
		snprintf(buf, size, ": no guest can be traced now; 'dvirt qemu-args' makes one traceable, 'dvirt ps -v' says why one is "
			 "not%s%s", *no_host && machine ? "; nor the host: " : "", machine ? no_host : "");
}

static void unmatched(struct dv_tracer *t, const struct dv_clause *c, uint32_t i, const struct dv_probe_desc *d,
		      struct dv_diag *diag)
{
	char why[1024];

	why_unmatched(t, d, why, sizeof(why));
	dv_script_diag(t->script, diag, c->pdescs[i].loc, c->index, "D_PDESC_ZERO", "probe description %s does not match any probes%s",
		       c->pdescs[i].text, why);
}

static bool may_mean(struct dv_tracer *t, const struct dv_provider *prov)
{
	bool yes = false;

	for (uint32_t n = 0; n < t->own_clauses; n++) {
		const struct dv_clause *c = dv_script_clause(t->script, n);

		for (uint32_t i = 0; i < c->pdesc_count && !yes; i++) {
			struct dv_probe_desc d;
			struct dv_error *e = dv_probe_desc_parse(c->pdescs[i].text, &d);

			if (e) {
				dv_error_destroy(e); // told where it is used
				continue;
			}
			yes = dv_provider_meant(prov, &d);
			dv_probe_desc_deinit(&d);
		}
	}
	return yes;
}

// The clauses of hidden probes.
static struct dv_error *add_hidden(struct dv_tracer *t, struct dv_diag *diag)
{
	struct dv_error *e = NULL;

	t->own_clauses = dv_script_clause_count(t->script);
	for (size_t i = 0; dv_providers[i] && !e; i++) {
		const struct dv_source src = {.name = dv_providers[i]->name, .text = dv_providers[i]->hidden, .target = -1};

		if (src.text && may_mean(t, dv_providers[i]))
			e = dv_script_parse(t->script, &src, diag);
	}
	return e;
}

struct dv_error *dv_tracer_compile(struct dv_tracer *t, struct dv_diag *diag)
{
	struct dv_tmachine *tm;
	bool ok = true;
	struct dv_error *e;

	if (t->cost.on)
		dv_cost_begin(t);
	e = dv_tracer_find(t, dv_kernel_wanted(t, "host"), dv_kernel_wanted(t, NULL));
	if (e)
		return e;
	if (t->cost.on)
		dv_cost_found(t);
	diag->errtags = t->opts.errtags;
	e = add_hidden(t, diag);
	if (e)
		return e;
	for (uint32_t n = 0; n < dv_script_clause_count(t->script); n++) {
		struct dv_clause *c = dv_script_clause(t->script, n);
		struct dv_probe_desc *descs;
		uint32_t *by_desc, *total = DV_PUSH(&t->clause_probes);
		uint32_t matched;
		bool fine;

		if (!parse_descs(t, c, diag, &descs)) {
			ok = false;
			continue;
		}
		by_desc = dv_xcalloc(c->pdesc_count, sizeof(*by_desc));
		fine = compile_clause(t, t->own, c, descs, diag, &matched, by_desc);
		*total += matched;
		DV_EACH_MACHINE(t, tm) {
			if (!fine)
				break;
			fine = compile_clause(t, tm, c, descs, diag, &matched, by_desc);
			*total += matched;
		}
		for (uint32_t i = 0; i < c->pdesc_count && fine && !t->opts.zdefs && n < t->own_clauses; i++) {
			if (!by_desc[i]) {
				unmatched(t, c, i, &descs[i], diag);
				fine = false;
			}
		}
		ok &= fine;
		free(by_desc);
		free_descs(descs, c->pdesc_count);
	}
	if (!ok)
		return dv_error_create(DV_ERR_SYNTAX, "the D program was refused");
	t->compiled = true;
	if (t->cost.on)
		dv_cost_compiled(t);
	return NULL;
}

bool dv_compile_machine(struct dv_tracer *t, struct dv_tmachine *tm, struct dv_diag *diag)
{
	bool ok = true;

	tm->plans.count = tm->errors.count = tm->progs.count = tm->needs.count = 0;
	tm->guest = tm->m ? tm->m->guest : NULL;
	for (uint32_t n = 0; n < dv_script_clause_count(t->script) && ok; n++) {
		struct dv_clause *c = dv_script_clause(t->script, n);
		struct dv_probe_desc *descs;
		uint32_t *by_desc, matched;

		if (!parse_descs(t, c, diag, &descs))
			return false;
		by_desc = dv_xcalloc(c->pdesc_count, sizeof(*by_desc));
		ok = compile_clause(t, tm, c, descs, diag, &matched, by_desc);
		free(by_desc);
		free_descs(descs, c->pdesc_count);
	}
	return ok;
}

uint32_t dv_tracer_probe_count(const struct dv_tracer *t)
{
	uint32_t n = 0;

	for (size_t i = 0; i < t->clause_probes.count && i < t->own_clauses; i++)
		n += t->clause_probes.data[i];
	return n;
}

uint32_t dv_tracer_source_probes(const struct dv_tracer *t, uint32_t i)
{
	uint32_t n = 0, from, to;

	if (i >= t->source_end.count)
		return 0;
	from = i ? t->source_end.data[i - 1] : 0;
	to = t->source_end.data[i];
	for (uint32_t k = from; k < to && k < t->clause_probes.count; k++)
		n += t->clause_probes.data[k];
	return n;
}

static void disasm(const struct dv_tmachine *tm, FILE *f)
{
	char line[256];

	for (size_t n = 0; n < tm->progs.count; n++) {
		const struct dv_program *p = tm->progs.data[n];

		fprintf(f, "\nDisassembly of clause %u (line %u) for machine %s, %u instructions\n",
			p->clause->index + 1, p->clause->loc.line, tm->name, p->insn_count);
		for (uint32_t i = 0; i < p->insn_count;) {
			uint32_t slots = dv_disasm(p->insns, p->insn_count, i, line, sizeof(line));

			fprintf(f, "    %s\n", line);
			i += slots ? slots : 1;
		}
	}
}

void dv_tracer_disasm(struct dv_tracer *t, FILE *f)
{
	const struct dv_tmachine *tm;

	disasm(t->own, f);
	DV_EACH_MACHINE(t, tm)
		disasm(tm, f);
}
