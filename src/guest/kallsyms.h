/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_GUEST_KALLSYMS_H
#define DV_GUEST_KALLSYMS_H
/**
 * The kernel's own symbol table, as it lies in the kernel's image. Found and checked by structure, not by version.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "guest/symtab.h"

enum dv_kallsyms_mode {
	DV_KALLSYMS_ABSOLUTE = 1, /**< 64-bit addresses */
	DV_KALLSYMS_RELATIVE,     /**< base + unsigned 32-bit offset */
	DV_KALLSYMS_PERCPU,       /**< as that, but offsets >= 0 are absolute, negative ones count from base - 1 down */
	DV_KALLSYMS_PLACE,        /**< signed 32-bit offset from the place of the offset itself */
};

/** Where the tables are: offsets from the start of the bytes they were found in. */
struct dv_kallsyms_loc {
	uint64_t names, markers, token_table, token_index, addrs, base;
	uint32_t names_size, count;
	uint32_t mode;
	uint32_t pad;
	uint64_t va; /**< where that start is mapped */
};
#define DV_KALLSYMS_MAX   (4u << 20)  /**< symbols */
#define DV_KALLSYMS_BYTES (256u << 20) /**< all tables */

/** Find the tables in @p buf, which is mapped at @p at, part of an image that is mapped at [va, va + va_size). */
bool dv_kallsyms_find(const uint8_t *buf, size_t size, uint64_t at, uint64_t va, uint64_t va_size,
                      struct dv_kallsyms_loc *ret);
/** Same tables, their offsets counted from @p delta further on (or back). */
void dv_kallsyms_shift(struct dv_kallsyms_loc *loc, int64_t delta);
/** The bytes that the tables span: [*lo, *hi). False: nonsense. */
bool dv_kallsyms_span(const struct dv_kallsyms_loc *loc, uint64_t *lo, uint64_t *hi);
/**
 * Read the tables: all symbols, by address, with sizes, indexed by name. @p buf holds the bytes that loc counts from.
 * Addresses must not descend, unless they say so in DV_ERR_UNKNOWN.
 */
struct dv_error *dv_kallsyms_decode(const uint8_t *buf, size_t size, const struct dv_kallsyms_loc *loc, uint64_t end,
                                    struct dv_symtab *ret) DV_MUST_USE;

#endif
