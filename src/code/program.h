/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_CODE_PROGRAM_H
#define DV_CODE_PROGRAM_H
/**
 * A compiled clause: its bytecode, and the description of the record that it writes, which the consumer prints by.
 */
#include "abi/insn.h"
#include "base/error.h"
#include "code/bytecode.h"
#include "lang/ast.h"
#include "type/format.h"

/** One value in a record. */
enum dv_field_kind { DV_FIELD_INT, DV_FIELD_STR, DV_FIELD_MEM, DV_FIELD_STACK };
struct dv_field {
	enum dv_field_kind kind;
	const struct dv_type *type; /**< as the script has it: sign, width, structure */
};

enum dv_action_kind {
	DV_ACT_DEFAULT,     /**< no statements: the heading columns alone */
	DV_ACT_PRINTF,      /**< format, fields */
	DV_ACT_TRACE,       /**< one field */
	DV_ACT_PRINT,       /**< the last field with its type, pretty-printed; of what lies in memory, the address is first */
	DV_ACT_STACK,       /**< stack(), sym() and their like as a statement: one field */
	DV_ACT_PRINTA,      /**< format or NULL, aggs */
	DV_ACT_EXIT,        /**< field 0: status */
	DV_ACT_CLEAR, DV_ACT_TRUNC, /**< aggs[0]; TRUNC: field 0 if count given */
	DV_ACT_NORMALIZE, DV_ACT_DENORMALIZE, /**< aggs[0]; field 0: factor */
	DV_ACT_TRACEMEM,    /**< field 0: the bytes; field 1, if there: how many of them to show */
	DV_ACT_SYSTEM, DV_ACT_FREOPEN, /**< format, fields: the command; the file's name */
	DV_ACT_FTRUNCATE,
	DV_ACT_SETOPT,      /**< field 0: name; field 1, if there: value */
	DV_ACT_IF,          /**< field 0: was the condition true? The actions of the two branches follow; the fields of the
	                         one that was not taken are not in the record */
};
struct dv_action {
	enum dv_action_kind kind;
	uint32_t index;           /**< statement number in the clause, from 1, as in ERROR messages */
	const char *format;       /**< printf, printa; NULL: default form */
	const struct dv_conv *convs; /**< the format taken apart */
	size_t conv_count;
	uint32_t field, field_count; /**< slice of dv_program::fields: the record's values in order */
	const struct dv_agg **aggs;
	uint32_t agg_count;
	uint32_t then_count, else_count; /**< IF: actions of each branch, with those of ifs within it */
	struct dv_loc loc;
};

struct dv_program {
	const struct dv_clause *clause; /**< untyped original's index and loc are the same */
	struct dv_insn *insns;
	uint32_t insn_count;
	struct dv_action *actions;      /**< those that write or do something at the consumer, in order */
	uint32_t action_count;
	struct dv_field *fields;
	uint32_t field_count;
	uint32_t record_max;            /**< most data bytes of the record; 0: writes none */
	bool vtime;                     /**< it asks for vtimestamp */
	bool speculates;                /**< its record begins with a word for speculate(), before the fields */
	/** First instruction of each statement (index 0: the predicate), to name the action that faulted. */
	uint32_t *stmt_pc;
	uint32_t stmt_count;
	struct dv_arena arena;          /**< owns all of the above */
};

/** Constant strings of a session, interned: string to region offset (DV_CONSTS_OFF up). */
struct dv_consts;
struct dv_consts *dv_consts_create(void);
void dv_consts_destroy(struct dv_consts *c);
/** sref of @p s; the same for equal strings. Cut to strsize - 1 by the caller. 0 for "". */
uint32_t dv_consts_intern(struct dv_consts *c, const char *s, size_t len);
/** The bytes from DV_CONSTS_OFF on, and how many. Grows; existing offsets stay. */
const void *dv_consts_data(const struct dv_consts *c, uint32_t *size);

/**
 * Generate code for a typed clause. PMACH checks against the universe of each accessed type. Takes nothing over. @p at: which
 * place of the script an error is about; may be NULL.
 */
struct dv_error *dv_codegen(const struct dv_clause *typed, uint32_t strsize, struct dv_consts *consts,
                            struct dv_program **ret, struct dv_loc *at) DV_MUST_USE;
void dv_program_destroy(struct dv_program *p);

#endif
