/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_LINK_H
#define DV_MACHINE_EBPF_LINK_H
/**
 * Putting a BPF program together: functions that were generated, and the run-time functions that they call, directly or
 * not, in one array of instructions, with the type information that the kernel's verifier wants for each function.
 *
 *	struct dv_bpf_code main = {0};
 *	... dv_bpf_emit(&main, ...), dv_bpf_call(&main, "dv_fn_agg"), dv_bpf_addr(&main, 1, "dv_region_mem", 64) ...
 *	dv_bpf_link(object, funcs, count, maps, &linked);
 *	dv_bpf_load(&linked, ...)
 *
 * A function is named; what is called is looked for among the generated functions first, then in the object.
 */
#include "base/mem.h"
#include "machine/ebpf/object.h"

/** Where an external symbol lies: in the only element of an array map. */
struct dv_bpf_map_symbol {
	const char *name; /**< NULL: the object's read-only data */
	int fd;
};

struct dv_bpf_fixup {
	uint32_t insn;
	const char *symbol; /**< function, or map symbol; NULL: read-only data */
	bool call;
};
/** Instructions under construction. Zero is empty. */
struct dv_bpf_code {
	const char *name;
	uint32_t args;
	bool global;
	DV_VEC(struct bpf_insn) insns;
	DV_VEC(struct dv_bpf_fixup) fixups;
};
void dv_bpf_code_deinit(struct dv_bpf_code *c);
uint32_t dv_bpf_emit(struct dv_bpf_code *c, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm); /**< its index */
/** A call of a function by name, which must outlive the code. */
void dv_bpf_call(struct dv_bpf_code *c, const char *name);
/** A call of a kernel's helper by number (BPF_FUNC_*). */
void dv_bpf_helper(struct dv_bpf_code *c, int32_t id);
/** Register @p dst = address of byte @p off behind a map symbol. */
void dv_bpf_addr(struct dv_bpf_code *c, unsigned dst, const char *symbol, uint32_t off);
/** Register @p dst = a 64-bit constant. */
void dv_bpf_const(struct dv_bpf_code *c, unsigned dst, uint64_t value);

struct dv_bpf_linked {
	struct bpf_insn *insns;
	uint32_t count;
	struct dv_bpf_linked_func {
		const char *name;
		uint32_t start, args;
		bool global;
	} *funcs; /**< in the order of their starts; the first is the program's entry */
	uint32_t func_count;
};
/** @p codes: the first is the entry. @p maps: ended by one with fd -1. */
struct dv_error *dv_bpf_link(const struct dv_bpf_object *o, const struct dv_bpf_code *codes, uint32_t count,
			     const struct dv_bpf_map_symbol *maps, struct dv_bpf_linked *ret) DV_MUST_USE;
/** The same for a program that is whole in the object: its entry is the function @p entry. */
struct dv_error *dv_bpf_link_object(const struct dv_bpf_object *o, const char *entry,
				    const struct dv_bpf_map_symbol *maps, struct dv_bpf_linked *ret) DV_MUST_USE;
void dv_bpf_linked_deinit(struct dv_bpf_linked *l);

/** How a program is loaded. */
struct dv_bpf_load {
	enum bpf_prog_type type;
	int attach_type;         /**< enum bpf_attach_type; 0: none */
	uint32_t attach_btf_id;  /**< of vmlinux or, with attach_btf_fd, of a module's types */
	int attach_btf_fd;       /**< 0: none */
	uint32_t flags;          /**< BPF_F_SLEEPABLE and the like */
	const char *name;        /**< for people: bpftool shows 15 bytes of it */
};
/**
 * Load it; *fd is the caller's. When the verifier refuses, the message has its last words, and *log (if not NULL) all of
 * them, malloc'ed.
 */
struct dv_error *dv_bpf_load(const struct dv_bpf_linked *l, const struct dv_bpf_load *how, char **log, int *fd) DV_MUST_USE;
/** Link and load a program that calls no run-time functions. @p c is consumed. */
struct dv_error *dv_bpf_load_alone(struct dv_bpf_code *c, const struct dv_bpf_map_symbol *maps, const struct dv_bpf_load *how,
				   int *fd) DV_MUST_USE;

#endif
