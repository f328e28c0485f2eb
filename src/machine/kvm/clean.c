// SPDX-License-Identifier: GPL-2.0-or-later
//
// What dvirts that were killed have left in guests: made harmless first, by the files alone; then, where the guest's kernel can be
// found, put back byte for byte, which takes knowing what its CPUs and tasks are doing.
#include "machine/kvm/clean.h"

#include <stdio.h>

#include "machine/kvm/guard.h"
#include "machine/kvm/kvm.h"
#include "machine/kvm/quiet.h"

#define RESTORE_TRIES 10u

struct clean {
	void (*fn)(void *ctx, const char *text);
	void *ctx;
	DV_VEC(struct dv_cleaned) files;
	struct dv_cleaned *now; // whose guest is looked for
};

static void DV_PRINTF(2, 3) say(const struct clean *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->fn(c->ctx, text);
}

static const char *s(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void cleaned(void *ctx, const struct dv_cleaned *d)
{
	struct clean *c = ctx;

	if (d->owner)
		say(c, "the guest of process %d is being traced by process %d", d->pid, d->owner);
	else if (d->gone)
		say(c, "process %d is gone, and its guest with it", d->pid);
	else if (d->failed)
		say(c, "the guest of process %d: %u trap%s cannot be taken out: %s", d->pid, d->counts.on, s(d->counts.on), d->failed);
	else if (d->counts.off)
		*DV_PUSH(&c->files) = *d;
}

static void restore(struct clean *c, struct dv_machine *m)
{
	const struct dv_kvm_machine *k = m->priv;
	struct dv_planter p = dv_kvm_planter(m);
	struct dv_planted *counts = &c->now->counts, before = *counts;
	struct dv_guard *g;
	struct dv_error *e = dv_guard_open(m->pid, k->vm->start, &g);

	if (!e) {
		e = dv_guard_remove(g, &p, RESTORE_TRIES, counts);
		dv_guard_close(g);
	}
	if (e)
		*counts = before;
	dv_error_destroy(e);
}

static void machine(void *ctx, struct dv_machine *m)
{
	struct clean *c = ctx;
	struct dv_error *e;

	if (m->pid == c->now->pid) {
		e = dv_backend_kvm.open(m, 1);
		if (!e && m->state == DV_MACHINE_READY)
			restore(c, m);
		dv_error_destroy(e);
	}
	dv_machine_close(m);
}

struct dv_error *dv_kvm_clean(void (*fn)(void *ctx, const char *text), void *ctx)
{
	struct clean c = {.fn = fn, .ctx = ctx};
	struct dv_error *e = dv_guard_clean(cleaned, &c);

	for (size_t i = 0; i < c.files.count && !e; i++) {
		const struct dv_planted *n = &c.files.data[i].counts;

		c.now = &c.files.data[i];
		e = dv_backend_kvm.scan(machine, &c);
		say(&c, "the guest of process %d: %u trap%s taken out", c.now->pid, n->off + n->restored, s(n->off + n->restored));
		if (n->off)
			say(&c, "the guest of process %d: %u place%s not byte for byte what the kernel had: somebody may be about "
			        "to run from there", c.now->pid, n->off, n->off == 1 ? " is" : "s are");
	}
	DV_VEC_FREE(&c.files);
	return e;
}
