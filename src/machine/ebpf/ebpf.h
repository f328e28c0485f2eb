/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_EBPF_H
#define DV_MACHINE_EBPF_EBPF_H
/** The machine `host`: the kernel that dvirt runs on, traced by BPF programs. */
#include "machine/machine.h"

extern const struct dv_backend dv_backend_ebpf;

#endif
