/* SPDX-License-Identifier: BSD-2-Clause */
/* Hashes for tables in memory. Not for files, not against attackers. */
#ifndef SONDE_BASE_HASH_H
#define SONDE_BASE_HASH_H

#include <string.h>

#include "base/types.h"

static inline u64 hash_u64(u64 v)
{
	v *= 0x9e3779b97f4a7c15ull;
	return v ^ v >> 32;
}

static inline u64 hash_bytes(const void *p, size_t n)
{
	const u8 *b = p;
	u64 h = n, w;

	for (; n >= 8; n -= 8, b += 8) {
		memcpy(&w, b, 8);
		h = hash_u64(h ^ w);
	}
	w = 0;
	memcpy(&w, b, n);
	return hash_u64(h ^ w);
}

#endif
