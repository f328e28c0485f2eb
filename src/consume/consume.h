/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_CONSUME_CONSUME_H
#define DV_CONSUME_CONSUME_H
/**
 * The consumer: takes records out of all producers' rings in the one order of their sequence numbers, and merges the
 * producers' aggregation tables. Yields values; prints nothing. Everything read from the region is checked: a process
 * that spoilt it costs that ring's data (counted), never the consumer.
 */
#include "abi/region.h"
#include "base/error.h"
#include "base/mem.h"

struct dv_consumer;
/** NULL: the region does not pass dv_region_check(). One thread at a time uses a consumer. */
struct dv_consumer *dv_consumer_create(void *region, uint64_t region_size);
void dv_consumer_destroy(struct dv_consumer *c);

/** A decoded value of a record or a key. */
struct dv_value {
	enum { DV_VALUE_INT, DV_VALUE_BYTES, DV_VALUE_BLOCK } kind; /**< BLOCK: of a key, a stack block's bytes */
	uint64_t i;
	const char *bytes; /**< strings: without NUL; valid during the callback */
	uint32_t size;
};
/** Cursor over a record's fields: they must be read in the order they were written. False: the record is spoilt. */
struct dv_cursor {
	const uint8_t *p, *end;
};
bool dv_cursor_int(struct dv_cursor *c, struct dv_value *ret);
bool dv_cursor_bytes(struct dv_cursor *c, struct dv_value *ret);

/** A stack block, taken apart: see struct dv_stack. */
struct dv_frames {
	uint32_t kind, machine, kernel, pid, count;
	uint64_t start;
	uint64_t pc[DV_STACK_MAX];
};
/** False: the value is no such block. */
bool dv_value_frames(const struct dv_value *v, struct dv_frames *ret);

struct dv_event {
	const struct dv_record *rec; /**< private copy; rec->size is checked */
	uint32_t producer, machine, cpu;
	uint32_t next_epid;          /**< of the record that follows it in its ring; 0: none is there yet */
	struct dv_cursor data;
};
/**
 * Deliver all records that are in order by now (below every firing still in flight); with @p final also what is left
 * (the producers are stopped). Records of a speculation come when and where it is committed. @p fn returns false to stop early (exit()). Returns how many were delivered.
 */
size_t dv_consume(struct dv_consumer *c, bool final, bool (*fn)(void *ctx, const struct dv_event *e), void *ctx);

/** The firing that has not ended and holds up the order: where, and a number that tells it from others. False: none. */
bool dv_consume_held(struct dv_consumer *c, uint32_t *producer, uint64_t *firing);

/** Drop counters since the last call, for messages: fn for each non-zero one. */
void dv_consume_drops(struct dv_consumer *c, void (*fn)(void *ctx, uint32_t producer, enum dv_drop why, uint64_t count),
                      void *ctx);
/** Records or entries refused because the region was spoilt. */
uint64_t dv_consumer_spoilt(const struct dv_consumer *c);

/**
 * Called for each stack block in the key of an entry that is taken in, before its row is looked for. It may change the
 * addresses (not how many), so that entries with different ones become one row: those of one function, for sym().
 */
void dv_consumer_on_frames(struct dv_consumer *c, void (*fn)(void *ctx, struct dv_frames *f), void *ctx);
/** Take what the producers aggregated so far into the consumer's own tables. @p final: producers are stopped. */
void dv_aggs_snap(struct dv_consumer *c, bool final);
/** One row of an aggregation, merged over all producers. */
struct dv_agg_row {
	const struct dv_value *keys;
	uint32_t key_count;
	const int64_t *data;   /**< as struct dv_agg_desc says: the region's, which may be spoilt, so check data_words */
	uint32_t data_words;
	uint32_t agg;
	uint64_t order;        /**< when it was first seen */
};
/** All rows of aggregation @p agg, unsorted; *rows is the consumer's, valid until the next snap, clear or trunc. */
size_t dv_aggs_rows(struct dv_consumer *c, uint32_t agg, const struct dv_agg_row ***rows);
void dv_aggs_clear(struct dv_consumer *c, uint32_t agg);
/** Keep @p keep (by identity: rows that dv_aggs_rows() gave), drop the others. */
void dv_aggs_keep(struct dv_consumer *c, uint32_t agg, const struct dv_agg_row *const *keep, size_t count);
/** normalize(): remembered for output. 1: none. */
void dv_aggs_normalize(struct dv_consumer *c, uint32_t agg, uint64_t factor);
uint64_t dv_aggs_normal(const struct dv_consumer *c, uint32_t agg);

#endif
