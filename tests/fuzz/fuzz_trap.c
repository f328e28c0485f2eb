/* SPDX-License-Identifier: GPL-2.0-or-later */
// The input is text of a kernel: how much of it lies before the function (2 bytes) and belongs to it (2), then the bytes. Traps
// must lie in text, must not overlap, and what they put there must lead where the bytes led that they replace.
#include <string.h>

#include "machine/kvm/site.h"

#define BASE  0xffffffff81000000ULL
#define THUNK (BASE + 0x1000)

static void need(int ok)
{
	if (!ok)
		__builtin_trap();
}

static uint64_t jump(const uint8_t *p, uint64_t pc, unsigned n)
{
	int32_t rel = (int8_t)p[1];

	if (n == 5)
		memcpy(&rel, p + 1, 4);
	return pc + n + (uint64_t)(int64_t)rel;
}

static void check(const struct dv_trap *t, const uint8_t *text, size_t size)
{
	uint8_t off[8];

	need(t->size >= 3 && t->size <= 8 && t->pc >= BASE && t->pc - BASE <= size && t->size <= size - (t->pc - BASE));
	need(dv_trap_sane(t));
	dv_trap_off(t, off);
	need(dv_trap_state(t, off) == DV_TRAP_OFF);
	need(dv_trap_state(t, t->now) == DV_TRAP_ON);
	need(dv_trap_state(t, text + (t->pc - BASE)) != DV_TRAP_FOREIGN);
	if (!(t->flags & DV_TRAP_STOP))
		return;
	need(jump(t->was, t->pc, 5) == THUNK);
	need(jump(t->now + 2, t->pc + 2, t->now[2] == 0xe9 ? 5 : 2) == (t->via ? t->via : THUNK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t thunk = THUNK;
	char why[DV_TRAP_WHY];
	dv_trap_addrs tails = {0};
	dv_traps r = {0};
	struct dv_trap t;
	uint16_t before, func;

	if (size < 4)
		return 0;
	memcpy(&before, data, 2);
	memcpy(&func, data + 2, 2);
	data += 4;
	size -= 4;
	if (!dv_trap_entry(data, size, BASE, &t))
		need(t.pc >= BASE && t.pc - BASE <= size - 5 && dv_trap_sane(&t) &&
		     dv_trap_state(&t, data + (t.pc - BASE)) != DV_TRAP_FOREIGN);
	for (unsigned k = 0; k < 2; k++) {
		struct dv_trap_set *set = k ? dv_trap_set_create() : NULL;
		bool ok = dv_trap_returns(&(struct dv_trap_code){.addr = BASE + before, .size = func, .text = data, .text_addr = BASE,
		                                                 .text_size = (uint32_t)size, .thunks = &thunk, .thunk_count = 1},
		                          set, &r, &tails, why);

		need(ok ? r.count && !*why : !r.count && *why);
		for (size_t i = 0; i < r.count; i++) {
			check(&r.data[i], data, size);
			for (size_t j = 0; j < i; j++)
				need(r.data[i].pc >= r.data[j].pc + r.data[j].size ||
				     r.data[j].pc >= r.data[i].pc + r.data[i].size);
		}
		for (size_t i = 0; i < tails.count; i++)
			need(tails.data[i] - (BASE + before) >= func);
		dv_trap_set_destroy(set);
		r.count = tails.count = 0;
	}
	DV_VEC_FREE(&r);
	DV_VEC_FREE(&tails);
	return 0;
}
