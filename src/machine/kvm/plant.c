// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every store is a byte, so that it is whole for a virtual CPU that fetches code at that moment. The bytes that do not matter yet
 * are stored first, for all traps; then the flips. In between it is looked whether the former are there and nobody else has been
 * at it: the guest changes code as well, for its own tracing.
 *
 * A store that fails in the middle (a page that is gone) says nothing about the rest. So what came of it is always read.
 */
#include "machine/kvm/plant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "machine/kvm/stop.h"

uint64_t dv_proc_start(int pid)
{
	char path[64], line[2048];
	unsigned long long start = 0;
	const char *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = 0;
	p = strrchr(line, ')'); // the name may have blanks in it; the state, field 3, comes next
	for (unsigned field = 3; p && field <= 22; field++) {
		p = strchr(p + 1, ' ');
		if (p && field == 22)
			sscanf(p + 1, "%llu", &start);
	}
	return start;
}

struct work {
	const struct dv_planter *p;
	struct dv_trap *t;
	uint32_t count;
	uint8_t (*bytes)[8]; // what stands there
	struct dv_kvm_piece *pieces;
	void (*fill)(struct work *w); // what to store while virtual CPUs are held
	struct behind *behind;
	bool held; // in the process that holds them
	bool last; // ask about all of them there
	uint64_t *vias; // where the traps that stay jump to, sorted
	uint32_t via_count;
	// Stores to be made.
	uint64_t *hva;
	uint8_t *value;
	uint32_t stores;
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
	w->pieces = dv_xcalloc(count + 1, sizeof(*w->pieces));
	w->vias = dv_xcalloc(count + 1, sizeof(*w->vias));
	w->hva = dv_xcalloc(8 * count + 1, sizeof(*w->hva));
	w->value = dv_xcalloc(8 * count + 1, 1);
	return NULL;
}

static void end(struct work *w)
{
	free(w->bytes);
	free(w->pieces);
	free(w->vias);
	free(w->hva);
	free(w->value);
}

static void look(struct work *w)
{
	const struct dv_planter *p = w->p;
	bool all;

	for (uint32_t i = 0; i < w->count; i++)
		w->pieces[i] = (struct dv_kvm_piece){w->t[i].hva, w->bytes[i], w->t[i].size};
	all = dv_kvm_read_pieces(p->pid, w->pieces, w->count);
	for (uint32_t i = 0; i < w->count; i++) {
		struct dv_trap *t = &w->t[i];

		if (!t->hva || (!all && !dv_kvm_read_pieces(p->pid, &w->pieces[i], 1)))
			t->state = DV_TRAP_FOREIGN;
		else
			t->state = (uint8_t)dv_trap_state(t, w->bytes[i]);
	}
}

static void store(struct work *w, const struct dv_trap *t, unsigned at, uint8_t value)
{
	w->hva[w->stores] = t->hva + at;
	w->value[w->stores++] = value;
}

static void flush(struct work *w)
{
	const uint32_t n = w->stores;

	w->stores = 0;
	if (dv_kvm_write_bytes(w->p->pid, w->hva, w->value, n))
		return;
	for (uint32_t i = 0; i < n; i++) // without those that cannot be
		(void)dv_kvm_write_bytes(w->p->pid, &w->hva[i], &w->value[i], 1);
}

// All bytes of a trap at once: only while no virtual CPU runs.
static void store_all(struct work *w, const struct dv_trap *t, const uint8_t *bytes)
{
	for (unsigned k = 0; k < t->size; k++)
		store(w, t, k, bytes[k]);
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
	if (!w->stores)
		return NULL;
	w->stores = 0;
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

static bool needs_stop(const struct dv_trap *t)
{
	return t->flags & DV_TRAP_STOP;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

// Is there one of a sorted list in [from, from + size)?
static bool any_in(const uint64_t *list, uint32_t n, uint64_t from, unsigned size)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (list[mid] < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && list[lo] - from < size;
}

static void fill_flips(struct work *w)
{
	uint8_t off[8];

	for (uint32_t i = 0; i < w->count; i++) {
		const struct dv_trap *t = &w->t[i];
		unsigned flip = t->steps ? t->order[t->steps - 1] : 0;

		dv_trap_off(t, off);
		if (!needs_stop(t) && t->state != DV_TRAP_ON && !memcmp(off, w->bytes[i], t->size))
			store(w, t, flip, t->now[flip]);
	}
}

// One that goes by another's bytes is nothing without them.
static void fill_plant(struct work *w)
{
	if (w->p->stop)
		fill_flips(w);
	w->via_count = 0;
	for (uint32_t i = 0; i < w->count; i++)
		if (needs_stop(&w->t[i]) && w->t[i].state == DV_TRAP_FOREIGN)
			w->vias[w->via_count++] = w->t[i].pc + 2;
	qsort(w->vias, w->via_count, sizeof(*w->vias), by_number);
	for (uint32_t i = 0; i < w->count; i++) {
		const struct dv_trap *t = &w->t[i];

		if (needs_stop(t) && (t->state == DV_TRAP_WAS || t->state == DV_TRAP_OFF) &&
		    !(t->via && any_in(w->vias, w->via_count, t->via, 1)))
			store_all(w, t, t->now);
	}
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
		if (needs_stop(&t[i]) || (t[i].state != DV_TRAP_WAS && t[i].state != DV_TRAP_OFF))
			continue;
		for (unsigned k = 0; k + 1 < t[i].steps; k++)
			store(&w, &t[i], t[i].order[k], t[i].now[t[i].order[k]]);
	}
	flush(&w);
	look(&w);
	if (!p->stop) {
		fill_flips(&w);
		flush(&w);
	}
	e = held(&w, fill_plant, ret);
	look(&w);
	count(&w, ret);
	end(&w);
	return e;
}

static void fill_unflips(struct work *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct dv_trap *t = &w->t[i];
		unsigned flip = t->steps ? t->order[t->steps - 1] : 0;

		if (!needs_stop(t) && t->state == DV_TRAP_ON)
			store(w, t, flip, t->was[flip]);
	}
}

static void fill_unplant(struct work *w)
{
	uint8_t off[8];

	if (w->p->stop)
		fill_unflips(w);
	for (uint32_t i = 0; i < w->count; i++)
		if (needs_stop(&w->t[i]) && w->t[i].state == DV_TRAP_ON) {
			dv_trap_off(&w->t[i], off);
			store_all(w, &w->t[i], off);
		}
}

struct dv_error *dv_unplant(const struct dv_planter *p, struct dv_trap *t, size_t n, struct dv_planted *ret)
{
	struct work w;
	struct dv_error *e = begin(&w, p, t, n, ret);

	if (e)
		return e;
	look(&w);
	if (!p->stop) {
		fill_unflips(&w);
		flush(&w);
	}
	e = held(&w, fill_unplant, ret);
	look(&w);
	count(&w, ret);
	end(&w);
	return e;
}

struct behind {
	uint64_t *addrs;
	uint8_t *busy;
	uint32_t count;
};

// Where somebody may stand: what is left of traps.
static void all_behind(const struct work *w, struct behind *b, bool held)
{
	b->count = 0;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->t[i].state == DV_TRAP_OFF && (needs_stop(&w->t[i]) == held || (held && w->last)))
			b->addrs[b->count++] = w->t[i].pc + 2;
	qsort(b->addrs, b->count, sizeof(*b->addrs), by_number);
	memset(b->busy, 0, b->count);
}

static bool ask(const struct work *w, struct behind *b)
{
	return w->p->quiet(w->p->ctx, b->addrs, b->count, b->busy, w->held);
}

static bool busy(const struct behind *b, uint64_t addr)
{
	const uint64_t *at = bsearch(&addr, b->addrs, b->count, sizeof(*at), by_number);

	return !at || b->busy[at - b->addrs];
}

static void fill_tails(struct work *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct dv_trap *t = &w->t[i];

		if (t->state != DV_TRAP_OFF || needs_stop(t) || busy(w->behind, t->pc + 2))
			continue;
		for (unsigned k = t->steps - 1u; k-- > 0;)
			store(w, t, t->order[k], t->was[t->order[k]]);
	}
}

// Not one that another, which stays, jumps into. One that is off is gone through byte for byte, as two instructions, so who
// may be between them is asked when nobody moves.
static void fill_replant(struct work *w)
{
	w->via_count = 0;
	all_behind(w, w->behind, true);
	if (w->held && w->behind->count && !ask(w, w->behind))
		return;
	if (w->last)
		fill_tails(w);
	for (uint32_t i = 0; i < w->count; i++) {
		const struct dv_trap *t = &w->t[i];

		if (t->via && (t->state == DV_TRAP_ON || (t->state == DV_TRAP_OFF && busy(w->behind, t->pc + 2))))
			w->vias[w->via_count++] = t->via;
	}
	qsort(w->vias, w->via_count, sizeof(*w->vias), by_number);
	for (uint32_t i = 0; i < w->count; i++) {
		const struct dv_trap *t = &w->t[i];

		if (t->state == DV_TRAP_OFF && needs_stop(t) && !busy(w->behind, t->pc + 2) &&
		    !any_in(w->vias, w->via_count, t->pc, t->size))
			store_all(w, t, t->was);
	}
}

static bool any_off(const struct work *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->t[i].state == DV_TRAP_OFF)
			return true;
	return false;
}

static void pause_ms(unsigned ms)
{
	struct timespec t = {0, (long)ms * 1000000};

	nanosleep(&t, NULL);
}

struct dv_error *dv_replant(const struct dv_planter *p, struct dv_trap *t, size_t n, unsigned tries, struct dv_planted *ret)
{
	struct behind b = {0};
	struct work w;
	struct dv_error *e = begin(&w, p, t, n, ret);

	if (e)
		return e;
	b.addrs = dv_xcalloc(n + 1, sizeof(*b.addrs));
	b.busy = dv_xcalloc(n + 1, 1);
	w.behind = &b;
	look(&w);
	for (; p->quiet && tries && !e && any_off(&w); tries--) {
		pause_ms(p->settle_ms);
		all_behind(&w, &b, false);
		if (b.count && ask(&w, &b)) {
			look(&w);
			fill_tails(&w);
			flush(&w);
			look(&w);
		}
		w.last = tries == 1;
		e = held(&w, fill_replant, ret);
		look(&w);
	}
	count(&w, ret);
	free(b.addrs);
	free(b.busy);
	end(&w);
	return e;
}
