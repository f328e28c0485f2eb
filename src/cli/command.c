// SPDX-License-Identifier: GPL-2.0-or-later
//
// The command of -c: started before the script is compiled, so that $target is known, let go when the probes are in.
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct dv_error *dv_command_start(const char *cmd, pid_t *ret, int *gate)
{
	int p[2];
	pid_t pid;

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
		char *line = dv_xasprintf("exec %s", cmd);

		close(p[1]);
		// Without a word through the gate the session failed: nothing is run.
		if (read(p[0], &go, 1) == 1)
			execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	close(p[0]);
	*ret = pid;
	*gate = p[1];
	return NULL;
}

struct dv_error *dv_command_watch(pid_t pid, int *fd)
{
	*fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*fd < 0)
		return dv_error_sys(errno, "cannot watch process %d", (int)pid);
	return NULL;
}
