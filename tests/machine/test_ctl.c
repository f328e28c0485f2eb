/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of the control protocol: what is sent arrives; what is not of the protocol is refused and leaks nothing. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/test.h"
#include "machine/qemu/ctlmsg.h"
#include "machine/rundir.h"

static struct dv_ctl_packet p;
static int s[2];

static unsigned open_files(void)
{
	unsigned n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static int receive(const void *bytes, size_t n)
{
	REQUIRE(send(s[0], bytes, n, 0) == (ssize_t)n);
	return dv_ctl_recv(s[1], &p, true);
}

static void test_round(void)
{
	char text[100];

	memset(text, 'x', sizeof(text));
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), -EAGAIN);
	CHECK_EQ(dv_ctl_send(s[0], DV_CTL_ERROR, 7, text, sizeof(text), NULL, 0, true), 0);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), 0);
	CHECK_EQ(p.msg.type, DV_CTL_ERROR);
	CHECK_EQ(p.msg.serial, 7);
	CHECK_EQ(p.msg.size, 100);
	CHECK_EQ(p.fd_count, 0);
	CHECK(memcmp(p.payload, text, 100) == 0 && p.payload[100] == 0);
	CHECK_EQ(dv_ctl_send(s[0], DV_CTL_UNLOAD, 8, NULL, 0, NULL, 0, true), 0);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), 0);
	CHECK_EQ(p.msg.size, 0);
	static char big[DV_CTL_MSG_MAX];
	CHECK_EQ(dv_ctl_send(s[0], DV_CTL_ERROR, 9, big, sizeof(big) - sizeof(struct dv_ctl_msg), NULL, 0, true), 0);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), 0);
	CHECK_EQ(dv_ctl_send(s[0], DV_CTL_ERROR, 9, big, sizeof(big) - sizeof(struct dv_ctl_msg) + 1, NULL, 0, true),
		 -EMSGSIZE);
}

static void test_descriptors(void)
{
	struct dv_ctl_msg m = {DV_CTL_MAGIC, DV_CTL_VERSION, DV_CTL_LOAD, 1, 0, 0};
	int fds[3] = {0, 1, 2};
	unsigned before = open_files();
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fds))];

	CHECK_EQ(dv_ctl_send(s[0], DV_CTL_LOAD, 1, NULL, 0, fds, 2, true), 0);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), 0);
	CHECK_EQ(p.fd_count, 2);
	CHECK_EQ(open_files(), before + 2);
	CHECK(fcntl(p.fds[0], F_GETFD) & FD_CLOEXEC);
	int mine = dv_ctl_take_fd(&p, 1);
	CHECK(mine >= 0);
	CHECK_EQ(dv_ctl_take_fd(&p, 1), -1);
	CHECK_EQ(dv_ctl_take_fd(&p, 2), -1);
	dv_ctl_close_fds(&p);
	CHECK_EQ(open_files(), before + 1);
	close(mine);
	CHECK_EQ(dv_ctl_send(s[0], DV_CTL_LOAD, 1, NULL, 0, fds, 3, true), -EMSGSIZE);

	// More of them than the protocol has.
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	memset(control, 0, sizeof(control));
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fds))};
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	CHECK(sendmsg(s[0], &h, 0) > 0);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), -EBADMSG);
	CHECK_EQ(open_files(), before);
	// A bad packet with good descriptors.
	m.magic++;
	h.msg_controllen = CMSG_SPACE(sizeof(int));
	c->cmsg_len = CMSG_LEN(sizeof(int));
	CHECK(sendmsg(s[0], &h, 0) > 0);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), -EBADMSG);
	CHECK_EQ(open_files(), before);
}

static void test_refused(void)
{
	struct {
		struct dv_ctl_msg m;
		char text[8];
	} x = {{DV_CTL_MAGIC, DV_CTL_VERSION, DV_CTL_ERROR, 1, 8, 0}, "1234567"}, y;
	static char big[DV_CTL_MSG_MAX + 100];

	CHECK_EQ(receive(&x, sizeof(x)), 0);
	CHECK_EQ(receive(&x, sizeof(x) - 1), -EBADMSG);
	CHECK_EQ(receive(&x, sizeof(x.m)), -EBADMSG);
	CHECK_EQ(receive(&x, 3), -EBADMSG);
	y = x, y.m.magic = 0;
	CHECK_EQ(receive(&y, sizeof(y)), -EBADMSG);
	y = x, y.m.version++;
	CHECK_EQ(receive(&y, sizeof(y)), -EBADMSG);
	y = x, y.m.type = DV_CTL_TYPES;
	CHECK_EQ(receive(&y, sizeof(y)), -EBADMSG);
	y = x, y.m.size = UINT32_MAX;
	CHECK_EQ(receive(&y, sizeof(y)), -EBADMSG);
	memcpy(big, &x, sizeof(x));
	CHECK_EQ(receive(big, sizeof(big)), -EBADMSG);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), -EAGAIN);
}

static void fill(uint32_t type, uint32_t size)
{
	memset(&p, 0, sizeof(p));
	p.msg.type = type;
	p.msg.size = size;
}

static void test_payloads(void)
{
	struct dv_ctl_hello *h = (void *)p.payload;
	struct dv_ctl_regs *r = (void *)p.payload;
	struct dv_ctl_peer *o = (void *)p.payload;

	fill(DV_CTL_HELLO, sizeof(*h));
	CHECK(dv_ctl_hello(&p));
	memset(h->name, 'a', sizeof(h->name));
	CHECK(!dv_ctl_hello(&p));
	fill(DV_CTL_HELLO, sizeof(*h) - 4);
	CHECK(!dv_ctl_hello(&p));
	fill(DV_CTL_REGS, sizeof(*h));
	CHECK(!dv_ctl_hello(&p));

	fill(DV_CTL_REGS, sizeof(*r));
	CHECK(dv_ctl_regs(&p));
	r->range_count = 1;
	CHECK(!dv_ctl_regs(&p)); // empty
	r->ranges[0] = (struct dv_ctl_range){0, 4096, 4096};
	CHECK(dv_ctl_regs(&p));
	r->ranges[0] = (struct dv_ctl_range){UINT64_MAX - 4095, 8192, 4096};
	CHECK(!dv_ctl_regs(&p));
	r->ranges[0] = (struct dv_ctl_range){0, UINT64_MAX, 4096};
	CHECK(!dv_ctl_regs(&p));
	r->range_count = DV_CTL_RANGES + 1;
	CHECK(!dv_ctl_regs(&p));
	CHECK(!dv_ctl_regs_ask(&p));

	fill(DV_CTL_PEER, sizeof(*o));
	CHECK(dv_ctl_peer(&p));
	o->range_count = UINT32_MAX;
	CHECK(!dv_ctl_peer(&p));
	fill(DV_CTL_LOAD, sizeof(struct dv_ctl_load));
	CHECK(dv_ctl_load(&p) && !dv_ctl_event(&p));
	fill(DV_CTL_THREADS, sizeof(struct dv_ctl_threads));
	CHECK(dv_ctl_threads(&p) && !dv_ctl_event(&p));
	((struct dv_ctl_threads *)(void *)p.payload)->count = DV_CTL_VCPUS + 1;
	CHECK(!dv_ctl_threads(&p));
	fill(DV_CTL_EVENT, sizeof(struct dv_ctl_event));
	CHECK(dv_ctl_event(&p) && !dv_ctl_load(&p));
}

static void test_names(void)
{
	static const char longest[] = "123456789012345678901234567890123456789012345678901234567890123";

	CHECK(dv_ctl_name_valid("web"));
	CHECK(dv_ctl_name_valid("A.b_c-9"));
	CHECK(dv_ctl_name_valid(longest));
	CHECK(!dv_ctl_name_valid("1234567890123456789012345678901234567890123456789012345678901234"));
	CHECK(!dv_ctl_name_valid(""));
	CHECK(!dv_ctl_name_valid("."));
	CHECK(!dv_ctl_name_valid(".."));
	CHECK(!dv_ctl_name_valid("a/b"));
	CHECK(!dv_ctl_name_valid("a b"));
	CHECK(!dv_ctl_name_valid("a\n"));
	CHECK(!dv_ctl_name_valid("\xc3\xa4"));
}

// Guests of the user who has called sudo.
static void test_rundir_sudo(void)
{
	unsigned own = 1900000000u + (unsigned)getpid() % 100000u, uid = 0;
	char dir[64], id[16], buf[108];

	snprintf(id, sizeof(id), "%u", own);
	snprintf(dir, sizeof(dir), "/tmp/dvirt-%u", own);
	setenv("SUDO_UID", id, 1);
	CHECK(!dv_rundir_sudo_path(0, buf, sizeof(buf), &uid));
	REQUIRE(mkdir(dir, 0700) == 0);
	CHECK(!dv_rundir_sudo_path(0, buf, sizeof(buf), &uid)); // its owner is another, or this is not root
	if (geteuid() == 0 && chown(dir, own, 0) == 0) {
		static const char *const bad[] = {"", "0", "-1", "4294967295", "99999999999999999999", "1x", "../../etc"};

		REQUIRE(dv_rundir_sudo_path(0, buf, sizeof(buf), &uid));
		CHECK_STR(buf, dir);
		CHECK_EQ(uid, own);
		CHECK(!dv_rundir_sudo_path(1, buf, sizeof(buf), &uid));
		CHECK(!dv_rundir_sudo_path(0, buf, 8, &uid));
		chmod(dir, 0720);
		CHECK(!dv_rundir_sudo_path(0, buf, sizeof(buf), &uid));
		chmod(dir, 0700);
		setenv("DVIRT_RUNDIR", "/nowhere", 1);
		CHECK(!dv_rundir_sudo_path(0, buf, sizeof(buf), &uid));
		unsetenv("DVIRT_RUNDIR");
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			setenv("SUDO_UID", bad[i], 1);
			CHECK(!dv_rundir_sudo_path(0, buf, sizeof(buf), &uid));
		}
	}
	unsetenv("SUDO_UID");
	rmdir(dir);
}

static void test_rundir(void)
{
	char base[] = "/tmp/dvirt-test-XXXXXX", dir[64], file[80], buf[108];
	struct stat st;

	REQUIRE(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/run", base);
	setenv("DVIRT_RUNDIR", dir, 1);
	CHECK_EQ(dv_rundir_path(false, buf, sizeof(buf)), -ENOENT);
	CHECK_EQ(dv_rundir_path(true, buf, sizeof(buf)), 0);
	CHECK_STR(buf, dir);
	CHECK(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK_EQ(dv_rundir_path(true, buf, 8), -ENAMETOOLONG);
	chmod(dir, 0777);
	CHECK_EQ(dv_rundir_path(false, buf, sizeof(buf)), -EPERM);
	chmod(dir, 0755);
	CHECK_EQ(dv_rundir_path(false, buf, sizeof(buf)), 0);
	snprintf(file, sizeof(file), "%s/file", dir);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	setenv("DVIRT_RUNDIR", file, 1);
	CHECK_EQ(dv_rundir_path(true, buf, sizeof(buf)), -ENOTDIR);
	unlink(file);
	rmdir(dir);
	rmdir(base);
	unsetenv("DVIRT_RUNDIR");
}

int main(void)
{
	int pid = 0;
	unsigned uid = 1;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	test_round();
	test_descriptors();
	test_refused();
	test_payloads();
	test_names();
	test_rundir();
	test_rundir_sudo();
	CHECK(dv_ctl_peer_cred(s[0], &pid, &uid) == 0 && pid == getpid() && uid == geteuid());
	close(s[0]);
	CHECK_EQ(dv_ctl_recv(s[1], &p, true), -EPIPE);
	CHECK_EQ(dv_ctl_send(s[1], DV_CTL_HELLO, 1, NULL, 0, NULL, 0, true), -EPIPE);
	return test_done();
}
