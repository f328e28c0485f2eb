/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subroutines. Most are one call of a run-time function; what they take is held until it is called, in the order in
 * which the script wrote it.
 */
#include <limits.h>

#include "code/gen.h"

static const struct itype word = {8, true};

/** A string argument, held. */
static unsigned text(struct gen *g, const struct dv_node *n)
{
	gen_string(g, n);
	return gen_hold(g);
}

/** An address, held, with its machine. */
struct address {
	unsigned slot;
	struct mach mach;
};

static struct address address(struct gen *g, const struct dv_node *n)
{
	struct address a;

	a.mach = gen_value(g, n);
	if (!gen_is_kind(n->type, DV_TYPE_PTR))
		a.mach = MACH_SELF_VALUE;
	gen_pointee(g, &a.mach, n->type);
	a.slot = gen_hold(g);
	return a;
}

/** r0 = a copy in scratch. */
static void read_mem(struct gen *g, const struct address *a, struct operand size)
{
	gen_get(g, 2, a->slot);
	gen_mach_reg(g, &a->mach, 1);
	gen_operand_reg(g, &size, 3);
	gen_call(g, DV_FN_RDMEM);
}

static struct operand constant(uint64_t v)
{
	return (struct operand){.is_const = true, .value = v};
}

static struct mach copyin(struct gen *g, const struct dv_node *n, enum dv_fn fn)
{
	struct operand size = {.is_const = true};

	if (n->kid_count > 1)
		size = gen_operand(g, n->kids[1], (struct itype){8, false});
	gen_value(g, n->kids[0]);
	gen_mov(g, 2, 0);
	gen_imm(g, 1, DV_MACH_USER);
	gen_operand_reg(g, &size, 3);
	gen_call(g, fn);
	return (struct mach){.kind = MACH_CONST, .id = DV_MACH_SCRATCH};
}

/** A string, then constants: @p b, and the third argument or @p c. */
static void string_fn(struct gen *g, const struct dv_node *n, enum dv_fn fn, uint64_t b)
{
	gen_string(g, n->kids[0]);
	gen_mov(g, 1, 0);
	gen_imm(g, 2, b);
	gen_call(g, fn);
}

static void substr(struct gen *g, const struct dv_node *n)
{
	struct operand i = gen_operand(g, n->kids[1], word), len = constant(INT_MAX);

	if (n->kid_count > 2)
		len = gen_operand(g, n->kids[2], word);
	gen_string(g, n->kids[0]);
	gen_mov(g, 1, 0);
	gen_operand_reg(g, &i, 2);
	gen_operand_reg(g, &len, 3);
	gen_call(g, DV_FN_SSUB);
}

static void two_strings(struct gen *g, const struct dv_node *n, enum dv_fn fn)
{
	unsigned a = text(g, n->kids[0]);

	gen_string(g, n->kids[1]);
	gen_mov(g, 2, 0);
	gen_get(g, 1, a);
	gen_call(g, fn);
}

static void position(struct gen *g, const struct dv_node *n, enum dv_find how)
{
	struct operand start = constant(how == DV_FIND_LAST ? INT64_MAX : 0);
	unsigned a = text(g, n->kids[0]), b = text(g, n->kids[1]);

	if (n->kid_count > 2)
		start = gen_operand(g, n->kids[2], word);
	gen_get(g, 1, a);
	gen_get(g, 2, b);
	gen_operand_reg(g, &start, 3);
	gen_imm(g, 4, how);
	gen_call(g, DV_FN_SFIND);
}

static void character(struct gen *g, const struct dv_node *n, enum dv_find how)
{
	unsigned a = text(g, n->kids[0]);

	gen_value(g, n->kids[1]);
	gen_mov(g, 2, 0);
	gen_get(g, 1, a);
	gen_imm(g, 3, how);
	gen_call(g, DV_FN_SCHR);
}

static void token(struct gen *g, const struct dv_node *n)
{
	uint64_t v;
	bool go_on = gen_is_const(n->kids[0], &v) && v == 0;
	unsigned a = 0;

	if (!go_on)
		a = text(g, n->kids[0]);
	gen_string(g, n->kids[1]);
	gen_mov(g, 2, 0);
	if (go_on)
		gen_imm(g, 1, 0);
	else
		gen_get(g, 1, a);
	gen_imm(g, 3, !go_on);
	gen_call(g, DV_FN_STOK);
}

/** lltostr(n[, base]), strtoll(s[, base]) */
static void number(struct gen *g, const struct dv_node *n, enum dv_fn fn)
{
	struct operand base = constant(10);
	unsigned a;

	if (fn == DV_FN_STOL) {
		a = text(g, n->kids[0]);
	} else {
		gen_value(g, n->kids[0]);
		a = gen_hold(g);
	}
	if (n->kid_count > 1)
		base = gen_operand(g, n->kids[1], word);
	gen_get(g, 1, a);
	gen_operand_reg(g, &base, 2);
	gen_call(g, fn);
}

static void swap(struct gen *g, const struct dv_node *n, int bits)
{
	gen_value(g, n->kids[0]);
	gen_emit(g, DV_ALU | DV_END | DV_X, 0, 0, 0, bits);
}

/* -- network addresses -------------------------------------------------------------------------------------------- */

static void inet(struct gen *g, const struct address *a, unsigned size, enum dv_inet how)
{
	read_mem(g, a, constant(size));
	gen_mov(g, 1, 0);
	gen_imm(g, 2, how);
	gen_call(g, DV_FN_INET);
}

/** inet_ntop(family, address), link_ntop(type, address): which it is may be known only as the clause runs. */
static void by_family(struct gen *g, const struct dv_node *n, const uint32_t family[2], const unsigned size[2],
		      const enum dv_inet how[2])
{
	struct label second = {0}, bad = {0}, end = {0};
	unsigned f;
	struct address a;

	gen_value(g, n->kids[0]);
	f = gen_hold(g);
	a = address(g, n->kids[1]);
	gen_get(g, 0, f);
	gen_jmp_imm(g, DV_JNE, 0, (int32_t)family[0], &second);
	inet(g, &a, size[0], how[0]);
	gen_jmp(g, &end);
	gen_bind(g, &second);
	gen_get(g, 0, f);
	gen_jmp_imm(g, DV_JNE, 0, (int32_t)family[1], &bad);
	inet(g, &a, size[1], how[1]);
	gen_jmp(g, &end);
	gen_bind(g, &bad);
	gen_get(g, 2, f);
	gen_imm(g, 1, DV_FAULT_ILLOP);
	gen_call(g, DV_FN_FAULT);
	gen_imm(g, 0, 0);
	gen_bind(g, &end);
}

static void network(struct gen *g, const struct dv_node *n)
{
	static const uint32_t families[2] = {2, 10}, ethernet[2] = {1, 1}; // AF_INET, AF_INET6; ARPHRD_ETHER
	static const unsigned inet_size[2] = {4, 16}, link_size[2] = {6, 6};
	static const enum dv_inet inet_how[2] = {DV_INET_V4, DV_INET_V6}, link_how[2] = {DV_INET_LINK, DV_INET_LINK};
	struct address a;
	uint64_t v;

	switch (n->call->id) {
	case DV_C_INET_NTOP:
		by_family(g, n, families, inet_size, inet_how);
		return;
	case DV_C_LINK_NTOP:
		by_family(g, n, ethernet, link_size, link_how);
		return;
	case DV_C_INET_NTOA:
		a = address(g, n->kids[0]);
		inet(g, &a, 4, DV_INET_V4);
		return;
	default:
		a = address(g, n->kids[0]);
		inet(g, &a, 16, n->kid_count > 1 && gen_is_const(n->kids[1], &v) && v ? DV_INET_V6 : DV_INET_V6A);
		return;
	}
}

/* -- memory ------------------------------------------------------------------------------------------------------- */

/** Bytes from one place to another, which must be in scratch. */
static void copy(struct gen *g, const struct address *from, const struct address *to, struct operand size)
{
	read_mem(g, from, size);
	gen_mov(g, 3, 0);
	gen_get(g, 2, to->slot);
	gen_mach_reg(g, &to->mach, 1);
	gen_operand_reg(g, &size, 4);
	gen_call(g, DV_FN_MCPY);
}

static void memory(struct gen *g, const struct dv_node *n)
{
	const struct itype size = {8, false};
	struct address a, b;
	struct operand o;

	a = address(g, n->kids[0]);
	if (n->call->id == DV_C_BCOPY) { // from, to, size
		b = address(g, n->kids[1]);
		o = gen_operand(g, n->kids[2], size);
	} else { // copyinto: user address, size, to
		o = gen_operand(g, n->kids[1], size);
		b = address(g, n->kids[2]);
		a.mach = (struct mach){.kind = MACH_CONST, .id = DV_MACH_USER};
	}
	copy(g, &a, &b, o);
}

/** copyout(buffer, address, size), copyoutstr(string, address, most bytes) */
static void copyout(struct gen *g, const struct dv_node *n)
{
	bool string = n->call->id == DV_C_COPYOUTSTR;
	struct address from = {0};
	struct operand size;
	struct label fits = {0};
	unsigned to;

	if (string)
		from.slot = text(g, n->kids[0]);
	else
		from = address(g, n->kids[0]);
	gen_value(g, n->kids[1]);
	to = gen_hold(g);
	size = gen_operand(g, n->kids[2], (struct itype){8, false});
	if (string) {
		unsigned max = gen_slot(g);

		// A string of one's own, with its NUL, or as much as there may be.
		gen_operand_reg(g, &size, 0);
		gen_put(g, max, 0);
		gen_get(g, 1, from.slot);
		gen_call(g, DV_FN_SLEN);
		gen_alu_imm(g, DV_ADD, 0, 1);
		gen_get(g, 1, max);
		gen_jmp_reg(g, DV_JGE, 0, 1, &fits);
		gen_put(g, max, 0);
		gen_bind(g, &fits);
		size = (struct operand){.slot = max};
		gen_get(g, 1, from.slot);
		gen_imm(g, 2, 0);
		gen_imm(g, 3, INT_MAX);
		gen_call(g, DV_FN_SSUB);
	} else {
		read_mem(g, &from, size);
	}
	gen_mov(g, 2, 0);
	gen_get(g, 1, to);
	gen_operand_reg(g, &size, 3);
	gen_call(g, DV_FN_COPYOUT);
}

/** d_path(path), with where things are. */
static void dpath(struct gen *g, const struct dv_node *n)
{
	struct address a = address(g, n->kids[0]);

	gen_get(g, 2, a.slot);
	gen_mach_reg(g, &a.mach, 1);
	gen_imm(g, 3, n->kids[1]->ival);
	gen_imm(g, 4, n->kids[2]->ival);
	gen_call(g, DV_FN_DPATH);
}

/** execargs: from one user address to another, as much as a string holds. */
static void execargs(struct gen *g, const struct dv_node *n)
{
	struct label fits = {0};
	unsigned start, size;

	gen_value(g, n->kids[0]);
	start = gen_hold(g);
	gen_value(g, n->kids[1]);
	gen_get(g, 1, start);
	gen_alu_reg(g, DV_SUB, 0, 1);
	gen_jmp_imm(g, DV_JLE, 0, (int32_t)g->strsize - 1, &fits);
	gen_imm(g, 0, g->strsize - 1);
	gen_bind(g, &fits);
	size = gen_hold(g);
	gen_mov(g, 3, 0);
	gen_get(g, 2, start);
	gen_imm(g, 1, DV_MACH_USER);
	gen_call(g, DV_FN_RDMEM);
	gen_mov(g, 1, 0);
	gen_get(g, 2, size);
	gen_call(g, DV_FN_WORDS);
}

/** Integers into r1, then the call. */
static void plain(struct gen *g, const struct dv_node *n, enum dv_fn fn)
{
	if (n->kid_count) {
		gen_value(g, n->kids[0]);
		gen_mov(g, 1, 0);
	}
	gen_call(g, fn);
}

struct mach gen_subr(struct gen *g, const struct dv_node *n)
{
	enum dv_call_id id = n->call ? n->call->id : DV_C_UNSUPPORTED;

	switch (id) {
	case DV_C_COPYIN:
		return copyin(g, n, DV_FN_RDMEM);
	case DV_C_COPYINSTR:
		copyin(g, n, DV_FN_RDSTR);
		break;
	case DV_C_ALLOCA:
		plain(g, n, DV_FN_ALLOCA);
		return (struct mach){.kind = MACH_CONST, .id = DV_MACH_SCRATCH};
	case DV_C_STRLEN:
		gen_string(g, n->kids[0]);
		gen_mov(g, 1, 0);
		gen_call(g, DV_FN_SLEN);
		break;
	case DV_C_SUBSTR:
		substr(g, n);
		break;
	case DV_C_STRJOIN:
		two_strings(g, n, DV_FN_SJOIN);
		break;
	case DV_C_STRSTR:
		two_strings(g, n, DV_FN_SSTR);
		break;
	case DV_C_JSON:
		two_strings(g, n, DV_FN_SJSON);
		break;
	case DV_C_INDEX:
		position(g, n, DV_FIND_FIRST);
		break;
	case DV_C_RINDEX:
		position(g, n, DV_FIND_LAST);
		break;
	case DV_C_STRCHR:
		character(g, n, DV_FIND_FIRST);
		break;
	case DV_C_STRRCHR:
		character(g, n, DV_FIND_LAST);
		break;
	case DV_C_STRTOK:
		token(g, n);
		break;
	case DV_C_TOLOWER:
		string_fn(g, n, DV_FN_SCASE, 0);
		break;
	case DV_C_TOUPPER:
		string_fn(g, n, DV_FN_SCASE, 1);
		break;
	case DV_C_BASENAME:
		string_fn(g, n, DV_FN_SPATH, DV_PATH_BASE);
		break;
	case DV_C_DIRNAME:
		string_fn(g, n, DV_FN_SPATH, DV_PATH_DIR);
		break;
	case DV_C_CLEANPATH:
		string_fn(g, n, DV_FN_SPATH, DV_PATH_CLEAN);
		break;
	case DV_C_LLTOSTR:
		number(g, n, DV_FN_LTOS);
		break;
	case DV_C_STRTOLL:
		number(g, n, DV_FN_STOL);
		break;
	case DV_C_INET_NTOA:
	case DV_C_INET_NTOA6:
	case DV_C_INET_NTOP:
	case DV_C_LINK_NTOP:
		network(g, n);
		break;
	case DV_C_SWAP16:
		swap(g, n, 16);
		break;
	case DV_C_SWAP32:
		swap(g, n, 32);
		break;
	case DV_C_SWAP64:
		swap(g, n, 64);
		break;
	case DV_C_RAND:
		plain(g, n, DV_FN_RAND);
		break;
	case DV_C_SPECULATION:
		plain(g, n, DV_FN_SPEC);
		break;
	case DV_C_PROGENYOF:
		plain(g, n, DV_FN_PROGENY);
		break;
	case DV_C_DPATH:
		dpath(g, n);
		break;
	case DV_C_EXECARGS:
		execargs(g, n);
		break;
	case DV_C_GETMAJOR: // of the kernel's dev_t: 12 bits, then 20
		gen_value(g, n->kids[0]);
		gen_extend(g, (struct itype){4, false});
		gen_alu_imm(g, DV_RSH, 0, 20);
		break;
	case DV_C_GETMINOR:
		gen_value(g, n->kids[0]);
		gen_alu_imm(g, DV_AND, 0, 0xfffff);
		break;
	case DV_C_BCOPY:
	case DV_C_COPYINTO:
		memory(g, n);
		break;
	case DV_C_COPYOUT:
	case DV_C_COPYOUTSTR:
		copyout(g, n);
		break;
	default:
		gen_fail(g, DV_ERR_OTHER, "%s() cannot be part of an expression", n->call ? n->call->name : "this");
		break;
	}
	return MACH_SELF_VALUE;
}
