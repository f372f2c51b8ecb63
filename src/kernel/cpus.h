/* SPDX-License-Identifier: BSD-2-Clause */
/* Cpu numbers, which may have gaps: parsed from /sys/devices/system/cpu. */
#ifndef SONDE_KERNEL_CPUS_H
#define SONDE_KERNEL_CPUS_H

#include "base/types.h"

/* Parses a list like "0-3,8" into *ret (to be freed). The number of cpus or a negative errno. */
int cpus_parse(const char *text, u32 **ret);
int cpus_online(u32 **ret);
/* The largest number a cpu can have. */
u32 cpus_max(void);

#endif
