/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel that this test runs on. Needs its addresses, so root; says so and is skipped where it cannot have them. */
#include <sys/utsname.h>
#include <time.h>

#include "guest/priv.h"
#include "lib/test.h"

static unsigned switches, total;

static void count(void *ctx, const char *module, const char *name)
{
	total++;
	switches += !strcmp(module, "vmlinux") && !strcmp(name, "sched_switch");
}

int main(void)
{
	struct dv_guest *g;
	struct timespec a, b;
	struct dv_error *e;
	struct utsname u;
	const struct dv_symbol *s;
	const struct dv_type *t;
	uint64_t bits;
	size_t n;
	bool changed;

	clock_gettime(CLOCK_MONOTONIC, &a);
	e = dv_guest_open_local(NULL, 1, &g);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (e && e->code == DV_ERR_DENIED) {
		printf("skipped: %s (%s)\n", e->msg, e->hint);
		dv_error_destroy(e);
		return 77;
	}
	REQUIRE(!e);
	REQUIRE(!uname(&u));
	CHECK_STR(dv_guest_release(g), u.release);
	dv_guest_symbols(g, &n);
	printf("%zu symbols in %.1f ms, build id %s\n", n,
	       (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6, dv_guest_build_id(g));
	CHECK(n > 20000);
	s = dv_guest_symbol(g, "vmlinux", "vfs_read");
	CHECK(s && s->size > 32 && strchr("tT", s->kind) && dv_guest_symbol_at(g, s->addr + 5) == s);
	CHECK(!dv_guest_refresh_modules(g, &changed) && !changed);
	CHECK(dv_guest_still(g));
	if (!dv_guest_has_types(g)) {
		printf("skipped: %s\n", dv_guest_no_types(g));
		return test_failures ? 1 : 77;
	}
	t = dv_guest_func_type(g, "vmlinux", "vfs_read");
	CHECK(t && t->count == 4 && t->members[1].type->kind == DV_TYPE_PTR);
	t = dv_guest_types(g)->ops->find(dv_guest_types(g)->ctx, DV_TYPE_STRUCT, "task_struct", NULL);
	CHECK(t && dv_type_member(dv_type_complete(t), "real_parent", &bits));
	CHECK_EQ(bits / 8, dv_guest_layout(g)->task_real_parent);
	CHECK(dv_guest_layout(g)->task_pid != DV_OFF_NONE && dv_guest_layout(g)->task_comm_size == 16);
	dv_guest_tracepoints(g, count, NULL);
	CHECK_EQ(switches, 1);
	CHECK(total > 300);
	t = dv_guest_tracepoint_type(g, NULL, "sched_switch");
	CHECK(t && t->count >= 4);
	dv_guest_close(g);
	return test_done();
}
