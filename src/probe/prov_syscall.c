// SPDX-License-Identifier: GPL-2.0-or-later
//
// System calls, by the names that the guest's kernel has for them: __x64_sys_NAME is the 64-bit call, __ia32_sys_NAME
// and
// __ia32_compat_sys_NAME serve 32-bit programs. A call of either kind is the one probe syscall:vmlinux:NAME:entry.
//
// Return. A system call's function often ends in a jump to another, so its own return instructions are not a reliable
// place. The dispatcher is: do_syscall_64 calls through sys_call_table, or a function that switches on the number, and
// the instruction behind that call sees every call come back. Which one it was, the number in the saved registers says;
// sys_call_table in guest memory gives the name. So all returns share a place (DV_SITE_SYSRET) and a table of numbers.
// Newer kernels have no table for 32-bit calls: their returns are the return instructions of the functions themselves,
// and one that ends in a jump to another function is not seen to return.
//
// Where only the ends of functions can be probed (a machine without DV_CAP_INSN), the returns of the call's own functions stand
// for it, and those of functions that they end in a jump to, as long as the running task is in that system call.
//
// On the host, and on any machine with DV_CAP_SYSTRACE, no function is probed: the kernel tells where every call begins
// and ends, and its number. The names are the same; sys_call_table turns them into numbers, or what dvirt was built with
// where that cannot be read (sysnr.c).
#include "probe/probe.h"

#include <string.h>

#define TABLE_MAX 1024u /* numbers of one table, at most */
#define BODY_MAX 8192u	/* bytes of a dispatcher that are looked at */

enum { X64, IA32, COMPAT };
static const char *const prefix[3] = {"__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_"};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct dv_probe_syscall *)a)->name, ((const struct dv_probe_syscall *)b)->name);
}

static uint64_t address(struct dv_guest *g, const char *name)
{
	const struct dv_symbol *s = dv_guest_symbol(g, "vmlinux", name);

	return s ? s->addr : 0;
}

// Find, in a dispatcher's code, the calls through the system call table. Instructions are not decoded: a pattern in the
// middle of one gives an address that no instruction has, which never fires.
static void find_returns(struct dv_probe_machine *pm, const char *func, const char *const *switches)
{
	struct dv_guest *g = pm->machine->guest;
	const struct dv_symbol *s = dv_guest_symbol(g, "vmlinux", func);
	uint8_t body[BODY_MAX];
	uint32_t n;

	if (!s || !s->size)
		return;
	n = s->size < BODY_MAX ? s->size : BODY_MAX;
	if (!dv_probe_read(pm->machine, s->addr, body, n))
		return;
	for (uint32_t i = 0; i + 8 <= n; i++) {
		uint64_t next = 0;

		if (body[i] == 0xe8) {
			int32_t rel;
			uint64_t to;

			memcpy(&rel, &body[i + 1], 4);
			to = s->addr + i + 5 + (uint64_t)(int64_t)rel;
			for (const char *const *w = switches; *w; w++)
				if (to && to == address(g, *w))
					next = s->addr + i + 5;
			if (!next) { // a call through a register, as kernels with retpolines make it
				const struct dv_symbol *t = dv_guest_symbol_at(g, to);

				if (t && t->addr == to && !strncmp(t->name, "__x86_indirect_thunk_", 21))
					next = s->addr + i + 5;
			}
		} else if (body[i] == 0xff && (body[i + 1] & 0xf8) == 0xd0) {
			next = s->addr + i + 2; // call *%reg: what the kernel makes of a retpoline it does not need
		} else if (body[i] == 0xff && body[i + 1] == 0x14 && (body[i + 2] & 0xc7) == 0xc5) {
			next = s->addr + i + 7; // call *table(,%reg,8)
		}
		if (next)
			*DV_PUSH(&pm->sysret_addrs) = next;
	}
}

struct row {
	uint64_t func;
	uint32_t nr;
};

static int by_func(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->func != y->func ? (x->func < y->func ? -1 : 1) : (x->nr > y->nr) - (x->nr < y->nr);
}

// A system call table, sorted by function; 0 entries when there is none.
static size_t read_table(const struct dv_probe_machine *pm, const char *name, struct row *rows)
{
	const struct dv_symbol *s = dv_guest_symbol(pm->machine->guest, "vmlinux", name);
	uint64_t raw[TABLE_MAX];
	size_t n = s ? s->size / 8 : 0;

	if (n > TABLE_MAX)
		n = TABLE_MAX;
	if (!n || !dv_probe_read(pm->machine, s->addr, raw, n * 8))
		return 0;
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct row){.func = raw[i], .nr = (uint32_t)i};
	qsort(rows, n, sizeof(*rows), by_func);
	return n;
}

static const struct row *first_row(const struct row *rows, size_t n, uint64_t func)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rows[mid].func < func)
			lo = mid + 1;
		else
			hi = mid;
	}
	return rows + lo;
}

// Numbers of the calls that begin at these functions.
static void by_table(struct dv_probe_machine *pm, const struct row *rows, size_t n, uint64_t func, uint32_t call, bool compat)
{
	if (!func)
		return;
	for (const struct row *r = first_row(rows, n, func); r < rows + n && r->func == func; r++)
		*DV_PUSH(&pm->sysnrs) = (struct dv_probe_sysnr){.call = call, .nr = r->nr, .compat = compat};
}

struct named {
	const struct dv_probe_machine *pm;
	bool compat;
};

static const struct dv_probe_syscall *by_kernel_name(const struct dv_probe_machine *pm, const char *name)
{
	const struct dv_probe_syscall key = {.name = name};

	return bsearch(&key, pm->syscalls.data, pm->syscalls.count, sizeof(key), by_name);
}

static bool has_call(void *ctx, const char *name)
{
	const struct named *n = ctx;
	const struct dv_probe_syscall *sc = by_kernel_name(n->pm, name);

	return sc && (n->compat ? sc->entry[IA32] || sc->entry[COMPAT] : sc->entry[X64]);
}

static int by_call(const void *a, const void *b)
{
	const struct dv_probe_sysnr *x = a, *y = b;

	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	return x->compat != y->compat ? x->compat - y->compat : (x->nr > y->nr) - (x->nr < y->nr);
}

static void find_numbers(struct dv_probe_machine *pm)
{
	struct row *rows = dv_xcalloc(TABLE_MAX, sizeof(*rows));

	for (int compat = 0; compat < 2; compat++) {
		size_t n = read_table(pm, compat ? "ia32_sys_call_table" : "sys_call_table", rows);
		struct named named = {pm, compat};

		for (uint32_t i = 0; n && i < pm->syscalls.count; i++) {
			const struct dv_probe_syscall *sc = &pm->syscalls.data[i];

			by_table(pm, rows, n, sc->entry[compat ? IA32 : X64], i, compat);
			if (compat && sc->entry[COMPAT] != sc->entry[IA32])
				by_table(pm, rows, n, sc->entry[COMPAT], i, compat);
			// A call without arguments has one function for all.
			if (compat && !sc->entry[IA32] && !sc->entry[COMPAT])
				by_table(pm, rows, n, sc->entry[X64], i, compat);
		}
		for (size_t i = 0; !n && i < dv_sysnr_count(compat); i++) {
			char name[64];
			uint32_t nr = dv_sysnr(compat, i, has_call, &named, name, sizeof(name));
			const struct dv_probe_syscall *sc = *name ? by_kernel_name(pm, name) : NULL;

			if (sc)
				*DV_PUSH(&pm->sysnrs) = (struct dv_probe_sysnr){
				    .call = (uint32_t)(sc - pm->syscalls.data), .nr = nr, .compat = compat};
		}
	}
	free(rows);
	if (pm->sysnrs.count)
		qsort(pm->sysnrs.data, pm->sysnrs.count, sizeof(pm->sysnrs.data[0]), by_call);
}

static uint32_t add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	static const char *const x64[] = {"x64_sys_call", NULL};
	struct dv_guest *g = pm->machine->guest;
	size_t count, out = 0;
	const struct dv_symbol *syms = dv_guest_symbols(g, &count);

	for (size_t i = 0; i < count; i++) {
		if (syms[i].module || strncmp(syms[i].name, "__", 2) || !strchr("tTwW", syms[i].kind))
			continue;
		for (int k = X64; k <= COMPAT; k++) {
			size_t len = strlen(prefix[k]);
			struct dv_probe_syscall *sc;

			// The compiler may have moved a part of one elsewhere (NAME.cold).
			if (strncmp(syms[i].name, prefix[k], len) || !strcmp(syms[i].name + len, "ni_syscall") ||
			    strchr(syms[i].name, '.'))
				continue;
			sc = DV_PUSH(&pm->syscalls);
			sc->name = syms[i].name + len;
			sc->entry[k] = syms[i].addr;
			sc->size[k] = syms[i].size;
		}
	}
	if (!pm->syscalls.count)
		return 0;
	qsort(pm->syscalls.data, pm->syscalls.count, sizeof(pm->syscalls.data[0]), by_name);
	for (size_t i = 0; i < pm->syscalls.count; i++) {
		struct dv_probe_syscall *sc = &pm->syscalls.data[i], *last = out ? &pm->syscalls.data[out - 1] : NULL;

		if (!last || strcmp(last->name, sc->name)) {
			pm->syscalls.data[out++] = *sc;
			continue;
		}
		for (int k = X64; k <= COMPAT; k++) {
			if (sc->entry[k] && !last->entry[k]) {
				last->entry[k] = sc->entry[k];
				last->size[k] = sc->size[k];
			}
		}
	}
	pm->syscalls.count = out;
	if (pm->machine->caps & DV_CAP_SYSTRACE) {
		find_numbers(pm);
		return 2 * (uint32_t)out;
	}
	// Calls without arguments have one function under both names: it is one place.
	for (size_t i = 0; i < out; i++) {
		struct dv_probe_syscall *sc = &pm->syscalls.data[i];

		if (sc->entry[COMPAT] == sc->entry[X64] || sc->entry[COMPAT] == sc->entry[IA32])
			sc->entry[COMPAT] = 0;
		if (sc->entry[IA32] == sc->entry[X64])
			sc->entry[IA32] = 0;
	}
	find_returns(pm, "do_syscall_64", x64);
	return 2 * (uint32_t)out;
}

static void offer_numbers(struct dv_probe_set *set, const struct dv_probe_desc *d, uint32_t id, const char *name,
			  uint64_t func, const struct row *rows, size_t n)
{
	if (!func)
		return;
	for (const struct row *r = first_row(rows, n, func); r < rows + n && r->func == func; r++) {
		struct dv_probe *p = dv_probe_offer(set, d, id, "vmlinux", name, "return");

		if (!p)
			return;
		p->kind = DV_SITE_SYSRET;
		p->args = DV_ARGS_SYSRET;
		p->sysnr = r->nr;
	}
}

// Calls by number, where the kernel says that they begin and end.
// One end of a call: its places stand together, whichever numbers it has for programs of either kind.
static void offer_end(const struct dv_probe_machine *pm, const struct dv_probe_desc *d, struct dv_probe_set *set,
		      uint32_t call, uint32_t id, bool ret)
{
	for (size_t i = 0; i < pm->sysnrs.count; i++) {
		const struct dv_probe_sysnr *n = &pm->sysnrs.data[i];
		struct dv_probe_syscall *sc = &pm->syscalls.data[call];
		struct dv_probe *p;

		if (n->call != call || !(p = dv_probe_offer(set, d, id, "vmlinux", sc->name, ret ? "return" : "entry")))
			continue;
		p->kind = ret ? DV_SITE_SYSEXIT : DV_SITE_SYSENTRY;
		p->args = ret ? DV_ARGS_SYSRET : n->compat ? DV_ARGS_SYSCALL32 : DV_ARGS_SYSCALL;
		p->detail = n->nr | (n->compat ? DV_SITE_COMPAT : 0);
		p->sysnr = n->nr;
		p->compat = n->compat;
		p->group = sc;
	}
}

static void provide_numbers(const struct dv_probe_machine *pm, const struct dv_probe_desc *d, uint32_t base,
			    struct dv_probe_set *set)
{
	for (uint32_t i = 0; i < pm->syscalls.count; i++) {
		uint32_t id = base + 2 * i;

		if (d->id ? d->id != id && d->id != id + 1 : !dv_glob(d->part[DV_PART_FUNC], pm->syscalls.data[i].name))
			continue;
		offer_end(pm, d, set, i, id, false);
		offer_end(pm, d, set, i, id + 1, true);
	}
}

// The call's functions themselves. Their number is noted where it is the only one.
static void offer_functions(const struct dv_probe_machine *pm, struct dv_probe_set *set, const struct dv_probe_desc *d,
			    uint32_t id, const struct dv_probe_syscall *sc, const struct row *rows, size_t n)
{
	for (int k = X64; k <= COMPAT; k++) {
		struct dv_probe *p;
		const struct row *r;

		if (!sc->entry[k] || !(p = dv_probe_offer(set, d, id, "vmlinux", sc->name, "return")))
			continue;
		p->addr = sc->entry[k];
		p->size = sc->size[k];
		p->kind = DV_SITE_RETURNS;
		p->args = DV_ARGS_SYSRET;
		p->compat = k != X64;
		r = k == X64 ? first_row(rows, n, sc->entry[k]) : rows + n;
		if (r < rows + n && r->func == sc->entry[k] && (r + 1 == rows + n || r[1].func != r->func))
			p->detail = r->nr + 1;
	}
}

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		    struct dv_probe_set *set)
{
	uint32_t base = dv_probe_base(pm, prov);
	struct row *x64 = NULL;
	size_t nx64 = 0;

	if (pm->machine->caps & DV_CAP_SYSTRACE) {
		provide_numbers(pm, d, base, set);
		return;
	}
	for (size_t i = 0; i < pm->syscalls.count; i++) {
		struct dv_probe_syscall *sc = &pm->syscalls.data[i];
		uint32_t id = base + 2 * (uint32_t)i;

		if (d->id ? d->id != id && d->id != id + 1 : !dv_glob(d->part[DV_PART_FUNC], sc->name))
			continue;
		for (int k = X64; k <= COMPAT; k++) {
			struct dv_probe *p;

			if (!sc->entry[k] || !(p = dv_probe_offer(set, d, id, "vmlinux", sc->name, "entry")))
				continue;
			p->addr = sc->entry[k];
			p->size = sc->size[k];
			p->group = sc;
			p->kind = DV_SITE_ADDR;
			p->args = k == X64 ? DV_ARGS_SYSCALL : DV_ARGS_SYSCALL32;
			p->compat = k != X64;
		}
		if (d->id ? d->id != id + 1 : !dv_glob(d->part[DV_PART_NAME], "return"))
			continue;
		if (!x64) {
			x64 = dv_xcalloc(TABLE_MAX, sizeof(*x64));
			nx64 = read_table(pm, "sys_call_table", x64);
		}
		if (!(pm->machine->caps & DV_CAP_INSN)) {
			offer_functions(pm, set, d, id + 1, sc, x64, nx64);
			continue;
		}
		offer_numbers(set, d, id + 1, sc->name, sc->entry[X64], x64, nx64);
		for (int k = IA32; k <= COMPAT; k++) {
			struct dv_probe *p;

			if (!sc->entry[k] || !(p = dv_probe_offer(set, d, id + 1, "vmlinux", sc->name, "return")))
				continue;
			p->addr = sc->entry[k];
			p->size = sc->size[k];
			p->kind = DV_SITE_RETURNS;
			p->args = DV_ARGS_SYSRET;
			p->compat = true;
		}
	}
	free(x64);
}

// The prototype as C has it, when the compiler left a function of its own for it.
static const struct dv_type *proto(const struct dv_probe *p)
{
	static const char *const forms[] = {"__do_sys_", "__se_sys_"};
	char name[160];

	if (strlen(p->func) > 100)
		return NULL;
	for (size_t i = 0; i < DV_COUNT(forms); i++) {
		const struct dv_type *t;

		strcpy(name, forms[i]);
		strcat(name, p->func);
		t = dv_guest_func_type(p->machine->guest, "vmlinux", name);
		if (t && t->kind == DV_TYPE_FUNC && t->count <= 6)
			return t;
	}
	return NULL;
}

static bool is_entry(const struct dv_probe *p)
{
	return p->kind == DV_SITE_ADDR || p->kind == DV_SITE_SYSENTRY;
}

static void find_types(const struct dv_probe *p, struct dv_probe_syscall *sc)
{
	const struct dv_type *f;

	sc->asked = true;
	sc->arg_count = dv_sysmeta(p->machine, sc->name, sc->types);
	if (sc->arg_count >= 0 || !(f = proto(p)))
		return;
	sc->arg_count = (int32_t)f->count;
	for (uint32_t i = 0; i < f->count; i++)
		sc->types[i] = f->members[i].type;
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	struct dv_probe_syscall *sc = (struct dv_probe_syscall *)p->group;

	*known = true;
	if (!is_entry(p)) { // the value, twice
		*count = 2;
		return n < 2 ? dv_type_int(8, true) : NULL;
	}
	if (!sc->asked)
		find_types(p, sc);
	*count = sc->arg_count >= 0 ? (uint32_t)sc->arg_count : 6;
	return n >= *count ? NULL : sc->arg_count >= 0 ? sc->types[n] : dv_type_int(8, true);
}

static const void *arg_group(const struct dv_probe *p)
{
	static const char returns;

	return is_entry(p) ? p->group : (const void *)&returns;
}

const struct dv_provider dv_prov_syscall = {
    .name = "syscall",
    .add = add,
    .provide = provide,
    .arg_type = arg_type,
    .arg_group = arg_group,
    .caps = DV_CAP_SYSCALL | DV_CAP_SYSTRACE,
};
