/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plugin's control thread: a socket in the run directory, and the sessions that connect to it.
 *
 * It serves one message at a time; none takes longer than the switch of what is traced, or the look for registers that
 * was asked for. It is not one of QEMU's threads: it holds none of QEMU's locks, and blocks all signals, which are
 * QEMU's.
 */
#include "machine/qemu/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "machine/qemu/ctlmsg.h"
#include "machine/rundir.h"

#define SESSIONS 32

struct session {
	int fd; /* -1: free */
	struct dv_tracing *tracing;
	struct dv_peer *peers; /* for the next load */
	uint32_t peer_count;
};
static struct session sessions[SESSIONS];
static struct dv_ctl_packet packet;

/* -- the socket ------------------------------------------------------------------------------------------------ */

/* Does a process listen at @p path? */
static bool alive(const char *path, int *pid)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsigned uid;

	*pid = 0;
	if (fd < 0)
		return false;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int r = connect(fd, (struct sockaddr *)&a, sizeof(a));
	bool there = r == 0 || errno == EAGAIN; // EAGAIN: its queue is full
	if (r == 0)
		dv_ctl_peer_cred(fd, pid, &uid);
	close(fd);
	return there;
}

static int bind_locked(char *msg, size_t msg_size)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;
	int pid;

	if (lstat(g.path, &st) == 0) {
		if (alive(g.path, &pid)) {
			snprintf(msg, msg_size, "a machine named '%s' exists already (pid %d)", g.name, pid);
			return -1;
		}
		unlink(g.path); // left by a process that was killed
	}
	g.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", g.path);
	if (g.listen_fd < 0 || bind(g.listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(g.path, 0600) < 0 ||
	    listen(g.listen_fd, 16) < 0) {
		snprintf(msg, msg_size, "cannot make the socket '%s': %s", g.path, strerror(errno));
		return -1;
	}
	g.pid = getpid();
	return 0;
}

int dv_ctl_listen(char *msg, size_t msg_size)
{
	char dir[108], lock[128];
	int r = dv_rundir_path(true, dir, sizeof(dir)), n;

	if (r < 0) {
		snprintf(msg, msg_size, "cannot use the directory '%s': %s", r == -ENAMETOOLONG ? "$DVIRT_RUNDIR" : dir,
		         r == -EPERM ? "it belongs to, or can be written by, somebody else" : strerror(-r));
		return -1;
	}
	n = snprintf(g.path, sizeof(g.path), "%s/%s.sock", dir, g.name);
	if (n < 0 || (size_t)n >= sizeof(g.path)) {
		snprintf(msg, msg_size, "the path of the socket, '%s/%s.sock', is longer than %zu bytes", dir, g.name,
			 sizeof(g.path) - 1);
		g.path[0] = 0;
		return -1;
	}
	// Two that start at the same moment must not both find the name free.
	snprintf(lock, sizeof(lock), "%s/.lock", dir);
	int lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock_fd >= 0)
		flock(lock_fd, LOCK_EX);
	g.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = bind_locked(msg, msg_size);
	if (lock_fd >= 0)
		close(lock_fd);
	if (r < 0) {
		if (g.listen_fd >= 0)
			close(g.listen_fd);
		if (g.event_fd >= 0)
			close(g.event_fd);
		g.listen_fd = g.event_fd = -1;
		g.path[0] = 0;
	}
	return r;
}

void dv_ctl_unlink(void)
{
	if (g.path[0] && g.pid == getpid())
		unlink(g.path);
}

/* -- sessions -------------------------------------------------------------------------------------------------- */

/* Put in force what the sessions have loaded now; @p gone is freed when nothing can run in it any more. */
static bool apply(struct dv_tracing *gone, char *msg, size_t msg_size)
{
	struct dv_tracing *list[SESSIONS];
	struct dv_snap *next, *old;
	uint32_t n = 0;
	char why[160] = "";

	for (int i = 0; i < SESSIONS; i++)
		if (sessions[i].fd >= 0 && sessions[i].tracing)
			list[n++] = sessions[i].tracing;
	next = dv_snap_create(list, n, why, sizeof(why));
	if (n && !next && msg) {
		snprintf(msg, msg_size, "%s", why);
		return false; // what was in force stays
	}
	// Without memory on the way out all sessions lose their probes: the one that left must not stay.
	old = dv_cpu_switch(next);
	dv_snap_destroy(old);
	dv_tracing_destroy(gone);
	return true;
}

static void drop_peers(struct session *s)
{
	for (uint32_t i = 0; i < s->peer_count; i++)
		close(s->peers[i].fd);
	free(s->peers);
	s->peers = NULL;
	s->peer_count = 0;
}

static void unload(struct session *s)
{
	struct dv_tracing *t = s->tracing;

	drop_peers(s);
	if (!t)
		return;
	__atomic_store_n(&t->closing, 1, __ATOMIC_SEQ_CST);
	s->tracing = NULL;
	apply(t, NULL, 0);
}

static void end_session(struct session *s)
{
	close(s->fd);
	s->fd = -1;
	unload(s);
}

static int answer(struct session *s, const void *payload, uint32_t size, const int *fds, unsigned fd_count)
{
	return dv_ctl_send(s->fd, packet.msg.type, packet.msg.serial, payload, size, fds, fd_count, true);
}

static int refuse(struct session *s, const char *text)
{
	return dv_ctl_send(s->fd, DV_CTL_ERROR, packet.msg.serial, text, (uint32_t)strlen(text), NULL, 0, true);
}

#define NO_SWITCH "its QEMU hides its symbols, and one thread runs all its virtual CPUs (TCG with thread=single)"

static int do_hello(struct session *s)
{
	struct dv_ctl_hello h;

	memset(&h, 0, sizeof(h));
	snprintf(h.name, sizeof(h.name), "%s", g.name);
	snprintf(h.qemu_version, sizeof(h.qemu_version), "%s", g.version);
	snprintf(h.target, sizeof(h.target), "%s", g.target);
	h.pid = getpid();
	h.api = (uint32_t)g.api;
	h.vcpus = __atomic_load_n(&g.vcpu_count, __ATOMIC_ACQUIRE);
	for (int i = 0; i < SESSIONS; i++)
		h.sessions += sessions[i].fd >= 0 && sessions[i].tracing;
	h.vcpu_max = g.vcpu_max > 0 ? (uint32_t)g.vcpu_max : h.vcpus;
	return answer(s, &h, sizeof(h), NULL, 0);
}

static int do_regs(struct session *s)
{
	static struct dv_ctl_regs r;
	const struct dv_ctl_regs_ask *ask = dv_ctl_regs_ask(&packet);

	if (!ask)
		return -EBADMSG;
	if (!dv_cpu_can_switch()) // where it is cannot be looked at either
		return refuse(s, NO_SWITCH);
	dv_cpu_look(ask->timeout_ms < 1000 ? ask->timeout_ms : 1000, &r);
	return answer(s, &r, sizeof(r), &g.mem, g.mem >= 0);
}

static int do_peer(struct session *s)
{
	const struct dv_ctl_peer *p = dv_ctl_peer(&packet);

	if (!p || packet.fd_count != 1)
		return -EBADMSG;
	if (s->peer_count >= DV_MACH_MAX)
		return refuse(s, "too many peers");
	struct dv_peer *all = realloc(s->peers, (s->peer_count + 1) * sizeof(*all));
	if (!all)
		return refuse(s, "out of memory");
	s->peers = all;
	struct dv_peer *n = &all[s->peer_count++];
	memset(n, 0, sizeof(*n));
	n->machine = p->machine;
	n->fd = dv_ctl_take_fd(&packet, 0);
	n->layout = p->layout;
	n->ram.count = p->range_count;
	memcpy(n->ram.r, p->ranges, sizeof(n->ram.r));
	return answer(s, NULL, 0, NULL, 0);
}

static int do_load(struct session *s)
{
	const struct dv_ctl_load *l = dv_ctl_load(&packet);
	struct dv_tracing *old = s->tracing, *t;
	char msg[256] = "";

	if (!l || packet.fd_count != 2 || l->peer_count != s->peer_count) {
		drop_peers(s);
		return -EBADMSG;
	}
	if (!__atomic_load_n(&g.vcpu_count, __ATOMIC_ACQUIRE)) {
		drop_peers(s);
		return refuse(s, "the machine has no vCPU yet");
	}
	if (!dv_cpu_can_switch()) {
		drop_peers(s);
		return refuse(s, NO_SWITCH);
	}
	t = dv_tracing_create(packet.fds[0], l->region_size, packet.fds[1], l->image_size, s->peers, s->peer_count, msg,
			      sizeof(msg));
	if (!t) {
		drop_peers(s);
		return refuse(s, msg);
	}
	s->peers = NULL;
	s->peer_count = 0;
	s->tracing = t;
	// The old one goes on until the switch: no event between the two is missed.
	if (!apply(old, msg, sizeof(msg))) {
		s->tracing = old;
		dv_tracing_destroy(t);
		return refuse(s, msg);
	}
	return answer(s, NULL, 0, NULL, 0);
}

static int do_threads(struct session *s)
{
	static struct dv_ctl_threads t;

	memset(&t, 0, sizeof(t));
	for (uint32_t i = 0; i < DV_CTL_VCPUS && i < DV_VCPU_MAX; i++) {
		const struct dv_vcpu *v = dv_vcpu_get(i);
		if (!v)
			continue;
		t.tid[i] = __atomic_load_n(&v->place.host_tid, __ATOMIC_RELAXED);
		t.count = i + 1;
	}
	return answer(s, &t, sizeof(t), NULL, 0);
}

/* Handle one message; negative: end the session. */
static int serve(struct session *s)
{
	int e = dv_ctl_recv(s->fd, &packet, true);

	if (e < 0)
		return e == -EAGAIN ? 0 : e;
	switch (packet.msg.type) {
	case DV_CTL_HELLO:
		e = do_hello(s);
		break;
	case DV_CTL_REGS:
		e = do_regs(s);
		break;
	case DV_CTL_THREADS:
		e = do_threads(s);
		break;
	case DV_CTL_PEER:
		e = do_peer(s);
		break;
	case DV_CTL_LOAD:
		e = do_load(s);
		break;
	case DV_CTL_UNLOAD:
		unload(s);
		e = answer(s, NULL, 0, NULL, 0);
		break;
	default:
		e = -EBADMSG;
	}
	dv_ctl_close_fds(&packet);
	return e;
}

static void accept_session(void)
{
	int fd = accept4(g.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), pid;
	unsigned uid;

	if (fd < 0)
		return;
	if (dv_ctl_peer_cred(fd, &pid, &uid) == 0 && (uid == 0 || uid == geteuid())) {
		for (int i = 0; i < SESSIONS; i++) {
			if (sessions[i].fd < 0) {
				sessions[i] = (struct session){.fd = fd};
				return;
			}
		}
		static const char text[] = "too many sessions";
		dv_ctl_send(fd, DV_CTL_ERROR, 0, text, sizeof(text) - 1, NULL, 0, true);
	}
	close(fd);
}

static void tell_vcpus(void)
{
	struct dv_ctl_event ev = {DV_CTL_EV_VCPU, __atomic_load_n(&g.vcpu_count, __ATOMIC_ACQUIRE)};
	uint64_t x;

	if (read(g.event_fd, &x, sizeof(x)) < 0)
		return;
	for (int i = 0; i < SESSIONS; i++)
		if (sessions[i].fd >= 0) // one that does not read its events asks when it wants to know
			dv_ctl_send(sessions[i].fd, DV_CTL_EVENT, 0, &ev, sizeof(ev), NULL, 0, true);
}

/* Sessions whose other end is gone first, so that nobody waits for room that will not come while we serve others. */
static void note_hangups(const struct pollfd *p, const int *which, int n)
{
	for (int i = 2; i < n; i++)
		if ((p[i].revents & (POLLHUP | POLLERR)) && sessions[which[i]].tracing)
			__atomic_store_n(&sessions[which[i]].tracing->closing, 1, __ATOMIC_SEQ_CST);
}

static void *control(void *arg)
{
	struct pollfd p[SESSIONS + 2];
	int which[SESSIONS + 2];

	for (;;) {
		int n = 2;
		p[0] = (struct pollfd){g.listen_fd, POLLIN, 0};
		p[1] = (struct pollfd){g.event_fd, POLLIN, 0};
		for (int i = 0; i < SESSIONS; i++) {
			if (sessions[i].fd < 0)
				continue;
			which[n] = i;
			p[n++] = (struct pollfd){sessions[i].fd, POLLIN, 0};
		}
		if (poll(p, (nfds_t)n, -1) < 0) {
			if (errno != EINTR)
				usleep(10000);
			continue;
		}
		note_hangups(p, which, n);
		for (int i = 2; i < n; i++) {
			struct session *s = &sessions[which[i]];
			bool hangup = p[i].revents & (POLLHUP | POLLERR | POLLNVAL);
			if (p[i].revents && (hangup || serve(s) < 0))
				end_session(s);
		}
		if (p[1].revents)
			tell_vcpus();
		if (p[0].revents)
			accept_session();
	}
	return NULL;
}

void dv_ctl_start(void)
{
	sigset_t all, before;
	pthread_t thread;
	pthread_attr_t attr;

	if (g.listen_fd < 0)
		return;
	g.pid = getpid();
	for (int i = 0; i < SESSIONS; i++)
		sessions[i].fd = -1;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &attr, control, NULL) == 0)
		pthread_setname_np(thread, "dvirt");
	else
		dv_ctl_unlink();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}
