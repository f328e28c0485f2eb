/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw BTF: a header, a run of variable-length type records numbered from 1, a run of strings. Split BTF (a module's)
 * numbers its types and strings on from its base. Checked here, once: every record lies within the types, every string
 * ends. Ids and name offsets inside records are not: the accessors are safe for any number, and whoever follows ids
 * bounds the way.
 */
#include "guest/btf.h"

#include <stdio.h>
#include <string.h>

#include "guest/symtab.h"

#define MAGIC 0xeb9f

struct header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len, type_off, type_len, str_off, str_len;
};

// 32-bit words after the record's three, 0xffffffff: no such kind.
static uint32_t extra_words(const struct dv_btf_type *t)
{
	uint32_t n = dv_btf_vlen(t);

	switch (dv_btf_kind(t)) {
	case DV_BTF_PTR:
	case DV_BTF_FWD:
	case DV_BTF_TYPEDEF:
	case DV_BTF_VOLATILE:
	case DV_BTF_CONST:
	case DV_BTF_RESTRICT:
	case DV_BTF_FUNC: case DV_BTF_FLOAT: case DV_BTF_TYPE_TAG:
		return 0;
	case DV_BTF_INT: case DV_BTF_VAR: case DV_BTF_DECL_TAG:
		return 1;
	case DV_BTF_ARRAY: case DV_BTF_STRUCT: case DV_BTF_UNION: case DV_BTF_DATASEC: case DV_BTF_ENUM64:
		return dv_btf_kind(t) == DV_BTF_ARRAY ? 3 : 3 * n;
	case DV_BTF_ENUM: case DV_BTF_FUNC_PROTO:
		return 2 * n;
	}
	return UINT32_MAX;
}

static bool header_ok(const uint8_t *data, size_t size, struct header *h)
{
	if (size < sizeof(*h))
		return false;
	memcpy(h, data, sizeof(*h));
	if (h->magic != MAGIC || h->version != 1 || h->hdr_len < sizeof(*h) || h->hdr_len > 4096 || h->hdr_len & 3)
		return false;
	size -= h->hdr_len <= size ? h->hdr_len : size;
	return !(h->type_off & 3) && !(h->type_len & 3) && h->type_off <= size && h->type_len <= size - h->type_off &&
	       h->str_off <= size && h->str_len <= size - h->str_off && h->str_len > 0;
}

size_t dv_btf_size(const uint8_t *data, size_t size)
{
	struct header h;
	uint64_t end;

	if (!header_ok(data, size, &h) || h.type_len < 12)
		return 0;
	end = (uint64_t)h.str_off + h.str_len > (uint64_t)h.type_off + h.type_len ? (uint64_t)h.str_off + h.str_len :
	                                                                     (uint64_t)h.type_off + h.type_len;
	// Strings begin and end with a NUL.
	if (data[h.hdr_len + h.str_off] || data[h.hdr_len + h.str_off + h.str_len - 1])
		return 0;
	return h.hdr_len + end;
}

static bool hashed(unsigned kind)
{
	return kind == DV_BTF_INT || kind == DV_BTF_STRUCT || kind == DV_BTF_UNION || kind == DV_BTF_ENUM ||
	       kind == DV_BTF_ENUM64 || kind == DV_BTF_TYPEDEF || kind == DV_BTF_FUNC || kind == DV_BTF_VAR ||
	       kind == DV_BTF_FLOAT;
}

static void index_names(struct dv_btf *b)
{
	uint32_t size = 64;

	while (size < b->count)
		size *= 2;
	b->buckets = size;
	b->bucket = dv_xcalloc(size, sizeof(*b->bucket));
	b->chain = dv_xcalloc(b->count, sizeof(*b->chain));
	// From the last to the first: chains ascend.
	for (uint32_t i = b->count; i-- > 0;) {
		const struct dv_btf_type *t = (const void *)(b->types + b->off[i]);
		uint32_t h;

		if (!t->name || !hashed(dv_btf_kind(t)))
			continue;
		h = dv_str_hash(dv_btf_str(b, t->name)) & (size - 1);
		b->chain[i] = b->bucket[h];
		b->bucket[h] = i + 1;
	}
}

struct dv_error *dv_btf_create(uint8_t *data, size_t size, const struct dv_btf *base, const char *module,
			       struct dv_btf **ret)
{
	struct dv_btf *b = dv_xcalloc(1, sizeof(*b));
	const char *why = "has a bad header";
	struct header h;
	uint32_t at = 0, cap;

	b->data = data;
	b->size = size;
	b->base = base;
	snprintf(b->module, sizeof(b->module), "%s", module);
	if (size > DV_BTF_BYTES || !header_ok(data, size, &h))
		goto bad;
	b->types = data + h.hdr_len + h.type_off;
	b->types_size = h.type_len;
	b->strs = (const char *)data + h.hdr_len + h.str_off;
	b->strs_size = h.str_len;
	why = "has strings without an end";
	if (b->strs[b->strs_size - 1])
		goto bad;
	dv_names_tame((char *)b->strs, b->strs_size);
	b->first = base ? base->first + base->count : 1;
	b->strs_start = base ? base->strs_start + base->strs_size : 0;
	why = "has too many types";
	cap = h.type_len / 12;
	if (cap + (uint64_t)b->first > DV_BTF_TYPES)
		goto bad;
	b->off = dv_xcalloc(cap, sizeof(*b->off));
	while (at < h.type_len) {
		const struct dv_btf_type *t = (const void *)(b->types + at);
		uint32_t words;

		why = "has a type that is cut off";
		if (h.type_len - at < sizeof(*t))
			goto bad;
		words = extra_words(t);
		if (words == UINT32_MAX) {
			why = "has a kind of type that is not known";
			goto bad;
		}
		if (words > (h.type_len - at - sizeof(*t)) / 4)
			goto bad;
		b->off[b->count++] = at;
		at += sizeof(*t) + words * 4;
	}
	b->made = dv_xcalloc(b->count, sizeof(*b->made));
	index_names(b);
	*ret = b;
	return NULL;
bad:
	dv_btf_destroy(b);
	return dv_error_create(DV_ERR_UNKNOWN, "BTF of %s %s", module, why);
}

void dv_btf_destroy(struct dv_btf *b)
{
	if (!b)
		return;
	free(b->data);
	free(b->off);
	free(b->bucket);
	free(b->chain);
	free(b->made);
	free(b->enums);
	free(b);
}

const struct dv_btf_type *dv_btf_type(const struct dv_btf *b, uint32_t id)
{
	for (; b; b = b->base) {
		if (id >= b->first)
			return id - b->first < b->count ? (const void *)(b->types + b->off[id - b->first]) : NULL;
	}
	return NULL;
}

const char *dv_btf_str(const struct dv_btf *b, uint32_t off)
{
	for (; b; b = b->base) {
		if (off >= b->strs_start)
			return off - b->strs_start < b->strs_size ? b->strs + (off - b->strs_start) : "";
	}
	return "";
}

uint32_t dv_btf_find(const struct dv_btf *b, uint32_t kinds, const char *name)
{
	if (!b->buckets)
		return 0;
	for (uint32_t i = b->bucket[dv_str_hash(name) & (b->buckets - 1)]; i; i = b->chain[i - 1]) {
		const struct dv_btf_type *t = (const void *)(b->types + b->off[i - 1]);

		if (kinds >> dv_btf_kind(t) & 1 && !strcmp(dv_btf_str(b, t->name), name))
			return b->first + i - 1;
	}
	return 0;
}

static bool transparent(unsigned kind)
{
	return kind == DV_BTF_TYPEDEF || kind == DV_BTF_VOLATILE || kind == DV_BTF_CONST || kind == DV_BTF_RESTRICT ||
	       kind == DV_BTF_TYPE_TAG;
}

const struct dv_btf_type *dv_btf_strip(const struct dv_btf *b, uint32_t id)
{
	const struct dv_btf_type *t = dv_btf_type(b, id);

	for (unsigned i = 0; i < 64 && t && transparent(dv_btf_kind(t)); i++)
		t = dv_btf_type(b, t->size_type);
	return t && !transparent(dv_btf_kind(t)) ? t : NULL;
}

uint64_t dv_btf_sizeof(const struct dv_btf *b, uint32_t id)
{
	uint64_t n = 1;

	for (unsigned depth = 0; depth < 16; depth++) {
		const struct dv_btf_type *t = dv_btf_strip(b, id);

		if (!t)
			return 0;
		switch (dv_btf_kind(t)) {
		case DV_BTF_PTR:
			return n * 8;
		case DV_BTF_ARRAY:
			if (t->extra[2] && n > UINT32_MAX / t->extra[2])
				return 0;
			n *= t->extra[2];
			id = t->extra[0];
			continue;
		case DV_BTF_INT:
		case DV_BTF_STRUCT:
		case DV_BTF_UNION:
		case DV_BTF_ENUM:
		case DV_BTF_ENUM64:
		case DV_BTF_FLOAT:
			return n * t->size_type;
		default:
			return 0;
		}
	}
	return 0;
}

// A member by name (of length n); into anonymous structures, as deep as C programs go.
static bool member(const struct dv_btf *b, const struct dv_btf_type *t, const char *name, size_t n, unsigned depth,
                   unsigned *budget, uint64_t *bits, uint32_t *field, uint32_t *type)
{
	if (!t || (dv_btf_kind(t) != DV_BTF_STRUCT && dv_btf_kind(t) != DV_BTF_UNION))
		return false;
	for (unsigned i = 0; i < dv_btf_vlen(t) && *budget; i++) {
		const uint32_t *m = t->extra + 3 * i;
		const char *s = dv_btf_str(b, m[0]);
		uint32_t off = dv_btf_flag(t) ? m[2] & 0xffffff : m[2];

		(*budget)--;
		if (!strncmp(s, name, n) && !s[n]) {
			*field = dv_btf_flag(t) ? m[2] >> 24 : 0;
			*bits += off;
			*type = m[1];
			return true;
		}
		if (!*s && depth < 8) {
			*bits += off;
			if (member(b, dv_btf_strip(b, m[1]), name, n, depth + 1, budget, bits, field, type))
				return true;
			*bits -= off;
		}
	}
	return false;
}

// Through the path, to its last member. False: there is none, or it goes through a bit-field.
static bool follow(const struct dv_btf *b, const char *type, const char *path, uint64_t *bits, uint32_t *field,
                   uint32_t *id)
{
	unsigned budget = 1u << 16;

	*id = dv_btf_find(b, 1u << DV_BTF_STRUCT | 1u << DV_BTF_UNION, type);
	*bits = *field = 0;
	while (*id) {
		size_t n = strcspn(path, ".");

		if (*field || !member(b, dv_btf_strip(b, *id), path, n, 0, &budget, bits, field, id))
			return false;
		path += n;
		if (!*path)
			break;
		path++;
	}
	return *id && *bits < 1u << 27;
}

bool dv_btf_member(const struct dv_btf *b, const char *type, const char *path, uint32_t *off, uint32_t *size)
{
	uint32_t id, field;
	uint64_t bits, bytes;

	if (!follow(b, type, path, &bits, &field, &id) || field || bits & 7)
		return false;
	bytes = dv_btf_sizeof(b, id);
	*off = bits / 8;
	if (size)
		*size = bytes <= UINT32_MAX ? bytes : 0;
	return true;
}

bool dv_btf_bits(const struct dv_btf *b, const char *type, const char *path, uint32_t *off, uint32_t *size)
{
	uint32_t id, field;
	uint64_t bits;

	if (!follow(b, type, path, &bits, &field, &id))
		return false;
	*off = (uint32_t)bits;
	*size = field;
	return true;
}
