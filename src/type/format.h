/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TYPE_FORMAT_H
#define DV_TYPE_FORMAT_H
/**
 * D's printf formats, taken apart once: the checker (lang/) holds the arguments against them, the printer (output/)
 * prints by them. Chapter "Output Formatting" of the DTrace guide.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dv_conv {
	const char *text;      /**< literal text before this conversion (escapes already processed by the lexer) ... */
	size_t text_len;       /**< ... its length; the last element of a format may be text alone (letter 0) */
	char letter;           /**< d i u o x X c C s S p a A e E f g G k T Y; 0: none ("%%" is folded into text) */
	char size[3];          /**< "", "hh", "h", "l", "ll", "L", "w" */
	bool left, plus, blank, alt, zero, thousands, ptr_width; /**< flags - + ' ' # 0 ' ? */
	bool agg;              /**< written %@d: the aggregation's value (printa) */
	bool width_star, prec_star, has_prec;
	int width, prec;
	uint32_t at;           /**< offset of its % in the format, for messages */
};
/** Take @p fmt apart into a malloc'ed array. On failure NULL, with *msg (static text) and *at set. */
struct dv_conv *dv_format_parse(const char *fmt, size_t len, size_t *count, const char **msg, uint32_t *at);

#endif
