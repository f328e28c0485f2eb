// SPDX-License-Identifier: GPL-2.0-or-later
//
// What belongs to dvirt: in the build folder it lies beside the executable; installed, in a folder of its own, also when
// all of that was moved.
#include "cli/cli.h"

#include <limits.h>
#include <string.h>

bool dv_path_find(const char *name, const char *moved, const char *installed, char *buf, size_t size)
{
	const char *const beside[] = {"", moved};
	char self[PATH_MAX], real[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			slash[1] = '\0';
		for (size_t i = 0; i < DV_COUNT(beside); i++) {
			DV_FREE char *path = dv_xasprintf("%s%s%s", self, beside[i], name);

			if (realpath(path, real) && !access(real, R_OK)) {
				snprintf(buf, size, "%s", real);
				return true;
			}
		}
	}
	snprintf(buf, size, "%s/%s", installed, name);
	return !access(buf, R_OK);
}
