/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constant strings of a session. Each is stored once, 8-byte aligned and padded with zeros, so that the run-time's
 * copies by words never carry bytes of a neighbour. The first 8 bytes stay empty: the offset DV_CONSTS_OFF is not
 * handed out.
 */
#include <string.h>

#include "abi/region.h"
#include "base/mem.h"
#include "code/program.h"

struct entry {
	uint32_t off, len; // off 0: free
	uint32_t hash;
};

struct dv_consts {
	char *data;
	uint32_t size, capacity;
	struct entry *table;
	uint32_t count, table_size; // table_size is a power of two
};

struct dv_consts *dv_consts_create(void)
{
	struct dv_consts *c = dv_xcalloc(1, sizeof(*c));

	c->capacity = 4096;
	c->data = dv_xcalloc(1, c->capacity);
	c->size = 8;
	c->table_size = 64;
	c->table = dv_xcalloc(c->table_size, sizeof(*c->table));
	return c;
}

void dv_consts_destroy(struct dv_consts *c)
{
	if (!c)
		return;
	free(c->data);
	free(c->table);
	free(c);
}

static uint32_t hash_bytes(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	return h;
}

static struct entry *find(struct dv_consts *c, const char *s, uint32_t len, uint32_t hash)
{
	for (uint32_t i = hash;; i++) {
		struct entry *e = &c->table[i & (c->table_size - 1)];

		if (!e->off || (e->hash == hash && e->len == len && !memcmp(c->data + e->off, s, len)))
			return e;
	}
}

static void grow_table(struct dv_consts *c)
{
	struct entry *old = c->table;
	uint32_t n = c->table_size;

	c->table_size = n * 2;
	c->table = dv_xcalloc(c->table_size, sizeof(*c->table));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = old[i].hash;

		if (!old[i].off)
			continue;
		while (c->table[at & (c->table_size - 1)].off)
			at++;
		c->table[at & (c->table_size - 1)] = old[i];
	}
	free(old);
}

uint32_t dv_consts_intern(struct dv_consts *c, const char *s, size_t len)
{
	uint32_t hash, room;
	struct entry *e;
	const char *nul = memchr(s, 0, len);

	if (nul)
		len = (size_t)(nul - s);
	if (len == 0)
		return 0;
	if (len > 0xfffff)
		len = 0xfffff;
	hash = hash_bytes(s, len);
	e = find(c, s, (uint32_t)len, hash);
	if (e->off)
		return DV_CONSTS_OFF + e->off;
	room = ((uint32_t)len + 8) & ~7u;
	if (c->capacity - c->size < room) {
		uint32_t cap = c->capacity;

		while (cap - c->size < room)
			cap *= 2;
		c->data = dv_xrealloc(c->data, cap);
		memset(c->data + c->capacity, 0, cap - c->capacity);
		c->capacity = cap;
	}
	memcpy(c->data + c->size, s, len);
	*e = (struct entry){.off = c->size, .len = (uint32_t)len, .hash = hash};
	c->size += room;
	if (++c->count * 2 > c->table_size)
		grow_table(c);
	return DV_CONSTS_OFF + c->size - room;
}

const void *dv_consts_data(const struct dv_consts *c, uint32_t *size)
{
	*size = c->size;
	return c->data;
}
