/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions with the host's kernel as a machine, which two scripted machines stand for: `host` (local) and `web`. What
 * is traced where, when the host is opened, what is said when it cannot be. Runs dvirt itself: test_host DVIRT
 */
#define main guest_main
int guest_main(void);
#include "guest/test-guest.c"
#undef main

#include <sys/wait.h>

static char dir[] = "/tmp/dvirt-test-XXXXXX";
static const char *dvirt;
static char out[1 << 21];

static void write_file(const char *name, const void *bytes, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	REQUIRE(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

// A machine whose two CPUs run into kernel_function_7 fifty times each, CPU 1 within another's clause.
static void write_machine(const char *file, const char *head)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "%s\nvcpus 2\nregs cr3=%#x rip=%#llx gs_base=%#llx efer=0xd01\nmemory 0 ram\n"
		 "event 1 at=kernel_function_7 cpu=0 rdi=11\n"
		 "event 0 at=kernel_function_7 cpu=1 level=%d rdi=22\nrepeat 50\n",
		 head, PGD, (unsigned long long)img_va + 0x1000, (unsigned long long)DIRECT + 0xd40000,
		 strstr(head, "levels 2") ? 1 : 0);
	write_file(file, text, strlen(text));
}

// All that dvirt prints, on both streams, and its status.
static int run(const char *machines, const char *args)
{
	char command[4096];
	size_t n = 0, got;

	snprintf(command, sizeof(command), "DVIRT_FAKE=%s; export DVIRT_FAKE; cd %s && timeout 60 %s %s 2>&1", machines, dir,
		 dvirt, args);
	FILE *f = popen(command, "r");
	REQUIRE(f);
	while ((got = fread(out + n, 1, sizeof(out) - 1 - n, f)) > 0)
		n += got;
	out[n] = 0;
	int status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_at(int line, const char *text, bool there)
{
	if ((strstr(out, text) != NULL) != there)
		fprintf(stderr, "line %d: %s'%s' in:\n%s\n", line, there ? "no " : "", text, out);
	CHECK((strstr(out, text) != NULL) == there);
}
#define EXPECT(text) expect_at(__LINE__, text, true)
#define REJECT(text) expect_at(__LINE__, text, false)

#define BOTH "host:web"
#define COUNT(desc) "-n '" desc " { n++; @[vmname, cpu] = count(); } tick-10ms /n >= 100/ { exit(0); }'"

static void test_where(void)
{
	CHECK_EQ(run(BOTH, "-q " "-n 'kernel_function_7:entry { n++; @[vmname, cpu] = count(); } "
			   "tick-10ms /n >= 200/ { exit(0); }'"), 0);
	EXPECT("host                                                      0               50");
	EXPECT("host                                                      1               50");
	EXPECT("web                                                       1               50");
	CHECK_EQ(run(BOTH, "-q " COUNT("web:fbt::kernel_function_7:entry")), 0);
	REJECT("host");
	EXPECT("web                                                       1               50");
	CHECK_EQ(run(BOTH, "-q -M web " COUNT("kernel_function_7:entry")), 0);
	REJECT("host");
	CHECK_EQ(run(BOTH, "-q " COUNT("host:fbt::kernel_function_7:entry")), 0);
	REJECT("web");
	EXPECT("host                                                      1               50");
	CHECK_EQ(run(BOTH, "-q -M host " COUNT("kernel_function_7:entry")), 0);
	REJECT("web");
	// Its own probes and those of its kernel are one machine; the order of both is that of all.
	CHECK_EQ(run("host", "-n 'BEGIN { self->x = 1; printf(\"first\"); } "
			     "kernel_function_7:entry { n++; printf(\"arg %d\", arg0); } tick-10ms /n >= 100/ { exit(3); } "
			     "END { printf(\"last %d\", n); }'"), 3);
	EXPECT("first");
	EXPECT("1     ");
	EXPECT("kernel_function_7:entry arg 22");
	EXPECT("last 100");
	REJECT("MACHINE");
	CHECK_EQ(run(BOTH, "-n 'kernel_function_7:entry { n++; printf(\"x\"); } tick-10ms /n >= 200/ { exit(0); }'"), 0);
	EXPECT("MACHINE");
}

// Ids are given out as machines are opened: that tells whether the host was.
static void test_lazy(void)
{
	CHECK_EQ(run(BOTH, "-l -n web:fbt::kernel_function_0:entry"), 0);
	EXPECT("\n    10        web");
	CHECK_EQ(run(BOTH, "-l -n fbt::kernel_function_0:entry"), 0);
	EXPECT("\n    10       host");
	CHECK_EQ(run(BOTH, "-l -M web"), 0);
	EXPECT("\n    10        web");
	REJECT("host        fbt");
	CHECK_EQ(run(BOTH, "-l -n BEGIN -n tick-1s -n tick-10 -n web:fbt::kernel_function_0:entry"), 0);
	EXPECT("host     dtrace");
	REJECT("host        fbt");
	CHECK(strstr(out, "\n    10        web") || strstr(out, "\n    11        web"));
	CHECK_EQ(run(BOTH, "-l"), 0);
	EXPECT("\n    10       host");
	EXPECT("kernel_function_7 return");
	CHECK_EQ(run(BOTH, "-l -i 10"), 0);
	EXPECT("\n    10       host");
	// Types and symbols of the kernel, in clauses of dvirt's own and of others.
	CHECK_EQ(run("host", "-q -n 'BEGIN { printf(\"%d %d\", `max_pfn, sizeof(struct task_struct)); exit(0); }'"), 0);
	EXPECT("4096 256");
	CHECK_EQ(run("host", "-q -n 'BEGIN { this->t = (struct task_struct *)&`init_task; printf(\"%s\", "
			     "stringof(this->t->comm)); exit(0); }'"), 0);
	EXPECT("swapper/0");
	CHECK_EQ(run(BOTH, "-q -n 'web:fbt::kernel_function_7:entry /!n++/ { printf(\"%x\", (int)&host`vmlinux`max_pfn); "
			   "exit(0); }'"), 0);
	CHECK_EQ(run(BOTH, "-q -n 'BEGIN { uint64_t x; x = 5; exit(0); }'"), 1);
}

static void test_cannot(void)
{
	write_machine("none", "local\nwhy no permission: be root");
	CHECK_EQ(run("none:web", "-q " COUNT("kernel_function_7:entry")), 0);
	EXPECT("web ");
	REJECT("host");
	CHECK_EQ(run("none:web", "-n host:fbt::kernel_function_7:entry"), 1);
	EXPECT("the host cannot be traced: no permission: be root");
	CHECK_EQ(run("none", "-n 'BEGIN { trace(`max_pfn); }'"), 1);
	EXPECT("no kernel is known on host");
	CHECK_EQ(run("none", "-q -n 'BEGIN { printf(\"well\"); exit(0); }'"), 0);
	EXPECT("well");
	CHECK_EQ(run("none:web", "-l"), 0);
	REJECT("host        fbt");
	CHECK_EQ(run("none:web", "ps"), 0);
	REJECT("host");
	CHECK_EQ(run("none:web", "ps -v"), 0);
	EXPECT("cannot be traced: no permission: be root");
	CHECK_EQ(run("none", "ps"), 0);
	EXPECT("no machine can be traced now");
	CHECK_EQ(run("none", "ps -v"), 0);
	EXPECT("no permission: be root");
	CHECK_EQ(run("web:host", "ps"), 0);
	CHECK(strstr(out, "\nhost ") && strstr(out, "\nweb ") && strstr(out, "\nhost ") < strstr(out, "\nweb "));
}

static void test_errors(void)
{
	CHECK_EQ(run("host", "-q -n 'kernel_function_7:entry /!n++/ { trace(*(int *)8); } "
			     "ERROR { printf(\"%s %d\\n\", vmname, cpu); exit(4); }'"), 4);
	EXPECT("host:fbt:vmlinux:kernel_function_7:entry): invalid address (0x8)");
	EXPECT("host 0\n");
	CHECK_EQ(run("host", "-q -n 'BEGIN { trace(*(int *)8); } ERROR { printf(\"%s\\n\", vmname); exit(4); }'"), 4);
	EXPECT("host:dtrace:::BEGIN): invalid address");
	// A producer's CPU is told, not its level.
	CHECK_EQ(run("host", "-q -x bufsize=4k -x switchrate=1s -n 'kernel_function_7:entry { n++; } "
			     "kernel_function_7:entry { trace(strjoin(probefunc, probefunc)); trace(strjoin(probefunc, probefunc)); "
			     "trace(strjoin(probefunc, probefunc)); trace(strjoin(probefunc, probefunc)); } "
			     "tick-10ms /n >= 100/ { exit(0); }'"), 0);
	EXPECT(" drops on host CPU 0");
	EXPECT(" drops on host CPU 1");
	REJECT(" drops on host CPU 3");
}

// The region is the kernel's memory: it has a limit, and nested producers take less.
static void test_region(void)
{
	CHECK_EQ(run("host", "-q -x bufsize=64m " COUNT("kernel_function_7:entry")), 0);
	EXPECT("buffer size lowered to ");
	EXPECT("50");
	CHECK_EQ(run("host", "-q -x bufsize=64m -x quietresize " COUNT("kernel_function_7:entry")), 0);
	REJECT("lowered");
	CHECK_EQ(run("host", "-q " COUNT("kernel_function_7:entry")), 0);
	REJECT("lowered");
	CHECK_EQ(run("host", "-q -x bufsize=64m -x bufresize=manual " COUNT("kernel_function_7:entry")), 1);
	EXPECT("does not fit into 256 MiB");
	CHECK_EQ(run("host", "-q -x dynvarsize=1g " COUNT("kernel_function_7:entry")), 1);
	EXPECT("machine 'host' is not traced: the state does not fit into 256 MiB");
	CHECK_EQ(run(BOTH, "-q -x dynvarsize=600m " COUNT("kernel_function_7:entry")), 0);
	EXPECT("machine 'host' is not traced");
	EXPECT("web ");
	// Only its types are used: no memory of its kind is needed.
	CHECK_EQ(run(BOTH, "-q -x dynvarsize=600m -n 'BEGIN { trace(`max_pfn); exit(0); }'"), 0);
	REJECT("not traced");
}

// Threads of the host, and the guests that they serve: in clauses of the host by the table, in a guest's its own.
static void test_serves(void)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "name web\npid 100 101 102\nvcpus 2\nregs cr3=%#x rip=%#llx gs_base=%#llx efer=0xd01\nmemory 0 ram\n"
		 "event 1 at=kernel_function_7 cpu=1 tid=102\n",
		 PGD, (unsigned long long)img_va + 0x1000, (unsigned long long)DIRECT + 0xd40000);
	write_file("served", text, strlen(text));
	snprintf(text, sizeof(text),
		 "local\nvcpus 1\nregs cr3=%#x rip=%#llx gs_base=%#llx efer=0xd01\nmemory 0 ram\n"
		 "event 1 at=kernel_function_8 tid=101\nevent 0 at=kernel_function_8 tid=102\n"
		 "event 0 at=kernel_function_8 tid=100\nevent 0 at=kernel_function_8 tid=103\n",
		 PGD, (unsigned long long)img_va + 0x1000, (unsigned long long)DIRECT + 0xd40000);
	write_file("hostsrv", text, strlen(text));
	CHECK_EQ(run("hostsrv:served",
		     "-q -n 'kernel_function_*:entry { printf(\"%s: %d [%s] %d\\n\", vmname, hosttid, guestname, guestvcpu); "
		     "@[guestname] = count(); n++; } tick-10ms /n >= 5/ { exit(0); }'"), 0);
	EXPECT("host: 101 [web] 0\n");
	EXPECT("host: 102 [web] 1\n");
	EXPECT("host: 100 [web] -1\n");
	EXPECT("host: 103 [] -1\n");
	EXPECT("web: 102 [web] 1\n");
	CHECK_EQ(run("hostsrv:served", "-q -n 'BEGIN { printf(\"%d [%s] %d %d\\n\", hosttid == pid, guestname, guestvcpu, "
				       "hostcpu >= 0); exit(0); }'"), 0);
	EXPECT("1 [] -1 1\n");
	CHECK_EQ(run("hostsrv:served", "-q -n 'BEGIN { hosttid = 5; guestname = \"x\"; printf(\"%d %s\\n\", hosttid, "
				       "guestname); exit(0); }'"), 0); // a script's own variables
	EXPECT("5 x\n");
}

// Processes that the session ends with.
static void test_processes(void)
{
	char args[512];

	CHECK_EQ(run("none", "-qn 'BEGIN { x = $target; } END { printf(\"ended %d\", x > 1); }' -c true"), 0);
	EXPECT("ended 1");
	// With the last of them, and $target is the first. What the command answers is its own business.
	CHECK_EQ(run("none", "-qn 'tick-20ms { n++; } END { printf(\"ended %d\", n > 5); }' -c false -c 'sleep 0.3'"), 0);
	EXPECT("ended 1");
	snprintf(args, sizeof(args), "-qn 'BEGIN { printf(\"of %%d\", $target); } tick-100ms { exit(7); }' -p %d -c true",
		 (int)getpid());
	CHECK_EQ(run("none", args), 7);
	snprintf(args, sizeof(args), "of %d", (int)getpid());
	EXPECT(args);
	CHECK_EQ(run("none", "-qn 'BEGIN { exit(3); }' -c 'touch ran'"), 3);
	CHECK(access(strcat(strcpy(args, dir), "/ran"), F_OK) < 0); // it was never let go
	CHECK_EQ(run("none", "-qn 'tick-1s { }' -c 'no_such_command here'"), 1);
	EXPECT("cannot run 'no_such_command here'");
	CHECK_EQ(run("none", "-qn 'BEGIN { }' -p 4194305"), 1);
	EXPECT("there is no process 4194305");
	CHECK_EQ(run("none", "-qn 'BEGIN { }' -p 12x"), 2);
	EXPECT("'12x' is not a process id");
}

int main(int argc, char **argv)
{
	char command[128];

	setenv("DVIRT_HOST", "no", 1); // only the machines of this test
	setenv("DVIRT_KVM", "no", 1);
	REQUIRE(argc > 1 && mkdtemp(dir));
	dvirt = realpath(argv[1], NULL);
	REQUIRE(dvirt);
	setenv("DVIRT_RUNDIR", dir, 1);
	make_kernel(false, 0);
	write_file("ram", ram, RAM);
	write_machine("host", "local\nlevels 2");
	write_machine("web", "name web");
	test_where();
	test_lazy();
	test_cannot();
	test_errors();
	test_region();
	test_serves();
	test_processes();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK(system(command) == 0);
	free((char *)dvirt);
	return test_done();
}
