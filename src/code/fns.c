/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "code/bytecode.h"

const struct dv_fn_info dv_fns[DV_FN_COUNT] = {
#define X(id, n, letters, text) [DV_FN_##id] = {.name = (text), .args = (letters), .arg_count = (n)},
	DV_FN_TABLE(X)
#undef X
};

// The table's letters and its counts say the same thing twice.
#define X(id, n, letters, text)                                                                        \
	_Static_assert(sizeof(letters) == (n) + 1, #id ": one letter for each argument");              \
	_Static_assert((n) <= 5, #id ": a call has at most five arguments");
DV_FN_TABLE(X)
#undef X
