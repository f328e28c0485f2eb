/* SPDX-License-Identifier: GPL-2.0-or-later */
// Bytes as a program: the verifier says yes or no. What it lets pass is disassembled, assembled again to the same bytes, and
// run, in a region that the program may write anything to: the sanitizer watches that nothing outside is touched.
//
// The first byte chooses: the rest as it is, or as a recipe for a program that mostly passes.
#include "../exec/setup.h"

#define INSNS 2048u

static struct setup s;
static void *pristine;

static void once(void)
{
	static const char *const nothing[] = {"r0 = 1\nexit", NULL};

	if (pristine)
		return;
	setup_region(&s, DV_REGION_BLOCK, 4096);
	setup_load(&s, nothing, NULL);
	pristine = malloc(s.size);
	REQUIRE(pristine);
	memcpy(pristine, s.region, s.size);
}

static void round_trip(const struct dv_insn *insns, uint32_t count)
{
	static char text[INSNS * DV_DISASM_MAX];
	struct dv_insn *back = NULL;
	uint32_t back_count = 0;
	struct dv_error *err;
	size_t len = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < count;) {
		char line[DV_DISASM_MAX];

		i += dv_disasm(insns, count, i, line, sizeof(line));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n", line);
	}
	err = dv_asm(text, &back, &back_count);
	if (err || back_count != count || memcmp(back, insns, count * sizeof(*insns)) != 0) {
		fprintf(stderr, "%s%s\n", text, err ? err->msg : "differs");
		abort();
	}
	free(back);
}

static bool never(void *ctx)
{
	return false;
}

static void run(const struct dv_insn *insns, uint32_t count)
{
	const char *why = NULL;

	memcpy(s.region, pristine, s.size);
	if (!dv_exec_init(&s.x, s.region, s.size, 0, s.loaded, &why))
		abort();
	s.x.wait = never;
	s.x.place = &s.fake.place;
	s.x.site = &s.loaded->sites[0];
	// A second time on what the first has left.
	for (int i = 0; i < 2; i++) {
		s.x.seq = dv_st_begin(&s.x.st);
		if (!s.x.seq)
			return;
		s.x.execname = 0;
		dv_interp(&s.x, insns, count);
		dv_st_end(&s.x.st);
	}
}

struct recipe {
	const uint8_t *p, *end;
	struct dv_insn insns[INSNS];
	uint32_t count;
};

static uint8_t byte(struct recipe *r)
{
	return r->p < r->end ? *r->p++ : 0;
}

static void emit(struct recipe *r, unsigned code, unsigned dst, unsigned src, int off, uint32_t imm)
{
	r->insns[r->count++] = (struct dv_insn){(uint8_t)code, DV_REGS(dst, src), (int16_t)off, (int32_t)imm};
}

// A number of the kind that finds edges, or a place in the region.
static void number(struct recipe *r, unsigned reg)
{
	static const uint64_t edges[] = {
		0, 1, 2, 4, 8, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT32_MAX, INT32_MAX, 64, 4095, 4096, 16384,
		DV_MACH_SELF, DV_MACH_USER, DV_MACH_SCRATCH, OTHER, MEM_ADDR, MEM_ADDR + 4090, CONST_STR, CONST_VM, GLOBAL,
	};
	uint8_t how = byte(r);
	uint64_t v;

	if (how < 0x60)
		v = edges[how % (sizeof(edges) / sizeof(edges[0]))];
	else if (how < 0xa0)
		v = byte(r);
	else if (how < 0xd0)
		v = ((uint64_t)byte(r) << 8 | byte(r)) * 8 % s.size;
	else if (how < 0xe0)
		v = s.x.scratch_off + byte(r);
	else if (how < 0xf0)
		v = (uint64_t)((char *)s.x.prod - (char *)s.region) + byte(r) * 4;
	else
		v = (uint64_t)byte(r) << 56 | (uint64_t)byte(r) << 24 | byte(r);
	emit(r, DV_LDDW, reg, 0, 0, (uint32_t)v);
	emit(r, 0, 0, 0, 0, (uint32_t)(v >> 32));
}

static void cook(struct recipe *r)
{
	static const uint8_t alu[] = {DV_ADD, DV_SUB, DV_MUL, DV_OR, DV_AND, DV_LSH, DV_RSH, DV_XOR, DV_MOV, DV_ARSH};
	static const uint8_t jump[] = {DV_JEQ, DV_JGT, DV_JGE, DV_JSET, DV_JNE, DV_JSGT, DV_JSGE, DV_JLT, DV_JLE, DV_JSLT, DV_JSLE};
	static const uint8_t sizes[] = {DV_B, DV_H, DV_W, DV_DW}, bytes[] = {1, 2, 4, 8};

	for (unsigned i = 0; i < 10; i++)
		emit(r, DV_ALU64 | DV_MOV, i, 0, 0, i);
	while (r->p < r->end && r->count < INSNS - 64) {
		uint8_t what = byte(r), a = byte(r), b = byte(r);
		unsigned dst = a % 10, src = b % 10, k;

		switch (what % 8) {
		case 0:
			emit(r, (what & 8 ? DV_ALU64 : DV_ALU) | DV_X | alu[what / 16 % 10], dst, src, 0, 0);
			break;
		case 1:
			k = alu[what / 16 % 10];
			emit(r, DV_ALU64 | k, dst, 0, 0, k == DV_LSH || k == DV_RSH || k == DV_ARSH ? b % 64 : (uint32_t)(int8_t)b);
			break;
		case 2:
			number(r, dst);
			break;
		case 3: // store, then load the same
			k = a % 4;
			emit(r, DV_STX | DV_MEM | sizes[k], 10, src, -(int)bytes[k] * (1 + what / 8 * 2), 0);
			emit(r, DV_LDX | DV_MEM | sizes[k], dst, 10, -(int)bytes[k] * (1 + what / 8 * 2), 0);
			break;
		case 4: // over one instruction
			emit(r, DV_JMP | DV_X | jump[what / 16 % 11], dst, src, 1, 0);
			emit(r, DV_ALU64 | DV_XOR, dst, 0, 0, b);
			break;
		default: // a call, its arguments, and the registers that it destroyed
			k = 1 + a % (DV_FN_COUNT - 1);
			for (unsigned n = 1; n <= dv_fns[k].arg_count; n++) {
				if (n == 1 && b & 1)
					emit(r, DV_ALU64 | DV_MOV | DV_X, 1, 6, 0, 0);
				else
					number(r, n);
			}
			emit(r, DV_JMP | DV_CALL, 0, 0, 0, k);
			emit(r, DV_ALU64 | DV_MOV | DV_X, 6 + b % 4, 0, 0, 0);
			for (unsigned n = 1; n <= 5; n++)
				emit(r, DV_ALU64 | DV_MOV | DV_X, n, 6, 0, 0);
			break;
		}
	}
	emit(r, DV_JMP | DV_EXIT, 0, 0, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct recipe r;
	char msg[128];

	once();
	if (size < 1)
		return 0;
	memset(&r, 0, sizeof(r));
	r.p = data + 1;
	r.end = data + size;
	if (data[0] & 1) {
		cook(&r);
	} else {
		r.count = (uint32_t)((size - 1) / sizeof(struct dv_insn));
		if (r.count > INSNS)
			r.count = INSNS;
		memcpy(r.insns, data + 1, r.count * sizeof(struct dv_insn));
	}
	if (r.count)
		round_trip(r.insns, r.count);
	if (!dv_verify(r.insns, r.count, msg, sizeof(msg))) {
		if (data[0] & 1) { // the recipe knows the rules
			fprintf(stderr, "%s\n", msg);
			abort();
		}
		return 0;
	}
	run(r.insns, r.count);
	return 0;
}
