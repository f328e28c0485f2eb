// SPDX-License-Identifier: GPL-2.0-or-later
//
// Processes: mappings, which file is which, and what addresses are called. argv[1]: the folder of the test programs.
#include "elf/process.h"
#include "elf/child.h"
#include "lib/test.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char *dir;

static void run(const char *fmt, ...)
{
	char cmd[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	CHECK_EQ(system(cmd), 0);
}

static struct dv_object *object(struct dv_process *p, const char *module)
{
	size_t n;
	struct dv_object *const *o = dv_process_objects(p, &n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(o[i]->module, module))
			return o[i];
	return NULL;
}

// A function of the process: its bytes there are those of the file, and its address has its name.
static void check_function(struct dv_process *p, const char *module, const char *name)
{
	struct dv_object *o = object(p, module);
	struct dv_elf *elf = NULL;
	const struct dv_elf_sym *s;
	struct dv_where w;
	uint8_t a[8], b[8];
	uint64_t addr = 0;
	size_t from = 0;

	REQUIRE(o);
	REQUIRE(!dv_object_elf(o, &elf));
	s = dv_elf_symbol_find(elf, name, &from);
	REQUIRE(s);
	REQUIRE(dv_object_address(o, s->addr, &addr));
	CHECK(dv_elf_read(elf, s->addr, a, s->size < 8 ? s->size : 8));
	REQUIRE(process_vm_readv(dv_process_pid(p), &(struct iovec){b, 8}, 1, &(struct iovec){(void *)addr, 8}, 1, 0) ==
		8);
	CHECK(!memcmp(a, b, s->size < 8 ? s->size : 8));
	REQUIRE(dv_process_where(p, addr + 3, &w));
	CHECK(w.object == o);
	CHECK_EQ(w.offset, 3);
	CHECK_EQ(w.vaddr, s->addr + 3);
	CHECK(w.sym && w.sym->addr == s->addr);
}

static void check_prog(const char *const *argv, const char *module, const char *target)
{
	struct child c = child_start_cmd(argv);
	struct dv_process *p = NULL;
	struct dv_where w;

	REQUIRE(!dv_process_open(c.pid, &p));
	CHECK(dv_process_alive(p));
	CHECK(object(p, module) && object(p, module)->program);
	check_function(p, module, "target");
	check_function(p, module, "hidden");
	check_function(p, module, "handmade");
	if (object(p, "libdvtest.so.3")) {
		CHECK(!object(p, "libdvtest.so.3")->program);
		check_function(p, "libdvtest.so.3", "lib_inner");
		check_function(p, "libc.so.6", "malloc");
	}
	if (target)
		CHECK_STR(dv_object_target(object(p, module)), target);
	else
		CHECK(!strncmp(dv_object_target(object(p, module)), "/proc/", 6));
	CHECK(!access(dv_object_target(object(p, module)), R_OK));
	CHECK(!dv_process_where(p, 0, &w));
	child_end(&c);
	CHECK(!dv_process_alive(p));
	dv_process_close(p);
}

static void test_prog(void)
{
	static const char *const names[] = {"prog", "prog.static", "prog.stripped"};
	char path[4200];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		check_prog((const char *const[]){path, NULL}, names[i], path);
	}
}

// The file has no name any more, or another file has it.
static void test_deleted(void)
{
	char tmp[] = "/tmp/dvirt-elf-XXXXXX", path[256];
	struct dv_process *p = NULL;
	struct child c;

	REQUIRE(mkdtemp(tmp));
	for (int replaced = 0; replaced < 2; replaced++) {
		snprintf(path, sizeof(path), "%s/prog", tmp);
		run("cp %s/prog %s", dir, path);
		c = child_start(path);
		unlink(path);
		if (replaced)
			run("cp %s/prog.static %s", dir, path);
		REQUIRE(!dv_process_open(c.pid, &p));
		REQUIRE(object(p, "prog"));
		CHECK(object(p, "prog")->program);
		CHECK(object(p, "prog")->deleted);
		check_function(p, "prog", "target");
		CHECK(!strncmp(dv_object_target(object(p, "prog")), "/proc/", 6));
		child_end(&c);
		dv_process_close(p);
	}
	// Replaced without being deleted: it is somewhere else now.
	run("cp %s/prog %s", dir, path);
	c = child_start(path);
	run("mv %s %s.old", path, path);
	run("cp %s/prog.static %s", dir, path);
	REQUIRE(!dv_process_open(c.pid, &p));
	REQUIRE(object(p, "prog.old"));
	check_function(p, "prog.old", "target");
	child_end(&c);
	dv_process_close(p);
	run("rm -r %s", tmp);
}

// Another root folder, and another mount namespace, whose files have no name here.
static void test_roots(void)
{
	char tmp[] = "/tmp/dvirt-elf-XXXXXX", path[64], cmd[8192];

	if (geteuid()) {
		fprintf(stderr, "not root: other root folders are not tried\n");
		return;
	}
	REQUIRE(mkdtemp(tmp));
	run("mkdir %s/opt && cp %s/prog.static %s/opt/in", tmp, dir, tmp);
	snprintf(path, sizeof(path), "%s/opt/in", tmp);
	check_prog((const char *const[]){"chroot", tmp, "/opt/in", NULL}, "in", path);
	snprintf(cmd, sizeof(cmd),
		 "mount -t tmpfs none %s && mkdir %s/own && cp %s/prog.static %s/own/in2 && exec %s/own/in2", tmp, tmp,
		 dir, tmp, tmp);
	check_prog((const char *const[]){"unshare", "-m", "sh", "-c", cmd, NULL}, "in2", NULL);
	run("rm -r %s", tmp);
}

static void refused(int pid, enum dv_error_code code, const char *msg)
{
	struct dv_process *p = NULL;
	struct dv_error *e = dv_process_open(pid, &p);

	REQUIRE(e);
	CHECK_EQ(e->code, code);
	CHECK(strstr(e->msg, msg));
	dv_error_destroy(e);
}

static void *thread(void *arg)
{
	char want[64];

	snprintf(want, sizeof(want), "is a thread of process %d", (int)getpid());
	refused((int)syscall(SYS_gettid), DV_ERR_NOT_FOUND, want);
	return NULL;
}

static void test_refused(void)
{
	struct child c;
	pthread_t t;
	char path[4200];

	refused(0, DV_ERR_NOT_FOUND, "no process");
	refused(-1, DV_ERR_NOT_FOUND, "no process");
	refused(0x7fffffff, DV_ERR_NOT_FOUND, "there is no process");
	REQUIRE(!pthread_create(&t, NULL, thread, NULL));
	pthread_join(t, NULL);
	// Ended, but not yet waited for.
	snprintf(path, sizeof(path), "%s/prog.static", dir);
	c = child_start(path);
	fclose(c.in);
	CHECK(fgetc(c.out) == EOF);
	waitid(P_PID, (id_t)c.pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	refused(c.pid, DV_ERR_GONE, "it has ended");
	waitpid(c.pid, NULL, 0);
	fclose(c.out);
	if (!geteuid()) {
		pid_t pid = fork();

		if (!pid) {
			if (setgid(12345) || setuid(12345))
				_exit(2);
			refused(1, DV_ERR_DENIED, "no permission");
			_exit(test_failures != 0);
		}
		int status = -1;
		waitpid(pid, &status, 0);
		CHECK_EQ(status, 0);
	}
}

// This process: a shared object that comes later, the vDSO, memory that is no file's code.
static void test_own(void)
{
	struct dv_process *p = NULL;
	struct dv_where w;
	struct dv_object *o;
	struct dv_elf *elf;
	int on_stack;

	REQUIRE(!dv_process_open(getpid(), &p));
	REQUIRE(dv_process_where(p, (uint64_t)test_own, &w));
	CHECK(w.sym && !strcmp(w.sym->name, "test_own") && w.offset == 0);
	CHECK(w.object->program);
	REQUIRE(dv_process_where(p, (uint64_t)&on_stack, &w));
	CHECK(!w.object && !w.sym);
	o = object(p, "[vdso]");
	if (o) {
		const struct dv_elf_sym *s;
		size_t from = 0;
		uint64_t addr;

		REQUIRE(!dv_object_elf(o, &elf));
		s = dv_elf_symbol_find(elf, "clock_gettime", &from);
		REQUIRE(s && dv_object_address(o, s->addr, &addr));
		REQUIRE(dv_process_where(p, addr, &w));
		CHECK(w.sym == s);
		CHECK(!dv_object_target(o));
	}
	CHECK(!dv_process_refresh(p));
	CHECK(object(p, "[vdso]") == o);
	dv_process_close(p);
}

static void bad_maps(const char *text)
{
	struct dv_maps m;
	struct dv_error *e = dv_maps_parse(text, strlen(text), &m);

	CHECK(e);
	if (!e)
		dv_maps_deinit(&m);
	dv_error_destroy(e);
}

static void test_maps(void)
{
	static const char text[] = "00400000-00401000 r--p 00000000 fe:00 10969193          /opt/my prog\n"
				   "00401000-00495000 rwxp 00001000 fe:1f 18446744073709551615 /a\\012b (deleted)\n"
				   "0ee7c000-0ee9e000 rw-p 00000000 00:00 0 \n"
				   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]";
	struct dv_maps m;

	REQUIRE(!dv_maps_parse(text, sizeof(text) - 1, &m));
	REQUIRE(m.v.count == 4);
	CHECK_STR(m.v.data[0].path, "/opt/my prog");
	CHECK(!m.v.data[0].exec && !m.v.data[0].write && !m.v.data[0].deleted);
	CHECK_EQ(m.v.data[0].major, 0xfe);
	CHECK_STR(m.v.data[1].path, "/a\\012b");
	CHECK(m.v.data[1].exec && m.v.data[1].write && m.v.data[1].deleted);
	CHECK_EQ(m.v.data[1].inode, -1);
	CHECK_EQ(m.v.data[1].minor, 0x1f);
	CHECK_STR(m.v.data[2].path, "");
	CHECK(dv_maps_find(&m, 0x400000) == &m.v.data[0]);
	CHECK(dv_maps_find(&m, 0x494fff) == &m.v.data[1]);
	CHECK(!dv_maps_find(&m, 0x495000));
	CHECK(dv_maps_find(&m, 0xffffffffff600fff) == &m.v.data[3]);
	dv_maps_deinit(&m);
	bad_maps("x");
	bad_maps("1000-0 r--p 0 0:0 0\n");
	bad_maps("1000-2000 r--p 0 0:0\n");
	bad_maps("1000-2000 r-");
	bad_maps("1000-2000 r--p 0 0:0 99999999999999999999\n");
	bad_maps("1000-11111111111111111 r--p 0 0:0 0\n");
	bad_maps("1000-3000 r--p 0 0:0 0\n2000-4000 r--p 0 0:0 0\n");
	bad_maps("\n");
}

int main(int argc, char **argv)
{
	REQUIRE(argc == 2);
	dir = realpath(argv[1], NULL);
	REQUIRE(dir);
	test_maps();
	test_prog();
	test_deleted();
	test_roots();
	test_refused();
	test_own();
	free(dir);
	return test_done();
}
