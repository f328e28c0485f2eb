// SPDX-License-Identifier: GPL-2.0-or-later
#include "elf/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (128u << 20)
#define PATH_MAX_ 4096u

// A hexadecimal (base 16) or decimal number, at most 64 bits; *p moves behind it.
static bool number(const char **p, const char *end, unsigned base, uint64_t *ret)
{
	const char *start = *p;
	uint64_t v = 0;

	for (; *p < end; ++*p) {
		char c = **p;
		unsigned d;

		if (c >= '0' && c <= '9')
			d = (unsigned)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			d = (unsigned)(c - 'a') + 10;
		else
			break;
		if (v > (UINT64_MAX - d) / base)
			return false;
		v = v * base + d;
	}
	*ret = v;
	return *p > start;
}

static bool expect(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

// 55d0c9a4e000-55d0c9a50000 r-xp 00002000 fe:00 1054387    /usr/bin/cat
static bool line(struct dv_maps *m, const char *p, const char *end)
{
	static const char gone[] = " (deleted)";
	struct dv_map map = {0};
	uint64_t major, minor;
	size_t len;

	if (!number(&p, end, 16, &map.start) || !expect(&p, end, '-') || !number(&p, end, 16, &map.end) ||
	    !expect(&p, end, ' ') || end - p < 5)
		return false;
	map.write = p[1] == 'w';
	map.exec = p[2] == 'x';
	p += 4;
	if (!expect(&p, end, ' ') || !number(&p, end, 16, &map.offset) || !expect(&p, end, ' ') ||
	    !number(&p, end, 16, &major) || !expect(&p, end, ':') || !number(&p, end, 16, &minor) ||
	    !expect(&p, end, ' ') || !number(&p, end, 10, &map.inode) || map.start >= map.end)
		return false;
	map.major = (uint32_t)major;
	map.minor = (uint32_t)minor;
	while (p < end && *p == ' ')
		p++;
	len = (size_t)(end - p);
	if (len > sizeof(gone) - 1 && !memcmp(end - (sizeof(gone) - 1), gone, sizeof(gone) - 1)) {
		map.deleted = true;
		len -= sizeof(gone) - 1;
	}
	if (m->v.count && map.start < m->v.data[m->v.count - 1].end)
		return false;
	map.path = len && len < PATH_MAX_ ? dv_arena_strndup(&m->arena, p, len) : "";
	*DV_PUSH(&m->v) = map;
	return true;
}

struct dv_error *dv_maps_parse(const char *text, size_t size, struct dv_maps *ret)
{
	struct dv_maps m = {0};
	const char *end = text + size;

	dv_arena_init(&m.arena);
	for (const char *p = text; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (!nl)
			nl = end;
		if (m.v.count == DV_MAPS_MAX) {
			dv_maps_deinit(&m);
			return dv_error_create(DV_ERR_LIMIT, "more than %u mappings", DV_MAPS_MAX);
		}
		if (!line(&m, p, nl)) {
			struct dv_error *e = dv_error_create(DV_ERR_UNKNOWN, "mapping %zu cannot be understood",
							     m.v.count + 1);

			dv_maps_deinit(&m);
			return e;
		}
		p = nl + 1;
	}
	*ret = m;
	return NULL;
}

static struct dv_error *failed(int err, int pid)
{
	if (err == ENOENT || err == ESRCH)
		return dv_error_create(DV_ERR_NOT_FOUND, "there is no process %d", pid);
	if (err == EACCES || err == EPERM)
		return dv_error_create(DV_ERR_DENIED, "no permission to look at process %d", pid);
	return dv_error_sys(err, "cannot read the mappings of process %d", pid);
}

struct dv_error *dv_maps_read(int pid, struct dv_maps *ret)
{
	DV_FREE char *text = NULL;
	size_t size = 0, room = 0;
	char path[64];
	struct dv_error *e;
	DV_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed(errno, pid);
	for (;;) {
		ssize_t n;

		if (room - size < 4096) {
			room = room ? 2 * room : 65536;
			if (room > TEXT_MAX)
				return dv_error_create(DV_ERR_LIMIT, "process %d has too many mappings", pid);
			text = dv_xrealloc(text, room);
		}
		n = read(fd, text + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(errno, pid);
		if (!n)
			break;
		size += (size_t)n;
	}
	if (!size)
		return dv_error_create(DV_ERR_GONE, "process %d has no memory: it has ended, or it is the kernel's own",
				       pid);
	e = dv_maps_parse(text, size, ret);
	return dv_error_wrap(e, "process %d", pid);
}

void dv_maps_deinit(struct dv_maps *m)
{
	DV_VEC_FREE(&m->v);
	dv_arena_deinit(&m->arena);
}

const struct dv_map *dv_maps_find(const struct dv_maps *m, uint64_t addr)
{
	size_t lo = 0, hi = m->v.count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct dv_map *map = &m->v.data[mid];

		if (addr < map->start)
			hi = mid;
		else if (addr >= map->end)
			lo = mid + 1;
		else
			return map;
	}
	return NULL;
}
