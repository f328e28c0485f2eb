/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_BASE_MEM_H
#define DV_BASE_MEM_H
/**
 * Memory for the dvirt process: allocation that ends the process when memory is out (never used inside a QEMU
 * process), scope guards, arenas for things that die together, and growable arrays.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

void *dv_xcalloc(size_t count, size_t size);
void *dv_xrealloc(void *p, size_t size);
char *dv_xstrdup(const char *s);
char *dv_xstrndup(const char *s, size_t n);
char *dv_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline void dv_cleanup_free(void *p)
{
	free(*(void **)p);
}
static inline void dv_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
/** Frees the variable's block at the end of its scope. */
#define DV_FREE __attribute__((cleanup(dv_cleanup_free)))
/** Closes the variable's descriptor at the end of its scope, unless it is negative. */
#define DV_FD __attribute__((cleanup(dv_cleanup_fd)))

/** Memory that is given back all at once. Zeroed. One thread at a time. */
struct dv_arena {
	struct dv_arena_chunk *chunks;
};
void dv_arena_init(struct dv_arena *a);
void dv_arena_deinit(struct dv_arena *a);
void *dv_arena_alloc(struct dv_arena *a, size_t size);
char *dv_arena_strdup(struct dv_arena *a, const char *s);
char *dv_arena_strndup(struct dv_arena *a, const char *s, size_t n);
char *dv_arena_printf(struct dv_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * Growable array: `struct { T *data; size_t count, capacity; } v = {0};`
 * DV_PUSH(&v) evaluates to a pointer to a new, zeroed last element.
 */
#define DV_VEC(T)                        \
	struct {                         \
		T *data;                 \
		size_t count, capacity;  \
	}
#define DV_PUSH(v)                                                                                          \
	(dv_vec_grow((void **)&(v)->data, &(v)->count, &(v)->capacity, sizeof(*(v)->data)), \
	 &(v)->data[(v)->count - 1])
#define DV_VEC_FREE(v) (free((v)->data), (v)->data = NULL, (v)->count = (v)->capacity = 0)
void dv_vec_grow(void **data, size_t *count, size_t *capacity, size_t elem);

#define DV_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
