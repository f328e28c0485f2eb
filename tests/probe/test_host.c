// SPDX-License-Identifier: GPL-2.0-or-later
//
// The providers of the host's kernel, on the kernel that this test runs on and a machine that has every capability. With
// -l it lists, with -v types too. Needs root: says why it is skipped where it cannot run.
#include "probe/probe.h"

#include <time.h>

#include "kread.h"
#include "lang/lang.h"
#include "lib/test.h"
#include "probe/stable.h"

static struct kread reader;

static bool read_va(struct dv_machine *m, uint64_t va, void *dst, size_t size)
{
	return kread(&reader, va, dst, size);
}

static const char *why_not(struct dv_machine *m, enum dv_machine_cap cap)
{
	return cap == DV_CAP_FBT ? "functions cannot be probed: the kernel is built without CONFIG_KPROBES" : NULL;
}

static const struct dv_machine_ops ops = {.read_va = read_va, .why_not = why_not};
static struct dv_machine host = {
	.ops = &ops,
	.name = "host",
	.backend = "test",
	.state = DV_MACHINE_READY,
	.caps = DV_CAP_FBT | DV_CAP_TYPES | DV_CAP_LOCAL | DV_CAP_SYSTRACE | DV_CAP_TRACEPOINT | DV_CAP_PROFILE,
};

static double ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// Rows that match; the last of them in *ret.
static size_t match(struct dv_probe_set *set, const char *text, struct dv_probe *ret)
{
	struct dv_probe_desc d;
	size_t n;

	set->probes.count = 0;
	REQUIRE(!dv_probe_desc_parse(text, &d));
	dv_probes_match(&host, &d, set);
	n = set->probes.count;
	if (n && ret)
		*ret = set->probes.data[n - 1];
	dv_probe_desc_deinit(&d);
	return n;
}

static const char *types(const struct dv_probe *p)
{
	static char out[512];
	uint32_t count;
	bool known;
	char buf[128];

	p->prov->arg_type(p, 0, &count, &known);
	if (!known)
		return "?";
	*out = '\0';
	for (uint32_t i = 0; i < count; i++) {
		const struct dv_type *t = p->prov->arg_type(p, i, &count, &known);
		size_t used = strlen(out);

		snprintf(out + used, sizeof(out) - used, "%s%s", i ? ", " : "",
			 t ? dv_type_name(t, buf, sizeof(buf)) : "?");
	}
	return out;
}

static const char *why(struct dv_probe_set *set, const char *text)
{
	static char buf[256];
	struct dv_probe_desc d;

	REQUIRE(!dv_probe_desc_parse(text, &d));
	dv_probes_why_not(set, &d, buf, sizeof(buf));
	dv_probe_desc_deinit(&d);
	return buf;
}

static void test_syscall(struct dv_probe_set *set)
{
	struct dv_probe p = {0};
	uint32_t id;

	REQUIRE(match(set, "syscall::openat:entry", &p) >= 1);
	p = set->probes.data[0];
	CHECK_EQ(p.kind, DV_SITE_SYSENTRY);
	CHECK_EQ(p.args, DV_ARGS_SYSCALL);
	CHECK_EQ(p.detail, 257);
	CHECK_STR(types(&p), "int, char *, int, umode_t");
	id = p.id;
	REQUIRE(match(set, "syscall::openat:return", &p) >= 1);
	CHECK_EQ(p.id, id + 1);
	CHECK_STR(types(&p), "long, long");
	CHECK_EQ(set->probes.data[0].kind, DV_SITE_SYSEXIT);
	CHECK_EQ(set->probes.data[0].detail, 257);
	REQUIRE(match(set, "syscall::newfstatat:entry", &p) == 1);
	CHECK_EQ(p.detail, 262);
	REQUIRE(match(set, "syscall::newuname:entry", &p) >= 1);
	CHECK_EQ(set->probes.data[0].detail, 63);
	if (dv_guest_symbol(host.guest, NULL, "__x64_sys_fchmodat2")) {
		REQUIRE(match(set, "syscall::fchmodat2:entry", &p) >= 1);
		CHECK_EQ(set->probes.data[0].detail, 452);
	}
	CHECK_EQ(match(set, "syscall::*.cold:", NULL), 0);
	REQUIRE(match(set, "syscall::getpid:entry", &p) >= 1);
	CHECK_STR(types(&set->probes.data[0]), "");
	// 32-bit programs' calls, where the kernel has them.
	if (dv_guest_symbol(host.guest, NULL, "__ia32_sys_openat") ||
	    dv_guest_symbol(host.guest, NULL, "__ia32_compat_sys_openat")) {
		REQUIRE(match(set, "syscall::openat:entry", &p) == 2);
		CHECK_EQ(p.detail, 295 | DV_SITE_COMPAT);
		CHECK_EQ(p.args, DV_ARGS_SYSCALL32);
	}
	CHECK(match(set, "syscall:::entry", NULL) > 250);
	// Places of one probe stand together: who counts probes counts changes.
	REQUIRE(match(set, "syscall::*at*:", &p) > 50);
	for (size_t i = 1; i < set->probes.count; i++)
		CHECK(set->probes.data[i - 1].id <= set->probes.data[i].id);
}

static void test_tracepoints(struct dv_probe_set *set)
{
	struct dv_probe p = {0};
	uint32_t id;

	REQUIRE(match(set, "rawtp:::sched_switch", &p) == 1);
	CHECK_STR(p.mod, "vmlinux");
	CHECK_STR(p.func, "");
	CHECK_STR(p.target, "sched_switch");
	CHECK_EQ(p.kind, DV_SITE_TRACEPOINT);
	CHECK_EQ(p.args, DV_ARGS_RAW);
	for (unsigned i = 0; i < DV_ARGMAP_SIZE; i++)
		CHECK_EQ(p.argmap[i], i < 4 ? i : DV_ARGMAP_NONE); // it has four
	CHECK_STR(types(&p), "bool, struct task_struct *, struct task_struct *, unsigned int");
	id = p.id;
	REQUIRE(match(set, "rawtp:vmlinux::sched_switch", &p) == 1);
	CHECK_EQ(p.id, id);
	REQUIRE(match(set, "sdt:sched::sched_switch", &p) == 1);
	CHECK_STR(p.mod, "sched");
	CHECK_STR(p.target, "sched_switch");
	CHECK_EQ(match(set, "sdt:nowhere::sched_switch", NULL), 0);
	CHECK(strstr(why(set, "sdt:nowhere::sched_switch"), "sched_switch is in the group sched"));
	CHECK(match(set, "rawtp:::", NULL) > 300);
	CHECK(match(set, "sdt:::", NULL) > 300);
}

static void test_profile(struct dv_probe_set *set)
{
	struct dv_probe p = {0}, q = {0};

	REQUIRE(match(set, "profile:::profile-97", &p) == 1);
	CHECK_EQ(p.kind, DV_SITE_PROFILE);
	CHECK_EQ(p.args, DV_ARGS_PROFILE);
	CHECK_EQ(p.detail, 1000000000 / 97);
	CHECK_STR(types(&p), "unsigned long, unsigned long");
	REQUIRE(match(set, "profile-13ms", &p) == 1);
	CHECK_EQ(p.detail, 13000000);
	REQUIRE(match(set, "profile:::profile-13ms", &q) == 1);
	CHECK_EQ(p.id, q.id);
	REQUIRE(match(set, "profile-1us", &p) == 1);
	CHECK_EQ(p.detail, 100000);
	CHECK_EQ(match(set, "profile-5parsec", NULL), 0);
	CHECK_EQ(match(set, "tick-1s", NULL), 0); // dvirt's own
	CHECK_EQ(match(set, "profile:::", NULL), 9);
}

static void test_fbt(struct dv_probe_set *set)
{
	struct dv_probe p = {0};

	REQUIRE(match(set, "fbt:vmlinux:vfs_read:entry", &p) == 1);
	CHECK_STR(p.target, "vfs_read");
	CHECK_EQ(p.kind, DV_SITE_ADDR);
	CHECK_STR(types(&p), "struct file *, char *, size_t, loff_t *");
	REQUIRE(match(set, "fbt::vfs_read:return", &p) == 1);
	CHECK_EQ(p.kind, DV_SITE_RETURNS);
	CHECK_STR(types(&p), "long, ssize_t");
	CHECK_EQ(match(set, "fbt::entry_SYSCALL_64:", NULL), 0);
	CHECK(strstr(why(set, "fbt::entry_SYSCALL_64:entry"), "does not let entry_SYSCALL_64 be probed"));
	CHECK_STR(why(set, "fbt::no_such_thing:entry"), "");
}

static void say(void *ctx, const char *text)
{
	fputs(text, stderr);
}

static const char *arg_text(void *ctx, uint32_t n)
{
	return dv_probe_arg_text(ctx, n);
}

static const struct dv_type *arg_type(void *ctx, uint32_t n)
{
	const struct dv_probe *p = ctx;
	uint32_t count;
	bool known;

	return p->prov->arg_type(p, n, &count, &known);
}

// What the provider says in D must be right for this kernel's types.
static void compile(struct dv_probe *p)
{
	struct dv_diag diag = {.emit = say};
	struct dv_source src = {.name = p->name};
	struct dv_check_env env = {.types = dv_guest_types(host.guest), .strsize = 256, .arg_type = arg_type,
				   .guard = dv_probe_guard(p), .arg_text = arg_text, .ctx = p, .machine_name = "host"};
	struct dv_script *s = dv_script_create();
	char text[512] = "BEGIN { trace(arg0);";
	struct dv_clause *typed;
	struct dv_arena arena;
	struct dv_error *e;

	dv_arena_init(&arena);
	p->prov->arg_type(p, 0, &env.arg_count, &env.typed_args);
	for (uint32_t i = 0; i < env.arg_count; i++) {
		size_t used = strlen(text);

		CHECK(arg_type(p, i));
		snprintf(text + used, sizeof(text) - used, " trace(args[%u]);", i);
	}
	strcat(text, " }");
	src.text = text;
	e = dv_script_parse(s, &src, &diag);
	REQUIRE(!e);
	CHECK(dv_check_clause(s, dv_script_clause(s, 0), &env, &diag, &arena, &typed));
	CHECK(!env.guard || typed->predicate);
	if (diag.errors)
		fprintf(stderr, "that was %s:::%s at %s\n", p->prov->name, p->name, p->target);
	dv_script_destroy(s);
	dv_arena_deinit(&arena);
}

static void compile_all(struct dv_probe_set *set)
{
	static const char *const descs[] = {"sched:::", "proc:::", "io:::", "vminfo:::", "ip:::", "tcp:::", "udp:::"};

	for (size_t i = 0; i < DV_COUNT(descs); i++) {
		size_t n = match(set, descs[i], NULL);

		CHECK(n > 1);
		for (size_t k = 0; k < n; k++)
			compile(&set->probes.data[k]);
	}
}

static void test_stable(struct dv_probe_set *set)
{
	struct dv_probe p = {0};

	compile_all(set);
	REQUIRE(match(set, "sched:::off-cpu", &p) == 1);
	CHECK_EQ(p.kind, DV_SITE_TRACEPOINT);
	CHECK_STR(p.target, "sched_switch");
	CHECK_STR(types(&p), "struct task_struct *, struct task_struct *");
	CHECK_EQ(match(set, "sched:::wakeup", NULL), 2);
	REQUIRE(match(set, "sched:::enqueue", &p) == 3);
	CHECK_EQ(p.kind, DV_SITE_ADDR);
	CHECK(p.addr);
	REQUIRE(match(set, "proc:::signal-clear", &p) == 1);
	CHECK_EQ(p.kind, DV_SITE_RETURNS);
	REQUIRE(match(set, "proc:::exit", &p) == 1);
	CHECK_STR(p.target, "sched_process_exit");
}

// Where the kernel has KVM.
static void test_kvm(struct dv_probe_set *set)
{
	struct dv_probe p = {0};
	size_t n = match(set, "kvm:::", NULL);

	if (!n) {
		CHECK_STR(why(set, "kvm:::exit"), "on host KVM is not loaded");
		return;
	}
	for (size_t k = 0; k < n; k++)
		compile(&set->probes.data[k]);
	REQUIRE(match(set, "kvm:::exit", &p) == 1);
	CHECK_STR(p.target, "kvm_exit");
	CHECK_STR(types(&p), "struct kvm_vcpu *, int, uint32_t, string");
	CHECK_EQ(match(set, "kvm:::page-fault", NULL), 1);
	CHECK_STR(why(set, "kvm:::nosuch"), "");
}

// Rows of no kernel: each fails for its own reason.
static const struct dv_stable_row odd_rows[] = {
	{"no-function", DV_AT_ENTRY, "there_is_no_such_function"},
	{"no-tracepoint", DV_AT_TRACEPOINT, "there_is_no_such_tracepoint"},
	{"prototype", DV_AT_TRACEPOINT, "sched_switch", .expect = {{1, "struct bio *"}}},
	{"parameters", DV_AT_ENTRY, "vfs_read", .expect = {{7, "int"}}},
	{"second", DV_AT_ENTRY, "there_is_no_such_function"},
	{"second", DV_AT_ENTRY, "there_is_no_such_function", true},
	{"second", DV_AT_ENTRY, "vfs_read", .expect = {{0, "struct file *"}}},
	{"second", DV_AT_ENTRY, "vfs_write", true},
	{"second", DV_AT_ENTRY, "there_is_no_such_function", true},
	{"second", DV_AT_ENTRY, "vfs_open"},
	{"second", DV_AT_ENTRY, "vfs_fsync", true},
};

static void test_rows(void)
{
	static const char *const whys[] = {"the kernel has no function there_is_no_such_function",
					   "the kernel has no tracepoint there_is_no_such_tracepoint",
					   "the tracepoint sched_switch is not as expected: parameter 1 is "
					   "struct task_struct *, not struct bio *",
					   "the function vfs_read is not as expected: parameter 7 is missing, not int"};
	const struct dv_provider odd = {.name = "odd", .rows = odd_rows, .row_count = DV_COUNT(odd_rows)};
	struct dv_probe_machine pm = {.machine = &host};
	struct dv_probe_set set;

	dv_probe_set_init(&set);
	dv_tracepoints_add(&set, &pm);
	CHECK_EQ(dv_stable_add(&odd, &set, &pm), 5);
	REQUIRE(pm.stable.count == 6);
	for (size_t i = 0; i < DV_COUNT(whys); i++)
		CHECK_STR(pm.stable.data[i].why, whys[i]);
	CHECK_STR(pm.stable.data[4].symbol, "vfs_read");
	CHECK_STR(pm.stable.data[5].symbol, "vfs_write");
	DV_VEC_FREE(&pm.stable);
	dv_probe_set_deinit(&set);
}

static void test_without(void)
{
	struct dv_probe_set set;
	uint32_t caps = host.caps;

	host.caps = DV_CAP_TYPES | DV_CAP_LOCAL | DV_CAP_SYSTRACE;
	dv_probe_set_init(&set);
	CHECK_EQ(match(&set, "fbt::vfs_read:entry", NULL), 0);
	CHECK_STR(why(&set, "host:fbt::vfs_read:entry"),
		  "on host functions cannot be probed: the kernel is built without CONFIG_KPROBES");
	CHECK_STR(why(&set, "guest:fbt::vfs_read:entry"), "");
	CHECK_STR(why(&set, "rawtp:::sched_switch"), "");
	CHECK_EQ(match(&set, "rawtp:::", NULL), 0);
	CHECK(match(&set, "syscall::read:entry", NULL) > 0);
	dv_probe_set_deinit(&set);

	host.caps |= DV_CAP_TRACEPOINT;
	dv_probe_set_init(&set);
	CHECK_EQ(match(&set, "sched:::off-cpu", NULL), 1);
	CHECK_EQ(match(&set, "sched:::enqueue", NULL), 0);
	CHECK_STR(why(&set, "sched:::enqueue"),
		  "on host it needs the function enqueue_task_fair: functions cannot be probed: the kernel is built without "
		  "CONFIG_KPROBES");
	dv_probe_set_deinit(&set);

	// Functions only, as in a guest.
	host.caps = DV_CAP_TYPES | DV_CAP_FBT;
	dv_probe_set_init(&set);
	compile_all(&set);
	CHECK_EQ(match(&set, "sched:::off-cpu", NULL), 1);
	CHECK_STR(set.probes.data[0].target, "__switch_to_asm");
	CHECK_EQ(match(&set, "proc:::exec-success", NULL), 2);
	CHECK_EQ(match(&set, "sched:::preempt", NULL), 0);
	CHECK(strstr(why(&set, "sched:::preempt"), "there are no tracepoints"));
	dv_probe_set_deinit(&set);
	host.caps = caps;
}

static int by_id(const void *a, const void *b)
{
	const struct dv_probe *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void list(struct dv_probe_set *set, const char *desc, bool verbose)
{
	double start = ms();
	size_t n = match(set, desc, NULL);

	if (n)
		qsort(set->probes.data, n, sizeof(set->probes.data[0]), by_id);
	for (size_t i = 0; i < n; i++) {
		const struct dv_probe *p = &set->probes.data[i];

		printf("%6u %s:%s:%s:%s", p->id, p->prov->name, p->mod, p->func, p->name);
		printf(verbose ? "(%s)\n" : "\n", verbose ? types(p) : "");
	}
	printf("%zu rows in %.1f ms, %u reads of kernel memory\n", n, ms() - start, reader.calls);
}

int main(int argc, char **argv)
{
	struct dv_probe_set set;
	struct dv_error *e = dv_guest_open_local(NULL, 1, &host.guest);
	double start;

	if (e && e->code == DV_ERR_DENIED) {
		printf("skipped: %s\n", e->msg);
		dv_error_destroy(e);
		return 77;
	}
	REQUIRE(!e);
	if (!dv_guest_has_types(host.guest) || !kread_open(&reader)) {
		printf("skipped: %s\n", dv_guest_has_types(host.guest) ? strerror(errno) : dv_guest_no_types(host.guest));
		return 77;
	}
	dv_probe_set_init(&set);
	start = ms();
	dv_probe_set_add(&set, &host);
	printf("looked at in %.1f ms, %u reads of kernel memory\n", ms() - start, reader.calls);
	if (argc > 1) {
		list(&set, argc > 2 ? argv[2] : ":::", !strcmp(argv[1], "-v"));
	} else {
		test_syscall(&set);
		test_tracepoints(&set);
		test_profile(&set);
		test_fbt(&set);
		test_stable(&set);
		test_kvm(&set);
		test_rows();
		test_without();
	}
	dv_probe_set_deinit(&set);
	dv_guest_close(host.guest);
	kread_close(&reader);
	return argc > 1 ? 0 : test_done();
}
