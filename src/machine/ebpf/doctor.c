// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/ebpf/doctor.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest/guest.h"
#include "machine/ebpf/ebpf.h"
#include "machine/ebpf/event.h"
#include "machine/ebpf/kfunc.h"
#include "machine/ebpf/uprobe.h"

static void is(const struct dv_doctor *d, bool there, const char *what, const char *else_text)
{
	dv_doctor_say(d, there ? DV_DOCTOR_YES : DV_DOCTOR_NO, what, "%s", there ? "" : else_text);
}

static void note(const struct dv_doctor *d, bool there, const char *what, const char *else_text)
{
	dv_doctor_say(d, there ? DV_DOCTOR_YES : DV_DOCTOR_NOTE, what, "%s", there ? "" : else_text);
}

static void count(void *ctx, const char *module, const char *name)
{
	++*(unsigned *)ctx;
}

static void functions(const struct dv_doctor *d, struct dv_guest *g)
{
	unsigned ways = dv_kfunc_ways(dv_guest_func_id(g, "bpf_fentry_test1"));

	is(d, ways, "probes at functions", "the kernel has none of the ways below: no fbt");
	note(d, ways & DV_KFUNC_FENTRY, "functions: by trampoline (fentry)", "not here: slower ways are used");
	note(d, ways & DV_KFUNC_MULTI, "functions: many at once (kprobe.multi)", "not here: many functions take long to probe");
	note(d, ways & DV_KFUNC_KPROBE, "functions: by events (kprobe)", "not here");
}

static void programs(const struct dv_doctor *d)
{
	unsigned ways = dv_uprobe_ways();

	is(d, ways & DV_UPROBE_COOKIE, "probes in user programs", "the kernel has no uprobes for BPF programs (CONFIG_UPROBES): no pid "
								  "provider, no USDT");
	note(d, ways & DV_UPROBE_MULTI, "user programs: many places at once", "not here: many places take long to probe");
	is(d, dv_event_cookies(), "timers on every CPU", "no profile provider");
	is(d, !access("/sys/kernel/tracing/events", X_OK) || !access("/sys/kernel/debug/tracing/events", X_OK), "tracefs",
	   "not mounted, or not for this user: no sdt, and the stable providers lack probes");
}

void dv_ebpf_doctor(const struct dv_doctor *d)
{
	struct utsname u = {0};
	struct dv_guest *g = NULL;
	unsigned tracepoints = 0;
	char subject[160], why[256];
	struct dv_error *e;

	uname(&u);
	snprintf(subject, sizeof(subject), "host: Linux %.64s", u.release);
	d->begin(d->ctx, subject);
	dv_ebpf_why_not(why, sizeof(why));
	is(d, !*why, "programs that read the kernel (BPF)", why);
	e = dv_ebpf_kernel_get(UINT32_MAX, &g);
	dv_doctor_say(d, e ? DV_DOCTOR_NO : DV_DOCTOR_YES, "symbols", "%s", e ? e->msg : "");
	dv_error_destroy(e);
	if (!g)
		return;
	is(d, dv_guest_has_types(g), "types (BTF)", dv_guest_has_types(g) ? "" : dv_guest_no_types(g));
	dv_guest_tracepoints(g, count, &tracepoints);
	dv_doctor_say(d, tracepoints ? DV_DOCTOR_YES : DV_DOCTOR_NO, "tracepoints", "%u", tracepoints);
	if (!*why) {
		functions(d, g);
		programs(d);
	}
	dv_ebpf_kernel_put(g);
}
