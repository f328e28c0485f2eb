// SPDX-License-Identifier: GPL-2.0-or-later
//
// proc: processes, threads and signals. Linux makes both processes and threads as tasks: what is about processes is
// about tasks that lead their group, and a process ends with the last thread of its group.
#include "probe/stable.h"

#define LEADS(t) "((" DV_TASK ")" t ")->group_leader == (" DV_TASK ")" t
#define FOLLOWS(t) "((" DV_TASK ")" t ")->group_leader != (" DV_TASK ")" t
#define LIVE(t) "((" DV_TASK ")" t ")->signal->live.counter"
// CLD_EXITED, CLD_KILLED, CLD_DUMPED of what wait(2) will say.
#define REASON(code) "(" code " & 0x80 ? 3 : " code " & 0x7f ? 2 : 1)"
#define EXIT_CODE "((" DV_TASK ")arg0)->exit_code"
#define HANDLER "((struct k_sigaction *)arg2)->sa.sa_handler"
#define KSIG "((struct ksignal *)arg1)"
// A signal that the kernel itself sends for what an instruction did: ILL, TRAP, BUS, FPE, SEGV. The fault's number in
// dlib/signal.d.
#define INFO(n) "((struct kernel_siginfo *)" n ")"
#define IS_FAULT(n) INFO(n) "->si_code > 0 && 1 << " INFO(n) "->si_signo & 0x9b0"
#define FAULT(n)                                                                                                      \
	INFO(n) "->si_signo == 4 ? 1 : " INFO(n) "->si_signo == 5 ? 3 : " INFO(n) "->si_signo == 7 ? "                \
	INFO(n) "->si_code == 1 ? 5 : 11 : " INFO(n) "->si_signo == 8 ? " INFO(n) "->si_code == 1 ? 8 : 9 : "         \
	INFO(n) "->si_code == 1 ? 6 : 5"
#define FAULT_ARGS(n) {{"int", FAULT(n)}, {"struct kernel_siginfo *", n, "siginfo_t *"}}

static const struct dv_stable_row rows[] = {
	{"create", DV_AT_TRACEPOINT, "sched_process_fork", .expect = {{0, DV_TASK}, {1, DV_TASK}}, .guard = LEADS("arg1"),
	 .args = {{DV_TASK, "arg1", "psinfo_t *"}}},
	{"create", DV_AT_ENTRY, "wake_up_new_task", .expect = {{0, DV_TASK}}, .guard = LEADS("arg0"),
	 .args = {{DV_TASK, "arg0", "psinfo_t *"}}},

	{"lwp-create", DV_AT_TRACEPOINT, "sched_process_fork", .expect = {{0, DV_TASK}, {1, DV_TASK}},
	 .guard = FOLLOWS("arg1"), .args = {{DV_TASK, "arg1", "lwpsinfo_t *"}, {DV_TASK, "arg1", "psinfo_t *"}}},
	{"lwp-create", DV_AT_ENTRY, "wake_up_new_task", .expect = {{0, DV_TASK}}, .guard = FOLLOWS("arg0"),
	 .args = {{DV_TASK, "arg0", "lwpsinfo_t *"}, {DV_TASK, "arg0", "psinfo_t *"}}},

	{"start", DV_AT_ENTRY, "schedule_tail", .guard = "((" DV_TASK ")curthread)->group_leader == (" DV_TASK ")curthread"},
	{"lwp-start", DV_AT_ENTRY, "schedule_tail"},

	// The tracepoint is there since 6.10, where the program was found to be one and could be opened.
	{"exec", DV_AT_ENTRY, "alloc_bprm", .expect = {{1, "struct filename *"}},
	 .args = {{"char *", "((struct filename *)arg1)->name", "string"}}},
	{"exec", DV_AT_TRACEPOINT, "sched_prepare_exec", .expect = {{0, DV_TASK}, {1, "struct linux_binprm *"}},
	 .args = {{"char *", "((struct linux_binprm *)arg1)->filename", "string"}}},

	{"exec-success", DV_AT_TRACEPOINT, "sched_process_exec", .expect = {{0, DV_TASK}}},
	{"exec-success", DV_AT_RETURN, "do_execveat_common", .guard = "(int)arg1 >= 0"},
	{"exec-success", DV_AT_RETURN, "kernel_execve", true, .guard = "(int)arg1 >= 0"},

	{"exec-failure", DV_AT_RETURN, "do_execveat_common", .guard = "(int)arg1 < 0", .args = {{"int", "-(int)arg1"}}},
	{"exec-failure", DV_AT_RETURN, "kernel_execve", true, .guard = "(int)arg1 < 0", .args = {{"int", "-(int)arg1"}}},

	// The second parameter came in 6.16.
	{"exit", DV_AT_TRACEPOINT, "sched_process_exit", .expect = {{0, DV_TASK}, {1, "bool"}}, .guard = "arg1",
	 .args = {{"int", REASON(EXIT_CODE)}}},
	{"exit", DV_AT_TRACEPOINT, "sched_process_exit", .expect = {{0, DV_TASK}}, .guard = LIVE("arg0") " == 0",
	 .args = {{"int", REASON(EXIT_CODE)}}},
	// At its entry the thread itself is counted. Two last threads on two CPUs may each see the other.
	{"exit", DV_AT_ENTRY, "do_exit", .expect = {{0, "long"}}, .guard = LIVE("curthread") " == 1",
	 .args = {{"int", REASON("arg0")}}},

	{"lwp-exit", DV_AT_TRACEPOINT, "sched_process_exit", .expect = {{0, DV_TASK}}},
	{"lwp-exit", DV_AT_ENTRY, "do_exit"},

	{"signal-send", DV_AT_TRACEPOINT, "signal_generate", .expect = {{0, "int"}, {2, DV_TASK}},
	 .args = {{DV_TASK, "arg2", "lwpsinfo_t *"}, {DV_TASK, "arg2", "psinfo_t *"}, {"int", "(int)arg0"}}},
	// Before 5.18 without "_locked".
	{"signal-send", DV_AT_ENTRY, "__send_signal_locked", .expect = {{0, "int"}, {2, DV_TASK}},
	 .args = {{DV_TASK, "arg2", "lwpsinfo_t *"}, {DV_TASK, "arg2", "psinfo_t *"}, {"int", "(int)arg0"}}},
	{"signal-send", DV_AT_ENTRY, "__send_signal", .expect = {{0, "int"}, {2, DV_TASK}},
	 .args = {{DV_TASK, "arg2", "lwpsinfo_t *"}, {DV_TASK, "arg2", "psinfo_t *"}, {"int", "(int)arg0"}}},

	// Its last parameter is TRACE_SIGNAL_IGNORED.
	{"signal-discard", DV_AT_TRACEPOINT, "signal_generate", .expect = {{0, "int"}, {2, DV_TASK}, {4, "int"}},
	 .guard = "(int)arg4 == 1",
	 .args = {{DV_TASK, "arg2", "lwpsinfo_t *"}, {DV_TASK, "arg2", "psinfo_t *"}, {"int", "(int)arg0"}}},

	// A function of the program's handles it: neither SIG_DFL nor SIG_IGN.
	{"signal-handle", DV_AT_TRACEPOINT, "signal_deliver",
	 .expect = {{0, "int"}, {1, "struct kernel_siginfo *"}, {2, "struct k_sigaction *"}},
	 .guard = "(unsigned long)" HANDLER " > 1",
	 .args = {{"int", "(int)arg0"}, {"struct kernel_siginfo *", "arg1", "siginfo_t *"}, {"void *", HANDLER}}},
	// Where the handler's frame has been made on the program's stack.
	{"signal-handle", DV_AT_ENTRY, "signal_setup_done", .expect = {{0, "int"}, {1, "struct ksignal *"}},
	 .guard = "(int)arg0 == 0",
	 .args = {{"int", KSIG "->sig"}, {"struct kernel_siginfo *", "&" KSIG "->info", "siginfo_t *"},
		  {"void *", KSIG "->ka.sa.sa_handler"}}},

	// What is no address stands for signals without more to tell.
	{"fault", DV_AT_TRACEPOINT, "signal_generate", .expect = {{0, "int"}, {1, "struct kernel_siginfo *"}},
	 .guard = "(unsigned long)arg1 > 2 && " IS_FAULT("arg1"), .args = FAULT_ARGS("arg1")},
	{"fault", DV_AT_ENTRY, "force_sig_info_to_task", .expect = {{0, "struct kernel_siginfo *"}}, .guard = IS_FAULT("arg0"),
	 .args = FAULT_ARGS("arg0")},

	{"signal-clear", DV_AT_RETURN, "do_sigtimedwait", .guard = "(int)arg1 > 0", .args = {{"int", "(int)arg1"}}},
};

const struct dv_provider dv_prov_proc = DV_STABLE("proc", rows);
