/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the kernel's and the user's side of the domain share. */
#ifndef SONDE_PROBES_VFS_H
#define SONDE_PROBES_VFS_H

#include "schema/event.h"
#include "schema/values.h"

/*
 * What a number of a system call means beside an enum sn_call: a successful one changes names,
 * by the table of the machine, or by that of 32-bit programs.
 */
enum {
	VFS_RENAMES = 254,
	VFS_RENAMES_COMPAT,
};

/* The event that rows of a user's call are of: calls stand in the order of events. */
static inline __attribute__((always_inline)) u32 vfs_slot_of(u32 call)
{
	if (call <= SN_CALL_preadv2)
		return SN_SLOT_vfs_read;
	if (call <= SN_CALL_pwritev2)
		return SN_SLOT_vfs_write;
	if (call <= SN_CALL_open_by_handle_at)
		return SN_SLOT_vfs_open;
	return call == SN_CALL_close ? SN_SLOT_vfs_close : SN_SLOT_vfs_fsync;
}

#endif
