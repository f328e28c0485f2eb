/* SPDX-License-Identifier: GPL-2.0-or-later */
// The input is text of a kernel: how much of it lies before the function (2 bytes) and belongs to it (2), then the bytes. Traps
// must lie in text, must not overlap, and what they put there must lead where the bytes led that they replace.
#include <stdbool.h>
#include <string.h>

#include "machine/kvm/site.h"

#define BASE  0xffffffff81000000ULL
#define THUNK (BASE + 0x1000)

static void need(int ok)
{
	if (!ok)
		__builtin_trap();
}

static uint64_t jump(const uint8_t *p, unsigned n, uint64_t pc)
{
	int32_t rel;

	memcpy(&rel, p + n - 4, 4);
	return pc + n + (uint64_t)(int64_t)rel;
}

static bool room(void *ctx, uint64_t *addr, uint8_t *was)
{
	unsigned *n = ctx;

	*addr = BASE + 0x20000 + 16 * (*n)++;
	memset(was, 0xcc, DV_TRAP_STUB_SIZE);
	return *n < 100;
}

static void check(const struct dv_trap *t, const uint8_t *text, size_t size)
{
	unsigned n = t->flags & DV_TRAP_STUB ? t->jump_size : t->size;

	need(n >= 3 && n <= 8 && t->place >= BASE && t->place - BASE <= size && n <= size - (t->place - BASE));
	need(dv_trap_sane(t));
	need(dv_trap_state(t, t->now, t->jump_now) == DV_TRAP_ON);
	if (!(t->flags & DV_TRAP_STUB)) {
		need(dv_trap_state(t, text + (t->pc - BASE), NULL) != DV_TRAP_FOREIGN);
		return;
	}
	need(dv_trap_state(t, t->was, text + (t->place - BASE)) == DV_TRAP_WAS);
	need(jump(t->jump_was, t->jump_size, t->place) == THUNK && jump(t->jump_now, t->jump_size, t->place) == t->pc);
	need(jump(t->now + 2, 5, t->pc + 2) == THUNK);
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
	for (unsigned sp = 0; sp < 2; sp++)
		if (!dv_trap_entry(data, size, BASE, sp, &t))
			need(t.place >= BASE && t.place - BASE <= size - 5 && dv_trap_sane(&t) &&
			     dv_trap_state(&t, data + (t.place - BASE), NULL) != DV_TRAP_FOREIGN);
	for (unsigned k = 0; k < 2; k++) {
		struct dv_trap_set *set = k ? dv_trap_set_create() : NULL;
		unsigned rooms = 0;
		struct dv_trap_code c = {.addr = BASE + before, .size = func, .text = data, .text_addr = BASE,
		                         .text_size = (uint32_t)size, .thunks = &thunk, .thunk_count = 1,
		                         .room = k ? room : NULL, .ctx = &rooms};
		bool ok = dv_trap_returns(&c, set, &r, &tails, why);
		uint32_t off = 0, pad = dv_trap_padding(&c, &off);

		need(!pad || (off < func && pad <= func - off && pad >= DV_TRAP_STUB_SIZE));
		for (size_t i = 0; i < r.count && pad; i++)
			need(r.data[i].place + r.data[i].size <= BASE + before + off || r.data[i].flags & DV_TRAP_STUB);

		need(ok ? (r.count || tails.count) && !*why : !r.count && *why);
		for (size_t i = 0; i < r.count; i++) {
			check(&r.data[i], data, size);
			for (size_t j = 0; j < i; j++)
				need(r.data[i].place >= r.data[j].place + (r.data[j].jump_size ? r.data[j].jump_size : 3u) ||
				     r.data[j].place >= r.data[i].place + (r.data[i].jump_size ? r.data[i].jump_size : 3u));
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
