// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Traps at functions' entries, and what all traps have in common.
 *
 * A kernel that can trace functions has a NOP of five bytes at each one's start, 0f 1f 44 00 00: opcode, ModRM, SIB and a
 * displacement of 8 bits. The last two do not matter to a NOP. So, one byte at a time:
 *
 *   0f 1f 44 00 00   nop
 *   0f 1f 44 66 00   nop
 *   0f 1f 44 66 90   nop
 *   0f 08 44 66 90   invd; nop      the flip: 1f becomes 08
 *
 * 44 is a REX prefix; one that another prefix follows is ignored, and 66 90 is a NOP. A processor that did not ignore it
 * would exchange eax with eax.
 *
 * One byte is stored whole by whatever the kernel copies with. A copy of eight bytes is not: it may be a "rep movsb".
 */
#include "machine/kvm/site.h"

#include <string.h>

#include "elf/insn.h"

#define ENTRY 5u

static const uint8_t nop5[ENTRY] = {0x0f, 0x1f, 0x44, 0x00, 0x00}, trap5[ENTRY] = {0x0f, 0x08, 0x44, 0x66, 0x90};

static bool is(const uint8_t *p, const uint8_t *q)
{
	return !memcmp(p, q, ENTRY);
}

enum dv_trap_state dv_trap_state(const struct dv_trap *t, const uint8_t *bytes, const uint8_t *jump)
{
	bool stub = t->flags & DV_TRAP_STUB, was = !memcmp(bytes, t->was, t->size), now = !memcmp(bytes, t->now, t->size);
	uint8_t b[sizeof(t->now)];

	if (stub && !memcmp(jump, t->jump_now, t->jump_size))
		return now ? DV_TRAP_ON : DV_TRAP_FOREIGN;
	if (stub && memcmp(jump, t->jump_was, t->jump_size) != 0)
		return DV_TRAP_FOREIGN;
	if (was)
		return DV_TRAP_WAS;
	if (now)
		return stub ? DV_TRAP_OFF : DV_TRAP_ON;
	memcpy(b, t->was, t->size);
	for (unsigned i = 0; i < t->size; i++) // nobody runs a stub: its bytes may have been stored in any order
		if (stub && bytes[i] == t->now[i])
			b[i] = bytes[i];
	for (unsigned i = 0; i + 1 < t->steps; i++) {
		b[t->order[i]] = t->now[t->order[i]];
		if (!memcmp(bytes, b, t->size))
			return DV_TRAP_OFF;
	}
	return memcmp(bytes, b, t->size) ? DV_TRAP_FOREIGN : DV_TRAP_OFF;
}

bool dv_trap_prepared(const struct dv_trap *t, const uint8_t *bytes, const uint8_t *jump)
{
	uint8_t b[sizeof(t->now)];

	if (t->flags & DV_TRAP_STUB)
		return !memcmp(bytes, t->now, t->size) && !memcmp(jump, t->jump_was, t->jump_size);
	memcpy(b, t->now, t->size);
	b[t->order[t->steps - 1]] = t->was[t->order[t->steps - 1]];
	return !memcmp(bytes, b, t->size);
}

static uint64_t jump_target(const uint8_t *jump, unsigned size, uint64_t addr)
{
	uint32_t rel = 0;

	for (unsigned i = 0; i < 4; i++)
		rel |= (uint32_t)jump[size - 4 + i] << 8 * i;
	return addr + size + (uint64_t)(int64_t)(int32_t)rel;
}

static bool kernel_address(uint64_t a)
{
	return a >> 63 && a + 16 > a;
}

// A jump that leads to a stub which leads to where the jump led.
static bool sane_stub(const struct dv_trap *t)
{
	if (t->steps || t->size != DV_TRAP_STUB_SIZE || t->jump_size < 5 || t->jump_size > sizeof(t->jump_was) ||
	    !kernel_address(t->place) || t->jump_hva >> 63 || t->now[2] != 0xe9)
		return false;
	return !memcmp(t->jump_was, t->jump_now, t->jump_size - 4) && jump_target(t->jump_now, t->jump_size, t->place) == t->pc &&
	       jump_target(t->now + 2, 5, t->pc + 2) == jump_target(t->jump_was, t->jump_size, t->place);
}

// The two shapes that are made byte by byte, and stubs.
bool dv_trap_sane(const struct dv_trap *t)
{
	uint8_t changed = 0;

	if (!kernel_address(t->pc) || t->hva >> 63 || t->size < 3 || t->size > sizeof(t->now) || t->now[0] != 0x0f ||
	    t->now[1] != 0x08 || t->flags & ~DV_TRAP_STUB)
		return false;
	if (t->flags & DV_TRAP_STUB)
		return sane_stub(t);
	if (!t->steps || t->steps > sizeof(t->order) || t->jump_size || t->place != t->pc)
		return false;
	for (unsigned i = 0; i < t->steps; i++) {
		if (t->order[i] >= t->size || changed & 1u << t->order[i])
			return false;
		changed |= (uint8_t)(1u << t->order[i]);
	}
	for (unsigned i = 0; i < t->size; i++)
		if (!(changed & 1u << i) && t->was[i] != t->now[i])
			return false;
	if (t->size == ENTRY)
		return is(t->was, nop5) && is(t->now, trap5) && t->order[t->steps - 1] == 1;
	return t->size == 3 && t->was[0] == 0xc3 && t->now[2] == 0xc3 && t->order[t->steps - 1] == 0;
}

// endbr64, or the NOP that a kernel puts in its place where nobody jumps to the function through a pointer.
static unsigned landing(const uint8_t *p, size_t size)
{
	static const uint8_t forms[][4] = {{0xf3, 0x0f, 0x1e, 0xfa}, {0x66, 0x0f, 0x1f, 0x00}, {0x0f, 0x1f, 0x40, 0xd6}};

	for (unsigned i = 0; size >= 4 && i < DV_COUNT(forms); i++)
		if (!memcmp(p, forms[i], 4))
			return 4;
	return 0;
}

const char *dv_trap_entry(const uint8_t *p, size_t size, uint64_t addr, struct dv_trap *ret)
{
	struct dv_trap t = {0};
	unsigned at = landing(p, size);

	p += at;
	size -= at;
	if (!size)
		return "it has no NOP at its entry";
	switch (p[0]) {
	case 0xe8:
	case 0xcc:
		return "its entry is a call or a breakpoint: the guest's own tracer may have taken it";
	case 0xe9:
	case 0xeb:
		return "its entry is a jump, not a NOP";
	}
	if (size < ENTRY)
		return "it has no NOP at its entry";
	t = (struct dv_trap){.pc = addr + at, .place = addr + at, .size = ENTRY, .steps = 3, .order = {3, 4, 1}};
	memcpy(t.was, nop5, ENTRY);
	memcpy(t.now, trap5, ENTRY);
	if (dv_trap_state(&t, p, NULL) == DV_TRAP_FOREIGN)
		return "it has no NOP at its entry";
	*ret = t;
	return NULL;
}
