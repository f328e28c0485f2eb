/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ABI_USDT_H
#define DV_ABI_USDT_H
/**
 * Where the arguments of a static user probe are when it fires: dv_load_site::spec of a site with DV_ARGS_USDT. The
 * compiler of the traced program chose the places; its text for them (abi of <sys/sdt.h>) is brought into this form,
 * which says the same without a choice of spelling. One argument after the other, parted by a blank:
 *
 *   [-]SIZE KIND...     SIZE 1 2 4 8 bytes; '-': the value is signed
 *
 *   n                   not known here (a floating point register): reading it is a fault, DV_FAULT_ILLOP
 *   cVALUE              a constant, decimal
 *   rREG                the low SIZE bytes of a register, decimal number of enum dv_reg
 *   hREG                the second byte of a register (%ah)
 *   mBASE,INDEX,SCALE,OFFSET   SIZE bytes of the process's memory at BASE + INDEX * SCALE + OFFSET; BASE and INDEX
 *                       are registers or '-', SCALE is 1 2 4 8, OFFSET decimal, perhaps negative
 *
 * ("-4r5 8m6,-,1,-16 4c7"). The value is extended to 64 bits by its sign. The text is at most DV_USDT_SPEC_MAX bytes with its
 * NUL and has at most DV_USDT_ARGS_MAX arguments.
 */
#include <stdbool.h>
#include <stdint.h>

#define DV_USDT_ARGS_MAX 12u
#define DV_USDT_SPEC_MAX 640u
#define DV_USDT_NOREG    0xffu

enum dv_usdt_kind { DV_USDT_NONE, DV_USDT_CONST, DV_USDT_REG, DV_USDT_REGH, DV_USDT_MEM };
struct dv_usdt_arg {
	uint8_t kind;        /**< enum dv_usdt_kind */
	uint8_t size;        /**< 1 2 4 8 */
	bool is_signed;
	uint8_t reg;         /**< REG, REGH; MEM: base or DV_USDT_NOREG */
	uint8_t index;       /**< MEM: or DV_USDT_NOREG */
	uint8_t scale;       /**< MEM: 1 2 4 8 */
	int64_t value;       /**< CONST: the value; MEM: the offset */
};

static inline bool dv_usdt_num(const char **p, int64_t *ret)
{
	bool minus = **p == '-', any = false;
	uint64_t v = 0;

	for (*p += minus; **p >= '0' && **p <= '9'; ++*p, any = true) {
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(**p - '0');
	}
	*ret = (int64_t)(minus ? 0 - v : v);
	return any;
}

static inline bool dv_usdt_reg(const char **p, bool optional, uint8_t *ret)
{
	int64_t v;

	if (optional && **p == '-') {
		++*p;
		*ret = DV_USDT_NOREG;
		return true;
	}
	if (**p == '-' || !dv_usdt_num(p, &v) || v > 63)
		return false;
	*ret = (uint8_t)v;
	return true;
}

static inline bool dv_usdt_comma(const char **p)
{
	return *(*p)++ == ',';
}

/** Read the text of a site: its arguments, *count of them. False: that is no such text (nothing of it is to be used). */
static inline bool dv_usdt_read(const char *p, struct dv_usdt_arg ret[DV_USDT_ARGS_MAX], uint32_t *count)
{
	uint32_t n = 0;

	while (*p) {
		struct dv_usdt_arg a = {0};
		int64_t v;

		if (n == DV_USDT_ARGS_MAX || (n && *p++ != ' '))
			return false;
		a.is_signed = *p == '-';
		p += a.is_signed;
		if (*p != '1' && *p != '2' && *p != '4' && *p != '8')
			return false;
		a.size = (uint8_t)(*p++ - '0');
		switch (*p++) {
		case 'n':
			break;
		case 'c':
			a.kind = DV_USDT_CONST;
			if (!dv_usdt_num(&p, &a.value))
				return false;
			break;
		case 'r':
		case 'h':
			a.kind = p[-1] == 'r' ? DV_USDT_REG : DV_USDT_REGH;
			if (!dv_usdt_reg(&p, false, &a.reg) || (a.kind == DV_USDT_REGH && a.size != 1))
				return false;
			break;
		case 'm':
			a.kind = DV_USDT_MEM;
			if (!dv_usdt_reg(&p, true, &a.reg) || !dv_usdt_comma(&p) || !dv_usdt_reg(&p, true, &a.index) ||
			    !dv_usdt_comma(&p) || !dv_usdt_num(&p, &v) || (v != 1 && v != 2 && v != 4 && v != 8) ||
			    !dv_usdt_comma(&p) || !dv_usdt_num(&p, &a.value))
				return false;
			a.scale = (uint8_t)v;
			break;
		default:
			return false;
		}
		ret[n++] = a;
	}
	*count = n;
	return true;
}

#endif
