/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_ABI_FN_H
#define DV_ABI_FN_H
/**
 * The run-time functions that bytecode calls: the contract between the code generator, the verifier, the interpreter
 * and (later) the translation to kernel BPF. Every argument and result is a 64-bit scalar.
 *
 * Kinds of scalar:
 *   value   a D integer, already extended to 64 bits by the signedness of its type
 *   cell    offset in the state region of a variable's 8-byte word (or of a string variable's bytes, or of a pointer
 *           variable's two words: value, then machine). 0 is "no such variable": reads as 0, writes are ignored
 *   sref    a string: offset in the state region of NUL-terminated bytes, at most strsize with the NUL. 0 is ""
 *   mem     a block of bytes in the producer's scratch: offset in the state region
 *   mach    a machine: its index in the region's table, or DV_MACH_*
 *   addr    an address on that machine
 *
 * A function that cannot do its work records a fault (abi/region.h, enum dv_fault) and the program ends at once,
 * its record thrown away, an ERROR record written instead.
 *
 * X(NAME, arguments, "letters of arguments", "D-side name")  letters: v c s m(em) M(ach) a, i = constant known
 */
#define DV_FN_TABLE(X)                                                                                              \
	/* -- variables ------------------------------------------------------------------------------------- */    \
	X(LD, 1, "c", "ld")          /* (cell) -> value */                                                         \
	X(ST, 2, "cv", "st")         /* (cell, value) */                                                           \
	X(RMW, 4, "civi", "rmw")     /* (cell, op enum dv_rmw, operand, enum dv_width) -> NEW value; atomic */      \
	X(STS, 2, "cs", "sts")       /* (cell, sref): copy a string into a string variable; moves, may overlap */   \
	X(THIS, 1, "i", "this")      /* (byte offset in the clause-local block) -> cell */                          \
	X(KEY, 1, "v", "key")        /* append an integer to the key tuple under construction */                    \
	X(KEYS, 1, "s", "keys")      /* append a string to the key tuple */                                         \
	X(KEYB, 1, "m", "keyb")      /* append a stack block (abi/region.h) to the key tuple */                     \
	X(DYN, 2, "ii", "dyn")       /* (variable, enum dv_dyn flags): cell of the element under the key tuple,     \
	                                which is consumed; 0 when absent (not DV_DYN_CREATE) or no room (a drop) */ \
	X(DYNDEL, 2, "ii", "dyndel") /* (variable, flags): delete the element under the key tuple (consumed) */     \
	X(AGG, 3, "ivv", "agg")      /* (aggregation, value, increment) under the key tuple (consumed) */           \
	/* -- structures and arrays: bytes at any offset of the state region, as C lays them out. Below the globals   \
	      there are none: they read as 0, writes are ignored ------------------------------------------------ */ \
	X(LDN, 2, "ci", "ldn")       /* (at, size 1 2 4 8) -> value, zero-extended */                               \
	X(STN, 3, "civ", "stn")      /* (at, size, value) */                                                       \
	X(RMWN, 4, "civi", "rmwn")   /* (at, op enum dv_rmw, operand, enum dv_width) -> NEW value; atomic when it    \
	                                lies within one word */                                                    \
	X(CPY, 3, "ccv", "cpy")      /* (to, from, size): copy bytes; must not overlap */                           \
	X(STRN, 2, "cv", "strn")     /* (from, size) -> sref: the text in a character array, which need not have a   \
	                                NUL; a copy in scratch */                                                  \
	X(STSN, 3, "csi", "stsn")    /* (to, sref, size): a string into a character array: cut, or filled with NULs */ \
	/* -- memory of machines ---------------------------------------------------------------------------- */    \
	X(RD, 3, "Mai", "rd")        /* (mach, addr, size 1 2 4 8) -> value, zero-extended */                       \
	X(RDMEM, 3, "Mav", "rdmem")  /* (mach, addr, size) -> mem: a copy in scratch */                             \
	X(RDSTR, 3, "Mav", "rdstr")  /* (mach, addr, limit incl. NUL, 0 = strsize) -> sref: a copy in scratch */     \
	X(PMACH, 2, "Mi", "pmach")   /* (mach, universe) -> mach: faults unless that machine's kernel types are      \
	                                those of the universe that the clause was compiled against */               \
	X(ALLOCA, 1, "v", "alloca")  /* (size) -> mem: bytes of scratch, of any content */                          \
	X(WR, 4, "Mavi", "wr")       /* (mach, addr, value, size 1 2 4 8): write, into scratch; else a fault */      \
	X(MCPY, 4, "Mamv", "mcpy")   /* (mach, addr, mem, size): likewise, bytes of mem */                          \
	X(DPATH, 4, "Mavv", "dpath") /* (mach, struct path's addr, offsets, offsets: exec/dpath.h) -> sref: its name */   \
	X(COPYOUT, 3, "amv", "copyout") /* (addr, mem, size): write into the process's memory. Destructive */        \
	/* -- the firing ------------------------------------------------------------------------------------ */    \
	X(BI, 1, "i", "bi")          /* (enum dv_builtin) -> value */                                               \
	X(BIS, 1, "i", "bis")        /* (enum dv_builtin) -> sref */                                                \
	X(ARG, 1, "i", "arg")        /* (n) -> value: arg0..arg9, also args[n] before translation */                \
	X(REG, 1, "v", "reg")        /* (enum dv_reg) -> value: uregs[] */                                          \
	X(STACK, 2, "ii", "stack")   /* (enum dv_stack_kind KERNEL or USER, most frames) -> mem: a stack block */   \
	X(SYMADDR, 3, "iMa", "symaddr") /* (other enum dv_stack_kind, mach, addr) -> mem: a stack block of one */   \
	X(PROGENY, 1, "v", "progeny") /* (pid) -> 1: the process is that one or descends from it; 0 */               \
	X(RAISE, 1, "v", "raise")    /* (signal): send it to the process. Destructive */                             \
	X(CHILL, 1, "v", "chill")    /* (ns): hold up the CPU that fired. Destructive */                             \
	X(RAND, 0, "", "rand")       /* -> value: random, 31 bits */                                                \
	/* -- arithmetic that can fault --------------------------------------------------------------------- */    \
	X(DIV, 3, "ivv", "div")      /* (enum dv_divop, a, b) -> value */                                           \
	/* -- strings --------------------------------------------------------------------------------------- */    \
	X(SLEN, 1, "s", "slen")                                                                                    \
	X(SCMP, 2, "ss", "scmp")     /* -1, 0, 1 */                                                                 \
	X(SJOIN, 2, "ss", "sjoin")   /* -> sref */                                                                  \
	X(SSUB, 3, "svv", "ssub")    /* (s, index, length) -> sref; negative index and length as in D's substr */   \
	X(SFIND, 4, "ssvi", "sfind") /* (s, sub, start, enum dv_find) -> position, -1: as index() and rindex() */    \
	X(SCHR, 3, "svi", "schr")    /* (s, byte, enum dv_find) -> sref of the rest from there, 0 */                \
	X(SSTR, 2, "ss", "sstr")     /* (s, sub) -> likewise */                                                     \
	X(STOK, 3, "ssi", "stok")    /* (s, separators, 1: begin with s; 0: go on) -> sref of the next token, 0 */   \
	X(SCASE, 2, "si", "scase")   /* (s, 1: upper, 0: lower) -> sref */                                          \
	X(SPATH, 2, "si", "spath")   /* (s, enum dv_path) -> sref */                                                \
	X(LTOS, 2, "vv", "ltos")     /* (integer, base) -> sref */                                                  \
	X(STOL, 2, "sv", "stol")     /* (s, base) -> value */                                                       \
	X(SJSON, 2, "ss", "sjson")   /* (JSON text, path) -> sref of the value's text, 0 */                          \
	X(INET, 2, "mi", "inet")     /* (mem, enum dv_inet) -> sref: a network address as text */                    \
	X(WORDS, 2, "mv", "words")   /* (mem, size) -> sref: NUL-terminated words as one string, blanks between */   \
	/* -- the record of this clause --------------------------------------------------------------------- */    \
	X(REC, 1, "i", "rec")        /* (most data bytes): reserve room in the principal buffer; 0: none, a drop */  \
	X(RECI, 1, "v", "reci")      /* append an integer: 8 bytes */                                               \
	X(RECS, 1, "s", "recs")      /* append a string: u32 length, bytes, padded to 8 */                          \
	X(RECM, 2, "mi", "recm")     /* (mem, size) append bytes: u32 size, bytes, padded to 8 */                   \
	X(RECB, 1, "m", "recb")      /* append a stack block, as RECM does with its size */                         \
	X(RECEND, 0, "", "recend")   /* commit */                                                                   \
	X(SPEC, 0, "", "spec")       /* -> a speculation's number, 0: none is free (a drop) */                       \
	X(SPECUL, 1, "v", "specul")  /* (speculation): the record, which must begin with a word for this, belongs to \
	                                it. 0: it cannot, so there is none */                                       \
	X(COMMIT, 1, "v", "commit")  /* (speculation): what it holds takes its place in the order here */           \
	X(DISCARD, 1, "v", "discard") /* (speculation): what it holds is thrown away */                             \
	X(EXIT, 0, "", "exit")       /* exit() was reached: it ends the session where nobody reads before the end */ \
	X(FAULT, 2, "iv", "fault")   /* (enum dv_fault, value): end the program with this fault */

enum dv_fn {
	DV_FN_NONE,
#define X(name, n, args, text) DV_FN_##name,
	DV_FN_TABLE(X)
#undef X
	DV_FN_COUNT
};

/** Machines that are not an index. Real indices are below DV_MACH_MAX. */
#define DV_MACH_MAX     64u
#define DV_MACH_SELF    0x10000u /**< the machine that fired, its kernel's addresses */
#define DV_MACH_USER    0x10001u /**< the machine that fired, the running process's user addresses */
#define DV_MACH_SCRATCH 0x10002u /**< not a machine: addresses are offsets in the producer's scratch */
#define DV_MACH_STATE   0x10003u /**< not a machine: addresses are offsets in the state region, of the script's own
                                      structures and arrays; below the globals all reads as 0 */

/** DYN flags */
enum dv_dyn {
	DV_DYN_CREATE = 1, /**< make it, value all zero, when absent */
	DV_DYN_SELF = 2,   /**< thread-local: the firing machine and thread are part of the key */
};

/** Width and signedness of an integer variable: how a stored word is read. */
enum dv_width {
	DV_U8 = 1, DV_U16 = 2, DV_U32 = 4, DV_U64 = 8,
	DV_S8 = 0x11, DV_S16 = 0x12, DV_S32 = 0x14, DV_S64 = 0x18,
};

enum dv_rmw { DV_RMW_ADD, DV_RMW_SUB, DV_RMW_MUL, DV_RMW_DIV, DV_RMW_MOD, DV_RMW_AND, DV_RMW_OR, DV_RMW_XOR, DV_RMW_SHL, DV_RMW_SHR };
enum dv_divop { DV_SDIV, DV_UDIV, DV_SMOD, DV_UMOD };

/** PROGENY: how many parents are looked at. */
#define DV_PARENTS_MAX 128u

/** SFIND, SCHR */
enum dv_find { DV_FIND_FIRST, DV_FIND_LAST };
/** SPATH */
enum dv_path { DV_PATH_BASE, DV_PATH_DIR, DV_PATH_CLEAN };
/** INET: 4 bytes; 16, with an IPv4 address in them shown as that alone (V6A) or behind the colons (V6); 6 bytes. */
enum dv_inet { DV_INET_V4, DV_INET_V6A, DV_INET_V6, DV_INET_LINK };

/** Built-in variables. Those from DV_BI_STRINGS on are strings (BIS), the others integers (BI). */
enum dv_builtin {
	DV_BI_TIMESTAMP, DV_BI_WALLTIMESTAMP, DV_BI_VTIMESTAMP, DV_BI_CPU, DV_BI_PID, DV_BI_TID, DV_BI_PPID, DV_BI_UID,
	DV_BI_GID, DV_BI_CURTHREAD, DV_BI_CALLER, DV_BI_EPID, DV_BI_ID, DV_BI_ERRNO, DV_BI_UCALLER, DV_BI_STACKDEPTH,
	DV_BI_SEQ, /**< this firing's place in the order of all machines ("seq") */
	DV_BI_VM,  /**< index of the firing machine */
	DV_BI_USTACKDEPTH,
	DV_BI_START, /**< not D's: when the running process began, see struct dv_stack */
	DV_BI_HOSTTID,   /**< the host's thread under the firing, by the host's kernel's number */
	DV_BI_HOSTCPU,   /**< the host's CPU that it runs on */
	DV_BI_GUESTVCPU, /**< virtual CPU that this thread is; on a guest its own, -1: none */
	DV_BI_FRAME,     /**< not D's: tells this call of the probed function from all others of the machine that have begun
	                      and not ended: where its return address lies. Equal at its entry and its return, also when that
	                      is in a function that it jumped to. 0: not known */
	DV_BI_INTEGERS,
	DV_BI_STRINGS = 64,
	DV_BI_EXECNAME = DV_BI_STRINGS, DV_BI_VMNAME, DV_BI_PROBEPROV, DV_BI_PROBEMOD, DV_BI_PROBEFUNC, DV_BI_PROBENAME,
	DV_BI_GUESTNAME, /**< guest that this thread serves; on a guest its own name, "": none */
};

/** uregs[] on x86-64: the order of DTrace's amd64 regs library is kept by the language; these are ours. */
enum dv_reg {
	DV_REG_RAX, DV_REG_RBX, DV_REG_RCX, DV_REG_RDX, DV_REG_RSI, DV_REG_RDI, DV_REG_RBP, DV_REG_RSP,
	DV_REG_R8, DV_REG_R9, DV_REG_R10, DV_REG_R11, DV_REG_R12, DV_REG_R13, DV_REG_R14, DV_REG_R15,
	DV_REG_RIP, DV_REG_RFLAGS, DV_REG_CS, DV_REG_SS, DV_REG_DS, DV_REG_ES, DV_REG_FS, DV_REG_GS,
	DV_REG_FS_BASE, DV_REG_GS_BASE, DV_REG_KGS_BASE, DV_REG_CR0, DV_REG_CR2, DV_REG_CR3, DV_REG_CR4, DV_REG_EFER,
	DV_REG_COUNT
};

#endif
