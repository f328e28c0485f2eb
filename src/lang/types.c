/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Declarations and type names. All of D's are parsed; those that are not there yet are refused by name where they
 * stand, once they have been read to their end, so that what follows is still checked.
 */
#include "lang/impl.h"

#include <stdio.h>
#include <string.h>

#define DECL_DEPTH_MAX 32u

struct specs {
	enum dv_kw storage; // typedef, extern, static, inline ...
	bool scoped;        // self or this
	enum dv_var_scope scope;
	struct dv_decl *base;
};

static struct dv_decl *new_decl(struct dv_parser *p, int kind, struct dv_decl *ref, struct dv_loc loc)
{
	struct dv_decl *d = dv_arena_alloc(&p->script->arena, sizeof(*d));

	d->kind = kind;
	d->ref = ref;
	d->loc = loc;
	d->depth = ref ? ref->depth + 1 : 0;
	if (d->depth > DECL_DEPTH_MAX)
		dv_parse_error(p, loc, "D_SYNTAX", "type is nested too deeply (more than %u levels)", DECL_DEPTH_MAX);
	return d;
}

// Refused, but the parser goes on as if nothing had happened: it knows where it is.
static void refuse(struct dv_parser *p, struct dv_loc loc, const char *what)
{
	if (!p->failed)
		dv_diag_at(p->script, p->diag, loc, "D_NOT_YET", NULL, "%s not supported yet", what);
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

bool dv_parse_at_type(struct dv_parser *p)
{
	if (p->tok.kind == DV_T_KEYWORD)
		return is_type_kw(p->tok.kw);
	return p->tok.kind == DV_T_IDENT && dv_type_base_by_name(p->tok.str);
}

static struct dv_decl *parse_declarator(struct dv_parser *p, struct dv_decl *base, const char **name,
					struct dv_loc *loc);
static bool parse_specs(struct dv_parser *p, struct specs *s, bool storage);

static void parse_members(struct dv_parser *p)
{
	while (!p->failed && !dv_parse_at(p, '}')) {
		struct specs s = {0};

		if (!parse_specs(p, &s, false))
			return;
		while (!p->failed && !dv_parse_at(p, ';')) {
			const char *name = NULL;
			struct dv_loc loc;

			if (!dv_parse_at(p, ':'))
				parse_declarator(p, s.base, &name, &loc);
			if (!p->failed && dv_parse_accept(p, ':'))
				dv_parse_cond(p);
			if (!p->failed && !dv_parse_accept(p, ','))
				break;
		}
		dv_parse_expect(p, ';', "after a member");
	}
}

static void parse_enumerators(struct dv_parser *p)
{
	while (!p->failed && !dv_parse_at(p, '}')) {
		if (p->tok.kind != DV_T_IDENT) {
			dv_parse_unexpected(p, "an enumerator");
			return;
		}
		dv_parse_next(p);
		if (dv_parse_accept(p, '='))
			dv_parse_cond(p);
		if (!p->failed && !dv_parse_accept(p, ','))
			break;
	}
}

static struct dv_decl *parse_tagged(struct dv_parser *p)
{
	enum dv_kw kw = p->tok.kw;
	struct dv_decl *d = new_decl(p,
				     kw == DV_K_STRUCT	? DV_D_STRUCT
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
	if (dv_parse_accept(p, '{')) {
		d->body = true;
		if (kw == DV_K_ENUM)
			parse_enumerators(p);
		else
			parse_members(p);
		dv_parse_expect(p, '}', "at the end of the definition");
	} else if (!d->name) {
		dv_parse_unexpected(p,
				    kw == DV_K_ENUM ? "a tag or '{' after enum" : "a tag or '{' after struct or union");
	}
out:
	dv_parse_leave(p);
	return d;
}

// Storage classes, qualifiers and the type itself, in any order.
static bool parse_specs(struct dv_parser *p, struct specs *s, bool storage)
{
	struct dv_loc loc = p->tok.loc;
	char words[80] = "";

	while (!p->failed) {
		enum dv_kw kw = p->tok.kind == DV_T_KEYWORD ? p->tok.kw : DV_K_NONE;

		if (kw == DV_K_TYPEDEF || kw == DV_K_EXTERN || kw == DV_K_STATIC || kw == DV_K_REGISTER ||
		    kw == DV_K_AUTO || kw == DV_K_INLINE) {
			if (s->storage || !storage) {
				dv_parse_error(p, p->tok.loc, storage ? "D_DECL_CLASS" : "D_DECL_BADCLASS",
					       "storage class '%s' is not allowed here", p->tok.str);
				return false;
			}
			s->storage = kw;
			dv_parse_next(p);
		} else if ((kw == DV_K_SELF || kw == DV_K_THIS) && storage && !s->scoped) {
			s->scoped = true;
			s->scope = kw == DV_K_SELF ? DV_SCOPE_SELF : DV_SCOPE_THIS;
			dv_parse_next(p);
		} else if (kw == DV_K_CONST || kw == DV_K_VOLATILE || kw == DV_K_RESTRICT || kw == DV_K_USERLAND) {
			dv_parse_next(p);
		} else if (kw == DV_K_STRUCT || kw == DV_K_UNION || kw == DV_K_ENUM) {
			if (s->base || *words)
				goto combo;
			s->base = parse_tagged(p);
		} else if (is_type_kw(kw)) {
			if (s->base || strlen(words) + strlen(p->tok.str) + 2 > sizeof(words))
				goto combo;
			snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s", *words ? " " : "",
				 p->tok.str);
			dv_parse_next(p);
		} else if ((p->tok.kind == DV_T_IDENT || p->tok.kind == DV_T_SYM) && !s->base && !*words) {
			s->base = new_decl(p, DV_D_NAME, NULL, p->tok.loc);
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
		if (!dv_type_base_by_name(words))
			goto combo;
		s->base = new_decl(p, DV_D_NAME, NULL, loc);
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

static struct dv_decl *parse_type_list(struct dv_parser *p, struct dv_decl *d, uint32_t end)
{
	DV_VEC(struct dv_decl *) v = {0};

	while (!p->failed && !dv_parse_at(p, end)) {
		struct specs s = {0};
		const char *name = NULL;
		struct dv_loc loc;

		if (end == ')' && dv_parse_accept(p, DV_P3('.', '.', '.')))
			break;
		if (parse_specs(p, &s, false)) {
			struct dv_decl *t = parse_declarator(p, s.base, &name, &loc);

			if (!p->failed)
				*DV_PUSH(&v) = t;
		}
		if (v.count > 64)
			dv_parse_error(p, p->tok.loc, "D_SYNTAX", "more than 64 types in a list");
		if (p->failed || !dv_parse_accept(p, ','))
			break;
	}
	d->keys = dv_arena_alloc(&p->script->arena, (v.count + 1) * sizeof(*v.data));
	for (size_t i = 0; i < v.count; i++)
		d->keys[i] = v.data[i];
	d->key_count = (uint32_t)v.count;
	DV_VEC_FREE(&v);
	return dv_parse_expect(p, end, "after the types") ? d : NULL;
}

// Behind a `[`: key types, or a dimension?
static bool at_key_types(struct dv_parser *p)
{
	struct dv_lexer ahead = p->lex;
	struct dv_tok t;

	if (dv_parse_at_type(p))
		return true;
	if (p->tok.kind != DV_T_IDENT || dv_script_decl(p->script, DV_SCOPE_GLOBAL, p->tok.str))
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
		d = new_decl(p, DV_D_ARRAY, NULL, loc);
		if (at_key_types(p)) {
			d->kind = DV_D_ASSOC;
			parse_type_list(p, d, ']');
		} else {
			if (!dv_parse_at(p, ']'))
				d->dim = dv_parse_cond(p);
			if (!p->failed)
				dv_parse_expect(p, ']', "after the dimension");
		}
	} else if (dv_parse_accept(p, '(')) {
		d = new_decl(p, DV_D_FUNC, NULL, loc);
		parse_type_list(p, d, ')');
	} else {
		dv_parse_leave(p);
		return base;
	}
	d->ref = parse_suffix(p, base);
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
	       (t.kind == DV_T_IDENT && !dv_type_base_by_name(t.str));
}

static struct dv_decl *parse_declarator(struct dv_parser *p, struct dv_decl *base, const char **name,
					struct dv_loc *loc)
{
	struct dv_decl *hole, *inner;

	*loc = p->tok.loc;
	if (!dv_parse_enter(p))
		goto out;
	while (!p->failed && dv_parse_at(p, '*')) {
		base = new_decl(p, DV_D_PTR, base, p->tok.loc);
		dv_parse_next(p);
		while (dv_parse_at_kw(p, DV_K_CONST) || dv_parse_at_kw(p, DV_K_VOLATILE) ||
		       dv_parse_at_kw(p, DV_K_RESTRICT))
			dv_parse_next(p);
	}
	if (at_nested_declarator(p)) {
		// "(*f)(int)": what stands inside wraps what follows, so the inside is built around a hole.
		dv_parse_next(p);
		hole = new_decl(p, DV_D_NAME, NULL, p->tok.loc);
		inner = parse_declarator(p, hole, name, loc);
		if (p->failed || !dv_parse_expect(p, ')', "after the declarator"))
			goto out;
		base = parse_suffix(p, base);
		*hole = *base;
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

struct dv_decl *dv_parse_type_name(struct dv_parser *p)
{
	struct specs s = {0};
	const char *name = NULL;
	struct dv_loc loc;
	struct dv_decl *d;

	if (!parse_specs(p, &s, false))
		return NULL;
	d = parse_declarator(p, s.base, &name, &loc);
	if (!p->failed && name)
		dv_parse_error(p, loc, "D_SYNTAX", "syntax error: unexpected name '%s' in a type", name);
	if (!p->failed && s.base->body)
		refuse(p, s.base->loc, "structures, unions and enumerations of the script's own are");
	return p->failed ? NULL : d;
}

static bool same_decl(const struct dv_decl *a, const struct dv_decl *b)
{
	for (; a && b; a = a->ref, b = b->ref) {
		if (a->kind != b->kind || a->key_count != b->key_count || (a->name == NULL) != (b->name == NULL) ||
		    (a->name && strcmp(a->name, b->name)))
			return false;
		for (uint32_t i = 0; i < a->key_count; i++)
			if (!same_decl(a->keys[i], b->keys[i]))
				return false;
	}
	return a == b;
}

static void declare(struct dv_parser *p, const struct specs *s, const char *name, struct dv_decl *d,
		    struct dv_node *value, struct dv_loc loc)
{
	static const char *const reserved[] = {
	    "args",	"pid",	     "tid",	 "ppid",       "uid",	    "gid",	 "timestamp", "walltimestamp",
	    "execname", "probeprov", "probemod", "probefunc",  "probename", "curthread", "caller",    "epid",
	    "id",	"errno",     "cpu",	 "vtimestamp", "NULL",	    "uregs"};
	const struct dv_vdecl *old;
	struct dv_decl *bottom = d;

	for (size_t i = 0; s->scope == DV_SCOPE_GLOBAL && i < DV_COUNT(reserved); i++)
		if (!strcmp(name, reserved[i])) {
			dv_parse_error(p, loc, "D_DECL_IDRED", "identifier redeclared: '%s' is a built-in variable",
				       name);
			return;
		}
	old = dv_script_decl(p->script, s->scope, name);
	if (old && (value || old->value || !same_decl(old->decl, d))) {
		dv_parse_error(p, loc, "D_DECL_IDRED", "identifier redeclared: '%s', first on line %u", name,
			       old->loc.line);
		return;
	}
	while (bottom->kind == DV_D_ASSOC)
		bottom = bottom->ref;
	if (d->kind == DV_D_ASSOC && d->ref->kind == DV_D_ASSOC) {
		refuse(p, loc, "associative arrays of associative arrays are");
		return;
	}
	if (d->kind == DV_D_ASSOC && s->scope == DV_SCOPE_THIS) {
		dv_parse_error(p, loc, "D_DECL_LOCASSC", "associative array 'this->%s' may not be clause-local", name);
		return;
	}
	if (bottom->kind == DV_D_ARRAY || ((bottom->kind == DV_D_STRUCT || bottom->kind == DV_D_UNION) && !value)) {
		refuse(p, loc,
		       bottom->kind == DV_D_ARRAY ? "arrays as variables are"
						  : "structures and unions as variables are");
		return;
	}
	if (bottom->kind == DV_D_FUNC) {
		refuse(p, loc, value ? "inlines with arguments are" : "declarations of functions are");
		return;
	}
	if (bottom->kind == DV_D_NAME && !bottom->module) {
		const struct dv_type *t = dv_type_base_by_name(bottom->name);

		if (t && t->kind == DV_TYPE_VOID) {
			dv_parse_error(p, loc, "D_DECL_VOIDOBJ", "variable '%s' may not have type void", name);
			return;
		}
		if (t && t->kind == DV_TYPE_FLOAT) {
			refuse(p, loc, "floating-point variables are");
			return;
		}
	}
	*DV_PUSH(&p->script->decls) = (struct dv_vdecl){name, s->scope, d, value, loc};
}

// The token behind a declaration's `;` is not read: it may be the raw text of a probe description.
static bool at_end(struct dv_parser *p)
{
	if (dv_parse_at(p, ';'))
		return true;
	dv_parse_unexpected(p, "';' after the declaration");
	return false;
}

// translator Out < In *p > { member = expr; ... };
static void parse_translator(struct dv_parser *p)
{
	struct dv_loc loc = p->tok.loc;
	struct specs in = {0};
	const char *name = NULL;
	struct dv_loc at;

	dv_parse_next(p);
	if (!dv_parse_type_name(p) || !dv_parse_expect(p, '<', "after the translator's output type") ||
	    !parse_specs(p, &in, false))
		return;
	parse_declarator(p, in.base, &name, &at);
	if (p->failed || !dv_parse_expect(p, '>', "after the translator's input") ||
	    !dv_parse_expect(p, '{', "at the start of the translator"))
		return;
	while (!p->failed && p->tok.kind == DV_T_IDENT) {
		dv_parse_next(p);
		if (dv_parse_expect(p, '=', "after a member") && dv_parse_expr(p))
			dv_parse_expect(p, ';', "after the member's value");
	}
	if (!p->failed && dv_parse_expect(p, '}', "at the end of the translator") && at_end(p))
		refuse(p, loc, "translators are");
}

// provider NAME { probe n(args) : (args); ... };  What is in it matters to other tools.
static void parse_provider(struct dv_parser *p)
{
	struct dv_loc loc = p->tok.loc;
	unsigned braces = 0;

	dv_parse_next(p);
	if (p->tok.kind != DV_T_IDENT) {
		dv_parse_unexpected(p, "the provider's name");
		return;
	}
	dv_parse_next(p);
	if (!dv_parse_at(p, '{')) {
		dv_parse_unexpected(p, "'{' at the start of the provider");
		return;
	}
	do {
		braces += dv_parse_at(p, '{');
		braces -= dv_parse_at(p, '}');
		dv_parse_next(p);
	} while (!p->failed && braces && p->tok.kind != DV_T_EOF);
	if (!p->failed && !braces && at_end(p))
		refuse(p, loc, "provider declarations are");
}

void dv_parse_declaration(struct dv_parser *p)
{
	struct specs s = {0};

	if (dv_parse_at_kw(p, DV_K_TRANSLATOR) || dv_parse_at_kw(p, DV_K_PROVIDER)) {
		if (dv_parse_at_kw(p, DV_K_TRANSLATOR))
			parse_translator(p);
		else
			parse_provider(p);
		return;
	}
	if (!parse_specs(p, &s, true))
		return;
	if (s.base->body || s.storage == DV_K_TYPEDEF)
		refuse(p, s.base->loc, s.storage == DV_K_TYPEDEF ? "typedef is"
			: "structures, unions and enumerations of the script's own are");
	while (!p->failed && !dv_parse_at(p, ';')) {
		const char *name = NULL;
		struct dv_node *value = NULL;
		struct dv_loc loc;
		struct dv_decl *d = parse_declarator(p, s.base, &name, &loc);

		if (p->failed)
			return;
		if (!name) {
			dv_parse_unexpected(p, "a name to declare");
			return;
		}
		if (s.storage == DV_K_INLINE) {
			if (!dv_parse_expect(p, '=', "after the inline's name") || !(value = dv_parse_expr(p)))
				return;
		} else if (dv_parse_at(p, '=')) {
			dv_parse_error(
			    p, p->tok.loc, "D_SYNTAX",
			    "syntax error: a variable is not given a value where it is declared: assign it in BEGIN");
			return;
		}
		if (!s.base->body && s.storage != DV_K_TYPEDEF)
			declare(p, &s, name, d, value, loc);
		if (p->failed || dv_parse_at(p, ';'))
			break;
		if (!dv_parse_accept(p, ',')) {
			dv_parse_unexpected(p, "';' after the declaration");
			return;
		}
	}
}
