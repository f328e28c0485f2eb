// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of options: DTrace's names and meanings. Those that mean nothing here because their promise is kept anyway
// (no cleaning is needed, output is always in order) are taken and do nothing; those that stand for a feature that is
// not there are refused by name.
#include "tracer/options.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum kind { FLAG, SIZE, RATE, NUM, POLICY, RESIZE, TEXT, ENCODING, KEPT, VERSION, NEVER };

struct row {
	const char *name;
	enum kind kind;
	size_t off;
	uint64_t dflt, min, max;
	bool dynamic;    // setopt() may change it
	const char *why; // NEVER: the reason
};

#define DYNAMIC .dynamic = true
#define NO(text) NEVER, .why = text

#define F(n) offsetof(struct dv_options, n)
#define KB   1024ULL
#define MB   (1024 * KB)
#define MS   1000000ULL
#define DAY  86400000000000ULL

#define ALL_CPUS        UINT64_MAX
#define ON_COMMAND_LINE "it is for the command line, not for a script"
#define NO_CTF          "types come from the kernels' BTF"
#define OF_LIBDTRACE    "it is about DTrace's own insides"
#define ONE_CPP         "the preprocessor is the system's, whose __STDC__ is 1"
#define NO_OBJECTS      "programs are not made into object files (-G)"

static const struct row rows[] = {
	{ "bufsize", SIZE, F(bufsize), 4 * MB, 4 * KB, 1024 * MB },
	{ "aggsize", SIZE, F(aggsize), 1 * MB, 4 * KB, 512 * MB },
	{ "strsize", SIZE, F(strsize), 256, 8, 8 * KB },
	{ "statesize", SIZE, F(statesize), 0, 64 * KB, 2048 * MB },
	{ "dynvarsize", SIZE, F(dynvarsize), 4 * MB, 1 * KB, 1024 * MB },
	{ "scratchsize", SIZE, F(scratchsize), 32 * KB, 1 * KB, 16 * MB },
	{ "specsize", SIZE, F(specsize), 32 * KB, 256, 1024 * MB },
	{ "printsize", SIZE, F(printsize), 8 * KB, 1, 1024 * MB, DYNAMIC },
	{ "switchrate", RATE, F(switchrate), 50 * MS, 1 * MS, DAY, DYNAMIC },
	{ "aggrate", RATE, F(aggrate), 100 * MS, 1 * MS, DAY, DYNAMIC },
	{ "statusrate", RATE, F(statusrate), 1000 * MS, 1 * MS, DAY },
	{ "aggsortpos", NUM, F(aggsortpos), 0, 0, 255, DYNAMIC },
	{ "aggsortkeypos", NUM, F(aggsortkeypos), 0, 0, 15, DYNAMIC },
	{ "stackframes", NUM, F(stackframes), 20, 1, INT32_MAX },
	{ "ustackframes", NUM, F(ustackframes), 100, 1, INT32_MAX },
	{ "jstackframes", NUM, F(jstackframes), 50, 1, INT32_MAX },
	{ "maxframes", NUM, F(maxframes), 127, 1, INT32_MAX },
	{ "stackindent", NUM, F(stackindent), 14, 0, 1024, DYNAMIC },
	{ "nspec", NUM, F(nspec), 1, 0, 256 },
	{ "cpu", NUM, F(cpu), ALL_CPUS, 0, 65535 },
	{ "maxload", NUM, F(maxload), 80, 1, 100 },
	{ "bufpolicy", POLICY, F(policy), 0, 0, 0 },
	{ "bufresize", RESIZE, F(manual), 0, 0, 0 },
	{ "encoding", ENCODING, F(encoding), 0, 0, 0 },
	{ "sysroot", TEXT, F(sysroot), 0, 0, 0 },
	{ "quiet", FLAG, F(quiet), 0, 0, 0, DYNAMIC },
	{ "defaultargs", FLAG, F(defaultargs), 0, 0, 0 },
	{ "argref", FLAG, F(argref), 0, 0, 0 },
	{ "errtags", FLAG, F(errtags), 0, 0, 0 },
	{ "droptags", FLAG, F(droptags), 0, 0, 0 },
	{ "zdefs", FLAG, F(zdefs), 0, 0, 0 },
	{ "destructive", FLAG, F(destructive), 0, 0, 0 },
	{ "aggsortkey", FLAG, F(aggsortkey), 0, 0, 0, DYNAMIC },
	{ "aggsortrev", FLAG, F(aggsortrev), 0, 0, 0, DYNAMIC },
	{ "agghist", FLAG, F(agghist), 0, 0, 0, DYNAMIC },
	{ "aggpack", FLAG, F(aggpack), 0, 0, 0, DYNAMIC },
	{ "aggzoom", FLAG, F(aggzoom), 0, 0, 0, DYNAMIC },
	{ "flowindent", FLAG, F(flowindent), 0, 0, 0, DYNAMIC },
	{ "rawbytes", FLAG, F(rawbytes), 0, 0, 0, DYNAMIC },
	{ "quietresize", FLAG, F(quietresize), 0, 0, 0, DYNAMIC },
	{ "noresolve", FLAG, F(noresolve), 0, 0, 0 },
	{ "empty", FLAG, F(empty), 0, 0, 0 },
	{ "nolibs", FLAG, F(nolibs), 0, 0, 0 },
	{ "libdir", TEXT, F(libdir), 0, 0, 0 },
	{ "syslibdir", TEXT, F(syslibdir), 0, 0, 0 },
	// Kept by nature.
	{ "cleanrate", KEPT }, { "temporal", KEPT }, { "core", KEPT }, { "lockmem", KEPT },
	{ "preallocate", KEPT }, { "jstackstrsize", KEPT }, { "lazyload", KEPT }, { "pgmax", KEPT }, { "useruid", KEPT },
	{ "pspec", FLAG, F(pspec), 0, 0, 0 },
	{ "version", VERSION },
	{ "aggpercpu", NO("aggregations are kept for each CPU as it is; to see them so, make cpu a key: @[cpu]") },
	{ "amin", NO("no stability is computed that could be too low") },
	{ "stdc", NO(ONE_CPP) },
	// Of the preprocessor and the command: main() takes them from the command line, where the source is still to be read.
	{ "cpp", NO(ON_COMMAND_LINE) }, { "cpphdrs", NO(ON_COMMAND_LINE) }, { "cpppath", NO(ON_COMMAND_LINE) },
	{ "cppargs", NO(ON_COMMAND_LINE) }, { "define", NO(ON_COMMAND_LINE) }, { "undef", NO(ON_COMMAND_LINE) },
	{ "incdir", NO(ON_COMMAND_LINE) }, { "evaltime", NO(ON_COMMAND_LINE) },
	{ "setenv", NO("the command of -c has dvirt's own environment") },
	{ "unsetenv", NO("the command of -c has dvirt's own environment") },
	{ "grabanon", NO("there is no anonymous tracing") },
	{ "pcapsize", NO("packets are not captured") },
	{ "bpflog", NO("what the kernel's verifier says is shown when it refuses a program") },
	{ "bpflogsize", NO("what the kernel's verifier says is shown when it refuses a program") },
	{ "ctypes", NO(NO_CTF) }, { "dtypes", NO(NO_CTF) }, { "ctfpath", NO(NO_CTF) },
	{ "debug", NO(OF_LIBDTRACE) }, { "debugassert", NO(OF_LIBDTRACE) }, { "tree", NO(OF_LIBDTRACE) },
	{ "disasm", NO("-S shows the compiled code") }, { "verbose", NO("-S shows the compiled code") },
	{ "iregs", NO(OF_LIBDTRACE) }, { "tregs", NO(OF_LIBDTRACE) }, { "late", NO(OF_LIBDTRACE) },
	{ "modpath", NO("modules are found in each machine's kernel") },
	{ "procfspath", NO("processes are found in /proc") },
	{ "kdefs", NO(NO_OBJECTS) }, { "knodefs", NO(NO_OBJECTS) }, { "udefs", NO(NO_OBJECTS) },
	{ "unodefs", NO(NO_OBJECTS) }, { "ldpath", NO(NO_OBJECTS) }, { "dofstashpath", NO(NO_OBJECTS) },
	{ "sysslice", NO(NO_OBJECTS) }, { "linkmode", NO(NO_OBJECTS) }, { "linktype", NO(NO_OBJECTS) },
	{ "linknommap", NO(NO_OBJECTS) }, { "strip", NO(NO_OBJECTS) }, { "objcopypath", NO(NO_OBJECTS) },
};
_Static_assert(DV_COUNT(rows) <= 128, "a bit for each row");

void dv_options_init(struct dv_options *o)
{
	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < DV_COUNT(rows); i++)
		if (rows[i].kind == SIZE || rows[i].kind == RATE || rows[i].kind == NUM)
			*(uint64_t *)((char *)o + rows[i].off) = rows[i].dflt;
}

void dv_options_deinit(struct dv_options *o)
{
	free(o->sysroot);
	free(o->libdir);
	free(o->syslibdir);
	o->sysroot = o->libdir = o->syslibdir = NULL;
}

static bool number(const char *text, uint64_t *ret, const char **rest)
{
	char *end;

	if (!text || !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	*rest = end;
	return !errno && end != text;
}

bool dv_parse_size(const char *text, uint64_t *ret)
{
	const char *rest;
	unsigned shift = 0;
	uint64_t n;

	if (!number(text, &n, &rest))
		return false;
	switch (tolower((unsigned char)*rest)) {
	case 't':
		shift += 10;
		__attribute__((fallthrough));
	case 'g':
		shift += 10;
		__attribute__((fallthrough));
	case 'm':
		shift += 10;
		__attribute__((fallthrough));
	case 'k':
		shift += 10;
		rest++;
		if (tolower((unsigned char)*rest) == 'b')
			rest++;
		break;
	}
	if (*rest || (n << shift) >> shift != n)
		return false;
	*ret = n << shift;
	return true;
}

bool dv_parse_rate(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "", 1 }, { "ns", 1 }, { "nsec", 1 }, { "us", 1000 }, { "usec", 1000 }, { "ms", MS }, { "msec", MS },
		{ "s", 1000 * MS }, { "sec", 1000 * MS }, { "m", 60000 * MS }, { "min", 60000 * MS },
		{ "h", DAY / 24 }, { "hour", DAY / 24 }, { "d", DAY }, { "day", DAY },
	};
	const char *rest;
	uint64_t n;

	if (!number(text, &n, &rest))
		return false;
	if (!strcasecmp(rest, "hz")) {
		if (!n)
			return false;
		*ret = 1000000000u / n;
		return true;
	}
	for (size_t i = 0; i < DV_COUNT(units); i++)
		if (!strcasecmp(units[i].name, rest))
			return !__builtin_mul_overflow(n, units[i].ns, ret);
	return false;
}

static bool truth(const char *text, bool *ret)
{
	static const char *const on[] = { "", "1", "on", "yes", "true", "enable", "enabled", "set" };
	static const char *const off[] = { "0", "off", "no", "false", "disable", "disabled", "unset" };

	for (size_t i = 0; i < DV_COUNT(on); i++)
		if (!strcasecmp(on[i], text))
			return *ret = true;
	for (size_t i = 0; i < DV_COUNT(off); i++)
		if (!strcasecmp(off[i], text)) {
			*ret = false;
			return true;
		}
	return false;
}

// The least version of D that the script wants, as dtrace -V shows them: 1.6, 2.0. There is but one here.
static struct dv_error *version(const char *value)
{
	unsigned part[3] = {0, 0, 0};
	int end = 0;

	if (!value || sscanf(value, "%3u%n.%3u%n.%3u%n", &part[0], &end, &part[1], &end, &part[2], &end) < 2 || value[end])
		return dv_error_create(DV_ERR_OTHER, "invalid value '%s' for option 'version': a version is 1.6 or 2.0",
				       value ? value : "");
	if (part[0] > 2 || (part[0] == 2 && (part[1] || part[2])))
		return dv_error_create(DV_ERR_OTHER, "option 'version': this is D 2.0, not %s", value);
	return NULL;
}

struct dv_error *dv_options_set(struct dv_options *o, const char *name, const char *value, bool override)
{
	const struct row *r = NULL;
	size_t i;
	void *at;
	uint64_t n;

	for (i = 0; i < DV_COUNT(rows) && !r; i++)
		if (!strcmp(rows[i].name, name))
			r = &rows[i];
	i--;
	if (!r)
		return dv_error_hint(dv_error_create(DV_ERR_NOT_FOUND, "unknown option '%s'", name),
		                     "the options are listed in dvirt(1)");
	if (r->kind == NEVER)
		return dv_error_create(DV_ERR_OTHER, "option '%s' is not supported: %s", name, r->why);
	if (r->kind == KEPT)
		return NULL;
	if (r->kind == VERSION)
		return version(value);
	if (override)
		o->set[i / 64] |= 1ULL << (i % 64);
	else if (o->set[i / 64] >> (i % 64) & 1)
		return NULL;
	at = (char *)o + r->off;
	if (r->kind == FLAG) {
		if (!truth(value ? value : "", at))
			return dv_error_create(DV_ERR_OTHER, "option '%s' is on or off, not '%s'", name, value);
		return NULL;
	}
	if (!value || !*value)
		return dv_error_create(DV_ERR_OTHER, "option '%s' needs a value", name);
	if (r->kind == RESIZE) {
		if (strcmp(value, "auto") && strcmp(value, "manual"))
			return dv_error_create(DV_ERR_OTHER, "option 'bufresize' is auto or manual, not '%s'", value);
		o->manual = value[0] == 'm';
		return NULL;
	}
	if (r->kind == TEXT) {
		free(*(char **)at);
		*(char **)at = dv_xstrdup(value);
		return NULL;
	}
	if (r->kind == ENCODING) {
		if (!strcmp(value, "ascii") || !strcmp(value, "utf8")) {
			o->encoding = value[0] == 'a' ? DV_OPT_ASCII : DV_OPT_UTF8;
			return NULL;
		}
		return dv_error_create(DV_ERR_OTHER, "unknown encoding '%s': it is ascii or utf8", value);
	}
	if (r->kind == POLICY) {
		static const char *const policies[] = {[DV_OPT_SWITCH] = "switch", [DV_OPT_BLOCK] = "block",
						       [DV_OPT_FILL] = "fill", [DV_OPT_RING] = "ring"};

		for (unsigned k = 0; k < DV_COUNT(policies); k++)
			if (!strcmp(value, policies[k])) {
				o->policy = k;
				return NULL;
			}
		return dv_error_create(DV_ERR_OTHER, "unknown buffer policy '%s': it is switch, block, fill or ring",
				       value);
	}
	if (!(r->kind == RATE ? dv_parse_rate(value, &n) : dv_parse_size(value, &n)))
		return dv_error_hint(dv_error_create(DV_ERR_OTHER, "invalid value '%s' for option '%s'", value, name),
		                     r->kind == RATE ? "a rate is a number with ns, us, ms, s, m, h, d or hz"
		                                     : "a number, with k, m, g or t for powers of 1024");
	if (r->kind == RATE && n < r->min)
		n = r->min; // nobody sees that it is not looked at more often
	if (n < r->min || n > r->max)
		return dv_error_create(DV_ERR_LIMIT, "value '%s' for option '%s' is too %s: it is from %llu to %llu%s",
		                       value, name, n < r->min ? "small" : "large", (unsigned long long)r->min,
		                       (unsigned long long)r->max, r->kind == RATE ? " ns" : "");
	*(uint64_t *)at = n;
	return NULL;
}

enum dv_option_kind dv_options_kind(const char *name)
{
	for (size_t i = 0; i < DV_COUNT(rows); i++)
		if (!strcmp(rows[i].name, name) && rows[i].kind < KEPT)
			return rows[i].dynamic ? DV_OPTION_DYNAMIC : DV_OPTION_FIXED;
	return DV_OPTION_NONE;
}
