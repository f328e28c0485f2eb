/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of addresses in processes of this host: by program and shared object, while they run and after. */
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"
#include "tracer/impl.h"

__attribute__((noinline)) void the_function(void);
void the_function(void)
{
	__asm__ volatile("nop\nnop\nnop\nnop");
}

static void clear(struct dv_addr_name *n)
{
	n->module[0] = n->symbol[0] = 0;
	n->sym_start = n->base = 0;
}

// A process that waits to be killed.
static int waiting_child(void)
{
	int pid = fork();

	REQUIRE(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); // also when the test fails
		for (;;)
			pause();
	}
	return pid;
}

int main(void)
{
	uint64_t fn = (uint64_t)(uintptr_t)the_function, libc = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getppid");
	struct dv_frames f = {.kind = DV_STACK_USYM, .count = 1, .kernel = DV_KERNEL_LATEST};
	struct dv_addr a = {.user = true, .kernel = DV_KERNEL_LATEST, .addr = fn + 2};
	struct dv_addr_name n;
	struct dv_tracer *t;
	int pid;

	REQUIRE(!dv_tracer_create(&t));
	// Ourselves.
	a.pid = f.pid = (uint32_t)getpid();
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK_STR(n.module, "test_names");
	CHECK_STR(n.symbol, "the_function");
	CHECK_EQ(n.sym_start, fn);
	CHECK(n.base && n.base <= fn);
	a.addr = libc;
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK(strstr(n.module, "libc") != NULL);
	CHECK(strstr(n.symbol, "getppid") != NULL); // a function that no sanitizer stands in for
	// Where nothing is.
	a.addr = 8;
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK(!n.module[0] && !n.symbol[0]);
	// Keys with one name become one.
	f.pc[0] = fn + 3;
	dv_symbols_frames(t, &f);
	CHECK_EQ(f.pc[0], fn);
	f.kind = DV_STACK_UADDR;
	f.pc[0] = fn + 3;
	dv_symbols_frames(t, &f);
	CHECK_EQ(f.pc[0], fn + 3);
	f.kind = DV_STACK_UMOD;
	dv_symbols_frames(t, &f);
	CHECK(f.pc[0] && f.pc[0] < fn);

	// A process that is gone when it is printed: what was seen of it while it ran keeps its names.
	pid = waiting_child();
	f.kind = DV_STACK_USER;
	f.pid = a.pid = (uint32_t)pid;
	f.pc[0] = a.addr = fn + 1;
	dv_symbols_frames(t, &f);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK_STR(n.symbol, "the_function");
	// One that was not seen has none; nor has another one that bears its number.
	a.start = 12345;
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK(!n.module[0]);
	a.pid = (uint32_t)getpid();
	a.start = 7;
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK(!n.module[0]);
	// A process of -c: it was looked at when the session began, and has ended before an address of it came.
	pid = waiting_child();
	dv_procs_keep(t, pid);
	dv_procs_keep(t, 0x7ffffffe); // there is none
	a.pid = (uint32_t)pid;
	a.addr = fn + 1;
	a.start = 1;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK(!n.module[0]); // another one that bears its number
	a.start = 0;
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK_STR(n.symbol, "the_function");
	// No process, no names; nor on a machine that there is not.
	a = (struct dv_addr){.user = true, .addr = fn};
	clear(&n);
	dv_symbols_lookup(t, &a, &n);
	CHECK(!n.module[0]);
	a = (struct dv_addr){.user = true, .addr = fn, .machine = 5, .pid = (uint32_t)getpid()};
	dv_symbols_lookup(t, &a, &n);
	CHECK(!n.module[0]);
	dv_tracer_destroy(t);
	return test_done();
}
