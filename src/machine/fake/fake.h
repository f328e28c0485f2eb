/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_FAKE_FAKE_H
#define DV_MACHINE_FAKE_FAKE_H
/**
 * A scripted machine, for tests: its memory (which must hold a kernel that src/guest recognises, as a dump of a real
 * guest's does), and what happens in it. $DVIRT_FAKE names the files, separated by ':', one machine each. Lines:
 *
 *   name NAME                        else "fake"
 *   vcpus N                          else 1
 *   local                            it stands for the host's kernel: it is named "host", brings the memory of the state
 *                                    region, and is read by virtual address
 *   levels N                         producers of each vCPU, else 1
 *   pid N TID...                     the host's process that it is, and its vCPUs' threads
 *   why TEXT                         it cannot be traced, for this reason
 *   regs cr3=X cr4=X gs_base=X rip=X efer=X      where the search for the kernel starts
 *   memory ADDRESS FILE              physical memory from a file (a name without '/' is beside the script)
 *   word ADDRESS VALUE               eight bytes of physical memory
 *   event MS at=PLACE cpu=N level=N tid=N REG=X...  MS milliseconds after the one before (the first: after the load) vCPU
 *                                    N gets to PLACE: an address, or the name of one of the kernel's functions
 *   return MS at=PLACE ...           the same, and the instruction there is a return
 *   repeat N                         all events N times, else once
 *
 * Registers that an event does not give are those of `regs`, else 0. '#' begins a comment.
 */
#include "abi/fn.h"
#include "base/mem.h"
#include "machine/machine.h"

extern const struct dv_backend dv_backend_fake;

struct dv_fake_piece {
	uint64_t gpa, size;
	uint8_t *bytes;
};
struct dv_fake_event {
	uint32_t ms, cpu, level;
	int32_t tid;      /**< of the host's thread under it */
	bool is_return;
	char place[128];
	uint64_t addr;    /**< of `place`, once the kernel is known */
	uint64_t reg[DV_REG_COUNT];
};
struct dv_fake_script {
	char name[64], why[128];
	uint32_t vcpus, levels, repeat;
	bool local;
	int pid;
	int32_t tids[64];
	uint32_t tid_count;
	uint64_t reg[DV_REG_COUNT];
	DV_VEC(struct dv_fake_piece) pieces; /**< a later one lies over an earlier one */
	DV_VEC(struct dv_fake_event) events;
};
struct dv_error *dv_fake_read(const char *path, struct dv_fake_script *ret) DV_MUST_USE;
void dv_fake_deinit(struct dv_fake_script *s);

#endif
