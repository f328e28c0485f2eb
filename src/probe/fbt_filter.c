// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernel that dvirt runs on lets be probed. A probe there runs in the kernel itself, so the functions that
// entering a probe would enter again are out of bounds. The kernel knows which:
//
//   sections         code of entry, of noinstr and of kprobes itself lies between symbols;
//   _kbl_addr_NAME   a symbol for each NOKPROBE_SYMBOL(NAME), where there are symbols for data;
//   tracefs          available_filter_functions: every function that begins with a place for the tracer. With
//                    addresses in available_filter_functions_addrs since 6.5. What is built without such a place
//                    ("notrace") is not in it. Kernels without the function tracer have no such list.
//
// The list has tens of thousands of lines and takes the kernel a while: it is read when the first function is asked for.
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/system.h"

#define LIST_MAX (64u << 20)

struct dv_fbt_filter {
	struct {
		uint64_t from, to;
	} out[8];
	unsigned out_count;
	bool list, by_addr;
	DV_VEC(uint64_t) addrs; // sorted
	DV_VEC(const char *) names; // sorted; in text
	char *text;
};

void dv_fbt_filter_destroy(struct dv_fbt_filter *f)
{
	if (!f)
		return;
	DV_VEC_FREE(&f->addrs);
	DV_VEC_FREE(&f->names);
	free(f->text);
	free(f);
}

static char *read_list(const char *file)
{
	DV_FD int fd = dv_tracefs_open(file);
	size_t n = 0, room = 1u << 20;
	char *p;
	ssize_t r;

	if (fd < 0)
		return NULL;
	p = dv_xrealloc(NULL, room + 1);
	while ((r = read(fd, p + n, room - n)) > 0 && n < LIST_MAX) {
		n += (size_t)r;
		if (n == room)
			p = dv_xrealloc(p, (room *= 2) + 1);
	}
	p[n] = '\0';
	if (!n) {
		free(p);
		return NULL;
	}
	return p;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_lists(struct dv_fbt_filter *f)
{
	char *save = NULL;

	f->text = read_list("available_filter_functions_addrs");
	f->by_addr = f->text;
	if (!f->text)
		f->text = read_list("available_filter_functions");
	f->list = f->text;
	// "ffffffff81000000 name [module]", or without the address.
	for (char *l = f->text ? strtok_r(f->text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save)) {
		if (f->by_addr) {
			*DV_PUSH(&f->addrs) = strtoull(l, NULL, 16);
		} else {
			l[strcspn(l, " \t")] = '\0';
			*DV_PUSH(&f->names) = l;
		}
	}
	if (f->addrs.count)
		qsort(f->addrs.data, f->addrs.count, sizeof(f->addrs.data[0]), by_value);
	if (f->names.count)
		qsort(f->names.data, f->names.count, sizeof(f->names.data[0]), by_text);
}

static struct dv_fbt_filter *make(const struct dv_guest *g)
{
	static const char *const sections[][2] = {
	    {"__entry_text_start", "__entry_text_end"},
	    {"__noinstr_text_start", "__noinstr_text_end"},
	    {"__kprobes_text_start", "__kprobes_text_end"},
	    {"__cpuidle_text_start", "__cpuidle_text_end"},
	    {"__indirect_thunk_start", "__indirect_thunk_end"},
	    {"__init_begin", "__init_end"},
	    {"_sinittext", "_einittext"},
	};
	struct dv_fbt_filter *f = dv_xcalloc(1, sizeof(*f));

	_Static_assert(DV_COUNT(sections) <= DV_COUNT(f->out), "room for each");
	for (size_t i = 0; i < DV_COUNT(sections); i++) {
		const struct dv_symbol *from = dv_guest_symbol(g, "vmlinux", sections[i][0]),
				       *to = dv_guest_symbol(g, "vmlinux", sections[i][1]);

		if (from && to) {
			f->out[f->out_count].from = from->addr;
			f->out[f->out_count++].to = to->addr;
		}
	}
	read_lists(f);
	return f;
}

// Is the function in the list of names? One with two names (__x64_sys_getppid, __ia32_sys_getppid) is there under one.
static bool named(const struct dv_fbt_filter *f, const struct dv_guest *g, const struct dv_symbol *s)
{
	size_t count;
	const struct dv_symbol *all = dv_guest_symbols(g, &count), *p = dv_guest_symbol_at(g, s->addr);

	if (!p || p->addr != s->addr)
		return false;
	while (p > all && p[-1].addr == s->addr)
		p--;
	for (; f->names.count && p < all + count && p->addr == s->addr; p++)
		if (bsearch(&p->name, f->names.data, f->names.count, sizeof(f->names.data[0]), by_text))
			return true;
	return false;
}

bool dv_fbt_filter_allows(struct dv_probe_machine *pm, const struct dv_symbol *s)
{
	struct dv_fbt_filter *f = pm->fbt_filter;
	char black[192];

	if (!f)
		f = pm->fbt_filter = make(pm->machine->guest);
	for (unsigned i = 0; i < f->out_count; i++)
		if (s->addr >= f->out[i].from && s->addr < f->out[i].to)
			return false;
	if (snprintf(black, sizeof(black), "_kbl_addr_%s", s->name) < (int)sizeof(black) &&
	    dv_guest_symbol(pm->machine->guest, "vmlinux", black))
		return false;
	if (!f->list)
		return true;
	if (f->by_addr) {
		// The place for the tracer may come after an endbr64, or its address be given without it.
		size_t lo = 0, hi = f->addrs.count;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (f->addrs.data[mid] < s->addr)
				lo = mid + 1;
			else
				hi = mid;
		}
		return lo < f->addrs.count && f->addrs.data[lo] - s->addr < 16 && f->addrs.data[lo] - s->addr < s->size;
	}
	return named(f, pm->machine->guest, s);
}
