/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_KVM_FIND_H
#define DV_MACHINE_KVM_FIND_H
/**
 * Which virtual machines there are: processes that have a descriptor of one, and what they call it. Only /proc is asked, so
 * it costs little and any user may; of other users' processes only root sees the descriptors.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DV_KVM_NAME 64u

struct dv_kvm_found {
	int pid, fd;
	uint64_t start;         /**< of the process, see struct dv_kvm_vm */
	char vmm[DV_KVM_NAME];  /**< what program it is: "qemu-system-x86_64" */
	char name[DV_KVM_NAME]; /**< valid for a machine, and no other's */
	uint32_t vcpus;         /**< descriptors of virtual CPUs that the process has */
};
/** Call @p fn for each machine, the longest-running first. One that several descriptors or processes share is one. */
void dv_kvm_find(void (*fn)(void *ctx, const struct dv_kvm_found *f), void *ctx);
/** A machine has just been made: an earlier answer will not do for the next seconds. */
void dv_kvm_find_anew(void);

/* name.c */
/**
 * What the command line @p args (@p size bytes, arguments end with NUL) says that the machine is called: `-name` of QEMU and
 * libvirt, `--id` of Firecracker, `--name` of others; else "@p comm-@p pid". Bytes that a machine's name cannot have become '_'.
 */
void dv_kvm_name(const char *args, size_t size, const char *comm, int pid, char ret[DV_KVM_NAME]);
/** @p name, with @p suffix behind it if there is room, else in the place of its end. */
void dv_kvm_name_suffix(char name[DV_KVM_NAME], const char *suffix);

/* watch.c */
/** A descriptor that becomes readable when the kernel says something about devices; -1: it does not tell. */
int dv_kvm_watch(void);
/** Take in what it has: has a virtual machine been made? */
bool dv_kvm_news(int fd);

#endif
