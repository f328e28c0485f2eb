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
 * Where the processor keeps the stack pointer to itself at an exit (Intel's), the trap brings it along, in a register that a function
 * may change: so does the kernel's own tracer, at the same place. Bytes change together that belong together, so no virtual CPU may run
 * meanwhile; one that was interrupted before the INVD must not find the NOP's middle there, so the way back has a step:
 *
 *   0f 1f 44 00 00   nop
 *   49 89 e3 a8 08   mov %rsp,%r11; test $8,%al     flags are nobody's where a function begins
 *   49 89 e3 0f 08   mov %rsp,%r11; invd            the flip: a8 becomes 0f
 *
 * One byte is stored whole by whatever the kernel copies with. A copy of eight bytes is not: it may be a "rep movsb".
 */
#include "machine/kvm/site.h"

#include <string.h>

#include "elf/insn.h"

#define ENTRY 5u

static const uint8_t nop5[ENTRY] = {0x0f, 0x1f, 0x44, 0x00, 0x00}, trap5[ENTRY] = {0x0f, 0x08, 0x44, 0x66, 0x90},
		     sp5[ENTRY] = {0x49, 0x89, 0xe3, 0x0f, 0x08};
#define SP_INVD   3u /* where in sp5 it is, the flip first */
static const uint8_t sp_no_trap = 0xa8;

static bool is(const uint8_t *p, const uint8_t *q)
{
	return !memcmp(p, q, ENTRY);
}

const uint8_t *dv_trap_flip(const struct dv_trap *t, bool on)
{
	unsigned at = t->order[t->steps - 1];

	return on ? &t->now[at] : t->flags & DV_TRAP_SP ? &sp_no_trap : &t->was[at];
}

// All of the trap but its flip.
static void unflipped(const struct dv_trap *t, uint8_t *ret)
{
	memcpy(ret, t->now, t->size);
	ret[t->order[t->steps - 1]] = *dv_trap_flip(t, false);
}

enum dv_trap_state dv_trap_state(const struct dv_trap *t, const uint8_t *bytes, const uint8_t *jump)
{
	bool stub = t->flags & DV_TRAP_STUB, was = !memcmp(bytes, t->was, t->size), now = !memcmp(bytes, t->now, t->size);
	uint8_t b[sizeof(t->now)];

	if (stub && !memcmp(jump, t->jump_now, t->jump_size))
		return now ? DV_TRAP_ON : DV_TRAP_FOREIGN;
	// The jump leads to another session's stub, or its module is gone: this one is ours still, and nobody's way.
	if (stub && memcmp(jump, t->jump_was, t->jump_size) != 0)
		return now ? DV_TRAP_OFF : DV_TRAP_FOREIGN;
	if (was)
		return DV_TRAP_WAS;
	if (now)
		return stub ? DV_TRAP_OFF : DV_TRAP_ON;
	if (t->flags & DV_TRAP_SP) {
		unflipped(t, b);
		return memcmp(bytes, b, t->size) ? DV_TRAP_FOREIGN : DV_TRAP_OFF;
	}
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
	unflipped(t, b);
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

static bool sane_sp(const struct dv_trap *t)
{
	return t->flags == DV_TRAP_SP && kernel_address(t->place) && t->pc == t->place + SP_INVD && !(t->hva >> 63) && t->size == ENTRY &&
	       is(t->was, nop5) && is(t->now, sp5) && t->steps == 1 && t->order[0] == SP_INVD && !t->jump_size;
}

// The two shapes that are made byte by byte, the one that is not, and stubs.
bool dv_trap_sane(const struct dv_trap *t)
{
	uint8_t changed = 0;

	if (t->flags & DV_TRAP_SP)
		return sane_sp(t);
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

static struct dv_trap entry_trap(uint64_t place, bool sp)
{
	struct dv_trap t = {.pc = place, .place = place, .size = ENTRY, .steps = 3, .order = {3, 4, 1}};

	memcpy(t.was, nop5, ENTRY);
	memcpy(t.now, sp ? sp5 : trap5, ENTRY);
	if (sp) {
		t.flags = DV_TRAP_SP;
		t.pc += SP_INVD;
		t.steps = 1;
		t.order[0] = SP_INVD;
	}
	return t;
}

const char *dv_trap_entry(const uint8_t *p, size_t size, uint64_t addr, bool sp, struct dv_trap *ret)
{
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
	for (unsigned i = 0; size >= ENTRY && i < 2; i++) { // of the other form one may be left over
		struct dv_trap t = entry_trap(addr + at, i ? !sp : sp);

		if (dv_trap_state(&t, p, NULL) == DV_TRAP_FOREIGN)
			continue;
		*ret = t;
		return NULL;
	}
	return "it has no NOP at its entry";
}
