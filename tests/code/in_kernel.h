/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_IN_KERNEL_H
#define DV_TESTS_IN_KERNEL_H
/** The runner's programs in this machine's kernel: made by machine/ebpf, run by BPF_PROG_RUN. */
#include "runner.h"

/** They are clauses of a KVM guest, whose virtual CPU this thread plays: its memory is the fake machine's. To be set before
 *  all else. */
extern bool in_kernel_guest;

struct in_kernel;
/** NULL: programs cannot be loaded here, *why says it. Ends the process on other failures. */
struct in_kernel *in_kernel_create(const char **why);
void in_kernel_destroy(struct in_kernel *k);
/** The fake machine's memory: its address in the kernel, and 4096 bytes to write it through. */
uint64_t in_kernel_address(const struct in_kernel *k);
uint8_t *in_kernel_memory(struct in_kernel *k);
/** Producers that the region needs. */
uint32_t in_kernel_producers(void);
/** A region that programs can use. */
void *in_kernel_region(struct in_kernel *k, uint64_t size);
/** Its sites are raw tracepoints. The error is the kernel's about the programs. */
struct dv_error *in_kernel_load(struct in_kernel *k, const void *image, size_t size) DV_MUST_USE;
void in_kernel_fire(struct in_kernel *k, uint32_t site, const uint64_t *args, uint32_t count);

#endif
