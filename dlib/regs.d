/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Indices of uregs[]. Those of the machine's own registers (R_RAX .. R_R15, R_RIP, R_RFLAGS ...) and DTrace's R_PC, R_SP,
 * R_FP, R_PS, R_R0, R_R1 are built in; these are the names that 32-bit scripts use.
 */
inline int R_EAX = R_RAX;
inline int R_EBX = R_RBX;
inline int R_ECX = R_RCX;
inline int R_EDX = R_RDX;
inline int R_ESI = R_RSI;
inline int R_EDI = R_RDI;
inline int R_EBP = R_RBP;
inline int R_ESP = R_RSP;
inline int R_UESP = R_RSP;
inline int R_EIP = R_RIP;
inline int R_EFL = R_RFLAGS;
