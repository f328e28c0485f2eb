// SPDX-License-Identifier: GPL-2.0-or-later
// Each function of src/state as a program that user space can run, for test_bpf.c.
#include "src/state/state.bpf.c"

struct call {
	uint64_t st, a, b, c, d, ret;
};

#define CALL(name, expr)                                                     \
	SECTION("syscall") __attribute__((visibility("default"))) int call_##name(struct call *x)                   \
	{                                                                    \
		x->ret = expr;                                               \
		return 0;                                                    \
	}
CALL(begin, dv_st_begin(x->st))
CALL(begin_unnumbered, dv_st_begin_unnumbered(x->st))
CALL(number, dv_st_number(x->st))
CALL(end, (dv_st_end(x->st), 0))
CALL(clause, (dv_st_clause(x->st), 0))
CALL(ld, dv_st_ld(x->st, x->a))
CALL(st, (dv_st_st(x->st, x->a, x->b), 0))
CALL(rmw, dv_st_rmw(x->st, x->a, x->b, x->c, x->d))
CALL(sts, (dv_st_sts(x->st, x->a, x->b), 0))
CALL(ldn, dv_st_ldn(x->st, x->a, x->b))
CALL(stn, (dv_st_stn(x->st, x->a, x->b, x->c), 0))
CALL(rmwn, dv_st_rmwn(x->st, x->a, x->b, x->c, x->d))
CALL(cpy, (dv_st_cpy(x->st, x->a, x->b, x->c), 0))
CALL(strn, dv_st_strn(x->st, x->a, x->b))
CALL(stsn, (dv_st_stsn(x->st, x->a, x->b, x->c), 0))
CALL(this, dv_st_this(x->st, x->a))
CALL(key, (dv_st_key(x->st, x->a), 0))
CALL(keys, (dv_st_keys(x->st, x->a), 0))
CALL(keyb, (dv_st_keyb(x->st, x->a), 0))
CALL(dyn, dv_st_dyn(x->st, x->a, x->b, x->c))
CALL(dyndel, (dv_st_dyndel(x->st, x->a, x->b, x->c), 0))
CALL(agg, (dv_st_agg(x->st, x->a, x->b, x->c), 0))
CALL(div, dv_st_div(x->st, x->a, x->b, x->c))
CALL(slen, dv_st_slen(x->st, x->a))
CALL(scmp, dv_st_scmp(x->st, x->a, x->b))
CALL(sjoin, dv_st_sjoin(x->st, x->a, x->b))
CALL(ssub, dv_st_ssub(x->st, x->a, x->b, x->c))
CALL(sfind, dv_st_sfind(x->st, x->a, x->b, x->c, x->d))
CALL(schr, dv_st_schr(x->st, x->a, x->b, x->c))
CALL(sstr, dv_st_sstr(x->st, x->a, x->b))
CALL(stok, dv_st_stok(x->st, x->a, x->b, x->c))
CALL(scase, dv_st_scase(x->st, x->a, x->b))
CALL(spath, dv_st_spath(x->st, x->a, x->b))
CALL(ltos, dv_st_ltos(x->st, x->a, x->b))
CALL(stol, dv_st_stol(x->st, x->a, x->b))
CALL(sjson, dv_st_sjson(x->st, x->a, x->b))
CALL(inet, dv_st_inet(x->st, x->a, x->b))
CALL(words, dv_st_words(x->st, x->a, x->b))
CALL(rand, dv_st_rand(x->st))
CALL(wr, (dv_st_wr(x->st, DV_MACH_SCRATCH, x->a, x->b, x->c), 0))
CALL(mcpy, (dv_st_mcpy(x->st, DV_MACH_SCRATCH, x->a, x->b, x->c), 0))
CALL(spec, dv_st_spec(x->st))
CALL(specul, dv_st_specul(x->st, x->a))
CALL(commit, (dv_st_commit(x->st, x->a), 0))
CALL(discard, (dv_st_discard(x->st, x->a), 0))
CALL(scratch, dv_st_scratch(x->st, x->a))
CALL(room, dv_st_room(x->st, x->a))
CALL(rec, dv_st_rec(x->st, x->a))
CALL(reci, (dv_st_reci(x->st, x->a), 0))
CALL(recs, (dv_st_recs(x->st, x->a), 0))
CALL(recm, (dv_st_recm(x->st, x->a, x->b), 0))
CALL(recb, (dv_st_recb(x->st, x->a), 0))
CALL(stack, dv_st_stack(x->st, x->a, x->b, x->c, x->d))
CALL(stackset, (dv_st_stackset(x->st, x->a, x->b, x->c), 0))
CALL(recend, (dv_st_recend(x->st, x->a, x->b), 0))
CALL(recabort, (dv_st_recabort(x->st), 0))
CALL(fault, (dv_st_fault(x->st, x->a, x->b), 0))
CALL(serves, dv_st_serves(x->st, x->a, x->b))
CALL(error, (dv_st_error(x->st, x->a, x->b, x->c, x->d), 0))
