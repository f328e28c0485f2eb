/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_CONSUME_INNER_H
#define DV_CONSUME_INNER_H
/**
 * The consumer's own side. What a producer's place in the region looks like is copied here when the consumer is made,
 * and what is read later is read once into a local and checked; nothing of ours lies in the region.
 */
#include "consume/consume.h"
#include "state/state.h"

struct source {
	struct dv_producer *p;
	uint32_t index;
	/* ring */
	const uint8_t *ring;
	uint64_t ring_size;
	uint64_t tail, released; /**< consumed; what of it the producer was told */
	uint64_t head;           /**< as read at the start of this dv_consume() */
	uint64_t seq;            /**< of the record at the tail */
	uint32_t size, epid;
	/* aggregations */
	uint8_t *table[2];
	uint32_t agg_size, agg_slots;
	uint32_t active;
	bool waiting;            /**< flipped, but a firing that may use the other table was not over yet */
	uint64_t waiting_for;    /**< its in-flight word */
	uint64_t drops[DV_DROP_COUNT];
};

/** A row; one block with its data, values and key bytes behind it. */
struct row {
	struct dv_agg_row pub;
	uint64_t hash;
	uint32_t key_size;
	bool cleared;            /**< data is zero and means nothing: the next that comes replaces it */
	uint8_t *key;
	int64_t *data;
};
struct agg {
	struct dv_agg_desc desc; /**< private, checked */
	enum { AGG_NEW, AGG_GOOD, AGG_BAD } state;
	uint64_t normal;
	DV_VEC(const struct dv_agg_row *) rows;
};

/** A speculation that may be committed yet. */
struct spec {
	uint64_t name;           /**< number | generation << 32 */
	uint8_t *bytes;          /**< its records, each behind a struct head */
	size_t used, size;
	uint64_t ended;          /**< the sequence number that must be delivered before it is forgotten; 0: it is in use */
};

struct dv_consumer {
	struct dv_region_hdr *hdr;
	struct source *sources;
	uint32_t source_count;
	struct source **heap;
	uint64_t spoilt;
	/* Private copies of the record and of the entry in hand, 8-byte aligned. Two: a record's receiver may snap. */
	struct copy {
		uint8_t *p;
		size_t size;
	} rec_copy, entry_copy;

	struct agg aggs[DV_AGGS_MAX];
	struct row **index;      /**< all rows, open addressing */
	size_t index_size, row_count, row_bytes;
	uint64_t order, seed;
	void (*on_frames)(void *ctx, struct dv_frames *f);
	void *on_frames_ctx;

	bool ring;               /**< bufpolicy=ring: producers move their tails themselves until they are stopped */
	DV_VEC(struct spec) specs;
	uint64_t spec_bytes;
	uint32_t spec_off, spec_count; /**< the table in the region, checked */
};

uint8_t *dv_consumer_copy(struct copy *c, size_t size);
void dv_aggs_deinit(struct dv_consumer *c);

/* spec.c */
void dv_spec_deinit(struct dv_consumer *c);
/** A record of a speculation. */
void dv_spec_keep(struct dv_consumer *c, struct dv_event *e);
/** The record of a commit: deliver what it commits. What @p fn said. */
bool dv_spec_commit(struct dv_consumer *c, struct dv_event *e, bool (*fn)(void *ctx, const struct dv_event *e), void *ctx,
                    size_t *count);
/** All records with numbers below @p delivered have been delivered: forget what was discarded. */
void dv_spec_expire(struct dv_consumer *c, uint64_t delivered);

#endif
