// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which file is it? A name in /proc/PID/maps may be one of another mount namespace, and the file may have been replaced
 * or deleted since. A file is what its device and inode number say. It is looked for, in this order, under
 *
 *   the plain name             when that is the same file here: best for messages, and the same for many processes
 *   /proc/PID/root/NAME        another mount namespace
 *   /proc/PID/map_files/A-B    the mapping's own: deleted and replaced files, and file systems that show one device
 *                              number in maps and another to stat (overlayfs, btrfs); needs more privilege
 *   /proc/PID/exe              the program only
 *
 * The last two reach the file whatever its name is, so they need no comparison. A process that plays with names while
 * it is looked at gets a probe in, or names from, another file that it can open, and nothing else.
 *
 * Threads: a process is asked for by the number of its first thread; another thread's number is refused, since the
 * kernel would take it for that thread alone.
 */
#include "elf/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/system.h"

#define OBJECTS_MAX 16384u
#define VDSO_MAX    (1u << 20)

struct dv_process {
	int pid;
	uint64_t start_time; // since boot, in the kernel's ticks: with the number it says which process
	struct dv_maps maps;
	DV_VEC(int) map_object; // of each mapping, -1: none
	DV_VEC(struct dv_object *) objects;
	struct dv_arena arena;
};

static ssize_t read_proc(int pid, const char *name, char *buf, size_t size)
{
	char path[64];
	DV_FD int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static int thread_group(int pid)
{
	char buf[1024], *p;

	if (read_proc(pid, "status", buf, sizeof(buf)) <= 0 || !(p = strstr(buf, "\nTgid:")))
		return pid;
	return atoi(p + 6);
}

static bool same_file(const struct dv_object *o, const struct stat *st)
{
	return st->st_ino == o->inode && major(st->st_dev) == o->major && minor(st->st_dev) == o->minor;
}

static bool is_program(const struct dv_process *p, const struct dv_object *o)
{
	char path[64], name[4096];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", p->pid);
	if (!stat(path, &st) && same_file(o, &st))
		return true;
	n = readlink(path, name, sizeof(name) - 1);
	if (n <= 0 || o->deleted)
		return false;
	name[n] = '\0';
	return !strcmp(name, o->path);
}

static const char *module_name(struct dv_process *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *s = dv_arena_strdup(&p->arena, slash && slash[1] ? slash + 1 : path);

	for (char *c = s; *c; c++)
		if (*c <= ' ' || *c >= 127)
			*c = '?';
	return s;
}

static int object_of(struct dv_process *p, const struct dv_map *m)
{
	struct dv_object *o;

	if (!m->exec || (!m->inode && strcmp(m->path, "[vdso]")))
		return -1;
	// The last one is the likeliest: an object's mappings stand together.
	for (size_t i = p->objects.count; i-- > 0;) {
		o = p->objects.data[i];
		if (o->inode == m->inode && o->major == m->major && o->minor == m->minor && !strcmp(o->path, m->path))
			return (int)i;
	}
	if (p->objects.count == OBJECTS_MAX)
		return -1;
	o = dv_xcalloc(1, sizeof(*o));
	o->process = p;
	o->path = dv_arena_strdup(&p->arena, m->path);
	o->module = module_name(p, m->path);
	o->deleted = m->deleted;
	o->inode = m->inode;
	o->major = m->major;
	o->minor = m->minor;
	o->program = o->inode && is_program(p, o);
	*DV_PUSH(&p->objects) = o;
	return (int)p->objects.count - 1;
}

struct dv_error *dv_process_refresh(struct dv_process *p)
{
	struct dv_maps maps;
	struct dv_error *e = dv_maps_read(p->pid, &maps);

	if (e)
		return e;
	dv_maps_deinit(&p->maps);
	p->maps = maps;
	p->map_object.count = 0;
	for (size_t i = 0; i < maps.v.count; i++)
		*DV_PUSH(&p->map_object) = object_of(p, &maps.v.data[i]);
	return NULL;
}

struct dv_error *dv_process_open(int pid, struct dv_process **ret)
{
	struct dv_process *p = dv_xcalloc(1, sizeof(*p));
	int group = thread_group(pid);
	struct dv_error *e;

	p->pid = pid;
	p->start_time = dv_proc_start(pid);
	dv_arena_init(&p->arena);
	e = pid > 0 && group == pid
		? dv_process_refresh(p)
		: dv_error_create(DV_ERR_NOT_FOUND,
				  pid > 0 ? "%d is a thread of process %d" : "%d is no process", pid, group);
	if (e)
		dv_process_close(p);
	else
		*ret = p;
	return e;
}

void dv_process_close(struct dv_process *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->objects.count; i++) {
		struct dv_object *o = p->objects.data[i];

		dv_elf_close(o->elf);
		free(o->target);
		free(o->why);
		free(o);
	}
	DV_VEC_FREE(&p->objects);
	DV_VEC_FREE(&p->map_object);
	dv_maps_deinit(&p->maps);
	dv_arena_deinit(&p->arena);
	free(p);
}

uint64_t dv_process_start(const struct dv_process *p)
{
	return p->start_time;
}

int dv_process_pid(const struct dv_process *p)
{
	return p->pid;
}

bool dv_process_alive(const struct dv_process *p)
{
	uint64_t t = dv_proc_start(p->pid);

	return t && t == p->start_time;
}

struct dv_object *const *dv_process_objects(const struct dv_process *p, size_t *count)
{
	*count = p->objects.count;
	return p->objects.data;
}

// Open the file at @p path, which is freed or becomes the object's target. With @p check it has to be that file.
static int try_path(struct dv_object *o, char *path, bool check)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && (!check || same_file(o, &st))) {
		o->target = path;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return -1;
}

static int open_file(struct dv_object *o)
{
	struct dv_process *p = o->process;
	int fd = -1;

	if (o->path[0] == '/' && !o->deleted) {
		fd = try_path(o, dv_xstrdup(o->path), true);
		if (fd < 0)
			fd = try_path(o, dv_xasprintf("/proc/%d/root%s", p->pid, o->path), true);
	}
	for (size_t i = 0; fd < 0 && i < p->maps.v.count; i++) {
		const struct dv_map *m = &p->maps.v.data[i];

		if (p->map_object.data[i] < 0 || p->objects.data[p->map_object.data[i]] != o)
			continue;
		fd = try_path(o, dv_xasprintf("/proc/%d/map_files/%lx-%lx", p->pid, m->start, m->end), false);
		break;
	}
	if (fd < 0 && o->program)
		fd = try_path(o, dv_xasprintf("/proc/%d/exe", p->pid), false);
	return fd;
}

// The vDSO is in no file; its code lies in the process, or nowhere.
static struct dv_error *open_vdso(struct dv_object *o, struct dv_elf **ret)
{
	struct dv_process *p = o->process;
	char path[64];
	DV_FREE char *buf = NULL;
	DV_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/mem", p->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < p->maps.v.count; i++) {
		const struct dv_map *m = &p->maps.v.data[i];
		size_t size = m->end - m->start;

		if (p->map_object.data[i] < 0 || p->objects.data[p->map_object.data[i]] != o || size > VDSO_MAX)
			continue;
		buf = dv_xcalloc(1, size);
		if (pread(fd, buf, size, (off_t)m->start) == (ssize_t)size)
			return dv_elf_open_mem(buf, size, o->path, ret);
		break;
	}
	return dv_error_create(DV_ERR_FAULT, "cannot read '%s' of process %d", o->path, p->pid);
}

static struct dv_error *open_elf(struct dv_object *o, struct dv_elf **ret)
{
	char root[64];
	struct dv_elf_debug debug[2] = {{root, o->path}, {"", o->path}};
	const struct dv_elf_sym *syms;
	bool here;
	size_t count;
	struct dv_elf *elf;
	struct dv_error *e;

	if (!o->inode) {
		e = open_vdso(o, &elf);
		here = true;
	} else {
		DV_FD int fd = open_file(o);

		if (fd < 0)
			return dv_error_create(DV_ERR_NOT_FOUND, "cannot open '%s' of process %d: %s", o->path,
					       o->process->pid,
					       o->deleted ? "it was deleted"
							  : "no file by that name is the one that is mapped");
		e = dv_elf_open_fd(fd, o->path, &elf);
		here = !strcmp(o->target, o->path);
	}
	if (e)
		return e;
	snprintf(root, sizeof(root), "/proc/%d/root", o->process->pid);
	e = dv_elf_symbols(elf, debug + here, DV_COUNT(debug) - here, &syms, &count);
	if (e)
		dv_elf_close(elf);
	else
		*ret = elf;
	return e;
}

struct dv_error *dv_object_elf(struct dv_object *o, struct dv_elf **ret)
{
	struct dv_error *e;

	if (!o->tried) {
		o->tried = true;
		e = open_elf(o, &o->elf);
		if (e) {
			o->why = dv_xstrdup(e->msg);
			return e;
		}
	}
	if (!o->elf)
		return dv_error_create(DV_ERR_NOT_FOUND, "%s", o->why);
	*ret = o->elf;
	return NULL;
}

const char *dv_object_target(const struct dv_object *o)
{
	return o->elf ? o->target : NULL;
}

// How far a process has moved an object: the same for all of it.
static bool moved(const struct dv_object *o, uint64_t *ret)
{
	const struct dv_process *p = o->process;
	size_t count;
	const struct dv_elf_segment *seg = dv_elf_segments(o->elf, &count);

	for (size_t i = 0; i < p->maps.v.count; i++) {
		const struct dv_map *m = &p->maps.v.data[i];

		if (p->map_object.data[i] < 0 || p->objects.data[p->map_object.data[i]] != o)
			continue;
		if (!o->inode) { // the vDSO is its own file
			*ret = m->start;
			return true;
		}
		for (size_t k = 0; k < count; k++) {
			// Mappings are whole pages, segments need not be.
			if (!seg[k].exec || seg[k].offset >= m->offset + (m->end - m->start) ||
			    m->offset >= seg[k].offset + seg[k].file_size)
				continue;
			*ret = m->start - m->offset + seg[k].offset - seg[k].vaddr;
			return true;
		}
	}
	return false;
}

bool dv_object_address(const struct dv_object *o, uint64_t vaddr, uint64_t *ret)
{
	uint64_t by;

	if (!o->elf || !moved(o, &by) || !dv_maps_find(&o->process->maps, vaddr + by))
		return false;
	*ret = vaddr + by;
	return true;
}

bool dv_process_where(struct dv_process *p, uint64_t addr, struct dv_where *ret)
{
	const struct dv_map *m = dv_maps_find(&p->maps, addr);
	struct dv_where w = {.vaddr = addr, .offset = addr};
	struct dv_elf *elf;
	int i;

	if (!m)
		return false;
	i = p->map_object.data[m - p->maps.v.data];
	if (i >= 0) {
		struct dv_error *e;

		w.object = p->objects.data[i];
		w.vaddr = w.offset = addr - m->start + m->offset;
		e = dv_object_elf(w.object, &elf);
		if (!e && (!w.object->inode || dv_elf_vaddr(elf, w.vaddr, &w.vaddr))) {
			w.sym = dv_elf_symbol_at(elf, w.vaddr);
			w.offset = w.sym ? w.vaddr - w.sym->addr : w.vaddr;
		}
		dv_error_destroy(e);
	}
	*ret = w;
	return true;
}
