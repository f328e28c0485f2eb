/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_GUEST_BTF_H
#define DV_GUEST_BTF_H
/**
 * BTF, the kernel's type information: the raw tables, checked once when they are taken in, and then read in place; and
 * the set of them that makes up a kernel with its modules, which serves a struct dv_universe (btftype.c).
 */
#include "base/error.h"
#include "type/type.h"

enum dv_btf_kind {
	DV_BTF_VOID, DV_BTF_INT, DV_BTF_PTR, DV_BTF_ARRAY, DV_BTF_STRUCT, DV_BTF_UNION, DV_BTF_ENUM, DV_BTF_FWD,
	DV_BTF_TYPEDEF, DV_BTF_VOLATILE, DV_BTF_CONST, DV_BTF_RESTRICT, DV_BTF_FUNC, DV_BTF_FUNC_PROTO, DV_BTF_VAR,
	DV_BTF_DATASEC, DV_BTF_FLOAT, DV_BTF_DECL_TAG, DV_BTF_TYPE_TAG, DV_BTF_ENUM64,
	DV_BTF_KINDS
};

/** A type's record; what follows it depends on its kind. */
struct dv_btf_type {
	uint32_t name, info, size_type;
	uint32_t extra[];
};
static inline unsigned dv_btf_kind(const struct dv_btf_type *t)
{
	return t->info >> 24 & 0x1f;
}
static inline unsigned dv_btf_vlen(const struct dv_btf_type *t)
{
	return t->info & 0xffff;
}
static inline bool dv_btf_flag(const struct dv_btf_type *t)
{
	return t->info >> 31;
}

struct dv_btf {
	const struct dv_btf *base; /**< split BTF: of vmlinux; ids and strings go on from it */
	uint8_t *data;             /**< owned */
	size_t size;
	const uint8_t *types;
	const char *strs;
	uint32_t types_size, strs_size, strs_start; /**< strings before ours are the base's */
	uint32_t first, count;     /**< ids [first, first + count); ours: without void, id 0 */
	uint32_t *off;             /**< of each of our types in types */
	uint32_t *bucket, *chain;  /**< hash of names of our types: index + 1, ascending ids */
	uint32_t buckets;
	const struct dv_type **made; /**< what the types became, on demand */
	struct {
		uint32_t name, id, index;
	} *enums;                  /**< open addressing, made at the first lookup */
	uint32_t enums_size;
	char module[64];           /**< "vmlinux" or the module's name */
};
#define DV_BTF_BYTES (64u << 20) /**< largest BTF that is looked at */
#define DV_BTF_TYPES (4u << 20)

/** Take in BTF at @p data (malloc'ed; owned by the result, freed also on failure). @p base: NULL for vmlinux. */
struct dv_error *dv_btf_create(uint8_t *data, size_t size, const struct dv_btf *base, const char *module,
                               struct dv_btf **ret) DV_MUST_USE;
void dv_btf_destroy(struct dv_btf *b);
/** Size of the BTF that begins at @p data by its header, 0: none there. */
size_t dv_btf_size(const uint8_t *data, size_t size);
/** NULL: no such id, or void. */
const struct dv_btf_type *dv_btf_type(const struct dv_btf *b, uint32_t id);
/** Never NULL. */
const char *dv_btf_str(const struct dv_btf *b, uint32_t off);
/** First id of this BTF itself (not its base) of a kind in @p kinds (bits) by name; 0: none. */
uint32_t dv_btf_find(const struct dv_btf *b, uint32_t kinds, const char *name);
/** Strip typedefs, qualifiers and tags; bounded. */
const struct dv_btf_type *dv_btf_strip(const struct dv_btf *b, uint32_t id);
/** Offset in bytes of a member ("a.b" goes into members), through anonymous ones; *size: of the member's type.
 *  False: not there, or a bit-field. */
bool dv_btf_member(const struct dv_btf *b, const char *type, const char *path, uint32_t *off, uint32_t *size);
/** The same in bits, and for bit-fields too: *size is then the field's, else 0. */
bool dv_btf_bits(const struct dv_btf *b, const char *type, const char *path, uint32_t *off, uint32_t *size);
/** sizeof, bounded; 0: unknown. */
uint64_t dv_btf_sizeof(const struct dv_btf *b, uint32_t id);

/** A kernel's types: vmlinux's BTF and those of its modules. */
struct dv_types {
	struct dv_btf *base;
	DV_VEC(struct dv_btf *) mods;  /**< of modules that are or were loaded: types must outlive their module */
	struct dv_universe *universe;
	bool (*symbol)(void *ctx, const char *module, const char *name, uint64_t *addr, const char **in_module);
	void *symbol_ctx;
};
extern const struct dv_type_source_ops dv_btf_source_ops;
/** The universe's ctx is the result. @p base becomes owned. */
struct dv_types *dv_types_create(struct dv_btf *base);
void dv_types_destroy(struct dv_types *t);
/** The BTF of a module with these bytes if we have it, else a new one. @p data as in dv_btf_create(). NULL: bad BTF. */
struct dv_btf *dv_types_add_module(struct dv_types *t, const char *module, uint8_t *data, size_t size);
const struct dv_type *dv_types_func(struct dv_types *t, const char *module, const char *name);

#endif
