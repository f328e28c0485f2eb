/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/test.h"
#include "synth.h"

static uint64_t sym_addr = 0xffffffff81000000ULL;

static bool symbol(void *ctx, const char *module, const char *name, uint64_t *addr, const char **in)
{
	if (!strcmp(name, "missing"))
		return false;
	*addr = sym_addr;
	*in = module ? module : "vmlinux";
	return true;
}

static struct dv_types *types_of(uint8_t *data, size_t size)
{
	struct dv_btf *b = NULL;
	struct dv_error *e = dv_btf_create(data, size, NULL, "vmlinux", &b);
	struct dv_types *ts;

	REQUIRE(!e);
	ts = dv_types_create(b);
	ts->symbol = symbol;
	ts->universe = dv_universe_create(1, "test", &dv_btf_source_ops, ts);
	return ts;
}

static void drop(struct dv_types *ts)
{
	dv_universe_destroy(ts->universe);
	dv_types_destroy(ts);
}

static const struct dv_type *find(struct dv_types *ts, enum dv_type_kind k, const char *name, const char *module)
{
	return dv_btf_source_ops.find(ts, k, name, module);
}

static struct {
	uint32_t u32, i32, chr, pair, proto;
} id;

static uint8_t *kernel_btf(size_t *size)
{
	struct synth_btf b;
	uint32_t s, e, p, td, arr, anon, user, uptr, cv, fwd;

	synth_btf_init(&b, NULL);
	id.i32 = synth_int(&b, "int", 4, true);
	id.u32 = synth_int(&b, "unsigned int", 4, false);
	id.chr = synth_int(&b, "char", 1, true);
	// struct pair { int a; struct pair *next; unsigned x:3, y:5; union { int in; char text[16]; }; struct later *l;
	// }
	anon = b.next;
	synth_type(&b, DV_BTF_UNION, NULL, 2, false, 16);
	synth_member(&b, "in", id.i32, 0);
	synth_member(&b, "text", anon + 1, 0);
	arr = synth_array(&b, id.chr, id.u32, 16);
	CHECK_EQ(arr, anon + 1);
	id.pair = b.next;
	s = synth_type(&b, DV_BTF_STRUCT, "pair", 6, true, 48);
	synth_member(&b, "a", id.i32, 0);
	synth_member(&b, "next", s + 1, 64);
	synth_member(&b, "x", id.u32, 128 | 3u << 24);
	synth_member(&b, "y", id.u32, 131 | 5u << 24);
	synth_member(&b, NULL, anon, 192);
	synth_member(&b, "l", s + 2, 320);
	p = synth_type(&b, DV_BTF_PTR, NULL, 0, false, s);
	fwd = synth_type(&b, DV_BTF_PTR, NULL, 0, false, s + 3);
	synth_type(&b, DV_BTF_FWD, "later", 0, false, 0);
	(void)fwd;
	td = synth_type(&b, DV_BTF_TYPEDEF, "pair_t", 0, false, s);
	cv = synth_type(&b, DV_BTF_CONST, NULL, 0, false, td);
	cv = synth_type(&b, DV_BTF_VOLATILE, NULL, 0, false, cv);
	user = synth_type(&b, DV_BTF_TYPE_TAG, "user", 0, false, id.chr);
	uptr = synth_type(&b, DV_BTF_PTR, NULL, 0, false, user);
	e = synth_type(&b, DV_BTF_ENUM, "color", 2, false, 4);
	put32(&b.types, synth_str(&b, "RED"));
	put32(&b.types, 5);
	put32(&b.types, synth_str(&b, "MINUS"));
	put32(&b.types, -2);
	synth_type(&b, DV_BTF_ENUM64, "big", 1, true, 8);
	put32(&b.types, synth_str(&b, "HUGE_ONE"));
	put32(&b.types, 1);
	put32(&b.types, 0x80000000);
	// enum color frob(const volatile pair_t *?, char __user *buf, ...)
	id.proto = synth_type(&b, DV_BTF_FUNC_PROTO, NULL, 3, false, e);
	put32(&b.types, synth_str(&b, "p"));
	put32(&b.types, p);
	put32(&b.types, synth_str(&b, "buf"));
	put32(&b.types, uptr);
	put32(&b.types, 0);
	put32(&b.types, 0);
	synth_type(&b, DV_BTF_FUNC, "frob", 1, false, id.proto);
	synth_type(&b, DV_BTF_VAR, "per_cpu_pair", 0, false, cv);
	put32(&b.types, 1);
	synth_type(&b, DV_BTF_DATASEC, ".data..percpu", 1, false, 64);
	put32(&b.types, b.next - 2);
	put32(&b.types, 0);
	put32(&b.types, 48);
	synth_type(&b, DV_BTF_FLOAT, "double", 0, false, 8);
	synth_type(&b, DV_BTF_DECL_TAG, "tag", 0, false, s);
	put32(&b.types, -1);
	// Bit-fields as they were said before kind_flag.
	synth_type(&b, DV_BTF_INT, "int_bits", 0, false, 4);
	put32(&b.types, 2u << 16 | 7);
	synth_type(&b, DV_BTF_STRUCT, "oldbits", 2, false, 8);
	synth_member(&b, "f", b.next - 2, 32);
	synth_member(&b, "plain", id.i32, 0);
	synth_type(&b, DV_BTF_RESTRICT, NULL, 0, false, p);
	return synth_btf_done(&b, size);
}

static void kinds(void)
{
	const struct dv_type *t, *u;
	const struct dv_member *m;
	struct dv_types *ts;
	uint64_t bits, addr;
	uint32_t off, size;
	int64_t v;
	size_t n;
	uint8_t *data = kernel_btf(&n);

	CHECK_EQ(dv_btf_size(data, n), n);
	ts = types_of(data, n);
	t = find(ts, DV_TYPE_STRUCT, "pair", NULL);
	REQUIRE(t && t->kind == DV_TYPE_STRUCT && t->incomplete && t->size == 48);
	CHECK(t == find(ts, DV_TYPE_STRUCT, "pair", "vmlinux"));
	CHECK(!find(ts, DV_TYPE_UNION, "pair", NULL));
	t = dv_type_complete(t);
	CHECK_EQ(t->count, 6);
	CHECK(t->members[1].type->kind == DV_TYPE_PTR && t->members[1].type->ref == t);
	CHECK(t->members[2].bit_off == 128 && t->members[2].bit_size == 3);
	CHECK(t->members[3].bit_off == 131 && t->members[3].bit_size == 5);
	m = dv_type_member(t, "text", &bits);
	REQUIRE(m && bits == 192);
	CHECK(m->type->kind == DV_TYPE_ARRAY && m->type->count == 16 && m->type->size == 16 &&
	      dv_type_is_string(m->type));
	CHECK(t->members[5].type->ref->kind == DV_TYPE_FWD);
	u = find(ts, DV_TYPE_TYPEDEF, "pair_t", NULL);
	CHECK(u && u->kind == DV_TYPE_TYPEDEF && u->ref == t && u->size == 48);
	u = find(ts, DV_TYPE_TYPEDEF, "unsigned int", NULL);
	CHECK(u && u->kind == DV_TYPE_INT && u->size == 4 && !u->is_signed);
	u = find(ts, DV_TYPE_TYPEDEF, "char", NULL);
	CHECK(u && u->is_char && u->is_signed);
	u = find(ts, DV_TYPE_ENUM, "color", NULL);
	CHECK(u && u->kind == DV_TYPE_ENUM && u->count == 2 && u->enums[0].value == 5 && u->enums[1].value == -2);
	CHECK(dv_btf_source_ops.find_enumerator(ts, "HUGE_ONE", &v, &u));
	CHECK(v == (int64_t)0x8000000000000001ULL && u->kind == DV_TYPE_ENUM && u->size == 8 && u->is_signed);
	CHECK(dv_btf_source_ops.find_enumerator(ts, "RED", &v, &u) && v == 5 && !strcmp(u->name, "color"));
	CHECK(!dv_btf_source_ops.find_enumerator(ts, "GREEN", &v, &u));
	t = dv_types_func(ts, NULL, "frob");
	REQUIRE(t && t->kind == DV_TYPE_FUNC);
	CHECK(t->count == 2 && t->varargs && t->ref->kind == DV_TYPE_ENUM && !strcmp(t->members[0].name, "p"));
	CHECK(t->members[1].type->kind == DV_TYPE_PTR && t->members[1].type->is_user);
	CHECK(!t->members[0].type->is_user);
	CHECK(!dv_types_func(ts, "virtio_net", "frob"));
	CHECK(dv_btf_source_ops.find_symbol(ts, NULL, "per_cpu_pair", &addr, &t));
	CHECK(addr == sym_addr && t && dv_type_resolve(t)->kind == DV_TYPE_STRUCT);
	CHECK(dv_btf_source_ops.find_symbol(ts, NULL, "no_type", &addr, &t) && !t);
	CHECK(!dv_btf_source_ops.find_symbol(ts, NULL, "missing", &addr, &t));
	t = dv_type_complete(find(ts, DV_TYPE_STRUCT, "oldbits", NULL));
	REQUIRE(t && t->count == 2);
	CHECK(t->members[0].bit_off == 34 && t->members[0].bit_size == 7);
	CHECK(t->members[1].bit_size == 0);
	u = find(ts, DV_TYPE_TYPEDEF, "double", NULL);
	CHECK(u && u->kind == DV_TYPE_FLOAT && u->size == 8);

	CHECK(dv_btf_member(ts->base, "pair", "next", &off, &size) && off == 8 && size == 8);
	CHECK(dv_btf_member(ts->base, "pair", "text", &off, &size) && off == 24 && size == 16);
	CHECK(!dv_btf_member(ts->base, "pair", "x", &off, &size)); // a bit-field has no address
	CHECK(!dv_btf_member(ts->base, "pair", "nothing", &off, &size));
	CHECK(!dv_btf_member(ts->base, "nothing", "x", &off, &size));
	drop(ts);
}

static void split(void)
{
	struct dv_types *ts;
	struct synth_btf m;
	const struct dv_type *t;
	struct dv_btf *b;
	uint8_t *data;
	size_t n;
	uint32_t s;

	data = kernel_btf(&n);
	ts = types_of(data, n);
	synth_btf_init(&m, ts->base);
	s = synth_type(&m, DV_BTF_STRUCT, "mod_priv", 2, false, 56);
	synth_member(&m, "p", id.pair, 0); // of the kernel
	synth_member(&m, "f", s + 1, 384);
	synth_type(&m, DV_BTF_PTR, NULL, 0, false, s + 2);
	synth_type(&m, DV_BTF_FWD, "pair", 0, false, 0); // defined in the kernel
	synth_type(&m, DV_BTF_FUNC, "mod_fn", 1, false, id.proto);
	data = synth_btf_done(&m, &n);
	b = dv_types_add_module(ts, "modx", data, n);
	REQUIRE(b);
	t = dv_type_complete(find(ts, DV_TYPE_STRUCT, "mod_priv", "modx"));
	REQUIRE(t && t->count == 2);
	CHECK(t->members[0].type == find(ts, DV_TYPE_STRUCT, "pair", NULL));
	CHECK(t->members[1].type->ref == find(ts, DV_TYPE_STRUCT, "pair", NULL));
	CHECK(find(ts, DV_TYPE_STRUCT, "mod_priv", NULL) == t && !find(ts, DV_TYPE_STRUCT, "mod_priv", "vmlinux"));
	CHECK(find(ts, DV_TYPE_STRUCT, "pair", "modx") == t->members[0].type);
	t = dv_types_func(ts, "modx", "mod_fn");
	CHECK(t && t->count == 2 && t->ref->kind == DV_TYPE_ENUM);
	// The same again is the same.
	data = dv_xcalloc(1, n);
	memcpy(data, b->data, n);
	CHECK(dv_types_add_module(ts, "modx", data, n) == b);
	CHECK_EQ(ts->mods.count, 1);
	// Nonsense is none.
	CHECK(!dv_types_add_module(ts, "bad", dv_xcalloc(1, 100), 100));
	drop(ts);
}

// Looks at everything: what loops or points nowhere must come to an end.
static void touch(struct dv_types *ts)
{
	const struct dv_btf *b = ts->base;
	char text[256];
	int64_t v;
	const struct dv_type *u;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct dv_btf_type *r = dv_btf_type(b, b->first + i);
		const char *name = dv_btf_str(b, r->name);
		static const enum dv_type_kind k[] = {DV_TYPE_STRUCT, DV_TYPE_UNION, DV_TYPE_ENUM, DV_TYPE_TYPEDEF};

		for (unsigned q = 0; q < DV_COUNT(k); q++) {
			const struct dv_type *t = dv_type_complete(find(ts, k[q], name, NULL));

			for (uint32_t m = 0; t && m < t->count && t->members && m < 64; m++)
				dv_type_name(t->members[m].type, text, sizeof(text));
		}
		dv_types_func(ts, NULL, name);
		dv_btf_sizeof(b, b->first + i);
	}
	dv_btf_source_ops.find_enumerator(ts, "RED", &v, &u);
}

static void hostile(void)
{
	struct synth_btf s;
	struct dv_types *ts;
	struct dv_btf *b;
	struct dv_error *e;
	uint8_t *good, *data;
	const struct dv_type *t;
	uint32_t r = 7, off;
	size_t n;

	good = kernel_btf(&n);
	for (size_t cut = 0; cut < n; cut++) {
		data = malloc(cut ? cut : 1);
		memcpy(data, good, cut);
		e = dv_btf_create(data, cut, NULL, "vmlinux", &b);
		CHECK(e && e->code == DV_ERR_UNKNOWN);
		dv_error_destroy(e);
	}
	for (unsigned i = 0; i < 2000; i++) {
		data = malloc(n);
		memcpy(data, good, n);
		for (unsigned k = 0; k < 1 + i % 4; k++) {
			r = r * 1664525u + 1013904223u;
			data[24 + r % (n - 24)] ^= 1u << (r >> 29);
		}
		e = dv_btf_create(data, n, NULL, "vmlinux", &b);
		test_checks++;
		if (e) {
			dv_error_destroy(e);
			continue;
		}
		ts = dv_types_create(b);
		ts->universe = dv_universe_create(1, "test", &dv_btf_source_ops, ts);
		touch(ts);
		drop(ts);
	}
	free(good);

	// A pointer to itself, typedefs in a ring, a structure inside itself, an array of itself, a prototype of
	// itself.
	synth_btf_init(&s, NULL);
	synth_type(&s, DV_BTF_PTR, NULL, 0, false, 1);
	synth_type(&s, DV_BTF_TYPEDEF, "ring", 0, false, 3);
	synth_type(&s, DV_BTF_TYPEDEF, "ring2", 0, false, 2);
	synth_type(&s, DV_BTF_STRUCT, "self", 2, false, 8);
	synth_member(&s, NULL, 4, 0);
	synth_member(&s, "p", 1, 0);
	synth_array(&s, 5, 5, 0xffffffff);
	synth_type(&s, DV_BTF_FUNC_PROTO, NULL, 1, false, 6);
	put32(&s.types, 0);
	put32(&s.types, 6);
	synth_type(&s, DV_BTF_FUNC, "selffn", 1, false, 6);
	synth_type(&s, DV_BTF_FUNC, "nofn", 1, false, 99);
	synth_type(&s, DV_BTF_CONST, NULL, 0, false, 9);
	synth_type(&s, DV_BTF_TYPEDEF, "cring", 0, false, 9);
	synth_type(&s, DV_BTF_TYPEDEF, "arr", 0, false, 5);
	synth_type(&s, DV_BTF_STRUCT, "selfptr", 1, false, 8);
	synth_member(&s, "far", 0xffffffff, 0xffffffff);
	data = synth_btf_done(&s, &n);
	ts = types_of(data, n);
	touch(ts);
	t = find(ts, DV_TYPE_TYPEDEF, "ring", NULL);
	CHECK(t && dv_type_resolve(t)->kind == DV_TYPE_VOID);
	CHECK(!dv_btf_member(ts->base, "self", "missing", &off, NULL));
	CHECK(dv_btf_member(ts->base, "self", "p", &off, NULL));
	CHECK(dv_types_func(ts, NULL, "selffn"));
	t = dv_types_func(ts, NULL, "nofn");
	CHECK(t && !t->count);
	drop(ts);

	// A kind that is not known: the length of its record is not either.
	synth_btf_init(&s, NULL);
	synth_type(&s, 21, "new", 0, false, 0);
	data = synth_btf_done(&s, &n);
	e = dv_btf_create(data, n, NULL, "vmlinux", &b);
	REQUIRE(e);
	CHECK(strstr(e->msg, "not known"));
	dv_error_destroy(e);
}

int main(void)
{
	kinds();
	split();
	hostile();
	return test_done();
}
