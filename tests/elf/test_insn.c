// SPDX-License-Identifier: GPL-2.0-or-later
//
// Instruction lengths against objdump's, over all the code of a static program (argv[1] is the programs' folder), whose C
// library has vector code of every kind.
#include "elf/insn.h"
#include "lib/test.h"

#include <ctype.h>

static void one(const char *hex, unsigned want)
{
	uint8_t code[16] = {0};
	unsigned n = 0, b;

	for (; n < 16 && sscanf(hex + 3 * n, "%2x", &b) == 1; n++) {
		code[n] = (uint8_t)b;
		if (!hex[3 * n + 2])
			break;
	}
	n++;
	CHECK_EQ(dv_x86_length(code, n), want);
	for (unsigned cut = 0; want && cut < want; cut++)
		CHECK_EQ(dv_x86_length(code, cut), 0);
}

static void test_some(void)
{
	one("90", 1);
	one("f3 0f 1e fa", 4);
	one("66 90", 2);
	one("0f 1f 44 00 00", 5);
	one("48 b8 01 02 03 04 05 06 07 08", 10);
	one("66 b8 01 02", 4);
	one("b8 01 02 03 04", 5);
	one("48 a1 01 02 03 04 05 06 07 08", 10);
	one("67 a1 01 02 03 04", 6);
	one("f6 c1 01", 3);
	one("f6 d1", 2);
	one("f7 44 24 08 01 02 03 04", 8);
	one("66 f7 c1 01 02", 5);
	one("c8 10 00 00", 4);
	one("c4 e3 7d 39 c1 01", 6);
	one("c5 f8 77", 3);
	one("62 f1 7c 48 28 00", 6);
	one("0f 20 04", 3);
	one("8f 00", 2);
	one("8f 04 25 01 02 03 04", 7);
	one("66 2e 0f 1f 84 00 00 00 00 00", 10);
	one("06", 0);
	one("ff f8", 0);
	one("fe d0", 0);
	one("c7 f8 01 02 03 04", 6); // xbegin
	one("0f 04", 0);
	one("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 0); // longer than any
}

static void test_kinds(void)
{
	CHECK(dv_x86_nop((const uint8_t[]){0x90}, 1));
	CHECK(dv_x86_nop((const uint8_t[]){0x66, 0x90}, 2));
	CHECK(dv_x86_nop((const uint8_t[]){0x0f, 0x1f, 0x44, 0, 0}, 5));
	CHECK(!dv_x86_nop((const uint8_t[]){0xf3, 0x90}, 2)); // pause
	CHECK(!dv_x86_nop((const uint8_t[]){0x55}, 1));
	CHECK(!dv_x86_nop((const uint8_t[]){0x0f, 0x1f}, 2));
	CHECK(dv_x86_return((const uint8_t[]){0xc3}, 1));
	CHECK(dv_x86_return((const uint8_t[]){0xf3, 0xc3}, 2));
	CHECK(dv_x86_return((const uint8_t[]){0xc2, 8, 0}, 3));
	CHECK(!dv_x86_return((const uint8_t[]){0xcb}, 1));
	CHECK(!dv_x86_return((const uint8_t[]){0xc5, 0xf9, 0xc2, 0xc0, 0}, 5)); // vcmppd
	CHECK(dv_x86_probeable((const uint8_t[]){0x55}, 1));
	CHECK(!dv_x86_probeable((const uint8_t[]){0xcc}, 1));
	CHECK(!dv_x86_probeable((const uint8_t[]){0xf4}, 1));
	CHECK(!dv_x86_probeable((const uint8_t[]){0xf0, 0xff, 0x00}, 3));
	CHECK(!dv_x86_probeable((const uint8_t[]){0x06}, 1));
	CHECK(!dv_x86_probeable((const uint8_t[]){0x62, 0xe2, 0x7d, 0x28, 0x7a, 0xce}, 6)); // vpbroadcastb: a jp?
	CHECK(!dv_x86_probeable((const uint8_t[]){0xc5, 0xf8, 0x77}, 3));                   // vzeroupper: a ja?
	CHECK(!dv_x86_probeable((const uint8_t[]){0xc5, 0xf9, 0xeb, 0xc0}, 4));             // vpor: a jmp?
	CHECK(dv_x86_probeable((const uint8_t[]){0xc5, 0xf8, 0x57, 0xc0}, 4));              // vxorps
	CHECK(dv_x86_probeable((const uint8_t[]){0xc5, 0xf9, 0xef, 0xc0}, 4));              // vpxor
}

// A line of objdump's: "  401136:\t55 48 89\tpush ...". Lines go on after seven bytes; -w keeps them together.
static void test_objdump(const char *dir)
{
	char cmd[4200], line[1024];
	unsigned long count = 0, wrong = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "objdump -d -w %s/prog.static", dir);
	f = popen(cmd, "r");
	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		const char *p = strchr(line, '\t');
		uint8_t code[24] = {0};
		unsigned n = 0, byte;

		if (!p || line[0] != ' ' || strstr(line, "(bad)"))
			continue;
		for (p++; n < sizeof(code) && isxdigit(p[0]) && isxdigit(p[1]) && p[2] == ' '; p += 3) {
			sscanf(p, "%2x", &byte);
			code[n++] = (uint8_t)byte;
		}
		count++;
		if (dv_x86_length(code, n) != n && wrong++ < 10)
			fprintf(stderr, "%u: %s", dv_x86_length(code, n), line);
	}
	pclose(f);
	CHECK(count > 50000);
	CHECK_EQ(wrong, 0);
	fprintf(stderr, "%lu instructions\n", count);
}

int main(int argc, char **argv)
{
	REQUIRE(argc == 2);
	test_some();
	test_kinds();
	test_objdump(argv[1]);
	return test_done();
}
