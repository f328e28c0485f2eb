/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a kernel's unwind tables are, and how their entries read: vmlinux's by its symbols, a module's by its struct
 * module, the entries' bits by BTF. What does not add up is left out: stacks then end there. See orc.c.
 */
#include <string.h>

#include "guest/priv.h"

static bool bits(const struct dv_btf *b, const char *name, unsigned from, unsigned size, uint8_t *shift)
{
	uint32_t off, n;

	if (!dv_btf_bits(b, "orc_entry", name, &off, &n) || n != size || off < from || off - from + size > 16)
		return false;
	*shift = (uint8_t)(off - from);
	return true;
}

void dv_orc_format(const struct dv_btf *b, struct dv_orc_format *ret)
{
	struct dv_orc_format f = {0};
	uint32_t sp, bp, size, reg, type, id = dv_btf_find(b, 1u << DV_BTF_STRUCT, "orc_entry");
	uint64_t all = id ? dv_btf_sizeof(b, id) : 0;
	uint8_t end;

	memset(ret, 0, sizeof(*ret));
	if (all < 6 || all > 16 || !dv_btf_member(b, "orc_entry", "sp_offset", &sp, &size) || size != 2 ||
	    !dv_btf_member(b, "orc_entry", "bp_offset", &bp, &size) || size != 2 || sp + 2 > all || bp + 2 > all ||
	    !dv_btf_bits(b, "orc_entry", "sp_reg", &reg, &size) || !dv_btf_bits(b, "orc_entry", "type", &type, &size))
		return;
	f.sp_offset = (uint8_t)sp;
	f.bp_offset = (uint8_t)bp;
	f.bits = (uint8_t)(reg / 16 * 2);
	f.type_bits = (uint8_t)size;
	if (f.bits + 2u > all || !bits(b, "sp_reg", f.bits * 8, 4, &f.sp_reg) ||
	    !bits(b, "bp_reg", f.bits * 8, 4, &f.bp_reg) || size < 2 || size > 3 ||
	    !bits(b, "type", f.bits * 8, size, &f.type))
		return;
	if (!bits(b, "signal", f.bits * 8, 1, &f.signal))
		f.signal = DV_ORC_NO_BIT;
	f.numbered = !bits(b, "end", f.bits * 8, 1, &end);
	f.size = (uint8_t)all;
	*ret = f;
}

static void vmlinux(const struct dv_guest *g, struct dv_load_orc *r)
{
	uint64_t ips = dv_guest_addr(g, "__start_orc_unwind_ip"), ips_end = dv_guest_addr(g, "__stop_orc_unwind_ip"),
		 entries = dv_guest_addr(g, "__start_orc_unwind"), entries_end = dv_guest_addr(g, "__stop_orc_unwind"),
		 index = dv_guest_addr(g, "orc_lookup"), index_end = dv_guest_addr(g, "orc_lookup_end");
	uint64_t count;

	r->lo = dv_guest_addr(g, "_stext");
	r->hi = dv_guest_addr(g, "_etext");
	if (!r->lo || r->lo - g->image.va >= g->image.size || r->hi - g->image.va >= g->image.size || r->hi <= r->lo) {
		r->lo = g->image.va;
		r->hi = g->image.va + g->image.size;
	}
	count = (ips_end - ips) / 4;
	if (!g->layout.orc.size || !ips || ips_end <= ips || count > 1u << 24 || entries_end <= entries ||
	    (entries_end - entries) / g->layout.orc.size != count)
		return;
	r->ips = ips;
	r->entries = entries;
	r->count = (uint32_t)count;
	if (index && index_end > index && (index_end - index) / 4 >= (r->hi - r->lo) / 256 &&
	    (index_end - index) / 4 < 1u << 24) {
		r->index = index;
		r->index_count = (uint32_t)((index_end - index) / 4);
	}
}

static int by_lo(const void *a, const void *b)
{
	uint64_t x = ((const struct dv_load_orc *)a)->lo, y = ((const struct dv_load_orc *)b)->lo;

	return x < y ? -1 : x > y;
}

void dv_orc_tables(struct dv_guest *g)
{
	size_t k = 0;

	g->orcs.count = 0;
	*DV_PUSH(&g->orcs) = (struct dv_load_orc){0};
	vmlinux(g, &g->orcs.data[0]);
	for (size_t i = 0; i < g->mods.count; i++) {
		const struct dv_kmod *m = g->mods.data[i];

		if (m->size)
			*DV_PUSH(&g->orcs) = (struct dv_load_orc){.lo = m->base,
								  .hi = m->base + m->size,
								  .ips = m->orc_ips,
								  .entries = m->orc_entries,
								  .count = m->orc_count};
	}
	qsort(g->orcs.data, g->orcs.count, sizeof(g->orcs.data[0]), by_lo);
	// A hostile list may name pieces that overlap: the search wants them apart.
	for (size_t i = 0; i < g->orcs.count; i++)
		if (g->orcs.data[i].hi > g->orcs.data[i].lo && (!k || g->orcs.data[i].lo >= g->orcs.data[k - 1].hi))
			g->orcs.data[k++] = g->orcs.data[i];
	g->orcs.count = k;
}

const struct dv_load_orc *dv_guest_orcs(const struct dv_guest *g, size_t *count)
{
	*count = g->orcs.count;
	return g->orcs.data;
}
