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
	CHECK(!dv_options_set(&o, "bufpolicy", "block", true) && o.policy == DV_OPT_BLOCK);
	CHECK(!dv_options_set(&o, "bufpolicy", "ring", true) && o.policy == DV_OPT_RING);
	CHECK(!dv_options_set(&o, "bufpolicy", "fill", true) && o.policy == DV_OPT_FILL);
	CHECK(!dv_options_set(&o, "nspec", "4", true) && o.nspec == 4);
	CHECK(!dv_options_set(&o, "specsize", "64k", true) && o.specsize == 65536);
	CHECK(o.cpu == UINT64_MAX && !dv_options_set(&o, "cpu", "0", true) && !o.cpu);
	CHECK(!dv_options_set(&o, "encoding", "utf8", true) && o.encoding == DV_OPT_UTF8);
	CHECK(!dv_options_set(&o, "agghist", NULL, true) && o.agghist);
	CHECK_EQ(dv_options_kind("quiet"), DV_OPTION_DYNAMIC);
	CHECK_EQ(dv_options_kind("bufsize"), DV_OPTION_FIXED);
	CHECK_EQ(dv_options_kind("Nixon"), DV_OPTION_NONE);
	CHECK(!dv_options_set(&o, "cleanrate", "101hz", true));
	refused(&o, "nspec", "300", "too large");
	refused(&o, "nspec", "-4", "invalid value");
	refused(&o, "specsize", "100m5", "invalid value");
	refused(&o, "encoding", "latin1", "unknown encoding");
	refused(&o, "grabanon", NULL, "there is no anonymous tracing");
	refused(&o, "linkmode", "kernel", "not made into object files");
	refused(&o, "define", "A=1", "for the command line");
	refused(&o, "aggpercpu", NULL, "make cpu a key");
	refused(&o, "version", "2.1", "this is D 2.0");
	refused(&o, "version", "two", "invalid value");
	refused(&o, "version", NULL, "invalid value");
	CHECK(!dv_options_set(&o, "version", "1.6.1", true));
	CHECK(!dv_options_set(&o, "pspec", NULL, true) && o.pspec);
	refused(&o, "bufsiez", "4", "unknown option");
	refused(&o, "bufsize", NULL, "needs a value");
	refused(&o, "bufsize", "many", "invalid value");
	refused(&o, "strsize", "1", "too small");
	refused(&o, "strsize", "1g", "too large");
	refused(&o, "quiet", "maybe", "on or off");
	refused(&o, "bufpolicy", "x", "unknown buffer policy");
	return test_done();
}
