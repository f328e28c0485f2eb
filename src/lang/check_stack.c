/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stack(), ustack(), jstack(), and what shows an address by a name: sym(), func(), mod(), usym(), ufunc(), umod(), uaddr(). */
#include "lang/impl.h"

#include <string.h>

_Static_assert(DV_C_UADDR - DV_C_STACK == DV_STACK_UADDR && DV_C_USTACK - DV_C_STACK == DV_STACK_USER &&
		   DV_C_USYM - DV_C_STACK == DV_STACK_USYM,
	       "the calls are in the order of the kinds");

bool dv_is_stack_call(const struct dv_node *n)
{
	const struct dv_call_row *row = n->kind == DV_NODE_CALL ? dv_call_find(n->str) : NULL;

	return row && row->call.id >= DV_C_STACK && row->call.id <= DV_C_UADDR;
}

// A constant argument; stack's must not be 0.
static bool constant(struct dv_check *ck, const struct dv_node *n, uint32_t i, const char *tag, int64_t min,
		     uint64_t *ret)
{
	const struct dv_node *at = n->kids[i];
	struct dv_node *v = dv_check_value(ck, at);

	if (!v)
		return false;
	if (v->kind != DV_NODE_INT || !dv_type_is_integer(v->type) || (int64_t)v->ival < min ||
	    (int64_t)v->ival > INT32_MAX) {
		DV_ERR_AT(ck, at->loc, tag, "%s( ) argument #%u must be a %spositive integer constant", n->str, i + 1,
			  min ? "non-zero " : "");
		return false;
	}
	*ret = v->ival;
	return true;
}

static uint64_t default_frames(const struct dv_check_env *e, const char *name)
{
	if (name[0] == 's')
		return e->stackframes ? e->stackframes : 20;
	if (name[0] == 'j')
		return e->jstackframes ? e->jstackframes : 50;
	return e->ustackframes ? e->ustackframes : 100;
}

static bool check_frames(struct dv_check *ck, const struct dv_node *n, struct dv_node *c)
{
	bool user = c->call->id == DV_C_USTACK;
	uint64_t max = ck->env->maxframes ? ck->env->maxframes : 127, strsize;

	if (!dv_check_need(ck, n, n->str, 0, user ? 2 : 1))
		return false;
	c->ival = default_frames(ck->env, n->str);
	if (n->kid_count > 0 && !constant(ck, n, 0, user ? "D_USTACK_FRAMES" : "D_STACK_SIZE", 1, &c->ival))
		return false;
	// Room for the names of a Java machine's frames: there are none here.
	if (n->kid_count > 1 && !constant(ck, n, 1, "D_USTACK_STRSIZE", 0, &strsize))
		return false;
	if (c->ival > max)
		c->ival = max;
	if (c->ival > DV_STACK_MAX)
		c->ival = DV_STACK_MAX;
	return true;
}

static bool check_addr(struct dv_check *ck, const struct dv_node *n, struct dv_node *c)
{
	struct dv_node *v;

	if (!dv_check_need(ck, n, n->str, 1, 1))
		return false;
	v = dv_check_value(ck, n->kids[0]);
	v = v ? dv_decay(ck, v) : NULL;
	if (!v)
		return false;
	if (!dv_type_is_scalar(v->type)) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_PROTO_ARG",
			  "%s( ) argument #1 is incompatible with prototype: prototype: an address, argument: %s",
			  n->str, dv_tname(ck, v->type));
		return false;
	}
	dv_check_kids(ck, c, 1);
	c->kids[0] = v;
	return true;
}

static struct dv_node *make(struct dv_check *ck, const struct dv_node *at, const char *name)
{
	const struct dv_call_row *row = dv_call_find(name);
	struct dv_node *c = dv_check_copy(ck, at, DV_NODE_CALL, dv_type_stack(row->call.id - DV_C_STACK));

	c->str = row->call.name;
	c->call = &row->call;
	return c;
}

struct dv_node *dv_check_stack(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *c = make(ck, n, n->str);
	bool ok = c->call->id <= DV_C_USTACK ? check_frames(ck, n, c) : check_addr(ck, n, c);

	return ok ? c : NULL;
}

struct dv_node *dv_check_value_or_stack(struct dv_check *ck, const struct dv_node *n)
{
	return dv_is_stack_call(n) ? dv_check_stack(ck, n) : dv_check_value(ck, n);
}

struct dv_node *dv_uaddr_of(struct dv_check *ck, struct dv_node *addr)
{
	struct dv_node *c = make(ck, addr, "uaddr");

	dv_check_kids(ck, c, 1);
	c->kids[0] = addr;
	return c;
}
