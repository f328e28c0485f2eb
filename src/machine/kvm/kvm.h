/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_KVM_H
#define DV_MACHINE_KVM_KVM_H
/** Guests under KVM of this host, whichever program runs them: nothing is asked of it, or of the guest. */
#include "machine/machine.h"

extern const struct dv_backend dv_backend_kvm;

#endif
