/* SPDX-License-Identifier: GPL-2.0-or-later */
/* empty-program EVENT: an empty BPF program on a raw tracepoint until standard input ends. For bench/host. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const struct bpf_insn insns[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "empty", "GPL", insns, 2, NULL);
	char c;

	if (argc < 2 || prog < 0 || bpf_raw_tracepoint_open(argv[1], prog) < 0) {
		perror("empty-program");
		return 1;
	}
	puts("READY");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
