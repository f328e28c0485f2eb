// SPDX-License-Identifier: GPL-2.0-or-later
//
// The program at a guest's traps:
//
//	r6 = context
//	n = 0
//	again: r8 = dv_guest_trap(vcpu, n); 0, which is nearly every exit: exit
//	dv_guest_begin(r8); 0: next
//	r7 = dv_guest_group(r8)
//	r7 == 0: its clauses(r8); r7 == 1: ...
//	dv_guest_end(r8)
//	next: several sites may be at one place, each a firing of its own: ++n < how many: again
//	some trap was found: dv_guest_spent(r8)
//	a clause of the load uses vtimestamp: at no trap: dv_guest_stop(r8) before clauses run, dv_guest_go(r8) here
//	r0 = 0; exit
//
// That for timers is the same with dv_guest_timer(), which has a further one that is due at each call; that for one tracepoint
// has no loop. Registers and memory need no context, so clauses ask for them when they want them.
#include "machine/ebpf/trap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ebpf/clause.h"

#define NAME_SIZE 32u
#define TABLE_MAX (1u << 22) /* rows */

enum { H_COOKIE = 174 }; // bpf_get_attach_cookie

struct builder {
	const struct dv_bpf_session *s;
	DV_VEC(struct dv_bpf_code) codes; // the first is the entry
	DV_VEC(char *) names;
	DV_VEC(const char *) errors;
	DV_VEC(uint32_t) exits, nexts, ends; // jumps
	bool exiting;                 // a clause may call exit()
};

#define E(...) dv_bpf_emit(main, __VA_ARGS__)

static const char *name(struct builder *b, const char *what, uint32_t group, uint32_t index)
{
	char *text = dv_xcalloc(1, NAME_SIZE);

	snprintf(text, NAME_SIZE, "%s%u_%u", what, group, index);
	*DV_PUSH(&b->names) = text;
	return text;
}

static struct dv_error *clause(struct builder *b, const struct dv_load_ecb *ecb, const char *text, uint32_t index,
			       enum dv_site_args args, bool error)
{
	const struct dv_loaded *l = b->s->loaded;
	const struct dv_load_prog *p = &l->progs[ecb->prog];
	struct dv_bpf_code code = {0};
	struct dv_bpf_clause c = {
	    .name = text,
	    .insns = l->insns + p->insn,
	    .count = p->insn_count,
	    .index = index,
	    .args = args,
	    .guest = true,
	    .error = error,
	    .region_mask = b->s->region_mask,
	    .first = b->s->first,
	    .fire_size = b->s->fire_size,
	    .machine = l->img->machine,
	    .errors = b->errors.data,
	};
	struct dv_error *e = dv_bpf_clause(&c, &code);

	b->exiting |= (dv_bpf_clause_uses(c.insns, c.count) & DV_USES_EXIT) != 0;
	*DV_PUSH(&b->codes) = code;
	return e;
}

// The clauses of ERROR are shared by all that can fault.
static struct dv_error *errors(struct builder *b)
{
	const struct dv_load_image *img = b->s->loaded->img;
	struct dv_error *e = NULL;

	for (uint32_t i = 0; i < img->error_ecb_count; i++)
		*DV_PUSH(&b->errors) = name(b, "error", 0, i);
	*DV_PUSH(&b->errors) = NULL;
	for (uint32_t i = 0; i < img->error_ecb_count && !e; i++) {
		const struct dv_load_ecb *ecb = &b->s->loaded->ecbs[img->error_ecb + i];

		e = clause(b, ecb, b->errors.data[i], ecb->epid, DV_ARGS_NONE, true);
	}
	return e;
}

static void jump(struct dv_bpf_code *main, uint32_t at)
{
	main->insns.data[at].off = (int16_t)(main->insns.count - at - 1);
}

// Words of the tracepoint, for a program that has just that.
static void words(const struct builder *b, struct dv_bpf_code *main, const struct dv_bpf_group *g)
{
	const struct dv_load_site *site = &b->s->loaded->sites[g->sites[0]];

	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
	dv_bpf_firing(main, 9, 1, b->s->first, b->s->fire_size);
	for (uint32_t n = 0; n < DV_HOST_ARGS; n++) {
		if (site->argmap[n] == DV_ARGMAP_EXIT) {
			E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
			dv_bpf_call(main, "dv_guest_reason");
			E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
		} else if (site->argmap[n] < g->args) {
			E(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, (int16_t)(site->argmap[n] * 8), 0);
		} else {
			dv_bpf_const(main, 1, 0);
		}
		E(BPF_STX | BPF_MEM | BPF_DW, 9, 1, (int16_t)(offsetof(struct dv_firing, arg) + 8 * n), 0);
	}
}

static void call(struct dv_bpf_code *main, const char *function)
{
	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 8, 0, 0);
	dv_bpf_call(main, function);
}

static struct dv_error *group(struct builder *b, struct dv_bpf_code *main, const struct dv_bpf_group *g, uint32_t k,
			      bool last)
{
	const struct dv_load_site *site = &b->s->loaded->sites[g->sites[0]];
	uint32_t other = last ? 0 : E(BPF_JMP | BPF_JNE | BPF_K, 7, 0, 0, (int32_t)k);
	struct dv_error *e = NULL;

	for (uint32_t i = 0; i < site->ecb_count && !e; i++) {
		const char *text = name(b, "clause", k, i);

		e = clause(b, &b->s->loaded->ecbs[site->ecb + i], text, i, (enum dv_site_args)site->args, false);
		call(main, text);
		if (!b->exiting || i + 1 == site->ecb_count)
			continue;
		call(main, "dv_host_exited");
		*DV_PUSH(&b->ends) = E(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0, 0);
	}
	if (last)
		return e;
	*DV_PUSH(&b->ends) = E(BPF_JMP | BPF_JA, 0, 0, 0, 0);
	jump(main, other);
	return e;
}

static struct dv_error *build(struct builder *b, struct dv_bpf_code *main, enum dv_bpf_entry entry,
			      const struct dv_bpf_group *const *groups, uint32_t count)
{
	bool raw = entry == DV_ENTRY_RAW, timer = entry == DV_ENTRY_TIMER, clock = b->s->vtime && (raw || timer);
	uint32_t times = raw ? 1 : timer ? b->s->timers : b->s->same;
	bool several = times > 1;
	struct dv_error *e = errors(b);
	uint32_t again;

	main->name = "dvirt_guest";
	main->args = 1;
	E(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	dv_bpf_const(main, 2, 0);
	if (several)
		E(BPF_STX | BPF_MEM | BPF_DW, 10, 2, -8, 0);
	E(BPF_ALU64 | BPF_MOV | BPF_K, 8, 0, 0, 0);
	again = (uint32_t)main->insns.count;
	if (raw)
		dv_bpf_const(main, 1, groups[0]->sites[0]);
	else if (!timer)
		E(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, (int16_t)(b->s->vcpu_word * 8), 0);
	if (several && !timer)
		E(BPF_LDX | BPF_MEM | BPF_DW, 2, 10, -8, 0);
	dv_bpf_call(main, raw ? "dv_guest_event" : timer ? "dv_guest_timer" : "dv_guest_trap");
	if (!count) { // DV_TRAP_SWITCH, which has been seen to
		E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		return e;
	}
	*DV_PUSH(&b->exits) = E(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 8, 0, 0, 0);
	if (clock)
		call(main, "dv_guest_stop");
	call(main, "dv_guest_begin");
	*DV_PUSH(&b->nexts) = E(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	if (raw)
		words(b, main, groups[0]);
	if (count > 1) {
		call(main, "dv_guest_group");
		E(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0);
	}
	for (uint32_t k = 0; k < count && !e; k++)
		e = group(b, main, groups[k], k, k + 1 == count);
	for (size_t i = 0; i < b->ends.count; i++)
		jump(main, b->ends.data[i]);
	call(main, "dv_guest_end");
	for (size_t i = 0; i < b->nexts.count; i++)
		jump(main, b->nexts.data[i]);
	if (several) {
		uint32_t at;

		E(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, -8, 0);
		E(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1);
		E(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0);
		at = E(BPF_JMP | BPF_JLT | BPF_K, 1, 0, 0, (int32_t)times);
		main->insns.data[at].off = (int16_t)((int32_t)again - (int32_t)at - 1);
	}
	for (size_t i = 0; i < b->exits.count; i++)
		jump(main, b->exits.data[i]);
	if (clock || (!raw && !timer)) { // r8: of the last that was found
		E(BPF_JMP | BPF_JEQ | BPF_K, 8, 0, 2, 0);
		call(main, clock ? "dv_guest_go" : "dv_guest_spent");
	}
	E(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	if (!e && main->insns.count > INT16_MAX)
		e = dv_error_hint(dv_error_create(DV_ERR_LIMIT, "the clauses for a guest are too many for one kernel program"),
				  "trace fewer probes at once");
	return e;
}

struct dv_error *dv_bpf_enter_program(const struct dv_bpf_session *s, int *fd)
{
	const struct dv_bpf_load how = {.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = "dvirt_enter"};
	struct dv_bpf_code code = {.name = "dvirt_enter", .args = 1}, *main = &code;
	struct dv_error *e;

	dv_bpf_call(main, "dv_guest_entered");
	E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	e = dv_bpf_session_load(s, &code, 1, &how, NULL, fd);
	dv_bpf_code_deinit(&code);
	return e;
}

struct dv_error *dv_bpf_clock_program(const struct dv_bpf_session *s, int *fd)
{
	const struct dv_bpf_load how = {.type = BPF_PROG_TYPE_PERF_EVENT, .name = "dvirt_clock"};
	struct dv_bpf_code code = {.name = "dvirt_clock", .args = 1}, *main = &code;
	struct dv_error *e;

	dv_bpf_helper(main, H_COOKIE);
	E(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
	dv_bpf_call(main, "dv_guest_due");
	E(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	E(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	e = dv_bpf_session_load(s, &code, 1, &how, NULL, fd);
	dv_bpf_code_deinit(&code);
	return e;
}

struct dv_error *dv_bpf_trap_program(const struct dv_bpf_session *s, enum dv_bpf_entry entry,
				     const struct dv_bpf_group *const *groups, uint32_t count, const struct dv_bpf_load *how,
				     char **log, int *fd)
{
	struct builder b = {.s = s};
	struct dv_bpf_code main = {0};
	struct dv_error *e;

	*DV_PUSH(&b.codes) = main;
	e = build(&b, &main, entry, groups, count);
	b.codes.data[0] = main;
	if (!e)
		e = dv_bpf_session_load(s, b.codes.data, (uint32_t)b.codes.count, how, log, fd);
	for (size_t i = 0; i < b.codes.count; i++)
		dv_bpf_code_deinit(&b.codes.data[i]);
	for (size_t i = 0; i < b.names.count; i++)
		free(b.names.data[i]);
	DV_VEC_FREE(&b.codes);
	DV_VEC_FREE(&b.names);
	DV_VEC_FREE(&b.errors);
	DV_VEC_FREE(&b.exits);
	DV_VEC_FREE(&b.nexts);
	DV_VEC_FREE(&b.ends);
	return e;
}

static bool fill(struct dv_trap_row *table, uint32_t room, const struct dv_trap_row *rows, uint32_t count)
{
	memset(table, 0, (size_t)room * sizeof(*table));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = dv_trap_hash(rows[i].pc), k = 0;

		while (k < DV_TRAP_LOOK && table[(at + k) & (room - 1)].pc)
			k++;
		if (k == DV_TRAP_LOOK)
			return false;
		table[(at + k) & (room - 1)] = rows[i];
	}
	return true;
}

static int by_pc(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint32_t most_of_one(const struct dv_trap_row *rows, uint32_t count)
{
	DV_FREE uint64_t *pcs = dv_xcalloc(count + 1, sizeof(*pcs));
	uint32_t most = 0, run = 0;

	for (uint32_t i = 0; i < count; i++)
		pcs[i] = rows[i].pc;
	qsort(pcs, count, sizeof(*pcs), by_pc);
	for (uint32_t i = 0; i < count; i++) {
		run = i && pcs[i] == pcs[i - 1] ? run + 1 : 1;
		most = run > most ? run : most;
	}
	return most;
}

struct dv_error *dv_bpf_trap_table(const struct dv_trap_row *rows, uint32_t count, void **table, uint32_t *size,
				   uint32_t *mask, uint32_t *same)
{
	uint32_t room = 64;

	*same = most_of_one(rows, count);
	if (*same >= DV_TRAP_LOOK)
		return dv_error_create(DV_ERR_LIMIT, "%u probes at one place are too many, the limit is %u", *same,
				       DV_TRAP_LOOK - 1);

	while (room < 2 * count)
		room *= 2;
	// Longer rows of neighbours than a program looks at: more room.
	for (; room <= TABLE_MAX; room *= 2) {
		struct dv_trap_row *t = dv_xcalloc(room, sizeof(*t));

		if (fill(t, room, rows, count)) {
			*table = t;
			*size = room * (uint32_t)sizeof(*t);
			*mask = *size - (uint32_t)sizeof(*t);
			return NULL;
		}
		free(t);
	}
	return dv_error_create(DV_ERR_LIMIT, "%u traps are too many", count);
}
