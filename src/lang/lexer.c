/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text to tokens. The lexer keeps no state but its place in the text, so a copy of it can look ahead; it tells nothing
 * itself: what is wrong comes back as an ERROR token, told when the parser takes it. The exception are # lines, which
 * are dealt with where they stand (pragma.c).
 *
 * Probe descriptions are not made of tokens: "fbt:vmlinux:tcp_*:entry" is raw text up to a blank, comma, slash or
 * brace, and macro variables stand within it ("pid$target:::"). The parser asks for one where a clause may begin.
 */
#include "lang/impl.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

static int at(const struct dv_lexer *l, uint32_t n)
{
	return n < l->len - l->pos ? (unsigned char)l->text[l->pos + n] : 0;
}

static bool is_word(int c)
{
	return isalnum(c) || c == '_';
}

struct dv_loc dv_lex_loc(const struct dv_lexer *l)
{
	return (struct dv_loc){l->line, l->pos - l->line_start + 1, l->src_index};
}

static void error(struct dv_tok *t, struct dv_loc loc, const char *tag, const char *msg)
{
	t->kind = DV_T_ERROR;
	t->tag = tag;
	t->str = msg;
	t->loc = loc;
}

static void step(struct dv_lexer *l)
{
	if (l->text[l->pos++] == '\n') {
		l->line++;
		l->line_start = l->pos;
	}
}

static bool at_line_start(const struct dv_lexer *l)
{
	for (uint32_t i = l->line_start; i < l->pos; i++)
		if (l->text[i] != ' ' && l->text[i] != '\t')
			return false;
	return true;
}

static uint32_t line_end(const struct dv_lexer *l)
{
	uint32_t i = l->pos;

	while (i < l->len && l->text[i] != '\n')
		i++;
	return i;
}

bool dv_lex_space(struct dv_lexer *l, struct dv_tok *err)
{
	while (l->pos < l->len) {
		int c = at(l, 0);

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
			step(l);
		} else if (c == '\\' && at(l, 1) == '\n') {
			step(l);
			step(l);
		} else if (c == '/' && at(l, 1) == '/') {
			l->pos = line_end(l);
		} else if (c == '/' && at(l, 1) == '*') {
			struct dv_loc loc = dv_lex_loc(l);

			l->pos += 2;
			while (l->pos < l->len && !(at(l, 0) == '*' && at(l, 1) == '/'))
				step(l);
			if (l->pos == l->len) {
				error(err, loc, "D_SYNTAX", "comment is not ended");
				return false;
			}
			l->pos += 2;
		} else if (c == '#' && at_line_start(l)) {
			uint32_t end = line_end(l);

			if (!l->ahead && (l->pos != 0 || at(l, 1) != '!'))
				dv_lex_directive(l, end);
			l->pos = end;
		} else {
			break;
		}
	}
	return true;
}

bool dv_lex_at_body(const struct dv_lexer *l)
{
	struct dv_lexer ahead = *l;
	struct dv_tok err;

	ahead.ahead = true;
	return dv_lex_space(&ahead, &err) && (ahead.pos >= ahead.len || at(&ahead, 0) == '{' || at(&ahead, 0) == ';');
}

static const struct {
	const char *name;
	enum dv_kw kw;
} keywords[] = {
	{"auto", DV_K_AUTO}, {"break", DV_K_BREAK}, {"case", DV_K_CASE}, {"char", DV_K_CHAR}, {"const", DV_K_CONST},
	{"continue", DV_K_CONTINUE}, {"default", DV_K_DEFAULT}, {"do", DV_K_DO}, {"double", DV_K_DOUBLE},
	{"else", DV_K_ELSE}, {"enum", DV_K_ENUM}, {"extern", DV_K_EXTERN}, {"float", DV_K_FLOAT}, {"for", DV_K_FOR},
	{"goto", DV_K_GOTO}, {"if", DV_K_IF}, {"inline", DV_K_INLINE}, {"int", DV_K_INT}, {"long", DV_K_LONG},
	{"offsetof", DV_K_OFFSETOF}, {"provider", DV_K_PROVIDER}, {"register", DV_K_REGISTER},
	{"restrict", DV_K_RESTRICT}, {"return", DV_K_RETURN}, {"self", DV_K_SELF}, {"short", DV_K_SHORT},
	{"signed", DV_K_SIGNED}, {"sizeof", DV_K_SIZEOF}, {"static", DV_K_STATIC}, {"string", DV_K_STRING},
	{"stringof", DV_K_STRINGOF}, {"struct", DV_K_STRUCT}, {"switch", DV_K_SWITCH}, {"this", DV_K_THIS},
	{"translator", DV_K_TRANSLATOR}, {"typedef", DV_K_TYPEDEF}, {"union", DV_K_UNION},
	{"unsigned", DV_K_UNSIGNED}, {"userland", DV_K_USERLAND}, {"void", DV_K_VOID}, {"volatile", DV_K_VOLATILE},
	{"while", DV_K_WHILE}, {"xlate", DV_K_XLATE},
};

enum dv_kw dv_keyword(const char *s, size_t len)
{
	for (size_t i = 0; i < DV_COUNT(keywords); i++)
		if (strlen(keywords[i].name) == len && !memcmp(keywords[i].name, s, len))
			return keywords[i].kw;
	return DV_K_NONE;
}

static int digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

// C's rules: the type is the first of int, unsigned (not for decimals), long, unsigned long that holds the value.
static void type_integer(struct dv_tok *t, bool decimal, bool u, bool l)
{
	uint64_t v = t->ival;

	t->is_unsigned = u;
	t->is_long = l;
	if (!l && (u ? v > UINT_MAX : v > INT_MAX)) {
		if (!u && !decimal && v <= UINT_MAX)
			t->is_unsigned = true;
		else
			t->is_long = true;
	}
	if (t->is_long && v > LONG_MAX)
		t->is_unsigned = true;
}

static void lex_number(struct dv_lexer *l, struct dv_tok *t)
{
	unsigned radix = 10;
	bool any = false, over = false, u = false, lng = false;
	uint64_t v = 0;

	if (at(l, 0) == '0' && (at(l, 1) == 'x' || at(l, 1) == 'X')) {
		radix = 16;
		l->pos += 2;
	} else if (at(l, 0) == '0') {
		radix = 8;
	}
	for (; is_word(at(l, 0)); l->pos++) {
		int c = at(l, 0), d = digit(c);

		if (tolower(c) == 'u' || tolower(c) == 'l')
			break;
		if (d >= (int)radix) {
			bool real = radix != 16 && tolower(c) == 'e';

			error(t, dv_lex_loc(l), real ? "D_SYNTAX" : "D_INT_DIGIT",
			      real	   ? "floating-point constants are not part of D"
			      : radix == 8 ? "invalid digit in an octal constant"
					   : "invalid digit in an integer constant");
			while (is_word(at(l, 0)))
				l->pos++;
			return;
		}
		any = true;
		if (__builtin_mul_overflow(v, (uint64_t)radix, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
			over = true;
	}
	if (at(l, 0) == '.' && isdigit(at(l, 1)) && radix != 16) {
		error(t, dv_lex_loc(l), "D_SYNTAX", "floating-point constants are not part of D");
		l->pos++;
		while (is_word(at(l, 0)))
			l->pos++;
		return;
	}
	for (int n = 0, us = 0, ls = 0; is_word(at(l, 0)); l->pos++, n++) {
		int c = tolower(at(l, 0));

		us += c == 'u';
		ls += c == 'l';
		if ((c != 'u' && c != 'l') || us > 1 || ls > 2) {
			error(t, dv_lex_loc(l), "D_INT_DIGIT", "invalid suffix of an integer constant");
			while (is_word(at(l, 0)))
				l->pos++;
			return;
		}
		u |= c == 'u';
		lng |= c == 'l';
	}
	if (!any) {
		error(t, t->loc, "D_INT_DIGIT", "integer constant has no digits");
		return;
	}
	if (over) {
		error(t, t->loc, "D_INT_OFLOW", "integer constant does not fit in 64 bits");
		return;
	}
	t->kind = DV_T_INT;
	t->ival = v;
	type_integer(t, radix == 10, u, lng);
}

// One character of a string or character constant, escapes taken apart.
static int lex_char(struct dv_lexer *l)
{
	static const char from[] = "abfnrtv0\\'\"?", to[] = "\a\b\f\n\r\t\v\0\\'\"?";
	int c = at(l, 0);
	const char *e;

	l->pos++;
	if (c != '\\')
		return c;
	c = at(l, 0);
	if (c >= '0' && c <= '7') {
		int v = 0;

		for (int i = 0; i < 3 && at(l, 0) >= '0' && at(l, 0) <= '7'; i++, l->pos++)
			v = v * 8 + (at(l, 0) - '0');
		return v & 0xff;
	}
	if (c == 'x' && isxdigit(at(l, 1))) {
		int v = 0;

		for (l->pos++; isxdigit(at(l, 0)); l->pos++)
			v = (v * 16 + digit(at(l, 0))) & 0xff;
		return v;
	}
	if (l->pos < l->len)
		step(l);
	e = strchr(from, c);
	return c && e ? (unsigned char)to[e - from] : c;
}

static void lex_string(struct dv_lexer *l, struct dv_tok *t)
{
	DV_VEC(char) v = {0};

	l->pos++;
	while (l->pos < l->len && at(l, 0) != '"' && at(l, 0) != '\n') {
		if (at(l, 0) == '\\' && at(l, 1) == '\n') { // a line goes on
			step(l);
			step(l);
			continue;
		}
		// D's escapes in strings are fewer than C's: other backslashes stay.
		if (at(l, 0) == '\\' && at(l, 1) > 0 && !strchr("abfnrtvx01234567\"\\", at(l, 1))) {
			*DV_PUSH(&v) = '\\';
			l->pos++;
		}
		*DV_PUSH(&v) = (char)lex_char(l);
	}
	if (at(l, 0) != '"') {
		error(t, t->loc, "D_STR_NL", "string constant is not ended on its line");
	} else {
		l->pos++;
		t->kind = DV_T_STR;
		t->len = (uint32_t)strnlen(v.data ? v.data : "", v.count);
		t->str = dv_arena_strndup(&l->script->arena, v.data ? v.data : "", t->len);
	}
	DV_VEC_FREE(&v);
}

static void lex_char_constant(struct dv_lexer *l, struct dv_tok *t)
{
	unsigned n = 0;
	uint64_t v = 0;

	l->pos++;
	while (l->pos < l->len && at(l, 0) != '\'' && at(l, 0) != '\n') {
		v = v << 8 | (uint64_t)(lex_char(l) & 0xff);
		n++;
	}
	if (at(l, 0) != '\'') {
		error(t, t->loc, "D_CHR_NL", "character constant is not ended on its line");
		return;
	}
	l->pos++;
	if (n == 0) {
		error(t, t->loc, "D_CHR_NULL", "character constant is empty");
	} else if (n > 8) {
		error(t, t->loc, "D_CHR_OFLOW", "character constant is longer than 8 characters");
	} else {
		t->kind = DV_T_INT;
		// Not C's char: the bytes as they are, the first one highest.
		t->ival = v;
		t->is_long = v > INT32_MAX;
	}
}

static const char *word(struct dv_lexer *l, uint32_t *len)
{
	uint32_t from = l->pos;

	while (is_word(at(l, 0)))
		l->pos++;
	*len = l->pos - from;
	return l->text + from;
}

// `name, module`name, machine`module`name
static void lex_sym(struct dv_lexer *l, struct dv_tok *t, const char *first, uint32_t first_len)
{
	const char *part[3] = {first_len ? dv_arena_strndup(&l->script->arena, first, first_len) : NULL};
	unsigned n = 1;

	while (n < 3 && at(l, 0) == '`') {
		uint32_t len;
		const char *w;

		l->pos++;
		w = word(l, &len);
		if (!len) {
			error(t, dv_lex_loc(l), "D_SYNTAX", "a kernel symbol's name is missing after `");
			return;
		}
		part[n++] = dv_arena_strndup(&l->script->arena, w, len);
	}
	t->kind = DV_T_SYM;
	t->str = part[n - 1];
	t->module = part[n - 2];
	t->machine = n == 3 ? part[0] : NULL;
}

static void lex_word(struct dv_lexer *l, struct dv_tok *t)
{
	uint32_t len;
	const char *w = word(l, &len);

	if (at(l, 0) == '`') {
		lex_sym(l, t, w, len);
		return;
	}
	t->kw = dv_keyword(w, len);
	t->kind = t->kw ? DV_T_KEYWORD : DV_T_IDENT;
	t->str = dv_arena_strndup(&l->script->arena, w, len);
	t->len = len;
}

static void lex_macro(struct dv_lexer *l, struct dv_tok *t)
{
	bool as_string = at(l, 1) == '$';
	const char *w, *v, *tag = NULL, *msg = NULL, *p;
	uint32_t len;
	struct dv_lexer sub;

	l->pos += as_string ? 2 : 1;
	w = word(l, &len);
	v = dv_macro(l, w, len, as_string, &tag, &msg);
	if (!v) {
		error(t, t->loc, tag, msg);
		return;
	}
	if (as_string) {
		t->kind = DV_T_STR;
		t->str = v;
		t->len = (uint32_t)strlen(v);
		return;
	}
	// The value is lexed as if it stood here: an integer (with its sign folded in), or a name.
	p = v + (*v == '-');
	sub = *l;
	sub.text = p;
	sub.len = (uint32_t)strlen(p);
	sub.pos = 0;
	if (isdigit((unsigned char)*p)) {
		lex_number(&sub, t);
		if (t->kind == DV_T_INT && *v == '-') {
			t->ival = -t->ival;
			t->is_unsigned = false;
			t->is_long |= (int64_t)t->ival < INT_MIN;
		}
	} else if (*v != '-' && (isalpha((unsigned char)*p) || *p == '_' || *p == '`')) {
		lex_word(&sub, t);
	} else {
		sub.pos = 1; // neither
		sub.len = 0;
	}
	if (t->kind != DV_T_ERROR && sub.pos != sub.len)
		error(t, t->loc, "D_MACRO_SYNTAX",
		      dv_arena_printf(
			  &l->script->arena,
			  "the value of $%.*s, \"%s\", is neither an integer nor a name: write $$%.*s for a string",
			  (int)len, w, v, (int)len, w));
	else if (t->kind == DV_T_ERROR)
		t->loc = dv_lex_loc(l);
}

void dv_lex(struct dv_lexer *l, struct dv_tok *t)
{
	static const uint32_t puncts[] = { // longest first
		DV_P3('<', '<', '='), DV_P3('>', '>', '='), DV_P3('^', '^', '='), DV_P3('.', '.', '.'),
		DV_P2('-', '>'), DV_P2('+', '+'), DV_P2('-', '-'), DV_P2('<', '<'), DV_P2('>', '>'), DV_P2('<', '='),
		DV_P2('>', '='), DV_P2('=', '='), DV_P2('!', '='), DV_P2('&', '&'), DV_P2('|', '|'), DV_P2('^', '^'),
		DV_P2('+', '='), DV_P2('-', '='), DV_P2('*', '='), DV_P2('/', '='), DV_P2('%', '='), DV_P2('&', '='),
		DV_P2('|', '='), DV_P2('^', '='),
	};
	int c;

	memset(t, 0, sizeof(*t));
	if (!dv_lex_space(l, t)) {
		t->end = l->pos;
		return;
	}
	t->loc = dv_lex_loc(l);
	c = at(l, 0);
	if (l->pos >= l->len) {
		t->kind = DV_T_EOF;
	} else if (isdigit(c)) {
		lex_number(l, t);
	} else if (isalpha(c) || c == '_') {
		lex_word(l, t);
	} else if (c == '"') {
		lex_string(l, t);
	} else if (c == '\'') {
		lex_char_constant(l, t);
	} else if (c == '`') {
		lex_sym(l, t, "", 0);
	} else if (c == '$' && (at(l, 1) == '$' ? is_word(at(l, 2)) : is_word(at(l, 1)))) {
		lex_macro(l, t);
	} else if (c == '@') {
		uint32_t len;
		const char *w;

		l->pos++;
		w = word(l, &len);
		t->kind = DV_T_AGG;
		t->str = dv_arena_strndup(&l->script->arena, w, len);
		t->len = len;
	} else if (strchr("{}()[];,:?.<>=!&|^+-*/%~", c) && c) {
		t->kind = DV_T_PUNCT;
		t->punct = DV_P1(c);
		t->len = 1;
		for (size_t i = 0; i < DV_COUNT(puncts); i++) {
			uint32_t p = puncts[i], n = p >> 16 ? 3 : 2;

			if ((p & 255) == (uint32_t)c && (p >> 8 & 255) == (uint32_t)at(l, 1) &&
			    (n == 2 || p >> 16 == (uint32_t)at(l, 2))) {
				t->punct = p;
				t->len = n;
				break;
			}
		}
		l->pos += t->len;
	} else {
		error(t, t->loc, "D_SYNTAX",
		      isprint(c) ? dv_arena_printf(&l->script->arena, "unexpected character '%c'", c)
				 : dv_arena_printf(&l->script->arena, "unexpected byte 0x%02x", c));
		l->pos++;
	}
	t->end = l->pos;
}

const char *dv_lex_pdesc(struct dv_lexer *l)
{
	DV_VEC(char) v = {0};
	struct dv_loc loc = dv_lex_loc(l);
	const char *ret = NULL;

	while (l->pos < l->len) {
		int c = at(l, 0);

		if (c == '$') {
			struct dv_loc mloc = dv_lex_loc(l);
			const char *w, *value, *tag, *msg;
			uint32_t len;
			bool as_string = at(l, 1) == '$';

			l->pos += as_string ? 2 : 1;
			w = word(l, &len);
			if (len && isdigit((unsigned char)w[0])) { // "tick-$1ms": the rest is text again
				uint32_t digits = 1;

				while (digits < len && isdigit((unsigned char)w[digits]))
					digits++;
				l->pos -= len - digits;
				len = digits;
			}
			value = dv_macro(l, w, len, as_string, &tag, &msg);
			if (!value) {
				dv_diag_at(l->script, l->diag, mloc, tag, NULL, "%s", msg);
				goto out;
			}
			for (; *value; value++)
				*DV_PUSH(&v) = *value;
			continue;
		}
		if (!isalnum(c) && !(c && strchr("_-:.?*\\[]!`+@~^%", c)) && c < 0x80)
			break;
		*DV_PUSH(&v) = (char)c;
		l->pos++;
		if (c == '\\' && l->pos < l->len && at(l, 0) != '\n') {
			*DV_PUSH(&v) = (char)at(l, 0);
			l->pos++;
		}
		if (v.count > 1024) {
			dv_diag_at(l->script, l->diag, loc, "D_PDESC_INVAL", NULL,
				   "probe description is longer than 1024 characters");
			goto out;
		}
	}
	ret = dv_arena_strndup(&l->script->arena, v.data ? v.data : "", v.count);
out:
	DV_VEC_FREE(&v);
	return ret;
}
