// SPDX-License-Identifier: BSD-2-Clause
#include "base/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"

#define LOOK_MS 10

/* Those that linger share a lock of their own program's file. Negative where that cannot be opened. */
static int open_lock(void)
{
	return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
}

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Whoever waits for the end of a pipe or of a file must not wait for us. */
static void keep_only(const int *fds, u32 nr, unsigned int first)
{
	for (u32 i = 0; i < nr; i++) {
		if ((unsigned int)fds[i] > first)
			(void)close_range(first, (unsigned int)fds[i] - 1, 0);
		first = (unsigned int)fds[i] + 1;
	}
	(void)close_range(first, UINT_MAX, 0);
}

/*
 * The lock is held, in the place of standard input, until the last close() has returned. The
 * caller's own come first, or they would be the last: the end of his pipe, in the place of
 * standard output, says when.
 */
_Noreturn static void close_behind(const int *fds, u32 nr, int lock, const int before[2])
{
	char c;

	(void)setsid();
	(void)close(before[1]);
	if (dup2(lock, STDIN_FILENO) < 0)
		(void)close(STDIN_FILENO);
	if (dup2(before[0], STDOUT_FILENO) < 0)
		(void)close(STDOUT_FILENO);
	keep_only(fds, nr, STDOUT_FILENO + 1);
	while (read(STDOUT_FILENO, &c, 1) < 0 && errno == EINTR)
		;
	(void)close(STDOUT_FILENO);
	for (u32 i = 0; i < nr; i++)
		(void)close(fds[i]);
	_exit(0);
}

static int start(const int *fds, u32 nr, int lock, const int before[2])
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		/* A grandchild: nobody has to reap it. */
		pid = fork();
		if (pid)
			_exit(pid < 0);
		close_behind(fds, nr, lock, before);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EAGAIN : 0;
}

int linger(int *fds, u32 nr)
{
	_cleanup_(closep) int lock = open_lock();
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	qsort(fds, nr, sizeof(*fds), compare);
	(void)flock(lock, LOCK_SH | LOCK_NB);
	r = start(fds, nr, lock, ends);
	(void)close(ends[0]);
	if (!r)
		return ends[1];
	(void)close(ends[1]);
	return r;
}

bool linger_over(u32 timeout_ms)
{
	int lock = open_lock();
	bool over;

	if (lock < 0)
		return false;
	while (!(over = !flock(lock, LOCK_EX | LOCK_NB)) && errno == EWOULDBLOCK && timeout_ms) {
		u32 ms = MIN(timeout_ms, LOOK_MS);

		(void)usleep(ms * 1000);
		timeout_ms -= ms;
	}
	(void)close(lock);
	return over;
}
