// SPDX-License-Identifier: GPL-2.0-or-later
// Dynamic variables: associative arrays and thread-locals, one lock-free hash table for all producers.
//
// The table has dyn_count slots, and for each a control word in an array of its own, so that a search reads few cache
// lines. An element may lie in any of the DV_WINDOW slots from its hash on (its window; the same for equal keys).
//
//   control word:  hash 63..32 | generation 31..2 | state 1..0
//   FREE     nobody's. The word 0 is a slot that was never used
//   PRIVATE  claimed by one producer, which writes key and value
//   PENDING  key and value are whole, the element may turn out to be a duplicate
//   LIVE     in the table
//
// Each claim takes a new generation, so a word that has not changed names the same element, and a compare-and-swap
// succeeds only on the element that was looked at.
//
// Finding: for each LIVE word with the hash, compare the key, then see that the word is still the same (the key may have been
// rewritten meanwhile). Stop at a slot that was never used: claims take the first FREE slot of the window, so nothing with
// this window can lie behind it.
//
// Inserting: claim the first FREE slot (FREE -> PRIVATE), write, publish (PENDING), then look at all other slots of the window:
//   LIVE with this key:                  give mine back, theirs is the element;
//   PENDING with this key, lower:        give mine back, begin again;
//   PENDING with this key, higher:       abort it (PENDING -> FREE). If that fails, look at the slot again.
// At last PENDING -> LIVE; when that fails I was aborted, and begin again.
//
// Why two LIVE slots never have one key: say I and J are both LIVE at some moment, and I became PENDING first. J looked at
// I's slot after J became PENDING, so I's word was PENDING or LIVE then, of the generation that it has now (an element that
// left those states would have had to be claimed again, as another element). J's search reached it: it was claimed
// before, so no slot before it in the window was one never used. If J saw it LIVE, J gave up. If PENDING and lower, J gave up. If PENDING and higher, J's
// compare-and-swap either aborted I, which then never became LIVE, or failed because I had just become LIVE, and J,
// looking again, gave up. Each contradicts that both are LIVE. (Publishing, looking and the two compare-and-swaps
// are all sequentially consistent.)
//
// A producer can die, or be taken off its processor, while its element is PENDING. So after DV_RETRY_YIELD rounds a lower one is aborted
// too; nothing in the proof needs it to survive. What was PRIVATE when its producer died is a slot lost.
//
// Thread-locals: the firing thread is part of the key, and a thread is in one place at a time, so no other producer can be
// inserting that key. They go from PRIVATE to LIVE at once. (A machine that lies about its threads gets two elements
// for one of its own, and nobody else notices.)
//
// Deleting: LIVE -> FREE. Whoever found the element before may still write to its value; as with any two clauses that run at the
// same moment, no promise is made about that.
#include "state/inner.h"

#define DV_WINDOW 32u

enum { FREE, PRIVATE, PENDING, LIVE };
#define STATE(c)      ((c) & 3)
#define WITH(c, s)    (((c) & ~3ULL) | (s))
#define GEN_MASK      0xfffffffcULL

// The table, checked: whatever the header says, offsets are masked, and the sizes bound every loop.
struct table {
	uint64_t ctl, slot, slot_size, key_size, val_size, index_mask;
	uint64_t mult;
};
// The key looked for.
struct want {
	uint64_t head, thread; // first two words of a slot
	uint64_t hash, key, len;
};

DV_INLINE void table_open(const struct dv_view *v, struct table *t)
{
	const struct dv_region_hdr *h = dv_hdr(v);

	t->ctl = DV_RD(h->dyn_ctl_off);
	t->slot = DV_RD(h->dyn_slot_off);
	t->slot_size = DV_RD(h->dyn_slot_size);
	t->key_size = DV_RD(h->dyn_key_size);
	if (t->key_size > DV_KEY_MAX)
		t->key_size = DV_KEY_MAX;
	t->val_size = DV_RD(h->dyn_val_size);
	if (t->val_size > DV_STR_MAX)
		t->val_size = DV_STR_MAX;
	t->index_mask = (uint64_t)DV_RD(h->dyn_count) - 1;
	t->mult = dv_hash_mult(DV_RD(h->dyn_seed));
}

DV_INLINE volatile uint64_t *ctl_of(const struct dv_view *v, const struct table *t, const struct want *w, uint32_t i)
{
	return dv_word(v, t->ctl + ((w->hash + i) & t->index_mask) * 8);
}
DV_INLINE uint64_t slot_of(const struct table *t, const struct want *w, uint32_t i)
{
	return t->slot + ((w->hash + i) & t->index_mask) * t->slot_size;
}
DV_INLINE uint64_t cell_of(const struct table *t, uint64_t slot)
{
	return slot + 16 + t->key_size;
}

// Take the tuple. False with a fault: it is too long for this table.
DV_INLINE int want_open(const struct dv_view *v, const struct table *t, struct want *w, uint64_t var, uint64_t flags, uint64_t thread)
{
	uint64_t h, i;

	w->len = DV_RD(v->p->key_len) & ~7u;
	w->key = DV_RD(v->p->key_off);
	DV_WR(v->p->key_len, 0);
	if (w->len > t->key_size) {
		dv_set_fault(v, DV_FAULT_TUPOFLOW, w->len);
		return 0;
	}
	w->head = (var & 0xffffff) << 8 | w->len << 32;
	w->thread = 0;
	if (flags & DV_DYN_SELF) {
		w->head |= 0x80 | (DV_RD(v->p->machine) & 0x7f);
		w->thread = thread;
	}
	h = dv_hash_word(t->mult, w->head, t->mult);
	h = dv_hash_word(h, w->thread, t->mult);
	for (i = 0; i < DV_KEY_MAX && i < w->len; i += 8)
		h = dv_hash_word(h, *dv_word(v, w->key + i), t->mult);
	// The home slot comes from the low bits, the tag from the high ones.
	w->hash = dv_hash_word(h, h >> 29, t->mult);
	return 1;
}

DV_HELPER uint64_t dv_dyn_same(DV_ST st, uint64_t a, uint64_t b, uint64_t len)
{
	struct dv_view v;
	uint64_t i;

	if (!dv_view(st, &v))
		return 0;
	for (i = 0; i < DV_KEY_MAX && i < len; i += 8)
		if (*dv_word(&v, a + i) != *dv_word(&v, b + i))
			return 0;
	return 1;
}

DV_INLINE int slot_is(DV_ST st, const struct dv_view *v, const struct want *w, uint64_t slot)
{
	if (*dv_word(v, slot) != w->head || *dv_word(v, slot + 8) != w->thread)
		return 0;
	return !w->len || dv_dyn_same(st, slot + 16, w->key, w->len);
}

// Search. The window's index of the LIVE element, or DV_WINDOW; *word is its control word. @p free: first FREE slot, or DV_WINDOW,
// and *free_word its word.
DV_INLINE uint32_t find(DV_ST st, const struct dv_view *v, const struct table *t, const struct want *w, uint64_t *word,
			uint32_t *free, uint64_t *free_word)
{
	uint64_t c, tag = w->hash >> 32;
	uint32_t i;

	*free = DV_WINDOW;
	*free_word = 0;
	for (i = 0; i < DV_WINDOW; i++) {
		c = dv_load(ctl_of(v, t, w, i));
		if (STATE(c) == LIVE) {
			if (c >> 32 != tag || !slot_is(st, v, w, slot_of(t, w, i)))
				continue;
			dv_rmb();
			if (dv_load(ctl_of(v, t, w, i)) != c)
				continue; // deleted while we looked
			*word = c;
			return i;
		}
		if (STATE(c) == FREE && *free == DV_WINDOW) {
			*free = i;
			*free_word = c;
		}
		if (!c)
			break;
	}
	return DV_WINDOW;
}

DV_INLINE void fill(const struct dv_view *v, const struct table *t, const struct want *w, uint64_t slot)
{
	uint64_t i;

	*dv_word(v, slot) = w->head;
	*dv_word(v, slot + 8) = w->thread;
	for (i = 0; i < DV_KEY_MAX && i < w->len; i += 8)
		*dv_word(v, slot + 16 + i) = *dv_word(v, w->key + i);
	for (i = 0; i < DV_STR_MAX && i < t->val_size; i += 8)
		*dv_word(v, cell_of(t, slot) + i) = 0;
}

// What one slot of the window means for my PENDING element.
enum { GO_ON, THEIRS, AGAIN, END };

DV_INLINE int meet(DV_ST st, const struct dv_view *v, const struct table *t, const struct want *w, uint32_t i, int abort_it)
{
	volatile uint64_t *ctl = ctl_of(v, t, w, i);
	uint64_t c, tag = w->hash >> 32;
	uint32_t look;
	int same;

	for (look = 0; look < DV_RETRY_LOOK; look++) {
		c = dv_load(ctl);
		if (!c)
			return END;
		if (c >> 32 != tag || STATE(c) < PENDING)
			return GO_ON;
		same = slot_is(st, v, w, slot_of(t, w, i));
		dv_rmb();
		if (dv_load(ctl) != c)
			continue;
		if (!same)
			return GO_ON;
		if (STATE(c) == LIVE)
			return THEIRS;
		if (!abort_it)
			return AGAIN;
		if (dv_cas(ctl, c, WITH(c, FREE)))
			return GO_ON;
	}
	return AGAIN;
}

// One attempt to insert at index @p at, whose word is @p was. The cell; 0: begin again.
DV_INLINE uint64_t insert(DV_ST st, const struct dv_view *v, const struct table *t, const struct want *w, uint32_t at, uint64_t was,
			  int own, int abort_lower)
{
	volatile uint64_t *ctl = ctl_of(v, t, w, at);
	uint64_t gen = (was + 4) & GEN_MASK, mine, slot = slot_of(t, w, at);
	uint32_t i;
	int r;

	mine = w->hash >> 32 << 32 | (gen ? gen : 4);
	if (!dv_cas(ctl, was, WITH(mine, PRIVATE)))
		return 0;
	fill(v, t, w, slot);
	if (own) {
		dv_store(ctl, WITH(mine, LIVE));
		return cell_of(t, slot);
	}
	dv_store_sc(ctl, WITH(mine, PENDING));
	for (i = 0; i < DV_WINDOW; i++) {
		if (i == at)
			continue;
		r = meet(st, v, t, w, i, i > at || abort_lower);
		if (r == END)
			break;
		if (r == GO_ON)
			continue;
		dv_cas(ctl, WITH(mine, PENDING), WITH(mine, FREE));
		return r == THEIRS ? cell_of(t, slot_of(t, w, i)) : 0;
	}
	return dv_cas(ctl, WITH(mine, PENDING), WITH(mine, LIVE)) ? cell_of(t, slot) : 0;
}

uint64_t dv_st_dyn(DV_ST st, uint64_t var, uint64_t flags, uint64_t thread)
{
	uint64_t word, free_word, cell;
	struct dv_view v;
	struct table t;
	struct want w;
	uint32_t tries, i, free;

	if (!dv_view(st, &v))
		return 0;
	table_open(&v, &t);
	if (!want_open(&v, &t, &w, var, flags, thread))
		return 0;
	for (tries = 0; tries < DV_RETRY_DYN; tries++) {
		i = find(st, &v, &t, &w, &word, &free, &free_word);
		if (i < DV_WINDOW)
			return cell_of(&t, slot_of(&t, &w, i));
		if (!(flags & DV_DYN_CREATE))
			return 0;
		if (free == DV_WINDOW) {
			dv_drop(&v, DV_DROP_DYN);
			return 0;
		}
		cell = insert(st, &v, &t, &w, free, free_word, (flags & DV_DYN_SELF) != 0, tries >= DV_RETRY_YIELD);
		if (cell)
			return cell;
	}
	dv_drop(&v, DV_DROP_RETRY);
	return 0;
}

void dv_st_dyndel(DV_ST st, uint64_t var, uint64_t flags, uint64_t thread)
{
	uint64_t word, free_word;
	struct dv_view v;
	struct table t;
	struct want w;
	uint32_t i, free;

	if (!dv_view(st, &v))
		return;
	table_open(&v, &t);
	if (!want_open(&v, &t, &w, var, flags, thread))
		return;
	i = find(st, &v, &t, &w, &word, &free, &free_word);
	// When the word has changed, someone else has deleted it, which is as good.
	if (i < DV_WINDOW)
		dv_cas(ctl_of(&v, &t, &w, i), word, WITH(word, FREE));
}
