// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/ebpf/perf.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine/ebpf/event.h"

#define CPUS_MAX 8192u

static int open_clock(uint64_t period, int tid, int cpu)
{
	struct perf_event_attr attr = {
	    .size = sizeof(attr),
	    .type = PERF_TYPE_SOFTWARE,
	    .config = PERF_COUNT_SW_CPU_CLOCK,
	    .sample_period = period < DV_PERF_CLOCK_MIN_NS ? DV_PERF_CLOCK_MIN_NS : period,
	};

	return (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static struct dv_error *refused(int err, uint64_t period, const char *what, int n)
{
	if (err == EACCES || err == EPERM)
		return dv_error_hint(dv_error_create(DV_ERR_DENIED, "no permission for a clock on %s %d", what, n),
				     "run dvirt as root, or with the capabilities BPF and PERFMON");
	return dv_error_sys(err, "cannot make a clock of %llu ns on %s %d", (unsigned long long)period, what, n);
}

static struct dv_error *attach_cpu(int prog, uint64_t period, uint64_t cookie, int cpu, struct dv_perf_clock *c)
{
	int fd = open_clock(period, -1, cpu), link = -1, err;

	// It was switched off just now.
	if (fd < 0 && errno == ENODEV)
		return NULL;
	if (fd < 0)
		return refused(errno, period, "CPU", cpu);
	*DV_PUSH(&c->events) = fd;
	err = dv_event_program(fd, prog, cookie, &link);
	if (err)
		return dv_error_sys(err, "cannot run a program on the clock of CPU %d", cpu);
	if (link >= 0)
		*DV_PUSH(&c->links) = link;
	return NULL;
}

struct dv_error *dv_perf_clock_thread(int prog, uint64_t period_ns, uint64_t cookie, int tid, int *event, int *link, bool *gone)
{
	int fd = open_clock(period_ns, tid, -1), err;

	*gone = fd < 0 && errno == ESRCH;
	if (*gone)
		return NULL;
	if (fd < 0)
		return refused(errno, period_ns, "thread", tid);
	*link = -1;
	err = dv_event_program(fd, prog, cookie, link);
	if (err) {
		close(fd);
		return dv_error_sys(err, "cannot run a program on the clock of thread %d", tid);
	}
	*event = fd;
	return NULL;
}

struct dv_error *dv_perf_clock_attach(int prog, uint64_t period_ns, uint64_t cookie, struct dv_perf_clock *ret)
{
	DV_FREE uint32_t *cpus = dv_xcalloc(CPUS_MAX, sizeof(*cpus));
	uint32_t count = dv_event_cpus(cpus, CPUS_MAX);
	struct dv_perf_clock c = {0};
	struct dv_error *e = NULL;

	for (uint32_t i = 0; i < count && i < CPUS_MAX && !e; i++)
		e = attach_cpu(prog, period_ns, cookie, (int)cpus[i], &c);
	if (e)
		dv_perf_clock_deinit(&c);
	else
		*ret = c;
	return e;
}

void dv_perf_clock_deinit(struct dv_perf_clock *c)
{
	for (size_t i = 0; i < c->links.count; i++)
		close(c->links.data[i]);
	for (size_t i = 0; i < c->events.count; i++)
		close(c->events.data[i]);
	DV_VEC_FREE(&c->links);
	DV_VEC_FREE(&c->events);
}
