// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/test.h"
#include "tracer/options.h"

static void refused(struct dv_options *o, const char *name, const char *value, const char *part)
{
	struct dv_error *e = dv_options_set(o, name, value, true);

	CHECK(e);
	if (!e)
		return;
	if (!strstr(e->msg, part))
		fprintf(stderr, "message: %s\n", e->msg);
	CHECK(strstr(e->msg, part));
	dv_error_destroy(e);
}

int main(void)
{
	struct dv_options o;
	uint64_t n;

	CHECK(dv_parse_size("4k", &n) && n == 4096);
	CHECK(dv_parse_size("2M", &n) && n == 2 << 20);
	CHECK(dv_parse_size("1gb", &n) && n == 1ull << 30);
	CHECK(dv_parse_size("0x100", &n) && n == 256);
	CHECK(!dv_parse_size("", &n));
	CHECK(!dv_parse_size("-1", &n));
	CHECK(!dv_parse_size("4x", &n));
	CHECK(!dv_parse_size("99999999999t", &n));
	CHECK(dv_parse_rate("10hz", &n) && n == 100000000);
	CHECK(dv_parse_rate("250ms", &n) && n == 250000000);
	CHECK(dv_parse_rate("2sec", &n) && n == 2000000000);
	CHECK(dv_parse_rate("500", &n) && n == 500);
	CHECK(!dv_parse_rate("0hz", &n));
	CHECK(!dv_parse_rate("1fortnight", &n));

	dv_options_init(&o);
	CHECK_EQ(o.strsize, 256);
	CHECK(!dv_options_set(&o, "quiet", NULL, true) && o.quiet);
	CHECK(!dv_options_set(&o, "zdefs", "off", true) && !o.zdefs);
	CHECK(!dv_options_set(&o, "bufsize", "64k", false) && o.bufsize == 65536);
	CHECK(!dv_options_set(&o, "bufsize", "128k", true) && o.bufsize == 131072);
	CHECK(!dv_options_set(&o, "bufsize", "64k", false) && o.bufsize == 131072); // the command line wins
	CHECK(!dv_options_set(&o, "bufpolicy", "block", true) && o.block);
	CHECK(!dv_options_set(&o, "cleanrate", "101hz", true));
	refused(&o, "nspec", "4", "not supported yet");
	refused(&o, "bufsiez", "4", "unknown option");
	refused(&o, "bufsize", NULL, "needs a value");
	refused(&o, "bufsize", "many", "invalid value");
	refused(&o, "strsize", "1", "too small");
	refused(&o, "strsize", "1g", "too large");
	refused(&o, "quiet", "maybe", "on or off");
	refused(&o, "bufpolicy", "ring", "not supported yet");
	refused(&o, "bufpolicy", "x", "unknown buffer policy");
	return test_done();
}
