/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vtimestamp: how long a thread of the guest has really run.
 *
 * What a guest's kernel takes for a thread's running time goes on while the host runs something else in the virtual CPU's
 * place, and while a clause holds it up. The host's kernel knows better: it counts the CPU time of the thread that is
 * the virtual CPU. So that clock is read when a probe stops the guest, and again when the probe lets it go on; what
 * lies between is the tracing's own and left out, all else belongs to the guest's thread that runs. That changes at one
 * place of the kernel (dv_guest_layout::switch_va), which has a callback while some session uses vtimestamp.
 *
 *      guest runs     | firing |   guest runs   | switch |   guest runs
 *   ------------------+========+----------------+========+---------------
 *              on_cpu_ns --^   ^-- on_cpu_ns
 *      ran_ns += now - on_cpu_ns             time[prev] += ran_ns; ran_ns = 0
 *
 * A vCPU's two numbers are its own thread's. A thread's total is written on the vCPU that it leaves, and the guest
 * itself sees to it that it runs nowhere else before. Totals are kept by the thread's number, the idle threads' by CPU,
 * in a table of all numbers that Linux gives (PID_MAX_LIMIT), of which only pages that are used take memory. They start
 * with the first session that asks, and stay: a number that is given anew counts on, so that only differences mean something,
 * as in DTrace.
 */
#include "machine/qemu/plugin.h"

#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#define THREADS (1u << 22)
#define SIZE    (sizeof(uint64_t) * (THREADS + DV_VCPU_MAX))

static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool dv_vtime_prepare(char *msg, size_t msg_size)
{
	void *table;

	if (dv_cpu_shared()) {
		snprintf(msg, msg_size, "vtimestamp cannot be had: one thread runs all its virtual CPUs (TCG with thread=single)");
		return false;
	}
	if (g.vtime)
		return true;
	table = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table == MAP_FAILED) {
		snprintf(msg, msg_size, "no memory for the threads' times");
		return false;
	}
	__atomic_store_n(&g.vtime, table, __ATOMIC_RELEASE);
	return true;
}

void dv_vtime_begin(void)
{
	for (uint32_t i = 0; i < DV_VCPU_MAX; i++) {
		struct dv_vcpu *v = dv_vcpu_get(i);
		if (v)
			v->on_cpu_ns = v->ran_ns = 0;
	}
}

void dv_vtime_stop(struct dv_vcpu *v)
{
	if (v->on_cpu_ns)
		v->ran_ns += thread_ns() - v->on_cpu_ns;
}

void dv_vtime_go(struct dv_vcpu *v)
{
	v->on_cpu_ns = thread_ns();
}

/* Where a thread's total is; @p tid comes from the guest's memory. */
static uint64_t *total(const struct dv_vcpu *v, uint64_t tid)
{
	return g.vtime + (tid && tid < THREADS ? tid : THREADS + v->index);
}

uint64_t dv_vtime_now(struct dv_xplace *p)
{
	struct dv_vcpu *v = (struct dv_vcpu *)((char *)p - offsetof(struct dv_vcpu, place));

	return __atomic_load_n(total(v, p->base.ops->thread(&p->base)), __ATOMIC_RELAXED) + v->ran_ns;
}

void dv_vtime_switch(struct dv_vcpu *v)
{
	struct dv_xplace *p = &v->place;
	uint64_t task = dv_xplace_reg(p, DV_REG_RDI), *t;
	uint32_t tid = 0;

	if (!DV_KERNEL_VA(task) || !dv_xplace_read(p, task + p->loaded->img->layout.task_pid, &tid, sizeof(tid)))
		tid = 0;
	t = total(v, tid);
	__atomic_store_n(t, __atomic_load_n(t, __ATOMIC_RELAXED) + v->ran_ns, __ATOMIC_RELAXED);
	v->ran_ns = 0;
}
