#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How long a TCP packet takes from one guest to the other, one way, in ns. A clause in the sending guest remembers
 * when the packet went to its network card, under the packet's own address and identification; a clause in the
 * receiving guest takes that out again when TCP gets it. Both times are the host's: there are no clocks to compare.
 * Emulated guests are slow, most of all on a busy host, and what the script itself takes is part of it.
 */
#pragma D option quiet

/* 0x0008 is IPv4's 0x0800 as it stands in the packet. */
fbt::dev_hard_start_xmit:entry
/args[0]->protocol == 0x0008/
{
	this->ip = (struct iphdr *)(args[0]->head + args[0]->network_header);
	sent[this->ip->saddr, this->ip->id] = timestamp;
	from[this->ip->saddr, this->ip->id] = vmname;
}

fbt::tcp_v4_rcv:entry
{
	this->ip = (struct iphdr *)(args[0]->head + args[0]->network_header);
	this->sent = sent[this->ip->saddr, this->ip->id];
	this->from = from[this->ip->saddr, this->ip->id];
	sent[this->ip->saddr, this->ip->id] = 0;
	from[this->ip->saddr, this->ip->id] = 0;
}

/* Packets of a machine to itself are of no interest. */
fbt::tcp_v4_rcv:entry
/this->sent && this->from != vmname/
{
	@[this->from, vmname] = quantize(timestamp - this->sent);
}

tick-3s
{
	exit(0);
}

END
{
	printa("\n%s to %s, in ns%@d", @);
}
