// SPDX-License-Identifier: GPL-2.0-or-later
//
// The state region of a session: its sizes from the options and from what the clauses need, with room to spare for
// machines that come later.
//
// It is a memfd, where memory that nobody touches costs nothing. When the host's kernel runs clauses it is what that
// machine brings (a BPF array): all of it is the kernel's own memory from the beginning, so room to spare is small, and
// buffers are made smaller when they do not fit, as dtrace does.
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

/* The region as a BPF array: how much without being asked, at most; spare producers, at least; smallest buffers. */
#define DENSE_LIMIT    (256ull << 20)
#define DENSE_MAX      (512ull << 20)
#define DENSE_LEAST    (4ull << 20)
#define DENSE_SPARE    4u
#define DENSE_RING_MIN (64u << 10)
#define DENSE_AGG_MIN  (16u << 10)
#define DENSE_STR_MAX  1024u /* of the kernel's build of src/state (DV_STR_MAX) */
#define LEVEL_RING_MIN (64u << 10)
#define LEVEL_AGG_MIN  (32u << 10)

static uint32_t round8(uint64_t n)
{
	return (uint32_t)((n + 7) & ~7ULL);
}

struct dv_region_hdr *dv_tracer_hdr(struct dv_tracer *t)
{
	return t->region;
}

static uint32_t producers(const struct dv_tmachine *tm)
{
	return (tm->m->vcpu_max ? tm->m->vcpu_max : 1) * dv_tmachine_levels(tm);
}

// The host's kernel runs clauses, of its own probes or of guests': its programs need the region in memory of their own kind.
// The first machine that brings it; NULL: none need.
static struct dv_machine *giver(const struct dv_tracer *t)
{
	const struct dv_tmachine *tm;

	DV_EACH_MACHINE(t, tm)
		if (tm->plans.count && tm->m->ops->region)
			return tm->m;
	return NULL;
}

static bool is_dense(const struct dv_tracer *t)
{
	return giver(t) != NULL;
}

// Producers in the order of the machines; the first is dvirt's own.
void dv_region_assign(struct dv_tracer *t)
{
	uint32_t prods = 1;
	struct dv_tmachine *tm;

	t->own->prod = 0;
	t->own->prod_count = 1;
	DV_EACH_MACHINE(t, tm) {
		// The host's kernel may be open for its types only. Elsewhere a kernel that comes later may have probes.
		if (!tm->plans.count && (!tm->index || is_dense(t)))
			continue;
		tm->prod = prods;
		tm->prod_count = producers(tm);
		if (tm->prod_count > DV_PROD_MAX - prods) {
			// One machine that says it has hundreds must not keep the others from being traced.
			dv_tracer_say(t, "machine '%s' is not traced: it has %u CPUs, there is room for %u more",
				      tm->name, tm->m->vcpu_max, (DV_PROD_MAX - prods) / dv_tmachine_levels(tm));
			tm->plans.count = tm->errors.count = tm->prod_count = 0;
			tm->refused = true;
			continue;
		}
		prods += tm->prod_count;
	}
	t->prod_used = prods;
}

static void name_producers(struct dv_tracer *t, const struct dv_tmachine *tm)
{
	for (uint32_t k = 0; k < tm->prod_count; k++) {
		struct dv_producer *p = dv_region_producer(t->region, t->region_size, tm->prod + k);

		if (p) {
			p->machine = tm->index;
			p->cpu = k / dv_tmachine_levels(tm);
		}
	}
}

// Producers for a machine that came later.
struct dv_error *dv_region_place(struct dv_tracer *t, struct dv_tmachine *tm)
{
	uint32_t want = producers(tm);

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

/* -- sizes -------------------------------------------------------------------------------------------------------- */

// All but the number of producers, which is the least.
static struct dv_error *configure(struct dv_tracer *t, struct dv_region_config *c)
{
	static const uint32_t flags[] = {[DV_OPT_BLOCK] = DV_REGION_BLOCK, [DV_OPT_FILL] = DV_REGION_FILL,
					 [DV_OPT_RING] = DV_REGION_RING};
	uint32_t key, val, consts;

	// Names of machines are constants too; the images' strings were made by the caller.
	dv_consts_data(t->consts, &consts);
	dv_script_dyn_sizes(t->script, (uint32_t)t->opts.strsize, &key, &val);
	c->strsize = (uint32_t)t->opts.strsize;
	c->globals_size = DV_CONSTS_OFF - DV_GLOBALS_OFF;
	t->consts_room = c->consts_size = round8((uint64_t)consts + CONSTS_SPARE);
	t->key_room = c->dyn_key_size = round8(key > KEY_ROOM ? key : KEY_ROOM);
	t->val_room = c->dyn_val_size = round8(val > VAL_ROOM ? val : VAL_ROOM);
	if (t->key_room > DV_KEY_MAX)
		return dv_error_hint(dv_error_create(DV_ERR_LIMIT, "keys of %u bytes are too large, the limit is %u",
						     t->key_room, DV_KEY_MAX),
				     "set a smaller -x strsize");
	c->dyn_count = (uint32_t)(t->opts.dynvarsize / (16 + c->dyn_key_size + c->dyn_val_size));
	if (c->dyn_count < 16)
		c->dyn_count = 16;
	c->prod_count = t->prod_used;
	c->ring_size = (uint32_t)t->opts.bufsize;
	c->agg_size = round8(t->opts.aggsize);
	c->scratch_size = round8(t->opts.scratchsize);
	t->this_room = c->this_size = round8(dv_script_this_size(t->script) + THIS_SPARE);
	c->spec_count = (uint32_t)t->opts.nspec;
	c->spec_size = (uint32_t)t->opts.specsize;
	c->only_cpu = t->opts.cpu == UINT64_MAX ? 0 : (uint32_t)t->opts.cpu + 1;
	c->flags = flags[t->opts.policy];
	c->machine_max = DV_MACH_MAX;
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		c->seed = (uint32_t)dv_now();
	return NULL;
}

static uint32_t part(uint64_t size, uint32_t of, uint32_t least)
{
	uint64_t n = size / of;

	return (uint32_t)(n >= least ? n : size < least ? size : least);
}

// Sizes of all producers that there may be: what fires inside a clause of its own CPU does so rarely.
static void size_producers(const struct dv_tracer *t, const struct dv_region_config *c, struct dv_producer_size *sizes)
{
	const struct dv_tmachine *tm;

	memset(sizes, 0, DV_PROD_MAX * sizeof(*sizes));
	DV_EACH_MACHINE(t, tm) {
		uint32_t levels = dv_tmachine_levels(tm);

		for (uint32_t k = 0; k < tm->prod_count; k++)
			if (k % levels)
				sizes[tm->prod + k] =
				    (struct dv_producer_size){part(c->ring_size, 8, LEVEL_RING_MIN),
							      part(c->agg_size, 4, LEVEL_AGG_MIN)};
	}
}

// Room for machines that come later costs nothing while it is not touched.
static uint64_t plan_sparse(struct dv_region_config *c)
{
	uint32_t least = c->prod_count;
	uint64_t size;

	c->prod_count = least + DV_SPARE_PRODUCERS < DV_PROD_MAX ? least + DV_SPARE_PRODUCERS : DV_PROD_MAX;
	size = dv_region_size(c);
	if (!size) { // give up the spare places first
		c->prod_count = least;
		size = dv_region_size(c);
	}
	return size;
}

// Here every byte costs. Buffers are halved until all fits into @p limit; the room up to the power of two is for
// machines that come later.
static uint64_t plan_dense(const struct dv_tracer *t, struct dv_region_config *c, struct dv_producer_size *sizes,
			   uint64_t limit)
{
	uint32_t least = c->prod_count;
	uint64_t size, more;

	for (;;) {
		c->prod_count = least + DENSE_SPARE < DV_PROD_MAX ? least + DENSE_SPARE : DV_PROD_MAX;
		size_producers(t, c, sizes);
		size = dv_region_size(c);
		if (size && size <= limit)
			break;
		if (t->opts.manual || (c->ring_size <= DENSE_RING_MIN && c->agg_size <= DENSE_AGG_MIN))
			return 0;
		if (c->ring_size > DENSE_RING_MIN)
			c->ring_size /= 2;
		if (c->agg_size > DENSE_AGG_MIN)
			c->agg_size = round8(c->agg_size / 2);
	}
	do {
		if (++c->prod_count > DV_PROD_MAX || c->prod_count > least + DV_SPARE_PRODUCERS)
			break;
		more = dv_region_size(c);
	} while (more == size);
	c->prod_count--;
	return size;
}

/* -- making it ---------------------------------------------------------------------------------------------------- */

static struct dv_error *make_sparse(struct dv_tracer *t, uint64_t size)
{
	t->region_fd = memfd_create("dvirt-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->region_fd < 0)
		return dv_error_sys(errno, "cannot make the state region");
	if (ftruncate(t->region_fd, (off_t)size) < 0)
		return dv_error_sys(errno, "cannot make the state region of %llu bytes", (unsigned long long)size);
	if (fcntl(t->region_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return dv_error_sys(errno, "cannot seal the state region");
	t->region_mapped = size;
	return NULL;
}

static struct dv_error *make_dense(struct dv_tracer *t, struct dv_region_config *c, struct dv_producer_size *sizes,
				   uint64_t *size)
{
	struct dv_machine *host = giver(t);
	uint64_t limit = t->opts.statesize ? t->opts.statesize : DENSE_LIMIT;
	const uint32_t ring = c->ring_size, agg = c->agg_size, least = c->prod_count;
	struct dv_error *e;

	if (c->strsize > DENSE_STR_MAX)
		return dv_error_hint(dv_error_create(DV_ERR_LIMIT, "strings of %u bytes are too long for programs of the "
						     "kernel, the limit is %u", c->strsize, DENSE_STR_MAX),
				     "set a smaller -x strsize, or trace guests only, with -M");
	if (limit > DENSE_MAX)
		limit = DENSE_MAX;
	c->sizes = sizes;
	for (;;) {
		c->prod_count = least;
		*size = plan_dense(t, c, sizes, limit);
		if (!*size)
			return dv_error_hint(
			    dv_error_create(DV_ERR_LIMIT, "the state does not fit into %llu MiB of the kernel's memory",
					    (unsigned long long)limit >> 20),
			    "set smaller -x bufsize, aggsize or dynvarsize, or up to 512m with -x statesize, or trace fewer machines");
		e = host->ops->region(host, *size, &t->region_fd, &t->region_mapped);
		if (!e)
			break;
		// The kernel may not have so much in one piece, or for this user.
		if (e->code != DV_ERR_NOMEM && (e->code != DV_ERR_SYS || (e->sys_errno != ENOMEM && e->sys_errno != E2BIG)))
			return e;
		limit = *size / 2;
		if (limit < DENSE_LEAST)
			return e;
		dv_error_destroy(e);
	}
	if (c->ring_size < ring && !t->opts.quietresize)
		dv_tracer_say(t, "buffer size lowered to %uk", c->ring_size >> 10);
	if (c->agg_size < agg && !t->opts.quietresize)
		dv_tracer_say(t, "aggregation size lowered to %uk", c->agg_size >> 10);
	return t->region_mapped >= *size ? NULL : dv_error_create(DV_ERR_OTHER, "the state region came too small");
}

// Does the session make sense without those whose clauses the host's kernel runs?
static bool others(const struct dv_tracer *t)
{
	const struct dv_tmachine *tm;

	DV_EACH_MACHINE(t, tm)
		if (!tm->m->ops->region && tm->plans.count)
			return true;
	return false;
}

static void leave_out(struct dv_tracer *t)
{
	struct dv_tmachine *tm;

	DV_EACH_MACHINE(t, tm) {
		if (!tm->m->ops->region)
			continue;
		tm->plans.count = tm->errors.count = 0;
		tm->refused = true;
	}
}

struct dv_error *dv_region_create(struct dv_tracer *t)
{
	struct dv_tmachine *tm;
	DV_FREE struct dv_producer_size *sizes = dv_xcalloc(DV_PROD_MAX, sizeof(*sizes));
	struct dv_region_config c = {0};
	struct dv_error *e = configure(t, &c);
	uint64_t size = 0;

	if (e)
		return e;
	if (is_dense(t)) {
		struct dv_region_config dense = c;

		e = make_dense(t, &dense, sizes, &size);
		if (!e) {
			c = dense;
		} else {
			e = dv_error_wrap(e, "machine '%s' is not traced", giver(t)->name);
			if (!others(t))
				return e;
			dv_tracer_say_error(t, "error", e);
			leave_out(t);
			dv_region_destroy(t);
		}
	}
	if (!is_dense(t)) {
		size = plan_sparse(&c);
		if (!size)
			return dv_error_hint(
			    dv_error_create(DV_ERR_LIMIT, "the state region would be larger than 2 GiB"),
			    "set smaller -x bufsize, aggsize or dynvarsize");
		if (t->opts.statesize && size > t->opts.statesize)
			return dv_error_hint(
			    dv_error_create(DV_ERR_LIMIT,
					    "state region too small: -x statesize allows %llu bytes, %llu are needed",
					    (unsigned long long)t->opts.statesize, (unsigned long long)size),
			    "make statesize larger, or bufsize, aggsize or dynvarsize smaller");
		e = make_sparse(t, size);
		if (e)
			return e;
	}
	t->region = mmap(NULL, t->region_mapped, PROT_READ | PROT_WRITE, MAP_SHARED, t->region_fd, 0);
	if (t->region == MAP_FAILED) {
		t->region = NULL;
		return dv_error_sys(errno, "cannot map the state region of %llu bytes", (unsigned long long)size);
	}
	t->region_size = size;
	t->prod_total = c.prod_count;
	dv_region_init(t->region, size, &c);
	name_producers(t, t->own);
	DV_EACH_MACHINE(t, tm) {
		name_producers(t, tm);
		dv_region_threads(t, tm);
	}
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

void dv_region_threads(struct dv_tracer *t, struct dv_tmachine *tm)
{
	const struct dv_machine *m = tm->m;

	if (!tm->index || (!tm->gone && tm->tids_told == m->tids_told + 1))
		return;
	dv_region_unserve(t->region, t->region_size, tm->index);
	tm->tids_told = 0;
	if (tm->gone || m->pid <= 0)
		return;
	tm->tids_told = m->tids_told + 1;
	dv_region_serve(t->region, t->region_size, (uint32_t)m->pid, tm->index, -1);
	for (uint32_t i = 0; i < m->tid_count; i++) {
		bool shared = false;

		// One thread may run all virtual CPUs in turn.
		for (uint32_t k = 0; k < m->tid_count && m->tid_count <= 64; k++)
			shared |= k != i && m->tids[k] == m->tids[i];
		if (m->tids[i] > 0 && m->tids[i] != m->pid)
			dv_region_serve(t->region, t->region_size, (uint32_t)m->tids[i], tm->index,
					shared ? -1 : (int)i);
	}
}

void dv_region_destroy(struct dv_tracer *t)
{
	if (t->region)
		munmap(t->region, t->region_mapped);
	t->region = NULL;
	if (t->region_fd >= 0)
		close(t->region_fd);
	t->region_fd = -1;
}
