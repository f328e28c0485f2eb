/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_MACHINE_HITS_H
#define DV_TESTS_MACHINE_HITS_H
/**
 * A program, assembled by hand, that counts: an array of { hits, sum of a word of the context }, by the cookie's low
 * three bits.
 */
#include <bpf/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

#define HITS 8u
struct hits {
	uint64_t count, sum;
};
/** Offsets of a function's first argument and of its result in the context. */
#define HITS_ARG    ((int)offsetof(struct user_regs_struct, rdi))
#define HITS_RESULT ((int)offsetof(struct user_regs_struct, rax))

static inline int hits_map(void)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "hits", 4, sizeof(struct hits), HITS, NULL);
}

/** @p word: offset in the context of what is summed; -1: nothing. */
static inline int hits_program(int map, enum bpf_prog_type type, int attach_type, int word)
{
#define I(c, d, s, o, i) {.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)}
	const struct bpf_insn insns[] = {
	    I(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
	    word < 0 ? (struct bpf_insn)I(BPF_ALU64 | BPF_MOV | BPF_K, 7, 0, 0, 0)
		     : (struct bpf_insn)I(BPF_LDX | BPF_MEM | BPF_DW, 7, 1, (int16_t)word, 0),
	    I(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_attach_cookie),
	    I(BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, HITS - 1),
	    I(BPF_STX | BPF_MEM | BPF_W, 10, 0, -4, 0),
	    I(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
	    I(0, 0, 0, 0, 0),
	    I(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
	    I(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
	    I(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
	    I(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3, 0),
	    I(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
	    I(BPF_STX | BPF_XADD | BPF_DW, 0, 1, 0, 0),
	    I(BPF_STX | BPF_XADD | BPF_DW, 0, 7, 8, 0),
	    I(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
	    I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
#undef I
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = (enum bpf_attach_type)attach_type);

	return bpf_prog_load(type, "hits", "GPL", insns, sizeof(insns) / sizeof(insns[0]), &o);
}

static inline struct hits hits_get(int map, uint32_t key)
{
	struct hits h = {0};

	(void)bpf_map_lookup_elem(map, &key, &h);
	return h;
}

static inline void hits_clear(int map)
{
	static const struct hits none;

	for (uint32_t key = 0; key < HITS; key++)
		(void)bpf_map_update_elem(map, &key, &none, BPF_ANY);
}
#endif
