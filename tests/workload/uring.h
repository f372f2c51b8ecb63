/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring without a library: what is written here is what the kernel gets. */
#ifndef SONDE_WORK_URING_H
#define SONDE_WORK_URING_H

#include <linux/io_uring.h>

#include "sonde-work.h"

struct uring {
	int fd;
	struct io_uring_params params;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	unsigned int nr_put; /* since the last uring_submit() */
};

/* flags: IORING_SETUP_*. A kernel without io_uring, or without its threads, skips the workload. */
void uring_open(struct uring *u, unsigned int entries, unsigned int flags);
/* The next request to fill, zeroed. */
struct io_uring_sqe *uring_put(struct uring *u);
/* Hands over what was put, and waits until so many have ended. */
void uring_submit(struct uring *u, unsigned int wait);
/* The next that has ended; false if there is none. */
bool uring_take(struct uring *u, struct io_uring_cqe *ret);

#endif
