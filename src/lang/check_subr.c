/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subroutines: their arguments and results; those that ask the kernel's locks are written out as D. */
#include "lang/impl.h"

#include <string.h>

static struct dv_node *bad_arg(struct dv_check *ck, const struct dv_node *at, const char *name, uint32_t i,
			       const char *wanted, const struct dv_node *got)
{
	return DV_ERR_AT(ck, at->loc, "D_PROTO_ARG",
			 "%s( ) argument #%u is incompatible with prototype: prototype: %s, argument: %s", name, i + 1,
			 wanted, dv_tname(ck, got->type));
}

static struct dv_node *check_arg(struct dv_check *ck, const char *name, uint32_t i, char want, const struct dv_node *n)
{
	struct dv_node *v = dv_check_value(ck, n);

	if (!v)
		return NULL;
	switch (want) {
	case 'i':
		if (!dv_type_is_integer(v->type))
			return bad_arg(ck, n, name, i, "an integer", v);
		return v;
	case 'a':
	case 'p':
		v = dv_decay(ck, v);
		if (!dv_type_is_scalar(v->type) || (want == 'p' && !dv_is_ptr(v->type)))
			return bad_arg(ck, n, name, i, want == 'p' ? "a pointer" : "an address", v);
		return v;
	case 't':
		if (dv_is_zero(v))
			return v;
		// fall through
	default:
		if (!dv_is_strcompat(v->type))
			return bad_arg(ck, n, name, i, "string", v);
		return dv_to_string(ck, v);
	}
}

bool dv_check_args(struct dv_check *ck, const struct dv_node *n, struct dv_node *c, const char *sig)
{
	uint32_t min = 0, max = 0;
	bool optional = false, ok = true;
	char letters[8];

	for (const char *p = sig; *p; p++) {
		if (*p == '|') {
			optional = true;
			continue;
		}
		letters[max++] = *p;
		min += !optional;
	}
	if (!dv_check_need(ck, n, n->str, min, max))
		return false;
	dv_check_kids(ck, c, n->kid_count);
	for (uint32_t i = 0; i < n->kid_count; i++) {
		c->kids[i] = check_arg(ck, n->str, i, letters[i], n->kids[i]);
		ok &= c->kids[i] != NULL;
	}
	return ok;
}

static const struct dv_type *result(const struct dv_call_row *row)
{
	if (!*row->result)
		return dv_type_void();
	if (*row->result == '*')
		return dv_type_void_ptr();
	return strcmp(row->result, "string") ? dv_type_base_by_name(row->result) : dv_type_string();
}

/* -- locks --------------------------------------------------------------------------------------------------------- */

// Untyped trees, to be checked like what the script wrote itself.
static struct dv_node *tree(struct dv_check *ck, const struct dv_node *at, enum dv_node_kind kind, enum dv_op op,
			    struct dv_node *a, struct dv_node *b)
{
	struct dv_node *n = dv_arena_alloc(ck->arena, sizeof(*n));

	n->kind = kind;
	n->op = op;
	n->loc = n->op_loc = at->loc;
	dv_check_kids(ck, n, b ? 2 : a ? 1 : 0);
	if (a)
		n->kids[0] = a;
	if (b)
		n->kids[1] = b;
	return n;
}

static struct dv_node *member(struct dv_check *ck, struct dv_node *of, const char *name, bool arrow)
{
	struct dv_node *n = tree(ck, of, DV_NODE_MEMBER, DV_OP_NONE, of, NULL);

	n->str = name;
	n->is_arrow = arrow;
	return n;
}

static struct dv_node *number(struct dv_check *ck, const struct dv_node *at, uint64_t v)
{
	struct dv_node *n = tree(ck, at, DV_NODE_INT, DV_OP_NONE, NULL, NULL);

	n->ival = v;
	n->is_long = true;
	return n;
}

static struct dv_node *ident(struct dv_check *ck, const struct dv_node *at, const char *name)
{
	struct dv_node *n = tree(ck, at, DV_NODE_IDENT, DV_OP_NONE, NULL, NULL);

	n->str = name;
	return n;
}

static bool points_to(const struct dv_node *v, const char *tag, const char *alias)
{
	const struct dv_type *t = dv_type_resolve(v->type), *to = t->kind == DV_TYPE_PTR ? t->ref : NULL;

	// The typedef's name is lost when it is resolved: rwlock_t is a structure without a tag.
	if (to && alias && to->kind == DV_TYPE_TYPEDEF && to->name && !strcmp(to->name, alias))
		return true;
	to = to ? dv_type_resolve(to) : NULL;
	return to && to->kind == DV_TYPE_STRUCT && to->name && !strcmp(to->name, tag);
}

// A mutex's `owner` word is the owning task, with flags in its three lowest bits. An rwlock_t's counter has the writer
// in its lowest byte (0xff), a waiting writer in bit 8, and the readers above. An rw_semaphore's `count` has the writer in
// bit 0 and the readers from bit 8 on.
static struct dv_node *lock(struct dv_check *ck, const struct dv_node *n)
{
	bool mutex = !strncmp(n->str, "mutex", 5), sem;
	struct dv_node *arg = n->kids[0], *word, *v;
	uint64_t mask, shift = 0;

	v = dv_check_value(ck, arg);
	if (!v)
		return NULL;
	v = dv_decay(ck, v);
	sem = points_to(v, "rw_semaphore", NULL);
	if (mutex ? !points_to(v, "mutex", NULL) : !sem && !points_to(v, "rwlock", "rwlock_t"))
		return bad_arg(ck, arg, n->str, 0, mutex ? "struct mutex *" : "rwlock_t * or struct rw_semaphore *", v);
	if (!strcmp(n->str, "mutex_type_adaptive") || !strcmp(n->str, "mutex_type_spin"))
		return dv_int_node(ck, n, n->str[11] == 'a', dv_type_int(4, true)); // all of Linux' sleep
	if (mutex) {
		word = member(ck, member(ck, arg, "owner", true), "counter", false);
		word = tree(ck, n, DV_NODE_BINARY, DV_OP_AND, word, number(ck, n, ~7ULL));
		if (!strcmp(n->str, "mutex_owned"))
			return dv_check_expr(ck, tree(ck, n, DV_NODE_BINARY, DV_OP_EQ, word, ident(ck, n, "curthread")));
		v = dv_check_value(ck, ident(ck, n, "curthread"));
		word = v ? dv_check_value(ck, word) : NULL;
		return word ? dv_cast(ck, word, v->type) : NULL;
	}
	if (sem) {
		word = member(ck, member(ck, arg, "count", true), "counter", false);
		mask = strcmp(n->str, "rw_read_held") ? 1 : ~0ULL;
	} else {
		word = member(ck, member(ck, member(ck, arg, "raw_lock", true), "cnts", false), "counter", false);
		mask = !strcmp(n->str, "rw_read_held") ? ~0ULL : !strcmp(n->str, "rw_write_held") ? 0xff : 0x1ff;
	}
	if (mask == ~0ULL)
		shift = sem ? 8 : 9;
	word = tree(ck, n, DV_NODE_BINARY, DV_OP_AND, word, number(ck, n, mask));
	if (shift)
		word = tree(ck, n, DV_NODE_BINARY, DV_OP_SHR, word, number(ck, n, shift));
	return dv_check_expr(ck, tree(ck, n, DV_NODE_BINARY, DV_OP_NE, word, number(ck, n, 0)));
}

/* -- names of files, and of what runs ----------------------------------------------------------------------------- */

static bool offset(struct dv_check *ck, const struct dv_node *at, const char *type, const char *inner, const char *name,
		   unsigned shift, uint64_t *word)
{
	struct dv_universe *u = ck->env->types;
	const struct dv_type *t = u->ops && u->ops->find ? u->ops->find(u->ctx, DV_TYPE_STRUCT, type, NULL) : NULL;
	const struct dv_member *m;
	uint64_t off = 0, more = 0;

	m = t ? dv_type_member(dv_type_complete(t), name, &off) : NULL;
	if (m && inner)
		m = m->type ? dv_type_member(dv_type_complete(m->type), inner, &more) : NULL;
	if (!m || (off + more) / 8 > UINT16_MAX) {
		DV_ERR_AT(ck, at->loc, "D_TYPE_ERR", "%s cannot be used: struct %s's %s is not known on %s", at->str, type,
			  name, ck->env->machine_name ? ck->env->machine_name : "this machine");
		return false;
	}
	*word |= (off + more) / 8 << shift;
	return true;
}

// d_path(p): where in the machine's structures its parts are goes with it.
static struct dv_node *d_path(struct dv_check *ck, const struct dv_node *n, const struct dv_call_row *row)
{
	struct dv_node *c = dv_check_copy(ck, n, DV_NODE_CALL, dv_type_string()), *p;
	uint64_t dentry = 0, mount = 0;

	c->str = row->call.name;
	c->call = &row->call;
	if (!dv_check_args(ck, n, c, row->args))
		return NULL;
	p = c->kids[0];
	if (!points_to(p, "path", NULL))
		return bad_arg(ck, n->kids[0], n->str, 0, "struct path *", p);
	if (!offset(ck, n, "dentry", NULL, "d_parent", 0, &dentry) ||
	    !offset(ck, n, "dentry", "name", "d_name", 16, &dentry) ||
	    !offset(ck, n, "vfsmount", NULL, "mnt_root", 32, &dentry) ||
	    !offset(ck, n, "mount", NULL, "mnt", 48, &dentry) ||
	    !offset(ck, n, "mount", NULL, "mnt_parent", 0, &mount) ||
	    !offset(ck, n, "mount", NULL, "mnt_mountpoint", 16, &mount) ||
	    !offset(ck, n, "path", NULL, "mnt", 32, &mount) || !offset(ck, n, "path", NULL, "dentry", 48, &mount))
		return NULL;
	dv_check_kids(ck, c, 3);
	c->kids[0] = p;
	c->kids[1] = dv_int_node(ck, n, dentry, dv_type_int(8, false));
	c->kids[2] = dv_int_node(ck, n, mount, dv_type_int(8, false));
	return c;
}

// The words that a process was started with lie in its memory from arg_start to arg_end. The kernel's own threads have
// none.
struct dv_node *dv_check_execargs(struct dv_check *ck, const struct dv_node *n)
{
	static const struct dv_call call = {"execargs", DV_CALL_SUBR, DV_C_EXECARGS};
	struct dv_node *mm = member(ck, ident(ck, n, "curthread"), "mm", true), *c, *cond, *empty;

	c = dv_check_copy(ck, n, DV_NODE_CALL, dv_type_string());
	c->str = call.name;
	c->call = &call;
	dv_check_kids(ck, c, 2);
	c->kids[0] = dv_check_value(ck, member(ck, mm, "arg_start", true));
	c->kids[1] = c->kids[0] ? dv_check_value(ck, member(ck, mm, "arg_end", true)) : NULL;
	cond = c->kids[1] ? dv_check_value(ck, mm) : NULL;
	if (!cond)
		return NULL;
	empty = dv_check_copy(ck, n, DV_NODE_STR, dv_type_string());
	empty->str = "";
	n = dv_check_copy(ck, n, DV_NODE_COND, dv_type_string());
	mm = (struct dv_node *)n;
	dv_check_kids(ck, mm, 3);
	mm->kids[0] = cond;
	mm->kids[1] = c;
	mm->kids[2] = empty;
	return mm;
}

struct dv_node *dv_check_subr(struct dv_check *ck, const struct dv_node *n, const struct dv_call_row *row)
{
	struct dv_node *c = dv_check_copy(ck, n, DV_NODE_CALL, result(row));

	c->str = row->call.name;
	c->call = &row->call;
	if (row->call.id == DV_C_DPATH)
		return d_path(ck, n, row);
	if (row->call.id == DV_C_LOCK)
		return dv_check_need(ck, n, n->str, 1, 1) ? lock(ck, n) : NULL;
	return dv_check_args(ck, n, c, row->args) ? c : NULL;
}
