/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session loads, taken over and checked: the state region mapped, the image copied, a dv_exec for each vCPU. */
#include "machine/qemu/plugin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "machine/qemu/regionfd.h"

#define IMAGE_MAX  (64u << 20)
#define REGION_MAX (2ull << 30)
/* bufpolicy=block: nobody has made room for so long: lose data rather than the guest; and when others need this vCPU.
 */
#define STUCK_NS        30000000000ull
#define STUCK_SWITCH_NS 200000000ull
/* The waits of one firing, even though there is progress: whoever maps the region can make it look so for ever. */
#define FIRING_NS       60000000000ull

static bool over(const struct dv_waiter *w)
{
	return __atomic_load_n(&w->t->closing, __ATOMIC_ACQUIRE) || __atomic_load_n(&g.exiting, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&w->t->hdr->halt, __ATOMIC_ACQUIRE);
}

/* There is no room: sleep a little. A vCPU that waits holds up whatever needs all vCPUs to stop (another session that
 * attaches, QEMU's end), so the wait ends when the session does, and when the reader stands still. */
static bool wait_for_room(void *ctx)
{
	struct dv_waiter *w = ctx;
	struct timespec t = {0, 50000};
	uint64_t tail = __atomic_load_n(&w->prod->tail, __ATOMIC_ACQUIRE), now = dv_now_ns();

	if (over(w))
		return false;
	if (w->exec->seq != w->seq) {
		w->seq = w->exec->seq;
		w->begun_ns = now;
	}
	if (now - w->begun_ns > FIRING_NS)
		return false;
	if (tail != w->tail || !w->since_ns) {
		w->tail = tail;
		w->since_ns = now;
	} else if (now - w->since_ns >
		   (__atomic_load_n(&g.want_switch, __ATOMIC_ACQUIRE) ? STUCK_SWITCH_NS : STUCK_NS)) {
		return false;
	}
	nanosleep(&t, NULL);
	return !over(w);
}

static void *read_image(int fd, uint64_t size, char *msg, size_t msg_size)
{
	char *image = size && size <= IMAGE_MAX ? malloc(size) : NULL;

	if (!image) {
		snprintf(msg, msg_size, "load image: no memory for %llu bytes", (unsigned long long)size);
		return NULL;
	}
	for (uint64_t at = 0; at < size;) {
		ssize_t n = pread(fd, image + at, size - at, (off_t)at);
		if (n <= 0) {
			snprintf(msg, msg_size, "load image: %s", n ? strerror(errno) : "shorter than said");
			free(image);
			return NULL;
		}
		at += (uint64_t)n;
	}
	return image;
}

static bool make_execs(struct dv_tracing *t, char *msg, size_t msg_size)
{
	const struct dv_load_image *img = t->loaded->img;
	uint32_t n = img->prod_count < DV_VCPU_MAX ? img->prod_count : DV_VCPU_MAX;
	const char *why = "";

	t->exec = n ? calloc(n, sizeof(*t->exec)) : NULL;
	t->waiters = n ? calloc(n, sizeof(*t->waiters)) : NULL;
	t->sysret = malloc(sizeof(*t->sysret) * DV_SYSRET_MAX);
	if (!t->exec || !t->waiters || !t->sysret) {
		snprintf(msg, msg_size, "no memory for %u vCPUs", n);
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!dv_exec_init(&t->exec[i], t->region, t->region_size, img->prod + i, t->loaded, &why)) {
			snprintf(msg, msg_size, "vCPU %u: %s", i, why);
			return false;
		}
		t->waiters[i].t = t;
		t->waiters[i].exec = &t->exec[i];
		t->waiters[i].prod = dv_region_producer(t->region, t->region_size, img->prod + i);
		if ((t->hdr->flags & DV_REGION_BLOCK) && t->waiters[i].prod) {
			t->exec[i].wait = wait_for_room;
			t->exec[i].wait_ctx = &t->waiters[i];
		}
	}
	t->exec_count = n;
	memset(t->sysret, 0xff, sizeof(*t->sysret) * DV_SYSRET_MAX);
	for (uint32_t i = 0; i < img->sysret_count; i++) {
		const struct dv_load_sysret *s = &t->loaded->sysrets[i];
		if (s->nr < DV_SYSRET_MAX && !s->compat && s->site < img->site_count)
			t->sysret[s->nr] = (int32_t)s->site;
	}
	return true;
}

struct dv_tracing *dv_tracing_create(int region_fd, uint64_t region_size, int image_fd, uint64_t image_size,
                                     struct dv_peer *peers, uint32_t peer_count, char *msg, size_t msg_size)
{
	struct dv_tracing *t;
	const char *why = "";
	void *image;

	if (region_size > REGION_MAX || region_size < sizeof(struct dv_region_hdr) ||
	    (region_size & (region_size - 1))) {
		snprintf(msg, msg_size, "region: %llu bytes are no size for it", (unsigned long long)region_size);
		return NULL;
	}
	if (!dv_regionfd_check(region_fd, region_size, msg, msg_size))
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t) {
		snprintf(msg, msg_size, "out of memory");
		return NULL;
	}
	t->region = mmap(NULL, region_size, PROT_READ | PROT_WRITE, MAP_SHARED, region_fd, 0);
	if (t->region == MAP_FAILED) {
		t->region = NULL;
		snprintf(msg, msg_size, "region: cannot map it: %s", strerror(errno));
		goto error;
	}
	t->region_size = region_size;
	if (!dv_region_check(t->region, region_size, &why)) {
		snprintf(msg, msg_size, "region: %s", why);
		goto error;
	}
	t->hdr = dv_region_hdr(t->region);
	image = read_image(image_fd, image_size, msg, msg_size);
	if (!image)
		goto error;
	t->loaded = dv_loaded_create(image, image_size, t->hdr, msg, msg_size);
	free(image);
	if (!t->loaded || !make_execs(t, msg, msg_size))
		goto error;
	for (uint32_t i = 0; i < t->loaded->img->site_count; i++) {
		// There the thread's turns are cut short by each timer, and none of its virtual CPUs comes far.
		if (t->loaded->sites[i].kind == DV_SITE_PROFILE && dv_cpu_shared()) {
			snprintf(msg, msg_size, "profile cannot be had: one thread runs all its virtual CPUs (TCG with thread=single)");
			goto error;
		}
	}
	if (t->loaded->img->flags & DV_LOAD_VTIME && !dv_vtime_prepare(msg, msg_size))
		goto error;
	t->peers = peers;
	t->peer_count = peer_count;
	return t;
error:
	dv_tracing_destroy(t);
	return NULL;
}

void dv_tracing_destroy(struct dv_tracing *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->peer_count; i++)
		close(t->peers[i].fd);
	free(t->peers);
	free(t->sysret);
	free(t->waiters);
	free(t->exec);
	if (t->loaded)
		dv_loaded_destroy(t->loaded);
	if (t->region)
		munmap(t->region, t->region_size);
	free(t);
}
