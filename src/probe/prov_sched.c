// SPDX-License-Identifier: GPL-2.0-or-later
//
// sched: threads and CPUs. On a host most of it is the tracepoint sched_switch, which has the thread that goes and the
// one that comes. Its prototype: (preempt, prev, next) up to 5.17, (preempt, prev_state, prev, next) in 5.18,
// (preempt, prev, next, prev_state) since (kernel commits fa2c3254d7cf and 9c2136be0878).
//
// Where functions stand for it: __switch_to_asm, the last thing that is done for prev, and finish_task_switch, the first
// for next. Between the two the address space is next's already, so user memory read in off-cpu is that of next.
#include "probe/stable.h"

#define PREV_STATE "((" DV_TASK ")arg0)->__state"

static const struct dv_stable_row rows[] = {
	{"on-cpu", DV_AT_ENTRY, "finish_task_switch"},
	// In newer kernels, 6.18 for one. A thread's first time is missed: it does not come back from a switch.
	{"on-cpu", DV_AT_TRACEPOINT, "sched_exit_tp", .expect = {{0, "bool"}}, .guard = "arg0"},

	{"off-cpu", DV_AT_TRACEPOINT, "sched_switch", .expect = {{1, DV_TASK}, {2, DV_TASK}},
	 .args = {{DV_TASK, "arg2", "lwpsinfo_t *"}, {DV_TASK, "arg2", "psinfo_t *"}}},
	{"off-cpu", DV_AT_TRACEPOINT, "sched_switch", .expect = {{2, DV_TASK}, {3, DV_TASK}},
	 .args = {{DV_TASK, "arg3", "lwpsinfo_t *"}, {DV_TASK, "arg3", "psinfo_t *"}}},
	{"off-cpu", DV_AT_ENTRY, "__switch_to_asm", .no_proto = true, .expect = {{0, DV_TASK}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}}},
	// Where a function in assembly cannot be probed: the stack is next's already, the running task is still prev.
	{"off-cpu", DV_AT_ENTRY, "__switch_to", .expect = {{0, DV_TASK}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}}},

	{"sleep", DV_AT_TRACEPOINT, "sched_switch", .expect = {{0, "bool"}, {1, DV_TASK}, {3, "unsigned int"}},
	 .guard = "!arg0 && arg3"},
	{"sleep", DV_AT_TRACEPOINT, "sched_switch", .expect = {{0, "bool"}, {1, "unsigned int"}, {2, DV_TASK}},
	 .guard = "!arg0 && arg1"},
	{"sleep", DV_AT_TRACEPOINT, "sched_switch", .expect = {{0, "bool"}, {1, DV_TASK}},
	 .guard = "!arg0 && ((" DV_TASK ")arg1)->__state"},
	// A thread that was preempted on its way to sleep counts too.
	{"sleep", DV_AT_ENTRY, "__switch_to_asm", .no_proto = true, .expect = {{0, DV_TASK}}, .guard = PREV_STATE},
	{"sleep", DV_AT_ENTRY, "__switch_to", .expect = {{0, DV_TASK}}, .guard = PREV_STATE},

	{"preempt", DV_AT_TRACEPOINT, "sched_switch", .expect = {{0, "bool"}}, .guard = "arg0"},

	{"remain-cpu", DV_AT_TRACEPOINT, "sched_exit_tp", .expect = {{0, "bool"}}, .guard = "!arg0"},

	// Called through each class's table, so they are always functions of their own.
	{"enqueue", DV_AT_ENTRY, "enqueue_task_fair", .expect = {{0, "struct rq *"}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}, {"struct rq *", "arg0", "cpuinfo_t *"}}},
	{"enqueue", DV_AT_ENTRY, "enqueue_task_rt", true, .expect = {{0, "struct rq *"}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}, {"struct rq *", "arg0", "cpuinfo_t *"}}},
	{"enqueue", DV_AT_ENTRY, "enqueue_task_dl", true, .expect = {{0, "struct rq *"}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}, {"struct rq *", "arg0", "cpuinfo_t *"}}},

	{"dequeue", DV_AT_ENTRY, "dequeue_task_fair", .expect = {{0, "struct rq *"}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}, {"struct rq *", "arg0", "cpuinfo_t *"}}},
	{"dequeue", DV_AT_ENTRY, "dequeue_task_rt", true, .expect = {{0, "struct rq *"}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}, {"struct rq *", "arg0", "cpuinfo_t *"}}},
	{"dequeue", DV_AT_ENTRY, "dequeue_task_dl", true, .expect = {{0, "struct rq *"}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}, {"struct rq *", "arg0", "cpuinfo_t *"}}},

	{"wakeup", DV_AT_TRACEPOINT, "sched_wakeup", .expect = {{0, DV_TASK}},
	 .args = {{DV_TASK, "arg0", "lwpsinfo_t *"}, {DV_TASK, "arg0", "psinfo_t *"}}},
	{"wakeup", DV_AT_TRACEPOINT, "sched_wakeup_new", true, .expect = {{0, DV_TASK}},
	 .args = {{DV_TASK, "arg0", "lwpsinfo_t *"}, {DV_TASK, "arg0", "psinfo_t *"}}},
	{"wakeup", DV_AT_ENTRY, "ttwu_do_activate", .expect = {{0, "struct rq *"}, {1, DV_TASK}},
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}}},
	// From 6.12 on a thread that goes to sleep before its turn is over is left in its queue for a while (kernel commit
	// 152e11f6df29, "sched/fair: Implement delayed dequeue"); one that is woken meanwhile is put in order there:
	// ENQUEUE_DELAYED.
	{"wakeup", DV_AT_ENTRY, "enqueue_task_fair", true, .expect = {{0, "struct rq *"}, {1, DV_TASK}, {2, "int"}},
	 .has = {"struct sched_entity", "sched_delayed"}, .guard = "arg2 & 0x200",
	 .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}}},
	{"wakeup", DV_AT_ENTRY, "wake_up_new_task", true, .expect = {{0, DV_TASK}},
	 .args = {{DV_TASK, "arg0", "lwpsinfo_t *"}, {DV_TASK, "arg0", "psinfo_t *"}}},

	{"change-pri", DV_AT_ENTRY, "set_user_nice", .expect = {{0, DV_TASK}, {1, "long"}},
	 .args = {{DV_TASK, "arg0", "lwpsinfo_t *"}, {DV_TASK, "arg0", "psinfo_t *"}, {"long", "arg1", "pri_t"}}},

	{"surrender", DV_AT_ENTRY, "do_sched_yield",
	 .args = {{DV_TASK, "curthread", "lwpsinfo_t *"}, {DV_TASK, "curthread", "psinfo_t *"}}},

	// Renamed in 6.10 (kernel commit 86dd6c04ef9f).
	{"tick", DV_AT_ENTRY, "sched_tick",
	 .args = {{DV_TASK, "curthread", "lwpsinfo_t *"}, {DV_TASK, "curthread", "psinfo_t *"}}},
	{"tick", DV_AT_ENTRY, "scheduler_tick",
	 .args = {{DV_TASK, "curthread", "lwpsinfo_t *"}, {DV_TASK, "curthread", "psinfo_t *"}}},
};

const struct dv_provider dv_prov_sched = DV_STABLE("sched", rows);
