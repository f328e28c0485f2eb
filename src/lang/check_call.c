/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of subroutines and actions. Their formats are in check_printf.c, aggregating functions in check_agg.c. */
#include "lang/impl.h"

#include <signal.h>
#include <string.h>

bool dv_check_need(struct dv_check *ck, const struct dv_node *n, const char *name, uint32_t min, uint32_t max)
{
	if (n->kid_count >= min && n->kid_count <= max)
		return true;
	DV_ERR_AT(ck, n->loc, "D_PROTO_LEN", "%s( ) prototype mismatch: %u arg%s passed, %s%u expected", name,
		  n->kid_count, n->kid_count == 1 ? "" : "s",
		  min == max	       ? ""
		  : n->kid_count < min ? "at least "
				       : "at most ",
		  n->kid_count < min ? min : max);
	return false;
}

static int key_kind(const struct dv_type *t)
{
	return !t || dv_type_resolve(t)->kind == DV_TYPE_STACK ? 2 : dv_type_is_string(t);
}

// As many keys, and numbers, text and stacks at the same places.
static bool same_keys(struct dv_check *ck, const struct dv_node *at, const struct dv_agg *a, const struct dv_agg *b)
{
	if (a->key_count != b->key_count) {
		DV_ERR_AT(ck, at->loc, "D_PRINTA_AGGKEY", "printa( ) @%s and @%s do not have the same keys: %u and %u of them",
			  a->name, b->name, a->key_count, b->key_count);
		return false;
	}
	for (uint32_t k = 0; a->defined && b->defined && k < a->key_count; k++) {
		const struct dv_type *x = a->key_types[k], *y = b->key_types[k];

		if (key_kind(x) != key_kind(y)) {
			DV_ERR_AT(ck, at->loc, "D_PRINTA_AGGPROTO", "printa( ) key #%u of @%s is %s, that of @%s is %s", k + 1,
				  a->name, dv_tname(ck, x), b->name, dv_tname(ck, y));
			return false;
		}
	}
	return true;
}

static bool check_printa(struct dv_check *ck, const struct dv_node *n, struct dv_node *c);

// trace() and print(): anything that has a size; print() of an aggregation is printa().
static bool check_shown(struct dv_check *ck, const struct dv_node *n, struct dv_node *c)
{
	struct dv_node *v;
	const struct dv_type *t;

	if (!dv_check_need(ck, n, n->str, 1, 1))
		return false;
	if (n->kids[0]->kind == DV_NODE_AGG && c->call->id == DV_C_PRINT) {
		c->call = &dv_call_find("printa")->call;
		return check_printa(ck, n, c);
	}
	if (n->kids[0]->kind == DV_NODE_AGG) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_TRACE_DYN",
			  "%s( ) may not be applied to an aggregation: use printa( )", n->str);
		return false;
	}
	if (c->call->id == DV_C_TRACE && dv_is_stack_call(n->kids[0])) {
		dv_check_kids(ck, c, 1);
		c->kids[0] = dv_check_stack(ck, n->kids[0]);
		return c->kids[0] != NULL;
	}
	v = n->kids[0]->kind == DV_NODE_CALL ? dv_check_call(ck, n->kids[0], false) : dv_check_expr(ck, n->kids[0]);
	if (!v)
		return false;
	t = dv_type_complete(v->type);
	if (dv_is_xlated_value(v)) {
		v = dv_xlate_whole(ck, n->kids[0], v);
		if (!v)
			return false;
	}
	if (c->call->id == DV_C_PRINT && t->kind == DV_TYPE_PTR) {
		const struct dv_type *to = dv_type_complete(t->ref);

		if ((to->kind == DV_TYPE_STRUCT || to->kind == DV_TYPE_UNION) && to->size) {
			v = dv_check_deref(ck, n, v);
			if (v && dv_is_xlated_value(v))
				v = dv_xlate_whole(ck, n->kids[0], v);
			if (!v)
				return false;
			t = to;
		}
	}
	if (t->kind == DV_TYPE_VOID) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_TRACE_VOID", "%s( ) may not be applied to a void expression", n->str);
		return false;
	}
	if (t->kind == DV_TYPE_FUNC)
		v = dv_decay(ck, v);
	else if (dv_type_is_string(t))
		v = dv_to_string(ck, v);
	else if ((t->kind == DV_TYPE_FLOAT && !dv_is_lvalue(v)) || t->kind == DV_TYPE_FWD || !t->size || t->size > 4096 ||
		 (dv_type_is_integer(t) && t->size > 8)) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_PRINT_SIZE", "%s( ) of %s is not supported%s", n->str,
			  dv_tname(ck, v->type), t->size > 4096 ? ": it is larger than 4096 bytes" : "");
		return false;
	}
	dv_check_kids(ck, c, 1);
	c->kids[0] = v;
	return true;
}

struct dv_node *dv_check_agg_ref(struct dv_check *ck, const struct dv_node *n, const char *what, const char *tag)
{
	const struct dv_aggdef *d;
	struct dv_node *c;

	if (n->kind != DV_NODE_AGG)
		return DV_ERR_AT(ck, n->loc, tag, "%s( ) argument must be an aggregation: @name", what);
	if (n->kid_count)
		return DV_ERR_AT(ck, n->loc, tag, "%s( ) argument must be a whole aggregation: write @%s without keys",
				 what, n->str);
	d = dv_script_aggdef(ck->script, n->str);
	if (!d) {
		struct dv_near near;
		char hint[96];

		dv_near_init(&near, n->str);
		for (size_t i = 0; i < ck->script->aggdefs.count; i++)
			dv_near_offer(&near, ck->script->aggdefs.data[i].name);
		return dv_check_error(ck, n->loc, "D_AGG_UNDEF", dv_near_hint(&near, "@", hint, sizeof(hint)),
				      "undefined aggregation: @%s", n->str);
	}
	c = dv_check_copy(ck, n, DV_NODE_AGG, dv_type_void());
	c->str = n->str;
	c->agg = dv_agg_get(ck, n->str, n->loc);
	if (!c->agg)
		return NULL;
	if (!c->agg->defined)
		c->agg->key_count = d->key_count;
	return c;
}

// clear(@), trunc(@[, n]), normalize(@, n), denormalize(@)
static bool check_agg_action(struct dv_check *ck, const struct dv_node *n, struct dv_node *c)
{
	static const char *const tags[] = {[DV_C_CLEAR] = "D_CLEAR_AGGARG", [DV_C_TRUNC] = "D_TRUNC_AGGARG",
					   [DV_C_NORMALIZE] = "D_NORMALIZE_AGGARG",
					   [DV_C_DENORMALIZE] = "D_DENORMALIZE_AGGARG"};
	enum dv_call_id id = c->call->id;

	if (!dv_check_need(ck, n, n->str, id == DV_C_NORMALIZE ? 2 : 1,
			   id == DV_C_NORMALIZE || id == DV_C_TRUNC ? 2 : 1))
		return false;
	dv_check_kids(ck, c, n->kid_count);
	c->kids[0] = dv_check_agg_ref(ck, n->kids[0], n->str, tags[id]);
	if (n->kid_count > 1) {
		c->kids[1] = dv_check_value(ck, n->kids[1]);
		if (c->kids[1] && !dv_type_is_integer(c->kids[1]->type))
			c->kids[1] =
			    DV_ERR_AT(ck, n->kids[1]->loc, id == DV_C_TRUNC ? "D_TRUNC_SCALAR" : "D_NORMALIZE_SCALAR",
				      "%s( ) argument #2 must be of scalar type", n->str);
		else if (c->kids[1])
			c->kids[1] = dv_cast(ck, c->kids[1], dv_type_int(8, id == DV_C_TRUNC));
	}
	return c->kids[0] && (n->kid_count < 2 || c->kids[1]);
}

static bool check_printa(struct dv_check *ck, const struct dv_node *n, struct dv_node *c)
{
	uint32_t first = n->kid_count && n->kids[0]->kind == DV_NODE_STR;
	const struct dv_node *fmt = first ? n->kids[0] : NULL;
	bool ok = true;

	if (!n->kid_count || n->kid_count == first) {
		DV_ERR_AT(ck, n->loc, n->kid_count ? "D_PRINTA_PROTO" : "D_PROTO_LEN",
			  "%s", n->kid_count ? "printa( ) requires an aggregation behind its format"
					     : "printa( ) prototype mismatch: 0 args passed, at least 1 expected");
		return false;
	}
	dv_check_kids(ck, c, n->kid_count);
	if (fmt)
		c->kids[0] = dv_check_expr(ck, fmt);
	for (uint32_t i = first; i < n->kid_count; i++) {
		c->kids[i] = dv_check_agg_ref(ck, n->kids[i], "printa", i ? "D_PRINTA_AGGARG" : "D_PRINTA_PROTO");
		ok &= c->kids[i] != NULL;
	}
	for (uint32_t i = first + 1; ok && i < n->kid_count; i++)
		ok = same_keys(ck, n->kids[i], c->kids[first]->agg, c->kids[i]->agg);
	return ok && (!fmt || dv_check_printa_format(ck, c, fmt));
}

// What a conversion prints: a value, a stack, or a floating-point number where it lies.
static struct dv_node *printed(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *v;

	if (dv_is_stack_call(n))
		return dv_check_stack(ck, n);
	v = dv_check_expr(ck, n);
	if (!v || (dv_type_resolve(v->type)->kind == DV_TYPE_FLOAT && dv_is_lvalue(v)))
		return v;
	return dv_as_value(ck, n, v);
}

static bool check_printf_args(struct dv_check *ck, const struct dv_node *n, struct dv_node *c)
{
	DV_VEC(struct dv_node *) v = {0};
	bool ok = true;

	if (!n->kid_count) {
		DV_ERR_AT(ck, n->loc, "D_PROTO_LEN",
			  "%s( ) prototype mismatch: 0 args passed, at least 1 expected", n->str);
		return false;
	}
	if (n->kids[0]->kind != DV_NODE_STR) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_PRINTF_ARG_FMT", "%s( ) argument #1 must be a string constant", n->str);
		return false;
	}
	if (c->call->id == DV_C_FREOPEN && !strcmp(n->kids[0]->str, ".")) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_FREOPEN_INVALID", "freopen( ) argument #1 cannot be \".\"");
		return false;
	}
	// freopen("") goes back to where the output went at first.
	if (!n->kids[0]->str_len && c->call->id != DV_C_FREOPEN) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_PRINTF_FMT_EMPTY", "%s( ) format string is empty", n->str);
		return false;
	}
	for (uint32_t i = 0; i < n->kid_count; i++) {
		struct dv_node *a;

		if (n->kids[i]->kind == DV_NODE_AGG) {
			DV_ERR_AT(ck, n->kids[i]->loc, "D_PRINTF_ARG_TYPE",
				  "%s( ) argument #%u is an aggregation: use printa( )", n->str, i + 1);
			a = NULL;
		} else {
			a = printed(ck, n->kids[i]);
		}
		ok &= a != NULL;
		*DV_PUSH(&v) = a;
	}
	ok = ok && dv_check_printf(ck, c, v.data, (uint32_t)v.count);
	DV_VEC_FREE(&v);
	return ok;
}

// tracemem(address, bytes[, how many of them to show])
static bool check_tracemem(struct dv_check *ck, const struct dv_node *n, struct dv_node *c)
{
	struct dv_node *a, *size;

	if (!dv_check_need(ck, n, n->str, 2, 3))
		return false;
	dv_check_kids(ck, c, n->kid_count);
	a = dv_check_value(ck, n->kids[0]);
	size = dv_check_value(ck, n->kids[1]);
	if (!a || !size)
		return false;
	c->kids[0] = a = dv_decay(ck, a);
	c->kids[1] = size;
	if (!dv_type_is_scalar(a->type) || dv_type_is_string(a->type)) {
		DV_ERR_AT(ck, n->kids[0]->loc, "D_TRACEMEM_ADDR",
			  "tracemem( ) argument #1 is incompatible with prototype: prototype: pointer or integer, "
			  "argument: %s", dv_tname(ck, a->type));
		return false;
	}
	if (size->kind != DV_NODE_INT || !size->ival || (int64_t)size->ival < 0) {
		DV_ERR_AT(ck, n->kids[1]->loc, "D_TRACEMEM_SIZE",
			  "tracemem( ) argument #2 must be a non-zero positive integral constant expression");
		return false;
	}
	if (size->ival > 4096) {
		DV_ERR_AT(ck, n->kids[1]->loc, "D_TRACEMEM_SIZE", "tracemem( ) records at most 4096 bytes");
		return false;
	}
	if (n->kid_count < 3)
		return true;
	c->kids[2] = dv_check_value(ck, n->kids[2]);
	if (c->kids[2] && !dv_type_is_integer(c->kids[2]->type)) {
		DV_ERR_AT(ck, n->kids[2]->loc, "D_TRACEMEM_DYNSIZE",
			  "tracemem( ) argument #3 is incompatible with prototype: prototype: an integer, argument: %s",
			  dv_tname(ck, c->kids[2]->type));
		return false;
	}
	return c->kids[2] != NULL;
}

struct dv_node *dv_check_call(struct dv_check *ck, const struct dv_node *n, bool statement)
{
	const struct dv_call_row *row = dv_call_find(n->str);
	struct dv_node *c;
	bool ok;

	if (!row) {
		struct dv_near near;
		char hint[96];

		if (dv_is_builtin(n->str) || dv_var_known(ck, DV_SCOPE_GLOBAL, n->str))
			return DV_ERR_AT(ck, n->loc, "D_FUNC_IDENT", "variable '%s' may not be called as a function",
					 n->str);
		dv_near_init(&near, n->str);
		dv_call_near(&near);
		return dv_check_error(ck, n->loc, "D_FUNC_UNDEF", dv_near_hint(&near, "", hint, sizeof(hint)),
				      "undefined function name: %s( )", n->str);
	}
	if (row->call.id == DV_C_UNSUPPORTED && row->why)
		return DV_ERR_AT(ck, n->loc, "D_UNSUPPORTED", "%s( ) is not supported: %s", n->str, row->why);
	if (row->call.id == DV_C_UNSUPPORTED)
		return DV_ERR_AT(ck, n->loc, "D_NOT_YET", "%s() is not supported yet", n->str);
	if (row->call.kind == DV_CALL_AGGFUNC)
		return DV_ERR_AT(ck, n->loc, "D_AGG_FUNC",
				 "%s( ) may only be assigned to an aggregation: @name = %s(...)", n->str, n->str);
	if (row->call.kind == DV_CALL_ACTION && !statement)
		return DV_ERR_AT(ck, n->loc, "D_OP_ACT",
				 "%s( ) is an action: it may not be called from within an expression", n->str);
	if (!dv_check_allowed(ck, n, row))
		return NULL;
	if (dv_is_stack_call(n))
		return dv_check_stack(ck, n);
	if (row->call.kind == DV_CALL_SUBR)
		return dv_check_subr(ck, n, row);
	c = dv_check_copy(ck, n, DV_NODE_CALL, dv_type_void());
	c->str = row->call.name;
	c->call = &row->call;
	switch (row->call.id) {
	case DV_C_PRINTF:
	case DV_C_SYSTEM:
	case DV_C_FREOPEN:
		ok = check_printf_args(ck, n, c);
		break;
	case DV_C_TRACEMEM:
		ok = check_tracemem(ck, n, c);
		break;
	case DV_C_PRINTA:
		ok = check_printa(ck, n, c);
		break;
	case DV_C_PRINT:
	case DV_C_TRACE:
		ok = check_shown(ck, n, c);
		break;
	case DV_C_CLEAR:
	case DV_C_TRUNC:
	case DV_C_NORMALIZE:
	case DV_C_DENORMALIZE:
		ok = check_agg_action(ck, n, c);
		break;
	default:
		ok = dv_check_args(ck, n, c, row->args);
		if (ok && row->call.id == DV_C_EXIT)
			c->kids[0] = dv_cast(ck, c->kids[0], dv_type_int(4, true));
		if (ok && row->call.id == DV_C_RAISE && !c->kid_count) { // stop()
			dv_check_kids(ck, c, 1);
			c->kids[0] = dv_int_node(ck, n, SIGSTOP, dv_type_int(4, true));
		}
		break;
	}
	return ok ? c : NULL;
}
