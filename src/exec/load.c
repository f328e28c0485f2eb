/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking in a load image. The bytes may come from anybody who can reach the control socket, and may change under our
 * eyes (a shared memory object), so they are copied once and only the copy is looked at. What the checks below
 * leave unchecked is data whose every value is harmless: addresses, probe ids, the guest's layout.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "code/bytecode.h"
#include "exec/exec.h"

// Enough for every function of a kernel, entry and return; small enough that checking takes well under a second.
#define IMAGE_MAX     (64u << 20)
#define SITES_MAX     200000u
#define ECBS_MAX      1000000u
#define PROGS_MAX     200000u
#define INSNS_MAX     1000000u
#define SYSRETS_MAX   8192u
#define ADDRS_MAX     64u
#define SITE_ECBS_MAX 4096u
#define TEXT_MAX      (16u << 20)
#define ORCS_MAX      8192u
#define TEXT_LIMIT(i) ((i)->text_size ? (i)->text_size : 1)

struct loader {
	uint64_t size;
	char *msg;
	size_t msg_size;
};

static bool refuse(struct loader *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct loader *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->msg, c->msg_size, fmt, ap);
	va_end(ap);
	return false;
}

static bool table(struct loader *c, const char *what, uint64_t off, uint64_t count, uint64_t elem, uint64_t max)
{
	if (count > max)
		return refuse(c, "load image: %llu %s, more than %llu", (unsigned long long)count, what,
		              (unsigned long long)max);
	if (off % 8)
		return refuse(c, "load image: table of %s is not aligned", what);
	if (count && (off < sizeof(struct dv_load_image) || off > c->size || count * elem > c->size - off))
		return refuse(c, "load image: table of %s is out of range", what);
	return true;
}

static bool slice(uint64_t first, uint64_t count, uint64_t of)
{
	return first <= of && count <= of - first;
}

static bool check_header(struct loader *c, const struct dv_load_image *img, const struct dv_region_hdr *hdr)
{
	if (img->magic != DV_LOAD_MAGIC)
		return refuse(c, "load image: wrong magic number");
	if (img->version != DV_LOAD_VERSION)
		return refuse(c, "load image: version %u, this is for version %u", img->version, DV_LOAD_VERSION);
	if (img->size != c->size)
		return refuse(c, "load image: says it has %llu bytes, has %llu", (unsigned long long)img->size,
		              (unsigned long long)c->size);
	if (img->machine >= DV_MACH_MAX)
		return refuse(c, "load image: machine %u", img->machine);
	if (!slice(img->prod, img->prod_count, hdr->prod_count) || !slice(img->prod, img->prod_count, DV_PROD_MAX))
		return refuse(c, "load image: producers %u and %u more are not in the region", img->prod, img->prod_count);
	return table(c, "sites", img->site_off, img->site_count, sizeof(struct dv_load_site), SITES_MAX) &&
	       table(c, "enabled clauses", img->ecb_off, img->ecb_count, sizeof(struct dv_load_ecb), ECBS_MAX) &&
	       table(c, "programs", img->prog_off, img->prog_count, sizeof(struct dv_load_prog), PROGS_MAX) &&
	       table(c, "instructions", img->insn_off, img->insn_count, sizeof(struct dv_insn), INSNS_MAX) &&
	       table(c, "system calls", img->sysret_off, img->sysret_count, sizeof(struct dv_load_sysret), SYSRETS_MAX) &&
	       table(c, "return addresses", img->sysret_addr_off, img->sysret_addr_count, sizeof(uint64_t), ADDRS_MAX) &&
	       table(c, "unwind tables", img->orc_off, img->orc_count, sizeof(struct dv_load_orc), ORCS_MAX) &&
	       table(c, "texts", img->text_off, img->text_size, 1, TEXT_MAX);
}

static bool check_tables(struct loader *c, const struct dv_loaded *l)
{
	const struct dv_load_image *img = l->img;

	if (img->text_size && l->texts[img->text_size - 1])
		return refuse(c, "load image: the texts do not end");
	for (uint32_t i = 0; i < img->site_count; i++) {
		const struct dv_load_site *s = &l->sites[i];

		if (s->kind >= DV_SITE_KINDS || s->args >= DV_ARGS_KINDS)
			return refuse(c, "load image: site %u: kind %u, arguments %u", i, s->kind, s->args);
		if (s->target >= TEXT_LIMIT(img) || s->spec >= TEXT_LIMIT(img) || s->label >= TEXT_LIMIT(img))
			return refuse(c, "load image: site %u: texts at %u, %u and %u", i, s->target, s->spec, s->label);
		if (s->addr + s->size < s->addr)
			return refuse(c, "load image: site %u: wraps around", i);
		if (!slice(s->ecb, s->ecb_count, img->ecb_count) || s->ecb_count > SITE_ECBS_MAX)
			return refuse(c, "load image: site %u: clauses %u and %u more", i, s->ecb, s->ecb_count);
	}
	for (uint32_t i = 0; i < img->ecb_count; i++) {
		if (l->ecbs[i].prog >= img->prog_count)
			return refuse(c, "load image: enabled clause %u: program %u", i, l->ecbs[i].prog);
		if (l->ecbs[i].epid == DV_EPID_PAD)
			return refuse(c, "load image: enabled clause %u: reserved id", i);
	}
	if (!slice(img->error_ecb, img->error_ecb_count, img->ecb_count) || img->error_ecb_count > SITE_ECBS_MAX)
		return refuse(c, "load image: clauses of ERROR %u and %u more", img->error_ecb, img->error_ecb_count);
	for (uint32_t i = 0; i < img->sysret_count; i++)
		if (l->sysrets[i].site >= img->site_count || l->sites[l->sysrets[i].site].kind != DV_SITE_SYSRET)
			return refuse(c, "load image: system call %u: site %u", l->sysrets[i].nr, l->sysrets[i].site);
	for (uint32_t i = 0; i < img->orc_count; i++)
		if (l->orcs[i].lo >= l->orcs[i].hi || (i && l->orcs[i].lo < l->orcs[i - 1].hi))
			return refuse(c, "load image: unwind table %u: from 0x%llx to 0x%llx", i,
				      (unsigned long long)l->orcs[i].lo, (unsigned long long)l->orcs[i].hi);
	return true;
}

static bool check_programs(struct loader *c, const struct dv_loaded *l)
{
	const struct dv_load_image *img = l->img;
	uint64_t total = 0;

	for (uint32_t i = 0; i < img->prog_count; i++) {
		const struct dv_load_prog *p = &l->progs[i];
		char why[96];

		if (!slice(p->insn, p->insn_count, img->insn_count))
			return refuse(c, "load image: program %u: instructions %u and %u more", i, p->insn, p->insn_count);
		// Programs may share instructions, but not so as to keep the verifier busy for ever.
		total += p->insn_count;
		if (total > INSNS_MAX)
			return refuse(c, "load image: more than %u instructions in all programs", INSNS_MAX);
		if (!dv_verify(l->insns + p->insn, p->insn_count, why, sizeof(why)))
			return refuse(c, "load image: program %u: %s", i, why);
	}
	return true;
}

struct order {
	uint64_t key;
	uint32_t from;
};

static int by_key(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

// Sort sites by address, those with equal addresses staying in their order, and adjust what names them.
static bool sort_sites(struct loader *c, struct dv_load_site *sites, uint32_t count, struct dv_load_sysret *sysrets,
                       uint32_t sysret_count)
{
	struct dv_load_site *sorted;
	struct order *order;
	uint32_t *moved, i;

	for (i = 1; i < count && sites[i - 1].addr <= sites[i].addr; i++)
		;
	if (i >= count)
		return true;
	sorted = malloc(count * sizeof(*sorted));
	order = malloc(count * sizeof(*order));
	moved = malloc(count * sizeof(*moved));
	if (sorted && order && moved) {
		for (i = 0; i < count; i++)
			order[i] = (struct order){sites[i].addr, i};
		qsort(order, count, sizeof(*order), by_key);
		for (i = 0; i < count; i++) {
			sorted[i] = sites[order[i].from];
			moved[order[i].from] = i;
		}
		memcpy(sites, sorted, count * sizeof(*sites));
		for (i = 0; i < sysret_count; i++)
			sysrets[i].site = moved[sysrets[i].site];
	}
	i = sorted && order && moved;
	free(sorted);
	free(order);
	free(moved);
	return i ? true : refuse(c, "out of memory");
}

static int by_sysret(const void *a, const void *b)
{
	const struct dv_load_sysret *x = a, *y = b;

	if (x->compat != y->compat)
		return x->compat < y->compat ? -1 : 1;
	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

static int by_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t serial;

struct dv_loaded *dv_loaded_create(const void *bytes, size_t size, const struct dv_region_hdr *hdr, char *msg,
                                   size_t msg_size)
{
	struct loader c = {.size = size, .msg = msg, .msg_size = msg_size};
	struct dv_loaded *l;
	char *copy;

	if (size < sizeof(struct dv_load_image)) {
		refuse(&c, "load image: %zu bytes are too few", size);
		return NULL;
	}
	if (size > IMAGE_MAX) {
		refuse(&c, "load image: %zu bytes are too many", size);
		return NULL;
	}
	l = malloc(sizeof(*l));
	copy = malloc(size);
	if (!l || !copy) {
		free(l);
		free(copy);
		refuse(&c, "out of memory");
		return NULL;
	}
	memcpy(copy, bytes, size);
	l->img = (const struct dv_load_image *)copy;
	if (!check_header(&c, l->img, hdr))
		goto refused;
	// An empty table's offset may be anything; its pointer must still be one.
#define AT(off, count) ((count) ? copy + (off) : copy)
	l->serial = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
	l->sites = (void *)AT(l->img->site_off, l->img->site_count);
	l->ecbs = (void *)AT(l->img->ecb_off, l->img->ecb_count);
	l->progs = (void *)AT(l->img->prog_off, l->img->prog_count);
	l->insns = (void *)AT(l->img->insn_off, l->img->insn_count);
	l->sysrets = (void *)AT(l->img->sysret_off, l->img->sysret_count);
	l->sysret_addrs = (void *)AT(l->img->sysret_addr_off, l->img->sysret_addr_count);
	l->orcs = (void *)AT(l->img->orc_off, l->img->orc_count);
	l->texts = l->img->text_size ? (const char *)copy + l->img->text_off : "";
#undef AT
	if (!check_tables(&c, l))
		goto refused;
	// Sorting writes to the tables: were they to overlap with others, those would change after their check.
	if (!sort_sites(&c, (void *)l->sites, l->img->site_count, (void *)l->sysrets, l->img->sysret_count))
		goto refused;
	qsort((void *)l->sysrets, l->img->sysret_count, sizeof(*l->sysrets), by_sysret);
	qsort((void *)l->sysret_addrs, l->img->sysret_addr_count, sizeof(*l->sysret_addrs), by_addr);
	if (!check_tables(&c, l) || !check_programs(&c, l))
		goto refused;
	return l;
refused:
	free(copy);
	free(l);
	return NULL;
}

void dv_loaded_destroy(struct dv_loaded *l)
{
	if (!l)
		return;
	free((void *)l->img);
	free(l);
}
