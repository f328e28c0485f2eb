/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_STATE_PORT_H
#define DV_STATE_PORT_H
/**
 * What differs between the two worlds that src/state runs in: a process that has the region mapped, and the kernel,
 * where it is the only element of an mmap-able BPF array. Only how the region is found, the atomic operations, and how
 * often a loop may go round (the kernel's verifier walks through every round).
 *
 * The region's size is a power of two, so an offset that is masked with size - 1 and aligned down to the access is
 * inside the region with all its bytes. Nothing in src/state accesses memory in any other way, but for state/words.h in the
 * kernel: an array has room behind the region (DV_BPF_SLACK), so there a few words are reached from one masked offset.
 */
#include <stddef.h>
#include <stdint.h>

#include "abi/region.h"

#define DV_INLINE static inline __attribute__((always_inline))

/** The region as a function sees it while it runs. */
struct dv_view {
	uint8_t *base;
	uint64_t mask;            /**< size - 1 */
	struct dv_producer *p;
};
/** Producers lie at multiples of this, so that a masked one is inside the region as a whole. */
#define DV_PROD_ALIGN 512u
_Static_assert(sizeof(struct dv_producer) <= DV_PROD_ALIGN, "a producer outgrew its place");
_Static_assert(sizeof(struct dv_region_hdr) <= DV_GLOBALS_OFF, "the header outgrew its place");

#ifdef DV_BPF
/* -- in the kernel ------------------------------------------------------------------------------------------------ */

#define DV_ST uint64_t
/*
 * A function with a loop is global: verified once, on its own, not again for every path that leads to it. It is weak
 * because the compiler leaves out arguments that a function it knows does not use, and the verifier wants all of them.
 */
#define DV_HELPER __attribute__((noinline, weak, visibility("default")))
#define DV_GLOBAL DV_HELPER

extern const volatile uint64_t dv_region_mask; /* read-only data: the verifier knows its value */

#define DV_STR_MAX     1024u
#define DV_AGG_DATA_MAX 8192u
#define DV_COPY_MAX    8192u
#define DV_KEY_LOOP    2048u /* bytes of a tuple */
#define DV_MEM_MAX     4096u
#define DV_RETRY_RMW   256u
#define DV_RETRY_DYN   16u
#define DV_RETRY_LOOK  4u
#define DV_RETRY_YIELD 8u
#define DV_RETRY_FULL  8u
#define DV_EVICT_MAX   512u /* records that one makes room for */

static long (*const dv_bpf_read)(void *dst, uint32_t size, const void *src) = (void *)113; /* probe_read_kernel */
/* The helper takes 32 bits, but where the verifier puts the loop in its place all 64 of the register count. */
static long (*const dv_bpf_loop)(uint64_t count, void *body, void *ctx, uint64_t flags) = (void *)181; /* Linux 5.17 */
/** Tell the verifier what was checked of a number that the compiler has moved elsewhere since: it is below @p pow2. */
#define DV_BOUND(x, pow2) __asm__ volatile("%0 &= %1" : "+r"(x) : "i"((pow2) - 1))
extern uint8_t dv_region_mem[]; /* the array map's only element: the loader puts its address here */

DV_INLINE int dv_view(DV_ST st, struct dv_view *v)
{
	v->base = dv_region_mem;
	v->mask = dv_region_mask;
	v->p = (struct dv_producer *)(v->base + (st & v->mask & ~(uint64_t)(DV_PROD_ALIGN - 1)));
	return 1;
}

/* Loads and stores are x86's: ordered but for a store that a later load overtakes, which a fetching atomic forbids. */
#define DV_BARRIER() __asm__ volatile("" ::: "memory")
DV_INLINE uint64_t dv_load(volatile uint64_t *p)
{
	uint64_t v = *p;

	DV_BARRIER();
	return v;
}
DV_INLINE uint32_t dv_load32(volatile uint32_t *p)
{
	uint32_t v = *p;

	DV_BARRIER();
	return v;
}
DV_INLINE void dv_store(volatile uint64_t *p, uint64_t v)
{
	DV_BARRIER();
	*p = v;
}
DV_INLINE void dv_store_sc(volatile uint64_t *p, uint64_t v)
{
	__sync_lock_test_and_set(p, v);
}
DV_INLINE uint64_t dv_add(volatile uint64_t *p, uint64_t v)
{
	return __sync_fetch_and_add(p, v);
}
DV_INLINE int dv_cas(volatile uint64_t *p, uint64_t from, uint64_t to)
{
	return __sync_val_compare_and_swap(p, from, to) == from;
}
DV_INLINE void dv_rmb(void)
{
	DV_BARRIER();
}
#define dv_store_then_add dv_store
DV_INLINE void dv_wmb(void)
{
	DV_BARRIER();
}

#else
/* -- in a process ------------------------------------------------------------------------------------------------- */
#include <stdbool.h>

struct dv_st {
	uint8_t *base;
	uint64_t mask;  /**< size - 1 */
	uint32_t prod;  /**< offset of the producer */
};
#define DV_ST struct dv_st *
#define DV_HELPER static inline __attribute__((unused))
#define DV_GLOBAL

#define DV_STR_MAX     16384u
#define DV_AGG_DATA_MAX (1u << 20) /* bytes of one entry's data */
#define DV_COPY_MAX    (1u << 20)
#define DV_KEY_LOOP    DV_KEY_MAX
#define DV_MEM_MAX     (1u << 20) /* bytes of one RECM */
#define DV_RETRY_RMW   100000u
#define DV_RETRY_DYN   10000u
#define DV_RETRY_LOOK  1000u
#define DV_RETRY_YIELD 64u
#define DV_RETRY_FULL  1000u
#define DV_EVICT_MAX   65536u

DV_INLINE int dv_view(DV_ST st, struct dv_view *v)
{
	v->base = st->base;
	v->mask = st->mask;
	v->p = (struct dv_producer *)(v->base + (st->prod & v->mask & ~(uint64_t)(DV_PROD_ALIGN - 1)));
	return 1;
}

/** Acquire (sequentially consistent) load. */
DV_INLINE uint64_t dv_load(volatile uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
DV_INLINE uint32_t dv_load32(volatile uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
/** Release store. */
DV_INLINE void dv_store(volatile uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}
/** Store that no later load overtakes. */
DV_INLINE void dv_store_sc(volatile uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}
/** The same, where dv_add() comes before the later loads: on x86 that is the barrier already. */
DV_INLINE void dv_store_then_add(volatile uint64_t *p, uint64_t v)
{
#ifdef __x86_64__
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
#else
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
#endif
}
/** Returns the value before. */
DV_INLINE uint64_t dv_add(volatile uint64_t *p, uint64_t v)
{
	return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
/** True when it was @p from and is @p to now. */
DV_INLINE int dv_cas(volatile uint64_t *p, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(p, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
/** Loads before stay before loads after. */
DV_INLINE void dv_rmb(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}
/** Stores before are seen before stores after, also those of the machine that goes on. */
DV_INLINE void dv_wmb(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}
#endif

/* -- common ------------------------------------------------------------------------------------------------------- */

/** Read and write a shared field exactly once. */
#define DV_RD(x)    (*(const volatile __typeof__(x) *)&(x))
#define DV_WR(x, v) ((void)(*(volatile __typeof__(x) *)&(x) = (v)))

/** The 8-byte word at a region offset. */
DV_INLINE volatile uint64_t *dv_word(const struct dv_view *v, uint64_t off)
{
	return (volatile uint64_t *)(v->base + (off & v->mask & ~7ULL));
}
DV_INLINE volatile uint32_t *dv_half(const struct dv_view *v, uint64_t off)
{
	return (volatile uint32_t *)(v->base + (off & v->mask & ~3ULL));
}
DV_INLINE struct dv_region_hdr *dv_hdr(const struct dv_view *v)
{
	return (struct dv_region_hdr *)v->base;
}

#endif
