#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why virtual machines under KVM come back to the host, and how long they are kept: VM exits of three seconds by the
 * process that runs the machine and by the processor's reason, with the time from each exit to the next entry. A halt
 * (HLT, hlt) takes as long as the guest has nothing to do. It needs nothing of the guests: QEMU or any other program may
 * run them. Where there is no KVM or it has no guest the script says so.
 */
#pragma D option quiet

host:kvm:::exit
{
	exits++;
	self->reason = args[3];
	self->left = timestamp;
}

host:kvm:::entry
/self->left/
{
	this->ns = timestamp - self->left;
	@count[execname, pid, self->reason] = count();
	@total[execname, pid, self->reason] = sum(this->ns);
	@each[execname, pid, self->reason] = avg(this->ns);
	@longest[execname, pid, self->reason] = max(this->ns);
	self->left = 0;
	self->reason = 0;
}

tick-3s
{
	exit(0);
}

END
/exits/
{
	normalize(@total, 1000);
	normalize(@each, 1000);
	normalize(@longest, 1000);
	printf("%-16s %7s %-22s %9s %11s %9s %9s\n", "PROCESS", "PID", "REASON", "EXITS", "TOTAL us", "MEAN us", "MOST us");
	printa("%-16s %7d %-22s %@9d %@11d %@9d %@9d\n", @count, @total, @each, @longest);
}

END
/!exits/
{
	printf("no VM exits: no virtual machine runs under KVM on this host\n");
}
