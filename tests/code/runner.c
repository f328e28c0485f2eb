/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "code/bytecode.h"
#include "exec/exec.h"
#include "in_kernel.h"
#include "kernel.h"

#define PROBES_MAX 32
#define GUARD      (1u << 20)

struct probe {
	char *name;
	uint32_t ecbs[64], count;
};

struct run {
	struct dv_place place;
	struct dv_consts *consts;
	struct dv_universe *types, *db_types;
	uint32_t strsize;
	DV_VEC(struct dv_program *) progs; // epid: index + 1
	struct probe probes[PROBES_MAX];
	uint32_t probe_count, error_probe;
	uint8_t kmem[4096], umem[4096], db_kmem[4096];
	/* running */
	void *region;
	uint64_t size;
	struct dv_loaded *loaded;
	struct dv_exec exec;
	struct dv_consumer *consumer;
	const struct dv_agg *const *aggs;
	uint32_t agg_count;
	struct dv_output out;
	char *text;
	size_t text_size;
	int status;
	bool exited;
	struct in_kernel *kernel; // NULL: the interpreter
	struct dv_error *refusal; // the kernel's
	uint64_t base;            // where RUN_KMEM is
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static void put64(uint8_t *to, uint64_t v)
{
	memcpy(to, &v, sizeof(v));
}

static void fill(uint8_t *mem, uint64_t base, uint64_t first)
{
	for (unsigned i = 0; i < 256; i++)
		mem[i] = (uint8_t)(first + i);
	strcpy((char *)mem + 256, first ? "hello, db" : "hello, world");
	put64(mem + 512, base + 256);
	put64(mem + 520, base);
	for (unsigned i = 0; i < 3; i++) {
		put64(mem + 1024 + 16 * i, i < 2 ? base + 1024 + 16 * (i + 1) : 0);
		put64(mem + 1032 + 16 * i, first + 10 * (i + 1));
	}
}

struct run *run_create(uint32_t strsize)
{
	struct run *r = dv_xcalloc(1, sizeof(*r));
	static const int32_t ints[] = {1, -2, 3};

	r->consts = dv_consts_create();
	r->types = kernel_create(1, "test", RUN_KMEM);
	r->db_types = kernel_create(2, "db", RUN_DB_KMEM);
	r->strsize = strsize;
	r->base = RUN_KMEM;
	r->error_probe = PROBES_MAX;
	fill(r->kmem, RUN_KMEM, 0);
	fill(r->db_kmem, RUN_DB_KMEM, 100);
	strcpy((char *)r->umem, "user text");
	memcpy(r->umem + 64, ints, sizeof(ints));
	return r;
}

#ifdef RUN_IN_KERNEL
bool run_in_kernel(struct run *r, const char **why)
{
	uint8_t *user;

	r->kernel = in_kernel_create(why);
	if (!r->kernel)
		return false;
	r->base = in_kernel_address(r->kernel);
	dv_universe_destroy(r->types);
	r->types = kernel_create(1, "test", r->base);
	fill(in_kernel_memory(r->kernel), r->base, 0);
	user = mmap((void *)RUN_UMEM, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (user != (uint8_t *)RUN_UMEM)
		die("user memory", "mmap");
	memcpy(user, r->umem, sizeof(r->umem));
	return true;
}
#else
bool run_in_kernel(struct run *r, const char **why)
{
	*why = "this program was built without the kernel's part";
	return false;
}
#endif

// Pages that cannot be touched lie around a region of ours.
static void *make_region(struct run *r)
{
	uint8_t *p;

#ifdef RUN_IN_KERNEL
	if (r->kernel)
		return in_kernel_region(r->kernel, r->size);
#endif
	p = mmap(NULL, r->size + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED || mprotect(p + GUARD, r->size, PROT_READ | PROT_WRITE))
		die("region", "mmap");
	return p + GUARD;
}

static void drop_region(struct run *r)
{
#ifdef RUN_IN_KERNEL
	if (r->kernel) {
		in_kernel_destroy(r->kernel);
		munmap((void *)RUN_UMEM, 4096);
		return;
	}
#endif
	if (r->region)
		munmap((uint8_t *)r->region - GUARD, r->size + 2 * GUARD);
}

const struct dv_error *run_refused(const struct run *r)
{
	return r->refusal;
}

uint64_t run_kmem(const struct run *r)
{
	return r->base;
}

void run_destroy(struct run *r)
{
	for (size_t i = 0; i < r->progs.count; i++)
		dv_program_destroy(r->progs.data[i]);
	DV_VEC_FREE(&r->progs);
	for (uint32_t i = 0; i < r->probe_count; i++)
		free(r->probes[i].name);
	dv_consumer_destroy(r->consumer);
	if (r->loaded)
		dv_loaded_destroy(r->loaded);
	dv_output_deinit(&r->out);
	drop_region(r);
	if (r->out.f)
		fclose(r->out.f);
	free(r->text);
	dv_error_destroy(r->refusal);
	dv_consts_destroy(r->consts);
	dv_universe_destroy(r->types);
	dv_universe_destroy(r->db_types);
	free(r);
}

struct dv_consts *run_consts(struct run *r)
{
	return r->consts;
}

struct dv_universe *run_types(struct run *r)
{
	return r->types;
}

struct dv_universe *run_db_types(struct run *r)
{
	return r->db_types;
}

static uint32_t probe_index(struct run *r, const char *name, bool make)
{
	uint32_t i;

	for (i = 0; i < r->probe_count; i++)
		if (!strcmp(r->probes[i].name, name))
			return i;
	if (!make || i == PROBES_MAX)
		return PROBES_MAX;
	r->probes[r->probe_count++].name = dv_xstrdup(name);
	return i;
}

void run_disasm(struct run *r, FILE *f)
{
	const struct dv_program *p = r->progs.data[r->progs.count - 1];

	fprintf(f, "program %zu:\n", r->progs.count);
	for (uint32_t at = 0; at < p->insn_count;) {
		char line[DV_DISASM_MAX];

		at += dv_disasm(p->insns, p->insn_count, at, line, sizeof(line));
		fprintf(f, "%s\n", line);
	}
}

bool run_add(struct run *r, const char *name, const struct dv_clause *typed, char **msg)
{
	struct dv_program *p;
	struct dv_error *err = dv_codegen(typed, r->strsize, r->consts, &p, NULL);
	char why[128];
	uint32_t i;

	if (err) {
		*msg = dv_xstrdup(err->msg);
		dv_error_destroy(err);
		return false;
	}
	*DV_PUSH(&r->progs) = p;
	if (!dv_verify(p->insns, p->insn_count, why, sizeof(why))) {
		run_disasm(r, stderr);
		die("verifier", why);
	}
	i = probe_index(r, name, true);
	if (i == PROBES_MAX || r->probes[i].count == DV_COUNT(r->probes[i].ecbs))
		die(name, "too many probes or clauses");
	r->probes[i].ecbs[r->probes[i].count++] = (uint32_t)r->progs.count - 1;
	if (!strcmp(name, "ERROR"))
		r->error_probe = i;
	return true;
}

const struct dv_program *run_program(struct run *r, uint32_t i)
{
	return r->progs.data[i];
}

/* -- the fake machine --------------------------------------------------------------------------------------- */

static bool place_read(struct dv_place *p, uint32_t mach, uint64_t addr, void *dst, uint32_t size, enum dv_fault *why)
{
	struct run *r = (struct run *)p;
	const uint8_t *from = mach == DV_MACH_SELF ? r->kmem : mach == RUN_DB ? r->db_kmem : r->umem;
	uint64_t base = mach == DV_MACH_SELF ? RUN_KMEM : mach == RUN_DB ? RUN_DB_KMEM : RUN_UMEM;

	if ((mach != DV_MACH_SELF && mach != DV_MACH_USER && mach != RUN_DB) || addr < base || addr - base > 4096 ||
	    size > 4096 - (addr - base))
		return false;
	memcpy(dst, from + (addr - base), size);
	return true;
}

static uint64_t place_builtin(struct dv_place *p, enum dv_builtin id, enum dv_fault *why)
{
	switch (id) {
	case DV_BI_PID:
		return 1234;
	case DV_BI_TID:
		return 1235;
	case DV_BI_PPID:
		return 1;
	case DV_BI_UID:
		return 1000;
	case DV_BI_GID:
		return 100;
	case DV_BI_CURTHREAD:
		return RUN_KMEM + 1024;
	case DV_BI_START:
		return 5000;
	default:
		return 0;
	}
}

static bool place_execname(struct dv_place *p, char *dst, uint32_t size)
{
	return snprintf(dst, size, "tester") > 0;
}

static uint64_t place_arg(struct dv_place *p, const struct dv_load_site *site, uint32_t n, enum dv_fault *why)
{
	return n == 3 ? RUN_KMEM + 1024 : n < 10 ? 100 + n : 0;
}

static uint64_t place_reg(struct dv_place *p, enum dv_reg reg, enum dv_fault *why)
{
	return 1000 + (uint64_t)reg;
}

static uint32_t place_stack(struct dv_place *p, bool user, uint64_t *pcs, uint32_t max)
{
	static const uint64_t kernel[] = {RUN_KMEM + 2048, RUN_KMEM + 2112 + 5, RUN_KMEM + 2176 + 0x41, ~0xffull};
	static const uint64_t program[] = {RUN_UMEM + 4, RUN_UMEM + 256 + 8, 0x7f0000001234};
	uint32_t n = user ? DV_COUNT(program) : DV_COUNT(kernel);

	n = n < max ? n : max;
	if (pcs)
		memcpy(pcs, user ? program : kernel, n * sizeof(*pcs));
	return n;
}

static uint64_t place_thread(struct dv_place *p)
{
	return 1235;
}

static bool place_progeny(struct dv_place *p, int64_t pid, enum dv_fault *why)
{
	return pid == 1234 || pid == 1;
}

static bool place_write(struct dv_place *p, uint64_t addr, const void *src, uint32_t size)
{
	struct run *r = (struct run *)p;

	if (addr < RUN_UMEM || addr - RUN_UMEM > 4096 || size > 4096 - (addr - RUN_UMEM))
		return false;
	memcpy(r->umem + (addr - RUN_UMEM), src, size);
	return true;
}

static bool place_raise(struct dv_place *p, int sig)
{
	fprintf(((struct run *)p)->out.f, "raised %d\n", sig);
	return true;
}

static const struct dv_place_ops place_ops = {
    .read = place_read,
    .builtin = place_builtin,
    .execname = place_execname,
    .arg = place_arg,
    .reg = place_reg,
    .stack = place_stack,
    .thread = place_thread,
    .progeny = place_progeny,
    .write = place_write,
    .raise = place_raise,
};

/* -- names ------------------------------------------------------------------------------------------------- */

static const struct {
	uint64_t addr, size;
	bool user;
	const char *module, *symbol;
} names[] = {
    {RUN_KMEM + 2048, 64, false, "vmlinux", "do_thing"}, {RUN_KMEM + 2112, 64, false, "vmlinux", "caller_of"},
    {RUN_KMEM + 2176, 256, false, "mod", NULL},		 {RUN_DB_KMEM, 64, false, "vmlinux", "db_bytes"},
    {RUN_UMEM, 256, true, "a.out", "main"},		 {RUN_UMEM + 256, 256, true, "libc.so.6", NULL},
};

static int find_name(bool user, uint64_t addr)
{
	for (size_t i = 0; i < DV_COUNT(names); i++)
		if (names[i].user == user && addr - names[i].addr < names[i].size)
			return (int)i;
	return -1;
}

static void lookup(void *ctx, const struct dv_addr *a, struct dv_addr_name *ret)
{
	int i = find_name(a->user, a->addr);

	// One process is known, by its start too.
	if (i < 0 || (a->user && (a->pid != 1234 || a->start != 5000 || a->machine != 0)) ||
	    (!a->user && a->machine != (names[i].addr == RUN_DB_KMEM ? RUN_DB : 0)))
		return;
	snprintf(ret->module, sizeof(ret->module), "%s", names[i].module);
	snprintf(ret->symbol, sizeof(ret->symbol), "%s", names[i].symbol ? names[i].symbol : "");
	ret->sym_start = names[i].addr;
	ret->base = a->user ? RUN_UMEM : names[i].addr;
}

static void on_frames(void *ctx, struct dv_frames *f)
{
	int i = f->kind > DV_STACK_USER && f->kind != DV_STACK_UADDR ? find_name(dv_stack_is_user(f->kind), f->pc[0]) : -1;

	if (i >= 0 && (names[i].symbol || f->kind == DV_STACK_MOD || f->kind == DV_STACK_UMOD))
		f->pc[0] = names[i].addr;
}

/* -- running ------------------------------------------------------------------------------------------------ */

static uint32_t intern(struct run *r, const char *s)
{
	return dv_consts_intern(r->consts, s, strlen(s));
}

static uint32_t producers(const struct run *r)
{
#ifdef RUN_IN_KERNEL
	if (r->kernel)
		return in_kernel_producers();
#endif
	return 1;
}

/** The load image. Sites have no address, so they stay in order; ERROR's clauses come last. */
static void *make_image(struct run *r, size_t *size)
{
	uint32_t insns = 0, ecbs = 0, at = 0, n = (uint32_t)r->progs.count;
	struct dv_load_image img = {.magic = DV_LOAD_MAGIC, .version = DV_LOAD_VERSION, .prod_count = producers(r)};
	struct dv_load_site *sites;
	struct dv_load_prog *progs;
	struct dv_load_ecb *ecb;
	uint8_t *block;

	for (uint32_t i = 0; i < n; i++) {
		insns += r->progs.data[i]->insn_count;
		img.flags |= r->progs.data[i]->vtime ? DV_LOAD_VTIME : 0;
	}
	img.site_off = (sizeof(img) + 7) & ~7u;
	img.site_count = r->probe_count;
	img.ecb_off = img.site_off + ((r->probe_count * (uint32_t)sizeof(*sites) + 7) & ~7u);
	img.ecb_count = n;
	img.prog_off = img.ecb_off + n * (uint32_t)sizeof(*ecb);
	img.prog_count = n;
	img.insn_off = img.prog_off + n * (uint32_t)sizeof(*progs);
	img.insn_count = insns;
	img.sysret_off = img.sysret_addr_off = img.insn_off + insns * (uint32_t)sizeof(struct dv_insn);
	img.size = *size = img.sysret_off;
	block = dv_xcalloc(1, *size);
	sites = (struct dv_load_site *)(block + img.site_off);
	ecb = (struct dv_load_ecb *)(block + img.ecb_off);
	progs = (struct dv_load_prog *)(block + img.prog_off);
	for (uint32_t i = 0; i < n; i++) {
		progs[i] = (struct dv_load_prog){.insn = at, .insn_count = r->progs.data[i]->insn_count};
		memcpy(block + img.insn_off + at * sizeof(struct dv_insn), r->progs.data[i]->insns,
		       progs[i].insn_count * sizeof(struct dv_insn));
		at += progs[i].insn_count;
	}
	for (uint32_t i = 0; i < r->probe_count; i++) {
		const struct probe *p = &r->probes[i];

		sites[i] = (struct dv_load_site){.probe = i + 1,
						 .ecb = ecbs,
						 .ecb_count = p->count,
						 .prov = intern(r, "dtrace"),
						 .name = intern(r, p->name)};
		if (r->kernel) {
			sites[i].kind = DV_SITE_TRACEPOINT;
			sites[i].args = DV_ARGS_RAW;
			for (uint8_t k = 0; k < DV_ARGMAP_SIZE; k++)
				sites[i].argmap[k] = k;
		}
		if (i == r->error_probe) {
			img.error_ecb = ecbs;
			img.error_ecb_count = p->count;
		}
		for (uint32_t k = 0; k < p->count; k++)
			ecb[ecbs++] = (struct dv_load_ecb){.epid = p->ecbs[k] + 1, .prog = p->ecbs[k]};
	}
	memcpy(block, &img, sizeof(img));
	return block;
}

void run_start(struct run *r, uint32_t this_size, uint32_t key_size, uint32_t val_size,
	       const struct dv_agg *const *aggs, uint32_t agg_count, const struct dv_output *options)
{
	struct dv_region_config c = {
	    .strsize = r->strsize,
	    .globals_size = DV_CONSTS_OFF - DV_GLOBALS_OFF,
	    .dyn_key_size = (key_size + 63) & ~7u,
	    .dyn_val_size = (val_size + 23) & ~7u,
	    .dyn_count = 256,
	    .prod_count = producers(r),
	    .ring_size = 1 << 18,
	    .agg_size = 1 << 18,
	    .scratch_size = 1 << 16,
	    .this_size = (this_size + 7) & ~7u,
	    .spec_count = 2,
	    .spec_size = 512,
	    .seed = 1,
	    .machine_max = 64,
	};
	struct dv_region_hdr *hdr;
	struct dv_producer *prod;
	const char *why = "?";
	char msg[128];
	uint32_t name = intern(r, "vm"), consts;
	const void *data;
	size_t size;
	void *img = make_image(r, &size);

	data = dv_consts_data(r->consts, &consts);
	c.consts_size = consts + 64;
	r->size = dv_region_size(&c);
	r->region = make_region(r);
	dv_region_init(r->region, r->size, &c);
	hdr = dv_region_hdr(r->region);
	memcpy((uint8_t *)r->region + DV_CONSTS_OFF, data, consts);
	hdr->machines[0] = (struct dv_machine_desc){.live = 1, .universe = r->types->id, .name = name};
	hdr->machines[RUN_DB] = (struct dv_machine_desc){.live = 1, .universe = r->db_types->id};
	for (uint32_t i = 0; i < agg_count; i++)
		hdr->aggs[aggs[i]->id] = aggs[i]->desc;
	hdr->agg_count = agg_count;
	prod = dv_region_producer(r->region, r->size, 0);
	prod->machine = 0;
	prod->cpu = 0;
	r->loaded = dv_loaded_create(img, size, hdr, msg, sizeof(msg));
	if (!r->loaded)
		die("load", msg);
#ifdef RUN_IN_KERNEL
	if (r->kernel)
		r->refusal = in_kernel_load(r->kernel, img, size);
#endif
	free(img);
	if (!dv_exec_init(&r->exec, r->region, r->size, 0, r->loaded, &why))
		die("exec", why);
	r->place.ops = &place_ops;
	r->consumer = dv_consumer_create(r->region, r->size);
	dv_consumer_on_frames(r->consumer, on_frames, r);
	r->aggs = aggs;
	r->agg_count = agg_count;
	r->out = *options;
	r->out.lookup = lookup;
	r->out.f = open_memstream(&r->text, &r->text_size);
}

static bool deliver(void *ctx, const struct dv_event *e)
{
	static const char *const faults[] = {"none",
					     "invalid address",
					     "invalid alignment",
					     "illegal operation",
					     "divide-by-zero",
					     "out of scratch space",
					     "invalid kernel access",
					     "invalid user access",
					     "tuple stack overflow",
					     "bad stack",
					     "invalid size",
					     "index out of bounds",
					     "library",
					     "machine gone",
					     "other types"};
	struct run *r = ctx;
	uint32_t i = e->rec->epid - 1;
	struct dv_out_probe probe = {.machine = "vm", .cpu = e->cpu, .id = 0, .func = "", .name = "?"};
	struct dv_cursor cur = e->data;
	struct dv_value fault, value, pc;

	if (e->rec->kind == DV_REC_ERROR) {
		uint32_t stmt = 0;

		if (!dv_cursor_int(&cur, &fault) || !dv_cursor_int(&cur, &value) || !dv_cursor_int(&cur, &pc))
			die("ERROR record", "spoilt");
		for (uint32_t s = 0; i < r->progs.count && s < r->progs.data[i]->stmt_count; s++)
			if (r->progs.data[i]->stmt_pc[s] <= pc.i)
				stmt = s;
		fprintf(r->out.f, "error: %s (0x%llx) in action #%u of clause %u\n",
			fault.i < DV_COUNT(faults) ? faults[fault.i] : "?", (unsigned long long)value.i, stmt, i + 1);
		return true;
	}
	if (i >= r->progs.count)
		die("record", "unknown epid");
	for (uint32_t p = 0; p < r->probe_count; p++)
		for (uint32_t k = 0; k < r->probes[p].count; k++)
			if (r->probes[p].ecbs[k] == i) {
				probe.name = r->probes[p].name;
				probe.id = p + 1;
			}
	probe.prov = "dtrace";
	probe.epid = e->rec->epid;
	for (uint32_t p = 0; p < r->probe_count && e->next_epid; p++)
		for (uint32_t k = 0; k < r->probes[p].count; k++)
			probe.more |= p + 1 == probe.id && r->probes[p].ecbs[k] + 1 == e->next_epid && e->next_epid != e->rec->epid;
	dv_aggs_snap(r->consumer, false);
	if (dv_output_record(&r->out, r->consumer, r->progs.data[i], &probe, e, &r->status))
		r->exited = true;
	return !r->exited;
}

static void drop(void *ctx, uint32_t producer, enum dv_drop why, uint64_t count)
{
	fprintf(((struct run *)ctx)->out.f, "%llu drops of kind %d\n", (unsigned long long)count, (int)why);
}

/** END fires after exit(), too. */
static void let_end_fire(struct run *r)
{
	struct dv_region_hdr *h = r->region;

	h->ended = 0;
	for (uint32_t i = 0; i < h->prod_count; i++)
		((struct dv_producer *)((uint8_t *)r->region + h->prod_off + i * h->prod_stride))->exited = 0;
}

bool run_fire(struct run *r, const char *name)
{
	uint32_t i = probe_index(r, name, false);

	if (i == PROBES_MAX)
		return true;
	if (!strcmp(name, "END"))
		let_end_fire(r);
#ifdef RUN_IN_KERNEL
	if (r->kernel) {
		uint64_t args[10];

		for (uint32_t n = 0; n < 10; n++)
			args[n] = n == 3 ? r->base + 1024 : 100 + n;
		in_kernel_fire(r->kernel, i, args, 10);
	} else
#endif
		dv_exec_fire(&r->exec, &r->place, &r->loaded->sites[i]);
	dv_consume(r->consumer, false, deliver, r);
	dv_consume_drops(r->consumer, drop, r);
	return !r->exited;
}

const char *run_finish(struct run *r, int *status)
{
	dv_consume(r->consumer, true, deliver, r);
	dv_aggs_snap(r->consumer, true);
	dv_output_all_aggs(&r->out, r->consumer, r->aggs, r->agg_count);
	fflush(r->out.f);
	*status = r->status;
	return r->text ? r->text : "";
}

uint64_t run_word(struct run *r, uint32_t cell)
{
	uint64_t v;

	memcpy(&v, (uint8_t *)r->region + cell, sizeof(v));
	return v;
}
