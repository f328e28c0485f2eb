/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One packet is one message: SOCK_SEQPACKET keeps the boundaries, so there is no stream to get out of step with. A
 * packet that is cut short, too long, of another version or with more descriptors than allowed is refused as a whole.
 */
#include "machine/qemu/ctlmsg.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct dv_ctl_msg) + sizeof(struct dv_ctl_peer) <= DV_CTL_MSG_MAX, "a peer fits in a packet");
_Static_assert(sizeof(struct dv_ctl_msg) + sizeof(struct dv_ctl_regs) <= DV_CTL_MSG_MAX, "registers fit in a packet");
_Static_assert(sizeof(struct dv_ctl_msg) + sizeof(struct dv_ctl_threads) <= DV_CTL_MSG_MAX, "threads fit in a packet");

int dv_ctl_send(int fd, uint32_t type, uint32_t serial, const void *payload, uint32_t size, const int *fds,
		unsigned fd_count, bool dontwait)
{
	struct dv_ctl_msg m = {DV_CTL_MAGIC, DV_CTL_VERSION, type, serial, size, 0};
	struct iovec iov[2] = {{&m, sizeof(m)}, {(void *)payload, size}};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * DV_CTL_FDS)];
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = size ? 2 : 1};

	if (size > DV_CTL_MSG_MAX - sizeof(m) || fd_count > DV_CTL_FDS)
		return -EMSGSIZE;
	if (fd_count) {
		memset(control, 0, sizeof(control));
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	for (;;) {
		ssize_t n = sendmsg(fd, &h, MSG_NOSIGNAL | (dontwait ? MSG_DONTWAIT : 0));
		if (n >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

bool dv_ctl_valid(const void *bytes, size_t n)
{
	struct dv_ctl_msg m;

	if (n < sizeof(m) || n > DV_CTL_MSG_MAX)
		return false;
	memcpy(&m, bytes, sizeof(m));
	return m.magic == DV_CTL_MAGIC && m.version == DV_CTL_VERSION && m.type < DV_CTL_TYPES &&
	       m.size == n - sizeof(m);
}

/* All descriptors that came, also those beyond what we take: they are open in this process now. */
static void take_descriptors(struct msghdr *h, struct dv_ctl_packet *p, bool *excess)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (p->fd_count < DV_CTL_FDS)
				p->fds[p->fd_count++] = fd;
			else {
				close(fd);
				*excess = true;
			}
		}
	}
}

int dv_ctl_recv(int fd, struct dv_ctl_packet *p, bool dontwait)
{
	struct iovec iov[2] = {{&p->msg, sizeof(p->msg)}, {p->payload, DV_CTL_MSG_MAX - sizeof(p->msg)}};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16)];
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
	bool excess = false;
	ssize_t n;

	p->fd_count = 0;
	for (unsigned i = 0; i < DV_CTL_FDS; i++)
		p->fds[i] = -1;
	do
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | (dontwait ? MSG_DONTWAIT : 0));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	take_descriptors(&h, p, &excess);
	if (n == 0) {
		dv_ctl_close_fds(p);
		return -EPIPE;
	}
	if (excess || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || (size_t)n < sizeof(p->msg) ||
	    !dv_ctl_valid(&p->msg, (size_t)n)) {
		dv_ctl_close_fds(p);
		return -EBADMSG;
	}
	p->payload[p->msg.size] = 0;
	return 0;
}

void dv_ctl_close_fds(struct dv_ctl_packet *p)
{
	for (unsigned i = 0; i < p->fd_count; i++)
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	p->fd_count = 0;
}

int dv_ctl_take_fd(struct dv_ctl_packet *p, unsigned i)
{
	if (i >= p->fd_count)
		return -1;
	int fd = p->fds[i];
	p->fds[i] = -1;
	return fd;
}

static bool terminated(const char *s, size_t size)
{
	return memchr(s, 0, size) != NULL;
}

bool dv_ctl_ranges_valid(const struct dv_ctl_range *r, uint32_t count)
{
	if (count > DV_CTL_RANGES)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!r[i].size || r[i].gpa + r[i].size < r[i].gpa || r[i].hva + r[i].size < r[i].hva ||
		    r[i].hva + r[i].size > INT64_MAX)
			return false;
	return true;
}

const struct dv_ctl_hello *dv_ctl_hello(const struct dv_ctl_packet *p)
{
	const struct dv_ctl_hello *h = (const void *)p->payload;

	if (p->msg.type != DV_CTL_HELLO || p->msg.size != sizeof(*h) || !terminated(h->name, sizeof(h->name)) ||
	    !terminated(h->qemu_version, sizeof(h->qemu_version)) || !terminated(h->target, sizeof(h->target)))
		return NULL;
	return h;
}

const struct dv_ctl_regs_ask *dv_ctl_regs_ask(const struct dv_ctl_packet *p)
{
	return p->msg.type == DV_CTL_REGS && p->msg.size == sizeof(struct dv_ctl_regs_ask) ? (const void *)p->payload
											   : NULL;
}

const struct dv_ctl_regs *dv_ctl_regs(const struct dv_ctl_packet *p)
{
	const struct dv_ctl_regs *r = (const void *)p->payload;

	if (p->msg.type != DV_CTL_REGS || p->msg.size != sizeof(*r) || !dv_ctl_ranges_valid(r->ranges, r->range_count))
		return NULL;
	return r;
}

const struct dv_ctl_peer *dv_ctl_peer(const struct dv_ctl_packet *p)
{
	const struct dv_ctl_peer *r = (const void *)p->payload;

	if (p->msg.type != DV_CTL_PEER || p->msg.size != sizeof(*r) || !dv_ctl_ranges_valid(r->ranges, r->range_count))
		return NULL;
	return r;
}

const struct dv_ctl_load *dv_ctl_load(const struct dv_ctl_packet *p)
{
	return p->msg.type == DV_CTL_LOAD && p->msg.size == sizeof(struct dv_ctl_load) ? (const void *)p->payload
										       : NULL;
}

const struct dv_ctl_threads *dv_ctl_threads(const struct dv_ctl_packet *p)
{
	const struct dv_ctl_threads *t = (const void *)p->payload;

	return p->msg.type == DV_CTL_THREADS && p->msg.size == sizeof(*t) && t->count <= DV_CTL_VCPUS ? t : NULL;
}

const struct dv_ctl_event *dv_ctl_event(const struct dv_ctl_packet *p)
{
	return p->msg.type == DV_CTL_EVENT && p->msg.size == sizeof(struct dv_ctl_event) ? (const void *)p->payload
											 : NULL;
}

int dv_ctl_peer_cred(int fd, int *pid, unsigned *uid)
{
	struct ucred c;
	socklen_t size = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &size) < 0)
		return -errno;
	*pid = c.pid;
	*uid = c.uid;
	return 0;
}

int dv_ctl_rundir(bool create, char *buf, size_t size)
{
	const char *dir = getenv("DVIRT_RUNDIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	uid_t uid = geteuid();
	struct stat st;
	int n;

	if (dir && *dir)
		n = snprintf(buf, size, "%s", dir);
	else if (uid == 0)
		n = snprintf(buf, size, "/run/dvirt");
	else if (xdg && *xdg)
		n = snprintf(buf, size, "%s/dvirt", xdg);
	else
		n = snprintf(buf, size, "/tmp/dvirt-%u", (unsigned)uid);
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	if (create && mkdir(buf, 0700) < 0 && errno != EEXIST)
		return -errno;
	// A link that somebody else put there would lead us to sockets of theirs; a directory given by name is the
	// user's word.
	if ((dir && *dir ? stat(buf, &st) : lstat(buf, &st)) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if ((st.st_uid != uid && st.st_uid != 0 && !(uid == 0 && dir && *dir)) || (st.st_mode & 022))
		return -EPERM;
	return 0;
}

bool dv_ctl_rundir_sudo(unsigned n, char *buf, size_t size, unsigned *uid)
{
	// sudo leaves XDG_RUNTIME_DIR out; this is what it is for everybody who has one.
	static const struct {
		const char *before, *behind;
	} where[] = {{"/run/user/", "/dvirt"}, {"/tmp/dvirt-", ""}};
	const char *dir = getenv("DVIRT_RUNDIR"), *sudo = getenv("SUDO_UID");
	struct stat st;

	if (geteuid() != 0 || (dir && *dir) || !sudo || !*sudo || sudo[strspn(sudo, "0123456789")])
		return false;
	errno = 0;
	unsigned long id = strtoul(sudo, NULL, 10);
	if (errno || id == 0 || id >= UINT_MAX)
		return false;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		int len = snprintf(buf, size, "%s%lu%s", where[i].before, id, where[i].behind);

		if (len < 0 || (size_t)len >= size || lstat(buf, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != id ||
		    (st.st_mode & 022) || n--)
			continue;
		*uid = (unsigned)id;
		return true;
	}
	return false;
}

bool dv_ctl_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 63 || name[0] == '.')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}
