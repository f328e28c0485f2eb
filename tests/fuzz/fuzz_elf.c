/* SPDX-License-Identifier: GPL-2.0-or-later */
// The input is an ELF file: all that can be asked of one is asked.
#include <string.h>

#include "elf/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dv_elf_segment *seg;
	const struct dv_elf_usdt *u;
	const struct dv_elf_sym *s;
	struct dv_elf *e;
	struct dv_error *err = dv_elf_open_mem(data, size, "fuzz", &e);
	size_t n, from = 0;
	uint64_t off, va;
	uint32_t crc;
	uint8_t byte;

	if (err) {
		dv_error_destroy(err);
		return 0;
	}
	seg = dv_elf_segments(e, &n);
	for (size_t i = 0; i < n; i++) {
		if (dv_elf_offset(e, seg[i].vaddr, &off) && !dv_elf_vaddr(e, off, &va))
			__builtin_trap();
		(void)dv_elf_read(e, seg[i].vaddr, &byte, 1);
	}
	u = dv_elf_usdt(e, &n);
	for (size_t i = 0; i < n; i++)
		if (!*u[i].provider || strlen(u[i].args) > 1024)
			__builtin_trap();
	(void)dv_elf_debuglink(e, &crc);
	if (dv_elf_build_id(e, &n) && !n)
		__builtin_trap();
	err = dv_elf_symbols(e, NULL, 0, &s, &n);
	for (size_t i = 0; !err && i < n; i++) {
		if ((i && s[i - 1].addr > s[i].addr) || !*s[i].name || s[i].addr + s[i].size < s[i].addr)
			__builtin_trap();
		(void)dv_elf_symbol_at(e, s[i].addr);
	}
	if (!err && n && !dv_elf_symbol_find(e, s[n / 2].name, &from))
		__builtin_trap();
	dv_error_destroy(err);
	(void)dv_elf_variable(e, "counter", &va);
	dv_elf_close(e);
	return 0;
}
