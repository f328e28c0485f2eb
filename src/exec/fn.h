/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_EXEC_FN_H
#define DV_EXEC_FN_H
/**
 * Run-time functions (abi/fn.h) that are more than a call of src/state: those that ask the place, the clock or the
 * site. A fault is left in dv_producer::fault, the result is then 0. Private to src/exec.
 */
#include "exec/exec.h"

/* fn_mem.c: memory of machines */
uint64_t dv_fn_rd(struct dv_exec *x, uint64_t mach, uint64_t addr, uint64_t size);
uint64_t dv_fn_rdmem(struct dv_exec *x, uint64_t mach, uint64_t addr, uint64_t size);
uint64_t dv_fn_rdstr(struct dv_exec *x, uint64_t mach, uint64_t addr, uint64_t limit);
uint64_t dv_fn_pmach(struct dv_exec *x, uint64_t mach, uint64_t universe);
uint64_t dv_fn_dpath(struct dv_exec *x, uint64_t mach, uint64_t path, uint64_t dentry_offs, uint64_t mount_offs);
void dv_fn_copyout(struct dv_exec *x, uint64_t addr, uint64_t mem, uint64_t size);

/* fn_firing.c: the firing */
uint64_t dv_fn_bi(struct dv_exec *x, uint64_t id);
uint64_t dv_fn_bis(struct dv_exec *x, uint64_t id);
uint64_t dv_fn_arg(struct dv_exec *x, uint64_t n);
uint64_t dv_fn_reg(struct dv_exec *x, uint64_t reg);
uint64_t dv_fn_progeny(struct dv_exec *x, uint64_t pid);
void dv_fn_raise(struct dv_exec *x, uint64_t sig);
void dv_fn_chill(struct dv_exec *x, uint64_t ns);
/** What tells the firing thread from others of its machine, for self-> variables. */
uint64_t dv_fn_thread(struct dv_exec *x);
/** DV_FN_FAULT: end the program with a fault, also when @p fault is not one. */
void dv_fn_fault(struct dv_exec *x, uint64_t fault, uint64_t value);

/* fn_stack.c */
uint64_t dv_fn_stack(struct dv_exec *x, uint64_t kind, uint64_t frames);
uint64_t dv_fn_symaddr(struct dv_exec *x, uint64_t kind, uint64_t mach, uint64_t addr);
/** stackdepth, ustackdepth, ucaller. */
uint64_t dv_fn_stackbi(struct dv_exec *x, enum dv_builtin id);

/* fire.c */
/** DV_FN_REC: reserve a record, waiting for room where that is asked for. */
uint64_t dv_fn_rec(struct dv_exec *x, uint64_t max);
/** DV_FN_COMMIT: likewise, for the record that says so. */
void dv_fn_commit(struct dv_exec *x, uint64_t spec);

#endif
