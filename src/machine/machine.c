/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/machine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "machine/doctor.h"
#include "machine/ebpf/ebpf.h"
#include "machine/fake/fake.h"
#include "machine/kvm/kvm.h"
#include "machine/qemu/client.h"
#include "machine/rundir.h"

const struct dv_backend *const dv_backends[] = {
#ifdef DV_HAVE_EBPF
    &dv_backend_ebpf,
    &dv_backend_kvm,
#endif
    &dv_backend_qemu,
    &dv_backend_fake,
    NULL,
};

struct dv_error *dv_machine_open(struct dv_machine *m, uint32_t universe)
{
	for (size_t i = 0; dv_backends[i]; i++)
		if (strcmp(dv_backends[i]->name, m->backend) == 0)
			return dv_backends[i]->open(m, universe);
	return dv_error_create(DV_ERR_NOT_FOUND, "machine '%s': no backend '%s'", m->name, m->backend);
}

void dv_machine_close(struct dv_machine *m)
{
	if (!m)
		return;
	if (m->ops && m->ops->close)
		m->ops->close(m);
	free(m);
}

void dv_machine_because(struct dv_machine *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m->why, sizeof(m->why), fmt, ap);
	va_end(ap);
}

void dv_machine_forget_guest(struct dv_machine *m)
{
	if (m->guest && m->retire)
		m->retire(m->retire_ctx, m->guest);
	else if (m->guest)
		dv_guest_close(m->guest);
	m->guest = NULL;
	m->caps = 0;
}

void dv_doctor_say(const struct dv_doctor *d, enum dv_doctor_kind kind, const char *what, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->say(d->ctx, kind, what, text);
}

void dv_doctor(const struct dv_doctor *d)
{
	for (size_t i = 0; dv_backends[i]; i++)
		if (dv_backends[i]->doctor)
			dv_backends[i]->doctor(d);
}

bool dv_rundir_sudo(unsigned n, char *buf, size_t size)
{
	unsigned uid;

	return dv_rundir_sudo_path(n, buf, size, &uid);
}

struct dv_error *dv_rundir(bool create, char *buf, size_t size)
{
	int r = dv_rundir_path(create, buf, size);

	if (r == 0)
		return NULL;
	if (r == -ENAMETOOLONG)
		return dv_error_create(DV_ERR_LIMIT, "the run directory's name is too long");
	if (r == -ENOENT)
		return dv_error_create(DV_ERR_NOT_FOUND, "there is no directory '%s'", buf);
	if (r == -EPERM)
		return dv_error_create(DV_ERR_DENIED,
				       "no permission to use '%s': it belongs to, or can be written by, somebody else",
				       buf);
	return dv_error_sys(-r, "cannot use the directory '%s'", buf);
}
