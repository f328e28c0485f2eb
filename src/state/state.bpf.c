// SPDX-License-Identifier: GPL-2.0-or-later
// src/state for the kernel: the same sources in one translation unit, with the map that holds the region. The loader
// sets the map's value size to the region's, and dv_region_mask to one less, before it loads.
#include "state/inner.h"

#define SECTION(name) __attribute__((section(name), used))

__attribute__((visibility("default"))) struct dv_bpf_array dv_region SECTION(".maps");
const volatile uint64_t dv_region_mask SECTION(".rodata") = 4095;
char dv_license[] SECTION("license") = "GPL";

#include "state/agg.c"
#include "state/dyn.c"
#include "state/fire.c"
#include "state/key.c"
#include "state/rec.c"
#include "state/str.c"
#include "state/vars.c"
