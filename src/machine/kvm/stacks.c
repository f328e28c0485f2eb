// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who was interrupted right behind a trap: an interrupt pushes the program counter onto the stack in use, the task's or, when
 * it came in an interrupt, the CPU's own for those. So every word there that is such an address counts, though most are
 * remains of long ago.
 *
 * Tasks are those of the kernel's list, and the CPUs' idle tasks, which are not in it.
 */
#include <string.h>

#include "base/clock.h"
#include "machine/kvm/plant.h"

#define CPUS_MAX   1024u
#define STACK_MAX  (64u << 10)
#define SCAN_NS    2000000000u /* a guest's list of tasks may be long, and may be made to be longer */

struct scan {
	struct dv_guest *g;
	const struct dv_guest_layout *l;
	dv_trap_read_fn *read;
	void *ctx;
	const struct dv_trap_cpu *cpus;
	uint32_t cpu_count;
	const uint64_t *addrs;
	uint32_t count;
	uint8_t *busy;
	uint32_t sp_off, running_off; // of struct task_struct; DV_OFF_NONE
	uint64_t *words;
	uint64_t saved[CPUS_MAX];     // stack pointers that interrupts have put by
	uint32_t saved_count;
	uint64_t began; // ns
	bool ok;
};

static uint32_t offset(struct dv_guest *g, const char *tag, const char *name, const char *inner)
{
	struct dv_universe *u = dv_guest_types(g);
	const struct dv_type *t = u && u->ops ? u->ops->find(u->ctx, DV_TYPE_STRUCT, tag, NULL) : NULL;
	uint64_t bits = 0, more = 0;
	const struct dv_member *m;

	t = t ? dv_type_complete(t) : NULL;
	m = t ? dv_type_member(t, name, &bits) : NULL;
	if (m && inner) {
		t = dv_type_complete(dv_type_resolve(m->type));
		m = t ? dv_type_member(t, inner, &more) : NULL;
	}
	return m ? (uint32_t)((bits + more) / 8) : DV_OFF_NONE;
}

// Words of [from, to).
static bool words_of(struct scan *s, uint64_t from, uint64_t to)
{
	uint64_t first = s->addrs[0], span = s->addrs[s->count - 1] - first;

	from &= ~7ull;
	if (to <= from || to - from > STACK_MAX)
		return to <= from;
	if (!s->read(s->ctx, from, s->words, to - from))
		return false;
	for (size_t i = 0; i < (to - from) / 8; i++) {
		uint32_t lo = 0, hi = s->count;

		if (s->words[i] - first > span)
			continue;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (s->addrs[mid] < s->words[i])
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < s->count && s->addrs[lo] == s->words[i])
			s->busy[lo] = 1;
	}
	return true;
}

static bool on_stack(const struct scan *s, uint64_t sp, uint64_t base)
{
	return sp - base < s->l->thread_size;
}

// From where on the stack at @p base of a task that runs is in use; its end: nowhere.
static uint64_t in_use(const struct scan *s, uint64_t task, uint64_t base)
{
	for (uint32_t i = 0; i < s->saved_count; i++)
		if (on_stack(s, s->saved[i], base))
			return s->saved[i];
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		if (s->cpus[i].task != task)
			continue;
		if (s->cpus[i].user)
			return base + s->l->thread_size;
		if (on_stack(s, s->cpus[i].sp, base))
			return s->cpus[i].sp;
	}
	return base;
}

static bool task_stack(struct scan *s, uint64_t task)
{
	uint64_t base = 0, sp = 0, from;
	uint32_t running = 1;

	if (!s->read(s->ctx, task + s->l->task_stack, &base, 8))
		return false;
	if (!base) // it has ended
		return true;
	if (s->running_off != DV_OFF_NONE && !s->read(s->ctx, task + s->running_off, &running, 4))
		return false;
	if (s->sp_off != DV_OFF_NONE && !s->read(s->ctx, task + s->sp_off, &sp, 8))
		return false;
	from = running ? in_use(s, task, base) : on_stack(s, sp, base) ? sp : base;
	if (words_of(s, from, base + s->l->thread_size))
		return true;
	// It may have ended just now.
	return s->read(s->ctx, task + s->l->task_stack, &sp, 8) && sp != base;
}

static bool one_task(void *ctx, uint64_t task, int pid, int tgid, const char *comm)
{
	struct scan *s = ctx;

	(void)pid;
	(void)tgid;
	(void)comm;
	s->ok = s->ok && dv_clock_ns() - s->began < SCAN_NS && task_stack(s, task);
	return s->ok;
}

static uint64_t symbol(struct dv_guest *g, const char *name)
{
	const struct dv_symbol *s = dv_guest_symbol(g, "vmlinux", name);

	return s ? s->addr : 0;
}

// The stack for interrupts of each CPU while it is in use, and the idle tasks: what is a CPU's own.
static bool each_cpu(struct scan *s, bool idle)
{
	uint64_t hot = symbol(s->g, "pcpu_hot"), irq = symbol(s->g, "hardirq_stack_ptr"), inuse = symbol(s->g, "hardirq_stack_inuse");
	uint64_t idles = symbol(s->g, "idle_threads"), ids = symbol(s->g, "nr_cpu_ids"), base = 0, before = 0, at = 0;
	uint32_t cpus = 1, off;

	if (!irq && hot && (off = offset(s->g, "pcpu_hot", "hardirq_stack_ptr", NULL)) != DV_OFF_NONE)
		irq = hot + off;
	if (!inuse && hot && (off = offset(s->g, "pcpu_hot", "hardirq_stack_inuse", NULL)) != DV_OFF_NONE)
		inuse = hot + off;
	if (ids && !s->read(s->ctx, ids, &cpus, 4))
		return false;
	if (!s->l->percpu_off || !irq || cpus > CPUS_MAX)
		return false;
	for (uint32_t i = 0; i < cpus; i++) {
		uint8_t used = 1;

		if (!s->read(s->ctx, s->l->percpu_off + 8ull * i, &base, 8))
			return false;
		if (i && base == before) // a CPU that there is not
			continue;
		before = base;
		if (idle) {
			if (idles && s->read(s->ctx, base + idles, &at, 8) && at >> 63 && !task_stack(s, at))
				return false;
			continue;
		}
		if (!s->read(s->ctx, base + irq, &at, 8))
			continue; // another that there is not
		if (inuse && !s->read(s->ctx, base + inuse, &used, 1))
			return false;
		// The pointer is to the last word, where the interrupt puts the stack pointer by.
		if (used && at >> 63 && (!words_of(s, at + 8 - s->l->thread_size, at + 8) ||
		                         !s->read(s->ctx, at, &s->saved[s->saved_count++], 8)))
			return false;
	}
	return true;
}

bool dv_trap_stacks(struct dv_guest *g, dv_trap_read_fn *read, void *ctx, const struct dv_trap_cpu *cpus, uint32_t cpu_count,
                    const uint64_t *addrs, uint32_t count, uint8_t *busy)
{
	struct scan *s = dv_xcalloc(1, sizeof(*s));
	struct dv_error *e;
	bool ok;

	*s = (struct scan){.g = g, .l = dv_guest_layout(g), .read = read, .ctx = ctx, .cpus = cpus, .cpu_count = cpu_count,
	                   .addrs = addrs, .count = count, .busy = busy, .began = dv_clock_ns(), .ok = true};
	s->sp_off = offset(g, "task_struct", "thread", "sp");
	s->running_off = offset(g, "task_struct", "on_cpu", NULL);
	s->words = dv_xcalloc(1, STACK_MAX + 8);
	ok = count && s->l->task_stack != DV_OFF_NONE && s->l->thread_size <= STACK_MAX && each_cpu(s, false);
	if (ok) {
		e = dv_guest_tasks(g, one_task, s);
		ok = !e && s->ok && each_cpu(s, true);
		dv_error_destroy(e);
	}
	free(s->words);
	free(s);
	return ok;
}
