// SPDX-License-Identifier: GPL-2.0-or-later
//
// What LLVM's BPF backend leaves in an ELF file:
//
//   .text, and sections that functions were put in   instructions
//   .rel<section>    R_BPF_64_32: a call; imm is -1, or the callee's instruction in its section less one when the symbol
//                    is a section's. R_BPF_64_64: a 64-bit address; imm is an addend
//   .rodata*         constants
//   .BTF             prototypes: here only how many arguments a function has
//
// A call of a static function in the same section may have no relocation: imm is relative then.
#include "machine/ebpf/object.h"

#include <bpf/btf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#ifndef R_BPF_64_64
#define R_BPF_64_64 1
#define R_BPF_64_32 10
#endif

struct file {
	const uint8_t *bytes;
	size_t size;
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh;
	const char *shstr, *str;
	const Elf64_Sym *syms;
	uint32_t sym_count;
	uint32_t rodata, rodata_count; // section; how many there are
	struct btf *btf;
	DV_VEC(struct dv_bpf_func) funcs;
	DV_VEC(uint32_t) func_section;
	DV_VEC(uint32_t) func_start; // instruction in its section
};

struct priv {
	struct file f;
	struct dv_arena arena;
};

static struct dv_error *damaged(const char *what)
{
	return dv_error_create(DV_ERR_UNKNOWN, "the run-time functions for the kernel are damaged: %s", what);
}

static const char *section_name(const struct file *f, uint32_t i)
{
	return f->shstr + f->sh[i].sh_name;
}

static bool in_file(const struct file *f, uint64_t off, uint64_t size)
{
	return off <= f->size && size <= f->size - off;
}

static struct dv_error *open_elf(struct file *f)
{
	if (f->size < sizeof(Elf64_Ehdr) || memcmp(f->bytes, ELFMAG, SELFMAG) || f->bytes[EI_CLASS] != ELFCLASS64)
		return damaged("no ELF file");
	f->eh = (const Elf64_Ehdr *)f->bytes;
	if (f->eh->e_machine != EM_BPF || f->eh->e_shentsize != sizeof(Elf64_Shdr) || !f->eh->e_shnum ||
	    f->eh->e_shstrndx >= f->eh->e_shnum ||
	    !in_file(f, f->eh->e_shoff, (uint64_t)f->eh->e_shnum * sizeof(Elf64_Shdr)))
		return damaged("no BPF object file");
	f->sh = (const Elf64_Shdr *)(f->bytes + f->eh->e_shoff);
	for (uint32_t i = 0; i < f->eh->e_shnum; i++)
		if (f->sh[i].sh_type != SHT_NOBITS && !in_file(f, f->sh[i].sh_offset, f->sh[i].sh_size))
			return damaged("a section is out of the file");
	f->shstr = (const char *)f->bytes + f->sh[f->eh->e_shstrndx].sh_offset;
	for (uint32_t i = 1; i < f->eh->e_shnum; i++) {
		const Elf64_Shdr *s = &f->sh[i];

		if (s->sh_type == SHT_SYMTAB && s->sh_link < f->eh->e_shnum) {
			f->syms = (const Elf64_Sym *)(f->bytes + s->sh_offset);
			f->sym_count = (uint32_t)(s->sh_size / sizeof(Elf64_Sym));
			f->str = (const char *)f->bytes + f->sh[s->sh_link].sh_offset;
		} else if (s->sh_type == SHT_PROGBITS && !strncmp(section_name(f, i), ".rodata", 7)) {
			f->rodata = i;
			f->rodata_count++;
		} else if (!strcmp(section_name(f, i), ".BTF")) {
			f->btf = btf__new(f->bytes + s->sh_offset, (uint32_t)s->sh_size);
		}
	}
	if (!f->syms || !f->btf || f->rodata_count > 1)
		return damaged(!f->syms ? "no symbols" : !f->btf ? "no BTF" : "several sections of constants");
	return NULL;
}

static struct dv_error *count_args(const struct file *f, struct dv_bpf_func *fn)
{
	int id = btf__find_by_name_kind(f->btf, fn->name, BTF_KIND_FUNC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(f->btf, (uint32_t)id) : NULL;

	t = t ? btf__type_by_id(f->btf, t->type) : NULL;
	if (!t || BTF_INFO_KIND(t->info) != BTF_KIND_FUNC_PROTO)
		return damaged("a function without a prototype");
	fn->args = BTF_INFO_VLEN(t->info);
	return NULL;
}

static struct dv_error *find_functions(struct file *f)
{
	struct dv_error *e;

	for (uint32_t i = 0; i < f->sym_count; i++) {
		const Elf64_Sym *s = &f->syms[i];
		const Elf64_Shdr *in = s->st_shndx < f->eh->e_shnum ? &f->sh[s->st_shndx] : NULL;
		struct dv_bpf_func *fn;

		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || !in || !(in->sh_flags & SHF_EXECINSTR))
			continue;
		if (s->st_value % 8 || s->st_size % 8 || !s->st_size || s->st_value > in->sh_size ||
		    s->st_size > in->sh_size - s->st_value)
			return damaged("a function is out of its section");
		fn = DV_PUSH(&f->funcs);
		fn->name = f->str + s->st_name;
		fn->insns = (const struct bpf_insn *)(f->bytes + in->sh_offset + s->st_value);
		fn->count = (uint32_t)(s->st_size / 8);
		// A hidden function is static to the kernel: verified wherever it is called.
		fn->global = ELF64_ST_BIND(s->st_info) != STB_LOCAL &&
			     ELF64_ST_VISIBILITY(s->st_other) == STV_DEFAULT;
		*DV_PUSH(&f->func_section) = s->st_shndx;
		*DV_PUSH(&f->func_start) = (uint32_t)(s->st_value / 8);
		e = count_args(f, fn);
		if (e)
			return e;
	}
	return NULL;
}

static int func_at(const struct file *f, uint32_t section, int64_t insn)
{
	for (size_t i = 0; i < f->funcs.count; i++)
		if (f->func_section.data[i] == section && f->func_start.data[i] == insn)
			return (int)i;
	return -1;
}

// What the instruction at @p at (of the section) refers to, by its relocation.
static struct dv_error *resolve(const struct file *f, const Elf64_Rel *r, const struct bpf_insn *in,
				struct dv_bpf_ref *ref)
{
	uint32_t n = (uint32_t)ELF64_R_SYM(r->r_info);
	const Elf64_Sym *s = n < f->sym_count ? &f->syms[n] : NULL;

	if (!s)
		return damaged("a relocation without a symbol");
	if (ELF64_R_TYPE(r->r_info) == R_BPF_64_32) {
		bool section = ELF64_ST_TYPE(s->st_info) == STT_SECTION;

		ref->func = func_at(f, s->st_shndx, (int64_t)(s->st_value / 8) + (section ? in->imm + 1 : 0));
		return ref->func < 0 ? damaged("a call of something unknown") : NULL;
	}
	if (ELF64_R_TYPE(r->r_info) != R_BPF_64_64 || in->code != (BPF_LD | BPF_IMM | BPF_DW))
		return damaged("a relocation of an unknown kind");
	ref->func = -1;
	ref->off = (uint32_t)in->imm;
	if (s->st_shndx == SHN_UNDEF) {
		ref->symbol = f->str + s->st_name;
		return NULL;
	}
	// A function that is handed to a helper: the address is in bytes of its section.
	if (s->st_shndx < f->eh->e_shnum && f->sh[s->st_shndx].sh_flags & SHF_EXECINSTR) {
		ref->func = func_at(f, s->st_shndx, (int64_t)((s->st_value + ref->off) / 8));
		return ref->func < 0 ? damaged("an address of something unknown") : NULL;
	}
	if (s->st_shndx != f->rodata)
		return damaged("a reference to data that is not constant");
	ref->off += (uint32_t)s->st_value;
	return NULL;
}

static int by_insn(const void *a, const void *b)
{
	const struct dv_bpf_ref *x = a, *y = b;

	return (x->insn > y->insn) - (x->insn < y->insn);
}

static struct dv_error *find_refs(struct priv *p, uint32_t index)
{
	struct file *f = &p->f;
	struct dv_bpf_func *fn = &f->funcs.data[index];
	uint32_t section = f->func_section.data[index], start = f->func_start.data[index];
	DV_VEC(struct dv_bpf_ref) refs = {0};
	struct dv_error *e = NULL;
	DV_FREE uint8_t *seen = dv_xcalloc(fn->count, 1);

	for (uint32_t i = 1; i < f->eh->e_shnum && !e; i++) {
		const Elf64_Shdr *s = &f->sh[i];
		const Elf64_Rel *r = (const Elf64_Rel *)(f->bytes + s->sh_offset);

		if (s->sh_type != SHT_REL || s->sh_info != section)
			continue;
		for (size_t k = 0; k < s->sh_size / sizeof(*r) && !e; k++) {
			uint64_t at = r[k].r_offset / 8;
			struct dv_bpf_ref *ref;

			if (at < start || at - start >= fn->count)
				continue;
			ref = DV_PUSH(&refs);
			ref->insn = (uint32_t)(at - start);
			seen[ref->insn] = 1;
			e = resolve(f, &r[k], &fn->insns[ref->insn], ref);
		}
	}
	for (uint32_t i = 0; i < fn->count && !e; i++) {
		const struct bpf_insn *in = &fn->insns[i];
		struct dv_bpf_ref *ref;

		if (in->code != (BPF_JMP | BPF_CALL) || in->src_reg != BPF_PSEUDO_CALL || seen[i])
			continue;
		ref = DV_PUSH(&refs);
		ref->insn = i;
		ref->func = func_at(f, section, (int64_t)start + i + 1 + in->imm);
		if (ref->func < 0)
			e = damaged("a call into the middle of a function");
	}
	if (!e && refs.count) {
		struct dv_bpf_ref *kept = dv_arena_alloc(&p->arena, refs.count * sizeof(*kept));

		memcpy(kept, refs.data, refs.count * sizeof(*kept));
		qsort(kept, refs.count, sizeof(*kept), by_insn);
		fn->refs = kept;
		fn->ref_count = (uint32_t)refs.count;
	}
	DV_VEC_FREE(&refs);
	return e;
}

struct dv_error *dv_bpf_object_open(const void *bytes, size_t size, struct dv_bpf_object **ret)
{
	struct dv_bpf_object *o = dv_xcalloc(1, sizeof(*o));
	struct priv *p = dv_xcalloc(1, sizeof(*p));
	struct dv_error *e;

	dv_arena_init(&p->arena);
	o->priv = p;
	p->f.bytes = bytes;
	p->f.size = size;
	e = open_elf(&p->f);
	if (!e)
		e = find_functions(&p->f);
	for (uint32_t i = 0; i < p->f.funcs.count && !e; i++)
		e = find_refs(p, i);
	if (e) {
		dv_bpf_object_close(o);
		return e;
	}
	o->funcs = p->f.funcs.data;
	o->func_count = (uint32_t)p->f.funcs.count;
	if (p->f.rodata) {
		o->rodata = p->f.bytes + p->f.sh[p->f.rodata].sh_offset;
		o->rodata_size = (uint32_t)p->f.sh[p->f.rodata].sh_size;
	}
	*ret = o;
	return NULL;
}

void dv_bpf_object_close(struct dv_bpf_object *o)
{
	struct priv *p = o ? o->priv : NULL;

	if (!o)
		return;
	btf__free(p->f.btf);
	DV_VEC_FREE(&p->f.funcs);
	DV_VEC_FREE(&p->f.func_section);
	DV_VEC_FREE(&p->f.func_start);
	dv_arena_deinit(&p->arena);
	free(p);
	free(o);
}

int dv_bpf_object_func(const struct dv_bpf_object *o, const char *name)
{
	for (uint32_t i = 0; i < o->func_count; i++)
		if (!strcmp(o->funcs[i].name, name))
			return (int)i;
	return -1;
}

int64_t dv_bpf_object_const(const struct dv_bpf_object *o, const char *name, uint32_t size)
{
	const struct file *f = &((struct priv *)o->priv)->f;

	for (uint32_t i = 0; i < f->sym_count; i++) {
		const Elf64_Sym *s = &f->syms[i];

		if (s->st_shndx == f->rodata && f->rodata && !strcmp(f->str + s->st_name, name) && s->st_size == size &&
		    s->st_value + size <= o->rodata_size)
			return (int64_t)s->st_value;
	}
	return -1;
}
