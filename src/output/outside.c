/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Actions of the consumer on the world outside: system(), freopen(), ftruncate(), setopt(). All in the order of the
 * records.
 *
 * system() gives a shell a text that may have parts from a guest, and a guest may call its process what it likes. So a
 * string from data that has a character which a shell acts on makes the command one that is not run.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "output/out.h"

static void complain(struct dv_output *o, const char *fmt, ...) DV_PRINTF(2, 3);
static void complain(struct dv_output *o, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (o->complain)
		o->complain(o->ctx, text);
	else
		fprintf(o->f, "[%s]\n", text);
}

char *out_text(struct dv_output *o, const struct dv_action *a, struct out_args *args)
{
	char *text = NULL;
	size_t size;
	FILE *f = o->f;
	bool ok;

	o->f = open_memstream(&text, &size);
	if (!o->f) {
		o->f = f;
		return NULL;
	}
	args->guard = a->kind == DV_ACT_SYSTEM;
	ok = out_format(o, a->convs, a->conv_count, args);
	fclose(o->f);
	o->f = f;
	if (ok && args->unsafe) {
		complain(o, "system( ) was not run, for a value in it has a character that a shell acts on: %s", text);
		ok = false;
	}
	if (ok)
		return text;
	free(text);
	return NULL;
}

void out_system(struct dv_output *o, const char *command)
{
	fflush(o->f);
	if (o->system)
		o->system(o->ctx, command);
	else
		fprintf(o->f, "[system: %s]\n", command);
}

void out_freopen(struct dv_output *o, const char *name)
{
	FILE *f;

	fflush(o->f);
	if (!*name) {
		if (o->first) {
			fclose(o->f);
			o->f = o->first;
			o->first = NULL;
		}
		return;
	}
	f = fopen(name, "ae");
	if (!f) {
		complain(o, "couldn't freopen() \"%s\": %s", name, strerror(errno));
		return;
	}
	if (o->first)
		fclose(o->f);
	else
		o->first = o->f;
	o->f = f;
}

void out_ftruncate(struct dv_output *o)
{
	int fd = fileno(o->f);

	fflush(o->f);
	// Where there is nothing to cut off (a terminal, a pipe), nothing is.
	if (fd >= 0 && ftruncate(fd, 0) == 0)
		fseeko(o->f, 0, SEEK_SET);
}

void out_setopt(struct dv_output *o, const char *name, const char *value)
{
	if (o->setopt)
		o->setopt(o->ctx, name, value);
	else
		fprintf(o->f, "[setopt %s %s]\n", name, value ? value : "");
}
