// SPDX-License-Identifier: GPL-2.0-or-later
//
// The providers of user programs: processes that the test runs (argv[1] is the folder of the programs), on a machine that
// can have such probes, which are matched and not placed.
#include "abi/usdt.h"
#include "elf/child.h"
#include "elf/process.h"
#include "lib/test.h"
#include "probe/users.h"

static const struct dv_machine_ops ops;
static struct dv_machine host = {
    .ops = &ops,
    .name = "host",
    .backend = "test",
    .state = DV_MACHINE_READY,
    .caps = DV_CAP_UPROBE | DV_CAP_LOCAL,
};
static struct dv_machine other = {.ops = &ops, .name = "other", .backend = "test", .caps = DV_CAP_FBT};
static char *dir;
static struct child child;
static struct dv_probe_set set;

// A description in which % stands for the process's number.
static struct dv_probe_desc parse(const char *text)
{
	char full[512], *to = full;
	struct dv_probe_desc d;

	for (; *text; text++)
		to += *text == '%' ? sprintf(to, "%d", child.pid) : sprintf(to, "%c", *text);
	REQUIRE(!dv_probe_desc_parse(full, &d));
	return d;
}

// Rows that match.
static size_t match(const char *text)
{
	struct dv_probe_desc d = parse(text);

	set.probes.count = 0;
	dv_probes_match(&host, &d, &set);
	dv_probe_desc_deinit(&d);
	for (size_t i = 0; i < set.probes.count; i++) {
		const struct dv_probe *p = &set.probes.data[i];

		CHECK_EQ(p->pid, child.pid);
		CHECK(p->target && !access(p->target, R_OK));
		CHECK(p->id >= DV_ID_FIRST);
		CHECK(p->machine == &host);
	}
	return set.probes.count;
}

static const struct dv_probe *one(const char *text)
{
	size_t n = match(text);

	if (n != 1)
		fprintf(stderr, "'%s' matches %zu\n", text, n);
	REQUIRE(n == 1);
	return &set.probes.data[0];
}

static const char *why(const char *text)
{
	static char buf[512];
	struct dv_probe_desc d = parse(text);

	CHECK_EQ(match(text), 0);
	*buf = '\0';
	if (d.id || !set.probes.count) {
		// What a kernel is asked about needs a kernel; these need none.
		for (size_t k = 0; dv_providers[k]; k++) {
			const struct dv_provider *p = dv_providers[k];
			const char *w = p->claims && p->claims(p, &d) ? p->why_not(p, set.machines.data[0], &d, &set) : NULL;

			if (w && !*buf)
				snprintf(buf, sizeof(buf), "%s", w);
		}
	}
	dv_probe_desc_deinit(&d);
	return buf;
}

static void check_why(const char *text, const char *want)
{
	const char *got = why(text);

	if (!strstr(got, want))
		fprintf(stderr, "'%s': %s\n", text, got);
	CHECK(strstr(got, want));
}

// The place is that function's, in the file that is the target.
static void check_place(const struct dv_probe *p, const char *symbol, uint64_t at)
{
	struct dv_elf *e = NULL;
	const struct dv_elf_sym *s;
	size_t n;
	uint64_t va = 0;

	REQUIRE(!dv_elf_open(p->target, &e));
	REQUIRE(!dv_elf_symbols(e, NULL, 0, &s, &n));
	CHECK(dv_elf_vaddr(e, p->addr, &va));
	n = 0;
	s = dv_elf_symbol_find(e, symbol, &n);
	REQUIRE(s);
	CHECK_EQ(va, s->addr + at);
	dv_elf_close(e);
}

// The first byte of the instruction there.
static void check_code(const struct dv_probe *p, uint8_t want)
{
	FILE *f = fopen(p->target, "rb");

	REQUIRE(f && !fseek(f, (long)p->addr, SEEK_SET));
	CHECK_EQ(fgetc(f), want);
	fclose(f);
}

static void test_split(void)
{
	char prefix[DV_USER_PREFIX];
	const char *at = NULL;
	int pid = 0;

	REQUIRE(dv_user_split("app102", &at, prefix, &pid));
	CHECK_STR(prefix, "app");
	CHECK_EQ(pid, 102);
	REQUIRE(dv_user_split("app102", &at, prefix, &pid));
	CHECK_STR(prefix, "app10");
	CHECK_EQ(pid, 2);
	CHECK(!dv_user_split("app102", &at, prefix, &pid));
	at = NULL;
	CHECK(!dv_user_split("app", &at, prefix, &pid));
	CHECK(!dv_user_split("", &at, prefix, &pid));
	CHECK(!dv_user_split("app0", &at, prefix, &pid));
	at = NULL;
	REQUIRE(dv_user_split("12", &at, prefix, &pid)); // a name there must be
	CHECK_STR(prefix, "1");
	at = NULL;
	REQUIRE(dv_user_split("app99999999999999999999", &at, prefix, &pid));
	CHECK_EQ(pid, INT32_MAX);
}

static void test_functions(void)
{
	const struct dv_probe *p = one("pid%:prog:target:entry");
	char name[64];
	uint32_t id = p->id, id2;

	snprintf(name, sizeof(name), "pid%d", child.pid);
	CHECK_STR(dv_probe_provname(p), name);
	CHECK_STR(p->mod, "prog");
	CHECK_STR(p->func, "target");
	CHECK_STR(p->name, "entry");
	CHECK_EQ(p->kind, DV_SITE_UPROBE);
	CHECK_EQ(p->args, DV_ARGS_FUNC);
	CHECK(!p->spec && !p->detail);
	check_place(p, "target", 0);
	p = one("pid%:a.out:target:return");
	CHECK_EQ(p->id, id + 1);
	CHECK_EQ(p->kind, DV_SITE_UPROBE);
	CHECK_EQ(p->args, DV_ARGS_RETURN);
	CHECK_STR(p->mod, "prog");
	CHECK(p->size > 0);
	check_place(p, "target", p->size);
	check_code(p, 0xc3);
	// Every instruction, of a function that is named; each is the one that its offset means.
	CHECK(match("pid%:prog:target:") > 3);
	CHECK_STR(set.probes.data[2].name, "0");
	check_place(&set.probes.data[2], "target", 0);
	id2 = set.probes.data[3].id;
	snprintf(name, sizeof(name), "pid%%:prog:target:%s", set.probes.data[3].name);
	CHECK_EQ(one(name)->id, id2);
	CHECK_EQ(match("pid%:prog:t[a]rget:"), 2);
	CHECK_EQ(match("pid%:prog:target:e*"), 1);
	CHECK_EQ(one("host:pid%:prog:target:entry")->id, id);
	CHECK_EQ(match("web:pid%:prog:target:entry"), 0);
	CHECK_EQ(one("pid%::target:entry")->id, id);
	CHECK_EQ(one("p*d%::target:entry")->id, id);
	CHECK_EQ(one("*%::target:entry")->id, id);

	// A name of its own each, though the place is the same; globs take one of them.
	p = one("pid%:a.out:target_alias:entry");
	CHECK(p->id != id);
	CHECK_STR(p->func, "target_alias");
	CHECK_EQ(match("pid%:a.out:target*:entry"), 1);
	(void)one("pid%:a.out:hidden:entry");
	// Two ways out of it, and one probe.
	CHECK_EQ(match("pid%:a.out:forked:return"), 2);
	CHECK_EQ(set.probes.data[0].id, set.probes.data[1].id);
	CHECK(set.probes.data[0].addr != set.probes.data[1].addr);
	check_code(&set.probes.data[0], 0xc3);
	check_code(&set.probes.data[1], 0xc3);
	CHECK_EQ(match("pid%:a.out:_start:entry"), 1);
	(void)one("pid%:a.out:handmade:entry");
	CHECK_EQ(match("pid%:a.out:hand*:entry"), 0); // no type says that it is a function
	CHECK(match("pid%:a.out::entry") > 5);
	CHECK(match("pid%:::entry") > 1000);

	(void)one("pid%:libdvtest.so.3:lib_twice:entry");
	(void)one("pid%:libdvtest.so:lib_twice:entry");
	(void)one("pid%:libdvtest:lib_twice:entry");
	(void)one("pid%:libdv*:lib_inner:return");
	CHECK_EQ(match("pid%:libdv:lib_twice:entry"), 0);
	CHECK(match("pid%:libc:malloc:entry") >= 1);
	CHECK(match("pid%:libc.so.6:malloc:entry") >= 1);
	check_place(&set.probes.data[0], "malloc", 0);
}

static void test_offsets(void)
{
	const struct dv_probe *p = one("pid%:prog:target:0");
	uint32_t id = p->id;
	char text[128];
	struct dv_elf *e = NULL;
	const struct dv_elf_sym *s;
	size_t n = 0;
	uint8_t code[16];
	uint64_t at;

	CHECK_EQ(p->args, DV_ARGS_NONE);
	CHECK_EQ(p->kind, DV_SITE_UPROBE);
	CHECK_STR(p->name, "0");
	check_place(p, "target", 0);
	CHECK_EQ(one("pid%:prog:target:0x0")->id, id);

	REQUIRE(!dv_elf_open(p->target, &e));
	REQUIRE(!dv_elf_symbols(e, NULL, 0, &s, &n));
	n = 0;
	s = dv_elf_symbol_find(e, "target", &n);
	// lea: four bytes or so; the next instruction can be probed, the lea's second byte cannot.
	REQUIRE(s && dv_elf_read(e, s->addr, code, sizeof(code)));
	CHECK_EQ(match("pid%:prog:target:1"), 0);
	for (at = 2; at < s->size; at++) {
		snprintf(text, sizeof(text), "pid%%:prog:target:%llx", (unsigned long long)at);
		if (match(text))
			break;
	}
	REQUIRE(at < s->size);
	check_place(&set.probes.data[0], "target", at);
	id = set.probes.data[0].id;
	CHECK_EQ(one(text)->id, id);
	snprintf(text, sizeof(text), "%u", id);
	CHECK_STR(one(text)->func, "target");

	// By address: the file's, and the process's.
	snprintf(text, sizeof(text), "pid%%:a.out:-:%llx", (unsigned long long)(s->addr + at));
	p = one(text);
	CHECK_STR(p->func, "-");
	check_place(p, "target", at);
	struct dv_process *proc = NULL;
	struct dv_object *const *o;
	REQUIRE(!dv_process_open(child.pid, &proc));
	o = dv_process_objects(proc, &n);
	for (size_t i = 0; i < n; i++) {
		struct dv_elf *own;
		uint64_t va = 0;

		if (!o[i]->program)
			continue;
		REQUIRE(!dv_object_elf(o[i], &own));
		REQUIRE(dv_object_address(o[i], s->addr + at, &va));
		snprintf(text, sizeof(text), "pid%%::-:%llx", (unsigned long long)va);
		check_place(one(text), "target", at);
	}
	dv_process_close(proc);
	dv_elf_close(e);
}

static void test_why(void)
{
	char text[64];

	check_why("pid99999999:a.out:main:entry", "there is no process 99999999");
	check_why("pid%:libnone:main:entry", "has no module 'libnone', only prog,");
	check_why("pid%:a.out:targe:entry", "has no function 'targe' in a.out; did you mean target");
	check_why("pid%:a.out:targe:return", "(prog)");
	check_why("pid%:a.out:chosen:entry", "is chosen when the program starts");
	check_why("pid%:a.out:target:entri", "neither entry, nor return, nor an offset");
	check_why("pid%:a.out:_start:return", "'_start' in 'prog' has no return instruction");
	check_why("pid%:a.out:tables:return", "'tables' in 'prog' has no return instruction");
	check_why("pid%:a.out:target:1", "no instruction that can be probed begins at 0x1 in 'target'");
	check_why("pid%:a.out:target:fff", "'target' in 'prog' has only 0x");
	check_why("pid%:a.out:-:1", "no instruction of process");
	check_why("pid%:a.out:-:entry", "neither");
	check_why("prog99999999:::round", "there is no process");
	check_why("nothing%:::round", "has no provider 'nothing', only ");
	check_why("prog%:::rounds", "the probes of 'prog' in process");
	check_why("prog%:::rounds", "round");
	snprintf(text, sizeof(text), "pid%d:::entry", (int)getppid() == 1 ? 2 : 0x7ffffffe);
	CHECK(*why(text));
	// Without the digits nobody looks anywhere.
	CHECK_STR(why("pid:a.out:main:entry"), "");
	CHECK_STR(why("syscall:::nothing"), "");
}

static struct dv_usdt_arg *arguments(const struct dv_probe *p, uint32_t want)
{
	static struct dv_usdt_arg a[DV_USDT_ARGS_MAX];
	uint32_t n = 0;

	REQUIRE(p->spec && dv_usdt_read(p->spec, a, &n));
	CHECK_EQ(n, want);
	return a;
}

static void test_usdt(void)
{
	const struct dv_probe *p = one("prog%:::round");
	char name[32], text[32];
	struct dv_usdt_arg *a;
	uint32_t id = p->id, count;
	const struct dv_type *t;
	bool known;

	snprintf(name, sizeof(name), "prog%d", child.pid);
	CHECK_STR(dv_probe_provname(p), name);
	CHECK_STR(p->mod, "prog");
	CHECK_STR(p->func, "site");
	CHECK_STR(p->name, "round");
	CHECK_EQ(p->kind, DV_SITE_UPROBE);
	CHECK_EQ(p->args, DV_ARGS_USDT);
	CHECK_EQ(p->detail, 0);
	a = arguments(p, 5);
	CHECK_EQ(a[0].kind, DV_USDT_REG);
	CHECK(a[0].size == 8 && !a[0].is_signed && a[1].size == 2 && a[1].is_signed);
	CHECK_EQ(a[2].kind, DV_USDT_MEM);
	CHECK_EQ(a[3].kind, DV_USDT_CONST);
	CHECK_EQ(a[3].value, -7);
	t = p->prov->arg_type(p, 1, &count, &known);
	CHECK(known && count == 5 && t == dv_type_int(2, true));
	CHECK(p->prov->arg_type(p, 0, &count, &known) == dv_type_int(8, false));
	CHECK(!p->prov->arg_type(p, 5, &count, &known));
	const void *group = p->prov->arg_group(p);
	p = one("prog%:::counted");
	CHECK(p->detail);
	CHECK(p->prov->arg_group(p) != group);
	a = arguments(p, 2);
	CHECK(a[0].kind == DV_USDT_MEM && a[0].scale == 8 && a[0].index != DV_USDT_NOREG);
	p = one("oth*%:a.out:site:bare-bones");
	CHECK_STR(p->name, "bare-bones");
	CHECK_EQ(one("other%:::bare__bones")->id, p->id);
	(void)arguments(p, 0);
	CHECK(p->prov->arg_type(p, 0, &count, &known) == NULL && known && !count);
	p = one("prog%:libdvtest::");
	CHECK_STR(p->name, "twice");
	CHECK_STR(p->func, "lib_inner");
	CHECK_EQ(match("prog%:::"), 3);
	CHECK_EQ(match("prog%:::*o*"), 2);
	CHECK(match("*%:::") > 1000);
	CHECK_EQ(one("prog%:::round")->id, id);
	snprintf(text, sizeof(text), "%u", id);
	CHECK_STR(one(text)->name, "round");
	CHECK_EQ(one(text)->id, id);
}

// The others are not asked, and a process that goes and comes is another.
static void test_life(void)
{
	struct dv_probe_desc d = parse("pid%:a.out:target:entry");
	uint32_t id = one("pid%:a.out:target:entry")->id;
	char path[4200];

	set.probes.count = 0;
	dv_probes_match(&other, &d, &set);
	dv_probes_match(NULL, &d, &set);
	CHECK_EQ(set.probes.count, 0);
	dv_probe_desc_deinit(&d);
	CHECK_EQ(match(":::"), 0);
	child_end(&child);
	CHECK_EQ(match("pid%:a.out:target:entry"), 0);
	snprintf(path, sizeof(path), "%s/prog.stripped", dir);
	child = child_start(path);
	CHECK(one("pid%:a.out:target:entry")->id != id);
	(void)one("pid%:prog.stripped:hidden:entry"); // from its debug file
	child_end(&child);
	snprintf(path, sizeof(path), "%s/prog.bare", dir);
	child = child_start(path);
	check_why("pid%:a.out:hidden:entry", "has no symbols");
	CHECK_STR(one("prog%:a.out::round")->func, "");
	child_end(&child);
	snprintf(path, sizeof(path), "%s/prog.static", dir);
	child = child_start(path);
	(void)one("pid%:prog:target:entry");
	CHECK(match("pid%:a.out:mall*:entry") >= 1);
	CHECK_EQ(match("prog%:a.out::"), 3);
}

int main(int argc, char **argv)
{
	char path[4200];

	REQUIRE(argc == 2);
	dir = realpath(argv[1], NULL);
	REQUIRE(dir);
	snprintf(path, sizeof(path), "%s/prog", dir);
	dv_probe_set_init(&set);
	child = child_start(path);
	test_split();
	test_functions();
	test_offsets();
	test_why();
	test_usdt();
	test_life();
	child_end(&child);
	dv_probe_set_deinit(&set);
	free(dir);
	return test_done();
}
