// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/ebpf/kfunc.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine/ebpf/event.h"
#include "machine/ebpf/link.h"

#define KPROBE_MULTI_RETURN 1u /* BPF_F_KPROBE_MULTI_RETURN */

// The smallest program of a kind. -1: the kernel does not take it.
static int tiny(enum bpf_prog_type type, int attach_type, uint32_t btf_id)
{
	struct dv_bpf_map_symbol maps[1] = {{.fd = -1}};
	struct dv_bpf_load how = {.type = type, .attach_type = attach_type, .attach_btf_id = btf_id, .name = "dvirt_try"};
	struct dv_bpf_code c = {.name = "dvirt_try", .args = 1};
	int fd = -1;

	dv_bpf_const(&c, 0, 0);
	dv_bpf_emit(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	dv_error_destroy(dv_bpf_load_alone(&c, maps, &how, &fd));
	return fd;
}

static bool have_fentry(uint32_t id)
{
	int prog = id ? tiny(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id) : -1, link;

	if (prog < 0)
		return false;
	link = bpf_raw_tracepoint_open(NULL, prog);
	if (link >= 0)
		close(link);
	close(prog);
	return link >= 0;
}

static bool have_multi(void)
{
	static const char *const name[] = {"bpf_fentry_test1"};
	int prog = tiny(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, 0), link;
	LIBBPF_OPTS(bpf_link_create_opts, o, .kprobe_multi.syms = (const char **)name, .kprobe_multi.cnt = 1);

	if (prog < 0)
		return false;
	link = bpf_link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &o);
	if (link >= 0)
		close(link);
	close(prog);
	return link >= 0;
}

unsigned dv_kfunc_ways(uint32_t test_id)
{
	unsigned ways = 0;

	if (have_fentry(test_id))
		ways |= DV_KFUNC_FENTRY;
	if (have_multi())
		ways |= DV_KFUNC_MULTI;
	if (dv_event_pmu("kprobe", "type") >= 0 && dv_event_cookies()) // the cookie says which function it is
		ways |= DV_KFUNC_KPROBE;
	return ways;
}

struct dv_error *dv_kfunc_attach_multi(int prog, bool is_return, const unsigned long *addrs, const uint64_t *cookies,
				       uint32_t count, int *link)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .kprobe_multi.addrs = addrs,
		    .kprobe_multi.cookies = (const __u64 *)cookies, .kprobe_multi.cnt = count,
		    .kprobe_multi.flags = is_return ? KPROBE_MULTI_RETURN : 0);
	int fd = bpf_link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &o);

	if (fd < 0)
		return dv_error_sys(errno, "cannot attach to %u functions of the kernel", count);
	*link = fd;
	return NULL;
}

struct dv_error *dv_kfunc_attach_kprobe(int prog, bool is_return, uint64_t addr, const char *name, uint64_t cookie,
					int *event, int *link)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	long type = dv_event_pmu("kprobe", "type"), bit = dv_event_pmu("kprobe", "format/retprobe");
	uint32_t cpu = 0;
	int fd, err;

	if (type < 0)
		return dv_error_create(DV_ERR_NOT_FOUND, "the kernel has no kprobes (CONFIG_KPROBES)");
	attr.type = (uint32_t)type;
	attr.config = is_return ? 1ull << (bit > 0 ? bit : 0) : 0;
	attr.config1 = 0; // no name: by address
	attr.config2 = addr;
	(void)dv_event_cpus(&cpu, 1); // any that is on: the event is for all
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return dv_error_sys(errno, "cannot put a kprobe on '%s' (0x%llx)", name, (unsigned long long)addr);
	err = dv_event_program(fd, prog, cookie, link);
	if (err) {
		close(fd);
		return dv_error_sys(err, "cannot attach to the kprobe on '%s'", name);
	}
	*event = fd;
	return NULL;
}

struct dv_error *dv_kfunc_attach_fentry(int prog, const char *name, int *link)
{
	int fd = bpf_raw_tracepoint_open(NULL, prog);

	if (fd < 0)
		return dv_error_sys(errno, "cannot attach to the kernel's function '%s'", name);
	*link = fd;
	return NULL;
}
