/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_MACHINE_SESSION_H
#define DV_TESTS_MACHINE_SESSION_H
/** A session without the language: a state region, a load image with one clause for each site, and its records. */
#include <fcntl.h>
#include <sys/mman.h>
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

static inline void die(struct dv_error *e)
{
	if (!e)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(2);
}

static uint64_t region_size;

static inline void *make_region(struct dv_machine *m, uint32_t flags, int *fd)
{
	struct dv_region_config c = {
	    .strsize = 256,
	    .globals_size = 4096,
	    .consts_size = 4096,
	    .dyn_key_size = 256,
	    .dyn_val_size = 64,
	    .dyn_count = 64,
	    .prod_count = m->vcpu_max,
	    .ring_size = 1 << 16,
	    .agg_size = 65536,
	    .scratch_size = 8192,
	    .this_size = 64,
	    .flags = flags,
	    .seed = 1,
	    .machine_max = 2,
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

static inline void add_program(struct image *m, uint32_t i)
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

static inline struct image *make_image(struct dv_machine *vm, char **specs, int count)
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
			fprintf(stderr, "no function '%s'\n", name);
			exit(2);
		}
		struct dv_load_site *site = &m->sites[i];
		*site = (struct dv_load_site){
		    .addr = s->addr, .size = s->size, .probe = (uint32_t)i + 1, .ecb = (uint32_t)i, .ecb_count = 1};
		switch (specs[i][0]) {
		case 'e': site->kind = DV_SITE_ADDR, site->args = DV_ARGS_FUNC; break;
		case 's': site->kind = DV_SITE_ADDR, site->args = DV_ARGS_SYSCALL; break;
		case 'r': site->kind = DV_SITE_RETURNS, site->args = DV_ARGS_RETURN; break;
		case 'x':
			site->kind = DV_SITE_SYSRET, site->args = DV_ARGS_SYSRET;
			site->addr = 0;
			m->sysrets[m->img.sysret_count++] =
			    (struct dv_load_sysret){.nr = (uint32_t)nr, .site = (uint32_t)i};
			m->addrs[0] = s->addr;
			m->img.sysret_addr_count = 1;
			break;
		}
		add_program(m, (uint32_t)i);
	}
	m->img.site_count = m->img.ecb_count = m->img.prog_count = (uint32_t)count;
	return m;
}

static inline void take_records(void *region, uint32_t producers, int *shown)
{
	for (uint32_t i = 0; i < producers; i++) {
		struct dv_producer *p = dv_region_producer(region, region_size, i);
		uint64_t head = __atomic_load_n(&p->head, __ATOMIC_ACQUIRE);
		while (p->tail != head) {
			const struct dv_record *r =
			    (const void *)((char *)region + p->ring_off + (p->tail & (p->ring_size - 1)));
			const uint64_t *w = (const void *)(r + 1);
			if (r->epid != DV_EPID_PAD && ++*shown <= 20 && r->kind == DV_REC_DATA)
				printf("record %u cpu %llu pid %lld tid %lld ppid %lld arg0 %#llx arg1 %#llx uid %lld "
				       "caller %#llx '%s'\n",
				       r->epid, (unsigned long long)w[7], (long long)w[0], (long long)w[1],
				       (long long)w[2], (unsigned long long)w[3], (unsigned long long)w[4],
				       (long long)w[5], (unsigned long long)w[6], (const char *)w + 68);
			else if (r->kind == DV_REC_ERROR && *shown <= 20)
				printf("error %u: fault %llu value %#llx insn %llu\n", r->epid,
				       (unsigned long long)w[0], (unsigned long long)w[1], (unsigned long long)w[2]);
			__atomic_store_n(&p->tail, p->tail + r->size, __ATOMIC_RELEASE);
		}
	}
}

#endif
