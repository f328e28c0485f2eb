/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_GUEST_SYMTAB_H
#define DV_GUEST_SYMTAB_H
/**
 * A table of symbols: an array, the text of the names, and a hash of the names. Duplicates of a name are legal; a
 * lookup gives the first in the array.
 */
#include "guest/guest.h"

struct dv_symtab {
	struct dv_symbol *syms;
	size_t count;
	char *pool;          /**< text of the names; may be NULL when they belong to others */
	uint64_t *hash;      /**< hash of a name << 32 | index + 1, open addressing; made by dv_symtab_index() */
	uint32_t hash_size;  /**< a power of two */
};

/**
 * Make text of a guest's harmless: what is not printable ASCII becomes '?' (a name ends up on a terminal), and a name
 * ends after DV_NAME_MAX bytes at the latest (hundreds of thousands of symbols may share one endless name).
 */
#define DV_NAME_MAX 2048u
void dv_names_tame(char *p, size_t size);
/** Hash of a NUL-terminated string. */
uint32_t dv_str_hash(const char *s);
void dv_symtab_index(struct dv_symtab *t);
void dv_symtab_deinit(struct dv_symtab *t);
/** First symbol of that name for which module is @p module (-1: any); NULL: none. */
const struct dv_symbol *dv_symtab_find(const struct dv_symtab *t, const char *name, int module);
/** Sort by address (stable) and give each symbol that has no size the distance to the next address, at most to @p end.
 */
void dv_symtab_sort(struct dv_symtab *t);
void dv_symtab_sizes(struct dv_symtab *t, uint64_t end);
/** Last symbol at or before @p addr in [first, first + count) whose size covers it. */
const struct dv_symbol *dv_symtab_at(const struct dv_symbol *first, size_t count, uint64_t addr);

#endif
