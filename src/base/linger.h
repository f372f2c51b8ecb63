/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing what the kernel takes its time to close. A process of its own holds the
 * descriptors, and nothing else, and closes them once the caller has: whose own close() is
 * not the last then, and does not wait.
 */
#ifndef SONDE_BASE_LINGER_H
#define SONDE_BASE_LINGER_H

#include "base/types.h"

/*
 * fds is sorted on return. Returns a descriptor that the caller closes after all of them, or a
 * negative errno: then his close() waits.
 */
int linger(int *fds, u32 nr);

/* Waits until no process of this program lingers, for milliseconds: false if one still does. */
bool linger_over(u32 timeout_ms);

#endif
