// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A description that matches nothing, in another tracer's words. What bpftrace calls kprobe:vfs_read is function kprobe,
 * name vfs_read to D, for parts are left off from the left; so the parts are taken as they were written, whichever they are here.
 */
#include <stdio.h>
#include <string.h>

#include "probe/probe.h"

enum { FUNCTION, TRACEPOINT, RAW, PROGRAM, TIME, EVENT };

static const struct word {
	const char *word;
	int what;
	const char *name; // of the probe
} words[] = {
    {"kprobe", FUNCTION, "entry"},    {"kretprobe", FUNCTION, "return"}, {"kfunc", FUNCTION, "entry"},
    {"kretfunc", FUNCTION, "return"}, {"fentry", FUNCTION, "entry"},	 {"fexit", FUNCTION, "return"},
    {"uprobe", PROGRAM, "entry"},     {"uretprobe", PROGRAM, "return"},	 {"tracepoint", TRACEPOINT, NULL},
    {"rawtracepoint", RAW, NULL},     {"interval", TIME, "tick"},	 {"profile", TIME, "profile"},
    {"software", EVENT, NULL},	      {"hardware", EVENT, NULL},
};

// What can be put into a suggestion as it is.
static bool is_name(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_*?.")] == '\0';
}

static void time_of(const struct word *w, const char *unit, const char *n, char *buf, size_t size)
{
	if (n[strspn(n, "0123456789")] || !*n)
		snprintf(buf, size, "in D that is %s-N", w->name);
	else
		snprintf(buf, size, "in D that is %s-%s%s", w->name, n, !strcmp(unit, "hz") ? "" : unit);
}

static void in_d(const struct word *w, char *const part[], int count, char *buf, size_t size)
{
	const char *last = part[count - 1], *group = part[1];
	bool enter = !strncmp(last, "sys_enter_", 10), leave = !strncmp(last, "sys_exit_", 9);

	switch (w->what) {
	case FUNCTION:
		snprintf(buf, size, "in D that is fbt::%s:%s", is_name(last) ? last : "FUNCTION", w->name);
		break;
	case PROGRAM:
		snprintf(buf, size, "in D that is pidN::%s:%s, of process N or $target",
			 is_name(last) ? last : "FUNCTION", w->name);
		break;
	case TRACEPOINT:
		if (count == 3 && (enter || leave) && is_name(last))
			snprintf(buf, size, "in D that is syscall::%s:%s", last + (enter ? 10 : 9),
				 enter ? "entry" : "return");
		else if (count == 3 && is_name(group) && is_name(last))
			snprintf(buf, size, "in D that is sdt:%s::%s, on the host", group, last);
		break;
	case RAW:
		snprintf(buf, size, "in D that is rawtp:::%s, on the host", is_name(last) ? last : "TRACEPOINT");
		break;
	case TIME:
		if (count == 3)
			time_of(w, group, last, buf, size);
		break;
	case EVENT:
		snprintf(buf, size, "in D that is the provider cpc");
		break;
	}
}

void dv_probe_foreign(const struct dv_probe_desc *d, char *buf, size_t size)
{
	char *part[DV_PART_NAME + 1];
	int first = DV_PART_MACHINE, count = 0;

	if (!size)
		return;
	*buf = '\0';
	if (d->id)
		return;
	while (first < DV_PART_NAME && !*d->part[first])
		first++;
	for (int i = first; i <= DV_PART_NAME; i++)
		part[count++] = d->part[i];
	for (size_t i = 0; i < DV_COUNT(words) && count > 1 && !*buf; i++)
		if (!strcmp(part[0], words[i].word))
			in_d(&words[i], part, count, buf, size);
}
