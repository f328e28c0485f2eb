// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/probe.h"
#include "lib/test.h"

#include <time.h>

static void parts(const char *text, const char *m, const char *p, const char *mod, const char *f, const char *n)
{
	struct dv_probe_desc d;
	struct dv_error *e = dv_probe_desc_parse(text, &d);

	CHECK(!e);
	if (e) {
		dv_error_destroy(e);
		return;
	}
	CHECK_STR(d.part[DV_PART_MACHINE], m);
	CHECK_STR(d.part[DV_PART_PROV], p);
	CHECK_STR(d.part[DV_PART_MOD], mod);
	CHECK_STR(d.part[DV_PART_FUNC], f);
	CHECK_STR(d.part[DV_PART_NAME], n);
	dv_probe_desc_deinit(&d);
}

static void test_desc(void)
{
	struct dv_probe_desc d;
	struct dv_error *e;

	parts("BEGIN", "", "", "", "", "BEGIN");
	parts("vfs_read:entry", "", "", "", "vfs_read", "entry");
	parts("vmlinux:vfs_read:entry", "", "", "vmlinux", "vfs_read", "entry");
	parts("fbt:vmlinux:vfs_read:entry", "", "fbt", "vmlinux", "vfs_read", "entry");
	parts("web:fbt:vmlinux:vfs_read:entry", "web", "fbt", "vmlinux", "vfs_read", "entry");
	parts("syscall:::", "", "syscall", "", "", "");
	parts("::::", "", "", "", "", "");
	parts(":::", "", "", "", "", "");
	parts("w*::::entry", "w*", "", "", "", "entry");
	parts("  dtrace:::END\n", "", "dtrace", "", "", "END");

	REQUIRE(!dv_probe_desc_parse("web::::", &d));
	CHECK(d.machine_given);
	CHECK(dv_probe_desc_machine(&d, "web"));
	CHECK(!dv_probe_desc_machine(&d, "db"));
	dv_probe_desc_deinit(&d);
	REQUIRE(!dv_probe_desc_parse("syscall:::", &d));
	CHECK(!d.machine_given);
	CHECK(dv_probe_desc_machine(&d, "db"));
	dv_probe_desc_deinit(&d);
	REQUIRE(!dv_probe_desc_parse("1234", &d));
	CHECK_EQ(d.id, 1234);
	dv_probe_desc_deinit(&d);
	REQUIRE(!dv_probe_desc_parse(":1234", &d));
	CHECK_EQ(d.id, 0);
	dv_probe_desc_deinit(&d);

	e = dv_probe_desc_parse("a:b:c:d:e:f", &d);
	REQUIRE(e);
	CHECK(strstr(e->msg, "too many parts"));
	dv_error_destroy(e);
	e = dv_probe_desc_parse("  ", &d);
	REQUIRE(e);
	dv_error_destroy(e);
	char *big = dv_xcalloc(5000, 1);
	memset(big, 'a', 4999);
	e = dv_probe_desc_parse(big, &d);
	REQUIRE(e);
	CHECK_EQ(e->code, DV_ERR_LIMIT);
	dv_error_destroy(e);
	free(big);
}

static void test_glob(void)
{
	CHECK(dv_glob("", "anything"));
	CHECK(dv_glob("*", ""));
	CHECK(dv_glob("vfs_*", "vfs_read"));
	CHECK(!dv_glob("vfs_*", "xvfs_read"));
	CHECK(dv_glob("*read*", "vfs_readv"));
	CHECK(dv_glob("?fs", "vfs"));
	CHECK(!dv_glob("?fs", "fs"));
	CHECK(dv_glob("a[bc]d", "acd"));
	CHECK(!dv_glob("a[!bc]d", "acd"));
	CHECK(dv_glob("a[!bc]d", "axd"));
	CHECK(dv_glob("a[x-z]", "ay"));
	CHECK(!dv_glob("a[x-z]", "aw"));
	CHECK(dv_glob("a[]]", "a]"));
	CHECK(dv_glob("a[!]]", "ab"));
	CHECK(!dv_glob("a[!]]", "a]"));
	CHECK(dv_glob("a\\*b", "a*b"));
	CHECK(!dv_glob("a\\*b", "axb"));
	CHECK(dv_glob("a[", "a["));
	CHECK(!dv_glob("a[b", "ab"));
	CHECK(dv_glob("*a*b*c*", "xxaxxbxxcxx"));
	CHECK(!dv_glob("*a*b*c*", "xxaxxcxxbxx"));
	CHECK(dv_glob("a**b", "ab"));
	CHECK(dv_glob("[a-", "[a-"));
	CHECK(dv_glob_is_literal("vfs_read"));
	CHECK(!dv_glob_is_literal("vfs_[rw]*"));
}

// What makes a backtracking matcher take for ever.
// A pattern that has been looked at says the same.
static void test_globber(void)
{
	static const char *const patterns[] = {"",     "*",     "vfs_*", "vfs_read", "vfs_?ead", "*read*", "a[bc]d", "a\\*b",
					       "a[", "[!a]*", "\\",   "vfs",      "**",       "v*_*d",  "vfs_[", "?"};
	static const char *const texts[] = {"", "v", "vfs", "vfs_", "vfs_read", "vfs_ready", "xvfs_read", "acd", "a*b", "a[", "\\", "vfs_["};

	for (size_t i = 0; i < DV_COUNT(patterns); i++) {
		struct dv_globber g;

		dv_globber_init(&g, patterns[i]);
		for (size_t k = 0; k < DV_COUNT(texts); k++)
			CHECK(dv_globber_match(&g, texts[k]) == dv_glob(patterns[i], texts[k]));
	}
}

static void test_glob_time(void)
{
	char pattern[256], text[1024];
	clock_t start = clock();

	for (int i = 0; i < 100; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	strcpy(pattern + 200, "*b");
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CHECK(!dv_glob(pattern, text));
	CHECK(clock() - start < CLOCKS_PER_SEC);
}

static uint64_t tick(const char *name, uint32_t *id, struct dv_probe_set *set)
{
	struct dv_probe_desc d;
	DV_FREE char *text = dv_xasprintf("profile:::%s", name);
	uint64_t ns = 0;

	set->probes.count = 0;
	REQUIRE(!dv_probe_desc_parse(text, &d));
	dv_probes_match(NULL, &d, set);
	if (set->probes.count == 1) {
		ns = set->probes.data[0].period_ns;
		if (id)
			*id = set->probes.data[0].id;
		CHECK_STR(set->probes.data[0].name, name);
	}
	dv_probe_desc_deinit(&d);
	return ns;
}

static void test_tick(void)
{
	struct dv_probe_set set;
	uint32_t a = 0, b = 0, c = 0;

	dv_probe_set_init(&set);
	CHECK_EQ(tick("tick-1s", &a, &set), 1000000000);
	CHECK_EQ(tick("tick-5sec", NULL, &set), 5000000000);
	CHECK_EQ(tick("tick-10ms", NULL, &set), 10000000);
	CHECK_EQ(tick("tick-500us", NULL, &set), 500000);
	CHECK_EQ(tick("tick-1ns", NULL, &set), 100000);
	CHECK_EQ(tick("tick-2m", NULL, &set), 120000000000);
	CHECK_EQ(tick("tick-1h", NULL, &set), 3600000000000);
	CHECK_EQ(tick("tick-1day", NULL, &set), 86400000000000);
	CHECK_EQ(tick("tick-100hz", NULL, &set), 10000000);
	CHECK_EQ(tick("tick-10", &c, &set), 100000000);
	CHECK_EQ(c, DV_ID_TICK + 3);
	CHECK_EQ(tick("tick-0", NULL, &set), 0);
	CHECK_EQ(tick("tick-", NULL, &set), 0);
	CHECK_EQ(tick("tick-5parsec", NULL, &set), 0);
	CHECK_EQ(tick("tick-99999999999999999999d", NULL, &set), 0);
	CHECK_EQ(tick("tick-300000000000d", NULL, &set), 0);
	CHECK_EQ(tick("tick-1s", &b, &set), 1000000000);
	CHECK_EQ(a, b);
	dv_probe_set_deinit(&set);
}

static void test_dtrace(void)
{
	struct dv_probe_set set;
	struct dv_probe_desc d;

	dv_probe_set_init(&set);
	REQUIRE(!dv_probe_desc_parse("BEGIN", &d));
	dv_probes_match(NULL, &d, &set);
	REQUIRE(set.probes.count == 1);
	CHECK_EQ(set.probes.data[0].id, DV_ID_BEGIN);
	CHECK_STR(set.probes.data[0].prov->name, "dtrace");
	dv_probe_desc_deinit(&d);
	REQUIRE(!dv_probe_desc_parse("web:dtrace:::BEGIN", &d));
	dv_probes_match(NULL, &d, &set);
	CHECK_EQ(set.probes.count, 1);
	dv_probe_desc_deinit(&d);
	REQUIRE(!dv_probe_desc_parse("host:dtrace:::", &d));
	dv_probes_match(NULL, &d, &set);
	CHECK_EQ(set.probes.count, 4);
	dv_probe_desc_deinit(&d);
	REQUIRE(!dv_probe_desc_parse("3", &d));
	dv_probes_match(NULL, &d, &set);
	REQUIRE(set.probes.count == 5);
	CHECK_STR(set.probes.data[4].name, "ERROR");
	dv_probe_desc_deinit(&d);
	dv_probe_set_deinit(&set);
}

int main(void)
{
	test_desc();
	test_glob();
	test_globber();
	test_glob_time();
	test_tick();
	test_dtrace();
	return test_done();
}
