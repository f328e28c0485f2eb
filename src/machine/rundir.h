/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_RUNDIR_H
#define DV_MACHINE_RUNDIR_H
/**
 * The directory of plugins' sockets and of the lists of traps. Used by the plugin too, so nothing here allocates or prints;
 * dv_rundir() in machine.h is the same with an error for people.
 */
#include <stdbool.h>
#include <stddef.h>

/** 0 or negative errno; -EPERM: it is there but belongs to, or can be written by, somebody else. With @p create it is made. */
int dv_rundir_path(bool create, char *buf, size_t size);
/** Where the guests are of the user who has called this process by sudo(8), for root: the @p n-th place to look in, from 0
 *  on, that is there, and whose it is: the processes behind its sockets have to be theirs too. False: there are no more. */
bool dv_rundir_sudo_path(unsigned n, char *buf, size_t size, unsigned *uid);

#endif
