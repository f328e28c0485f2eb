/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_TEXT_H
#define DV_MACHINE_KVM_TEXT_H
/**
 * The code of a guest's kernel, as it was when it was first looked at, before any trap of ours; and which traps the sites of
 * a load image come to.
 */
#include "exec/exec.h"
#include "machine/ebpf/bpf/firing.h"
#include "machine/kvm/priv.h"
#include "machine/kvm/site.h"

struct dv_kvm_text;
/** @p m is READY. */
struct dv_kvm_text *dv_kvm_text_create(struct dv_machine *m);
void dv_kvm_text_destroy(struct dv_kvm_text *t); /**< NULL is fine */

/** The traps of one site, added to @p traps (with hva), rows for them to @p rows; or none, and why: a clause of a sentence that
 *  lives until the next call. @p set as for dv_trap_returns(). */
typedef DV_VEC(struct dv_trap_row) dv_trap_rows;
const char *dv_kvm_text_site(struct dv_kvm_text *t, const struct dv_load_site *site, uint32_t row, struct dv_trap_set *set,
			     dv_traps *traps, dv_trap_rows *rows);
/** dv_trap_read_fn, also while a session is on: the kernel's memory of @p machine, a struct dv_machine. */
bool dv_kvm_text_read(void *machine, uint64_t va, void *dst, size_t size);

#endif
