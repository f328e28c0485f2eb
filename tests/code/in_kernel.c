/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "in_kernel.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/link.h"
#include "machine/ebpf/maps.h"
#include "machine/ebpf/session.h"

#define MEMORY 4096u

extern const uint8_t dv_host_bpf[], dv_host_bpf_end[];

struct in_kernel {
	struct dv_bpf_object *object;
	struct dv_bpf_loaded *loaded;
	int memory_fd, region_fd;
	uint8_t *memory;
	uint64_t address, size, mapped;
	void *region;
};

static void good(struct dv_error *e)
{
	if (!e)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

// Where in the kernel a map's value is: a program stores the address in it.
static struct dv_error *find_address(struct in_kernel *k)
{
	static const struct dv_bpf_object none;
	struct dv_bpf_map_symbol maps[2] = {{"memory", k->memory_fd}, {.fd = -1}};
	struct dv_bpf_load how = {.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = "address"};
	LIBBPF_OPTS(bpf_test_run_opts, o);
	struct dv_bpf_code c = {.name = "address", .args = 1};
	struct dv_bpf_linked linked;
	struct dv_error *e;
	int fd = -1;

	dv_bpf_addr(&c, 1, "memory", 0);
	dv_bpf_emit(&c, BPF_STX | BPF_MEM | BPF_DW, 1, 1, 0, 0);
	dv_bpf_emit(&c, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	dv_bpf_emit(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	e = dv_bpf_link(&none, &c, 1, maps, &linked);
	if (!e) {
		e = dv_bpf_load(&linked, &how, NULL, &fd);
		dv_bpf_linked_deinit(&linked);
	}
	dv_bpf_code_deinit(&c);
	if (!e && bpf_prog_test_run_opts(fd, &o))
		e = dv_error_create(DV_ERR_OTHER, "cannot run a program");
	if (fd >= 0)
		close(fd);
	memcpy(&k->address, k->memory, 8);
	return e;
}

struct in_kernel *in_kernel_create(const char **why)
{
	static char msg[160];
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	struct in_kernel *k = dv_xcalloc(1, sizeof(*k));
	struct dv_error *e;

	k->region_fd = -1;
	k->memory_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "memory", 4, MEMORY, 1, &o);
	if (k->memory_fd < 0) {
		*why = "maps cannot be made";
		free(k);
		return NULL;
	}
	k->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, k->memory_fd, 0);
	if (k->memory == MAP_FAILED)
		good(dv_error_create(DV_ERR_OTHER, "cannot map a map"));
	e = find_address(k);
	if (e && e->code == DV_ERR_DENIED) {
		snprintf(msg, sizeof(msg), "%s", e->msg);
		*why = msg;
		dv_error_destroy(e);
		in_kernel_destroy(k);
		return NULL;
	}
	good(e);
	good(dv_bpf_object_open(dv_host_bpf, (size_t)(dv_host_bpf_end - dv_host_bpf), &k->object));
	return k;
}

void in_kernel_destroy(struct in_kernel *k)
{
	if (!k)
		return;
	dv_bpf_detach(k->loaded);
	if (k->region)
		munmap(k->region, k->mapped);
	if (k->region_fd >= 0)
		close(k->region_fd);
	munmap(k->memory, MEMORY);
	close(k->memory_fd);
	dv_bpf_object_close(k->object);
	free(k);
}

uint64_t in_kernel_address(const struct in_kernel *k)
{
	return k->address;
}

uint8_t *in_kernel_memory(struct in_kernel *k)
{
	return k->memory;
}

uint32_t in_kernel_producers(void)
{
	return (uint32_t)sysconf(_SC_NPROCESSORS_CONF) * DV_HOST_LEVELS;
}

void *in_kernel_region(struct in_kernel *k, uint64_t size)
{
	k->size = size;
	good(dv_bpf_region_create(size, &k->region_fd, &k->mapped));
	k->region = mmap(NULL, k->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, k->region_fd, 0);
	if (k->region == MAP_FAILED)
		good(dv_error_create(DV_ERR_OTHER, "cannot map the region"));
	return k->region;
}

void in_kernel_load(struct in_kernel *k, const void *image, size_t size)
{
	good(dv_bpf_load_image(k->object, NULL, k->region_fd, k->size, image, size, true, &k->loaded));
}

void in_kernel_fire(struct in_kernel *k, uint32_t site, const uint64_t *args, uint32_t count)
{
	uint64_t words[12] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = words, .ctx_size_in = sizeof(words));

	memcpy(words, args, count * sizeof(*args));
	if (bpf_prog_test_run_opts(dv_bpf_site_program(k->loaded, site), &o))
		good(dv_error_create(DV_ERR_OTHER, "cannot run the program of site %u", site));
}
