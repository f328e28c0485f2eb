/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lang/impl.h"

#include "abi/region.h"

struct dv_script *dv_script_create(void)
{
	struct dv_script *s = dv_xcalloc(1, sizeof(*s));

	dv_arena_init(&s->arena);
	s->globals_end = DV_GLOBALS_OFF;
	s->fwd = dv_universe_create(0, "the script", NULL, NULL);
	return s;
}

void dv_script_destroy(struct dv_script *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->sources.count; i++)
		DV_VEC_FREE(&s->sources.data[i].markers);
	DV_VEC_FREE(&s->sources);
	DV_VEC_FREE(&s->clauses);
	DV_VEC_FREE(&s->decls);
	DV_VEC_FREE(&s->assigns);
	DV_VEC_FREE(&s->aggdefs);
	DV_VEC_FREE(&s->options);
	DV_VEC_FREE(&s->vars);
	DV_VEC_FREE(&s->aggs);
	DV_VEC_FREE(&s->given);
	DV_VEC_FREE(&s->told);
	DV_VEC_FREE(&s->tags);
	DV_VEC_FREE(&s->tdefs);
	DV_VEC_FREE(&s->xlators);
	DV_VEC_FREE(&s->providers);
	DV_VEC_FREE(&s->pragmas);
	dv_names_deinit(&s->names);
	dv_lib_deinit(s);
	for (size_t i = 0; i < s->owns.count; i++)
		dv_universe_destroy(s->owns.data[i].types);
	DV_VEC_FREE(&s->owns);
	dv_universe_destroy(s->fwd);
	dv_arena_deinit(&s->arena);
	free(s);
}

uint32_t dv_script_clause_count(const struct dv_script *s)
{
	return (uint32_t)s->clauses.count;
}

struct dv_clause *dv_script_clause(struct dv_script *s, uint32_t i)
{
	return s->clauses.data[i];
}

uint32_t dv_script_option_count(const struct dv_script *s)
{
	return (uint32_t)s->options.count;
}

void dv_script_option(const struct dv_script *s, uint32_t i, const char **name, const char **value, struct dv_loc *loc)
{
	*name = s->options.data[i].name;
	*value = s->options.data[i].value;
	if (loc)
		*loc = s->options.data[i].loc;
}

bool dv_clause_uses_args(const struct dv_clause *c)
{
	return c->uses_args;
}

bool dv_clause_uses_probe_names(const struct dv_clause *c)
{
	return c->uses_probe_names;
}

bool dv_script_uses_cross_machine(const struct dv_script *s)
{
	// A pointer in a variable that all machines share may be followed on another machine than it came from.
	for (size_t i = 0; i < s->vars.count; i++)
		if (s->vars.data[i]->scope == DV_SCOPE_GLOBAL &&
		    (s->vars.data[i]->type->kind == DV_TYPE_PTR || s->vars.data[i]->pointers))
			return true;
	return s->machine_syms;
}

uint32_t dv_script_globals_end(const struct dv_script *s)
{
	return s->globals_end;
}

uint32_t dv_script_this_size(const struct dv_script *s)
{
	return s->this_size;
}

uint32_t dv_script_var_count(const struct dv_script *s)
{
	return (uint32_t)s->vars.count;
}

const struct dv_var *dv_script_var(const struct dv_script *s, uint32_t i)
{
	return s->vars.data[i];
}

uint32_t dv_script_agg_count(const struct dv_script *s)
{
	return (uint32_t)s->aggs.count;
}

const struct dv_agg *dv_script_agg(const struct dv_script *s, uint32_t i)
{
	return s->aggs.data[i];
}

void dv_script_dyn_sizes(const struct dv_script *s, uint32_t strsize, uint32_t *key_size, uint32_t *val_size)
{
	uint32_t key = 0, val = 0, str = (strsize + 7u) & ~7u;

	for (size_t i = 0; i < s->vars.count; i++) {
		const struct dv_var *v = s->vars.data[i];
		uint32_t k = 0, n;

		if (!v->is_array && v->scope != DV_SCOPE_SELF)
			continue;
		// An integer: kind, length, 8 bytes. A thread-local has its machine and thread before its keys.
		if (v->scope == DV_SCOPE_SELF)
			k += 2 * 16;
		for (uint32_t j = 0; j < v->key_count; j++)
			k += v->key_is_string[j] ? 8 + str : 16;
		n = v->type->kind == DV_TYPE_STRING ? str + 8
		    : v->type->kind == DV_TYPE_PTR  ? 16
		    : v->size			    ? ((v->size + 7u) & ~7u) + (v->pointers ? 8 : 0)
						    : 8;
		key = k > key ? k : key;
		val = n > val ? n : val;
	}
	*key_size = key;
	*val_size = val;
}
