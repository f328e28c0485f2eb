// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/rundir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int dv_rundir_path(bool create, char *buf, size_t size)
{
	const char *dir = getenv("DVIRT_RUNDIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	uid_t uid = geteuid();
	struct stat st;
	int n;

	if (dir && *dir)
		n = snprintf(buf, size, "%s", dir);
	else if (uid == 0)
		n = snprintf(buf, size, "/run/dvirt");
	else if (xdg && *xdg)
		n = snprintf(buf, size, "%s/dvirt", xdg);
	else
		n = snprintf(buf, size, "/tmp/dvirt-%u", (unsigned)uid);
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	if (create && mkdir(buf, 0700) < 0 && errno != EEXIST)
		return -errno;
	// A link that somebody else put there would lead us to sockets of theirs; a directory given by name is the
	// user's word.
	if ((dir && *dir ? stat(buf, &st) : lstat(buf, &st)) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if ((st.st_uid != uid && st.st_uid != 0 && !(uid == 0 && dir && *dir)) || (st.st_mode & 022))
		return -EPERM;
	return 0;
}

bool dv_rundir_sudo_path(unsigned n, char *buf, size_t size, unsigned *uid)
{
	// sudo leaves XDG_RUNTIME_DIR out; this is what it is for everybody who has one.
	static const struct {
		const char *before, *behind;
	} where[] = {{"/run/user/", "/dvirt"}, {"/tmp/dvirt-", ""}};
	const char *dir = getenv("DVIRT_RUNDIR"), *sudo = getenv("SUDO_UID");
	struct stat st;

	if (geteuid() != 0 || (dir && *dir) || !sudo || !*sudo || sudo[strspn(sudo, "0123456789")])
		return false;
	errno = 0;
	unsigned long id = strtoul(sudo, NULL, 10);
	if (errno || id == 0 || id >= UINT_MAX)
		return false;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		int len = snprintf(buf, size, "%s%lu%s", where[i].before, id, where[i].behind);

		if (len < 0 || (size_t)len >= size || lstat(buf, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != id ||
		    (st.st_mode & 022) || n--)
			continue;
		*uid = (unsigned)id;
		return true;
	}
	return false;
}
