/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run-time functions for the kernel, as clang made them. */
	.section .rodata
	.balign 8
	.globl dv_host_bpf, dv_host_bpf_end
dv_host_bpf:
	.incbin DV_HOST_BPF
dv_host_bpf_end:
	.section .note.GNU-stack, "", @progbits
