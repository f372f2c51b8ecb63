/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What a recording takes of the kernel's memory unless it is asked otherwise. */
#ifndef SONDE_SCHEMA_DEFAULTS_H
#define SONDE_SCHEMA_DEFAULTS_H

#define SN_RING_MIB 8          /* of each cpu */
#define SN_TABLE_ENTRIES 16384 /* of each table of requests and threads */

#endif
