/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_QEMU_CTLMSG_H
#define DV_MACHINE_QEMU_CTLMSG_H
/**
 * Packets of the control protocol (abi/ctl.h) and the directory where the sockets are. Used by the plugin and by dvirt,
 * so nothing here allocates or prints; failures are negative errno values.
 */
#include <stdbool.h>
#include <stddef.h>

#include "abi/ctl.h"

struct dv_ctl_packet {
	struct dv_ctl_msg msg;
	int fds[DV_CTL_FDS];  /**< the receiver's to close; -1: taken or none */
	unsigned fd_count;
	_Alignas(8) unsigned char payload[DV_CTL_MSG_MAX]; /**< msg.size bytes; a zero byte follows */
};

/** Send one packet. Does not wait for room with @p dontwait. */
int dv_ctl_send(int fd, uint32_t type, uint32_t serial, const void *payload, uint32_t size, const int *fds,
		unsigned fd_count, bool dontwait);
/** Receive one packet; -EAGAIN when there is none and @p dontwait, -EPIPE at the end, -EBADMSG when it is not of the
 *  protocol. On failure there is nothing to close. */
int dv_ctl_recv(int fd, struct dv_ctl_packet *p, bool dontwait);
void dv_ctl_close_fds(struct dv_ctl_packet *p);
/** Take a descriptor out of a packet; -1: it has none there. */
int dv_ctl_take_fd(struct dv_ctl_packet *p, unsigned i);

/** Is this a whole, well-formed message of @p n bytes? */
bool dv_ctl_valid(const void *bytes, size_t n);
/** The payload as a structure of exactly @p size bytes, checked by its type's rules; NULL: it is not one. */
const struct dv_ctl_hello *dv_ctl_hello(const struct dv_ctl_packet *p);
const struct dv_ctl_regs_ask *dv_ctl_regs_ask(const struct dv_ctl_packet *p);
const struct dv_ctl_regs *dv_ctl_regs(const struct dv_ctl_packet *p);
const struct dv_ctl_peer *dv_ctl_peer(const struct dv_ctl_packet *p);
const struct dv_ctl_load *dv_ctl_load(const struct dv_ctl_packet *p);
const struct dv_ctl_threads *dv_ctl_threads(const struct dv_ctl_packet *p);
const struct dv_ctl_event *dv_ctl_event(const struct dv_ctl_packet *p);
/** Ranges: not empty, not wrapping. */
bool dv_ctl_ranges_valid(const struct dv_ctl_range *r, uint32_t count);

/** Process and user at the other end; negative: unknown. */
int dv_ctl_peer_cred(int fd, int *pid, unsigned *uid);

/** See dv_rundir() in machine.h. 0 or negative errno; -EPERM: it is there but others can write to it. */
int dv_ctl_rundir(bool create, char *buf, size_t size);
/** Where the guests are of the user who has called this process by sudo(8), for root: the @p n-th place to look in, from 0
 *  on, that is there, and whose it is: the processes behind its sockets have to be theirs too. False: there are no more. */
bool dv_ctl_rundir_sudo(unsigned n, char *buf, size_t size, unsigned *uid);
/** May this be a machine's name (and so a file's)? Letters, digits, '.', '_', '-'; 63 at most; no '.' at the start. */
bool dv_ctl_name_valid(const char *name);

#endif
