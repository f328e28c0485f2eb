/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "dgen_impl.h"

void literal(struct dgen *g)
{
	unsigned v = pick(g, 256);

	switch (pick(g, 10)) {
	default:
		put(g, "%u", v % 20);
		break;
	case 1:
		put(g, "%u", v);
		break;
	case 2:
		put(g, "0x%x%02x%02x%02x", v, pick(g, 256), pick(g, 256), pick(g, 256));
		break;
	case 3:
		put(g, "%uL", v);
		break;
	case 4:
		put(g, "%uull", v);
		break;
	case 5:
		put(g, "0x%x%02x%06x%02x%04x", v, pick(g, 256), pick(g, 256) * 257, pick(g, 256), pick(g, 256));
		break;
	case 6:
		put(g, "'%c'", 'a' + (int)(v % 26));
		break;
	case 7:
		put(g, "0%o", v);
		break;
	case 8:
		put(g, "-1");
		break;
	case 9:
		put(g, "%uu", v);
		break;
	}
}

void text_literal(struct dgen *g)
{
	static const char *const texts[] = {"", "a", "hello, world", "a/b/c", "/usr//lib/../x/./y/", "12345", "-0x1f", "abc,def;;ghi",
					    "{\\\"a\\\": [1, {\\\"b\\\": \\\"x\\\"}], \\\"c\\\": 3}", "\\n\\t\\\\\\001\\377",
					    "\xc3\xa9t\xc3\xa9", "%s%d%%", "ab", "b", "/", "tester", "a long text that does not fit into a small string"};
	unsigned n = pick(g, 20);

	if (n < sizeof(texts) / sizeof(*texts)) {
		put(g, "\"%s\"", texts[n]);
		return;
	}
	put(g, "\"");
	for (unsigned i = pick(g, 40); i; i--)
		put(g, "%c", "abcxyzABC019 /.,:;_-"[pick(g, 20)]);
	put(g, "\"");
}

/* -- variables ------------------------------------------------------------------------------------------------ */

// A key; few different ones, so that they are met again.
static void key(struct dgen *g)
{
	if (tired(g) || pick(g, 2)) {
		put(g, "%u", pick(g, 4));
		return;
	}
	put(g, "(");
	e_int(g);
	put(g, ") & 3");
}

// An index of an array of n elements.
static void index_of(struct dgen *g, unsigned n)
{
	if (tired(g) || pick(g, 3)) {
		put(g, "[%u]", pick(g, n));
		return;
	}
	put(g, "[(uint8_t)(");
	e_int(g);
	put(g, ")");
	if (!chance(g, 6))
		put(g, " %% %u", n);
	put(g, "]");
}

static void short_text(struct dgen *g)
{
	if (tired(g) || pick(g, 2))
		put(g, "\"%c\"", 'a' + (int)pick(g, 3));
	else
		e_str(g);
}

void lv_struct(struct dgen *g, unsigned which)
{
	static const char *const zero[] = {"s0", "self->ss0"}, *const one[] = {"s1", "this->ts0"};
	unsigned n = pick(g, 5);

	if (which == 2) {
		put(g, "s2");
	} else if (n < 2) {
		put(g, "%s", which ? one[n] : zero[n]);
	} else {
		put(g, which ? "sv" : "sa[");
		g->depth++;
		if (which) {
			index_of(g, 3);
		} else {
			key(g);
			put(g, "]");
		}
		g->depth--;
	}
}

// From structure `which` on, to a member of that kind: is there one on a random way?
static bool find(struct dgen *g, unsigned which, enum kind kind, char *path, size_t size, size_t at)
{
	const struct shape *s = &g->shapes[which];
	unsigned first = pick(g, s->count);

	for (unsigned i = 0; i < s->count; i++) {
		unsigned k = (first + i) % s->count;
		const struct member *m = &s->m[k];
		size_t n = at + (size_t)snprintf(path + at, size - at, ".m%u", k);

		if (m->kind != kind && m->kind != K_STRUCT)
			continue;
		if (m->array)
			n += (size_t)snprintf(path + n, size - n, "[%u]", pick(g, m->array));
		if (m->kind == kind || find(g, m->sub, kind, path, size, n))
			return true;
	}
	return false;
}

bool lv_member(struct dgen *g, enum kind kind)
{
	unsigned which = pick(g, STRUCTS);
	char path[128];

	if (!find(g, which, kind, path, sizeof(path), 0))
		return false;
	lv_struct(g, which);
	put(g, "%s", path);
	return true;
}

void lv_int(struct dgen *g)
{
	g->depth++;
	switch (pick(g, tired(g) ? 4 : 14)) {
	default:
		put(g, "g%u", pick(g, 6));
		break;
	case 1:
		put(g, "self->i0");
		break;
	case 2:
		put(g, "this->i0");
		break;
	case 3:
		put(g, "u%u", pick(g, 2));
		break;
	case 4:
	case 5:
		put(g, "a0[");
		key(g);
		put(g, "]");
		break;
	case 6:
		put(g, "a1[");
		short_text(g);
		put(g, ", ");
		key(g);
		put(g, "]");
		break;
	case 7:
		put(g, "self->a[");
		key(g);
		put(g, "]");
		break;
	case 8:
		put(g, "ga");
		index_of(g, 4);
		break;
	case 9:
	case 10:
	case 11:
		if (!lv_member(g, K_INT))
			put(g, "g0");
		break;
	case 12:
		if (g->scratch) {
			put(g, "this->m");
			index_of(g, 16);
		} else {
			put(g, "g1");
		}
		break;
	}
	g->depth--;
}

void lv_str(struct dgen *g)
{
	g->depth++;
	switch (pick(g, tired(g) ? 4 : 8)) {
	default:
		put(g, "str0");
		break;
	case 1:
		put(g, "str1");
		break;
	case 2:
		put(g, "self->str");
		break;
	case 3:
		put(g, "this->str");
		break;
	case 4:
		put(g, "as[");
		short_text(g);
		put(g, "]");
		break;
	case 5:
		put(g, "a2[");
		key(g);
		put(g, "]");
		break;
	case 6:
		put(g, "strv");
		index_of(g, 3);
		break;
	case 7:
		if (!lv_member(g, K_TEXT))
			put(g, "str0");
		break;
	}
	g->depth--;
}

void lv_node(struct dgen *g)
{
	switch (pick(g, 4)) {
	default:
		put(g, "n0");
		break;
	case 1:
		put(g, "self->n");
		break;
	case 2:
		put(g, "this->n");
		break;
	case 3:
		if (!lv_member(g, K_NODE))
			put(g, "n0");
		break;
	}
}

/* -- values --------------------------------------------------------------------------------------------------- */

void e_node(struct dgen *g)
{
	if (wrong(g))
		return;
	g->depth++;
	switch (pick(g, tired(g) ? 3 : 12)) {
	default:
		put(g, "(&`first_node)");
		break;
	case 1:
		lv_node(g);
		break;
	case 2:
		put(g, g->in_error ? "n0" : "args[3]");
		break;
	case 3:
	case 4:
		e_node(g);
		put(g, "->next");
		break;
	case 5:
		put(g, "((struct node *)%s)", pick(g, 2) ? "NULL" : "16");
		break;
	case 6:
		put(g, "(");
		e_int(g);
		put(g, " ? ");
		e_node(g);
		put(g, " : ");
		e_node(g);
		put(g, ")");
		break;
	case 7:
		put(g, "(&`first_node + %u)", pick(g, 3));
		break;
	case 8:
		put(g, g->constant ? "n0" : "in3[");
		if (g->constant)
			break;
		e_node(g);
		put(g, ", %u]", pick(g, 2));
		break;
	case 9:
		if (g->constant) {
			put(g, "n0");
			break;
		}
		put(g, "(");
		lv_node(g);
		put(g, " = ");
		e_node(g);
		put(g, ")");
		break;
	case 10:
		put(g, g->constant ? "n0" : "xlate <x0_t *>(");
		if (g->constant)
			break;
		e_node(g);
		put(g, ")->xn");
		break;
	case 11:
		put(g, g->how.placed ? "((struct node *)&db`vmlinux`first_node)" : "((struct node *)&`bytes)");
		break;
	}
	g->depth--;
}

void e_str(struct dgen *g)
{
	static const char *const given[] = {"execname", "vmname", "probename", "probeprov", "probefunc", "probemod"};
	static const char *const unary[] = {"tolower", "toupper", "basename", "dirname", "cleanpath"};

	if (wrong(g))
		return;
	g->depth++;
	switch (pick(g, tired(g) ? 3 : 22)) {
	default:
		text_literal(g);
		break;
	case 1:
		lv_str(g);
		break;
	case 2:
		put(g, "%s", given[pick(g, 6)]);
		break;
	case 3:
	case 4:
		put(g, "strjoin(");
		e_str(g);
		put(g, ", ");
		e_str(g);
		put(g, ")");
		break;
	case 5:
	case 6:
		put(g, "substr(");
		e_str(g);
		put(g, ", ");
		e_int(g);
		if (pick(g, 2)) {
			put(g, ", ");
			e_int(g);
		}
		put(g, ")");
		break;
	case 7:
	case 8:
		put(g, "%s(", unary[pick(g, 5)]);
		e_str(g);
		put(g, ")");
		break;
	case 9:
		put(g, "lltostr(");
		e_int(g);
		if (chance(g, 2))
			put(g, ", %u", 2 + pick(g, 35));
		put(g, ")");
		break;
	case 10:
		put(g, "strtok(");
		if (pick(g, 2))
			e_str(g);
		else
			put(g, "NULL");
		put(g, ", ");
		short_text(g);
		put(g, ")");
		break;
	case 11:
		put(g, "%s(", pick(g, 2) ? "strchr" : "strrchr");
		e_str(g);
		put(g, ", '%c')", "abl/,"[pick(g, 5)]);
		break;
	case 12:
		put(g, "strstr(");
		e_str(g);
		put(g, ", ");
		short_text(g);
		put(g, ")");
		break;
	case 13:
		put(g, "json(");
		e_str(g);
		put(g, ", \"%s\")", pick(g, 2) ? "a[1].b" : "c");
		break;
	case 14:
		put(g, "(");
		e_int(g);
		put(g, " ? ");
		e_str(g);
		put(g, " : ");
		e_str(g);
		put(g, ")");
		break;
	case 15:
		put(g, pick(g, 2) ? "stringof((char *)&`greeting + %u)" : "copyinstr(0x400000 + %u)", pick(g, 12));
		break;
	case 16:
		put(g, pick(g, 2) ? "inet_ntoa((uint32_t *)((char *)&`bytes + %u))" : "inet_ntop(2, (char *)&`bytes + %u)",
		    pick(g, 200));
		break;
	case 17:
		put(g, pick(g, 2) ? "inet_ntoa6((char *)&`bytes + %u)" : "link_ntop(1, (char *)&`bytes + %u)", pick(g, 200));
		break;
	case 18:
		if (g->constant) {
			put(g, "\"k\"");
			break;
		}
		put(g, "in2[");
		e_str(g);
		put(g, ", ");
		e_int(g);
		put(g, "]");
		break;
	case 19:
		if (g->constant) {
			put(g, "str0");
			break;
		}
		put(g, "xlate <x0_t *>(");
		if (pick(g, 2))
			e_node(g);
		else
			put(g, "(int)%u", pick(g, 100));
		put(g, ")->xs");
		break;
	case 20:
		if (g->constant) {
			put(g, "str1");
			break;
		}
		put(g, "(");
		lv_str(g);
		put(g, " = ");
		e_str(g);
		put(g, ")");
		break;
	case 21:
		if (!lv_member(g, K_TEXT))
			put(g, "strv[1]");
		break;
	}
	g->depth--;
}

// What is the same on every machine, and what is not.
static void given(struct dgen *g)
{
	static const char *const same[] = {"E0A", "E0B", "E0C", "in0", "`counter", "BLUE", "GREEN", "sizeof(struct S0)", "sizeof(S2_t)",
					   "sizeof(struct S1)", "sizeof(s1)", "epid", "sizeof(struct node)",
					   "offsetof(struct node, value)", "sizeof(str0)", "defined(int)",
					   "defined(nosuch_t *)", "(defined(`nosuch) ? 1 : 2)"};
	static const char *const args[] = {"arg0", "arg1", "arg9", "args[0]", "args[1]", "args[2]"};
	static const char *const placed[] = {"pid", "tid", "ppid", "uid", "gid", "cpu", "errno", "stackdepth", "ustackdepth",
					     "timestamp", "walltimestamp", "caller", "ucaller", "id", "seq", "uregs[R_RAX]",
					     "rand()", "progenyof(1)", "curthread->value", "db`vmlinux`counter", "ipl",
					     "hosttid", "guestvcpu", "speculation()", "arg3", "$pid", "$uid"};

	if (!g->in_error && pick(g, 3) == 0)
		put(g, "%s", args[pick(g, 6)]);
	else if (g->how.placed && pick(g, 3) == 0)
		put(g, "%s", placed[pick(g, sizeof(placed) / sizeof(*placed))]);
	else
		put(g, "%s", same[pick(g, g->constant ? 3 : sizeof(same) / sizeof(*same))]);
}

// Bytes of the machine, through types of all sorts.
static void memory(struct dgen *g)
{
	switch (pick(g, 13)) {
	default:
		put(g, "`bytes");
		index_of(g, 250);
		break;
	case 1:
		put(g, "((struct bits *)((char *)&`bytes + %u))->%c", pick(g, 250), 'a' + (int)pick(g, 4));
		break;
	case 2:
		put(g, "((struct out *)&`bytes)->%s", (const char *[]){"i", "in.a", "arr[2]", "s", "c"}[pick(g, 5)]);
		break;
	case 3:
	case 4:
		e_node(g);
		put(g, "->value");
		break;
	case 5:
		put(g, "*(%s *)((char *)&`bytes + %u)", int_type(g), pick(g, 240));
		break;
	case 6:
		put(g, "`head[%u]", pick(g, 20));
		break;
	case 7:
		put(g, "*(int *)copyin(0x400040 + %u, 4)", 4 * pick(g, 3));
		break;
	case 8: {
		char path[128];
		unsigned which = pick(g, STRUCTS);

		if (find(g, which, K_INT, path, sizeof(path), 0))
			put(g, "((struct S%u *)&`bytes)->%s", which, path + 1);
		else
			put(g, "`first_node.value");
		break;
	}
	case 9:
		put(g, "((struct rec *)&`bytes)->%s", pick(g, 2) ? "text[3]" : "n.value");
		break;
	case 10: {
		char path[128];
		unsigned which = pick(g, STRUCTS);

		if (find(g, which, K_INT, path, sizeof(path), 0))
			put(g, "(&s%u)->%s", which, path + 1);
		else
			put(g, "(*&s%u).m0%s", which, g->shapes[which].m[0].kind == K_INT && !g->shapes[which].m[0].array ? "" : " != 0");
		break;
	}
	case 12:
		put(g, "((struct S0 *)%u)->m0%s", pick(g, 40), g->shapes[0].m[0].kind == K_INT && !g->shapes[0].m[0].array ? "" : " != 0");
		break;
	case 11:
		put(g, "((userland char *)0x400000)[%u]", pick(g, 10));
		break;
	}
}

static void operation(struct dgen *g)
{
	static const char *const ops[] = {"+", "-", "*", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "^^"};
	unsigned n = pick(g, 21);

	put(g, "(");
	e_int(g);
	if (n < 17) {
		put(g, " %s ", ops[n]);
		e_int(g);
	} else {
		put(g, " %s (", n & 1 ? "/" : "%");
		e_int(g);
		put(g, chance(g, 6) ? ")" : " | 1)");
	}
	put(g, ")");
}

static void of_strings(struct dgen *g)
{
	static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};

	switch (pick(g, 6)) {
	default:
		put(g, "(");
		e_str(g);
		put(g, " %s ", ops[pick(g, 6)]);
		e_str(g);
		put(g, ")");
		break;
	case 1:
		put(g, "strlen(");
		e_str(g);
		put(g, ")");
		break;
	case 2:
		put(g, "%s(", pick(g, 2) ? "index" : "rindex");
		e_str(g);
		put(g, ", ");
		e_str(g);
		if (chance(g, 2)) {
			put(g, ", ");
			e_int(g);
		}
		put(g, ")");
		break;
	case 3:
		put(g, "strtoll(");
		e_str(g);
		if (chance(g, 2))
			put(g, ", %u", 2 + pick(g, 35));
		put(g, ")");
		break;
	case 4:
		put(g, "(");
		e_str(g);
		put(g, ")[%u]", pick(g, 12));
		break;
	case 5:
		put(g, "(*");
		e_str(g);
		put(g, ")");
		break;
	}
}

static void changing(struct dgen *g)
{
	static const char *const ops[] = {"=", "+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>="};
	unsigned n = pick(g, 13);

	put(g, "(");
	if (n < 9) {
		lv_int(g);
		put(g, " %s ", ops[n]);
		e_int(g);
	} else {
		put(g, "%s", n == 9 ? "++" : n == 10 ? "--" : "");
		lv_int(g);
		put(g, "%s", n == 11 ? "++" : n == 12 ? "--" : "");
	}
	put(g, ")");
}

static void of_nodes(struct dgen *g)
{
	static const char *const swaps[] = {"htons", "htonl", "htonll", "ntohs", "ntohl", "ntohll", "getmajor", "getminor"};

	switch (pick(g, 6)) {
	default:
		// Of parts of one object alone: all else tells where things lie.
		if (!pick(g, 3)) {
			put(g, "((&`first_node + %u) - (&`first_node + %u))", pick(g, 9), pick(g, 9));
			break;
		}
		put(g, "(");
		e_node(g);
		put(g, pick(g, 2) ? " == " : " != ");
		e_node(g);
		put(g, ")");
		break;
	case 1:
		put(g, "%s(", swaps[pick(g, 8)]);
		e_int(g);
		put(g, ")");
		break;
	case 2:
		put(g, "(!");
		e_node(g);
		put(g, ")");
		break;
	case 3:
	case 4:
		put(g, "xlate <x0_t%s>(", pick(g, 2) ? " *" : "");
		// The operator behind must fit.
		if (g->text[g->len - 3] == '*') {
			e_node(g);
			put(g, ")->%s", pick(g, 2) ? "xi" : "xh");
		} else {
			put(g, "(int)");
			e_int(g);
			put(g, ").%s", pick(g, 2) ? "xi" : "xh");
		}
		break;
	case 5:
		put(g, "(");
		e_int(g);
		put(g, ", ");
		e_int(g);
		put(g, ")");
		break;
	}
}

void e_int(struct dgen *g)
{
	if (wrong(g))
		return;
	g->depth++;
	switch (pick(g, tired(g) ? 3 : 24)) {
	default:
		literal(g);
		break;
	case 1:
		lv_int(g);
		break;
	case 2:
		given(g);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		operation(g);
		break;
	case 9:
		put(g, "%s(", (const char *[]){"-", "~", "!", "+"}[pick(g, 4)]);
		e_int(g);
		put(g, ")");
		break;
	case 10:
	case 11:
		put(g, "((%s)", int_type(g));
		e_int(g);
		put(g, ")");
		break;
	case 12:
		put(g, "(");
		e_int(g);
		put(g, " ? ");
		e_int(g);
		put(g, " : ");
		e_int(g);
		put(g, ")");
		break;
	case 13:
	case 14:
	case 15:
		of_strings(g);
		break;
	case 16:
	case 17:
	case 18:
		memory(g);
		break;
	case 19:
	case 20:
		if (g->constant)
			given(g);
		else
			changing(g);
		break;
	case 21:
	case 22:
		if (g->constant)
			lv_int(g);
		else
			of_nodes(g);
		break;
	case 23:
		if (g->constant) {
			literal(g);
			break;
		}
		put(g, "in1[");
		e_int(g);
		put(g, "]");
		break;
	}
	g->depth--;
}
