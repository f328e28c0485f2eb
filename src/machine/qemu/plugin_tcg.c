/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's memory of a block that it did not finish translating.
 *
 * While a plugin wants to hear of translations, QEMU notes in the translating thread's TCGContext which instruction it is
 * at (`plugin_insn`); at each load and store it then leaves a mark in the code for that instruction's callbacks. The note
 * is cleared when the block is finished, and, in QEMU 10.0, when another block is begun, but only if a plugin wants
 * to hear of that one (plugin_gen_tb_start() in accel/tcg/plugin-gen.c). A block that is given up in the middle, because
 * its next page is not there (a program's first steps), leaves the note behind. If the plugin is switched off just then, the
 * next block gets marks that nobody takes out again, and QEMU's register allocator runs into one: a crash.
 *
 * So the note is cleared when the plugin is switched off. Where it is, QEMU shows itself, when it tells of a finished block:
 * in the context are the block's handle, a pointer, and the handle of its last instruction, one after the other. A
 * QEMU that hides its contexts, or keeps them otherwise, is left alone.
 */
#include "machine/qemu/plugin.h"

#include <dlfcn.h>

#define WORDS 256u /* the places that are looked at; a context has many times as many */

static uint32_t word; /* atomic: index of the block's handle in a context; 0: not known */

static void ***contexts(unsigned *count)
{
	void ***ctxs = (void ***)dlsym(RTLD_DEFAULT, "tcg_ctxs");
	const unsigned *cur = (const unsigned *)dlsym(RTLD_DEFAULT, "tcg_cur_ctxs");

	*count = ctxs && *ctxs && cur && *cur <= DV_VCPU_MAX + 1 ? __atomic_load_n(cur, __ATOMIC_ACQUIRE) : 0;
	return ctxs;
}

void dv_tcg_learn(struct qemu_plugin_tb *tb)
{
	size_t n;
	unsigned count;
	void ***ctxs, *last;

	if (__atomic_load_n(&word, __ATOMIC_RELAXED) || !(n = qemu_plugin_tb_n_insns(tb)))
		return;
	last = qemu_plugin_tb_get_insn(tb, n - 1);
	ctxs = contexts(&count);
	for (unsigned i = 0; i < count; i++) {
		void **ctx = (*ctxs)[i];

		for (uint32_t w = 1; ctx && w < WORDS - 2; w++)
			if (ctx[w] == tb && ctx[w + 1] && ctx[w + 2] == last)
				__atomic_store_n(&word, w, __ATOMIC_RELAXED);
	}
}

void dv_tcg_forget(void)
{
	uint32_t w = __atomic_load_n(&word, __ATOMIC_RELAXED);
	unsigned count;
	void ***ctxs = contexts(&count);

	for (unsigned i = 0; w && i < count; i++) {
		void **ctx = (*ctxs)[i];

		if (ctx && ctx[w])
			ctx[w + 2] = NULL;
	}
}
