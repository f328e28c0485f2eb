/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types by name: the base universe (C's and D's own types, LP64), and how a type is written. Numbers of base types in
 * the tables below are indices into `base[]`.
 */
#include "type/type.h"

#include <stdio.h>
#include <string.h>

enum base_id {
	B_VOID, B_CHAR, B_SCHAR, B_UCHAR, B_SHORT, B_USHORT, B_INT, B_UINT, B_LONG, B_ULONG, B_LLONG, B_ULLONG, B_BOOL,
	B_FLOAT, B_DOUBLE, B_LDOUBLE, B_STRING, B_COUNT
};

static const struct {
	const char *name;
	enum dv_type_kind kind;
	uint8_t size;
	bool is_signed;
} base_table[B_COUNT] = {
	[B_VOID] = {"void", DV_TYPE_VOID, 0, false},
	[B_CHAR] = {"char", DV_TYPE_INT, 1, true},
	[B_SCHAR] = {"signed char", DV_TYPE_INT, 1, true},
	[B_UCHAR] = {"unsigned char", DV_TYPE_INT, 1, false},
	[B_SHORT] = {"short", DV_TYPE_INT, 2, true},
	[B_USHORT] = {"unsigned short", DV_TYPE_INT, 2, false},
	[B_INT] = {"int", DV_TYPE_INT, 4, true},
	[B_UINT] = {"unsigned int", DV_TYPE_INT, 4, false},
	[B_LONG] = {"long", DV_TYPE_INT, 8, true},
	[B_ULONG] = {"unsigned long", DV_TYPE_INT, 8, false},
	[B_LLONG] = {"long long", DV_TYPE_INT, 8, true},
	[B_ULLONG] = {"unsigned long long", DV_TYPE_INT, 8, false},
	[B_BOOL] = {"_Bool", DV_TYPE_INT, 1, false},
	[B_FLOAT] = {"float", DV_TYPE_FLOAT, 4, true},
	[B_DOUBLE] = {"double", DV_TYPE_FLOAT, 8, true},
	[B_LDOUBLE] = {"long double", DV_TYPE_FLOAT, 16, true},
	[B_STRING] = {"string", DV_TYPE_STRING, 0, false},
};

// Names that D or Linux give to base types. A kernel's own typedef of the same name comes first where there is one.
static const struct {
	const char *name;
	enum base_id to;
} alias_table[] = {
	{"int8_t", B_SCHAR}, {"int16_t", B_SHORT}, {"int32_t", B_INT}, {"int64_t", B_LONG}, {"uint8_t", B_UCHAR},
	{"uint16_t", B_USHORT}, {"uint32_t", B_UINT}, {"uint64_t", B_ULONG}, {"u_int8_t", B_UCHAR},
	{"u_int16_t", B_USHORT}, {"u_int32_t", B_UINT}, {"u_int64_t", B_ULONG}, {"intptr_t", B_LONG},
	{"uintptr_t", B_ULONG}, {"size_t", B_ULONG}, {"ssize_t", B_LONG}, {"ptrdiff_t", B_LONG}, {"uchar_t", B_UCHAR},
	{"ushort_t", B_USHORT}, {"uint_t", B_UINT}, {"ulong_t", B_ULONG}, {"u_char", B_UCHAR}, {"u_short", B_USHORT},
	{"u_int", B_UINT}, {"u_long", B_ULONG}, {"ushort", B_USHORT}, {"uint", B_UINT}, {"ulong", B_ULONG},
	{"longlong_t", B_LLONG}, {"u_longlong_t", B_ULLONG}, {"offset_t", B_LLONG}, {"hrtime_t", B_LLONG},
	{"pid_t", B_INT}, {"id_t", B_INT}, {"uid_t", B_UINT}, {"gid_t", B_UINT}, {"mode_t", B_UINT},
	{"dev_t", B_ULONG}, {"ino_t", B_ULONG}, {"off_t", B_LONG}, {"loff_t", B_LONG}, {"time_t", B_LONG},
	{"clock_t", B_LONG}, {"nlink_t", B_ULONG}, {"processorid_t", B_INT}, {"psetid_t", B_INT},
	{"lgrp_id_t", B_INT}, {"chipid_t", B_INT}, {"zoneid_t", B_INT}, {"taskid_t", B_INT}, {"projid_t", B_INT},
	{"poolid_t", B_INT}, {"major_t", B_UINT}, {"minor_t", B_UINT}, {"daddr_t", B_LONG}, {"pgcnt_t", B_ULONG},
	{"intmax_t", B_LONG}, {"uintmax_t", B_ULONG}, {"in_addr_t", B_UINT}, {"ipaddr_t", B_UINT}, {"boolean_t", B_INT}, {"index_t", B_SHORT}, {"u8", B_UCHAR}, {"u16", B_USHORT},
	{"u32", B_UINT}, {"u64", B_ULLONG}, {"s8", B_SCHAR}, {"s16", B_SHORT}, {"s32", B_INT}, {"s64", B_LLONG},
	{"__u8", B_UCHAR}, {"__u16", B_USHORT}, {"__u32", B_UINT}, {"__u64", B_ULLONG}, {"__s8", B_SCHAR},
	{"__s16", B_SHORT}, {"__s32", B_INT}, {"__s64", B_LLONG}, {"bool", B_BOOL},
};
static struct dv_type *base[B_COUNT], *alias[DV_COUNT(alias_table)], *caddr, *stacks[7];
// As DTrace's messages name them, by enum dv_stack_kind.
static const char *const stack_names[DV_COUNT(stacks)] = {"stack",     "ustack",    "_symaddr", "_symaddr",
							  "_usymaddr", "_usymaddr", "_usymaddr"};

struct dv_universe *dv_universe_base(void)
{
	static struct dv_universe *u;

	if (u)
		return u;
	u = dv_universe_create(0, "D", NULL, NULL);
	for (int i = 0; i < B_COUNT; i++) {
		struct dv_type *t = dv_type_new(u, base_table[i].kind, base_table[i].name, base_table[i].size);

		t->is_signed = base_table[i].is_signed;
		t->is_char = i == B_CHAR;
		t->is_bool = i == B_BOOL;
		base[i] = t;
	}
	for (size_t i = 0; i < DV_COUNT(alias_table); i++) {
		alias[i] = dv_type_new(u, DV_TYPE_TYPEDEF, alias_table[i].name, base[alias_table[i].to]->size);
		alias[i]->ref = base[alias_table[i].to];
	}
	for (size_t i = 0; i < DV_COUNT(stacks); i++) {
		stacks[i] = dv_type_new(u, DV_TYPE_STACK, stack_names[i], 0);
		stacks[i]->count = (uint32_t)i;
	}
	caddr = dv_type_new(u, DV_TYPE_TYPEDEF, "caddr_t", 8);
	caddr->ref = dv_type_ptr(base[B_CHAR]);
	return u;
}

static const struct dv_type *get(enum base_id id)
{
	dv_universe_base();
	return base[id];
}

const struct dv_type *dv_type_int(unsigned size, bool is_signed)
{
	switch (size) {
	case 1:
		return get(is_signed ? B_SCHAR : B_UCHAR);
	case 2:
		return get(is_signed ? B_SHORT : B_USHORT);
	case 4:
		return get(is_signed ? B_INT : B_UINT);
	default:
		return get(is_signed ? B_LONG : B_ULONG);
	}
}

const struct dv_type *dv_type_float(unsigned size)
{
	return get(size == 4 ? B_FLOAT : B_DOUBLE);
}

const struct dv_type *dv_type_stack(unsigned kind)
{
	dv_universe_base();
	return stacks[kind < DV_COUNT(stacks) ? kind : 0];
}

const struct dv_type *dv_type_char(void)
{
	return get(B_CHAR);
}

const struct dv_type *dv_type_void(void)
{
	return get(B_VOID);
}

const struct dv_type *dv_type_string(void)
{
	return get(B_STRING);
}

const struct dv_type *dv_type_void_ptr(void)
{
	return dv_type_ptr(get(B_VOID));
}

// C lets the words of an integer type stand in any order: count them.
static int by_words(const char *name)
{
	static const char *const words[] = {"unsigned", "signed", "long", "short", "int", "char", "float", "double"};
	enum { W_UNSIGNED, W_SIGNED, W_LONG, W_SHORT, W_INT, W_CHAR, W_FLOAT, W_DOUBLE, W_COUNT };
	unsigned n[W_COUNT] = {0}, total = 0;

	for (const char *p = name; *p;) {
		size_t len;
		int w;

		p += strspn(p, " \t");
		len = strcspn(p, " \t");
		if (!len)
			break;
		for (w = 0; w < W_COUNT; w++)
			if (strlen(words[w]) == len && !memcmp(words[w], p, len))
				break;
		if (w == W_COUNT || ++total > 5)
			return -1;
		n[w]++;
		p += len;
	}
	if (!total || n[W_UNSIGNED] + n[W_SIGNED] > 1 || n[W_SHORT] > 1 || n[W_INT] > 1 || n[W_CHAR] > 1 ||
	    n[W_LONG] > 2)
		return -1;
	if (n[W_FLOAT] || n[W_DOUBLE]) {
		if (n[W_FLOAT] && total == 1)
			return B_FLOAT;
		if (n[W_DOUBLE] == 1 && total == 1)
			return B_DOUBLE;
		return n[W_DOUBLE] == 1 && n[W_LONG] == 1 && total == 2 ? B_LDOUBLE : -1;
	}
	if (n[W_CHAR])
		return n[W_LONG] || n[W_SHORT] || n[W_INT] ? -1
		       : n[W_UNSIGNED]			   ? B_UCHAR
		       : n[W_SIGNED]			   ? B_SCHAR
							   : B_CHAR;
	if (n[W_SHORT])
		return n[W_LONG] ? -1 : n[W_UNSIGNED] ? B_USHORT : B_SHORT;
	if (n[W_LONG] == 2)
		return n[W_UNSIGNED] ? B_ULLONG : B_LLONG;
	if (n[W_LONG])
		return n[W_UNSIGNED] ? B_ULONG : B_LONG;
	return n[W_UNSIGNED] ? B_UINT : B_INT;
}

const struct dv_type *dv_type_base_by_name(const char *name)
{
	int words;

	dv_universe_base();
	for (size_t i = 0; i < DV_COUNT(alias_table); i++)
		if (!strcmp(name, alias_table[i].name))
			return alias[i];
	for (int i = 0; i < B_COUNT; i++)
		if (!strcmp(name, base_table[i].name))
			return base[i];
	if (!strcmp(name, "caddr_t"))
		return caddr;
	words = by_words(name);
	return words < 0 ? NULL : base[words];
}

#define DEPTH_MAX 12 // declarators within one another that are written out
#define INNER_MAX 192

static void write_type(const struct dv_type *t, const char *inner, char *buf, size_t size, int depth);

static void write_params(const struct dv_type *t, char *buf, size_t size, int depth)
{
	size_t n = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < t->count && n < size; i++) {
		char one[INNER_MAX];

		if (t->members[i].type)
			write_type(t->members[i].type, "", one, sizeof(one), depth + 1);
		else
			snprintf(one, sizeof(one), "...");
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", one);
	}
	if (t->varargs && n < size)
		snprintf(buf + n, size - n, "%s...", t->count ? ", " : "");
	else if (!t->count)
		snprintf(buf, size, "void");
}

// C writes a type inside out: `inner` is the declarator so far, and each level wraps it.
static void write_type(const struct dv_type *t, const char *inner, char *buf, size_t size, int depth)
{
	static const char *const tags[] = {
		[DV_TYPE_STRUCT] = "struct ", [DV_TYPE_UNION] = "union ", [DV_TYPE_ENUM] = "enum ",
		[DV_TYPE_FWD] = "struct "};
	char next[INNER_MAX], params[INNER_MAX / 2];
	const char *tag = "", *name;

	if (!t || depth > DEPTH_MAX) {
		snprintf(buf, size, "...%s", inner);
		return;
	}
	switch (t->kind) {
	case DV_TYPE_PTR:
		if (t->ref && (t->ref->kind == DV_TYPE_ARRAY || t->ref->kind == DV_TYPE_FUNC))
			snprintf(next, sizeof(next), "(*%s)", inner);
		else
			snprintf(next, sizeof(next), "*%s", inner);
		write_type(t->ref ? t->ref : dv_type_void(), next, buf, size, depth + 1);
		return;
	case DV_TYPE_ARRAY:
		if (t->count)
			snprintf(next, sizeof(next), "%s[%u]", inner, t->count);
		else
			snprintf(next, sizeof(next), "%s[]", inner);
		write_type(t->ref, next, buf, size, depth + 1);
		return;
	case DV_TYPE_FUNC:
		write_params(t, params, sizeof(params), depth);
		snprintf(next, sizeof(next), "%s(%s)", inner, params);
		write_type(t->ref ? t->ref : dv_type_void(), next, buf, size, depth + 1);
		return;
	case DV_TYPE_STRUCT:
	case DV_TYPE_UNION:
	case DV_TYPE_ENUM:
	case DV_TYPE_FWD:
		tag = tags[t->kind];
		break;
	default:
		break;
	}
	name = t->name && t->name[0] ? t->name : "<anonymous>";
	snprintf(buf, size, "%s%s%s%s", tag, name, inner[0] == '*' || inner[0] == '(' ? " " : "", inner);
}

const char *dv_type_name(const struct dv_type *t, char *buf, size_t size)
{
	if (size)
		write_type(t, "", buf, size, 0);
	return buf;
}
