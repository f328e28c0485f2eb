/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest made by hand: page tables, kernel image, modules and tasks in a piece of memory. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/test.h"
#include "synth.h"

#define RAM      (16u << 20)
#define IMG_PA   0x400000u
#define IMG_SIZE 0x600000u
#define MOD_PA   0xc00000u
#define MOD_VA   0xffffffffc0200000ULL
#define PGD      0x2000u // kernel; the user's is 0x1000 further on, as isolation has it
#define P4D      0x4000u
#define PUD      0x5000u
#define PMD      0x6000u
#define PT       0x7000u
#define PMD2     0x8000u
#define PT2      0x9000u
#define PUD_U    0xa000u
#define PMD_U    0xb000u
#define PUD_D    0xc000u
#define DIRECT   0xffff888000000000ULL
#define N        1200

static uint8_t ram[RAM];
static uint64_t img_va = 0xffffffff9a400000ULL;
static unsigned phys_reads, gap;

static bool phys_read(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	phys_reads++;
	if (gpa > RAM || size > RAM - gpa)
		return false;
	memcpy(dst, ram + gpa, size);
	return true;
}
static const struct dv_phys phys = {.read = phys_read};

static void w64(uint64_t pa, uint64_t v)
{
	memcpy(ram + pa, &v, 8);
}
static void w32(uint64_t pa, uint32_t v)
{
	memcpy(ram + pa, &v, 4);
}
static uint64_t pa_of(uint64_t va)
{
	return va - img_va < IMG_SIZE ? IMG_PA + (va - img_va) : MOD_PA + (va - MOD_VA);
}

static void make_tables(bool la57)
{
	uint64_t top = la57 ? P4D : PUD;

	memset(ram, 0, 0x10000);
	w64(PGD + 511 * 8, top | 3);
	w64(P4D + 511 * 8, PUD | 3);
	w64(PUD + 510 * 8, PMD | 3);
	w64(PUD + 511 * 8, PMD2 | 3);
	for (unsigned i = 0; i < IMG_SIZE >> 21; i++)
		w64(PMD + (((img_va >> 21) + i) & 511) * 8, (IMG_PA + ((uint64_t)i << 21)) | 0x83);
	// The last 2 MiB in pages, some of which were given back.
	w64(PMD + (((img_va >> 21) + 2) & 511) * 8, PT | 3);
	for (unsigned i = 5; i < 512; i++)
		w64(PT + i * 8, (IMG_PA + (2u << 21) + i * 4096) | 1ULL << 63 | 3);
	w64(PMD2 + ((MOD_VA >> 21) & 511) * 8, PT2 | 3);
	for (unsigned i = 0; i < 512; i++)
		w64(PT2 + i * 8, (MOD_PA + i * 4096) | 3);
	// Direct map, a 1 GiB page; only with four levels.
	if (!la57) {
		w64(PGD + ((DIRECT >> 39) & 511) * 8, PUD_D | 3);
		w64(PUD_D, 0x83);
	}
	// What user mode sees under isolation: 2 MiB of the image.
	w64(PGD + 0x1000 + 511 * 8, PUD_U | 3);
	w64(PUD_U + 510 * 8, PMD_U | 3);
	w64(PMD_U + ((img_va >> 21) & 511) * 8, IMG_PA | 0x83);
}

static void walks(void)
{
	uint64_t pa, left;
	struct dv_guest_layout l = {0};
	uint8_t b[8192];

	make_tables(false);
	CHECK(dv_walk(&phys, PGD, false, img_va + 0x1234, &pa, &left) && pa == IMG_PA + 0x1234 &&
	      left == 0x200000 - 0x1234);
	CHECK(dv_walk(&phys, PGD, false, img_va + 0x400000 + 5 * 4096 + 1, &pa, &left) &&
	      pa == IMG_PA + 0x400000 + 5 * 4096 + 1);
	CHECK_EQ(left, 4095);
	CHECK(!dv_walk(&phys, PGD, false, img_va + 0x400000, &pa, &left)); // given back
	CHECK(!dv_walk(&phys, PGD, false, 0x1000, &pa, &left));
	CHECK(!dv_walk(&phys, PGD, false, 0x0001000000000000ULL, &pa, &left)); // not canonical
	CHECK(dv_walk(&phys, PGD, false, DIRECT + 0x123456, &pa, &left) && pa == 0x123456 &&
	      left == (1u << 30) - 0x123456);
	CHECK(!dv_walk(&phys, 0xfffffffff000, false, img_va, &pa, &left)); // tables outside of RAM
	make_tables(true);
	CHECK(dv_walk(&phys, PGD, true, img_va + 0x1234, &pa, &left) && pa == IMG_PA + 0x1234);
	CHECK(!dv_walk(&phys, PGD, false, img_va, &pa, &left));
	// Large where no large page can be: not followed as one. A table that is its own entry ends.
	w64(PGD + 511 * 8, PGD | 0x83);
	CHECK(dv_walk(&phys, PGD, true, ~0ULL, &pa, &left));

	make_tables(false);
	memset(ram + MOD_PA, 7, 3 * 4096);
	CHECK(dv_guest_read_va(&phys, &l, PGD, MOD_VA + 4000, b, 4096) && b[0] == 7 && b[4095] == 7);
	// Pages that follow one another need not do so physically.
	w64(PT2 + 8, (MOD_PA + 5 * 4096) | 3);
	memset(ram + MOD_PA + 5 * 4096, 9, 4096);
	CHECK(dv_guest_read_va(&phys, &l, PGD, MOD_VA + 4000, b, 4096) && b[95] == 7 && b[96] == 9);
	w64(PT2 + 16, 0);
	CHECK(!dv_guest_read_va(&phys, &l, PGD, MOD_VA + 4096, b, 4097));
	CHECK(!dv_guest_read_va(&phys, &l, PGD, ~0ULL - 3, b, 8)); // around the end
	// User-mode tables show no modules; the kernel's do.
	CHECK(!dv_guest_read_va(&phys, &l, PGD + 0x1000, MOD_VA, b, 8));
	l.kernel_cr3 = PGD;
	CHECK(dv_guest_read_va(&phys, &l, PGD + 0x1000, MOD_VA, b, 8));
	// Arithmetic where the layout allows it costs one read.
	l.text_va = img_va;
	l.text_pa = IMG_PA;
	l.text_size = IMG_SIZE;
	l.direct_va = DIRECT;
	l.direct_size = RAM;
	phys_reads = 0;
	CHECK(dv_guest_read_va(&phys, &l, PGD, img_va + IMG_SIZE - 8, b, 8));
	CHECK(dv_guest_read_va(&phys, &l, PGD, DIRECT + 0x100, b, 8));
	CHECK_EQ(phys_reads, 2);
	CHECK(!dv_guest_read_va(&phys, &l, PGD, img_va + IMG_SIZE - 4, b, 8));
	CHECK(!dv_guest_read_va(&phys, &l, PGD, DIRECT + (2ULL << 30), b, 8));
}

static void images(void)
{
	struct dv_guest_regs r = {.cr3 = PGD, .rip = img_va + 100};
	struct dv_image img;
	struct dv_error *e;

	for (int la57 = 0; la57 < 2; la57++) {
		make_tables(la57);
		r.cr4 = la57 ? DV_CR4_LA57 : 0;
		e = dv_image_find(&phys, &r, &img);
		REQUIRE(!e);
		CHECK(img.va == img_va && img.pa == IMG_PA && img.size == IMG_SIZE);
	}
	make_tables(false);
	r.cr4 = 0;
	// Isolation's user tables: the kernel's are those before. With bits of a PCID.
	r.cr3 = (PGD + 0x1000) | 0x802 | 1ULL << 63;
	e = dv_image_find(&phys, &r, &img);
	REQUIRE(!e);
	CHECK(img.size == IMG_SIZE && img.cr3 == PGD);
	// A hole, and something else mapped further on.
	r.cr3 = PGD;
	w64(PMD + (((img_va >> 21) + 1) & 511) * 8, 0);
	w64(PMD + 400 * 8, 0x200083);
	e = dv_image_find(&phys, &r, &img);
	REQUIRE(!e);
	CHECK(img.va == img_va && img.size == IMG_SIZE);
	r.cr3 = 0x5555000;
	e = dv_image_find(&phys, &r, &img);
	REQUIRE(e && e->code == DV_ERR_UNKNOWN);
	dv_error_destroy(e);
	memset(ram, 0xff, RAM);
	r.cr3 = PGD;
	dv_error_destroy(dv_image_find(&phys, &r, &img));
}

/* -- a whole kernel -- */
static uint64_t va_banner, va_notes, va_notes_end, va_btf, va_btf_end, va_modules, va_btf_modules, va_init, va_pgoff,
    va_maxpfn, va_ticks, va_panic, va_state;
static uint32_t o_list;

static void struct_of(struct synth_btf *b, const char *name, unsigned size, unsigned n)
{
	synth_type(b, DV_BTF_STRUCT, name, n, false, size);
}

static void make_btf(struct buf *img, bool mem)
{
	struct synth_btf b;
	uint32_t i32, u32, u64, chr, ptr, list, a16, a56, layout, arr;
	size_t n;
	uint8_t *p;

	synth_btf_init(&b, NULL);
	i32 = synth_int(&b, "int", 4, true);
	u32 = synth_int(&b, "unsigned int", 4, false);
	u64 = synth_int(&b, "long unsigned int", 8, false);
	chr = synth_int(&b, "char", 1, true);
	ptr = synth_type(&b, DV_BTF_PTR, NULL, 0, false, 0);
	list = b.next;
	struct_of(&b, "list_head", 16, 2);
	synth_member(&b, "next", ptr, 0);
	synth_member(&b, "prev", ptr, 64);
	a16 = synth_array(&b, chr, u32, 16);
	a56 = synth_array(&b, chr, u32, 56);
	struct_of(&b, "task_struct", 256, 9);
	synth_member(&b, "pid", i32, 8 * 8);
	synth_member(&b, "tgid", i32, 8 * 12);
	synth_member(&b, "comm", a16, 8 * 16);
	synth_member(&b, "tasks", list, 8 * 32);
	synth_member(&b, "signal", ptr, 8 * 48);
	synth_member(&b, "thread_node", list, 8 * 56);
	synth_member(&b, "cred", ptr, 8 * 72);
	synth_member(&b, "stack", ptr, 8 * 80);
	synth_member(&b, "real_parent", ptr, 8 * 88);
	struct_of(&b, "signal_struct", 64, 1);
	synth_member(&b, "thread_head", list, 8 * 16);
	struct_of(&b, "cred", 64, 2);
	synth_member(&b, "uid", u32, 8 * 4);
	synth_member(&b, "gid", u32, 8 * 8);
	synth_type(&b, DV_BTF_UNION, "thread_union", 1, false, 8192);
	synth_member(&b, "stack", ptr, 0);
	layout = b.next;
	struct_of(&b, mem ? "module_memory" : "module_layout", 16, 2);
	synth_member(&b, "base", ptr, 0);
	synth_member(&b, "size", u32, 64);
	arr = synth_array(&b, layout, u32, 7);
	o_list = 8;
	struct_of(&b, "module", 512, 5);
	synth_member(&b, "state", u32, 0);
	synth_member(&b, "list", list, 8 * 8);
	synth_member(&b, "name", a56, 8 * 24);
	synth_member(&b, mem ? "mem" : "core_layout", mem ? arr : layout, 8 * 96);
	synth_member(&b, "kallsyms", ptr, 8 * 256);
	struct_of(&b, "mod_kallsyms", 32, 4);
	synth_member(&b, "symtab", ptr, 0);
	synth_member(&b, "num_symtab", u32, 64);
	synth_member(&b, "strtab", ptr, 128);
	synth_member(&b, "typetab", ptr, 192);
	struct_of(&b, "btf_module", 32, 3);
	synth_member(&b, "list", list, 0);
	synth_member(&b, "module", ptr, 128);
	synth_member(&b, "btf", ptr, 192);
	struct_of(&b, "btf", 32, 2);
	synth_member(&b, "data", ptr, 0);
	synth_member(&b, "data_size", u32, 64);
	(void)u64;
	p = synth_btf_done(&b, &n);
	align8(img);
	va_btf = img_va + put(img, p, n);
	va_btf_end = img_va + img->n;
	free(p);
}

static int by_addr(const void *a, const void *b)
{
	const struct synth_sym *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void make_kernel(bool mem, enum synth_order order)
{
	static struct synth_sym s[N];
	static char names[N][32];
	static const uint8_t note[] = {4, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 'X', 'e', 'n', 0, 1, 2, 3, 4,
	                               4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0,
	                               1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
	struct buf img = {0};
	unsigned n = 0;

	memset(ram, 0, RAM);
	make_tables(false);
	put(&img, NULL, 0x100000);
	va_banner = img_va + put(&img, "Linux version 6.1.0-test (someone@somewhere) #1\n", 49);
	align8(&img);
	va_notes = img_va + put(&img, note, sizeof(note));
	va_notes_end = img_va + img.n;
	make_btf(&img, mem);
	put(&img, NULL, 64);
	align8(&img);
	va_modules = img_va + put(&img, NULL, 16);
	va_btf_modules = img_va + put(&img, NULL, 16);
	va_init = img_va + put(&img, NULL, 256);
	va_pgoff = img_va + put64(&img, DIRECT);
	va_maxpfn = img_va + put64(&img, RAM >> 12);
	va_ticks = img_va + put64(&img, 0xfffffffful);
	va_panic = img_va + put64(&img, UINT32_MAX);
	va_state = img_va + put64(&img, 1);
#define SYM(a, k, nm) (s[n].addr = (a), s[n].name = k nm, n++)
	SYM(0, "A", "__per_cpu_start");
	SYM(0x1fb80, "A", "current_task");
	SYM(va_banner, "D", "linux_banner");
	SYM(va_notes, "R", "__start_notes");
	SYM(va_notes_end, "R", "__stop_notes");
	SYM(va_btf, "R", "__start_BTF");
	SYM(va_btf_end, "R", "__stop_BTF");
	SYM(va_modules, "D", "modules");
	SYM(va_btf_modules, "d", "btf_modules");
	SYM(va_init, "D", "init_task");
	SYM(va_pgoff, "D", "page_offset_base");
	SYM(va_maxpfn, "B", "max_pfn");
	SYM(va_ticks, "D", "jiffies_64");
	SYM(va_panic, "D", "panic_cpu");
	SYM(va_state, "D", "system_state");
	SYM(img_va, "T", "_text");
	for (unsigned i = 0; n < N; i++, n++) {
		snprintf(names[n], sizeof(names[n]), "Tkernel_function_%u", i);
		s[n].name = names[n];
		s[n].addr = img_va + 0x1000 + i * 64;
	}
	qsort(s, N, sizeof(s[0]), by_addr);
	put(&img, NULL, gap);
	synth_kallsyms(&img, s, N, order, DV_KALLSYMS_PERCPU, img_va);
	REQUIRE(img.n < 4u << 20);
	memcpy(ram + IMG_PA, img.p, img.n);
	free(img.p);
	// Empty lists; one task.
	w64(pa_of(va_modules), va_modules);
	w64(pa_of(va_btf_modules), va_btf_modules);
	w64(pa_of(va_init) + 32, va_init + 32);
	memcpy(ram + pa_of(va_init) + 16, "swapper/0", 10);
}

// struct module number i, with two symbols and BTF, in the modules' memory; linked by the caller.
static uint64_t make_module(unsigned i, const char *name, bool mem)
{
	uint64_t va = MOD_VA + i * 0x4000, pa = pa_of(va), text = va + 0x2000;
	struct dv_btf *base = NULL;
	struct synth_btf b;
	uint8_t *p = dv_xcalloc(1, va_btf_end - va_btf);
	size_t n;

	memset(ram + pa, 0, 0x4000);
	memcpy(ram + pa + 24, name, strlen(name) + 1);
	w64(pa + 96, text);
	w32(pa + 104, 0x1000);
	w64(pa + 256, va + 0x400);
	w64(pa + 0x400, va + 0x500);      // symtab
	w32(pa + 0x408, 4);
	w64(pa + 0x410, va + 0x600);      // strtab
	w64(pa + 0x418, va + 0x700);      // typetab
	w32(pa + 0x500 + 24, 1);          // second function first: they are to be sorted
	ram[pa + 0x500 + 24 + 6] = 1;
	w64(pa + 0x500 + 24 + 8, text + 0x100);
	w64(pa + 0x500 + 24 + 16, 0x20);
	w32(pa + 0x500 + 48, 5);
	ram[pa + 0x500 + 48 + 6] = 1;
	w64(pa + 0x500 + 48 + 8, text);
	w32(pa + 0x500 + 72, 9);          // undefined: of another module
	w64(pa + 0x500 + 72 + 8, text);
	memcpy(ram + pa + 0x600, "\0two\0one\0undef", 15);
	memcpy(ram + pa + 0x700, "?tTU", 4);

	memcpy(p, ram + pa_of(va_btf), va_btf_end - va_btf);
	dv_error_destroy(dv_btf_create(p, va_btf_end - va_btf, NULL, "vmlinux", &base));
	REQUIRE(base);
	synth_btf_init(&b, base);
	synth_type(&b, DV_BTF_STRUCT, "only_here", 0, false, 8 + i);
	p = synth_btf_done(&b, &n);
	dv_btf_destroy(base);
	memcpy(ram + pa + 0x1000, p, n);
	free(p);
	w64(pa + 0x800 + 16, va);         // struct btf_module
	w64(pa + 0x800 + 24, va + 0x900);
	w64(pa + 0x900, va + 0x1000);     // struct btf
	w32(pa + 0x908, n);
	(void)mem;
	return va;
}

static void link_modules(const uint64_t *m, unsigned n)
{
	uint64_t at = va_modules, bat = va_btf_modules;

	for (unsigned i = 0; i < n; i++) {
		w64(pa_of(at), m[i] + o_list);
		at = m[i] + o_list;
		w64(pa_of(bat), m[i] + 0x800);
		bat = m[i] + 0x800;
	}
	w64(pa_of(at), va_modules);
	w64(pa_of(bat), va_btf_modules);
}

static struct dv_guest *open_guest(const char *cache)
{
	struct dv_guest_regs r = {.cr3 = PGD, .rip = img_va + 0x1000};
	struct dv_guest *g = NULL;
	struct dv_error *e = dv_guest_open(&phys, &r, cache, 3, &g);

	if (e)
		fprintf(stderr, "%s\n", e->msg);
	REQUIRE(!e);
	return g;
}

static bool count_task(void *ctx, uint64_t task, int pid, int tgid, const char *comm)
{
	++*(unsigned *)ctx;
	return true;
}

static void tame(void)
{
	static char p[3 * DV_NAME_MAX];

	memset(p, 'x', sizeof(p) - 1);
	memcpy(p + 1, "\0a b\n\033\x9b\177", 9);
	dv_names_tame(p, sizeof(p));
	CHECK_STR(p, "x");
	CHECK(!memcmp(p + 2, "a b????", 8));
	for (size_t i = 0; i < sizeof(p); i += strlen(p + i) + 1)
		CHECK(strlen(p + i) <= DV_NAME_MAX);
}

static void whole(bool mem, enum synth_order order)
{
	const struct dv_guest_layout *l;
	const struct dv_symbol *s, *kept;
	const struct dv_module *mods;
	const struct dv_type *t;
	struct dv_guest *g;
	uint64_t m[3];
	unsigned tasks = 0;
	bool changed;
	size_t n;

	make_kernel(mem, order);
	m[0] = make_module(0, "mod_a", mem);
	m[1] = make_module(1, "mod_b", mem);
	m[2] = make_module(2, "mod_c", mem);
	link_modules(m, 2);
	g = open_guest(NULL);
	CHECK_STR(dv_guest_release(g), "6.1.0-test");
	CHECK_STR(dv_guest_banner(g), "Linux version 6.1.0-test (someone@somewhere) #1");
	CHECK_STR(dv_guest_build_id(g), "0102030405060708090a0b0c0d0e0f1011121314");
	CHECK(dv_guest_has_types(g) && !dv_guest_from_cache(g) && dv_guest_still(g));
	CHECK_EQ(dv_guest_types(g)->id, 3);
	l = dv_guest_layout(g);
	CHECK(l->text_va == img_va && l->text_pa == IMG_PA && l->text_size == IMG_SIZE);
	CHECK(l->direct_va == DIRECT && l->direct_size == RAM);
	CHECK(l->task_pid == 8 && l->task_tgid == 12 && l->task_comm == 16 && l->task_comm_size == 16 &&
	      l->task_cred == 72);
	CHECK(l->cred_uid == 4 && l->cred_gid == 8 && l->thread_size == 8192 && l->percpu_current == 0x1fb80);
	CHECK_EQ(l->ptregs_di, DV_OFF_NONE);

	s = dv_guest_symbols(g, &n);
	CHECK_EQ(n, N + 4);
	CHECK(!s[N - 1].module && s[N].module == 1 && !strcmp(s[N].name, "one") && s[N].size == 0x100 &&
	      s[N].kind == 'T');
	s = dv_guest_symbol(g, NULL, "kernel_function_7");
	CHECK(s && s->addr == img_va + 0x1000 + 7 * 64 && s->size == 64);
	CHECK(dv_guest_symbol(g, "vmlinux", "kernel_function_7") == s &&
	      !dv_guest_symbol(g, "mod_a", "kernel_function_7"));
	CHECK(dv_guest_symbol_at(g, s->addr + 5) == s);
	CHECK(!dv_guest_symbol(g, NULL, "undef"));
	kept = dv_guest_symbol(g, "mod_b", "two");
	REQUIRE(kept && kept->addr == m[1] + 0x2100);
	CHECK(kept->size == 0x20 && kept->module == 2);
	CHECK(dv_guest_symbol(g, NULL, "two")->module == 1 && dv_guest_symbol_at(g, kept->addr + 1) == kept);
	mods = dv_guest_modules(g, &n);
	CHECK(n == 3 && !strcmp(mods[0].name, "vmlinux") && !strcmp(mods[1].name, "mod_a") &&
	      mods[2].base == m[1] + 0x2000);
	CHECK_EQ(mods[1].size, 0x1000);
	t = g->universe->ops->find(g->universe->ctx, DV_TYPE_STRUCT, "only_here", "mod_b");
	CHECK(t && t->size == 9);

	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	CHECK(!changed);
	link_modules(m + 1, 2);
	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	CHECK(changed);
	CHECK(!dv_guest_symbol(g, "mod_a", "one") && dv_guest_symbol(g, "mod_c", "one"));
	CHECK(!strcmp(kept->name, "two") && kept->addr == m[1] + 0x2100); // still there
	for (unsigned i = 0; i < 40; i++) {
		link_modules(m + i % 3, 1);
		dv_error_destroy(dv_guest_refresh_modules(g, &changed));
		CHECK(changed && dv_guest_symbol(g, NULL, "one")->addr == m[i % 3] + 0x2000);
	}
	// After a reset the old kernel may still lie in memory, but no vCPU's page tables map it.
	struct dv_guest_regs r = {.cr3 = PGD};
	CHECK(dv_guest_runs(g, &r));
	r.cr3 = PGD | 0x1000; // on the way into the kernel
	CHECK(dv_guest_runs(g, &r));
	r.cr3 = 0xf000;
	CHECK(!dv_guest_runs(g, &r) && dv_guest_still(g));
	CHECK(g->dead.count < 12 && g->types->mods.count == 3);
	// Names end up on terminals, which must not act on one.
	ram[pa_of(m[0]) + 0x600 + 5] = '\033';
	link_modules(m + 1, 1);
	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	link_modules(m, 1);
	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	CHECK(dv_guest_symbol(g, "mod_a", "?ne"));
	// A module that is not live yet, one with a name that is none.
	link_modules(m, 3);
	w32(pa_of(m[0]), 1);
	ram[pa_of(m[1]) + 24] = '\n';
	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	dv_guest_modules(g, &n);
	CHECK_EQ(n, 2);
	// A list that loops, one that leads nowhere, absurd tables.
	w64(pa_of(m[2]) + o_list, m[2] + o_list);
	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	w64(pa_of(m[2]) + o_list, 0x1234567890);
	w64(pa_of(m[2] + 0x800), m[2] + 0x800);
	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	w32(pa_of(m[2]) + 0x408, 0xffffffff);
	w32(pa_of(m[2]) + 0x908, 0xffffffff);
	w64(pa_of(m[2]) + 96, MOD_VA);
	dv_error_destroy(dv_guest_refresh_modules(g, &changed));
	CHECK(changed);

	CHECK(!dv_guest_tasks(g, count_task, &tasks));
	CHECK_EQ(tasks, 1);
	// Tasks in a ring that does not come back to the first.
	w64(pa_of(va_init) + 32, MOD_VA + 0x10000 + 32);
	w64(pa_of(MOD_VA + 0x10000) + 32, MOD_VA + 0x10000 + 32);
	tasks = 0;
	dv_error_destroy(dv_guest_tasks(g, count_task, &tasks));
	CHECK(tasks > 1000 && tasks <= 1u << 20);
	w64(pa_of(va_init) + 32, 8);
	dv_error_destroy(dv_guest_tasks(g, count_task, &tasks));

	// The same kernel at the same place, started anew: its clock says so.
	w64(pa_of(va_ticks), 0x100000010);
	CHECK(dv_guest_still(g) && dv_guest_still(g));
	w64(pa_of(va_ticks), 0x10000000f);
	CHECK(!dv_guest_still(g) && dv_guest_still(g));
	CHECK(dv_guest_is_up(g));
	w32(pa_of(va_state), 0);
	CHECK(!dv_guest_is_up(g) && !dv_guest_panicked(g));
	w32(pa_of(va_panic), 1);
	CHECK(dv_guest_panicked(g) && !dv_guest_panicked(g));
	ram[pa_of(va_banner) + 15]++;
	CHECK(!dv_guest_still(g));
	dv_guest_close(g);
}

static void cached(void)
{
	char dir[] = "/tmp/dv-guest-XXXXXX", sub[64], file[128];
	struct dv_guest *g;
	struct stat st;
	uint8_t bytes[512], was;
	ssize_t size = 0;
	int fd;

	REQUIRE(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/a/b", dir);
	make_kernel(false, SYNTH_OLD);
	g = open_guest(sub);
	CHECK(!dv_guest_from_cache(g));
	snprintf(file, sizeof(file), "%s/%s.kernel", sub, dv_guest_build_id(g));
	dv_guest_close(g);
	CHECK(!stat(sub, &st) && (st.st_mode & 0777) == 0700);
	REQUIRE(!stat(file, &st) && (st.st_mode & 0777) == 0600);
	g = open_guest(sub);
	CHECK(dv_guest_from_cache(g) && dv_guest_symbol(g, NULL, "kernel_function_7") && dv_guest_has_types(g));
	dv_guest_close(g);
	// Elsewhere after a reboot.
	img_va += 0x1000000;
	make_kernel(false, SYNTH_OLD);
	g = open_guest(sub);
	CHECK(dv_guest_from_cache(g));
	CHECK(dv_guest_symbol(g, NULL, "kernel_function_7")->addr == img_va + 0x1000 + 7 * 64);
	dv_guest_close(g);
	// Same build id, but the tables are not where they were: found anew.
	gap = 0x10000;
	make_kernel(false, SYNTH_NEW);
	g = open_guest(sub);
	CHECK(!dv_guest_from_cache(g) && dv_guest_symbol(g, NULL, "kernel_function_7"));
	dv_guest_close(g);
	g = open_guest(sub);
	CHECK(dv_guest_from_cache(g));
	dv_guest_close(g);
	// A file with any byte changed is not believed.
	fd = open(file, O_RDWR);
	REQUIRE(fd >= 0 && (size = pread(fd, bytes, sizeof(bytes), 0)) > 64);
	for (ssize_t i = 0; i < size; i += 3) {
		struct dv_image img = {.va = img_va, .pa = IMG_PA, .size = IMG_SIZE};
		struct dv_where w;

		was = bytes[i] ^ 0x40;
		CHECK(pwrite(fd, &was, 1, i) == 1);
		CHECK(!dv_cache_load(sub, &phys, &img, &w));
		CHECK(pwrite(fd, bytes + i, 1, i) == 1);
	}
	CHECK(!ftruncate(fd, size - 1));
	close(fd);
	g = open_guest(sub);
	CHECK(!dv_guest_from_cache(g)); // and written again
	dv_guest_close(g);
	g = open_guest(sub);
	CHECK(dv_guest_from_cache(g));
	dv_guest_close(g);
	// A folder that others may write to.
	chmod(sub, 0777);
	g = open_guest(sub);
	CHECK(!dv_guest_from_cache(g));
	dv_guest_close(g);
	chmod(sub, 0700);
	g = open_guest("/proc/nowhere");
	dv_guest_close(g);
	unlink(file);
	rmdir(sub);
	snprintf(sub, sizeof(sub), "%s/a", dir);
	rmdir(sub);
	CHECK(!rmdir(dir)); // nothing was left behind
}

// Without types, without symbols, with bytes flipped at random: an error, or a guest that can be asked.
static void damaged(void)
{
	struct dv_guest_regs r = {.cr3 = PGD, .rip = img_va + 0x1000};
	struct dv_guest *g;
	struct dv_error *e;
	uint32_t rnd = 5;
	uint64_t m[2];
	unsigned tasks;

	make_kernel(false, SYNTH_NEW);
	ram[pa_of(va_btf)]++;
	g = open_guest(NULL);
	CHECK(!dv_guest_has_types(g) && strstr(dv_guest_no_types(g), "bad header"));
	CHECK(!dv_guest_types(g)->ops && dv_guest_layout(g)->task_pid == DV_OFF_NONE);
	e = dv_guest_tasks(g, count_task, &tasks);
	CHECK(e && e->code == DV_ERR_UNKNOWN);
	dv_error_destroy(e);
	dv_guest_close(g);
	make_kernel(false, SYNTH_NEW);
	memset(ram + pa_of(va_maxpfn), 0, 0x20000);
	e = dv_guest_open(&phys, &r, NULL, 1, &g);
	REQUIRE(e && e->code == DV_ERR_UNKNOWN);
	CHECK(strstr(e->msg, "kallsyms"));
	dv_error_destroy(e);
	make_kernel(false, SYNTH_NEW);
	ram[pa_of(va_banner)] = 'l';
	e = dv_guest_open(&phys, &r, NULL, 1, &g);
	REQUIRE(e && strstr(e->msg, "Linux version"));
	dv_error_destroy(e);

	make_kernel(true, SYNTH_NEW);
	m[0] = make_module(0, "mod_a", true);
	m[1] = make_module(1, "mod_b", true);
	link_modules(m, 2);
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 0; k < 1 + i % 8; k++) {
			bool low = (rnd = rnd * 1664525u + 1013904223u) >> 30 == 0;
			uint32_t at = low ? 0x1000 + rnd % 0xc000 : rnd & 0x8000000 ? MOD_PA + rnd % 0x8000 :
			                                               (uint32_t)(pa_of(va_banner) + rnd % 0xc000);

			ram[at] ^= 1u << (rnd >> 13 & 7);
		}
		e = dv_guest_open(&phys, &r, NULL, 1, &g);
		test_checks++;
		if (e) {
			dv_error_destroy(e);
			make_kernel(true, SYNTH_NEW);
			link_modules(m, 2);
			continue;
		}
		tasks = 0;
		dv_error_destroy(dv_guest_tasks(g, count_task, &tasks));
		dv_guest_close(g);
	}
}

int main(void)
{
	walks();
	images();
	whole(false, SYNTH_OLD_SEQS);
	whole(true, SYNTH_NEW);
	tame();
	cached();
	damaged();
	return test_done();
}
