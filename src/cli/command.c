// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command of -c: started before the script is compiled, so that $target is known, held until the probes are in.
 *
 * Where it is held decides what can be probed in it: before its program is executed there are no functions to name, and
 * its shared objects come only when the dynamic linker has run. So it is traced with ptrace(2) as far as its program's
 * entry point (evaltime=postinit, the default): a breakpoint at AT_ENTRY, which is where the dynamic linker, if there is
 * one, goes when it is done; or only through its execve(2) (evaltime=exec). The shell that takes the line apart is executed
 * first, then what it executes. A line of more than one command is the shell's own: then the shell is the process, and is held.
 *
 * When dvirt dies before it lets the command go, the kernel kills it. Where ptrace is not allowed the command is held
 * before anything is executed.
 */
#include "cli/cli.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

// Is this line more than one command with its words and redirections?
static bool is_compound(const char *line)
{
	static const char *const words[] = {"if", "for", "while", "until", "case", "{", "!"};
	size_t first = strspn(line, " \t"), len = strcspn(line + first, " \t\n;&|()<>'\"\\$`");
	char quote = 0;

	for (size_t i = 0; i < DV_COUNT(words); i++)
		if (len == strlen(words[i]) && !strncmp(line + first, words[i], len))
			return true;
	if (memchr(line + first, '=', len)) // NAME=VALUE before it
		return true;
	for (const char *p = line; *p; p++) {
		if (*p == '\\' && quote != '\'') {
			p += p[1] != 0;
		} else if (quote) {
			quote = *p == quote ? 0 : quote;
		} else if (*p == '\'' || *p == '"' || *p == '`') {
			quote = *p;
		} else if (*p == '$' && p[1] == '(') { // "$(a; b)": its commands are others
			int depth = 0;

			for (p++; *p; p++) {
				depth += (*p == '(') - (*p == ')');
				if (!depth)
					break;
			}
			if (!*p)
				break;
		} else if (strchr(";|\n(", *p)) {
			return p[strspn(p, "; \t\n")] != 0; // an empty rest is none
		} else if (*p == '&' && p[1] != '>' && (p == line || (p[-1] != '>' && p[-1] != '<'))) {
			return true;
		}
	}
	return false;
}

static struct dv_error *ended(const char *cmd, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return dv_error_create(DV_ERR_NOT_FOUND, "cannot run '%s'", cmd);
	if (WIFEXITED(status))
		return dv_error_create(DV_ERR_GONE, "'%s' ended before it began, with status %d", cmd,
				       WEXITSTATUS(status));
	return dv_error_create(DV_ERR_GONE, "'%s' was killed by signal %d before it began", cmd, WTERMSIG(status));
}

// Let it run to its next stop of its own; signals on the way are its own business. False: it has ended.
static bool run_on(pid_t pid, bool (*want)(int status), int *status)
{
	int sig = 0;

	for (;;) {
		if (ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)sig) < 0 && errno != ESRCH)
			return false;
		while (waitpid(pid, status, __WALL) < 0)
			if (errno != EINTR)
				return false;
		if (!WIFSTOPPED(*status))
			return false;
		if (want(*status))
			return true;
		sig = *status >> 16 ? 0 : WSTOPSIG(*status);
	}
}

static bool is_exec(int status)
{
	return status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
}

static bool is_trap(int status)
{
	return status >> 8 == SIGTRAP;
}

// Where a 64-bit program begins; 0: not known.
static uint64_t entry_of(pid_t pid)
{
	char path[64];
	unsigned char ident[EI_NIDENT] = {0};
	Elf64_auxv_t aux[64];
	ssize_t n;
	DV_FD int exe = -1;
	DV_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	exe = open(path, O_RDONLY | O_CLOEXEC);
	if (exe < 0 || read(exe, ident, sizeof(ident)) != sizeof(ident) || memcmp(ident, ELFMAG, SELFMAG) ||
	    ident[EI_CLASS] != ELFCLASS64)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, aux, sizeof(aux));
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(aux[0]); i++)
		if (aux[i].a_type == AT_ENTRY)
			return aux[i].a_un.a_val;
	return 0;
}

// Stop before the instruction at an address runs. False: it has ended; *status says how. What cannot be had is let be.
static bool run_to(pid_t pid, uint64_t addr, int *status)
{
#ifdef __x86_64__
	struct user_regs_struct regs;
	long word, trap;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, (void *)addr, NULL);
	if (errno)
		return true;
	trap = (long)(((unsigned long)word & ~0xfful) | 0xcc);
	if (ptrace(PTRACE_POKETEXT, pid, (void *)addr, (void *)trap) < 0)
		return true;
	do {
		if (!run_on(pid, is_trap, status))
			return false;
		if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
			return true;
	} while (regs.rip != addr + 1);
	regs.rip = addr;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &regs);
	(void)ptrace(PTRACE_POKETEXT, pid, (void *)addr, (void *)word);
#endif
	return true;
}

struct dv_error *dv_command_start(const char *cmd, bool at_exec, struct dv_command *ret)
{
	int p[2], status = 0, execs = is_compound(cmd) ? 1 : 2; // the shell; what it executes
	pid_t pid;
	uint64_t entry;

	if (pipe2(p, O_CLOEXEC) < 0)
		return dv_error_sys(errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0) {
		int err = errno;

		close(p[0]);
		close(p[1]);
		return dv_error_sys(err, "cannot start '%s'", cmd);
	}
	if (pid == 0) {
		char go;
		char *line = execs == 1 ? dv_xstrdup(cmd) : dv_xasprintf("exec %s", cmd);

		close(p[1]);
		// Without a word through the gate the session failed: nothing is run.
		if (read(p[0], &go, 1) == 1)
			execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	close(p[0]);
	*ret = (struct dv_command){.pid = pid, .gate = p[1]};
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) < 0)
		return NULL;
	ret->traced = true;
	(void)!write(ret->gate, "g", 1);
	close(ret->gate);
	ret->gate = -1;
	for (int i = 0; i < execs; i++) {
		// It runs until its first stop by itself.
		if (!i) {
			while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
				;
			if (WIFSTOPPED(status) && is_exec(status))
				continue;
			if (!WIFSTOPPED(status))
				return ended(cmd, status);
		}
		if (!run_on(pid, is_exec, &status))
			return ended(cmd, status);
	}
	entry = at_exec ? 0 : entry_of(pid);
	if (entry && !run_to(pid, entry, &status))
		return ended(cmd, status);
	return NULL;
}

bool dv_command_go(struct dv_command *c)
{
	bool ok = true;

	if (c->traced)
		ok = ptrace(PTRACE_DETACH, c->pid, NULL, NULL) == 0;
	else if (c->gate >= 0)
		ok = write(c->gate, "g", 1) == 1;
	if (c->gate >= 0)
		close(c->gate);
	c->gate = -1;
	c->traced = false;
	return ok;
}

struct dv_error *dv_command_watch(pid_t pid, int *fd)
{
	*fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*fd < 0 && errno == ESRCH)
		return dv_error_create(DV_ERR_NOT_FOUND, "there is no process %d", (int)pid);
	if (*fd < 0 && (errno == EINVAL || errno == ENOENT))
		return dv_error_create(DV_ERR_OTHER, "%d is a thread of a process, not a process", (int)pid);
	if (*fd < 0)
		return dv_error_sys(errno, "cannot watch process %d", (int)pid);
	return NULL;
}
