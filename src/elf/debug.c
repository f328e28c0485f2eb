// SPDX-License-Identifier: GPL-2.0-or-later
//
// Separate debug files, as gdb looks for them: ROOT/usr/lib/debug/.build-id/12/3456.debug; else the file that
// .gnu_debuglink names, beside the program, in .debug there, and in ROOT/usr/lib/debug under the program's folder. What
// is found has to fit: the same build id, or without one the checksum that the link names.
#include "elf/priv.h"

#include <stdio.h>
#include <string.h>

#define CRC_MAX (2ull << 30) // bytes of a file whose checksum is computed

static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t n)
{
	static uint32_t table[256];

	if (!table[1]) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
			table[i] = c;
		}
	}
	crc = ~crc;
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
	return ~crc;
}

static bool crc_fits(const struct dv_elf *d, uint32_t want)
{
	DV_FREE uint8_t *buf = NULL;
	const size_t piece = 1u << 20;
	uint32_t crc = 0;

	if (d->size > CRC_MAX)
		return false;
	for (uint64_t at = 0; at < d->size; at += piece) {
		uint64_t n = d->size - at < piece ? d->size - at : piece;

		free(buf);
		buf = dv_elf_copy(d, at, n, n);
		if (!buf)
			return false;
		crc = crc32(crc, buf, n);
	}
	return crc == want;
}

static struct dv_elf *try(const struct dv_elf *e, char *path, bool by_link)
{
	struct dv_elf *d = NULL;
	struct dv_error *err = dv_elf_open(path, &d);
	bool fits;

	free(path);
	if (err) {
		dv_error_destroy(err);
		return NULL;
	}
	if (e->build_id_size && d->build_id_size)
		fits = e->build_id_size == d->build_id_size && !memcmp(e->build_id, d->build_id, e->build_id_size);
	else
		fits = by_link && crc_fits(d, e->debuglink_crc);
	if (fits && d->machine == e->machine && dv_elf_section(d, ".symtab"))
		return d;
	dv_elf_close(d);
	return NULL;
}

static struct dv_elf *by_build_id(const struct dv_elf *e, const char *root)
{
	char hex[2 * DV_ELF_BUILD_ID_MAX + 1];

	if (e->build_id_size < 2)
		return NULL;
	for (size_t i = 0; i < e->build_id_size; i++)
		sprintf(hex + 2 * i, "%02x", e->build_id[i]);
	return try(e, dv_xasprintf("%s/usr/lib/debug/.build-id/%.2s/%s.debug", root, hex, hex + 2), false);
}

static struct dv_elf *by_link(const struct dv_elf *e, const struct dv_elf_debug *where)
{
	const char *slash = where->path ? strrchr(where->path, '/') : NULL;
	int dir = slash ? (int)(slash - where->path) : 0;
	struct dv_elf *d;

	if (!e->debuglink || !slash)
		return NULL;
	d = try(e, dv_xasprintf("%s%.*s/%s", where->root, dir, where->path, e->debuglink), true);
	if (!d)
		d = try(e, dv_xasprintf("%s%.*s/.debug/%s", where->root, dir, where->path, e->debuglink), true);
	if (!d)
		d = try(e, dv_xasprintf("%s/usr/lib/debug%.*s/%s", where->root, dir, where->path, e->debuglink), true);
	return d;
}

struct dv_elf *dv_elf_debug_file(const struct dv_elf *e, const struct dv_elf_debug *debug, size_t count)
{
	struct dv_elf *d = NULL;

	for (size_t i = 0; i < count && !d; i++) {
		d = by_build_id(e, debug[i].root);
		if (!d)
			d = by_link(e, &debug[i]);
	}
	return d;
}
