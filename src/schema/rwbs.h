/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The letters by which the kernel's block tracepoints, and tools that show them,
 * describe a request: "WS" is a synchronous write.
 */
#ifndef SONDE_SCHEMA_RWBS_H
#define SONDE_SCHEMA_RWBS_H

#include "base/buf.h"
#include "schema/values.h"

/* In the kernel's own order; what has no letter is left out. */
void rwbs_put(struct buf *b, enum sn_blk_op op, u32 flags);

/*
 * The operation and the set of flags. A first F before another operation is
 * preflush; an F behind it is fua. -EINVAL if a letter is not known.
 */
int rwbs_parse(const char *text, enum sn_blk_op *ret_op, u32 *ret_flags);

#endif
