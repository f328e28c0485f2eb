// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who is found to have been interrupted behind a trap. The guest is made of one piece of memory and the few answers about its
// kernel that are needed; two kernels, one that has the interrupts' stacks in per-CPU symbols of their own, one in pcpu_hot.
#include "lib/test.h"
#include "machine/kvm/plant.h"

#define BASE   0xffff888000000000ULL
#define SIZE   (1u << 20)
#define STACK  16384u
#define TASK   256u /* bytes of a task_struct */
#define TASKS  6u
#define TEXT   0xffffffff81000000ULL
#define PERCPU 0x80000u /* the CPUs' areas, where per-CPU symbols have their values added */

enum { O_STACK = 16, O_SP = 40, O_RUNNING = 64 };

static uint8_t mem[SIZE];
static bool hot, tasks_fail;
static uint64_t rounds = 1; // that the list of tasks goes
static uint64_t unreadable; // an offset

static struct dv_guest_layout layout = {.thread_size = STACK, .task_stack = O_STACK, .percpu_off = BASE + 0x100};
static struct dv_member thread_members[] = {{"sp", NULL, 8 * 8, 0}};
static struct dv_type thread_type = {.kind = DV_TYPE_STRUCT, .count = 1, .members = thread_members};
static struct dv_member task_members[] = {{"thread", &thread_type, (O_SP - 8) * 8, 0}, {"on_cpu", NULL, O_RUNNING * 8, 0}};
static struct dv_type task_type = {.kind = DV_TYPE_STRUCT, .count = 2, .members = task_members};
static struct dv_member hot_members[] = {{"hardirq_stack_ptr", NULL, 0x30 * 8, 0}, {"hardirq_stack_inuse", NULL, 0x38 * 8, 0}};
static struct dv_type hot_type = {.kind = DV_TYPE_STRUCT, .count = 2, .members = hot_members};

static const struct dv_type *find(void *ctx, enum dv_type_kind kind, const char *name, const char *module)
{
	(void)ctx;
	(void)kind;
	(void)module;
	return !strcmp(name, "task_struct") ? &task_type : hot && !strcmp(name, "pcpu_hot") ? &hot_type : NULL;
}

static const struct dv_type_source_ops ops = {.find = find};
static struct dv_universe universe = {.ops = &ops};

/* The guest, as the code under test asks about it. */
struct dv_universe *dv_guest_types(struct dv_guest *g)
{
	(void)g;
	return &universe;
}
const struct dv_guest_layout *dv_guest_layout(const struct dv_guest *g)
{
	(void)g;
	return &layout;
}
const struct dv_symbol *dv_guest_symbol(const struct dv_guest *g, const char *module, const char *name)
{
	static const struct dv_symbol own[] = {{.name = "hardirq_stack_ptr", .addr = 0x40}, {.name = "hardirq_stack_inuse", .addr = 0x48},
	                                       {.name = "idle_threads", .addr = 0x50}, {.name = "nr_cpu_ids", .addr = BASE + 0x80},
	                                       {.name = "pcpu_hot", .addr = 0x10}};

	(void)g;
	(void)module;
	for (unsigned i = hot ? 2 : 0; i < (hot ? 5 : 4); i++)
		if (!strcmp(own[i].name, name))
			return &own[i];
	return NULL;
}
struct dv_error *dv_guest_tasks(struct dv_guest *g, dv_task_fn *fn, void *ctx)
{
	(void)g;
	for (uint64_t i = 0; i < (TASKS - 1) * rounds; i++) // the last one is an idle task
		if (!fn(ctx, BASE + 0x1000 + i % (TASKS - 1) * TASK, 1, 1, "x"))
			break;
	return tasks_fail ? dv_error_create(DV_ERR_FAULT, "no") : NULL;
}

static bool read_va(void *ctx, uint64_t va, void *dst, size_t size)
{
	(void)ctx;
	if (va - BASE >= SIZE || size > SIZE - (va - BASE) || (unreadable && unreadable - (va - BASE) < size))
		return false;
	memcpy(dst, mem + (va - BASE), size);
	return true;
}

static void put(uint64_t off, uint64_t v)
{
	memcpy(mem + off, &v, 8);
}

static uint64_t task(unsigned i)
{
	return 0x1000 + i * TASK;
}

static uint64_t stack(unsigned i)
{
	return 0x10000 + i * STACK;
}

static uint64_t percpu(unsigned cpu)
{
	return PERCPU + cpu * 0x1000;
}

#define IRQ(cpu) (0x90000u + (cpu) * STACK) /* its stack for interrupts */

// Tasks 0 to 2 sleep, half of their stacks in use; 3 and 4 run; 5 is CPU 1's idle task, and runs too.
static void make(void)
{
	uint32_t cpus = 4;

	memset(mem, 0, SIZE);
	unreadable = 0;
	tasks_fail = false;
	memcpy(mem + 0x80, &cpus, 4);
	for (unsigned i = 0; i < TASKS; i++) {
		put(task(i) + O_STACK, BASE + stack(i));
		put(task(i) + O_SP, BASE + stack(i) + STACK / 2);
		mem[task(i) + O_RUNNING] = i >= 3;
	}
	for (unsigned i = 0; i < 2; i++) {
		put(0x100 + 8 * i, BASE + percpu(i));
		put(percpu(i) + 0x40, BASE + IRQ(i) + STACK - 8);
	}
	put(percpu(1) + 0x50, BASE + task(5));
	put(0x100 + 8 * 2, BASE + percpu(1)); // two CPUs that there are not
	put(0x100 + 8 * 3, BASE + percpu(1));
}

static const uint64_t addrs[] = {TEXT + 2, TEXT + 0x102, TEXT + 0x104, TEXT + 0x2002};

static unsigned scan(const struct dv_trap_cpu *cpus, uint32_t count, bool want)
{
	uint8_t busy[4] = {0};
	unsigned bits = 0;

	CHECK(dv_trap_stacks((struct dv_guest *)mem, read_va, NULL, cpus, count, addrs, 4, busy) == want);
	for (unsigned i = 0; i < 4; i++)
		bits |= (unsigned)busy[i] << i;
	return bits;
}

static void test_tasks(void)
{
	make();
	CHECK_EQ(scan(NULL, 0, true), 0);
	put(stack(0) + STACK - 8, addrs[0]);
	put(stack(1) + STACK / 2, addrs[2]);
	CHECK_EQ(scan(NULL, 0, true), 1 | 4);
	// Remains below the stack pointer of one that sleeps; not the address itself.
	make();
	put(stack(2) + STACK / 2 - 8, addrs[3]);
	put(stack(2) + STACK - 64, addrs[3] + 1);
	put(stack(2) + STACK - 60, addrs[3]); // not where a word can be
	CHECK_EQ(scan(NULL, 0, true), 0);
	// One that runs: all of it; the idle task, too.
	put(stack(3), addrs[3]);
	put(stack(5) + 64, addrs[1]);
	CHECK_EQ(scan(NULL, 0, true), 8 | 2);
	// A stack pointer that is none.
	make();
	put(task(0) + O_SP, 12345);
	put(stack(0) + 8, addrs[0]);
	CHECK_EQ(scan(NULL, 0, true), 1);
	// One that has ended has no stack.
	make();
	put(task(0) + O_STACK, 0);
	CHECK_EQ(scan(NULL, 0, true), 0);
}

static void test_cpus(void)
{
	struct dv_trap_cpu c[] = {{.task = BASE + task(3), .sp = BASE + stack(3) + 8192}, {.task = BASE + task(4), .user = true}};

	make();
	put(stack(3) + 8000, addrs[0]);
	put(stack(4) + 8000, addrs[1]);
	CHECK_EQ(scan(NULL, 0, true), 3);
	CHECK_EQ(scan(c, 2, true), 0);
	put(stack(3) + 8192, addrs[2]);
	CHECK_EQ(scan(c, 2, true), 4);
	// In an interrupt, the stack pointer is put by on the stack for those.
	make();
	mem[percpu(0) + 0x48] = 1;
	put(IRQ(0) + STACK - 8, BASE + stack(3) + 4096);
	c[0].sp = BASE + IRQ(0) + 8192;
	put(stack(3) + 4000, addrs[0]);
	CHECK_EQ(scan(c, 2, true), 0);
	put(stack(3) + 4096, addrs[1]);
	put(IRQ(0) + 8200, addrs[2]);
	CHECK_EQ(scan(c, 2, true), 2 | 4);
	// What is left of one that is over.
	mem[percpu(0) + 0x48] = 0;
	put(stack(3) + 4096, 0);
	CHECK_EQ(scan(NULL, 0, true), 1);
}

static void test_unreadable(void)
{
	make();
	tasks_fail = true;
	scan(NULL, 0, false);
	make();
	unreadable = task(1) + O_STACK;
	scan(NULL, 0, false);
	make();
	unreadable = stack(3) + 100;
	scan(NULL, 0, false);
	make();
	unreadable = IRQ(1) + 100;
	scan(NULL, 0, true); // not in use
	mem[percpu(1) + 0x48] = 1;
	scan(NULL, 0, false);
	make();
	put(0x80, 1u << 30); // so many CPUs
	scan(NULL, 0, false);
	make();
	layout.task_stack = DV_OFF_NONE;
	scan(NULL, 0, false);
	layout.task_stack = O_STACK;
	layout.thread_size = 1u << 20;
	scan(NULL, 0, false);
	layout.thread_size = STACK;
}

// A list without an end is given up.
static void test_long(void)
{
	make();
	rounds = 1ull << 40;
	scan(NULL, 0, false);
	rounds = 1;
	scan(NULL, 0, true);
}

int main(void)
{
	for (unsigned i = 0; i < 2; i++) {
		hot = i;
		test_tasks();
		test_cpus();
		test_unreadable();
	}
	test_long();
	return test_done();
}
