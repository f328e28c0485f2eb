// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/kvm/doctor.h"

#include <stdio.h>
#include <string.h>

#include "machine/ebpf/ebpf.h"
#include "machine/kvm/find.h"
#include "machine/kvm/host.h"

struct offsets {
	const struct dv_doctor *d;
	unsigned found;
};

static void offset(void *ctx, const char *what, uint32_t off, bool needed)
{
	struct offsets *o = ctx;

	o->found += off != DV_KVM_NO_OFF;
	if (off != DV_KVM_NO_OFF && o->d->verbose)
		dv_doctor_say(o->d, DV_DOCTOR_YES, what, "%u", off);
	else if (off == DV_KVM_NO_OFF && (needed || o->d->verbose))
		dv_doctor_say(o->d, needed ? DV_DOCTOR_NO : DV_DOCTOR_NOTE, what, "not in this kernel");
}

// Which argument of a tracepoint is the virtual CPU; -1: none, or there is no such tracepoint.
static int vcpu_arg(struct dv_guest *g, const char *name)
{
	const struct dv_type *t = dv_guest_tracepoint_type(g, NULL, name);

	for (uint32_t i = 1; t && i < t->count; i++) {
		const struct dv_type *p = dv_type_resolve(t->members[i].type), *s = p->kind == DV_TYPE_PTR ? dv_type_resolve(p->ref) : p;

		if (p->kind == DV_TYPE_PTR && s->name && !strcmp(s->name, "kvm_vcpu"))
			return (int)i - 1;
	}
	return -1;
}

static void tracepoint(const struct dv_doctor *d, const char *name, int arg)
{
	char what[64];

	snprintf(what, sizeof(what), "tracepoint %s", name);
	if (arg >= 0)
		dv_doctor_say(d, DV_DOCTOR_YES, what, "the virtual CPU is its argument %d", arg);
	else
		dv_doctor_say(d, DV_DOCTOR_NO, what, "it is not there, or passes no virtual CPU");
}

static const char *const reg_names[DV_KVM_TRIAL_REGS] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
							 "r9",	"r10", "r11", "r12", "r13", "r14", "r15", "rip"};

static void registers(const struct dv_doctor *d, const struct dv_kvm_trial *t)
{
	char right[128] = "", wrong[128] = "";

	for (unsigned i = 0; i < DV_KVM_TRIAL_REGS; i++) {
		char *to = t->got[i] == t->want[i] ? right : wrong;

		snprintf(to + strlen(to), 128 - strlen(to), "%s%s", *to ? " " : "", reg_names[i]);
	}
	dv_doctor_say(d, *right ? DV_DOCTOR_YES : DV_DOCTOR_NO, "registers in memory at kvm_exit", "%s", *right ? right : "none");
	if (*wrong)
		dv_doctor_say(d, DV_DOCTOR_NOTE, "registers not in memory there", "%s (available: 0x%x)", wrong, t->avail);
}

static void is(const struct dv_doctor *d, bool there, const char *what)
{
	dv_doctor_say(d, there ? DV_DOCTOR_YES : DV_DOCTOR_NO, what, "%s", "");
}

static void trial(const struct dv_doctor *d, struct dv_kvm_host *h, int arg)
{
	struct dv_kvm_trial t;
	struct dv_error *e = dv_kvm_try(h, arg < 0 ? 0 : (unsigned)arg, &t);

	if (e) {
		dv_doctor_say(d, DV_DOCTOR_NO, "a virtual machine of dvirt's own", "%s", e->msg);
		dv_error_destroy(e);
		return;
	}
	dv_doctor_say(d, t.invd == 1 ? DV_DOCTOR_YES : DV_DOCTOR_NO, "INVD in a guest is an exit", "%s",
		      t.invd == 1 ? "" : "no exit with that reason was seen at kvm_exit");
	if (t.invd != 1)
		dv_doctor_say(d, DV_DOCTOR_NOTE, "other exits", "%llu, the last with reason %llu", (unsigned long long)t.others,
			      (unsigned long long)t.other_code);
	is(d, t.went_on, "the guest goes on behind it");
	if (t.invd) {
		registers(d, &t);
		is(d, t.memory, "guest memory can be read there");
	}
	is(d, t.found, "memory slots, virtual CPU and its thread were found");
	is(d, t.intercepts, "the interception of INVD is seen");
	if (t.cr3 == t.want_cr3)
		is(d, true, "CR3 of a virtual CPU is known");
	else
		dv_doctor_say(d, h->isa == DV_KVM_SVM ? DV_DOCTOR_NO : DV_DOCTOR_NOTE, "CR3 of a virtual CPU", "0x%llx is not the one of now (0x%llx)",
			      (unsigned long long)t.cr3, (unsigned long long)t.want_cr3);
}

static void count(void *ctx, const struct dv_kvm_found *f)
{
	++*(unsigned *)ctx;
}

void dv_kvm_doctor(const struct dv_doctor *d)
{
	struct dv_kvm_host *h = NULL;
	struct offsets o = {.d = d};
	unsigned machines = 0;
	char why[256] = "";
	struct dv_error *e;
	int arg;

	d->begin(d->ctx, "guests under KVM");
	if (access("/sys/module/kvm", F_OK)) {
		dv_doctor_say(d, d->trial ? DV_DOCTOR_NO : DV_DOCTOR_NOTE, "KVM", "its module is not loaded");
		return;
	}
	dv_ebpf_why_not(why, sizeof(why));
	if (*why) {
		dv_doctor_say(d, DV_DOCTOR_NO, "KVM", "%s", why);
		return;
	}
	e = dv_kvm_host_get(&h);
	if (e) {
		dv_doctor_say(d, DV_DOCTOR_NO, "KVM", "%s", e->msg);
		dv_error_destroy(e);
		return;
	}
	dv_doctor_say(d, DV_DOCTOR_YES, "KVM", "%s", h->isa == DV_KVM_SVM ? "AMD (kvm_amd)" : "Intel (kvm_intel)");
	dv_kvm_find(count, &machines);
	dv_doctor_say(d, DV_DOCTOR_NOTE, "virtual machines now", "%u", machines);
	arg = vcpu_arg(h->types, "kvm_exit");
	tracepoint(d, "kvm_exit", arg);
	tracepoint(d, "kvm_entry", vcpu_arg(h->types, "kvm_entry"));
	if (!d->trial)
		dv_doctor_say(d, DV_DOCTOR_NOTE, "registers in memory at kvm_exit", "%s",
			      h->isa == DV_KVM_SVM ? "all, as KVM for AMD is written; --kvm tries it"
						   : "all but rsp and rip, as KVM for Intel is written; --kvm tries it");
	dv_kvm_host_offsets(h, offset, &o);
	dv_doctor_say(d, DV_DOCTOR_YES, "offsets in the kernel's structures", "%u", o.found);
	if (d->trial)
		trial(d, h, arg);
	dv_kvm_host_put(h);
}
