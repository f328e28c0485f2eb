// SPDX-License-Identifier: GPL-2.0-or-later
//
// The host's kernel as a machine of the session. To open it costs hundreds of milliseconds (its symbols and types are
// read) and takes privilege, so that waits until something asks for it:
//
//   - a probe description that allows the machine "host" and that probes of a kernel can match. `tick-1s` or BEGIN
//     cannot, they are names of dvirt's own probes;
//   - a clause of dvirt's own probes that names a type, an enumerator or a symbol of the kernel;
//   - host`mod`sym in any clause.
//
// Guests wait likewise, for any clause that can fire in a kernel or names a machine: a script of BEGIN and tick-1s
// alone begins at once, whatever guests there are.
//
// The latter two are found out while a clause is checked: the types that clauses of dvirt's own probes are checked
// against are a universe that stands in for the kernel's and opens it at the first question.
#include "tracer/impl.h"

#include <string.h>

static struct dv_universe *kernel(void *ctx);

bool dv_host_open(struct dv_tracer *t)
{
	struct dv_machine *m = t->local;

	if (t->machines.data[0]->m)
		return true;
	if (!m || m->why[0])
		return false;
	dv_tracer_open(t, m);
	if (m->state != DV_MACHINE_READY) {
		if (!m->why[0])
			snprintf(m->why, sizeof(m->why), "its kernel was not recognised");
		return false;
	}
	t->local = NULL;
	dv_tmachine_open(t, t->machines.data[0], m);
	t->own->universe = t->machines.data[0]->universe;
	if (t->lazy && kernel(t))
		t->lazy->name = kernel(t)->name; // for messages
	return true;
}

bool dv_kernel_wanted(struct dv_tracer *t, const char *machine)
{
	bool wanted = false;

	for (uint32_t n = 0; n < dv_script_clause_count(t->script) && !wanted; n++) {
		const struct dv_clause *c = dv_script_clause(t->script, n);

		for (uint32_t i = 0; i < c->pdesc_count && !wanted; i++) {
			struct dv_probe_desc d;
			struct dv_error *e = dv_probe_desc_parse(c->pdescs[i].text, &d);

			if (e) {
				dv_error_destroy(e); // told where it is used
				continue;
			}
			wanted = (!machine || dv_probe_desc_machine(&d, machine)) && dv_probe_desc_kernel(&d);
			dv_probe_desc_deinit(&d);
		}
	}
	return wanted;
}

/* -- types on demand ---------------------------------------------------------------------------------------------- */

static struct dv_universe *kernel(void *ctx)
{
	struct dv_tracer *t = ctx;

	return dv_host_open(t) && t->machines.data[0]->m->guest ? dv_guest_types(t->machines.data[0]->m->guest) : NULL;
}

static const struct dv_type *find(void *ctx, enum dv_type_kind kind, const char *name, const char *module)
{
	struct dv_universe *u;

	// D's own names mean the same without a kernel.
	if (kind == DV_TYPE_TYPEDEF && !module && dv_type_base_by_name(name))
		return NULL;
	u = kernel(ctx);
	return u && u->ops && u->ops->find ? u->ops->find(u->ctx, kind, name, module) : NULL;
}

static bool find_symbol(void *ctx, const char *module, const char *name, uint64_t *addr, const struct dv_type **type)
{
	struct dv_universe *u = kernel(ctx);

	return u && u->ops && u->ops->find_symbol && u->ops->find_symbol(u->ctx, module, name, addr, type);
}

static bool find_enumerator(void *ctx, const char *name, int64_t *value, const struct dv_type **type)
{
	struct dv_universe *u = kernel(ctx);

	return u && u->ops && u->ops->find_enumerator && u->ops->find_enumerator(u->ctx, name, value, type);
}

struct dv_universe *dv_host_types(struct dv_tracer *t)
{
	static const struct dv_type_source_ops ops = {
	    .find = find, .find_symbol = find_symbol, .find_enumerator = find_enumerator};

	if (t->machines.data[0]->m)
		return kernel(t) ? kernel(t) : dv_universe_base();
	if (!t->local || t->local->why[0])
		return dv_universe_base();
	if (!t->lazy)
		t->lazy = dv_universe_create(0, "of the host", &ops, t);
	return t->lazy;
}
