// SPDX-License-Identifier: GPL-2.0-or-later
// Stack blocks of records and keys, taken apart.
#include "consume/consume.h"

#include <string.h>

bool dv_value_frames(const struct dv_value *v, struct dv_frames *ret)
{
	struct dv_stack head;

	if (v->kind == DV_VALUE_INT || v->size < sizeof(head))
		return false;
	memcpy(&head, v->bytes, sizeof(head));
	if (head.count > DV_STACK_MAX || head.kind >= DV_STACK_KINDS || v->size != sizeof(head) + 8 * head.count)
		return false;
	ret->kind = head.kind;
	ret->machine = head.machine;
	ret->kernel = head.kernel;
	ret->pid = head.pid;
	ret->count = head.count;
	ret->start = head.start;
	memcpy(ret->pc, v->bytes + sizeof(head), 8 * head.count);
	return true;
}
