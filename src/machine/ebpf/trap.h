/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_TRAP_H
#define DV_MACHINE_EBPF_TRAP_H
/**
 * Programs whose clauses fire in a KVM guest (bpf/guest.h). All traps of a guest share one, on the tracepoint kvm_exit: it
 * finds the trap by the guest's program counter, and the trap's site says which group of clauses runs. So do all timers, on
 * kvm_entry. Tracepoints of KVM's that are probes of the guest have a program each.
 */
#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/program.h"

/** Of a guest, what its programs must know besides the load image. */
struct dv_bpf_inside {
	enum dv_kvm_isa isa;
	struct dv_kvm_offsets off;
	uint32_t vcpu_word;  /**< of kvm_exit's arguments, the one that is the struct kvm_vcpu * */
	/** The traps of the image's sites, which are in the order of @p l. Rows are malloc'ed; their `site` is a row of @p l, or of
	 *  the first DV_TRAP_SWITCH, which there is if the image asks for threads' times (DV_LOAD_VTIME). */
	struct dv_error *(*traps)(void *ctx, const struct dv_loaded *l, struct dv_trap_row **rows, uint32_t *count);
	void *ctx;
};

/** @p groups: of @p entry, which is DV_ENTRY_TRAP or DV_ENTRY_TIMER, numbered as they are here; or one of DV_ENTRY_RAW. There
 *  may be none of DV_ENTRY_TRAP: then the program is for DV_TRAP_SWITCH alone. */
struct dv_error *dv_bpf_trap_program(const struct dv_bpf_session *s, enum dv_bpf_entry entry,
				     const struct dv_bpf_group *const *groups, uint32_t count, const struct dv_bpf_load *how, char **log, int *fd) DV_MUST_USE;
/** For vtimestamp: the program where the guest is entered. */
struct dv_error *dv_bpf_enter_program(const struct dv_bpf_session *s, int *fd) DV_MUST_USE;
/** The program on a timer's clock, whose cookie is the timer's number; of type PERF_EVENT. */
struct dv_error *dv_bpf_clock_program(const struct dv_bpf_session *s, int *fd) DV_MUST_USE;
/** Rows as the program finds them: the table's bytes, malloc'ed, a power of two; *mask: as dv_guest_conf::trap_mask; *same: at
 *  most so many are of one place. */
struct dv_error *dv_bpf_trap_table(const struct dv_trap_row *rows, uint32_t count, void **table, uint32_t *size,
				   uint32_t *mask, uint32_t *same) DV_MUST_USE;

#endif
