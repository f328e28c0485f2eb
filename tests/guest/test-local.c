/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel that dvirt runs on, from files made by hand: /proc and /sys in a folder of their own. */
#include <sys/stat.h>
#include <unistd.h>

#include "lib/test.h"
#include "synth.h"

static char root[64];

static void dir(const char *path)
{
	DV_FREE char *name = dv_xasprintf("%s%s", root, path);

	REQUIRE(!mkdir(name, 0700));
}

static void file(const char *path, const void *bytes, size_t size)
{
	DV_FREE char *name = dv_xasprintf("%s%s", root, path);
	FILE *f = fopen(name, "w");

	REQUIRE(f && fwrite(bytes, 1, size, f) == size && !fclose(f));
}

static void text(const char *path, const char *s)
{
	file(path, s, strlen(s));
}

static void gone(const char *path)
{
	DV_FREE char *name = dv_xasprintf("%s%s", root, path);

	CHECK(!unlink(name));
}

static struct dv_guest *open_guest(const char *wrong)
{
	struct dv_guest *g = NULL;
	struct dv_error *e = dv_guest_open_local_at(root, 3, &g);

	if (wrong) {
		REQUIRE(e);
		if (!strstr(e->msg, wrong))
			fprintf(stderr, "message: %s\n", e->msg);
		CHECK(strstr(e->msg, wrong));
	} else if (e) {
		fprintf(stderr, "message: %s\n", e->msg);
		REQUIRE(!e);
	}
	dv_error_destroy(e);
	return g;
}

static const char symbols[] =
	"0000000000001000 A current_task\n"
	"ffffffff81000000 T _text\n"
	"ffffffff81000000 T _stext\n"
	"ffffffff81000100 t first\n"
	"ffffffff81000180 T second\n"
	"ffffffff81000180 W second_alias\n"
	"ffffffff81000200 T _end\n";
static const char mod_symbols[] =
	"ffffffffc0000300 t mod_b\t[one]\n"
	"ffffffffc0000100 t mod_a\t[one]\n"
	"ffffffffc0001000 d data\t[two]\n"
	"not a line\n"
	"ffffffffc0002000 t bpf_prog_1234_x\t[bpf]\n";
static const char modules[] =
	"one 4096 1 two, Live 0xffffffffc0000000\n"
	"two 8192 0 - Live 0xffffffffc0001000 (OE)\n"
	"three 100 0 - Loading 0xffffffffc0005000\n"
	"broken line\n";

// A type of tracepoint, and one function.
static uint8_t *btf(const struct dv_btf *base, const char *tracepoint, size_t *size)
{
	struct synth_btf b;
	uint32_t i32, vptr, proto, ptr;

	synth_btf_init(&b, base);
	i32 = synth_int(&b, "int", 4, true);
	vptr = synth_type(&b, DV_BTF_PTR, NULL, 0, false, 0);
	proto = synth_type(&b, DV_BTF_FUNC_PROTO, NULL, 2, false, 0);
	put32(&b.types, 0);
	put32(&b.types, vptr);
	put32(&b.types, 0);
	put32(&b.types, i32);
	ptr = synth_type(&b, DV_BTF_PTR, NULL, 0, false, proto);
	synth_type(&b, DV_BTF_TYPEDEF, tracepoint, 0, false, ptr);
	synth_type(&b, DV_BTF_FUNC, base ? "mod_a" : "second", 0, false, proto);
	return synth_btf_done(&b, size);
}

struct seen {
	unsigned count;
	char text[256];
};

static void see(void *ctx, const char *module, const char *name)
{
	struct seen *s = ctx;
	size_t used = strlen(s->text);

	s->count++;
	snprintf(s->text + used, sizeof(s->text) - used, "%s:%s ", module, name);
}

static bool see_task(void *ctx, uint64_t task, int pid, int tgid, const char *comm)
{
	struct seen *s = ctx;
	size_t used = strlen(s->text);

	CHECK_EQ(task, 0);
	s->count++;
	snprintf(s->text + used, sizeof(s->text) - used, "%d/%d/%s ", pid, tgid, comm);
	return true;
}

static void with_modules(const char *lines)
{
	DV_FREE char *all = dv_xasprintf("%s%s", symbols, lines);

	text("/proc/kallsyms", all);
}

static void test_all(void)
{
	static const uint8_t notes[] = {4, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0, 1, 2, 3, 4, 5, 6, 7, 0xff};
	struct seen tps = {0}, tasks = {0};
	const struct dv_symbol *s, *first;
	const struct dv_module *mods;
	const struct dv_type *t;
	struct dv_guest *g;
	struct dv_btf *base;
	uint8_t *bytes, *copy;
	size_t n, size;
	bool changed;

	open_guest("/proc/version");
	text("/proc/version", "Minix 3\n");
	open_guest("not that of Linux");
	text("/proc/version", "Linux version 6.99.0-test (me@here) #1 SMP\n");
	open_guest("/proc/kallsyms");
	text("/proc/kallsyms", "");
	open_guest("no symbols");
	text("/proc/kallsyms", "0000000000000000 T _text\n0000000000000000 T _end\n");
	open_guest("does not tell addresses");

	with_modules("");
	g = open_guest(NULL);
	CHECK_STR(dv_guest_release(g), "6.99.0-test");
	CHECK_STR(dv_guest_banner(g), "Linux version 6.99.0-test (me@here) #1 SMP");
	CHECK_STR(dv_guest_build_id(g), "");
	CHECK(!dv_guest_has_types(g) && strstr(dv_guest_no_types(g), "CONFIG_DEBUG_INFO_BTF"));
	CHECK(!dv_guest_types(g)->ops);
	dv_guest_modules(g, &n);
	CHECK_EQ(n, 1);
	CHECK(!dv_guest_refresh_modules(g, &changed) && !changed);
	dv_guest_close(g);

	file("/sys/kernel/notes", notes, sizeof(notes));
	text("/proc/modules", modules);
	with_modules(mod_symbols);
	bytes = btf(NULL, "btf_trace_thing_happened", &size);
	file("/sys/kernel/btf/vmlinux", bytes, size);
	copy = dv_xcalloc(1, size);
	memcpy(copy, bytes, size);
	free(bytes);
	REQUIRE(!dv_btf_create(copy, size, NULL, "vmlinux", &base));
	bytes = btf(base, "btf_trace_mod_event", &size);
	file("/sys/kernel/btf/one", bytes, size);
	free(bytes);
	dv_btf_destroy(base);
	g = open_guest(NULL);
	CHECK_STR(dv_guest_build_id(g), "01020304050607ff");
	CHECK(dv_guest_has_types(g) && dv_guest_still(g));
	first = dv_guest_symbols(g, &n);
	CHECK_EQ(n, 7 + 3);
	CHECK_STR(first[0].name, "current_task");
	CHECK_EQ(dv_guest_layout(g)->percpu_current, 0x1000);
	s = dv_guest_symbol(g, "vmlinux", "first");
	CHECK(s && s->addr == 0xffffffff81000100 && s->size == 0x80 && s->kind == 't');
	s = dv_guest_symbol_at(g, 0xffffffff81000181);
	CHECK(s && !strcmp(s->name, "second"));
	s = dv_guest_symbol(g, "one", "mod_a");
	CHECK(s && s->addr == 0xffffffffc0000100 && s->size == 0x200);
	s = dv_guest_symbol(g, NULL, "mod_b");
	CHECK(s && s->size == 0xd00);
	CHECK(!dv_guest_symbol(g, "two", "mod_b") && !dv_guest_symbol(g, NULL, "bpf_prog_1234_x"));
	mods = dv_guest_modules(g, &n);
	REQUIRE(n == 3);
	CHECK_STR(mods[0].name, "vmlinux");
	CHECK_EQ(mods[0].size, 0x200);
	CHECK_STR(mods[1].name, "one");
	CHECK_EQ(mods[2].base, 0xffffffffc0001000);
	dv_guest_tracepoints(g, see, &tps);
	CHECK_STR(tps.text, "vmlinux:thing_happened one:mod_event ");
	t = dv_guest_tracepoint_type(g, "vmlinux", "thing_happened");
	CHECK(t && t->count == 2 && t->members[1].type->size == 4);
	CHECK(!dv_guest_tracepoint_type(g, NULL, "nothing_happened"));
	CHECK(dv_guest_func_type(g, "vmlinux", "second"));
	CHECK(dv_guest_func_type(g, "one", "mod_a"));

	// The same again; one gone; another in its place.
	CHECK(!dv_guest_refresh_modules(g, &changed) && !changed);
	text("/proc/modules", "two 8192 0 - Live 0xffffffffc0001000\n");
	CHECK(!dv_guest_refresh_modules(g, &changed) && changed);
	CHECK(!dv_guest_symbol(g, "one", "mod_a") && dv_guest_symbol(g, "two", "data"));
	memset(&tps, 0, sizeof(tps));
	dv_guest_tracepoints(g, see, &tps);
	CHECK_EQ(tps.count, 1);
	with_modules("ffffffffc0001000 d data\t[two]\nffffffffc0009000 t late\t[four]\n");
	text("/proc/modules", "four 100 0 - Live 0xffffffffc0009000\ntwo 8192 0 - Live 0xffffffffc0001000\n");
	CHECK(!dv_guest_refresh_modules(g, &changed) && changed);
	s = dv_guest_symbol(g, NULL, "late");
	CHECK(s && s->size == 100);
	CHECK(dv_guest_symbol(g, "two", "data"));

	CHECK(!dv_guest_tasks(g, see_task, &tasks));
	CHECK_STR(tasks.text, "13/12/a thread ");
	dv_guest_close(g);

	text("/sys/kernel/btf/vmlinux", "not BTF");
	g = open_guest(NULL);
	CHECK(!dv_guest_has_types(g) && strstr(dv_guest_no_types(g), "bad header"));
	dv_guest_close(g);
}

int main(void)
{
	static const char *const dirs[] = {"/proc", "/proc/12", "/proc/12/task", "/proc/12/task/13", "/sys", "/sys/kernel",
	                                   "/sys/kernel/btf"};
	static const char *const files[] = {"/proc/version", "/proc/kallsyms", "/proc/modules", "/proc/12/task/13/comm",
	                                    "/sys/kernel/notes", "/sys/kernel/btf/vmlinux", "/sys/kernel/btf/one"};

	snprintf(root, sizeof(root), "%s", "/tmp/dvirt-local.XXXXXX");
	REQUIRE(mkdtemp(root));
	for (size_t i = 0; i < DV_COUNT(dirs); i++)
		dir(dirs[i]);
	text("/proc/12/task/13/comm", "a thread\n");
	test_all();
	for (size_t i = 0; i < DV_COUNT(files); i++)
		gone(files[i]);
	for (size_t i = DV_COUNT(dirs); i-- > 0;) {
		DV_FREE char *name = dv_xasprintf("%s%s", root, dirs[i]);

		CHECK(!rmdir(name));
	}
	CHECK(!rmdir(root));
	return test_done();
}
