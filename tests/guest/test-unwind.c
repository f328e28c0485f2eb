/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks and unwind tables made by hand: each kind of frame, in the formats that kernels have had, and what must end. */
#include "guest/unwind.h"

#include <string.h>

#include "lib/test.h"

#define TEXT  0xffffffff81000000ull
#define MOD   0xffffffffc0400000ull
#define TABLE 0xffffffff82000000ull
#define STACK 0xffffc90000010000ull
#define IRQ   0xffffc90000020000ull
#define WORDS 512u

enum { DX = 2, DI, BP, SP, R10, R13, BP_IND, SP_IND };
enum { CALL, REGS, PARTIAL, UNDEFINED, END }; // ours

/* Memory: tables, a stack, an interrupt's stack. */
static uint8_t table[65536];
static uint64_t stack[WORDS], irq[WORDS];
static struct dv_orc_format format;
static struct dv_load_orc orcs[2];
static uint32_t entries, mod_from;
static unsigned reads;

static bool read_mem(void *ctx, uint64_t va, void *dst, uint32_t size)
{
	static const struct {
		uint64_t va;
		void *p;
		uint64_t size;
	} all[] = {{TABLE, table, sizeof(table)}, {STACK, stack, sizeof(stack)}, {IRQ, irq, sizeof(irq)}};

	reads++;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t off = va - all[i].va;

		if (off < all[i].size && size <= all[i].size - off) {
			memcpy(dst, (uint8_t *)all[i].p + off, size);
			return true;
		}
	}
	return false;
}

static uint64_t read_reg(void *ctx, enum dv_reg r)
{
	return r == DV_REG_R10 ? STACK + 8 * 40 : 0;
}

static const struct dv_orc_format old_format = {6, 0, 2, 4, 0, 4, 8, 2, DV_ORC_NO_BIT, 0, {0}};
static const struct dv_orc_format with_signal = {6, 0, 2, 4, 0, 4, 8, 2, 10, 0, {0}};
static const struct dv_orc_format new_format = {6, 0, 2, 4, 0, 4, 8, 3, 11, 1, {0}};

/* An entry from @p ip on. Addresses first, entries 32 KiB behind. */
static void entry(uint64_t ip, unsigned sp_reg, int16_t sp_off, unsigned bp_reg, int16_t bp_off, unsigned type, bool signal)
{
	static const unsigned numbers[2][5] = {{0, 1, 2, 0, 0}, {2, 3, 4, 0, 1}};
	uint64_t at = TABLE + 4 * entries;
	int32_t off = (int32_t)(int64_t)(ip - at);
	uint16_t bits;

	if (!format.numbered && (type == UNDEFINED || type == END))
		sp_reg = 0;
	bits = (uint16_t)(sp_reg | bp_reg << 4 | numbers[format.numbered][type] << 8);
	if (format.signal != DV_ORC_NO_BIT && signal)
		bits |= (uint16_t)(1u << format.signal);
	memcpy(table + 4 * entries, &off, 4);
	memcpy(table + 32768 + 6 * entries, &sp_off, 2);
	memcpy(table + 32768 + 6 * entries + 2, &bp_off, 2);
	memcpy(table + 32768 + 6 * entries + 4, &bits, 2);
	entries++;
}

static void begin(const struct dv_orc_format *f)
{
	memset(table, 0, sizeof(table));
	memset(stack, 0, sizeof(stack));
	memset(irq, 0, sizeof(irq));
	format = *f;
	entries = mod_from = 0;
}

static void module_begins(void)
{
	mod_from = entries;
}

/* All code: 4 KiB of the kernel's, 4 KiB of a module's. */
static void tables(bool index)
{
	uint32_t blocks[17], n = mod_from ? mod_from : entries;

	orcs[0] = (struct dv_load_orc){TEXT, TEXT + 4096, TABLE, TABLE + 32768, 0, n, 0};
	orcs[1] = (struct dv_load_orc){MOD, MOD + 4096, TABLE + 4 * mod_from, TABLE + 32768 + 6 * mod_from, 0,
				       mod_from ? entries - mod_from : 0, 0};
	if (!index)
		return;
	for (uint32_t b = 0; b < 17; b++) {
		blocks[b] = 0;
		for (uint32_t i = 0; i < n; i++) {
			int32_t off;

			memcpy(&off, table + 4 * i, 4);
			if (TABLE + 4 * i + (uint64_t)(int64_t)off <= TEXT + 256ull * b)
				blocks[b] = i;
		}
	}
	memcpy(table + 60000, blocks, sizeof(blocks));
	orcs[0].index = TABLE + 60000;
	orcs[0].index_count = 17;
}

static uint32_t unwind(struct dv_unwind_from from, uint64_t *pcs, uint32_t max, struct dv_orc_cache *cache)
{
	struct dv_unwind u = {&format, orcs, 2, cache, read_mem, read_reg, NULL};

	return dv_unwind(&u, &from, pcs, max);
}

static uint64_t at(unsigned word)
{
	return STACK + 8 * word;
}

// leaf (by sp) <- middle (by bp) <- a module's function <- the system call's entry, with user mode's registers.
static void make_chain(void)
{
	entry(TEXT + 0x100, SP, 8, 0, 0, CALL, false);     // leaf: at its first instruction
	entry(TEXT + 0x101, SP, 16, BP, -16, CALL, false); // behind push %rbp
	entry(TEXT + 0x200, SP, 8, 0, 0, CALL, false);     // middle
	entry(TEXT + 0x204, BP, 16, 1, -16, CALL, false);
	entry(TEXT + 0x300, SP, 0, 0, 0, REGS, true);      // the entry: registers on top
	entry(TEXT + 0x400, 0, 0, 0, 0, UNDEFINED, false);
	module_begins();
	entry(MOD + 0x10, SP, 24, 0, 0, CALL, false);
	entry(MOD + 0x80, 0, 0, 0, 0, UNDEFINED, false);
	stack[10] = TEXT + 0x210;  // in middle
	stack[14] = at(30);        // middle's saved rbp
	stack[15] = MOD + 0x20;    // its return address; rbp points to 14
	stack[18] = TEXT + 0x310;  // the module's function was called from the entry
	stack[19 + 16] = 0x401000; // ip, cs, flags, sp, ss
	stack[19 + 17] = 0x33;
	stack[19 + 19] = 0x7ffc0000;
}

static void chain(const struct dv_orc_format *f, bool index)
{
	static const uint64_t want[] = {TEXT + 0x100, TEXT + 0x210, MOD + 0x20, TEXT + 0x310};
	static struct dv_orc_cache cache;
	uint64_t pcs[8];
	unsigned first;

	begin(f);
	make_chain();
	tables(index);
	memset(&cache, 0, sizeof(cache));
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(10), .bp = at(14)}, pcs, 8, NULL), 4);
	CHECK(!memcmp(pcs, want, sizeof(want)));
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(10), .bp = at(14)}, NULL, 240, NULL), 4);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(10), .bp = at(14)}, pcs, 2, &cache), 2);
	reads = 0;
	unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(10), .bp = at(14)}, pcs, 8, &cache);
	first = reads;
	reads = 0;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(10), .bp = at(14)}, pcs, 8, &cache), 4);
	CHECK(!memcmp(pcs, want, sizeof(want)));
	CHECK(index ? reads < first : reads == first); // only what cannot go away is kept
	// Where it was called from does not matter, but where it stands.
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x105, .sp = at(9), .bp = at(2)}, pcs, 8, NULL), 2);
	stack[9] = at(14);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x105, .sp = at(9), .bp = at(11)}, pcs, 8, NULL), 4);
	// A return address that is no code: the frame before is the last. No memory there: likewise.
	stack[15] = 0x1234;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(10), .bp = at(14)}, pcs, 8, NULL), 2);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = 0xffffd00000000000, .bp = 0}, pcs, 8, NULL), 1);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = 0x1000, .bp = 0}, pcs, 8, NULL), 1);
	// Code of which nothing is known to the unwinder; and what is before the first entry.
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x480, .sp = at(10), .bp = at(14)}, pcs, 8, NULL), 1);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x10, .sp = at(10), .bp = at(14)}, pcs, 8, NULL), 1);
}

// An interrupt: its function on the interrupt stack, a link back, registers of the kernel, exact from there.
static void interrupt(const struct dv_orc_format *f)
{
	uint64_t pcs[8];

	begin(f);
	entry(TEXT + 0x100, SP, 8, 0, 0, CALL, false);          // handler
	entry(TEXT + 0x180, SP_IND, 0, 0, 0, CALL, false);      // what switched stacks: the old one's address is on top
	entry(TEXT + 0x200, SP, 0, 0, 0, REGS, true);           // the interrupt's entry
	entry(TEXT + 0x300, SP, 32, 0, 0, CALL, false);         // what was interrupted, exactly where this begins
	entry(TEXT + 0x340, SP, 0, 0, 0, PARTIAL, true);        // an exception's first instructions
	entry(TEXT + 0x400, R10, 8, 0, 0, CALL, false);
	entry(TEXT + 0x500, 0, 0, 0, 0, END, false);
	tables(true);
	irq[3] = TEXT + 0x190;
	irq[4] = STACK + 8 * 20;     // where the old stack goes on
	stack[19] = TEXT + 0x210;    // the return address below it
	stack[20 + 4] = 0xbeef0;     // bp
	stack[20 + 16] = TEXT + 0x300;
	stack[20 + 17] = 0x10;
	stack[20 + 19] = at(60);
	stack[63] = TEXT + 0x508;    // called from where stacks begin
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = IRQ + 8 * 3, .bp = 0}, pcs, 8, NULL), 5);
	CHECK(pcs[1] == TEXT + 0x190 && pcs[2] == TEXT + 0x210 && pcs[3] == TEXT + 0x300 && pcs[4] == TEXT + 0x508);
	// Partial registers, of the kernel and of user mode.
	stack[80] = TEXT + 0x300;
	stack[81] = 0x10;
	stack[83] = at(90);
	stack[93] = TEXT + 0x508;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x344, .sp = at(80), .bp = 0}, pcs, 8, NULL), 3);
	stack[81] = 0x33;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x344, .sp = at(80), .bp = 0}, pcs, 8, NULL), 1);
	// A register that only the first frame has.
	stack[39] = TEXT + 0x508;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x410, .sp = at(10), .bp = 0}, pcs, 8, NULL), 2);
	stack[10] = TEXT + 0x410;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(10), .bp = 0}, pcs, 8, NULL), 2);
}

// A stack that leads in a circle, or down.
static void circles(void)
{
	uint64_t pcs[240];

	begin(&new_format);
	entry(TEXT, SP, 8, 0, 0, CALL, false);
	entry(TEXT + 0x100, BP, 0, 0, 0, CALL, false);
	entry(TEXT + 0x200, SP_IND, 8, 0, 0, CALL, false);
	tables(true);
	stack[99] = TEXT + 0x110;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x100, .sp = at(100), .bp = at(100)}, pcs, 240, NULL), 1);
	// From page to page and back: as many as were asked for.
	irq[1] = STACK;
	irq[0] = TEXT + 0x210;
	stack[0] = IRQ;
	stack[1] = TEXT + 0x210;
	irq[WORDS - 1] = 0;
	CHECK(unwind((struct dv_unwind_from){.ip = TEXT + 0x200, .sp = at(0), .bp = 0}, pcs, 240, NULL) <= 240);
	for (unsigned i = 0; i < WORDS; i++)
		stack[i] = TEXT + 0x10;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT, .sp = at(0), .bp = 0}, pcs, 240, NULL), 240);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT, .sp = at(WORDS - 3), .bp = 0}, pcs, 240, NULL), 4);
}

// Code that the kernel made itself, between functions that are known; and a kernel without tables.
static void frames(void)
{
	const uint64_t jit = 0xffffffffc0900000ull;
	uint64_t pcs[8];

	begin(&new_format);
	entry(TEXT, SP, 8, 0, 0, CALL, false);
	entry(TEXT + 0x300, 0, 0, 0, 0, END, false);
	tables(false);
	stack[10] = jit + 0x40;
	stack[20] = at(50);
	stack[21] = TEXT + 0x310;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x10, .sp = at(10), .bp = at(20)}, pcs, 8, NULL), 3);
	CHECK(pcs[1] == jit + 0x40 && pcs[2] == TEXT + 0x310);
	// It leads to nothing that is known: then it is not believed either.
	stack[21] = 0xffffffffc0a00000ull;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x10, .sp = at(10), .bp = at(20)}, pcs, 8, NULL), 1);
	stack[21] = TEXT + 0x310;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x10, .sp = at(10), .bp = at(5)}, pcs, 8, NULL), 1); // downwards
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x10, .sp = at(10), .bp = at(20)}, pcs, 2, NULL), 1);

	begin(&(struct dv_orc_format){0});
	tables(false);
	stack[10] = TEXT + 0x20; // at a function's first instruction the return address is on top
	stack[20] = at(30);
	stack[21] = TEXT + 0x30;
	stack[30] = at(40) | 1;  // saved registers
	stack[31] = TEXT + 0x40;
	stack[40 + 4] = at(70);
	stack[40 + 16] = TEXT + 0x50;
	stack[40 + 17] = 0x10;
	stack[40 + 19] = at(65);
	stack[70] = 0;
	stack[71] = 0;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT, .sp = at(10), .bp = at(20), .at_edge = true}, pcs, 8, NULL), 5);
	CHECK(pcs[1] == TEXT + 0x20 && pcs[2] == TEXT + 0x30 && pcs[3] == TEXT + 0x40 && pcs[4] == TEXT + 0x50);
	stack[40 + 17] = 0x33;
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT, .sp = at(10), .bp = at(20), .at_edge = true}, pcs, 8, NULL), 4);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT, .sp = at(11), .bp = at(20)}, pcs, 8, NULL), 3);
}

// Tables that lie.
static void hostile(void)
{
	uint64_t pcs[8];
	uint32_t big[2] = {5, 0xfffffff0};
	struct dv_orc o;

	begin(&new_format);
	make_chain();
	tables(true);
	struct dv_unwind u = {&format, orcs, 2, NULL, read_mem, NULL, NULL};
	CHECK(dv_orc_find(&u, TEXT + 0x210, &o) && o.sp_reg == BP && o.type == DV_ORC_CALL);
	CHECK(!dv_orc_find(&u, TEXT + 0x2000, &o) && !dv_orc_find(&u, 0x1000, &o));
	memcpy(table + 60000 + 8, big, sizeof(big));
	CHECK(!dv_orc_find(&u, TEXT + 0x210, &o) && !dv_orc_find(&u, TEXT + 0x310, &o));
	orcs[0].index = 0x1000;
	CHECK(!dv_orc_find(&u, TEXT + 0x210, &o));
	orcs[0].index = 0;
	orcs[0].count = 0xffffffff;
	CHECK(!dv_orc_find(&u, TEXT + 0x210, &o)); // runs out of what can be read
	orcs[0].count = 5;
	CHECK(dv_orc_find(&u, TEXT + 0x210, &o));
	format.bits = 5;
	CHECK(!dv_orc_find(&u, TEXT + 0x210, &o));
	format.bits = 4;
	format.size = 200;
	CHECK(!dv_orc_find(&u, TEXT + 0x210, &o));
	format = new_format;
	// Without registers, one that asks for them ends.
	entry(TEXT + 0x600, R13, 8, 0, 0, CALL, false);
	CHECK_EQ(unwind((struct dv_unwind_from){.ip = TEXT + 0x600, .sp = at(10)}, pcs, 8, NULL), 1);
	orcs[0].hi = orcs[0].lo;
	CHECK(!dv_orc_range(&u, TEXT));
}

int main(void)
{
	const struct dv_orc_format *all[] = {&old_format, &with_signal, &new_format};

	for (unsigned i = 0; i < 3; i++) {
		chain(all[i], true);
		chain(all[i], false);
		interrupt(all[i]);
	}
	circles();
	frames();
	hostile();
	return test_done();
}
