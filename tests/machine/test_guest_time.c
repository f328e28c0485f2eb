// SPDX-License-Identifier: GPL-2.0-or-later
//
// Time in a KVM guest, in this thread, which is the virtual CPU's. Timers: clocks for real, and the program that runs where the
// guest is entered, which the test calls. vtimestamp: the host's switches of threads for real; exits and entries are the
// test's, and no other thread may run in the middle of one, as none may in a tracepoint's program. Exit status 77: this kernel or
// this user cannot.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <sched.h>
#include <time.h>

#include "stackvm.h"

#include "code/bytecode.h"
#include "lib/test.h"
#include "machine/ebpf/loaded.h"
#include "machine/ebpf/trap.h"

extern const uint8_t dv_host_bpf[], dv_host_bpf_end[];

enum { K_RIP = 16 };
enum { TIMERS = 3 };
static const uint64_t periods[TIMERS] = {2000000, 5000000, 20000000};

/* What the clauses leave in global variables: of each timer how often, and its arguments. */
enum { C_COUNT, C_ARG0, C_ARG1, C_EACH };
#define CELL(timer, i) (DV_GLOBALS_OFF + 8 * (C_EACH * (timer) + (i)))

struct image {
	struct dv_load_image img;
	struct dv_load_site sites[TIMERS + 1];
	struct dv_load_ecb ecbs[TIMERS];
	struct dv_load_prog progs[TIMERS];
	struct dv_insn insns[256];
};
static struct {
	struct stackvm vm;
	struct dv_bpf_object *object;
	struct dv_bpf_loaded *loaded;
	struct dv_bpf_inside inside;
	struct vm_region region;
} s;

static void good(struct dv_error *e)
{
	if (!e)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

static struct dv_error *no_traps(void *ctx, const struct dv_loaded *l, struct dv_trap_row **rows, uint32_t *count)
{
	return NULL;
}

#define AT_PROBE  (VM_TEXT + 0x100)
#define AT_SWITCH (VM_TEXT + 0x200)

static struct dv_error *two_traps(void *ctx, const struct dv_loaded *l, struct dv_trap_row **rows, uint32_t *count)
{
	struct dv_trap_row *r = dv_xcalloc(3, sizeof(*r));

	r[0] = (struct dv_trap_row){.pc = AT_SWITCH, .place = AT_SWITCH, .site = DV_TRAP_SWITCH};
	r[1] = (struct dv_trap_row){.pc = AT_PROBE, .place = AT_PROBE};
	r[2] = (struct dv_trap_row){.pc = AT_SWITCH, .place = AT_SWITCH};
	*rows = r;
	*count = l->img->site_count ? 3 : 1;
	return NULL;
}

static void clause(struct image *m, uint32_t timer, bool vtime)
{
	struct dv_load_prog *p = &m->progs[timer];
	struct dv_insn *insns;
	char text[512];

	if (vtime)
		snprintf(text, sizeof(text), "r1 = %u\ncall bi()\nr2 = r0\nr1 = %u\ncall st()\nr0 = 1\nexit\n", DV_BI_VTIMESTAMP,
			 CELL(0, 0));
	else
		snprintf(text, sizeof(text), "r1 = %u\nr2 = 0\nr3 = 1\nr4 = 8\ncall rmw()\nr1 = 0\ncall arg()\nr2 = r0\nr1 = %u\ncall st()\n"
		 "r1 = 1\ncall arg()\nr2 = r0\nr1 = %u\ncall st()\nr0 = 1\nexit\n",
		 CELL(timer, C_COUNT), CELL(timer, C_ARG0), CELL(timer, C_ARG1));
	good(dv_asm(text, &insns, &p->insn_count));
	p->insn = m->img.insn_count;
	REQUIRE(p->insn + p->insn_count <= DV_COUNT(m->insns));
	memcpy(m->insns + p->insn, insns, p->insn_count * sizeof(*insns));
	m->img.insn_count += p->insn_count;
	free(insns);
}

// Of this machine's own kernel.
static uint32_t offset_of_pid(void)
{
	struct btf *b = btf__load_vmlinux_btf();
	int id = b ? btf__find_by_name_kind(b, "task_struct", BTF_KIND_STRUCT) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(b, (uint32_t)id) : NULL;
	uint32_t off = 0;

	REQUIRE(t);
	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(b, btf_members(t)[i].name_off), "pid"))
			off = btf_member_bit_offset(t, i) / 8;
	btf__free(b);
	return off;
}

static void load(enum dv_kvm_isa isa, uint32_t timers, bool vtime)
{
	struct dv_bpf_kernel kernel = {.inside = &s.inside};
	struct image m = {
	    .img = {.magic = DV_LOAD_MAGIC, .version = DV_LOAD_VERSION, .size = sizeof(m), .prod_count = 2,
		    .site_off = offsetof(struct image, sites), .site_count = timers, .ecb_off = offsetof(struct image, ecbs),
		    .ecb_count = timers, .prog_off = offsetof(struct image, progs), .prog_count = timers,
		    .insn_off = offsetof(struct image, insns)},
	};
	struct dv_region_config c = {.strsize = 256, .globals_size = 256, .dyn_key_size = 64, .dyn_val_size = 24,
				     .dyn_count = 16, .prod_count = 2, .ring_size = 1 << 14, .agg_size = 1 << 14,
				     .scratch_size = 1 << 15, .this_size = 64, .spec_count = 1, .spec_size = 512, .seed = 1,
				     .machine_max = 64, .consts_size = 64};

	for (uint32_t i = 0; i < timers; i++) {
		m.sites[i] = (struct dv_load_site){.kind = DV_SITE_PROFILE, .args = DV_ARGS_PROFILE, .probe = 1 + i, .ecb = i,
						   .ecb_count = 1, .detail = periods[i]};
		m.ecbs[i] = (struct dv_load_ecb){.epid = 1 + i, .prog = i};
		clause(&m, i, vtime);
	}
	if (vtime && timers)
		m.sites[0] = (struct dv_load_site){.kind = DV_SITE_ADDR, .args = DV_ARGS_FUNC, .probe = 1, .ecb_count = 1};
	m.img.flags = vtime ? DV_LOAD_VTIME : 0;
	stackvm_layout(&s.vm, &m.img.layout);
	s.inside = (struct dv_bpf_inside){.isa = isa, .off = stackvm_offsets(), .traps = vtime ? two_traps : no_traps};
	s.inside.off.task_pid = vtime ? offset_of_pid() : 0;
	vm_region_make(&s.region, &c);
	good(dv_bpf_load_image(s.object, &kernel, s.region.fd, s.region.size, &m, sizeof(m), true, &s.loaded));
	stackvm_tables(&s.vm, dv_bpf_guest_tables(s.loaded));
}

static void unload(void)
{
	dv_bpf_detach(s.loaded);
	vm_region_end(&s.region);
}

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void enter(void)
{
	uint64_t words[12] = {s.vm.cpu.address};
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = words, .ctx_size_in = sizeof(words));

	REQUIRE(!bpf_prog_test_run_opts(dv_bpf_site_program(s.loaded, 0), &o));
}

static uint64_t cell(uint32_t timer, uint32_t i)
{
	return *(volatile uint64_t *)(s.region.at + CELL(timer, i));
}
static uint64_t fired(uint32_t timer)
{
	uint64_t n = cell(timer, C_COUNT);

	*(volatile uint64_t *)(s.region.at + CELL(timer, C_COUNT)) = 0;
	return n;
}
static volatile uint64_t *due(void)
{
	return &dv_bpf_guest_tables(s.loaded)->load[0].due;
}

static void state(uint32_t at, uint32_t value)
{
	memcpy(s.vm.cpu.bytes + at, &value, 4);
}

// Work for some CPU time of this thread, entering the guest now and then.
static double work(double time, bool entering)
{
	double begin = seconds(CLOCK_THREAD_CPUTIME_ID), now, next = begin;

	while ((now = seconds(CLOCK_THREAD_CPUTIME_ID)) - begin < time) {
		if (!entering || now < next)
			continue;
		enter();
		next = now + 0.0005;
	}
	return now - begin;
}

/* ----------------------------------------------------------------------------------------------------------------- */

static void rates(void)
{
	double ran = work(0.5, true);

	for (uint32_t i = 0; i < TIMERS; i++) {
		double want = ran * 1e9 / (double)periods[i], got = (double)fired(i);

		// The host's hypervisor may take this CPU away, so that several are one.
		CHECK(got <= want * 1.1 + 3 && got >= want * 0.4 - 3);
	}
}

static void arguments(void)
{
	vm_regs(&s.vm)[K_RIP] = VM_TEXT + 0x123;
	*due() = 1;
	enter();
	CHECK(cell(0, C_ARG0) == VM_TEXT + 0x123 && cell(0, C_ARG1) == 0);
	vm_regs(&s.vm)[K_RIP] = VM_UTEXT + 4;
	*due() = 1;
	enter();
	CHECK(cell(0, C_ARG0) == 0 && cell(0, C_ARG1) == VM_UTEXT + 4);
	CHECK(fired(0) >= 2);
}

// Several at once are a firing each; an entry that finds none is none.
static void at_once(void)
{
	for (uint32_t bits = 0; bits < 1 << TIMERS; bits++) {
		*due() = bits;
		enter();
		CHECK_EQ(*due(), 0);
		for (uint32_t i = 0; i < TIMERS; i++)
			CHECK_EQ(fired(i), bits >> i & 1);
	}
}

// Asleep, the thread's clock stands; and a virtual CPU that waits is not looked at.
static void waiting(void)
{
	struct timespec ms = {0, 100000000};
	double before, ran;

	enter();
	fired(0);
	before = seconds(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < 5; i++) {
		nanosleep(&ms, NULL);
		enter();
	}
	ran = seconds(CLOCK_THREAD_CPUTIME_ID) - before;
	CHECK((double)fired(0) <= ran * 1e9 / (double)periods[0] + 2);
	state(VM_C_STATE, 3);
	*due() = 0;
	work(0.02, false);
	CHECK_EQ(*due(), 0);
	state(VM_C_STATE, 0);
	work(0.02, false);
	CHECK(*due() != 0);
	*due() = 0;
}

// A guest of the guest's is not found, nor what has no program counter.
static void others(enum dv_kvm_isa isa)
{
	if (isa == DV_KVM_SVM) {
		vm_cpu(&s.vm, VM_C_CURRENT, s.vm.cpu.address + VM_C_VMCB + 256);
		*due() = 7;
		enter();
		vm_cpu(&s.vm, VM_C_CURRENT, s.vm.cpu.address + VM_C_VMCB);
	} else {
		vm_cpu(&s.vm, VM_C_LOADED, s.vm.cpu.address + VM_C_VMCS + 8);
		*due() = 7;
		enter();
		vm_cpu(&s.vm, VM_C_LOADED, s.vm.cpu.address + VM_C_VMCS);
		state(VM_C_AVAIL, 0);
		*due() = 7;
		enter();
		state(VM_C_AVAIL, 1u << K_RIP);
	}
	CHECK_EQ(*due(), 0);
	CHECK_EQ(fired(0) + fired(1) + fired(2), 0);
}

static void follow(int32_t tid)
{
	good(dv_bpf_follow_threads(s.loaded, &tid, 1));
}

// Threads come and go; another's clocks do not touch ours.
static void threads(void)
{
	int32_t tid = (int32_t)syscall(SYS_gettid);

	CHECK_EQ(s.loaded->clocks.count, TIMERS);
	follow(tid);
	CHECK_EQ(s.loaded->clocks.count, TIMERS);
	follow(0);
	CHECK_EQ(s.loaded->clocks.count, 0);
	*due() = 0;
	work(0.02, false);
	CHECK_EQ(*due(), 0);
	follow(0x7ffffffe); // nobody's
	CHECK_EQ(s.loaded->clocks.count, 0);
	follow(tid);
	CHECK_EQ(s.loaded->clocks.count, TIMERS);
	work(0.02, false);
	CHECK(*due() != 0);
}

/* -- vtimestamp --------------------------------------------------------------------------------------------------- */

#define TASK_B    (VM_TASK + 2048)

static void run(int prog)
{
	uint64_t words[12] = {s.vm.cpu.address};
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = words, .ctx_size_in = sizeof(words));

	REQUIRE(!bpf_prog_test_run_opts(prog, &o));
}

static void leave(uint64_t pc)
{
	vm_regs(&s.vm)[K_RIP] = pc;
	state(VM_C_VMCB + VM_B_EXIT, 0x76);
	state(VM_C_REASON, 13);
	run(s.loaded->trap_prog >= 0 ? s.loaded->trap_prog : dv_bpf_site_program(s.loaded, 0));
}

// A time that the guest ran: it was there in all of `least`, and in no more than `most`. A hypervisor may take the machine away
// between two looks at the clock.
struct span {
	double least, most;
};
static double entering, entered;

static void enter_guest(void)
{
	entering = seconds(CLOCK_MONOTONIC);
	run(s.loaded->enter_prog);
	entered = seconds(CLOCK_MONOTONIC);
}

static struct span leave_guest(uint64_t pc)
{
	double now = seconds(CLOCK_MONOTONIC);

	leave(pc);
	return (struct span){now - entered, seconds(CLOCK_MONOTONIC) - entering};
}

// vtimestamp of the guest's thread, seconds.
static double ran(struct span *ret)
{
	*ret = leave_guest(AT_PROBE);
	return (double)cell(0, 0) / 1e9;
}

static struct span switch_to(uint64_t task)
{
	struct span ret;

	vm_put(&s.vm, VM_PERCPU, VM_DIRECT + task);
	ret = leave_guest(AT_SWITCH);
	enter_guest();
	return ret;
}

static bool within(double got, double least, double most)
{
	if (got > least - 0.0005 && got < most + 0.0005)
		return true;
	fprintf(stderr, "%.4f s, not %.4f to %.4f\n", got, least, most);
	return false;
}

static void spin(double time)
{
	double end = seconds(CLOCK_MONOTONIC) + time;

	while (seconds(CLOCK_MONOTONIC) < end)
		;
}

static void times(void)
{
	struct timespec ms = {0, 40000000};
	struct span x, mine, more, other;
	double a, b;
	int link = bpf_raw_tracepoint_open("sched_switch", s.loaded->switch_prog);

	REQUIRE(link >= 0);
	enter_guest();
	nanosleep(&ms, NULL); // now it is known that it runs
	a = ran(&x);
	enter_guest();
	spin(0.03);
	b = ran(&x);
	CHECK(within(b - a, x.least, x.most));
	// Held up by the probe, it does not run, nor asleep.
	spin(0.03);
	nanosleep(&ms, NULL);
	enter_guest();
	nanosleep(&ms, NULL);
	a = ran(&x);
	CHECK(within(a - b, 0, x.most - 0.04));
	enter_guest();
	spin(0.02);
	// Another thread, with number 78; its idle one; back.
	vm_put(&s.vm, TASK_B + VM_T_PID, 78 | 78ull << 32);
	mine = switch_to(TASK_B);
	spin(0.05);
	b = ran(&other);
	CHECK(within(b, other.least, other.most));
	enter_guest();
	vm_put(&s.vm, TASK_B + 512, 0);
	more = switch_to(TASK_B + 512);
	other = (struct span){other.least + more.least, other.most + more.most};
	spin(0.01);
	switch_to(VM_TASK);
	b = ran(&more);
	CHECK(within(b - a, mine.least + more.least, mine.most + more.most));
	// What a guest has there need not be a task.
	vm_put(&s.vm, VM_PERCPU, 0x1234567812345678);
	leave_guest(AT_SWITCH);
	enter_guest();
	vm_put(&s.vm, VM_PERCPU, VM_DIRECT + VM_TASK);
	// Where the switch was not seen, the next firing sees that it is another's turn.
	a = ran(&x);
	CHECK(within(a - b, 0, 0));
	vm_put(&s.vm, VM_PERCPU, VM_DIRECT + TASK_B);
	CHECK(within(ran(&x), other.least, other.most));
	close(link);
}

int main(void)
{
	static const enum dv_kvm_isa isas[] = {DV_KVM_SVM, DV_KVM_VMX};
	struct sched_param first = {.sched_priority = 1}, none = {0};

	good(dv_bpf_object_open(dv_host_bpf, (size_t)(dv_host_bpf_end - dv_host_bpf), &s.object));
	for (unsigned i = 0; i < DV_COUNT(isas); i++) {
		struct dv_error *e = stackvm_init(&s.vm, false);

		if (e && e->code == DV_ERR_DENIED) {
			printf("skipped: %s\n", e->msg);
			return 77;
		}
		good(e);
		state(VM_C_AVAIL, 1u << K_RIP);
		load(isas[i], TIMERS, false);
		// Before its thread has clocks.
		arguments();
		at_once();
		others(isas[i]);
		follow((int32_t)syscall(SYS_gettid));
		rates();
		waiting();
		threads();
		unload();
		load(isas[i], 1, false);
		*due() = 1;
		enter();
		CHECK_EQ(fired(0), 1);
		unload();
		load(isas[i], 1, true);
		if (sched_setscheduler(0, SCHED_FIFO, &first)) {
			printf("skipped: this user cannot have a thread run before all others\n");
			return test_failures ? test_done() : 77;
		}
		times();
		(void)!sched_setscheduler(0, SCHED_OTHER, &none);
		unload();
		stackvm_deinit(&s.vm);
	}
	dv_bpf_object_close(s.object);
	return test_done();
}
