/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record: the heading columns, then what each of its actions says, then, unless quiet, the end of the line. The
 * record's fields were checked for their bounds when they were decoded; when one is missing the record is spoilt, and
 * the rest of it is left out.
 */
#include <string.h>

#include "base/mem.h"
#include "output/out.h"

#define COLUMNS 44 // of the heading, without the machine's
#define MACHINE_COLUMNS 11

static void heading(struct dv_output *o, const struct dv_out_probe *p)
{
	char *func, *name, *machine;
	char *both;

	if (!o->flow_heading_done) {
		if (p->several)
			fprintf(o->f, "%-10s ", "MACHINE");
		fprintf(o->f, "%3s %6s %32s\n", "CPU", "ID", "FUNCTION:NAME");
		o->flow_heading_done = true;
	}
	func = out_escape(p->func, strlen(p->func));
	name = out_escape(p->name, strlen(p->name));
	if (p->several) {
		machine = out_escape(p->machine, strlen(p->machine));
		fprintf(o->f, "%-10s ", machine);
		free(machine);
	}
	both = dv_xasprintf("%s:%s", func, name);
	fprintf(o->f, "%3u %6u %32s ", p->cpu, p->id, both);
	free(both);
	free(func);
	free(name);
}

/** Fields of a record, in order, as a format takes them. */
struct field_args {
	struct out_args args;
	struct dv_cursor *cur;
	const struct dv_field *field;
	uint32_t left;
};

static bool next_field(struct out_args *a, struct dv_value *v, const struct dv_type **type)
{
	struct field_args *f = (struct field_args *)a;

	if (!f->left)
		return false;
	f->left--;
	*type = f->field->type;
	return (f->field++)->kind == DV_FIELD_INT ? dv_cursor_int(f->cur, v) : dv_cursor_bytes(f->cur, v);
}

static void trace_int(struct dv_output *o, const struct dv_type *type, uint64_t v)
{
	unsigned size;
	bool sgn;

	out_type_int(type, &size, &sgn);
	if (o->rawbytes) {
		uint8_t bytes[8];

		memcpy(bytes, &v, sizeof(bytes));
		out_bytes(o->f, bytes, size);
		return;
	}
	if (sgn) {
		static const int width[] = {[1] = 3, [2] = 5, [4] = 10, [8] = 19};
		long long i = (int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size);

		if (o->quiet)
			fprintf(o->f, "%lld", i);
		else
			fprintf(o->f, " %*lld", width[size], i);
	} else {
		static const int width[] = {[1] = 3, [2] = 5, [4] = 10, [8] = 20};
		unsigned long long u = v << (64 - 8 * size) >> (64 - 8 * size);

		if (o->quiet)
			fprintf(o->f, "%llu", u);
		else
			fprintf(o->f, " %*llu", width[size], u);
	}
}

/** Bytes of which nobody said that they are text, but which look like it: dtrace shows them as such. */
static bool is_text(const char *bytes, size_t size)
{
	size_t n = strnlen(bytes, size);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (!(c >= ' ' && c <= '~') && !(c >= '\a' && c <= '\r'))
			return false;
	}
	for (size_t i = n; i < size; i++)
		if (bytes[i])
			return false;
	return n > 0;
}

static bool do_trace(struct dv_output *o, struct field_args *fa)
{
	const struct dv_type *type;
	struct dv_value v;
	bool str = fa->left && fa->field->kind == DV_FIELD_STR;
	size_t n;

	if (!next_field(&fa->args, &v, &type))
		return false;
	if (v.kind == DV_VALUE_INT) {
		trace_int(o, type, v.i);
	} else if (out_is_float(type) && !o->rawbytes) {
		fputs(o->quiet ? "" : "  ", o->f);
		out_float(o->f, NULL, 0, 0, &v);
	} else if (!o->rawbytes && (str || is_text(v.bytes, v.size))) {
		n = strnlen(v.bytes, v.size);
		if (o->quiet) {
			out_data(o->f, v.bytes, n, 0, false);
		} else {
			fputs("  ", o->f);
			out_data(o->f, v.bytes, n, 33, true);
		}
	} else {
		out_bytes(o->f, (const uint8_t *)v.bytes, v.size);
	}
	return true;
}

static bool do_stack(struct dv_output *o, struct field_args *fa)
{
	const struct dv_type *type;
	struct dv_value v;

	if (!next_field(&fa->args, &v, &type))
		return false;
	out_stack(o, &v, fa->args.machine);
	return true;
}

static bool do_print(struct dv_output *o, struct field_args *fa, const struct dv_out_probe *probe)
{
	const struct dv_type *type;
	bool mem;
	struct dv_value v;
	uint64_t addr;
	bool have_addr = fa->left == 2;
	unsigned indent = 0;

	if (have_addr) {
		if (!next_field(&fa->args, &v, &type))
			return false;
		addr = v.i;
	}
	// Behind an address as DTrace has it; a value by itself begins at the left unless the columns stand there.
	if (have_addr || !o->quiet)
		indent = COLUMNS + (probe->several ? MACHINE_COLUMNS : 0);
	mem = fa->left && fa->field->kind == DV_FIELD_MEM;
	if (!next_field(&fa->args, &v, &type))
		return false;
	if (mem)
		out_print(o, type, (const uint8_t *)v.bytes, v.size, have_addr ? &addr : NULL, indent);
	else
		out_print_value(o, type, &v);
	return true;
}

/** A number for clear(), trunc() and their like; @p fallback when none was recorded. */
static bool number(struct field_args *fa, uint64_t fallback, uint64_t *ret)
{
	const struct dv_type *type;
	struct dv_value v;

	*ret = fallback;
	if (!fa->left)
		return true;
	if (!next_field(&fa->args, &v, &type) || v.kind != DV_VALUE_INT)
		return false;
	*ret = v.i;
	return true;
}

static bool do_tracemem(struct dv_output *o, struct field_args *fa)
{
	const struct dv_type *type;
	struct dv_value v;
	uint64_t show;

	if (!next_field(&fa->args, &v, &type) || v.kind != DV_VALUE_BYTES || !number(fa, v.size, &show))
		return false;
	out_bytes(o->f, (const uint8_t *)v.bytes, show < v.size ? show : v.size);
	return true;
}

static bool do_text(struct dv_output *o, const struct dv_action *a, struct field_args *fa)
{
	char *text = out_text(o, a, &fa->args);

	if (text && a->kind == DV_ACT_SYSTEM)
		out_system(o, text);
	else if (text)
		out_freopen(o, text);
	free(text);
	return true;
}

static bool do_setopt(struct dv_output *o, struct field_args *fa)
{
	const struct dv_type *type;
	struct dv_value v;
	char *text[2] = {NULL, NULL};
	bool ok = fa->left > 0;

	for (int i = 0; ok && i < 2 && fa->left; i++) {
		ok = next_field(&fa->args, &v, &type) && v.kind == DV_VALUE_BYTES;
		if (ok)
			text[i] = dv_xstrndup(v.bytes, strnlen(v.bytes, v.size));
	}
	if (ok)
		out_setopt(o, text[0], text[1]);
	free(text[0]);
	free(text[1]);
	return ok;
}

static bool do_action(struct dv_output *o, struct dv_consumer *c, const struct dv_action *a, struct field_args *fa,
		      const struct dv_out_probe *probe, int *exit_status, bool *exits)
{
	uint64_t n;

	switch (a->kind) {
	case DV_ACT_DEFAULT:
		return true;
	case DV_ACT_TRACEMEM:
		return do_tracemem(o, fa);
	case DV_ACT_SYSTEM:
	case DV_ACT_FREOPEN:
		return do_text(o, a, fa);
	case DV_ACT_FTRUNCATE:
		out_ftruncate(o);
		return true;
	case DV_ACT_SETOPT:
		return do_setopt(o, fa);
	case DV_ACT_PRINTF:
		return out_format(o, a->convs, a->conv_count, &fa->args);
	case DV_ACT_TRACE:
	case DV_ACT_STACK:
		return fa->left && fa->field->kind == DV_FIELD_STACK ? do_stack(o, fa) : do_trace(o, fa);
	case DV_ACT_PRINT:
		return do_print(o, fa, probe);
	case DV_ACT_PRINTA:
		out_printa(o, c, a, fa->args.machine);
		return true;
	case DV_ACT_EXIT:
		if (!number(fa, 0, &n))
			return false;
		*exit_status = (int)n;
		*exits = true;
		return true;
	default:
		break;
	}
	if (a->agg_count != 1 || !number(fa, a->kind == DV_ACT_NORMALIZE ? 1 : 0, &n))
		return false;
	if (a->kind == DV_ACT_CLEAR)
		dv_aggs_clear(c, a->aggs[0]->id);
	else if (a->kind == DV_ACT_TRUNC)
		out_trunc(o, c, a->aggs[0], (int64_t)n);
	else
		dv_aggs_normalize(c, a->aggs[0]->id, a->kind == DV_ACT_NORMALIZE && n ? n : 1);
	return true;
}

/** A record while it is printed. */
struct record {
	struct dv_output *o;
	struct dv_consumer *c;
	const struct dv_program *p;
	const struct dv_out_probe *probe;
	struct dv_cursor cur;
	uint32_t machine;
	int *exit_status;
	bool exits;
	bool headed; /**< the heading columns are out: something is recorded */
	bool quiet;  /**< as it was when the record began: a setopt() in it holds from the next one on */
	bool flow;
};

static struct field_args fields_of(struct record *r, const struct dv_action *a)
{
	return (struct field_args){.args = {.next = next_field, .machine = r->machine},
				   .cur = &r->cur,
				   .field = r->p->fields + a->field,
				   .left = a->field_count};
}

/** Actions [i, end). False: the record is spoilt. */
static bool do_actions(struct record *r, uint32_t i, uint32_t end)
{
	while (i < end) {
		const struct dv_action *a = &r->p->actions[i++];
		struct field_args fa = fields_of(r, a);
		uint64_t taken;

		if (a->kind == DV_ACT_IF) {
			if (a->then_count > end - i || a->else_count > end - i - a->then_count || !number(&fa, 0, &taken))
				return false;
			if (!do_actions(r, taken ? i : i + a->then_count,
					i + a->then_count + (taken ? 0 : a->else_count)))
				return false;
			i += a->then_count + a->else_count;
			continue;
		}
		if (!r->headed && r->flow)
			out_flow_begin(r->o, r->probe);
		else if (!r->headed && !r->quiet)
			heading(r->o, r->probe);
		r->headed = true;
		if (!do_action(r->o, r->c, a, &fa, r->probe, r->exit_status, &r->exits))
			return false;
	}
	return true;
}

bool dv_output_record(struct dv_output *o, struct dv_consumer *c, const struct dv_program *p,
		      const struct dv_out_probe *probe, const struct dv_event *e, int *exit_status)
{
	struct record r = {.o = o,
			   .c = c,
			   .p = p,
			   .probe = probe,
			   .cur = e->data,
			   .machine = e->machine,
			   .exit_status = exit_status,
			   .quiet = o->quiet,
			   .flow = o->flow};
	struct dv_value name;

	// Which speculation it was, if any: of no interest here.
	if (p->speculates && !dv_cursor_int(&r.cur, &name))
		return false;
	do_actions(&r, 0, p->action_count);
	if (r.headed && r.flow)
		out_flow_end(o, probe);
	if (r.headed && !r.quiet)
		fputc('\n', o->f);
	return r.exits;
}
