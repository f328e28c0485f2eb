/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heartbeat HZ: makes the HPET interrupt a laboratory's CPU that often, for ever.
 *
 * QEMU up to 10.1 loses an interrupt now and then while a guest of the emulated SVM comes back: its vCPU thread takes a bit out of the
 * word of pending interrupts (do_vmexit) without a lock, and one that another thread puts there at that moment is gone. When it is
 * that of the one-shot timer a tickless kernel stands still, until another interrupt comes. One that is periodic always does.
 */
#include <fcntl.h>
#include <linux/hpet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned long hz = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	int fd = open("/dev/hpet", O_RDONLY | O_CLOEXEC);

	if (!hz || fd < 0 || ioctl(fd, HPET_IRQFREQ, hz) || ioctl(fd, HPET_IE_ON, 0)) {
		perror("heartbeat");
		return 1;
	}
	for (;;)
		pause();
}
