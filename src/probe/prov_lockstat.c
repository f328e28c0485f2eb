// SPDX-License-Identifier: GPL-2.0-or-later
//
// lockstat: locks of the kernel. DTrace's adaptive locks are Linux's mutexes (who waits spins as long as the owner runs,
// then sleeps), its readers/writer locks are rw_semaphores, which may sleep, and rwlock_t, which spin.
//
// That a lock was acquired shows at a function's return, where the lock is known no more; so each such probe has a
// hidden one at the entry that keeps it, under the place of the call's return address: that tells a call from those that it
// interrupts. What is kept is the lock's address, and in its lowest bits what the returned value means: 0 nothing, 1 an
// error if not 0, 2 failure if 0.
//
// A lock that is held is left to a slow path, often by a jump. Then it is that function which returns to the caller, from
// the same place of the stack, and its return is one of the probe's places too; where it is called instead, nothing is
// kept under its place. A probe takes away what was kept, so that no such call finds anything old, and leaves it in
// this->__dv_l for all clauses of the firing. Probes do not share what is kept, for each would take it from the others.
//
// How long a thread has waited counts from the slow path's entry. If it slept there that is adaptive-block and rw-block,
// else adaptive-spin and rw-spin. A thread sleeps for one lock at a time, so these two facts are kept by thread.
//
// On a host the tracepoints contention_begin and contention_end (since 5.19) mark the two ends, and pass the lock and
// what is waited for. A thread that first spins and then sleeps passes a begin for each: the last one counts.
//
// There are many places, so the table is made of lists of functions.
#include "probe/stable.h"

#include <string.h>

#define MUTEX  "struct mutex *"
#define RWSEM  "struct rw_semaphore *"
#define RWLOCK "rwlock_t *"
#define SPIN   "raw_spinlock_t *"

/* Functions, each with what its result means, and what leaves them by a jump. */
#define MUTEX_CALLS "mutex_lock/0 mutex_lock_interruptible/1 mutex_lock_killable/1"
#define MUTEX_FAIL  "mutex_lock_interruptible/0 mutex_lock_killable/0"
#define MUTEX_SLOW  "__mutex_lock_slowpath/0 __mutex_lock_interruptible_slowpath/1 __mutex_lock_killable_slowpath/1"
#define MUTEX_TAIL  " " MUTEX_SLOW " __mutex_lock"
#define SPIN_CALLS \
	"_raw_spin_lock/0 _raw_spin_lock_bh/0 _raw_spin_lock_irq/0 _raw_spin_lock_irqsave/0 _raw_spin_trylock/2 " \
	"_raw_spin_trylock_bh/2"
#define SPIN_SLOW   "native_queued_spin_lock_slowpath/0 __pv_queued_spin_lock_slowpath/0"
#define UNLOCKS(of) of "_unlock " of "_unlock_bh " of "_unlock_irq " of "_unlock_irqrestore"
#define READ_CALLS \
	"_raw_read_lock/0 _raw_read_lock_bh/0 _raw_read_lock_irq/0 _raw_read_lock_irqsave/0 _raw_read_trylock/2"
#define WRITE_CALLS \
	"_raw_write_lock/0 _raw_write_lock_bh/0 _raw_write_lock_irq/0 _raw_write_lock_irqsave/0 _raw_write_trylock/2"
#define READ_SLOW   "rwsem_down_read_slowpath"
#define WRITE_SLOW  "rwsem_down_write_slowpath"
#define DOWN_READ   "down_read/0 down_read_interruptible/1 down_read_killable/1"
#define DOWN_WRITE  "down_write/0 down_write_killable/1"
#define SEM_SLOW    READ_SLOW " " WRITE_SLOW
#define SLEEP       "schedule_preempt_disabled" /* semaphores: of older kernels schedule() */

/* What was kept under the key, for all clauses of the firing. */
#define TAKE(var, key) \
	"(this->__dv_l = this->__dv_l ? this->__dv_l : self->" var "[" key "], self->" var "[" key "] = 0, this->__dv_l)"
#define CALL(var) TAKE(var, "__dv_frame")
#define GOT(var)  CALL(var) " && (this->__dv_l & 3 ? (this->__dv_l & 3) == 1 ? !(int)arg1 : (int)arg1 : 1)"
#define LOCK      "this->__dv_l & ~3"
/* At contention_end: below the time are the begin's flags, LCB_F_SPIN 1, READ 2, WRITE 4, RT 8, PERCPU 16, MUTEX 32. */
#define END(var)  TAKE(var, "arg0") " && !(int)arg1 && "
#define FLAGS     "(this->__dv_l & 63)"
#define SINCE     "timestamp - (this->__dv_l >> 6)"

static const char hidden[] =
	"this uint64_t __dv_l;\n"
	"self uint64_t __dv_aa[uint64_t], __dv_ae[uint64_t], __dv_ab[uint64_t], __dv_as[uint64_t], __dv_sa[uint64_t],\n"
	"     __dv_ss[uint64_t], __dv_st[uint64_t], __dv_ra[uint64_t], __dv_rb[uint64_t], __dv_rs[uint64_t], __dv_rt[uint64_t];\n"
	"self uint64_t __dv_abw, __dv_abs, __dv_asw, __dv_ass, __dv_rbw, __dv_rbs, __dv_rsw, __dv_rss;\n"
	"lockstat:::.adaptive-acquire { self->__dv_aa[__dv_frame] = arg0; }\n"
	"lockstat:::.adaptive-acquire-error { self->__dv_ae[__dv_frame] = arg0; }\n"
	"lockstat:::.adaptive-block { self->__dv_ab[__dv_frame] = arg0; self->__dv_abw = 0; self->__dv_abs = 0; }\n"
	"lockstat:::.adaptive-block.wait { self->__dv_abw = timestamp; }\n"
	"lockstat:::.adaptive-block.sleep { self->__dv_abs = 1; }\n"
	"lockstat:::.adaptive-block.begin { self->__dv_ab[arg0] = arg1; }\n"
	"lockstat:::.adaptive-spin { self->__dv_as[__dv_frame] = arg0; self->__dv_asw = 0; self->__dv_ass = 0; }\n"
	"lockstat:::.adaptive-spin.wait { self->__dv_asw = timestamp; }\n"
	"lockstat:::.adaptive-spin.sleep { self->__dv_ass = 1; }\n"
	"lockstat:::.adaptive-spin.begin { self->__dv_as[arg0] = arg1; }\n"
	"lockstat:::.spin-acquire { self->__dv_sa[__dv_frame] = arg0; }\n"
	"lockstat:::.spin-spin { self->__dv_ss[__dv_frame] = arg0; self->__dv_st[__dv_frame] = timestamp; }\n"
	"lockstat:::.spin-spin.begin { self->__dv_ss[arg0] = arg1; }\n"
	"lockstat:::.rw-acquire { self->__dv_ra[__dv_frame] = arg0; }\n"
	"lockstat:::.rw-block { self->__dv_rb[__dv_frame] = arg0; self->__dv_rbw = 0; self->__dv_rbs = 0; }\n"
	"lockstat:::.rw-block.wait { self->__dv_rbw = timestamp; }\n"
	"lockstat:::.rw-block.sleep { self->__dv_rbs = 1; }\n"
	"lockstat:::.rw-block.begin { self->__dv_rb[arg0] = arg1; }\n"
	"lockstat:::.rw-spin { self->__dv_rs[__dv_frame] = arg0; self->__dv_rsw = 0; self->__dv_rss = 0; }\n"
	"lockstat:::.rw-spin.slow { self->__dv_rs[__dv_frame] = arg0; self->__dv_rt[__dv_frame] = timestamp; }\n"
	"lockstat:::.rw-spin.wait { self->__dv_rsw = timestamp; }\n"
	"lockstat:::.rw-spin.sleep { self->__dv_rss = 1; }\n"
	"lockstat:::.rw-spin.begin { self->__dv_rs[arg0] = arg1; }\n";

/* What the rows of a list have in common. `where` is each function, and where it has a place in a text stands '#'. */
struct list {
	const char *functions;
	bool more;             /* the first, too, is in addition to the row before */
	struct dv_stable_row like;
};

#define KEEP(nm, fns, lock, also) {fns, also, {nm, DV_AT_ENTRY, NULL, .expect = {{0, lock}}, .args = {{"uint64_t", "arg0 | #"}}}}
#define MARK(nm, fns) {fns, false, {nm, DV_AT_ENTRY, NULL}}
#define BEGIN(nm) \
	{"contention_begin", false, {nm, DV_AT_TRACEPOINT, NULL, .expect = {{0, "void *"}, {1, "unsigned int"}}, \
				     .args = {{"uint64_t", "arg0"}, {"uint64_t", "timestamp << 6 | (arg1 & 63)"}}}}
#define ENDS(nm, need, cond, ...) \
	{"contention_end", false, {nm, DV_AT_TRACEPOINT, NULL, .expect = {{0, "void *"}, {1, "int"}}, .needs = need, .guard = cond, \
				   .args = {__VA_ARGS__}}}
#define DONE(nm, fns, also, need, cond, ...) {fns, also, {nm, DV_AT_RETURN, NULL, .needs = need, .guard = cond, .args = {__VA_ARGS__}}}
#define FREE(nm, fns, also, lock, ...) {fns, also, {nm, DV_AT_ENTRY, NULL, .expect = {{0, lock}}, .args = {__VA_ARGS__}}}
#define AS(type, text) {type, text}

#define BLOCKED ".adaptive-block .adaptive-block.wait .adaptive-block.sleep"
#define SPUN    ".adaptive-spin .adaptive-spin.wait .adaptive-spin.sleep"
#define RW_BLOCKED ".rw-block .rw-block.wait .rw-block.sleep"
#define RW_SPUN ".rw-spin .rw-spin.wait .rw-spin.sleep .rw-spin.slow"

static const struct list lists[] = {
	KEEP(".adaptive-acquire", MUTEX_CALLS " mutex_trylock/2", MUTEX, false),
	DONE("adaptive-acquire", MUTEX_CALLS " mutex_trylock" MUTEX_TAIL, false, ".adaptive-acquire", GOT("__dv_aa"), AS(MUTEX, LOCK)),
	KEEP(".adaptive-acquire-error", MUTEX_FAIL, MUTEX, false),
	DONE("adaptive-acquire-error", MUTEX_FAIL MUTEX_TAIL, false, ".adaptive-acquire-error", CALL("__dv_ae") " && (int)arg1",
	     AS(MUTEX, LOCK), AS("int", "-(int)arg1")),
	FREE("adaptive-release", "mutex_unlock", false, MUTEX, AS(MUTEX, "arg0")),

	BEGIN(".adaptive-block.begin"),
	KEEP(".adaptive-block", MUTEX_CALLS, MUTEX, false),
	MARK(".adaptive-block.wait", MUTEX_SLOW),
	MARK(".adaptive-block.sleep", SLEEP),
	ENDS("adaptive-block", ".adaptive-block.begin", END("__dv_ab") FLAGS " == 32", AS(MUTEX, "arg0"), AS("uint64_t", SINCE)),
	DONE("adaptive-block", MUTEX_CALLS MUTEX_TAIL, false, BLOCKED, GOT("__dv_ab") " && self->__dv_abs && self->__dv_abw",
	     AS(MUTEX, LOCK), AS("uint64_t", "timestamp - self->__dv_abw")),
	BEGIN(".adaptive-spin.begin"),
	KEEP(".adaptive-spin", MUTEX_CALLS, MUTEX, false),
	MARK(".adaptive-spin.wait", MUTEX_SLOW),
	MARK(".adaptive-spin.sleep", SLEEP),
	ENDS("adaptive-spin", ".adaptive-spin.begin", END("__dv_as") FLAGS " == 33", AS(MUTEX, "arg0"), AS("uint64_t", SINCE)),
	DONE("adaptive-spin", MUTEX_CALLS MUTEX_TAIL, false, SPUN, GOT("__dv_as") " && !self->__dv_ass && self->__dv_asw",
	     AS(MUTEX, LOCK), AS("uint64_t", "timestamp - self->__dv_asw")),

	KEEP(".spin-acquire", SPIN_CALLS, SPIN, false),
	DONE("spin-acquire", SPIN_CALLS " " SPIN_SLOW, false, ".spin-acquire", GOT("__dv_sa"), AS(SPIN, LOCK)),
	FREE("spin-release", UNLOCKS("_raw_spin"), false, SPIN, AS(SPIN, "arg0")),
	BEGIN(".spin-spin.begin"),
	KEEP(".spin-spin", SPIN_SLOW, "struct qspinlock *", false),
	ENDS("spin-spin", ".spin-spin.begin", END("__dv_ss") FLAGS " == 1", AS(SPIN, "arg0"), AS("uint64_t", SINCE)),
	DONE("spin-spin", SPIN_SLOW, false, ".spin-spin", CALL("__dv_ss"), AS(SPIN, LOCK),
	     AS("uint64_t", "timestamp - self->__dv_st[__dv_frame]")),

	KEEP(".rw-acquire", READ_CALLS " " WRITE_CALLS, RWLOCK, false),
	KEEP(".rw-acquire", DOWN_READ " " DOWN_WRITE " down_read_trylock/2 down_write_trylock/2", RWSEM, true),
	DONE("rw-acquire", READ_CALLS " queued_read_lock_slowpath " DOWN_READ " down_read_trylock " READ_SLOW, false, ".rw-acquire", GOT("__dv_ra"),
	     AS("void *", LOCK), AS("int", "1")),
	DONE("rw-acquire", WRITE_CALLS " queued_write_lock_slowpath " DOWN_WRITE " down_write_trylock " WRITE_SLOW, true, ".rw-acquire",
	     GOT("__dv_ra"), AS("void *", LOCK), AS("int", "0")),
	FREE("rw-release", UNLOCKS("_raw_read"), false, RWLOCK, AS("void *", "arg0"), AS("int", "1")),
	FREE("rw-release", UNLOCKS("_raw_write"), true, RWLOCK, AS("void *", "arg0"), AS("int", "0")),
	FREE("rw-release", "up_read", true, RWSEM, AS("void *", "arg0"), AS("int", "1")),
	FREE("rw-release", "up_write", true, RWSEM, AS("void *", "arg0"), AS("int", "0")),
	FREE("rw-downgrade", "downgrade_write", false, RWSEM, AS(RWSEM, "arg0")),

	BEGIN(".rw-block.begin"),
	KEEP(".rw-block", DOWN_READ " " DOWN_WRITE, RWSEM, false),
	MARK(".rw-block.wait", SEM_SLOW),
	MARK(".rw-block.sleep", SLEEP " schedule"),
	ENDS("rw-block", ".rw-block.begin", END("__dv_rb") "(" FLAGS " == 2 || " FLAGS " == 4)", AS(RWSEM, "arg0"),
	     AS("uint64_t", SINCE), AS("int", FLAGS " == 2")),
	DONE("rw-block", DOWN_READ " " READ_SLOW, false, RW_BLOCKED, GOT("__dv_rb") " && self->__dv_rbs && self->__dv_rbw", AS(RWSEM, LOCK),
	     AS("uint64_t", "timestamp - self->__dv_rbw"), AS("int", "1")),
	DONE("rw-block", DOWN_WRITE " " WRITE_SLOW, true, RW_BLOCKED, GOT("__dv_rb") " && self->__dv_rbs && self->__dv_rbw", AS(RWSEM, LOCK),
	     AS("uint64_t", "timestamp - self->__dv_rbw"), AS("int", "0")),

	BEGIN(".rw-spin.begin"),
	KEEP(".rw-spin", DOWN_READ " " DOWN_WRITE, RWSEM, false),
	MARK(".rw-spin.wait", SEM_SLOW),
	MARK(".rw-spin.sleep", SLEEP " schedule"),
	KEEP(".rw-spin.slow", "queued_read_lock_slowpath/0 queued_write_lock_slowpath/0", "struct qrwlock *", false),
	ENDS("rw-spin", ".rw-spin.begin", END("__dv_rs") FLAGS " & 1 && " FLAGS " & 6", AS("void *", "arg0"), AS("uint64_t", SINCE),
	     AS("int", "(" FLAGS " & 2) != 0")),
	DONE("rw-spin", "queued_read_lock_slowpath", false, RW_SPUN, CALL("__dv_rs"), AS("void *", LOCK),
	     AS("uint64_t", "timestamp - self->__dv_rt[__dv_frame]"), AS("int", "1")),
	DONE("rw-spin", "queued_write_lock_slowpath", true, RW_SPUN, CALL("__dv_rs"), AS("void *", LOCK),
	     AS("uint64_t", "timestamp - self->__dv_rt[__dv_frame]"), AS("int", "0")),
	DONE("rw-spin", DOWN_READ " " READ_SLOW, true, RW_SPUN, GOT("__dv_rs") " && !self->__dv_rss && self->__dv_rsw", AS("void *", LOCK),
	     AS("uint64_t", "timestamp - self->__dv_rsw"), AS("int", "1")),
	DONE("rw-spin", DOWN_WRITE " " WRITE_SLOW, true, RW_SPUN, GOT("__dv_rs") " && !self->__dv_rss && self->__dv_rsw", AS("void *", LOCK),
	     AS("uint64_t", "timestamp - self->__dv_rsw"), AS("int", "0")),
};

static const char *const keeps[] = {"arg0 | 0", "arg0 | 1", "arg0 | 2"};

// One function of a list, "name/kind" or "name".
static void one(struct dv_arena *a, const struct list *l, const char *word, size_t len, bool more, struct dv_stable_row *r)
{
	const char *kind = memchr(word, '/', len);

	*r = l->like;
	r->more = more;
	r->where = dv_arena_strndup(a, word, kind ? (size_t)(kind - word) : len);
	if (kind && *r->name == '.' && r->args[0].text)
		r->args[0].text = keeps[(kind[1] - '0') % DV_COUNT(keeps)];
}

static uint32_t add(const struct dv_provider *prov, struct dv_probe_set *set, struct dv_probe_machine *pm)
{
	DV_VEC(struct dv_stable_row) rows = {0};
	const struct dv_stable_row *kept;
	uint32_t count;

	for (size_t i = 0; i < DV_COUNT(lists); i++) {
		bool more = lists[i].more;

		for (const char *w = lists[i].functions; *w; w += strspn(w, " ")) {
			size_t len = strcspn(w, " ");

			one(&set->arena, &lists[i], w, len, more, DV_PUSH(&rows));
			more = true;
			w += len;
		}
	}
	count = (uint32_t)rows.count;
	kept = memcpy(dv_arena_alloc(&set->arena, count * sizeof(*kept)), rows.data, count * sizeof(*kept));
	DV_VEC_FREE(&rows);
	return dv_stable_add_rows(prov, set, pm, kept, count);
}

const struct dv_provider dv_prov_lockstat = {
    .name = "lockstat",
    .add = add,
    .provide = dv_stable_provide,
    .arg_type = dv_stable_arg_type,
    .arg_group = dv_stable_arg_group,
    .xargs = dv_stable_xargs,
    .caps = DV_CAP_TRACEPOINT | DV_CAP_FBT,
    .why_not = dv_stable_why_not,
    .hidden = hidden,
};
