/* SPDX-License-Identifier: GPL-2.0-or-later */
// Runs a fuzz harness without libFuzzer: over every file of the folders given, and over a fixed number of mutations of
// them (a fixed seed, so that a failure can be had again): 300, or as `-rounds=N` before the folders says.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t rng = 0x9e3779b97f4a7c15u;

static uint32_t next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 16);
}

static void mutate(const uint8_t *seed, size_t size, unsigned rounds)
{
	for (unsigned r = 0; r < rounds; r++) {
		size_t n = size;
		uint8_t *copy = malloc(size + 64);

		if (!copy)
			abort();
		memcpy(copy, seed, size);
		for (unsigned k = next() % 8 + 1; k && n; k--) {
			size_t at = next() % n;

			switch (next() % 5) {
			case 0: copy[at] ^= (uint8_t)(1u << next() % 8); break;
			case 1: copy[at] = (uint8_t)next(); break;
			case 2: n = at; break;
			case 3: memset(copy + at, next() % 2 ? 0xff : 0, n - at > 4 ? 4 : n - at); break;
			default: memmove(copy + at, copy + n / 2, n - (at > n / 2 ? at : n / 2)); break;
			}
		}
		// An exact-size block, so that the sanitizer sees a read past the end.
		uint8_t *exact = malloc(n ? n : 1);
		if (!exact)
			abort();
		memcpy(exact, copy, n);
		LLVMFuzzerTestOneInput(exact, n);
		free(exact);
		free(copy);
	}
}

int main(int argc, char **argv)
{
	unsigned files = 0, rounds = 300;

	for (int i = 1; i < argc; i++) {
		DIR *d;

		if (sscanf(argv[i], "-rounds=%u", &rounds) == 1)
			continue;
		d = opendir(argv[i]);

		for (struct dirent *e; d && (e = readdir(d));) {
			char path[4096];
			FILE *f;
			uint8_t *buf;
			size_t n;

			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			f = fopen(path, "rb");
			buf = malloc(1 << 20);
			if (!f || !buf) {
				fprintf(stderr, "cannot read '%s'\n", path);
				return 1;
			}
			n = fread(buf, 1, 1 << 20, f);
			fclose(f);
			LLVMFuzzerTestOneInput(buf, n);
			mutate(buf, n, rounds);
			free(buf);
			files++;
		}
		if (d)
			closedir(d);
	}
	fprintf(stderr, "%u seeds and their mutations\n", files);
	return files == 0;
}
