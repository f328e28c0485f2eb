/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probe points: which instructions of the guest have a callback.
 *
 * A snapshot holds the sites of all sessions in two sorted tables: single addresses (function entries, places where
 * system calls come back), and ranges (functions whose return instructions are wanted). QEMU asks about each block
 * once, when it translates it; a binary search says whether anything of ours is in it. Return instructions become known
 * only then, from the instruction's bytes, so their points are made on the way and kept in a hash table.
 *
 * Translated code keeps pointers to points; a snapshot may be freed only after the switch that replaced it.
 */
#include "machine/qemu/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fire {
	struct dv_tracing *t;
	const struct dv_load_site *site; /**< NULL: where system calls come back: look the site up */
	bool is_switch;                  /**< no probe: where threads leave their vCPU (plugin_vtime.c) */
};
struct point {
	uint64_t addr;
	const struct fire *fires;
	uint32_t count;
	struct point *next; /**< return points: hash chain */
};
struct range {
	uint64_t start, end, max_end; /**< max_end: of this and all before it */
	struct fire fire;
};
struct entry { /**< before grouping */
	uint64_t addr;
	struct fire fire;
};

struct dv_snap {
	struct fire *fires;
	struct point *points;
	uint32_t point_count;
	struct range *ranges;
	uint32_t range_count;
	pthread_mutex_t lock; /**< returns */
	struct point **returns;
	uint32_t return_mask;
	bool vtime;
	struct fire timers[DV_TIMERS_MAX];
	struct dv_clock *clock; /**< NULL: there are no timers */
};

static int by_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void collect(const struct dv_tracing *t, struct entry *e, uint32_t *entries, struct range *r, uint32_t *ranges)
{
	const struct dv_load_image *img = t->loaded->img;
	struct dv_tracing *mine = (struct dv_tracing *)t;

	for (uint32_t i = 0; i < img->site_count; i++) {
		const struct dv_load_site *s = &t->loaded->sites[i];
		if (s->kind == DV_SITE_ADDR) {
			if (e)
				e[*entries] = (struct entry){s->addr, {mine, s}};
			++*entries;
		} else if (s->kind == DV_SITE_RETURNS && s->addr + s->size > s->addr) {
			if (r)
				r[*ranges] = (struct range){s->addr, s->addr + s->size, 0, {mine, s}};
			++*ranges;
		}
	}
	for (uint32_t i = 0; i < img->sysret_addr_count; i++) {
		if (e)
			e[*entries] = (struct entry){t->loaded->sysret_addrs[i], {mine, NULL}};
		++*entries;
	}
	if (img->flags & DV_LOAD_VTIME) {
		if (e)
			e[*entries] = (struct entry){img->layout.switch_va, {.t = mine, .is_switch = true}};
		++*entries;
	}
}

/* Sites of profile-N. */
static bool start_clock(struct dv_snap *s, struct dv_tracing *const *t, uint32_t count, char *msg, size_t msg_size)
{
	uint64_t periods[DV_TIMERS_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < t[i]->loaded->img->site_count; k++) {
			const struct dv_load_site *site = &t[i]->loaded->sites[k];
			if (site->kind != DV_SITE_PROFILE)
				continue;
			if (n < DV_TIMERS_MAX) {
				s->timers[n] = (struct fire){t[i], site, false};
				periods[n] = site->detail;
			}
			n++;
		}
	}
	s->clock = n ? dv_clock_create(periods, n, msg, msg_size) : NULL;
	return !n || s->clock;
}

struct dv_snap *dv_snap_create(struct dv_tracing *const *t, uint32_t count, char *msg, size_t msg_size)
{
	struct dv_snap *s = count ? calloc(1, sizeof(*s)) : NULL;
	struct entry *e = NULL;
	uint32_t entries = 0, ranges = 0, buckets = 64;

	snprintf(msg, msg_size, "no memory for the probes");
	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	for (uint32_t i = 0; i < count; i++)
		collect(t[i], NULL, &entries, NULL, &ranges);
	while (buckets < ranges && buckets < 1u << 17)
		buckets *= 2;
	e = calloc(entries + 1, sizeof(*e));
	s->fires = calloc(entries + 1, sizeof(*s->fires));
	s->points = calloc(entries + 1, sizeof(*s->points));
	s->ranges = calloc(ranges + 1, sizeof(*s->ranges));
	s->returns = calloc(buckets, sizeof(*s->returns));
	if (!e || !s->fires || !s->points || !s->ranges || !s->returns) {
		free(e);
		dv_snap_destroy(s);
		return NULL;
	}
	s->return_mask = buckets - 1;
	entries = 0;
	for (uint32_t i = 0; i < count; i++) {
		collect(t[i], e, &entries, s->ranges, &s->range_count);
		s->vtime |= t[i]->loaded->img->flags & DV_LOAD_VTIME;
	}
	qsort(e, entries, sizeof(*e), by_addr);
	for (uint32_t i = 0; i < entries; i++) {
		s->fires[i] = e[i].fire;
		if (!i || e[i].addr != e[i - 1].addr)
			s->points[s->point_count++] = (struct point){.addr = e[i].addr, .fires = &s->fires[i]};
		s->points[s->point_count - 1].count++;
	}
	free(e);
	qsort(s->ranges, s->range_count, sizeof(*s->ranges), by_addr);
	for (uint32_t i = 0; i < s->range_count; i++) {
		uint64_t before = i ? s->ranges[i - 1].max_end : 0;
		s->ranges[i].max_end = s->ranges[i].end > before ? s->ranges[i].end : before;
	}
	if (!start_clock(s, t, count, msg, msg_size)) {
		dv_snap_destroy(s);
		return NULL;
	}
	return s;
}

struct dv_clock *dv_snap_clock(const struct dv_snap *s)
{
	return s ? s->clock : NULL;
}

bool dv_snap_vtime(const struct dv_snap *s)
{
	return s && s->vtime;
}

void dv_snap_destroy(struct dv_snap *s)
{
	if (!s)
		return;
	dv_clock_destroy(s->clock);
	for (uint32_t i = 0; s->returns && i <= s->return_mask; i++) {
		for (struct point *p = s->returns[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	}
	free(s->returns);
	free(s->ranges);
	free(s->points);
	free(s->fires);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* -- firing ---------------------------------------------------------------------------------------------------- */

static void fire(unsigned vcpu, struct dv_vcpu *v, const struct fire *f)
{
	struct dv_xplace *p = &v->place;
	struct dv_tracing *t = f->t;
	const struct dv_load_site *site = f->site;

	if (__atomic_load_n(&t->closing, __ATOMIC_ACQUIRE) || vcpu >= t->exec_count)
		return;
	p->loaded = t->loaded;
	p->peers = t->peers;
	p->peer_count = t->peer_count;
	p->have_task = false; // another session may have another layout
	if (f->is_switch) {
		dv_vtime_switch(v);
		return;
	}
	if (!site) {
		int64_t nr = dv_xplace_sysnr(p);
		if (nr < 0 || nr >= DV_SYSRET_MAX || t->sysret[nr] < 0)
			return;
		site = &t->loaded->sites[t->sysret[nr]];
	}
	p->site = site;
	dv_exec_fire(&t->exec[vcpu], &p->base, site);
}

static void on_probe(unsigned vcpu, void *userdata)
{
	const struct point *pt = userdata;
	struct dv_vcpu *v = dv_vcpu_get(vcpu);

	if (!v)
		return;
	if (g.snap->vtime)
		dv_vtime_stop(v);
	dv_xplace_begin(&v->place, pt->addr);
	for (uint32_t i = 0; i < pt->count; i++)
		fire(vcpu, v, &pt->fires[i]);
	if (g.snap->vtime)
		dv_vtime_go(v);
}

static void on_timer(unsigned vcpu, void *userdata)
{
	const struct dv_snap *s = g.snap;
	struct dv_vcpu *v = dv_vcpu_get(vcpu);
	uint64_t due = v ? dv_clock_due(s->clock, vcpu) : 0;

	if (!due)
		return;
	if (s->vtime)
		dv_vtime_stop(v);
	dv_xplace_begin(&v->place, (uint64_t)(uintptr_t)userdata);
	for (uint32_t i = 0; i < DV_TIMERS_MAX; i++)
		if (due >> i & 1 && s->timers[i].t)
			fire(vcpu, v, &s->timers[i]);
	if (s->vtime)
		dv_vtime_go(v);
}

/* -- translation ----------------------------------------------------------------------------------------------- */

/* First point at or behind @p addr. */
static uint32_t first_point(const struct dv_snap *s, uint64_t addr)
{
	uint32_t lo = 0, hi = s->point_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->points[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How many ranges start at or before @p addr. */
static uint32_t ranges_before(const struct dv_snap *s, uint64_t addr)
{
	uint32_t lo = 0, hi = s->range_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->ranges[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Is this a return? A jump to one of @p thunk is one too: kernels built with return thunks have no other. */
static bool is_return(const uint8_t *b, size_t n, uint64_t addr, const uint64_t thunk[2])
{
	size_t i = 0;
	int32_t rel;

	while (i < n && (b[i] == 0xf3 || b[i] == 0xf2 || b[i] == 0x2e || b[i] == 0x66))
		i++;
	if (i < n && (b[i] == 0xc3 || b[i] == 0xc2))
		return true;
	if (i + 5 != n || b[i] != 0xe9)
		return false;
	memcpy(&rel, b + i + 1, sizeof(rel));
	uint64_t to = addr + n + (uint64_t)(int64_t)rel;
	return to && (to == thunk[0] || to == thunk[1]);
}

static struct point *find_return(struct dv_snap *s, uint64_t addr, uint32_t count, uint32_t h)
{
	struct point *p = s->returns[h];

	while (p && (p->addr != addr || p->count != count))
		p = p->next;
	return p;
}

/* The point for this instruction if it is a return that some session wants; made when it is seen first. */
static struct point *return_point(struct dv_snap *s, const uint8_t *bytes, size_t n, uint64_t addr)
{
	uint32_t h = (uint32_t)((addr * 0x9e3779b97f4a7c15ull) >> 40) & s->return_mask, count = 0;
	uint32_t last = ranges_before(s, addr), first = last;
	struct point *p;

	while (first > 0 && s->ranges[first - 1].max_end > addr)
		first--;
	for (uint32_t i = first; i < last; i++)
		if (s->ranges[i].end > addr && is_return(bytes, n, addr, s->ranges[i].fire.t->loaded->img->thunk))
			count++;
	if (!count)
		return NULL;
	pthread_mutex_lock(&s->lock);
	p = find_return(s, addr, count,
			h); // the guest may patch its code: a point holds for the bytes that it was made for
	if (!p) {
		p = malloc(sizeof(*p) + count * sizeof(struct fire));
		if (p) {
			struct fire *f = (struct fire *)(p + 1);
			*p = (struct point){addr, f, count, s->returns[h]};
			for (uint32_t i = first, k = 0; i < last && k < count; i++)
				if (s->ranges[i].end > addr &&
				    is_return(bytes, n, addr, s->ranges[i].fire.t->loaded->img->thunk))
					f[k++] = s->ranges[i].fire;
			s->returns[h] = p;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return p;
}

void dv_snap_translate(struct dv_snap *s, struct qemu_plugin_tb *tb, uint64_t va)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	if (!n)
		return;
	if (s->clock)
		dv_clock_translate(s->clock, tb, va, on_timer);
	if (!DV_KERNEL_VA(va))
		return;
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, n - 1);
	uint64_t last = qemu_plugin_insn_vaddr(insn);
	uint32_t at = first_point(s, va), in_ranges = ranges_before(s, last);
	bool ranges = in_ranges > 0 && s->ranges[in_ranges - 1].max_end > va;

	if ((at == s->point_count || s->points[at].addr > last) && !ranges)
		return;
	for (size_t i = 0; i < n; i++) {
		uint8_t bytes[16];
		insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t addr = qemu_plugin_insn_vaddr(insn);
		while (at < s->point_count && s->points[at].addr < addr)
			at++;
		if (at < s->point_count && s->points[at].addr == addr)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_probe, QEMU_PLUGIN_CB_R_REGS, &s->points[at]);
		if (!ranges)
			continue;
		size_t size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
		struct point *p = return_point(s, bytes, size < sizeof(bytes) ? size : sizeof(bytes), addr);
		if (p)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_probe, QEMU_PLUGIN_CB_R_REGS, p);
	}
}
