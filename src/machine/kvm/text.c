// SPDX-License-Identifier: GPL-2.0-or-later
//
// A site is one place for a function's entry, several for its returns. The returns of a system call are those of its function
// and of the functions that this one ends in a jump to, which others may call too: there the program looks at which system
// call the running task is in (dv_load_site::detail).
#include "machine/kvm/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/kvm/quiet.h"

#define TEXT_MAX  (64u << 20)
#define ENTRY_MAX 16u
#define TAILS_MAX 16u

struct dv_kvm_text {
	struct dv_machine *m;
	uint64_t start, end; // of vmlinux's, as far as it was read
	uint8_t *bytes;
	uint64_t thunks[2];
	uint32_t thunk_count;
	size_t room_next; // symbol whose padding is looked at next
	uint64_t room;    // what is left of the last one's
	uint32_t room_left;
	uint8_t *piece; // of a module
	size_t piece_room;
	bool sp; // entries have to bring the stack pointer along
	char why[DV_TRAP_WHY + 64];
};

static uint64_t symbol(const struct dv_machine *m, const char *name)
{
	const struct dv_symbol *s = dv_guest_symbol(m->guest, "vmlinux", name);

	return s ? s->addr : 0;
}

// The kernel's own page tables, where they are known; else those by which it was found.
static uint64_t tables(const struct dv_machine *m)
{
	const struct dv_kvm_machine *k = m->priv;
	const struct dv_guest_layout *l = dv_guest_layout(m->guest);

	return l->kernel_cr3 ? l->kernel_cr3 : k->regs.cr3;
}

bool dv_kvm_text_read(void *machine, uint64_t va, void *dst, size_t size)
{
	struct dv_machine *m = machine;
	struct dv_kvm_machine *k = m->priv;

	return dv_guest_read_va(&k->phys, dv_guest_layout(m->guest), tables(m), va, dst, size);
}

struct dv_kvm_text *dv_kvm_text_create(struct dv_machine *m)
{
	struct dv_kvm_text *t = dv_xcalloc(1, sizeof(*t));
	uint64_t start = symbol(m, "_stext"), end = symbol(m, "_etext"), at = symbol(m, "x86_return_thunk"), thunk = 0;

	t->m = m;
	t->sp = ((struct dv_kvm_machine *)m->priv)->host->isa == DV_KVM_VMX || getenv("DVIRT_KVM_SP");
	if (start && end > start && end - start < TEXT_MAX) {
		t->bytes = dv_xcalloc(1, end - start);
		if (dv_kvm_text_read(m, start, t->bytes, end - start)) {
			t->start = start;
			t->end = end;
		}
	}
	// Returns may be jumps to a thunk; since 6.5 a variable says which one the processor needs.
	if ((t->thunks[0] = symbol(m, "__x86_return_thunk")))
		t->thunk_count = 1;
	if (at && dv_kvm_text_read(m, at, &thunk, 8) && thunk && thunk != t->thunks[0])
		t->thunks[t->thunk_count++] = thunk;
	return t;
}

void dv_kvm_text_destroy(struct dv_kvm_text *t)
{
	if (!t)
		return;
	free(t->bytes);
	free(t->piece);
	free(t);
}

// Code from @p va on, up to @p want bytes and at least @p least. NULL: it cannot be read.
static const uint8_t *code_at(struct dv_kvm_text *t, uint64_t va, size_t want, size_t least, size_t *have)
{
	if (va >= t->start && va < t->end) {
		*have = t->end - va < want ? t->end - va : want;
		return *have >= least ? t->bytes + (va - t->start) : NULL;
	}
	if (want > t->piece_room)
		t->piece = dv_xrealloc(t->piece, t->piece_room = want);
	*have = want;
	if (dv_kvm_text_read(t->m, va, t->piece, want))
		return t->piece;
	*have = least;
	return dv_kvm_text_read(t->m, va, t->piece, least) ? t->piece : NULL;
}

// Address in the VMM of kernel-virtual memory, all of whose @p size bytes lie together; 0: it has none.
static uint64_t hva_of(struct dv_machine *m, uint64_t va, uint32_t size)
{
	struct dv_kvm_machine *k = m->priv;
	const struct dv_guest_layout *l = dv_guest_layout(m->guest);
	uint64_t pa, left, hva, last;

	if (l->text_va && va - l->text_va < l->text_size && size <= l->text_size - (va - l->text_va)) {
		pa = va - l->text_va + l->text_pa;
	} else {
		if (!dv_walk(&k->phys, tables(m), l->la57, va, &pa, &left) || left < size)
			return 0;
	}
	hva = dv_kvm_hva(k->vm, pa);
	last = dv_kvm_hva(k->vm, pa + size - 1);
	return hva && last - hva == size - 1 ? hva : 0;
}

static const char *because(struct dv_kvm_text *t, const char *why)
{
	snprintf(t->why, sizeof(t->why), "%s", why);
	return t->why;
}

// Code whose bytes mean more than what they do.
static bool special(const struct dv_kvm_text *t, const struct dv_symbol *s)
{
	static const char *const ranges[][2] = {{"__entry_text_start", "__entry_text_end"},
	                                        {"__indirect_thunk_start", "__indirect_thunk_end"},
	                                        {"__irqentry_text_start", "__irqentry_text_end"},
	                                        {"__static_call_text_start", "__static_call_text_end"}};

	for (unsigned i = 0; i < DV_COUNT(ranges); i++) {
		uint64_t from = symbol(t->m, ranges[i][0]), to = symbol(t->m, ranges[i][1]);

		if (from && s->addr - from < to - from)
			return true;
	}
	return strstr(s->name, "thunk") || strstr(s->name, "untrain") || !strncmp(s->name, "__", 2);
}

// struct dv_trap_code::room: the padding behind a function of vmlinux. The pages of all of them are there for good.
static bool room(void *ctx, uint64_t *addr, uint8_t *was)
{
	struct dv_kvm_text *t = ctx;
	size_t n, looked = 0;
	const struct dv_symbol *s = dv_guest_symbols(t->m->guest, &n);

	while (t->room_left < DV_TRAP_STUB_SIZE) {
		const struct dv_symbol *f = &s[t->room_next++ % n];
		struct dv_trap_code c = {.addr = f->addr, .size = f->size, .text = t->bytes, .text_addr = t->start,
		                         .text_size = (uint32_t)(t->end - t->start), .thunks = t->thunks, .thunk_count = t->thunk_count};
		uint32_t off;

		if (looked++ > n)
			return false;
		if (f->module || (f->kind != 't' && f->kind != 'T') || f->addr < t->start || f->addr >= t->end || special(t, f))
			continue;
		t->room_left = dv_trap_padding(&c, &off);
		t->room = f->addr + off;
	}
	*addr = t->room;
	memcpy(was, t->bytes + (t->room - t->start), DV_TRAP_STUB_SIZE);
	t->room += DV_TRAP_STUB_SIZE;
	t->room_left -= DV_TRAP_STUB_SIZE;
	return true;
}

// Note a trap and its row.
static const char *take(struct dv_kvm_text *t, struct dv_trap *trap, uint64_t func, uint32_t row, dv_traps *traps,
			dv_trap_rows *rows)
{
	trap->site = row;
	trap->hva = hva_of(t->m, dv_trap_start(trap), trap->size);
	if (trap->jump_size)
		trap->jump_hva = hva_of(t->m, trap->place, trap->jump_size);
	if (!trap->hva || (trap->jump_size && !trap->jump_hva))
		return because(t, "its code lies across two pieces of memory");
	*DV_PUSH(traps) = *trap;
	*DV_PUSH(rows) = (struct dv_trap_row){.pc = trap->pc, .place = trap->place, .site = row,
	                                        .offset = (uint32_t)(trap->place - func),
	                                        .sp = trap->flags & DV_TRAP_SP ? 1 : 0};
	return NULL;
}

static const char *entry(struct dv_kvm_text *t, const struct dv_load_site *site, uint32_t row, dv_traps *traps,
			 dv_trap_rows *rows)
{
	struct dv_trap trap = {0};
	size_t have;
	const uint8_t *p = code_at(t, site->addr, ENTRY_MAX, 9, &have);
	// Where memory is copied meanwhile, only bytes that stand alone are stored.
	bool sp = t->sp && !dv_kvm_text_copied(t->m);
	const char *why = p ? dv_trap_entry(p, have, site->addr, sp, &trap) : "its code cannot be read";

	return why ? because(t, why) : take(t, &trap, site->addr, row, traps, rows);
}

// The returns of one function.
static const char *returns(struct dv_kvm_text *t, uint64_t addr, uint32_t size, uint32_t row, struct dv_trap_set *set,
			   dv_traps *traps, dv_trap_rows *rows, dv_trap_addrs *tails)
{
	size_t want = (size_t)size + DV_TRAP_WINDOW, have;
	struct dv_trap_code c = {.addr = addr, .size = size, .site = row, .thunks = t->thunks, .thunk_count = t->thunk_count,
	                         .room = set ? room : NULL, .ctx = t};
	dv_traps found = {0};
	const char *why = NULL;
	const uint8_t *p;

	if (size > DV_TRAP_FUNC_MAX)
		return because(t, "it is too long");
	p = code_at(t, addr, want, size, &have);
	if (!p)
		return because(t, "its code cannot be read");
	c.text = p;
	c.text_addr = addr;
	c.text_size = (uint32_t)have;
	if (!dv_trap_returns(&c, set, &found, tails, t->why))
		why = t->why;
	for (size_t i = 0; i < found.count && !why; i++)
		why = take(t, &found.data[i], addr, row, traps, rows);
	DV_VEC_FREE(&found);
	return why;
}

static bool seen(const dv_trap_addrs *v, size_t count, uint64_t addr)
{
	for (size_t i = 0; i < count; i++)
		if (v->data[i] == addr)
			return true;
	return false;
}

// All places where a system call's function comes back, by way of the functions that it ends in a jump to.
static const char *call_returns(struct dv_kvm_text *t, const struct dv_load_site *site, uint32_t row, struct dv_trap_set *set,
				dv_traps *traps, dv_trap_rows *rows)
{
	size_t traps_before = traps->count, rows_before = rows->count;
	dv_trap_addrs todo = {0};
	const char *why = NULL;

	*DV_PUSH(&todo) = site->addr;
	for (size_t i = 0; i < todo.count && !why; i++) {
		const struct dv_symbol *s = i ? dv_guest_symbol_at(t->m->guest, todo.data[i]) : NULL;
		dv_trap_addrs tails = {0};

		if (i && (!s || s->addr != todo.data[i]))
			why = because(t, "it goes on at a place that is no function");
		else
			why = returns(t, todo.data[i], s ? s->size : site->size, row, set, traps, rows, site->detail ? &tails : NULL);
		for (size_t k = 0; k < tails.count && !why; k++) {
			if (seen(&todo, todo.count, tails.data[k]))
				continue;
			if (todo.count >= TAILS_MAX)
				why = because(t, "it comes back in too many functions");
			*DV_PUSH(&todo) = tails.data[k];
		}
		DV_VEC_FREE(&tails);
	}
	DV_VEC_FREE(&todo);
	if (why) {
		traps->count = traps_before;
		rows->count = rows_before;
	}
	return why;
}

const char *dv_kvm_text_site(struct dv_kvm_text *t, const struct dv_load_site *site, uint32_t row, struct dv_trap_set *set,
			     dv_traps *traps, dv_trap_rows *rows)
{
	switch (site->kind) {
	case DV_SITE_ADDR:
		return entry(t, site, row, traps, rows);
	case DV_SITE_RETURNS:
		return site->args == DV_ARGS_SYSRET ? call_returns(t, site, row, set, traps, rows)
						    : returns(t, site->addr, site->size, row, set, traps, rows, NULL);
	}
	return because(t, "a KVM guest has probes where functions begin and return");
}
