/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flowindent: records are indented by the depth of calls on their CPU. A probe named entry, or something-entry, opens
 * a level, one named return closes it. Several clauses of one probe write several records: the first of an entry opens
 * the level, the last of a return closes it, the others stand between.
 */
#include <string.h>

#include "base/mem.h"
#include "output/out.h"

#define FUNCTION_COLUMNS 41
#define INDENT_MAX 4096u

struct out_flow {
	uint32_t indent, last_epid, last_probe;
	bool entry; /**< the record that is printed now opened a level */
};

static struct out_flow *flow_of(struct dv_output *o, uint32_t producer)
{
	if (producer >= DV_PROD_MAX)
		producer = 0;
	if (producer >= o->flow_count) {
		o->flows = dv_xrealloc(o->flows, (producer + 1) * sizeof(*o->flows));
		memset(o->flows + o->flow_count, 0, (producer + 1 - o->flow_count) * sizeof(*o->flows));
		o->flow_count = producer + 1;
	}
	return &o->flows[producer];
}

/** "entry", "function-entry"; not "carpentry". */
static bool is(const char *name, const char *what)
{
	size_t n = strlen(name), k = strlen(what);

	return n >= k && !strcmp(name + n - k, what) && (n == k || name[n - k - 1] == '-');
}

void out_flow_begin(struct dv_output *o, const struct dv_out_probe *p)
{
	struct out_flow *fl = flow_of(o, p->producer);
	bool call = p->prov && !strcmp(p->prov, "syscall"), entry, ret;
	char *func = out_escape(p->func, strlen(p->func)), *name = out_escape(p->name, strlen(p->name)), *text, *machine;
	const char *mark = "| ";

	// The same probe again, from another clause: no new level.
	entry = is(p->name, "entry") && !(fl->last_epid && fl->last_epid != p->epid && fl->last_probe == p->id);
	ret = is(p->name, "return") && !p->more;
	if (entry)
		mark = call ? " => " : " -> ";
	if (ret)
		mark = call ? " <= " : " <- ";
	if (ret && fl->indent)
		fl->indent -= 2;
	if (!o->flow_heading_done) {
		if (p->several)
			fprintf(o->f, "%-10s ", "MACHINE");
		fprintf(o->f, "%3s %-*s\n", "CPU", FUNCTION_COLUMNS, "FUNCTION");
		o->flow_heading_done = true;
	}
	if (p->several) {
		machine = out_escape(p->machine, strlen(p->machine));
		fprintf(o->f, "%-10s ", machine);
		free(machine);
	}
	text = entry || ret ? dv_xasprintf("%*s%s%s", (int)fl->indent, "", mark, func)
			    : dv_xasprintf("%*s%s%s:%s", (int)fl->indent, "", mark, func, name);
	fprintf(o->f, "%3u %-*s ", p->cpu, FUNCTION_COLUMNS, text);
	free(text);
	free(func);
	free(name);
	fl->entry = entry;
	fl->last_epid = p->epid;
	fl->last_probe = p->id;
}

void out_flow_end(struct dv_output *o, const struct dv_out_probe *p)
{
	struct out_flow *fl = flow_of(o, p->producer);

	if (fl->entry && fl->indent < INDENT_MAX)
		fl->indent += 2;
}

void dv_output_deinit(struct dv_output *o)
{
	if (o->first) {
		fclose(o->f);
		o->f = o->first;
		o->first = NULL;
	}
	free(o->flows);
	o->flows = NULL;
	o->flow_count = 0;
}
