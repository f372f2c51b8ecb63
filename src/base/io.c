// SPDX-License-Identifier: BSD-2-Clause
#include "base/io.h"

#include <errno.h>
#include <unistd.h>

int io_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	ssize_t r;

	for (; n; at += r, n -= (size_t)r) {
		r = write(fd, at, n);
		if (r < 0 && errno == EINTR)
			r = 0;
		else if (r <= 0)
			return r < 0 ? -errno : -EIO;
	}
	return 0;
}
