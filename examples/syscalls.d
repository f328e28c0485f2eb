#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who makes which system calls, on every machine that is traced: the fifteen most frequent of three seconds,
 * the most frequent last.
 */
#pragma D option quiet

syscall:::entry
{
	@[vmname, execname, probefunc] = count();
}

tick-3s
{
	exit(0);
}

END
{
	trunc(@, 15);
	printf("%-10s %-16s %-20s %8s\n", "MACHINE", "PROCESS", "SYSTEM CALL", "COUNT");
	printa("%-10s %-16s %-20s %@8d\n", @);
}
