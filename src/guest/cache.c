/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache: one small file for each build id. It says where in the image of that kernel the tables are, as offsets, so
 * KASLR does not matter; the tables themselves are always read from the guest and checked as if they had just been
 * found. So a guest that claims the build id of another's kernel can spoil nobody's trace but its own, and a file that
 * somebody tampered with can only fail. What it saves is copying the whole image and searching it.
 *
 * A file is found by asking each whether the build id is where it says in this guest's image: the search for the build
 * id is saved too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/priv.h"

#define MAGIC   0x4b565644u // "DVVK"
#define VERSION 2u
#define FILES_MAX 512
#define SUFFIX  ".kernel"

struct file {
	uint32_t magic, version, size, pad;
	struct dv_where where;
	uint8_t id[DV_BUILD_ID_MAX];
	uint64_t sum; // of all before
};

static uint64_t sum_of(const struct file *f)
{
	const uint8_t *p = (const uint8_t *)f;
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < offsetof(struct file, sum); i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

void dv_hex(char *dst, const uint8_t *src, size_t size)
{
	for (size_t i = 0; i < size; i++)
		snprintf(dst + 2 * i, 3, "%02x", src[i]);
	dst[2 * size] = 0;
}

static bool file_ok(const struct file *f)
{
	uint64_t lo, hi;

	return f->magic == MAGIC && f->version == VERSION && f->size == sizeof(*f) && f->sum == sum_of(f) &&
	       f->where.build_id_size >= 8 && f->where.build_id_size <= DV_BUILD_ID_MAX &&
	       dv_kallsyms_span(&f->where.kallsyms, &lo, &hi) && f->where.btf_size <= DV_BTF_BYTES;
}

// The folder must be ours alone: what others can write is not looked at.
static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 022)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool dv_cache_load(const char *dir, const struct dv_phys *phys, const struct dv_image *img, struct dv_where *ret)
{
	int fd = open_dir(dir);
	struct dirent *e;
	bool found = false;
	DIR *d;

	if (fd < 0)
		return false;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return false;
	}
	for (unsigned i = 0; i < FILES_MAX && !found && (e = readdir(d));) {
		size_t n = strlen(e->d_name), s = sizeof(SUFFIX) - 1;
		uint8_t id[DV_BUILD_ID_MAX];
		struct file f;
		DV_FD int file = -1;

		if (n <= s || strcmp(e->d_name + n - s, SUFFIX))
			continue;
		i++;
		file = openat(fd, e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (file < 0 || read(file, &f, sizeof(f)) != sizeof(f) || !file_ok(&f) ||
		    f.where.build_id > img->size || f.where.build_id_size > img->size - f.where.build_id ||
		    !phys->read(phys->ctx, img->pa + f.where.build_id, id, f.where.build_id_size) ||
		    memcmp(id, f.id, f.where.build_id_size))
			continue;
		*ret = f.where;
		found = true;
	}
	closedir(d);
	return found;
}

static void make_dirs(const char *dir)
{
	char *p = dv_xstrdup(dir);

	for (char *s = p + 1; *s; s++) {
		if (*s == '/') {
			*s = 0;
			(void)mkdir(p, 0700);
			*s = '/';
		}
	}
	(void)mkdir(p, 0700);
	free(p);
}

void dv_cache_store(const char *dir, const struct dv_where *w, const uint8_t *id)
{
	char hex[2 * DV_BUILD_ID_MAX + 1], name[sizeof(hex) + 16], tmp[sizeof(hex) + 48];
	struct file f;
	int fd, file;

	if (w->build_id_size < 8 || w->build_id_size > DV_BUILD_ID_MAX)
		return;
	// A cache that cannot be written costs time, no more: nobody is told.
	make_dirs(dir);
	fd = open_dir(dir);
	if (fd < 0)
		return;
	memset(&f, 0, sizeof(f));
	f.magic = MAGIC;
	f.version = VERSION;
	f.size = sizeof(f);
	f.where = *w;
	memcpy(f.id, id, w->build_id_size);
	f.sum = sum_of(&f);
	dv_hex(hex, id, w->build_id_size);
	snprintf(name, sizeof(name), "%s" SUFFIX, hex);
	snprintf(tmp, sizeof(tmp), ".%s.%ld.%p", hex, (long)getpid(), (void *)&f);
	file = openat(fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file >= 0) {
		bool ok = write(file, &f, sizeof(f)) == sizeof(f);

		if (close(file) || !ok || renameat(fd, tmp, fd, name))
			(void)unlinkat(fd, tmp, 0);
	}
	close(fd);
}

void dv_cache_forget(const char *dir, const uint8_t *id, uint32_t size)
{
	char hex[2 * DV_BUILD_ID_MAX + 1], name[sizeof(hex) + 16];
	int fd = open_dir(dir);

	if (fd < 0)
		return;
	dv_hex(hex, id, size <= DV_BUILD_ID_MAX ? size : 0);
	snprintf(name, sizeof(name), "%s" SUFFIX, hex);
	(void)unlinkat(fd, name, 0);
	close(fd);
}

const char *dv_guest_cache_dir(char *buf, size_t size)
{
	const char *dir = getenv("DVIRT_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (dir && *dir) {
		snprintf(buf, size, "%s", dir);
	} else if (xdg && *xdg) {
		snprintf(buf, size, "%s/dvirt", xdg);
	} else if (home && *home) {
		snprintf(buf, size, "%s/.cache", home);
		mkdir(buf, 0700);
		snprintf(buf, size, "%s/.cache/dvirt", home);
	} else {
		return NULL;
	}
	mkdir(buf, 0700);
	return buf;
}
