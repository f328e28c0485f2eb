/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where guest RAM is in this process.
 *
 * The plugin interface reads memory by virtual address only, by walking the page tables in software: 100 ns and more
 * for each read. But guest RAM is mapped right here, so a clause can read it by plain loads once it is known which
 * guest-physical address is at which pointer. QEMU keeps just such a list for its own memory dumps (guest_phys_blocks),
 * as structures that have not changed since 2013; its functions are exported by every QEMU that has modules. Whatever
 * they answer is checked for sense, and against what the plugin interface reads at some addresses, before it is
 * believed.
 *
 * Without those functions: large mappings of this process, split as the pc and q35 machines split RAM around the PCI
 * hole, checked in the same way. Without any map the guest's kernel cannot be recognised, and nothing is traced.
 */
#include "machine/qemu/plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"

struct block {
	uint64_t start, end;
	uint8_t *host;
	void *region;
	struct block *next, **prev;
};
struct block_list {
	unsigned count;
	struct block *first, **last;
};

/* Video memory and the like of a device may be unplugged, and is not what anybody wants to read. Their blocks are named
 * by the device's address ("0000:00:01.0/vga.vram"), or are tables for the firmware. */
static bool is_main_memory(void *host)
{
	void *(*from_host)(void *, bool, uint64_t *) =
	    (void *(*)(void *, bool, uint64_t *))dlsym(RTLD_DEFAULT, "qemu_ram_block_from_host");
	const char *(*idstr)(void *) = (const char *(*)(void *))dlsym(RTLD_DEFAULT, "qemu_ram_get_idstr");
	uint64_t offset;

	if (!from_host || !idstr)
		return true;
	void *block = from_host(host, false, &offset);
	const char *name = block ? idstr(block) : NULL;
	return name && !strchr(name, ':') && strncmp(name, "/rom@", 5) != 0 && strcmp(name, "pc.bios") != 0 &&
	       strcmp(name, "pc.rom") != 0;
}

/* What was answered last is referenced, so that it stays mapped under our reads when its memory module is unplugged. */
static void *held[DV_CTL_RANGES];
static uint32_t held_count;

static void hold(void *region)
{
	void (*ref)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "memory_region_ref");

	if (!ref || !dlsym(RTLD_DEFAULT, "memory_region_unref") || held_count == DV_CTL_RANGES)
		return;
	ref(region);
	held[held_count++] = region;
}

void dv_ram_release(void)
{
	void (*unref)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "memory_region_unref");

	while (held_count)
		unref(held[--held_count]);
}

bool dv_ram_from_qemu(struct dv_ram *ret)
{
	void (*init)(struct block_list *) =
	    (void (*)(struct block_list *))dlsym(RTLD_DEFAULT, "guest_phys_blocks_init");
	void (*append)(struct block_list *) =
	    (void (*)(struct block_list *))dlsym(RTLD_DEFAULT, "guest_phys_blocks_append");
	void (*done)(struct block_list *) =
	    (void (*)(struct block_list *))dlsym(RTLD_DEFAULT, "guest_phys_blocks_free");
	bool (*locked)(void) = (bool (*)(void))dlsym(RTLD_DEFAULT, "bql_locked");
	struct {
		struct block_list list;
		uint64_t slack[4]; // should the structure have grown
	} l;

	memset(&l, 0, sizeof(l));
	ret->count = 0;
	if (!init || !append || !done || !locked || !locked())
		return false;
	init(&l.list);
	append(&l.list);
	struct block *b = l.list.first;
	for (unsigned i = 0; b && i < l.list.count && ret->count < DV_CTL_RANGES; i++, b = b->next) {
		if (b->start >= b->end || !b->host || !is_main_memory(b->host))
			continue;
		hold(b->region);
		ret->r[ret->count++] = (struct dv_ctl_range){b->start, b->end - b->start, (uint64_t)(uintptr_t)b->host};
	}
	done(&l.list);
	return ret->count > 0;
}

bool dv_ram_guess(unsigned i, struct dv_ram *ret)
{
	// Most RAM below 4 GiB that a machine has when it has more than that: q35, pc, and their max-ram-below-4g.
	static const uint64_t low[] = {2048, 3072, 3584, 2816, 1024};
	const unsigned kinds = sizeof(low) / sizeof(low[0]);
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned long long from, to;
		char perm[8];
		if (sscanf(line, "%llx-%llx %7s", &from, &to, perm) != 3 || strncmp(perm, "rw", 2) != 0 ||
		    to - from < 32u << 20)
			continue;
		if (n++ != i / kinds)
			continue;
		uint64_t size = to - from, split = low[i % kinds] << 20;
		*ret = (struct dv_ram){.count = 1, .r = {{0, size, from}}};
		if (size > split) {
			ret->count = 2;
			ret->r[0].size = split;
			ret->r[1] = (struct dv_ctl_range){1ull << 32, size - split, from + split};
		}
		found = true;
	}
	fclose(f);
	return found;
}

bool dv_ram_read(const struct dv_ram *ram, uint64_t pa, void *dst, uint64_t size)
{
	for (uint32_t i = 0; i < ram->count; i++) {
		uint64_t off = pa - ram->r[i].gpa;
		if (off >= ram->r[i].size || size > ram->r[i].size - off)
			continue;
		const void *src = (const void *)(uintptr_t)(ram->r[i].hva + off);
		if (size == 8)
			memcpy(dst, src, 8);
		else if (size == 4)
			memcpy(dst, src, 4);
		else
			memcpy(dst, src, size);
		return true;
	}
	return false;
}

static bool read_phys(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	return dv_ram_read(ctx, gpa, dst, size);
}

bool dv_ram_phys(void *ctx, uint64_t gpa, void *dst, size_t size)
{
	return g.ram && dv_ram_read(g.ram, gpa, dst, size);
}

bool dv_ram_check(const struct dv_ram *ram, uint64_t cr3, bool la57, const uint64_t *va, unsigned count)
{
	struct dv_phys phys = {read_phys, (void *)ram};
	GByteArray *theirs = g_byte_array_sized_new(64);
	uint8_t ours[64];
	unsigned equal = 0;

	for (unsigned i = 0; i < count && theirs; i++) {
		uint64_t at = va[i] & ~63ull, pa, left;
		// The guest's other vCPUs run on: a difference may be one of theirs, so look again.
		for (int tries = 0;; tries++) {
			if (!qemu_plugin_read_memory_vaddr(at, theirs, sizeof(ours)) || theirs->len < sizeof(ours))
				break; // not mapped: says nothing
			if (dv_walk(&phys, cr3 & 0x000ffffffffff000ull, la57, at, &pa, &left) &&
			    dv_ram_read(ram, pa, ours, sizeof(ours)) && memcmp(ours, theirs->data, sizeof(ours)) == 0) {
				equal++;
				break;
			}
			if (tries == 4) {
				g_byte_array_free(theirs, TRUE);
				return false;
			}
		}
	}
	if (theirs)
		g_byte_array_free(theirs, TRUE);
	return equal > 0;
}
