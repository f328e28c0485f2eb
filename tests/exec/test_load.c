/* SPDX-License-Identifier: GPL-2.0-or-later */
// Load images: what is refused and with which words; sorting.
#include "setup.h"

static struct setup s;
static struct image good;

static void bad_magic(struct image *m) { m->img.magic++; }
static void bad_version(struct image *m) { m->img.version = 9; }
static void bad_size(struct image *m) { m->img.size--; }
static void bad_machine(struct image *m) { m->img.machine = 64; }
static void bad_prod(struct image *m) { m->img.prod = 1; }
static void bad_prod_wrap(struct image *m) { m->img.prod = UINT32_MAX; }
static void bad_site_off(struct image *m) { m->img.site_off = sizeof(*m) - 8; }
static void bad_site_head(struct image *m) { m->img.site_off = 0; }
static void bad_site_align(struct image *m) { m->img.site_off += 4; }
static void bad_site_count(struct image *m) { m->img.site_count = 200001; }
static void bad_site_many(struct image *m) { m->img.site_count = 1000; }
static void bad_ecb_off(struct image *m) { m->img.ecb_off = 0xfffffff8; }
static void bad_prog_count(struct image *m) { m->img.prog_count = UINT32_MAX; }
static void bad_insn_count(struct image *m) { m->img.insn_count = 999999; }
static void bad_sysret_count(struct image *m) { m->img.sysret_count = 1 << 30; }
static void bad_addr_count(struct image *m) { m->img.sysret_addr_count = 65; }
static void bad_target(struct image *m) { m->sites[0].target = 1; }
static void bad_text(struct image *m)
{
	// The last byte of the image is not 0: the instructions' end is not.
	m->img.text_off = m->img.insn_off;
	m->img.text_size = 1;
}
static void bad_kind(struct image *m) { m->sites[0].kind = 77; }
static void bad_args(struct image *m) { m->sites[0].args = 99; }
static void bad_wrap(struct image *m) { m->sites[0].addr = UINT64_MAX; }
static void bad_site_ecb(struct image *m) { m->sites[0].ecb_count = 3; }
static void bad_site_ecb_wrap(struct image *m) { m->sites[0].ecb = 2; m->sites[0].ecb_count = UINT32_MAX; }
static void bad_ecb_prog(struct image *m) { m->ecbs[1].prog = 2; }
static void bad_epid(struct image *m) { m->ecbs[1].epid = UINT32_MAX; }
static void bad_error(struct image *m) { m->img.error_ecb = 2; m->img.error_ecb_count = 1; }
static void bad_prog(struct image *m) { m->progs[1].insn_count++; }
static void bad_prog_wrap(struct image *m) { m->progs[1].insn = UINT32_MAX; }
static void bad_prog_empty(struct image *m) { m->progs[1].insn_count = 0; }
static void bad_program(struct image *m) { m->insns[2].code = 0xff; }
// A table of unwind tables in the place of the programs' instructions.
static void bad_orcs(struct image *m, uint64_t lo, uint64_t hi)
{
	struct dv_load_orc o[2] = {{.lo = 0x1000, .hi = 0x2000}, {.lo = lo, .hi = hi}};

	m->img.orc_off = offsetof(struct image, insns) + 256 * sizeof(struct dv_insn);
	m->img.orc_count = 2;
	memcpy(m->insns + 256, o, sizeof(o));
}
static void bad_orc_count(struct image *m) { m->img.orc_count = 8193; }
static void bad_orc_order(struct image *m) { bad_orcs(m, 0x1fff, 0x3000); }
static void bad_orc_empty(struct image *m) { bad_orcs(m, 0x3000, 0x3000); }
static void bad_sysret(struct image *m) { m->img.sysret_count = 1; m->img.sysret_off = m->img.site_off; m->sites[0].addr = 1; }

static const struct {
	void (*spoil)(struct image *m);
	const char *msg;
} cases[] = {
	{bad_magic, "load image: wrong magic number"},
	{bad_version, "load image: version 9, this is for version 5"},
	{bad_size, "load image: says it has"},
	{bad_machine, "load image: machine 64"},
	{bad_prod, "load image: producers 1 and 2 more are not in the region"},
	{bad_prod_wrap, "load image: producers 4294967295 and 2 more are not in the region"},
	{bad_site_off, "load image: table of sites is out of range"},
	{bad_site_head, "load image: table of sites is out of range"},
	{bad_site_align, "load image: table of sites is not aligned"},
	{bad_site_count, "load image: 200001 sites, more than 200000"},
	{bad_site_many, "load image: table of sites is out of range"},
	{bad_ecb_off, "load image: table of enabled clauses is out of range"},
	{bad_prog_count, "load image: 4294967295 programs, more than 200000"},
	{bad_insn_count, "load image: table of instructions is out of range"},
	{bad_sysret_count, "load image: 1073741824 system calls, more than 8192"},
	{bad_addr_count, "load image: 65 return addresses, more than 64"},
	{bad_target, "load image: site 0: texts at 1, 0 and 0"},
	{bad_text, "load image: the texts do not end"},
	{bad_kind, "load image: site 0: kind 77, arguments 0"},
	{bad_args, "load image: site 0: kind 0, arguments 99"},
	{bad_wrap, "load image: site 0: wraps around"},
	{bad_site_ecb, "load image: site 0: clauses 0 and 3 more"},
	{bad_site_ecb_wrap, "load image: site 0: clauses 2 and 4294967295 more"},
	{bad_ecb_prog, "load image: enabled clause 1: program 2"},
	{bad_epid, "load image: enabled clause 1: reserved id"},
	{bad_error, "load image: clauses of ERROR 2 and 1 more"},
	{bad_prog, "load image: program 1: instructions 2 and 3 more"},
	{bad_prog_wrap, "load image: program 1: instructions 4294967295 and 2 more"},
	{bad_prog_empty, "load image: program 1: 0 instructions"},
	{bad_program, "load image: program 1: insn 0: unknown operation 0xff"},
	{bad_sysret, "load image: system call 1: site"},
	{bad_orc_count, "load image: 8193 unwind tables, more than 8192"},
	{bad_orc_order, "load image: unwind table 1: from 0x1fff to 0x3000"},
	{bad_orc_empty, "load image: unwind table 1: from 0x3000 to 0x3000"},
};

static void test_refused(void)
{
	char msg[160];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image m = good;
		struct dv_loaded *l;

		cases[i].spoil(&m);
		strcpy(msg, "accepted");
		l = dv_loaded_create(&m, sizeof(m), s.region, msg, sizeof(msg));
		if (l || strncmp(msg, cases[i].msg, strlen(cases[i].msg)) != 0)
			fprintf(stderr, "\"%s\", not \"%s\"\n", msg, cases[i].msg);
		CHECK(!l && strncmp(msg, cases[i].msg, strlen(cases[i].msg)) == 0);
		dv_loaded_destroy(l);
	}
	CHECK(!dv_loaded_create(&good, sizeof(good.img) - 1, s.region, msg, sizeof(msg)));
	CHECK_STR(msg + strlen(msg) - 11, "are too few");
	CHECK(!dv_loaded_create(&good, 0, s.region, msg, sizeof(msg)));
}

// Many programs over the same instructions must not keep the verifier busy.
static void test_shared(void)
{
	uint32_t progs = 1000, insns = 2000;
	size_t size = sizeof(struct dv_load_image) + progs * sizeof(struct dv_load_prog) + insns * sizeof(struct dv_insn);
	struct dv_load_image *img = calloc(1, size);
	struct dv_load_prog *p;
	struct dv_insn *in;
	char msg[160] = "";

	REQUIRE(img);
	*img = good.img;
	img->size = size;
	img->site_count = img->ecb_count = img->error_ecb = 0;
	img->prog_count = progs;
	img->prog_off = sizeof(*img);
	img->insn_count = insns;
	img->insn_off = img->prog_off + progs * (uint32_t)sizeof(*p);
	p = (void *)((char *)img + img->prog_off);
	in = (void *)((char *)img + img->insn_off);
	for (uint32_t i = 0; i < insns; i++)
		in[i] = (struct dv_insn){.code = i == insns - 1 ? DV_JMP | DV_EXIT : DV_ALU64 | DV_MOV | DV_K};
	for (uint32_t i = 0; i < progs; i++)
		p[i].insn_count = insns;
	CHECK(!dv_loaded_create(img, size, s.region, msg, sizeof(msg)));
	CHECK_STR(msg, "load image: more than 1000000 instructions in all programs");
	free(img);
}

static void test_sorted(void)
{
	struct {
		struct dv_load_image img;
		struct dv_load_site sites[5];
		struct dv_load_sysret sysrets[3];
		uint64_t addrs[2];
	} m = {.img = good.img};
	struct dv_loaded *l;
	char msg[160] = "";

	m.img.size = sizeof(m);
	m.img.ecb_count = m.img.error_ecb = m.img.prog_count = m.img.insn_count = 0;
	m.img.site_off = offsetof(__typeof__(m), sites);
	m.img.site_count = 5;
	m.img.sysret_off = offsetof(__typeof__(m), sysrets);
	m.img.sysret_count = 3;
	m.img.sysret_addr_off = offsetof(__typeof__(m), addrs);
	m.img.sysret_addr_count = 2;
	m.sites[0] = (struct dv_load_site){.addr = 500, .probe = 5};
	m.sites[1] = (struct dv_load_site){.addr = 0, .probe = 1, .kind = DV_SITE_SYSRET};
	m.sites[2] = (struct dv_load_site){.addr = 300, .probe = 3};
	m.sites[3] = (struct dv_load_site){.addr = 0, .probe = 2, .kind = DV_SITE_SYSRET};
	m.sites[4] = (struct dv_load_site){.addr = 300, .probe = 4, .kind = DV_SITE_RETURNS, .size = 10};
	m.sysrets[0] = (struct dv_load_sysret){.nr = 9, .site = 3};
	m.sysrets[1] = (struct dv_load_sysret){.nr = 1, .compat = 1, .site = 3};
	m.sysrets[2] = (struct dv_load_sysret){.nr = 2, .site = 1};
	m.addrs[0] = 9;
	m.addrs[1] = 8;
	l = dv_loaded_create(&m, sizeof(m), s.region, msg, sizeof(msg));
	REQUIRE(l);
	for (uint32_t i = 0; i < 5; i++)
		CHECK_EQ(l->sites[i].probe, i + 1);
	CHECK_EQ(l->sysrets[0].nr, 2);
	CHECK_EQ(l->sites[l->sysrets[0].site].probe, 1);
	CHECK_EQ(l->sysrets[1].nr, 9);
	CHECK_EQ(l->sites[l->sysrets[1].site].probe, 2);
	CHECK_EQ(l->sysrets[2].compat, 1);
	CHECK_EQ(l->sysret_addrs[0], 8);
	dv_loaded_destroy(l);
	// Texts in the same place as a table that is sorted: they end at first, and then do not.
	m.addrs[0] = ~0ull;
	m.addrs[1] = 0;
	m.img.text_off = m.img.sysret_addr_off;
	m.img.text_size = sizeof(m.addrs);
	CHECK(!dv_loaded_create(&m, sizeof(m), s.region, msg, sizeof(msg)));
	CHECK_STR(msg, "load image: the texts do not end");
	dv_loaded_destroy(NULL);
}

int main(void)
{
	static const char *const clauses[] = {"r0 = 1\nexit", "r0 = 2\nexit", NULL};

	setup_region(&s, 0, 4096);
	make_image(&good, clauses, NULL);
	setup_load(&s, clauses, NULL);
	test_refused();
	test_shared();
	test_sorted();
	teardown(&s);
	return test_done();
}
