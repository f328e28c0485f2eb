/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_LANG_AST_H
#define DV_LANG_AST_H
/**
 * The syntax tree of a D script, and the typed tree of one clause.
 *
 * The parser makes the tree once. A clause is then checked for each machine and each shape of args[] that it is
 * enabled on (lang/lang.h: dv_check_clause()), which gives a typed copy: every expression node has its type, names
 * are resolved to DV_NODE_VAR, _BUILTIN, _SYM ..., array-to-pointer and string conversions are explicit casts,
 * constants are folded, `sizeof` and enumerators are DV_NODE_INT. The code generator reads only typed trees.
 *
 * The typed tree, exactly. An INT's ival is extended to 64 bits by its type. Types may be typedefs:
 * dv_type_resolve().
 *  - Conversions are CAST nodes. A CAST goes: integer or enum to integer; integer to pointer (kernel of the
 *    firing machine) and back; pointer to pointer (keeps the machine); an lvalue of ARRAY or FUNC type to
 *    pointer: its address; to STRING from a pointer or integer (text at that address) or from an lvalue that is
 *    a char array (at most its size). Never to or from anything else. A CAST that would change nothing is left
 *    out.
 *  - BINARY arithmetic (ADD .. XOR without pointers) and comparisons of integers: both kids have one type, the
 *    common type after promotion; arithmetic has that type too. SHL, SHR: the left kid has the node's type, the
 *    right one is any promoted integer. Comparisons of pointers: both kids are cast to unsigned long.
 *    Comparisons of strings: both kids are STRING. Results of comparisons and of LAND, LOR, LXOR, '!' are int 0
 *    or 1; the kids of the latter are any scalars, tested against zero. ADD, SUB of a pointer: kids[0] the
 *    pointer, kids[1] an integer, `scale` set, type the pointer's. SUB of two pointers: `scale` set, type long.
 *    Pointers to void have scale 1.
 *  - UNARY: the kid has the node's type ('!': any scalar).
 *  - COND: kids[0] scalar; both branches have the node's type: integer, pointer or STRING.
 *  - ASSIGN '=': kids[0] is VAR or ELEM, kids[1] has its type (but see below); the node's type and value are
 *    the variable's. ASSIGN with op: integers, kids[1] is any promoted integer, the operation is done in 64
 *    bits by the signedness of the variable's type and cut to its width; or a pointer with ADD, SUB: kids[1]
 *    integer, `scale` set. `= 0` on a SELF variable or ELEM deletes it: kids[1] is then an INT of ival 0
 *    whatever the variable's type (also for strings: INT 0 of type long). Other variables of type string get
 *    STR "" instead.
 *  - INCDEC: integer or pointer; `scale` is the step (1 for integers).
 *  - Lvalues in memory are DEREF (kids[0] a pointer; type: what it points to), MEMBER (bit_off from kids[0]'s
 *    start, with all anonymous structures counted in) and SYM, of any type. They stand as a value only when
 *    integer, enum or pointer; otherwise they are the kid of MEMBER, ADDROF, CAST, or the argument of trace()
 *    or print(). MEMBER with bit_size: a bit-field of `type`, extended by its signedness.
 *  - ARGN with type long is the raw argument; args[n] has the kernel's type, the value is cut to it and
 *    extended.
 *  - CALL arguments: STRING where the subroutine wants text; addresses (copyin, copyinstr) are integers or
 *    pointers; sizes and indices are integers. copyin() is a `void *` into scratch. Actions: printf, printa
 *    keep the format as kids[0] of kind STR (printa's may be absent); printf's other kids are its values in
 *    order ('*' widths are int; char arrays are cast to STRING); AGG kids of printa, clear, trunc, normalize,
 *    denormalize have no keys. print(pointer to structure) has become print(*pointer). trace(), print() take a
 *    scalar, a STRING, or an lvalue in memory of any size.
 *  - CALL of stack(), ustack(), sym() and their like has a STACK type: as a statement, as trace()'s or printf()'s
 *    argument, and as an aggregation's key. A stack's has no kids, its ival is the most frames; the others have an
 *    address, integer or pointer, as kids[0].
 *  - Aggregating statements: keys are integers, enums, pointers, STRING or such a CALL. The function's kids: its value if it
 *    has one, then the increment if one is written (quantize, lquantize); lquantize's constants are in
 *    agg->desc.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/fn.h"
#include "abi/region.h"
#include "type/type.h"

struct dv_loc {
	uint32_t line, col; /**< from 1; 0: unknown. Line of the text as given (cpp's markers are applied when shown) */
	uint32_t src;       /**< which of the script's sources */
};

enum dv_node_kind {
	/* leaves */
	DV_NODE_INT,      /**< ival */
	DV_NODE_STR,      /**< str, str_len */
	DV_NODE_IDENT,    /**< untyped only: str */
	DV_NODE_VAR,      /**< var: a scalar (or string, pointer) variable; typed tree */
	DV_NODE_BUILTIN,  /**< builtin: enum dv_builtin; typed tree */
	DV_NODE_ARGN,     /**< ival = n: arg0..arg9, int64_t; also args[n], with its C type; typed tree */
	DV_NODE_REG,      /**< kids[0]: register number: uregs[] */
	DV_NODE_SYM,      /**< kernel symbol: str name, module, machine (name or NULL); typed: addr, mach. An lvalue in
	                       kernel memory of `type`; functions have type FUNC */
	DV_NODE_AGG,      /**< @name: agg; kids: keys */
	/* operators */
	DV_NODE_UNARY,    /**< op: '-', '+', '~', '!'; kids[0] */
	DV_NODE_INCDEC,   /**< op: DV_OP_PREINC ...; kids[0]: VAR or ELEM */
	DV_NODE_BINARY,   /**< op; kids[0], kids[1]. Pointer arithmetic is already scaled: see `scale` */
	DV_NODE_ASSIGN,   /**< op: 0 for '=', else the binary op; kids[0] lvalue, kids[1] */
	DV_NODE_COND,     /**< kids[0] ? kids[1] : kids[2] */
	DV_NODE_CAST,     /**< kids[0] to `type` */
	DV_NODE_DEREF,    /**< *kids[0]: an lvalue in memory */
	DV_NODE_ADDROF,   /**< &kids[0] */
	DV_NODE_MEMBER,   /**< untyped: kids[0] . or -> str. Typed: kids[0] is an lvalue in memory (a `->` has become
	                       DEREF + MEMBER), bit_off, bit_size say where */
	DV_NODE_INDEX,    /**< untyped: kids[0] [ kids[1..] ]. Typed: C array or pointer became DEREF of '+' */
	DV_NODE_ELEM,     /**< typed: element of an associative array, var; kids: keys */
	DV_NODE_SIZEOF,   /**< untyped: kids[0] or decl type */
	DV_NODE_CALL,     /**< subroutine or action: str name; typed: call; kids: arguments */
	DV_NODE_TYPE,     /**< untyped: a type name (argument of sizeof, offsetof, xlate, cast) */
	DV_NODE_OFFSETOF, DV_NODE_XLATE, DV_NODE_STRINGOF, /**< untyped; stringof becomes a CAST to string when typed */
	DV_NODE_DEFINED,  /**< untyped: kids[0] or decl: does it make sense on this kernel? */
};

enum dv_op {
	DV_OP_NONE,
	DV_OP_ADD, DV_OP_SUB, DV_OP_MUL, DV_OP_DIV, DV_OP_MOD, DV_OP_AND, DV_OP_OR, DV_OP_XOR, DV_OP_SHL, DV_OP_SHR,
	DV_OP_EQ, DV_OP_NE, DV_OP_LT, DV_OP_LE, DV_OP_GT, DV_OP_GE, DV_OP_LAND, DV_OP_LOR, DV_OP_LXOR,
	DV_OP_NEG, DV_OP_PLUS, DV_OP_NOT, DV_OP_BITNOT,
	DV_OP_PREINC, DV_OP_PREDEC, DV_OP_POSTINC, DV_OP_POSTDEC,
	DV_OP_COMMA, /**< BINARY: kids[0] for its effect, then kids[1] */
};

enum dv_var_scope { DV_SCOPE_GLOBAL, DV_SCOPE_THIS, DV_SCOPE_SELF };

/** A variable of the script: one for all machines (lang/vars.c). */
struct dv_var {
	const char *name;
	enum dv_var_scope scope;
	bool is_array;              /**< associative: elements under key tuples */
	const struct dv_type *type; /**< of the variable or its elements; from its declaration or first assignment */
	/* key signature of an associative array, fixed at first use */
	uint32_t key_count;
	bool key_is_string[16];
	uint32_t id;                /**< DYN's variable number: SELF scope and arrays */
	uint32_t size;              /**< of a structure or array: bytes of one; 0: a scalar or string */
	uint32_t pointers;          /**< how many pointers are in it: 0, 1, or 2 for more. If any, a word follows its bytes
	                                 (at the next multiple of 8): their machine's number + 1; 0: none set */
	uint32_t cell;              /**< GLOBAL scalar: region offset. THIS: offset in the clause-local block */
	struct dv_loc loc;          /**< where first seen */
};
/** An aggregation of the script. */
struct dv_agg {
	const char *name;           /**< "" for @ */
	uint32_t id;                /**< index in dv_region_hdr::aggs */
	bool defined;               /**< a function was seen; until then desc.func means nothing */
	struct dv_agg_desc desc;
	uint32_t key_count;         /**< fixed at first use */
	const struct dv_type *key_types[16];
	struct dv_loc loc;
};

/** What a CALL is: one table row each in lang/calls.c, found by name. */
struct dv_call;

struct dv_node {
	enum dv_node_kind kind;
	enum dv_op op;
	struct dv_loc loc, op_loc;
	const struct dv_type *type;   /**< typed tree: never NULL for expressions */
	struct dv_node **kids;
	uint32_t kid_count;
	uint64_t ival;
	bool is_unsigned, is_long;    /**< INT as written */
	const char *str;
	uint32_t str_len;
	const char *module, *machine; /**< SYM */
	uint64_t addr;                /**< SYM: address */
	uint32_t mach;                /**< SYM: machine index, or DV_MACH_SELF */
	struct dv_var *var;
	struct dv_agg *agg;
	enum dv_builtin builtin;
	const struct dv_call *call;
	uint32_t bit_off, bit_size;   /**< MEMBER */
	uint32_t scale;               /**< BINARY ADD, SUB on pointers: kids[1] (the integer) times this; SUB of two
	                                   pointers: the result divided by this. ASSIGN op, INCDEC: likewise */
	uint32_t depth;               /**< untyped: levels below, to bound recursion */
	bool is_arrow;                /**< MEMBER, untyped */
	bool is_update;               /**< ASSIGN, typed: kids[0] is part of kids[1] too, and to be evaluated once */
	enum dv_var_scope scope;      /**< IDENT written as self-> or this->; else GLOBAL */
	struct dv_decl *decl;         /**< TYPE, CAST, SIZEOF, untyped: the type as written */
};

/** A statement of a clause. Untyped, an action is an EXPR. */
enum dv_stmt_kind { DV_STMT_EXPR, DV_STMT_CALL, DV_STMT_AGG, DV_STMT_IF };
struct dv_stmt {
	enum dv_stmt_kind kind;
	struct dv_loc loc;
	struct dv_node *expr;         /**< EXPR, CALL (an action: DV_NODE_CALL) */
	struct dv_node *agg, *func;   /**< AGG */
	struct dv_stmt *then, *otherwise; /**< IF: expr is its condition. Untyped only for now */
	struct dv_stmt *next;
};

struct dv_pdesc {
	const char *text;  /**< as written, macro arguments replaced */
	struct dv_loc loc;
};

struct dv_clause {
	struct dv_pdesc *pdescs;
	uint32_t pdesc_count;
	struct dv_node *predicate;    /**< or NULL */
	struct dv_stmt *stmts;        /**< NULL with `empty`: the default action */
	uint32_t index;               /**< in the script, from 0 */
	struct dv_loc loc;
	bool uses_args, uses_probe_names, uses_machine_syms; /**< what the parser saw; use the functions of lang.h */
};

#endif
