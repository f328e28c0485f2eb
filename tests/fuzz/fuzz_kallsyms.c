/* SPDX-License-Identifier: GPL-2.0-or-later */
// The input is a kernel image: find the symbol tables in it and read them. A second way in takes the location from the
// input too: what decoding believes must not depend on who found the tables.
#include <string.h>

#include "guest/priv.h"

#define BASE 0xffffffff81000000ULL // as the seeds have it

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dv_kallsyms_loc loc;
	struct dv_symtab t = {0};
	uint64_t lo, hi;

	if (dv_kallsyms_find(data, size, BASE, BASE, 1 << 20, &loc)) {
		// What was found must be readable: plausible() and names_at() promise it.
		struct dv_error *e = dv_kallsyms_decode(data, size, &loc, BASE + (1 << 20), &t);

		if (!dv_kallsyms_span(&loc, &lo, &hi) || hi > size || lo >= hi)
			__builtin_trap();
		if (!e) {
			for (size_t i = 1; i < t.count; i++) {
				if (t.syms[i - 1].addr > t.syms[i].addr)
					__builtin_trap();
			}
			if (t.count && !dv_symtab_find(&t, t.syms[0].name, -1))
				__builtin_trap();
			(void)dv_symtab_at(t.syms, t.count, BASE + 100);
		}
		dv_error_destroy(e);
		dv_symtab_deinit(&t);
	}
	if (size > sizeof(loc)) {
		memcpy(&loc, data, sizeof(loc));
		dv_error_destroy(dv_kallsyms_decode(data + sizeof(loc), size - sizeof(loc), &loc, BASE, &t));
		dv_symtab_deinit(&t);
	}
	return 0;
}
