/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names in expressions. In this order: an inline of the script; DTrace's built-in variables, which nothing hides; the
 * script's own variables; dvirt's built-ins and registers; enumerators of the kernel.
 */
#include "lang/impl.h"

#include <stdio.h>
#include <string.h>

static const struct builtin {
	const char *name;
	enum dv_builtin id;
	const char *type; // NULL: curthread; "": not there yet; "0": always 0 here; "made": by
			  // dv_check_execargs(); "!...": why it is not there
	bool soft;        // dvirt's own: a script may have a variable of this name
} builtins[] = {
	{"timestamp", DV_BI_TIMESTAMP, "uint64_t"}, {"walltimestamp", DV_BI_WALLTIMESTAMP, "int64_t"},
	{"cpu", DV_BI_CPU, "int"}, {"pid", DV_BI_PID, "pid_t"}, {"tid", DV_BI_TID, "id_t"},
	{"ppid", DV_BI_PPID, "pid_t"}, {"uid", DV_BI_UID, "uid_t"}, {"gid", DV_BI_GID, "gid_t"},
	{"curthread", DV_BI_CURTHREAD, NULL}, {"caller", DV_BI_CALLER, "uintptr_t"}, {"epid", DV_BI_EPID, "uint_t"},
	{"id", DV_BI_ID, "uint_t"}, {"errno", DV_BI_ERRNO, "int"}, {"seq", DV_BI_SEQ, "uint64_t", true},
	{"execname", DV_BI_EXECNAME, "string"}, {"vmname", DV_BI_VMNAME, "string"},
	{"probeprov", DV_BI_PROBEPROV, "string"}, {"probemod", DV_BI_PROBEMOD, "string"},
	{"probefunc", DV_BI_PROBEFUNC, "string"}, {"probename", DV_BI_PROBENAME, "string"},
	{"ucaller", DV_BI_UCALLER, "uint64_t"}, {"stackdepth", DV_BI_STACKDEPTH, "uint32_t"},
	{"ustackdepth", DV_BI_USTACKDEPTH, "uint32_t"},
	{"hosttid", DV_BI_HOSTTID, "id_t", true}, {"hostcpu", DV_BI_HOSTCPU, "int", true},
	{"guestvcpu", DV_BI_GUESTVCPU, "int", true}, {"guestname", DV_BI_GUESTNAME, "string", true},
	{"__dv_frame", DV_BI_FRAME, "uint64_t", true}, // for providers' own clauses
	{"vtimestamp", DV_BI_VTIMESTAMP, "uint64_t"}, {"ipl", 0, "0"}, {"execargs", 0, "made"},
	{"chip", 0, "!a kernel's memory does not say in one place which chip a CPU is of", true},
	{"lgrp", 0, "!locality groups are Solaris's; on Linux a CPU is of a NUMA node", true},
	{"zonename", 0, "!zones are Solaris's, Linux has none", true},
	{"jid", 0, "!jails are FreeBSD's, Linux has none", true},
	{"jailname", 0, "!jails are FreeBSD's, Linux has none", true},
};

static const struct {
	const char *name; // as plain name; R_ and capitals as a constant
	enum dv_reg reg;
} regs[] = {
	{"rax", DV_REG_RAX}, {"rbx", DV_REG_RBX}, {"rcx", DV_REG_RCX}, {"rdx", DV_REG_RDX}, {"rsi", DV_REG_RSI},
	{"rdi", DV_REG_RDI}, {"rbp", DV_REG_RBP}, {"rsp", DV_REG_RSP}, {"r8", DV_REG_R8}, {"r9", DV_REG_R9},
	{"r10", DV_REG_R10}, {"r11", DV_REG_R11}, {"r12", DV_REG_R12}, {"r13", DV_REG_R13}, {"r14", DV_REG_R14},
	{"r15", DV_REG_R15}, {"rip", DV_REG_RIP}, {"rflags", DV_REG_RFLAGS}, {"cs", DV_REG_CS}, {"ss", DV_REG_SS},
	{"ds", DV_REG_DS}, {"es", DV_REG_ES}, {"fs", DV_REG_FS}, {"gs", DV_REG_GS}, {"fs_base", DV_REG_FS_BASE},
	{"gs_base", DV_REG_GS_BASE}, {"kgs_base", DV_REG_KGS_BASE}, {"cr0", DV_REG_CR0}, {"cr2", DV_REG_CR2},
	{"cr3", DV_REG_CR3}, {"cr4", DV_REG_CR4}, {"efer", DV_REG_EFER},
};
// DTrace's names for some of them, as constants only.
static const struct {
	const char *name;
	enum dv_reg reg;
} reg_aliases[] = {
	{"R_PC", DV_REG_RIP}, {"R_SP", DV_REG_RSP}, {"R_FP", DV_REG_RBP}, {"R_PS", DV_REG_RFLAGS},
	{"R_RFL", DV_REG_RFLAGS}, {"R_R0", DV_REG_RAX}, {"R_R1", DV_REG_RDX},
};

static const struct builtin *builtin(const char *name)
{
	for (size_t i = 0; i < DV_COUNT(builtins); i++)
		if (!strcmp(builtins[i].name, name))
			return &builtins[i];
	return NULL;
}

static int arg_number(const char *name)
{
	return !strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '9' && !name[4] ? name[3] - '0' : -1;
}

bool dv_is_builtin(const char *name)
{
	const struct builtin *b = builtin(name);

	return (b && !b->soft) || arg_number(name) >= 0 || !strcmp(name, "args") || !strcmp(name, "uregs") ||
	       !strcmp(name, "NULL");
}

static int reg_constant(const char *name)
{
	if (strncmp(name, "R_", 2))
		return -1;
	for (size_t i = 0; i < DV_COUNT(reg_aliases); i++)
		if (!strcmp(reg_aliases[i].name, name))
			return (int)reg_aliases[i].reg;
	for (size_t i = 0; i < DV_COUNT(regs); i++) {
		const char *a = name + 2, *b = regs[i].name;

		for (; *a && *b && *a == (*b >= 'a' && *b <= 'z' ? *b - 32 : *b); a++, b++)
			;
		if (!*a && !*b)
			return (int)regs[i].reg;
	}
	return -1;
}

static int reg_variable(const char *name)
{
	for (size_t i = 0; i < DV_COUNT(regs); i++)
		if (!strcmp(regs[i].name, name))
			return (int)regs[i].reg;
	return -1;
}

static struct dv_node *check_builtin(struct dv_check *ck, const struct dv_node *n, const struct builtin *b)
{
	const struct dv_type *t;
	struct dv_node *c;

	if (b->type && !*b->type)
		return DV_ERR_AT(ck, n->loc, "D_NOT_YET", "%s is not supported yet", b->name);
	if (b->type && *b->type == '!')
		return DV_ERR_AT(ck, n->loc, "D_UNSUPPORTED", "%s is not supported: %s", b->name, b->type + 1);
	if (b->type && !strcmp(b->type, "made"))
		return dv_check_execargs(ck, n);
	if (b->id == DV_BI_VTIMESTAMP && !(ck->env->can & DV_CAN_VTIME))
		return DV_ERR_AT(ck, n->loc, "D_MACH_CANNOT", "vtimestamp cannot be had on %s: it is not seen there when "
				 "a thread leaves its CPU", ck->env->machine_name ? ck->env->machine_name : "this machine");
	if (b->type && !strcmp(b->type, "0"))
		return dv_int_node(ck, n, 0, dv_type_base_by_name("uint_t"));
	if (b->type) {
		t = dv_type_base_by_name(b->type);
	} else {
		struct dv_universe *u = ck->env->types;

		t = u->ops && u->ops->find ? u->ops->find(u->ctx, DV_TYPE_STRUCT, "task_struct", NULL) : NULL;
		if (!t)
			return DV_ERR_AT(ck, n->loc, "D_TYPE_ERR",
					 "curthread cannot be used: there are no kernel types on %s",
					 ck->env->machine_name ? ck->env->machine_name : "this machine");
		t = dv_type_ptr(t);
	}
	c = dv_check_copy(ck, n, DV_NODE_BUILTIN, t);
	c->builtin = b->id;
	return c;
}

static struct dv_node *reg_node(struct dv_check *ck, const struct dv_node *n, struct dv_node *index)
{
	struct dv_node *c = dv_check_copy(ck, n, DV_NODE_REG, dv_type_base_by_name("uint64_t"));

	dv_check_kids(ck, c, 1);
	c->kids[0] = index;
	return c;
}

static struct dv_node *undefined(struct dv_check *ck, const struct dv_node *n)
{
	const char *prefix = n->scope == DV_SCOPE_SELF ? "self->" : n->scope == DV_SCOPE_THIS ? "this->" : "";
	struct dv_near near;
	char hint[96];

	dv_near_init(&near, n->str);
	dv_var_near(ck, n->scope, &near);
	if (n->scope != DV_SCOPE_GLOBAL)
		return dv_check_error(ck, n->loc, "D_VAR_UNDEF", dv_near_hint(&near, prefix, hint, sizeof(hint)),
				      "%s%s has not been declared or assigned", prefix, n->str);
	for (size_t i = 0; i < DV_COUNT(builtins); i++)
		if (!builtins[i].type || *builtins[i].type)
			dv_near_offer(&near, builtins[i].name);
	return dv_check_error(ck, n->loc, "D_IDENT_UNDEF", dv_near_hint(&near, "", hint, sizeof(hint)),
			      "failed to resolve '%s': unknown identifier", n->str);
}

static struct dv_node *var_node(struct dv_check *ck, const struct dv_node *n, struct dv_var *v, enum dv_node_kind kind)
{
	struct dv_node *c = dv_check_copy(ck, n, kind, dv_retarget(ck, v->type));

	c->var = v;
	c->scope = v->scope;
	if (v->size && dv_type_complete(c->type)->size != v->size)
		return DV_ERR_AT(ck, n->loc, "D_VAR_LAYOUT",
				 "variable '%s' of type %s has %u bytes, but on %s such a structure has %u", v->name,
				 dv_tname(ck, v->type), v->size, ck->env->machine_name ? ck->env->machine_name : "this machine",
				 (unsigned)dv_type_resolve(c->type)->size);
	return c;
}

static struct dv_node *check_variable(struct dv_check *ck, const struct dv_node *n)
{
	bool failed;
	struct dv_var *v;

	if (!ck->clause)
		return DV_ERR_AT(ck, n->loc, "D_IDENT_BADREF", "variable '%s' may not be used in a declaration", n->str);
	v = dv_var_get(ck, n->scope, n->str, n->loc, &failed);
	if (!v)
		return failed ? NULL : undefined(ck, n);
	if (v->is_array)
		return DV_ERR_AT(ck, n->loc, "D_ARR_BADREF", "associative array '%s' may not be used without keys",
				 n->str);
	return var_node(ck, n, v, DV_NODE_VAR);
}

struct dv_node *dv_check_ident(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_universe *u = ck->env->types;
	const struct dv_vdecl *d;
	const struct dv_enumref *e;
	const struct builtin *b;
	const struct dv_type *t = NULL;
	struct dv_node *c;
	int64_t value;
	int i;

	if (n->scope != DV_SCOPE_GLOBAL)
		return check_variable(ck, n);
	c = dv_check_bound(ck, n);
	if (c)
		return c;
	d = dv_script_decl(ck->script, DV_SCOPE_GLOBAL, n->str);
	if (d && d->value)
		return dv_check_inline(ck, n, d, NULL, 0);
	e = d ? NULL : dv_script_enumerator(ck->script, n->str);
	if (e)
		return dv_enumerator_value(ck, e, &value, &t)
			   ? dv_int_node(ck, n, (uint64_t)value, dv_type_int(4, true))
			   : NULL;
	b = builtin(n->str);
	if (b && !b->soft)
		return check_builtin(ck, n, b);
	i = arg_number(n->str);
	if (i >= 0) {
		if (ck->env->arg_text && !ck->words && !ck->no_args)
			return dv_check_given(ck, n, (uint32_t)i, dv_type_int(8, true));
		c = dv_check_copy(ck, n, DV_NODE_ARGN, dv_type_int(8, true));
		c->ival = (uint64_t)i;
		return c;
	}
	if (!strcmp(n->str, "NULL"))
		return dv_int_node(ck, n, 0, dv_type_void_ptr());
	if (!strcmp(n->str, "args") || !strcmp(n->str, "uregs"))
		return DV_ERR_AT(ck, n->loc, "D_ARR_BADREF",
				 "array '%s' may not be used without an index: write %s[...]", n->str, n->str);
	if (dv_var_known(ck, DV_SCOPE_GLOBAL, n->str))
		return check_variable(ck, n);
	if (b)
		return check_builtin(ck, n, b);
	i = reg_constant(n->str);
	if (i >= 0)
		return dv_int_node(ck, n, (uint64_t)i, dv_type_int(4, true));
	i = reg_variable(n->str);
	if (i >= 0)
		return reg_node(ck, n, dv_int_node(ck, n, (uint64_t)i, dv_type_int(4, true)));
	if (u->ops && u->ops->find_enumerator && u->ops->find_enumerator(u->ctx, n->str, &value, &t))
		return dv_int_node(ck, n, (uint64_t)value, dv_type_int(value == (int32_t)value ? 4 : 8, true));
	return undefined(ck, n);
}

// "psinfo_t *", "struct foo *", "int" to a type.
static const struct dv_type *type_of_text(struct dv_check *ck, const struct dv_node *n, const char *text)
{
	struct dv_decl d = {.kind = DV_D_NAME, .loc = n->loc};
	size_t len = strcspn(text, "*");
	const struct dv_type *t;

	while (len && text[len - 1] == ' ')
		len--;
	if (!strncmp(text, "struct ", 7) && len > 7) {
		d.kind = DV_D_STRUCT;
		d.name = dv_arena_strndup(ck->arena, text + 7, len - 7);
	} else {
		d.name = dv_arena_strndup(ck->arena, text, len);
	}
	t = dv_decl_type(ck, &d, true);
	for (text = strchr(text, '*'); t && text && *text == '*'; text++)
		t = dv_type_ptr(t);
	return t;
}

// Argument @p i of the probe: what its provider makes of the words, or the word.
struct dv_node *dv_native_arg(struct dv_check *ck, const struct dv_node *at, uint32_t i, const struct dv_type *t)
{
	struct dv_node *c;

	if (ck->env->arg_text)
		return dv_check_given(ck, at, i, t);
	c = dv_check_copy(ck, at, DV_NODE_ARGN, t);
	c->ival = i;
	return c;
}

// args[n] as the provider presents it.
static struct dv_node *presented_arg(struct dv_check *ck, const struct dv_node *n, const struct dv_node *i)
{
	const struct dv_check_env *e = ck->env;
	const struct dv_type *out = NULL, *native;
	const struct dv_xarg *x;
	struct dv_node *c;

	if (i->ival >= e->xarg_count)
		return DV_ERR_AT(ck, i->loc, "D_ARGS_IDX",
				 "index %lld is out of range for the args[ ] of %s, which has %u", (long long)i->ival,
				 e->probe ? e->probe : "this probe", e->xarg_count);
	x = &e->xargs[i->ival];
	native = e->arg_type ? e->arg_type(e->ctx, x->native) : NULL;
	if (x->type) {
		out = type_of_text(ck, n, x->type);
		if (!out)
			return NULL;
	}
	if (!native && (!out || dv_is_ptr(out)))
		return DV_ERR_AT(ck, i->loc, "D_ARGS_TYPE", "type of args[%u] of %s is not known: use arg%u",
				 (unsigned)i->ival, e->probe ? e->probe : "this probe", x->native);
	c = dv_native_arg(ck, n, x->native, native ? native : dv_type_int(8, true));
	if (!c)
		return NULL;
	if (!dv_type_is_scalar(c->type))
		return DV_ERR_AT(ck, i->loc, "D_NOT_YET", "args[%u] of type %s is not supported yet", (unsigned)i->ival,
				 dv_tname(ck, c->type));
	if (!out || dv_type_equal(c->type, out))
		return c;
	if (dv_is_ptr(out))
		return dv_xlate(ck, n, out, c);
	if (dv_type_resolve(out)->kind == DV_TYPE_STRING)
		return dv_to_string(ck, c);
	return dv_cast(ck, c, out);
}

static struct dv_node *check_args(struct dv_check *ck, const struct dv_node *n)
{
	const struct dv_check_env *e = ck->env;
	struct dv_node *i = n->kid_count == 2 ? dv_check_value(ck, n->kids[1]) : NULL, *c;
	const struct dv_type *t;
	const char *probe = e->probe ? e->probe : "this probe";

	if (n->kid_count == 2 && !i)
		return NULL;
	if (!i || i->kind != DV_NODE_INT)
		return DV_ERR_AT(ck, n->op_loc, "D_ARGS_TYPE", "args[ ] index must be an integer constant");
	if (ck->no_args)
		return NULL;
	if (i->ival < UINT32_MAX && dv_check_xargs(ck, n, (uint32_t)i->ival, &c))
		return c;
	if (e->xargs)
		return presented_arg(ck, n, i);
	if (!e->typed_args || !e->arg_type)
		return DV_ERR_AT(ck, n->loc, "D_ARGS_NONE",
				 "no type information for the arguments of %s%s: use arg0, arg1 ...", probe,
				 e->types && e->types != dv_universe_base() && !e->types->ops ? ": its kernel has no BTF" : "");
	t = i->ival < e->arg_count ? e->arg_type(e->ctx, (uint32_t)i->ival) : NULL;
	if (i->ival >= e->arg_count || (!t && i->ival > 9))
		return DV_ERR_AT(ck, i->loc, "D_ARGS_IDX",
				 "index %lld is out of range for the args[ ] of %s, which has %u", (long long)i->ival,
				 probe, e->arg_count);
	if (!t)
		return DV_ERR_AT(ck, i->loc, "D_ARGS_TYPE", "type of args[%u] of %s is not known: use arg%u",
				 (unsigned)i->ival, probe, (unsigned)i->ival);
	if (!dv_type_is_scalar(t) && !(e->arg_text && dv_type_is_string(t)))
		return DV_ERR_AT(ck, i->loc, "D_NOT_YET", "args[%u] of type %s is not supported yet", (unsigned)i->ival,
				 dv_tname(ck, t));
	if (e->arg_text)
		return dv_check_given(ck, n, (uint32_t)i->ival, t);
	c = dv_check_copy(ck, n, DV_NODE_ARGN, t);
	c->ival = i->ival;
	return c;
}

// A variable that is indexed: *done with an element of an associative array or after telling, else the variable.
static struct dv_node *indexed_variable(struct dv_check *ck, const struct dv_node *n, const struct dv_node *base,
					bool *done)
{
	struct dv_node *a;
	struct dv_var *v;
	bool failed;

	*done = true;
	if (!ck->clause)
		return DV_ERR_AT(ck, base->loc, "D_IDENT_BADREF", "variable '%s' may not be used in a declaration", base->str);
	v = dv_var_get(ck, base->scope, base->str, base->loc, &failed);
	if (!v)
		return failed ? NULL : undefined(ck, base);
	if (v->is_array) {
		a = var_node(ck, n, v, DV_NODE_ELEM);
		if (!a)
			return NULL;
		a->loc = base->loc;
		return dv_var_keys(ck, v, a, n) ? a : NULL;
	}
	if (v->type->kind != DV_TYPE_PTR && v->type->kind != DV_TYPE_ARRAY && v->type->kind != DV_TYPE_STRING)
		return DV_ERR_AT(ck, base->loc, "D_IDENT_BADREF", "'%s' is not an array or a pointer", base->str);
	a = var_node(ck, base, v, DV_NODE_VAR);
	*done = a == NULL;
	return a;
}

// The array of the script's own, of known size, that an index goes into; NULL: it is none.
static const struct dv_node *own_array(const struct dv_node *a)
{
	if (a->kind == DV_NODE_CAST && dv_is_ptr(a->type)) // decayed
		a = a->kids[0];
	return dv_type_resolve(a->type)->kind == DV_TYPE_ARRAY && dv_type_resolve(a->type)->count && dv_root_var(a) ? a : NULL;
}

struct dv_node *dv_check_index(struct dv_check *ck, const struct dv_node *n)
{
	const struct dv_node *base = n->kids[0], *array;
	struct dv_node *a = NULL, *i;
	bool done;

	if (base->kind == DV_NODE_IDENT && base->scope == DV_SCOPE_GLOBAL && !strcmp(base->str, "args"))
		return check_args(ck, n);
	if (base->kind == DV_NODE_IDENT && base->scope == DV_SCOPE_GLOBAL && !strcmp(base->str, "uregs")) {
		i = n->kid_count == 2 ? dv_check_value(ck, n->kids[1]) : NULL;
		if (n->kid_count == 2 && !i)
			return NULL;
		if (!i || !dv_type_is_integer(i->type))
			return DV_ERR_AT(ck, n->op_loc, "D_PROTO_ARG",
					 "uregs[ ] takes one integer, a register: R_RAX, R_RIP ...");
		if (i->kind == DV_NODE_INT && i->ival >= DV_REG_COUNT)
			return DV_ERR_AT(ck, i->loc, "D_ARR_BOUNDS", "there is no register %lld", (long long)i->ival);
		return reg_node(ck, n, i);
	}
	if (base->kind == DV_NODE_IDENT && (base->scope != DV_SCOPE_GLOBAL || !dv_bound(ck, base->str))) {
		const struct dv_vdecl *d =
		    base->scope == DV_SCOPE_GLOBAL ? dv_script_decl(ck->script, DV_SCOPE_GLOBAL, base->str) : NULL;

		if (d && d->value && d->decl->kind == DV_D_ASSOC)
			return dv_check_inline(ck, n, d, n->kids + 1, n->kid_count - 1);
		if (!(d && d->value) && (base->scope != DV_SCOPE_GLOBAL || (dv_var_known(ck, DV_SCOPE_GLOBAL, base->str) &&
									    !dv_is_builtin(base->str)))) {
			a = indexed_variable(ck, n, base, &done);
			if (done)
				return a;
		}
	}
	if (!a)
		a = dv_check_value(ck, base);
	if (!a)
		return NULL;
	if (n->kid_count != 2)
		return DV_ERR_AT(ck, n->op_loc, "D_ARR_BADREF", "an array in memory takes one index");
	i = dv_check_value(ck, n->kids[1]);
	if (!i)
		return NULL;
	array = i->kind == DV_NODE_INT ? own_array(a) : NULL;
	if (array && i->ival >= dv_type_resolve(array->type)->count)
		return DV_ERR_AT(ck, n->kids[1]->loc, "D_ARR_BOUNDS", "index %lld is out of the bounds of %s", (long long)i->ival,
				 dv_tname(ck, array->type));
	if (dv_type_resolve(a->type)->kind == DV_TYPE_STRING) // its characters
		a = dv_cast(ck, a, dv_type_ptr(dv_type_char()));
	a = dv_decay(ck, a);
	if (!dv_is_ptr(a->type) || !dv_type_is_integer(i->type))
		return DV_ERR_AT(ck, n->op_loc, "D_OP_INCOMPAT",
				 "operator [ ] requires an array or pointer and an integer, not %s and %s",
				 dv_tname(ck, a->type), dv_tname(ck, i->type));
	a = dv_check_add(ck, n, DV_OP_ADD, a, i);
	return a ? dv_check_deref(ck, n, a) : NULL;
}

struct dv_node *dv_check_sym(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_universe *u = ck->env->types;
	const char *machine = n->machine ? n->machine : ck->env->machine_name;
	uint32_t mach = DV_MACH_SELF;
	const struct dv_type *t = NULL;
	struct dv_node *c;
	uint64_t addr;

	if (n->machine) {
		u = ck->env->machine ? ck->env->machine(ck->env->ctx, n->machine, &mach) : NULL;
		if (!u)
			return DV_ERR_AT(ck, n->loc, "D_MACH_UNDEF", "there is no machine '%s' to read %s from",
					 n->machine, n->str);
	}
	if (!u->ops || !u->ops->find_symbol)
		return DV_ERR_AT(ck, n->loc, "D_IDENT_UNDEF",
				 "kernel symbol '%s' cannot be resolved: no kernel is known on %s", n->str,
				 machine ? machine : "this machine");
	if (!u->ops->find_symbol(u->ctx, n->module, n->str, &addr, &t))
		return DV_ERR_AT(ck, n->loc, "D_IDENT_UNDEF",
				 "failed to resolve '%s%s%s': no such kernel symbol on %s (kernel %s)",
				 n->module ? n->module : "", "`", n->str, machine ? machine : "this machine", u->name);
	// A kernel's BTF has the types of few variables. A word is the best guess, and `&sym` is right in any case.
	c = dv_check_copy(ck, n, DV_NODE_SYM, t ? t : dv_type_int(8, false));
	c->str = n->str;
	c->module = n->module;
	c->machine = n->machine;
	c->addr = addr;
	c->mach = mach;
	return c;
}
