/* SPDX-License-Identifier: GPL-2.0-or-later */
// Small texts and bytes that a process chooses. The first byte of the input says which: the lines of /proc/PID/maps, the
// arguments of a static probe, the form that they are brought into, instructions.
#include <string.h>

#include "base/mem.h"
#include "elf/insn.h"
#include "elf/maps.h"
#include "probe/usdt_spec.h"

static bool variable(void *ctx, const char *name, uint64_t *addr)
{
	*addr = strlen(name);
	return *name != 'x';
}

static void maps(const char *text, size_t size)
{
	struct dv_maps m;
	struct dv_error *e = dv_maps_parse(text, size, &m);

	if (!e) {
		for (size_t i = 0; i < m.v.count; i++)
			if (dv_maps_find(&m, m.v.data[i].start) != &m.v.data[i] ||
			    dv_maps_find(&m, m.v.data[i].end - 1) != &m.v.data[i])
				__builtin_trap();
		dv_maps_deinit(&m);
	}
	dv_error_destroy(e);
}

static void arguments(const char *text)
{
	struct dv_usdt_arg a[DV_USDT_ARGS_MAX], b[DV_USDT_ARGS_MAX];
	char spec[DV_USDT_SPEC_MAX], again[DV_USDT_SPEC_MAX];
	uint32_t n = dv_usdt_parse(text, variable, NULL, a), m;

	// What is written can be read, and says the same.
	dv_usdt_write(a, n, spec);
	if (strlen(spec) >= sizeof(spec) || !dv_usdt_read(spec, b, &m) || m != n)
		__builtin_trap();
	dv_usdt_write(b, m, again);
	if (strcmp(spec, again))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dv_usdt_arg a[DV_USDT_ARGS_MAX];
	char *text;
	uint32_t n;

	if (!size)
		return 0;
	text = dv_xstrndup((const char *)data + 1, size - 1);
	switch (data[0] & 3) {
	case 0:
		maps((const char *)data + 1, size - 1);
		break;
	case 1:
		arguments(text);
		break;
	case 2:
		(void)dv_usdt_read(text, a, &n);
		break;
	default:
		for (size_t at = 1; at < size;) {
			unsigned len = dv_x86_length(data + at, size - at);

			if (len > 15 || len > size - at)
				__builtin_trap();
			(void)dv_x86_nop(data + at, size - at);
			(void)dv_x86_probeable(data + at, size - at);
			at += len ? len : 1;
		}
	}
	free(text);
	return 0;
}
