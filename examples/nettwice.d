#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP data from one guest to another goes through a network stack three times: down the sender's, through the host, up
 * the receiver's. One distribution for each of these legs, in us. A segment is known again by its port and its sequence
 * number, which stand in the guests' packets and, behind the Ethernet and IP headers, in the buffers of QEMU's system calls
 * on the host. It is for guests whose QEMU hands each packet to a socket or a tap device (-netdev dgram, stream, tap),
 * and for IPv4 without options.
 */
#pragma D option quiet
#pragma D option aggsortkey

tcp:::send, tcp:::receive
/vmname != "host"/
{
	this->tcp = (struct tcphdr *)arg4;
	this->bytes = ((struct sk_buff *)arg0)->len - this->tcp->doff * 4;
	this->port = this->tcp->source;
	this->seq = this->tcp->seq;
}

tcp:::send
/vmname != "host" && this->bytes > 0/
{
	from[this->port, this->seq] = vmname;
	sent[this->port, this->seq] = timestamp;
}

host:syscall::sendto:entry, host:syscall::write:entry
/guestname != "" && arg2 > 54/
{
	this->frame = copyin(arg1, 54);
	this->ip = (struct iphdr *)(this->frame + 14);
	this->tcp = (struct tcphdr *)(this->frame + 34);
	this->is_tcp = this->ip->version == 4 && this->ip->ihl == 5 && this->ip->protocol == 6;
	this->port = this->tcp->source;
	this->seq = this->tcp->seq;
}

host:syscall::sendto:entry, host:syscall::write:entry
/this->is_tcp && from[this->port, this->seq] == guestname/
{
	put[this->port, this->seq] = timestamp;
}

host:syscall::recvfrom:entry, host:syscall::read:entry
/guestname != ""/
{
	self->buf = arg1;
}

host:syscall::recvfrom:return, host:syscall::read:return
/self->buf && (int)arg1 > 54/
{
	this->frame = copyin(self->buf, 54);
	this->ip = (struct iphdr *)(this->frame + 14);
	this->tcp = (struct tcphdr *)(this->frame + 34);
	this->is_tcp = this->ip->version == 4 && this->ip->ihl == 5 && this->ip->protocol == 6;
	this->port = this->tcp->source;
	this->seq = this->tcp->seq;
}

host:syscall::recvfrom:return, host:syscall::read:return
/this->is_tcp && put[this->port, this->seq]/
{
	got[this->port, this->seq] = timestamp;
}

host:syscall::recvfrom:return, host:syscall::read:return
{
	self->buf = 0;
}

tcp:::receive
/vmname != "host" && this->bytes > 0 && got[this->port, this->seq]/
{
	this->sent = sent[this->port, this->seq];
	this->put = put[this->port, this->seq];
	this->got = got[this->port, this->seq];
	@leg[from[this->port, this->seq], vmname, "1. TCP to QEMU's system call"] = quantize((this->put - this->sent) / 1000);
	@leg[from[this->port, this->seq], vmname, "2. through the host"] = quantize((this->got - this->put) / 1000);
	@leg[from[this->port, this->seq], vmname, "3. QEMU to TCP"] = quantize((timestamp - this->got) / 1000);
	@bytes[from[this->port, this->seq], vmname] = sum(this->bytes);
	from[this->port, this->seq] = 0;
	sent[this->port, this->seq] = put[this->port, this->seq] = got[this->port, this->seq] = 0;
}

tick-3s
{
	exit(0);
}

END
{
	printa("%s to %s: %@d bytes\n", @bytes);
	printa("\n%s to %s: %s, us%@d", @leg);
}
