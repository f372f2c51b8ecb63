// SPDX-License-Identifier: BSD-2-Clause
#include "uring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static void *map_ring(const struct uring *u, size_t size, off_t what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd, what);

	if (p == MAP_FAILED)
		die("cannot map a ring");
	return p;
}

static unsigned int *at(char *ring, unsigned int offset)
{
	return (unsigned int *)(ring + offset);
}

void uring_open(struct uring *u, unsigned int entries, unsigned int flags)
{
	struct io_uring_params *p = &u->params;

	*u = (struct uring){ .params.flags = flags };
	u->fd = (int)SYS(SYS_io_uring_setup, entries, p);
	if (u->fd < 0 || !(p->features & IORING_FEAT_NATIVE_WORKERS))
		skip("this kernel has no io_uring, or no threads of the process for it");
	u->sq = map_ring(u, p->sq_off.array + p->sq_entries * sizeof(unsigned int),
			 IORING_OFF_SQ_RING);
	u->cq = map_ring(u, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
			 IORING_OFF_CQ_RING);
	u->sqes = map_ring(u, p->sq_entries * sizeof(*u->sqes), IORING_OFF_SQES);
}

struct io_uring_sqe *uring_put(struct uring *u)
{
	unsigned int mask = *at(u->sq, u->params.sq_off.ring_mask);
	unsigned int tail = *at(u->sq, u->params.sq_off.tail) + u->nr_put++;
	struct io_uring_sqe *sqe = &u->sqes[tail & mask];

	at(u->sq, u->params.sq_off.array)[tail & mask] = tail & mask;
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

void uring_submit(struct uring *u, unsigned int wait)
{
	unsigned int *tail = at(u->sq, u->params.sq_off.tail);
	unsigned int flags = wait ? IORING_ENTER_GETEVENTS : 0, nr = u->nr_put;
	s64 ret;

	__atomic_store_n(tail, *tail + nr, __ATOMIC_RELEASE);
	u->nr_put = 0;
	if (u->params.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	do {
		ret = SYS(SYS_io_uring_enter, u->fd, nr, wait, flags);
	} while (ret == -EINTR);
	if (ret != nr)
		die("of %u requests io_uring took %lld", nr, (long long)ret);
}

bool uring_take(struct uring *u, struct io_uring_cqe *ret)
{
	unsigned int *head = at(u->cq, u->params.cq_off.head);
	unsigned int mask = *at(u->cq, u->params.cq_off.ring_mask);

	if (*head == __atomic_load_n(at(u->cq, u->params.cq_off.tail), __ATOMIC_ACQUIRE))
		return false;
	*ret = ((struct io_uring_cqe *)(u->cq + u->params.cq_off.cqes))[*head & mask];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}
