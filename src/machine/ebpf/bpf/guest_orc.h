// SPDX-License-Identifier: GPL-2.0-or-later
//
// The guest's kernel's stack, by its unwind tables. The rules are those of guest/unwind.c and guest/orc.c, which explain
// them, and the frames are the same; here they are cut into functions of which the verifier sees each by itself. What
// one leaves to the next, and the bounds of searches, is in the firing's block: of a number that comes from memory the verifier
// knows nothing, so a round of a loop looks to it like the one before.

/* ORC_REG_* */
enum { UNDEFINED, PREV_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT };
/* struct dv_orc::type */
enum { ORC_CALL = 2, ORC_REGS, ORC_PARTIAL };
/* struct pt_regs, words */
enum { PT_R13 = 2, PT_BP = 4, PT_R10 = 7, PT_DX = 12, PT_DI = 14, PT_IP = 16 };

/*
 * An entry taken apart, in one word, so that those that are kept (dv_orc_kept) can be read and written by all virtual CPUs at
 * any time:
 *
 *	0..15 sp_offset   16..31 bp_offset   32..35 sp_reg   36..39 bp_reg   40..42 type   43 signal
 *	44..63 kept: which instruction's it is, as far as its place does not tell
 */
#define TRAP_SIZE 2u /* INVD */
#define ORC_BITS  44
#define ORC_FOUND (1ull << 63)
#define ORC_BLOCK 256u
#define ORC_ROWS  14 /* rounds of a search among ORCS_MAX of exec/load.c */
#define KEPT_BITS 10
_Static_assert(DV_ORC_KEPT == 1u << KEPT_BITS, "the rest of an address fits beside an entry");
_Static_assert(DV_GUEST_FRAMES >= DV_STACK_MAX, "frames are collected before they go into a block");

DV_INLINE const struct dv_load_orc *orc_row(uint64_t i)
{
	return (const struct dv_load_orc *)dv_orcs + (i & dv_guest.orc_mask);
}

// The row whose code has @p ip in it, and 1 more; 0: none has.
DV_HELPER uint64_t dv_guest_orc_row(uint64_t st, uint64_t ip)
{
	struct dv_firing_walk *w = &firing(st)->walk;
	const struct dv_load_orc *r = orc_row(w->row - 1);
	uint64_t mid;
	uint32_t i;

	if (w->row && ip >= r->lo && ip < r->hi)
		return w->row;
	DV_WR(w->lo, 0);
	DV_WR(w->hi, dv_guest.orc_count);
	for (i = 0; i < ORC_ROWS && DV_RD(w->lo) < DV_RD(w->hi); i++) {
		mid = (DV_RD(w->lo) + DV_RD(w->hi)) / 2;
		if (orc_row(mid)->lo <= ip)
			DV_WR(w->lo, mid + 1);
		else
			DV_WR(w->hi, mid);
	}
	mid = DV_RD(w->lo);
	if (!mid || ip >= orc_row(mid - 1)->hi)
		return 0;
	w->row = mid;
	return mid;
}

// Where the entry for the instruction at byte @p off of the code is kept.
DV_INLINE uint64_t *kept(uint64_t off)
{
	return (uint64_t *)dv_orc_kept + ((off ^ off >> KEPT_BITS) & (DV_ORC_KEPT - 1));
}

// The entry in the firing's bytes.
DV_INLINE uint64_t decode(const struct dv_firing_walk *w)
{
	const uint8_t *e = (const uint8_t *)w->bytes;
	uint16_t sp_off = *(const uint16_t *)(e + (dv_guest.layout.orc.sp_offset & 15));
	uint16_t bp_off = *(const uint16_t *)(e + (dv_guest.layout.orc.bp_offset & 15));
	uint64_t bits = *(const uint16_t *)(e + (dv_guest.layout.orc.bits & 15)), sp_reg, bp_reg, type, signal;

	sp_reg = bits >> (dv_guest.layout.orc.sp_reg & 15) & 15;
	bp_reg = bits >> (dv_guest.layout.orc.bp_reg & 15) & 15;
	type = bits >> (dv_guest.layout.orc.type & 15) & ((1u << (dv_guest.layout.orc.type_bits & 7)) - 1);
	if (!dv_guest.layout.orc.numbered)
		type = sp_reg ? type + 2 : 0;
	if (type > ORC_PARTIAL)
		type = 0;
	signal = dv_guest.layout.orc.signal == DV_ORC_NO_BIT ? type != ORC_CALL
							      : bits >> (dv_guest.layout.orc.signal & 15) & 1;
	return sp_off | (uint64_t)bp_off << 16 | sp_reg << 32 | bp_reg << 36 | type << 40 | signal << 43;
}

// Where the entry for the instruction at byte @p off of a row's code may be: from w->lo on, before w->hi. 0: nowhere.
DV_INLINE int orc_bounds(uint64_t st, struct dv_firing_walk *w, const struct dv_load_orc *t, uint64_t off)
{
	uint64_t from = 0, end = t->count;

	if (t->index) {
		if (off / ORC_BLOCK + 1 >= t->index_count || !dv_guest_bytes(st, t->index + off / ORC_BLOCK * 4, 8))
			return 0;
		from = (uint32_t)w->bytes[0];
		end = (w->bytes[0] >> 32) + 1;
		if (end <= from || end > t->count)
			return 0;
	}
	DV_WR(w->from, from);
	DV_WR(w->lo, from);
	DV_WR(w->hi, end);
	return 1;
}

// The entry for the instruction at @p ip, and ORC_FOUND; 0: there is none.
DV_HELPER uint64_t dv_guest_orc_find(uint64_t st, uint64_t ip)
{
	struct dv_firing_walk *w = &firing(st)->walk;
	uint64_t row = dv_guest_orc_row(st, ip), off, mid, e;
	const struct dv_load_orc *t = orc_row(row - 1);
	uint32_t i;

	if (!row || !dv_guest.layout.orc.size || dv_guest.layout.orc.size > 16 ||
	    dv_guest.layout.orc.sp_offset + 2u > dv_guest.layout.orc.size ||
	    dv_guest.layout.orc.bp_offset + 2u > dv_guest.layout.orc.size ||
	    dv_guest.layout.orc.bits + 2u > dv_guest.layout.orc.size)
		return 0;
	off = ip - t->lo;
	if (row == dv_guest.orc_kept) {
		e = DV_RD(*kept(off));
		if (e && e >> ORC_BITS == off >> KEPT_BITS)
			return ORC_FOUND | e << (64 - ORC_BITS) >> (64 - ORC_BITS);
	}
	if (!orc_bounds(st, w, t, off))
		return 0;
	for (i = 0; i < 33 && DV_RD(w->lo) < DV_RD(w->hi); i++) {
		mid = (DV_RD(w->lo) + DV_RD(w->hi)) / 2;
		if (!dv_guest_bytes(st, t->ips + 4 * mid, 4))
			return 0;
		if (t->ips + 4 * mid + (uint64_t)(int64_t)(int32_t)w->bytes[0] <= ip)
			DV_WR(w->lo, mid + 1);
		else
			DV_WR(w->hi, mid);
	}
	mid = DV_RD(w->lo);
	if (mid == DV_RD(w->from) ||
	    !dv_guest_bytes(st, t->entries + dv_guest.layout.orc.size * (mid - 1), dv_guest.layout.orc.size))
		return 0;
	e = decode(w);
	if (row == dv_guest.orc_kept && off >> KEPT_BITS < 1u << (64 - ORC_BITS))
		DV_WR(*kept(off), e | off >> KEPT_BITS << ORC_BITS);
	return ORC_FOUND | e;
}

// What the processor pushed: ip, cs, flags, sp.
DV_INLINE int iret_frame(uint64_t st, struct dv_firing_walk *w, uint64_t at)
{
	if (!KERNEL_VA(at) || at & 7 || !dv_guest_bytes(st, at, 32))
		return 0;
	w->ip = w->bytes[0];
	w->user = w->bytes[1] & 3;
	w->sp = w->bytes[3];
	return 1;
}

// Where a saved register is, 0: nowhere.
DV_INLINE uint64_t saved_at(const struct dv_firing_walk *w, uint32_t index)
{
	uint64_t regs = w->regs && w->full ? w->regs : w->prev;

	return regs ? regs + 8 * index : 0;
}

// To the caller's frame, as entry @p e says. 1: it goes on there.
DV_HELPER uint64_t dv_guest_orc_caller(uint64_t st, uint64_t e)
{
	struct dv_firing *f = firing(st);
	struct dv_firing_walk *w = &f->walk;
	uint64_t off = (uint64_t)(int64_t)(int16_t)e, bp_off = (uint64_t)(int64_t)(int16_t)(e >> 16), was = w->sp, sp, at = 0;
	uint32_t reg = e >> 32 & 15, type = e >> 40 & 7, n, index;

	switch (reg) {
	case SP: sp = w->sp + off; break;
	case BP: sp = w->bp + off; break;
	case SP_INDIRECT: at = w->sp; break;
	case BP_INDIRECT: at = w->bp + off; break;
	case R10: case R13: case DI: case DX:
		n = reg == R10 ? K_R8 + 2 : reg == R13 ? K_R8 + 5 : reg == DI ? K_RDI : K_RDX;
		index = reg == R10 ? PT_R10 : reg == R13 ? PT_R13 : reg == DI ? PT_DI : PT_DX;
		if (w->first)
			sp = general(f, n);
		else
			at = saved_at(w, index);
		break;
	default: return 0;
	}
	if (reg == SP_INDIRECT || reg == BP_INDIRECT || (reg != SP && reg != BP && !w->first)) {
		if (!stack_word(st, at))
			return 0;
		sp = w->bytes[0] + (reg == SP_INDIRECT ? off : 0);
	}
	switch (type) {
	case ORC_CALL:
		if (!stack_word(st, sp - 8))
			return 0;
		w->ip = w->bytes[0];
		w->sp = sp;
		w->regs = w->prev = 0;
		break;
	case ORC_REGS:
		if (!iret_frame(st, w, sp + 8 * PT_IP))
			return 0;
		w->regs = sp;
		w->prev = 0;
		w->full = 1;
		break;
	case ORC_PARTIAL:
		if (!iret_frame(st, w, sp))
			return 0;
		if (w->full)
			w->prev = w->regs;
		w->regs = sp - 8 * PT_IP;
		w->full = 0;
		break;
	default: return 0;
	}
	w->first = 0;
	switch (e >> 36 & 15) {
	case UNDEFINED:
		if (w->regs && stack_word(st, saved_at(w, PT_BP)))
			w->bp = w->bytes[0];
		break;
	case PREV_SP:
		if (!stack_word(st, sp + bp_off))
			return 0;
		w->bp = w->bytes[0];
		break;
	case BP:
		if (!stack_word(st, w->bp + bp_off))
			return 0;
		w->bp = w->bytes[0];
		break;
	default: return 0;
	}
	w->exact = e >> 43 & 1;
	return (w->sp ^ was) >> 12 || w->sp > was;
}

// By the frame pointer. @p edge: the return address is on top of the stack.
DV_HELPER uint64_t dv_guest_orc_by_frame(uint64_t st, uint64_t edge)
{
	struct dv_firing_walk *w = &firing(st)->walk;
	uint64_t bp = w->bp, ip = w->ip, sp = w->sp, exact = 0, up = bp;

	if (edge) {
		if (!stack_word(st, sp))
			return 0;
		w->ip = w->bytes[0];
		w->sp = sp + 8;
	} else if (bp & 1) {
		bp &= ~1ull;
		if (!stack_word(st, bp + 8 * PT_BP))
			return 0;
		up = w->bytes[0];
		if (!iret_frame(st, w, bp + 8 * PT_IP))
			return 0;
		exact = 1;
	} else {
		if (bp < sp || bp - sp > 1u << 20 || !KERNEL_VA(bp) || bp & 7 || !dv_guest_bytes(st, bp, 16))
			return 0;
		up = w->bytes[0];
		w->ip = w->bytes[1];
		w->sp = bp + 16;
	}
	if (!w->user && !dv_guest_orc_row(st, w->ip)) {
		w->ip = ip;
		w->sp = sp;
		return 0;
	}
	w->bp = up;
	w->exact = exact;
	w->first = w->regs = w->prev = 0;
	return 1;
}

// What is interrupted at a trap, before it or behind it, stands at the instruction that the trap is for: the tables know nothing of
// a stub, or of what comes after a return. (Where it is an entry they say the same of both.)
DV_HELPER uint64_t dv_guest_orc_place(uint64_t ip)
{
	uint32_t back, at, i;

	for (back = 0; back <= TRAP_SIZE; back += TRAP_SIZE) {
		at = dv_trap_hash(ip - back);
		for (i = 0; i < DV_TRAP_LOOK; i++) {
			const struct dv_trap_row *r =
			    (const struct dv_trap_row *)(dv_traps + ((at + i) * sizeof(*r) & dv_guest.trap_mask));

			if (!DV_RD(r->pc))
				break;
			if (DV_RD(r->pc) == ip - back && DV_RD(r->offset))
				return DV_RD(r->place);
		}
	}
	return ip;
}

// Frame number @p n of at most @p max is where the walk is; then on to the next. 0: it is none, and the stack has ended;
// 1: it is the last; 2: there are more.
DV_HELPER uint64_t dv_guest_orc_frame(uint64_t st, uint64_t n, uint64_t max)
{
	struct dv_firing *f = firing(st);
	struct dv_firing_walk *w = &f->walk;
	uint64_t ip, row, e;
	int there, more = 0;

	ip = w->exact ? dv_guest_orc_place(w->ip) : w->ip;
	w->ip = ip;
	there = dv_guest_orc_row(st, ip) || (n && dv_guest_orc_row(st, ip - 1));
	if (n + 1 < max) {
		row = dv_guest_orc_row(st, w->exact ? ip : ip - 1);
		if (!dv_guest.layout.orc.size || !row || !orc_row(row - 1)->count) {
			more = dv_guest_orc_by_frame(st, !dv_guest.layout.orc.size && !n && w->edge) != 0;
		} else {
			e = dv_guest_orc_find(st, w->exact ? ip : ip - 1);
			more = e && dv_guest_orc_caller(st, e);
		}
	}
	// What is not known counts only as a step to what is.
	if (n && !there && (!more || w->user || !dv_guest_orc_row(st, w->ip)))
		return 0;
	f->frames[n & (DV_GUEST_FRAMES - 1)] = ip;
	return more && !w->user ? 2 : 1;
}

// Begin where the probe fired. Returns how many frames there can be.
DV_HELPER uint64_t dv_guest_orc_start(uint64_t st)
{
	struct dv_firing *f = firing(st);
	struct dv_firing_walk *w = walk_begin(st);

	if (!KERNEL_VA(f->pc)) // the program was running
		return 0;
	w->ip = f->pc;
	w->sp = dv_guest_rsp(st);
	w->bp = general(f, K_RBP);
	w->regs = w->prev = w->full = w->user = 0;
	w->exact = w->first = 1;
	w->edge = f->edge;
	return w->sp ? DV_STACK_MAX : 1;
}

// The kernel's stack into the firing's block. Returns how many frames.
DV_INLINE uint64_t kernel_stack(uint64_t st, uint64_t max)
{
	uint64_t more = dv_guest_orc_start(st);
	uint32_t n;

	if (max > more)
		max = more;
	for (n = 0; n < DV_STACK_MAX && n < max; n++) {
		more = dv_guest_orc_frame(st, n, max);
		if (more < 2)
			return n + more;
	}
	return n;
}
