/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ELF_PRIV_H
#define DV_ELF_PRIV_H
/** Inside src/elf. */
#include <elf.h>

#include "base/mem.h"
#include "elf/elf.h"

#define DV_ELF_SECTIONS_MAX (128u << 10)
#define DV_ELF_SEGMENTS_MAX 4096u
#define DV_ELF_SYMS_MAX     (4u << 20)
#define DV_ELF_STRS_MAX     (256u << 20)
#define DV_ELF_NOTES_MAX    (4u << 20)  /**< bytes of one section of notes */
#define DV_ELF_USDT_MAX     (64u << 10) /**< static probes of one file */
#define DV_ELF_NAME_MAX     4096u       /**< bytes of a name with its NUL */
#define DV_ELF_BUILD_ID_MAX 64u

struct dv_elf {
	char *name;
	int fd;        // -1: `mem`, or closed
	uint8_t *mem;
	uint64_t size; // of the file
	uint16_t machine;
	DV_VEC(Elf64_Shdr) sections;
	char *section_names; // NUL-terminated
	size_t section_names_size;
	DV_VEC(struct dv_elf_segment) segments; // by vaddr
	uint8_t build_id[DV_ELF_BUILD_ID_MAX];
	size_t build_id_size;
	char *debuglink;
	uint32_t debuglink_crc;
	struct dv_arena arena; // texts of the static probes
	DV_VEC(struct dv_elf_usdt) usdt;
	bool symbols_read;
	DV_VEC(struct dv_elf_sym) syms;
	char *pools[3]; // texts of the symbols' names
	unsigned pool_count;
};

/** A copy of [offset, offset + size) of the file with a NUL behind it, the caller's. NULL: not in the file, more than
 * @p max, or out of memory. */
void *dv_elf_copy(const struct dv_elf *e, uint64_t offset, uint64_t size, uint64_t max);
/** "" when the number is wrong. */
const char *dv_elf_section_name(const struct dv_elf *e, const Elf64_Shdr *s);
/** First section of that name that has bytes in the file; NULL: none. */
const Elf64_Shdr *dv_elf_section(const struct dv_elf *e, const char *name);
/** Replace what a terminal may act on by '?'. Ends a name after DV_ELF_NAME_MAX bytes. */
void dv_elf_tame(char *p, size_t size);
/** Calls @p fn for each note in @p notes; its bytes are valid until it returns. */
void dv_elf_notes(const uint8_t *notes, size_t size, unsigned align,
		  void (*fn)(void *ctx, const char *owner, size_t owner_size, uint32_t type, const uint8_t *desc,
			     size_t desc_size),
		  void *ctx);
/** Fill e->usdt from the section's notes. */
void dv_elf_read_usdt(struct dv_elf *e);
/** The separate debug file of @p e; NULL: none is there that fits. */
struct dv_elf *dv_elf_debug_file(const struct dv_elf *e, const struct dv_elf_debug *debug, size_t count);

#endif
