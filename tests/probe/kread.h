/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_PROBE_KREAD_H
#define DV_TESTS_PROBE_KREAD_H
/**
 * Reads the memory of the kernel that a test runs on, by a BPF program of a dozen instructions that is run on demand.
 * Root only.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KREAD_MAX 4096u

struct kread {
	int prog, map;
	uint8_t *bytes;
	unsigned calls;
};

static inline int kread_bpf(int cmd, union bpf_attr *a)
{
	return (int)syscall(SYS_bpf, cmd, a, sizeof(*a));
}

static inline bool kread_open(struct kread *k)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = KREAD_MAX, .max_entries = 1,
			    .map_flags = BPF_F_MMAPABLE};

	k->map = kread_bpf(BPF_MAP_CREATE, &a);
	if (k->map < 0)
		return false;
	k->bytes = mmap(NULL, KREAD_MAX, PROT_READ, MAP_SHARED, k->map, 0);
	if (k->bytes == MAP_FAILED)
		return false;
	// bpf_probe_read_kernel(value of the map, ctx[1] & 4095 or 4096 when that is 0, ctx[0])
	struct bpf_insn insns[] = {
		{BPF_LDX | BPF_DW | BPF_MEM, 3, 1, 0, 0},
		{BPF_LDX | BPF_DW | BPF_MEM, 2, 1, 8, 0},
		{BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, KREAD_MAX - 1},
		{BPF_JMP | BPF_JNE | BPF_K, 2, 0, 1, 0},
		{BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, KREAD_MAX},
		{BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, k->map},
		{0, 0, 0, 0, 0},
		{BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel},
		{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
	};
	union bpf_attr p = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = (uintptr_t)insns,
			    .insn_cnt = sizeof(insns) / sizeof(insns[0]), .license = (uintptr_t)"GPL"};

	k->prog = kread_bpf(BPF_PROG_LOAD, &p);
	return k->prog >= 0;
}

static inline bool kread(struct kread *k, uint64_t va, void *dst, size_t size)
{
	for (size_t n; size; size -= n, va += n, dst = (uint8_t *)dst + n) {
		uint64_t ctx[2] = {va, 0};
		union bpf_attr t = {.test = {.prog_fd = (uint32_t)k->prog, .ctx_in = (uintptr_t)ctx, .ctx_size_in = sizeof(ctx)}};

		n = size < KREAD_MAX ? size : KREAD_MAX;
		ctx[1] = n;
		k->calls++;
		if (kread_bpf(BPF_PROG_TEST_RUN, &t) || t.test.retval)
			return false;
		memcpy(dst, k->bytes, n);
	}
	return true;
}

static inline void kread_close(struct kread *k)
{
	munmap(k->bytes, KREAD_MAX);
	close(k->prog);
	close(k->map);
}

#endif
