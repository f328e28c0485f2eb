/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_LANG_IMPL_H
#define DV_LANG_IMPL_H
/**
 * Inside the front end. Text goes lexer.c -> parser.c, expr.c, types.c (untyped trees and declarations, all in the
 * script's arena) -> usage.c (what the whole script assigns and uses) -> check*.c (typed copies, one clause and one
 * machine at a time). Nothing here recurses without a bound: the parser counts its nesting (DV_NEST_MAX), untyped nodes
 * carry their depth (DV_TREE_MAX), and the checker counts its own (DV_TYPED_MAX).
 */
#include "base/mem.h"
#include "lang/lang.h"

#define DV_NEST_MAX   1000u  /**< the parser's own recursion: about eight levels for a parenthesis */
#define DV_TREE_MAX   128u   /**< levels of one expression */
#define DV_TYPED_MAX  360u   /**< levels of recursion while typing; the generator allows 400 */
#define DV_NODES_MAX  50000u /**< typed nodes of one clause */
#define DV_ERRORS_MAX 20u    /**< shown of one source */
#define DV_KEYS_MAX   16u
#define DV_VARS_MAX   4096u

/* -- declarations ---------------------------------------------------------------------------------------------- */

/** A type as written. */
struct dv_decl {
	enum { DV_D_NAME, DV_D_STRUCT, DV_D_UNION, DV_D_ENUM, DV_D_PTR, DV_D_ARRAY, DV_D_ASSOC, DV_D_FUNC } kind;
	const char *name, *module; /**< NAME, STRUCT, UNION, ENUM */
	bool body;                 /**< STRUCT, UNION, ENUM: defined here */
	struct dv_decl *ref;       /**< PTR, ARRAY, ASSOC, FUNC: of what */
	struct dv_node *dim;       /**< ARRAY: or NULL */
	struct dv_decl **keys;     /**< ASSOC: key types; FUNC: parameters */
	uint32_t key_count;
	uint32_t depth;
	struct dv_loc loc;
};

/** A variable declared outside of clauses; or, with `value`, an inline. */
struct dv_vdecl {
	const char *name;
	enum dv_var_scope scope;
	struct dv_decl *decl;
	struct dv_node *value;
	struct dv_loc loc;
};

/** The places where a variable is given a value, in the order of the text. */
struct dv_assign {
	const char *name;
	enum dv_var_scope scope;
	struct dv_node *node; /**< ASSIGN or INCDEC */
	uint32_t clause;
};
/** An aggregating statement: which aggregations there are, and how many keys they have. */
struct dv_aggdef {
	const char *name;
	uint32_t key_count;
};

struct dv_marker { uint32_t phys, line; const char *file; }; /**< from line `phys` on: `line` of `file` */
struct dv_src_text {
	const char *name;
	const char *text;
	size_t len;
	DV_VEC(struct dv_marker) markers;
};
/** An expression that a provider gives for an argument or as its guard. */
struct dv_given { const char *text; struct dv_node *node; };
struct dv_option { const char *name, *value; struct dv_loc loc; };

struct dv_script {
	struct dv_arena arena;
	DV_VEC(struct dv_src_text) sources;
	DV_VEC(struct dv_clause *) clauses;
	DV_VEC(struct dv_vdecl) decls;
	DV_VEC(struct dv_assign) assigns;
	DV_VEC(struct dv_aggdef) aggdefs;
	DV_VEC(struct dv_option) options;
	DV_VEC(struct dv_var *) vars;
	DV_VEC(struct dv_agg *) aggs;
	DV_VEC(struct dv_given) given; /**< providers' texts, parsed */
	DV_VEC(uint64_t) told; /**< hashes of diagnostics already given: each machine's check would repeat them */
	uint32_t globals_end, this_size, dyn_ids;
	bool machine_syms;
	struct dv_universe *fwd;   /**< tags that were declared where no kernel types were known */
};

/* -- diag.c ---------------------------------------------------------------------------------------------------- */
void dv_diag_at(const struct dv_script *s, struct dv_diag *d, struct dv_loc loc, const char *tag, const char *hint,
                const char *fmt, ...) DV_PRINTF(6, 7);
void dv_diag_vat(const struct dv_script *s, struct dv_diag *d, struct dv_loc loc, const char *tag, const char *hint,
                 const char *fmt, va_list ap);
/** The nearest of several names: offer each, then take `best` ("" when none is near). */
struct dv_near {
	const char *want;
	char best[64];
	unsigned dist;
};
void dv_near_init(struct dv_near *n, const char *want);
void dv_near_offer(struct dv_near *n, const char *name);
/** "did you mean 'x'?" in @p buf, or NULL. @p prefix: written before the name ("self->"). */
const char *dv_near_hint(const struct dv_near *n, const char *prefix, char *buf, size_t size);

/* -- lexer.c --------------------------------------------------------------------------------------------------- */
enum dv_tok_kind {
	DV_T_EOF, DV_T_ERROR, DV_T_INT, DV_T_STR, DV_T_IDENT, DV_T_KEYWORD, DV_T_SYM, DV_T_AGG, DV_T_PUNCT,
};
enum dv_kw {
	DV_K_NONE,
	DV_K_AUTO, DV_K_BREAK, DV_K_CASE, DV_K_CHAR, DV_K_CONST, DV_K_CONTINUE, DV_K_DEFAULT, DV_K_DO, DV_K_DOUBLE,
	DV_K_ELSE, DV_K_ENUM, DV_K_EXTERN, DV_K_FLOAT, DV_K_FOR, DV_K_GOTO, DV_K_IF, DV_K_INLINE, DV_K_INT, DV_K_LONG,
	DV_K_OFFSETOF, DV_K_PROVIDER, DV_K_REGISTER, DV_K_RESTRICT, DV_K_RETURN, DV_K_SELF, DV_K_SHORT, DV_K_SIGNED,
	DV_K_SIZEOF, DV_K_STATIC, DV_K_STRING, DV_K_STRINGOF, DV_K_STRUCT, DV_K_SWITCH, DV_K_THIS, DV_K_TRANSLATOR,
	DV_K_TYPEDEF, DV_K_UNION, DV_K_UNSIGNED, DV_K_USERLAND, DV_K_VOID, DV_K_VOLATILE, DV_K_WHILE, DV_K_XLATE,
};
/** Punctuation: up to three characters packed, the first lowest. */
#define DV_P1(a) ((uint32_t)(a))
#define DV_P2(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)
#define DV_P3(a, b, c) (DV_P2(a, b) | (uint32_t)(c) << 16)

struct dv_tok {
	enum dv_tok_kind kind;
	enum dv_kw kw;
	uint32_t punct;
	struct dv_loc loc;
	const char *str;    /**< IDENT, KEYWORD, STR, AGG; SYM: name; ERROR: message */
	uint32_t len;
	const char *module, *machine; /**< SYM */
	const char *tag;    /**< ERROR */
	uint64_t ival;
	bool is_unsigned, is_long;
	uint32_t end;       /**< offset behind it */
};

struct dv_lexer {
	struct dv_script *script;
	struct dv_diag *diag;
	const struct dv_source *src;
	const char *text;
	uint32_t len, pos, line, line_start, src_index;
	bool *args_used;    /**< [argc] */
	bool ahead;         /**< a copy that looks ahead: # lines are passed over */
};
void dv_lex(struct dv_lexer *l, struct dv_tok *t);
/** Blanks, comments and # lines. False: an unended comment, told in @p err. */
bool dv_lex_space(struct dv_lexer *l, struct dv_tok *err);
/** Is what follows (after blanks and comments) one of `{`, `;`, or the end? Moves nothing. */
bool dv_lex_at_body(const struct dv_lexer *l);
struct dv_loc dv_lex_loc(const struct dv_lexer *l);
/** A probe description as raw text, macro variables replaced; NULL with an error told. "" when there is none. */
const char *dv_lex_pdesc(struct dv_lexer *l);
enum dv_kw dv_keyword(const char *s, size_t len);
/* pragma.c */
void dv_lex_directive(struct dv_lexer *l, uint32_t end);
/* macro.c */
/** Value of $name: as text, or NULL with an error in *tag, *msg. @p name without its one or two dollars. */
const char *dv_macro(struct dv_lexer *l, const char *name, size_t len, bool as_string, const char **tag,
		     const char **msg);

/* -- parser ---------------------------------------------------------------------------------------------------- */
struct dv_parser {
	struct dv_lexer lex;
	struct dv_script *script;
	struct dv_diag *diag;
	struct dv_tok tok;        /**< the current token */
	struct dv_loc prev_loc;   /**< where the one before it stood */
	unsigned nest;
	unsigned errors;
	bool failed;              /**< an error was told; skip to the next statement or declaration */
	bool in_predicate;        /**< a `/` before the body ends the expression */
	unsigned parens;
};
void dv_parse_next(struct dv_parser *p);
void dv_parse_error(struct dv_parser *p, struct dv_loc loc, const char *tag, const char *fmt, ...) DV_PRINTF(4, 5);
void dv_parse_unexpected(struct dv_parser *p, const char *wanted);
bool dv_parse_accept(struct dv_parser *p, uint32_t punct);
bool dv_parse_expect(struct dv_parser *p, uint32_t punct, const char *after);
bool dv_parse_enter(struct dv_parser *p);
void dv_parse_leave(struct dv_parser *p);
static inline bool dv_parse_at(const struct dv_parser *p, uint32_t punct)
{
	return p->tok.kind == DV_T_PUNCT && p->tok.punct == punct;
}
static inline bool dv_parse_at_kw(const struct dv_parser *p, enum dv_kw kw)
{
	return p->tok.kind == DV_T_KEYWORD && p->tok.kw == kw;
}
struct dv_node *dv_parse_expr(struct dv_parser *p);   /**< with assignment, without comma */
/** A whole text that is one expression; NULL after diagnostics. */
struct dv_node *dv_parse_text(struct dv_script *s, const char *text, struct dv_diag *diag);
struct dv_node *dv_parse_agg(struct dv_parser *p);    /**< at an AGG token */
struct dv_node *dv_parse_cond(struct dv_parser *p);   /**< without assignment */
/* types.c: declarations */
bool dv_parse_at_type(struct dv_parser *p);           /**< at a word that surely begins a type */
struct dv_decl *dv_parse_type_name(struct dv_parser *p); /**< specifiers and abstract declarator */
void dv_parse_declaration(struct dv_parser *p);       /**< up to and with its `;` */
/* nodes */
struct dv_node *dv_node_new(struct dv_script *s, enum dv_node_kind kind, struct dv_loc loc);
void dv_node_kids(struct dv_script *s, struct dv_node *n, struct dv_node *const *kids, uint32_t count);

/* -- usage.c --------------------------------------------------------------------------------------------------- */
/** Enter what clause @p c assigns and uses in the script's tables. */
void dv_usage_clause(struct dv_script *s, struct dv_clause *c);
const struct dv_vdecl *dv_script_decl(const struct dv_script *s, enum dv_var_scope scope, const char *name);
static inline bool dv_script_inline(const struct dv_script *s, const struct dv_node *ident)
{
	const struct dv_vdecl *d =
	    ident->scope == DV_SCOPE_GLOBAL ? dv_script_decl(s, DV_SCOPE_GLOBAL, ident->str) : NULL;

	return d && d->value;
}
bool dv_script_assigns(const struct dv_script *s, enum dv_var_scope scope, const char *name);
const struct dv_aggdef *dv_script_aggdef(const struct dv_script *s, const char *name);

/* -- calls.c --------------------------------------------------------------------------------------------------- */
struct dv_call_row {
	struct dv_call call;
	/** A letter each: i integer, s text, a address, v any value; after '|' optional. NULL: own check. */
	const char *args;
};
const struct dv_call_row *dv_call_find(const char *name);
void dv_call_near(struct dv_near *n);

/* -- the checker ----------------------------------------------------------------------------------------------- */
struct dv_check {
	struct dv_script *script;
	const struct dv_clause *clause;
	const struct dv_check_env *env;
	struct dv_diag *diag;
	struct dv_arena *arena;
	bool failed;
	unsigned quiet;   /**< inferring a type: no diagnostics, and nothing is entered */
	unsigned depth, nodes, inline_depth;
	bool words;       /**< in a provider's expression: arg0 ... are the machine's words */
	bool no_args;     /**< inferring from another clause, whose args[] are not this probe's */
	struct { enum dv_var_scope scope; const char *name; } inferring[16];
	unsigned inferring_count;
};
#define DV_ERR_AT(ck, loc, tag, ...) dv_check_error(ck, loc, tag, NULL, __VA_ARGS__)
/** Tells the error (unless quiet), returns NULL. */
struct dv_node *dv_check_error(struct dv_check *ck, struct dv_loc loc, const char *tag, const char *hint,
			       const char *fmt, ...) DV_PRINTF(5, 6);
const char *dv_tname(struct dv_check *ck, const struct dv_type *t); /**< in quotes; lives in the check's arena */

/* given.c */
/** Argument @p n as its provider makes it, of type @p t; @p at: the node that asks for it. */
struct dv_node *dv_check_given(struct dv_check *ck, const struct dv_node *at, uint32_t n, const struct dv_type *t);
/** The probe's guard and @p predicate (typed, or NULL) as one. */
struct dv_node *dv_check_guard(struct dv_check *ck, struct dv_node *predicate);

/* check.c */
struct dv_node *dv_check_copy(struct dv_check *ck, const struct dv_node *n, enum dv_node_kind kind,
			      const struct dv_type *type);
void dv_check_kids(struct dv_check *ck, struct dv_node *n, uint32_t count);
/* check_expr.c */
struct dv_node *dv_check_expr(struct dv_check *ck, const struct dv_node *n);  /**< lvalues stay lvalues */
struct dv_node *dv_check_value(struct dv_check *ck, const struct dv_node *n); /**< scalar, STRING, or a char array */
/* check_op.c */
struct dv_node *dv_check_unary(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_binary(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_add(struct dv_check *ck, const struct dv_node *at, enum dv_op op, struct dv_node *a,
			     struct dv_node *b);
struct dv_node *dv_check_cond_op(struct dv_check *ck, const struct dv_node *n);
/* check_assign.c */
struct dv_node *dv_check_assign(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_incdec(struct dv_check *ck, const struct dv_node *n);
/* check_name.c */
struct dv_node *dv_check_ident(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_index(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_sym(struct dv_check *ck, const struct dv_node *n);
bool dv_is_builtin(const char *name); /**< one that a script's variable cannot hide */
/* check_mem.c */
struct dv_node *dv_check_deref(struct dv_check *ck, const struct dv_node *at, struct dv_node *ptr);
struct dv_node *dv_check_member(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_addrof(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_sizeof(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_offsetof(struct dv_check *ck, const struct dv_node *n);
/* check_call.c, check_printf.c, check_agg.c */
struct dv_node *dv_check_call(struct dv_check *ck, const struct dv_node *n, bool statement);
bool dv_check_need(struct dv_check *ck, const struct dv_node *n, const char *name, uint32_t min, uint32_t max);
bool dv_check_printf(struct dv_check *ck, struct dv_node *call, struct dv_node *const *args, uint32_t arg_count);
bool dv_check_printa_format(struct dv_check *ck, struct dv_node *call, const struct dv_node *fmt);
struct dv_node *dv_check_agg_ref(struct dv_check *ck, const struct dv_node *n, const char *what, const char *tag);
bool dv_check_agg_stmt(struct dv_check *ck, const struct dv_stmt *s, struct dv_stmt *t);
/* check_stack.c */
/** Is it a call of stack(), ustack(), sym() or another of that family? */
bool dv_is_stack_call(const struct dv_node *n);
struct dv_node *dv_check_stack(struct dv_check *ck, const struct dv_node *n);
/** dv_check_value(), or such a call. */
struct dv_node *dv_check_value_or_stack(struct dv_check *ck, const struct dv_node *n);
/** uaddr() of an address that is typed already. */
struct dv_node *dv_uaddr_of(struct dv_check *ck, struct dv_node *addr);
/* convert.c */
bool dv_is_lvalue(const struct dv_node *n); /**< in memory */
bool dv_in_user(const struct dv_node *n);   /**< the lvalue lies in user space */
bool dv_is_ptr(const struct dv_type *t);
bool dv_is_strcompat(const struct dv_type *t); /**< string, char array, pointer to char */
bool dv_is_zero(const struct dv_node *n);
uint64_t dv_extend(uint64_t v, const struct dv_type *t);
const struct dv_type *dv_promote_type(const struct dv_node *n);
/** A CAST, folded, or nothing where it would change nothing. Whether it makes sense is the caller's to know. */
struct dv_node *dv_cast(struct dv_check *ck, struct dv_node *n, const struct dv_type *t);
struct dv_node *dv_promote(struct dv_check *ck, struct dv_node *n);
const struct dv_type *dv_common_type(const struct dv_type *a, const struct dv_type *b);
struct dv_node *dv_decay(struct dv_check *ck, struct dv_node *n); /**< arrays and functions become pointers */
struct dv_node *dv_to_string(struct dv_check *ck, struct dv_node *n);
struct dv_node *dv_int_node(struct dv_check *ck, const struct dv_node *at, uint64_t v, const struct dv_type *t);
bool dv_ptr_compat(const struct dv_type *a, const struct dv_type *b); /**< same pointee by name, or void */
struct dv_node *dv_fold(struct dv_check *ck, struct dv_node *n);
const char *dv_op_name(enum dv_op op);
/* decl.c */
/** NULL after an error. @p forward: a pointer to a tag that is not known (yet) is fine, as in a declaration. */
const struct dv_type *dv_decl_type(struct dv_check *ck, const struct dv_decl *d, bool forward);
/** The type of the same name in the universe that is checked against; @p t itself when it belongs to none. */
const struct dv_type *dv_retarget(struct dv_check *ck, const struct dv_type *t);
/* vars.c */
/** The variable, made at first use from its declaration or first assignment; NULL: neither (nothing was told). */
struct dv_var *dv_var_get(struct dv_check *ck, enum dv_var_scope scope, const char *name, struct dv_loc loc,
			  bool *failed);
bool dv_var_keys(struct dv_check *ck, struct dv_var *v, struct dv_node *elem, const struct dv_node *index);
bool dv_var_known(const struct dv_check *ck, enum dv_var_scope scope, const char *name);
void dv_var_near(struct dv_check *ck, enum dv_var_scope scope, struct dv_near *n);
struct dv_node *dv_check_key(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_agg_key(struct dv_check *ck, const struct dv_node *n); /**< may be a stack, too */
struct dv_agg *dv_agg_get(struct dv_check *ck, const char *name, struct dv_loc loc);

#endif
