/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A typed clause as text, one statement a line: (op kids...):type. A constant is its value; a variable is its name with
 * its scope. Types are written behind a colon.
 */
#include <inttypes.h>
#include <string.h>

#include "fake.h"

static const char *const ops[] = {
	[DV_OP_ADD] = "+", [DV_OP_SUB] = "-", [DV_OP_MUL] = "*", [DV_OP_DIV] = "/", [DV_OP_MOD] = "%",
	[DV_OP_AND] = "&", [DV_OP_OR] = "|", [DV_OP_XOR] = "^", [DV_OP_SHL] = "<<", [DV_OP_SHR] = ">>",
	[DV_OP_EQ] = "==", [DV_OP_NE] = "!=", [DV_OP_LT] = "<", [DV_OP_LE] = "<=", [DV_OP_GT] = ">",
	[DV_OP_GE] = ">=", [DV_OP_LAND] = "&&", [DV_OP_LOR] = "||", [DV_OP_LXOR] = "^^", [DV_OP_NEG] = "neg",
	[DV_OP_PLUS] = "plus", [DV_OP_NOT] = "!", [DV_OP_BITNOT] = "~", [DV_OP_PREINC] = "++x",
	[DV_OP_PREDEC] = "--x", [DV_OP_POSTINC] = "x++", [DV_OP_POSTDEC] = "x--", [DV_OP_COMMA] = ",", [DV_OP_NONE] = "",
};

static void dump(FILE *f, const struct dv_node *n);

static void kids(FILE *f, const struct dv_node *n)
{
	for (uint32_t i = 0; i < n->kid_count; i++) {
		fputc(' ', f);
		dump(f, n->kids[i]);
	}
}

static void head(FILE *f, const struct dv_node *n)
{
	switch (n->kind) {
	case DV_NODE_UNARY:
	case DV_NODE_BINARY:
	case DV_NODE_INCDEC:
		fputs(ops[n->op], f);
		break;
	case DV_NODE_ASSIGN:
		fprintf(f, "%s=", ops[n->op]);
		break;
	case DV_NODE_COND:
		fputs("?:", f);
		break;
	case DV_NODE_CAST:
		fputs("cast", f);
		break;
	case DV_NODE_DEREF:
		fputs("deref", f);
		break;
	case DV_NODE_ADDROF:
		fputs("addr", f);
		break;
	case DV_NODE_MEMBER:
		fprintf(f, ".%s@%u", n->str, n->bit_off);
		if (n->bit_size)
			fprintf(f, "#%u", n->bit_size);
		break;
	case DV_NODE_ELEM:
		fprintf(f, "elem %s%s", n->var->scope == DV_SCOPE_SELF ? "self->" : "", n->var->name);
		break;
	case DV_NODE_REG:
		fputs("reg", f);
		break;
	case DV_NODE_CALL:
		if (n->ival)
			fprintf(f, "%s(%u)", n->call->name, (unsigned)n->ival);
		else
			fprintf(f, "%s()", n->call->name);
		break;
	case DV_NODE_AGG:
		fprintf(f, "@%s", n->agg->name);
		break;
	default:
		fprintf(f, "BAD%d", n->kind);
		break;
	}
	if (n->scale)
		fprintf(f, "x%u", n->scale);
}

static void dump(FILE *f, const struct dv_node *n)
{
	static const char *const scopes[] = {"", "this->", "self->"};
	char type[256];

	switch (n->kind) {
	case DV_NODE_INT:
		fprintf(f, "%" PRId64, (int64_t)n->ival);
		break;
	case DV_NODE_STR:
		fputc('"', f);
		for (uint32_t i = 0; i < n->str_len; i++)
			fprintf(f, n->str[i] < ' ' ? "\\%03o" : "%c", (unsigned char)n->str[i]);
		fputs("\"", f);
		return;
	case DV_NODE_VAR:
		fprintf(f, "%s%s", scopes[n->var->scope], n->var->name);
		break;
	case DV_NODE_BUILTIN:
		fprintf(f, "builtin%d", n->builtin);
		break;
	case DV_NODE_ARGN:
		fprintf(f, "arg%" PRIu64, n->ival);
		break;
	case DV_NODE_SYM:
		fprintf(f, "sym %s`%s@%" PRIx64 "/%x", n->machine ? n->machine : "", n->str, n->addr, n->mach);
		break;
	default:
		fputc('(', f);
		head(f, n);
		kids(f, n);
		fputc(')', f);
		break;
	}
	if (n->type->kind != DV_TYPE_VOID)
		fprintf(f, ":%s%s", dv_type_name(n->type, type, sizeof(type)),
			dv_type_resolve(n->type)->is_user ? "(user)" : "");
}

static void stmts(FILE *f, const struct dv_stmt *s, int depth)
{
	for (; s; s = s->next) {
		fprintf(f, "%*s%s", 2 * depth, "", s->kind == DV_STMT_CALL ? "do " : s->kind == DV_STMT_IF ? "if " : "");
		if (s->kind == DV_STMT_AGG) {
			dump(f, s->agg);
			fputs(" = ", f);
			dump(f, s->func);
			if (s->agg->agg->desc.levels)
				fprintf(f, " base %" PRId64 " step %" PRId64 " levels %u", s->agg->agg->desc.base,
					s->agg->agg->desc.step, s->agg->agg->desc.levels);
		} else {
			dump(f, s->expr);
		}
		fputc('\n', f);
		if (s->kind != DV_STMT_IF)
			continue;
		stmts(f, s->then, depth + 1);
		if (s->otherwise)
			fprintf(f, "%*selse\n", 2 * depth, "");
		stmts(f, s->otherwise, depth + 1);
	}
}

void dv_ast_dump(FILE *f, const struct dv_clause *c)
{
	fputs("clause", f);
	for (uint32_t i = 0; i < c->pdesc_count; i++)
		fprintf(f, " %s", c->pdescs[i].text);
	fputc('\n', f);
	if (c->predicate) {
		fputs("  / ", f);
		dump(f, c->predicate);
		fputc('\n', f);
	}
	stmts(f, c->stmts, 1);
}
