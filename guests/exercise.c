/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exercise COMMAND [ARGUMENT...]: does a known amount of something in a guest and
 * prints, one per line as "NAME VALUE", how much it did. The test-suite and the
 * benchmarks compare that with what a trace says.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	int e = errno;
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "exercise: ");
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, e ? ": %s\n" : "\n", strerror(e));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t number(const char *s, const char *what)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(s, &end, 0);
	if (errno || !*s || *end) {
		errno = 0;
		fail("%s is not a number: \"%s\"", what, s);
	}
	return v;
}

static void report(const char *name, uint64_t value)
{
	printf("%s %llu\n", name, (unsigned long long)value);
}

/* What one step of a loop does. */
enum op { OP_GETPPID, OP_READ, OP_WRITE, OP_OPEN, OP_SPIN, OP_NONE };

static const char *const op_names[] = { "getppid", "read", "write", "open", "spin" };

static enum op op_of(const char *s)
{
	for (int i = 0; i < OP_NONE; i++)
		if (!strcmp(s, op_names[i]))
			return (enum op)i;
	errno = 0;
	fail("no such operation \"%s\" (getppid, read, write, open, spin)", s);
}

static uint64_t loop(enum op op, uint64_t n)
{
	int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
	volatile uint64_t x = 0;
	uint64_t i;
	char c = 0;

	if (zero < 0 || null < 0)
		fail("/dev/zero or /dev/null");
	for (i = 0; i < n && !stop; i++) {
		switch (op) {
		case OP_GETPPID:
			syscall(SYS_getppid);
			break;
		case OP_READ:
			if (read(zero, &c, 1) != 1)
				fail("read");
			break;
		case OP_WRITE:
			if (write(null, &c, 1) != 1)
				fail("write");
			break;
		case OP_OPEN: {
			int fd = open("/etc/hostname", O_RDONLY);

			if (fd < 0)
				fail("/etc/hostname");
			close(fd);
			break;
		}
		default:
			x = x + i;
		}
	}
	close(zero);
	close(null);
	return i;
}

static int run_loop(enum op op, uint64_t n)
{
	uint64_t t = now_ns(), done = loop(op, n);

	t = now_ns() - t;
	report(op_names[op], done);
	report("pid", (uint64_t)getpid());
	report("ns", t);
	if (done)
		printf("ns_each %.1f\n", (double)t / (double)done);
	return 0;
}

struct worker {
	pthread_t thread;
	enum op op;
	uint64_t n, done;
	long tid;
	pthread_barrier_t *start;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	w->tid = syscall(SYS_gettid);
	pthread_barrier_wait(w->start);
	w->done = loop(w->op, w->n);
	return NULL;
}

/* threads COUNT N OP: one line "thread TID DONE" each, and the total. */
static int run_threads(unsigned count, uint64_t n, enum op op)
{
	struct worker *w = calloc(count, sizeof(*w));
	pthread_barrier_t start;
	uint64_t total = 0, t;

	if (!w || count == 0)
		fail("threads");
	pthread_barrier_init(&start, NULL, count + 1);
	for (unsigned i = 0; i < count; i++) {
		w[i] = (struct worker){ .op = op, .n = n, .start = &start };
		if (pthread_create(&w[i].thread, NULL, work, &w[i]))
			fail("pthread_create");
	}
	pthread_barrier_wait(&start);
	t = now_ns();
	for (unsigned i = 0; i < count; i++)
		pthread_join(w[i].thread, NULL);
	t = now_ns() - t;
	for (unsigned i = 0; i < count; i++) {
		printf("thread %ld %llu\n", w[i].tid, (unsigned long long)w[i].done);
		total += w[i].done;
	}
	report("pid", (uint64_t)getpid());
	report("total", total);
	report("ns", t);
	return 0;
}

static int udp(const char *bind_to, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s < 0)
		fail("socket");
	if (bind_to && bind(s, (struct sockaddr *)&a, sizeof(a)))
		fail("UDP port %u", port);
	return s;
}

struct packet {
	uint64_t round;
	char rest[1464];
};

/* pong PORT ROUNDS: answer each new packet; ends after ROUNDS of them (0: never). */
static int run_pong(unsigned port, uint64_t rounds)
{
	int s = udp("", port);
	uint64_t answered = 0, again = 0, last = 0;
	struct packet p;

	printf("ready\n");
	fflush(stdout);
	while (!stop && (rounds == 0 || answered < rounds)) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(s, &p, sizeof(p), 0, (struct sockaddr *)&from, &len);

		if (n < (ssize_t)sizeof(p.round))
			continue;
		if (p.round == last && answered) {
			again++;
		} else {
			answered++;
			last = p.round;
		}
		sendto(s, &p, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
	report("answered", answered);
	report("again", again);
	return 0;
}

/* ping ADDRESS PORT ROUNDS [SIZE]: one packet in flight at any time. */
static int run_ping(const char *addr, unsigned port, uint64_t rounds, size_t size)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = udp(NULL, 0);
	uint64_t again = 0, i, t, lo = UINT64_MAX, hi = 0;
	struct packet p = { 0 }, q;

	if (inet_pton(AF_INET, addr, &to.sin_addr) != 1) {
		errno = 0;
		fail("not an IPv4 address: \"%s\"", addr);
	}
	if (size < sizeof(p.round) || size > sizeof(p))
		size = 64;
	if (connect(s, (struct sockaddr *)&to, sizeof(to)))
		fail("connect to %s:%u", addr, port);
	t = now_ns();
	for (i = 0; i < rounds && !stop; i++) {
		uint64_t t0 = now_ns(), d;
		int tries = 0;

		p.round = i + 1;
		for (;;) {
			struct pollfd f = { .fd = s, .events = POLLIN };
			ssize_t n;

			if (send(s, &p, size, 0) < 0 && errno != ECONNREFUSED)
				fail("send to %s:%u", addr, port);
			do
				n = poll(&f, 1, 1000) > 0 ? recv(s, &q, sizeof(q), MSG_DONTWAIT) : 0;
			while (n >= (ssize_t)sizeof(q.round) && q.round != p.round);
			if (n >= (ssize_t)sizeof(q.round))
				break;
			again++;
			if (++tries > 30 || stop) {
				errno = 0;
				fail("no answer from %s:%u in round %llu", addr, port,
				     (unsigned long long)p.round);
			}
			if (n < 0)
				poll(NULL, 0, 100);
		}
		d = now_ns() - t0;
		lo = d < lo ? d : lo;
		hi = d > hi ? d : hi;
	}
	t = now_ns() - t;
	report("rounds", i);
	report("again", again);
	report("ns", t);
	if (i) {
		report("ns_min", lo);
		report("ns_avg", t / i);
		report("ns_max", hi);
	}
	return 0;
}

static int tcp(const char *addr, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (inet_pton(AF_INET, addr, &to.sin_addr) != 1) {
		errno = 0;
		fail("not an IPv4 address: \"%s\"", addr);
	}
	if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof(to)))
		fail("connect to %s:%u", addr, port);
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

/* redis ADDRESS PORT N [MS]: N INCR commands on one connection (0: until stopped). */
static int run_redis(const char *addr, unsigned port, uint64_t n, int pause_ms)
{
	static const char cmd[] = "*2\r\n$4\r\nINCR\r\n$4\r\nhits\r\n";
	int s = tcp(addr, port);
	uint64_t i, t = now_ns();
	char buf[256];

	for (i = 0; (n == 0 || i < n) && !stop; i++) {
		ssize_t r;

		if (write(s, cmd, sizeof(cmd) - 1) != (ssize_t)sizeof(cmd) - 1)
			fail("write to %s:%u", addr, port);
		r = read(s, buf, sizeof(buf) - 1);
		if (r <= 0)
			fail("no answer from %s:%u", addr, port);
		buf[r] = '\0';
		if (buf[0] != ':') {
			errno = 0;
			fail("%s:%u answered: %s", addr, port, buf);
		}
		if (pause_ms)
			poll(NULL, 0, pause_ms);
	}
	report("requests", i);
	report("ns", now_ns() - t);
	return 0;
}

/* http ADDRESS PORT N [MS]: N requests, a connection each (0: until stopped). */
static int run_http(const char *addr, unsigned port, uint64_t n, int pause_ms)
{
	static const char get[] = "GET / HTTP/1.0\r\nHost: guest\r\n\r\n";
	uint64_t i, bytes = 0, t = now_ns();
	char buf[4096];

	for (i = 0; (n == 0 || i < n) && !stop; i++) {
		int s = tcp(addr, port);
		ssize_t r;

		if (write(s, get, sizeof(get) - 1) != (ssize_t)sizeof(get) - 1)
			fail("write to %s:%u", addr, port);
		while ((r = read(s, buf, sizeof(buf))) > 0)
			bytes += (uint64_t)r;
		close(s);
		if (pause_ms)
			poll(NULL, 0, pause_ms);
	}
	report("requests", i);
	report("bytes", bytes);
	report("ns", now_ns() - t);
	return 0;
}

/* files N: mount a tmpfs, make N files in it, run /bin/true N times, unmount. */
static int run_files(uint64_t n)
{
	const char *dir = "/tmp/exercise.mnt";
	uint64_t opens = 0, execs = 0, unlinks = 0;
	char path[64];

	mkdir(dir, 0755);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
		fail("mount %s", dir);
	for (uint64_t i = 0; i < n && !stop; i++) {
		int fd, status;
		pid_t pid;

		snprintf(path, sizeof(path), "%s/f%llu", dir, (unsigned long long)i);
		fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
		if (fd < 0)
			fail("%s", path);
		opens++;
		if (write(fd, "x", 1) != 1)
			fail("write to %s", path);
		close(fd);
		pid = fork();
		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			fail("/bin/true");
		execs++;
		if (unlink(path) == 0)
			unlinks++;
	}
	if (umount(dir))
		fail("umount %s", dir);
	rmdir(dir);
	report("pid", (uint64_t)getpid());
	report("mounts", 1);
	report("opens", opens);
	report("execs", execs);
	report("unlinks", unlinks);
	return 0;
}

/* load THREADS [OP]: until SIGTERM or SIGINT, then the counts. */
static int run_load(unsigned threads, enum op op)
{
	return run_threads(threads, UINT64_MAX, op);
}

/* ticket: two threads that hand a turn to each other N times through a futex. */
static uint32_t turn;

static void futex(int what, uint32_t value)
{
	syscall(SYS_futex, &turn, what, value, NULL, NULL, 0);
}

struct player {
	pthread_t thread;
	uint32_t me;
	uint64_t n;
};

static void *play(void *arg)
{
	struct player *p = arg;

	for (uint64_t i = 0; i < p->n; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != p->me)
			futex(FUTEX_WAIT_PRIVATE, !p->me);
		syscall(SYS_getpriority, 0, p->me);
		__atomic_store_n(&turn, !p->me, __ATOMIC_RELEASE);
		futex(FUTEX_WAKE_PRIVATE, 1);
	}
	return NULL;
}

static int run_turns(uint64_t n)
{
	struct player p[2] = { { .me = 0, .n = n }, { .me = 1, .n = n } };

	for (int i = 0; i < 2; i++)
		if (pthread_create(&p[i].thread, NULL, play, &p[i]))
			fail("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(p[i].thread, NULL);
	report("turns", n * 2);
	return 0;
}

/*
 * straddle N: N calls of a function, each written anew, with an instruction that begins on one page and ends on another
 * which has to be faulted in first. An emulator is in the middle of translating it then.
 */
static int run_straddle(uint64_t n)
{
	static const uint8_t code[] = { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0xc3 }; /* mov $..., %rax; ret */
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("straddle", MFD_CLOEXEC);
	uint64_t i;
	uint8_t *p;

	if (fd < 0 || ftruncate(fd, (off_t)(2 * page)))
		fail("memfd_create");
	p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fail("mmap");
	for (i = 0; i < n && !stop; i++) {
		uint64_t (*f)(void) = (uint64_t (*)(void))(uintptr_t)(p + page - 4);

		memcpy(p + page - 4, code, sizeof(code));
		if (madvise(p + page, page, MADV_DONTNEED))
			fail("madvise");
		if (f() != 0x0807060504030201)
			fail("the function returned something else");
	}
	report("calls", i);
	return 0;
}

static void usage(void)
{
	fputs("usage: exercise COMMAND [ARGUMENT...]\n"
	      "  getppid N | read N | write N | open N | spin N   a loop of N steps\n"
	      "  threads COUNT N [OP]       COUNT threads, N steps each\n"
	      "  load COUNT [OP]            the same, until SIGTERM\n"
	      "  turns N                    two threads, N turns each, one after the other\n"
	      "  pong PORT [ROUNDS]         answer UDP packets\n"
	      "  ping ADDRESS PORT ROUNDS [SIZE]\n"
	      "  redis ADDRESS PORT N [MS]  N INCR commands, MS apart (N = 0: until SIGTERM)\n"
	      "  http ADDRESS PORT N [MS]   N requests\n"
	      "  files N                    mount, and N times create, fork, exec, unlink\n"
	      "  straddle N                 run code that ends on a page that is not there\n"
	      "  as NAME COMMAND...         any of these under another process name\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	const char *c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (argc > 3 && !strcmp(argv[1], "as")) {
		prctl(PR_SET_NAME, argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc < 3)
		usage();
	c = argv[1];
	if (!strcmp(c, "threads") && (argc == 4 || argc == 5))
		return run_threads((unsigned)number(argv[2], "COUNT"), number(argv[3], "N"),
				   argc == 5 ? op_of(argv[4]) : OP_GETPPID);
	if (!strcmp(c, "load") && (argc == 3 || argc == 4))
		return run_load((unsigned)number(argv[2], "COUNT"), argc == 4 ? op_of(argv[3]) : OP_GETPPID);
	if (!strcmp(c, "turns") && argc == 3)
		return run_turns(number(argv[2], "N"));
	if (!strcmp(c, "pong") && (argc == 3 || argc == 4))
		return run_pong((unsigned)number(argv[2], "PORT"), argc == 4 ? number(argv[3], "ROUNDS") : 0);
	if (!strcmp(c, "ping") && (argc == 5 || argc == 6))
		return run_ping(argv[2], (unsigned)number(argv[3], "PORT"), number(argv[4], "ROUNDS"),
				argc == 6 ? (size_t)number(argv[5], "SIZE") : 64);
	if (!strcmp(c, "redis") && (argc == 5 || argc == 6))
		return run_redis(argv[2], (unsigned)number(argv[3], "PORT"), number(argv[4], "N"),
				 argc == 6 ? (int)number(argv[5], "MS") : 0);
	if (!strcmp(c, "http") && (argc == 5 || argc == 6))
		return run_http(argv[2], (unsigned)number(argv[3], "PORT"), number(argv[4], "N"),
				argc == 6 ? (int)number(argv[5], "MS") : 0);
	if (!strcmp(c, "files") && argc == 3)
		return run_files(number(argv[2], "N"));
	if (!strcmp(c, "straddle") && argc == 3)
		return run_straddle(number(argv[2], "N"));
	for (int i = 0; i < OP_NONE; i++)
		if (!strcmp(c, op_names[i]) && argc == 3)
			return run_loop((enum op)i, number(argv[2], "N"));
	usage();
}
