/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_EBPF_H
#define DV_MACHINE_EBPF_EBPF_H
/** The machine `host`: the kernel that dvirt runs on, traced by BPF programs. */
#include "machine/machine.h"

extern const struct dv_backend dv_backend_ebpf;
/** Why this user can load no programs that read this kernel's memory; "": can. */
void dv_ebpf_why_not(char *buf, size_t size);
/** This kernel's symbols and types, read once for all of this process who want them: dv_guest_open_local(). Given back by
 *  dv_ebpf_kernel_put(). */
struct dv_error *dv_ebpf_kernel_get(uint32_t universe, struct dv_guest **ret) DV_MUST_USE;
void dv_ebpf_kernel_put(struct dv_guest *g); /**< NULL is fine */

#endif
