/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types as written: specifiers, declarators, and the bodies of structures, unions and enumerations. What they are is
 * found out when they are used, and for each kernel anew (decl.c, layout.c): here nothing is known of a kernel.
 */
#include "lang/impl.h"

#include <stdio.h>
#include <string.h>

#define DECL_DEPTH_MAX 32u
#define MEMBERS_MAX    4096u

struct dv_decl *dv_parse_new_decl(struct dv_parser *p, int kind, struct dv_decl *ref, struct dv_loc loc)
{
	struct dv_decl *d = dv_arena_alloc(&p->script->arena, sizeof(*d));

	d->kind = kind;
	d->ref = ref;
	d->loc = loc;
	d->lib = p->lib;
	d->depth = ref ? ref->depth + 1 : 0;
	if (d->depth > DECL_DEPTH_MAX)
		dv_parse_error(p, loc, "D_SYNTAX", "type is nested too deeply (more than %u levels)", DECL_DEPTH_MAX);
	return d;
}

static bool is_type_kw(enum dv_kw kw)
{
	switch (kw) {
	case DV_K_CHAR:
	case DV_K_CONST:
	case DV_K_DOUBLE:
	case DV_K_ENUM:
	case DV_K_FLOAT:
	case DV_K_INT:
	case DV_K_LONG:
	case DV_K_RESTRICT:
	case DV_K_SHORT:
	case DV_K_SIGNED:
	case DV_K_STRING:
	case DV_K_STRUCT:
	case DV_K_UNION:
	case DV_K_UNSIGNED:
	case DV_K_USERLAND:
	case DV_K_VOID:
	case DV_K_VOLATILE:
		return true;
	default:
		return false;
	}
}

bool dv_parse_is_type(struct dv_parser *p, const char *name)
{
	return dv_type_base_by_name(name) || dv_script_typedef(p->script, name);
}

bool dv_parse_at_type(struct dv_parser *p)
{
	if (p->tok.kind == DV_T_KEYWORD)
		return is_type_kw(p->tok.kw);
	return p->tok.kind == DV_T_IDENT && dv_parse_is_type(p, p->tok.str);
}

static void parse_members(struct dv_parser *p, struct dv_decl *d)
{
	DV_VEC(struct dv_mdecl) v = {0};

	while (!p->failed && !dv_parse_at(p, '}')) {
		struct dv_specs s = {0};

		if (!dv_parse_specs(p, &s, false))
			break;
		if (dv_parse_at(p, ';')) {
			if (s.base->body && !s.base->name && s.base->kind != DV_D_ENUM)
				*DV_PUSH(&v) = (struct dv_mdecl){.decl = s.base, .loc = s.base->loc};
			else if (!s.base->body)
				dv_parse_error(p, s.base->loc, "D_DECL_USELESS", "declaration of a member without a name");
		}
		while (!p->failed && !dv_parse_at(p, ';')) {
			struct dv_mdecl m = {.decl = s.base, .loc = p->tok.loc};

			if (!dv_parse_at(p, ':'))
				m.decl = dv_parse_declarator(p, &s, &m.name, &m.loc);
			if (!p->failed && !m.name && !dv_parse_at(p, ':'))
				dv_parse_unexpected(p, "a member's name");
			if (!p->failed && dv_parse_accept(p, ':'))
				m.bits = dv_parse_cond(p);
			if (p->failed)
				break;
			*DV_PUSH(&v) = m;
			if (v.count > MEMBERS_MAX)
				dv_parse_error(p, m.loc, "D_SYNTAX", "more than %u members", MEMBERS_MAX);
			if (!dv_parse_accept(p, ','))
				break;
		}
		dv_parse_expect(p, ';', "after a member");
	}
	d->count = (uint32_t)v.count;
	d->members = dv_arena_alloc(&p->script->arena, (v.count + 1) * sizeof(*v.data));
	for (size_t i = 0; i < v.count; i++)
		d->members[i] = v.data[i];
	DV_VEC_FREE(&v);
}

static void parse_enumerators(struct dv_parser *p, struct dv_decl *d)
{
	DV_VEC(struct dv_edecl) v = {0};

	while (!p->failed && !dv_parse_at(p, '}')) {
		struct dv_edecl e = {.name = p->tok.str, .loc = p->tok.loc};

		if (p->tok.kind != DV_T_IDENT) {
			dv_parse_unexpected(p, "an enumerator");
			break;
		}
		dv_parse_next(p);
		if (dv_parse_accept(p, '='))
			e.value = dv_parse_cond(p);
		*DV_PUSH(&v) = e;
		if (v.count > MEMBERS_MAX)
			dv_parse_error(p, e.loc, "D_SYNTAX", "more than %u enumerators", MEMBERS_MAX);
		if (!p->failed && !dv_parse_accept(p, ','))
			break;
	}
	d->count = (uint32_t)v.count;
	d->enums = dv_arena_alloc(&p->script->arena, (v.count + 1) * sizeof(*v.data));
	for (size_t i = 0; i < v.count; i++)
		d->enums[i] = v.data[i];
	DV_VEC_FREE(&v);
}

static struct dv_decl *parse_tagged(struct dv_parser *p)
{
	enum dv_kw kw = p->tok.kw;
	struct dv_decl *d = dv_parse_new_decl(p,
					      kw == DV_K_STRUCT	 ? DV_D_STRUCT
					      : kw == DV_K_UNION ? DV_D_UNION
								 : DV_D_ENUM,
					      NULL, p->tok.loc);

	if (!dv_parse_enter(p))
		goto out;
	dv_parse_next(p);
	if (p->tok.kind == DV_T_IDENT || p->tok.kind == DV_T_SYM) {
		d->name = p->tok.str;
		d->module = p->tok.module;
		dv_parse_next(p);
	}
	if (dv_parse_at(p, '{')) {
		if (d->module) {
			dv_parse_error(p, d->loc, "D_DECL_SCOPE", "a definition may not name a module: %s`%s", d->module,
				       d->name);
			goto out;
		}
		dv_parse_next(p);
		d->body = true;
		if (kw == DV_K_ENUM)
			parse_enumerators(p, d);
		else
			parse_members(p, d);
		if (dv_parse_expect(p, '}', "at the end of the definition"))
			dv_declare_tag(p, d);
	} else if (!d->name) {
		dv_parse_unexpected(p,
				    kw == DV_K_ENUM ? "a tag or '{' after enum" : "a tag or '{' after struct or union");
	}
out:
	dv_parse_leave(p);
	return d;
}

// Words that make no type together: which of them is to blame?
static void bad_words(struct dv_parser *p, struct dv_loc loc, const char *words)
{
	bool sign = strstr(words, "signed") != NULL, size = strstr(words, "long") || strstr(words, "short");

	if (strstr(words, "void") || strstr(words, "string"))
		dv_parse_error(p, loc, strstr(words, "void") ? "D_DECL_VOIDATTR" : "D_DECL_COMBO",
			       "'%s' is no type: %s takes no other words", words,
			       strstr(words, "void") ? "void" : "string");
	else if (strstr(words, "char") && size && !strstr(words, "int") && !strstr(words, "double"))
		dv_parse_error(p, loc, "D_DECL_CHARATTR", "'%s' is no type: a char is neither short nor long", words);
	else if (sign && (strstr(words, "float") || strstr(words, "double")))
		dv_parse_error(p, loc, "D_DECL_SIGNINT", "'%s' is no type: only integers are signed or unsigned", words);
	else if (size && !strstr(words, "char") && !strstr(words, "double") && !sign)
		dv_parse_error(p, loc, "D_DECL_LONGINT", "'%s' is no type: short and long may only be applied to an int",
			       words);
	else
		dv_parse_error(p, loc, "D_DECL_COMBO", "invalid combination of types: '%s'", words);
}

// Storage classes, qualifiers and the type itself, in any order.
bool dv_parse_specs(struct dv_parser *p, struct dv_specs *s, bool storage)
{
	struct dv_loc loc = p->tok.loc;
	char words[80] = "";

	while (!p->failed) {
		enum dv_kw kw = p->tok.kind == DV_T_KEYWORD ? p->tok.kw : DV_K_NONE;

		if (kw == DV_K_TYPEDEF || kw == DV_K_EXTERN || kw == DV_K_STATIC || kw == DV_K_REGISTER ||
		    kw == DV_K_AUTO || kw == DV_K_INLINE) {
			if (!storage) {
				dv_parse_error(p, p->tok.loc, "D_DECL_PARMCLASS",
					       "storage class '%s' may not be used in a parameter, member or type name",
					       p->tok.str);
				return false;
			}
			if (s->storage || s->scoped) {
				dv_parse_error(p, p->tok.loc, "D_DECL_CLASS", "only one storage class may stand here, not also '%s'",
					       p->tok.str);
				return false;
			}
			if (kw == DV_K_REGISTER || kw == DV_K_AUTO) {
				dv_parse_error(p, p->tok.loc, "D_DECL_BADCLASS", "storage class '%s' is not allowed here",
					       p->tok.str);
				return false;
			}
			s->storage = kw;
			dv_parse_next(p);
		} else if ((kw == DV_K_SELF || kw == DV_K_THIS) && storage) {
			if (s->scoped || s->storage) {
				dv_parse_error(p, p->tok.loc, "D_DECL_CLASS", "only one storage class may stand here, not also '%s'",
					       p->tok.str);
				return false;
			}
			s->scoped = true;
			s->scope = kw == DV_K_SELF ? DV_SCOPE_SELF : DV_SCOPE_THIS;
			dv_parse_next(p);
		} else if (kw == DV_K_CONST || kw == DV_K_VOLATILE || kw == DV_K_RESTRICT || kw == DV_K_USERLAND) {
			s->user |= kw == DV_K_USERLAND;
			dv_parse_next(p);
		} else if (kw == DV_K_STRUCT || kw == DV_K_UNION || kw == DV_K_ENUM) {
			if (s->base || *words)
				goto combo;
			s->base = parse_tagged(p);
		} else if (is_type_kw(kw)) {
			if (s->base && (kw == DV_K_SIGNED || kw == DV_K_UNSIGNED)) {
				dv_parse_error(p, p->tok.loc, "D_DECL_SIGNINT", "only integers are signed or unsigned");
				return false;
			}
			if (s->base || strlen(words) + strlen(p->tok.str) + 2 > sizeof(words))
				goto combo;
			snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s", *words ? " " : "",
				 p->tok.str);
			dv_parse_next(p);
		} else if ((p->tok.kind == DV_T_IDENT || p->tok.kind == DV_T_SYM) && !s->base && !*words) {
			s->base = dv_parse_new_decl(p, DV_D_NAME, NULL, p->tok.loc);
			s->base->name = p->tok.str;
			s->base->module = p->tok.module;
			dv_parse_next(p);
		} else {
			break;
		}
	}
	if (p->failed)
		return false;
	if (*words) {
		if (!dv_type_base_by_name(words)) {
			bad_words(p, loc, words);
			return false;
		}
		s->base = dv_parse_new_decl(p, DV_D_NAME, NULL, loc);
		s->base->name = dv_arena_strdup(&p->script->arena, words);
	}
	if (!s->base) {
		dv_parse_unexpected(p, "a type");
		return false;
	}
	return true;
combo:
	dv_parse_error(p, p->tok.loc, "D_DECL_COMBO", "invalid combination of types");
	return false;
}

static bool is_void(const struct dv_decl *d)
{
	return d->kind == DV_D_NAME && !d->module && !strcmp(d->name, "void");
}

bool dv_parse_params(struct dv_parser *p, struct dv_decl *d, uint32_t end)
{
	DV_VEC(struct dv_decl *) v = {0};
	DV_VEC(const char *) names = {0};

	while (!p->failed && !dv_parse_at(p, end)) {
		struct dv_specs s = {0};
		const char *name = NULL;
		struct dv_loc loc;

		if (dv_parse_at(p, DV_P3('.', '.', '.'))) {
			if (end != ')')
				dv_parse_error(p, p->tok.loc, "D_DECL_PROTO_VARARGS", "keys may not end in '...'");
			dv_parse_next(p);
			d->varargs = true;
			break;
		}
		if (dv_parse_specs(p, &s, false)) {
			struct dv_decl *t = dv_parse_declarator(p, &s, &name, &loc);

			if (!p->failed && is_void(t) && (v.count || name || !dv_parse_at(p, ')')))
				dv_parse_error(p, t->loc, "D_DECL_PROTO_VOID", "void must stand alone: it says that there are none");
			if (!p->failed && is_void(t))
				break;
			if (!p->failed) {
				*DV_PUSH(&v) = t;
				*DV_PUSH(&names) = name;
			}
		}
		if (v.count > 64)
			dv_parse_error(p, p->tok.loc, "D_SYNTAX", "more than 64 types in a list");
		if (p->failed || !dv_parse_accept(p, ','))
			break;
	}
	d->keys = dv_arena_alloc(&p->script->arena, (v.count + 1) * sizeof(*v.data));
	d->key_names = dv_arena_alloc(&p->script->arena, (v.count + 1) * sizeof(*names.data));
	for (size_t i = 0; i < v.count; i++) {
		d->keys[i] = v.data[i];
		d->key_names[i] = names.data[i];
		if (v.data[i]->depth + 1 > d->depth)
			d->depth = v.data[i]->depth + 1;
	}
	d->key_count = (uint32_t)v.count;
	DV_VEC_FREE(&v);
	DV_VEC_FREE(&names);
	return dv_parse_expect(p, end, "after the types");
}

// Behind a `[`: key types, or a dimension?
static bool at_key_types(struct dv_parser *p)
{
	struct dv_lexer ahead = p->lex;
	struct dv_tok t;

	if (dv_parse_at_type(p) || dv_parse_at(p, DV_P3('.', '.', '.')))
		return true;
	if (p->tok.kind != DV_T_IDENT || dv_script_decl(p->script, DV_SCOPE_GLOBAL, p->tok.str) ||
	    dv_script_enumerator(p->script, p->tok.str))
		return false;
	ahead.ahead = true;
	dv_lex(&ahead, &t);
	return t.kind == DV_T_IDENT || (t.kind == DV_T_PUNCT && (t.punct == ',' || t.punct == ']' || t.punct == '*'));
}

static struct dv_decl *parse_suffix(struct dv_parser *p, struct dv_decl *base)
{
	struct dv_loc loc = p->tok.loc;
	struct dv_decl *d;

	if (p->failed || !dv_parse_enter(p)) {
		dv_parse_leave(p);
		return base;
	}
	if (dv_parse_accept(p, '[')) {
		d = dv_parse_new_decl(p, DV_D_ARRAY, NULL, loc);
		if (at_key_types(p)) {
			d->kind = DV_D_ASSOC;
			dv_parse_params(p, d, ']');
		} else {
			if (!dv_parse_at(p, ']'))
				d->dim = dv_parse_cond(p);
			if (!p->failed)
				dv_parse_expect(p, ']', "after the dimension");
		}
	} else if (dv_parse_accept(p, '(')) {
		d = dv_parse_new_decl(p, DV_D_FUNC, NULL, loc);
		dv_parse_params(p, d, ')');
	} else {
		dv_parse_leave(p);
		return base;
	}
	d->ref = parse_suffix(p, base);
	if (d->ref->depth + 1 > d->depth)
		d->depth = d->ref->depth + 1;
	if (d->depth > DECL_DEPTH_MAX)
		dv_parse_error(p, loc, "D_SYNTAX", "type is nested too deeply (more than %u levels)", DECL_DEPTH_MAX);
	dv_parse_leave(p);
	return d;
}

static bool at_nested_declarator(struct dv_parser *p)
{
	struct dv_lexer ahead = p->lex;
	struct dv_tok t;

	if (!dv_parse_at(p, '('))
		return false;
	ahead.ahead = true;
	dv_lex(&ahead, &t);
	return (t.kind == DV_T_PUNCT && (t.punct == '*' || t.punct == '(' || t.punct == '[')) ||
	       (t.kind == DV_T_IDENT && !dv_parse_is_type(p, t.str));
}

static struct dv_decl *parse_declarator(struct dv_parser *p, struct dv_decl *base, bool user, const char **name,
					struct dv_loc *loc)
{
	struct dv_decl *hole, *inner;

	*loc = p->tok.loc;
	if (!dv_parse_enter(p))
		goto out;
	while (!p->failed && dv_parse_at(p, '*')) {
		base = dv_parse_new_decl(p, DV_D_PTR, base, p->tok.loc);
		base->user = user;
		dv_parse_next(p);
		while (dv_parse_at_kw(p, DV_K_CONST) || dv_parse_at_kw(p, DV_K_VOLATILE) ||
		       dv_parse_at_kw(p, DV_K_RESTRICT))
			dv_parse_next(p);
	}
	if (at_nested_declarator(p)) {
		// "(*f)(int)": what stands inside wraps what follows, so the inside is built around a hole.
		dv_parse_next(p);
		hole = dv_parse_new_decl(p, DV_D_NAME, NULL, p->tok.loc);
		inner = parse_declarator(p, hole, user, name, loc);
		if (p->failed || !dv_parse_expect(p, ')', "after the declarator"))
			goto out;
		base = parse_suffix(p, base);
		*hole = *base;
		if (hole->name)
			hole->body = false; // the definition stays one: it is found by its tag
		base = inner;
		goto out;
	}
	if (p->tok.kind == DV_T_IDENT) {
		*name = p->tok.str;
		*loc = p->tok.loc;
		dv_parse_next(p);
	}
	base = parse_suffix(p, base);
out:
	dv_parse_leave(p);
	return base;
}

struct dv_decl *dv_parse_declarator(struct dv_parser *p, const struct dv_specs *s, const char **name,
				    struct dv_loc *loc)
{
	return parse_declarator(p, s->base, s->user, name, loc);
}

struct dv_decl *dv_parse_type_name(struct dv_parser *p)
{
	struct dv_specs s = {0};
	const char *name = NULL;
	struct dv_loc loc;
	struct dv_decl *d;

	if (!dv_parse_specs(p, &s, false))
		return NULL;
	d = dv_parse_declarator(p, &s, &name, &loc);
	if (!p->failed && name)
		dv_parse_error(p, loc, "D_SYNTAX", "syntax error: unexpected name '%s' in a type", name);
	return p->failed ? NULL : d;
}

bool dv_decl_same(const struct dv_decl *a, const struct dv_decl *b)
{
	for (; a && b; a = a->ref, b = b->ref) {
		if (a == b)
			return true;
		if (a->kind != b->kind || a->key_count != b->key_count || (a->name == NULL) != (b->name == NULL) ||
		    (a->name && strcmp(a->name, b->name)) || a->body != b->body || a->body || a->user != b->user ||
		    (a->dim == NULL) != (b->dim == NULL) ||
		    (a->dim && (a->dim->kind != DV_NODE_INT || b->dim->kind != DV_NODE_INT || a->dim->ival != b->dim->ival)))
			return false;
		for (uint32_t i = 0; i < a->key_count; i++)
			if (!dv_decl_same(a->keys[i], b->keys[i]))
				return false;
	}
	return a == b;
}
