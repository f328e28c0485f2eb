/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_LANG_AST_H
#define DV_LANG_AST_H
/**
 * The syntax tree of a D script, and the typed tree of one clause.
 *
 * The parser makes the tree once. A clause is then checked for each machine and each shape of args[] that it is
 * enabled on (lang/lang.h: dv_check_clause()), which gives a typed copy: every expression node has its type, names are
 * resolved to DV_NODE_VAR, _BUILTIN, _SYM ..., array-to-pointer and string conversions are explicit casts, constants are
 * folded, `sizeof` and enumerators are DV_NODE_INT. The code generator reads only typed trees.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/fn.h"
#include "abi/region.h"
#include "type/type.h"

struct dv_loc {
	uint32_t line, col; /**< from 1; 0: unknown */
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
};

enum dv_op {
	DV_OP_NONE,
	DV_OP_ADD, DV_OP_SUB, DV_OP_MUL, DV_OP_DIV, DV_OP_MOD, DV_OP_AND, DV_OP_OR, DV_OP_XOR, DV_OP_SHL, DV_OP_SHR,
	DV_OP_EQ, DV_OP_NE, DV_OP_LT, DV_OP_LE, DV_OP_GT, DV_OP_GE, DV_OP_LAND, DV_OP_LOR, DV_OP_LXOR,
	DV_OP_NEG, DV_OP_PLUS, DV_OP_NOT, DV_OP_BITNOT,
	DV_OP_PREINC, DV_OP_PREDEC, DV_OP_POSTINC, DV_OP_POSTDEC,
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
	uint32_t scale;               /**< BINARY ADD, SUB on pointers: kids[1] (ADD: the integer one) times this; SUB of
	                                   two pointers: the result divided by this */
	bool is_arrow;                /**< MEMBER, untyped */
	enum dv_var_scope scope;      /**< IDENT written as self-> or this->; else GLOBAL */
	struct dv_decl *decl;         /**< TYPE, CAST, SIZEOF, untyped: the type as written */
};

/** A statement of a clause. Aggregating statements: kids[0] the AGG, kids[1] the CALL of the aggregating function. */
enum dv_stmt_kind { DV_STMT_EXPR, DV_STMT_CALL, DV_STMT_AGG, DV_STMT_IF };
struct dv_stmt {
	enum dv_stmt_kind kind;
	struct dv_loc loc;
	struct dv_node *expr;         /**< EXPR, CALL (an action: DV_NODE_CALL) */
	struct dv_node *agg, *func;   /**< AGG */
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
};

#endif
