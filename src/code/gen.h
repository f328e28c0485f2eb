/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_CODE_GEN_H
#define DV_CODE_GEN_H
/**
 * Inside the code generator.
 *
 * An expression is evaluated into r0. What must outlive the next evaluation is *held*: in r6..r9, which survive calls,
 * and when those are taken in 8-byte slots of the stack. Holds are given out and taken back like a stack:
 *
 *	unsigned mark = g->held;
 *	gen_value(g, a);  unsigned slot = gen_hold(g);
 *	gen_value(g, b);  ... gen_get(g, 1, slot) ...
 *	g->held = mark;
 *
 * A pointer has a second value, its machine. Mostly it is known while generating; else it is held, and the hold stays
 * in use behind the function that returned it, until the caller goes back to its own mark.
 *
 * Integers are 64 bits wide, extended by the sign of their C type: every function that leaves a value in r0 leaves it
 *so.
 *
 * Errors are sticky: after the first nothing more is emitted, and one check at the end finds it.
 */
#include "code/bytecode.h"
#include "code/program.h"
#include "lang/lang.h"

struct label;

struct gen {
	struct dv_program *prog;
	struct label *out; /**< the end of the clause, without a record */
	DV_VEC(struct dv_insn) code;
	DV_VEC(struct dv_action) actions;
	DV_VEC(struct dv_field) fields;
	DV_VEC(uint32_t) stmt_pc;
	struct dv_consts *consts;
	uint32_t strsize;
	uint32_t record_max;
	unsigned held;
	unsigned depth;	   /**< of recursion */
	bool dead;	   /**< nothing leads here (`x || 1` has been jumped over): nothing is emitted */
	struct again *again; /**< an lvalue that has been found already; NULL: none */
	struct dv_loc loc, fail; /**< of what is generated; of the error */
	struct dv_error *err;
};

#define GEN_HELD_REGS 4u
#define GEN_HELD_MAX (GEN_HELD_REGS + DV_STACK_SIZE / 8)
#define GEN_DEPTH_MAX 400u
#define GEN_RECORD_MAX 4096u /**< bytes of one structure in a record */

/** How an integer is stored: bytes and sign. */
struct itype {
	unsigned size;
	bool sgn;
};

/** The machine of a pointer. */
struct mach {
	enum { MACH_ANY, MACH_CONST, MACH_HELD } kind; /**< ANY: a null constant, fits every machine */
	uint32_t id;				       /**< CONST */
	unsigned slot;				       /**< HELD */
	uint32_t checked;			       /**< universe that PMACH has confirmed; 0: none */
};
#define MACH_SELF_VALUE ((struct mach){.kind = MACH_CONST, .id = DV_MACH_SELF})
#define MACH_STATE_VALUE ((struct mach){.kind = MACH_CONST, .id = DV_MACH_STATE})

/** Jumps to a place ahead, chained through their `off` until it is known. */
struct label {
	uint32_t last; /**< index + 1 of the latest jump; 0: none */
};

/* gen_emit.c */
void gen_fail(struct gen *g, enum dv_error_code code, const char *fmt, ...) DV_PRINTF(3, 4);
void gen_emit(struct gen *g, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm);
void gen_mov(struct gen *g, unsigned dst, unsigned src);
void gen_imm(struct gen *g, unsigned dst, uint64_t value);
void gen_alu_imm(struct gen *g, uint8_t op, unsigned dst, int32_t imm);
void gen_alu_reg(struct gen *g, uint8_t op, unsigned dst, unsigned src);
void gen_call(struct gen *g, enum dv_fn fn);
void gen_jmp(struct gen *g, struct label *to);
void gen_jmp_imm(struct gen *g, uint8_t op, unsigned dst, int32_t imm, struct label *to);
void gen_jmp_reg(struct gen *g, uint8_t op, unsigned dst, unsigned src, struct label *to);
void gen_bind(struct gen *g, struct label *l);
unsigned gen_slot(struct gen *g); /**< a hold, not yet written */
void gen_put(struct gen *g, unsigned slot, unsigned reg);
void gen_get(struct gen *g, unsigned reg, unsigned slot);
unsigned gen_hold(struct gen *g); /**< a hold of what r0 has */
unsigned gen_reg_of(struct gen *g, unsigned slot,
		    unsigned spare); /**< register with its value; @p spare if it must be loaded */
static inline bool gen_fits(uint64_t v)
{
	return (int64_t)v == (int32_t)v;
}

/* gen_types.c: what integers are made of */
struct itype gen_itype(const struct dv_type *t);
struct itype gen_promote(struct itype t);
struct itype gen_common(struct itype a, struct itype b);
uint64_t gen_fold(uint64_t v, struct itype t);	/**< a constant, extended by type */
void gen_extend(struct gen *g, struct itype t); /**< r0 likewise, whatever it was */
void gen_convert(struct gen *g, struct itype from, struct itype to);
bool gen_is_kind(const struct dv_type *t, enum dv_type_kind kind); /**< after typedefs */
bool gen_is_const(const struct dv_node *n, uint64_t *v);	   /**< an integer constant */
int gen_truth(const struct dv_node *n);				   /**< 0, 1; -1: not known */
bool gen_is_keyfree(const struct dv_node *n);			   /**< touches no key tuple */
struct mach gen_static_mach(const struct dv_node *n);		   /**< HELD: not known before it runs */

/* gen_expr.c */
struct mach gen_value(struct gen *g, const struct dv_node *n);
void gen_effect(struct gen *g, const struct dv_node *n); /**< the value is not wanted */
void gen_jump(struct gen *g, const struct dv_node *n, bool when, struct label *to);
void gen_truth_value(struct gen *g, const struct dv_node *n); /**< 0 or 1: is it not zero? */
void gen_string(struct gen *g, const struct dv_node *n); /**< sref in r0, of strings, char arrays and pointers */
/** An operand: constant or held. */
struct operand {
	bool is_const;
	uint64_t value;
	unsigned slot;
};
struct operand gen_operand(struct gen *g, const struct dv_node *n, struct itype as);
void gen_operand_reg(struct gen *g, const struct operand *o, unsigned reg);
void gen_arith(struct gen *g, enum dv_op op, struct itype t, struct operand b); /**< r0 = r0 op b */

/* gen_subr.c */
struct mach gen_subr(struct gen *g, const struct dv_node *n);

/* gen_mem.c */
/** An lvalue in memory: r0 (or a constant) + off on a machine. */
struct place {
	bool is_const;
	uint64_t base;
	int64_t off;
	struct mach mach;
	/* of a variable of the script's own (gen_struct.c) */
	const struct dv_var *var; /**< or NULL. If it has pointers, `root` is its cell: a constant, or held */
	bool root_const;
	uint64_t root;
	bool held; /**< the address is in hold `slot`, no longer in r0 */
	unsigned slot;
};
/** An lvalue that is read and then written: what it takes to find it happens once. */
struct again {
	const struct dv_node *of;
	struct place at; /**< held, or a constant; of a cell of a variable only `slot` */
};
struct place gen_place(struct gen *g, const struct dv_node *n);
void gen_place_hold(struct gen *g, struct place *p); /**< keep its address over what destroys r0 */
void gen_place_get(struct gen *g, const struct place *p, unsigned reg); /**< as gen_place_reg(), of a held one too */
/** @p create: to be written, so an element that is not there is made. */
struct place gen_place_create(struct gen *g, const struct dv_node *n, bool create);
/** Where a bit-field lies: in which word of `bytes`, that begins `back` bytes before the field's own byte. */
struct bits {
	uint32_t bytes, first, size, back;
};
bool gen_bits(struct gen *g, const struct dv_node *n, struct bits *b);
void gen_place_reg(struct gen *g, const struct place *p, unsigned reg); /**< its address into a register (r0 or r2) */
void gen_mach_reg(struct gen *g, const struct mach *m, unsigned reg);
void gen_mach_check(struct gen *g, struct mach *m, const struct dv_type *t); /**< keeps r0 */
/** The machine of what a pointer of type @p t, in r0, points to: that of an address in user space is the process that runs,
 * and a fault if the address is another machine's. Keeps r0. */
void gen_pointee(struct gen *g, struct mach *m, const struct dv_type *t);
struct mach gen_address_mach(const struct place *p); /**< of a pointer to it */
struct mach gen_load(struct gen *g, const struct dv_node *n);		     /**< value of an lvalue in memory */
bool gen_is_memory(const struct dv_node *n);
void gen_store(struct gen *g, const struct dv_node *n, bool want); /**< assignment to an lvalue in memory */

/* gen_var.c */
struct mach gen_var(struct gen *g, const struct dv_node *n);
struct mach gen_assign(struct gen *g, const struct dv_node *n, bool want);
void gen_incdec(struct gen *g, const struct dv_node *n, bool want, struct mach *m);
void gen_keys(struct gen *g, struct dv_node *const *kids, uint32_t count, const bool *is_string);

/* gen_stack.c */
static inline bool gen_is_stack(const struct dv_node *n)
{
	return gen_is_kind(n->type, DV_TYPE_STACK);
}
void gen_stack(struct gen *g, const struct dv_node *n); /**< r0 = its block; a call of stack(), sym() ... */
uint32_t gen_stack_size(const struct dv_node *n);       /**< most bytes of the block */

void gen_cell(struct gen *g, const struct dv_node *n, bool create); /**< r0 = the variable's cell; not of a global */
/** r0 = the machine as it is stored in a variable. */
void gen_stored_mach(struct gen *g, const struct mach *m, const struct dv_node *var);
void gen_delete(struct gen *g, const struct dv_node *n); /**< an element, or a self-> variable */

/* gen_struct.c: structures and arrays of the script's own */
bool gen_is_aggregate(const struct dv_type *t);
/** The structure or array variable that an lvalue is part of; NULL: it lies in a machine's memory. */
const struct dv_node *gen_root_var(const struct dv_node *n);
struct place gen_var_place(struct gen *g, const struct dv_node *n, bool create);
/** Where `array + index` points to, for an array of the script's own. */
struct place gen_element(struct gen *g, const struct dv_node *n, bool create);
struct mach gen_struct_mach(struct gen *g, const struct place *p); /**< of a pointer in it; destroys r0 */
struct mach gen_struct_assign(struct gen *g, const struct dv_node *n, bool want);
/** Assignment to a structure or array as a whole; where it is now. */
struct place gen_struct_set(struct gen *g, const struct dv_node *n);
/** @p at: where a pointer is that has been changed, held. */
void gen_struct_update(struct gen *g, const struct dv_node *to, enum dv_op op, struct operand b, struct place *at);

/* gen_act.c */
bool gen_speculates(const struct dv_stmt *s);
bool gen_writes(const struct dv_stmt *s); /**< does any of these statements record something? */
void gen_mark_stmt(struct gen *g);	  /**< a statement begins here (the predicate is the first) */
void gen_stmts(struct gen *g, const struct dv_stmt *s, uint32_t *index);

#endif
