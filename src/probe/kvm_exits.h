/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_PROBE_KVM_EXITS_H
#define DV_PROBE_KVM_EXITS_H
/**
 * Why a virtual CPU came back to KVM: the processors' numbers (the kernel's <asm/vmx.h> and <asm/svm.h>), with the names
 * that the kernel's own tracing shows for them, Intel's in capitals and AMD's in small letters.
 */
#include <stdint.h>

enum dv_kvm_cpu { DV_KVM_INTEL, DV_KVM_AMD };

/** Name of a reason; NULL: it has none. */
const char *dv_kvm_exit_name(enum dv_kvm_cpu cpu, uint32_t reason);
/**
 * An expression of D whose value is the name of the reason @p value, an expression too, which is evaluated once; "unknown"
 * where there is none. It keeps the number in this->__kvm_exit. The text is the caller's to free.
 */
char *dv_kvm_exit_text(enum dv_kvm_cpu cpu, const char *value);

#endif
