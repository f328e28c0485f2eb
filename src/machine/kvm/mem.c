// SPDX-License-Identifier: GPL-2.0-or-later
//
// Guest memory where the VMM has it mapped. process_vm_readv() finds pages that the VMM has not touched yet too, and makes
// them: as any access by the VMM would.
#include <errno.h>
#include <sys/uio.h>

#include "machine/kvm/vm.h"

#define PIECES 1024u /* of one system call (UIO_MAXIOV) */

static const struct dv_kvm_slot *slot_of(const struct dv_kvm_vm *vm, uint64_t gpa)
{
	for (size_t i = 0; i < vm->slots.count; i++)
		if (gpa - vm->slots.data[i].gpa < vm->slots.data[i].size)
			return &vm->slots.data[i];
	return NULL;
}

bool dv_kvm_read_phys(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	const struct dv_kvm_vm *vm = ctx;

	while (size) {
		const struct dv_kvm_slot *s = slot_of(vm, gpa);
		uint64_t off = s ? gpa - s->gpa : 0, n = s && s->size - off < size ? s->size - off : size;
		struct iovec to = {dst, n}, from = {s ? (void *)(s->hva + off) : NULL, n}; // NOLINT: an address elsewhere

		if (!s || process_vm_readv(vm->pid, &to, 1, &from, 1, 0) != (ssize_t)n)
			return false;
		dst = (char *)dst + n;
		gpa += n;
		size -= n;
	}
	return true;
}

uint64_t dv_kvm_hva(const struct dv_kvm_vm *vm, uint64_t gpa)
{
	const struct dv_kvm_slot *s = slot_of(vm, gpa);

	return s && !s->readonly ? s->hva + (gpa - s->gpa) : 0;
}

bool dv_kvm_copied(const struct dv_kvm_vm *vm, uint64_t gpa)
{
	const struct dv_kvm_slot *s = slot_of(vm, gpa);

	return s && s->logged;
}

typedef ssize_t move_fn(pid_t pid, const struct iovec *here, unsigned long n, const struct iovec *there, unsigned long m,
                        unsigned long flags);

static bool move(move_fn *fn, int pid, const struct dv_kvm_piece *p, uint32_t count)
{
	struct iovec here[PIECES], there[PIECES];

	for (uint32_t at = 0; at < count; at += PIECES) {
		uint32_t n = count - at < PIECES ? count - at : PIECES;
		ssize_t all = 0;

		for (uint32_t i = 0; i < n; i++) {
			here[i] = (struct iovec){p[at + i].bytes, p[at + i].size};
			there[i] = (struct iovec){(void *)p[at + i].hva, p[at + i].size}; // NOLINT: an address elsewhere
			all += p[at + i].size;
		}
		if (fn(pid, here, n, there, n, 0) != all)
			return false;
	}
	return true;
}

bool dv_kvm_read_pieces(int pid, const struct dv_kvm_piece *p, uint32_t count)
{
	return move(process_vm_readv, pid, p, count);
}

bool dv_kvm_write_pieces(int pid, const struct dv_kvm_piece *p, uint32_t count)
{
	return move(process_vm_writev, pid, p, count);
}
