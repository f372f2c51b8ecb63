/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the kernel's and the user's side of the domain share. */
#ifndef SONDE_PROBES_BLOCK_H
#define SONDE_PROBES_BLOCK_H

#include "base/types.h"

/* This kernel's numbers, from its BTF. */
struct block_cfg {
	u8 op_of[64];        /* REQ_OP_* -> enum sn_blk_op */
	u8 flag_of[32];      /* bit of cmd_flags -> 1 + enum sn_blk_flag; 0 is none of ours */
	u32 preflush;        /* REQ_PREFLUSH */
	u32 fua;             /* REQ_FUA */
	u32 op_flush;        /* REQ_OP_FLUSH */
	u32 status_is_errno; /* block_rq_complete hands an errno, not a blk_status_t */
	u32 max_kept; /* entries of the table of requests, of which some may be of none any more */
};

#endif
