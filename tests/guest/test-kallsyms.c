/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "lib/test.h"
#include "synth.h"

#define BASE 0xffffffff9a000000ULL
#define IMG  (8u << 20)
#define N    1500

static struct synth_sym syms[N];
static char names[N][300];

static void make_symbols(bool percpu)
{
	for (unsigned i = 0; i < N; i++) {
		if (i == 700) {
			// Longer than one byte's length can say.
			memset(names[i], 'q', 250);
			names[i][0] = 't';
			names[i][250] = 0;
		} else if (i % 100 == 3) {
			snprintf(names[i], sizeof(names[i]), "d__func__.0"); // many of one name
		} else {
			snprintf(names[i], sizeof(names[i]), "%c%s%u", "TtDdBbRr"[i % 8],
				 i & 1 ? "tcp_read_" : "__alloc_str", i);
		}
		syms[i].name = names[i];
		// Two at one address now and then.
		syms[i].addr = BASE + (i - (i % 10 == 1)) * 64ULL;
	}
	for (unsigned i = 0; percpu && i < 100; i++)
		syms[i].addr = i * 16;
}

static void make(struct buf *b, enum synth_order order, enum dv_kallsyms_mode mode)
{
	make_symbols(mode == DV_KALLSYMS_PERCPU);
	// Things that look right at first stand before.
	put(b, "rodata", 6);
	put(b, "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\000:", 22);
	for (unsigned i = 0; i < 3000; i++)
		put32(b, i * 2654435761u);
	synth_kallsyms(b, syms, N, order, mode, BASE);
	put(b, NULL, 4000);
}

static void round_trip(enum synth_order order, enum dv_kallsyms_mode mode)
{
	struct dv_kallsyms_loc loc;
	struct dv_symtab t = {0};
	struct buf b = {0};
	struct dv_error *e;
	uint64_t lo, hi;

	make(&b, order, mode);
	REQUIRE(dv_kallsyms_find(b.p, b.n, BASE, BASE, IMG, &loc));
	CHECK_EQ(loc.count, N);
	CHECK_EQ(loc.mode, mode);
	REQUIRE(dv_kallsyms_span(&loc, &lo, &hi));
	CHECK(lo >= 6 && hi <= b.n);
	e = dv_kallsyms_decode(b.p, b.n, &loc, BASE + IMG, &t);
	REQUIRE(!e);
	REQUIRE(t.count == N);
	for (unsigned i = 0; i < N; i++) {
		if (t.syms[i].addr != syms[i].addr || strcmp(t.syms[i].name, syms[i].name + 1) ||
		    t.syms[i].kind != syms[i].name[0])
			CHECK(!"symbol differs");
	}
	CHECK_EQ(t.syms[200].size, 128); // its neighbour is at the same address
	CHECK_EQ(t.syms[202].size, 64);
	CHECK_EQ(t.syms[N - 1].size, (BASE + IMG) - t.syms[N - 1].addr);
	CHECK(dv_symtab_find(&t, "__alloc_str500", -1) == &t.syms[500]);
	CHECK(dv_symtab_find(&t, "__func__.0", -1) == &t.syms[3]);
	CHECK(!dv_symtab_find(&t, "__alloc_str501", -1));
	CHECK(dv_symtab_at(t.syms, t.count, t.syms[500].addr + 10) == &t.syms[500]);
	CHECK(dv_symtab_at(t.syms, t.count, t.syms[201].addr + 10) == &t.syms[200]);
	CHECK(!dv_symtab_at(t.syms, t.count, BASE + IMG));
	dv_symtab_deinit(&t);

	// The same from just the bytes that the tables span.
	dv_kallsyms_shift(&loc, lo);
	e = dv_kallsyms_decode(b.p + lo, hi - lo, &loc, BASE + IMG, &t);
	CHECK(!e && t.count == N && !strcmp(t.syms[N - 1].name, syms[N - 1].name + 1));
	dv_error_destroy(e);
	dv_symtab_deinit(&t);
	free(b.p);
}

static void try(const uint8_t *p, size_t n)
{
	uint8_t *exact = dv_xcalloc(1, n);
	struct dv_kallsyms_loc loc;
	struct dv_symtab t = {0};

	memcpy(exact, p, n);
	if (dv_kallsyms_find(exact, n, BASE, BASE, IMG, &loc)) {
		dv_error_destroy(dv_kallsyms_decode(exact, n, &loc, BASE + IMG, &t));
		dv_symtab_deinit(&t);
	}
	test_checks++;
	free(exact);
}

static void hostile(enum synth_order order, enum dv_kallsyms_mode mode)
{
	struct dv_kallsyms_loc loc, bad;
	struct dv_symtab t = {0};
	struct dv_error *e;
	struct buf b = {0};
	uint32_t r = 1;

	make(&b, order, mode);
	REQUIRE(dv_kallsyms_find(b.p, b.n, BASE, BASE, IMG, &loc));
	for (size_t n = 0; n < b.n; n += 997)
		try(b.p, n);
	for (unsigned i = 0; i < 300; i++) {
		size_t at = (r = r * 1664525u + 1013904223u) % b.n;
		uint8_t was = b.p[at];

		b.p[at] ^= 1u << (r >> 28);
		try(b.p, b.n);
		b.p[at] = was;
	}
	// Locations that lie.
	for (unsigned i = 0; i < 400; i++) {
		uint64_t *f = (uint64_t *)&bad;

		bad = loc;
		r = r * 1664525u + 1013904223u;
		f[i % 6] += i & 8 ? r : (uint64_t)(int64_t)(int32_t)r << (i & 31);
		if (i & 16)
			bad.count ^= r >> 7;
		if (i & 64)
			bad.names_size = r;
		e = dv_kallsyms_decode(b.p, b.n, &bad, BASE + IMG, &t);
		dv_error_destroy(e);
		dv_symtab_deinit(&t);
		test_checks++;
	}
	// Another marker: the names do not agree any more.
	b.p[loc.markers + 5]++;
	CHECK(!dv_kallsyms_find(b.p, b.n, BASE, BASE, IMG, &bad));
	b.p[loc.markers + 5]--;
	// An address that descends.
	b.p[loc.addrs + 600 * (mode == DV_KALLSYMS_ABSOLUTE ? 8 : 4) + 2] ^= 0x7f;
	CHECK(!dv_kallsyms_find(b.p, b.n, BASE, BASE, IMG, &bad));
	e = dv_kallsyms_decode(b.p, b.n, &loc, BASE + IMG, &t);
	REQUIRE(e && e->code == DV_ERR_UNKNOWN);
	CHECK(strstr(e->msg, "descend"));
	dv_error_destroy(e);
	// A base outside of the image: another kernel's leftover.
	CHECK(!dv_kallsyms_find(b.p, b.n, BASE, BASE - (1ULL << 30), IMG, &bad));
	free(b.p);
}

// An image that looks everywhere like the middle of the table of tokens must not make it slow.
static void digits(void)
{
	static const char run[20] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	const size_t size = 16 << 20;
	struct dv_kallsyms_loc loc;
	uint8_t *p = malloc(size);
	clock_t began;

	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)run[i % sizeof(run)];
	began = clock();
	CHECK(!dv_kallsyms_find(p, size, BASE, BASE, size, &loc));
	CHECK(clock() - began < 3 * CLOCKS_PER_SEC);
	free(p);
}

// Names made to fall into one chain of the hash must not make it slow.
static void collisions(void)
{
	struct dv_symtab t = {0};
	static struct dv_symbol s[20000];

	for (unsigned i = 0; i < DV_COUNT(s); i++) {
		s[i].name = "same";
		s[i].module = i % 1000;
		s[i].addr = i;
	}
	t.syms = s;
	t.count = DV_COUNT(s);
	dv_symtab_index(&t);
	CHECK(dv_symtab_find(&t, "same", -1) == &s[0]);
	CHECK(dv_symtab_find(&t, "same", 7) == &s[7]);
	CHECK(!dv_symtab_find(&t, "other", -1));
	free(t.hash);
}

int main(void)
{
	for (int order = SYNTH_OLD; order <= SYNTH_NEW; order++) {
		int last = order == SYNTH_NEW ? DV_KALLSYMS_PLACE : DV_KALLSYMS_PERCPU;

		for (int mode = DV_KALLSYMS_ABSOLUTE; mode <= last; mode++) {
			round_trip(order, mode);
			hostile(order, mode);
		}
	}
	collisions();
	digits();
	return test_done();
}
