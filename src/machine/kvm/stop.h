/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_STOP_H
#define DV_MACHINE_KVM_STOP_H
/**
 * Holding a VMM's threads for a moment: a virtual CPU whose thread is held runs no code of the guest.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define DV_STOP_MS 400u /**< no thread is held for longer, whatever happens; at first only for a part of it */

/**
 * Call @p fn(ctx) while threads @p tids of process @p pid are held; all of its threads where that is NULL, or has one that is not
 * known (0) or is no thread of it any more: whichever runs in its place is held then, too. It runs in a process of its own, whose
 * end, also when it is killed or takes longer than DV_STOP_MS, lets them go; what it stores in memory is lost unless that
 * is shared. *ns: how long they were held. Fails, with no thread held, when one of them is traced already (gdb), or does not
 * come to a halt, when the process is gone (DV_ERR_GONE), and when @p fn answers false.
 */
struct dv_error *dv_stopped(int pid, const int32_t *tids, uint32_t count, bool (*fn)(void *ctx), void *ctx,
                            uint64_t *ns) DV_MUST_USE;

#endif
