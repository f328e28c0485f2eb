/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_GUEST_SYNTH_H
#define DV_TESTS_GUEST_SYNTH_H
/**
 * Makes symbol tables and BTF as a kernel's build would, for tests and for the fuzzers' seeds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/priv.h"

struct buf {
	uint8_t *p;
	size_t n, room;
};
static inline size_t put(struct buf *b, const void *src, size_t n)
{
	size_t at = b->n;

	while (b->room < b->n + n + 1) {
		b->room = b->room ? b->room * 2 : 4096;
		b->p = dv_xrealloc(b->p, b->room);
	}
	if (src)
		memcpy(b->p + b->n, src, n);
	else
		memset(b->p + b->n, 0, n);
	b->n += n;
	return at;
}
static inline size_t put8(struct buf *b, unsigned v)
{
	uint8_t c = v;

	return put(b, &c, 1);
}
static inline size_t put16(struct buf *b, uint16_t v)
{
	return put(b, &v, 2);
}
static inline size_t put32(struct buf *b, uint32_t v)
{
	return put(b, &v, 4);
}
static inline size_t put64(struct buf *b, uint64_t v)
{
	return put(b, &v, 8);
}
static inline void align8(struct buf *b)
{
	while (b->n & 7)
		put8(b, 0);
}

/* -- kallsyms -- */
struct synth_sym {
	uint64_t addr;
	const char *name; /**< with the letter of its kind in front */
};
enum synth_order {
	SYNTH_OLD,      /**< up to 6.1 */
	SYNTH_OLD_SEQS, /**< with seqs_of_names between markers and tokens */
	SYNTH_NEW,      /**< from 6.4 on */
};

// Tokens: printable characters are themselves, the other numbers are frequent pairs.
static inline void synth_token(unsigned i, char *ret)
{
	static const char *const words[] = {"__",   "_s",   "sys_", "get", "put_", "alloc",
					    "tcp_", "vfs_", "read", "ks",  "str",  "tab"};

	if (i > ' ' && i < 127)
		snprintf(ret, 16, "%c", i);
	else
		snprintf(ret, 16, "%s", words[i % DV_COUNT(words)]);
}

static inline void synth_names(struct buf *b, const struct synth_sym *s, unsigned n, uint32_t *markers)
{
	size_t start = b->n;

	for (unsigned i = 0; i < n; i++) {
		uint8_t tok[600];
		unsigned k = 0;

		if (!(i & 255))
			markers[i / 256] = b->n - start;
		for (const char *p = s[i].name; *p;) {
			unsigned best = *p, len = 1;

			for (unsigned t = 128; t < 140; t++) {
				char text[16];

				synth_token(t, text);
				if (!strncmp(p, text, strlen(text)) && strlen(text) > len && p != s[i].name) {
					best = t;
					len = strlen(text);
				}
			}
			tok[k++] = best;
			p += len;
		}
		if (k > 127) {
			put8(b, (k & 127) | 128);
			put8(b, k >> 7);
		} else {
			put8(b, k);
		}
		put(b, tok, k);
	}
}

static inline void synth_addrs(struct buf *b, const struct synth_sym *s, unsigned n, enum dv_kallsyms_mode mode,
			       uint64_t base)
{
	for (unsigned i = 0; i < n; i++) {
		if (mode == DV_KALLSYMS_ABSOLUTE)
			put64(b, s[i].addr);
		else if (mode == DV_KALLSYMS_PLACE) // base is where the buffer is mapped
			put32(b, s[i].addr - (base + b->n));
		else if (mode == DV_KALLSYMS_RELATIVE || s[i].addr < base)
			put32(b, mode == DV_KALLSYMS_RELATIVE ? s[i].addr - base : s[i].addr);
		else
			put32(b, (uint32_t)(int32_t)(base - 1 - s[i].addr));
	}
	align8(b);
	if (mode != DV_KALLSYMS_ABSOLUTE && mode != DV_KALLSYMS_PLACE)
		put64(b, base);
}

/** Append the tables for s[0..n), sorted by address. */
static inline void synth_kallsyms(struct buf *b, const struct synth_sym *s, unsigned n, enum synth_order order,
                                  enum dv_kallsyms_mode mode, uint64_t base)
{
	uint32_t *markers = dv_xcalloc(n / 256 + 1, 4);
	unsigned align = mode == DV_KALLSYMS_PLACE ? 4 : 8;
	uint16_t index[256];
	size_t start;

	align8(b);
	if (order != SYNTH_NEW)
		synth_addrs(b, s, n, mode, base);
	put(b, &n, 4);
	put(b, NULL, align - 4);
	synth_names(b, s, n, markers);
	put(b, NULL, -b->n % align);
	put(b, markers, (n + 255) / 256 * 4);
	put(b, NULL, -b->n % align);
	if (order == SYNTH_OLD_SEQS) {
		for (unsigned i = 0; i < n; i++) {
			put8(b, i >> 16);
			put8(b, i >> 8);
			put8(b, i);
		}
		align8(b);
	}
	start = b->n;
	for (unsigned i = 0; i < 256; i++) {
		char text[16];

		index[i] = b->n - start;
		synth_token(i, text);
		put(b, text, strlen(text) + 1);
	}
	put(b, NULL, -b->n % align);
	put(b, index, sizeof(index));
	if (order == SYNTH_NEW) {
		put(b, NULL, -b->n % align);
		synth_addrs(b, s, n, mode, base);
	}
	free(markers);
}

/* -- BTF -- */
struct synth_btf {
	struct buf types, strs;
	uint32_t next;      /**< id of the next type */
	uint32_t str_start;
	uint32_t at;        /**< of the last record, in types */
};
static inline void synth_btf_init(struct synth_btf *b, const struct dv_btf *base)
{
	*b = (struct synth_btf){.next = base ? base->first + base->count : 1,
				.str_start = base ? base->strs_start + base->strs_size : 0};
	if (!base)
		put8(&b->strs, 0);
}
static inline uint32_t synth_str(struct synth_btf *b, const char *s)
{
	return s && *s ? b->str_start + put(&b->strs, s, strlen(s) + 1) : 0;
}
/** A record; `flag` is the kind's. Returns its id. */
static inline uint32_t synth_type(struct synth_btf *b, unsigned kind, const char *name, unsigned vlen, bool flag,
				  uint32_t size_type)
{
	b->at = b->types.n;
	put32(&b->types, synth_str(b, name));
	put32(&b->types, vlen | kind << 24 | (uint32_t)flag << 31);
	put32(&b->types, size_type);
	return b->next++;
}
static inline uint32_t synth_int(struct synth_btf *b, const char *name, unsigned size, bool is_signed)
{
	uint32_t id = synth_type(b, DV_BTF_INT, name, 0, false, size);

	put32(&b->types, (is_signed ? 1u << 24 : 0) | size * 8);
	return id;
}
static inline void synth_member(struct synth_btf *b, const char *name, uint32_t type, uint32_t off)
{
	put32(&b->types, synth_str(b, name));
	put32(&b->types, type);
	put32(&b->types, off);
}
static inline uint32_t synth_array(struct synth_btf *b, uint32_t of, uint32_t index, uint32_t n)
{
	uint32_t id = synth_type(b, DV_BTF_ARRAY, NULL, 0, false, 0);

	put32(&b->types, of);
	put32(&b->types, index);
	put32(&b->types, n);
	return id;
}
/** malloc'ed bytes. */
static inline uint8_t *synth_btf_done(struct synth_btf *b, size_t *size)
{
	struct buf out = {0};

	put16(&out, 0xeb9f);
	put8(&out, 1);
	put8(&out, 0);
	put32(&out, 24);
	put32(&out, 0);
	put32(&out, b->types.n);
	put32(&out, b->types.n);
	put32(&out, b->strs.n);
	put(&out, b->types.p, b->types.n);
	put(&out, b->strs.p, b->strs.n);
	free(b->types.p);
	free(b->strs.p);
	*size = out.n;
	return out.p;
}
#endif
