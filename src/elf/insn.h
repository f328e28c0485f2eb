/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ELF_INSN_H
#define DV_ELF_INSN_H
/**
 * Where instructions of x86-64 begin. A breakpoint within an instruction would make another one of it, so a place that
 * a person names by its offset is looked at from the function's start on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of the instruction at @p p, of which @p size may be looked at. 0: it is none, or not all of it is there. */
unsigned dv_x86_length(const uint8_t *p, size_t size);
/** May the kernel put a breakpoint on it? It refuses what it cannot run elsewhere; this knows the common ones, and those that
 * it takes without being able to. */
bool dv_x86_probeable(const uint8_t *p, size_t size);
/** Does a function return with it? */
bool dv_x86_return(const uint8_t *p, size_t size);
/** Is it a NOP, of whatever length? */
bool dv_x86_nop(const uint8_t *p, size_t size);

#endif
