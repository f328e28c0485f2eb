/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control protocol: one packet of any bytes, received as the plugin and dvirt do, then read as each kind of
 * message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine/qemu/ctlmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum;

static void look(const struct dv_ctl_packet *p)
{
	const struct dv_ctl_hello *h = dv_ctl_hello(p);
	const struct dv_ctl_regs *r = dv_ctl_regs(p);
	const struct dv_ctl_peer *o = dv_ctl_peer(p);
	const struct dv_ctl_regs_ask *a = dv_ctl_regs_ask(p);
	const struct dv_ctl_load *l = dv_ctl_load(p);
	const struct dv_ctl_event *e = dv_ctl_event(p);
	const struct dv_ctl_threads *t = dv_ctl_threads(p);

	// What is accepted is touched to its end.
	if (h)
		sum += strlen(h->name) + strlen(h->qemu_version) + strlen(h->target) + h->vcpu_max;
	for (uint32_t i = 0; r && i < r->range_count; i++) {
		if (r->ranges[i].gpa + r->ranges[i].size < r->ranges[i].gpa)
			abort();
		sum += r->ranges[i].hva;
	}
	for (uint32_t i = 0; o && i < o->range_count; i++)
		sum += o->ranges[i].hva + o->layout.kernel_cr3;
	if (a)
		sum += a->timeout_ms;
	if (l)
		sum += l->image_size;
	if (e)
		sum += e->arg;
	for (uint32_t i = 0; t && i < t->count; i++)
		sum += (uint64_t)t->tid[i];
	sum += strlen((const char *)p->payload); // the text of an error
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dv_ctl_packet *p;
	struct dv_ctl_msg m = {DV_CTL_MAGIC, DV_CTL_VERSION, 0, 1, 0, 0};
	uint8_t whole[16384];
	char name[128];
	int s[2];

	if (!p)
		p = malloc(sizeof(*p));
	if (!p || !size || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) < 0)
		return 0;
	// As it is, and with a good header before it so that most inputs get behind that.
	if (send(s[0], data, size, MSG_DONTWAIT) >= 0 && dv_ctl_recv(s[1], p, true) == 0) {
		look(p);
		dv_ctl_close_fds(p);
	}
	m.type = data[0] % DV_CTL_TYPES;
	m.size = (uint32_t)(size - 1 < sizeof(whole) - sizeof(m) ? size - 1 : sizeof(whole) - sizeof(m));
	memcpy(whole, &m, sizeof(m));
	memcpy(whole + sizeof(m), data + 1, m.size);
	if (send(s[0], whole, sizeof(m) + m.size, MSG_DONTWAIT) >= 0) {
		if (dv_ctl_recv(s[1], p, true) != 0)
			abort();
		look(p);
		dv_ctl_close_fds(p);
	}
	close(s[0]);
	close(s[1]);
	size_t n = size < sizeof(name) ? size : sizeof(name) - 1;
	memcpy(name, data, n);
	name[n] = 0;
	if (dv_ctl_name_valid(name) && (strchr(name, '/') || strlen(name) > 63))
		abort();
	return 0;
}
