/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_MAPS_H
#define DV_MACHINE_EBPF_MAPS_H
/**
 * The memory of kernel programs: array maps with one element each, which programs address directly and processes map.
 * Descriptors are the caller's.
 */
#include "machine/ebpf/object.h"

/** Bytes behind the region that a copy may run into: an offset is masked, its length is not. */
#define DV_BPF_SLACK 16384u

/** The state region: @p size is a power of two. *mapped: what mmap() is to be given. */
struct dv_error *dv_bpf_region_create(uint64_t size, int *fd, uint64_t *mapped) DV_MUST_USE;
/** @p size bytes that only programs use. */
struct dv_error *dv_bpf_memory_create(const char *name, uint32_t size, int *fd) DV_MUST_USE;
/** @p size bytes that programs use and dvirt has mapped, at *ret. */
struct dv_error *dv_bpf_shared_create(const char *name, uint32_t size, int *fd, void **ret) DV_MUST_USE;
/** Constants, known to the verifier: @p bytes are copied. */
struct dv_error *dv_bpf_constants_create(const void *bytes, uint32_t size, int *fd) DV_MUST_USE;

#endif
