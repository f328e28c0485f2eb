// SPDX-License-Identifier: GPL-2.0-or-later
#include "tracer/impl.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

struct dv_error *dv_tracer_create(struct dv_tracer **ret)
{
	struct dv_tracer *t = dv_xcalloc(1, sizeof(*t));

	dv_options_init(&t->opts);
	t->script = dv_script_create();
	t->consts = dv_consts_create();
	dv_probe_set_init(&t->probes);
	dv_arena_init(&t->arena);
	t->file = stdout;
	t->region_fd = -1;
	t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->stop_fd < 0) {
		int err = errno;

		dv_tracer_destroy(t);
		return dv_error_sys(err, "cannot make an event descriptor");
	}
	*ret = t;
	return NULL;
}

static void destroy(struct dv_tmachine *tm)
{
	if (!tm)
		return;
	DV_VEC_FREE(&tm->plans);
	DV_VEC_FREE(&tm->errors);
	DV_VEC_FREE(&tm->progs);
	free(tm->image);
	dv_machine_close(tm->m);
	free(tm);
}

void dv_tracer_destroy(struct dv_tracer *t)
{
	if (!t)
		return;
	dv_consumer_destroy(t->consumer);
	dv_loaded_destroy(t->own_loaded);
	for (size_t i = 0; i < t->progs.count; i++)
		dv_program_destroy(t->progs.data[i]);
	DV_VEC_FREE(&t->progs);
	for (size_t i = 0; i < t->machines.count; i++)
		destroy(t->machines.data[i]);
	destroy(t->own);
	DV_VEC_FREE(&t->machines);
	dv_machine_close(t->local);
	if (t->lazy)
		dv_universe_destroy(t->lazy);
	for (size_t i = 0; i < t->unusable.count; i++)
		dv_machine_close(t->unusable.data[i]);
	DV_VEC_FREE(&t->unusable);
	for (size_t i = 0; i < t->unopened.count; i++)
		dv_machine_close(t->unopened.data[i]);
	DV_VEC_FREE(&t->unopened);
	for (size_t i = 0; i < t->retired.count; i++)
		dv_guest_close(t->retired.data[i]);
	DV_VEC_FREE(&t->retired);
	for (size_t i = 0; i < t->builds.count; i++)
		free(t->builds.data[i].id);
	DV_VEC_FREE(&t->builds);
	dv_symbols_deinit(t);
	dv_region_destroy(t);
	dv_script_destroy(t->script);
	dv_consts_destroy(t->consts);
	dv_probe_set_deinit(&t->probes);
	dv_arena_deinit(&t->arena);
	for (size_t i = 0; i < t->libdirs.count; i++)
		free(t->libdirs.data[i]);
	DV_VEC_FREE(&t->libdirs);
	free(t->syslibdir);
	dv_options_deinit(&t->opts);
	for (size_t i = 0; i < t->only.count; i++)
		free(t->only.data[i]);
	DV_VEC_FREE(&t->only);
	DV_VEC_FREE(&t->source_end);
	DV_VEC_FREE(&t->clause_probes);
	DV_VEC_FREE(&t->enablings);
	DV_VEC_FREE(&t->ticks);
	DV_VEC_FREE(&t->until);
	DV_VEC_FREE(&t->until_pid);
	if (t->stop_fd >= 0)
		close(t->stop_fd);
	free(t);
}

struct dv_error *dv_tracer_option(struct dv_tracer *t, const char *name, const char *value)
{
	return dv_options_set(&t->opts, name, value, true);
}

bool dv_tracer_quiet(const struct dv_tracer *t)
{
	return t->opts.quiet;
}

void dv_tracer_only(struct dv_tracer *t, const char *glob)
{
	*DV_PUSH(&t->only) = dv_xstrdup(glob);
}

void dv_tracer_set_output(struct dv_tracer *t, FILE *f)
{
	t->file = f;
}

void dv_tracer_on_start(struct dv_tracer *t, void (*fn)(void *ctx), void *ctx)
{
	t->on_start = fn;
	t->on_start_ctx = ctx;
}

void dv_tracer_until(struct dv_tracer *t, int pid, int fd)
{
	if (t->until.count >= DV_UNTIL_MAX)
		return;
	*DV_PUSH(&t->until) = fd;
	*DV_PUSH(&t->until_pid) = pid;
	t->until_left++;
}

void dv_tracer_libdir(struct dv_tracer *t, const char *dir)
{
	*DV_PUSH(&t->libdirs) = dv_xstrdup(dir);
}

void dv_tracer_syslibdir(struct dv_tracer *t, const char *dir)
{
	free(t->syslibdir);
	t->syslibdir = dv_xstrdup(dir);
}

// What a library or script may depend on.
static bool has_unit(void *ctx, const char *kind, const char *name)
{
	static const char *const kernel[] = {"vmlinux", "kernel", "unix", "genunix"};
	struct dv_tracer *t = ctx;

	if (!strcmp(kind, "provider")) {
		for (size_t i = 0; dv_providers[i]; i++)
			if (!strcmp(dv_providers[i]->name, name))
				return true;
		return false;
	}
	for (size_t i = 0; i < DV_COUNT(kernel); i++)
		if (!strcmp(name, kernel[i]))
			return true;
	// A module: of any machine, when these are known by now.
	for (size_t i = 0; i < t->machines.count; i++) {
		const struct dv_guest *g = t->machines.data[i]->m ? t->machines.data[i]->m->guest : NULL;
		size_t count = 0;
		const struct dv_module *m = g ? dv_guest_modules(g, &count) : NULL;

		for (size_t k = 0; k < count; k++)
			if (!strcmp(m[k].name, name))
				return true;
	}
	return !t->found;
}

static void set_libs(struct dv_tracer *t)
{
	struct dv_lib_env env = {.has = has_unit, .ctx = t};

	if (t->libs_set)
		return;
	t->libs_set = true;
	dv_script_lib_env(t->script, &env);
	if (t->opts.nolibs)
		return;
	for (size_t i = 0; i < t->libdirs.count; i++)
		dv_script_libdir(t->script, t->libdirs.data[i]);
	if (t->opts.libdir)
		dv_script_libdir(t->script, t->opts.libdir);
	if (t->opts.syslibdir || t->syslibdir)
		dv_script_libdir(t->script, t->opts.syslibdir ? t->opts.syslibdir : t->syslibdir);
}

struct dv_error *dv_tracer_add_source(struct dv_tracer *t, const struct dv_source *src, struct dv_diag *diag)
{
	uint32_t options = dv_script_option_count(t->script), bad = 0;
	struct dv_source s = *src;
	struct dv_error *e;

	s.defaultargs |= t->opts.defaultargs;
	s.argref |= t->opts.argref;
	s.empty |= t->opts.empty;
	s.pspec_only |= t->opts.pspec;
	diag->errtags = t->opts.errtags;
	set_libs(t);
	e = dv_script_parse(t->script, &s, diag);
	if (e)
		return e;
	*DV_PUSH(&t->source_end) = dv_script_clause_count(t->script);
	for (uint32_t i = options; i < dv_script_option_count(t->script); i++) {
		const char *name, *value;
		struct dv_loc loc;

		dv_script_option(t->script, i, &name, &value, &loc);
		e = dv_options_set(&t->opts, name, value, false);
		if (e) {
			dv_script_diag(t->script, diag, loc, UINT32_MAX, "D_PRAGMA_OPTSET", "%s", e->msg);
			dv_error_destroy(e);
			bad++;
		}
	}
	if (t->opts.nolibs)
		dv_script_nolibs(t->script);
	// Strings are stored in words.
	t->opts.strsize = (t->opts.strsize + 7) & ~7ULL;
	return bad ? dv_error_create(DV_ERR_SYNTAX, "the D program was refused") : NULL;
}

void dv_tracer_stop(struct dv_tracer *t)
{
	uint64_t one = 1;

	atomic_store(&t->stop, true);
	if (write(t->stop_fd, &one, sizeof(one)) < 0)
		return; // full: it is awake anyway
}
