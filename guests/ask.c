/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask FOLDER COMMAND: runs a shell command in a guest, by one of the agents whose sockets are FOLDER/agent1 to agent4 (see
 * agent.c for what is said there). Output and exit status are those of the command. For a laboratory, where no Python is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define AGENTS 4
#define FRAME_MAX (1u << 20)

static const char *folder;

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "ask: %s: %s\n", folder, what);
	exit(125);
}

/* The agent's number; its lock is held until the program ends. */
static int free_agent(void)
{
	static const struct timespec pause = { .tv_nsec = 20000000 };

	for (int round = 0; round < 3000; round++) {
		for (int i = 1; i <= AGENTS; i++) {
			char path[256];

			snprintf(path, sizeof(path), "%s/agent%d.lock", folder, i);
			int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

			if (fd < 0)
				fail(strerror(errno));
			if (flock(fd, LOCK_EX | LOCK_NB) == 0)
				return i;
			close(fd);
		}
		nanosleep(&pause, NULL);
	}
	fail("all agents are busy");
}

static void write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			fail(strerror(errno));
		p += r;
		n -= (size_t)r;
	}
}

static void read_all(int fd, void *data, size_t n)
{
	char *p = data;

	while (n > 0) {
		ssize_t r = read(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			fail("the guest went away");
		p += r;
		n -= (size_t)r;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char head[64], token[18] = "";
	uint64_t random = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: ask FOLDER COMMAND\n");
		return 2;
	}
	folder = argv[1];
	int agent = free_agent(), s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/agent%d", folder, agent) >= sizeof(a.sun_path))
		fail("the folder's name is too long");
	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)))
		fail(strerror(errno));
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		fail("no random number");
	snprintf(token, sizeof(token), "%016llx\n", (unsigned long long)random);
	write_all(s, head, (size_t)snprintf(head, sizeof(head), "run %.16s %zu\n", token, strlen(argv[2])));
	write_all(s, argv[2], strlen(argv[2]));

	/* What an earlier command left behind comes first. */
	char last[17] = "";

	while (memcmp(last, token, sizeof(last))) {
		memmove(last, last + 1, sizeof(last) - 1);
		read_all(s, last + sizeof(last) - 1, 1);
	}
	for (;;) {
		static char data[FRAME_MAX + 1];
		unsigned char h[5];

		read_all(s, h, sizeof(h));
		uint32_t n = (uint32_t)h[1] << 24 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 8 | h[4];

		if (n > FRAME_MAX || !strchr("oex", h[0]))
			fail("the guest answered nonsense");
		read_all(s, data, n);
		data[n] = '\0';
		if (h[0] == 'x')
			return atoi(data);
		write_all(h[0] == 'o' ? STDOUT_FILENO : STDERR_FILENO, data, n);
	}
}
