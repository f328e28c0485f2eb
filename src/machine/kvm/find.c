// SPDX-License-Identifier: GPL-2.0-or-later
//
// Descriptors of virtual machines are links to "anon_inode:kvm-vm" in /proc/PID/fd. Two of them may be one machine: kcmp(2)
// tells. A machine keeps its name as long as it runs, whatever comes and goes beside it.
//
// A host may have tens of thousands of descriptors, and whoever waits for a machine asks several times in a second. So the
// answer to an earlier question is given again until looking has taken no more than a fiftieth of the time. When a machine has
// been made, which is said before its descriptor is there, half of the time is right, for a while.
#include "machine/kvm/find.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/system.h"

#define VM_LINK   "anon_inode:kvm-vm"
#define VCPU_LINK "anon_inode:kvm-vcpu:"
#define ARGS_MAX  65536u
#define SPARE     50u
#define FRESH     3000000000u /* ns */

struct list {
	DV_VEC(struct dv_kvm_found) v;
};

static struct list named; // all that have a name

static bool same(const struct dv_kvm_found *a, const struct dv_kvm_found *b)
{
	return syscall(SYS_kcmp, a->pid, b->pid, KCMP_FILE, a->fd, b->fd) == 0;
}

static size_t read_text(int pid, const char *file, char *buf, size_t size)
{
	char path[64];
	FILE *f;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	if (f) {
		n = fread(buf, 1, size - 1, f);
		fclose(f);
	}
	buf[n] = '\0';
	return n;
}

// What program a process runs, as it may go to a terminal.
static void program_of(int pid, const char *comm, char ret[DV_KVM_NAME])
{
	char path[64], exe[512], *base;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	base = strrchr(exe, '/');
	snprintf(ret, DV_KVM_NAME, "%s", base && base[1] ? base + 1 : comm);
	base = strstr(ret, " (deleted)");
	if (base)
		*base = '\0';
	for (char *p = ret; *p; p++)
		if (*p <= ' ' || *p >= 127)
			*p = '?';
}

static void look_at(int pid, struct list *ret)
{
	char path[64], link[64];
	size_t first = ret->v.count;
	uint32_t vcpus = 0;
	uint64_t start;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((d = readdir(dir))) {
		ssize_t n = isdigit((unsigned char)d->d_name[0]) ? readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1) : -1;
		struct dv_kvm_found f = {.pid = pid};
		bool known = false;

		if (n <= 0)
			continue;
		link[n] = '\0';
		vcpus += !strncmp(link, VCPU_LINK, sizeof(VCPU_LINK) - 1);
		if (strcmp(link, VM_LINK) != 0)
			continue;
		f.fd = atoi(d->d_name);
		for (size_t i = first; i < ret->v.count && !known; i++)
			known = same(&f, &ret->v.data[i]);
		if (!known)
			*DV_PUSH(&ret->v) = f;
	}
	closedir(dir);
	if (ret->v.count == first)
		return;
	start = dv_proc_start(pid);
	for (size_t i = first; i < ret->v.count; i++) {
		ret->v.data[i].start = start;
		ret->v.data[i].vcpus = ret->v.count - first == 1 ? vcpus : 0; // which are whose is not seen here
	}
	if (!start)
		ret->v.count = first;
}

static int by_age(const void *a, const void *b)
{
	const struct dv_kvm_found *x = a, *y = b;

	return x->start != y->start ? (x->start > y->start) - (x->start < y->start)
	       : x->pid != y->pid   ? (x->pid > y->pid) - (x->pid < y->pid)
				    : (x->fd > y->fd) - (x->fd < y->fd);
}

static struct dv_kvm_found *find_named(const struct dv_kvm_found *f)
{
	for (size_t i = 0; i < named.v.count; i++) {
		struct dv_kvm_found *o = &named.v.data[i];

		if (o->pid == f->pid && o->fd == f->fd && o->start == f->start)
			return o;
	}
	return NULL;
}

static bool taken(const char *name)
{
	if (!strcmp(name, "host"))
		return true;
	for (size_t i = 0; i < named.v.count; i++)
		if (!strcmp(named.v.data[i].name, name))
			return true;
	return false;
}

static void give_name(struct dv_kvm_found *f)
{
	DV_FREE char *args = dv_xcalloc(1, ARGS_MAX);
	size_t size = read_text(f->pid, "cmdline", args, ARGS_MAX);
	char comm[64], suffix[32];

	read_text(f->pid, "comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = '\0';
	program_of(f->pid, comm, f->vmm);
	dv_kvm_name(args, size, comm, f->pid, f->name);
	snprintf(suffix, sizeof(suffix), "-%d", f->pid);
	if (taken(f->name))
		dv_kvm_name_suffix(f->name, suffix);
	// Another may call itself what this one is called then.
	for (unsigned n = (unsigned)f->fd; taken(f->name); n++) {
		snprintf(suffix, sizeof(suffix), "-%u", n);
		dv_kvm_name_suffix(f->name, suffix);
	}
	*DV_PUSH(&named.v) = *f;
}

// Names of machines that are no more are free again.
static void forget(const struct list *now)
{
	size_t n = 0;

	for (size_t i = 0; i < named.v.count; i++) {
		const struct dv_kvm_found *o = &named.v.data[i];
		bool there = false;

		for (size_t k = 0; k < now->v.count && !there; k++)
			there = now->v.data[k].pid == o->pid && now->v.data[k].fd == o->fd && now->v.data[k].start == o->start;
		if (there)
			named.v.data[n++] = *o;
	}
	named.v.count = n;
}

// Machines that are one, under the oldest process; all have names.
static void walk(struct list *all)
{
	struct dirent *d;
	size_t n = 0;
	DIR *proc = opendir("/proc");

	all->v.count = 0;
	while (proc && (d = readdir(proc)))
		if (isdigit((unsigned char)d->d_name[0]))
			look_at(atoi(d->d_name), all);
	if (proc)
		closedir(proc);
	if (all->v.count)
		qsort(all->v.data, all->v.count, sizeof(all->v.data[0]), by_age);
	for (size_t i = 0; i < all->v.count; i++) {
		bool known = false;

		for (size_t k = 0; k < n && !known; k++)
			known = all->v.data[k].pid != all->v.data[i].pid && same(&all->v.data[k], &all->v.data[i]);
		if (!known)
			all->v.data[n++] = all->v.data[i];
	}
	all->v.count = n;
	forget(all);
	for (size_t i = 0; i < n; i++) {
		struct dv_kvm_found *f = &all->v.data[i];
		const struct dv_kvm_found *o = find_named(f);

		if (o) {
			memcpy(f->name, o->name, sizeof(f->name));
			memcpy(f->vmm, o->vmm, sizeof(f->vmm));
		} else {
			give_name(f);
		}
	}
}

static uint64_t walked, took; // when it was last looked, and for how long
static uint64_t fresh_until;

void dv_kvm_find_anew(void)
{
	fresh_until = dv_clock_ns() + FRESH;
}

void dv_kvm_find(void (*fn)(void *ctx, const struct dv_kvm_found *f), void *ctx)
{
	static struct list all;
	uint64_t now = dv_clock_ns();

	// Without the module there are none; whether it is built in or not, it has parameters.
	if (access("/sys/module/kvm", F_OK))
		return;
	if (now >= walked + took * (now < fresh_until ? 1 : SPARE)) {
		walk(&all);
		walked = dv_clock_ns();
		took = walked - now;
	}
	for (size_t i = 0; i < all.v.count; i++)
		if (dv_proc_start(all.v.data[i].pid) == all.v.data[i].start)
			fn(ctx, &all.v.data[i]);
}
