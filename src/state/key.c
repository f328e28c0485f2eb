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

// Two words from where a string begins, cut at its end: its length, -1: it is longer, or longer than strings may be. Most
// that are put into keys are not.
DV_INLINE uint64_t key_cut(const struct dv_view *v, uint64_t w[2])
{
	uint64_t mark = dv_zero_byte(w[0]);

	if (mark) {
		w[0] = dv_below(w[0], mark);
		w[1] = 0;
		return dv_zero_index(mark);
	}
	mark = dv_zero_byte(w[1]);
	if (!mark || dv_strsize(v) < 16)
		return -1ULL;
	w[1] = dv_below(w[1], mark);
	return 8 + dv_zero_index(mark);
}

// Append a string of such words.
DV_INLINE void key_words(const struct dv_view *v, const uint64_t w[2], uint64_t len)
{
	uint64_t at = key_room(v, 8 + DV_ALIGN8(len));

	if (!at)
		return;
	*dv_word(v, at) = DV_KEY_STR | len << 32;
	if (len)
		*dv_word(v, at + 8) = w[0];
	if (len > 8)
		*dv_word(v, at + 16) = w[1];
}

DV_INLINE void key_string(DV_ST st, uint64_t sref)
{
	uint64_t at, len = 0, w[2];
	struct dv_view v;

	if (!dv_view(st, &v))
		return;
	if (sref) {
		w[0] = dv_bytes8(&v, sref);
		w[1] = dv_bytes8(&v, sref + 8);
		len = key_cut(&v, w);
	}
	if (len != -1ULL) {
		key_words(&v, w, len);
		return;
	}
	len = dv_st_slen(st, sref);
	at = key_room(&v, 8 + DV_ALIGN8(len));
	if (!at)
		return;
	*dv_word(&v, at) = DV_KEY_STR | len << 32;
	dv_copy(st, at + 8, sref, len, len);
}

void dv_st_keys(DV_ST st, uint64_t sref)
{
	key_string(st, sref);
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
