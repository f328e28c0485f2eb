// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the command of -c is held, and how it is let go. argv[1]: the folder of the test programs.
#include "cli/cli.h"
#include "elf/process.h"
#include "lib/test.h"

#include <signal.h>
#include <sys/wait.h>

static char *dir;

static bool has(int pid, const char *module)
{
	struct dv_process *p = NULL;
	struct dv_object *const *o;
	bool found = false;
	size_t n;

	REQUIRE(!dv_process_open(pid, &p));
	o = dv_process_objects(p, &n);
	for (size_t i = 0; i < n; i++)
		found |= !strcmp(o[i]->module, module);
	dv_process_close(p);
	return found;
}

static int finish(struct dv_command *c)
{
	int status = -1;

	CHECK(dv_command_go(c));
	CHECK_EQ(waitpid(c->pid, &status, 0), c->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static void hold(const char *prog, const char *rest, bool at_exec, bool libs, int want)
{
	struct dv_command c;
	char cmd[8192];
	struct dv_error *e;

	snprintf(cmd, sizeof(cmd), "%s/%s %s", dir, prog, rest);
	e = dv_command_start(cmd, at_exec, &c);
	if (e)
		fprintf(stderr, "%s\n", e->msg);
	REQUIRE(!e);
	if (!c.traced) {
		fprintf(stderr, "no ptrace here: commands are held before they are executed\n");
		CHECK_EQ(finish(&c), want);
		return;
	}
	CHECK(has(c.pid, prog));
	CHECK_EQ(has(c.pid, "libdvtest.so.3"), libs);
	CHECK_EQ(has(c.pid, "libc.so.6"), libs);
	CHECK_EQ(finish(&c), want);
}

// A line of several commands: all of them run, and the shell is what is held.
static void several(const char *line, const char *module, int want)
{
	struct dv_command c;
	struct dv_error *e = dv_command_start(line, false, &c);

	if (e)
		fprintf(stderr, "%s: %s\n", line, e->msg);
	REQUIRE(!e);
	CHECK(!c.traced || has(c.pid, module));
	CHECK_EQ(finish(&c), want);
}

static void refused(const char *cmd, const char *want)
{
	struct dv_command c;
	struct dv_error *e = dv_command_start(cmd, false, &c);

	REQUIRE(e);
	CHECK(strstr(e->msg, want));
	dv_error_destroy(e);
}

// Whoever holds it dies: so does it.
static void test_death(void)
{
	int p[2], pid = 0, status;
	struct dv_command c;
	pid_t holder;
	bool traced = false;

	REQUIRE(!pipe(p));
	holder = fork();
	if (!holder) {
		struct dv_error *e = dv_command_start("sleep 1000", false, &c);

		if (e || write(p[1], &c.pid, sizeof(c.pid)) < 0 || write(p[1], &c.traced, 1) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	REQUIRE(read(p[0], &pid, sizeof(pid)) == sizeof(pid) && pid > 1);
	REQUIRE(read(p[0], &traced, 1) == 1);
	waitpid(holder, &status, 0);
	for (int i = 0; i < 200 && !kill(pid, 0); i++)
		usleep(10000);
	// Somebody may have to wait for it before its number is free.
	if (!kill(pid, 0)) {
		char path[64], text[256] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "r");
		CHECK(!f || (fgets(text, sizeof(text), f) && strstr(text, ") Z")));
		if (f)
			fclose(f);
	}
	close(p[0]);
	close(p[1]);
}

int main(int argc, char **argv)
{
	REQUIRE(argc == 2);
	dir = realpath(argv[1], NULL);
	REQUIRE(dir);
	hold("prog", "</dev/null >/dev/null", false, true, 0);
	hold("prog", "</dev/null >/dev/null", true, false, 0);
	hold("prog.static", "</dev/null >/dev/null", false, false, 0);
	hold("prog.static", "</dev/null >/dev/null", true, false, 0);
	several("true; exit 3", "libc.so.6", 3);
	several("false || exit 4", "libc.so.6", 4);
	several("A=5 sh -c 'exit $A'", "libc.so.6", 5);
	several("if true\nthen exit 6; fi", "libc.so.6", 6);
	several("(exit 7)", "libc.so.6", 7);
	// One command, whatever its words are.
	several("sh -c 'false; exit 8'", "libc.so.6", 8);
	several("sh -c \"exit $(true; echo 9)\" 2>&1 >/dev/null;", "libc.so.6", 9);
	several("sh -c exit\\ 10", "libc.so.6", 10);
	refused("/nonexistent/program 2>/dev/null", "cannot run '/nonexistent/program");
	refused("", "ended before it began");
	test_death();
	free(dir);
	return test_done();
}
