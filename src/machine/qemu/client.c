/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU guests, dvirt's side: finding plugins' sockets, and talking to one.
 *
 * A plugin lives in a QEMU process, which a hostile guest may have taken over: everything it says is checked, and every
 * wait for it has an end. Guest memory is read through a descriptor of /proc/PID/mem that the plugin opened, so it
 * takes no rights over that process.
 */
#include "machine/qemu/client.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "abi/region.h"
#include "base/clock.h"
#include "base/mem.h"
#include "machine/qemu/ctlmsg.h"
#include "machine/qemu/nspid.h"
#include "machine/rundir.h"

#define ANSWER_MS 10000 /* for what needs all vCPUs to stop; more means it hangs */
#define HELLO_MS  1500
#define LOOK_MS   100   /* how long the plugin may look for a vCPU in kernel mode */
#define OPEN_MS   1000
#define GLANCE_MS 20   /* shorter than what makes the plugin translate anew: asks sleeping and running vCPUs only */
#define DRAIN_MAX 64   /* packets at once: a plugin that floods us must not keep us from all else */

struct client {
	int fd, mem;
	uint32_t serial, looking; /* looking: serial of the REGS question that is under way, 0: none */
	int peer;                 /* process that listened, by the socket's credentials */
	bool ask_threads;         /* vCPUs came, or moved */
	uint32_t asked_threads;   /* serial of the THREADS question that is under way, 0: none */
	int32_t tids[DV_CTL_VCPUS];
	uint32_t universe;
	struct dv_ctl_range ranges[DV_CTL_RANGES];
	uint32_t range_count;
	struct dv_phys phys;
	uint64_t next_look, pause_ms; /* ns; ms */
	unsigned elsewhere;           /* looks in a row at which a vCPU ran another kernel than ours */
	struct dv_ctl_packet packet;
};

/* Text of a plugin's, as it may go to a terminal. */
static const char *tame(char *s)
{
	for (char *p = s; *p; p++)
		if (*p < ' ' || *p >= 127)
			*p = '?';
	return s;
}

static void gone(struct dv_machine *m, const char *why)
{
	struct client *c = m->priv;

	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	m->poll_fd = -1;
	m->state = DV_MACHINE_GONE;
	dv_machine_because(m, "%s", why);
}

/* -- memory ---------------------------------------------------------------------------------------------------- */

static bool read_phys(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	const struct client *c = ctx;

	while (size) {
		size_t n = 0;
		for (uint32_t i = 0; i < c->range_count && !n; i++) {
			uint64_t off = gpa - c->ranges[i].gpa;
			if (off >= c->ranges[i].size)
				continue;
			n = c->ranges[i].size - off < size ? c->ranges[i].size - off : size;
			if (pread(c->mem, dst, n, (off_t)(c->ranges[i].hva + off)) != (ssize_t)n)
				return false;
		}
		if (!n)
			return false;
		dst = (char *)dst + n;
		gpa += n;
		size -= n;
	}
	return true;
}

/* Is it what it is said to be? Reading from another kind of file could wait for ever. */
static bool is_proc_mem(int fd)
{
	char link[64], path[64];
	struct statfs fs;
	int pid, end = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	// The name alone can be had in a mount namespace of one's own.
	if (n <= 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return false;
	path[n] = 0;
	return sscanf(path, "/proc/%d/mem%n", &pid, &end) == 1 && end == n;
}

/* The answer to REGS: look for the kernel. */
static void look(struct dv_machine *m, const struct dv_ctl_regs *r)
{
	struct client *c = m->priv;
	struct dv_guest_regs regs = {r->cr3, r->cr4, r->gs_base, r->rip, r->efer};
	char dir[512];
	struct dv_error *e;

	int mem = dv_ctl_take_fd(&c->packet, 0);
	if (mem >= 0) {
		if (c->mem >= 0)
			close(c->mem);
		c->mem = mem;
		if (!is_proc_mem(mem)) {
			close(mem);
			c->mem = -1;
		}
	}
	c->range_count = r->range_count;
	memcpy(c->ranges, r->ranges, sizeof(c->ranges));
	c->pause_ms = c->pause_ms < 700 ? c->pause_ms * 3 / 2 + 20 : 1000;
	c->next_look = dv_clock_ns() + c->pause_ms * 1000000u;
	if (!r->found) {
		dv_machine_because(m, "no kernel runs in it yet");
	} else if (c->mem < 0) {
		dv_machine_because(m, "its QEMU (pid %d) cannot open its own memory in /proc", m->pid);
	} else if (!c->range_count) {
		dv_machine_because(m, "guest RAM was not found in its QEMU process");
	} else {
		e = dv_guest_open(&c->phys, &regs, dv_guest_cache_dir(dir, sizeof(dir)), c->universe, &m->guest);
		if (e) {
			dv_machine_because(m, "kernel not recognised: %s", e->msg);
			dv_error_destroy(e);
			return;
		}
		m->state = DV_MACHINE_READY;
		m->why[0] = 0;
		m->caps = DV_CAP_FBT | DV_CAP_SYSCALL | DV_CAP_INSN | DV_CAP_MEMORY | DV_CAP_BLOCK | DV_CAP_WAIT | DV_CAP_PROFILE |
			  (dv_guest_has_types(m->guest) ? DV_CAP_TYPES : 0) |
			  (dv_guest_layout(m->guest)->switch_va ? DV_CAP_VTIME : 0);
		c->pause_ms = 0;
		c->next_look = dv_clock_ns() + 1000000000u;
	}
}

/* -- talking --------------------------------------------------------------------------------------------------- */

/* The answer to REGS while a kernel is traced: is it still that one which runs? Once may be a moment's oddity. */
static void glance(struct dv_machine *m, const struct dv_ctl_regs *r)
{
	struct client *c = m->priv;
	struct dv_guest_regs regs = {r->cr3, r->cr4, r->gs_base, r->rip, r->efer};

	c->elsewhere = dv_guest_runs(m->guest, &regs) ? 0 : c->elsewhere + 1;
}

/* The answer to THREADS. Its ids are that process's own, and its word. */
static void take_threads(struct dv_machine *m, const struct dv_ctl_threads *t)
{
	struct client *c = m->priv;

	dv_nspid_threads(m->pid, t->tid, t->count, c->tids);
	m->tids = c->tids;
	m->tid_count = t->count;
	m->tids_told++;
}

/* A message that is not the answer being waited for. */
static void unasked(struct dv_machine *m)
{
	struct client *c = m->priv;
	const struct dv_ctl_event *ev = dv_ctl_event(&c->packet);
	const struct dv_ctl_regs *r = dv_ctl_regs(&c->packet);

	const struct dv_ctl_threads *t = dv_ctl_threads(&c->packet);

	if (ev && ev->what == DV_CTL_EV_VCPU && ev->arg <= DV_PROD_MAX) {
		m->vcpus = ev->arg;
		c->ask_threads = true;
	}
	if (c->asked_threads && c->packet.msg.serial == c->asked_threads) {
		c->asked_threads = 0;
		if (t)
			take_threads(m, t);
	}
	if (c->looking && c->packet.msg.serial == c->looking) {
		c->looking = 0;
		if (r && m->state == DV_MACHINE_WAITING)
			look(m, r);
		else if (r && m->state == DV_MACHINE_READY && r->found)
			glance(m, r);
	}
	dv_ctl_close_fds(&c->packet);
}

/* Take in what has come; false: the machine is gone. */
static bool drain(struct dv_machine *m)
{
	struct client *c = m->priv;

	for (unsigned i = 0; c->fd >= 0 && i < DRAIN_MAX; i++) {
		int r = dv_ctl_recv(c->fd, &c->packet, true);
		if (r == -EAGAIN)
			return true;
		if (r < 0) {
			gone(m, r == -EBADMSG ? "its plugin speaks another protocol: another version of dvirt?"
					      : "its QEMU has ended");
			return false;
		}
		unasked(m);
	}
	return c->fd >= 0;
}

/* Ask, and wait for the answer, which is left in c->packet; the caller closes its descriptors. DV_ERR_DENIED: the plugin says
 * that it cannot. */
static struct dv_error *ask(struct dv_machine *m, uint32_t type, const void *payload, uint32_t size, const int *fds,
			    unsigned fd_count)
{
	struct client *c = m->priv;
	uint64_t end = dv_clock_ns() + (type == DV_CTL_HELLO ? HELLO_MS : ANSWER_MS) * 1000000ull;

	if (c->fd < 0)
		return dv_error_create(DV_ERR_GONE, "machine '%s' is gone", m->name);
	uint32_t serial = ++c->serial ? c->serial : ++c->serial;
	int r = dv_ctl_send(c->fd, type, serial, payload, size, fds, fd_count, true);
	while (r == 0) {
		struct pollfd p = {c->fd, POLLIN, 0};
		uint64_t now = dv_clock_ns();
		if (now >= end)
			return dv_error_hint(dv_error_create(DV_ERR_OTHER,
							     "machine '%s' does not answer (QEMU, pid %d)", m->name,
							     m->pid),
					     "its QEMU may be stopped or very busy");
		if (poll(&p, 1, (int)((end - now) / 1000000u) + 1) < 0 && errno != EINTR)
			break;
		r = dv_ctl_recv(c->fd, &c->packet, true);
		if (r == -EAGAIN) {
			r = 0;
			continue;
		}
		if (r < 0)
			break;
		if (c->packet.msg.serial != serial || c->packet.msg.type == DV_CTL_EVENT) {
			unasked(m);
			continue;
		}
		if (c->packet.msg.type == type)
			return NULL;
		dv_ctl_close_fds(&c->packet);
		if (c->packet.msg.type == DV_CTL_ERROR)
			return dv_error_create(DV_ERR_DENIED, "machine '%s': %s", m->name, tame((char *)c->packet.payload));
		return dv_error_create(DV_ERR_OTHER, "machine '%s': it answered nonsense", m->name);
	}
	if (r == -EBADMSG)
		gone(m, "its plugin speaks another protocol: another version of dvirt?");
	else
		gone(m, "its QEMU has ended");
	return dv_error_create(DV_ERR_GONE, "machine '%s': %s", m->name, m->why);
}

/* Start to look for the kernel; the answer comes to drain(). */
static void start_look(struct dv_machine *m, uint32_t timeout_ms)
{
	struct client *c = m->priv;
	struct dv_ctl_regs_ask a = {timeout_ms, 0};
	uint32_t serial = ++c->serial ? c->serial : ++c->serial;

	if (!c->looking && dv_ctl_send(c->fd, DV_CTL_REGS, serial, &a, sizeof(a), NULL, 0, true) == 0)
		c->looking = serial;
}

static struct dv_error *qemu_unload(struct dv_machine *m)
{
	struct dv_error *e = ask(m, DV_CTL_UNLOAD, NULL, 0, NULL, 0);
	struct client *c = m->priv;

	if (!e)
		dv_ctl_close_fds(&c->packet);
	return e;
}

static void qemu_poll(struct dv_machine *m)
{
	struct client *c = m->priv;

	if (m->state == DV_MACHINE_GONE || m->state == DV_MACHINE_FOUND || !drain(m))
		return;
	if (c->ask_threads && !c->asked_threads) { // the answer comes to drain()
		uint32_t serial = ++c->serial ? c->serial : ++c->serial;
		if (dv_ctl_send(c->fd, DV_CTL_THREADS, serial, NULL, 0, NULL, 0, true) == 0) {
			c->ask_threads = false;
			c->asked_threads = serial;
		}
	}
	if (dv_clock_ns() < c->next_look)
		return;
	if (m->state == DV_MACHINE_WAITING) {
		start_look(m, LOOK_MS);
		return;
	}
	c->next_look = dv_clock_ns() + 1000000000u;
	if (!dv_guest_still(m->guest) || c->elsewhere > 1) {
		// Another kernel, or none: addresses mean nothing there.
		c->elsewhere = 0;
		dv_error_destroy(qemu_unload(m));
		dv_machine_forget_guest(m);
		if (m->state == DV_MACHINE_GONE)
			return;
		m->state = DV_MACHINE_WAITING;
		dv_machine_because(m, "it restarted");
		c->pause_ms = 0;
		c->next_look = 0;
		return;
	}
	if (dv_guest_panicked(m->guest))
		snprintf(m->note, sizeof(m->note), "its kernel has panicked");
	start_look(m, GLANCE_MS);
}

static struct dv_error *send_peers(struct dv_machine *m, struct dv_machine *const *peers, size_t count, uint32_t *sent)
{
	struct client *c = m->priv;
	struct dv_ctl_peer p;

	*sent = 0;
	for (size_t i = 0; i < count; i++) {
		struct client *o = peers[i]->priv;
		if (peers[i] == m || peers[i]->ops != m->ops || peers[i]->state != DV_MACHINE_READY || o->mem < 0)
			continue;
		memset(&p, 0, sizeof(p));
		p.machine = peers[i]->index;
		p.layout = *dv_guest_layout(peers[i]->guest);
		p.range_count = o->range_count;
		memcpy(p.ranges, o->ranges, sizeof(p.ranges));
		struct dv_error *e = ask(m, DV_CTL_PEER, &p, sizeof(p), &o->mem, 1);
		if (e)
			return e;
		dv_ctl_close_fds(&c->packet);
		++*sent;
	}
	return NULL;
}

static struct dv_error *qemu_load(struct dv_machine *m, int region_fd, uint64_t region_size, const void *image,
				  size_t size, struct dv_machine *const *peers, size_t peer_count)
{
	struct client *c = m->priv;
	struct dv_ctl_load l = {.region_size = region_size, .image_size = size};
	struct dv_error *e;
	DV_FD int fd = memfd_create("dvirt-load", MFD_CLOEXEC);

	for (size_t at = 0; fd >= 0 && at < size;) {
		ssize_t n = write(fd, (const char *)image + at, size - at);
		if (n < 0)
			return dv_error_sys(errno, "load image");
		at += (size_t)n;
	}
	if (fd < 0)
		return dv_error_sys(errno, "load image");
	e = send_peers(m, peers, peer_count, &l.peer_count);
	if (!e)
		e = ask(m, DV_CTL_LOAD, &l, sizeof(l), (int[]){region_fd, fd}, 2);
	if (!e)
		dv_ctl_close_fds(&c->packet);
	return e;
}

static const struct dv_phys *qemu_phys(struct dv_machine *m)
{
	struct client *c = m->priv;

	return c->mem >= 0 && c->range_count ? &c->phys : NULL;
}

static void qemu_close(struct dv_machine *m)
{
	struct client *c = m->priv;

	m->retire = NULL;
	dv_machine_forget_guest(m);
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	if (c->mem >= 0)
		close(c->mem);
	free(c);
	m->priv = NULL;
}

static const struct dv_machine_ops qemu_ops = {
	.poll = qemu_poll, .load = qemu_load, .unload = qemu_unload, .close = qemu_close, .phys = qemu_phys,
};

/* -- finding ---------------------------------------------------------------------------------------------------- */

static struct dv_error *qemu_open(struct dv_machine *m, uint32_t universe)
{
	struct client *c = m->priv;
	uint64_t end = dv_clock_ns() + OPEN_MS * 1000000ull;
	struct dv_ctl_regs_ask a = {LOOK_MS, 0};

	c->universe = universe;
	if (c->fd < 0)
		return dv_error_create(DV_ERR_GONE, "machine '%s': %s", m->name, m->why);
	struct dv_error *e = ask(m, DV_CTL_HELLO, NULL, 0, NULL, 0);
	if (e)
		return e;
	const struct dv_ctl_hello *h = dv_ctl_hello(&c->packet);
	dv_ctl_close_fds(&c->packet);
	if (!h || strcmp(h->target, "x86_64") != 0 || h->vcpus > DV_PROD_MAX) {
		gone(m, "its plugin answered nonsense");
		return dv_error_create(DV_ERR_UNKNOWN, "machine '%s': %s", m->name, m->why);
	}
	m->pid = dv_nspid_process(c->peer, h->pid);
	m->vcpus = h->vcpus;
	m->vcpu_max = h->vcpu_max > h->vcpus ? h->vcpu_max : h->vcpus;
	if (m->vcpu_max > DV_PROD_MAX)
		m->vcpu_max = DV_PROD_MAX;
	snprintf(m->detail, sizeof(m->detail), "QEMU %.31s, pid %d, plugin API %u, %u session%s", h->qemu_version,
		 m->pid, h->api, h->sessions, h->sessions == 1 ? "" : "s");
	tame(m->detail);
	e = ask(m, DV_CTL_THREADS, NULL, 0, NULL, 0);
	if (e)
		return e;
	if (dv_ctl_threads(&c->packet))
		take_threads(m, dv_ctl_threads(&c->packet));
	dv_ctl_close_fds(&c->packet);
	m->state = DV_MACHINE_WAITING;
	m->poll_fd = c->fd;
	while (m->state == DV_MACHINE_WAITING && dv_clock_ns() < end) {
		e = ask(m, DV_CTL_REGS, &a, sizeof(a), NULL, 0);
		if (e) {
			if (e->code == DV_ERR_DENIED) // there is nothing to wait for
				m->state = DV_MACHINE_FOUND;
			return e;
		}
		const struct dv_ctl_regs *r = dv_ctl_regs(&c->packet);
		if (r)
			look(m, r);
		else
			dv_machine_because(m, "its plugin answered nonsense");
		dv_ctl_close_fds(&c->packet);
		if (m->state == DV_MACHINE_WAITING)
			usleep(50000);
	}
	return NULL;
}

// @p owner: the only user, besides root, whose process may answer; ANYONE: whom dvirt's own user may trace.
#define ANYONE UINT_MAX

static bool may_answer(unsigned uid, unsigned owner)
{
	return uid == 0 || uid == geteuid() || (geteuid() == 0 && (owner == ANYONE || uid == owner));
}

static struct dv_machine *found(const char *dir, const char *file, unsigned owner)
{
	struct dv_machine *m = dv_xcalloc(1, sizeof(*m));
	struct client *c = dv_xcalloc(1, sizeof(*c));
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	unsigned uid = 0;

	m->ops = &qemu_ops;
	m->backend = dv_backend_qemu.name;
	m->state = DV_MACHINE_FOUND;
	m->poll_fd = -1;
	m->priv = c;
	snprintf(m->name, sizeof(m->name), "%.*s", (int)strlen(file) - 5, file);
	c->mem = c->fd = -1;
	c->phys = (struct dv_phys){read_phys, c};
	int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, file);
	if (n < 0 || (size_t)n >= sizeof(a.sun_path)) {
		dv_machine_because(m, "the path of its socket is too long");
		return m;
	}
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int err = errno;
		if (err == ECONNREFUSED || err == ENOENT)
			dv_machine_because(m, "not answering: its QEMU is dead (a new one of that name replaces the socket '%s')",
				a.sun_path);
		else if (err == EACCES || err == EPERM)
			dv_machine_because(m, "no permission for its socket '%s'", a.sun_path);
		else
			dv_machine_because(m, "not answering: %s", strerror(err));
	} else if (dv_ctl_peer_cred(c->fd, &m->pid, &uid) < 0 || !may_answer(uid, owner)) {
		dv_machine_because(m, "its socket belongs to another user (%u)", uid);
	} else {
		c->peer = m->pid;
		snprintf(m->detail, sizeof(m->detail), "QEMU, pid %d", m->pid);
		return m;
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	return m;
}

struct names {
	DV_VEC(struct { char text[64]; }) v;
};

// The machines of one folder, but those whose name a machine of another has answered to.
static struct dv_error *scan_dir(const char *dir, unsigned owner, struct names *known,
				 void (*fn)(void *ctx, struct dv_machine *m), void *ctx)
{
	size_t before = known->v.count;
	struct dirent *d;
	DIR *f = opendir(dir);

	if (!f)
		return dv_error_sys(errno, "cannot list '%s'", dir);
	while ((d = readdir(f))) {
		size_t n = strlen(d->d_name), i = 0;
		char name[64];
		struct dv_machine *m;

		if (n <= 5 || n - 5 >= sizeof(name) || strcmp(d->d_name + n - 5, ".sock") != 0)
			continue;
		memcpy(name, d->d_name, n - 5);
		name[n - 5] = 0;
		while (i < before && strcmp(known->v.data[i].text, name) != 0)
			i++;
		if (i < before || !dv_ctl_name_valid(name))
			continue;
		m = found(dir, d->d_name, owner);
		if (((struct client *)m->priv)->fd >= 0)
			memcpy(DV_PUSH(&known->v)->text, name, sizeof(name));
		fn(ctx, m);
	}
	closedir(f);
	return NULL;
}

static struct dv_error *qemu_scan(void (*fn)(void *ctx, struct dv_machine *m), void *ctx)
{
	struct names known = {0};
	char dir[108];
	unsigned uid;
	struct dv_error *e = dv_rundir(false, dir, sizeof(dir));

	if (!e) {
		e = scan_dir(dir, ANYONE, &known, fn, ctx);
	} else if (e->code == DV_ERR_NOT_FOUND) {
		dv_error_destroy(e); // no machine has ever been there
		e = NULL;
	}
	for (unsigned n = 0; !e && dv_rundir_sudo_path(n, dir, sizeof(dir), &uid); n++)
		e = scan_dir(dir, uid, &known, fn, ctx);
	DV_VEC_FREE(&known.v);
	return e;
}

const struct dv_backend dv_backend_qemu = {.name = "qemu", .scan = qemu_scan, .open = qemu_open};
