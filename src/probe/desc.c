// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/probe.h"

#include <ctype.h>
#include <string.h>

#define DESC_MAX 1024

// Parts are taken from the right: what is left off is left off from the left.
struct dv_error *dv_probe_desc_parse(const char *text, struct dv_probe_desc *ret)
{
	struct dv_probe_desc d = {0};
	const char *start = text, *end = text + strlen(text);
	int part = DV_PART_NAME;

	while (start < end && isspace((unsigned char)*start))
		start++;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	if (end - start > DESC_MAX)
		return dv_error_create(DV_ERR_LIMIT, "probe description is longer than %d characters", DESC_MAX);
	if (start == end)
		return dv_error_create(DV_ERR_SYNTAX, "empty probe description");
	for (const char *p = end; p >= start; p--) {
		if (p > start && p[-1] != ':')
			continue;
		if (part < 0) {
			dv_probe_desc_deinit(&d);
			return dv_error_hint(dv_error_create(DV_ERR_SYNTAX,
							     "too many parts in probe description '%.*s'",
							     (int)(end - start), start),
					     "a description is machine:provider:module:function:name");
		}
		const char *stop = strchr(p, ':');

		if (!stop || stop > end)
			stop = end;
		d.part[part--] = dv_xstrndup(p, (size_t)(stop - p));
	}
	d.machine_given = part < DV_PART_MACHINE;
	for (int i = 0; i <= DV_PART_NAME; i++)
		if (!d.part[i])
			d.part[i] = dv_xstrdup("");
	if (part == DV_PART_FUNC) { // one part only: perhaps an id
		const char *n = d.part[DV_PART_NAME];
		size_t len = strspn(n, "0123456789");

		if (len && !n[len] && len < 10)
			d.id = (uint32_t)strtoul(n, NULL, 10);
	}
	*ret = d;
	return NULL;
}

void dv_probe_desc_deinit(struct dv_probe_desc *d)
{
	for (int i = 0; i <= DV_PART_NAME; i++) {
		free(d->part[i]);
		d->part[i] = NULL;
	}
}

bool dv_probe_desc_machine(const struct dv_probe_desc *d, const char *machine)
{
	return !d->machine_given || dv_glob(d->part[DV_PART_MACHINE], machine);
}
