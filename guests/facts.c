/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts: what this kernel's BPF can do, of what dvirt's host machine may stand on. One line for each fact, "NAME VALUE",
 * found by trying, not by version. Runs in the laboratory (`scripts/lab host facts`) and anywhere else as root; it leaves nothing
 * behind. docs/internals-kernel-facts.md keeps what it said of Debian's kernels.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 100
#define MANY 200
/* What getppid() enters. The second has a prototype in the kernel's types everywhere, the first where these are complete. */
#define SYSCALL_FUNCTION "__x64_sys_getppid"
#define FUNCTION "__task_pid_nr_ns"
#define MIB (1u << 20)
/* Newer than the headers of Debian 12. */
#define TRACE_UPROBE_MULTI 48
#define MAP_TYPE_ARENA 33

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define LD_MAP(d, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

static char verifier_log[16384];

static void say(const char *name, const char *value)
{
	printf("%-34s %s\n", name, value);
}

static void say_number(const char *name, unsigned long long value)
{
	printf("%-34s %llu\n", name, value);
}

/* A file descriptor, or why not. */
static bool say_fd(const char *name, int fd)
{
	say(name, fd >= 0 ? "yes" : strerror(errno));
	return fd >= 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void call_function(void)
{
	for (int i = 0; i < ROUNDS; i++)
		syscall(SYS_getppid);
}

/* One array element: [0] counts firings, [1] is the last cookie. */
static int map;

static uint64_t *counters(void)
{
	static uint64_t *p;

	if (!p) {
		LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);

		map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "facts", 4, 4096, 1, &o);
		p = map < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
		if (p == MAP_FAILED) {
			fprintf(stderr, "facts: no BPF map: %s (is this root?)\n", strerror(errno));
			exit(1);
		}
	}
	return p;
}

/* Counts a firing and, where asked to, keeps the cookie. */
static int load(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id, bool cookie)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = attach, .attach_btf_id = btf_id < 0 ? 0 : (__u32)btf_id,
		    .log_level = 1, .log_buf = verifier_log, .log_size = sizeof(verifier_log));

	counters();
	if (btf_id < 0) {
		errno = -btf_id;
		return -1;
	}
	struct bpf_insn p[] = {
		MOV_REG(BPF_REG_6, BPF_REG_1),
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		LD_MAP(BPF_REG_1, map),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 6, 0),
		MOV_REG(BPF_REG_7, BPF_REG_0),
		MOV_IMM(BPF_REG_1, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_7, BPF_REG_1, 0, BPF_ADD),
		MOV_REG(BPF_REG_1, BPF_REG_6),
		cookie ? CALL(BPF_FUNC_get_attach_cookie) : MOV_IMM(BPF_REG_0, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_7, BPF_REG_0, 8, 0),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
	};
	verifier_log[0] = '\0';
	return bpf_prog_load(type, "facts", "GPL", p, sizeof(p) / sizeof(*p), &o);
}

/* Whether a probe that is in fires exactly, and with its cookie. Takes the link and the program away. */
static void say_fires(const char *name, int link, int prog, bool cookie)
{
	char text[128];
	uint64_t *c = counters();

	if (prog < 0 || link < 0) {
		snprintf(text, sizeof(text), "no: %s: %s", prog < 0 ? "load" : "attach", strerror(errno));
	} else {
		c[0] = c[1] = 0;
		call_function();
		snprintf(text, sizeof(text), c[0] >= ROUNDS && c[0] < ROUNDS + 50 ? "yes" : "fired %llu of %d times", (unsigned long long)c[0], ROUNDS);
		if (cookie && c[0])
			strcat(text, c[1] == 0x1234 ? ", cookie" : ", WRONG COOKIE");
	}
	say(name, text);
	if (link >= 0)
		close(link);
	if (prog >= 0)
		close(prog);
}

static int link_create(int prog, int target, enum bpf_attach_type attach, const struct bpf_link_create_opts *o)
{
	return prog < 0 ? -1 : bpf_link_create(prog, target, attach, o);
}

/* Of fentry, fexit and typed raw tracepoints; libbpf of Debian 12 knows no cookies of the last. */
static int link_tracing(int prog, enum bpf_attach_type attach, uint64_t cookie)
{
	struct { uint32_t prog, target, attach, flags, btf_id, pad; uint64_t cookie; char rest[64]; } o = {
		.prog = (uint32_t)prog, .attach = attach, .cookie = cookie,
	};

	return prog < 0 ? -1 : (int)syscall(SYS_bpf, BPF_LINK_CREATE, &o, sizeof(o));
}

static void arrays(void)
{
	unsigned largest = 0;
	char text[128];

	for (unsigned size = MIB; size <= 512 * MIB; size *= 2) {
		LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
		int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "facts", 4, size, 1, &o);

		if (fd < 0) {
			snprintf(text, sizeof(text), "%u MiB: %s", size / MIB, strerror(errno));
			say("array.value_size.refused", text);
			break;
		}
		uint64_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		close(fd);
		if (p == MAP_FAILED) {
			snprintf(text, sizeof(text), "%u MiB: %s", size / MIB, strerror(errno));
			say("array.mmap.refused", text);
			break;
		}
		p[size / 8 - 1] = 1;
		munmap(p, size);
		largest = size;
	}
	snprintf(text, sizeof(text), "%u MiB", largest / MIB);
	say("array.value_size.largest", text);
	for (unsigned size = 4 * MIB; size > 4 * MIB - 4096; size -= 8) {
		int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "facts", 4, size, 1, NULL);

		if (fd >= 0) {
			close(fd);
			snprintf(text, sizeof(text), "4 MiB - %u", 4 * MIB - size);
			say("array.value_size.near_4MiB", text);
			break;
		}
	}
}

/* A program writes the word at a masked offset of a region of 64 MiB made of elements; user space finds it there. */
static void region(unsigned element)
{
	const unsigned size = 64 * MIB, offset = 41 * MIB + 4096 * 3 + 8;
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	LIBBPF_OPTS(bpf_prog_load_opts, l, .log_level = 1, .log_buf = verifier_log, .log_size = sizeof(verifier_log));
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "facts", 4, element, size / element, &o), prog;
	char name[64];
	int shift = __builtin_ctz(element);

	snprintf(name, sizeof(name), "region.64MiB.%ux%uKiB", size / element, element / 1024);
	if (fd < 0) {
		say_fd(name, fd);
		return;
	}
	uint64_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_1, 0, 0),
		MOV_REG(BPF_REG_1, BPF_REG_6),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_1, 0, 0, shift),
		INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_1, -4, 0),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		LD_MAP(BPF_REG_1, fd),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 4, 0),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_6, 0, 0, (int)(element - 8)),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_0, BPF_REG_6, 0, 0),
		MOV_IMM(BPF_REG_1, 42),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD),
		MOV_IMM(BPF_REG_0, 7),
		EXIT(),
	};
	uint64_t ctx[1] = { offset };
	LIBBPF_OPTS(bpf_test_run_opts, r, .ctx_in = ctx, .ctx_size_in = sizeof(ctx));

	prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "facts", "GPL", insns, sizeof(insns) / sizeof(*insns), &l);
	if (p == MAP_FAILED)
		say(name, "no mmap");
	else if (prog < 0)
		say(name, "refused by the verifier");
	else if (bpf_prog_test_run_opts(prog, &r))
		say(name, "BPF_PROG_RUN failed");
	else
		say(name, p[offset / 8] == 42 ? "yes" : "WRONG WORD");
	if (prog >= 0)
		close(prog);
	close(fd);
}

static void prog_run(void)
{
	int prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, false);
	uint64_t ctx[4] = { 1, 2, 3, 4 };
	LIBBPF_OPTS(bpf_test_run_opts, r, .ctx_in = ctx, .ctx_size_in = sizeof(ctx));
	LIBBPF_OPTS(bpf_test_run_opts, on_cpu, .ctx_in = ctx, .ctx_size_in = sizeof(ctx), .flags = BPF_F_TEST_RUN_ON_CPU,
		    .cpu = 0);
	char text[64];
	struct timespec a, b;

	counters()[0] = 0;
	say("prog_run.raw_tp", prog >= 0 && !bpf_prog_test_run_opts(prog, &r) && counters()[0] == 1 ? "yes" : strerror(errno));
	say("prog_run.raw_tp.on_cpu", prog >= 0 && !bpf_prog_test_run_opts(prog, &on_cpu) ? "yes" : strerror(errno));
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 1000; i++)
		bpf_prog_test_run_opts(prog, &r);
	clock_gettime(CLOCK_MONOTONIC, &b);
	snprintf(text, sizeof(text), "%lld", ((long long)(b.tv_sec - a.tv_sec) * 1000000000 + (b.tv_nsec - a.tv_nsec)) / 1000);
	say("prog_run.raw_tp.ns_each", text);
	close(prog);
}

static int pmu_type(const char *name)
{
	char path[64];
	int type = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", name);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%d", &type) != 1)
			type = -1;
		fclose(f);
	}
	return type;
}

static int probe_event(const char *pmu, const char *name, uint64_t offset)
{
	struct perf_event_attr a = { .size = sizeof(a), .type = (uint32_t)pmu_type(pmu), .config1 = (uintptr_t)name, .config2 = offset };

	return (int)syscall(SYS_perf_event_open, &a, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

static void probes(void)
{
	LIBBPF_OPTS(bpf_link_create_opts, perf, .perf_event.bpf_cookie = 0x1234);
	int prog, event, link;

	prog = load(BPF_PROG_TYPE_KPROBE, 0, 0, true);
	event = probe_event("kprobe", FUNCTION, 0);
	link = event < 0 ? -1 : link_create(prog, event, BPF_PERF_EVENT, &perf);
	say_fires("kprobe", link, prog, true);
	close(event);

	static const char *symbols[] = { FUNCTION };
	static const __u64 cookies[] = { 0x1234 };
	LIBBPF_OPTS(bpf_link_create_opts, multi, .kprobe_multi.syms = symbols, .kprobe_multi.cnt = 1, .kprobe_multi.cookies = cookies);

	prog = load(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, 0, true);
	say_fires("kprobe.multi", link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &multi), prog, true);

	int id = libbpf_find_vmlinux_btf_id(FUNCTION, BPF_TRACE_FENTRY);

	prog = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id, true);
	say_fires("fentry", link_tracing(prog, BPF_TRACE_FENTRY, 0x1234), prog, true);
	prog = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, id, true);
	say_fires("fexit", link_tracing(prog, BPF_TRACE_FEXIT, 0x1234), prog, true);

	int tp = libbpf_find_vmlinux_btf_id("sys_enter", BPF_TRACE_RAW_TP);

	prog = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, tp, true);
	say_fires("tp_btf", link_tracing(prog, BPF_TRACE_RAW_TP, 0x1234), prog, true);
	if (prog < 0) {
		prog = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, tp, false);
		say_fires("tp_btf.no_cookie", prog < 0 ? -1 : bpf_raw_tracepoint_open(NULL, prog), prog, false);
	}

	struct { uint64_t name; uint32_t prog, pad; uint64_t cookie; char rest[128]; } raw = { .name = (uintptr_t)"sys_enter", .cookie = 0x1234 };

	prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, true);
	raw.prog = (uint32_t)prog;
	link = prog < 0 ? -1 : (int)syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &raw, 24);
	say_fires("raw_tp.cookie", link, prog, true);
	prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, false);
	say_fires("raw_tp", prog < 0 ? -1 : bpf_raw_tracepoint_open("sys_enter", prog), prog, false);
}

struct closing {
	int *fds;
	size_t n;
};

static void *close_all(void *arg)
{
	struct closing *c = arg;

	for (size_t i = 0; i < c->n; i++)
		close(c->fds[i]);
	return NULL;
}

/* Taking a probe out waits for all CPUs; several threads wait together. */
static void say_many(const char *name, int *fds, size_t n, double in, unsigned threads)
{
	struct closing part[64];
	pthread_t id[64];
	char text[128];
	size_t count = 0;
	double t = now();

	for (size_t i = 0; i < n; i++)
		count += fds[i] >= 0;
	for (unsigned i = 0; i < threads; i++) {
		part[i].fds = fds + n * i / threads;
		part[i].n = n * (i + 1) / threads - n * i / threads;
		pthread_create(&id[i], NULL, close_all, &part[i]);
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	snprintf(text, sizeof(text), "%zu in %.0f ms, out in %.0f ms by %u threads", count, in * 1e3, (now() - t) * 1e3, threads);
	say(name, text);
}

/* Many probes at once, in the ways there are. The names that no kprobe is allowed at are dropped. */
static void many(struct btf *btf, const char **names, size_t n)
{
	int events[MANY], links[MANY], progs[MANY];

	for (unsigned threads = 1; threads <= 64; threads *= 64) {
		LIBBPF_OPTS(bpf_link_create_opts, perf);
		double t = now();
		int prog = load(BPF_PROG_TYPE_KPROBE, 0, 0, false);
		size_t m = 0;

		for (size_t i = 0; i < n; i++) {
			int event = probe_event("kprobe", names[i], 0);

			if (event < 0)
				continue;
			links[m] = link_create(prog, event, BPF_PERF_EVENT, &perf);
			events[m] = event;
			names[m++] = names[i];
		}
		n = m;
		t = now() - t;
		for (size_t i = 0; i < n; i++)
			close(events[i]);
		say_many("many.kprobe", links, n, t, threads);
		close(prog);
	}

	LIBBPF_OPTS(bpf_link_create_opts, multi, .kprobe_multi.syms = names, .kprobe_multi.cnt = (unsigned)n);
	double t = now();
	int prog = load(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, 0, false);

	links[0] = link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &multi);
	if (links[0] >= 0)
		say_many("many.kprobe.multi, one link", links, 1, now() - t, 1);
	else
		say("many.kprobe.multi", strerror(errno));
	close(prog);

	for (unsigned threads = 1; threads <= 64; threads *= 64) {
		char text[64];

		t = now();
		for (size_t i = 0; i < n; i++)
			progs[i] = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, btf__find_by_name_kind(btf, names[i], BTF_KIND_FUNC), false);
		snprintf(text, sizeof(text), "%.0f ms", (now() - t) * 1e3);
		say("many.fentry.load", text);
		t = now();
		for (size_t i = 0; i < n; i++) {
			links[i] = link_tracing(progs[i], BPF_TRACE_FENTRY, 0);
			close(progs[i]);
		}
		say_many("many.fentry", links, n, now() - t, threads);
	}
}

/* A function of our own, for uprobes. */
__attribute__((noinline)) int fired(int x)
{
	__asm__ volatile("");
	return x + 1;
}

static bool own_offset(uint64_t address, char *path, size_t size, uint64_t *ret)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;

	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	path[n > 0 ? n : 0] = '\0';
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long long from, to, offset;

		if (sscanf(line, "%llx-%llx %*s %llx", &from, &to, &offset) == 3 && address >= from && address < to) {
			*ret = address - from + offset;
			found = true;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static void say_uprobe(const char *name, int link, int prog)
{
	char text[128];

	counters()[0] = counters()[1] = 0;
	for (int i = 0; i < ROUNDS; i++)
		fired(i);
	if (prog < 0 || link < 0)
		snprintf(text, sizeof(text), "no: %s: %s", prog < 0 ? "load" : "attach", strerror(errno));
	else
		snprintf(text, sizeof(text), "%s%s", counters()[0] == ROUNDS ? "yes" : "WRONG COUNT",
			 counters()[1] == 0x1234 ? ", cookie" : ", WRONG COOKIE");
	say(name, text);
	close(link);
	close(prog);
}

static void uprobes(void)
{
	LIBBPF_OPTS(bpf_link_create_opts, perf, .perf_event.bpf_cookie = 0x1234);
	char path[256];
	uint64_t offset = 0, cookie = 0x1234;

	if (!own_offset((uintptr_t)fired, path, sizeof(path), &offset))
		return;
	int prog = load(BPF_PROG_TYPE_KPROBE, 0, 0, true);
	int event = probe_event("uprobe", path, offset);

	say_uprobe("uprobe", event < 0 ? -1 : link_create(prog, event, BPF_PERF_EVENT, &perf), prog);
	close(event);

	struct { uint32_t prog, target, attach, flags; uint64_t path, offsets, refs, cookies; uint32_t count, flags2, pid, pad; } multi = {
		.attach = TRACE_UPROBE_MULTI, .path = (uintptr_t)path, .offsets = (uintptr_t)&offset,
		.cookies = (uintptr_t)&cookie, .count = 1,
	};

	prog = load(BPF_PROG_TYPE_KPROBE, (enum bpf_attach_type)TRACE_UPROBE_MULTI, 0, true);
	multi.prog = (uint32_t)prog;
	say_uprobe("uprobe.multi", prog < 0 ? -1 : (int)syscall(SYS_bpf, BPF_LINK_CREATE, &multi, sizeof(multi) - 4), prog);
}

/* A program on each tick of a clock of this CPU's. */
static void profile(const char *name, uint32_t type, uint64_t config)
{
	struct perf_event_attr a = { .size = sizeof(a), .type = type, .config = config, .sample_period = 1000000, .freq = 0 };
	int event = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	int prog = load(BPF_PROG_TYPE_PERF_EVENT, 0, 0, true);
	LIBBPF_OPTS(bpf_link_create_opts, perf, .perf_event.bpf_cookie = 0x1234);
	int link = event < 0 ? -1 : link_create(prog, event, BPF_PERF_EVENT, &perf);
	char text[128];
	struct timespec t, now;

	counters()[0] = counters()[1] = 0;
	clock_gettime(CLOCK_MONOTONIC, &t);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - t.tv_sec) * 1000 + (now.tv_nsec - t.tv_nsec) / 1000000 < 200);
	if (event < 0 || prog < 0 || link < 0)
		snprintf(text, sizeof(text), "no: %s", strerror(errno));
	else
		snprintf(text, sizeof(text), "fired %llu times in 200 ms at 1 kHz%s", (unsigned long long)counters()[0],
			 counters()[1] == 0x1234 ? ", cookie" : "");
	say(name, text);
	close(link);
	close(event);
	close(prog);
}

/* A call without arguments: the verifier refuses it for another reason if the helper is there for this kind of program. */
static bool has_helper(enum bpf_prog_type type, enum bpf_func_id id)
{
	struct bpf_insn p[] = { CALL((int)id), MOV_IMM(BPF_REG_0, 0), EXIT() };
	LIBBPF_OPTS(bpf_prog_load_opts, o, .log_level = 1, .log_buf = verifier_log, .log_size = sizeof(verifier_log));

	verifier_log[0] = '\0';
	int fd = bpf_prog_load(type, "facts", "GPL", p, 3, &o);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || !(strstr(verifier_log, "unknown func") || strstr(verifier_log, "invalid func") ||
			    strstr(verifier_log, "cannot use helper"));
}

static void helpers(void)
{
	static const struct { const char *name; enum bpf_func_id id; } h[] = {
		{ "loop", BPF_FUNC_loop }, { "probe_read_kernel", BPF_FUNC_probe_read_kernel },
		{ "probe_read_user", BPF_FUNC_probe_read_user }, { "probe_read_user_str", BPF_FUNC_probe_read_user_str },
		{ "get_current_task_btf", BPF_FUNC_get_current_task_btf }, { "get_func_ip", BPF_FUNC_get_func_ip },
		{ "get_attach_cookie", BPF_FUNC_get_attach_cookie }, { "get_stack", BPF_FUNC_get_stack },
		{ "ktime_get_ns", BPF_FUNC_ktime_get_ns }, { "ktime_get_boot_ns", BPF_FUNC_ktime_get_boot_ns },
		{ "ktime_get_tai_ns", BPF_FUNC_ktime_get_tai_ns }, { "send_signal", BPF_FUNC_send_signal },
		{ "probe_write_user", BPF_FUNC_probe_write_user }, { "override_return", BPF_FUNC_override_return },
		{ "tail_call", BPF_FUNC_tail_call }, { "task_storage_get", BPF_FUNC_task_storage_get },
		{ "perf_event_read_value", BPF_FUNC_perf_event_read_value }, { "snprintf", BPF_FUNC_snprintf },
		{ "timer_start", BPF_FUNC_timer_start }, { "kptr_xchg", BPF_FUNC_kptr_xchg },
		{ "map_lookup_percpu_elem", BPF_FUNC_map_lookup_percpu_elem }, { "for_each_map_elem", BPF_FUNC_for_each_map_elem },
	};
	static const struct { const char *name; enum bpf_prog_type type; } t[] = {
		{ "kprobe", BPF_PROG_TYPE_KPROBE }, { "tracepoint", BPF_PROG_TYPE_TRACEPOINT },
		{ "raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT }, { "perf_event", BPF_PROG_TYPE_PERF_EVENT },
	};

	for (size_t i = 0; i < sizeof(h) / sizeof(*h); i++) {
		char name[64], text[128] = "";

		snprintf(name, sizeof(name), "helper.%s", h[i].name);
		for (size_t k = 0; k < sizeof(t) / sizeof(*t); k++) {
			if (has_helper(t[k].type, h[i].id))
				snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", text[0] ? " " : "", t[k].name);
		}
		say(name, text[0] ? text : "no");
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of which functions there are prototypes: of what fentry can take, that is; and how long it takes to put in many probes. */
static void functions(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const char **known, **probed, *names[MANY];
	size_t n = 0, both = 0, all = 0, m = 0;
	char line[256], text[128];
	FILE *f;

	say("btf.vmlinux", btf ? "yes" : strerror(errno));
	if (!btf)
		return;
	known = calloc(btf__type_cnt(btf), sizeof(*known));
	probed = calloc(200000, sizeof(*probed));
	for (unsigned i = 1; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);

		if (btf_is_func(t))
			known[n++] = btf__name_by_offset(btf, t->name_off);
	}
	qsort(known, n, sizeof(*known), by_text);
	say_number("btf.functions", n);
	f = fopen("/sys/kernel/tracing/available_filter_functions", "r");
	while (f && all < 200000 && fgets(line, sizeof(line), f)) {
		if (strchr(line, '['))
			continue;
		line[strcspn(line, " \n")] = '\0';
		const char *name = probed[all++] = strdup(line);

		if (bsearch(&name, known, n, sizeof(*known), by_text)) {
			both++;
			if (!strncmp(name, "nfs", 3) || !strncmp(name, "ext4_", 5) || !strncmp(name, "cgroup_", 7))
				if (m < MANY)
					names[m++] = name;
		}
	}
	if (f)
		fclose(f);
	snprintf(text, sizeof(text), "%zu of %zu", both, all);
	say("btf.of_ftrace_functions", text);
	say("btf.func." SYSCALL_FUNCTION, libbpf_find_vmlinux_btf_id(SYSCALL_FUNCTION, BPF_TRACE_FENTRY) > 0 ? "yes" : "no");
	many(btf, names, m);
	for (size_t i = 0; i < all; i++)
		free((char *)probed[i]);
	free(probed);
	free(known);
	btf__free(btf);
}

static void say_lines(const char *name, const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long long n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	if (f)
		say_number(name, n);
	else
		say(name, strerror(errno));
}

static void say_file(const char *name, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[128] = "";

	if (f && fgets(line, sizeof(line), f))
		line[strcspn(line, "\n")] = '\0';
	say(name, f ? line : strerror(errno));
	if (f)
		fclose(f);
}

int main(void)
{
	struct utsname u;

	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(NULL);
	uname(&u);
	say("release", u.release);
	say_file("unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled");
	say_file("perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid");
	say_file("kptr_restrict", "/proc/sys/kernel/kptr_restrict");
	say_file("bpf_jit_enable", "/proc/sys/net/core/bpf_jit_enable");
	say_file("lockdown", "/sys/kernel/security/lockdown");
	arrays();
	region(64 * MIB);
	region(4 * MIB);
	region(MIB);
	region(4096);
	prog_run();
	probes();
	uprobes();
	profile("profile.cpu_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK);
	profile("profile.cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
	{
		LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
		int fd = bpf_map_create((enum bpf_map_type)MAP_TYPE_ARENA, "facts", 0, 0, 16, &o);

		if (say_fd("arena", fd))
			close(fd);
	}
	helpers();
	functions();
	say_lines("ftrace.functions", "/sys/kernel/tracing/available_filter_functions");
	say_lines("kprobes.blacklist", "/sys/kernel/debug/kprobes/blacklist");
	return 0;
}
