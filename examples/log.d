#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What happens on all machines, in the one order in which it happened: the system calls by which a client on web and
 * redis on db talk to each other, and the packets between them. Sequence number, time since the start in us,
 * machine, virtual CPU, process, probe, arguments.
 */
#pragma D option quiet

BEGIN
{
	start = timestamp;
	printf("%9s %9s %-7s %3s %-14s %-14s %s\n", "SEQ", "US", "MACHINE", "CPU", "PROCESS", "PROBE", "ARGUMENTS");
}

syscall::read:entry, syscall::write:entry, syscall::epoll_wait:entry
/execname == "client" || execname == "redis-server"/
{
	printf("%9d %9d %-7s %3d %-14s %-14s %d, 0x%x, %d\n", seq, (timestamp - start) / 1000, vmname, cpu, execname,
	    probefunc, (int)arg0, arg1, (int)arg2);
	lines++;
}

fbt::tcp_v4_rcv:entry
{
	printf("%9d %9d %-7s %3d %-14s %-14s packet of %d bytes\n", seq, (timestamp - start) / 1000, vmname, cpu, execname,
	    probefunc, args[0]->len);
	lines++;
}

syscall::read:entry, fbt::tcp_v4_rcv:entry
/lines >= 40/
{
	exit(0);
}

tick-10s
{
	exit(0);
}
