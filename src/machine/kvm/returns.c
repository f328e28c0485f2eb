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
 * A jump to the return thunk has no room, and its distance cannot be changed byte by byte. So, with all virtual CPUs held, it is
 * led to a stub in padding, which may be that of any function, and which is there already:
 *
 *   e9 rr rr rr rr          jmp thunk      e9 ss ss ss ss          jmp stub
 *   cc cc cc cc cc cc cc                   0f 08 e9 tt tt tt tt    stub: invd; jmp thunk
 *
 * Conditional jumps to the thunk likewise. When the jump leads to the thunk again the stub is dead, whatever is in it.
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
	uint8_t jump; // bytes of the jump that it is; 0: a return
};
struct scan {
	const struct dv_trap_code *c;
	const uint8_t *p;  // the function
	uint8_t *targets;  // a bit for each byte of it that something in it jumps to
	uint32_t pad;      // from here on padding only
	bool ends;         // what is before that does not go on into it
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

static bool add(struct scan *s, uint32_t off, unsigned jump)
{
	if (s->count == RETURNS)
		return refuse(s, "it has more than %u returns", RETURNS);
	s->places[s->count++] = (struct place){off, (uint8_t)jump};
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

static uint64_t target(const uint8_t *jump, unsigned n, unsigned bytes, uint64_t addr)
{
	const uint8_t *d = jump + n - bytes;
	int32_t rel = bytes == 1 ? (int8_t)d[0] : (int32_t)(d[0] | d[1] << 8 | d[2] << 16 | (uint32_t)d[3] << 24);

	return addr + n + (uint64_t)(int64_t)rel;
}

static bool jump(struct scan *s, uint32_t off, unsigned n, unsigned bytes, uint8_t opcode, dv_trap_addrs *tails)
{
	uint64_t to = target(s->p + off, n, bytes, s->c->addr + off);

	if (to - s->c->addr < s->c->size) {
		uint32_t t = (uint32_t)(to - s->c->addr);

		s->targets[t / 8] |= (uint8_t)(1u << t % 8);
	} else if (opcode == 0xe8) {
		return true;
	} else if (is_thunk(s->c, to)) {
		if (bytes != 4 || n > 8)
			return refuse(s, "the return at +0x%x is of a form that cannot be replaced", off);
		return add(s, off, n);
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

// A stub that somebody has left in padding.
static bool is_stub(const struct scan *s, uint32_t off)
{
	const uint8_t *p = at(s, off, DV_TRAP_STUB_SIZE);

	return p && !memcmp(p, "\x0f\x08\xe9", 3) && is_thunk(s->c, target(p + 2, 5, 4, s->c->addr + off + 2));
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
		s->ends = opcode == 0xc3 || opcode == 0xe9 || opcode == 0xeb || (n == 2 && p[0] == 0x0f && p[1] == 0x0b);
		if (bytes) {
			if (!jump(s, off, n, bytes, opcode, tails))
				return false;
		} else if (p[0] == 0xc3) {
			if (!add(s, off, 0))
				return false;
		} else if (dv_x86_return(p, n)) {
			return refuse(s, "the return at +0x%x is of a form that cannot be replaced", off);
		} else if (off && is_stub(s, off)) {
			n = DV_TRAP_STUB_SIZE;
			s->pad = off + n;
			s->ends = true;
		} else if (off && n == 2 && p[0] == 0x0f && p[1] == 0x08 && at(s, off + 2, 1) && *at(s, off + 2, 1) == 0xc3) {
			if (!add(s, off, 0)) // a trap of an earlier dvirt
				return false;
			n = 3;
			s->pad = off + n;
			s->ends = true;
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

static bool no_room(struct scan *s, uint32_t off)
{
	return refuse(s, "the return at +0x%x has no room behind it", off);
}

static bool plain(struct scan *s, uint32_t off, struct dv_trap *t)
{
	const uint8_t *p = at(s, off, 3), *next = at(s, off + 3, 1);
	bool left = p && p[1] == 0x08 && p[2] == 0xc3 && (!next || *next == INT3);

	t->pc = t->place;
	t->size = t->steps = 3;
	t->order[0] = 2;
	t->order[1] = 1;
	memcpy(t->now, (const uint8_t[]){0x0f, 0x08, 0xc3}, 3);
	memcpy(t->was, (const uint8_t[]){0xc3, INT3, INT3}, 3);
	if (!p || targeted(s, off + 1, off + 3))
		return no_room(s, off);
	if (left) // of an earlier dvirt
		return true;
	if (p[0] != 0xc3 || !padding(s, off + 1))
		return no_room(s, off);
	memcpy(t->was, p, 3);
	return true;
}

/* Stubs by their jumps: open hashing, at most half full. */
struct entry {
	uint64_t place, stub;
	uint8_t was[DV_TRAP_STUB_SIZE];
};
struct dv_trap_set {
	struct entry *slots;
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

static struct entry *slot(const struct dv_trap_set *s, uint64_t place)
{
	size_t i = (size_t)(place * 0x9e3779b97f4a7c15ull >> 20);

	while (s->slots[i & (s->size - 1)].place && s->slots[i & (s->size - 1)].place != place)
		i++;
	return &s->slots[i & (s->size - 1)];
}

static struct entry *entry(struct dv_trap_set *s, uint64_t place)
{
	if (s->used * 2 >= s->size) {
		struct dv_trap_set old = *s;

		s->size *= 2;
		s->slots = dv_xcalloc(s->size, sizeof(*s->slots));
		for (size_t i = 0; i < old.size; i++)
			if (old.slots[i].place)
				*slot(s, old.slots[i].place) = old.slots[i];
		free(old.slots);
	}
	return slot(s, place);
}

static bool put32(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
	return (int64_t)v == (int32_t)v;
}

static bool by_stub(struct scan *s, const struct place *w, struct dv_trap_set *set, struct dv_trap *t)
{
	const struct dv_trap_code *c = s->c;
	struct entry none = {.place = t->place, .stub = t->place}, *e = set ? entry(set, t->place) : &none;
	const uint8_t *p = s->p + w->off;
	uint64_t to = target(p, w->jump, 4, t->place);

	if (!e->place) {
		if (c->room && !c->room(c->ctx, &e->stub, e->was))
			return refuse(s, "the kernel's code has no room left for the return at +0x%x", w->off);
		if (!c->room)
			e->stub = t->place;
		e->place = t->place;
		set->used++;
	}
	t->flags = DV_TRAP_STUB;
	t->pc = e->stub;
	t->size = DV_TRAP_STUB_SIZE;
	memcpy(t->was, e->was, DV_TRAP_STUB_SIZE);
	memcpy(t->now, (const uint8_t[]){0x0f, 0x08, 0xe9}, 3);
	t->jump_size = w->jump;
	memcpy(t->jump_was, p, w->jump);
	memcpy(t->jump_now, p, w->jump);
	if (!put32(t->now + 3, to - (t->pc + DV_TRAP_STUB_SIZE)) || !put32(t->jump_now + w->jump - 4, t->pc - (t->place + w->jump)))
		return refuse(s, "the return at +0x%x is too far from any room in the kernel's code", w->off);
	return true;
}

static bool choose(struct scan *s, struct dv_trap_set *set, dv_traps *ret)
{
	size_t before = ret->count;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct place *w = &s->places[i];
		struct dv_trap t = {.place = s->c->addr + w->off, .site = s->c->site};

		if (w->jump ? !by_stub(s, w, set, &t) : !plain(s, w->off, &t)) {
			ret->count = before;
			return false;
		}
		*DV_PUSH(ret) = t;
	}
	return true;
}

static bool open_scan(struct scan *s)
{
	const struct dv_trap_code *c = s->c;
	uint64_t off = c->addr - c->text_addr;

	if (!c->size || c->size > DV_TRAP_FUNC_MAX)
		return refuse(s, "its size is not known, or is more than %u bytes", DV_TRAP_FUNC_MAX);
	if (off > c->text_size || c->size > c->text_size - off)
		return refuse(s, "its code cannot be read", 0);
	s->p = c->text + off;
	s->targets = dv_xcalloc(c->size / 8 + 1, 1);
	s->places = dv_xcalloc(RETURNS, sizeof(*s->places));
	return true;
}

static void close_scan(struct scan *s)
{
	free(s->targets);
	free(s->places);
}

bool dv_trap_returns(const struct dv_trap_code *c, struct dv_trap_set *set, dv_traps *ret, dv_trap_addrs *tails, char *why)
{
	struct scan s = {.c = c, .why = why};
	size_t before = tails ? tails->count : 0;
	bool ok;

	*why = 0;
	ok = open_scan(&s) && decode(&s, tails);
	if (ok && !s.count && !(tails && tails->count > before))
		ok = refuse(&s, "it has no return instruction", 0);
	ok = ok && choose(&s, set, ret);
	close_scan(&s);
	return ok;
}

// Two bytes are left to a return, and to who looks for int3 behind one.
uint32_t dv_trap_padding(const struct dv_trap_code *c, uint32_t *off)
{
	char why[DV_TRAP_WHY];
	struct scan s = {.c = c, .why = why};
	uint32_t size = 0;

	if (open_scan(&s) && decode(&s, NULL) && s.ends && s.pad + 2 + DV_TRAP_STUB_SIZE <= c->size && !targeted(&s, s.pad, c->size)) {
		*off = s.pad + 2;
		size = c->size - *off;
	}
	close_scan(&s);
	return size;
}
