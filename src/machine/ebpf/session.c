// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sites are put into groups, each group gets a program (program.c), and the program is attached (attach.c): once where all
// its sites are reached through one tracepoint, else once for each site, with the site's row as the cookie.
#include "machine/ebpf/loaded.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "machine/ebpf/bpf/firing.h"
#include "machine/ebpf/maps.h"
#include "machine/ebpf/trap.h"

#define END_WAIT_MS  2000
#define CLOSERS      64u
#define PID_LIMIT    (1u << 22) /* the kernel's PID_MAX_LIMIT */
#define DV_WORDS_MAX 12u /* of a raw tracepoint (MAX_BPF_FUNC_ARGS) */

/* -- maps --------------------------------------------------------------------------------------------------------- */

static struct dv_error *member_off(struct dv_guest *g, const char *type, const char *name, uint32_t *ret)
{
	struct dv_universe *u = dv_guest_types(g);
	const struct dv_type *t = u && u->ops ? u->ops->find(u->ctx, DV_TYPE_STRUCT, type, NULL) : NULL;
	uint64_t bit = 0;

	if (!t || !dv_type_member(dv_type_complete(t), name, &bit))
		return dv_error_create(DV_ERR_UNKNOWN, "the kernel's types have no member '%s' in struct %s", name, type);
	*ret = (uint32_t)(bit / 8);
	return NULL;
}

void dv_bpf_add_map(struct dv_bpf_loaded *l, const char *name, int fd)
{
	l->s.maps[l->s.map_count++] = (struct dv_bpf_map_symbol){name, fd};
}

struct dv_error *dv_bpf_add_table(struct dv_bpf_loaded *l, const char *name, const void *rows, uint64_t size, uint64_t room,
				  int *fd)
{
	DV_FREE uint8_t *padded = dv_xcalloc(1, room);
	struct dv_error *e;

	memcpy(padded, rows, size);
	e = dv_bpf_constants_create(padded, (uint32_t)room, fd);
	if (!e)
		dv_bpf_add_map(l, name, *fd);
	return e;
}

// Those that share a program.
static void number_groups(const struct dv_bpf_loaded *l, enum dv_bpf_entry entry, struct dv_host_site *sites)
{
	uint32_t k = 0;

	for (size_t g = 0; g < l->groups.count; g++) {
		if (l->groups.data[g].pub.entry != entry)
			continue;
		for (size_t i = 0; i < l->groups.data[g].rows.count; i++)
			sites[l->groups.data[g].rows.data[i]].group = k;
		k++;
	}
}

static struct dv_error *site_tables(struct dv_bpf_loaded *l, struct dv_host_conf *conf)
{
	const struct dv_load_image *img = l->loaded->img;
	uint64_t site_room = dv_bpf_pow2((uint64_t)(img->site_count + 1) * sizeof(struct dv_host_site));
	uint64_t epid_room = dv_bpf_pow2((uint64_t)(img->ecb_count + 1) * 4);
	DV_FREE struct dv_host_site *sites = dv_xcalloc(img->site_count + 1, sizeof(*sites));
	DV_FREE uint32_t *epids = dv_xcalloc(img->ecb_count + 1, sizeof(*epids));
	struct dv_error *e;

	for (uint32_t i = 0; i < img->site_count; i++) {
		const struct dv_load_site *s = &l->loaded->sites[i];

		sites[i] = (struct dv_host_site){
		    .probe = s->probe, .prov = s->prov, .mod = s->mod, .func = s->func, .name = s->name, .ecb = s->ecb,
		    .offset = s->kind == DV_SITE_UPROBE && (s->args == DV_ARGS_RETURN || s->args == DV_ARGS_FUNC) ? s->size : 0,
		};
	}
	for (uint32_t i = 0; i < img->site_count && l->kernel.inside; i++)
		sites[i].nr = l->loaded->sites[i].args == DV_ARGS_SYSRET && l->loaded->sites[i].detail
				  ? (uint32_t)l->loaded->sites[i].detail : 0;
	number_groups(l, DV_ENTRY_TRAP, sites);
	number_groups(l, DV_ENTRY_TIMER, sites);
	for (uint32_t i = 0; i < img->ecb_count; i++)
		epids[i] = l->loaded->ecbs[i].epid;
	conf->site_mask = site_room - sizeof(*sites);
	conf->epid_mask = epid_room - 4;
	e = dv_bpf_add_table(l, "dv_sites", sites, img->site_count * sizeof(*sites), site_room, &l->map_fds[DV_MAP_SITES]);
	return e ? e : dv_bpf_add_table(l, "dv_epids", epids, img->ecb_count * sizeof(*epids), epid_room, &l->map_fds[DV_MAP_EPIDS]);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

// thread_info.status of a task: is it in a 32-bit system call?
static struct dv_error *find_status(struct dv_bpf_loaded *l, struct dv_guest *guest)
{
	uint32_t info, status;
	struct dv_error *e = member_off(guest, "task_struct", "thread_info", &info);

	if (!e)
		e = member_off(guest, "thread_info", "status", &status);
	if (!e)
		l->s.status_off = info + status;
	return e;
}

// Threads have numbers below it.
static uint64_t thread_limit(void)
{
	FILE *f = fopen("/proc/sys/kernel/pid_max", "re");
	unsigned long n = 0;

	if (!f || fscanf(f, "%lu", &n) != 1 || n < 1 || n > PID_LIMIT)
		n = PID_LIMIT;
	if (f)
		fclose(f);
	return n;
}

// For vtimestamp.
static struct dv_error *guest_times(struct dv_bpf_loaded *l, struct dv_host_conf *conf)
{
	uint32_t size = l->s.vtime ? PID_LIMIT * 8 : 8;
	struct dv_error *e = dv_bpf_memory_create("dvirt_ran", size, &l->map_fds[DV_MAP_RAN]);

	conf->ran_mask = size - 8;
	if (!e)
		dv_bpf_add_map(l, "dv_ran", l->map_fds[DV_MAP_RAN]);
	return e;
}

static struct dv_error *thread_times(struct dv_bpf_loaded *l, struct dv_host_conf *conf)
{
	uint64_t ran = dv_bpf_pow2(thread_limit()) * 8, cpus = dv_bpf_pow2(conf->cpus) * sizeof(struct dv_on_cpu);
	struct dv_error *e = dv_bpf_memory_create("dvirt_ran", (uint32_t)ran, &l->map_fds[DV_MAP_RAN]);

	if (!e)
		e = dv_bpf_memory_create("dvirt_on_cpu", (uint32_t)cpus, &l->map_fds[DV_MAP_ON_CPU]);
	if (e)
		return e;
	conf->ran_mask = ran - 8;
	conf->on_cpu_mask = cpus - sizeof(struct dv_on_cpu);
	dv_bpf_add_map(l, "dv_ran", l->map_fds[DV_MAP_RAN]);
	dv_bpf_add_map(l, "dv_on_cpu", l->map_fds[DV_MAP_ON_CPU]);
	return NULL;
}

static void symbol_range(const struct dv_bpf_loaded *l, const char *prefix, const char *name, uint64_t *start, uint64_t *end)
{
	char text[128];
	const struct dv_symbol *s;

	snprintf(text, sizeof(text), "%s%s", prefix, name);
	s = l->kernel.guest ? dv_guest_symbol(l->kernel.guest, NULL, text) : NULL;
	if (!s)
		return;
	if (!*start || s->addr < *start)
		*start = s->addr;
	if (s->addr + s->size > *end)
		*end = s->addr + s->size;
}

static struct dv_error *make_maps(struct dv_bpf_loaded *l)
{
	struct dv_guest *guest = l->kernel.guest;
	const struct dv_load_image *img = l->loaded->img;
	const struct dv_region_hdr *hdr = l->region;
	static const struct dv_guest_layout none;
	const struct dv_guest_layout *layout = guest ? dv_guest_layout(guest) : &none;
	struct dv_host_conf conf = {
	    .first = hdr->prod_off + (uint64_t)img->prod * DV_PROD_ALIGN,
	    .wall_off = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC),
	    .cpus = l->kernel.inside ? img->prod_count : img->prod_count / DV_HOST_LEVELS,
	    .machine = img->machine,
	    .task_real_parent = layout->task_real_parent,
	    .task_tgid = layout->task_tgid,
	    .task_leader = layout->task_leader,
	    .task_start = layout->task_start,
	    .task_comm = DV_OFF_NONE,
	    .kernel = img->kernel,
	};
	int64_t mask_at = dv_bpf_object_const(l->s.object, "dv_region_mask", 8);
	int64_t conf_at = dv_bpf_object_const(l->s.object, "dv_host", sizeof(conf));
	DV_FREE uint8_t *rodata = dv_xcalloc(1, l->s.object->rodata_size + 1);
	struct dv_error *e = guest && !l->kernel.inside ? find_status(l, guest) : NULL;

	if (!e && guest)
		e = member_off(guest, "task_struct", "comm", &conf.task_comm);
	if (e)
		return e;
	for (int n = 1; n <= 12; n++) {
		char digits[4];

		snprintf(digits, sizeof(digits), "%d", n);
		symbol_range(l, "bpf_trace_run", digits, &conf.run_start, &conf.run_end);
	}
	if (mask_at < 0 || conf_at < 0)
		return dv_error_create(DV_ERR_OTHER, "the run-time functions for the kernel are damaged: no constants");
	l->s.first = (uint32_t)conf.first;
	l->s.region_mask = l->region_size - 1;
	l->s.fire_size = (uint32_t)dv_bpf_pow2((uint64_t)img->prod_count * DV_FIRING_SIZE);
	conf.fire_mask = l->s.fire_size - DV_FIRING_SIZE;
	e = site_tables(l, &conf);
	if (!e && l->kernel.inside)
		e = guest_times(l, &conf);
	else if (!e && l->s.vtime)
		e = thread_times(l, &conf);
	if (!e)
		e = dv_bpf_memory_create("dvirt_fire", l->s.fire_size, &l->map_fds[DV_MAP_FIRE]);
	if (e)
		return e;
	dv_bpf_add_map(l, "dv_fire_mem", l->map_fds[DV_MAP_FIRE]);
	memcpy(rodata, l->s.object->rodata, l->s.object->rodata_size);
	memcpy(rodata + mask_at, &l->s.region_mask, 8);
	memcpy(rodata + conf_at, &conf, sizeof(conf));
	if (l->kernel.inside)
		e = dv_bpf_guest_maps(l, rodata);
	if (e)
		return e;
	e = dv_bpf_constants_create(rodata, l->s.object->rodata_size, &l->map_fds[DV_MAP_RODATA]);
	if (!e)
		dv_bpf_add_map(l, NULL, l->map_fds[DV_MAP_RODATA]);
	return e;
}

/* -- groups ------------------------------------------------------------------------------------------------------- */

static bool entry_of(const struct dv_load_site *s, bool inside, enum dv_bpf_entry *ret)
{
	if (inside && s->kind == DV_SITE_PROFILE) {
		*ret = DV_ENTRY_TIMER;
		return true;
	}
	if (inside && s->kind <= DV_SITE_SYSRET) {
		*ret = DV_ENTRY_TRAP;
		return true;
	}
	switch (s->kind) {
	case DV_SITE_SYSENTRY:   *ret = DV_ENTRY_SYSENTER; return true;
	case DV_SITE_SYSEXIT:    *ret = DV_ENTRY_SYSEXIT; return true;
	case DV_SITE_TRACEPOINT: *ret = DV_ENTRY_RAW; return true;
	case DV_SITE_ADDR:       *ret = DV_ENTRY_REGS; return true;
	case DV_SITE_RETURNS:    *ret = DV_ENTRY_REGS; return true;
	case DV_SITE_UPROBE:     *ret = DV_ENTRY_REGS; return true;
	case DV_SITE_URETPROBE:  *ret = DV_ENTRY_REGS; return true;
	case DV_SITE_PROFILE:    *ret = DV_ENTRY_PERF; return true;
	}
	return false;
}

static uint32_t hash_of(const struct dv_loaded *l, const struct dv_load_site *s)
{
	uint32_t h = s->kind;

	for (uint32_t i = 0; i < s->ecb_count; i++)
		h = h * 2654435761u + l->ecbs[s->ecb + i].prog + 1;
	return h;
}

// Do two sites run one program? A raw tracepoint has its own. The program of system calls sees itself whether it is in a
// 32-bit one, whose arguments lie elsewhere.
static bool alike(const struct dv_loaded *l, const struct dv_load_site *a, const struct dv_load_site *b)
{
	if (a->kind != b->kind || a->ecb_count != b->ecb_count || a->kind == DV_SITE_TRACEPOINT ||
	    (a->args != b->args && a->kind != DV_SITE_SYSENTRY))
		return false;
	// A user program's file and process are the link's, its arguments' places the program's.
	if ((a->kind == DV_SITE_UPROBE || a->kind == DV_SITE_URETPROBE) &&
	    (a->pid != b->pid || strcmp(l->texts + a->target, l->texts + b->target) ||
	     strcmp(l->texts + a->spec, l->texts + b->spec)))
		return false;
	for (uint32_t i = 0; i < a->ecb_count; i++)
		if (l->ecbs[a->ecb + i].prog != l->ecbs[b->ecb + i].prog)
			return false;
	return true;
}

struct dv_bpf_sites *dv_bpf_add_group(struct dv_bpf_loaded *l, enum dv_bpf_entry entry, uint32_t site)
{
	struct dv_bpf_sites *g = DV_PUSH(&l->groups);

	g->prog = -1;
	g->pub.entry = entry;
	*DV_PUSH(&g->rows) = site;
	return g;
}

static struct dv_error *make_groups(struct dv_bpf_loaded *l)
{
	const struct dv_loaded *ld = l->loaded;

	for (uint32_t i = 0; i < ld->img->site_count; i++) {
		const struct dv_load_site *s = &ld->sites[i];
		uint32_t h = hash_of(ld, s);
		enum dv_bpf_entry entry;
		struct dv_bpf_sites *g = NULL;

		if (!entry_of(s, l->kernel.inside != NULL, &entry))
			return dv_error_create(DV_ERR_OTHER, "the host's kernel has no probes of kind %u", s->kind);
		for (size_t k = l->groups.count; k > 0 && !g; k--) {
			struct dv_bpf_sites *o = &l->groups.data[k - 1];

			if (o->hash == h && alike(ld, &ld->sites[o->rows.data[0]], s))
				g = o;
		}
		if (g)
			*DV_PUSH(&g->rows) = i;
		else
			dv_bpf_add_group(l, entry, i)->hash = h;
	}
	return NULL;
}

/* -- loading ---------------------------------------------------------------------------------------------------- */

// What of the kernel's stack at a tracepoint is the way to the program.
static void find_own(const struct dv_bpf_loaded *l, struct dv_bpf_sites *g)
{
	const char *event = g->pub.entry == DV_ENTRY_SYSENTER  ? "sys_enter"
			    : g->pub.entry == DV_ENTRY_SYSEXIT ? "sys_exit"
			    : g->pub.entry == DV_ENTRY_RAW     ? dv_bpf_target(l, g->rows.data[0])
							       : NULL;

	if (!event)
		return;
	symbol_range(l, "__bpf_trace_", event, &g->pub.own[0], &g->pub.own[1]);
	symbol_range(l, "__traceiter_", event, &g->pub.own[2], &g->pub.own[3]);
}

static struct dv_error *load(struct dv_bpf_loaded *l, struct dv_bpf_sites *g, bool verbose)
{
	struct dv_bpf_load how = {.name = "dvirt"};
	char *log = NULL;
	struct dv_error *e;

	g->pub.sites = g->rows.data;
	g->pub.site_count = (uint32_t)g->rows.count;
	g->pub.name = "dvirt";
	if (g->pub.entry == DV_ENTRY_RAW)
		g->pub.args = DV_WORDS_MAX;
	if (l->kernel.inside) {
		const struct dv_bpf_group *only = &g->pub;

		how.type = BPF_PROG_TYPE_RAW_TRACEPOINT;
		e = dv_bpf_trap_program(&l->s, g->pub.entry, &only, 1, &how, verbose ? &log : NULL, &g->prog);
		if (log)
			fputs(log, stderr);
		free(log);
		return e;
	}
	find_own(l, g);
	dv_bpf_how_to_load(l, g, &how);
	e = dv_bpf_program(&l->s, &g->pub, &how, verbose ? &log : NULL, &g->prog);
	if (log)
		fputs(log, stderr);
	free(log);
	if (e && dv_bpf_other_way(l, g)) {
		dv_error_destroy(e);
		return load(l, g, verbose);
	}
	return e;
}

const struct dv_loaded *dv_bpf_loaded_image(const struct dv_bpf_loaded *l)
{
	return l->loaded;
}

uint32_t dv_bpf_refused(const struct dv_bpf_loaded *l, const char **why)
{
	*why = l->refused_why ? l->refused_why->msg : "";
	return l->refused;
}

uint64_t dv_bpf_misses(const struct dv_bpf_loaded *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->groups.count; i++) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);

		if (l->groups.data[i].prog >= 0 && !bpf_obj_get_info_by_fd(l->groups.data[i].prog, &info, &size))
			n += info.recursion_misses;
	}
	return n;
}

int dv_bpf_site_program(const struct dv_bpf_loaded *l, uint32_t site)
{
	for (size_t i = 0; i < l->groups.count; i++)
		for (size_t k = 0; k < l->groups.data[i].rows.count; k++)
			if (l->groups.data[i].rows.data[k] == site)
				return l->groups.data[i].prog;
	return -1;
}

struct dv_error *dv_bpf_load_image(const struct dv_bpf_object *o, const struct dv_bpf_kernel *kernel, int region_fd,
				   uint64_t region_size, const void *image, size_t size, bool verbose,
				   struct dv_bpf_loaded **ret)
{
	struct dv_bpf_loaded *l = dv_xcalloc(1, sizeof(*l));
	struct dv_error *e = NULL;
	char msg[160] = "";
	const char *why;

	l->s.object = o;
	if (kernel)
		l->kernel = *kernel;
	l->region_size = region_size;
	memset(l->map_fds, 0xff, sizeof(l->map_fds));
	l->switch_prog = l->clock_prog = l->trap_prog = l->enter_prog = -1;
	l->region = mmap(NULL, region_size, PROT_READ | PROT_WRITE, MAP_SHARED, region_fd, 0);
	if (l->region == MAP_FAILED) {
		l->region = NULL;
		e = dv_error_sys(errno, "cannot map the state region");
		goto fail;
	}
	if (!dv_region_check(l->region, region_size, &why)) {
		e = dv_error_create(DV_ERR_OTHER, "%s", why);
		goto fail;
	}
	if (((const struct dv_region_hdr *)l->region)->strsize > DV_HOST_STRSIZE) {
		e = dv_error_hint(dv_error_create(DV_ERR_LIMIT, "strings of %u bytes are too long for the host's kernel, the "
						  "limit is %u",
						  ((const struct dv_region_hdr *)l->region)->strsize, DV_HOST_STRSIZE),
				  "set -x strsize=%u, or leave the host out with -M", DV_HOST_STRSIZE);
		goto fail;
	}
	l->loaded = dv_loaded_create(image, size, l->region, msg, sizeof(msg));
	if (!l->loaded) {
		e = dv_error_create(DV_ERR_OTHER, "%s", msg);
		goto fail;
	}
	l->s.loaded = l->loaded;
	l->s.vtime = l->loaded->img->flags & DV_LOAD_VTIME;
	l->s.inside = l->kernel.inside != NULL;
	l->s.vcpu_word = l->kernel.inside ? l->kernel.inside->vcpu_word : 0;
	dv_bpf_add_map(l, "dv_region_mem", region_fd);
	e = make_groups(l);
	if (!e)
		e = make_maps(l);
	if (!e && !l->kernel.inside)
		dv_bpf_choose_ways(l);
	if (!e && l->s.vtime)
		e = dv_bpf_switch_program(&l->s, &l->switch_prog);
	for (size_t i = 0; i < l->groups.count && !e; i++)
		if (l->groups.data[i].pub.entry != DV_ENTRY_TRAP && l->groups.data[i].pub.entry != DV_ENTRY_TIMER)
			e = load(l, &l->groups.data[i], verbose);
	if (!e && l->kernel.inside)
		e = dv_bpf_guest_load(l, verbose);
	if (!e) {
		*ret = l;
		return NULL;
	}
fail:
	dv_bpf_detach(l);
	return e;
}

// A program that had begun when it was detached may still be in its clauses.
static void wait_for_end(const struct dv_bpf_loaded *l)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; i < END_WAIT_MS; i++) {
		bool busy = false;

		for (uint32_t k = 0; k < l->loaded->img->prod_count; k++) {
			struct dv_producer *p =
			    dv_region_producer(l->region, l->region_size, l->loaded->img->prod + k);

			busy |= p && dv_load(&p->inflight);
		}
		if (!busy)
			return;
		nanosleep(&ms, NULL);
	}
}

struct closing {
	const int *fds;
	size_t count, step;
};

static void *close_some(void *arg)
{
	const struct closing *c = arg;

	for (size_t i = 0; i < c->count; i += c->step)
		close(c->fds[i]);
	return NULL;
}

// The kernel waits for all CPUs at each kprobe that is taken out, and can wait for many at once.
static void close_all(const int *fds, size_t count)
{
	size_t n = count < CLOSERS ? 1 : CLOSERS;
	struct closing c[CLOSERS];
	pthread_t threads[CLOSERS];
	bool started[CLOSERS] = {false};

	for (size_t i = 0; i < n && i < count; i++) {
		c[i] = (struct closing){fds + i, count - i, n};
		started[i] = i && !pthread_create(&threads[i], NULL, close_some, &c[i]);
		if (i && !started[i])
			close_some(&c[i]);
	}
	if (count)
		close_some(&c[0]);
	for (size_t i = 1; i < n; i++)
		if (started[i])
			pthread_join(threads[i], NULL);
}

void dv_bpf_detach(struct dv_bpf_loaded *l)
{
	if (!l)
		return;
	dv_bpf_stop_clocks(l);
	close_all(l->links.data, l->links.count);
	close_all(l->events.data, l->events.count);
	if (l->loaded && l->region)
		wait_for_end(l);
	if (l->tables)
		munmap(l->tables, sizeof(*l->tables));
	if (l->trap_hits)
		munmap(l->trap_hits, l->trap_hits_size);
	free(l->traps);
	for (size_t i = 0; i < DV_COUNT(l->map_fds); i++)
		if (l->map_fds[i] >= 0)
			close(l->map_fds[i]);
	for (int *fd = (int[]){l->switch_prog, l->clock_prog, l->trap_prog, l->enter_prog}, i = 0; i < 4; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	for (size_t i = 0; i < l->groups.count; i++) {
		if (l->groups.data[i].prog >= 0)
			close(l->groups.data[i].prog);
		DV_VEC_FREE(&l->groups.data[i].rows);
	}
	DV_VEC_FREE(&l->groups);
	DV_VEC_FREE(&l->links);
	DV_VEC_FREE(&l->events);
	dv_error_destroy(l->refused_why);
	dv_loaded_destroy(l->loaded);
	if (l->region)
		munmap(l->region, l->region_size);
	free(l);
}
