/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_STACKVM_H
#define DV_TESTS_STACKVM_H
/**
 * A virtual machine for tests of stacks: RAM in two slots, page tables, a kernel with unwind tables and a module, stacks in
 * mapped space whose pages lie apart, one virtual CPU in memory that the kernel can read. Everything is this process's, and
 * it plays the virtual CPU's thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/kmap.h"
#include "lib/test.h"
#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/maps.h"
#include "machine/place_x86.h"
#include "state/state.h"

#define VM_PAGE   4096u
#define VM_DIRECT 0xffff888000000000ull
#define VM_TEXT   0xffffffff81000000ull /**< vmlinux: a page of code ... */
#define VM_TABLES (VM_TEXT + 2 * VM_PAGE) /**< ... and, some pages behind it, tables */
#define VM_MOD    0xffffffffc0400000ull /**< a module: a page of code, tables */
#define VM_MODTAB (VM_MOD + 2 * VM_PAGE)
#define VM_JIT    0xffffffffc0900000ull /**< code that nothing is known of */
#define VM_STACK  0xffffc90000010000ull /**< the task's stack, in mapped space */
#define VM_IRQ    0xffffc90000020000ull
#define VM_USTACK 0x00007ffc00001000ull /**< the program's */
#define VM_UTEXT  0x0000000000401000ull
#define VM_TABLE_PAGES 8u
#define VM_STACK_PAGES 4u
#define VM_IRQ_PAGES 2u
#define VM_USTACK_PAGES 3u

/* Guest-physical: two slots, the larger one first, as dvirt has them. */
#define VM_LOW_SIZE  (96 * VM_PAGE)
#define VM_HIGH      0x100000000ull
#define VM_HIGH_SIZE (32 * VM_PAGE)
#define VM_TEXT_PA   (8 * VM_PAGE)

/* Offsets in struct task_struct, in the virtual CPU. */
enum { VM_T_PID, VM_T_TGID = 4, VM_T_COMM = 8, VM_T_MM = 24, VM_T_STACK = 32, VM_MM_PGD = 8 };
enum { VM_C_REGS = 0, VM_C_CURRENT = 144, VM_C_AVAIL = 152, VM_C_REASON = 156, VM_C_LOADED = 160, VM_C_STATE = 168, VM_C_VMCS = 256, VM_C_VMCB = 512, VM_B_EXIT = 0, VM_B_GS = 8,
       VM_B_CR3 = 16, VM_B_CS = 24 };
#define VM_TASK   (4 * VM_PAGE) /**< gpa */
#define VM_MM     (VM_TASK + 512)
#define VM_PERCPU (VM_TASK + 1024)
#define VM_OFFSETS (VM_TEXT + VM_PAGE) /**< __per_cpu_offset: one */

struct stackvm {
	uint8_t *low, *high; /**< RAM */
	struct kmap cpu;
	uint64_t next_low, next_high; /**< pages that are free */
	uint64_t root;       /**< page tables */
	bool la57;
	struct dv_phys phys;
	struct dv_xplace place; /**< natively */
};

static inline uint8_t *vm_ptr(struct stackvm *vm, uint64_t gpa)
{
	return gpa < VM_LOW_SIZE ? vm->low + gpa : gpa - VM_HIGH < VM_HIGH_SIZE ? vm->high + (gpa - VM_HIGH) : NULL;
}
static inline bool vm_read_phys(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	struct stackvm *vm = ctx;
	uint64_t room = gpa < VM_LOW_SIZE ? VM_LOW_SIZE - gpa : gpa - VM_HIGH < VM_HIGH_SIZE ? VM_HIGH + VM_HIGH_SIZE - gpa : 0;

	if (size > room)
		return false;
	memcpy(dst, vm_ptr(vm, gpa), size);
	return true;
}
static inline void vm_put(struct stackvm *vm, uint64_t gpa, uint64_t value)
{
	memcpy(vm_ptr(vm, gpa), &value, 8);
}

/** Pages are taken from the two slots in turn, downwards: neighbours in virtual memory are none in RAM. */
static inline uint64_t vm_page(struct stackvm *vm, bool high)
{
	return high ? (vm->next_high -= VM_PAGE) : (vm->next_low -= VM_PAGE);
}
static inline void vm_map(struct stackvm *vm, uint64_t va, uint64_t gpa)
{
	uint64_t table = vm->root, e;

	for (int shift = vm->la57 ? 48 : 39; shift > 12; shift -= 9) {
		uint64_t at = table + (va >> shift & 511) * 8;

		memcpy(&e, vm_ptr(vm, at), 8);
		if (!(e & 1)) {
			e = vm_page(vm, false) | 7;
			vm_put(vm, at, e);
		}
		table = e & 0x000ffffffffff000ull;
	}
	vm_put(vm, table + (va >> 12 & 511) * 8, gpa | 7);
}

/** Where in RAM a virtual address is, by the tables alone; for the test's own writes. It must be there. */
static inline uint8_t *vm_at(struct stackvm *vm, uint64_t va)
{
	uint64_t pa, left;

	if (va - VM_TEXT < (2 + VM_TABLE_PAGES) * VM_PAGE)
		return vm_ptr(vm, VM_TEXT_PA + (va - VM_TEXT));
	if (!dv_walk(&vm->phys, vm->root, vm->la57, va, &pa, &left)) {
		fprintf(stderr, "the test's guest has nothing at 0x%llx\n", (unsigned long long)va);
		exit(1);
	}
	return vm_ptr(vm, pa);
}
static inline void vm_write(struct stackvm *vm, uint64_t va, const void *src, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*vm_at(vm, va + i) = ((const uint8_t *)src)[i];
}
static inline void vm_word(struct stackvm *vm, uint64_t va, uint64_t value)
{
	vm_write(vm, va, &value, 8);
}

/** Registers in the order of struct kvm_vcpu_arch. */
static inline uint64_t *vm_regs(struct stackvm *vm)
{
	return (uint64_t *)(vm->cpu.bytes + VM_C_REGS);
}
static inline void vm_cpu(struct stackvm *vm, uint32_t at, uint64_t value)
{
	memcpy(vm->cpu.bytes + at, &value, 8);
}

static inline uint64_t vm_read_reg(struct dv_xplace *p, enum dv_reg r)
{
	static const uint8_t order[DV_REG_RIP + 1] = {
	    [DV_REG_RAX] = 0, [DV_REG_RCX] = 1, [DV_REG_RDX] = 2, [DV_REG_RBX] = 3, [DV_REG_RSP] = 4, [DV_REG_RBP] = 5,
	    [DV_REG_RSI] = 6, [DV_REG_RDI] = 7, [DV_REG_R8] = 8, [DV_REG_R9] = 9, [DV_REG_R10] = 10, [DV_REG_R11] = 11,
	    [DV_REG_R12] = 12, [DV_REG_R13] = 13, [DV_REG_R14] = 14, [DV_REG_R15] = 15, [DV_REG_RIP] = 16};
	struct stackvm *vm = p->phys->ctx;

	if (r <= DV_REG_RIP)
		return vm_regs(vm)[order[r]];
	return r == DV_REG_CR3 ? vm->root : r == DV_REG_GS_BASE || r == DV_REG_KGS_BASE ? VM_DIRECT + VM_PERCPU : 0;
}

/** Fails with DV_ERR_DENIED where this user cannot load programs. */
static inline struct dv_error *stackvm_init(struct stackvm *vm, bool la57)
{
	struct dv_error *e;

	*vm = (struct stackvm){.next_low = VM_LOW_SIZE, .next_high = VM_HIGH + VM_HIGH_SIZE, .la57 = la57};
	e = kmap_create(&vm->cpu, VM_PAGE);
	if (e)
		return e;
	vm->low = mmap(NULL, VM_LOW_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	vm->high = mmap(NULL, VM_HIGH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (vm->low == MAP_FAILED || vm->high == MAP_FAILED)
		return dv_error_create(DV_ERR_OTHER, "no memory");
	vm->phys = (struct dv_phys){vm_read_phys, vm};
	vm->root = vm_page(vm, false);
	for (uint32_t i = 0; i < 2 + VM_TABLE_PAGES; i++)
		vm_map(vm, VM_TEXT + i * VM_PAGE, VM_TEXT_PA + i * VM_PAGE);
	for (uint32_t i = 0; i < VM_TABLE_PAGES; i++)
		vm_map(vm, VM_MODTAB + i * VM_PAGE, vm_page(vm, i & 1));
	for (uint32_t i = 0; i < VM_STACK_PAGES; i++)
		vm_map(vm, VM_STACK + i * VM_PAGE, vm_page(vm, i & 1));
	for (uint32_t i = 0; i < VM_IRQ_PAGES; i++)
		vm_map(vm, VM_IRQ + i * VM_PAGE, vm_page(vm, i & 1));
	for (uint32_t i = 0; i < VM_USTACK_PAGES; i++)
		vm_map(vm, VM_USTACK + i * VM_PAGE, vm_page(vm, i & 1));
	vm_put(vm, VM_PERCPU, VM_DIRECT + VM_TASK);
	vm_word(vm, VM_OFFSETS, VM_DIRECT + VM_PERCPU);
	vm_put(vm, VM_TASK + VM_T_PID, 77 | 77ull << 32);
	vm_put(vm, VM_TASK + VM_T_MM, VM_DIRECT + VM_MM);
	vm_put(vm, VM_TASK + VM_T_STACK, VM_STACK);
	vm_put(vm, VM_MM + VM_MM_PGD, VM_DIRECT + vm->root);
	vm_cpu(vm, VM_C_CURRENT, vm->cpu.address + VM_C_VMCB);
	vm_cpu(vm, VM_C_LOADED, vm->cpu.address + VM_C_VMCS);
	vm_cpu(vm, VM_C_VMCB + VM_B_GS, VM_DIRECT + VM_PERCPU);
	vm_cpu(vm, VM_C_VMCB + VM_B_CR3, vm->root);
	vm_cpu(vm, VM_C_VMCB + VM_B_CS, 0x10);
	return NULL;
}
static inline void stackvm_deinit(struct stackvm *vm)
{
	munmap(vm->low, VM_LOW_SIZE);
	munmap(vm->high, VM_HIGH_SIZE);
	kmap_destroy(&vm->cpu);
}

static inline void stackvm_layout(const struct stackvm *vm, struct dv_guest_layout *l)
{
	*l = (struct dv_guest_layout){
	    .direct_va = VM_DIRECT, .direct_size = VM_LOW_SIZE, .text_va = VM_TEXT, .text_pa = VM_TEXT_PA,
	    .text_size = (2 + VM_TABLE_PAGES) * VM_PAGE, .kernel_cr3 = vm->root, .la57 = vm->la57,
	    .percpu_off = VM_OFFSETS, .task_pid = VM_T_PID, .task_tgid = VM_T_TGID, .task_comm = VM_T_COMM,
	    .task_comm_size = 16, .task_real_parent = DV_OFF_NONE, .task_cred = DV_OFF_NONE, .task_stack = VM_T_STACK,
	    .cred_uid = DV_OFF_NONE, .cred_gid = DV_OFF_NONE, .thread_size = VM_STACK_PAGES * VM_PAGE, .ptregs_size = 168,
	    .ptregs_orig_ax = 120, .ptregs_di = 112, .ptregs_si = 104, .ptregs_dx = 96, .ptregs_r10 = 56,
	    .ptregs_r8 = 72, .ptregs_r9 = 64, .task_mm = VM_T_MM, .task_leader = DV_OFF_NONE, .task_start = DV_OFF_NONE,
	    .mm_pgd = VM_MM_PGD,
	};
}
static inline struct dv_kvm_offsets stackvm_offsets(void)
{
	return (struct dv_kvm_offsets){.regs = VM_C_REGS, .regs_avail = VM_C_AVAIL, .svm_current = VM_C_CURRENT,
				       .vmx_reason = VM_C_REASON, .vmx_current = VM_C_LOADED, .vmx_own = VM_C_VMCS, .mp_state = VM_C_STATE, .exit_code = VM_B_EXIT, .save_gs_base = VM_B_GS,
				       .save_kgs_base = VM_B_GS, .save_cr3 = VM_B_CR3, .save_cs = VM_B_CS};
}
/** What dvirt tells the programs while they run. */
static inline void stackvm_tables(const struct stackvm *vm, struct dv_guest_tables *t)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);

	t->slots[0] = (struct dv_guest_slot){.gpa = 0, .size = VM_LOW_SIZE, .hva = (uint64_t)(uintptr_t)vm->low};
	t->slots[1] = (struct dv_guest_slot){.gpa = VM_HIGH, .size = VM_HIGH_SIZE, .hva = (uint64_t)(uintptr_t)vm->high};
	t->vcpus[tid % DV_GUEST_VCPUS] =
	    (struct dv_guest_vcpu){.tid = tid, .vcpu = vm->cpu.address, .vmcb = vm->cpu.address + VM_C_VMCB};
}
/** The place of a firing at @p site, natively. */
static inline struct dv_place *stackvm_place(struct stackvm *vm, const struct dv_loaded *l, const struct dv_load_site *site)
{
	vm->place.base.ops = &dv_xplace_ops;
	vm->place.read_reg = vm_read_reg;
	vm->place.phys = &vm->phys;
	vm->place.loaded = l;
	vm->place.site = site;
	dv_xplace_begin(&vm->place, vm_regs(vm)[16]);
	return &vm->place.base;
}
/** A state region that the kernel's programs can use, with one machine that lives. */
struct vm_region {
	int fd;
	uint8_t *at;
	uint64_t size, mapped;
};
static inline void vm_region_make(struct vm_region *r, const struct dv_region_config *c)
{
	struct dv_error *e;

	r->size = dv_region_size(c);
	e = dv_bpf_region_create(r->size, &r->fd, &r->mapped);
	if (e)
		fprintf(stderr, "%s\n", e->msg);
	REQUIRE(!e);
	r->at = mmap(NULL, r->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	REQUIRE(r->at != MAP_FAILED);
	dv_region_init(r->at, r->size, c);
	dv_region_hdr(r->at)->machines[0] = (struct dv_machine_desc){.live = 1};
}
static inline void vm_region_end(struct vm_region *r)
{
	munmap(r->at, r->mapped);
	close(r->fd);
}

#endif
