/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the kernel's and the user's side of the domain share. */
#ifndef SONDE_PROBES_VFS_H
#define SONDE_PROBES_VFS_H

#include "schema/event.h"
#include "schema/values.h"

/* What a number of a system call means beside an enum sn_call. */
enum {
	VFS_OTHERS = 252,
	VFS_AIO_SUBMITS = VFS_OTHERS, /* io_submit */
	VFS_AIO_REAPS,                /* io_getevents */
	/*
	 * A successful one changes what files are called, renames and mounts: by the table of the
	 * machine, or by that of 32-bit programs.
	 */
	VFS_MOVES,
	VFS_MOVES_COMPAT,
};

/* The event that rows of a system call are of. */
static inline __attribute__((always_inline)) u32 vfs_slot_of(u32 call)
{
	u32 slot = 0;

#define G(event, calls)              \
	slot = SN_SLOT_##event;      \
	if (call <= SN_LAST_##event) \
		return slot;
	SN_SYSTEM_CALLS(G, )
#undef G
	return slot;
}

/* And of requests. */
static inline __attribute__((always_inline)) u32 vfs_slot_of_request(u32 call)
{
	u32 slot = 0;

#define G(event, calls)                      \
	slot = SN_SLOT_##event;              \
	if (call <= SN_REQUEST_LAST_##event) \
		return slot;
	SN_REQUEST_CALLS(G, )
#undef G
	return slot;
}

#endif
