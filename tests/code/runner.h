/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_RUNNER_H
#define DV_TESTS_RUNNER_H
/**
 * Typed clauses in, dvirt's output out: generate code, verify it, run it in the interpreter on a fake machine, consume,
 * print. One producer, one thread; a firing is a call.
 *
 * The fake machine is called "vm". Its memory:
 *   RUN_KMEM        256 bytes 0, 1, 2 ... 255
 *   RUN_KMEM+256    "hello, world"
 *   RUN_KMEM+512    the address RUN_KMEM+256, then RUN_KMEM, then 0
 *   RUN_KMEM+1024   a list of three nodes { next, value }: 10, 20, 30
 *   RUN_UMEM        user memory: "user text", at +64 the ints 1, -2, 3
 * pid 1234, tid 1235, ppid 1, uid 1000, gid 100, execname "tester"; arg0..9 are 100..109 but for arg3, the address of
 * the list; register n is 1000 + n. curthread is the list, as a task_struct. Types and symbols: kernel.h.
 *
 * The kernel's stack: do_thing's start, caller_of+0x5, 0x41 bytes into the module "mod" (no symbol), and an address that
 * nothing is known of; the user's: main+0x4, 8 bytes into "libc.so.6", and one that nothing is known of.
 *
 * A second machine, "db", has the same at RUN_DB_KMEM, with 100 added to the bytes and the values, and "hello, db".
 */
#include "code/program.h"
#include "output/output.h"

#define RUN_KMEM 0xffff888000001000ull
#define RUN_DB_KMEM 0xffff999900001000ull
#define RUN_DB 1u /**< its index */
#define RUN_UMEM 0x400000ull

struct run;
/** @p strsize as the option. */
struct run *run_create(uint32_t strsize);
/**
 * Run in this kernel, as BPF, what would be run in the interpreter. The fake machine's memory is then a map's, whose address
 * is only known now: what the script and its output have of RUN_KMEM is to be translated (run_kmem()). pid, tid, uid, gid,
 * curthread and registers are the real ones, and "db" cannot be read. Before the first run_add(). False: programs
 * cannot be loaded here, *why says it.
 */
bool run_in_kernel(struct run *r, const char **why);
/** Where RUN_KMEM is. */
uint64_t run_kmem(const struct run *r);
void run_destroy(struct run *r);
struct dv_consts *run_consts(struct run *r);
/** Types of the fake machine's kernel. */
struct dv_universe *run_types(struct run *r);
struct dv_universe *run_db_types(struct run *r);
/**
 * Compile a typed clause for the probe @p name ("BEGIN"; the same name again: the same probe). False: refused, *msg (to
 * be freed) says why. Exits when the verifier refuses what the generator made.
 */
bool run_add(struct run *r, const char *name, const struct dv_clause *typed, char **msg);
/** The latest program, disassembled. */
void run_disasm(struct run *r, FILE *f);
const struct dv_program *run_program(struct run *r, uint32_t i);
/** All clauses are in: lay out the region. @p vals: bytes of a dynamic variable. */
void run_start(struct run *r, uint32_t this_size, uint32_t key_size, uint32_t val_size,
	       const struct dv_agg *const *aggs, uint32_t agg_count, const struct dv_output *options);
/** After run_start(): why the kernel refuses the programs; nothing can fire then. NULL: it took them. */
const struct dv_error *run_refused(const struct run *r);
/** Fire a probe, print what it recorded. False: exit() was called. No probe of that name: true. */
bool run_fire(struct run *r, const char *name);
/** End: print the aggregations; the whole output (owned by the run), and the status of exit(). */
const char *run_finish(struct run *r, int *status);
/** A global's word. */
uint64_t run_word(struct run *r, uint32_t cell);

#endif
