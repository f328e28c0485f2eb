// SPDX-License-Identifier: GPL-2.0-or-later
//
// The backend: virtual machines of KVM's as machines. The host kernel's structures say where a guest's memory and registers are
// (vm.c); from there on a guest is known as any other, by its page tables (guest/).
//
// The program that runs the machine (VMM) is looked at only: it needs no option, no restart, and does not notice. When it
// ends its pidfd says so.
#include "machine/kvm/kvm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "abi/region.h"
#include "base/clock.h"
#include "base/system.h"
#include "machine/ebpf/ebpf.h"
#include "machine/ebpf/maps.h"
#include "machine/kvm/clean.h"
#include "machine/kvm/doctor.h"
#include "machine/kvm/priv.h"
#include "machine/kvm/trace.h"

#define OPEN_MS 1000u
#define SECOND  1000000000u

// @p foreign: another kernel runs there now.
static void forget_guest(struct dv_machine *m, bool foreign)
{
	struct dv_kvm_machine *k = m->priv;

	if (k) {
		dv_kvm_trace_destroy(k->trace, foreign);
		k->trace = NULL;
	}
	dv_machine_forget_guest(m);
}

static void gone(struct dv_machine *m, const char *why)
{
	struct dv_kvm_machine *k = m->priv;

	// The session goes on, and may do so for long: nothing of this machine stays in the host's kernel, nor a list of its traps.
	if (k->trace)
		dv_error_destroy(dv_kvm_trace_unload(k->trace, true));
	m->state = DV_MACHINE_GONE;
	m->poll_fd = -1;
	dv_machine_because(m, "%s", why);
}

static void take_vcpus(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;
	uint32_t n = (uint32_t)k->vm->vcpus.count;

	for (uint32_t i = 0; i < n; i++)
		k->tids[i] = k->vm->vcpus.data[i].tid;
	m->vcpus = n;
	if (m->vcpu_max < n)
		m->vcpu_max = n < DV_PROD_MAX ? n : DV_PROD_MAX;
	m->tids = k->tids;
	m->tid_count = n;
	m->tids_told++;
}

/* -- the guest's kernel ------------------------------------------------------------------------------------------- */

// Can the VMM's memory be read at all? Another user's cannot, without CAP_SYS_PTRACE.
static bool readable(const struct dv_kvm_vm *vm)
{
	uint64_t word;

	for (size_t i = 0; i < vm->slots.count; i++)
		if (dv_kvm_read_phys((void *)vm, vm->slots.data[i].gpa, &word, sizeof(word)))
			return true;
	return false;
}

// Look for the kernel from each virtual CPU in turn, those in kernel mode first: in user mode the page tables may lack most of it.
static void look(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;
	char dir[512];
	bool any = false;

	if (!k->waits_since)
		k->waits_since = dv_clock_ns();
	// One that has not come in a minute is likely to be of another kind.
	k->pause_ms = k->pause_ms < 700 ? k->pause_ms * 3 / 2 + 20 : dv_clock_ns() - k->waits_since < 60ull * SECOND ? 1000 : 10000;
	k->next_look = dv_clock_ns() + k->pause_ms * 1000000u;
	if (k->vm->refused) { // since it was opened
		dv_machine_because(m, "%s", k->vm->refused);
		return;
	}
	if (!k->vm->vcpus.count || !k->vm->slots.count) {
		dv_machine_because(m, "it has no %s yet", k->vm->slots.count ? "virtual CPUs" : "memory");
		return;
	}
	if (!readable(k->vm)) {
		dv_machine_because(m, "the memory of its process (pid %d) cannot be read: run dvirt as root, or with the capability "
			   "SYS_PTRACE", m->pid);
		return;
	}
	for (int user = 0; user < 2; user++) {
		for (size_t i = 0; i < k->vm->vcpus.count; i++) {
			struct dv_guest_regs r;
			struct dv_error *e;

			if (!dv_kvm_vcpu_regs(k->host, &k->vm->vcpus.data[i], &r) || (r.rip >> 63 == 0) != user)
				continue;
			e = dv_guest_open(&k->phys, &r, dv_guest_cache_dir(dir, sizeof(dir)), k->universe, &m->guest);
			if (!e && !dv_guest_is_up(m->guest)) {
				dv_machine_because(m, "its kernel is still starting");
				dv_guest_close(m->guest);
				m->guest = NULL;
				return;
			}
			if (!e) {
				k->regs = r;
				m->state = DV_MACHINE_READY;
				m->why[0] = '\0';
				m->caps = DV_CAP_MEMORY | (dv_guest_has_types(m->guest) ? DV_CAP_TYPES : 0);
				e = dv_kvm_trace_create(m, &k->trace);
				if (e)
					dv_machine_because(m, "it can be looked at only: %s", e->msg);
				else
					m->caps |= DV_CAP_FBT | DV_CAP_SYSCALL | DV_CAP_VM | DV_CAP_PROFILE |
						   (dv_kvm_trace_times(k->trace) ? DV_CAP_VTIME : 0) |
						   (k->host->isa == DV_KVM_VMX ? DV_CAP_VM_INTEL : 0);
				dv_error_destroy(e);
				k->pause_ms = k->waits_since = 0;
				k->elsewhere = 0;
				k->next_look = dv_clock_ns() + SECOND;
				return;
			}
			dv_machine_because(m, "kernel not recognised: %s", e->msg);
			dv_error_destroy(e);
			any = true;
			// A search costs some milliseconds, and they all are likely to say the same.
			if (i >= 3)
				return;
		}
	}
	if (!any)
		dv_machine_because(m, "no kernel runs in it yet");
}

// A CR3 that does not show the kernel that we know: does it show another? On AMD it is the processor's own, and says enough. On
// Intel it may be of a process that has ended long since, whose page tables are something else by now.
static bool another(struct dv_machine *m, const struct dv_guest_regs *r)
{
	struct dv_kvm_machine *k = m->priv;
	struct dv_guest *g;
	struct dv_error *e;

	if (k->host->isa == DV_KVM_SVM)
		return true;
	if (r->cr3 == k->odd_cr3)
		return false;
	e = dv_guest_open(&k->phys, r, NULL, k->universe, &g);
	if (!e)
		dv_guest_close(g);
	else
		k->odd_cr3 = r->cr3;
	dv_error_destroy(e);
	return !e;
}

// Is the kernel that we know still the one that runs? A moment's oddity is no answer: firmware, another CPU that starts.
static bool runs(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;
	bool any = false;

	if (!dv_guest_still(m->guest))
		return false;
	for (size_t i = 0; i < k->vm->vcpus.count; i++) {
		struct dv_guest_regs r;

		if (!dv_kvm_vcpu_regs(k->host, &k->vm->vcpus.data[i], &r))
			continue;
		if (dv_guest_runs(m->guest, &r)) {
			k->elsewhere = 0;
			return true;
		}
		any = any || another(m, &r);
	}
	k->elsewhere = any ? k->elsewhere + 1 : 0;
	return k->elsewhere < 2;
}

static void restarted(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;

	forget_guest(m, true);
	m->state = DV_MACHINE_WAITING;
	dv_machine_because(m, "it restarted");
	k->elsewhere = 0;
	k->pause_ms = 0;
	k->next_look = 0;
}

static bool ended(const struct dv_kvm_machine *k)
{
	struct pollfd p = {k->pidfd, POLLIN, 0};

	return k->pidfd >= 0 ? poll(&p, 1, 0) > 0 : dv_proc_start(k->found.pid) != k->found.start;
}

bool dv_kvm_refresh(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;
	bool slots = false, vcpus = false;
	struct dv_error *e;

	if (ended(k)) {
		gone(m, "its process has ended");
		return false;
	}
	e = dv_kvm_vm_refresh(k->host, k->vm, &slots, &vcpus);
	if (e && e->code == DV_ERR_GONE)
		gone(m, e->msg);
	dv_error_destroy(e); // what could not be read now, is read the next time
	if (vcpus)
		take_vcpus(m);
	if (slots || vcpus)
		dv_kvm_trace_told(k->trace);
	return m->state != DV_MACHINE_GONE;
}

static void kvm_poll(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;

	if (m->state == DV_MACHINE_GONE || m->state == DV_MACHINE_FOUND)
		return;
	if (ended(k)) {
		gone(m, "its process has ended");
		return;
	}
	dv_kvm_trace_limit(k->trace, dv_clock_ns());
	if (dv_clock_ns() < k->next_look || !dv_kvm_refresh(m))
		return;
	if (m->state == DV_MACHINE_WAITING) {
		look(m);
		return;
	}
	k->next_look = dv_clock_ns() + SECOND;
	if (!runs(m)) {
		restarted(m);
		return;
	}
	dv_kvm_trace_keep(k->trace);
	if (dv_guest_panicked(m->guest))
		snprintf(m->note, sizeof(m->note), "its kernel has panicked");
}

/* -- operations --------------------------------------------------------------------------------------------------- */

static struct dv_error *kvm_load(struct dv_machine *m, int region_fd, uint64_t region_size, const void *image, size_t size,
				 struct dv_machine *const *peers, size_t peer_count)
{
	struct dv_kvm_machine *k = m->priv;

	// Which threads run it is to be known now, not as of a second ago: they may be held.
	if (!k->trace || !dv_kvm_refresh(m))
		return dv_error_create(DV_ERR_GONE, "machine '%s': %s", m->name, m->why);
	return dv_error_wrap(dv_kvm_trace_load(k->trace, region_fd, region_size, image, size), "machine '%s'", m->name);
}

static struct dv_error *kvm_unload(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;

	return k->trace ? dv_kvm_trace_unload(k->trace, m->state == DV_MACHINE_GONE || !dv_kvm_refresh(m)) : NULL;
}

static const char *kvm_refuses(struct dv_machine *m, const struct dv_load_site *where)
{
	struct dv_kvm_machine *k = m->priv;

	return k->trace && where->kind != DV_SITE_TRACEPOINT && where->kind != DV_SITE_PROFILE ? dv_kvm_trace_refuses(k->trace, where) : NULL;
}

static uint64_t kvm_lost(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;

	return k->trace ? dv_kvm_trace_lost(k->trace) : 0;
}

static struct dv_error *kvm_region(struct dv_machine *m, uint64_t size, int *fd, uint64_t *mapped)
{
	return dv_bpf_region_create(size, fd, mapped);
}

static const struct dv_phys *kvm_phys(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;

	return k->vm ? &k->phys : NULL;
}

static void kvm_close(struct dv_machine *m)
{
	struct dv_kvm_machine *k = m->priv;

	m->retire = NULL;
	forget_guest(m, m->state == DV_MACHINE_GONE);
	if (!k)
		return;
	if (k->pidfd >= 0)
		close(k->pidfd);
	dv_kvm_vm_close(k->vm);
	dv_kvm_host_put(k->host);
	free(k);
	m->priv = NULL;
}

static const struct dv_machine_ops kvm_ops = {
	.poll = kvm_poll, .load = kvm_load, .unload = kvm_unload, .close = kvm_close, .phys = kvm_phys,
	.refuses = kvm_refuses, .lost = kvm_lost, .region = kvm_region,
};

static struct dv_error *kvm_open(struct dv_machine *m, uint32_t universe)
{
	struct dv_kvm_machine *k = m->priv;
	uint64_t end = dv_clock_ns() + OPEN_MS * 1000000ull;
	struct dv_error *e;

	k->universe = universe;
	// The descriptor first: it stands for the process that is looked at then, or for none.
	k->pidfd = (int)syscall(SYS_pidfd_open, k->found.pid, 0);
	if (dv_proc_start(k->found.pid) != k->found.start) {
		gone(m, "its process has ended");
		return dv_error_create(DV_ERR_GONE, "machine '%s': %s", m->name, m->why);
	}
	e = dv_kvm_host_get(&k->host);
	if (!e)
		e = dv_kvm_vm_open(k->host, k->found.pid, k->found.fd, &k->vm);
	if (!e && k->vm->refused)
		e = dv_error_create(DV_ERR_UNKNOWN, "%s", k->vm->refused);
	if (e)
		return e;
	k->phys = (struct dv_phys){dv_kvm_read_phys, k->vm};
	snprintf(m->detail, sizeof(m->detail), "KVM guest of %s (pid %d), %s", k->found.vmm, m->pid,
		 k->host->isa == DV_KVM_SVM ? "AMD" : "Intel");
	m->state = DV_MACHINE_WAITING;
	m->poll_fd = k->pidfd;
	take_vcpus(m);
	for (;;) {
		look(m);
		if (m->state != DV_MACHINE_WAITING || dv_clock_ns() >= end)
			return NULL;
		usleep(50000);
		if (!dv_kvm_refresh(m))
			return NULL;
	}
}

/* -- finding ------------------------------------------------------------------------------------------------------ */

struct scan {
	void (*fn)(void *ctx, struct dv_machine *m);
	void *ctx;
	char why[256];
};

static void found(void *ctx, const struct dv_kvm_found *f)
{
	struct scan *s = ctx;
	struct dv_machine *m = dv_xcalloc(1, sizeof(*m));
	struct dv_kvm_machine *k = dv_xcalloc(1, sizeof(*k));

	if (!*s->why)
		dv_ebpf_why_not(s->why, sizeof(s->why));
	k->found = *f;
	k->pidfd = -1;
	m->ops = &kvm_ops;
	m->backend = dv_backend_kvm.name;
	m->state = DV_MACHINE_FOUND;
	m->poll_fd = -1;
	m->priv = k;
	m->pid = f->pid;
	m->vcpus = m->vcpu_max = f->vcpus < DV_PROD_MAX ? f->vcpus : DV_PROD_MAX;
	snprintf(m->name, sizeof(m->name), "%s", f->name);
	snprintf(m->detail, sizeof(m->detail), "KVM guest of %s (pid %d)", f->vmm, f->pid);
	dv_machine_because(m, "%s", s->why);
	s->fn(s->ctx, m);
}

static bool unused(void)
{
	const char *use = getenv("DVIRT_KVM");

	return use && !strcmp(use, "no");
}

static struct dv_error *kvm_scan(void (*fn)(void *ctx, struct dv_machine *m), void *ctx)
{
	struct scan s = {.fn = fn, .ctx = ctx};

	if (!unused())
		dv_kvm_find(found, &s);
	return NULL;
}

static int kvm_watch(void)
{
	return unused() ? -1 : dv_kvm_watch();
}

const struct dv_backend dv_backend_kvm = {
	.name = "kvm", .scan = kvm_scan, .open = kvm_open, .watch = kvm_watch, .news = dv_kvm_news, .doctor = dv_kvm_doctor,
	.clean = dv_kvm_clean,
};
