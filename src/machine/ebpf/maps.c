// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/ebpf/maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static struct dv_error *create(const char *what, const char *name, uint32_t size, uint32_t flags, int *ret)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = flags);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, size, 1, &o);
	int err = errno;

	if (fd >= 0) {
		*ret = fd;
		return NULL;
	}
	if (err == EPERM)
		return dv_error_hint(dv_error_create(DV_ERR_DENIED, "the kernel does not let this user make maps"),
				     "run dvirt as root, or with the capabilities BPF and PERFMON");
	if (err == E2BIG || err == ENOMEM)
		return dv_error_hint(dv_error_create(DV_ERR_LIMIT, "the kernel has no %u bytes for %s", size, what),
				     "set smaller -x bufsize, aggsize or dynvarsize");
	return dv_error_sys(err, "cannot make %s of %u bytes in the kernel", what, size);
}

struct dv_error *dv_bpf_region_create(uint64_t size, int *fd, uint64_t *mapped)
{
	long page = sysconf(_SC_PAGESIZE);

	// Programs address bytes up to 2^29 from a map's start (BPF_MAX_VAR_OFF).
	if (size > 1ULL << 29)
		return dv_error_hint(dv_error_create(DV_ERR_LIMIT, "a state region of %llu bytes is too large for the "
						     "host's kernel, the limit is %u",
						     (unsigned long long)size, 1u << 29),
				     "set smaller -x bufsize, aggsize or dynvarsize");
	*mapped = (size + DV_BPF_SLACK + (uint64_t)page - 1) / (uint64_t)page * (uint64_t)page;
	return create("the state region", "dvirt_region", (uint32_t)*mapped, BPF_F_MMAPABLE, fd);
}

struct dv_error *dv_bpf_memory_create(const char *name, uint32_t size, int *fd)
{
	return create("memory", name, size, 0, fd);
}

struct dv_error *dv_bpf_shared_create(const char *name, uint32_t size, int *fd, void **ret)
{
	struct dv_error *e = create("memory", name, size, BPF_F_MMAPABLE, fd);

	if (e)
		return e;
	*ret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (*ret == MAP_FAILED) {
		*ret = NULL;
		return dv_error_sys(errno, "cannot map a map");
	}
	return NULL;
}

struct dv_error *dv_bpf_constants_create(const void *bytes, uint32_t size, int *ret)
{
	uint32_t zero = 0;
	int fd = -1, err;
	struct dv_error *e = create("constants", "dvirt_const", size, BPF_F_RDONLY_PROG, &fd);

	if (e)
		return e;
	if (bpf_map_update_elem(fd, &zero, bytes, BPF_ANY) || bpf_map_freeze(fd)) {
		err = errno;
		close(fd);
		return dv_error_sys(err, "cannot give the kernel %u bytes of constants", size);
	}
	*ret = fd;
	return NULL;
}
