// SPDX-License-Identifier: GPL-2.0-or-later
//
// The map has the question and the answer: address, size, result, the current task; then the bytes.
#include "machine/ebpf/reader.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine/ebpf/link.h"

#define CHUNK 4096u

enum { H_PROBE_READ_KERNEL = 113, H_TASK = 35 };

struct box {
	uint64_t addr, size;
	int64_t result;
	uint64_t task;
	uint8_t bytes[CHUNK];
};
struct dv_bpf_reader {
	int map, prog;
	struct box *box;
};

static void program(struct dv_bpf_code *c)
{
	c->name = "dvirt_read";
	c->args = 1;
	dv_bpf_addr(c, 6, "box", 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, offsetof(struct box, bytes));
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 2, 6, offsetof(struct box, size), 0);
	dv_bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, 3, 6, offsetof(struct box, addr), 0);
	dv_bpf_emit(c, BPF_JMP | BPF_JGT | BPF_K, 2, 0, 4, CHUNK);
	dv_bpf_helper(c, H_PROBE_READ_KERNEL);
	dv_bpf_emit(c, BPF_STX | BPF_MEM | BPF_DW, 6, 0, offsetof(struct box, result), 0);
	dv_bpf_helper(c, H_TASK);
	dv_bpf_emit(c, BPF_STX | BPF_MEM | BPF_DW, 6, 0, offsetof(struct box, task), 0);
	dv_bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	dv_bpf_emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

struct dv_error *dv_bpf_reader_create(struct dv_bpf_reader **ret)
{
	struct dv_bpf_reader *r = dv_xcalloc(1, sizeof(*r));
	struct dv_bpf_load how = {.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .name = "dvirt_read"};
	struct dv_bpf_map_symbol maps[2] = {{.name = "box"}, {.fd = -1}};
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	struct dv_bpf_code code = {0};
	struct dv_error *e = NULL;

	r->prog = -1;
	r->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dvirt_read", 4, sizeof(struct box), 1, &o);
	if (r->map < 0) {
		e = errno == EPERM ? dv_error_create(DV_ERR_DENIED, "the kernel does not let this user make maps")
				   : dv_error_sys(errno, "cannot make a map");
		goto fail;
	}
	r->box = mmap(NULL, sizeof(struct box), PROT_READ | PROT_WRITE, MAP_SHARED, r->map, 0);
	if (r->box == MAP_FAILED) {
		r->box = NULL;
		e = dv_error_sys(errno, "cannot map a map");
		goto fail;
	}
	maps[0].fd = r->map;
	program(&code);
	e = dv_bpf_load_alone(&code, maps, &how, &r->prog);
	if (!e) {
		*ret = r;
		return NULL;
	}
fail:
	dv_bpf_reader_destroy(r);
	return e;
}

void dv_bpf_reader_destroy(struct dv_bpf_reader *r)
{
	if (!r)
		return;
	if (r->box)
		munmap(r->box, sizeof(struct box));
	if (r->prog >= 0)
		close(r->prog);
	if (r->map >= 0)
		close(r->map);
	free(r);
}

static bool run(struct dv_bpf_reader *r)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);

	r->box->result = -1;
	return bpf_prog_test_run_opts(r->prog, &o) == 0 && r->box->result == 0;
}

bool dv_bpf_read(struct dv_bpf_reader *r, uint64_t va, void *dst, size_t size)
{
	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < CHUNK ? size - at : CHUNK;
		r->box->addr = va + at;
		r->box->size = n;
		if (!run(r))
			return false;
		memcpy((char *)dst + at, r->box->bytes, n);
	}
	return true;
}

uint64_t dv_bpf_current(struct dv_bpf_reader *r)
{
	r->box->addr = 0;
	r->box->size = 0;
	r->box->task = 0;
	run(r);
	return r->box->task;
}
