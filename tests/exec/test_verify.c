/* SPDX-License-Identifier: GPL-2.0-or-later */
// The verifier, rule by rule: a program, and the message that it is refused with (NULL: it passes).
#include "code/bytecode.h"
#include "lib/test.h"

static const struct {
	const char *what, *text, *msg;
} cases[] = {
	{"smallest", "r0 = 1\nexit", NULL},
	{"every register", "r0=0\nr1=1\nr2=2\nr3=3\nr4=4\nr5=5\nr6=6\nr7=7\nr8=8\nr9=9\nexit", NULL},
	{"operations", "r0 = 7\nr0 += 1\nr0 -= 1\nr0 *= 3\nr0 |= 1\nr0 &= 3\nr0 <<= 63\nr0 >>= 63\nr0 ^= 1\nr0 s>>= 3\n"
	               "r0 = -r0\nr0 = be16 r0\nr0 = le64 r0\nw0 <<= 31\nw0 = -w0\nr1 = r0\nr0 += r1\nexit", NULL},
	{"stack", "*(u64 *)(r10 - 8) = 5\nr0 = *(u64 *)(r10 - 8)\nexit", NULL},
	{"whole stack", "*(u64 *)(r10 - 512) = 5\n*(u8 *)(r10 - 1) = 1\nr0 = *(u64 *)(r10 - 512)\nexit", NULL},
	{"parts of a word", "r1 = 1\n*(u32 *)(r10 - 8) = r1\n*(u32 *)(r10 - 4) = r1\nr0 = *(u64 *)(r10 - 8)\nexit", NULL},
	{"call", "r1 = 0\ncall bi\nexit", NULL},
	{"call without arguments", "call recend\nexit", NULL},
	{"saved register", "r6 = 1\ncall recend\nr0 = r6\nexit", NULL},
	{"jump", "r0 = 1\nif r0 == 1 goto end\nr0 = 2\nend: exit", NULL},
	{"jump to the next", "r0 = 1\ngoto next\nnext: exit", NULL},
	{"wide constant", "r0 = 0x123456789a ll\nexit", NULL},
	{"set on both paths", "r1 = 1\nif r1 == 1 goto b\nr0 = 1\ngoto end\nb: r0 = 2\nend: exit", NULL},

	{"register not set", "r0 = r1\nexit", "insn 0: r1 is not set on every path"},
	{"r0 not set", "exit", "insn 0: r0 is not set on every path"},
	{"operand not set", "r0 += 1\nexit", "insn 0: r0 is not set on every path"},
	{"xor is no initialisation", "r0 ^= r0\nexit", "insn 0: r0 is not set on every path"},
	{"negate unset", "r0 = -r0\nexit", "insn 0: r0 is not set on every path"},
	{"swap unset", "r0 = be32 r0\nexit", "insn 0: r0 is not set on every path"},
	{"compare unset", "r0 = 1\nif r2 == 1 goto end\nend: exit", "insn 1: r2 is not set on every path"},
	{"compare with unset", "r0 = 1\nif r0 == r2 goto end\nend: exit", "insn 1: r2 is not set on every path"},
	{"set on one path", "r1 = 1\nif r1 == 1 goto end\nr0 = 1\nend: exit", "insn 3: r0 is not set on every path"},
	{"set on the other path", "r1 = 1\nif r1 == 1 goto b\ngoto end\nb: r0 = 2\nend: exit",
	 "insn 4: r0 is not set on every path"},
	{"destroyed by a call", "r1 = 1\ncall bi\nr0 = r1\nexit", "insn 2: r1 is not set on every path"},
	{"r5 destroyed by a call", "r5 = 1\ncall recend\nr0 = r5\nexit", "insn 2: r5 is not set on every path"},
	{"r10 read", "r0 = r10\nexit", "insn 0: r10 is only a base for loads and stores"},
	{"r10 added to", "r10 += 8\nr0 = 0\nexit", "insn 0: r10 is only a base for loads and stores"},
	{"r10 added", "r0 = 0\nr0 += r10\nexit", "insn 1: r10 is only a base for loads and stores"},
	{"r10 compared", "r0 = 0\nif r10 == 0 goto end\nend: exit", "insn 1: r10 is only a base for loads and stores"},
	{"r10 stored", "*(u64 *)(r10 - 8) = r10\nr0 = 0\nexit", "insn 0: r10 is only a base for loads and stores"},
	{"r10 written", "r10 = 5\nr0 = 0\nexit", "insn 0: r10 cannot be written"},
	{"r10 loaded", "*(u64 *)(r10 - 8) = 1\nr10 = *(u64 *)(r10 - 8)\nexit", "insn 1: r10 cannot be written"},
	{"r10 wide constant", "r10 = 1 ll\nexit", "insn 0: r10 cannot be written"},
	{"no such register", ".insn 0xb7 0x0b 0 5\nexit", "insn 0: no such register r11"},
	{"no such source", ".insn 0xbf 0xf0 0 0\nexit", "insn 0: no such register r15"},
	{"no such base", ".insn 0x79 0xf0 -8 0\nexit", "insn 0: loads and stores are by r10 only"},

	{"load by another base", "r1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit", "insn 1: loads and stores are by r10 only"},
	{"store by another base", "r1 = 0\n*(u64 *)(r1 - 8) = 1\nexit", "insn 1: loads and stores are by r10 only"},
	{"below the stack", "*(u64 *)(r10 - 520) = 1\nr0 = 0\nexit", "insn 0: outside the stack: r10 -520, 8 bytes"},
	{"above the stack", "*(u64 *)(r10 + 0) = 1\nr0 = 0\nexit", "insn 0: outside the stack: r10 +0, 8 bytes"},
	{"over the end", "*(u64 *)(r10 - 4) = 1\nr0 = 0\nexit", "insn 0: outside the stack: r10 -4, 8 bytes"},
	{"lowest offset", "*(u8 *)(r10 - 32768) = 1\nr0 = 0\nexit", "insn 0: outside the stack: r10 -32768, 1 bytes"},
	{"not aligned", "*(u64 *)(r10 - 12) = 1\nr0 = 0\nexit", "insn 0: not aligned: r10 -12, 8 bytes"},
	{"stack not set", "r0 = *(u64 *)(r10 - 8)\nexit", "insn 0: stack at r10 -8 is not set on every path"},
	{"stack half set", "*(u32 *)(r10 - 8) = 1\nr0 = *(u64 *)(r10 - 8)\nexit",
	 "insn 1: stack at r10 -8 is not set on every path"},
	{"last byte not set", "*(u8 *)(r10 - 8) = 1\nr0 = *(u16 *)(r10 - 8)\nexit",
	 "insn 1: stack at r10 -8 is not set on every path"},
	{"stack set on one path", "r0 = 1\nif r0 == 1 goto l\n*(u64 *)(r10 - 256) = 1\nl: r0 = *(u64 *)(r10 - 256)\nexit",
	 "insn 3: stack at r10 -256 is not set on every path"},
	{"store unset", "*(u64 *)(r10 - 8) = r1\nr0 = 0\nexit", "insn 0: r1 is not set on every path"},
	{"atomic", ".insn 0xdb 0x1a -8 0\nexit", "insn 0: unknown operation 0xdb"},

	{"backwards", "l: r0 = 1\ngoto l\nexit", "insn 1: jump backwards"},
	{"to itself", "r0 = 1\nl: if r0 == 1 goto l\nexit", "insn 1: jump backwards"},
	{"out of the program", "r0 = 1\nif r0 == 1 goto L3\nexit", "insn 1: jump out of the program"},
	{"far out of the program", "r0 = 1\nif r0 == 1 goto L32000\nexit", "insn 1: jump out of the program"},
	{"into a wide constant", "r0 = 1\nif r0 == 1 goto L3\nr0 = 5 ll\nexit",
	 "insn 2: jump into the middle of a 64-bit constant"},
	{"runs off the end", "r0 = 1", "insn 0: runs off the end"},
	{"wide constant at the end", "r0 = 1 ll", "insn 1: runs off the end"},
	{"jump runs off the end", "r0 = 1\nif r0 == 1 goto l\nexit\nl: r0 = 2", "insn 3: runs off the end"},
	{"cannot be reached", "r0 = 1\nexit\nr0 = 2\nexit", "insn 2: cannot be reached"},
	{"jumped over", "r0 = 1\ngoto l\nr0 = 2\nl: exit", "insn 2: cannot be reached"},

	{"unknown function", ".insn 0x85 0 0 9999\nexit", "insn 0: call of unknown function 9999"},
	{"function 0", ".insn 0x85 0 0 0\nexit", "insn 0: call of unknown function 0"},
	{"negative function", ".insn 0x85 0 0 -1\nexit", "insn 0: call of unknown function -1"},
	{"argument not set", "r1 = 0\nr2 = 0\ncall agg\nexit", "insn 2: argument r3 of agg is not set on every path"},
	{"call by register", ".insn 0x8d 0 0 1\nexit", "insn 0: unknown operation 0x8d"},
	{"kernel function call", ".insn 0x85 0x20 0 1\nexit", "insn 0: unused field is not zero"},

	{"division", "r0 = 1\n.insn 0x37 0 0 2\nexit", "insn 1: unknown operation 0x37"},
	{"modulo", "r0 = 1\n.insn 0x97 0 0 2\nexit", "insn 1: unknown operation 0x97"},
	{"operation 0xe0", "r0 = 1\n.insn 0xe7 0 0 2\nexit", "insn 1: unknown operation 0xe7"},
	{"swap of 64-bit class", "r0 = 1\n.insn 0xd7 0 0 32\nexit", "insn 1: unknown operation 0xd7"},
	{"negate by register", "r0 = 1\n.insn 0x8f 0 0 0\nexit", "insn 1: unknown operation 0x8f"},
	{"swap of 24 bits", "r0 = 1\n.insn 0xdc 0 0 24\nexit", "insn 1: byte swap of 24 bits"},
	{"shift by 64", "r0 = 1\nr0 <<= 64\nexit", "insn 1: shift by 64"},
	{"shift of a half by 32", "r0 = 1\nw0 s>>= 32\nexit", "insn 1: shift by 32"},
	{"shift by -1", "r0 = 1\nr0 >>= -1\nexit", "insn 1: shift by -1"},
	{"32-bit jumps", "r0 = 1\n.insn 0x16 0 0 0\nexit", "insn 1: unknown operation 0x16"},
	{"jump 0xe0", "r0 = 1\n.insn 0xe5 0 0 0\nexit", "insn 1: unknown operation 0xe5"},
	{"goto by register", "r0 = 1\n.insn 0x0d 0 0 0\nexit", "insn 1: unknown operation 0x0d"},
	{"exit by register", "r0 = 1\n.insn 0x9d 0 0 0", "insn 1: unknown operation 0x9d"},
	{"packet load", ".insn 0x20 0 0 0\nexit", "insn 0: unknown operation 0x20"},
	{"sign-extending load", ".insn 0x99 0xa0 -8 0\nexit", "insn 0: unknown operation 0x99"},
	{"map reference", ".insn 0x18 0x10 0 1\n.insn 0 0 0 0\nr0 = 0\nexit", "insn 0: unused field is not zero"},
	{"spoilt second half", ".insn 0x18 0 0 1\n.insn 0xb7 0 0 0\nexit", "insn 0: unused field is not zero"},
	{"half a wide constant", "r0 = 1\n.insn 0x18 0 0 1", "insn 1: second half of a 64-bit constant is missing"},
	{"move with offset", "r1 = 1\n.insn 0xbf 0x10 8 0\nexit", "insn 1: unused field is not zero"},
	{"move with both", "r1 = 1\n.insn 0xbf 0x10 0 1\nexit", "insn 1: unused field is not zero"},
	{"constant with source", ".insn 0xb7 0x10 0 1\nexit", "insn 0: unused field is not zero"},
	{"negate with constant", "r0 = 1\n.insn 0x87 0 0 1\nexit", "insn 1: unused field is not zero"},
	{"swap with source", "r0 = 1\n.insn 0xdc 0x10 0 16\nexit", "insn 1: unused field is not zero"},
	{"goto with constant", "r0 = 1\n.insn 0x05 0 0 1\nexit", "insn 1: unused field is not zero"},
	{"compare with both", "r0 = 1\n.insn 0x1d 0 0 1\nexit", "insn 1: unused field is not zero"},
	{"compare with source", "r0 = 1\n.insn 0x15 0x10 0 1\nexit", "insn 1: unused field is not zero"},
	{"load with constant", "*(u64 *)(r10 - 8) = 1\n.insn 0x79 0xa0 -8 1\nexit", "insn 1: unused field is not zero"},
	{"store with constant", "r0 = 1\n.insn 0x7b 0x0a -8 1\nexit", "insn 1: unused field is not zero"},
	{"store of constant with source", "r0 = 1\n.insn 0x7a 0x1a -8 1\nexit", "insn 1: unused field is not zero"},
	{"exit with constant", "r0 = 1\n.insn 0x95 0 0 1", "insn 1: unused field is not zero"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dv_insn *insns = NULL;
		uint32_t count = 0;
		char msg[128] = "";
		struct dv_error *err = dv_asm(cases[i].text, &insns, &count);
		bool ok;

		if (err) {
			fprintf(stderr, "%s: %s\n", cases[i].what, err->msg);
			dv_error_destroy(err);
			CHECK(!"assembles");
			continue;
		}
		ok = dv_verify(insns, count, msg, sizeof(msg));
		if (ok != !cases[i].msg || (!ok && strcmp(msg, cases[i].msg) != 0))
			fprintf(stderr, "%s: \"%s\", not \"%s\"\n", cases[i].what, msg, cases[i].msg ? cases[i].msg : "");
		CHECK(ok == !cases[i].msg && (ok || strcmp(msg, cases[i].msg) == 0));
		free(insns);
	}
}

static void test_sizes(void)
{
	struct dv_insn *insns = calloc(DV_INSN_MAX + 1, sizeof(*insns));
	char msg[64], tiny[8];

	REQUIRE(insns);
	CHECK(!dv_verify(insns, 0, msg, sizeof(msg)));
	CHECK_STR(msg, "0 instructions: there must be 1 to 16384");
	for (uint32_t i = 0; i < DV_INSN_MAX; i++)
		insns[i] = (struct dv_insn){.code = DV_ALU64 | DV_MOV | DV_K};
	insns[DV_INSN_MAX - 1] = (struct dv_insn){.code = DV_JMP | DV_EXIT};
	CHECK(dv_verify(insns, DV_INSN_MAX, msg, sizeof(msg)));
	CHECK(!dv_verify(insns, DV_INSN_MAX + 1, msg, sizeof(msg)));
	insns[0].code = 0xff;
	CHECK(!dv_verify(insns, DV_INSN_MAX, tiny, sizeof(tiny)));
	CHECK_STR(tiny, "insn 0:");
	// Every jump there can be, all to the end.
	for (uint32_t i = 1; i < DV_INSN_MAX - 1; i++)
		insns[i] = (struct dv_insn){.code = DV_JMP | DV_JEQ, .off = (int16_t)(DV_INSN_MAX - 2 - i)};
	insns[0] = (struct dv_insn){.code = DV_ALU64 | DV_MOV | DV_K};
	CHECK(dv_verify(insns, DV_INSN_MAX, msg, sizeof(msg)));
	free(insns);
}

int main(void)
{
	test_cases();
	test_sizes();
	return test_done();
}
