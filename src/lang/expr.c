/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions: C's grammar and precedence, D's `^^`, self-> and this->, aggregations, stringof and xlate.
 *
 * Two things need a look ahead. A `(` may begin a cast: it does when a type's keyword follows, a known type's name, or
 * a name that only a type can be ("(foo_t *)"). And a `/` at the top level of a predicate ends it when the clause's
 * body follows.
 */
#include "lang/impl.h"

#include <string.h>

struct dv_node *dv_node_new(struct dv_script *s, enum dv_node_kind kind, struct dv_loc loc)
{
	struct dv_node *n = dv_arena_alloc(&s->arena, sizeof(*n));

	n->kind = kind;
	n->loc = n->op_loc = loc;
	return n;
}

void dv_node_kids(struct dv_script *s, struct dv_node *n, struct dv_node *const *kids, uint32_t count)
{
	n->kids = dv_arena_alloc(&s->arena, count * sizeof(*kids));
	n->kid_count = count;
	for (uint32_t i = 0; i < count; i++) {
		n->kids[i] = kids[i];
		if (kids[i]->depth + 1 > n->depth)
			n->depth = kids[i]->depth + 1;
	}
}

static struct dv_node *make(struct dv_parser *p, enum dv_node_kind kind, enum dv_op op, struct dv_loc loc,
			    struct dv_loc op_loc, struct dv_node *a, struct dv_node *b, struct dv_node *c)
{
	struct dv_node *kids[3] = {a, b, c}, *n;

	if (!a || p->failed)
		return NULL;
	n = dv_node_new(p->script, kind, loc);
	n->op = op;
	n->op_loc = op_loc;
	dv_node_kids(p->script, n, kids, c ? 3 : b ? 2 : 1);
	if (n->depth > DV_TREE_MAX) {
		dv_parse_error(p, op_loc, "D_SYNTAX", "expression is nested too deeply (more than %u levels)",
			       DV_TREE_MAX);
		return NULL;
	}
	return n;
}

// Expressions separated by commas, up to `end`. Appended to kids[0..*count].
static struct dv_node *parse_list(struct dv_parser *p, struct dv_node *n, struct dv_node *first, uint32_t end,
				  const char *after)
{
	DV_VEC(struct dv_node *) v = {0};
	bool ok = true;

	if (first)
		*DV_PUSH(&v) = first;
	p->parens++;
	if (!dv_parse_at(p, end)) {
		do {
			struct dv_node *e = dv_parse_expr(p);

			if (p->failed || !e)
				ok = false;
			else
				*DV_PUSH(&v) = e;
			if (v.count > 256) {
				dv_parse_error(p, p->tok.loc, "D_SYNTAX", "more than 256 arguments");
				ok = false;
			}
		} while (ok && dv_parse_accept(p, ','));
	}
	p->parens--;
	ok = ok && dv_parse_expect(p, end, after);
	if (ok) {
		dv_node_kids(p->script, n, v.data, (uint32_t)v.count);
		if (n->depth > DV_TREE_MAX) {
			dv_parse_error(p, n->loc, "D_SYNTAX", "expression is nested too deeply (more than %u levels)",
				       DV_TREE_MAX);
			ok = false;
		}
	}
	DV_VEC_FREE(&v);
	return ok ? n : NULL;
}

struct dv_node *dv_parse_agg(struct dv_parser *p)
{
	struct dv_node *n = dv_node_new(p->script, DV_NODE_AGG, p->tok.loc);

	n->str = p->tok.str;
	dv_parse_next(p);
	if (dv_parse_accept(p, '[')) {
		if (dv_parse_at(p, ']')) {
			dv_parse_unexpected(p, "a key");
			return NULL;
		}
		if (!parse_list(p, n, NULL, ']', "after the keys"))
			return NULL;
		if (dv_parse_at(p, '[')) {
			dv_parse_error(p, p->tok.loc, "D_AGG_MDIM",
				       "improper use of multiple dimensions: write @%s[a, b]", n->str);
			return NULL;
		}
	}
	return n;
}

static bool type_follows_paren(struct dv_parser *p)
{
	struct dv_lexer ahead = p->lex;
	struct dv_tok t, u;
	bool base;

	ahead.ahead = true;
	dv_lex(&ahead, &t);
	if (t.kind == DV_T_KEYWORD)
		return t.kw != DV_K_RETURN && t.kw != DV_K_SIZEOF && t.kw != DV_K_STRINGOF && t.kw != DV_K_OFFSETOF && t.kw != DV_K_XLATE &&
		       t.kw != DV_K_SELF && t.kw != DV_K_THIS;
	if (t.kind != DV_T_IDENT && t.kind != DV_T_SYM)
		return false;
	base = t.kind == DV_T_IDENT && dv_parse_is_type(p, t.str);
	dv_lex(&ahead, &u);
	if (u.kind == DV_T_PUNCT && u.punct == '*') {
		// "(name *)" or "(name **)": no expression ends in a star.
		while (u.kind == DV_T_PUNCT && u.punct == '*')
			dv_lex(&ahead, &u);
		return u.kind == DV_T_PUNCT && u.punct == ')';
	}
	if (u.kind != DV_T_PUNCT || u.punct != ')')
		return base && u.kind != DV_T_PUNCT; // "(uint32_t const)"
	if (base)
		return true;
	// "(name)": a cast when a value follows that could not go on an expression.
	dv_lex(&ahead, &u);
	switch (u.kind) {
	case DV_T_INT:
	case DV_T_STR:
	case DV_T_IDENT:
	case DV_T_SYM:
	case DV_T_AGG:
		return true;
	case DV_T_KEYWORD:
		return u.kw == DV_K_SELF || u.kw == DV_K_THIS || u.kw == DV_K_SIZEOF || u.kw == DV_K_STRINGOF;
	case DV_T_PUNCT:
		return u.punct == '(' || u.punct == '~' || u.punct == '!';
	default:
		return false;
	}
}

static struct dv_node *parse_unary(struct dv_parser *p);

static struct dv_node *parse_sizeof(struct dv_parser *p)
{
	struct dv_node *n = dv_node_new(p->script, DV_NODE_SIZEOF, p->tok.loc), *e;

	dv_parse_next(p);
	if (dv_parse_at(p, '(') && type_follows_paren(p)) {
		dv_parse_next(p);
		n->decl = dv_parse_type_name(p);
		return n->decl && dv_parse_expect(p, ')', "after the type") ? n : NULL;
	}
	e = parse_unary(p);
	if (!e || p->failed)
		return NULL;
	dv_node_kids(p->script, n, &e, 1);
	return n;
}

static struct dv_node *parse_offsetof(struct dv_parser *p)
{
	struct dv_node *n = dv_node_new(p->script, DV_NODE_OFFSETOF, p->tok.loc);

	dv_parse_next(p);
	if (!dv_parse_expect(p, '(', "after offsetof") || !(n->decl = dv_parse_type_name(p)) ||
	    !dv_parse_expect(p, ',', "after the type"))
		return NULL;
	if (p->tok.kind != DV_T_IDENT && p->tok.kind != DV_T_KEYWORD) {
		dv_parse_unexpected(p, "a member's name");
		return NULL;
	}
	n->str = p->tok.str;
	n->op_loc = p->tok.loc;
	dv_parse_next(p);
	return dv_parse_expect(p, ')', "after the member") ? n : NULL;
}

// defined(e), defined(type): 1 where it makes sense on the machine's kernel, else 0.
static struct dv_node *parse_defined(struct dv_parser *p, struct dv_loc loc)
{
	struct dv_node *n = dv_node_new(p->script, DV_NODE_DEFINED, loc), *e;

	if (type_follows_paren(p)) {
		dv_parse_next(p);
		n->decl = dv_parse_type_name(p);
		return n->decl && dv_parse_expect(p, ')', "after the type") ? n : NULL;
	}
	dv_parse_next(p);
	p->parens++;
	e = dv_parse_expr(p);
	p->parens--;
	if (!e || !dv_parse_expect(p, ')', "after the expression"))
		return NULL;
	dv_node_kids(p->script, n, &e, 1);
	return n;
}

static struct dv_node *parse_xlate(struct dv_parser *p)
{
	struct dv_node *n = dv_node_new(p->script, DV_NODE_XLATE, p->tok.loc), *e;

	dv_parse_next(p);
	if (!dv_parse_expect(p, '<', "after xlate") || !(n->decl = dv_parse_type_name(p)) ||
	    !dv_parse_expect(p, '>', "after the type") || !dv_parse_expect(p, '(', "after xlate<type>"))
		return NULL;
	p->parens++;
	e = dv_parse_expr(p);
	p->parens--;
	if (!e || !dv_parse_expect(p, ')', "after the expression"))
		return NULL;
	dv_node_kids(p->script, n, &e, 1);
	return n;
}

static struct dv_node *parse_scoped(struct dv_parser *p)
{
	struct dv_node *n = dv_node_new(p->script, DV_NODE_IDENT, p->tok.loc);

	n->scope = p->tok.kw == DV_K_SELF ? DV_SCOPE_SELF : DV_SCOPE_THIS;
	dv_parse_next(p);
	if (!dv_parse_accept(p, DV_P2('-', '>'))) {
		dv_parse_unexpected(p, n->scope == DV_SCOPE_SELF ? "'->' after self" : "'->' after this");
		return NULL;
	}
	if (p->tok.kind != DV_T_IDENT && p->tok.kind != DV_T_KEYWORD) {
		dv_parse_unexpected(p, "a variable's name");
		return NULL;
	}
	n->str = p->tok.str;
	dv_parse_next(p);
	return n;
}

static struct dv_node *parse_primary(struct dv_parser *p)
{
	struct dv_node *n;

	switch (p->tok.kind) {
	case DV_T_INT:
		n = dv_node_new(p->script, DV_NODE_INT, p->tok.loc);
		n->ival = p->tok.ival;
		n->is_unsigned = p->tok.is_unsigned;
		n->is_long = p->tok.is_long;
		break;
	case DV_T_STR:
		n = dv_node_new(p->script, DV_NODE_STR, p->tok.loc);
		n->str = p->tok.str;
		n->str_len = p->tok.len;
		break;
	case DV_T_IDENT:
		n = dv_node_new(p->script, DV_NODE_IDENT, p->tok.loc);
		n->str = p->tok.str;
		if (strcmp(n->str, "defined"))
			break;
		dv_parse_next(p);
		return dv_parse_at(p, '(') ? parse_defined(p, n->loc) : n;
	case DV_T_SYM:
		n = dv_node_new(p->script, DV_NODE_SYM, p->tok.loc);
		n->str = p->tok.str;
		n->module = p->tok.module;
		n->machine = p->tok.machine;
		break;
	case DV_T_AGG:
		return dv_parse_agg(p);
	case DV_T_KEYWORD:
		if (p->tok.kw == DV_K_SELF || p->tok.kw == DV_K_THIS)
			return parse_scoped(p);
		if (p->tok.kw == DV_K_OFFSETOF)
			return parse_offsetof(p);
		if (p->tok.kw == DV_K_XLATE)
			return parse_xlate(p);
		if (p->tok.kw == DV_K_RETURN) { // an action of D, return()
			n = dv_node_new(p->script, DV_NODE_IDENT, p->tok.loc);
			n->str = p->tok.str;
			break;
		}
		dv_parse_unexpected(p, "an expression");
		return NULL;
	case DV_T_PUNCT:
		if (p->tok.punct == '(') {
			dv_parse_next(p);
			p->parens++;
			n = dv_parse_comma(p);
			p->parens--;
			return n && dv_parse_expect(p, ')', "to close the parenthesis") ? n : NULL;
		}
		// fall through
	default:
		dv_parse_unexpected(p, "an expression");
		return NULL;
	}
	dv_parse_next(p);
	return n;
}

static struct dv_node *parse_postfix(struct dv_parser *p)
{
	struct dv_node *n = parse_primary(p);

	while (n && !p->failed && p->tok.kind == DV_T_PUNCT) {
		struct dv_loc loc = p->tok.loc;
		uint32_t op = p->tok.punct;

		if (op == '(' && n->kind == DV_NODE_IDENT && n->scope == DV_SCOPE_GLOBAL) {
			n->kind = DV_NODE_CALL;
			dv_parse_next(p);
			n = parse_list(p, n, NULL, ')', "after the arguments");
		} else if (op == '[') {
			struct dv_node *i = dv_node_new(p->script, DV_NODE_INDEX, n->loc);

			i->op_loc = loc;
			dv_parse_next(p);
			if (dv_parse_at(p, ']')) {
				dv_parse_unexpected(p, "an index or keys");
				return NULL;
			}
			n = parse_list(p, i, n, ']', "after the index");
		} else if (op == '.' || op == DV_P2('-', '>')) {
			struct dv_node *m = make(p, DV_NODE_MEMBER, DV_OP_NONE, n->loc, loc, n, NULL, NULL);

			dv_parse_next(p);
			if (!m || p->failed)
				return NULL;
			if (p->tok.kind != DV_T_IDENT && p->tok.kind != DV_T_KEYWORD) {
				dv_parse_unexpected(p, "a member's name");
				return NULL;
			}
			m->is_arrow = op != '.';
			m->str = p->tok.str;
			m->op_loc = p->tok.loc;
			dv_parse_next(p);
			n = m;
		} else if (op == DV_P2('+', '+') || op == DV_P2('-', '-')) {
			n = make(p, DV_NODE_INCDEC, op == DV_P2('+', '+') ? DV_OP_POSTINC : DV_OP_POSTDEC, n->loc, loc,
				 n, NULL, NULL);
			dv_parse_next(p);
		} else {
			break;
		}
	}
	return p->failed ? NULL : n;
}

static struct dv_node *parse_cast(struct dv_parser *p)
{
	struct dv_loc loc = p->tok.loc;
	struct dv_decl *d;
	struct dv_node *n;

	dv_parse_next(p);
	d = dv_parse_type_name(p);
	if (!d || !dv_parse_expect(p, ')', "after the type of a cast"))
		return NULL;
	n = make(p, DV_NODE_CAST, DV_OP_NONE, loc, loc, parse_unary(p), NULL, NULL);
	if (n)
		n->decl = d;
	return n;
}

static struct dv_node *parse_unary_inner(struct dv_parser *p)
{
	static const struct {
		uint32_t punct;
		enum dv_node_kind kind;
		enum dv_op op;
	} ops[] = {
		{DV_P2('+', '+'), DV_NODE_INCDEC, DV_OP_PREINC}, {DV_P2('-', '-'), DV_NODE_INCDEC, DV_OP_PREDEC},
		{'&', DV_NODE_ADDROF, DV_OP_NONE}, {'*', DV_NODE_DEREF, DV_OP_NONE}, {'+', DV_NODE_UNARY, DV_OP_PLUS},
		{'-', DV_NODE_UNARY, DV_OP_NEG}, {'~', DV_NODE_UNARY, DV_OP_BITNOT}, {'!', DV_NODE_UNARY, DV_OP_NOT},
	};
	struct dv_loc loc = p->tok.loc;

	if (dv_parse_at_kw(p, DV_K_SIZEOF))
		return parse_sizeof(p);
	if (dv_parse_at_kw(p, DV_K_STRINGOF)) {
		dv_parse_next(p);
		return make(p, DV_NODE_STRINGOF, DV_OP_NONE, loc, loc, parse_unary(p), NULL, NULL);
	}
	if (dv_parse_at(p, '(') && type_follows_paren(p))
		return parse_cast(p);
	for (size_t i = 0; i < DV_COUNT(ops); i++) {
		if (!dv_parse_at(p, ops[i].punct))
			continue;
		dv_parse_next(p);
		return make(p, ops[i].kind, ops[i].op, loc, loc, parse_unary(p), NULL, NULL);
	}
	return parse_postfix(p);
}

static struct dv_node *parse_unary(struct dv_parser *p)
{
	struct dv_node *n = NULL;

	if (dv_parse_enter(p) && !p->failed)
		n = parse_unary_inner(p);
	dv_parse_leave(p);
	return p->failed ? NULL : n;
}

static const struct binop {
	uint32_t punct;
	uint8_t prec; // higher binds tighter
	enum dv_op op;
} binops[] = {
	{DV_P2('|', '|'), 1, DV_OP_LOR}, {DV_P2('^', '^'), 2, DV_OP_LXOR}, {DV_P2('&', '&'), 3, DV_OP_LAND},
	{'|', 4, DV_OP_OR}, {'^', 5, DV_OP_XOR}, {'&', 6, DV_OP_AND}, {DV_P2('=', '='), 7, DV_OP_EQ},
	{DV_P2('!', '='), 7, DV_OP_NE}, {'<', 8, DV_OP_LT}, {'>', 8, DV_OP_GT}, {DV_P2('<', '='), 8, DV_OP_LE},
	{DV_P2('>', '='), 8, DV_OP_GE}, {DV_P2('<', '<'), 9, DV_OP_SHL}, {DV_P2('>', '>'), 9, DV_OP_SHR},
	{'+', 10, DV_OP_ADD}, {'-', 10, DV_OP_SUB}, {'*', 11, DV_OP_MUL}, {'/', 11, DV_OP_DIV}, {'%', 11, DV_OP_MOD},
};

static const struct binop *at_binop(const struct dv_parser *p)
{
	if (p->tok.kind != DV_T_PUNCT)
		return NULL;
	if (p->tok.punct == '/' && p->in_predicate && !p->parens && dv_lex_at_body(&p->lex))
		return NULL;
	for (size_t i = 0; i < DV_COUNT(binops); i++)
		if (binops[i].punct == p->tok.punct)
			return &binops[i];
	return NULL;
}

static struct dv_node *parse_binary(struct dv_parser *p, unsigned min)
{
	struct dv_node *a = NULL;
	const struct binop *op;

	if (!dv_parse_enter(p))
		goto out;
	a = parse_unary(p);
	while (a && !p->failed && (op = at_binop(p)) && op->prec >= min) {
		struct dv_loc loc = p->tok.loc;

		dv_parse_next(p);
		a = make(p, DV_NODE_BINARY, op->op, a->loc, loc, a, parse_binary(p, op->prec + 1u), NULL);
		if (a && a->kid_count != 2)
			a = NULL;
	}
out:
	dv_parse_leave(p);
	return p->failed ? NULL : a;
}

struct dv_node *dv_parse_cond(struct dv_parser *p)
{
	struct dv_node *c = NULL, *a, *b;
	struct dv_loc loc;

	if (!dv_parse_enter(p))
		goto out;
	c = parse_binary(p, 1);
	if (!c || p->failed || !dv_parse_at(p, '?'))
		goto out;
	loc = p->tok.loc;
	dv_parse_next(p);
	a = dv_parse_comma(p);
	if (!a || !dv_parse_expect(p, ':', "in a conditional expression"))
		goto out;
	b = dv_parse_cond(p);
	c = b ? make(p, DV_NODE_COND, DV_OP_NONE, c->loc, loc, c, a, b) : NULL;
out:
	dv_parse_leave(p);
	return p->failed ? NULL : c;
}

struct dv_node *dv_parse_expr(struct dv_parser *p)
{
	static const struct {
		uint32_t punct;
		enum dv_op op;
	} ops[] = {
	    {'=', DV_OP_NONE},
	    {DV_P2('+', '='), DV_OP_ADD},
	    {DV_P2('-', '='), DV_OP_SUB},
	    {DV_P2('*', '='), DV_OP_MUL},
	    {DV_P2('/', '='), DV_OP_DIV},
	    {DV_P2('%', '='), DV_OP_MOD},
	    {DV_P2('&', '='), DV_OP_AND},
	    {DV_P2('|', '='), DV_OP_OR},
	    {DV_P2('^', '='), DV_OP_XOR},
	    {DV_P3('<', '<', '='), DV_OP_SHL},
	    {DV_P3('>', '>', '='), DV_OP_SHR},
	};
	struct dv_node *a = NULL;

	if (!dv_parse_enter(p))
		goto out;
	a = dv_parse_cond(p);
	if (!a || p->failed)
		goto out;
	for (size_t i = 0; i < DV_COUNT(ops); i++)
		if (dv_parse_at(p, ops[i].punct)) {
			struct dv_loc loc = p->tok.loc;
			struct dv_node *b;

			dv_parse_next(p);
			b = dv_parse_expr(p);
			a = b ? make(p, DV_NODE_ASSIGN, ops[i].op, a->loc, loc, a, b, NULL) : NULL;
			break;
		}
out:
	dv_parse_leave(p);
	return p->failed ? NULL : a;
}

struct dv_node *dv_parse_comma(struct dv_parser *p)
{
	struct dv_node *a = dv_parse_expr(p);

	while (a && !p->failed && dv_parse_at(p, ',')) {
		struct dv_loc loc = p->tok.loc;

		dv_parse_next(p);
		a = make(p, DV_NODE_BINARY, DV_OP_COMMA, a->loc, loc, a, dv_parse_expr(p), NULL);
		if (a && a->kid_count != 2)
			a = NULL;
	}
	return p->failed ? NULL : a;
}
