/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_PROBE_USDT_SPEC_H
#define DV_PROBE_USDT_SPEC_H
/**
 * From the argument string of a static probe's note to the form of abi/usdt.h. The string is foreign: its length and the
 * number of arguments are bounded, and what is not understood becomes an argument that is not known.
 */
#include <stddef.h>

#include "abi/usdt.h"

/** A variable of the program by name, for operands that name one ("8@counter(%rip)"): its address in the process. */
typedef bool dv_usdt_variable_fn(void *ctx, const char *name, uint64_t *addr);

/** Take @p args of an x86-64 program apart; at most DV_USDT_ARGS_MAX of them count. Returns how many. @p variable may be
 * NULL: none is known. */
uint32_t dv_usdt_parse(const char *args, dv_usdt_variable_fn *variable, void *ctx,
		       struct dv_usdt_arg ret[DV_USDT_ARGS_MAX]);
/** Write the text that dv_usdt_read() reads. */
void dv_usdt_write(const struct dv_usdt_arg *args, uint32_t count, char buf[DV_USDT_SPEC_MAX]);

#endif
