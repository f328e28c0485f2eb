// SPDX-License-Identifier: GPL-2.0-or-later
//
// ELF files: those that make-progs made (argv[1] is their folder), this machine's own, and broken ones.
// test_elf --seed FILE writes the fuzzer's seed.
#include "elf/elf.h"
#include "lib/test.h"
#include "synth.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;
static const struct dv_elf_debug nowhere = {"/nonexistent", NULL};

static struct dv_elf *open_prog(const char *name)
{
	char path[4096];
	struct dv_elf *e = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	REQUIRE(!dv_elf_open(path, &e));
	return e;
}

static const struct dv_elf_sym *sym(struct dv_elf *e, const char *name)
{
	size_t from = 0;

	return dv_elf_symbol_find(e, name, &from);
}

static size_t symbols(struct dv_elf *e, const struct dv_elf_debug *debug)
{
	const struct dv_elf_sym *s;
	size_t n = 0;

	REQUIRE(!dv_elf_symbols(e, debug, 1, &s, &n));
	for (size_t i = 1; i < n; i++) {
		CHECK(s[i - 1].addr <= s[i].addr);
		CHECK(s[i].alias == (s[i - 1].addr == s[i].addr));
	}
	return n;
}

static void test_prog(const char *name)
{
	struct dv_elf *e = open_prog(name);
	const struct dv_elf_sym *s, *t;
	const struct dv_elf_segment *seg;
	uint64_t off, va;
	size_t n;

	CHECK_EQ(dv_elf_machine(e), EM_X86_64);
	CHECK(dv_elf_build_id(e, &n));
	CHECK_EQ(n, 20);
	seg = dv_elf_segments(e, &n);
	CHECK(n >= 2 && seg[0].vaddr < seg[1].vaddr);
	CHECK(symbols(e, &nowhere) > 5);

	s = sym(e, "target");
	REQUIRE(s);
	CHECK_EQ(s->kind, DV_ELF_FUNC);
	CHECK(s->global && !s->alias && s->size > 4 && s->size < 64);
	CHECK(dv_elf_symbol_at(e, s->addr) == s);
	CHECK(dv_elf_symbol_at(e, s->addr + s->size - 1) == s);
	CHECK(dv_elf_symbol_at(e, s->addr + s->size) != s);
	CHECK(dv_elf_offset(e, s->addr, &off));
	CHECK(dv_elf_vaddr(e, off, &va));
	CHECK_EQ(va, s->addr);
	t = sym(e, "target_alias");
	REQUIRE(t);
	CHECK(t->addr == s->addr && t->alias);
	s = sym(e, "hidden");
	REQUIRE(s);
	CHECK(!s->global);
	s = sym(e, "chosen");
	REQUIRE(s);
	CHECK_EQ(s->kind, DV_ELF_IFUNC);
	s = sym(e, "handmade");
	REQUIRE(s);
	CHECK_EQ(s->kind, DV_ELF_LABEL);
	CHECK(s->size >= 5 && s->size < 32);
	CHECK(dv_elf_symbol_at(e, s->addr + 4) == s);
	CHECK(!sym(e, "prog_sem"));
	CHECK(dv_elf_variable(e, "prog_sem", &va));
	CHECK(dv_elf_offset(e, va, &off));
	CHECK(!dv_elf_variable(e, "target", &va));
	CHECK(!dv_elf_symbol_at(e, 1));
	CHECK(!dv_elf_symbol_at(e, UINT64_MAX));
	dv_elf_close(e);
}

static void test_usdt(const char *name, size_t count)
{
	struct dv_elf *e = open_prog(name);
	size_t n, seen = 0;
	const struct dv_elf_usdt *u = dv_elf_usdt(e, &n);
	uint8_t insn;

	CHECK_EQ(n, count);
	(void)symbols(e, &nowhere);
	for (size_t i = 0; i < n; i++) {
		CHECK(dv_elf_read(e, u[i].pc, &insn, 1));
		CHECK_EQ(insn, 0x90);
		if (!strcmp(u[i].name, "counted")) {
			uint64_t va = 0;

			CHECK_STR(u[i].provider, "prog");
			CHECK(strchr(u[i].args, ','));
			CHECK(u[i].sem_offset);
			CHECK(dv_elf_vaddr(e, u[i].sem_offset, &va));
			seen++;
		} else {
			CHECK_EQ(u[i].sem_offset, 0);
		}
		if (!strcmp(u[i].name, "bare__bones")) {
			CHECK_STR(u[i].provider, "other");
			CHECK_STR(u[i].args, "");
			seen++;
		}
		if (!strcmp(u[i].name, "round") && sym(e, "site"))
			CHECK_STR(dv_elf_symbol_at(e, u[i].pc)->name, "site");
	}
	CHECK_EQ(seen, 2);
	dv_elf_close(e);
}

static void test_debug_files(void)
{
	struct dv_elf *e = open_prog("prog.stripped");
	char path[4096], root[] = "/tmp/dvirt-elf-XXXXXX", *file, *text;
	uint32_t crc;
	size_t full;

	snprintf(path, sizeof(path), "%s/prog.stripped", dir);
	CHECK_STR(dv_elf_debuglink(e, &crc), "prog.stripped.debug");
	(void)symbols(e, &nowhere);
	CHECK(!sym(e, "hidden"));
	dv_elf_close(e);

	e = open_prog("prog.stripped");
	full = symbols(e, &(struct dv_elf_debug){"", path});
	CHECK(full > 5);
	CHECK(sym(e, "hidden"));
	dv_elf_close(e);

	e = open_prog("prog.bare");
	CHECK(symbols(e, &(struct dv_elf_debug){"", path}) < full);
	CHECK(!sym(e, "hidden"));
	dv_elf_close(e);

	// One with another checksum is not taken.
	REQUIRE(mkdtemp(root));
	if (asprintf(&text, "cp %s/prog.stripped.debug %s/ && printf x >>%s/prog.stripped.debug", dir, root, root) < 0 ||
	    asprintf(&file, "%s/prog", root) < 0)
		abort();
	CHECK_EQ(system(text), 0);
	e = open_prog("prog.stripped");
	(void)symbols(e, &(struct dv_elf_debug){"", file});
	CHECK(!sym(e, "hidden"));
	dv_elf_close(e);
	free(text);
	free(file);
	if (asprintf(&text, "rm -r %s", root) < 0)
		abort();
	CHECK_EQ(system(text), 0);
	free(text);
}

// By build id: the program's symbols in a file under a root of the test's own.
static void test_build_id(void)
{
	char root[] = "/tmp/dvirt-elf-XXXXXX", hex[64] = "", *text;
	struct dv_elf *e = open_prog("libdvtest.so.3");
	const uint8_t *id;
	size_t n;

	id = dv_elf_build_id(e, &n);
	REQUIRE(id && n == 20);
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
	dv_elf_close(e);
	REQUIRE(mkdtemp(root));
	if (asprintf(&text,
		     "mkdir -p %s/usr/lib/debug/.build-id/%.2s && cd %s && strip -o lib %s/libdvtest.so.3 && "
		     "objcopy --only-keep-debug %s/libdvtest.so.3 usr/lib/debug/.build-id/%.2s/%s.debug",
		     root, hex, root, dir, dir, hex, hex + 2) < 0)
		abort();
	CHECK_EQ(system(text), 0);
	free(text);
	if (asprintf(&text, "%s/lib", root) < 0)
		abort();
	REQUIRE(!dv_elf_open(text, &e));
	(void)symbols(e, &nowhere);
	CHECK(sym(e, "lib_twice"));
	CHECK(!sym(e, "lib_inner"));
	dv_elf_close(e);
	REQUIRE(!dv_elf_open(text, &e));
	(void)symbols(e, &(struct dv_elf_debug){root, NULL});
	CHECK(sym(e, "lib_inner"));
	CHECK(sym(e, "lib_inner") && !strcmp(dv_elf_symbol_at(e, sym(e, "lib_inner")->addr)->name, "lib_inner"));
	dv_elf_release(e);
	CHECK(sym(e, "lib_inner"));
	CHECK(!dv_elf_read(e, sym(e, "lib_inner")->addr, hex, 1));
	dv_elf_close(e);
	free(text);
	if (asprintf(&text, "rm -r %s", root) < 0)
		abort();
	CHECK_EQ(system(text), 0);
	free(text);
}

// This program's own shared objects: what the dynamic linker says of a function is what the file says.
static int one_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char *const names[] = {"malloc", "getppid", "fopen", "dlsym", "qsort"};
	struct dv_elf *e = NULL;

	if (!info->dlpi_name[0] || access(info->dlpi_name, R_OK) < 0)
		return 0;
	REQUIRE(!dv_elf_open(info->dlpi_name, &e));
	(void)symbols(e, &(struct dv_elf_debug){"", info->dlpi_name});
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const uint8_t *p = dlsym(RTLD_DEFAULT, names[i]);
		const struct dv_elf_sym *s;
		uint8_t code[8];
		Dl_info di;

		if (!p || !dladdr(p, &di) || di.dli_fbase != (void *)info->dlpi_addr)
			continue;
		s = dv_elf_symbol_at(e, (uint64_t)p - info->dlpi_addr);
		REQUIRE(s);
		CHECK_EQ(s->addr, (uint64_t)p - info->dlpi_addr);
		CHECK(dv_elf_read(e, s->addr, code, sizeof(code)));
		CHECK(!memcmp(code, p, sizeof(code)));
		++*(unsigned *)arg;
	}
	dv_elf_close(e);
	return 0;
}

static void test_own(void)
{
	unsigned found = 0;
	struct dv_elf *e = NULL;
	struct dv_error *err;

	dl_iterate_phdr(one_object, &found);
	CHECK(found >= 4);
	err = dv_elf_open("/dev/null", &e);
	REQUIRE(err);
	CHECK_EQ(err->code, DV_ERR_UNKNOWN);
	dv_error_destroy(err);
	err = dv_elf_open("/nonexistent", &e);
	REQUIRE(err);
	CHECK_EQ(err->code, DV_ERR_SYS);
	dv_error_destroy(err);
	err = dv_elf_open("/etc/passwd", &e);
	REQUIRE(err);
	CHECK(strstr(err->msg, "is not an ELF file"));
	dv_error_destroy(err);
}

static struct dv_elf *open_synth(const struct synth *s)
{
	struct dv_elf *e = NULL;

	REQUIRE(!dv_elf_open_mem(s->bytes, s->size, "synth", &e));
	return e;
}

static void test_synth(void)
{
	struct synth *s = synth_create();
	struct dv_elf *e = open_synth(s);
	const struct dv_elf_usdt *u;
	const uint8_t *id;
	uint64_t v = 0;
	uint32_t crc = 0;
	size_t n;

	id = dv_elf_build_id(e, &n);
	CHECK(id && n == 8 && id[7] == 8);
	CHECK_STR(dv_elf_debuglink(e, &crc), "x.debug");
	CHECK_EQ(crc, 0x12345678);
	CHECK_EQ(symbols(e, &nowhere), 4);
	CHECK_STR(dv_elf_symbol_at(e, 0x401000)->name, "start");
	CHECK_EQ(dv_elf_symbol_at(e, 0x40100f)->size, 0x10);
	CHECK_STR(dv_elf_symbol_at(e, 0x401010)->name, "main");
	CHECK(!dv_elf_symbol_at(e, 0x401030));
	CHECK_EQ(dv_elf_symbol_at(e, 0x4010ff)->kind, DV_ELF_IFUNC);
	CHECK(sym(e, "_main") && sym(e, "_main")->alias);
	CHECK(!sym(e, "end"));
	u = dv_elf_usdt(e, &n);
	REQUIRE(n == 1);
	CHECK_STR(u->provider, "app");
	CHECK_STR(u->name, "go");
	CHECK_STR(u->args, "8@%rdi");
	CHECK_EQ(u->pc, 0x401024);
	CHECK_EQ(u->pc_offset, 0x124);
	CHECK_EQ(u->sem_offset, 0x214);
	CHECK(dv_elf_vaddr(e, 0x214, &v));
	CHECK_EQ(v, 0x600014);
	CHECK(!dv_elf_vaddr(e, 0x220, &v));
	CHECK(!dv_elf_offset(e, 0x600020, &v)); // in memory only
	dv_elf_close(e);
	free(s);
}

static void refused(struct synth *s, size_t size, const char *why)
{
	struct dv_elf *e;
	struct dv_error *err = dv_elf_open_mem(s->bytes, size, "broken", &e);

	REQUIRE(err);
	CHECK_EQ(err->code, DV_ERR_UNKNOWN);
	CHECK(strstr(err->msg, why));
	dv_error_destroy(err);
}

static void test_broken(void)
{
	struct synth *s = synth_create(), keep = *s;
	struct dv_elf *e;
	size_t n;

	refused(s, 10, "not an ELF");
	s->eh->e_ident[EI_CLASS] = ELFCLASS32;
	refused(s, s->size, "32-bit");
	s->eh->e_ident[EI_CLASS] = ELFCLASS64;
	s->eh->e_ident[EI_DATA] = ELFDATA2MSB;
	refused(s, s->size, "little-endian");

#define BREAK(change, ...)                                    \
	do {                                                  \
		memcpy(s->bytes, keep.bytes, sizeof(keep.bytes)); \
		change;                                       \
		e = open_synth(s);                            \
		__VA_ARGS__;                                  \
		dv_elf_close(e);                              \
	} while (0)
	// What is wrong is left out, the rest stays.
	BREAK(s->eh->e_shoff = UINT64_MAX - 8, CHECK_EQ(symbols(e, &nowhere), 0); dv_elf_segments(e, &n); CHECK_EQ(n, 2));
	BREAK(s->eh->e_shnum = 0xffff, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->eh->e_shnum = 0; s->sh[0].sh_size = UINT64_MAX / 64, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->eh->e_shnum = 0; s->sh[0].sh_size = SYNTH_SECTIONS, CHECK_EQ(symbols(e, &nowhere), 4));
	BREAK(s->eh->e_phnum = 0xfff0, dv_elf_segments(e, &n); CHECK_EQ(n, 0); CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->ph[0].p_vaddr = UINT64_MAX - 0x10, dv_elf_segments(e, &n); CHECK_EQ(n, 1));
	BREAK(s->ph[0].p_offset = UINT64_MAX - 0x10, dv_elf_segments(e, &n); CHECK_EQ(n, 1));
	BREAK(s->sh[SYNTH_SYMTAB].sh_size = UINT64_MAX, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->sh[SYNTH_SYMTAB].sh_offset = UINT64_MAX - 24, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->sh[SYNTH_SYMTAB].sh_link = 77, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->sh[SYNTH_SYMTAB].sh_entsize = 0, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->sh[SYNTH_SYMTAB].sh_type = SHT_NOBITS, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->sh[SYNTH_SYMTAB].sh_flags = SHF_COMPRESSED, CHECK_EQ(symbols(e, &nowhere), 0));
	BREAK(s->sh[SYNTH_STRTAB].sh_size = 8, CHECK_EQ(symbols(e, &nowhere), 2));
	BREAK(s->sym[2].st_name = UINT32_MAX, CHECK(!sym(e, "main")); CHECK_EQ(symbols(e, &nowhere), 3));
	BREAK(s->sym[2].st_size = UINT64_MAX, CHECK_EQ(symbols(e, &nowhere), 4); CHECK_EQ(sym(e, "main")->size, 0xf0));
	BREAK(s->sym[2].st_value = UINT64_MAX, CHECK_EQ(symbols(e, &nowhere), 3));
	BREAK(memcpy(s->bytes + s->sh[SYNTH_STRTAB].sh_offset + 7, "m\033[2", 4), (void)symbols(e, &nowhere);
	      CHECK(sym(e, "m?[2")));
	BREAK(memcpy(s->bytes + s->sh[SYNTH_LINK].sh_offset, "../etc/", 7), uint32_t crc;
	      CHECK(!dv_elf_debuglink(e, &crc)));
	BREAK(memset(s->bytes + s->sh[SYNTH_LINK].sh_offset, 'x', 12), uint32_t crc; (void)dv_elf_debuglink(e, &crc));
	BREAK(s->sh[SYNTH_LINK].sh_size = 9, uint32_t crc; CHECK(!dv_elf_debuglink(e, &crc)));
	BREAK(memset(s->bytes + s->sh[SYNTH_ID].sh_offset + 4, 0xff, 4), CHECK(!dv_elf_build_id(e, &n)));
	BREAK(memset(s->bytes + s->sh[SYNTH_ID].sh_offset, 0xff, 4), CHECK(!dv_elf_build_id(e, &n)));
	BREAK(memset(s->bytes + s->sh[SYNTH_SDT].sh_offset + 20 + 24, 'x', 16), dv_elf_usdt(e, &n); CHECK_EQ(n, 0));
	BREAK(s->bytes[s->sh[SYNTH_SDT].sh_offset + 4] = 20, dv_elf_usdt(e, &n); CHECK_EQ(n, 0));
	BREAK(memset(s->bytes + s->sh[SYNTH_SDT].sh_offset + 20, 0xff, 8), dv_elf_usdt(e, &n); CHECK_EQ(n, 0));
	free(s);
}

// Symbols that all share one long text: what is made of them is bounded.
static void test_endless(void)
{
	const uint32_t count = 200000, text = 4000;
	struct synth *s = synth_create();
	size_t size = sizeof(s->bytes) + count * sizeof(Elf64_Sym) + text;
	uint8_t *big = calloc(1, size);
	Elf64_Sym *syms = (Elf64_Sym *)(big + sizeof(s->bytes));
	const struct dv_elf_sym *ret;
	struct dv_elf *e;
	size_t n;

	REQUIRE(big);
	s->sh[SYNTH_SYMTAB].sh_offset = sizeof(s->bytes);
	s->sh[SYNTH_SYMTAB].sh_size = count * sizeof(Elf64_Sym);
	s->sh[SYNTH_STRTAB].sh_offset = size - text;
	s->sh[SYNTH_STRTAB].sh_size = text;
	memcpy(big, s->bytes, sizeof(s->bytes));
	memset(big + size - text, 'a', text);
	for (uint32_t i = 0; i < count; i++)
		syms[i] = (Elf64_Sym){i % 100, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x401000, 1};
	REQUIRE(!dv_elf_open_mem(big, size, "endless", &e));
	REQUIRE(!dv_elf_symbols(e, NULL, 0, &ret, &n));
	CHECK(n <= 100);
	dv_elf_close(e);
	free(big);
	free(s);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--seed")) {
		struct synth *s = synth_create();
		FILE *f = fopen(argv[2], "wb");

		if (!f || fwrite(s->bytes, 1, s->size, f) != s->size || fclose(f))
			return 1;
		free(s);
		return 0;
	}
	REQUIRE(argc == 2);
	dir = realpath(argv[1], NULL);
	REQUIRE(dir);
	test_prog("prog");
	test_prog("prog.static");
	test_usdt("prog", 4);
	test_usdt("prog.static", 5);
	test_usdt("prog.bare", 4);
	test_debug_files();
	test_build_id();
	test_own();
	test_synth();
	test_broken();
	test_endless();
	free(dir);
	return test_done();
}
