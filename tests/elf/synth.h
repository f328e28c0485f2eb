/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_ELF_SYNTH_H
#define DV_TESTS_ELF_SYNTH_H
/**
 * A small ELF file, written by hand: one executable segment (vaddr 0x401000, file offset 0x100), one writable one, five
 * symbols, a build id, a debug link, a static probe. Tests break it; it is also the fuzzer's seed.
 */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct synth {
	uint8_t bytes[0x1000];
	size_t size;
	Elf64_Ehdr *eh;
	Elf64_Phdr *ph; /**< code, data */
	Elf64_Shdr *sh; /**< by the enum */
	Elf64_Sym *sym;
};
enum { SYNTH_NULL, SYNTH_TEXT, SYNTH_SYMTAB, SYNTH_STRTAB, SYNTH_ID, SYNTH_LINK, SYNTH_SDT, SYNTH_BASE, SYNTH_NAMES,
       SYNTH_SECTIONS };
#define SYNTH_SYMS 6

static inline void synth_put(struct synth *s, int section, uint32_t type, const char *name, const void *p, size_t n)
{
	Elf64_Shdr *sh = &s->sh[section], *names = &s->sh[SYNTH_NAMES];

	s->size = (s->size + 7) & ~(size_t)7;
	sh->sh_name = (uint32_t)names->sh_size;
	sh->sh_type = type;
	sh->sh_offset = s->size;
	sh->sh_size = n;
	sh->sh_addralign = 4;
	memcpy(s->bytes + s->size, p, n);
	s->size += n;
	strcpy((char *)s->bytes + 0xf00 + names->sh_size, name);
	names->sh_size += strlen(name) + 1;
}

static inline struct synth *synth_create(void)
{
	static const char strings[] = "\0start\0main\0_main@@V2\0chooser\0end";
	static const struct {
		uint32_t name;
		uint8_t info;
		uint64_t addr, size;
	} syms[SYNTH_SYMS] = {
	    {0},
	    {1, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0x401000, 0},
	    {7, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0x401010, 0x20},
	    {12, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0x401010, 0x20},
	    {22, ELF64_ST_INFO(STB_WEAK, STT_GNU_IFUNC), 0x401040, 0},
	    {30, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0x402000, 0},
	};
	static const struct {
		Elf64_Nhdr h;
		char owner[4];
		uint8_t id[8];
	} id = {{4, 8, NT_GNU_BUILD_ID}, "GNU", {1, 2, 3, 4, 5, 6, 7, 8}};
	static const struct {
		char name[8];
		uint32_t crc;
	} link = {"x.debug", 0x12345678};
	static const struct {
		Elf64_Nhdr h;
		char owner[8];
		uint64_t pc, base, sem;
		char text[20];
	} __attribute__((packed)) sdt = {{8, 24 + 16, 3}, "stapsdt", 0x401020, 0x401070, 0x600010, "app\0go\0" "8@%rdi"};
	struct synth *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->eh = (Elf64_Ehdr *)s->bytes;
	s->ph = (Elf64_Phdr *)(s->bytes + 0x40);
	s->sh = (Elf64_Shdr *)(s->bytes + 0x800);
	memcpy(s->eh->e_ident, ELFMAG "\2\1\1", 7);
	s->eh->e_type = ET_EXEC;
	s->eh->e_machine = EM_X86_64;
	s->eh->e_phoff = 0x40;
	s->eh->e_phentsize = sizeof(Elf64_Phdr);
	s->eh->e_phnum = 2;
	s->eh->e_shoff = 0x800;
	s->eh->e_shentsize = sizeof(Elf64_Shdr);
	s->eh->e_shnum = SYNTH_SECTIONS;
	s->eh->e_shstrndx = SYNTH_NAMES;
	s->ph[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0x100, 0x401000, 0, 0x100, 0x100, 0x1000};
	s->ph[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x200, 0x600000, 0, 0x20, 0x1000, 0x1000};
	s->sh[SYNTH_NAMES].sh_size = 1;
	s->size = 0x300;
	synth_put(s, SYNTH_STRTAB, SHT_STRTAB, ".strtab", strings, sizeof(strings));
	synth_put(s, SYNTH_SYMTAB, SHT_SYMTAB, ".symtab", (Elf64_Sym[SYNTH_SYMS]){0}, SYNTH_SYMS * sizeof(Elf64_Sym));
	s->sym = (Elf64_Sym *)(s->bytes + s->sh[SYNTH_SYMTAB].sh_offset);
	for (int i = 0; i < SYNTH_SYMS; i++)
		s->sym[i] = (Elf64_Sym){syms[i].name, syms[i].info, 0, i ? SYNTH_TEXT : 0, syms[i].addr, syms[i].size};
	s->sh[SYNTH_SYMTAB].sh_entsize = sizeof(Elf64_Sym);
	s->sh[SYNTH_SYMTAB].sh_link = SYNTH_STRTAB;
	synth_put(s, SYNTH_ID, SHT_NOTE, ".note.gnu.build-id", &id, sizeof(id));
	synth_put(s, SYNTH_LINK, SHT_PROGBITS, ".gnu_debuglink", &link, sizeof(link));
	synth_put(s, SYNTH_SDT, SHT_NOTE, ".note.stapsdt", &sdt, sizeof(sdt));
	synth_put(s, SYNTH_BASE, SHT_PROGBITS, ".stapsdt.base", "", 1);
	s->sh[SYNTH_BASE].sh_addr = 0x401074; // four further on than the note says
	s->sh[SYNTH_NAMES].sh_type = SHT_STRTAB;
	s->sh[SYNTH_NAMES].sh_offset = 0xf00;
	s->size = sizeof(s->bytes);
	return s;
}
#endif
