/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Declarations at the top level: variables, inlines, types, translators, providers. What they declare goes into the
 * script's tables. A name is declared once; but the script's own declarations come before a library's, whichever was
 * seen first, and an earlier library's before a later one's.
 */
#include "lang/impl.h"

#include <string.h>

// May the script's or the library's declaration be entered, given what is there already?
enum verdict { ENTER, LEAVE, CLASH };
static enum verdict judge(const struct dv_parser *p, bool exists, const struct dv_lib *old)
{
	if (!exists || (!p->lib && old))
		return ENTER;
	return p->lib ? LEAVE : CLASH;
}

static void redeclared(struct dv_parser *p, struct dv_loc loc, const char *tag, const char *what, const char *name,
		       struct dv_loc old)
{
	dv_parse_error(p, loc, tag, "%s redeclared: '%s', first on line %u", what, name, old.line);
}

void dv_declare_tag(struct dv_parser *p, struct dv_decl *d)
{
	static const enum dv_name_kind kinds[] = {[DV_D_STRUCT] = DV_NAME_STRUCT, [DV_D_UNION] = DV_NAME_UNION,
						  [DV_D_ENUM] = DV_NAME_ENUM};
	struct dv_script *s = p->script;
	const struct dv_decl *old = d->name ? dv_names_find(&s->names, kinds[d->kind], d->name) : NULL;

	d->lib = p->lib;
	if (d->name) {
		switch (judge(p, old != NULL, old ? old->lib : NULL)) {
		case CLASH:
			redeclared(p, d->loc, "D_DECL_TYPERED", "type", d->name, old->loc);
			return;
		case ENTER:
			dv_names_put(&s->names, kinds[d->kind], d->name, d);
			break;
		case LEAVE:
			break;
		}
	}
	for (uint32_t i = 0; d->kind == DV_D_ENUM && i < d->count; i++) {
		const struct dv_enumref *e = dv_names_find(&s->names, DV_NAME_ENUMERATOR, d->enums[i].name);
		struct dv_enumref *ref;

		switch (judge(p, e != NULL, e ? e->decl->lib : NULL)) {
		case CLASH:
			redeclared(p, d->enums[i].loc, "D_DECL_IDRED", "identifier", d->enums[i].name,
				   e->decl->enums[e->index].loc);
			return;
		case ENTER:
			ref = dv_arena_alloc(&s->arena, sizeof(*ref));
			*ref = (struct dv_enumref){d, i};
			dv_names_put(&s->names, DV_NAME_ENUMERATOR, d->enums[i].name, ref);
			break;
		case LEAVE:
			break;
		}
	}
	*DV_PUSH(&s->tags) = d;
}

static void declare_typedef(struct dv_parser *p, const char *name, struct dv_decl *d, struct dv_loc loc)
{
	struct dv_tdef *old = dv_names_find(&p->script->names, DV_NAME_TYPEDEF, name), *t;
	const struct dv_type *base = dv_type_base_by_name(name);

	if (d->kind == DV_D_ASSOC) {
		dv_parse_error(p, loc, "D_DECL_PROTO_TYPE", "an associative array is not a type: '%s'", name);
		return;
	}
	if (base && base->kind != DV_TYPE_TYPEDEF) {
		dv_parse_error(p, loc, "D_DECL_TYPERED", "type redeclared: '%s' is a type of D", name);
		return;
	}
	switch (judge(p, old != NULL, old ? old->lib : NULL)) {
	case CLASH:
		if (!dv_decl_same(old->decl, d))
			redeclared(p, loc, "D_DECL_TYPERED", "type", name, old->loc);
		return;
	case LEAVE:
		return;
	case ENTER:
		break;
	}
	t = dv_arena_alloc(&p->script->arena, sizeof(*t));
	*t = (struct dv_tdef){.name = name, .decl = d, .loc = loc, .lib = p->lib};
	dv_names_put(&p->script->names, DV_NAME_TYPEDEF, name, t);
	*DV_PUSH(&p->script->tdefs) = t;
}

// What a variable may not be, as far as its text says.
static bool good_object(struct dv_parser *p, const struct dv_specs *s, const char *name, const struct dv_decl *d,
			bool is_inline, struct dv_loc loc)
{
	const struct dv_decl *bottom = d;

	if (d->kind == DV_D_ASSOC && s->scope == DV_SCOPE_THIS) {
		dv_parse_error(p, loc, "D_DECL_LOCASSC", "associative array 'this->%s' may not be clause-local", name);
		return false;
	}
	for (uint32_t i = 0; d->kind == DV_D_ASSOC && i < d->key_count; i++) {
		if (!is_inline && d->key_names[i]) {
			dv_parse_error(p, d->keys[i]->loc, "D_DECL_PROTO_NAME", "keys of an array have no names: '%s'",
				       d->key_names[i]);
			return false;
		}
		if (is_inline && !d->key_names[i]) {
			dv_parse_error(p, d->keys[i]->loc, "D_DECL_PROTO_NAME", "parameter %u of inline '%s' has no name", i + 1,
				       name);
			return false;
		}
		if (d->keys[i]->kind == DV_D_ASSOC || d->keys[i]->kind == DV_D_FUNC) {
			dv_parse_error(p, d->keys[i]->loc, "D_DECL_PROTO_TYPE", "key %u of '%s' may not be of this type", i + 1,
				       name);
			return false;
		}
	}
	while (bottom->kind == DV_D_ASSOC || bottom->kind == DV_D_ARRAY) {
		if (bottom->ref->kind == DV_D_ASSOC) {
			dv_parse_error(p, loc, "D_DECL_ARRSUB", "an associative array may not be an element: write %s[a, b]", name);
			return false;
		}
		if (bottom->kind == DV_D_ARRAY && !bottom->dim) {
			dv_parse_error(p, bottom->loc, "D_DECL_ARRNULL", "array '%s' needs a dimension", name);
			return false;
		}
		bottom = bottom->ref;
	}
	if (bottom->kind == DV_D_FUNC && (d->kind != DV_D_FUNC || s->scoped || is_inline)) {
		dv_parse_error(p, loc, "D_DECL_DYNOBJ", "'%s' may not be a function: declare a pointer to one", name);
		return false;
	}
	if (bottom->kind == DV_D_NAME && !bottom->module) {
		const struct dv_type *t = dv_type_base_by_name(bottom->name);

		if (t && t->kind == DV_TYPE_VOID) {
			dv_parse_error(p, loc, "D_DECL_VOIDOBJ", "variable '%s' may not have type void", name);
			return false;
		}
	}
	return true;
}

static void declare_object(struct dv_parser *p, const struct dv_specs *s, const char *name, struct dv_decl *d,
			   struct dv_node *value, struct dv_loc loc)
{
	static const char *const reserved[] = {
	    "args",	"pid",	     "tid",	 "ppid",       "uid",	    "gid",	 "timestamp", "walltimestamp",
	    "execname", "probeprov", "probemod", "probefunc",  "probename", "curthread", "caller",    "epid",
	    "id",	"errno",     "cpu",	 "vtimestamp", "NULL",	    "uregs"};
	enum dv_name_kind kind = (enum dv_name_kind)s->scope;
	struct dv_vdecl *old, *v;

	for (size_t i = 0; s->scope == DV_SCOPE_GLOBAL && i < DV_COUNT(reserved); i++)
		if (!strcmp(name, reserved[i])) {
			dv_parse_error(p, loc, "D_DECL_IDRED", "identifier redeclared: '%s' is a built-in variable",
				       name);
			return;
		}
	if (!good_object(p, s, name, d, value != NULL, loc))
		return;
	old = dv_names_find(&p->script->names, kind, name);
	switch (judge(p, old != NULL, old ? old->lib : NULL)) {
	case CLASH:
		if (value || old->value || !dv_decl_same(old->decl, d))
			redeclared(p, loc, "D_DECL_IDRED", "identifier", name, old->loc);
		return;
	case LEAVE:
		return;
	case ENTER:
		break;
	}
	if (s->scope == DV_SCOPE_GLOBAL && !p->lib && dv_names_find(&p->script->names, DV_NAME_ENUMERATOR, name) &&
	    !((struct dv_enumref *)dv_names_find(&p->script->names, DV_NAME_ENUMERATOR, name))->decl->lib) {
		dv_parse_error(p, loc, "D_DECL_IDRED", "identifier redeclared: '%s' is an enumerator", name);
		return;
	}
	v = dv_arena_alloc(&p->script->arena, sizeof(*v));
	*v = (struct dv_vdecl){name, s->scope, d, value, loc, p->lib};
	dv_names_put(&p->script->names, kind, name, v);
	*DV_PUSH(&p->script->decls) = v;
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
	struct dv_xlator *x = dv_arena_alloc(&p->script->arena, sizeof(*x));
	DV_VEC(struct dv_edecl) v = {0};
	struct dv_specs in = {0};
	struct dv_loc at;

	x->loc = p->tok.loc;
	x->lib = p->lib;
	dv_parse_next(p);
	if (!(x->out = dv_parse_type_name(p)) || !dv_parse_expect(p, '<', "after the translator's output type") ||
	    !dv_parse_specs(p, &in, false))
		return;
	x->in = dv_parse_declarator(p, &in, &x->name, &at);
	if (p->failed)
		return;
	if (!x->name) {
		dv_parse_unexpected(p, "a name for the translator's input");
		return;
	}
	if (!dv_parse_expect(p, '>', "after the translator's input") ||
	    !dv_parse_expect(p, '{', "at the start of the translator"))
		return;
	while (!p->failed && (p->tok.kind == DV_T_IDENT || p->tok.kind == DV_T_KEYWORD)) {
		struct dv_edecl m = {.name = p->tok.str, .loc = p->tok.loc};

		dv_parse_next(p);
		if (!dv_parse_expect(p, '=', "after a member") || !(m.value = dv_parse_expr(p)) ||
		    !dv_parse_expect(p, ';', "after the member's value"))
			break;
		for (size_t i = 0; i < v.count; i++)
			if (!strcmp(v.data[i].name, m.name))
				redeclared(p, m.loc, "D_XLATE_REDECL", "translator member", m.name, v.data[i].loc);
		*DV_PUSH(&v) = m;
	}
	x->count = (uint32_t)v.count;
	x->members = dv_arena_alloc(&p->script->arena, (v.count + 1) * sizeof(*v.data));
	for (size_t i = 0; i < v.count; i++)
		x->members[i] = v.data[i];
	DV_VEC_FREE(&v);
	if (p->failed || !dv_parse_expect(p, '}', "at the end of the translator") || !at_end(p))
		return;
	for (size_t i = 0; i < p->script->xlators.count; i++) {
		const struct dv_xlator *o = p->script->xlators.data[i];

		if (!dv_decl_same(o->out, x->out) || !dv_decl_same(o->in, x->in))
			continue;
		if (judge(p, true, o->lib) == CLASH)
			redeclared(p, x->loc, "D_XLATE_REDECL", "translator", x->out->name ? x->out->name : "", o->loc);
		else if (judge(p, true, o->lib) == ENTER)
			p->script->xlators.data[i] = x;
		return;
	}
	*DV_PUSH(&p->script->xlators) = x;
}

// probe name(args) : (args);  In a name "__" stands for "-".
static bool parse_probe(struct dv_parser *p, struct dv_pprobe *ret)
{
	char *name, *to;

	if (p->tok.kind != DV_T_IDENT || strcmp(p->tok.str, "probe")) {
		dv_parse_unexpected(p, "'probe' or '}' in the provider");
		return false;
	}
	dv_parse_next(p);
	if (p->tok.kind != DV_T_IDENT && p->tok.kind != DV_T_KEYWORD) {
		dv_parse_unexpected(p, "the probe's name");
		return false;
	}
	ret->name = name = to = dv_arena_strdup(&p->script->arena, p->tok.str);
	for (const char *from = name; *from; from++) {
		bool dash = from[0] == '_' && from[1] == '_';

		*to++ = dash ? '-' : *from;
		from += dash;
	}
	*to = '\0';
	ret->args = dv_parse_new_decl(p, DV_D_FUNC, NULL, p->tok.loc);
	dv_parse_next(p);
	if (dv_parse_accept(p, '(') && !dv_parse_params(p, ret->args, ')'))
		return false;
	if (dv_parse_accept(p, ':')) {
		ret->xargs = dv_parse_new_decl(p, DV_D_FUNC, NULL, p->tok.loc);
		if (!dv_parse_expect(p, '(', "after ':'") || !dv_parse_params(p, ret->xargs, ')'))
			return false;
	}
	return dv_parse_expect(p, ';', "after the probe");
}

// provider NAME { probe n(args) : (args); ... };
static void parse_provider(struct dv_parser *p)
{
	struct dv_pdecl *d = dv_arena_alloc(&p->script->arena, sizeof(*d)), *old;
	DV_VEC(struct dv_pprobe) v = {0};

	d->loc = p->tok.loc;
	d->lib = p->lib;
	dv_parse_next(p);
	if (p->tok.kind != DV_T_IDENT) {
		dv_parse_unexpected(p, "the provider's name");
		return;
	}
	d->name = p->tok.str;
	dv_parse_next(p);
	if (!dv_parse_expect(p, '{', "at the start of the provider"))
		return;
	while (!p->failed && !dv_parse_at(p, '}') && p->tok.kind != DV_T_EOF)
		if (!parse_probe(p, DV_PUSH(&v)))
			break;
	d->count = (uint32_t)v.count;
	d->probes = dv_arena_alloc(&p->script->arena, (v.count + 1) * sizeof(*v.data));
	for (size_t i = 0; i < v.count; i++)
		d->probes[i] = v.data[i];
	DV_VEC_FREE(&v);
	if (p->failed || !dv_parse_expect(p, '}', "at the end of the provider") || !at_end(p))
		return;
	old = dv_names_find(&p->script->names, DV_NAME_PROVIDER, d->name);
	switch (judge(p, old != NULL, old ? old->lib : NULL)) {
	case CLASH:
		redeclared(p, d->loc, "D_DECL_IDRED", "provider", d->name, old->loc);
		return;
	case LEAVE:
		return;
	case ENTER:
		break;
	}
	dv_names_put(&p->script->names, DV_NAME_PROVIDER, d->name, d);
	*DV_PUSH(&p->script->providers) = d;
}

static bool parse_declarators(struct dv_parser *p, struct dv_specs *s)
{
	const char *name = NULL;
	struct dv_node *value = NULL;
	struct dv_loc loc;
	struct dv_decl *d = dv_parse_declarator(p, s, &name, &loc);

	if (p->failed)
		return false;
	if (!name) {
		dv_parse_unexpected(p, "a name to declare");
		return false;
	}
	if (s->storage == DV_K_INLINE) {
		if (!dv_parse_expect(p, '=', "after the inline's name") || !(value = dv_parse_expr(p)))
			return false;
	} else if (dv_parse_at(p, '=')) {
		dv_parse_error(p, p->tok.loc, "D_SYNTAX",
			       "syntax error: a variable is not given a value where it is declared: assign it in BEGIN");
		return false;
	}
	if (s->storage == DV_K_TYPEDEF)
		declare_typedef(p, name, d, loc);
	else
		declare_object(p, s, name, d, value, loc);
	return !p->failed;
}

void dv_parse_declaration(struct dv_parser *p)
{
	struct dv_specs s = {0};

	if (dv_parse_at_kw(p, DV_K_TRANSLATOR)) {
		parse_translator(p);
		return;
	}
	if (dv_parse_at_kw(p, DV_K_PROVIDER)) {
		parse_provider(p);
		return;
	}
	if (!dv_parse_specs(p, &s, true))
		return;
	if (dv_parse_at(p, ';')) {
		bool tag = s.base->kind == DV_D_STRUCT || s.base->kind == DV_D_UNION || s.base->kind == DV_D_ENUM;

		if (!tag || (s.base->body && !s.base->name && s.base->kind != DV_D_ENUM) || s.storage || s.scoped)
			dv_parse_error(p, s.base->loc, "D_DECL_USELESS", "declaration declares nothing: it has no name");
		return;
	}
	while (!p->failed && !dv_parse_at(p, ';')) {
		if (!parse_declarators(p, &s) || dv_parse_at(p, ';'))
			return;
		if (!dv_parse_accept(p, ',')) {
			dv_parse_unexpected(p, "';' after the declaration");
			return;
		}
	}
}
