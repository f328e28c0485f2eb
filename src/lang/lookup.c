/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a name stands for. First the script's own declarations, then the libraries', which are parsed when they are the
 * first to know the name. A variable that the script assigns hides a library's declaration of that name.
 */
#include "lang/impl.h"

static void *find(struct dv_script *s, enum dv_name_kind kind, const char *name)
{
	void *v = dv_names_find(&s->names, kind, name);

	if (!v && dv_lib_load(s, DV_NAME_LIB, name))
		v = dv_names_find(&s->names, kind, name);
	return v;
}

const struct dv_vdecl *dv_script_decl(struct dv_script *s, enum dv_var_scope scope, const char *name)
{
	const struct dv_vdecl *d = scope == DV_SCOPE_GLOBAL ? find(s, DV_NAME_GLOBAL, name)
							    : dv_names_find(&s->names, (enum dv_name_kind)scope, name);

	return d && d->lib && dv_script_assigns(s, scope, name) ? NULL : d;
}

struct dv_tdef *dv_script_typedef(struct dv_script *s, const char *name)
{
	return find(s, DV_NAME_TYPEDEF, name);
}

struct dv_decl *dv_script_tag(struct dv_script *s, enum dv_name_kind kind, const char *name)
{
	return find(s, kind, name);
}

const struct dv_enumref *dv_script_enumerator(struct dv_script *s, const char *name)
{
	const struct dv_enumref *e = find(s, DV_NAME_ENUMERATOR, name);

	return e && e->decl->lib && dv_script_assigns(s, DV_SCOPE_GLOBAL, name) ? NULL : e;
}

const struct dv_pdecl *dv_script_provider(struct dv_script *s, const char *name)
{
	const struct dv_pdecl *p = dv_names_find(&s->names, DV_NAME_PROVIDER, name);

	if (!p && dv_lib_load(s, DV_NAME_LIB_PROVIDER, name))
		p = dv_names_find(&s->names, DV_NAME_PROVIDER, name);
	return p;
}

void dv_script_need_xlators(struct dv_script *s, const char *out)
{
	dv_lib_load(s, DV_NAME_LIB_XLATOR, out);
}
