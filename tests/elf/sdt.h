/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_ELF_SDT_H
#define DV_TESTS_ELF_SDT_H
/**
 * Static probes for the test programs, written by hand, since <sys/sdt.h> may be absent: the note that src/elf/usdt.c
 * describes. SDT(provider, name, semaphore, "argument string", operands...)
 */
#define SDT(provider, name, sem, args, ...)                                                                \
	__asm__ __volatile__("990: nop\n"                                                                  \
			     ".pushsection .note.stapsdt,\"\",\"note\"\n"                                  \
			     ".balign 4\n"                                                                 \
			     ".4byte 992f-991f, 994f-993f, 3\n"                                            \
			     "991: .asciz \"stapsdt\"\n"                                                   \
			     "992: .balign 4\n"                                                            \
			     "993: .8byte 990b, _.stapsdt.base, " #sem "\n"                                \
			     ".asciz \"" #provider "\"\n"                                                  \
			     ".asciz \"" #name "\"\n"                                                      \
			     ".asciz \"" args "\"\n"                                                       \
			     "994: .balign 4\n"                                                            \
			     ".popsection\n"                                                               \
			     ".ifndef _.stapsdt.base\n"                                                    \
			     ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"      \
			     ".weak _.stapsdt.base\n"                                                      \
			     ".hidden _.stapsdt.base\n"                                                    \
			     "_.stapsdt.base: .space 1\n"                                                  \
			     ".size _.stapsdt.base, 1\n"                                                   \
			     ".popsection\n"                                                               \
			     ".endif\n" ::__VA_ARGS__)
#endif
