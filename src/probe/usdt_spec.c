// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arguments of static probes as <sys/sdt.h> leaves them: N@OPERAND, parted by blanks. N is the size in bytes, negative
 * when the type is signed, with an 'f' behind it for floating point; OPERAND is the assembler's, as the compiler chose:
 *
 *   $5  $-7  $0x10                 constant
 *   %rdi  %edi  %dil  %ah          register
 *   -16(%rbp)  (%rax,%rdx,8)  8(,%rcx,4)      memory
 *   var(%rip)  var+8(%rip)  8+var(%rip)  var  variable
 */
#include "probe/usdt_spec.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "abi/fn.h"
#include "base/mem.h"

#define OPERAND_MAX 256u

static const struct {
	const char *names; // 8, 4, 2, 1 bytes, second byte
	uint8_t reg;
} registers[] = {
    {"rax eax ax al ah", DV_REG_RAX},     {"rbx ebx bx bl bh", DV_REG_RBX},     {"rcx ecx cx cl ch", DV_REG_RCX},
    {"rdx edx dx dl dh", DV_REG_RDX},     {"rsi esi si sil", DV_REG_RSI},       {"rdi edi di dil", DV_REG_RDI},
    {"rbp ebp bp bpl", DV_REG_RBP},       {"rsp esp sp spl", DV_REG_RSP},       {"r8 r8d r8w r8b", DV_REG_R8},
    {"r9 r9d r9w r9b", DV_REG_R9},        {"r10 r10d r10w r10b", DV_REG_R10},   {"r11 r11d r11w r11b", DV_REG_R11},
    {"r12 r12d r12w r12b", DV_REG_R12},   {"r13 r13d r13w r13b", DV_REG_R13},   {"r14 r14d r14w r14b", DV_REG_R14},
    {"r15 r15d r15w r15b", DV_REG_R15},
};

// Register at *p ("%eax"), which moves behind it. *which: 0 whole, 1 32 bits, 2 16, 3 8, 4 the second byte.
static bool reg(const char **p, uint8_t *ret, unsigned *which)
{
	const char *s = *p;
	size_t len = 0;

	if (*s++ != '%')
		return false;
	while (isalnum((unsigned char)s[len]))
		len++;
	for (size_t i = 0; len && i < DV_COUNT(registers); i++) {
		const char *n = registers[i].names;

		for (unsigned k = 0; *n; k++, n += *n == ' ') {
			size_t l = strcspn(n, " ");

			if (l == len && !memcmp(n, s, len)) {
				*ret = registers[i].reg;
				*which = k;
				*p = s + len;
				return true;
			}
			n += l;
		}
	}
	return false;
}

static bool number(const char **p, int64_t *ret)
{
	const char *s = *p + (**p == '-' || **p == '+');
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	// Constants of unsigned types go up to 2^64 - 1.
	*ret = (int64_t)strtoull(s, &end, 0);
	if (**p == '-')
		*ret = (int64_t)(0 - (uint64_t)*ret);
	*p = end;
	return true;
}

// "counter", "counter+8", "8+counter": what stands before the parenthesis, if it is no mere number.
static bool variable(const char **p, dv_usdt_variable_fn *find, void *ctx, int64_t *ret)
{
	char name[OPERAND_MAX];
	int64_t before = 0, behind = 0;
	size_t len = 0;
	uint64_t addr;

	if (number(p, &before) && *(*p)++ != '+')
		return false;
	while (isalnum((unsigned char)(*p)[len]) || ((*p)[len] && strchr("_.$", (*p)[len])))
		len++;
	if (!len || len >= sizeof(name))
		return false;
	memcpy(name, *p, len);
	name[len] = '\0';
	*p += len;
	if ((**p == '+' || **p == '-') && !number(p, &behind))
		return false;
	if (!find || !find(ctx, name, &addr))
		return false;
	*ret = (int64_t)(addr + (uint64_t)before + (uint64_t)behind);
	return true;
}

static bool memory(const char *p, dv_usdt_variable_fn *find, void *ctx, struct dv_usdt_arg *a)
{
	const char *s = p;
	unsigned which;

	a->kind = DV_USDT_MEM;
	a->reg = a->index = DV_USDT_NOREG;
	a->scale = 1;
	if (*s != '(' && (!number(&s, &a->value) || (*s && *s != '('))) {
		if (!variable(&p, find, ctx, &a->value))
			return false;
		return !*p || !strcmp(p, "(%rip)");
	}
	if (!*s++)
		return false; // an absolute address: no compiler makes it
	if (*s == '%' && (!reg(&s, &a->reg, &which) || which))
		return false;
	if (*s == ',') {
		int64_t scale = 1;

		s++;
		if (!reg(&s, &a->index, &which) || which || a->index == DV_REG_RSP)
			return false;
		if (*s == ',' && (s++, !number(&s, &scale)))
			return false;
		if (scale != 1 && scale != 2 && scale != 4 && scale != 8)
			return false;
		a->scale = (uint8_t)scale;
	}
	return s[0] == ')' && !s[1] && (a->reg != DV_USDT_NOREG || a->index != DV_USDT_NOREG);
}

static bool operand(const char *p, dv_usdt_variable_fn *find, void *ctx, bool sized, struct dv_usdt_arg *a)
{
	unsigned which;

	if (*p == '$') {
		p++;
		a->kind = DV_USDT_CONST;
		return number(&p, &a->value) && !*p;
	}
	if (*p == '%' && reg(&p, &a->reg, &which)) {
		static const uint8_t sizes[] = {8, 4, 2, 1, 1};

		a->kind = which == 4 ? DV_USDT_REGH : DV_USDT_REG;
		// The register may be wider than the argument, and never narrower.
		if (!sized || a->size > sizes[which])
			a->size = sizes[which];
		return !*p;
	}
	return memory(p, find, ctx, a);
}

static struct dv_usdt_arg parse_one(const char *text, dv_usdt_variable_fn *find, void *ctx)
{
	struct dv_usdt_arg a = {.size = 8}, none;
	const char *at = strchr(text, '@'), *p = text;
	bool floating = false, sized = false;
	int64_t size;

	if (at) {
		if (!number(&p, &size))
			return a;
		a.is_signed = *text == '-';
		if (size < 0)
			size = -size;
		floating = *p == 'f';
		p += floating;
		if (p != at || (size != 1 && size != 2 && size != 4 && size != 8))
			return (struct dv_usdt_arg){.size = 8};
		a.size = (uint8_t)size;
		sized = true;
		p++;
	}
	none = a;
	return !floating && operand(p, find, ctx, sized, &a) ? a : none;
}

uint32_t dv_usdt_parse(const char *args, dv_usdt_variable_fn *variable, void *ctx,
		       struct dv_usdt_arg ret[DV_USDT_ARGS_MAX])
{
	uint32_t n = 0;

	while (n < DV_USDT_ARGS_MAX) {
		char text[OPERAND_MAX];
		size_t len;

		args += strspn(args, " \t");
		len = strcspn(args, " \t");
		if (!len)
			break;
		snprintf(text, sizeof(text), "%.*s", len < sizeof(text) ? (int)len : 0, args);
		ret[n++] = parse_one(text, variable, ctx);
		args += len;
	}
	return n;
}

void dv_usdt_write(const struct dv_usdt_arg *args, uint32_t count, char buf[DV_USDT_SPEC_MAX])
{
	char *p = buf;

	*p = '\0';
	for (uint32_t i = 0; i < count && i < DV_USDT_ARGS_MAX; i++) {
		const struct dv_usdt_arg *a = &args[i];
		char base[4] = "-", index[4] = "-";

		p += sprintf(p, "%s%s%u", i ? " " : "", a->is_signed ? "-" : "", a->size);
		switch (a->kind) {
		case DV_USDT_CONST:
			p += sprintf(p, "c%lld", (long long)a->value);
			break;
		case DV_USDT_REG:
			p += sprintf(p, "r%u", a->reg);
			break;
		case DV_USDT_REGH:
			p += sprintf(p, "h%u", a->reg);
			break;
		case DV_USDT_MEM:
			if (a->reg != DV_USDT_NOREG)
				snprintf(base, sizeof(base), "%u", a->reg);
			if (a->index != DV_USDT_NOREG)
				snprintf(index, sizeof(index), "%u", a->index);
			p += sprintf(p, "m%s,%s,%u,%lld", base, index, a->scale, (long long)a->value);
			break;
		default:
			p += sprintf(p, "n");
		}
	}
}
