/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_LANG_IMPL_H
#define DV_LANG_IMPL_H
/**
 * Inside the front end. Text goes lexer.c -> parser.c, expr.c, types.c (untyped trees and declarations, all in the
 * script's arena) -> usage.c (what the whole script assigns and uses) -> check*.c (typed copies, one clause and one
 * machine at a time). Nothing here recurses without a bound: the parser counts its nesting (DV_NEST_MAX), untyped nodes
 * carry their depth (DV_TREE_MAX), and the checker counts its own (DV_TYPED_MAX).
 */
#include <string.h>

#include "base/mem.h"
#include "lang/lang.h"
#include "lang/names.h"

#define DV_NEST_MAX   1000u  /**< the parser's own recursion: about eight levels for a parenthesis */
#define DV_TREE_MAX   128u   /**< levels of one expression */
#define DV_TYPED_MAX  360u   /**< levels of recursion while typing; the generator allows 400 */
#define DV_NODES_MAX  50000u /**< typed nodes of one clause */
#define DV_ERRORS_MAX 20u    /**< shown of one source */
#define DV_KEYS_MAX   16u
#define DV_VARS_MAX   4096u
#define DV_ELEM_MAX   1000u  /**< bytes of a structure in an associative array or self-> */

/* -- declarations ---------------------------------------------------------------------------------------------- */

/** What a declaration has become for one kernel's types (layout.c): made once, as its members may differ. */
struct dv_built {
	const struct dv_universe *of;
	struct dv_type *type;
	bool making;               /**< its own members are being looked at */
	struct dv_built *next;
};
struct dv_mdecl { const char *name; struct dv_decl *decl; struct dv_node *bits; struct dv_loc loc; };
struct dv_edecl { const char *name; struct dv_node *value; struct dv_loc loc; };

/** A type as written. */
struct dv_decl {
	enum { DV_D_NAME, DV_D_STRUCT, DV_D_UNION, DV_D_ENUM, DV_D_PTR, DV_D_ARRAY, DV_D_ASSOC, DV_D_FUNC } kind;
	const char *name, *module; /**< NAME, STRUCT, UNION, ENUM */
	bool body;                 /**< STRUCT, UNION, ENUM: defined here */
	bool user;                 /**< PTR: written `userland`, an address in user space */
	bool varargs;              /**< FUNC, ASSOC: `...` at the end */
	struct dv_decl *ref;       /**< PTR, ARRAY, ASSOC, FUNC: of what */
	struct dv_node *dim;       /**< ARRAY: or NULL */
	struct dv_decl **keys;     /**< ASSOC: key types; FUNC: parameters */
	const char **key_names;    /**< as written, or NULL each */
	uint32_t key_count;
	struct dv_mdecl *members;  /**< STRUCT, UNION with a body */
	struct dv_edecl *enums;    /**< ENUM with a body */
	uint32_t count;            /**< of either */
	struct dv_built *built;
	uint32_t depth;
	struct dv_loc loc;
	struct dv_lib *lib;        /**< written in this library; NULL: in the script */
};

/** A variable declared outside of clauses; or, with `value`, an inline. */
struct dv_vdecl {
	const char *name;
	enum dv_var_scope scope;
	struct dv_decl *decl;      /**< an inline with parameters is ASSOC */
	struct dv_node *value;
	struct dv_loc loc;
	struct dv_lib *lib;
};
struct dv_tdef {
	const char *name;
	struct dv_decl *decl;
	struct dv_built *built;
	struct dv_loc loc;
	struct dv_lib *lib;
};
struct dv_enumref { struct dv_decl *decl; uint32_t index; };

/** translator out < in name > { members } */
struct dv_xlator {
	struct dv_decl *out, *in;
	const char *name;          /**< of its input within the members' expressions */
	struct dv_edecl *members;
	uint32_t count;
	struct dv_built *built;    /**< the translated pointer's type, for each kernel's types */
	struct dv_loc loc;
	struct dv_lib *lib;
};
/** provider name { probe name(args) : (xargs); }. Types of probes' arguments and how they are presented. */
struct dv_pprobe { const char *name; struct dv_decl *args, *xargs; /**< FUNC; xargs or NULL */ };
struct dv_pdecl {
	const char *name;
	struct dv_pprobe *probes;
	uint32_t count;
	struct dv_loc loc;
	struct dv_lib *lib;
};

/** A file of declarations: its top level is looked over for the names it declares, it is parsed when one is wanted. */
struct dv_lib {
	const char *path, *name;   /**< name: without folder */
	char *text;                /**< from malloc */
	size_t len;
	bool loaded;
	bool skipped;              /**< what it depends on is not there: nothing of it is declared */
};
struct dv_libref { struct dv_lib *lib; struct dv_libref *next; };

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

/** Types of the script's own that contain types of the kernel `of` live here. */
struct dv_own { const struct dv_universe *of; struct dv_universe *types; };

struct dv_marker { uint32_t phys, line; const char *file; }; /**< from line `phys` on: `line` of `file` */
struct dv_src_text {
	const char *name;
	const char *text;
	size_t len;
	DV_VEC(struct dv_marker) markers;
};
/** An expression that a provider gives for an argument or as its guard. */
struct dv_given { const char *text; struct dv_node *node; };
/** `#pragma D attributes` or `binding`: of a name that must be declared. */
struct dv_pragma { const char *word, *name; struct dv_loc loc; };
struct dv_option { const char *name, *value; struct dv_loc loc; };

struct dv_script {
	struct dv_arena arena;
	DV_VEC(struct dv_src_text) sources;
	DV_VEC(struct dv_clause *) clauses;
	DV_VEC(struct dv_vdecl *) decls;
	DV_VEC(struct dv_decl *) tags;     /**< with bodies */
	DV_VEC(struct dv_tdef *) tdefs;
	DV_VEC(struct dv_xlator *) xlators;
	DV_VEC(struct dv_pdecl *) providers;
	struct dv_names names;
	DV_VEC(const char *) libdirs;
	DV_VEC(struct dv_lib *) libs;
	bool libs_known;                   /**< the folders were looked through */
	struct dv_lib_env lib_env;
	DV_VEC(struct dv_own) owns;
	const struct dv_type *string;      /**< dv_sized_string() */
	DV_VEC(struct dv_pragma) pragmas;
	DV_VEC(struct dv_assign) assigns;
	DV_VEC(struct dv_aggdef) aggdefs;
	DV_VEC(struct dv_option) options;
	DV_VEC(struct dv_var *) vars;
	DV_VEC(struct dv_agg *) aggs;
	DV_VEC(struct dv_given) given; /**< providers' texts, parsed */
	struct dv_diag *diag;      /**< where errors in libraries go: whoever called last */
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
	bool defaultargs, argref; /**< as of the source, set by a pragma in it */
	bool ahead;         /**< a copy that looks ahead: # lines are passed over */
	struct dv_lib *lib; /**< this is a library's text */
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
	unsigned braces;          /**< open ones in this declaration or clause */
	struct dv_lib *lib;       /**< parsing this library; NULL: the script */
	bool any;                 /**< there is a clause or declaration */
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
struct dv_node *dv_parse_comma(struct dv_parser *p);  /**< with comma */
struct dv_node *dv_parse_agg(struct dv_parser *p);    /**< at an AGG token */
struct dv_node *dv_parse_cond(struct dv_parser *p);   /**< without assignment */
/* types.c: types as written */
/** Storage, scope and type of a declaration, before its declarators. */
struct dv_specs {
	enum dv_kw storage;       /**< typedef, extern, static, inline ... */
	bool scoped;              /**< self or this */
	bool user;                /**< userland */
	enum dv_var_scope scope;
	struct dv_decl *base;
};
bool dv_parse_at_type(struct dv_parser *p);           /**< at a word that surely begins a type */
bool dv_parse_is_type(struct dv_parser *p, const char *name); /**< of D or of the script, as far as is known by now */
bool dv_parse_specs(struct dv_parser *p, struct dv_specs *s, bool storage);
struct dv_decl *dv_parse_declarator(struct dv_parser *p, const struct dv_specs *s, const char **name,
				    struct dv_loc *loc);
struct dv_decl *dv_parse_type_name(struct dv_parser *p); /**< specifiers and abstract declarator */
/** Parameters up to @p end into d->keys. */
bool dv_parse_params(struct dv_parser *p, struct dv_decl *d, uint32_t end);
struct dv_decl *dv_parse_new_decl(struct dv_parser *p, int kind, struct dv_decl *ref, struct dv_loc loc);
bool dv_decl_same(const struct dv_decl *a, const struct dv_decl *b); /**< written alike */
/* declare.c */
void dv_parse_declaration(struct dv_parser *p);       /**< up to, not with, its `;` */
void dv_declare_tag(struct dv_parser *p, struct dv_decl *d);
/** Parse a whole text: the script's or a library's. */
void dv_parse_program(struct dv_parser *p);
/* nodes */
struct dv_node *dv_node_new(struct dv_script *s, enum dv_node_kind kind, struct dv_loc loc);
void dv_node_kids(struct dv_script *s, struct dv_node *n, struct dv_node *const *kids, uint32_t count);

/* -- lookup.c: what the script or a library declares; the library is parsed when it is the first to know the name ----- */
const struct dv_vdecl *dv_script_decl(struct dv_script *s, enum dv_var_scope scope, const char *name);
struct dv_tdef *dv_script_typedef(struct dv_script *s, const char *name);
/** @p kind: DV_NAME_STRUCT, _UNION, _ENUM. The declaration with its body. */
struct dv_decl *dv_script_tag(struct dv_script *s, enum dv_name_kind kind, const char *name);
const struct dv_enumref *dv_script_enumerator(struct dv_script *s, const char *name);
const struct dv_pdecl *dv_script_provider(struct dv_script *s, const char *name);
/** Load all libraries that have a translator to the type of this name. */
void dv_script_need_xlators(struct dv_script *s, const char *out);
/* lib.c */
/** Parse the libraries that declare @p name, if there are any that are not loaded yet. True: some were loaded. */
bool dv_lib_load(struct dv_script *s, enum dv_name_kind kind, const char *name);
/** Library @p name ("errno.d"), parsed. False: there is none. */
bool dv_lib_require(struct dv_script *s, const char *name);
void dv_lib_deinit(struct dv_script *s);

/* -- usage.c --------------------------------------------------------------------------------------------------- */
/** Enter what clause @p c assigns and uses in the script's tables. */
void dv_usage_clause(struct dv_script *s, struct dv_clause *c);
/** The same for what a provider gives: it may keep a value in a variable of its own, this->__NAME. */
void dv_usage_given(struct dv_script *s, struct dv_node *n, uint32_t clause);
static inline bool dv_script_inline(struct dv_script *s, const struct dv_node *ident)
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
	/** A letter each: i integer, s text, t text or NULL, a address, p pointer; after '|' optional. NULL: own check. */
	const char *args;
	const char *result; /**< name of its type; "": void, "*": void * */
	const char *why;    /**< UNSUPPORTED: why it never will be; NULL: not yet */
	uint32_t needs;     /**< DV_CAN_*; any: it is destructive */
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
	bool speculated, committed, recorded; /**< the clause has done so by now */
	bool no_args;     /**< inferring from another clause, whose args[] are not this probe's */
	struct { enum dv_var_scope scope; const char *name; } inferring[16];
	unsigned inferring_count;
	const struct dv_bind *binds; /**< parameters of the inline or translator whose text is being checked */
	uint32_t bind_count;
	bool lenient;     /**< names of types that are not known are no error: another machine may know them */
	unsigned decl_depth;
};
struct dv_bind { const char *name; struct dv_node *node; };
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
/** @p v, the typed copy of @p n, as a value: arrays but text become pointers; NULL after telling that it is none. */
struct dv_node *dv_as_value(struct dv_check *ck, const struct dv_node *n, struct dv_node *v);
/* check_op.c */
/** Is this condition made of defined()? Then what it rules out is not looked at. */
bool dv_asks_defined(const struct dv_node *n);
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
struct dv_node *dv_native_arg(struct dv_check *ck, const struct dv_node *at, uint32_t i, const struct dv_type *t);
bool dv_is_builtin(const char *name); /**< one that a script's variable cannot hide */
/* check_mem.c */
struct dv_node *dv_check_deref(struct dv_check *ck, const struct dv_node *at, struct dv_node *ptr);
struct dv_node *dv_check_member(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_addrof(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_sizeof(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_offsetof(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_defined(struct dv_check *ck, const struct dv_node *n);
/** The member's name; NULL after telling. @p off: in bits. */
const struct dv_member *dv_find_member(struct dv_check *ck, const struct dv_type *type, const char *name,
				       struct dv_loc loc, uint64_t *off);
/* inline.c */
/** The value of an inline, its parameters (@p args: untyped, as many as @p count) put in. */
struct dv_node *dv_check_inline(struct dv_check *ck, const struct dv_node *at, const struct dv_vdecl *d,
				struct dv_node *const *args, uint32_t count);
static inline bool dv_bound(const struct dv_check *ck, const char *name)
{
	for (uint32_t i = 0; i < ck->bind_count; i++)
		if (!strcmp(ck->binds[i].name, name))
			return true;
	return false;
}
struct dv_node *dv_check_bound(struct dv_check *ck, const struct dv_node *n); /**< a parameter; NULL: none such */
/** Check @p n where only @p binds are parameters. */
struct dv_node *dv_check_body(struct dv_check *ck, const struct dv_node *n, const struct dv_bind *binds,
			      uint32_t count);
/* xlate.c */
void dv_check_xlator(struct dv_check *ck, struct dv_xlator *x); /**< tells what is wrong with it by itself */
struct dv_node *dv_check_xlate(struct dv_check *ck, const struct dv_node *n);
/** @p in presented as @p out (a structure, or a pointer to one); NULL after telling. */
struct dv_node *dv_xlate(struct dv_check *ck, const struct dv_node *at, const struct dv_type *out, struct dv_node *in);
static inline bool dv_is_xlated(const struct dv_type *t)
{
	return dv_type_resolve(t)->xlator != NULL;
}
/** Is this structure a translated one (so that it lies nowhere)? */
bool dv_is_xlated_value(const struct dv_node *n);
/** Member @p n->str of what the translated pointer @p ptr stands for. */
struct dv_node *dv_xlate_member(struct dv_check *ck, const struct dv_node *n, struct dv_node *ptr);
/** The assignments that give the structure variable (or member) @p to a translated value. */
struct dv_node *dv_xlate_assign(struct dv_check *ck, const struct dv_node *at, struct dv_node *to, struct dv_node *v);
/** A translated structure as one that lies somewhere: it is put in a variable of the clause first. */
struct dv_node *dv_xlate_whole(struct dv_check *ck, const struct dv_node *at, struct dv_node *v);
/** The translated pointer's type among the types that are checked against; NULL: not to be had there. */
const struct dv_type *dv_xlate_retarget(struct dv_check *ck, const struct dv_type *t);
/** args[n] by a provider declaration of the script or a library. False: there is none for this probe. */
bool dv_check_xargs(struct dv_check *ck, const struct dv_node *n, uint32_t i, struct dv_node **ret);
/* check_allow.c */
/** May the call stand here: -w, what the machine can, what came before it in the clause? */
bool dv_check_allowed(struct dv_check *ck, const struct dv_node *n, const struct dv_call_row *row);
bool dv_check_agg_allowed(struct dv_check *ck, struct dv_loc loc);
/* check_subr.c */
/** Arguments by the letters of the table. */
bool dv_check_args(struct dv_check *ck, const struct dv_node *n, struct dv_node *c, const char *letters);
/** The built-in execargs, of the kernel's structures. NULL: told. */
struct dv_node *dv_check_execargs(struct dv_check *ck, const struct dv_node *n);
/** A subroutine. */
struct dv_node *dv_check_subr(struct dv_check *ck, const struct dv_node *n, const struct dv_call_row *row);
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
/** The structure or array variable (VAR, ELEM) that an lvalue is part of; NULL: it lies in a machine's memory. */
const struct dv_node *dv_root_var(const struct dv_node *n);
bool dv_is_aggregate(const struct dv_type *t); /**< structure, union, array, and floating-point
                                                  numbers, which are but copied too */
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
/* layout.c: structures, unions and enumerations of the script's own */
const struct dv_type *dv_build_tag(struct dv_check *ck, struct dv_decl *d);
const struct dv_type *dv_build_typedef(struct dv_check *ck, struct dv_tdef *t);
/** D's string as something that has a size: element of an array, member of a structure. */
const struct dv_type *dv_sized_string(struct dv_check *ck);
bool dv_enumerator_value(struct dv_check *ck, const struct dv_enumref *e, int64_t *value, const struct dv_type **t);
/** Where types live that contain a type of universe @p id (0: of none). */
struct dv_universe *dv_own_universe(struct dv_check *ck, uint32_t id);
struct dv_built **dv_built_find(struct dv_check *ck, struct dv_built **list);
/** Tell what is wrong with the script's declarations, used or not, from index @p tag, @p tdef ... on. */
void dv_check_decls(struct dv_script *s, struct dv_diag *diag, size_t tag, size_t tdef, size_t vdecl, size_t xlator);
/* decl.c */
/** NULL after an error. @p forward: a pointer to a tag that is not known (yet) is fine, as in a declaration. */
const struct dv_type *dv_decl_type(struct dv_check *ck, const struct dv_decl *d, bool forward);
/** The type of the same name in the universe that is checked against; @p t itself when it belongs to none. */
const struct dv_type *dv_retarget(struct dv_check *ck, const struct dv_type *t);
/* vars.c */
/** The variable, made at first use from its declaration or first assignment; NULL: neither (nothing was told). */
struct dv_var *dv_var_get(struct dv_check *ck, enum dv_var_scope scope, const char *name, struct dv_loc loc,
			  bool *failed);
/** A clause-local variable that no script can name. NULL after telling. */
struct dv_var *dv_var_hidden(struct dv_check *ck, const struct dv_type *t, struct dv_loc loc);
bool dv_var_keys(struct dv_check *ck, struct dv_var *v, struct dv_node *elem, const struct dv_node *index);
bool dv_var_known(const struct dv_check *ck, enum dv_var_scope scope, const char *name);
void dv_var_near(struct dv_check *ck, enum dv_var_scope scope, struct dv_near *n);
struct dv_node *dv_check_key(struct dv_check *ck, const struct dv_node *n);
struct dv_node *dv_check_agg_key(struct dv_check *ck, const struct dv_node *n); /**< may be a stack, too */
struct dv_agg *dv_agg_get(struct dv_check *ck, const char *name, struct dv_loc loc);

#endif
