/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_DOCTOR_H
#define DV_MACHINE_DOCTOR_H
/**
 * What of this host keeps dvirt from working, or lets it: each backend says what it has found, in lines for people. Nothing is
 * traced, nothing changed.
 */
#include <stdbool.h>

#include "base/error.h"

enum dv_doctor_kind {
	DV_DOCTOR_YES,
	DV_DOCTOR_NO,   /**< it is missing, and probes are missing with it */
	DV_DOCTOR_NOTE, /**< neither */
};
struct dv_doctor {
	bool verbose; /**< each thing by itself */
	bool trial;   /**< try KVM with a small virtual machine of dvirt's own */
	void *ctx;
	/** @p text may be empty; lines of one backend come together. */
	void (*say)(void *ctx, enum dv_doctor_kind kind, const char *what, const char *text);
	/** What follows is about @p subject. */
	void (*begin)(void *ctx, const char *subject);
};
void dv_doctor_say(const struct dv_doctor *d, enum dv_doctor_kind kind, const char *what, const char *fmt, ...) DV_PRINTF(4, 5);
/** Ask all backends. */
void dv_doctor(const struct dv_doctor *d);

#endif
