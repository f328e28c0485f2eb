/* SPDX-License-Identifier: GPL-2.0-or-later */
// The input is a guest: how its unwind entries read, its tables, registers and stacks. A stack must come to an end, each
// of its addresses must be in known code or lead there, and no more must be read than a bounded number of words.
#include <string.h>

#include "guest/unwind.h"

#define DATA 0xffffc90000000000ULL
#define MAX  64u

struct input {
	struct dv_orc_format format;
	uint8_t at_edge, behind_call, pad[2];
	uint64_t ip, sp, bp;
	struct dv_load_orc orcs[2];
};
struct memory {
	const uint8_t *p;
	size_t size;
	unsigned reads;
};

static bool read_mem(void *ctx, uint64_t va, void *dst, uint32_t size)
{
	struct memory *m = ctx;
	uint64_t off = va - DATA;

	m->reads++;
	if (off > m->size || size > m->size - off)
		return false;
	memcpy(dst, m->p + off, size);
	return true;
}

static uint64_t read_reg(void *ctx, enum dv_reg r)
{
	return DATA + 8u * (unsigned)r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dv_orc_cache cache;
	struct memory m = {0};
	struct input in;
	uint64_t pcs[MAX], again[MAX];
	uint32_t n, k;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	m.p = data + sizeof(in);
	m.size = size - sizeof(in);
	// As exec/load.c has it: by address, apart. Sizes that say more than there is would only take longer to fail.
	if (in.orcs[0].lo >= in.orcs[0].hi || in.orcs[1].lo < in.orcs[0].hi || in.orcs[1].lo >= in.orcs[1].hi)
		return 0;
	struct dv_unwind u = {&in.format, in.orcs, 2, NULL, read_mem, read_reg, &m};
	struct dv_unwind_from from = {in.ip, in.sp, in.bp, in.behind_call & 1, in.at_edge & 1};

	n = dv_unwind(&u, &from, pcs, MAX);
	if (!n || n > MAX || m.reads > MAX * 64)
		__builtin_trap();
	if (pcs[0] != in.ip || dv_unwind(&u, &from, NULL, MAX) != n)
		__builtin_trap();
	for (uint32_t i = 1; i < n; i++)
		if (!dv_orc_range(&u, pcs[i]) && !dv_orc_range(&u, pcs[i] - 1) && (i + 1 == n || !dv_orc_range(&u, pcs[i + 1])))
			__builtin_trap();
	// What was found before is found again.
	memset(&cache, 0, sizeof(cache));
	u.cache = &cache;
	for (k = 0; k < 2; k++)
		if (dv_unwind(&u, &from, again, MAX) != n || memcmp(pcs, again, n * sizeof(pcs[0])))
			__builtin_trap();
	return 0;
}
