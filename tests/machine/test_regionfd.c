/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that a plugin is handed as a state region: those that could kill its QEMU are refused. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/test.h"
#include "machine/qemu/regionfd.h"

#define SIZE (1u << 20)

static void expect(int line, int fd, const char *why)
{
	char msg[128] = "";
	bool ok = dv_regionfd_check(fd, SIZE, msg, sizeof(msg));

	if (ok != !why || (why && !strstr(msg, why)))
		fprintf(stderr, "line %d: %s, '%s'\n", line, ok ? "taken" : "refused", msg);
	CHECK(ok == !why && (ok || strstr(msg, why)));
	if (fd >= 0)
		close(fd);
}
#define EXPECT(fd, why) expect(__LINE__, fd, why)

static int memory(const char *name, off_t size, int seals)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0 && ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

static int bpf_map(uint32_t type, uint32_t value, uint32_t entries, uint32_t flags)
{
	union bpf_attr a = {.map_type = type, .key_size = 4, .value_size = value, .max_entries = entries};

	a.map_flags = flags;
	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
}

int main(void)
{
	char dir[] = "/tmp/dvirt-test-XXXXXX", path[64];
	int p[2];

	EXPECT(memory("good", SIZE, F_SEAL_SHRINK), NULL);
	EXPECT(memory("larger", SIZE * 2, F_SEAL_SHRINK | F_SEAL_GROW), NULL);
	EXPECT(memory("open", SIZE, 0), "not sealed");
	EXPECT(memory("grows", SIZE, F_SEAL_GROW), "not sealed");
	EXPECT(memory("small", SIZE - 1, F_SEAL_SHRINK), "smaller");
	EXPECT(memory("anon_inode:bpf-map", SIZE, 0), "not sealed");
	EXPECT(-1, "Bad file");
	REQUIRE(pipe(p) == 0);
	EXPECT(p[0], "neither");
	EXPECT(p[1], "neither");
	EXPECT(eventfd(0, 0), "neither");
	EXPECT(open("/dev/zero", O_RDWR), "neither");
	EXPECT(open("/", O_RDONLY | O_DIRECTORY), "neither");
	// A file with a map's name, and one that can be cut.
	REQUIRE(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/anon_inode:bpf-map", dir);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, SIZE) == 0);
	EXPECT(fd, "not sealed");
	unlink(path);
	rmdir(dir);

	fd = bpf_map(BPF_MAP_TYPE_ARRAY, SIZE, 1, BPF_F_MMAPABLE);
	if (fd < 0) {
		fprintf(stderr, "without BPF maps: %s\n", strerror(errno));
		return test_done();
	}
	void *m = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	EXPECT(fd, NULL);
	EXPECT(bpf_map(BPF_MAP_TYPE_ARRAY, SIZE + 4096, 1, BPF_F_MMAPABLE), NULL);
	EXPECT(bpf_map(BPF_MAP_TYPE_ARRAY, SIZE - 8, 1, BPF_F_MMAPABLE), "smaller");
	EXPECT(bpf_map(BPF_MAP_TYPE_ARRAY, SIZE, 2, BPF_F_MMAPABLE), "not an array of one");
	EXPECT(bpf_map(BPF_MAP_TYPE_ARRAY, SIZE, 1, 0), "not an array of one");
	EXPECT(bpf_map(BPF_MAP_TYPE_HASH, SIZE, 1, 0), "not an array of one");
	return test_done();
}
