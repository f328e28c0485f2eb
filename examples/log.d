#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What happens on both machines, in the one order in which it happened: the client on web writes its question, which
 * leaves as a packet, arrives on db, is read by redis; and all the way back with the answer. The log begins with a
 * question and ends with the fourth answer. SEQ is an event's number among all events of all machines (the numbers
 * left out had a predicate that was false), US the time since the first line in us. PROCESS is who had the virtual CPU:
 * packets arrive in interrupts, whoever runs.
 */
#pragma D option quiet

BEGIN
{
	printf("%7s %7s %-7s %3s %-12s %-19s %s\n", "SEQ", "US", "MACHINE", "CPU", "PROCESS", "PROBE", "ARGUMENTS");
}

web:syscall::write:entry
/execname == "client" && !start/
{
	start = timestamp;
}

syscall::read:entry, syscall::write:entry
/start && (execname == "client" || execname == "redis-server")/
{
	printf("%7d %7d %-7s %3d %-12s %-19s %d, 0x%x, %d\n", seq, (timestamp - start) / 1000, vmname, cpu, execname,
	    probefunc, (int)arg0, arg1, (int)arg2);
}

/*
 * What goes to the network card and what TCP gets, if it is IPv4. Numbers are as they stand in the packet, high byte
 * first: 0x0008 is IPv4's 0x0800, 0xeb18 is 0x18eb, redis's port 6379.
 */
fbt::dev_hard_start_xmit:entry, fbt::tcp_v4_rcv:entry
/start && args[0]->protocol == 0x0008/
{
	this->ip = (struct iphdr *)(args[0]->head + args[0]->network_header);
	this->tcp = (struct tcphdr *)(this->ip + 1);
	this->redis = this->tcp->source == 0xeb18 || this->tcp->dest == 0xeb18;
	this->total = (this->ip->tot_len & 0xff) << 8 | this->ip->tot_len >> 8;
	this->bytes = this->total - 20 - this->tcp->doff * 4;
}

/* Of those, the ones with data to redis or from it. */
fbt::dev_hard_start_xmit:entry, fbt::tcp_v4_rcv:entry
/start && args[0]->protocol == 0x0008 && this->redis && this->bytes > 0/
{
	printf("%7d %7d %-7s %3d %-12s %-19s packet %s redis, %d bytes of data\n", seq, (timestamp - start) / 1000,
	    vmname, cpu, execname, probefunc, this->tcp->dest == 0xeb18 ? "to" : "from", this->bytes);
}

web:syscall::read:return
/start && execname == "client"/
{
	printf("%7d %7d %-7s %3d %-12s %-19s returns %d\n", seq, (timestamp - start) / 1000, vmname, cpu, execname,
	    probefunc, (int)arg1);
	answers++;
}

web:syscall::read:return
/answers == 4/
{
	exit(0);
}

tick-10s
{
	exit(0);
}
