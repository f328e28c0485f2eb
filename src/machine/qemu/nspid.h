/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_QEMU_NSPID_H
#define DV_MACHINE_QEMU_NSPID_H
/**
 * Ids of processes and threads that were told by a process that may be in another PID namespace (a container), or may
 * lie. All are looked up in /proc, as this process sees it.
 */
#include <stdint.h>

/** Our id of the process that calls itself @p said; @p peer: what its socket's credentials say, 0: nothing. */
int dv_nspid_process(int peer, int said);
/** Our ids of threads of process @p pid that call themselves @p said; 0 where it has no such thread. */
void dv_nspid_threads(int pid, const int32_t *said, uint32_t count, int32_t *ret);

#endif
