/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The code generator on typed trees made by hand: every program passes the verifier, runs, and gives C's results. */
#include "lib/test.h"
#include "runner.h"

#include "lang/lang.h"

static struct dv_arena arena;

static struct dv_node *node(enum dv_node_kind kind, const struct dv_type *type, unsigned kids, struct dv_node *a,
			    struct dv_node *b, struct dv_node *c)
{
	struct dv_node *n = dv_arena_alloc(&arena, sizeof(*n));

	n->kind = kind;
	n->type = type;
	n->kid_count = kids;
	n->kids = dv_arena_alloc(&arena, 3 * sizeof(*n->kids));
	n->kids[0] = a;
	n->kids[1] = b;
	n->kids[2] = c;
	return n;
}

static struct dv_node *num(uint64_t v, const struct dv_type *type)
{
	struct dv_node *n = node(DV_NODE_INT, type, 0, NULL, NULL, NULL);

	n->ival = v;
	return n;
}

static struct dv_node *text(const char *s)
{
	struct dv_node *n = node(DV_NODE_STR, dv_type_string(), 0, NULL, NULL, NULL);

	n->str = s;
	n->str_len = (uint32_t)strlen(s);
	return n;
}

static struct dv_node *op2(enum dv_op op, const struct dv_type *type, struct dv_node *a, struct dv_node *b)
{
	struct dv_node *n = node(DV_NODE_BINARY, type, 2, a, b, NULL);

	n->op = op;
	return n;
}

static struct dv_node *op1(enum dv_node_kind kind, enum dv_op op, const struct dv_type *type, struct dv_node *a)
{
	struct dv_node *n = node(kind, type, 1, a, NULL, NULL);

	n->op = op;
	return n;
}

static struct dv_node *var(struct dv_var *v)
{
	struct dv_node *n = node(DV_NODE_VAR, v->type, 0, NULL, NULL, NULL);

	n->var = v;
	return n;
}

static struct dv_node *set(struct dv_node *to, struct dv_node *from)
{
	return node(DV_NODE_ASSIGN, to->type, 2, to, from, NULL);
}

static struct dv_node *builtin(enum dv_builtin b, const struct dv_type *type)
{
	struct dv_node *n = node(DV_NODE_BUILTIN, type, 0, NULL, NULL, NULL);

	n->builtin = b;
	return n;
}

static struct dv_stmt *stmt(struct dv_node *e, struct dv_stmt *next)
{
	struct dv_stmt *s = dv_arena_alloc(&arena, sizeof(*s));

	s->kind = DV_STMT_EXPR;
	s->expr = e;
	s->next = next;
	return s;
}

static struct dv_node *call(const struct dv_call *c, unsigned n, struct dv_node *a, struct dv_node *b,
			    struct dv_node *d)
{
	struct dv_node *k = node(DV_NODE_CALL, dv_type_void(), n, a, b, d);

	k->call = c;
	return k;
}

static const struct dv_call c_printf = {"printf", DV_CALL_ACTION, DV_C_PRINTF},
			    c_trace = {"trace", DV_CALL_ACTION, DV_C_TRACE};
static struct dv_var g = {.name = "g", .cell = DV_GLOBALS_OFF};

/** Run one clause; its output without the newline at the end. */
static char *run(struct dv_stmt *stmts, struct dv_node *predicate, struct run **keep)
{
	struct dv_clause c = {.stmts = stmts, .predicate = predicate};
	struct dv_output o = {.quiet = true};
	struct run *r = run_create(256);
	char *msg = NULL, *ret;
	size_t n;
	int status;

	if (!run_add(r, "BEGIN", &c, &msg)) {
		run_destroy(r);
		return msg;
	}
	run_start(r, 64, 64, 256, NULL, 0, &o);
	run_fire(r, "BEGIN");
	ret = dv_xstrdup(run_finish(r, &status));
	n = strlen(ret);
	if (n)
		ret[n - 1] = 0;
	if (keep)
		*keep = r;
	else
		run_destroy(r);
	return ret;
}

static uint64_t eval(struct dv_node *e)
{
	struct run *r = NULL;
	uint64_t v;
	char *out;

	g.type = e->type;
	out = run(stmt(set(var(&g), e), NULL), NULL, &r);
	if (!r || out[0]) {
		fprintf(stderr, "%s\n", out);
		test_failures++;
		free(out);
		if (r)
			run_destroy(r);
		return 0;
	}
	v = run_word(r, g.cell);
	free(out);
	run_destroy(r);
	return v;
}

/** An integer that the generator cannot see to be constant: a variable set before it. */
static struct dv_node *opaque(uint64_t v, const struct dv_type *t)
{
	// builtin 0 in the fake machine: v + 0
	return node(DV_NODE_CAST, t, 1,
		    op2(DV_OP_ADD, dv_type_int(8, true), num(v, dv_type_int(8, true)),
			builtin(DV_BI_ERRNO, dv_type_int(8, true))),
		    NULL, NULL);
}

#define C_TYPES(X) X(int32_t, 4, true) X(uint32_t, 4, false) X(int64_t, 8, true) X(uint64_t, 8, false)

static void test_arithmetic(void)
{
	static const uint64_t values[] = {
	    0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff, 0x123456789abcdef0, ~0ull, 0x8000000000000000};

#define X(T, size, sgn)                                                                                                \
	for (size_t i = 0; i < DV_COUNT(values); i++)                                                                  \
		for (size_t j = 0; j < DV_COUNT(values); j++) {                                                        \
			const struct dv_type *t = dv_type_int(size, sgn), *in = dv_type_int(4, true);                  \
			T a = (T)values[i], b = (T)values[j];                                                          \
			unsigned sh = (unsigned)j * 3;                                                                 \
			for (int k = 0; k < 2; k++) {                                                                  \
				struct dv_node *x = opaque((uint64_t)(int64_t)a, t);                                   \
				struct dv_node *y = k ? num((uint64_t)b, t) : opaque((uint64_t)(int64_t)b, t);         \
				struct dv_node *s = k ? num(sh, in) : opaque(sh, in);                                  \
				CHECK_EQ(eval(op2(DV_OP_ADD, t, x, y)), (T)((uint64_t)a + (uint64_t)b));               \
				CHECK_EQ(eval(op2(DV_OP_SUB, t, x, y)), (T)((uint64_t)a - (uint64_t)b));               \
				CHECK_EQ(eval(op2(DV_OP_MUL, t, x, y)), (T)((uint64_t)a * (uint64_t)b));               \
				CHECK_EQ(eval(op2(DV_OP_AND, t, x, y)), (T)(a & b));                                   \
				CHECK_EQ(eval(op2(DV_OP_XOR, t, x, y)), (T)(a ^ b));                                   \
				CHECK_EQ(eval(op2(DV_OP_SHL, t, x, s)), (T)((uint64_t)a << sh));                       \
				CHECK_EQ(eval(op2(DV_OP_SHR, t, x, s)), (T)(a >> sh));                                 \
				CHECK_EQ(eval(op2(DV_OP_LT, in, x, y)), a < b);                                        \
				CHECK_EQ(eval(op2(DV_OP_GE, in, x, y)), a >= b);                                       \
				CHECK_EQ(eval(op2(DV_OP_EQ, in, x, y)), a == b);                                       \
				CHECK_EQ(eval(op2(DV_OP_GT, in, y, x)), b > a);                                        \
				if (b && !(sgn && b == (T)-1)) {                                                       \
					CHECK_EQ(eval(op2(DV_OP_DIV, t, x, y)), (T)(a / b));                           \
					CHECK_EQ(eval(op2(DV_OP_MOD, t, x, y)), (T)(a % b));                           \
				}                                                                                      \
			}                                                                                              \
			CHECK_EQ(eval(op1(DV_NODE_UNARY, DV_OP_NEG, t, opaque((uint64_t)a, t))),                       \
				 (T)(0 - (uint64_t)a));                                                                \
			CHECK_EQ(eval(op1(DV_NODE_UNARY, DV_OP_BITNOT, t, opaque((uint64_t)a, t))), (T)~a);            \
			CHECK_EQ(                                                                                      \
			    eval(node(DV_NODE_CAST, dv_type_int(1, true), 1, opaque((uint64_t)a, t), NULL, NULL)),     \
			    (int8_t)a);                                                                                \
			CHECK_EQ(                                                                                      \
			    eval(node(DV_NODE_CAST, dv_type_int(2, false), 1, opaque((uint64_t)a, t), NULL, NULL)),    \
			    (uint16_t)a);                                                                              \
		}
	// Each operator is a run of its own; the whole matrix for one type, its diagonal for the others.
	X(int32_t, 4, true)
#undef X
#define X(T, size, sgn)                                                                                                \
	for (size_t i = 0; i < DV_COUNT(values); i++) {                                                                \
		const struct dv_type *t = dv_type_int(size, sgn), *in = dv_type_int(4, true);                          \
		T a = (T)values[i], b = (T)values[(i + 4) % DV_COUNT(values)];                                         \
		struct dv_node *x = opaque((uint64_t)(int64_t)a, t), *y = opaque((uint64_t)(int64_t)b, t);             \
		CHECK_EQ(eval(op2(DV_OP_ADD, t, x, y)), (T)((uint64_t)a + (uint64_t)b));                               \
		CHECK_EQ(eval(op2(DV_OP_SUB, t, x, y)), (T)((uint64_t)a - (uint64_t)b));                               \
		CHECK_EQ(eval(op2(DV_OP_OR, t, x, y)), (T)(a | b));                                                    \
		CHECK_EQ(eval(op2(DV_OP_LE, in, x, y)), a <= b);                                                       \
		CHECK_EQ(eval(op2(DV_OP_NE, in, x, y)), a != b);                                                       \
		CHECK_EQ(eval(op2(DV_OP_SHR, t, x, num(5, in))), (T)(a >> 5));                                         \
		CHECK_EQ(eval(op1(DV_NODE_UNARY, DV_OP_BITNOT, t, x)), (T)~a);                                         \
	}
	C_TYPES(X)
#undef X
}

static void test_logic(void)
{
	const struct dv_type *in = dv_type_int(4, true);

	for (int a = 0; a < 2; a++)
		for (int b = 0; b < 2; b++) {
			struct dv_node *x = opaque((uint64_t)a * 5, in), *y = opaque((uint64_t)b * 3, in);

			CHECK_EQ(eval(op2(DV_OP_LAND, in, x, y)), a && b);
			CHECK_EQ(eval(op2(DV_OP_LOR, in, x, y)), a || b);
			CHECK_EQ(eval(op2(DV_OP_LXOR, in, x, y)), a != b);
			CHECK_EQ(eval(op1(DV_NODE_UNARY, DV_OP_NOT, in, op2(DV_OP_LAND, in, x, y))), !(a && b));
			CHECK_EQ(
			    eval(op2(DV_OP_LOR, in, op1(DV_NODE_UNARY, DV_OP_NOT, in, x), op2(DV_OP_LAND, in, y, x))),
			    !a || (b && a));
			CHECK_EQ(eval(op2(DV_OP_LAND, in, num((uint64_t)a, in), y)), a && b);
			CHECK_EQ(eval(op2(DV_OP_LOR, in, x, num((uint64_t)b, in))), a || b);
			CHECK_EQ(eval(node(DV_NODE_COND, in, 3, op2(DV_OP_LAND, in, x, y), num(7, in), num(9, in))),
				 a && b ? 7 : 9);
			CHECK_EQ(eval(node(DV_NODE_COND, in, 3, num((uint64_t)a, in), num(7, in), num(9, in))),
				 a ? 7 : 9);
		}
}

static void test_deep(void)
{
	const struct dv_type *t = dv_type_int(8, true);
	struct dv_node *e = opaque(1, t);
	char *out;

	// x - (x - (x - ...)): each level holds its left side; the holds run over the registers onto the stack.
	for (int i = 0; i < 50; i++)
		e = op2(DV_OP_SUB, t, opaque(100, t), e);
	CHECK_EQ(eval(e), 1);
	for (int i = 0; i < 60; i++)
		e = op2(DV_OP_SUB, t, opaque(100, t), e);
	g.type = t;
	out = run(stmt(set(var(&g), e), NULL), NULL, NULL);
	CHECK_STR(out, "expression is too complex");
	free(out);
	for (int i = 0; i < 5000; i++)
		e = op1(DV_NODE_UNARY, DV_OP_NEG, t, e);
	out = run(stmt(set(var(&g), e), NULL), NULL, NULL);
	CHECK_STR(out, "expression is too complex");
	free(out);
}

static void test_predicate(void)
{
	const struct dv_type *in = dv_type_int(4, true);
	struct dv_clause c = {.predicate = op2(DV_OP_EQ, in, builtin(DV_BI_PID, in), num(1234, in))};
	struct dv_output o = {.quiet = false};
	struct run *r = run_create(256);
	const struct dv_program *p;
	char *msg;
	int status;

	CHECK(run_add(r, "BEGIN", &c, &msg));
	p = run_program(r, 0);
	// r1 = pid; call bi; if r0 != 1234 goto
	CHECK_EQ(p->insns[0].code, DV_ALU64 | DV_MOV | DV_K);
	CHECK_EQ(p->insns[1].code, DV_JMP | DV_CALL);
	CHECK_EQ(p->insns[2].code, DV_JMP | DV_JNE | DV_K);
	CHECK_EQ(p->insns[2].imm, 1234);
	CHECK_EQ(p->action_count, 1);
	CHECK_EQ(p->actions[0].kind, DV_ACT_DEFAULT);
	c.predicate = op2(DV_OP_EQ, in, builtin(DV_BI_PID, in), num(1, in));
	CHECK(run_add(r, "BEGIN", &c, &msg));
	c.predicate = num(0, in);
	CHECK(run_add(r, "BEGIN", &c, &msg));
	CHECK_EQ(run_program(r, 2)->insn_count, 2);
	c.predicate = builtin(DV_BI_EXECNAME, dv_type_string());
	CHECK(run_add(r, "BEGIN", &c, &msg));
	run_start(r, 8, 64, 256, NULL, 0, &o);
	run_fire(r, "BEGIN");
	CHECK_STR(run_finish(r, &status), "CPU     ID                    FUNCTION:NAME\n"
					  "  0      1                           :BEGIN \n"
					  "  0      1                           :BEGIN \n\n");
	run_destroy(r);
}

static void test_memory(void)
{
	const struct dv_type *u8 = dv_type_int(1, false), *u16 = dv_type_int(2, false), *s8 = dv_type_int(1, true);
	const struct dv_type *u32 = dv_type_int(4, false), *u64 = dv_type_int(8, false);
	struct dv_universe *u = dv_universe_create(1, "t", NULL, NULL);
	struct dv_type *st = dv_type_new(u, DV_TYPE_STRUCT, "s", 32);
	struct dv_node *p = node(DV_NODE_CAST, dv_type_ptr(st), 1, opaque(RUN_KMEM, u64), NULL, NULL);
	struct dv_node *s = node(DV_NODE_DEREF, st, 1, p, NULL, NULL), *m;
	const struct {
		uint32_t off, size;
		bool sgn;
		uint64_t want;
	} fields[] = {
	    {0, 4, false, 0},
	    {12, 4, false, 0},
	    {8, 3, false, 1},
	    {16, 12, false, 0x302},
	    {28, 8, false, 0x40},
	    {1023, 1, false, 0},
	    {1016, 8, true, 0x7f},
	    {1024, 8, true, (uint64_t)(int8_t)0x80},
	    {1984, 64, true, 0xfffefdfcfbfaf9f8},
	    {1030, 20, false, 0x3820a06 & 0xfffff},
	};
	struct dv_node *sym = node(DV_NODE_SYM, u16, 0, NULL, NULL, NULL);

	st->universe = u;
	for (size_t i = 0; i < DV_COUNT(fields); i++) {
		m = node(DV_NODE_MEMBER, fields[i].sgn ? dv_type_int(8, true) : u64, 1, s, NULL, NULL);
		m->bit_off = fields[i].off;
		m->bit_size = fields[i].size;
		if (i != DV_COUNT(fields) - 1)
			CHECK_EQ(eval(m), fields[i].want);
	}
	m = node(DV_NODE_MEMBER, u32, 1, s, NULL, NULL);
	m->bit_off = 32;
	CHECK_EQ(eval(m), 0x07060504);
	m->type = u16;
	CHECK_EQ(eval(m), 0x0504);
	m->type = s8;
	m->bit_off = 8 * 200;
	CHECK_EQ(eval(m), (uint64_t)(int8_t)200);
	sym->addr = RUN_KMEM + 2;
	sym->mach = DV_MACH_SELF;
	CHECK_EQ(eval(sym), 0x0302);
	// *(p + 3) of u8, constant and not
	p = node(DV_NODE_CAST, dv_type_ptr(u8), 1, opaque(RUN_KMEM, u64), NULL, NULL);
	m = op2(DV_OP_ADD, p->type, p, num(3, dv_type_int(8, true)));
	m->scale = 1;
	CHECK_EQ(eval(node(DV_NODE_DEREF, u8, 1, m, NULL, NULL)), 3);
	p = node(DV_NODE_CAST, dv_type_ptr(u16), 1, opaque(RUN_KMEM, u64), NULL, NULL);
	m = op2(DV_OP_ADD, p->type, p, opaque(3, dv_type_int(8, true)));
	m->scale = 2;
	CHECK_EQ(eval(node(DV_NODE_DEREF, u16, 1, m, NULL, NULL)), 0x0706);
	dv_universe_destroy(u);
}

/** A pointer kept in each kind of variable reads the memory that it came from. */
static void test_pointers(void)
{
	const struct dv_type *u64 = dv_type_int(8, false), *p64 = dv_type_ptr(u64), *in = dv_type_int(4, true);
	struct dv_var vars[] = {
	    {.name = "p", .type = p64, .cell = DV_GLOBALS_OFF + 16},
	    {.name = "tp", .type = p64, .scope = DV_SCOPE_THIS, .cell = 16},
	    {.name = "sp", .type = p64, .scope = DV_SCOPE_SELF, .id = 3},
	};
	struct dv_node *addr = node(DV_NODE_CAST, p64, 1, opaque(RUN_KMEM + 1032, u64), NULL, NULL), *e;

	for (size_t i = 0; i < DV_COUNT(vars); i++) {
		struct run *r = NULL;
		struct dv_var *v = &vars[i];
		char *out;

		g.type = u64;
		// v = addr; g = *(cond ? v : 0) + *v; v += 2 on top
		e = node(DV_NODE_COND, p64, 3, opaque(1, in), var(v), num(0, p64));
		e = op2(DV_OP_ADD, u64, node(DV_NODE_DEREF, u64, 1, e, NULL, NULL),
			node(DV_NODE_DEREF, u64, 1, var(v), NULL, NULL));
		out = run(stmt(set(var(v), addr), stmt(set(var(&g), e), NULL)), NULL, &r);
		CHECK_STR(out, "");
		CHECK_EQ(run_word(r, g.cell), 20);
		free(out);
		run_destroy(r);
		e = node(DV_NODE_ASSIGN, p64, 2, var(v), num(2, in), NULL);
		e->op = DV_OP_ADD;
		e->scale = 8;
		out = run(stmt(set(var(v), addr), stmt(set(var(&g), node(DV_NODE_DEREF, u64, 1, e, NULL, NULL)), NULL)),
			  NULL, &r);
		CHECK_STR(out, "");
		CHECK_EQ(run_word(r, g.cell), 20);
		free(out);
		run_destroy(r);
		// never set: a bad address, on the machine that fired
		out = run(stmt(set(var(&g), node(DV_NODE_DEREF, u64, 1, var(v), NULL, NULL)), NULL), NULL, NULL);
		CHECK_STR(out, "error: invalid address (0x0) in action #1 of clause 1\n");
		free(out);
	}
}

static void test_actions(void)
{
	const struct dv_type *in = dv_type_int(4, true);
	char *out;

	out = run(stmt(call(&c_printf, 3, text("%d %s|"), num(5, in), text("five")),
		       stmt(call(&c_trace, 1, builtin(DV_BI_EXECNAME, dv_type_string()), NULL, NULL), NULL)),
		  NULL, NULL);
	CHECK_STR(out, "5 five|tester");
	free(out);
	// A fault throws the record away and says which statement it was.
	out = run(stmt(call(&c_printf, 2, text("%d"), num(5, in), NULL),
		       stmt(call(&c_trace, 1, op2(DV_OP_DIV, in, num(1, in), opaque(0, in)), NULL, NULL), NULL)),
		  NULL, NULL);
	CHECK_STR(out, "error: divide-by-zero (0x0) in action #2 of clause 1\n");
	free(out);
}

static void test_consts(void)
{
	struct dv_consts *c = dv_consts_create();
	uint32_t a = dv_consts_intern(c, "abc", 3), size, last = 0;
	char name[16];

	CHECK_EQ(dv_consts_intern(c, "", 0), 0);
	CHECK(a > DV_CONSTS_OFF);
	CHECK_EQ(dv_consts_intern(c, "abcd", 3), a);
	CHECK(dv_consts_intern(c, "abcd", 4) != a);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		last = dv_consts_intern(c, name, strlen(name));
		CHECK_EQ(last % 8, 0);
	}
	CHECK_EQ(dv_consts_intern(c, "s4999", 5), last);
	CHECK_EQ(dv_consts_intern(c, "abc", 3), a);
	CHECK_STR((const char *)dv_consts_data(c, &size) + (a - DV_CONSTS_OFF), "abc");
	CHECK(size >= 5000 * 8);
	dv_consts_destroy(c);
}

int main(void)
{
	dv_arena_init(&arena);
	test_consts();
	test_arithmetic();
	test_logic();
	test_deep();
	test_predicate();
	test_memory();
	test_pointers();
	test_actions();
	dv_arena_deinit(&arena);
	return test_done();
}
