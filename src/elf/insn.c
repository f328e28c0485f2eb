// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lengths of x86-64 instructions, by the opcode maps of Intel's manual, volume 2, appendix A:
 *
 *   prefixes  [REX]  opcode  [ModRM [SIB] [displacement]]  [immediate]
 *
 * The opcode is one byte, or one of a map behind 0F, 0F 38 or 0F 3A; VEX (C4, C5), EVEX (62) and XOP (8F) name the map
 * in their own bytes. What follows an opcode is one letter in a table:
 *
 *   .  nothing          M  ModRM
 *   b  8-bit immediate  B  ModRM, 8-bit immediate
 *   z  32 bits (16 under prefix 66)   Z  ModRM and those
 *   j  32 bits always   w  16 bits    e  24 bits    v  as z, 64 bits under REX.W    o  an address: 64 bits, 32 under 67
 *   3  ModRM, 8 or 32 bits when its middle field is 0 or 1 (F6, F7)
 *   c  ModRM that names registers whatever its mode is (moves to and from control registers)
 *   -  no instruction
 */
#include "elf/insn.h"

#include <string.h>

#define MAX 15u

static const char one[257] =
    "MMMMbz--MMMMbz--" // 00
    "MMMMbz--MMMMbz--"
    "MMMMbz--MMMMbz--" // 20
    "MMMMbz--MMMMbz--"
    "----------------" // 40: REX
    "................"
    "---M----zZbB...." // 60
    "bbbbbbbbbbbbbbbb"
    "BZ-BMMMMMMMMMMMM" // 80
    "..........-....."
    "oooo....bz......" // a0
    "bbbbbbbbvvvvvvvv"
    "BBw.--BZe.w..b-." // c0
    "MMMM---.MMMMMMMM"
    "bbbbbbbbjj-b...." // e0
    "-.--..33......MM";

static const char two[257] =
    "MMMM-.....-.-M.B" // 0f 00
    "MMMMMMMMMMMMMMMM"
    "cccc----MMMMMMMM" // 20
    "......-.--------"
    "MMMMMMMMMMMMMMMM" // 40
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM" // 60
    "BBBBMMM.MMMMMMMM"
    "jjjjjjjjjjjjjjjj" // 80
    "MMMMMMMMMMMMMMMM"
    "...MBMMM...MBMMM" // a0
    "MMMMMMMMMMBMMMMM"
    "MMBMBBBM........" // c0
    "MMMMMMMMMMMMMMMM"
    "MMMMMMMMMMMMMMMM" // e0
    "MMMMMMMMMMMMMMMM";

struct insn {
	unsigned prefixes; // bytes before the opcode, REX among them
	uint8_t map;       // 1: one byte; 2: 0F; 3: 0F 38; 4: 0F 3A; 0: VEX, EVEX, XOP
	uint8_t opcode;
	bool op16, addr32, wide, lock, rep;
	unsigned length;
};

// Bytes of ModRM and what belongs to it, 0: not all there.
static unsigned modrm(const uint8_t *p, size_t size)
{
	unsigned n = 1, mode;

	if (!size)
		return 0;
	mode = p[0] >> 6;
	if (mode == 3)
		return 1;
	if ((p[0] & 7) == 4) {
		if (size < 2)
			return 0;
		n = 2;
		if (mode == 0 && (p[1] & 7) == 5)
			n += 4;
	} else if (mode == 0 && (p[0] & 7) == 5) {
		n += 4;
	}
	return n + (mode == 1 ? 1 : mode == 2 ? 4 : 0);
}

// Letter of a VEX, EVEX or XOP instruction.
static char vector(unsigned map, uint8_t opcode, bool evex)
{
	switch (map) {
	case 1:
		return opcode == 0x77 && !evex ? '.' : two[opcode] == 'B' ? 'B' : 'M';
	case 2:
	case 5:
	case 6:
	case 9:
		return 'M';
	case 3:
	case 8:
		return 'B';
	case 10:
		return 'Z';
	default:
		return '-';
	}
}

static bool prefix(struct insn *in, uint8_t c)
{
	switch (c) {
	case 0x66:
		in->op16 = true;
		return true;
	case 0x67:
		in->addr32 = true;
		return true;
	case 0xf0:
		in->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		in->rep = true;
		return true;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
		return true;
	default:
		return false;
	}
}

// Some opcodes are several instructions, told by ModRM's middle field, and not all of its values are taken.
static bool in_group(uint8_t opcode, uint8_t modrm)
{
	unsigned field = modrm >> 3 & 7;

	switch (opcode) {
	case 0x8f:
		return field == 0;
	case 0xc6:
	case 0xc7:
		return field == 0 || modrm == 0xf8;
	case 0xfe:
		return field < 2;
	case 0xff:
		return field != 7;
	default:
		return true;
	}
}

static bool decode(const uint8_t *p, size_t size, struct insn *in)
{
	unsigned n = 0, m, imm = 0;
	char kind;

	memset(in, 0, sizeof(*in));
	if (size > MAX)
		size = MAX;
	while (n < size && prefix(in, p[n]))
		n++;
	if (n < size && (p[n] & 0xf0) == 0x40)
		in->wide = p[n++] & 8;
	in->prefixes = n;
	if (n == size)
		return false;
	in->map = 1;
	in->opcode = p[n++];
	if (in->opcode == 0xc5 || in->opcode == 0xc4 || in->opcode == 0x62 ||
	    (in->opcode == 0x8f && n < size && (p[n] & 0x1f) >= 8)) {
		unsigned more = in->opcode == 0xc5 ? 1 : in->opcode == 0x62 ? 3 : 2, map;

		if (size - n < more + 1)
			return false;
		map = in->opcode == 0xc5 ? 1 : p[n] & (in->opcode == 0x62 ? 7 : 0x1f);
		kind = vector(map, p[n + more], in->opcode == 0x62);
		in->map = 0;
		in->opcode = p[n + more];
		in->op16 = false;
		n += more + 1;
	} else if (in->opcode == 0x0f) {
		if (n == size)
			return false;
		in->map = 2;
		in->opcode = p[n++];
		kind = two[in->opcode];
		if (in->opcode == 0x38 || in->opcode == 0x3a) {
			in->map = in->opcode == 0x38 ? 3 : 4;
			kind = in->opcode == 0x38 ? 'M' : 'B';
			if (n == size)
				return false;
			in->opcode = p[n++];
		} else if (in->opcode == 0x78 && (in->op16 || in->rep)) {
			kind = 'B'; // extrq, insertq: two immediates
			imm = 1;
		}
	} else {
		kind = one[in->opcode];
	}

	if (strchr("MBZ3c", kind)) {
		m = kind == 'c' ? n < size : modrm(p + n, size - n);
		if (!m)
			return false;
		if (in->map == 1 && !in_group(in->opcode, p[n]))
			return false;
		if (kind == '3' && (p[n] >> 3 & 7) < 2)
			kind = in->opcode == 0xf6 ? 'b' : 'z';
		n += m;
	}
	switch (kind) {
	case '.':
	case 'M':
	case '3':
	case 'c':
		break;
	case 'b':
	case 'B':
		imm += 1;
		break;
	case 'z':
	case 'Z':
		imm = in->op16 && !in->wide ? 2 : 4;
		break;
	case 'j':
		imm = 4;
		break;
	case 'w':
		imm = 2;
		break;
	case 'e':
		imm = 3;
		break;
	case 'v':
		imm = in->wide ? 8 : in->op16 ? 2 : 4;
		break;
	case 'o':
		imm = in->addr32 ? 4 : 8;
		break;
	default:
		return false;
	}
	if (imm > size || n > size - imm)
		return false;
	in->length = n + imm;
	return true;
}

unsigned dv_x86_length(const uint8_t *p, size_t size)
{
	struct insn in;

	return decode(p, size, &in) ? in.length : 0;
}

// Kernels look at an instruction's opcode without its map. A vector instruction (VEX, EVEX) whose opcode is that of a jump,
// a call, a return or a NOP is taken for one: it is "emulated" and never run, or its program counter is not put right. So
// the vpbroadcastb at the start of glibc's __strchrnul_evex (62 e2 7d 28 7a ce) becomes a "jp", as late as Linux 6.18.
static bool mistaken(uint8_t opcode)
{
	switch (opcode) {
	case 0x0f:
	case 0x70 ... 0x7f:
	case 0x90:
	case 0x9a:
	case 0x9d:
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf:
	case 0xe8 ... 0xeb:
	case 0xff:
		return true;
	default:
		return false;
	}
}

bool dv_x86_probeable(const uint8_t *p, size_t size)
{
	struct insn in;

	if (!decode(p, size, &in) || in.lock)
		return false;
	if (!in.map)
		return !mistaken(in.opcode);
	if (in.map != 1)
		return true;
	switch (in.opcode) {
	case 0x6c ... 0x6f: // ports
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
	case 0xcc ... 0xcf: // interrupts
	case 0xf1:
	case 0xf4: // hlt, cli, sti
	case 0xfa:
	case 0xfb:
		return false;
	default:
		return true;
	}
}

bool dv_x86_nop(const uint8_t *p, size_t size)
{
	struct insn in;

	if (!decode(p, size, &in) || in.rep)
		return false;
	return (in.map == 1 && in.opcode == 0x90) || (in.map == 2 && in.opcode == 0x1f);
}

bool dv_x86_return(const uint8_t *p, size_t size)
{
	struct insn in;

	return decode(p, size, &in) && in.map == 1 && (in.opcode == 0xc3 || in.opcode == 0xc2);
}
