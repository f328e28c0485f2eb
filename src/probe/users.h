/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_PROBE_USERS_H
#define DV_PROBE_USERS_H
/**
 * The host's processes that descriptions have named so far, for the providers whose names end in a process's number
 * (prov_pid.c, prov_usdt.c). Nothing is looked at before a description names it. Everything lives as long as the set.
 */
#include "elf/process.h"
#include "probe/probe.h"

struct dv_user;
/** An object of a process, and the ids of the probes in it. */
struct dv_user_object {
	struct dv_user *user;
	struct dv_object *object;
	struct dv_elf *elf;
	uint32_t base;    /**< first id: two for each symbol (entry, return), then one for each static probe */
	const struct dv_elf_sym *syms;
	size_t count;
	const struct dv_elf_usdt *usdt;
	size_t usdt_count;
	uint32_t *usdt_order; /**< indices of `usdt`: places of one probe stand together; in the set's arena */
};
/** A probe at an offset in a function, or at an address: made when it is asked for. */
struct dv_user_offset {
	const struct dv_user_object *uo;
	const char *func, *name;
	uint64_t vaddr;
	uint32_t id;
};
struct dv_user {
	struct dv_process *process;
	const char *pid_name; /**< "pid123" */
	bool gone;            /**< it has ended, and its number may be another's */
	DV_VEC(struct dv_user_object *) objects; /**< those opened so far */
	DV_VEC(struct dv_user_offset) offsets;
};
void dv_users_deinit(struct dv_probe_set *set);

/** The process of that number, with its objects of now. */
struct dv_error *dv_user_get(struct dv_probe_set *set, int pid, struct dv_user **ret) DV_MUST_USE;
/** The object with its symbols. */
struct dv_error *dv_user_open(struct dv_probe_set *set, struct dv_user *u, struct dv_object *o,
			      struct dv_user_object **ret) DV_MUST_USE;
/** Does a description's module part mean this object? Its name does, its name up to a dot ("libc" for "libc.so.6"), and
 * "a.out" for the program. */
bool dv_user_module(const char *pattern, const struct dv_object *o);
/** The next of its objects whose name a description's module part means. Begin with *at = 0; NULL: there are no more.
 * Objects that cannot be read are passed over. */
struct dv_user_object *dv_user_match(struct dv_probe_set *set, struct dv_user *u, const char *pattern, size_t *at);
/** The objects of a process as a list for a message, as long as there is room. */
void dv_user_modules(const struct dv_user *u, char *buf, size_t size);
/** The name of the program that a process runs. */
const char *dv_user_program(const struct dv_user *u);

/**
 * The ways to read the end of a provider's name as a process's number: "app12" is provider app1 of process 2, or app of
 * 12. Begin with *at = NULL; each true leaves the first part in @p prefix (not empty) and the number in *pid, the longest
 * number first.
 */
#define DV_USER_PREFIX 256u
bool dv_user_split(const char *name, const char **at, char prefix[DV_USER_PREFIX], int *pid);

/** A row for a site in @p uo; strings are the caller's, and live as long as the set. */
struct dv_probe *dv_user_row(struct dv_probe_set *set, const struct dv_user_object *uo, uint32_t id, const char *func,
			     const char *name, uint64_t offset);

#endif
