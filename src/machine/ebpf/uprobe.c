// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's headers and libbpf that we build with may be older than the kernel that we run on, so what links for many
 * uprobes need is declared here (include/uapi/linux/bpf.h, 6.6).
 *
 * Early kernels with such links mistook a process for its first thread (fixed in 6.10 and in later 6.6): probes in other
 * threads were silent. The fixed ones refuse the process -1 with EINVAL; without that, multi is not offered.
 */
#include "machine/ebpf/uprobe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine/ebpf/event.h"

#define MULTI_RETURN 1u /* BPF_F_UPROBE_MULTI_RETURN */
#define ENOTSUPP_    524 /* the kernel's own: an instruction that it cannot handle */
#define MULTI_MAX    65536u

struct multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

static int multi_link(int prog, const struct dv_uprobe_file *f, const uint64_t *offsets, const uint64_t *sems,
		      const uint64_t *cookies, uint32_t count, uint32_t pid)
{
	struct multi_attr a = {
	    .prog_fd = (uint32_t)prog,
	    .attach_type = DV_UPROBE_MULTI_TYPE,
	    .path = (uint64_t)(uintptr_t)f->path,
	    .offsets = (uint64_t)(uintptr_t)offsets,
	    .ref_ctr_offsets = (uint64_t)(uintptr_t)sems,
	    .cookies = (uint64_t)(uintptr_t)cookies,
	    .cnt = count,
	    .multi_flags = f->is_return ? MULTI_RETURN : 0,
	    .pid = pid,
	};

	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &a, sizeof(a));
}

static bool have_multi(void)
{
	static const struct bpf_insn insns[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = (enum bpf_attach_type)DV_UPROBE_MULTI_TYPE);
	int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "dvirt_try", "GPL", insns, 2, &o), link;
	const struct dv_uprobe_file root = {.path = "/"};
	uint64_t offset = 0;
	bool have;

	if (prog < 0)
		return false;
	// A folder is no file to probe.
	link = multi_link(prog, &root, &offset, NULL, NULL, 1, 0);
	have = link < 0 && errno == EBADF;
	if (link >= 0)
		close(link);
	link = multi_link(prog, &root, &offset, NULL, NULL, 1, (uint32_t)-1);
	have = have && link < 0 && errno == EINVAL;
	if (link >= 0)
		close(link);
	close(prog);
	return have;
}

unsigned dv_uprobe_ways(void)
{
	unsigned ways = 0;

	if (dv_event_pmu("uprobe", "type") >= 0)
		ways |= DV_UPROBE_EVENT | (dv_event_cookies() ? DV_UPROBE_COOKIE : 0);
	if (have_multi())
		ways |= DV_UPROBE_MULTI;
	return ways;
}

static struct dv_error *failed(int err, const struct dv_uprobe_file *f, const char *name)
{
	const char *what = f->is_return ? "the return of " : "";

	switch (err) {
	case ENOTSUPP_:
	case EOPNOTSUPP:
	case ENOEXEC:
		return dv_error_create(DV_ERR_UNKNOWN,
				       "cannot probe %s'%s' in '%s': the kernel cannot handle the instruction there", what,
				       name, f->path);
	case ESRCH:
		return dv_error_create(DV_ERR_GONE, "cannot probe %s'%s' in '%s': process %d has ended", what, name,
				       f->path, f->pid);
	case EPERM:
	case EACCES:
		return dv_error_hint(dv_error_create(DV_ERR_DENIED, "no permission to probe %s'%s' in '%s'", what, name,
						     f->path),
				     "run dvirt as root, or with the capabilities BPF and PERFMON");
	default:
		return dv_error_sys(err, "cannot probe %s'%s' in '%s'", what, name, f->path);
	}
}

struct dv_error *dv_uprobe_attach(int prog, const struct dv_uprobe_file *f, const struct dv_uprobe_site *site, int *event,
				  int *link)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	long type = dv_event_pmu("uprobe", "type"), ret_bit = dv_event_pmu("uprobe", "format/retprobe");
	long sem_bit = dv_event_pmu("uprobe", "format/ref_ctr_offset");
	uint32_t cpu = 0;
	int fd, err;

	if (type < 0)
		return dv_error_create(DV_ERR_NOT_FOUND, "the kernel has no uprobes (CONFIG_UPROBE_EVENTS)");
	if (f->is_return && ret_bit < 0)
		return dv_error_create(DV_ERR_NOT_FOUND, "the kernel has no uprobes on returns");
	if (site->semaphore && (sem_bit < 0 || sem_bit > 63 || site->semaphore >> (64 - sem_bit)))
		return dv_error_create(DV_ERR_NOT_FOUND, "the kernel cannot raise the semaphore of '%s' in '%s' at 0x%llx",
				       site->name, f->path, (unsigned long long)site->semaphore);
	attr.type = (uint32_t)type;
	attr.config = f->is_return ? 1ull << ret_bit : 0;
	if (site->semaphore)
		attr.config |= site->semaphore << sem_bit;
	attr.config1 = (uint64_t)(uintptr_t)f->path;
	attr.config2 = site->offset;
	// An event for all processes needs a processor to be on; programs run wherever the breakpoint is met.
	(void)dv_event_cpus(&cpu, 1);
	fd = (int)syscall(SYS_perf_event_open, &attr, f->pid < 0 ? -1 : f->pid, f->pid < 0 ? (int)cpu : -1, -1,
			  PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return failed(errno, f, site->name);
	err = dv_event_program(fd, prog, site->cookie, link);
	if (err) {
		close(fd);
		return failed(err, f, site->name);
	}
	*event = fd;
	return NULL;
}

struct multi {
	int prog;
	const struct dv_uprobe_file *f;
	const struct dv_uprobe_site *sites;
	uint64_t *offsets, *sems, *cookies;
	struct dv_uprobe_links *ret;
};

// Sites [from, to): all at once, or, when the kernel does not like one of them, in halves.
static struct dv_error *attach_range(struct multi *m, uint32_t from, uint32_t to)
{
	uint32_t pid = m->f->pid < 0 ? 0 : (uint32_t)m->f->pid, mid = from + (to - from) / 2;
	struct dv_error *e;
	bool sems = false;
	int link = -1, err = E2BIG;

	for (uint32_t i = from; i < to; i++)
		sems |= m->sems[i] != 0;
	if (to - from <= MULTI_MAX) {
		link = multi_link(m->prog, m->f, m->offsets + from, sems ? m->sems + from : NULL, m->cookies + from,
				  to - from, pid);
		err = errno;
	}
	if (link >= 0) {
		*DV_PUSH(&m->ret->links) = link;
		return NULL;
	}
	if (err != ENOTSUPP_ && err != EOPNOTSUPP && err != ENOEXEC && err != EINVAL && err != EIO && err != E2BIG)
		return failed(err, m->f, m->sites[from].name);
	if (to - from == 1) {
		*DV_PUSH(&m->ret->refused) = from;
		m->ret->refused_errno = err;
		return NULL;
	}
	e = attach_range(m, from, mid);
	return e ? e : attach_range(m, mid, to);
}

struct dv_error *dv_uprobe_attach_multi(int prog, const struct dv_uprobe_file *f, const struct dv_uprobe_site *sites,
					uint32_t count, struct dv_uprobe_links *ret)
{
	DV_FREE uint64_t *words = dv_xcalloc(count, 3 * sizeof(*words));
	struct dv_uprobe_links links = {0};
	struct multi m = {prog, f, sites, words, words + count, words + 2 * (size_t)count, &links};
	struct dv_error *e;

	if (!count) {
		*ret = links;
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		m.offsets[i] = sites[i].offset;
		m.sems[i] = sites[i].semaphore;
		m.cookies[i] = sites[i].cookie;
	}
	e = attach_range(&m, 0, count);
	if (e)
		dv_uprobe_links_deinit(&links);
	else
		*ret = links;
	return e;
}

void dv_uprobe_links_deinit(struct dv_uprobe_links *l)
{
	for (size_t i = 0; i < l->links.count; i++)
		close(l->links.data[i]);
	DV_VEC_FREE(&l->links);
	DV_VEC_FREE(&l->refused);
}
