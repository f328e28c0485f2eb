/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_OUTPUT_OUT_H
#define DV_OUTPUT_OUT_H
/** Between the files of this folder. */
#include "output/output.h"
#include "type/format.h"

#define OUT_WIDTH_MAX 4096 /**< a width from data is cut to this */

/* escape.c */
/** @p n bytes of data as text: see output.h. Result from malloc. */
char *out_escape(const char *bytes, size_t n);
/** %S: C's escapes for all that is not printable ASCII. Result from malloc. */
char *out_escape_c(const char *bytes, size_t n);
/** Text, padded to @p width. */
void out_pad(FILE *f, const char *text, int width, bool left);
/** Data, escaped, then padded. */
void out_data(FILE *f, const char *bytes, size_t n, int width, bool left);

/* printf.c */
/** Supplies a format's values in order. */
struct out_args {
	/** Next value and its type. False: there is none. */
	bool (*next)(struct out_args *a, struct dv_value *v, const struct dv_type **type);
	/** Print the next aggregation's value by this conversion (printa). May be NULL. */
	void (*agg)(struct out_args *a, const struct dv_conv *c, int width, int prec);
	uint32_t machine;
};
/** Print by format. False: values ran out. */
bool out_format(struct dv_output *o, const struct dv_conv *convs, size_t count, struct out_args *args);
/** One integer by a conversion: %d and its like, by the type's size and sign. */
void out_int(FILE *f, const struct dv_conv *c, int width, int prec, uint64_t value, unsigned size, bool sgn);
void out_type_int(const struct dv_type *t, unsigned *size, bool *sgn);

/* stack.c */
/** The default form of a stack block, or of an address with a name; nothing when @p v is none. */
void out_stack(struct dv_output *o, const struct dv_value *v, uint32_t machine);
/** By a conversion: %k, %a, %A. */
void out_stack_format(struct dv_output *o, const struct dv_conv *c, int width, const struct dv_value *v,
		      uint32_t machine);
/** "module`symbol+0x1f", as much of it as is known; from malloc. */
char *out_address(struct dv_output *o, const struct dv_addr *a);
int out_stack_cmp(const struct dv_value *a, const struct dv_value *b);

/* hist.c */
void out_quantize(FILE *f, const int64_t *data, uint64_t normal);
void out_lquantize(FILE *f, const struct dv_agg_desc *d, const int64_t *data, uint64_t normal);
double out_quantize_sum(const int64_t *data);
double out_lquantize_sum(const struct dv_agg_desc *d, const int64_t *data);
uint64_t out_stddev(const int64_t *data, uint64_t normal);

/* agg.c */
void out_printa(struct dv_output *o, struct dv_consumer *c, const struct dv_action *a, uint32_t machine);
void out_trunc(struct dv_output *o, struct dv_consumer *c, const struct dv_agg *agg, int64_t keep);
/** Words of one row's data by the aggregation's function; 0: the description is spoilt. */
uint32_t out_agg_words(const struct dv_agg_desc *d);

/* print.c */
void out_print(struct dv_output *o, const struct dv_type *t, const uint8_t *bytes, uint32_t size, const uint64_t *addr,
	       unsigned indent);
void out_print_value(struct dv_output *o, const struct dv_type *t, const struct dv_value *v);
/** Hex dump with a ruler: what dtrace writes for bytes that it does not know. */
void out_bytes(FILE *f, const uint8_t *bytes, size_t n);

#endif
