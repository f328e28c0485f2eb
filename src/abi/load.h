/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ABI_LOAD_H
#define DV_ABI_LOAD_H
/**
 * What a machine is given to trace: the load image, one flat block without pointers (a sealed memfd on its way to a
 * plugin). Offsets are from its start, in bytes; tables are 8-byte aligned. The receiver checks every number in it
 * (exec/load.c), and verifies every program, before it uses any.
 */
#include <stdint.h>

#include "abi/insn.h"

#define DV_LOAD_MAGIC   0x44414f4c /* "LOAD" */
#define DV_LOAD_VERSION 5u

/**
 * How the entries of a kernel's unwind tables (ORC) read: by its own type information, for they have changed. An entry
 * has two signed 16-bit offsets and a 16-bit word of bits; its members here are shifts in that word.
 */
struct dv_orc_format {
	uint8_t size;              /**< bytes of an entry; 0: the kernel has no such tables, or they are not understood */
	uint8_t sp_offset, bp_offset, bits; /**< where in it, bytes */
	uint8_t sp_reg, bp_reg;    /**< four bits each */
	uint8_t type, type_bits;
	uint8_t signal;            /**< one bit; DV_ORC_NO_BIT: there is none */
	uint8_t numbered;          /**< 1: types are 1 end, 2 call, 3 registers, 4 partial ones (Linux 6.4 and later); 0: they
	                                are 0 call, 1 registers, 2 partial ones */
	uint8_t pad[2];
};
#define DV_ORC_NO_BIT 0xffu
/** Code that the kernel may return to: vmlinux, a module. */
struct dv_load_orc {
	uint64_t lo, hi;       /**< its text: virtual addresses */
	uint64_t ips, entries; /**< tables in the guest: of signed 32-bit addresses, each relative to its place; of entries */
	uint64_t index;        /**< table of 32-bit numbers: first entry for each 256 bytes from `lo` on; 0: none */
	uint32_t count;        /**< of ips and entries; 0: code without unwind tables */
	uint32_t index_count;
};

/**
 * What the plugin must know of a guest kernel to serve run-time functions. All from the guest's memory, so none of it
 * is trusted: a wrong number makes wrong values or faults, never anything else.
 */
struct dv_guest_layout {
	uint64_t direct_va;    /**< start of the direct map (page_offset_base), 0: unknown, walk */
	uint64_t direct_size;  /**< bytes that arithmetic may be used for */
	uint64_t text_va;      /**< kernel image: virtual start ... */
	uint64_t text_pa;      /**< ... physical start ... */
	uint64_t text_size;    /**< ... bytes */
	uint64_t kernel_cr3;   /**< page tables that map all the kernel (init_top_pgt), physical */
	uint32_t la57;         /**< 5-level page tables */
	uint32_t percpu_current; /**< offset from the CPU's GS base of the running task's pointer; to be sign-extended:
	                              from Linux 6.15 on it is an address in the kernel image */
	uint64_t switch_va;    /**< the instruction at which a thread leaves its CPU for another, rdi its task; 0: none */
	uint64_t percpu_off;   /**< VA of __per_cpu_offset[], for reading other vCPUs; 0: unknown */
	uint32_t task_pid, task_tgid, task_comm, task_comm_size, task_real_parent, task_cred, task_stack;
	uint32_t cred_uid, cred_gid;
	uint32_t thread_size;  /**< bytes of a kernel stack */
	uint32_t ptregs_size, ptregs_orig_ax, ptregs_di, ptregs_si, ptregs_dx, ptregs_r10, ptregs_r8, ptregs_r9;
	uint32_t stack_pad;    /**< TOP_OF_KERNEL_STACK_PADDING */
	uint32_t task_mm, task_leader, task_start; /**< task_start: start_boottime, to be read of the leader */
	uint32_t mm_pgd;       /**< struct mm_struct */
	struct dv_orc_format orc;
};
#define DV_OFF_NONE 0xffffffffu /**< an offset above that the kernel does not have or that is not known */

enum dv_site_kind {
	DV_SITE_ADDR,      /**< the instruction at addr: function entry */
	DV_SITE_RETURNS,   /**< each return instruction in [addr, addr + size): function return */
	DV_SITE_SYSRET,    /**< the instruction at addr, where a system call has come back to its dispatcher: the probe is
	                        found by the system call's number (table of dv_sysret) */
	/* The host's kernel */
	DV_SITE_SYSENTRY,    /**< a system call begins; detail: its number, with DV_SITE_COMPAT a 32-bit program's */
	DV_SITE_SYSEXIT,     /**< it ends */
	DV_SITE_TRACEPOINT,  /**< the tracepoint `target` */
	DV_SITE_PROFILE,     /**< every `detail` ns on every CPU */
	DV_SITE_UPROBE,      /**< the instruction at offset `addr` of the file `target`; detail: file offset of a USDT
	                          probe's semaphore, 0: none */
	DV_SITE_URETPROBE,   /**< the return of the function at that offset */
	DV_SITE_KINDS
};
#define DV_SITE_COMPAT (1ULL << 32)
/** How arg0.. are found. */
enum dv_site_args {
	DV_ARGS_FUNC,    /**< calling convention: rdi, rsi, rdx, rcx, r8, r9, then the stack */
	DV_ARGS_RETURN,  /**< arg0 = offset of the return instruction from the function's start (of a UPROBE: its `size`),
	                      arg1 = return value */
	DV_ARGS_SYSCALL, /**< rdi points to the pt_regs with the system call's arguments */
	DV_ARGS_SYSRET,  /**< arg0 = arg1 = return value */
	DV_ARGS_SYSCALL32, /**< as SYSCALL, of a 32-bit program: ebx, ecx, edx, esi, edi, ebp */
	DV_ARGS_NONE,    /**< all 0 */
	DV_ARGS_RAW,     /**< words of the tracepoint, chosen by dv_load_site::argmap */
	DV_ARGS_PROFILE, /**< arg0 = kernel's program counter, arg1 = user's; one of them is 0 */
	DV_ARGS_USDT,    /**< where dv_load_site::spec says */
	DV_ARGS_KINDS
};
#define DV_ARGMAP_SIZE 12u
#define DV_ARGMAP_NONE 0xffu
#define DV_ARGMAP_EXIT 0xfeu /**< of a KVM guest: why the virtual CPU came back last, as the processor numbers it */

struct dv_load_site {
	uint64_t addr;
	uint32_t size;                /**< of the function. UPROBE, ARGS_FUNC: 1 if the kernel knows an entry by the instruction */
	uint16_t kind, args;
	uint32_t probe;               /**< probe id (as -l shows) */
	uint32_t prov, mod, func, name; /**< srefs of the probe's name; 0 when the script does not ask */
	uint32_t ecb, ecb_count;      /**< slice of the ECB table */
	uint32_t target, spec;        /**< offsets of texts in the image's text block; 0: none */
	uint64_t detail;
	int32_t pid;                  /**< UPROBE, URETPROBE: only in this process; -1: in any */
	uint8_t argmap[DV_ARGMAP_SIZE]; /**< RAW: which word argN is; DV_ARGMAP_NONE: 0 */
	uint32_t label;               /**< UPROBE, URETPROBE: text for messages, "malloc:entry"; 0: none */
};
/** System call number to site index (a site of kind SYSRET); sites of this table have addr 0. */
struct dv_load_sysret {
	uint32_t nr;
	uint32_t compat; /**< 1: 32-bit */
	uint32_t site;
	uint32_t pad;
};
/** Enabling control block: one clause on one probe. */
struct dv_load_ecb {
	uint32_t epid;
	uint32_t prog;
};
struct dv_load_prog {
	uint32_t insn, insn_count;   /**< slice of the instruction table */
};

#define DV_LOAD_VTIME 1u /**< a clause uses vtimestamp: keep the threads' times */
struct dv_load_image {
	uint32_t magic, version;
	uint64_t size;
	uint32_t machine;            /**< index of this machine in the region */
	uint32_t prod, prod_count;   /**< producers of this machine: one for each vCPU */
	uint32_t site_off, site_count;
	uint32_t ecb_off, ecb_count;
	uint32_t prog_off, prog_count;
	uint32_t insn_off, insn_count;
	uint32_t sysret_off, sysret_count;
	uint32_t sysret_addr_off, sysret_addr_count; /**< u64 addresses where system calls come back */
	uint32_t error_ecb, error_ecb_count; /**< slice of the ECB table: clauses of dtrace:::ERROR */
	uint32_t text_off, text_size; /**< NUL-terminated texts, the first is empty and the last byte 0 */
	uint32_t orc_off, orc_count; /**< struct dv_load_orc */
	uint32_t kernel;             /**< which of the kernels that the session has seen; goes into stack blocks as it is */
	uint32_t flags;              /**< DV_LOAD_* */
	uint64_t thunk[2];           /**< __x86_return_thunk and its like: a jump there is a return; 0: none */
	struct dv_guest_layout layout;
};

#endif
