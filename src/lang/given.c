/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions that a provider gives. A probe with a stable name stands on places that differ from kernel to kernel, so
 * its provider says, in D, how its arguments are made of the words that such a place passes (the function's arguments,
 * say), and when it is this probe at all. A text is parsed once for a script and checked like the script's own, against
 * the types of the kernel that fired; in it arg0, arg1 ... are the words.
 */
#include "lang/impl.h"

#include <string.h>

static struct dv_node *parsed(struct dv_check *ck, const char *text)
{
	struct dv_script *s = ck->script;
	struct dv_given *g;

	for (size_t i = 0; i < s->given.count; i++)
		if (s->given.data[i].text == text)
			return s->given.data[i].node;
	g = DV_PUSH(&s->given);
	g->text = text;
	g->node = dv_parse_text(s, text, ck->diag);
	if (g->node)
		dv_usage_given(s, g->node, ck->clause->index);
	return g->node;
}

static struct dv_node *check_text(struct dv_check *ck, const char *text)
{
	struct dv_node *n = parsed(ck, text), *v;

	if (!n) {
		ck->failed = true;
		return NULL;
	}
	// Its names are its own: parameters of the inline that it is used in are not.
	ck->words = true;
	v = dv_check_body(ck, n, NULL, 0);
	if (v)
		v = dv_as_value(ck, n, v);
	ck->words = false;
	return v;
}

struct dv_node *dv_check_given(struct dv_check *ck, const struct dv_node *at, uint32_t n, const struct dv_type *t)
{
	const char *text = ck->env->arg_text(ck->env->ctx, n);
	struct dv_node *v;

	if (!text)
		return dv_int_node(ck, at, 0, t);
	v = check_text(ck, text);
	if (!v)
		return NULL;
	v = dv_decay(ck, v);
	// A pointer keeps what it is known to be, in user space, say.
	return dv_cast(ck, v, t);
}

struct dv_node *dv_check_guard(struct dv_check *ck, struct dv_node *predicate)
{
	struct dv_node *g = check_text(ck, ck->env->guard), *n;

	if (!g || !predicate)
		return g;
	n = dv_check_copy(ck, g, DV_NODE_BINARY, dv_type_int(4, true));
	n->op = DV_OP_LAND;
	dv_check_kids(ck, n, 2);
	n->kids[0] = g;
	n->kids[1] = predicate;
	return n;
}
