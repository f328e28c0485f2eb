// SPDX-License-Identifier: GPL-2.0-or-later
//
// io: requests to block devices, as struct request, from where the driver gets one to where the device has done it (or
// a part of it). Devices that pass on what they get without making requests of it (device mapper, md) are not seen, what
// is below them is. The kernel's tracepoint on ended struct bio is no use here: it leaves out those of requests.
//
// Waiting is for a struct bio, of which several may make one request.
#include "probe/stable.h"

#define REQUEST "struct request *"
#define STARTED "((" REQUEST ")arg0)->state != MQ_RQ_IDLE"
#define REQUEST_ARGS(n) {{REQUEST, n, "bufinfo_t *"}, {REQUEST, n, "devinfo_t *"}, {REQUEST, n, "fileinfo_t *"}}

static const struct dv_stable_row rows[] = {
	// The queue is not passed any more since 5.11.
	{"start", DV_AT_TRACEPOINT, "block_rq_issue", .expect = {{0, REQUEST}}, .args = REQUEST_ARGS("arg0")},
	{"start", DV_AT_TRACEPOINT, "block_rq_issue", .expect = {{1, REQUEST}}, .args = REQUEST_ARGS("arg1")},
	{"start", DV_AT_ENTRY, "blk_mq_start_request", .expect = {{0, REQUEST}}, .args = REQUEST_ARGS("arg0")},

	// One that never was given to a driver, because it only asked for a flush, say, ends too.
	{"done", DV_AT_TRACEPOINT, "block_rq_complete", .expect = {{0, REQUEST}}, .guard = STARTED,
	 .args = REQUEST_ARGS("arg0")},
	// Not those that NVMe ends many at a time: they end in blk_mq_end_request_batch.
	{"done", DV_AT_ENTRY, "blk_update_request", .expect = {{0, REQUEST}}, .guard = STARTED,
	 .args = REQUEST_ARGS("arg0")},

	{"wait-start", DV_AT_ENTRY, "submit_bio_wait", .expect = {{0, DV_BIO}},
	 .args = {{DV_BIO, "arg0", "bufinfo_t *"}, {DV_BIO, "arg0", "devinfo_t *"}, {DV_BIO, "arg0", "fileinfo_t *"}}},
	// At its return the bio is not known any more.
	{"wait-done", DV_AT_RETURN, "submit_bio_wait"},
};

const struct dv_provider dv_prov_io = DV_STABLE("io", rows);
