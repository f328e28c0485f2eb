// SPDX-License-Identifier: GPL-2.0-or-later
//
// A program to look at and to probe. It says "ready"; then for each line "N" it goes N rounds and says "done". Built in
// several forms by make-progs.
#include <stdio.h>
#include <stdlib.h>

#include "sdt.h"

// Calls that no compiler does away with.
#define APART __attribute__((noinline, noclone, noipa, used))

long lib_twice(long v);

volatile unsigned short prog_sem __attribute__((section(".probes")));

APART long target(long a, int b)
{
	return a * 2 + b;
}
long target_alias(long a, int b) __attribute__((weak, alias("target")));

static APART long hidden(long v)
{
	return v + 1;
}

// Sites with arguments in every shape that compilers make.
static APART long site(long v, short s, const char *text)
{
	volatile int spilled = (int)v * 3;
	static long table[8] = {0, 10, 20, 30, 40, 50, 60, 70};

	SDT(prog, round, 0, "8@%0 -2@%w1 -4@%2 -4@$-7 8@%3", "r"(v), "r"(s), "m"(spilled), "r"(text));
	SDT(prog, counted, prog_sem, "8@(%0,%1,8) -1@%b2", "r"(table), "r"(v & 7), "q"((char)-v));
	SDT(other, bare__bones, 0, "", "r"(0L));
	SDT(other, nowhere, 0, "8@%%xmm0 8@(%0) 4@$7", "r"(8L));
	return spilled;
}

APART long outer(long v)
{
	return site(v, (short)-v, "text") + hidden(v) + lib_twice(v);
}

static long chosen_impl(long v)
{
	return v - 1;
}
static long (*choose(void))(long)
{
	return chosen_impl;
}
long chosen(long v) __attribute__((ifunc("choose")));

// A name without a type or a size.
__asm__(".text\n"
	".globl handmade\n"
	"handmade: lea 5(%rdi), %rax\n"
	"ret\n");
long handmade(long v);

// Two ways out; and a function with something in it that is no instruction.
__asm__(".text\n"
	".globl forked, tables\n"
	".type forked, @function\n"
	"forked: xor %eax, %eax\n"
	"test %rdi, %rdi\n"
	"je 1f\n"
	"inc %eax\n"
	"ret\n"
	"1: ret\n"
	".size forked, . - forked\n"
	".type tables, @function\n"
	"tables: ret\n"
	".byte 0x06, 0xc3\n"
	".size tables, . - tables\n");
long forked(long v);

int main(void)
{
	long n, sum = 0;

	printf("ready\n");
	fflush(stdout);
	while (scanf("%ld", &n) == 1) {
		for (long i = 0; i < n; i++)
			sum += target(i, 3) + outer(i) + chosen(i) + handmade(i) + forked(i & 1);
		printf("done %ld\n", sum);
		fflush(stdout);
	}
	return 0;
}
