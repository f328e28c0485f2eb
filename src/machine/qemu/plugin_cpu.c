/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Getting onto a vCPU's thread, and switching.
 *
 * qemu_plugin_reset() is the only way to make QEMU translate again, and it does its work safely (all vCPUs stopped,
 * code dropped) only when it is called on a vCPU's thread: it looks whether the thread-local `current_cpu` is set.
 * Elsewhere it frees callbacks that vCPUs may be running. Debian's QEMU, as every one built with modules, exports its
 * symbols, so the control thread queues the call to a vCPU with async_run_on_cpu(), which also lets us look at the registers
 * of a vCPU that sleeps. What the reset queues to that vCPU comes next, and holds up all others.
 *
 * Where one thread runs all vCPUs (TCG with thread=single, or icount), its `current_cpu` is the vCPU that ran last, while it
 * does what is queued to another: QEMU then marks the one as holding up all others, looks for the mark at the other, and
 * aborts. So whatever is queued makes the two the same, and the reset's work, being next in the queue, finds them so.
 *
 * Where the symbols are hidden, the control thread leaves a note (g.door_switch) and the next callback on any vCPU (it
 * goes idle, wakes up, translates a block) makes the call. Those callbacks are registered only then. With both at once,
 * hidden symbols and one thread for several vCPUs, nothing can be done: such a machine is not traced.
 */
#include "machine/qemu/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const reg_name[DV_REG_COUNT] = {
	[DV_REG_RAX] = "rax", [DV_REG_RBX] = "rbx", [DV_REG_RCX] = "rcx", [DV_REG_RDX] = "rdx", [DV_REG_RSI] = "rsi",
	[DV_REG_RDI] = "rdi", [DV_REG_RBP] = "rbp", [DV_REG_RSP] = "rsp", [DV_REG_R8] = "r8", [DV_REG_R9] = "r9",
	[DV_REG_R10] = "r10", [DV_REG_R11] = "r11", [DV_REG_R12] = "r12", [DV_REG_R13] = "r13", [DV_REG_R14] = "r14",
	[DV_REG_R15] = "r15", [DV_REG_RIP] = "rip", [DV_REG_RFLAGS] = "eflags", [DV_REG_CS] = "cs", [DV_REG_SS] = "ss",
	[DV_REG_DS] = "ds", [DV_REG_ES] = "es", [DV_REG_FS] = "fs", [DV_REG_GS] = "gs", [DV_REG_FS_BASE] = "fs_base",
	[DV_REG_GS_BASE] = "gs_base", [DV_REG_KGS_BASE] = "k_gs_base", [DV_REG_CR0] = "cr0", [DV_REG_CR2] = "cr2",
	[DV_REG_CR3] = "cr3", [DV_REG_CR4] = "cr4", [DV_REG_EFER] = "efer",
};

static void **current_cpu(void)
{
	return dlsym(RTLD_DEFAULT, "current_cpu"); // of the calling thread
}

typedef void (*run_on_cpu)(void *cpu, void (*fn)(void *cpu, void *arg), void *arg);

static run_on_cpu async_run(void)
{
	return (run_on_cpu)dlsym(RTLD_DEFAULT, "async_run_on_cpu");
}

bool dv_cpu_hidden(void)
{
	static int hidden = -1;

	if (hidden < 0)
		hidden = getenv("DVIRT_QEMU_HIDDEN") /* for tests */ || !current_cpu() || !async_run();
	return hidden;
}

/* Where one thread runs all vCPUs, `current_cpu` may be another one while this one's work is done. */
static void *find_cpu(unsigned index)
{
	void *(*get)(int) = (void *(*)(int))dlsym(RTLD_DEFAULT, "qemu_get_cpu");

	return get ? get((int)index) : *current_cpu();
}

bool dv_cpu_shared(void)
{
	const struct dv_vcpu *first = NULL, *v;

	// Either each has a thread of its own, or one thread runs all.
	for (uint32_t i = 0; i < DV_VCPU_MAX; i++) {
		v = dv_vcpu_get(i);
		if (v && first && v->place.host_tid == first->place.host_tid)
			return true;
		if (!first)
			first = v;
	}
	return false;
}

bool dv_cpu_can_switch(void)
{
	return !dv_cpu_hidden() || !dv_cpu_shared();
}

static uint64_t place_reg(struct dv_xplace *p, enum dv_reg r)
{
	struct dv_vcpu *v = (struct dv_vcpu *)((char *)p - offsetof(struct dv_vcpu, place));

	return dv_cpu_reg(v, v->buf, r);
}

// The control thread has vCPUs to tell of.
static void tell(void)
{
	uint64_t one = 1;

	if (g.event_fd >= 0 && write(g.event_fd, &one, sizeof(one)) < 0)
		return; // nobody to tell
}

static const void *element(const GArray *a, unsigned i)
{
	return a->data + (size_t)i * g_array_get_element_size((GArray *)a);
}

/* How QEMU's own gdb server counts registers, and reads one: for looks at a vCPU outside of callbacks. */
struct gdb_reg {
	int number;
	const char *name, *feature;
};

static void number_registers(struct dv_vcpu *v)
{
	GArray *(*list)(void *) = (GArray * (*)(void *)) dlsym(RTLD_DEFAULT, "gdb_get_register_list");
	GArray *regs = list && v->cpu ? list(v->cpu) : NULL;

	for (int r = 0; r < DV_REG_COUNT; r++)
		v->number[r] = -1;
	for (unsigned i = 0; regs && i < regs->len && g_array_get_element_size(regs) >= sizeof(struct gdb_reg); i++) {
		const struct gdb_reg *d = element(regs, i);

		for (int r = 0; r < DV_REG_COUNT; r++)
			if (d->name && !strcmp(d->name, reg_name[r]))
				v->number[r] = d->number;
	}
	if (regs)
		g_array_free(regs, TRUE);
}

static void read_outside(struct dv_vcpu *v, GByteArray *buf, enum dv_reg r)
{
	int (*read)(void *, GByteArray *, int) =
	    (int (*)(void *, GByteArray *, int))dlsym(RTLD_DEFAULT, "gdb_read_register");
	void **cur = current_cpu();

	if (read && cur && v->cpu && *cur == v->cpu && v->number[r] >= 0)
		read(v->cpu, buf, v->number[r]);
}

void dv_cpu_init(unsigned index)
{
	struct dv_vcpu *v = dv_vcpu_get(index);
	void *cpu = dv_cpu_hidden() ? NULL : find_cpu(index);

	if (v || index >= DV_VCPU_MAX) {
		if (v) {
			v->cpu = cpu; // taken out and put back in
			v->place.host_tid = gettid();
			v->on_cpu_ns = v->ran_ns = 0; // another thread's clock
			tell();
		}
		return;
	}
	v = calloc(1, sizeof(*v));
	GArray *regs = qemu_plugin_get_registers();
	if (v)
		v->buf = g_byte_array_sized_new(64);
	if (!v || !regs || !v->buf) {
		free(v);
		return;
	}
	v->index = index;
	v->cpu = cpu;
	v->place.base.ops = &dv_xplace_ops;
	v->place.read_reg = place_reg;
	v->place.vtime = dv_vtime_now;
	v->place.phys = &g.phys;
	v->place.cpu = index;
	v->place.orc_cache = calloc(1, sizeof(*v->place.orc_cache)); // without one stacks are slower
	v->place.host_tid = gettid();
	for (unsigned i = 0; i < regs->len; i++) {
		const struct qemu_plugin_reg_desc *d = element(regs, i);
		for (int r = 0; r < DV_REG_COUNT; r++)
			if (d->name && strcmp(d->name, reg_name[r]) == 0)
				v->reg[r] = d->handle;
	}
	g_array_free(regs, TRUE);
	number_registers(v);
	__atomic_store_n(&g.vcpus[index], v, __ATOMIC_RELEASE);
	__atomic_add_fetch(&g.vcpu_count, 1, __ATOMIC_ACQ_REL);
	tell();
}

void dv_cpu_exit(unsigned index)
{
	struct dv_vcpu *v = dv_vcpu_get(index);

	pthread_mutex_lock(&g.lock);
	if (v)
		v->cpu = NULL;
	pthread_cond_broadcast(&g.cond); // what was queued to it may be lost
	pthread_mutex_unlock(&g.lock);
}

uint64_t dv_cpu_reg(struct dv_vcpu *v, GByteArray *buf, enum dv_reg r)
{
	uint64_t x = 0;

	if (!v->reg[r])
		return 0;
	g_byte_array_set_size(buf, 0);
	qemu_plugin_read_register(v->reg[r], buf);
	if (!buf->len)
		read_outside(v, buf, r);
	memcpy(&x, buf->data, buf->len > 8 ? 8 : buf->len);
	return x;
}

/* -- switching ------------------------------------------------------------------------------------------------- */

/* All vCPUs are stopped outside of our callbacks, and QEMU's translated code is gone. */
static void on_reset(void)
{
	pthread_mutex_lock(&g.lock);
	struct dv_snap *old = g.snap;
	if (!g.switched) { // else two vCPUs were asked, and one has done it
		g.snap = g.next;
		g.next = old;
	}
	pthread_mutex_unlock(&g.lock);
	if (dv_snap_vtime(g.snap) && !dv_snap_vtime(old))
		dv_vtime_begin();
	dv_tcg_forget();
	dv_plugin_register();
	pthread_mutex_lock(&g.lock);
	g.switched = true;
	pthread_cond_broadcast(&g.cond);
	pthread_mutex_unlock(&g.lock);
}

void dv_cpu_door(unsigned index)
{
	uint32_t one = 1;

	if (__atomic_compare_exchange_n(&g.door_switch, &one, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		qemu_plugin_reset(g.id, on_reset, NULL);
}

static void reset_here(void *cpu, void *arg)
{
	*current_cpu() = cpu;
	qemu_plugin_reset(g.id, on_reset, NULL);
}

/* Ask a vCPU's thread for the switch: the vCPU; NULL: whichever comes by. With the lock, so that one which is being taken
 * out has not been freed. */
static struct dv_vcpu *ask_for_switch(void)
{
	for (uint32_t i = 0; i < DV_VCPU_MAX; i++) {
		struct dv_vcpu *v = dv_vcpu_get(i);
		if (!v || !v->cpu)
			continue;
		async_run()(v->cpu, reset_here, NULL);
		return v;
	}
	__atomic_store_n(&g.door_switch, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

struct dv_snap *dv_cpu_switch(struct dv_snap *next)
{
	struct dv_vcpu *v;

	__atomic_store_n(&g.want_switch, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&g.lock);
	g.next = next;
	g.switched = false;
	v = ask_for_switch();
	while (!g.switched) {
		pthread_cond_wait(&g.cond, &g.lock);
		if (!g.switched && v && !v->cpu) // it was taken out before it came to that
			v = ask_for_switch();
	}
	struct dv_snap *old = g.next;
	g.next = NULL;
	pthread_mutex_unlock(&g.lock);
	__atomic_store_n(&g.want_switch, 0, __ATOMIC_SEQ_CST);
	return old;
}

/* -- looking --------------------------------------------------------------------------------------------------- */

/* Registers of this thread's vCPU, if they are a kernel's. @p rip 0: read it; it is exact outside of translated code.
 */
static bool sample(struct dv_vcpu *v, uint64_t rip, struct dv_ctl_regs *r)
{
	GByteArray *buf = g_byte_array_sized_new(64);

	if (!buf)
		return false;
	if (!rip)
		rip = dv_cpu_reg(v, buf, DV_REG_RIP);
	r->rip = rip;
	r->cr3 = dv_cpu_reg(v, buf, DV_REG_CR3);
	r->cr4 = dv_cpu_reg(v, buf, DV_REG_CR4);
	r->efer = dv_cpu_reg(v, buf, DV_REG_EFER);
	r->gs_base = dv_cpu_reg(v, buf, DV_REG_GS_BASE);
	if (!DV_KERNEL_VA(r->gs_base))
		r->gs_base = dv_cpu_reg(v, buf, DV_REG_KGS_BASE);
	bool paging = dv_cpu_reg(v, buf, DV_REG_CR0) >> 31 & 1;
	g_byte_array_free(buf, TRUE);
	r->found = DV_KERNEL_VA(rip) && DV_KERNEL_VA(r->gs_base) && paging && (r->efer & 1 << 10);
	return r->found;
}

/* Find guest RAM, and believe it when it holds what this vCPU sees. @p ask: QEMU may be asked. */
static void find_ram(struct dv_vcpu *v, const struct dv_ctl_regs *r, bool ask)
{
	GByteArray *buf = g_byte_array_sized_new(64);
	struct dv_ram *ram = calloc(1, sizeof(*ram)), *none = NULL;
	bool ok = false;

	if (ram && buf && !__atomic_load_n(&g.ram, __ATOMIC_ACQUIRE)) {
		uint64_t va[] = {r->rip, dv_cpu_reg(v, buf, DV_REG_RSP), r->gs_base};
		unsigned count = r->found ? 3 : 2;
		bool la57 = r->cr4 >> 12 & 1;
		if (ask && dv_ram_from_qemu(ram)) {
			ok = dv_ram_check(ram, r->cr3, la57, va, count);
			if (!ok)
				dv_ram_release();
		}
		for (unsigned i = 0; !ok && r->found && i < 64 && dv_ram_guess(i, ram); i++)
			ok = dv_ram_check(ram, r->cr3, la57, va, count);
	}
	if (buf)
		g_byte_array_free(buf, TRUE);
	if (!ok || !__atomic_compare_exchange_n(&g.ram, &none, ram, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		free(ram);
}

void dv_cpu_sample_here(uint64_t rip)
{
	struct dv_ctl_regs r;
	struct dv_vcpu *v = NULL;

	memset(&r, 0, sizeof(r));
	for (uint32_t i = 0; i < DV_VCPU_MAX && !v; i++)
		v = dv_vcpu_get(i); // any: handles are alike, and what is read is the vCPU of this thread
	if (!v || !sample(v, rip, &r))
		return;
	if (!__atomic_load_n(&g.ram, __ATOMIC_ACQUIRE))
		find_ram(v, &r, false);
	pthread_mutex_lock(&g.lock);
	if (!g.sample_found) {
		g.sample = r;
		g.sample_found = true;
		pthread_cond_broadcast(&g.cond);
	}
	pthread_mutex_unlock(&g.lock);
	__atomic_store_n(&g.want_sample, 0, __ATOMIC_RELEASE);
}

/* A look at one vCPU from its own thread; owned by it and the control thread, whoever is later frees. */
struct look {
	struct dv_vcpu *v;
	int refs;
	bool done, want_ram;
	struct dv_ctl_regs regs;
};

static void look_put(struct look *l) // with the lock
{
	if (--l->refs == 0)
		free(l);
}

static void look_work(void *cpu, void *arg)
{
	struct look *l = arg;
	void **cur = current_cpu(), *before = *cur;

	*cur = cpu; // see find_cpu()
	sample(l->v, 0, &l->regs);
	if (l->want_ram)
		find_ram(l->v, &l->regs, true);
	*cur = before;
	pthread_mutex_lock(&g.lock);
	l->done = true;
	pthread_cond_broadcast(&g.cond);
	look_put(l);
	pthread_mutex_unlock(&g.lock);
}

static void deadline_after(struct timespec *t, uint32_t ms)
{
	uint64_t ns = dv_now_ns() + (uint64_t)ms * 1000000u;

	t->tv_sec = (time_t)(ns / 1000000000u);
	t->tv_nsec = (long)(ns % 1000000000u);
}

/* Ask every vCPU where it is. */
static void look_at_all(uint32_t timeout_ms, struct dv_ctl_regs *ret)
{
	struct look *looks[DV_VCPU_MAX];
	uint32_t n = 0;
	run_on_cpu run = async_run();
	struct timespec end;

	for (uint32_t i = 0; i < DV_VCPU_MAX; i++) {
		struct dv_vcpu *v = dv_vcpu_get(i);
		if (!v || !v->cpu)
			continue;
		struct look *l = calloc(1, sizeof(*l));
		if (!l)
			break;
		l->v = v;
		l->refs = 2;
		l->want_ram = n == 0 && !g.ram;
		pthread_mutex_lock(&g.lock);
		if (v->cpu) { // not taken out this very moment
			looks[n++] = l;
			run(v->cpu, look_work, l);
			l = NULL;
		}
		pthread_mutex_unlock(&g.lock);
		free(l);
	}
	deadline_after(&end, timeout_ms);
	pthread_mutex_lock(&g.lock);
	for (uint32_t i = 0; i < n; i++) {
		while (!looks[i]->done)
			if (pthread_cond_timedwait(&g.cond, &g.lock, &end) == ETIMEDOUT)
				break;
		if (looks[i]->done && looks[i]->regs.found && !ret->found)
			*ret = looks[i]->regs;
	}
	for (uint32_t i = 0; i < n; i++)
		look_put(looks[i]);
	pthread_mutex_unlock(&g.lock);
}

/* Every vCPU was in user mode, or cannot be asked: let the next piece of kernel code that is translated tell. */
static void look_by_translation(uint32_t timeout_ms, struct dv_ctl_regs *ret)
{
	struct timespec end;

	pthread_mutex_lock(&g.lock);
	g.sample_found = false;
	pthread_mutex_unlock(&g.lock);
	__atomic_store_n(&g.want_sample, 1, __ATOMIC_SEQ_CST);
	dv_cpu_switch(g.snap);
	deadline_after(&end, timeout_ms);
	pthread_mutex_lock(&g.lock);
	while (!g.sample_found)
		if (pthread_cond_timedwait(&g.cond, &g.lock, &end) == ETIMEDOUT)
			break;
	if (g.sample_found)
		*ret = g.sample;
	pthread_mutex_unlock(&g.lock);
	__atomic_store_n(&g.want_sample, 0, __ATOMIC_SEQ_CST);
	if (!g.snap)
		dv_cpu_switch(NULL);
}

void dv_cpu_look(uint32_t timeout_ms, struct dv_ctl_regs *ret)
{
	const struct dv_ram *ram;
	uint32_t quick = timeout_ms < 50 ? timeout_ms : 50;

	memset(ret, 0, sizeof(*ret));
	if (!__atomic_load_n(&g.vcpu_count, __ATOMIC_ACQUIRE))
		return;
	if (!dv_cpu_hidden())
		look_at_all(quick, ret);
	if (!ret->found && timeout_ms > quick && dv_cpu_can_switch())
		look_by_translation(timeout_ms - quick, ret);
	ret->range_count = 0;
	ram = __atomic_load_n(&g.ram, __ATOMIC_ACQUIRE);
	if (ram) {
		ret->range_count = ram->count;
		memcpy(ret->ranges, ram->r, sizeof(ret->ranges));
	}
}
