// SPDX-License-Identifier: GPL-2.0-or-later
//
// BEGIN, END and ERROR fire in dvirt itself. ERROR also stands for faults of clauses in guests: the tracer compiles its
// clauses for every machine.
#include "probe/probe.h"

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
		    struct dv_probe_set *set)
{
	dv_probe_offer(set, d, DV_ID_BEGIN, "", "", "BEGIN");
	dv_probe_offer(set, d, DV_ID_END, "", "", "END");
	dv_probe_offer(set, d, DV_ID_ERROR, "", "", "ERROR");
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	*count = 0;
	*known = false;
	return NULL;
}

static const void *arg_group(const struct dv_probe *p)
{
	return NULL;
}

const struct dv_provider dv_prov_dtrace = {
    .name = "dtrace",
    .provide = provide,
    .arg_type = arg_type,
    .arg_group = arg_group,
    .own = true,
};
