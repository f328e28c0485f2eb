/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/fake/fake.h"

static struct dv_error *fake_scan(void (*fn)(void *ctx, struct dv_machine *m), void *ctx)
{
	return NULL;
}

static struct dv_error *fake_open(struct dv_machine *m, uint32_t universe)
{
	return NULL;
}

const struct dv_backend dv_backend_fake = {.name = "fake", .scan = fake_scan, .open = fake_open};
