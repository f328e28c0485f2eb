// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Traps at a function's returns.
 *
 * Behind a return nobody runs, and where kernels guard against straight-line speculation, or have patched a jump to a return
 * thunk back into a return, int3 stands there. That makes room for a return behind INVD:
 *
 *   c3 cc cc    ret
 *   c3 cc c3    ret
 *   c3 08 c3    ret
 *   0f 08 c3    invd; ret           the flip: c3 becomes 0f
 *
 * A jump to the return thunk (e9 and 32 bits) cannot be left by single bytes. With room behind it:
 *
 *   e9 rr rr rr rr cc cc    jmp thunk
 *   0f 08 e9 rr rr rr rr    invd; jmp thunk
 *
 * Without, a short jump to another such jump, which another function lends (it then cannot be a trap itself), or to the
 * one that stands behind an INVD in this function.
 *
 *   e9 rr rr rr rr    jmp thunk
 *   0f 08 eb dd rr    invd; jmp .+dd
 *
 * A place that something else jumps into is none. Jumps of this function are seen, those of others into the middle of
 * it (from its cold part) lead to instructions, and padding is not made of those.
 */
#include <stdio.h>
#include <string.h>

#include "elf/insn.h"
#include "machine/kvm/site.h"

#define RETURNS 1024u
#define INT3    0xccu

struct place {
	uint32_t off;
	uint8_t kind; // c3 or e9; 0f: a trap is there already
};
struct scan {
	const struct dv_trap_code *c;
	const uint8_t *p;  // the function
	uint8_t *targets;  // a bit for each byte of it that something in it jumps to
	uint32_t pad;      // from here on padding only
	struct place *places;
	uint32_t count;
	char *why;
};

static bool refuse(struct scan *s, const char *fmt, uint32_t off)
{
	snprintf(s->why, DV_TRAP_WHY, fmt, off);
	return false;
}

static bool is_thunk(const struct dv_trap_code *c, uint64_t addr)
{
	for (uint32_t i = 0; i < c->thunk_count; i++)
		if (c->thunks[i] == addr)
			return true;
	return false;
}

static bool targeted(const struct scan *s, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to && i < s->c->size; i++)
		if (s->targets[i / 8] >> i % 8 & 1)
			return true;
	return false;
}

// Bytes of text from an offset of the function on, NULL: not there.
static const uint8_t *at(const struct scan *s, uint32_t off, uint32_t size)
{
	uint64_t o = s->c->addr - s->c->text_addr + off;

	return o <= s->c->text_size && size <= s->c->text_size - o ? s->c->text + o : NULL;
}

static bool add(struct scan *s, uint32_t off, uint8_t kind)
{
	if (s->count == RETURNS)
		return refuse(s, "it has more than %u returns", RETURNS);
	s->places[s->count++] = (struct place){off, kind};
	return true;
}

// A relative jump or call of @p n bytes: how many of them are the distance. *opcode: without its prefixes.
static unsigned relative(const uint8_t *p, unsigned n, uint8_t *opcode)
{
	unsigned i = 0;

	while (i + 1 < n && (p[i] == 0x2e || p[i] == 0x3e || p[i] == 0xf2 || p[i] == 0xf3))
		i++;
	*opcode = p[i];
	if ((p[i] >= 0x70 && p[i] <= 0x7f) || (p[i] >= 0xe0 && p[i] <= 0xe3) || p[i] == 0xeb)
		return 1;
	if (p[i] == 0xe8 || p[i] == 0xe9)
		return 4;
	if (p[i] == 0x0f && i + 1 < n && p[i + 1] >= 0x80 && p[i + 1] <= 0x8f)
		return 4;
	return 0;
}

static bool jump(struct scan *s, uint32_t off, unsigned n, unsigned bytes, uint8_t opcode, dv_trap_addrs *tails)
{
	const uint8_t *d = s->p + off + n - bytes;
	int32_t rel = bytes == 1 ? (int8_t)d[0] : (int32_t)(d[0] | d[1] << 8 | d[2] << 16 | (uint32_t)d[3] << 24);
	uint64_t to = s->c->addr + off + n + (uint64_t)(int64_t)rel;

	if (to - s->c->addr < s->c->size) {
		uint32_t t = (uint32_t)(to - s->c->addr);

		s->targets[t / 8] |= (uint8_t)(1u << t % 8);
	} else if (opcode == 0xe8) {
		return true;
	} else if (is_thunk(s->c, to)) {
		if (opcode != 0xe9)
			return refuse(s, "the return at +0x%x is a conditional jump", off);
		if (n != 5)
			return refuse(s, "the return at +0x%x is of a form that cannot be replaced", off);
		return add(s, off, 0xe9);
	} else if (tails && tails->count < RETURNS) {
		*DV_PUSH(tails) = to;
	}
	return true;
}

static bool zeros(const uint8_t *p, uint32_t size)
{
	while (size && !*p)
		p++, size--;
	return !size;
}

static bool decode(struct scan *s, dv_trap_addrs *tails)
{
	uint32_t size = s->c->size;
	unsigned n;

	for (uint32_t off = 0; off < size; off += n) {
		const uint8_t *p = s->p + off;
		uint8_t opcode;
		unsigned bytes;

		n = dv_x86_length(p, size - off);
		if (!n) {
			if (zeros(p, size - off))
				break;
			return refuse(s, "the instruction at +0x%x is not understood", off);
		}
		if (p[0] == INT3 || dv_x86_nop(p, n))
			continue;
		s->pad = off + n;
		bytes = relative(p, n, &opcode);
		if (bytes) {
			if (!jump(s, off, n, bytes, opcode, tails))
				return false;
		} else if (p[0] == 0xc3) {
			if (!add(s, off, 0xc3))
				return false;
		} else if (dv_x86_return(p, n)) {
			return refuse(s, "the return at +0x%x is of a form that cannot be replaced", off);
		} else if (n == 2 && p[0] == 0x0f && p[1] == 0x08 && off) {
			const uint8_t *next = at(s, off + 2, 1);

			if (!next || (next[0] != 0xc3 && next[0] != 0xe9 && next[0] != 0xeb))
				continue;
			if (next[0] != 0xc3)
				return refuse(s, "a trap of an earlier session is at its return at +0x%x", off);
			if (!add(s, off, 0x0f))
				return false;
			n = 3;
			s->pad = off + n;
		}
	}
	return true;
}

// Two bytes of padding at @p off.
static bool padding(const struct scan *s, uint32_t off)
{
	const uint8_t *p = at(s, off, 2);

	if (!p || targeted(s, off, off + 2))
		return false;
	return (p[0] == INT3 && p[1] == INT3) || (off >= s->pad && off + 2 <= s->c->size && !targeted(s, off, s->c->size));
}

static bool plain(struct scan *s, uint32_t off, struct dv_trap *t)
{
	const uint8_t *p = at(s, off, 3), *next = at(s, off + 3, 1);
	bool left = p && p[1] == 0x08 && p[2] == 0xc3 && (!next || *next == INT3);

	t->size = t->steps = 3;
	t->order[0] = 2;
	t->order[1] = 1;
	memcpy(t->now, (const uint8_t[]){0x0f, 0x08, 0xc3}, 3);
	memcpy(t->was, (const uint8_t[]){0xc3, INT3, INT3}, 3);
	if (!p || targeted(s, off + 1, off + 3))
		return false;
	if (left) // of an earlier dvirt
		return true;
	if (p[0] != 0xc3 || !padding(s, off + 1))
		return false;
	memcpy(t->was, p, 3);
	return true;
}

static void put32(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t target(const uint8_t *p, uint64_t addr)
{
	return addr + 5 + (uint64_t)(int64_t)(int32_t)(p[1] | p[2] << 8 | p[3] << 16 | (uint32_t)p[4] << 24);
}

static bool roomy(struct scan *s, uint32_t off, struct dv_trap *t)
{
	const uint8_t *p = at(s, off, 7);
	uint64_t to;

	t->flags = DV_TRAP_STOP;
	if (!p || !padding(s, off + 5))
		return false;
	to = target(p, t->pc) - (t->pc + 7);
	if ((int64_t)to != (int32_t)to)
		return false;
	t->size = 7;
	memcpy(t->was, p, 7);
	memcpy(t->now, (const uint8_t[]){0x0f, 0x08, 0xe9}, 3);
	put32(t->now + 3, to);
	return true;
}

/* Addresses of traps, and LENT(those) of jumps that lend themselves: open hashing, at most half full. */
#define LENT(addr) ((addr) ^ 1ull << 62)

struct dv_trap_set {
	uint64_t *slots;
	size_t size, used;
};

struct dv_trap_set *dv_trap_set_create(void)
{
	struct dv_trap_set *s = dv_xcalloc(1, sizeof(*s));

	s->size = 1024;
	s->slots = dv_xcalloc(s->size, sizeof(*s->slots));
	return s;
}

void dv_trap_set_destroy(struct dv_trap_set *s)
{
	if (s)
		free(s->slots);
	free(s);
}

static size_t slot(const struct dv_trap_set *s, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15ull >> 20);

	while (s->slots[i & (s->size - 1)] && s->slots[i & (s->size - 1)] != key)
		i++;
	return i & (s->size - 1);
}

static bool in_set(const struct dv_trap_set *set, uint64_t key)
{
	return set && set->slots[slot(set, key)];
}

static void put_in(struct dv_trap_set *s, uint64_t key)
{
	if (s->used * 2 >= s->size) {
		struct dv_trap_set old = *s;

		s->size *= 2;
		s->slots = dv_xcalloc(s->size, sizeof(*s->slots));
		for (size_t i = 0; i < old.size; i++)
			if (old.slots[i])
				s->slots[slot(s, old.slots[i])] = old.slots[i];
		free(old.slots);
	}
	s->used += !s->slots[slot(s, key)];
	s->slots[slot(s, key)] = key;
}

// The nearest jump to the thunk that a short jump at pc + 2 reaches.
static bool borrow(const struct scan *s, const struct dv_trap_set *set, const dv_traps *own, struct dv_trap *t)
{
	const struct dv_trap_code *c = s->c;
	uint64_t best = 0;
	int64_t near = 128;

	for (size_t i = 0; i < own->count; i++) {
		int64_t d = (int64_t)(own->data[i].pc + 2 - (t->pc + 4));

		if (own->data[i].size == 7 && d >= -128 && d < near)
			best = own->data[i].pc + 2, near = d < 0 ? -d : d;
	}
	for (int64_t d = -128; d < 128 && !best; d++) {
		uint64_t a = t->pc + 4 + (uint64_t)d, o = a - c->text_addr;

		if (a - c->addr < c->size || o >= c->text_size || c->text_size - o < 5)
			continue;
		if (c->text[o] == 0xe9 && is_thunk(c, target(c->text + o, a)) && (d < 0 ? -d : d) < near && !in_set(set, a))
			best = a;
	}
	if (!best)
		return false;
	t->size = 5;
	t->flags = DV_TRAP_STOP;
	t->via = best;
	memcpy(t->was, s->p + (t->pc - c->addr), 5);
	memcpy(t->now, t->was, 5);
	memcpy(t->now, (const uint8_t[]){0x0f, 0x08, 0xeb, (uint8_t)(best - (t->pc + 4))}, 4);
	return true;
}

static bool choose(struct scan *s, struct dv_trap_set *set, dv_traps *ret)
{
	dv_traps own = {0};
	bool ok = true;

	// Those with room first: the others may go by them.
	for (unsigned pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < s->count && ok; i++) {
			struct place *w = &s->places[i];
			struct dv_trap t = {.pc = s->c->addr + w->off, .site = s->c->site};

			if (w->kind == 0xe9 && in_set(set, LENT(t.pc))) {
				ok = refuse(s, "the return at +0x%x serves another function's return probe", w->off);
				break;
			}
			if (!w->kind)
				continue;
			if (w->kind == 0xe9 ? (pass ? borrow(s, set, &own, &t) : roomy(s, w->off, &t)) : plain(s, w->off, &t)) {
				*DV_PUSH(&own) = t;
				w->kind = 0;
			} else if (pass || w->kind != 0xe9) {
				ok = refuse(s, "the return at +0x%x has no room behind it", w->off);
			}
		}
	for (size_t i = 0; i < own.count && ok; i++) {
		*DV_PUSH(ret) = own.data[i];
		if (!set)
			continue;
		put_in(set, own.data[i].pc);
		if (own.data[i].via)
			put_in(set, LENT(own.data[i].via));
	}
	DV_VEC_FREE(&own);
	return ok;
}

bool dv_trap_returns(const struct dv_trap_code *c, struct dv_trap_set *set, dv_traps *ret, dv_trap_addrs *tails, char *why)
{
	struct scan s = {.c = c, .why = why};
	uint64_t off = c->addr - c->text_addr;
	bool ok;

	*why = 0;
	if (!c->size || c->size > DV_TRAP_FUNC_MAX)
		return refuse(&s, "its size is not known, or is more than %u bytes", DV_TRAP_FUNC_MAX);
	if (off > c->text_size || c->size > c->text_size - off)
		return refuse(&s, "its code cannot be read", 0);
	s.p = c->text + off;
	s.targets = dv_xcalloc(c->size / 8 + 1, 1);
	s.places = dv_xcalloc(RETURNS, sizeof(*s.places));
	ok = decode(&s, tails);
	if (ok && !s.count)
		ok = refuse(&s, "it has no return instruction", 0);
	ok = ok && choose(&s, set, ret);
	free(s.targets);
	free(s.places);
	return ok;
}
