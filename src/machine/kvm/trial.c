// SPDX-License-Identifier: GPL-2.0-or-later
//
// A virtual machine of our own, of a few bytes: INVD, HLT, in 64-bit mode at an address where kernels are. While it runs, a
// program on kvm_exit looks for its INVD and copies what it finds of its registers and memory.
//
//	guest-physical	0x1000  page tables, four levels down to a page of 2 MiB at 0
//			0x5000  code, seen at CODE
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "machine/ebpf/link.h"
#include "machine/kvm/doctor.h"
#include "machine/kvm/host.h"

#define MEMORY     0x10000u
#define TABLES     0x1000u
#define CODE_AT    0x5000u
#define CODE       (0xffffffff80000000ull + CODE_AT)
#define INVD       3u /* where it is, from CODE on */
#define REG_RSP    4u
#define REG_RIP    16u
#define RUNS_MAX   100 // returns to us: signals, mostly

enum { H_TASK = 35, H_PROBE_READ_USER = 112, H_PROBE_READ_KERNEL = 113 };
enum { SVM_EXIT_INVD = 0x76, VMX_EXIT_INVD = 13 };

struct box {
	uint64_t task, hva;                 // asked
	uint64_t invd, others, other_code;  // answered
	uint64_t isa, at, code;
	uint64_t regs[DV_KVM_TRIAL_REGS];
	uint64_t avail, memory;
};

struct trial {
	int kvm, vm, cpu, map, prog, link;
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_size;
	struct box *box;
};

/* -- the program -------------------------------------------------------------------------------------------------- */

static void copy(struct dv_bpf_code *c, int32_t helper, size_t to, uint32_t size, unsigned base, uint32_t off)
{
	dv_bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, 1, 7, 0, 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, (int32_t)to);
	dv_bpf_const(c, 2, size);
	dv_bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, 3, base, 0, 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, (int32_t)off);
	dv_bpf_helper(c, helper);
}

static void add_one(struct dv_bpf_code *c, size_t to)
{
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 1, 7, (int16_t)to, 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1);
	dv_bpf_emit(c, BPF_STX | BPF_MEM | BPF_DW, 7, 1, (int16_t)to, 0);
}

static void land(struct dv_bpf_code *c, uint32_t jump)
{
	c->insns.data[jump].off = (int16_t)(c->insns.count - jump - 1);
}

static void leave(struct dv_bpf_code *c)
{
	dv_bpf_const(c, 0, 0);
	dv_bpf_emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// r6: context, r7: the box, r8: the virtual CPU, r9: where the exit's code is.
static void program(const struct dv_kvm_host *h, unsigned arg, struct dv_bpf_code *c)
{
	const struct dv_kvm_offsets *o = &h->off;
	bool svm = h->isa == DV_KVM_SVM;
	uint32_t ours, other;

	c->name = "dvirt_trial";
	c->args = 1;
	dv_bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	dv_bpf_addr(c, 7, "box", 0);
	dv_bpf_helper(c, H_TASK);
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 1, 7, offsetof(struct box, task), 0);
	ours = dv_bpf_emit(c, BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0, 0);
	leave(c);
	land(c, ours);
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 8, 6, (int16_t)(arg * 8), 0);
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 1, 6, (int16_t)(arg * 8 + 8), 0);
	dv_bpf_emit(c, BPF_STX | BPF_MEM | BPF_DW, 7, 1, offsetof(struct box, isa), 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, 9, 8, 0, 0);
	if (svm) {
		copy(c, H_PROBE_READ_KERNEL, offsetof(struct box, at), 8, 8, o->svm_current);
		dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 9, 7, offsetof(struct box, at), 0);
	}
	copy(c, H_PROBE_READ_KERNEL, offsetof(struct box, code), 4, 9, svm ? o->exit_code : o->vmx_reason);
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_W, 9, 7, offsetof(struct box, code), 0);
	if (!svm) // flags are above
		dv_bpf_emit(c, BPF_ALU64 | BPF_AND | BPF_K, 9, 0, 0, 0xffff);
	other = dv_bpf_emit(c, BPF_JMP | BPF_JEQ | BPF_K, 9, 0, 0, svm ? SVM_EXIT_INVD : VMX_EXIT_INVD);
	dv_bpf_emit(c, BPF_STX | BPF_MEM | BPF_DW, 7, 9, offsetof(struct box, other_code), 0);
	add_one(c, offsetof(struct box, others));
	leave(c);
	land(c, other);
	copy(c, H_PROBE_READ_KERNEL, offsetof(struct box, regs), DV_KVM_TRIAL_REGS * 8, 8, o->regs);
	copy(c, H_PROBE_READ_KERNEL, offsetof(struct box, avail), 4, 8, o->regs_avail);
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 9, 7, offsetof(struct box, hva), 0);
	copy(c, H_PROBE_READ_USER, offsetof(struct box, memory), 4, 9, 0);
	add_one(c, offsetof(struct box, invd));
	leave(c);
}

static struct dv_error *attach(const struct dv_kvm_host *h, unsigned arg, struct trial *t)
{
	struct dv_bpf_map_symbol maps[2] = {{.name = "box"}, {.fd = -1}};
	struct dv_bpf_load how = {.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = "dvirt_trial"};
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	struct dv_bpf_code code = {0};
	struct dv_error *e;

	t->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dvirt_trial", 4, sizeof(struct box), 1, &o);
	if (t->map < 0)
		return dv_error_sys(errno, "cannot make a map");
	t->box = mmap(NULL, sizeof(struct box), PROT_READ | PROT_WRITE, MAP_SHARED, t->map, 0);
	if (t->box == MAP_FAILED) {
		t->box = NULL;
		return dv_error_sys(errno, "cannot map a map");
	}
	t->box->task = dv_bpf_current(h->reader);
	t->box->hva = (uint64_t)(t->memory + CODE_AT + INVD);
	maps[0].fd = t->map;
	program(h, arg, &code);
	e = dv_bpf_load_alone(&code, maps, &how, &t->prog);
	if (e)
		return e;
	t->link = bpf_raw_tracepoint_open("kvm_exit", t->prog);
	return t->link < 0 ? dv_error_sys(errno, "cannot attach to the tracepoint kvm_exit") : NULL;
}

/* -- the machine -------------------------------------------------------------------------------------------------- */

static void fill(uint8_t *memory)
{
	// inc %rsp; invd; hlt. Registers that a processor keeps to itself are not what they were when the guest was entered.
	static const uint8_t code[] = {0x48, 0xff, 0xc4, 0x0f, 0x08, 0xf4};
	uint64_t *tables = (uint64_t *)(memory + TABLES);
	const uint64_t present = 3;

	// Both the lowest addresses and those of CODE.
	tables[0] = tables[511] = (TABLES + 0x1000) | present;
	tables[512] = tables[512 + 510] = (TABLES + 0x2000) | present;
	tables[1024] = 0x83;
	memcpy(memory + CODE_AT, code, sizeof(code));
}

static struct dv_error *set_state(struct trial *t, struct dv_kvm_trial *ret)
{
	struct kvm_sregs s;
	struct kvm_regs r = {.rflags = 2};
	struct kvm_segment flat = {.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
	__u64 *reg[] = {&r.rax, &r.rcx, &r.rdx, &r.rbx, &r.rsp, &r.rbp, &r.rsi, &r.rdi, &r.r8,
			&r.r9,	&r.r10, &r.r11, &r.r12, &r.r13, &r.r14, &r.r15, &r.rip};

	if (ioctl(t->cpu, KVM_GET_SREGS, &s) < 0)
		return dv_error_sys(errno, "cannot read the virtual CPU");
	s.ds = s.es = s.ss = s.fs = s.gs = flat;
	s.cs = flat;
	s.cs.selector = 8;
	s.cs.type = 11;
	s.cs.db = 0;
	s.cs.l = 1;
	s.cr0 = 0x80000031; // paging, numeric errors, extension type, protection
	s.cr3 = ret->want_cr3 = TABLES;
	s.cr4 = 0x20; // physical address extension
	s.efer = 0x500; // long mode
	for (unsigned i = 0; i < DV_KVM_TRIAL_REGS; i++)
		*reg[i] = ret->want[i] = i == REG_RIP ? CODE : 0xa5a5000000000000ull + 0x0101010101ull * (i + 1);
	ret->want[REG_RSP]++;
	ret->want[REG_RIP] += INVD;
	if (ioctl(t->cpu, KVM_SET_SREGS, &s) < 0 || ioctl(t->cpu, KVM_SET_REGS, &r) < 0)
		return dv_error_sys(errno, "cannot set up the virtual CPU");
	return NULL;
}

static struct dv_error *make(struct dv_kvm_host *h, struct trial *t, struct dv_kvm_trial *ret)
{
	struct kvm_userspace_memory_region slot = {.memory_size = MEMORY};
	__u64 identity = 0xfffbc000;
	int size;

	t->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (t->kvm < 0)
		return dv_error_sys(errno, "cannot open '/dev/kvm'");
	if (ioctl(t->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return dv_error_create(DV_ERR_UNKNOWN, "'/dev/kvm' is not KVM as it is known");
	t->vm = ioctl(t->kvm, KVM_CREATE_VM, 0);
	if (t->vm < 0)
		return dv_error_sys(errno, "cannot make a virtual machine");
	t->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED) {
		t->memory = NULL;
		return dv_error_sys(errno, "no memory");
	}
	fill(t->memory);
	slot.userspace_addr = (uint64_t)t->memory;
	// Older processors of Intel's need some pages of the guest's for themselves.
	if (h->isa == DV_KVM_VMX &&
	    (ioctl(t->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 || ioctl(t->vm, KVM_SET_TSS_ADDR, identity + 0x1000) < 0))
		return dv_error_sys(errno, "cannot set the virtual machine up");
	if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return dv_error_sys(errno, "cannot give the virtual machine memory");
	t->cpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	size = ioctl(t->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (t->cpu < 0 || size < (int)sizeof(*t->run))
		return dv_error_sys(errno, "cannot make a virtual CPU");
	t->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, t->cpu, 0);
	if (t->run == MAP_FAILED) {
		t->run = NULL;
		return dv_error_sys(errno, "cannot map the virtual CPU");
	}
	t->run_size = (size_t)size;
	return set_state(t, ret);
}

static struct dv_error *run(struct trial *t, struct dv_kvm_trial *ret)
{
	struct kvm_regs r;

	for (int i = 0; i < RUNS_MAX; i++) {
		if (ioctl(t->cpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return dv_error_sys(errno, "the virtual CPU does not run");
		}
		if (t->run->exit_reason == KVM_EXIT_HLT) {
			ret->went_on = !ioctl(t->cpu, KVM_GET_REGS, &r) && r.rip == CODE + INVD + 3;
			return NULL;
		}
		if (t->run->exit_reason != KVM_EXIT_INTR)
			break;
	}
	return dv_error_create(DV_ERR_OTHER, "the virtual machine ended with %u, not with HLT", t->run->exit_reason);
}

// Is it found as a machine of another process would be?
static void find(struct dv_kvm_host *h, const struct trial *t, struct dv_kvm_trial *ret)
{
	struct dv_kvm_vm *vm = NULL;
	struct dv_error *e = dv_kvm_vm_open(h, getpid(), t->vm, &vm);
	struct dv_guest_regs r;
	uint8_t bytes[2] = {0};

	dv_error_destroy(e);
	if (!vm)
		return;
	ret->found = vm->slots.count == 1 && vm->slots.data[0].gpa == 0 && vm->slots.data[0].size == MEMORY &&
		     vm->slots.data[0].hva == (uint64_t)t->memory && vm->vcpus.count == 1 && vm->vcpus.data[0].tid == getpid() &&
		     dv_kvm_read_phys(vm, CODE_AT + INVD, bytes, 2) && bytes[0] == 0x0f && bytes[1] == 0x08;
	ret->intercepts = dv_kvm_intercepts_invd(h, vm);
	if (vm->vcpus.count && dv_kvm_vcpu_regs(h, &vm->vcpus.data[0], &r))
		ret->cr3 = r.cr3;
	dv_kvm_vm_close(vm);
}

static void destroy(struct trial *t)
{
	const int fds[] = {t->link, t->prog, t->map, t->cpu, t->vm, t->kvm};

	if (t->box)
		munmap(t->box, sizeof(*t->box));
	if (t->run)
		munmap(t->run, t->run_size);
	for (size_t i = 0; i < DV_COUNT(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (t->memory)
		munmap(t->memory, MEMORY);
}

struct dv_error *dv_kvm_try(struct dv_kvm_host *h, unsigned vcpu_arg, struct dv_kvm_trial *ret)
{
	struct trial t = {.kvm = -1, .vm = -1, .cpu = -1, .map = -1, .prog = -1, .link = -1};
	struct dv_error *e;

	memset(ret, 0, sizeof(*ret));
	e = make(h, &t, ret);
	if (!e)
		e = attach(h, vcpu_arg, &t);
	if (!e)
		e = run(&t, ret);
	if (!e) {
		find(h, &t, ret);
		ret->invd = t.box->invd;
		ret->others = t.box->others;
		ret->other_code = t.box->other_code;
		ret->isa = t.box->isa;
		ret->avail = (uint32_t)t.box->avail;
		ret->memory = (t.box->memory & 0xffffff) == 0xf4080f;
		memcpy(ret->got, t.box->regs, sizeof(ret->got));
	}
	destroy(&t);
	return e;
}
