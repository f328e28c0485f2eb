/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a clause assigns and uses, from its untyped tree. A variable has one type in the whole script, that of its first
 * assignment in the text; but clauses are checked machine by machine, in any order, and one that reads a variable may
 * come before the one that sets it. So all assignments are written down before anything is checked (vars.c).
 */
#include "lang/impl.h"

#include <string.h>

bool dv_script_assigns(const struct dv_script *s, enum dv_var_scope scope, const char *name)
{
	for (size_t i = 0; i < s->assigns.count; i++)
		if (s->assigns.data[i].scope == scope && !strcmp(s->assigns.data[i].name, name))
			return true;
	return false;
}

const struct dv_aggdef *dv_script_aggdef(const struct dv_script *s, const char *name)
{
	for (size_t i = 0; i < s->aggdefs.count; i++)
		if (!strcmp(s->aggdefs.data[i].name, name))
			return &s->aggdefs.data[i];
	return NULL;
}

static void walk_node(struct dv_script *s, struct dv_clause *c, struct dv_node *n, unsigned inlines)
{
	if (n->kind == DV_NODE_IDENT && n->scope == DV_SCOPE_GLOBAL) {
		const struct dv_vdecl *d = dv_script_decl(s, DV_SCOPE_GLOBAL, n->str);

		if (!strcmp(n->str, "args"))
			c->uses_args = true;
		else if (!strcmp(n->str, "probeprov") || !strcmp(n->str, "probemod") || !strcmp(n->str, "probefunc") ||
			 !strcmp(n->str, "probename"))
			c->uses_probe_names = true;
		else if (d && d->value && inlines < 8)
			walk_node(s, c, d->value, inlines + 1);
	} else if (n->kind == DV_NODE_SYM && n->machine) {
		c->uses_machine_syms = s->machine_syms = true;
	} else if ((n->kind == DV_NODE_ASSIGN || n->kind == DV_NODE_INCDEC) && !inlines) {
		const struct dv_node *to = n->kids[0]->kind == DV_NODE_INDEX ? n->kids[0]->kids[0] : n->kids[0];

		if (to->kind == DV_NODE_IDENT)
			*DV_PUSH(&s->assigns) = (struct dv_assign){to->str, to->scope, n, c->index};
	}
	for (uint32_t i = 0; i < n->kid_count; i++)
		walk_node(s, c, n->kids[i], inlines);
}

void dv_usage_given(struct dv_script *s, struct dv_node *n, uint32_t clause)
{
	if (n->kind == DV_NODE_ASSIGN && n->kids[0]->kind == DV_NODE_IDENT)
		*DV_PUSH(&s->assigns) = (struct dv_assign){n->kids[0]->str, n->kids[0]->scope, n, clause};
	for (uint32_t i = 0; i < n->kid_count; i++)
		dv_usage_given(s, n->kids[i], clause);
}

static void walk_stmts(struct dv_script *s, struct dv_clause *c, struct dv_stmt *st)
{
	for (; st; st = st->next) {
		if (st->expr)
			walk_node(s, c, st->expr, 0);
		if (st->agg) {
			walk_node(s, c, st->agg, 0);
			if (st->func && !dv_script_aggdef(s, st->agg->str))
				*DV_PUSH(&s->aggdefs) = (struct dv_aggdef){st->agg->str, st->agg->kid_count};
		}
		if (st->func)
			walk_node(s, c, st->func, 0);
		walk_stmts(s, c, st->then);
		walk_stmts(s, c, st->otherwise);
	}
}

void dv_usage_clause(struct dv_script *s, struct dv_clause *c)
{
	if (c->predicate)
		walk_node(s, c, c->predicate, 0);
	walk_stmts(s, c, c->stmts);
}
