/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and lists in text that a user wrote. Every function reads to the last
 * character: what is left over is an error, never ignored.
 */
#ifndef SONDE_BASE_STR_H
#define SONDE_BASE_STR_H

#include "base/types.h"

/* Decimal digits and nothing else. -EINVAL if it is no number, -ERANGE if it is too large. */
int str_to_u64(const char *s, size_t len, u64 *ret);

/* Bytes: digits and perhaps K, M, G or T (or k, m, g, t), powers of 1024. Errors as above. */
int str_to_size(const char *s, size_t len, u64 *ret_bytes);

/*
 * A span of time: digits, a decimal fraction, or both, and ns, us, ms, s, m, h or
 * d. Without a unit the number counts in units of bare_ns; if that is 0, -EINVAL.
 */
int str_to_duration(const char *s, size_t len, u64 bare_ns, u64 *ret_ns);

/*
 * The next item of a comma-separated list in *ret and *ret_len, and *s behind it.
 * Blanks around it are not of it. False at the end. Empty items are items, so that "a,,b" can be refused.
 */
bool str_next_item(const char **s, const char **ret, size_t *ret_len);

/* Does the name match the glob? Only *, ? and [...] are special. */
bool str_glob(const char *glob, size_t glob_len, const char *name);

/*
 * How many slips of the hand make a of b: letters too many, missing, wrong, or two
 * neighbours exchanged; capitals are no slip. UINT32_MAX if one is too long for a name.
 */
u32 str_distance(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
