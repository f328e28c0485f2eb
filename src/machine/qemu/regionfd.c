/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A memfd says itself whether it can shrink. A BPF map never does, but nothing in the map's descriptor says that it is
 * one: its link in /proc names the kind of file, a name that no file of a file system can have (theirs begin with '/'),
 * and /proc/self/fdinfo has the map's measures, in the kernel's words.
 */
#include "machine/qemu/regionfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAP_TYPE_ARRAY 2u
#define MAP_MMAPABLE   0x400u

static bool refuse(char *msg, size_t msg_size, const char *text)
{
	snprintf(msg, msg_size, "region: %s", text);
	return false;
}

static bool is_bpf_map(int fd)
{
	static const char kind[] = "anon_inode:bpf-map";
	char link[64], name[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, name, sizeof(name));
	return n == (ssize_t)sizeof(kind) - 1 && memcmp(name, kind, sizeof(kind) - 1) == 0;
}

/* The number behind "key:" at the start of a line; false: there is none. */
static bool field(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		char *end;
		if (strncmp(p, key, len) != 0 || p[len] != ':')
			continue;
		errno = 0;
		*ret = strtoull(p + len + 1, &end, 0);
		return end != p + len + 1 && !errno;
	}
	return false;
}

static bool bpf_map_holds(int fd, uint64_t size, char *msg, size_t msg_size)
{
	char path[64], text[4096];
	uint64_t type, entries, value, flags;
	struct statfs fs;
	ssize_t n = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	int info = open(path, O_RDONLY | O_CLOEXEC);
	if (info >= 0 && fstatfs(info, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)
		n = read(info, text, sizeof(text) - 1);
	if (info >= 0)
		close(info);
	if (n <= 0)
		return refuse(msg, msg_size, "what kind of BPF map it is cannot be read in /proc");
	text[n] = 0;
	if (!field(text, "map_type", &type) || !field(text, "max_entries", &entries) ||
	    !field(text, "value_size", &value) || !field(text, "map_flags", &flags))
		return refuse(msg, msg_size, "/proc does not say what kind of BPF map it is");
	if (type != MAP_TYPE_ARRAY || entries != 1 || !(flags & MAP_MMAPABLE))
		return refuse(msg, msg_size, "a BPF map, but not an array of one element that can be mapped");
	if (value < size)
		return refuse(msg, msg_size, "a BPF map that is smaller than said");
	return true;
}

bool dv_regionfd_check(int fd, uint64_t size, char *msg, size_t msg_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse(msg, msg_size, strerror(errno));
	if (is_bpf_map(fd))
		return bpf_map_holds(fd, size, msg, msg_size);
	if (!S_ISREG(st.st_mode))
		return refuse(msg, msg_size, "neither a memory file nor a BPF map");
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return refuse(msg, msg_size, "not sealed against shrinking");
	if ((uint64_t)st.st_size < size)
		return refuse(msg, msg_size, "smaller than said");
	return true;
}
