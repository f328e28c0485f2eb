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
	bool guard;  /**< text is for a shell: what it acts on must not come from data */
	bool unsafe; /**< it did */
};
/** Print by format. False: values ran out. */
bool out_format(struct dv_output *o, const struct dv_conv *convs, size_t count, struct out_args *args);
/** A value by a conversion: %d and its like by the type's size and sign. */
void out_value(struct dv_output *o, const struct dv_conv *c, int width, int prec, const struct dv_value *v,
	       const struct dv_type *type, uint32_t machine);
/** A floating-point number; @p c NULL: as %g. */
bool out_is_float(const struct dv_type *t);
void out_float(FILE *f, const struct dv_conv *c, int width, int prec, const struct dv_value *v);
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
/** What a set of numbers adds up to (with aggzoom: what makes the largest fill the bar), and which signs they have. */
struct out_sums {
	long double total;
	bool positive, negative;
};
void out_sums_add(const struct dv_output *o, struct out_sums *s, int64_t n);
/** The bar and its number. */
void out_bar(const struct dv_output *o, int64_t count, uint64_t normal, const struct out_sums *s);
int64_t out_quantize_value(uint32_t bucket);
void out_quantize(const struct dv_output *o, const int64_t *data, uint64_t normal);
void out_lquantize(const struct dv_output *o, const struct dv_agg_desc *d, const int64_t *data, uint64_t normal);
void out_llquantize(const struct dv_output *o, const struct dv_agg_desc *d, const int64_t *data, uint64_t normal);
double out_quantize_sum(const int64_t *data);
double out_lquantize_sum(const struct dv_agg_desc *d, const int64_t *data);
/** What counts 0s: between rows with equal sums the one with more of them is the larger. */
int64_t out_lquantize_zeros(const struct dv_agg_desc *d, const int64_t *data);
double out_llquantize_sum(const struct dv_agg_desc *d, const int64_t *data);
uint64_t out_stddev(const int64_t *data, uint64_t normal);

/* pack.c */
/** A distribution in one line; @p min, @p max: buckets of all rows that hold something. */
void out_pack_header(const struct dv_output *o, const struct dv_agg_desc *d, int width, uint32_t min, uint32_t max);
void out_pack(const struct dv_output *o, const struct dv_agg_desc *d, const int64_t *data, uint32_t min, uint32_t max);

/* flow.c */
/** The columns of a record with flowindent: before it is printed, and behind it. */
void out_flow_begin(struct dv_output *o, const struct dv_out_probe *p);
void out_flow_end(struct dv_output *o, const struct dv_out_probe *p);

/* outside.c */
/** Text of a format; from malloc. NULL: values ran out, or it is not fit for a shell (told). */
char *out_text(struct dv_output *o, const struct dv_action *a, struct out_args *args);
void out_system(struct dv_output *o, const char *command);
void out_freopen(struct dv_output *o, const char *name);
void out_ftruncate(struct dv_output *o);
void out_setopt(struct dv_output *o, const char *name, const char *value);

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
