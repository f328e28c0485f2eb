// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads are held by ptrace, without a signal that the VMM would see: SEIZE, INTERRUPT. A thread within KVM_RUN comes out of
 * it as for any signal (EINTR).
 *
 * They are held by a child: the kernel lets go of all that a process holds when that process ends. So a time limit is
 * a timer that kills it, and neither a dvirt that is killed nor one that is stopped (^Z) leaves a guest standing.
 */
#include "machine/kvm/stop.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/mem.h"

#define THREADS 4096u
#define PAUSE   20000u // between tries, us

// How long they are held at most, ms. A host that has too much to do needs more than one that has not.
static const unsigned limits[] = {50, 100, 100, 200, DV_STOP_MS};

enum step { SEIZING, HALTING, WORKING, REFUSED, DONE };
struct report { // shared with the child
	enum step step;
	int tid, error;
	uint64_t ns;
};
struct job {
	int pid;
	int32_t *tids;
	uint32_t count;
	bool (*fn)(void *ctx);
	void *ctx;
	unsigned limit;
	struct report *report;
};

static void limit(unsigned ms)
{
	struct itimerval t = {.it_value = {ms / 1000, ms % 1000 * 1000}};
	sigset_t none;

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static _Noreturn void hold(struct job *j, int *held)
{
	struct report *r = j->report;
	uint64_t began;

	setsid();
	r->step = SEIZING;
	// None is held yet, but a process that executes another program makes who wants to trace it wait: it may take long over that.
	limit(DV_STOP_MS);
	for (uint32_t i = 0; i < j->count; i++) {
		r->tid = j->tids[i];
		if (ptrace(PTRACE_SEIZE, j->tids[i], NULL, NULL) < 0) {
			r->error = errno;
			_exit(1);
		}
	}
	r->step = HALTING;
	began = dv_clock_ns();
	limit(j->limit);
	for (uint32_t i = 0; i < j->count; i++)
		if (ptrace(PTRACE_INTERRUPT, j->tids[i], NULL, NULL) < 0) {
			r->tid = j->tids[i];
			r->error = errno;
			_exit(1);
		}
	for (uint32_t i = 0; i < j->count; i++) {
		int status;

		r->tid = j->tids[i];
		if (waitpid(j->tids[i], &status, __WALL) != j->tids[i] || !WIFSTOPPED(status)) {
			r->error = ESRCH;
			_exit(1);
		}
		// One that was about to get a signal gets it when it is let go.
		held[i] = status >> 16 ? 0 : WSTOPSIG(status);
	}
	r->step = WORKING;
	if (j->fn(j->ctx))
		r->step = DONE;
	else
		r->step = REFUSED;
	for (uint32_t i = 0; i < j->count; i++)
		ptrace(PTRACE_DETACH, j->tids[i], NULL, held[i]);
	r->ns = dv_clock_ns() - began;
	_exit(0);
}

static int tracer_of(int pid, int tid)
{
	char path[64], line[128];
	int tracer = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (f)
		fclose(f);
	return tracer;
}

static bool is_thread(int pid, int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return tid > 0 && !access(path, F_OK);
}

static uint32_t all_threads(int pid, int32_t *tids)
{
	char path[64];
	uint32_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	for (struct dirent *e; d && n < THREADS && (e = readdir(d));)
		if (atoi(e->d_name) > 0)
			tids[n++] = atoi(e->d_name);
	if (d)
		closedir(d);
	return n;
}

static struct dv_error *failed(const struct job *j)
{
	const struct report *r = j->report;
	int tracer = tracer_of(j->pid, r->tid);

	switch (r->step) {
	case DONE:
		return NULL;
	case REFUSED:
		return dv_error_create(DV_ERR_OTHER, "the threads of process %d were held, but nothing could be done", j->pid);
	case SEIZING:
		if (tracer)
			return dv_error_hint(dv_error_create(DV_ERR_DENIED, "thread %d of process %d is being traced by process %d",
			                                     r->tid, j->pid, tracer),
			                     "a debugger that is attached to the virtual machine's process has to let go of it");
		break;
	case HALTING:
	case WORKING:
		break;
	}
	if (r->error)
		return dv_error_sys(r->error, "cannot hold thread %d of process %d", r->tid, j->pid);
	return dv_error_create(DV_ERR_LIMIT, "thread %d of process %d does not come to a halt within %u ms", r->tid, j->pid, DV_STOP_MS);
}

// The threads to be held; 0: the process is gone.
static uint32_t choose(int pid, const int32_t *tids, uint32_t count, int32_t *ret)
{
	uint32_t n = 0;

	while (tids && n < count && n < THREADS && is_thread(pid, tids[n])) {
		ret[n] = tids[n];
		n++;
	}
	return n && n == count ? n : all_threads(pid, ret);
}

struct dv_error *dv_stopped(int pid, const int32_t *tids, uint32_t count, bool (*fn)(void *ctx), void *ctx, uint64_t *ns)
{
	DV_FREE int32_t *list = dv_xcalloc(THREADS, sizeof(*list));
	DV_FREE int *held = dv_xcalloc(THREADS, sizeof(*held));
	struct report *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct job j = {pid, list, 0, fn, ctx, 0, r};
	struct dv_error *e = NULL;

	if (r == MAP_FAILED)
		return dv_error_sys(errno, "cannot map memory");
	for (unsigned attempt = 0; attempt < DV_COUNT(limits); attempt++) {
		pid_t child;

		dv_error_destroy(e);
		e = NULL;
		if (attempt)
			usleep(PAUSE);
		j.limit = limits[attempt];
		j.count = choose(pid, tids, count, list);
		if (!j.count || j.count == THREADS) {
			e = j.count ? dv_error_create(DV_ERR_LIMIT, "process %d has %u threads or more", pid, THREADS)
				    : dv_error_create(DV_ERR_GONE, "process %d is gone", pid);
			break;
		}
		memset(r, 0, sizeof(*r));
		child = fork();
		if (!child)
			hold(&j, held);
		if (child < 0) {
			e = dv_error_sys(errno, "cannot make a process");
			break;
		}
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		e = failed(&j);
		// A thread that ended meanwhile, one that was slow.
		if (!e || r->step == REFUSED || (r->step == SEIZING && r->error != ESRCH))
			break;
	}
	if (!e && ns)
		*ns = r->ns;
	munmap(r, sizeof(*r));
	return e;
}
