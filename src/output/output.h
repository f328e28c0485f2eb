/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_OUTPUT_OUTPUT_H
#define DV_OUTPUT_OUTPUT_H
/**
 * Values to text, to the character as dtrace(1) prints them (differences: docs/compat.md). Writes to a FILE that the
 * caller owns.
 *
 * Text that comes from data is escaped, wherever it goes: control characters but newline and tab, DEL, the C1
 * controls, and bytes that are not UTF-8, are shown as \ooo. What a format of the script says is written as it is.
 */
#include <stdio.h>

#include "code/program.h"
#include "consume/consume.h"

/** An address, and whose it is. */
struct dv_addr {
	uint32_t machine; /**< index; DV_OUTPUT_ANY_MACHINE: not known (%a of an integer key at the end) */
	uint32_t kernel;  /**< which of its kernels, see struct dv_stack */
	bool user;	  /**< of a process: */
	uint32_t pid;	  /**< 0: not known */
	uint64_t start;	  /**< when it began, see struct dv_stack */
	uint64_t addr;
};
struct dv_addr_name {
	char module[256];   /**< a kernel's module, or a file's name without its folder; "": not known */
	char symbol[1024];  /**< "": not known */
	uint64_t sym_start; /**< where the symbol begins */
	uint64_t base;	    /**< where the module's mapping begins */
};

struct dv_output {
	FILE *f;
	bool quiet, rawbytes;
	bool flow_heading_done; /**< the "CPU ID FUNCTION:NAME" line was printed */
	bool aggsortkey, aggsortrev;
	bool agghist, aggpack, aggzoom; /**< other forms of aggregations: output/pack.c */
	bool flow;                      /**< flowindent */
	enum { DV_ENCODING_AUTO, DV_ENCODING_ASCII, DV_ENCODING_UTF8 } encoding;
	uint32_t printsize;             /**< bytes that print() shows of a value; 0: all */
	uint32_t aggsortpos, aggsortkeypos;
	bool noresolve;		   /**< user addresses as object:offset */
	bool stackindent_set;
	uint32_t stackindent;	   /**< columns before a stack's frames; not set: 14 */
	/** Names for an address; may be NULL. What is not known stays as it is: empty. */
	void (*lookup)(void *ctx, const struct dv_addr *a, struct dv_addr_name *ret);
	/** Read guest memory while printing is never done: print() works on the bytes in the record. */
	void *ctx;
	uint64_t printed[DV_AGGS_MAX / 64]; /**< aggregations that a printa() has printed */
	/** What system(), freopen() and setopt() need of the session; NULL: what would be done is written out, for tests. */
	int (*system)(void *ctx, const char *command);
	/** Set a dynamic option. False: it was told why not. */
	bool (*setopt)(void *ctx, const char *name, const char *value);
	void (*complain)(void *ctx, const char *text); /**< of an action that could not be done */
	FILE *first;                        /**< freopen(): where the output went at first; NULL: it still does */
	struct out_flow *flows;             /**< by producer */
	uint32_t flow_count;
};
/** Close what freopen() opened, and free what is kept between records. */
void dv_output_deinit(struct dv_output *o);
#define DV_OUTPUT_ANY_MACHINE UINT32_MAX

/** What the heading columns of a record say. */
struct dv_out_probe {
	const char *machine; /**< shown in the heading only when the run has several machines (several=true) */
	bool several;
	uint32_t cpu, id;
	const char *func, *name;
	/* for flowindent */
	const char *prov;
	uint32_t producer, epid;
	bool more; /**< the next record of this CPU is the same probe's, from another clause */
};
/** Print one record: heading columns unless quiet, then its actions' output. Actions that change the consumer's state
 *  (clear, trunc, normalize, exit) are done here too, through @p c; *exit_status is set by exit() and true returned. */
bool dv_output_record(struct dv_output *o, struct dv_consumer *c, const struct dv_program *p,
		      const struct dv_out_probe *probe, const struct dv_event *e, int *exit_status);
/** printa() without format: a newline, then a row for each key, sorted as DTrace sorts. */
void dv_output_agg(struct dv_output *o, struct dv_consumer *c, const struct dv_agg *agg);
/** At the end: a newline, as dtrace writes it even when nothing follows, then every aggregation that no printa()
 * printed, in the order of @p aggs. */
void dv_output_all_aggs(struct dv_output *o, struct dv_consumer *c, const struct dv_agg *const *aggs, size_t count);

#endif
