/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ABI_CTL_H
#define DV_ABI_CTL_H
/**
 * Control protocol between dvirt and the QEMU plugin: one SOCK_SEQPACKET unix socket for each session, owner only,
 * peer credentials checked on both sides. A message is one packet: struct dv_ctl_msg, then its payload; descriptors
 * travel as SCM_RIGHTS. dvirt asks, the plugin answers with the same type (or DV_CTL_ERROR with a text); events come unasked.
 * When the socket closes, for whatever reason, the plugin takes the session's probes out.
 */
#include <stdint.h>

#include "abi/load.h"

#define DV_CTL_MAGIC   0x64765631u
#define DV_CTL_VERSION 2u
#define DV_CTL_MSG_MAX 32768u /**< bytes of a packet, header included */
#define DV_CTL_FDS     2u     /**< descriptors of a packet, at most */

enum dv_ctl_type {
	DV_CTL_HELLO,  /**< dvirt: version. Plugin: struct dv_ctl_hello */
	DV_CTL_REGS,   /**< dvirt: struct dv_ctl_regs_ask. Plugin: struct dv_ctl_regs of some vCPU in kernel mode
	                    (waits up to the timeout), the physical memory map, and a read-only descriptor of QEMU's memory, which
	                    the ranges' addresses are offsets in */
	DV_CTL_PEER,   /**< dvirt: struct dv_ctl_peer, fd: its memory. For the next LOAD. Plugin: empty */
	DV_CTL_LOAD,   /**< dvirt: struct dv_ctl_load, fds: region, image. Plugin: empty, once probes are in */
	DV_CTL_UNLOAD, /**< plugin: empty, once no probe can fire any more */
	DV_CTL_THREADS, /**< plugin: struct dv_ctl_threads. To be asked again after DV_CTL_EV_VCPU */
	DV_CTL_ERROR,  /**< plugin: text */
	DV_CTL_EVENT,  /**< plugin: struct dv_ctl_event */
	DV_CTL_TYPES
};
struct dv_ctl_msg {
	uint32_t magic, version;
	uint32_t type, serial;  /**< an answer has its question's serial */
	uint32_t size;          /**< payload bytes */
	uint32_t pad;
};
struct dv_ctl_hello {
	char name[64];
	char qemu_version[32];
	char target[16];        /**< "x86_64" */
	int32_t pid;
	uint32_t api;           /**< plugin API level that QEMU offers */
	uint32_t vcpus, vcpu_max;
	uint32_t sessions;      /**< that trace it now */
	uint32_t pad;
};
struct dv_ctl_range {
	uint64_t gpa, size, hva; /**< guest RAM: physical, bytes, address in the QEMU process */
};
#define DV_CTL_RANGES 64
struct dv_ctl_regs_ask {
	uint32_t timeout_ms;    /**< the plugin waits a second at most */
	uint32_t pad;
};
struct dv_ctl_regs {
	uint64_t cr3, cr4, gs_base, rip, efer;
	uint32_t found;         /**< 0: no vCPU was seen in kernel mode within the timeout */
	uint32_t range_count;
	struct dv_ctl_range ranges[DV_CTL_RANGES];
};
struct dv_ctl_peer {
	uint32_t machine;       /**< index in the region */
	uint32_t range_count;
	struct dv_guest_layout layout;
	struct dv_ctl_range ranges[DV_CTL_RANGES];
};
struct dv_ctl_load {
	uint64_t region_size, image_size;
	uint32_t peer_count;    /**< PEER messages that came since the last LOAD */
	uint32_t pad;
};
/** The threads that run the vCPUs, by index, as QEMU's own PID namespace numbers them; 0: not there. */
#define DV_CTL_VCPUS 2048u
struct dv_ctl_threads {
	uint32_t count;
	int32_t tid[DV_CTL_VCPUS];
};
struct dv_ctl_event {
	uint32_t what;          /**< DV_CTL_EV_* */
	uint32_t arg;
};
#define DV_CTL_EV_VCPU  1u  /**< another vCPU came, or has another thread: arg = how many there are now */

#endif
