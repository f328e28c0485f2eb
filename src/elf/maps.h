/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ELF_MAPS_H
#define DV_ELF_MAPS_H
/**
 * /proc/PID/maps: what a process has mapped where. The kernel writes it, but the names in it are the process's choice,
 * and there may be as many lines as it likes.
 */
#include "base/error.h"
#include "base/mem.h"

#define DV_MAPS_MAX (256u << 10) /**< mappings that are looked at; the kernel allows 65530 unless told otherwise */

struct dv_map {
	uint64_t start, end; /**< addresses in the process */
	uint64_t offset;     /**< in the file */
	uint64_t inode;      /**< 0: no file */
	uint32_t major, minor; /**< device that the inode is on */
	bool exec, write;
	bool deleted;        /**< the file has no name any more; `path` is the one that it had */
	const char *path;    /**< from our own root where it is below it, else from its mount namespace's; "" none, "[heap]"
	                          and its like */
};
struct dv_maps {
	DV_VEC(struct dv_map) v; /**< by address, none over another */
	struct dv_arena arena;
};
/** DV_ERR_NOT_FOUND: no such process; DV_ERR_DENIED; DV_ERR_LIMIT; DV_ERR_GONE: it has no memory (it has ended, or it is
 * the kernel's own). */
struct dv_error *dv_maps_read(int pid, struct dv_maps *ret) DV_MUST_USE;
/** From text; lines that make no sense, or not in that order, are DV_ERR_UNKNOWN. */
struct dv_error *dv_maps_parse(const char *text, size_t size, struct dv_maps *ret) DV_MUST_USE;
void dv_maps_deinit(struct dv_maps *m);
/** The mapping that has this address; NULL: none. */
const struct dv_map *dv_maps_find(const struct dv_maps *m, uint64_t addr);

#endif
