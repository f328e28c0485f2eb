// SPDX-License-Identifier: GPL-2.0-or-later
//
// vminfo: statistics of virtual memory, of which DTrace has a probe for each: arg0 is by how much it grows. Those that
// Linux has a place for.
#include "probe/stable.h"

#define ONE {{"int", "1"}}

static const struct dv_stable_row rows[] = {
	{"as_fault", DV_AT_TRACEPOINT, "page_fault_user", .args = ONE},
	{"as_fault", DV_AT_ENTRY, "handle_mm_fault", .args = ONE},
	{"kernel_asflt", DV_AT_TRACEPOINT, "page_fault_kernel", .args = ONE},
	{"cow_fault", DV_AT_ENTRY, "wp_page_copy", .args = ONE},
	{"zfod", DV_AT_ENTRY, "do_anonymous_page", .args = ONE},
	{"pgrrun", DV_AT_TRACEPOINT, "mm_vmscan_kswapd_wake", .args = ONE},
	{"pgrrun", DV_AT_ENTRY, "balance_pgdat", .args = ONE},
	{"pgout", DV_AT_TRACEPOINT, "mm_vmscan_write_folio", .args = ONE},
	{"pgout", DV_AT_TRACEPOINT, "mm_vmscan_writepage", .args = ONE},
	{"pgout", DV_AT_ENTRY, "pageout", .args = ONE},
	// Anonymous memory goes to swap, and comes from it.
	{"pgswapout", DV_AT_ENTRY, "swap_writeout", .args = ONE},
	{"pgswapout", DV_AT_ENTRY, "swap_writepage", .args = ONE},
	{"anonpgout", DV_AT_ENTRY, "swap_writeout", .args = ONE},
	{"anonpgout", DV_AT_ENTRY, "swap_writepage", .args = ONE},
	{"pgswapin", DV_AT_ENTRY, "swap_read_folio", .args = ONE},
	{"pgswapin", DV_AT_ENTRY, "swap_readpage", .args = ONE},
	{"anonpgin", DV_AT_ENTRY, "swap_read_folio", .args = ONE},
	{"anonpgin", DV_AT_ENTRY, "swap_readpage", .args = ONE},
};

const struct dv_provider dv_prov_vminfo = DV_STABLE("vminfo", rows);
