/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORC: for each instruction where the layout of the stack changes, how the frame of the caller is found from there. Two
 * tables that belong together: addresses in ascending order, each stored as the distance from its own place, and
 * entries of six bytes. vmlinux also has an index by blocks of 256 bytes of code, made while it boots. The tables lie
 * in the guest and are read there, a few words for each search: nothing is copied.
 *
 * Linux: arch/x86/include/asm/orc_types.h, arch/x86/kernel/unwind_orc.c. The entries' bits have changed with 6.3
 * (`signal`) and 6.4 (types of three bits, without `end`); struct dv_orc_format says how this kernel's are.
 */
#include <string.h>

#include "guest/unwind.h"

#define BLOCK     256u
#define ENTRY_MAX 16u

const struct dv_load_orc *dv_orc_range(const struct dv_unwind *u, uint64_t ip)
{
	uint32_t lo = 0, hi = u->orc_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (u->orcs[mid].lo <= ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && ip < u->orcs[lo - 1].hi ? &u->orcs[lo - 1] : NULL;
}

static bool address_at(const struct dv_unwind *u, const struct dv_load_orc *t, uint32_t i, uint64_t *ret)
{
	uint64_t at = t->ips + 4ull * i;
	int32_t off;

	if (!u->read(u->ctx, at, &off, sizeof(off)))
		return false;
	*ret = at + (uint64_t)(int64_t)off;
	return true;
}

static bool decode(const struct dv_orc_format *f, const uint8_t *e, struct dv_orc *o)
{
	uint16_t bits;
	unsigned type;

	memcpy(&o->sp_offset, e + f->sp_offset, 2);
	memcpy(&o->bp_offset, e + f->bp_offset, 2);
	memcpy(&bits, e + f->bits, 2);
	o->sp_reg = bits >> (f->sp_reg & 15) & 15;
	o->bp_reg = bits >> (f->bp_reg & 15) & 15;
	type = bits >> (f->type & 15) & ((1u << (f->type_bits & 7)) - 1);
	if (!f->numbered)
		type = o->sp_reg ? type + 2 : 0; // nothing is known of the stack, or it ends here
	o->type = type <= DV_ORC_PARTIAL ? type : DV_ORC_UNDEFINED;
	o->signal = f->signal == DV_ORC_NO_BIT ? o->type != DV_ORC_CALL : bits >> (f->signal & 15) & 1;
	return true;
}

static bool search(const struct dv_unwind *u, const struct dv_load_orc *t, uint64_t ip, struct dv_orc *ret)
{
	const struct dv_orc_format *f = u->format;
	uint32_t first = 0, end = t->count, block[2];
	uint8_t entry[ENTRY_MAX];
	bool found = false;
	uint64_t at;

	if (!f->size || f->size > ENTRY_MAX || f->sp_offset + 2u > f->size || f->bp_offset + 2u > f->size ||
	    f->bits + 2u > f->size)
		return false;
	if (t->index) {
		uint64_t i = (ip - t->lo) / BLOCK;

		if (i + 1 >= t->index_count || !u->read(u->ctx, t->index + 4 * i, block, sizeof(block)) ||
		    block[1] < block[0] || block[1] >= t->count)
			return false;
		first = block[0];
		end = block[1] + 1;
	}
	while (first < end) {
		uint32_t mid = first + (end - first) / 2;

		if (!address_at(u, t, mid, &at))
			return false;
		if (at <= ip) {
			found = true;
			first = mid + 1;
		} else {
			end = mid;
		}
	}
	return found && u->read(u->ctx, t->entries + (uint64_t)f->size * (first - 1), entry, f->size) &&
	       decode(f, entry, ret);
}

bool dv_orc_find(const struct dv_unwind *u, uint64_t ip, struct dv_orc *ret)
{
	const struct dv_load_orc *t = dv_orc_range(u, ip);
	uint32_t slot = (uint32_t)(ip ^ ip >> 8) % (sizeof(u->cache->slots) / sizeof(u->cache->slots[0]));
	// Modules come and go; what has an index stays.
	struct dv_orc_cache *c = t && t->index ? u->cache : NULL;

	if (!t || !t->count)
		return false;
	if (c && c->slots[slot].pc == ip) {
		*ret = c->slots[slot].orc;
		return true;
	}
	if (!search(u, t, ip, ret))
		return false;
	if (c) {
		c->slots[slot].pc = ip;
		c->slots[slot].orc = *ret;
	}
	return true;
}
