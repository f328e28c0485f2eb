/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent PORT...: runs commands in a guest for scripts/guest. It is there for the
 * test-suite and the demonstration; dvirt itself needs nothing in a guest.
 *
 * Each PORT is a virtio serial port with one command at a time. A request is a
 * line "run TOKEN LENGTH\n" and LENGTH bytes for `sh -c`. The reply begins with a
 * line "TOKEN\n"; then come frames of one byte for the kind, four bytes (big
 * endian) for the length, and as many bytes: 'o' standard output, 'e' standard
 * error, 'x' the exit status as text, which is the last. When the other end hangs
 * up, the command and its process group are killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_COMMAND (1 << 20)

/*
 * Whether the other end is connected is told by a message of its own, which may come
 * after the first data of a new connection. So "hung up" counts only when it lasts,
 * and a new request ends the command of a connection that is no more. A port that is
 * hung up polls as readable, whether it has data or not.
 */
#define HANGUP_MS 500

static int port;

static void sleep_ms(int ms)
{
	poll(NULL, 0, ms);
}

/*
 * Waits until something has happened on the port: it sends SIGIO, which is blocked, and so kept. An agent that nobody
 * talks to makes no system calls, but for one now and then, that would be seen in every trace.
 */
static void wait_io(void)
{
	static const struct timespec limit = { .tv_sec = 2 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigtimedwait(&set, NULL, &limit);
}

static int read_all(char *p, size_t n, int first)
{
	int hung = 0;

	while (n > 0) {
		ssize_t r = read(port, p, n);

		if (r > 0) {
			p += r;
			n -= (size_t)r;
			first = 0;
			hung = 0;
			continue;
		}
		if (r < 0 && errno == EAGAIN) {
			struct pollfd f = { .fd = port, .events = POLLIN };

			poll(&f, 1, -1);
			if (!(f.revents & POLLHUP) || (f.revents & POLLIN))
				continue;
		}
		if (first) {
			wait_io();
			continue;
		}
		if ((hung += 20) > HANGUP_MS)
			return -1;
		sleep_ms(20);
	}
	return 0;
}

static int write_all(const char *p, size_t n)
{
	int hung = 0;

	while (n > 0) {
		ssize_t r = write(port, p, n);

		if (r > 0) {
			p += r;
			n -= (size_t)r;
			hung = 0;
			continue;
		}
		struct pollfd f = { .fd = port, .events = POLLOUT | POLLIN };

		if (poll(&f, 1, 1000) > 0 && (f.revents & (POLLIN | POLLHUP)) == POLLIN)
			return -1;
		if (f.revents & POLLHUP) {
			if ((hung += 20) > HANGUP_MS)
				return -1;
			sleep_ms(20);
		} else if (r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR)) {
			return -1;
		}
	}
	return 0;
}

static int frame(char kind, const char *data, size_t n)
{
	char head[5] = { kind, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	return write_all(head, sizeof(head)) || write_all(data, n) ? -1 : 0;
}

/* 1: data went out or there is none now; 0: end of the stream; -1: hung up. */
static int forward(int fd, char kind)
{
	static char buf[32768];
	ssize_t r = read(fd, buf, sizeof(buf));

	if (r > 0)
		return frame(kind, buf, (size_t)r) ? -1 : 1;
	return r < 0 && (errno == EAGAIN || errno == EINTR) ? 1 : 0;
}

static void run(const char *command)
{
	int out[2], err[2], status = 0, gone = 0, ended = 0, hung = 0;
	char text[16];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		dup2(null, 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);

	struct pollfd f[3] = {
		{ .fd = out[0], .events = POLLIN },
		{ .fd = err[0], .events = POLLIN },
		{ .fd = port, .events = POLLIN },
	};
	/* A background process may hold the pipes open: stop when the command has ended. */
	while (!gone && !ended) {
		int n = poll(f, 3, f[0].fd < 0 && f[1].fd < 0 ? 2 : 20);

		if (n > 0) {
			for (int i = 0; i < 2; i++) {
				if (!f[i].revents)
					continue;
				int r = forward(f[i].fd, i ? 'e' : 'o');

				if (r < 0)
					gone = 1;
				else if (r == 0)
					f[i].fd = -1;
			}
			if ((f[2].revents & (POLLIN | POLLHUP)) == POLLIN)
				gone = 1;
			if (f[2].revents & POLLHUP) {
				if ((hung += 5) > HANGUP_MS)
					gone = 1;
				sleep_ms(5);
			} else {
				hung = 0;
			}
			/* A port that is quiet must not hide that the command ended. */
			if (!f[0].revents && !f[1].revents)
				n = 0;
		}
		if ((n == 0 || (f[0].fd < 0 && f[1].fd < 0)) && waitpid(pid, &status, WNOHANG) == pid)
			ended = 1;
	}
	if (gone) {
		kill(-pid, SIGKILL);
		if (!ended)
			waitpid(pid, &status, 0);
	} else {
		snprintf(text, sizeof(text), "%d",
			 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		frame('x', text, strlen(text));
	}
	close(out[0]);
	close(err[0]);
}

static void serve(const char *path)
{
	static char command[MAX_COMMAND + 1];

	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while ((port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
		sleep_ms(50);
	fcntl(port, F_SETOWN, getpid());
	fcntl(port, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC);
	for (;;) {
		char line[64], token[33];
		size_t n = 0;
		unsigned length;
		int bad = 0;

		while (!bad && (n == 0 || line[n - 1] != '\n')) {
			if (n == sizeof(line) - 1 || read_all(line + n, 1, n == 0))
				bad = 1;
			else
				n++;
		}
		if (bad)
			continue;
		line[n] = '\0';
		if (sscanf(line, "run %31s %u", token, &length) != 2 || length > MAX_COMMAND)
			continue;
		if (length > 0 && read_all(command, length, 0))
			continue;
		command[length] = '\0';
		strcat(token, "\n");
		if (write_all(token, strlen(token)))
			continue;
		run(command);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		if (fork() == 0)
			serve(argv[i]);
	}
	for (;;)
		pause();
}
