/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_QEMU_PLUGIN_H
#define DV_MACHINE_QEMU_PLUGIN_H
/**
 * Inside of the TCG plugin, dvirt-qemu.so. Which thread does what:
 *
 *   control thread (plugin_ctl.c)    talks to dvirt, makes and frees everything, asks for switches
 *   vCPU threads (plugin_probe.c,    translate and fire. They read g.snap and what hangs on it without a lock: it
 *     place_x86.c)                   changes only inside a switch, when QEMU holds every vCPU outside of callbacks
 *   some vCPU's thread, alone        the switch itself (plugin_cpu.c)
 *
 * The plugin lives in a process that is not ours: it never ends it, never waits without an end, writes nothing but its
 * one line at the start, and copes with every allocation of its own that fails.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/ctl.h"
#include "exec/exec.h"
#include "machine/place_x86.h"
#include "machine/qemu/qemu_plugin_api.h"

#define DV_VCPU_MAX DV_PROD_MAX

struct dv_tracing;

struct dv_vcpu {
	uint32_t index;
	void *cpu;          /**< QEMU's object, NULL when its thread-local is not exported */
	struct qemu_plugin_register *reg[DV_REG_COUNT];
	int number[DV_REG_COUNT]; /**< of QEMU's gdb server; -1: not known */
	GByteArray *buf;
	uint64_t on_cpu_ns;     /**< plugin_vtime.c: of this thread's CPU time, when the guest last went on; 0: not known */
	uint64_t ran_ns;        /**< what the guest's thread has run since it got on this vCPU, up to then */
	uint32_t idle;          /**< atomic: it waits for an interrupt; kept while some session uses profile-N */
	struct dv_xplace place; /**< used again for each firing */
};

/** bufpolicy=block: what a vCPU that waits looks at. */
struct dv_waiter {
	struct dv_tracing *t;
	struct dv_producer *prod;
	uint64_t tail, since_ns; /**< where the reader was, and since when */
	const struct dv_exec *exec;
	uint64_t seq, begun_ns;  /**< the firing that waits, and since when */
};

/** What one session has loaded. Made and freed by the control thread; immutable but for `closing`. */
struct dv_tracing {
	struct dv_loaded *loaded;
	void *region;
	uint64_t region_size;
	struct dv_region_hdr *hdr;
	uint32_t closing;   /**< atomic: fire no more */
	struct dv_exec *exec;
	struct dv_waiter *waiters;
	uint32_t exec_count;
	struct dv_peer *peers;
	uint32_t peer_count;
	int32_t *sysret;    /**< [DV_SYSRET_MAX] site by system call number, -1: none */
};
#define DV_SYSRET_MAX 4096u

struct dv_snap;

struct dv_plugin {
	qemu_plugin_id_t id;
	char name[64], version[32], target[16];
	int api;
	int vcpu_max;
	int listen_fd, event_fd;
	char path[108];         /**< of the socket */
	int pid;                /**< process that bound it */
	bool thread_started;
	int mem;                /**< this process's memory, opened while it had its first rights; -1: it could not be */

	pthread_mutex_t lock;   /**< what follows up to the blank line, and `cond` */
	pthread_cond_t cond;    /**< CLOCK_MONOTONIC */
	struct dv_snap *next;
	bool switched;
	bool sample_found;
	struct dv_ctl_regs sample;

	struct dv_vcpu *vcpus[DV_VCPU_MAX]; /**< atomic pointers; set once */
	uint32_t vcpu_count;    /**< atomic */
	struct dv_snap *snap;   /**< NULL: nothing is traced */
	struct dv_ram *ram;     /**< atomic; NULL: not known; set once */
	struct dv_phys phys;    /**< reads `ram` */
	uint64_t *vtime;        /**< atomic; plugin_vtime.c: what the guest's threads have run; NULL: never asked for */
	uint32_t want_sample;   /**< atomic: the next translation of kernel code takes registers */
	uint32_t want_switch;   /**< atomic: a switch is under way: nobody may wait in a callback */
	uint32_t door_switch;   /**< atomic: the next callback on a vCPU shall ask QEMU for the switch */
	uint32_t exiting;       /**< atomic */
};
extern struct dv_plugin g;

static inline struct dv_vcpu *dv_vcpu_get(uint32_t i)
{
	return i < DV_VCPU_MAX ? __atomic_load_n(&g.vcpus[i], __ATOMIC_ACQUIRE) : NULL;
}
uint64_t dv_now_ns(void);

/* plugin.c */
void dv_plugin_register(void); /**< callbacks that are always there; again after each reset */

/* plugin_cpu.c: things done on a vCPU's thread */
void dv_cpu_init(unsigned index);              /**< vCPU-init callback */
void dv_cpu_exit(unsigned index);              /**< vCPU-exit callback */
void dv_cpu_door(unsigned index);              /**< any callback on a vCPU, where QEMU hides its symbols */
bool dv_cpu_hidden(void);                      /**< are they hidden? */
bool dv_cpu_shared(void);                      /**< does one thread run several vCPUs? */
bool dv_cpu_can_switch(void);
void dv_cpu_sample_here(uint64_t rip);         /**< in the translate callback */
/** Make @p next what is traced, with all vCPUs outside of callbacks; returns when done. The old one is the caller's
 * then. */
struct dv_snap *dv_cpu_switch(struct dv_snap *next);
/** Registers of a vCPU in kernel mode, if one can be had within @p timeout_ms; the memory map if it is not known. */
void dv_cpu_look(uint32_t timeout_ms, struct dv_ctl_regs *ret);
/** Registers of the vCPU whose thread this is. */
uint64_t dv_cpu_reg(struct dv_vcpu *v, GByteArray *buf, enum dv_reg r);

/* plugin_ram.c */
/** Ask QEMU for its map of guest RAM; on a vCPU's thread that holds the big lock. False: cannot. True: that memory
 *  stays mapped until dv_ram_release(), there too; so take it once. */
bool dv_ram_from_qemu(struct dv_ram *ret);
void dv_ram_release(void);
/** Guess it from this process's mappings: candidate @p i; false: there are no more. */
bool dv_ram_guess(unsigned i, struct dv_ram *ret);
/** Does @p ram hold what QEMU says is at these kernel addresses? On a vCPU's thread in kernel mode. */
bool dv_ram_check(const struct dv_ram *ram, uint64_t cr3, bool la57, const uint64_t *va, unsigned count);
/** dv_phys::read on g.ram. */
bool dv_ram_phys(void *ctx, uint64_t gpa, void *dst, size_t size);
bool dv_ram_read(const struct dv_ram *ram, uint64_t pa, void *dst, uint64_t size);

/* plugin_trace.c */
/** Take a load over. Takes the peers (array and descriptors) on success. NULL: @p msg says why. */
struct dv_tracing *dv_tracing_create(int region_fd, uint64_t region_size, int image_fd, uint64_t image_size,
                                     struct dv_peer *peers, uint32_t peer_count, char *msg, size_t msg_size);
void dv_tracing_destroy(struct dv_tracing *t);

/* plugin_probe.c */
/** All probe points of these; NULL: @p msg says why, or there are none. */
struct dv_snap *dv_snap_create(struct dv_tracing *const *t, uint32_t count, char *msg, size_t msg_size);
void dv_snap_destroy(struct dv_snap *s);
void dv_snap_translate(struct dv_snap *s, struct qemu_plugin_tb *tb, uint64_t va);

/** Its timers; NULL: it has none. */
struct dv_clock *dv_snap_clock(const struct dv_snap *s);
/** Do clauses of it use vtimestamp? NULL: no. */
bool dv_snap_vtime(const struct dv_snap *s);

/* plugin_vtime.c */
/** On the control thread, before a load that uses vtimestamp. False: @p msg says why it cannot be. */
bool dv_vtime_prepare(char *msg, size_t msg_size);
/** In a switch, to a snapshot that uses it from one that did not: what vCPUs have done meanwhile is nobody's. */
void dv_vtime_begin(void);
void dv_vtime_stop(struct dv_vcpu *v);      /**< a probe holds the guest's thread up ... */
void dv_vtime_go(struct dv_vcpu *v);        /**< ... and lets it go on */
uint64_t dv_vtime_now(struct dv_xplace *p); /**< dv_xplace::vtime, of a vCPU's place; between the two */
void dv_vtime_switch(struct dv_vcpu *v);    /**< the thread whose task is in rdi leaves the vCPU; between the two */

/* plugin_profile.c */
#define DV_TIMERS_MAX 64u
struct dv_clock;
/** Start timers of these periods (ns). NULL: @p msg says why not. */
struct dv_clock *dv_clock_create(const uint64_t *periods, uint32_t count, char *msg, size_t msg_size);
void dv_clock_destroy(struct dv_clock *c);
/** In the translate callback: @p cb is called with the block's address when a timer is due. */
void dv_clock_translate(struct dv_clock *c, struct qemu_plugin_tb *tb, uint64_t va, qemu_plugin_vcpu_udata_cb cb);
/** In that callback: which timers are due, a bit for each; they are not any more. */
uint64_t dv_clock_due(struct dv_clock *c, unsigned vcpu);
/** A vCPU begins, or ends, to wait for an interrupt. */
void dv_clock_idle(struct dv_clock *c, unsigned vcpu, bool idle);

/* plugin_tcg.c */
void dv_tcg_learn(struct qemu_plugin_tb *tb); /**< in the translate callback */
void dv_tcg_forget(void);                     /**< in a switch */

/* plugin_ctl.c */
int dv_ctl_listen(char *msg, size_t msg_size);  /**< make the socket; 0, or -1 and why */
void dv_ctl_start(void);                        /**< the thread */
void dv_ctl_unlink(void);

#endif
