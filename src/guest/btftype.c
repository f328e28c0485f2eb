/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF as a source of types for D. A BTF type becomes a struct dv_type when it is first asked for, and then stays. A
 * structure's members come later still, when somebody looks into it: that is what ends the recursion for the kernel,
 * where everything points to everything. For hostile BTF, where a pointer can point to itself, depth is bounded too.
 * Qualifiers and tags vanish, except that a pointer to something tagged "user" is marked.
 */
#include <string.h>

#include "guest/btf.h"
#include "guest/symtab.h"

#define DEPTH_MAX 128
#define MODS_MAX  4096
#define BIT(k)    (1u << (k))
#define INT_SIGNED 1
#define INT_BOOL   4

static const struct dv_type *make(struct dv_types *ts, struct dv_btf *b, uint32_t id, unsigned depth);

static const char *name_or_null(const struct dv_btf *b, uint32_t off)
{
	const char *s = off ? dv_btf_str(b, off) : "";

	return *s ? s : NULL;
}

static uint32_t int_size(uint32_t n)
{
	return n == 1 || n == 2 || n == 4 || n == 8 || n == 16 ? n : 8;
}

static void fill_enum(struct dv_types *ts, const struct dv_btf *b, const struct dv_btf_type *t, struct dv_type *ret)
{
	bool wide = dv_btf_kind(t) == DV_BTF_ENUM64;
	unsigned n = dv_btf_vlen(t);
	struct dv_enumerator *e = dv_arena_alloc(&ts->universe->arena, n * sizeof(*e));

	for (unsigned i = 0; i < n; i++) {
		const uint32_t *x = t->extra + (wide ? 3 : 2) * i;

		// Strings of BTF live as long as the universe: they need no copy.
		e[i].name = dv_btf_str(b, x[0]);
		if (wide)
			e[i].value = (int64_t)(x[1] | (uint64_t)x[2] << 32);
		else
			e[i].value = dv_btf_flag(t) ? (int64_t)(int32_t)x[1] : (int64_t)x[1];
		// Before enums had a sign flag every one was called unsigned: a value with the top bit set was
		// negative.
		if (!wide && !dv_btf_flag(t) && x[1] >= 0xfffff000u)
			e[i].value = (int32_t)x[1];
	}
	ret->enums = e;
	ret->count = n;
	ret->is_signed = dv_btf_flag(t);
}

static void fill_proto(struct dv_types *ts, struct dv_btf *b, const struct dv_btf_type *t, struct dv_type *ret,
		       unsigned depth)
{
	unsigned n = dv_btf_vlen(t);
	struct dv_member *p;

	if (n && !t->extra[2 * (n - 1)] && !t->extra[2 * (n - 1) + 1]) {
		ret->varargs = true;
		n--;
	}
	p = dv_arena_alloc(&ts->universe->arena, n * sizeof(*p));
	for (unsigned i = 0; i < n; i++) {
		p[i].name = name_or_null(b, t->extra[2 * i]);
		p[i].type = dv_type_void();
	}
	ret->ref = dv_type_void();
	ret->members = p;
	ret->count = n;
	ret->ref = make(ts, b, t->size_type, depth);
	for (unsigned i = 0; i < n; i++)
		p[i].type = make(ts, b, t->extra[2 * i + 1], depth);
}

static bool is_user_tag(const struct dv_btf *b, uint32_t id)
{
	const struct dv_btf_type *t = dv_btf_type(b, id);

	for (unsigned i = 0; i < 8 && t; i++, t = dv_btf_type(b, t->size_type)) {
		unsigned k = dv_btf_kind(t);

		if (k == DV_BTF_TYPE_TAG && !strcmp(dv_btf_str(b, t->name), "user"))
			return true;
		if (k != DV_BTF_TYPE_TAG && k != DV_BTF_CONST && k != DV_BTF_VOLATILE && k != DV_BTF_RESTRICT)
			return false;
	}
	return false;
}

// The definition of a type that is only declared here: modules' BTF often says no more of the kernel's structures.
static const struct dv_type *defined(struct dv_types *ts, struct dv_btf *b, const char *name, bool is_union,
				     unsigned depth)
{
	uint32_t kinds = BIT(is_union ? DV_BTF_UNION : DV_BTF_STRUCT), id = dv_btf_find(b, kinds, name);

	if (id)
		return make(ts, b, id, depth);
	if (b != ts->base && (id = dv_btf_find(ts->base, kinds, name)))
		return make(ts, ts->base, id, depth);
	return NULL;
}

static const struct dv_type *make(struct dv_types *ts, struct dv_btf *b, uint32_t id, unsigned depth)
{
	struct dv_universe *u = ts->universe;
	const struct dv_btf_type *t;
	const struct dv_type **slot, *to;
	struct dv_type *n;
	const char *name;

	if (b != ts->base && id < b->first)
		b = ts->base;
	if (!id || ++depth > DEPTH_MAX)
		return dv_type_void();
	t = dv_btf_type(b, id);
	if (!t || id < b->first)
		return dv_type_void();
	slot = &b->made[id - b->first];
	if (*slot)
		return *slot;
	name = name_or_null(b, t->name);
	switch (dv_btf_kind(t)) {
	case DV_BTF_INT:
		n = dv_type_new(u, DV_TYPE_INT, name, int_size(t->size_type));
		n->is_signed = t->extra[0] >> 24 & INT_SIGNED;
		n->is_bool = t->extra[0] >> 24 & INT_BOOL;
		n->is_char = name && n->size == 1 && !strcmp(name, "char");
		break;
	case DV_BTF_FLOAT:
		n = dv_type_new(u, DV_TYPE_FLOAT, name, t->size_type);
		break;
	case DV_BTF_STRUCT:
	case DV_BTF_UNION:
		n = dv_type_new(u, dv_btf_kind(t) == DV_BTF_UNION ? DV_TYPE_UNION : DV_TYPE_STRUCT, name, t->size_type);
		n->incomplete = true;
		break;
	case DV_BTF_ENUM:
	case DV_BTF_ENUM64:
		if (!dv_btf_vlen(t)) {
			n = dv_type_new(u, DV_TYPE_FWD, name, t->size_type);
			break;
		}
		n = dv_type_new(u, DV_TYPE_ENUM, name, int_size(t->size_type));
		fill_enum(ts, b, t, n);
		break;
	case DV_BTF_FWD:
		to = name ? defined(ts, b, name, dv_btf_flag(t), depth) : NULL;
		if (to)
			return *slot = to;
		n = dv_type_new(u, DV_TYPE_FWD, name, 0);
		break;
	case DV_BTF_TYPEDEF:
		// Known before what it stands for is: structures of function pointers come back to it.
		n = dv_type_new(u, DV_TYPE_TYPEDEF, name, 0);
		n->ref = dv_type_void();
		n->id = id;
		*slot = n;
		n->ref = make(ts, b, t->size_type, depth);
		n->size = n->ref->size;
		return n;
	case DV_BTF_FUNC_PROTO:
	case DV_BTF_FUNC:
		n = dv_type_new(u, DV_TYPE_FUNC, name, 0);
		n->id = id;
		n->ref = dv_type_void();
		*slot = n;
		if (dv_btf_kind(t) == DV_BTF_FUNC) {
			const struct dv_type *p = make(ts, b, t->size_type, depth);

			if (p->kind == DV_TYPE_FUNC) {
				n->ref = p->ref;
				n->members = p->members;
				n->count = p->count;
				n->varargs = p->varargs;
			}
		} else {
			fill_proto(ts, b, t, n, depth);
		}
		return n;
	case DV_BTF_PTR:
		to = make(ts, b, t->size_type, depth);
		if (!is_user_tag(b, t->size_type))
			return *slot = dv_type_ptr(to);
		n = dv_type_new(u, DV_TYPE_PTR, NULL, 8);
		n->ref = to;
		n->is_user = true;
		break;
	case DV_BTF_ARRAY:
		to = make(ts, b, t->extra[0], depth);
		return *slot = dv_type_array(to, t->extra[2]);
	case DV_BTF_VOLATILE: case DV_BTF_CONST: case DV_BTF_RESTRICT: case DV_BTF_TYPE_TAG:
		return *slot = make(ts, b, t->size_type, depth);
	default: // variables, sections and tags are not types
		return dv_type_void();
	}
	n->id = id;
	return *slot = n;
}

// Which BTF a type came from: its structures' ids alone do not say, modules' ids overlap.
static struct dv_btf *home(struct dv_types *ts, const struct dv_type *t)
{
	struct dv_btf *b = ts->base;

	for (size_t i = 0;; b = ts->mods.data[i++]) {
		if (t->id >= b->first && t->id - b->first < b->count && b->made[t->id - b->first] == t)
			return b;
		if (i == ts->mods.count)
			return NULL;
	}
}

static void complete(void *ctx, struct dv_type *ret)
{
	struct dv_types *ts = ctx;
	struct dv_btf *b = home(ts, ret);
	const struct dv_btf_type *t = b ? dv_btf_type(b, ret->id) : NULL;
	struct dv_member *m;

	if (!t || (dv_btf_kind(t) != DV_BTF_STRUCT && dv_btf_kind(t) != DV_BTF_UNION))
		return;
	m = dv_arena_alloc(&ts->universe->arena, dv_btf_vlen(t) * sizeof(*m));
	for (unsigned i = 0; i < dv_btf_vlen(t); i++) {
		const uint32_t *x = t->extra + 3 * i;
		const struct dv_btf_type *of = dv_btf_strip(b, x[1]);

		m[i].name = name_or_null(b, x[0]);
		m[i].type = make(ts, b, x[1], 0);
		m[i].bit_off = dv_btf_flag(t) ? x[2] & 0xffffff : x[2];
		m[i].bit_size = dv_btf_flag(t) ? x[2] >> 24 : 0;
		// The old way to say bit-field: an integer type of so many bits, at an offset of its own.
		if (!m[i].bit_size && of && dv_btf_kind(of) == DV_BTF_INT &&
		    (of->extra[0] & 0xff) < of->size_type * 8) {
			m[i].bit_size = of->extra[0] & 0xff;
			m[i].bit_off += of->extra[0] >> 16 & 0xff;
		}
		if (m[i].bit_size > 64)
			m[i].bit_size = 64;
	}
	ret->members = m;
	ret->count = dv_btf_vlen(t);
}

static bool wanted(const struct dv_btf *b, const char *module)
{
	return !module || !strcmp(b->module, module);
}

// The kernel's, then the modules', newest first: of one that was loaded again, what is loaded now.
#define FOR_EACH_BTF(ts, b, i)                                                                                         \
	for (size_t i = (ts)->mods.count + 1;                                                                          \
	     i-- > 0 && ((b) = i == (ts)->mods.count ? (ts)->base : (ts)->mods.data[i], true);)

static const struct dv_type *find(void *ctx, enum dv_type_kind kind, const char *name, const char *module)
{
	struct dv_types *ts = ctx;
	uint32_t kinds = 0, id;
	struct dv_btf *b;

	switch (kind) {
	case DV_TYPE_STRUCT:
		kinds = BIT(DV_BTF_STRUCT);
		break;
	case DV_TYPE_UNION:
		kinds = BIT(DV_BTF_UNION);
		break;
	case DV_TYPE_ENUM:
		kinds = BIT(DV_BTF_ENUM) | BIT(DV_BTF_ENUM64);
		break;
	case DV_TYPE_TYPEDEF:
		kinds = BIT(DV_BTF_TYPEDEF) | BIT(DV_BTF_INT) | BIT(DV_BTF_FLOAT);
		break;
	default:
		return NULL;
	}
	FOR_EACH_BTF(ts, b, i) {
		if (wanted(b, module) && (id = dv_btf_find(b, kinds, name)))
			return make(ts, b, id, 0);
	}
	// A module also sees the kernel's types.
	if (module && (id = dv_btf_find(ts->base, kinds, name)))
		return make(ts, ts->base, id, 0);
	return NULL;
}

// Variables that scripts name and BTF leaves out: until 6.15 or so it knows per-CPU variables only.
static const struct {
	const char *var;
	enum dv_type_kind kind;
	const char *type;
	bool ptr;
} known_vars[] = {
	{"jiffies", DV_TYPE_TYPEDEF, "long unsigned int", false},
	{"jiffies_64", DV_TYPE_TYPEDEF, "long long unsigned int", false},
	{"init_task", DV_TYPE_STRUCT, "task_struct", false},
	{"init_mm", DV_TYPE_STRUCT, "mm_struct", false},
	{"init_net", DV_TYPE_STRUCT, "net", false},
	{"init_cred", DV_TYPE_STRUCT, "cred", false},
	{"init_pid_ns", DV_TYPE_STRUCT, "pid_namespace", false},
	{"init_user_ns", DV_TYPE_STRUCT, "user_namespace", false},
	{"init_uts_ns", DV_TYPE_STRUCT, "uts_namespace", false},
	{"boot_cpu_data", DV_TYPE_STRUCT, "cpuinfo_x86", false},
	{"modules", DV_TYPE_STRUCT, "list_head", false},
	{"net_namespace_list", DV_TYPE_STRUCT, "list_head", false},
	{"nr_cpu_ids", DV_TYPE_TYPEDEF, "unsigned int", false},
	{"nr_threads", DV_TYPE_TYPEDEF, "int", false},
	{"total_forks", DV_TYPE_TYPEDEF, "long unsigned int", false},
	{"max_pfn", DV_TYPE_TYPEDEF, "long unsigned int", false},
	{"page_offset_base", DV_TYPE_TYPEDEF, "long unsigned int", false},
	{"vmalloc_base", DV_TYPE_TYPEDEF, "long unsigned int", false},
	{"vmemmap_base", DV_TYPE_TYPEDEF, "long unsigned int", false},
	{"saved_command_line", DV_TYPE_TYPEDEF, "char", true},
	{"panic_timeout", DV_TYPE_TYPEDEF, "int", false},
	{"panic_on_oops", DV_TYPE_TYPEDEF, "int", false},
	{"oops_in_progress", DV_TYPE_TYPEDEF, "int", false},
	{"system_state", DV_TYPE_ENUM, "system_states", false},
	{"avenrun", DV_TYPE_TYPEDEF, "long unsigned int", false},
	{"tsc_khz", DV_TYPE_TYPEDEF, "unsigned int", false},
	{"cpu_khz", DV_TYPE_TYPEDEF, "unsigned int", false},
};

static const struct dv_type *symbol_type(struct dv_types *ts, const char *module, const char *name)
{
	struct dv_btf *b;

	FOR_EACH_BTF(ts, b, i) {
		uint32_t id = wanted(b, module) ? dv_btf_find(b, BIT(DV_BTF_VAR) | BIT(DV_BTF_FUNC), name) : 0;
		const struct dv_btf_type *t = id ? dv_btf_type(b, id) : NULL;

		if (t)
			return make(ts, b, dv_btf_kind(t) == DV_BTF_VAR ? t->size_type : id, 0);
	}
	if (module && strcmp(module, "vmlinux"))
		return NULL;
	for (size_t i = 0; i < DV_COUNT(known_vars); i++) {
		const struct dv_type *t;

		if (strcmp(known_vars[i].var, name))
			continue;
		t = find(ts, known_vars[i].kind, known_vars[i].type, "vmlinux");
		if (t && !strcmp(name, "avenrun"))
			return dv_type_array(t, 3);
		return t && known_vars[i].ptr ? dv_type_ptr(t) : t;
	}
	if (!strcmp(name, "linux_banner")) {
		const struct dv_type *c = find(ts, DV_TYPE_TYPEDEF, "char", "vmlinux");

		return c ? dv_type_array(c, 256) : NULL;
	}
	return NULL;
}

static bool find_symbol(void *ctx, const char *module, const char *name, uint64_t *addr, const struct dv_type **type)
{
	struct dv_types *ts = ctx;
	const char *in = module;

	if (!ts->symbol || !ts->symbol(ts->symbol_ctx, module, name, addr, &in))
		return false;
	*type = symbol_type(ts, in, name);
	return true;
}

static void index_enums(struct dv_btf *b)
{
	uint64_t n = 0;
	uint32_t size = 64, mask;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct dv_btf_type *t = (const void *)(b->types + b->off[i]);

		if (dv_btf_kind(t) == DV_BTF_ENUM || dv_btf_kind(t) == DV_BTF_ENUM64)
			n += dv_btf_vlen(t);
	}
	while (size < 2 * n) // n is below the bytes of types / 8
		size *= 2;
	mask = size - 1;
	b->enums = dv_xcalloc(size, sizeof(*b->enums));
	b->enums_size = size;
	for (uint32_t i = 0; i < b->count; i++) {
		const struct dv_btf_type *t = (const void *)(b->types + b->off[i]);
		unsigned words = dv_btf_kind(t) == DV_BTF_ENUM ? 2 : dv_btf_kind(t) == DV_BTF_ENUM64 ? 3 : 0;

		for (unsigned k = 0; words && k < dv_btf_vlen(t); k++) {
			uint32_t name = t->extra[words * k], h = dv_str_hash(dv_btf_str(b, name)) & mask;
			unsigned steps = 0;

			while (b->enums[h].id && ++steps < 256)
				h = (h + 1) & mask;
			if (!b->enums[h].id) {
				b->enums[h].name = name;
				b->enums[h].id = b->first + i;
				b->enums[h].index = k;
			}
		}
	}
}

static bool find_enumerator(void *ctx, const char *name, int64_t *value, const struct dv_type **type)
{
	struct dv_types *ts = ctx;
	struct dv_btf *b;

	FOR_EACH_BTF(ts, b, i) {
		uint32_t h;

		if (!b->enums)
			index_enums(b);
		h = dv_str_hash(name) & (b->enums_size - 1);
		for (unsigned steps = 0; b->enums[h].id && steps < 256; steps++, h = (h + 1) & (b->enums_size - 1)) {
			const struct dv_type *t;

			if (strcmp(dv_btf_str(b, b->enums[h].name), name))
				continue;
			t = make(ts, b, b->enums[h].id, 0);
			if (t->kind != DV_TYPE_ENUM || b->enums[h].index >= t->count)
				continue;
			*value = t->enums[b->enums[h].index].value;
			*type = t;
			return true;
		}
	}
	return false;
}

const struct dv_type_source_ops dv_btf_source_ops = {
	.find = find,
	.complete = complete,
	.find_symbol = find_symbol,
	.find_enumerator = find_enumerator,
};

struct dv_types *dv_types_create(struct dv_btf *base)
{
	struct dv_types *ts = dv_xcalloc(1, sizeof(*ts));

	ts->base = base;
	return ts;
}

void dv_types_destroy(struct dv_types *ts)
{
	if (!ts)
		return;
	for (size_t i = 0; i < ts->mods.count; i++)
		dv_btf_destroy(ts->mods.data[i]);
	DV_VEC_FREE(&ts->mods);
	dv_btf_destroy(ts->base);
	free(ts);
}

struct dv_btf *dv_types_add_module(struct dv_types *ts, const char *module, uint8_t *data, size_t size)
{
	struct dv_btf *b = NULL;
	struct dv_error *e;

	for (size_t i = 0; i < ts->mods.count; i++) {
		b = ts->mods.data[i];
		if (!strcmp(b->module, module) && b->size == size && !memcmp(b->data, data, size)) {
			free(data);
			return b;
		}
	}
	if (ts->mods.count >= MODS_MAX) {
		free(data);
		return NULL;
	}
	e = dv_btf_create(data, size, ts->base, module, &b);
	if (e) {
		dv_error_destroy(e);
		return NULL;
	}
	*DV_PUSH(&ts->mods) = b;
	return b;
}

const struct dv_type *dv_types_func(struct dv_types *ts, const char *module, const char *name)
{
	struct dv_btf *b;

	FOR_EACH_BTF(ts, b, i) {
		uint32_t id = wanted(b, module) ? dv_btf_find(b, BIT(DV_BTF_FUNC), name) : 0;

		if (id) {
			const struct dv_type *t = make(ts, b, id, 0);

			return t->kind == DV_TYPE_FUNC ? t : NULL;
		}
	}
	return NULL;
}
