// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which places can be traps. The forms that they pass through are also run, by this processor: INVD is not for user programs,
// so a handler of the fault goes on behind it, as KVM does.
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "elf/insn.h"
#include "lib/test.h"
#include "machine/kvm/site.h"

#define BASE  0xffffffff81000000ULL
#define THUNK 0xffffffff81800000ULL

static unsigned exits;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	greg_t *rip = &((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];

	(void)sig;
	(void)info;
	if (memcmp((void *)*rip, "\x0f\x08", 2) != 0)
		_exit(9);
	exits++;
	*rip += 2;
}

#define REGS 18u // as they are pushed, flags behind and before among them

// Run code between known registers; what they are afterwards, r15 first.
static void run(const uint8_t *form, size_t size, uint64_t *regs)
{
	static uint8_t *page;
	static const uint8_t head[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0x57};
	static const uint8_t tail[] = {0x9c, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x41, 0x50, 0x41, 0x51, 0x41, 0x52,
	                               0x41, 0x53, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57,
	                               0x48, 0x89, 0xe6,                               // mov rsi, rsp
	                               0x48, 0x8b, 0xbc, 0x24, 0x90, 0x00, 0x00, 0x00, // mov rdi, [rsp + 0x90]
	                               0xb9, REGS, 0x00, 0x00, 0x00, 0xf3, 0x48, 0xa5, // mov ecx, REGS; rep movsq
	                               0x48, 0x81, 0xc4, 0x98, 0x00, 0x00, 0x00,       // add rsp, 0x98
	                               0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3};
	uint8_t *p;

	if (!page) {
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		REQUIRE(page != MAP_FAILED);
	}
	p = page;
	memcpy(p, head, sizeof(head));
	p += sizeof(head);
	for (unsigned r = 0; r < 16; r++) {
		uint64_t v = 0x1111111111111111ull * r + 0xf00000000ull;

		if (r == 4)
			continue;
		*p++ = r < 8 ? 0x48 : 0x49;
		*p++ = (uint8_t)(0xb8 + (r & 7));
		memcpy(p, &v, 8);
		p += 8;
	}
	*p++ = 0x9c;
	memcpy(p, form, size);
	p += size;
	memcpy(p, tail, sizeof(tail));
	((void (*)(uint64_t *))(uintptr_t)page)(regs);
}

static bool does_nothing(const uint8_t *form, size_t size)
{
	uint64_t none[REGS] = {0}, regs[REGS] = {0};

	run(form, 0, none);
	run(form, size, regs);
	return none[15] == 0xf00000000ull && !memcmp(none, regs, sizeof(regs));
}

// All that a place passes through on its way in: the same bytes mean the same to the decoder, to the processor, and to us.
static void steps(const struct dv_trap *t, bool nop)
{
	uint8_t b[8], jump[8];

	CHECK(dv_trap_sane(t));
	CHECK_EQ(dv_trap_state(t, t->was, t->jump_was), DV_TRAP_WAS);
	CHECK_EQ(dv_trap_state(t, t->now, t->jump_now), DV_TRAP_ON);
	memcpy(b, t->was, 8);
	if (t->flags & DV_TRAP_STUB) {
		for (unsigned i = 0; i < t->size; i++) {
			if (!memcmp(b, t->now, t->size))
				break;
			CHECK(!dv_trap_prepared(t, b, t->jump_was));
			CHECK_EQ(dv_trap_state(t, b, t->jump_now), DV_TRAP_FOREIGN);
			b[i] = t->now[i];
			CHECK_EQ(dv_trap_state(t, b, t->jump_was), DV_TRAP_OFF);
		}
		CHECK(dv_trap_prepared(t, b, t->jump_was));
		CHECK(!dv_trap_prepared(t, b, t->jump_now));
		// The jump is led to another stub: this one is still to be taken out, and its jump let be.
		memcpy(jump, t->jump_now, sizeof(jump));
		jump[t->jump_size - 2] ^= 0x10;
		CHECK_EQ(dv_trap_state(t, b, jump), DV_TRAP_OFF);
		CHECK(!dv_trap_prepared(t, b, jump));
		CHECK_EQ(dv_trap_state(t, t->was, jump), DV_TRAP_FOREIGN);
		b[3] ^= 0x10;
		CHECK(b[3] == t->was[3] || dv_trap_state(t, b, t->jump_was) == DV_TRAP_FOREIGN);
		return;
	}
	for (unsigned i = 0; i < t->steps; i++) {
		bool same = b[t->order[i]] == t->now[t->order[i]];

		if (nop) {
			CHECK_EQ(dv_x86_length(b, 5), 5);
			CHECK(dv_x86_nop(b, 5));
		} else {
			CHECK_EQ(b[0], 0xc3);
		}
		CHECK_EQ(dv_trap_prepared(t, b, NULL), i + 1 == t->steps);
		b[t->order[i]] = t->now[t->order[i]];
		if (i + 1 < t->steps)
			CHECK(same || dv_trap_state(t, b, NULL) == DV_TRAP_OFF);
	}
	CHECK(!memcmp(b, t->now, t->size));
	b[0] ^= 0x10;
	CHECK_EQ(dv_trap_state(t, b, NULL), DV_TRAP_FOREIGN);
}

static void test_native(void)
{
	static const uint8_t forms[][5] = {{0x0f, 0x1f, 0x44, 0x00, 0x00}, {0x0f, 0x1f, 0x44, 0x66, 0x00},
	                                   {0x0f, 0x1f, 0x44, 0x66, 0x90}, {0x0f, 0x1f, 0x44, 0x00, 0x90},
	                                   {0x0f, 0x08, 0x44, 0x66, 0x90}, {0x0f, 0x08, 0x0f, 0x1f, 0x00},
	                                   {0x66, 0x66, 0x66, 0x66, 0x90}};
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	REQUIRE(!sigaction(SIGSEGV, &sa, NULL));
	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		exits = 0;
		CHECK(does_nothing(forms[i], 5));
		CHECK_EQ(exits, forms[i][1] == 8);
	}
	CHECK(does_nothing((const uint8_t[]){0x44, 0x66, 0x90}, 3));
	CHECK(does_nothing((const uint8_t[]){0x66, 0x90}, 2));
	CHECK(!does_nothing((const uint8_t[]){0xff, 0xc0}, 2));
}

// The form that brings the stack pointer along: nothing else but flags is another.
static bool brings_sp(const uint8_t *form, size_t size)
{
	uint64_t none[REGS] = {0}, regs[REGS] = {0};

	run(form, 0, none);
	run(form, size, regs);
	if (regs[4] != regs[11] + 40) // that many bytes have been pushed before it is
		return false;
	regs[4] = none[4];
	regs[16] = none[16];
	return !memcmp(none, regs, sizeof(regs));
}

static void test_sp(void)
{
	static const uint8_t off[] = {0x49, 0x89, 0xe3, 0xa8, 0x08}, on[] = {0x49, 0x89, 0xe3, 0x0f, 0x08};
	struct dv_trap t, other;

	exits = 0;
	CHECK(brings_sp(off, 5));
	CHECK_EQ(exits, 0);
	CHECK(brings_sp(on, 5));
	CHECK_EQ(exits, 1);
	CHECK(!dv_trap_entry((const uint8_t *)"\xf3\x0f\x1e\xfa\x0f\x1f\x44\x00\x00", 9, BASE, true, &t));
	CHECK_EQ(t.place, BASE + 4);
	CHECK_EQ(t.pc, BASE + 7);
	CHECK_EQ(dv_trap_start(&t), BASE + 4);
	CHECK(dv_trap_sane(&t));
	CHECK_EQ(dv_trap_state(&t, t.was, NULL), DV_TRAP_WAS);
	CHECK_EQ(dv_trap_state(&t, off, NULL), DV_TRAP_OFF);
	CHECK_EQ(dv_trap_state(&t, on, NULL), DV_TRAP_ON);
	CHECK(dv_trap_prepared(&t, off, NULL) && !dv_trap_prepared(&t, t.was, NULL) && !dv_trap_prepared(&t, on, NULL));
	CHECK_EQ(*dv_trap_flip(&t, true), 0x0f);
	CHECK_EQ(*dv_trap_flip(&t, false), 0xa8);
	CHECK_EQ(dv_trap_state(&t, (const uint8_t *)"\x49\x89\xe3\x00\x00", NULL), DV_TRAP_FOREIGN);
	// What an earlier dvirt has left, by whatever form.
	CHECK(!dv_trap_entry(on, 5, BASE, true, &other) && other.flags == DV_TRAP_SP && dv_trap_sane(&other));
	CHECK(!dv_trap_entry(off, 5, BASE, false, &other) && other.flags == DV_TRAP_SP && other.pc == BASE + 3);
	CHECK(!dv_trap_entry((const uint8_t *)"\x0f\x08\x44\x66\x90", 5, BASE, true, &other) && !other.flags);
	for (unsigned i = 0; i < 5; i++) {
		other = t;
		other.now[i] ^= 1;
		CHECK(!dv_trap_sane(&other));
		other = t;
		other.was[i] ^= 1;
		CHECK(!dv_trap_sane(&other));
	}
	other = t;
	other.pc = t.place;
	CHECK(!dv_trap_sane(&other));
	other = t;
	other.flags |= DV_TRAP_STUB;
	CHECK(!dv_trap_sane(&other));
	other = t;
	other.order[0] = 1;
	CHECK(!dv_trap_sane(&other));
}

static void entry(const char *hex, unsigned at, const char *why)
{
	struct dv_trap t = {0};
	uint8_t code[16] = {0};
	unsigned n = 0, b;
	const char *got;

	for (; n < 16 && sscanf(hex, "%2x", &b) == 1; hex += hex[2] ? 3 : 2)
		code[n++] = (uint8_t)b;
	got = dv_trap_entry(code, n, BASE, false, &t);
	if (why) {
		CHECK(got && strstr(got, why));
		return;
	}
	CHECK(!got);
	CHECK_EQ(t.pc, BASE + at);
	CHECK_EQ(t.size, 5);
	steps(&t, true);
}

static void test_entries(void)
{
	entry("0f 1f 44 00 00 55", 0, NULL);
	entry("0f 1f 44 00 00", 0, NULL);
	entry("f3 0f 1e fa 0f 1f 44 00 00 41 57", 4, NULL);
	entry("66 0f 1f 00 0f 1f 44 00 00 41 57", 4, NULL);
	entry("0f 1f 40 d6 0f 1f 44 00 00 41 57", 4, NULL);
	entry("66 66 66 66 90 55", 0, "no NOP");
	entry("0f 1f 44 66 90 55", 0, NULL); // left over
	entry("0f 08 44 66 90 55", 0, NULL);
	entry("f3 0f 1e fa 0f 08 44 66 90 55", 4, NULL);
	entry("0f 1f 44 00", 0, "no NOP");
	entry("", 0, "no NOP");
	entry("f3 0f 1e fa", 0, "no NOP");
	entry("f3 0f 1e", 0, "no NOP");
	entry("0f 1f 44 00 90", 0, "no NOP");
	entry("0f 1f 40 00 90", 0, "no NOP");
	entry("55 48 89 e5 41", 0, "no NOP");
	entry("0f 08 0f 09 00", 0, "no NOP");
	entry("e8 00 11 22 33 55", 0, "tracer");
	entry("f3 0f 1e fa e8 00 11 22 33 55", 0, "tracer");
	entry("cc 1f 44 00 00 55", 0, "tracer");
	entry("e9 1f 44 00 00 55", 0, "jump");
}

/* Returns. '>': the function begins; '<': it ends. T: a jump to the thunk (5 bytes). */
struct text {
	uint8_t bytes[512];
	uint32_t size, from, to;
};

static void text(const char *s, struct text *t)
{
	unsigned b;

	memset(t, 0, sizeof(*t));
	for (; *s; s++) {
		if (*s == '>') {
			t->from = t->size;
		} else if (*s == '<') {
			t->to = t->size;
		} else if (*s == 'T') {
			uint32_t rel = (uint32_t)(THUNK - (BASE + t->size + 5));

			t->bytes[t->size] = 0xe9;
			memcpy(t->bytes + t->size + 1, &rel, 4);
			t->size += 5;
		} else if (sscanf(s, "%2x", &b) == 1 && *s != ' ') {
			t->bytes[t->size++] = (uint8_t)b;
			s++;
		}
	}
	if (!t->to)
		t->to = t->size;
}

#define ROOM 300u /* offset of what test_room() gives away */
static unsigned rooms;

static bool test_room(void *ctx, uint64_t *addr, uint8_t *was)
{
	(void)ctx;
	if (!rooms)
		return false;
	*addr = BASE + ROOM + 16 * --rooms;
	memset(was, 0xcc, DV_TRAP_STUB_SIZE);
	return true;
}

static const uint64_t thunks[] = {THUNK + 64, THUNK};

static bool returns(const char *s, struct dv_trap_set *set, dv_traps *ret, dv_trap_addrs *tails, char *why)
{
	struct text t;

	text(s, &t);
	return dv_trap_returns(&(struct dv_trap_code){.addr = BASE + t.from, .size = t.to - t.from, .site = 7, .text = t.bytes,
	                           .text_addr = BASE, .text_size = t.size, .thunks = thunks, .thunk_count = 2, .room = test_room},
	                       set, ret, tails, why);
}

static void yes(const char *s, unsigned count, const char *offs)
{
	char why[DV_TRAP_WHY], got[200] = "";
	dv_traps r = {0};

	rooms = 10;
	CHECK(returns(s, NULL, &r, NULL, why));
	CHECK_STR(why, "");
	CHECK_EQ(r.count, count);
	for (size_t i = 0; i < r.count; i++) {
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%x%s", i ? " " : "", (unsigned)(r.data[i].place - BASE),
		         r.data[i].flags & DV_TRAP_STUB ? "s" : "");
		CHECK_EQ(r.data[i].site, 7);
		steps(&r.data[i], false);
	}
	CHECK_STR(got, offs);
	DV_VEC_FREE(&r);
}

static void no(const char *s, const char *reason)
{
	char why[DV_TRAP_WHY];
	dv_traps r = {0};

	CHECK(!returns(s, NULL, &r, NULL, why));
	CHECK_STR(why, reason);
	CHECK_EQ(r.count, 0);
	DV_VEC_FREE(&r);
}

static void test_returns(void)
{
	yes("0f1f440000 5b c3 cccccccc", 1, "6");
	yes("0f1f440000 85ff 7406 5b c3cccccccc 5d c3cccccccc", 2, "a 10");
	yes("90 c3< cccc 55", 1, "1");                  // int3 behind what a symbol covers
	yes("90 c3 6690", 1, "1");                      // NOPs up to the end
	yes("90 c3 662e0f1f840000000000", 1, "1");
	yes("90 0f08c3 cccc", 1, "1");                  // left over
	yes("90 c308c3 cccc", 1, "1");
	no("90 c3 90 <", "the return at +0x1 has no room behind it");
	no("90 c3", "the return at +0x1 has no room behind it");
	no("90 c3 cc 55 c3cccc", "the return at +0x1 has no room behind it");
	no("90 c3 0f1f00 55 c3cccc", "the return at +0x1 has no room behind it");
	no("eb02 90 c3 cccccc", "the return at +0x3 has no room behind it"); // jumped into
	no("90 c3 08c3 55 c3cccc", "the return at +0x1 has no room behind it");
	no("90 f3c3 cccc", "the return at +0x1 is of a form that cannot be replaced");
	no("90 c20800 cccc", "the return at +0x1 is of a form that cannot be replaced");
	no("90 06 c3cccc", "the instruction at +0x1 is not understood");
	no("90 e900000001", "it has no return instruction");
	no("0f0b", "it has no return instruction");
	no("90 ebfd cccc", "it has no return instruction");
	no(">", "its size is not known, or is more than 262144 bytes");
}

static uint64_t jump(const uint8_t *p, unsigned n, uint64_t addr)
{
	int32_t rel;

	memcpy(&rel, p + n - 4, 4);
	return addr + n + (uint64_t)(int64_t)rel;
}

static void test_thunks(void)
{
	struct dv_trap_set *set = dv_trap_set_create();
	char why[DV_TRAP_WHY];
	dv_traps r = {0};

	yes("90 T cccc", 1, "1s");
	yes("90 T", 1, "1s");
	yes("7406 90 T 5b 90 T 5b c3 cccc", 3, "3s as 10");
	yes("90 0f84f9ff7f00 T cccc", 2, "1s 7s"); // conditional
	yes("90 f2T", 1, "1s");
	yes("90 T cc cc 0f08 T 0f08 T cc", 1, "1s"); // stubs that were left
	yes("> 90 c3 cccc <", 1, "1");
	no("90 74fd", "it has no return instruction");

	// A stub for each jump, whoever asks.
	rooms = 2;
	CHECK(returns("90 T 90 T", set, &r, NULL, why));
	CHECK_EQ(rooms, 0);
	CHECK(returns("90 T 90 T", set, &r, NULL, why));
	CHECK_EQ(r.count, 4);
	CHECK_EQ(r.data[0].pc, r.data[2].pc);
	CHECK_EQ(r.data[1].pc, r.data[3].pc);
	CHECK(r.data[0].pc != r.data[1].pc);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(jump(r.data[i].jump_now, 5, r.data[i].place), r.data[i].pc);
		CHECK_EQ(jump(r.data[i].jump_was, 5, r.data[i].place), THUNK);
		CHECK_EQ(jump(r.data[i].now + 2, 5, r.data[i].pc + 2), THUNK);
	}
	CHECK(!returns("90 T 90 T 90 T", set, &r, NULL, why));
	CHECK_STR(why, "the kernel's code has no room left for the return at +0xd");
	CHECK_EQ(r.count, 4);
	r.data[0].jump_now[1] ^= 1;
	CHECK(!dv_trap_sane(&r.data[0]));
	r.data[1].now[4] ^= 1;
	CHECK(!dv_trap_sane(&r.data[1]));
	dv_trap_set_destroy(set);
	DV_VEC_FREE(&r);

	// Many.
	set = dv_trap_set_create();
	for (unsigned i = 0; i < 3000; i++) {
		struct text t;

		rooms = 5000 + i;
		text("90 T", &t);
		CHECK(dv_trap_returns(&(struct dv_trap_code){.addr = BASE + 0x100000 + 16 * i, .size = 6, .text = t.bytes,
		                          .text_addr = BASE + 0x100000 + 16 * i, .text_size = 6,
		                          .thunks = (const uint64_t[]){THUNK + 0x100000 + 16 * i}, .thunk_count = 1, .room = test_room},
		                      set, &r, NULL, why));
		CHECK_EQ(r.data[i].pc, BASE + ROOM + 16 * (4999 + i));
	}
	dv_trap_set_destroy(set);
	DV_VEC_FREE(&r);
}

static void padding(const char *s, uint32_t want_off, uint32_t want_size)
{
	struct text t;
	uint32_t off = 0;

	text(s, &t);
	CHECK_EQ(dv_trap_padding(&(struct dv_trap_code){.addr = BASE + t.from, .size = t.to - t.from, .text = t.bytes,
	                             .text_addr = BASE, .text_size = t.size, .thunks = thunks, .thunk_count = 2}, &off), want_size);
	CHECK_EQ(off, want_off);
}

static void test_padding(void)
{
	padding("90 c3 cccccccccccccccccc", 4, 7);
	padding("90 c3 cccccccccccccccccccc", 4, 8);
	padding("90 c3 cccccccccccccccc", 0, 0);
	padding("90 T cccccccccccccccccc", 8, 7);
	padding("90 c3 662e0f1f840000000000 90", 4, 9);
	padding("90 0f0b 662e0f1f840000000000 90", 5, 9);
	padding("90 5b cccccccccccccccccc", 0, 0);               // it goes on into it
	padding("eb01 90 c3 662e0f1f840000000000 90", 6, 9);
	padding("eb03 90 c3 662e0f1f840000000000 90", 0, 0);     // something jumps there
	padding("90 c3 cccc 0f08T cccccccccccccccccc", 13, 7);   // behind a stub that was left
	padding("90 c3 48b8cccccccccccccccc c3", 0, 0);          // a constant
	padding("90 06 c3 cccccccccccccccccc", 0, 0);
}

static void test_tails(void)
{
	char why[DV_TRAP_WHY];
	dv_trap_addrs tails = {0};
	dv_traps r = {0};

	CHECK(!returns("90 7405 e8fb0f0000 e9f80f0000", NULL, &r, NULL, why));
	CHECK_STR(why, "it has no return instruction");
	CHECK(returns("90 7405 e8fb0f0000 e9f80f0000", NULL, &r, &tails, why)); // it comes back elsewhere
	CHECK_EQ(r.count, 0);
	CHECK_EQ(tails.count, 1);
	CHECK_EQ(tails.data[0], BASE + 0x1005);
	DV_VEC_FREE(&tails);
}

int main(void)
{
	test_native();
	test_sp();
	test_entries();
	test_returns();
	test_thunks();
	test_padding();
	test_tails();
	return test_done();
}
