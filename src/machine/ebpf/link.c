// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/ebpf/link.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_SIZE (1u << 20)
#define ARGS_MAX 5u

/* -- code --------------------------------------------------------------------------------------------------------- */

void dv_bpf_code_deinit(struct dv_bpf_code *c)
{
	DV_VEC_FREE(&c->insns);
	DV_VEC_FREE(&c->fixups);
}

uint32_t dv_bpf_emit(struct dv_bpf_code *c, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	*DV_PUSH(&c->insns) = (struct bpf_insn){
	    .code = code, .dst_reg = (uint8_t)(dst & 15), .src_reg = (uint8_t)(src & 15), .off = off, .imm = imm};
	return (uint32_t)c->insns.count - 1;
}

void dv_bpf_call(struct dv_bpf_code *c, const char *name)
{
	uint32_t at = dv_bpf_emit(c, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, -1);

	*DV_PUSH(&c->fixups) = (struct dv_bpf_fixup){.insn = at, .symbol = name, .call = true};
}

void dv_bpf_helper(struct dv_bpf_code *c, int32_t id)
{
	dv_bpf_emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, id);
}

void dv_bpf_addr(struct dv_bpf_code *c, unsigned dst, const char *symbol, uint32_t off)
{
	uint32_t at = dv_bpf_emit(c, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_VALUE, 0, 0);

	dv_bpf_emit(c, 0, 0, 0, 0, (int32_t)off);
	*DV_PUSH(&c->fixups) = (struct dv_bpf_fixup){.insn = at, .symbol = symbol};
}

void dv_bpf_const(struct dv_bpf_code *c, unsigned dst, uint64_t value)
{
	if ((int64_t)value == (int32_t)value) {
		dv_bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, (int32_t)value);
	} else if (value <= UINT32_MAX) {
		dv_bpf_emit(c, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, (int32_t)value);
	} else {
		dv_bpf_emit(c, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)value);
		dv_bpf_emit(c, 0, 0, 0, 0, (int32_t)(value >> 32));
	}
}

/* -- linking ------------------------------------------------------------------------------------------------------ */

struct call {
	uint32_t at;  // instruction of the program
	int32_t code; // calls this generated function, or
	int32_t func; // this one of the object
};

struct linker {
	const struct dv_bpf_object *o;
	const struct dv_bpf_code *codes;
	uint32_t count;
	const struct dv_bpf_map_symbol *maps;
	DV_VEC(struct bpf_insn) out;
	DV_VEC(struct dv_bpf_linked_func) funcs;
	DV_VEC(struct call) calls;
	int32_t *code_start, *func_start; // -1: not placed; -2: wanted
};

static int find_code(const struct linker *k, const char *name)
{
	for (uint32_t i = 0; i < k->count; i++)
		if (k->codes[i].name && !strcmp(k->codes[i].name, name))
			return (int)i;
	return -1;
}

static struct dv_error *point(struct linker *k, uint32_t at, const char *symbol, uint32_t off)
{
	const struct dv_bpf_map_symbol *m = k->maps;

	while (m->fd >= 0 && (symbol ? !m->name || strcmp(m->name, symbol) : m->name != NULL))
		m++;
	if (m->fd < 0)
		return dv_error_create(DV_ERR_OTHER, "nothing is called '%s' that a kernel program could use",
				       symbol ? symbol : "(constants)");
	k->out.data[at].src_reg = BPF_PSEUDO_MAP_VALUE;
	k->out.data[at].imm = m->fd;
	k->out.data[at + 1].imm = (int32_t)off;
	return NULL;
}

static void want(struct linker *k, uint32_t at, int32_t code, int32_t func)
{
	int32_t *start = code >= 0 ? &k->code_start[code] : &k->func_start[func];

	if (*start == -1)
		*start = -2;
	*DV_PUSH(&k->calls) = (struct call){at, code, func};
}

static uint32_t place(struct linker *k, const char *name, uint32_t args, bool global, const struct bpf_insn *insns,
		      uint32_t count)
{
	uint32_t start = (uint32_t)k->out.count;

	*DV_PUSH(&k->funcs) =
	    (struct dv_bpf_linked_func){.name = name, .start = start, .args = args, .global = global};
	for (uint32_t i = 0; i < count; i++)
		*DV_PUSH(&k->out) = insns[i];
	return start;
}

static struct dv_error *place_code(struct linker *k, uint32_t index)
{
	const struct dv_bpf_code *c = &k->codes[index];
	uint32_t start = place(k, c->name, c->args, c->global, c->insns.data, (uint32_t)c->insns.count);
	struct dv_error *e = NULL;

	k->code_start[index] = (int32_t)start;
	for (size_t i = 0; i < c->fixups.count && !e; i++) {
		const struct dv_bpf_fixup *f = &c->fixups.data[i];
		int code = f->call ? find_code(k, f->symbol) : -1, func;

		if (!f->call) {
			e = point(k, start + f->insn, f->symbol, (uint32_t)c->insns.data[f->insn + 1].imm);
			continue;
		}
		func = code < 0 ? dv_bpf_object_func(k->o, f->symbol) : -1;
		if (code < 0 && func < 0)
			return dv_error_create(DV_ERR_OTHER, "there is no run-time function '%s' in the kernel",
					       f->symbol);
		want(k, start + f->insn, code, func);
	}
	return e;
}

static struct dv_error *place_func(struct linker *k, uint32_t index)
{
	const struct dv_bpf_func *fn = &k->o->funcs[index];
	uint32_t start = place(k, fn->name, fn->args, fn->global, fn->insns, fn->count);
	struct dv_error *e = NULL;

	k->func_start[index] = (int32_t)start;
	for (uint32_t i = 0; i < fn->ref_count && !e; i++) {
		const struct dv_bpf_ref *r = &fn->refs[i];

		if (r->func >= 0)
			want(k, start + r->insn, -1, r->func);
		else
			e = point(k, start + r->insn, r->symbol, r->off);
	}
	return e;
}

// Whatever is wanted is placed, which may want more.
static struct dv_error *place_all(struct linker *k)
{
	struct dv_error *e = NULL;
	bool more = true;

	while (more && !e) {
		more = false;
		for (uint32_t i = 0; i < k->count && !e; i++) {
			if (k->code_start[i] == -2) {
				e = place_code(k, i);
				more = true;
			}
		}
		for (uint32_t i = 0; i < k->o->func_count && !e; i++) {
			if (k->func_start[i] == -2) {
				e = place_func(k, i);
				more = true;
			}
		}
	}
	for (size_t i = 0; i < k->calls.count && !e; i++) {
		const struct call *c = &k->calls.data[i];
		int32_t to = c->code >= 0 ? k->code_start[c->code] : k->func_start[c->func];

		bool call = k->out.data[c->at].code == (BPF_JMP | BPF_CALL);

		k->out.data[c->at].src_reg = call ? BPF_PSEUDO_CALL : BPF_PSEUDO_FUNC;
		k->out.data[c->at].imm = to - (int32_t)c->at - 1;
		if (!call)
			k->out.data[c->at + 1].imm = 0;
	}
	return e;
}

static struct dv_error *link_from(struct linker *k, int32_t entry_code, int32_t entry_func, struct dv_bpf_linked *ret)
{
	struct dv_error *e;

	k->code_start = dv_xcalloc(k->count + 1, sizeof(*k->code_start));
	k->func_start = dv_xcalloc(k->o->func_count + 1, sizeof(*k->func_start));
	memset(k->code_start, 0xff, (k->count + 1) * sizeof(*k->code_start));
	memset(k->func_start, 0xff, (k->o->func_count + 1) * sizeof(*k->func_start));
	e = entry_code >= 0 ? place_code(k, (uint32_t)entry_code) : place_func(k, (uint32_t)entry_func);
	if (!e)
		e = place_all(k);
	free(k->code_start);
	free(k->func_start);
	DV_VEC_FREE(&k->calls);
	if (e) {
		DV_VEC_FREE(&k->out);
		DV_VEC_FREE(&k->funcs);
		return e;
	}
	*ret = (struct dv_bpf_linked){
	    .insns = k->out.data,
	    .count = (uint32_t)k->out.count,
	    .funcs = k->funcs.data,
	    .func_count = (uint32_t)k->funcs.count,
	};
	return NULL;
}

struct dv_error *dv_bpf_link(const struct dv_bpf_object *o, const struct dv_bpf_code *codes, uint32_t count,
			     const struct dv_bpf_map_symbol *maps, struct dv_bpf_linked *ret)
{
	struct linker k = {.o = o, .codes = codes, .count = count, .maps = maps};

	return link_from(&k, 0, -1, ret);
}

struct dv_error *dv_bpf_link_object(const struct dv_bpf_object *o, const char *entry,
				    const struct dv_bpf_map_symbol *maps, struct dv_bpf_linked *ret)
{
	struct linker k = {.o = o, .maps = maps};
	int func = dv_bpf_object_func(o, entry);

	if (func < 0)
		return dv_error_create(DV_ERR_OTHER, "there is no kernel program '%s'", entry);
	return link_from(&k, -1, func, ret);
}

void dv_bpf_linked_deinit(struct dv_bpf_linked *l)
{
	free(l->insns);
	free(l->funcs);
	*l = (struct dv_bpf_linked){0};
}

/* -- loading ------------------------------------------------------------------------------------------------------ */

// Types for the functions' prototypes: the kernel verifies a function on its own only when it knows its arguments.
static struct btf *make_types(const struct dv_bpf_linked *l, struct bpf_func_info *info)
{
	struct btf *b = btf__new_empty();
	int u64, ctx, proto[ARGS_MAX + 1] = {0}, main_proto;

	if (!b)
		return NULL;
	u64 = btf__add_int(b, "u64", 8, 0);
	ctx = btf__add_ptr(b, 0);
	main_proto = btf__add_func_proto(b, u64);
	if (btf__add_func_param(b, "ctx", ctx))
		goto fail;
	for (uint32_t n = 0; n <= ARGS_MAX; n++) {
		static const char *const names[] = {"a", "b", "c", "d", "e"};

		proto[n] = btf__add_func_proto(b, u64);
		for (uint32_t i = 0; i < n; i++)
			if (btf__add_func_param(b, names[i], u64))
				goto fail;
	}
	for (uint32_t i = 0; i < l->func_count; i++) {
		const struct dv_bpf_linked_func *f = &l->funcs[i];
		enum btf_func_linkage linkage = !i || f->global ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC;
		int id;

		if (f->args > ARGS_MAX)
			goto fail;
		id = btf__add_func(b, f->name, linkage, i ? proto[f->args] : main_proto);
		if (id < 0)
			goto fail;
		info[i] = (struct bpf_func_info){.insn_off = f->start, .type_id = (uint32_t)id};
	}
	if (btf__load_into_kernel(b))
		goto fail;
	return b;
fail:
	btf__free(b);
	return NULL;
}

// The verifier's verdict is on the last lines, before its statistics.
static void last_words(const char *log, char *buf, size_t size)
{
	const char *end = log + strlen(log), *p, *best = NULL;
	size_t n;

	for (p = log; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		n = nl ? (size_t)(nl - p) : (size_t)(end - p);
		if (n && strncmp(p, "processed ", 10) && strncmp(p, "verification time", 17) && strncmp(p, "stack depth", 11))
			best = p;
		p += n + 1;
	}
	n = best ? strcspn(best, "\n") : 0;
	if (n >= size)
		n = size - 1;
	memcpy(buf, best ? best : "", n);
	buf[n] = '\0';
}

static struct dv_error *refused(int err, const char *name, const char *log)
{
	char words[160];
	struct dv_error *e;

	if (err == EPERM)
		return dv_error_hint(dv_error_create(DV_ERR_DENIED, "the kernel does not let this user load programs"),
				     "run dvirt as root, or with the capabilities BPF and PERFMON");
	last_words(log, words, sizeof(words));
	if (!*words)
		return dv_error_sys(err, "cannot load the program '%s' into the kernel", name);
	e = dv_error_create(DV_ERR_OTHER, "the kernel's verifier refuses the program '%s': %s", name, words);
	return dv_error_hint(e, err == E2BIG || strstr(words, "too large") || strstr(words, "too complex")
				    ? "the clause is too large for a kernel program: split it, or make its expressions smaller"
				    : "this is a limit of this kernel, or a fault of dvirt's: with DVIRT_BPF_LOG=1 in the environment all that it says is shown");
}

struct dv_error *dv_bpf_load(const struct dv_bpf_linked *l, const struct dv_bpf_load *how, char **log, int *fd)
{
	DV_FREE struct bpf_func_info *info = dv_xcalloc(l->func_count, sizeof(*info));
	struct btf *types = make_types(l, info);
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = (enum bpf_attach_type)how->attach_type);
	struct dv_error *e;
	char name[BPF_OBJ_NAME_LEN], *text;
	int n, err;

	if (!types) {
		err = errno;
		return err == EPERM ? refused(err, how->name, "")
				    : dv_error_sys(err, "cannot give the kernel the types of the program '%s'", how->name);
	}
	o.prog_btf_fd = (uint32_t)btf__fd(types);
	o.func_info = info;
	o.func_info_cnt = l->func_count;
	o.func_info_rec_size = sizeof(*info);
	o.prog_flags = how->flags;
	o.attach_btf_id = how->attach_btf_id;
	o.attach_btf_obj_fd = (uint32_t)how->attach_btf_fd;
	snprintf(name, sizeof(name), "%s", how->name);
	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.", *p))
			*p = '_';
	n = bpf_prog_load(how->type, name, "GPL", l->insns, l->count, &o);
	if (n >= 0) {
		btf__free(types);
		*fd = n;
		return NULL;
	}
	// Again, to hear why.
	err = errno;
	text = dv_xcalloc(1, LOG_SIZE);
	o.log_buf = text;
	o.log_size = LOG_SIZE;
	o.log_level = 1;
	n = bpf_prog_load(how->type, name, "GPL", l->insns, l->count, &o);
	btf__free(types);
	if (n >= 0) { // it was out of memory, or the like
		free(text);
		*fd = n;
		return NULL;
	}
	e = refused(err, how->name, text);
	if (log)
		*log = text;
	else
		free(text);
	return e;
}

struct dv_error *dv_bpf_load_alone(struct dv_bpf_code *c, const struct dv_bpf_map_symbol *maps, const struct dv_bpf_load *how,
				   int *fd)
{
	static const struct dv_bpf_object none;
	struct dv_bpf_linked linked;
	struct dv_error *e = dv_bpf_link(&none, c, 1, maps, &linked);

	if (!e) {
		e = dv_bpf_load(&linked, how, NULL, fd);
		dv_bpf_linked_deinit(&linked);
	}
	dv_bpf_code_deinit(c);
	return e;
}
