/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_GUEST_PRIV_H
#define DV_GUEST_PRIV_H
/**
 * What the files of this folder share. Nobody else includes it, except this folder's tests and fuzzers.
 */
#include "guest/btf.h"
#include "guest/guest.h"
#include "guest/kallsyms.h"
#include "guest/symtab.h"

#define DV_PTE_PRESENT 1ULL
#define DV_PTE_LARGE   0x80ULL
#define DV_PTE_ADDR    0x000ffffffffff000ULL
#define DV_CR4_LA57    (1ULL << 12)

static inline bool dv_canonical(uint64_t va, bool la57)
{
	int64_t top = (int64_t)va >> (la57 ? 56 : 47);

	return top == 0 || top == -1;
}

/** Where the kernel's image is mapped: one physically contiguous piece. */
struct dv_image {
	uint64_t va, pa, size;
	uint64_t cr3; /**< page tables that showed it */
};
#define DV_IMAGE_MAX (512ULL << 20)
struct dv_error *dv_image_find(const struct dv_phys *phys, const struct dv_guest_regs *regs,
			       struct dv_image *ret) DV_MUST_USE;
/** Copy of [off, off + size) of the image; what cannot be read is zero. NULL: out of the image. */
uint8_t *dv_image_copy(const struct dv_phys *phys, const struct dv_image *img, uint64_t off, uint64_t size);

/** Where things are in a kernel's image, as offsets from its start: all that the cache keeps. */
struct dv_where {
	struct dv_kallsyms_loc kallsyms;
	uint64_t btf, btf_size;       /**< 0: none */
	uint64_t build_id;            /**< of the id's bytes */
	uint32_t build_id_size;
	uint32_t pad;
};
#define DV_BUILD_ID_MAX 32
/** A cached description whose build id is where it says. *id, *id_size: that build id. */
bool dv_cache_load(const char *dir, const struct dv_phys *phys, const struct dv_image *img, struct dv_where *ret);
void dv_cache_store(const char *dir, const struct dv_where *w, const uint8_t *id);
void dv_cache_forget(const char *dir, const uint8_t *id, uint32_t size);
void dv_hex(char *dst, const uint8_t *src, size_t size);

/** One loaded module, as the guest's own structures tell it. */
struct dv_kmod {
	char name[64];
	uint64_t addr;         /**< struct module */
	uint64_t base, size;   /**< text */
	struct dv_symtab syms; /**< .module of them is not set, no hash */
	struct dv_btf *btf;    /**< owned by the guest's type set; NULL: none */
	uint64_t orc_ips, orc_entries; /**< unwind tables, as struct dv_load_orc has them */
	uint32_t orc_count;
	unsigned gone;         /**< when it went: dv_guest::changes */
};

struct dv_guest {
	char *root;                   /**< the kernel that dvirt runs on (local.c): prefix of /proc and /sys; NULL: not it */
	struct dv_phys phys;
	struct dv_image image;
	struct dv_guest_layout layout;
	struct dv_where where;
	char release[80], banner[512], build_id[2 * DV_BUILD_ID_MAX + 1];
	uint64_t banner_va;
	uint8_t id[DV_BUILD_ID_MAX];
	bool from_cache, panicked;
	uint64_t ticks;               /**< jiffies_64 when it was last looked at */
	char *no_types;
	struct dv_types *types;       /**< NULL: no BTF */
	struct dv_universe *universe;

	struct dv_symtab kernel;      /**< vmlinux; the array is the start of all's once that is there */
	DV_VEC(struct dv_kmod *) mods;
	DV_VEC(struct dv_kmod *) dead; /**< unloaded or replaced: their names are still pointed to */
	DV_VEC(struct dv_module) list; /**< of the API; [0] is vmlinux */
	DV_VEC(struct dv_load_orc) orcs;
	struct dv_symtab all;         /**< vmlinux and then modules */
	struct dv_symtab loaded;      /**< the modules' part of it, with a hash of its own */
	struct dv_symbol *old[8];     /**< arrays of earlier module lists, for pointers that callers hold */
	unsigned old_next, changes;
};

/** Read kernel memory. */
static inline bool dv_guest_read(const struct dv_guest *g, uint64_t va, void *dst, size_t size)
{
	return dv_guest_read_va(&g->phys, &g->layout, g->image.cr3, va, dst, size);
}
/** Address of a symbol of vmlinux; 0: none. */
uint64_t dv_guest_addr(const struct dv_guest *g, const char *name);

/** Everything of the layout that symbols and BTF tell. */
void dv_layout_fill(struct dv_guest *g, const struct dv_guest_regs *regs);
/** Read the module list into g->mods; *changed as in dv_guest_refresh_modules(). */
struct dv_error *dv_modules_read(struct dv_guest *g, bool *changed) DV_MUST_USE;
void dv_kmod_destroy(struct dv_kmod *m);
/** dv_guest_open_local() with another place for /proc and /sys: @p root is put before their paths. */
struct dv_error *dv_guest_open_local_at(const char *root, uint32_t universe, struct dv_guest **ret) DV_MUST_USE;
/** dv_modules_read() of the kernel that dvirt runs on. */
struct dv_error *dv_local_modules(struct dv_guest *g, bool *changed) DV_MUST_USE;
struct dv_error *dv_local_tasks(struct dv_guest *g, dv_task_fn *fn, void *ctx) DV_MUST_USE;
/** Take the build id out of ELF notes, into g->id and g->build_id; its offset in @p notes, or -1. */
int64_t dv_notes_build_id(struct dv_guest *g, const uint8_t *notes, size_t size, uint32_t *id_size);
/** Take in vmlinux's BTF (malloc'ed, becomes owned). NULL: g->no_types says why. */
struct dv_btf *dv_guest_take_btf(struct dv_guest *g, uint8_t *data, size_t size);
void dv_guest_set_types(struct dv_guest *g, struct dv_btf *b);
/** How entries of unwind tables read; size 0: not known. */
void dv_orc_format(const struct dv_btf *b, struct dv_orc_format *ret);
/** Fill g->orcs by symbols and modules. */
void dv_orc_tables(struct dv_guest *g);
/** Put vmlinux's and the modules' symbols into g->all. */
void dv_guest_join_symbols(struct dv_guest *g);

#endif
