// SPDX-License-Identifier: GPL-2.0-or-later
// Variables that have a fixed place: loads, stores, atomic updates, string assignment, clause-locals.
//
// A variable is an 8-byte word that holds its value extended to 64 bits by its own width and sign, so a load needs no
// width. An update (x++, x += 3) must be atomic: 64-bit additions are one instruction, all else a bounded loop of
// compare and swap. Cells below the globals are no variables; 0 is "absent", from a lookup that found nothing.
#include "state/inner.h"

uint64_t dv_st_ld(DV_ST st, uint64_t cell)
{
	struct dv_view v;

	if (cell < DV_GLOBALS_OFF || !dv_view(st, &v))
		return 0;
	return *dv_word(&v, cell);
}

void dv_st_st(DV_ST st, uint64_t cell, uint64_t value)
{
	struct dv_view v;

	if (cell < DV_GLOBALS_OFF || !dv_view(st, &v))
		return;
	*dv_word(&v, cell) = value;
}

uint64_t dv_st_this(DV_ST st, uint64_t off)
{
	struct dv_view v;

	if (!dv_view(st, &v) || off >= DV_RD(v.p->this_size))
		return 0;
	return (uint64_t)DV_RD(v.p->this_off) + off;
}

uint64_t dv_st_div(DV_ST st, uint64_t op, uint64_t a, uint64_t b)
{
	struct dv_view v;

	if (!b) {
		if (dv_view(st, &v))
			dv_set_fault(&v, DV_FAULT_DIVZERO, 0);
		return 0;
	}
	switch (op) {
	case DV_SDIV: return dv_sdiv(a, b, 0);
	case DV_UDIV: return a / b;
	case DV_SMOD: return dv_sdiv(a, b, 1);
	case DV_UMOD: return a % b;
	}
	return 0;
}

uint64_t dv_st_rmw(DV_ST st, uint64_t cell, uint64_t op, uint64_t operand, uint64_t width)
{
	volatile uint64_t *w;
	struct dv_view v;
	uint64_t old, new;
	uint32_t i;

	if (!dv_view(st, &v))
		return 0;
	if ((op == DV_RMW_DIV || op == DV_RMW_MOD) && !operand) {
		dv_set_fault(&v, DV_FAULT_DIVZERO, 0);
		return 0;
	}
	if (cell < DV_GLOBALS_OFF)
		return dv_rmw_apply(op, 0, operand, width);
	w = dv_word(&v, cell);
	if ((width & 15) == 8 && (op == DV_RMW_ADD || op == DV_RMW_SUB)) {
		operand = op == DV_RMW_ADD ? operand : -operand;
		return dv_add(w, operand) + operand;
	}
	for (i = 0; i < DV_RETRY_RMW; i++) {
		old = *w;
		new = dv_rmw_apply(op, old, operand, width);
		if (dv_cas(w, old, new))
			return new;
	}
	dv_drop(&v, DV_DROP_RETRY);
	return 0;
}

// The length is taken first, and what is written is cut to it: whatever happens to the source meanwhile, the string
// ends. Where the two overlap so that a copy would run into itself, it goes by way of scratch.
void dv_st_sts(DV_ST st, uint64_t cell, uint64_t sref)
{
	struct dv_view v;
	uint64_t len, way;

	if (cell < DV_GLOBALS_OFF || !dv_view(st, &v))
		return;
	cell &= ~7ULL;
	len = dv_st_slen(st, sref);
	if (cell > sref && cell < sref + len) {
		way = dv_st_scratch(st, len + 1);
		if (!way)
			return;
		dv_copy(st, way, sref, len, len + 1);
		sref = way;
	}
	dv_copy(st, cell, sref, len, len + 1);
}
