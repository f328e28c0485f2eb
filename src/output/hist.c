/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Distributions: rows of buckets with bars of 40 columns; and what is computed from several words. */
#include "output/out.h"

#define BAR 40
#define ZERO_BUCKET 63
static const char ats[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

/** What a set of buckets adds up to, and which signs its counts have. */
struct sums {
	long double total;
	bool positive, negative;
};

static struct sums add_up(const int64_t *data, uint32_t first, uint32_t last)
{
	struct sums s = {0};

	for (uint32_t i = first; i <= last; i++) {
		s.positive |= data[i] > 0;
		s.negative |= data[i] < 0;
		s.total += data[i] < 0 ? -(long double)data[i] : (long double)data[i];
	}
	return s;
}

static int bar_length(int64_t count, const struct sums *s, int full)
{
	long double n = count < 0 ? -(long double)count : (long double)count;

	return s->total > 0 ? (int)(n * full / s->total + 0.5L) : 0;
}

static void header(FILE *f)
{
	fprintf(f, "\n%16s %41s %-9s\n", "value", "------------- Distribution -------------", "count");
}

static void bar(FILE *f, int64_t count, uint64_t normal, const struct sums *s)
{
	long long shown = (long long)count / (long long)(normal > INT64_MAX ? INT64_MAX : normal ? normal : 1);
	int n;

	if (!s->negative) {
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

static int64_t quantize_value(uint32_t bucket)
{
	if (bucket < ZERO_BUCKET)
		return (int64_t) - (1ull << (ZERO_BUCKET - 1 - bucket));
	return bucket == ZERO_BUCKET ? 0 : (int64_t)(1ull << (bucket - ZERO_BUCKET - 1));
}

void out_quantize(FILE *f, const int64_t *data, uint64_t normal)
{
	uint32_t first = ZERO_BUCKET - 1, last = ZERO_BUCKET + 1;
	struct sums s;

	used(data, DV_QUANTIZE_BUCKETS, &first, &last);
	s = add_up(data, first, last);
	header(f);
	for (uint32_t i = first; i <= last; i++) {
		fprintf(f, "%16lld ", (long long)quantize_value(i));
		bar(f, data[i], normal, &s);
	}
}

void out_lquantize(FILE *f, const struct dv_agg_desc *d, const int64_t *data, uint64_t normal)
{
	uint32_t first = 0, last = 2, n = d->levels + 2;
	struct sums s;

	if (last >= n)
		last = n - 1;
	used(data, n, &first, &last);
	s = add_up(data, first, last);
	header(f);
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
		fprintf(f, "%16s ", value);
		bar(f, data[i], normal, &s);
	}
}

/* What rows with distributions are sorted by. */

double out_quantize_sum(const int64_t *data)
{
	double sum = 0;

	for (uint32_t i = 0; i < DV_QUANTIZE_BUCKETS; i++)
		sum += (double)quantize_value(i) * (double)data[i];
	return sum;
}

double out_lquantize_sum(const struct dv_agg_desc *d, const int64_t *data)
{
	double base = (double)d->base, sum = (base - 1) * (double)data[0];

	for (uint32_t i = 0; i < d->levels; i++)
		sum += (base + (double)i * (double)d->step) * (double)data[i + 1];
	return sum + (base + 1) * (double)data[d->levels + 1];
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
	squares = squares / normal / n;
	return squares > mean2 ? root(squares - mean2) : 0;
}
