// SPDX-License-Identifier: GPL-2.0-or-later
//
// What dvirt tells the programs of a guest, and what it makes of what they say of their load.
#include "lib/test.h"
#include "machine/kvm/load.h"
#include "machine/kvm/tables.h"

#define SECOND DV_LOAD_WINDOW

static struct dv_guest_tables tables;

/* -- slots and virtual CPUs --------------------------------------------------------------------------------------- */

// As programs look for the virtual CPU whose thread they run in (bpf/guest.h); NULL: not found.
static const struct dv_guest_vcpu *row_of(uint32_t tid)
{
	for (uint32_t i = 0; i < DV_VCPU_LOOK; i++) {
		const struct dv_guest_vcpu *c = &tables.vcpus[(tid + i) & (DV_GUEST_VCPUS - 1)];

		if (c->tid == tid)
			return c;
		if (!c->tid)
			break;
	}
	return NULL;
}

static int index_of(uint32_t tid)
{
	const struct dv_guest_vcpu *c = row_of(tid);

	return c ? (int)c->index : -1;
}

static void cpu(struct dv_kvm_vm *vm, uint32_t tid)
{
	*DV_PUSH(&vm->vcpus) = (struct dv_kvm_vcpu){.vcpu = 0xffff888000000000 + vm->vcpus.count * 4096, .tid = 7, .kernel_tid = tid};
}

static void test_vcpus(void)
{
	struct dv_kvm_vm vm = {0};

	memset(&tables, 0, sizeof(tables));
	// Numbers of the same row; one of a virtual CPU that has not run.
	cpu(&vm, 100);
	cpu(&vm, 100 + DV_GUEST_VCPUS);
	cpu(&vm, 100 + 2 * DV_GUEST_VCPUS);
	cpu(&vm, 0);
	dv_kvm_tell(&tables, &vm);
	CHECK_EQ(index_of(100), 0);
	CHECK_EQ(index_of(100 + DV_GUEST_VCPUS), 1);
	CHECK_EQ(index_of(100 + 2 * DV_GUEST_VCPUS), 2);
	CHECK_EQ(index_of(7), -1); // another's numbers
	// The one in the middle has another thread, and the first none any more: the last is still found.
	vm.vcpus.data[0].kernel_tid = 0;
	vm.vcpus.data[1].kernel_tid = 5000;
	vm.vcpus.data[3].kernel_tid = 101;
	dv_kvm_tell(&tables, &vm);
	CHECK_EQ(index_of(100), -1);
	CHECK_EQ(index_of(100 + DV_GUEST_VCPUS), -1);
	CHECK_EQ(index_of(100 + 2 * DV_GUEST_VCPUS), 2);
	CHECK_EQ(index_of(5000), 1);
	CHECK_EQ(index_of(101), 3);
	// Threads come and go for as long as they like.
	for (uint32_t i = 0; i < 10000; i++) {
		vm.vcpus.data[1].kernel_tid = 200 + i % 3 * DV_GUEST_VCPUS;
		dv_kvm_tell(&tables, &vm);
		if (index_of(vm.vcpus.data[1].kernel_tid) != 1) {
			CHECK_EQ(index_of(vm.vcpus.data[1].kernel_tid), 1);
			break;
		}
	}
	CHECK_EQ(index_of(100 + 2 * DV_GUEST_VCPUS), 2);
	// A virtual CPU that is another, and one that went.
	vm.vcpus.data[2].vcpu += 64;
	vm.vcpus.data[3].vmcb = 1;
	dv_kvm_tell(&tables, &vm);
	REQUIRE(index_of(100 + 2 * DV_GUEST_VCPUS) == 2 && index_of(101) == 3);
	CHECK_EQ(row_of(100 + 2 * DV_GUEST_VCPUS)->vcpu, vm.vcpus.data[2].vcpu);
	CHECK_EQ(row_of(101)->vmcb, 1);
	vm.vcpus.count = 2;
	dv_kvm_tell(&tables, &vm);
	CHECK_EQ(index_of(100 + 2 * DV_GUEST_VCPUS), -1);
	CHECK_EQ(index_of(101), -1);
	DV_VEC_FREE(&vm.vcpus);
}

static void test_slots(void)
{
	struct dv_kvm_vm vm = {0};

	memset(&tables, 0, sizeof(tables));
	for (uint64_t i = 0; i < DV_GUEST_SLOTS + 5; i++)
		*DV_PUSH(&vm.slots) = (struct dv_kvm_slot){.gpa = i << 20, .size = 4096 * (100 - i), .hva = 0x7f0000000000 + (i << 20)};
	dv_kvm_tell(&tables, &vm);
	for (unsigned i = 0; i < DV_GUEST_SLOTS; i++)
		CHECK(tables.slots[i].gpa == vm.slots.data[i].gpa && tables.slots[i].size == vm.slots.data[i].size &&
		      tables.slots[i].hva == vm.slots.data[i].hva);
	vm.slots.count = 3;
	vm.slots.data[1].hva += 4096;
	dv_kvm_tell(&tables, &vm);
	CHECK_EQ(tables.slots[1].hva, vm.slots.data[1].hva);
	CHECK_EQ(tables.slots[2].size, 4096 * 98);
	for (unsigned i = 3; i < DV_GUEST_SLOTS; i++)
		CHECK_EQ(tables.slots[i].size, 0);
	DV_VEC_FREE(&vm.slots);
}

/* -- load --------------------------------------------------------------------------------------------------------- */

static void test_share(void)
{
	struct dv_kvm_load l = {0};
	uint64_t now = 50 * SECOND;

	memset(&tables, 0, sizeof(tables));
	// Before the session nothing counts, and no window is over.
	tables.load[0].hits = 1000000;
	CHECK_EQ(dv_kvm_load_look(&l, now, &tables, 2), 0);
	CHECK(!dv_kvm_load_over(&l, 100, 10));
	CHECK_EQ(dv_kvm_load_look(&l, now + SECOND / 2, &tables, 2), 0);
	CHECK_EQ(l.window, 0);
	// The busiest counts: 100,000 exits, and 0.25 s in the program.
	tables.load[0].hits += 10;
	tables.load[1].hits += 100000;
	tables.load[1].ns += SECOND / 4;
	now += SECOND;
	CHECK_EQ(dv_kvm_load_look(&l, now, &tables, 2), 25 + 100000ull * DV_EXIT_NS * 100 / SECOND);
	CHECK_EQ(l.window, SECOND);
	// One that is not there does not count, twice as long a window halves.
	tables.load[1].ns += SECOND;
	tables.load[0].ns += SECOND;
	now += 2 * SECOND;
	CHECK_EQ(dv_kvm_load_look(&l, now, &tables, 1), 50);
	// More than there is of a virtual CPU's time is all of it; so is what cannot be.
	tables.load[0].ns += 100 * SECOND;
	now += SECOND;
	CHECK_EQ(dv_kvm_load_look(&l, now, &tables, 1), 100);
	now += SECOND;
	CHECK_EQ(dv_kvm_load_look(&l, now, &tables, UINT32_MAX), 100); // of virtual CPU 1, since it was looked at
	now += SECOND;
	CHECK_EQ(dv_kvm_load_look(&l, now, &tables, UINT32_MAX), 0);
	dv_kvm_load_deinit(&l);
}

static void test_over(void)
{
	struct dv_kvm_load l = {.window = SECOND};

	for (unsigned i = 1; i < DV_LOAD_OVER; i++)
		CHECK(!dv_kvm_load_over(&l, 11, 10));
	CHECK(!dv_kvm_load_over(&l, 10, 10)); // in a row
	for (unsigned i = 1; i < DV_LOAD_OVER; i++)
		CHECK(!dv_kvm_load_over(&l, 11, 10));
	l.window = 0; // between windows nothing changes
	CHECK(!dv_kvm_load_over(&l, 11, 10));
	l.window = SECOND;
	CHECK(dv_kvm_load_over(&l, 11, 10));
}

static uint64_t all_hits[4];
static uint64_t hits_of(void *ctx, uint64_t pc)
{
	(void)ctx;
	return all_hits[pc - 10];
}

static void test_noisiest(void)
{
	struct dv_kvm_load l = {.window = SECOND, .over = DV_LOAD_OVER};
	dv_traps traps = {0}, out = {0};
	uint64_t hits = 0;

	for (unsigned i = 0; i < 4; i++)
		*DV_PUSH(&traps) = (struct dv_trap){.pc = 10 + i};
	all_hits[0] = 100, all_hits[1] = 5000, all_hits[2] = 0, all_hits[3] = 4900;
	// 40 percent, 10 are allowed: what leaves at most 5. All counted over so many windows.
	dv_kvm_load_noisiest(&l, &traps, 40, 10, hits_of, NULL, &out, &hits);
	REQUIRE(out.count == 2);
	CHECK_EQ(out.data[0].pc, 11);
	CHECK_EQ(out.data[1].pc, 13);
	CHECK_EQ(hits, 5000 / DV_LOAD_OVER);
	CHECK_EQ(l.over, 0);
	CHECK_EQ(traps.count, 4);
	// Only what came since: one is noisy now that was not before.
	out.count = 0;
	all_hits[0] += 700, all_hits[1] += 1;
	l.over = DV_LOAD_OVER;
	dv_kvm_load_noisiest(&l, &traps, 12, 10, hits_of, NULL, &out, &hits);
	REQUIRE(out.count == 1);
	CHECK_EQ(out.data[0].pc, 10);
	// Nobody was hit: it is not the traps.
	out.count = 0;
	dv_kvm_load_noisiest(&l, &traps, 100, 10, hits_of, NULL, &out, &hits);
	CHECK_EQ(out.count, 0);
	CHECK_EQ(hits, 0);
	// Another load, with fewer traps, and with none.
	traps.count = 1;
	dv_kvm_load_reset(&l);
	dv_kvm_load_noisiest(&l, &traps, 100, 10, hits_of, NULL, &out, &hits);
	REQUIRE(out.count == 1);
	CHECK_EQ(hits, all_hits[0]);
	traps.count = out.count = 0;
	dv_kvm_load_noisiest(&l, &traps, 100, 10, hits_of, NULL, &out, &hits);
	CHECK(!out.count && !hits);
	dv_kvm_load_deinit(&l);
	DV_VEC_FREE(&traps);
	DV_VEC_FREE(&out);
}

int main(void)
{
	test_vcpus();
	test_slots();
	test_share();
	test_over();
	test_noisiest();
	return test_done();
}
