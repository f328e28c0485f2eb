/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All tasks: the list of processes that starts at init_task, and the threads of each in its signal_struct. The guest
 * goes on meanwhile, so a walk may end early or, on a list that was changed to loop, at its bound.
 */
#include <string.h>

#include "guest/priv.h"

#define TASKS_MAX (1u << 20)

static struct dv_error *cannot_read(uint64_t task)
{
	return dv_error_create(DV_ERR_FAULT, "cannot read the task at 0x%llx", (unsigned long long)task);
}

struct dv_error *dv_guest_tasks(struct dv_guest *g, dv_task_fn *fn, void *ctx)
{
	const struct dv_guest_layout *l = &g->layout;
	uint64_t init = dv_guest_addr(g, "init_task"), task = init;
	uint32_t tasks, signal, head, node;
	unsigned budget = TASKS_MAX;

	if (g->root)
		return dv_local_tasks(g, fn, ctx);
	if (!g->types || !init || l->task_pid == DV_OFF_NONE || l->task_tgid == DV_OFF_NONE ||
	    l->task_comm == DV_OFF_NONE || !dv_btf_member(g->types->base, "task_struct", "tasks", &tasks, NULL))
		return dv_error_create(DV_ERR_UNKNOWN, "the list of tasks of kernel %s is not known", g->release);
	if (!dv_btf_member(g->types->base, "task_struct", "signal", &signal, NULL) ||
	    !dv_btf_member(g->types->base, "signal_struct", "thread_head", &head, NULL) ||
	    !dv_btf_member(g->types->base, "task_struct", "thread_node", &node, NULL))
		signal = DV_OFF_NONE;
	do {
		uint64_t sig = 0, list = 0, at = 0, next;
		bool threads = signal != DV_OFF_NONE && dv_guest_read(g, task + signal, &sig, 8) && sig >> 63 &&
		               dv_guest_read(g, list = sig + head, &at, 8) && at != list;
		uint64_t t = threads ? at - node : task;

		for (;;) {
			char comm[64] = "";
			int32_t pid, tgid;
			uint32_t n = l->task_comm_size < sizeof(comm) ? l->task_comm_size : sizeof(comm) - 1;

			if (!budget)
				return NULL;
			budget--;
			if (!dv_guest_read(g, t + l->task_pid, &pid, 4) ||
			    !dv_guest_read(g, t + l->task_tgid, &tgid, 4) ||
			    !dv_guest_read(g, t + l->task_comm, comm, n))
				return cannot_read(t);
			if (!fn(ctx, t, pid, tgid, comm))
				return NULL;
			if (!threads || !dv_guest_read(g, t + node, &at, 8) || at == list)
				break;
			t = at - node;
		}
		if (!dv_guest_read(g, task + tasks, &next, 8))
			return cannot_read(task);
		task = next - tasks;
	} while (task != init && budget);
	return NULL;
}
