/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_LANG_NAMES_H
#define DV_LANG_NAMES_H
/**
 * A table of what a script has declared, by kind and name. Libraries declare hundreds of names, and each identifier of
 * a script is looked up in several kinds, so this is a hash. Keys and values are the caller's.
 */
#include <stdint.h>

/** What a name can stand for; one name may be there once for each kind. */
enum dv_name_kind {
	DV_NAME_GLOBAL, DV_NAME_THIS, DV_NAME_SELF, /**< struct dv_vdecl; as enum dv_var_scope */
	DV_NAME_TYPEDEF,                            /**< struct dv_tdef */
	DV_NAME_STRUCT, DV_NAME_UNION, DV_NAME_ENUM,/**< struct dv_decl, with its body */
	DV_NAME_ENUMERATOR,                         /**< struct dv_enumref */
	DV_NAME_PROVIDER,                           /**< struct dv_pdecl */
	DV_NAME_LIB, DV_NAME_LIB_XLATOR, DV_NAME_LIB_PROVIDER, /**< struct dv_libref: which libraries declare it */
};

struct dv_names {
	struct dv_name {
		const char *name; /**< NULL: free */
		enum dv_name_kind kind;
		void *value;
	} *slots;
	uint32_t count, size;
};

void dv_names_deinit(struct dv_names *t);
/** NULL: not there. */
void *dv_names_find(const struct dv_names *t, enum dv_name_kind kind, const char *name);
/** Enter or replace. */
void dv_names_put(struct dv_names *t, enum dv_name_kind kind, const char *name, void *value);

#endif
