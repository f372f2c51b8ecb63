/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text as a file holds it. Names come from the kernel as bytes, and Parquet's
 * strings are UTF-8: some readers refuse a whole column for one bad byte. So a
 * byte b that is no UTF-8 is stored as the character U+10FF00 + b, which nobody
 * uses; if somebody does, its bytes are stored that way too, and nothing is lost.
 */
#ifndef SONDE_TRACE_TEXT_H
#define SONDE_TRACE_TEXT_H

#include "base/buf.h"

/* Can the bytes be stored as they are? */
bool text_is_storable(const char *s, size_t len);
/* Appends them in a way that can. */
void text_store(struct buf *to, const char *s, size_t len);

/* Is there something in stored text that stands for a byte? */
bool text_is_escaped(const char *s, size_t len);
/* Appends the bytes that the stored text stands for. */
void text_load(struct buf *to, const char *s, size_t len);

#endif
