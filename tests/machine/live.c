/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live COMMAND NAME ...: try the machine layer on a running guest, without the language. test-qemu.py drives it.
 *
 *   show NAME                     state, kernel, vCPUs
 *   trace NAME SECONDS SITE...    count firings; SITE is e:FUNC (entry), r:FUNC (return), s:FUNC (entry, system call's
 *                                 arguments), x:FUNC:NR (at FUNC's entry, by system call number)
 *   rounds NAME N SITE...         attach and detach N times
 *   hold NAME SECONDS SITE...     attach and read nothing (bufpolicy=block), then die without detaching
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi/region.h"
#include "base/mem.h"
#include "code/bytecode.h"
#include "lib/test.h"
#include "machine/machine.h"
#include "state/state.h"

#define SITES 16
#define COUNTER(i) (DV_GLOBALS_OFF + 8 + 8 * (i))

struct image {
	struct dv_load_image img;
	struct dv_load_site sites[SITES];
	struct dv_load_ecb ecbs[SITES];
	struct dv_load_prog progs[SITES];
	struct dv_load_sysret sysrets[SITES];
	uint64_t addrs[SITES];
	struct dv_insn insns[2048];
};

static struct dv_machine *found;
static const char *wanted;

static void on_machine(void *ctx, struct dv_machine *m)
{
	if (!found && strcmp(m->name, wanted) == 0)
		found = m;
	else
		dv_machine_close(m);
}

static void die(struct dv_error *e)
{
	if (!e)
		return;
	fprintf(stderr, "live: %s\n", e->msg);
	exit(2);
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
	fprintf(stderr, "open: %.1f ms, state %d, %s%s\n", (double)(now_ns() - t) / 1e6, found->state, found->detail, found->why);
	if (found->state != DV_MACHINE_READY)
		exit(3);
	return found;
}

static uint64_t region_size;

static void *make_region(struct dv_machine *m, uint32_t flags, int *fd)
{
	struct dv_region_config c = {
		.strsize = 256, .globals_size = 4096, .consts_size = 4096, .dyn_key_size = 256, .dyn_val_size = 64, .dyn_count = 64,
		.prod_count = m->vcpu_max, .ring_size = 1 << 16, .agg_size = 65536, .scratch_size = 8192, .this_size = 64,
		.flags = flags, .seed = 1, .machine_max = 2,
	};
	region_size = dv_region_size(&c);
	*fd = memfd_create("live", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	REQUIRE(region_size && *fd >= 0 && ftruncate(*fd, (off_t)region_size) == 0);
	REQUIRE(fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	char *r = mmap(NULL, region_size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	REQUIRE(r != MAP_FAILED);
	dv_region_init(r, region_size, &c);
	struct dv_region_hdr *h = dv_region_hdr(r);
	strcpy(r + DV_CONSTS_OFF + 8, "vm");
	h->machines[0] = (struct dv_machine_desc){.live = 1, .universe = 1, .name = DV_CONSTS_OFF + 8};
	for (uint32_t i = 0; i < m->vcpu_max; i++) {
		struct dv_producer *p = dv_region_producer(r, region_size, i);
		p->machine = 0;
		p->cpu = i;
	}
	return r;
}

static void add_program(struct image *m, uint32_t i)
{
	struct dv_insn *insns;
	uint32_t count;
	char text[1024];

	snprintf(text, sizeof(text),
	         "r1 = %u\nr2 = 0\nr3 = 1\nr4 = 0x18\ncall rmw\n"
	         "r1 = 128\ncall rec\n"
	         "r1 = %d\ncall bi\nr1 = r0\ncall reci\n"
	         "r1 = %d\ncall bi\nr1 = r0\ncall reci\n"
	         "r1 = %d\ncall bi\nr1 = r0\ncall reci\n"
	         "r1 = 0\ncall arg\nr1 = r0\ncall reci\n"
	         "r1 = 1\ncall arg\nr1 = r0\ncall reci\n"
	         "r1 = %d\ncall bi\nr1 = r0\ncall reci\n"
	         "r1 = %d\ncall bi\nr1 = r0\ncall reci\n"
	         "r1 = %d\ncall bi\nr1 = r0\ncall reci\n"
	         "r1 = %d\ncall bis\nr1 = r0\ncall recs\n"
	         "call recend\nr0 = 1\nexit",
	         COUNTER(i), DV_BI_PID, DV_BI_TID, DV_BI_PPID, DV_BI_UID, DV_BI_CALLER, DV_BI_CPU, DV_BI_EXECNAME);
	die(dv_asm(text, &insns, &count));
	REQUIRE(m->img.insn_count + count <= 2048);
	memcpy(m->insns + m->img.insn_count, insns, count * sizeof(*insns));
	m->progs[i] = (struct dv_load_prog){m->img.insn_count, count};
	m->ecbs[i] = (struct dv_load_ecb){.epid = i, .prog = i};
	m->img.insn_count += count;
	free(insns);
}

static struct image *make_image(struct dv_machine *vm, char **specs, int count)
{
	struct image *m = calloc(1, sizeof(*m));

	REQUIRE(m && count <= SITES);
	m->img = (struct dv_load_image){
		.magic = DV_LOAD_MAGIC, .version = DV_LOAD_VERSION, .size = sizeof(*m), .prod_count = vm->vcpu_max,
		.site_off = offsetof(struct image, sites), .ecb_off = offsetof(struct image, ecbs),
		.prog_off = offsetof(struct image, progs), .insn_off = offsetof(struct image, insns),
		.sysret_off = offsetof(struct image, sysrets), .sysret_addr_off = offsetof(struct image, addrs),
		.layout = *dv_guest_layout(vm->guest),
	};
	const struct dv_symbol *thunk = dv_guest_symbol(vm->guest, NULL, "__x86_return_thunk");
	m->img.thunk[0] = thunk ? thunk->addr : 0;
	for (int i = 0; i < count; i++) {
		char name[128];
		int nr = 0;
		sscanf(specs[i] + 2, "%127[^:]:%d", name, &nr);
		const struct dv_symbol *s = dv_guest_symbol(vm->guest, NULL, name);
		if (!s) {
			fprintf(stderr, "live: no function '%s'\n", name);
			exit(2);
		}
		struct dv_load_site *site = &m->sites[i];
		*site = (struct dv_load_site){.addr = s->addr, .size = s->size, .probe = (uint32_t)i + 1, .ecb = (uint32_t)i, .ecb_count = 1};
		switch (specs[i][0]) {
		case 'e': site->kind = DV_SITE_ADDR, site->args = DV_ARGS_FUNC; break;
		case 's': site->kind = DV_SITE_ADDR, site->args = DV_ARGS_SYSCALL; break;
		case 'r': site->kind = DV_SITE_RETURNS, site->args = DV_ARGS_RETURN; break;
		case 'x':
			site->kind = DV_SITE_SYSRET, site->args = DV_ARGS_SYSRET;
			site->addr = 0;
			m->sysrets[m->img.sysret_count++] = (struct dv_load_sysret){.nr = (uint32_t)nr, .site = (uint32_t)i};
			m->addrs[0] = s->addr;
			m->img.sysret_addr_count = 1;
			break;
		}
		add_program(m, (uint32_t)i);
	}
	m->img.site_count = m->img.ecb_count = m->img.prog_count = (uint32_t)count;
	return m;
}

static void take_records(void *region, uint32_t producers, int *shown)
{
	for (uint32_t i = 0; i < producers; i++) {
		struct dv_producer *p = dv_region_producer(region, region_size, i);
		uint64_t head = __atomic_load_n(&p->head, __ATOMIC_ACQUIRE);
		while (p->tail != head) {
			const struct dv_record *r = (const void *)((char *)region + p->ring_off + (p->tail & (p->ring_size - 1)));
			const uint64_t *w = (const void *)(r + 1);
			if (r->epid != DV_EPID_PAD && ++*shown <= 20 && r->kind == DV_REC_DATA)
				printf("record %u cpu %llu pid %lld tid %lld ppid %lld arg0 %#llx arg1 %#llx uid %lld caller %#llx '%s'\n", r->epid,
				       (unsigned long long)w[7], (long long)w[0], (long long)w[1], (long long)w[2], (unsigned long long)w[3],
				       (unsigned long long)w[4], (long long)w[5], (unsigned long long)w[6], (const char *)w + 68);
			else if (r->kind == DV_REC_ERROR && *shown <= 20)
				printf("error %u: fault %llu value %#llx insn %llu\n", r->epid, (unsigned long long)w[0], (unsigned long long)w[1],
				       (unsigned long long)w[2]);
			__atomic_store_n(&p->tail, p->tail + r->size, __ATOMIC_RELEASE);
		}
	}
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
		take_records(region, m->vcpu_max, &shown);
		usleep(1000);
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
	uint64_t fired = 0, silent = 0, slowest = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", m->pid);
	for (int i = 0; i < n + 10; i++) {
		uint64_t before = *(uint64_t *)((char *)region + COUNTER(0)), t = now_ns();
		die(m->ops->load(m, fd, region_size, img, sizeof(*img), NULL, 0));
		uint64_t took = now_ns() - t;
		usleep(5000);
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
	printf("rounds %d fired %llu after %llu slowest_ms %.2f\nfds %u %u own %lu %lu\nkb %lu %lu\n", n, (unsigned long long)fired,
	       (unsigned long long)silent, (double)slowest / 1e6, fds0, fds1, maps0, maps1, kb0, kb1);
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

	printf("machine %s release %s vcpus %u of %u types %d\n", m->name, dv_guest_release(m->guest), m->vcpus, m->vcpu_max,
	       dv_guest_has_types(m->guest));
	if (argc > 4 && strcmp(argv[1], "trace") == 0)
		r = trace(m, atof(argv[3]), argv + 4, argc - 4);
	else if (argc > 4 && strcmp(argv[1], "rounds") == 0)
		r = rounds(m, atoi(argv[3]), argv + 4, argc - 4);
	else if (argc > 4 && strcmp(argv[1], "hold") == 0)
		r = hold(m, atof(argv[3]), argv + 4, argc - 4);
	dv_machine_close(m);
	return r;
}
