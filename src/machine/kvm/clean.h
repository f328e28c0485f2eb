/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_CLEAN_H
#define DV_MACHINE_KVM_CLEAN_H
/** dv_backend::clean of KVM guests. */
#include "base/error.h"

struct dv_error *dv_kvm_clean(void (*fn)(void *ctx, const char *text), void *ctx) DV_MUST_USE;

#endif
