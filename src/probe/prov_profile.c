// SPDX-License-Identifier: GPL-2.0-or-later
//
// Timers, N in units of time or, with hz or without a unit, so often a second:
//
//   profile:::tick-N[unit]      fires in dvirt itself
//   profile:::profile-N[unit]   fires on every CPU of a machine, in whatever runs there
//
// A listing shows the usual ones; any other is made when it is asked for.
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

#define MIN_NS   100000u
#define TICK_IDS (DV_ID_FIRST - DV_ID_TICK)

static const struct {
	const char *name;
	uint64_t ns; // 0: hz
} units[] = {
	{ "ns", 1 }, { "nsec", 1 }, { "us", 1000 }, { "usec", 1000 }, { "ms", 1000000 }, { "msec", 1000000 },
	{ "s", 1000000000 }, { "sec", 1000000000 }, { "m", 60000000000 }, { "min", 60000000000 },
	{ "h", 3600000000000 }, { "hour", 3600000000000 }, { "d", 86400000000000 }, { "day", 86400000000000 },
	{ "hz", 0 }, { "", 0 },
};
static const char *const ticks[] = { "tick-1000", "tick-500", "tick-100", "tick-10", "tick-1" };
// Odd numbers, so as not to march in step with what happens at even ones.
static const char *const profiles[] = { "profile-97", "profile-199", "profile-499", "profile-997", "profile-1999",
					"profile-4001", "profile-4999" };
_Static_assert(DV_COUNT(ticks) <= TICK_IDS, "ids are set aside");

// Period in ns of a timer's name, 0: it is none.
static uint64_t period(const char *name, const char *prefix)
{
	uint64_t n = 0;
	const char *p = name + strlen(prefix);

	if (strncmp(name, prefix, strlen(prefix)) || *p < '0' || *p > '9')
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
		return ns < MIN_NS ? MIN_NS : ns;
	}
	return 0;
}

static void offer(struct dv_probe_set *set, const struct dv_probe_desc *d, uint32_t id, const char *name, bool every_cpu)
{
	struct dv_probe *p = dv_probe_offer(set, d, id, "", "", name);

	if (!p)
		return;
	if (every_cpu) {
		p->kind = DV_SITE_PROFILE;
		p->args = DV_ARGS_PROFILE;
		p->detail = period(name, "profile-");
	} else {
		p->period_ns = period(name, "tick-");
	}
}

static uint32_t add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	return DV_COUNT(profiles);
}

static void provide(const struct dv_provider *prov, const struct dv_probe_machine *pm, const struct dv_probe_desc *d,
                    struct dv_probe_set *set)
{
	const char *want = d->part[DV_PART_NAME], *const *listed = pm ? profiles : ticks;
	struct dv_machine *m = pm ? pm->machine : NULL;
	uint32_t base = pm ? dv_probe_base(pm, prov) : DV_ID_TICK;
	size_t count = pm ? DV_COUNT(profiles) : DV_COUNT(ticks);
	bool have = false;

	for (uint32_t i = 0; i < count; i++) {
		offer(set, d, base + i, listed[i], m);
		have |= !strcmp(listed[i], want);
	}
	for (size_t i = 0; i < set->ticks.count; i++) {
		if (set->ticks.data[i].machine != m)
			continue;
		offer(set, d, set->ticks.data[i].id, set->ticks.data[i].name, m);
		have |= !strcmp(set->ticks.data[i].name, want);
	}
	if (!have && !*d->part[DV_PART_MOD] && !*d->part[DV_PART_FUNC] && period(want, m ? "profile-" : "tick-")) {
		struct dv_probe *t = DV_PUSH(&set->ticks);

		t->id = set->next_id++;
		t->machine = m;
		t->name = dv_arena_strdup(&set->arena, want);
		offer(set, d, t->id, t->name, m);
	}
}

static const struct dv_type *arg_type(const struct dv_probe *p, uint32_t n, uint32_t *count, bool *known)
{
	// profile-N: the program counter in the kernel and in the program, one of them 0.
	*known = p->kind == DV_SITE_PROFILE;
	*count = *known ? 2 : 0;
	return n < *count ? dv_type_int(8, false) : NULL;
}

static const void *arg_group(const struct dv_probe *p)
{
	return NULL;
}

const struct dv_provider dv_prov_profile = {
	.name = "profile",
	.add = add,
	.provide = provide,
	.arg_type = arg_type,
	.arg_group = arg_group,
	.caps = DV_CAP_PROFILE,
	.own = true,
};
