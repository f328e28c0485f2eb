// SPDX-License-Identifier: GPL-2.0-or-later
//
// Arguments of static probes: text to text, and what the reader of the second text refuses.
#include "abi/fn.h"
#include "lib/test.h"
#include "probe/usdt_spec.h"

static bool variable(void *ctx, const char *name, uint64_t *addr)
{
	if (strcmp(name, "counter"))
		return false;
	*addr = 0x601000;
	return true;
}

static void check(const char *args, const char *want)
{
	struct dv_usdt_arg a[DV_USDT_ARGS_MAX], b[DV_USDT_ARGS_MAX];
	char text[DV_USDT_SPEC_MAX];
	uint32_t n = dv_usdt_parse(args, variable, NULL, a), m = 99;

	dv_usdt_write(a, n, text);
	CHECK_STR(text, want);
	CHECK(strlen(text) < sizeof(text));
	CHECK(dv_usdt_read(text, b, &m));
	CHECK_EQ(m, n);
	for (uint32_t i = 0; i < n && i < m; i++) {
		CHECK_EQ(a[i].kind, b[i].kind);
		CHECK_EQ(a[i].size, b[i].size);
		CHECK_EQ(a[i].is_signed, b[i].is_signed);
		if (a[i].kind != DV_USDT_NONE)
			CHECK_EQ(a[i].value, b[i].value);
		if (a[i].kind == DV_USDT_MEM) {
			CHECK_EQ(a[i].reg, b[i].reg);
			CHECK_EQ(a[i].index, b[i].index);
			CHECK_EQ(a[i].scale, b[i].scale);
		}
	}
}

static void test_parse(void)
{
	check("", "");
	check("-4@%edi 8@-16(%rbp)", "-4r5 8m6,-,1,-16");
	check("8@%rax -4@%ebx 2@%cx 1@%dl 1@%dh -1@%sil 4@%r8d 2@%r9w 1@%r10b 8@%r15", "8r0 -4r1 2r2 1r3 1h3 -1r4 4r8 2r9 1r10 8r15");
	check("-8@%eax", "-4r0"); // no wider than its register
	check("1@%eax", "1r0");
	check("%rsi %esi", "8r4 4r4");
	check("4@$5 -4@$-7 8@$0x10 8@$18446744073709551615 -8@$-9223372036854775808",
	      "4c5 -4c-7 8c16 8c-1 -8c-9223372036854775808");
	check("8@(%rax) 8@(%rax,%rdx) 8@(%rax,%rdx,8) 4@8(,%rcx,4) -2@0x10(%rsp,%r9,2)",
	      "8m0,-,1,0 8m0,3,1,0 8m0,3,8,0 4m-,2,4,8 -2m7,9,2,16");
	check("8@counter(%rip) 4@counter+8(%rip) 4@8+counter(%rip) 4@counter-8(%rip) 8@counter",
	      "8m-,-,1,6295552 4m-,-,1,6295560 4m-,-,1,6295560 4m-,-,1,6295544 8m-,-,1,6295552");
	check("8@unknown(%rip)", "8n");
	check("8f@%xmm0 8@%xmm0 4f@-4(%rbp)", "8n 8n 4n");
	check("3@%eax 16@%rax @%rax x@%rax -@%rax 4x@%eax", "8n 8n 8n 8n 8n 8n");
	check("8@%fs:16 8@*%rax 8@(%eax) 8@(%rax,%rsp) 8@(%rax,%rcx,3) 8@(%rax 8@() 8@16 8@$ 8@$x",
	      "8n 8n 8n 8n 8n 8n 8n 8n 8n 8n");
	check("  8@%rdi\t8@%rsi  ", "8r5 8r4");
	check("1@$1 1@$2 1@$3 1@$4 1@$5 1@$6 1@$7 1@$8 1@$9 1@$10 1@$11 1@$12 1@$13",
	      "1c1 1c2 1c3 1c4 1c5 1c6 1c7 1c8 1c9 1c10 1c11 1c12");
}

// The longest that there can be has room.
static void test_long(void)
{
	char args[2000] = "";
	struct dv_usdt_arg a[DV_USDT_ARGS_MAX];
	char text[DV_USDT_SPEC_MAX];

	for (int i = 0; i < 12; i++)
		strcat(args, "-8@-9223372036854775808(%r15,%r14,8) ");
	CHECK_EQ(dv_usdt_parse(args, NULL, NULL, a), 12);
	dv_usdt_write(a, 12, text);
	CHECK(strlen(text) > 300 && strlen(text) < sizeof(text));
	memset(args, 'x', sizeof(args) - 1);
	args[sizeof(args) - 1] = '\0';
	CHECK_EQ(dv_usdt_parse(args, NULL, NULL, a), 1);
	CHECK_EQ(a[0].kind, DV_USDT_NONE);
}

static void test_read(void)
{
	static const char *const bad[] = {
	    " ",    "8",     "8r",     "3r1",       "8r64",      "8r-1",       "r1",          "8r1  8r1",
	    "8r1 ", "8q",    "8c",     "8c-",       "8c1x",      "8c99999999999999999999",    "8h0", "8m1",
	    "8m1,", "8m1,-", "8m1,-,", "8m1,-,3,0", "8m1,-,1",   "8m1,-,1,",   "8m1,2,-1,0",  "--8r1",
	};
	struct dv_usdt_arg a[DV_USDT_ARGS_MAX];
	char many[DV_USDT_ARGS_MAX * 4 + 8] = "";
	uint32_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (dv_usdt_read(bad[i], a, &n))
			fprintf(stderr, "'%s' was taken\n", bad[i]);
		CHECK(!dv_usdt_read(bad[i], a, &n));
	}
	for (unsigned i = 0; i <= DV_USDT_ARGS_MAX; i++)
		strcat(many, i ? " 8r1" : "8r1");
	CHECK(!dv_usdt_read(many, a, &n));
	CHECK(dv_usdt_read("", a, &n));
	CHECK_EQ(n, 0);
}

int main(void)
{
	test_parse();
	test_long();
	test_read();
	return test_done();
}
