// SPDX-License-Identifier: GPL-2.0-or-later
//
// cpc, the processor's performance counters: not there. The provider is for its name, and the reason.
#include "probe/probe.h"

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		    struct dv_probe_set *set)
{
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	*known = false;
	*count = 0;
	return NULL;
}

static const void *arg_group(const struct dv_probe *p)
{
	return NULL;
}

static const char *why_not(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
			   struct dv_probe_set *set)
{
	return pm->machine->caps & DV_CAP_LOCAL
		       ? "performance counters are not read: perf(1) does"
		       : "there are no performance counters: QEMU emulates none, and none of the host's counts for the guest alone";
}

const struct dv_provider dv_prov_cpc = {
    .name = "cpc",
    .provide = provide,
    .arg_type = arg_type,
    .arg_group = arg_group,
    .caps = DV_CAP_TYPES,
    .why_not = why_not,
};
