/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Distributions: rows of buckets with bars of 40 columns; and what is computed from several words. */
#include <stdlib.h>

#include "base/mem.h"
#include "output/out.h"

#define BAR 40
#define ZOOM 0.95L /* with aggzoom: how much of the bar the largest fills */
#define ZERO_BUCKET 63
static const char ats[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

void out_sums_add(const struct dv_output *o, struct out_sums *s, int64_t n)
{
	long double size = n < 0 ? -(long double)n : (long double)n;

	s->positive |= n > 0;
	s->negative |= n < 0;
	if (!o->aggzoom)
		s->total += size;
	else if (s->total < size / ZOOM)
		s->total = size / ZOOM;
}

static struct out_sums add_up(const struct dv_output *o, const int64_t *data, uint32_t first, uint32_t last)
{
	struct out_sums s = {0};

	for (uint32_t i = first; i <= last; i++)
		out_sums_add(o, &s, data[i]);
	return s;
}

static int bar_length(int64_t count, const struct out_sums *s, int full)
{
	long double n = count < 0 ? -(long double)count : (long double)count;

	return s->total > 0 ? (int)(n * full / s->total + 0.5L) : 0;
}

static void header(const struct dv_output *o)
{
	fprintf(o->f, "\n%16s %41s %-9s\n", "value", "------------- Distribution -------------", "count");
}

/** Blocks of eighths of a column. */
static void utf8_bar(FILE *f, int64_t count, long long shown, const struct out_sums *s)
{
	long double n = s->total > 0 ? (long double)count * BAR / s->total : 0;
	int whole = (int)n, part = (int)((n - (long double)whole) * 8), i;

	fputc('|', f);
	for (i = 0; i < whole && i < BAR; i++)
		fputs("\xe2\x96\x88", f);
	if (part && i < BAR) {
		fprintf(f, "\xe2\x96%c", 0x90 - part);
		i++;
	}
	fprintf(f, "%*s %-9lld\n", BAR - i, "", shown);
}

void out_bar(const struct dv_output *o, int64_t count, uint64_t normal, const struct out_sums *s)
{
	long long shown = (long long)count / (long long)(normal > INT64_MAX ? INT64_MAX : normal ? normal : 1);
	FILE *f = o->f;
	int n;

	if (!s->negative && s->positive && o->encoding == DV_ENCODING_UTF8) {
		utf8_bar(f, count, shown, s);
	} else if (!s->negative) {
		n = s->positive ? bar_length(count, s, BAR) : 0;
		fprintf(f, "|%.*s%*s %-9lld\n", n, ats, BAR - n, "", shown);
	} else if (!s->positive) {
		n = bar_length(count, s, BAR);
		fprintf(f, "%*s%.*s| %-9lld\n", BAR - n, "", n, ats, shown);
	} else {
		// Both: half the width on each side of a line down the middle.
		n = bar_length(count, s, BAR / 2);
		if (count <= 0)
			fprintf(f, "%*s%.*s|%*s %-9lld\n", BAR / 2 - n, "", n, ats, BAR / 2, "", shown);
		else
			fprintf(f, "%*s|%.*s%*s %-9lld\n", BAR / 2, "", n, ats, BAR / 2 - n, "", shown);
	}
}

/** Buckets that hold something, and an empty one on either side. False: none does. */
static bool used(const int64_t *data, uint32_t count, uint32_t *first, uint32_t *last)
{
	uint32_t a = 0, b = count - 1;

	while (a < count && !data[a])
		a++;
	if (a == count)
		return false;
	while (b > a && !data[b])
		b--;
	*first = a ? a - 1 : 0;
	*last = b < count - 1 ? b + 1 : b;
	return true;
}

int64_t out_quantize_value(uint32_t bucket)
{
	if (bucket < ZERO_BUCKET)
		return (int64_t) - (1ull << (ZERO_BUCKET - 1 - bucket));
	return bucket == ZERO_BUCKET ? 0 : (int64_t)(1ull << (bucket - ZERO_BUCKET - 1));
}

void out_quantize(const struct dv_output *o, const int64_t *data, uint64_t normal)
{
	uint32_t first = ZERO_BUCKET - 1, last = ZERO_BUCKET + 1;
	struct out_sums s;

	used(data, DV_QUANTIZE_BUCKETS, &first, &last);
	s = add_up(o, data, first, last);
	header(o);
	for (uint32_t i = first; i <= last; i++) {
		fprintf(o->f, "%16lld ", (long long)out_quantize_value(i));
		out_bar(o, data[i], normal, &s);
	}
}

void out_lquantize(const struct dv_output *o, const struct dv_agg_desc *d, const int64_t *data, uint64_t normal)
{
	uint32_t first = 0, last = 2, n = d->levels + 2;
	struct out_sums s;

	if (last >= n)
		last = n - 1;
	used(data, n, &first, &last);
	s = add_up(o, data, first, last);
	header(o);
	for (uint32_t i = first; i <= last; i++) {
		char value[32];

		if (i == 0)
			snprintf(value, sizeof(value), "< %lld", (long long)d->base);
		else if (i == n - 1)
			snprintf(value, sizeof(value), ">= %lld",
				 (long long)(d->base + (int64_t)((uint64_t)d->levels * (uint64_t)d->step)));
		else
			snprintf(value, sizeof(value), "%lld",
				 (long long)(d->base + (int64_t)((uint64_t)(i - 1) * (uint64_t)d->step)));
		fprintf(o->f, "%16s ", value);
		out_bar(o, data[i], normal, &s);
	}
}

/** Lower bounds of the positive buckets in turn. The description may be spoilt: every step is bounded. */
struct ll {
	uint64_t factor, steps, low, width, next; /**< of the present magnitude; bound of the next bucket */
};

static void ll_begin(struct ll *l, const struct dv_agg_desc *d)
{
	uint32_t first = d->mags & 0xffff;

	*l = (struct ll){.factor = d->base > 1 ? (uint64_t)d->base : 2, .steps = d->step > 0 ? (uint64_t)d->step : 1, .low = 1};
	for (uint32_t i = 0; i < first && i < 64; i++)
		l->low *= l->factor;
	l->next = l->low;
	l->width = l->low * l->factor > l->steps ? l->low * l->factor / l->steps : 1;
}

static uint64_t ll_next(struct ll *l)
{
	uint64_t at = l->next;

	l->next = at / l->width * l->width + l->width;
	if (l->next >= l->low * l->factor) {
		l->low *= l->factor;
		l->next = l->low;
		l->width = l->low * l->factor > l->steps ? l->low * l->factor / l->steps : 1;
	}
	return at;
}

/** The lower bounds of positive buckets; bound[levels]: where they end. From malloc. */
static uint64_t *ll_bounds(const struct dv_agg_desc *d)
{
	uint64_t *bounds = dv_xcalloc((size_t)d->levels + 1, sizeof(*bounds));
	struct ll l;

	ll_begin(&l, d);
	for (uint32_t i = 0; i <= d->levels; i++)
		bounds[i] = ll_next(&l);
	return bounds;
}

void out_llquantize(const struct dv_output *o, const struct dv_agg_desc *d, const int64_t *data, uint64_t normal)
{
	uint32_t zero = d->levels + 1, n = 2 * d->levels + 3, first = zero, last = zero + 2;
	uint64_t *bounds = ll_bounds(d);
	struct out_sums s;

	if (last >= n)
		last = n - 1;
	used(data, n, &first, &last);
	s = add_up(o, data, first, last);
	header(o);
	for (uint32_t i = first; i <= last; i++) {
		char value[48];

		if (i == 0)
			snprintf(value, sizeof(value), "<= -%llu", (unsigned long long)bounds[d->levels]);
		else if (i == n - 1)
			snprintf(value, sizeof(value), ">= %llu", (unsigned long long)bounds[d->levels]);
		else if (i == zero && bounds[0] == 1)
			snprintf(value, sizeof(value), "0");
		else if (i == zero) // with nothing negative to show, there is no need to speak of both
			snprintf(value, sizeof(value), "%s< %llu", first < zero ? "abs() " : "",
				 (unsigned long long)bounds[0]);
		else if (i < zero)
			snprintf(value, sizeof(value), "-%llu", (unsigned long long)bounds[zero - 1 - i]);
		else
			snprintf(value, sizeof(value), "%llu", (unsigned long long)bounds[i - zero - 1]);
		fprintf(o->f, "%16s ", value);
		out_bar(o, data[i], normal, &s);
	}
	free(bounds);
}

/* What rows with distributions are sorted by. */

double out_llquantize_sum(const struct dv_agg_desc *d, const int64_t *data)
{
	uint64_t *bounds = ll_bounds(d);
	uint32_t zero = d->levels + 1;
	double sum = 0;

	for (uint32_t i = 0; i <= d->levels; i++)
		sum += (double)bounds[i] * ((double)data[zero + 1 + i] - (double)data[zero - 1 - i]);
	free(bounds);
	return sum;
}

double out_quantize_sum(const int64_t *data)
{
	double sum = 0;

	for (uint32_t i = 0; i < DV_QUANTIZE_BUCKETS; i++)
		sum += (double)out_quantize_value(i) * (double)data[i];
	return sum;
}

double out_lquantize_sum(const struct dv_agg_desc *d, const int64_t *data)
{
	double base = (double)d->base, sum = (base - 1) * (double)data[0];

	for (uint32_t i = 0; i < d->levels; i++)
		sum += (base + (double)i * (double)d->step) * (double)data[i + 1];
	return sum + (base + (double)d->levels * (double)d->step + 1) * (double)data[d->levels + 1];
}

int64_t out_lquantize_zeros(const struct dv_agg_desc *d, const int64_t *data)
{
	int64_t at = -(int64_t)d->base;

	if (d->base == 1)
		return data[0];
	if (d->step <= 0 || at < 0 || at % d->step || at / d->step >= d->levels)
		return 0;
	return data[1 + at / d->step];
}

static uint64_t root(unsigned __int128 v)
{
	unsigned __int128 low = 0, high = (unsigned __int128)1 << 64;

	while (high - low > 1) {
		unsigned __int128 mid = (low + high) / 2;

		if (mid * mid <= v)
			low = mid;
		else
			high = mid;
	}
	return (uint64_t)low;
}

/** The root of (mean of the squares less the square of the mean), in integers as dtrace does it. */
uint64_t out_stddev(const int64_t *data, uint64_t normal)
{
	unsigned __int128 squares = (unsigned __int128)(uint64_t)data[3] << 64 | (uint64_t)data[2], mean2;
	uint64_t n = (uint64_t)data[0], mean;
	int64_t avg;

	if (!n)
		return 0;
	normal = normal ? normal : 1;
	avg = data[1] / (int64_t)(normal > INT64_MAX ? INT64_MAX : normal) / (int64_t)(n > INT64_MAX ? INT64_MAX : n);
	mean = avg < 0 ? -(uint64_t)avg : (uint64_t)avg;
	mean2 = (unsigned __int128)mean * mean;
	squares = squares / normal / normal / n;
	return squares > mean2 ? root(squares - mean2) : 0;
}
