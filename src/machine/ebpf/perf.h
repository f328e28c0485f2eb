/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_PERF_H
#define DV_MACHINE_EBPF_PERF_H
/**
 * A clock on every processor that runs a program of type PERF_EVENT each so many nanoseconds, in whatever runs there, the
 * idle loop included. The program's context is struct bpf_perf_event_data.
 */
#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"

#define DV_PERF_CLOCK_MIN_NS 10000u /**< the kernel's own least period */

struct dv_perf_clock {
	DV_VEC(int) links, events; /**< to be closed in this order */
};
/** On each processor that is on now; one that comes later has none. Periods below the least are made that. */
struct dv_error *dv_perf_clock_attach(int prog, uint64_t period_ns, uint64_t cookie, struct dv_perf_clock *ret) DV_MUST_USE;
/** The same for one thread, wherever it runs and only while it does; *event, *link: to be closed, the link first. *gone: there is
 *  no such thread any more, and no clock. */
struct dv_error *dv_perf_clock_thread(int prog, uint64_t period_ns, uint64_t cookie, int tid, int *event, int *link,
				      bool *gone) DV_MUST_USE;
void dv_perf_clock_deinit(struct dv_perf_clock *c); /**< closes */

#endif
