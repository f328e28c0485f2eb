// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a VMM calls its machine. Command lines are anybody's bytes.
#include <stdio.h>
#include <string.h>

#include "machine/kvm/find.h"

static bool is_valid(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static void set(char ret[DV_KVM_NAME], const char *text)
{
	size_t n = 0;

	for (; text[n] && n < DV_KVM_NAME - 1; n++)
		ret[n] = is_valid(text[n]) && !(text[n] == '.' && !n) ? text[n] : '_';
	ret[n] = '\0';
}

void dv_kvm_name_suffix(char name[DV_KVM_NAME], const char *suffix)
{
	size_t n = strlen(name), room = DV_KVM_NAME - 1, m = strlen(suffix);

	if (m > room)
		return;
	if (n > room - m)
		n = room - m;
	memcpy(name + n, suffix, m + 1);
}

// QEMU's option lists: items between commas, a comma in an item is doubled. The first may leave out its key, "guest".
static void qemu_name(const char *value, char ret[DV_KVM_NAME])
{
	for (bool first = true; *value; first = false) {
		char item[512], *text = NULL;
		size_t n = 0;

		for (; *value && (*value != ',' || value[1] == ','); value++) {
			value += *value == ',';
			if (n < sizeof(item) - 1)
				item[n++] = *value;
		}
		value += *value == ',';
		item[n] = '\0';
		if (!strncmp(item, "guest=", 6))
			text = item + 6;
		else if (first && !strchr(item, '='))
			text = item;
		if (text && *text)
			set(ret, text);
	}
}

static bool begins(const char *path, const char *with)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(slash ? slash + 1 : path, with, strlen(with));
}

// The value of an option: the rest of this argument behind '=', or the next.
static const char *value_of(const char *arg, const char *next, const char *option)
{
	size_t n = strlen(option);

	if (strncmp(arg, option, n) != 0)
		return NULL;
	return arg[n] == '=' ? arg + n + 1 : !arg[n] ? next : NULL;
}

void dv_kvm_name(const char *args, size_t size, const char *comm, int pid, char ret[DV_KVM_NAME])
{
	const char *end = args + size, *next;
	bool whole = size && memchr(args, 0, size), qemu = whole && (begins(args, "qemu") || begins(args, "kvm")),
	     lkvm = whole && begins(args, "lkvm");
	char suffix[16];

	ret[0] = '\0';
	for (const char *p = args; whole && p < end; p = next) {
		const char *z = memchr(p, 0, (size_t)(end - p)), *after, *v;

		if (!z) // cut off
			break;
		next = z + 1;
		after = next < end && memchr(next, 0, (size_t)(end - next)) ? next : NULL;
		if (qemu) {
			if (after && (!strcmp(p, "-name") || !strcmp(p, "--name")))
				qemu_name(after, ret);
			continue;
		}
		if (!strcmp(p, "--"))
			break;
		v = value_of(p, after, "--id");
		v = v ? v : value_of(p, after, "--name");
		v = v || !lkvm ? v : value_of(p, after, "-n");
		if (v && *v)
			set(ret, v);
	}
	if (ret[0])
		return;
	set(ret, *comm ? comm : "kvm");
	snprintf(suffix, sizeof(suffix), "-%d", pid);
	dv_kvm_name_suffix(ret, suffix);
}
