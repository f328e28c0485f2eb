// SPDX-License-Identifier: GPL-2.0-or-later
// Virtual machines read out of a kernel's memory of the test's own making: what is found, while it changes, and where it is no
// memory or has no end.
#include <pthread.h>
#include <unistd.h>

#include "lib/test.h"
#include "machine/kvm/find.h"
#include "machine/kvm/host.h"

#define BASE 0xffff888000000000ull
#define SIZE (1u << 20)

static uint8_t mem[SIZE];
static unsigned reads;
static void (*at_read)(void); // what happens meanwhile

bool dv_kvm_kread(const struct dv_kvm_host *h, uint64_t va, void *dst, size_t size)
{
	reads++;
	if (at_read)
		at_read();
	if (va < BASE || va - BASE > SIZE - size)
		return false;
	memcpy(dst, mem + (va - BASE), size);
	return true;
}

// kvm_vm_fops is where the module was when its symbols were read last.
static struct dv_symbol fops, fops_now;

const struct dv_symbol *dv_guest_symbol(const struct dv_guest *g, const char *module, const char *name)
{
	return strcmp(name, "kvm_vm_fops") ? NULL : &fops;
}

struct dv_error *dv_guest_refresh_modules(struct dv_guest *g, bool *changed)
{
	*changed = fops.addr != fops_now.addr;
	fops = fops_now;
	return NULL;
}

static void put(uint64_t va, uint64_t value)
{
	memcpy(mem + (va - BASE), &value, 8);
}

static void put4(uint64_t va, uint32_t value)
{
	memcpy(mem + (va - BASE), &value, 4);
}

// Where the structures are, and what is where in them.
enum {
	NS = 0x100, PID = 0x1000, PID2 = 0x1100, TASK = 0x2000, FILES = 0x3000, TABLE = 0x3100, FDS = 0x3200, FILE_ = 0x4000,
	MM = 0x5000, KVM = 0x6000, SET = 0x7000, SET2 = 0x7800, SLOTS = 0x8000, SLOT_SIZE = 0x100, NODES = 0x20000, VCPUS = 0x40000,
	VMCB = 0x60000, HASH = 16, FD = 5,
};
#define AT(x) (BASE + (x))

static struct dv_kvm_layout layout = {
    .task_pid = 0, .task_links = 16, .task_files = 80, .task_mm = 88,
    .pid_level = 4, .pid_tasks = 16, .pid_numbers = 64, .upid_nr = 0, .upid_ns = 8, .upid_size = 16,
    .ns_root = 8, .node_shift = 0, .node_slots = 40, .node_count = 64,
    .files_table = 32, .table_max = 0, .table_fds = 8, .file_ops = 40, .file_private = 48,
    .kvm_mm = 8, .kvm_slots = 16, .kvm_vcpus = 24, .kvm_type = 32, .kvm_protected = 33, .svm_sev = 34, .svm_sev_es = 35,
    .vcpu_protected = 60, .vcpu_efer = 200, .vmx_kgs = DV_KVM_NO_OFF,
    .set_generation = 0, .set_hash = 16, .set_index = 8, .set_hash_size = HASH,
    .slot_node = 0, .slot_gfn = 32, .slot_pages = 40, .slot_hva = 48, .slot_flags = 56,
    .level = 1, .ns = AT(NS),
};
static struct dv_kvm_host host = {
    .isa = DV_KVM_SVM,
    .off = {.vcpu_kvm = 0, .vcpu_id = 8, .vcpu_idx = 12, .vcpu_pid = 16, .svm_vmcb = 24, .regs = 64, .cr3 = 208, .cr4 = 216,
	    .intercept = 0, .save_cr3 = 64, .save_cr4 = 72, .save_efer = 80, .save_gs_base = 88, .save_kgs_base = 96},
    .priv = &layout,
};

// The tree's node for the numbers below 64 << shift; returns its address.
static uint64_t node(unsigned n, unsigned shift)
{
	uint64_t at = AT(NODES + n * 1024);

	mem[at - BASE] = (uint8_t)shift;
	return at;
}

static void slot(unsigned n, uint64_t gfn, uint64_t pages, uint64_t hva, uint32_t flags, unsigned index)
{
	uint64_t at = AT(SLOTS + n * SLOT_SIZE), head = AT(SET + layout.set_hash + n % HASH * 8), old;

	memcpy(&old, mem + (head - BASE), 8);
	put(at + index * 16, old); // in front of its chain
	put(head, at + index * 16);
	put(at + 32, gfn);
	put(at + 40, pages);
	put(at + 48, hva);
	put4(at + 56, flags);
}

static void vcpu(unsigned n, uint64_t pid)
{
	uint64_t at = AT(VCPUS + n * 1024), b = AT(VMCB + n * 256);

	put(at, AT(KVM));
	put4(at + 8, n + 10);
	put4(at + 12, n);
	put(at + 16, pid);
	put(at + 24, b);
	put(at + 64 + 16 * 8, 0xffffffff81000000 + n);
	put4(b + 12, 1u << 22);
	put(b + 64, 0x1000 * (n + 1));
	put(b + 88, 5);
	put(b + 96, AT(0));
}

// A kernel with this process in it, which has a machine of two slots that adjoin, one further, and one vCPU.
static void build(void)
{
	uint32_t number = (uint32_t)getpid();
	unsigned levels = 0, shift = 0;
	uint64_t at;

	memset(mem, 0, sizeof(mem));
	at_read = NULL;
	fops.addr = fops_now.addr = AT(0x100);
	while (number >> shift >= 64)
		shift += 6;
	for (unsigned s = shift;; s -= 6, levels++) {
		at = node(levels, s);
		if (!levels)
			put(AT(NS) + 8, at + 2);
		if (!s)
			break;
		put(at + 40 + (number >> s & 63) * 8, AT(NODES + (levels + 1) * 1024) + 2);
	}
	put(at + 40 + (number & 63) * 8, AT(PID));
	put4(AT(PID) + 4, 1);
	put(AT(PID) + 16 + 8, AT(TASK) + 16 + 16);
	put4(AT(PID) + 64, 4242); // this process in the first namespace
	put4(AT(PID) + 64 + 16, number);
	put(AT(PID) + 64 + 24, AT(NS));
	put(AT(TASK) + 80, AT(FILES));
	put(AT(TASK) + 88, AT(MM));
	put(AT(FILES) + 32, AT(TABLE));
	put4(AT(TABLE), 64);
	put(AT(TABLE) + 8, AT(FDS));
	put(AT(FDS) + FD * 8, AT(FILE_));
	put(AT(FILE_) + 40, AT(0x100));
	put(AT(FILE_) + 48, AT(KVM));
	put(AT(KVM) + 8, AT(MM));
	put(AT(KVM) + 16, AT(SET));
	put(AT(KVM) + 24, AT(VCPUS));
	put(AT(SET), 7);
	put4(AT(SET) + 8, 1);
	slot(0, 0, 16, 0x10000000, 0, 1);
	slot(1, 16, 16, 0x10010000, 0, 1);
	slot(2, 0x100, 64, 0x20000000, 2, 1);
	vcpu(0, AT(PID));
}

static struct dv_kvm_vm *vm;

static const char *open_vm(void)
{
	static char msg[256];
	struct dv_error *e;

	dv_kvm_vm_close(vm);
	vm = NULL;
	e = dv_kvm_vm_open(&host, getpid(), FD, &vm);
	snprintf(msg, sizeof(msg), "%s", e ? e->msg : "");
	dv_error_destroy(e);
	return msg;
}
#define EXPECT(text) CHECK(strstr(open_vm(), text))

static void test_found(void)
{
	struct dv_guest_regs r;

	build();
	CHECK_STR(open_vm(), "");
	REQUIRE(vm);
	CHECK(vm->kvm == AT(KVM) && vm->generation == 7 && !vm->refused);
	REQUIRE(vm->slots.count == 2);
	CHECK(vm->slots.data[0].gpa == 0x100000 && vm->slots.data[0].size == 64 << 12 && vm->slots.data[0].hva == 0x20000000 &&
	      vm->slots.data[0].readonly);
	CHECK(vm->slots.data[1].gpa == 0 && vm->slots.data[1].size == 32 << 12 && vm->slots.data[1].hva == 0x10000000 &&
	      !vm->slots.data[1].readonly);
	CHECK_EQ(dv_kvm_hva(vm, 0x11008), 0x10011008);
	CHECK_EQ(dv_kvm_hva(vm, 0x20000), 0);
	CHECK_EQ(dv_kvm_hva(vm, 0x100000), 0);
	REQUIRE(vm->vcpus.count == 1);
	CHECK_EQ(vm->vcpus.data[0].id, 10);
	CHECK_EQ(vm->vcpus.data[0].tid, getpid());
	CHECK_EQ(vm->vcpus.data[0].kernel_tid, 4242);
	CHECK(dv_kvm_intercepts_invd(&host, vm));
	CHECK(dv_kvm_vcpu_regs(&host, &vm->vcpus.data[0], &r) && r.cr3 == 0x1000 && r.rip == 0xffffffff81000000 &&
	      r.gs_base == AT(0));
	put(AT(VMCB) + 64, 0);
	CHECK(!dv_kvm_vcpu_regs(&host, &vm->vcpus.data[0], &r));
	put4(AT(VMCB) + 12, ~(1u << 22));
	CHECK(!dv_kvm_intercepts_invd(&host, vm));
}

static void *is_me(void *ret)
{
	*(int *)ret = gettid();
	while (*(volatile int *)ret)
		usleep(100);
	return NULL;
}

static void test_ended(bool *slots, bool *vcpus)
{
	volatile int tid = 0;
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, is_me, (void *)&tid));
	while (!tid)
		usleep(100);
	put4(AT(PID2) + 80, (uint32_t)tid);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, slots, vcpus));
	CHECK(*vcpus && vm->vcpus.data[2].tid == tid);
	tid = 0;
	pthread_join(thread, NULL);
	for (int i = 0; i < 1000 && vm->vcpus.data[2].tid; i++) { // the kernel is soon done with it
		usleep(1000);
		REQUIRE(!dv_kvm_vm_refresh(&host, vm, slots, vcpus));
	}
	CHECK(*vcpus && !vm->vcpus.data[2].tid);
}

static void test_changes(void)
{
	bool slots, vcpus;
	uint64_t n;

	build();
	open_vm();
	REQUIRE(vm);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(!slots && !vcpus);
	// Two more CPUs: a node in the place of the one. The thread of one is nobody's, of the other of another namespace.
	n = node(20, 0);
	put(n + 40, AT(VCPUS));
	put(n + 48, AT(VCPUS + 1024));
	put(n + 56, AT(VCPUS + 2048));
	put(AT(KVM) + 24, n + 2);
	vcpu(1, 0);
	vcpu(2, AT(PID2));
	put4(AT(PID2) + 4, 1);
	put4(AT(PID2) + 80, (uint32_t)getpid());
	put(AT(PID2) + 88, AT(NS) + 8);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(!slots && vcpus && vm->vcpus.count == 3 && !vm->vcpus.data[1].tid && !vm->vcpus.data[2].tid);
	put(AT(PID2) + 88, AT(NS));
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(vcpus && vm->vcpus.data[2].tid == getpid());
	// A number that is no thread's of this process.
	put4(AT(PID2) + 80, 4194303);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(vcpus && !vm->vcpus.data[2].tid);
	// A thread that has ended, and its number was known.
	test_ended(&slots, &vcpus);
	// Slots are looked at when their generation is another.
	slot(3, 0x200, 4, 0x30000000, 0, 1);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(!slots && vm->slots.count == 2);
	put(AT(SET), 8);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(slots && !vcpus && vm->slots.count == 3 && vm->slots.data[2].gpa == 0x200000);
	// Writes to one are to be told: it is a change, and a slot of its own.
	CHECK(!dv_kvm_copied(vm, 0) && !dv_kvm_copied(vm, 0x100000) && !dv_kvm_copied(vm, 1ull << 40));
	put4(AT(SLOTS) + 56, 1);
	put(AT(SET), 9);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(slots && vm->slots.count == 4);
	CHECK(dv_kvm_copied(vm, 0) && dv_kvm_copied(vm, 0xffff) && !dv_kvm_copied(vm, 0x10000) && !dv_kvm_copied(vm, 0x100000));
	put(AT(SET), 10);
	REQUIRE(!dv_kvm_vm_refresh(&host, vm, &slots, &vcpus));
	CHECK(!slots);
	// Another machine, and none.
	put(AT(FILE_) + 48, AT(KVM + 0x400));
	put(AT(KVM + 0x400) + 8, AT(MM));
	struct dv_error *e = dv_kvm_vm_refresh(&host, vm, &slots, &vcpus);
	CHECK(e && e->code == DV_ERR_GONE);
	dv_error_destroy(e);
	put(AT(FDS) + FD * 8, 0);
	e = dv_kvm_vm_refresh(&host, vm, &slots, &vcpus);
	CHECK(e && e->code == DV_ERR_GONE);
	dv_error_destroy(e);
}

// The set is exchanged for the other as soon as it is read, some times.
static unsigned exchanges;
static void exchange(void)
{
	uint64_t set;

	memcpy(&set, mem + KVM + 16, 8);
	if (reads % 20 || exchanges == 4)
		return;
	exchanges++;
	put(AT(KVM) + 16, set == AT(SET) ? AT(SET2) : AT(SET));
}

static void test_meanwhile(void)
{
	build();
	memcpy(mem + SET2, mem + SET, 0x800);
	put(AT(SET2), 9);
	reads = 0;
	at_read = exchange;
	CHECK_STR(open_vm(), "");
	CHECK(vm && vm->slots.count == 2);
	CHECK_EQ(exchanges, 4);
}

static void all_the_time(void)
{
	put(AT(SET), reads);
}

static void test_hostile(void)
{
	uint64_t n;

	// A chain that ends in itself, and one that leads nowhere.
	build();
	put(AT(SLOTS) + 16, AT(SLOTS) + 16);
	reads = 0;
	EXPECT("memory slots");
	CHECK(reads < 1000000);
	build();
	put(AT(SLOTS) + 16, 0x1234);
	EXPECT("memory slots");
	build();
	put4(AT(SET) + 8, 2);
	EXPECT("memory slots");
	build();
	at_read = all_the_time;
	EXPECT("memory slots");
	// Slots that make no sense, or are on their way out, are left out.
	build();
	slot(4, 1ull << 50, 1, 0x1000, 0, 1);
	slot(5, 1, 1ull << 50, 0x1000, 0, 1);
	slot(6, 1, 1, 0x1001, 0, 1);
	slot(7, 1, 1, 1ull << 60, 0, 1);
	slot(8, 1, 1, 0x1000, 1u << 16, 1);
	slot(9, 1, 0, 0x1000, 0, 1);
	CHECK_STR(open_vm(), "");
	CHECK(vm && vm->slots.count == 2);
	// A tree whose nodes lead to themselves.
	build();
	n = node(20, 6);
	put(n + 40, n + 2);
	put(AT(KVM) + 24, n + 2);
	CHECK_STR(open_vm(), "");
	CHECK(vm && !vm->vcpus.count);
	build();
	mem[NODES] = 0xff;
	EXPECT("could not be read");
	// A virtual CPU of another machine, one that is reserved (XA_ZERO_ENTRY).
	build();
	put(AT(VCPUS), AT(MM));
	CHECK_STR(open_vm(), "");
	CHECK(vm && !vm->vcpus.count);
	put(AT(KVM) + 24, 1030);
	CHECK_STR(open_vm(), "");
	CHECK(vm && !vm->vcpus.count);
	// Another's machine, no descriptor, none so high.
	build();
	put(AT(KVM) + 8, AT(MM) + 8);
	EXPECT("another process's");
	build();
	put4(AT(TABLE), FD);
	EXPECT("no virtual machine");
	// Another kind of descriptor; the module was loaded again.
	build();
	put(AT(FILE_) + 40, AT(0x140));
	EXPECT("no virtual machine");
	fops_now.addr = AT(0x140);
	CHECK_STR(open_vm(), "");
	build();
	put(AT(TASK) + 88, 0); // a process that ends
	EXPECT("could not be read");
}

static void test_refused(void)
{
	static const struct {
		unsigned at;
		uint8_t value;
		const char *why;
	} rows[] = {{32, 1, "private"}, {32, 2, "(SEV)"}, {32, 3, "(SEV-ES)"}, {32, 4, "(SEV-SNP)"}, {32, 5, "(TDX)"},
		    {33, 1, "registers are encrypted"}, {34, 1, "(SEV)"}, {35, 1, "(SEV-ES)"}};

	for (size_t i = 0; i < DV_COUNT(rows); i++) {
		build();
		mem[KVM + rows[i].at] = rows[i].value;
		CHECK_STR(open_vm(), "");
		CHECK(vm && vm->refused && strstr(vm->refused, rows[i].why));
	}
	build();
	mem[VCPUS + 60] = 1;
	CHECK_STR(open_vm(), "");
	CHECK(vm && vm->refused);
}

int main(void)
{
	struct dv_error *e;

	test_found();
	test_changes();
	test_meanwhile();
	test_hostile();
	test_refused();
	dv_kvm_vm_close(vm);
	e = dv_kvm_vm_open(&host, 0x7fffffff, 3, &vm);
	CHECK(e && e->code == DV_ERR_GONE);
	dv_error_destroy(e);
	return test_done();
}
