/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_rounds NAME ROUNDS FUNCTIONS SEED: put traps into a guest under KVM and take them out again, ROUNDS times, as a session does
 * but without its programs: they trap, and nobody looks. In each round FUNCTIONS functions have them at their entries and
 * returns: some that a busy guest runs all the time, system calls, and others by chance, of modules too. Driven by
 * tests/system/test-kvm-rounds.py.
 *
 * kvm_rounds NAME text FILE: write down all code that the guest's kernel has now, vmlinux's in one piece, then each function of the
 * modules. kvm_rounds NAME same FILE: is it still that?
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine/kvm/guard.h"
#include "machine/kvm/kvm.h"
#include "machine/kvm/quiet.h"
#include "machine/kvm/text.h"

#define TRIES      10u   // as a session
#define PATIENCE   40u   // times that much, at the end
#define STAY_US    60000u

static const char *const hot[] = {
    "vfs_read", "vfs_write", "ksys_read", "ksys_write", "__x64_sys_getppid", "__x64_sys_read", "__x64_sys_write", "__x64_sys_openat",
    "do_filp_open", "path_openat", "link_path_walk", "kmem_cache_alloc", "kmem_cache_free", "handle_mm_fault", "do_user_addr_fault",
    "schedule", "update_process_times", "hrtimer_interrupt", "enqueue_task_fair", "dequeue_task_fair", "try_to_wake_up", "futex_wake",
    "futex_wait", "rcu_sched_clock_irq", "fput", "dput", "copy_process", "do_exit", "wake_up_process", "pick_next_task_fair"};

static const char *wanted;
static struct dv_machine *machine;
static struct dv_kvm_text *text;
static uint64_t seed;

static void die(struct dv_error *e)
{
	if (!e)
		return;
	fprintf(stderr, "kvm_rounds: %s\n", e->msg);
	exit(2);
}

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static void on_machine(void *ctx, struct dv_machine *m)
{
	(void)ctx;
	if (!machine && !strcmp(m->name, wanted))
		machine = m;
	else
		dv_machine_close(m);
}

static void open_machine(void)
{
	die(dv_backend_kvm.scan(on_machine, NULL));
	if (!machine) {
		fprintf(stderr, "kvm_rounds: no machine '%s'\n", wanted);
		exit(2);
	}
	die(dv_backend_kvm.open(machine, 1));
	for (int i = 0; i < 600 && machine->state == DV_MACHINE_WAITING; i++) {
		usleep(100000);
		machine->ops->poll(machine);
	}
	if (machine->state != DV_MACHINE_READY) {
		fprintf(stderr, "kvm_rounds: machine '%s': %s\n", wanted, machine->why);
		exit(2);
	}
	text = dv_kvm_text_create(machine);
}

/* -- which -------------------------------------------------------------------------------------------------------- */

static unsigned refused;

// Entry and returns of a function, as many of them as can have traps.
static void function(const struct dv_symbol *s, struct dv_trap_set *set, dv_traps *traps)
{
	const bool call = !strncmp(s->name, "__x64_sys_", 10);
	struct dv_load_site site = {.addr = s->addr, .size = s->size, .kind = DV_SITE_ADDR, .args = DV_ARGS_FUNC};
	dv_trap_rows rows = {0};

	refused += dv_kvm_text_site(text, &site, 0, NULL, traps, &rows) != NULL;
	site.kind = DV_SITE_RETURNS;
	site.args = call ? DV_ARGS_SYSRET : DV_ARGS_RETURN;
	site.detail = call; // also where it goes on
	refused += dv_kvm_text_site(text, &site, 0, set, traps, &rows) != NULL;
	DV_VEC_FREE(&rows);
}

static int by_place(const void *a, const void *b)
{
	const struct dv_trap *x = a, *y = b;

	return x->place < y->place ? -1 : x->place > y->place;
}

static void choose(unsigned count, dv_traps *ret)
{
	struct dv_trap_set *set = dv_trap_set_create();
	size_t n, out = 0;
	const struct dv_symbol *all = dv_guest_symbols(machine->guest, &n);

	ret->count = 0;
	for (unsigned i = 0; i < DV_COUNT(hot) && i < count; i++) {
		const struct dv_symbol *s = dv_guest_symbol(machine->guest, "vmlinux", hot[i]);

		if (s && chance(4))
			function(s, set, ret);
	}
	for (unsigned i = DV_COUNT(hot); i < count;) {
		const struct dv_symbol *s = &all[chance((uint32_t)n)];

		// Every eighth a system call or a module's function.
		if ((s->kind != 't' && s->kind != 'T') || (i % 8 == 0 && !s->module && strncmp(s->name, "__x64_sys_", 10) != 0))
			continue;
		function(s, set, ret);
		i++;
	}
	dv_trap_set_destroy(set);
	if (ret->count)
		qsort(ret->data, ret->count, sizeof(*ret->data), by_place);
	for (size_t i = 0; i < ret->count; i++)
		if (!i || ret->data[i].place != ret->data[out - 1].place)
			ret->data[out++] = ret->data[i];
	ret->count = out;
}

/* -- rounds ------------------------------------------------------------------------------------------------------- */

static struct {
	uint64_t traps, stubs, on, foreign, off, late, held_ns, plant_ns, remove_ns, held_max;
} sum;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// A virtual CPU that a busy host does not let come to a halt in time: a session would say so, and end.
static void late(struct dv_error *e)
{
	if (!e)
		return;
	if (e->code != DV_ERR_LIMIT)
		die(e);
	sum.late++;
	fprintf(stderr, "kvm_rounds: %s\n", e->msg);
	dv_error_destroy(e);
}

static struct dv_guard *take(void)
{
	const struct dv_kvm_machine *k = machine->priv;
	struct dv_guard *g = NULL;

	for (unsigned i = 0; i < PATIENCE && !g; i++)
		late(dv_guard_open(machine->pid, k->vm->start, &g));
	if (!g)
		exit(3);
	return g;
}

static void held(const struct dv_planted *d)
{
	sum.held_ns += d->held_ns;
	sum.held_max = d->held_ns > sum.held_max ? d->held_ns : sum.held_max;
}

static void one_round(unsigned functions)
{
	static dv_traps traps;
	struct dv_planted d;
	struct dv_planter p;
	struct dv_guard *g;
	uint64_t t;

	machine->ops->poll(machine);
	if (machine->state != DV_MACHINE_READY) {
		fprintf(stderr, "kvm_rounds: machine '%s': %s\n", wanted, machine->why);
		exit(2);
	}
	choose(functions, &traps);
	p = dv_kvm_planter(machine);
	g = take();
	t = now_ns();
	late(dv_guard_plant(g, &p, traps.data, traps.count, &d));
	sum.plant_ns += now_ns() - t;
	sum.traps += traps.count;
	for (size_t i = 0; i < traps.count; i++)
		sum.stubs += traps.data[i].flags & DV_TRAP_STUB;
	sum.on += d.on;
	sum.foreign += d.foreign;
	held(&d);
	usleep(chance(STAY_US));
	t = now_ns();
	late(dv_guard_remove(g, &p, TRIES, &d));
	sum.remove_ns += now_ns() - t;
	sum.off += d.off;
	held(&d);
	dv_guard_close(g);
}

// What is still not byte for byte what it was, after some patience.
static uint32_t rest(void)
{
	struct dv_planted d = {0};

	for (unsigned i = 0; i < PATIENCE; i++) {
		struct dv_planter p = dv_kvm_planter(machine);
		struct dv_guard *g = take();

		late(dv_guard_remove(g, &p, TRIES, &d));
		dv_guard_close(g);
		if (!d.on && !d.off)
			return 0;
		usleep(250000);
	}
	return d.on + d.off;
}

/* -- the code ----------------------------------------------------------------------------------------------------- */

// To the file, or compared with it: how many bytes are others.
static unsigned piece(FILE *f, bool compare, uint64_t addr, uint64_t size)
{
	DV_FREE uint8_t *bytes = dv_xcalloc(1, size + 1), *was = dv_xcalloc(1, size + 1);
	unsigned others = 0;

	if (!dv_kvm_text_read(machine, addr, bytes, size) ||
	    (compare ? fread(was, 1, size, f) : fwrite(bytes, 1, size, f)) != size) {
		fprintf(stderr, "kvm_rounds: cannot copy %llu bytes at %#llx\n", (unsigned long long)size, (unsigned long long)addr);
		exit(2);
	}
	if (!compare || !memcmp(bytes, was, size))
		return 0;
	for (uint64_t i = 0; i < size; i++) {
		const struct dv_symbol *s = bytes[i] == was[i] ? NULL : dv_guest_symbol_at(machine->guest, addr + i);

		if (bytes[i] != was[i] && others++ < 100)
			printf("%#llx %s+%#llx: %02x, was %02x\n", (unsigned long long)(addr + i), s ? s->name : "?",
			       (unsigned long long)(s ? addr + i - s->addr : 0), bytes[i], was[i]);
	}
	return others;
}

static int all_text(const char *path, bool compare)
{
	const struct dv_symbol *from = dv_guest_symbol(machine->guest, "vmlinux", "_text");
	const struct dv_symbol *to = dv_guest_symbol(machine->guest, "vmlinux", "_etext");
	FILE *f = fopen(path, compare ? "re" : "we");
	unsigned functions = 0, others;
	size_t n;
	const struct dv_symbol *s = dv_guest_symbols(machine->guest, &n);

	if (!f || !from || !to || to->addr - from->addr > 64u << 20) {
		fprintf(stderr, "kvm_rounds: there is no text, or no file for it\n");
		return 2;
	}
	others = piece(f, compare, from->addr, to->addr - from->addr);
	for (size_t i = 0; i < n; i++)
		if (s[i].module && (s[i].kind == 't' || s[i].kind == 'T') && s[i].size < 1u << 20) {
			others += piece(f, compare, s[i].addr, s[i].size);
			functions++;
		}
	if (fclose(f)) {
		fprintf(stderr, "kvm_rounds: cannot write %s\n", path);
		return 2;
	}
	printf("vmlinux %llu\nfunctions %u\nothers %u\n", (unsigned long long)(to->addr - from->addr), functions, others);
	return others != 0;
}

static int run(unsigned rounds, unsigned functions)
{
	uint32_t left;

	printf("begin\n");
	fflush(stdout);
	for (unsigned i = 0; i < rounds; i++)
		one_round(functions);
	left = rest();
	printf("rounds %u\ntraps %llu\nstubs %llu\non %llu\nrefused %u\nforeign %llu\noff %llu\nleft %u\nlate %llu\n", rounds,
	       (unsigned long long)sum.traps, (unsigned long long)sum.stubs, (unsigned long long)sum.on, refused,
	       (unsigned long long)sum.foreign, (unsigned long long)sum.off, left, (unsigned long long)sum.late);
	printf("plant_us %llu\nremove_us %llu\nheld_us %llu\nheld_most_us %llu\n", (unsigned long long)(sum.plant_ns / 1000 / rounds),
	       (unsigned long long)(sum.remove_ns / 1000 / rounds), (unsigned long long)(sum.held_ns / 1000 / rounds),
	       (unsigned long long)(sum.held_max / 1000));
	return left != 0;
}

int main(int argc, char **argv)
{
	int r;

	if (argc < 4 || argc != (!strcmp(argv[2], "text") || !strcmp(argv[2], "same") ? 4 : 5)) {
		fprintf(stderr, "usage: kvm_rounds NAME ROUNDS FUNCTIONS SEED\n       kvm_rounds NAME text|same FILE\n");
		return 2;
	}
	wanted = argv[1];
	seed = strtoull(argv[argc - 1], NULL, 0);
	open_machine();
	r = argc == 4 ? all_text(argv[3], !strcmp(argv[2], "same")) : run((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
	dv_kvm_text_destroy(text);
	dv_machine_close(machine);
	return r;
}
