#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two schedulers, one above the other: how long a guest's tasks wait for a virtual CPU, in the guest's run queue, and how
 * long the threads that are its virtual CPUs wait for a CPU, in the host's. A wait begins when the task is woken, or when
 * it has to leave its CPU though it could run on, and ends when it is on a CPU. The two distributions stand side by side:
 * how many waits took so many microseconds at most.
 */
#pragma D option quiet
#pragma D option aggsortkey

inline int upto = this->us < 1 ? 1 : this->us < 2 ? 2 : this->us < 5 ? 5 : this->us < 10 ? 10 : this->us < 20 ? 20 :
    this->us < 50 ? 50 : this->us < 100 ? 100 : this->us < 200 ? 200 : this->us < 500 ? 500 : this->us < 1000 ? 1000 :
    this->us < 2000 ? 2000 : this->us < 5000 ? 5000 : this->us < 10000 ? 10000 : this->us < 20000 ? 20000 :
    this->us < 50000 ? 50000 : this->us < 100000 ? 100000 : 1000000;

/* Any probe in a guest shows which thread of the host is that virtual CPU. */
sched:::on-cpu
/vmname != "host"/
{
	vcpu[hosttid] = vmname;
}

sched:::wakeup
/vmname != "host" || vcpu[((struct task_struct *)arg0)->pid] != ""/
{
	since[vmname, ((struct task_struct *)arg0)->pid] = timestamp;
}

sched:::off-cpu
/tid && curthread->__state == 0 && (vmname != "host" || vcpu[tid] != "")/
{
	since[vmname, tid] = timestamp;
}

sched:::on-cpu
/since[vmname, tid]/
{
	this->us = (timestamp - since[vmname, tid]) / 1000;
	since[vmname, tid] = 0;
	this->waited = 1;
}

sched:::on-cpu
/this->waited && vmname != "host"/
{
	@guest[vmname, upto] = count();
}

sched:::on-cpu
/this->waited && vmname == "host"/
{
	@host[vcpu[tid], upto] = count();
}

tick-3s
{
	exit(0);
}

END
{
	printf("%-8s %8s %14s %14s\n", "GUEST", "us", "ITS TASKS", "ITS CPUS");
	printa("%-8s %8d %@14d %@14d\n", @guest, @host);
}
