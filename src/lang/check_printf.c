/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats of printf() and printa() against what they are to print. */
#include "lang/impl.h"

#include <string.h>

#include "type/format.h"

static struct dv_conv *parse(struct dv_check *ck, const struct dv_node *fmt, size_t *count)
{
	const char *msg = NULL;
	uint32_t at = 0;
	struct dv_conv *c = dv_format_parse(fmt->str, fmt->str_len, count, &msg, &at);

	if (!c) {
		uint32_t len = 0; // of what is shown of it, on one line

		while (at + len < fmt->str_len && len < 12 && (unsigned char)fmt->str[at + len] >= ' ')
			len++;
		DV_ERR_AT(ck, fmt->loc, "D_SYNTAX", "format \"%.*s\": %s", (int)len, fmt->str + at, msg);
	}
	return c;
}

static unsigned size_prefix(const struct dv_conv *c)
{
	return !strcmp(c->size, "hh") ? 1 : !strcmp(c->size, "h") ? 2 : c->size[0] == 'l' ? 8 : 0;
}

static const char string_of_address[] = "a string: use stringof( ) or copyinstr( )";

// What conversion @p c wants, if @p v is not it; else NULL. Text is made a STRING.
static const char *wants(struct dv_check *ck, const struct dv_conv *c, struct dv_node **v)
{
	const struct dv_type *t = dv_type_resolve((*v)->type);

	switch (c->letter) {
	case 'd':
	case 'i':
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		if (!dv_type_is_integer(t))
			return "an integer";
		if (size_prefix(c) && size_prefix(c) != t->size)
			return size_prefix(c) == 8 ? "long" : size_prefix(c) == 2 ? "short" : "char";
		return NULL;
	case 'c':
	case 'C':
		return dv_type_is_integer(t) && t->size <= 4 ? NULL : "a character: char, short or int";
	case 's':
	case 'S':
		if (!dv_type_is_string(t))
			return dv_is_ptr(t) ? string_of_address : "a string";
		*v = dv_to_string(ck, *v);
		return NULL;
	case 'p':
	case 'a':
	case 'A':
		if (t->kind == DV_TYPE_STACK && t->count > DV_STACK_USER && c->letter != 'p')
			return dv_stack_is_user(t->count) == (c->letter == 'A') ? NULL
			       : c->letter == 'a' ? "a pointer, an integer or the result of sym( ), func( ) or mod( )"
						  : "a pointer, an integer or the result of usym( ), umod( ) or uaddr( )";
		*v = dv_decay(ck, *v);
		if (!dv_type_is_scalar((*v)->type))
			return "a pointer or an integer";
		if (c->letter == 'A') // whose address it is must be recorded, too
			*v = dv_uaddr_of(ck, *v);
		return NULL;
	case 'Y':
	case 'T':
		return dv_type_is_integer(t) && t->size == 8 ? NULL : "a time: 64-bit nanoseconds, as of walltimestamp";
	case 'k':
		return t->kind == DV_TYPE_STACK && t->count <= DV_STACK_USER ? NULL : "a stack: stack( ) or ustack( )";
	default:
		return t->kind == DV_TYPE_FLOAT ? NULL : "a floating-point value";
	}
}

// Each conversion takes its dynamic width and precision first, then its value.
bool dv_check_printf(struct dv_check *ck, struct dv_node *call, struct dv_node *const *args, uint32_t arg_count)
{
	const char *name = call->str;
	const struct dv_node *fmt = args[0];
	size_t count = 0;
	struct dv_conv *convs = parse(ck, fmt, &count);
	uint32_t next = 1, number = 0;
	bool ok = convs != NULL;

	dv_check_kids(ck, call, arg_count);
	for (uint32_t i = 0; i < arg_count; i++)
		call->kids[i] = args[i];
	for (size_t i = 0; ok && i < count; i++) {
		const struct dv_conv *c = &convs[i];
		const char *wanted;

		if (!c->letter)
			continue;
		number++;
		if (c->agg) {
			DV_ERR_AT(ck, fmt->loc, "D_PRINTF_AGG_CONV",
				  "%s( ) conversion #%u (%%@%c) is for aggregations only: use printa( )", name, number,
				  c->letter);
			ok = false;
			break;
		}
		for (unsigned star = 0; ok && star < (unsigned)c->width_star + c->prec_star; star++, next++) {
			const char *what = star || !c->width_star ? "precision" : "width";

			if (next >= arg_count) {
				DV_ERR_AT(ck, fmt->loc, "D_PRINTF_DYN_PROTO",
					  "%s( ) conversion #%u (%%%c) is missing an argument for its %s", name, number,
					  c->letter, what);
				ok = false;
			} else if (!dv_type_is_integer(call->kids[next]->type)) {
				DV_ERR_AT(ck, args[next]->loc, "D_PRINTF_DYN_TYPE",
					  "%s( ) argument #%u, the %s of conversion #%u (%%%c), must be an "
					  "integer, not %s",
					  name, next + 1, what, number, c->letter, dv_tname(ck, args[next]->type));
				ok = false;
			} else {
				call->kids[next] = dv_cast(ck, call->kids[next], dv_type_int(4, true));
			}
		}
		if (!ok)
			break;
		if (next >= arg_count) {
			DV_ERR_AT(ck, fmt->loc, "D_PRINTF_ARG_PROTO",
				  "%s( ) conversion #%u (%%%c) is missing its argument", name, number, c->letter);
			ok = false;
			break;
		}
		wanted = wants(ck, c, &call->kids[next]);
		// arg0 may well be an address.
		if (wanted && (c->letter == 's' || c->letter == 'S') && dv_type_is_integer(call->kids[next]->type) &&
		    call->kids[next]->type->size == 8)
			wanted = string_of_address;
		if (wanted) {
			DV_ERR_AT(ck, args[next]->loc, "D_PRINTF_ARG_TYPE",
				  "%s( ) argument #%u is incompatible with conversion #%u (%%%s%c): it takes %s; "
				  "argument: %s",
				  name, next + 1, number, c->size, c->letter, wanted, dv_tname(ck, args[next]->type));
			ok = false;
		}
		next++;
	}
	if (ok && next < arg_count) {
		DV_ERR_AT(ck, args[next]->loc, "D_PRINTF_ARG_EXTRA",
			  "%s( ) has more arguments than its format has conversions: %u needed", name, next - 1);
		ok = false;
	}
	free(convs);
	return ok;
}

// In printa() a conversion takes the next key, or with @ the next aggregation's value.
bool dv_check_printa_format(struct dv_check *ck, struct dv_node *call, const struct dv_node *fmt)
{
	uint32_t keys = 0, number = 0;
	const struct dv_agg *agg = call->kids[1]->agg;
	size_t count = 0;
	struct dv_conv *convs = parse(ck, fmt, &count);
	bool ok = convs != NULL;

	for (size_t i = 0; ok && i < count; i++) {
		const struct dv_conv *c = &convs[i];
		const char *wanted;
		struct dv_node key = {.kind = DV_NODE_ARGN, .loc = fmt->loc}, *k = &key;

		if (!c->letter)
			continue;
		number++;
		ok = false;
		if (c->width_star || c->prec_star) {
			DV_ERR_AT(
			    ck, fmt->loc, "D_PRINTF_DYN_PROTO",
			    "printa( ) conversion #%u (%%%c) may not take its width or precision from an argument",
			    number, c->letter);
		} else if (c->agg) {
			// More of them than aggregations: the last one again.
			key.type = dv_type_int(8, true);
			wanted = wants(ck, c, &k);
			if (wanted)
				DV_ERR_AT(ck, fmt->loc, "D_PRINTF_ARG_TYPE",
					  "printa( ) conversion #%u (%%@%s%c) does not fit an aggregation's value: it takes %s",
					  number, c->size, c->letter, wanted);
			ok = !wanted;
		} else if (keys >= agg->key_count) {
			DV_ERR_AT(ck, fmt->loc, "D_PRINTF_ARG_PROTO",
				  "printa( ) conversion #%u (%%%c) has no key left: @%s has %u", number, c->letter,
				  agg->name, agg->key_count);
		} else {
			key.type = agg->defined ? agg->key_types[keys] : NULL;
			keys++;
			wanted = key.type ? wants(ck, c, &k) : NULL;
			if (wanted)
				DV_ERR_AT(
				    ck, fmt->loc, "D_PRINTF_ARG_TYPE",
				    "printa( ) conversion #%u (%%%c) does not fit key #%u of @%s: it takes %s; key: %s",
				    number, c->letter, keys, agg->name, wanted, dv_tname(ck, key.type));
			ok = !wanted;
		}
	}
	free(convs);
	return ok;
}
