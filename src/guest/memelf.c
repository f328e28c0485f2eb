/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process's memory has of an ELF file. The header and program headers are mapped with its first piece; what the
 * dynamic linker works with is loaded too: dynamic section, symbols, their text, a hash that says how many there are. Out
 * of that a small ELF file is made, with segments at their places and sections where src/elf looks for symbols. Pages
 * that are not in memory read as zeros: their symbols are missing.
 */
#include <elf.h>
#include <string.h>

#include "guest/priv.h"
#include "guest/process.h"

#define PHDRS_MAX  64u
#define DYN_MAX    1024u
#define SYMS_MAX   (256u << 10)
#define STRS_MAX   (16u << 20)
#define NOTES_MAX  4096u
#define HASH_STEPS (1u << 20)
#define PAGE       4096u

struct object {
	const struct dv_guest *g;
	const struct dv_gprocess *p;
	Elf64_Ehdr head;
	Elf64_Phdr ph[PHDRS_MAX];
	uint64_t bias;
	uint64_t symtab, strtab, strsz, hash, gnu_hash;
};

static bool at(const struct object *o, uint64_t va, void *dst, size_t size)
{
	return dv_gprocess_read(o->g, o->p, va, dst, size);
}

// As much as there is; the rest is zero.
static void copy(const struct object *o, uint64_t va, uint8_t *dst, size_t size)
{
	while (size) {
		size_t n = PAGE - (va & (PAGE - 1));

		n = n < size ? n : size;
		if (!at(o, va, dst, n))
			memset(dst, 0, n);
		dst += n;
		va += n;
		size -= n;
	}
}

static bool read_headers(struct object *o, uint64_t base)
{
	bool found = false;

	if (!at(o, base, &o->head, sizeof(o->head)) || memcmp(o->head.e_ident, ELFMAG, SELFMAG) ||
	    o->head.e_ident[EI_CLASS] != ELFCLASS64 || o->head.e_ident[EI_DATA] != ELFDATA2LSB || !o->head.e_phnum ||
	    o->head.e_phnum > PHDRS_MAX || o->head.e_phentsize != sizeof(Elf64_Phdr) || o->head.e_phoff > PAGE ||
	    !at(o, base + o->head.e_phoff, o->ph, o->head.e_phnum * sizeof(Elf64_Phdr)))
		return false;
	for (unsigned i = 0; i < o->head.e_phnum && !found; i++) {
		const Elf64_Phdr *p = &o->ph[i];

		found = p->p_type == PT_LOAD && p->p_offset < PAGE;
		o->bias = base - (p->p_vaddr & ~(uint64_t)(PAGE - 1));
	}
	return found;
}

// Some dynamic linkers replace addresses in the dynamic section by where things really are.
static uint64_t placed(const struct object *o, uint64_t v)
{
	return v >= o->bias && o->bias ? v : v + o->bias;
}

static void read_dynamic(struct object *o, const Elf64_Phdr *p)
{
	Elf64_Dyn d;

	for (unsigned i = 0; i < DYN_MAX && i < p->p_memsz / sizeof(d); i++) {
		if (!at(o, o->bias + p->p_vaddr + i * sizeof(d), &d, sizeof(d)) || d.d_tag == DT_NULL)
			return;
		if (d.d_tag == DT_SYMTAB)
			o->symtab = placed(o, d.d_un.d_ptr);
		else if (d.d_tag == DT_STRTAB)
			o->strtab = placed(o, d.d_un.d_ptr);
		else if (d.d_tag == DT_STRSZ)
			o->strsz = d.d_un.d_val;
		else if (d.d_tag == DT_HASH)
			o->hash = placed(o, d.d_un.d_ptr);
		else if (d.d_tag == DT_GNU_HASH)
			o->gnu_hash = placed(o, d.d_un.d_ptr);
	}
}

// How many symbols there are: the hashes know.
static uint32_t symbol_count(const struct object *o)
{
	uint32_t h[4], last = 0, b, steps = 0;
	uint64_t buckets, chain;

	if (o->hash && at(o, o->hash, h, 8) && h[1] <= SYMS_MAX)
		return h[1];
	if (!o->gnu_hash || !at(o, o->gnu_hash, h, sizeof(h)) || h[0] > SYMS_MAX || h[2] > 1u << 20)
		return 0;
	buckets = o->gnu_hash + 16 + 8ull * h[2];
	chain = buckets + 4ull * h[0];
	for (uint32_t i = 0; i < h[0]; i++) {
		if (!at(o, buckets + 4ull * i, &b, 4))
			return 0;
		last = b > last ? b : last;
	}
	if (last < h[1])
		return 0;
	for (; steps < HASH_STEPS && last < SYMS_MAX; steps++, last++) {
		if (!at(o, chain + 4ull * (last - h[1]), &b, 4))
			return last;
		if (b & 1)
			return last + 1;
	}
	return 0;
}

static const struct dv_gmap *first_piece(const struct dv_gprocess *p, const struct dv_gmap *m)
{
	for (size_t i = 0; i < p->maps.count; i++)
		if (p->maps.data[i].file == m->file && !p->maps.data[i].offset)
			return &p->maps.data[i];
	return NULL;
}

static const char names[] = "\0.dynsym\0.dynstr\0.note\0.shstrtab";

// Header, segments, names, sections, and then what they have; offsets in the file that comes of it.
static uint8_t *build(struct object *o, uint32_t syms, size_t *size)
{
	uint8_t notes[NOTES_MAX];
	uint64_t note_size = 0, total, sym_size = syms * sizeof(Elf64_Sym);
	Elf64_Shdr sh[5] = {{0}};
	Elf64_Ehdr h = o->head;
	unsigned loads = 0;
	uint8_t *out;

	for (unsigned i = 0; i < o->head.e_phnum; i++) {
		const Elf64_Phdr *p = &o->ph[i];

		if (p->p_type == PT_NOTE && p->p_filesz <= sizeof(notes) - note_size && !(p->p_filesz & 3) &&
		    p->p_align <= 4 && at(o, o->bias + p->p_vaddr, notes + note_size, p->p_filesz))
			note_size += p->p_filesz;
		if (p->p_type == PT_LOAD)
			o->ph[loads++] = *p;
	}
	total = sizeof(h) + loads * sizeof(Elf64_Phdr);
	sh[4] = (Elf64_Shdr){.sh_name = 23, .sh_type = SHT_STRTAB, .sh_offset = total, .sh_size = sizeof(names)};
	total = (total + sizeof(names) + 7) & ~7ull;
	h.e_shoff = total;
	total += sizeof(sh);
	sh[1] = (Elf64_Shdr){.sh_name = 1, .sh_type = SHT_DYNSYM, .sh_offset = total, .sh_size = sym_size, .sh_link = 2,
			     .sh_entsize = sizeof(Elf64_Sym)};
	total += sym_size;
	sh[2] = (Elf64_Shdr){.sh_name = 9, .sh_type = SHT_STRTAB, .sh_offset = total, .sh_size = o->strsz};
	total = (total + o->strsz + 7) & ~7ull;
	sh[3] = (Elf64_Shdr){.sh_name = 17, .sh_type = SHT_NOTE, .sh_offset = total, .sh_size = note_size, .sh_addralign = 4};
	total += note_size;
	h.e_phoff = sizeof(h);
	h.e_phnum = (uint16_t)loads;
	h.e_shnum = 5;
	h.e_shstrndx = 4;
	h.e_shentsize = sizeof(Elf64_Shdr);
	out = dv_xcalloc(1, total);
	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), o->ph, loads * sizeof(Elf64_Phdr));
	memcpy(out + sh[4].sh_offset, names, sizeof(names));
	memcpy(out + h.e_shoff, sh, sizeof(sh));
	copy(o, o->symtab, out + sh[1].sh_offset, sym_size);
	copy(o, o->strtab, out + sh[2].sh_offset, o->strsz);
	memcpy(out + sh[3].sh_offset, notes, note_size);
	*size = total;
	return out;
}

uint8_t *dv_gprocess_elf(const struct dv_guest *g, const struct dv_gprocess *p, const struct dv_gmap *m, size_t *size)
{
	const struct dv_gmap *first = first_piece(p, m);
	struct object *o = dv_xcalloc(1, sizeof(*o));
	uint8_t *out = NULL;
	uint32_t syms;

	o->g = g;
	o->p = p;
	if (first && read_headers(o, first->start)) {
		for (unsigned i = 0; i < o->head.e_phnum; i++)
			if (o->ph[i].p_type == PT_DYNAMIC)
				read_dynamic(o, &o->ph[i]);
		syms = o->symtab && o->strtab && o->strsz && o->strsz <= STRS_MAX ? symbol_count(o) : 0;
		if (!syms)
			o->strsz = 0;
		out = build(o, syms, size);
	}
	free(o);
	return out;
}
