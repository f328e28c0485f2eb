/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dvirt's side of the control protocol against plugins that are dead, silent, or lie. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/test.h"
#include "machine/machine.h"
#include "machine/qemu/ctlmsg.h"

static char dir[] = "/tmp/dvirt-test-XXXXXX";

enum behaviour { SILENT, CLOSES, GARBAGE, OLD, BAD_HELLO, BAD_REGS, BAD_THREADS, NO_KERNEL, NO_RAM, FIFO, REFUSES, BEHAVIOURS };
static enum behaviour how;
static int listener = -1;
static unsigned loads;

static void reply(int fd, const struct dv_ctl_packet *q)
{
	static struct dv_ctl_hello hello = {.name = "fake",
					    .qemu_version = "10.0.2",
					    .target = "x86_64",
					    .pid = 0,
					    .api = 4,
					    .vcpus = 1,
					    .vcpu_max = 2};
	hello.pid = getpid();
	struct dv_ctl_hello bad = hello;
	static struct dv_ctl_regs regs;
	int pipes[2] = {-1, -1}, mem = -1;

	memset(&regs, 0, sizeof(regs));
	if (q->msg.type == DV_CTL_HELLO) {
		memset(bad.name, 'x', sizeof(bad.name));
		dv_ctl_send(fd, DV_CTL_HELLO, q->msg.serial, how == BAD_HELLO ? &bad : &hello, sizeof(hello), NULL, 0,
			    false);
		return;
	}
	if (q->msg.type == DV_CTL_THREADS) {
		static struct dv_ctl_threads t;

		t.count = how == BAD_THREADS ? DV_CTL_VCPUS + 1 : 3;
		t.tid[0] = getpid(); // of a thread that is there, of one that is not, of another process
		t.tid[1] = 999999999;
		t.tid[2] = getppid();
		dv_ctl_send(fd, DV_CTL_THREADS, q->msg.serial, &t, sizeof(t), NULL, 0, false);
		return;
	}
	if (q->msg.type != DV_CTL_REGS || how == REFUSES) {
		loads += q->msg.type == DV_CTL_LOAD;
		dv_ctl_send(fd, DV_CTL_ERROR, q->msg.serial, "no\033[2J", 6, NULL, 0, false);
		return;
	}
	if (how != NO_KERNEL) {
		regs.found = 1;
		regs.cr3 = 0x1000;
		regs.rip = regs.gs_base = 0xffffffff81000000;
		regs.efer = 0xd01;
	}
	if (how != NO_RAM && how != BAD_THREADS) {
		regs.range_count = 1;
		regs.ranges[0] = (struct dv_ctl_range){0, how == BAD_REGS ? 0 : 1 << 20, 1 << 20};
	}
	if (how == FIFO) {
		if (pipe(pipes) < 0)
			return;
		mem = pipes[0];
	} else {
		mem = open("/proc/self/mem", O_RDONLY);
	}
	dv_ctl_send(fd, DV_CTL_REGS, q->msg.serial, &regs, sizeof(regs), &mem, 1, false);
	close(mem);
	if (pipes[1] >= 0)
		close(pipes[1]);
}

static void *plugin(void *arg)
{
	static struct dv_ctl_packet q;
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (dv_ctl_recv(fd, &q, false) == 0) {
			dv_ctl_close_fds(&q);
			struct dv_ctl_msg old = {DV_CTL_MAGIC, DV_CTL_VERSION + 1, DV_CTL_HELLO, q.msg.serial, 0, 0};
			if (how == SILENT)
				continue;
			if (how == CLOSES)
				break;
			if (how == GARBAGE)
				CHECK(send(fd, "nonsense", 8, MSG_NOSIGNAL) == 8);
			else if (how == OLD)
				CHECK(send(fd, &old, sizeof(old), MSG_NOSIGNAL) == sizeof(old));
			else
				reply(fd, &q);
		}
		close(fd);
	}
	return NULL;
}

static struct dv_machine *machines[8];
static unsigned count;

static void on_machine(void *ctx, struct dv_machine *m)
{
	if (m->caps & DV_CAP_LOCAL) { // the host, which says that it is left out
		dv_machine_close(m);
		return;
	}
	REQUIRE(count < 8);
	machines[count++] = m;
}

static void scan(void)
{
	count = 0;
	for (size_t i = 0; dv_backends[i]; i++)
		CHECK(!dv_backends[i]->scan(on_machine, NULL));
}

static void close_all(void)
{
	for (unsigned i = 0; i < count; i++)
		dv_machine_close(machines[i]);
	count = 0;
}

static void expect(enum behaviour b, const char *word, enum dv_machine_state state)
{
	struct timespec a, z;

	how = b;
	scan();
	REQUIRE(count == 1);
	struct dv_machine *m = machines[0];
	CHECK_STR(m->name, "fake");
	CHECK_EQ(m->state, DV_MACHINE_FOUND);
	clock_gettime(CLOCK_MONOTONIC, &a);
	struct dv_error *e = dv_machine_open(m, 1);
	clock_gettime(CLOCK_MONOTONIC, &z);
	CHECK(z.tv_sec - a.tv_sec <= 3);
	const char *said = e ? e->msg : m->why;
	if (!strstr(said, word))
		fprintf(stderr, "%d: '%s' has no '%s'\n", b, said, word);
	CHECK(strstr(said, word));
	if (m->state != state)
		fprintf(stderr, "%d: state %d\n", b, m->state);
	CHECK(m->state == state);
	CHECK(!m->guest);
	if (how >= BAD_THREADS && how < BEHAVIOURS) {
		// Threads are looked up among those of its process.
		CHECK_EQ(m->tid_count, how == BAD_THREADS ? 0 : 3);
		CHECK(how == BAD_THREADS || (m->tids[0] == getpid() && !m->tids[1] && !m->tids[2]));
	}
	dv_error_destroy(e);
	m->ops->poll(m);
	close_all();
}

int main(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	pthread_t t;
	char buf[108];

	setenv("DVIRT_HOST", "no", 1); // only the machines of this test
	setenv("DVIRT_KVM", "no", 1);
	REQUIRE(mkdtemp(dir));
	setenv("DVIRT_RUNDIR", dir, 1);
	setenv("DVIRT_CACHE_DIR", dir, 1);
	unsetenv("DVIRT_FAKE");
	scan();
	CHECK_EQ(count, 0);
	CHECK(!dv_rundir(false, buf, sizeof(buf)));

	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/fake.sock", dir);
	REQUIRE(bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0);
	// Bound by a process that does not listen (any more).
	scan();
	CHECK_EQ(count, 1);
	CHECK(strstr(machines[0]->why, "not answering"));
	CHECK_EQ(machines[0]->state, DV_MACHINE_FOUND);
	struct dv_error *e = dv_machine_open(machines[0], 1);
	CHECK(e && e->code == DV_ERR_GONE);
	dv_error_destroy(e);
	close_all();

	REQUIRE(listen(listener, 8) == 0);
	REQUIRE(pthread_create(&t, NULL, plugin, NULL) == 0);
	expect(SILENT, "does not answer", DV_MACHINE_FOUND);
	expect(CLOSES, "ended", DV_MACHINE_GONE);
	expect(GARBAGE, "another protocol", DV_MACHINE_GONE);
	expect(OLD, "another protocol", DV_MACHINE_GONE);
	expect(BAD_HELLO, "nonsense", DV_MACHINE_GONE);
	expect(REFUSES, "no?[2J", DV_MACHINE_FOUND);
	expect(NO_KERNEL, "no kernel", DV_MACHINE_WAITING);
	expect(BAD_THREADS, "RAM", DV_MACHINE_WAITING);
	expect(NO_RAM, "RAM", DV_MACHINE_WAITING);
	expect(FIFO, "cannot open its own memory", DV_MACHINE_WAITING);
	expect(BAD_REGS, "nonsense", DV_MACHINE_WAITING);
	shutdown(listener, SHUT_RDWR);
	pthread_join(t, NULL);
	close(listener);
	unlink(a.sun_path);

	// Files that are no sockets, and names that no plugin makes.
	snprintf(buf, sizeof(buf), "%s/x.sock", dir);
	close(open(buf, O_CREAT | O_WRONLY, 0600));
	scan();
	CHECK_EQ(count, 1);
	CHECK(strstr(machines[0]->why, "not answering"));
	close_all();
	unlink(buf);
	snprintf(buf, sizeof(buf), "%s/a b.sock", dir);
	close(open(buf, O_CREAT | O_WRONLY, 0600));
	scan();
	CHECK_EQ(count, 0);
	unlink(buf);
	CHECK_EQ(rmdir(dir), 0);
	scan();
	CHECK_EQ(count, 0); // nothing was ever there
	chmod(dir, 0777);
	return test_done();
}
