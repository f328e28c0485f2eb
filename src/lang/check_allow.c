/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may stand where: destructive actions need -w and a machine that can; speculate() makes all data of the clause the
 * speculation's, so nothing may come before it that records data, and nothing behind it that cannot be taken back;
 * commit() brings its data into the buffer in the place of this clause's, which therefore may have none.
 */
#include "lang/impl.h"

static bool records(enum dv_call_id id)
{
	switch (id) {
	case DV_C_PRINTF:
	case DV_C_PRINTA:
	case DV_C_PRINT:
	case DV_C_TRACE:
	case DV_C_TRACEMEM:
	case DV_C_EXIT:
	case DV_C_SYSTEM:
	case DV_C_FREOPEN:
	case DV_C_FTRUNCATE:
	case DV_C_SETOPT:
	case DV_C_CLEAR:
	case DV_C_TRUNC:
	case DV_C_NORMALIZE:
	case DV_C_DENORMALIZE:
		return true;
	default:
		return false;
	}
}

static bool destructive(struct dv_check *ck, const struct dv_node *n, const struct dv_call_row *row)
{
	static const struct {
		uint32_t bit;
		const char *why;
	} lacks[] = {
		{DV_CAN_WRITE, "user memory there can be read, not written"},
		{DV_CAN_SIGNAL, "signals cannot be sent to its processes"},
		{DV_CAN_WAIT, "a clause cannot hold up its CPU"},
	};

	if (!(ck->env->can & DV_CAN_DESTROY)) {
		dv_check_error(ck, n->loc, "D_DESTRUCTIVE", "allow it with -w or '#pragma D option destructive'",
			       "%s( ) is a destructive action", n->str);
		return false;
	}
	for (size_t i = 0; i < DV_COUNT(lacks); i++) {
		if (!(row->needs & lacks[i].bit) || ck->env->can & lacks[i].bit)
			continue;
		DV_ERR_AT(ck, n->loc, "D_MACH_CANNOT", "%s( ) cannot be done on %s: %s", n->str,
			  ck->env->machine_name ? ck->env->machine_name : "this machine", lacks[i].why);
		return false;
	}
	return true;
}

static bool refuse(struct dv_check *ck, const struct dv_node *n, const char *tag, const char *behind)
{
	DV_ERR_AT(ck, n->loc, tag, "%s( ) may not follow %s", n->str, behind);
	return false;
}

bool dv_check_allowed(struct dv_check *ck, const struct dv_node *n, const struct dv_call_row *row)
{
	enum dv_call_id id = row->call.id;

	if (row->needs && !destructive(ck, n, row))
		return false;
	if (ck->quiet)
		return true; // a type is inferred: the order is that of another place
	if (id == DV_C_SPECULATE) {
		if (ck->speculated)
			return refuse(ck, n, "D_SPEC_SPEC", "speculate( )");
		if (ck->committed)
			return refuse(ck, n, "D_SPEC_COMM", "commit( )");
		if (ck->recorded)
			return refuse(ck, n, "D_SPEC_DREC", "data-recording action(s)");
		ck->speculated = true;
	} else if (id == DV_C_COMMIT) {
		if (ck->speculated)
			return refuse(ck, n, "D_COMM_SPEC", "speculate( )");
		if (ck->committed)
			return refuse(ck, n, "D_COMM_COMM", "commit( )");
		if (ck->recorded)
			return refuse(ck, n, "D_COMM_DREC", "data-recording action(s)");
		ck->committed = true;
	} else if (id == DV_C_EXIT && ck->speculated) {
		return refuse(ck, n, "D_EXIT_SPEC", "speculate( )");
	} else if (row->needs && ck->speculated) {
		DV_ERR_AT(ck, n->loc, "D_ACT_SPEC", "destructive actions may not follow speculate( )");
		return false;
	} else if (records(id)) {
		if (ck->committed)
			return refuse(ck, n, "D_DREC_COMM", "commit( )");
		ck->recorded = true;
	}
	return true;
}

bool dv_check_agg_allowed(struct dv_check *ck, struct dv_loc loc)
{
	if (ck->speculated)
		DV_ERR_AT(ck, loc, "D_AGG_SPEC", "aggregating actions may not follow speculate( )");
	else if (ck->committed)
		DV_ERR_AT(ck, loc, "D_AGG_COMM", "aggregating actions may not follow commit( )");
	return !ck->speculated && !ck->committed;
}
