/* SPDX-License-Identifier: BSD-2-Clause */
/* Text as JSON strings. Parsing is libjson-c's. */
#ifndef SONDE_BASE_JSON_H
#define SONDE_BASE_JSON_H

#include "base/buf.h"

/*
 * The text in quotes, escaped. A byte that is no part of UTF-8 becomes U+FFFD;
 * false if there was one.
 */
bool json_put_string(struct buf *b, const char *p, size_t len);

#endif
