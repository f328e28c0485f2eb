/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dvirt-qemu.so: makes a QEMU guest traceable. This file is what QEMU calls at the start.
 *
 * When no session is attached, nothing is registered on translation, so the guest runs the very code that it would run
 * without the plugin. Attaching is a reset of the plugin, which drops QEMU's translated code, after which translation
 * asks us about each block; detaching is another.
 */
#include "machine/qemu/plugin.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "machine/qemu/ctlmsg.h"

#define EXPORT __attribute__((visibility("default")))

struct dv_plugin g = {.listen_fd = -1, .event_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .phys = {dv_ram_phys, NULL}};

/* QEMU reads it before it calls qemu_plugin_install(). */
extern int qemu_plugin_version;
EXPORT int qemu_plugin_version = DV_QEMU_API;
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_plugin_info *info, int argc, char **argv);

/* QEMU's version. The structure is part of its stable monitor protocol. */
static void find_version(unsigned *major, unsigned *minor)
{
	struct triple { int64_t major, minor, micro; };
	struct info { struct triple *qemu; char *package; };
	struct info *(*query)(void *) = (struct info *(*)(void *))dlsym(RTLD_DEFAULT, "qmp_query_version");

	*major = *minor = 0;
	snprintf(g.version, sizeof(g.version), "unknown");
	if (!query)
		return;
	struct info *v = query(NULL);
	if (!v || !v->qemu || v->qemu->major <= 0 || v->qemu->major >= 1000)
		return;
	*major = (unsigned)v->qemu->major;
	*minor = (unsigned)v->qemu->minor;
	snprintf(g.version, sizeof(g.version), "%u.%u.%d", *major, *minor, (int)v->qemu->micro);
}

/* QEMU asks for the level before it tells its own, and takes level 4 or level 7, never both: its version says which. One
 * that lacks what we need would refuse level 4 with words that say little: claim a level that it accepts, and refuse in
 * qemu_plugin_install(). */
__attribute__((constructor)) static void claim_level(void)
{
	unsigned major, minor;

	find_version(&major, &minor);
	if (!qemu_plugin_read_register)
		qemu_plugin_version = 1;
	else if (!qemu_plugin_read_memory_vaddr)
		qemu_plugin_version = 2;
	else if (major > 11 || (major == 11 && minor >= 1))
		qemu_plugin_version = DV_QEMU_API_LAST;
}

uint64_t dv_now_ns(void)
{
	return dv_clock_ns();
}

static void on_init(unsigned vcpu)
{
	dv_cpu_init(vcpu);
	if (!g.thread_started) { // QEMU's big lock is held: one at a time. Later than install: -daemonize has forked by
				 // now
		g.thread_started = true;
		// A process that gives up its rights afterwards (-run-with user=) may not open it any more.
		g.mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
		dv_ctl_start();
	}
}

static void on_exit_vcpu(unsigned vcpu)
{
	dv_cpu_exit(vcpu);
}

/* QEMU keeps one callback of each kind, so these serve two ends: the door, and who is idle. */
static void on_idle(unsigned vcpu)
{
	if (dv_snap_clock(g.snap))
		dv_clock_idle(dv_snap_clock(g.snap), vcpu, true);
	if (dv_cpu_hidden())
		dv_cpu_door(vcpu);
}

static void on_resume(unsigned vcpu)
{
	if (dv_snap_clock(g.snap))
		dv_clock_idle(dv_snap_clock(g.snap), vcpu, false);
	if (dv_cpu_hidden())
		dv_cpu_door(vcpu);
}

static void on_translate(struct qemu_plugin_tb *tb)
{
	uint64_t va = qemu_plugin_tb_vaddr(tb);

	dv_tcg_learn(tb);
	if (__atomic_load_n(&g.door_switch, __ATOMIC_ACQUIRE))
		dv_cpu_door(0);
	if (DV_KERNEL_VA(va) && __atomic_load_n(&g.want_sample, __ATOMIC_ACQUIRE))
		dv_cpu_sample_here(va);
	if (g.snap)
		dv_snap_translate(g.snap, tb, va);
}

static void on_qemu_exit(void)
{
	__atomic_store_n(&g.exiting, 1, __ATOMIC_RELEASE);
	dv_ctl_unlink();
}

/* The same callbacks with the arguments of either level. */
#define BOTH(fn, T)                                   \
	static void fn##_4(qemu_plugin_id_t id, T x)  \
	{                                             \
		fn(x);                                \
	}                                             \
	static void fn##_7(T x, void *userdata)       \
	{                                             \
		fn(x);                                \
	}
BOTH(on_init, unsigned)
BOTH(on_exit_vcpu, unsigned)
BOTH(on_idle, unsigned)
BOTH(on_resume, unsigned)
BOTH(on_translate, struct qemu_plugin_tb *)
#define CB(fn) (qemu_plugin_version >= 7 ? (qemu_plugin_cb)fn##_7 : (qemu_plugin_cb)fn##_4), NULL

void dv_plugin_register(void)
{
	qemu_plugin_register_vcpu_init_cb(g.id, CB(on_init));
	qemu_plugin_register_vcpu_exit_cb(g.id, CB(on_exit_vcpu));
	qemu_plugin_register_atexit_cb(g.id, on_qemu_exit, NULL);
	if (dv_cpu_hidden() || dv_snap_clock(g.snap)) {
		qemu_plugin_register_vcpu_idle_cb(g.id, CB(on_idle));
		qemu_plugin_register_vcpu_resume_cb(g.id, CB(on_resume));
	}
	if (dv_cpu_hidden() || g.snap || __atomic_load_n(&g.want_sample, __ATOMIC_ACQUIRE))
		qemu_plugin_register_vcpu_tb_trans_cb(g.id, CB(on_translate));
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_plugin_info *info, int argc, char **argv)
{
	pthread_condattr_t attr;
	char msg[320];

	if (info->version.cur < qemu_plugin_version || info->version.min > qemu_plugin_version ||
	    !qemu_plugin_read_memory_vaddr) {
		fprintf(stderr,
			"dvirt: this QEMU (%s) offers plugin API levels %d to %d, dvirt needs level %d or %d: QEMU 10.0 has it\n",
			g.version, info->version.min, info->version.cur, DV_QEMU_API, DV_QEMU_API_LAST);
		return -1;
	}
	if (!info->system_emulation || strcmp(info->target_name, "x86_64") != 0) {
		fprintf(stderr, "dvirt: only x86_64 machines can be traced, this is %s%s\n", info->target_name,
		        info->system_emulation ? "" : " user mode");
		return -1;
	}
	g.id = id;
	g.api = info->version.cur;
	g.vcpu_max = info->system.max_vcpus;
	snprintf(g.target, sizeof(g.target), "%s", info->target_name);
	snprintf(g.name, sizeof(g.name), "%d", (int)getpid());
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "name=", 5) != 0 || !dv_ctl_name_valid(argv[i] + 5)) {
			fprintf(stderr,
				"dvirt: '%s' is not understood: name=NAME, of at most 63 letters, digits, '.', '_' and "
				"'-'\n",
				argv[i]);
			return -1;
		}
		snprintf(g.name, sizeof(g.name), "%s", argv[i] + 5);
	}
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g.cond, &attr);
	pthread_condattr_destroy(&attr);
	// A guest that cannot be traced still runs.
	if (dv_ctl_listen(msg, sizeof(msg)) < 0)
		fprintf(stderr, "dvirt: %s; this one cannot be traced\n", msg);
	else
		dv_plugin_register();
	return 0;
}
