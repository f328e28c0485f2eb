/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "in_kernel.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/kmap.h"
#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/session.h"
#include "machine/ebpf/trap.h"

/* The fake machine's memory; behind it, when it plays a guest, what such a kernel and a virtual CPU would have. */
#define MEMORY  4096u
#define ALL     (6 * MEMORY)
#define DIRECT  0xffff888000000000ull
enum { AT_PERCPU = MEMORY, AT_TASK = MEMORY + 256, AT_PARENT = MEMORY + 512, AT_CRED = MEMORY + 768, AT_VCPU = MEMORY + 1024, AT_TABLES = 2 * MEMORY };
#define USER_GPA 0x100000u
enum { T_PID = 0, T_TGID = 4, T_COMM = 8, T_PARENT = 24, T_CRED = 32, T_LEADER = 40, T_START = 48, T_MM = 56, T_STACK = 64 };

bool in_kernel_guest;

extern const uint8_t dv_host_bpf[], dv_host_bpf_end[];

struct in_kernel {
	struct dv_bpf_object *object;
	struct dv_bpf_loaded *loaded;
	struct kmap memory;
	int region_fd;
	uint64_t size, mapped;
	void *region;
};

static void good(struct dv_error *e)
{
	if (!e)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

struct in_kernel *in_kernel_create(const char **why)
{
	static char msg[160];
	struct in_kernel *k = dv_xcalloc(1, sizeof(*k));
	struct dv_error *e = kmap_create(&k->memory, ALL);

	k->region_fd = -1;
	if (e && e->code == DV_ERR_DENIED) {
		snprintf(msg, sizeof(msg), "%s", e->msg);
		*why = msg;
		dv_error_destroy(e);
		free(k);
		return NULL;
	}
	good(e);
	good(dv_bpf_object_open(dv_host_bpf, (size_t)(dv_host_bpf_end - dv_host_bpf), &k->object));
	return k;
}

void in_kernel_destroy(struct in_kernel *k)
{
	if (!k)
		return;
	dv_bpf_detach(k->loaded);
	if (k->region)
		munmap(k->region, k->mapped);
	if (k->region_fd >= 0)
		close(k->region_fd);
	kmap_destroy(&k->memory);
	dv_bpf_object_close(k->object);
	free(k);
}

uint64_t in_kernel_address(const struct in_kernel *k)
{
	return in_kernel_guest ? DIRECT : k->memory.address;
}

uint8_t *in_kernel_memory(struct in_kernel *k)
{
	return k->memory.bytes;
}

uint32_t in_kernel_producers(void)
{
	return in_kernel_guest ? 1 : (uint32_t)sysconf(_SC_NPROCESSORS_CONF) * DV_HOST_LEVELS;
}

void *in_kernel_region(struct in_kernel *k, uint64_t size)
{
	k->size = size;
	good(dv_bpf_region_create(size, &k->region_fd, &k->mapped));
	k->region = mmap(NULL, k->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, k->region_fd, 0);
	if (k->region == MAP_FAILED)
		good(dv_error_create(DV_ERR_OTHER, "cannot map the region"));
	return k->region;
}

/* -- as a guest --------------------------------------------------------------------------------------------------- */

static void put(struct in_kernel *k, uint32_t at, uint64_t value)
{
	memcpy(k->memory.bytes + at, &value, 8);
}

// The running task is this process.
static void make_task(struct in_kernel *k, struct dv_guest_layout *l)
{
	*l = (struct dv_guest_layout){
	    .direct_va = DIRECT, .direct_size = ALL, .kernel_cr3 = AT_TABLES,
	    .task_pid = T_PID, .task_tgid = T_TGID, .task_comm = T_COMM, .task_comm_size = 16, .task_real_parent = T_PARENT,
	    .task_cred = T_CRED, .task_stack = T_STACK, .cred_uid = 0, .cred_gid = 4, .task_mm = T_MM, .task_leader = T_LEADER,
	    .task_start = T_START, .mm_pgd = DV_OFF_NONE,
	};
	put(k, AT_PERCPU, DIRECT + AT_TASK);
	put(k, AT_TASK + T_PID, (uint32_t)syscall(SYS_gettid) | (uint64_t)getpid() << 32);
	prctl(PR_GET_NAME, k->memory.bytes + AT_TASK + T_COMM);
	put(k, AT_TASK + T_PARENT, DIRECT + AT_PARENT);
	put(k, AT_TASK + T_CRED, DIRECT + AT_CRED);
	put(k, AT_TASK + T_LEADER, DIRECT + AT_TASK);
	put(k, AT_PARENT + T_PID, (uint32_t)getppid() | (uint64_t)getppid() << 32);
	put(k, AT_CRED, getuid() | (uint64_t)getgid() << 32);
}

// Four levels of page tables that map the one page that the fake machine's program has.
static void make_tables(struct in_kernel *k)
{
	for (uint32_t i = 0, shift = 39; i < 4; i++, shift -= 9)
		put(k, AT_TABLES + i * MEMORY + (uint32_t)((RUN_UMEM >> shift & 511) * 8),
		    (i < 3 ? AT_TABLES + (i + 1) * MEMORY : USER_GPA) | 7);
}

static struct dv_error *no_traps(void *ctx, const struct dv_loaded *l, struct dv_trap_row **rows, uint32_t *count)
{
	return NULL;
}

static struct dv_error *load_guest(struct in_kernel *k, void *image, size_t size)
{
	static const struct dv_bpf_inside in = {
	    .isa = DV_KVM_SVM,
	    .off = {.regs = 0, .save_gs_base = 256, .save_kgs_base = 256, .save_cr3 = 264},
	    .traps = no_traps,
	};
	struct dv_bpf_kernel kernel = {.inside = &in};
	struct dv_guest_tables *t;
	uint32_t tid = (uint32_t)syscall(SYS_gettid);
	struct dv_error *e;

	make_task(k, &((struct dv_load_image *)image)->layout);
	make_tables(k);
	put(k, AT_VCPU + 256, DIRECT + AT_PERCPU);
	put(k, AT_VCPU + 264, AT_TABLES);
	e = dv_bpf_load_image(k->object, &kernel, k->region_fd, k->size, image, size, false, &k->loaded);
	if (e)
		return e;
	t = dv_bpf_guest_tables(k->loaded);
	t->slots[0] = (struct dv_guest_slot){.gpa = 0, .size = ALL, .hva = (uint64_t)(uintptr_t)k->memory.bytes};
	t->slots[1] = (struct dv_guest_slot){.gpa = USER_GPA, .size = MEMORY, .hva = RUN_UMEM};
	t->vcpus[tid % DV_GUEST_VCPUS] = (struct dv_guest_vcpu){.tid = tid, .vcpu = k->memory.address + AT_VCPU, .vmcb = k->memory.address + AT_VCPU};
	return NULL;
}

struct dv_error *in_kernel_load(struct in_kernel *k, const void *image, size_t size)
{
	if (in_kernel_guest) {
		DV_FREE void *copy = dv_xcalloc(1, size);

		memcpy(copy, image, size);
		return load_guest(k, copy, size);
	}
	return dv_bpf_load_image(k->object, NULL, k->region_fd, k->size, image, size, false, &k->loaded);
}

void in_kernel_fire(struct in_kernel *k, uint32_t site, const uint64_t *args, uint32_t count)
{
	uint64_t words[12] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = words, .ctx_size_in = sizeof(words));

	memcpy(words, args, count * sizeof(*args));
	if (bpf_prog_test_run_opts(dv_bpf_site_program(k->loaded, site), &o))
		good(dv_error_create(DV_ERR_OTHER, "cannot run the program of site %u", site));
}
