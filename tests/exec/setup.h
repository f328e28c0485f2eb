/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_EXEC_SETUP_H
#define DV_TESTS_EXEC_SETUP_H
/** A region with two producers, a place with a page of memory, and load images made from assembler text. */
#include "base/error.h"
#include "code/bytecode.h"
#include "exec/exec.h"
#include "../lib/test.h"

#define CONST_STR  (DV_CONSTS_OFF + 8)   /* "constant" */
#define CONST_VM   (DV_CONSTS_OFF + 24)  /* "db" */
#define CONST_FUNC (DV_CONSTS_OFF + 32)  /* "vfs_read" */
#define GLOBAL     (DV_GLOBALS_OFF + 8)
#define MEM_ADDR   0xffff888000001000u   /* one page; nothing before, nothing behind */
#define MEM_SIZE   4096u
#define MACHINE    3u                    /* the one that fires */
#define OTHER      5u                    /* another, alive, universe 7 */
#define DEAD       6u

struct fake {
	struct dv_place place;
	uint8_t mem[MEM_SIZE];
	unsigned reads, threads, execnames, waits;
	uint64_t (*hook)(struct fake *f);
};

static inline bool fake_read(struct dv_place *p, uint32_t mach, uint64_t addr, void *dst, uint32_t size, enum dv_fault *why)
{
	struct fake *f = (struct fake *)p;

	f->reads++;
	if (mach == OTHER) {
		memset(dst, 0x55, size);
		return true;
	}
	if (mach == DV_MACH_USER) {
		*why = DV_FAULT_UPRIV;
		return false;
	}
	if (mach != DV_MACH_SELF || addr < MEM_ADDR || addr - MEM_ADDR > MEM_SIZE || size > MEM_SIZE - (addr - MEM_ADDR))
		return false;
	memcpy(dst, f->mem + (addr - MEM_ADDR), size);
	return true;
}
static inline uint64_t fake_builtin(struct dv_place *p, enum dv_builtin id, enum dv_fault *why)
{
	if (id == DV_BI_PPID)
		*why = DV_FAULT_BADADDR;
	return 1000 + id;
}
static inline bool fake_execname(struct dv_place *p, char *dst, uint32_t size)
{
	((struct fake *)p)->execnames++;
	memcpy(dst, "nginx", 6);
	return true;
}
static inline uint64_t fake_arg(struct dv_place *p, const struct dv_load_site *site, uint32_t n, enum dv_fault *why)
{
	if (n > 9)
		*why = DV_FAULT_BADINDEX;
	return site->probe * 100 + n;
}
static inline uint64_t fake_reg(struct dv_place *p, enum dv_reg r, enum dv_fault *why)
{
	return 0x1000 + r;
}
static inline uint64_t fake_thread(struct dv_place *p)
{
	((struct fake *)p)->threads++;
	return 4711;
}
static const struct dv_place_ops fake_ops = {
	.read = fake_read, .builtin = fake_builtin, .execname = fake_execname, .arg = fake_arg, .reg = fake_reg, .thread = fake_thread,
};

struct setup {
	void *region;
	uint64_t size;
	struct dv_exec x;
	struct fake fake;
	struct dv_loaded *loaded;
};

static inline void setup_region(struct setup *s, uint32_t flags, uint32_t ring)
{
	struct dv_region_config c = {
		.strsize = 64, .globals_size = 4096, .consts_size = 4096, .dyn_key_size = 128, .dyn_val_size = 64, .dyn_count = 64,
		.prod_count = 2, .ring_size = ring, .agg_size = 65536, .scratch_size = 4096, .this_size = 64, .flags = flags,
		.seed = 1, .machine_max = 8,
	};
	struct dv_region_hdr *h;
	char *consts;

	memset(s, 0, sizeof(*s));
	s->size = dv_region_size(&c);
	REQUIRE(s->size);
	s->region = aligned_alloc(4096, s->size);
	REQUIRE(s->region);
	memset(s->region, 0, s->size);
	dv_region_init(s->region, s->size, &c);
	h = s->region;
	h->machines[MACHINE] = (struct dv_machine_desc){.live = 1, .universe = 9, .name = CONST_VM};
	h->machines[OTHER] = (struct dv_machine_desc){.live = 1, .universe = 7, .name = CONST_VM};
	h->machines[DEAD] = (struct dv_machine_desc){.live = 0, .universe = 7, .name = CONST_VM};
	h->aggs[0] = (struct dv_agg_desc){.func = DV_AGG_COUNT, .data_size = 8};
	h->agg_count = 1;
	consts = s->region;
	strcpy(consts + CONST_STR, "constant");
	strcpy(consts + CONST_VM, "db");
	strcpy(consts + CONST_FUNC, "vfs_read");
	for (unsigned i = 0; i < 2; i++) {
		struct dv_producer *p = dv_region_producer(s->region, s->size, i);

		REQUIRE(p);
		p->machine = MACHINE;
		p->cpu = 2 + i;
	}
	s->fake.place.ops = &fake_ops;
	for (unsigned i = 0; i < MEM_SIZE; i++)
		s->fake.mem[i] = (uint8_t)('a' + i % 26);
}

/** An image of one site; @p clauses: programs, ended by NULL, and the ERROR clauses behind them, ended by NULL. */
struct image {
	struct dv_load_image img;
	struct dv_load_site sites[2];
	struct dv_load_ecb ecbs[8];
	struct dv_load_prog progs[8];
	uint64_t addrs[2];
	struct dv_insn insns[512];
};
static inline void make_image(struct image *m, const char *const *clauses, const char *const *errors)
{
	uint32_t n = 0, insn = 0;

	memset(m, 0, sizeof(*m));
	m->img = (struct dv_load_image){
		.magic = DV_LOAD_MAGIC, .version = DV_LOAD_VERSION, .size = sizeof(*m), .machine = MACHINE, .prod = 0, .prod_count = 2,
		.site_off = offsetof(struct image, sites), .site_count = 1,
		.ecb_off = offsetof(struct image, ecbs), .prog_off = offsetof(struct image, progs),
		.insn_off = offsetof(struct image, insns),
	};
	for (int part = 0; part < 2; part++) {
		for (const char *const *c = part ? errors : clauses; c && *c; c++, n++) {
			struct dv_insn *insns = NULL;
			uint32_t count = 0;
			struct dv_error *err = dv_asm(*c, &insns, &count);

			if (err)
				fprintf(stderr, "%s\n", err->msg);
			REQUIRE(!err && insn + count <= 512 && n < 8);
			memcpy(m->insns + insn, insns, count * sizeof(*insns));
			m->progs[n] = (struct dv_load_prog){insn, count};
			m->ecbs[n] = (struct dv_load_ecb){.epid = 10 + n, .prog = n};
			insn += count;
			free(insns);
			if (part)
				m->img.error_ecb_count++;
		}
		if (!part)
			m->img.error_ecb = n;
	}
	m->sites[0] = (struct dv_load_site){.addr = 0x1000, .size = 5, .probe = 77, .prov = CONST_STR, .func = CONST_FUNC,
	                                    .ecb = 0, .ecb_count = m->img.error_ecb};
	m->img.ecb_count = m->img.prog_count = n;
	m->img.insn_count = insn;
}

static inline void setup_load(struct setup *s, const char *const *clauses, const char *const *errors)
{
	struct image *m = malloc(sizeof(*m));
	const char *why = "";
	char msg[128] = "";

	REQUIRE(m);
	make_image(m, clauses, errors);
	s->loaded = dv_loaded_create(m, sizeof(*m), s->region, msg, sizeof(msg));
	if (!s->loaded)
		fprintf(stderr, "%s\n", msg);
	REQUIRE(s->loaded);
	free(m);
	if (!dv_exec_init(&s->x, s->region, s->size, 0, s->loaded, &why))
		fprintf(stderr, "%s\n", why);
	REQUIRE(s->x.prod);
}

static inline void teardown(struct setup *s)
{
	dv_loaded_destroy(s->loaded);
	free(s->region);
}

/** Next record of producer 0, in place; NULL: none. Takes it. */
static inline const struct dv_record *take_record(struct setup *s)
{
	struct dv_producer *p = s->x.prod;
	const uint8_t *ring = (const uint8_t *)s->region + p->ring_off;

	while (p->tail != p->head) {
		const struct dv_record *r = (const void *)(ring + (p->tail & (p->ring_size - 1)));

		REQUIRE(r->size >= 8 && r->size % 8 == 0 && r->size <= p->head - p->tail);
		p->tail += r->size;
		if (r->epid != DV_EPID_PAD)
			return r;
	}
	return NULL;
}
static inline uint64_t record_word(const struct dv_record *r, unsigned i)
{
	uint64_t v;

	memcpy(&v, (const uint8_t *)(r + 1) + 8 * i, 8);
	return v;
}

#endif
