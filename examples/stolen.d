#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time that the host took from each guest's tasks: a virtual CPU's thread leaves its CPU on the host while a task of the
 * guest is running on it. The guest does not see that; to it the task was running all the time. The thread was preempted,
 * by another guest or by a program of the host, or it had to wait for its own QEMU. By guest, and the largest of three
 * seconds by the guest's task and by what the host ran instead.
 */
#pragma D option quiet

/* Which task a virtual CPU runs is known in the guest: it is written down there, and read on the host. */
sched:::on-cpu
/vmname != "host"/
{
	task[vmname, cpu] = tid ? execname : "";
}

/* Which guest a thread belongs to is known when it runs. */
host:sched:::off-cpu
/guestname != ""/
{
	who[tid] = strjoin(guestname, guestvcpu >= 0 ? "'s virtual CPU" : "'s QEMU");
}

host:sched:::off-cpu
/guestvcpu >= 0 && task[guestname, guestvcpu] != ""/
{
	this->next = (struct task_struct *)arg0;
	self->task = task[guestname, guestvcpu];
	self->how = curthread->__state ? "waited" : "preempted";
	self->instead = !this->next->pid ? "nothing" : who[this->next->pid] != "" ? who[this->next->pid] : this->next->comm;
	self->off = timestamp;
}

host:sched:::on-cpu
/self->off/
{
	this->ns = timestamp - self->off;
	@times[guestname, self->how] = count();
	@all[guestname, self->how] = sum(this->ns);
	@most[guestname, self->how] = max(this->ns);
	@took[guestname, self->task, self->how, self->instead] = sum(this->ns);
	self->off = 0;
}

tick-3s
{
	exit(0);
}

END
{
	normalize(@all, 1000);
	normalize(@most, 1000);
	normalize(@took, 1000);
	trunc(@took, 20);
	printf("%-8s %-10s %8s %9s %9s\n", "GUEST", "ITS CPU", "TIMES", "TOTAL us", "MOST us");
	printa("%-8s %-10s %@8d %@9d %@9d\n", @times, @all, @most);
	printf("\n%-8s %-16s %-10s %-22s %9s\n", "GUEST", "ITS TASK", "ITS CPU", "HOST RAN INSTEAD", "TOTAL us");
	printa("%-8s %-16s %-10s %-22s %@9d\n", @took);
}
