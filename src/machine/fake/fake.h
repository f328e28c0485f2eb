/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_FAKE_FAKE_H
#define DV_MACHINE_FAKE_FAKE_H
#include "machine/machine.h"

extern const struct dv_backend dv_backend_fake;

#endif
