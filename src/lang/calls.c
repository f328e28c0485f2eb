/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All of D's subroutines, actions and aggregating functions, by name; those of other systems' D too, so that a script
 * that uses them is told so.
 */
#include "lang/impl.h"

#include <string.h>

#define SUBR(name, id, args) {{name, DV_CALL_SUBR, DV_C_##id}, args}
#define ACT(name, id, args)  {{name, DV_CALL_ACTION, DV_C_##id}, args}
#define AGG(name, id, args)  {{name, DV_CALL_AGGFUNC, DV_C_##id}, args}
#define NO_SUBR(name)        {{name, DV_CALL_SUBR, DV_C_UNSUPPORTED}, NULL}
#define NO_ACT(name)         {{name, DV_CALL_ACTION, DV_C_UNSUPPORTED}, NULL}

static const struct dv_call_row rows[] = {
	SUBR("copyin", COPYIN, "ai"), SUBR("copyinstr", COPYINSTR, "a|i"), SUBR("strlen", STRLEN, "s"),
	SUBR("substr", SUBSTR, "si|i"), SUBR("strjoin", STRJOIN, "ss"),
	ACT("printf", PRINTF, NULL), ACT("printa", PRINTA, NULL), ACT("print", PRINT, NULL),
	ACT("trace", TRACE, NULL), ACT("exit", EXIT, "i"), ACT("clear", CLEAR, NULL), ACT("trunc", TRUNC, NULL),
	ACT("normalize", NORMALIZE, NULL), ACT("denormalize", DENORMALIZE, NULL),
	ACT("stack", STACK, NULL), ACT("ustack", USTACK, NULL), ACT("jstack", USTACK, NULL), ACT("sym", SYM, NULL),
	ACT("func", SYM, NULL), ACT("mod", MOD, NULL), ACT("usym", USYM, NULL), ACT("ufunc", USYM, NULL),
	ACT("umod", UMOD, NULL), ACT("uaddr", UADDR, NULL),
	AGG("count", COUNT, NULL), AGG("sum", SUM, NULL), AGG("min", MIN, NULL), AGG("max", MAX, NULL),
	AGG("avg", AVG, NULL), AGG("stddev", STDDEV, NULL), AGG("quantize", QUANTIZE, NULL),
	AGG("lquantize", LQUANTIZE, NULL), AGG("llquantize", UNSUPPORTED, NULL),
	NO_SUBR("alloca"), NO_SUBR("basename"), NO_SUBR("bcopy"), NO_SUBR("cleanpath"), NO_SUBR("copyinto"),
	NO_SUBR("copyout"), NO_SUBR("copyoutstr"), NO_SUBR("d_path"), NO_SUBR("ddi_pathname"), NO_SUBR("dirname"),
	NO_SUBR("getf"), NO_SUBR("getmajor"), NO_SUBR("getminor"), NO_SUBR("htonl"), NO_SUBR("htonll"),
	NO_SUBR("htons"), NO_SUBR("index"), NO_SUBR("inet_ntoa"), NO_SUBR("inet_ntoa6"), NO_SUBR("inet_ntop"),
	NO_SUBR("json"), NO_SUBR("link_ntop"), NO_SUBR("lltostr"), NO_SUBR("memref"), NO_SUBR("memstr"),
	NO_SUBR("msgdsize"), NO_SUBR("msgsize"), NO_SUBR("mutex_owned"), NO_SUBR("mutex_owner"),
	NO_SUBR("mutex_type_adaptive"), NO_SUBR("mutex_type_spin"), NO_SUBR("ntohl"), NO_SUBR("ntohll"),
	NO_SUBR("ntohs"), NO_SUBR("progenyof"), NO_SUBR("rand"), NO_SUBR("rindex"), NO_SUBR("rw_iswriter"),
	NO_SUBR("rw_read_held"), NO_SUBR("rw_write_held"), NO_SUBR("speculation"), NO_SUBR("strchr"),
	NO_SUBR("strrchr"), NO_SUBR("strstr"), NO_SUBR("strtok"), NO_SUBR("strtoll"), NO_SUBR("sx_exclusive_held"),
	NO_SUBR("sx_isexclusive"), NO_SUBR("sx_shared_held"), NO_SUBR("tolower"), NO_SUBR("toupper"),
	NO_ACT("breakpoint"), NO_ACT("chill"), NO_ACT("commit"), NO_ACT("discard"), NO_ACT("freopen"),
	NO_ACT("ftruncate"), NO_ACT("panic"), NO_ACT("pcap"),
	NO_ACT("printm"), NO_ACT("printt"), NO_ACT("raise"), NO_ACT("return"), NO_ACT("setopt"), NO_ACT("speculate"),
	NO_ACT("stop"), NO_ACT("system"), NO_ACT("tbdump"), NO_ACT("tracemem"),
};

const struct dv_call_row *dv_call_find(const char *name)
{
	for (size_t i = 0; i < DV_COUNT(rows); i++)
		if (!strcmp(rows[i].call.name, name))
			return &rows[i];
	return NULL;
}

void dv_call_near(struct dv_near *n)
{
	for (size_t i = 0; i < DV_COUNT(rows); i++)
		dv_near_offer(n, rows[i].call.name);
}
