/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_GUEST_GUEST_H
#define DV_GUEST_GUEST_H
/**
 * Understanding a Linux guest from its memory alone: the kernel image (KASLR), kallsyms, BTF, modules, and the offsets
 * that run-time functions need. Parsers of hostile bytes: sizes are bounded, tables are copied once and then parsed.
 * The cost does not depend on the size of guest RAM: everything is found by walking the page tables from a vCPU's CR3.
 *
 * The kernel that dvirt runs on is a guest here too, one that is asked through its /proc and /sys: dv_guest_open_local().
 */
#include "abi/load.h"
#include "base/error.h"
#include "type/type.h"

/** Reads guest-physical memory. May be called from one thread at a time. */
struct dv_phys {
	bool (*read)(void *ctx, uint64_t gpa, void *dst, size_t size);
	void *ctx;
};

/** Registers of one vCPU at some moment in kernel mode: where the search starts. */
struct dv_guest_regs {
	uint64_t cr3, cr4, gs_base, rip, efer;
};

/** Virtual to physical by the page tables at @p cr3 (4 levels, 5 with @p la57; 4 KiB, 2 MiB, 1 GiB pages).
 *  *left: bytes from @p va to the end of its page. Inline-able and free of allocation: the plugin uses it in probes. */
bool dv_walk(const struct dv_phys *phys, uint64_t cr3, bool la57, uint64_t va, uint64_t *pa, uint64_t *left);
/** Read kernel-virtual memory: arithmetic for the direct map and the image where the layout knows them, else a walk. */
bool dv_guest_read_va(const struct dv_phys *phys, const struct dv_guest_layout *l, uint64_t cr3, uint64_t va, void *dst,
                      size_t size);

struct dv_symbol {
	uint64_t addr;
	uint32_t size;     /**< to the next symbol, bounded; modules: from their symbol table */
	char kind;         /**< as nm: 't' 'T' functions, 'd' 'D' 'b' 'B' 'r' 'R' data, 'A' absolute (per-CPU) ... */
	uint16_t module;   /**< index in the module list; 0 is vmlinux */
	const char *name;  /**< owned by the guest */
};
struct dv_module {
	char name[64];
	uint64_t base, size;
};

struct dv_guest;
/**
 * Recognise the kernel. @p cache_dir: where it is remembered, by build id, where in an image things are; NULL: nowhere.
 * Fails with DV_ERR_UNKNOWN and a message that says what was not found (no kernel mapping at CR3, no kallsyms ...).
 */
struct dv_error *dv_guest_open(const struct dv_phys *phys, const struct dv_guest_regs *regs, const char *cache_dir,
                               uint32_t universe, struct dv_guest **ret) DV_MUST_USE;
/** Where kernels are remembered: $DVIRT_CACHE_DIR, else dvirt in $XDG_CACHE_HOME, else ~/.cache/dvirt, which is made; NULL:
 *  none of them is set. */
const char *dv_guest_cache_dir(char *buf, size_t size);
/**
 * The kernel that dvirt itself runs on, as /proc and /sys tell of it: symbols (with those of modules), banner, build
 * id, types, layout offsets. There is no physical memory to read through it: dv_guest_still() and dv_guest_runs() are
 * always true, dv_guest_tasks() gives no addresses. @p cache_dir is not used: all of it is quick to read. Fails with
 * DV_ERR_DENIED when the kernel hides its addresses.
 */
struct dv_error *dv_guest_open_local(const char *cache_dir, uint32_t universe, struct dv_guest **ret) DV_MUST_USE;
void dv_guest_close(struct dv_guest *g);
const char *dv_guest_release(const struct dv_guest *g);   /**< "6.1.0-37-cloud-amd64" */
const char *dv_guest_banner(const struct dv_guest *g);    /**< linux_banner */
const char *dv_guest_build_id(const struct dv_guest *g);  /**< hex; "" when the kernel has none */
bool dv_guest_has_types(const struct dv_guest *g);        /**< false: no BTF, with dv_guest_no_types() saying why */
const char *dv_guest_no_types(const struct dv_guest *g);
bool dv_guest_from_cache(const struct dv_guest *g);
const struct dv_guest_layout *dv_guest_layout(const struct dv_guest *g);
/** Is the same kernel still running (banner and build id where they were, its clock's ticks not fewer than at the last call)?
 *  False after a reboot, and after an earlier snapshot was loaded. */
bool dv_guest_still(struct dv_guest *g);
/** Has it begun to schedule, and so is done with changing its own code for the processor that it found? */
bool dv_guest_is_up(const struct dv_guest *g);
/** Has it stopped in a panic()? True once. */
bool dv_guest_panicked(struct dv_guest *g);
/**
 * Does a vCPU with these registers run it? A machine that is reset keeps its memory, so dv_guest_still() may find the
 * old kernel where the new one has not written yet; but the new one's page tables map it elsewhere.
 */
bool dv_guest_runs(const struct dv_guest *g, const struct dv_guest_regs *regs);

/** Symbols sorted by address; vmlinux first, then modules. */
const struct dv_symbol *dv_guest_symbols(const struct dv_guest *g, size_t *count);
/** By name; module NULL: vmlinux first, then any. NULL: none. */
const struct dv_symbol *dv_guest_symbol(const struct dv_guest *g, const char *module, const char *name);
/** Symbol that covers @p addr, or NULL. */
const struct dv_symbol *dv_guest_symbol_at(const struct dv_guest *g, uint64_t addr);
const struct dv_module *dv_guest_modules(const struct dv_guest *g, size_t *count);
/** Look at the module list again; *changed: modules came or went (symbols and types are then loaded anew, pointers to
 *  symbols of unchanged modules stay valid, until the list has changed eight times more). */
struct dv_error *dv_guest_refresh_modules(struct dv_guest *g, bool *changed) DV_MUST_USE;
/** All code that the kernel can return to, with its unwind tables, by address: for guest/unwind.h. Until the modules are
 *  looked at again. */
const struct dv_load_orc *dv_guest_orcs(const struct dv_guest *g, size_t *count);
/** The kernel's types; base universe's ops NULL when there is no BTF. Owned by the guest. */
struct dv_universe *dv_guest_types(struct dv_guest *g);
/** Prototype of a function (DV_TYPE_FUNC) from BTF, or NULL. */
const struct dv_type *dv_guest_func_type(struct dv_guest *g, const char *module, const char *name);
/** Tracepoints, by the types that the kernel has for BPF programs on them: calls @p fn for each, vmlinux's first. Strings
 *  live as long as the guest. */
typedef void dv_tracepoint_fn(void *ctx, const char *module, const char *name);
void dv_guest_tracepoints(struct dv_guest *g, dv_tracepoint_fn *fn, void *ctx);
/** Prototype of a tracepoint (DV_TYPE_FUNC): its first parameter is a pointer that is not for BPF programs, the others
 *  are the tracepoint's. NULL: none known. */
const struct dv_type *dv_guest_tracepoint_type(struct dv_guest *g, const char *module, const char *name);
/** The number of a function of vmlinux in the kernel's own types, 0: none. */
uint32_t dv_guest_func_id(const struct dv_guest *g, const char *name);
/** pids and names of all tasks, for "inspect running tasks of any machine": calls @p fn until it answers false. */
typedef bool dv_task_fn(void *ctx, uint64_t task, int pid, int tgid, const char *comm);
struct dv_error *dv_guest_tasks(struct dv_guest *g, dv_task_fn *fn, void *ctx) DV_MUST_USE;

#endif
