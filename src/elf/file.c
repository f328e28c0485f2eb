// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opening: header, segments, sections, notes. What is wrong in the header refuses the file; what is wrong in one table
// or entry leaves that one out, since the rest may be as good as ever.
#include "elf/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool read_at(const struct dv_elf *e, uint64_t offset, void *dst, size_t size)
{
	if (offset > e->size || size > e->size - offset)
		return false;
	if (e->mem) {
		memcpy(dst, e->mem + offset, size);
		return true;
	}
	if (e->fd < 0)
		return false;
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(e->fd, (char *)dst + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

void *dv_elf_copy(const struct dv_elf *e, uint64_t offset, uint64_t size, uint64_t max)
{
	char *p;

	// The file's size first: a number in a header asks for no memory that the file does not fill.
	if (size > max || offset > e->size || size > e->size - offset)
		return NULL;
	p = malloc(size + 1);
	if (!p || !read_at(e, offset, p, size)) {
		free(p);
		return NULL;
	}
	p[size] = '\0';
	return p;
}

const char *dv_elf_section_name(const struct dv_elf *e, const Elf64_Shdr *s)
{
	return s->sh_name < e->section_names_size ? e->section_names + s->sh_name : "";
}

const Elf64_Shdr *dv_elf_section(const struct dv_elf *e, const char *name)
{
	for (size_t i = 0; i < e->sections.count; i++) {
		const Elf64_Shdr *s = &e->sections.data[i];

		if (s->sh_type != SHT_NOBITS && !(s->sh_flags & SHF_COMPRESSED) &&
		    !strcmp(dv_elf_section_name(e, s), name))
			return s;
	}
	return NULL;
}

void dv_elf_tame(char *p, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < size; i++) {
		if (!p[i]) {
			len = 0;
		} else if (++len == DV_ELF_NAME_MAX) {
			p[i] = '\0';
			len = 0;
		} else if (p[i] <= ' ' || p[i] >= 127) {
			p[i] = '?';
		}
	}
}

void dv_elf_notes(const uint8_t *notes, size_t size, unsigned align,
		  void (*fn)(void *ctx, const char *owner, size_t owner_size, uint32_t type, const uint8_t *desc,
			     size_t desc_size),
		  void *ctx)
{
	size_t at = 0;

	align = align == 8 ? 8 : 4;
	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		size_t name = at + sizeof(h), desc, next;

		memcpy(&h, notes + at, sizeof(h));
		if (h.n_namesz > size - name)
			return;
		desc = (name + h.n_namesz + align - 1) & ~(size_t)(align - 1);
		if (desc > size || h.n_descsz > size - desc)
			return;
		fn(ctx, (const char *)notes + name, h.n_namesz, h.n_type, notes + desc, h.n_descsz);
		next = (desc + h.n_descsz + align - 1) & ~(size_t)(align - 1);
		if (next > size)
			return;
		at = next;
	}
}

static void take_note(void *ctx, const char *owner, size_t owner_size, uint32_t type, const uint8_t *desc,
		      size_t desc_size)
{
	struct dv_elf *e = ctx;

	if (owner_size == 4 && !memcmp(owner, "GNU", 4) && type == NT_GNU_BUILD_ID && !e->build_id_size && desc_size &&
	    desc_size <= sizeof(e->build_id)) {
		memcpy(e->build_id, desc, desc_size);
		e->build_id_size = desc_size;
	}
}

static void read_notes(struct dv_elf *e, uint64_t offset, uint64_t size, uint64_t align)
{
	DV_FREE uint8_t *p = dv_elf_copy(e, offset, size, DV_ELF_NOTES_MAX);

	if (p)
		dv_elf_notes(p, size, align == 8 ? 8 : 4, take_note, e);
}

static int by_vaddr(const void *a, const void *b)
{
	const struct dv_elf_segment *x = a, *y = b;

	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

static void read_segments(struct dv_elf *e, const Elf64_Ehdr *h, bool notes)
{
	uint64_t size = (uint64_t)h->e_phnum * sizeof(Elf64_Phdr);
	DV_FREE Elf64_Phdr *ph = NULL;

	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum > DV_ELF_SEGMENTS_MAX)
		return;
	ph = dv_elf_copy(e, h->e_phoff, size, size);
	for (size_t i = 0; ph && i < h->e_phnum; i++) {
		const Elf64_Phdr *p = &ph[i];
		struct dv_elf_segment *s;
		uint64_t end;

		if (p->p_type == PT_NOTE && notes && !e->build_id_size)
			read_notes(e, p->p_offset, p->p_filesz, p->p_align);
		if (p->p_type != PT_LOAD || __builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) ||
		    __builtin_add_overflow(p->p_offset, p->p_filesz, &end) || p->p_filesz > p->p_memsz)
			continue;
		s = DV_PUSH(&e->segments);
		*s = (struct dv_elf_segment){
		    .offset = p->p_offset,
		    .vaddr = p->p_vaddr,
		    .file_size = p->p_filesz,
		    .mem_size = p->p_memsz,
		    .exec = p->p_flags & PF_X,
		    .write = p->p_flags & PF_W,
		};
	}
	if (e->segments.count)
		qsort(e->segments.data, e->segments.count, sizeof(e->segments.data[0]), by_vaddr);
}

static void read_sections(struct dv_elf *e, const Elf64_Ehdr *h)
{
	uint64_t count = h->e_shnum, names = h->e_shstrndx;
	DV_FREE Elf64_Shdr *sh = NULL;
	Elf64_Shdr first;

	if (!h->e_shoff || h->e_shentsize != sizeof(Elf64_Shdr) || !read_at(e, h->e_shoff, &first, sizeof(first)))
		return;
	// Numbers that do not fit the header are in the first section.
	if (!count)
		count = first.sh_size;
	if (names == SHN_XINDEX)
		names = first.sh_link;
	if (count > DV_ELF_SECTIONS_MAX)
		return;
	sh = dv_elf_copy(e, h->e_shoff, count * sizeof(*sh), DV_ELF_SECTIONS_MAX * sizeof(*sh));
	if (!sh)
		return;
	e->sections.data = sh;
	e->sections.count = e->sections.capacity = count;
	sh = NULL;
	if (names < count && e->sections.data[names].sh_type == SHT_STRTAB) {
		const Elf64_Shdr *s = &e->sections.data[names];

		e->section_names = dv_elf_copy(e, s->sh_offset, s->sh_size, DV_ELF_NOTES_MAX);
		e->section_names_size = e->section_names ? s->sh_size : 0;
	}
	for (size_t i = 0; i < count; i++) {
		const Elf64_Shdr *s = &e->sections.data[i];

		if (s->sh_type == SHT_NOTE && !e->build_id_size)
			read_notes(e, s->sh_offset, s->sh_size, s->sh_addralign);
	}
}

static void read_debuglink(struct dv_elf *e)
{
	const Elf64_Shdr *s = dv_elf_section(e, ".gnu_debuglink");
	DV_FREE char *p = s ? dv_elf_copy(e, s->sh_offset, s->sh_size, DV_ELF_NAME_MAX) : NULL;
	size_t len, crc;

	if (!p)
		return;
	len = strlen(p);
	crc = (len + 4) & ~(size_t)3;
	if (!len || strchr(p, '/') || !strcmp(p, ".") || !strcmp(p, "..") || crc > s->sh_size || s->sh_size - crc < 4)
		return;
	memcpy(&e->debuglink_crc, p + crc, 4);
	e->debuglink = dv_xstrdup(p);
}

static struct dv_error *read_headers(struct dv_elf *e)
{
	Elf64_Ehdr h;

	if (!read_at(e, 0, &h, sizeof(h)) || memcmp(h.e_ident, ELFMAG, SELFMAG))
		return dv_error_create(DV_ERR_UNKNOWN, "'%s' is not an ELF file", e->name);
	if (h.e_ident[EI_CLASS] == ELFCLASS32)
		return dv_error_create(DV_ERR_UNKNOWN, "'%s' is a 32-bit program", e->name);
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB)
		return dv_error_create(DV_ERR_UNKNOWN, "'%s' is not a 64-bit little-endian ELF file", e->name);
	e->machine = h.e_machine;
	read_sections(e, &h);
	read_segments(e, &h, !e->build_id_size);
	read_debuglink(e);
	dv_elf_read_usdt(e);
	return NULL;
}

static struct dv_elf *create(const char *name)
{
	struct dv_elf *e = dv_xcalloc(1, sizeof(*e));

	e->name = dv_xstrdup(name);
	e->fd = -1;
	dv_arena_init(&e->arena);
	return e;
}

static struct dv_error *finish(struct dv_elf *e, struct dv_elf **ret)
{
	struct dv_error *err = read_headers(e);

	if (err)
		dv_elf_close(e);
	else
		*ret = e;
	return err;
}

struct dv_error *dv_elf_open_fd(int fd, const char *name, struct dv_elf **ret)
{
	struct dv_elf *e;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return dv_error_sys(errno, "cannot read '%s'", name);
	if (!S_ISREG(st.st_mode))
		return dv_error_create(DV_ERR_UNKNOWN, "'%s' is not a file", name);
	e = create(name);
	e->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (e->fd < 0) {
		int err = errno;

		dv_elf_close(e);
		return dv_error_sys(err, "cannot read '%s'", name);
	}
	e->size = (uint64_t)st.st_size;
	return finish(e, ret);
}

struct dv_error *dv_elf_open(const char *path, struct dv_elf **ret)
{
	// Neither a device nor a pipe is to notice, or to hold us up.
	DV_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return dv_error_sys(errno, "cannot open '%s'", path);
	return dv_elf_open_fd(fd, path, ret);
}

struct dv_error *dv_elf_open_mem(const void *bytes, size_t size, const char *name, struct dv_elf **ret)
{
	struct dv_elf *e = create(name);

	e->mem = dv_xcalloc(1, size);
	memcpy(e->mem, bytes, size);
	e->size = size;
	return finish(e, ret);
}

void dv_elf_close(struct dv_elf *e)
{
	if (!e)
		return;
	if (e->fd >= 0)
		close(e->fd);
	free(e->mem);
	DV_VEC_FREE(&e->sections);
	DV_VEC_FREE(&e->segments);
	DV_VEC_FREE(&e->usdt);
	DV_VEC_FREE(&e->syms);
	for (unsigned i = 0; i < e->pool_count; i++)
		free(e->pools[i]);
	dv_arena_deinit(&e->arena);
	free(e->section_names);
	free(e->debuglink);
	free(e->name);
	free(e);
}

void dv_elf_release(struct dv_elf *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

const char *dv_elf_name(const struct dv_elf *e)
{
	return e->name;
}

uint16_t dv_elf_machine(const struct dv_elf *e)
{
	return e->machine;
}

const struct dv_elf_segment *dv_elf_segments(const struct dv_elf *e, size_t *count)
{
	*count = e->segments.count;
	return e->segments.data;
}

bool dv_elf_offset(const struct dv_elf *e, uint64_t vaddr, uint64_t *ret)
{
	for (size_t i = 0; i < e->segments.count; i++) {
		const struct dv_elf_segment *s = &e->segments.data[i];

		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->file_size) {
			*ret = s->offset + (vaddr - s->vaddr);
			return true;
		}
	}
	return false;
}

bool dv_elf_vaddr(const struct dv_elf *e, uint64_t offset, uint64_t *ret)
{
	bool found = false;

	for (size_t i = 0; i < e->segments.count; i++) {
		const struct dv_elf_segment *s = &e->segments.data[i];

		if (offset < s->offset || offset - s->offset >= s->file_size || (found && !s->exec))
			continue;
		*ret = s->vaddr + (offset - s->offset);
		if (s->exec)
			return true;
		found = true;
	}
	return found;
}

bool dv_elf_read(struct dv_elf *e, uint64_t vaddr, void *dst, size_t size)
{
	for (size_t i = 0; i < e->segments.count; i++) {
		const struct dv_elf_segment *s = &e->segments.data[i];

		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->file_size && size <= s->file_size - (vaddr - s->vaddr))
			return read_at(e, s->offset + (vaddr - s->vaddr), dst, size);
	}
	return false;
}

const uint8_t *dv_elf_build_id(const struct dv_elf *e, size_t *size)
{
	*size = e->build_id_size;
	return e->build_id_size ? e->build_id : NULL;
}

const char *dv_elf_debuglink(const struct dv_elf *e, uint32_t *crc)
{
	*crc = e->debuglink_crc;
	return e->debuglink;
}

const struct dv_elf_usdt *dv_elf_usdt(const struct dv_elf *e, size_t *count)
{
	*count = e->usdt.count;
	return e->usdt.data;
}
