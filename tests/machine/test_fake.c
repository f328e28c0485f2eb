/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripted machine, with the kernel that the guest tests make by hand: found, recognised, loaded, its events fire
 * with the right arguments, built-ins and order. And what a clause sees of an x86-64 guest at all
 * (machine/place_x86.c).
 */
#define main guest_main
int guest_main(void);
#include "guest/test-guest.c"
#undef main

#include "session.h"

#define TASK(i) (0xd00000u + (i) * 0x1000u) /* physical */
#define GS(i)   (0xd40000u + (i) * 0x40000u)

static char dir[] = "/tmp/dvirt-test-XXXXXX";
static struct dv_machine *vm;

static void on_machine(void *ctx, struct dv_machine *m)
{
	if (strcmp(m->backend, "fake")) { // the host, which says that it is left out
		dv_machine_close(m);
		return;
	}
	REQUIRE(!vm);
	vm = m;
}

static void scan(void)
{
	vm = NULL;
	for (size_t i = 0; dv_backends[i]; i++)
		CHECK(!dv_backends[i]->scan(on_machine, NULL));
	REQUIRE(vm);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	REQUIRE(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

static void write_script(const char *text)
{
	char path[128];

	write_file("script", text, strlen(text));
	snprintf(path, sizeof(path), "%s/script", dir);
	setenv("DVIRT_FAKE", path, 1);
}

static void make_tasks(void)
{
	for (unsigned i = 0; i < 2; i++) {
		w32(TASK(i) + 8, i ? 71 : 0);
		w32(TASK(i) + 12, i ? 70 : 0);
		strcpy((char *)ram + TASK(i) + 16, i ? "worker" : "idle");
		w64(TASK(i) + 72, DIRECT + TASK(i) + 0x200); // cred
		w32(TASK(i) + 0x204, 1000 + i);
		w32(TASK(i) + 0x208, 2000 + i);
		w64(TASK(i) + 88, DIRECT + TASK(0));         // real_parent
		w64(GS(i) + 0x1fb80, DIRECT + TASK(i));
	}
}

static void test_events(void)
{
	char text[2048];
	uint64_t f7 = img_va + 0x1000 + 7 * 64;
	int fd, shown = 1000;
	uint64_t w0[8];

	make_kernel(false, 0);
	make_tasks();
	write_file("ram", ram, RAM);
	snprintf(text, sizeof(text),
	         "# a machine\nname toy\nvcpus 2\nregs cr3=%#x rip=%#llx gs_base=%#llx efer=0xd01\n"
	         "memory 0 ram\nword %#x 0x1122334455667788\n"
	         "event 1 at=kernel_function_7 cpu=1 gs_base=%#llx rdi=11 rsi=22 rsp=%#llx\n"
	         "return 0 at=%#llx cpu=1 gs_base=%#llx rax=33 rsp=%#llx\n"
	         "event 0 at=kernel_function_8 cpu=0 # nobody asked for it\n"
	         "repeat 50\n",
	         PGD, (unsigned long long)img_va + 0x1000, DIRECT + GS(0), 0xd30000, DIRECT + GS(1), DIRECT + 0xd30000,
	         (unsigned long long)f7 + 20, DIRECT + GS(1), DIRECT + 0xd30000);
	write_script(text);
	scan();
	CHECK_STR(vm->name, "toy");
	CHECK_EQ(vm->state, DV_MACHINE_FOUND);
	die(dv_machine_open(vm, 1));
	if (vm->state != DV_MACHINE_READY)
		fprintf(stderr, "%s\n", vm->why);
	REQUIRE(vm->state == DV_MACHINE_READY);
	CHECK_EQ(vm->vcpus, 2);

	char e[] = "e:kernel_function_7", r[] = "r:kernel_function_7", *specs[] = {e, r};
	char *region = make_region(vm, 0, &fd);
	struct image *img = make_image(vm, specs, 2);
	die(vm->ops->load(vm, fd, region_size, img, sizeof(*img), NULL, 0));
	for (int i = 0; i < 1000 && *(uint64_t *)(region + COUNTER(1)) < 50; i++)
		usleep(10000);
	die(vm->ops->unload(vm));
	CHECK_EQ(*(uint64_t *)(region + COUNTER(0)), 50);
	CHECK_EQ(*(uint64_t *)(region + COUNTER(1)), 50);
	CHECK_EQ(dv_region_producer(region, region_size, 0)->head, 0);
	// Its two first records: entry, return.
	struct dv_producer *p = dv_region_producer(region, region_size, 1);
	const struct dv_record *rec = (const void *)(region + p->ring_off);
	memcpy(w0, rec + 1, sizeof(w0));
	CHECK(rec->epid == 0 && rec->kind == DV_REC_DATA && rec->cpu == 1);
	CHECK(w0[0] == 70 && w0[1] == 71 && w0[2] == 0);  // pid, tid, ppid
	CHECK(w0[3] == 11 && w0[4] == 22);                // arguments
	CHECK(w0[5] == 1001 && w0[6] == 0x1122334455667788 && w0[7] == 1);
	CHECK_STR((const char *)(rec + 1) + 68, "worker");
	uint64_t seq = rec->seq;
	rec = (const void *)((const char *)rec + rec->size);
	memcpy(w0, rec + 1, sizeof(w0));
	CHECK(rec->epid == 1 && rec->kind == DV_REC_DATA && rec->seq > seq);
	CHECK(w0[3] == 20 && w0[4] == 33);                // offset, value
	take_records(region, 2, &shown);
	CHECK_EQ(shown, 1100);

	// Again: it starts anew. An image that does not fit is refused, and leaves nothing behind.
	die(vm->ops->load(vm, fd, region_size, img, sizeof(*img), NULL, 0));
	img->img.magic++;
	struct dv_error *err = vm->ops->load(vm, fd, region_size, img, sizeof(*img), NULL, 0);
	CHECK(err && strstr(err->msg, "magic"));
	dv_error_destroy(err);
	dv_machine_close(vm);
	free(img);
	munmap(region, region_size);
	close(fd);
}

static void refused(const char *text, const char *word)
{
	write_script(text);
	scan();
	CHECK(strstr(vm->why, word));
	struct dv_error *e = dv_machine_open(vm, 1);
	CHECK(e || vm->state == DV_MACHINE_WAITING);
	if (!strstr(e ? e->msg : vm->why, word))
		fprintf(stderr, "'%s' has no '%s'\n", e ? e->msg : vm->why, word);
	CHECK(strstr(e ? e->msg : vm->why, word));
	dv_error_destroy(e);
	dv_machine_close(vm);
}

int main(void)
{
	char command[128];

	setenv("DVIRT_HOST", "no", 1); // only the machines of this test
	setenv("DVIRT_KVM", "no", 1);
	REQUIRE(mkdtemp(dir));
	setenv("DVIRT_RUNDIR", "/nonexistent", 1);
	test_events();
	refused("name a\nnonsense 1\n", "line 2: not understood");
	refused("vcpus 0\n", "line 1: not understood");
	refused("memory 0 missing\n", "line 1: cannot open the file");
	refused("event 1 cpu=0\n", "needs at=");
	refused("event x at=1\n", "milliseconds");
	refused("regs cr9=1\n", "no such register");
	write_script("name empty\nword 0x1000 1\n");
	scan();
	CHECK(!dv_machine_open(vm, 1));
	CHECK(vm->state == DV_MACHINE_WAITING && strstr(vm->why, "not recognised"));
	dv_machine_close(vm);
	setenv("DVIRT_FAKE", "/nonexistent/script", 1);
	scan();
	CHECK(strstr(vm->why, "cannot open"));
	dv_machine_close(vm);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK(system(command) == 0);
	return test_done();
}
