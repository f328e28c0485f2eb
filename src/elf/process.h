/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ELF_PROCESS_H
#define DV_ELF_PROCESS_H
/**
 * A process of this host and the objects (program and shared objects) in it: which file each is, whatever mount
 * namespace it was opened in and whether or not it still has a name; and what an address in it is called.
 */
#include "elf/elf.h"
#include "elf/maps.h"

struct dv_process;
/** An object of a process: a file of which code is mapped. */
struct dv_object {
	const char *path;   /**< as struct dv_map has it; "[vdso]" is no file */
	const char *module; /**< last part of the path, printable */
	bool program;       /**< the file that was executed, and no shared object of it */
	bool deleted;
	uint64_t inode;
	uint32_t major, minor;
	struct dv_process *process;
	/* dv_object_elf()'s */
	bool tried;
	struct dv_elf *elf;
	char *target, *why;
};

/** Look at a process. Errors as of dv_maps_read(). */
struct dv_error *dv_process_open(int pid, struct dv_process **ret) DV_MUST_USE;
/** Read its mappings again: objects may have come; those known stay, and stay where they are. */
struct dv_error *dv_process_refresh(struct dv_process *p) DV_MUST_USE;
void dv_process_close(struct dv_process *p); /**< NULL is fine */
int dv_process_pid(const struct dv_process *p);
/** When it began: since boot, in ticks of sysconf(_SC_CLK_TCK). */
uint64_t dv_process_start(const struct dv_process *p);
/** Is it still that process? (Numbers are used again.) */
bool dv_process_alive(const struct dv_process *p);
/** In the order in which they were found, by address at first. Valid until close. */
struct dv_object *const *dv_process_objects(const struct dv_process *p, size_t *count);

/**
 * The object's file with its symbols, opened when first asked for. Owned by the process. Afterwards dv_elf_read() works
 * on it until dv_elf_release().
 */
struct dv_error *dv_object_elf(struct dv_object *o, struct dv_elf **ret) DV_MUST_USE;
/** A path by which dvirt's own process reaches that very file: its plain name where that is the same file, else through
 * /proc/PID. NULL before dv_object_elf() succeeded, and for what is no file. */
const char *dv_object_target(const struct dv_object *o);
/** Address in the process of an address in the file, code or data. False: nothing is mapped there. */
bool dv_object_address(const struct dv_object *o, uint64_t vaddr, uint64_t *ret);

/** An address of a process, by name. */
struct dv_where {
	struct dv_object *object;     /**< NULL: in no file's code (a JIT's, a stack, nowhere) */
	const struct dv_elf_sym *sym; /**< NULL: no symbol covers it, or the file cannot be read */
	uint64_t vaddr;               /**< address in the file */
	uint64_t offset;              /**< from the symbol's start, else `vaddr` */
};
/** What is at an address. Opens the object's file if need be. False: nothing is mapped there. */
bool dv_process_where(struct dv_process *p, uint64_t addr, struct dv_where *ret);

#endif
