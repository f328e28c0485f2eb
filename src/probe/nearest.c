// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/nearest.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

// Edit distance, cut off: at least `max` means "too far". Names are short; longer ones are not looked at.
static unsigned distance(const char *a, const char *b, unsigned max)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned row[64];

	if (lb >= DV_COUNT(row) || la >= DV_COUNT(row) || la + max <= lb || lb + max <= la)
		return max;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned diag = row[0], best = row[0] = (unsigned)i;

		for (size_t j = 1; j <= lb; j++) {
			unsigned cost = diag + (a[i - 1] != b[j - 1]);

			diag = row[j];
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			row[j] = cost;
			if (cost < best)
				best = cost;
		}
		if (best >= max)
			return max;
	}
	return row[lb] < max ? row[lb] : max;
}

void dv_nearest_init(struct dv_nearest *n, const char *want)
{
	size_t len = strlen(want);

	*n = (struct dv_nearest){.want = want, .max = len < 4 ? 2 : len < 7 ? 3 : 4};
}

void dv_nearest_offer(struct dv_nearest *n, const char *name)
{
	unsigned d = distance(n->want, name, n->max), at;

	if (d > 1 && !strcasecmp(n->want, name))
		d = 1;
	if (d >= n->max)
		return;
	for (unsigned i = 0; i < n->count; i++)
		if (!strcmp(n->name[i], name))
			return;
	if (n->count < DV_NEAREST)
		n->count++;
	for (at = n->count - 1; at > 0 && n->dist[at - 1] > d; at--) {
		n->name[at] = n->name[at - 1];
		n->dist[at] = n->dist[at - 1];
	}
	n->name[at] = name;
	n->dist[at] = d;
	if (n->count == DV_NEAREST && n->dist[DV_NEAREST - 1] < n->max)
		n->max = n->dist[DV_NEAREST - 1];
}

void dv_nearest_list(const struct dv_nearest *n, char *buf, size_t size)
{
	size_t used = 0;

	if (size)
		*buf = '\0';
	for (unsigned i = 0; i < n->count && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "", n->name[i]);
}
