// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Static probes. What <sys/sdt.h> (of SystemTap) leaves in a program: at the probe a NOP; in .note.stapsdt, which is
 * not loaded, a note of type 3 by "stapsdt":
 *
 *   u64 pc          of the NOP
 *   u64 base        address of the section .stapsdt.base when the note was made
 *   u64 semaphore   of a u16 that counts the tracers, in section .probes; 0: none
 *   provider\0 name\0 arguments\0
 *
 * A linker that moves code afterwards moves .stapsdt.base too, and not the note: the difference is to be added to both
 * addresses.
 */
#include "elf/priv.h"

#include <string.h>

#define TYPE_STAPSDT 3
#define ARGS_MAX     1024u

struct ctx {
	struct dv_elf *e;
	bool has_base;
	uint64_t base;
};

// The string at *at, which is moved behind it; NULL: none ends within the note.
static char *string(struct dv_elf *e, const uint8_t *desc, size_t size, size_t *at, size_t max)
{
	const char *s = (const char *)desc + *at;
	size_t len = strnlen(s, size - *at);
	char *ret;

	if (len == size - *at || len > max)
		return NULL;
	*at += len + 1;
	ret = dv_arena_strndup(&e->arena, s, len);
	return ret;
}

static void take(void *arg, const char *owner, size_t owner_size, uint32_t type, const uint8_t *desc, size_t size)
{
	struct ctx *c = arg;
	struct dv_elf *e = c->e;
	uint64_t word[3];
	size_t at = sizeof(word);
	struct dv_elf_usdt u = {0};
	char *provider, *name, *args;

	if (owner_size != 8 || memcmp(owner, "stapsdt", 8) || type != TYPE_STAPSDT || size < sizeof(word) ||
	    e->usdt.count == DV_ELF_USDT_MAX)
		return;
	memcpy(word, desc, sizeof(word));
	provider = string(e, desc, size, &at, 128);
	name = provider ? string(e, desc, size, &at, 128) : NULL;
	args = name ? string(e, desc, size, &at, ARGS_MAX) : NULL;
	if (!args || !*provider || !*name)
		return;
	dv_elf_tame(provider, strlen(provider));
	dv_elf_tame(name, strlen(name));
	u.provider = provider;
	u.name = name;
	u.args = args;
	u.pc = word[0];
	if (c->has_base && word[1]) {
		u.pc += c->base - word[1];
		if (word[2])
			word[2] += c->base - word[1];
	}
	if (!dv_elf_offset(e, u.pc, &u.pc_offset) || (word[2] && !dv_elf_offset(e, word[2], &u.sem_offset)))
		return;
	*DV_PUSH(&e->usdt) = u;
}

void dv_elf_read_usdt(struct dv_elf *e)
{
	const Elf64_Shdr *notes = dv_elf_section(e, ".note.stapsdt"), *base = dv_elf_section(e, ".stapsdt.base");
	struct ctx c = {.e = e, .has_base = base != NULL, .base = base ? base->sh_addr : 0};
	DV_FREE uint8_t *p = notes ? dv_elf_copy(e, notes->sh_offset, notes->sh_size, DV_ELF_NOTES_MAX) : NULL;

	if (p)
		dv_elf_notes(p, notes->sh_size, 4, take, &c);
}
