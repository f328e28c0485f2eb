/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_MACHINE_H
#define DV_MACHINE_MACHINE_H
/**
 * Machines: what can be traced. One table of backends (machine/machine.c), one folder each. To add one: write a folder
 * with a struct dv_backend, put it in the table. Generic code asks for capabilities, never which backend it is.
 *
 * Life of a machine: found by dv_backend::scan (or pushed by a watch on the runtime directory), `open`ed (a connection;
 * the guest's kernel is looked for), `load`ed any number of times (each load replaces the one before), `close`d.
 * Nothing changes in a machine before its first load; after close, or when dvirt dies, nothing is left in it. All
 * functions are called from dvirt's main thread.
 */
#include "abi/load.h"
#include "base/error.h"
#include "guest/guest.h"

enum dv_machine_cap {
	DV_CAP_FBT = 1 << 0,     /**< function entry and return */
	DV_CAP_SYSCALL = 1 << 1,
	DV_CAP_MEMORY = 1 << 2,  /**< other machines' clauses can read its memory */
	DV_CAP_BLOCK = 1 << 3,   /**< bufpolicy=block works */
	DV_CAP_TYPES = 1 << 4,   /**< kernel types known */
	DV_CAP_LOCAL = 1 << 5,   /**< dvirt runs on it: the machine `host`, whose index is 0 */
	DV_CAP_SYSTRACE = 1 << 6, /**< system calls by number, where they begin and end (DV_SITE_SYSENTRY) */
	DV_CAP_TRACEPOINT = 1 << 7,
	DV_CAP_PROFILE = 1 << 8, /**< timers on every CPU */
	DV_CAP_UPROBE = 1 << 9,  /**< instructions of user programs */
	DV_CAP_WRITE = 1 << 10,  /**< clauses can write user memory: copyout() */
	DV_CAP_SIGNAL = 1 << 11, /**< they can send signals: raise() */
	DV_CAP_WAIT = 1 << 12,   /**< they can hold up their CPU: chill() */
	DV_CAP_INSN = 1 << 13,   /**< probes can be on any instruction, not only where functions begin and return */
	DV_CAP_VTIME = 1 << 14,  /**< how long a thread has really run: vtimestamp */
	DV_CAP_VM = 1 << 15,     /**< what its hypervisor sees of it: the provider vm */
	DV_CAP_VM_INTEL = 1 << 16, /**< its reasons are numbered as Intel's; else AMD's */
};

enum dv_machine_state {
	DV_MACHINE_FOUND,   /**< known by name only */
	DV_MACHINE_WAITING, /**< open, but its kernel is not (yet) recognised: dv_machine::why says what is missing */
	DV_MACHINE_READY,   /**< can be loaded */
	DV_MACHINE_GONE,
};

struct dv_machine;
struct dv_machine_ops {
	/** Look for the kernel (again). Moves WAITING to READY when it is found; READY to WAITING when another kernel
	 * runs (reboot). Cheap when nothing changed. Also notices death (GONE). Does not block more than a few ms. */
	void (*poll)(struct dv_machine *m);
	/** Replace what is traced. @p region_fd: the state region; @p image: a load image (abi/load.h); peers: machines
	 * whose memory its clauses read. The call returns when the probes are in. */
	struct dv_error *(*load)(struct dv_machine *m, int region_fd, uint64_t region_size, const void *image,
				 size_t size, struct dv_machine *const *peers, size_t peer_count);
	/** Remove all probes of this session; returns when none can fire any more. */
	struct dv_error *(*unload)(struct dv_machine *m);
	void (*close)(struct dv_machine *m);
	/** Optional, CAP_MEMORY: physical memory for reads from dvirt's own clauses. */
	const struct dv_phys *(*phys)(struct dv_machine *m);
	/** Optional: read the kernel's memory by virtual address, where there is no `phys`. */
	bool (*read_va)(struct dv_machine *m, uint64_t va, void *dst, size_t size);
	/** Optional: why it lacks this capability, as a clause of a sentence ("the kernel is built without
	 * CONFIG_KPROBES"); NULL: nothing known. Lives as long as the machine. */
	const char *(*why_not)(struct dv_machine *m, enum dv_machine_cap cap);
	/** Optional: why there can be no such probe, as a clause of a sentence; NULL: there can. Of @p where, kind, args, addr,
	 * size and detail are looked at. Lives until the next call. */
	const char *(*refuses)(struct dv_machine *m, const struct dv_load_site *where);
	/** Optional, CAP_LOCAL: the calling thread's struct task_struct; 0: unknown. */
	uint64_t (*current)(struct dv_machine *m);
	/** Optional: probes that fired since the last call and ran no clause, for a reason that no producer could count. */
	uint64_t (*lost)(struct dv_machine *m);
	/** Optional: memory that this machine's programs can use as a state region. *fd is the caller's; *mapped: how many
	 * bytes it has to map, at least @p size. Called before the first load. */
	struct dv_error *(*region)(struct dv_machine *m, uint64_t size, int *fd, uint64_t *mapped);
};

struct dv_machine {
	const struct dv_machine_ops *ops;
	char name[64];
	const char *backend;      /**< "qemu", "fake": for people */
	char detail[128];         /**< for ps -v: "QEMU 10.0.2, pid 1234, plugin API 4" */
	char why[256];            /**< why it cannot be traced (yet); "" when it can */
	char note[256];           /**< what of the last load or poll the user should know, to be said once; "": nothing */
	uint32_t maxload;         /**< the tracer's: percent of a virtual CPU's time that probes may take; 0: all */
	enum dv_machine_state state;
	uint32_t caps;
	uint32_t vcpus;           /**< that exist now */
	uint32_t vcpu_max;        /**< that there may ever be: producers to set aside */
	uint32_t levels;          /**< producers of each CPU: probes may fire while another's clauses run there. 0 is 1.
	                               Producer i of the machine is CPU i / levels's */
	int pid;                  /**< process that runs it; 0: none */
	/** Threads of that process that are its virtual CPUs, by index; 0: not known. The backend's. `tids_told` grows when
	 * they change. */
	const int32_t *tids;
	uint32_t tid_count, tids_told;
	uint32_t index;           /**< in this session's region */
	struct dv_guest *guest;   /**< NULL until READY */
	int poll_fd;              /**< readable when `poll` has something to do (events, hang-up); -1: none */
	/** Optional: takes over the guest of a kernel that no longer runs, whose types are still needed; NULL: it is
	 * closed. */
	void (*retire)(void *ctx, struct dv_guest *guest);
	void *retire_ctx;
	void *priv;
};

struct dv_doctor;
struct dv_backend {
	const char *name;
	/** Call @p fn for every machine there is now. Sockets that are dead or cannot be opened are reported with state
	 * FOUND and `why` set. @p fn owns the machine. */
	struct dv_error *(*scan)(void (*fn)(void *ctx, struct dv_machine *m), void *ctx);
	/** Connect and look for the kernel; waits at most about a second for it. @p universe: for its types. */
	struct dv_error *(*open)(struct dv_machine *m, uint32_t universe);
	/** Optional: a descriptor that becomes readable when machines may have come, beside what happens in the runtime
	 * directory; the caller closes it. -1: there is none. */
	int (*watch)(void);
	/** With `watch`: take in what @p fd has. Is it worth a scan? */
	bool (*news)(int fd);
	/** Optional: what it needs of this host, and whether it is there; see machine/doctor.h. */
	void (*doctor)(const struct dv_doctor *d);
	/** Optional: take out of machines what a dvirt that was killed has left in them; a line of text for each. */
	struct dv_error *(*clean)(void (*fn)(void *ctx, const char *text), void *ctx);
};
/** All backends, ended by NULL. */
extern const struct dv_backend *const dv_backends[];
struct dv_error *dv_machine_open(struct dv_machine *m, uint32_t universe) DV_MUST_USE;
void dv_machine_close(struct dv_machine *m); /**< also frees it */

/* For backends. */
/** Set dv_machine::why. */
void dv_machine_because(struct dv_machine *m, const char *fmt, ...) DV_PRINTF(2, 3);
/** Its kernel is not known (any more): the guest is closed, or handed to dv_machine::retire, and nothing can be had of it. */
void dv_machine_forget_guest(struct dv_machine *m);

/** Directory of the plugins' control sockets: $DVIRT_RUNDIR, else /run/dvirt for root, else $XDG_RUNTIME_DIR/dvirt,
 * else /tmp/dvirt-UID. Created 0700 (and checked to be ours) with @p create. */
struct dv_error *dv_rundir(bool create, char *buf, size_t size) DV_MUST_USE;
/** For root: the @p n-th, from 0 on, of those of the user who has called dvirt by sudo(8), where there may be more machines.
 *  False: there are no more. */
bool dv_rundir_sudo(unsigned n, char *buf, size_t size);

#endif
