/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SONDE_BASE_IO_H
#define SONDE_BASE_IO_H

#include <stddef.h>

/*
 * Writes all of it: by one write(2), unless the system takes only some or a signal comes. 0 or a
 * negative errno.
 */
int io_write_all(int fd, const void *p, size_t n);

#endif
