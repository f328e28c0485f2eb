/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "NSpid:" in /proc/PID/status has a thread's ids, from our PID namespace's to its own: the last one is what it calls
 * itself.
 */
#include "machine/qemu/nspid.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a process, or a thread of it (not 0), calls itself; 0: there is no such. */
static int own_id(int pid, int tid)
{
	char path[64], line[256];
	int id = 0;

	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	else
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		char *rest, *w = strtok_r(line + 6, " \t\n", &rest);
		for (; w; w = strtok_r(NULL, " \t\n", &rest))
			id = atoi(w);
		break;
	}
	if (f)
		fclose(f);
	return id;
}

int dv_nspid_process(int peer, int said)
{
	// The credentials are those of when it began to listen; one that became a daemon since is another process.
	return peer > 0 && own_id(peer, 0) == said ? peer : said;
}

void dv_nspid_threads(int pid, const int32_t *said, uint32_t count, int32_t *ret)
{
	char path[64];
	struct dirent *d;

	memset(ret, 0, count * sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *dir = pid > 0 ? opendir(path) : NULL;
	while (dir && (d = readdir(dir))) {
		int tid = atoi(d->d_name), id = tid > 0 ? own_id(pid, tid) : 0;
		for (uint32_t i = 0; i < count && id; i++)
			if (said[i] == id)
				ret[i] = tid;
	}
	if (dir)
		closedir(dir);
}
