/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_OBJECT_H
#define DV_MACHINE_EBPF_OBJECT_H
/**
 * The run-time functions as they come out of `clang -target bpf`: an ELF file, taken apart into functions, what they
 * refer to, and read-only data. The file is part of dvirt itself; what is checked is checked so that a wrong build is
 * an error message. link.h puts functions together into programs.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct dv_bpf_ref {
	uint32_t insn;      /**< of the function, from 0 */
	int32_t func;       /**< a call of this function of the object, or its address; -1: an address of data */
	const char *symbol; /**< an address: of this external symbol; NULL: in the read-only data */
	uint32_t off;       /**< bytes from there */
};

struct dv_bpf_func {
	const char *name;
	const struct bpf_insn *insns;
	uint32_t count;
	uint32_t args;      /**< how many; all are 64-bit scalars */
	bool global;        /**< verified on its own */
	const struct dv_bpf_ref *refs; /**< by instruction */
	uint32_t ref_count;
};

struct dv_bpf_object {
	struct dv_bpf_func *funcs;
	uint32_t func_count;
	const uint8_t *rodata;
	uint32_t rodata_size;
	void *priv;
};

/** @p bytes: stay the caller's, and must outlive the object. */
struct dv_error *dv_bpf_object_open(const void *bytes, size_t size, struct dv_bpf_object **ret) DV_MUST_USE;
void dv_bpf_object_close(struct dv_bpf_object *o);
/** A function's number by name, or -1. */
int dv_bpf_object_func(const struct dv_bpf_object *o, const char *name);
/** A constant's place in the read-only data: its offset, or -1. */
int64_t dv_bpf_object_const(const struct dv_bpf_object *o, const char *name, uint32_t size);

#endif
