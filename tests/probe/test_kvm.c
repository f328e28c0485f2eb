// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names of reasons for VM exits: the tables, and the expression that is made of them, whose value is worked out here.
#include "probe/kvm_exits.h"

#include <string.h>

#include "base/mem.h"
#include "lang/lang.h"
#include "lib/test.h"
#include "type/type.h"

struct name {
	const char *text;
	int len;
};

static void skip(const char **p, const char *what)
{
	REQUIRE(!strncmp(*p, what, strlen(what)));
	*p += strlen(what);
}

// `(V < NU ? TREE : TREE)` or `(V == NU ? "NAME" : "unknown")`, where V is the value, at *p; afterwards *p is behind it.
static struct name eval(const char **p, uint64_t value)
{
	struct name a, b = {"unknown", 7};
	unsigned long n;
	bool less;

	skip(p, "(V ");
	less = **p == '<';
	skip(p, less ? "< " : "== ");
	n = strtoul(*p, (char **)p, 10);
	skip(p, "U ? ");
	if (less) {
		a = eval(p, value);
		skip(p, " : ");
		b = eval(p, value);
		skip(p, ")");
		return value < n ? a : b;
	}
	skip(p, "\"");
	a = (struct name){*p, (int)strcspn(*p, "\"")};
	*p += a.len;
	skip(p, "\" : \"unknown\")");
	return value == n ? a : b;
}

static void test_text(enum dv_kvm_cpu cpu)
{
	static const uint32_t high[] = {0x400, 0x403, 0x404, 0x80000000, 0x80000001, 0x80000013, 0x8000fffd, 0xffffffff};
	static const char *const var = "this->__kvm_exit", *const first = "(this->__kvm_exit = (uint64_t)(arg0))";
	DV_FREE char *text = dv_kvm_exit_text(cpu, "arg0");
	DV_FREE char *plain = dv_xcalloc(1, strlen(text) + 1);
	char *to = plain;

	CHECK(!strncmp(text + 1, first, strlen(first)));
	for (const char *p = text; *p;) {
		const char *v = p == text + 1 ? first : var;

		if (!strncmp(p, v, strlen(v))) {
			*to++ = 'V';
			p += strlen(v);
		} else {
			*to++ = *p++;
		}
	}
	for (uint32_t i = 0; i < 0x200 + DV_COUNT(high); i++) {
		uint32_t reason = i < 0x200 ? i : high[i - 0x200];
		const char *want = dv_kvm_exit_name(cpu, reason), *p = plain;
		struct name n = eval(&p, reason);
		DV_FREE char *got = dv_xasprintf("%.*s", n.len, n.text);

		CHECK_STR(got, want ? want : "unknown");
		CHECK(!*p);
	}
}

static void say(void *ctx, const char *text)
{
	fputs(text, stderr);
}

static const char *arg_text(void *ctx, uint32_t n)
{
	return ctx;
}

static const struct dv_type *arg_type(void *ctx, uint32_t n)
{
	return dv_type_string();
}

// It is D, in clauses that use it several times.
static void test_clause(enum dv_kvm_cpu cpu)
{
	DV_FREE char *text = dv_kvm_exit_text(cpu, "(uint32_t)arg0");
	struct dv_diag diag = {.emit = say};
	struct dv_source src = {.name = "test", .text = "BEGIN /args[0] != \"x\"/ { @[args[0], args[0]] = count(); "
							"self->r = args[0]; } BEGIN { trace(args[0]); }"};
	struct dv_check_env env = {.types = dv_universe_base(), .strsize = 256, .arg_type = arg_type, .arg_count = 1,
				   .typed_args = true, .arg_text = arg_text, .ctx = text};
	struct dv_script *s = dv_script_create();
	struct dv_clause *typed;
	struct dv_arena arena;
	struct dv_error *e;

	dv_arena_init(&arena);
	e = dv_script_parse(s, &src, &diag);
	REQUIRE(!e);
	for (uint32_t i = 0; i < 2; i++)
		CHECK(dv_check_clause(s, dv_script_clause(s, i), &env, &diag, &arena, &typed));
	CHECK_EQ(dv_script_this_size(s), 8);
	dv_script_destroy(s);
	dv_arena_deinit(&arena);
}

int main(void)
{
	CHECK_STR(dv_kvm_exit_name(DV_KVM_INTEL, 12), "HLT");
	CHECK_STR(dv_kvm_exit_name(DV_KVM_INTEL, 48), "EPT_VIOLATION");
	CHECK_STR(dv_kvm_exit_name(DV_KVM_AMD, 0x78), "hlt");
	CHECK_STR(dv_kvm_exit_name(DV_KVM_AMD, 0x76), "invd");
	CHECK_STR(dv_kvm_exit_name(DV_KVM_AMD, 0x400), "npf");
	CHECK(!dv_kvm_exit_name(DV_KVM_AMD, 1));
	CHECK(!dv_kvm_exit_name(DV_KVM_INTEL, 0x80000021));
	test_text(DV_KVM_INTEL);
	test_text(DV_KVM_AMD);
	test_clause(DV_KVM_INTEL);
	test_clause(DV_KVM_AMD);
	return test_done();
}
