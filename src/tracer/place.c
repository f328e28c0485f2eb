// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where BEGIN, END and tick clauses run: dvirt's own thread. It has no registers; the memory of the session's machines
// it reads directly: the host's kernel is "self" here.
#include "tracer/impl.h"

#include <sched.h>
#include <string.h>

static bool own_read(struct dv_place *p, uint32_t mach, uint64_t addr, void *dst, uint32_t size, enum dv_fault *why)
{
	struct dv_tracer *t = ((struct dv_own_place *)p)->t;
	const struct dv_tmachine *tm;
	const struct dv_phys *phys;
	const struct dv_guest_layout *l;

	if (mach == DV_MACH_SELF)
		mach = 0;
	tm = mach < t->machines.count ? t->machines.data[mach] : NULL;
	if (mach == DV_MACH_USER || (tm && !tm->index && !tm->m)) {
		*why = DV_FAULT_BADADDR;
		return false;
	}
	if (tm && tm->m && !tm->gone && tm->m->guest && tm->m->ops->read_va) {
		*why = DV_FAULT_BADADDR;
		return tm->m->ops->read_va(tm->m, addr, dst, size);
	}
	phys = tm && tm->m && !tm->gone && tm->m->guest && tm->m->ops->phys ? tm->m->ops->phys(tm->m) : NULL;
	if (!phys) {
		*why = DV_FAULT_BADMACH;
		return false;
	}
	l = dv_guest_layout(tm->m->guest);
	return dv_guest_read_va(phys, l, l->kernel_cr3, addr, dst, size);
}

// This thread in the host's kernel; 0: not known.
static uint64_t curthread(struct dv_own_place *p)
{
	struct dv_machine *m = p->t->machines.data[0]->m;

	return m && m->ops->current ? m->ops->current(m) : 0;
}

static uint64_t own_builtin(struct dv_place *p, enum dv_builtin id, enum dv_fault *why)
{
	switch (id) {
	case DV_BI_PID:
	case DV_BI_TID:
		return (uint64_t)getpid();
	case DV_BI_PPID:
		return (uint64_t)getppid();
	case DV_BI_HOSTTID:
		return (uint64_t)gettid();
	case DV_BI_HOSTCPU:
		return (uint64_t)sched_getcpu();
	case DV_BI_CURTHREAD:
		return curthread((struct dv_own_place *)p);
	case DV_BI_UID:
		return getuid();
	case DV_BI_GID:
		return getgid();
	case DV_BI_VTIMESTAMP: // all of its time is the tracing's own
	default:
		return 0;
	}
}

static bool own_execname(struct dv_place *p, char *dst, uint32_t size)
{
	strncpy(dst, "dvirt", size);
	dst[size - 1] = '\0';
	return true;
}

static uint64_t own_arg(struct dv_place *p, const struct dv_load_site *site, uint32_t n, enum dv_fault *why)
{
	return 0;
}

static uint64_t own_reg(struct dv_place *p, enum dv_reg r, enum dv_fault *why)
{
	*why = DV_FAULT_ILLOP;
	return 0;
}

static uint64_t own_thread(struct dv_place *p)
{
	return (uint64_t)getpid();
}

// Parents of a process as /proc has them; 0: there is none, or no more.
static int64_t parent_of(int64_t pid)
{
	char path[32], text[512], *end;
	long long parent = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	// "pid (name) state parent": the name may have anything in it, also brackets.
	if (fgets(text, sizeof(text), f) && (end = strrchr(text, ')')))
		sscanf(end + 1, " %*c %lld", &parent);
	fclose(f);
	return parent;
}

static bool own_progeny(struct dv_place *p, int64_t pid, enum dv_fault *why)
{
	int64_t at = getpid();

	for (uint32_t i = 0; i < DV_PARENTS_MAX && at > 0 && at != pid; i++)
		at = parent_of(at);
	return at == pid;
}

static const struct dv_place_ops ops = {
    .read = own_read,
    .builtin = own_builtin,
    .execname = own_execname,
    .arg = own_arg,
    .reg = own_reg,
    .thread = own_thread,
    .progeny = own_progeny,
};

void dv_own_place_init(struct dv_own_place *p, struct dv_tracer *t)
{
	p->base.ops = &ops;
	p->t = t;
}
