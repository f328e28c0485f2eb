// SPDX-License-Identifier: GPL-2.0-or-later
//
// The backend: whether the kernel can be traced by this user, and if not, why.
#include "machine/ebpf/ebpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/doctor.h"
#include "machine/ebpf/event.h"
#include "machine/ebpf/kfunc.h"
#include "machine/ebpf/maps.h"
#include "machine/ebpf/reader.h"
#include "machine/ebpf/session.h"
#include "machine/ebpf/uprobe.h"

extern const uint8_t dv_host_bpf[], dv_host_bpf_end[]; // the run-time functions, embed.S

struct host {
	struct dv_bpf_object *object;
	struct dv_bpf_reader *reader;
	struct dv_bpf_loaded *loaded;
	void *image; // of `loaded`
	size_t image_size;
	unsigned ways, user_ways; // to trace functions, user programs
	uint64_t misses, told;    // of loads before the current one; of all, that were told
};

// Reading it takes most of the time that a session needs to begin.
static struct {
	struct dv_guest *guest;
	unsigned users;
} kernel;

struct dv_error *dv_ebpf_kernel_get(uint32_t universe, struct dv_guest **ret)
{
	struct dv_error *e = kernel.users ? NULL : dv_guest_open_local(NULL, universe, &kernel.guest);

	if (e)
		return e;
	kernel.users++;
	*ret = kernel.guest;
	return NULL;
}

void dv_ebpf_kernel_put(struct dv_guest *g)
{
	if (g && !--kernel.users)
		dv_guest_close(g);
}

static void host_poll(struct dv_machine *m)
{
}

static void drop_load(struct host *h)
{
	if (h->loaded)
		h->misses += dv_bpf_misses(h->loaded);
	dv_bpf_detach(h->loaded);
	h->loaded = NULL;
}

static void say_refused(struct dv_machine *m, const struct dv_bpf_loaded *l)
{
	const char *why = "";
	uint32_t n = dv_bpf_refused(l, &why);

	if (n)
		snprintf(m->note, sizeof(m->note), "%u place%s left out: %.150s", n, n == 1 ? " is" : "s are", why);
}

static struct dv_error *host_load(struct dv_machine *m, int region_fd, uint64_t region_size, const void *image,
				  size_t size, struct dv_machine *const *peers, size_t peer_count)
{
	struct host *h = m->priv;
	struct dv_bpf_loaded *l;
	struct dv_error *e;

	// Other machines came or went, which makes no difference here.
	if (h->loaded && size == h->image_size && !memcmp(image, h->image, size))
		return NULL;
	drop_load(h);
	e = dv_bpf_load_image(h->object, &(struct dv_bpf_kernel){m->guest, h->ways, h->user_ways}, region_fd, region_size, image, size, getenv("DVIRT_BPF_LOG") != NULL,
			      &l);
	if (e)
		return e;
	e = dv_bpf_attach(l);
	if (e) {
		dv_bpf_detach(l);
		return e;
	}
	h->loaded = l;
	say_refused(m, l);
	free(h->image);
	h->image = dv_xcalloc(1, size);
	memcpy(h->image, image, size);
	h->image_size = size;
	return NULL;
}

static struct dv_error *host_unload(struct dv_machine *m)
{
	struct host *h = m->priv;

	drop_load(h);
	return NULL;
}

static uint64_t host_lost(struct dv_machine *m)
{
	struct host *h = m->priv;
	uint64_t all = h->misses + (h->loaded ? dv_bpf_misses(h->loaded) : 0), fresh = all - h->told;

	h->told = all;
	return fresh;
}

static void host_close(struct dv_machine *m)
{
	struct host *h = m->priv;

	if (!h)
		return;
	dv_bpf_detach(h->loaded);
	dv_bpf_reader_destroy(h->reader);
	dv_bpf_object_close(h->object);
	dv_ebpf_kernel_put(m->guest);
	free(h->image);
	free(h);
}

static bool host_read(struct dv_machine *m, uint64_t va, void *dst, size_t size)
{
	struct host *h = m->priv;

	return h->reader && dv_bpf_read(h->reader, va, dst, size);
}

static uint64_t host_current(struct dv_machine *m)
{
	struct host *h = m->priv;

	return h->reader ? dv_bpf_current(h->reader) : 0;
}

static struct dv_error *host_region(struct dv_machine *m, uint64_t size, int *fd, uint64_t *mapped)
{
	return dv_bpf_region_create(size, fd, mapped);
}

static const char *host_why_not(struct dv_machine *m, enum dv_machine_cap cap)
{
	if (cap == DV_CAP_FBT && m->guest)
		return dv_guest_symbol(m->guest, "vmlinux", "register_kprobe")
			   ? "functions cannot be probed: the kernel lets no BPF program onto them"
			   : "functions cannot be probed: the kernel is built without CONFIG_KPROBES and refuses BPF "
			     "trampolines";
	if (cap == DV_CAP_UPROBE)
		return "programs cannot be probed: the kernel has no uprobes for BPF programs (CONFIG_UPROBES, Linux 5.15)";
	return NULL;
}

static const struct dv_machine_ops ops = {
    .poll = host_poll,
    .load = host_load,
    .unload = host_unload,
    .close = host_close,
    .read_va = host_read,
    .why_not = host_why_not,
    .current = host_current,
    .lost = host_lost,
    .region = host_region,
};

static bool locked_down(void)
{
	char text[128] = "";
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return strstr(text, "[confidentiality]") != NULL;
}

void dv_ebpf_why_not(char *buf, size_t size)
{
	struct dv_error *e;
	int fd = -1;

	*buf = '\0';
	if (locked_down()) {
		snprintf(buf, size, "the kernel is locked down (confidentiality), which forbids programs that read its "
				    "memory");
		return;
	}
	if (access("/sys/kernel/btf/vmlinux", F_OK)) {
		snprintf(buf, size, "the kernel has no type information (CONFIG_DEBUG_INFO_BTF)");
		return;
	}
	e = dv_bpf_memory_create("dvirt_try", 8, &fd);
	if (e)
		snprintf(buf, size, "%s: run dvirt as root, or with the capabilities BPF and PERFMON", e->msg);
	dv_error_destroy(e);
	if (fd >= 0)
		close(fd);
	if (!*buf && !libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_loop, NULL))
		snprintf(buf, size, "the kernel is too old: its BPF programs have no bpf_loop(), which is there from Linux "
				    "5.17 on");
}

static struct dv_error *scan(void (*fn)(void *ctx, struct dv_machine *m), void *ctx)
{
	const char *use = getenv("DVIRT_HOST");
	struct dv_machine *m;
	struct utsname u = {0};

	m = dv_xcalloc(1, sizeof(*m));
	uname(&u);
	m->ops = &ops;
	m->backend = "ebpf";
	m->poll_fd = -1;
	m->state = DV_MACHINE_FOUND;
	m->caps = DV_CAP_LOCAL;
	m->vcpus = m->vcpu_max = dv_event_cpu_limit();
	m->levels = DV_HOST_LEVELS;
	strcpy(m->name, "host");
	snprintf(m->detail, sizeof(m->detail), "this machine's kernel, Linux %.64s, by BPF programs", u.release);
	if (use && !strcmp(use, "no"))
		snprintf(m->why, sizeof(m->why), "the environment says DVIRT_HOST=no");
	else
		dv_ebpf_why_not(m->why, sizeof(m->why));
	fn(ctx, m);
	return NULL;
}

// May programs write user memory? Not where the kernel is locked down.
static bool can_write(void)
{
	struct bpf_insn insns[] = {
	    {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10},
	    {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -8},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 8},
	    {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_write_user},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "dvirt_try", "GPL", insns, 8, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static struct dv_error *open_host(struct dv_machine *m, uint32_t universe)
{
	struct host *h = dv_xcalloc(1, sizeof(*h));
	struct dv_error *e;

	m->priv = h;
	e = dv_bpf_object_open(dv_host_bpf, (size_t)(dv_host_bpf_end - dv_host_bpf), &h->object);
	if (!e)
		e = dv_bpf_reader_create(&h->reader);
	if (!e)
		e = dv_ebpf_kernel_get(universe, &m->guest);
	if (e)
		return e;
	h->ways = dv_kfunc_ways(dv_guest_func_id(m->guest, "bpf_fentry_test1"));
	h->user_ways = dv_uprobe_ways();
	if (h->ways)
		m->caps |= DV_CAP_FBT;
	if (h->user_ways & DV_UPROBE_COOKIE)
		m->caps |= DV_CAP_UPROBE;
	if (dv_event_cookies())
		m->caps |= DV_CAP_PROFILE;
	m->caps |= DV_CAP_SYSCALL | DV_CAP_SYSTRACE | DV_CAP_TRACEPOINT | DV_CAP_TYPES | DV_CAP_SIGNAL |
		   DV_CAP_VTIME;
	if (can_write())
		m->caps |= DV_CAP_WRITE;
	m->state = DV_MACHINE_READY;
	return NULL;
}

const struct dv_backend dv_backend_ebpf = {
    .name = "ebpf",
    .scan = scan,
    .open = open_host,
    .doctor = dv_ebpf_doctor,
};
