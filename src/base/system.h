/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_BASE_SYSTEM_H
#define DV_BASE_SYSTEM_H
/** What Linux tells of itself in files. */
#include <stdint.h>

/** When process @p pid began: clock ticks since boot, field 22 of /proc/PID/stat (proc(5)). With the number it says which process:
 *  numbers are used again. 0: there is none, or it has ended. */
uint64_t dv_proc_start(int pid);
/** Open a file of tracefs on this host for reading, wherever it is mounted, and where it is not; -1 and errno. */
int dv_tracefs_open(const char *file);

#endif
