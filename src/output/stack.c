/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks and addresses by name, to the character as dtrace prints them: a stack begins with a newline, and each frame has
 * a line of its own, 14 columns in. Names are looked up now; what cannot be found is the number.
 */
#include <string.h>

#include "base/mem.h"
#include "output/out.h"

#define INDENT 14

enum form { FORM_OFFSET, FORM_NAME, FORM_MODULE };

static char *address(struct dv_output *o, const struct dv_addr *a, enum form form)
{
	struct dv_addr_name n;
	char *text, *safe;

	n.module[0] = n.symbol[0] = 0;
	n.sym_start = n.base = 0;
	if (o->lookup)
		o->lookup(o->ctx, a, &n);
	if (!n.module[0])
		text = dv_xasprintf("0x%llx", (unsigned long long)a->addr);
	else if (form == FORM_MODULE)
		text = dv_xstrdup(n.module);
	else if (o->noresolve && a->user)
		text = dv_xasprintf("%s:0x%llx", n.module, (unsigned long long)(a->addr - n.base));
	else if (!n.symbol[0])
		text = dv_xasprintf("%s`0x%llx", n.module, (unsigned long long)a->addr);
	else if (form == FORM_OFFSET && a->addr > n.sym_start)
		text = dv_xasprintf("%s`%s+0x%llx", n.module, n.symbol, (unsigned long long)(a->addr - n.sym_start));
	else
		text = dv_xasprintf("%s`%s", n.module, n.symbol);
	safe = out_escape(text, strlen(text));
	free(text);
	return safe;
}

char *out_address(struct dv_output *o, const struct dv_addr *a)
{
	return address(o, a, FORM_OFFSET);
}

static struct dv_addr frame(const struct dv_frames *f, uint32_t i)
{
	return (struct dv_addr){.machine = f->machine,
				.kernel = f->kernel,
				.user = dv_stack_is_user(f->kind),
				.pid = f->pid,
				.start = f->start,
				.addr = f->pc[i]};
}

// A record's machine speaks for its own processes only. (A key says whose it is: the consumer has seen to that.)
static bool take(const struct dv_value *v, uint32_t machine, struct dv_frames *f)
{
	if (!dv_value_frames(v, f))
		return false;
	if (dv_stack_is_user(f->kind) && v->kind == DV_VALUE_BYTES)
		f->machine = machine;
	return true;
}

static void frames(struct dv_output *o, const struct dv_frames *f, unsigned indent, int width, bool left)
{
	fputc('\n', o->f);
	for (uint32_t i = 0; i < f->count && f->pc[i]; i++) {
		struct dv_addr a = frame(f, i);
		char *text = address(o, &a, FORM_OFFSET);

		fprintf(o->f, "%*s", (int)indent, "");
		out_pad(o->f, text, width, left);
		fputc('\n', o->f);
		free(text);
	}
}

static enum form form_of(uint32_t kind, bool format)
{
	if (kind == DV_STACK_MOD || kind == DV_STACK_UMOD)
		return FORM_MODULE;
	return format || kind == DV_STACK_UADDR ? FORM_OFFSET : FORM_NAME;
}

void out_stack(struct dv_output *o, const struct dv_value *v, uint32_t machine)
{
	struct dv_frames f;
	struct dv_addr a;
	char *text;

	if (!take(v, machine, &f))
		return;
	if (f.kind <= DV_STACK_USER) {
		frames(o, &f, o->stackindent_set ? o->stackindent : INDENT, 0, false);
	} else if (f.count) {
		a = frame(&f, 0);
		text = address(o, &a, form_of(f.kind, false));
		fputs("  ", o->f);
		out_pad(o->f, text, f.kind == DV_STACK_MOD ? 24 : 50, true);
		free(text);
	}
}

// As dtrace has it, a width indents a stack that is to the left, and else pads each of its lines.
void out_stack_format(struct dv_output *o, const struct dv_conv *c, int width, const struct dv_value *v,
		      uint32_t machine)
{
	bool left = c->left || width < 0;
	int w = width < 0 ? -width : width;
	struct dv_frames f;
	struct dv_addr a;
	char *text;

	if (!take(v, machine, &f))
		return;
	if (f.kind <= DV_STACK_USER) {
		frames(o, &f, left ? (unsigned)w : 0, w, left);
	} else if (f.count) {
		a = frame(&f, 0);
		text = address(o, &a, form_of(f.kind, true));
		out_pad(o->f, text, w, left);
		free(text);
	}
}

int out_stack_cmp(const struct dv_value *a, const struct dv_value *b)
{
	struct dv_frames x, y;
	bool ok = dv_value_frames(a, &x), ok2 = dv_value_frames(b, &y);

	if (!ok || !ok2)
		return ok - ok2;
	if (x.machine != y.machine)
		return x.machine < y.machine ? -1 : 1;
	if (x.pid != y.pid)
		return x.pid < y.pid ? -1 : 1;
	for (uint32_t i = 0; i < x.count && i < y.count; i++)
		if (x.pc[i] != y.pc[i])
			return x.pc[i] < y.pc[i] ? -1 : 1;
	if (x.count != y.count)
		return x.count < y.count ? -1 : 1;
	return x.start < y.start ? -1 : x.start > y.start;
}
