// SPDX-License-Identifier: GPL-2.0-or-later
//
// Files of tracefs. It is where distributions mount it, or where debugfs has it; and where nobody mounted it, it can
// still be looked at through a mount of our own that is attached nowhere, and is gone when its descriptor is closed.
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/system.h"

static int open_apart(const char *file)
{
	DV_FD int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), mnt = -1;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	return mnt < 0 ? -1 : openat(mnt, file, O_RDONLY | O_CLOEXEC);
}

int dv_tracefs_open(const char *file)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	int fd = -1, err = ENOENT;

	for (size_t i = 0; fd < 0 && i < DV_COUNT(places); i++) {
		DV_FREE char *path = dv_xasprintf("%s/%s", places[i], file);

		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			err = errno;
	}
	if (fd < 0)
		fd = open_apart(file);
	if (fd < 0)
		errno = err;
	return fd;
}
