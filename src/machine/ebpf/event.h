/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_EBPF_EVENT_H
#define DV_MACHINE_EBPF_EVENT_H
/**
 * Programs on perf events, for uprobes and clocks. Descriptors are the caller's; closing detaches.
 */
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/** A number in a file of a PMU in sysfs, "type" or "format/retprobe" ("config:0" has it behind the colon); -1: there is
 * none. */
long dv_event_pmu(const char *pmu, const char *file);
/** Do programs on events have cookies here (5.15)? */
bool dv_event_cookies(void);
/** Give an event a program. *link: closed before the event; -1 where the kernel has no links for events, and no cookies. 0,
 * else errno. */
int dv_event_program(int event, int prog, uint64_t cookie, int *link);
/**
 * Have the event of a tracepoint ("kvm/kvm_exit") made each time, for a program that does nothing. What the kernel gathers for the
 * event is then gathered before programs run that are attached to the tracepoint itself later than this. *event, *prog,
 * *link (or -1): to be closed, the link first. 0, else errno.
 */
int dv_event_tracepoint(const char *name, int *event, int *prog, int *link);
/** The processors that are on, as long as there is room; how many there are. */
uint32_t dv_event_cpus(uint32_t *cpus, uint32_t room);
/** All processors that the machine has, on or off, have numbers below. */
uint32_t dv_event_cpu_limit(void);

#endif
