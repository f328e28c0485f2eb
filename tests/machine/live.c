/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live COMMAND NAME ...: try the machine layer on a running guest, without the language. test-qemu.py drives it.
 *
 *   show NAME                     state, kernel, vCPUs
 *   trace NAME SECONDS SITE...    count firings, until then or the end of standard input; SITE is e:FUNC (entry),
 * r:FUNC (return), s:FUNC (entry, system call's arguments), x:FUNC:NR (at FUNC's entry, by system call number) rounds
 * NAME N SITE...         attach and detach N times hold NAME SECONDS SITE...     attach and read nothing
 * (bufpolicy=block), then die without detaching
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "session.h"

static struct dv_machine *found;
static const char *wanted;

static void on_machine(void *ctx, struct dv_machine *m)
{
	if (!found && strcmp(m->name, wanted) == 0)
		found = m;
	else
		dv_machine_close(m);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct dv_machine *open_machine(const char *name)
{
	wanted = name;
	for (size_t i = 0; dv_backends[i]; i++)
		die(dv_backends[i]->scan(on_machine, NULL));
	if (!found) {
		fprintf(stderr, "live: no machine '%s'\n", name);
		exit(2);
	}
	uint64_t t = now_ns();
	die(dv_machine_open(found, 1));
	for (int i = 0; i < 100 && found->state == DV_MACHINE_WAITING; i++) {
		usleep(100000);
		found->ops->poll(found);
	}
	fprintf(stderr, "open: %.1f ms, state %d, %s%s\n", (double)(now_ns() - t) / 1e6, found->state, found->detail,
		found->why);
	if (found->state != DV_MACHINE_READY)
		exit(3);
	return found;
}

static int trace(struct dv_machine *m, double seconds, char **specs, int count)
{
	int fd, shown = 0;
	void *region = make_region(m, 0, &fd);
	struct image *img = make_image(m, specs, count);
	uint64_t t = now_ns(), end, drops = 0;

	die(m->ops->load(m, fd, region_size, img, sizeof(*img), NULL, 0));
	printf("load %.2f ms\n", (double)(now_ns() - t) / 1e6);
	printf("tracing\n");
	fflush(stdout);
	end = now_ns() + (uint64_t)(seconds * 1e9);
	while (now_ns() < end) {
		struct pollfd in = {0, POLLIN, 0};
		char c;
		take_records(region, m->vcpu_max, &shown);
		if (poll(&in, 1, 1) > 0 && read(0, &c, 1) <= 0)
			break;
	}
	t = now_ns();
	die(m->ops->unload(m));
	printf("unload %.2f ms\n", (double)(now_ns() - t) / 1e6);
	take_records(region, m->vcpu_max, &shown);
	for (int i = 0; i < count; i++)
		printf("count %s %llu\n", specs[i], *(unsigned long long *)((char *)region + COUNTER(i)));
	for (uint32_t i = 0; i < m->vcpu_max; i++)
		for (int d = 0; d < DV_DROP_COUNT; d++)
			drops += dv_region_producer(region, region_size, i)->drops[d];
	printf("records %d drops %llu\n", shown, (unsigned long long)drops);
	free(img);
	return 0;
}

static unsigned count_files(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static unsigned long resident_kb(int pid)
{
	char path[64], line[128];
	unsigned long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static int rounds(struct dv_machine *m, int n, char **specs, int count)
{
	int fd, shown = 1000;
	void *region = make_region(m, 0, &fd);
	struct image *img = make_image(m, specs, count);
	char path[64];
	unsigned long kb0 = 0, kb1, maps0 = 0, maps1;
	unsigned fds0 = 0, fds1;
	uint64_t fired = 0, silent = 0, slowest = 0, first = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", m->pid);
	for (int i = 0; i < n + 10; i++) {
		uint64_t before = *(uint64_t *)((char *)region + COUNTER(0)), t = now_ns();
		die(m->ops->load(m, fd, region_size, img, sizeof(*img), NULL, 0));
		uint64_t took = now_ns() - t;
		// Code is translated anew first; on a busy host that takes a while.
		for (int k = 0; k < 2000 && *(volatile uint64_t *)((char *)region + COUNTER(0)) == before; k++)
			usleep(1000);
		first = now_ns() - t - took > first ? now_ns() - t - took : first;
		take_records(region, m->vcpu_max, &shown);
		t = now_ns();
		die(m->ops->unload(m));
		took = now_ns() - t > took ? now_ns() - t : took;
		slowest = took > slowest ? took : slowest;
		uint64_t after = *(uint64_t *)((char *)region + COUNTER(0));
		fired += after - before;
		usleep(1000);
		if (*(uint64_t *)((char *)region + COUNTER(0)) != after)
			silent++; // fired after the detach
		if (i == 9)
			kb0 = resident_kb(m->pid), fds0 = count_files(path), maps0 = count_files("/proc/self/fd");
	}
	kb1 = resident_kb(m->pid), fds1 = count_files(path), maps1 = count_files("/proc/self/fd");
	printf("rounds %d fired %llu after %llu slowest_ms %.2f first_ms %.2f\nfds %u %u own %lu %lu\nkb %lu %lu\n", n,
	       (unsigned long long)fired, (unsigned long long)silent, (double)slowest / 1e6, (double)first / 1e6, fds0,
	       fds1, maps0, maps1, kb0, kb1);
	free(img);
	return 0;
}

static int hold(struct dv_machine *m, double seconds, char **specs, int count)
{
	int fd;
	void *region = make_region(m, DV_REGION_BLOCK, &fd);
	struct image *img = make_image(m, specs, count);

	die(m->ops->load(m, fd, region_size, img, sizeof(*img), NULL, 0));
	usleep((useconds_t)(seconds * 1e6));
	printf("count %s %llu\n", specs[0], *(unsigned long long *)((char *)region + COUNTER(0)));
	fflush(stdout);
	return raise(SIGKILL);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	struct dv_machine *m = open_machine(argv[2]);
	int r = 0;

	printf("machine %s release %s vcpus %u of %u types %d\n", m->name, dv_guest_release(m->guest), m->vcpus,
	       m->vcpu_max, dv_guest_has_types(m->guest));
	if (argc > 4 && strcmp(argv[1], "trace") == 0)
		r = trace(m, atof(argv[3]), argv + 4, argc - 4);
	else if (argc > 4 && strcmp(argv[1], "rounds") == 0)
		r = rounds(m, atoi(argv[3]), argv + 4, argc - 4);
	else if (argc > 4 && strcmp(argv[1], "hold") == 0)
		r = hold(m, atof(argv[3]), argv + 4, argc - 4);
	dv_machine_close(m);
	return r;
}
