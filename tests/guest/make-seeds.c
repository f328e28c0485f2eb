/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the seeds of fuzz_kallsyms and fuzz_btf into FOLDER/kallsyms and FOLDER/btf. */
#include <sys/stat.h>

#include "synth.h"

#define BASE 0xffffffff81000000ULL // as fuzz_kallsyms.c has it

static void save(const char *dir, const char *sub, const char *name, const uint8_t *p, size_t n)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, name);
	f = fopen(path, "wb");
	if (!f || fwrite(p, 1, n, f) != n || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void kallsyms(const char *dir)
{
	static struct synth_sym s[900];
	static char names[900][16];

	for (unsigned i = 0; i < DV_COUNT(s); i++) {
		snprintf(names[i], sizeof(names[i]), "T%c%u", 'a' + i % 26, i % 10);
		s[i] = (struct synth_sym){BASE + i * 16, names[i]};
	}
	for (int order = SYNTH_OLD; order <= SYNTH_NEW; order++) {
		int last = order == SYNTH_NEW ? DV_KALLSYMS_PLACE : DV_KALLSYMS_PERCPU;

		for (int mode = DV_KALLSYMS_ABSOLUTE; mode <= last; mode++) {
			struct buf b = {0};
			char name[32];

			synth_kallsyms(&b, s, DV_COUNT(s), order, mode, BASE);
			snprintf(name, sizeof(name), "order%d-mode%d", order, mode);
			save(dir, "kallsyms", name, b.p, b.n);
			free(b.p);
		}
	}
}

static void btf(const char *dir)
{
	struct synth_btf b;
	uint32_t i, s, e;
	uint8_t *p;
	size_t n;

	synth_btf_init(&b, NULL);
	i = synth_int(&b, "int", 4, true);
	s = synth_type(&b, DV_BTF_STRUCT, "pair", 3, true, 16);
	synth_member(&b, "a", i, 0);
	synth_member(&b, "x", i, 32 | 3u << 24);
	synth_member(&b, NULL, s + 2, 64);
	synth_type(&b, DV_BTF_PTR, NULL, 0, false, s);
	synth_type(&b, DV_BTF_UNION, NULL, 1, false, 8);
	synth_member(&b, "p", s + 1, 0);
	synth_array(&b, i, i, 4);
	synth_type(&b, DV_BTF_TYPEDEF, "pair_t", 0, false, s);
	synth_type(&b, DV_BTF_CONST, NULL, 0, false, s + 4);
	e = synth_type(&b, DV_BTF_ENUM, "color", 1, false, 4);
	put32(&b.types, synth_str(&b, "RED"));
	put32(&b.types, 1);
	synth_type(&b, DV_BTF_ENUM64, "wide", 1, false, 8);
	put32(&b.types, synth_str(&b, "W"));
	put64(&b.types, 1ULL << 40);
	synth_type(&b, DV_BTF_FUNC_PROTO, NULL, 2, false, e);
	put32(&b.types, synth_str(&b, "p"));
	put32(&b.types, s + 1);
	put64(&b.types, 0);
	synth_type(&b, DV_BTF_FUNC, "frob", 1, false, b.next - 1);
	synth_type(&b, DV_BTF_VAR, "v", 0, false, s);
	put32(&b.types, 1);
	synth_type(&b, DV_BTF_DATASEC, ".data", 1, false, 16);
	put32(&b.types, b.next - 2);
	put64(&b.types, 16ULL << 32);
	synth_type(&b, DV_BTF_FLOAT, "double", 0, false, 8);
	synth_type(&b, DV_BTF_DECL_TAG, "tag", 0, false, s);
	put32(&b.types, -1);
	synth_type(&b, DV_BTF_TYPE_TAG, "user", 0, false, i);
	synth_type(&b, DV_BTF_FWD, "later", 0, false, 0);
	p = synth_btf_done(&b, &n);
	save(dir, "btf", "kinds", p, n);
	free(p);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make-seeds FOLDER\n");
		return 2;
	}
	mkdir(argv[1], 0777);
	kallsyms(argv[1]);
	btf(argv[1]);
	return 0;
}
