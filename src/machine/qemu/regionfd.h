/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_QEMU_REGIONFD_H
#define DV_MACHINE_QEMU_REGIONFD_H
/** The descriptor of a state region, as the plugin takes it from whoever speaks the control protocol. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * May @p size bytes of it be mapped for good? Only what cannot become shorter under the mapping, which would kill the
 * process that touches it: a memfd sealed against shrinking, or a BPF array that is mmap-able and has one element of
 * that size. False: @p msg says why. Allocates nothing.
 */
bool dv_regionfd_check(int fd, uint64_t size, char *msg, size_t msg_size);

#endif
