/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a trace directory are called. */
#ifndef SONDE_TRACE_NAMES_H
#define SONDE_TRACE_NAMES_H

#include "base/macro.h"

#define NAMES_MANIFEST "manifest.json"
#define NAMES_MANIFEST_NEW ".manifest.json.new"
/* Room that is kept for the end of a recording. */
#define NAMES_RESERVE ".reserve.new"
/* Number of a part, in the folder of its event; and what it is called until it is complete. */
#define NAMES_PART "%04u.parquet"
#define NAMES_PART_NEW ".%04u.parquet.new"
enum { NAMES_MAX = 64 }; /* of one of these, its NUL included */

/* The number of the part of this name; false if it is none. */
static inline bool names_parse_part(const char *name, u32 *ret_number)
{
	u32 number = 0, i;

	for (i = 0; name[i] >= '0' && name[i] <= '9' && i < 9; i++)
		number = number * 10 + (u32)(name[i] - '0');
	if (i < 4 || __builtin_strcmp(name + i, ".parquet"))
		return false;
	*ret_number = number;
	return true;
}

/* What a recording that was cut off did not take away: ".0001.parquet.new". */
static inline bool names_is_leftover(const char *name)
{
	size_t len = __builtin_strlen(name), end = sizeof(".new") - 1;

	return name[0] == '.' && len > end && !__builtin_strcmp(name + len - end, ".new");
}

#endif
