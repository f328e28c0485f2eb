// SPDX-License-Identifier: GPL-2.0-or-later
//
// What finding the machines and compiling the script took: time, and memory of this process.
#include "tracer/impl.h"

#include <string.h>
#include <time.h>

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

// A line of /proc/self/status, in bytes; 0: not known.
static uint64_t memory(const char *name)
{
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(name);
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && sscanf(line + n, ": %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

void dv_cost_begin(struct dv_tracer *t)
{
	t->cost.mark = now(CLOCK_MONOTONIC);
}

void dv_cost_found(struct dv_tracer *t)
{
	// proc(5): 5 makes the most so far what there is now.
	FILE *f = fopen("/proc/self/clear_refs", "we");

	if (f) {
		fputs("5\n", f);
		fclose(f);
	}
	t->cost.shown.memory_before = memory("VmRSS");
	t->cost.shown.find_ns = now(CLOCK_MONOTONIC) - t->cost.mark;
	t->cost.mark = now(CLOCK_MONOTONIC);
	t->cost.cpu_mark = now(CLOCK_PROCESS_CPUTIME_ID);
}

void dv_cost_compiled(struct dv_tracer *t)
{
	struct dv_tracer_cost *c = &t->cost.shown;
	const struct dv_tmachine *tm;
	uint64_t most;

	c->compile_ns = now(CLOCK_MONOTONIC) - t->cost.mark;
	c->compile_cpu_ns = now(CLOCK_PROCESS_CPUTIME_ID) - t->cost.cpu_mark;
	most = memory("VmHWM");
	c->memory_more = most > c->memory_before ? most - c->memory_before : 0;
	c->programs = (uint32_t)t->progs.count;
	c->places = (uint32_t)t->own->plans.count;
	DV_EACH_MACHINE(t, tm)
		c->places += (uint32_t)tm->plans.count;
}

void dv_tracer_measure(struct dv_tracer *t)
{
	t->cost.on = true;
}

const struct dv_tracer_cost *dv_tracer_cost(const struct dv_tracer *t)
{
	return &t->cost.shown;
}
