/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_TESTS_LANG_FAKE_H
#define DV_TESTS_LANG_FAKE_H
/** Two small kernels of the tests' own, "web" and "db", that differ; and a typed tree as text. */
#include <stdio.h>

#include "lang/lang.h"

struct dv_universe *fake_kernel(uint32_t id); /**< 1: web; 2: db, with another task_struct and no struct file */
const struct dv_type *fake_arg_type(void *ctx, uint32_t n); /**< ctx: the universe. Four arguments, as of vfs_read */
void dv_ast_dump(FILE *f, const struct dv_clause *c);

#endif
