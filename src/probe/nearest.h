/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_PROBE_NEAREST_H
#define DV_PROBE_NEAREST_H
/**
 * Names that somebody may have meant who wrote one that does not exist: those few letters away.
 */
#include <stddef.h>

#define DV_NEAREST 4
struct dv_nearest {
	const char *want;
	const char *name[DV_NEAREST]; /**< the nearest first; they stay the caller's */
	unsigned dist[DV_NEAREST], count, max;
};
void dv_nearest_init(struct dv_nearest *n, const char *want);
void dv_nearest_offer(struct dv_nearest *n, const char *name);
/** As a list for a message ("vfs_read, vfs_readv"), or "". */
void dv_nearest_list(const struct dv_nearest *n, char *buf, size_t size);

#endif
