/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All of D's subroutines, actions and aggregating functions, by name; those of other systems' D too, so that a script
 * that uses them is told so, and why.
 */
#include "lang/impl.h"

#include <string.h>

#define SUBR(name, id, args, result)   {{name, DV_CALL_SUBR, DV_C_##id}, args, result, NULL, 0}
#define ACT(name, id, args)            {{name, DV_CALL_ACTION, DV_C_##id}, args, "", NULL, 0}
#define DESTRUCT(kind, name, id, args, needs) {{name, DV_CALL_##kind, DV_C_##id}, args, "", NULL, DV_CAN_DESTROY | (needs)}
#define AGG(name, id)                  {{name, DV_CALL_AGGFUNC, DV_C_##id}, NULL, "", NULL, 0}
#define NO_SUBR(name, why)             {{name, DV_CALL_SUBR, DV_C_UNSUPPORTED}, NULL, "", why, 0}
#define NO_ACT(name, why)              {{name, DV_CALL_ACTION, DV_C_UNSUPPORTED}, NULL, "", why, 0}

#define STREAMS "STREAMS messages are Solaris's, Linux has none"
#define FREEBSD "its locks are FreeBSD's, Linux has none of them"
#define GUEST_STOP "a clause cannot stop a kernel"

static const struct dv_call_row rows[] = {
	SUBR("copyin", COPYIN, "ai", "*"), SUBR("copyinstr", COPYINSTR, "a|i", "string"),
	SUBR("strlen", STRLEN, "s", "size_t"), SUBR("substr", SUBSTR, "si|i", "string"),
	SUBR("strjoin", STRJOIN, "ss", "string"), SUBR("index", INDEX, "ss|i", "int"),
	SUBR("rindex", RINDEX, "ss|i", "int"), SUBR("strstr", STRSTR, "ss", "string"),
	SUBR("strchr", STRCHR, "si", "string"), SUBR("strrchr", STRRCHR, "si", "string"),
	SUBR("strtok", STRTOK, "ts", "string"), SUBR("tolower", TOLOWER, "s", "string"),
	SUBR("toupper", TOUPPER, "s", "string"), SUBR("basename", BASENAME, "s", "string"),
	SUBR("dirname", DIRNAME, "s", "string"), SUBR("cleanpath", CLEANPATH, "s", "string"),
	SUBR("lltostr", LLTOSTR, "i|i", "string"), SUBR("strtoll", STRTOLL, "s|i", "int64_t"),
	SUBR("json", JSON, "ss", "string"), SUBR("inet_ntoa", INET_NTOA, "p", "string"),
	SUBR("inet_ntoa6", INET_NTOA6, "p|i", "string"), SUBR("inet_ntop", INET_NTOP, "ip", "string"),
	SUBR("link_ntop", LINK_NTOP, "ip", "string"), SUBR("htons", SWAP16, "i", "uint16_t"),
	SUBR("htonl", SWAP32, "i", "uint32_t"), SUBR("htonll", SWAP64, "i", "uint64_t"),
	SUBR("ntohs", SWAP16, "i", "uint16_t"), SUBR("ntohl", SWAP32, "i", "uint32_t"),
	SUBR("ntohll", SWAP64, "i", "uint64_t"), SUBR("rand", RAND, "", "int"), SUBR("alloca", ALLOCA, "i", "*"),
	SUBR("bcopy", BCOPY, "ppi", ""), SUBR("copyinto", COPYINTO, "aip", ""),
	SUBR("progenyof", PROGENYOF, "i", "int"), SUBR("getmajor", GETMAJOR, "i", "uint_t"),
	SUBR("getminor", GETMINOR, "i", "uint_t"), SUBR("speculation", SPECULATION, "", "int"),
	SUBR("mutex_owned", LOCK, "p", "int"), SUBR("mutex_owner", LOCK, "p", ""),
	SUBR("mutex_type_adaptive", LOCK, "p", "int"), SUBR("mutex_type_spin", LOCK, "p", "int"),
	SUBR("rw_iswriter", LOCK, "p", "int"), SUBR("rw_read_held", LOCK, "p", "int"),
	SUBR("rw_write_held", LOCK, "p", "int"), SUBR("d_path", DPATH, "p", "string"),
	DESTRUCT(SUBR, "copyout", COPYOUT, "pai", DV_CAN_WRITE),
	DESTRUCT(SUBR, "copyoutstr", COPYOUTSTR, "sai", DV_CAN_WRITE),
	ACT("printf", PRINTF, NULL), ACT("printa", PRINTA, NULL), ACT("print", PRINT, NULL),
	ACT("trace", TRACE, NULL), ACT("exit", EXIT, "i"), ACT("clear", CLEAR, NULL), ACT("trunc", TRUNC, NULL),
	ACT("normalize", NORMALIZE, NULL), ACT("denormalize", DENORMALIZE, NULL), ACT("tracemem", TRACEMEM, NULL),
	ACT("setopt", SETOPT, "s|s"), ACT("speculate", SPECULATE, "i"), ACT("commit", COMMIT, "i"),
	ACT("discard", DISCARD, "i"), ACT("ftruncate", FTRUNCATE, ""),
	DESTRUCT(ACTION, "system", SYSTEM, NULL, 0), DESTRUCT(ACTION, "freopen", FREOPEN, NULL, 0),
	DESTRUCT(ACTION, "raise", RAISE, "i", DV_CAN_SIGNAL), DESTRUCT(ACTION, "stop", RAISE, "", DV_CAN_SIGNAL),
	DESTRUCT(ACTION, "chill", CHILL, "i", DV_CAN_WAIT),
	ACT("stack", STACK, NULL), ACT("ustack", USTACK, NULL), ACT("jstack", USTACK, NULL), ACT("sym", SYM, NULL),
	ACT("func", SYM, NULL), ACT("mod", MOD, NULL), ACT("usym", USYM, NULL), ACT("ufunc", USYM, NULL),
	ACT("umod", UMOD, NULL), ACT("uaddr", UADDR, NULL),
	AGG("count", COUNT), AGG("sum", SUM), AGG("min", MIN), AGG("max", MAX), AGG("avg", AVG),
	AGG("stddev", STDDEV), AGG("quantize", QUANTIZE), AGG("lquantize", LQUANTIZE), AGG("llquantize", LLQUANTIZE),
	NO_SUBR("ddi_pathname", "device paths are Solaris's, Linux has none"),
	NO_SUBR("getf", "a descriptor's file is fds[] here"),
	NO_SUBR("memref", "use tracemem( ) for memory of any size"),
	NO_SUBR("memstr", "use stringof( ) for an array of characters"),
	NO_SUBR("msgdsize", STREAMS), NO_SUBR("msgsize", STREAMS), NO_SUBR("sx_exclusive_held", FREEBSD),
	NO_SUBR("sx_isexclusive", FREEBSD), NO_SUBR("sx_shared_held", FREEBSD),
	NO_ACT("breakpoint", GUEST_STOP), NO_ACT("panic", GUEST_STOP),
	NO_ACT("return", "a clause cannot change what a function does"),
	NO_ACT("pcap", "packets are not captured; use tracemem( )"), NO_ACT("printm", "use tracemem( )"),
	NO_ACT("printt", "use print( )"), NO_ACT("tbdump", "it is no longer part of D"),
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
