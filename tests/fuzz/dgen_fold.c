/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constant expressions three times over: as they are, which the checker folds; with variables in their constants' place,
 * which a machine computes; and by C here. The program compares them and says so when they differ.
 */
#include <string.h>

#include "dgen_impl.h"

#define NODES 128 // four levels of three

enum ctype { C_INT, C_UINT, C_LONG, C_ULONG, C_TYPES };
static const char *const type_names[C_TYPES] = {"int", "unsigned int", "long", "unsigned long"};
enum op { O_LIT, O_ADD, O_SUB, O_MUL, O_DIV, O_MOD, O_AND, O_OR, O_XOR, O_SHL, O_SHR, O_EQ, O_NE, O_LT, O_LE, O_GT, O_GE, O_LAND,
	  O_LOR, O_NEG, O_NOT, O_LNOT, O_CAST, O_COND };
static const char *const op_names[] = {"", "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=",
				       "&&", "||", "-", "~", "!", "", "?"};

struct value {
	enum ctype type;
	uint64_t v;   // as the type's 64-bit form
	bool unknown; // C does not say
};
struct node {
	enum op op;
	enum ctype to; // CAST
	uint8_t kid[3];
	struct value val;
	unsigned variable; // LIT: its number
};
struct tree {
	struct node n[NODES];
	unsigned count, literals;
};

static uint64_t narrow(enum ctype t, uint64_t v)
{
	switch (t) {
	case C_INT:
		return (uint64_t)(int64_t)(int32_t)v;
	case C_UINT:
		return (uint32_t)v;
	default:
		return v;
	}
}

static bool is_signed(enum ctype t)
{
	return t == C_INT || t == C_LONG;
}

static enum ctype usual(enum ctype a, enum ctype b)
{
	return a > b ? a : b; // the order of the ranks, and no smaller signed type holds a smaller unsigned one but long
}

static struct value binary(enum op op, struct value a, struct value b)
{
	enum ctype t = op == O_SHL || op == O_SHR ? a.type : usual(a.type, b.type);
	unsigned bits = t == C_INT || t == C_UINT ? 32 : 64;
	struct value r = {t, 0, a.unknown || b.unknown};
	uint64_t x = narrow(t, a.v), y = op == O_SHL || op == O_SHR ? b.v : narrow(t, b.v);
	bool sign = is_signed(t);

	switch (op) {
	case O_ADD: r.v = x + y; break;
	case O_SUB: r.v = x - y; break;
	case O_MUL: r.v = x * y; break;
	case O_DIV:
	case O_MOD:
		if (!y || (sign && y == ~0ull)) {
			r.unknown = true;
			break;
		}
		r.v = op == O_DIV ? sign ? (uint64_t)((int64_t)x / (int64_t)y) : x / y
				  : sign ? (uint64_t)((int64_t)x % (int64_t)y) : x % y;
		break;
	case O_AND: r.v = x & y; break;
	case O_OR: r.v = x | y; break;
	case O_XOR: r.v = x ^ y; break;
	case O_SHL:
	case O_SHR:
		if (y >= bits) {
			r.unknown = true;
			break;
		}
		r.v = op == O_SHL ? x << y : sign ? (uint64_t)((int64_t)x >> y) : x >> y;
		break;
	case O_EQ: r = (struct value){C_INT, x == y, r.unknown}; break;
	case O_NE: r = (struct value){C_INT, x != y, r.unknown}; break;
	case O_LT: r = (struct value){C_INT, sign ? (int64_t)x < (int64_t)y : x < y, r.unknown}; break;
	case O_LE: r = (struct value){C_INT, sign ? (int64_t)x <= (int64_t)y : x <= y, r.unknown}; break;
	case O_GT: r = (struct value){C_INT, sign ? (int64_t)x > (int64_t)y : x > y, r.unknown}; break;
	case O_GE: r = (struct value){C_INT, sign ? (int64_t)x >= (int64_t)y : x >= y, r.unknown}; break;
	case O_LAND: r = (struct value){C_INT, a.v && b.v, r.unknown}; break;
	default: r = (struct value){C_INT, a.v || b.v, r.unknown}; break;
	}
	r.v = narrow(r.type, r.v);
	return r;
}

static struct value unary(const struct node *n, struct value a)
{
	struct value r = a;

	switch (n->op) {
	case O_NEG: r.v = -a.v; break;
	case O_NOT: r.v = ~a.v; break;
	case O_LNOT: r = (struct value){C_INT, !a.v, a.unknown}; break;
	default: r.type = n->to; break;
	}
	r.v = narrow(r.type, r.v);
	return r;
}

static uint8_t make(struct dgen *g, struct tree *t, unsigned depth)
{
	static const uint64_t values[] = {0, 1, 2, 3, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff,
					  0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe};
	uint8_t at = (uint8_t)t->count++;
	struct node *n = &t->n[at];

	memset(n, 0, sizeof(*n));
	n->op = depth > 3 || chance(g, 3) ? O_LIT : pick(g, O_COND + 1);
	if (n->op == O_LIT) {
		n->variable = t->literals++;
		n->val.type = pick(g, C_TYPES);
		n->val.v = values[pick(g, sizeof(values) / sizeof(*values))] >> (is_signed(n->val.type) && pick(g, 2));
		// A constant that does not fit its suffix has a wider type.
		if (n->val.type == C_INT && n->val.v > 0x7fffffff)
			n->val.v &= 0x7fffffff;
		if (n->val.type == C_UINT)
			n->val.v = (uint32_t)n->val.v;
		if (n->val.type == C_LONG)
			n->val.v &= 0x7fffffffffffffff;
		return at;
	}
	n->to = pick(g, C_TYPES);
	for (unsigned k = 0; k < (n->op == O_COND ? 3u : n->op >= O_NEG ? 1u : 2u); k++)
		n->kid[k] = make(g, t, depth + 1);
	if (n->op == O_COND) {
		const struct value *c = &t->n[n->kid[0]].val, *a = &t->n[n->kid[1]].val, *b = &t->n[n->kid[2]].val;

		n->val = c->v ? *a : *b;
		n->val.type = usual(a->type, b->type);
		n->val.v = narrow(n->val.type, n->val.v);
		n->val.unknown = c->unknown || a->unknown || b->unknown;
	} else if (n->op >= O_NEG) {
		n->val = unary(n, t->n[n->kid[0]].val);
	} else {
		n->val = binary(n->op, t->n[n->kid[0]].val, t->n[n->kid[1]].val);
	}
	return at;
}

static void show(struct dgen *g, const struct tree *t, uint8_t at, bool variables)
{
	const struct node *n = &t->n[at];
	const uint8_t *k = n->kid;

	if (n->op == O_LIT && variables) {
		put(g, "this->f%u_%u", g->folds, n->variable);
	} else if (n->op == O_LIT) {
		put(g, "%llu%s", (unsigned long long)n->val.v, (const char *[]){"", "u", "l", "ul"}[n->val.type]);
	} else if (n->op == O_COND) {
		put(g, "(");
		show(g, t, k[0], variables);
		put(g, " ? ");
		show(g, t, k[1], variables);
		put(g, " : ");
		show(g, t, k[2], variables);
		put(g, ")");
	} else if (n->op >= O_NEG) {
		if (n->op == O_CAST)
			put(g, "((%s)", type_names[n->to]);
		else
			put(g, "(%s", op_names[n->op]);
		show(g, t, k[0], variables);
		put(g, ")");
	} else {
		put(g, "(");
		show(g, t, k[0], variables);
		put(g, " %s ", op_names[n->op]);
		show(g, t, k[1], variables);
		put(g, ")");
	}
}

static bool divides(const struct tree *t)
{
	for (unsigned i = 0; i < t->count; i++)
		if ((t->n[i].op == O_DIV || t->n[i].op == O_MOD) && (!t->n[t->n[i].kid[1]].val.v || t->n[t->n[i].kid[1]].val.unknown))
			return true;
	return false;
}

void fold(struct dgen *g)
{
	struct tree t = {.count = 0};
	const struct value *v;

	make(g, &t, 0);
	v = &t.n[0].val;
	if (divides(&t) || g->how.wrong)
		return; // by zero, perhaps; and what is disturbed compares other things
	put(g, "\t");
	for (unsigned i = 0; i < t.count; i++)
		if (t.n[i].op == O_LIT)
			put(g, "this->f%u_%u = %llu%s; ", g->folds, t.n[i].variable, (unsigned long long)t.n[i].val.v,
			    (const char *[]){"", "u", "l", "ul"}[t.n[i].val.type]);
	put(g, "\n\tg0 = ");
	show(g, &t, 0, false);
	put(g, " == ");
	show(g, &t, 0, true);
	put(g, " && sizeof(");
	show(g, &t, 0, false);
	put(g, ") == %u", v->type >= C_LONG ? 8 : 4);
	if (!v->unknown) {
		put(g, " && (long)");
		show(g, &t, 0, true);
		put(g, " == (long)0x%llxul", (unsigned long long)v->v);
	}
	put(g, ";\n\tstr0 = g0 ? \"\" : \"fold %u " DGEN_FOLD "\";\n\ttrace(str0);\n", g->folds++);
}
