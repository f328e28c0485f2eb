/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TYPE_TYPE_H
#define DV_TYPE_TYPE_H
/**
 * C types as D sees them: those that D brings itself and those of a kernel (from BTF, guest/btf.c). A *universe* is the
 * set of types of one kernel image with its modules; types live as long as their universe and are never changed once
 * they are complete. Structures are filled in on demand by the universe's source. Types of the base universe (integers,
 * string, void *) may be used with any other. One thread at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

enum dv_type_kind {
	DV_TYPE_VOID, DV_TYPE_INT, DV_TYPE_FLOAT, DV_TYPE_PTR, DV_TYPE_ARRAY, DV_TYPE_STRUCT, DV_TYPE_UNION,
	DV_TYPE_ENUM, DV_TYPE_TYPEDEF, DV_TYPE_FUNC, DV_TYPE_STRING, /**< D's string */
	DV_TYPE_FWD,                                   /**< declared, not defined */
	DV_TYPE_STACK,                                 /**< what stack(), sym() and their like give: only to be shown */
};

struct dv_type;

struct dv_member {
	const char *name;          /**< NULL or "": anonymous struct or union, its members are found through it */
	const struct dv_type *type;
	uint32_t bit_off;          /**< from the structure's start */
	uint32_t bit_size;         /**< 0: not a bit-field */
};
struct dv_enumerator {
	const char *name;
	int64_t value;
};

struct dv_type {
	enum dv_type_kind kind;
	const char *name;          /**< tag or name without "struct "; NULL: none */
	uint64_t size;             /**< bytes; 0 for void, functions, forward declarations, flexible arrays */
	bool is_signed, is_char, is_bool; /**< INT; is_char: plain `char`, so that arrays of it are text */
	bool incomplete;           /**< STRUCT, UNION: members not loaded yet, see dv_type_complete() */
	bool is_user;              /**< PTR: address in user space (__user, or the result of a cast D knows about) */
	const struct dv_type *ref; /**< PTR, ARRAY, TYPEDEF: to; FUNC: result; ENUM: NULL. Qualifiers are dropped */
	uint32_t count;            /**< members, enumerators, parameters, elements; STACK: enum dv_stack_kind */
	bool varargs;              /**< FUNC */
	const struct dv_member *members;       /**< STRUCT, UNION; FUNC: parameters (name may be NULL) */
	const struct dv_enumerator *enums;
	struct dv_universe *universe;
	uint32_t id;               /**< the source's number for it */
	const void *decl;          /**< the script's declaration (lang/), NULL: a type of a kernel or of D */
	const void *xlator;        /**< PTR: translated (lang/xlate.c). The value is not an address of `ref` but what
	                                this translator makes one of */
};

/** How a provider presents an argument, see struct dv_provider. */
struct dv_xarg {
	const char *type; /**< its translated type: "psinfo_t *"; NULL: as it is */
	uint32_t native;  /**< which argument of the probe it is made from */
};
#define DV_XARGS_MAX 16u

/** Where a universe's types come from. Filled by guest/btf.c, and by tests. All may answer NULL/false: not there. */
struct dv_type_source_ops {
	/** By name: kind STRUCT, UNION, ENUM (by tag), or TYPEDEF (also base types by C name). @p module NULL: any. */
	const struct dv_type *(*find)(void *ctx, enum dv_type_kind kind, const char *name, const char *module);
	/** Load members of @p t (STRUCT, UNION with incomplete set). */
	void (*complete)(void *ctx, struct dv_type *t);
	/** A kernel variable or function by name: its address, and type if known (else *type = NULL). */
	bool (*find_symbol)(void *ctx, const char *module, const char *name, uint64_t *addr,
	                    const struct dv_type **type);
	/** Value of an enumerator of any enum (D sees enumerators of kernel enums as constants). */
	bool (*find_enumerator)(void *ctx, const char *name, int64_t *value, const struct dv_type **type);
};

struct dv_universe {
	uint32_t id;               /**< dv_machine_desc::universe; 0 is the base universe */
	const char *name;          /**< for messages: the kernel's release */
	const struct dv_type_source_ops *ops; /**< NULL: only base types */
	void *ctx;
	struct dv_arena arena;
	DV_VEC(struct dv_type *) derived; /**< pointers and arrays made by dv_type_ptr(), dv_type_array() */
	struct dv_type **derived_index;   /**< open hash of them, derived_slots (a power of two) entries */
	size_t derived_slots;
};

/** The base universe, made at first use, never destroyed. */
struct dv_universe *dv_universe_base(void);
struct dv_universe *dv_universe_create(uint32_t id, const char *name, const struct dv_type_source_ops *ops, void *ctx);
void dv_universe_destroy(struct dv_universe *u);

/** Base types. Signed: size 1, 2, 4, 8. */
const struct dv_type *dv_type_int(unsigned size, bool is_signed);
const struct dv_type *dv_type_char(void);
const struct dv_type *dv_type_void(void);
const struct dv_type *dv_type_string(void);
const struct dv_type *dv_type_void_ptr(void);
/** Base type by its C or D name ("unsigned int", "uint32_t", "size_t", "uintptr_t", "pid_t" ...; LP64), or NULL. */
const struct dv_type *dv_type_base_by_name(const char *name);
const struct dv_type *dv_type_float(unsigned size); /**< 4, 8 */
/** The result of stack(), ustack(), sym() ...: @p kind is its enum dv_stack_kind (abi/region.h). */
const struct dv_type *dv_type_stack(unsigned kind);

/** A new, zeroed type in @p u's arena. */
struct dv_type *dv_type_new(struct dv_universe *u, enum dv_type_kind kind, const char *name, uint64_t size);
/** The pointer to @p to (the same one each time), in @p to's universe. */
const struct dv_type *dv_type_ptr(const struct dv_type *to);
/** Likewise, with is_user set: an address in user space. */
const struct dv_type *dv_type_user_ptr(const struct dv_type *to);
const struct dv_type *dv_type_array(const struct dv_type *of, uint32_t count);

/** Strip typedefs. Never NULL for a non-NULL argument; bounded (a loop of typedefs ends as void). */
const struct dv_type *dv_type_resolve(const struct dv_type *t);
/** Load the members of a structure if need be; returns the resolved type. */
const struct dv_type *dv_type_complete(const struct dv_type *t);
/** Find a member, through anonymous ones; *bit_off gets the offset from @p t's start. Bounded depth. */
const struct dv_member *dv_type_member(const struct dv_type *t, const char *name, uint64_t *bit_off);
bool dv_type_is_integer(const struct dv_type *t); /**< integers, enums, bool */
bool dv_type_is_scalar(const struct dv_type *t);  /**< integers and pointers */
bool dv_type_is_string(const struct dv_type *t);  /**< D string, or array of char */
/** Typedefs aside the same: integers by size and sign, structures and enums by identity or, in one universe, by tag. */
bool dv_type_equal(const struct dv_type *a, const struct dv_type *b);
/** Type as C writes it ("struct task_struct *", "char[16]"); into @p buf, always terminated; returns @p buf. */
const char *dv_type_name(const struct dv_type *t, char *buf, size_t size);

#endif
