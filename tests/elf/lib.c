// SPDX-License-Identifier: GPL-2.0-or-later
//
// The shared object of prog.c.
#include "sdt.h"

long lib_twice(long v);

static __attribute__((noinline)) long lib_inner(long v)
{
	SDT(prog, twice, 0, "8@%0", "r"(v));
	return v * 2;
}

long lib_twice(long v)
{
	return lib_inner(v);
}
