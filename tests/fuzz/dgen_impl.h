/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_DGEN_IMPL_H
#define DV_TESTS_DGEN_IMPL_H
/** What the generator's files share: dgen.c (choices, the program), dgen_decl.c, dgen_expr.c, dgen_stmt.c, dgen_fold.c. */
#include "dgen.h"

#define STRUCTS 3u
#define MEMBERS 6u
#define AGGS    4u
#define INT_TYPES 10u

enum kind { K_INT, K_TEXT, K_NODE, K_STRUCT }; /**< of a member */

struct member {
	enum kind kind;
	uint8_t array; /**< elements; 0: none */
	uint8_t bits;
	uint8_t sub;   /**< K_STRUCT: which */
};
struct shape {
	struct member m[MEMBERS];
	uint8_t count;
	bool is_union, pointers;
};
/** Aggregating function and keys; a key: 'i' integer, 's' string, 'k' a stack or a name of an address. */
struct agg {
	uint8_t func;
	char keys[4];
	bool used, defined;
};

struct dgen {
	struct dgen_how how;
	const uint8_t *p, *end;
	uint64_t random; /**< 0: the choices are p */
	char *text;
	size_t len, room;
	unsigned depth;
	struct shape shapes[STRUCTS];
	struct agg aggs[AGGS];
	bool more;       /**< rarer forms are declared */
	bool scratch;    /**< this->m is memory of alloca() */
	bool in_error;   /**< of an ERROR clause: its arguments are others */
	bool constant;   /**< no inlines, no assignments: within an inline or a translator */
	unsigned folds;
};

/* dgen.c */
unsigned pick(struct dgen *g, unsigned n);              /**< 0 .. n - 1 */
bool chance(struct dgen *g, unsigned one_in);           /**< rarely true; false when there are no choices left */
void put(struct dgen *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
extern const char *const int_types[INT_TYPES];
const char *int_type(struct dgen *g);
bool tired(const struct dgen *g);                       /**< be simple: it is deep or long already */
/** Something that D does not allow there, now and then; false: nothing was put. */
bool wrong(struct dgen *g);

/* dgen_decl.c */
void declarations(struct dgen *g);

/* dgen_expr.c */
void e_int(struct dgen *g);
void e_str(struct dgen *g);
void e_node(struct dgen *g);                            /**< a struct node * */
void lv_int(struct dgen *g);
void lv_str(struct dgen *g);
void lv_node(struct dgen *g);
bool lv_member(struct dgen *g, enum kind kind);         /**< of a structure variable; false: nothing was put */
void lv_struct(struct dgen *g, unsigned which);         /**< a variable of that structure */
void literal(struct dgen *g);
void text_literal(struct dgen *g);

/* dgen_stmt.c */
void clause(struct dgen *g, unsigned index);
void missing(struct dgen *g);                           /**< a clause with the aggregations that were named and not defined */

/* dgen_fold.c */
void fold(struct dgen *g);

#endif
