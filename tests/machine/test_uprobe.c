// SPDX-License-Identifier: GPL-2.0-or-later
//
// Uprobes for real: exact counts in programs that the test runs (argv[1] is their folder). Exit status 77: this kernel or
// this user cannot.
#include "machine/ebpf/uprobe.h"
#include "elf/child.h"
#include "elf/process.h"
#include "lib/test.h"
#include "machine/hits.h"

#include <pthread.h>
#include <sys/uio.h>

static char prog_path[4200];
static struct dv_elf *elf;
static int map, entry_prog, return_prog, multi_prog, multi_return_prog;

static const struct dv_elf_sym *symbol(const char *name)
{
	const struct dv_elf_sym *s;
	size_t from = 0;

	s = dv_elf_symbol_find(elf, name, &from);
	REQUIRE(s);
	return s;
}

static uint64_t offset(const char *name)
{
	uint64_t off = 0;

	REQUIRE(dv_elf_offset(elf, symbol(name)->addr, &off));
	return off;
}

static void check_hits(uint32_t key, uint64_t count, uint64_t sum)
{
	struct hits h = hits_get(map, key);

	CHECK_EQ(h.count, count);
	CHECK_EQ(h.sum, sum);
}

static void good(struct dv_error *e)
{
	if (e)
		fprintf(stderr, "%s\n", e->msg);
	REQUIRE(!e);
}

// Rounds 0 .. 99 call target(i, 3) = 2 * i + 3.
static void test_event(bool is_return)
{
	struct child a = child_start(prog_path), b = child_start(prog_path);
	struct dv_uprobe_file f = {.path = prog_path, .pid = a.pid, .is_return = is_return};
	struct dv_uprobe_site s = {.offset = offset("target"), .cookie = 5, .name = "target"};
	uint64_t sum = is_return ? 9900 + 300 : 4950;
	int event, link;

	hits_clear(map);
	good(dv_uprobe_attach(is_return ? return_prog : entry_prog, &f, &s, &event, &link));
	child_rounds(&a, 100);
	child_rounds(&b, 100); // another process
	check_hits(5, 100, sum);
	close(link);
	close(event);
	child_rounds(&a, 100);
	check_hits(5, 100, sum);

	f.pid = -1;
	good(dv_uprobe_attach(is_return ? return_prog : entry_prog, &f, &s, &event, &link));
	child_rounds(&a, 100);
	child_rounds(&b, 100);
	check_hits(5, 300, 3 * sum);
	close(link);
	close(event);
	child_rounds(&b, 100);
	check_hits(5, 300, 3 * sum);
	child_end(&a);
	child_end(&b);
}

static void test_multi(bool is_return)
{
	struct child a = child_start(prog_path), b = child_start(prog_path);
	struct dv_uprobe_file f = {.path = prog_path, .pid = a.pid, .is_return = is_return};
	const struct dv_uprobe_site s[] = {
	    {.offset = offset("target"), .cookie = 1, .name = "target"},
	    {.offset = offset("hidden"), .cookie = 2, .name = "hidden"},
	    {.offset = offset("outer"), .cookie = 3, .name = "outer"},
	};
	int prog = is_return ? multi_return_prog : multi_prog;
	struct dv_uprobe_links l;

	hits_clear(map);
	good(dv_uprobe_attach_multi(prog, &f, s, 3, &l));
	CHECK_EQ(l.links.count, 1);
	CHECK_EQ(l.refused.count, 0);
	child_rounds(&b, 100);
	child_rounds(&a, 100);
	check_hits(1, 100, is_return ? 9900 + 300 : 4950);
	check_hits(2, 100, is_return ? 5050 : 4950);
	check_hits(3, 100, is_return ? 3 * 4950 + 5050 + 2 * 4950 : 4950);
	dv_uprobe_links_deinit(&l);
	child_rounds(&a, 100);
	CHECK_EQ(hits_get(map, 1).count, 100);
	f.pid = -1;
	good(dv_uprobe_attach_multi(prog, &f, s, 3, &l));
	child_rounds(&a, 10);
	child_rounds(&b, 10);
	CHECK_EQ(hits_get(map, 3).count, 120);
	dv_uprobe_links_deinit(&l);
	child_end(&a);
	child_end(&b);
}

// An instruction that the kernel cannot run elsewhere: alone it is an error, among others it is left out.
static void test_refused(unsigned ways)
{
	const struct dv_elf_sym *start = symbol("_start");
	uint64_t off = offset("_start"), at = 0;
	uint8_t code[64] = {0};
	struct dv_uprobe_file f = {.path = prog_path, .pid = -1};
	struct child c = child_start(prog_path);
	struct dv_error *e;
	int event, link;

	REQUIRE(dv_elf_read(elf, start->addr, code, start->size < 64 ? start->size : 64));
	while (at < 64 && code[at] != 0xf4) // hlt, behind the call that does not return
		at++;
	REQUIRE(at < 64);
	const struct dv_uprobe_site s[] = {
	    {.offset = offset("target"), .cookie = 1, .name = "target"},
	    {.offset = off + at, .cookie = 2, .name = "_start+hlt"},
	    {.offset = offset("outer"), .cookie = 3, .name = "outer"},
	};
	f.pid = c.pid;
	e = dv_uprobe_attach(entry_prog, &f, &s[1], &event, &link);
	REQUIRE(e);
	CHECK_EQ(e->code, DV_ERR_UNKNOWN);
	CHECK(strstr(e->msg, "_start+hlt") && strstr(e->msg, prog_path));
	dv_error_destroy(e);
	if (ways & DV_UPROBE_MULTI) {
		struct dv_uprobe_links l;

		hits_clear(map);
		good(dv_uprobe_attach_multi(multi_prog, &f, s, 3, &l));
		REQUIRE(l.refused.count == 1);
		CHECK_EQ(l.refused.data[0], 1);
		child_rounds(&c, 7);
		CHECK_EQ(hits_get(map, 1).count, 7);
		CHECK_EQ(hits_get(map, 3).count, 7);
		dv_uprobe_links_deinit(&l);
	}
	child_end(&c);

	f.path = "/nonexistent";
	e = dv_uprobe_attach(entry_prog, &f, &s[0], &event, &link);
	REQUIRE(e);
	CHECK(strstr(e->msg, "/nonexistent") && strstr(e->msg, "target"));
	dv_error_destroy(e);
	f.path = prog_path;
	e = dv_uprobe_attach(entry_prog, &f, &s[0], &event, &link); // the process has ended
	REQUIRE(e);
	CHECK_EQ(e->code, DV_ERR_GONE);
	dv_error_destroy(e);
}

static uint16_t semaphore(int pid, uint64_t sem_offset)
{
	struct dv_process *p = NULL;
	size_t n;
	struct dv_object *const *o;
	uint64_t va = 0, addr = 0;
	uint16_t v = 0xffff;
	struct dv_elf *own;

	good(dv_process_open(pid, &p));
	o = dv_process_objects(p, &n);
	for (size_t i = 0; i < n; i++) {
		if (!o[i]->program)
			continue;
		good(dv_object_elf(o[i], &own));
		REQUIRE(dv_elf_vaddr(own, sem_offset, &va) && dv_object_address(o[i], va, &addr));
	}
	REQUIRE(process_vm_readv(pid, &(struct iovec){&v, 2}, 1, &(struct iovec){(void *)addr, 2}, 1, 0) == 2);
	dv_process_close(p);
	return v;
}

static void test_semaphore(unsigned ways)
{
	struct child c = child_start(prog_path);
	struct dv_uprobe_file f = {.path = prog_path, .pid = c.pid};
	struct dv_uprobe_links l;
	size_t n;
	const struct dv_elf_usdt *u = dv_elf_usdt(elf, &n);
	int event, link;

	while (n && !u->sem_offset) {
		u++;
		n--;
	}
	REQUIRE(n);
	const struct dv_uprobe_site s = {
	    .offset = u->pc_offset, .semaphore = u->sem_offset, .cookie = 4, .name = "prog:counted"};
	hits_clear(map);
	CHECK_EQ(semaphore(c.pid, u->sem_offset), 0);
	good(dv_uprobe_attach(entry_prog, &f, &s, &event, &link));
	CHECK_EQ(semaphore(c.pid, u->sem_offset), 1);
	child_rounds(&c, 9);
	CHECK_EQ(hits_get(map, 4).count, 9);
	close(link);
	close(event);
	CHECK_EQ(semaphore(c.pid, u->sem_offset), 0);
	if (ways & DV_UPROBE_MULTI) {
		good(dv_uprobe_attach_multi(multi_prog, &f, &s, 1, &l));
		CHECK_EQ(semaphore(c.pid, u->sem_offset), 1);
		dv_uprobe_links_deinit(&l);
		CHECK_EQ(semaphore(c.pid, u->sem_offset), 0);
	}
	child_end(&c);
}

// This process's threads count, its child does not.
static __attribute__((noinline, noclone, noipa, used)) long probed_here(long v)
{
	return v + 1;
}

static volatile long sink;
static void *thread(void *arg)
{
	for (long i = 0; i < 50; i++)
		sink = probed_here(1);
	return NULL;
}

static void rounds_everywhere(void)
{
	pthread_t t[3];
	pid_t pid;

	for (int i = 0; i < 3; i++)
		REQUIRE(!pthread_create(&t[i], NULL, thread, NULL));
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	thread(NULL);
	pid = fork();
	if (!pid) {
		thread(NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void test_threads(unsigned ways)
{
	struct dv_process *p = NULL;
	struct dv_where w;
	struct dv_elf *own = NULL;
	struct dv_uprobe_site s = {.cookie = 6, .name = "probed_here"};
	struct dv_uprobe_file f = {.pid = getpid()};
	struct dv_uprobe_links l;
	int event, link;

	good(dv_process_open(getpid(), &p));
	REQUIRE(dv_process_where(p, (uint64_t)probed_here, &w) && w.object && w.sym);
	good(dv_object_elf(w.object, &own));
	f.path = dv_object_target(w.object);
	REQUIRE(dv_elf_offset(own, w.vaddr, &s.offset));
	hits_clear(map);
	good(dv_uprobe_attach(entry_prog, &f, &s, &event, &link));
	rounds_everywhere();
	check_hits(6, 200, 200);
	close(link);
	close(event);
	if (ways & DV_UPROBE_MULTI) {
		hits_clear(map);
		good(dv_uprobe_attach_multi(multi_prog, &f, &s, 1, &l));
		rounds_everywhere();
		check_hits(6, 200, 200);
		dv_uprobe_links_deinit(&l);
	}
	dv_process_close(p);
}

// A program whose file has no name any more.
static void test_deleted(void)
{
	char tmp[] = "/tmp/dvirt-uprobe-XXXXXX", path[64], cmd[4400];
	struct dv_process *p = NULL;
	struct dv_uprobe_site s = {.offset = offset("target"), .cookie = 7, .name = "target"};
	struct dv_uprobe_file f = {0};
	struct dv_elf *own;
	struct child c;
	size_t n;
	int event, link;

	REQUIRE(mkdtemp(tmp));
	snprintf(path, sizeof(path), "%s/prog", tmp);
	snprintf(cmd, sizeof(cmd), "cp '%s' %s", prog_path, path);
	REQUIRE(!system(cmd));
	c = child_start(path);
	unlink(path);
	rmdir(tmp);
	good(dv_process_open(c.pid, &p));
	for (size_t i = 0; dv_process_objects(p, &n) && i < n; i++) {
		struct dv_object *o = dv_process_objects(p, &n)[i];

		if (o->program) {
			good(dv_object_elf(o, &own));
			f = (struct dv_uprobe_file){.path = dv_object_target(o), .pid = c.pid};
		}
	}
	REQUIRE(f.path);
	hits_clear(map);
	good(dv_uprobe_attach(entry_prog, &f, &s, &event, &link));
	child_rounds(&c, 11);
	CHECK_EQ(hits_get(map, 7).count, 11);
	close(link);
	close(event);
	dv_process_close(p);
	child_end(&c);
}

int main(int argc, char **argv)
{
	unsigned ways = dv_uprobe_ways();
	const struct dv_elf_sym *syms;
	size_t n;

	REQUIRE(argc == 2);
	map = hits_map();
	entry_prog = map < 0 ? -1 : hits_program(map, BPF_PROG_TYPE_KPROBE, 0, HITS_ARG);
	if (entry_prog < 0 || !(ways & DV_UPROBE_EVENT) || !(ways & DV_UPROBE_COOKIE)) {
		fprintf(stderr, "skipped: %s\n",
			entry_prog < 0 ? "this user may not load programs into the kernel"
				       : "this kernel has no uprobes with cookies");
		return 77;
	}
	return_prog = hits_program(map, BPF_PROG_TYPE_KPROBE, 0, HITS_RESULT);
	REQUIRE(return_prog >= 0);
	REQUIRE(realpath(argv[1], prog_path));
	strcat(prog_path, "/prog");
	good(dv_elf_open(prog_path, &elf));
	good(dv_elf_symbols(elf, NULL, 0, &syms, &n));
	test_event(false);
	test_event(true);
	if (ways & DV_UPROBE_MULTI) {
		multi_prog = hits_program(map, BPF_PROG_TYPE_KPROBE, DV_UPROBE_MULTI_TYPE, HITS_ARG);
		multi_return_prog = hits_program(map, BPF_PROG_TYPE_KPROBE, DV_UPROBE_MULTI_TYPE, HITS_RESULT);
		REQUIRE(multi_prog >= 0 && multi_return_prog >= 0);
		test_multi(false);
		test_multi(true);
	} else {
		fprintf(stderr, "this kernel has no links for many uprobes: not tried\n");
	}
	test_refused(ways);
	test_semaphore(ways);
	test_threads(ways);
	test_deleted();
	dv_elf_close(elf);
	return test_done();
}
