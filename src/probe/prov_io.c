// SPDX-License-Identifier: GPL-2.0-or-later
//
// io: requests to block devices, as struct bio, from where one enters the block layer to where it ends. A bio that is
// passed on by one device to another below it (device mapper) enters once: the flag BIO_TRACE_COMPLETION, which the
// kernel sets for its own tracing, tells.
#include "probe/stable.h"

#define TRACED "((" DV_BIO ")arg0)->bi_flags >> BIO_TRACE_COMPLETION & 1"
#define BIO_ARGS(text) {{DV_BIO, text, "bufinfo_t *"}, {DV_BIO, text, "devinfo_t *"}, {DV_BIO, text, "fileinfo_t *"}}

static const struct dv_stable_row rows[] = {
	// The queue is not passed any more since 5.11.
	{"start", DV_AT_TRACEPOINT, "block_bio_queue", .expect = {{0, DV_BIO}}, .args = BIO_ARGS("arg0")},
	{"start", DV_AT_TRACEPOINT, "block_bio_queue", .expect = {{1, DV_BIO}}, .args = BIO_ARGS("arg1")},
	{"start", DV_AT_ENTRY, "submit_bio_noacct_nocheck", .expect = {{0, DV_BIO}}, .guard = "!(" TRACED ")",
	 .args = BIO_ARGS("arg0")},
	{"start", DV_AT_ENTRY, "submit_bio_noacct", .expect = {{0, DV_BIO}}, .guard = "!(" TRACED ")",
	 .args = BIO_ARGS("arg0")},

	{"done", DV_AT_TRACEPOINT, "block_bio_complete", .expect = {{1, DV_BIO}}, .args = BIO_ARGS("arg1")},
	// One that was split comes here for each part.
	{"done", DV_AT_ENTRY, "bio_endio", .expect = {{0, DV_BIO}}, .guard = TRACED, .args = BIO_ARGS("arg0")},

	{"wait-start", DV_AT_ENTRY, "submit_bio_wait", .expect = {{0, DV_BIO}}, .args = BIO_ARGS("arg0")},
	// At its return the bio is not known any more.
	{"wait-done", DV_AT_RETURN, "submit_bio_wait"},
};

const struct dv_provider dv_prov_io = DV_STABLE("io", rows);
