// SPDX-License-Identifier: GPL-2.0-or-later
//
// Time in a KVM guest: profile-N, vtimestamp.
//
// profile-N: a clock that goes while the thread of a virtual CPU runs interrupts it; when that is in the guest, the guest is
// left. But in that interrupt it is too early: registers may not be where they are looked for, and depending on the processor
// the tracepoint kvm_exit comes before it or after. So the clock only notes that its timer is due. The clauses run where the
// guest is entered again, at kvm_entry, of which there is one before the guest's next instruction: the registers are those with
// which it goes on. A clock that goes off while the host does something for the guest counts for the place where the guest
// stands.
//
// vtimestamp: a virtual CPU's thread of the host is watched where it gets and loses its CPU (sched_switch); what it runs is taken
// for the guest's thread that runs on it. Where that has changed, the guest's kernel has a trap of ours without clauses
// (DV_TRAP_SWITCH). An exit for a trap is the tracing's: the clock stands from when the program finds it until the guest is
// entered again. At other events it stands while clauses run. What the processor takes for an exit and an entry by themselves
// cannot be seen from here, and stays in.
//
//      guest runs |exit| program, KVM |entry|  guest runs  | host runs others | guest runs
//   --------------|----|==============|-----|--------------|==================|-----------
//                   since: ran += ..   since              since: ran += ..   since
//
// All of it is written in the virtual CPU's own thread, or where that comes and goes.

// Does the virtual CPU run a guest of its guest?
DV_INLINE int nested(const struct dv_guest_vcpu *c)
{
	uint64_t vcpu = DV_RD(c->vcpu), vmcb = 0;

	if (dv_guest.isa == DV_KVM_SVM)
		return probe_read_kernel(&vmcb, 8, vcpu + dv_guest.off.svm_current) || vmcb != DV_RD(c->vmcb);
	return probe_read_kernel(&vmcb, 8, vcpu + dv_guest.off.vmx_current) || vmcb != vcpu + dv_guest.off.vmx_own;
}

// The clock of a timer has gone off in the current thread. What waits for an interrupt does nothing that could be found.
DV_HELPER uint64_t dv_guest_due(uint64_t timer)
{
	struct dv_guest_vcpu *c = this_vcpu();
	uint32_t waits = 0;

	if (!c || probe_read_kernel(&waits, 4, DV_RD(c->vcpu) + dv_guest.off.mp_state) || waits)
		return 0;
	__sync_fetch_and_or(&tables()->load[DV_RD(c->index) & (DV_PROD_MAX - 1)].due, 1ull << (timer & (DV_GUEST_TIMERS - 1)));
	return 0;
}

// The virtual CPU goes into the guest: is a timer due? Its firing's producer; 0: none, or no more.
DV_HELPER uint64_t dv_guest_timer(void)
{
	struct dv_guest_vcpu *c = this_vcpu();
	volatile uint64_t *word;
	uint64_t due, pc = 0;
	uint32_t i;

	if (!c)
		return 0;
	word = &tables()->load[DV_RD(c->index) & (DV_PROD_MAX - 1)].due;
	due = *word;
	if (!due)
		return 0;
	if (nested(c) || !in_memory(DV_RD(c->vcpu), K_RIP) ||
	    probe_read_kernel(&pc, 8, DV_RD(c->vcpu) + dv_guest.off.regs + K_RIP * 8)) {
		*word = 0;
		return 0;
	}
	for (i = 0; i < DV_GUEST_TIMERS - 1; i++)
		if (due >> i & 1)
			break;
	__sync_fetch_and_and(word, ~(1ull << i));
	return on_vcpu(c, dv_guest.timers[i & (DV_GUEST_TIMERS - 1)], pc, 0);
}

/* -- vtimestamp --------------------------------------------------------------------------------------------------- */

// Its numbers in dv_guest_tables::load, by index.
#define TIMES(c) (&tables()->load[DV_RD((c)->index) & (DV_PROD_MAX - 1)])

// What has run up to now.
DV_INLINE void stop_clock(const struct dv_guest_vcpu *c)
{
	uint64_t since = DV_RD(TIMES(c)->since);

	if (!since)
		return;
	DV_WR(TIMES(c)->ran, DV_RD(TIMES(c)->ran) + ktime_get_ns() - since);
	DV_WR(TIMES(c)->since, 0);
}

DV_INLINE void go_on(const struct dv_guest_vcpu *c)
{
	DV_WR(TIMES(c)->held, 0);
	DV_WR(TIMES(c)->since, ktime_get_ns());
}

// Where a thread's total is. The number comes from the guest's memory.
DV_INLINE volatile uint64_t *total_of(uint64_t index, uint64_t tid)
{
	return tid ? (volatile uint64_t *)(dv_ran + (tid * 8 & dv_host.ran_mask)) : &tables()->load[index & (DV_PROD_MAX - 1)].idle;
}

// `ran` is of the thread that runs now: what it was of another's before is that one's.
DV_HELPER uint64_t dv_guest_settle(uint64_t st)
{
	uint64_t tid = dv_guest_thread(st), index = firing(st)->index & (DV_PROD_MAX - 1), before;

	tid = tid >> 32 ? 0 : tid; // an idle one
	before = DV_RD(tables()->load[index].thread);
	if (before == tid + 1)
		return tid;
	if (before) {
		dv_add(total_of(index, before - 1), DV_RD(tables()->load[index].ran));
		DV_WR(tables()->load[index].ran, 0);
	}
	DV_WR(tables()->load[index].thread, tid + 1);
	return tid;
}

// The guest was left for a trap; @p another: of DV_TRAP_SWITCH.
DV_HELPER uint64_t dv_guest_left(uint64_t another)
{
	struct dv_guest_vcpu *c = this_vcpu();
	uint64_t began, st;
	struct dv_view v;

	if (!c)
		return 0;
	began = ktime_get_ns();
	stop_clock(c);
	DV_WR(TIMES(c)->held, 1);
	st = another && DV_RD(c->index) < dv_guest.cpus ? on_vcpu(c, 0, 0, 0) : 0;
	if (!st || !dv_view(st, &v))
		return 0;
	dv_guest_settle(st);
	dv_store(&v.p->inflight, 0); // it was no firing
	DV_WR(TIMES(c)->hits, DV_RD(TIMES(c)->hits) + 1);
	DV_WR(TIMES(c)->ns, DV_RD(TIMES(c)->ns) + ktime_get_ns() - began);
	return 0;
}

// kvm_entry.
DV_HELPER uint64_t dv_guest_entered(void)
{
	struct dv_guest_vcpu *c = this_vcpu();

	if (c && DV_RD(TIMES(c)->held))
		go_on(c);
	return 0;
}

// Around the clauses of what is no trap.
GFN(stop)
{
	struct dv_guest_vcpu *c = this_vcpu();

	if (!c || DV_RD(TIMES(c)->held))
		return 0;
	stop_clock(c);
	DV_WR(TIMES(c)->held, 1);
	firing(st)->stopped = 1;
	return 0;
}
GFN(go)
{
	struct dv_guest_vcpu *c = this_vcpu();

	if (c && firing(st)->stopped)
		go_on(c);
	firing(st)->stopped = 0;
	return 0;
}

// sched_switch: the current thread is the one that leaves, @p next the task that comes.
DV_HELPER uint64_t dv_guest_sched(uint64_t next)
{
	struct dv_guest_vcpu *c = this_vcpu();
	uint32_t tid = 0;

	if (c)
		stop_clock(c);
	probe_read_kernel(&tid, 4, next + dv_guest.off.task_pid);
	c = vcpu_of(tid);
	if (c && !DV_RD(TIMES(c)->held))
		DV_WR(TIMES(c)->since, ktime_get_ns());
	return 0;
}

GFN(vtimestamp)
{
	uint64_t tid = dv_guest_settle(st), index = firing(st)->index;

	return dv_load(total_of(index, tid)) + DV_RD(tables()->load[index & (DV_PROD_MAX - 1)].ran);
}
