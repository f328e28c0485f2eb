// SPDX-License-Identifier: GPL-2.0-or-later
//
// The kernel tells of each virtual machine that is made or goes, as a change of the device /dev/kvm ("uevent"). Any process
// may listen, where the network namespace is one that is told.
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine/kvm/find.h"

#define KERNEL_GROUP 1u
#define MESSAGES_MAX 256 /* at once: more come when a bus is looked over, and can wait */

int dv_kvm_watch(void)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool has(const char *text, size_t size, const char *line)
{
	size_t n = strlen(line) + 1;

	for (const char *p = text, *end = text + size; (size_t)(end - p) >= n; p++) {
		if (!memcmp(p, line, n))
			return true;
		p = memchr(p, 0, (size_t)(end - p));
		if (!p)
			break;
	}
	return false;
}

bool dv_kvm_news(int fd)
{
	bool ret = false;
	char text[4096];

	for (int i = 0; i < MESSAGES_MAX; i++) {
		struct sockaddr_nl from = {0};
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, text, sizeof(text) - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &size);

		if (n <= 0)
			break;
		// Only the kernel is believed: it sends as 0.
		text[n] = '\0';
		ret |= !from.nl_pid && has(text, (size_t)n + 1, "DEVNAME=kvm") && has(text, (size_t)n + 1, "EVENT=create");
	}
	if (ret)
		dv_kvm_find_anew();
	return ret;
}
