/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile-N in a guest: every N th of a second, on every virtual CPU, wherever it is.
 *
 * A plugin cannot interrupt a virtual CPU. But QEMU can put a test of one word, which each vCPU has of its own, before each
 * translated block, and call back when it is not zero; that costs about a nanosecond a block, and blocks are short. So a
 * thread of ours sets, in each vCPU's word, the bits of the timers that are due, and the vCPU finds them at its next block.
 * Blocks have the test only while some session has such probes.
 *
 * The place that is reported is a block's beginning, so a long block counts for its first instruction.
 *
 * A vCPU that waits for an interrupt runs no block: its timers pass unseen, as they are cleared when it goes on. Else
 * whatever woke it up would be taken for what it did all the while.
 *
 * Two snapshots may have a clock each while one replaces the other; they use different words of the vCPU's.
 */
#include "machine/qemu/plugin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 2u
#define SCORE_MIN 16u /* vCPUs that QEMU keeps such words for in any case */

struct dv_clock {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond; /**< CLOCK_MONOTONIC */
	bool stop;
	uint32_t word, count;
	struct {
		uint64_t period, next; /**< ns */
	} timers[DV_TIMERS_MAX];
};

static struct qemu_plugin_scoreboard *score; /* made once, of the control thread */

static uint64_t *word_of(const struct dv_clock *c, unsigned vcpu)
{
	return (uint64_t *)qemu_plugin_scoreboard_find(score, vcpu) + c->word;
}

static void due(struct dv_clock *c, uint64_t bits)
{
	for (uint32_t i = 0; i < DV_VCPU_MAX && bits; i++) {
		struct dv_vcpu *v = dv_vcpu_get(i);
		if (v && !__atomic_load_n(&v->idle, __ATOMIC_ACQUIRE))
			__atomic_fetch_or(word_of(c, i), bits, __ATOMIC_RELEASE);
	}
}

static void *run(void *arg)
{
	struct dv_clock *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		uint64_t now = dv_now_ns(), first = UINT64_MAX, bits = 0;
		struct timespec t;
		for (uint32_t i = 0; i < c->count; i++) {
			if (c->timers[i].next <= now) {
				bits |= 1ull << i;
				// Times that were missed are missed.
				c->timers[i].next += (1 + (now - c->timers[i].next) / c->timers[i].period) * c->timers[i].period;
			}
			if (c->timers[i].next < first)
				first = c->timers[i].next;
		}
		due(c, bits);
		t.tv_sec = (time_t)(first / 1000000000u);
		t.tv_nsec = (long)(first % 1000000000u);
		pthread_cond_timedwait(&c->cond, &c->lock, &t);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* The words of vCPUs that come later may move, which nobody tells our thread. */
static bool words_stay(void)
{
	return g.vcpu_max <= (int)SCORE_MIN || (int)__atomic_load_n(&g.vcpu_count, __ATOMIC_ACQUIRE) == g.vcpu_max;
}

struct dv_clock *dv_clock_create(const uint64_t *periods, uint32_t count, char *msg, size_t msg_size)
{
	static uint32_t serial;
	struct dv_clock *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!qemu_plugin_register_vcpu_tb_exec_cond_cb || !words_stay() || count > DV_TIMERS_MAX) {
		snprintf(msg, msg_size, count > DV_TIMERS_MAX ? "more than %u timers (profile-N)"
							      : "there is no profile-N where more than %u virtual CPUs may come later",
			 count > DV_TIMERS_MAX ? DV_TIMERS_MAX : SCORE_MIN);
		free(c);
		return NULL;
	}
	if (c && !score)
		score = qemu_plugin_scoreboard_new(WORDS * sizeof(uint64_t));
	if (!c || !score) {
		snprintf(msg, msg_size, "no memory for the timers");
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->cond, &attr);
	pthread_condattr_destroy(&attr);
	c->word = serial++ % WORDS;
	c->count = count;
	for (uint32_t i = 0; i < count; i++) {
		c->timers[i].period = periods[i] ? periods[i] : 1;
		c->timers[i].next = dv_now_ns() + c->timers[i].period;
	}
	for (uint32_t i = 0; i < DV_VCPU_MAX; i++) {
		struct dv_vcpu *v = dv_vcpu_get(i);
		if (!v)
			continue;
		__atomic_store_n(word_of(c, i), 0, __ATOMIC_RELAXED);
		// Nobody has looked lately. The switch to come wakes those that are idle, and they tell.
		__atomic_store_n(&v->idle, 0, __ATOMIC_RELAXED);
	}
	if (pthread_create(&c->thread, NULL, run, c)) {
		snprintf(msg, msg_size, "no thread for the timers");
		pthread_cond_destroy(&c->cond);
		pthread_mutex_destroy(&c->lock);
		free(c);
		return NULL;
	}
	return c;
}

void dv_clock_destroy(struct dv_clock *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->cond);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->cond);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void dv_clock_translate(struct dv_clock *c, struct qemu_plugin_tb *tb, uint64_t va, qemu_plugin_vcpu_udata_cb cb)
{
	qemu_plugin_u64 entry = {score, c->word * sizeof(uint64_t)};

	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, cb, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_NE, entry, 0,
	                                          (void *)(uintptr_t)va);
}

uint64_t dv_clock_due(struct dv_clock *c, unsigned vcpu)
{
	return __atomic_exchange_n(word_of(c, vcpu), 0, __ATOMIC_ACQ_REL);
}

void dv_clock_idle(struct dv_clock *c, unsigned vcpu, bool idle)
{
	struct dv_vcpu *v = dv_vcpu_get(vcpu);

	if (!v)
		return;
	if (!idle)
		__atomic_store_n(word_of(c, vcpu), 0, __ATOMIC_RELAXED);
	__atomic_store_n(&v->idle, idle, __ATOMIC_RELEASE);
}
