// SPDX-License-Identifier: GPL-2.0-or-later
// src/state for the kernel: the same sources in one translation unit. The loader (machine/ebpf) gives the region an
// address and dv_region_mask its value.
#include "state/inner.h"

#define SECTION(name) __attribute__((section(name), used))

const volatile uint64_t dv_region_mask SECTION(".rodata") = 4095;

#include "state/agg.c"
#include "state/bytes.c"
#include "state/dyn.c"
#include "state/fire.c"
#include "state/key.c"
#include "state/mem.c"
#include "state/number.c"
#include "state/path.c"
#include "state/rec.c"
#include "state/serves.c"
#include "state/stack.c"
#include "state/spec.c"
#include "state/str.c"
#include "state/text.c"
#include "state/json.c"
#include "state/vars.c"
