/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_TRACE_H
#define DV_MACHINE_KVM_TRACE_H
/**
 * Tracing a KVM guest: the programs in the host's kernel, the traps in the guest's. Programs are attached before the first
 * trap is put in, and stay until the last is out.
 */
#include "machine/kvm/priv.h"

struct dv_kvm_trace;
/** @p m is READY: its kernel is known. */
struct dv_error *dv_kvm_trace_create(struct dv_machine *m, struct dv_kvm_trace **ret) DV_MUST_USE;
/** Takes what is traced out, unless @p foreign: another kernel runs there now, in which nothing is to be written. */
void dv_kvm_trace_destroy(struct dv_kvm_trace *t, bool foreign); /**< NULL is fine */

struct dv_error *dv_kvm_trace_load(struct dv_kvm_trace *t, int region_fd, uint64_t region_size, const void *image,
				   size_t size) DV_MUST_USE;
/** Fails when traps stay in the guest; nothing of it is loaded any more then, either. */
struct dv_error *dv_kvm_trace_unload(struct dv_kvm_trace *t, bool foreign) DV_MUST_USE;
/** dv_machine_ops::refuses */
const char *dv_kvm_trace_refuses(struct dv_kvm_trace *t, const struct dv_load_site *where);
/** Can it be seen there when a thread leaves its virtual CPU? */
bool dv_kvm_trace_times(struct dv_kvm_trace *t);
/** Memory slots, virtual CPUs or their threads have changed. */
void dv_kvm_trace_told(struct dv_kvm_trace *t);
/** Keep the probes within dv_machine::maxload: takes the noisiest out and leaves a note. To be called often; @p now: ns. */
void dv_kvm_trace_limit(struct dv_kvm_trace *t, uint64_t now);
/** The kernel that is traced has just been seen to run: are the traps in it still there, should they be (keep.h)? May leave a
 *  note. */
void dv_kvm_trace_keep(struct dv_kvm_trace *t);
/** dv_machine_ops::lost */
uint64_t dv_kvm_trace_lost(struct dv_kvm_trace *t);

#endif
