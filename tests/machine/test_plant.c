// SPDX-License-Identifier: GPL-2.0-or-later
//
// Traps in the code of a process whose threads run it all the while. The processor has no INVD for user programs, so a
// handler of the fault counts and goes on behind it, as KVM does: everything else is as in a guest, stores by another process
// into code that is being fetched among it.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "base/system.h"
#include "lib/errors.h"
#include "machine/kvm/plant.h"
#include "machine/kvm/stop.h"

#define BASE    0xffffffff81000000ULL /* the code's address, as traps have it */
#define SLOT    64u
#define FUNCS   1000u
#define THREADS 3u
#define CODE    (FUNCS * SLOT + SLOT)

struct shared {
	_Atomic uint64_t loops[THREADS], hits[THREADS], checked;
	_Atomic uint64_t armed;      // hits in one round of all functions, with a sequence number above; 0: not known
	_Atomic uint64_t wrong;
	_Atomic uint64_t stay;          // address where the handler waits
	_Atomic uint64_t here[THREADS]; // it does
	_Atomic int ready, end;
	uint8_t known[CODE];         // a trap may be here
};
static struct shared *sh;
static uint8_t *code;
static __thread unsigned self;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	greg_t *rip = &((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
	uint64_t off = (uint64_t)*rip - (uint64_t)(uintptr_t)code;

	(void)info;
	if (sig != SIGSEGV || off >= CODE || !sh->known[off]) {
		dprintf(2, "signal %d at +0x%llx\n", sig, (unsigned long long)off);
		_exit(9);
	}
	sh->hits[self]++;
	if (sh->stay == BASE + off) {
		while (sh->stay == BASE + off)
			sh->here[self] = BASE + off;
		sh->here[self] = 0;
	}
	*rip += 2;
}

static void *runner(void *arg)
{
	self = (unsigned)(uintptr_t)arg;
	while (!sh->end) {
		uint64_t armed = sh->armed, before = sh->hits[self];

		for (unsigned i = 0; i < FUNCS; i++) {
			int (*fn)(int) = (int (*)(int))(uintptr_t)(code + i * SLOT);

			int x = (int)(i / 6 + sh->loops[self]) % 3;

			if (fn(x) != x + 1)
				sh->wrong++;
		}
		if (armed && armed == sh->armed) {
			sh->checked++;
			if (sh->hits[self] - before != (uint32_t)armed)
				sh->wrong++;
		}
		sh->loops[self]++;
	}
	return NULL;
}

/* Shapes of kernels' functions, all of them x + 1. "T": a jump to the thunk. */
static const char *const shapes[] = {
    "0f1f440000 8d4701 c3cccccccc", // lea eax, [rdi+1]
    "f30f1efa 0f1f440000 85ff 7408 8d4701 c3cccccccc b801000000 c3 660f1f440000 0f1f8000000000 0f1f8000000000 0f1f840000000000",
    "0f1f440000 53 8d4701 5b T cccccc",
    "0f1f440000 85ff 7408 8d4701 T b801000000 T cccccc",
    "8d4701 T cc", // not to be traced: behind it is room
    "0f1f440000 8d4701 83ff01 0f84J b801000000 01f8 T", // J: the thunk, for a conditional jump
};

static unsigned lay(const char *s, uint8_t *to, uint64_t addr)
{
	unsigned n = 0, b;

	for (; *s; s++) {
		if (*s == 'T' || *s == 'J') {
			uint32_t rel;

			if (*s == 'T')
				to[n++] = 0xe9;
			rel = (uint32_t)(BASE + FUNCS * SLOT - (addr + n + 4));
			memcpy(to + n, &rel, 4);
			n += 4;
		} else if (*s != ' ' && sscanf(s, "%2x", &b) == 1) {
			to[n++] = (uint8_t)b;
			s++;
		}
	}
	return n;
}

static uint8_t sizes[FUNCS];

static void make_code(void)
{
	memset(code, 0xcc, CODE);
	for (unsigned i = 0; i < FUNCS; i++)
		sizes[i] = (uint8_t)lay(shapes[i % 6], code + i * SLOT, BASE + i * SLOT);
	code[FUNCS * SLOT] = 0xc3;
}

static pid_t start(int32_t *tids)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	pthread_t t[THREADS];
	char path[64];
	pid_t pid = fork();
	unsigned n = 0;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigaction(SIGSEGV, &sa, NULL);
		sigaction(SIGILL, &sa, NULL);
		sigaction(SIGTRAP, &sa, NULL);
		sigaction(SIGBUS, &sa, NULL);
		for (unsigned i = 0; i < THREADS; i++)
			if (pthread_create(&t[i], NULL, runner, (void *)(uintptr_t)i))
				_exit(8);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
		_exit(0);
	}
	while (n < THREADS + 1) { // the first one only waits
		n = 0;
		snprintf(path, sizeof(path), "ls /proc/%d/task", pid);
		FILE *f = popen(path, "r");
		int tid;

		while (f && n < THREADS + 1 && fscanf(f, "%d", &tid) == 1)
			if (n++)
				tids[n - 2] = tid;
		if (f)
			pclose(f);
	}
	return pid;
}

static double ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t here(void)
{
	for (unsigned i = 0; i < THREADS; i++)
		if (sh->here[i])
			return sh->here[i];
	return 0;
}

// Where a thread that we hold is, and what lies on its stack: the signal's frame, if it is in the handler.
static void look_at(int32_t tid, const uint64_t *addrs, uint32_t count, uint8_t *busy)
{
	struct user_regs_struct regs;
	uint64_t words[1024];
	struct iovec to = {words, sizeof(words)}, from;
	ssize_t n;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0) {
		memset(busy, 1, count);
		return;
	}
	from = (struct iovec){(void *)(regs.rsp & ~7ull), sizeof(words)};
	n = process_vm_readv(tid, &to, 1, &from, 1, 0);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t a = addrs[i] - BASE + (uint64_t)(uintptr_t)code;

		busy[i] |= regs.rip == a || regs.rip == a - 2;
		for (ssize_t k = 0; k < n / 8; k++)
			busy[i] |= words[k] == a || words[k] == a - 2;
	}
}

// All threads have gone round twice: none of them stands where it stood.
static bool quiet(void *ctx, const uint64_t *addrs, uint32_t count, uint8_t *busy, bool held)
{
	uint64_t at[THREADS];
	double until = ms() + 10000;

	for (uint32_t i = 1; i < count; i++)
		CHECK(addrs[i] > addrs[i - 1]);
	for (unsigned i = 0; held && i < THREADS; i++)
		look_at(((const int32_t *)ctx)[i], addrs, count, busy);
	if (held)
		return true;
	for (unsigned i = 0; i < THREADS; i++)
		at[i] = sh->loops[i];
	for (unsigned i = 0; i < THREADS; i++)
		while (sh->loops[i] < at[i] + 2 && !sh->here[i] && ms() < until)
			usleep(50);
	for (uint32_t i = 0; i < count; i++)
		busy[i] = here() && here() + 2 == addrs[i];
	return ms() < until;
}

static bool room(void *ctx, uint64_t *addr, uint8_t *was)
{
	unsigned *next = ctx, i = 4 + *next / 6 * 6, off = i * SLOT + 10 + *next % 6 * 8;

	if (i >= FUNCS)
		return false;
	++*next;
	*addr = BASE + off;
	memcpy(was, code + off, DV_TRAP_STUB_SIZE);
	return true;
}

// @p sp: entries bring the stack pointer along.
static void all_traps(dv_traps *ret, bool sp, unsigned *stops)
{
	static const uint64_t thunk = BASE + FUNCS * SLOT;
	struct dv_trap_set *set = dv_trap_set_create();
	char why[DV_TRAP_WHY];
	unsigned next = 0;

	for (unsigned i = 0; i < FUNCS; i++) {
		uint64_t addr = BASE + i * SLOT;
		struct dv_trap t;
		size_t before = ret->count;

		if (!dv_trap_entry(code + i * SLOT, sizes[i], addr, sp, &t))
			*DV_PUSH(ret) = t;
		else
			CHECK(i % 6 == 4);
		if (i % 6 == 4)
			continue;
		CHECK(dv_trap_returns(&(struct dv_trap_code){.addr = addr, .size = sizes[i], .text = code, .text_addr = BASE,
		                                             .text_size = CODE, .thunks = &thunk, .thunk_count = 1, .room = room, .ctx = &next},
		                      set, ret, NULL, why));
		CHECK_EQ(ret->count - before, i % 6 == 1 || i % 6 == 3 || i % 6 == 5 ? 3 : 2);
	}
	for (size_t i = 0; i < ret->count; i++) {
		struct dv_trap *t = &ret->data[i];

		t->hva = (uint64_t)(uintptr_t)code + (dv_trap_start(t) - BASE);
		if (t->jump_size)
			t->jump_hva = (uint64_t)(uintptr_t)code + (t->place - BASE);
		sh->known[t->pc - BASE] = 1;
		*stops += t->flags & DV_TRAP_STUB;
	}
	dv_trap_set_destroy(set);
}

// A round of all functions hits the entries and one return of each function that has its traps.
static uint64_t in_a_round(const dv_traps *t)
{
	uint64_t n = 0, last = 0;

	for (size_t i = 0; i < t->count; i++) {
		uint64_t slot = (t->data[i].place - BASE) / SLOT + 1;

		if (t->data[i].was[0] == 0x0f)
			n++;
		else if (slot != last)
			n++, last = slot;
	}
	return n;
}

struct times {
	double plant, unplant, held;
};

static void check_alive(pid_t pid)
{
	int status = 0;

	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(sh->wrong, 0);
}

static void rounds(struct dv_planter *p, dv_traps *t, unsigned count, const char *what)
{
	static uint8_t original[CODE];
	struct times best = {1e9, 1e9, 1e9};
	static uint64_t number;
	struct dv_planted r;
	unsigned stops = 0;

	memcpy(original, code, CODE);
	for (size_t i = 0; i < t->count; i++)
		stops += t->data[i].flags != 0;
	for (unsigned k = 0; k < count; k++) {
		double a = ms(), b;

		ok(dv_plant(p, t->data, t->count, &r));
		b = ms();
		best.plant = b - a < best.plant ? b - a : best.plant;
		if (r.held_ns)
			best.held = (double)r.held_ns / 1e6 < best.held ? (double)r.held_ns / 1e6 : best.held;
		CHECK_EQ(r.on, t->count);
		CHECK_EQ(r.adopted + r.off + r.foreign + r.restored, 0);
		sh->armed = ++number << 32 | in_a_round(t);
		if (k % 10 == 0) {
			uint64_t checked = sh->checked;

			for (double until = ms() + 5000; sh->checked == checked && ms() < until;)
				usleep(100);
			CHECK(sh->checked > checked);
		}
		sh->armed = 0;
		a = ms();
		ok(dv_unplant(p, t->data, t->count, &r));
		b = ms();
		best.unplant = b - a < best.unplant ? b - a : best.unplant;
		CHECK_EQ(r.off, t->count);
		if (k % 2) { // back in without having been all out
			ok(dv_plant(p, t->data, t->count, &r));
			CHECK_EQ(r.on, t->count);
			ok(dv_unplant(p, t->data, t->count, &r));
		}
		ok(dv_replant(p, t->data, t->count, 20, &r));
		CHECK_EQ(r.restored, t->count);
		CHECK(!memcmp(original, code, CODE));
		check_alive(p->pid);
		if (test_failures)
			break;
	}
	fprintf(stderr, "%s: %zu traps, %u by holding threads: in within %.2f ms, out within %.2f ms", what, t->count, stops,
	        best.plant, best.unplant);
	if (best.held < 1e9)
		fprintf(stderr, ", held for %.2f ms", best.held);
	fprintf(stderr, "\n");
}

// A thread has hit and not gone on yet: its trap's tail stays.
static void test_busy(struct dv_planter *p, dv_traps *t, bool sp)
{
	struct dv_planted r;
	uint8_t original[CODE];

	memcpy(original, code, CODE);
	for (unsigned k = 0; k < 40; k++) {
		struct dv_trap *x = &t->data[k * 7];

		sh->stay = x->pc;
		ok(dv_plant(p, t->data, t->count, &r));
		for (double until = ms() + 5000; !here() && ms() < until;)
			usleep(50);
		REQUIRE(here() == x->pc);
		ok(dv_unplant(p, t->data, t->count, &r));
		ok(dv_replant(p, t->data, t->count, 2, &r));
		// While threads are held, what lies on their stacks counts too, remains among it.
		CHECK(r.off == 1 || (sp && r.off >= 1 && r.off < 100));
		CHECK_EQ(r.restored + r.off, t->count);
		CHECK_EQ(x->state, DV_TRAP_OFF);
		CHECK(memcmp(original, code, CODE) != 0);
		sh->stay = 0;
		for (double until = ms() + 5000; here() && ms() < until;)
			usleep(50);
		ok(dv_replant(p, t->data, t->count, 20, &r));
		CHECK_EQ(r.restored, t->count);
		CHECK(!memcmp(original, code, CODE));
		check_alive(p->pid);
	}
	p->quiet = NULL;
	ok(dv_plant(p, t->data, t->count, &r));
	ok(dv_unplant(p, t->data, t->count, &r));
	ok(dv_replant(p, t->data, t->count, 20, &r));
	CHECK_EQ(r.off, t->count);
	p->quiet = quiet;
	ok(dv_replant(p, t->data, t->count, 20, &r));
	CHECK_EQ(r.restored, t->count);
}

// What somebody else has written stays.
static void test_foreign(struct dv_planter *p, dv_traps *t)
{
	struct dv_planted r;
	uint8_t mine[CODE];
	struct dv_trap *x = &t->data[0], *y = &t->data[2];

	sh->known[x->pc - BASE] = 1;
	memcpy(code + (x->pc - BASE), "\x66\x66\x66\x66\x90", 5); // another NOP
	ok(dv_plant(p, t->data, t->count, &r));
	CHECK_EQ(r.on, t->count - 1);
	CHECK_EQ(r.foreign, 1);
	CHECK_EQ(x->state, DV_TRAP_FOREIGN);
	// Left over: adopted.
	ok(dv_plant(p, t->data, t->count, &r));
	CHECK_EQ(r.adopted, t->count - 1);
	// The guest changes one that is in.
	CHECK_EQ(y->state, DV_TRAP_ON);
	memcpy(mine, code, CODE);
	code[y->pc - BASE + 1] = 0x1f;
	code[y->pc - BASE + 2] = 0x40;
	code[y->pc - BASE + 3] = 0x00;
	memcpy(mine + (y->pc - BASE), code + (y->pc - BASE), y->size);
	ok(dv_unplant(p, t->data, t->count, &r));
	CHECK_EQ(r.foreign, 2);
	CHECK(!memcmp(mine + (y->pc - BASE), code + (y->pc - BASE), y->size));
	memcpy(code + (y->pc - BASE), y->was, y->size);
	memcpy(code + (x->pc - BASE), x->was, x->size);
	ok(dv_replant(p, t->data, t->count, 20, &r));
	CHECK_EQ(r.restored, t->count);
	// Memory that is gone.
	x->hva = 4096;
	y->hva = 0;
	ok(dv_plant(p, t->data, t->count, &r));
	CHECK_EQ(r.foreign, 2);
	CHECK_EQ(r.on, t->count - 2);
	x->hva = (uint64_t)(uintptr_t)code + (x->pc - BASE);
	y->hva = (uint64_t)(uintptr_t)code + (y->pc - BASE);
	ok(dv_unplant(p, t->data, t->count, &r));
	ok(dv_replant(p, t->data, t->count, 20, &r));
	CHECK_EQ(r.restored, t->count);
	check_alive(p->pid);
}

static bool sleeps(void *ctx)
{
	(void)ctx;
	sleep(5);
	return true;
}

static bool nothing(void *ctx)
{
	(void)ctx;
	return true;
}

static bool refuses(void *ctx)
{
	(void)ctx;
	return false;
}

// Are all of the threads that run the code held by this process?
static bool all_held(void *ctx)
{
	const struct dv_planter *p = ctx;
	unsigned n = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		char path[64], line[128];
		int tracer = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/status", p->pid, p->tids[i]);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			sscanf(line, "TracerPid: %d", &tracer);
		if (f)
			fclose(f);
		n += tracer == getpid();
	}
	return n == THREADS;
}

static void *sleeper(void *arg)
{
	*(_Atomic int32_t *)arg = gettid();
	for (;;)
		pause();
	return NULL;
}

// A process that is in the middle of executing another program, and cannot go on: who wants to hold it waits for that.
static void test_executing(void)
{
	_Atomic int32_t *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_Atomic int32_t *held = other + 1;
	double a;
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&t, NULL, sleeper, (void *)other))
			_exit(1);
		while (!*held)
			usleep(100);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	while (!*other)
		usleep(100);
	CHECK(!ptrace(PTRACE_SEIZE, *other, NULL, PTRACE_O_TRACEEXIT));
	*held = 1;
	CHECK(waitpid(*other, NULL, __WALL) == *other); // it stands at its exit, and the program waits for that
	a = ms();
	dv_error_destroy(dv_stopped(pid, &(int32_t){pid}, 1, nothing, NULL, NULL));
	CHECK(ms() - a < 5 * DV_STOP_MS + 2000);
	ptrace(PTRACE_DETACH, *other, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap((void *)other, 4096);
}

static void test_holding(struct dv_planter *p)
{
	int32_t wrong[2] = {p->tids[0], getpid()}, unknown[2] = {p->tids[0], 0};
	uint64_t ns = 0, loops;
	double a = ms();

	ok(dv_stopped(p->pid, p->tids, p->tid_count, nothing, NULL, &ns));
	CHECK(ns > 0 && ns < 100000000);
	ok(dv_stopped(p->pid, NULL, 0, nothing, NULL, &ns));
	fprintf(stderr, "all threads held for %.2f ms\n", (double)ns / 1e6);
	ok(dv_stopped(p->pid, p->tids, p->tid_count, all_held, p, &ns));
	fails(dv_stopped(p->pid, p->tids, 1, all_held, p, &ns), "nothing could be done");
	// A virtual CPU whose thread has ended, or that never had one: whoever runs it now is held.
	ok(dv_stopped(p->pid, wrong, 2, all_held, p, &ns));
	ok(dv_stopped(p->pid, unknown, 2, all_held, p, &ns));
	fails(dv_stopped(p->pid, p->tids, p->tid_count, refuses, NULL, &ns), "nothing could be done");
	// It takes too long: they go on, all the same.
	a = ms();
	fails(dv_stopped(p->pid, p->tids, 1, sleeps, NULL, &ns), "does not come to a halt");
	CHECK(ms() - a < 2 * DV_STOP_MS + 2000);
	// Somebody else holds one.
	CHECK(!ptrace(PTRACE_SEIZE, p->tids[1], NULL, NULL));
	fails(dv_stopped(p->pid, p->tids, p->tid_count, nothing, NULL, &ns), "is being traced by process");
	CHECK(!ptrace(PTRACE_INTERRUPT, p->tids[1], NULL, NULL));
	CHECK(waitpid(p->tids[1], NULL, __WALL) > 0);
	CHECK(!ptrace(PTRACE_DETACH, p->tids[1], NULL, NULL));
	for (unsigned i = 0; i < THREADS; i++) {
		loops = sh->loops[i];
		for (double until = ms() + 5000; sh->loops[i] == loops && ms() < until;)
			usleep(100);
		CHECK(sh->loops[i] > loops);
	}
	check_alive(p->pid);
}

static unsigned asked;

static bool takes_long(void *ctx, const uint64_t *addrs, uint32_t count, uint8_t *busy, bool held)
{
	(void)ctx;
	(void)addrs;
	(void)count;
	(void)busy;
	asked++;
	if (!held)
		sleep(1);
	return false;
}

// Whoever has to be asked may be slow, at the guest's will: there is an end to it.
static void test_slow(struct dv_planter *p, dv_traps *t)
{
	struct dv_planter slow = *p;
	struct dv_planted r;
	double a;

	slow.quiet = takes_long;
	ok(dv_plant(p, t->data, t->count, &r));
	ok(dv_unplant(p, t->data, t->count, &r));
	a = ms();
	ok(dv_replant(&slow, t->data, t->count, 50, &r));
	CHECK(ms() - a < 8000);
	CHECK(asked >= 2 && asked <= 4);
	CHECK_EQ(r.off, t->count);
	ok(dv_replant(p, t->data, t->count, 20, &r));
	CHECK_EQ(r.restored, t->count);
	check_alive(p->pid);
}

static void test_gone(struct dv_planter *p, dv_traps *t)
{
	struct dv_planted r;

	p->start++;
	fails(dv_plant(p, t->data, t->count, &r), "is gone");
	p->start--;
	CHECK(p->start == dv_proc_start(p->pid));
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	fails(dv_plant(p, t->data, t->count, &r), "is gone");
	CHECK_EQ(dv_proc_start(p->pid), 0);
	p->start = 0;
	fails(dv_plant(p, t->data, t->count, &r), "is gone");
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 30, stops = 0;
	int32_t tids[THREADS];
	dv_traps all = {0}, bytes = {0}, few = {0}, sp = {0};
	struct dv_planter p = {.tids = tids, .tid_count = THREADS, .settle_ms = 0, .quiet = quiet, .ctx = tids};

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	code = mmap(NULL, CODE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(sh != MAP_FAILED && code != MAP_FAILED);
	make_code();
	all_traps(&all, false, &stops);
	CHECK(stops > FUNCS / 2);
	all_traps(&sp, true, &stops);
	CHECK_EQ(sp.count, all.count);
	for (size_t i = 0; i < all.count; i++)
		if (!(all.data[i].flags & DV_TRAP_STUB))
			*DV_PUSH(&bytes) = all.data[i];
	for (size_t i = 0; i < bytes.count; i++)
		if (bytes.data[i].pc < BASE + 50 * SLOT)
			*DV_PUSH(&few) = bytes.data[i];
	p.pid = start(tids);
	p.start = dv_proc_start(p.pid);
	rounds(&p, &few, 1000, "few, byte by byte");
	rounds(&p, &bytes, count, "byte by byte");
	rounds(&p, &all, count, "all");
	p.stop = true;
	rounds(&p, &all, count, "all, held");
	rounds(&p, &sp, count, "with the stack pointer, all held");
	p.stop = false;
	rounds(&p, &sp, count, "with the stack pointer");
	test_busy(&p, &sp, true);
	test_busy(&p, &all, false);
	test_foreign(&p, &all);
	test_holding(&p);
	test_executing();
	test_slow(&p, &few);
	test_gone(&p, &all);
	DV_VEC_FREE(&all);
	DV_VEC_FREE(&bytes);
	DV_VEC_FREE(&few);
	DV_VEC_FREE(&sp);
	return test_done();
}
