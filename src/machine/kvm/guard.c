// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm-PID.traps: a head, then struct dv_trap as it is. Rows are written before the head that counts them, and that before the
 * first store into the guest, so a file is never behind. Who reads one takes nothing in it for granted: a row must be a
 * trap that could have been made here, the VMM the same process, and nothing is stored over bytes that are not the trap's.
 *
 * The guardian cannot tell who may be about to run from behind a trap: programs in the host's kernel that know have
 * ended with dvirt. So it stores the bytes that end a trap, and leaves the bytes behind, which do nothing; they stay written down.
 */
#include "machine/kvm/guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/system.h"
#include "machine/rundir.h"

#define ROWS_MAX (1u << 20)
#define WAIT_MS  3000u /* for another dvirt, or its guardian, to be done */
#define SUFFIX   ".traps"

struct head {
	char magic[8];
	uint32_t row_size, count;
	int32_t pid, owner;
	uint64_t start, owner_start;
};
static const char magic[8] = "dvtraps1";

struct dv_guard {
	int fd;
	char path[PATH_MAX];
	int pid;
	uint64_t start;
	dv_traps traps; // as written down
};

static struct dv_error *rundir(char *dir, size_t size)
{
	int r = dv_rundir_path(true, dir, size);

	return r ? dv_error_sys(-r, "cannot use the directory \"%s\"", dir) : NULL;
}

/* -- files -------------------------------------------------------------------------------------------------------- */

// Open and lock. *owner: who has it, when that fails.
static int take(const char *path, bool create, unsigned wait_ms, int *owner)
{
	*owner = 0;
	for (;;) {
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT : 0), 0600);
		struct stat st;
		struct head h;

		if (fd < 0)
			return -errno;
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077) {
			close(fd);
			return -EPERM;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (fstat(fd, &st) == 0 && st.st_nlink == 1)
				return fd;
			close(fd);
			if (st.st_nlink) // it has a second name, which none of ours has
				return -EPERM;
			continue; // removed by who had it
		}
		if (pread(fd, &h, sizeof(h), 0) == sizeof(h))
			*owner = h.owner;
		close(fd);
		if (!wait_ms)
			return -EBUSY;
		dv_pause_ms(10);
		wait_ms -= wait_ms < 10 ? wait_ms : 10;
	}
}

// What a file says; false: nothing that can be used.
static bool read_rows(int fd, struct head *h, dv_traps *ret)
{
	struct stat st;
	size_t size;
	bool ok;

	ret->count = 0;
	if (pread(fd, h, sizeof(*h), 0) != sizeof(*h) || memcmp(h->magic, magic, sizeof(magic)) != 0 ||
	    h->row_size != sizeof(struct dv_trap) || h->count > ROWS_MAX || h->pid <= 0 || fstat(fd, &st) < 0)
		return false;
	size = h->count * sizeof(struct dv_trap);
	if ((uint64_t)st.st_size < sizeof(*h) + size)
		return false;
	for (uint32_t i = 0; i < h->count; i++)
		*DV_PUSH(ret) = (struct dv_trap){0};
	if (size && pread(fd, ret->data, size, sizeof(*h)) != (ssize_t)size) {
		ret->count = 0;
		return false;
	}
	ok = true;
	for (size_t i = 0; i < ret->count; i++)
		ok = ok && dv_trap_sane(&ret->data[i]) && ret->data[i].hva >= 4096 &&
		     (!ret->data[i].jump_size || ret->data[i].jump_hva >= 4096);
	if (!ok)
		ret->count = 0;
	return ok;
}

static bool write_all(int fd, const void *p, size_t size, off_t at)
{
	while (size) {
		ssize_t n = pwrite(fd, p, size, at);

		if (n <= 0)
			return false;
		p = (const char *)p + n;
		size -= (size_t)n;
		at += n;
	}
	return true;
}

// Rows from @p from on, then the head that counts them. In between, with fewer of them, some are there twice.
static bool write_rows(int fd, int pid, uint64_t start, const dv_traps *t, uint32_t from)
{
	struct head h = {.row_size = sizeof(struct dv_trap), .count = (uint32_t)t->count, .pid = pid, .start = start,
	                 .owner = getpid(), .owner_start = dv_proc_start(getpid())};

	memcpy(h.magic, magic, sizeof(magic));
	return write_all(fd, t->data + from, (t->count - from) * sizeof(struct dv_trap),
	                 (off_t)(sizeof(h) + from * sizeof(struct dv_trap))) &&
	       write_all(fd, &h, sizeof(h), 0);
}

// Drop what needs no more care.
static void keep(dv_traps *t)
{
	size_t out = 0;

	for (size_t i = 0; i < t->count; i++)
		if (t->data[i].state == DV_TRAP_ON || t->data[i].state == DV_TRAP_OFF)
			t->data[out++] = t->data[i];
	t->count = out;
}

/* -- the guardian ------------------------------------------------------------------------------------------------- */

typedef void cleaned_fn(void *ctx, const struct dv_cleaned *c);

static struct dv_error *end_traps(int pid, uint64_t start, dv_traps *t, unsigned tries, struct dv_planted *ret)
{
	struct dv_planter p = {.pid = pid, .start = start, .stop = dv_plant_stop()};
	struct dv_error *e = dv_unplant(&p, t->data, t->count, ret);

	while (e && e->code != DV_ERR_GONE && --tries) {
		dv_error_destroy(e);
		dv_pause_ms(200);
		e = dv_unplant(&p, t->data, t->count, ret);
	}
	return e;
}

// One file, of dvirt @p owner unless that is 0.
static void clean_file(const char *path, int owner, uint64_t owner_start, unsigned wait_ms, cleaned_fn *fn, void *ctx)
{
	struct dv_cleaned c = {0};
	struct dv_error *e = NULL;
	struct head h = {0};
	dv_traps t = {0};
	int fd = take(path, false, wait_ms, &c.owner);
	bool ok;

	if (fd < 0) {
		if (fd == -EBUSY && fn) {
			const char *base = strrchr(path, '/');

			c.pid = base ? atoi(base + sizeof("/kvm-") - 1) : 0;
			fn(ctx, &c);
		}
		return;
	}
	c.owner = 0;
	ok = read_rows(fd, &h, &t);
	if (owner && ok && (h.owner != owner || h.owner_start != owner_start)) {
		close(fd);
		DV_VEC_FREE(&t);
		return;
	}
	c.pid = h.pid;
	if (ok)
		e = end_traps(h.pid, h.start, &t, 5, &c.counts);
	c.gone = e && e->code == DV_ERR_GONE;
	if (c.gone || !ok)
		t.count = 0;
	keep(&t);
	if (!t.count)
		unlink(path);
	else
		(void)write_rows(fd, h.pid, h.start, &t, 0);
	c.failed = e && !c.gone ? e->msg : NULL;
	if (fn)
		fn(ctx, &c);
	dv_error_destroy(e);
	DV_VEC_FREE(&t);
	close(fd);
}

// Does a file say that it is that dvirt's? Without the lock, which others of their own may have for long.
static bool is_of(const char *path, int owner, uint64_t owner_start)
{
	DV_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct head h;

	return fd >= 0 && pread(fd, &h, sizeof(h), 0) == sizeof(h) && h.owner == owner && h.owner_start == owner_start;
}

// The guardian's: a VMM may make whoever looks at its memory wait (userfaultfd, FUSE), which is none of the other guests' business.
// So each file has a process of its own.
static void clean_apart(const char *path, int owner, uint64_t owner_start)
{
	pid_t pid;

	if (!is_of(path, owner, owner_start))
		return;
	pid = fork();
	if (pid <= 0)
		clean_file(path, owner, owner_start, WAIT_MS, NULL, NULL);
	if (!pid)
		_exit(0);
}

// @p owner: the files of that dvirt, which has ended; 0: all.
static void clean_all(const char *dir, int owner, uint64_t owner_start, cleaned_fn *fn, void *ctx)
{
	DIR *d = opendir(dir);
	char path[PATH_MAX];

	for (struct dirent *e; d && (e = readdir(d));) {
		size_t n = strlen(e->d_name);

		if (strncmp(e->d_name, "kvm-", 4) != 0 || n < sizeof(SUFFIX) + 4 ||
		    strcmp(e->d_name + n - (sizeof(SUFFIX) - 1), SUFFIX) != 0 ||
		    strspn(e->d_name + 4, "0123456789") != n - 4 - (sizeof(SUFFIX) - 1))
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= sizeof(path))
			continue;
		if (owner)
			clean_apart(path, owner, owner_start);
		else
			clean_file(path, 0, 0, 0, fn, ctx);
	}
	if (d)
		closedir(d);
}

struct dv_error *dv_guard_clean(void (*fn)(void *ctx, const struct dv_cleaned *c), void *ctx)
{
	char dir[PATH_MAX - 64];
	struct dv_error *e = rundir(dir, sizeof(dir));

	if (!e)
		clean_all(dir, 0, 0, fn, ctx);
	return e;
}

static _Noreturn void guard(int owner, uint64_t owner_start, int pidfd, const char *dir)
{
	static const int deaf[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGUSR1, SIGUSR2};
	struct pollfd p = {.fd = 3, .events = POLLIN};
	sigset_t none;
	int null;

	setsid();
	for (unsigned i = 0; i < DV_COUNT(deaf); i++)
		signal(deaf[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "dvirt-guard");
	// Nothing of dvirt's may stay open for us: programs in the kernel, terminals, locks.
	if (pidfd != 3)
		dup2(pidfd, 3);
	close_range(4, ~0u, 0);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	if (chdir("/") < 0)
		_exit(1);
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	clean_all(dir, owner, owner_start, NULL, NULL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	_exit(0);
}

// One for all guests of this process.
static struct dv_error *guardian(const char *rundir)
{
	static pid_t child, parent;
	char dir[PATH_MAX];
	uint64_t start;
	int pidfd;

	if (child && parent == getpid() && waitpid(child, NULL, WNOHANG) == 0)
		return NULL;
	if (!realpath(rundir, dir))
		return dv_error_sys(errno, "cannot use the directory \"%s\"", rundir);
	parent = getpid();
	start = dv_proc_start(parent);
	pidfd = (int)syscall(SYS_pidfd_open, parent, 0);
	if (pidfd < 0)
		return dv_error_sys(errno, "cannot watch a process");
	child = fork();
	if (!child)
		guard(parent, start, pidfd, dir);
	close(pidfd);
	return child < 0 ? dv_error_sys(errno, "cannot make a process") : NULL;
}

/* -- a session's side --------------------------------------------------------------------------------------------- */

struct dv_error *dv_guard_open(int pid, uint64_t start, struct dv_guard **ret)
{
	struct dv_guard *g = dv_xcalloc(1, sizeof(*g));
	char dir[PATH_MAX - 64];
	struct dv_error *e = rundir(dir, sizeof(dir));
	struct dv_planted counts;
	struct head h;
	int owner;

	g->fd = -1;
	g->pid = pid;
	g->start = start;
	if (e)
		goto out;
	snprintf(g->path, sizeof(g->path), "%s/kvm-%d" SUFFIX, dir, pid);
	g->fd = take(g->path, true, WAIT_MS, &owner);
	if (g->fd == -EBUSY)
		e = dv_error_create(DV_ERR_DENIED, "dvirt traces it already: process %d", owner);
	else if (g->fd < 0)
		e = dv_error_sys(-g->fd, "cannot use the file \"%s\"", g->path);
	if (e)
		goto out;
	if (read_rows(g->fd, &h, &g->traps) && h.pid == pid && h.start == start) {
		e = end_traps(pid, start, &g->traps, 1, &counts);
		keep(&g->traps);
		if (e)
			goto out;
	} else {
		g->traps.count = 0;
	}
	if (!write_rows(g->fd, pid, start, &g->traps, 0)) {
		e = dv_error_sys(errno, "cannot write the file \"%s\"", g->path);
		goto out;
	}
	e = guardian(dir);
out:
	if (e)
		dv_guard_close(g);
	else
		*ret = g;
	return e;
}

static int by_place(const void *a, const void *b)
{
	const struct dv_trap *x = a, *y = b;

	if (x->hva != y->hva)
		return x->hva < y->hva ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

// Put those down that are not yet. Where one is left over, what the kernel had there was known then.
static struct dv_error *note(struct dv_guard *g, struct dv_trap *t, size_t count)
{
	size_t known = g->traps.count;
	DV_FREE struct dv_trap *sorted = dv_xcalloc(known + 1, sizeof(*sorted));

	if (known) {
		memcpy(sorted, g->traps.data, known * sizeof(*sorted));
		qsort(sorted, known, sizeof(*sorted), by_place);
	}
	for (size_t i = 0; i < count; i++) {
		const struct dv_trap *k = bsearch(&t[i], sorted, known, sizeof(*sorted), by_place);

		if (!t[i].hva)
			continue;
		if (k && k->size == t[i].size && k->flags == t[i].flags && k->place == t[i].place &&
		    !memcmp(k->now, t[i].now, k->size))
			memcpy(t[i].was, k->was, sizeof(k->was));
		else
			*DV_PUSH(&g->traps) = t[i];
	}
	if (g->traps.count > ROWS_MAX) {
		g->traps.count = known;
		return dv_error_create(DV_ERR_LIMIT, "more than %u places", ROWS_MAX);
	}
	if (!write_rows(g->fd, g->pid, g->start, &g->traps, (uint32_t)known))
		return dv_error_sys(errno, "cannot write the file \"%s\"", g->path);
	return NULL;
}

struct dv_error *dv_guard_plant(struct dv_guard *g, const struct dv_planter *p, struct dv_trap *t, size_t count,
                                struct dv_planted *ret)
{
	struct dv_error *e = note(g, t, count);

	memset(ret, 0, sizeof(*ret));
	return e ? e : dv_plant(p, t, count, ret);
}

struct dv_error *dv_guard_remove(struct dv_guard *g, const struct dv_planter *p, unsigned tries, struct dv_planted *ret)
{
	struct dv_error *e = dv_unplant(p, g->traps.data, g->traps.count, ret), *e2;

	if (e && e->code == DV_ERR_GONE) {
		g->traps.count = 0;
	} else {
		e2 = dv_replant(p, g->traps.data, g->traps.count, tries, ret);
		if (e)
			dv_error_destroy(e2);
		else
			e = e2;
		keep(&g->traps);
	}
	(void)write_rows(g->fd, g->pid, g->start, &g->traps, 0);
	return e;
}

void dv_guard_close(struct dv_guard *g)
{
	if (!g)
		return;
	if (g->fd >= 0) {
		// A guest that has ended needs no care any more.
		if (!g->traps.count || dv_proc_start(g->pid) != g->start)
			unlink(g->path);
		close(g->fd);
	}
	DV_VEC_FREE(&g->traps);
	free(g);
}
