/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *die_if_null(void *p)
{
	if (!p) {
		fputs("dvirt: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *dv_xcalloc(size_t count, size_t size)
{
	return die_if_null(calloc(count ? count : 1, size ? size : 1));
}

void *dv_xrealloc(void *p, size_t size)
{
	return die_if_null(realloc(p, size ? size : 1));
}

char *dv_xstrdup(const char *s)
{
	return die_if_null(strdup(s));
}

char *dv_xstrndup(const char *s, size_t n)
{
	return die_if_null(strndup(s, n));
}

char *dv_xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return die_if_null(s);
}

#define CHUNK_SIZE 65536

struct dv_arena_chunk {
	struct dv_arena_chunk *next;
	size_t used, size;
	max_align_t data[];
};

void dv_arena_init(struct dv_arena *a)
{
	a->chunks = NULL;
}

void dv_arena_deinit(struct dv_arena *a)
{
	while (a->chunks) {
		struct dv_arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}

void *dv_arena_alloc(struct dv_arena *a, size_t size)
{
	const size_t align = sizeof(max_align_t);
	struct dv_arena_chunk *c = a->chunks;
	void *p;

	size = (size + align - 1) / align * align;
	if (!c || c->size - c->used < size) {
		size_t room = size > CHUNK_SIZE / 4 ? size : CHUNK_SIZE;

		c = dv_xcalloc(1, sizeof(*c) + room);
		c->size = room;
		// A large block goes behind the current chunk, whose free room stays in use.
		if (a->chunks && room != CHUNK_SIZE) {
			c->next = a->chunks->next;
			a->chunks->next = c;
		} else {
			c->next = a->chunks;
			a->chunks = c;
		}
	}
	p = (char *)c->data + c->used;
	c->used += size;
	return p;
}

char *dv_arena_strndup(struct dv_arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = dv_arena_alloc(a, len + 1);

	memcpy(p, s, len);
	return p;
}

char *dv_arena_strdup(struct dv_arena *a, const char *s)
{
	return dv_arena_strndup(a, s, strlen(s));
}

char *dv_arena_printf(struct dv_arena *a, const char *fmt, ...)
{
	char *s = NULL, *p;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	die_if_null(s);
	p = dv_arena_strdup(a, s);
	free(s);
	return p;
}

void dv_vec_grow(void **data, size_t *count, size_t *capacity, size_t elem)
{
	if (*count == *capacity) {
		*capacity = *capacity ? *capacity * 2 : 8;
		if (*capacity > SIZE_MAX / elem)
			die_if_null(NULL);
		*data = dv_xrealloc(*data, *capacity * elem);
	}
	memset((char *)*data + *count * elem, 0, elem);
	(*count)++;
}
