/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ELF_ELF_H
#define DV_ELF_ELF_H
/**
 * 64-bit little-endian ELF files: programs and shared objects of the host's processes. Whoever owns the process owns
 * the file and may change it while it is read, so every byte is hostile: tables are bounded, copied once (never
 * mapped: a file that shrinks would be a SIGBUS) and then parsed. A file made to mislead gives wrong names and places
 * in its own code, nothing else.
 *
 * Addresses (`addr`, `vaddr`) are those in the file, as objdump shows them; elf/process.h knows where a process has
 * them. Offsets are from the file's start. Nothing here is safe for two threads at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct dv_elf;

/** Open a file by path. Only regular files; DV_ERR_UNKNOWN: not an ELF file of this kind. */
struct dv_error *dv_elf_open(const char *path, struct dv_elf **ret) DV_MUST_USE;
/** The same by descriptor, which stays the caller's and need not outlive the call; @p name is for messages. */
struct dv_error *dv_elf_open_fd(int fd, const char *name, struct dv_elf **ret) DV_MUST_USE;
/** The same from bytes, which are copied (a process's vDSO). */
struct dv_error *dv_elf_open_mem(const void *bytes, size_t size, const char *name, struct dv_elf **ret) DV_MUST_USE;
/** NULL is fine. All that was got from @p e is gone with it. */
void dv_elf_close(struct dv_elf *e);

const char *dv_elf_name(const struct dv_elf *e);
uint16_t dv_elf_machine(const struct dv_elf *e); /**< EM_* of <elf.h> */

/** What is loaded of the file, by virtual address. */
struct dv_elf_segment {
	uint64_t offset, vaddr;
	uint64_t file_size, mem_size; /**< bytes of the file, bytes of memory: the rest is zero */
	bool exec, write;
};
const struct dv_elf_segment *dv_elf_segments(const struct dv_elf *e, size_t *count);
/** File offset of a virtual address. False: no byte of the file is loaded there. */
bool dv_elf_offset(const struct dv_elf *e, uint64_t vaddr, uint64_t *ret);
/** Virtual address of a file offset; where two segments have the byte, the executable one's. */
bool dv_elf_vaddr(const struct dv_elf *e, uint64_t offset, uint64_t *ret);
/** Copy bytes of code or data by virtual address, as the file has them. False: not all of them are there. */
bool dv_elf_read(struct dv_elf *e, uint64_t vaddr, void *dst, size_t size);
/** Close the descriptor: what was read stays, nothing more can be. */
void dv_elf_release(struct dv_elf *e);

/** The build id's bytes; NULL: none. */
const uint8_t *dv_elf_build_id(const struct dv_elf *e, size_t *size);
/** Name of the separate debug file (a name without '/'); NULL: none is named. *crc: checksum of that file. */
const char *dv_elf_debuglink(const struct dv_elf *e, uint32_t *crc);

enum dv_elf_kind {
	DV_ELF_FUNC,  /**< a function */
	DV_ELF_IFUNC, /**< runs once, to choose the function that the name stands for */
	DV_ELF_LABEL, /**< a name in code without a type: hand-written assembly */
};
struct dv_elf_sym {
	uint64_t addr;
	uint64_t size;    /**< bytes; when the file does not say, up to the next symbol or the segment's end */
	const char *name; /**< printable ASCII, without a version ("@GLIBC_2.2.5") */
	uint8_t kind;     /**< enum dv_elf_kind */
	bool global;      /**< visible or weak, not local */
	bool alias;       /**< the symbol before has the same address, and a better name */
};
/** Where separate debug files may be. */
struct dv_elf_debug {
	const char *root; /**< before /usr/lib/debug and before `path`: "" or "/proc/123/root" */
	const char *path; /**< of the file below root, for files beside it; NULL: not known */
};
/**
 * The symbols in code, by address, of one address the best name first: of .symtab, .dynsym, and the .symtab of a
 * separate debug file, which is looked for by build id, then by name, at each of @p debug. Read at the first call. A
 * file without symbols has none: *count is 0.
 */
struct dv_error *dv_elf_symbols(struct dv_elf *e, const struct dv_elf_debug *debug, size_t debug_count,
				const struct dv_elf_sym **ret, size_t *count) DV_MUST_USE;
/** The symbol that covers an address, of those that dv_elf_symbols() has read; NULL: none. */
const struct dv_elf_sym *dv_elf_symbol_at(const struct dv_elf *e, uint64_t addr);
/** The first symbol of that name at or after index *from, which is moved behind it; NULL: none. Looks at each. */
const struct dv_elf_sym *dv_elf_symbol_find(const struct dv_elf *e, const char *name, size_t *from);
/** Address of a variable of that name, from the file's own tables (not of a debug file). Looks at each. */
bool dv_elf_variable(const struct dv_elf *e, const char *name, uint64_t *ret);

/** A static probe compiled in (USDT, <sys/sdt.h>): an entry of .note.stapsdt. */
struct dv_elf_usdt {
	const char *provider, *name; /**< printable ASCII */
	const char *args;            /**< its arguments, as the note has them: "-4@%edi 8@-16(%rbp)" */
	uint64_t pc;                 /**< virtual address of its instruction, a NOP */
	uint64_t pc_offset;          /**< in the file */
	uint64_t sem_offset;         /**< of the 16-bit count of tracers, in the file; 0: it has none */
};
const struct dv_elf_usdt *dv_elf_usdt(const struct dv_elf *e, size_t *count);

#endif
