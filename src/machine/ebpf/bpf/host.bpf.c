// SPDX-License-Identifier: GPL-2.0-or-later
//
// The run-time functions (abi/fn.h) in the host's kernel: dv_fn_NAME for each, called by clauses that were translated to
// BPF, with the producer's offset first. Those that only touch the state are src/state's; those that ask about the
// firing (native: src/exec/fn_*.c) are here. A function with a loop or much code is global, so that the verifier looks at
// it once.
#include "state/state.bpf.c"

#include "abi/load.h"
#include "machine/ebpf/bpf/firing.h"

const volatile struct dv_host_conf dv_host SECTION(".rodata") = {.fire_mask = 0, .cpus = 1};
extern uint8_t dv_fire_mem[], dv_sites[], dv_epids[], dv_ran[], dv_on_cpu[];

/* -- the kernel's helpers, by number (include/uapi/linux/bpf.h) -- */
static uint64_t (*const ktime_get_ns)(void) = (void *)5;
static uint64_t (*const get_smp_processor_id)(void) = (void *)8;
static uint64_t (*const get_current_pid_tgid)(void) = (void *)14;
static long (*const get_current_comm)(void *buf, uint32_t size) = (void *)16;
static uint64_t (*const get_current_task)(void) = (void *)35;
static long (*const probe_write_user)(uint64_t dst, const void *src, uint32_t size) = (void *)36;
static long (*const send_signal)(uint32_t sig) = (void *)109;
static long (*const probe_read_user)(void *dst, uint32_t size, uint64_t addr) = (void *)112;
static long (*const probe_read_kernel)(void *dst, uint32_t size, uint64_t addr) = (void *)113;
static long (*const probe_read_user_str)(void *dst, uint32_t size, uint64_t addr) = (void *)114;
static long (*const probe_read_kernel_str)(void *dst, uint32_t size, uint64_t addr) = (void *)115;

static void *(*const get_current_task_btf)(void) = (void *)158;
static void *(*const task_pt_regs)(void *task) = (void *)175;

#define FN(name, ...) DV_HELPER uint64_t dv_fn_##name(uint64_t st, ##__VA_ARGS__)
_Static_assert(DV_STR_MAX == DV_HOST_STRSIZE, "the loader refuses longer strings");
#define COMM_SIZE 16u

DV_INLINE struct dv_firing *firing(uint64_t st)
{
	return (struct dv_firing *)(dv_fire_mem + ((st - dv_host.first) << DV_FIRING_SHIFT & dv_host.fire_mask));
}

DV_INLINE const struct dv_host_site *site_of(const struct dv_firing *f)
{
	return (const struct dv_host_site *)(dv_sites + (f->site * sizeof(struct dv_host_site) & dv_host.site_mask));
}

DV_INLINE uint64_t fault(const struct dv_view *v, uint32_t why, uint64_t value)
{
	dv_set_fault(v, why, value);
	return 0;
}

/* -- a firing ----------------------------------------------------------------------------------------------------- */

// Which of this CPU's producers is free? An interrupt's probe ends before what it interrupted goes on, but a uprobe's
// may be preempted by another task's, so taking one is a compare-and-swap. Returns its offset, 0: none, or the session is
// over. @p numbered: the firing takes its place in the order, see state/fire.c.
DV_HELPER uint64_t dv_host_begin(uint64_t site, uint64_t numbered)
{
	uint64_t cpu = get_smp_processor_id(), first = dv_host.first + cpu * DV_HOST_LEVELS * DV_PROD_ALIGN, st;
	struct dv_firing *f;
	struct dv_view v;
	uint32_t i;

	if (cpu >= dv_host.cpus) {
		dv_view(dv_host.first, &v);
		dv_add(&v.p->drops[DV_DROP_CPU], 1);
		return 0;
	}
	dv_view(first, &v);
	i = DV_RD(dv_hdr(&v)->only_cpu);
	if (i && cpu + 1 != i)
		return 0;
	for (i = 0; i < DV_HOST_LEVELS; i++) {
		st = first + i * DV_PROD_ALIGN;
		dv_view(st, &v);
		if (!dv_st_claim(&v, numbered))
			continue;
		// Only now: who ends the session halts it, then waits for those in flight.
		if (DV_RD(dv_hdr(&v)->halt) || DV_RD(dv_hdr(&v)->ended)) {
			dv_store(&v.p->inflight, 0);
			return 0;
		}
		dv_st_ready(st, &v, numbered ? seq_take(&dv_hdr(&v)->seq) : 0);
		f = firing(st);
		f->site = site;
		f->timestamp = 0;
		return st;
	}
	dv_view(first, &v);
	dv_add(&v.p->drops[DV_DROP_NEST], 1);
	return 0;
}

// The enabled probe's id of the clause that runs.
DV_INLINE uint64_t epid_of(const struct dv_firing *f)
{
	uint64_t c = f->clause;

	if (c & DV_CLAUSE_EPID)
		return (uint32_t)c;
	return *(const uint32_t *)(dv_epids + ((site_of(f)->ecb + c) * 4 & dv_host.epid_mask));
}

// Has exit() been called, so that the clauses that are left are not for this firing?
DV_HELPER uint64_t dv_host_exited(uint64_t st)
{
	struct dv_view v;

	return dv_view(st, &v) ? DV_RD(v.p->exited) : 0;
}

/* -- vtimestamp ---------------------------------------------------------------------------------------------------

   How long a thread has run, without what it spent in the tracing. A firing counts from when its program begins to when
   that ends, with all that interrupts it; a thread that is preempted in it, which only programs for uprobes can be, has
   that noted in its own word, so that the next thread on the CPU is not taken to be in it. These are called only when
   some clause uses vtimestamp. */

DV_INLINE struct dv_on_cpu *on_cpu(void)
{
	return (struct dv_on_cpu *)(dv_on_cpu + (get_smp_processor_id() * sizeof(struct dv_on_cpu) & dv_host.on_cpu_mask));
}

DV_INLINE volatile uint64_t *ran(void)
{
	uint64_t tid = get_current_pid_tgid() & 0xffffffff;

	return tid ? (volatile uint64_t *)(dv_ran + (tid * 8 & dv_host.ran_mask)) : &on_cpu()->idle;
}

// What runs here is held up. Answers whether it was running: 0: a firing of it is in progress already.
DV_HELPER uint64_t dv_host_stop(void)
{
	volatile uint64_t *w = ran();
	uint64_t since;

	// From here on an interrupt's firing leaves the word alone.
	if (__sync_fetch_and_or(w, 1) & 1)
		return 0;
	since = on_cpu()->since;
	if (since)
		dv_add(w, (ktime_get_ns() - since) << 1);
	return 1;
}

DV_HELPER uint64_t dv_host_go(uint64_t was_running)
{
	if (was_running) {
		on_cpu()->since = ktime_get_ns();
		__sync_fetch_and_and(ran(), ~1ULL);
	}
	return 0;
}

// At sched_switch: the current thread is the one that leaves.
DV_HELPER uint64_t dv_host_switch(void)
{
	uint64_t was_running = dv_host_stop();

	on_cpu()->since = ktime_get_ns();
	if (was_running)
		__sync_fetch_and_and(ran(), ~1ULL);
	return 0;
}

// The clause has faulted at instruction @p pc, in its action number @p action.
DV_HELPER uint64_t dv_host_error(uint64_t st, uint64_t pc, uint64_t action)
{
	struct dv_firing *f = firing(st);
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	dv_st_number(st);
	f->err_epid = epid_of(f);
	f->err_pc = pc;
	f->err_action = action;
	f->err_fault = DV_RD(v.p->fault);
	f->err_value = DV_RD(v.p->fault_value);
	dv_st_clause(st);
	dv_st_error(st, f->err_epid, f->err_fault, f->err_value, pc);
	return 0;
}

// A clause of ERROR has faulted.
DV_HELPER uint64_t dv_host_error_lost(uint64_t st)
{
	struct dv_view v;

	if (dv_view(st, &v))
		dv_drop(&v, DV_DROP_ERROR);
	return 0;
}

/* -- the state ---------------------------------------------------------------------------------------------------- */

FN(ld, uint64_t cell) { return dv_st_ld(st, cell); }
FN(st, uint64_t cell, uint64_t value) { dv_st_st(st, cell, value); return 0; }
FN(rmw, uint64_t cell, uint64_t op, uint64_t operand, uint64_t width) { return dv_st_rmw(st, cell, op, operand, width); }
FN(sts, uint64_t cell, uint64_t sref) { dv_st_sts(st, cell, sref); return 0; }
FN(ldn, uint64_t at, uint64_t size) { return dv_st_ldn(st, at, size); }
FN(stn, uint64_t at, uint64_t size, uint64_t value) { dv_st_stn(st, at, size, value); return 0; }
FN(rmwn, uint64_t at, uint64_t op, uint64_t operand, uint64_t width) { return dv_st_rmwn(st, at, op, operand, width); }
FN(cpy, uint64_t to, uint64_t from, uint64_t size) { dv_st_cpy(st, to, from, size); return 0; }
FN(strn, uint64_t from, uint64_t size) { return dv_st_strn(st, from, size); }
FN(stsn, uint64_t to, uint64_t sref, uint64_t size) { dv_st_stsn(st, to, sref, size); return 0; }
FN(this, uint64_t off) { return dv_st_this(st, off); }
FN(key, uint64_t value) { dv_st_key(st, value); return 0; }
FN(keys, uint64_t sref) { key_string(st, sref); return 0; }
FN(agg, uint64_t agg, uint64_t value, uint64_t incr) { agg_add(st, agg, value, incr); return 0; }
FN(div, uint64_t op, uint64_t a, uint64_t b) { return dv_st_div(st, op, a, b); }
FN(slen, uint64_t s) { return dv_st_slen(st, s); }
FN(scmp, uint64_t a, uint64_t b) { return dv_st_scmp(st, a, b); }
FN(sjoin, uint64_t a, uint64_t b) { return dv_st_sjoin(st, a, b); }
FN(ssub, uint64_t s, uint64_t index, uint64_t length) { return dv_st_ssub(st, s, index, length); }
FN(alloca, uint64_t size) { return dv_st_scratch(st, size); }
FN(wr, uint64_t mach, uint64_t addr, uint64_t value, uint64_t size) { dv_st_wr(st, mach, addr, value, size); return 0; }
FN(mcpy, uint64_t mach, uint64_t addr, uint64_t mem, uint64_t size) { dv_st_mcpy(st, mach, addr, mem, size); return 0; }
FN(rand) { return dv_st_rand(st); }
FN(sfind, uint64_t s, uint64_t sub, uint64_t start, uint64_t how) { return dv_st_sfind(st, s, sub, start, how); }
FN(schr, uint64_t s, uint64_t byte, uint64_t how) { return dv_st_schr(st, s, byte, how); }
FN(sstr, uint64_t s, uint64_t sub) { return dv_st_sstr(st, s, sub); }
FN(stok, uint64_t s, uint64_t set, uint64_t fresh) { return dv_st_stok(st, s, set, fresh); }
FN(scase, uint64_t s, uint64_t upper) { return dv_st_scase(st, s, upper); }
FN(spath, uint64_t s, uint64_t how) { return dv_st_spath(st, s, how); }
FN(ltos, uint64_t value, uint64_t base) { return dv_st_ltos(st, value, base); }
FN(stol, uint64_t s, uint64_t base) { return dv_st_stol(st, s, base); }
FN(sjson, uint64_t s, uint64_t path) { return dv_st_sjson(st, s, path); }
FN(inet, uint64_t mem, uint64_t how) { return dv_st_inet(st, mem, how); }
FN(words, uint64_t mem, uint64_t size) { return dv_st_words(st, mem, size); }
FN(spec) { return dv_st_spec(st); }
FN(specul, uint64_t id) { return dv_st_specul(st, id); }
FN(commit, uint64_t id) { dv_st_commit(st, id); return 0; }
FN(discard, uint64_t id) { dv_st_discard(st, id); return 0; }
FN(exit) { dv_st_exit(st); return 0; }
FN(rec, uint64_t max) { return dv_st_rec(st, max); }
FN(reci, uint64_t value) { dv_st_reci(st, value); return 0; }
FN(recs, uint64_t sref) { dv_st_recs(st, sref); return 0; }
FN(recm, uint64_t mem, uint64_t size) { dv_st_recm(st, mem, size); return 0; }
FN(keyb, uint64_t mem) { dv_st_keyb(st, mem); return 0; }
FN(recb, uint64_t mem) { dv_st_recb(st, mem); return 0; }
FN(recend) { dv_st_recend(st, epid_of(firing(st)), DV_REC_DATA); return 0; }

// The idle task of every CPU has thread id 0.
DV_INLINE uint64_t thread_of(void)
{
	uint64_t tid = get_current_pid_tgid() & 0xffffffff;

	return tid ? tid : 1ULL << 32 | get_smp_processor_id();
}

FN(dyn, uint64_t var, uint64_t flags)
{
	return dv_st_dyn(st, var, flags, flags & DV_DYN_SELF ? thread_of() : 0);
}
FN(dyndel, uint64_t var, uint64_t flags)
{
	dv_st_dyndel(st, var, flags, flags & DV_DYN_SELF ? thread_of() : 0);
	return 0;
}
FN(fault, uint64_t why, uint64_t value)
{
	dv_st_fault(st, why == DV_FAULT_NONE || why > DV_FAULT_BADTYPES ? DV_FAULT_ILLOP : why, value);
	return 0;
}

/* -- memory ------------------------------------------------------------------------------------------------------- */

DV_INLINE uint64_t mach_of(uint64_t mach)
{
	return mach == dv_host.machine ? DV_MACH_SELF : mach;
}

// Is [@p addr, + @p size) in the producer's scratch?
DV_INLINE int in_scratch(const struct dv_view *v, uint64_t addr, uint64_t size)
{
	uint64_t off = DV_RD(v->p->scratch_off), len = DV_RD(v->p->scratch_size);

	return addr >= off && addr - off <= len && size <= len - (addr - off);
}

#define READ(n)                                                                                     \
	case n:                                                                                     \
		e = mach == DV_MACH_USER ? probe_read_user(&w, n, addr) : probe_read_kernel(&w, n, addr); \
		break

FN(rd, uint64_t mach, uint64_t addr, uint64_t size)
{
	struct dv_view v;
	uint64_t w = 0;
	long e;

	if (!dv_view(st, &v))
		return 0;
	mach = mach_of(mach);
	if (mach == DV_MACH_SCRATCH) {
		if (size > 8 || !in_scratch(&v, addr, size))
			return fault(&v, DV_FAULT_BADADDR, addr);
		return dv_low(dv_bytes8(&v, addr), size);
	}
	if (mach == DV_MACH_STATE)
		return dv_st_ldn(st, addr, size);
	if (mach != DV_MACH_SELF && mach != DV_MACH_USER)
		return fault(&v, DV_FAULT_BADMACH, mach);
	switch (size) {
	READ(1);
	READ(2);
	READ(4);
	READ(8);
	default:
		return fault(&v, DV_FAULT_BADSIZE, size);
	}
	return e ? fault(&v, DV_FAULT_BADADDR, addr) : w;
}

FN(rdmem, uint64_t mach, uint64_t addr, uint64_t size)
{
	struct dv_view v;
	uint64_t off;
	uint8_t *dst;
	long e;

	if (!dv_view(st, &v))
		return 0;
	mach = mach_of(mach);
	if (size > 8192)
		return fault(&v, DV_FAULT_NOSCRATCH, size);
	off = dv_st_scratch(st, size ? size : 1);
	if (!off || !size)
		return off;
	dst = v.base + (off & v.mask & ~7ULL);
	if (mach == DV_MACH_SCRATCH) {
		if (!in_scratch(&v, addr, size))
			return fault(&v, DV_FAULT_BADADDR, addr);
		dv_copy(st, off, addr, size, size);
		return off;
	}
	if (mach == DV_MACH_STATE) {
		dv_st_cpy(st, off, addr, size);
		return off;
	}
	DV_BOUND(size, 16384);
	if (mach == DV_MACH_USER)
		e = probe_read_user(dst, size, addr);
	else if (mach == DV_MACH_SELF)
		e = probe_read_kernel(dst, size, addr);
	else
		return fault(&v, DV_FAULT_BADMACH, mach);
	return e ? fault(&v, DV_FAULT_BADADDR, addr) : off;
}

FN(rdstr, uint64_t mach, uint64_t addr, uint64_t limit)
{
	struct dv_view v;
	uint64_t off, max;
	uint8_t *dst;
	long e;

	if (!dv_view(st, &v))
		return 0;
	mach = mach_of(mach);
	max = dv_strsize(&v);
	if (!limit || limit > max)
		limit = max;
	if (limit > DV_STR_MAX)
		limit = DV_STR_MAX;
	if (mach == DV_MACH_STATE)
		return dv_st_strn(st, addr, limit - 1);
	off = dv_st_scratch(st, limit);
	if (!off)
		return 0;
	dst = v.base + (off & v.mask & ~7ULL);
	if (mach == DV_MACH_SCRATCH) {
		uint64_t len = dv_st_slen(st, addr);

		if (len > limit - 1)
			len = limit - 1;
		if (!in_scratch(&v, addr, len + 1))
			return fault(&v, DV_FAULT_BADADDR, addr);
		dv_copy(st, off, addr, len, len + 1);
		return off;
	}
	DV_BOUND(limit, 2 * DV_STR_MAX);
	if (mach == DV_MACH_USER)
		e = probe_read_user_str(dst, limit, addr);
	else if (mach == DV_MACH_SELF)
		e = probe_read_kernel_str(dst, limit, addr);
	else
		return fault(&v, DV_FAULT_BADMACH, mach);
	return e < 0 ? fault(&v, DV_FAULT_BADADDR, addr) : off;
}

#define DPATH_X     uint64_t
#define DPATH_ST(x) (x)
#define DPATH_RD    dv_fn_rd
#define DPATH_RDSTR dv_fn_rdstr
#define DPATH_FN    DV_HELPER
#define DPATH_NAME(n) dv_fn_##n
#include "exec/dpath.h"

FN(copyout, uint64_t addr, uint64_t mem, uint64_t size)
{
	struct dv_view v;
	uint64_t nul = 0;
	long e;

	if (!dv_view(st, &v))
		return 0;
	if (!size)
		return 0;
	if (!mem) {
		e = probe_write_user(addr, &nul, 1); // an empty string
	} else {
		if (size > DV_MEM_MAX || !in_scratch(&v, mem, size))
			return fault(&v, DV_FAULT_BADSIZE, size);
		size--; // the helper takes no 0, and the verifier has to see that there is none
		DV_BOUND(size, DV_MEM_MAX);
		e = probe_write_user(addr, v.base + (mem & v.mask), (uint32_t)size + 1);
	}
	return e ? fault(&v, DV_FAULT_BADADDR, addr) : 0;
}

FN(pmach, uint64_t mach, uint64_t universe)
{
	const struct dv_machine_desc *d;
	struct dv_view v;

	if (mach == DV_MACH_SELF || mach == DV_MACH_USER || mach == DV_MACH_SCRATCH || mach == DV_MACH_STATE ||
	    !dv_view(st, &v))
		return mach;
	if (mach >= DV_MACH_MAX)
		return fault(&v, DV_FAULT_BADMACH, mach);
	d = &dv_hdr(&v)->machines[mach & (DV_MACH_MAX - 1)];
	if (!DV_RD(d->live))
		return fault(&v, DV_FAULT_BADMACH, mach);
	if (DV_RD(d->universe) != universe)
		return fault(&v, DV_FAULT_BADTYPES, mach);
	return mach;
}

/* -- the firing --------------------------------------------------------------------------------------------------- */

FN(timestamp)
{
	struct dv_firing *f = firing(st);

	if (!f->timestamp)
		f->timestamp = ktime_get_ns();
	return f->timestamp;
}
// As dv_host_stop() has left it.
FN(vtimestamp) { return dv_load(ran()) >> 1; }
FN(walltimestamp) { return dv_fn_timestamp(st) + dv_host.wall_off; }
FN(ppid)
{
	uint64_t parent = 0;
	uint32_t tgid = 0;

	if (probe_read_kernel(&parent, 8, get_current_task() + dv_host.task_real_parent) ||
	    probe_read_kernel(&tgid, 4, parent + dv_host.task_tgid))
		return 0;
	return tgid;
}
FN(progeny, uint64_t pid)
{
	uint64_t task = get_current_task(), i;
	uint32_t tgid;

	for (i = 0; i < DV_PARENTS_MAX && task; i++) {
		tgid = 0;
		if (probe_read_kernel(&tgid, 4, task + dv_host.task_tgid))
			break;
		if (tgid == (uint32_t)pid)
			return 1;
		if (!tgid || probe_read_kernel(&task, 8, task + dv_host.task_real_parent))
			break;
	}
	return 0;
}
FN(raise, uint64_t sig)
{
	struct dv_view v;

	return send_signal((uint32_t)sig) && dv_view(st, &v) ? fault(&v, DV_FAULT_ILLOP, sig) : 0;
}
FN(errno)
{
	uint64_t e = -firing(st)->arg[1];

	return e < 4096 ? e : 0;
}
// arg0 of a return: where in the function it is.
FN(offset) { return site_of(firing(st))->offset; }
FN(arg, uint64_t n) { return n < DV_HOST_ARGS ? firing(st)->arg[n] : 0; }
// Argument of a static probe: the memory that it is in may have been unreadable.
FN(usdtarg, uint64_t n)
{
	const struct dv_firing *f = firing(st);
	struct dv_view v;

	if (n >= DV_HOST_ARGS)
		return 0;
	if (f->unread >> n & 1 && dv_view(st, &v))
		return fault(&v, DV_FAULT_BADADDR, f->arg[n]);
	return f->arg[n];
}
FN(errarg, uint64_t n)
{
	const struct dv_firing *f = firing(st);

	switch (n) {
	case 1: return f->err_epid;
	case 2: return f->err_action;
	case 3: return f->err_pc * 8;
	case 4: return f->err_fault;
	case 5: return f->err_value;
	}
	return 0;
}
// uregs[]: the running program's registers, at byte @p off of its struct pt_regs. (The verifier wants a bound.)
FN(reg, uint64_t off)
{
	uint64_t value = 0;
	struct dv_view v;

	if (probe_read_kernel(&value, 8, (uint64_t)task_pt_regs(get_current_task_btf()) + (off & 255)) && dv_view(st, &v))
		return fault(&v, DV_FAULT_BADADDR, 0);
	return value;
}
FN(frame) { return firing(st)->frame; }
FN(epid) { return epid_of(firing(st)); }
FN(id) { return site_of(firing(st))->probe; }
FN(probeprov) { return site_of(firing(st))->prov; }
FN(probemod) { return site_of(firing(st))->mod; }
FN(probefunc) { return site_of(firing(st))->func; }
FN(probename) { return site_of(firing(st))->name; }
FN(seq)
{
	struct dv_view v;

	return dv_view(st, &v) ? DV_RD(v.p->cur_seq) : 0;
}
FN(vmname)
{
	struct dv_view v;

	return dv_view(st, &v) ? DV_RD(dv_hdr(&v)->machines[dv_host.machine & (DV_MACH_MAX - 1)].name) : 0;
}
// The running program's name, read where it is if that is known: the helper looks at each byte.
DV_INLINE void comm(uint64_t w[2])
{
	const uint8_t *task;

	if (dv_host.task_comm == DV_OFF_NONE) {
		get_current_comm(w, COMM_SIZE);
		return;
	}
	task = get_current_task_btf();
	w[0] = *(const volatile uint64_t *)(task + dv_host.task_comm);
	w[1] = dv_low(*(const volatile uint64_t *)(task + dv_host.task_comm + 8), 7);
}
FN(execname)
{
	struct dv_firing *f = firing(st);
	uint64_t off, w[2] = {0, 0};
	struct dv_view v;

	if (f->execname || !dv_view(st, &v))
		return f->execname;
	off = dv_st_scratch(st, COMM_SIZE);
	if (!off)
		return 0;
	comm(w);
	*dv_word(&v, off) = w[0];
	*dv_word(&v, off + 8) = w[1];
	f->execname = off;
	return off;
}
/* -- stacks and who runs ------------------------------------------------------------------------------------------ */

// When the running process began: ns of the boot-time clock.
DV_INLINE uint64_t process_start(void)
{
	uint64_t leader = 0, start = 0;

	if (dv_host.task_leader == DV_OFF_NONE || dv_host.task_start == DV_OFF_NONE ||
	    probe_read_kernel(&leader, 8, get_current_task() + dv_host.task_leader) ||
	    probe_read_kernel(&start, 8, leader + dv_host.task_start))
		return 0;
	return start;
}

DV_INLINE uint64_t stack_block(uint64_t st, uint64_t kind, uint64_t machine, uint64_t frames)
{
	int user = dv_stack_is_user((uint32_t)kind);

	return dv_st_stack(st, kind | (uint64_t)(dv_host.kernel & 0xffff) << 16 | machine << 32,
			   user ? get_current_pid_tgid() >> 32 : 0, user ? process_start() : 0, frames);
}

DV_INLINE int within(uint64_t pc, uint64_t start, uint64_t end)
{
	return pc >= start && pc < end;
}

// At a tracepoint the kernel's stack begins with what leads from there to the program: bpf_trace_runN, perhaps the event's
// own __bpf_trace_EVENT [a, b) and __traceiter_EVENT [c, d).
DV_HELPER uint64_t dv_host_trim(uint64_t st, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct dv_firing_stack *s = &firing(st)->kernel;

	s->own = 0;
	if (!within(s->pc[0], dv_host.run_start, dv_host.run_end))
		return 0;
	s->own = 1;
	if (within(s->pc[1], a, b))
		s->own = 2 + within(s->pc[2], c, d);
	else if (within(s->pc[1], c, d))
		s->own = 2;
	return 0;
}

// At the first instruction of a program's function, and at its return, the frame pointer is its caller's still, or again:
// whoever follows it from there misses the caller, whose address is on top of the stack. The kernel's frames are from pc[1]
// on. At entries that it knows for such it may have the caller in its place already; of a function that has called itself
// from there an older kernel is believed to, and one frame is missing.
DV_HELPER uint64_t dv_host_caller(uint64_t st, uint64_t sp, uint64_t entry)
{
	struct dv_firing *f = firing(st);
	struct dv_firing_stack *s = &f->user;
	uint64_t caller = 0;

	s->own = 1;
	if (!s->size)
		return 0;
	s->size += 8;
	if (probe_read_user(&caller, 8, sp) || !caller)
		return 0;
	if (entry && site_of(f)->offset && s->size > 16 && s->pc[2] == caller)
		return 0;
	s->pc[0] = s->pc[1];
	s->pc[1] = caller;
	s->own = 0;
	return 0;
}

// Frames that are not the tracing's.
DV_INLINE uint64_t depth(const struct dv_firing_stack *s)
{
	uint64_t n = s->size >> 3;

	return n > s->own ? n - s->own : 0;
}

DV_INLINE uint64_t frame(const struct dv_firing_stack *s, uint64_t i)
{
	return s->pc[(i + s->own) & DV_HOST_FRAMES];
}

FN(stack, uint64_t kind, uint64_t frames)
{
	struct dv_firing *f = firing(st);
	const struct dv_firing_stack *s = kind == DV_STACK_USER ? &f->user : &f->kernel;
	uint64_t mem, n = depth(s), i;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	if (kind > DV_STACK_USER || !frames || frames > DV_STACK_MAX)
		return fault(&v, DV_FAULT_BADSTACK, frames);
	if (n > frames)
		n = frames;
	mem = stack_block(st, kind, dv_host.machine, n ? n : 1);
	for (i = 0; mem && i < DV_HOST_FRAMES && i < n; i++)
		*dv_word(&v, mem + DV_STACK_HEAD + i * 8) = frame(s, i);
	dv_st_stackset(st, mem, 0, n);
	return mem;
}
FN(symaddr, uint64_t kind, uint64_t mach, uint64_t addr)
{
	struct dv_view v;
	uint64_t mem;

	if (!dv_view(st, &v))
		return 0;
	if (kind <= DV_STACK_USER || kind >= DV_STACK_KINDS)
		return fault(&v, DV_FAULT_ILLOP, kind);
	mem = stack_block(st, kind, dv_stack_is_user((uint32_t)kind) || mach >= DV_MACH_MAX ? dv_host.machine : mach, 1);
	if (mem)
		*dv_word(&v, mem + DV_STACK_HEAD) = addr;
	dv_st_stackset(st, mem, 0, 1);
	return mem;
}
FN(stackdepth) { return depth(&firing(st)->kernel); }
FN(ustackdepth) { return depth(&firing(st)->user); }
FN(caller) { return depth(&firing(st)->kernel) > 1 ? frame(&firing(st)->kernel, 1) : 0; }
FN(ucaller) { return depth(&firing(st)->user) > 1 ? frame(&firing(st)->user, 1) : 0; }

DV_INLINE uint64_t serves(uint64_t st)
{
	uint64_t id = get_current_pid_tgid();

	return dv_st_serves(st, id & 0xffffffff, id >> 32);
}
FN(guestvcpu)
{
	uint64_t s = serves(st);

	return (uint64_t)(int64_t)(s ? DV_SERVES_VCPU(s) : -1);
}
FN(guestname)
{
	uint64_t s = serves(st);
	struct dv_view v;

	return s && dv_view(st, &v) ? DV_RD(dv_hdr(&v)->machines[DV_SERVES_MACHINE(s) & (DV_MACH_MAX - 1)].name) : 0;
}
// The program's name as the next element of the key tuple, which most keys have: keys(execname()) without the way through
// scratch.
FN(keyexec)
{
	uint64_t w[2] = {0, 0}, len;
	struct dv_view v;

	if (!dv_view(st, &v))
		return 0;
	comm(w);
	len = key_cut(&v, w);
	if (len == -1ULL)
		dv_st_keys(st, dv_fn_execname(st));
	else
		key_words(&v, w, len);
	return 0;
}
// At most eight bytes of text of our own.
FN(text, uint64_t text)
{
	uint64_t off = dv_st_scratch(st, 16);
	struct dv_view v;

	if (off && dv_view(st, &v)) {
		*dv_word(&v, off) = text;
		*dv_word(&v, off + 8) = 0;
	}
	return off;
}

#include "machine/ebpf/bpf/guest.h"
