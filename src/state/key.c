// SPDX-License-Identifier: GPL-2.0-or-later
// The key tuple under construction: elements are appended to the producer's buffer, in the form that region.h gives,
// until an associative array or an aggregation consumes it.
#include "state/inner.h"

// Make room for @p size bytes: where they go, 0 with a fault when the tuple is too long.
DV_INLINE uint64_t key_room(const struct dv_view *v, uint64_t size)
{
	uint64_t used = DV_RD(v->p->key_len) & ~7u, max = DV_RD(v->p->key_size);

	if (max > DV_KEY_LOOP)
		max = DV_KEY_LOOP;
	if (used > max || size > max - used) {
		dv_set_fault(v, DV_FAULT_TUPOFLOW, used + size);
		return 0;
	}
	DV_WR(v->p->key_len, (uint32_t)(used + size));
	return (uint64_t)DV_RD(v->p->key_off) + used;
}

void dv_st_key(DV_ST st, uint64_t value)
{
	struct dv_view v;
	uint64_t at;

	if (!dv_view(st, &v))
		return;
	at = key_room(&v, 16);
	if (!at)
		return;
	*dv_word(&v, at) = DV_KEY_INTW;
	*dv_word(&v, at + 8) = value;
}

void dv_st_keys(DV_ST st, uint64_t sref)
{
	struct dv_view v;
	uint64_t at, len;

	if (!dv_view(st, &v))
		return;
	len = dv_st_slen(st, sref);
	at = key_room(&v, 8 + DV_ALIGN8(len));
	if (!at)
		return;
	*dv_word(&v, at) = DV_KEY_STR | len << 32;
	dv_copy(st, at + 8, sref, len, len);
}

void dv_st_keyb(DV_ST st, uint64_t mem)
{
	struct dv_view v;
	uint64_t at, size;

	if (!dv_view(st, &v))
		return;
	size = dv_stack_size(&v, mem);
	if (!size)
		return;
	at = key_room(&v, 8 + size);
	if (!at)
		return;
	*dv_word(&v, at) = DV_KEY_BLOCK | size << 32;
	dv_copy(st, at + 8, mem, size, size);
}
