/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_EBPF_H
#define DV_MACHINE_EBPF_EBPF_H
/** The machine `host`: the kernel that dvirt runs on, traced by BPF programs. */
#include "machine/machine.h"

extern const struct dv_backend dv_backend_ebpf;
/** Why this user can load no programs that read this kernel's memory; "": can. */
void dv_ebpf_why_not(char *buf, size_t size);

#endif
