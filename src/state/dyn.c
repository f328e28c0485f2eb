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
// Finding: for each LIVE word with the hash, compare the key, then see that the word is still the same (the key may
// have been rewritten meanwhile). Stop at a slot that was never used: claims take the first FREE slot of the window,
// so nothing with this window can lie behind it.
//
// Inserting: claim the first FREE slot (FREE -> PRIVATE), write, publish (PENDING), then look at all other slots of
// the window:
//   LIVE with this key:                  give mine back, theirs is the element;
//   PENDING with this key, lower:        give mine back, begin again;
//   PENDING with this key, higher:       abort it (PENDING -> FREE). If that fails, look at the slot again.
// At last PENDING -> LIVE; when that fails I was aborted, and begin again.
//
// Why two LIVE slots never have one key: say I and J are both LIVE at some moment, and I became PENDING first. J
// looked at I's slot after J became PENDING, so I's word was PENDING or LIVE then, of the generation that it has now
// (an element that left those states would have had to be claimed again, as another element). J's search reached it:
// it was claimed before, so no slot before it in the window was one never used. If J saw it LIVE, J gave up. If
// PENDING and lower, J gave up. If PENDING and higher, J's compare-and-swap either aborted I, which then never became
// LIVE, or failed because I had just become LIVE, and J, looking again, gave up. Each contradicts that both are LIVE.
// (Publishing, looking and the two compare-and-swaps are all sequentially consistent.)
//
// A producer can die, or be taken off its processor, while its element is PENDING. So after DV_RETRY_YIELD rounds a
// lower one is aborted too; nothing in the proof needs it to survive. What was PRIVATE when its producer died is a
// slot lost.
//
// Thread-locals: the firing thread is part of the key, and a thread is in one place at a time, so no other producer
// can be inserting that key. They go from PRIVATE to LIVE at once. (A machine that lies about its threads gets two
// elements for one of its own, and nobody else notices.)
//
// Deleting: LIVE -> FREE. Whoever found the element before may still write to its value; as with any two clauses that
// run at the same moment, no promise is made about that.
#include "state/inner.h"

#define DV_WINDOW 32u

enum { FREE, PRIVATE, PENDING, LIVE };
#define STATE(c)      ((c) & 3)
#define WITH(c, s)    (((c) & ~3ULL) | (s))
#define GEN_MASK      0xfffffffcULL

// The table, checked: whatever the header says, offsets are masked, and the sizes bound every loop.
struct table {
	uint64_t ctl, slot, slot_size, key_size, val_size, index_mask;
};
// The key looked for: what identifies the variable, and the tuple's words in the producer's buffer.
struct want {
	uint64_t head, thread; // first two words of a slot; head's upper half is the tuple's size
	uint64_t hash;         // home slot from its low bits, tag from the high ones
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
}

DV_INLINE volatile uint64_t *ctl_of(const struct dv_view *v, const struct table *t, uint64_t hash, uint64_t i)
{
	return dv_word(v, t->ctl + ((hash + i) & t->index_mask) * 8);
}
DV_INLINE uint64_t slot_of(const struct table *t, uint64_t hash, uint64_t i)
{
	return t->slot + ((hash + i) & t->index_mask) * t->slot_size;
}
DV_INLINE uint64_t cell_of(const struct table *t, uint64_t slot)
{
	return slot + 16 + t->key_size;
}

// Take the tuple. False with a fault: it is too long for this table.
DV_INLINE int want_open(DV_ST st, const struct dv_view *v, struct want *w, uint64_t var, uint64_t flags,
                        uint64_t thread)
{
	uint64_t len = DV_RD(v->p->key_len) & ~7u, h, mult = DV_RD(dv_hdr(v)->hash_mult);

	DV_WR(v->p->key_len, 0);
	if (len > DV_KEY_LOOP || len > DV_RD(dv_hdr(v)->dyn_key_size)) {
		dv_set_fault(v, DV_FAULT_TUPOFLOW, len);
		return 0;
	}
	w->head = (var & 0xffffff) << 8 | len << 32;
	w->thread = 0;
	if (flags & DV_DYN_SELF) {
		w->head |= 0x80 | (DV_RD(v->p->machine) & 0x7f);
		w->thread = thread;
	}
	h = dv_hash_two(mult, w->head, w->thread, mult);
	w->hash = len ? dv_hash(st, v, h, DV_RD(v->p->key_off), len, mult) : dv_hash_end(h, mult);
	return 1;
}

DV_INLINE int slot_is(DV_ST st, const struct dv_view *v, uint64_t head, uint64_t thread, uint64_t slot)
{
	if (*dv_word(v, slot) != head || *dv_word(v, slot + 8) != thread)
		return 0;
	return !(head >> 32) || dv_same(st, slot + 16, DV_RD(v->p->key_off), head >> 32);
}

// Search, and delete what is found if @p del. Window index of the LIVE element, or DV_WINDOW.
DV_HELPER uint64_t dv_dyn_find(DV_ST st, uint64_t head, uint64_t thread, uint64_t hash, uint64_t del)
{
	volatile uint64_t *ctl;
	struct dv_view v;
	struct table t;
	uint64_t c, i;

	if (!dv_view(st, &v))
		return DV_WINDOW;
	table_open(&v, &t);
	for (i = 0; i < DV_WINDOW; i++) {
		ctl = ctl_of(&v, &t, hash, i);
		c = dv_load(ctl);
		if (STATE(c) == LIVE) {
			if (c >> 32 != hash >> 32 || !slot_is(st, &v, head, thread, slot_of(&t, hash, i)))
				continue;
			dv_rmb();
			if (dv_load(ctl) != c)
				continue; // deleted while we looked
			// When the word changes before our swap, someone else has deleted it, which is as good.
			if (del)
				dv_cas(ctl, c, WITH(c, FREE));
			return i;
		}
		if (!c)
			break;
	}
	return DV_WINDOW;
}

// Window index of the first FREE slot, or DV_WINDOW; more than that: no slot is free, but some are in the making, and
// may be given back in a moment.
DV_HELPER uint64_t dv_dyn_free(DV_ST st, uint64_t hash)
{
	struct dv_view v;
	struct table t;
	uint64_t i, state, making = 0;

	if (!dv_view(st, &v))
		return DV_WINDOW;
	table_open(&v, &t);
	for (i = 0; i < DV_WINDOW; i++) {
		state = STATE(dv_load(ctl_of(&v, &t, hash, i)));
		if (state == FREE)
			return i;
		making |= state ^ LIVE;
	}
	return DV_WINDOW + making;
}

#define INSERT_OWN   0x100 // nobody else inserts this key
#define INSERT_FORCE 0x200 // abort lower ones too

// What the slot at window index @p i, whose word has my hash, means for my PENDING element at an index (with flags).
enum { GO_ON, THEIRS, AGAIN };

DV_HELPER uint64_t dv_dyn_meet(DV_ST st, uint64_t head, uint64_t thread, uint64_t hash, uint64_t i_at_flags)
{
	volatile uint64_t *ctl;
	struct dv_view v;
	struct table t;
	uint64_t c, i = i_at_flags >> 32, at = i_at_flags & 255, look, same;

	if (!dv_view(st, &v))
		return AGAIN;
	if (i == at)
		return GO_ON; // my own
	table_open(&v, &t);
	ctl = ctl_of(&v, &t, hash, i);
	for (look = 0; look < DV_RETRY_LOOK; look++) {
		c = dv_load(ctl);
		if (c >> 32 != hash >> 32 || STATE(c) < PENDING)
			return GO_ON;
		same = (uint64_t)slot_is(st, &v, head, thread, slot_of(&t, hash, i));
		dv_rmb();
		if (dv_load(ctl) != c)
			continue;
		if (!same)
			return GO_ON;
		if (STATE(c) == LIVE)
			return THEIRS;
		if (i < at && !(i_at_flags & INSERT_FORCE))
			return AGAIN;
		if (dv_cas(ctl, c, WITH(c, FREE)))
			return GO_ON;
	}
	return AGAIN;
}

// One attempt to insert at a window index. The cell; 0: begin again.
DV_HELPER uint64_t dv_dyn_insert(DV_ST st, uint64_t head, uint64_t thread, uint64_t hash, uint64_t at_flags)
{
	uint64_t was, gen, mine, slot, c, i, r, at = at_flags & 255;
	volatile uint64_t *ctl;
	struct dv_view v;
	struct table t;

	if (!dv_view(st, &v))
		return 0;
	table_open(&v, &t);
	ctl = ctl_of(&v, &t, hash, at);
	slot = slot_of(&t, hash, at);
	was = dv_load(ctl);
	gen = (was + 4) & GEN_MASK;
	mine = hash >> 32 << 32 | (gen ? gen : 4);
	if (STATE(was) != FREE || !dv_cas(ctl, was, WITH(mine, PRIVATE)))
		return 0;
	*dv_word(&v, slot) = head;
	*dv_word(&v, slot + 8) = thread;
	if (head >> 32)
		dv_copy(st, slot + 16, DV_RD(v.p->key_off), head >> 32, head >> 32);
	dv_set(st, cell_of(&t, slot), t.val_size, 0);
	if (at_flags & INSERT_OWN) {
		dv_store(ctl, WITH(mine, LIVE));
		return cell_of(&t, slot);
	}
	dv_store_sc(ctl, WITH(mine, PENDING));
	for (i = 0; i < DV_WINDOW; i++) {
		c = dv_load(ctl_of(&v, &t, hash, i));
		if (!c)
			break;
		if (c >> 32 != hash >> 32 || STATE(c) < PENDING)
			continue;
		r = dv_dyn_meet(st, head, thread, hash, i << 32 | at_flags);
		if (r == GO_ON)
			continue;
		dv_cas(ctl, WITH(mine, PENDING), WITH(mine, FREE));
		return r == THEIRS ? cell_of(&t, slot_of(&t, hash, i)) : 0;
	}
	return dv_cas(ctl, WITH(mine, PENDING), WITH(mine, LIVE)) ? cell_of(&t, slot) : 0;
}

uint64_t dv_st_dyn(DV_ST st, uint64_t var, uint64_t flags, uint64_t thread)
{
	struct dv_view v;
	struct table t;
	struct want w;
	uint64_t found, how, cell;
	uint32_t tries;

	if (!dv_view(st, &v) || !want_open(st, &v, &w, var, flags, thread))
		return 0;
	table_open(&v, &t);
	for (tries = 0; tries < DV_RETRY_DYN; tries++) {
		found = dv_dyn_find(st, w.head, w.thread, w.hash, 0);
		if (found < DV_WINDOW)
			return cell_of(&t, slot_of(&t, w.hash, found));
		if (!(flags & DV_DYN_CREATE))
			return 0;
		found = dv_dyn_free(st, w.hash);
		if (found > DV_WINDOW && tries < DV_RETRY_FULL)
			continue;
		if (found >= DV_WINDOW) {
			dv_drop(&v, DV_DROP_DYN);
			return 0;
		}
		how = (flags & DV_DYN_SELF ? INSERT_OWN : 0) | (tries >= DV_RETRY_YIELD ? INSERT_FORCE : 0);
		cell = dv_dyn_insert(st, w.head, w.thread, w.hash, found | how);
		if (cell)
			return cell;
	}
	dv_drop(&v, DV_DROP_RETRY);
	return 0;
}

void dv_st_dyndel(DV_ST st, uint64_t var, uint64_t flags, uint64_t thread)
{
	struct dv_view v;
	struct want w;

	if (dv_view(st, &v) && want_open(st, &v, &w, var, flags, thread))
		dv_dyn_find(st, w.head, w.thread, w.hash, 1);
}
