/* SPDX-License-Identifier: GPL-2.0-or-later */
// What the disassembler writes, the assembler reads back to the same bytes: for chosen lines, and for any bytes.
#include "code/bytecode.h"
#include "lib/test.h"

static const struct {
	struct dv_insn insn;
	const char *text;
} lines[] = {
	{{0xb7, 0x01, 0, 5}, "0  : r1 = 5"},
	{{0xb7, 0x01, 0, -5}, "0  : r1 = -5"},
	{{0xbf, 0x61, 0, 0}, "0  : r1 = r6"},
	{{0xbc, 0x61, 0, 0}, "0  : w1 = w6"},
	{{0x07, 0x02, 0, INT32_MIN}, "0  : r2 += -2147483648"},
	{{0x0f, 0x12, 0, 0}, "0  : r2 += r1"},
	{{0xc7, 0x02, 0, 3}, "0  : r2 s>>= 3"},
	{{0x67, 0x02, 0, 3}, "0  : r2 <<= 3"},
	{{0x87, 0x03, 0, 0}, "0  : r3 = -r3"},
	{{0x84, 0x03, 0, 0}, "0  : w3 = -w3"},
	{{0xdc, 0x03, 0, 16}, "0  : r3 = be16 r3"},
	{{0xd4, 0x0a, 0, 64}, "0  : r10 = le64 r10"},
	{{0x79, 0xa0, -8, 0}, "0  : r0 = *(u64 *)(r10 - 8)"},
	{{0x71, 0xa0, 8, 0}, "0  : r0 = *(u8 *)(r10 + 8)"},
	{{0x6b, 0x0a, -2, 0}, "0  : *(u16 *)(r10 - 2) = r0"},
	{{0x62, 0x0a, INT16_MIN, -1}, "0  : *(u32 *)(r10 - 32768) = -1"},
	{{0x15, 0x00, 4, 0}, "0  : if r0 == 0 goto L5"},
	{{0x7d, 0x21, 0, 0}, "0  : if r1 s>= r2 goto L1"},
	{{0x45, 0x01, 1, 255}, "0  : if r1 & 255 goto L2"},
	{{0xa5, 0x01, 1, -1}, "0  : if r1 < -1 goto L2"},
	{{0x05, 0x00, 32767, 0}, "0  : goto L32768"},
	{{0x95, 0x00, 0, 0}, "0  : exit"},
	{{0x85, 0x00, 0, DV_FN_RD}, "0  : call rd(r1, r2, r3)"},
	{{0x85, 0x00, 0, DV_FN_RECEND}, "0  : call recend()"},
	{{0xff, 0xff, -1, -1}, "0  : .insn 0xff 0xff -1 -1"},
	{{0x18, 0x01, 0, 5}, "0  : .insn 0x18 0x01 0 5"}, // no second half
	{{0x05, 0x00, -2, 0}, "0  : .insn 0x05 0x00 -2 0"},
};

static bool same(const struct dv_insn *insns, uint32_t count)
{
	size_t size = (size_t)count * DV_DISASM_MAX + 1, len = 0;
	char *text = malloc(size);
	struct dv_insn *back = NULL;
	uint32_t back_count = 0;
	struct dv_error *err;
	bool ok;

	REQUIRE(text);
	text[0] = 0;
	for (uint32_t i = 0; i < count;) {
		char line[DV_DISASM_MAX];

		i += dv_disasm(insns, count, i, line, sizeof(line));
		len += (size_t)snprintf(text + len, size - len, "%s\n", line);
	}
	err = dv_asm(text, &back, &back_count);
	if (err)
		fprintf(stderr, "%s\n", err->msg);
	ok = !err && back_count == count && memcmp(back, insns, count * sizeof(*insns)) == 0;
	if (!ok)
		fprintf(stderr, "%s", text);
	dv_error_destroy(err);
	free(back);
	free(text);
	return ok;
}

static void test_lines(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char buf[DV_DISASM_MAX];

		CHECK_EQ(dv_disasm(&lines[i].insn, 1, 0, buf, sizeof(buf)), 1);
		CHECK_STR(buf, lines[i].text);
		CHECK(same(&lines[i].insn, 1));
	}
}

static void test_wide(void)
{
	struct dv_insn wide[2] = {{0x18, 0x07, 0, (int32_t)0x9abcdef0}, {0, 0, 0, 0x12345678}};
	char buf[DV_DISASM_MAX];

	CHECK_EQ(dv_disasm(wide, 2, 0, buf, sizeof(buf)), 2);
	CHECK_STR(buf, "0  : r7 = 0x123456789abcdef0 ll");
	CHECK(same(wide, 2));
}

static void test_constants_in_calls(void)
{
	struct dv_insn *insns = NULL;
	uint32_t count = 0;
	char buf[DV_DISASM_MAX];

	REQUIRE(!dv_asm("r1 = 3\nr2 = r0\nr3 = 1\ncall agg(whatever)\nr1 = 1\nif r0 == 0 goto l\nr1 = 2\nl: call bi\nexit",
	                &insns, &count));
	dv_disasm(insns, count, 3, buf, sizeof(buf));
	CHECK_STR(buf, "3  : call agg(3, r2, r3)");
	dv_disasm(insns, count, 7, buf, sizeof(buf)); // two values meet here
	CHECK_STR(buf, "7  : call bi(r1)");
	CHECK(same(insns, count));
	free(insns);
}

static void test_any_bytes(void)
{
	uint64_t rng = 88172645463325252ull;

	for (int round = 0; round < 20000; round++) {
		struct dv_insn insns[6];
		uint8_t *b = (uint8_t *)insns;

		for (size_t i = 0; i < sizeof(insns); i++) {
			rng ^= rng << 13;
			rng ^= rng >> 7;
			rng ^= rng << 17;
			b[i] = (uint8_t)(rng >> 24);
		}
		for (int i = 0; i < 6; i++) { // mostly sensible ones
			if (rng >> i & 1)
				insns[i].imm = insns[i].imm % 40;
			if (rng >> i & 2)
				insns[i].off = 0;
			if (rng >> i & 4)
				insns[i].regs &= 0x77;
			if (rng >> i & 8)
				insns[i].regs &= 0x0f;
		}
		if (!same(insns, 6)) {
			CHECK(!"same bytes");
			break;
		}
	}
}

static void test_bad_text(void)
{
	static const char *const bad[] = {
		"r11 = 5",       "r1 = w2",        "w1 = 5 ll",     "r1 = -r2",          "r1 = be16 r2",  "r1 = be24 r1",
		"r1 == 5",       "if r1 = 5 goto x", "goto",        "goto nowhere",      "call nothing",  "call agg(1",
		"r1 = 5 6",      "r1 =",           "frob",          "*(u64 *)(r10 - 8)", "*(u128 *)(r10 - 8) = 1",
		"r1 = 99999999999", "if r1 == 5",  "exit exit",     "r0 = *(u64 *)(r10 - 99999)", "if w1 == 5 goto L9",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dv_insn *insns = NULL;
		uint32_t count;
		struct dv_error *err = dv_asm(bad[i], &insns, &count);

		if (!err)
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK(err != NULL);
		dv_error_destroy(err);
	}
}

int main(void)
{
	test_lines();
	test_wide();
	test_constants_in_calls();
	test_any_bytes();
	test_bad_text();
	return test_done();
}
