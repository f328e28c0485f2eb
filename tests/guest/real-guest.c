/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this library says of a real guest, for real-guest.sh to compare with what the guest says of itself. The guest's
 * RAM is a file (QEMU's memory-backend-file, machine q35).
 *
 *   real-guest RAMFILE CR3 CR4 RIP EFER CACHE|- COMMAND
 * with COMMAND one of: info|symbols|modules|tasks|ptregs|current CPUS|types TAG...|protos FUNCTION...|stacks|orcs
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "guest/priv.h"
#include "guest/unwind.h"

static uint8_t *ram;
static uint64_t ram_size, low_size;
static uint64_t reads, bytes;

static bool phys_read(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	uint64_t off = gpa, end = low_size;

	// q35 puts what does not fit below its PCI hole at 4 GiB.
	if (gpa >= 1ULL << 32) {
		off = gpa - (1ULL << 32) + low_size;
		end = ram_size;
	}
	reads++;
	bytes += size;
	if (off > end || size > end - off)
		return false;
	memcpy(dst, ram + off, size);
	return true;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void die(struct dv_error *e)
{
	fprintf(stderr, "real-guest: %s%s%s\n", e->msg, e->hint ? "\n" : "", e->hint ? e->hint : "");
	exit(1);
}

static bool print_task(void *ctx, uint64_t task, int pid, int tgid, const char *comm)
{
	printf("%d %d %s\n", tgid, pid, comm);
	return true;
}

static void print_type(struct dv_universe *u, const char *tag)
{
	const struct dv_type *t = u->ops->find(u->ctx, DV_TYPE_STRUCT, tag, NULL);
	char name[128];

	t = t ? dv_type_complete(t) : NULL;
	for (uint32_t i = 0; t && i < t->count; i++)
		printf("%u %u %s %s\n", t->members[i].bit_off, t->members[i].bit_size,
		       t->members[i].name ? t->members[i].name : "-",
		       dv_type_name(t->members[i].type, name, sizeof(name)));
	printf("size %llu\n", t ? (unsigned long long)t->size : 0);
}

static void print_proto(struct dv_guest *g, const char *name)
{
	const struct dv_type *t = dv_guest_func_type(g, NULL, name);
	char buf[128];

	if (!t) {
		printf("%s: none\n", name);
		return;
	}
	printf("%s %s(", dv_type_name(t->ref, buf, sizeof(buf)), name);
	for (uint32_t i = 0; i < t->count; i++)
		printf("%s%s %s", i ? ", " : "", dv_type_name(t->members[i].type, buf, sizeof(buf)),
		       t->members[i].name ? t->members[i].name : "");
	printf("%s)\n", t->varargs ? ", ..." : "");
}

static void print_symbols(struct dv_guest *g)
{
	size_t n, mods;
	const struct dv_symbol *s = dv_guest_symbols(g, &n);
	const struct dv_module *m = dv_guest_modules(g, &mods);

	for (size_t i = 0; i < n; i++)
		printf("%016llx %c %s%s%s%s\n", (unsigned long long)s[i].addr, s[i].kind, s[i].name,
		       s[i].module ? "\t[" : "", s[i].module ? m[s[i].module].name : "", s[i].module ? "]" : "");
}

// What the guest's CPUs run: by their per-CPU areas, which is what their GS base points to in the kernel.
static void print_current(struct dv_guest *g, unsigned cpus)
{
	const struct dv_guest_layout *l = dv_guest_layout(g);

	for (unsigned i = 0; i < cpus; i++) {
		uint64_t base, task = 0;
		char comm[65] = "";
		int pid = -1;

		if (!dv_guest_read(g, l->percpu_off + i * 8, &base, 8) ||
		    !dv_guest_read(g, base + (int64_t)(int32_t)l->percpu_current, &task, 8) ||
		    !dv_guest_read(g, task + l->task_pid, &pid, 4) ||
		    !dv_guest_read(g, task + l->task_comm, comm, l->task_comm_size))
			printf("unreadable\n");
		else
			printf("%d %s\n", pid, comm);
	}
}

// Registers of a task that waits in a system call: those of user mode must lie at the top of its kernel stack.
static bool check_ptregs(void *ctx, uint64_t task, int pid, int tgid, const char *comm)
{
	struct dv_guest *g = ctx;
	const struct dv_guest_layout *l = dv_guest_layout(g);
	uint64_t stack, top, cs = 0, ss = 0;

	if (pid != 1 || !dv_guest_read(g, task + l->task_stack, &stack, 8))
		return true;
	top = stack + l->thread_size - l->stack_pad;
	if (dv_guest_read(g, top - l->ptregs_size + l->ptregs_orig_ax + 16, &cs, 8) &&
	    dv_guest_read(g, top - 8, &ss, 8))
		printf("cs %llx ss %llx\n", (unsigned long long)(cs & 0xffff), (unsigned long long)(ss & 0xffff));
	return false;
}

static bool read_va(void *ctx, uint64_t va, void *dst, uint32_t size)
{
	return dv_guest_read(ctx, va, dst, size);
}

// A task that sleeps: its stack begins where it was switched away from. As /proc/PID/stack has it: without what belongs
// to the scheduler itself.
static bool print_stack(void *ctx, uint64_t task, int pid, int tgid, const char *comm)
{
	struct dv_guest *g = ctx;
	struct dv_orc_cache *cache = dv_xcalloc(1, sizeof(*cache));
	struct dv_unwind u = {.format = &g->layout.orc, .cache = cache, .read = read_va, .ctx = g};
	struct dv_unwind_from from = {.behind_call = true};
	uint64_t pcs[64], sp, lo = dv_guest_addr(g, "__sched_text_start"), hi = dv_guest_addr(g, "__sched_text_end");
	uint32_t thread_sp, bp, ret, size, n;
	size_t orcs;

	u.orcs = dv_guest_orcs(g, &orcs);
	u.orc_count = (uint32_t)orcs;
	if (dv_btf_member(g->types->base, "task_struct", "thread.sp", &thread_sp, NULL) &&
	    dv_btf_member(g->types->base, "inactive_task_frame", "bp", &bp, NULL) &&
	    dv_btf_member(g->types->base, "inactive_task_frame", "ret_addr", &ret, NULL) &&
	    dv_guest_read(g, task + thread_sp, &sp, 8) && dv_guest_read(g, sp + bp, &from.bp, 8) &&
	    dv_guest_read(g, sp + ret, &from.ip, 8)) {
		size = ret + 8;
		from.sp = sp + size;
		n = dv_unwind(&u, &from, pcs, 64);
		printf("T %d\n", pid);
		for (uint32_t i = 0, begun = 0; i < n; i++) {
			const struct dv_symbol *s = dv_guest_symbol_at(g, pcs[i] - 1);

			begun |= pcs[i] - lo >= hi - lo;
			if (begun)
				printf("%s+0x%llx\n", s ? s->name : "?",
				       (unsigned long long)(pcs[i] - (s ? s->addr : 0)));
		}
	}
	free(cache);
	return true;
}

static void print_orcs(struct dv_guest *g)
{
	const struct dv_orc_format *f = &g->layout.orc;
	size_t n;
	const struct dv_load_orc *o = dv_guest_orcs(g, &n);

	printf("entry %u sp %u bp %u bits %u: sp_reg %u bp_reg %u type %u (%u) signal %u numbered %u\n", f->size,
	       f->sp_offset, f->bp_offset, f->bits, f->sp_reg, f->bp_reg, f->type, f->type_bits, f->signal,
	       f->numbered);
	for (size_t i = 0; i < n; i++)
		printf("%llx %llx ips %llx entries %llx count %u index %llx %u\n", (unsigned long long)o[i].lo,
		       (unsigned long long)o[i].hi, (unsigned long long)o[i].ips, (unsigned long long)o[i].entries,
		       o[i].count, (unsigned long long)o[i].index, o[i].index_count);
}

int main(int argc, char **argv)
{
	struct dv_phys phys = {.read = phys_read};
	struct dv_guest_regs regs = {0};
	struct dv_guest *g;
	struct dv_error *e;
	struct stat st;
	double t0, t1;
	const char *cmd;
	int fd;

	if (argc < 8) {
		fprintf(stderr, "usage: real-guest RAMFILE CR3 CR4 RIP EFER CACHE|- COMMAND [ARG...]\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) {
		perror(argv[1]);
		return 1;
	}
	ram_size = st.st_size;
	low_size = ram_size >= 0xb0000000u ? 0x80000000u : ram_size;
	ram = mmap(NULL, ram_size, PROT_READ, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	regs.cr3 = strtoull(argv[2], NULL, 16);
	regs.cr4 = strtoull(argv[3], NULL, 16);
	regs.rip = strtoull(argv[4], NULL, 16);
	regs.efer = strtoull(argv[5], NULL, 16);
	cmd = argv[7];
	t0 = now();
	e = dv_guest_open(&phys, &regs, strcmp(argv[6], "-") ? argv[6] : NULL, 1, &g);
	t1 = now();
	if (e)
		die(e);
	if (!strcmp(cmd, "info")) {
		const struct dv_guest_layout *l = dv_guest_layout(g);
		size_t n, mods;

		dv_guest_symbols(g, &n);
		dv_guest_modules(g, &mods);
		printf("release %s\nbuild_id %s\nbanner %s\n", dv_guest_release(g), dv_guest_build_id(g),
		       dv_guest_banner(g));
		printf("symbols %zu\nmodules %zu\ntypes %u\nbtf_size %llu\n", n, mods - 1,
		       g->types ? g->types->base->count : 0, (unsigned long long)g->where.btf_size);
		printf("cached %d\nopen_ms %.1f\nreads %llu\nmib %.1f\n", dv_guest_from_cache(g), t1 - t0,
		       (unsigned long long)reads, bytes / 1048576.0);
		printf("text %llx %llx %llx\n", (unsigned long long)l->text_va, (unsigned long long)l->text_pa,
		       (unsigned long long)l->text_size);
		printf("direct %llx %llx\nkernel_cr3 %llx la57 %u\n", (unsigned long long)l->direct_va,
		       (unsigned long long)l->direct_size, (unsigned long long)l->kernel_cr3, l->la57);
		printf("current %x percpu_off %llx task %u %u %u/%u %u %u %u cred %u %u stack %u pad %u ptregs %u\n",
		       l->percpu_current, (unsigned long long)l->percpu_off, l->task_pid, l->task_tgid, l->task_comm,
		       l->task_comm_size, l->task_real_parent, l->task_cred, l->task_stack, l->cred_uid, l->cred_gid,
		       l->thread_size, l->stack_pad, l->ptregs_size);
		printf("still %d\n", dv_guest_still(g));
	} else if (!strcmp(cmd, "symbols")) {
		print_symbols(g);
	} else if (!strcmp(cmd, "modules")) {
		size_t n;
		const struct dv_module *m = dv_guest_modules(g, &n);

		for (size_t i = 1; i < n; i++)
			printf("%s 0x%llx btf %zu\n", m[i].name, (unsigned long long)m[i].base,
			       g->mods.data[i - 1]->btf ? g->mods.data[i - 1]->btf->size : 0);
	} else if (!strcmp(cmd, "tasks")) {
		e = dv_guest_tasks(g, print_task, NULL);
		if (e)
			die(e);
	} else if (!strcmp(cmd, "ptregs")) {
		e = dv_guest_tasks(g, check_ptregs, g);
		if (e)
			die(e);
	} else if (!strcmp(cmd, "current")) {
		print_current(g, argc > 8 ? atoi(argv[8]) : 1);
	} else if (!strcmp(cmd, "stacks")) {
		e = dv_guest_tasks(g, print_stack, g);
		if (e)
			die(e);
	} else if (!strcmp(cmd, "orcs")) {
		print_orcs(g);
	} else if (!strcmp(cmd, "types")) {
		for (int i = 8; i < argc; i++)
			print_type(dv_guest_types(g), argv[i]);
	} else if (!strcmp(cmd, "protos")) {
		for (int i = 8; i < argc; i++)
			print_proto(g, argv[i]);
	} else {
		fprintf(stderr, "real-guest: no command \"%s\"\n", cmd);
		return 2;
	}
	dv_guest_close(g);
	return 0;
}
