/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_BASE_CLOCK_H
#define DV_BASE_CLOCK_H
/** The clock that all timestamps are of. */
#include <stdint.h>
#include <time.h>

/** CLOCK_MONOTONIC, ns. */
static inline uint64_t dv_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** Sleep; a signal may end it early. */
static inline void dv_pause_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

#endif
