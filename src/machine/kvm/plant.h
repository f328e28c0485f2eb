/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_PLANT_H
#define DV_MACHINE_KVM_PLANT_H
/**
 * Putting traps into a guest that runs, and taking them out. Three steps, each for many traps at once:
 *
 *   dv_plant()      from then on they trap
 *   dv_unplant()    from then on none does; what stands there means what the kernel had there
 *   dv_replant()    what the kernel had there, byte for byte, where it is known that nobody is about to run from pc + 2
 *
 * Nothing is ever stored over bytes that are not what they must be: a kernel that was started anew, a module that was unloaded, a
 * guest that has changed its own code keeps what it has.
 */
#include "machine/kvm/site.h"
#include "machine/kvm/vm.h"

/**
 * Who may still be about to run from one of these addresses (sorted)? Sets busy[i] where somebody may. False: not known, so all
 * are. A virtual CPU stands there when its program counter is one of them or, while it comes back from the trap, two less;
 * a task or an interrupted interrupt when its stack says so (dv_trap_stacks()).
 *
 * Nobody can come there any more, so once the answer is no it stays so. It is asked some time after the last trap, while the
 * guest runs; when that does not help, @p held: while the virtual CPUs are held, by the process that holds them: in a copy of this
 * process's memory, and with little time (DV_STOP_MS).
 */
typedef bool dv_quiet_fn(void *ctx, const uint64_t *addrs, uint32_t count, uint8_t *busy, bool held);

/** An exception that no task's stack shows (an NMI) is over after it. */
#define DV_SETTLE_MS 30u

struct dv_planter {
	int pid;           /**< of the VMM */
	uint64_t start;    /**< when it began (dv_kvm_vm::start); 0: not to be checked */
	const int32_t *tids; /**< its virtual CPUs' threads; NULL: all its threads are held where some must be */
	uint32_t tid_count;
	unsigned settle_ms; /**< DV_SETTLE_MS: how long after the last trap the first question about who is behind it is asked */
	bool stop;         /**< hold the virtual CPUs for every trap, not only for stubs */
	dv_quiet_fn *quiet; /**< NULL: it is never known */
	void *ctx;
};

/** dv_planter::stop for this machine: does its processor need that code is not changed under its hands? AMD's documentation
 *  says that theirs do not; very old ones do. */
bool dv_plant_stop(void);

struct dv_planted {
	uint32_t on;       /**< that trap now, left over ones among them */
	uint32_t adopted;  /**< were there already, of an earlier dvirt */
	uint32_t off;      /**< that do not trap, but are not what the kernel had */
	uint32_t restored; /**< byte for byte what the kernel had */
	uint32_t foreign;  /**< something else stands there, or nothing can be read */
	uint64_t held_ns;  /**< how long virtual CPUs were held */
};

/** What stands there now: dv_trap::state of each, and counts. Fails when the VMM is gone. */
struct dv_error *dv_plant_look(const struct dv_planter *p, struct dv_trap *t, size_t count, struct dv_planted *ret) DV_MUST_USE;
/** dv_trap::state says of each what came of it. @p ret: counts; not NULL. Fails when the VMM is gone, or its threads cannot be
 * held; what could be done is done, and counted. */
struct dv_error *dv_plant(const struct dv_planter *p, struct dv_trap *t, size_t count, struct dv_planted *ret) DV_MUST_USE;
struct dv_error *dv_unplant(const struct dv_planter *p, struct dv_trap *t, size_t count, struct dv_planted *ret) DV_MUST_USE;
/** Asks dv_planter::quiet up to @p tries times, settle_ms apart, and fewer when the answers take long; the last time, and where entries
 *  bring the stack pointer along each time, with the virtual CPUs held. What is not quiet then stays off. */
struct dv_error *dv_replant(const struct dv_planter *p, struct dv_trap *t, size_t count, unsigned tries,
                            struct dv_planted *ret) DV_MUST_USE;

/* stacks.c */
/** Read the guest's kernel memory. */
typedef bool dv_trap_read_fn(void *ctx, uint64_t va, void *dst, size_t size);
/** What a virtual CPU is doing, where that is known. */
struct dv_trap_cpu {
	uint64_t task; /**< the guest's struct task_struct; 0: not known */
	uint64_t sp;   /**< 0: not known */
	bool user;     /**< in user mode: nothing of its task's kernel stack is in use */
};
/**
 * busy[i] is set where a task or an interrupt of the guest may have been interrupted at addrs[i] (sorted): that number is on
 * its stack. Of a task that sleeps the part in use is looked at; of one that runs too if @p cpus has it, else all. False: not
 * all could be looked at.
 */
bool dv_trap_stacks(struct dv_guest *g, dv_trap_read_fn *read, void *ctx, const struct dv_trap_cpu *cpus, uint32_t cpu_count,
                    const uint64_t *addrs, uint32_t count, uint8_t *busy);

#endif
