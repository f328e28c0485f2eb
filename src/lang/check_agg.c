/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aggregating statements: @name[keys] = function(value). One aggregation has one function and one shape of keys. */
#include "lang/impl.h"

#include <inttypes.h>
#include <string.h>

static const char *func_name(uint32_t func)
{
	static const char *const names[] = {"count",  "sum",	  "min",       "max",	    "avg",
					    "stddev", "quantize", "lquantize", "llquantize"};

	return func < DV_COUNT(names) ? names[func] : "?";
}

// An argument that must be a constant integer between @p min and @p max.
static bool constant(struct dv_check *ck, const struct dv_node *n, const char *func, const char *what, const char *type_tag,
		     const char *val_tag, int64_t min, int64_t max, int64_t *ret)
{
	struct dv_node *v = dv_check_value(ck, n);

	if (!v)
		return false;
	if (v->kind != DV_NODE_INT || !dv_type_is_integer(v->type)) {
		DV_ERR_AT(ck, n->loc, type_tag, "%s( ) %s must be an integer constant", func, what);
		return false;
	}
	*ret = (int64_t)v->ival;
	if (*ret < min || *ret > max) {
		DV_ERR_AT(ck, n->loc, val_tag, "%s( ) %s must be from %" PRId64 " to %" PRId64, func, what, min, max);
		return false;
	}
	return true;
}

static bool lquantize(struct dv_check *ck, const struct dv_node *n, struct dv_agg_desc *d)
{
	int64_t base, limit, step = 1, levels;

	if (!constant(ck, n->kids[1], n->str, "base (argument #2)", "D_LQUANT_BASETYPE", "D_LQUANT_BASEVAL", INT32_MIN,
		      INT32_MAX, &base) ||
	    !constant(ck, n->kids[2], n->str, "limit (argument #3)", "D_LQUANT_LIMTYPE", "D_LQUANT_LIMVAL", INT32_MIN,
		      INT32_MAX, &limit) ||
	    (n->kid_count > 3 && !constant(ck, n->kids[3], n->str, "step (argument #4)", "D_LQUANT_STEPTYPE",
					   "D_LQUANT_STEPVAL", 1, UINT16_MAX, &step)))
		return false;
	if (base >= limit) {
		DV_ERR_AT(ck, n->kids[1]->loc, "D_LQUANT_MISMATCH",
			  "lquantize( ) base (argument #2) must be less than limit (argument #3)");
		return false;
	}
	levels = (limit - base) / step;
	if (!levels) {
		DV_ERR_AT(ck, n->kids[3]->loc, "D_LQUANT_STEPLARGE",
			  "lquantize( ) step (argument #4) is larger than limit - base");
		return false;
	}
	if (levels > UINT16_MAX) {
		DV_ERR_AT(ck, n->loc, "D_LQUANT_STEPSMALL",
			  "lquantize( ) step (argument #4) is too small: it makes %" PRId64 " levels, more than %u",
			  levels, UINT16_MAX);
		return false;
	}
	d->base = base;
	d->step = step;
	d->levels = (uint32_t)levels;
	d->data_size = (d->levels + 2) * 8;
	return true;
}

// Steps and factor: in whole buckets, in every magnitude.
static bool steps_fit(struct dv_check *ck, const struct dv_node *n, uint64_t factor, uint64_t low, uint64_t steps)
{
	uint64_t power = factor;
	const char *why = NULL;

	if (steps <= factor) {
		why = factor % steps ? "must divide factor (argument #2)" : NULL;
	} else if (steps % factor) {
		why = "must be a multiple of factor (argument #2)";
	} else {
		for (uint64_t i = 0; low ? i < low : power < steps; i++)
			power *= factor;
		if (power % steps)
			why = low ? "must divide factor to the power of low magnitude + 1" : "must divide a power of factor";
	}
	if (why)
		DV_ERR_AT(ck, n->kids[4]->loc, "D_LLQUANT_STEPVAL", "llquantize( ) steps (argument #5) %s", why);
	return !why;
}

static bool llquantize(struct dv_check *ck, const struct dv_node *n, struct dv_agg_desc *d)
{
	int64_t factor, low, high, steps;
	uint64_t at = 1, levels = 0, end;

	if (!constant(ck, n->kids[1], n->str, "factor (argument #2)", "D_LLQUANT_FACTORTYPE", "D_LLQUANT_FACTORVAL", 2,
		      UINT16_MAX, &factor) ||
	    !constant(ck, n->kids[2], n->str, "low magnitude (argument #3)", "D_LLQUANT_LMAGTYPE", "D_LLQUANT_LMAGVAL", 0,
		      UINT16_MAX, &low) ||
	    !constant(ck, n->kids[3], n->str, "high magnitude (argument #4)", "D_LLQUANT_HMAGTYPE", "D_LLQUANT_HMAGVAL", 0,
		      UINT16_MAX, &high) ||
	    !constant(ck, n->kids[4], n->str, "steps (argument #5)", "D_LLQUANT_STEPTYPE", "D_LLQUANT_STEPVAL", 1,
		      UINT16_MAX, &steps))
		return false;
	if (high < low) {
		DV_ERR_AT(ck, n->kids[3]->loc, "D_LLQUANT_HMAGVAL",
			  "llquantize( ) high magnitude (argument #4) must not be less than low magnitude (argument #3)");
		return false;
	}
	for (int64_t m = 0; m <= high; m++, at = end) {
		uint64_t width;

		if (__builtin_mul_overflow(at, (uint64_t)factor, &end) || end > INT64_MAX) {
			DV_ERR_AT(ck, n->kids[3]->loc, "D_LLQUANT_HMAGVAL",
				  "llquantize( ) high magnitude (argument #4) is too large: factor to the power of it + 1 does "
				  "not fit 64 bits");
			return false;
		}
		width = end > (uint64_t)steps ? end / (uint64_t)steps : 1;
		if (m >= low)
			levels += end / width - at / width;
	}
	if (!steps_fit(ck, n, (uint64_t)factor, (uint64_t)low, (uint64_t)steps))
		return false;
	if (levels > UINT16_MAX) {
		DV_ERR_AT(ck, n->kids[4]->loc, "D_LLQUANT_STEPVAL",
			  "llquantize( ) steps (argument #5) make %" PRIu64 " buckets, more than %u", levels, UINT16_MAX);
		return false;
	}
	d->base = factor;
	d->step = steps;
	d->mags = (uint32_t)low | (uint32_t)high << 16;
	d->levels = (uint32_t)levels;
	d->data_size = (2 * d->levels + 3) * 8;
	return true;
}

static bool describe(struct dv_check *ck, const struct dv_node *n, enum dv_call_id id, struct dv_agg_desc *d)
{
	static const struct {
		enum dv_agg_func func;
		uint32_t size, min, max; // of data; arguments
	} funcs[] = {
		[DV_C_COUNT] = {DV_AGG_COUNT, 8, 0, 0}, [DV_C_SUM] = {DV_AGG_SUM, 8, 1, 1},
		[DV_C_MIN] = {DV_AGG_MIN, 8, 1, 1}, [DV_C_MAX] = {DV_AGG_MAX, 8, 1, 1},
		[DV_C_AVG] = {DV_AGG_AVG, 16, 1, 1}, [DV_C_STDDEV] = {DV_AGG_STDDEV, 32, 1, 1},
		[DV_C_QUANTIZE] = {DV_AGG_QUANTIZE, DV_QUANTIZE_BUCKETS * 8, 1, 2},
		[DV_C_LQUANTIZE] = {DV_AGG_LQUANTIZE, 0, 3, 5},
		[DV_C_LLQUANTIZE] = {DV_AGG_LLQUANTIZE, 0, 5, 6},
	};

	if (!dv_check_need(ck, n, n->str, funcs[id].min, funcs[id].max))
		return false;
	d->func = funcs[id].func;
	d->data_size = funcs[id].size;
	if (id == DV_C_LLQUANTIZE)
		return llquantize(ck, n, d);
	return id != DV_C_LQUANTIZE || lquantize(ck, n, d);
}

// Is @p d what the aggregation already is?
static bool same(struct dv_check *ck, const struct dv_agg *a, const struct dv_agg_desc *d, struct dv_loc loc)
{
	const struct dv_agg_desc *o = &a->desc;
	const char *tag = NULL, *what = NULL;

	if (!a->defined)
		return true;
	if (o->func != d->func) {
		DV_ERR_AT(ck, loc, "D_AGG_REDEF",
			  "aggregation redefined: @%s = %s( ), but it was @%s = %s( ) on line %u", a->name,
			  func_name(d->func), a->name, func_name(o->func), a->loc.line);
		return false;
	}
	if (o->func == DV_AGG_LLQUANTIZE) {
		if (o->base != d->base)
			tag = "D_LLQUANT_MATCHFACTOR", what = "factor";
		else if ((o->mags & 0xffff) != (d->mags & 0xffff))
			tag = "D_LLQUANT_MATCHLMAG", what = "low magnitude";
		else if (o->mags != d->mags)
			tag = "D_LLQUANT_MATCHHMAG", what = "high magnitude";
		else if (o->step != d->step)
			tag = "D_LLQUANT_MATCHSTEPS", what = "number of steps";
	} else if (o->base != d->base)
		tag = "D_LQUANT_MATCHBASE", what = "base";
	else if (o->step != d->step)
		tag = "D_LQUANT_MATCHSTEP", what = "step";
	else if (o->levels != d->levels)
		tag = "D_LQUANT_MATCHLIM", what = "limit";
	if (tag)
		DV_ERR_AT(ck, loc, tag, "%s( ) of @%s has another %s than on line %u", func_name(d->func), a->name, what,
			  a->loc.line);
	return !tag;
}

static struct dv_node *number(struct dv_check *ck, const struct dv_node *n, const char *func)
{
	struct dv_node *v = dv_check_value(ck, n);

	if (!v)
		return NULL;
	if (!dv_type_is_scalar(v->type) || dv_type_is_string(v->type))
		return DV_ERR_AT(ck, n->loc, "D_AGG_SCALAR", "%s( ) argument must be of scalar type, not %s", func,
				 dv_tname(ck, v->type));
	return dv_is_ptr(v->type) ? dv_cast(ck, v, dv_type_int(8, false)) : v;
}

// Types that outlive the clause and its machine.
static const struct dv_type *key_type(const struct dv_type *t)
{
	t = dv_type_resolve(t);
	if (t->kind == DV_TYPE_STRING)
		return dv_type_string();
	if (t->kind == DV_TYPE_PTR)
		return dv_type_void_ptr();
	if (t->kind == DV_TYPE_STACK)
		return t;
	return dv_type_int((unsigned)t->size, t->is_signed);
}

// What must be the same wherever the aggregation is used.
static unsigned key_shape(const struct dv_type *t)
{
	return t->kind == DV_TYPE_STACK ? 2 + t->count : t->kind == DV_TYPE_STRING;
}

static struct dv_node *check_keys(struct dv_check *ck, const struct dv_node *n)
{
	struct dv_node *c = dv_check_copy(ck, n, DV_NODE_AGG, dv_type_void());
	const struct dv_aggdef *d = dv_script_aggdef(ck->script, n->str);
	struct dv_agg *a = dv_agg_get(ck, n->str, n->loc);
	uint32_t expected;
	bool ok = a != NULL;

	c->str = n->str;
	c->agg = a;
	if (n->kid_count > DV_KEYS_MAX)
		return DV_ERR_AT(ck, n->loc, "D_PROTO_LEN", "@%s has more than %u keys", n->str, DV_KEYS_MAX);
	dv_check_kids(ck, c, n->kid_count);
	for (uint32_t i = 0; i < n->kid_count; i++) {
		c->kids[i] = dv_check_agg_key(ck, n->kids[i]);
		ok &= c->kids[i] != NULL;
	}
	if (!ok)
		return NULL;
	expected = a->defined || !d ? a->key_count : d->key_count;
	if (n->kid_count != expected)
		return DV_ERR_AT(ck, n->loc, "D_PROTO_LEN", "@%s[ ] prototype mismatch: %u key%s passed, %u expected",
				 n->str, n->kid_count, n->kid_count == 1 ? "" : "s", expected);
	for (uint32_t i = 0; a->defined && i < n->kid_count; i++)
		if (key_shape(c->kids[i]->type) != key_shape(a->key_types[i]))
			return DV_ERR_AT(ck, n->kids[i]->loc, "D_PROTO_ARG",
					 "@%s[ ] key #%u is incompatible with prototype: prototype %s, key %s", n->str,
					 i + 1, dv_tname(ck, a->key_types[i]), dv_tname(ck, c->kids[i]->type));
	return c;
}

bool dv_check_agg_stmt(struct dv_check *ck, const struct dv_stmt *s, struct dv_stmt *t)
{
	const struct dv_node *f = s->func;
	const struct dv_call_row *row;
	struct dv_agg_desc d = {0};
	struct dv_node *c;
	uint32_t incr;

	if (!f) {
		DV_ERR_AT(ck, s->loc, "D_AGG_NULL", "expression has null effect: write @%s = count( )", s->agg->str);
		return false;
	}
	row = f->kind == DV_NODE_CALL ? dv_call_find(f->str) : NULL;
	if (f->kind == DV_NODE_CALL && !row) {
		dv_check_call(ck, f, true); // tells
		return false;
	}
	if (!row || row->call.kind != DV_CALL_AGGFUNC) {
		DV_ERR_AT(ck, f->loc, "D_AGG_FUNC",
			  "@%s may only be assigned the result of an aggregating function: count( ), sum( ) ...",
			  s->agg->str);
		return false;
	}
	if (!dv_check_agg_allowed(ck, s->loc))
		return false;
	t->agg = check_keys(ck, s->agg);
	if (!describe(ck, f, row->call.id, &d) || !t->agg || !same(ck, t->agg->agg, &d, f->loc))
		return false;
	c = t->func = dv_check_copy(ck, f, DV_NODE_CALL, dv_type_void());
	c->str = row->call.name;
	c->call = &row->call;
	// The value, then the increment: behind quantize's value, behind the constants of the others.
	incr = row->call.id == DV_C_LLQUANTIZE ? 5 : row->call.id == DV_C_LQUANTIZE ? 4 : 1;
	dv_check_kids(ck, c, f->kid_count == 0 ? 0 : f->kid_count > incr ? 2 : 1);
	for (uint32_t i = 0; i < c->kid_count; i++) {
		c->kids[i] = number(ck, f->kids[i ? incr : 0], f->str);
		if (!c->kids[i])
			return false;
	}
	if (!t->agg->agg->defined) {
		struct dv_agg *a = t->agg->agg;

		a->defined = true;
		a->loc = s->loc;
		a->desc = d;
		a->key_count = t->agg->kid_count;
		for (uint32_t i = 0; i < a->key_count; i++)
			a->key_types[i] = key_type(t->agg->kids[i]->type);
	}
	return true;
}
