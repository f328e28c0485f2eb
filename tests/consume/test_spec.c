// SPDX-License-Identifier: GPL-2.0-or-later
// Speculations from the producers to the consumer; and the policies under which nobody reads before the end.
#include "consume/consume.h"
#include "tests/state/region.h"

static struct region r;
static struct dv_st st[4];
static struct dv_consumer *c;

static struct {
	uint64_t seq, value;
	uint32_t epid, producer, next;
} seen[64];
static size_t count, stop_after;

static bool on_event(void *ctx, const struct dv_event *e)
{
	struct dv_cursor cur = e->data;
	struct dv_value v = {0};

	(void)ctx;
	CHECK_EQ(e->rec->kind, DV_REC_DATA);
	if (e->rec->epid == 7) // speculated: the speculation comes first
		CHECK(dv_cursor_int(&cur, &v));
	CHECK(dv_cursor_int(&cur, &v));
	if (count < 64) {
		seen[count].seq = e->rec->seq;
		seen[count].epid = e->rec->epid;
		seen[count].producer = e->producer;
		seen[count].next = e->next_epid;
		seen[count].value = v.i;
	}
	count++;
	return !stop_after || count < stop_after;
}

static size_t consume(bool final)
{
	count = 0;
	return dv_consume(c, final, on_event, NULL);
}

static void setup(uint32_t flags)
{
	struct dv_region_config cfg = region_defaults;

	cfg.flags = flags;
	cfg.ring_size = 4096;
	r = region_make(&cfg);
	for (uint32_t i = 0; i < 4; i++) {
		st[i] = region_st(&r, i);
		region_prod(&r, i)->cpu = i;
	}
	c = dv_consumer_create(r.base, r.size);
	REQUIRE(c != NULL);
}

static void done(void)
{
	dv_consumer_destroy(c);
	region_free(&r);
}

// A clause that speculates a value; false: it could not. Its firing stays open with @p open.
static bool speculate(uint32_t prod, uint64_t id, uint64_t value, bool open)
{
	bool ok;

	REQUIRE(dv_st_begin(&st[prod]));
	dv_st_rec(&st[prod], 16);
	dv_st_reci(&st[prod], 0); // the speculation gets here
	ok = dv_st_specul(&st[prod], id);
	if (ok) {
		dv_st_reci(&st[prod], value);
		dv_st_recend(&st[prod], 7, DV_REC_DATA);
	}
	if (!open)
		dv_st_end(&st[prod]);
	return ok;
}

static uint64_t commit(uint32_t prod, uint64_t id)
{
	uint64_t seq = dv_st_begin(&st[prod]);

	dv_st_commit(&st[prod], id);
	dv_st_end(&st[prod]);
	return seq;
}

static uint64_t plain(uint32_t prod, uint64_t value)
{
	uint64_t seq = dv_st_begin(&st[prod]);

	dv_st_rec(&st[prod], 8);
	dv_st_reci(&st[prod], value);
	dv_st_recend(&st[prod], 9, DV_REC_DATA);
	dv_st_end(&st[prod]);
	return seq;
}

// Filled by two producers, committed by a third: in their order, in the commit's place.
static void test_commit(void)
{
	uint64_t id, at;

	setup(0);
	REQUIRE(dv_st_begin(&st[0]));
	id = dv_st_spec(&st[0]);
	dv_st_end(&st[0]);
	CHECK_EQ(id, 1);
	CHECK(speculate(1, id, 100, false));
	plain(0, 1);
	CHECK(speculate(0, id, 101, false));
	CHECK(speculate(1, id, 102, false));
	CHECK_EQ(consume(false), 1);
	CHECK_EQ(seen[0].value, 1);
	plain(0, 2);
	at = commit(2, id);
	plain(0, 3);
	CHECK_EQ(consume(false), 5);
	CHECK(seen[0].value == 2 && seen[4].value == 3);
	for (int i = 1; i < 4; i++)
		CHECK(seen[i].value == 99u + (uint64_t)i && seen[i].seq == at && seen[i].epid == 7);
	CHECK(seen[1].producer == 1 && seen[2].producer == 0 && seen[3].producer == 1);
	CHECK(seen[1].next == 7 && seen[3].next == 0);
	// It is over: nothing more goes into it, and a second commit does nothing.
	CHECK(!speculate(1, id, 103, false));
	commit(2, id);
	CHECK_EQ(consume(false), 0);
	CHECK_EQ(dv_consumer_spoilt(c), 0);
	done();
}

// The next use of the number has its own records, also when the old one's commit is read later than its first.
static void test_reuse(void)
{
	uint64_t id;

	setup(0);
	REQUIRE(dv_st_begin(&st[3])); // takes the smaller number, and its time
	REQUIRE(dv_st_begin(&st[0]));
	id = dv_st_spec(&st[0]);
	dv_st_end(&st[0]);
	CHECK(speculate(1, id, 1, false));
	commit(0, id);
	CHECK_EQ(dv_st_spec(&st[3]), id);
	dv_st_rec(&st[3], 16);
	dv_st_reci(&st[3], 0); // the speculation gets here
	CHECK(dv_st_specul(&st[3], id));
	dv_st_reci(&st[3], 2);
	dv_st_recend(&st[3], 7, DV_REC_DATA);
	CHECK_EQ(consume(false), 0);
	dv_st_end(&st[3]);
	CHECK_EQ(consume(false), 1);
	CHECK_EQ(seen[0].value, 1);
	commit(2, id);
	CHECK_EQ(consume(false), 1);
	CHECK_EQ(seen[0].value, 2);
	done();
}

// What was discarded is forgotten, and never comes.
static void test_discard(void)
{
	uint64_t id;

	setup(0);
	for (uint64_t i = 0; i < 1000; i++) {
		REQUIRE(dv_st_begin(&st[0]));
		id = dv_st_spec(&st[0]);
		dv_st_end(&st[0]);
		CHECK_EQ(id, 1);
		CHECK(speculate(1, id, i, false));
		REQUIRE(dv_st_begin(&st[0]));
		dv_st_discard(&st[0], id);
		dv_st_end(&st[0]);
		CHECK_EQ(consume(false), 0);
	}
	CHECK_EQ(consume(true), 0);
	CHECK_EQ(dv_consumer_spoilt(c), 0);
	// All in use; then none is left.
	REQUIRE(dv_st_begin(&st[0]));
	for (uint64_t i = 1; i <= 4; i++)
		CHECK_EQ(dv_st_spec(&st[0]), i);
	CHECK_EQ(dv_st_spec(&st[0]), 0);
	CHECK_EQ(region_prod(&r, 0)->drops[DV_DROP_NOSPEC], 1);
	dv_st_commit(&st[0], 5);
	CHECK_EQ(region_prod(&r, 0)->fault, DV_FAULT_ILLOP);
	dv_st_end(&st[0]);
	done();
}

static void test_full(void)
{
	uint64_t id, n = 0;

	setup(0);
	REQUIRE(dv_st_begin(&st[0]));
	id = dv_st_spec(&st[0]);
	dv_st_end(&st[0]);
	while (speculate(1, id, n, false)) {
		n++;
		consume(false); // what is kept back leaves the ring
	}
	CHECK_EQ(n, 1024 / 40);
	CHECK_EQ(region_prod(&r, 1)->drops[DV_DROP_SPEC], 1);
	CHECK(speculate(0, id, n, false)); // another producer has room of its own
	stop_after = 3;
	commit(0, id);
	CHECK_EQ(consume(false), 3); // as at an exit()
	stop_after = 0;
	done();
}

// Records that no producer of ours writes.
static void test_hostile(void)
{
	setup(0);
	for (uint64_t name = 0; name < 3; name++) {
		REQUIRE(dv_st_begin(&st[0]));
		dv_st_rec(&st[0], 8);
		dv_st_reci(&st[0], name == 2 ? 1ULL << 40 | 77 : name * 100000);
		dv_st_recend(&st[0], 1, name == 2 ? DV_REC_COMMIT : DV_REC_SPEC);
		dv_st_end(&st[0]);
	}
	REQUIRE(dv_st_begin(&st[0]));
	dv_st_rec(&st[0], 0);
	dv_st_recend(&st[0], 1, DV_REC_SPEC); // without a name
	dv_st_end(&st[0]);
	CHECK_EQ(consume(false), 0);
	CHECK_EQ(dv_consumer_spoilt(c), 3);
	// Ever new names are bounded.
	for (uint64_t i = 0; i < 5000; i++) {
		REQUIRE(dv_st_begin(&st[0]));
		dv_st_rec(&st[0], 8);
		dv_st_reci(&st[0], (i << 32) | 1);
		dv_st_recend(&st[0], 1, DV_REC_SPEC);
		dv_st_end(&st[0]);
		if (i % 64 == 0)
			CHECK_EQ(consume(false), 0);
	}
	done();
}

static void test_ring(void)
{
	uint64_t i;

	setup(DV_REGION_RING);
	for (i = 0; i < 1000; i++)
		plain(0, i);
	plain(1, 1000);
	CHECK_EQ(region_prod(&r, 0)->drops[DV_DROP_BUFFER], 0);
	CHECK_EQ(consume(true), 4096 / 32 + 1);
	CHECK_EQ(seen[0].value, 1000 - 4096 / 32);
	REQUIRE(dv_st_begin(&st[0]));
	dv_st_exit(&st[0]);
	dv_st_end(&st[0]);
	CHECK_EQ(dv_st_begin(&st[1]), 0);
	done();
	// A ring that was scribbled over.
	setup(DV_REGION_RING);
	for (i = 0; i < 1000; i++) {
		plain(0, i);
		*(uint64_t *)(r.base + region_prod(&r, 0)->ring_off + i * 40 % 4096) = i * 0x9e3779b97f4a7c15;
	}
	consume(true);
	done();
}

static void test_fill(void)
{
	uint64_t i;

	setup(DV_REGION_FILL);
	for (i = 0; i < 1000 && dv_st_begin(&st[0]); i++) {
		dv_st_rec(&st[0], 8);
		dv_st_reci(&st[0], i);
		dv_st_recend(&st[0], 9, DV_REC_DATA);
		dv_st_end(&st[0]);
	}
	CHECK_EQ(i, 4096 / 32 + 1);
	CHECK_EQ(region_prod(&r, 0)->drops[DV_DROP_BUFFER], 0);
	CHECK_EQ(consume(true), 4096 / 32);
	CHECK_EQ(seen[0].value, 0);
	done();
}

int main(void)
{
	test_commit();
	test_reuse();
	test_discard();
	test_full();
	test_hostile();
	test_ring();
	test_fill();
	return test_done();
}
