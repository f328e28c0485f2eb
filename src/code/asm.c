/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The assembler, for tests and for people who read disassembly: one pass over the lines, then the jumps are filled in.
 * It reads everything that the disassembler writes, to the same bytes.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "code/bytecode.h"
#include "code/syntax.h"

#define NAME_MAX_LEN 32

struct label {
	char name[NAME_MAX_LEN];
	uint32_t at;
};
struct fixup {
	char name[NAME_MAX_LEN];
	uint32_t at, line;
};

struct assembler {
	const char *p; /**< the rest of the line */
	uint32_t line;
	DV_VEC(struct dv_insn) insns;
	DV_VEC(struct label) labels;
	DV_VEC(struct fixup) fixups;
};

static void blanks(struct assembler *a)
{
	while (*a->p == ' ' || *a->p == '\t')
		a->p++;
}

// Take @word when it comes next; words of letters must end where it ends.
static bool take(struct assembler *a, const char *word)
{
	size_t n = strlen(word);

	blanks(a);
	if (strncmp(a->p, word, n) != 0)
		return false;
	if (isalnum((unsigned char)word[n - 1]) && (isalnum((unsigned char)a->p[n]) || a->p[n] == '_'))
		return false;
	a->p += n;
	return true;
}

static bool name(struct assembler *a, char *ret)
{
	size_t n = 0;

	blanks(a);
	while (isalnum((unsigned char)a->p[n]) || a->p[n] == '_')
		n++;
	if (n == 0 || n >= NAME_MAX_LEN)
		return false;
	memcpy(ret, a->p, n);
	ret[n] = 0;
	a->p += n;
	return true;
}

static bool number(struct assembler *a, int64_t *ret)
{
	const char *p;
	char *end;

	blanks(a);
	p = a->p;
	if (!isdigit((unsigned char)*p) && !(*p == '-' && isdigit((unsigned char)p[1])))
		return false;
	errno = 0;
	*ret = *p == '-' ? strtoll(p, &end, 0) : (int64_t)strtoull(p, &end, 0);
	if (errno || isalnum((unsigned char)*end))
		return false;
	a->p = end;
	return true;
}

static bool imm32(struct assembler *a, int32_t *ret)
{
	int64_t v;

	if (!number(a, &v) || v < INT32_MIN || v > (int64_t)UINT32_MAX)
		return false;
	*ret = (int32_t)v;
	return true;
}

// "r5" or "w5": the letter in *kind.
static bool reg(struct assembler *a, char *kind, unsigned *ret)
{
	const char *p;
	unsigned n;

	blanks(a);
	p = a->p;
	if ((*p != 'r' && *p != 'w') || !isdigit((unsigned char)p[1]))
		return false;
	n = (unsigned)(p[1] - '0');
	p += 2;
	if (isdigit((unsigned char)*p))
		n = n * 10 + (unsigned)(*p++ - '0');
	if (n > 10 || isalnum((unsigned char)*p))
		return false;
	*kind = *a->p;
	*ret = n;
	a->p = p;
	return true;
}

static struct dv_insn *emit(struct assembler *a, unsigned code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	struct dv_insn *in = DV_PUSH(&a->insns);

	*in = (struct dv_insn){.code = (uint8_t)code, .regs = DV_REGS(dst, src), .off = off, .imm = imm};
	return in;
}

// The operator that comes next: the longest that fits.
static const struct dv_syntax_op *operator(struct assembler *a, const struct dv_syntax_op *table)
{
	const struct dv_syntax_op *best = NULL;

	blanks(a);
	for (; table->text; table++)
		if (strncmp(a->p, table->text, strlen(table->text)) == 0 && (!best || strlen(table->text) > strlen(best->text)))
			best = table;
	if (best)
		a->p += strlen(best->text);
	return best;
}

// "*(u32 *)(r10 - 16)"
static bool memory(struct assembler *a, unsigned *size, unsigned *base, int16_t *off)
{
	const struct dv_syntax_op *type;
	int64_t v = 0;
	bool minus;
	char kind;

	if (!take(a, "*") || !take(a, "("))
		return false;
	type = operator(a, dv_syntax_size);
	if (!type || !take(a, "*") || !take(a, ")") || !take(a, "(") || !reg(a, &kind, base) || kind != 'r')
		return false;
	minus = take(a, "-");
	if ((minus || take(a, "+")) && !number(a, &v))
		return false;
	if (v < 0 || v > 32768 || (!minus && v > 32767) || !take(a, ")"))
		return false;
	*size = type->op;
	*off = (int16_t)(minus ? -v : v);
	return true;
}

static bool target(struct assembler *a)
{
	struct fixup *f = DV_PUSH(&a->fixups);

	f->at = (uint32_t)a->insns.count - 1;
	f->line = a->line;
	return name(a, f->name);
}

// Behind "r1 =": what is not a plain move.
static bool assign(struct assembler *a, char kind, unsigned dst)
{
	static const struct {
		const char *text;
		unsigned code;
		int32_t bits;
	} swaps[] = {
		{"be16", DV_X, 16}, {"be32", DV_X, 32}, {"be64", DV_X, 64},
		{"le16", DV_K, 16}, {"le32", DV_K, 32}, {"le64", DV_K, 64},
	};
	const char *start = a->p;
	unsigned src, size;
	int16_t off;
	int64_t v;
	char k;

	blanks(a);
	if (*a->p == '*') {
		if (kind != 'r' || !memory(a, &size, &src, &off))
			return false;
		emit(a, DV_LDX | DV_MEM | size, dst, src, off, 0);
		return true;
	}
	for (unsigned s = 0; kind == 'r' && s < DV_COUNT(swaps); s++)
		if (take(a, swaps[s].text)) {
			emit(a, DV_ALU | DV_END | swaps[s].code, dst, 0, 0, swaps[s].bits);
			return reg(a, &k, &src) && k == 'r' && src == dst;
		}
	if (take(a, "-") && reg(a, &k, &src)) {
		emit(a, (kind == 'r' ? DV_ALU64 : DV_ALU) | DV_NEG, dst, 0, 0, 0);
		return k == kind && src == dst;
	}
	a->p = start;
	if (kind == 'r' && number(a, &v) && take(a, "ll")) {
		emit(a, DV_LDDW, dst, 0, 0, (int32_t)(uint32_t)v);
		emit(a, 0, 0, 0, 0, (int32_t)(uint32_t)((uint64_t)v >> 32));
		return true;
	}
	a->p = start;
	return false;
}

static bool alu(struct assembler *a)
{
	const struct dv_syntax_op *op;
	unsigned dst, src, class;
	size_t before = a->insns.count;
	char kind, k;
	int32_t imm;

	if (!reg(a, &kind, &dst))
		return false;
	op = operator(a, dv_syntax_alu);
	if (!op)
		return false;
	if (op->op == DV_MOV) {
		if (assign(a, kind, dst))
			return true;
		if (a->insns.count != before)
			return false;
	}
	class = kind == 'r' ? DV_ALU64 : DV_ALU;
	if (reg(a, &k, &src)) {
		emit(a, class | op->op | DV_X, dst, src, 0, 0);
		return k == kind;
	}
	if (!imm32(a, &imm))
		return false;
	emit(a, class | op->op | DV_K, dst, 0, 0, imm);
	return true;
}

static bool store(struct assembler *a)
{
	unsigned size, base, src;
	int16_t off;
	int32_t imm;
	char k;

	if (!memory(a, &size, &base, &off) || !take(a, "="))
		return false;
	if (reg(a, &k, &src)) {
		emit(a, DV_STX | DV_MEM | size, base, src, off, 0);
		return k == 'r';
	}
	if (!imm32(a, &imm))
		return false;
	emit(a, DV_STI | DV_MEM | size, base, 0, off, imm);
	return true;
}

static bool jump(struct assembler *a)
{
	const struct dv_syntax_op *op;
	unsigned dst, src;
	int32_t imm;
	char k;

	if (!reg(a, &k, &dst) || k != 'r')
		return false;
	op = operator(a, dv_syntax_jump);
	if (!op)
		return false;
	if (reg(a, &k, &src)) {
		if (k != 'r')
			return false;
		emit(a, DV_JMP | op->op | DV_X, dst, src, 0, 0);
	} else {
		if (!imm32(a, &imm))
			return false;
		emit(a, DV_JMP | op->op | DV_K, dst, 0, 0, imm);
	}
	return take(a, "goto") && target(a);
}

// "call NAME", "call NAME(what it takes)", "... in ACTION"
static bool call(struct assembler *a)
{
	char fn[NAME_MAX_LEN];
	int32_t action = 0;

	if (!name(a, fn))
		return false;
	for (int32_t n = 1; n < DV_FN_COUNT; n++) {
		if (strcmp(dv_fns[n].name, fn) != 0)
			continue;
		if (take(a, "(")) {
			while (*a->p && *a->p != ')')
				a->p++;
			if (!take(a, ")"))
				return false;
		}
		if (take(a, "in") && (!imm32(a, &action) || action < 0 || action > INT16_MAX))
			return false;
		emit(a, DV_JMP | DV_CALL, 0, 0, (int16_t)action, n);
		return true;
	}
	return false;
}

// ".insn code regs off imm": any bytes.
static bool raw(struct assembler *a)
{
	int64_t code, regs, off;
	int32_t imm;

	if (!number(a, &code) || !number(a, &regs) || !number(a, &off) || !imm32(a, &imm))
		return false;
	emit(a, (unsigned)code & 0xff, 0, 0, (int16_t)off, imm)->regs = (uint8_t)regs;
	return true;
}

static bool statement(struct assembler *a)
{
	blanks(a);
	if (*a->p == '*')
		return store(a);
	if (take(a, "if"))
		return jump(a);
	if (take(a, "goto")) {
		emit(a, DV_JMP | DV_JA, 0, 0, 0, 0);
		return target(a);
	}
	if (take(a, "call"))
		return call(a);
	if (take(a, "exit")) {
		emit(a, DV_JMP | DV_EXIT, 0, 0, 0, 0);
		return true;
	}
	if (take(a, ".insn"))
		return raw(a);
	return alu(a);
}

// "12 :" and "L12:" both define L12.
static void label(struct assembler *a)
{
	const char *start = a->p;
	char text[NAME_MAX_LEN];
	struct label *l;

	if (!name(a, text) || !take(a, ":")) {
		a->p = start;
		return;
	}
	l = DV_PUSH(&a->labels);
	snprintf(l->name, sizeof(l->name), "%s%.30s", isdigit((unsigned char)text[0]) ? "L" : "", text);
	l->at = (uint32_t)a->insns.count;
}

static struct dv_error *fill(struct assembler *a)
{
	for (size_t i = 0; i < a->fixups.count; i++) {
		const struct fixup *f = &a->fixups.data[i];
		const struct label *l = NULL;
		int64_t off;

		for (size_t k = 0; k < a->labels.count && !l; k++)
			if (strcmp(a->labels.data[k].name, f->name) == 0)
				l = &a->labels.data[k];
		// The disassembler names places that no instruction stands at by their number alone.
		if (!l && !(f->name[0] == 'L' && isdigit((unsigned char)f->name[1])))
			return dv_error_create(DV_ERR_NOT_FOUND, "line %u: no label '%s'", f->line, f->name);
		off = (l ? (int64_t)l->at : strtoll(f->name + 1, NULL, 10)) - (int64_t)f->at - 1;
		if (off < INT16_MIN || off > INT16_MAX)
			return dv_error_create(DV_ERR_LIMIT, "line %u: jump of %lld instructions", f->line, (long long)off);
		a->insns.data[f->at].off = (int16_t)off;
	}
	return NULL;
}

struct dv_error *dv_asm(const char *text, struct dv_insn **ret, uint32_t *ret_count)
{
	struct assembler a = {0};
	struct dv_error *err = NULL;

	while (*text && !err) {
		size_t n = strcspn(text, "\n");
		DV_FREE char *line = dv_xstrndup(text, n);

		line[strcspn(line, ";")] = 0;
		a.p = line;
		a.line++;
		label(&a);
		blanks(&a);
		if (*a.p) {
			bool ok = statement(&a);

			blanks(&a);
			if (!ok || *a.p)
				err = dv_error_create(DV_ERR_SYNTAX, "line %u: '%.*s'", a.line, (int)(n > 200 ? 200 : n), text);
		}
		text += n + (text[n] == '\n');
	}
	if (!err)
		err = fill(&a);
	DV_VEC_FREE(&a.labels);
	DV_VEC_FREE(&a.fixups);
	if (err) {
		DV_VEC_FREE(&a.insns);
		return err;
	}
	*ret = a.insns.data;
	*ret_count = (uint32_t)a.insns.count;
	return NULL;
}
