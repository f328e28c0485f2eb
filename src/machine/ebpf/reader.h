/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_READER_H
#define DV_MACHINE_EBPF_READER_H
/**
 * Reading the kernel's memory from a process: a program that copies some of it into a map, run on demand
 * (BPF_PROG_RUN). An address that is not mapped is an answer, not a fault.
 */
#include "machine/ebpf/object.h"

struct dv_bpf_reader;
struct dv_error *dv_bpf_reader_create(struct dv_bpf_reader **ret) DV_MUST_USE;
void dv_bpf_reader_destroy(struct dv_bpf_reader *r);
bool dv_bpf_read(struct dv_bpf_reader *r, uint64_t va, void *dst, size_t size);
/** The running thread's struct task_struct; 0: unknown. */
uint64_t dv_bpf_current(struct dv_bpf_reader *r);

#endif
