/* SPDX-License-Identifier: GPL-2.0-or-later */
// Firings: clauses in order, records, faults and the ERROR clauses, drops, waiting for room.
#include <pthread.h>
#include <unistd.h>

#include "setup.h"

#define REC8    "r1 = 8\ncall rec\n"
#define RECI(n) "r1 = " n "\ncall reci\n"
#define END     "call recend\nr0 = 1\nexit"

static void fire(struct setup *s)
{
	dv_exec_fire(&s->x, &s->fake.place, &s->loaded->sites[0]);
}

static void test_clauses(void)
{
	static const char *const clauses[] = {REC8 RECI("7") END, "r1 = 16\ncall bi\nr6 = r0\n" REC8 "r1 = r6\ncall reci\n" END, NULL};
	const struct dv_record *r;
	struct setup s;

	setup_region(&s, 0, 4096);
	setup_load(&s, clauses, NULL);
	for (uint64_t n = 1; n <= 3; n++) {
		fire(&s);
		CHECK_EQ(s.x.prod->inflight, 0);
		r = take_record(&s);
		REQUIRE(r);
		CHECK_EQ(r->epid, 10);
		CHECK_EQ(r->seq, n);
		CHECK_EQ(r->kind, DV_REC_DATA);
		CHECK_EQ(r->cpu, 2);
		CHECK_EQ(r->size, sizeof(*r) + 8);
		CHECK_EQ(record_word(r, 0), 7);
		r = take_record(&s);
		REQUIRE(r);
		CHECK_EQ(r->epid, 11);
		CHECK_EQ(r->seq, n);
		CHECK_EQ(record_word(r, 0), n);
		CHECK(!take_record(&s));
	}
	((struct dv_region_hdr *)s.region)->halt = 1;
	fire(&s);
	CHECK(!take_record(&s));
	teardown(&s);
}

static void test_error(void)
{
	// The second statement faults: the record begun before it must not be seen.
	static const char *const clauses[] = {
		REC8 RECI("1") "r1 = 0x10000\nr2 = 0xbad\nr3 = 8\ncall rd\n" END, REC8 RECI("2") END, NULL,
	};
	static const char *const errors[] = {
		"r1 = 64\ncall rec\n"
		"r1 = 0\ncall arg\nr1 = r0\ncall reci\nr1 = 1\ncall arg\nr1 = r0\ncall reci\nr1 = 2\ncall arg\nr1 = r0\ncall reci\n"
		"r1 = 3\ncall arg\nr1 = r0\ncall reci\nr1 = 4\ncall arg\nr1 = r0\ncall reci\nr1 = 5\ncall arg\nr1 = r0\ncall reci\n"
		"r1 = 12\ncall bi\nr1 = r0\ncall reci\n" END,
		"r1 = 0\nr2 = 1\nr3 = 0\ncall div\nr0 = 1\nexit", // a fault in ERROR is counted
		"r1 = 32\ncall rec\nr1 = 66\ncall bis\nr1 = r0\ncall recs\nr1 = 69\ncall bis\nr1 = r0\ncall recs\n" END, NULL,
	};
	const struct dv_record *r;
	struct setup s;

	setup_region(&s, 0, 4096);
	setup_load(&s, clauses, errors);
	for (int n = 0; n < 2; n++) {
		fire(&s);
		r = take_record(&s);
		REQUIRE(r);
		CHECK_EQ(r->kind, DV_REC_ERROR);
		CHECK_EQ(r->epid, 10);
		CHECK_EQ(record_word(r, 0), DV_FAULT_BADADDR);
		CHECK_EQ(record_word(r, 1), 0xbad);
		CHECK_EQ(record_word(r, 2), 7);
		r = take_record(&s);
		REQUIRE(r);
		CHECK_EQ(r->kind, DV_REC_DATA);
		CHECK_EQ(r->epid, 12);
		CHECK_EQ(record_word(r, 0), 0);
		CHECK_EQ(record_word(r, 1), 10);
		CHECK_EQ(record_word(r, 2), 0);
		CHECK_EQ(record_word(r, 3), 7 * sizeof(struct dv_insn));
		CHECK_EQ(record_word(r, 4), DV_FAULT_BADADDR);
		CHECK_EQ(record_word(r, 5), 0xbad);
		CHECK_EQ(record_word(r, 6), 3);
		r = take_record(&s);
		REQUIRE(r);
		CHECK_EQ(r->epid, 14);
		CHECK(memcmp((const char *)(r + 1) + 4, "dtrace", 6) == 0);
		CHECK(memcmp((const char *)(r + 1) + 16 + 4, "ERROR", 5) == 0);
		r = take_record(&s); // the clause behind the one that faulted still runs
		REQUIRE(r);
		CHECK_EQ(r->epid, 11);
		CHECK_EQ(record_word(r, 0), 2);
		CHECK(!take_record(&s));
		CHECK_EQ(s.x.prod->drops[DV_DROP_ERROR], n + 1);
	}
	teardown(&s);
}

static void test_drop(void)
{
	// What comes behind a record without room does not happen.
	static const char *const clauses[] = {
		REC8 RECI("1") "r1 = 0x10008\nr2 = 0\nr3 = 1\nr4 = 0x18\ncall rmw\n" END, NULL,
	};
	struct setup s;
	uint64_t *global;

	setup_region(&s, 0, 4096);
	setup_load(&s, clauses, NULL);
	for (unsigned n = 0; n < 200; n++)
		fire(&s);
	CHECK_EQ(s.x.prod->drops[DV_DROP_BUFFER], 200 - 4096 / 32);
	global = (uint64_t *)((char *)s.region + GLOBAL);
	CHECK_EQ(*global, 4096 / 32);
	teardown(&s);
}

static bool give_up_after_three(void *ctx)
{
	return ++*(unsigned *)ctx < 3;
}
static bool nap(void *ctx)
{
	++*(unsigned *)ctx;
	usleep(100);
	return true;
}

static uint64_t taken, last_seq;
// As the consumer: takes only what is below the firing in flight.
static void *consumer(void *arg)
{
	struct setup *s = arg;
	struct dv_producer *p = s->x.prod;

	for (unsigned idle = 0; idle < 2000;) {
		uint64_t bound = __atomic_load_n(&p->inflight, __ATOMIC_SEQ_CST);
		uint64_t head = __atomic_load_n(&p->head, __ATOMIC_ACQUIRE), tail = p->tail;
		const struct dv_record *r;

		idle++;
		while (tail != head) {
			r = (const void *)((char *)s->region + p->ring_off + (tail & (p->ring_size - 1)));
			if (r->epid != DV_EPID_PAD) {
				if (bound && r->seq >= bound)
					break;
				if (r->seq != last_seq + 1)
					return (void *)"gap";
				last_seq = r->seq;
				taken++;
			}
			tail += r->size;
			__atomic_store_n(&p->tail, tail, __ATOMIC_RELEASE);
			idle = 0;
		}
		usleep(50);
	}
	return NULL;
}

static void test_block(void)
{
	static const char *const clauses[] = {"r1 = 200\ncall rec\n" RECI("1") END, NULL};
	struct setup s;
	unsigned waits = 0;
	pthread_t t;
	void *ret;

	setup_region(&s, DV_REGION_BLOCK, 4096);
	setup_load(&s, clauses, NULL);
	s.x.wait = nap;
	s.x.wait_ctx = &waits;
	taken = last_seq = 0;
	REQUIRE(pthread_create(&t, NULL, consumer, &s) == 0);
	for (unsigned n = 0; n < 5000; n++)
		fire(&s);
	pthread_join(t, &ret);
	CHECK(ret == NULL);
	CHECK_EQ(taken, 5000);
	CHECK_EQ(s.x.prod->drops[DV_DROP_BUFFER], 0);
	CHECK(waits > 0);

	// Nobody takes anything: the wait ends when the place says so, and when the session is halted.
	waits = 0;
	s.x.wait = give_up_after_three;
	for (unsigned n = 0; n < 4096 / 32 + 8 && !waits; n++)
		fire(&s);
	CHECK_EQ(waits, 3);
	CHECK_EQ(s.x.prod->drops[DV_DROP_BUFFER], 1);
	teardown(&s);
}

// A record that cannot fit is not waited for.
static void test_too_large(void)
{
	static const char *const clauses[] = {"r1 = 100000\ncall rec\n" END, NULL};
	struct setup s;
	unsigned waits = 0;

	setup_region(&s, DV_REGION_BLOCK, 4096);
	setup_load(&s, clauses, NULL);
	s.x.wait = give_up_after_three;
	s.x.wait_ctx = &waits;
	fire(&s);
	CHECK_EQ(waits, 0);
	CHECK_EQ(s.x.prod->drops[DV_DROP_BUFFER], 1);
	teardown(&s);
}

static void test_init(void)
{
	static const char *const clauses[] = {"r0 = 1\nexit", NULL};
	struct dv_exec x;
	const char *why = NULL;
	struct setup s;

	setup_region(&s, 0, 4096);
	setup_load(&s, clauses, NULL);
	CHECK(!dv_exec_init(&x, s.region, s.size, 2, s.loaded, &why) && why);
	why = NULL;
	CHECK(!dv_exec_init(&x, s.region, s.size, 2, NULL, &why) && why);
	CHECK(dv_exec_init(&x, s.region, s.size, 1, s.loaded, &why));
	CHECK_EQ(x.cpu, 3);
	why = NULL;
	((struct dv_region_hdr *)s.region)->magic = 1;
	CHECK(!dv_exec_init(&x, s.region, s.size, 1, s.loaded, &why) && why);
	teardown(&s);
}

int main(void)
{
	test_clauses();
	test_error();
	test_drop();
	test_block();
	test_too_large();
	test_init();
	return test_done();
}
