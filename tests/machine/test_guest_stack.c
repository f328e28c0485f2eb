// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stacks of a KVM guest as a program of the host's kernel follows them, against the same memory followed natively: frames
// of each kind first, whose numbers are known, then tables and stacks of chance. One clause asks for all there is; it runs in
// the kernel, at a trap or at an event, and then in the interpreter.
#include "stackvm.h"

#include "code/bytecode.h"
#include "exec/exec.h"
#include "lib/test.h"
#include "machine/ebpf/loaded.h"
#include "machine/ebpf/trap.h"

extern const uint8_t dv_host_bpf[], dv_host_bpf_end[];

enum { DX = 2, DI, BP, SP, R10, R13, BP_IND, SP_IND };
enum { CALL, REGS, PARTIAL, UNDEFINED, END }; // ours
enum { K_RDX = 2, K_RSP = 4, K_RBP, K_RDI = 7, K_R10 = 10, K_R13 = 13, K_RIP = 16 };

static const struct dv_orc_format formats[] = {
    {6, 0, 2, 4, 0, 4, 8, 2, DV_ORC_NO_BIT, 0, {0}}, // to 6.2
    {6, 0, 2, 4, 0, 4, 8, 2, 10, 0, {0}},            // 6.3
    {6, 0, 2, 4, 0, 4, 8, 3, 11, 1, {0}},            // from 6.4 on
    {0},                                             // frame pointers
    {10, 4, 2, 8, 12, 0, 5, 3, 4, 1, {0}},           // such that the entries lie across pages
};

/* What a clause leaves in global variables. */
enum { C_DEPTH, C_UDEPTH, C_UCALLER, C_KERNEL, C_KERNEL1, C_KERNEL2, C_KERNEL3, C_KERNEL7, C_USER, C_USER1, C_USER2, C_CALLER,
       C_DONE, C_COUNT };
#define CELL(i) (DV_GLOBALS_OFF + 8 * (i))
enum { SITE_TRAP, SITE_EVENT, SITES };
#define TRAPS 64u
#define STUB  (VM_JIT + 0x800) /* of a return, and no word of chance */

struct setup {
	struct stackvm vm;
	struct dv_bpf_object *object;
	struct dv_bpf_loaded *loaded;
	struct dv_bpf_inside inside;
	struct dv_orc_format format;
	struct dv_load_orc orcs[3];
	uint32_t counts[2]; // entries of vmlinux, of the module
	struct vm_region region;
	struct dv_exec exec;
};
static struct setup s;

static void good(struct dv_error *e)
{
	if (!e)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

/* -- what is loaded ----------------------------------------------------------------------------------------------- */

static uint64_t trap_pc(uint32_t i)
{
	return (i & 3 ? VM_TEXT : VM_MOD) + 61 * i;
}

static struct dv_error *traps(void *ctx, const struct dv_loaded *l, struct dv_trap_row **rows, uint32_t *count)
{
	struct dv_trap_row *r = dv_xcalloc(TRAPS + 1, sizeof(*r));

	for (uint32_t i = 0; i < TRAPS; i++)
		r[i] = (struct dv_trap_row){.pc = trap_pc(i), .place = trap_pc(i), .site = SITE_TRAP};
	r[TRAPS] = (struct dv_trap_row){.pc = STUB, .place = VM_TEXT + 0x202, .site = SITE_TRAP, .offset = 2};
	*rows = r;
	*count = TRAPS + 1;
	return NULL;
}

static struct dv_insn *clause(uint32_t *count)
{
	static const struct {
		uint8_t cell, bi, kind, frames;
	} asks[] = {
	    {C_DEPTH, DV_BI_STACKDEPTH, 0, 0},	{C_UDEPTH, DV_BI_USTACKDEPTH, 0, 0},	 {C_UCALLER, DV_BI_UCALLER, 0, 0},
	    {C_KERNEL, 0, DV_STACK_KERNEL, 240}, {C_KERNEL1, 0, DV_STACK_KERNEL, 1},	 {C_KERNEL2, 0, DV_STACK_KERNEL, 2},
	    {C_KERNEL3, 0, DV_STACK_KERNEL, 3},	{C_KERNEL7, 0, DV_STACK_KERNEL, 7},	 {C_USER, 0, DV_STACK_USER, 240},
	    {C_USER1, 0, DV_STACK_USER, 1},	{C_USER2, 0, DV_STACK_USER, 2},		 {C_CALLER, DV_BI_CALLER, 0, 0},
	};
	static char text[4096];
	struct dv_insn *insns;
	int n = 0;

	for (unsigned i = 0; i < DV_COUNT(asks); i++) {
		if (asks[i].frames)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "r1 = %u\nr2 = %u\ncall stack()\n", asks[i].kind,
				      asks[i].frames);
		else
			n += snprintf(text + n, sizeof(text) - (size_t)n, "r1 = %u\ncall bi()\n", asks[i].bi);
		n += snprintf(text + n, sizeof(text) - (size_t)n, "r2 = r0\nr1 = %u\ncall st()\n", CELL(asks[i].cell));
	}
	snprintf(text + n, sizeof(text) - (size_t)n, "r2 = 1\nr1 = %u\ncall st()\nr0 = 1\nexit\n", CELL(C_DONE));
	good(dv_asm(text, &insns, count));
	return insns;
}

struct image {
	struct dv_load_image img;
	struct dv_load_site sites[SITES];
	struct dv_load_ecb ecbs[SITES + 1];
	struct dv_load_prog prog;
	struct dv_load_orc orcs[3];
	struct dv_insn insns[256];
};

static void load(const struct dv_orc_format *f, bool index, bool orcs, enum dv_kvm_isa isa, bool own_tables)
{
	static const char *why = "?";
	struct dv_bpf_kernel kernel = {.inside = &s.inside};
	struct image m = {
	    .img = {.magic = DV_LOAD_MAGIC, .version = DV_LOAD_VERSION, .size = sizeof(m), .prod_count = 2,
		    .site_off = offsetof(struct image, sites), .site_count = SITES, .ecb_off = offsetof(struct image, ecbs),
		    .ecb_count = SITES + 1, .error_ecb = SITES, .error_ecb_count = 1, .prog_off = offsetof(struct image, prog), .prog_count = 1,
		    .insn_off = offsetof(struct image, insns), .orc_off = offsetof(struct image, orcs),
		    .orc_count = orcs ? 3 : 0},
	    .sites = {{.kind = DV_SITE_ADDR, .args = DV_ARGS_FUNC, .probe = 1, .ecb_count = 1},
		      {.kind = DV_SITE_TRACEPOINT, .args = DV_ARGS_RAW, .probe = 2, .ecb = 1, .ecb_count = 1}},
	    .ecbs = {{.epid = 1}, {.epid = 2}, {.epid = 3}}, // the last one ERROR's: called from within another
	};
	struct dv_region_config c = {.strsize = 256, .globals_size = 256, .dyn_key_size = 64, .dyn_val_size = 24,
				     .dyn_count = 16, .prod_count = 2, .ring_size = 1 << 14, .agg_size = 1 << 14,
				     .scratch_size = 1 << 15, .this_size = 64, .spec_count = 1, .spec_size = 512, .seed = 1,
				     .machine_max = 64};
	struct dv_insn *insns = clause(&m.img.insn_count);

	REQUIRE(m.img.insn_count <= DV_COUNT(m.insns));
	memcpy(m.insns, insns, m.img.insn_count * sizeof(*insns));
	free(insns);
	m.prog.insn_count = m.img.insn_count;
	s.format = *f;
	stackvm_layout(&s.vm, &m.img.layout);
	m.img.layout.orc = *f;
	if (!own_tables)
		m.img.layout.kernel_cr3 = 0;
	// The tables have room for 8 KiB of addresses, then entries, and an index at the end.
	s.orcs[0] = (struct dv_load_orc){VM_TEXT, VM_TEXT + VM_PAGE, VM_TABLES + 4, VM_TABLES + 2 * VM_PAGE, 0, s.counts[0], 0};
	s.orcs[1] = (struct dv_load_orc){VM_MOD, VM_MOD + VM_PAGE, VM_MODTAB, VM_MODTAB + 2 * VM_PAGE, 0, s.counts[1], 0};
	s.orcs[2] = (struct dv_load_orc){VM_MOD + 3 * VM_PAGE, VM_MOD + 4 * VM_PAGE, 0, 0, 0, 0, 0};
	if (index) {
		s.orcs[0].index = VM_TABLES + 7 * VM_PAGE - 20; // across pages
		s.orcs[0].index_count = 17;
	}
	memcpy(m.orcs, s.orcs, sizeof(m.orcs));
	s.inside = (struct dv_bpf_inside){.isa = isa, .off = stackvm_offsets(), .traps = traps};
	c.consts_size = 64;
	vm_region_make(&s.region, &c);
	good(dv_bpf_load_image(s.object, &kernel, s.region.fd, s.region.size, &m, sizeof(m), true, &s.loaded));
	stackvm_tables(&s.vm, dv_bpf_guest_tables(s.loaded));
	REQUIRE(dv_exec_init(&s.exec, s.region.at, s.region.size, 1, dv_bpf_loaded_image(s.loaded), &why));
}

static void unload(void)
{
	dv_bpf_detach(s.loaded);
	vm_region_end(&s.region);
}

/* -- firing ------------------------------------------------------------------------------------------------------- */

struct result {
	uint64_t word[C_COUNT];
	struct {
		uint32_t count;
		uint64_t pc[DV_STACK_MAX];
	} stack[C_COUNT];
};

static void collect(struct result *r)
{
	const uint8_t *base = s.region.at;

	memset(r, 0, sizeof(*r));
	memcpy(r->word, base + CELL(0), sizeof(r->word));
	for (unsigned i = C_KERNEL; i <= C_USER2; i++) {
		const struct dv_stack *b = (const void *)(base + (r->word[i] & (s.region.size - 1) & ~7ull));

		r->word[i] = r->word[i] != 0;
		if (!r->word[i])
			continue;
		r->stack[i].count = b->count;
		REQUIRE(b->count <= DV_STACK_MAX && b->size == DV_STACK_HEAD + 8 * b->count);
		memcpy(r->stack[i].pc, b->pc, 8 * b->count);
	}
	memset(s.region.at + CELL(0), 0, sizeof(r->word));
}

static void in_kernel(uint32_t site, struct result *r)
{
	uint64_t words[12] = {s.vm.cpu.address};
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = words, .ctx_size_in = sizeof(words));

	vm_cpu(&s.vm, VM_C_VMCB + VM_B_EXIT, 0x76);
	memcpy(s.vm.cpu.bytes + VM_C_REASON, &(uint32_t){13}, 4);
	REQUIRE(!bpf_prog_test_run_opts(dv_bpf_site_program(s.loaded, site), &o));
	collect(r);
}

static void natively(uint32_t site, struct result *r)
{
	const struct dv_loaded *l = dv_bpf_loaded_image(s.loaded);
	struct dv_load_site row = l->sites[site];

	if (site == SITE_EVENT)
		row.kind = DV_SITE_SYSRET; // the native site that is not at an edge
	dv_exec_fire(&s.exec, stackvm_place(&s.vm, l, &row), &row);
	collect(r);
}

static bool same(const struct result *a, const struct result *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void show(const char *who, const struct result *r)
{
	fprintf(stderr, "%s:", who);
	for (unsigned i = 0; i < C_COUNT; i++)
		fprintf(stderr, " %llx", (unsigned long long)r->word[i]);
	for (unsigned i = C_KERNEL; i <= C_USER2; i++) {
		fprintf(stderr, "\n  %u frames:", r->stack[i].count);
		for (uint32_t k = 0; k < r->stack[i].count && k < 12; k++)
			fprintf(stderr, " %llx", (unsigned long long)r->stack[i].pc[k]);
	}
	fprintf(stderr, "\n");
}

// Fire both ways; the result, if it is one.
static bool fire(uint32_t site, struct result *r)
{
	struct result native;

	in_kernel(site, r);
	natively(site, &native);
	CHECK(same(r, &native));
	if (same(r, &native))
		return true;
	fprintf(stderr, "site %u at %llx, sp %llx, bp %llx\n", site, (unsigned long long)vm_regs(&s.vm)[K_RIP],
		(unsigned long long)vm_regs(&s.vm)[K_RSP], (unsigned long long)vm_regs(&s.vm)[K_RBP]);
	show("in the kernel", r);
	show("natively", &native);
	return false;
}

// What was found in tables that have changed since.
static void forget(void)
{
	static struct dv_orc_cache cache;
	static uint8_t none[DV_ORC_KEPT * 8];
	const struct dv_bpf_map_symbol *m = s.loaded->s.maps;

	while (!m->name || strcmp(m->name, "dv_orc_kept"))
		m++;
	memset(&cache, 0, sizeof(cache));
	s.vm.place.orc_cache = &cache;
	s.vm.place.orc_owner = dv_bpf_loaded_image(s.loaded)->serial;
	REQUIRE(!bpf_map_update_elem(m->fd, &(uint32_t){0}, none, BPF_ANY));
}

/* -- tables ------------------------------------------------------------------------------------------------------- */

static uint32_t made[2];
static uint64_t made_at[2][1024];

static void begin_tables(void)
{
	uint8_t zero[VM_PAGE] = {0};

	made[0] = made[1] = 0;
	for (uint32_t i = 0; i < VM_TABLE_PAGES; i++) {
		vm_write(&s.vm, VM_TABLES + i * VM_PAGE, zero, VM_PAGE);
		vm_write(&s.vm, VM_MODTAB + i * VM_PAGE, zero, VM_PAGE);
	}
}

// From @p ip on, which is above those before.
static void entry(uint64_t ip, unsigned sp_reg, int16_t sp_off, unsigned bp_reg, int16_t bp_off, unsigned type, bool signal)
{
	static const unsigned numbers[2][5] = {{0, 1, 2, 0, 0}, {2, 3, 4, 0, 1}};
	const struct dv_orc_format *f = &s.format;
	unsigned m = ip >= VM_MOD;
	const struct dv_load_orc *t = &s.orcs[m];
	uint64_t at = t->ips + 4 * made[m], e = t->entries + (uint64_t)f->size * made[m];
	int32_t off = (int32_t)(int64_t)(ip - at);
	uint16_t bits;

	if (!f->size)
		return;
	if (!f->numbered && (type == UNDEFINED || type == END))
		sp_reg = 0;
	bits = (uint16_t)(sp_reg << f->sp_reg | bp_reg << f->bp_reg | numbers[f->numbered][type] << f->type);
	if (f->signal != DV_ORC_NO_BIT && signal)
		bits |= (uint16_t)(1u << f->signal);
	vm_write(&s.vm, at, &off, 4);
	vm_write(&s.vm, e + f->sp_offset, &sp_off, 2);
	vm_write(&s.vm, e + f->bp_offset, &bp_off, 2);
	vm_write(&s.vm, e + f->bits, &bits, 2);
	made_at[m][made[m]++] = ip;
}

static void end_tables(void)
{
	uint32_t i = 0;

	for (uint32_t b = 0; b < 17 && s.orcs[0].index; b++) {
		while (i + 1 < made[0] && made_at[0][i + 1] <= VM_TEXT + 256ull * b)
			i++;
		vm_write(&s.vm, s.orcs[0].index + 4 * b, &i, 4);
	}
	forget();
}

static void put(uint64_t stack, unsigned word, uint64_t value)
{
	vm_word(&s.vm, stack + 8 * word, value);
}
static uint64_t at(unsigned word)
{
	return VM_STACK + 8 * word;
}
static void registers(uint64_t ip, uint64_t sp, uint64_t bp)
{
	vm_regs(&s.vm)[K_RIP] = ip;
	vm_regs(&s.vm)[K_RSP] = sp;
	vm_regs(&s.vm)[K_RBP] = bp;
}

/* -- known frames ------------------------------------------------------------------------------------------------- */

#define FRAMES(r, ...)                                                                                       \
	do {                                                                                                 \
		const uint64_t want_[] = {__VA_ARGS__};                                                      \
		CHECK_EQ((r)->stack[C_KERNEL].count, DV_COUNT(want_));                                       \
		CHECK_EQ((r)->word[C_DEPTH], DV_COUNT(want_));                                               \
		CHECK(!memcmp((r)->stack[C_KERNEL].pc, want_, sizeof(want_)));                               \
	} while (0)

#define MAIN_COUNTS 11u

static void chain(void)
{
	struct result r;

	begin_tables();
	entry(VM_TEXT + 61, SP, 8, 0, 0, CALL, false);
	entry(VM_TEXT + 0x101, SP, 16, BP, -16, CALL, false);
	entry(VM_TEXT + 0x200, SP, 8, 0, 0, CALL, false);
	entry(VM_TEXT + 0x204, BP, 16, 1, -16, CALL, false);
	entry(VM_TEXT + 0x300, SP, 0, 0, 0, REGS, true);
	entry(VM_TEXT + 0x400, SP_IND, 0, 0, 0, CALL, false);
	entry(VM_TEXT + 0x500, SP, 0, 0, 0, PARTIAL, true);
	entry(VM_TEXT + 0x600, R10, 8, 0, 0, CALL, false);
	entry(VM_TEXT + 0x700, R13, 8, 0, 0, CALL, false);
	entry(VM_TEXT + 0x800, DI, 8, 0, 0, CALL, false);
	entry(VM_TEXT + 0x900, DX, 8, 0, 0, CALL, false);
	for (uint32_t i = MAIN_COUNTS; i < s.counts[0]; i++)
		entry(VM_TEXT + 0xa00 + i, 0, 0, 0, 0, END, false);
	entry(VM_MOD + 0x10, SP, 24, 0, 0, CALL, false);
	for (uint32_t i = 1; i < s.counts[1]; i++)
		entry(VM_MOD + 0x80 + i, 0, 0, 0, 0, UNDEFINED, false);
	end_tables();
	// leaf <- middle <- a module's function <- the system call's entry. The words lie on two pages.
	put(VM_STACK, 505, VM_TEXT + 0x210);
	put(VM_STACK, 511, at(600));
	put(VM_STACK, 512, VM_MOD + 0x20);
	put(VM_STACK, 515, VM_TEXT + 0x310);
	put(VM_STACK, 516 + 16, 0x401000);
	put(VM_STACK, 516 + 17, 0x33);
	put(VM_STACK, 516 + 19, 0x7ffc00000);
	registers(trap_pc(1), at(505), at(511));
	fire(SITE_TRAP, &r);
	FRAMES(&r, trap_pc(1), VM_TEXT + 0x210, VM_MOD + 0x20, VM_TEXT + 0x310);
	CHECK_EQ(r.word[C_CALLER], VM_TEXT + 0x210);
	CHECK_EQ(r.stack[C_KERNEL2].count, 2);
	fire(SITE_TRAP, &r); // by entries that were kept
	FRAMES(&r, trap_pc(1), VM_TEXT + 0x210, VM_MOD + 0x20, VM_TEXT + 0x310);
	fire(SITE_EVENT, &r);
	FRAMES(&r, trap_pc(1), VM_TEXT + 0x210, VM_MOD + 0x20, VM_TEXT + 0x310);

	// An interrupt's stack, a link back, registers of the kernel, of which the way goes on exactly.
	put(VM_IRQ, 511, VM_TEXT + 0x410);
	put(VM_IRQ, 512, at(20));
	put(VM_STACK, 19, VM_TEXT + 0x310);
	put(VM_STACK, 20 + 4, at(64));
	put(VM_STACK, 20 + 16, VM_TEXT + 61);
	put(VM_STACK, 20 + 17, 0x10);
	put(VM_STACK, 20 + 19, at(60));
	put(VM_STACK, 60, VM_TEXT + 0x210);
	put(VM_STACK, 64, 0);
	put(VM_STACK, 65, VM_MOD + 0x90);
	registers(trap_pc(1), VM_IRQ + 8 * 511, 0);
	fire(SITE_TRAP, &r);
	FRAMES(&r, trap_pc(1), VM_TEXT + 0x410, VM_TEXT + 0x310, VM_TEXT + 61, VM_TEXT + 0x210, VM_MOD + 0x90);

	// Interrupted right behind the trap of a stub, or before it: at the return that it stands for.
	for (unsigned i = 0; i < 2; i++) {
		put(VM_STACK, 20 + 16, STUB + 2 * i);
		in_kernel(SITE_TRAP, &r);
		FRAMES(&r, trap_pc(1), VM_TEXT + 0x410, VM_TEXT + 0x310, VM_TEXT + 0x202, VM_TEXT + 0x210, VM_MOD + 0x90);
		registers(STUB + 2 * i, at(60), at(64));
		in_kernel(SITE_EVENT, &r);
		FRAMES(&r, VM_TEXT + 0x202, VM_TEXT + 0x210, VM_MOD + 0x90);
		registers(trap_pc(1), VM_IRQ + 8 * 511, 0);
	}

	// Registers that only the first frame has, or that were saved.
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t regs[] = {K_R10, K_R13, K_RDI, K_RDX}, saved[] = {7, 2, 14, 12};

		vm_regs(&s.vm)[regs[i]] = at(140);
		put(VM_STACK, 139, VM_MOD + 0x90);
		registers(VM_TEXT + 0x610 + 0x100 * i, at(10), 0);
		fire(SITE_EVENT, &r);
		FRAMES(&r, VM_TEXT + 0x610 + 0x100 * i, VM_MOD + 0x90);
		vm_regs(&s.vm)[regs[i]] = 0;
		put(VM_STACK, 80 + saved[i], at(140));
		put(VM_STACK, 80 + 16, VM_TEXT + 0x610 + 0x100 * i);
		put(VM_STACK, 80 + 17, 0x10);
		put(VM_STACK, 80 + 19, at(120));
		registers(VM_TEXT + 0x310, at(80), 0);
		fire(SITE_EVENT, &r);
		FRAMES(&r, VM_TEXT + 0x310, VM_TEXT + 0x610 + 0x100 * i, VM_MOD + 0x90);
		// Partial ones over whole ones.
		put(VM_STACK, 80 + 16, VM_TEXT + 0x510);
		put(VM_STACK, 120, VM_TEXT + 0x610 + 0x100 * i);
		put(VM_STACK, 121, 0x10);
		put(VM_STACK, 123, at(130));
		fire(SITE_EVENT, &r);
		FRAMES(&r, VM_TEXT + 0x310, VM_TEXT + 0x510, VM_TEXT + 0x610 + 0x100 * i, VM_MOD + 0x90);
		put(VM_STACK, 121, 0x33);
		fire(SITE_EVENT, &r);
		FRAMES(&r, VM_TEXT + 0x310, VM_TEXT + 0x510);
	}

	// Code of which nothing is known leads on if it leads to what is.
	put(VM_STACK, 10, VM_JIT + 0x40);
	put(VM_STACK, 20, at(50));
	put(VM_STACK, 21, VM_MOD + 0x90);
	registers(trap_pc(1), at(10), at(20));
	fire(SITE_TRAP, &r);
	FRAMES(&r, trap_pc(1), VM_JIT + 0x40, VM_MOD + 0x90);
	CHECK_EQ(r.stack[C_KERNEL2].count, 1);
	put(VM_STACK, 21, VM_JIT);
	fire(SITE_TRAP, &r);
	FRAMES(&r, trap_pc(1));

	// As long as any.
	for (unsigned i = 200; i < 300; i++)
		put(VM_STACK, i, VM_TEXT + 70);
	registers(trap_pc(1), at(200), 0);
	fire(SITE_TRAP, &r);
	CHECK(r.stack[C_KERNEL].count >= 100);
	for (unsigned i = 200; i < 500; i++)
		put(VM_STACK, i, VM_TEXT + 70);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_KERNEL].count, DV_STACK_MAX);
}

static void user(void)
{
	const uint64_t top = VM_STACK + VM_STACK_PAGES * VM_PAGE - 168;
	const uint64_t chain64[] = {VM_USTACK + 0x100, VM_USTACK + 0xff8, VM_USTACK + 0x1ff8, VM_USTACK + 0x2100};
	struct result r;

	begin_tables();
	end_tables();
	registers(trap_pc(1), at(10), 0);
	vm_word(&s.vm, top + 128, VM_UTEXT);
	vm_word(&s.vm, top + 136, 0x33);
	vm_word(&s.vm, top + 32, chain64[0]);
	for (unsigned i = 0; i < 4; i++) {
		vm_word(&s.vm, chain64[i], i < 3 ? chain64[i + 1] : 0);
		vm_word(&s.vm, chain64[i] + 8, VM_UTEXT + 16 * (i + 1));
	}
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 5); // pairs across pages among them
	CHECK(r.word[C_UDEPTH] == 5 && r.word[C_UCALLER] == VM_UTEXT + 16 && r.stack[C_USER].pc[4] == VM_UTEXT + 64);
	// Up only, not far, not into the kernel, not off its alignment.
	vm_word(&s.vm, chain64[1], chain64[0]);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 3);
	vm_word(&s.vm, chain64[1], chain64[2] + (64ull << 20));
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 3);
	vm_word(&s.vm, chain64[1], VM_STACK);
	fire(SITE_TRAP, &r);
	vm_word(&s.vm, chain64[1], chain64[2] + 4);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 3);
	vm_word(&s.vm, chain64[1] + 8, VM_TEXT);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 2);
	// The processor takes no such address, though the tables lead somewhere.
	vm_word(&s.vm, top + 32, chain64[0] | 1ull << 58);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 1);
	vm_word(&s.vm, top + 136, 0x10);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 0);
	// A kernel's thread.
	vm_word(&s.vm, top + 136, 0x33);
	vm_put(&s.vm, VM_TASK + VM_T_MM, 0);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 0);
	vm_put(&s.vm, VM_TASK + VM_T_MM, VM_DIRECT + VM_MM);
	// The program itself is running: there is no stack of the kernel's, and its registers are the CPU's.
	vm_word(&s.vm, chain64[1], chain64[2]);
	vm_word(&s.vm, chain64[1] + 8, VM_UTEXT + 32);
	registers(VM_UTEXT + 8, VM_USTACK, chain64[1]);
	vm_cpu(&s.vm, VM_C_VMCB + VM_B_CS, 0x33);
	in_kernel(SITE_EVENT, &r);
	CHECK_EQ(r.stack[C_KERNEL].count, 0);
	CHECK_EQ(r.stack[C_USER].count, 4);
	CHECK(r.stack[C_USER].pc[0] == VM_UTEXT + 8 && r.stack[C_USER].pc[1] == VM_UTEXT + 32);
	vm_cpu(&s.vm, VM_C_VMCB + VM_B_CS, 0x10);
}

static void user32(void)
{
	const uint64_t top = VM_STACK + VM_STACK_PAGES * VM_PAGE - 168, stack = 0x8049ff4;
	struct result r;
	uint32_t pair[2] = {0x804a000 + 8, 0x8048010};

	vm_map(&s.vm, 0x8049000, vm_page(&s.vm, true));
	vm_map(&s.vm, 0x804a000, vm_page(&s.vm, false));
	vm_word(&s.vm, top + 136, 0x23);
	vm_word(&s.vm, top + 32, stack);
	vm_write(&s.vm, stack, pair, 4);
	vm_write(&s.vm, stack + 4, pair + 1, 4);
	vm_word(&s.vm, pair[0], 0x0804802000000000ull);
	registers(trap_pc(1), at(10), 0);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 3);
	CHECK(r.stack[C_USER].pc[1] == 0x8048010 && r.stack[C_USER].pc[2] == 0x8048020);
	vm_word(&s.vm, top + 32, 0x8049ffc); // a pair across pages
	vm_write(&s.vm, 0x8049ffc, pair, 4);
	vm_write(&s.vm, 0x804a000, pair + 1, 4);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_USER].count, 3);
	vm_word(&s.vm, top + 136, 0x33);
}

// Kernels without tables.
static void frames(void)
{
	struct result r;

	begin_tables();
	end_tables();
	put(VM_STACK, 10, VM_TEXT + 0x20);
	put(VM_STACK, 511, at(530));
	put(VM_STACK, 512, VM_MOD + 0x30);
	put(VM_STACK, 530, at(540) | 1);
	put(VM_STACK, 531, VM_TEXT + 0x40);
	put(VM_STACK, 540 + 4, at(570));
	put(VM_STACK, 540 + 16, VM_TEXT + 0x50);
	put(VM_STACK, 540 + 17, 0x10);
	put(VM_STACK, 540 + 19, at(565));
	put(VM_STACK, 570, 0);
	put(VM_STACK, 571, 0);
	registers(trap_pc(1), at(10), at(511));
	fire(SITE_TRAP, &r);
	FRAMES(&r, trap_pc(1), VM_TEXT + 0x20, VM_MOD + 0x30, VM_TEXT + 0x40, VM_TEXT + 0x50);
	fire(SITE_EVENT, &r);
	FRAMES(&r, trap_pc(1), VM_MOD + 0x30, VM_TEXT + 0x40, VM_TEXT + 0x50);
	put(VM_STACK, 540 + 17, 0x33);
	fire(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_KERNEL].count, 4);
}

static void in_memory(uint32_t registers)
{
	memcpy(s.vm.cpu.bytes + VM_C_AVAIL, &registers, 4);
}

// Where registers are in the processor only, as long as nobody has asked KVM for them: without the program counter it cannot be
// known that this is a trap; without the stack pointer there is no more than the place.
static void no_rsp(void)
{
	struct result r;

	registers(trap_pc(1), at(10), at(20));
	in_memory(0);
	in_kernel(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_KERNEL].count, 0);
	in_memory(1u << K_RIP);
	in_kernel(SITE_TRAP, &r);
	FRAMES(&r, trap_pc(1));
	CHECK_EQ(r.word[C_DONE], 0); // nor the caller: an error
	in_memory(1u << K_RIP | 1u << K_RSP);
}

// A guest of the guest's runs into an INVD at the address of a trap: that is nothing of ours.
static void nested(enum dv_kvm_isa isa)
{
	uint32_t current = isa == DV_KVM_SVM ? VM_C_CURRENT : VM_C_LOADED, own = isa == DV_KVM_SVM ? VM_C_VMCB : VM_C_VMCS;
	struct result r;

	registers(trap_pc(1), at(10), at(20));
	in_kernel(SITE_TRAP, &r);
	CHECK(r.stack[C_KERNEL].count > 0);
	memcpy(s.vm.cpu.bytes + VM_C_VMCB + 256, s.vm.cpu.bytes + VM_C_VMCB, 256);
	vm_cpu(&s.vm, current, s.vm.cpu.address + own + 256);
	memcpy(s.vm.cpu.bytes + VM_C_VMCB + 256 + VM_B_EXIT, &(uint32_t){0x76}, 4);
	in_kernel(SITE_TRAP, &r);
	CHECK_EQ(r.stack[C_KERNEL].count, 0);
	vm_cpu(&s.vm, current, s.vm.cpu.address + own);
}

static void firing(struct dv_firing *ret)
{
	static uint8_t all[2 * DV_FIRING_SIZE];
	const struct dv_bpf_map_symbol *m = s.loaded->s.maps;

	while (!m->name || strcmp(m->name, "dv_fire_mem"))
		m++;
	REQUIRE(s.loaded->s.fire_size <= sizeof(all));
	REQUIRE(!bpf_map_lookup_elem(m->fd, &(uint32_t){0}, all));
	memcpy(ret, all, sizeof(*ret));
}

// What comes in the middle of a firing does not touch it.
static void within_another(void)
{
	struct dv_producer *p = dv_region_producer(s.region.at, s.region.size, 0);
	static struct dv_firing before, after;
	uint64_t drops = p->drops[DV_DROP_NEST];
	struct result r;

	registers(trap_pc(1), at(10), at(20));
	in_kernel(SITE_TRAP, &r);
	CHECK_EQ(p->inflight, 0);
	firing(&before);
	p->inflight = 7;
	registers(trap_pc(2), at(10), at(20));
	for (uint32_t site = SITE_TRAP; site <= SITE_EVENT; site++) {
		in_kernel(site, &r);
		CHECK_EQ(r.stack[C_KERNEL].count, 0);
		CHECK_EQ(p->drops[DV_DROP_NEST], ++drops);
	}
	firing(&after);
	CHECK(!memcmp(&before, &after, sizeof(before)));
	CHECK_EQ(p->inflight, 7);
	p->inflight = 0;
	// One that is none after all lets go of it.
	dv_region_hdr(s.region.at)->halt = 1;
	in_kernel(SITE_TRAP, &r);
	CHECK_EQ(p->inflight, 0);
	CHECK_EQ(r.stack[C_KERNEL].count, 0);
	dv_region_hdr(s.region.at)->halt = 0;
	in_kernel(SITE_TRAP, &r);
	CHECK(r.stack[C_KERNEL].count > 0);
}

/* -- chance ------------------------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252ull;

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % below;
}

// A word such as may lie on a stack.
static uint64_t some_word(void)
{
	switch (chance(16)) {
	case 0: case 1: case 2: case 3: case 4: return VM_TEXT + chance(VM_PAGE);
	case 5: case 6: return VM_MOD + chance(VM_PAGE);
	case 7: return chance(2) ? VM_MOD + chance(5 * VM_PAGE) : (chance(2) ? VM_TEXT : VM_MOD) + VM_PAGE; // its end
	case 8: return VM_JIT + chance(256);
	case 9: case 10: return VM_STACK + 8 * chance(VM_STACK_PAGES * 512);
	case 11: return VM_IRQ + 8 * chance(VM_IRQ_PAGES * 512) + (chance(4) == 0);
	case 12: return (VM_USTACK & ~0xfffull) + 8 * chance(VM_USTACK_PAGES * 512);
	case 13: return chance(2) ? 0x10 : chance(4) ? 0x33 : 0x23;
	case 14: return VM_STACK + chance(VM_STACK_PAGES * VM_PAGE) + (chance(8) ? 0 : 1ull << 47);
	default: return chance(3) ? chance(4096) : seed;
	}
}

static void some_entries(uint64_t ip, uint32_t count, bool wild)
{
	static const uint8_t often[] = {SP, SP, SP, SP, BP, BP, SP_IND, BP_IND};

	for (uint32_t i = 0; i < count; i++) {
		if (!wild && chance(6)) {
			entry(ip, SP, (int16_t)(8 * (1 + chance(4))), chance(3) ? 0 : 1, -16, CALL, false);
			ip += chance(2 * VM_PAGE / count);
			continue;
		}
		unsigned sp_reg = chance(4) ? often[chance(8)] : chance(16), bp_reg = chance(3) ? chance(2) : chance(4) ? BP : chance(16);
		unsigned type = chance(4) ? CALL : chance(5);
		int16_t sp_off = (int16_t)(chance(16) ? 8 * (int)chance(8) : (int)chance(65536)), bp_off = (int16_t)(-8 * (int)chance(6));

		entry(ip, sp_reg, sp_off, bp_reg, bp_off, type, chance(2));
		ip += chance(2 * VM_PAGE / count);
	}
}

// A stack as a kernel could leave it, or any words.
static void some_stack(uint64_t va, uint32_t words, bool wild)
{
	for (uint32_t i = 0; i < words; i++)
		put(va, i, wild || !chance(8) ? some_word() : VM_TEXT + chance(VM_PAGE));
	for (uint32_t i = 0; i + 21 < words && !wild; i += 8) {
		if (!s.format.size) { // a function's frame
			put(va, i, (va + 8 * (i + 8 + 8 * chance(3))) | !chance(16));
		} else if (!chance(3)) { // registers
			put(va, i + 17, 0x10);
			put(va, i + 19, va + 8 * (i + 21 + chance(16)));
		}
	}
}

static void spoil(uint64_t va, uint32_t size)
{
	for (uint32_t n = chance(8); n > 0 && size; n--) {
		uint64_t where = va + chance(size) / 8 * 8;

		vm_word(&s.vm, where, chance(2) ? seed : chance(256));
	}
}

static void fuzz(unsigned rounds)
{
	struct result r;
	unsigned deep = 0, many = 0;

	for (unsigned n = 0; n < rounds; n++) {
		bool wild = chance(2);

		begin_tables();
		some_entries(VM_TEXT + chance(256), s.counts[0], wild);
		some_entries(VM_MOD + chance(256), s.counts[1], wild);
		end_tables();
		if (!chance(4)) {
			spoil(VM_TABLES, 4 * s.counts[0]);
			spoil(VM_TABLES + 2 * VM_PAGE, (s.format.size + 1) * s.counts[0]);
			spoil(VM_TABLES + 7 * VM_PAGE - 24, 72);
			spoil(VM_MODTAB, 4 * s.counts[1]);
		}
		some_stack(VM_STACK, VM_STACK_PAGES * 512, wild);
		some_stack(VM_IRQ, VM_IRQ_PAGES * 512, wild);
		for (unsigned i = 0; i < VM_USTACK_PAGES * 512; i++)
			put(VM_USTACK, i, chance(3) ? VM_UTEXT + chance(4096) : VM_USTACK + 8 * chance(VM_USTACK_PAGES * 512));
		for (unsigned k = 0; k < 24; k++) {
			bool trap = chance(2);

			for (unsigned i = 0; i < 16; i++)
				vm_regs(&s.vm)[i] = some_word();
			wild = wild || !chance(8);
			registers(trap ? trap_pc(chance(TRAPS)) : (chance(3) ? VM_TEXT : VM_MOD) + chance(VM_PAGE),
				  chance(16) ? VM_STACK + 8 * chance(VM_STACK_PAGES * 512) : some_word(),
				  chance(4) ? VM_STACK + 8 * chance(VM_STACK_PAGES * 512) : some_word());
			if (!wild)
				vm_regs(&s.vm)[K_RBP] = (vm_regs(&s.vm)[K_RSP] + 64) & ~63ull;
			if (chance(2)) {
				const uint64_t top = VM_STACK + VM_STACK_PAGES * VM_PAGE - 168;

				vm_word(&s.vm, top + 136, chance(3) ? 0x33 : 0x23);
				vm_word(&s.vm, top + 128, VM_UTEXT + chance(4096));
				vm_word(&s.vm, top + 32, VM_USTACK + 8 * chance(VM_USTACK_PAGES * 512));
			}
			if (!vm_regs(&s.vm)[K_RSP]) // "not known"
				continue;
			if (!fire(trap ? SITE_TRAP : SITE_EVENT, &r)) {
				fprintf(stderr, "round %u.%u\n", n, k);
				return;
			}
			deep += r.stack[C_KERNEL].count > 3;
			many += r.stack[C_USER].count > 2;
		}
	}
	CHECK(!rounds || (deep > rounds && many > rounds)); // it does test something
}

/* ----------------------------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
	static const struct {
		uint8_t format;
		bool index, orcs, la57, own_tables;
		enum dv_kvm_isa isa;
		uint32_t counts[2];
	} kernels[] = {
	    {0, true, true, false, true, DV_KVM_SVM, {40, 20}},	{1, false, true, false, true, DV_KVM_SVM, {13, 1}},
	    {2, true, true, true, false, DV_KVM_SVM, {700, 700}}, {2, false, true, false, true, DV_KVM_VMX, {100, 50}},
	    {4, true, true, false, true, DV_KVM_VMX, {500, 100}}, {3, false, true, false, true, DV_KVM_SVM, {0, 0}},
	};
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;

	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0) | 1;
	good(dv_bpf_object_open(dv_host_bpf, (size_t)(dv_host_bpf_end - dv_host_bpf), &s.object));
	for (unsigned i = 0; i < DV_COUNT(kernels); i++) {
		struct dv_error *e = stackvm_init(&s.vm, kernels[i].la57);

		if (e && e->code == DV_ERR_DENIED) {
			printf("skipped: %s\n", e->msg);
			return 77;
		}
		good(e);
		memcpy(s.counts, kernels[i].counts, sizeof(s.counts));
		load(&formats[kernels[i].format], kernels[i].index, kernels[i].orcs, kernels[i].isa, kernels[i].own_tables);
		if (kernels[i].isa == DV_KVM_VMX)
			no_rsp();
		nested(kernels[i].isa);
		within_another();
		if (s.format.size)
			chain();
		else
			frames();
		user();
		user32();
		fuzz(rounds);
		unload();
		stackvm_deinit(&s.vm);
		memset(&s.vm.place, 0, sizeof(s.vm.place));
	}
	dv_bpf_object_close(s.object);
	return test_done();
}
