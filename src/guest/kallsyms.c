/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel keeps its symbols in read-only data, written by scripts/kallsyms of its build, each table aligned to 8, or
 * to 4 from 7.0 on:
 *
 *   num_syms      u32
 *   names         for each symbol a length (one byte; from 6.1 on with bit 7 set the low 7 bits, a second byte has the
 *                 rest) and as many token numbers; the text is the tokens' texts joined, its first letter the kind
 *   markers       u32 for each 256th symbol: its offset in names
 *   token_table   256 strings, one after the other
 *   token_index   256 u16: each string's offset in token_table
 *   offsets       s32 for each symbol, or addresses, u64
 *   relative_base u64
 *
 * Older kernels have offsets and relative_base first, from 6.4 on they come after token_index. A table for lookups by
 * name (seqs_of_names) may stand after markers, or at the end. Per-CPU symbols were small absolute numbers until 6.15,
 * hence two ways of reading offsets. From 7.0 on there is no relative_base, and each offset counts from its own place.
 *
 * None of it carries a name of its own when one starts from nothing, so it is recognised by what must hold:
 * token_index can be computed from token_table, in which the digits stand for themselves in a row; markers rise, start
 * at 0 and end where the names do; num_syms stands before names and agrees with both. The addresses must not descend
 * and begin inside the image. All of it is a guest's and may be made to mislead: the worst it gives is wrong symbols.
 */
#include "guest/kallsyms.h"

#include <string.h>

#define ALIGN8(x)   (((x) + 7) & ~(uint64_t)7)
#define NAME_MAX_   511  // KSYM_NAME_LEN is 512 since 6.1
#define ENTRY_MAX   (NAME_MAX_ + 3)
#define WORK_MAX    (200u << 20) // names looked at in search of the table: an image may be made to be slow
#define DIGITS_MAX  4096u // places looked at that may be in the table of tokens: likewise
#define MARKER_GAP  (8u << 20) // between markers and token_table: seqs_of_names

static uint32_t le16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}
static uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}
static uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static bool at_least(size_t size, uint64_t off, uint64_t n)
{
	return off <= size && n <= size - off;
}

// Length of the entry at *at, which is moved to its first token. 0: none.
static unsigned entry(const uint8_t *p, size_t size, uint64_t *at)
{
	unsigned len;

	if (*at >= size)
		return 0;
	len = p[(*at)++];
	if (len & 0x80) {
		if (*at >= size)
			return 0;
		len = (len & 0x7f) | p[(*at)++] << 7;
	}
	return len && len <= ENTRY_MAX && len <= size - *at ? len : 0;
}

// Are there 256 tokens at off with their index after them? The index has the answer.
static bool tokens_at(const uint8_t *img, size_t size, uint64_t off, uint64_t *index)
{
	uint64_t at = off;
	uint16_t start[256];

	for (unsigned i = 0; i < 256; i++) {
		const uint8_t *nul;

		if (at - off > UINT16_MAX || at >= size)
			return false;
		start[i] = at - off;
		nul = memchr(img + at, 0, size - at < 256 ? size - at : 256);
		if (!nul)
			return false;
		for (const uint8_t *p = img + at; p < nul; p++) {
			if (*p <= ' ' || *p >= 127)
				return false;
		}
		at = nul + 1 - img;
	}
	// Some linkers' alignment is 4; 8 is the rule.
	for (uint64_t pad = 4; pad <= 16; pad *= 2) {
		*index = (at + pad - 1) & ~(pad - 1);
		if (at_least(size, *index, 512) && !memcmp(img + *index, start, 512))
			return true;
	}
	return false;
}

static bool find_tokens(const uint8_t *img, size_t size, uint64_t from, struct dv_kallsyms_loc *loc, uint64_t *next,
			unsigned *left)
{
	static const char digits[20] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";

	for (; from < size && *left; --*left) {
		const uint8_t *p = memmem(img + from, size - from, digits, sizeof(digits));
		uint64_t at, end;

		if (!p)
			return false;
		at = end = p - img;
		from = at + 1;
		// Forward over "0" and the 207 tokens after it to the index, which says where token 0 is.
		for (unsigned i = '0'; i < 256 && p; i++) {
			p = memchr(img + end, 0, size - end < 256 ? size - end : 256);
			end = p ? (uint64_t)(p + 1 - img) : size;
		}
		for (uint64_t pad = 4; p && pad <= 16; pad *= 2) {
			uint64_t i = (end + pad - 1) & ~(pad - 1), start;

			if (!at_least(size, i, 512))
				break;
			start = le16(img + i + 2 * '0');
			if (start <= at && tokens_at(img, size, at - start, &loc->token_index)) {
				loc->token_table = at - start;
				*next = from;
				return true;
			}
		}
	}
	return false;
}

// Do names at off, n of them, agree with the markers?
static bool names_at(const uint8_t *img, uint64_t off, uint32_t n, uint64_t markers, uint64_t *end, uint64_t *work)
{
	uint64_t at = off;

	for (uint32_t i = 0; i < n; i++) {
		unsigned len;

		if (!*work)
			return false;
		--*work;
		if (!(i & 255) && le32(img + markers + i / 256 * 4) != at - off)
			return false;
		len = entry(img, markers, &at);
		if (!len)
			return false;
		at += len;
	}
	*end = at;
	return true;
}

// markers, names and num_syms, given that markers is at m and has about `rows` entries.
static bool names_before(const uint8_t *img, uint64_t m, uint32_t rows, struct dv_kallsyms_loc *loc, uint64_t *work)
{
	for (uint32_t less = 0; less < 3 && less < rows; less++) {
		uint32_t count = rows - less, last = le32(img + m + 4ULL * (count - 1));
		uint64_t hi, lo, end;

		if (last + 16ULL > m)
			continue;
		hi = m - last;
		lo = hi > 256 * (uint64_t)ENTRY_MAX ? hi - 256 * (uint64_t)ENTRY_MAX : 0;
		for (uint64_t s = (hi & ~(uint64_t)3); s >= lo + 8; s -= 4) {
			// num_syms is a 4-byte number padded to 8 before names.
			for (unsigned back = 8; back >= 4; back -= 4) {
				uint32_t n = le32(img + s - back);

				if (n > DV_KALLSYMS_MAX || n / 256 + !!(n & 255) != count ||
				    !names_at(img, s, n, m, &end, work) || ALIGN8(end) + 8 < m)
					continue;
				loc->names = s;
				loc->names_size = end - s;
				loc->count = n;
				loc->markers = m;
				return true;
			}
		}
	}
	return false;
}

static bool find_names(const uint8_t *img, struct dv_kallsyms_loc *loc, uint64_t *work)
{
	uint64_t top = loc->token_table & ~(uint64_t)3, low = top > MARKER_GAP ? top - MARKER_GAP : 0;
	unsigned tries = 0;

	if (top < 32)
		return false;
	for (uint64_t first = top - 8; first >= low + 8; first -= 4) {
		uint32_t rows = 1, last = 0;

		if (le32(img + first) || !le32(img + first + 4))
			continue;
		while (first + 4ULL * rows + 4 <= top) {
			uint32_t v = le32(img + first + 4ULL * rows);

			if (v <= last || v - last < 256 * 2 || v - last > 256 * ENTRY_MAX)
				break;
			last = v;
			rows++;
		}
		// A kernel has thousands of symbols; the bound on tries is for images made to be slow.
		if (rows >= 4 && ++tries < 256 && names_before(img, first, rows, loc, work))
			return true;
	}
	return false;
}

static uint64_t address(const uint8_t *addrs, const struct dv_kallsyms_loc *loc, uint64_t base, uint32_t i)
{
	int32_t off;

	if (loc->mode == DV_KALLSYMS_ABSOLUTE)
		return le64(addrs + 8ULL * i);
	off = (int32_t)le32(addrs + 4ULL * i);
	if (loc->mode == DV_KALLSYMS_RELATIVE)
		return base + (uint32_t)off;
	if (loc->mode == DV_KALLSYMS_PLACE)
		return base + 4ULL * i + (uint64_t)(int64_t)off;
	return off >= 0 ? (uint64_t)off : base - 1 - (int64_t)off;
}

// Do these addresses look like a kernel's? Most are in the image, and none descends.
static bool plausible(const uint8_t *img, size_t size, uint64_t va, uint64_t va_size, const struct dv_kallsyms_loc *loc)
{
	bool abs = loc->mode == DV_KALLSYMS_ABSOLUTE;
	uint64_t base = 0, prev = 0, inside = 0;

	if (loc->addrs & (abs ? 7 : 3) || !at_least(size, loc->addrs, loc->count * (abs ? 8ULL : 4ULL)))
		return false;
	if (loc->mode == DV_KALLSYMS_PLACE) {
		base = loc->va + loc->addrs;
	} else if (!abs) {
		if (!at_least(size, loc->base, 8))
			return false;
		base = le64(img + loc->base);
		if (base - va >= va_size)
			return false;
	}
	for (uint32_t i = 0; i < loc->count; i++) {
		uint64_t a = address(img + loc->addrs, loc, base, i);

		if (a < prev)
			return false;
		prev = a;
		inside += a - va < va_size;
	}
	return inside > loc->count / 4 * 3;
}

static bool find_addrs(const uint8_t *img, size_t size, uint64_t va, uint64_t va_size, struct dv_kallsyms_loc *loc)
{
	uint64_t n = loc->count, num = loc->names - 8, after = ALIGN8(loc->token_index + 512);
	const struct {
		uint64_t addrs, base;
		uint32_t modes[2];
	} try[] = {
		{after, ALIGN8(after + 4 * n), {DV_KALLSYMS_PERCPU, DV_KALLSYMS_RELATIVE}},
		{num - 8 - ALIGN8(4 * n), num - 8, {DV_KALLSYMS_PERCPU, DV_KALLSYMS_RELATIVE}},
		{num - 8 - 4 * n, num - 8, {DV_KALLSYMS_PERCPU, DV_KALLSYMS_RELATIVE}},
		{loc->token_index + 512, 0, {DV_KALLSYMS_PLACE}},
		{after, 0, {DV_KALLSYMS_PLACE, DV_KALLSYMS_ABSOLUTE}},
		{num - 8 * n, 0, {DV_KALLSYMS_ABSOLUTE}},
	};

	for (unsigned i = 0; i < DV_COUNT(try); i++) {
		loc->addrs = try[i].addrs;
		loc->base = try[i].base;
		for (unsigned k = 0; k < 2 && try[i].modes[k]; k++) {
			loc->mode = try[i].modes[k];
			if (plausible(img, size, va, va_size, loc))
				return true;
		}
	}
	return false;
}

bool dv_kallsyms_find(const uint8_t *img, size_t size, uint64_t at, uint64_t va, uint64_t va_size,
                      struct dv_kallsyms_loc *ret)
{
	struct dv_kallsyms_loc loc = {.va = at};
	uint64_t from = 0, work = WORK_MAX;
	unsigned digits = DIGITS_MAX;

	// A leftover of an earlier stage may look right up to a point: go on after it, a few times.
	for (unsigned tries = 0; tries < 8 && find_tokens(img, size, from, &loc, &from, &digits); tries++) {
		if (find_names(img, &loc, &work) && find_addrs(img, size, va, va_size, &loc)) {
			*ret = loc;
			return true;
		}
	}
	return false;
}

void dv_kallsyms_shift(struct dv_kallsyms_loc *loc, int64_t delta)
{
	loc->names -= delta;
	loc->markers -= delta;
	loc->token_table -= delta;
	loc->token_index -= delta;
	loc->addrs -= delta;
	loc->base -= delta;
	loc->va += delta;
}

bool dv_kallsyms_span(const struct dv_kallsyms_loc *loc, uint64_t *lo, uint64_t *hi)
{
	bool abs = loc->mode == DV_KALLSYMS_ABSOLUTE, base = !abs && loc->mode != DV_KALLSYMS_PLACE;
	const struct {
		uint64_t off, size;
	} part[] = {
		{loc->names, loc->names_size},
		{loc->markers, loc->count / 256 * 4ULL},
		{loc->token_table, 1},
		{loc->token_index, 512},
		{loc->addrs, loc->count * (abs ? 8ULL : 4ULL)},
		{base ? loc->base : loc->names, 8},
	};

	if (loc->count > DV_KALLSYMS_MAX || loc->mode < DV_KALLSYMS_ABSOLUTE || loc->mode > DV_KALLSYMS_PLACE ||
	    loc->token_table >= loc->token_index)
		return false;
	*lo = UINT64_MAX;
	*hi = 0;
	for (unsigned i = 0; i < DV_COUNT(part); i++) {
		if (part[i].off > UINT32_MAX)
			return false;
		if (part[i].off < *lo)
			*lo = part[i].off;
		if (part[i].off + part[i].size > *hi)
			*hi = part[i].off + part[i].size;
	}
	return *hi - *lo <= DV_KALLSYMS_BYTES;
}

struct dv_error *dv_kallsyms_decode(const uint8_t *buf, size_t size, const struct dv_kallsyms_loc *loc, uint64_t end,
                                    struct dv_symtab *ret)
{
	uint64_t lo, hi, base = 0, at = loc->names, index, prev = 0;
	struct dv_symtab t = {0};
	uint8_t len[256], tok[256][16]; // the first 16 bytes of each token: most have no more
	size_t pool = 0, used = 0;
	const char *why = "is not where it should be";

	if (!dv_kallsyms_span(loc, &lo, &hi) || hi > size || !tokens_at(buf, size, loc->token_table, &index) ||
	    index != loc->token_index)
		goto unknown;
	for (unsigned i = 0; i < 256; i++) {
		const char *text = (const char *)buf + loc->token_table + le16(buf + index + 2 * i);

		len[i] = strlen(text);
		memset(tok[i], 0, sizeof(tok[i]));
		memcpy(tok[i], text, len[i] < sizeof(tok[i]) ? len[i] : sizeof(tok[i]));
	}
	if (loc->mode == DV_KALLSYMS_PLACE)
		base = loc->va + loc->addrs;
	else if (loc->mode != DV_KALLSYMS_ABSOLUTE)
		base = le64(buf + loc->base);

	t.syms = dv_xcalloc(loc->count, sizeof(*t.syms));
	for (uint32_t i = 0; i < loc->count; i++) {
		struct dv_symbol *s = &t.syms[i];
		unsigned n = entry(buf, loc->names + loc->names_size, &at), text = 0;

		why = "has a bad name";
		if (!n)
			goto unknown;
		// Names point into the pool, which moves while it grows: an offset until the end.
		if (pool - used < (size_t)ENTRY_MAX * 2) {
			pool = pool ? pool * 2 : 4u << 20;
			t.pool = dv_xrealloc(t.pool, pool);
		}
		s->name = (const char *)(uintptr_t)(used + 1); // behind the letter of its kind
		for (unsigned k = 0; k < n; k++) {
			unsigned c = buf[at + k];

			if (text + len[c] > NAME_MAX_ + 1)
				goto unknown;
			memcpy(t.pool + used + text, tok[c], sizeof(tok[c])); // there is room for what is too much
			if (len[c] > sizeof(tok[c]))
				memcpy(t.pool + used + text, buf + loc->token_table + le16(buf + index + 2 * c),
				       len[c]);
			text += len[c];
		}
		at += n;
		if (text < 2)
			goto unknown;
		s->kind = t.pool[used];
		t.pool[used + text] = 0;
		used += text + 1;
		s->addr = address(buf + loc->addrs, loc, base, i);
		why = "has addresses that descend";
		if (s->addr < prev)
			goto unknown;
		prev = s->addr;
		t.count++;
	}
	for (size_t i = 0; i < t.count; i++)
		t.syms[i].name = t.pool + (uintptr_t)t.syms[i].name;
	dv_symtab_sizes(&t, end);
	dv_symtab_index(&t);
	*ret = t;
	return NULL;
unknown:
	dv_symtab_deinit(&t);
	return dv_error_create(DV_ERR_UNKNOWN, "the kernel's symbol table %s", why);
}
