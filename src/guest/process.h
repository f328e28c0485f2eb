/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_GUEST_PROCESS_H
#define DV_GUEST_PROCESS_H
/**
 * A process of a guest, by the guest's memory: which files it has mapped where, and what is in its own memory. The guest
 * runs on meanwhile, and may lie: everything is bounded, and wrong structures give wrong or no files, nothing else.
 */
#include "guest/guest.h"

#define DV_GMAPS_MAX 65536u /**< mappings that are looked at */

/** A piece of a file in its memory. */
struct dv_gmap {
	uint64_t start, end; /**< addresses in the process */
	uint64_t offset;     /**< in the file */
	uint64_t file;	     /**< its inode: equal numbers, the same file, while it is mapped */
	bool exec;
	const char *path; /**< printable, from the root of the guest's mounts; "" when it cannot be read */
};
struct dv_gprocess {
	int pid;
	uint64_t start;			 /**< start_boottime of its first thread */
	uint64_t pgd;			 /**< its page tables, physical */
	DV_VEC(struct dv_gmap) maps;	 /**< of files, by address */
	struct dv_arena arena;
};

/** The process with this number, and, unless @p start is 0, begun then. DV_ERR_NOT_FOUND: there is none (any more);
 * DV_ERR_UNKNOWN: this kernel's structures are not known. */
struct dv_error *dv_gprocess_open(struct dv_guest *g, int pid, uint64_t start, struct dv_gprocess **ret) DV_MUST_USE;
void dv_gprocess_close(struct dv_gprocess *p); /**< NULL is fine */
/** Its memory, as far as it is there: no page is fetched. False: not all of it. */
bool dv_gprocess_read(const struct dv_guest *g, const struct dv_gprocess *p, uint64_t va, void *dst, size_t size);
/** The mapping that has this address; NULL: none. */
const struct dv_gmap *dv_gprocess_map(const struct dv_gprocess *p, uint64_t va);
/**
 * What the process's memory has of an object's ELF file: header, program headers, build id, dynamic symbols, as a small
 * ELF file of its own, from malloc. @p m: a mapping of the object. NULL: nothing usable is in memory.
 */
uint8_t *dv_gprocess_elf(const struct dv_guest *g, const struct dv_gprocess *p, const struct dv_gmap *m, size_t *size);

#endif
