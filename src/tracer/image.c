// SPDX-License-Identifier: GPL-2.0-or-later
//
// The load image: what compile.c planned for a machine, as the flat block of abi/load.h.
#include "tracer/impl.h"

#include <string.h>

static const char *text(const char *s)
{
	return s ? s : "";
}

// Plans of one place come together, in the script's order.
static int by_site(const void *a, const void *b)
{
	const struct dv_plan *x = a, *y = b;
	const struct dv_probe *p = &x->probe, *q = &y->probe;
	int c;

	if (p->addr != q->addr)
		return p->addr < q->addr ? -1 : 1;
	if (p->kind != q->kind)
		return p->kind < q->kind ? -1 : 1;
	if (p->id != q->id)
		return p->id < q->id ? -1 : 1;
	if (p->compat != q->compat)
		return p->compat ? 1 : -1;
	if (p->sysnr != q->sysnr)
		return p->sysnr < q->sysnr ? -1 : 1;
	if (p->detail != q->detail)
		return p->detail < q->detail ? -1 : 1;
	if (p->pid != q->pid)
		return p->pid < q->pid ? -1 : 1;
	if (text(p->target) != text(q->target) && (c = strcmp(text(p->target), text(q->target))))
		return c;
	return (x->order > y->order) - (x->order < y->order);
}

static bool same_site(const struct dv_probe *p, const struct dv_probe *q)
{
	return p->addr == q->addr && p->kind == q->kind && p->id == q->id && p->sysnr == q->sysnr &&
	       p->compat == q->compat && p->detail == q->detail && p->pid == q->pid &&
	       !strcmp(text(p->target), text(q->target));
}

static uint32_t intern(struct dv_tracer *t, const char *s)
{
	size_t len = strlen(s);

	return dv_consts_intern(t->consts, s, len < t->opts.strsize ? len : t->opts.strsize - 1);
}

static uint32_t align8(uint64_t n)
{
	return (uint32_t)((n + 7) & ~7ULL);
}

// The image's texts. Sites of one target come one after another, and share it.
enum { TARGET, SPEC, LABEL, TEXT_KINDS };
struct texts {
	DV_VEC(char) v;
	uint32_t last[TEXT_KINDS];
};

static uint32_t add_text(struct texts *t, int kind, const char *s)
{
	size_t n = s ? strlen(s) + 1 : 0;

	if (!n)
		return 0;
	if (!t->v.count)
		*DV_PUSH(&t->v) = '\0';
	if (!t->last[kind] || strcmp(t->v.data + t->last[kind], s)) {
		t->last[kind] = (uint32_t)t->v.count;
		for (size_t i = 0; i < n; i++)
			*DV_PUSH(&t->v) = s[i];
	}
	return t->last[kind];
}

// What a place in a user program is called: its target is only the file.
static uint32_t add_label(struct texts *t, const struct dv_probe *p)
{
	char label[256];

	if (p->kind != DV_SITE_UPROBE && p->kind != DV_SITE_URETPROBE)
		return 0;
	snprintf(label, sizeof(label), "%s:%s", text(p->func), text(p->name));
	return add_text(t, LABEL, label);
}

void *dv_image_build(struct dv_tracer *t, struct dv_tmachine *tm, size_t *size)
{
	struct dv_load_image img = {
	    .magic = DV_LOAD_MAGIC,
	    .version = DV_LOAD_VERSION,
	    .machine = tm->index,
	    .prod = tm->prod,
	    .prod_count = tm->prod_count,
	};
	DV_VEC(struct dv_load_site) sites = {0};
	DV_VEC(struct dv_load_sysret) sysrets = {0};
	struct texts texts = {0};
	const struct dv_probe_machine *pm = NULL;
	const struct dv_load_orc *orcs = NULL;
	size_t n_orcs = 0;
	uint64_t total, insns = 0;
	uint8_t *block;
	struct dv_load_ecb *ecbs;
	struct dv_load_prog *progs;
	uint32_t n_ecbs = (uint32_t)(tm->plans.count + tm->errors.count), at = 0;

	if (tm->m && tm->m->guest) {
		pm = dv_probe_set_add(&t->probes, tm->m);
		img.layout = *dv_guest_layout(tm->m->guest);
		img.kernel = dv_symbols_kernel(t, tm);
		orcs = dv_guest_orcs(tm->m->guest, &n_orcs);
		memcpy(img.thunk, pm->thunk, sizeof(img.thunk));
	}
	if (tm->plans.count)
		qsort(tm->plans.data, tm->plans.count, sizeof(tm->plans.data[0]), by_site);
	for (size_t i = 0; i < tm->progs.count; i++) {
		insns += tm->progs.data[i]->insn_count;
		img.flags |= tm->progs.data[i]->vtime ? DV_LOAD_VTIME : 0;
	}

	ecbs = dv_xcalloc(n_ecbs ? n_ecbs : 1, sizeof(*ecbs));
	for (size_t i = 0; i < tm->plans.count; i++) {
		const struct dv_plan *p = &tm->plans.data[i];
		struct dv_load_site *s;

		if (!i || !same_site(&p->probe, &p[-1].probe)) {
			s = DV_PUSH(&sites);
			s->addr = p->probe.addr;
			s->size = p->probe.size;
			s->kind = (uint16_t)p->probe.kind;
			s->args = (uint16_t)p->probe.args;
			s->probe = p->probe.id;
			s->ecb = at;
			s->detail = p->probe.detail;
			s->pid = p->probe.pid;
			memcpy(s->argmap, p->probe.argmap, sizeof(s->argmap));
			s->target = add_text(&texts, TARGET, p->probe.target);
			s->spec = add_text(&texts, SPEC, p->probe.spec);
			s->label = add_label(&texts, &p->probe);
			if (p->probe.kind == DV_SITE_SYSRET)
				*DV_PUSH(&sysrets) = (struct dv_load_sysret){
				    .nr = p->probe.sysnr,
				    .compat = p->probe.compat,
				    .site = (uint32_t)sites.count - 1,
				};
		}
		s = &sites.data[sites.count - 1];
		if (p->names && !s->name) {
			s->prov = intern(t, dv_probe_provname(&p->probe));
			s->mod = intern(t, p->probe.mod);
			s->func = intern(t, p->probe.func);
			s->name = intern(t, p->probe.name);
		}
		ecbs[at++] = (struct dv_load_ecb){.epid = p->epid, .prog = p->prog};
		s->ecb_count++;
	}
	img.error_ecb = at;
	img.error_ecb_count = (uint32_t)tm->errors.count;
	for (size_t i = 0; i < tm->errors.count; i++)
		ecbs[at++] = (struct dv_load_ecb){.epid = tm->errors.data[i].epid, .prog = tm->errors.data[i].prog};

	total = align8(sizeof(img));
	img.site_off = (uint32_t)total;
	img.site_count = (uint32_t)sites.count;
	total = align8(total + sites.count * sizeof(sites.data[0]));
	img.ecb_off = (uint32_t)total;
	img.ecb_count = n_ecbs;
	total = align8(total + n_ecbs * sizeof(*ecbs));
	img.prog_off = (uint32_t)total;
	img.prog_count = (uint32_t)tm->progs.count;
	total = align8(total + tm->progs.count * sizeof(*progs));
	img.insn_off = (uint32_t)total;
	img.insn_count = (uint32_t)insns;
	total = align8(total + insns * sizeof(struct dv_insn));
	img.sysret_off = (uint32_t)total;
	img.sysret_count = (uint32_t)sysrets.count;
	total = align8(total + sysrets.count * sizeof(sysrets.data[0]));
	img.sysret_addr_off = (uint32_t)total;
	img.sysret_addr_count = pm && sysrets.count ? (uint32_t)pm->sysret_addrs.count : 0;
	total = align8(total + img.sysret_addr_count * sizeof(uint64_t));
	img.orc_off = (uint32_t)total;
	img.orc_count = (uint32_t)n_orcs;
	total = align8(total + n_orcs * sizeof(*orcs));
	img.text_off = (uint32_t)total;
	img.text_size = (uint32_t)texts.v.count;
	total = align8(total + texts.v.count);
	img.size = total;

	block = dv_xcalloc(1, total);
	memcpy(block, &img, sizeof(img));
	if (sites.count)
		memcpy(block + img.site_off, sites.data, sites.count * sizeof(sites.data[0]));
	if (n_ecbs)
		memcpy(block + img.ecb_off, ecbs, n_ecbs * sizeof(*ecbs));
	progs = (struct dv_load_prog *)(block + img.prog_off);
	insns = 0;
	for (size_t i = 0; i < tm->progs.count; i++) {
		const struct dv_program *p = tm->progs.data[i];

		progs[i] = (struct dv_load_prog){.insn = (uint32_t)insns, .insn_count = p->insn_count};
		if (p->insn_count)
			memcpy(block + img.insn_off + insns * sizeof(struct dv_insn), p->insns,
			       p->insn_count * sizeof(struct dv_insn));
		insns += p->insn_count;
	}
	if (sysrets.count)
		memcpy(block + img.sysret_off, sysrets.data, sysrets.count * sizeof(sysrets.data[0]));
	if (img.sysret_addr_count)
		memcpy(block + img.sysret_addr_off, pm->sysret_addrs.data, img.sysret_addr_count * sizeof(uint64_t));
	if (n_orcs)
		memcpy(block + img.orc_off, orcs, n_orcs * sizeof(*orcs));
	if (texts.v.count)
		memcpy(block + img.text_off, texts.v.data, texts.v.count);
	DV_VEC_FREE(&texts.v);
	DV_VEC_FREE(&sites);
	DV_VEC_FREE(&sysrets);
	free(ecbs);
	*size = total;
	return block;
}
