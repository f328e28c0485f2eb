// SPDX-License-Identifier: GPL-2.0-or-later
//
// Clocks on every CPU, for real: how often they run is what was asked for. Exit status 77: this kernel or this user
// cannot.
#include "machine/ebpf/perf.h"
#include "lib/test.h"
#include "machine/ebpf/event.h"
#include "machine/hits.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

// A kernel may let the clock of an idle CPU stand still: the threads below keep all of them busy.
static atomic_bool idle;

static void *keep_busy(void *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(*(uint32_t *)cpu, &set);
	(void)!pthread_setaffinity_np(pthread_self(), sizeof(set), &set); // not one that this process may use: some other
	while (!atomic_load(&idle))
		;
	return NULL;
}

// Its program runs on every CPU, as long as its descriptors are open.
static void event_of_tracepoint(void)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), event, prog, link;
	struct timespec wait = {0, 50000000};
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	CHECK(dv_event_tracepoint("sched/no_such", &event, &prog, &link) == ENOENT && event < 0 && prog < 0 && link < 0);
	CHECK_EQ(dv_event_tracepoint("sched/sched_switch", &event, &prog, &link), 0);
	nanosleep(&wait, NULL);
	CHECK(!bpf_obj_get_info_by_fd(prog, &info, &size));
	CHECK(stats < 0 || info.run_cnt > 0);
	if (link >= 0)
		close(link);
	close(event);
	close(prog);
	close(stats);
}

int main(void)
{
	int map = hits_map(), prog = map < 0 ? -1 : hits_program(map, BPF_PROG_TYPE_PERF_EVENT, 0, -1);
	uint32_t cpus[CPU_SETSIZE], count = dv_event_cpus(cpus, CPU_SETSIZE);
	struct dv_perf_clock a = {0}, b = {0};
	struct timespec wait = {0, 500000000};
	pthread_t busy[CPU_SETSIZE];
	uint64_t hits, after;
	double start, time;
	struct dv_error *e;

	if (prog < 0) {
		fprintf(stderr, "skipped: this user may not load programs into the kernel\n");
		return 77;
	}
	CHECK(count >= 1 && count <= (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
	CHECK_EQ(count, sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(dv_event_cpu_limit() >= (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
	for (uint32_t i = 0; i < count; i++)
		REQUIRE(!pthread_create(&busy[i], NULL, keep_busy, &cpus[i]));
	start = now();
	e = dv_perf_clock_attach(prog, 2000000, 1, &a);
	if (!e)
		e = dv_perf_clock_attach(prog, 10000000, 2, &b);
	if (e)
		fprintf(stderr, "%s\n", e->msg);
	REQUIRE(!e);
	CHECK_EQ(a.events.count, count);
	nanosleep(&wait, NULL);
	hits = hits_get(map, 1).count;
	time = now() - start;
	fprintf(stderr, "%llu and %llu hits in %.3f s on %u CPUs\n", (unsigned long long)hits,
		(unsigned long long)hits_get(map, 2).count, time, count);
	// Whatever else runs here: no more than was asked for, and not a tenth of it either.
	CHECK((double)hits <= (time / 0.002 + 2) * count);
	CHECK((double)hits >= time / 0.002 * count / 10);
	CHECK((double)hits_get(map, 2).count <= (time / 0.01 + 2) * count);
	CHECK(hits_get(map, 2).count > 0);
	CHECK_EQ(hits_get(map, 0).count, 0);
	dv_perf_clock_deinit(&a);
	after = hits_get(map, 1).count;
	nanosleep(&wait, NULL);
	CHECK_EQ(hits_get(map, 1).count, after);
	atomic_store(&idle, true);
	for (uint32_t i = 0; i < count; i++)
		pthread_join(busy[i], NULL);
	dv_perf_clock_deinit(&b);
	event_of_tracepoint();
	return test_done();
}
