// SPDX-License-Identifier: GPL-2.0-or-later
// Stack blocks: struct dv_stack in the producer's scratch. Where the frames come from is the place's business.
#include "state/inner.h"

_Static_assert(sizeof(struct dv_stack) == DV_STACK_HEAD, "a stack block's head is four words");

uint64_t dv_st_stack(DV_ST st, uint64_t what, uint64_t pid, uint64_t start, uint64_t frames)
{
	struct dv_view v;
	uint64_t at;

	if (!dv_view(st, &v))
		return 0;
	if (frames > DV_STACK_MAX)
		frames = DV_STACK_MAX;
	at = dv_st_scratch(st, DV_STACK_HEAD + frames * 8);
	if (!at)
		return 0;
	*dv_word(&v, at) = DV_STACK_HEAD | what << 32;
	*dv_word(&v, at + 8) = what >> 32;
	*dv_word(&v, at + 16) = pid & 0xffffffff;
	*dv_word(&v, at + 24) = start;
	return at;
}

void dv_st_stackset(DV_ST st, uint64_t mem, uint64_t from, uint64_t count)
{
	struct dv_view v;

	if (!mem || !dv_view(st, &v))
		return;
	if (count > DV_STACK_MAX)
		count = DV_STACK_MAX;
	if (from && count)
		dv_copy(st, mem + DV_STACK_HEAD, from, count * 8, count * 8);
	*dv_half(&v, mem) = (uint32_t)(DV_STACK_HEAD + count * 8);
	*dv_half(&v, mem + 12) = (uint32_t)count;
}
