// SPDX-License-Identifier: GPL-2.0-or-later
//
// What becomes of traps when dvirt is killed. The VMM is a process that only has memory; who traces it is another.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/system.h"
#include "lib/errors.h"
#include "machine/kvm/guard.h"
#include "machine/kvm/keep.h"

#define BASE  0xffffffff81000000ULL
#define SLOT  16u
#define FUNCS 2000u
#define CODE  (FUNCS * (SLOT + 8)) /* room for stubs behind the functions */

static uint8_t *code, original[CODE];
static char dir[] = "/tmp/dvirt-guard.XXXXXX", file[64];
static pid_t vmm;
static uint64_t vmm_start;

static void start_vmm(void)
{
	memset(code, 0xcc, CODE);
	for (unsigned i = 0; i < FUNCS; i++)
		memcpy(code + i * SLOT, i % 3 ? "\x0f\x1f\x44\x00\x00\x90\x90\xc3\xcc\xcc\xcc" : "\xe9\x04\x00\x00\x00\xcc\xcc\xcc\xcc\xc3\xcc\xcc",
		       12);
	memcpy(original, code, sizeof(original));
	vmm = fork();
	if (!vmm) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	vmm_start = dv_proc_start(vmm);
	snprintf(file, sizeof(file), "%s/kvm-%d.traps", dir, vmm);
}

static void end_vmm(void)
{
	kill(vmm, SIGKILL);
	waitpid(vmm, NULL, 0);
}

// Entries; where there is none, a jump that cannot be replaced without holding the threads.
static bool room(void *ctx, uint64_t *addr, uint8_t *was)
{
	unsigned off = FUNCS * SLOT + *(const unsigned *)ctx * 8;

	*addr = BASE + off;
	memset(was, 0xcc, DV_TRAP_STUB_SIZE);
	return true;
}

static void traps(dv_traps *ret)
{
	struct dv_trap_set *set = dv_trap_set_create();

	for (unsigned i = 0; i < FUNCS; i++) {
		uint64_t thunk = BASE + i * SLOT + 9;
		struct dv_trap_code c = {.addr = BASE + i * SLOT, .size = 5, .text = code, .text_addr = BASE, .text_size = FUNCS * SLOT,
		                         .thunks = &thunk, .thunk_count = 1, .room = room, .ctx = &i};
		char why[DV_TRAP_WHY];
		struct dv_trap t;

		if (i % 3 == 0)
			CHECK(dv_trap_returns(&c, set, ret, NULL, why));
		else if (!dv_trap_entry(code + i * SLOT, SLOT, BASE + i * SLOT, false, &t))
			*DV_PUSH(ret) = t;
	}
	CHECK_EQ(ret->count, FUNCS);
	for (size_t i = 0; i < ret->count; i++) {
		ret->data[i].hva = (uint64_t)(uintptr_t)code + ret->data[i].pc - BASE;
		if (ret->data[i].jump_size)
			ret->data[i].jump_hva = (uint64_t)(uintptr_t)code + ret->data[i].place - BASE;
	}
	dv_trap_set_destroy(set);
}

static unsigned on(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FUNCS; i++)
		n += i % 3 ? code[i * SLOT] == 0x0f && code[i * SLOT + 1] == 0x08 : code[i * SLOT + 1] != 4;
	return n;
}

static bool nobody(void *ctx, const uint64_t *addrs, uint32_t count, uint8_t *busy, bool held)
{
	(void)held;
	(void)ctx;
	(void)addrs;
	memset(busy, 0, count);
	return true;
}

static struct dv_planter planter(void)
{
	return (struct dv_planter){.pid = vmm, .start = vmm_start, .quiet = nobody};
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

// A dvirt that traces the guest until it is killed; its guardian's pid in *guardian.
static pid_t tracer(pid_t *guardian, bool dies)
{
	int pipefd[2], n;
	char path[64];
	pid_t pid;
	FILE *f;

	REQUIRE(!pipe(pipefd));
	pid = fork();
	if (!pid) {
		struct dv_planter p = planter();
		struct dv_planted r;
		struct dv_guard *g;
		dv_traps t = {0};

		setpgid(0, 0);
		traps(&t);
		if (dv_guard_open(vmm, vmm_start, &g) || dv_guard_plant(g, &p, t.data, t.count, &r) || r.on != FUNCS)
			_exit(7);
		if (write(pipefd[1], "", 1) != 1)
			_exit(6);
		for (; !dies;)
			pause();
		// A normal end.
		if (dv_guard_remove(g, &p, 3, &r) || r.restored != FUNCS)
			_exit(5);
		dv_guard_close(g);
		_exit(0);
	}
	close(pipefd[1]);
	CHECK_EQ(read(pipefd[0], path, 1), 1);
	close(pipefd[0]);
	*guardian = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	while (f && fscanf(f, "%d", &n) == 1)
		*guardian = n;
	if (f)
		fclose(f);
	CHECK(dies || *guardian > 0);
	return pid;
}

static bool gone(pid_t pid)
{
	for (unsigned i = 0; i < 500; i++) {
		char path[64], state = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1 || state == 'Z' || state == 'X') {
			if (f)
				fclose(f);
			return true;
		}
		fclose(f);
		usleep(10000);
	}
	return false;
}

static void check_comm(pid_t pid, const char *want)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "r");
	CHECK(f && fscanf(f, "%31s", comm) == 1);
	if (f)
		fclose(f);
	CHECK_STR(comm, want);
}

static unsigned open_files(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

// A session: all traps in; and all out again, byte for byte. How many were put right for that.
static struct dv_guard *begin(const struct dv_planter *p, dv_traps *t, unsigned adopted)
{
	struct dv_planted r;
	struct dv_guard *g;

	ok(dv_guard_open(vmm, vmm_start, &g));
	CHECK_EQ(on(), 0);
	traps(t);
	ok(dv_guard_plant(g, p, t->data, t->count, &r));
	CHECK_EQ(r.on, FUNCS);
	CHECK_EQ(r.adopted, adopted);
	return g;
}

static uint32_t end(struct dv_guard *g, const struct dv_planter *p)
{
	struct dv_planted r;

	ok(dv_guard_remove(g, p, 3, &r));
	CHECK(!memcmp(code, original, sizeof(original)));
	dv_guard_close(g);
	CHECK(!there(file));
	return r.restored;
}

// The next session takes over what is left and puts it right.
static void next_session(unsigned adopted)
{
	struct dv_planter p = planter();
	dv_traps t = {0};

	CHECK_EQ(end(begin(&p, &t, adopted), &p), FUNCS);
	DV_VEC_FREE(&t);
}

static void test_normal(void)
{
	pid_t guardian, pid = tracer(&guardian, true);
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(!memcmp(code, original, sizeof(original)));
	CHECK(!there(file));
	CHECK(!guardian || gone(guardian));
}

static struct dv_cleaned cleaned;
static unsigned cleaned_count;

static void on_cleaned(void *ctx, const struct dv_cleaned *c)
{
	(void)ctx;
	cleaned = *c;
	cleaned_count++;
}

static void clean(void)
{
	memset(&cleaned, 0, sizeof(cleaned));
	cleaned_count = 0;
	ok(dv_guard_clean(on_cleaned, NULL));
}

static void test_killed(void)
{
	struct stat st;
	struct dv_guard *g;
	struct timespec a, b;
	pid_t guardian, pid = tracer(&guardian, false);

	check_comm(guardian, "dvirt-guard");
	CHECK_EQ(open_files(guardian), 4);
	CHECK_EQ(getpgid(guardian), guardian);
	CHECK_EQ(on(), FUNCS);
	CHECK(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);
	// It is taken.
	clean();
	CHECK_EQ(cleaned_count, 1);
	CHECK_EQ(cleaned.owner, pid);
	CHECK_EQ(cleaned.pid, vmm);
	CHECK_EQ(on(), FUNCS);
	fails(dv_guard_open(vmm, vmm_start, &g), "dvirt traces it already");
	kill(guardian, SIGTERM);
	kill(guardian, SIGINT);

	clock_gettime(CLOCK_MONOTONIC, &a);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (on() && clock_gettime(CLOCK_MONOTONIC, &b) == 0 && b.tv_sec < a.tv_sec + 5)
		usleep(100);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK_EQ(on(), 0);
	fprintf(stderr, "out %.1f ms after dvirt was killed\n",
	        (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	CHECK(gone(guardian));
	// What lies behind stays, and stays written down.
	CHECK(memcmp(code, original, sizeof(original)) != 0);
	CHECK(there(file));
}

// The jumps that are off are no jumps any more: only the file knows them.
static void restore(void)
{
	struct dv_planter p = planter();
	struct dv_guard *g;

	ok(dv_guard_open(vmm, vmm_start, &g));
	CHECK_EQ(on(), 0);
	CHECK_EQ(end(g, &p), FUNCS);
}

static void test_both_killed(void)
{
	pid_t guardian, pid = tracer(&guardian, false);

	kill(guardian, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(gone(guardian));
	CHECK_EQ(on(), FUNCS);
	clean();
	CHECK_EQ(cleaned_count, 1);
	CHECK_EQ(cleaned.owner, 0);
	CHECK_EQ(cleaned.counts.off, FUNCS);
	CHECK(!cleaned.failed);
	CHECK_EQ(on(), 0);
	restore();
	clean();
	CHECK_EQ(cleaned_count, 0);

	// The next session by itself.
	pid = tracer(&guardian, false);
	kill(guardian, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_EQ(on(), FUNCS);
	restore();

	// The guest is no more.
	pid = tracer(&guardian, false);
	kill(guardian, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	end_vmm();
	CHECK(there(file));
	clean();
	CHECK_EQ(cleaned_count, 1);
	CHECK(cleaned.gone);
	CHECK(!there(file));
	memcpy(code, original, sizeof(original));
	start_vmm();
}

// What is said, or "".
static const char *look(struct dv_kvm_keep *k, struct dv_guard *g, dv_traps *t, bool copied)
{
	static char note[256];
	struct dv_planter p = planter();

	if (copied)
		p.quiet = NULL;
	note[0] = '\0';
	dv_kvm_keep_look(k, copied, g, &p, t, note, sizeof(note));
	return note;
}

// Snapshots and migrations.
static void test_memory_moves(void)
{
	struct dv_planter p = planter();
	struct dv_kvm_keep k = {0};
	dv_traps t = {0};
	struct dv_guard *g = begin(&p, &t, 0);

	CHECK_EQ(on(), FUNCS);
	t.data[5].state = DV_TRAP_OFF; // as one that took too much time
	CHECK(!*look(&k, g, &t, false));
	CHECK(strstr(look(&k, g, &t, true), "out as long"));
	CHECK_EQ(on(), 0);
	CHECK(!*look(&k, g, &t, true));
	CHECK_EQ(on(), 0);
	CHECK(strstr(look(&k, g, &t, false), "in again"));
	CHECK_EQ(on(), FUNCS - 1);
	CHECK(!*look(&k, g, &t, false));
	// Memory as it was before.
	memcpy(code, original, sizeof(original));
	CHECK(strstr(look(&k, g, &t, false), "put back"));
	CHECK_EQ(on(), FUNCS - 1);
	CHECK(!*look(&k, g, &t, false) && !*look(&k, g, &t, false));
	// And with other code in one place, which keeps it.
	memcpy(code, original, sizeof(original));
	memset(code + SLOT, 0x90, 5);
	CHECK(strstr(look(&k, g, &t, false), "put back"));
	CHECK_EQ(on(), FUNCS - 2);
	memcpy(code + SLOT, original + SLOT, 5);
	for (unsigned i = 0; i < 4; i++)
		CHECK(!*look(&k, g, &t, false));
	CHECK_EQ(on(), FUNCS - 2);
	// A log that is always kept means nothing, until it has ended.
	k = (struct dv_kvm_keep){.always = true};
	CHECK(!*look(&k, g, &t, true) && !*look(&k, g, &t, true) && !*look(&k, g, &t, false));
	CHECK_EQ(on(), FUNCS - 2);
	CHECK(strstr(look(&k, g, &t, true), "out as long"));
	CHECK(strstr(look(&k, g, &t, false), "in again"));
	end(g, &p);
	DV_VEC_FREE(&t);
}

// The guest ends under its session.
static void test_guest_ends(void)
{
	struct dv_planter p = planter();
	dv_traps t = {0};
	struct dv_guard *g = begin(&p, &t, 0);

	CHECK(there(file));
	end_vmm();
	dv_guard_close(g);
	CHECK(!there(file));
	DV_VEC_FREE(&t);
	memcpy(code, original, sizeof(original));
	start_vmm();
}

// A virtual CPU of the guest's has been taken away, and its thread with it.
static void test_thread_ended(void)
{
	const int32_t tids[] = {vmm, 0x3fffffff};
	struct dv_planter p = planter();
	dv_traps t = {0};

	p.tids = tids;
	p.tid_count = 2;
	CHECK_EQ(end(begin(&p, &t, 0), &p), FUNCS);
	DV_VEC_FREE(&t);
}

// A debugger has one of its threads: what needs them held cannot be taken out, and stays written down.
static void test_debugged(void)
{
	struct dv_planter p = planter();
	struct dv_planted r;
	dv_traps t = {0};
	struct dv_guard *g = begin(&p, &t, 0);
	unsigned stubs = 0;

	for (size_t i = 0; i < t.count; i++)
		stubs += t.data[i].flags & DV_TRAP_STUB;
	CHECK(!ptrace(PTRACE_SEIZE, vmm, NULL, NULL));
	fails(dv_guard_remove(g, &p, 3, &r), "is being traced by process");
	CHECK(stubs && stubs < FUNCS);
	CHECK_EQ(r.on, stubs);
	CHECK_EQ(r.restored, FUNCS - stubs);
	CHECK_EQ(on(), stubs);
	dv_guard_close(g);
	CHECK(there(file));
	clean();
	CHECK_EQ(cleaned_count, 1);
	CHECK(cleaned.failed);
	CHECK_EQ(cleaned.counts.on, stubs);
	fails(dv_guard_open(vmm, vmm_start, &g), "is being traced by process");
	CHECK(!ptrace(PTRACE_INTERRUPT, vmm, NULL, NULL) && waitpid(vmm, NULL, __WALL) == vmm);
	CHECK(!ptrace(PTRACE_DETACH, vmm, NULL, NULL));
	ok(dv_guard_open(vmm, vmm_start, &g));
	CHECK_EQ(end(g, &p), stubs);
	DV_VEC_FREE(&t);
}

// A file that somebody else has for long does not keep the guardian from ours, nor does a guest whose memory cannot be had.
static void test_others(void)
{
	enum { OTHERS = 3 };
	char paths[OTHERS][64];
	int fds[OTHERS];
	struct timespec a, b;
	pid_t guardian, pid;

	for (unsigned i = 0; i < OTHERS; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/kvm-%u.traps", dir, 1 + i);
		fds[i] = open(paths[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		CHECK(fds[i] >= 0 && !flock(fds[i], LOCK_EX));
	}
	pid = tracer(&guardian, false);
	clock_gettime(CLOCK_MONOTONIC, &a);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (on() && clock_gettime(CLOCK_MONOTONIC, &b) == 0 && b.tv_sec < a.tv_sec + 5)
		usleep(100);
	CHECK(gone(guardian));
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK_EQ(on(), 0);
	CHECK(b.tv_sec - a.tv_sec < 3);
	for (unsigned i = 0; i < OTHERS; i++) {
		unlink(paths[i]);
		close(fds[i]);
	}
	restore();
}

// A VMM that has who reads its memory wait for it for ever. 0: this kernel, or this user, has no userfaultfd.
static pid_t start_hanging(uint64_t *page)
{
	uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid) {
		struct uffdio_api api = {.api = UFFD_API};
		struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING, .range.len = 4096};
		void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		reg.range.start = (uint64_t)(uintptr_t)p;
		if (p == MAP_FAILED || fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
			_exit(1);
		__atomic_store_n(shared, reg.range.start, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	while (!(*page = __atomic_load_n(shared, __ATOMIC_ACQUIRE)) && !waitpid(pid, NULL, WNOHANG))
		usleep(100);
	munmap(shared, 4096);
	return *page ? pid : 0;
}

static void put_at(const char *path, const void *p, size_t size, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT, mode);
	CHECK(fd >= 0 && write(fd, p, size) == (ssize_t)size);
	fchmod(fd, mode);
	close(fd);
}

static void test_hanging(void)
{
	enum { FILES = 8 }; // whichever is read first
	struct {
		struct { // as in guard.c
			char magic[8];
			uint32_t row_size, count;
			int32_t pid, owner;
			uint64_t start, owner_start;
		} head;
		struct dv_trap trap;
	} bytes = {.head = {.magic = "dvtraps1", .row_size = sizeof(struct dv_trap), .count = 1}};
	uint64_t page = 0;
	pid_t guardian, pid, hanging = start_hanging(&page);
	struct timespec a, b;
	char path[64];

	if (!hanging) {
		fprintf(stderr, "no userfaultfd here: guests whose memory cannot be had are left out\n");
		return;
	}
	pid = tracer(&guardian, false);
	CHECK(!dv_trap_entry((const uint8_t *)"\x0f\x1f\x44\x00\x00\x90\x90\x90\x90", 9, BASE, false, &bytes.trap));
	bytes.trap.hva = page;
	bytes.head.pid = hanging;
	bytes.head.start = dv_proc_start(hanging);
	bytes.head.owner = pid;
	bytes.head.owner_start = dv_proc_start(pid);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/kvm-%u.traps", dir, 1 + i);
		put_at(path, &bytes, sizeof(bytes), 0600);
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (on() && clock_gettime(CLOCK_MONOTONIC, &b) == 0 && b.tv_sec < a.tv_sec + 5)
		usleep(100);
	CHECK_EQ(on(), 0);
	kill(hanging, SIGKILL);
	waitpid(hanging, NULL, 0);
	CHECK(gone(guardian));
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/kvm-%u.traps", dir, 1 + i);
		CHECK(!there(path));
	}
	restore();
}

static void put_file(const void *p, size_t size, mode_t mode)
{
	put_at(file, p, size, mode);
}

// A file says what it likes: nothing is stored but over a trap.
static void test_hostile(void)
{
	uint8_t good[4096], bad[4096];
	char other[64];
	struct dv_guard *g;
	struct dv_planter p = planter();
	struct dv_planted r;
	pid_t guardian, pid = tracer(&guardian, false);
	ssize_t size;
	int fd;

	kill(guardian, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd = open(file, O_RDONLY);
	size = read(fd, good, sizeof(good));
	close(fd);
	CHECK_EQ(size, (ssize_t)sizeof(good));
	restore();

	srand(1);
	for (unsigned i = 0; i < 3000; i++) {
		memcpy(bad, good, sizeof(bad));
		for (unsigned k = rand() % 6; k; k--)
			bad[(unsigned)rand() % (k % 2 ? 48 : sizeof(bad))] = (uint8_t)rand();
		if (i % 2) // as many as there are
			memcpy(bad + 12, (uint32_t[]){40}, 4);
		put_file(bad, i % 5 ? sizeof(bad) : (unsigned)rand() % sizeof(bad), 0600);
		clean();
		CHECK(!memcmp(code, original, sizeof(original)));
	}
	put_file(good, sizeof(good), 0644);
	fails(dv_guard_open(vmm, vmm_start, &g), "cannot use the file");
	clean();
	CHECK_EQ(cleaned_count, 0);
	unlink(file);
	CHECK(!symlink("/dev/null", file));
	fails(dv_guard_open(vmm, vmm_start, &g), "cannot use the file");
	clean();
	unlink(file);
	// A second name.
	put_file(good, sizeof(good), 0600);
	snprintf(other, sizeof(other), "%s/other", dir);
	CHECK(!link(file, other));
	fails(dv_guard_open(vmm, vmm_start, &g), "cannot use the file");
	clean();
	CHECK_EQ(cleaned_count, 0);
	unlink(other);
	unlink(file);
	CHECK(!mkfifo(file, 0600));
	fails(dv_guard_open(vmm, vmm_start, &g), "cannot use the file");
	clean();
	unlink(file);
	// Of a process with that number that was another.
	memcpy(bad, good, sizeof(bad));
	bad[24] ^= 1;
	put_file(bad, sizeof(bad), 0600);
	ok(dv_guard_open(vmm, vmm_start, &g));
	ok(dv_guard_remove(g, &p, 1, &r));
	CHECK_EQ(r.restored + r.off + r.foreign + r.on, 0);
	dv_guard_close(g);
	CHECK(!there(file));
	clean();
	CHECK_EQ(cleaned_count, 0);
}

int main(void)
{
	REQUIRE(mkdtemp(dir));
	setenv("DVIRT_RUNDIR", dir, 1);
	code = mmap(NULL, CODE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(code != MAP_FAILED);
	start_vmm();
	test_normal();
	test_killed();
	restore();
	test_both_killed();
	test_memory_moves();
	test_guest_ends();
	test_thread_ended();
	test_debugged();
	test_others();
	test_hanging();
	next_session(0);
	test_hostile();
	end_vmm();
	CHECK(!rmdir(dir));
	return test_done();
}
