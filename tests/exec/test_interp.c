/* SPDX-License-Identifier: GPL-2.0-or-later */
// The interpreter, instruction by instruction and function by function: text, and what is left in r0 or as a fault.
#include "setup.h"

static struct setup s;

// Run one program as a firing of its own.
static uint64_t run(const char *text)
{
	struct dv_insn *insns = NULL;
	uint32_t count = 0;
	struct dv_error *err = dv_asm(text, &insns, &count);
	char msg[128];
	uint64_t r;

	if (err)
		fprintf(stderr, "%s\n", err->msg);
	REQUIRE(!err);
	if (!dv_verify(insns, count, msg, sizeof(msg))) {
		fprintf(stderr, "%s: %s\n", text, msg);
		CHECK(!"verified");
		free(insns);
		return 0;
	}
	s.x.seq = dv_st_begin(&s.x.st);
	REQUIRE(s.x.seq);
	dv_st_clause(&s.x.st);
	s.x.place = &s.fake.place;
	s.x.site = &s.loaded->sites[0];
	s.x.have_thread = false;
	s.x.execname = 0;
	s.x.timestamp = 0;
	s.x.epid = 10;
	r = dv_interp(&s.x, insns, count);
	dv_st_end(&s.x.st);
	free(insns);
	return r;
}

static const struct {
	const char *text;
	uint64_t r0;
} values[] = {
	{"r0 = 1\nexit", 1},
	{"r0 = -1\nexit", UINT64_MAX},
	{"w0 = -1\nexit", UINT32_MAX},
	{"r0 = 0x123456789abcdef0 ll\nexit", 0x123456789abcdef0},
	{"r1 = 0x1234567800000007 ll\nw0 = w1\nexit", 7},
	{"r0 = 5\nr0 += -7\nexit", (uint64_t)-2},
	{"r0 = 5\nw0 += -7\nexit", (uint32_t)-2},
	{"r0 = 5\nr1 = 7\nr0 -= r1\nexit", (uint64_t)-2},
	{"r0 = -3\nr0 *= 5\nexit", (uint64_t)-15},
	{"r0 = -3\nr1 = 5\nw0 *= w1\nexit", (uint32_t)-15},
	{"r0 = 12\nr0 |= 3\nexit", 15}, {"r0 = 12\nr0 &= 6\nexit", 4}, {"r0 = 12\nr0 ^= 6\nexit", 10},
	{"r0 = 1\nr0 <<= 63\nexit", 1ull << 63}, {"r0 = 1\nw0 <<= 31\nexit", 1u << 31},
	{"r0 = 1\nr1 = 65\nr0 <<= r1\nexit", 2}, {"r0 = 1\nr1 = 33\nw0 <<= w1\nexit", 2},
	{"r0 = -1\nr0 >>= 60\nexit", 15}, {"r0 = -1\nw0 >>= 28\nexit", 15}, {"r0 = -1\nr1 = 60\nr0 >>= r1\nexit", 15},
	{"r0 = -256\nr0 s>>= 4\nexit", (uint64_t)-16}, {"r0 = -256\nw0 s>>= 4\nexit", (uint32_t)-16},
	{"r0 = -256\nr1 = 4\nr0 s>>= r1\nexit", (uint64_t)-16}, {"r0 = -256\nr1 = 36\nw0 s>>= w1\nexit", (uint32_t)-16},
	{"r0 = 5\nr0 = -r0\nexit", (uint64_t)-5}, {"r0 = 5\nw0 = -w0\nexit", (uint32_t)-5},
	{"r0 = 0x1122334455667788 ll\nr0 = be16 r0\nexit", 0x8877},
	{"r0 = 0x1122334455667788 ll\nr0 = be32 r0\nexit", 0x88776655},
	{"r0 = 0x1122334455667788 ll\nr0 = be64 r0\nexit", 0x8877665544332211},
	{"r0 = 0x1122334455667788 ll\nr0 = le16 r0\nexit", 0x7788},
	{"r0 = 0x1122334455667788 ll\nr0 = le32 r0\nexit", 0x55667788},
	{"r0 = 0x1122334455667788 ll\nr0 = le64 r0\nexit", 0x1122334455667788},
	// stack
	{"*(u64 *)(r10 - 8) = -2\nr0 = *(u64 *)(r10 - 8)\nexit", (uint64_t)-2},
	{"*(u64 *)(r10 - 512) = -2\nr0 = *(u8 *)(r10 - 512)\nexit", 0xfe},
	{"*(u64 *)(r10 - 8) = -2\nr0 = *(u16 *)(r10 - 8)\nexit", 0xfffe},
	{"*(u64 *)(r10 - 8) = -2\nr0 = *(u32 *)(r10 - 8)\nexit", 0xfffffffe},
	{"*(u64 *)(r10 - 8) = 0\n*(u8 *)(r10 - 7) = 0x1ff\nr0 = *(u64 *)(r10 - 8)\nexit", 0xff00},
	{"*(u64 *)(r10 - 8) = 0\n*(u16 *)(r10 - 6) = -1\nr0 = *(u64 *)(r10 - 8)\nexit", 0xffff0000},
	{"*(u64 *)(r10 - 8) = 0\nr1 = 0x1122334455667788 ll\n*(u32 *)(r10 - 4) = r1\nr0 = *(u64 *)(r10 - 8)\nexit",
	 0x5566778800000000},
	{"r1 = 0x1122334455667788 ll\n*(u64 *)(r10 - 16) = r1\nr0 = *(u64 *)(r10 - 16)\nexit", 0x1122334455667788},
	{"r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\ncall recend\nr0 = r6\nr0 += r7\nr0 += r8\nr0 += r9\nexit", 10},
	// functions of the state
	{"r1 = 0x10008\nr2 = 42\ncall st\nr1 = 0x10008\ncall ld\nexit", 42},
	{"r1 = 0x10008\nr2 = 40\ncall st\nr1 = 0x10008\nr2 = 0\nr3 = 2\nr4 = 0x18\ncall rmw\nexit", 42},
	{"r1 = 8\ncall this\nr6 = r0\nr1 = r6\nr2 = 9\ncall st\nr1 = r6\ncall ld\nexit", 9},
	{"r1 = 5\ncall key\nr1 = 0\nr2 = 1\ncall dyn\nr1 = r0\nr2 = 77\ncall st\n"
	 "r1 = 5\ncall key\nr1 = 0\nr2 = 0\ncall dyn\nr1 = r0\ncall ld\nexit", 77},
	{"r1 = 6\ncall key\nr1 = 0\nr2 = 0\ncall dyn\nexit", 0},
	{"r1 = 0\nr2 = -7\nr3 = 2\ncall div\nexit", (uint64_t)-3},
	{"r1 = 0x100008\ncall slen\nexit", 8},
	{"r1 = 0x100008\nr2 = 0x100018\ncall scmp\nexit", (uint64_t)-1},
	{"r1 = 0x100018\nr2 = 0x100018\ncall sjoin\nr1 = r0\ncall slen\nexit", 4},
	{"r1 = 0x100008\nr2 = 3\nr3 = 2\ncall ssub\nr1 = r0\ncall slen\nexit", 2},
	// the firing
	{"r1 = 3\ncall bi\nexit", 2},            // cpu
	{"r1 = 4\ncall bi\nexit", 1004},         // pid: the place's
	{"r1 = 11\ncall bi\nexit", 10},          // epid
	{"r1 = 12\ncall bi\nexit", 77},          // id
	{"r1 = 17\ncall bi\nexit", MACHINE},     // vm
	{"r1 = 20\ncall bi\nexit", 1020},        // hosttid: the place's
	{"r1 = 22\ncall bi\nexit", 2},           // guestvcpu: a guest's own
	{"r1 = 70\ncall bis\nexit", CONST_VM},   // guestname
	{"r1 = 65\ncall bis\nexit", CONST_VM},   // vmname
	{"r1 = 66\ncall bis\nexit", CONST_STR},  // probeprov
	{"r1 = 67\ncall bis\nexit", 0},          // probemod: not asked for
	{"r1 = 68\ncall bis\nexit", CONST_FUNC}, // probefunc
	{"r1 = 64\ncall bis\nr1 = r0\ncall slen\nexit", 5}, // execname
	{"r1 = 3\ncall arg\nexit", 7703},
	{"r1 = 5\ncall reg\nexit", 0x1005},
	// memory
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 1\ncall rd\nexit", 'a'},
	{"r1 = 0x10000\nr2 = 0xffff888000001001 ll\nr3 = 2\ncall rd\nexit", 'b' | 'c' << 8},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 8\ncall rd\nexit", 0x6867666564636261},
	{"r1 = 3\nr2 = 0xffff888000001000 ll\nr3 = 4\ncall rd\nexit", 0x64636261}, // itself by its index
	{"r1 = 5\nr2 = 1\nr3 = 4\ncall rd\nexit", 0x55555555},                      // another machine
	{"r1 = 5\nr2 = 7\ncall pmach\nexit", 5},
	{"r1 = 0x10000\nr2 = 1\ncall pmach\nexit", 0x10000},
	{"r1 = 0x10001\nr2 = 1\ncall pmach\nexit", 0x10001},
	{"r1 = 0x10002\nr2 = 1\ncall pmach\nexit", 0x10002},
	{"r1 = 3\nr2 = 9\ncall pmach\nexit", 3},
	// a copy, and reading in the copy
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 100\ncall rdmem\nr2 = r0\nr2 += 26\nr1 = 0x10002\nr3 = 4\ncall rd\nexit",
	 0x64636261},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 0\ncall rdmem\nif r0 != 0 goto l\nr0 = 0\nexit\nl: r0 = 1\nexit", 1},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 0\ncall rdstr\nr1 = r0\ncall slen\nexit", 63},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 1000\ncall rdstr\nr1 = r0\ncall slen\nexit", 63},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 10\ncall rdstr\nr1 = r0\ncall slen\nexit", 9},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 1\ncall rdstr\nr1 = r0\ncall slen\nexit", 0},
	{"r1 = 0x10000\nr2 = 0xffff888000001ffa ll\nr3 = 0\ncall rdstr\nr1 = r0\ncall slen\nexit", 5}, // up to the page's end
	{"r1 = 0x10000\nr2 = 0xffff888000001ffa ll\nr3 = 0\ncall rdstr\nr2 = r0\nr1 = 0x10002\nr3 = 3\ncall rdstr\nr1 = r0\n"
	 "call slen\nexit", 2},
	{"r1 = 0x10003\nr2 = 8\nr3 = 8\ncall rd\nexit", 0}, // below the globals: an element that is not there
	{"r1 = 0x10100\nr2 = 4\nr3 = 0x12345678\ncall stn\nr1 = 0x10003\nr2 = 0x10101\nr3 = 2\ncall rd\nexit", 0x3456},
	{"r1 = 0x10108\nr2 = 0x10102\nr3 = 6\ncall cpy\nr1 = 0x10109\nr2 = 1\ncall ldn\nexit", 0x12},
	{"r1 = 0x10109\nr2 = 0\nr3 = 1\nr4 = 0x11\ncall rmwn\nexit", 0x13},
};

static void test_values(void)
{
	memcpy(s.fake.mem + MEM_SIZE - 6, "hello", 6);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t r0 = run(values[i].text);

		if (r0 != values[i].r0 || s.x.prod->fault)
			fprintf(stderr, "%s: 0x%" PRIx64 ", not 0x%" PRIx64 ", fault %u\n", values[i].text, r0, values[i].r0,
			        s.x.prod->fault);
		CHECK(r0 == values[i].r0 && !s.x.prod->fault);
	}
}

static const struct {
	const char *text;
	uint32_t fault, pc;
	uint64_t value;
} faults[] = {
	{"r1 = 0x10000\nr2 = 0\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 3, 0},
	{"r1 = 0x10000\nr2 = 0xffff888000001ffc ll\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 4, 0xffff888000001ffc},
	{"r1 = 0x10000\nr2 = -1\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 3, UINT64_MAX},
	{"r1 = 0x10001\nr2 = 0x400000\nr3 = 8\ncall rd\nexit", DV_FAULT_UPRIV, 3, 0x400000},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 3\ncall rd\nexit", DV_FAULT_BADSIZE, 4, 3},
	{"r1 = 0x10004\nr2 = 0\nr3 = 8\ncall rd\nexit", DV_FAULT_BADMACH, 3, 0x10004},
	// the script's own bytes: nothing behind the region
	{"r1 = 0x10003\nr2 = 0x7fffffff\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 3, 0x7fffffff},
	{"r1 = 0x10003\nr2 = -1\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 3, UINT64_MAX},
	{"r1 = 64\nr2 = 0\nr3 = 8\ncall rd\nexit", DV_FAULT_BADMACH, 3, 64},
	{"r1 = -1\nr2 = 0\nr3 = 8\ncall rd\nexit", DV_FAULT_BADMACH, 3, UINT64_MAX},
	{"r1 = 0x100000003 ll\nr2 = 0\nr3 = 8\ncall rd\nexit", DV_FAULT_BADMACH, 4, 0x100000003},
	{"r1 = 6\nr2 = 0\nr3 = 8\ncall rd\nexit", DV_FAULT_BADMACH, 3, 6}, // gone
	{"r1 = 6\nr2 = 7\ncall pmach\nexit", DV_FAULT_BADMACH, 2, 6},
	{"r1 = 5\nr2 = 9\ncall pmach\nexit", DV_FAULT_BADTYPES, 2, 5},
	{"r1 = 64\nr2 = 9\ncall pmach\nexit", DV_FAULT_BADMACH, 2, 64},
	// scratch: the start of the region, behind everything, and just over the end are not in it
	{"r1 = 0x10002\nr2 = 0\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 3, 0},
	{"r1 = 0x10002\nr2 = 0x7fffffff\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 3, 0x7fffffff},
	{"r1 = 0x10002\nr2 = -1\nr3 = 8\ncall rd\nexit", DV_FAULT_BADADDR, 3, UINT64_MAX},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 4096\ncall rdmem\nr2 = r0\nr2 += 4089\nr1 = 0x10002\nr3 = 8\ncall rd\n"
	 "r0 = 0\nexit", DV_FAULT_BADADDR, 9, 0 /* see below */},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = 4097\ncall rdmem\nexit", DV_FAULT_NOSCRATCH, 4, 0},
	{"r1 = 0x10000\nr2 = 0xffff888000001000 ll\nr3 = -1\ncall rdmem\nexit", DV_FAULT_NOSCRATCH, 4, 0},
	{"r1 = 0x10000\nr2 = 0xffff888000001008 ll\nr3 = 4096\ncall rdmem\nexit", DV_FAULT_BADADDR, 4, 0xffff888000001008},
	{"r1 = 0x10000\nr2 = 0xffff888000000ff0 ll\nr3 = 8\ncall rdstr\nexit", DV_FAULT_BADADDR, 4, 0xffff888000000ff0},
	{"r1 = 0\nr2 = 7\nr3 = 0\ncall div\nexit", DV_FAULT_DIVZERO, 3, 0},
	{"r1 = 6\ncall bi\nexit", DV_FAULT_BADADDR, 1, 0}, // ppid: the place says no
	{"r1 = 63\ncall bi\nexit", DV_FAULT_ILLOP, 1, 63},
	{"r1 = -1\ncall bi\nexit", DV_FAULT_ILLOP, 1, UINT64_MAX},
	{"r1 = 0\ncall bis\nexit", DV_FAULT_ILLOP, 1, 0},
	{"r1 = 99\ncall bis\nexit", DV_FAULT_ILLOP, 1, 99},
	{"r1 = 10\ncall arg\nexit", DV_FAULT_BADINDEX, 1, 0},
	{"r1 = -1\ncall arg\nexit", DV_FAULT_BADINDEX, 1, UINT64_MAX},
	{"r1 = 32\ncall reg\nexit", DV_FAULT_BADINDEX, 1, 32},
	{"r1 = -1\ncall reg\nexit", DV_FAULT_BADINDEX, 1, UINT64_MAX},
	// stack blocks: no such kind, no or too many frames; where none was made there is none to keep
	{"r1 = 2\nr2 = 20\ncall stack\nexit", DV_FAULT_BADSTACK, 2, 20},
	{"r1 = 0\nr2 = 0\ncall stack\nexit", DV_FAULT_BADSTACK, 2, 0},
	{"r1 = 1\nr2 = 241\ncall stack\nexit", DV_FAULT_BADSTACK, 2, 241},
	{"r1 = 1\nr2 = 0x10000\nr3 = 5\ncall symaddr\nexit", DV_FAULT_ILLOP, 3, 1},
	{"r1 = 7\nr2 = 0x10000\nr3 = 5\ncall symaddr\nexit", DV_FAULT_ILLOP, 3, 7},
	{"r1 = 0\ncall keyb\nexit", DV_FAULT_BADSIZE, 1, 0},
	{"r1 = 0\ncall recb\nexit", DV_FAULT_BADSIZE, 1, 0},
	{"r1 = 3\nr2 = 99\ncall fault\nr0 = 1\nexit", DV_FAULT_ILLOP, 2, 99},
	{"r1 = 4\nr2 = 99\ncall fault\nr0 = 1\nexit", DV_FAULT_DIVZERO, 2, 99},
	{"r1 = 0\nr2 = 99\ncall fault\nr0 = 1\nexit", DV_FAULT_ILLOP, 2, 99},
	{"r1 = -1\nr2 = 99\ncall fault\nr0 = 1\nexit", DV_FAULT_ILLOP, 2, 99},
};

static void test_faults(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct dv_producer *p = s.x.prod;
		uint64_t want = faults[i].value;

		CHECK_EQ(run(faults[i].text), 0);
		if (faults[i].pc == 9)
			want = s.x.scratch_off + 4089;
		if (p->fault != faults[i].fault || p->fault_value != want || s.x.pc != faults[i].pc)
			fprintf(stderr, "%s: fault %u value 0x%" PRIx64 " at %u\n", faults[i].text, p->fault, p->fault_value, s.x.pc);
		CHECK(p->fault == faults[i].fault && p->fault_value == want && s.x.pc == faults[i].pc);
	}
}

// Every compare, both forms, on numbers where signedness and width matter.
static void test_jumps(void)
{
	static const struct {
		const char *op;
		int kind;
	} ops[] = {{"==", 0}, {"!=", 1}, {">", 2}, {">=", 3}, {"<", 4}, {"<=", 5}, {"s>", 6}, {"s>=", 7}, {"s<", 8}, {"s<=", 9}, {"&", 10}};
	static const int numbers[] = {0, 1, -1, 5, INT32_MIN, INT32_MAX};

	for (unsigned o = 0; o < sizeof(ops) / sizeof(ops[0]); o++)
		for (unsigned i = 0; i < 6; i++)
			for (unsigned k = 0; k < 6; k++) {
				int64_t a = numbers[i], b = numbers[k];
				uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
				bool want[] = {a == b, a != b, ua > ub, ua >= ub, ua < ub, ua <= ub, a > b, a >= b, a < b, a <= b, (a & b) != 0};
				char text[200];

				snprintf(text, sizeof(text), "r1 = %d\nr0 = 1\nif r1 %s %d goto l\nr0 = 0\nl: exit", numbers[i],
				         ops[o].op, numbers[k]);
				CHECK_EQ(run(text), want[ops[o].kind]);
				snprintf(text, sizeof(text), "r1 = %d\nr2 = %d\nr0 = 1\nif r1 %s r2 goto l\nr0 = 0\nl: exit",
				         numbers[i], numbers[k], ops[o].op);
				CHECK_EQ(run(text), want[ops[o].kind]);
			}
	CHECK_EQ(run("r0 = 1\ngoto l\nl: exit"), 1);
	CHECK_EQ(run("r0 = 1\nif r0 == 1 goto l\nr0 = 5 ll\nl: exit"), 1);
}

static void test_once(void)
{
	s.fake.threads = s.fake.execnames = 0;
	CHECK_EQ(run("r1 = 1\ncall key\nr1 = 1\nr2 = 3\ncall dyn\nr1 = 2\ncall key\nr1 = 1\nr2 = 3\ncall dyn\n"
	             "r1 = 64\ncall bis\nr6 = r0\nr1 = 64\ncall bis\nr0 -= r6\nexit"), 0);
	CHECK_EQ(s.fake.threads, 1);
	CHECK_EQ(s.fake.execnames, 1);
	CHECK(run("r1 = 0\ncall bi\nexit") != 0);
	CHECK_EQ(run("r1 = 0\ncall bi\nr6 = r0\nr1 = 0\ncall bi\nr0 -= r6\nexit"), 0);
	CHECK(run("r1 = 1\ncall bi\nexit") > 1000000000ull * 1000000000ull);
	s.x.seq = 0;
	CHECK(run("r1 = 16\ncall bi\nexit") == s.x.seq && s.x.seq);
}

int main(void)
{
	static const char *const nothing[] = {"r0 = 1\nexit", NULL};

	setup_region(&s, 0, 4096);
	setup_load(&s, nothing, NULL);
	test_values();
	test_faults();
	test_jumps();
	test_once();
	teardown(&s);
	return test_done();
}
