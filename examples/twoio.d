#!/usr/bin/env -S dvirt -s
/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A guest's block request on its way through both kernels and back: from the guest's block layer to QEMU, which makes a
 * system call of it; through the host's file system to the host's block layer; to the device and back; and up again to
 * the guest. One distribution for each of the four legs, in us, for guests whose disk is a file or a block device of the
 * host that is opened past the page cache (-drive ...,cache=none). It tells apart requests of different guests, not two
 * of one guest at the same time: let the guest have one in flight, dd if=/dev/vda of=/dev/null bs=4k iflag=direct, say.
 */
#pragma D option quiet
#pragma D option aggsortkey

uint64_t asked[string], called[string], begun[string], ended[string];

io:::start
/vmname != "host"/
{
	asked[vmname] = timestamp;
	called[vmname] = 0;
	begun[vmname] = 0;
	ended[vmname] = 0;
}

/* Of these calls QEMU makes the one that its configuration says. */
host:syscall::pread64:entry, host:syscall::preadv:entry, host:syscall::pwrite64:entry, host:syscall::pwritev:entry,
host:syscall::io_submit:entry, host:syscall::io_uring_enter:entry, host:syscall::fdatasync:entry
/guestname != "" && asked[guestname] && !called[guestname]/
{
	called[guestname] = timestamp;
}

/* A request of the host's is made by a thread of QEMU's, and ends in an interrupt, whoever runs. */
host:io:::start
/guestname != "" && called[guestname]/
{
	of[arg0] = guestname;
	begun[guestname] = begun[guestname] ? begun[guestname] : timestamp;
}

host:io:::done
/of[arg0] != ""/
{
	ended[of[arg0]] = timestamp;
	of[arg0] = 0;
}

io:::done
/vmname != "host" && asked[vmname] && ended[vmname]/
{
	@leg[vmname, "1. guest's block layer to QEMU's system call"] = quantize((called[vmname] - asked[vmname]) / 1000);
	@leg[vmname, "2. system call to host's block layer"] = quantize((begun[vmname] - called[vmname]) / 1000);
	@leg[vmname, "3. host's device"] = quantize((ended[vmname] - begun[vmname]) / 1000);
	@leg[vmname, "4. host's block layer to guest's"] = quantize((timestamp - ended[vmname]) / 1000);
	requests++;
}

io:::done
/vmname != "host"/
{
	done++;
	asked[vmname] = 0;
}

tick-3s
{
	exit(0);
}

END
{
	printf("%d requests of guests, %d of which made the host's devices work\n", done, requests);
	printa("\n%s: %s, us%@d", @leg);
}
