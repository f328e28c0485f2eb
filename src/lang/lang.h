/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_LANG_LANG_H
#define DV_LANG_LANG_H
/**
 * The D front end: text in, typed clauses out. Knows nothing of machines, probes or bytecode: what it needs of them it
 * is told through struct dv_check_env. Diagnostics go to a sink, with tag, line, column and the source line.
 */
#include "base/error.h"
#include "lang/ast.h"

/** Receives one finished diagnostic, in several lines, "\n"-terminated (message, source line, caret, hint). */
struct dv_diag {
	void (*emit)(void *ctx, const char *text);
	void *ctx;
	bool errtags;     /**< -xerrtags: show [D_...] */
	unsigned errors;  /**< how many so far */
	char last_tag[32];/**< of the first error, for tests */
};

/** How -s, -n ... and their macro arguments reach the parser. */
struct dv_source {
	const char *name; /**< file name, or NULL for -n text */
	const char *text;
	int argc;         /**< $1.. ; argv[0] is $0 */
	char **argv;
	bool defaultargs; /**< absent macro arguments are 0 and "" */
	bool argref;      /**< unused macro arguments are no error */
	int64_t target;   /**< $target; -1: none given */
	bool empty;       /**< text without anything in it is no error */
	bool pspec_only;  /**< -n text etc. may leave out the body */
};

/** What `#pragma D depends_on` may ask. */
struct dv_lib_env {
	/** Is there this "provider" or "module"? NULL: yes. */
	bool (*has)(void *ctx, const char *kind, const char *name);
	void *ctx;
};

struct dv_script;   /**< parsed: clauses, declarations, variables, aggregations, option pragmas */

struct dv_script *dv_script_create(void);
void dv_script_destroy(struct dv_script *s);
/** A folder of D libraries: its *.d files are parsed when a script uses what they declare. The first folder that
 *  declares a name has it. */
void dv_script_libdir(struct dv_script *s, const char *dir);
/** No libraries, whatever folders were given: -x nolibs. */
void dv_script_nolibs(struct dv_script *s);
void dv_script_lib_env(struct dv_script *s, const struct dv_lib_env *env);
/** Parse and append. Several sources may be added to one script (-n twice). DV_ERR_SYNTAX: diagnostics were given. */
struct dv_error *dv_script_parse(struct dv_script *s, const struct dv_source *src, struct dv_diag *diag) DV_MUST_USE;
uint32_t dv_script_clause_count(const struct dv_script *s);
struct dv_clause *dv_script_clause(struct dv_script *s, uint32_t i);
/** `#pragma D option name=value` in order. */
uint32_t dv_script_option_count(const struct dv_script *s);
void dv_script_option(const struct dv_script *s, uint32_t i, const char **name, const char **value, struct dv_loc *loc);
/** An error found by a later stage, at a place of the script (an unmatched probe description, say). */
void dv_script_diag(const struct dv_script *s, struct dv_diag *d, struct dv_loc loc, uint32_t clause, const char *tag,
                    const char *fmt, ...) DV_PRINTF(6, 7);

/** What a clause is checked against. */
struct dv_check_env {
	struct dv_universe *types;         /**< of the machine; the base universe when it has none */
	uint32_t strsize;
	uint32_t stackframes, ustackframes, jstackframes, maxframes; /**< the options; 0: DTrace's defaults */
	/** Type of args[n] on this probe, or NULL: none such. */
	const struct dv_type *(*arg_type)(void *ctx, uint32_t n);
	uint32_t arg_count;                /**< how many args[] there are; 0 with typed_args false: not typed */
	bool typed_args;
	/**
	 * What the probe's provider makes of the words that the machine passes: arg n as an expression of D over these
	 * words, in it called arg0, arg1 ... ("((struct bio *)arg1)->bi_bdev"); NULL: there is none, it reads as 0. Optional:
	 * without it arguments are the words. The texts live as long as the script.
	 */
	const char *(*arg_text)(void *ctx, uint32_t n);
	const char *guard; /**< a condition over the words: where it does not hold, this is not the probe. NULL: none */
	/** Another machine's types and index, by its name (db`vmlinux`jiffies). NULL: no such machine. */
	struct dv_universe *(*machine)(void *ctx, const char *name, uint32_t *index);
	/** How the provider presents args[]; NULL: as they are. With it, there are xarg_count of them. */
	const struct dv_xarg *xargs;
	uint32_t xarg_count;
	const char *provider, *name;       /**< of the probe, for provider declarations in D; NULL: not known */
	void *ctx;
	const char *probe;                 /**< for messages: a probe that this check stands for */
	const char *machine_name;
	uint32_t can;                      /**< DV_CAN_*: what clauses there may do to a machine */
};
enum dv_can {
	DV_CAN_DESTROY = 1, /**< -w: destructive actions are allowed */
	DV_CAN_WRITE = 2,   /**< user memory can be written: copyout() */
	DV_CAN_SIGNAL = 4,  /**< signals can be sent: raise() */
	DV_CAN_WAIT = 8,    /**< a clause can hold up its CPU: chill() */
	DV_CAN_VTIME = 16,  /**< not an action: vtimestamp is known */
};

/**
 * Check clause @p c and make its typed copy in @p arena. Variables and aggregations are entered in the script's tables
 * at first use, and given their numbers and cells. Returns false after diagnostics; the same one is given once only,
 * however many machines it is found for. Best called clause by clause in the script's order, each for all machines:
 * a variable's type is then that of its first assignment in the text.
 */
bool dv_check_clause(struct dv_script *s, const struct dv_clause *c, const struct dv_check_env *env,
                     struct dv_diag *diag, struct dv_arena *arena, struct dv_clause **ret);
/** Does the clause use args[] (so that its probes' argument types matter)? */
bool dv_clause_uses_args(const struct dv_clause *c);
/** Not NULL when a provider declaration in D says what args[] this probe has: the same for the same declaration. */
const void *dv_script_args_declared(struct dv_script *s, const char *provider, const char *name);
/** Does it use probeprov, probemod, probefunc or probename? Any machine's memory but its own (machine`mod`sym)? */
bool dv_clause_uses_probe_names(const struct dv_clause *c);
bool dv_script_uses_cross_machine(const struct dv_script *s);

/* The state that the checked clauses need: for the region's layout. */
uint32_t dv_script_globals_end(const struct dv_script *s);   /**< region offset behind the last global */
uint32_t dv_script_this_size(const struct dv_script *s);     /**< bytes of the clause-local block */
uint32_t dv_script_var_count(const struct dv_script *s);
const struct dv_var *dv_script_var(const struct dv_script *s, uint32_t i);
uint32_t dv_script_agg_count(const struct dv_script *s);
const struct dv_agg *dv_script_agg(const struct dv_script *s, uint32_t i);
/** Longest key tuple and value of any dynamic variable (bytes, as state/ stores them; strings count strsize + 8). */
void dv_script_dyn_sizes(const struct dv_script *s, uint32_t strsize, uint32_t *key_size, uint32_t *val_size);

/** A row of the table of subroutines, actions and aggregating functions. */
enum dv_call_kind { DV_CALL_SUBR, DV_CALL_ACTION, DV_CALL_AGGFUNC };
enum dv_call_id {
	/* subroutines */
	DV_C_COPYIN, DV_C_COPYINSTR, DV_C_STRLEN, DV_C_SUBSTR, DV_C_STRJOIN, DV_C_INDEX, DV_C_RINDEX, DV_C_STRSTR,
	DV_C_STRCHR, DV_C_STRRCHR, DV_C_STRTOK, DV_C_TOLOWER, DV_C_TOUPPER, DV_C_BASENAME, DV_C_DIRNAME, DV_C_CLEANPATH,
	DV_C_LLTOSTR, DV_C_STRTOLL, DV_C_JSON, DV_C_INET_NTOA, DV_C_INET_NTOA6, DV_C_INET_NTOP, DV_C_LINK_NTOP, DV_C_SWAP16,
	DV_C_SWAP32, DV_C_SWAP64, DV_C_RAND, DV_C_ALLOCA, DV_C_BCOPY, DV_C_COPYINTO, DV_C_COPYOUT, DV_C_COPYOUTSTR,
	DV_C_PROGENYOF, DV_C_GETMAJOR, DV_C_GETMINOR, DV_C_SPECULATION, DV_C_LOCK,
	DV_C_DPATH, DV_C_EXECARGS,
	/* actions */
	DV_C_PRINTF, DV_C_PRINTA, DV_C_PRINT, DV_C_TRACE, DV_C_EXIT, DV_C_CLEAR, DV_C_TRUNC, DV_C_NORMALIZE,
	DV_C_DENORMALIZE, DV_C_TRACEMEM, DV_C_SYSTEM, DV_C_FREOPEN, DV_C_FTRUNCATE, DV_C_SETOPT, DV_C_SPECULATE,
	DV_C_COMMIT, DV_C_DISCARD, DV_C_RAISE, DV_C_CHILL,
	/* actions whose results can also be printed by a format, and be keys: in the order of enum dv_stack_kind */
	DV_C_STACK, DV_C_USTACK, DV_C_SYM, DV_C_MOD, DV_C_USYM, DV_C_UMOD, DV_C_UADDR,
	/* aggregating functions */
	DV_C_COUNT, DV_C_SUM, DV_C_MIN, DV_C_MAX, DV_C_AVG, DV_C_STDDEV, DV_C_QUANTIZE, DV_C_LQUANTIZE,
	DV_C_LLQUANTIZE,
	DV_C_UNSUPPORTED, /**< known by name, refused: "speculate() is not supported yet" */
};
struct dv_call {
	const char *name;
	enum dv_call_kind kind;
	enum dv_call_id id;
};

#endif
