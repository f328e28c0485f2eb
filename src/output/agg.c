/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aggregations: rows sorted as dtrace sorts them, printed in its default form or by a printa() format; several
 * side by side are joined by their keys. Keys of a row are of the types that the script gave them; numbers of keys and
 * kinds are checked here, for they come out of shared memory.
 */
#include <string.h>

#include "base/mem.h"
#include "output/out.h"

#define PACKED_STRING 16 /* columns of a string key with agghist and aggpack */

/** One row of a table with a column for each aggregation. */
struct row {
	const struct dv_agg_row *keys;	/**< some column's row: they all have the same keys */
	const struct dv_agg_row *col[]; /**< NULL: no such key there */
};

struct table {
	struct dv_output *o;
	const struct dv_agg *const *aggs;
	uint32_t cols;
	struct row **rows;
	size_t count;
	bool by_key, reverse;
	uint32_t sort_col, key_pos;
};

uint32_t out_agg_words(const struct dv_agg_desc *d)
{
	switch (d->func) {
	case DV_AGG_COUNT:
	case DV_AGG_SUM:
	case DV_AGG_MIN:
	case DV_AGG_MAX:
		return 1;
	case DV_AGG_AVG:
		return 2;
	case DV_AGG_STDDEV:
		return 4;
	case DV_AGG_QUANTIZE:
		return DV_QUANTIZE_BUCKETS;
	case DV_AGG_LQUANTIZE:
		return d->levels <= 0xffff ? d->levels + 2 : 0;
	case DV_AGG_LLQUANTIZE:
		return d->levels <= 0xffff ? 2 * d->levels + 3 : 0;
	default:
		return 0;
	}
}

static int cmp_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int cmp_i64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int cmp_bytes(const struct dv_value *a, const struct dv_value *b)
{
	int r = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);

	return r ? r : cmp_u64(a->size, b->size);
}

static int cmp_keys(const struct dv_agg_row *a, const struct dv_agg_row *b, uint32_t from)
{
	uint32_t n = a->key_count < b->key_count ? a->key_count : b->key_count;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = (i + (from < n ? from : 0)) % n;
		const struct dv_value *x = &a->keys[k], *y = &b->keys[k];
		int r;

		if (x->kind != y->kind)
			return x->kind < y->kind ? -1 : 1;
		r = x->kind == DV_VALUE_INT     ? cmp_u64(x->i, y->i)
		    : x->kind == DV_VALUE_BYTES ? cmp_bytes(x, y)
						: out_stack_cmp(x, y);
		if (r)
			return r;
	}
	return cmp_u64(a->key_count, b->key_count);
}

static int64_t average(const int64_t *d, uint64_t normal)
{
	int64_t by = normal > INT64_MAX ? INT64_MAX : normal ? (int64_t)normal : 1;

	return d[0] ? (int64_t)((__int128)d[1] / by / d[0]) : 0;
}

static int cmp_double(double a, double b)
{
	return a < b ? -1 : a > b;
}

static int cmp_values(const struct dv_agg *agg, const int64_t *a, const int64_t *b)
{
	static const int64_t nothing[DV_QUANTIZE_BUCKETS];
	int r;

	switch (agg->desc.func) {
	case DV_AGG_AVG:
		return cmp_i64(average(a ? a : nothing, 1), average(b ? b : nothing, 1));
	case DV_AGG_STDDEV:
		return cmp_u64(out_stddev(a ? a : nothing, 1), out_stddev(b ? b : nothing, 1));
	case DV_AGG_QUANTIZE:
		a = a ? a : nothing;
		b = b ? b : nothing;
		r = cmp_double(out_quantize_sum(a), out_quantize_sum(b));
		return r ? r : cmp_i64(a[63], b[63]); // of the sums' zeros, the one with more of them
	case DV_AGG_LLQUANTIZE:
		r = cmp_double(a ? out_llquantize_sum(&agg->desc, a) : 0, b ? out_llquantize_sum(&agg->desc, b) : 0);
		return r ? r : cmp_i64(a ? a[agg->desc.levels + 1] : 0, b ? b[agg->desc.levels + 1] : 0);
	case DV_AGG_LQUANTIZE:
		r = cmp_double(a ? out_lquantize_sum(&agg->desc, a) : 0, b ? out_lquantize_sum(&agg->desc, b) : 0);
		return r ? r : cmp_i64(a ? out_lquantize_zeros(&agg->desc, a) : 0, b ? out_lquantize_zeros(&agg->desc, b) : 0);
	default:
		return cmp_i64(a ? a[0] : 0, b ? b[0] : 0);
	}
}

static int cmp_rows(const void *x, const void *y, void *ctx)
{
	const struct row *a = *(struct row *const *)x, *b = *(struct row *const *)y;
	const struct table *t = ctx;
	int r = 0;

	if (t->by_key)
		r = cmp_keys(a->keys, b->keys, t->key_pos);
	for (uint32_t i = 0; !r && i < t->cols; i++) {
		uint32_t c = (i + t->sort_col) % t->cols;

		r = cmp_values(t->aggs[c], a->col[c] ? a->col[c]->data : NULL, b->col[c] ? b->col[c]->data : NULL);
	}
	if (!r)
		r = cmp_keys(a->keys, b->keys, t->key_pos);
	return t->reverse ? -r : r;
}

static int cmp_by_keys(const void *x, const void *y)
{
	return cmp_keys((*(struct row *const *)x)->keys, (*(struct row *const *)y)->keys, 0);
}

/** Rows with equal keys become one. */
static void join(struct table *t)
{
	size_t to = 0;

	qsort(t->rows, t->count, sizeof(*t->rows), cmp_by_keys);
	for (size_t i = 0; i < t->count; i++) {
		if (to && !cmp_by_keys(&t->rows[to - 1], &t->rows[i])) {
			for (uint32_t c = 0; c < t->cols; c++)
				if (t->rows[i]->col[c])
					t->rows[to - 1]->col[c] = t->rows[i]->col[c];
			free(t->rows[i]);
		} else {
			t->rows[to++] = t->rows[i];
		}
	}
	t->count = to;
}

static void table_init(struct table *t, struct dv_output *o, struct dv_consumer *c, const struct dv_agg *const *aggs,
		       uint32_t cols)
{
	DV_VEC(struct row *) rows = {0};

	*t = (struct table){.o = o,
			    .aggs = aggs,
			    .cols = cols,
			    .by_key = o->aggsortkey,
			    .reverse = o->aggsortrev,
			    .key_pos = o->aggsortkeypos,
			    .sort_col = o->aggsortpos < cols ? o->aggsortpos : 0};
	for (uint32_t i = 0; i < cols; i++) {
		const struct dv_agg_row **r;
		size_t n = out_agg_words(&aggs[i]->desc) ? dv_aggs_rows(c, aggs[i]->id, &r) : 0;

		for (size_t j = 0; j < n; j++) {
			if (r[j]->data_words < out_agg_words(&aggs[i]->desc))
				continue; // a spoilt region described it otherwise
			struct row *row = dv_xcalloc(1, sizeof(*row) + cols * sizeof(row->col[0]));

			row->keys = row->col[i] = r[j];
			*DV_PUSH(&rows) = row;
		}
	}
	t->rows = rows.data;
	t->count = rows.count;
	if (cols > 1)
		join(t);
	if (t->count)
		qsort_r(t->rows, t->count, sizeof(*t->rows), cmp_rows, t);
}

static void table_deinit(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->rows[i]);
	free(t->rows);
}

/** The one number of an aggregation that has one. */
static uint64_t single(const struct dv_agg *agg, const int64_t *data, uint64_t normal)
{
	int64_t by = normal > INT64_MAX ? INT64_MAX : normal ? (int64_t)normal : 1;

	if (!data)
		return 0;
	if (agg->desc.func == DV_AGG_AVG)
		return (uint64_t)average(data, normal);
	if (agg->desc.func == DV_AGG_STDDEV)
		return out_stddev(data, normal);
	return (uint64_t)(data[0] / by);
}

static bool is_distribution(const struct dv_agg *agg)
{
	return agg->desc.func == DV_AGG_QUANTIZE || agg->desc.func == DV_AGG_LQUANTIZE ||
	       agg->desc.func == DV_AGG_LLQUANTIZE;
}

/** Distributions take lines of their own; true when this is one, and printed. */
static bool distribution(const struct dv_output *o, const struct dv_agg *agg, const int64_t *data, uint64_t normal)
{
	int64_t *none = NULL;

	if (!is_distribution(agg))
		return false;
	if (!data)
		data = none = dv_xcalloc(out_agg_words(&agg->desc), sizeof(*none));
	if (agg->desc.func == DV_AGG_QUANTIZE)
		out_quantize(o, data, normal);
	else if (agg->desc.func == DV_AGG_LLQUANTIZE)
		out_llquantize(o, &agg->desc, data, normal);
	else
		out_lquantize(o, &agg->desc, data, normal);
	free(none);
	return true;
}

static void default_key(struct dv_output *o, const struct dv_value *k, const struct dv_type *type, bool packed)
{
	FILE *f = o->f;
	unsigned size;
	bool sgn;

	if (k->kind == DV_VALUE_BLOCK) {
		out_stack(o, k, DV_OUTPUT_ANY_MACHINE);
		return;
	}

	if (k->kind == DV_VALUE_BYTES && packed) {
		fputc(' ', f);
		out_data(f, k->bytes, strnlen(k->bytes, k->size), PACKED_STRING, false);
		return;
	}
	if (k->kind == DV_VALUE_BYTES) {
		fputs("  ", f);
		out_data(f, k->bytes, strnlen(k->bytes, k->size), 50, true);
		return;
	}
	out_type_int(type, &size, &sgn);
	switch (size) {
	case 1:
		fprintf(f, " %3d", (int)(uint8_t)k->i);
		break;
	case 2:
		fprintf(f, " %5d", (int)(uint16_t)k->i);
		break;
	case 4:
		fprintf(f, " %8d", (int)(uint32_t)k->i);
		break;
	default:
		fprintf(f, " %16lld", (long long)k->i);
		break;
	}
}

static const struct dv_type *key_type(const struct dv_agg *agg, uint32_t i)
{
	return i < DV_COUNT(agg->key_types) ? agg->key_types[i] : NULL;
}

/** Columns that the keys take in agghist's and aggpack's forms. */
static int packed_width(const struct table *t)
{
	const struct dv_agg *agg = t->aggs[0];
	int width = 0;

	for (uint32_t i = 0; i < agg->key_count; i++) {
		const struct dv_type *type = key_type(agg, i) ? dv_type_resolve(key_type(agg, i)) : NULL;
		uint64_t size = type && type->kind != DV_TYPE_STRING ? type->size : 0;

		width += 1 + (size == 1 ? 3 : size == 2 ? 5 : size == 4 ? 8 : PACKED_STRING);
	}
	return width;
}

static void packed_keys(const struct table *t, const struct row *r)
{
	for (uint32_t k = 0; k < r->keys->key_count; k++)
		default_key(t->o, &r->keys->keys[k], key_type(t->aggs[0], k), true);
}

/** agghist: counts and sums as bars of one distribution over the keys. */
static bool hist_rows(struct table *t, struct dv_consumer *c)
{
	const struct dv_agg *agg = t->aggs[0];
	struct out_sums sums = {0};
	int width = packed_width(t);

	if (!t->o->agghist || t->cols != 1 || (agg->desc.func != DV_AGG_COUNT && agg->desc.func != DV_AGG_SUM))
		return false;
	for (size_t i = 0; i < t->count; i++)
		out_sums_add(t->o, &sums, t->rows[i]->col[0]->data[0]);
	if (t->count)
		fprintf(t->o->f, "\n%*s %41s %-9s\n", width ? width : 16, width ? "key" : "value",
			"------------- Distribution -------------", "count");
	for (size_t i = 0; i < t->count; i++) {
		packed_keys(t, t->rows[i]);
		fputc(' ', t->o->f);
		out_bar(t->o, t->rows[i]->col[0]->data[0], dv_aggs_normal(c, agg->id), &sums);
	}
	return true;
}

/** aggpack: each distribution in a line. */
static bool pack_rows(struct table *t)
{
	const struct dv_agg *agg = t->aggs[0];
	uint32_t min = UINT32_MAX, max = 0, words = out_agg_words(&agg->desc);

	if (!t->o->aggpack || t->cols != 1 || (agg->desc.func != DV_AGG_QUANTIZE && agg->desc.func != DV_AGG_LQUANTIZE))
		return false;
	for (size_t i = 0; i < t->count; i++)
		for (uint32_t k = 0; k < words; k++)
			if (t->rows[i]->col[0]->data[k]) {
				min = k < min ? k : min;
				max = k > max ? k : max;
			}
	if (min > max)
		min = max = 63 % words;
	if (t->count)
		out_pack_header(t->o, &agg->desc, packed_width(t), min, max);
	for (size_t i = 0; i < t->count; i++) {
		packed_keys(t, t->rows[i]);
		out_pack(t->o, &agg->desc, t->rows[i]->col[0]->data, min, max);
	}
	return true;
}

static void default_rows(struct table *t, struct dv_consumer *c)
{
	FILE *f = t->o->f;

	if (hist_rows(t, c) || pack_rows(t))
		return;
	for (size_t i = 0; i < t->count; i++) {
		const struct row *r = t->rows[i];

		for (uint32_t k = 0; k < r->keys->key_count; k++)
			default_key(t->o, &r->keys->keys[k], key_type(t->aggs[0], k), false);
		for (uint32_t col = 0; col < t->cols; col++) {
			const struct dv_agg *agg = t->aggs[col];
			const int64_t *data = r->col[col] ? r->col[col]->data : NULL;
			uint64_t normal = dv_aggs_normal(c, agg->id);

			if (!distribution(t->o, agg, data, normal))
				fprintf(f, agg->desc.func == DV_AGG_STDDEV ? " %16llu" : " %16lld",
					(unsigned long long)single(agg, data, normal));
		}
		fputc('\n', f);
	}
}

/** Values of one row for a format: keys in order, then for each %@ the next aggregation, the last one again and again.
 */
struct row_args {
	struct out_args args;
	struct table *t;
	struct dv_consumer *c;
	const struct row *row;
	uint32_t key, col;
};

static bool next_key(struct out_args *a, struct dv_value *v, const struct dv_type **type)
{
	struct row_args *r = (struct row_args *)a;

	if (r->key >= r->row->keys->key_count)
		return false;
	*type = key_type(r->t->aggs[0], r->key);
	*v = r->row->keys->keys[r->key++];
	return true;
}

static void next_agg(struct out_args *a, const struct dv_conv *c, int width, int prec)
{
	struct row_args *r = (struct row_args *)a;
	const struct dv_agg *agg = r->t->aggs[r->col];
	const int64_t *data = r->row->col[r->col] ? r->row->col[r->col]->data : NULL;
	uint64_t normal = dv_aggs_normal(r->c, agg->id);

	if (!distribution(r->t->o, agg, data, normal)) {
		struct dv_value v = {.kind = DV_VALUE_INT, .i = single(agg, data, normal)};

		out_value(r->t->o, c, width, prec, &v, dv_type_int(8, agg->desc.func != DV_AGG_COUNT), a->machine);
	}
	if (r->col + 1 < r->t->cols)
		r->col++;
}

static void formatted_rows(struct table *t, struct dv_consumer *c, const struct dv_conv *convs, size_t count,
			   uint32_t machine)
{
	struct row_args r = {.args = {.next = next_key, .agg = next_agg, .machine = machine}, .t = t, .c = c};

	for (size_t i = 0; i < t->count; i++) {
		r.row = t->rows[i];
		r.key = r.col = 0;
		out_format(t->o, convs, count, &r.args);
	}
}

void out_printa(struct dv_output *o, struct dv_consumer *c, const struct dv_action *a, uint32_t machine)
{
	const struct dv_agg *const *aggs = a->aggs;
	struct table t;

	if (!a->agg_count)
		return;
	table_init(&t, o, c, aggs, a->agg_count);
	if (a->convs) {
		formatted_rows(&t, c, a->convs, a->conv_count, machine);
	} else {
		fputc('\n', o->f);
		default_rows(&t, c);
	}
	table_deinit(&t);
	for (uint32_t i = 0; i < a->agg_count; i++)
		if (aggs[i]->id < DV_AGGS_MAX)
			o->printed[aggs[i]->id / 64] |= 1ull << (aggs[i]->id % 64);
}

static void print_default(struct dv_output *o, struct dv_consumer *c, const struct dv_agg *agg)
{
	struct table t;

	table_init(&t, o, c, &agg, 1);
	default_rows(&t, c);
	table_deinit(&t);
}

void dv_output_agg(struct dv_output *o, struct dv_consumer *c, const struct dv_agg *agg)
{
	fputc('\n', o->f);
	print_default(o, c, agg);
}

void dv_output_all_aggs(struct dv_output *o, struct dv_consumer *c, const struct dv_agg *const *aggs, size_t count)
{
	fputc('\n', o->f);
	for (size_t i = 0; i < count; i++) {
		uint32_t id = aggs[i]->id;

		if (aggs[i]->defined && id < DV_AGGS_MAX && !(o->printed[id / 64] >> (id % 64) & 1))
			print_default(o, c, aggs[i]);
	}
}

/** trunc(): keep the @p keep largest rows; a negative number: the smallest. Equal ones by their keys. */
void out_trunc(struct dv_output *o, struct dv_consumer *c, const struct dv_agg *agg, int64_t keep)
{
	uint64_t n = keep < 0 ? -(uint64_t)keep : (uint64_t)keep;
	const struct dv_agg_row **kept;
	struct table t;

	if (!out_agg_words(&agg->desc))
		return;
	table_init(&t, o, c, &agg, 1);
	t.by_key = false;
	t.key_pos = 0;
	t.reverse = keep > 0;
	if (t.count)
		qsort_r(t.rows, t.count, sizeof(*t.rows), cmp_rows, &t);
	if (n > t.count)
		n = t.count;
	kept = dv_xcalloc(n + 1, sizeof(*kept));
	for (size_t i = 0; i < n; i++)
		kept[i] = t.rows[i]->col[0];
	dv_aggs_keep(c, agg->id, kept, n);
	free(kept);
	table_deinit(&t);
}
