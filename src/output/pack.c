/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aggpack: a distribution in one line, a character for each bucket whose height is the bucket's part of the whole:
 *
 *	              key  min .------------------. max    | count
 *	             read    4 : ▁▃▁▅█▃▁▂▂▂▂▁▁    : 524288 | 2459
 *
 * All rows of an aggregation have the same columns: those from the lowest to the highest bucket that any of them uses,
 * and one more on either side. A terminal that is known to be unable gets letters for the blocks.
 */
#include <stdlib.h>
#include <string.h>

#include "output/out.h"

#define WIDTH_LEAST 4

static int digits(int64_t v)
{
	uint64_t n = v < 0 ? -(uint64_t)v : (uint64_t)v;
	int count = v < 0 ? 2 : 1;

	// 10 counts as one digit, 100 as two: so did the first to do this.
	for (uint64_t top = 10; n > top && top <= UINT64_MAX / 10; top *= 10)
		count++;
	return count < WIDTH_LEAST ? WIDTH_LEAST : count;
}

static void range(const struct dv_agg_desc *d, uint32_t *min, uint32_t *max)
{
	if (d->func == DV_AGG_LQUANTIZE) {
		*min = 0;
		*max = d->levels + 1;
		return;
	}
	if (*min && *min != 63)
		--*min;
	if (*max < DV_QUANTIZE_BUCKETS - 1)
		++*max;
}

static bool utf8(const struct dv_output *o)
{
	const char *term = getenv("TERM");

	if (o->encoding != DV_ENCODING_AUTO)
		return o->encoding == DV_ENCODING_UTF8;
	return !term || (strcmp(term, "sun") && strcmp(term, "sun-color") && strcmp(term, "dumb"));
}

static void column(const struct dv_output *o, int64_t n, const struct out_sums *s, bool blocks)
{
	static const char ascii[] = "__xxxxXX", below[] = "vvvvVV";
	long double part;

	if (!n || s->total <= 0) {
		fputc(' ', o->f);
		return;
	}
	part = (long double)n / s->total;
	if (n < 0)
		fputc(below[(unsigned)(-part * (sizeof(below) - 2) + 0.5L)], o->f);
	else if (blocks)
		fprintf(o->f, "\xe2\x96%c", 0x81 + (int)(part * 7 + 0.5L));
	else
		fputc(ascii[(unsigned)(part * (sizeof(ascii) - 2) + 0.5L)], o->f);
}

void out_pack_header(const struct dv_output *o, const struct dv_agg_desc *d, int width, uint32_t min, uint32_t max)
{
	int left = 7, right = 8;

	range(d, &min, &max);
	if (d->func == DV_AGG_QUANTIZE) {
		left = digits(out_quantize_value(min));
		right = digits(out_quantize_value(max));
	}
	fprintf(o->f, "\n%*s %*s .", width, width ? "key" : "", left, "min");
	for (uint32_t i = min; i <= max; i++)
		fputc('-', o->f);
	fprintf(o->f, ". %*s | count\n", -right, "max");
}

void out_pack(const struct dv_output *o, const struct dv_agg_desc *d, const int64_t *data, uint32_t min, uint32_t max)
{
	bool blocks = utf8(o);
	struct out_sums s = {0};
	long double count = 0;
	char text[32];

	range(d, &min, &max);
	if (d->func == DV_AGG_QUANTIZE) {
		int64_t v = out_quantize_value(min);

		fprintf(o->f, " %*lld :", digits(v), (long long)v);
	} else {
		snprintf(text, sizeof(text), "< %lld", (long long)d->base);
		fprintf(o->f, "%8s :", text);
	}
	for (uint32_t i = min; i <= max; i++) {
		out_sums_add(o, &s, data[i]);
		count += (long double)data[i];
	}
	for (uint32_t i = min; i <= max; i++)
		column(o, data[i], &s, blocks);
	if (d->func == DV_AGG_QUANTIZE) {
		int64_t v = out_quantize_value(max);

		fprintf(o->f, ": %*lld | %lld\n", -digits(v), (long long)v, (long long)count);
	} else {
		snprintf(text, sizeof(text), ">= %lld",
			 (long long)(d->base + (int64_t)((uint64_t)d->levels * (uint64_t)d->step)));
		fprintf(o->f, ": %-8s | %lld\n", text, (long long)count);
	}
}
