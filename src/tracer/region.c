// SPDX-License-Identifier: GPL-2.0-or-later
//
// The state region of a session: its sizes from the options and from what the clauses need, with room to spare for
// machines that come later. Memory that nobody touches costs nothing: the descriptor is sparse.
#include "tracer/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define CONSTS_SPARE (1u << 20)
#define THIS_SPARE 1024u
#define KEY_ROOM 128u
#define VAL_ROOM 64u

static uint32_t round8(uint64_t n)
{
	return (uint32_t)((n + 7) & ~7ULL);
}

struct dv_region_hdr *dv_tracer_hdr(struct dv_tracer *t)
{
	return t->region;
}

// Producers in the order of the machines; the first is dvirt's own.
struct dv_error *dv_region_assign(struct dv_tracer *t)
{
	uint32_t prods = 1;

	for (size_t i = 1; i < t->machines.count; i++) {
		struct dv_tmachine *tm = t->machines.data[i];

		tm->prod = prods;
		tm->prod_count = tm->m->vcpu_max ? tm->m->vcpu_max : 1;
		if (tm->prod_count > DV_PROD_MAX - prods) {
			// One machine that says it has hundreds must not keep the others from being traced.
			dv_tracer_say(t, "machine '%s' is not traced: it has %u virtual CPUs, there is room for %u more",
				      tm->name, tm->prod_count, DV_PROD_MAX - prods);
			tm->plans.count = tm->errors.count = tm->prod_count = 0;
			tm->refused = true;
			continue;
		}
		prods += tm->prod_count;
	}
	t->machines.data[0]->prod = 0;
	t->machines.data[0]->prod_count = 1;
	t->prod_used = prods;
	return NULL;
}

static void name_producers(struct dv_tracer *t, const struct dv_tmachine *tm)
{
	for (uint32_t k = 0; k < tm->prod_count; k++) {
		struct dv_producer *p = dv_region_producer(t->region, t->region_size, tm->prod + k);

		if (p) {
			p->machine = tm->index;
			p->cpu = k;
		}
	}
}

// Producers for a machine that came later.
struct dv_error *dv_region_place(struct dv_tracer *t, struct dv_tmachine *tm)
{
	uint32_t want = tm->m->vcpu_max ? tm->m->vcpu_max : 1;

	if (tm->prod_count >= want)
		return NULL;
	if (want > t->prod_total - t->prod_used)
		return dv_error_create(DV_ERR_LIMIT, "this session has room for %u more virtual CPUs, it has %u",
				       t->prod_total - t->prod_used, want);
	tm->prod = t->prod_used;
	tm->prod_count = want;
	t->prod_used += want;
	name_producers(t, tm);
	return NULL;
}

struct dv_error *dv_region_create(struct dv_tracer *t)
{
	struct dv_region_config c = {0};
	uint32_t key, val, consts, prods = t->prod_used;
	uint64_t size;

	// Names of machines are constants too; the images' strings were made by the caller.
	dv_consts_data(t->consts, &consts);
	dv_script_dyn_sizes(t->script, (uint32_t)t->opts.strsize, &key, &val);
	c.strsize = (uint32_t)t->opts.strsize;
	c.globals_size = DV_CONSTS_OFF - DV_GLOBALS_OFF;
	t->consts_room = c.consts_size = round8((uint64_t)consts + CONSTS_SPARE);
	t->key_room = c.dyn_key_size = round8(key > KEY_ROOM ? key : KEY_ROOM);
	t->val_room = c.dyn_val_size = round8(val > VAL_ROOM ? val : VAL_ROOM);
	if (t->key_room > DV_KEY_MAX)
		return dv_error_hint(dv_error_create(DV_ERR_LIMIT, "keys of %u bytes are too large, the limit is %u",
						     t->key_room, DV_KEY_MAX),
				     "set a smaller -x strsize");
	c.dyn_count = (uint32_t)(t->opts.dynvarsize / (16 + c.dyn_key_size + c.dyn_val_size));
	if (c.dyn_count < 16)
		c.dyn_count = 16;
	c.prod_count = prods + DV_SPARE_PRODUCERS < DV_PROD_MAX ? prods + DV_SPARE_PRODUCERS : DV_PROD_MAX;
	c.ring_size = (uint32_t)t->opts.bufsize;
	c.agg_size = round8(t->opts.aggsize);
	c.scratch_size = round8(t->opts.scratchsize);
	t->this_room = c.this_size = round8(dv_script_this_size(t->script) + THIS_SPARE);
	c.flags = t->opts.block ? DV_REGION_BLOCK : 0;
	c.machine_max = DV_MACH_MAX;
	if (getrandom(&c.seed, sizeof(c.seed), 0) != sizeof(c.seed))
		c.seed = (uint32_t)dv_now();

	size = dv_region_size(&c);
	while (!size && c.prod_count > prods) { // give up the spare places first
		c.prod_count = prods;
		size = dv_region_size(&c);
	}
	if (!size)
		return dv_error_hint(dv_error_create(DV_ERR_LIMIT, "the state region would be larger than 2 GiB"),
				     "set smaller -x bufsize, aggsize or dynvarsize");
	if (t->opts.statesize && size > t->opts.statesize)
		return dv_error_hint(
		    dv_error_create(DV_ERR_LIMIT,
				    "state region too small: -x statesize allows %llu bytes, %llu are needed",
				    (unsigned long long)t->opts.statesize, (unsigned long long)size),
		    "make statesize larger, or bufsize, aggsize or dynvarsize smaller");
	t->region_fd = memfd_create("dvirt-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->region_fd < 0)
		return dv_error_sys(errno, "cannot make the state region");
	if (ftruncate(t->region_fd, (off_t)size) < 0)
		return dv_error_sys(errno, "cannot make the state region of %llu bytes", (unsigned long long)size);
	if (fcntl(t->region_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return dv_error_sys(errno, "cannot seal the state region");
	t->region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, t->region_fd, 0);
	if (t->region == MAP_FAILED) {
		t->region = NULL;
		return dv_error_sys(errno, "cannot map the state region of %llu bytes", (unsigned long long)size);
	}
	t->region_size = size;
	t->prod_total = c.prod_count;
	dv_region_init(t->region, size, &c);
	for (size_t i = 0; i < t->machines.count; i++)
		name_producers(t, t->machines.data[i]);
	return dv_region_update(t);
}

struct dv_error *dv_region_update(struct dv_tracer *t)
{
	struct dv_region_hdr *h = t->region;
	uint32_t key, val, consts, aggs = dv_script_agg_count(t->script);
	const void *data;

	dv_script_dyn_sizes(t->script, (uint32_t)t->opts.strsize, &key, &val);
	if (aggs > DV_AGGS_MAX)
		return dv_error_create(DV_ERR_LIMIT, "%u aggregations are too many, the limit is %u", aggs,
				       DV_AGGS_MAX);
	if (dv_script_globals_end(t->script) > DV_CONSTS_OFF)
		return dv_error_create(DV_ERR_LIMIT, "the global variables need %u bytes, there is room for %u",
				       dv_script_globals_end(t->script) - DV_GLOBALS_OFF,
				       DV_CONSTS_OFF - DV_GLOBALS_OFF);
	if (dv_script_this_size(t->script) > t->this_room || key > t->key_room || val > t->val_room)
		return dv_error_create(DV_ERR_LIMIT,
				       "its clauses need more room for variables than the session has set aside");
	// Each firing zeroes its clause-locals: only what the script has, not all the room.
	for (uint32_t i = 0; i < t->prod_total; i++) {
		struct dv_producer *p = dv_region_producer(t->region, t->region_size, i);

		if (p)
			__atomic_store_n(&p->this_size, round8(dv_script_this_size(t->script)), __ATOMIC_RELEASE);
	}
	for (size_t i = 0; i < t->machines.count; i++) {
		struct dv_tmachine *tm = t->machines.data[i];

		h->machines[i].universe = tm->universe;
		h->machines[i].name = dv_consts_intern(t->consts, tm->name, strlen(tm->name));
		__atomic_store_n(&h->machines[i].live, !tm->gone && !tm->waiting, __ATOMIC_RELEASE);
	}
	data = dv_consts_data(t->consts, &consts);
	// Against our own number: the one in the region may have been overwritten.
	if (consts > t->consts_room)
		return dv_error_create(DV_ERR_LIMIT, "the constants need %u bytes, there is room for %u", consts,
				       t->consts_room);
	memcpy((char *)t->region + DV_CONSTS_OFF, data, consts);
	for (uint32_t i = 0; i < aggs; i++)
		h->aggs[i] = dv_script_agg(t->script, i)->desc;
	__atomic_store_n(&h->agg_count, aggs, __ATOMIC_RELEASE);
	return NULL;
}

void dv_region_destroy(struct dv_tracer *t)
{
	if (t->region)
		munmap(t->region, t->region_size);
	t->region = NULL;
	if (t->region_fd >= 0)
		close(t->region_fd);
	t->region_fd = -1;
}
