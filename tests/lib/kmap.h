/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_KMAP_H
#define DV_TESTS_KMAP_H
/** Memory of the kernel's, a map's, that this process writes and programs read at the address that it has for the kernel. */
#include <bpf/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine/ebpf/link.h"
#include "machine/ebpf/maps.h"

struct kmap {
	int fd;
	uint32_t size;
	uint8_t *bytes;
	uint64_t address; /**< in the kernel */
};
static inline void kmap_destroy(struct kmap *m)
{
	munmap(m->bytes, m->size);
	close(m->fd);
}
/** @p size: whole pages. Fails with DV_ERR_DENIED where this user cannot load programs. */
static inline struct dv_error *kmap_create(struct kmap *m, uint32_t size)
{
	struct dv_bpf_map_symbol maps[2] = {{"memory", -1}, {.fd = -1}};
	struct dv_bpf_load how = {.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = "address"};
	LIBBPF_OPTS(bpf_test_run_opts, o);
	struct dv_bpf_code c = {.name = "address", .args = 1};
	void *bytes = NULL;
	int fd = -1;
	struct dv_error *e = dv_bpf_shared_create("memory", size, &m->fd, &bytes);

	if (e)
		return e;
	m->bytes = bytes;
	m->size = size;
	maps[0].fd = m->fd;
	// A program stores the address in the memory itself.
	dv_bpf_addr(&c, 1, "memory", 0);
	dv_bpf_emit(&c, BPF_STX | BPF_MEM | BPF_DW, 1, 1, 0, 0);
	dv_bpf_emit(&c, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	dv_bpf_emit(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	e = dv_bpf_load_alone(&c, maps, &how, &fd);
	if (!e && bpf_prog_test_run_opts(fd, &o))
		e = dv_error_create(DV_ERR_OTHER, "cannot run a program");
	if (fd >= 0)
		close(fd);
	memcpy(&m->address, bytes, 8);
	if (e)
		kmap_destroy(m);
	return e;
}
#endif
