// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/ebpf/event.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/system.h"

static bool read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

long dv_event_pmu(const char *pmu, const char *file)
{
	char path[256], text[64], *p;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/%s", pmu, file);
	if (!read_text(path, text, sizeof(text)))
		return -1;
	p = strchr(text, ':');
	return strtol(p ? p + 1 : text, NULL, 10);
}

bool dv_event_cookies(void)
{
	static int have = -1;

	if (have < 0) {
		LIBBPF_OPTS(bpf_prog_load_opts, lo);
		LIBBPF_OPTS(bpf_link_create_opts, o, .perf_event.bpf_cookie = 1);
		static const struct bpf_insn insns[] = {
		    {.code = BPF_ALU64 | BPF_MOV | BPF_K},
		    {.code = BPF_JMP | BPF_EXIT},
		};
		struct perf_event_attr attr = {
		    .size = sizeof(attr), .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK, .disabled = 1};
		int prog = bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, "dvirt_try", "GPL", insns, 2, &lo);
		int event = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
		int link = prog >= 0 && event >= 0 ? bpf_link_create(prog, event, BPF_PERF_EVENT, &o) : -1;

		have = link >= 0;
		if (link >= 0)
			close(link);
		if (event >= 0)
			close(event);
		if (prog >= 0)
			close(prog);
	}
	return have;
}

int dv_event_program(int event, int prog, uint64_t cookie, int *link)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .perf_event.bpf_cookie = cookie);
	int l = bpf_link_create(prog, event, BPF_PERF_EVENT, &o);

	if (l >= 0) {
		*link = l;
		return 0;
	}
	// Before 5.15 there are no links for events: then the program goes with the event, and has no cookie.
	if (errno != EINVAL || dv_event_cookies())
		return errno;
	if (ioctl(event, PERF_EVENT_IOC_SET_BPF, prog) < 0)
		return errno;
	*link = -1;
	return 0;
}

static long tracepoint_id(const char *name)
{
	DV_FREE char *file = dv_xasprintf("events/%s/id", name);
	DV_FD int fd = dv_tracefs_open(file);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return -1;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

int dv_event_tracepoint(const char *name, int *event, int *prog, int *link)
{
	static const struct bpf_insn nothing[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	struct perf_event_attr attr = {.size = sizeof(attr), .type = PERF_TYPE_TRACEPOINT, .sample_period = 1};
	long id = tracepoint_id(name);
	uint32_t cpu = 0;
	int err;

	*event = *prog = *link = -1;
	if (id < 0)
		return ENOENT;
	attr.config = (uint64_t)id;
	*prog = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "dvirt_event", "GPL", nothing, DV_COUNT(nothing), NULL);
	if (*prog < 0)
		return errno;
	// It is made on all processors while there is a program, but has to be some one's.
	(void)dv_event_cpus(&cpu, 1);
	*event = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	err = *event < 0 ? errno : dv_event_program(*event, *prog, 0, link);
	if (!err && ioctl(*event, PERF_EVENT_IOC_ENABLE, 0) < 0)
		err = errno;
	return err;
}

// "0-3,5\n". How many; *last: the highest.
static uint32_t read_cpus(const char *path, uint32_t *cpus, uint32_t room, uint32_t *last)
{
	char text[4096], *p = text;
	uint32_t count = 0;

	*last = 0;
	if (!read_text(path, text, sizeof(text)))
		strcpy(text, "0");
	while (*p >= '0' && *p <= '9') {
		unsigned long from = strtoul(p, &p, 10), to = from;

		if (*p == '-')
			to = strtoul(p + 1, &p, 10);
		for (; from <= to && to < 65536; from++, count++) {
			*last = (uint32_t)from;
			if (count < room)
				cpus[count] = (uint32_t)from;
		}
		p += *p == ',';
	}
	return count;
}

uint32_t dv_event_cpus(uint32_t *cpus, uint32_t room)
{
	uint32_t last;

	return read_cpus("/sys/devices/system/cpu/online", cpus, room, &last);
}

uint32_t dv_event_cpu_limit(void)
{
	uint32_t last;

	read_cpus("/sys/devices/system/cpu/present", NULL, 0, &last);
	return last + 1;
}
