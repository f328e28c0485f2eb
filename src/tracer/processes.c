// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names in user programs. A process is looked at when an address of it is first seen: when a record with one is printed,
// or an aggregation's key with one is taken in. What it had mapped then is kept, so that its addresses still have names
// at the end of the session, when it may be gone. A number and a start time tell one process from another; where it
// is gone before it was looked at, or it is another one now, addresses stay numbers. The processes of -c and -p are
// looked at when the session begins, for a command may take less time than it takes until its first record is read.
//
// Processes of the host: elf/process.h. Of guests: guest/process.h says what is mapped where; the symbols are those of
// the same path below -x sysroot, if its build id is the one that the guest's memory has, else those that are in the
// process's memory for the dynamic linker.
#include "tracer/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "elf/process.h"
#include "guest/process.h"

#define PROCS_MAX 2048u
#define AGAIN_NS  200000000ull /* between two looks at what a process has mapped */

/** A file that guests' processes have mapped. */
struct dv_gobject {
	uint32_t machine, kernel;
	uint64_t file;
	char *path;
	struct dv_elf *elf; // NULL: none
};
struct dv_proc {
	uint32_t machine, kernel, pid;
	uint64_t start, looked; // when we last looked, ns
	struct dv_process *local;
	struct dv_gprocess *guest;
	struct {
		uint64_t pc, symbol, module; // of keys, where its function and its object begin; 0: not known
	} seen[64];
};

/* -- files of guests ---------------------------------------------------------------------------------------------- */

// A path of the guest's below the folder, and nowhere else, whatever it or a link in it says.
static int open_below(const char *root, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	DV_FD int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? -1 : (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static bool same_build(const struct dv_elf *a, const struct dv_elf *b)
{
	size_t n = 0, m = 0;
	const uint8_t *x = dv_elf_build_id(a, &n), *y = dv_elf_build_id(b, &m);

	return !x || !y || (n == m && !memcmp(x, y, n));
}

static size_t read_symbols(struct dv_tracer *t, struct dv_elf *e, const char *path)
{
	const struct dv_elf_debug debug = {.root = t->opts.sysroot, .path = path};
	const struct dv_elf_sym *syms;
	size_t n = 0;
	struct dv_error *err = dv_elf_symbols(e, &debug, t->opts.sysroot ? 1 : 0, &syms, &n);

	dv_error_destroy(err);
	return err ? 0 : n;
}

static struct dv_elf *find_elf(struct dv_tracer *t, struct dv_guest *g, const struct dv_gprocess *p,
			       const struct dv_gmap *m)
{
	size_t size = 0;
	DV_FREE uint8_t *bytes = dv_gprocess_elf(g, p, m, &size);
	DV_FD int fd = t->opts.sysroot && m->path[0] ? open_below(t->opts.sysroot, m->path) : -1;
	struct dv_elf *mem = NULL, *file = NULL;

	if (bytes)
		dv_error_destroy(dv_elf_open_mem(bytes, size, m->path, &mem));
	if (fd >= 0)
		dv_error_destroy(dv_elf_open_fd(fd, m->path, &file));
	if (file && mem && !same_build(file, mem)) {
		dv_tracer_say(t, "'%s%s' is not the file that the guest runs: its names are not used", t->opts.sysroot,
			      m->path);
		dv_elf_close(file);
		file = NULL;
	}
	if (file && read_symbols(t, file, m->path)) {
		dv_elf_close(mem);
		return file;
	}
	dv_elf_close(file);
	if (mem)
		read_symbols(t, mem, m->path);
	return mem;
}

static struct dv_gobject *object_of(struct dv_tracer *t, const struct dv_proc *p, struct dv_guest *g,
				    const struct dv_gmap *m)
{
	struct dv_gobject *o;

	for (size_t i = 0; i < t->gobjects.count; i++) {
		o = t->gobjects.data[i];
		if (o->file == m->file && o->machine == p->machine && o->kernel == p->kernel && !strcmp(o->path, m->path))
			return o;
	}
	if (!g || t->gobjects.count >= 4 * PROCS_MAX)
		return NULL;
	o = dv_xcalloc(1, sizeof(*o));
	o->machine = p->machine;
	o->kernel = p->kernel;
	o->file = m->file;
	o->path = dv_xstrdup(m->path);
	o->elf = find_elf(t, g, p->guest, m);
	*DV_PUSH(&t->gobjects) = o;
	return o;
}

/* -- processes ---------------------------------------------------------------------------------------------------- */

// The kernel, if it still runs there: its memory can be read.
static struct dv_guest *running(struct dv_tracer *t, uint32_t machine, uint32_t kernel)
{
	const struct dv_tmachine *tm = machine && machine < t->machines.count ? t->machines.data[machine] : NULL;

	if (!tm || !tm->m || !tm->m->guest || tm->gone || tm->waiting || tm->m->state != DV_MACHINE_READY)
		return NULL;
	return kernel < t->kernels.count && t->kernels.data[kernel] != tm->m->guest ? NULL : tm->m->guest;
}

static uint64_t tick_ns(void)
{
	return 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

static bool is_process(const struct dv_process *l, const struct dv_proc *p)
{
	return dv_process_pid(l) == (int)p->pid && (!p->start || dv_process_start(l) == p->start / tick_ns());
}

// The process of -c or -p that this is, as it was when the session began.
static struct dv_process *take_target(struct dv_tracer *t, const struct dv_proc *p)
{
	for (size_t i = 0; i < t->targets.count; i++) {
		struct dv_process *l = t->targets.data[i];

		if (is_process(l, p)) {
			t->targets.data[i] = t->targets.data[--t->targets.count];
			return l;
		}
	}
	return NULL;
}

void dv_procs_keep(struct dv_tracer *t, int pid)
{
	struct dv_process *l;
	struct dv_error *e = dv_process_open(pid, &l);

	if (!e)
		*DV_PUSH(&t->targets) = l;
	dv_error_destroy(e); // it has ended, or cannot be looked at
}

static void look_local(struct dv_tracer *t, struct dv_proc *p)
{
	if (p->local) {
		if (dv_process_alive(p->local))
			dv_error_destroy(dv_process_refresh(p->local));
		return;
	}
	dv_error_destroy(dv_process_open((int)p->pid, &p->local));
	if (p->local && is_process(p->local, p))
		return;
	dv_process_close(p->local);
	p->local = take_target(t, p);
}

static void look(struct dv_tracer *t, struct dv_proc *p)
{
	struct dv_guest *g;
	struct dv_gprocess *now;

	p->looked = dv_now();
	if (p->machine) {
		g = running(t, p->machine, p->kernel);
		if (!g)
			return;
		struct dv_error *e = dv_gprocess_open(g, (int)p->pid, p->start, &now);

		if (!e) {
			dv_gprocess_close(p->guest);
			p->guest = now;
		}
		dv_error_destroy(e);
		return;
	}
	look_local(t, p);
}

static void forget(struct dv_proc *p)
{
	dv_process_close(p->local);
	dv_gprocess_close(p->guest);
	free(p);
}

static struct dv_proc *proc_of(struct dv_tracer *t, const struct dv_addr *a)
{
	struct dv_proc *p;

	if (!a->pid)
		return NULL;
	for (size_t i = t->procs.count; i-- > 0;) {
		p = t->procs.data[i];
		if (p->pid == a->pid && p->machine == a->machine && p->start == a->start && p->kernel == a->kernel)
			return p;
	}
	if (t->procs.count >= PROCS_MAX) { // the oldest half goes
		for (size_t i = 0; i < PROCS_MAX / 2; i++)
			forget(t->procs.data[i]);
		memmove(t->procs.data, t->procs.data + PROCS_MAX / 2, PROCS_MAX / 2 * sizeof(t->procs.data[0]));
		t->procs.count = PROCS_MAX / 2;
	}
	p = dv_xcalloc(1, sizeof(*p));
	p->machine = a->machine;
	p->kernel = a->kernel;
	p->pid = a->pid;
	p->start = a->start;
	look(t, p);
	*DV_PUSH(&t->procs) = p;
	return p;
}

static bool local_name(struct dv_proc *p, uint64_t addr, struct dv_addr_name *ret)
{
	const struct dv_elf_segment *segs;
	struct dv_where w;
	size_t n = 0;

	if (!p->local || !dv_process_where(p->local, addr, &w))
		return false;
	if (!w.object)
		return true;
	snprintf(ret->module, sizeof(ret->module), "%s", w.object->module);
	if (w.sym) {
		snprintf(ret->symbol, sizeof(ret->symbol), "%s", w.sym->name);
		ret->sym_start = addr - w.offset;
	}
	segs = w.object->elf ? dv_elf_segments(w.object->elf, &n) : NULL;
	if (!n || !dv_object_address(w.object, segs[0].vaddr, &ret->base))
		ret->base = 0;
	return true;
}

static bool guest_name(struct dv_tracer *t, struct dv_proc *p, uint64_t addr, struct dv_addr_name *ret)
{
	const struct dv_gmap *m = p->guest ? dv_gprocess_map(p->guest, addr) : NULL;
	const struct dv_elf_sym *sym;
	struct dv_gobject *o;
	const char *slash;
	uint64_t vaddr;

	if (!m)
		return false;
	slash = strrchr(m->path, '/');
	snprintf(ret->module, sizeof(ret->module), "%s", slash ? slash + 1 : m->path);
	for (size_t i = 0; i < p->guest->maps.count; i++)
		if (p->guest->maps.data[i].file == m->file && (!ret->base || p->guest->maps.data[i].start < ret->base))
			ret->base = p->guest->maps.data[i].start;
	o = object_of(t, p, running(t, p->machine, p->kernel), m);
	if (!o || !o->elf || !dv_elf_vaddr(o->elf, addr - m->start + m->offset, &vaddr))
		return true;
	sym = dv_elf_symbol_at(o->elf, vaddr);
	if (sym) {
		snprintf(ret->symbol, sizeof(ret->symbol), "%s", sym->name);
		ret->sym_start = addr - (vaddr - sym->addr);
	}
	return true;
}

void dv_procs_lookup(struct dv_tracer *t, const struct dv_addr *a, struct dv_addr_name *ret)
{
	struct dv_proc *p = proc_of(t, a);
	bool mapped;

	if (!p)
		return;
	for (int again = 0; again < 2; again++) {
		mapped = p->machine ? guest_name(t, p, a->addr, ret) : local_name(p, a->addr, ret);
		// Where nothing was, something may have been mapped since.
		if (mapped || dv_now() - p->looked < AGAIN_NS)
			return;
		look(t, p);
	}
}

void dv_procs_frames(struct dv_tracer *t, struct dv_frames *f)
{
	struct dv_addr a = {.machine = f->machine, .kernel = f->kernel, .user = true, .pid = f->pid, .start = f->start};
	struct dv_proc *p = f->count ? proc_of(t, &a) : NULL;
	struct dv_addr_name n;

	for (uint32_t i = 0; p && i < f->count; i++) {
		size_t k = (f->pc[i] ^ f->pc[i] >> 6) % DV_COUNT(p->seen);

		if (p->seen[k].pc != f->pc[i]) {
			n.module[0] = n.symbol[0] = 0;
			n.sym_start = n.base = 0;
			a.addr = f->pc[i];
			dv_procs_lookup(t, &a, &n);
			p->seen[k].pc = a.addr;
			p->seen[k].symbol = n.symbol[0] ? n.sym_start : 0;
			p->seen[k].module = n.base;
		}
		if (f->kind == DV_STACK_USYM && p->seen[k].symbol)
			f->pc[i] = p->seen[k].symbol;
		else if (f->kind == DV_STACK_UMOD && p->seen[k].module)
			f->pc[i] = p->seen[k].module;
	}
}

void dv_procs_deinit(struct dv_tracer *t)
{
	for (size_t i = 0; i < t->procs.count; i++)
		forget(t->procs.data[i]);
	DV_VEC_FREE(&t->procs);
	for (size_t i = 0; i < t->targets.count; i++)
		dv_process_close(t->targets.data[i]);
	DV_VEC_FREE(&t->targets);
	for (size_t i = 0; i < t->gobjects.count; i++) {
		dv_elf_close(t->gobjects.data[i]->elf);
		free(t->gobjects.data[i]->path);
		free(t->gobjects.data[i]);
	}
	DV_VEC_FREE(&t->gobjects);
}
