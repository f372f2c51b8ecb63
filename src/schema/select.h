/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which events the words of a user mean: a domain ("vfs"), an event ("vfs_open") or
 * a glob of events ("proc_*"). What no event has is an error that names what is
 * nearest, never "all".
 */
#ifndef SONDE_SCHEMA_SELECT_H
#define SONDE_SCHEMA_SELECT_H

#include "base/diag.h"
#include "schema/event.h"

_Static_assert(SN_NR_EVENTS <= 64, "a set of events is a bit for each slot in a u64");

/* Dictionaries and bookkeeping are in every trace: they are meant only if they may be named. */
enum select_core {
	SELECT_NO_CORE,
	SELECT_CORE,
};

/* The events of a comma list, as a bit for each slot. -EINVAL if a word means none. */
int select_events(const char *list, enum select_core core, u64 *ret_events, struct diag *d);

/* "STREAM=N": sets nr[slot] to N, which is 1 or more, for the events of one word. */
int select_sample(const char *text, u32 nr[SN_NR_EVENTS], struct diag *d);

#endif
