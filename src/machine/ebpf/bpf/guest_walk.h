// SPDX-License-Identifier: GPL-2.0-or-later
//
// The guest's memory while one of its stacks is followed: a few pages of it, which no arithmetic finds. So those that
// were found are kept in the firing's block, until the next stack. What was read is there too: programs have little stack, and
// eight functions may call each other on the way.

// Forget what was found for another stack.
DV_INLINE struct dv_firing_walk *walk_begin(uint64_t st)
{
	struct dv_firing_walk *w = &firing(st)->walk;
	uint32_t i;

	w->cr3 = dv_guest.layout.kernel_cr3 ? dv_guest.layout.kernel_cr3 : cr3_of(st);
	w->row = 0;
	for (i = 0; i < 8; i++)
		DV_WR(w->pages[i].va, 0);
	return w;
}

// Where the page of @p va is in the VMM; 0: nowhere.
DV_INLINE uint64_t page_of(struct dv_firing_walk *w, uint64_t va)
{
	uint64_t page = va & ~4095ull, off = page - dv_guest.layout.direct_va, hva;
	uint32_t i = va >> 12 & 7;

	if (w->pages[i].va == page)
		return w->pages[i].hva;
	if (!dv_guest.layout.direct_va || off >= dv_guest.layout.direct_size) {
		off = page - dv_guest.layout.text_va;
		if (dv_guest.layout.text_va && off < dv_guest.layout.text_size)
			off += dv_guest.layout.text_pa;
		else
			off = dv_guest_walk(w->cr3, page);
	}
	hva = hva_of(off);
	if (hva) {
		w->pages[i].va = page;
		w->pages[i].hva = hva;
	}
	return hva;
}

// Bytes of the guest's, at most 168, into the firing's block. 1: done.
DV_HELPER uint64_t dv_guest_bytes(uint64_t st, uint64_t va, uint64_t size)
{
	struct dv_firing_walk *w = &firing(st)->walk;
	uint64_t done = 0, n, page;
	uint32_t i;

	if (size - 1 >= sizeof(w->bytes) || va < 4096 || KERNEL_VA(va) != KERNEL_VA(va + size - 1))
		return 0;
	for (i = 0; i < 2 && done < size; i++) {
		n = 4096 - ((va + done) & 4095);
		if (n > size - done)
			n = size - done;
		page = page_of(w, va + done);
		DV_BOUND(n, 256);
		DV_BOUND(done, 256);
		if (!page || probe_read_user((uint8_t *)w->bytes + done, (uint32_t)n, page + ((va + done) & 4095)))
			return 0;
		done += n;
	}
	return 1;
}

// A word of one of the kernel's stacks.
DV_INLINE int stack_word(uint64_t st, uint64_t va)
{
	return KERNEL_VA(va) && !(va & 7) && dv_guest_bytes(st, va, 8);
}
