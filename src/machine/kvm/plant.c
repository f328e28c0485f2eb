// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every store into code that may be running is a byte, so that it is whole for a virtual CPU that fetches it at that moment. The
 * bytes that do not matter yet are stored first, for all traps; then the flips. In between it is looked whether the former are
 * there and nobody else has been at it: the guest changes code as well, for its own tracing.
 *
 * A jump is stored whole, and so is an entry that brings the stack pointer along: the process that does it while virtual CPUs are
 * held may be killed, and they go on.
 *
 * A store that fails in the middle (a page that is gone) says nothing about the rest. So what came of it is always read.
 */
#include "machine/kvm/plant.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/system.h"
#include "machine/kvm/stop.h"

// Without the program counter behind the instruction, which old processors and emulated ones do not save at an exit, KVM looks at
// the code once more to get by it: which must not have changed.
bool dv_plant_stop(void)
{
	unsigned a, b, c, d;
	bool amd;

	if (!__get_cpuid(0, &a, &b, &c, &d))
		return true;
	amd = (b == signature_AMD_ebx && c == signature_AMD_ecx && d == signature_AMD_edx) ||
	      (b == 0x6f677948 && d == 0x6e65476e && c == 0x656e6975); // "HygonGenuine"
	return !amd || !__get_cpuid(0x8000000a, &a, &b, &c, &d) || !(d >> 3 & 1);
}

#define REPLANT_MS 3000u /* of questions while the guest runs */

struct work {
	const struct dv_planter *p;
	struct dv_trap *t;
	uint32_t count;
	uint8_t (*bytes)[8], (*jumps)[8]; // what stands there
	struct dv_kvm_piece *pieces;      // two of each
	void (*fill)(struct work *w); // what to store while virtual CPUs are held
	struct behind *behind;
	bool held; // in the process that holds them
	// Stores to be made.
	struct dv_kvm_piece *stores;
	uint32_t store_count;
};

static struct dv_error *begin(struct work *w, const struct dv_planter *p, struct dv_trap *t, size_t count, struct dv_planted *ret)
{
	uint64_t start = dv_proc_start(p->pid);

	memset(w, 0, sizeof(*w));
	memset(ret, 0, sizeof(*ret));
	w->p = p;
	w->t = t;
	w->count = (uint32_t)count;
	if (!start || (p->start && start != p->start))
		return dv_error_create(DV_ERR_GONE, "process %d is gone", p->pid);
	w->bytes = dv_xcalloc(count + 1, sizeof(*w->bytes));
	w->jumps = dv_xcalloc(count + 1, sizeof(*w->jumps));
	w->pieces = dv_xcalloc(2 * count + 1, sizeof(*w->pieces));
	w->stores = dv_xcalloc(8 * count + 1, sizeof(*w->stores));
	return NULL;
}

static void end(struct work *w)
{
	free(w->bytes);
	free(w->pieces);
	free(w->jumps);
	free(w->stores);
}

static bool is_stub(const struct dv_trap *t)
{
	return t->flags & DV_TRAP_STUB;
}

// Are all its bytes stored at once?
static bool is_whole(const struct dv_trap *t)
{
	return t->flags & DV_TRAP_SP;
}

// Is it put in and taken out while virtual CPUs are held?
static bool needs_halt(const struct work *w, const struct dv_trap *t)
{
	return w->p->stop || t->flags;
}

static void look(struct work *w)
{
	const struct dv_planter *p = w->p;
	uint32_t n = 0;
	bool all;

	for (uint32_t i = 0; i < w->count; i++) {
		w->pieces[n++] = (struct dv_kvm_piece){w->t[i].hva, w->bytes[i], w->t[i].size};
		if (is_stub(&w->t[i]))
			w->pieces[n++] = (struct dv_kvm_piece){w->t[i].jump_hva, w->jumps[i], w->t[i].jump_size};
	}
	all = dv_kvm_read_pieces(p->pid, w->pieces, n);
	n = 0;
	for (uint32_t i = 0; i < w->count; i++) {
		struct dv_trap *t = &w->t[i];
		unsigned mine = is_stub(t) ? 2 : 1;

		if (!t->hva || (is_stub(t) && !t->jump_hva) || (!all && !dv_kvm_read_pieces(p->pid, &w->pieces[n], mine)))
			t->state = DV_TRAP_FOREIGN;
		else
			t->state = (uint8_t)dv_trap_state(t, w->bytes[i], w->jumps[i]);
		n += mine;
	}
}

static void store(struct work *w, uint64_t hva, const uint8_t *bytes, uint32_t size)
{
	w->stores[w->store_count++] = (struct dv_kvm_piece){hva, (void *)bytes, size};
}

static void flush(struct work *w)
{
	const uint32_t n = w->store_count;

	w->store_count = 0;
	if (dv_kvm_write_pieces(w->p->pid, w->stores, n))
		return;
	for (uint32_t i = 0; i < n; i++) // without those that cannot be
		(void)dv_kvm_write_pieces(w->p->pid, &w->stores[i], 1);
}

// In another process. What is there may have changed since.
static bool fill_held(void *ctx)
{
	struct work *w = ctx;

	w->held = true;
	look(w);
	w->fill(w);
	flush(w);
	return true;
}

static struct dv_error *held(struct work *w, void (*fill)(struct work *w), struct dv_planted *ret)
{
	struct dv_error *e;
	uint64_t ns = 0;

	w->fill = fill;
	fill(w);
	if (!w->store_count)
		return NULL;
	w->store_count = 0;
	e = dv_stopped(w->p->pid, w->p->tids, w->p->tid_count, fill_held, w, &ns);
	ret->held_ns += ns;
	return e;
}

static void count(const struct work *w, struct dv_planted *ret)
{
	for (uint32_t i = 0; i < w->count; i++)
		switch ((enum dv_trap_state)w->t[i].state) {
		case DV_TRAP_ON:
			ret->on++;
			break;
		case DV_TRAP_OFF:
			ret->off++;
			break;
		case DV_TRAP_WAS:
			ret->restored++;
			break;
		case DV_TRAP_FOREIGN:
			ret->foreign++;
			break;
		}
}

static void finish(struct work *w, struct dv_planted *ret)
{
	look(w);
	count(w, ret);
	end(w);
}

struct dv_error *dv_plant_look(const struct dv_planter *p, struct dv_trap *t, size_t n, struct dv_planted *ret)
{
	struct work w;
	struct dv_error *e = begin(&w, p, t, n, ret);

	if (!e)
		finish(&w, ret);
	return e;
}

// The flip of a trap, to or fro.
static void flip(struct work *w, const struct dv_trap *t, bool on)
{
	const uint8_t *j = on ? t->jump_now : t->jump_was;

	if (is_stub(t))
		store(w, t->jump_hva + t->jump_size - 4, j + t->jump_size - 4, 4);
	else if (is_whole(t) && on)
		store(w, t->hva, t->now, t->size);
	else
		store(w, t->hva + t->order[t->steps - 1], dv_trap_flip(t, on), 1);
}

// All else of it.
static void tail(struct work *w, const struct dv_trap *t, bool on)
{
	const uint8_t *b = on ? t->now : t->was;

	if (is_stub(t) || is_whole(t)) {
		store(w, t->hva, b, t->size);
		return;
	}
	for (unsigned k = 0; k + 1u < t->steps; k++) {
		unsigned at = t->order[on ? k : t->steps - 2u - k];

		store(w, t->hva + at, b + at, 1);
	}
}

static void flips_on(struct work *w, bool halted)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (needs_halt(w, &w->t[i]) == halted && (w->t[i].state == DV_TRAP_WAS || w->t[i].state == DV_TRAP_OFF) &&
		    (is_whole(&w->t[i]) || dv_trap_prepared(&w->t[i], w->bytes[i], w->jumps[i])))
			flip(w, &w->t[i], true);
}

static void fill_plant(struct work *w)
{
	flips_on(w, true);
}

struct dv_error *dv_plant(const struct dv_planter *p, struct dv_trap *t, size_t n, struct dv_planted *ret)
{
	struct work w;
	struct dv_error *e = begin(&w, p, t, n, ret);

	if (e)
		return e;
	look(&w);
	for (uint32_t i = 0; i < w.count; i++) {
		ret->adopted += t[i].state == DV_TRAP_ON;
		if (!is_whole(&t[i]) && (t[i].state == DV_TRAP_WAS || t[i].state == DV_TRAP_OFF))
			tail(&w, &t[i], true);
	}
	flush(&w);
	look(&w);
	flips_on(&w, false);
	flush(&w);
	e = held(&w, fill_plant, ret);
	finish(&w, ret);
	return e;
}

static void flips_off(struct work *w, bool halted)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (needs_halt(w, &w->t[i]) == halted && w->t[i].state == DV_TRAP_ON)
			flip(w, &w->t[i], false);
}

static void fill_unplant(struct work *w)
{
	flips_off(w, true);
}

struct dv_error *dv_unplant(const struct dv_planter *p, struct dv_trap *t, size_t n, struct dv_planted *ret)
{
	struct work w;
	struct dv_error *e = begin(&w, p, t, n, ret);

	if (e)
		return e;
	look(&w);
	flips_off(&w, false);
	flush(&w);
	e = held(&w, fill_unplant, ret);
	finish(&w, ret);
	return e;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct behind {
	uint64_t *addrs;
	uint8_t *busy;
	uint32_t count;
};

// Where somebody may stand: what is left of traps.
static void all_behind(const struct work *w, struct behind *b)
{
	b->count = 0;
	for (uint32_t i = 0; i < w->count; i++) {
		if (w->t[i].state != DV_TRAP_OFF)
			continue;
		if (w->t[i].flags) // before its INVD, too
			b->addrs[b->count++] = w->t[i].pc;
		if (!is_whole(&w->t[i])) // what is behind that was so before
			b->addrs[b->count++] = w->t[i].pc + 2;
	}
	qsort(b->addrs, b->count, sizeof(*b->addrs), by_number);
	memset(b->busy, 0, b->count);
}

static bool busy(const struct behind *b, uint64_t addr)
{
	const uint64_t *at = bsearch(&addr, b->addrs, b->count, sizeof(*at), by_number);

	return !at || b->busy[at - b->addrs];
}

static bool anybody(const struct work *w, const struct dv_trap *t)
{
	return (!is_whole(t) && busy(w->behind, t->pc + 2)) || (t->flags && busy(w->behind, t->pc));
}

static void tails_off(struct work *w, bool halted)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->t[i].state == DV_TRAP_OFF && !anybody(w, &w->t[i]) && (halted || !is_whole(&w->t[i])))
			tail(w, &w->t[i], false);
}

// The last word: nobody moves.
static void fill_tails(struct work *w)
{
	struct behind *b = w->behind;

	all_behind(w, b);
	if (!w->held || w->p->quiet(w->p->ctx, b->addrs, b->count, b->busy, true))
		tails_off(w, true);
}

// @p whole: of those alone that are stored at once.
static bool any_off(const struct work *w, bool whole)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->t[i].state == DV_TRAP_OFF && (!whole || is_whole(&w->t[i])))
			return true;
	return false;
}

struct dv_error *dv_replant(const struct dv_planter *p, struct dv_trap *t, size_t n, unsigned tries, struct dv_planted *ret)
{
	const uint64_t end_ns = dv_clock_ns() + REPLANT_MS * 1000000ull;
	struct behind b = {0};
	struct work w;
	struct dv_error *e = begin(&w, p, t, n, ret);

	if (e)
		return e;
	b.addrs = dv_xcalloc(2 * n + 1, sizeof(*b.addrs));
	b.busy = dv_xcalloc(2 * n + 1, 1);
	w.behind = &b;
	look(&w);
	for (; p->quiet && tries && !e && any_off(&w, false); tries--) {
		dv_pause_ms(p->settle_ms);
		if (dv_clock_ns() > end_ns)
			tries = 1;
		if (tries == 1 || any_off(&w, true)) {
			e = held(&w, fill_tails, ret);
		} else {
			all_behind(&w, &b);
			if (p->quiet(p->ctx, b.addrs, b.count, b.busy, false)) {
				look(&w);
				tails_off(&w, false);
				flush(&w);
			}
		}
		look(&w);
	}
	count(&w, ret);
	free(b.addrs);
	free(b.busy);
	end(&w);
	return e;
}
