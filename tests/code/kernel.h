/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_KERNEL_H
#define DV_TESTS_KERNEL_H
/**
 * Types and symbols of a small kernel:
 *	struct node, task_struct { same *next; long value; }
 *	struct in { u8 a, b; }
 *	struct out { unsigned i; struct in in; u8 arr[4]; union { u16 s; u8 c; }; }
 *	struct bits { unsigned a : 3, b : 7; int c : 6; unsigned d : 16; }
 *	struct label { char text[16]; char *p; }
 *	struct rec { u8 a; char text[4]; struct node n; }        (n at 8)
 *	enum color { RED, GREEN = 5, BLUE }
 * counter (u32) at base + 4, greeting (char[16]) + 256, head (u16 *) + 520, first_node + 1024, bytes (u8[256]) + 0, and
 * the function do_thing.
 */
#include "type/type.h"

struct dv_universe *kernel_create(uint32_t id, const char *name, uint64_t base);
const struct dv_type *kernel_find(struct dv_universe *u, const char *name); /**< a structure */

#endif
