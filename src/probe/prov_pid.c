// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pidN:module:function:entry|return|offset: functions and instructions of process N.
 *
 *   module     basename of the program ("a.out" means it too) or of a shared object, with or without what follows a dot
 *   function   a symbol's name; a glob stands for functions, each by one of its names; a literal for any name, labels of
 *              assembly included. "-": the name is an address in the module, as objdump shows it, or in the process
 *   entry      before the first instruction
 *   return     before each of the function's return instructions. One that ends in a jump to another has none there
 *   offset     hexadecimal: before the instruction that begins so many bytes into the function
 *   (empty)    entry and return; of a function that is named in full all its instructions, too
 *
 * The kernel could trap returns by changing the return address on the stack (DV_SITE_URETPROBE). That breaks what looks at
 * return addresses: exceptions of C++, setjmp(), stacks that move (Go), a program's first instruction, which has none. So
 * a function is taken apart instead, and has no return probe if that fails anywhere in it: then there may be data in it.
 *
 * Left out is what cannot be probed without harm: instructions that the kernel cannot move, and resolvers of indirect
 * functions, which run before the process can be looked at.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "elf/insn.h"
#include "probe/nearest.h"
#include "probe/users.h"

#define CODE_MAX (1u << 20) // bytes of a function that are looked at for an offset
#define EVERY_MAX (1u << 16) // the same, for every instruction

// What a description asks for.
struct want {
	const struct dv_probe_desc *d;
	bool entry, ret;
	bool offset;   // a place: `at`
	bool absolute; // an address
	bool literal;  // the function
	bool every;    // instruction
	uint64_t at;
};

static bool hex(const char *s, uint64_t *ret)
{
	size_t len;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	len = strspn(s, "0123456789abcdefABCDEF");
	if (!len || len > 16 || s[len])
		return false;
	*ret = strtoull(s, NULL, 16);
	return true;
}

static struct want wanted(const struct dv_probe_desc *d)
{
	const char *name = d->part[DV_PART_NAME], *func = d->part[DV_PART_FUNC];
	struct want w = {.d = d};

	w.absolute = !strcmp(func, "-");
	w.literal = *func && dv_glob_is_literal(func);
	w.offset = hex(name, &w.at);
	w.every = w.literal && !w.absolute && !*name;
	w.entry = !w.absolute && dv_glob(name, "entry");
	w.ret = !w.absolute && dv_glob(name, "return");
	return w;
}

// Is there an instruction to probe? *off: where it is in the file.
static bool probeable(const struct dv_user_object *uo, uint64_t vaddr, uint64_t *off)
{
	uint8_t code[16];

	// The last instruction of a segment may have fewer bytes behind it.
	for (size_t n = sizeof(code); n; n--)
		if (dv_elf_read(uo->elf, vaddr, code, n))
			return dv_x86_probeable(code, n) && dv_elf_offset(uo->elf, vaddr, off);
	return false;
}

static bool in_code(const struct dv_user_object *uo, uint64_t vaddr)
{
	size_t n;
	const struct dv_elf_segment *s = dv_elf_segments(uo->elf, &n);

	for (size_t i = 0; i < n; i++)
		if (s[i].exec && vaddr >= s[i].vaddr && vaddr - s[i].vaddr < s[i].file_size)
			return true;
	return false;
}

// Does an instruction begin there, seen from the function's start?
static bool begins(const struct dv_user_object *uo, const struct dv_elf_sym *s, uint64_t at)
{
	uint64_t size = s->size, pos = 0;
	DV_FREE uint8_t *code = NULL;

	if (at >= size || at > CODE_MAX)
		return false;
	if (size > at + 16)
		size = at + 16;
	code = dv_xcalloc(1, size);
	if (!dv_elf_read(uo->elf, s->addr, code, size))
		return false;
	while (pos < at) {
		unsigned len = dv_x86_length(code + pos, size - pos);

		if (!len)
			return false;
		pos += len;
	}
	return pos == at;
}

static bool usable(const struct dv_user_object *uo, const struct dv_elf_sym *s, bool literal)
{
	return s->kind != DV_ELF_IFUNC && (literal || (s->kind == DV_ELF_FUNC && !s->alias));
}

// The function's return instructions, as offsets in it. None when it cannot be taken apart.
struct returns {
	DV_VEC(uint32_t) v;
};

static void find_returns(const struct dv_user_object *uo, const struct dv_elf_sym *s, struct returns *r)
{
	DV_FREE uint8_t *code = NULL;

	if (s->size > CODE_MAX)
		return;
	code = dv_xcalloc(1, s->size);
	if (!dv_elf_read(uo->elf, s->addr, code, s->size))
		return;
	for (uint64_t pos = 0; pos < s->size;) {
		unsigned len = dv_x86_length(code + pos, s->size - pos);

		if (!len) {
			r->v.count = 0;
			return;
		}
		if (dv_x86_return(code + pos, len))
			*DV_PUSH(&r->v) = (uint32_t)pos;
		pos += len;
	}
}

// Does the function begin with what Linux (since 6.11) takes for an entry: push %rbp, or endbr64? Then its stacks have the
// caller, though %rbp is not the function's yet.
static bool known_entry(const struct dv_user_object *uo, uint64_t vaddr)
{
	static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint8_t code[sizeof(endbr)] = {0};

	if (!dv_elf_read(uo->elf, vaddr, code, sizeof(code)) && !dv_elf_read(uo->elf, vaddr, code, 1))
		return false;
	return code[0] == 0x55 || !memcmp(code, endbr, sizeof(endbr));
}

static void entry_and_return(struct dv_probe_set *set, const struct dv_user_object *uo, size_t i, bool entry, bool ret)
{
	const struct dv_elf_sym *s = &uo->syms[i];
	uint32_t id = uo->base + 2 * (uint32_t)i;
	struct returns r = {0};
	struct dv_probe *p;
	uint64_t off;

	if (entry && probeable(uo, s->addr, &off)) {
		p = dv_user_row(set, uo, id, s->name, "entry", off);
		p->args = DV_ARGS_FUNC;
		p->size = known_entry(uo, s->addr);
	}
	if (ret)
		find_returns(uo, s, &r);
	for (size_t k = 0; k < r.v.count; k++) {
		if (!probeable(uo, s->addr + r.v.data[k], &off))
			continue;
		p = dv_user_row(set, uo, id + 1, s->name, "return", off);
		p->args = DV_ARGS_RETURN;
		p->size = r.v.data[k];
	}
	DV_VEC_FREE(&r.v);
}

static void place(struct dv_probe_set *set, const struct dv_user_object *uo, const char *func, uint64_t vaddr,
		  uint64_t shown)
{
	struct dv_user *u = uo->user;
	struct dv_user_offset *o = NULL;
	uint64_t off;

	if (!probeable(uo, vaddr, &off))
		return;
	for (size_t i = 0; i < u->offsets.count && !o; i++)
		if (u->offsets.data[i].uo == uo && u->offsets.data[i].vaddr == vaddr &&
		    !strcmp(u->offsets.data[i].func, func))
			o = &u->offsets.data[i];
	if (!o) {
		o = DV_PUSH(&u->offsets);
		*o = (struct dv_user_offset){
		    .uo = uo,
		    .func = func,
		    .name = dv_arena_printf(&set->arena, "%llx", (unsigned long long)shown),
		    .vaddr = vaddr,
		    .id = set->next_id++,
		};
	}
	dv_user_row(set, uo, o->id, o->func, o->name, off);
}

// All its instructions, if it can be taken apart to its end.
static void every(struct dv_probe_set *set, const struct dv_user_object *uo, const struct dv_elf_sym *s)
{
	DV_FREE uint8_t *code = s->size && s->size <= EVERY_MAX ? dv_xcalloc(1, s->size) : NULL;
	uint64_t pos = 0;

	if (!code || !dv_elf_read(uo->elf, s->addr, code, s->size))
		return;
	while (pos < s->size && dv_x86_length(code + pos, s->size - pos))
		pos += dv_x86_length(code + pos, s->size - pos);
	for (uint64_t at = 0; pos == s->size && at < pos; at += dv_x86_length(code + at, pos - at))
		place(set, uo, s->name, s->addr + at, at);
}

// An address as the file has it, else one in the process. False: no instruction of this object's begins there.
static bool resolve(const struct dv_user_object *uo, uint64_t at, uint64_t *vaddr)
{
	const struct dv_elf_sym *s;
	uint64_t moved = 0;

	if (!in_code(uo, at)) {
		if (!dv_object_address(uo->object, uo->count ? uo->syms[0].addr : 0, &moved) || !uo->count)
			return false;
		at -= moved - uo->syms[0].addr;
		if (!in_code(uo, at))
			return false;
	}
	*vaddr = at;
	s = dv_elf_symbol_at(uo->elf, at);
	return !s || begins(uo, s, at - s->addr);
}

static void provide_object(struct dv_probe_set *set, const struct dv_user_object *uo, const struct want *w)
{
	uint64_t vaddr;

	if (dv_elf_machine(uo->elf) != EM_X86_64 || !dv_object_target(uo->object))
		return;
	if (w->absolute) {
		if (w->offset && resolve(uo, w->at, &vaddr))
			place(set, uo, "-", vaddr, w->at);
		return;
	}
	for (size_t i = 0; i < uo->count; i++) {
		const struct dv_elf_sym *s = &uo->syms[i];

		if (w->literal ? strcmp(w->d->part[DV_PART_FUNC], s->name) != 0
			       : !dv_glob(w->d->part[DV_PART_FUNC], s->name))
			continue;
		if (!usable(uo, s, w->literal))
			continue;
		if (w->offset && begins(uo, s, w->at))
			place(set, uo, s->name, s->addr + w->at, w->at);
		else if (!w->offset && (w->entry || w->ret))
			entry_and_return(set, uo, i, w->entry, w->ret);
		if (w->every)
			every(set, uo, s);
	}
}

static void provide_id(struct dv_probe_set *set, uint32_t id)
{
	for (size_t i = 0; i < set->users.count; i++) {
		struct dv_user *u = set->users.data[i];

		for (size_t k = 0; k < u->objects.count; k++) {
			const struct dv_user_object *uo = u->objects.data[k];

			if (id >= uo->base && id - uo->base < 2 * uo->count)
				entry_and_return(set, uo, (id - uo->base) / 2, !((id - uo->base) & 1),
						 (id - uo->base) & 1);
		}
		for (size_t k = 0; k < u->offsets.count; k++) {
			const struct dv_user_offset *o = &u->offsets.data[k];
			uint64_t off;

			if (o->id == id && dv_elf_offset(o->uo->elf, o->vaddr, &off))
				dv_user_row(set, o->uo, id, o->func, o->name, off);
		}
	}
}

static bool claims(const struct dv_provider *prov, const struct dv_probe_desc *d)
{
	char prefix[DV_USER_PREFIX];
	const char *at = NULL;
	int pid;

	if (d->id)
		return true;
	while (dv_user_split(d->part[DV_PART_PROV], &at, prefix, &pid))
		if (dv_glob(prefix, "pid"))
			return true;
	return false;
}

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		    struct dv_probe_set *set)
{
	struct want w = wanted(d);
	char prefix[DV_USER_PREFIX];
	const char *at = NULL;
	int pid;

	if (d->id) {
		provide_id(set, d->id);
		return;
	}
	while (dv_user_split(d->part[DV_PART_PROV], &at, prefix, &pid)) {
		struct dv_user_object *uo;
		struct dv_user *u;
		struct dv_error *e;
		size_t i = 0;

		if (!dv_glob(prefix, "pid"))
			continue;
		e = dv_user_get(set, pid, &u);
		while (!e && (uo = dv_user_match(set, u, d->part[DV_PART_MOD], &i)))
			provide_object(set, uo, &w);
		dv_error_destroy(e); // why_not() tells, when nothing else matches
	}
}

/* -- why nothing matched ------------------------------------------------------------------------------------------- */

static const char *no_offset(struct dv_probe_set *set, const struct dv_user_object *uo, const struct dv_elf_sym *s,
			     const struct want *w)
{
	if (w->at >= s->size)
		return dv_arena_printf(&set->arena, "'%s' in '%s' has only 0x%llx bytes", s->name, uo->object->module,
				       (unsigned long long)s->size);
	return dv_arena_printf(&set->arena, "no instruction that can be probed begins at 0x%llx in '%s' of '%s'",
			       (unsigned long long)w->at, s->name, uo->object->module);
}

// Why this object, which the description means, gave nothing. NULL: it has no such function.
static const char *why_object(struct dv_probe_set *set, const struct dv_user_object *uo, const struct want *w)
{
	const char *mod = uo->object->module;
	const struct dv_elf_sym *s;
	size_t from = 0;
	uint64_t off;

	if (dv_elf_machine(uo->elf) != EM_X86_64)
		return dv_arena_printf(&set->arena, "'%s' is made for another kind of processor", mod);
	if (w->absolute || !w->literal)
		return NULL;
	s = dv_elf_symbol_find(uo->elf, w->d->part[DV_PART_FUNC], &from);
	if (!s)
		return NULL;
	if (s->kind == DV_ELF_IFUNC)
		return dv_arena_printf(&set->arena,
				       "'%s' in '%s' is chosen when the program starts: probe the function that it stands for",
				       s->name, mod);
	if (w->offset)
		return no_offset(set, uo, s, w);
	if (w->ret && !w->entry)
		return dv_arena_printf(&set->arena, "'%s' in '%s' has no return instruction that can be probed", s->name,
				       mod);
	if (!probeable(uo, s->addr, &off))
		return dv_arena_printf(&set->arena, "'%s' in '%s' begins with an instruction that cannot be probed", s->name,
				       mod);
	return NULL;
}

static const char *why_process(struct dv_probe_set *set, struct dv_user *u, const struct want *w)
{
	const char *mod = w->d->part[DV_PART_MOD], *func = w->d->part[DV_PART_FUNC], *why;
	int pid = dv_process_pid(u->process);
	struct dv_nearest near;
	size_t n, opened = 0, symbols = 0;
	struct dv_object *const *o = dv_process_objects(u->process, &n);
	char list[256];

	if (!w->entry && !w->ret && !w->offset)
		return dv_arena_printf(&set->arena, "'%s' is neither entry, nor return, nor an offset in hexadecimal",
				       w->d->part[DV_PART_NAME]);
	dv_nearest_init(&near, func);
	for (size_t i = 0; i < n; i++) {
		struct dv_user_object *uo;
		struct dv_error *e;

		if (!dv_user_module(mod, o[i]))
			continue;
		opened++;
		e = dv_user_open(set, u, o[i], &uo);
		why = e ? dv_arena_strdup(&set->arena, e->msg) : why_object(set, uo, w);
		dv_error_destroy(e);
		if (why && (e || *mod || w->literal))
			return why;
		if (why)
			continue;
		symbols += uo->count;
		for (size_t k = 0; k < uo->count && w->literal; k++)
			dv_nearest_offer(&near, uo->syms[k].name);
	}
	if (!opened) {
		dv_user_modules(u, list, sizeof(list));
		return dv_arena_printf(&set->arena, "process %d has no module '%s', only %s", pid, mod, list);
	}
	if (w->absolute)
		return dv_arena_printf(&set->arena, "no instruction of process %d begins at 0x%llx", pid,
				       (unsigned long long)w->at);
	if (!symbols)
		return dv_arena_printf(&set->arena, "'%s' in process %d has no symbols, and no debug file of it is here",
				       *mod ? mod : dv_user_program(u), pid);
	dv_nearest_list(&near, list, sizeof(list));
	return dv_arena_printf(&set->arena, "process %d (%s) has no function '%s'%s%s%s%s", pid, dv_user_program(u), func,
			       *mod ? " in " : "", mod, *list ? "; did you mean " : "", *list ? list : "");
}

static const char *why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
			   struct dv_probe_set *set)
{
	struct want w = wanted(d);
	char prefix[DV_USER_PREFIX];
	const char *at = NULL, *why;
	struct dv_user *u;
	struct dv_error *e;
	int pid;

	while (dv_user_split(d->part[DV_PART_PROV], &at, prefix, &pid)) {
		if (!dv_glob(prefix, "pid"))
			continue;
		e = dv_user_get(set, pid, &u);
		why = e ? dv_arena_strdup(&set->arena, e->msg) : why_process(set, u, &w);
		dv_error_destroy(e);
		return why;
	}
	return NULL;
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	*count = 0;
	*known = false;
	return NULL;
}

static const void *arg_group(const struct dv_probe *p)
{
	return NULL;
}

const struct dv_provider dv_prov_pid = {
    .name = "pid",
    .claims = claims,
    .provide = provide,
    .arg_type = arg_type,
    .arg_group = arg_group,
    .caps = DV_CAP_UPROBE,
    .why_not = why_not,
};
