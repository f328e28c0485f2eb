// SPDX-License-Identifier: GPL-2.0-or-later
//
// profile:::tick-N[unit]: fires in dvirt itself, N in units of time or, with hz or without a unit, so often a second.
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

#define TICK_MIN_NS 100000u
#define TICK_IDS    5

static const struct {
	const char *name;
	uint64_t ns; // 0: hz
} units[] = {
	{ "ns", 1 }, { "nsec", 1 }, { "us", 1000 }, { "usec", 1000 }, { "ms", 1000000 }, { "msec", 1000000 },
	{ "s", 1000000000 }, { "sec", 1000000000 }, { "m", 60000000000 }, { "min", 60000000000 },
	{ "h", 3600000000000 }, { "hour", 3600000000000 }, { "d", 86400000000000 }, { "day", 86400000000000 },
	{ "hz", 0 }, { "", 0 },
};
// Those that a listing shows; any other is made when it is asked for.
static const char *const listed[TICK_IDS] = { "tick-1000", "tick-500", "tick-100", "tick-10", "tick-1" };

// Period in ns of a tick's name, 0: it is none.
static uint64_t period(const char *name)
{
	uint64_t n = 0;
	const char *p = name + 5;

	if (strncmp(name, "tick-", 5) || *p < '0' || *p > '9')
		return 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > 1000000000000000000ULL)
			return 0;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	for (size_t i = 0; i < DV_COUNT(units); i++) {
		uint64_t ns;

		if (strcmp(units[i].name, p) || !n)
			continue;
		if (!units[i].ns)
			ns = 1000000000u / n;
		else if (__builtin_mul_overflow(n, units[i].ns, &ns) || ns > INT64_MAX)
			return 0;
		return ns < TICK_MIN_NS ? TICK_MIN_NS : ns;
	}
	return 0;
}

static void offer(struct dv_probe_set *set, const struct dv_probe_desc *d, uint32_t id, const char *name)
{
	struct dv_probe *p = dv_probe_offer(set, d, id, "", "", name);

	if (p)
		p->period_ns = period(name);
}

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
                    struct dv_probe_set *set)
{
	const char *want = d->part[DV_PART_NAME];
	bool have = false;

	for (uint32_t i = 0; i < TICK_IDS; i++)
		offer(set, d, DV_ID_TICK + i, listed[i]);
	for (size_t i = 0; i < set->ticks.count; i++)
		offer(set, d, set->ticks.data[i].id, set->ticks.data[i].name);
	for (uint32_t i = 0; i < TICK_IDS; i++)
		have |= !strcmp(listed[i], want);
	for (size_t i = 0; i < set->ticks.count; i++)
		have |= !strcmp(set->ticks.data[i].name, want);
	if (!have && !*d->part[DV_PART_MOD] && !*d->part[DV_PART_FUNC] && period(want)) {
		struct dv_probe *t = DV_PUSH(&set->ticks);

		t->id = set->next_id++;
		t->name = dv_arena_strdup(&set->arena, want);
		offer(set, d, t->id, t->name);
	}
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

const struct dv_provider dv_prov_profile = {
	.name = "profile",
	.provide = provide,
	.arg_type = arg_type,
	.arg_group = arg_group,
};
