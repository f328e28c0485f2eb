#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A clause on one machine that looks at what another machine just did. The client on web asks redis on db all the
 * time; with each twentieth question a clause on web sets a variable. The clauses on db test it: they show what redis
 * does for that question, and nothing while it is not set.
 */
#pragma D option quiet

web:syscall::write:entry
/execname == "client" && ++questions % 20 == 0/
{
	watched = questions;
	asked = timestamp;
	printf("\nweb: %s asks its question %d\n", execname, watched);
}

db:syscall:::entry
/watched && execname == "redis-server"/
{
	printf("db:    %6d us later redis calls %s()\n", (timestamp - asked) / 1000, probefunc);
}

web:syscall::read:return
/watched && execname == "client"/
{
	printf("web: it has the answer after %d us\n", (timestamp - asked) / 1000);
	watched = 0;
	answered++;
}

web:syscall::read:return
/answered == 3/
{
	exit(0);
}

tick-10s
{
	exit(0);
}
