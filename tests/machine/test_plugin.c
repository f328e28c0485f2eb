/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plugin in a QEMU of each level of the plugin interface: this program has the functions that QEMU would have, as
 * that level has them, and calls the plugin as that level does. It is asked for a vCPU's registers twice: once by a
 * look from the vCPU's thread, outside of callbacks, and once where the next kernel code is translated.
 */
#include <dlfcn.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"
#include "machine/qemu/ctlmsg.h"

#define EXPORT __attribute__((visibility("default"), used))
#define ID 7u
#define VCPU 3u
#define CODE 0xffffffff81234000ull

static int level, major, minor;
static const char *file;

/* -- registers ------------------------------------------------------------------------------------------------- */

static const struct reg {
	const char *name;
	uint64_t value;
} regs[] = {
    {"rax", 1},
    {"rip", 0x401000},
    {"rsp", 0xffffc90000010000},
    {"k_gs_base", 0},
    {"gs_base", 0xffff88800f000000},
    {"cr0", 0x80050033},
    {"cr3", 0x123456000},
    {"cr4", 0x6f0},
    {"efer", 0xd01},
};
static uint64_t rip = CODE + 5; // that the look sees
static __thread bool in_callback;
EXPORT __thread void *current_cpu;
static int cpu; // its address stands for QEMU's object

static void append(GByteArray *buf, unsigned i)
{
	uint64_t v = !strcmp(regs[i].name, "rip") ? rip : regs[i].value;

	g_byte_array_append(buf, (const guint8 *)&v, sizeof(v));
}

EXPORT GArray *qemu_plugin_get_registers(void)
{
	struct {
		uintptr_t handle;
		const char *name, *feature;
		bool is_readonly;
	} d = {0};
	size_t size = level >= 5 ? sizeof(d) : offsetof(__typeof__(d), is_readonly);
	GArray *a = g_array_new(FALSE, FALSE, (guint)size);

	for (unsigned i = 0; i < G_N_ELEMENTS(regs); i++) {
		d.handle = level >= 5 ? 2 * i + 2 : i + 1;
		d.name = regs[i].name;
		g_array_append_vals(a, &d, 1);
	}
	return a;
}

EXPORT int qemu_plugin_read_register(void *handle, GByteArray *buf)
{
	unsigned i = (unsigned)((uintptr_t)handle / (level >= 5 ? 2 : 1) - 1);

	if (level >= 5 && !in_callback)
		return level >= 6 ? 0 : -1;
	append(buf, i);
	return level >= 6 ? 1 : 8;
}

EXPORT GArray *gdb_get_register_list(void *c)
{
	struct {
		int number;
		const char *name, *feature;
	} d = {0};
	GArray *a = g_array_new(FALSE, FALSE, sizeof(d));

	for (unsigned i = 0; i < G_N_ELEMENTS(regs); i++) {
		d.number = (int)i;
		d.name = regs[i].name;
		g_array_append_vals(a, &d, 1);
	}
	return c == &cpu ? a : NULL;
}

EXPORT int gdb_read_register(void *c, GByteArray *buf, int number)
{
	CHECK(c == &cpu);
	append(buf, (unsigned)number);
	return 8;
}

EXPORT bool qemu_plugin_read_memory_vaddr(uint64_t addr, GByteArray *data, size_t size)
{
	return false;
}
EXPORT void *qemu_get_cpu(int index)
{
	return index == VCPU ? &cpu : NULL;
}

struct triple {
	int64_t major, minor, micro;
};
EXPORT void *qmp_query_version(void *err)
{
	static struct triple v;
	static struct {
		struct triple *qemu;
		char *package;
	} info = {&v, NULL};

	v = (struct triple){major, minor, 2};
	return &info;
}

/* -- callbacks and the vCPU's thread --------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*init_cb)(void), (*translate_cb)(void), (*reset_cb)(void);
static struct work {
	void (*fn)(void *cpu, void *arg);
	void *arg;
} queue[16];
static unsigned queued;

EXPORT void qemu_plugin_register_vcpu_init_cb(uint64_t id, void (*cb)(void), void *ctx)
{
	init_cb = cb;
}
EXPORT void qemu_plugin_register_vcpu_exit_cb(uint64_t id, void (*cb)(void), void *ctx)
{
}
EXPORT void qemu_plugin_register_vcpu_idle_cb(uint64_t id, void (*cb)(void), void *ctx)
{
}
EXPORT void qemu_plugin_register_vcpu_resume_cb(uint64_t id, void (*cb)(void), void *ctx)
{
}
EXPORT void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(void), void *ctx)
{
}
EXPORT void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*cb)(void), void *ctx)
{
	translate_cb = cb;
}
EXPORT void qemu_plugin_reset(uint64_t id, void (*cb)(void), void *ctx)
{
	reset_cb = cb;
}
EXPORT uint64_t qemu_plugin_tb_vaddr(const void *tb)
{
	return *(const uint64_t *)tb;
}
EXPORT size_t qemu_plugin_tb_n_insns(const void *tb)
{
	return 0;
}

EXPORT void async_run_on_cpu(void *c, void (*fn)(void *cpu, void *arg), void *arg)
{
	pthread_mutex_lock(&lock);
	REQUIRE(c == &cpu && queued < G_N_ELEMENTS(queue));
	queue[queued++] = (struct work){fn, arg};
	pthread_mutex_unlock(&lock);
}

static void vcpu_work(void)
{
	static uint64_t tb = CODE;
	struct work w = {0};

	pthread_mutex_lock(&lock);
	if (queued) {
		w = queue[0];
		memmove(queue, queue + 1, --queued * sizeof(*queue));
	}
	pthread_mutex_unlock(&lock);
	if (w.fn)
		w.fn(&cpu, w.arg);
	if (reset_cb) {
		void (*cb)(void) = reset_cb;

		reset_cb = translate_cb = NULL;
		if (level >= 7)
			((void (*)(void *))cb)(NULL);
		else
			((void (*)(uint64_t))cb)(ID);
	}
	if (translate_cb) {
		in_callback = true;
		if (level >= 7)
			((void (*)(void *, void *))translate_cb)(&tb, NULL);
		else
			((void (*)(uint64_t, void *))translate_cb)(ID, &tb);
		in_callback = false;
	}
}

static void *vcpu(void *arg)
{
	current_cpu = &cpu;
	in_callback = true;
	if (level >= 7)
		((void (*)(unsigned, void *))init_cb)(VCPU, NULL);
	else
		((void (*)(uint64_t, unsigned))init_cb)(ID, VCPU);
	in_callback = false;
	for (;;) {
		vcpu_work();
		usleep(1000);
	}
	return NULL;
}

/* -- the questions --------------------------------------------------------------------------------------------- */

static struct dv_ctl_packet answer;

static void ask(int fd, uint32_t type, const void *payload, uint32_t size)
{
	int r = dv_ctl_send(fd, type, 1, payload, size, NULL, 0, false);

	while (!r && !(r = dv_ctl_recv(fd, &answer, false)) && answer.msg.type == DV_CTL_EVENT)
		;
	REQUIRE(r == 0);
	dv_ctl_close_fds(&answer);
	CHECK_EQ(answer.msg.type, type);
}

static void check_regs(int fd, uint32_t ms, uint64_t want_rip)
{
	struct dv_ctl_regs_ask a = {.timeout_ms = ms};
	const struct dv_ctl_regs *r;

	ask(fd, DV_CTL_REGS, &a, sizeof(a));
	r = dv_ctl_regs(&answer);
	REQUIRE(r);
	CHECK_EQ(r->found, 1);
	CHECK_EQ(r->rip, want_rip);
	CHECK_EQ(r->cr3, 0x123456000);
	CHECK_EQ(r->cr4, 0x6f0);
	CHECK_EQ(r->efer, 0xd01);
	CHECK_EQ(r->gs_base, 0xffff88800f000000);
}

static int child(void)
{
	struct {
		const char *target;
		int min, cur;
		bool system;
		int smp, max;
	} info = {"x86_64", level >= 7 ? 7 : 2, level, true, 1, 8};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char name[] = "name=fake", *argv[] = {name};
	const struct dv_ctl_hello *h;
	pthread_t t;
	int fd = -1;

	void *so = dlopen(file, RTLD_NOW);
	if (!so)
		fprintf(stderr, "%s\n", dlerror());
	REQUIRE(so);
	int *claimed = dlsym(so, "qemu_plugin_version");
	int (*install)(uint64_t, const void *, int, char **) =
	    (int (*)(uint64_t, const void *, int, char **))dlsym(so, "qemu_plugin_install");
	REQUIRE(claimed && install);
	CHECK_EQ(*claimed, level >= 7 ? 7 : 4);
	REQUIRE(install(ID, &info, 1, argv) == 0);
	REQUIRE(init_cb && !translate_cb);
	REQUIRE(pthread_create(&t, NULL, vcpu, NULL) == 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/fake.sock", getenv("DVIRT_RUNDIR"));
	for (int i = 0; i < 500; i++) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			break;
		close(fd);
		fd = -1;
		usleep(10000);
	}
	REQUIRE(fd >= 0);
	do {
		ask(fd, DV_CTL_HELLO, NULL, 0);
		h = dv_ctl_hello(&answer);
		REQUIRE(h);
	} while (!h->vcpus);
	CHECK_EQ((int)h->api, level);
	ask(fd, DV_CTL_THREADS, NULL, 0);
	const struct dv_ctl_threads *threads = dv_ctl_threads(&answer);
	REQUIRE(threads && threads->count == VCPU + 1);
	CHECK(threads->tid[VCPU] > 0 && !threads->tid[0]);
	check_regs(fd, 50, CODE + 5);
	rip = 0x401000; // a program of the guest: kernel code that is translated has to tell
	check_regs(fd, 900, CODE);
	return test_failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct {
		int level, major, minor;
	} qemus[] = {{4, 9, 2}, {4, 10, 0}, {5, 10, 1}, {6, 10, 2}, {6, 11, 0}, {7, 11, 1}, {7, 12, 0}};
	char dir[] = "/tmp/dvirt-test-XXXXXX", path[64];

	REQUIRE(argc == 2 && mkdtemp(dir));
	file = argv[1];
	setenv("DVIRT_RUNDIR", dir, 1);
	for (unsigned i = 0; i < G_N_ELEMENTS(qemus); i++) {
		int status = -1;
		pid_t pid;

		level = qemus[i].level;
		major = qemus[i].major;
		minor = qemus[i].minor;
		pid = fork();
		if (!pid)
			_exit(child());
		REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
		if (status)
			fprintf(stderr, "level %d, QEMU %d.%d: status %x\n", level, major, minor, status);
		CHECK_EQ(status, 0);
	}
	snprintf(path, sizeof(path), "%s/fake.sock", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/.lock", dir);
	unlink(path);
	rmdir(dir);
	return test_done();
}
