/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ABI_REGION_H
#define DV_ABI_REGION_H
/**
 * Layout of the state region: one flat piece of shared memory, a power of two in size, without a pointer in it. The
 * dvirt process makes it: a sealed memfd, or when the host's kernel takes part an mmap-able BPF array of one element.
 * Every QEMU process that takes part maps it.
 *
 *   0                    struct dv_region_hdr (read-mostly, then the few hot words on lines of their own)
 *   DV_GLOBALS_OFF       global variables: 8-byte words, strings, pointers (two words). Offsets fixed at compile time
 *   DV_CONSTS_OFF        constant strings: of the script, of probes, of machines. May grow to consts_size
 *   serves_off           which guests the host's threads serve (state/serves.c)
 *   dyn_ctl_off          control words of the dynamic variables' table (state/dyn.c)
 *   dyn_slot_off         its slots: key and value
 *   spec_off             words of the speculations (state/spec.c)
 *   prod_off             one struct dv_producer for each place that fires (a vCPU; the dvirt process)
 *   ...                  each producer's ring, two aggregation tables, scratch, clause-locals, strtok()'s string, a word for each
 *                        speculation
 *
 * Whoever reads an offset or a size from here masks or checks it before use: any process that maps the region may
 * have scribbled over it. All numbers are little-endian; fields that two parties touch are accessed atomically.
 */
#include <stdint.h>

#define DV_REGION_MAGIC   0x31545249564456ULL /* "VDVIRT1" */
#define DV_REGION_VERSION 3u
#define DV_GLOBALS_OFF    0x10000u
#define DV_CONSTS_OFF     0x100000u /**< end of the globals, start of the constants */
#define DV_AGGS_MAX       256u
#define DV_PROD_MAX       2048u
#define DV_SPEC_MAX       256u   /**< speculations (nspec) at most */
#define DV_KEY_MAX        16384u /**< bytes of one key tuple at most, see dyn_key_size for this session's */
#define DV_THIS_MAX       8192u /**< bytes of clause-locals at most */

/** Why data was lost. One counter each in every producer. */
enum dv_drop {
	DV_DROP_BUFFER, /**< no room in the principal buffer */
	DV_DROP_AGG,    /**< no room in the aggregation table */
	DV_DROP_DYN,    /**< no room for a dynamic variable */
	DV_DROP_RETRY,  /**< an update gave up after its bounded retries */
	DV_DROP_NEST,   /**< a probe fired while this producer was in a clause */
	DV_DROP_ERROR,  /**< an ERROR record found no room */
	DV_DROP_SPEC,   /**< no room in the speculation */
	DV_DROP_NOSPEC, /**< speculation() found none that is free */
	DV_DROP_CPU,    /**< a probe fired on a CPU that came after the session had begun; counted for the first CPU */
	DV_DROP_COUNT = 12
};

/** Run-time faults: DTrace's, in its order (DTRACEFLT_*), then ours. */
enum dv_fault {
	DV_FAULT_NONE, DV_FAULT_BADADDR, DV_FAULT_BADALIGN, DV_FAULT_ILLOP, DV_FAULT_DIVZERO, DV_FAULT_NOSCRATCH,
	DV_FAULT_KPRIV, DV_FAULT_UPRIV, DV_FAULT_TUPOFLOW, DV_FAULT_BADSTACK, DV_FAULT_BADSIZE, DV_FAULT_BADINDEX,
	DV_FAULT_LIBRARY,
	DV_FAULT_BADMACH,  /**< the pointer's machine is gone or cannot be read from here */
	DV_FAULT_BADTYPES, /**< the pointer comes from a machine with other kernel types */
};

enum dv_agg_func { DV_AGG_COUNT, DV_AGG_SUM, DV_AGG_MIN, DV_AGG_MAX, DV_AGG_AVG, DV_AGG_STDDEV, DV_AGG_QUANTIZE, DV_AGG_LQUANTIZE, DV_AGG_LLQUANTIZE };
#define DV_QUANTIZE_BUCKETS 127 /**< as DTrace: -2^63 .. -1, 0, 1 .. 2^63; index 63 is zero */

/**
 * One aggregation. Its data in a table entry, in 64-bit words:
 * COUNT n | SUM sum | MIN, MAX value | AVG n, sum | STDDEV n, sum, sum of squares low, high | QUANTIZE 127 buckets |
 * LQUANTIZE levels + 2 buckets (below base, levels, at or above the limit) | LLQUANTIZE 2 * levels + 3 buckets: at or
 * below -factor^(high + 1), the negative ones, around zero, the positive ones, at or above factor^(high + 1).
 *
 * LLQUANTIZE. Magnitude m is [factor^m, factor^(m+1)). Its buckets are factor^(m+1) / steps wide, 1 at least, and lie at
 * multiples of that; what is below factor^m of the first one is the magnitude's before.
 */
struct dv_agg_desc {
	uint32_t func;      /**< enum dv_agg_func */
	uint32_t data_size; /**< bytes */
	int64_t base;       /**< lquantize: lower bound; llquantize: factor */
	int64_t step;       /**< lquantize: width of a level; llquantize: steps of a magnitude */
	uint32_t levels;    /**< lquantize: how many; llquantize: positive buckets */
	uint32_t mags;      /**< llquantize: lowest magnitude | highest << 16 */
};

struct dv_machine_desc {
	uint32_t live;     /**< 1 while it can be read */
	uint32_t universe; /**< which kernel types: equal numbers, equal types */
	uint32_t name;     /**< sref */
	uint32_t pad;
};

struct dv_region_hdr {
	uint64_t magic;
	uint32_t version;
	uint32_t strsize; /**< bytes of a string with its NUL; a multiple of 8 */
	uint64_t size;    /**< of the region; a power of two, at most 2 GiB */
	uint32_t globals_size;
	uint32_t consts_size;
	uint32_t dyn_ctl_off, dyn_slot_off;
	uint32_t dyn_count;     /**< slots: a power of two */
	uint32_t dyn_slot_size; /**< bytes: 16 of head, dyn_key_size, dyn_val_size */
	uint32_t dyn_key_size, dyn_val_size;
	uint32_t dyn_seed;      /**< random, so that keys cannot be chosen to collide */
	uint32_t prod_off, prod_stride, prod_count;
	uint32_t agg_count;
	uint32_t flags;         /**< DV_REGION_* */
	uint32_t serves_off, serves_count; /**< see DV_SERVES; slots: a power of two */
	uint32_t spec_off;      /**< a word for each speculation: its generation << 1 | 1: in use */
	uint32_t spec_count;    /**< DV_SPEC_MAX at most; 0: the session has none */
	uint32_t spec_size;     /**< bytes of records that one producer may speculate in one */
	uint32_t only_cpu;      /**< the CPU of each machine that is traced, + 1; 0: all are */
	uint64_t hash_mult;     /**< random and odd, made of dyn_seed: what keys are hashed with */
	uint64_t line0[8];
	uint64_t seq __attribute__((aligned(64)));  /**< last sequence number given out; the one hot shared word */
	uint64_t line1[7];
	uint32_t halt __attribute__((aligned(64))); /**< set at the end: nobody may wait for room any more, no clause starts */
	uint32_t ended;         /**< exit() was called: no clause starts, but who waits for room may still get it */
	uint32_t line2[14];
	struct dv_agg_desc aggs[DV_AGGS_MAX];
	struct dv_machine_desc machines[64];
};
#define DV_REGION_BLOCK 1u /**< bufpolicy=block: wait for room instead of dropping */
#define DV_REGION_RING  2u /**< ring: nobody reads before the end, the newest records replace the oldest */
#define DV_REGION_FILL  4u /**< fill: nobody reads before the end, and the first ring that is full is the end */

/**
 * What a thread of the host does for a guest of the session: the answer of dv_st_serves(), and the low half of a slot of
 * its table (the high half is the thread's or the process's id). 0: nothing.
 */
#define DV_SERVES            0x80000000u
#define DV_SERVES_MACHINE(s) ((uint32_t)((s) >> 16 & 0xff)) /**< index */
#define DV_SERVES_VCPU(s)    ((int32_t)((s) & 0xffff) - 1)  /**< -1: none, it does other work */
#define DV_SERVES_SLOTS      4096u
#define DV_SERVES_PROBES     32u /**< how far from its place an entry may lie, in slots */

/**
 * A producer: one thread at a time fires into it. The first lines are the producer's, the last the consumer's.
 *
 * Order. A firing stores a lower bound of its coming sequence number into `inflight` (seq + 1 as it stands), then takes
 * the number by an atomic add, and stores 0 again when its clauses are done and its records committed. So the
 * consumer, having read `seq` first and then each `inflight`, knows a bound below which no record will appear any
 * more, and may print up to it. A firing that is known to write no record takes no number (state/fire.c).
 */
struct dv_producer {
	uint64_t inflight;  /**< 0: idle; DV_UNNUMBERED | count of firings: this one has no number so far */
	uint64_t head;      /**< ring: bytes committed since the start (atomic, release) */
	uint64_t fired;     /**< firings, for statistics */
	uint64_t drops[DV_DROP_COUNT];
	uint64_t busy_ns[1];
	/* private to the producer while it fires */
	uint32_t scratch_used __attribute__((aligned(64)));
	uint32_t key_len, rec_pos, rec_max;
	uint64_t cur_seq;   /**< 0: none so far */
	uint32_t fault;     /**< enum dv_fault of the clause that runs; the program must end when it is set */
	uint32_t clause_drop; /**< set when REC found no room: the program ends without fault */
	uint64_t fault_value;
	uint32_t agg_cur;   /**< which aggregation table this firing uses */
	uint32_t agg_used[2]; /**< bytes of entries in each table */
	uint32_t agg_n[2];  /**< entries */
	uint32_t rec_start; /**< region offset of the open record; 0: none. rec_pos, rec_max: of its next byte and its end */
	/* the consumer's */
	uint64_t tail __attribute__((aligned(64))); /**< ring: bytes consumed (atomic, release) */
	uint32_t agg_active; /**< table that firings from now on use */
	uint32_t exited;     /**< exit() was called in its last firing */
	/* constant after set-up */
	uint32_t machine __attribute__((aligned(64))); /**< index */
	uint32_t cpu;       /**< vCPU index on that machine */
	uint32_t ring_off, ring_size;     /**< power of two */
	uint32_t agg_off[2], agg_size;    /**< bytes of one table: its index of agg_slots u32 offsets, then entries */
	uint32_t agg_slots;               /**< power of two */
	uint32_t scratch_off, scratch_size;
	uint32_t this_off, this_size;
	uint32_t key_off;                 /**< DV_KEY_MAX-bounded buffer of the tuple under construction */
	uint32_t key_size;                /**< its bytes */
	uint32_t tok_off;                 /**< strsize bytes: the string that strtok() takes apart */
	uint32_t spec_off;                /**< a word for each speculation: generation << 32 | bytes of ours in it */
	/* the producer's again */
	uint64_t rand __attribute__((aligned(64))); /**< last random number; 0: none yet */
	uint32_t tok_pos;                 /**< strtok(): where it goes on, + 1; 0: it has not begun in this firing */
	uint32_t rec_spec;                /**< speculation that the open record is for; 0: none */
};
#define DV_UNNUMBERED (1ULL << 63) /**< above all sequence numbers */

/**
 * Record in a ring: 8-byte aligned, never wraps (a pad record fills the end). Data: the clause's fields in order, as
 * RECI, RECS and RECM wrote them.
 */
struct dv_record {
	uint32_t size;  /**< of all, with this header; a multiple of 8 */
	uint32_t epid;  /**< enabled probe: (machine, probe, clause); DV_EPID_PAD: skip */
	uint64_t seq;
	uint32_t kind;  /**< enum dv_record_kind */
	uint32_t cpu;
	/* data follows */
};
#define DV_EPID_PAD 0xffffffffu
enum dv_record_kind {
	DV_REC_DATA,
	DV_REC_ERROR, /**< data: u64 fault, u64 value, u64 instruction index */
	DV_REC_SPEC,  /**< a DATA record whose first word is the speculation (number | generation << 32). Held back until its commit */
	DV_REC_COMMIT, /**< data: u64 speculation */
};

/** Entry of an aggregation table; entries follow one another from the table's start of entries. */
struct dv_agg_entry {
	uint32_t size;     /**< of all; a multiple of 8 */
	uint32_t hash;
	uint32_t agg;      /**< index in dv_region_hdr::aggs */
	uint32_t key_size; /**< bytes of key after this header, a multiple of 8; then the data words */
};
/**
 * Key tuples (aggregations and dynamic variables): for each element a u32 kind (DV_KEY_INT, DV_KEY_STR, DV_KEY_BLOCK), a
 * u32 length in bytes, and the bytes padded with zeros to 8. An integer has length 8; a string's length is without the
 * NUL; a block is a struct dv_stack.
 */
#define DV_KEY_INT   1u
#define DV_KEY_STR   2u
#define DV_KEY_BLOCK 3u

/** What a stack block holds: a stack, or one address that is to be shown by a name. */
enum dv_stack_kind {
	DV_STACK_KERNEL, DV_STACK_USER,
	DV_STACK_SYM,   /**< sym(), func(): kernel address, shown as its function */
	DV_STACK_MOD,   /**< mod(): as its module */
	DV_STACK_USYM,  /**< usym(), ufunc(): address in the running program, as its function */
	DV_STACK_UMOD,  /**< umod(): as its object */
	DV_STACK_UADDR, /**< uaddr(): as function and offset */
	DV_STACK_KINDS
};
static inline int dv_stack_is_user(uint32_t kind)
{
	return kind == DV_STACK_USER || kind >= DV_STACK_USYM;
}
/**
 * A stack block: made in scratch by STACK and SYMADDR, copied into records and keys as far as it is filled. Addresses are
 * numbers until the consumer shows them; what it needs to find their names by is here.
 */
#define DV_STACK_HEAD 32u
#define DV_KERNEL_LATEST 0xffffu
#define DV_STACK_MAX  240u /**< frames: such a block fits a key tuple in the kernel, too */
struct dv_stack {
	uint32_t size;     /**< bytes of all: DV_STACK_HEAD + 8 * count */
	uint16_t kind;     /**< enum dv_stack_kind */
	uint16_t kernel;   /**< dv_load_image::kernel of the machine when this was made; DV_KERNEL_LATEST: not known */
	uint32_t machine;  /**< whose addresses: index */
	uint32_t count;    /**< of pc */
	uint32_t pid, pad; /**< user: the process; 0: none */
	uint64_t start;    /**< user: when that process began (ns of its machine's boot-time clock): tells it from a later one
	                        with the same number; 0: unknown */
	uint64_t pc[];     /**< the innermost first */
};

#endif
