/* SPDX-License-Identifier: GPL-2.0-or-later */
// Bytes as a load image: taken in or refused. What is taken in is fired.
#include "../exec/setup.h"

static struct setup s;
static void *pristine;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dv_load_image *img;
	struct dv_loaded *l;
	const char *why;
	char msg[128];

	if (!pristine) {
		setup_region(&s, 0, 4096);
		pristine = malloc(s.size);
		REQUIRE(pristine);
		memcpy(pristine, s.region, s.size);
	}
	img = malloc(size ? size : 1);
	REQUIRE(img);
	memcpy(img, data, size);
	if (size >= sizeof(*img)) { // what a mutation would never get right
		img->magic = DV_LOAD_MAGIC;
		img->version = DV_LOAD_VERSION;
		img->size = size;
	}
	memcpy(s.region, pristine, s.size);
	l = dv_loaded_create(img, size, s.region, msg, sizeof(msg));
	free(img);
	if (!l)
		return 0;
	for (uint32_t p = l->img->prod; p < l->img->prod + l->img->prod_count; p++) {
		if (!dv_exec_init(&s.x, s.region, s.size, p, l, &why))
			continue;
		for (uint32_t i = 0; i < l->img->site_count && i < 8; i++)
			dv_exec_fire(&s.x, &s.fake.place, &l->sites[i]);
	}
	for (uint32_t i = 1; i < l->img->site_count; i++)
		if (l->sites[i - 1].addr > l->sites[i].addr)
			abort();
	dv_loaded_destroy(l);
	return 0;
}
