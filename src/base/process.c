// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "base/system.h"

#define START_FIELD 22

uint64_t dv_proc_start(int pid)
{
	char path[32], text[1024], *p;
	unsigned long long start = 0;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	// The name, in brackets, may have anything in it. The state, field 3, is behind.
	p = strrchr(text, ')');
	if (!p || !strncmp(p, ") Z", 3) || !strncmp(p, ") X", 3))
		return 0;
	for (int i = 2; p && i < START_FIELD; i++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, "%llu", &start) == 1 ? start : 0;
}
