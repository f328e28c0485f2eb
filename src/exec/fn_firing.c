/* SPDX-License-Identifier: GPL-2.0-or-later */
// What a clause can ask about the firing itself.
#include <string.h>
#include <time.h>

#include "exec/fn.h"

#define EXECNAME_MAX 64u
#define CHILL_INTERVAL 1000000000u
#define CHILL_MAX      500000000u
/** The probe id of dtrace:::ERROR, the third of the provider that comes first. */
#define ERROR_PROBE  3u

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

// A result of the place: 0 and a fault when it said so.
static uint64_t answer(struct dv_exec *x, uint64_t value, enum dv_fault why, uint64_t what)
{
	if (__builtin_expect(why == DV_FAULT_NONE, 1))
		return value;
	dv_st_fault(&x->st, why, what);
	return 0;
}

// Whom does the thread under this firing serve? A guest's vCPU that guest; a thread of the host, who is in the table.
static uint64_t serves(struct dv_exec *x)
{
	const struct dv_place_ops *ops = x->place->ops;
	enum dv_fault no_tid = DV_FAULT_NONE, no_pid = DV_FAULT_NONE;
	uint64_t tid, pid;

	if (x->machine)
		return DV_SERVES | x->machine << 16 | ((x->cpu + 1) & 0xffff);
	tid = ops->builtin(x->place, DV_BI_HOSTTID, &no_tid);
	pid = ops->builtin(x->place, DV_BI_PID, &no_pid);
	return dv_st_serves(&x->st, no_tid ? 0 : tid, no_pid ? 0 : pid);
}

uint64_t dv_fn_bi(struct dv_exec *x, uint64_t id)
{
	enum dv_fault why = DV_FAULT_NONE;
	uint64_t value;

	switch (id) {
	case DV_BI_TIMESTAMP:
		if (!x->timestamp)
			x->timestamp = now(CLOCK_MONOTONIC);
		return x->timestamp;
	case DV_BI_WALLTIMESTAMP:
		if (!x->walltime)
			x->walltime = now(CLOCK_REALTIME);
		return x->walltime;
	case DV_BI_CPU:
		return x->cpu;
	case DV_BI_EPID:
		return x->epid;
	case DV_BI_ID:
		return x->in_error ? ERROR_PROBE : x->site->probe;
	case DV_BI_SEQ:
		return x->seq;
	case DV_BI_VM:
		return x->machine;
	case DV_BI_STACKDEPTH:
	case DV_BI_USTACKDEPTH:
	case DV_BI_UCALLER:
		return dv_fn_stackbi(x, (enum dv_builtin)id);
	case DV_BI_GUESTVCPU:
		value = serves(x);
		return (uint64_t)(int64_t)(value ? DV_SERVES_VCPU(value) : -1);
	default:
		break;
	}
	if (id >= DV_BI_INTEGERS) {
		dv_st_fault(&x->st, DV_FAULT_ILLOP, id);
		return 0;
	}
	value = x->place->ops->builtin(x->place, (enum dv_builtin)id, &why);
	return answer(x, value, why, 0);
}

// A string of our own, in scratch.
static uint64_t text(struct dv_exec *x, const char *s)
{
	size_t size = strlen(s) + 1;
	uint64_t off = dv_st_scratch(&x->st, size);
	uint8_t *p = off ? dv_st_ptr(&x->st, off, size) : NULL;

	if (!p) {
		dv_st_fault(&x->st, DV_FAULT_NOSCRATCH, 0);
		return 0;
	}
	memcpy(p, s, size);
	return off;
}

static uint64_t execname(struct dv_exec *x)
{
	uint32_t size = x->strsize < EXECNAME_MAX ? x->strsize : EXECNAME_MAX;
	uint64_t off;
	char *p;

	// Kept through the clause: scratch, where it lies, is the clause's.
	if (x->execname)
		return x->execname;
	off = dv_st_scratch(&x->st, size);
	p = off ? (char *)dv_st_ptr(&x->st, off, size) : NULL;
	if (!p) {
		dv_st_fault(&x->st, DV_FAULT_NOSCRATCH, 0);
		return 0;
	}
	p[0] = 0;
	if (!x->place->ops->execname(x->place, p, size)) {
		dv_st_fault(&x->st, DV_FAULT_BADADDR, 0);
		return 0;
	}
	p[size - 1] = 0;
	x->execname = (uint32_t)off;
	return off;
}

uint64_t dv_fn_bis(struct dv_exec *x, uint64_t id)
{
	uint64_t guest;

	switch (id) {
	case DV_BI_EXECNAME:
		return execname(x);
	case DV_BI_VMNAME:
		return DV_RD(x->hdr->machines[x->machine].name);
	case DV_BI_GUESTNAME:
		guest = serves(x);
		return guest ? DV_RD(x->hdr->machines[DV_SERVES_MACHINE(guest) % DV_MACH_MAX].name) : 0;
	case DV_BI_PROBEPROV:
		return x->in_error ? text(x, "dtrace") : x->site->prov;
	case DV_BI_PROBEMOD:
		return x->in_error ? 0 : x->site->mod;
	case DV_BI_PROBEFUNC:
		return x->in_error ? 0 : x->site->func;
	case DV_BI_PROBENAME:
		return x->in_error ? text(x, "ERROR") : x->site->name;
	default:
		dv_st_fault(&x->st, DV_FAULT_ILLOP, id);
		return 0;
	}
}

uint64_t dv_fn_arg(struct dv_exec *x, uint64_t n)
{
	enum dv_fault why = DV_FAULT_NONE;
	uint64_t value;

	if (x->in_error) {
		switch (n) {
		case 1:
			return x->err_epid;
		case 2:
			return x->err_action;
		case 3:
			return x->err_pc * sizeof(struct dv_insn);
		case 4:
			return x->err_fault;
		case 5:
			return x->err_value;
		default:
			return 0;
		}
	}
	if (n > UINT32_MAX) {
		dv_st_fault(&x->st, DV_FAULT_BADINDEX, n);
		return 0;
	}
	value = x->place->ops->arg(x->place, x->site, (uint32_t)n, &why);
	return answer(x, value, why, 0);
}

uint64_t dv_fn_reg(struct dv_exec *x, uint64_t reg)
{
	enum dv_fault why = DV_FAULT_NONE;
	uint64_t value;

	if (reg >= DV_REG_COUNT) {
		dv_st_fault(&x->st, DV_FAULT_BADINDEX, reg);
		return 0;
	}
	value = x->place->ops->reg(x->place, (enum dv_reg)reg, &why);
	return answer(x, value, why, reg);
}

uint64_t dv_fn_thread(struct dv_exec *x)
{
	if (!x->have_thread) {
		x->thread = x->place->ops->thread(x->place);
		x->have_thread = true;
	}
	return x->thread;
}

uint64_t dv_fn_progeny(struct dv_exec *x, uint64_t pid)
{
	enum dv_fault why = DV_FAULT_NONE;
	uint64_t yes;

	if (!x->place->ops->progeny) {
		dv_st_fault(&x->st, DV_FAULT_ILLOP, 0);
		return 0;
	}
	yes = x->place->ops->progeny(x->place, (int32_t)pid, &why);
	return answer(x, yes, why, 0);
}

void dv_fn_raise(struct dv_exec *x, uint64_t sig)
{
	if (!x->place->ops->raise || !x->place->ops->raise(x->place, (int32_t)sig))
		dv_st_fault(&x->st, DV_FAULT_ILLOP, sig);
}

// As DTrace bounds it: in each second a CPU may be held up for half of it.
void dv_fn_chill(struct dv_exec *x, uint64_t ns)
{
	uint64_t start = now(CLOCK_MONOTONIC);

	if (start - x->chill_since > CHILL_INTERVAL) {
		x->chill_since = start;
		x->chilled = 0;
	}
	if (ns > CHILL_MAX || x->chilled + ns > CHILL_MAX) {
		dv_st_fault(&x->st, DV_FAULT_ILLOP, ns);
		return;
	}
	x->chilled += ns;
	while (now(CLOCK_MONOTONIC) - start < ns && !DV_RD(x->hdr->halt))
		;
}

void dv_fn_fault(struct dv_exec *x, uint64_t fault, uint64_t value)
{
	if (fault == DV_FAULT_NONE || fault > DV_FAULT_BADTYPES)
		fault = DV_FAULT_ILLOP;
	dv_st_fault(&x->st, fault, value);
}
