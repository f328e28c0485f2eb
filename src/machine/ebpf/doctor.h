/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_DOCTOR_H
#define DV_MACHINE_EBPF_DOCTOR_H
#include "machine/doctor.h"

/** What this host's kernel lets be traced, and how. */
void dv_ebpf_doctor(const struct dv_doctor *d);

#endif
