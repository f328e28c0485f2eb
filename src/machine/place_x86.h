/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_PLACE_X86_H
#define DV_MACHINE_PLACE_X86_H
/**
 * A probe that fired on a vCPU of an x86-64 Linux guest: what clauses see of its registers and memory. Backends say how
 * a register is read and where physical memory is; the rest (running task, arguments, other machines' memory) is the
 * same for all of them. Nothing here allocates: it runs in vCPUs' threads.
 */
#include "abi/ctl.h"
#include "exec/exec.h"
#include "guest/guest.h"
#include "guest/unwind.h"

#define DV_KERNEL_VA(a) ((uint64_t)(a) >> 63)

/** Guest RAM at addresses of some process. */
struct dv_ram {
	uint32_t count;
	struct dv_ctl_range r[DV_CTL_RANGES];
};

/** Another machine whose memory clauses read, through a descriptor in which its RAM is. */
struct dv_peer {
	uint32_t machine;
	int fd;
	struct dv_guest_layout layout;
	struct dv_ram ram;
};

struct dv_xplace {
	struct dv_place base;            /**< ops: &dv_xplace_ops */
	uint64_t (*read_reg)(struct dv_xplace *p, enum dv_reg r);
	/** How long the running thread has run, ns; NULL: it is not kept. */
	uint64_t (*vtime)(struct dv_xplace *p);
	const struct dv_phys *phys;      /**< of the machine that fired */
	const struct dv_loaded *loaded;
	const struct dv_peer *peers;
	uint32_t peer_count;
	uint32_t cpu;
	int32_t host_tid;                /**< of the thread that fires */
	const struct dv_load_site *site; /**< that fires */
	uint64_t addr;                   /**< of the probed instruction */
	uint64_t have;                   /**< bit for each register that was read in this firing */
	uint64_t reg[DV_REG_COUNT];
	uint64_t task;
	bool have_task;
	/** Pages found while this stack is followed: virtual (0: none) and physical. */
	struct {
		uint64_t va, pa;
	} pages[8];
	struct dv_orc_cache *orc_cache; /**< or NULL; what the load with this dv_loaded::serial has filled */
	uint64_t orc_owner;
};
extern const struct dv_place_ops dv_xplace_ops;

/** Before each firing: nothing is known yet. */
static inline void dv_xplace_begin(struct dv_xplace *p, uint64_t addr)
{
	p->addr = addr;
	p->have = 0;
	p->have_task = false;
}
/** place_stack.c: dv_place_ops::stack. */
uint32_t dv_xplace_stack(struct dv_place *base, bool user, uint64_t *pcs, uint32_t max);
/* Of place_x86.c, for it. */
uint64_t dv_xplace_reg(struct dv_xplace *p, enum dv_reg r); /**< read once in a firing */
uint64_t dv_xplace_task(struct dv_xplace *p);               /**< 0: it could not be read */
bool dv_xplace_read(struct dv_xplace *p, uint64_t va, void *dst, uint32_t size);
/** Number of the system call that the running task is in; -1: unknown. */
int64_t dv_xplace_sysnr(struct dv_xplace *p);

#endif
