/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scripted machine (see fake.h). One thread plays its events, so what all vCPUs do is in the script's order. */
#include "machine/fake/fake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "machine/place_x86.h"

struct fake {
	struct dv_fake_script script;
	struct dv_phys phys;
	struct dv_error *broken;  /* the script cannot be read */

	/* loaded */
	struct dv_loaded *loaded;
	void *region;
	uint64_t region_size;
	struct dv_exec *exec;
	uint32_t exec_count;
	struct dv_xplace place;
	const struct dv_fake_event *now;
	pthread_t thread;
	bool playing;
	uint32_t stop;            /* atomic */
};

static bool read_phys(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	const struct fake *f = ctx;
	uint8_t *to = dst;

	while (size) {
		const struct dv_fake_piece *p = NULL;
		size_t n = size;
		for (size_t i = 0; i < f->script.pieces.count; i++) {
			const struct dv_fake_piece *q = &f->script.pieces.data[i];
			if (gpa - q->gpa < q->size) {
				p = q;
				n = q->size - (gpa - q->gpa) < size ? q->size - (gpa - q->gpa) : size;
			} else if (q->gpa > gpa && q->gpa - gpa < n) {
				n = q->gpa - gpa; // another one begins here
			}
		}
		if (!p)
			return false;
		memcpy(to, p->bytes + (gpa - p->gpa), n);
		to += n;
		gpa += n;
		size -= n;
	}
	return true;
}

/* -- playing --------------------------------------------------------------------------------------------------- */

static uint64_t read_reg(struct dv_xplace *p, enum dv_reg r)
{
	struct fake *f = (struct fake *)((char *)p - offsetof(struct fake, place));

	return f->now->reg[r];
}

static bool stopped(const struct fake *f)
{
	return __atomic_load_n(&f->stop, __ATOMIC_ACQUIRE);
}

static bool wait_for_room(void *ctx)
{
	usleep(200);
	return !stopped(ctx);
}

static bool here(const struct dv_load_site *s, const struct dv_fake_event *e)
{
	if (s->kind == DV_SITE_ADDR)
		return s->addr == e->addr;
	return s->kind == DV_SITE_RETURNS && e->is_return && e->addr - s->addr < s->size;
}

static void fire(struct fake *f, const struct dv_fake_event *e)
{
	const struct dv_load_image *img = f->loaded->img;
	struct dv_xplace *p = &f->place;
	uint32_t exec = e->cpu * f->script.levels + e->level;

	if (exec >= f->exec_count || e->level >= f->script.levels)
		return;
	f->now = e;
	dv_xplace_begin(p, e->addr);
	p->cpu = e->cpu;
	p->host_tid = e->tid;
	for (uint32_t i = 0; i < img->site_count; i++) {
		p->site = &f->loaded->sites[i];
		if (here(p->site, e))
			dv_exec_fire(&f->exec[exec], &p->base, p->site);
	}
	for (uint32_t i = 0; i < img->sysret_addr_count; i++) {
		int64_t nr = f->loaded->sysret_addrs[i] == e->addr ? dv_xplace_sysnr(p) : -1;
		for (uint32_t k = 0; nr >= 0 && k < img->sysret_count; k++) {
			if (f->loaded->sysrets[k].nr != nr || f->loaded->sysrets[k].compat)
				continue;
			p->site = &f->loaded->sites[f->loaded->sysrets[k].site];
			dv_exec_fire(&f->exec[exec], &p->base, p->site);
		}
	}
}

static void *play(void *arg)
{
	struct fake *f = arg;

	for (uint32_t r = 0; r < f->script.repeat; r++) {
		for (size_t i = 0; i < f->script.events.count; i++) {
			const struct dv_fake_event *e = &f->script.events.data[i];
			for (uint32_t ms = 0; ms < e->ms && !stopped(f); ms++)
				usleep(1000);
			if (stopped(f))
				return NULL;
			fire(f, e);
		}
	}
	return NULL;
}

static struct dv_error *fake_unload(struct dv_machine *m)
{
	struct fake *f = m->priv;

	__atomic_store_n(&f->stop, 1, __ATOMIC_RELEASE);
	if (f->playing)
		pthread_join(f->thread, NULL);
	f->playing = false;
	free(f->exec);
	f->exec = NULL;
	if (f->loaded)
		dv_loaded_destroy(f->loaded);
	f->loaded = NULL;
	if (f->region)
		munmap(f->region, f->region_size);
	f->region = NULL;
	return NULL;
}

static struct dv_error *fake_load(struct dv_machine *m, int region_fd, uint64_t region_size, const void *image,
				  size_t size, struct dv_machine *const *peers, size_t peer_count)
{
	struct fake *f = m->priv;
	char msg[256] = "";
	const char *why = "";

	dv_error_destroy(fake_unload(m));
	f->region = mmap(NULL, region_size, PROT_READ | PROT_WRITE, MAP_SHARED, region_fd, 0);
	if (f->region == MAP_FAILED) {
		f->region = NULL;
		return dv_error_sys(errno, "machine '%s': cannot map the state region", m->name);
	}
	f->region_size = region_size;
	if (!dv_region_check(f->region, region_size, &why))
		return dv_error_create(DV_ERR_OTHER, "machine '%s': %s", m->name, why);
	f->loaded = dv_loaded_create(image, size, dv_region_hdr(f->region), msg, sizeof(msg));
	if (!f->loaded)
		return dv_error_create(DV_ERR_OTHER, "machine '%s': %s", m->name, msg);
	f->exec_count = m->vcpu_max * f->script.levels;
	if (f->exec_count > f->loaded->img->prod_count)
		f->exec_count = f->loaded->img->prod_count;
	f->exec = dv_xcalloc(f->exec_count + 1, sizeof(*f->exec));
	for (uint32_t i = 0; i < f->exec_count; i++) {
		if (!dv_exec_init(&f->exec[i], f->region, region_size, f->loaded->img->prod + i, f->loaded, &why))
			return dv_error_create(DV_ERR_OTHER, "machine '%s': %s", m->name, why);
		if (dv_region_hdr(f->region)->flags & DV_REGION_BLOCK) {
			f->exec[i].wait = wait_for_room;
			f->exec[i].wait_ctx = f;
		}
	}
	f->place =
	    (struct dv_xplace){.base = {&dv_xplace_ops}, .read_reg = read_reg, .phys = &f->phys, .loaded = f->loaded};
	f->stop = 0;
	if (pthread_create(&f->thread, NULL, play, f) != 0)
		return dv_error_create(DV_ERR_OTHER, "machine '%s': no thread for it", m->name);
	f->playing = true;
	return NULL;
}

/* -- life ------------------------------------------------------------------------------------------------------- */

static void fake_poll(struct dv_machine *m)
{
}

static void fake_close(struct dv_machine *m)
{
	struct fake *f = m->priv;

	dv_error_destroy(fake_unload(m));
	if (m->guest)
		dv_guest_close(m->guest);
	m->guest = NULL;
	dv_fake_deinit(&f->script);
	dv_error_destroy(f->broken);
	free(f);
}

static const struct dv_phys *fake_phys(struct dv_machine *m)
{
	return &((struct fake *)m->priv)->phys;
}

static const struct dv_machine_ops fake_ops = {
	.poll = fake_poll, .load = fake_load, .unload = fake_unload, .close = fake_close, .phys = fake_phys,
};

/* -- as the host's kernel --------------------------------------------------------------------------------------- */

static bool local_read(struct dv_machine *m, uint64_t va, void *dst, size_t size)
{
	const struct dv_guest_layout *l = m->guest ? dv_guest_layout(m->guest) : NULL;

	return l && dv_guest_read_va(&((struct fake *)m->priv)->phys, l, l->kernel_cr3, va, dst, size);
}

static struct dv_error *local_region(struct dv_machine *m, uint64_t size, int *fd, uint64_t *mapped)
{
	*mapped = size + 8192; // some behind its end, as a BPF array has
	*fd = memfd_create("fake-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, (off_t)*mapped) < 0 || fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return dv_error_sys(errno, "machine '%s': no memory for the state region", m->name);
	return NULL;
}

static const struct dv_machine_ops local_ops = {
	.poll = fake_poll, .load = fake_load, .unload = fake_unload, .close = fake_close, .read_va = local_read,
	.region = local_region,
};

static struct dv_error *find_places(struct dv_machine *m)
{
	struct fake *f = m->priv;

	for (size_t i = 0; i < f->script.events.count; i++) {
		struct dv_fake_event *e = &f->script.events.data[i];
		char *end;
		e->addr = strtoull(e->place, &end, 0);
		if (!*end)
			continue;
		const struct dv_symbol *s = dv_guest_symbol(m->guest, NULL, e->place);
		if (!s)
			return dv_error_create(DV_ERR_NOT_FOUND, "machine '%s': its kernel has no '%s'", m->name,
					       e->place);
		e->addr = s->addr;
	}
	return NULL;
}

static struct dv_error *fake_open(struct dv_machine *m, uint32_t universe)
{
	struct fake *f = m->priv;
	const uint64_t *r = f->script.reg;
	struct dv_guest_regs regs = {r[DV_REG_CR3], r[DV_REG_CR4], r[DV_REG_GS_BASE], r[DV_REG_RIP], r[DV_REG_EFER]};

	if (f->broken)
		return dv_error_create(f->broken->code, "%s", f->broken->msg);
	struct dv_error *e = dv_guest_open(&f->phys, &regs, NULL, universe, &m->guest);
	if (e) {
		m->state = DV_MACHINE_WAITING;
		snprintf(m->why, sizeof(m->why), "kernel not recognised: %s", e->msg);
		dv_error_destroy(e);
		return NULL;
	}
	m->state = DV_MACHINE_READY;
	m->caps = DV_CAP_FBT | DV_CAP_SYSCALL | DV_CAP_INSN | DV_CAP_BLOCK | (dv_guest_has_types(m->guest) ? DV_CAP_TYPES : 0) |
		  (f->script.local ? DV_CAP_LOCAL | DV_CAP_MEMORY : 0);
	return find_places(m);
}

static struct dv_error *fake_scan(void (*fn)(void *ctx, struct dv_machine *m), void *ctx)
{
	const char *files = getenv("DVIRT_FAKE");
	DV_FREE char *list = files ? dv_xstrdup(files) : NULL;
	char *rest;

	for (char *path = list ? strtok_r(list, ":", &rest) : NULL; path; path = strtok_r(NULL, ":", &rest)) {
		struct dv_machine *m = dv_xcalloc(1, sizeof(*m));
		struct fake *f = dv_xcalloc(1, sizeof(*f));
		m->backend = dv_backend_fake.name;
		m->priv = f;
		m->poll_fd = -1;
		f->phys = (struct dv_phys){read_phys, f};
		f->broken = dv_fake_read(path, &f->script);
		if (f->broken)
			snprintf(m->why, sizeof(m->why), "%s", f->broken->msg);
		snprintf(m->name, sizeof(m->name), "%s", f->broken ? "fake" : f->script.name);
		snprintf(m->detail, sizeof(m->detail), "scripted by %.100s", path);
		m->vcpus = m->vcpu_max = f->broken ? 1 : f->script.vcpus;
		m->ops = &fake_ops;
		if (!f->broken) {
			snprintf(m->why, sizeof(m->why), "%s", f->script.why);
			m->levels = f->script.levels;
			m->pid = f->script.pid;
			m->tids = f->script.tids;
			m->tid_count = f->script.tid_count;
			m->ops = f->script.local ? &local_ops : &fake_ops;
			m->caps = f->script.local ? DV_CAP_LOCAL : 0;
		}
		fn(ctx, m);
	}
	return NULL;
}

const struct dv_backend dv_backend_fake = {.name = "fake", .scan = fake_scan, .open = fake_open};
