/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_LOAD_H
#define DV_MACHINE_KVM_LOAD_H
/**
 * How much of a virtual CPU's time the exits for probes take, and which probes to do without when it is too much. An exit is
 * the time in our program and what the processor and KVM need for one besides, which cannot be seen from inside it.
 */
#include "machine/ebpf/bpf/firing.h"
#include "machine/kvm/site.h"

#define DV_EXIT_NS     1500u       /**< of an exit, besides the program: a guess for processors of these years */
#define DV_LOAD_WINDOW 1000000000u /**< ns */
#define DV_LOAD_OVER   5u          /**< windows in a row that it must be too much */

struct dv_kvm_load {
	uint64_t since;                    /**< ns; 0: not begun */
	uint64_t hits[DV_PROD_MAX], ns[DV_PROD_MAX]; /**< at the window's begin */
	uint64_t window;                   /**< how long the last window was, ns; 0: it is not over yet */
	unsigned over;
	uint64_t *trap_hits;               /**< of each trap at the last look; by its place in the list */
	size_t trap_count;
};
void dv_kvm_load_reset(struct dv_kvm_load *l);
void dv_kvm_load_deinit(struct dv_kvm_load *l);
/** The share of the busiest virtual CPU in the window that has just ended, percent; 0 while none has. */
uint32_t dv_kvm_load_look(struct dv_kvm_load *l, uint64_t now, const struct dv_guest_tables *t, uint32_t vcpus);
/** Is it more than @p limit, and has it been for long enough? */
bool dv_kvm_load_over(struct dv_kvm_load *l, uint32_t share, uint32_t limit);
/** The traps with the most hits since the last call, as many as it takes to come to half of @p limit; at least one that was
 *  hit, but none of DV_TRAP_SWITCH. *hits: of the first, in a second. Those are taken out of @p traps' accounts, not out of @p traps. */
void dv_kvm_load_noisiest(struct dv_kvm_load *l, const dv_traps *traps, uint32_t share, uint32_t limit,
			  uint64_t (*hits_of)(void *ctx, uint64_t pc), void *ctx, dv_traps *out, uint64_t *hits);

#endif
