// SPDX-License-Identifier: GPL-2.0-or-later
//
// The loop of a running session: one thread that waits for whatever comes first, the next tick, the next look at the
// buffers, a word from a machine, a change in the runtime directory, or the end.
#include "tracer/impl.h"

#include <poll.h>
#include <sys/inotify.h>
#include <time.h>

#define MS 1000000ull
#define RESCAN_EVERY (250 * MS)
#define RESCAN_FOR (3000 * MS) /* a new socket's owner may need a moment until it answers */
#define BLOCK_PERIOD (5 * MS)  /* under bufpolicy=block virtual CPUs wait for us */
#define HELD_FOR (3000 * MS)   /* a clause that does not end holds up the output so long before that is said */
#define BUSY_RECORDS 2000u     /* so many at once: look again soon */

#define WATCHES 8u /* backends, at most */
#define FDS_MAX (2 + DV_UNTIL_MAX + WATCHES + DV_MACH_MAX)

struct loop {
	struct dv_tracer *t;
	int inotify;
	int watch[WATCHES]; /* of each backend; -1: none */
	uint64_t consume, aggs, status, rescan, rescan_until;
	uint64_t held, held_since; /* the firing that holds up the order, and since when */
	bool held_told;
};

static void ticks(struct loop *l, uint64_t now)
{
	struct dv_tracer *t = l->t;

	for (size_t i = 0; i < t->ticks.count; i++) {
		struct dv_tick *k = &t->ticks.data[i];

		if (k->next > now)
			continue;
		dv_session_fire(t, k->site);
		k->next += k->period;
		if (k->next <= now) // we were late: those that are past are not made up for
			k->next = now + k->period - (now - k->next) % k->period;
	}
}

// What a machine has to say: events, another kernel, its end.
static void look_after(struct dv_tracer *t, struct dv_tmachine *tm)
{
	struct dv_guest *before = tm->guest;

	if (tm->gone)
		return;
	// Its records are printed with the types of the kernel that made them.
	dv_session_consume(t, false);
	tm->m->ops->poll(tm->m);
	if (tm->m->note[0])
		dv_tracer_say(t, "machine '%s': %s", tm->name, tm->m->note);
	tm->m->note[0] = '\0';
	if (tm->m->state == DV_MACHINE_GONE) {
		dv_session_gone(t, tm);
		return;
	}
	dv_region_threads(t, tm);
	if (tm->m->state == DV_MACHINE_WAITING && !tm->waiting) {
		tm->waiting = true;
		tm->loaded = false;
		tm->guest = NULL;
		__atomic_store_n(&dv_tracer_hdr(t)->machines[tm->index].live, 0, __ATOMIC_RELEASE);
		dv_tracer_say(t, "machine '%s' has restarted; waiting for its kernel", tm->name);
		dv_probe_set_forget(&t->probes, tm->m);
		return;
	}
	if (tm->m->state == DV_MACHINE_READY && (tm->waiting || tm->m->guest != before)) {
		if (!tm->waiting)
			dv_probe_set_forget(&t->probes, tm->m);
		tm->universe = dv_tmachine_universe(t, tm);
		dv_session_join(t, tm);
	}
}

// A clause takes microseconds. One that does not end is on a machine that was stopped in it, and nothing is printed.
static void look_for_held(struct loop *l, uint64_t now)
{
	struct dv_tracer *t = l->t;
	const struct dv_tmachine *tm;
	uint32_t producer;
	uint64_t firing;

	if (!dv_consume_held(t->consumer, &producer, &firing)) {
		l->held = 0;
		return;
	}
	if (firing != l->held) {
		l->held = firing;
		l->held_since = now;
		l->held_told = false;
	}
	if (l->held_told || now - l->held_since < HELD_FOR)
		return;
	l->held_told = true;
	DV_EACH_MACHINE(t, tm)
		if (producer >= tm->prod && producer - tm->prod < tm->prod_count)
			dv_tracer_say(t, "output waits for machine '%s', whose CPU %u stands still in a clause%s",
				      tm->name, (producer - tm->prod) / dv_tmachine_levels(tm),
				      tm->index ? ": is its QEMU stopped?" : "");
}

static void rescan_soon(struct loop *l)
{
	l->rescan = 0;
	l->rescan_until = dv_now() + RESCAN_FOR;
}

static void drain_inotify(struct loop *l)
{
	char buf[4096] __attribute__((aligned(8)));

	while (read(l->inotify, buf, sizeof(buf)) > 0)
		;
	rescan_soon(l);
}

static void open_watches(struct loop *l)
{
	for (size_t i = 0, n = 0; i < WATCHES; i++) {
		const struct dv_backend *b = dv_backends[n];

		l->watch[i] = b && b->watch ? b->watch() : -1;
		n += b != NULL;
	}
}

static void close_watches(struct loop *l)
{
	for (size_t i = 0; i < WATCHES; i++)
		if (l->watch[i] >= 0)
			close(l->watch[i]);
}

static bool any_waiting(const struct dv_tracer *t)
{
	const struct dv_tmachine *tm;

	DV_EACH_MACHINE(t, tm)
		if (tm->waiting && !tm->gone)
			return true;
	for (size_t i = 0; i < t->unusable.count; i++)
		if (t->unusable.data[i]->state == DV_MACHINE_WAITING)
			return true;
	return false;
}

static void rescan(struct loop *l, uint64_t now)
{
	struct dv_tracer *t = l->t;
	struct dv_tmachine *tm;

	if (now < l->rescan)
		return;
	l->rescan = UINT64_MAX;
	DV_EACH_MACHINE(t, tm)
		if (tm->waiting)
			look_after(t, tm);
	if (now < l->rescan_until || any_waiting(t))
		dv_tracer_rescan(t, dv_session_join);
	if (now < l->rescan_until || any_waiting(t))
		l->rescan = dv_now() + RESCAN_EVERY;
}

static uint64_t next_deadline(const struct loop *l)
{
	uint64_t n = l->consume < l->aggs ? l->consume : l->aggs;

	if (l->status < n)
		n = l->status;
	if (l->rescan < n)
		n = l->rescan;
	for (size_t i = 0; i < l->t->ticks.count; i++)
		if (l->t->ticks.data[i].next < n)
			n = l->t->ticks.data[i].next;
	return n;
}

static void wait_for_something(struct loop *l)
{
	struct dv_tracer *t = l->t;
	struct pollfd fds[FDS_MAX];
	struct dv_tmachine *who[FDS_MAX] = {0}, *tm;
	uint64_t now = dv_now(), at = next_deadline(l), d = at > now ? at - now : 0;
	struct timespec ts = {.tv_sec = (time_t)(d / 1000000000u), .tv_nsec = (long)(d % 1000000000u)};
	nfds_t n = 0, watches, first;

	fds[n++] = (struct pollfd){.fd = t->stop_fd, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = l->inotify, .events = POLLIN};
	for (size_t i = 0; i < t->until.count; i++)
		fds[n++] = (struct pollfd){.fd = t->until.data[i], .events = POLLIN};
	watches = n;
	for (size_t i = 0; i < WATCHES; i++)
		fds[n++] = (struct pollfd){.fd = l->watch[i], .events = POLLIN};
	first = n;
	DV_EACH_MACHINE(t, tm) {
		if (tm->gone || tm->m->poll_fd < 0 || n >= DV_COUNT(fds))
			continue;
		who[n] = tm;
		fds[n++] = (struct pollfd){.fd = tm->m->poll_fd, .events = POLLIN};
	}
	if (ppoll(fds, n, &ts, NULL) <= 0)
		return;
	if (fds[1].revents)
		drain_inotify(l);
	for (size_t i = 0; i < t->until.count; i++) {
		if (!fds[2 + i].revents)
			continue;
		t->until.data[i] = -1;
		if (!--t->until_left)
			dv_tracer_stop(t);
	}
	for (size_t i = 0; i < WATCHES; i++)
		if (fds[watches + i].revents && dv_backends[i]->news(l->watch[i]))
			rescan_soon(l);
	for (nfds_t i = first; i < n; i++)
		if (fds[i].revents)
			look_after(t, who[i]);
}

// How often the buffers are read; setopt() may change it.
static uint64_t read_period(const struct dv_tracer *t)
{
	uint64_t period = t->opts.switchrate;

	return t->opts.policy == DV_OPT_BLOCK && period > BLOCK_PERIOD ? BLOCK_PERIOD : period;
}

void dv_tracer_loop(struct dv_tracer *t)
{
	struct loop l = {.t = t, .inotify = -1, .rescan = UINT64_MAX};
	struct dv_tmachine *tm;
	uint64_t now = dv_now(), period = read_period(t);
	char dir[256];
	struct dv_error *e = t->guests ? dv_rundir(true, dir, sizeof(dir)) : NULL;

	if (e) {
		dv_error_destroy(e); // no new machines then
	} else if (t->guests) {
		l.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (l.inotify >= 0)
			inotify_add_watch(l.inotify, dir, IN_CREATE | IN_MOVED_TO | IN_DELETE);
		for (unsigned n = 0; l.inotify >= 0 && dv_rundir_sudo(n, dir, sizeof(dir)); n++)
			inotify_add_watch(l.inotify, dir, IN_CREATE | IN_MOVED_TO | IN_DELETE);
	}
	open_watches(&l);
	l.consume = now + period;
	l.aggs = now + t->opts.aggrate;
	l.status = now + t->opts.statusrate;
	if (any_waiting(t))
		l.rescan = now + RESCAN_EVERY;
	while (!t->exiting && !atomic_load(&t->stop) && !dv_session_halted(t)) {
		wait_for_something(&l);
		now = dv_now();
		ticks(&l, now);
		if (now >= l.consume) {
			size_t n = dv_session_consume(t, false);

			period = read_period(t);
			l.consume = now + (n >= BUSY_RECORDS && period > BLOCK_PERIOD ? BLOCK_PERIOD : period);
		}
		if (now >= l.aggs) {
			dv_aggs_snap(t->consumer, false);
			l.aggs = now + t->opts.aggrate;
		}
		if (now >= l.status) {
			dv_session_drops(t);
			look_for_held(&l, now);
			DV_EACH_MACHINE(t, tm)
				look_after(t, tm); // does its kernel still run?
			l.status = now + t->opts.statusrate;
		}
		rescan(&l, now);
	}
	close_watches(&l);
	if (l.inotify >= 0)
		close(l.inotify);
}
