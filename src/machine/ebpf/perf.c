// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/ebpf/perf.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine/ebpf/event.h"

#define CPUS_MAX 8192u

static struct dv_error *attach_cpu(int prog, uint64_t period, uint64_t cookie, uint32_t cpu, struct dv_perf_clock *c)
{
	struct perf_event_attr attr = {
	    .size = sizeof(attr),
	    .type = PERF_TYPE_SOFTWARE,
	    .config = PERF_COUNT_SW_CPU_CLOCK,
	    .sample_period = period,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC), link = -1, err;

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return dv_error_hint(dv_error_create(DV_ERR_DENIED, "no permission for a clock on CPU %u", cpu),
				     "run dvirt as root, or with the capabilities BPF and PERFMON");
	// It was switched off just now.
	if (fd < 0 && errno == ENODEV)
		return NULL;
	if (fd < 0)
		return dv_error_sys(errno, "cannot make a clock of %llu ns on CPU %u", (unsigned long long)period, cpu);
	*DV_PUSH(&c->events) = fd;
	err = dv_event_program(fd, prog, cookie, &link);
	if (err)
		return dv_error_sys(err, "cannot run a program on the clock of CPU %u", cpu);
	if (link >= 0)
		*DV_PUSH(&c->links) = link;
	return NULL;
}

struct dv_error *dv_perf_clock_attach(int prog, uint64_t period_ns, uint64_t cookie, struct dv_perf_clock *ret)
{
	DV_FREE uint32_t *cpus = dv_xcalloc(CPUS_MAX, sizeof(*cpus));
	uint32_t count = dv_event_cpus(cpus, CPUS_MAX);
	struct dv_perf_clock c = {0};
	struct dv_error *e = NULL;

	if (period_ns < DV_PERF_CLOCK_MIN_NS)
		period_ns = DV_PERF_CLOCK_MIN_NS;
	for (uint32_t i = 0; i < count && i < CPUS_MAX && !e; i++)
		e = attach_cpu(prog, period_ns, cookie, cpus[i], &c);
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
