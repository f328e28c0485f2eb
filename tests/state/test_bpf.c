// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's build of src/state does what the native one does: the same random calls go to both, each has a region
// of its own, and the results and the regions must be the same to the last byte. Skipped where programs cannot be
// loaded.
#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "machine/ebpf/link.h"
#include "machine/ebpf/maps.h"
#include "tests/state/region.h"

#define SKIP 77

struct call {
	uint64_t st, a, b, c, d, ret;
};
enum {
	BEGIN,
	BEGIN_UNNUMBERED,
	END,
	CLAUSE,
	NUMBER,
	LD,
	ST,
	RMW,
	STS,
	LDN,
	STN,
	RMWN,
	CPY,
	STRN,
	STSN,
	THIS,
	KEY,
	KEYS,
	KEYB,
	DYN,
	DYNDEL,
	AGG,
	DIV,
	SLEN,
	SCMP,
	SJOIN,
	SSUB,
	SFIND,
	SCHR,
	SSTR,
	STOK,
	SCASE,
	SPATH,
	LTOS,
	STOL,
	SJSON,
	INET,
	WORDS,
	RAND,
	WR,
	MCPY,
	SPEC,
	SPECUL,
	COMMIT,
	DISCARD,
	SCRATCH,
	ROOM,
	REC,
	RECI,
	RECS,
	RECM,
	RECB,
	STACK,
	STACKSET,
	RECEND,
	RECABORT,
	FAULT,
	ERROR,
	SERVES,
	CALLS
};
static const char *const names[CALLS] = {"begin",   "begin_unnumbered", "end",  "clause", "number", "ld",       "st",     "rmw",      "sts",   "ldn",
                                         "stn",     "rmwn", "cpy",    "strn",     "stsn",   "this",
                                         "key",     "keys", "keyb",   "dyn",      "dyndel", "agg",      "div",   "slen",
                                         "scmp",    "sjoin", "ssub",  "sfind", "schr", "sstr", "stok", "scase", "spath", "ltos", "stol", "sjson", "inet", "words", "rand", "wr", "mcpy", "spec", "specul", "commit", "discard", "scratch",  "room",   "rec",      "reci",  "recs",
                                         "recm",    "recb", "stack",  "stackset", "recend", "recabort", "fault", "error",
                                         "serves"};
static uint64_t last_stack; // block that STACK made
static int fds[CALLS];
static struct region here, there;
static struct dv_st st;
static struct dv_bpf_object *object;
static void *file;
static uint64_t mapped;

static uint64_t native(int what, const struct call *x)
{
	switch (what) {
	case BEGIN: return dv_st_begin(&st);
	case BEGIN_UNNUMBERED: return dv_st_begin_unnumbered(&st);
	case NUMBER: return dv_st_number(&st);
	case END: dv_st_end(&st); break;
	case CLAUSE: dv_st_clause(&st); break;
	case LD: return dv_st_ld(&st, x->a);
	case ST: dv_st_st(&st, x->a, x->b); break;
	case RMW: return dv_st_rmw(&st, x->a, x->b, x->c, x->d);
	case STS: dv_st_sts(&st, x->a, x->b); break;
	case LDN: return dv_st_ldn(&st, x->a, x->b);
	case STN: dv_st_stn(&st, x->a, x->b, x->c); break;
	case RMWN: return dv_st_rmwn(&st, x->a, x->b, x->c, x->d);
	case CPY: dv_st_cpy(&st, x->a, x->b, x->c); break;
	case STRN: return dv_st_strn(&st, x->a, x->b);
	case STSN: dv_st_stsn(&st, x->a, x->b, x->c); break;
	case THIS: return dv_st_this(&st, x->a);
	case KEY: dv_st_key(&st, x->a); break;
	case KEYS: dv_st_keys(&st, x->a); break;
	case KEYB: dv_st_keyb(&st, x->a); break;
	case DYN: return dv_st_dyn(&st, x->a, x->b, x->c);
	case DYNDEL: dv_st_dyndel(&st, x->a, x->b, x->c); break;
	case AGG: dv_st_agg(&st, x->a, x->b, x->c); break;
	case DIV: return dv_st_div(&st, x->a, x->b, x->c);
	case SLEN: return dv_st_slen(&st, x->a);
	case SCMP: return dv_st_scmp(&st, x->a, x->b);
	case SJOIN: return dv_st_sjoin(&st, x->a, x->b);
	case SSUB: return dv_st_ssub(&st, x->a, x->b, x->c);
	case SFIND: return dv_st_sfind(&st, x->a, x->b, x->c, x->d);
	case SCHR: return dv_st_schr(&st, x->a, x->b, x->c);
	case SSTR: return dv_st_sstr(&st, x->a, x->b);
	case STOK: return dv_st_stok(&st, x->a, x->b, x->c);
	case SCASE: return dv_st_scase(&st, x->a, x->b);
	case SPATH: return dv_st_spath(&st, x->a, x->b);
	case LTOS: return dv_st_ltos(&st, x->a, x->b);
	case STOL: return dv_st_stol(&st, x->a, x->b);
	case SJSON: return dv_st_sjson(&st, x->a, x->b);
	case INET: return dv_st_inet(&st, x->a, x->b);
	case WORDS: return dv_st_words(&st, x->a, x->b);
	case RAND: return dv_st_rand(&st);
	case WR: dv_st_wr(&st, DV_MACH_SCRATCH, x->a, x->b, x->c); break;
	case MCPY: dv_st_mcpy(&st, DV_MACH_SCRATCH, x->a, x->b, x->c); break;
	case SPEC: return dv_st_spec(&st);
	case SPECUL: return dv_st_specul(&st, x->a);
	case COMMIT: dv_st_commit(&st, x->a); break;
	case DISCARD: dv_st_discard(&st, x->a); break;
	case SCRATCH: return dv_st_scratch(&st, x->a);
	case ROOM: return dv_st_room(&st, x->a);
	case REC: return dv_st_rec(&st, x->a);
	case RECI: dv_st_reci(&st, x->a); break;
	case RECS: dv_st_recs(&st, x->a); break;
	case RECM: dv_st_recm(&st, x->a, x->b); break;
	case RECB: dv_st_recb(&st, x->a); break;
	case STACK: return last_stack = dv_st_stack(&st, x->a, x->b, x->c, x->d);
	case STACKSET: dv_st_stackset(&st, x->a, x->b, x->c); break;
	case RECEND: dv_st_recend(&st, x->a, x->b); break;
	case RECABORT: dv_st_recabort(&st); break;
	case FAULT: dv_st_fault(&st, x->a, x->b); break;
	case ERROR: dv_st_error(&st, x->a, x->b, x->c, x->d); break;
	case SERVES: return dv_st_serves(&st, x->a, x->b);
	}
	return 0;
}

static uint64_t kernel(int what, struct call *x)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = x, .ctx_size_in = sizeof(*x));

	REQUIRE(bpf_prog_test_run_opts(fds[what], &o) == 0);
	return x->ret;
}

static uint64_t rnd(void)
{
	static uint64_t s = 88172645463325252ULL;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s;
}

static uint64_t cell(void)
{
	return DV_GLOBALS_OFF + 64 + rnd() % 8 * 72;
}
static uint64_t sref(void)
{
	return rnd() % 9 ? DV_CONSTS_OFF + rnd() % 1024 : rnd() % 2 ? 0 : cell();
}
static uint64_t value(void)
{
	return rnd() % 3 ? rnd() % 16 : rnd() >> rnd() % 64;
}

static void arguments(int what, struct call *x)
{
	static const uint8_t widths[] = { DV_U8, DV_U16, DV_U32, DV_U64, DV_S8, DV_S16, DV_S32, DV_S64 };

	*x = (struct call){ .a = value(), .b = value(), .c = value(), .d = value() };
	switch (what) {
	case LD: case ST: case RMW: case STS:
		x->a = cell();
		break;
	case KEYS: case SLEN: case SCMP: case SJOIN: case SSUB: case RECS: case RECM:
		x->a = sref();
		break;
	case SFIND: case SCHR: case SSTR: case STOK: case SCASE: case SPATH: case STOL: case SJSON: case INET: case WORDS:
		x->a = sref();
		break;
	case WR: case MCPY:
		x->a = region_prod(&here, 3)->scratch_off + rnd() % 512;
		break;
	case SPECUL: case COMMIT: case DISCARD:
		x->a %= 6;
		break;
	case DYN: case DYNDEL: case AGG:
		x->a %= 8;
		break;
	case SCRATCH: case ROOM: case REC:
		x->a %= 300;
		break;
	}
	if (what == LDN || what == STN || what == RMWN || what == CPY || what == STSN)
		x->a = rnd() % 12 ? cell() + rnd() % 16 : rnd() % 64;
	if (what == LDN || what == STN)
		x->b = 1u << rnd() % 4;
	if (what == CPY) // never two that overlap
		x->b = rnd() % 8 ? DV_CONSTS_OFF + rnd() % 512 : rnd() % 64;
	if (what == CPY || what == STSN)
		x->c = rnd() % 65;
	if (what == STRN) {
		x->a = sref();
		x->b %= 80;
	}
	if (what == STSN)
		x->b = DV_CONSTS_OFF + rnd() % 1024;
	if (what == RMW || what == RMWN) {
		x->b %= 10;
		x->d = widths[rnd() % 8];
	}
	if (what == STS || what == SCMP || what == SJOIN)
		x->b = sref();
	if (what == SFIND || what == SSTR || what == STOK || what == SJSON || what == MCPY)
		x->b = sref();
	if (what == SCHR)
		x->b = here.base[DV_CONSTS_OFF + rnd() % 1024];
	if (what == STOL || what == LTOS)
		x->b = rnd() % 40;
	if (what == SCASE || what == SCHR || what == STOK)
		x->c %= 2, x->b = what == SCASE ? x->b % 2 : x->b;
	if (what == SPATH)
		x->b %= 3;
	if (what == INET)
		x->b %= 4;
	if (what == SFIND)
		x->d %= 2;
	if (what == WR)
		x->c = 1u << rnd() % 4;
	if (what == MCPY)
		x->c %= 64;
	if (what == RECM)
		x->b %= 300;
	if (what == SERVES) {
		x->a = rnd() % 2000;
		x->b = rnd() % 2000;
	}
	if (what == STACK)
		x->d %= 16;
	if (what == STACKSET || what == KEYB || what == RECB)
		x->a = last_stack;
	if (what == STACKSET) {
		x->b = rnd() % 2 ? 0 : DV_CONSTS_OFF + rnd() % 1024;
		x->c %= 16;
	}
	if (what == DIV)
		x->a %= 4;
}

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "r");
	char *p;

	REQUIRE(f && !fseek(f, 0, SEEK_END));
	*size = (size_t)ftell(f);
	p = malloc(*size);
	rewind(f);
	REQUIRE(p && fread(p, 1, *size, f) == *size);
	fclose(f);
	return p;
}

static void good(struct dv_error *e)
{
	if (e && e->code == DV_ERR_DENIED) {
		fprintf(stderr, "programs cannot be loaded here: %s\n", e->msg);
		exit(SKIP);
	}
	if (e)
		fprintf(stderr, "%s\n", e->msg);
	REQUIRE(e == NULL);
}

static void load(const char *path, uint64_t size)
{
	struct dv_bpf_load how = { .type = BPF_PROG_TYPE_SYSCALL, .flags = BPF_F_SLEEPABLE };
	struct dv_bpf_map_symbol maps[3] = { { .name = "dv_region_mem" }, { .name = NULL }, { .fd = -1 } };
	struct dv_bpf_object *o = NULL;
	struct dv_bpf_linked l;
	char *log = NULL, name[32];
	size_t bytes;
	uint8_t *rodata;
	int64_t at;
	int i;

	file = read_file(path, &bytes);
	good(dv_bpf_object_open(file, bytes, &o));
	object = o;
	good(dv_bpf_region_create(size, &maps[0].fd, &mapped));
	rodata = malloc(o->rodata_size);
	memcpy(rodata, o->rodata, o->rodata_size);
	at = dv_bpf_object_const(o, "dv_region_mask", 8);
	REQUIRE(at >= 0);
	*(uint64_t *)(rodata + at) = size - 1;
	good(dv_bpf_constants_create(rodata, o->rodata_size, &maps[1].fd));
	free(rodata);
	for (i = 0; i < CALLS; i++) {
		snprintf(name, sizeof(name), "call_%s", names[i]);
		how.name = name;
		good(dv_bpf_link_object(o, name, maps, &l));
		struct dv_error *e = dv_bpf_load(&l, &how, &log, &fds[i]);
		if (log)
			fprintf(stderr, "%s\n", log);
		good(e);
		dv_bpf_linked_deinit(&l);
	}
	there.size = size;
	there.base = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, maps[0].fd, 0);
	REQUIRE(there.base != MAP_FAILED);
}

int main(int argc, char **argv)
{
	static const char letters[] = "//../aB9{}[]\":,\\ 0-";
	struct dv_region_config cfg = region_defaults;
	uint32_t i, k, calls = 0, rounds = 3000;
	struct call x;
	uint64_t got;
	int what;

	REQUIRE(argc > 1);
	if (argc > 2)
		rounds = (uint32_t)atoi(argv[2]); // fewer, where it is slow
	if (geteuid() != 0) {
		fprintf(stderr, "only root may load programs\n");
		return SKIP;
	}
	cfg.dyn_count = 64;
	here = region_make(&cfg);
	for (i = 0; i < 1024; i++)
		here.base[DV_CONSTS_OFF + i] = !(rnd() % 12) ? 0 : rnd() % 2 ? (uint8_t)letters[rnd() % sizeof(letters)] : (uint8_t)rnd();
	for (i = 0; i < 7; i++)
		region_agg(&here, i, (enum dv_agg_func)i, 0, 0, 0);
	region_agg(&here, 7, DV_AGG_LQUANTIZE, 2, 2, 5);
	for (i = 0; i < 300; i++)
		dv_region_serve(here.base, here.size, (uint32_t)(rnd() % 2000), i % 64, (int)(i % 5) - 1);
	dv_region_unserve(here.base, here.size, 7);
	load(argv[1], here.size);
	memcpy(there.base, here.base, here.size);
	st = region_st(&here, 3);
	for (i = 0; i < rounds && !test_failures; i++) {
		x.st = st.prod;
		what = i % 3 ? BEGIN : BEGIN_UNNUMBERED;
		CHECK_EQ(native(what, &x), kernel(what, &x));
		for (k = 0; k < 12; k++) {
			what = (int)(rnd() % (CALLS - NUMBER)) + NUMBER;
			arguments(what, &x);
			x.st = st.prod;
			got = native(what, &x);
			calls++;
			if (got != kernel(what, &x)) {
				fprintf(stderr, "%s(%#lx, %#lx, %#lx, %#lx): %#lx, in the kernel %#lx\n", names[what],
				        (long)x.a, (long)x.b, (long)x.c, (long)x.d, (long)got, (long)x.ret);
				CHECK(false);
			}
			if (k == 6) {
				native(CLAUSE, &x);
				kernel(CLAUSE, &x);
			}
		}
		native(END, &x);
		kernel(END, &x);
		if (i % 16 == 0) {
			region_prod(&here, 3)->tail = region_prod(&here, 3)->head;
			region_prod(&there, 3)->tail = region_prod(&there, 3)->head;
			CHECK(!memcmp(here.base, there.base, here.size));
		}
	}
	CHECK(!memcmp(here.base, there.base, here.size));
	fprintf(stderr, "%u calls, %lu bytes of records, %u and %u bytes of aggregations\n", calls,
	        (long)region_prod(&here, 3)->head, region_prod(&here, 3)->agg_used[0],
	        region_prod(&here, 3)->agg_used[1]);
	munmap(there.base, mapped);
	dv_bpf_object_close(object);
	free(file);
	region_free(&here);
	return test_done();
}
