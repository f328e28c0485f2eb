/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines that begin with #: `#pragma D ...`, and what the C preprocessor leaves behind (`# 12 "file"`). They may stand
 * anywhere, also within a clause.
 */
#include "lang/impl.h"

#include <ctype.h>
#include <string.h>

struct line {
	struct dv_lexer *l;
	uint32_t pos, end;
};

static void blanks(struct line *s)
{
	const char *t = s->l->text;

	for (; s->pos < s->end; s->pos++) {
		if (s->end - s->pos >= 2 && t[s->pos] == '/' && t[s->pos + 1] == '/') {
			s->pos = s->end;
		} else if (s->end - s->pos >= 2 && t[s->pos] == '/' && t[s->pos + 1] == '*') {
			s->pos += 2;
			while (s->pos < s->end && !(t[s->pos] == '/' && t[s->pos - 1] == '*'))
				s->pos++;
			if (s->pos == s->end)
				return;
		} else if (!isspace((unsigned char)t[s->pos])) {
			return;
		}
	}
}

static struct dv_loc loc(const struct line *s)
{
	return (struct dv_loc){s->l->line, s->pos - s->l->line_start + 1, s->l->src_index};
}

static char *take(struct line *s, const char *stop)
{
	uint32_t from;
	const char *t = s->l->text;

	blanks(s);
	from = s->pos;
	if (s->pos < s->end && t[s->pos] == '"') {
		for (s->pos++; s->pos < s->end && t[s->pos] != '"'; s->pos++)
			;
		s->pos += s->pos < s->end;
		from++;
		return dv_arena_strndup(&s->l->script->arena, t + from,
					s->pos - from - (s->pos > from && t[s->pos - 1] == '"'));
	}
	while (s->pos < s->end && !isspace((unsigned char)t[s->pos]) && !strchr(stop, t[s->pos]))
		s->pos++;
	return dv_arena_strndup(&s->l->script->arena, t + from, s->pos - from);
}

static bool switched_on(const struct dv_option *o)
{
	static const char *const off[] = {"0", "off", "no", "false", "disable", "disabled", "unset"};

	for (size_t i = 0; o->value && i < DV_COUNT(off); i++)
		if (!strcasecmp(o->value, off[i]))
			return false;
	return true;
}

// Options that the text behind them is read by.
static void at_once(struct dv_lexer *l, const struct dv_option *o)
{
	if (!strcmp(o->name, "nolibs") && !o->value)
		dv_script_nolibs(l->script); // what follows would be looked up in them
	else if (!strcmp(o->name, "defaultargs"))
		l->defaultargs = switched_on(o);
	else if (!strcmp(o->name, "argref"))
		l->argref = switched_on(o);
}

static void option(struct line *s)
{
	struct dv_option o = {.loc = (blanks(s), loc(s))};

	o.name = take(s, "=");
	if (!*o.name) {
		dv_diag_at(s->l->script, s->l->diag, o.loc, "D_PRAGMA_MALFORM", NULL,
			   "malformed #pragma D option: write #pragma D option <name>[=<value>]");
		return;
	}
	blanks(s);
	if (s->pos < s->end && s->l->text[s->pos] == '=') {
		s->pos++;
		o.value = take(s, "");
	}
	blanks(s);
	if (s->pos < s->end) {
		dv_diag_at(s->l->script, s->l->diag, loc(s), "D_PRAGMA_MALFORM", NULL,
			   "malformed #pragma D option: one option a line, <name>[=<value>]");
		return;
	}
	at_once(s->l, &o);
	*DV_PUSH(&s->l->script->options) = o;
}

static void malformed(struct line *s, struct dv_loc at, const char *usage)
{
	dv_diag_at(s->l->script, s->l->diag, at, "D_PRAGMA_MALFORM", NULL, "malformed #pragma D: write #pragma D %s", usage);
}

// A library that lacks something is as if it were not there; a script that lacks something is refused.
static void depends_on(struct line *s, struct dv_loc at)
{
	struct dv_script *sc = s->l->script;
	char *kind = take(s, ""), *name;
	bool there;

	name = take(s, "");
	blanks(s);
	if (!*name || s->pos < s->end || (strcmp(kind, "library") && strcmp(kind, "module") && strcmp(kind, "provider"))) {
		malformed(s, at, "depends_on library|module|provider <name>");
		return;
	}
	if (!strcmp(kind, "library"))
		there = dv_lib_require(sc, name);
	else
		there = !sc->lib_env.has || sc->lib_env.has(sc->lib_env.ctx, kind, name);
	if (there)
		return;
	if (s->l->lib)
		s->l->lib->skipped = true;
	else
		dv_diag_at(sc, s->l->diag, at, "D_PRAGMA_DEPEND", NULL, "program requires %s %s, which is not there", kind,
			   name);
}

static bool is_attributes(const char *text)
{
	static const char *const stability[] = {"Internal", "Private", "Obsolete", "External", "Unstable", "Evolving",
						"Stable", "Standard"};
	static const char *const classes[] = {"Unknown", "CPU", "Platform", "Group", "ISA", "Common"};

	for (int part = 0; part < 3; part++) {
		size_t len = strcspn(text, "/");
		bool known = false;

		for (size_t i = 0; i < (part < 2 ? DV_COUNT(stability) : DV_COUNT(classes)); i++) {
			const char *w = part < 2 ? stability[i] : classes[i];

			known |= strlen(w) == len && !memcmp(w, text, len);
		}
		if (!known || text[len] != (part < 2 ? '/' : '\0'))
			return false;
		text += len + (part < 2);
	}
	return true;
}

// attributes A/B/C NAME, attributes A/B/C provider NAME [part], binding "x.y" NAME. They tell readers how far to rely
// on something; all that can be wrong with them is their form, and that nothing of that name is declared.
static void stability(struct line *s, struct dv_loc at, const char *word)
{
	char *value = take(s, ""), *name = take(s, ""), *rest;
	bool binding = word[0] == 'b';

	if (!*name || (binding ? !isdigit((unsigned char)value[0]) : !is_attributes(value))) {
		malformed(s, at, binding ? "binding \"<x.y>\" <name>" : "attributes <stability>/<stability>/<class> <name>");
		return;
	}
	if (!binding && !strcmp(name, "provider")) {
		name = take(s, "");
		rest = take(s, "");
		if (*rest && strcmp(rest, "provider") && strcmp(rest, "module") && strcmp(rest, "function") &&
		    strcmp(rest, "name") && strcmp(rest, "args"))
			malformed(s, at, "attributes <a/b/c> provider <name> provider|module|function|name|args");
	}
	blanks(s);
	if (s->pos < s->end)
		malformed(s, at, "attributes <a/b/c> <name>, one a line");
	else if (!s->l->lib)
		*DV_PUSH(&s->l->script->pragmas) = (struct dv_pragma){binding ? "binding" : "attributes", name, at};
}

static void pragma(struct line *s)
{
	struct dv_loc at;
	char *word = take(s, "");

	if (strcmp(word, "D"))
		return; // somebody else's
	blanks(s);
	at = loc(s);
	word = take(s, "");
	blanks(s);
	if (!strcmp(word, "option"))
		option(s);
	else if (!strcmp(word, "error"))
		dv_diag_at(s->l->script, s->l->diag, at, "D_PRAGERR", NULL, "#error: %.*s", (int)(s->end - s->pos),
			   s->l->text + s->pos);
	else if (!strcmp(word, "depends_on"))
		depends_on(s, at);
	else if (!strcmp(word, "attributes") || !strcmp(word, "binding"))
		stability(s, at, word);
	else if (strcmp(word, "ident") && strcmp(word, "line"))
		dv_diag_at(s->l->script, s->l->diag, at, "D_PRAGMA_INVAL", NULL, "unknown #pragma D %s",
			   *word ? word : "(nothing)");
}

static void marker(struct line *s, const char *number)
{
	char *end;
	unsigned long n = strtoul(number, &end, 10);
	struct dv_src_text *src = &s->l->script->sources.data[s->l->src_index];
	struct dv_marker *m;
	const char *file = NULL;

	if (*end || n > 100000000)
		return;
	blanks(s);
	if (s->pos < s->end && s->l->text[s->pos] == '"')
		file = take(s, "");
	m = DV_PUSH(&src->markers);
	m->phys = s->l->line + 1;
	m->line = (uint32_t)n;
	m->file = file && *file ? file : src->markers.count > 1 ? m[-1].file : src->name;
}

void dv_lex_directive(struct dv_lexer *l, uint32_t end)
{
	struct line s = {l, l->pos + 1, end};
	struct dv_loc at;
	char *word;

	blanks(&s);
	at = loc(&s);
	word = take(&s, "");
	if (!strcmp(word, "pragma")) {
		pragma(&s);
	} else if (isdigit((unsigned char)word[0])) {
		marker(&s, word);
	} else if (!strcmp(word, "line")) {
		marker(&s, take(&s, ""));
	} else if (!strcmp(word, "error")) {
		blanks(&s);
		dv_diag_at(l->script, l->diag, at, "D_PRAGERR", NULL, "#error: %.*s", (int)(s.end - s.pos),
			   l->text + s.pos);
	} else if (*word && strcmp(word, "ident")) {
		dv_diag_at(l->script, l->diag, at, "D_PRAGCTL_INVAL", "run the C preprocessor with -C",
			   "invalid control directive: #%s", word);
	}
}
