/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program: clauses, declarations (types.c) and statements; recursive descent. Expressions are in expr.c.
 *
 * What begins at the top level, a probe description or a declaration, cannot be told by a token ("tick-1s" is no
 * expression, "foo_t *p;" is no description), so the raw text is looked at: a word of C's types or of storage, or two
 * words in a row, begin a declaration.
 *
 * After an error the parser tells nothing more until it has found its feet: behind the statement's `;`, or at the
 * next clause. So one mistake gives one message, and several mistakes give several.
 */
#include "lang/impl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void dv_parse_next(struct dv_parser *p)
{
	if (p->tok.kind != DV_T_EOF)
		p->prev_loc = p->tok.loc;
	p->braces += dv_parse_at(p, '{');
	p->braces -= dv_parse_at(p, '}') && p->braces;
	dv_lex(&p->lex, &p->tok);
	if (p->tok.kind == DV_T_ERROR)
		dv_parse_error(p, p->tok.loc, p->tok.tag, "%s", p->tok.str);
}

void dv_parse_error(struct dv_parser *p, struct dv_loc loc, const char *tag, const char *fmt, ...)
{
	va_list ap;

	if (p->failed)
		return;
	p->failed = true;
	va_start(ap, fmt);
	dv_diag_vat(p->script, p->diag, loc, tag, NULL, fmt, ap);
	va_end(ap);
}

void dv_parse_unexpected(struct dv_parser *p, const char *wanted)
{
	const struct dv_tok *t = &p->tok;
	char text[80];

	switch (t->kind) {
	case DV_T_EOF:
		snprintf(text, sizeof(text), "the end of the program");
		break;
	case DV_T_INT:
		snprintf(text, sizeof(text), "an integer");
		break;
	case DV_T_STR:
		snprintf(text, sizeof(text), "a string");
		break;
	case DV_T_PUNCT:
		snprintf(text, sizeof(text), "'%c%c%c", (int)(t->punct & 255), (int)(t->punct >> 8 & 255),
			 (int)(t->punct >> 16));
		text[1 + t->len] = '\'';
		text[2 + t->len] = '\0';
		break;
	default:
		snprintf(text, sizeof(text), "%s'%.60s'", t->kind == DV_T_AGG ? "@" : "", t->str ? t->str : "");
		break;
	}
	// What is missing at the end is missing behind the last thing that is there.
	dv_parse_error(p, t->kind == DV_T_EOF && p->prev_loc.line ? p->prev_loc : t->loc, "D_SYNTAX",
		       "syntax error: expected %s, found %s", wanted, text);
}

bool dv_parse_accept(struct dv_parser *p, uint32_t punct)
{
	if (!dv_parse_at(p, punct))
		return false;
	dv_parse_next(p);
	return true;
}

bool dv_parse_expect(struct dv_parser *p, uint32_t punct, const char *after)
{
	char wanted[120];

	if (dv_parse_accept(p, punct))
		return true;
	snprintf(wanted, sizeof(wanted), "'%c' %s", (int)(punct & 255), after);
	dv_parse_unexpected(p, wanted);
	return false;
}

bool dv_parse_enter(struct dv_parser *p)
{
	if (++p->nest <= DV_NEST_MAX)
		return true;
	dv_parse_error(p, p->tok.loc, "D_SYNTAX", "nested too deeply");
	return false;
}

void dv_parse_leave(struct dv_parser *p)
{
	p->nest--;
}

// After an error: to behind the next `;`, or to the `}` that ends the statements. Braces are counted.
static void skip_statement(struct dv_parser *p)
{
	unsigned braces = 0;

	while (p->tok.kind != DV_T_EOF) {
		if (dv_parse_at(p, '{')) {
			braces++;
		} else if (dv_parse_at(p, '}')) {
			if (!braces)
				break;
			braces--;
		} else if (dv_parse_at(p, ';') && !braces) {
			dv_parse_next(p);
			break;
		}
		dv_parse_next(p);
	}
	p->failed = p->tok.kind == DV_T_EOF;
}

static struct dv_stmt *parse_statement(struct dv_parser *p);

// Statements up to `}`; *empty says that there was nothing but semicolons.
static struct dv_stmt *parse_statements(struct dv_parser *p)
{
	struct dv_stmt *first = NULL, **last = &first;

	while (p->tok.kind != DV_T_EOF && !dv_parse_at(p, '}')) {
		if (dv_parse_accept(p, ';'))
			continue;
		if (!p->failed)
			*last = parse_statement(p);
		if (p->failed) {
			p->errors++;
			p->nest = 1;
			p->parens = 0;
			skip_statement(p);
			continue;
		}
		while (*last)
			last = &(*last)->next;
	}
	return first;
}

static struct dv_stmt *parse_block(struct dv_parser *p)
{
	struct dv_stmt *s;

	if (dv_parse_accept(p, ';'))
		return NULL;
	if (!dv_parse_accept(p, '{'))
		return parse_statement(p);
	s = parse_statements(p);
	dv_parse_expect(p, '}', "at the end of the statements");
	return s;
}

static struct dv_stmt *parse_if(struct dv_parser *p, struct dv_stmt *s)
{
	s->kind = DV_STMT_IF;
	if (!dv_parse_enter(p))
		return NULL;
	dv_parse_next(p);
	if (dv_parse_expect(p, '(', "after if") && (s->expr = dv_parse_expr(p)) &&
	    dv_parse_expect(p, ')', "after the condition")) {
		s->then = parse_block(p);
		if (!p->failed && dv_parse_at_kw(p, DV_K_ELSE)) {
			dv_parse_next(p);
			s->otherwise = parse_block(p);
		}
	}
	dv_parse_leave(p);
	return s;
}

static bool at_c_statement(const struct dv_parser *p)
{
	static const enum dv_kw words[] = {DV_K_FOR, DV_K_WHILE, DV_K_DO, DV_K_BREAK, DV_K_CONTINUE, DV_K_SWITCH,
					   DV_K_CASE, DV_K_DEFAULT, DV_K_GOTO, DV_K_ELSE};

	for (size_t i = 0; i < DV_COUNT(words); i++)
		if (dv_parse_at_kw(p, words[i]))
			return true;
	return false;
}

// A statement of C that is none of D. What stands in its parentheses is passed over, semicolons and all.
static void refuse_statement(struct dv_parser *p)
{
	struct dv_loc loc = p->tok.loc;
	const char *word = p->tok.str;
	unsigned depth = 0;

	dv_parse_next(p);
	while (p->tok.kind != DV_T_EOF && (depth || dv_parse_at(p, '('))) {
		depth += dv_parse_at(p, '(');
		depth -= dv_parse_at(p, ')');
		dv_parse_next(p);
	}
	if (!strcmp(word, "else"))
		dv_parse_error(p, loc, "D_SYNTAX", "syntax error: else without an if before it");
	else
		dv_parse_error(p, loc, "D_SYNTAX", "syntax error: '%s' is not part of D: a clause has no loops and jumps, only if and ?:",
			       word);
}

static struct dv_stmt *parse_statement(struct dv_parser *p)
{
	struct dv_stmt *s = dv_arena_alloc(&p->script->arena, sizeof(*s));

	s->loc = p->tok.loc;
	if (dv_parse_at_kw(p, DV_K_IF))
		return parse_if(p, s);
	if (at_c_statement(p)) {
		refuse_statement(p);
		return NULL;
	}
	if (p->tok.kind == DV_T_AGG) {
		s->kind = DV_STMT_AGG;
		s->agg = dv_parse_agg(p);
		if (!p->failed && dv_parse_accept(p, '='))
			s->func = dv_parse_expr(p);
	} else {
		s->kind = DV_STMT_EXPR;
		s->expr = dv_parse_comma(p);
	}
	if (p->failed)
		return NULL;
	if (!dv_parse_at(p, '}') && !dv_parse_accept(p, ';')) {
		dv_parse_unexpected(p, "';' after the statement");
		return NULL;
	}
	return s;
}

/* -- the top level --------------------------------------------------------------------------------------------- */

static int raw(const struct dv_lexer *l, uint32_t pos)
{
	return pos < l->len ? (unsigned char)l->text[pos] : 0;
}

// Is the text at the lexer's place a declaration? See the head of this file.
static bool at_declaration(const struct dv_lexer *l)
{
	uint32_t i = l->pos, from = i;
	enum dv_kw kw;
	bool blank;

	while (isalnum(raw(l, i)) || raw(l, i) == '_')
		i++;
	if (i == from)
		return false;
	kw = dv_keyword(l->text + from, i - from);
	blank = isspace(raw(l, i));
	if (kw && (blank || raw(l, i) == '*' || raw(l, i) == '{' || raw(l, i) == ';'))
		return true;
	if (!blank)
		return false;
	while (isspace(raw(l, i)))
		i++;
	if (isalpha(raw(l, i)) || raw(l, i) == '_')
		return true;
	if (raw(l, i) != '*')
		return false;
	while (raw(l, i) == '*' || isspace(raw(l, i)))
		i++;
	return isalpha(raw(l, i)) || raw(l, i) == '_';
}

// After a failed clause or declaration: to where the next may begin, behind a `}` or `;` outside of braces.
static void skip_top(struct dv_parser *p)
{
	unsigned braces = p->braces;

	p->failed = true; // nothing more is told on the way
	while (p->tok.kind != DV_T_EOF) {
		if (dv_parse_at(p, '{')) {
			braces++;
		} else if (dv_parse_at(p, '}')) {
			if (braces <= 1)
				break;
			braces--;
		} else if (dv_parse_at(p, ';') && !braces) {
			break;
		}
		dv_parse_next(p);
	}
	// The lexer now stands behind the last token, where raw text is looked at.
	p->failed = false;
}

static bool parse_pdescs(struct dv_parser *p, struct dv_clause *c)
{
	struct dv_lexer *l = &p->lex;
	DV_VEC(struct dv_pdesc) v = {0};
	bool ok = false;

	for (;;) {
		struct dv_pdesc d;
		struct dv_tok err = {0};

		d.loc = dv_lex_loc(l);
		d.text = dv_lex_pdesc(l);
		if (!d.text)
			goto out;
		if (!*d.text) {
			int ch = raw(l, l->pos);

			dv_parse_error(p, d.loc, v.count ? "D_SYNTAX" : "D_PDESC_INVAL",
				       ch ? "syntax error: expected a probe description, found '%c'"
					  : "syntax error: expected a probe description", isprint(ch) ? ch : '?');
			goto out;
		}
		*DV_PUSH(&v) = d;
		p->tok.loc = d.loc;
		if (!dv_lex_space(l, &err))
			break;
		if (raw(l, l->pos) != ',')
			break;
		l->pos++;
		if (!dv_lex_space(l, &err))
			break;
	}
	ok = true;
	c->pdesc_count = (uint32_t)v.count;
	c->pdescs = dv_arena_alloc(&p->script->arena, v.count * sizeof(*v.data));
	memcpy(c->pdescs, v.data, v.count * sizeof(*v.data));
out:
	DV_VEC_FREE(&v);
	return ok;
}

static bool parse_predicate(struct dv_parser *p, struct dv_clause *c)
{
	dv_parse_next(p); // behind the slash
	p->in_predicate = true;
	p->parens = 0;
	c->predicate = dv_parse_expr(p);
	p->in_predicate = false;
	if (p->failed)
		return false;
	return dv_parse_expect(p, '/', "at the end of the predicate");
}

// Leaves the current token at the clause's last one: the raw text behind it is looked at next.
static bool parse_clause(struct dv_parser *p)
{
	struct dv_clause *c = dv_arena_alloc(&p->script->arena, sizeof(*c));
	bool predicate, file = p->lex.src->name != NULL;
	unsigned errors = p->errors;

	c->loc = dv_lex_loc(&p->lex);
	if (!parse_pdescs(p, c))
		return false;
	dv_parse_next(p);
	predicate = dv_parse_at(p, '/');
	if (predicate && !parse_predicate(p, c))
		return false;
	if (dv_parse_at(p, '{')) {
		dv_parse_next(p);
		c->stmts = parse_statements(p);
		if (!dv_parse_at(p, '}')) {
			dv_parse_unexpected(p, "'}' at the end of the clause");
			return false;
		}
	} else if (p->tok.kind == DV_T_EOF && (predicate || !file || p->lex.src->pspec_only)) {
		; // the default action
	} else if (!dv_parse_at(p, ';') || !(predicate || !file)) {
		dv_parse_unexpected(p, predicate ? "'{' after the predicate"
						 : "'{' or a predicate after the probe description");
		return false;
	}
	if (p->errors != errors)
		return true; // told, and found our feet again
	c->index = (uint32_t)p->script->clauses.count;
	*DV_PUSH(&p->script->clauses) = c;
	return true;
}

static void check_args_used(struct dv_parser *p, const struct dv_source *src)
{
	for (int i = 1; i < src->argc && !src->argref && !p->lex.argref; i++)
		if (!p->lex.args_used[i]) {
			dv_diag_at(p->script, p->diag, (struct dv_loc){0, 0, p->lex.src_index}, "D_MACRO_UNUSED",
				   NULL, "extraneous argument '%s' ($%d is not referenced)", src->argv[i], i);
			return;
		}
}

void dv_parse_program(struct dv_parser *p)
{
	while (p->diag->errors < DV_ERRORS_MAX) {
		uint32_t before;

		p->failed = false;
		p->nest = 0;
		p->parens = 0;
		p->braces = 0;
		p->in_predicate = false;
		memset(&p->tok, 0, sizeof(p->tok));
		p->tok.kind = DV_T_PUNCT;
		p->prev_loc = (struct dv_loc){0};
		if (!dv_lex_space(&p->lex, &p->tok)) {
			dv_parse_error(p, p->tok.loc, p->tok.tag, "%s", p->tok.str);
			return;
		}
		if (p->lex.pos >= p->lex.len || (p->lib && p->lib->skipped))
			return;
		before = p->lex.pos;
		if (raw(&p->lex, before) == ';') {
			p->lex.pos++;
			continue;
		}
		p->any = true;
		if (at_declaration(&p->lex)) {
			dv_parse_next(p);
			dv_parse_declaration(p);
			if (p->failed)
				skip_top(p);
			continue;
		}
		if (p->lib)
			dv_parse_error(p, dv_lex_loc(&p->lex), "D_SYNTAX", "syntax error: a library has declarations only");
		if (p->lib || !parse_clause(p))
			skip_top(p);
		if (p->lex.pos == before) // an odd byte: step over it, for certain
			p->lex.pos++;
	}
}

// `#pragma D attributes` and `binding` must be about something.
static void check_pragmas(struct dv_script *s, struct dv_diag *diag)
{
	for (size_t i = 0; i < s->pragmas.count; i++) {
		const struct dv_pragma *p = &s->pragmas.data[i];
		bool known = !strcmp(p->name, "translator") || dv_script_assigns(s, DV_SCOPE_GLOBAL, p->name) ||
			     dv_is_builtin(p->name);

		for (enum dv_name_kind k = DV_NAME_GLOBAL; k <= DV_NAME_PROVIDER && !known; k++)
			known = dv_names_find(&s->names, k, p->name) != NULL;
		for (size_t k = 0; k < s->providers.count && !known; k++)
			known = !strcmp(s->providers.data[k]->name, p->name);
		if (!known)
			dv_diag_at(s, diag, p->loc, "D_PRAGMA_UNUSED", NULL, "unused #pragma D %s: '%s' is not declared", p->word,
				   p->name);
	}
	s->pragmas.count = 0;
}

struct dv_error *dv_script_parse(struct dv_script *s, const struct dv_source *src, struct dv_diag *diag)
{
	struct dv_src_text *t;
	struct dv_parser p = {.script = s, .diag = diag};
	uint32_t clauses = (uint32_t)s->clauses.count;
	size_t tags = s->tags.count, tdefs = s->tdefs.count, decls = s->decls.count, xlators = s->xlators.count;
	unsigned errors = diag->errors;
	size_t len = strlen(src->text);

	s->diag = diag;

	if (len > (16u << 20))
		return dv_error_create(DV_ERR_LIMIT, "D program is larger than 16 MiB");
	t = DV_PUSH(&s->sources);
	t->name = dv_arena_strdup(&s->arena, src->name ? src->name : "-n");
	t->text = dv_arena_strdup(&s->arena, src->text);
	t->len = len;
	p.lex = (struct dv_lexer){.script = s,
				  .diag = diag,
				  .src = src,
				  .text = t->text,
				  .len = (uint32_t)len,
				  .line = 1,
				  .src_index = (uint32_t)s->sources.count - 1};
	p.lex.args_used = dv_arena_alloc(&s->arena, (size_t)(src->argc > 0 ? src->argc : 1));
	dv_parse_program(&p);
	if (diag->errors == errors && !p.any && !src->empty)
		dv_diag_at(s, diag, (struct dv_loc){0, 0, p.lex.src_index}, "D_EMPTY", NULL, "empty D program");
	if (diag->errors == errors)
		check_args_used(&p, src);
	if (diag->errors == errors)
		dv_check_decls(s, diag, tags, tdefs, decls, xlators);
	if (diag->errors != errors)
		return dv_error_create(DV_ERR_SYNTAX, "failed to compile %s", src->name ? src->name : "the D program");
	for (uint32_t i = clauses; i < s->clauses.count; i++)
		dv_usage_clause(s, s->clauses.data[i]);
	check_pragmas(s, diag);
	if (diag->errors != errors)
		return dv_error_create(DV_ERR_SYNTAX, "failed to compile %s", src->name ? src->name : "the D program");
	return NULL;
}

struct dv_node *dv_parse_text(struct dv_script *s, const char *text, struct dv_diag *diag)
{
	static const struct dv_source src = {.name = "a provider"};
	static struct dv_lib provider; // as a library, it means the kernel's types
	struct dv_src_text *t = DV_PUSH(&s->sources);
	struct dv_parser p = {.script = s, .diag = diag, .lib = &provider};
	struct dv_node *n;

	t->name = src.name;
	t->text = text;
	t->len = strlen(text);
	p.lex = (struct dv_lexer){.script = s,
				  .diag = diag,
				  .src = &src,
				  .text = t->text,
				  .len = (uint32_t)t->len,
				  .line = 1,
				  .src_index = (uint32_t)s->sources.count - 1};
	dv_parse_next(&p);
	n = dv_parse_expr(&p);
	if (!p.failed && p.tok.kind != DV_T_EOF)
		dv_parse_unexpected(&p, "the end of the expression");
	return p.failed ? NULL : n;
}
