/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_QEMU_CLIENT_H
#define DV_MACHINE_QEMU_CLIENT_H
#include "machine/machine.h"

extern const struct dv_backend dv_backend_qemu;

#endif
