/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that is compressed while it is written. */
#ifndef SONDE_SINK_PACKED_H
#define SONDE_SINK_PACKED_H

#include "base/diag.h"

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD };

struct packed;

/* fd stays the caller's. -ENOMEM. */
int packed_open(int fd, enum packing how, struct packed **ret);
/* 0 or negative errno with a sentence. */
int packed_write(struct packed *p, const void *data, size_t len, struct diag *d);
/* Ends the file and frees; takes NULL. */
int packed_close(struct packed *p, struct diag *d);

#endif
