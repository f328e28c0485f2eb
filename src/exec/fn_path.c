/* SPDX-License-Identifier: GPL-2.0-or-later */
// d_path() where a process reads the machine's memory.
#include "exec/fn.h"

#define DPATH_X           struct dv_exec *
#define DPATH_ST(x)       (&(x)->st)
#define DPATH_RD          dv_fn_rd
#define DPATH_RDSTR       dv_fn_rdstr
#define DPATH_FN
static uint64_t dv_fn_step(struct dv_exec *x, uint64_t ctx, uint64_t mach, uint64_t dentry_offs, uint64_t mount_offs);
#define DPATH_NAME(n) dv_fn_##n
#include "exec/dpath.h"
